"""The first import of a shop's bookings: against a bare download of the same pages, in memory, and as it grows.

The simulator answers ten times as fast as a real shop, so that the bare download of it takes next to no time; what a
hotel sees is the comparison at the pace that was measured on a real one.
"""

import json
import os
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import Figure
from benchmarks.houses import connect, opened
from benchmarks.importing import in_child
from benchmarks.shops import open_shop

SMALL, LARGE, HUGE = 1_000, 10_000, 100_000


async def run() -> list[Figure]:
    """Import from a shop in a process of its own over a socket; BENCH_FULL=1 adds a hundred thousand bookings."""
    small, large, paced = await _measure(SMALL), await _measure(LARGE), await _measure(LARGE, paced=True)
    figures = [
        Figure("wall time against a bare download, 10,000 bookings, a real shop's pace", paced["ratio"], "x", "< 1.5"),
        Figure("wall time, 10,000 bookings, a real shop's pace", paced["seconds"], "s"),
        Figure("wall time against a bare download, 10,000 bookings", large["ratio"], "x", "< 1.5"),
        Figure("wall time, 10,000 bookings", large["seconds"], "s"),
        Figure("bare download of the same pages", large["bare_seconds"], "s"),
        Figure("requests, 10,000 bookings", large["requests"], "requests"),
        Figure("peak memory, 10,000 bookings", large["peak_mib"], "MiB", "< 250"),
        Figure("one booking of 1,000", small["each_ms"], "ms"),
        Figure("one booking of 10,000", large["each_ms"], "ms"),
        Figure("one booking of 10,000 against one of 1,000", large["each_ms"] / small["each_ms"], "x", "<= 1.25"),
    ]
    figures += [
        Figure("processor time, one booking of 1,000", small["worked"], "ms"),
        Figure("processor time, one booking of 10,000", large["worked"], "ms"),
    ]
    if os.environ.get("BENCH_FULL"):
        huge = await _measure(HUGE)
        figures += [
            Figure("wall time against a bare download, 100,000 bookings", huge["ratio"], "x", "< 1.5"),
            Figure("peak memory, 100,000 bookings", huge["peak_mib"], "MiB"),
            Figure("one booking of 100,000", huge["each_ms"], "ms"),
            Figure("one booking of 100,000 against one of 1,000", huge["each_ms"] / small["each_ms"], "x", "<= 1.25"),
        ]
    return figures


async def _measure(bookings: int, *, paced: bool = False) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="innkeeper-bench-") as name:
        folder = Path(name)
        async with open_shop(bookings, paced=paced) as shop:
            async with opened(folder) as container:
                await connect(container, shop.url)
            await shop.requests()
            measured = await in_child("import", folder)
            assert measured["created"] == bookings, measured
            pages = [shop.url + target for _, _, target, _ in await shop.requests()]
            (folder / "pages.json").write_text(json.dumps(pages))
            bare = median([(await in_child("download", folder / "pages.json"))["seconds"] for _ in range(3)])
    return {
        **measured,
        "bare_seconds": bare,
        "ratio": measured["seconds"] / bare,
        "worked": measured["worked"] * 1000 / bookings,
        "each_ms": measured["seconds"] * 1000 / bookings,
    }
