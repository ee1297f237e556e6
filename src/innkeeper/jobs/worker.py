"""Runs the jobs of the queue: one at a time in each lane, several lanes at once."""

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from time import perf_counter
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError

from innkeeper.domain.business_day import utc_now
from innkeeper.domain.outcome import Later, Outcome
from innkeeper.jobs import claims, metrics, queue
from innkeeper.jobs.endings import CRASHED, LABELS, Ending, Notice, Postponed, Stopped, failure_of, trace_of, write_down
from innkeeper.jobs.faults import DATABASE_AWAY
from innkeeper.jobs.leases import RENEWALS, Lease, acquire, release, renew
from innkeeper.jobs.queue import Job
from innkeeper.jobs.quiet import is_quiet, quiet_write
from innkeeper.jobs.tables import JobStatus
from innkeeper.storage.database import Database, Tx, is_contention

Handler = Callable[[Job], Awaitable[Outcome[Any]]]

#: A worker gives a lane back after so many jobs, so that a long queue in one lane does not starve the others.
TURN_JOBS = 50

#: A burst of commits is one look into the queue, and costs at most this much delay.
_GAP_SECONDS = 0.01

#: The part of a lease's life in which it is relied on; in the rest a handler that must stop can do so.
_SURE = 0.9

#: Seconds between two writings of the age and the number of jobs into the metrics.
_GAUGE_SECONDS = 15.0

log = structlog.get_logger(__name__)


class Offer(StrEnum):
    """What came of offering a job to a worker by its id."""

    RAN = "ran"
    DIED = "died"
    #: It is done, gone, dead already, or somebody is at it.
    SETTLED = "settled"
    NOT_DUE = "not_due"
    #: Its lane is being worked, or this worker has its hands full.
    BUSY = "busy"


@dataclass(eq=False)
class _Turn:
    """One lane being worked by this worker."""

    lane: str
    lease: Lease | None = None
    job: Job | None = None
    handling: asyncio.Task[Outcome[Any]] | None = None
    #: Instant of the event loop's clock until which the lease is certainly ours.
    good_until: float = 0.0
    lost: bool = False
    stopped: bool = False
    task: asyncio.Task[None] | None = None

    @property
    def in_use(self) -> bool:
        """Whether a handler runs that relies on the lane."""
        return self.handling is not None and not self.lost

    def cancel_handler(self) -> None:
        if self.handling is not None:
            self.handling.cancel()


def default_holder() -> str:
    """Return a name for this worker that no other one has, and that tells a person where it runs."""
    return f"{socket.gethostname()[:80]}:{os.getpid()}:{secrets.token_hex(4)}"


