"""Turns the bodies that the API takes into the drafts that the house works with."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.domain.errors import Conflict, Invalid
from innkeeper.domain.money import check_currency, parse_amount
from innkeeper.domain.quoting import quoted
from innkeeper.domain.stay import Stay, StayStatus
from innkeeper.house import room_repository
from innkeeper.house.checks import Errors
from innkeeper.house.model import GuestDraft, ReservationDraft, RoomDraft
from innkeeper.house.reservations import draft_of
from innkeeper.house.schemas_guests import GuestIn
from innkeeper.house.schemas_reservations import ArrivingRoom, CheckIn, ReservationIn, ReservationRoomIn
from innkeeper.house.tables import Property, Reservation, ReservationRoom


def amount(value: str | int | float, currency: str, field: str) -> Decimal:
    """Return an amount exactly as it was written. Raises Invalid."""
    return parse_amount(str(value) if isinstance(value, float) else value, currency, field)


def guest_draft(body: GuestIn, before: GuestDraft | None = None, field: str = "") -> GuestDraft:
    """Return the guest that the body describes; what it leaves out stays as `before`. Raises Invalid."""
    given: dict[str, Any] = {
        name: getattr(body, name) for name in GuestDraft.__dataclass_fields__ if name in body.model_fields_set
    }
    for name in ("first_name", "last_name", "notes"):
        if name in given:
            given[name] = given[name] or ""
    for name in ("preferences", "allergies"):
        if name in given:
            given[name] = tuple(given[name] or ())
    first, last = given.get("first_name", ""), given.get("last_name", "")
    if isinstance(given.get("name"), str) and not given["name"].strip() and not first and not last:
        raise Invalid.field(f"{field}name", "Say who the guest is.")
    if not given.get("name"):
        given.pop("name", None)
        if first or last:
            given["name"] = f"{first} {last}".strip()
    elif before is not None and given["name"] != before.name and not {"first_name", "last_name"} & given.keys():
        given |= {"first_name": "", "last_name": ""}
    if before is not None:
        return replace(before, **given)
    if "name" not in given:
        raise Invalid.field(f"{field}name", "Say who the guest is.")
    return GuestDraft(**given)


async def new_reservation(
    session: AsyncSession, house: Property, body: ReservationIn, guest_id: UUID
) -> ReservationDraft:
    """Return the draft of a reservation that is made at the desk. Raises Invalid."""
    errors = Errors()
    for name in ("check_in", "check_out"):
        if getattr(body, name) is None and any(getattr(room, name) is None for room in body.rooms or ()):
            errors.add(name, "Say when the stay begins and ends.")
    if not body.rooms:
        errors.add("rooms", "A reservation has at least one room.")
    if body.status not in (None, StayStatus.CONFIRMED):
        errors.add(
            "status", "A new reservation is Confirmed; its state is changed with check-in, check-out and cancel."
        )
    for position, room in enumerate(body.rooms or ()):
        _check_inside(errors, f"rooms[{position}]", room, body.check_in, body.check_out)
        if room.status not in (None, StayStatus.CONFIRMED):
            errors.add(f"rooms[{position}].status", "A room of a new reservation is Confirmed.")
    errors.raise_any()
    if body.check_in is not None and body.check_out is not None:
        Stay.checked(body.check_in, body.check_out)
    currency = check_currency(body.currency) if body.currency else house.currency
    rooms = await _rooms(session, house, body.rooms or [], (body.check_in, body.check_out), currency)
    return ReservationDraft(
        guest_id=guest_id,
        currency=currency,
        rooms=tuple(rooms),
        total_amount=_total(body, currency, rooms, None),
        prepaid_amount=amount(body.prepaid_amount or 0, currency, "prepaid_amount"),
        source=body.source or "Direct",
        channel=body.channel or None,
        special_requests=body.special_requests or "",
    )


async def changed_reservation(
    session: AsyncSession, house: Property, body: ReservationIn, reservation: Reservation, guest_id: UUID
) -> ReservationDraft:
    """Return the draft of a reservation as the body changes it: fields that it leaves out stay.

    A room that is named without its id stands for the reservation's next room of that type. New dates of the
    reservation move the rooms that had its old ones. Raises Invalid, Conflict (`CANCELLED`).
    """
    before = draft_of(reservation)
    currency = check_currency(body.currency) if body.currency else before.currency
    reopen = _wants_reopened(body, reservation)
    dates = (body.check_in or reservation.check_in, body.check_out or reservation.check_out)
    if body.check_in is not None or body.check_out is not None:
        Stay.checked(*dates)
    rows = {row.id: row for row in reservation.rooms}
    if body.rooms is None:
        rooms = [_moved(room, reservation, dates) for room in before.rooms]
    else:
        named = _identified(body.rooms, reservation.rooms)
        _check_named(body, named, rows, reservation)
        named = [_following(room, rows.get(room.id) if room.id else None, reservation, dates) for room in named]
        rooms = await _rooms(session, house, named, dates, currency, rows)
        kept = {room.id for room in rooms}
        ended = [room for room in before.rooms if room.status is StayStatus.CANCELLED and room.id not in kept]
        rooms = rooms if reopen else [*rooms, *ended]
    if reopen:
        rooms = [
            replace(room, status=StayStatus.CONFIRMED) if room.status is StayStatus.CANCELLED else room
            for room in rooms
        ]
    return replace(
        before,
        guest_id=guest_id,
        currency=currency,
        rooms=tuple(rooms),
        total_amount=_total(body, currency, rooms, reservation),
        prepaid_amount=before.prepaid_amount
        if body.prepaid_amount is None
        else amount(body.prepaid_amount, currency, "prepaid_amount"),
        source=body.source or before.source,
        channel=(body.channel or None) if "channel" in body.model_fields_set else before.channel,
        special_requests=before.special_requests if body.special_requests is None else body.special_requests,
    )


async def arriving_rooms(
    session: AsyncSession, house: Property, body: CheckIn, reservation: Reservation
) -> dict[UUID, UUID | None] | None:
    """Return physical rooms by room of the reservation, None for all that wait. Raises Invalid."""
    named: Sequence[ArrivingRoom] | None = body.rooms
    if named is None and (body.id or body.room_id or body.room_number is not None):
        named = [body]
    if named is None:
        return None
    waiting = [row.id for row in reservation.rooms if row.status == StayStatus.CONFIRMED]
    claimed = {room.id for room in named if room.id}
    rest = iter([row_id for row_id in waiting if row_id not in claimed])
    chosen: dict[UUID, UUID | None] = {}
    for position, room in enumerate(named):
        row_id = room.id or next(rest, None)
        if row_id is None:
            raise Invalid.field(f"rooms[{position}]", "More rooms are named than wait for their guests.")
        chosen[row_id] = await _physical(session, house, room.room_id, room.room_number, f"rooms[{position}]")
    return chosen


async def _rooms(
    session: AsyncSession,
    house: Property,
    bodies: Sequence[ReservationRoomIn],
    dates: tuple[date | None, date | None],
    currency: str,
    rows: dict[UUID, ReservationRoom] | None = None,
) -> list[RoomDraft]:
    rooms = []
    for position, body in enumerate(bodies):
        field = f"rooms[{position}]"
        check_in, check_out = body.check_in or dates[0], body.check_out or dates[1]
        assert check_in is not None  # noqa: S101
        assert check_out is not None  # noqa: S101
        row = (rows or {}).get(body.id) if body.id else None
        given = body.model_fields_set
        room_type_id = body.room_type_id or (row.room_type_id if row else None)
        room_id = await _physical(session, house, body.room_id, body.room_number, field)
        if row is not None and not {"room_id", "room_number"} & given and row.room_type_id == room_type_id:
            room_id = row.room_id
        children, ages = body.children, tuple(body.child_ages)
        if row is not None and "children" not in given and "child_ages" not in given:
            children, ages = row.children, tuple(row.child_ages)
        rooms.append(
            RoomDraft(
                id=body.id,
                room_type_id=room_type_id,
                room_id=room_id,
                stay=Stay(check_in, check_out),
                adults=row.adults if row is not None and "adults" not in given else body.adults,
                children=len(ages) if children is None else children,
                child_ages=ages,
                amount=None if body.amount is None else amount(body.amount, currency, f"{field}.amount"),
                label=row.room_type_label if row else "",
                status=StayStatus(row.status) if row else StayStatus.CONFIRMED,
            )
        )
    return rooms


async def _physical(
    session: AsyncSession, house: Property, room_id: UUID | None, number: str | int | None, field: str
) -> UUID | None:
    if room_id is not None or number is None or number == "":
        return room_id
    room = await room_repository.room_by_number(session, house.id, str(number))
    if room is None:
        raise Invalid.field(f"{field}.room_number", f"There is no room {quoted(number)} in this house.")
    return room.id


def _check_named(
    body: ReservationIn,
    named: Sequence[ReservationRoomIn],
    rows: Mapping[UUID, ReservationRoom],
    reservation: Reservation,
) -> None:
    """Refuse what a change says of its rooms and could not be done by it: another state, dates outside of new ones.

    Dates of the reservation that are sent as they stand are no wish. Raises Invalid.
    """
    errors = Errors()
    first = body.check_in if body.check_in != reservation.check_in else None
    last = body.check_out if body.check_out != reservation.check_out else None
    for position, room in enumerate(named):
        row = rows.get(room.id) if room.id else None
        own = (row.check_in, row.check_out) if row else (None, None)
        if (room.check_in, room.check_out) != own:
            _check_inside(errors, f"rooms[{position}]", room, first, last)
        reopened = body.status == room.status == StayStatus.CONFIRMED
        if room.status is not None and not reopened and room.status != (row.status if row else StayStatus.CONFIRMED):
            errors.add(f"rooms[{position}].status", "The state is changed with POST …/cancel, …/check-in, …/check-out.")
    errors.raise_any()


def _check_inside(errors: Errors, field: str, room: ReservationRoomIn, first: date | None, last: date | None) -> None:
    """Note a room's own date that lies outside of the reservation's."""
    if first is not None and room.check_in is not None and room.check_in < first:
        errors.add(f"{field}.check_in", f"The room's arrival {room.check_in} is before the reservation's, {first}.")
    if last is not None and room.check_out is not None and room.check_out > last:
        errors.add(f"{field}.check_out", f"The room's departure {room.check_out} is after the reservation's, {last}.")


def _identified(bodies: Sequence[ReservationRoomIn], rows: Sequence[ReservationRoom]) -> list[ReservationRoomIn]:
    """Let rooms without an id stand for the reservation's rooms of the same type, in order, so that ids are kept."""
    claimed = {body.id for body in bodies if body.id}
    rest = [row for row in rows if row.id not in claimed and row.status != StayStatus.CANCELLED]
    result = []
    for body in bodies:
        if body.id is None:
            row = next((row for row in rest if body.room_type_id in (None, row.room_type_id)), None)
            if row is not None:
                rest.remove(row)
                body = body.model_copy(update={"id": row.id})
        result.append(body)
    return result


