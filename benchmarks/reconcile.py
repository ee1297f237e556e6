"""How fast a day's charges are held against what the PMS says of the day."""

import asyncio
import json
import os
import time
from datetime import date

from benchmarks import Figure
from benchmarks.charging import HOTEL, Opera, Served, charge, charge_request, fill, opera_hotel
from benchmarks.serving import Connection
from innkeeper.connectors.opera import wire
from innkeeper.connectors.opera.config import PAGE_SIZE
from innkeeper.simulators.opera.demo_hotel import OUTLET_CODES

CHARGES = int(os.environ.get("BENCH_CHARGES", "5000"))
LINES = 8
TIMES = 3


async def run() -> list[Figure]:
    """Measure GET /api/pms/reconciliation/daily beyond the time in which the PMS lists the day."""
    async with opera_hotel() as (pms, served):
        terminal = await served.terminal()
        _, posting = await charge(terminal, served.rooms[0], "FIRST")
        references = await fill(served.database, CHARGES - 1, today_only=True)
        await _post_there(pms, posting["reservation_id"], references)
        day = date.fromisoformat(posting["business_date"])
        terminal.close()
        compared, listed, busy = [], [], []
        for _ in range(TIMES):
            listed.append(await _list(pms, day))
            before = served.processor_seconds()
            compared.append(await _compare(served, day))
            busy.append(served.processor_seconds() - before)
    beyond = min(compared) - min(listed)
    return [
        Figure(f"reconciling {CHARGES} charges beyond the PMS's own time", beyond, "s", "< 2"),
        Figure(f"the PMS's own time to list {CHARGES} charges", min(listed), "s"),
        Figure(f"processor time of reconciling {CHARGES} charges", min(busy), "s"),
    ]


async def _post_there(pms: Opera, reservation_id: str, references: list[str]) -> None:
    lines = [await pms.line() for _ in range(LINES)]

    async def work(line: Connection, own: list[str]) -> None:
        for reference in own:
            status, answer = await line.call("POST", *charge_request(reservation_id, reference))
            assert status == 201, answer
        line.close()

    await asyncio.gather(*(work(line, references[n::LINES]) for n, line in enumerate(lines)))


async def _list(pms: Opera, day: date) -> float:
    """Return the seconds in which the PMS lists the day, page by page, as it is asked by us."""
    codes = sorted({code for outlet in OUTLET_CODES.values() for code in outlet.values()})
    query = f"startDate={day}&endDate={day}" + "".join(f"&filterTransactionCode={code}" for code in codes)
    line = await pms.line()
    started, got, more = time.perf_counter(), 0, True
    while more:
        path = f"{wire.financial_postings_path(HOTEL)}?{query}&limit={PAGE_SIZE}&offset={got}"
        status, answer = await line.call("GET", path)
        assert status == 200, answer
        page = json.loads(answer)
        got, more = got + page["count"], page["hasMore"]
    seconds = time.perf_counter() - started
    line.close()
    assert got == 2 * CHARGES, got
    return seconds


async def _compare(served: Served, day: date) -> float:
    terminal = await served.terminal()
    started = time.perf_counter()
    status, answer = await terminal.call("GET", f"/api/pms/reconciliation/daily?date={day}")
    seconds = time.perf_counter() - started
    terminal.close()
    assert status == 200, answer
    report = json.loads(answer)
    assert (report["total_checks"], report["balanced"]) == (CHARGES, True), answer[:500]
    return seconds
