"""Every query of the house but those of guests and folios; an answer is of one property, the session the caller's."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple
from typing import cast as cast_type
from uuid import UUID

from sqlalchemy import (
    Date,
    Executable,
    Integer,
    Select,
    Table,
    Text,
    TextClause,
    Uuid,
    and_,
    bindparam,
    cast,
    delete,
    exists,
    false,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, contains_eager, joinedload, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from innkeeper.domain.stay import StayStatus
from innkeeper.house.tables import (
    Guest,
    KeyCard,
    Maintenance,
    Property,
    RateNight,
    Reservation,
    ReservationRoom,
    Room,
    RoomNight,
    RoomType,
)
from innkeeper.storage.outbox import EventRow

#: The states of a stay that take nights from what can be sold.
HOLDING = tuple(str(status) for status in StayStatus if status.holds_inventory)

#: A row of a lock that foreign keys pointing at it need not wait for.
LOCK: dict[str, Any] = {"key_share": True}


def has_row_locks(session: AsyncSession) -> bool:
    """Whether rows must be locked one by one: on SQLite a writing transaction already has the data base to itself."""
    return session.get_bind().dialect.name != "sqlite"


# --- property -------------------------------------------------------------------------------------------------------


async def locked_property(session: AsyncSession, property_id: UUID) -> Property | None:
    """Return the property, locked against other writers until the transaction ends."""
    query = select(Property).where(Property.id == property_id).with_for_update(**LOCK)
    return await session.scalar(query.execution_options(populate_existing=True))


@cache
def _counting(counter: str) -> Executable:
    # Past the ORM: nobody looks at the counter of a property that is already loaded.
    table = cast_type(Table, Property.__table__)
    column = table.c[counter]
    step = bindparam("step", type_=Integer())
    return update(table).where(table.c.id == bindparam("property")).values({column: column + step}).returning(column)


async def take_number(
    session: AsyncSession, property_id: UUID, counter: InstrumentedAttribute[int], count: int = 1
) -> int:
    """Count up a counter of the property and return the first of `count` numbers that nobody else gets."""
    taken: int | None = await session.scalar(_counting(counter.key), {"property": property_id, "step": count})
    assert taken is not None, "the property was read before"  # noqa: S101
    return taken - count


async def properties(session: AsyncSession) -> Sequence[Property]:
    """Return every property, by name."""
    return (await session.scalars(select(Property).order_by(Property.name, Property.id))).all()


async def has_reservations(session: AsyncSession, property_id: UUID) -> bool:
    """Whether any reservation was ever kept."""
    return bool(await session.scalar(select(exists().where(Reservation.property_id == property_id))))


# --- room types, rooms, maintenance -----------------------------------------------------------------------------------


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


# --- what is sold and what is there -----------------------------------------------------------------------------------

#: The kinds of inventory rows.
ROOMS, STAY, CLOSED = "rooms", "stay", "closed"


# A guest in house takes tonight, whatever arrival is written: a channel may tell that somebody came early.
_INVENTORY = """
    WITH today AS (
        SELECT max(h.business_date) AS night FROM hotel_settings h JOIN room_types t ON t.property_id = h.id
         WHERE t.id IN :types
    )
    SELECT 'stay' AS kind, room_type_id, NULL AS room_id, {joined}(
           CASE WHEN status = 'Checked-in' AND check_in > (SELECT night FROM today)
                THEN (SELECT {night} FROM today) ELSE {check_in} END || {check_out}, '') AS dates, 1 AS units
      FROM reservation_rooms
     WHERE room_type_id IN :types AND check_out > :start AND status IN :holding {but}
       AND (check_in < :end OR status = 'Checked-in' AND (SELECT night FROM today) < :end)
     GROUP BY room_type_id
    UNION ALL
    SELECT 'closed', room_type_id, room_id, {start} || {end}, coalesce(units, 1)
      FROM maintenance
     WHERE room_type_id IN :types AND "end" > :start AND start < :end
    UNION ALL
    SELECT 'rooms', room_type_id, NULL, NULL, count(*)
      FROM rooms
     WHERE room_type_id IN :types AND deleted_at IS NULL
     GROUP BY room_type_id
"""
_DATES = {"check_in": "check_in", "check_out": "check_out", "start": "start", "end": '"end"', "night": "night"}
#: How each data base joins texts, and how it writes a date as ISO 8601; SQLite keeps dates as that.
_DIALECTS = {
    "sqlite": {"joined": "group_concat", **_DATES},
    "postgresql": {"joined": "string_agg", **{k: f"to_char({c}, 'YYYY-MM-DD')" for k, c in _DATES.items()}},
}


@cache
def _inventory_query(dialect: str, *, but_one: bool) -> TextClause:
    but = "AND reservation_id <> :without" if but_one else ""
    query = text(_INVENTORY.format(but=but, **_DIALECTS[dialect])).bindparams(
        bindparam("types", expanding=True, type_=Uuid()),
        bindparam("start", type_=Date()),
        bindparam("end", type_=Date()),
        bindparam("holding", HOLDING, expanding=True),
    )
    return query.bindparams(bindparam("without", type_=Uuid())) if but_one else query


async def inventory(
    session: AsyncSession, room_type_ids: Collection[UUID], start: date, end: date, without: UUID | None = None
) -> Sequence[Any]:
    """Return (kind, room type, room, dates, units) of all that decides what is free, in one statement.

    `ROOMS` rows count the rooms of a type. A `STAY` row holds all stays of a type in one text, twenty characters each:
    arrival and departure; the reservation `without` is left out. `CLOSED` rows close `units` of a type, or the one
    `room`. Identifiers come as the data base keeps them. Tens of thousands of stays as rows of their own would take ten
    times as long to fetch as to count.
    """
    values: dict[str, Any] = {"types": list(room_type_ids), "start": start, "end": end}
    if without is not None:
        values["without"] = without
    query = _inventory_query(session.get_bind().dialect.name, but_one=without is not None)
    return (await session.execute(query, values)).all()


# --- rates ------------------------------------------------------------------------------------------------------------


_RATE_NIGHTS = select(RateNight).where(
    RateNight.room_type_id.in_(bindparam("types", expanding=True)),
    RateNight.night >= bindparam("start"),
    RateNight.night < bindparam("end"),
)


async def rate_nights(
    session: AsyncSession, room_type_ids: Collection[UUID], start: date, end: date
) -> dict[tuple[UUID, date], RateNight]:
    """Return the nights from `start` to `end` (exclusive) that have a price or rules of their own."""
    values = {"types": list(room_type_ids), "start": start, "end": end}
    return {(row.room_type_id, row.night): row for row in await session.scalars(_RATE_NIGHTS, values)}


# --- reservations -----------------------------------------------------------------------------------------------------

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


async def with_night_audit(session: AsyncSession) -> Sequence[Property]:
    """Return the properties whose day closes by itself."""
    return (await session.scalars(select(Property).where(Property.night_audit_time.is_not(None)))).all()


# --- physical rooms ---------------------------------------------------------------------------------------------------


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


async def one_page(
    session: AsyncSession, query: Select[Any], order: Sequence[Any], limit: int, offset: int
) -> tuple[Sequence[Any], int]:
    """Return the rows of one page of a query, and how many there are in all."""
    total = await session.scalar(select(func.count()).select_from(query.order_by(None).options().subquery()))
    rows = (await session.scalars(query.order_by(*order).limit(limit).offset(offset))).unique().all()
    return rows, total or 0
