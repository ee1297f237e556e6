"""Makes QloApps charge the house's prices, by price rules of ours; those of others are told and never touched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from time import perf_counter
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.channel_sync import ari_repository, ari_work, attention, giving_way, rates_out, repository
from innkeeper.channel_sync.availability_out import PushOptions, window_of
from innkeeper.channel_sync.connection import Link
from innkeeper.channel_sync.logs import milliseconds_since
from innkeeper.channel_sync.rates_out import Change, Price
from innkeeper.channel_sync.result import SyncResult
from innkeeper.channel_sync.tables import SyncLog, TypeState
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.channel import PriceTerms, RateDraft, RateRule
from innkeeper.domain.outcome import Done, Later, Outcome, Refused
from innkeeper.house import properties, rates
from innkeeper.house.tables import Property

#: How often one push reads the rules of a type again, because they are not as they were.
ROUNDS = 3

_MOVED = frozenset({"RATE_OVERLAPS", "NOT_FOUND"})

#: Remembered as told where the limits differ from night to night, which QloApps cannot hold.
_MIXED = (0, 0)

#: No house has this price: a rule of ours that does not do what it says is never what is wanted.
_UNSOUND = Decimal(-1)


@dataclass(slots=True)
class TypePrices:
    """What a room type shall cost: the house's price of each night; its limits of stay where all nights share them."""

    room_type_id: UUID
    name: str
    product_id: int
    prices: list[Decimal]
    limits: tuple[int, int] | None
    tax_rate: Decimal | None = None
    rules: dict[int, Price] = field(default_factory=dict)
    known: bool = False
    foreign: list[Any] = field(default_factory=list)
    limits_told: tuple[int | None, int | None] = (None, None)
    #: What was changed there in this push.
    sent: list[Change] = field(default_factory=list)


@dataclass(slots=True)
class _Push:
    """One push while it lasts."""

    link: Link
    options: PushOptions
    result: SyncResult
    house: Property
    start: date
    terms: PriceTerms | None = None


async def type_prices(session: AsyncSession, link: Link, house: Property, options: PushOptions) -> list[TypePrices]:
    """Return what each mapped type shall cost, and what is remembered of it."""
    start, end = window_of(house)
    pairs = await ari_repository.outward_types(
        session, link.property_id, link.config.qloapps_hotel_id, options.room_type_ids
    )
    states = await ari_repository.type_states(session, link.property_id)
    nights = await rates.window(session, [kind for kind, _ in pairs], start, end)
    length = (end - start).days
    found = []
    for number, (kind, product_id) in enumerate(pairs):
        own = nights[number * length : (number + 1) * length]
        limits = {(night.min_stay, night.max_stay) for night in own}
        one = TypePrices(
            kind.id, kind.name, product_id, [night.price for night in own], limits.pop() if len(limits) == 1 else None
        )
        _recall(one, states.get(kind.id))
        found.append(one)
    return found


def _recall(kind: TypePrices, state: TypeState | None) -> None:
    if state is None:
        return
    kind.tax_rate = Decimal(state.tax_rate) if state.tax_rate is not None else None
    kind.rules = {int(rule[0]): Price.from_json(rule[1:]) for rule in state.rules}
    kind.known, kind.foreign = state.rules_known, list(state.foreign_rules)
    kind.limits_told = (state.min_stay, state.max_stay)


async def push_rates(link: Link, options: PushOptions, result: SyncResult) -> Outcome[Any]:
    """Make QloApps charge the house's prices. Costs no request where nothing has changed since the last push.

    A shop in another currency is refused before anything is sent, and a person is told. The outcome is Done then too:
    nobody is helped by sending it again.
    """
    before = link.connector.requests_made
    if not link.may_write and not options.dry_run:
        return Done(f"the connection is in {link.config.mode}, not live")
    try:
        return await _push(link, options, result)
    finally:
        result.requests += link.connector.requests_made - before


