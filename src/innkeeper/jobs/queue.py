"""Puts work on the queue inside the transaction that makes it necessary, and lets people see and decide about it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

import structlog
from sqlalchemy import Table, case, delete, func, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.domain.business_day import utc_now
from innkeeper.domain.errors import Conflict, NotFound
from innkeeper.domain.ids import new_id
from innkeeper.jobs.tables import JobRow, JobStatus
from innkeeper.storage.bulk import run_for_all
from innkeeper.storage.database import Tx
from innkeeper.storage.outbox import EventRow

JOBS = cast(Table, JobRow.__table__)
EVENTS = cast(Table, EventRow.__table__)

#: The property of jobs that belong to the whole installation.
INSTALLATION = UUID(int=0)

DEFAULT_PRIORITY = 50

#: With the backoff of `backoff.py` about six minutes of errors before a job is dead.
DEFAULT_MAX_ATTEMPTS = 8

#: Rows in one INSERT; SQLite and PostgreSQL both limit the number of parameters.
_CHUNK = 200


@dataclass(frozen=True, slots=True)
class JobSpec:
    """Work to be done: make what `key` names agree, as `kind` says.

    At most one such job waits for each (property_id, kind, key), so the key must name everything that tells this work
    from other work. `lane` is empty or names what only one worker may talk to at a time, such as
    `qloapps:<property>`. `payload` is JSON without secrets. `priority`: lower first. `run_after`: not before this
    aware instant; None is now.
    """

    kind: str
    key: str
    property_id: UUID = INSTALLATION
    lane: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)
    priority: int = DEFAULT_PRIORITY
    run_after: datetime | None = None
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it was when it was read; what a handler is given."""

    id: UUID
    property_id: UUID
    kind: str
    key: str
    lane: str
    payload: dict[str, Any]
    status: JobStatus
    priority: int
    attempts: int
    max_attempts: int
    deferrals: int
    failure_code: str | None
    actor: str | None
    #: 1 in the first run. More than that: an earlier run may have sent something before it ended.
    claims: int
    run_after: datetime
    due_at: datetime
    lease_holder: str | None
    lease_until: datetime | None
    outcome: str | None
    last_error: str | None
    request_id: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


_FIELDS = tuple(Job.__dataclass_fields__)
#: The columns that `job_of` reads.
JOB_COLUMNS = tuple(JOBS.c[name] for name in _FIELDS)


def job_of(row: Row[Any]) -> Job:
    """Return the job in a row of JOB_COLUMNS."""
    values = dict(zip(_FIELDS, row, strict=True))
    values["status"] = JobStatus(values["status"])
    return Job(**values)


async def enqueue(tx: Tx, spec: JobSpec, *, now: datetime | None = None) -> UUID:
    """Put the job on the queue and return its id; it runs after the commit, or never if `tx` is rolled back.

    A job that already waits for the same property, kind and key is kept: it takes the new payload, the smaller
    priority and the earlier time. One that is running is left alone and a new one is queued behind it, so that a
    change made during the run is not lost.
    """
    tx.has_jobs = True
    row = _values(spec, now or utc_now(), _request_id())
    job_id: UUID = (await tx.session.execute(_upsert(tx.session).returning(JOBS.c.id), row)).scalar_one()
    return job_id


async def enqueue_many(tx: Tx, specs: Sequence[JobSpec], *, now: datetime | None = None) -> list[UUID]:
    """Put the jobs on the queue as `enqueue` does and return their ids in the order of `specs`.

    Rows are written in the order of their keys, so that two transactions never wait for each other crosswise.
    """
    tx.has_jobs = True
    ordered = _merged(specs, now)
    ids: dict[tuple[UUID, str, str], UUID] = {}
    upsert = _upsert(tx.session).returning(JOBS.c.id, JOBS.c.property_id, JOBS.c.kind, JOBS.c.key)
    for start in range(0, len(ordered), _CHUNK):
        for row in await tx.session.execute(upsert, ordered[start : start + _CHUNK]):
            ids[row.property_id, row.kind, row.key] = row.id
    return [ids[_identity(spec)] for spec in specs]


async def enqueue_all(tx: Tx, specs: Sequence[JobSpec], *, now: datetime | None = None) -> None:
    """Put thousands of jobs on the queue as `enqueue_many` does; nobody asks for their ids, which makes it cheap."""
    if specs:
        tx.has_jobs = True
        await run_for_all(tx.session, _upsert(tx.session), _merged(specs, now))


def _merged(specs: Sequence[JobSpec], now: datetime | None) -> list[dict[str, Any]]:
    """Return the rows of the jobs in the order of their keys; one for what is asked for twice."""
    moment = now or utc_now()
    request_id = _request_id()
    merged: dict[tuple[UUID, str, str], dict[str, Any]] = {}
    for spec in specs:
        values = _values(spec, moment, request_id)
        earlier = merged.get(_identity(spec))
        if earlier:
            values["priority"] = min(values["priority"], earlier["priority"])
            values["run_after"] = values["due_at"] = min(values["run_after"], earlier["run_after"])
        merged[_identity(spec)] = values
    return [merged[identity] for identity in sorted(merged)]


