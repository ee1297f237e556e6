"""A guest in house and a billed stay are facts that the desk cannot write over."""

from dataclasses import replace
from typing import Any

import pytest

from innkeeper.domain.stay import Stay, StayStatus
from innkeeper.house import properties, reservations
from innkeeper.house.reservations import draft_of
from tests.house.desk import Desk, booking
from tests.house.hotel import Hotel, day

pytestmark = pytest.mark.anyio


async def two_rooms_one_inside(hotel: Hotel, desk: Desk) -> dict[str, Any]:
    """Return a reservation of two rooms whose first guest is in house."""
    rooms = [{"room_type_id": str(hotel.double)}, {"room_type_id": str(hotel.double)}]
    made = await desk.call("POST", "/reservations", 201, json=booking(hotel, 0, 3, rooms=rooms))
    first = made["rooms"][0]["id"]
    arrived: dict[str, Any] = await desk.call(
        "POST", f"/reservations/{made['id']}/check-in", json={"rooms": [{"id": first, "room_number": "101"}]}
    )
    return arrived


async def one_who_has_left(hotel: Hotel, desk: Desk) -> dict[str, Any]:
    """Return a reservation that was paid and has checked out."""
    made = await desk.call("POST", "/reservations", 201, json=booking(hotel, 0, 1))
    path = f"/reservations/{made['id']}"
    await desk.call("POST", f"{path}/check-in")
    await desk.call("POST", f"{path}/folio/payments", 201, json={"amount": "90.00"})
    left: dict[str, Any] = await desk.call("POST", f"{path}/check-out")
    return left


async def test_a_guest_in_house_cannot_be_taken_off_a_reservation(hotel: Hotel, desk: Desk) -> None:
    inside = await two_rooms_one_inside(hotel, desk)
    path = f"/reservations/{inside['id']}"
    for rooms in ([{"id": inside["rooms"][1]["id"]}], [{"room_type_id": str(hotel.suite)}]):
        refused = await desk.call("PUT", path, 409, json={"rooms": rooms})
        assert (refused["code"], "101" in refused["detail"]) == ("IN_HOUSE", True)
        assert "Check the guest out" in refused["action"]
    assert await desk.call("GET", path) == inside
    fewer = await desk.call("PUT", path, json={"rooms": [{"id": inside["rooms"][0]["id"]}]})
    assert [room["status"] for room in fewer["rooms"]] == ["Checked-in"]


async def test_a_billed_stay_is_not_rewritten(hotel: Hotel, desk: Desk) -> None:
    left = await one_who_has_left(hotel, desk)
    path = f"/reservations/{left['id']}"
    room = left["rooms"][0]["id"]
    for change in (
        {"check_out": str(day(4))},
        {"check_in": str(day(-1))},
        {"rooms": [{"room_type_id": str(hotel.suite)}]},
        {"rooms": [{"id": room, "room_type_id": str(hotel.suite)}]},
        {"rooms": [{"id": room, "adults": 1}]},
        {"rooms": [{"id": room, "amount": "10.00"}]},
        {"rooms": [{"id": room}, {"room_type_id": str(hotel.double)}]},
        {"prepaid_amount": "90.00"},
    ):
        refused = await desk.call("PUT", path, 409, json=change)
        assert refused["code"] == "CHECKED_OUT", change
        assert refused["action"]
    await desk.call("PUT", path, 422, json={"total_amount": "10.00"})
    assert await desk.call("GET", path) == left
    assert (await desk.call("PUT", path, json=left))["version"] == left["version"]
    noted = await desk.call("PUT", path, json={"special_requests": "Left a scarf"})
    assert (noted["status"], noted["special_requests"]) == ("Checked-out", "Left a scarf")


