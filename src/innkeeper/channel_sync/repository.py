"""Every query of channel sync."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.channel_sync.tables import (
    Attention,
    Config,
    CustomerMapping,
    FormerOrder,
    InboundCursor,
    ReservationMapping,
    RoomTypeMapping,
    SyncLog,
    SyncState,
)
from innkeeper.house.tables import Guest, Reservation, ReservationRoom, Room, RoomType

#: SQLite takes 32,766 variables in a statement; PostgreSQL more.
_CHUNK = 500


async def config(session: AsyncSession, property_id: UUID) -> Config | None:
    """Return the connection of the property."""
    return (await session.scalars(select(Config).where(Config.property_id == property_id))).one_or_none()


async def config_once(session: AsyncSession, property_id: UUID) -> Config | None:
    """Return the connection of the property as `config` does, but ask for it once in a session.

    Every change of the house asks, often several times, and most houses answer that there is none.
    """
    known: dict[UUID, Config | None] = session.info.setdefault("channel_sync.config", {})
    if property_id not in known:
        known[property_id] = await config(session, property_id)
    return known[property_id]


async def enabled_configs(session: AsyncSession) -> Sequence[Config]:
    """Return the connections that are to be synchronised by themselves."""
    return (await session.scalars(select(Config).where(Config.sync_enabled).order_by(Config.property_id))).all()


async def all_configs(session: AsyncSession) -> Sequence[Config]:
    """Return every connection, for the rotation of secrets and the doctor."""
    return (await session.scalars(select(Config).order_by(Config.property_id))).all()


async def room_type_mappings(session: AsyncSession, property_id: UUID) -> Sequence[RoomTypeMapping]:
    """Return the active mappings of room types."""
    query = select(RoomTypeMapping).where(RoomTypeMapping.property_id == property_id, RoomTypeMapping.is_active)
    return (await session.scalars(query.order_by(RoomTypeMapping.qloapps_product_id))).all()


async def room_type_mapping(session: AsyncSession, property_id: UUID, mapping_id: UUID) -> RoomTypeMapping | None:
    """Return one mapping of room types."""
    query = select(RoomTypeMapping).where(RoomTypeMapping.property_id == property_id, RoomTypeMapping.id == mapping_id)
    return (await session.scalars(query)).one_or_none()


async def room_types(session: AsyncSession, property_id: UUID) -> Sequence[RoomType]:
    """Return the house's room types that are not deleted."""
    query = select(RoomType).where(RoomType.property_id == property_id, RoomType.deleted_at.is_(None))
    return (await session.scalars(query.order_by(RoomType.name))).all()


async def type_names(session: AsyncSession, property_id: UUID) -> dict[str, str]:
    """Return the names of the house's room types by what the states of bookings call them."""
    names = {kind.id: kind.name for kind in await room_types(session, property_id)}
    found = {f"local:{kind}": name for kind, name in names.items()}
    for mapping in await room_type_mappings(session, property_id):
        if mapping.local_room_type_id in names:
            found[str(mapping.qloapps_product_id)] = names[mapping.local_room_type_id]
    return found


async def room_counts(session: AsyncSession, property_id: UUID) -> dict[UUID, int]:
    """Return how many rooms each room type has."""
    query = select(Room.room_type_id, func.count()).where(Room.property_id == property_id, Room.deleted_at.is_(None))
    rows = (await session.execute(query.group_by(Room.room_type_id))).all()
    return {row[0]: row[1] for row in rows}


async def conflict(
    session: AsyncSession, property_id: UUID, mapping_id: UUID, *, lock: bool = False
) -> ReservationMapping | None:
    """Return the mapping by which a conflict is known."""
    query = select(ReservationMapping).where(
        ReservationMapping.property_id == property_id, ReservationMapping.id == mapping_id
    )
    return (await session.scalars(query.with_for_update() if lock else query)).one_or_none()


async def room_numbers(session: AsyncSession, property_id: UUID) -> set[str]:
    """Return the numbers of the house's rooms."""
    query = select(Room.number).where(Room.property_id == property_id, Room.deleted_at.is_(None))
    return set(await session.scalars(query))


async def mapping_of_reservation(
    session: AsyncSession, property_id: UUID, reservation_id: UUID, *, lock: bool = False
) -> ReservationMapping | None:
    """Return the mapping of one of our reservations."""
    query = select(ReservationMapping).where(
        ReservationMapping.property_id == property_id, ReservationMapping.local_reservation_id == reservation_id
    )
    return (await session.scalars(query.with_for_update() if lock else query)).one_or_none()


