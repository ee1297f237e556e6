"""A mapping that leads one way only lets nothing through the other way, loses nothing, and says so."""

from dataclasses import replace
from typing import Any

import pytest

from innkeeper.access.roles import Role
from innkeeper.channel_sync import drift, repository
from innkeeper.channel_sync.book import open_book
from innkeeper.channel_sync.plans import ONLY_READ, Plan, decide
from innkeeper.domain.outcome import Done
from innkeeper.house import reservations
from innkeeper.house.model import ReservationDraft
from innkeeper.simulators.qloapps.actors import Stay as ShopStay
from tests.channel_sync.desk import desk
from tests.channel_sync.world import DOUBLE, SUITE, World, day

pytestmark = pytest.mark.anyio


async def remap(world: World, direction: str, product: int = DOUBLE) -> None:
    """Map the type in this direction, as a manager does."""
    async with desk(world) as office:
        for one in (await office.call("GET", "/qloapps/mappings/room-types"))["items"]:
            if one["qloapps_product_id"] == product:
                await office.call("DELETE", f"/qloapps/mappings/room-types/{one['id']}", 204)
        body = {
            "local_room_type_id": str(world.types[product]),
            "qloapps_product_id": product,
            "sync_direction": direction,
        }
        await office.call("POST", "/qloapps/mappings/room-types", 201, json=body)


async def plan_of(world: World, reservation_id: Any) -> Plan:
    """Return what would be sent of a reservation."""
    link = await world.channels.link(world.property_id)
    async with world.database.write() as tx:
        book = await open_book(tx, link, [])
        mapping = await repository.mapping_of_reservation(tx.session, world.property_id, reservation_id)
        found = await reservations.load(tx.session, world.property_id, reservation_id)
        return decide(link, book, mapping, found)


async def explained(world: World, reservation_id: Any) -> list[str]:
    """Return what the story of a reservation says of its mappings."""
    async with desk(world, Role.FRONT_DESK) as reception:
        found = await reception.call("GET", f"/qloapps/reservations/{reservation_id}/explain")
        return list(found["one_way"])


async def test_reservation_of_a_type_that_is_only_read_is_not_sent_until_it_is_mapped_both_ways(world: World) -> None:
    await remap(world, "inbound")
    reservation = await world.book(world.room(3, 5))
    assert await plan_of(world, reservation.id) == Plan(
        "nothing", ONLY_READ, unsent=(world.types[DOUBLE],), sent_version_at=reservation.updated_at
    )
    await world.settle(2)
    await world.sync()
    assert world.orders() == []
    told = (await world.attention())["inbound_only_type"]
    assert told.title == "What is booked here of Double is not sent to QloApps"
    assert await explained(world, reservation.id) == [
        "What is changed here of Double is not sent: its mapping only reads."
    ]
    await remap(world, "bidirectional")
    await world.settle(2)
    assert len(world.held()) == 1
    assert await world.attention() == {}


async def test_booking_of_a_type_that_is_only_read_takes_its_room_and_what_is_done_to_it_stays_here(
    world: World,
) -> None:
    await remap(world, "inbound")
    world.office.book(ShopStay(DOUBLE, day(0), day(2)))
    await world.settle(1)
    reservation = await world.only()
    assert (reservation.rooms[0].room_type_id, list(reservation.flags)) == (world.types[DOUBLE], [])
    await world.do(reservations.check_in, reservation.id)
    await world.settle(1)
    assert [line.id_status for line in world.held()] == [1]  # allotted, not checked in
    assert await world.attention() == {}  # nobody need know that a guest's arrival was not told


async def test_cancellation_of_a_booking_that_is_only_read_is_told_and_sent_once_it_may_be(world: World) -> None:
    await remap(world, "inbound")
    world.office.book(ShopStay(DOUBLE, day(3), day(5)))
    await world.settle(1)
    reservation = await world.only()
    await world.do(reservations.cancel, reservation.id)
    await world.settle(1)
    assert len(world.held()) == 1
    assert set(await world.attention()) == {"inbound_only_type"}
    await remap(world, "bidirectional")
    await world.sync()
    assert world.held() == []
    assert await world.attention() == {}


