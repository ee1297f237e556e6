"""What a booked room and its services cost, with what becomes of prices and taxes that were sent."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal

from innkeeper.simulators.qloapps.booking_request import RoomWish, StayWish, as_amount, as_int
from innkeeper.simulators.qloapps.errors import RefusedBookingError
from innkeeper.simulators.qloapps.model import ZERO, Line, Row, ServiceLine
from innkeeper.simulators.qloapps.prices import (
    as_sold,
    cents,
    night_price,
    own_night_price,
    percent_of,
    stay_price,
    stored,
    tax_percent,
    with_tax,
)
from innkeeper.simulators.qloapps.state import ShopState


def room_prices(state: ShopState, stay: StayWish, wish: RoomWish, rate: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    """(without tax, with tax, with the default tax) of one room for its stay."""
    if wish.price is None:
        price = stored(stay_price(state, stay.id_type, stay.first, stay.last) * rate)
    else:
        price = given_price(state, wish.price, stay.id_type, stay.first, stay.last, rate)
    percent = tax_percent(state, stay.id_type)
    price, default = as_sold(price, percent)
    return price, taxed(state, price, percent, wish.total_tax, wish.tax_group, default), default


def given_price(
    state: ShopState, sent: Decimal, id_type: int, first: int, last: int, rate: Decimal, line: Line | None = None
) -> Decimal:
    """What becomes of a room price that was sent, before it is rounded once more; `line` is the one that it changes.

    1.7.0 divides it by one night less than the stay has and multiplies by all nights [121] [491]. Which nights these
    are it tells from the day 24 hours before the check-out, by the clock: over a change to summer time that is a day
    too early, so the last night has the shop's own price. Seen on a real shop in Warsaw: 200 sent for the three nights
    to 29 March 2027 is twice 200 and 1000, and for the last of them alone it is 1000.
    """
    version = state.version
    price = cents(sent) * rate if version.price_in_default_currency else cents(sent)
    if not version.multiplies_price:
        return stored(price)
    until = _a_day_before(state, last)
    beside = []
    for night in range(first, last):
        other = own_night_price(state, line, night) if line else None
        if other is None and night > until:
            other = night_price(state, id_type, night)
        if other is not None:
            beside.append(other)
    price = price * (last - first - len(beside)) / (abs(until - first) or 1)
    return stored(price + sum(beside, ZERO) * rate)


def _a_day_before(state: ShopState, day: int) -> int:
    """The day (a number) of the moment 24 hours before a day begins, in the shop's zone."""
    begins = datetime.combine(date.fromordinal(day), time(), state.zone)
    return datetime.fromtimestamp(begins.timestamp() - 86_400, state.zone).toordinal()


def taxed(
    state: ShopState,
    price: Decimal,
    percent: Decimal,
    tax: Decimal | None,
    group: int | None,
    default: Decimal | None = None,
) -> Decimal:
    """The price with its tax, or with the given one. A group that does not exist, 0 for one, is the room type's own.

    The snapshot corrects in the wrong direction, from ``default`` (with the usual tax, when not given) [124] [172].
    """
    default = with_tax(price, percent) if default is None else default
    if tax is None and group not in state.tax_rates:
        return default
    if state.version.tax_sign_wrong:
        wanted = tax if tax is not None else price * state.tax_rates[group or 0] / 100
        return stored(default + (default - price) - wanted)
    if tax is not None:
        return with_tax(price, percent_of(tax, price))
    return with_tax(price, state.tax_rates[group or 0])


def service_line(state: ShopState, id_type: int, row: Row, nights: int) -> ServiceLine:
    """A service of a room: by id with the shop's price, or new by name. Raises RefusedBookingError."""
    id_service = as_int(row.get("id_service"))
    sent = as_amount(row.get("unit_price_without_tax"))
    group = as_int(row.get("id_tax_rules_group"))
    if id_service:
        known = state.type_services.get(id_type, {}).get(id_service)
        if known is None:
            raise RefusedBookingError("Invalid request for service.")
        service = state.services[id_service]
        own_price, own_group = known
        unit = sent if sent is not None else (service["price"] if own_price is None else own_price)
        quantity = _service_quantity(state, row)
        mode: int = service["price_calculation_method"]
        name: str = service["name"][state.default_language]
        group = group or own_group or service["id_tax_rules_group"]
    else:
        name = str(row.get("name") or "").strip()
        if not name:
            raise RefusedBookingError("Service name is required for non existing services.")
        quantity = as_int(row.get("quantity")) or 1
        whole = as_amount(row.get("total_price_without_tax"))
        unit = sent if sent is not None else (whole or ZERO) / quantity
        mode = as_int(row.get("price_mode")) or 1
        id_service = state.new_id("room_types")  # a product made for this sale, removed afterwards
    times = nights if mode == 2 else 1
    total = stored(unit * times * quantity)
    return ServiceLine(
        id_service,
        name,
        quantity,
        stored(unit * times),
        total,
        _service_tax(state, row, unit, times * quantity, total, group),
        per_night=int(mode == 2),
        price_mode=mode,
        named=not as_int(row.get("id_service")),
    )


def _service_quantity(state: ShopState, row: Row) -> int:
    """1.7.0 sells the shop's services once a room whatever was sent; the snapshot takes the quantity."""
    if state.version.is_170 or row.get("quantity") in (None, ""):
        return 1
    return as_int(row["quantity"])


def service_lines(state: ShopState, id_type: int, rows: list[Row], nights: int) -> list[ServiceLine]:
    """The services of a room; one with quantity 0 is none. Raises RefusedBookingError."""
    found = (service_line(state, id_type, row, nights) for row in rows)
    return [one for one in found if one.quantity]


def _service_tax(state: ShopState, row: Row, unit: Decimal, count: int, total: Decimal, group: int) -> Decimal:
    """Tax of a service: on 1.7.0 rounded for each piece, so a given tax comes back a cent off [471] [472]."""
    sent = as_amount(row.get("total_tax"))
    if sent is not None and state.version.tax_sign_wrong:
        return stored(sent)
    percent = state.tax_rates.get(group, ZERO) if sent is None else percent_of(sent, total)
    return stored(cents(unit * percent / 100) * count)


def scaled(price: Decimal, price_with_tax: Decimal, factor: Decimal) -> tuple[Decimal, Decimal]:
    """A room price times a factor, to the cent, with the same rate of tax [127]."""
    taxed_price = cents(price_with_tax * factor)
    return cents(price * taxed_price / price_with_tax) if price_with_tax else price, taxed_price
