"""Every screen of the channel is drawn from both kinds of data base, with something on it and without."""

import pytest

from innkeeper.access.roles import Role
from innkeeper.storage.database import Database
from tests.web.channels_world import open_front

pytestmark = pytest.mark.anyio

TABS = (
    *("", "/attention", "/conflicts", "/mappings", "/mappings/lines", "/mappings/reservations", "/mappings/customers"),
    *("/blocks", "/log", "/drift", "/connect", "/connect/compare", "/connect/rehearsal"),
)


@pytest.mark.parametrize("full", [False, True])
async def test_every_tab_is_drawn_at_its_address(database: Database, full: bool) -> None:
    front = await open_front(database)
    if full:
        await front.disputed()
    async with front.inn.browser(Role.ADMIN) as client:
        for tab in TABS:
            answer = await client.get(f"/channels{tab}")
            assert answer.status_code == 200, tab
            assert "<script>" not in answer.text
            assert "style=" not in answer.text
            is_part = tab in ("/mappings/lines", "/connect/compare", "/connect/rehearsal")
            assert ('aria-current="page"' in answer.text) is not is_part, tab
    await front.world.channels.aclose()
