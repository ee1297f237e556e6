"""Watches that no more rooms are sold than there are: refuses, marks, and lifts the mark when the shortage is gone."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from innkeeper.domain.errors import Conflict, FieldError
from innkeeper.domain.stay import Stay, StayStatus
from innkeeper.house import availability, events, reservation_repository
from innkeeper.house.rates import listed
from innkeeper.house.tables import Property, Reservation, ReservationRoom
from innkeeper.storage.database import Tx

if TYPE_CHECKING:
    from innkeeper.house.booking import Line

#: (room type, night)
_Night = tuple[UUID, date]


async def check(
    tx: Tx,
    house: Property,
    lines: Collection["Line"],
    rows: Iterable[ReservationRoom],
    reservation_id: UUID | None,
    *,
    short: bool,
) -> None:
    """Find a free room of its type for every night of every line; the caller holds the locks of the types.

    Only nights that need more rooms than the reservation already holds can be refused, so that a stay which is too
    many can still be shortened. With `short` lines without a room are marked instead. Nights before the business date
    are over and are not counted. Raises Conflict (`NOT_AVAILABLE`).
    """
    today = house.business_date
    for line in lines:
        line.overbooked = line.before is not None and line.row.overbooked
    held = Counter(night for row in rows if StayStatus(row.status).holds_inventory for night in _nights_of(row, today))
    wanted = Counter(night for line in lines if line.holds for night in _nights(line, today))
    more = {night for night, count in wanted.items() if count > held[night]}
    if not more:
        return
    free = await availability.free_on(tx.session, wanted, without=reservation_id)
    lacking: list[tuple[Line, list[date]]] = []
    for line in sorted(lines, key=lambda line: (line.moved, line.overbooked)):
        if not line.holds:
            continue
        nights = list(_nights(line, today))
        missing = [night for night in nights if free[night] < 1]
        if line.moved:
            line.overbooked = bool(missing)
            if refused := [night for _, night in (m for m in missing if m in more)]:
                lacking.append((line, refused))
        free.subtract(nights)
    if lacking and not short:
        _refuse(lines, lacking)


async def mark(tx: Tx, house: Property, bookings: Sequence[Collection["Line"]]) -> None:
    """Mark the lines of new bookings as `check` with `short` would, one booking after the other.

    What is sold is read once for all of them. The caller holds the locks of the types.
    """
    today = house.business_date
    wanted = [[(line, list(_nights(line, today))) for line in lines if line.holds] for lines in bookings]
    every = {night for lines in wanted for _, nights in lines for night in nights}
    if not every:
        return
    free = await availability.free_on(tx.session, every)
    for lines in wanted:
        for line, nights in lines:
            for night in nights:
                free[night] -= 1
                if free[night] < 0:
                    line.overbooked = True


async def settle(
    tx: Tx,
    house: Property,
    room_type_ids: Collection[UUID],
    start: date,
    end: date,
    *,
    origin: str,
    within: Reservation | None = None,
    lost: bool = False,
) -> None:
    """Lift the overbooked marks that room has become free for, and pass on those that somebody else now needs.

    Guests in house come first, then bookings that had a room, then the marked ones, each in the order of booking.
    `lost` says that there are fewer rooms than before, so that unmarked bookings must be looked at, too. Each
    reservation whose mark changed is announced, except `within`, which the caller announces itself. The caller holds
    the locks of the types.
    """
    start = max(start, house.business_date)
    if start >= end or not room_type_ids:
        return
    if not lost and not await reservation_repository.any_overbooked(tx.session, room_type_ids, start, end):
        return
    judged = await reservation_repository.holding_rooms(tx.session, room_type_ids, start, end)
    if not judged:
        return
    free = await _free_for(tx, house, judged)
    changed: list[ReservationRoom] = []
    for row in sorted(judged, key=lambda row: (row.status != StayStatus.CHECKED_IN, row.overbooked, row.id)):
        nights = list(_nights_of(row, house.business_date))
        lacks = any(free[night] < 1 for night in nights)
        if not lacks:
            free.subtract(nights)
        if lacks != row.overbooked:
            row.overbooked = lacks
            changed.append(row)
    await _announce(tx, changed, origin, within)


async def _free_for(tx: Tx, house: Property, judged: Collection[ReservationRoom]) -> Counter[_Night]:
    """Return what is free for the judged stays: all rooms, less maintenance, less other stays that have a room."""
    types = {row.room_type_id for row in judged if row.room_type_id}
    nights = {night for row in judged for night in _nights_of(row, house.business_date)}
    free = await availability.free_on(tx.session, nights, booked=False)
    if not nights:
        return free
    start = min(night for _, night in nights)
    end = max(night for _, night in nights) + timedelta(days=1)
    ours = {row.id for row in judged}
    for row in await reservation_repository.holding_rooms(tx.session, types, start, end):
        if row.id not in ours and not row.overbooked:
            free.subtract(_nights_of(row, house.business_date))
    return free


async def _announce(tx: Tx, rows: Collection[ReservationRoom], origin: str, within: Reservation | None) -> None:
    ids = {row.reservation_id for row in rows} - ({within.id} if within else set())
    if not ids:
        return
    for reservation in await reservation_repository.reservations(tx.session, ids, lock=True):
        marked = any(row.overbooked and row.status != StayStatus.CANCELLED for row in reservation.rooms)
        flags = set(reservation.flags) - {"overbooked"}
        reservation.flags = sorted(flags | {"overbooked"} if marked else flags)
        reservation.version += 1
        await events.announce(
            tx,
            events.RESERVATION_UPDATED,
            reservation.property_id,
            reservation.id,
            origin=origin,
            changed=("flags", "rooms.overbooked"),
        )


def _nights_of(row: ReservationRoom, today: date) -> Iterable[_Night]:
    if row.room_type_id is None:
        return ()
    room_type_id, stay = row.room_type_id, Stay(row.check_in, row.check_out).taken_from(today, row.status)
    return ((room_type_id, night) for night in stay.each_night() if night >= today)


def _nights(line: "Line", today: date) -> Iterable[_Night]:
    room_type_id = line.draft.room_type_id
    if room_type_id is None:
        return ()
    return ((room_type_id, night) for night in line.taken(today).each_night() if night >= today)


def _refuse(lines: Collection["Line"], lacking: list[tuple["Line", list[date]]]) -> None:
    positions = {id(line): position for position, line in enumerate(lines)}
    errors = []
    for line, nights in lacking:
        name = line.room_type.name if line.room_type else "The room"
        sentence = f"{name} is sold out on {listed(nights)}."
        errors.append(FieldError(f"rooms[{positions[id(line)]}]", sentence))
    raise Conflict(
        " ".join(dict.fromkeys(error.message for error in errors)),
        code="NOT_AVAILABLE",
        action="Choose other nights or another room type; a manager can overbook.",
        errors=errors,
    )
