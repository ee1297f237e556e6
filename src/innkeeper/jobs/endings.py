"""What becomes of a job after a run, for every way in which a run can end."""

import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from innkeeper.domain.outcome import Actor, Done, Later, Outcome, Refused, Unknown
from innkeeper.jobs import claims
from innkeeper.jobs.backoff import DOUBT_SECONDS, ERROR_SECONDS, OUTAGE_SECONDS, RACE_SECONDS, backoff
from innkeeper.jobs.queue import Job
from innkeeper.jobs.tables import JobStatus
from innkeeper.storage.database import Tx

log = structlog.get_logger(__name__)

#: What the owner of a queue does about a job, in the transaction that ends its run: put a row, never call out.
Notice = Callable[[Tx, Job], Awaitable[None]]

#: The other side is there and only sets the pace, so its word on when to come back is taken as it is.
PACE = "RATE_LIMIT"
PACED = frozenset({PACE, "RATE_LIMITED"})


@dataclass(frozen=True, slots=True)
class Failed:
    """The run ended by an error of ours, or with its worker; both count as a try."""

    code: str
    error: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The worker was told to stop and could not wait for the job; that is nobody's fault and counts nothing."""


@dataclass(frozen=True, slots=True)
class Postponed:
    """The job only lost a race in the data base; it comes back in a moment and counts nothing."""


Ending = Outcome[Any] | Failed | Stopped | Postponed

#: The label of each ending in metrics and logs.
LABELS: dict[type, str] = {
    Done: "done",
    Refused: "refused",
    Later: "later",
    Unknown: "unknown",
    Failed: "error",
    Stopped: "stopped",
    Postponed: "postponed",
}

CRASHED = Failed("CRASHED", "The worker died, or was not heard of for too long, while it was at this job.")


def failure_of(error: BaseException) -> Failed:
    """Return the failure without the error's own words, which may hold a key or a guest's data."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "innkeeper" in frame.filename and not frame.filename.endswith("worker.py")]
    place = f" in {(ours or frames)[-1].name}, line {(ours or frames)[-1].lineno}" if frames else ""
    return Failed("ERROR", f"{type(error).__name__}{place}; the log has the rest.")


def trace_of(error: BaseException) -> dict[str, Any]:
    """Return what may be logged of an error: its kind and where it happened, not its words and no values."""
    frames = traceback.extract_tb(error.__traceback__)
    return {"error": type(error).__name__, "trace": [f"{one.filename}:{one.lineno} {one.name}" for one in frames]}


async def write_down(
    tx: Tx, job: Job, ending: Ending, now: datetime, *, on_dead: Notice | None, on_recovered: Notice | None
) -> bool:
    """Write the ending into the job's row and tell whom it concerns; False when the run was no longer the caller's."""
    if isinstance(ending, Done):
        return await _succeeded(tx, job, now, on_recovered)
    if isinstance(ending, Refused):
        text = f"{ending.message} ({ending.detail})" if ending.detail else ending.message
        return await _died(tx, job, ending.code, text, ending.who, now, on_dead)
    if isinstance(ending, Failed) and job.attempts + 1 >= job.max_attempts:
        tried = replace(job, attempts=job.attempts + 1)
        return await _died(tx, tried, ending.code, ending.error, Actor.ADMIN, now, on_dead)
    return await claims.put_off(tx, job, next_try(job, ending, now), now)


def next_try(job: Job, ending: Later | Unknown | Failed | Stopped | Postponed, now: datetime) -> claims.PutOff:
    """Return when and why the job runs again.

    An absent other side is asked ever less often, up to a quarter of an hour, without end: nothing that was accepted
    expires by itself, and its age is what shows.
    """
    deferrals = job.deferrals + 1
    if isinstance(ending, Later):
        asked = timedelta(seconds=ending.after_seconds or 0)
        wait = backoff(deferrals, OUTAGE_SECONDS)
        if ending.code in PACED and ending.after_seconds is not None:
            wait, deferrals = timedelta(0), job.deferrals
        return claims.PutOff(now + max(asked, wait), "later", job.attempts, deferrals, ending.code, ending.reason)
    if isinstance(ending, Unknown):
        wait = backoff(deferrals, DOUBT_SECONDS)
        return claims.PutOff(now + wait, "unknown", job.attempts, deferrals, "UNKNOWN", ending.reason)
    if isinstance(ending, Failed):
        # The first death is most likely a restart, and what it interrupted shall not wait.
        wait = timedelta(0) if ending is CRASHED and not job.attempts else backoff(job.attempts + 1, ERROR_SECONDS)
        return claims.PutOff(now + wait, "error", job.attempts + 1, job.deferrals, ending.code, ending.error)
    wait = timedelta(0) if isinstance(ending, Stopped) else backoff(1, RACE_SECONDS)
    return claims.PutOff(now + wait, LABELS[type(ending)], job.attempts, job.deferrals, "")


async def _succeeded(tx: Tx, job: Job, now: datetime, on_recovered: Notice | None) -> bool:
    mine, settled = await claims.finish(tx, job, now)
    if not mine:
        return False
    if job.deferrals and job.lane and job.failure_code and job.failure_code not in PACED:
        await claims.bring_forward(tx, job.lane, job.failure_code, now)
    if on_recovered and (settled or job.last_error is not None):
        await _tell(on_recovered, tx, replace(job, status=JobStatus.DONE, finished_at=now))
    return True


async def _died(tx: Tx, job: Job, code: str, error: str, who: Actor, now: datetime, on_dead: Notice | None) -> bool:
    dead = replace(job, failure_code=code, last_error=error, actor=who.value)
    if not await claims.bury(tx, dead, now):
        return False
    if on_dead:
        await _tell(on_dead, tx, replace(dead, status=JobStatus.DEAD, finished_at=now))
    return True


async def _tell(notice: Notice, tx: Tx, job: Job) -> None:
    try:
        async with tx.session.begin_nested():
            await notice(tx, job)
    except Exception as error:  # noqa: BLE001 - the job's own row is the truth and must not be lost with it
        log.error("notice about a job failed", job_id=str(job.id), job_kind=job.kind, **trace_of(error))
