"""Moves the business date, and holds again the rooms that stays have on the nights that are then ahead."""

from collections import defaultdict
from datetime import date, timedelta
from uuid import UUID

from innkeeper.domain.errors import Conflict, FieldError, Invalid
from innkeeper.domain.stay import Stay, StayStatus
from innkeeper.house import assignment, events, overbooking, reservation_repository, room_repository
from innkeeper.house.tables import Property, ReservationRoom
from innkeeper.storage.database import Tx

#: Dates outside of these years are typing errors, and nothing can be reckoned near the calendar's end.
FIRST, LAST = date(2000, 1, 1), date(2199, 12, 31)

ONE_NIGHT = timedelta(days=1)


def check(house: Property, day: date, *, confirmed: bool) -> None:
    """Refuse a date that no night audit leads to, unless a person has `confirmed` it.

    Raises Invalid, Conflict (`BUSINESS_DATE`).
    """
    if not FIRST <= day <= LAST:
        raise Invalid.field("business_date", f"The business date lies between {FIRST} and {LAST}.")
    if confirmed or house.business_date <= day <= house.business_date + ONE_NIGHT:
        return
    way = "back" if day < house.business_date else "more than one night on"
    sentence = f"The business date is {house.business_date}; {day} is {way}."
    raise Conflict(
        sentence,
        code="BUSINESS_DATE",
        action='Close the day to move it by one night. To correct a wrong date send "confirm_business_date": true.',
        errors=[FieldError("business_date", sentence)],
    )


async def move(tx: Tx, house: Property, day: date) -> None:
    """Open this day. Going back, nights count again that were over: each room is held by one stay only, and the marks
    of overbooking are judged anew.

    A stay that cannot have its room any more waits for another one, flagged `room_taken`. The caller holds the locks of
    all room types.
    """
    before, house.business_date = house.business_date, day
    await tx.session.flush()
    await _hold_again(tx, house)
    if day < before:
        kinds = await room_repository.room_types(tx.session, house.id)
        await overbooking.settle(tx, house, set(kinds), day, before, origin="house", lost=True)


async def _hold_again(tx: Tx, house: Property) -> None:
    rows = await room_repository.rooms_given(tx.session, house.id, house.business_date)
    held: dict[UUID, set[tuple[UUID, date]]] = defaultdict(set)
    for row_id, room_id, night in await room_repository.held_nights(tx.session, house.id, house.business_date):
        held[row_id].add((room_id, night))
    taken: set[tuple[UUID, date]] = set()
    stale: list[UUID] = [row_id for row_id in held if row_id not in {row.id for row in rows}]
    anew: list[tuple[UUID, set[tuple[UUID, date]]]] = []
    lost: list[ReservationRoom] = []
    for row in sorted(rows, key=lambda row: (row.status != StayStatus.CHECKED_IN, row.id)):
        wanted = _nights(row, house.business_date)
        if wanted & taken and row.status != StayStatus.CHECKED_IN:
            lost.append(row)
            wanted = set()
        wanted -= taken  # of two guests in one room both are facts; the nights are held once
        taken |= wanted
        if wanted != held[row.id]:
            stale.append(row.id)
            anew.append((row.id, wanted))
    if stale:
        await room_repository.release_nights(tx.session, stale)
    moves = assignment.Moves()
    for row_id, nights in anew:
        moves.hold += [{"room_id": r, "night": n, "reservation_room_id": row_id} for r, n in sorted(nights)]
    await _let_go(tx, lost)
    await assignment.store(tx, moves)


def _nights(row: ReservationRoom, today: date) -> set[tuple[UUID, date]]:
    stay = Stay(row.check_in, row.check_out).taken_from(today, row.status)
    return {(row.room_id, night) for night in stay.each_night() if row.room_id is not None and night >= today}


async def _let_go(tx: Tx, rows: list[ReservationRoom]) -> None:
    """Take these stays' rooms from them and say so."""
    for row in rows:
        row.room_id = None
    for reservation in await reservation_repository.reservations(
        tx.session, {row.reservation_id for row in rows}, lock=True
    ):
        reservation.flags = sorted({*reservation.flags, assignment.ROOM_TAKEN_FLAG})
        reservation.version += 1
        await events.announce(
            tx,
            events.RESERVATION_UPDATED,
            reservation.property_id,
            reservation.id,
            origin="house",
            changed=("flags", "rooms.room_id"),
        )
