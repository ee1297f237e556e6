"""The comparable state of a booking: one flat form for both sides, and the differences between two of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from innkeeper.domain.channel import BookingState, ChannelBooking, ChannelLine
from innkeeper.domain.money import format_amount
from innkeeper.domain.stay import StayStatus
from innkeeper.house.tables import Reservation

#: What a person calls the parts of a room that can differ.
ROOM_FIELDS = ("type", "stay", "people", "status", "amount")

#: The shop rounds each line after its own tax arithmetic; beyond this it is another price.
CENT_TOLERANCE = Decimal("0.05")


@dataclass(frozen=True, slots=True)
class State:
    """One side's view. `rooms` maps our room's id to its fields; rooms that are not held are not in it.

    Fields of a room: `type` (the broker's room type id, or `local:<id>` where it has none), `stay` [in, out],
    `people` [adults, children, [ages]], `status`, `amount` (for the whole stay, tax included).
    """

    cancelled: bool
    rooms: Mapping[str, Mapping[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """Return the document that a mapping keeps."""
        return {"cancelled": self.cancelled, "rooms": {key: dict(room) for key, room in self.rooms.items()}}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "State":
        """Return the state that a mapping kept."""
        return cls(bool(document["cancelled"]), document["rooms"])

    def flat(self) -> dict[str, Any]:
        """Return every fact under its path; a room that is there has its `held` fact."""
        facts: dict[str, Any] = {"cancelled": self.cancelled}
        if self.cancelled:
            return facts
        for key, room in self.rooms.items():
            facts[f"rooms.{key}.held"] = True
            facts.update({f"rooms.{key}.{name}": room[name] for name in ROOM_FIELDS})
        return facts

    @classmethod
    def from_flat(cls, facts: Mapping[str, Any], lines: Mapping[str, Mapping[str, Any]]) -> "State":
        """Build a state from facts; a room without all its facts takes the missing ones from `lines`."""
        rooms: dict[str, dict[str, Any]] = {}
        for path in facts:
            if path.endswith(".held") and facts[path]:
                key = path.split(".")[1]
                known = lines.get(key, {})
                rooms[key] = {name: facts.get(f"rooms.{key}.{name}", known.get(name)) for name in ROOM_FIELDS}
                if "line" in known:
                    rooms[key]["line"] = known["line"]
        return cls(bool(facts["cancelled"]), rooms)


def local_state(reservation: Reservation, products: Mapping[Any, int], agreed: Mapping[str, Any] | None) -> State:
    """Return our side. `products` maps room type ids to the broker's; `agreed` is the last agreed local document.

    A room whose type is not mapped keeps the type that was agreed for it, so that a missing mapping is no change; so
    does one that has no type here, of which nobody here has said another.
    """
    known = (agreed or {}).get("rooms", {})
    rooms: dict[str, dict[str, Any]] = {}
    for room in reservation.rooms:
        if room.status == StayStatus.CANCELLED:
            continue
        key = str(room.id)
        kind: Any = products.get(room.room_type_id)
        if kind is None:
            before = known.get(key, {})
            same = before and (room.room_type_id is None or before.get("room_type") == str(room.room_type_id))
            kind = before["type"] if same else f"local:{room.room_type_id}"
        rooms[key] = {
            "type": kind,
            "room_type": str(room.room_type_id),
            "stay": [room.check_in.isoformat(), room.check_out.isoformat()],
            "people": [room.adults, room.children, sorted(int(age) for age in room.child_ages)],
            "status": room.status,
            "amount": format_amount(room.amount, reservation.currency),
        }
    return State(reservation.status == StayStatus.CANCELLED or not rooms, rooms)


def remote_state(booking: ChannelBooking, keys: Mapping[int, str]) -> State:
    """Return their side. `keys` names for each line the room of ours that it stands for.

    A cancelled booking keeps its rooms in the state, so that they are recognised if it is brought back.
    """
    lines = booking.held or booking.lines
    rooms = {keys[line.line_id]: _remote_room(line, booking.currency) for line in lines}
    return State(booking.state is not BookingState.OPEN or not booking.held, rooms)


def _remote_room(line: ChannelLine, currency: str) -> dict[str, Any]:
    return {
        "type": line.room_type_id,
        "stay": [line.stay.check_in.isoformat(), line.stay.check_out.isoformat()],
        "people": [line.adults, line.children, sorted(line.child_ages)],
        "status": str(line.status),
        "amount": format_amount(line.gross, currency),
        "line": line.line_id,
    }


def match_lines(rooms: Mapping[str, Mapping[str, Any]], lines: Iterable[ChannelLine]) -> dict[int, str]:
    """Say for each line which of our rooms it stands for; lines that are new to us are not in the answer.

    Line ids are not durable, so a line that is unknown by id takes the room that has most in common with it. The
    first pass goes by line id, the next ones by type and dates, type alone, dates alone, and order.
    """
    lines = list(lines)
    free = dict(rooms)
    answer: dict[int, str] = {}
    by_line = {room.get("line"): key for key, room in rooms.items() if room.get("line") is not None}
    for line in lines:
        key = by_line.get(line.line_id)
        if key in free:
            answer[line.line_id] = key
            del free[key]
    for wanted in (("type", "stay", "people"), ("type", "stay"), ("type",), ("stay",), ()):
        for line in lines:
            if line.line_id in answer:
                continue
            facts = _remote_room(line, "EUR")
            key = next((k for k, room in free.items() if all(room.get(f) == facts[f] for f in wanted)), None)
            if key is not None:
                answer[line.line_id] = key
                del free[key]
    return answer


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return path -> (before, after) for every fact that differs; None stands for a fact that is not there."""
    paths = {**before, **after}
    return {p: (before.get(p), after.get(p)) for p in paths if before.get(p) != after.get(p)}


def frees_rooms(before: State, after: State) -> bool:
    """Whether a side gave up nights between two states, so that what found no room there may find one now."""
    if before.cancelled:
        return False
    if after.cancelled:
        return True
    return any(_frees(room, after.rooms.get(key)) for key, room in before.rooms.items())


def _frees(before: Mapping[str, Any], after: Mapping[str, Any] | None) -> bool:
    if after is None or after["type"] != before["type"]:
        return True
    left = after["status"] == StayStatus.CHECKED_OUT and before["status"] != StayStatus.CHECKED_OUT
    return bool(left or after["stay"][0] > before["stay"][0] or after["stay"][1] < before["stay"][1])


def same_fact(path: str, ours: Any, theirs: Any) -> bool:
    """Whether two facts mean the same; amounts may differ by the cents that a shop's rounding makes."""
    if ours == theirs:
        return True
    if path.endswith(".amount") and ours is not None and theirs is not None:
        return abs(Decimal(ours) - Decimal(theirs)) <= CENT_TOLERANCE
    return False
