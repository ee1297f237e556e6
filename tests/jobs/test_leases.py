"""A lease has one holder, ends by itself when that dies, and its loss is noticed."""

import asyncio
from datetime import timedelta

import pytest

from innkeeper.jobs.leases import LEASES, LeaseHeld, LeaseLost, acquire, lease, release, renew
from innkeeper.storage.database import Database

from .support import START, Clock

pytestmark = pytest.mark.anyio


async def test_second_holder_is_refused_and_told_who_holds_it(database: Database) -> None:
    async with lease(database, "qloapps:p", "one"):
        with pytest.raises(LeaseHeld) as refused:
            async with lease(database, "qloapps:p", "two"):
                pass
        async with lease(database, "qloapps:other", "two"):
            pass
    assert refused.value.holder == "one"
    async with lease(database, "qloapps:p", "two"):
        pass


async def test_lease_of_a_dead_holder_ends_by_itself_and_the_fence_grows(database: Database) -> None:
    clock = Clock()
    async with database.write() as tx:
        dead = await acquire(tx, "n", "dead", clock(), START)
        assert dead is not None
    clock.forward(seconds=1)
    async with lease(database, "n", "heir", clock=clock) as held:
        assert held.fence > dead.fence
        async with database.write() as tx:
            assert await renew(tx, [dead], clock()) == set()
            await release(tx, dead, clock())
            assert await renew(tx, [held], clock()) == {"n"}


async def test_of_many_at_once_one_gets_it(database: Database) -> None:
    async def ask(number: int) -> bool:
        async with database.write() as tx:
            return await acquire(tx, "n", f"w{number}", START + timedelta(minutes=1), START) is not None

    assert sum(await asyncio.gather(*(ask(number) for number in range(20)))) == 1


async def test_waiting_gets_the_lease_once_it_is_free(database: Database) -> None:
    inside = asyncio.Event()
    leave = asyncio.Event()

    async def first() -> None:
        async with lease(database, "n", "one"):
            inside.set()
            await leave.wait()

    holding = asyncio.create_task(first())
    await inside.wait()
    leave.set()
    async with lease(database, "n", "two", wait_seconds=60):
        pass
    await holding


async def test_loss_cancels_the_body(database: Database) -> None:
    cancelled = False

    async def robbed() -> None:
        nonlocal cancelled
        async with lease(database, "n", "sleeper", ttl_seconds=2):
            async with database.write() as tx:
                await tx.session.execute(LEASES.update().values(holder="thief", fence=99))
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled = True
                raise

    with pytest.raises(LeaseLost):
        await robbed()
    assert cancelled
    current = asyncio.current_task()
    assert current is not None
    assert not current.cancelling()


async def test_cancellation_from_outside_stays_one_and_frees_the_lease(database: Database) -> None:
    inside = asyncio.Event()

    async def body() -> None:
        async with lease(database, "n", "one"):
            inside.set()
            await asyncio.Event().wait()

    running = asyncio.create_task(body())
    await inside.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    async with lease(database, "n", "two"):
        pass
