"""``PUT /api/bookings``: the whole list of rooms is replaced, lines of the same stay are kept."""

from __future__ import annotations

from decimal import Decimal

from innkeeper.simulators.qloapps.booking_prices import given_price, scaled, service_lines, taxed
from innkeeper.simulators.qloapps.booking_request import (
    CANCELLED,
    COMPLETED,
    PAID_FULL,
    PAID_PART,
    REFUND,
    RoomWish,
    StayWish,
    as_amount,
    as_int,
    check_booking_status,
    check_payment,
    check_storable,
    has_stays,
    part,
    read_stays,
)
from innkeeper.simulators.qloapps.bookings import add_lines, add_remark, choose_rooms, plan_line
from innkeeper.simulators.qloapps.customers import rename_guest, visible_with_email
from innkeeper.simulators.qloapps.errors import PhpCrashError, RefusedBookingError
from innkeeper.simulators.qloapps.model import (
    AWAITING,
    CANCELED,
    PAID,
    PARTIAL,
    REFUNDED,
    ZERO,
    Line,
    Order,
    Row,
)
from innkeeper.simulators.qloapps.php_warnings import fail_when_strict, room_warnings
from innkeeper.simulators.qloapps.prices import as_sold, cents, tax_percent, with_tax
from innkeeper.simulators.qloapps.state import ShopState
from innkeeper.simulators.qloapps.writing import (
    amounts_of,
    count,
    count_line,
    count_products,
    enter_state,
    pay,
    write_details,
)

_UNAVAILABLE = "Requested room(s) not available"


def change_booking(state: ShopState, booking: Row) -> Order:
    """Replace the rooms of an order and apply status, payment, remark and the guest's name.

    Raises RefusedBookingError before anything is changed; PhpCrashError after, where the shop does.
    """
    order, stays, detail = _checked(state, booking)
    known = visible_with_email(state, str(detail.get("email") or ""))
    if not known:
        raise RefusedBookingError("Customer not found.")
    check_booking_status(booking)
    check_payment(booking)
    _check_tax_groups(state, stays)
    matches = [_match(order_lines, stay) for stay, order_lines in _lines_by_stay(state, order, stays)]
    new_stays = [
        StayWish(stay.id_type, stay.checkin, stay.checkout, stay.first, stay.last, new)
        for stay, (_, new) in zip(stays, matches, strict=True)
        if new
    ]
    rooms = choose_rooms(state, new_stays, _UNAVAILABLE)  # the old rooms are still held [246]
    check_storable(detail, known=True)

    rename_guest(state, known[0], detail)  # whoever's e-mail it is, not the guest of the booking [252]
    kept_ids = {line.id for kept, _ in matches for line, _ in kept}
    for line in state.lines_of(order):
        if line.id not in kept_ids:
            count_line(order, line, -1)
            state.remove_line(line)
    crashed = [
        _rewrite(state, order, line, stay, wish, first=place == 0)
        for stay, (kept, _) in zip(stays, matches, strict=True)
        for place, (line, wish) in enumerate(kept)
    ]
    planned = [
        plan_line(state, stay, wish, rooms[index, place], order.conversion_rate)
        for index, stay in enumerate(new_stays)
        for place, wish in enumerate(stay.rooms)
    ]
    add_lines(state, order, planned)
    _scale(state, order, as_amount(part(booking, "price_details").get("total_price_with_tax")))
    order.date_upd = state.now()
    _settle(state, order, booking)
    if any(crashed):
        raise PhpCrashError
    fail_when_strict(state, room_warnings(state, stays))
    return order


def _checked(state: ShopState, booking: Row) -> tuple[Order, list[StayWish], Row]:
    if booking.get("id") in (None, ""):
        raise RefusedBookingError("id is required with PUT requests.")
    order = state.orders.get(as_int(booking["id"]))
    if order is None:
        raise RefusedBookingError("Booking not found.")
    if not has_stays(booking):
        raise RefusedBookingError("Rooms not found in the request.")
    if as_int(booking.get("id_property")) not in state.hotels:
        raise RefusedBookingError("Please provide a valid id_property.")
    return order, read_stays(state, booking), part(booking, "customer_detail")


def _check_tax_groups(state: ShopState, stays: list[StayWish]) -> None:
    """Here a group must exist; a POST takes the room type's own instead."""
    groups = (wish.tax_group for stay in stays for wish in stay.rooms)
    if any(group is not None and group not in state.tax_rates for group in groups):
        raise RefusedBookingError("Invalid id_tax_rules_group.")


def _lines_by_stay(state: ShopState, order: Order, stays: list[StayWish]) -> list[tuple[StayWish, list[Line]]]:
    lines = state.lines_of(order)
    return [(stay, [one for one in lines if one.stay == (stay.id_type, stay.checkin, stay.checkout)]) for stay in stays]


Kept = list[tuple[Line, RoomWish | None]]