def _following(
    body: ReservationRoomIn,
    row: ReservationRoom | None,
    reservation: Reservation,
    dates: tuple[date, date],
) -> ReservationRoomIn:
    """Let a room whose date is the reservation's old one follow to the new one."""
    if row is None:
        return body
    if _has_left_before(row.status, reservation):
        own_dates = {"check_in": body.check_in or row.check_in, "check_out": body.check_out or row.check_out}
        return body.model_copy(update=own_dates)
    update: dict[str, date] = {}
    for name, old, new in (
        ("check_in", reservation.check_in, dates[0]),
        ("check_out", reservation.check_out, dates[1]),
    ):
        given, own = getattr(body, name), getattr(row, name)
        if given is None:
            update[name] = new if own == old else own
        elif given == own == old:
            update[name] = new
    return body.model_copy(update=update)


def _moved(room: RoomDraft, reservation: Reservation, dates: tuple[date, date]) -> RoomDraft:
    check_in = dates[0] if room.stay.check_in == reservation.check_in else room.stay.check_in
    check_out = dates[1] if room.stay.check_out == reservation.check_out else room.stay.check_out
    stay = Stay(check_in, check_out)
    if room.status is StayStatus.CANCELLED or stay == room.stay or _has_left_before(room.status, reservation):
        return room
    return replace(room, stay=stay, amount=None)


