"""How soon `innkeeper serve` can serve, and how much memory it then has: in a fresh data folder and in a used one."""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import httpx2

from benchmarks import Figure
from benchmarks.houses import connect, opened, served, until_ready
from benchmarks.shops import open_shop
from innkeeper.channel_sync import runs
from innkeeper.domain.ids import DEFAULT_PROPERTY

KEPT = 2000


async def run() -> list[Figure]:
    """Start the server twice, worker included, and measure until /readyz says yes."""
    with tempfile.TemporaryDirectory(prefix="innkeeper-bench-") as name:
        fresh_seconds, fresh_mib = await _start(Path(name))
        async with open_shop(KEPT) as shop:
            async with opened(Path(name)) as house:
                await connect(house, shop.url)
                await runs.run_now(house.channels, DEFAULT_PROPERTY, runs.Request(what="inbound"))
            used_seconds, used_mib = await _start(Path(name))
    return [
        Figure("server up in a fresh folder", fresh_seconds, "s", "< 2"),
        Figure("memory after start in a fresh folder", fresh_mib, "MiB", "< 200"),
        Figure(f"server up with {KEPT} reservations", used_seconds, "s", "< 2"),
        Figure(f"memory with {KEPT} reservations and a connected shop", used_mib, "MiB", "< 200"),
    ]


async def _start(folder: Path) -> tuple[float, float]:
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        started = time.perf_counter()
        async with served(folder) as (process, port):
            await until_ready(client, process, port)
            seconds = time.perf_counter() - started
            # what it loads for its first pages, and what the worker loads for its first job, counts as well
            for path in ("/", "/api/openapi.json", "/metrics"):
                await client.get(f"http://127.0.0.1:{port}{path}")
            await asyncio.sleep(3)
            return seconds, _resident_mib(process.pid)


def _resident_mib(pid: int) -> float:
    if sys.platform != "linux":
        return float("nan")
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))
