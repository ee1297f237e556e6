"""The day's lists hold who arrives, stays and leaves, and one tap does what the desk does with them."""

from dataclasses import replace
from decimal import Decimal

import pytest

from innkeeper.access.roles import Role
from innkeeper.house import reservations
from innkeeper.storage.database import Database
from tests.house.hotel import day
from tests.web.house_desk import House, fields_of, open_house, words_of

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(database: Database) -> House:
    return await open_house(database)


async def test_an_empty_day_says_what_it_will_show(house: House) -> None:
    async with house.desk() as desk:
        page = words_of(await desk.see("/house/today"))
    assert "Nobody is still to arrive" in page
    assert "Nobody is still to leave" in page


async def test_one_tap_gives_a_free_room_and_no_room_is_offered_twice(house: House) -> None:
    hotel = house.hotel
    first, second = await hotel.book(hotel.room(0, 2)), await hotel.book(hotel.room(0, 2))
    async with house.desk() as desk:
        page = await desk.see("/house/today")
        assert page.count("Give 101") == page.count("Give 102") == 1
        place = {"room_id": hotel.rooms["101"], "check_in": day(0), "check_out": day(2), "version": 1, "from": "today"}
        there = await desk.send(f"/house/stays/{first.id}/{first.rooms[0].id}/move", place)
        assert "Ana Silva has a room: 101" in words_of(await desk.see(there))
        refused = await desk.send(f"/house/stays/{second.id}/{second.rooms[0].id}/move", place, 409)
    assert "Room 101 is held by" in words_of(refused)


async def test_one_tap_checks_in_and_a_second_one_does_no_harm(house: House) -> None:
    hotel = house.hotel
    stay = await hotel.book(hotel.room(0, 2))
    async with house.desk() as desk:
        act = {"version": 1, "from": "today"}
        there = await desk.send(f"/house/reservations/{stay.id}/check-in", act)
        assert "Ana Silva is checked in: 101" in words_of(await desk.see(there))
        again = await desk.send(f"/house/reservations/{stay.id}/check-in", act, 412)
        assert "Somebody else changed this reservation" in again
        assert "To arrive" in again, "the day is still there"
    assert (await hotel.load(stay)).status == "Checked-in"


async def test_a_check_out_with_something_to_pay_shows_the_bill(house: House) -> None:
    hotel = house.hotel
    stay = await hotel.book(hotel.room(0, 1, amount=Decimal("90.00")))
    await hotel.do(reservations.check_in, stay)
    act = {"version": 2, "from": "today"}
    async with house.desk() as desk, house.desk(Role.MANAGER) as manager:
        page = await desk.send(f"/house/reservations/{stay.id}/check-out", act, 409)
        assert "90.00 EUR are still to be paid" in page
        assert fields_of(page)["amount"] == "90.00", "the payment is filled in"
        assert "leave the bill open" not in page
        asked = await manager.send(f"/house/reservations/{stay.id}/check-out", act, 409)
        assert "leave the bill open" in asked
        await desk.send(f"/house/reservations/{stay.id}/check-out", {**act, "leave_open": "yes"}, 403)
        await manager.send(f"/house/reservations/{stay.id}/check-out", {**act, "leave_open": "yes"})
    assert (await hotel.load(stay)).status == "Checked-out"


async def test_the_lists_tell_late_guests_and_other_days_apart(house: House) -> None:
    hotel = house.hotel
    late = await hotel.book(replace(hotel.room(-1, 2)), force=True)
    tomorrow = await hotel.book(hotel.room(1, 3))
    async with house.desk() as desk:
        today = await desk.see("/house/today")
        assert "late" in today
        assert f"/house/reservations/{late.id}" in today
        assert f"/house/reservations/{tomorrow.id}" not in today
        other = await desk.see(f"/house/days/{day(1)}")
        assert f"/house/reservations/{tomorrow.id}" in other
        assert "/check-in" not in other, "nobody is checked in on another day"


async def test_check_in_is_offered_from_the_day_of_arrival_on(house: House) -> None:
    today, tomorrow = await house.hotel.book(house.hotel.room(0, 2)), await house.hotel.book(house.hotel.room(1, 2))
    async with house.desk() as desk:
        assert "Check in" in await desk.see(f"/house/reservations/{today.id}")
        assert "Check in" not in await desk.see(f"/house/reservations/{tomorrow.id}")


async def test_the_day_is_closed_on_its_page_once_every_arrival_is_decided(house: House) -> None:
    hotel = house.hotel
    late, gone = [await hotel.book(hotel.room(0, 3)) for _ in range(2)]
    async with house.desk() as desk:
        page = await desk.see("/house/today")
        assert "Close the day" in page
        assert "Close it anyway" not in page
        assert "Close the day" not in await desk.see(f"/house/days/{day(1)}")
        refused = await desk.send("/house/close-day", {"business_date": day(0), f"arrival.{late.id}": "expected"}, 409)
        assert f"{gone.confirmation}, Ana Silva, has not come." in words_of(refused)
        decided = {"business_date": day(0), f"arrival.{late.id}": "expected", f"arrival.{gone.id}": "no-show"}
        there = await desk.send("/house/close-day", decided)
        assert "The day is closed; Sun 2 Jun" in words_of(await desk.see(there))
        again = await desk.send("/house/close-day", decided, 409)
        assert "Somebody may have closed it already" in words_of(again)
    assert (await hotel.load(gone)).status == "Cancelled"
    assert (await hotel.load(late)).status == "Confirmed"


async def test_a_check_in_by_mistake_is_taken_back_on_the_reservations_page(house: House) -> None:
    hotel = house.hotel
    stay = await hotel.book(hotel.room(0, 3))
    path = f"/house/reservations/{stay.id}"
    async with house.desk() as desk:
        assert "Take the check-in back" not in await desk.see(path)
        await desk.send(f"{path}/check-in", {"version": 1})
        assert "Take the check-in back" in await desk.see(path)
        await desk.send(f"{path}/undo-check-in", {"version": 2, "reason": ""}, 422)
        await desk.send(f"{path}/undo-check-in", {"version": 2, "reason": "Namesake"})
    assert (await hotel.load(stay)).status == "Confirmed"
