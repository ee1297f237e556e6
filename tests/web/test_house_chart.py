"""The tape chart shows every stay in its place, tells the price of a move before it is made, and makes it once."""

from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest

from innkeeper.access.roles import Role
from innkeeper.domain.stay import Stay
from innkeeper.house import board, properties, reservations, rooms
from innkeeper.house.tables import Reservation
from innkeeper.storage.database import Database
from tests.house.hotel import TODAY, Hotel, day
from tests.web.house_desk import House, open_house, words_of

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(database: Database) -> House:
    return await open_house(database)


async def chart_of(hotel: Hotel, first: int = 0, nights: int = 7) -> board.Board:
    async with hotel.database.read() as session:
        found = await properties.get(session, hotel.id)
        return await board.load(session, found, day(first), nights)


def at(stay: Reservation) -> str:
    return f"/house/stays/{stay.id}/{stay.rooms[0].id}"


def to(hotel: Hotel, room: str | None, first: int, last: int, **more: object) -> dict[str, str]:
    place = hotel.rooms[room] if room else ""
    fields = {"room_type_id": hotel.double, "room_id": place, "check_in": day(first), "check_out": day(last), **more}
    return {name: str(value) for name, value in fields.items()}


async def test_a_stay_lies_from_the_noon_of_its_arrival_to_the_noon_of_its_departure(house: House) -> None:
    hotel = house.hotel
    await hotel.book(hotel.room(1, 3, room_id=hotel.rooms["101"]))
    await hotel.book(hotel.room(3, 4, room_id=hotel.rooms["101"]))
    chart = await chart_of(hotel)
    band = next(band for band in chart.bands if band.name == "Double")
    (lane,) = band.rooms[0].lanes
    assert [(cell.span, cell.bar is not None) for cell in lane] == [
        (2, False), (1, False), (4, True), (2, True), (1, False), (2, False), (2, False),
    ]  # fmt: skip
    assert sum(cell.span for cell in lane) == 14
    assert band.free == [3, 2, 2, 2, 3, 3, 3]


async def test_a_stay_that_reaches_over_the_chart_is_cut_at_its_edges(house: House) -> None:
    hotel = house.hotel
    await hotel.book(hotel.room(0, 20, room_id=hotel.rooms["101"]))
    chart = await chart_of(hotel, 2)
    (lane,) = next(band for band in chart.bands if band.name == "Double").rooms[0].lanes
    assert [(cell.span, cell.begins, cell.ends) for cell in lane] == [(14, False, False)]


async def test_who_waits_for_a_room_and_who_is_too_many_stay_visible(house: House) -> None:
    hotel = house.hotel
    suite = replace(hotel.room(1, 3), room_type_id=hotel.suite)
    await hotel.book(suite)
    await hotel.book(suite, overbook=True)
    await hotel.book(replace(suite, room_type_id=None, label="Igloo"), force=True)
    async with house.desk() as desk:
        page = words_of(await desk.see("/house"))
    assert "Without a room type" in page
    assert "No room yet" in page
    assert "overbooked" in page
    assert "▲ −1" in page


async def test_maintenance_lies_on_the_chart(house: House) -> None:
    hotel = house.hotel
    async with hotel.database.write() as tx:
        await rooms.add_maintenance(
            tx, hotel.id, start=day(1), end=day(3), room_id=hotel.rooms["102"], reason="Burst pipe"
        )
    async with house.desk() as desk:
        assert "Closed: Burst pipe" in words_of(await desk.see("/house"))


async def test_the_chart_moves_by_week_jumps_to_a_date_and_shows_one_type(house: House) -> None:
    async with house.desk() as desk:
        page = await desk.see("/house")
        assert f'href="/house?start={day(6)}&amp;nights=14" rel="next"' in page
        assert f'data-night="{TODAY}" class="today"' in page
        jumped = await desk.see(f"/house?start={day(40)}&nights=7&type={house.hotel.suite}")
        assert f'data-night="{day(46)}"' in jumped
        assert f'data-night="{day(47)}"' not in jumped
        assert '<th scope="rowgroup" title="Double"' not in jumped
        await desk.see("/house?start=yesterday", 422)


async def test_a_house_without_rooms_says_how_to_get_some(house: House) -> None:
    async with house.hotel.database.write() as tx:
        for kind in (house.hotel.double, house.hotel.suite):
            await rooms.delete_room_type(tx, house.hotel.id, kind)
    async with house.desk() as desk:
        assert "Add room types and rooms first" in await desk.see("/house")


