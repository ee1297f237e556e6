"""The queries of the seals over what was charged and tried."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.room_charge.tables import ChargeSeal, PostingAttempt, RoomCharge

#: Before every id.
_START = UUID(int=0)
#: SQLite and PostgreSQL both limit the number of parameters.
_CHUNK = 500


async def take_turns(session: AsyncSession) -> None:
    """Let nobody else seal until the transaction ends; on SQLite a writer is alone anyway."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('room_charge:seals', 0))"))


async def sealed_until(session: AsyncSession) -> UUID:
    """Return the last attempt that is sealed, of all properties."""
    newest = select(ChargeSeal.last_attempt).order_by(ChargeSeal.last_attempt.desc()).limit(1)
    return await session.scalar(newest) or _START


async def attempts_after(
    session: AsyncSession, after: UUID, before: UUID, limit: int
) -> Sequence[tuple[PostingAttempt, RoomCharge]]:
    """Return the next attempts of all properties with their charges, in the order of their ids."""
    query = select(PostingAttempt, RoomCharge).join(RoomCharge, RoomCharge.id == PostingAttempt.room_charge_id)
    query = query.where(PostingAttempt.id > after, PostingAttempt.id < before)
    rows = await session.execute(query.order_by(PostingAttempt.id).limit(limit))
    return [(row[0], row[1]) for row in rows]


async def attempts_between(
    session: AsyncSession, property_id: UUID, first: UUID, last: UUID
) -> Sequence[PostingAttempt]:
    """Return the attempts of a property with these ids, both included."""
    query = select(PostingAttempt).join(RoomCharge, RoomCharge.id == PostingAttempt.room_charge_id)
    query = query.where(RoomCharge.property_id == property_id, PostingAttempt.id.between(first, last))
    return (await session.scalars(query.execution_options(populate_existing=True))).all()


async def charges(session: AsyncSession, property_id: UUID, ids: Collection[UUID]) -> Sequence[RoomCharge]:
    """Return those of the charges that there are."""
    found: list[RoomCharge] = []
    wanted = sorted(ids)
    for start in range(0, len(wanted), _CHUNK):
        of_these = RoomCharge.id.in_(wanted[start : start + _CHUNK])
        found += await session.scalars(select(RoomCharge).where(RoomCharge.property_id == property_id, of_these))
    return found


async def count_attempts(session: AsyncSession, until: UUID) -> dict[UUID, int]:
    """Return how many attempts each property has up to that one."""
    query = select(RoomCharge.property_id, func.count(PostingAttempt.id))
    query = query.join(RoomCharge, RoomCharge.id == PostingAttempt.room_charge_id)
    rows = await session.execute(query.where(PostingAttempt.id <= until).group_by(RoomCharge.property_id))
    return {row[0]: row[1] for row in rows}
