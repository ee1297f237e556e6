"""``POST /api/bookings``: first a plan that changes nothing, then the order, without a look back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from innkeeper.simulators.qloapps.booking_prices import room_prices, scaled, service_lines
from innkeeper.simulators.qloapps.booking_request import (
    CANCELLED,
    COMPLETED,
    PAID_FULL,
    PAID_PART,
    PAYMENT_TYPES,
    REFUND,
    REMARK_LENGTH,
    RoomWish,
    StayWish,
    as_amount,
    as_int,
    check_customer,
    check_head,
    check_payment,
    check_storable,
    clean_remark,
    part,
    read_stays,
)
from innkeeper.simulators.qloapps.customers import guest_for_booking, known_guest
from innkeeper.simulators.qloapps.errors import UNAVAILABLE, PhpCrashError, RefusedBookingError
from innkeeper.simulators.qloapps.model import (
    AWAITING,
    CANCELED,
    PAID,
    PARTIAL,
    REFUNDED,
    ZERO,
    Order,
    Row,
    ServiceLine,
)
from innkeeper.simulators.qloapps.php_warnings import fail_when_strict, room_warnings
from innkeeper.simulators.qloapps.state import ShopState
from innkeeper.simulators.qloapps.writing import count_line, free_lines, new_line, pay, record_history, write_details

SOURCE_LENGTH = 255


@dataclass(slots=True)
class PlannedLine:
    """A room that will be booked; prices are those of the whole stay, without and with tax."""

    id_room: int
    checkin: str
    checkout: str
    nights: int
    adults: int
    children: int
    child_ages: str
    price: Decimal
    price_with_tax: Decimal
    cart_price_with_tax: Decimal
    services: list[ServiceLine] = field(default_factory=list)


@dataclass(slots=True)
class Plan:
    """A booking that was found good; writing it does not look at the rooms again [420]."""

    booking: Row
    detail: Row
    currency: Row
    lines: list[PlannedLine]
    lower_total: bool
    warnings: list[tuple[int, str]]
    sent_taxes: list[tuple[Decimal, Decimal]]
    """Taxes that were sent, with the price that each belongs to."""


def plan_booking(state: ShopState, booking: Row) -> Plan:
    """Check everything and choose rooms. Raises RefusedBookingError, or PhpCrashError for what PHP trips over."""
    if booking.get("id") not in (None, ""):
        raise RefusedBookingError("id is forbidden when adding a new resource")
    check_head(state, booking)
    detail = check_customer(state, booking)
    stays = read_stays(state, booking)
    if not stays:
        raise RefusedBookingError(UNAVAILABLE)
    rooms = choose_rooms(state, stays, UNAVAILABLE)
    check_payment(booking)
    if any(wish.unreadable for stay in stays for wish in stay.rooms):
        raise PhpCrashError
    check_storable(detail, known=known_guest(state, detail) is not None)
    currency = state.currency_by_code(booking["currency"]) or {}
    rate: Decimal = currency["conversion_rate"]
    lines = [
        plan_line(state, stay, wish, rooms[index, place], rate)
        for index, stay in _writing_order(state, stays)
        for place, wish in enumerate(stay.rooms)
    ]
    sent_taxes = [(wish.total_tax, line.price) for wish, line in zip(_wishes(state, stays), lines, strict=True)]
    lower = _scale(lines, as_amount(part(booking, "price_details").get("total_price_with_tax")))
    taxes = [(tax, price) for tax, price in sent_taxes if tax is not None]
    return Plan(booking, detail, currency, lines, lower, room_warnings(state, stays), taxes)


def _wishes(state: ShopState, stays: list[StayWish]) -> list[RoomWish]:
    return [wish for _, stay in _writing_order(state, stays) for wish in stay.rooms]


def _writing_order(state: ShopState, stays: list[StayWish]) -> list[tuple[int, StayWish]]:
    """Not the order of the payload: on 1.7.0 the type with most room nights first, else the lower type id."""
    by_room_nights = state.version.is_170

    def key(item: tuple[int, StayWish]) -> tuple[int, int, int]:
        index, stay = item
        room_nights = len(stay.rooms) * (stay.last - stay.first)
        return (-room_nights if by_room_nights else 0, stay.id_type, index)

    return sorted(enumerate(stays), key=key)


def choose_rooms(state: ShopState, stays: list[StayWish], refusal: str) -> dict[tuple[int, int], int]:
    """A room for every wish, by (stay, place): named rooms first, then the first free ones. Raises
    RefusedBookingError for everything that is not available, which includes zero nights and ``min_los`` [143] [360]."""
    taken: dict[int, list[tuple[int, int]]] = {}
    chosen: dict[tuple[int, int], int] = {}

    def take(key: tuple[int, int], id_room: int, stay: StayWish) -> None:
        taken.setdefault(id_room, []).append((stay.first, stay.last))
        chosen[key] = id_room

    def still_free(id_room: int, stay: StayWish) -> bool:
        return all(stay.last <= first or last <= stay.first for first, last in taken.get(id_room, ()))

    for index, stay in enumerate(stays):
        if not fits_length(state, stay):
            raise RefusedBookingError(refusal)
        for place, wish in enumerate(stay.rooms):
            if wish.id_room:
                free = state.is_offered(wish.id_room, stay.id_type, stay.first, stay.last)
                if not free or not still_free(wish.id_room, stay):
                    raise RefusedBookingError(refusal)
                take((index, place), wish.id_room, stay)
    for index, stay in enumerate(stays):
        for place, wish in enumerate(stay.rooms):
            if wish.id_room:
                continue
            free_rooms = state.free_in_turn(stay.id_type, stay.first, stay.last)
            id_room = next((room for room in free_rooms if still_free(room, stay)), None)
            if id_room is None:
                raise RefusedBookingError(refusal)
            take((index, place), id_room, stay)
    return chosen


def fits_length(state: ShopState, stay: StayWish) -> bool:
    """Whether the stay has a night, a room, and a length that its type allows."""
    nights = stay.last - stay.first
    kind = state.type_of_product[stay.id_type]
    return nights > 0 and bool(stay.rooms) and nights >= kind["min_los"] and not 0 < kind["max_los"] < nights


def plan_line(state: ShopState, stay: StayWish, wish: RoomWish, id_room: int, rate: Decimal) -> PlannedLine:
    """One room of a booking with its occupancy and prices; ``rate`` converts from the default currency."""
    nights = stay.last - stay.first
    kind = state.type_of_product[stay.id_type]
    price, with_taxes, cart = room_prices(state, stay, wish, rate)
    ages = f"[{','.join(str(age) for age in wish.child_ages)}]"
    return PlannedLine(
        id_room=id_room,
        checkin=stay.checkin,
        checkout=stay.checkout,
        nights=nights,
        adults=kind["adults"] if wish.adults is None else wish.adults,
        children=kind["children"] if wish.children is None else wish.children,
        child_ages=ages,
        price=price,
        price_with_tax=with_taxes,
        cart_price_with_tax=cart,
        services=service_lines(state, stay.id_type, wish.services, nights),
    )


def _scale(lines: list[PlannedLine], wanted: Decimal | None) -> bool:
    """Scale the rooms up to a given total; returns whether the given one is lower, which does not work [125] [127]."""
    if wanted is None:
        return False
    services = sum((one.total + one.tax for line in lines for one in line.services), ZERO)
    rooms = sum((line.price_with_tax for line in lines), ZERO)
    if wanted < rooms + services:
        return True
    if wanted > rooms + services and rooms:
        for line in lines:
            line.price, line.price_with_tax = scaled(line.price, line.price_with_tax, (wanted - services) / rooms)
    return False


def write_booking(state: ShopState, plan: Plan, host: str) -> Order:
    """Store what was planned; ``host`` is the source of a booking that names none [103].

    Raises PhpCrashError or WebserviceError **after** the booking was stored, as the shop does.
    """
    booking, now = plan.booking, state.now()
    customer = guest_for_booking(state, plan.detail)
    payment = part(booking, "payment_detail")
    order = Order(
        state.new_id("orders"),
        customer.id,
        as_int(booking["id_property"]),
        plan.currency["id"],
        AWAITING,
        _booking_date(booking.get("booking_date"), now),
        now,
        _text(booking.get("source") or host)[:SOURCE_LENGTH],
        state.new_reference(),
        customer.secure_key,
        id_lang=as_int(booking.get("id_language")) or state.default_language,
        payment=_text(payment.get("payment_method") or "Order from API"),
        payment_type=PAYMENT_TYPES.get(str(payment.get("payment_type")), 1),
        conversion_rate=plan.currency["conversion_rate"],
    )
    add_remark(order, booking.get("remark"))
    order.id_cart = state.new_cart(order)
    state.orders[order.id] = order
    add_lines(state, order, plan.lines)
    named = sum((one.tax for line in plan.lines for one in line.services if one.named), ZERO)
    order.total_products_wt -= named  # the tax of a product made for the sale is missing there [111]
    order.advance_paid_amount = sum(
        (line.cart_price_with_tax + sum((_in_cart(one) for one in line.services), ZERO) for line in plan.lines), ZERO
    )
    _settle(state, order, booking, str(payment.get("transaction_id") or ""))
    if state.version.mails_on_post:
        state.mails.update({"order_conf": 2, "new_order": 2})
    if state.version.is_170:
        for tax, price in plan.sent_taxes:
            state.make_tax_group(tax, price)
    if len(str(booking.get("remark") or "")) > REMARK_LENGTH:
        raise PhpCrashError
    if plan.lower_total and state.version.crashes_on_lower_total:
        raise PhpCrashError
    fail_when_strict(state, plan.warnings)
    return order


def _booking_date(value: object, now: str) -> str:
    """A booking may be dated back; what is no date is now [109]."""
    try:
        return datetime.fromisoformat(str(value)).strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return now


def add_remark(order: Order, remark: object) -> None:
    """Keep a remark as a message of the order."""
    text = clean_remark(_text(remark)) if remark else ""
    if text:
        order.remarks = (*order.remarks, text)


def _in_cart(one: ServiceLine) -> Decimal:
    """A service as the cart counted it: the tax of one that came by name is not known there [111]."""
    return one.total if one.named else one.total + one.tax


def add_lines(state: ShopState, order: Order, lines: list[PlannedLine]) -> None:
    """Store the planned room lines and add up the order anew."""
    for planned in lines:
        line = new_line(
            state,
            order,
            id_room=planned.id_room,
            date_from=planned.checkin,
            date_to=planned.checkout,
            price=planned.price,
            price_with_tax=planned.price_with_tax,
            cart_price_with_tax=planned.cart_price_with_tax,
            adults=planned.adults,
            children=planned.children,
            child_ages=planned.child_ages,
        )
        line.services = tuple(planned.services)
        state.add_line(line)
        count_line(order, line)
    write_details(state, order)


def _settle(state: ShopState, order: Order, booking: Row, transaction_id: str) -> None:
    """State, payment and history of a new order [131] - [137]: a payment makes it paid in part whatever the statuses
    say, and in full it passes through "awaiting"; "completed" without an amount pays everything."""
    status, payment = as_int(booking.get("booking_status")), as_int(booking.get("payment_status"))
    paid = max(as_amount(part(booking, "price_details").get("total_paid")) or ZERO, ZERO)
    total = order.total_paid_tax_incl
    if status in (CANCELLED, REFUND):
        target, paid = (CANCELED if status == CANCELLED else REFUNDED), ZERO
    elif paid >= total > 0 or (not paid and (status == COMPLETED or payment == PAID_FULL)):
        target, paid = PAID, total
        record_history(state, order, AWAITING)
    else:
        target = PARTIAL if paid or payment == PAID_PART else AWAITING
    order.current_state = target
    row = state.order_states[target]
    order.valid = row["logable"]
    if row["invoice"]:
        order.invoice_number = state.new_id("invoices")
        order.invoice_date = order.date_upd
    if paid:
        pay(state, order, paid, method=order.payment, kind=order.payment_type, transaction_id=transaction_id)
    if target in (CANCELED, REFUNDED):
        free_lines(state, order, cancelled=target == CANCELED)
    record_history(state, order, target)


def _text(value: object) -> str:
    """Text as the database keeps it: characters beyond the basic plane become ``????`` [467]."""
    return "".join(sign if ord(sign) < 0x10000 else "????" for sign in str(value))
