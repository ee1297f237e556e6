"""Every query of room types, rooms and maintenance, and of who has which room."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.domain.stay import StayStatus
from innkeeper.house.repository import HOLDING, LOCK, one_page
from innkeeper.house.tables import KeyCard, Maintenance, Reservation, ReservationRoom, Room, RoomNight, RoomType

# Statements that every booking makes are put together once: composing one costs as much as running it.
_ALL_TYPES = (
    select(RoomType)
    .where(RoomType.property_id == bindparam("property"), RoomType.deleted_at.is_(None))
    .order_by(RoomType.id)
)
_TYPES = (
    select(RoomType)
    .where(RoomType.property_id == bindparam("property"), RoomType.id.in_(bindparam("ids", expanding=True)))
    .order_by(RoomType.id)
)
_LOCKED_TYPES = _TYPES.with_for_update(**LOCK)


async def room_types(
    session: AsyncSession, property_id: UUID, ids: Collection[UUID] | None = None, *, lock: bool = False
) -> dict[UUID, RoomType]:
    """Return room types by id, in the order of their ids; `ids` None means all that are sold.

    `lock` holds each against other bookings until the transaction ends; always taken in this order, so that two
    bookings never wait for each other.
    """
    values: dict[str, Any] = {"property": property_id}
    if ids is None:
        query = _ALL_TYPES
    else:
        query, values["ids"] = _TYPES, list(ids)
    if lock:
        query = _LOCKED_TYPES if query is _TYPES else query.with_for_update(**LOCK)
    return {row.id: row for row in await session.scalars(query, values)}


async def page_of_room_types(
    session: AsyncSession, property_id: UUID, limit: int, offset: int
) -> tuple[Sequence[RoomType], int]:
    """Return room types by name, with how many there are."""
    query = select(RoomType).where(RoomType.property_id == property_id, RoomType.deleted_at.is_(None))
    return await one_page(session, query, (RoomType.name, RoomType.id), limit, offset)


async def room_counts(session: AsyncSession, room_type_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return how many rooms each type has; types without rooms are not in the answer."""
    query = (
        select(Room.room_type_id, func.count())
        .where(Room.room_type_id.in_(room_type_ids), Room.deleted_at.is_(None))
        .group_by(Room.room_type_id)
    )
    return {row[0]: row[1] for row in await session.execute(query)}


async def rooms(session: AsyncSession, property_id: UUID, ids: Collection[UUID]) -> dict[UUID, Room]:
    """Return rooms by id, among them those that are no more."""
    query = select(Room).where(Room.property_id == property_id, Room.id.in_(ids))
    return {room.id: room for room in await session.scalars(query)}


async def page_of_rooms(
    session: AsyncSession, property_id: UUID, limit: int, offset: int, room_type_id: UUID | None = None
) -> tuple[Sequence[Room], int]:
    """Return rooms by number, with how many there are."""
    query = select(Room).where(Room.property_id == property_id, Room.deleted_at.is_(None))
    if room_type_id is not None:
        query = query.where(Room.room_type_id == room_type_id)
    return await one_page(session, query, (Room.number, Room.id), limit, offset)


async def room_by_number(session: AsyncSession, property_id: UUID, number: str) -> Room | None:
    """Return the room with this number on its door."""
    return await session.scalar(
        select(Room).where(Room.property_id == property_id, Room.number == number, Room.deleted_at.is_(None))
    )


async def room_numbers(session: AsyncSession, property_id: UUID) -> set[str]:
    """Return the numbers of all rooms."""
    query = select(Room.number).where(Room.property_id == property_id, Room.deleted_at.is_(None))
    return set(await session.scalars(query))


async def retire_rooms(session: AsyncSession, room_type_id: UUID, at: datetime) -> None:
    """Take all rooms of a type out of use, with their key cards."""
    of_type = select(Room.id).where(Room.room_type_id == room_type_id)
    await session.execute(delete(KeyCard).where(KeyCard.room_id.in_(of_type)))
    await session.execute(
        update(Room).where(Room.room_type_id == room_type_id, Room.deleted_at.is_(None)).values(deleted_at=at)
    )


