"""Every booking that the shop knows is kept here, whatever state it is in, and the odd ones are shown to a person."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import func, select

from innkeeper.channel_sync import room_types, runs
from innkeeper.channel_sync.tables import SyncLog
from innkeeper.channel_sync.work import queue_push
from innkeeper.domain.stay import StayStatus
from innkeeper.house import properties, reservations
from innkeeper.house.tables import Reservation, ReservationRoom
from innkeeper.simulators.qloapps.actors import Guest, Stay
from innkeeper.simulators.qloapps.model import Line, Order, ServiceLine
from innkeeper.storage.database import Database
from tests.channel_sync.world import DOUBLE, SUITE, World, connect, day, make_world

pytestmark = pytest.mark.anyio


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is told here does not depend on the kind of data base; test_flow.py runs on both."""
    return sqlite_url


def lines(world: World, order: Order) -> Sequence[Line]:
    return world.shop.state.lines_of(order)


def held(reservation: Reservation) -> list[ReservationRoom]:
    return [room for room in reservation.rooms if room.status != "Cancelled"]


async def poll(world: World) -> None:
    world.clock.advance(60)
    result = await world.sync("inbound")
    assert result.errors == []


async def test_cancelled_booking_whose_rooms_are_brought_back_stands_again(world: World) -> None:
    order = world.office.book(Stay(DOUBLE, day(3), day(5)))
    await poll(world)
    world.office.cancel(order)
    await poll(world)
    before = await world.only()
    assert before.status == "Cancelled"
    world.office.uncancel(order)
    world.office.revive_line(lines(world, order)[0])
    await poll(world)
    after = await world.only()
    assert (after.id, after.status, len(held(after))) == (before.id, "Confirmed", 1)


async def test_reopened_order_without_rooms_stays_cancelled_and_is_flagged_until_it_has_rooms(world: World) -> None:
    order = world.office.book(Stay(DOUBLE, day(3), day(5)))
    await poll(world)
    world.office.cancel(order)
    await poll(world)
    world.office.uncancel(order)
    await poll(world)
    reservation = await world.only()
    assert (reservation.status, reservation.flags) == ("Cancelled", ["reopened_without_rooms"])
    assert "reopened_without_rooms" in await world.attention()
    world.office.revive_line(lines(world, order)[0])
    await poll(world)
    reservation = await world.only()
    assert (reservation.status, reservation.flags) == ("Confirmed", [])
    assert await world.attention() == {}


async def test_refunded_booking_is_cancelled_here(world: World) -> None:
    order = world.office.book(Stay(DOUBLE, day(3), day(5)))
    await poll(world)
    world.office.refund(order)
    await poll(world)
    assert (await world.only()).status == "Cancelled"


async def test_booking_that_was_cancelled_before_it_was_read_is_kept_as_cancelled(world: World) -> None:
    world.office.cancel(world.office.book(Stay(DOUBLE, day(3), day(5))))
    await poll(world)
    assert (await world.only()).status == "Cancelled"


async def test_line_made_anew_there_is_the_same_room_here_with_its_number(world: World) -> None:
    order = world.office.book(Stay(DOUBLE, day(3), day(5)))
    await poll(world)
    before = await world.only()
    async with world.database.write() as tx:
        (await properties.get(tx.session, world.property_id)).business_date = day(3)
    await world.do(reservations.check_in, before.id)
    await world.work()
    before = await world.only()
    old = lines(world, order)[0]
    world.office.change_dates(order, day(3), day(6), old)
    new = lines(world, order)[0]
    new.id_status = 2
    await poll(world)
    after = await world.only()
    assert new.id != old.id
    assert [(r.id, r.room_id, r.check_out) for r in after.rooms] == [
        (before.rooms[0].id, before.rooms[0].room_id, day(6))
    ]


async def test_one_room_of_several_cancelled_there_leaves_the_others(world: World) -> None:
    order = world.office.book(Stay(DOUBLE, day(3), day(5), rooms=2), Stay(SUITE, day(3), day(5)))
    await poll(world)
    world.office.cancel_room(lines(world, order)[0])
    await poll(world)
    reservation = await world.only()
    assert sorted(str(room.room_type_id) for room in held(reservation)) == sorted(
        str(world.types[kind]) for kind in (DOUBLE, SUITE)
    )
    assert reservation.status == "Confirmed"


