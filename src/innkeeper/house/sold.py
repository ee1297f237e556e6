"""Keeps the price at which a channel sold a stay: nights that stay keep theirs, and only added nights are priced."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from innkeeper.domain.money import quantize, spread
from innkeeper.domain.stay import Stay
from innkeeper.house import rates
from innkeeper.house.rates import RateNights
from innkeeper.house.tables import Property, Reservation, ReservationRoom, RoomType

#: How the house calls what it sold itself.
DIRECT = "Direct"


def elsewhere(reservation: Reservation | None) -> bool:
    """Whether somebody else sold the reservation, so that its price is what the guest was promised there."""
    return reservation is not None and (reservation.channel is not None or reservation.source != DIRECT)


def prices(
    house: Property,
    row: ReservationRoom,
    stay: Stay,
    kind: RoomType | None,
    own_rates: RateNights,
    currency: str,
) -> dict[date, Decimal]:
    """Return what each night costs: those of the new `stay`, and those that were given up, should they come back.

    `row` still holds the stay as it was. Without a room type, or in a foreign currency, no rate fits, and an added
    night costs what the others did on the average.
    """
    before = Stay(row.check_in, row.check_out)
    known = _known(row, before, currency)
    added = [night for night in stay.each_night() if night not in known]
    if not added:
        return known
    if kind is not None and currency == house.currency:
        quote = rates.quote_nights(house, kind, added, own_rates)
        return known | dict(
            zip(added, spread(quote.gross, [price for _, price in quote.nights], currency), strict=True)
        )
    cost = quantize(row.amount * len(added) / before.nights, currency)
    return known | dict(zip(added, _evenly(cost, len(added), currency), strict=True))


def amount_of(stay: Stay, known: Mapping[date, Decimal]) -> Decimal:
    """Return what the stay costs by these prices."""
    return sum((known[night] for night in stay.each_night()), Decimal(0))


def document(known: Mapping[date, Decimal]) -> dict[str, str]:
    """Return prices by night as they are stored."""
    return {night.isoformat(): f"{amount:f}" for night, amount in sorted(known.items())}


def _known(row: ReservationRoom, stay: Stay, currency: str) -> dict[date, Decimal]:
    """Return the prices by night that were stored, as long as they make the amount; else the amount spread evenly."""
    stored = {date.fromisoformat(night): Decimal(amount) for night, amount in (row.night_amounts or {}).items()}
    nights = list(stay.each_night())
    if all(night in stored for night in nights) and amount_of(stay, stored) == row.amount:
        return stored
    return dict(zip(nights, _evenly(row.amount, len(nights), currency), strict=True))


def _evenly(amount: Decimal, count: int, currency: str) -> Sequence[Decimal]:
    """Split exactly; what a channel sent beyond the currency's digits stays with the first night."""
    whole = quantize(amount, currency)
    first, *rest = spread(whole, [1] * count, currency)
    return [first + amount - whole, *rest]
