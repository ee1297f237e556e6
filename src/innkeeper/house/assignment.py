"""Gives stays their physical rooms, and holds each night of a room for one stay only."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from innkeeper.domain.errors import Conflict, FieldError, Invalid
from innkeeper.domain.stay import Stay, StayStatus
from innkeeper.house import room_repository
from innkeeper.house.rates import listed
from innkeeper.house.tables import Property, ReservationRoom, Room
from innkeeper.storage.database import Tx

if TYPE_CHECKING:
    from innkeeper.house.booking import Line

#: A channel's booking named a physical room that could not be given to it.
ROOM_TAKEN_FLAG = "room_taken"


@dataclass(slots=True)
class Moves:
    """What changes in the calendar of the physical rooms: stays that let go of all nights, and nights to hold."""

    release: list[UUID] = field(default_factory=list)
    hold: list[dict[str, Any]] = field(default_factory=list)


async def choose(
    tx: Tx, house: Property, lines: Collection["Line"], reservation_id: UUID | None, *, lenient: bool
) -> bool:
    """Set each line's physical room: the one it names, the one it has, or at check-in a free one of its type.

    Returns whether a named room was dropped, which only `lenient` allows. The caller holds the locks of the types, and
    a room is only ever given to stays of its own type, so that nobody else can take it meanwhile. Raises Invalid,
    Conflict (`ROOM_TAKEN`, `ROOM_OUT_OF_ORDER`, `NO_ROOM_FREE`).
    """
    checked: list[tuple[int, Line]] = []
    for position, line in enumerate(lines):
        wanted = _wanted(line, lenient)
        if line.before is not None and wanted == line.before.room_id and not _must_check(line):
            line.room = line.row.room
        elif wanted is not None:
            checked.append((position, line))
    dropped = False
    if checked:
        dropped = await _check_named(tx, house, checked, reservation_id, lenient)
    for position, line in enumerate(lines):
        if line.room is None and line.draft.status is StayStatus.CHECKED_IN and line.draft.room_type_id is not None:
            await _take_free(tx, house, position, line, lines, lenient)
    return dropped


def moves(lines: Collection["Line"], removed: Collection[ReservationRoom], today: date) -> Moves:
    """Compare the nights that the stays held in rooms with those that they shall hold."""
    result = Moves(release=[row.id for row in removed if row.room_id is not None])
    for line in lines:
        was = line.before
        before = None
        if was is not None and was.room_id is not None and was.status.holds_inventory:
            before = (was.room_id, was.stay.taken_from(today, was.status))
        after = (line.room.id, line.taken(today)) if line.room is not None and line.holds else None
        if before == after:
            continue
        if before is not None:
            result.release.append(line.row.id)
        if after is not None:
            room_id, stay = after
            result.hold += [
                {"room_id": room_id, "night": night, "reservation_room_id": line.row.id}
                for night in _ahead(stay, today)
            ]
    return result


async def store(tx: Tx, moves: Moves) -> None:
    """Write the moves. Raises Conflict (`ROOM_TAKEN`): the key of the table is what keeps two stays apart."""
    if moves.release:
        await room_repository.release_nights(tx.session, moves.release)
    if not moves.hold:
        return
    await tx.session.flush()
    try:
        await room_repository.hold_nights(tx.session, moves.hold)
    except IntegrityError:
        raise Conflict(
            "Another stay has just taken the room.", code="ROOM_TAKEN", action="Choose another room."
        ) from None


def _wanted(line: "Line", lenient: bool) -> UUID | None:
    if line.draft.room_id is not None or line.before is None:
        return line.draft.room_id
    keeps = lenient or line.draft.status is StayStatus.CHECKED_IN
    return line.before.room_id if keeps and line.before.room_type_id == line.draft.room_type_id else None


def _must_check(line: "Line") -> bool:
    """Whether the room that the line already has must be looked at again."""
    assert line.before is not None  # noqa: S101
    arriving = line.draft.status is StayStatus.CHECKED_IN and line.before.status is not StayStatus.CHECKED_IN
    return line.holds and (line.moved or arriving)


async def _check_named(
    tx: Tx,
    house: Property,
    checked: list[tuple[int, "Line"]],
    reservation_id: UUID | None,
    lenient: bool,
) -> bool:
    wanted = {position: _wanted(line, lenient) for position, line in checked}
    ids = {room_id for room_id in wanted.values() if room_id is not None}
    start = max(house.business_date, min(line.taken(house.business_date).check_in for _, line in checked))
    end = max(start, *(line.draft.stay.check_out for _, line in checked))
    rooms = await room_repository.rooms(tx.session, house.id, ids)
    busy: dict[UUID, dict[date, str]] = defaultdict(dict)
    for room_id, night, confirmation in await room_repository.taken_nights(tx.session, ids, start, end, reservation_id):
        busy[room_id][night] = f"is held by {confirmation}"
    closed: dict[UUID, list[Stay]] = defaultdict(list)
    for work in await room_repository.out_of_order(tx.session, ids, start, end):
        if work.room_id is not None:
            closed[work.room_id].append(Stay(work.start, work.end))
    inside = await room_repository.occupants(tx.session, ids, reservation_id)

    dropped = False
    for position, line in checked:
        room = rooms.get(wanted[position] or UUID(int=0))
        problem = _problem(line, room, busy, closed, inside, house.business_date)
        if problem is None and room is not None:
            line.room = room
            if line.holds:
                busy[room.id] |= dict.fromkeys(
                    _ahead(line.taken(house.business_date), house.business_date), "is named twice"
                )
        elif lenient:
            dropped |= line.draft.room_id is not None
        elif problem is not None:
            _refuse(position, *problem)
    return dropped


def _problem(
    line: "Line",
    room: Room | None,
    busy: dict[UUID, dict[date, str]],
    closed: dict[UUID, list[Stay]],
    inside: dict[UUID, str],
    today: date,
) -> tuple[str, str] | None:
    """Return code and sentence for why the stay cannot have the room, None when it can."""
    if room is None or (room.deleted_at is not None and line.holds):
        return "INVALID", "There is no such room in this property."
    if room.room_type_id != line.draft.room_type_id:
        return "INVALID", f"Room {room.number} is of another type; book that type, or choose another room."
    if not line.holds:
        return None
    nights = _ahead(line.taken(today), today)
    taken = [night for night in nights if night in busy[room.id]]
    if taken:
        return "ROOM_TAKEN", f"Room {room.number} {busy[room.id][taken[0]]} on {listed(taken)}."
    if line.draft.status is StayStatus.CHECKED_IN and room.id in inside:
        return "ROOM_TAKEN", f"Room {room.number} is still occupied by {inside[room.id]}; check that out first."
    if any(night >= s.check_in and night < s.check_out for s in closed[room.id] for night in nights):
        return "ROOM_OUT_OF_ORDER", f"Room {room.number} is under maintenance during the stay."
    return None


def _refuse(position: int, code: str, sentence: str) -> None:
    errors = [FieldError(f"rooms[{position}].room_id", sentence)]
    if code == "INVALID":
        raise Invalid(sentence, errors=errors)
    raise Conflict(sentence, code=code, action="Choose another room.", errors=errors)


async def _take_free(
    tx: Tx, house: Property, position: int, line: "Line", lines: Collection["Line"], lenient: bool
) -> None:
    assert line.draft.room_type_id is not None  # noqa: S101
    start = max(line.taken(house.business_date).check_in, house.business_date)
    end = max(line.draft.stay.check_out, start)
    picked = {other.room.id for other in lines if other.room is not None}
    free = await room_repository.free_rooms(tx.session, line.draft.room_type_id, start, end)
    line.room = next((room for room in free if room.id not in picked), None)
    if line.room is None and not lenient:
        sentence = "No room of this type is free for all nights of the stay."
        raise Conflict(
            sentence,
            code="NO_ROOM_FREE",
            action="Move or check out another stay, or change this one to another room type.",
            errors=[FieldError(f"rooms[{position}].room_id", sentence)],
        )


def _ahead(stay: Stay, today: date) -> list[date]:
    """Return the nights that are not over; who slept where before today is in the reservations."""
    return [night for night in stay.each_night() if night >= today]
