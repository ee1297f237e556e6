"""What is set is checked at the door, and a stored key goes to nobody but the shop that it was entered for."""

import asyncio
from typing import Any

import pytest

from innkeeper.simulators.qloapps.state import DEMO_KEY
from tests.channel_sync.desk import desk
from tests.channel_sync.world import World

pytestmark = pytest.mark.anyio


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is told here does not depend on the kind of data base."""
    return sqlite_url


async def refused(world: World, **values: Any) -> list[dict[str, str]]:
    """Return what is wrong with these settings."""
    async with desk(world) as office:
        answer = await office.call("PUT", "/qloapps/config", 422, json=values)
        return list(answer["errors"])


async def saved(world: World, **values: Any) -> dict[str, Any]:
    """Save these settings and return how they stand then."""
    async with desk(world) as office:
        await office.call("PUT", "/qloapps/config", json=values)
        return dict(await office.call("GET", "/qloapps/config"))


async def test_policy_of_a_fact_that_is_none_is_refused_with_those_that_are(world: World) -> None:
    assert await refused(world, conflict_policy={"bogus": "house", "stay": "mine"}) == [
        {
            "field": "conflict_policy.bogus",
            "message": "bogus is no fact of a booking; choose of default, type, stay, people, status, amount.",
        },
        {
            "field": "conflict_policy.stay",
            "message": "'mine' is no policy; it is one of house, qloapps, newest, ask.",
        },
    ]
    assert [one["field"] for one in await refused(world, conflict_policy="mine")] == ["conflict_policy"]
    kept = await saved(world, conflict_policy={"default": "ask", "amount": "house"})
    assert kept["conflict_policy"] == {"default": "ask", "amount": "house"}


@pytest.mark.parametrize("number", ["abc", "12", "+39 06 12 ext 4", "()()()"])
async def test_placeholder_that_is_no_phone_number_is_refused(world: World, number: str) -> None:
    assert [one["field"] for one in await refused(world, phone_placeholder=number)] == ["phone_placeholder"]


async def test_phone_number_with_blanks_and_country_is_a_placeholder(world: World) -> None:
    assert (await saved(world, phone_placeholder="+39 (06) 123-45"))["phone_placeholder"] == "+39 (06) 123-45"


async def test_another_hotel_needs_a_new_approval_and_nobody_has_given_it(world: World) -> None:
    async with desk(world) as office:
        await office.call("POST", "/qloapps/go-live", json={"mode": "live"})
        assert (await office.call("GET", "/qloapps/config"))["approved_by"] is not None
    changed = await saved(world, qloapps_hotel_id=2)
    assert (changed["mode"], changed["approved_at"], changed["approved_by"]) == ("rehearsal", None, None)


async def test_stored_key_never_reaches_a_server_that_it_was_not_entered_for(world: World) -> None:
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(4096))
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        wrong = await refused(world, base_url=address)
        assert [one["field"] for one in wrong] == ["api_key"]
        async with desk(world) as office:
            await office.call("POST", "/qloapps/test-connection")
            await office.call("POST", "/qloapps/sync?wait=true", json={})
        await world.work()
    assert heard == []
    assert (await saved(world))["base_url"] == "http://shop.test"


@pytest.mark.parametrize(
    ("before", "after", "asks"),
    [
        ("https://shop.example", "https://shop.example/hotel", False),
        ("https://shop.example", "https://SHOP.example/", False),
        ("http://shop.example", "https://shop.example", False),
        ("https://shop.example", "http://shop.example", True),
        ("https://shop.example", "https://shop.example:8443", True),
        ("https://shop.example", "https://shop.example.evil.example", True),
    ],
)
async def test_key_is_asked_for_again_when_the_address_names_another_server(
    world: World, before: str, after: str, asks: bool
) -> None:
    await saved(world, base_url=before, api_key=DEMO_KEY)
    if asks:
        assert [one["field"] for one in await refused(world, base_url=after)] == ["api_key"]
        await saved(world, base_url=after, api_key=DEMO_KEY)
    else:
        await saved(world, base_url=after)