async def test_change_of_the_other_rooms_of_a_booking_is_sent(world: World) -> None:
    reservation = await world.book(world.room(3, 5), world.room(3, 5, SUITE))
    await world.settle(1)
    await remap(world, "inbound")
    draft = reservations.draft_of(await world.load(reservation.id))
    rooms = tuple(replace(room, adults=1) if room.room_type_id == world.types[SUITE] else room for room in draft.rooms)
    await world.do(reservations.change, reservation.id, draft=replace(draft, rooms=rooms))
    await world.settle(1)
    assert sorted((line.id_product, line.adults) for line in world.held()) == [(DOUBLE, 2), (SUITE, 1)]
    assert await world.attention() == {}


async def test_blocks_and_prices_of_a_type_that_is_only_read_are_not_sent(world: World) -> None:
    await remap(world, "inbound")
    async with desk(world) as office:
        await office.call("PUT", "/qloapps/config", json={"sync_availability": True, "sync_rates": True})
    await world.book(world.room(3, 5))
    await world.sync(full=True)
    assert [order.source for order in world.orders() if "block" in order.source] == []
    assert {rule["id_product"] for rule in world.shop.state.feature_prices.values()} == {SUITE}


async def test_sweep_says_why_it_does_not_send_what_is_only_read(world: World) -> None:
    await remap(world, "inbound")
    await world.book(world.room(3, 5))
    await world.work()
    answer = await drift.run(await world.channels.link(world.property_id), heal=True)
    assert isinstance(answer, Done)
    (found,) = [one for one in answer.value.differences if one["kind"] == "booking_missing_there"]
    assert (found["heals"], found["why"]) == (False, "The mapping of its room type only reads.")
    assert answer.value.healed == 0


@pytest.mark.parametrize("bookings", [1, 10])
async def test_booking_of_a_type_that_is_only_sent_is_stored_flagged_and_takes_no_room(
    world: World, bookings: int
) -> None:
    await remap(world, "outbound")
    for number in range(bookings):
        world.office.book(ShopStay(DOUBLE, day(3 + number), day(4 + number)))
    await world.settle(1)
    stored = await world.reservations()
    assert len(stored) == bookings
    for reservation in stored:
        assert (reservation.rooms[0].room_type_id, list(reservation.flags)) == (None, ["unmapped"])
    told = await world.attention()
    assert set(told) == {"outbound_only_type"}
    assert told["outbound_only_type"].title == "QloApps has sold Double Room, whose mapping only sends"
    assert await explained(world, stored[0].id) == [
        "Booked in QloApps as Double, it takes no room here: that mapping only sends."
    ]
    await remap(world, "bidirectional")
    await world.settle(1)
    for reservation in await world.reservations():
        assert (reservation.rooms[0].room_type_id, list(reservation.flags)) == (world.types[DOUBLE], [])
    assert await world.attention() == {}
    assert len(world.held()) == bookings


async def test_reservation_of_a_type_that_is_only_sent_goes_out_and_keeps_its_room_when_it_changes_there(
    world: World,
) -> None:
    await remap(world, "outbound")
    reservation = await world.book(world.room(3, 5))
    await world.settle(1)
    world.office.change_dates(world.orders()[0], day(3), day(6))
    await world.settle(2)
    changed = await world.load(reservation.id)
    assert (changed.check_out, changed.rooms[0].room_type_id) == (day(6), world.types[DOUBLE])
    assert (list(changed.flags), await world.attention()) == ([], {})


async def test_room_that_a_clerk_gave_to_such_a_booking_stays_with_it(world: World) -> None:
    await remap(world, "outbound")
    world.office.book(ShopStay(DOUBLE, day(3), day(5)))
    await world.settle(1)
    reservation = await world.only()
    draft = reservations.draft_of(reservation)
    given: ReservationDraft = replace(draft, rooms=(replace(draft.rooms[0], room_type_id=world.types[DOUBLE]),))
    await world.do(reservations.change, reservation.id, draft=given)
    world.office.change_dates(world.orders()[0], day(3), day(6))
    await world.settle(2)
    changed = await world.only()
    assert (changed.check_out, changed.rooms[0].room_type_id) == (day(6), world.types[DOUBLE])
