"""A schedule fires once for all servers, and makes good what was missed."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from innkeeper.jobs import queue
from innkeeper.jobs.queue import enqueue
from innkeeper.jobs.scheduler import Scheduler, last_due
from innkeeper.storage.database import Database, Tx

from .support import Clock, spec

pytestmark = pytest.mark.anyio


class Ticks:
    """Enqueues a job at each tick and counts them."""

    def __init__(self) -> None:
        self.number = 0
        self.ticked = asyncio.Event()

    async def __call__(self, tx: Tx) -> None:
        self.number += 1
        await enqueue(tx, spec(f"tick{self.number}"))
        self.ticked.set()


async def test_several_servers_fire_an_interval_once(database: Database) -> None:
    clock, ticks = Clock(), Ticks()
    servers = [Scheduler(database, clock=clock) for _ in range(3)]
    for server in servers:
        server.every("peek", 60, ticks, jitter=5)
    for _ in range(4):
        await asyncio.gather(*(server.fire("peek") for server in servers))
        clock.forward(seconds=60)
    assert ticks.number == 4
    async with database.read() as session:
        assert (await queue.list_jobs(session))[1] == 4


async def test_daily_time_fires_once_a_day_and_a_missed_one_is_made_good(database: Database) -> None:
    clock, ticks = Clock(), Ticks()
    clock.now = datetime(2026, 3, 1, 3, 5, tzinfo=UTC)
    server = Scheduler(database, clock=clock)
    server.cron("sweep", "UTC", "03:00", ticks)
    await server.fire("sweep")
    await server.fire("sweep")
    assert ticks.number == 1
    clock.forward(days=2)
    restarted = Scheduler(database, clock=clock)
    restarted.cron("sweep", "UTC", "03:00", ticks)
    await restarted.fire("sweep")
    await server.fire("sweep")
    assert ticks.number == 2


async def test_tick_that_fails_is_not_marked_as_fired(database: Database) -> None:
    clock, ticks = Clock(), Ticks()
    server = Scheduler(database, clock=clock)

    async def broken(tx: Tx) -> None:
        await ticks(tx)
        raise ZeroDivisionError

    server.every("peek", 60, broken)
    with pytest.raises(ZeroDivisionError):
        await server.fire("peek")
    async with database.read() as session:
        assert (await queue.list_jobs(session))[1] == 0
    server.every("peek", 60, ticks)
    await server.fire("peek")
    assert ticks.number == 2


async def test_timers_fire_by_themselves_and_can_be_replaced_and_removed(database: Database) -> None:
    ticks = Ticks()
    server = Scheduler(database)
    server.every("peek", 3600, ticks)
    server.start()
    async with asyncio.timeout(60):
        await ticks.ticked.wait()
    server.every("peek", 60, ticks)
    server.remove("peek")
    server.remove("peek")
    assert server.names == set()
    await server.stop()


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 28, 2, 30, tzinfo=UTC)),
        (datetime(2026, 3, 29, 12, tzinfo=UTC), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        (datetime(2026, 3, 29, 1, 29, tzinfo=UTC), datetime(2026, 3, 28, 2, 30, tzinfo=UTC)),
    ],
)
def test_daily_time_follows_the_hotels_clock_over_the_change(now: datetime, due: datetime) -> None:
    assert last_due(now, "Europe/Lisbon", 2, 30) == due
    assert now - due < timedelta(days=1)
