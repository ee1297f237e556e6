"""Bookings flow both ways between the house and the shop, and both sides end equal."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import update

from innkeeper.channel_sync.tables import ReservationMapping
from innkeeper.channel_sync.work import queue_push
from innkeeper.domain.stay import Stay
from innkeeper.house import reservations
from tests.live.house import House, close, held_rooms
from tests.live.shop import Guest, Line, Shop

pytestmark = pytest.mark.anyio


async def sent(house: House, *days: tuple[int, int]) -> tuple[UUID, int]:
    """Take a reservation, send it, and return its id and that of its booking."""
    reservation = await house.book(*(house.room(*pair) for pair in days or ((3, 6),)))
    await house.work()
    return reservation.id, await house.order_of(reservation)


def dates(lines: Sequence[Line]) -> list[tuple[str, str]]:
    """Return the dates of rooms in the shop."""
    return sorted((str(line.first), str(line.last)) for line in lines)


# from the house to the shop -----------------------------------------------------------------------------------------


async def test_reservation_taken_at_the_desk_appears_there_once(house: House, shop: Shop) -> None:
    reservation = await house.book(house.room(3, 6), house.room(3, 4, shop.second))
    await house.work()
    order = await house.order_of(reservation)
    assert (await shop.order(order)).source == f"innkeeper:{reservation.id.hex}"
    assert sorted((line.type, line.first, line.last) for line in await shop.held(order)) == sorted(
        [(shop.main.id, shop.day(3), shop.day(6)), (shop.second.id, shop.day(3), shop.day(4))]
    )
    assert close((await shop.order(order)).total, reservation.total_amount)
    await house.settle()
    assert len(await shop.by_source(f"innkeeper:{reservation.id.hex}")) == 1
    assert await house.attention(reservation) == {}


async def test_our_own_booking_comes_back_and_is_recognised(house: House, shop: Shop) -> None:
    reservation_id, order = await sent(house)
    version, stamp = (await house.load(reservation_id)).version, (await shop.order(order)).updated
    before = await house.count()
    await house.settle()
    assert (await house.load(reservation_id)).version == version
    assert (await shop.order(order)).updated == stamp
    assert (await house.of_order(order)).id == reservation_id
    mine = [m for m in await house.mappings() if m.local_reservation_id == reservation_id]
    assert (len(mine), await house.count() >= before) == (1, True)


async def test_change_of_dates_here_reaches_the_shop_with_its_price(house: House, shop: Shop) -> None:
    reservation_id, order = await sent(house)
    await house.move(reservation_id, 4, 9)
    await house.work()
    (line,) = await shop.held(order)
    assert (line.first, line.last) == (shop.day(4), shop.day(9))
    assert close(line.gross, house.price(5))
    assert close((await shop.order(order)).total, house.price(5))


async def test_shortened_stay_keeps_its_room_there(house: House, shop: Shop) -> None:
    reservation_id, order = await sent(house, (3, 8))
    (before,) = await shop.held(order)
    await house.move(reservation_id, 3, 5)
    await house.work()
    (after,) = await shop.held(order)
    assert (after.room, after.last) == (before.room, shop.day(5))
    assert close((await shop.order(order)).total, house.price(2))


async def test_change_of_price_and_people_here_reaches_the_shop(house: House, shop: Shop) -> None:
    if shop.main.max_adults < 2:
        pytest.skip("needs a room type for two adults")
    reservation_id, order = await sent(house)
    await house.change_rooms(reservation_id, lambda room: replace(room, adults=2, amount=house.price(4)))
    await house.work()
    (line,) = await shop.held(order)
    assert line.adults == 2
    assert close(line.gross, house.price(4))
    customer = await shop.customer(order)
    assert (customer["firstname"], customer["lastname"], customer["phone"]) == ("Ada", "Byron", "+390612345678")


async def test_room_added_and_room_removed_here_are_added_and_removed_there(house: House, shop: Shop) -> None:
    reservation_id, order = await sent(house)
    draft = reservations.draft_of(await house.load(reservation_id))
    more = replace(draft, rooms=(*draft.rooms, house.room(3, 6, shop.second)), total_amount=None)
    await house.do(reservations.change, reservation_id, draft=more)
    await house.work()
    assert sorted(line.type for line in await shop.held(order)) == sorted([shop.main.id, shop.second.id])
    assert close((await shop.order(order)).total, 2 * house.price(3))
    draft = reservations.draft_of(await house.load(reservation_id))
    gone = house.types[shop.main.id]
    less = replace(draft, rooms=tuple(r for r in draft.rooms if r.room_type_id != gone), total_amount=None)
    await house.do(reservations.change, reservation_id, draft=less)
    await house.work()
    assert [line.type for line in await shop.held(order)] == [shop.second.id]


async def test_cancellation_here_frees_the_rooms_there(house: House, shop: Shop) -> None:
    free = await shop.free_rooms(shop.main, 3, 6)
    reservation_id, order = await sent(house, (3, 6), (3, 6))
    assert await shop.free_rooms(shop.main, 3, 6) == free - 2
    await house.do(reservations.cancel, reservation_id)
    await house.work()
    assert await shop.held(order) == []
    assert (await shop.order(order)).state == int(shop.settings["PS_OS_CANCELED"])
    assert await shop.free_rooms(shop.main, 3, 6) == free


async def test_cancelled_before_it_was_sent_is_never_sent(house: House, shop: Shop) -> None:
    reservation = await house.book(house.room(3, 6))
    await house.do(reservations.cancel, reservation.id)
    await house.work()
    assert await shop.by_source(f"innkeeper:{reservation.id.hex}") == []


async def test_check_in_and_check_out_here_are_seen_there(house: House, shop: Shop) -> None:
    reservation_id, order = await sent(house, (0, 1))
    await house.do(reservations.check_in, reservation_id)
    await house.work()
    assert [line.status for line in await shop.lines(order)] == [2]
    await house.do(reservations.check_out, reservation_id, leave_open=True)
    await house.work()
    assert [line.status for line in await shop.lines(order)] == [3]
    await house.settle()
    assert (await house.load(reservation_id)).status == "Checked-out"


async def test_answer_that_was_lost_makes_no_second_booking(house: House, shop: Shop) -> None:
    """As after a kill between the booking there and the commit here: the intent is stored, the order id is not."""
    reservation_id, order = await sent(house)
    async with house.database.write() as tx:
        forget = update(ReservationMapping).where(ReservationMapping.local_reservation_id == reservation_id)
        await tx.session.execute(
            forget.values(
                qloapps_order_id=None, agreed_local=None, agreed_remote=None, remote_digest=None, status="pending"
            )
        )
        await queue_push(tx, house.property_id, reservation_id)
    await house.work()
    await house.settle()
    assert [found.id for found in await shop.by_source(f"innkeeper:{reservation_id.hex}")] == [order]
    assert (await house.of_order(order)).id == reservation_id
    assert len(await shop.held(order)) == 1


async def test_guest_that_the_shop_cannot_hold_is_sent_in_a_form_that_it_takes(house: House, shop: Shop) -> None:
    name = "Zoë-Luise d'Été 3rd <VIP> 🏨 von und zu Hohenstein-Oberwaldenburg-Niederlausitz"
    reservation = await house.book(
        house.room(3, 6),
        guest_id=await house.guest(name, email="", phone=None),
        special_requests="Cot, 1 < 2, onload = x; 🏨\nsecond line",
    )
    await house.work()
    order = await house.order_of(reservation)
    customer = await shop.customer(order)
    assert "Zo" in str(customer["firstname"]) + str(customer["lastname"])
    assert not any(char in str(customer["firstname"]) + str(customer["lastname"]) for char in "0123456789<>?")
    await house.settle()
    again = await house.load(reservation.id)
    assert "adjusted_for_channel" in again.flags
    assert (again.primary_guest.name, again.primary_guest.email, again.primary_guest.phone) == (name, None, None)
    assert again.special_requests == reservation.special_requests


async def test_shop_without_a_free_room_is_a_conflict_for_a_person_until_there_is_one(house: House, shop: Shop) -> None:
    kind = shop.scarce
    await shop.close_rooms(kind, 3, 6, len(kind.rooms))
    reservation = await house.book(house.room(3, 6, kind))
    await house.work()
    assert "refused_booking" in await house.attention(reservation)
    assert await shop.by_source(f"innkeeper:{reservation.id.hex}") == []
    await shop.reopen_rooms()
    async with house.database.write() as tx:  # the button "send it again"
        await queue_push(tx, house.property_id, reservation.id)
    await house.work()
    assert len(await shop.held(await house.order_of(reservation))) == 1
    assert await house.attention(reservation) == {}


# from the shop to the house -----------------------------------------------------------------------------------------


async def test_booking_made_there_becomes_a_reservation_here(house: House, shop: Shop) -> None:
    who = Guest()
    order = await shop.book(shop.wish(3, 5), shop.wish(3, 4, shop.second), guest=who, remark="Quiet room")
    await house.sync()
    reservation = await house.of_order(order)
    assert (reservation.check_in, reservation.check_out, reservation.flags) == (shop.day(3), shop.day(5), [])
    guest = reservation.primary_guest
    assert (guest.name, guest.email, guest.phone) == (f"Grace {who.last_name}", who.email, who.phone)
    lines = await shop.held(order)
    assert sorted((room.room_type_id, room.check_out, room.adults) for room in reservation.rooms) == sorted(
        (house.types[line.type], line.last, line.adults) for line in lines
    )
    assert close(reservation.total_amount, (await shop.order(order)).total)
    await house.work()
    assert "Quiet room" in (await house.load(reservation.id)).special_requests


async def test_booking_made_there_is_not_sent_back(house: House, shop: Shop) -> None:
    order = await shop.book(shop.wish(3, 5))
    stamp = (await shop.order(order)).updated
    await house.settle()
    assert (await shop.order(order)).updated == stamp


async def test_change_of_dates_there_reaches_the_house(house: House, shop: Shop) -> None:
    order = await shop.book(shop.wish(3, 5), shop.wish(3, 5))
    await house.sync()
    rooms = {room.id for room in (await house.of_order(order)).rooms}
    await shop.change_dates(order, 4, 8)
    await house.sync()
    reservation = await house.of_order(order)
    held = held_rooms(reservation)
    assert [(room.check_in, room.check_out) for room in held] == [(shop.day(4), shop.day(8))] * 2
    assert {room.id for room in held} == rooms
    assert close(reservation.total_amount, (await shop.order(order)).total)


async def test_stay_extended_in_its_room_there_reaches_the_house(house: House, shop: Shop) -> None:
    order = await shop.book(shop.wish(3, 5))
    await house.sync()
    (line,) = await shop.held(order)
    await shop.change_line(line, date_to=f"{shop.day(7)} 00:00:00")
    await house.sync()
    assert (await house.of_order(order)).check_out == shop.day(7)


async def test_room_added_and_room_removed_there(house: House, shop: Shop) -> None:
    order = await shop.book(shop.wish(3, 5))
    await house.sync()
    kept = await shop.as_wishes(order)
    await shop.put_rooms(order, *kept, shop.wish(3, 5, shop.second))
    await house.sync()
    assert len(held_rooms(await house.of_order(order))) == 2
    await shop.put_rooms(order, *kept)
    await house.sync()
    reservation = await house.of_order(order)
    assert [room.room_type_id for room in held_rooms(reservation)] == [house.types[shop.main.id]]
    await house.settle()
    assert [line.type for line in await shop.held(order)] == [shop.main.id]


async def test_one_room_cancelled_there_is_cancelled_here(house: House, shop: Shop) -> None:
    order = await shop.book(shop.wish(3, 5), shop.wish(3, 5, shop.second))
    await house.sync()
    (line,) = [line for line in await shop.held(order) if line.type == shop.second.id]
    await shop.change_line(line, is_refunded=1, is_cancelled=1)
    await house.settle()
    assert [room.room_type_id for room in held_rooms(await house.of_order(order))] == [house.types[shop.main.id]]
    assert [line.type for line in await shop.held(order)] == [shop.main.id]


@pytest.mark.parametrize("state", ["PS_OS_CANCELED", "PS_OS_REFUND"])
async def test_cancellation_and_refund_there_cancel_here(house: House, shop: Shop, state: str) -> None:
    order = await shop.book(shop.wish(3, 5))
    await house.sync()
    assert (await house.of_order(order)).status == "Confirmed"
    await shop.set_state(order, state)
    await house.sync()
    reservation = await house.of_order(order)
    assert reservation.status == "Cancelled"
    await shop.set_state(order, state)
    await house.settle()
    assert (await house.of_order(order)).version == reservation.version


async def test_cancellation_there_of_our_own_booking_cancels_here(house: House, shop: Shop) -> None:
    reservation_id, order = await sent(house)
    await shop.cancel(order)
    await house.settle()
    assert (await house.load(reservation_id)).status == "Cancelled"
    assert await shop.held(order) == []


async def test_booking_brought_back_there_comes_back_here(house: House, shop: Shop) -> None:
    order = await shop.book(shop.wish(3, 5))
    lines = await shop.held(order)
    await house.sync()
    await shop.cancel(order)
    await house.sync()
    assert (await house.of_order(order)).status == "Cancelled"
    await shop.set_state(order, "PS_OS_AWAITING_PAYMENT")
    await house.sync()
    halfway = await house.of_order(order)
    assert halfway.status == "Cancelled"
    assert "reopened_without_rooms" in await house.attention(halfway)
    for line in lines:
        await shop.change_line(line, is_refunded=0, is_cancelled=0)
    await house.settle()
    reservation = await house.of_order(order)
    assert (reservation.status, len(held_rooms(reservation))) == ("Confirmed", 1)
    assert await house.attention(reservation) == {}
    assert [line.id for line in await shop.held(order)] == [line.id for line in lines]


async def test_check_in_and_check_out_there_are_seen_here(house: House, shop: Shop) -> None:
    order = await shop.book(shop.wish(0, 2))
    await house.sync()
    (line,) = await shop.held(order)
    await shop.change_line(line, id_status=2, check_in=f"{shop.day(0)} 14:05:00")
    await house.sync()
    assert (await house.of_order(order)).status == "Checked-in"
    await shop.change_line(line, id_status=3, check_out=f"{shop.day(2)} 09:30:00")
    await house.sync()
    assert (await house.of_order(order)).status == "Checked-out"


async def test_payment_and_guest_corrected_there_are_seen_here(house: House, shop: Shop) -> None:
    order = await shop.book(shop.wish(3, 5), paid=Decimal(50))
    await house.sync()
    reservation = await house.of_order(order)
    assert reservation.prepaid_amount == Decimal(50)
    await shop.rename_customer(order, "Grace", "Murray", "+447911123456")
    (line,) = await shop.held(order)
    await shop.change_line(line, adults=2)
    await house.sync()
    guest = (await house.of_order(order)).primary_guest
    assert (guest.last_name, guest.phone) == ("Murray", "+447911123456")


# both at once -------------------------------------------------------------------------------------------------------


async def test_services_booked_there_survive_a_change_made_here(house: House, shop: Shop) -> None:
    if not shop.main.services:
        pytest.skip("needs a room type with a service that guests may choose")
    order = await shop.book(shop.wish(3, 5, services=((shop.main.services[-1], 1),)))
    before = await shop.services(order)
    assert len(before) == 1
    await house.settle()
    reservation = await house.of_order(order)
    assert [service["name"] for service in reservation.services] == list(before)
    await house.change_rooms(reservation.id, lambda room: replace(room, amount=house.price(6)))
    await house.settle()
    assert await shop.services(order) == before
    longer = Stay(shop.day(3), shop.day(7))
    await house.change_rooms(reservation.id, lambda room: replace(room, stay=longer, amount=house.price(4)))
    await house.settle()
    (line,) = await shop.held(order)
    assert line.last == shop.day(7)
    assert close(line.gross, house.price(4))
    after = await shop.services(order)
    ((name, (quantity, amount)),) = before.items()
    assert after[name][0] == quantity
    assert after[name][1] in (amount, 2 * amount), "a nightly service follows the nights, any other stays"


async def test_different_changes_on_both_sides_are_both_kept(house: House, shop: Shop) -> None:
    reservation_id, order = await sent(house)
    await house.move(reservation_id, 3, 8)
    (line,) = await shop.held(order)
    await shop.change_line(line, adults=2)
    await house.settle()
    (line,) = await shop.held(order)
    (room,) = held_rooms(await house.load(reservation_id))
    assert (line.last, line.adults) == (shop.day(8), 2)
    assert (room.check_out, room.adults) == (shop.day(8), 2)


@pytest.mark.parametrize("winner", ["house", "qloapps"])
async def test_policy_decides_where_both_changed_the_same(house: House, shop: Shop, winner: str) -> None:
    await house.policy(winner)
    reservation_id, order = await sent(house)
    await house.change_rooms(
        reservation_id, lambda room: replace(room, stay=Stay(shop.day(3), shop.day(8)), room_id=None)
    )
    (line,) = await shop.held(order)
    await shop.change_line(line, date_to=f"{shop.day(5)} 00:00:00")
    await house.settle()
    last = shop.day(8) if winner == "house" else shop.day(5)
    assert dates(await shop.held(order)) == [(str(shop.day(3)), str(last))]
    assert (await house.load(reservation_id)).check_out == last


async def test_newer_change_wins_unless_told_otherwise(house: House, shop: Shop) -> None:
    reservation_id, order = await sent(house)
    changed = await house.change_rooms(
        reservation_id, lambda room: replace(room, stay=Stay(shop.day(3), shop.day(8)), room_id=None)
    )
    await house.until_later_than(changed.updated_at)
    (line,) = await shop.held(order)
    await shop.change_line(line, date_to=f"{shop.day(5)} 00:00:00")
    await house.settle()
    assert dates(await shop.held(order)) == [(str(shop.day(3)), str(shop.day(5)))]
    assert (await house.load(reservation_id)).check_out == shop.day(5)


async def test_person_is_asked_where_the_policy_says_so(house: House, shop: Shop) -> None:
    await house.policy("ask")
    reservation_id, order = await sent(house)
    await house.change_rooms(
        reservation_id, lambda room: replace(room, stay=Stay(shop.day(3), shop.day(8)), room_id=None)
    )
    (line,) = await shop.held(order)
    await shop.change_line(line, date_to=f"{shop.day(5)} 00:00:00")
    await house.settle()
    reservation = await house.load(reservation_id)
    assert "conflict" in await house.attention(reservation)
    assert reservation.check_out == shop.day(8)
    assert dates(await shop.held(order)) == [(str(shop.day(3)), str(shop.day(5)))]


async def test_cancellation_there_wins_over_a_change_here(house: House, shop: Shop) -> None:
    reservation_id, order = await sent(house)
    await house.move(reservation_id, 3, 8)
    await shop.cancel(order)
    await house.settle()
    assert (await house.load(reservation_id)).status == "Cancelled"
    assert await shop.held(order) == []


async def test_cancellation_here_wins_over_a_change_there(house: House, shop: Shop) -> None:
    reservation_id, order = await sent(house)
    await house.do(reservations.cancel, reservation_id)
    (line,) = await shop.held(order)
    await shop.change_line(line, adults=2)
    await house.settle()
    assert (await house.load(reservation_id)).status == "Cancelled"
    assert await shop.held(order) == []


async def test_booking_of_a_room_type_without_mapping_is_completed_by_the_mapping(house: House, shop: Shop) -> None:
    from innkeeper.channel_sync import repository, room_types

    async with house.database.write() as tx:
        (mapping,) = [
            each
            for each in await repository.room_type_mappings(tx.session, house.property_id)
            if each.qloapps_product_id == shop.second.id
        ]
        await tx.session.delete(mapping)
    order = await shop.book(shop.wish(3, 5, shop.second))
    await house.sync()
    assert "unmapped" in (await house.of_order(order)).flags
    async with house.database.write() as tx:
        await room_types.create_mapping(
            tx, house.property_id, house.types[shop.second.id], shop.second.id, shop.hotel_id, "bidirectional"
        )
    reservation = await house.of_order(order)
    assert (reservation.flags, reservation.rooms[0].room_type_id) == ([], house.types[shop.second.id])
    stamp = (await shop.order(order)).updated
    await house.settle()
    assert (await shop.order(order)).updated == stamp
