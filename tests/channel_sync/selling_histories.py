"""Histories of rooms and prices: what the house edits and what others do there, told beside all that bookings do."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import select

from innkeeper.channel_sync import ari_repository, repository, room_types, settings
from innkeeper.channel_sync.availability_out import type_windows, window_of
from innkeeper.channel_sync.work import queue_poll
from innkeeper.domain.errors import InnkeeperError
from innkeeper.domain.ids import DEFAULT_PROPERTY
from innkeeper.house import properties, rates, rooms
from innkeeper.house.tables import Maintenance
from innkeeper.simulators.qloapps.actors import Stay
from innkeeper.simulators.qloapps.prices import FIXED, cents, night_price, tax_percent
from innkeeper.simulators.qloapps.state import ShopState
from tests.channel_sync.histories import History, Play, Step, Talk, histories
from tests.channel_sync.mortal import POINTS
from tests.channel_sync.world import DOUBLE, SUITE, day

#: Nights that are compared; histories happen on the first dozen of them.
NIGHTS = 20

#: So many rounds of polls and pushes bring any history to rest.
ROUNDS = 12

MARK = "innkeeper-block:"

_SWITCHES = ("sync_enabled", "sync_availability", "sync_rates")

_KINDS = st.sampled_from([DOUBLE, DOUBLE, SUITE])
_SPANS = st.tuples(st.integers(0, 8), st.integers(1, 5)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def _step(what: str, **values: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.builds(Step, st.just(f"sell {what}"), st.integers(0, 3), st.fixed_dictionaries(values))


_EDITS = st.one_of(
    _step("closes rooms", kind=_KINDS, nights=_SPANS, units=st.integers(1, 2)),
    _step("opens rooms"),
    _step("sets price", kind=_KINDS, nights=_SPANS, price=st.sampled_from(["99.90", "120.00", "145.50"])),
    _step("stops sale", kind=_KINDS, nights=_SPANS, closed=st.booleans()),
    _step("prices type", kind=_KINDS, price=st.sampled_from(["110.00", "130.00"])),
    _step("limits stays", kind=_KINDS, longest=st.sampled_from([9, 14])),
    _step("staff limits stays", kind=_KINDS, longest=st.sampled_from([20, 30])),
    _step("stranger blocks", kind=_KINDS, nights=_SPANS),
    _step("stranger unblocks"),
    _step("stranger prices", kind=_KINDS, nights=_SPANS),
    _step("staff closes room", number=st.integers(0, 3), active=st.booleans()),
    _step("day passes"),
    _step("switches", name=st.sampled_from(_SWITCHES), on=st.booleans()),
    _step("unmaps", kind=_KINDS),
    _step("maps", kind=_KINDS, direction=st.sampled_from(room_types.DIRECTIONS)),
)
_PUSHES = st.builds(
    Talk,
    st.sampled_from(["availability", "rates", "work", "all"]),
    st.just({})
    | st.dictionaries(
        st.integers(0, 9),
        st.sampled_from(["error_after", "drop_before", "drop_after", "truncate", "duplicate", "late", "too_many"]),
        max_size=3,
    ),
    st.none() | st.tuples(st.sampled_from(POINTS), st.integers(0, 14)),
)


@st.composite
def selling_histories(draw: st.DrawFn, most: int = 12) -> History:
    """Draw a history of bookings with edits of rooms and prices between."""
    history = draw(histories(6))
    steps = list(history.steps)
    for step in draw(st.lists(st.one_of(_EDITS, _EDITS, _PUSHES), min_size=3, max_size=most)):
        steps.insert(draw(st.integers(0, len(steps))), step)
    return replace(history, steps=tuple(steps))


class SellingPlay(Play):
    """A history in a world that pushes rooms and prices."""

    #: Rows of strangers as they were made: nobody of ours may ever touch them.
    lines: dict[int, tuple[Any, ...]]
    rules: dict[int, Mapping[str, Any]]
    #: Shortest and longest stay of each type as the shop's staff set them last.
    limits: dict[int, tuple[int, int]]

    async def open(self) -> None:
        """Start the first process, and push from the beginning."""
        await super().open()
        self.lines, self.rules = {}, {}
        self.limits = {kind: limits_there(self.shop.state, kind) for kind in (DOUBLE, SUITE)}
        async with self.world.database.write() as tx:
            config = await repository.config(tx.session, DEFAULT_PROPERTY)
            assert config is not None
            config.sync_availability = config.sync_rates = True

    async def _talk(self, how: str) -> None:
        if how in ("availability", "rates", "all"):
            await self.world.sync(how)
        else:
            await super()._talk(how)

    async def act(self, step: Step) -> None:
        """Let somebody do something; what the house refuses does not happen."""
        if not step.what.startswith("sell "):
            await super().act(step)
            return
        try:
            await getattr(self, "_" + step.what.removeprefix("sell ").replace(" ", "_"))(step.which, **step.values)
        except InnkeeperError:
            pass

    # what the house does

    async def _closes_rooms(self, _: int, kind: int, nights: tuple[int, int], units: int) -> None:
        world = self.world
        async with world.database.write() as tx:
            await rooms.add_maintenance(
                tx,
                world.property_id,
                start=day(nights[0]),
                end=day(nights[1]),
                room_type_id=world.types[kind],
                units=units,
            )

    async def _opens_rooms(self, which: int) -> None:
        world = self.world
        async with world.database.write() as tx:
            found = (await tx.session.scalars(select(Maintenance.id).order_by(Maintenance.created_at))).all()
            if found:
                await rooms.end_maintenance(tx, world.property_id, found[which % len(found)])

    async def _put(self, kind: int, nights: tuple[int, int], values: Mapping[str, Any]) -> None:
        world = self.world
        async with world.database.write() as tx:
            house = await properties.get(tx.session, world.property_id)
            await rates.put(tx, house, world.types[kind], day(nights[0]), day(nights[1]), values)

    async def _sets_price(self, _: int, kind: int, nights: tuple[int, int], price: str) -> None:
        await self._put(kind, nights, {"price": Decimal(price)})

    async def _stops_sale(self, _: int, kind: int, nights: tuple[int, int], closed: bool) -> None:
        await self._put(kind, nights, {"closed": closed})

    async def _prices_type(self, _: int, kind: int, price: str) -> None:
        world = self.world
        async with world.database.write() as tx:
            await rooms.update_room_type(tx, world.property_id, world.types[kind], {"price_per_night": Decimal(price)})

    async def _limits_stays(self, _: int, kind: int, longest: int) -> None:
        world = self.world
        async with world.database.write() as tx:
            await rooms.update_room_type(tx, world.property_id, world.types[kind], {"max_stay": longest})

    async def _switches(self, _: int, name: str, on: bool) -> None:
        await settings.save(self.world.channels, DEFAULT_PROPERTY, {name: on})

    async def _unmaps(self, _: int, kind: int) -> None:
        async with self.world.database.write() as tx:
            for mapping in await repository.room_type_mappings(tx.session, DEFAULT_PROPERTY):
                if mapping.qloapps_product_id == kind:
                    await room_types.delete_mapping(tx, mapping)

    async def _maps(self, _: int, kind: int, direction: str) -> None:
        world = self.world
        async with world.database.write() as tx:
            await room_types.create_mapping(tx, DEFAULT_PROPERTY, world.types[kind], kind, 1, direction)

    async def _day_passes(self, _: int) -> None:
        self.clock.advance(86_400)
        async with self.world.database.write() as tx:
            house = await properties.get(tx.session, DEFAULT_PROPERTY)
            house.business_date = min(house.business_date + timedelta(days=1), day(3))

    # what strangers do there

    async def _stranger_blocks(self, which: int, kind: int, nights: tuple[int, int]) -> None:
        state = self.shop.state
        free = state.free_rooms_between(kind, day(nights[0]).toordinal(), day(nights[1]).toordinal())
        if not free:
            return
        order = state.back_office.book(Stay(kind, day(nights[0]), day(nights[1]), id_room=free[which % len(free)]))
        (line,) = state.lines_of(order)
        del state.orders[order.id]
        line.id_order, line.comment = 0, "somebody else"
        self.lines[line.id] = _frozen(line)

    async def _stranger_unblocks(self, which: int) -> None:
        if self.lines:
            number = sorted(self.lines)[which % len(self.lines)]
            del self.lines[number]
            self.shop.state.remove_line(self.shop.state.lines[number])

    async def _stranger_prices(self, _: int, kind: int, nights: tuple[int, int]) -> None:
        state = self.shop.state
        first, last = day(nights[0]).isoformat(), day(nights[1]).isoformat()
        dates = {
            "date_from": first,
            "date_to": last,
            "date_selection_type": 1,
            "is_special_days_exists": 0,
            "special_days": "[]",
        }
        if any(self._overlaps(rule, first, last) for rule in state.rates_of_type.get(kind, ())):
            return  # the shop's own screens refuse it as its web service does
        number = state.new_id("feature_prices")
        restricted = state.version.restrictions_on_rates
        state.feature_prices[number] = {
            "id": number,
            "id_product": kind,
            **dict.fromkeys(("id_cart", "id_guest", "id_room"), 0),
            "impact_way": FIXED,
            "impact_type": 2,
            "impact_value": Decimal(66),
            "active": 1,
            "date_add": state.now(),
            "date_upd": state.now(),
            "feature_price_name": {1: "Somebody else"},
            "groups": (1, 2, 3),
            "restrictions": [{"id": state.new_id("restrictions"), **dates}] if restricted else [],
            **({} if restricted else dates),
        }
        state.index_rooms()
        self.rules[number] = dict(state.feature_prices[number])

    @staticmethod
    def _overlaps(rule: Mapping[str, Any], first: str, last: str) -> bool:
        spans = rule["restrictions"] or [rule]
        return any(span["date_from"] <= last and first <= span["date_to"] for span in spans)

    async def _staff_closes_room(self, _: int, number: int, active: bool) -> None:
        state = self.shop.state
        state.back_office.close_room(sorted(state.hotel_rooms)[number % len(state.hotel_rooms)], active=active)

    async def _staff_limits_stays(self, _: int, kind: int, longest: int) -> None:
        self.shop.state.type_of_product[kind].update(min_los=1, max_los=longest)
        self.limits[kind] = (1, longest)


def limits_there(state: ShopState, product: int) -> tuple[int, int]:
    """Return the shortest and longest stay that the shop takes."""
    row = state.type_of_product[product]
    return row["min_los"], row["max_los"]


def _frozen(line: Any) -> tuple[Any, ...]:
    return (line.id_room, line.date_from, line.date_to, line.is_refunded, line.comment)


async def rest(play: SellingPlay) -> None:
    """Let time pass without faults until a round sends nothing. Fails when that never happens."""
    world = play.world
    await settings.save(world.channels, DEFAULT_PROPERTY, dict.fromkeys(_SWITCHES, True))
    await play.shop.settle()
    hidden = any(order.hidden for order in world.orders())
    for number in range(ROUNDS):
        written = len(play.wire.writes)
        world.clock.advance(4000)
        async with world.database.write() as tx:
            await queue_poll(tx, world.property_id)
        await world.work()
        if hidden:
            await world.sync("inbound", full=True)
        await world.sync("all")
        if number < 2:  # the nightly sweep has been once; what others did to our own rows is seen by it alone
            await world.sync("availability", full=True)
            await world.sync("rates", full=True)
        await world.work()
        if number > 2 and play.wire.writes[written:] == []:
            return
    raise AssertionError(f"no rest: {play.wire.writes[written:]} was sent although nobody did anything")


async def check(play: SellingPlay) -> None:
    """Assert that the shop sells what the house has left, at its prices, and that nothing of strangers was touched."""
    await rest(play)
    world, state = play.world, play.shop.state
    link = await world.channels.link(world.property_id)
    async with world.database.read() as session:
        house = await properties.get(session, world.property_id)
        kinds = await type_windows(session, link, house)
        first, _ = window_of(house)
        rows = await ari_repository.blocks(session, world.property_id)
        prices = {
            kind.product_id: await rates.window(
                session,
                [await rooms.room_type(session, world.property_id, kind.room_type_id)],
                first,
                first + timedelta(days=NIGHTS),
            )
            for kind in kinds
        }
    factor = 1 if house.tax_included else 1 + house.tax_rate / 100
    for kind in kinds:
        (mine,) = {(night.min_stay, night.max_stay) for night in prices[kind.product_id]}
        assert limits_there(state, kind.product_id) == mine, "limits of stay are not the house's"
        for n in range(NIGHTS):
            night = first + timedelta(days=n)
            free, without = (
                len(state.free_rooms(kind.product_id, night)),
                free_without_us(state, kind.product_id, night),
            )
            assert free == min(kind.wanted[n], without), (kind.name, night, free, kind.wanted[n], without)
            if not priced_by_others(play, kind.product_id, night):
                tax = 1 + tax_percent(state, kind.product_id) / 100
                paid = cents(night_price(state, kind.product_id, night.toordinal()) * tax)
                assert paid == cents(prices[kind.product_id][n].price * factor), (kind.name, night, paid)
    sent = {kind.product_id for kind in kinds}
    # a block that somebody took off the lists and moved to a type of which nothing is read cannot be found
    standing = [
        line
        for line in ours(state)
        if line.id_product in sent or not line.id_order or not state.orders[line.id_order].hidden
    ]
    assert {line.id_product for line in standing} <= sent, "a block stands at a type that is not sent"
    rules = [rule for rule in state.feature_prices.values() if rule["feature_price_name"][1] == "innkeeper-rate"]
    assert {rule["id_product"] for rule in rules} <= sent, "a price rule stands at a type that is not sent"
    for product in {DOUBLE, SUITE} - sent:
        assert limits_there(state, product) == play.limits[product], "limits of stay of ours were left"
    for number, before in play.lines.items():
        assert _frozen(state.lines[number]) == before, "a stranger's block was touched"
    for number, rule in play.rules.items():
        assert state.feature_prices[number] == rule, "a stranger's rule was touched"
    assert {row.line_id for row in rows} == {line.id for line in standing if line.date_to[:10] > str(first)}
    for what in ("availability", "rates"):
        result = await world.sync(what)
        assert result.requests == 0, f"a push of no {what} cost {result.requests} requests"


def ours(state: ShopState) -> list[Any]:
    """Return the lines of our blocks that hold a room."""
    marked = {order.id for order in state.orders.values() if order.source.startswith(MARK)}
    return [
        line
        for line in state.lines.values()
        if not line.is_refunded and (line.id_order in marked or (not line.id_order and line.comment.startswith(MARK)))
    ]


def free_without_us(state: ShopState, product: int, night: Any) -> int:
    """Return how many rooms would be free if none of our blocks stood."""
    mine = {line.id for line in ours(state)}
    return sum(
        state.sellable(room) and all(line.id in mine for line in state.holders(room, night))
        for room in state.rooms_of_type[product]
    )


def priced_by_others(play: SellingPlay, product: int, night: Any) -> bool:
    """Whether a stranger's rule decides the price of the night."""
    return any(
        rule["id_product"] == product and play._overlaps(rule, str(night), str(night)) for rule in play.rules.values()
    )
