"""The shop sells what the house has left, by the fewest blocks, quietly, and touches nothing of anybody else."""

from decimal import Decimal

import pytest
from sqlalchemy import delete

from innkeeper.channel_sync import ari_work, runs, settings, work
from innkeeper.channel_sync.availability_out import PushOptions, push_availability
from innkeeper.channel_sync.result import SyncResult
from innkeeper.channel_sync.work import queue_push
from innkeeper.house import properties, reservations
from innkeeper.house.model import ReservationDraft
from innkeeper.jobs.tables import JobRow
from innkeeper.simulators.qloapps.actors import Stay as ShopStay
from innkeeper.storage.database import Database
from tests.channel_sync.selling import (
    NIGHTS,
    blocks,
    close_rooms,
    go_live,
    house_free,
    link_of,
    open_rooms,
    requests,
    set_rate,
    shop_free,
    waiting,
)
from tests.channel_sync.world import DOUBLE, SUITE, World, connect, day, make_world

pytestmark = pytest.mark.anyio


@pytest.fixture
async def selling(world: World) -> World:
    """A world whose rooms are pushed, and have been."""
    await go_live(world, prices_too=False)
    await world.sync("availability")
    return world


async def equal(world: World) -> bool:
    """Whether the shop sells what the house has left, of every type on every night."""
    return all([shop_free(world, kind) == await house_free(world, kind) for kind in (DOUBLE, SUITE)])


async def test_a_closed_room_is_a_block_seconds_later(selling: World) -> None:
    await close_rooms(selling, DOUBLE, 3, 7)
    await selling.work()
    assert shop_free(selling, DOUBLE)[:8] == [3, 3, 3, 2, 2, 2, 2, 3]
    (block,) = await blocks(selling)
    assert (block.check_in, block.check_out, block.status) == (day(3), day(7), "standing")


async def test_pushing_that_is_switched_on_again_catches_up_at_once(selling: World) -> None:
    await settings.save(selling.channels, selling.property_id, {"sync_availability": False})
    await close_rooms(selling, DOUBLE, 3, 7)
    await selling.work()
    assert not await equal(selling)
    await settings.save(selling.channels, selling.property_id, {"sync_availability": True})
    await selling.work()
    assert await equal(selling)


async def test_an_opened_room_is_sold_again(selling: World) -> None:
    closed = await close_rooms(selling, DOUBLE, 3, 7)
    await selling.work()
    await open_rooms(selling, closed)
    await selling.work()
    assert await equal(selling)
    assert await blocks(selling) == []


async def test_a_longer_closure_reshapes_its_block(selling: World) -> None:
    await close_rooms(selling, DOUBLE, 3, 5)
    await selling.work()
    (before,) = await blocks(selling)
    await close_rooms(selling, DOUBLE, 5, 9)
    await selling.work()
    (after,) = await blocks(selling)
    assert (after.block_id, after.check_out) == (before.block_id, day(9))
    assert await equal(selling)


async def test_a_stop_sell_closes_the_night_there(selling: World) -> None:
    await set_rate(selling, DOUBLE, 4, 6, closed=True)
    await selling.work()
    assert shop_free(selling, DOUBLE)[3:7] == [3, 0, 0, 3]


async def test_a_reservation_of_ours_is_its_own_block(selling: World) -> None:
    await selling.book(selling.room(3, 6))
    await selling.work()
    assert await blocks(selling) == []
    assert await equal(selling)


async def test_a_changed_reservation_costs_one_request_a_type_beyond_its_own(selling: World) -> None:
    costs: list[int] = []
    for pushed in (False, False, True):  # the first round also learns what the shop is
        async with selling.database.write() as tx:
            (await runs.require_config(tx.session, selling.property_id)).sync_availability = pushed
        before = requests(selling)
        booked = await selling.book(selling.room(3, 6))
        await selling.work()
        costs.append(requests(selling) - before)
        before = requests(selling)
        await selling.do(reservations.cancel, booked.id)
        await selling.work()
        costs.append(requests(selling) - before)
    assert costs[4:] == [costs[2] + 1, costs[3] + 1]


async def test_a_push_of_nothing_costs_no_request(selling: World) -> None:
    await close_rooms(selling, DOUBLE, 3, 7)
    await selling.work()
    result = await selling.sync("availability")
    assert (result.requests, result.created, result.updated) == (0, 0, 0)


async def test_a_push_of_a_type_and_nights_leaves_the_others(selling: World) -> None:
    async with selling.database.write() as tx:
        config = await runs.require_config(tx.session, selling.property_id)
        config.mode = "shadow"
    await close_rooms(selling, DOUBLE, 3, 7)
    async with selling.database.write() as tx:
        config = await runs.require_config(tx.session, selling.property_id)
        config.mode = "live"
    elsewhere = await selling.sync("availability", start=day(10), end=day(12))
    other = await selling.sync("availability", room_type_id=selling.types[SUITE])
    assert (elsewhere.requests, other.requests) == (0, 0)
    there = await selling.sync("availability", start=day(4), end=day(5), room_type_id=selling.types[DOUBLE])
    assert there.created == 1
    assert await equal(selling)


