"""What every way of writing an order shares: line rows, totals, details, states and payments."""

from __future__ import annotations

from decimal import Decimal

from innkeeper.simulators.qloapps.model import (
    CANCELED,
    REFUNDED,
    ZERO,
    Line,
    Order,
    Row,
)
from innkeeper.simulators.qloapps.prices import stored
from innkeeper.simulators.qloapps.state import ShopState, ordinal


def new_line(
    state: ShopState,
    order: Order,
    *,
    id_room: int,
    date_from: str,
    date_to: str,
    price: Decimal,
    price_with_tax: Decimal,
    adults: int,
    children: int,
    child_ages: str,
    cart_price_with_tax: Decimal | None = None,
    line_id: int | None = None,
) -> Line:
    """A room line of an order, not stored yet. Dates are ``YYYY-MM-DD``; prices those of the whole stay.

    ``cart_price_with_tax`` is the price before a given tax corrected it; it stays in ``total_paid_amount`` [112].
    """
    room = state.hotel_rooms[id_room]
    id_type: int = room["id_product"]
    hotel = state.hotels[room["id_hotel"]]
    now = state.now()
    language = state.default_language
    return Line(
        id=state.new_id("room_bookings") if line_id is None else line_id,
        id_order=order.id,
        id_product=id_type,
        id_hotel=room["id_hotel"],
        id_room=id_room,
        id_customer=order.id_customer,
        date_from=f"{date_from} 00:00:00",
        date_to=f"{date_to} 00:00:00",
        total_price_tax_excl=stored(price),
        total_price_tax_incl=price_with_tax,
        total_paid_amount=price_with_tax if cart_price_with_tax is None else cart_price_with_tax,
        room_num=room["room_num"],
        room_type_name=state.room_types[id_type]["name"][language],
        hotel_name=hotel["hotel_name"][language],
        city=hotel["city"],
        state=state.state_name,
        country=state.country,
        zipcode=hotel["zipcode"],
        phone=hotel["phone"],
        email=hotel["email"],
        check_in_time=hotel["check_in"],
        check_out_time=hotel["check_out"],
        planned_check_out=f"{date_to} {hotel['check_out']}:00",
        adults=adults,
        children=children,
        child_ages=child_ages,
        date_add=now,
        date_upd=now,
        id_cart=order.id_cart,
    )


def amounts_of(line: Line) -> tuple[Decimal, Decimal]:
    """(without tax, with tax) of a room line with its services."""
    services = sum((one.total for one in line.services), ZERO)
    taxes = sum((one.tax for one in line.services), ZERO)
    return line.total_price_tax_excl + services, line.total_price_tax_incl + services + taxes


def count(order: Order, excl: Decimal, incl: Decimal) -> None:
    """Add to what the order costs; the shop works by differences, never by adding up anew."""
    order.total_paid_tax_excl += excl
    order.total_paid_tax_incl += incl
    order.total_paid = order.total_paid_tax_incl


def count_products(order: Order, excl: Decimal, incl: Decimal) -> None:
    """Add to the two totals of the products, which follow other rules than what is to be paid."""
    order.total_products += excl
    order.total_products_wt += incl


def count_line(order: Order, line: Line, sign: int = 1) -> None:
    """Add or take away a whole line with its services."""
    excl, incl = amounts_of(line)
    count(order, sign * excl, sign * incl)
    count_products(order, sign * excl, sign * incl)


