"""Orders, their histories and payments, as the webservice writes them."""

from __future__ import annotations

from innkeeper.simulators.qloapps.errors import PhpCrashError, WebserviceError
from innkeeper.simulators.qloapps.model import CANCELED, REFUNDED, Order
from innkeeper.simulators.qloapps.records import Written, columns, echo_of, require, stamps, target
from innkeeper.simulators.qloapps.state import ShopState
from innkeeper.simulators.qloapps.writing import enter_state, free_lines
from innkeeper.simulators.qloapps.xml_request import Document

_UNSEEN = ("id_shop", "id_shop_group", "round_mode", "round_type")
"""Columns that no GET shows and that a PUT without them sets to 0 (section 6, "PUT orders")."""


def put_order(state: ShopState, document: Document) -> Written:
    """Replace an order. Its state is entered again, also an unchanged one, and an order in a state that frees rooms
    cancels its lines anew; without ``id_shop`` the order is in no list afterwards."""
    resource = state.resources["orders"]
    order: Order = target(state, resource, document)
    require(resource, document)
    echo = echo_of(resource, document, id=order.id, **stamps(state, document))
    stored = columns(resource, document, echo, changing=True)
    del stored["transaction_id"]  # shown, never stored
    wanted = stored.pop("current_state")
    if wanted and wanted not in state.order_states:
        raise WebserviceError(400, 85, 'Validation error: "Property Order->current_state is not valid"')
    for name, value in stored.items():
        setattr(order, name, value)
    for name in _UNSEEN:
        text = document.text(name).strip()
        setattr(order, name, int(text) if text.isdecimal() else 0)
    if wanted:  # the state is entered again, with a row of history and a mail to the guest, whatever was changed
        enter_state(state, order, wanted)
        if wanted in (CANCELED, REFUNDED):
            free_lines(state, order, cancelled=wanted == CANCELED)
        state.mails["order_state"] += 1
    elif "current_state" not in document.values:
        order.current_state = 0
    return order, echo


def post_history(state: ShopState, document: Document, *, send_email: bool) -> Written:
    """Move an order to a state; accepted again and again [261] [262]. Raises PhpCrashError for an unknown order or
    state: 200 with a sentence in HTML."""
    resource = state.resources["order_histories"]
    require(resource, document)
    order = state.orders.get(_number(document, "id_order"))
    new_state = _number(document, "id_order_state")
    if order is None or new_state not in state.order_states:
        raise PhpCrashError(200, b"Invalid new order status")
    enter_state(state, order, new_state)
    if send_email:
        state.mails["order_state"] += 1
    row = state.order_histories[state.last_id("order_histories")]
    # the state alone comes back as a number: PHP has looked it up by then
    return row, echo_of(resource, document, id=row["id"], date_add=row["date_add"], id_order_state=new_state)


def post_payment(state: ShopState, document: Document) -> Written:
    """Record a payment; the order's own total and ``date_upd`` do not notice [465] [466]."""
    resource = state.resources["order_payments"]
    require(resource, document)
    number = state.new_id("order_payments")
    echo = echo_of(resource, document, id=number, date_add=state.now())
    row = state.order_payments[number] = columns(resource, document, echo, changing=False) | {"id": number}
    return row, echo


def _number(document: Document, name: str) -> int:
    text = document.text(name).strip()
    return int(text) if text.isdecimal() else 0
