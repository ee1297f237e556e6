"""A field that is misspelt, of the wrong kind or only the house's to set is refused by name, not passed over."""

from typing import Any

import pytest

from tests.house.desk import Desk, booking
from tests.house.hotel import Hotel, day

pytestmark = pytest.mark.anyio


async def refused(desk: Desk, method: str, path: str, body: dict[str, Any]) -> list[str]:
    """Return the fields that a body is refused for."""
    problem = await desk.call(method, path, 422, json=body)
    return [error["field"] for error in problem["errors"]]


async def test_a_field_that_nobody_knows_is_named(hotel: Hotel, desk: Desk, manager: Desk, admin: Desk) -> None:
    guest, room, kind = f"/guests/{hotel.guest}", f"/rooms/{hotel.rooms['101']}", f"/room-types/{hotel.double}"
    made = await desk.call("POST", "/reservations", 201, json=booking(hotel))
    path = f"/reservations/{made['id']}"
    assert await refused(desk, "POST", "/reservations", booking(hotel, foo=1)) == ["foo"]
    assert await refused(desk, "POST", "/reservations", booking(hotel, rooms=[{"adult": 2}])) == ["rooms[0].adult"]
    assert await refused(desk, "POST", "/reservations", booking(hotel, primary_guest={"nam": "x"})) == [
        "primary_guest.nam"
    ]
    assert await refused(desk, "PUT", path, {"chek_out": str(day(9))}) == ["chek_out"]
    assert await refused(desk, "PUT", guest, {"mail": "x@example.com"}) == ["mail"]
    assert await refused(desk, "POST", f"{path}/check-in", {"room": "101"}) == ["room"]
    assert await refused(desk, "POST", f"{path}/folio/payments", {"amount": "1.00", "kind": "cash"}) == ["kind"]
    assert await refused(admin, "PUT", "/property", {"foo": 1}) == ["foo"]
    assert await refused(admin, "PUT", room, {"floor": 1}) == ["floor"]
    assert await refused(admin, "PUT", kind, {"price": "1.00"}) == ["price"]
    rates = {"room_type_id": str(hotel.double), "start": str(day(1)), "end": str(day(2)), "prise": "1.00"}
    assert await refused(manager, "PUT", "/rates", rates) == ["prise"]


async def test_a_value_of_another_kind_is_not_bent_into_shape(hotel: Hotel, desk: Desk, admin: Desk) -> None:
    room = {"number": True, "room_type_id": str(hotel.double)}
    assert await refused(admin, "POST", "/rooms", room) == ["number"]
    for rooms in ({"adults": True}, {"adults": "2"}, {"child_ages": [True]}, {"amount": False}):
        [name] = rooms
        [field] = await refused(desk, "POST", "/reservations", booking(hotel, rooms=[rooms]))
        assert field.startswith(f"rooms[0].{name}")
    assert await refused(desk, "POST", "/reservations", booking(hotel, overbook="yes")) == ["overbook"]
    assert await refused(admin, "PUT", "/property", {"tax_included": 1}) == ["tax_included"]


async def test_a_guest_cannot_lose_his_name(hotel: Hotel, desk: Desk) -> None:
    path = f"/guests/{hotel.guest}"
    for name in ("", "   "):
        assert await refused(desk, "PUT", path, {"name": name}) == ["name"]
    assert (await desk.call("GET", path))["name"] == "Ana Silva"


async def test_a_state_is_not_set_by_hand(hotel: Hotel, desk: Desk) -> None:
    for status in ("Bogus", "Checked-in"):
        assert await refused(desk, "POST", "/reservations", booking(hotel, status=status)) == ["status"]
    rooms = [{"room_type_id": str(hotel.double), "status": "Checked-in"}]
    assert await refused(desk, "POST", "/reservations", booking(hotel, rooms=rooms)) == ["rooms[0].status"]
    made = await desk.call("POST", "/reservations", 201, json=booking(hotel))
    rooms = [{"id": made["rooms"][0]["id"], "status": "Cancelled"}]
    assert await refused(desk, "PUT", f"/reservations/{made['id']}", {"rooms": rooms}) == ["rooms[0].status"]


async def test_a_room_lies_within_the_dates_of_its_reservation(hotel: Hotel, desk: Desk) -> None:
    room = {"room_type_id": str(hotel.double)}
    for dates, field in (({"check_in": str(day(0))}, "check_in"), ({"check_out": str(day(9))}, "check_out")):
        body = booking(hotel, rooms=[room | dates])
        assert await refused(desk, "POST", "/reservations", body) == [f"rooms[0].{field}"]
    made = await desk.call("POST", "/reservations", 201, json=booking(hotel))
    path, own = f"/reservations/{made['id']}", made["rooms"][0]["id"]
    wide = {"check_out": str(day(4)), "rooms": [{"id": own, "check_out": str(day(6))}]}
    assert await refused(desk, "PUT", path, wide) == ["rooms[0].check_out"]
    longer = await desk.call(
        "PUT", path, json={**made, "rooms": [{**made["rooms"][0], "check_out": str(day(6)), "amount": None}]}
    )
    assert (longer["check_out"], longer["total_amount"]) == (str(day(6)), "450.00")


async def test_whatever_is_read_can_be_sent_back(hotel: Hotel, desk: Desk, admin: Desk) -> None:
    made = await desk.call("POST", "/reservations", 201, json=booking(hotel))
    places = {
        f"/reservations/{made['id']}": desk,
        f"/guests/{hotel.guest}": desk,
        "/property": admin,
        f"/rooms/{hotel.rooms['101']}": admin,
        f"/room-types/{hotel.double}": admin,
    }
    for path, who in places.items():
        read = await who.call("GET", path)
        assert await who.call("PUT", path, json=read) == read, path