def _match(lines: list[Line], stay: StayWish) -> tuple[Kept, list[RoomWish]]:
    """(kept lines with the entry of the payload that speaks of each, rooms to add).

    A line is known by its type and dates. The **first** lines are kept, as many as were asked for, whatever rooms the
    payload names; a named room only says which of them an entry speaks of [233] [249].
    """
    kept = lines[: len(stay.rooms)]
    left = list(stay.rooms)
    speaks_of: dict[int, RoomWish] = {}
    for line in kept:
        named = next((wish for wish in left if wish.id_room and wish.id_room == line.id_room), None)
        if named is not None:
            speaks_of[line.id] = named
            left.remove(named)
    for line in kept:
        unnamed = next((wish for wish in left if not wish.id_room), None)
        if line.id not in speaks_of and unnamed is not None:
            speaks_of[line.id] = unnamed
            left.remove(unnamed)
    missing = len(stay.rooms) - len(kept)
    return [(line, speaks_of.get(line.id)) for line in kept], left[len(left) - missing :] if missing else []


def _rewrite(state: ShopState, order: Order, line: Line, stay: StayWish, wish: RoomWish | None, *, first: bool) -> bool:
    """A kept line: price and tax when they are sent, never the occupancy; its services are replaced [249].

    Without ``rooms[]`` the first line of the stay loses its services and the others keep theirs [255]. What the
    replaced services cost stays in ``total_products`` for good [480]. Returns whether PHP crashed over it [473].
    """
    before = amounts_of(line)
    rooms_before = (line.total_price_tax_excl, line.total_price_tax_incl)
    if wish is None or (not wish.given and first):
        line.services = ()
    elif wish.given:
        nights = stay.last - stay.first
        line.services = tuple(service_lines(state, line.id_product, wish.services, nights))
        _reprice(state, order, line, wish, stay)
        added = sum((one.total for one in line.services), ZERO), sum((one.tax for one in line.services), ZERO)
        count_products(order, added[0], added[0] + added[1])
    after = amounts_of(line)
    count(order, after[0] - before[0], after[1] - before[1])
    count_products(order, line.total_price_tax_excl - rooms_before[0], line.total_price_tax_incl - rooms_before[1])
    return _crashes(state, order, line, wish, stay.last - stay.first)


def _crashes(state: ShopState, order: Order, line: Line, wish: RoomWish | None, nights: int) -> bool:
    """1.7.0 takes a lower tax off once a night from what the cart was worth, and stops when that is below zero: the
    line has the new tax then and the order the usual one [473] [480]."""
    if not state.version.is_170 or wish is None or wish.price is None or wish.total_tax is None:
        return False
    usual = with_tax(line.total_price_tax_excl, tax_percent(state, line.id_product))
    less = usual - line.total_price_tax_incl
    if less * nights <= order.advance_paid_amount:
        return False
    count(order, ZERO, cents(usual) - line.total_price_tax_incl)
    count_products(order, ZERO, cents(usual) - line.total_price_tax_incl)
    return True


def _reprice(state: ShopState, order: Order, line: Line, wish: RoomWish, stay: StayWish) -> None:
    """A price without a tax gets the room type's; ``total_paid_amount`` then holds the price without tax [481].

    Feature prices that are made for this cart are used up by a price that was sent."""
    if wish.price is None and not wish.has_tax:
        return
    percent = tax_percent(state, line.id_product)
    price, default = line.total_price_tax_excl, None
    if wish.price is None:
        default = line.total_price_tax_incl
    else:
        given = given_price(state, wish.price, stay.id_type, stay.first, stay.last, order.conversion_rate, line)
        price, default = as_sold(given, percent)
        line.total_paid_amount = price
        state.drop_rates_of_cart(order.id_cart)
    line.total_price_tax_excl = price
    line.total_price_tax_incl = taxed(state, price, percent, wish.total_tax, wish.tax_group, default)
    line.date_upd = state.now()
    if wish.total_tax is not None and state.version.is_170:
        state.make_tax_group(wish.total_tax, price)


def _scale(state: ShopState, order: Order, wanted: Decimal | None) -> None:
    """A higher total scales the rooms up, new and kept ones alike."""
    lines = state.lines_of(order)
    rooms = sum((line.total_price_tax_incl for line in lines), ZERO)
    if wanted is None or wanted <= order.total_paid_tax_incl or not rooms:
        return
    factor = (wanted - (order.total_paid_tax_incl - rooms)) / rooms
    for line in lines:
        before = (line.total_price_tax_excl, line.total_price_tax_incl)
        line.total_price_tax_excl, line.total_price_tax_incl = scaled(*before, factor)
        grown = (line.total_price_tax_excl - before[0], line.total_price_tax_incl - before[1])
        count(order, *grown)
        count_products(order, *grown)
        line.date_upd = state.now()


_TARGET = {CANCELLED: CANCELED, REFUND: REFUNDED, COMPLETED: PAID}


def _settle(state: ShopState, order: Order, booking: Row) -> None:
    """Status, payment and remark. The difference to what was paid is recorded when there is a ``payment_detail``, also
    a negative one, and loses transaction id and method; the state does not follow it [250] [251]."""
    add_remark(order, booking.get("remark"))
    paid = as_amount(part(booking, "price_details").get("total_paid"))
    if paid is not None and part(booking, "payment_detail") and paid != order.total_paid_real:
        pay(state, order, paid - order.total_paid_real)
    status, payment = as_int(booking.get("booking_status")), as_int(booking.get("payment_status"))
    if status:
        by_payment = {PAID_FULL: PAID, PAID_PART: PARTIAL}.get(payment, AWAITING)
        wanted = _TARGET.get(status, by_payment)
        if wanted != order.current_state:
            enter_state(state, order, wanted)
    write_details(state, order)