async def test_a_hundred_edits_are_one_job(selling: World) -> None:
    guest = await selling.guest()
    async with selling.database.write() as tx:
        for n in range(50):
            draft = ReservationDraft(guest, "EUR", (selling.room(n % 15, n % 15 + 1),))
            await reservations.create(tx, selling.property_id, draft, overbook=True)
    for _ in range(50):
        await close_rooms(selling, DOUBLE, 3, 7)
    assert len(await waiting(selling, ari_work.AVAILABILITY)) == 1


async def test_the_last_room_overtakes_everything_in_the_queue(selling: World) -> None:
    await selling.book(selling.room(3, 6, SUITE))
    (push,), (rooms,) = await waiting(selling, work.PUSH), await waiting(selling, ari_work.AVAILABILITY)
    assert push.priority < rooms.priority < 20


async def test_many_rooms_left_wait_their_turn(selling: World) -> None:
    await selling.book(selling.room(3, 6))
    (rooms,) = await waiting(selling, ari_work.AVAILABILITY)
    assert rooms.priority > 20


async def test_nothing_left_is_not_sellable_even_if_the_reservation_cannot_be_sent(selling: World) -> None:
    async with selling.database.write() as tx:
        config = await runs.require_config(tx.session, selling.property_id)
        config.sync_reservations_outbound = False
    await selling.book(selling.room(3, 6, SUITE))
    await selling.work()
    assert shop_free(selling, SUITE)[2:7] == [1, 0, 0, 0, 1]


async def test_a_reservation_finds_its_room_behind_a_block_that_came_before_it(selling: World) -> None:
    reservation = await selling.book(selling.room(3, 6, SUITE), selling.room(4, 5))
    await close_rooms(selling, DOUBLE, 2, 9, units=2)
    async with selling.database.write() as tx:
        await tx.session.execute(delete(JobRow).where(JobRow.kind == work.PUSH))
    await selling.work()
    assert shop_free(selling, SUITE)[3] == 0
    async with selling.database.write() as tx:
        await queue_push(tx, selling.property_id, reservation.id)
    await selling.work()
    mapping = await selling.mapping(reservation.id)
    assert mapping is not None
    assert mapping.status == "synced"
    assert await equal(selling)


async def test_a_foreign_booking_is_not_blocked_twice(selling: World) -> None:
    selling.office.book(ShopStay(DOUBLE, day(3), day(6), rooms=2))
    await selling.settle(2)
    assert await blocks(selling) == []
    assert shop_free(selling, DOUBLE)[3] == 1


async def test_more_guests_there_release_our_blocks(selling: World) -> None:
    await close_rooms(selling, DOUBLE, 3, 6, units=2)
    await selling.work()
    selling.office.book(ShopStay(DOUBLE, day(3), day(6)))
    await selling.settle(2)
    assert shop_free(selling, DOUBLE)[3] == 0
    await selling.sync("inbound")
    assert await equal(selling)


async def test_a_foreign_block_is_counted_and_never_touched(selling: World) -> None:
    await close_rooms(selling, DOUBLE, 3, 6, units=2)
    await selling.work()
    room = selling.shop.state.free_rooms(DOUBLE, day(4))[0]
    line = await _foreign_line(selling, room)
    await selling.sync("availability", full=True)
    assert shop_free(selling, DOUBLE)[3:6] == [1, 1, 1]
    assert selling.shop.state.lines[line.id] is line
    assert len(await blocks(selling)) == 1


async def _foreign_line(world: World, room: int) -> object:
    """Let another system hold a room without an order."""
    order = world.office.book(ShopStay(DOUBLE, day(3), day(6), id_room=room))
    (line,) = world.shop.state.lines_of(order)
    del world.shop.state.orders[order.id]
    line.id_order = 0
    return line


@pytest.mark.parametrize("other", [DOUBLE, SUITE])
async def test_a_block_to_which_staff_adds_a_room_is_given_up_and_made_anew(
    selling: World, version: str, other: int
) -> None:
    if version != "1.7.0":
        pytest.skip("blocks are single lines there")
    await close_rooms(selling, DOUBLE, 3, 7)
    await selling.work()
    (block,) = await blocks(selling)
    order = selling.shop.state.orders[int(str(block.block_id).partition(":")[2])]
    selling.office.add_room(order, ShopStay(other, day(2), day(5)))
    await selling.sync("availability", full=True)
    assert await equal(selling)
    (after,) = await blocks(selling)
    assert after.block_id != block.block_id
    assert selling.shop.state.lines_of(order)[0].is_refunded
    assert (await selling.sync("availability", full=True)).updated == 0


