"""Makes, changes and ends reservations: a whole booking at a time, checked under a lock, announced with its change."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.domain.errors import Conflict, Invalid, NotFound, StaleVersion
from innkeeper.domain.stay import Stay, StayStatus
from innkeeper.house import (
    begun,
    booking,
    events,
    folios,
    properties,
    repository,
    reservation_repository,
    room_repository,
)
from innkeeper.house.booking import Terms
from innkeeper.house.model import ReservationDraft, RoomDraft
from innkeeper.house.tables import Guest, Property, Reservation, ReservationRoom
from innkeeper.storage.database import Tx

#: The origin of what is done at the desk; anybody else's word is of something that has happened already.
HOUSE = "house"

#: The guest of a room did not come.
NO_SHOW_FLAG = "no_show"

_NOTHING = Decimal(0)


async def create(
    tx: Tx,
    property_id: UUID,
    draft: ReservationDraft,
    *,
    origin: str = "house",
    overbook: bool = False,
    force: bool = False,
    guest: Guest | None = None,
    keep: bool = True,
) -> Reservation:
    """Book. `overbook` sells rooms that are not there; `force` stores a booking that is a fact elsewhere.

    A forced booking is refused nothing: rooms that are not free are marked overbooked, a physical room that is taken is
    left unassigned under the flag `room_taken`. `guest` spares reading a guest that the caller has at hand. Without
    `keep` the answer is not of the session, which costs less; to change it, load it.

    Raises Invalid, RuleRefused (`STAY_RULES`), Conflict (`NOT_AVAILABLE`, `ROOM_TAKEN`).
    """
    terms = Terms(origin, short=overbook or force, rules=not force, lenient=force)
    house = await properties.get(tx.session, property_id)
    return await booking.write(tx, house, None, draft, terms, guest, keep=keep)


async def create_many(
    tx: Tx, property_id: UUID, drafts: Sequence[ReservationDraft], *, origin: str
) -> list[Reservation]:
    """Store new bookings that are facts elsewhere, each as `create` with `force` would, in a few statements.

    Their guests must be there. Every room must have its amount, name no physical room and not be in house. The answer
    is in the order of `drafts` and loose: to change one, load it. Raises Invalid, ValueError.
    """
    house = await properties.get(tx.session, property_id)
    return await booking.write_many(tx, house, drafts, origin)


async def change(
    tx: Tx,
    property_id: UUID,
    reservation_id: UUID,
    draft: ReservationDraft,
    *,
    expected_version: int | None = None,
    origin: str = "house",
    overbook: bool = False,
    force: bool = False,
) -> Reservation:
    """Make the reservation as `draft` says: rooms that it does not name are taken off.

    Where nothing differs nothing is written and nothing announced.

    `overbook` and `force` as in `create`; a forced room that names no physical room keeps the one it has. Raises
    NotFound, StaleVersion, Conflict (`IN_HOUSE`, `CHECKED_OUT`) and what `create` raises.
    """
    terms = Terms(origin, short=overbook or force, rules=not force, lenient=force)
    house = await properties.get(tx.session, property_id)
    new_types = {room.room_type_id for room in draft.rooms}
    reservation = await _held(tx.session, property_id, reservation_id, new_types, expected_version)
    return await booking.write(tx, house, reservation, draft, terms)


async def cancel(
    tx: Tx,
    property_id: UUID,
    reservation_id: UUID,
    *,
    expected_version: int | None = None,
    origin: str = "house",
    force: bool = False,
) -> Reservation:
    """Cancel every room. A cancelled reservation stays as it is; `force` cancels a guest who is in house, too.

    Raises NotFound, StaleVersion, Conflict (`IN_HOUSE`, `CHECKED_OUT`).
    """
    house = await properties.get(tx.session, property_id)
    reservation = await _held(tx.session, property_id, reservation_id, (), expected_version)
    states = {room.status for room in reservation.rooms}
    if not force and StayStatus.CHECKED_IN in states:
        raise Conflict(
            f"{reservation.confirmation} is in house and cannot be cancelled.",
            code="IN_HOUSE",
            action="Check the guest out; that frees the nights that are left.",
        )
    if StayStatus.CHECKED_OUT in states and StayStatus.CONFIRMED not in states and not force:
        raise Conflict(
            f"{reservation.confirmation} has checked out and cannot be cancelled.",
            code="CHECKED_OUT",
            action="Correct the bill with a payment or a void instead.",
        )
    ending = {StayStatus.CONFIRMED, StayStatus.CHECKED_IN} if force else {StayStatus.CONFIRMED}
    rooms = [
        replace(room, status=StayStatus.CANCELLED) if room.status in ending else room
        for room in draft_of(reservation).rooms
    ]
    return await _act(tx, house, reservation, rooms, origin)


async def check_in(
    tx: Tx,
    property_id: UUID,
    reservation_id: UUID,
    *,
    rooms: Mapping[UUID, UUID | None] | None = None,
    expected_version: int | None = None,
    origin: str = "house",
) -> Reservation:
    """Check guests in: all who are due, or the rooms of the reservation that `rooms` maps to physical rooms.

    Where no physical room is named and none is assigned, a free one is taken. At the desk nobody arrives before his
    arrival date. Raises NotFound, StaleVersion, Invalid, Conflict (`ROOM_TAKEN`, `NO_ROOM_FREE`, `TOO_EARLY`,
    `NOTHING_TO_CHECK_IN`).
    """
    house = await properties.get(tx.session, property_id)
    reservation = await _held(tx.session, property_id, reservation_id, (), expected_version)
    waiting = {room.id: room for room in reservation.rooms if room.status == StayStatus.CONFIRMED}
    due = [key for key, room in waiting.items() if room.check_in <= house.business_date]
    chosen = dict.fromkeys(due or waiting) if rooms is None else dict(rooms)
    _must_be_rooms(reservation, chosen)
    if not waiting.keys() & chosen.keys():
        raise Conflict(
            f"{reservation.confirmation} is {reservation.status}; nobody is left to check in.",
            code="NOTHING_TO_CHECK_IN",
        )
    early = [room for key, room in waiting.items() if key in chosen and key not in due]
    if early and origin == HOUSE:
        raise begun.too_early(reservation, Stay(early[0].check_in, early[0].check_out), house.business_date)
    arriving = [
        replace(room, status=StayStatus.CHECKED_IN, room_id=chosen[room.id] or room.room_id)
        if room.id in chosen and room.id in waiting
        else room
        for room in draft_of(reservation).rooms
        if room.id is not None
    ]
    return await _act(tx, house, reservation, arriving, origin)


async def undo_check_in(
    tx: Tx,
    property_id: UUID,
    reservation_id: UUID,
    *,
    rooms: Collection[UUID] | None = None,
    expected_version: int | None = None,
) -> Reservation:
    """Take back a check-in that was a mistake, of all who came on this business date or of `rooms`; they keep the room.

    Raises NotFound, StaleVersion, Invalid, Conflict (`NOTHING_TO_UNDO`, `CHARGES_POSTED`).
    """
    house = await properties.get(tx.session, property_id)
    reservation = await _held(tx.session, property_id, reservation_id, (), expected_version)
    _must_be_rooms(reservation, rooms or ())
    came = {
        room.id
        for room in reservation.rooms
        if room.status == StayStatus.CHECKED_IN and room.checked_in_on == house.business_date
    }
    mistaken = came if rooms is None else came & set(rooms)
    if not mistaken:
        raise Conflict(
            f"Nobody of {reservation.confirmation} has checked in on {house.business_date}.",
            code="NOTHING_TO_UNDO",
            action="A check-in is taken back on its own business date only; later, check the guest out.",
        )
    inside = {room.id for room in reservation.rooms if room.status == StayStatus.CHECKED_IN}
    if mistaken == inside and await folios.has_charges(tx.session, reservation.id):
        raise Conflict(
            f"Charges of the outlets stand on the bill of {reservation.confirmation}.",
            code="CHARGES_POSTED",
            action="Void them or have them moved first; nothing may be owed by a guest who is not there.",
        )
    drafts = [
        replace(room, status=StayStatus.CONFIRMED) if room.id in mistaken else room
        for room in draft_of(reservation).rooms
    ]
    return await _act(tx, house, reservation, drafts, HOUSE)


async def check_out(
    tx: Tx,
    property_id: UUID,
    reservation_id: UUID,
    *,
    rooms: Collection[UUID] | None = None,
    expected_version: int | None = None,
    origin: str = "house",
    leave_open: bool = False,
    on_their_way: Decimal = _NOTHING,
) -> Reservation:
    """Check guests out, all who are in house or those of `rooms`; the nights after the business date are free again.

    What the rooms cost goes onto the folio. When the last guest leaves, the folio must be even, unless `leave_open`,
    and nothing may be `on_their_way` to it from the outlets. Raises NotFound, StaleVersion, Invalid, Conflict
    (`NOTHING_TO_CHECK_OUT`, `BALANCE_DUE`, `FOLIO_NOT_EVEN`, `CHARGES_PENDING`).
    """
    house = await properties.get(tx.session, property_id)
    reservation = await _held(tx.session, property_id, reservation_id, (), expected_version)
    inside = {room.id for room in reservation.rooms if room.status == StayStatus.CHECKED_IN}
    leaving = inside if rooms is None else inside & set(rooms)
    _must_be_rooms(reservation, rooms or ())
    if not leaving:
        raise Conflict(
            f"{reservation.confirmation} is {reservation.status}; nobody is there to check out.",
            code="NOTHING_TO_CHECK_OUT",
        )
    drafts = [
        replace(room, status=StayStatus.CHECKED_OUT, stay=_shortened(room.stay, house.business_date))
        if room.id in leaving
        else room
        for room in draft_of(reservation).rooms
    ]
    booked = {room.id: room.check_out for room in reservation.rooms}
    reservation = await _act(tx, house, reservation, drafts, origin)
    await folios.post_stay(tx, house, reservation, leave_open=leave_open, on_their_way=on_their_way, booked=booked)
    return reservation


async def no_show(tx: Tx, property_id: UUID, reservation_id: UUID) -> Reservation:
    """Cancel the rooms whose guests have not come by the business date, under the flag `no_show`; the others stay.

    Raises NotFound.
    """
    house = await properties.get(tx.session, property_id)
    reservation = await _held(tx.session, property_id, reservation_id, (), None)
    missing = {row.id for row in reservation.rooms if is_missing(row, house.business_date)}
    draft = draft_of(reservation)
    rooms = [replace(room, status=StayStatus.CANCELLED) if room.id in missing else room for room in draft.rooms]
    gone = sum((row.amount for row in reservation.rooms if row.id in missing), Decimal(0))
    some_stay = any(room.status is not StayStatus.CANCELLED for room in rooms)
    total = reservation.total_amount - gone if some_stay else reservation.total_amount
    draft = replace(draft, rooms=tuple(rooms), flags=draft.flags | {NO_SHOW_FLAG}, total_amount=total)
    return await booking.write(tx, house, reservation, draft, Terms(HOUSE, short=True, rules=False, lenient=False))


def is_missing(row: ReservationRoom, today: date) -> bool:
    """Whether the guest should have come by the end of the day and has not."""
    return row.status == StayStatus.CONFIRMED and row.check_in <= today


async def set_flags(
    tx: Tx,
    property_id: UUID,
    reservation_id: UUID,
    add: Collection[str] = frozenset(),
    remove: Collection[str] = frozenset(),
    origin: str = "house",
) -> Reservation:
    """Set and clear marks of the caller's; `overbooked` and `unmapped` are the house's and stay. Raises NotFound."""
    reservation = await reservation_repository.reservation(tx.session, property_id, reservation_id, lock=True)
    if reservation is None:
        raise _unknown(reservation_id)
    own = (set(reservation.flags) | set(add)) - (set(remove) - booking.HOUSE_FLAGS)
    flags = sorted(own if booking.HOUSE_FLAGS.isdisjoint(add) else booking.with_house_flags(own, reservation.rooms))
    if flags != reservation.flags:
        reservation.flags = flags
        reservation.version += 1
        await events.announce(
            tx, events.RESERVATION_UPDATED, property_id, reservation.id, origin=origin, changed=("flags",)
        )
    return reservation


async def load(session: AsyncSession, property_id: UUID, reservation_id: UUID) -> Reservation | None:
    """Return the reservation with its rooms, their physical rooms and types, and its guest; None when unknown."""
    return await reservation_repository.reservation(session, property_id, reservation_id)


def draft_of(reservation: Reservation) -> ReservationDraft:
    """Return the reservation as a draft that changes nothing; what is to change is put in with `replace`."""
    return ReservationDraft(
        guest_id=reservation.primary_guest_id,
        currency=reservation.currency,
        rooms=tuple(_room_draft(room) for room in reservation.rooms),
        total_amount=reservation.total_amount,
        prepaid_amount=reservation.prepaid_amount,
        source=reservation.source,
        channel=reservation.channel,
        special_requests=reservation.special_requests,
        services=tuple(reservation.services),
        flags=frozenset(reservation.flags),
        booked_at=reservation.booked_at,
    )


def _room_draft(room: ReservationRoom) -> RoomDraft:
    return RoomDraft(
        room_type_id=room.room_type_id,
        stay=Stay(room.check_in, room.check_out),
        adults=room.adults,
        amount=room.amount,
        children=room.children,
        child_ages=tuple(room.child_ages),
        id=room.id,
        room_id=room.room_id,
        label=room.room_type_label,
        status=StayStatus(room.status),
    )


async def _held(
    session: AsyncSession,
    property_id: UUID,
    reservation_id: UUID,
    new_types: Collection[UUID | None],
    expected_version: int | None,
) -> Reservation:
    """Lock the room types of the reservation before and after, then the reservation itself, and return it.

    Types come before reservations and both go by id, in every transaction, so that two never wait for each other.
    """
    reservation = await reservation_repository.reservation(session, property_id, reservation_id)
    if reservation is None:
        raise _unknown(reservation_id)
    types = {*new_types, *(room.room_type_id for room in reservation.rooms)} - {None}
    if repository.has_row_locks(session):
        locked = await room_repository.room_types(session, property_id, [t for t in types if t], lock=True)
        reservation = await reservation_repository.reservation(session, property_id, reservation_id, lock=True)
        if reservation is None or any(r.room_type_id and r.room_type_id not in locked for r in reservation.rooms):
            raise StaleVersion("The reservation was moved to other room types at this moment.")
    if expected_version is not None and reservation.version != expected_version:
        raise StaleVersion(
            f"{reservation.confirmation} is at version {reservation.version}, you read version {expected_version}."
        )
    return reservation


async def _act(
    tx: Tx, house: Property, reservation: Reservation, rooms: Collection[RoomDraft], origin: str
) -> Reservation:
    draft = replace(draft_of(reservation), rooms=tuple(rooms))
    return await booking.write(tx, house, reservation, draft, Terms(origin, short=True, rules=False, lenient=False))


def _must_be_rooms(reservation: Reservation, ids: Collection[UUID]) -> None:
    known = {room.id for room in reservation.rooms}
    for room_id in ids:
        if room_id not in known:
            raise Invalid.field("rooms", f"{reservation.confirmation} has no room {room_id}; send the ids it lists.")


def _shortened(stay: Stay, today: date) -> Stay:
    """Return the stay ended today where it would go on; the first night is always kept, since it was sold."""
    return Stay(stay.check_in, max(stay.check_in + timedelta(days=1), min(stay.check_out, today)))


def _unknown(reservation_id: UUID) -> NotFound:
    return NotFound(f"There is no reservation {reservation_id}.")
