"""Writes one booking: checks the draft against house, rates and free rooms, then makes the rows agree with it."""

from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.domain.business_day import utc_now
from innkeeper.domain.errors import Invalid
from innkeeper.domain.ids import new_id
from innkeeper.domain.stay import Stay, StayStatus
from innkeeper.house import (
    assignment,
    begun,
    events,
    guest_repository,
    overbooking,
    pricing,
    repository,
    room_repository,
    sold,
)
from innkeeper.house.booking_checks import check, check_storable
from innkeeper.house.checks import cleaned
from innkeeper.house.model import ReservationDraft, RoomDraft
from innkeeper.house.tables import Guest, Property, Reservation, ReservationRoom, Room, RoomType
from innkeeper.storage.bulk import insert_all
from innkeeper.storage.database import Tx
from innkeeper.storage.outbox import Event

#: Flags that follow from the rows; everybody else's are kept as they are given.
HOUSE_FLAGS = frozenset({"overbooked", "unmapped"})
FIRST_CONFIRMATION = 100_000

#: What a reservation has before anything of it counts as changed.
_FROM_THE_START = frozenset({"currency", "booked_at"})
#: What a room that waits for its guest has not got.
_NOT_YET = {"checked_in_at": None, "checked_in_on": None, "checked_out_at": None}


@dataclass(frozen=True, slots=True)
class Terms:
    """How a draft is taken: `short` sells what is not there, `rules` checks input and stay rules, `lenient` drops a
    physical room that cannot be had instead of refusing."""

    origin: str
    short: bool
    rules: bool
    lenient: bool


@dataclass(slots=True)
class Line:
    """One room on its way from draft to row. `before` is what the row was, as a draft; None for a new row."""

    draft: RoomDraft
    row: ReservationRoom
    before: RoomDraft | None
    room_type: RoomType | None
    room: Room | None = None
    amount: Decimal = Decimal(0)
    #: Prices by night to remember, where the stay was sold elsewhere and is moved here.
    sold: dict[str, str] | None = None
    overbooked: bool = False

    @property
    def moved(self) -> bool:
        """Whether type or nights are others than before, or the room was not held."""
        was = self.before
        return (
            was is None
            or was.room_type_id != self.draft.room_type_id
            or was.stay != self.draft.stay
            or (self.holds and not was.status.holds_inventory)
        )

    @property
    def holds(self) -> bool:
        """Whether the room takes nights from what can be sold."""
        return self.draft.status.holds_inventory

    def taken(self, today: date) -> Stay:
        """Return the stay with the nights that it takes."""
        return self.draft.stay.taken_from(today, self.draft.status)


@dataclass(slots=True)
class Touched:
    """The room types and nights whose availability a change may have altered."""

    types: set[UUID] = field(default_factory=set)
    start: date | None = None
    end: date | None = None

    def add(self, room_type_id: UUID | None, stay: Stay) -> None:
        """Widen by a stay; a room without a type takes nothing that is sold."""
        if room_type_id is not None:
            self.types.add(room_type_id)
            self.start = min(self.start or stay.check_in, stay.check_in)
            self.end = max(self.end or stay.check_out, stay.check_out)


async def write(
    tx: Tx,
    house: Property,
    reservation: Reservation | None,
    draft: ReservationDraft,
    terms: Terms,
    guest: Guest | None = None,
    *,
    keep: bool = True,
) -> Reservation:
    """Make the reservation as the draft says, or a new one. The caller holds the locks of an existing one.

    Returns the reservation, unchanged when nothing differs. Without `keep` a new one is written past the session, which
    costs half as much, and the session does not know it. Raises as `reservations.create` says.
    """
    session, reservation_id = tx.session, None if reservation is None else reservation.id
    if guest is None and (reservation is None or reservation.primary_guest_id != draft.guest_id):
        guest = await guest_repository.guest(session, house.id, draft.guest_id)
    elif guest is None and reservation is not None:
        guest = reservation.primary_guest
    type_ids = {room.room_type_id for room in draft.rooms if room.room_type_id is not None}
    flags = set(draft.flags) - HOUSE_FLAGS
    with _one_flush(session):
        types = await room_repository.room_types(session, house.id, type_ids, lock=True) if type_ids else {}
        lines = _lines(draft, types, reservation)
        removed = _removed(lines, reservation)
        if terms.rules:
            begun.protect(reservation, draft, lines, removed, house.business_date)
        check(draft, house, types, guest, reservation, rules=terms.rules)
        assert guest is not None  # noqa: S101  (the check refuses a draft without one)
        await pricing.price(tx, house, draft, lines, rules=terms.rules, promised=sold.elsewhere(reservation))
        await overbooking.check(tx, house, lines, _rows(reservation), reservation_id, short=terms.short)
        if await assignment.choose(tx, house, lines, reservation_id, lenient=terms.lenient):
            flags.add(assignment.ROOM_TAKEN_FLAG)
        number = await repository.take_number(session, house.id, Property.next_confirmation) if not reservation else 0

    total = draft.total_amount if draft.total_amount is not None else _sum(lines) + _extras(reservation, terms)
    created = reservation is None
    if reservation is None:
        reservation = _new(house, draft, guest, number)
        if keep:
            session.add(reservation)
    moves = assignment.moves(lines, removed, house.business_date)
    touched = _touched(lines, removed, house.business_date)
    judged = _touched(lines, removed, house.business_date, arrivals=True)
    changed = _apply_rows(reservation, lines, removed, house.business_date)
    if not created and judged.start and judged.end:
        await session.flush()
        await overbooking.settle(
            tx, house, judged.types, judged.start, judged.end, origin=terms.origin, within=reservation
        )
    changed |= _apply_head(reservation, draft, guest, total, flags)
    event = _event(reservation, changed, touched, terms.origin, created=created) if changed else None
    if created and not keep:
        await _insert(session, [reservation])
    await assignment.store(tx, moves)
    if event is not None:
        await tx.announce_all([event])
    return reservation


