"""Prices a stay and says which rules of its nights forbid it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from innkeeper.domain.money import quantize
from innkeeper.domain.stay import Stay
from innkeeper.house.tables import Property, RateNight, RoomType

#: Nights that have a price or rules of their own.
RateNights = Mapping[tuple[UUID, date], RateNight]


@dataclass(frozen=True, slots=True)
class Quote:
    """What one room costs for a stay. `gross` is with tax, `nights` are the prices as the house states them."""

    nights: tuple[tuple[date, Decimal], ...]
    gross: Decimal
    tax: Decimal
    currency: str


def quote(house: Property, room_type: RoomType, stay: Stay, nights: RateNights) -> Quote:
    """Price one room: each night at its own price or else the type's, summed, taxed, rounded once."""
    prices = tuple((night, price_of(room_type, nights.get((room_type.id, night)))) for night in stay.each_night())
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
    arrival = nights.get((room_type.id, stay.check_in))
    shortest = room_type.min_stay if arrival is None or arrival.min_stay is None else arrival.min_stay
    longest = room_type.max_stay if arrival is None or arrival.max_stay is None else arrival.max_stay
    if stay.nights < shortest:
        yield f"{room_type.name}: an arrival on {stay.check_in} stays at least {shortest} nights."
    if longest and stay.nights > longest:
        yield f"{room_type.name}: an arrival on {stay.check_in} stays at most {longest} nights."
    closed = [night for night in stay.each_night() if (rate := nights.get((room_type.id, night))) and rate.closed]
    if closed:
        yield f"{room_type.name} is closed on {listed(closed)}."


def listed(nights: list[date]) -> str:
    """Return nights for a sentence, the first few of many."""
    shown = ", ".join(str(night) for night in nights[:7])
    return shown if len(nights) <= 7 else f"{shown} and {len(nights) - 7} more nights"
