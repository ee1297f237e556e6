"""Every query that only the screens of the channel make."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.channel_sync.tables import ReservationMapping, SyncLog, SyncState
from innkeeper.house.tables import Guest, Reservation

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


@dataclass(frozen=True, slots=True)
class Head:
    """What a line about a reservation says of it: its number, its guest, where it came from and where its story is."""

    confirmation: str
    guest: str
    channel: str
    order_id: int | None
    reservation_id: UUID

    @property
    def link(self) -> str:
        """The story of its booking, or the reservation itself while QloApps has none."""
        if self.order_id is not None:
            return f"/channels/bookings/{self.order_id}"
        return f"/house/reservations/{self.reservation_id}"


async def heads(session: AsyncSession, property_id: UUID, reservation_ids: Iterable[UUID]) -> dict[UUID, Head]:
    """Return the heads of those of the reservations that there are."""
    query = (
        select(
            Reservation.confirmation,
            Guest.name,
            func.coalesce(Reservation.channel, Reservation.source),
            ReservationMapping.qloapps_order_id,
            Reservation.id,
        )
        .join(Guest, Guest.id == Reservation.primary_guest_id)
        .outerjoin(ReservationMapping, ReservationMapping.local_reservation_id == Reservation.id)
        .where(Reservation.property_id == property_id, Reservation.id.in_(set(reservation_ids)))
    )
    return {row[-1]: Head(*row) for row in (await session.execute(query)).all()}


async def reservation_of(session: AsyncSession, property_id: UUID, confirmation: str) -> UUID | None:
    """Return the reservation with this confirmation."""
    query = select(Reservation.id).where(
        Reservation.property_id == property_id, Reservation.confirmation == confirmation
    )
    return (await session.scalars(query)).one_or_none()
