"""How fast the desk books: one clerk after the other, and fifty at once."""

import asyncio
import random
import time
from datetime import timedelta
from typing import Any

from benchmarks import Figure, percentile
from benchmarks.serving import TODAY, Connection, Served, hotel

CLERKS = 50
SINGLE = 300
TOTAL = 3000


async def run() -> list[Figure]:
    """Measure POST /api/reservations over a socket, on SQLite with synchronous=FULL."""
    async with hotel(types=20, rooms_each=60) as served:
        dice = random.Random(20300101)
        await _warm_up(served, dice)
        single = await _one_by_one(served, dice)
        rate, crowd = await _at_once(served, dice)
    return [
        Figure("one reservation, p50", percentile(single, 0.5) * 1000, "ms", "<= 8"),
        Figure("one reservation, p95", percentile(single, 0.95) * 1000, "ms"),
        Figure("reservations from 50 clients at once", rate, "1/s", ">= 150"),
        Figure("reservation among 50 clients, p95", percentile(crowd, 0.95) * 1000, "ms"),
    ]


def _body(served: Served, dice: random.Random) -> dict[str, Any]:
    arrival = TODAY + timedelta(days=dice.randrange(360))
    name = "".join(dice.choices("abdeilmnorstu", k=8)).title()
    return {
        "check_in": str(arrival),
        "check_out": str(arrival + timedelta(days=dice.randint(1, 5))),
        "primary_guest": {"name": f"Maria {name}", "email": f"maria.{name}@example.com"},
        "rooms": [{"room_type_id": str(dice.choice(served.room_types)), "adults": 2}],
    }


async def _book(connection: Connection, body: dict[str, Any]) -> float:
    started = time.perf_counter()
    status, answer = await connection.call("POST", "/api/reservations", body)
    assert status == 201, answer
    return time.perf_counter() - started


async def _warm_up(served: Served, dice: random.Random) -> None:
    connection = await Connection.open(served.port, served.token)
    for _ in range(50):
        await _book(connection, _body(served, dice))
    connection.close()


async def _one_by_one(served: Served, dice: random.Random) -> list[float]:
    connection = await Connection.open(served.port, served.token)
    times = [await _book(connection, _body(served, dice)) for _ in range(SINGLE)]
    connection.close()
    return times


async def _at_once(served: Served, dice: random.Random) -> tuple[float, list[float]]:
    bodies = [_body(served, dice) for _ in range(TOTAL)]
    connections = [await Connection.open(served.port, served.token) for _ in range(CLERKS)]

    async def clerk(connection: Connection) -> list[float]:
        return [await _book(connection, bodies.pop()) for _ in range(TOTAL // CLERKS)]

    started = time.perf_counter()
    times = await asyncio.gather(*(clerk(connection) for connection in connections))
    seconds = time.perf_counter() - started
    for connection in connections:
        connection.close()
    return TOTAL / seconds, [one for of_clerk in times for one in of_clerk]
