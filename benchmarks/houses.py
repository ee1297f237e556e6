"""Makes an installation that is connected to a shop: its data folder, its room types, live."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.shops import KEY
from innkeeper import bootstrap
from innkeeper.access.caller import Caller
from innkeeper.access.roles import Role
from innkeeper.access.tokens import Tokens
from innkeeper.channel_sync import repository, runs
from innkeeper.channel_sync import settings as channel_settings
from innkeeper.domain.ids import DEFAULT_PROPERTY
from innkeeper.settings import Settings

#: A budget that never makes anybody wait; the most that can be set.
UNLIMITED = 100_000


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[bootstrap.Container]:
    """Open the installation in a folder, with its schema up to date, until the block ends."""
    container = bootstrap.build(Settings(data_dir=folder, property_currency="EUR", _env_file=None))
    await container.prepare()
    try:
        yield container
    finally:
        await container.aclose()


async def connect(container: bootstrap.Container, shop_url: str, *, per_minute: int = UNLIMITED) -> None:
    """Connect the house to the shop, make its room types from the shop's, and go live."""
    values = {"base_url": shop_url, "api_key": KEY, "qloapps_hotel_id": 1, "requests_per_minute": per_minute}
    await channel_settings.save(container.channels, DEFAULT_PROPERTY, values)
    request = runs.Request(what="room-types", create_missing=True)
    result = await runs.run_now(container.channels, DEFAULT_PROPERTY, request)
    assert not result.errors, result.errors
    async with container.database.write() as tx:
        config = await repository.config(tx.session, DEFAULT_PROPERTY)
        assert config is not None
        config.mode = "live"


async def token(container: bootstrap.Container) -> str:
    """Return a manager's token."""
    _, text = await Tokens(container.database).create(Caller.system(), "benchmark", Role.MANAGER)
    return text