async def write_many(tx: Tx, house: Property, drafts: Sequence[ReservationDraft], origin: str) -> list[Reservation]:
    """Write new reservations that are facts elsewhere, in a few statements however many they are.

    Each comes out as if `write` had taken one after the other with `short` and `lenient` and without `rules`. Their
    guests must be there; every room must have its amount and wait for its physical room. The rows returned are loose.
    Raises Invalid, and ValueError for a room that `write` would have to look at by itself.
    """
    if any(room.amount is None or room.room_id or _in_house(room) for draft in drafts for room in draft.rooms):
        raise ValueError("a room without an amount, with a physical room or with its guest inside")
    session = tx.session
    type_ids = {room.room_type_id for draft in drafts for room in draft.rooms if room.room_type_id is not None}
    types = await room_repository.room_types(session, house.id, type_ids, lock=True) if type_ids else {}
    # rooms are served in the order of their ids where one becomes free
    ids = iter(sorted(new_id() for draft in drafts for _ in draft.rooms))
    booked: list[list[Line]] = []
    for draft in drafts:
        check_storable(draft, types)
        booked.append([_loose_line(room, next(ids), types) for room in draft.rooms])
    await overbooking.mark(tx, house, booked)
    number = await repository.take_number(session, house.id, Property.next_confirmation, len(booked))
    now = utc_now()
    made: list[Reservation] = []
    announced: list[Event] = []
    for position, (draft, lines) in enumerate(zip(drafts, booked, strict=True)):
        reservation, changed = _loose(house, draft, lines, number + position, now)
        made.append(reservation)
        touched = _touched(lines, [], house.business_date)
        announced.append(_announcement(events.RESERVATION_CREATED, reservation, changed, touched, origin))
    await insert_all(session, made)
    await insert_all(session, [row for reservation in made for row in reservation.rooms])
    await tx.announce_all(announced)
    return made


def _loose(
    house: Property, draft: ReservationDraft, lines: Sequence[Line], number: int, now: datetime
) -> tuple[Reservation, set[str]]:
    """Return a new reservation with its rooms as loose rows, and the names of what was set."""
    reservation_id = new_id()
    rooms: list[ReservationRoom] = []
    changed = {"rooms"}
    for position, line in enumerate(lines):
        columns = {**_NOT_YET, **_columns(line, house.business_date)}
        row = ReservationRoom.loose(id=line.row.id, reservation_id=reservation_id, position=position, **columns)
        rooms.append(row)
        changed.update(f"rooms.{name}" for name, value in columns.items() if value is not None)
    total = draft.total_amount if draft.total_amount is not None else _sum(lines)
    head = {"booked_at": now, **_head(rooms, draft, draft.guest_id, total, set(draft.flags) - HOUSE_FLAGS)}
    changed.update(name for name, value in head.items() if value is not None and name not in _FROM_THE_START)
    reservation = Reservation.loose(
        id=reservation_id,
        property_id=house.id,
        confirmation=str(FIRST_CONFIRMATION + number),
        version=1,
        cancelled_at=now if head["status"] == StayStatus.CANCELLED else None,
        created_at=now,
        updated_at=now,
        rooms=rooms,
        **head,
    )
    return reservation, changed


async def _insert(session: AsyncSession, made: Sequence[Reservation]) -> None:
    """Write new reservations with their rooms past the session."""
    for reservation in made:
        reservation.created_at = reservation.updated_at = utc_now()
        for row in reservation.rooms:
            row.reservation_id = reservation.id
    await insert_all(session, made)
    await insert_all(session, [row for reservation in made for row in reservation.rooms])


def _in_house(room: RoomDraft) -> bool:
    return room.status is StayStatus.CHECKED_IN