async def _push(link: Link, options: PushOptions, result: SyncResult) -> Outcome[Any]:
    async with link.database.read() as session:
        house = await properties.get(session, link.property_id)
        kinds = await type_prices(session, link, house, options)
    push = _Push(link, options, result, house, window_of(house)[0])
    told = link.config.shop_facts.get("currency")
    if told and told != house.currency and not (options.full or options.look):
        return await _refuse_currency(push, str(told))
    todo = [kind for kind in kinds if options.full or not _settled(push, kind)]
    for _ in range(len(kinds) - len(todo)):
        result.count("skip")
    suspicious = bool(told) and told != house.currency
    if not todo and not suspicious:
        return Done(result)
    if suspicious or not told or options.full or any(kind.tax_rate is None for kind in todo):
        answer = await link.connector.price_terms()
        if not isinstance(answer, Done):
            return answer
        push.terms = answer.value
        await _keep_currency(push, answer.value.currency)
        if answer.value.currency != house.currency:
            return await _refuse_currency(push, answer.value.currency)
        for kind in todo:
            kind.tax_rate = answer.value.tax_rates.get(kind.product_id, house.tax_rate)
    return await _push_types(push, todo)


async def read_prices(link: Link) -> Outcome[list[tuple[TypePrices, list[Price], date]]]:
    """Read the rules of every mapped type; each comes with the prices that it shall have and the first night of them.

    Nothing is returned for a shop in another currency, whose prices mean something else.
    """
    async with link.database.read() as session:
        house = await properties.get(session, link.property_id)
        kinds = await type_prices(session, link, house, PushOptions())
    push = _Push(link, PushOptions(full=True), SyncResult(), house, window_of(house)[0])
    terms = await link.connector.price_terms()
    if not isinstance(terms, Done):
        return terms
    await _keep_currency(push, terms.value.currency)
    if terms.value.currency != house.currency or not kinds:
        return Done([])
    for kind in kinds:
        kind.tax_rate = terms.value.tax_rates.get(kind.product_id, house.tax_rate)
    answer = await _read_rules(push, kinds, strict=False)
    if not isinstance(answer, Done):
        return answer
    return Done([(kind, _wanted(push, kind), push.start) for kind in kinds])


def _settled(push: _Push, kind: TypePrices) -> bool:
    """Whether everything that the type shall have stands there, as far as is remembered."""
    if not kind.known or kind.tax_rate is None:
        return False
    if kind.limits_told != (kind.limits or _MIXED):
        return False
    return not rates_out.changes(kind.rules, _wanted(push, kind), push.start)


def _wanted(push: _Push, kind: TypePrices) -> list[Price]:
    tax_rate = kind.tax_rate if kind.tax_rate is not None else push.house.tax_rate
    cache: dict[Decimal, Decimal] = {}
    for price in kind.prices:
        if price not in cache:
            cache[price] = rates_out.net_price(price, tax_included=push.house.tax_included, tax_rate=tax_rate)
    taken = [(date.fromisoformat(rule[2]), date.fromisoformat(rule[3])) for rule in kind.foreign]
    return rates_out.runs(push.start, [cache[price] for price in kind.prices], taken)


async def _push_types(push: _Push, todo: Sequence[TypePrices]) -> Outcome[Any]:
    unknown = [kind for kind in todo if push.options.full or not kind.known]
    answer = await _read_rules(push, unknown, strict=False)
    if not isinstance(answer, Done):
        return answer
    connector = push.link.connector
    for kind in todo:
        before = connector.requests_made
        outcome = await _push_type(push, kind)
        if not isinstance(outcome, Done):
            return outcome
        # what was sent is remembered, so that whoever goes on begins behind it
        spoke, last = connector.requests_made > before, kind is todo[-1]
        if spoke and not last and await giving_way.must_step_aside(push.link, ari_work.PRIORITY[ari_work.RATES]):
            return giving_way.STEPPED_ASIDE
    return Done(push.result)


async def _read_rules(push: _Push, kinds: Sequence[TypePrices], *, strict: bool) -> Outcome[Any]:
    """Read which rules stand there. `strict` also leaves the nights of rules alone that others keep switched off."""
    if not kinds:
        return Done(None)
    answer = await push.link.connector.rate_rules([kind.product_id for kind in kinds])
    if not isinstance(answer, Done):
        return answer
    end = push.start + timedelta(days=len(kinds[0].prices))
    for kind in kinds:
        rules = [rule for rule in answer.value if rule.room_type_id == kind.product_id]
        kind.rules = {rule.rule_id: _standing(rule) for rule in rules if rule.ours}
        kind.foreign = [
            [rule.rule_id, rule.name, rule.first.isoformat(), rule.last.isoformat()]
            for rule in rules
            if not rule.ours and rule.last >= push.start and rule.first < end and (strict or not rule.idle)
        ]
        kind.known = True
    return answer


