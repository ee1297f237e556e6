"""The worlds that the tests of channel sync play in."""

from collections.abc import AsyncIterator

import pytest

from innkeeper.storage.database import Database
from tests.channel_sync.world import World, connect, make_world


@pytest.fixture(params=["1.7.0", "dev-2024-10"])
def version(request: pytest.FixtureRequest) -> str:
    """Both versions of QloApps that we speak to."""
    return str(request.param)


@pytest.fixture
async def world(database: Database, version: str) -> AsyncIterator[World]:
    """A house and a shop with the same rooms, mapped and live."""
    made = await make_world(database, version=version)
    await connect(made)
    yield made
    await made.channels.aclose()
