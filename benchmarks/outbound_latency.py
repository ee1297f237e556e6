"""How soon a reservation taken at the desk is on its way to QloApps, when the budget is free."""

import asyncio
import random
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from benchmarks import Figure, percentile
from benchmarks.houses import connect, opened, served, token, until_ready
from benchmarks.shops import Shop, open_shop

SAMPLES, FIRST = 40, 3

#: Enough that nothing waits, and still taken request by request, as the usual budget is.
PER_MINUTE = 600

#: What is in the address of a peek and of the fetching of details.
_NOT_PUSHING = ("date_upd", "/api/bookings/")


async def run() -> list[Figure]:
    """Book at a server with its worker; the shop, another process, notes when the requests for it arrive.

    The moment of the commit is taken as the one written into the reservation, which is a little before.
    """
    with tempfile.TemporaryDirectory(prefix="innkeeper-bench-") as name:
        async with open_shop() as shop:
            async with opened(Path(name)) as house:
                await connect(house, shop.url, per_minute=PER_MINUTE)
                key = await token(house)
            async with (
                served(Path(name)) as (process, port),
                httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client,
            ):
                client.headers["Authorization"] = f"Bearer {key}"
                await until_ready(client, process, port)
                booked = await _book(client, shop)
            requests = await shop.requests()
    asked = [_arrival(requests, reservation, "GET") for reservation in booked]
    sent = [_arrival(requests, reservation, "POST") for reservation in booked]
    since = datetime.fromisoformat(booked[0]["created_at"]).timestamp()
    pushing = [one for one in requests if one[0] > since and not any(mark in one[2] for mark in _NOT_PUSHING)]
    return [
        Figure("from commit to the first request, p50", percentile(asked, 0.5) * 1000, "ms", "< 100"),
        Figure("from commit to the first request, p95", percentile(asked, 0.95) * 1000, "ms", "< 500"),
        Figure("requests of one push, peeks and details left out", len(pushing) / len(booked), "requests"),
        Figure("from commit to the booking being sent, p50", percentile(sent, 0.5) * 1000, "ms"),
        Figure("from commit to the booking being sent, p95", percentile(sent, 0.95) * 1000, "ms"),
    ]


async def _book(client: httpx2.AsyncClient, shop: Shop) -> list[dict[str, Any]]:
    """Book at random moments; the first few let the worker read the shop's facts and do not count."""
    dice = random.Random(20300101)
    types = (await client.get("/api/room-types")).raise_for_status().json()["items"]
    booked = []
    for number in range(FIRST + SAMPLES):
        arrival = date.today() + timedelta(days=1 + dice.randrange(300))  # noqa: DTZ011
        answer = await client.post(
            "/api/reservations",
            json={
                "check_in": str(arrival),
                "check_out": str(arrival + timedelta(days=2)),
                "primary_guest": {"name": f"Guest Number{number}", "email": f"guest{number}@guest.example"},
                "rooms": [{"room_type_id": dice.choice(types)["id"], "adults": 2}],
            },
        )
        booked.append(answer.raise_for_status().json())
        await asyncio.sleep(dice.uniform(0.5, 1.5))
    await asyncio.sleep(3)
    return booked[FIRST:]


def _arrival(requests: list[tuple[float, str, str, str]], reservation: dict[str, Any], method: str) -> float:
    """Return the seconds from the reservation's commit to the first request that bears its reference."""
    reference = "innkeeper%3A" + reservation["id"].replace("-", "")
    marks = (reference, reference.replace("%3A", ":"))
    for arrived, verb, target, body in requests:
        if verb == method and any(mark in target or mark in body for mark in marks):
            return arrived - datetime.fromisoformat(reservation["created_at"]).timestamp()
    raise AssertionError(f"no {method} for reservation {reservation['confirmation']}")