def _standing(rule: RateRule) -> Price:
    return Price(rule.first, rule.last, rule.net if rule.sound else _UNSOUND)


async def _push_type(push: _Push, kind: TypePrices) -> Outcome[Any]:
    refused: set[Price] = set()
    begun = perf_counter()
    for number in range(ROUNDS):
        wanted = [price for price in _wanted(push, kind) if price not in refused]
        todo = rates_out.changes(kind.rules, wanted, push.start)
        if push.options.dry_run:
            _tell(push, kind, todo)
            return Done(push.result)
        answer = await _send(push, kind, todo)
        if isinstance(answer, Done):
            break
        if not (isinstance(answer, Refused) and answer.code in _MOVED):
            return answer
        again = await _read_rules(push, [kind], strict=True)
        if not isinstance(again, Done):
            return again
        if number and kind.rules is not None:
            # a rule that the list does not tell of, such as one for a single cart, stands on these nights
            blocked = next((c.price for c in todo if c.what != "delete" and c.price not in kind.rules.values()), None)
            refused |= {blocked} if blocked else set()
    else:
        return Later("price rules of others change while ours are sent", code="RATE_OVERLAPS")
    limits = await _set_limits(push, kind)
    if not isinstance(limits, Done):
        return limits
    await _remember(push, kind, milliseconds_since(begun))
    return Done(push.result)


async def _send(push: _Push, kind: TypePrices, todo: Sequence[Change]) -> Outcome[Any]:
    """Send the changes. What is remembered is in doubt from before the first until after the last."""
    if not todo:
        push.result.count("skip")
        return Done(None)
    async with push.link.database.write() as tx:
        state = await ari_repository.type_state(tx.session, push.link.property_id, kind.room_type_id)
        state.rules_known = False
    for change in todo:
        answer = await _send_one(push, kind, change)
        if not isinstance(answer, Done):
            if not (isinstance(answer, Refused) and answer.code in _MOVED):
                push.result.count("fail")
                push.result.fail(f"{kind.name}: {answer.message if isinstance(answer, Refused) else answer.reason}")
            return answer
        kind.sent.append(change)
        push.result.count({"make": "create"}.get(change.what, "update"))
        push.result.act(**_said(kind, change))
    return Done(None)


async def _send_one(push: _Push, kind: TypePrices, change: Change) -> Outcome[Any]:
    connector = push.link.connector
    price = change.price
    draft = RateDraft(kind.product_id, price.first, price.last, price.net)
    if change.what == "delete":
        answer: Outcome[Any] = await connector.delete_rate(change.rule_id)
        if isinstance(answer, Done):
            kind.rules.pop(change.rule_id, None)
        return answer
    if change.what == "change":
        answer = await connector.change_rate(change.rule_id, draft)
    else:
        answer = await connector.make_rate(draft)
    if isinstance(answer, Done):
        kind.rules[answer.value.rule_id] = price
    return answer


async def _set_limits(push: _Push, kind: TypePrices) -> Outcome[Any]:
    """Set minimum and maximum stay where one pair holds for all nights, which is all that QloApps can hold."""
    if kind.limits is None:
        kind.limits_told = _MIXED
        return Done(None)
    if kind.limits == kind.limits_told and not push.options.full:
        return Done(None)
    answer: Outcome[Any] = await _keep_found(push, kind.product_id, kind.limits)
    if isinstance(answer, Done):
        answer = await push.link.connector.set_stay_limits(kind.product_id, *kind.limits)
    if isinstance(answer, Refused):
        push.result.fail(f"{kind.name}: {answer.message}")
        return Done(None)  # prices stand; the rest needs a right that the key may lack
    if isinstance(answer, Done):
        kind.limits_told = kind.limits
    return answer


