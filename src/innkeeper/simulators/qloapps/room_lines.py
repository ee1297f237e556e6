"""Room lines (``room_bookings``) written directly: in place, without any look at who else has the room."""

from __future__ import annotations

from innkeeper.simulators.qloapps.errors import NotFoundError
from innkeeper.simulators.qloapps.fields import NO_STAMP
from innkeeper.simulators.qloapps.model import Line
from innkeeper.simulators.qloapps.records import Written, columns, echo_of, require, stamps, target
from innkeeper.simulators.qloapps.state import ShopState
from innkeeper.simulators.qloapps.xml_request import Document


def post_line(state: ShopState, document: Document) -> Written:
    """A new line, also one without an order (``id_order`` 0), which blocks its room [270]."""
    resource = state.resources["room_bookings"]
    require(resource, document)
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
    echo = echo_of(resource, document, id=line.id, **stamps(state, document))
    stored = columns(resource, document, echo, changing=True)
    state.release(line)
    for name, value in stored.items():
        setattr(line, name, value)
    state.hold(line)
    return line, echo


def delete_line(state: ShopState, number: int) -> None:
    """Delete a line without a trace [272]. Raises NotFoundError."""
    line = state.lines.get(number)
    if line is None:
        raise NotFoundError
    state.remove_line(line)
