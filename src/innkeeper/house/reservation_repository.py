"""Every query of reservations; an answer is of one property, the session the caller's."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Text, and_, cast, exists, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager, joinedload, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from innkeeper.domain.stay import StayStatus
from innkeeper.house.repository import HOLDING, LOCK, one_page
from innkeeper.house.tables import Guest, Reservation, ReservationRoom, Room
from innkeeper.storage.outbox import EventRow

_WITH_ROOMS: tuple[ORMOption, ...] = (
    selectinload(Reservation.rooms).options(joinedload(ReservationRoom.room), joinedload(ReservationRoom.room_type)),
    joinedload(Reservation.primary_guest),
)


async def reservation(
    session: AsyncSession, property_id: UUID, reservation_id: UUID, *, lock: bool = False
) -> Reservation | None:
    """Return one reservation with its rooms and guest; `lock` reads it anew and holds it."""
    query = select(Reservation).where(Reservation.property_id == property_id, Reservation.id == reservation_id)
    query = query.options(*_WITH_ROOMS)
    if lock:
        query = query.with_for_update(of=Reservation, **LOCK).execution_options(populate_existing=True)
    return await session.scalar(query)


async def status_of(session: AsyncSession, reservation_id: UUID) -> str | None:
    """Return the state of a reservation."""
    return await session.scalar(select(Reservation.status).where(Reservation.id == reservation_id))


async def reservations(session: AsyncSession, ids: Collection[UUID], *, lock: bool = False) -> Sequence[Reservation]:
    """Return reservations with rooms and guests, in the order of their ids."""
    query = select(Reservation).where(Reservation.id.in_(ids)).order_by(Reservation.id).options(*_WITH_ROOMS)
    if lock:
        query = query.with_for_update(of=Reservation, **LOCK)
    return (await session.scalars(query)).all()


async def page_of_reservations(
    session: AsyncSession,
    property_id: UUID,
    limit: int,
    offset: int,
    *,
    status: Collection[str] = (),
    arrives: tuple[date | None, date | None] = (None, None),
    departs: tuple[date | None, date | None] = (None, None),
    stays: tuple[date | None, date | None] = (None, None),
    words: Sequence[str] = (),
    typed: str = "",
    flag: str | None = None,
    guest_id: UUID | None = None,
) -> tuple[Sequence[Reservation], int]:
    """Return reservations by arrival, with how many there are. Ranges include both ends; None leaves one open.

    `stays` takes those whose nights touch the range. `words` are looked for in the guest's folded name, `typed` among
    confirmations and room numbers.
    """
    query = (
        select(Reservation)
        .join(Reservation.primary_guest)
        .where(Reservation.property_id == property_id)
        .options(contains_eager(Reservation.primary_guest), _WITH_ROOMS[0])
    )
    if status:
        query = query.where(Reservation.status.in_(status))
    for column, (first, last) in ((Reservation.check_in, arrives), (Reservation.check_out, departs)):
        if first is not None:
            query = query.where(column >= first)
        if last is not None:
            query = query.where(column <= last)
    if stays[0] is not None:
        query = query.where(Reservation.check_out > stays[0])
    if stays[1] is not None:
        query = query.where(Reservation.check_in <= stays[1])
    if words or typed:
        named = and_(*(Guest.name_normal.contains(word, autoescape=True) for word in words)) if words else false()
        numbered = Reservation.confirmation.startswith(typed, autoescape=True)
        in_room = exists().where(
            ReservationRoom.reservation_id == Reservation.id, ReservationRoom.room_id == Room.id, Room.number == typed
        )
        query = query.where(or_(named, numbered, in_room))
    if flag is not None:
        # The flags are a small document of fixed words; its text is searched the same way on both data bases.
        query = query.where(cast(Reservation.flags, Text).contains(f'"{flag}"', autoescape=True))
    if guest_id is not None:
        query = query.where(Reservation.primary_guest_id == guest_id)
    return await one_page(session, query, (Reservation.check_in, Reservation.id), limit, offset)


class DayCounts(NamedTuple):
    """How many reservations arrive, stay and leave on a business date."""

    arriving: int
    inside: int
    leaving: int


async def day_counts(session: AsyncSession, property_id: UUID, today: date) -> DayCounts:
    """Return how many are still to arrive, are in house, and are still to leave; the late ones among them."""
    confirmed, inside = Reservation.status == StayStatus.CONFIRMED, Reservation.status == StayStatus.CHECKED_IN
    query = select(
        func.count().filter(confirmed, Reservation.check_in <= today, Reservation.check_out > today),
        func.count().filter(inside),
        func.count().filter(inside, Reservation.check_out <= today),
    ).where(Reservation.property_id == property_id, Reservation.status.in_(HOLDING))
    return DayCounts(*(await session.execute(query)).one())


class Step(NamedTuple):
    """Something that happened to a reservation: when, what, which fields, and which side or person did it."""

    at: datetime
    name: str
    changed: Collection[str]
    by: str


async def history(session: AsyncSession, property_id: UUID, reservation_id: UUID, limit: int) -> list[Step]:
    """Return the newest announcements about a reservation, newest first; they are kept for some weeks."""
    query = (
        select(EventRow)
        .where(EventRow.property_id == property_id, EventRow.entity_id == reservation_id)
        .order_by(EventRow.sequence.desc())
        .limit(limit)
    )
    return [
        Step(row.occurred_at, row.name, row.payload.get("changed", ()), row.origin)
        for row in await session.scalars(query)
    ]


async def holding_rooms(
    session: AsyncSession, room_type_ids: Collection[UUID], start: date, end: date
) -> list[ReservationRoom]:
    """Return the rooms of reservations that hold any of the nights from `start` to `end` (exclusive).

    Guests in house are among them whatever arrival is written, since they take tonight.
    """
    query = select(ReservationRoom).where(
        ReservationRoom.room_type_id.in_(room_type_ids),
        ReservationRoom.check_out > start,
        or_(ReservationRoom.check_in < end, ReservationRoom.status == StayStatus.CHECKED_IN),
        ReservationRoom.status.in_(HOLDING),
    )
    return list(await session.scalars(query))


async def any_overbooked(session: AsyncSession, room_type_ids: Collection[UUID], start: date, end: date) -> bool:
    """Whether a stay without a room holds any of these nights."""
    query = select(
        exists().where(
            ReservationRoom.room_type_id.in_(room_type_ids),
            ReservationRoom.check_out > start,
            ReservationRoom.check_in < end,
            ReservationRoom.status.in_(HOLDING),
            ReservationRoom.overbooked,
        )
    )
    return bool(await session.scalar(query))


async def holds_room_type(session: AsyncSession, room_type_id: UUID, since: date) -> bool:
    """Whether a stay that is not over by `since` is of this type."""
    query = select(
        exists().where(
            ReservationRoom.room_type_id == room_type_id,
            ReservationRoom.check_out > since,
            ReservationRoom.status.in_(HOLDING),
        )
    )
    return bool(await session.scalar(query))


async def unsettled(session: AsyncSession, property_id: UUID, today: date) -> Sequence[Reservation]:
    """Return the reservations of which a guest should have come by `today`, or should have left, by confirmation."""
    missing = and_(ReservationRoom.status == StayStatus.CONFIRMED, ReservationRoom.check_in <= today)
    due_out = and_(ReservationRoom.status == StayStatus.CHECKED_IN, ReservationRoom.check_out <= today)
    query = (
        select(Reservation)
        .where(
            Reservation.property_id == property_id,
            Reservation.status.in_(HOLDING),
            Reservation.check_in <= today,
            exists().where(ReservationRoom.reservation_id == Reservation.id, or_(missing, due_out)),
        )
        .order_by(Reservation.confirmation)
        .options(*_WITH_ROOMS)
    )
    return (await session.scalars(query)).all()