async def remove_from_room(session: AsyncSession, room_id: UUID) -> None:
    """Delete the key cards and the maintenance of a room that goes."""
    await session.execute(delete(KeyCard).where(KeyCard.room_id == room_id))
    await session.execute(delete(Maintenance).where(Maintenance.room_id == room_id))


async def move_maintenance(session: AsyncSession, room_id: UUID, room_type_id: UUID) -> None:
    """Count the maintenance of a room with its new type."""
    await session.execute(update(Maintenance).where(Maintenance.room_id == room_id).values(room_type_id=room_type_id))


async def key_cards(session: AsyncSession, room_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """Return the key cards of rooms, by room."""
    cards: dict[UUID, list[str]] = {room_id: [] for room_id in room_ids}
    query = select(KeyCard.room_id, KeyCard.card).where(KeyCard.room_id.in_(room_ids)).order_by(KeyCard.card)
    for room_id, card in await session.execute(query):
        cards[room_id].append(card)
    return cards


async def cards_of_others(
    session: AsyncSession, property_id: UUID, cards: Collection[str], room_id: UUID
) -> list[tuple[str, str]]:
    """Return those of the cards that open another room, each with that room's number."""
    query = (
        select(KeyCard.card, Room.number)
        .join(Room, Room.id == KeyCard.room_id)
        .where(KeyCard.property_id == property_id, KeyCard.card.in_(cards), KeyCard.room_id != room_id)
        .order_by(KeyCard.card)
    )
    return [(card, number) for card, number in await session.execute(query)]


async def set_cards(session: AsyncSession, property_id: UUID, room_id: UUID, cards: Collection[str]) -> None:
    """Make these the only cards of the room."""
    await session.execute(delete(KeyCard).where(KeyCard.room_id == room_id))
    if cards:
        rows = [{"property_id": property_id, "card": card, "room_id": room_id} for card in cards]
        await session.execute(insert(KeyCard), rows)


async def maintenance(session: AsyncSession, property_id: UUID, maintenance_id: UUID) -> Maintenance | None:
    """Return one maintenance."""
    return await session.scalar(
        select(Maintenance).where(Maintenance.property_id == property_id, Maintenance.id == maintenance_id)
    )


async def page_of_maintenance(
    session: AsyncSession, property_id: UUID, limit: int, offset: int, start: date | None, end: date | None
) -> tuple[Sequence[Maintenance], int]:
    """Return maintenance that touches the nights from `start` to `end` (exclusive), earliest first."""
    query = select(Maintenance).where(Maintenance.property_id == property_id)
    if start is not None:
        query = query.where(Maintenance.end > start)
    if end is not None:
        query = query.where(Maintenance.start < end)
    return await one_page(session, query, (Maintenance.start, Maintenance.id), limit, offset)


async def out_of_order(session: AsyncSession, room_ids: Collection[UUID], start: date, end: date) -> list[Maintenance]:
    """Return the maintenance of these rooms that touches the nights from `start` to `end` (exclusive)."""
    query = select(Maintenance).where(
        Maintenance.room_id.in_(room_ids), Maintenance.start < end, Maintenance.end > start
    )
    return list(await session.scalars(query))


async def taken_nights(
    session: AsyncSession, room_ids: Collection[UUID], start: date, end: date, without: UUID | None = None
) -> list[tuple[UUID, date, str]]:
    """Return (room, night, confirmation) of the nights that other reservations than `without` hold in these rooms."""
    query = (
        select(RoomNight.room_id, RoomNight.night, Reservation.confirmation)
        .join(ReservationRoom, ReservationRoom.id == RoomNight.reservation_room_id)
        .join(Reservation, Reservation.id == ReservationRoom.reservation_id)
        .where(RoomNight.room_id.in_(room_ids), RoomNight.night >= start, RoomNight.night < end)
        .order_by(RoomNight.night)
    )
    if without is not None:
        query = query.where(Reservation.id != without)
    return [(room_id, night, confirmation) for room_id, night, confirmation in await session.execute(query)]


async def occupants(session: AsyncSession, room_ids: Collection[UUID], without: UUID | None = None) -> dict[UUID, str]:
    """Return the confirmation of who is checked in, by room; `without` is a reservation to leave out."""
    query = (
        select(ReservationRoom.room_id, Reservation.confirmation)
        .join(Reservation, Reservation.id == ReservationRoom.reservation_id)
        .where(ReservationRoom.room_id.in_(room_ids), ReservationRoom.status == StayStatus.CHECKED_IN)
    )
    if without is not None:
        query = query.where(Reservation.id != without)
    return {room_id: confirmation for room_id, confirmation in await session.execute(query) if room_id is not None}


async def free_rooms(session: AsyncSession, room_type_id: UUID, start: date, end: date) -> list[Room]:
    """Return the rooms of a type, by number, that nobody is in and that are free for every night of the stay."""
    held = exists().where(RoomNight.room_id == Room.id, RoomNight.night >= start, RoomNight.night < end)
    closed = exists().where(Maintenance.room_id == Room.id, Maintenance.start < end, Maintenance.end > start)
    inside = exists().where(ReservationRoom.room_id == Room.id, ReservationRoom.status == StayStatus.CHECKED_IN)
    query = (
        select(Room)
        .where(Room.room_type_id == room_type_id, Room.deleted_at.is_(None), ~held, ~closed, ~inside)
        .order_by(func.length(Room.number), Room.number)
    )
    return list(await session.scalars(query))


async def room_in_use(session: AsyncSession, room_id: UUID, since: date) -> bool:
    """Whether somebody is in the room, or holds a night of it from `since` on."""
    held = exists().where(RoomNight.room_id == room_id, RoomNight.night >= since)
    inside = exists().where(ReservationRoom.room_id == room_id, ReservationRoom.status == StayStatus.CHECKED_IN)
    return bool(await session.scalar(select(or_(held, inside))))


async def release_nights(session: AsyncSession, reservation_room_ids: Collection[UUID]) -> None:
    """Give back all nights that these stays hold in physical rooms."""
    query = delete(RoomNight).where(RoomNight.reservation_room_id.in_(reservation_room_ids))
    await session.execute(query.execution_options(synchronize_session=False))


async def hold_nights(session: AsyncSession, nights: Sequence[dict[str, Any]]) -> None:
    """Take nights of physical rooms. Raises IntegrityError when another stay holds one of them."""
    if nights:
        await session.execute(insert(RoomNight), nights)


async def rooms_given(session: AsyncSession, property_id: UUID, since: date) -> Sequence[ReservationRoom]:
    """Return the stays that have a physical room and are not over by `since`."""
    query = (
        select(ReservationRoom)
        .join(Reservation, Reservation.id == ReservationRoom.reservation_id)
        .where(
            Reservation.property_id == property_id,
            Reservation.check_out > since,
            ReservationRoom.room_id.is_not(None),
            ReservationRoom.check_out > since,
            ReservationRoom.status.in_(HOLDING),
        )
    )
    return (await session.scalars(query)).all()


async def held_nights(session: AsyncSession, property_id: UUID, since: date) -> list[tuple[UUID, UUID, date]]:
    """Return (stay, room, night) of all nights that are held in physical rooms from `since` on."""
    query = (
        select(RoomNight.reservation_room_id, RoomNight.room_id, RoomNight.night)
        .join(Room, Room.id == RoomNight.room_id)
        .where(Room.property_id == property_id, RoomNight.night >= since)
    )
    return [(stay, room, night) for stay, room, night in await session.execute(query)]
