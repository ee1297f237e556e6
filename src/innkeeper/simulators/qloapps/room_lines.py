"""Room lines (``room_bookings``) written directly: in place, without any look at who else has the room."""

from __future__ import annotations

from innkeeper.simulators.qloapps.errors import WebserviceError, no_such_row
from innkeeper.simulators.qloapps.fields import NO_STAMP
from innkeeper.simulators.qloapps.model import Line
from innkeeper.simulators.qloapps.records import Written, columns, echo_of, require, stamps, target
from innkeeper.simulators.qloapps.state import ShopState, ordinal
from innkeeper.simulators.qloapps.xml_request import Document


def post_line(state: ShopState, document: Document) -> Written:
    """A new line, also one without an order (``id_order`` 0), which blocks its room [270]."""
    resource = state.resources["room_bookings"]
    require(resource, document)
    _check_dates(document)
    number = state.new_id("room_bookings")
    echo = echo_of(resource, document, id=number, **stamps(state, document))
    stored = columns(resource, document, echo, changing=False)
    stored.setdefault("planned_check_out", NO_STAMP)
    line = Line(id=number, **stored)
    state.add_line(line)
    return line, echo


def put_line(state: ShopState, document: Document) -> Written:
    """Change a line in place: status, room, dates, flags. Neither the order nor a conflict is looked at, and
    ``room_num`` stays as it was sent [265] - [267] [462]."""
    resource = state.resources["room_bookings"]
    line: Line = target(state, resource, document)
    require(resource, document)
    _check_dates(document)
    echo = echo_of(resource, document, id=line.id, **stamps(state, document))
    stored = columns(resource, document, echo, changing=True)
    state.release(line)
    for name, value in stored.items():
        setattr(line, name, value)
    state.hold(line)
    return line, echo


def _check_dates(document: Document) -> None:
    """Raises WebserviceError 85 for a day that does not exist."""
    for name in ("date_from", "date_to"):
        try:
            ordinal(document.text(name))
        except ValueError:
            raise WebserviceError(
                400, 85, f'Validation error: "Property HotelBookingDetail->{name} is not valid"'
            ) from None


def delete_line(state: ShopState, number: int) -> None:
    """Delete a line without a trace; the totals of its order stay [272]. Raises WebserviceError 87."""
    line = state.lines.get(number)
    if line is None:
        raise no_such_row(number)
    state.remove_line(line)
