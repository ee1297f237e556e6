"""How fast a check is on a room: one after the other, fifty terminals at once, and after years of charges."""

import asyncio
import os
import time
from collections.abc import Awaitable
from itertools import count

from benchmarks import Figure, percentile
from benchmarks.charging import (
    Opera,
    Served,
    analyze,
    charge,
    charge_request,
    fill,
    opera_hotel,
    own_hotel,
    postgresql,
    search_path,
)

FULL = os.environ.get("BENCH_FULL") == "1"
TERMINALS = 50
SINGLE = 300
TOTAL = int(os.environ.get("BENCH_CHARGES", "3000"))
FEW, MANY = 1_000, 500_000 if FULL else 20_000
PMS_SECONDS = 0.05

_numbers = count(1)


async def run() -> list[Figure]:
    """Measure POST /api/pms/post over sockets, before a simulated OPERA and on the house's own folios."""
    figures = []
    async with opera_hotel() as (pms, served):
        figures += await _alone(pms, served)
        figures += await _crowd_before_opera(pms, served)
    figures += await _flat()
    async with postgresql() as url:
        if url is not None:
            async with own_hotel(url, processes=2) as served:
                await _open_for_a_while(served)
                rate, times, processor = await _crowd(served)
                figures += [
                    Figure("charges from 50 terminals, own folios, PostgreSQL, 2 processes", rate, "1/s", ">= 250"),
                    Figure("processor time of a charge on the house's folios", processor * 1000, "ms"),
                    Figure("charge among 50 on PostgreSQL, p99", percentile(times, 0.99) * 1000, "ms", "< 1000"),
                ]
    return figures


async def _alone(pms: Opera, served: Served) -> list[Figure]:
    """Measure what Innkeeper adds: the whole time without that of the same requests sent to the PMS itself."""
    terminal = await served.terminal()
    for room in served.rooms:  # every connection, statement and token is there once
        await charge(terminal, room, _reference())
    found, search, post = [], [], []
    line = await pms.line()
    for n in range(SINGLE):
        room = served.rooms[n % len(served.rooms)]
        seconds, posting = await charge(terminal, room, _reference())
        found.append(seconds)
        search.append(await _timed(line.call("GET", search_path(room)), 200))
        path, body = charge_request(posting["reservation_id"], f"OWN-{n}")
        post.append(await _timed(line.call("POST", path, body), 201))
    own = percentile(search, 0.5) + percentile(post, 0.5)
    looked = [
        await _timed(terminal.call("GET", f"/api/pms/rooms/{served.rooms[n % len(served.rooms)]}"), 200)
        for n in range(SINGLE)
    ]
    terminal.close()
    line.close()
    return [
        Figure("one charge beyond the PMS's own time, p50", (percentile(found, 0.5) - own) * 1000, "ms", "< 8"),
        Figure("one charge beyond the PMS's own time, p95", (percentile(found, 0.95) - own) * 1000, "ms", "< 20"),
        Figure("the PMS's own time for a charge, p50", own * 1000, "ms"),
        Figure(
            "one lookup beyond the PMS's own time, p50",
            (percentile(looked, 0.5) - percentile(search, 0.5)) * 1000,
            "ms",
            "< 5",
        ),
    ]


async def _open_for_a_while(served: Served) -> None:
    """Charge some and have PostgreSQL look at its tables, as autovacuum does a minute later where it is on."""
    terminal = await served.terminal()
    for room in served.rooms:
        await charge(terminal, room, _reference())
    terminal.close()
    await analyze(served.database)


async def _crowd_before_opera(pms: Opera, served: Served) -> list[Figure]:
    await pms.turn(rates={"slow": 1.0}, slow_seconds=PMS_SECONDS)
    rate, times, processor = await _crowd(served)
    await pms.turn(calm=True)
    return [
        Figure("charges from 50 terminals, PMS takes 50 ms", rate, "1/s", ">= 150"),
        Figure("processor time of a charge before OPERA", processor * 1000, "ms"),
        Figure("charge among 50 terminals, p50", percentile(times, 0.5) * 1000, "ms"),
        Figure("charge among 50 terminals, p99", percentile(times, 0.99) * 1000, "ms", "< 1000"),
    ]


async def _crowd(served: Served) -> tuple[float, list[float], float]:
    """Charge from all terminals at once; return charges a second, what each took, the processor seconds of one."""
    terminals = [await served.terminal() for _ in range(TERMINALS)]

    async def waiter(n: int, checks: int) -> list[float]:
        rooms = served.rooms[n::TERMINALS]
        return [(await charge(terminals[n], rooms[i % len(rooms)], _reference()))[0] for i in range(checks)]

    await asyncio.gather(*(waiter(n, 2) for n in range(TERMINALS)))
    started, busy = time.perf_counter(), served.processor_seconds()
    times = await asyncio.gather(*(waiter(n, TOTAL // TERMINALS) for n in range(TERMINALS)))
    seconds, busy = time.perf_counter() - started, served.processor_seconds() - busy
    for terminal in terminals:
        terminal.close()
    return TOTAL / seconds, [one for of_waiter in times for one in of_waiter], busy / TOTAL


async def _flat() -> list[Figure]:
    """Measure one charge in a data base with few charges and in one with many."""
    async with opera_hotel() as (_, served):
        medians = []
        there = 0
        for wanted in (FEW, MANY):
            await fill(served.database, wanted - there)
            there = wanted
            terminal = await served.terminal()
            for room in served.rooms[:20]:
                await charge(terminal, room, _reference())
            times = [(await charge(terminal, room, _reference()))[0] for room in served.rooms for _ in range(2)]
            terminal.close()
            medians.append(percentile(times, 0.5) * 1000)
    return [
        Figure(f"one charge after {FEW} charges, p50", medians[0], "ms"),
        Figure(f"one charge after {MANY} charges, p50", medians[1], "ms"),
        Figure(f"growth from {FEW} to {MANY} charges", medians[1] / medians[0], "times", "<= 1.25"),
    ]


async def _timed(call: Awaitable[tuple[int, bytes]], expected: int) -> float:
    started = time.perf_counter()
    status, answer = await call
    assert status == expected, answer
    return time.perf_counter() - started


def _reference() -> str:
    return f"BENCH-{next(_numbers):08}"
