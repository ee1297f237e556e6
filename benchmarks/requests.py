"""How many requests to QloApps the incremental read costs: idle, and with so many changed bookings."""

import tempfile
from pathlib import Path

from benchmarks import Figure
from benchmarks.houses import connect, opened
from benchmarks.shops import open_shop
from innkeeper import bootstrap
from innkeeper.channel_sync import runs
from innkeeper.channel_sync.result import SyncResult
from innkeeper.domain.ids import DEFAULT_PROPERTY

CHANGED = (1, 50, 200, 400, 1000)
PAGE = 200


async def run() -> list[Figure]:
    """Count the requests that arrive at a shop, with guests arriving (their lines change) and with new bookings."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="innkeeper-bench-") as folder:
        async with open_shop(sum(CHANGED) + 10) as shop, opened(Path(folder)) as house:
            await connect(house, shop.url)
            await _poll(house)
            await shop.requests()
            await _poll(house)
            figures.append(Figure("idle poll", len(await shop.requests()), "requests", "<= 2"))
            for count in CHANGED:
                goal = f"<= {2 + 3 * -(-count // PAGE)}"
                for what, act in (("changed", shop.check_in), ("new", shop.book)):
                    await act(count)
                    result = await _poll(house)
                    assert result.synced == count, (what, count, result.document())
                    figures.append(Figure(f"{count} {what} bookings", len(await shop.requests()), "requests", goal))
    return figures


async def _poll(house: bootstrap.Container) -> SyncResult:
    result = await runs.run_now(house.channels, DEFAULT_PROPERTY, runs.Request(what="inbound"))
    assert not result.errors, result.errors[:3]
    return result
