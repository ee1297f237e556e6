"""Somebody is told when a cause opens and when it closes, never once a retry."""

import pytest

from innkeeper.channel_sync import attention, jobs
from innkeeper.jobs.worker import Worker
from tests.channel_sync.world import World

pytestmark = pytest.mark.anyio


class Pager:
    """Remembers what it was told; fails as often as it is asked to."""

    def __init__(self, failures: int = 0) -> None:
        self.told: list[str] = []
        self._failures = failures

    async def send(self, title: str, _body: str) -> bool:
        """Take an alert."""
        if self._failures:
            self._failures -= 1
            return False
        self.told.append(title)
        return True


def worker_of(world: World, pager: Pager) -> Worker:
    """Return a worker that alerts."""
    return Worker(world.database, jobs.handlers(world.channels, pager.send), clock=world.clock)


async def test_a_cause_seen_many_times_alerts_once_and_its_end_once(world: World) -> None:
    pager = Pager()
    worker = worker_of(world, pager)
    for _ in range(3):
        async with world.database.write() as tx:
            await attention.open_cause(tx, world.property_id, "unreachable", "connection", detail="no route")
        await worker.run_until_idle()
    async with world.database.write() as tx:
        await attention.close_cause(tx, world.property_id, "unreachable", "connection")
    await worker.run_until_idle()
    assert pager.told == ["QloApps does not answer", "Settled: QloApps does not answer"]


async def test_an_alert_that_is_not_delivered_is_sent_later(world: World) -> None:
    pager = Pager(failures=1)
    worker = worker_of(world, pager)
    async with world.database.write() as tx:
        await attention.open_cause(tx, world.property_id, "access", "connection", detail="wrong key")
    await worker.run_until_idle()
    assert pager.told == []
    world.clock.advance(3600)
    await worker.run_until_idle()
    assert pager.told == ["QloApps refuses us"]