def _new(house: Property, draft: ReservationDraft, guest: Guest, number: int) -> Reservation:
    return Reservation(
        id=new_id(),
        property_id=house.id,
        confirmation=str(FIRST_CONFIRMATION + number),
        version=0,
        rooms=[],
        primary_guest=guest,
        booked_at=draft.booked_at or utc_now(),
        currency=draft.currency,
    )


def _one_flush(session: AsyncSession) -> AbstractContextManager[Any]:
    """Hold a new guest back while the house is read, so that he is written together with his reservation.

    Anything else that waits to be written in this transaction may be what the reading is about, and goes first.
    """
    only_guests = not session.dirty and not session.deleted and all(isinstance(row, Guest) for row in session.new)
    return session.no_autoflush if only_guests else nullcontext()


def status_of(states: Iterable[str]) -> StayStatus:
    """Return the state of a reservation from those of its rooms."""
    live = [state for state in states if state != StayStatus.CANCELLED]
    if not live:
        return StayStatus.CANCELLED
    if all(state == StayStatus.CHECKED_OUT for state in live):
        return StayStatus.CHECKED_OUT
    if any(state in (StayStatus.CHECKED_IN, StayStatus.CHECKED_OUT) for state in live):
        return StayStatus.CHECKED_IN
    return StayStatus.CONFIRMED


def with_house_flags(own: Iterable[str], rooms: Iterable[ReservationRoom]) -> list[str]:
    """Return the callers' flags and those that follow from the rooms, sorted."""
    flags = set(own) - HOUSE_FLAGS
    live = [room for room in rooms if room.status != StayStatus.CANCELLED]
    if any(room.overbooked for room in live):
        flags.add("overbooked")
    if any(room.room_type_id is None for room in live):
        flags.add("unmapped")
    return sorted(flags)


def _rows(reservation: Reservation | None) -> list[ReservationRoom]:
    return [] if reservation is None else reservation.rooms


def _lines(draft: ReservationDraft, types: dict[UUID, RoomType], reservation: Reservation | None) -> list[Line]:
    existing = {row.id: row for row in _rows(reservation)}
    lines = []
    for position, room in enumerate(draft.rooms):
        row = existing.pop(room.id, None) if room.id is not None else None
        if room.id is not None and row is None:
            raise Invalid.field(f"rooms[{position}].id", "The reservation has no such room, or it is named twice.")
        room_type = types.get(room.room_type_id) if room.room_type_id is not None else None
        lines.append(Line(room, row or ReservationRoom(id=new_id()), _as_draft(row) if row else None, room_type))
    return lines


def _loose_line(room: RoomDraft, row_id: UUID, types: dict[UUID, RoomType]) -> Line:
    room_type = types.get(room.room_type_id) if room.room_type_id is not None else None
    return Line(room, ReservationRoom.loose(id=row_id), None, room_type, amount=room.amount or Decimal(0))


def _as_draft(row: ReservationRoom) -> RoomDraft:
    return RoomDraft(
        room_type_id=row.room_type_id,
        stay=Stay(row.check_in, row.check_out),
        adults=row.adults,
        amount=row.amount,
        id=row.id,
        room_id=row.room_id,
        status=StayStatus(row.status),
    )


def _removed(lines: Collection[Line], reservation: Reservation | None) -> list[ReservationRoom]:
    kept = {id(line.row) for line in lines}
    return [row for row in _rows(reservation) if id(row) not in kept]


def _touched(
    lines: Iterable[Line], removed: Iterable[ReservationRoom], today: date, *, arrivals: bool = False
) -> Touched:
    """Return where what is free has changed; with `arrivals` also where a guest who came now has his room for sure."""
    touched = Touched()
    for line in lines:
        was = line.before
        held_before = was is not None and was.status.holds_inventory
        arrived = arrivals and was is not None and was.status != line.draft.status
        early = was is not None and was.stay.taken_from(today, was.status) != line.taken(today)
        if not line.moved and held_before == line.holds and not arrived and not early:
            continue
        if line.holds:
            touched.add(line.draft.room_type_id, line.taken(today))
        if was is not None and held_before:
            touched.add(was.room_type_id, was.stay.taken_from(today, was.status))
    for row in removed:
        if StayStatus(row.status).holds_inventory:
            touched.add(row.room_type_id, Stay(row.check_in, row.check_out).taken_from(today, row.status))
    return touched


def _apply_rows(reservation: Reservation, lines: list[Line], removed: list[ReservationRoom], today: date) -> set[str]:
    changed = {"rooms"} if removed else set()
    for row in removed:
        reservation.rooms.remove(row)
    for line in lines:
        differs = assign(line.row, _columns(line, today))
        changed |= {f"rooms.{name}" for name in differs}
        if line.sold is not None:
            line.row.night_amounts = line.sold
        if "room_type_id" in differs or line.before is None:
            line.row.room_type = line.room_type
        if "room_id" in differs or line.before is None:
            line.row.room = line.room
        if line.before is None:
            line.row.position = max((row.position for row in reservation.rooms), default=-1) + 1
            reservation.rooms.append(line.row)
            changed.add("rooms")
    return changed


