"""Makes an installation that is connected to a shop: its data folder, its room types, live."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2

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


@asynccontextmanager
async def served(folder: Path, *arguments: str, **more: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """Run `innkeeper serve` with its worker on a free port until the block ends; yields the process and the port.

    `more` are settings of its environment. The port is free when it is chosen; the process may take up to its start-up
    time to answer there.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("INNKEEPER_")}
    settings = {"INNKEEPER_DATA_DIR": str(folder), "INNKEEPER_LOG_FORMAT": "json", "INNKEEPER_LOG_LEVEL": "WARNING"}
    with (folder / "server.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "innkeeper", "serve", "--port", str(port), *arguments),
            env=inherited | settings | more,
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        yield process, port
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(15):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def until_ready(client: httpx2.AsyncClient, process: asyncio.subprocess.Process, port: int) -> None:
    """Wait until the server says that it can serve."""
    while True:
        assert process.returncode is None, "the server ended; see server.log in its folder"
        try:
            answer = await client.get(f"http://127.0.0.1:{port}/readyz")
            if answer.status_code == 200:
                return
        except httpx2.HTTPError:
            pass
        await asyncio.sleep(0.01)
