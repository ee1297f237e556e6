"""A small hotel in an empty data base of each kind."""

from pathlib import Path

import pytest

from innkeeper.storage.database import Database
from tests.house.hotel import Hotel, open_hotel


@pytest.fixture
async def hotel(database: Database) -> Hotel:
    """Three doubles (101 to 103) and one suite (201) on the business date 2030-06-01."""
    return await open_hotel(database)


@pytest.fixture
def empty_sqlite(sqlite_url: str) -> Path:
    """An empty data base file to copy, for tests that need one for each of many examples."""
    return Path(sqlite_url.removeprefix("sqlite:///"))
