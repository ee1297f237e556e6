"""A room type that is mapped no more leaves nothing of ours in the shop, and nothing of anybody else is touched."""

from decimal import Decimal

import pytest
from sqlalchemy import select

from innkeeper.channel_sync import ari_repository, ari_work, repository, room_types, settings
from innkeeper.channel_sync.log_words import act_of
from innkeeper.channel_sync.tables import SyncLog
from innkeeper.house import rooms
from innkeeper.storage.database import Database
from tests.channel_sync.selling import (
    NIGHTS,
    blocks,
    close_rooms,
    foreign_rule,
    go_live,
    house_free,
    house_prices,
    push_of_each_type,
    set_rate,
    shop_free,
    shop_prices,
    waiting,
)
from tests.channel_sync.world import DOUBLE, SUITE, World, connect, make_world

pytestmark = pytest.mark.anyio


@pytest.fixture
async def selling(world: World) -> World:
    """A world whose rooms and prices are pushed, with a block and a price of ours for each type."""
    await push_of_each_type(world, 3, 7)
    assert [len(await blocks(world)), shop_prices(world, DOUBLE)[3]] == [2, Decimal("199.00")]
    return world


async def unmap(world: World, product: int) -> None:
    """Take the mapping of a product away."""
    async with world.database.write() as tx:
        for mapping in await repository.room_type_mappings(tx.session, world.property_id):
            if mapping.qloapps_product_id == product:
                await room_types.delete_mapping(tx, mapping)


async def map_as(world: World, ours: int, theirs: int, direction: str = "bidirectional") -> None:
    """Map the type that comes from product `ours` to product `theirs`."""
    async with world.database.write() as tx:
        await room_types.create_mapping(tx, world.property_id, world.types[ours], theirs, 1, direction)


def ours_there(world: World, product: int) -> int:
    """Return how many price rules of ours the shop has for a product."""
    rows = world.shop.state.feature_prices.values()
    return sum(row["id_product"] == product and "innkeeper" in str(row).lower() for row in rows)


async def test_blocks_and_prices_go_with_the_mapping_and_those_of_others_stay(selling: World) -> None:
    state = selling.shop.state
    held = shop_free(selling, SUITE)
    stranger = foreign_rule(selling, 400, 402, product=DOUBLE)
    standing = ours_there(selling, DOUBLE)
    assert standing > 0
    await unmap(selling, DOUBLE)
    await selling.work()
    assert shop_free(selling, DOUBLE) == [3] * NIGHTS
    assert (ours_there(selling, DOUBLE), stranger in state.feature_prices) == (0, True)
    assert shop_free(selling, SUITE) == held
    assert {row.qloapps_product_id for row in await blocks(selling)} == {SUITE}
    async with selling.database.read() as session:
        logged = list(await session.scalars(select(SyncLog).where(SyncLog.operation == "delete")))
    assert sorted(row.entity_type for row in logged) == ["block", *["room_type"] * standing]
    said = {act_of(row) for row in logged}
    assert said == {"Block released", "Prices taken back"}


@pytest.mark.parametrize("fault", ["error_after", "drop_before", "error_before", "truncate"])
async def test_a_lost_answer_does_not_leave_a_block(selling: World, fault: str) -> None:
    await unmap(selling, DOUBLE)
    for method in ("PUT", "DELETE"):
        selling.shop.dial.next(fault, method=method)
    for _ in range(6):
        await selling.work()
        selling.clock.advance(2000)
    assert shop_free(selling, DOUBLE) == [3] * NIGHTS
    assert ours_there(selling, DOUBLE) == 0


async def test_a_type_that_only_reads_from_now_on_blocks_nothing(selling: World) -> None:
    await unmap(selling, DOUBLE)
    await map_as(selling, DOUBLE, DOUBLE, "inbound")
    await selling.work()
    assert shop_free(selling, DOUBLE) == [3] * NIGHTS
    assert ours_there(selling, DOUBLE) == 0


