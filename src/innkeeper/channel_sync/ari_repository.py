"""Every query about what QloApps was told of rooms and prices: what is remembered, blocks, comparisons."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.channel_sync.tables import (
    Block,
    DriftSweep,
    ReservationMapping,
    RoomTypeMapping,
    StayLimits,
    TypeState,
)
from innkeeper.house.tables import Reservation, ReservationRoom, RoomType

#: Directions in which a mapping lets anything out.
_OUTWARD = ("outbound", "bidirectional")


async def outward_types(
    session: AsyncSession, property_id: UUID, hotel_id: int, only: Collection[UUID] | None = None
) -> Sequence[tuple[RoomType, int]]:
    """Return the room types that the broker is told of, each with its id there; of those in `only` if given."""
    query = (
        select(RoomType, RoomTypeMapping.qloapps_product_id)
        .join(RoomTypeMapping, RoomTypeMapping.local_room_type_id == RoomType.id)
        .where(
            RoomTypeMapping.property_id == property_id,
            RoomTypeMapping.qloapps_hotel_id == hotel_id,
            RoomTypeMapping.is_active,
            RoomTypeMapping.sync_direction.in_(_OUTWARD),
            RoomType.deleted_at.is_(None),
        )
        .order_by(RoomTypeMapping.qloapps_product_id)
    )
    if only is not None:
        query = query.where(RoomType.id.in_(only))
    return [(kind, product) for kind, product in (await session.execute(query)).all()]


async def type_states(session: AsyncSession, property_id: UUID) -> dict[UUID, TypeState]:
    """Return what is remembered of each room type."""
    query = select(TypeState).where(TypeState.property_id == property_id)
    return {row.room_type_id: row for row in await session.scalars(query)}


async def type_state(session: AsyncSession, property_id: UUID, room_type_id: UUID) -> TypeState:
    """Return what is remembered of a room type, a new row when nothing is."""
    row = await session.get(TypeState, (property_id, room_type_id))
    if row is None:
        row = TypeState(
            property_id=property_id, room_type_id=room_type_id, nights=[], rules=[], rules_known=False, foreign_rules=[]
        )
        session.add(row)
    return row


async def distrust_nights(session: AsyncSession, property_id: UUID, room_type_ids: Collection[UUID]) -> None:
    """Forget what the broker was told of the nights of these types, so that the next push looks there."""
    query = update(TypeState).where(TypeState.property_id == property_id, TypeState.room_type_id.in_(room_type_ids))
    await session.execute(query.values(nights=[], nights_from=None))


async def forget_type(session: AsyncSession, property_id: UUID, room_type_id: UUID) -> None:
    """Forget what the broker was told of this type: it may be sent as another one next time."""
    of_type = (TypeState.property_id == property_id) & (TypeState.room_type_id == room_type_id)
    await session.execute(delete(TypeState).where(of_type))


async def distrust_all(session: AsyncSession, property_id: UUID) -> None:
    """Forget everything that was told to a broker: it is another one now."""
    await session.execute(delete(TypeState).where(TypeState.property_id == property_id))
    await session.execute(delete(Block).where(Block.property_id == property_id))
    await session.execute(delete(StayLimits).where(StayLimits.property_id == property_id))


async def stay_limits(session: AsyncSession, property_id: UUID, products: Collection[int]) -> Sequence[StayLimits]:
    """Return the limits of stay that we set for these types of theirs."""
    query = select(StayLimits).where(StayLimits.property_id == property_id)
    return (await session.scalars(query.where(StayLimits.qloapps_product_id.in_(products)))).all()


async def keep_limits(
    session: AsyncSession, property_id: UUID, product_id: int, found: tuple[int, int], wanted: tuple[int, int]
) -> None:
    """Remember what stands there, unless it is ours, before the wanted limits are sent."""
    row = await session.get(StayLimits, (property_id, product_id))
    if row is None:
        row = StayLimits(property_id=property_id, qloapps_product_id=product_id, ours=[])
        session.add(row)
    if list(found) not in row.ours:
        row.found_min, row.found_max = found
    row.ours = [*(pair for pair in row.ours if pair != list(wanted)), list(wanted)]


async def settle_limits(session: AsyncSession, property_id: UUID, product_id: int, told: tuple[int, int]) -> None:
    """Remember which limits of ours stand there, now that it is known."""
    row = await session.get(StayLimits, (property_id, product_id))
    if row is not None and row.ours != [list(told)]:
        row.ours = [list(told)]


async def forget_limits(session: AsyncSession, property_id: UUID, products: Collection[int]) -> None:
    """Forget the limits of stay that we set for these types of theirs."""
    of_types = (StayLimits.property_id == property_id) & StayLimits.qloapps_product_id.in_(products)
    await session.execute(delete(StayLimits).where(of_types))


async def blocks(session: AsyncSession, property_id: UUID) -> Sequence[Block]:
    """Return every block, oldest first."""
    query = select(Block).where(Block.property_id == property_id)
    return (await session.scalars(query.order_by(Block.created_at, Block.id))).all()


async def block_page(
    session: AsyncSession, property_id: UUID, *, limit: int, offset: int
) -> tuple[Sequence[tuple[Block, str]], int]:
    """Return a page of blocks with the names of their room types, by date, and how many there are."""
    where = Block.property_id == property_id
    total = await session.scalar(select(func.count()).select_from(Block).where(where))
    query = select(Block, RoomType.name).join(RoomType, RoomType.id == Block.room_type_id).where(where)
    rows = (await session.execute(query.order_by(Block.check_in, Block.id).limit(limit).offset(offset))).all()
    return [(block, name) for block, name in rows], total or 0


async def block_of_reference(session: AsyncSession, property_id: UUID, reference: str) -> Block | None:
    """Return the block with this reference."""
    query = select(Block).where(Block.property_id == property_id, Block.reference == reference)
    return (await session.scalars(query)).one_or_none()


async def forget_blocks(session: AsyncSession, property_id: UUID, block_ids: Collection[UUID]) -> None:
    """Delete the rows of blocks that stand no more."""
    await session.execute(delete(Block).where(Block.property_id == property_id, Block.id.in_(block_ids)))


async def last_sweep(session: AsyncSession, property_id: UUID, status: str | None = None) -> DriftSweep | None:
    """Return the comparison that began last, of those with this status."""
    query = select(DriftSweep).where(DriftSweep.property_id == property_id)
    if status is not None:
        query = query.where(DriftSweep.status == status)
    return (await session.scalars(query.order_by(DriftSweep.started_at.desc(), DriftSweep.id.desc()).limit(1))).first()


async def sent_mappings(
    session: AsyncSession, property_id: UUID, reservation_ids: Collection[UUID], order_ids: Collection[int]
) -> Sequence[ReservationMapping]:
    """Return the mappings of these reservations and of these orders that have a booking there."""
    query = select(ReservationMapping).where(
        ReservationMapping.property_id == property_id,
        ReservationMapping.qloapps_order_id.is_not(None),
        or_(
            ReservationMapping.local_reservation_id.in_(reservation_ids),
            ReservationMapping.qloapps_order_id.in_(order_ids),
        ),
    )
    return (await session.scalars(query)).all()


async def mapped_orders(
    session: AsyncSession, property_id: UUID, since: Any, after: int, limit: int
) -> Sequence[ReservationMapping]:
    """Return mappings by order id, of those after `after`, whose reservation ends on or after `since`."""
    query = (
        select(ReservationMapping)
        .join(Reservation, Reservation.id == ReservationMapping.local_reservation_id)
        .where(
            ReservationMapping.property_id == property_id,
            ReservationMapping.qloapps_order_id > after,
            Reservation.check_out >= since,
        )
    )
    return (await session.scalars(query.order_by(ReservationMapping.qloapps_order_id).limit(limit))).all()


async def distrust_agreed(session: AsyncSession, property_id: UUID, room_type_id: UUID, since: Any) -> None:
    """Let reservations with a room of this type that end on or after `since` be compared again by the next run."""
    ids = (
        select(Reservation.id)
        .join(ReservationRoom, ReservationRoom.reservation_id == Reservation.id)
        .where(
            Reservation.property_id == property_id,
            Reservation.check_out >= since,
            ReservationRoom.room_type_id == room_type_id,
        )
    )
    query = update(ReservationMapping).where(
        ReservationMapping.property_id == property_id, ReservationMapping.local_reservation_id.in_(ids)
    )
    await session.execute(query.values(last_local_update=None), execution_options={"synchronize_session": False})


async def reservations_of_types(
    session: AsyncSession, reservation_ids: Collection[UUID], room_type_ids: Collection[UUID]
) -> set[UUID]:
    """Return those of the reservations that have a room of one of these types."""
    if not room_type_ids:
        return set()
    query = select(ReservationRoom.reservation_id).where(ReservationRoom.room_type_id.in_(room_type_ids))
    return set(reservation_ids) & set(await session.scalars(query))
