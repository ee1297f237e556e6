"""How many requests prices and rooms cost: a year of 50 types, told first, told again, and one night changed."""

import random
import tempfile
import time
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import create_engine

from benchmarks import Figure
from innkeeper.channel_sync import repository, room_types, runs, settings
from innkeeper.channel_sync.connection import Channels
from innkeeper.channel_sync.result import SyncResult
from innkeeper.connectors.qloapps.config import QloAppsSettings
from innkeeper.connectors.qloapps.connector import QloAppsConnector
from innkeeper.domain.ids import DEFAULT_PROPERTY
from innkeeper.house import properties, rates, rooms
from innkeeper.house.tables import Property
from innkeeper.simulators.qloapps.app import qloapps_app
from innkeeper.simulators.qloapps.demo_shop import RoomTypeSpec, shop
from innkeeper.simulators.qloapps.state import DEMO_KEY
from innkeeper.storage.base import Base
from innkeeper.storage.database import Database
from innkeeper.storage.secrets import Keyring, new_key

TYPES, RUNS, ROOMS = 50, 12, 4
VERSIONS = ("1.7.0", "dev-2024-10")


async def run() -> list[Figure]:
    """Count the requests that leave for a simulated shop of each version, in this process."""
    figures = []
    for version in VERSIONS:
        with tempfile.TemporaryDirectory(prefix="innkeeper-bench-") as folder:
            figures += await _version(version, Path(folder))
    return figures


async def _version(version: str, folder: Path) -> list[Figure]:
    path = folder / "innkeeper.db"
    engine = create_engine(f"sqlite:///{path}")
    Base.metadata.create_all(engine)
    engine.dispose()
    database = Database(f"sqlite:///{path}")
    channels, house = await _furnish(database, version)
    dice = random.Random(20300101)
    await _price_year(database, dice)
    started = time.perf_counter()
    first = await _push(channels, "rates")
    seconds = time.perf_counter() - started
    again = await _push(channels, "rates")
    night = await _change_one(channels, database, house)
    rooms_first = await _push(channels, "availability")
    rooms_again = await _push(channels, "availability")
    await channels.aclose()
    await database.aclose()
    return [
        Figure(f"first push of {TYPES * RUNS} price runs, {version}", first.requests, "requests", "<= 650"),
        Figure(f"first push of {TYPES * RUNS} price runs, {version}", seconds, "s"),
        Figure(f"second push of prices, {version}", again.requests, "requests", "<= 0"),
        Figure(f"price of one night, {version}", night.requests, "requests", "<= 3"),
        Figure(f"rooms of {TYPES} types where both sides agree, {version}", rooms_first.requests, "requests", "<= 50"),
        Figure(f"second push of rooms, {version}", rooms_again.requests, "requests", "<= 0"),
    ]


async def _furnish(database: Database, version: str) -> tuple[Channels, Property]:
    """Make the shop and the house with the same types, mapped and live."""
    specs = [RoomTypeSpec(f"Type {n}", 100, tuple(f"{n}-{room}" for room in range(ROOMS))) for n in range(1, TYPES + 1)]
    app = qloapps_app(shop(*specs, version=version))
    app.state.domain = "shop.test"

    def connector(connection: Any, budget: Any) -> QloAppsConnector:
        plain = QloAppsSettings.from_mapping(connection)
        return QloAppsConnector(plain, budget, transport=httpx2.ASGITransport(app=app))

    channels = Channels(database, Keyring([new_key()]), connector)
    async with database.write() as tx:
        house = await properties.ensure_default(tx, "Harbour House", "UTC", "EUR")
    values = {
        "base_url": "http://shop.test",
        "api_key": DEMO_KEY,
        "qloapps_hotel_id": 1,
        "requests_per_minute": 100_000,
    }
    await settings.save(channels, DEFAULT_PROPERTY, values)
    for number in range(1, TYPES + 1):
        async with database.write() as tx:
            kind = await rooms.create_room_type(
                tx,
                DEFAULT_PROPERTY,
                {"name": f"Type {number}", "price_per_night": Decimal(120), "max_people": 4, "max_adult": 4},
            )
            for room in range(ROOMS):
                await rooms.create_room(tx, DEFAULT_PROPERTY, kind.id, f"{number}-{room}")
            await room_types.create_mapping(tx, DEFAULT_PROPERTY, kind.id, number, 1, "bidirectional")
    async with database.write() as tx:
        config = await repository.config(tx.session, DEFAULT_PROPERTY)
        assert config is not None
        config.mode = "live"
    return channels, house


async def _price_year(database: Database, dice: random.Random) -> None:
    """Give each type a dozen seasons."""
    async with database.write() as tx:
        house = await properties.get(tx.session, DEFAULT_PROPERTY)
        for kind in await repository.room_types(tx.session, DEFAULT_PROPERTY):
            edges = [0, *sorted(dice.sample(range(5, 360), RUNS - 1)), 365]
            for number, (first, last) in enumerate(pairwise(edges)):
                days = [house.business_date + timedelta(days=edge) for edge in (first, last)]
                await rates.put(tx, house, kind.id, days[0], days[1], {"price": Decimal(100 + number)})


async def _change_one(channels: Channels, database: Database, house: Property) -> SyncResult:
    """Give one night in the middle of a season a price of its own."""
    async with database.write() as tx:
        kind = (await repository.room_types(tx.session, DEFAULT_PROPERTY))[0]
        night = house.business_date + timedelta(days=2)
        await rates.put(tx, house, kind.id, night, night + timedelta(days=1), {"price": Decimal(999)})
    return await _push(channels, "rates")


async def _push(channels: Channels, what: str) -> SyncResult:
    result = await runs.run_now(channels, DEFAULT_PROPERTY, runs.Request(what=what))
    assert not result.errors, result.errors[:3]
    return result