async def test_the_rooms_that_go_on_move_without_the_one_that_was_left(hotel: Hotel, desk: Desk) -> None:
    inside = await two_rooms_one_inside(hotel, desk)
    path = f"/reservations/{inside['id']}"
    await desk.call("POST", f"{path}/check-out", json={"rooms": [inside["rooms"][0]["id"]]})
    longer = await desk.call("PUT", path, json={"check_out": str(day(5))})
    assert [room["check_out"] for room in longer["rooms"]] == [str(day(1)), str(day(5))]
    refused = await desk.call("PUT", path, 409, json={"rooms": [{"id": inside["rooms"][1]["id"]}]})
    assert refused["code"] == "CHECKED_OUT"


async def test_a_guest_in_house_keeps_his_arrival_and_leaves_after_today(hotel: Hotel, desk: Desk) -> None:
    made = await desk.call("POST", "/reservations", 201, json=booking(hotel, 0, 3))
    path = f"/reservations/{made['id']}"
    await desk.call("POST", f"{path}/check-in")
    later = {"check_in": str(day(5)), "check_out": str(day(7))}
    assert (await desk.call("PUT", path, 409, json=later))["code"] == "IN_HOUSE"
    async with hotel.database.write() as tx:
        (await properties.get(tx.session, hotel.id)).business_date = day(1)
    refused = await desk.call("PUT", path, 422, json={"check_out": str(day(1))})
    assert [error["field"] for error in refused["errors"]] == ["rooms[0].check_out"]
    assert (await desk.call("PUT", path, json={"check_out": str(day(2))}))["check_out"] == str(day(2))


async def test_nobody_checks_in_before_his_arrival(hotel: Hotel, desk: Desk) -> None:
    made = await desk.call("POST", "/reservations", 201, json=booking(hotel, 4, 6))
    path = f"/reservations/{made['id']}"
    for body in (None, {"room_number": "102"}):
        refused = await desk.call("POST", f"{path}/check-in", 409, json=body)
        assert (refused["code"], "hange the arrival first" in refused["action"]) == ("TOO_EARLY", True)
    await desk.call("PUT", path, json={"check_in": str(day(0))})
    assert (await desk.call("POST", f"{path}/check-in"))["status"] == "Checked-in"


async def test_of_a_group_those_check_in_who_are_due(hotel: Hotel, desk: Desk) -> None:
    rooms = [{"room_type_id": str(hotel.double)}, {"room_type_id": str(hotel.double), "check_in": str(day(2))}]
    made = await desk.call("POST", "/reservations", 201, json=booking(hotel, 0, 4, rooms=rooms))
    arrived = await desk.call("POST", f"/reservations/{made['id']}/check-in")
    assert [room["status"] for room in arrived["rooms"]] == ["Checked-in", "Confirmed"]


async def test_a_guest_whom_a_channel_lets_in_early_holds_tonights_room(hotel: Hotel) -> None:
    booked = await hotel.book(hotel.room(4, 6, room_type_id=hotel.suite))
    draft = draft_of(booked)
    inside = replace(draft, rooms=(replace(draft.rooms[0], status=StayStatus.CHECKED_IN),))
    arrived = await hotel.change(booked, inside, force=True, origin="qloapps")
    assert (arrived.status, arrived.check_in) == ("Checked-in", day(4))
    assert await hotel.free(-1, 7, hotel.suite) == [1, 0, 0, 0, 0, 0, 0, 1]
    told = (await hotel.events())[-1].payload
    assert (told["start"], told["end"]) == (str(day(0)), str(day(6)))
    moved = replace(draft_of(arrived), rooms=(replace(draft_of(arrived).rooms[0], stay=Stay(day(8), day(9))),))
    await hotel.change(booked, moved, force=True, origin="qloapps")
    assert await hotel.free(0, 10, hotel.suite) == [0] * 9 + [1]
    other = await hotel.book(hotel.room(0, 2, room_type_id=hotel.suite), force=True)
    assert (await hotel.load(other)).flags == ["overbooked"]
    assert arrived.rooms[0].room_id == hotel.rooms["201"]
    await hotel.do(reservations.check_out, booked, leave_open=True)
    assert await hotel.free(0, 10, hotel.suite) == [0, 0, *[1] * 8]
