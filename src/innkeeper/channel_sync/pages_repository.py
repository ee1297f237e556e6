"""Every query that only the screens of the channel make."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.channel_sync.tables import SyncLog, SyncState
from innkeeper.house.tables import Reservation

#: Runs in the chart and in the table behind it.
RECENT = 30


async def last_successes(session: AsyncSession, property_id: UUID) -> dict[str, datetime]:
    """Return when something of each type of synchronisation last succeeded."""
    query = (
        select(SyncLog.sync_type, func.max(SyncLog.created_at))
        .where(SyncLog.property_id == property_id, SyncLog.success)
        .group_by(SyncLog.sync_type)
    )
    return {kind: at for kind, at in (await session.execute(query)).all() if at is not None}


async def recent_runs(session: AsyncSession, property_id: UUID) -> Sequence[SyncState]:
    """Return the newest runs that have ended, newest first."""
    query = select(SyncState).where(SyncState.property_id == property_id, SyncState.completed_at.is_not(None))
    return (await session.scalars(query.order_by(SyncState.started_at.desc()).limit(RECENT))).all()


async def reservation_of(session: AsyncSession, property_id: UUID, confirmation: str) -> UUID | None:
    """Return the reservation with this confirmation."""
    query = select(Reservation.id).where(
        Reservation.property_id == property_id, Reservation.confirmation == confirmation
    )
    return (await session.scalars(query)).one_or_none()
