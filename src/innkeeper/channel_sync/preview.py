"""Shows, type by type and night by night, what both sides have now and what they would have after the first push."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any
from uuid import UUID

from innkeeper.channel_sync import ari, rates_out, repository
from innkeeper.channel_sync.ari import Run
from innkeeper.channel_sync.availability_out import PushOptions, TypeWindow, type_windows, window_of
from innkeeper.channel_sync.connection import Link
from innkeeper.channel_sync.prices_out import TypePrices, type_prices
from innkeeper.channel_sync.tables import RoomTypeMapping
from innkeeper.domain.channel import ChannelRoomType, PriceTerms, RateRule, RoomInventory
from innkeeper.domain.money import quantize
from innkeeper.domain.outcome import Done, Outcome
from innkeeper.domain.stay import StayStatus
from innkeeper.house import availability, reservations
from innkeeper.house.tables import Property, RoomType
from innkeeper.storage.database import Tx

#: Reservations that are looked at one by one; the nights of more are not shown as sent.
MOST_SENT = 400


class Nights:
    """The nights of a rehearsal. Reading them costs at most nine requests, however many types there are."""

    def __init__(self, link: Link, house: Property) -> None:
        self._link, self._house = link, house
        self.start, self.end = window_of(house)
        self._kinds: list[TypeWindow] = []
        #: What bookings that are only there would take here: (room type, night) -> rooms.
        self._arriving: Counter[tuple[UUID, int]] = Counter()
        self._left: dict[UUID, list[int]] = {}

    async def begin(self) -> None:
        """Look at the house as it is before anything is read."""
        async with self._link.database.read() as session:
            self._kinds = await type_windows(session, self._link, self._house)
            self._left = await self._counted(session)

    async def see_bookings(self, tx: Tx) -> None:
        """Note what the bookings of a page take here, inside the transaction that stores them for a moment."""
        await tx.session.flush()
        for kind, left in (await self._counted(tx.session)).items():
            for night, (before, after) in enumerate(zip(self._left[kind], left, strict=True)):
                if before != after:
                    self._arriving[kind, night] += before - after

    async def _counted(self, session: Any) -> dict[UUID, list[int]]:
        kinds = [kind.room_type_id for kind in self._kinds]
        if not kinds:
            return {}
        window = await availability.load(session, kinds, self.start, self.end)
        return {kind: window.types[kind].available for kind in kinds}

    async def document(self, products: Sequence[ChannelRoomType]) -> Outcome[dict[str, Any]]:
        """Return each mapped type with its nights, equal ones folded, or what the broker answered."""
        connector = self._link.connector
        numbers = [kind.product_id for kind in self._kinds]
        if not numbers:
            return Done({"start": str(self.start), "end": str(self.end), "room_types": []})
        inventory = await connector.inventory(numbers, self.start, self.end, fresh=True)
        if not isinstance(inventory, Done):
            return inventory
        # asked for, since an installation that is new to the shop remembers none
        standing = await connector.blocks(self.start)
        if not isinstance(standing, Done):
            return standing
        terms = await connector.price_terms()
        if not isinstance(terms, Done):
            return terms
        rules = await connector.rate_rules(numbers)
        if not isinstance(rules, Done):
            return rules
        rooms = {one.room_type_id: one for one in inventory.value}
        own = {block.block_id for block in standing.value}
        sent = await self._sent()
        async with self._link.database.read() as session:
            priced = await type_prices(session, self._link, self._house, PushOptions())
        prices = {kind.room_type_id: kind for kind in priced}
        bases = {product.room_type_id: product.base_price for product in products}
        return Done(
            {
                "start": str(self.start),
                "end": str(self.end),
                "sends_availability": self._link.config.sync_availability,
                "sends_prices": self._link.config.sync_rates and terms.value.currency == self._house.currency,
                "room_types": [
                    {
                        "room_type_id": str(kind.room_type_id),
                        "room_type": kind.name,
                        "qloapps_product_id": kind.product_id,
                        **self._rooms(kind, rooms[kind.product_id], own, sent),
                        "prices": self._prices(
                            prices[kind.room_type_id], bases.get(kind.product_id, Decimal(0)), terms.value, rules.value
                        ),
                    }
                    for kind in self._kinds
                ],
            }
        )

    async def _sent(self) -> Counter[tuple[UUID, int]]:
        """Return the rooms that reservations which are only here will take there."""
        sent: Counter[tuple[UUID, int]] = Counter()
        if not self._link.config.sync_reservations_outbound:
            return sent
        async with self._link.database.read() as session:
            waiting = await repository.unsent_reservations(session, self._link.property_id, self._house.business_date)
            for reservation_id in waiting[:MOST_SENT]:
                reservation = await reservations.load(session, self._link.property_id, reservation_id)
                for room in reservation.rooms if reservation else ():
                    if room.room_type_id is not None and StayStatus(room.status).holds_inventory:
                        for night in self._numbers(room.check_in, room.check_out):
                            sent[room.room_type_id, night] += 1
        return sent

    def _numbers(self, first: date, last: date) -> range:
        """Return the nights from one date to another as numbers in the window."""
        length = (self.end - self.start).days
        return range(max(0, (first - self.start).days), min(length, (last - self.start).days))

    # --- rooms -------------------------------------------------------------------------------------------------------

    def _rooms(
        self, kind: TypeWindow, there: RoomInventory, own: set[str], sent: Mapping[tuple[UUID, int], int]
    ) -> dict[str, Any]:
        length = len(kind.wanted)
        taken: list[set[int]] = [set() for _ in range(length)]
        standing: list[Run] = []
        blocked = [0] * length
        for hold in there.holds:
            nights = self._numbers(hold.stay.check_in, hold.stay.check_out)
            if (hold.reference is not None or hold.holder in own) and nights:
                standing.append(Run(hold.room_id, nights.start, nights.stop))
            for night in nights:
                if hold.reference is not None or hold.holder in own:
                    blocked[night] += 1
                else:
                    taken[night].add(hold.room_id)
        rows, free, needed = [], [], []
        for night in range(length):
            open_there = sorted(set(there.room_ids) - taken[night])
            here = max(0, kind.wanted[night] - self._arriving[kind.room_type_id, night])
            left = open_there[: max(0, len(open_there) - sent.get((kind.room_type_id, night), 0))]
            block = max(0, len(left) - here) if self._link.config.sync_availability else 0
            free.append(frozenset(left))
            needed.append(block)
            rows.append(
                {
                    "here": kind.wanted[night],
                    "here_after": here,
                    "there": len(open_there) - blocked[night],
                    "there_after": len(left) - block,
                    "blocks": block,
                }
            )
        runs = ari.plan(free, needed, standing)
        return {
            "availability": self._folded(rows),
            "blocks_to_make": len(set(runs) - set(standing)),
            "blocks_to_release": len(set(standing) - set(runs)),
        }

    # --- prices ------------------------------------------------------------------------------------------------------

    def _prices(
        self, kind: TypePrices, base: Decimal, terms: PriceTerms, rules: Sequence[RateRule]
    ) -> list[dict[str, Any]]:
        """Return what a guest pays a night, tax included, here and there, now and after."""
        tax = terms.tax_rates.get(kind.product_id, self._house.tax_rate)
        own_tax = Decimal(0) if self._house.tax_included else self._house.tax_rate
        sends = self._link.config.sync_rates and terms.currency == self._house.currency
        own = [rule for rule in rules if rule.room_type_id == kind.product_id and not rule.idle]
        rows = []
        for night, price in enumerate(kind.prices):
            day = self.start + timedelta(days=night)
            rule = next((one for one in own if one.first <= day <= one.last), None)
            there = _gross(rule.net if rule else base, tax, terms.currency)
            known = None if rule is not None and not rule.sound else there
            foreign = rule is not None and not rule.ours
            net = rates_out.net_price(price, tax_included=self._house.tax_included, tax_rate=tax)
            rows.append(
                {
                    "here": _gross(price, own_tax, self._house.currency),
                    "there": known,
                    "there_after": known if foreign or not sends else _gross(net, tax, terms.currency),
                    "rule": None if rule is None else "ours" if rule.ours else rule.name or "somebody else's",
                }
            )
        return self._folded(rows)

    def _folded(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return one row for each run of nights that are alike, the end exclusive."""
        folded, night = [], 0
        for row, alike in groupby(rows):
            count = len(list(alike))
            first = self.start + timedelta(days=night)
            night += count
            folded.append({"start": str(first), "end": str(first + timedelta(days=count)), "nights": count, **row})
        return folded


