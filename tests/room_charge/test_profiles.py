"""Guests' profiles come over by themselves, are one by the loyalty number, and hold what the hotel chose only."""

from typing import Any

import pytest
from sqlalchemy import select

from innkeeper.room_charge.tables import LocalProfile
from tests.room_charge.test_erasing import erase, leave
from tests.room_charge.world import World

pytestmark = pytest.mark.anyio


async def guest_of(world: World, room: str) -> str:
    return str((await world.call("GET", f"/rooms/{room}")).json()["guests"][0]["guest"]["guest_id"])


async def kept(world: World) -> dict[str, LocalProfile]:
    """Let what was asked for come over; return the profiles by their guests."""
    await world.systems.profiles.written()
    await world.work()
    async with world.database.read() as session:
        return {row.pms_guest_id: row for row in await session.scalars(select(LocalProfile))}


async def profile(world: World, guest_id: str) -> dict[str, Any]:
    answer = await world.call("GET", f"/guests/{guest_id}/profile")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_every_guest_who_is_looked_up_or_charged_gets_a_profile(world: World) -> None:
    posted = (await world.post(room="412")).json()
    looked_up = await guest_of(world, "218")
    rows = await kept(world)
    assert set(rows) == {posted["guest_id"], looked_up}
    assert (rows[posted["guest_id"]].loyalty_number, rows[posted["guest_id"]].allergies) == ("LOY-99812", ["Peanuts"])


async def test_a_guest_s_profile_comes_over_twice_a_day_at_most(world: World) -> None:
    await world.post(room="412")
    await kept(world)
    asked = (await world.link()).connector.requests_made
    await guest_of(world, "412")
    await kept(world)
    assert (await world.link()).connector.requests_made == asked + 1, "only the room was asked for"
    world.clock.advance(13 * 3600)
    await guest_of(world, "412")
    (row,) = (await kept(world)).values()
    assert row.synced_at == world.clock.now


async def test_nothing_comes_over_where_no_profiles_are_made_here(world: World) -> None:
    for block in ({"create_local_profile": False}, {"enabled": False}):
        await world.post(room="412")
        await world.configure(guest_profile_sync=block)
        await world.post(room="218")
        assert await kept(world) == {}, "and what was kept is gone"
        await world.configure(guest_profile_sync={})


async def test_the_same_loyalty_number_at_two_stays_is_the_same_guest(world: World) -> None:
    james, other = await guest_of(world, "412"), await guest_of(world, "218")
    state = world.opera.state
    state.profiles[other].membership_number, state.profiles[other].membership_type = "LOY-99812", "HOTEL"
    await kept(world)
    found = await profile(world, other)
    assert (found["linked_guest_ids"], found["allergies"]) == ([james], ["Peanuts"]), "known since the other stay"
    world.opera.dial.set(maintenance=1.0)
    assert (await profile(world, other))["allergies"] == ["Peanuts"]
    world.opera.dial.calm()
    await world.configure(guest_profile_sync={"link_to_loyalty": False})
    found = await profile(world, other)
    assert (found["linked_guest_ids"], found["allergies"], found["loyalty_number"]) == ([], [], None)


async def test_fields_that_are_switched_off_are_blanked_at_once(world: World) -> None:
    james = await guest_of(world, "412")
    assert (await kept(world))[james].email
    sync = {"sync_fields": ["name", "allergies", "loyalty_number"], "link_to_loyalty": False}
    await world.configure(guest_profile_sync=sync)
    row = (await kept(world))[james]
    assert (row.email, row.phone, row.vip_level, row.loyalty_number, row.preferences) == (None, None, None, None, [])
    assert (row.name, row.allergies) == ("Mr. James Wilson", ["Peanuts"])


async def test_the_kept_profile_obeys_what_may_be_told_now(world: World) -> None:
    james = await guest_of(world, "412")
    await kept(world)
    await world.configure(guest_profile_sync={"preferences_import": ["seating_preferences"], "link_to_loyalty": False})
    world.opera.dial.set(maintenance=1.0)
    found = await profile(world, james)
    assert (found["fresh"], found["loyalty_number"]) == (False, None)
    assert [one["kind"] for one in found["preferences"]] == ["seating_preferences"]


async def test_an_erased_guest_s_profile_goes_with_him(inn: World) -> None:
    await inn.post()
    assert len(await kept(inn)) == 1
    await leave(inn)
    await erase(inn)
    assert await kept(inn) == {}
