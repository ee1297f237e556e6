"""A clock that tests set, a worker with few seconds in it, and handlers that write down what they saw."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from innkeeper.domain.outcome import Done, Outcome
from innkeeper.jobs.queue import Job, JobSpec, enqueue
from innkeeper.jobs.worker import Handler, Worker
from innkeeper.storage.database import Database

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


class Recorder:
    """A handler that gives the outcomes it was made with, one a run, then Done, and remembers the jobs."""

    def __init__(self, *outcomes: Outcome[Any] | Exception) -> None:
        self.jobs: list[Job] = []
        self._outcomes = list(outcomes)

    async def __call__(self, job: Job) -> Outcome[Any]:
        self.jobs.append(job)
        if not self._outcomes:
            return Done(None)
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    @property
    def keys(self) -> list[str]:
        return [job.key for job in self.jobs]


class Gate:
    """A handler that stays inside until it is let go, and knows how many were inside at once."""

    def __init__(self) -> None:
        self.entered = asyncio.Semaphore(0)
        self.leave = asyncio.Event()
        self.inside: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self.cancelled = 0

    async def __call__(self, job: Job) -> Outcome[Any]:
        self.inside[job.lane] = self.inside.get(job.lane, 0) + 1
        self.most[job.lane] = max(self.most.get(job.lane, 0), self.inside[job.lane])
        self.entered.release()
        try:
            await self.leave.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.inside[job.lane] -= 1
        return Done(None)


def worker(database: Database, handler: Handler, clock: Callable[[], datetime], **options: Any) -> Worker:
    """Return a worker that gives every job of kind `agree` to the handler."""
    return Worker(database, {"agree": handler}, clock=clock, **options)


def spec(key: str = "r1", **options: Any) -> JobSpec:
    return JobSpec("agree", key, **{"run_after": START, **options})


async def put(database: Database, *specs: JobSpec) -> None:
    async with database.write() as tx:
        for one in specs:
            await enqueue(tx, one, now=START)