async def confirmations(session: AsyncSession, reservation_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the confirmation numbers of reservations."""
    query = select(Reservation.id, Reservation.confirmation).where(Reservation.id.in_(list(reservation_ids)))
    return {row[0]: row[1] for row in (await session.execute(query)).all()}


async def mappings_of_orders(
    session: AsyncSession, property_id: UUID, order_ids: Iterable[int]
) -> dict[int, ReservationMapping]:
    """Return the mappings of those orders that have one."""
    found: dict[int, ReservationMapping] = {}
    for chunk in _chunks(order_ids):
        query = select(ReservationMapping).where(
            ReservationMapping.property_id == property_id, ReservationMapping.qloapps_order_id.in_(chunk)
        )
        found.update({row.qloapps_order_id or 0: row for row in await session.scalars(query)})
    return found


async def has_mappings(session: AsyncSession, property_id: UUID) -> bool:
    """Whether any reservation was ever a booking there."""
    return bool(await session.scalar(select(exists().where(ReservationMapping.property_id == property_id))))


async def former_orders(session: AsyncSession, property_id: UUID, order_ids: Iterable[int]) -> set[int]:
    """Return those of the orders that were made by an earlier generation of one of our bookings."""
    found: set[int] = set()
    for chunk in _chunks(order_ids):
        query = select(FormerOrder.order_id).where(
            FormerOrder.property_id == property_id, FormerOrder.order_id.in_(chunk)
        )
        found.update(await session.scalars(query))
    return found


async def former_order(session: AsyncSession, property_id: UUID, order_id: int) -> FormerOrder | None:
    """Return what is known of an order that was made by an earlier generation of one of our bookings."""
    query = select(FormerOrder).where(FormerOrder.property_id == property_id, FormerOrder.order_id == order_id)
    return (await session.scalars(query)).one_or_none()


async def mappings_of_references(
    session: AsyncSession, property_id: UUID, references: Iterable[str]
) -> dict[str, ReservationMapping]:
    """Return the mappings that carry these references."""
    found: dict[str, ReservationMapping] = {}
    for chunk in _chunks(references):
        query = select(ReservationMapping).where(
            ReservationMapping.property_id == property_id, ReservationMapping.reference.in_(chunk)
        )
        found.update({row.reference: row for row in await session.scalars(query)})
    return found


async def reservation_mappings(
    session: AsyncSession, property_id: UUID, *, limit: int, offset: int, status: str | None, conflict: bool | None
) -> tuple[Sequence[ReservationMapping], int]:
    """Return a page of mappings, newest change first, and how many there are."""
    where = [ReservationMapping.property_id == property_id]
    if status is not None:
        where.append(ReservationMapping.status == status)
    if conflict is not None:
        where.append(ReservationMapping.has_conflict == conflict)
    total = await session.scalar(select(func.count()).select_from(ReservationMapping).where(*where))
    query = select(ReservationMapping).where(*where).order_by(ReservationMapping.updated_at.desc())
    return (await session.scalars(query.limit(limit).offset(offset))).all(), total or 0


async def unsent_reservations(session: AsyncSession, property_id: UUID, since: Any) -> Sequence[UUID]:
    """Return reservations that end on or after `since`, hold a room, have no booking there and were not refused one."""
    mapped = select(ReservationMapping.local_reservation_id).where(
        ReservationMapping.property_id == property_id,
        or_(ReservationMapping.qloapps_order_id.is_not(None), ReservationMapping.status == "refused"),
    )
    query = select(Reservation.id).where(
        Reservation.property_id == property_id,
        Reservation.status.in_(("Confirmed", "Checked-in")),
        Reservation.check_out >= since,
        Reservation.id.not_in(mapped),
    )
    return (await session.scalars(query.order_by(Reservation.created_at))).all()


async def unsettled_mappings(session: AsyncSession, property_id: UUID) -> Sequence[UUID]:
    """Return reservations whose mapping says that something is still to be sent or found out."""
    query = select(ReservationMapping.local_reservation_id).where(
        ReservationMapping.property_id == property_id,
        ReservationMapping.status.in_(("pending", "in_doubt", "partial")),
    )
    return (await session.scalars(query)).all()


async def refused_reservations(session: AsyncSession, property_id: UUID) -> Sequence[UUID]:
    """Return reservations for which the broker had no room when they were last sent."""
    query = select(ReservationMapping.local_reservation_id).where(
        ReservationMapping.property_id == property_id, ReservationMapping.status == "refused"
    )
    return (await session.scalars(query.order_by(ReservationMapping.created_at))).all()


async def changed_since_agreed(session: AsyncSession, property_id: UUID) -> Sequence[UUID]:
    """Return mapped reservations that were changed here after they were last pushed or read."""
    query = (
        select(ReservationMapping.local_reservation_id)
        .join(Reservation, Reservation.id == ReservationMapping.local_reservation_id)
        .where(
            ReservationMapping.property_id == property_id,
            or_(
                ReservationMapping.last_local_update.is_(None),
                Reservation.updated_at > ReservationMapping.last_local_update,
            ),
        )
    )
    return (await session.scalars(query)).all()


async def rooms_without_type(session: AsyncSession, property_id: UUID) -> Sequence[tuple[UUID, UUID]]:
    """Return (reservation, room) of every stored room that waits for a mapping of its room type."""
    query = (
        select(ReservationRoom.reservation_id, ReservationRoom.id)
        .join(Reservation, Reservation.id == ReservationRoom.reservation_id)
        .where(Reservation.property_id == property_id, ReservationRoom.room_type_id.is_(None))
        .order_by(ReservationRoom.reservation_id)
    )
    return [(reservation, room) for reservation, room in (await session.execute(query)).all()]


async def customer_mappings(
    session: AsyncSession, property_id: UUID, customer_ids: Iterable[int]
) -> dict[int, CustomerMapping]:
    """Return the mappings of those customers that have one."""
    found: dict[int, CustomerMapping] = {}
    for chunk in _chunks(customer_ids):
        query = select(CustomerMapping).where(
            CustomerMapping.property_id == property_id, CustomerMapping.qloapps_customer_id.in_(chunk)
        )
        found.update({row.qloapps_customer_id: row for row in await session.scalars(query)})
    return found


async def customer_of_guest(session: AsyncSession, property_id: UUID, guest_id: UUID) -> CustomerMapping | None:
    """Return the first customer that the guest was found to be."""
    query = select(CustomerMapping).where(
        CustomerMapping.property_id == property_id, CustomerMapping.local_guest_id == guest_id
    )
    return (await session.scalars(query.order_by(CustomerMapping.created_at).limit(1))).one_or_none()


async def customer_mapping(session: AsyncSession, property_id: UUID, mapping_id: UUID) -> CustomerMapping | None:
    """Return one mapping of a customer."""
    query = select(CustomerMapping).where(CustomerMapping.property_id == property_id, CustomerMapping.id == mapping_id)
    return (await session.scalars(query)).one_or_none()


async def customer_page(
    session: AsyncSession, property_id: UUID, *, limit: int, offset: int
) -> tuple[Sequence[tuple[CustomerMapping, str]], int]:
    """Return a page of customer mappings with the guests' names, newest first, and how many there are."""
    where = CustomerMapping.property_id == property_id
    total = await session.scalar(select(func.count()).select_from(CustomerMapping).where(where))
    query = (
        select(CustomerMapping, Guest.name)
        .join(Guest, Guest.id == CustomerMapping.local_guest_id)
        .where(where)
        .order_by(CustomerMapping.created_at.desc())
    )
    rows = (await session.execute(query.limit(limit).offset(offset))).all()
    return [(mapping, name) for mapping, name in rows], total or 0


async def cursor(session: AsyncSession, property_id: UUID) -> dict[str, Any] | None:
    """Return where the next incremental read begins."""
    row = await session.get(InboundCursor, property_id)
    return row.cursor if row else None


async def keep_cursor(session: AsyncSession, property_id: UUID, value: dict[str, Any]) -> None:
    """Remember where the next incremental read begins."""
    await session.merge(InboundCursor(property_id=property_id, cursor=value))


async def forget_cursor(session: AsyncSession, property_id: UUID) -> None:
    """Let the next incremental read begin at the beginning."""
    await session.execute(delete(InboundCursor).where(InboundCursor.property_id == property_id))


async def sync_state(session: AsyncSession, property_id: UUID, state_id: UUID) -> SyncState | None:
    """Return one run."""
    row = await session.get(SyncState, state_id)
    return row if row is not None and row.property_id == property_id else None


async def last_runs(session: AsyncSession, property_id: UUID) -> dict[str, dict[str, SyncState]]:
    """Return the last run of each type by status."""
    newest = (
        select(SyncState.sync_type, SyncState.status, func.max(SyncState.started_at).label("at"))
        .where(SyncState.property_id == property_id)
        .group_by(SyncState.sync_type, SyncState.status)
        .subquery()
    )
    query = (
        select(SyncState)
        .join(
            newest,
            (SyncState.sync_type == newest.c.sync_type)
            & (SyncState.status == newest.c.status)
            & (SyncState.started_at == newest.c.at),
        )
        .where(SyncState.property_id == property_id)
    )
    runs: dict[str, dict[str, SyncState]] = {}
    for row in await session.scalars(query):
        runs.setdefault(row.sync_type, {})[row.status] = row
    return runs


async def sync_logs(
    session: AsyncSession,
    property_id: UUID,
    *,
    limit: int,
    offset: int,
    success: bool | None = None,
    direction: str | None = None,
    operation: str | None = None,
    reservation_id: UUID | None = None,
    order_id: int | None = None,
) -> tuple[Sequence[SyncLog], int]:
    """Return a page of the log, newest first, and how many rows there are."""
    where = [SyncLog.property_id == property_id]
    for column, value in (
        (SyncLog.success, success),
        (SyncLog.direction, direction),
        (SyncLog.operation, operation),
        (SyncLog.local_entity_id, reservation_id),
        (SyncLog.qloapps_entity_id, order_id),
    ):
        if value is not None:
            where.append(column == value)
    total = await session.scalar(select(func.count()).select_from(SyncLog).where(*where))
    query = select(SyncLog).where(*where).order_by(SyncLog.created_at.desc(), SyncLog.id.desc())
    return (await session.scalars(query.limit(limit).offset(offset))).all(), total or 0


async def prune_logs(session: AsyncSession, property_id: UUID, *, before: datetime, keep: int) -> int:
    """Delete log rows older than `before` and those beyond the newest `keep`; return how many went."""
    gone = await session.execute(delete(SyncLog).where(SyncLog.property_id == property_id, SyncLog.created_at < before))
    edge = await session.scalar(
        select(SyncLog.created_at)
        .where(SyncLog.property_id == property_id)
        .order_by(SyncLog.created_at.desc())
        .limit(1)
        .offset(keep)
    )
    count = int(gone.rowcount)  # type: ignore[attr-defined]  # a DELETE answers with a cursor result
    if edge is not None:
        more = await session.execute(
            delete(SyncLog).where(SyncLog.property_id == property_id, SyncLog.created_at <= edge)
        )
        count += int(more.rowcount)  # type: ignore[attr-defined]
    return count


async def open_attention(session: AsyncSession, property_id: UUID, kind: str, key: str) -> Attention | None:
    """Return the open row of a cause."""
    query = select(Attention).where(
        Attention.property_id == property_id,
        Attention.kind == kind,
        Attention.key == key,
        Attention.closed_at.is_(None),
    )
    return (await session.scalars(query)).one_or_none()


async def open_keys(session: AsyncSession, property_id: UUID, kind: str) -> set[str]:
    """Return the keys of the open causes of a kind."""
    query = select(Attention.key).where(
        Attention.property_id == property_id, Attention.kind == kind, Attention.closed_at.is_(None)
    )
    return set(await session.scalars(query))


async def attention(session: AsyncSession, property_id: UUID, attention_id: UUID) -> Attention | None:
    """Return one row that needs, or needed, a person."""
    row = await session.get(Attention, attention_id)
    return row if row is not None and row.property_id == property_id else None


async def attention_page(
    session: AsyncSession, property_id: UUID, *, limit: int, offset: int, open_only: bool = True
) -> tuple[Sequence[Attention], int]:
    """Return a page of what needs a person, oldest first, and how many rows there are."""
    where = [Attention.property_id == property_id]
    if open_only:
        where.append(Attention.closed_at.is_(None))
    total = await session.scalar(select(func.count()).select_from(Attention).where(*where))
    query = select(Attention).where(*where).order_by(Attention.opened_at)
    return (await session.scalars(query.limit(limit).offset(offset))).all(), total or 0


async def open_of_reservation(session: AsyncSession, property_id: UUID, reservation_id: UUID) -> Sequence[Attention]:
    """Return the open causes that concern one reservation."""
    query = select(Attention).where(
        Attention.property_id == property_id,
        Attention.reservation_id == reservation_id,
        Attention.closed_at.is_(None),
    )
    return (await session.scalars(query)).all()


def _chunks(values: Iterable[Any]) -> Iterable[list[Any]]:
    unique = list(dict.fromkeys(values))
    return (unique[start : start + _CHUNK] for start in range(0, len(unique), _CHUNK))