def _gross(net: Decimal, tax: Decimal, currency: str) -> str:
    return f"{quantize(net * (1 + tax / 100), currency):f}"


def side_by_side(
    house: Property,
    ours: Sequence[RoomType],
    counts: Mapping[UUID, int],
    products: Sequence[ChannelRoomType],
    mappings: Sequence[RoomTypeMapping],
) -> list[dict[str, Any]]:
    """Return each mapped pair with capacity, limits and tax of both, and in sentences what differs."""
    here = {room_type.id: room_type for room_type in ours}
    there = {product.room_type_id: product for product in products}
    return [
        _pair(house, here[mapping.local_room_type_id], counts, there.get(mapping.qloapps_product_id), mapping)
        for mapping in mappings
        if mapping.local_room_type_id in here
    ]


def _pair(
    house: Property,
    ours: RoomType,
    counts: Mapping[UUID, int],
    theirs: ChannelRoomType | None,
    mapping: RoomTypeMapping,
) -> dict[str, Any]:
    left: dict[str, Any] = {
        "name": ours.name,
        "rooms": counts.get(ours.id, 0),
        "most_adults": ours.max_adult,
        "most_children": ours.max_children,
        "most_guests": ours.max_people,
        "min_stay": ours.min_stay,
        "max_stay": ours.max_stay,
        "tax_rate": f"{house.tax_rate.normalize():f}",
    }
    base = {"room_type_id": str(ours.id), "qloapps_product_id": mapping.qloapps_product_id, "house": left}
    if theirs is None:
        sentence = f"{ours.name} is mapped to room type {mapping.qloapps_product_id}, which QloApps does not have."
        return {**base, "qloapps": None, "findings": [sentence]}
    right = {
        "name": theirs.name,
        "rooms": len(theirs.room_numbers),
        "most_adults": theirs.max_adults,
        "most_children": theirs.max_children,
        "most_guests": theirs.max_guests,
        "min_stay": max(1, theirs.min_stay),
        "max_stay": theirs.max_stay,
        "tax_rate": None if theirs.tax_rate is None else f"{theirs.tax_rate.normalize():f}",
    }
    words = {"rooms": "rooms", "most_guests": "guests at most", "tax_rate": "% tax"}
    findings = [
        f"{ours.name}: {left[name]} {word} here, {right[name]} there."
        for name, word in words.items()
        if right[name] is not None and left[name] != right[name]
    ]
    if not theirs.active:
        findings.append(f"{ours.name} is switched off in QloApps; nobody can book it there.")
    return {**base, "qloapps": right, "findings": findings}
