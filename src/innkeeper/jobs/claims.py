"""What workers do to the rows of jobs: find what is due, claim it, and write down how it ended."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, literal, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.jobs.queue import JOB_COLUMNS, JOBS, Job, job_of, set_aside, waiting_twin
from innkeeper.jobs.tables import JobStatus
from innkeeper.storage.database import Tx

QUEUED = text("status = 'queued'")
RUNNING = text("status = 'running'")

#: One row for each lane with waiting jobs, and one look into the index for each: the length of the queue is no matter.
_LANES = text(
    """
    WITH RECURSIVE lanes(lane) AS (
        SELECT min(lane) FROM jobs WHERE status = 'queued'
        UNION ALL
        SELECT (SELECT min(jobs.lane) FROM jobs WHERE jobs.status = 'queued' AND jobs.lane > lanes.lane)
        FROM lanes WHERE lanes.lane IS NOT NULL
    )
    SELECT lanes.lane AS lane,
           (SELECT min(jobs.run_after) FROM jobs WHERE jobs.status = 'queued' AND jobs.lane = lanes.lane) AS run_after,
           (SELECT leases.until FROM leases WHERE leases.name = lanes.lane) AS held_until
    FROM lanes WHERE lanes.lane IS NOT NULL
    """
).columns(lane=JOBS.c.lane.type, run_after=JOBS.c.run_after.type, held_until=JOBS.c.run_after.type)


@dataclass(frozen=True, slots=True)
class WaitingLane:
    """A lane with queued jobs: when the first may run, and until when a worker holds the lane's lease, if any."""

    lane: str
    run_after: datetime
    held_until: datetime | None


async def waiting_lanes(session: AsyncSession) -> list[WaitingLane]:
    """Return the lanes with queued jobs, the one that has waited longest first."""
    found = [
        WaitingLane(row.lane, row.run_after, row.held_until)
        for row in await session.execute(_LANES)
        if row.run_after is not None
    ]
    return sorted(found, key=lambda one: one.run_after)


async def claim_next(tx: Tx, lane: str, holder: str, until: datetime, now: datetime) -> Job | None:
    """Mark the next due job of the lane as running under `holder` and return it; None when none is due."""
    first = (
        select(JOBS.c.id)
        .where(JOBS.c.lane == lane, QUEUED, JOBS.c.run_after <= now)
        .order_by(JOBS.c.priority, JOBS.c.run_after, JOBS.c.id)
        .limit(1)
        # In a lane nobody else claims, so a locked row is being changed, and the change is waited for. The hands of
        # the empty lane would wait for each other.
        .with_for_update(skip_locked=lane == "")
    )
    claimed = await tx.session.execute(
        update(JOBS)
        .where(JOBS.c.id == first.scalar_subquery(), QUEUED)
        .values(
            status=JobStatus.RUNNING.value,
            lease_holder=holder,
            lease_until=until,
            claims=JOBS.c.claims + 1,
            started_at=now,
        )
        .returning(*JOB_COLUMNS)
    )
    row = claimed.one_or_none()
    return job_of(row) if row else None


async def renew_claims(tx: Tx, held: list[Job], until: datetime) -> set[UUID]:
    """Let the claims run until `until` and return the ids of the jobs that are still the caller's."""
    if not held:
        return set()
    ours = or_(*(_mine(job) for job in sorted(held, key=lambda job: job.id)))
    renewed = await tx.session.execute(update(JOBS).where(ours).values(lease_until=until).returning(JOBS.c.id))
    return set(renewed.scalars())


def _mine(job: Job) -> Any:
    """The row as this run claimed it: a later run by anybody has another number."""
    return (JOBS.c.id == job.id) & RUNNING & (JOBS.c.lease_holder == job.lease_holder) & (JOBS.c.claims == job.claims)


async def finish(tx: Tx, job: Job, now: datetime) -> tuple[bool, list[UUID]]:
    """Mark the job as done; False when the run was no longer the caller's.

    Dead jobs for the same thing are closed as well, since what they wanted is now so; their ids are returned.
    """
    if not await _close(tx, job, JobStatus.DONE, now, outcome="done", last_error=None, failure_code=None):
        return False, []
    settled = await tx.session.execute(
        update(JOBS)
        .where(
            JOBS.c.property_id == job.property_id,
            JOBS.c.kind == job.kind,
            JOBS.c.key == job.key,
            text("status = 'dead'"),
        )
        .values(status=JobStatus.CANCELLED.value, outcome=f"settled by {job.id}", finished_at=now)
        .returning(JOBS.c.id)
    )
    return True, list(settled.scalars())


