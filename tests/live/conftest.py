"""The shops that the live suite plays with: both simulated versions, and the real one that the environment names."""

import fcntl
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from zlib import crc32

import pytest

from innkeeper.simulators.qloapps.app import qloapps_app
from innkeeper.simulators.qloapps.state import DEMO_KEY
from innkeeper.simulators.server import serve
from innkeeper.storage.database import Database
from tests.live.house import House, open_house
from tests.live.shop import Address, Shop, open_shop

VARIABLES = ("INNKEEPER_LIVE_QLOAPPS_URL", "INNKEEPER_LIVE_QLOAPPS_KEY", "INNKEEPER_LIVE_QLOAPPS_HOTEL_ID")
NAMED = tuple(os.environ.get(variable, "") for variable in VARIABLES)
SIMULATED = {"simulated-1.7.0": "1.7.0", "simulated-snapshot": "dev-2024-10"}


@pytest.fixture(params=[*SIMULATED, *(["real-shop"] if all(NAMED) else [])])
async def address(request: pytest.FixtureRequest) -> AsyncIterator[Address]:
    """Where a shop is: each simulated version on a socket of its own, and a real one when it is named."""
    name = str(request.param)
    if name in SIMULATED:
        app = qloapps_app(version=SIMULATED[name])
        async with serve(app) as running:
            app.state.domain = running.url.removeprefix("http://")
            yield Address(name, running.url, DEMO_KEY, 1)
        return
    url, key, hotel = NAMED
    # tests run on every core, and one that counts requests or changes must be alone with the shop
    with (Path(tempfile.gettempdir()) / f"innkeeper-live-{crc32(url.encode()):08x}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield Address(name, url, key, int(hotel))


@pytest.fixture
async def shop(address: Address) -> AsyncIterator[Shop]:
    """The shop as its guests and staff use it; left as it was found, but for cancelled bookings."""
    async with open_shop(address) as opened:
        yield opened


@pytest.fixture
async def house(shop: Shop, sqlite_url: str) -> AsyncIterator[House]:
    """A house on a SQLite file, connected to the shop and live."""
    database = Database(sqlite_url)
    try:
        async with open_house(database, shop) as opened:
            yield opened
    finally:
        await database.aclose()
