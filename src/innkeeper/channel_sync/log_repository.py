"""The queries that explain, replay and forget what was logged about a booking."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, false, null, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.channel_sync.tables import Attention, CustomerMapping, FormerOrder, ReservationMapping, SyncLog
from innkeeper.house.tables import Reservation
from innkeeper.jobs.tables import JobRow
from innkeeper.storage.outbox import EventRow


async def sync_log(session: AsyncSession, property_id: UUID, log_id: UUID) -> SyncLog | None:
    """Return one row of the log."""
    row = await session.get(SyncLog, log_id)
    return row if row is not None and row.property_id == property_id else None


async def orders_of(session: AsyncSession, property_id: UUID, reservation_id: UUID) -> list[int]:
    """Return every booking there that has stood for a reservation, the earliest first."""
    former = select(FormerOrder.order_id).where(
        FormerOrder.property_id == property_id, FormerOrder.reservation_id == reservation_id
    )
    present = select(ReservationMapping.qloapps_order_id).where(
        ReservationMapping.property_id == property_id,
        ReservationMapping.local_reservation_id == reservation_id,
        ReservationMapping.qloapps_order_id.is_not(None),
    )
    return sorted({*(await session.scalars(former)), *(order for order in await session.scalars(present) if order)})


async def logs_about(
    session: AsyncSession, property_id: UUID, reservation_id: UUID | None, order_ids: Collection[int], limit: int
) -> Sequence[SyncLog]:
    """Return the log of a reservation and its bookings, oldest first."""
    query = select(SyncLog).where(
        SyncLog.property_id == property_id,
        SyncLog.entity_type == "reservation",
        or_(
            SyncLog.local_entity_id == reservation_id if reservation_id else false(),
            SyncLog.qloapps_entity_id.in_(list(order_ids)),
        ),
    )
    return (await session.scalars(query.order_by(SyncLog.created_at, SyncLog.id).limit(limit))).all()


async def attention_about(
    session: AsyncSession, property_id: UUID, reservation_id: UUID | None, order_ids: Collection[int]
) -> Sequence[Attention]:
    """Return every cause, open or closed, that concerned a reservation or its bookings."""
    query = select(Attention).where(
        Attention.property_id == property_id,
        or_(
            Attention.reservation_id == reservation_id if reservation_id else false(),
            Attention.qloapps_order_id.in_(list(order_ids)),
        ),
    )
    return (await session.scalars(query.order_by(Attention.opened_at))).all()


async def events_about(session: AsyncSession, reservation_id: UUID, limit: int) -> Sequence[EventRow]:
    """Return what the house announced of a reservation, oldest first, as far as it is kept."""
    query = select(EventRow).where(EventRow.entity_id == reservation_id).order_by(EventRow.sequence).limit(limit)
    return (await session.scalars(query)).all()


async def open_jobs_about(
    session: AsyncSession, property_id: UUID, reservation_id: UUID | None, order_ids: Collection[int]
) -> Sequence[JobRow]:
    """Return work about a reservation or its bookings that is not finished."""
    keys = [str(order_id) for order_id in order_ids] + ([str(reservation_id)] if reservation_id else [])
    query = select(JobRow).where(
        JobRow.property_id == property_id,
        JobRow.kind.startswith("channel."),
        JobRow.key.in_(keys),
        JobRow.status.in_(("queued", "running", "dead")),
    )
    return (await session.scalars(query.order_by(JobRow.created_at))).all()


async def queued_jobs(session: AsyncSession, property_id: UUID) -> set[tuple[str, str]]:
    """Return kind and key of all work of a property that waits."""
    query = select(JobRow.kind, JobRow.key).where(JobRow.property_id == property_id, JobRow.status == "queued")
    return {(kind, key) for kind, key in (await session.execute(query)).all()}


async def customers_of_guest(session: AsyncSession, property_id: UUID, guest_id: UUID) -> Sequence[CustomerMapping]:
    """Return every customer that a guest was found to be."""
    query = select(CustomerMapping).where(
        CustomerMapping.property_id == property_id, CustomerMapping.local_guest_id == guest_id
    )
    return (await session.scalars(query)).all()


async def redact_old(session: AsyncSession, property_id: UUID, *, before: datetime) -> int:
    """Forget the guests of messages that were logged before an instant; return how many rows that were."""
    done = await session.execute(
        update(SyncLog)
        .where(SyncLog.property_id == property_id, SyncLog.personal.is_not(None), SyncLog.created_at < before)
        .values(personal=null())
    )
    return int(done.rowcount)  # type: ignore[attr-defined]  # an UPDATE answers with a cursor result


async def redact_guest(session: AsyncSession, property_id: UUID, guest_id: UUID, customer_ids: Collection[int]) -> int:
    """Forget one guest in the log: in the messages of his reservations and of every customer he is."""
    stays = select(Reservation.id).where(
        Reservation.property_id == property_id, Reservation.primary_guest_id == guest_id
    )
    orders = select(ReservationMapping.qloapps_order_id).where(
        ReservationMapping.property_id == property_id, ReservationMapping.local_reservation_id.in_(stays)
    )
    by_customer = [SyncLog.request_data["customer_id"].as_integer() == customer_id for customer_id in customer_ids]
    done = await session.execute(
        update(SyncLog)
        .where(
            SyncLog.property_id == property_id,
            SyncLog.personal.is_not(None),
            or_(
                SyncLog.local_entity_id.in_(stays),
                and_(SyncLog.entity_type == "reservation", SyncLog.qloapps_entity_id.in_(orders)),
                *by_customer,
            ),
        )
        .values(personal=null())
        .execution_options(synchronize_session=False)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]
