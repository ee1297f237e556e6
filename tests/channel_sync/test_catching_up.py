"""When sending begins (again), our blocks are known for ours, and what stands of types not sent is taken back."""

from decimal import Decimal
from typing import Any

import pytest

from innkeeper.channel_sync import ari_repository, settings
from innkeeper.channel_sync.connection import require_config
from innkeeper.simulators.qloapps.state import DEMO_KEY
from tests.channel_sync.desk import desk
from tests.channel_sync.selling import (
    NIGHTS,
    blocks,
    close_rooms,
    foreign_rule,
    house_free,
    house_prices,
    open_rooms,
    push_of_each_type,
    requests,
    set_rate,
    shop_free,
    shop_prices,
)
from tests.channel_sync.test_letting_go import map_as, ours_there, unmap
from tests.channel_sync.world import DOUBLE, SUITE, World, day

pytestmark = pytest.mark.anyio

SWITCHES = ["sync_enabled", "sync_availability", "sync_rates"]


@pytest.fixture
async def selling(world: World) -> World:
    """A world whose rooms and prices are pushed, with a block and a price of ours for each type."""
    await push_of_each_type(world, 10, 14)
    return world


async def switch(world: World, name: str, *, on: bool) -> None:
    """Switch something on or off at the desk."""
    await settings.save(world.channels, world.property_id, {name: on})


async def approve(world: World) -> None:
    """Go live, as a manager does."""
    async with desk(world) as office:
        await office.call("POST", "/qloapps/go-live", json={"mode": "live"})


async def forget_everything(world: World) -> None:
    """Lose what is remembered of the shop, as an installation with a new data folder knows nothing of it."""
    async with world.database.write() as tx:
        await ari_repository.distrust_all(tx.session, world.property_id)


async def equal(world: World, product: int) -> bool:
    """Whether the shop sells what the house has left of a type, at its prices."""
    return (shop_free(world, product), shop_prices(world, product)) == (
        await house_free(world, product),
        await house_prices(world, product),
    )


def standing(world: World) -> list[Any]:
    """Return the lines of the shop that hold a room without a guest: all blocks of ours."""
    return sorted((line.id_room, line.date_from, line.date_to) for line in world.held())


# --- blocks that stood before -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*SWITCHES, "sync_reservations_outbound"])
async def test_blocks_are_still_ours_after_a_switch_was_off_and_on(selling: World, name: str) -> None:
    closed = await close_rooms(selling, DOUBLE, 3, 7)
    await selling.work()
    before = {row.block_id for row in await blocks(selling)}
    await switch(selling, name, on=False)
    await selling.work()
    await switch(selling, name, on=True)
    assert {row.block_id for row in await blocks(selling)} == before, "they are known before the push has run too"
    await selling.work()
    assert {row.block_id for row in await blocks(selling)} == before
    await open_rooms(selling, closed)
    await selling.work()
    assert await equal(selling, DOUBLE)


async def test_a_room_opened_while_sending_was_off_is_sold_again(selling: World) -> None:
    closed = await close_rooms(selling, DOUBLE, 3, 7, units=3)
    await selling.work()
    await switch(selling, "sync_enabled", on=False)
    await open_rooms(selling, closed)
    await selling.work()
    assert not await equal(selling, DOUBLE)
    await switch(selling, "sync_enabled", on=True)
    reservation = await selling.book(selling.room(3, 7))
    await selling.settle(2)
    mapping = await selling.mapping(reservation.id)
    assert mapping is not None
    assert mapping.status == "synced"
    assert await equal(selling, DOUBLE)


async def test_a_switch_that_goes_on_while_all_sending_is_off_sends_nothing(selling: World) -> None:
    await switch(selling, "sync_enabled", on=False)
    await switch(selling, "sync_rates", on=False)
    await set_rate(selling, DOUBLE, 3, 6, price=Decimal(150))
    before = requests(selling)
    await switch(selling, "sync_rates", on=True)
    await selling.work()
    assert requests(selling) == before
    await switch(selling, "sync_enabled", on=True)
    await selling.work()
    assert await equal(selling, DOUBLE)


@pytest.mark.parametrize("what", ["all", "availability"])
async def test_blocks_that_nobody_remembers_are_taken_for_ours_by_the_first_push(selling: World, what: str) -> None:
    there = standing(selling)
    await forget_everything(selling)
    planned = await selling.sync(what, dry_run=True)
    assert [one for one in planned.actions if "block" in one["action"]] == []
    await selling.sync(what)
    assert (standing(selling), len(await blocks(selling))) == (there, len(there))
    assert await equal(selling, DOUBLE) or what == "availability"


