"""How soon a booking made in QloApps stands in the house, with the budget and the intervals as they come."""

import asyncio
import os
import random
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import httpx2

from benchmarks import Figure, percentile
from benchmarks.houses import connect, opened, served, token, until_ready
from benchmarks.shops import Shop, open_shop

#: Requests a minute that a connection has by default, and minutes between its full synchronisations.
PER_MINUTE = 60

#: Bookings, and the seconds over which they are spread.
BOOKINGS, SECONDS = 20, 150.0
FULL_BOOKINGS, FULL_SECONDS = 200, 1500.0

#: The same while two nights of a type are closed, for which each of its rooms is blocked there.
CLOSING_BOOKINGS, CLOSING_SECONDS = 10, 75.0


async def run() -> list[Figure]:
    """Let guests book at random moments and watch the house's list of reservations; BENCH_FULL=1 watches longer."""
    full = bool(os.environ.get("BENCH_FULL"))
    with tempfile.TemporaryDirectory(prefix="innkeeper-bench-") as name:
        async with open_shop(200) as shop:
            async with opened(Path(name)) as house:
                await connect(house, shop.url, per_minute=PER_MINUTE)
                key = await token(house)
            async with (
                served(Path(name)) as (process, port),
                httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client,
            ):
                client.headers["Authorization"] = f"Bearer {key}"
                await until_ready(client, process, port)
                await _until(client, 200)
                count, seconds = (FULL_BOOKINGS, FULL_SECONDS) if full else (BOOKINGS, SECONDS)
                waits = await _watch(client, _book(shop, count, seconds), 200)
                requests = await shop.requests()
                closed_at = time.time()
                await _stop_selling(client)
                beside = await _watch(client, _book(shop, CLOSING_BOOKINGS, CLOSING_SECONDS), 200 + count)
                blocks = [at for at, method, *_ in await shop.requests() if method == "POST" and at > closed_at]
    minutes = (requests[-1][0] - requests[0][0]) / 60
    return [
        Figure("from a booking there to the reservation here, p50", percentile(waits, 0.5), "s"),
        Figure("from a booking there to the reservation here, p95", percentile(waits, 0.95), "s", "< 15"),
        Figure("the same while a stop-sell of a type goes out, p50", percentile(beside, 0.5), "s"),
        Figure("the same while a stop-sell of a type goes out, p95", percentile(beside, 0.95), "s", "< 15"),
        Figure("from the stop-sell to the last of its blocks", max(blocks) - closed_at, "s"),
        Figure("requests a minute, with the details of 200 earlier bookings", len(requests) / minutes, "1/min"),
    ]


async def _stop_selling(client: httpx2.AsyncClient) -> None:
    kind = (await client.get("/api/room-types")).raise_for_status().json()["items"][0]["id"]
    first = date.today() + timedelta(days=300)  # noqa: DTZ011
    nights = {"room_type_id": kind, "start": str(first), "end": str(first + timedelta(days=2)), "closed": True}
    (await client.put("/api/rates", json=nights)).raise_for_status()


async def _until(client: httpx2.AsyncClient, count: int) -> None:
    while await _total(client) < count:  # noqa: ASYNC110  the house is another process and is asked
        await asyncio.sleep(0.5)


async def _total(client: httpx2.AsyncClient) -> int:
    total: int = (await client.get("/api/reservations?limit=1")).raise_for_status().json()["total"]
    return total


def _book(shop: Shop, count: int, seconds: float) -> asyncio.Task[list[float]]:
    dice = random.Random(20300101)
    moments = sorted(dice.uniform(0, seconds) for _ in range(count))

    async def book() -> list[float]:
        started, made = time.monotonic(), []
        for moment in moments:
            await asyncio.sleep(max(0.0, started + moment - time.monotonic()))
            made += [booking["at"] for booking in await shop.book(1)]
        return made

    return asyncio.create_task(book())


async def _watch(client: httpx2.AsyncClient, made: asyncio.Task[list[float]], before: int) -> list[float]:
    """Note when the list grows. Bookings come over in the order in which they were made."""
    seen: list[float] = []
    while not made.done() or len(seen) < len(made.result()):
        total, now = await _total(client) - before, time.time()
        seen += [now] * (total - len(seen))
        await asyncio.sleep(0.1)
    return [there - here for here, there in zip(made.result(), seen, strict=True)]
