"""A small hotel in an empty data base of each kind."""

import pytest

from innkeeper.storage.database import Database
from tests.house.hotel import Hotel, open_hotel


@pytest.fixture
async def hotel(database: Database) -> Hotel:
    """Three doubles (101 to 103) and one suite (201) on the business date 2030-06-01."""
    return await open_hotel(database)