def _columns(line: Line, today: date) -> dict[str, Any]:
    draft, was = line.draft, line.before.status if line.before else None
    columns: dict[str, Any] = {
        "room_type_id": draft.room_type_id,
        "room_type_label": cleaned(draft.label, 200),
        "room_id": line.room.id if line.room else None,
        "check_in": draft.stay.check_in,
        "check_out": draft.stay.check_out,
        "adults": draft.adults,
        "children": draft.children,
        "child_ages": list(draft.child_ages),
        "amount": line.amount,
        "status": str(draft.status),
        "overbooked": line.overbooked and line.holds,
    }
    if draft.status != was:
        now = utc_now()
        if draft.status == StayStatus.CHECKED_IN:
            columns |= {"checked_in_at": now, "checked_in_on": today, "checked_out_at": None}
        elif draft.status == StayStatus.CHECKED_OUT:
            columns |= {"checked_out_at": now}
        elif was is not None:
            columns |= {"checked_in_at": None, "checked_in_on": None, "checked_out_at": None}
    return columns


def _extras(reservation: Reservation | None, terms: Terms) -> Decimal:
    """Return what the total holds beside the rooms: services sold elsewhere, which stay when a room changes here."""
    if reservation is None or not terms.rules:
        return Decimal(0)
    live = [row for row in reservation.rooms if row.status != StayStatus.CANCELLED] or reservation.rooms
    return reservation.total_amount - sum((row.amount for row in live), Decimal(0))


def _sum(lines: Sequence[Line]) -> Decimal:
    live = [line for line in lines if line.draft.status != StayStatus.CANCELLED] or lines
    return sum((line.amount for line in live), Decimal(0))


def _apply_head(
    reservation: Reservation, draft: ReservationDraft, guest: Guest, total: Decimal, flags: set[str]
) -> set[str]:
    changed = assign(reservation, _head(reservation.rooms, draft, guest.id, total, flags))
    if "status" in changed:
        reservation.cancelled_at = utc_now() if reservation.status == StayStatus.CANCELLED else None
    if "primary_guest_id" in changed:
        reservation.primary_guest = guest
    return changed


def _head(
    rooms: Sequence[ReservationRoom], draft: ReservationDraft, guest_id: UUID, total: Decimal, flags: set[str]
) -> dict[str, Any]:
    """Return the columns of the reservation itself that follow from its rooms and its draft."""
    live = [row for row in rooms if row.status != StayStatus.CANCELLED] or rooms
    columns: dict[str, Any] = {
        "status": str(status_of(row.status for row in rooms)),
        "check_in": min(row.check_in for row in live),
        "check_out": max(row.check_out for row in live),
        "currency": draft.currency,
        "total_amount": total,
        "prepaid_amount": draft.prepaid_amount,
        "source": cleaned(draft.source, 100),
        "channel": cleaned(draft.channel, 100) if draft.channel else None,
        "primary_guest_id": guest_id,
        "special_requests": draft.special_requests,
        "services": list(draft.services),
        "flags": with_house_flags(flags, rooms),
    }
    if draft.booked_at is not None:
        columns["booked_at"] = draft.booked_at
    return columns


def _event(reservation: Reservation, changed: set[str], touched: Touched, origin: str, *, created: bool) -> Event:
    """Count the reservation's version up and return what is to be announced."""
    reservation.version += 1
    name = events.RESERVATION_UPDATED
    if created:
        name = events.RESERVATION_CREATED
    elif "status" in changed and reservation.status == StayStatus.CANCELLED:
        name = events.RESERVATION_CANCELLED
    return _announcement(name, reservation, changed, touched, origin)


def _announcement(name: str, reservation: Reservation, changed: set[str], touched: Touched, origin: str) -> Event:
    return events.event(
        name,
        reservation.property_id,
        reservation.id,
        origin=origin,
        changed=changed,
        room_type_ids=touched.types,
        start=touched.start,
        end=touched.end,
    )


def assign(row: Any, columns: dict[str, Any]) -> set[str]:
    """Set the columns that differ and return their names."""
    if inspect(row).key is None:  # never written: it has no former values to remember, and what is not set is None
        loaded = row.__dict__
        differing = {name for name, value in columns.items() if loaded.get(name) != value}
        loaded.update((name, columns[name]) for name in differing)
        return differing
    differing = {name for name, value in columns.items() if getattr(row, name) != value}
    for name in differing:
        setattr(row, name, columns[name])
    return differing