async def test_rooms_given_up_here_and_there_together_leave_a_cancelled_stay(world: World) -> None:
    order = world.office.book(Stay(DOUBLE, day(3), day(5)), Stay(SUITE, day(3), day(5)))
    await poll(world)
    stay = await world.only()
    draft = reservations.draft_of(stay)
    doubles = tuple(room for room in draft.rooms if room.room_type_id == world.types[DOUBLE])
    await world.do(reservations.change, stay.id, draft=replace(draft, rooms=doubles, total_amount=None))
    world.office.remove_room(order, next(line for line in lines(world, order) if line.id_product == DOUBLE))
    await world.settle()
    stay = await world.only()
    assert (stay.status, world.held()) == ("Cancelled", [])
    assert await world.attention() == {}


async def test_past_stay_and_back_dated_booking_are_kept(world: World) -> None:
    order = world.office.book(Stay(DOUBLE, day(-20), day(-18)))
    order.date_add = "2029-12-24 08:30:00"
    await poll(world)
    reservation = await world.only()
    assert (reservation.check_in, reservation.check_out) == (day(-20), day(-18))
    assert reservation.booked_at == datetime(2029, 12, 24, 8, 30, tzinfo=UTC)


async def test_booking_without_mapping_is_flagged_and_completed_once_the_mapping_is_made(
    database: Database, version: str
) -> None:
    world = await make_world(database, version=version)
    await connect(world, SUITE)
    world.office.book(Stay(DOUBLE, day(3), day(5)), Stay(SUITE, day(3), day(4)))
    await poll(world)
    reservation = await world.only()
    assert reservation.flags == ["unmapped"]
    assert {room.room_type_label for room in reservation.rooms if room.room_type_id is None} == {"Double Room"}
    assert "unmapped_room_type" in await world.attention()
    async with database.write() as tx:
        await room_types.create_mapping(tx, world.property_id, world.types[DOUBLE], DOUBLE, 1, "bidirectional")
    reservation = await world.only()
    assert reservation.flags == []
    assert {room.room_type_id for room in reservation.rooms} == set(world.types.values())
    assert await world.attention() == {}
    before = [(order.id, order.date_upd) for order in world.orders()]
    await world.settle(2)
    assert [(order.id, order.date_upd) for order in world.orders()] == before
    await world.channels.aclose()


async def test_overbooking_is_kept_flagged_shown_and_closed_once_a_room_is_free(world: World) -> None:
    first = world.office.book(Stay(SUITE, day(3), day(5)))
    world.office.book(Stay(SUITE, day(4), day(6)), overbook=True)
    await poll(world)
    flags = [reservation.flags for reservation in await world.reservations()]
    assert sorted(flags) == [[], ["overbooked"]]
    assert "overbooked" in await world.attention()
    world.office.cancel(first)
    await poll(world)
    assert all(reservation.flags == [] for reservation in await world.reservations())
    assert await world.attention() == {}


async def test_overbooking_that_the_desk_solves_is_closed_too(world: World) -> None:
    await world.book(world.room(3, 5, SUITE))
    await world.work()
    world.office.book(Stay(SUITE, day(4), day(6)), overbook=True)
    await poll(world)
    assert "overbooked" in await world.attention()
    ours = next(r for r in await world.reservations() if "overbooked" not in r.flags)
    await world.do(reservations.cancel, ours.id)
    await world.settle(1)
    assert await world.attention() == {}


async def test_foreign_currency_is_kept_as_it_is_and_shown(world: World) -> None:
    state = world.shop.state
    state.currencies[2] = {**state.currencies[1], "id": 2, "iso_code": "USD", "conversion_rate": Decimal("1.25")}
    world.office.book(Stay(DOUBLE, day(3), day(5), price=250), currency="USD")
    await poll(world)
    reservation = await world.only()
    assert (reservation.currency, reservation.total_amount) == ("USD", Decimal(250))
    assert reservation.flags == ["foreign_currency"]
    assert "foreign_currency" in await world.attention()


def hide(world: World, order: Order) -> None:
    """What a PUT of the order without the four fields that its document lacks does to it."""
    order.id_shop = order.id_shop_group = order.round_mode = order.round_type = 0
    order.date_upd = world.shop.state.now()


async def test_order_that_an_integration_hid_is_read_by_its_lines(world: World) -> None:
    hidden = world.office.book(Stay(DOUBLE, day(3), day(5)))
    hide(world, hidden)
    await poll(world)
    assert (await world.only()).status == "Confirmed"
    world.office.change_dates(hidden, day(4), day(7))
    await poll(world)
    assert (await world.only()).check_out == day(7)
    world.office.cancel(hidden)
    world.clock.advance(60)
    await world.sync("inbound", full=True)
    assert (await world.only()).status == "Cancelled"


