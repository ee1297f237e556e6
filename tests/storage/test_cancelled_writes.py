"""A task that is cancelled in the middle of a transaction holds nobody else up."""

import asyncio

import pytest
from sqlalchemy import insert

from innkeeper.domain.business_day import utc_now
from innkeeper.jobs.tables import LeaseRow
from innkeeper.storage.database import Database

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("steps", range(0, 60, 4))
async def test_cancelled_writer_lets_go_of_the_lock_at_once(database: Database, steps: int) -> None:
    async def write(name: str) -> None:
        async with database.write() as tx:
            values = {"name": name, "holder": "h", "until": utc_now(), "fence": 1}
            await tx.session.execute(insert(LeaseRow).values(values).returning(LeaseRow.name))

    cancelled = asyncio.create_task(write("cancelled"))
    for _ in range(steps):
        await asyncio.sleep(0)
    cancelled.cancel()
    (ended,) = await asyncio.gather(cancelled, return_exceptions=True)
    async with asyncio.timeout(20):  # far less than SQLite waits for a lock
        await write("next")
    assert ended is None or isinstance(ended, asyncio.CancelledError)