async def test_blocks_are_not_looked_for_again_once_a_type_was_told_of(selling: World) -> None:
    await forget_everything(selling)
    await selling.sync("availability")
    assert (await selling.sync("availability")).requests == 0
    async with selling.database.write() as tx:
        await ari_repository.distrust_nights(tx.session, selling.property_id, list(selling.types.values()))
    assert (await selling.sync("availability")).requests == 1


async def test_a_rehearsal_knows_our_blocks_that_nobody_remembers(selling: World) -> None:
    await forget_everything(selling)
    async with desk(selling) as office:
        plan = await office.call("GET", "/qloapps/rehearsal")
    for product, kind in zip((DOUBLE, SUITE), plan["nights"]["room_types"], strict=True):
        (closed,) = [row for row in kind["availability"] if row["start"] == str(day(10))]
        assert (closed["there"], closed["there_after"]) == (shop_free(selling, product)[10],) * 2
        assert (closed["blocks"], kind["blocks_to_make"], kind["blocks_to_release"]) == (1, 0, 0)


async def test_an_installation_that_goes_live_anew_opens_what_the_house_has_left(selling: World) -> None:
    closed = await close_rooms(selling, DOUBLE, 3, 7)
    await selling.work()
    await switch(selling, "sync_enabled", on=False)
    await forget_everything(selling)
    await open_rooms(selling, closed)
    async with selling.database.write() as tx:
        (await require_config(tx.session, selling.property_id)).mode = "rehearsal"
    await switch(selling, "sync_enabled", on=True)
    await approve(selling)
    await selling.work()
    assert await equal(selling, DOUBLE)
    assert await equal(selling, SUITE)


@pytest.mark.parametrize("address", ["https://shop.test", "http://shop.test/api"])
async def test_the_same_shop_under_another_address_keeps_our_blocks(selling: World, address: str) -> None:
    there = standing(selling)
    await settings.save(selling.channels, selling.property_id, {"base_url": address, "api_key": DEMO_KEY})
    await approve(selling)
    await selling.work()
    assert (standing(selling), len(await blocks(selling))) == (there, len(there))
    assert await equal(selling, DOUBLE)
    assert await equal(selling, SUITE)


# --- mappings that went -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", [None, "inbound"])
@pytest.mark.parametrize("name", SWITCHES)
async def test_mapping_that_went_while_sending_was_off_leaves_nothing_once_it_is_on(
    selling: World, name: str, direction: str | None
) -> None:
    held, stranger = shop_free(selling, SUITE), foreign_rule(selling, 400, 402)
    await switch(selling, name, on=False)
    await unmap(selling, DOUBLE)
    if direction is not None:
        await map_as(selling, DOUBLE, DOUBLE, direction)
    await selling.work()
    await switch(selling, name, on=True)
    await selling.work()
    assert (shop_free(selling, DOUBLE), ours_there(selling, DOUBLE)) == ([3] * NIGHTS, 0)
    assert (shop_free(selling, SUITE), stranger in selling.shop.state.feature_prices) == (held, True)
    assert {row.qloapps_product_id for row in await blocks(selling)} == {SUITE}


async def test_last_mapping_that_went_while_sending_was_off_leaves_nothing(selling: World) -> None:
    await switch(selling, "sync_enabled", on=False)
    for product in (DOUBLE, SUITE):
        await unmap(selling, product)
    await switch(selling, "sync_enabled", on=True)
    await selling.work()
    assert (standing(selling), await blocks(selling)) == ([], [])
    assert [ours_there(selling, product) for product in (DOUBLE, SUITE)] == [0, 0]


async def test_what_an_earlier_installation_left_at_a_type_that_is_not_mapped_goes_with_going_live(
    selling: World,
) -> None:
    async with selling.database.write() as tx:
        (await require_config(tx.session, selling.property_id)).mode = "shadow"
    await unmap(selling, DOUBLE)
    await forget_everything(selling)
    await selling.work()
    assert ours_there(selling, DOUBLE) > 0
    await approve(selling)
    await selling.work()
    assert (shop_free(selling, DOUBLE), ours_there(selling, DOUBLE)) == ([3] * NIGHTS, 0)
    assert await equal(selling, SUITE)


@pytest.mark.parametrize("fault", ["error_after", "drop_before", "error_before", "truncate"])
async def test_a_lost_answer_does_not_leave_anything_of_a_mapping_that_went(selling: World, fault: str) -> None:
    await switch(selling, "sync_enabled", on=False)
    await unmap(selling, DOUBLE)
    await switch(selling, "sync_enabled", on=True)
    for method in ("PUT", "DELETE", "POST"):
        selling.shop.dial.next(fault, method=method)
    for _ in range(6):
        await selling.work()
        selling.clock.advance(2000)
    assert (shop_free(selling, DOUBLE), ours_there(selling, DOUBLE)) == ([3] * NIGHTS, 0)
    assert await equal(selling, SUITE)
