"""How far behind a thousand properties are with one worker, and how many of them one core carries."""

import asyncio
import os
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from sqlalchemy import func, select, update

from benchmarks import Figure, percentile
from benchmarks.chain import ROOMS, Child
from benchmarks.houses import UNLIMITED, opened
from benchmarks.shops import KEY
from innkeeper.bootstrap import Container
from innkeeper.channel_sync.jobs import PEEK_SECONDS
from innkeeper.channel_sync.tables import Config, ReservationMapping, RoomTypeMapping
from innkeeper.channel_sync.work import POLL
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.ids import new_id
from innkeeper.house.tables import Property, Room, RoomType
from innkeeper.jobs.tables import JobRow, JobStatus
from innkeeper.storage.bulk import insert_all

PROPERTIES = int(os.environ.get("BENCH_PROPERTIES", "1000"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "600"))

#: Each property's own budget, as it is by default.
PER_MINUTE = 60

#: Bookings there a second, in any of the shops: four a day and property.
BOOKINGS = 4 * PROPERTIES / 86_400

#: At least so many, or the worst hundredth is one booking.
FEWEST = 200

#: Every look asks for this once.
_LOOK = "GET orders"

#: The first synchronisation of all is no steady state; it is waited for so long at most.
WARM_UP = 900.0


async def run() -> list[Figure]:
    """Let guests book in any of the shops while one worker serves them all."""
    with tempfile.TemporaryDirectory(prefix="innkeeper-bench-") as name:
        folder = Path(name)
        async with Child.run("shops", str(PROPERTIES)) as shops:
            url = await shops.line()
            async with opened(folder) as container:
                ids = await _furnish(container, url)
            async with Child.run("work", str(folder)) as worker:
                await worker.line()
                async with opened(folder) as container:
                    await _await_first(container)
                    await _limit(container)
                    return await _measure(container, shops, worker, ids)


async def _furnish(container: Container, url: str) -> list[UUID]:
    """Put the properties into the data base, each with ten rooms, mapped and live; return their ids."""
    key, today = container.keyring.encrypt(KEY), utc_now().date()
    houses, kinds, rooms, configs, mappings = [], [], [], [], []
    for number in range(PROPERTIES):
        house = Property(id=new_id(), name=f"Hotel {number}", timezone="UTC", currency="EUR", business_date=today)
        kind = RoomType(
            id=new_id(),
            property_id=house.id,
            name="Double Room",
            price_per_night=Decimal(100),
            max_people=2,
            max_adult=2,
        )
        houses.append(house)
        kinds.append(kind)
        rooms += [Room(id=new_id(), property_id=house.id, room_type_id=kind.id, number=room) for room in ROOMS]
        configs.append(
            Config(
                id=new_id(),
                property_id=house.id,
                base_url=f"{url}/{number}",
                api_key_encrypted=key,
                qloapps_hotel_id=1,
                requests_per_minute=UNLIMITED,
                mode="live",
            )
        )
        mappings.append(
            RoomTypeMapping(
                id=new_id(),
                property_id=house.id,
                local_room_type_id=kind.id,
                qloapps_product_id=1,
                qloapps_hotel_id=1,
            )
        )
    async with container.database.write() as tx:
        for rows in (houses, kinds, rooms, configs, mappings):
            await insert_all(tx.session, rows)
    return [house.id for house in houses]


async def _await_first(container: Container) -> None:
    """Wait until the first synchronisation of all is over: only looks are due, of which one worker is never done."""
    deadline = time.monotonic() + WARM_UP
    while time.monotonic() < deadline:
        await asyncio.sleep(5)
        async with container.database.read() as session:
            unread = await session.scalar(select(Config.id).where(Config.last_successful_sync.is_(None)).limit(1))
            waiting = await session.scalar(
                select(func.count())
                .select_from(JobRow)
                .where(JobRow.status != JobStatus.DONE, JobRow.kind != POLL, JobRow.run_after <= utc_now())
            )
        if unread is None and not waiting:
            return
    raise AssertionError(f"the first synchronisation of {PROPERTIES} properties took more than {WARM_UP:.0f} s")