async def test_a_waiter_has_no_business_with_the_house(house: House) -> None:
    async with house.desk(Role.SERVER) as desk:
        page = words_of(await desk.see("/house", 403))
        assert "front desk" in page
        assert '<a class="nav-link" href="/house"' not in await desk.see("/house", 403)


async def test_a_refresh_redraws_nothing_while_nothing_changed(house: House) -> None:
    async with house.desk() as desk:
        fresh = await desk.client.get("/house/board")
        same = await desk.client.get("/house/board", params={"version": fresh.headers["X-Board-Version"]})
    assert (fresh.status_code, same.status_code) == (200, 204)


async def test_the_price_of_a_move_is_told_and_nothing_is_moved(house: House) -> None:
    hotel = house.hotel
    stay = await hotel.book(hotel.room(1, 3, amount=None))
    announced = len(await hotel.events())
    async with house.desk() as desk:
        longer = await desk.client.get(f"{at(stay)}/price", params=to(hotel, "101", 1, 4))
        shorter = await desk.client.get(f"{at(stay)}/price", params=to(hotel, None, 1, 2))
    assert 'data-allowed="yes"' in longer.text
    assert "€270.00 €90.00 more" in words_of(longer.text)
    assert "€90.00 less" in words_of(shorter.text)
    kept = await hotel.load(stay)
    assert (kept.version, kept.check_out, kept.rooms[0].room_id) == (1, day(3), None)
    assert len(await hotel.events()) == announced


async def test_a_move_that_cannot_be_is_said_before_it_is_dropped(house: House) -> None:
    hotel = house.hotel
    other = await hotel.book(hotel.room(1, 3, room_id=hotel.rooms["101"]))
    stay = await hotel.book(hotel.room(1, 3))
    async with house.desk() as desk:
        answer = await desk.client.get(f"{at(stay)}/price", params=to(hotel, "101", 1, 3))
    assert 'data-allowed="no"' in answer.text
    assert f"Room 101 is held by {other.confirmation}" in words_of(answer.text)


async def test_a_dropped_stay_is_moved_and_can_be_put_back_with_its_price(house: House) -> None:
    hotel = house.hotel
    stay = await hotel.book(hotel.room(1, 3, amount=Decimal("75.00")))
    async with house.desk() as desk:
        there = await desk.send(f"{at(stay)}/move", to(hotel, "102", 2, 5, version=1, **{"from": "chart"}))
        moved = await hotel.load(stay)
        assert (moved.rooms[0].room_id, moved.rooms[0].check_in, moved.rooms[0].amount) == (
            hotel.rooms["102"], day(2), Decimal("270.00"),
        )  # fmt: skip
        page = await desk.see(there)
        assert "Undo" in page
        assert page == await desk.see(there), "a reload shows the same and moves nothing"
        back = to(hotel, None, 1, 3, version=2, amount="75.00", undo="yes", **{"from": "chart"})
        await desk.send(f"{at(stay)}/move", back)
        assert "Undo" not in await desk.see(there), "what is undone is not offered again"
    again = await hotel.load(stay)
    assert (again.rooms[0].room_id, again.rooms[0].check_in, again.total_amount) == (None, day(1), Decimal("75.00"))


async def test_a_stay_that_somebody_else_changed_is_not_moved(house: House) -> None:
    hotel = house.hotel
    stay = await hotel.book(hotel.room(1, 3))
    await hotel.change(stay, replace(reservations.draft_of(await hotel.load(stay)), special_requests="Late"))
    async with house.desk() as desk:
        page = await desk.send(f"{at(stay)}/move", to(hotel, "102", 1, 3, version=1, **{"from": "chart"}), 412)
    assert "Somebody else changed this reservation while you had it open." in page
    assert "412 STALE_VERSION" in page
    assert 'id="board"' in page, "the chart is still there"
    assert (await hotel.load(stay)).rooms[0].room_id is None