def _request_id() -> str | None:
    found: str | None = structlog.contextvars.get_contextvars().get("request_id")
    return found


def _identity(spec: JobSpec) -> tuple[UUID, str, str]:
    return spec.property_id, spec.kind, spec.key


def _values(spec: JobSpec, now: datetime, request_id: str | None) -> dict[str, Any]:
    run_after = spec.run_after or now
    return {
        "id": new_id(),
        "property_id": spec.property_id,
        "kind": spec.kind,
        "key": spec.key,
        "lane": spec.lane,
        "payload": dict(spec.payload),
        "status": JobStatus.QUEUED.value,
        "priority": spec.priority,
        "attempts": 0,
        "max_attempts": spec.max_attempts,
        "deferrals": 0,
        "claims": 0,
        "run_after": run_after,
        "due_at": run_after,
        "request_id": spec.request_id or request_id,
        "created_at": now,
    }


def _upsert(session: AsyncSession) -> Any:
    return _upsert_of(session.get_bind().dialect.name)


@lru_cache
def _upsert_of(dialect_name: str) -> Any:
    """Return the statement, which costs more to put together than to run."""
    # Both dialects spell it alike, in classes of their own.
    dialect = postgresql if dialect_name == "postgresql" else sqlite
    statement = dialect.insert(JOBS)
    new = statement.excluded
    earlier = new.run_after < JOBS.c.run_after
    return statement.on_conflict_do_update(
        index_elements=["property_id", "kind", "key"],
        index_where=text("status = 'queued'"),
        set_={
            "payload": new.payload,
            "lane": new.lane,
            "priority": case((new.priority < JOBS.c.priority, new.priority), else_=JOBS.c.priority),
            "run_after": case((earlier, new.run_after), else_=JOBS.c.run_after),
            "due_at": case((new.due_at < JOBS.c.due_at, new.due_at), else_=JOBS.c.due_at),
            "sent_at": case((earlier, None), else_=JOBS.c.sent_at),
            "request_id": func.coalesce(new.request_id, JOBS.c.request_id),
        },
    )


async def is_waited_for(session: AsyncSession, lane: str, priority: int, *, now: datetime | None = None) -> bool:
    """Whether work that comes before this priority is due in the lane and only waits for it to be free."""
    due = select(JOBS.c.id).where(
        JOBS.c.lane == lane,
        text("status = 'queued'"),
        JOBS.c.priority < priority,
        JOBS.c.run_after <= (now or utc_now()),
    )
    return (await session.execute(due.limit(1))).first() is not None


async def find_job(session: AsyncSession, job_id: UUID) -> Job | None:
    """Return the job, None when there is none or it was cleared away."""
    row = (await session.execute(select(*JOB_COLUMNS).where(JOBS.c.id == job_id))).one_or_none()
    return job_of(row) if row else None


async def list_jobs(
    session: AsyncSession,
    *,
    property_id: UUID | None = None,
    statuses: Iterable[JobStatus] = (),
    kinds: Iterable[str] = (),
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[Job], int]:
    """Return a page of jobs, newest first, and how many there are in all."""
    conditions = []
    if property_id is not None:
        conditions.append(JOBS.c.property_id == property_id)
    if wanted := [status.value for status in statuses]:
        conditions.append(JOBS.c.status.in_(wanted))
    if of_kinds := list(kinds):
        conditions.append(JOBS.c.kind.in_(of_kinds))
    total = await session.scalar(select(func.count()).select_from(JOBS).where(*conditions))
    query = select(*JOB_COLUMNS).where(*conditions).order_by(JOBS.c.id.desc()).limit(limit).offset(offset)
    return [job_of(row) for row in await session.execute(query)], total or 0


async def counts(session: AsyncSession, property_id: UUID | None = None) -> dict[JobStatus, int]:
    """Return how many jobs there are of each status."""
    query = select(JOBS.c.status, func.count()).group_by(JOBS.c.status)
    if property_id is not None:
        query = query.where(JOBS.c.property_id == property_id)
    found: dict[str, int] = {status: number for status, number in await session.execute(query)}  # noqa: C416 - typed
    return {status: found.get(status.value, 0) for status in JobStatus}


async def oldest_age(session: AsyncSession, now: datetime, property_id: UUID | None = None) -> timedelta:
    """Return how long the oldest unfinished job has been due; zero when none is.

    A long queue that moves is well; a short one that stands is not, and only its age tells.
    """
    query = select(func.min(JOBS.c.due_at)).where(text("status IN ('queued', 'running')"))
    if property_id is not None:
        query = query.where(JOBS.c.property_id == property_id)
    due_at = await session.scalar(query)
    return max(now - due_at, timedelta(0)) if due_at else timedelta(0)