async def _keep_found(push: _Push, product_id: int, wanted: tuple[int, int]) -> Outcome[Any]:
    """Remember the limits that stand there, to give them back when the type is sent no more."""
    answer = await push.link.connector.stay_limits([product_id])
    if not isinstance(answer, Done) or answer.value.get(product_id) == wanted:
        return answer
    answer = await push.link.connector.stay_limits([product_id], fresh=True)
    if isinstance(answer, Done) and answer.value.get(product_id, wanted) != wanted:
        found = answer.value[product_id]
        async with push.link.database.write() as tx:
            await ari_repository.keep_limits(tx.session, push.link.property_id, product_id, found, wanted)
    return answer


async def _remember(push: _Push, kind: TypePrices, milliseconds: int) -> None:
    link, key = push.link, str(kind.product_id)
    async with link.database.write() as tx:
        state = await ari_repository.type_state(tx.session, link.property_id, kind.room_type_id)
        state.rules = [[rule_id, *price.to_json()] for rule_id, price in sorted(kind.rules.items())]
        state.rules_known, state.rules_at = True, utc_now()
        state.foreign_rules = kind.foreign
        state.tax_rate = f"{kind.tax_rate:f}" if kind.tax_rate is not None else None
        state.min_stay, state.max_stay = kind.limits_told
        if kind.limits is not None and kind.limits_told == kind.limits:
            await ari_repository.settle_limits(tx.session, link.property_id, kind.product_id, kind.limits)
        if kind.foreign:
            names = ", ".join(
                f"{name or 'without a name'} ({first} to {last})" for _, name, first, last in kind.foreign
            )
            await attention.open_cause(tx, link.property_id, "foreign_rate", key, name=kind.name, detail=names)
        else:
            await attention.close_cause(tx, link.property_id, "foreign_rate", key)
        if kind.limits is None:
            await attention.open_cause(tx, link.property_id, "stay_limits", key, name=kind.name)
        else:
            await attention.close_cause(tx, link.property_id, "stay_limits", key)
        tx.session.add(_log(push, kind, milliseconds))


def _log(push: _Push, kind: TypePrices, milliseconds: int) -> SyncLog:
    return SyncLog(
        property_id=push.link.property_id,
        sync_state_id=push.result.sync_id,
        sync_type="qloapps_rates_outbound",
        direction="outbound",
        entity_type="room_type",
        local_entity_id=kind.room_type_id,
        qloapps_entity_id=kind.product_id,
        operation="update" if kind.sent else "skip",
        success=True,
        duration_ms=milliseconds,
        request_data={
            "room_type_id": kind.product_id,
            "tax_rate": f"{kind.tax_rate:f}" if kind.tax_rate is not None else None,
            "changes": [[change.what, change.rule_id or None, *change.price.to_json()] for change in kind.sent],
        },
        response_data={
            "rules": [[rule_id, *price.to_json()] for rule_id, price in sorted(kind.rules.items())],
            "foreign": kind.foreign,
        },
    )


async def _refuse_currency(push: _Push, currency: str) -> Outcome[Any]:
    sentence = f"The shop sells in {currency} and the house in {push.house.currency}; no price is sent."
    push.result.fail(sentence)
    if not push.options.dry_run:
        async with push.link.database.write() as tx:
            await attention.open_cause(
                tx, push.link.property_id, "shop_currency", "rates", currency=currency, ours=push.house.currency
            )
    return Done("refused: another currency")


async def _keep_currency(push: _Push, currency: str) -> None:
    """Keep what the shop says its currency is, and close the cause when it is ours (again)."""
    async with push.link.database.write() as tx:
        config = await repository.config(tx.session, push.link.property_id)
        if config is not None and config.shop_facts.get("currency") != currency:
            config.shop_facts = {**config.shop_facts, "currency": currency}
        if currency == push.house.currency:
            await attention.close_cause(tx, push.link.property_id, "shop_currency", "rates")


def _tell(push: _Push, kind: TypePrices, todo: Sequence[Change]) -> None:
    for change in todo:
        push.result.count({"make": "create"}.get(change.what, "update"))
        push.result.act(**_said(kind, change))
    if not todo:
        push.result.count("skip")


def _said(kind: TypePrices, change: Change) -> dict[str, Any]:
    words: Mapping[str, str] = {"make": "price rule", "change": "change price rule", "delete": "delete price rule"}
    return {
        "action": words[change.what],
        "room_type": kind.name,
        "start": change.price.first.isoformat(),
        "end": (change.price.last + timedelta(days=1)).isoformat(),
        "net": f"{change.price.net:f}",
    }
