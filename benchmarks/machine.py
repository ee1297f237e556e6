"""How fast the machine is at this moment, without any of our code: other figures are read beside this one."""

import os
import tempfile
import time
from statistics import median

from benchmarks import Figure

ADDITIONS, WRITES = 5_000_000, 50


async def run() -> list[Figure]:
    """Measure plain Python on one core, and a small write that must reach the disk."""
    return [
        Figure("five million additions", min(_add() for _ in range(3)), "s"),
        Figure("a 4 KiB write that reaches the disk, p50", _write() * 1000, "ms"),
    ]


def _add() -> float:
    started, total = time.perf_counter(), 0
    for number in range(ADDITIONS):
        total += number
    return time.perf_counter() - started


def _write() -> float:
    times = []
    with tempfile.TemporaryFile() as file:
        for _ in range(WRITES):
            started = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - started)
    return median(times)