async def _limit(container: Container) -> None:
    """Give each property its budget: the first synchronisation is done, which at that pace would take an hour."""
    async with container.database.write() as tx:
        await tx.session.execute(update(Config).values(requests_per_minute=PER_MINUTE))


async def _measure(container: Container, shops: Child, worker: Child, ids: list[UUID]) -> list[Figure]:
    quiet = await _watch(shops, worker, SECONDS / 3, 0)
    busy = await _watch(shops, worker, SECONDS * 2 / 3, max(BOOKINGS * SECONDS, FEWEST))
    lags = await _lags(container, ids, busy.booked)
    each = quiet.worked / max(1, quiet.looks)
    arrival = f"{PROPERTIES} properties, one worker, from a booking there to here"
    return [
        Figure(f"{arrival}, p50", percentile(lags, 0.5), "s"),
        Figure(f"{arrival}, p99", percentile(lags, 0.99), "s", "< 300"),
        Figure("looks a property and minute", quiet.looks / PROPERTIES / quiet.seconds * 60, "1/min"),
        Figure("requests a property and minute", busy.requests / PROPERTIES / busy.seconds * 60, "1/min"),
        Figure("processor time a look, with what else runs beside it", each * 1000, "ms"),
        Figure("the worker's share of one core, quiet", quiet.worked / quiet.seconds * 100, "%"),
        Figure("the worker's share of one core, with bookings", busy.worked / busy.seconds * 100, "%"),
        Figure(f"properties that one core carries, each looked at every {PEEK_SECONDS:.0f} s", PEEK_SECONDS / each, ""),
        Figure("properties that one core carries, each looked at every minute", 60 / each, ""),
    ]


@dataclass(frozen=True)
class _Window:
    """What happened in a stretch of time: seconds, looks, all requests, the worker's processor time, bookings made."""

    seconds: float
    looks: int
    requests: int
    worked: float
    booked: list[dict[str, float]]


async def _watch(shops: Child, worker: Child, seconds: float, bookings: float) -> _Window:
    """Let so many guests book, evenly over the seconds, and count."""
    before, worked, started = await shops.ask("requests"), await worker.ask("time"), time.monotonic()
    booked: list[dict[str, float]] = []
    while (left := started + seconds - time.monotonic()) > 0:
        if len(booked) < bookings * (1 - left / seconds):
            booked.append(await shops.ask("book"))
        else:
            await asyncio.sleep(min(left, 0.1))
    after = await shops.ask("requests")
    return _Window(
        time.monotonic() - started,
        after.get(_LOOK, 0) - before.get(_LOOK, 0),
        sum(after.values()) - sum(before.values()),
        await worker.ask("time") - worked,
        booked,
    )


async def _lags(container: Container, ids: list[UUID], booked: list[dict[str, float]]) -> list[float]:
    """Return for each booking how long it took to become a reservation; waits for the last ones."""
    waiting = {(ids[int(one["shop"])], int(one["order_id"])): float(one["at"]) for one in booked}
    found: dict[tuple[UUID, int], datetime] = {}
    deadline = time.monotonic() + 600
    while len(found) < len(waiting) and time.monotonic() < deadline:
        async with container.database.read() as session:
            query = select(
                ReservationMapping.property_id, ReservationMapping.qloapps_order_id, ReservationMapping.created_at
            )
            rows = (await session.execute(query)).all()
        found = {(house, order): at for house, order, at in rows if order is not None and (house, order) in waiting}
        await asyncio.sleep(1)
    assert len(found) == len(waiting), f"{len(waiting) - len(found)} bookings did not arrive"
    return [(found[one] - datetime.fromtimestamp(at, UTC)).total_seconds() for one, at in waiting.items()]
