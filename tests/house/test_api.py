"""The house over HTTP: shapes, roles, versions, and the wording of refusals."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from innkeeper.access.roles import Role
from innkeeper.domain.ids import new_id
from tests.access.support import Inn
from tests.house.desk import Desk, booking, desk_of
from tests.house.hotel import Hotel, day

pytestmark = pytest.mark.anyio


async def test_a_reservation_reads_as_the_interface_says(hotel: Hotel, desk: Desk) -> None:
    made = await desk.call("POST", "/reservations", 201, json=booking(hotel))
    assert made["status"] == "Confirmed"
    assert (made["currency"], made["total_amount"], made["version"]) == ("EUR", "180.00", 1)
    assert made["primary_guest"]["name"] == "Rui Gomes"
    room = made["rooms"][0]
    assert (room["amount"], room["check_in"], room["room_type_name"]) == ("180.00", str(day(1)), "Double")
    assert (room["room_id"], room["room_number"], room["child_ages"], room["overbooked"]) == (None, None, [], False)
    assert await desk.call("GET", f"/reservations/{made['id']}") == made
    page = await desk.call("GET", "/reservations", params={"q": "gomes", "limit": 5})
    assert (page["items"], page["total"], page["limit"], page["offset"]) == ([made], 1, 5, 0)


async def test_reservations_are_found_by_what_a_clerk_knows(hotel: Hotel, desk: Desk, manager: Desk) -> None:
    first = await desk.call(
        "POST",
        "/reservations",
        201,
        json=booking(hotel, rooms=[{"room_type_id": str(hotel.suite), "room_number": 201}]),
    )
    second = await manager.call(
        "POST",
        "/reservations",
        201,
        json=booking(
            hotel,
            2,
            4,
            rooms=[{"room_type_id": str(hotel.suite)}],
            overbook=True,
            primary_guest={"first_name": "Zoë", "last_name": "Ångström"},
        ),
    )
    await desk.call("POST", f"/reservations/{first['id']}/cancel")
    for query, expected in (
        ({"q": "angstrom zoe"}, [second]),
        ({"q": first["confirmation"]}, [first]),
        ({"q": "201"}, [first]),
        ({"status": "Cancelled"}, [first]),
        ({"status": ["Cancelled", "Confirmed"]}, [first, second]),
        ({"flag": "overbooked"}, []),
        ({"from": str(day(3))}, [second]),
        ({"to": str(day(1))}, [first]),
        ({"arrival_from": str(day(2)), "departure_to": str(day(4))}, [second]),
        ({"q": "%"}, []),
    ):
        page = await desk.call("GET", "/reservations", params=query)
        assert [row["id"] for row in page["items"]] == [row["id"] for row in expected], query
        assert page["total"] == len(expected)
    await desk.call("GET", "/reservations", 422, params={"limit": 501})


async def test_fifty_posts_for_the_last_room_make_one_reservation(hotel: Hotel, desk: Desk) -> None:
    body = booking(hotel, rooms=[{"room_type_id": str(hotel.suite), "adults": 2}])
    answers = await asyncio.gather(*(desk.client.post("/api/reservations", json=body) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 49
    problem = next(answer.json() for answer in answers if answer.status_code == 409)
    assert problem["code"] == "NOT_AVAILABLE"
    assert str(day(1)) in problem["detail"]
    assert problem["action"]


async def test_only_a_manager_overbooks(hotel: Hotel, desk: Desk, manager: Desk) -> None:
    suite = {"rooms": [{"room_type_id": str(hotel.suite)}]}
    await desk.call("POST", "/reservations", 201, json=booking(hotel, **suite))
    await desk.call("POST", "/reservations", 403, json=booking(hotel, overbook=True, **suite))
    made = await manager.call("POST", "/reservations", 201, json=booking(hotel, overbook=True, **suite))
    assert made["flags"] == ["overbooked"]
    assert made["rooms"][0]["overbooked"] is True


async def test_a_stale_version_is_412(hotel: Hotel, desk: Desk) -> None:
    response = await desk.client.post("/api/reservations", json=booking(hotel))
    made = response.json()
    assert response.headers["ETag"] == '"1"'
    path = f"/reservations/{made['id']}"
    changed = await desk.call("PUT", path, json={"special_requests": "Quiet"}, headers={"If-Match": '"1"'})
    assert (changed["version"], changed["special_requests"]) == (2, "Quiet")
    stale = await desk.call("PUT", path, 412, json={"special_requests": "Loud"}, headers={"If-Match": "1"})
    assert stale["code"] == "STALE_VERSION"
    await desk.call("POST", f"{path}/cancel", 412, headers={"If-Match": "1"})
    assert (await desk.call("GET", path))["special_requests"] == "Quiet"


async def test_what_was_read_can_be_sent_back_with_one_thing_changed(hotel: Hotel, desk: Desk) -> None:
    rooms = [{"room_type_id": str(hotel.double)}, {"room_type_id": str(hotel.double), "check_out": str(day(2))}]
    made = await desk.call("POST", "/reservations", 201, json=booking(hotel, rooms=rooms))
    path = f"/reservations/{made['id']}"
    assert (await desk.call("PUT", path, json=made))["version"] == 1
    longer = await desk.call("PUT", path, json={**made, "check_out": str(day(5))})
    assert [room["check_out"] for room in longer["rooms"]] == [str(day(5)), str(day(2))]
    assert [room["id"] for room in longer["rooms"]] == [room["id"] for room in made["rooms"]]
    shorter = await desk.call("PUT", path, json={"check_out": str(day(3))})
    assert (shorter["check_out"], shorter["total_amount"]) == (str(day(3)), "270.00")
    one = await desk.call("PUT", path, json={"rooms": [{"room_type_id": str(hotel.double), "adults": 1}]})
    assert [room["id"] for room in one["rooms"]] == [made["rooms"][0]["id"]]
    assert one["rooms"][0]["adults"] == 1
    renamed = await desk.call("PUT", path, json={"primary_guest": {**one["primary_guest"], "name": "Rui Costa"}})
    assert renamed["primary_guest"]["id"] == made["primary_guest"]["id"]
    assert renamed["primary_guest"]["name"] == "Rui Costa"


async def test_a_cancelled_reservation_is_taken_again_only_by_saying_so(hotel: Hotel, desk: Desk) -> None:
    made = await desk.call("POST", "/reservations", 201, json=booking(hotel))
    path = f"/reservations/{made['id']}"
    assert (await desk.call("POST", f"{path}/cancel"))["status"] == "Cancelled"
    assert (await desk.call("POST", f"{path}/cancel"))["version"] == 2
    refused = await desk.call("PUT", path, 409, json={"check_out": str(day(6))})
    assert refused["code"] == "CANCELLED"
    assert (await desk.call("PUT", path, json={"status": "Confirmed"}))["status"] == "Confirmed"
    await desk.call("PUT", path, 422, json={"status": "Checked-in"})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"check_out": str(day(1))}, "check_out"),
        ({"check_out": str(day(900))}, "check_out"),
        ({"check_in": "2030-02-30"}, "check_in"),
        ({"check_in": None}, "check_in"),
        ({"currency": "XYZ"}, "currency"),
        ({"currency": "USD"}, "currency"),
        ({"rooms": []}, "rooms"),
        ({"rooms": [{"adults": 400}]}, "rooms[0].adults"),
        ({"rooms": [{"child_ages": "young"}]}, "rooms[0].child_ages"),
        ({"rooms": [{"room_number": "999"}]}, "rooms[0].room_number"),
        ({"rooms": [{"amount": "1e9999"}]}, "rooms[0].amount"),
        ({"rooms": [{"amount": "12.345"}]}, "rooms[0].amount"),
        ({"rooms": [{"amount": "100.00"}], "total_amount": "90.00"}, "total_amount"),
        ({"primary_guest": None}, "primary_guest"),
        ({"primary_guest": {"id": str(new_id())}}, "primary_guest.id"),
        ({"primary_guest": {"email": "rui@example.com"}}, "primary_guest.name"),
        ({"primary_guest": {"name": "Rui", "email": "rui at example"}}, "primary_guest.email"),
        ({"primary_guest": {"name": "Rui", "email": "rui@localhost"}}, "primary_guest.email"),
        ({"primary_guest": {"name": "Rui", "phone": "call me"}}, "primary_guest.phone"),
        ({"primary_guest": {"name": "Rui\x07"}}, "primary_guest.name"),
        ({"primary_guest": {"name": "R" * 201}}, "primary_guest.name"),
        ({"special_requests": "x" * 6000}, "special_requests"),
    ],
)
async def test_wrong_input_is_refused_with_its_field(
    hotel: Hotel, desk: Desk, change: dict[str, Any], field: str
) -> None:
    body = booking(hotel, **change)
    for room in body["rooms"]:
        room.setdefault("room_type_id", str(hotel.double))
    problem = await desk.call("POST", "/reservations", 422, json=body)
    assert field in [error["field"] for error in problem["errors"]], problem
    assert problem["action"]
    assert (await desk.call("GET", "/reservations"))["total"] == 0
    assert (await desk.call("GET", "/guests"))["total"] == 1


async def test_a_guest_checks_in_and_out_with_a_bill(hotel: Hotel, desk: Desk, manager: Desk) -> None:
    made = await desk.call("POST", "/reservations", 201, json=booking(hotel, 0, 2, prepaid_amount="30.00"))
    path = f"/reservations/{made['id']}"
    arrived = await desk.call("POST", f"{path}/check-in", json={"room_number": "102"})
    assert (arrived["status"], arrived["rooms"][0]["room_number"]) == ("Checked-in", "102")
    bill = await desk.call("GET", f"{path}/folio")
    assert (bill["balance"], bill["due"], bill["lines"], bill["prepaid_amount"]) == ("0.00", "150.00", [], "30.00")
    refused = await desk.call("POST", f"{path}/check-out", 409)
    assert (refused["code"], "150.00 EUR" in refused["detail"]) == ("BALANCE_DUE", True)
    await desk.call("POST", f"{path}/check-out", 403, json={"leave_open": True})
    payment = {"amount": "150.00", "method": "card", "reference": "T1"}
    paid = await desk.call("POST", f"{path}/folio/payments", 201, json=payment)
    assert paid == await desk.call("POST", f"{path}/folio/payments", 201, json=payment)
    assert (paid["balance"], paid["due"]) == ("-150.00", "0.00")
    await desk.call("POST", f"{path}/folio/payments", 422, json={**payment, "currency": "USD", "reference": "T2"})
    left = await desk.call("POST", f"{path}/check-out")
    assert left["status"] == "Checked-out"
    bill = await desk.call("GET", f"{path}/folio")
    assert sorted(line["amount"] for line in bill["lines"]) == ["-150.00", "-30.00", "180.00"]
    assert (bill["balance"], bill["projected"], bill["closed_at"] is not None) == ("0.00", [], True)


async def test_two_stays_cannot_check_in_to_one_room(hotel: Hotel, desk: Desk) -> None:
    paths = []
    for _ in range(2):
        made = await desk.call("POST", "/reservations", 201, json=booking(hotel, 0, 2))
        paths.append(f"/api/reservations/{made['id']}/check-in")
    answers = await asyncio.gather(*(desk.client.post(path, json={"room_number": "101"}) for path in paths))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert [answer.json()["code"] for answer in answers if answer.status_code == 409] == ["ROOM_TAKEN"]


async def test_a_room_type_has_every_field_and_as_many_rooms_as_it_counts(
    hotel: Hotel, admin: Desk, desk: Desk
) -> None:
    body = {
        "name": "Family",
        "room_type": "apartment",
        "qty": 3,
        "price_per_night": "150.50",
        "max_people": 5,
        "max_adult": 3,
        "max_children": 2,
        "min_stay": 2,
        "max_stay": 14,
        "description": "Two bedrooms\nand a kitchen",
        "features": ["kitchen", "balcony"],
        "beds24_room_id": "B-7",
    }
    await desk.call("POST", "/room-types", 403, json=body)
    made = await admin.call("POST", "/room-types", 201, json=body)
    assert {name: made[name] for name in body} == body
    assert (await admin.call("POST", "/room-types", 409, json=body))["code"] == "NAME_TAKEN"
    rooms = await desk.call("GET", "/rooms", params={"room_type_id": made["id"]})
    assert [room["number"] for room in rooms["items"]] == ["301", "302", "303"]
    path = f"/room-types/{made['id']}"
    refused = await admin.call("PUT", path, 422, json={"qty": 5})
    assert "POST /api/rooms" in refused["detail"]
    changed = await admin.call("PUT", path, json={"qty": 3, "price_per_night": 160})
    assert (changed["price_per_night"], changed["name"]) == ("160.00", "Family")
    await admin.call("PUT", path, 422, json={"max_adult": 9})
    await desk.call(
        "POST", "/reservations", 201, json=booking(hotel, rooms=[{"room_type_id": made["id"], "adults": 3}])
    )
    assert (await admin.call("DELETE", path, 409))["code"] == "IN_USE"
    page = await desk.call("GET", "/reservations")
    await desk.call("POST", f"/reservations/{page['items'][0]['id']}/cancel")
    await admin.call("DELETE", path, 204)
    await desk.call("GET", path, 404)
    assert (await desk.call("GET", "/rooms"))["total"] == 4
    await admin.call("POST", "/room-types", 201, json=body)


async def test_rooms_carry_key_cards_and_keep_their_stays(hotel: Hotel, admin: Desk, desk: Desk) -> None:
    body = {"number": "4B", "room_type_id": str(hotel.double), "key_cards": ["C-1", "C-2"]}
    room = await admin.call("POST", "/rooms", 201, json=body)
    assert room["key_cards"] == ["C-1", "C-2"]
    assert (await admin.call("POST", "/rooms", 409, json=body))["code"] == "NUMBER_TAKEN"
    taken = await admin.call("POST", "/rooms", 409, json={**body, "number": "5"})
    assert taken["code"] == "CARD_IN_USE"
    await admin.call("POST", "/rooms", 422, json={**body, "number": "<b>"})
    await admin.call("POST", "/rooms", 422, json={**body, "room_type_id": str(new_id())})
    path = f"/rooms/{room['id']}"
    assert (await admin.call("PUT", path, json={"key_cards": ["C-3"]}))["key_cards"] == ["C-3"]
    held = booking(hotel, rooms=[{"room_type_id": str(hotel.double), "room_number": "4B"}])
    made = await desk.call("POST", "/reservations", 201, json=held)
    assert (await admin.call("DELETE", path, 409))["code"] == "IN_USE"
    assert (await admin.call("PUT", path, 409, json={"room_type_id": str(hotel.suite)}))["code"] == "IN_USE"
    await desk.call("POST", f"/reservations/{made['id']}/cancel")
    moved = await admin.call("PUT", path, json={"room_type_id": str(hotel.suite), "number": "202"})
    assert (moved["number"], moved["room_type_id"]) == ("202", str(hotel.suite))
    await admin.call("DELETE", path, 204)
    await admin.call("GET", path, 404)


async def test_a_room_that_bookings_need_cannot_be_taken_away(hotel: Hotel, admin: Desk, desk: Desk) -> None:
    await desk.call("POST", "/reservations", 201, json=booking(hotel, rooms=[{"room_type_id": str(hotel.suite)}]))
    refused = await admin.call("DELETE", f"/rooms/{hotel.rooms['201']}", 409)
    assert (refused["code"], str(day(1)) in refused["detail"]) == ("NOT_AVAILABLE", True)


async def test_maintenance_is_never_refused_and_says_what_it_makes_short(
    hotel: Hotel, manager: Desk, desk: Desk
) -> None:
    made = await desk.call(
        "POST", "/reservations", 201, json=booking(hotel, rooms=[{"room_type_id": str(hotel.suite)}])
    )
    body = {"room_id": str(hotel.rooms["201"]), "start": str(day(2)), "end": str(day(9)), "reason": "Pipe"}
    await desk.call("POST", "/maintenance", 403, json=body)
    work = await manager.call("POST", "/maintenance", 201, json=body)
    assert (work["short"], work["short_nights"], work["room_type_id"]) == (True, [str(day(2))], str(hotel.suite))
    assert (await desk.call("GET", f"/reservations/{made['id']}"))["flags"] == ["overbooked"]
    listed = await desk.call("GET", "/maintenance", params={"start": str(day(8)), "end": str(day(12))})
    assert [entry["id"] for entry in listed["items"]] == [work["id"]]
    await manager.call("DELETE", f"/maintenance/{work['id']}", 204)
    assert (await desk.call("GET", f"/reservations/{made['id']}"))["flags"] == []
    units = {"room_type_id": str(hotel.double), "units": 2, "start": str(day(2)), "end": str(day(3))}
    assert (await manager.call("POST", "/maintenance", 201, json=units))["short"] is False
    await manager.call("POST", "/maintenance", 422, json={**units, "units": 4})
    await manager.call("POST", "/maintenance", 422, json={**units, "room_id": str(hotel.rooms["101"])})
    assert await hotel.free(1, 4) == [3, 1, 3]


async def test_availability_tells_every_night_of_every_type(hotel: Hotel, desk: Desk) -> None:
    await desk.call("POST", "/reservations", 201, json=booking(hotel))
    page = await desk.call("GET", "/availability", params={"start": str(day(0)), "end": str(day(4))})
    assert page["total"] == len(page["items"]) == 8
    double = [item for item in page["items"] if item["room_type_id"] == str(hotel.double)]
    assert [item["night"] for item in double] == [str(day(n)) for n in range(4)]
    assert [item["available"] for item in double] == [3, 2, 2, 3]
    assert double[1] == {
        "room_type_id": str(hotel.double),
        "night": str(day(1)),
        "total": 3,
        "booked": 1,
        "maintenance": 0,
        "available": 2,
    }
    one = await desk.call("GET", "/availability", params={"room_type_id": str(hotel.suite)})
    assert one["total"] == 30
    await desk.call("GET", "/availability", 422, params={"start": str(day(4)), "end": str(day(4))})
    await desk.call("GET", "/availability", 404, params={"room_type_id": str(new_id())})


async def test_rates_are_set_per_night_and_price_the_next_booking(hotel: Hotel, manager: Desk, desk: Desk) -> None:
    body = {"room_type_id": str(hotel.double), "start": str(day(1)), "end": str(day(3)), "price": "110.00"}
    await desk.call("PUT", "/rates", 403, json=body)
    page = await manager.call("PUT", "/rates", json=body)
    assert [(item["night"], item["price"]) for item in page["items"]] == [(str(day(n)), "110.00") for n in (1, 2)]
    await manager.call("PUT", "/rates", json={**body, "price": None, "start": str(day(2)), "min_stay": 2})
    query = {"room_type_id": str(hotel.double), "start": str(day(1)), "end": str(day(4))}
    items = (await desk.call("GET", "/rates", params=query))["items"]
    assert [(item["price"], item["min_stay"], item["closed"]) for item in items] == [
        ("110.00", 1, False),
        ("90.00", 2, False),
        ("90.00", 1, False),
    ]
    made = await desk.call("POST", "/reservations", 201, json=booking(hotel, 1, 4))
    assert Decimal(made["total_amount"]) == 290
    names = [event.name for event in await hotel.events()]
    assert names == ["rate.updated", "rate.updated", "reservation.created"]
    for wrong in ({"price": "-1"}, {"end": str(day(1))}, {"min_stay": 0}, {"min_stay": 5, "max_stay": 2}):
        await manager.call("PUT", "/rates", 422, json={**body, **wrong})


async def test_the_property_keeps_its_currency_once_booked(hotel: Hotel, admin: Desk, desk: Desk) -> None:
    house = await desk.call("GET", "/property")
    assert (house["name"], house["check_in_time"], house["tax_rate"]) == ("Hotel Miramar", "15:00", "0")
    changed = await admin.call("PUT", "/property", json={**house, "currency": "USD", "tax_rate": "6"})
    assert (changed["currency"], changed["tax_rate"]) == ("USD", "6")
    await admin.call("PUT", "/property", json={"currency": "EUR"})
    await desk.call("POST", "/reservations", 201, json=booking(hotel))
    assert (await admin.call("PUT", "/property", 409, json={"currency": "USD"}))["code"] == "CURRENCY_IN_USE"
    await admin.call("PUT", "/property", 422, json={"timezone": "Mars/Olympus"})
    await desk.call("PUT", "/property", 403, json={"name": "Mine"})


async def test_guests_are_found_however_they_are_spelt(hotel: Hotel, desk: Desk) -> None:
    made = await desk.call(
        "POST", "/guests", 201, json={"name": "José Åkesson", "phone": "00351 922 222 222", "allergies": ["nuts"]}
    )
    assert (made["first_name"], made["last_name"], made["email"]) == ("José", "Åkesson", None)
    for query in ("akesson", "JOSE", "351922"):
        page = await desk.call("GET", "/guests", params={"q": query})
        assert [guest["id"] for guest in page["items"]] == [made["id"]], query
    changed = await desk.call("PUT", f"/guests/{made['id']}", json={"email": "jose@example.com"})
    assert (changed["email"], changed["allergies"]) == ("jose@example.com", ["nuts"])
    await desk.call("PUT", f"/guests/{made['id']}", json={"notes": "Likes tea"})
    [event] = await hotel.events()
    assert (event.name, event.payload["changed"]) == ("guest.updated", ["email"])


async def test_a_waiter_and_a_stranger_read_nothing_of_the_house(hotel: Hotel, inn: Inn) -> None:
    waiter = await desk_of(inn, Role.SERVER)
    for path in ("/reservations", "/guests", "/rooms", "/availability", "/property"):
        await waiter.call("GET", path, 403)
        assert (await waiter.client.get(f"/api{path}", headers={"Authorization": ""})).status_code == 401
    await waiter.client.aclose()


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/reservations?status=bogus", "status[0]"),
        ("/reservations?from=2030-06-09&to=2030-06-08", "to"),
        ("/reservations?arrival_from=2030-06-09&arrival_to=2030-06-08", "arrival_to"),
        ("/reservations?departure_from=2030-06-09&departure_to=2030-06-08", "departure_to"),
        ("/maintenance?start=2030-06-09&end=2030-06-08", "end"),
        ("/maintenance?start=2030-06-09&end=2030-06-09", "end"),
    ],
)
async def test_filter_that_nothing_could_pass_is_refused_instead_of_an_empty_list(
    desk: Desk, path: str, field: str
) -> None:
    problem = await desk.call("GET", path, 422)
    assert [each["field"] for each in problem["errors"]] == [field]


async def test_reversed_dates_are_told_where_they_were_sent(hotel: Hotel, desk: Desk) -> None:
    problem = await desk.call("POST", "/reservations", 422, json=booking(hotel, 3, 1))
    assert [each["field"] for each in problem["errors"]] == ["check_out"]
    made = await desk.call("POST", "/reservations", 201, json=booking(hotel, 1, 3))
    change = {"check_out": str(day(0))}
    problem = await desk.call("PUT", f"/reservations/{made['id']}", 422, json=change)
    assert [each["field"] for each in problem["errors"]] == ["check_out"]
    of_a_room = booking(hotel, 1, 3)
    of_a_room["rooms"][0] |= {"check_in": str(day(3)), "check_out": str(day(1))}
    problem = await desk.call("POST", "/reservations", 422, json=of_a_room)
    assert [each["field"] for each in problem["errors"]] == ["rooms[0].check_out"]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("tax_rate", "1000", "The tax is a percentage from 0 to below 100."),
        ("tax_rate", "1.23456", "This has too many decimal places; 4 is the most."),
        ("check_in_time", "25:00", "This must be a time of day like 15:00."),
    ],
)
async def test_wrong_value_of_the_property_is_told_in_words(admin: Desk, field: str, value: str, words: str) -> None:
    problem = await admin.call("PUT", "/property", 422, json={field: value})
    assert problem["errors"] == [{"field": field, "message": words}]


async def test_number_that_is_too_large_is_told_as_that(hotel: Hotel, admin: Desk) -> None:
    rates = {"room_type_id": str(hotel.double), "start": str(day(1)), "end": str(day(2))}
    problem = await admin.call("PUT", "/rates", 422, json={**rates, "min_stay": 99999999999})
    assert problem["errors"] == [{"field": "min_stay", "message": "A stay is at least 1 night and at most 730."}]
    problem = await admin.call("PUT", "/rates", 422, json={**rates, "price": "99999999999999.00"})
    assert problem["detail"] == "This is more than can be kept; 999999999999.99 is the most."


@pytest.mark.parametrize(
    "body", [b'{"name": ' + b"[" * 100_000, b'{"name": "\xff"}', b'{"notes": ' + b"1" * 5000 + b"}"]
)
async def test_body_that_cannot_be_read_is_invalid_input(desk: Desk, body: bytes) -> None:
    problem = await desk.call("POST", "/guests", 422, content=body, headers={"Content-Type": "application/json"})
    assert [each["field"] for each in problem["errors"]] == ["body"]
