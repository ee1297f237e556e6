"""The installations that the tests of room charge play in, once on each kind of data base."""

from collections.abc import AsyncIterator

import pytest

from innkeeper.storage.database import Database
from tests.connectors.house.stage import furnish
from tests.room_charge.world import World, a_world, with_opera


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    """A property whose PMS is a simulated OPERA Cloud."""
    async with a_world(database) as made:
        yield await with_opera(made)


@pytest.fixture
async def inn(database: Database) -> AsyncIterator[World]:
    """A small inn that keeps its own folios, in euro."""
    async with a_world(database, "EUR") as made:
        made.stays = await furnish(database)
        yield made
