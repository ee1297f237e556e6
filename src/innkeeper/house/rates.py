"""Keeps prices and rules per night, prices a stay by them, and says which of them forbid it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.domain.errors import Invalid
from innkeeper.domain.money import quantize
from innkeeper.domain.stay import MAX_NIGHTS, Stay
from innkeeper.house import events, rate_repository, room_repository
from innkeeper.house.checks import Errors
from innkeeper.house.tables import Property, RateNight, RoomType
from innkeeper.storage.database import Tx

#: Nights that have a price or rules of their own.
RateNights = Mapping[tuple[UUID, date], RateNight]


@dataclass(frozen=True, slots=True)
class Quote:
    """What one room costs for a stay. `gross` is with tax, `nights` are the prices as the house states them."""

    nights: tuple[tuple[date, Decimal], ...]
    gross: Decimal
    tax: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class NightRate:
    """What holds for one night of a room type, its own values or else the type's."""

    room_type_id: UUID
    night: date
    price: Decimal
    min_stay: int
    max_stay: int
    closed: bool


async def window(session: AsyncSession, room_types: Sequence[RoomType], start: date, end: date) -> list[NightRate]:
    """Return what holds for each night from `start` to `end` (exclusive), type by type."""
    own = await rate_repository.rate_nights(session, [kind.id for kind in room_types], start, end)
    nights = [start + timedelta(days=n) for n in range((end - start).days)]
    return [_effective(kind, night, own.get((kind.id, night))) for kind in room_types for night in nights]


async def put(
    tx: Tx,
    house: Property,
    room_type_id: UUID,
    start: date,
    end: date,
    values: Mapping[str, Any],
    *,
    origin: str = "house",
) -> list[NightRate]:
    """Set `price`, `min_stay`, `max_stay` or `closed` for the nights from `start` to `end` (exclusive).

    What `values` does not name stays; None goes back to the type's own. Nights on which nothing changes are not
    announced. Returns what holds now. Raises Invalid.
    """
    kind = (await room_repository.room_types(tx.session, house.id, [room_type_id], lock=True)).get(room_type_id)
    if kind is None or kind.deleted_at is not None:
        raise Invalid.field("room_type_id", "There is no such room type in this property.")
    _check(house, start, end, values)
    own = await rate_repository.rate_nights(tx.session, [room_type_id], start, end)
    changed: list[date] = []
    result = []
    for night in (start + timedelta(days=n) for n in range((end - start).days)):
        row = own.get((room_type_id, night))
        before = _effective(kind, night, row)
        if row is None:
            row = RateNight(
                room_type_id=room_type_id, night=night, price=None, min_stay=None, max_stay=None, closed=False
            )
            tx.session.add(row)
        for name, value in values.items():
            setattr(row, name, value)
        after = _effective(kind, night, row)
        if after.max_stay and after.max_stay < after.min_stay:
            sentence = f"On {night} the maximum stay {after.max_stay} is less than the minimum {after.min_stay}."
            raise Invalid.field("max_stay", sentence)
        result.append(after)
        if after != before:
            changed.append(night)
    if changed:
        await events.announce(
            tx,
            events.RATE_UPDATED,
            house.id,
            room_type_id,
            origin=origin,
            changed=values.keys(),
            room_type_ids=[room_type_id],
            start=changed[0],
            end=changed[-1] + timedelta(days=1),
        )
    return result


def quote(house: Property, room_type: RoomType, stay: Stay, nights: RateNights) -> Quote:
    """Price one room: each night at its own price or else the type's, summed, taxed, rounded once."""
    return quote_nights(house, room_type, list(stay.each_night()), nights)


def quote_nights(house: Property, room_type: RoomType, wanted: Sequence[date], nights: RateNights) -> Quote:
    """Price one room for these nights, which need not follow each other."""
    prices = tuple((night, price_of(room_type, nights.get((room_type.id, night)))) for night in wanted)
    stated = sum((price for _, price in prices), Decimal(0))
    rate = house.tax_rate / 100
    if house.tax_included:
        gross = quantize(stated, house.currency)
        tax = gross - quantize(gross / (1 + rate), house.currency)
    else:
        net = quantize(stated, house.currency)
        tax = quantize(net * rate, house.currency)
        gross = net + tax
    return Quote(prices, gross, tax, house.currency)


def price_of(room_type: RoomType, night: RateNight | None) -> Decimal:
    """Return the price of one night, in the property's currency, with or without tax as the property states it."""
    return room_type.price_per_night if night is None or night.price is None else night.price


def refusals(room_type: RoomType, stay: Stay, nights: RateNights) -> Iterator[str]:
    """Yield a sentence for each rule that forbids the stay: minimum and maximum of the arrival night, closed nights."""
    arrival = _effective(room_type, stay.check_in, nights.get((room_type.id, stay.check_in)))
    shortest, longest = arrival.min_stay, arrival.max_stay
    if stay.nights < shortest:
        yield f"{room_type.name}: an arrival on {stay.check_in} stays at least {shortest} nights."
    if longest and stay.nights > longest:
        yield f"{room_type.name}: an arrival on {stay.check_in} stays at most {longest} nights."
    closed = [night for night in stay.each_night() if (rate := nights.get((room_type.id, night))) and rate.closed]
    if closed:
        yield f"{room_type.name} is closed on {listed(closed)}."


def _effective(kind: RoomType, night: date, own: RateNight | None) -> NightRate:
    if own is None:
        return NightRate(kind.id, night, kind.price_per_night, kind.min_stay, kind.max_stay, False)
    return NightRate(
        kind.id,
        night,
        price_of(kind, own),
        kind.min_stay if own.min_stay is None else own.min_stay,
        kind.max_stay if own.max_stay is None else own.max_stay,
        own.closed,
    )


def _check(house: Property, start: date, end: date, values: Mapping[str, Any]) -> None:
    errors = Errors()
    if end <= start:
        errors.add("end", f"The end {end} must be after the start {start}; it is the first night that is not set.")
    elif (end - start).days > MAX_NIGHTS:
        errors.add("end", f"At most {MAX_NIGHTS} nights are set at once.")
    price = values.get("price")
    if price is not None and price < 0:
        errors.add("price", "A price is not negative.")
    elif price is not None and price != quantize(price, house.currency):
        errors.add("price", f"This has more decimal places than {house.currency} has.")
    if (shortest := values.get("min_stay")) is not None and not 1 <= shortest <= MAX_NIGHTS:
        errors.add("min_stay", f"A stay is at least 1 night and at most {MAX_NIGHTS}.")
    if (longest := values.get("max_stay")) is not None and not 0 <= longest <= MAX_NIGHTS:
        errors.add("max_stay", f"The longest stay in nights, up to {MAX_NIGHTS}; 0 for no limit.")
    if "closed" in values and values["closed"] is None:
        errors.add("closed", "Say true or false.")
    errors.raise_any()


def listed(nights: list[date]) -> str:
    """Return nights for a sentence, the first few of many."""
    shown = ", ".join(str(night) for night in nights[:7])
    return shown if len(nights) <= 7 else f"{shown} and {len(nights) - 7} more nights"