async def test_a_mapping_that_comes_back_at_once_keeps_what_stands(selling: World) -> None:
    (before,) = [row.block_id for row in await blocks(selling) if row.qloapps_product_id == DOUBLE]
    await unmap(selling, DOUBLE)
    await map_as(selling, DOUBLE, DOUBLE)
    await selling.work()
    assert [row.block_id for row in await blocks(selling) if row.qloapps_product_id == DOUBLE] == [before]
    assert shop_free(selling, DOUBLE) == await house_free(selling, DOUBLE)
    assert shop_prices(selling, DOUBLE) == await house_prices(selling, DOUBLE)


async def test_a_type_that_is_sold_as_another_one_is_told_anew(database: Database, version: str) -> None:
    world = await make_world(database, version=version)
    await connect(world, DOUBLE)
    await go_live(world)
    await close_rooms(world, DOUBLE, 3, 7)
    await set_rate(world, DOUBLE, 3, 6, price=Decimal("199.00"))
    await world.work()
    await unmap(world, DOUBLE)
    await map_as(world, DOUBLE, SUITE)
    await world.work()
    assert shop_free(world, DOUBLE) == [3] * NIGHTS
    assert ours_there(world, DOUBLE) == 0
    assert shop_prices(world, SUITE)[3] == Decimal("199.00")
    there, wanted = shop_free(world, SUITE), await house_free(world, DOUBLE)
    assert all(free <= left for free, left in zip(there, wanted, strict=True)), "no more is sold than there is"
    await world.channels.aclose()


async def test_nothing_is_taken_back_where_nothing_is_sent(selling: World) -> None:
    await settings.save(selling.channels, selling.property_id, {"sync_availability": False, "sync_rates": False})
    left = shop_free(selling, DOUBLE)
    await unmap(selling, DOUBLE)
    await selling.work()
    assert shop_free(selling, DOUBLE) == left
    assert await waiting(selling, ari_work.LET_GO) == []


async def limit_stays(world: World, shortest: int, longest: int) -> None:
    """Set limits of stay in the house, and send them."""
    async with world.database.write() as tx:
        values = {"min_stay": shortest, "max_stay": longest}
        await rooms.update_room_type(tx, world.property_id, world.types[DOUBLE], values)
    await world.work()


def limits(world: World) -> tuple[int, int]:
    """Return the limits of stay that stand there."""
    row = world.shop.state.type_of_product[DOUBLE]
    return row["min_los"], row["max_los"]


def set_there(world: World, shortest: int, longest: int) -> None:
    """Let somebody set limits of stay in the shop."""
    world.shop.state.type_of_product[DOUBLE].update(min_los=shortest, max_los=longest)


async def test_limits_of_stay_are_given_back_as_they_stood_before_ours(selling: World) -> None:
    set_there(selling, 1, 30)
    await limit_stays(selling, 2, 9)
    await limit_stays(selling, 3, 14)
    assert limits(selling) == (3, 14)
    await unmap(selling, DOUBLE)
    await selling.work()
    assert limits(selling) == (1, 30)
    async with selling.database.read() as session:
        logged = list(await session.scalars(select(SyncLog).where(SyncLog.entity_type == "stay_limits")))
        assert await ari_repository.stay_limits(session, selling.property_id, [DOUBLE]) == []
    (line,) = logged
    assert line.request_data == {"room_type_id": DOUBLE, "min_stay": 1, "max_stay": 30}
    assert act_of(line) == "Limits of stay given back"


async def test_limits_that_somebody_has_set_since_stay(selling: World) -> None:
    await limit_stays(selling, 2, 9)
    set_there(selling, 5, 7)
    await unmap(selling, DOUBLE)
    await selling.work()
    assert limits(selling) == (5, 7)


async def test_limits_that_somebody_set_between_two_of_ours_are_what_is_given_back(selling: World) -> None:
    await limit_stays(selling, 2, 9)
    set_there(selling, 5, 7)
    await limit_stays(selling, 3, 14)
    await unmap(selling, DOUBLE)
    await selling.work()
    assert limits(selling) == (5, 7)


async def test_limits_that_could_not_be_sent_change_nothing_when_the_mapping_goes(selling: World) -> None:
    before = limits(selling)
    selling.shop.dial.next("error_before", method="PUT", path="hotel_room_types", times=50)
    await limit_stays(selling, 2, 9)
    selling.shop.dial.calm()
    await unmap(selling, DOUBLE)
    await selling.work()
    assert limits(selling) == before
