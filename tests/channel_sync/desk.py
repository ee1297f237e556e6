"""The API of a world's house and channel, as a person or machine of one role sees it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from innkeeper.access.roles import Role
from innkeeper.channel_sync import api, api_explain, api_mappings
from innkeeper.house import api as house_api
from tests.access.support import Inn, open_inn
from tests.channel_sync.world import World


class Desk:
    """A client with a token of one role."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def call(self, method: str, path: str, status: int = 200, **request: Any) -> Any:
        """Send a request, expect its status and return the answer's JSON."""
        answer = await self._client.request(method, f"/api{path}", **request)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None


def inn_of(world: World, **options: Any) -> Inn:
    """Return the app over a world."""
    routers = [one.router for one in (house_api, api, api_explain, api_mappings)]
    inn = open_inn(world.database, routers=routers, **options)
    inn.app.state.channels = world.channels
    return inn


@asynccontextmanager
async def desk(world: World, role: Role = Role.ADMIN, **options: Any) -> AsyncIterator[Desk]:
    """Open a client of the role."""
    async with inn_of(world, **options).machine(role) as client:
        yield Desk(client)
