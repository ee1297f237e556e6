"""Guests, rates and rooms are kept on their pages by those whose role allows it."""

from decimal import Decimal

import pytest

from innkeeper.access.roles import Role
from innkeeper.house import guests, rates, room_repository
from innkeeper.storage.database import Database
from tests.house.hotel import day
from tests.web.house_desk import House, fields_of, open_house, words_of

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(database: Database) -> House:
    return await open_house(database)


async def test_a_guest_is_found_shown_with_his_stays_and_corrected(house: House) -> None:
    hotel = house.hotel
    stay = await hotel.book(hotel.room(1, 3))
    async with house.desk() as desk:
        assert str(hotel.guest) in await desk.see("/house/guests?q=SILVA")
        assert "Nobody of that name" in await desk.see("/house/guests?q=zzz")
        card = await desk.see(f"/house/guests/{hotel.guest}")
        assert stay.confirmation in card
        fields = fields_of(card) | {"allergies": "Nuts\n\nMilk", "vip_level": "2"}
        await desk.send(f"/house/guests/{hotel.guest}", fields)
        wrong = await desk.send(f"/house/guests/{hotel.guest}", fields | {"email": "ana@", "notes": "Tall"}, 422)
        assert "This is not an e-mail address" in wrong
        assert fields_of(wrong)["notes"] == "Tall"
        there = await desk.send("/house/guests/new", {"name": "Zoe Lima", "email": "zoe@example.com"})
        assert "Zoe Lima" in await desk.see(there)
        await desk.send("/house/guests/new", {"name": "", "phone": "123456"}, 422)
    async with hotel.database.read() as session:
        kept = await guests.get(session, hotel.id, hotel.guest)
    assert (kept.allergies, kept.vip_level, kept.email) == (["Nuts", "Milk"], "2", "ana@example.com")


async def test_a_run_of_nights_is_priced_closed_and_given_back_to_the_type(house: House) -> None:
    hotel = house.hotel
    run = {"room_type_id": hotel.double, "first": day(1), "last": day(2)}
    async with house.desk(Role.MANAGER) as manager:
        there = await manager.send("/house/rates", run | {"price": "120.00", "min_stay": "2", "closed": "true"})
        page = words_of(await manager.see(there))
        assert page.count("120.00") >= 2
        assert "closed" in page
        await manager.send("/house/rates", run | {"last": day(1), "price_own": "yes", "closed": "false"})
    async with hotel.database.read() as session:
        kinds = await room_repository.room_types(session, hotel.id, [hotel.double])
        found = await rates.window(session, list(kinds.values()), day(0), day(4))
    assert [(rate.price, rate.min_stay, rate.closed) for rate in found] == [
        (Decimal("90.00"), 1, False),
        (Decimal("90.00"), 2, False),
        (Decimal("120.00"), 2, True),
        (Decimal("90.00"), 1, False),
    ]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"price": "ten"}, "is not an amount"),
        ({"price": "1.005"}, "more decimal places"),
        ({"first": ""}, "Say the first and the last night."),
        ({"price": ""}, "Fill in at least one"),
        ({"last": "2030-06-01"}, "This is before the first."),
    ],
)
async def test_a_wrong_run_is_refused_and_stays_typed(house: House, change: dict[str, str], sentence: str) -> None:
    run = {"room_type_id": house.hotel.double, "first": day(1), "last": day(2), "price": "120.00"} | change
    async with house.desk(Role.MANAGER) as manager:
        page = await manager.send("/house/rates", run, 422)
    assert sentence in words_of(page)
    assert fields_of(page)["price"] == run["price"]


async def test_the_desk_reads_rates_and_rooms_and_changes_neither(house: House) -> None:
    async with house.desk() as desk:
        assert '<form class="card" id="run"' not in await desk.see("/house/rates")
        await desk.send("/house/rates", {}, 403)
        page = await desk.see("/house/rooms")
        assert "101" in page
        assert "Close for maintenance" not in page
        assert "Add the room" not in page
        await desk.send("/house/rooms", {"number": "104"}, 403)
        await desk.see("/house/rooms/types/new", 403)


async def test_a_manager_closes_rooms_and_hears_which_nights_are_short(house: House) -> None:
    hotel = house.hotel
    for _ in range(3):
        await hotel.book(hotel.room(1, 3))
    async with house.desk(Role.MANAGER) as manager:
        close = {"place": hotel.double, "units": "1", "start": day(1), "end": day(2), "reason": "Paint"}
        there = await manager.send("/house/rooms/maintenance", close)
        page = await manager.see(there)
        assert "Some nights have more stays than rooms now" in page
        assert "Paint" in page
        wrong = await manager.send("/house/rooms/maintenance", close | {"end": day(1), "reason": "Again"}, 422)
        assert fields_of(wrong)["reason"] == "Again"
        async with hotel.database.read() as session:
            (work,), _ = await room_repository.page_of_maintenance(session, hotel.id, 5, 0, None, None)
        await manager.send(f"/house/rooms/maintenance/{work.id}/end", {})
        assert "Nothing is closed" in await manager.see("/house/rooms")


async def test_an_administrator_keeps_types_and_rooms(house: House) -> None:
    hotel = house.hotel
    async with house.desk(Role.ADMIN) as admin:
        await admin.send("/house/rooms", {"number": "104", "room_type_id": hotel.double, "key_cards": "A1\nA2"})
        taken = await admin.send("/house/rooms", {"number": "101", "room_type_id": hotel.double}, 409)
        assert "There is a room 101 already." in taken
        form = fields_of(await admin.see(f"/house/rooms/{hotel.rooms['103']}"))
        await admin.send(f"/house/rooms/{hotel.rooms['103']}", form | {"number": "109"})
        await admin.send(f"/house/rooms/{hotel.rooms['102']}", {"remove": "yes"})
        form = fields_of(await admin.see(f"/house/rooms/types/{hotel.suite}"))
        await admin.send(f"/house/rooms/types/{hotel.suite}", form | {"price_per_night": "210.00"})
        new = fields_of(await admin.see("/house/rooms/types/new"))
        await admin.send("/house/rooms/types/new", new | {"name": "Loft", "price_per_night": "300", "qty": "2"})
        odd = await admin.send("/house/rooms/types/new", new | {"name": "Cave", "price_per_night": "cheap"}, 422)
        assert fields_of(odd)["name"] == "Cave"
        page = words_of(await admin.see("/house/rooms"))
    assert "Loft 2 rooms" in page
    assert "€210.00" in page
    async with hotel.database.read() as session:
        numbers = await room_repository.room_numbers(session, hotel.id)
    assert {"104", "109"} <= numbers
    assert not {"102", "103"} & numbers
