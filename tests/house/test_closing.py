"""The business date goes on one night at a time, by somebody who has settled the day, and rooms are held all along."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from innkeeper.access.tables import AuditRow
from innkeeper.domain.business_day import utc_now
from innkeeper.house import closing, overview, properties, reservations
from innkeeper.house.tables import Property, RoomNight
from tests.access.support import Inn
from tests.house.desk import Desk, booking
from tests.house.hotel import TODAY, Hotel, day

pytestmark = pytest.mark.anyio


async def today(desk: Desk) -> str:
    date: str = (await desk.call("GET", "/property"))["business_date"]
    return date


async def trail(hotel: Hotel, action: str) -> list[dict[str, Any]]:
    async with hotel.database.read() as session:
        return [row.detail for row in await session.scalars(select(AuditRow).where(AuditRow.action == action))]


async def test_the_business_date_goes_on_by_one_night_unless_it_is_confirmed(hotel: Hotel, admin: Desk) -> None:
    for wrong in (day(-1), day(2), day(400)):
        refused = await admin.call("PUT", "/property", 409, json={"business_date": str(wrong)})
        assert (refused["code"], "confirm_business_date" in refused["action"]) == ("BUSINESS_DATE", True)
    for impossible in ("1999-12-31", "9999-12-31"):
        body = {"business_date": impossible, "confirm_business_date": True}
        assert (await admin.call("PUT", "/property", 422, json=body))["errors"][0]["field"] == "business_date"
    assert await today(admin) == str(day(0))
    assert (await admin.call("PUT", "/property", json={"business_date": str(day(1))}))["business_date"] == str(day(1))
    back = {"business_date": str(day(-3)), "confirm_business_date": True}
    assert (await admin.call("PUT", "/property", json=back))["business_date"] == str(day(-3))
    await admin.call("GET", "/availability", 422, params={"start": "9999-12-20"})


async def test_two_stays_never_share_a_room_after_the_date_went_back(hotel: Hotel, desk: Desk, admin: Desk) -> None:
    body = booking(hotel, 0, 4, rooms=[{"room_type_id": str(hotel.suite), "room_number": "201"}])
    first = await desk.call("POST", "/reservations", 201, json=body)
    await desk.call("POST", f"/reservations/{first['id']}/check-in")
    await hotel.pass_nights(2)
    forced = await hotel.book(
        hotel.room(0, 2, room_type_id=hotel.suite), hotel.room(1, 5, room_type_id=hotel.double), force=True
    )
    assert forced.flags == []
    async with hotel.database.write() as tx:
        row = (await reservations.reservation_repository.reservations(tx.session, [forced.id]))[0].rooms[0]
        row.room_id = hotel.rooms["201"]
    await admin.call("PUT", "/property", json={"business_date": str(day(0)), "confirm_business_date": True})
    moved = await hotel.load(forced)
    assert (moved.rooms[0].room_id, moved.flags) == (None, ["overbooked", "room_taken"])
    assert (await hotel.events())[-1].name == "reservation.updated"
    async with hotel.database.read() as session:
        nights = await session.scalars(select(RoomNight.night).where(RoomNight.room_id == hotel.rooms["201"]))
        assert sorted(nights) == [day(n) for n in range(4)]
    another = booking(hotel, 0, 1, rooms=[{"room_type_id": str(hotel.double), "room_number": "101"}])
    await desk.call("POST", "/reservations", 201, json=another)


async def test_a_day_is_closed_once_nothing_stands_in_the_way(hotel: Hotel, desk: Desk, inn: Inn) -> None:
    async def hints(_session: object, _property_id: object, of: object) -> list[str]:
        return [f"The charges of {of} are not signed."]

    inn.app.state.day_hints = hints
    late, gone, out = [
        await desk.call("POST", "/reservations", 201, json=booking(hotel, 0, last)) for last in (3, 2, 1)
    ]
    await desk.call("POST", f"/reservations/{out['id']}/check-in")
    await hotel.pass_nights()
    found = await desk.call("GET", "/property/close-day")
    assert {one["id"] for one in found["arrivals"]} == {late["id"], gone["id"]}
    assert [(one["id"], one["guest"]) for one in found["departures"]] == [(out["id"], "Rui Gomes")]
    assert found["hints"] == [f"The charges of {day(1)} are not signed."]
    refused = await desk.call("POST", "/property/close-day", 409)
    assert (refused["code"], len(refused["errors"])) == ("DAY_NOT_READY", 3)
    await desk.call("POST", "/property/close-day", 403, json={"anyway": True})
    await desk.call("POST", f"/reservations/{out['id']}/folio/payments", 201, json={"amount": "90.00"})
    await desk.call("POST", f"/reservations/{out['id']}/check-out")
    over = await desk.call("POST", "/property/close-day", 409, json={"expected": [late["id"], gone["id"]]})
    assert ["nights are over" in error["message"] for error in over["errors"]] == [True]
    await desk.call("POST", "/property/close-day", 422, json={"no_shows": [out["id"]]})
    assert await today(desk) == str(day(1))
    decided = {"business_date": str(day(1)), "expected": [late["id"]], "no_shows": [gone["id"]]}
    closed = await desk.call("POST", "/property/close-day", json=decided)
    assert (closed["day"], closed["business_date"]) == (str(day(1)), str(day(2)))
    assert (await desk.call("POST", "/property/close-day", 409, json=decided))["code"] == "DAY_CLOSED"
    missing = await desk.call("GET", f"/reservations/{gone['id']}")
    assert (missing["status"], missing["flags"]) == ("Cancelled", ["no_show"])
    assert (await desk.call("GET", f"/reservations/{late['id']}"))["status"] == "Confirmed"
    [told] = await trail(hotel, "day.closed")
    assert told["no_shows"] == [gone["confirmation"]]
    assert (told["closed"], told["opened"], told["expected"]) == (str(day(1)), str(day(2)), [late["confirmation"]])


async def test_of_a_group_only_who_did_not_come_is_a_no_show(hotel: Hotel, desk: Desk) -> None:
    rooms = [{"room_type_id": str(hotel.double)}, {"room_type_id": str(hotel.double)}]
    made = await desk.call("POST", "/reservations", 201, json=booking(hotel, 0, 3, rooms=rooms))
    path = f"/reservations/{made['id']}"
    await desk.call("POST", f"{path}/check-in", json={"rooms": [{"id": made["rooms"][0]["id"]}]})
    await desk.call("POST", "/property/close-day", json={"no_shows": [made["id"]]})
    left = await desk.call("GET", path)
    assert [room["status"] for room in left["rooms"]] == ["Checked-in", "Cancelled"]
    assert (left["status"], left["total_amount"], left["flags"]) == ("Checked-in", "270.00", ["no_show"])


async def test_a_day_closes_by_itself_at_its_hour_and_cancels_nobody(hotel: Hotel, desk: Desk, admin: Desk) -> None:
    waiting = await desk.call("POST", "/reservations", 201, json=booking(hotel, 0, 2))

    async def tick() -> None:
        async with hotel.database.write() as tx:
            await closing.close_due(tx)

    await tick()
    assert (await admin.call("PUT", "/property", json={"night_audit_time": "03:00"}))["night_audit_time"] == "03:00"
    await tick()
    assert await today(desk) == str(day(0)), "its hour has not come by the hotel's clock"
    async with hotel.database.write() as tx:
        (await properties.get(tx.session, hotel.id)).business_date = utc_now().date() - timedelta(days=2)
    before = await today(desk)
    await tick()
    opened = await today(desk)
    assert (datetime.fromisoformat(opened) - datetime.fromisoformat(before)).days == 1
    assert (await desk.call("GET", f"/reservations/{waiting['id']}"))["status"] == "Confirmed"
    assert [one["opened"] for one in await trail(hotel, "day.closed")] == [opened]
    assert (await admin.call("PUT", "/property", json={"night_audit_time": None}))["night_audit_time"] is None


@pytest.mark.parametrize(
    ("at", "closes"),
    [(time(3, 0), datetime(2030, 6, 2, 2, 0, tzinfo=UTC)), (time(23, 30), datetime(2030, 6, 1, 22, 30, tzinfo=UTC))],
)
def test_an_hour_before_noon_is_that_of_the_night_after(at: time, closes: datetime) -> None:
    assert closing.closes_at(Property(business_date=TODAY, timezone="Europe/Lisbon"), at) == closes


@pytest.mark.parametrize(
    ("now", "nights"),
    [
        (datetime(2030, 6, 1, 12, tzinfo=UTC), 0),
        (datetime(2030, 6, 2, 2, tzinfo=UTC), 0),
        (datetime(2030, 6, 2, 9, tzinfo=UTC), 1),
        (datetime(2030, 5, 1, 9, tzinfo=UTC), 0),
        (datetime(2030, 6, 5, 9, tzinfo=UTC), 4),
    ],
)
def test_a_date_trails_once_the_small_hours_after_it_are_over(now: datetime, nights: int) -> None:
    assert overview.trailing(Property(business_date=TODAY, timezone="Europe/Lisbon"), now) == nights


async def test_a_check_in_by_mistake_is_taken_back_on_its_day(hotel: Hotel, desk: Desk) -> None:
    made = await desk.call("POST", "/reservations", 201, json=booking(hotel, 0, 3))
    path = f"/reservations/{made['id']}"
    assert (await desk.call("POST", f"{path}/undo-check-in", 409, json={"reason": "x"}))["code"] == "NOTHING_TO_UNDO"
    arrived = await desk.call("POST", f"{path}/check-in")
    await desk.call("POST", f"{path}/undo-check-in", 422, json={})
    back = await desk.call("POST", f"{path}/undo-check-in", json={"reason": "Namesake"})
    assert (back["status"], back["rooms"][0]["room_id"]) == ("Confirmed", arrived["rooms"][0]["room_id"])
    assert await trail(hotel, "reservation.check_in_undone") == [{"reason": "Namesake"}]
    await desk.call("POST", f"{path}/check-in")
    await hotel.pass_nights()
    assert (await desk.call("POST", f"{path}/undo-check-in", 409, json={"reason": "x"}))["code"] == "NOTHING_TO_UNDO"