async def test_one_unreadable_booking_of_450_is_parked_and_all_others_are_kept(world: World) -> None:
    world.office.import_bookings(
        (Guest("Ada", "Byron", f"ada{number}@guest.example"), Stay(DOUBLE, day(number // 3), day(number // 3 + 1)), "")
        for number in range(450)
    )
    broken = lines(world, world.orders()[222])[0]
    broken.date_to = broken.date_from  # the shop takes it; no house can keep a stay without a night
    world.clock.advance(60)
    result = await world.sync("inbound")
    assert (result.created, result.failed) == (449, 1)
    cause = (await world.attention())["unreadable_booking"]
    assert cause.qloapps_order_id == broken.id_order
    broken.date_to = f"{day(222 // 3 + 1)} 00:00:00"
    broken.date_upd = world.shop.state.now()
    await poll(world)
    assert len(await world.reservations()) == 450
    assert "unreadable_booking" not in await world.attention()


@pytest.mark.parametrize("minutes", [-90, 90])
async def test_the_cursor_follows_the_shops_clock_however_wrong_ours_is(world: World, minutes: int) -> None:
    world.shop.state.clock = lambda: world.clock() + timedelta(minutes=minutes)
    await poll(world)
    for number in range(3):
        world.office.book(Stay(DOUBLE, day(number), day(number + 1)))
        await poll(world)
    assert len(await world.reservations()) == 3


async def test_the_hour_that_happens_twice_loses_nothing(database: Database, version: str) -> None:
    world = await make_world(database, version=version, timezone="Europe/Warsaw")
    await connect(world)
    world.clock.now = datetime(2030, 10, 27, 0, 20, tzinfo=UTC)  # 02:20, and an hour later 02:20 again
    for number in range(12):
        world.office.book(Stay(DOUBLE, day(number), day(number + 1)))
        world.clock.advance(600)
        await world.sync("inbound")
    assert len(await world.reservations()) == 12
    await world.channels.aclose()


async def test_two_changes_within_one_second_both_arrive(world: World) -> None:
    order = world.office.book(Stay(DOUBLE, day(3), day(5)))
    await poll(world)
    world.clock.advance(60)
    world.office.charge(lines(world, order)[0], 300)
    await runs.run_now(world.channels, world.property_id, runs.Request(what="inbound"))
    world.office.charge(lines(world, order)[0], 400)
    await poll(world)
    assert (await world.only()).rooms[0].amount == Decimal(400)


async def test_remarks_services_and_ages_come_after_the_booking_is_safe(world: World) -> None:
    order = world.office.book(Stay(DOUBLE, day(3), day(5), child_ages=(4, 9)), remark="Cot, please")
    lines(world, order)[0].services = (ServiceLine(5, "Breakfast", 2, Decimal(10), Decimal(40), Decimal(0), 1, 2),)
    world.shop.dial.next("drop_before", path="/api/bookings", times=3)
    await poll(world)
    reservation = await world.only()
    assert (reservation.special_requests, reservation.rooms[0].child_ages) == ("", [4, 9])
    await world.work()
    assert (await world.only()).special_requests == ""  # the shop did not answer; the booking is safe all the same
    world.clock.advance(2000)
    await world.work()
    reservation = await world.only()
    assert reservation.special_requests == "Cot, please"
    assert reservation.services == [{"name": "Breakfast", "quantity": 2, "amount": "40.00"}]


async def test_guest_in_house_whose_booking_is_cancelled_there_keeps_his_room_and_is_booked_anew(world: World) -> None:
    order = world.office.book(Stay(DOUBLE, day(0), day(3)))
    await poll(world)
    await world.do(reservations.check_in, (await world.only()).id)
    await world.work()
    world.office.cancel(order)
    await poll(world)
    await world.work()
    reservation = await world.only()
    assert reservation.status == "Checked-in"
    assert "guest_in_house" in await world.attention()
    (line,) = world.held()
    assert (line.id_order != order.id, line.id_status) == (True, 2)
    await world.settle(2)
    assert len(world.held()) == 1


async def test_room_of_a_guest_in_house_taken_off_there_is_booked_there_again(world: World) -> None:
    order = world.office.book(Stay(DOUBLE, day(0), day(3), rooms=2))
    await poll(world)
    await world.do(reservations.check_in, (await world.only()).id)
    await world.work()
    world.office.remove_room(order, lines(world, order)[0])
    await world.settle(2)
    assert [line.id_status for line in world.held()] == [2, 2]
    assert len(held(await world.only())) == 2


async def test_copy_of_our_booking_is_shown_until_it_is_cancelled_there(world: World) -> None:
    reservation = await world.book(world.room(3, 5))
    await world.work()
    copy = world.office.book(Stay(DOUBLE, day(3), day(5)), source=f"innkeeper:{reservation.id.hex}")
    await poll(world)
    cause = (await world.attention())["double_there"]
    assert (cause.qloapps_order_id, cause.reservation_id) == (copy.id, reservation.id)
    assert len(await world.reservations()) == 1
    world.office.cancel(copy)
    await poll(world)
    assert await world.attention() == {}
    assert (await world.only()).status == "Confirmed"


async def test_earlier_booking_brought_back_there_is_shown(world: World) -> None:
    reservation = await world.book(world.room(3, 5))
    await world.work()
    (former,) = world.orders()
    await world.do(reservations.cancel, reservation.id)
    await world.work()
    await _reopen(world, reservation.id)
    await world.work()
    assert len(world.held()) == 1
    world.office.uncancel(former)
    world.office.revive_line(lines(world, former)[0])
    await poll(world)
    assert (await world.attention())["double_there"].qloapps_order_id == former.id


async def _reopen(world: World, reservation_id: UUID) -> None:
    draft = reservations.draft_of(await world.load(reservation_id))
    rooms = tuple(replace(room, status=StayStatus.CONFIRMED) for room in draft.rooms)
    await world.do(reservations.change, reservation_id, draft=replace(draft, rooms=rooms))


async def test_booking_whose_last_room_is_deleted_there_is_cancelled_here(world: World) -> None:
    order = world.office.book(Stay(DOUBLE, day(3), day(5)))
    await poll(world)
    world.office.remove_room(order, lines(world, order)[0])
    await poll(world)
    assert (await world.only()).status == "Cancelled"
    world.office.add_room(order, Stay(SUITE, day(4), day(6)))
    await poll(world)
    reservation = await world.only()
    assert (reservation.status, reservation.check_in) == ("Confirmed", day(4))


async def test_booking_that_the_shop_no_longer_knows_is_shown_and_can_be_sent_again(world: World) -> None:
    order = world.office.book(Stay(DOUBLE, day(3), day(5)))
    await poll(world)
    world.clock.advance(60)
    del world.shop.state.orders[order.id]  # somebody has deleted the row; its line speaks of it still
    world.shop.state.lines[order.lines[0]].date_upd = world.shop.state.now()
    await poll(world)
    reservation = await world.only()
    assert reservation.status == "Confirmed"
    assert (await world.attention())["gone_at_channel"].reservation_id == reservation.id
    async with world.database.write() as tx:
        await queue_push(tx, world.property_id, reservation.id)
    await world.work()
    assert [one.source for one in world.orders()] == [f"innkeeper:{reservation.id.hex}.1"]
    assert "gone_at_channel" not in await world.attention()


async def test_reading_everything_again_writes_nothing(world: World) -> None:
    world.office.book(Stay(DOUBLE, day(3), day(5)))
    await world.book(world.room(3, 6, SUITE))
    await world.settle(1)
    before = [(r.id, r.version) for r in await world.reservations()]
    result = await world.sync("inbound", full=True)
    assert (result.created, result.updated, result.skipped) == (0, 0, 2)
    assert [(r.id, r.version) for r in await world.reservations()] == before


async def test_dry_run_says_what_it_would_do_and_does_nothing(world: World) -> None:
    world.office.book(Stay(DOUBLE, day(3), day(5)))
    world.clock.advance(60)
    result = await world.sync("inbound", dry_run=True)
    assert (result.created, result.actions[0]["action"]) == (1, "create")
    assert await world.reservations() == []
    await poll(world)
    assert len(await world.reservations()) == 1


async def test_no_row_of_the_log_holds_the_guest(world: World) -> None:
    world.office.book(Stay(DOUBLE, day(3), day(5)), guest=Guest("Grace", "Hopper", "grace@guest.example", "5550100"))
    await poll(world)
    async with world.database.read() as session:
        rows = (await session.scalars(select(SyncLog))).all()
        assert await session.scalar(select(func.count()).select_from(SyncLog)) == 1
    text = str([(row.request_data, row.response_data, row.error_message) for row in rows])
    assert not any(secret in text for secret in ("Hopper", "grace@", "5550100"))
