"""Fires what recurs: every so many seconds, or at a time of the hotel's day, once in the whole installation."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite

from innkeeper.domain.business_day import utc_now
from innkeeper.jobs.faults import DATABASE_AWAY
from innkeeper.jobs.tables import ScheduleRow
from innkeeper.storage.database import Database, Tx

SCHEDULES = cast(Table, ScheduleRow.__table__)

#: What a schedule does: enqueue a job in the transaction it is given. The work itself is the worker's.
Tick = Callable[[Tx], Awaitable[object]]

#: Two ticks of an interval that lie closer than this part of it are one: they come from two servers.
_SAME_TICK = 0.8

#: A time of day that was missed while no server was up is made good when it is not longer ago than this.
_MAKE_GOOD = timedelta(hours=20)

log = structlog.get_logger(__name__)


class Scheduler:
    """Timers of this process over one memory for all: any number of servers may run it, and one of them fires.

    When a schedule last fired is a row, so that a second server's timer finds it done, and a time of day that was
    missed while everything was down is made good once at the start. Runs missed by a busy process coalesce into one.
    """

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock
        self._ticking: set[asyncio.Task[bool]] = set()
        self._timers = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1}
        )

    def every(self, name: str, seconds: float, tick: Tick, *, jitter: float = 0.0) -> None:
        """Fire every `seconds`, give or take `jitter` seconds, first at once; replaces the schedule of that name."""
        trigger = IntervalTrigger(seconds=seconds, jitter=jitter or None, timezone=UTC)
        apart = timedelta(seconds=max(seconds - 2 * jitter, 0) * _SAME_TICK)
        self._add(name, trigger, tick, lambda: self._clock() - apart, at_once=True)

    def cron(self, name: str, zone: str, at: str, tick: Tick) -> None:
        """Fire daily at `at` (HH:MM) on the wall clock of `zone`; replaces the schedule of that name.

        A time that the change of the clocks leaves out or doubles fires once that day.
        Raises ValueError for a malformed time.
        """
        hour, minute = (int(part) for part in at.split(":"))
        trigger = CronTrigger(hour=hour, minute=minute, timezone=ZoneInfo(zone))
        self._add(name, trigger, tick, lambda: last_due(self._clock(), zone, hour, minute), at_once=False)

    def remove(self, name: str) -> None:
        """Fire it no more; a name that is not scheduled is no error."""
        if self._timers.get_job(name):
            self._timers.remove_job(name)

    @property
    def names(self) -> set[str]:
        """The names of all schedules."""
        return {job.id for job in self._timers.get_jobs()}

    def start(self) -> None:
        """Start the timers on the running event loop."""
        self._timers.start()

    async def stop(self) -> None:
        """Stop the timers, after the ticks that are under way; what they enqueued stays."""
        self._timers.remove_all_jobs()
        if self._ticking:
            await asyncio.wait(self._ticking)
        if self._timers.running:
            self._timers.shutdown(wait=False)

    async def fire(self, name: str) -> None:
        """Do now what the timer of that name does. Raises KeyError."""
        job = self._timers.get_job(name)
        if job is None:
            raise KeyError(name)
        await job.func()

    def _add(
        self, name: str, trigger: BaseTrigger, tick: Tick, since: Callable[[], datetime], *, at_once: bool
    ) -> None:
        async def timer() -> None:
            # A task of our own, which the timers' shutdown does not cancel in the middle of its transaction.
            ticking = asyncio.create_task(self._fire_once(name, tick, since()))
            self._ticking.add(ticking)
            ticking.add_done_callback(self._ticking.discard)
            try:
                await asyncio.shield(ticking)
            except DATABASE_AWAY as error:
                log.warning(
                    "schedule not fired; it will be at its next time", schedule=name, error=type(error).__name__
                )

        self.remove(name)
        options: dict[str, Any] = {}
        if at_once or self._clock() - since() < _MAKE_GOOD:
            options["next_run_time"] = utc_now()
        self._timers.add_job(timer, trigger, id=name, name=name, **options)

    async def _fire_once(self, name: str, tick: Tick, since: datetime) -> bool:
        """Tick unless some server has after `since`; the mark and what the tick enqueues commit together."""
        async with self._database.write() as tx:
            dialect: Any = sqlite if self._database.is_sqlite else postgresql
            statement = dialect.insert(SCHEDULES).values(name=name, fired_at=self._clock())
            statement = statement.on_conflict_do_update(
                index_elements=["name"],
                set_={"fired_at": statement.excluded.fired_at},
                where=SCHEDULES.c.fired_at < since,
            ).returning(SCHEDULES.c.name)
            if (await tx.session.execute(statement)).one_or_none() is None:
                return False
            await tick(tx)
        return True


def last_due(now: datetime, zone: str, hour: int, minute: int) -> datetime:
    """Return the latest instant, not after `now`, at which the zone's clocks showed that time."""
    local = now.astimezone(ZoneInfo(zone))
    due = local.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0)
    while due.astimezone(UTC) > now:
        due -= timedelta(days=1)
    return due.astimezone(UTC)