def _has_left_before(status: str, reservation: Reservation) -> bool:
    """Whether the room is one that was left while others go on: new dates of the reservation are theirs."""
    return status == StayStatus.CHECKED_OUT and reservation.status != StayStatus.CHECKED_OUT


def _wants_reopened(body: ReservationIn, reservation: Reservation) -> bool:
    """Whether a cancelled reservation shall be taken again. Raises for a change of state that has its own address."""
    if body.status is not None and body.status not in set(StayStatus):
        raise Invalid.field("status", f"One of {', '.join(StayStatus)}.")
    cancelled = reservation.status == StayStatus.CANCELLED
    if cancelled and body.status == StayStatus.CONFIRMED:
        return True
    if cancelled:
        raise Conflict(
            f"{reservation.confirmation} is cancelled.",
            code="CANCELLED",
            action='Send "status": "Confirmed" to take the reservation again, if rooms are free.',
        )
    if body.status is not None and body.status != reservation.status:
        sentence = "The state is changed with POST …/cancel, …/check-in and …/check-out."
        raise Invalid.field("status", sentence)
    return False


def _total(
    body: ReservationIn, currency: str, rooms: Sequence[RoomDraft], reservation: Reservation | None
) -> Decimal | None:
    """Return the total that rooms without amounts share, None where the rooms make the total.

    A total that came with an answer and goes back with changed rooms is not a wish.
    """
    if body.total_amount is None:
        return None
    total = amount(body.total_amount, currency, "total_amount")
    if reservation is not None and total == reservation.total_amount:
        return None
    if any(room.amount is None for room in rooms):
        return total
    live = [room for room in rooms if room.status is not StayStatus.CANCELLED] or rooms
    priced = sum((room.amount or Decimal(0) for room in live), Decimal(0))
    if total != priced and not (reservation and reservation.services):
        sentence = f"The rooms cost {priced} together; leave their amounts out to share the total among them."
        raise Invalid.field("total_amount", sentence)
    return total
