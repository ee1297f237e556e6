"""``POST``, ``PUT`` and ``DELETE``: which module writes what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from innkeeper.simulators.qloapps import (
    ari,
    catalogue,
    customers,
    feature_prices,
    orders,
    render_json,
    render_xml,
    room_lines,
    schemas,
)
from innkeeper.simulators.qloapps.answers import Answer, Request
from innkeeper.simulators.qloapps.ari_xml import ari_xml
from innkeeper.simulators.qloapps.booking_changes import change_booking
from innkeeper.simulators.qloapps.booking_request import read_booking
from innkeeper.simulators.qloapps.bookings import plan_booking, write_booking
from innkeeper.simulators.qloapps.errors import NotFoundError, WebserviceError, no_such_row
from innkeeper.simulators.qloapps.qlo import write_qlo
from innkeeper.simulators.qloapps.reading import booking_answer, first_id, record_answer
from innkeeper.simulators.qloapps.records import Written
from innkeeper.simulators.qloapps.state import ShopState
from innkeeper.simulators.qloapps.xml_request import Document, read_document

Writer = Callable[[ShopState, Document], Written]
Sleep = Callable[[float], Awaitable[None]]

_POST: dict[str, Writer] = {
    "customers": customers.post_customer,
    "room_bookings": room_lines.post_line,
    "order_payments": orders.post_payment,
    "feature_prices": feature_prices.post_rate,
    "currencies": catalogue.post_currency,
}
_PUT: dict[str, Writer] = {
    "customers": customers.put_customer,
    "orders": orders.put_order,
    "room_bookings": room_lines.put_line,
    "feature_prices": feature_prices.put_rate,
    "hotel_rooms": catalogue.put_room,
    "hotel_room_types": catalogue.put_occupancy,
    "room_types": catalogue.put_room_type,
}
_DELETE: dict[str, Callable[[ShopState, int], None]] = {
    "room_bookings": room_lines.delete_line,
    "feature_prices": feature_prices.delete_rate,
}


async def write_booking_request(state: ShopState, request: Request, sleep: Sleep) -> Answer:
    """POST or PUT of a booking. With ``race_seconds`` others may book between the check and the writing [420]."""
    booking = read_booking(request.body)
    if request.method == "PUT":
        order = change_booking(state, booking)
    else:
        plan = plan_booking(state, booking)
        if state.race_seconds is not None:
            await sleep(state.race_seconds)
        order = write_booking(state, plan, state.domain or request.host)
    return booking_answer(state, request, order, just_written=True)


def write(state: ShopState, request: Request) -> Answer:
    """Any other write. Raises WebserviceError or NotFoundError."""
    name = request.path[0]
    if name == "qlo":
        return write_qlo(state, request)
    if request.method == "DELETE":
        rows = state.tables.get(name, {})
        if len(request.path) > 1 and name not in _DELETE and first_id(request.path[1]) not in rows:
            raise no_such_row(first_id(request.path[1]))
        if name not in _DELETE:
            raise WebserviceError(405, 101, f"Method DELETE is not allowed for the resource {name}")
        if len(request.path) < 2:
            raise NotFoundError
        _DELETE[name](state, first_id(request.path[1]))
        return Answer(200, None, b"")
    resource = state.resources.get(name)
    if resource is None:
        raise WebserviceError(405, 101, f"Method {request.method} is not allowed for the resource {name}")
    document = read_document(request.body, resource)
    if name == "order_histories" and request.method == "POST":
        send_email = request.query.params.get("sendemail", "0") not in ("", "0")
        row, echo = orders.post_history(state, document, send_email=send_email)
    else:
        writer = (_POST if request.method == "POST" else _PUT).get(name)
        if writer is None:
            raise WebserviceError(405, 101, f"Method {request.method} is not allowed for the resource {name}")
        row, echo = writer(state, document)
    return record_answer(state, request, resource, row, status=201 if request.method == "POST" else 200, echo=echo)


def hotel_ari(state: ShopState, request: Request) -> Answer:
    """The search for availability: POST only, and only in XML [300] - [305]."""
    kind = request.query.params.get("schema")
    if request.method == "GET" and kind:
        return Answer.xml(render_xml.document(schemas.ari_schema(kind)))
    if request.method != "POST":
        raise WebserviceError(405, 23, f"Method {request.method} is not valid")
    found = ari.find(state, ari.read_search(request.body))
    if request.json:
        return Answer.json(render_json.dumps(found))
    return Answer.xml(render_xml.document(ari_xml(state, found, request.base)))