async def test_a_block_that_staff_cancels_is_made_again(selling: World, version: str) -> None:
    await close_rooms(selling, DOUBLE, 3, 6)
    await selling.work()
    state = selling.shop.state
    if version == "1.7.0":
        selling.office.cancel(state.orders[max(state.orders)])
    else:
        state.remove_line(state.lines[max(state.lines)])
    await selling.sync("availability", full=True)
    assert await equal(selling)
    assert len(await blocks(selling)) == 1


async def test_a_room_closed_in_the_shop_needs_no_block(selling: World) -> None:
    await close_rooms(selling, DOUBLE, 3, 6)
    await selling.work()
    selling.office.close_room(selling.shop.state.rooms_of_type[DOUBLE][2])
    await selling.sync("availability", full=True)
    assert await blocks(selling) == []


async def test_blocks_are_no_bookings_no_revenue_and_no_mail(selling: World, version: str) -> None:
    await close_rooms(selling, DOUBLE, 3, 7, units=3)
    await selling.work()
    await selling.settle(2)
    result = await selling.sync("inbound", full=True)
    assert (await selling.reservations(), result.created) == ([], 0)
    state = selling.shop.state
    assert not state.mails
    assert all(order.total_paid_tax_incl == 0 for order in state.orders.values())
    assert all(line.total_price_tax_incl == 0 for line in state.lines.values())
    marks = [order.source for order in state.orders.values()] + [line.comment for line in state.lines.values()]
    assert sum(mark.startswith("innkeeper-block:") for mark in marks) == 3


async def test_one_command_removes_every_block_also_forgotten_ones(selling: World) -> None:
    await close_rooms(selling, DOUBLE, 3, 7, units=2)
    await selling.work()
    async with selling.database.write() as tx:
        await tx.session.delete((await blocks(selling))[0])
    result = await runs.remove_blocks(selling.channels, selling.property_id)
    assert (result.updated, result.errors) == (2, [])
    assert shop_free(selling, DOUBLE) == [3] * NIGHTS
    await selling.work()
    assert shop_free(selling, DOUBLE) == [3] * NIGHTS


async def test_a_dry_run_lists_and_changes_nothing(selling: World) -> None:
    await close_rooms(selling, DOUBLE, 3, 7)
    result = await selling.sync("availability", dry_run=True)
    assert [action["action"] for action in result.actions] == ["block"]
    assert shop_free(selling, DOUBLE) == [3] * NIGHTS


async def test_nothing_is_blocked_before_go_live(world: World) -> None:
    await go_live(world)
    async with world.database.write() as tx:
        config = await runs.require_config(tx.session, world.property_id)
        config.mode = "rehearsal"
    await close_rooms(world, DOUBLE, 3, 7)
    await world.work()
    await world.sync("availability")
    assert shop_free(world, DOUBLE) == [3] * NIGHTS


async def test_the_window_rolls_with_the_business_date(selling: World) -> None:
    await close_rooms(selling, DOUBLE, 360, 370)
    await selling.work()
    (block,) = await blocks(selling)
    assert block.check_out == day(365)
    async with selling.database.write() as tx:
        house = await properties.get(tx.session, selling.property_id)
        house.business_date = day(2)
    await selling.sync("availability")
    (block,) = await blocks(selling)
    assert block.check_out == day(367)


@pytest.mark.parametrize("fault", ["error_after", "drop_after", "drop_before", "truncate", "duplicate", "late"])
async def test_a_lost_answer_leaves_neither_too_many_nor_too_few(selling: World, fault: str) -> None:
    selling.shop.dial.late_seconds = 0.0
    await close_rooms(selling, DOUBLE, 3, 7, units=2)
    selling.shop.dial.next(fault, method="POST", path="bookings")
    await selling.work()
    await selling.shop.settle()
    for _ in range(6):
        selling.clock.advance(2000)
        await selling.work()
    assert await equal(selling)
    assert len(await blocks(selling)) == 2


async def test_an_unmapped_type_is_not_pushed(database: Database, version: str) -> None:
    world = await make_world(database, version=version)
    await connect(world, SUITE)
    await go_live(world)
    result = SyncResult()
    await push_availability(await link_of(world), PushOptions(full=True), result)
    await close_rooms(world, DOUBLE, 3, 7)
    await world.work()
    assert shop_free(world, DOUBLE) == [3] * NIGHTS
    await world.channels.aclose()


async def test_few_requests_for_many_nights(world: World) -> None:
    await go_live(world, prices_too=False)
    for n in range(0, 60, 6):
        await close_rooms(world, DOUBLE, n, n + 2)
    result = await world.sync("availability")
    assert result.created == 10
    assert result.requests <= 10 + 10
    assert Decimal(0) == sum((order.total_paid for order in world.shop.state.orders.values()), Decimal(0))