async def test_the_form_moves_a_stay_without_a_pointer_and_keeps_what_was_typed(house: House) -> None:
    hotel = house.hotel
    other = await hotel.book(hotel.room(1, 3, room_id=hotel.rooms["101"]))
    stay = await hotel.book(hotel.room(1, 3))
    typed = {"place": hotel.rooms["101"], "check_in": day(1), "check_out": day(3), "amount": "80.00", "version": 1}
    async with house.desk() as desk:
        form = await desk.see(f"{at(stay)}/move")
        assert f"101 – held by {other.confirmation}" in form
        refused = await desk.send(f"{at(stay)}/move", typed, 409)
        assert f"held by {other.confirmation}" in words_of(refused)
        assert 'value="80.00"' in refused
        await desk.send(f"{at(stay)}/move", {**typed, "place": hotel.rooms["103"]})
        moved = await hotel.load(stay)
        assert moved.rooms[0].room_id == hotel.rooms["103"]
        await desk.send(f"{at(stay)}/move", {**typed, "place": hotel.suite, "amount": "", "version": 2})
    suite = (await hotel.load(stay)).rooms[0]
    assert (suite.room_type_id, suite.room_id, suite.amount) == (hotel.suite, None, Decimal("400.00"))


async def test_a_channels_booking_keeps_its_price_when_it_gets_its_first_room_type(house: House) -> None:
    hotel = house.hotel
    draft = replace(hotel.room(1, 3), room_type_id=None, label="Igloo", amount=Decimal("61.00"))
    stay = await hotel.book(draft, force=True)
    async with house.desk() as desk:
        await desk.send(f"{at(stay)}/move", to(hotel, "101", 1, 3, version=1, **{"from": "chart"}))
    placed = await hotel.load(stay)
    assert (placed.rooms[0].room_id, placed.total_amount, placed.flags) == (hotel.rooms["101"], Decimal("61.00"), [])


async def test_only_a_manager_is_offered_to_overbook_a_move(house: House) -> None:
    hotel = house.hotel
    suite = replace(hotel.room(1, 3), room_type_id=hotel.suite)
    await hotel.book(suite)
    stay = await hotel.book(hotel.room(1, 3))
    typed = {"place": hotel.suite, "check_in": day(1), "check_out": day(3), "version": 1}
    async with house.desk() as desk, house.desk(Role.MANAGER) as manager:
        refused = await desk.send(f"{at(stay)}/move", typed, 409)
        assert "Suite is sold out" in refused
        assert 'name="overbook"' not in refused
        assert 'name="overbook"' in await manager.send(f"{at(stay)}/move", typed, 409)
        await desk.send(f"{at(stay)}/move", {**typed, "overbook": "yes"}, 403)
        await manager.send(f"{at(stay)}/move", {**typed, "overbook": "yes"})
    assert (await hotel.load(stay)).flags == ["overbooked"]


async def test_a_stay_of_another_property_or_of_nobody_cannot_be_moved(house: House) -> None:
    hotel = house.hotel
    stay = await hotel.book(hotel.room(1, 3))
    async with house.desk() as desk:
        await desk.see(f"/house/stays/{stay.id}/{UUID(int=5)}/move", 404)
        await desk.see(f"/house/stays/{UUID(int=5)}/{stay.rooms[0].id}/move", 404)


def test_a_stay_lies_in_a_line_of_its_own_where_it_overlaps() -> None:
    stay = Stay(day(1), day(3))
    bars = [
        board.ClosedBar(UUID(int=n), stay.check_in, stay.check_out, UUID(int=1), UUID(int=2), None, "") for n in (1, 2)
    ]
    row = board._row(UUID(int=2), "101", bars, [day(n) for n in range(7)])
    assert len(row.lanes) == 2


async def test_the_price_that_the_chart_tells_for_a_channels_stay_is_the_one_that_is_stored(house: House) -> None:
    hotel = house.hotel
    draft = hotel.draft(hotel.room(1, 3, amount=Decimal("61.00")), source="Booking.com", channel="Booking.com")
    async with hotel.database.write() as tx:
        stay = await reservations.create(tx, hotel.id, draft, force=True, origin="qloapps")
    async with house.desk() as desk:
        told = await desk.client.get(f"{at(stay)}/price", params=to(hotel, "101", 1, 4))
        assert "€151.00 €90.00 more" in words_of(told.text)
        await desk.send(f"{at(stay)}/move", to(hotel, "101", 1, 4, version=1, **{"from": "chart"}))
        assert (await hotel.load(stay)).total_amount == Decimal("151.00")
        told = await desk.client.get(f"{at(stay)}/price", params=to(hotel, "102", 1, 3))
        assert "€61.00 €90.00 less" in words_of(told.text)
        await desk.send(f"{at(stay)}/move", to(hotel, "102", 1, 3, version=2, **{"from": "chart"}))
    assert (await hotel.load(stay)).total_amount == Decimal("61.00")