async def retry(tx: Tx, job_id: UUID, *, now: datetime | None = None) -> UUID:
    """Put a dead or waiting job up to run at once, its tries counted anew, and return the id of what will run.

    Where newer work for the same thing already waits, the old job is closed and the newer one's id returned.
    Raises NotFound; Conflict when the job is running or finished.
    """
    moment = now or utc_now()
    job = await _locked(tx, job_id)
    if job.status not in (JobStatus.DEAD, JobStatus.QUEUED):
        raise Conflict(f"The job is {job.status.value}.", code="JOB_NOT_WAITING")
    waiting = await waiting_twin(tx, job)
    if waiting is not None:
        await set_aside(tx, job, waiting, moment)
        return waiting
    values = {
        "status": JobStatus.QUEUED.value,
        "attempts": 0,
        "deferrals": 0,
        "run_after": moment,
        "sent_at": None,
        "finished_at": None,
    }
    if job.status is JobStatus.DEAD:
        values["due_at"] = moment
    tx.has_jobs = True
    await tx.session.execute(update(JOBS).where(JOBS.c.id == job_id).values(values))
    return job_id


async def dismiss(tx: Tx, job_id: UUID, *, now: datetime | None = None) -> None:
    """Take a dead or waiting job off for good: a person decided that it need not be done.

    Raises NotFound; Conflict when the job is running or finished.
    """
    job = await _locked(tx, job_id)
    if job.status not in (JobStatus.DEAD, JobStatus.QUEUED):
        raise Conflict(f"The job is {job.status.value}.", code="JOB_NOT_WAITING")
    await tx.session.execute(
        update(JOBS)
        .where(JOBS.c.id == job_id)
        .values(status=JobStatus.CANCELLED.value, outcome="dismissed", finished_at=now or utc_now())
    )


async def _locked(tx: Tx, job_id: UUID) -> Job:
    query = select(*JOB_COLUMNS).where(JOBS.c.id == job_id).with_for_update()
    row = (await tx.session.execute(query)).one_or_none()
    if row is None:
        raise NotFound("There is no such job.")
    return job_of(row)


async def waiting_twin(tx: Tx, job: Job) -> UUID | None:
    """Return the id of another queued job for the same property, kind and key."""
    query = select(JOBS.c.id).where(
        JOBS.c.property_id == job.property_id,
        JOBS.c.kind == job.kind,
        JOBS.c.key == job.key,
        text("status = 'queued'"),
        JOBS.c.id != job.id,
    )
    found: UUID | None = await tx.session.scalar(query.with_for_update())
    return found


async def set_aside(tx: Tx, job: Job, newer: UUID, now: datetime) -> None:
    """Close a job whose work a newer one will do."""
    await tx.session.execute(
        update(JOBS)
        .where(JOBS.c.id == job.id)
        .values(
            status=JobStatus.CANCELLED.value,
            outcome=f"overtaken by {newer}",
            finished_at=now,
            lease_holder=None,
            lease_until=None,
        )
    )


async def clear_finished(tx: Tx, *, before: datetime, keep: int = 100_000, limit: int = 5_000) -> int:
    """Delete finished jobs that ended before `before` or are more than `keep`; dead ones stay for a person.

    Returns how many were deleted, at most `limit` a call, so that no transaction is long.
    """
    finished = text("status IN ('done', 'cancelled')")
    edge = await tx.session.scalar(
        select(JOBS.c.finished_at).where(finished).order_by(JOBS.c.finished_at.desc()).offset(keep).limit(1)
    )
    too_old = JOBS.c.finished_at < before
    condition = or_(too_old, JOBS.c.finished_at <= edge) if edge else too_old
    chosen = select(JOBS.c.id).where(finished, condition).order_by(JOBS.c.finished_at).limit(limit)
    deleted = await tx.session.execute(delete(JOBS).where(JOBS.c.id.in_(chosen.scalar_subquery())))
    return int(cast(Any, deleted).rowcount)


async def clear_events(tx: Tx, *, before: datetime, unpublished_before: datetime, limit: int = 5_000) -> int:
    """Delete announced events older than `before`; those that no broker has confirmed, older than the other instant.

    Without a broker nothing is ever published, so give the same instant twice. Returns how many were deleted.
    """
    condition = or_(
        EVENTS.c.published_at.is_not(None) & (EVENTS.c.occurred_at < before),
        EVENTS.c.published_at.is_(None) & (EVENTS.c.occurred_at < unpublished_before),
    )
    chosen = select(EVENTS.c.sequence).where(condition).order_by(EVENTS.c.sequence).limit(limit)
    deleted = await tx.session.execute(delete(EVENTS).where(EVENTS.c.sequence.in_(chosen.scalar_subquery())))
    return int(cast(Any, deleted).rowcount)