class Worker:
    """Takes due jobs from the data base and gives each to the handler of its kind.

    A handler re-reads the newest state, makes the other side agree, and returns an outcome: Done closes the job;
    Later and Unknown queue it again, for as long as it takes; Refused makes it dead at once; an exception counts as a
    try and makes it dead after `max_attempts`. A job whose worker died is found by its expired claim, and the death
    counts as a try. `on_dead` and `on_recovered` are called in the transaction that ends the run, the latter for a
    job that had failed before or that settled a dead one.
    """

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        *,
        holder: str | None = None,
        concurrency: int = 8,
        clock: Callable[[], datetime] = utc_now,
        poll_seconds: float = 0.5,
        lease_seconds: float = 20.0,
        renew_seconds: float | None = None,
        handler_seconds: float = 3600.0,
        on_dead: Notice | None = None,
        on_recovered: Notice | None = None,
    ) -> None:
        """Make a worker that does nothing yet.

        `lease_seconds` after a worker's death its jobs are taken over; it renews its claims every `renew_seconds`, by
        default a third of that. No run lasts longer than `handler_seconds`.
        """
        self.holder = holder or default_holder()
        self.concurrency = concurrency
        self.poll_seconds = poll_seconds
        self._poll_with_help: float | None = None
        self._database = database
        self._handlers = dict(handlers)
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._renew_seconds = renew_seconds or lease_seconds / RENEWALS
        self._lease_time = timedelta(seconds=lease_seconds)
        self._handler_seconds = handler_seconds
        self._on_dead = on_dead
        self._on_recovered = on_recovered
        self._turns: set[_Turn] = set()
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = asyncio.Event()
        self._stopping = False
        self._claimed = 0

    # ------------------------------------------------------------------ from outside

    def wake(self) -> None:
        """Look into the queue now instead of at the next poll. May be called from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._news.set)

    def set_help(self, poll_seconds: float | None) -> None:
        """Look into the queue only so often, since something else brings the ids; None when nothing does any more."""
        self._poll_with_help = poll_seconds
        self.wake()

    async def run(self) -> None:
        """Work until `stop` is called. A commit in this process wakes the worker; others are seen by polling.

        Cancelling it is like killing the process: running jobs are taken up again once their claims have expired.
        """
        self._loop = asyncio.get_running_loop()
        self._database.after_commit.append(self._committed)
        self._over.clear()
        helpers = [
            asyncio.create_task(self._heartbeat(), name="job heartbeat"),
            asyncio.create_task(self._gauge(), name="job gauges"),
        ]
        try:
            while not self._stopping:
                self._news.clear()
                looked = self._monotonic()
                await _wait(self._news, await self._look())
                await asyncio.sleep(max(looked + _GAP_SECONDS - self._monotonic(), 0))
            await self._await_turns()
        finally:
            self._database.after_commit.remove(self._committed)
            await self._end(helpers)

    async def stop(self, grace_seconds: float = 20.0) -> None:
        """Take no more jobs, wait for the running ones, and put back those that take longer than `grace_seconds`."""
        self._stopping = True
        self._news.set()
        tasks = self._tasks()
        if tasks:
            _, slow = await asyncio.wait(tasks, timeout=grace_seconds)
            for turn in [turn for turn in self._turns if turn.task in slow]:
                turn.stopped = True
                turn.cancel_handler()
            if slow:
                await asyncio.wait(slow)

    async def run_until_idle(self) -> int:
        """Run everything that is due now, and what that makes due, and return the number of runs.

        Jobs put off into the future and lanes that another worker holds are left. Not beside `run`.
        """
        self._loop = asyncio.get_running_loop()
        before = self._claimed
        self._over.clear()
        helpers = [asyncio.create_task(self._heartbeat(), name="job heartbeat")]
        try:
            seen = -1
            while True:
                if not self._turns:
                    if self._claimed == seen:
                        break  # what looked due was taken by another worker
                    seen = self._claimed
                self._news.clear()
                await self._dispatch()
                if not self._turns:
                    break
                await self._news.wait()
            return self._claimed - before
        finally:
            await self._end(helpers)

    async def offer(self, job_id: UUID, *, patience_seconds: float = 600.0) -> Offer:
        """Run this job now if its row says so, and say what came of it. Whatever carried the id may be wrong.

        A run that takes longer than `patience_seconds` goes on, and counts as RAN. Beside `run`, which keeps the claim.
        """
        async with self._database.read() as session:
            job = await queue.find_job(session, job_id)
            lanes = {one.lane: one for one in await claims.waiting_lanes(session)} if job else {}
        now = self._clock()
        if job is None or job.status is not JobStatus.QUEUED:
            return Offer.SETTLED
        if job.run_after > now:
            return Offer.NOT_DUE
        held_until = lanes[job.lane].held_until if job.lane in lanes else None
        turn = None if held_until and held_until > now else self._start(job.lane)
        if turn is None or turn.task is None:
            return Offer.BUSY
        await asyncio.wait([turn.task], timeout=patience_seconds)
        async with self._database.read() as session:
            job = await queue.find_job(session, job_id)
        if job is None or job.status is JobStatus.DONE:
            return Offer.RAN
        if job.status is JobStatus.DEAD:
            return Offer.DIED
        return Offer.BUSY if job.status is JobStatus.QUEUED and job.run_after <= self._clock() else Offer.RAN

    # ------------------------------------------------------------------ finding work

    def _committed(self, tx: Tx) -> None:
        if tx.has_jobs and not is_quiet():
            self.wake()

    async def _look(self) -> float:
        """Start what can be started and return the seconds until the next look."""
        try:
            return await self._dispatch()
        except DATABASE_AWAY as error:
            # The data base is away; the rows are safe in it, and the next look comes soon enough.
            log.warning("queue not readable", error=type(error).__name__)
            return max(self.poll_seconds, 1.0)

    async def _dispatch(self) -> float:
        lanes, unheard = await self._survey()
        if unheard is not None and unheard <= self._clock():
            await self._take_over()
            lanes, _ = await self._survey()
        now = self._clock()
        pause = self._poll_with_help or self.poll_seconds
        for waiting in lanes:
            if waiting.run_after > now:
                pause = min(pause, (waiting.run_after - now).total_seconds())
            elif waiting.lane == "" or waiting.held_until is None or waiting.held_until <= now:
                self._start(waiting.lane)
        return pause

    async def _survey(self) -> tuple[list[claims.WaitingLane], datetime | None]:
        async with self._database.read() as session:
            return await claims.waiting_lanes(session), await claims.first_abandoned(session)

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [turn.task for turn in self._turns if turn.task is not None]

    def _start(self, lane: str) -> _Turn | None:
        """Begin to work the lane; None when this worker is at it already or has its hands full."""
        if self._stopping or len(self._turns) >= self.concurrency:
            return None
        if lane and any(turn.lane == lane for turn in self._turns):
            return None
        turn = _Turn(lane)
        self._turns.add(turn)
        turn.task = asyncio.create_task(self._work(turn), name=f"lane {lane}")
        return turn

    async def _take_over(self) -> None:
        """Queue the jobs of workers that died, or bury those that have killed too many of them."""
        async with quiet_write(self._database) as tx:
            now = self._clock()
            for job in await claims.abandoned(tx, now):
                log.warning("job abandoned by its worker", job_id=str(job.id), job_kind=job.kind, was=job.lease_holder)
                await write_down(tx, job, CRASHED, now, on_dead=self._on_dead, on_recovered=self._on_recovered)
                metrics.JOBS_FINISHED.labels(job.kind, "crashed").inc()

    # ------------------------------------------------------------------ working a lane

    async def _work(self, turn: _Turn) -> None:
        try:
            await self._begin(turn)
            done = 0
            while turn.job is not None:
                self._claimed += 1
                done += 1
                if not turn.lane:
                    self._news.set()  # the empty lane may hold more for the other hands
                ending = await self._handle(turn, turn.job)
                if ending is None or not await self._settle(turn, turn.job, ending, go_on=done < TURN_JOBS):
                    self._report_loss(turn)
                    return
        except DATABASE_AWAY as error:
            log.warning("lane not worked", lane=turn.lane, error=type(error).__name__)
            await asyncio.sleep(min(self.poll_seconds, 1.0))  # or the next look would be at once
        finally:
            self._turns.discard(turn)
            self._news.set()

    async def _begin(self, turn: _Turn) -> None:
        """Take the lane's lease and its first job in one transaction; without a job the lease is not kept."""
        asked = self._monotonic()
        async with quiet_write(self._database) as tx:
            now = self._clock()
            until = now + self._lease_time
            if turn.lane:
                turn.lease = await acquire(tx, turn.lane, self.holder, until, now)
                if turn.lease is None:
                    return
            job = await claims.claim_next(tx, turn.lane, self.holder, until, now)
            if job is None and turn.lease is not None:
                await release(tx, turn.lease, now)
        turn.job = job
        turn.good_until = asked + self._lease_seconds * _SURE

    async def _handle(self, turn: _Turn, job: Job) -> Ending | None:
        """Run the handler and return how it ended; None when the lane was lost meanwhile."""
        if turn.stopped:
            return Stopped()
        handler = self._handlers.get(job.kind)
        if handler is None:
            return Later("No worker knows this kind of job; a newer version may.", 60.0, code="NO_HANDLER")
        started = perf_counter()
        names = {"job_id": str(job.id), "job_kind": job.kind, "property_id": str(job.property_id)}
        with structlog.contextvars.bound_contextvars(**names, request_id=job.request_id or f"job-{job.id}"):
            turn.handling = asyncio.create_task(_call(handler, job), name=f"job {job.kind}")
            try:
                async with asyncio.timeout(self._handler_seconds):
                    ending: Ending | None = await turn.handling
            except asyncio.CancelledError as error:
                current = asyncio.current_task()
                if current is not None and current.cancelling():
                    raise
                ending = None if turn.lost else Stopped() if turn.stopped else failure_of(error)
            except Exception as error:  # noqa: BLE001 - whatever a handler raises is a failed try
                if isinstance(error, DBAPIError) and is_contention(error):
                    ending = Postponed()
                else:
                    log.error("job failed", **trace_of(error))
                    ending = failure_of(error)
            finally:
                turn.handling = None
            seconds = perf_counter() - started
            metrics.JOB_SECONDS.labels(job.kind).observe(seconds)
            if ending is not None:
                label = LABELS[type(ending)]
                metrics.JOBS_FINISHED.labels(job.kind, label).inc()
                log.info("job ended", outcome=label, milliseconds=round(seconds * 1000), tries=job.claims)
        return ending

    async def _settle(self, turn: _Turn, job: Job, ending: Ending, *, go_on: bool) -> bool:
        """Write the ending down and take the lane's next job in one transaction; False when the lane was lost.

        A data base that is away is asked again for as long as the lease lasts. After that the job counts as abandoned
        and is run again, which handlers are made for.
        """
        pause = 0.05
        while True:
            asked = self._monotonic()
            try:
                following, kept = await self._write_ending(turn, job, ending, go_on=go_on and not self._stopping)
            except DATABASE_AWAY as error:
                log.warning("ending of a job not written yet", job_id=str(job.id), error=type(error).__name__)
                if asked + pause > turn.good_until:
                    return False
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)
                continue
            turn.job = following
            turn.good_until = asked + self._lease_seconds * _SURE
            return kept

    async def _write_ending(self, turn: _Turn, job: Job, ending: Ending, *, go_on: bool) -> tuple[Job | None, bool]:
        async with quiet_write(self._database) as tx:
            now = self._clock()
            until = now + self._lease_time
            if turn.lease is not None and not await renew(tx, [turn.lease], until):
                return None, False
            if not await write_down(tx, job, ending, now, on_dead=self._on_dead, on_recovered=self._on_recovered):
                return None, False
            following = await claims.claim_next(tx, turn.lane, self.holder, until, now) if go_on else None
            if following is None and turn.lease is not None:
                await release(tx, turn.lease, now)
            return following, True

    def _report_loss(self, turn: _Turn) -> None:
        metrics.LEASES_LOST.inc()
        log.warning("lane lost; its job will be run again", lane=turn.lane)

    # ------------------------------------------------------------------ staying alive

    async def _heartbeat(self) -> None:
        """Renew all leases and claims of this worker; cancel the handlers of those that could not be kept."""
        while not await _wait(self._over, min(self._renew_seconds, self._sure_for())):
            held = [(turn, turn.job) for turn in self._turns if turn.job and turn.in_use]
            asked = self._monotonic()
            try:
                async with asyncio.timeout(self._sure_for()):
                    lanes, jobs = await self._renew(held)
            except DATABASE_AWAY as error:
                log.warning("claims not renewed", error=type(error).__name__)
                for turn, job in held:
                    if turn.job is job and self._monotonic() >= turn.good_until:
                        self._lose(turn)
                await asyncio.sleep(min(self._renew_seconds, 1.0))
                continue
            for turn, job in held:
                if turn.job is not job or not turn.in_use:
                    continue  # it ended meanwhile, and its ending renewed or released what it held
                if job.id in jobs and (turn.lease is None or turn.lane in lanes):
                    turn.good_until = asked + self._lease_seconds * _SURE
                else:
                    self._lose(turn)

    def _sure_for(self) -> float:
        """Seconds for which all leases in use are certainly held."""
        ends = [turn.good_until for turn in self._turns if turn.in_use]
        return max(min(ends) - self._monotonic(), 0.0) if ends else self._lease_seconds

    async def _renew(self, held: list[tuple[_Turn, Job]]) -> tuple[set[str], set[UUID]]:
        if not held:
            return set(), set()
        async with quiet_write(self._database) as tx:
            until = self._clock() + self._lease_time
            lanes = await renew(tx, [turn.lease for turn, _ in held if turn.lease], until)
            return lanes, await claims.renew_claims(tx, [job for _, job in held], until)

    def _lose(self, turn: _Turn) -> None:
        turn.lost = True
        turn.cancel_handler()

    async def _gauge(self) -> None:
        pause = 0.0
        while not await _wait(self._over, pause):
            pause = _GAUGE_SECONDS
            try:
                async with self._database.read() as session:
                    metrics.JOB_AGE.set((await queue.oldest_age(session, self._clock())).total_seconds())
                    for status, number in (await queue.counts(session)).items():
                        metrics.JOBS.labels(status.value).set(number)
            except DATABASE_AWAY as error:
                log.warning("queue not measured", error=type(error).__name__)

    async def _end(self, helpers: list[asyncio.Task[None]]) -> None:
        """Drop what runs, and let the helpers finish the transaction that they are in."""
        self._over.set()
        for task in self._tasks():
            task.cancel()
        await asyncio.wait([*helpers, *self._tasks()])

    async def _await_turns(self) -> None:
        if tasks := self._tasks():
            await asyncio.wait(tasks)

    @staticmethod
    def _monotonic() -> float:
        return asyncio.get_running_loop().time()


async def _call(handler: Handler, job: Job) -> Outcome[Any]:
    return await handler(job)


async def _wait(event: asyncio.Event, seconds: float) -> bool:
    """Wait for the event, at most so many seconds, and return whether it is set."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return event.is_set()
