"""A small hotel in an empty data base of each kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from innkeeper.access.roles import Role
from innkeeper.house.api import router
from innkeeper.storage.database import Database
from tests.access.support import Inn, open_inn
from tests.house.desk import Desk, desk_of
from tests.house.hotel import Hotel, open_hotel


@pytest.fixture
async def hotel(database: Database) -> Hotel:
    """Three doubles (101 to 103) and one suite (201) on the business date 2030-06-01."""
    return await open_hotel(database)


@pytest.fixture
def empty_sqlite(sqlite_url: str) -> Path:
    """An empty data base file to copy, for tests that need one for each of many examples."""
    return Path(sqlite_url.removeprefix("sqlite:///"))


@pytest.fixture
async def inn(hotel: Hotel) -> Inn:
    """The hotel with its API."""
    return open_inn(hotel.database, routers=[router])


@pytest.fixture
async def desk(inn: Inn) -> AsyncIterator[Desk]:
    """The API for the front desk."""
    opened = await desk_of(inn, Role.FRONT_DESK)
    yield opened
    await opened.client.aclose()


@pytest.fixture
async def manager(inn: Inn) -> AsyncIterator[Desk]:
    """The API for a manager."""
    opened = await desk_of(inn, Role.MANAGER)
    yield opened
    await opened.client.aclose()


@pytest.fixture
async def admin(inn: Inn) -> AsyncIterator[Desk]:
    """The API for an administrator."""
    opened = await desk_of(inn, Role.ADMIN)
    yield opened
    await opened.client.aclose()
