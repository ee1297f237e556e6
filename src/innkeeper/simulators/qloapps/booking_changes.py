"""``PUT /api/bookings``: the whole list of rooms is replaced, the same stays are kept."""

from __future__ import annotations

from decimal import Decimal

from innkeeper.simulators.qloapps.booking_request import (
    RoomWish,
    StayWish,
    as_amount,
    as_int,
    check_statuses,
    check_storable,
    part,
    read_stays,
)
from innkeeper.simulators.qloapps.bookings import (
    add_lines,
    choose_rooms,
    fail_when_strict,
    given_price,
    plan_line,
    service_line,
    target_state,
    taxed,
    view_warnings,
)
from innkeeper.simulators.qloapps.customers import rename_guest
from innkeeper.simulators.qloapps.errors import PhpCrashError, RefusedBookingError
from innkeeper.simulators.qloapps.model import PAID, ZERO, Line, Order, Row
from innkeeper.simulators.qloapps.prices import percent_of, stored, tax_percent, with_tax
from innkeeper.simulators.qloapps.state import ShopState
from innkeeper.simulators.qloapps.writing import enter_state, pay, retotal

_UNAVAILABLE = "Requested room(s) not available"


def change_booking(state: ShopState, booking: Row) -> Order:
    """Replace the rooms of an order and apply status, payment, remark and the guest's name.

    Raises RefusedBookingError before anything is changed; PhpCrashError after, where the shop does.
    """
    if booking.get("id") in (None, ""):
        raise RefusedBookingError("id is required with PUT requests.")
    order = state.orders.get(as_int(booking["id"]))
    if order is None:
        raise RefusedBookingError("Booking not found.")
    stays = read_stays(state, booking)
    if not stays:
        raise RefusedBookingError("Rooms not found in the request.")
    detail = part(booking, "customer_detail")
    known = state.customers_with_email(str(detail.get("email") or ""))
    if not known:
        raise RefusedBookingError("Customer not found.")
    check_statuses(booking)
    kept, removed, missing = _match(state, order, stays)
    rate = order.conversion_rate
    new_stays = [StayWish(s.id_type, s.checkin, s.checkout, s.first, s.last, wishes) for s, wishes in missing]
    rooms = choose_rooms(state, new_stays, _UNAVAILABLE)  # the old rooms are still held [246]
    check_storable(detail)

    rename_guest(state, known[0], detail)  # whoever's e-mail it is, not the guest of the booking [252]
    for line in removed:
        state.remove_line(line)
    for line, stay, wish in kept:
        _rewrite(state, line, stay, wish, rate)
    planned = [
        plan_line(state, stay, wish, rooms[index, place], rate)
        for index, stay in enumerate(new_stays)
        for place, wish in enumerate(stay.rooms)
    ]
    if planned:
        order.id_cart = order.id_cart or state.new_id("carts")
    add_lines(state, order, planned)
    order.date_upd = state.now()
    _settle(state, order, booking)
    if state.version.multiplies_price and any(_tiny_rate(row) for s in stays for w in s.rooms for row in w.services):
        raise PhpCrashError  # observed once, after the new amounts were stored [473]
    fail_when_strict(state, view_warnings(state))
    return order


Kept = tuple[Line, StayWish, RoomWish]


def _match(
    state: ShopState, order: Order, stays: list[StayWish]
) -> tuple[list[Kept], list[Line], list[tuple[StayWish, list[RoomWish]]]]:
    """Lines that stay, lines that go, and rooms to add. A line is known by type and dates, and by its room when the
    payload names one; a named room that the order does not have there is a new room [233] [247]."""
    left = state.lines_of(order)
    kept: list[Kept] = []
    missing: list[tuple[StayWish, list[RoomWish]]] = []
    for stay in stays:
        same = [line for line in left if line.stay == (stay.id_type, stay.checkin, stay.checkout)]
        matched: dict[int, Line] = {}
        for place, wish in enumerate(stay.rooms):
            if wish.id_room:
                found = next((line for line in same if line.id_room == wish.id_room), None)
                if found is not None:
                    matched[place] = found
                    same.remove(found)
        for place, wish in enumerate(stay.rooms):
            if not wish.id_room and same:
                matched[place] = same.pop(0)
        for place, line in matched.items():
            kept.append((line, stay, stay.rooms[place]))
            left.remove(line)
        new = [wish for place, wish in enumerate(stay.rooms) if place not in matched]
        if new:
            missing.append((stay, new))
    return kept, left, missing


def _rewrite(state: ShopState, line: Line, stay: StayWish, wish: RoomWish, rate: Decimal) -> None:
    """A kept line: price and tax when they are sent, never the occupancy; services are replaced, so a payload without
    ``rooms[]`` loses them [249] [255]."""
    nights = stay.last - stay.first
    line.services = tuple(service_line(state, line.id_product, row, nights) for row in wish.services)
    if wish.price is None and not wish.has_tax:
        return
    before = line.total_price_tax_excl
    price = before if wish.price is None else given_price(state, wish.price, nights, rate)
    if wish.has_tax:
        line.total_price_tax_incl = taxed(
            state, price, tax_percent(state, line.id_product), wish.total_tax, wish.tax_group
        )
    else:
        line.total_price_tax_incl = with_tax(price, percent_of(line.tax, before)) if before else stored(price)
    line.total_price_tax_excl = price
    line.date_upd = state.now()


def _settle(state: ShopState, order: Order, booking: Row) -> None:
    """Status, payment and remark. A payment loses its transaction id and method [250] [251]."""
    remark = booking.get("remark")
    if remark:
        order.remarks = (*order.remarks, str(remark))
    paid = as_amount(part(booking, "price_details").get("total_paid")) or ZERO
    if paid > order.total_paid_real:
        pay(state, order, paid - order.total_paid_real)
    if as_int(booking.get("booking_status")):
        wanted = target_state(order, booking, order.total_paid_real if paid else ZERO)
        if wanted != order.current_state:
            enter_state(state, order, wanted, pay_rest=False)
        if wanted == PAID and order.total_paid_real < order.total_paid_tax_incl:
            pay(state, order, order.total_paid_tax_incl - order.total_paid_real)
    retotal(state, order)


def _tiny_rate(row: Row) -> bool:
    tax, unit = as_amount(row.get("total_tax")), as_amount(row.get("unit_price_without_tax"))
    return bool(tax and unit and tax * 100 < unit * 3)
