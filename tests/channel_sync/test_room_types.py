"""A mapping leads to a room type that is there; what both sides say of a type is compared, told and taken over."""

from decimal import Decimal
from typing import Any

import pytest

from innkeeper.channel_sync import repository
from innkeeper.channel_sync.tables import RoomTypeMapping
from innkeeper.house import rooms
from innkeeper.house.tables import RoomType
from tests.channel_sync.desk import desk
from tests.channel_sync.world import DOUBLE, SUITE, World, connect, make_world

pytestmark = pytest.mark.anyio


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is told here does not depend on the kind of data base."""
    return sqlite_url


def body(world: World, product: int = DOUBLE, **values: Any) -> dict[str, Any]:
    """Return a mapping of the doubles."""
    return {"local_room_type_id": str(world.types[DOUBLE]), "qloapps_product_id": product, **values}


async def mappings(world: World) -> list[RoomTypeMapping]:
    """Return the mappings that stand."""
    async with world.database.read() as session:
        return list(await repository.room_type_mappings(session, world.property_id))


async def room_type(world: World, product: int = DOUBLE) -> RoomType:
    """Return one of our room types."""
    async with world.database.read() as session:
        return await rooms.room_type(session, world.property_id, world.types[product])


async def change(world: World, product: int, **values: Any) -> None:
    """Change one of our room types at the desk."""
    async with world.database.write() as tx:
        await rooms.update_room_type(tx, world.property_id, world.types[product], values)


def rename_there(world: World, name: str) -> None:
    """Give the shop's suite another name, in every language."""
    row = world.shop.state.room_types[SUITE]
    row["name"] = dict.fromkeys(row["name"], name)


@pytest.fixture
async def unmapped(database: Any, version: str) -> Any:
    made = await make_world(database, version=version)
    yield made
    await made.channels.aclose()


# --- what may be mapped -----------------------------------------------------------------------------------------------


async def test_room_type_that_the_shop_does_not_have_is_refused_with_those_that_it_has(unmapped: World) -> None:
    async with desk(unmapped) as office:
        refused = await office.call("POST", "/qloapps/mappings/room-types", 422, json=body(unmapped, 99))
        assert refused["errors"][0]["field"] == "qloapps_product_id"
        assert refused["errors"][0]["message"] == ("QloApps has no room type 99; it has 1 (Double Room), 2 (Suite).")
        await office.call("POST", "/qloapps/mappings/room-types", 201, json=body(unmapped))


async def test_hotel_that_is_not_connected_is_refused(unmapped: World) -> None:
    async with desk(unmapped) as office:
        asked = body(unmapped, qloapps_hotel_id=7)
        refused = await office.call("POST", "/qloapps/mappings/room-types", 422, json=asked)
    assert refused["errors"] == [
        {"field": "qloapps_hotel_id", "message": "This property is connected to hotel 1 of QloApps."}
    ]
    assert await mappings(unmapped) == []


@pytest.mark.parametrize("field", ["qloapps_product_id", "qloapps_hotel_id"])
async def test_number_that_no_table_holds_is_refused(unmapped: World, field: str) -> None:
    async with desk(unmapped) as office:
        asked = {**body(unmapped), field: 2**31}
        refused = await office.call("POST", "/qloapps/mappings/room-types", 422, json=asked)
        assert refused["errors"][0]["field"] == field
        await office.call("POST", f"/qloapps/bookings/{2**31}/pull", 422)
        await office.call("GET", f"/qloapps/bookings/{2**31}/explain", 422)
        await office.call("GET", f"/qloapps/sync-logs?qloapps_id={2**31}", 422)


async def test_mapping_made_while_the_shop_was_away_is_told_once_it_answers_and_until_it_is_mended(
    unmapped: World,
) -> None:
    unmapped.shop.dial.set(drop_before=1.0)
    async with desk(unmapped) as office:
        made = await office.call("POST", "/qloapps/mappings/room-types", 201, json=body(unmapped, 99))
        unmapped.shop.dial.calm()
        result = await unmapped.sync("room-types")
        told = (await unmapped.attention())["mapped_type_unknown"]
        assert told.title == "Double is mapped to room type 99, which QloApps does not have"
        assert {"action": "unknown there", "room_type": "Double", "qloapps_product_id": 99} in result.actions
        await office.call("DELETE", f"/qloapps/mappings/room-types/{made['id']}", 204)
    assert await unmapped.attention() == {}, "the shop sells nothing of a type that it does not have"


