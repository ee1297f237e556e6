"""The agreed state of a booking: what is remembered of both sides once they have spoken."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.channel_sync.book import Book
from innkeeper.channel_sync.conflicts import Merge
from innkeeper.channel_sync.customers import remember
from innkeeper.channel_sync.drafts import is_existing, new_key
from innkeeper.channel_sync.states import State, local_state, match_lines, remote_state, same_fact
from innkeeper.channel_sync.tables import FormerOrder, ReservationMapping
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.channel import ChannelBooking
from innkeeper.house.tables import Reservation

#: A guest that a booking of ours was made from is that customer beyond doubt.
_SURE = Decimal(1)


def settle_found(book: Book, mapping: ReservationMapping, reservation: Reservation, booking: ChannelBooking) -> None:
    """Remember a booking that was found under our reference; facts that differ there stay to be sent."""
    local = local_state(reservation, book.products, mapping.agreed_local)
    keys = name_lines(booking, local.rooms)
    remote = remote_state(booking, keys)
    agreed = as_agreed(local, remote)
    note_remote(mapping, booking, remote)
    mapping.agreed_local = agreed.to_json()
    mapping.status = "synced"
    if booking.customer is not None:
        remember(book, booking.customer, reservation.primary_guest_id, "created", _SURE, ("made from our guest",))


def name_lines(booking: ChannelBooking, rooms: Mapping[str, Mapping[str, Any]]) -> dict[int, str]:
    """Return the room key of every line, with a new key for lines that stand for no room of ours."""
    lines = booking.held or booking.lines
    keys = match_lines(rooms, lines)
    return {line.line_id: keys.get(line.line_id, new_key(line.line_id)) for line in lines}


def note_remote(mapping: ReservationMapping, booking: ChannelBooking, remote: State) -> None:
    """Keep the broker's side as it was seen."""
    for name, value in remote_columns(booking, remote, utc_now()).items():
        setattr(mapping, name, value)


def remote_columns(booking: ChannelBooking, remote: State, now: datetime) -> dict[str, Any]:
    """Return the columns of a mapping that hold the broker's side."""
    return {
        "qloapps_order_id": booking.order_id,
        "qloapps_reference": booking.reference,
        "qloapps_booking_id": booking.lines[0].line_id if booking.lines else None,
        "qloapps_channel": booking.channel,
        "agreed_remote": remote.to_json(),
        "remote_digest": booking.digest,
        "last_qloapps_update": booking.updated_at,
        "last_synced_at": now,
    }


def keep_agreed(
    book: Book, mapping: ReservationMapping, reservation: Reservation, outcome: Merge, rename: Mapping[str, str]
) -> None:
    """Remember what is agreed for our side: for what was taken, the form in which the house now has it."""
    actual = local_state(reservation, book.products, mapping.agreed_local)
    agreed = renamed(outcome.agreed_local, rename)
    if agreed.cancelled:
        mapping.agreed_local = State(True, (mapping.agreed_local or {}).get("rooms", {})).to_json()
        return
    taken = {_rename_path(path, rename) for path in outcome.taken}
    before = (mapping.agreed_local or {}).get("rooms", {})
    rooms: dict[str, dict[str, Any]] = {}
    for key, room in agreed.rooms.items():
        facts = {name: value for name, value in room.items() if name != "line"}
        now = actual.rooms.get(key, {})
        for name in facts:
            if f"rooms.{key}.{name}" in taken and name in now:
                facts[name] = now[name]
        follows = f"rooms.{key}.type" in taken or key not in before
        facts["room_type"] = (now if follows else before[key]).get("room_type")
        rooms[key] = facts
    mapping.agreed_local = State(False, rooms).to_json()
    if agreed == actual or not set(outcome.state.flat()) ^ set(agreed.flat()):
        mapping.last_local_update = reservation.updated_at


def first_agreed(local: State, remote: State) -> dict[str, Any]:
    """Return what is agreed of our side when a booking has just become a reservation.

    A room without a mapping has the broker's type on both sides, until a mapping gives it one of ours.
    """
    agreed = local.to_json()
    for key, room in agreed["rooms"].items():
        if isinstance(room["type"], str) and key in remote.rooms:
            room["type"] = remote.rooms[key]["type"]
    return agreed


def start_new_generation(session: AsyncSession, mapping: ReservationMapping) -> None:
    """Forget the present booking there, which will not hold rooms again, so that the next push makes a new one."""
    if mapping.qloapps_order_id is not None:
        session.add(
            FormerOrder(
                property_id=mapping.property_id,
                order_id=mapping.qloapps_order_id,
                reservation_id=mapping.local_reservation_id,
            )
        )
    mapping.qloapps_order_id = None
    mapping.generation += 1
    mapping.reference = f"{mapping.local_reservation_id.hex}.{mapping.generation}"
    mapping.agreed_local = mapping.agreed_remote = mapping.remote_digest = None
    mapping.status = "pending"


def differs_from_agreed(book: Book, mapping: ReservationMapping, reservation: Reservation) -> bool:
    if mapping.agreed_local is None:
        return True
    local = local_state(reservation, book.products, mapping.agreed_local)
    return local.flat() != State.from_json(mapping.agreed_local).flat()


def as_agreed(local: State, remote: State) -> State:
    """Our side as it was when the booking there was made: the broker's facts, in our words where they mean the same."""
    ours, facts = local.flat(), dict(remote.flat())
    for path, value in facts.items():
        if path in ours and same_fact(path, ours[path], value):
            facts[path] = ours[path]
    agreed = State.from_flat(facts, remote.rooms)
    rooms = {
        key: {**{n: v for n, v in room.items() if n != "line"}, "room_type": local.rooms.get(key, {}).get("room_type")}
        for key, room in agreed.rooms.items()
    }
    return State(remote.cancelled, rooms)


def new_ids(state: State, reservation: Reservation, known: set[str]) -> dict[str, str]:
    """Say which room of the reservation each new key became; both are in the order of the draft."""
    fresh = [str(room.id) for room in reservation.rooms if str(room.id) not in known]
    return dict(zip((key for key in state.rooms if not is_existing(key)), fresh, strict=False))


def renamed(state: State, rename: Mapping[str, str]) -> State:
    return State(state.cancelled, {rename.get(key, key): room for key, room in state.rooms.items()})


def _rename_path(path: str, rename: Mapping[str, str]) -> str:
    parts = path.split(".")
    return ".".join([parts[0], rename.get(parts[1], parts[1]), *parts[2:]]) if len(parts) > 1 else path