def write_details(state: ShopState, order: Order) -> None:
    """One detail per room type and per service; a room counts once a night [114]."""
    amounts: dict[tuple[str, int], tuple[str, int, Decimal, Decimal]] = {}
    lines = state.lines_of(order)
    for line in lines:
        nights = ordinal(line.date_to) - ordinal(line.date_from)
        _add(
            amounts,
            ("room", line.id_product),
            line.room_type_name,
            nights,
            line.total_price_tax_excl,
            line.total_price_tax_incl,
        )
    for line in lines:
        nights = ordinal(line.date_to) - ordinal(line.date_from)
        for service in line.services:
            pieces = service.quantity * (nights if service.per_night else 1)
            key = ("service", service.id_service)
            _add(amounts, key, service.name, pieces, service.total, service.total + service.tax)
    known = {(row["kind"], row["product_id"]): row for row in (state.order_details[one] for one in order.details)}
    for key in known.keys() - amounts.keys():
        gone = known[key]["id"]
        del state.order_details[gone]
        order.details.remove(gone)
    for key, (name, pieces, excl, incl) in amounts.items():
        found = known.get(key)
        row: Row = {} if found is None else found
        if found is None:
            number = state.new_id("order_details")
            row = {"id": number, "id_order": order.id, "kind": key[0], "product_id": key[1]}
            state.order_details[number] = row
            order.details.append(number)
        row |= {
            "product_name": name,
            "product_quantity": pieces,
            "unit_price_tax_excl": stored(excl / pieces) if pieces else excl,
            "unit_price_tax_incl": stored(incl / pieces) if pieces else incl,
            "id_tax_rules_group": _tax_group(state, key),
            "total_price_tax_excl": excl,
            "total_price_tax_incl": incl,
        }
        if key[0] == "room":
            for line in lines:
                if line.id_product == key[1]:
                    line.id_order_detail = row["id"]


def _add(
    amounts: dict[tuple[str, int], tuple[str, int, Decimal, Decimal]],
    key: tuple[str, int],
    name: str,
    pieces: int,
    excl: Decimal,
    incl: Decimal,
) -> None:
    _, counted, before, before_incl = amounts.get(key, (name, 0, ZERO, ZERO))
    amounts[key] = (name, counted + pieces, before + excl, before_incl + incl)


def _tax_group(state: ShopState, key: tuple[str, int]) -> int:
    rows = state.room_types if key[0] == "room" else state.services
    row = rows.get(key[1])
    return int(row["id_tax_rules_group"]) if row else 0


def enter_state(state: ShopState, order: Order, new_state: int, *, pay_rest: bool = True) -> None:
    """Move an order to a state as the shop does: history, flags of the lines, invoice, payment of the rest.

    Bumps ``orders.date_upd`` and never that of the lines [238] [261]. Repeating a state only adds a history row [263].
    """
    repeated = order.current_state == new_state
    record_history(state, order, new_state)
    if repeated:
        return
    now = state.now()
    row = state.order_states[new_state]
    order.current_state = new_state
    order.valid = row["logable"]
    order.date_upd = now
    if row["invoice"] and not order.invoice_number:
        order.invoice_number = state.new_id("invoices")
        order.invoice_date = now
    if new_state in (CANCELED, REFUNDED):
        free_lines(state, order, cancelled=new_state == CANCELED)
    if row["paid"] and pay_rest:
        rest = order.total_paid_tax_incl - order.total_paid_real
        if rest > 0:
            pay(state, order, rest, method=order.payment, kind=order.payment_type)


def free_lines(state: ShopState, order: Order, *, cancelled: bool) -> None:
    """Give the rooms back: refunded, and cancelled too when it was a cancellation [139]."""
    for line in state.lines_of(order):
        if not line.is_refunded:
            state.release(line)
            line.is_refunded = 1
        if cancelled:
            line.is_cancelled = 1


def record_history(state: ShopState, order: Order, new_state: int, *, stamp: str = "") -> int:
    """Add a row to ``order_histories``; returns its id."""
    number = state.new_id("order_histories")
    state.order_histories[number] = {
        "id": number,
        "id_employee": 0,
        "id_order_state": new_state,
        "id_order": order.id,
        "date_add": stamp or state.now(),
    }
    return number


def record_state(state: ShopState, order: Order, stamp: str) -> None:
    """The history row that a new order starts with."""
    record_history(state, order, order.current_state, stamp=stamp)


def pay(
    state: ShopState,
    order: Order,
    amount: Decimal,
    *,
    method: str = "Order from API",
    kind: int = 1,
    transaction_id: str = "",
) -> int:
    """Record a payment and add it to what the order has been paid; returns the id of the payment."""
    number = state.new_id("order_payments")
    state.order_payments[number] = {
        "id": number,
        "order_reference": order.reference,
        "id_currency": order.id_currency,
        "amount": amount,
        "payment_method": method,
        "payment_type": kind,
        "conversion_rate": order.conversion_rate,
        "transaction_id": transaction_id,
        "card_number": "",
        "card_brand": "",
        "card_expiration": "",
        "card_holder": "",
        "date_add": state.now(),
    }
    order.total_paid_real += amount
    order.date_upd = state.now()
    return number