async def bury(tx: Tx, job: Job, now: datetime) -> bool:
    """Mark the job as dead, for a person to decide; False when the run was no longer the caller's.

    `attempts`, `failure_code`, `actor` and `last_error` are written down as `job` bears them.
    """
    return await _close(
        tx,
        job,
        JobStatus.DEAD,
        now,
        outcome="dead",
        attempts=job.attempts,
        failure_code=job.failure_code,
        actor=job.actor,
        last_error=job.last_error,
    )


async def _close(tx: Tx, job: Job, status: JobStatus, now: datetime, **values: Any) -> bool:
    closed = await tx.session.execute(
        update(JOBS)
        .where(_mine(job))
        .values(status=status.value, finished_at=now, lease_holder=None, lease_until=None, **values)
        .returning(JOBS.c.id)
    )
    return closed.one_or_none() is not None


@dataclass(frozen=True, slots=True)
class PutOff:
    """Why and until when a job waits for its next try."""

    run_after: datetime
    outcome: str
    attempts: int
    deferrals: int
    code: str
    #: What failed; None keeps what the row says.
    error: str | None = None


async def put_off(tx: Tx, job: Job, why: PutOff, now: datetime) -> bool:
    """Queue the job again; False when the run was no longer the caller's.

    Where newer work for the same thing has been queued meanwhile, that inherits the count of tries, and this job is
    closed: the newer one will do the work of both.
    """
    still_mine = select(JOBS.c.id).where(_mine(job)).with_for_update()
    if (await tx.session.execute(still_mine)).one_or_none() is None:
        return False
    tries = {
        "attempts": why.attempts,
        "deferrals": why.deferrals,
        "failure_code": why.code if why.error else job.failure_code,
        "last_error": why.error or job.last_error,
    }
    newer = await waiting_twin(tx, job)
    if newer is not None:
        await tx.session.execute(
            update(JOBS).where(JOBS.c.id == newer).values(due_at=_earlier(JOBS.c.due_at, job.due_at), **tries)
        )
        await set_aside(tx, job, newer, now)
        return True
    values = {
        "status": JobStatus.QUEUED.value,
        "run_after": why.run_after,
        "outcome": why.outcome,
        "lease_holder": None,
        "lease_until": None,
        "sent_at": None,
        **tries,
    }
    await tx.session.execute(update(JOBS).where(JOBS.c.id == job.id).values(values))
    return True


def _earlier(column: Any, instant: datetime) -> Any:
    other = literal(instant, column.type)
    return case((column <= other, column), else_=other)


async def bring_forward(tx: Tx, lane: str, code: str, now: datetime) -> None:
    """Let the jobs of the lane that were put off for the same reason run now: the reason has gone."""
    tx.has_jobs = True
    await tx.session.execute(
        update(JOBS)
        .where(JOBS.c.lane == lane, QUEUED, JOBS.c.failure_code == code, JOBS.c.deferrals > 0, JOBS.c.run_after > now)
        .values(run_after=now, sent_at=None)
    )


async def abandoned(tx: Tx, now: datetime, limit: int = 50) -> list[Job]:
    """Return running jobs whose worker has not been heard of since its claim ran out."""
    query = (
        select(*JOB_COLUMNS)
        .where(RUNNING, JOBS.c.lease_until <= now)
        .order_by(JOBS.c.lease_until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [job_of(row) for row in await tx.session.execute(query)]


async def first_abandoned(session: AsyncSession) -> datetime | None:
    """Return when the claim of the longest unheard worker runs out; None when nothing is running."""
    query = select(func.min(JOBS.c.lease_until)).where(RUNNING)
    found: datetime | None = await session.scalar(query)
    return found


async def take_unsent(tx: Tx, now: datetime, sent_before: datetime, limit: int = 200) -> list[UUID]:
    """Mark due jobs as handed to the broker and return their ids: the new ones, and those handed over too long ago."""
    overdue = or_(JOBS.c.sent_at.is_(None), JOBS.c.sent_at < sent_before)
    chosen = (
        select(JOBS.c.id)
        .where(QUEUED, JOBS.c.run_after <= now, overdue)
        .order_by(JOBS.c.run_after)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = await tx.session.execute(
        update(JOBS).where(JOBS.c.id.in_(chosen.scalar_subquery()), QUEUED).values(sent_at=now).returning(JOBS.c.id)
    )
    return list(taken.scalars())


async def has_unsent(session: AsyncSession, now: datetime) -> bool:
    """Whether a due job has not been handed to the broker yet."""
    query = select(JOBS.c.id).where(QUEUED, text("sent_at IS NULL"), JOBS.c.run_after <= now).limit(1)
    return (await session.execute(query)).first() is not None


async def mark_unsent(tx: Tx, ids: list[UUID]) -> None:
    """Let the jobs be handed over again: the broker did not confirm them."""
    await tx.session.execute(update(JOBS).where(JOBS.c.id.in_(ids)).values(sent_at=None))
