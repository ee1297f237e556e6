"""Bookings flow both ways: made, changed, cancelled, checked in, on either side."""

from dataclasses import replace
from decimal import Decimal

import pytest

from innkeeper.channel_sync import jobs
from innkeeper.channel_sync.work import SYNC
from innkeeper.domain.stay import Stay
from innkeeper.house import reservations
from innkeeper.jobs import queue
from innkeeper.jobs.tables import JobStatus
from innkeeper.simulators.qloapps.actors import Guest
from innkeeper.simulators.qloapps.actors import Stay as ShopStay
from tests.channel_sync.world import DOUBLE, SUITE, World, day

pytestmark = pytest.mark.anyio


async def test_booking_made_there_becomes_a_reservation_here(world: World) -> None:
    world.office.book(ShopStay(DOUBLE, day(3), day(5)), guest=Guest("Grace", "Hopper", "grace@guest.example"))
    result = await world.sync("inbound")
    assert (result.created, result.errors) == (1, [])
    reservation = await world.only()
    assert (reservation.check_in, reservation.check_out) == (day(3), day(5))
    assert reservation.primary_guest.name == "Grace Hopper"
    assert reservation.rooms[0].room_type_id == world.types[DOUBLE]
    assert reservation.flags == []


async def test_idle_poll_is_two_requests_and_changes_nothing(world: World) -> None:
    world.office.book(ShopStay(DOUBLE, day(3), day(5)))
    await world.sync("inbound")
    result = await world.sync("inbound")
    assert (result.synced, result.requests) == (0, 2)


async def test_booking_of_several_types_and_dates_is_one_reservation(world: World) -> None:
    world.office.book(ShopStay(DOUBLE, day(3), day(5), rooms=2), ShopStay(SUITE, day(3), day(4)))
    await world.sync("inbound")
    reservation = await world.only()
    assert sorted((r.room_type_id == world.types[SUITE], r.check_out) for r in reservation.rooms) == [
        (False, day(5)),
        (False, day(5)),
        (True, day(4)),
    ]
    assert sum((r.amount for r in reservation.rooms), Decimal(0)) == reservation.total_amount


async def test_change_of_dates_there_reaches_the_house(world: World) -> None:
    order = world.office.book(ShopStay(DOUBLE, day(3), day(5)))
    await world.sync("inbound")
    world.clock.advance(60)
    world.office.change_dates(order, day(4), day(7))
    result = await world.sync("inbound")
    assert result.updated == 1
    reservation = await world.only()
    assert (reservation.check_in, reservation.check_out, len(reservation.rooms)) == (day(4), day(7), 1)


async def test_cancellation_there_cancels_here_and_a_second_one_changes_nothing(world: World) -> None:
    order = world.office.book(ShopStay(DOUBLE, day(3), day(5)))
    await world.sync("inbound")
    world.clock.advance(60)
    world.office.cancel(order)
    await world.sync("inbound")
    version = (await world.only()).version
    world.clock.advance(60)
    world.office.cancel(order)
    await world.sync("inbound")
    reservation = await world.only()
    assert (reservation.status, reservation.version) == ("Cancelled", version)


async def test_reservation_taken_at_the_desk_appears_there_once(world: World) -> None:
    reservation = await world.book(world.room(3, 6), world.room(3, 4, SUITE))
    await world.work()
    (order,) = world.orders()
    assert order.source == f"innkeeper:{reservation.id.hex}"
    assert sorted((line.id_product, str(line.date_from)[:10], str(line.date_to)[:10]) for line in world.held()) == [
        (DOUBLE, str(day(3)), str(day(6))),
        (SUITE, str(day(3)), str(day(4))),
    ]
    assert abs(order.total_paid_tax_incl - reservation.total_amount) < Decimal("0.05")
    await world.settle()
    assert len(world.orders()) == 1
    assert len(await world.reservations()) == 1


async def test_our_own_booking_is_recognised_in_the_next_poll(world: World) -> None:
    await world.book(world.room(3, 6))
    await world.work()
    result = await world.sync("inbound")
    assert (result.created, result.updated) == (0, 0)
    before = [(order.id, order.date_upd) for order in world.orders()]
    await world.settle()
    assert [(order.id, order.date_upd) for order in world.orders()] == before


async def test_cancellation_here_frees_the_rooms_there(world: World) -> None:
    reservation = await world.book(world.room(3, 6))
    await world.work()
    await world.do(reservations.cancel, reservation.id)
    await world.work()
    assert world.held() == []


async def test_cancelled_before_it_was_sent_is_never_sent(world: World) -> None:
    reservation = await world.book(world.room(3, 6))
    await world.do(reservations.cancel, reservation.id)
    await world.work()
    assert world.orders() == []


async def test_change_of_dates_here_reaches_the_shop(world: World) -> None:
    reservation = await world.book(world.room(3, 6))
    await world.work()
    draft = reservations.draft_of(await world.load(reservation.id))
    room = replace(draft.rooms[0], stay=Stay(day(4), day(8)), amount=Decimal(480))
    draft = replace(draft, rooms=(room,), total_amount=None)
    await world.do(reservations.change, reservation.id, draft=draft)
    await world.work()
    (line,) = world.held()
    assert (str(line.date_from)[:10], str(line.date_to)[:10]) == (str(day(4)), str(day(8)))
    (order,) = world.orders()
    assert abs(order.total_paid_tax_incl - 480) < Decimal("0.05")


async def test_check_in_and_check_out_here_are_seen_there(world: World) -> None:
    reservation = await world.book(world.room(0, 1))
    await world.work()
    await world.do(reservations.check_in, reservation.id)
    await world.work()
    (line,) = world.held()
    assert line.id_status == 2
    await world.do(reservations.check_out, reservation.id, leave_open=True)
    await world.work()
    assert [line.id_status for line in world.shop.state.lines.values()] == [3]


async def test_check_in_there_is_seen_here(world: World) -> None:
    order = world.office.book(ShopStay(DOUBLE, day(0), day(2)))
    await world.sync("inbound")
    world.clock.advance(60)
    world.office.check_in(world.shop.state.lines_of(order)[0])
    await world.sync("inbound")
    assert (await world.only()).status == "Checked-in"


async def test_room_added_and_room_removed_there(world: World) -> None:
    order = world.office.book(ShopStay(DOUBLE, day(3), day(5)))
    await world.sync("inbound")
    world.clock.advance(60)
    line = world.office.add_room(order, ShopStay(SUITE, day(3), day(5)))
    await world.sync("inbound")
    held = [room for room in (await world.only()).rooms if room.status != "Cancelled"]
    assert len(held) == 2
    world.clock.advance(60)
    world.office.remove_room(order, line)
    await world.sync("inbound")
    held = [room for room in (await world.only()).rooms if room.status != "Cancelled"]
    assert [room.room_type_id for room in held] == [world.types[DOUBLE]]


async def test_run_that_was_only_rehearsed_does_not_put_off_the_next_one(world: World) -> None:
    async def queued(**options: bool) -> list[str]:
        await world.sync("all", **options)
        async with world.database.write() as tx:
            await jobs.start_due_syncs(tx)
        async with world.database.read() as session:
            waiting, _ = await queue.list_jobs(session, property_id=world.property_id, statuses=[JobStatus.QUEUED])
        return [job.kind for job in waiting if job.kind == SYNC]

    assert await queued() == []
    assert await queued(dry_run=True) == [SYNC]
