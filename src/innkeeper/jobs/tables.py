"""The tables of background work: jobs, the leases of workers, and when each schedule last fired."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from innkeeper.domain.business_day import utc_now
from innkeeper.storage.base import Base, Keyed


class JobStatus(StrEnum):
    """Where a job stands. `dead` waits for a person; `cancelled` was dismissed or overtaken by a newer one."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Return an index over the rows that `where` holds for, the same on both data bases."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


class JobRow(Keyed, Base):
    """One piece of work, and the truth about it: whatever else carries its id may be lost or doubled."""

    __tablename__ = "jobs"
    __table_args__ = (
        # A burst of changes to one thing is one job: at most one waits for each property, kind and key.
        _partial("uq_jobs_queued", "property_id", "kind", "key", where="status = 'queued'", unique=True),
        # Which lanes have something due, however long the queue is.
        _partial("ix_jobs_lane_due", "lane", "run_after", where="status = 'queued'"),
        # What is next within a lane.
        _partial("ix_jobs_lane_rank", "lane", "priority", "run_after", "id", where="status = 'queued'"),
        _partial("ix_jobs_unsent", "run_after", where="status = 'queued' AND sent_at IS NULL"),
        _partial("ix_jobs_running", "lease_until", where="status = 'running'"),
        _partial("ix_jobs_age", "due_at", where="status IN ('queued', 'running')"),
        _partial("ix_jobs_dead", "property_id", "kind", "key", where="status = 'dead'"),
        _partial("ix_jobs_finished", "finished_at", where="status IN ('done', 'cancelled')"),
        Index("ix_jobs_property", "property_id", "status", "id"),
    )

    #: The nil UUID for work of the whole installation.
    property_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(80))
    #: What of that kind: the identifier of the thing that is to agree, for instance a reservation's.
    key: Mapped[str] = mapped_column(String(200))
    #: Jobs of one lane run one at a time in the whole installation; those of the empty lane run freely.
    lane: Mapped[str] = mapped_column(String(120), default="")
    payload: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(String(10), default=JobStatus.QUEUED.value)
    #: Lower first.
    priority: Mapped[int] = mapped_column(default=50)
    #: Tries that ended by an error or a death of the worker; at `max_attempts` the job is dead.
    attempts: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int]
    #: Times in a row that the other side could not be had; these never kill a job.
    deferrals: Mapped[int] = mapped_column(default=0)
    #: The code of the last failure: the other side's refusal or absence, ERROR, CRASHED.
    failure_code: Mapped[str | None] = mapped_column(String(60))
    #: Who must act before a dead job can succeed: a value of `domain.outcome.Actor`.
    actor: Mapped[str | None] = mapped_column(String(12))
    #: How often a worker has taken it: tells the present run from an earlier one.
    claims: Mapped[int] = mapped_column(default=0)
    run_after: Mapped[datetime]
    #: When it should have run first; its age counts from here.
    due_at: Mapped[datetime]
    lease_holder: Mapped[str | None] = mapped_column(String(120))
    lease_until: Mapped[datetime | None]
    #: How the last run ended, in a sentence free of secrets and guests' data.
    outcome: Mapped[str | None] = mapped_column(Text)
    #: The last failure in a sentence; kept after a retry, and gone once the job has succeeded.
    last_error: Mapped[str | None] = mapped_column(Text)
    #: When its id was last handed to the message broker.
    sent_at: Mapped[datetime | None]
    request_id: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class LeaseRow(Base):
    """The right to be the only one at something, which ends by itself when it is not renewed."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(160), primary_key=True)
    holder: Mapped[str] = mapped_column(String(120))
    until: Mapped[datetime]
    #: Grows with every change of hands, so that a holder who slept too long can be told from the present one.
    fence: Mapped[int] = mapped_column(BigInteger)


class ScheduleRow(Base):
    """When a schedule last fired, on whichever server."""

    __tablename__ = "job_schedules"

    name: Mapped[str] = mapped_column(String(160), primary_key=True)
    fired_at: Mapped[datetime]
