"""Says what a line of the synchronisation log did."""

from typing import Protocol

#: What a line did, in words: by direction, kind of thing and operation; "" stands for any kind.
_ACTS = {
    ("inbound", "", "create"): "Booking taken in",
    ("inbound", "", "update"): "Change taken in",
    ("inbound", "", "delete"): "Cancellation taken in",
    ("inbound", "", "skip"): "Read, nothing to do",
    ("inbound", "", "conflict"): "Both sides had changed it",
    ("outbound", "", "create"): "Reservation sent",
    ("outbound", "", "update"): "Change sent",
    ("outbound", "", "delete"): "Cancellation sent",
    ("outbound", "", "skip"): "Nothing sent",
    ("outbound", "", "conflict"): "Conflict decided",
    ("outbound", "block", "create"): "Room kept from sale",
    ("outbound", "block", "update"): "Block changed",
    ("outbound", "block", "delete"): "Block released",
    ("outbound", "room_type", "update"): "Prices sent",
    ("outbound", "room_type", "delete"): "Prices taken back",
    ("outbound", "room_type", "skip"): "Prices were right",
    ("outbound", "stay_limits", "delete"): "Limits of stay given back",
}


class _Line(Protocol):
    direction: str
    entity_type: str
    operation: str


def act_of(log: _Line) -> str:
    """Return what a line of the log did as a person says it."""
    own = _ACTS.get((log.direction, log.entity_type, log.operation))
    return own or _ACTS.get((log.direction, "", log.operation), log.operation)
