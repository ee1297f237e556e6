"""Lets one worker of many be the only one at something, for as long as it is alive."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import structlog
from sqlalchemy import Table, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from innkeeper.domain.business_day import utc_now
from innkeeper.jobs.faults import DATABASE_AWAY
from innkeeper.jobs.tables import LeaseRow
from innkeeper.storage.database import Database, Tx

LEASES = cast(Table, LeaseRow.__table__)

#: A lease is renewed this many times within its life, so that one slow transaction does not end it.
RENEWALS = 3

#: Seconds between two tries to get a lease that somebody else holds.
_ASK_AGAIN_SECONDS = 0.1

log = structlog.get_logger(__name__)


class LeaseHeld(Exception):
    """Somebody else holds the lease."""

    def __init__(self, name: str, holder: str) -> None:
        super().__init__(f"{name} is held by {holder}")
        self.name = name
        self.holder = holder


class LeaseLost(Exception):
    """The lease ended while it was in use: it could not be renewed in time, or somebody took it."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to be the only one at `name`. `fence` is greater than that of every earlier holder."""

    name: str
    holder: str
    fence: int


async def acquire(tx: Tx, name: str, holder: str, until: datetime, now: datetime) -> Lease | None:
    """Take the lease if nobody has it or its holder let it run out; None when somebody has it, the caller included."""
    dialect: Any = sqlite if tx.session.get_bind().dialect.name == "sqlite" else postgresql
    statement = dialect.insert(LEASES).values(name=name, holder=holder, until=until, fence=1)
    statement = statement.on_conflict_do_update(
        index_elements=["name"],
        set_={"holder": statement.excluded.holder, "until": statement.excluded.until, "fence": LEASES.c.fence + 1},
        where=LEASES.c.until <= now,
    ).returning(LEASES.c.fence)
    fence = (await tx.session.execute(statement)).scalar_one_or_none()
    return None if fence is None else Lease(name, holder, fence)


async def renew(tx: Tx, leases: Iterable[Lease], until: datetime) -> set[str]:
    """Let the leases run until `until` and return the names of those that are still the caller's."""
    held = sorted(leases, key=lambda one: one.name)
    if not held:
        return set()
    mine = or_(*(_is(one) for one in held))
    renewed = await tx.session.execute(update(LEASES).where(mine).values(until=until).returning(LEASES.c.name))
    return set(renewed.scalars())


async def release(tx: Tx, held: Lease, now: datetime) -> None:
    """Give the lease back; the row stays, since the fence must go on growing."""
    await tx.session.execute(update(LEASES).where(_is(held)).values(until=now))


def _is(held: Lease) -> Any:
    return (LEASES.c.name == held.name) & (LEASES.c.holder == held.holder) & (LEASES.c.fence == held.fence)


@asynccontextmanager
async def lease(
    database: Database,
    name: str,
    holder: str,
    ttl_seconds: float = 20.0,
    wait_seconds: float = 0.0,
    clock: Callable[[], datetime] = utc_now,
) -> AsyncIterator[Lease]:
    """Hold the lease while the block runs, renewing it; it ends by itself `ttl_seconds` after its holder died.

    Waits up to `wait_seconds` for another holder. Raises LeaseHeld when it cannot be had, and LeaseLost when it was
    lost during the block, which is cancelled at that moment. Not re-entrant: the same holder cannot take it twice.
    """
    ttl = timedelta(seconds=ttl_seconds)
    held = await _wait_for(database, name, holder, ttl, wait_seconds, clock)
    body = asyncio.current_task()
    assert body is not None  # noqa: S101 - a coroutine always runs in a task
    over = asyncio.Event()
    lost = False

    async def keep() -> None:
        nonlocal lost
        lost = not await _renew_until(over, database, held, ttl, clock)
        if lost:
            body.cancel()

    keeper = asyncio.create_task(keep(), name=f"lease {name}")
    try:
        yield held
    except asyncio.CancelledError:
        if lost and body.uncancel() == 0:
            raise LeaseLost(f"the lease {name} was lost") from None
        raise
    finally:
        over.set()  # not a cancellation, which would break a connection in the middle of a transaction
        await asyncio.wait([keeper])
        if not lost:
            async with database.write() as tx:
                await release(tx, held, clock())
    if lost:
        # The block ended in the same moment as the lease; what it did was not protected to its end.
        if body.cancelling():
            body.uncancel()
        raise LeaseLost(f"the lease {name} was lost")


async def _wait_for(
    database: Database, name: str, holder: str, ttl: timedelta, wait_seconds: float, clock: Callable[[], datetime]
) -> Lease:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_seconds
    while True:
        async with database.write() as tx:
            now = clock()
            held = await acquire(tx, name, holder, now + ttl, now)
            if held:
                return held
            other = await tx.session.scalar(select(LEASES.c.holder).where(LEASES.c.name == name))
        left = deadline - loop.time()
        if left <= 0:
            raise LeaseHeld(name, str(other))
        await asyncio.sleep(min(_ASK_AGAIN_SECONDS, left))


async def _renew_until(
    over: asyncio.Event, database: Database, held: Lease, ttl: timedelta, clock: Callable[[], datetime]
) -> bool:
    """Renew the lease until `over` is set; False once it is somebody else's or has run out unrenewed."""
    loop = asyncio.get_running_loop()
    pause = ttl.total_seconds() / RENEWALS
    good_until = loop.time() + ttl.total_seconds()
    while loop.time() < good_until:
        try:
            await asyncio.wait_for(over.wait(), min(pause, good_until - loop.time()))
            return True
        except TimeoutError:
            asked = loop.time()
        try:
            async with asyncio.timeout_at(good_until), database.write() as tx:
                if not await renew(tx, [held], clock() + ttl):
                    log.warning("lease taken by another holder", lease=held.name)
                    return False
        except DATABASE_AWAY as error:
            log.warning("lease not renewed", lease=held.name, error=type(error).__name__)
            continue
        good_until = asked + ttl.total_seconds()
    log.warning("lease ran out", lease=held.name)
    return False
