"""Dates in a distant year are refused at the desk, and cost nothing where a channel has sent one."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from innkeeper.domain.stay import Stay
from innkeeper.house import availability, rooms
from innkeeper.house.checks import horizon
from tests.house.desk import Desk, booking
from tests.house.hotel import TODAY, Hotel, day

pytestmark = pytest.mark.anyio

FAR = date(9999, 12, 29)


async def test_a_reservation_and_a_maintenance_beyond_five_years_are_refused(
    hotel: Hotel, desk: Desk, manager: Desk
) -> None:
    last = horizon(TODAY)
    dates = {"check_in": str(last - timedelta(days=1)), "check_out": str(last)}
    assert (await desk.call("POST", "/reservations", 201, json=booking(hotel, **dates)))["check_out"] == str(last)
    for beyond in (last + timedelta(days=1), date(9999, 12, 31)):
        dates = {"check_in": str(beyond - timedelta(days=1)), "check_out": str(beyond)}
        refused = await desk.call("POST", "/reservations", 422, json=booking(hotel, **dates))
        assert [error["field"] for error in refused["errors"]] == ["rooms[0].check_out"]
        work = {"room_id": str(hotel.rooms["101"]), "start": str(day(0)), "end": str(beyond)}
        refused = await manager.call("POST", "/maintenance", 422, json=work)
        assert [error["field"] for error in refused["errors"]] == ["end"]
        assert str(last) in refused["detail"]


async def test_a_channels_stay_in_a_distant_year_does_not_widen_what_is_counted(hotel: Hotel, admin: Desk) -> None:
    distant = replace(hotel.room(1, 2), room_type_id=hotel.suite, stay=Stay(FAR, FAR + timedelta(days=1)))
    one = await hotel.book(distant, hotel.room(1, 2, room_type_id=hotel.suite), force=True)
    other = await hotel.book(distant, hotel.room(2, 3, room_type_id=hotel.suite), force=True)
    assert [room.overbooked for room in (*one.rooms, *other.rooms)] == [False, False, True, False]
    async with hotel.database.read() as session:
        nights = (day(1), day(2), day(3), FAR)
        counted = await availability.free_on(session, {(hotel.suite, night) for night in nights})
    assert counted == {
        (hotel.suite, day(1)): 0,
        (hotel.suite, day(2)): 0,
        (hotel.suite, day(3)): 1,
        (hotel.suite, FAR): -1,
    }
    room = {"number": "202", "room_type_id": str(hotel.suite)}
    added = await admin.call("POST", "/rooms", 201, json=room)
    assert (await hotel.load(other)).flags == []
    refused = await admin.call("DELETE", f"/rooms/{added['id']}", 409)
    assert (refused["code"], str(FAR) in refused["detail"]) == ("NOT_AVAILABLE", True)


async def test_short_nights_are_those_that_availability_shows_below_zero(hotel: Hotel) -> None:
    for first, last in ((0, 4), (2, 6), (3, 9), (5, 7), (20, 22)):
        await hotel.book(hotel.room(first, last), force=True)
    async with hotel.database.write() as tx:
        for number, first, last in (("101", 1, 3), ("101", 2, 6), ("102", 5, 8), ("103", 20, 21)):
            await rooms.add_maintenance(tx, hotel.id, room_id=hotel.rooms[number], start=day(first), end=day(last))
        await rooms.add_maintenance(tx, hotel.id, room_type_id=hotel.double, units=2, start=day(19), end=day(22))
    below = [day(night) for night, free in enumerate(await hotel.free(0, 30)) if free < 0]
    assert below
    async with hotel.database.read() as session:
        for first, last in ((0, 30), (3, 6), (20, 21)):
            expected = [night for night in below if day(first) <= night < day(last)]
            assert await availability.short_nights(session, hotel.double, day(first), day(last)) == expected
        assert await availability.short_nights(session, hotel.double, day(0), date.max) == below
