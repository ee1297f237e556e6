"""Two processes to compare: one that imports all bookings of a shop, and one that only downloads the same pages."""

import asyncio
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.houses import opened
from benchmarks.shops import KEY, end_with_parent
from innkeeper.channel_sync import runs
from innkeeper.domain.ids import DEFAULT_PROPERTY
from innkeeper.telemetry.logging import configure_logging


async def _import(folder: Path) -> dict[str, Any]:
    async with opened(folder) as container:
        started, worked = time.perf_counter(), time.process_time()
        result = await runs.run_now(container.channels, DEFAULT_PROPERTY, runs.Request(what="inbound"))
        seconds, worked = time.perf_counter() - started, time.process_time() - worked
    assert not result.errors, result.errors[:3]
    return {"seconds": seconds, "created": result.created, "requests": result.requests, "worked": worked}


async def _download(targets: list[str]) -> dict[str, Any]:
    started = time.perf_counter()
    size = 0
    headers = {"Output-Format": "JSON"}
    async with httpx2.AsyncClient(auth=httpx2.BasicAuth(KEY, ""), timeout=120, trust_env=False) as client:
        for target in targets:
            answer = await client.get(target, headers=headers)
            size += len(answer.raise_for_status().content)
    return {"seconds": time.perf_counter() - started, "bytes": size}


def main(what: str, argument: str) -> None:
    """Do it and print what was measured, with the most memory that this process ever had, in MiB."""
    configure_logging("json", level="WARNING")
    if what == "import":
        measured = asyncio.run(_import(Path(argument)))
    else:
        measured = asyncio.run(_download(json.loads(Path(argument).read_text())))
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    print(json.dumps({**measured, "peak_mib": peak}), flush=True)


async def in_child(what: str, argument: Path) -> dict[str, Any]:
    """Run `main` in a process of its own and return what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.importing", what, str(argument)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        printed = await process.stdout.read()
    finally:
        if process.returncode is None and process.stdout.at_eof() is False:
            process.kill()
        await process.wait()
    return json.loads(printed)  # type: ignore[no-any-return]


if __name__ == "__main__":
    end_with_parent()
    main(sys.argv[1], sys.argv[2])
