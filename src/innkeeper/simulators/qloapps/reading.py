"""``GET``: lists, single records, schemas and bookings."""

from __future__ import annotations

from typing import Any

from innkeeper.simulators.qloapps import render_json, render_xml, schemas
from innkeeper.simulators.qloapps.answers import Answer, Request
from innkeeper.simulators.qloapps.booking_view import booking_document
from innkeeper.simulators.qloapps.errors import NotFoundError, PhpCrashError, WebserviceError
from innkeeper.simulators.qloapps.fields import Resource
from innkeeper.simulators.qloapps.listing import display_names, languages_for, select
from innkeeper.simulators.qloapps.model import Order
from innkeeper.simulators.qloapps.php_warnings import fail_when_strict, view_warnings
from innkeeper.simulators.qloapps.qlo import read_qlo
from innkeeper.simulators.qloapps.state import ShopState


def read(state: ShopState, request: Request) -> Answer:
    """Answer a GET on any resource but ``hotel_ari``. Raises WebserviceError or NotFoundError."""
    name = request.path[0]
    if name == "bookings":
        return _bookings(state, request)
    if name == "qlo":
        return read_qlo(state, request)
    resource = state.resources.get(name)
    if resource is None:
        return _not_kept(request, name)
    kind = request.query.params.get("schema")
    if kind and kind not in ("blank", "synopsis"):
        raise WebserviceError(
            400,
            28,
            "Please select a schema of type 'synopsis' to get the whole schema informations (which fields are "
            "required, which kind of content...) or 'blank' to get an empty schema to fill before using POST request",
        )
    if kind:
        return Answer.xml(render_xml.document(schemas.resource_schema(state, resource, kind, request.base)))
    if len(request.path) > 1:
        return _single(state, request, resource)
    return _list(state, request, resource)


def _not_kept(request: Request, name: str) -> Answer:
    """A resource that a QloApps has and this one leaves empty."""
    if len(request.path) > 1:
        raise NotFoundError
    if request.json:
        return Answer.json(b"[]")
    return Answer.xml(render_xml.document(f"<{name}>\n</{name}>"))


def first_id(text: str) -> int:
    """The id of a path; of several, the first one [191]. Raises NotFoundError."""
    number = text.partition(",")[0]
    if not number.isdecimal():
        raise NotFoundError
    return int(number)


def _single(state: ShopState, request: Request, resource: Resource) -> Answer:
    number = first_id(request.path[1])
    row = state.tables[resource.name].get(number)
    if row is None:
        raise NotFoundError
    if "display" in request.query.params:  # turns the record into a list of bare ids [049]
        return _ids(request, resource, [number])
    return record_answer(state, request, resource, row)


def record_answer(
    state: ShopState,
    request: Request,
    resource: Resource,
    row: Any,
    *,
    status: int = 200,
    echo: dict[str, Any] | None = None,
) -> Answer:
    """One record in the format of the request."""
    languages = languages_for(state, request.query)
    if request.json:
        document = {resource.node: render_json.record(state, resource, row, languages, echo=echo)}
        return Answer.json(render_json.dumps(document), status)
    text = render_xml.record(state, resource, row, request.base, languages, echo=echo)
    return Answer.xml(render_xml.document(text), status)


def _ids(request: Request, resource: Resource, numbers: list[int]) -> Answer:
    if request.json:
        found = {resource.plural: [{"id": number} for number in numbers]} if numbers else []
        return Answer.json(render_json.dumps(found))
    text = render_xml.ids(request.base, resource.name, resource.plural, resource.node, numbers)
    return Answer.xml(render_xml.document(text))


def _list(state: ShopState, request: Request, resource: Resource) -> Answer:
    query = request.query
    display = query.params.get("display")
    names = display_names(resource, display) if display else ()
    rows = select(state, resource, query)
    if not display:
        get_id = resource.getter("id")
        return _ids(request, resource, [get_id(row) for row in rows])
    languages = languages_for(state, query)
    if request.json:
        if not rows:
            return Answer.json(b"[]")
        found = [render_json.record(state, resource, row, languages, names) for row in rows]
        return Answer.json(render_json.dumps({resource.plural: found}))
    lines = [f"<{resource.plural}>"]
    lines += [render_xml.record(state, resource, row, request.base, languages, names=names) for row in rows]
    lines.append(f"</{resource.plural}>")
    return Answer.xml(render_xml.document("\n".join(lines)))


def _bookings(state: ShopState, request: Request) -> Answer:
    """``bookings`` ignores every parameter: always all ids, by customer [180] - [190]."""
    kind = request.query.params.get("schema")
    if kind:
        if request.json:
            return Answer.json(render_json.dumps(schemas.booking_schema_json()))
        return Answer.xml(render_xml.document(schemas.booking_schema(kind)))
    if len(request.path) > 1:
        order = state.orders.get(first_id(request.path[1]))
        if order is None:
            raise NotFoundError
        if any(line.date_from == line.date_to for line in state.lines_of(order)):
            raise PhpCrashError  # PHP divides by the number of nights
        fail_when_strict(state, view_warnings(state))
        return booking_answer(state, request, order)
    numbers = [order.id for order in sorted(state.orders.values(), key=lambda one: (one.id_customer, one.id))]
    if request.json:
        return Answer.json(render_json.dumps({"bookings": [{"id": one} for one in numbers]} if numbers else []))
    text = render_xml.ids(request.base, "bookings", "bookings", "booking", numbers, id_first=False)
    return Answer.xml(render_xml.document(text))


def booking_answer(state: ShopState, request: Request, order: Order, *, just_written: bool = False) -> Answer:
    """A booking in the format of the request; written ones answer 200 too [103]."""
    document = booking_document(state, order, just_written=just_written)
    if request.json:
        return Answer.json(render_json.dumps({"booking": document}, ascii_only=True))
    return Answer.xml(render_xml.document(render_xml.booking(document)))
