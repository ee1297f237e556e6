"""The queries behind the figures of health, for one property or for all at once."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.channel_sync.tables import Attention, Budget, Contact
from innkeeper.jobs.tables import JobRow, JobStatus


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many jobs of a kind have a status, and since when the oldest of them has been due."""

    kind: str
    status: JobStatus
    count: int
    oldest: datetime


async def contact(session: AsyncSession, property_id: UUID, direction: str) -> Contact:
    """Return the row of a direction's contacts, a new one when there was none yet."""
    row = await session.get(Contact, (property_id, direction))
    if row is None:
        row = Contact(property_id=property_id, direction=direction, failures=0, circuit="closed")
        session.add(row)
    return row


async def contacts(session: AsyncSession, property_ids: Collection[UUID]) -> dict[UUID, dict[str, Contact]]:
    """Return how the last contacts of each property went, by direction."""
    found: dict[UUID, dict[str, Contact]] = defaultdict(dict)
    for row in await session.scalars(select(Contact).where(Contact.property_id.in_(property_ids))):
        found[row.property_id][row.direction] = row
    return found


async def waiting(session: AsyncSession, property_ids: Collection[UUID]) -> dict[UUID, Sequence[Waiting]]:
    """Return what of channel sync is queued, running or dead, by property."""
    query = (
        select(JobRow.property_id, JobRow.kind, JobRow.status, func.count(), func.min(JobRow.due_at))
        .where(
            JobRow.property_id.in_(property_ids),
            JobRow.status.in_(("queued", "running", "dead")),
            JobRow.kind.startswith("channel."),
        )
        .group_by(JobRow.property_id, JobRow.kind, JobRow.status)
    )
    found: dict[UUID, list[Waiting]] = defaultdict(list)
    for property_id, kind, status, count, oldest in (await session.execute(query)).all():
        found[property_id].append(Waiting(kind, JobStatus(status), count, oldest))
    return dict(found)


async def open_causes(session: AsyncSession, property_ids: Collection[UUID]) -> dict[UUID, dict[str, int]]:
    """Return how many causes of each kind are open, by property."""
    query = (
        select(Attention.property_id, Attention.kind, func.count())
        .where(Attention.property_id.in_(property_ids), Attention.closed_at.is_(None))
        .group_by(Attention.property_id, Attention.kind)
    )
    found: dict[UUID, dict[str, int]] = defaultdict(dict)
    for property_id, kind, count in (await session.execute(query)).all():
        found[property_id][kind] = count
    return found


async def budgets(session: AsyncSession, names: Collection[str]) -> dict[str, Budget]:
    """Return the rows of request budgets that exist."""
    rows = await session.scalars(select(Budget).where(Budget.name.in_(names)))
    return {row.name: row for row in rows}