async def test_mapping_of_a_room_type_that_is_deleted_goes_with_it(world: World) -> None:
    async with world.database.write() as tx:
        await rooms.delete_room_type(tx, world.property_id, world.types[SUITE])
    assert [one.qloapps_product_id for one in await mappings(world)] == [DOUBLE]
    assert (await world.attention())["unmapped_room_type"].title == "Room type Suite has no mapping"


async def test_type_whose_mapping_is_deleted_is_told_until_it_is_mapped_again(world: World) -> None:
    (mapping,) = [one for one in await mappings(world) if one.qloapps_product_id == SUITE]
    asked = {"local_room_type_id": str(world.types[SUITE]), "qloapps_product_id": SUITE}
    async with desk(world) as office:
        await office.call("DELETE", f"/qloapps/mappings/room-types/{mapping.id}", 204)
        told = (await world.attention())["unmapped_room_type"]
        assert (told.title, told.key) == ("Room type Suite has no mapping", str(SUITE))
        await office.call("POST", "/qloapps/mappings/room-types", 201, json=asked)
    assert await world.attention() == {}


# --- what both sides say of a type ------------------------------------------------------------------------------------


async def test_run_that_finds_nothing_new_says_so_and_lists_where_the_sides_differ(world: World) -> None:
    for dry_run in (True, False):
        result = await world.sync("room-types", dry_run=dry_run)
        assert (result.synced, result.updated, result.skipped) == (2, 0, 2)
        assert {
            "action": "differs",
            "room_type": "Double Room",
            "fact": "most adults",
            "house": 4,
            "qloapps": 2,
        } in result.actions
    assert await world.attention() == {}


async def test_dry_run_writes_nothing(world: World) -> None:
    await world.sync("room-types", dry_run=True)
    assert [(one.last_synced_at, one.last_seen) for one in await mappings(world)] == [(None, None)] * 2
    await world.sync("room-types")
    assert all(one.last_synced_at for one in await mappings(world))


async def test_what_only_the_shop_changed_is_taken_over(world: World) -> None:
    await change(world, SUITE, name="Suite", max_adult=4)
    await world.sync("room-types")
    rename_there(world, "Grand Suite")
    dry = await world.sync("room-types", dry_run=True)
    taken = {"action": "take", "room_type": "Grand Suite", "fact": "name", "house": "Suite", "qloapps": "Grand Suite"}
    assert (taken in dry.actions, (await room_type(world, SUITE)).name) == (True, "Suite")
    result = await world.sync("room-types")
    assert (taken in result.actions, result.updated, result.skipped) == (True, 1, 1)
    assert (await room_type(world, SUITE)).name == "Grand Suite"
    assert await world.attention() == {}


async def test_what_the_house_changed_too_is_told_and_not_overwritten(world: World) -> None:
    await world.sync("room-types")
    await change(world, SUITE, name="Sea Suite")
    rename_there(world, "Grand Suite")
    await world.sync("room-types")
    told = (await world.attention())["room_type_differs"]
    assert told.meaning == "Name: Sea Suite here, Grand Suite in QloApps."
    assert (await room_type(world, SUITE)).name == "Sea Suite"
    await world.sync("room-types")
    assert (await world.attention())["room_type_differs"].times_seen == 1
    await change(world, SUITE, name="Grand Suite")
    await world.sync("room-types")
    assert await world.attention() == {}


@pytest.mark.parametrize(("direction", "price"), [("inbound", 300), ("bidirectional", 250), ("outbound", 250)])
async def test_price_comes_in_only_where_none_goes_out(unmapped: World, direction: str, price: int) -> None:
    await change(unmapped, SUITE, price_per_night=Decimal(250))
    await connect(unmapped, DOUBLE)
    async with desk(unmapped) as office:
        asked = {
            "local_room_type_id": str(unmapped.types[SUITE]),
            "qloapps_product_id": SUITE,
            "sync_direction": direction,
        }
        await office.call("POST", "/qloapps/mappings/room-types", 201, json=asked)
    await unmapped.sync("room-types")
    unmapped.office.set_price(SUITE, 300)
    await unmapped.sync("room-types")
    assert (await room_type(unmapped, SUITE)).price_per_night == price
    assert "room_type_differs" not in await unmapped.attention()


async def test_room_types_of_the_shop_are_never_written(world: World) -> None:
    await world.sync("room-types")
    await change(world, SUITE, name="Sea Suite", price_per_night=Decimal(90))
    before = {key: dict(row) for key, row in world.shop.state.room_types.items()}
    await world.sync("room-types", full=True)
    assert {key: dict(row) for key, row in world.shop.state.room_types.items()} == before
