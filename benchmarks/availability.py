"""How long the availability of a year of fifty room types takes over twenty thousand reservations."""

import asyncio
import random
import time
from datetime import timedelta
from decimal import Decimal

from benchmarks import Figure, percentile
from benchmarks.serving import TODAY, Connection, Served, hotel
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.ids import DEFAULT_PROPERTY, new_id
from innkeeper.house import availability
from innkeeper.house.tables import Guest, Reservation, ReservationRoom
from innkeeper.storage.bulk import insert_all
from innkeeper.storage.database import Database

TYPES, NIGHTS, RESERVATIONS, ROUNDS = 50, 365, 20_000, 30

#: How often the other request is made, alone and beside the loop.
PROBES = 300


async def run() -> list[Figure]:
    """Measure the count alone, and the whole answer over a socket."""
    async with hotel(types=TYPES, rooms_each=40) as served:
        database = Database(served.url)
        await _fill(database, served)
        counts, answers = [], []
        end = TODAY + timedelta(days=NIGHTS)
        async with database.read() as session:
            for _ in range(ROUNDS):
                started = time.perf_counter()
                await availability.load(session, served.room_types, TODAY, end)
                counts.append(time.perf_counter() - started)
        connection = await Connection.open(served.port, served.token)
        for _ in range(ROUNDS):
            started = time.perf_counter()
            status, body = await connection.call("GET", f"/api/availability?start={TODAY}&end={end}")
            assert status == 200, body
            answers.append(time.perf_counter() - started)
        alone, beside = await _others(served, f"/api/availability?start={TODAY}&end={end}")
        connection.close()
        await database.aclose()
    share = (percentile(beside, 0.5) - percentile(alone, 0.5)) / percentile(answers, 0.5)
    return [
        Figure("50 types x 365 nights, count, p50", percentile(counts, 0.5) * 1000, "ms", "<= 50"),
        Figure("50 types x 365 nights, GET, p50", percentile(answers, 0.5) * 1000, "ms"),
        Figure("another request, nobody asking for availability, p50", percentile(alone, 0.5) * 1000, "ms"),
        Figure("another request, nobody asking for availability, p99", percentile(alone, 0.99) * 1000, "ms"),
        Figure("another request, availability asked for in a loop, p50", percentile(beside, 0.5) * 1000, "ms"),
        Figure("another request, availability asked for in a loop, p99", percentile(beside, 0.99) * 1000, "ms"),
        Figure("the share of an availability that another request waits for, p50", share, "", "< 0.5"),
    ]


async def _others(served: Served, path: str) -> tuple[list[float], list[float]]:
    """Return how long other requests take, first alone, then while somebody asks for availability in a loop."""
    probe = await Connection.open(served.port, served.token)
    alone = [await _time(probe) for _ in range(PROBES)]
    asking = asyncio.create_task(_ask_on_and_on(served, path))
    beside = [await _time(probe) for _ in range(PROBES)]
    assert not asking.done(), "nobody asked for availability meanwhile"
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    probe.close()
    return alone, beside


async def _ask_on_and_on(served: Served, path: str) -> None:
    connection = await Connection.open(served.port, served.token)
    try:
        while True:
            status, body = await connection.call("GET", path)
            assert status == 200, body
    finally:
        connection.close()


async def _time(probe: Connection) -> float:
    """Ask for something small, a moment after the last time."""
    await asyncio.sleep(0.01)
    started = time.perf_counter()
    status, body = await probe.call("GET", "/api/property")
    assert status == 200, body
    return time.perf_counter() - started


async def _fill(database: Database, served: Served) -> None:
    dice = random.Random(20300102)
    guest = Guest(id=new_id(), property_id=DEFAULT_PROPERTY, name="Maria Silva")
    heads, rooms = [], []
    for number in range(RESERVATIONS):
        arrival = TODAY + timedelta(days=dice.randrange(NIGHTS))
        stay = {"check_in": arrival, "check_out": arrival + timedelta(days=dice.randint(1, 6))}
        head = Reservation(
            id=new_id(),
            property_id=DEFAULT_PROPERTY,
            confirmation=f"B{number}",
            status="Confirmed",
            currency="EUR",
            total_amount=Decimal(100),
            primary_guest_id=guest.id,
            booked_at=utc_now(),
            **stay,
        )
        heads.append(head)
        rooms.append(
            ReservationRoom(
                id=new_id(),
                reservation_id=head.id,
                position=0,
                room_type_id=dice.choice(served.room_types),
                adults=2,
                amount=Decimal(100),
                status="Confirmed",
                **stay,
            )
        )
    async with database.write() as tx:
        for rows in ([guest], heads, rooms):
            await insert_all(tx.session, rows)
