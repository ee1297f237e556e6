"""Reservations are booked, found, changed and ended on their pages, and every refusal keeps what was typed."""

import re
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access.roles import Role
from innkeeper.house import reservations
from innkeeper.house.tables import Reservation
from innkeeper.storage.database import Database
from tests.house.hotel import day
from tests.web.house_desk import House, fields_of, open_house, words_of

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(database: Database) -> House:
    return await open_house(database)


def typed(house: House, **values: object) -> dict[str, object]:
    fields: dict[str, object] = {
        "check_in": day(1),
        "check_out": day(3),
        "rooms[0].room_type_id": house.hotel.double,
        "rooms[0].adults": "2",
        "primary_guest.name": "Rui Gomes",
        "primary_guest.email": "rui@example.com",
    }
    return fields | values


async def the(house: House, location: str) -> Reservation:
    found = re.search(r"/house/reservations/([0-9a-f-]{36})", location)
    assert found is not None
    async with house.hotel.database.read() as session:
        reservation = await reservations.load(session, house.hotel.id, UUID(found.group(1)))
    assert reservation is not None
    return reservation


async def test_a_booking_is_made_priced_and_shown(house: House) -> None:
    async with house.desk() as desk:
        there = await desk.send("/house/reservations/new", typed(house, special_requests="Cot"))
        page = words_of(await desk.see(there))
    made = await the(house, there)
    assert (made.total_amount, made.primary_guest.name, made.special_requests) == (
        Decimal("180.00"),
        "Rui Gomes",
        "Cot",
    )
    assert "It is booked." in page
    assert "Rui Gomes" in page
    assert "€180.00" in page
    assert "Booked, here" in page


async def test_what_is_wrong_is_said_at_its_field_and_all_that_was_typed_stays(house: House) -> None:
    wrong = typed(house, **{"check_out": "", "rooms[0].adults": "many", "primary_guest.email": "rui@"})
    async with house.desk() as desk:
        page = await desk.send("/house/reservations/new", wrong, 422)
        assert "This must be a whole number." in page
        assert fields_of(page)["primary_guest.name"] == "Rui Gomes"
        assert fields_of(page)["rooms[0].adults"] == "many"
        assert fields_of(page)["rooms[0].room_type_id"] == str(house.hotel.double)
        page = await desk.send("/house/reservations/new", typed(house, **{"primary_guest.email": "rui@"}), 422)
        assert "This is not an e-mail address" in page
        assert 'value="rui@"' in page


async def test_a_full_house_says_so_and_a_manager_may_overbook(house: House) -> None:
    await house.hotel.book(replace(house.hotel.room(1, 3), room_type_id=house.hotel.suite))
    wish = typed(house, **{"rooms[0].room_type_id": house.hotel.suite})
    async with house.desk() as desk, house.desk(Role.MANAGER) as manager:
        page = await desk.send("/house/reservations/new", wish, 409)
        assert "Suite is sold out" in page
        assert 'name="overbook"' not in page
        assert fields_of(page)["primary_guest.name"] == "Rui Gomes"
        assert 'name="overbook"' in await manager.send("/house/reservations/new", wish, 409)
        there = await manager.send("/house/reservations/new", {**wish, "overbook": "yes"})
        assert "More rooms of this type are sold than there are." in words_of(await manager.see(there))
    assert (await the(house, there)).flags == ["overbooked"]


async def test_a_known_guest_is_offered_and_booked_under_his_card(house: House) -> None:
    async with house.desk() as desk:
        found = await desk.see("/house/reservations/known-guests?primary_guest.name=sil")
        assert "ana@example.com" in found
        there = await desk.send(
            "/house/reservations/new",
            typed(house, **{"guest_id": house.hotel.guest, "primary_guest.name": "sil"}),
        )
    assert (await the(house, there)).primary_guest_id == house.hotel.guest


async def test_the_offer_tells_free_rooms_prices_and_the_rules_against_them(house: House) -> None:
    async with house.desk() as desk, house.desk(Role.MANAGER) as manager:
        rates = {"room_type_id": house.hotel.suite, "first": day(1), "last": day(1), "min_stay": "3"}
        await manager.send("/house/rates", rates)
        offer = words_of(await desk.see(f"/house/reservations/offer?check_in={day(1)}&check_out={day(3)}"))
        odd = words_of(await desk.see(f"/house/reservations/offer?check_in={day(3)}&check_out={day(1)}"))
    assert "Double 3 €180.00" in offer
    assert "stays at least 3 nights" in offer
    assert "must be after the arrival" in odd


async def test_a_room_more_or_less_keeps_the_rest_of_the_form(house: House) -> None:
    async with house.desk() as desk:
        page = await desk.send("/house/reservations/new", typed(house, add_room="yes"), 200)
        fields = fields_of(page)
        assert fields["rooms[1].room_type_id"] == str(house.hotel.double)
        assert fields["primary_guest.name"] == "Rui Gomes"
        page = await desk.send("/house/reservations/new", {**typed(house), **fields, "remove_room": "0"}, 200)
        assert "rooms[1].adults" not in fields_of(page)
        there = await desk.send("/house/reservations/new", {**typed(house), **fields})
    assert len((await the(house, there)).rooms) == 2


async def test_new_dates_take_the_new_price_unless_one_was_typed(house: House) -> None:
    hotel = house.hotel
    stay = await hotel.book(hotel.room(1, 3, amount=Decimal("100.00")))
    async with house.desk() as desk:
        form = fields_of(await desk.see(f"/house/reservations/{stay.id}/change"))
        await desk.send(f"/house/reservations/{stay.id}/change", {**form, "rooms[0].check_out": day(4)})
        assert (await hotel.load(stay)).total_amount == Decimal("270.00")
        form = fields_of(await desk.see(f"/house/reservations/{stay.id}/change"))
        longer = {**form, "rooms[0].check_out": day(5), "rooms[0].amount": "300.00"}
        await desk.send(f"/house/reservations/{stay.id}/change", longer)
    changed = await hotel.load(stay)
    assert (changed.total_amount, changed.check_out) == (Decimal("300.00"), day(5))


async def test_a_form_that_changes_nothing_changes_nothing(house: House) -> None:
    hotel = house.hotel
    stay = await hotel.book(hotel.room(1, 3, children=1, child_ages=(4,), room_id=hotel.rooms["102"]))
    async with house.desk() as desk:
        form = fields_of(await desk.see(f"/house/reservations/{stay.id}/change"))
        await desk.send(f"/house/reservations/{stay.id}/change", form)
    assert (await hotel.load(stay)).version == 1


async def test_after_somebody_elses_change_both_stand_side_by_side_and_the_next_press_saves(house: House) -> None:
    hotel = house.hotel
    stay = await hotel.book(hotel.room(1, 3))
    async with house.desk() as desk:
        form = fields_of(await desk.see(f"/house/reservations/{stay.id}/change"))
        await hotel.change(stay, replace(reservations.draft_of(await hotel.load(stay)), special_requests="Theirs"))
        page = await desk.send(f"/house/reservations/{stay.id}/change", {**form, "special_requests": "Mine"}, 412)
        assert "Somebody else changed this reservation while you had it open." in page
        assert "Stored now: Theirs" in words_of(page)
        assert fields_of(page)["special_requests"] == "Mine"
        await desk.send(f"/house/reservations/{stay.id}/change", fields_of(page))
    assert (await hotel.load(stay)).special_requests == "Mine"


async def test_a_cancelled_reservation_can_be_taken_again(house: House) -> None:
    stay = await house.hotel.book(house.hotel.room(1, 3))
    async with house.desk() as desk:
        there = await desk.send(f"/house/reservations/{stay.id}/cancel", {"version": 1})
        page = await desk.see(there)
        assert "its nights are on sale again" in page
        assert "Undo" in page
        await desk.send(f"/house/reservations/{stay.id}/reopen", {"version": 2})
    assert (await house.hotel.load(stay)).status == "Confirmed"


async def test_a_payment_is_noted_once_however_often_its_form_is_sent(house: House) -> None:
    hotel = house.hotel
    stay = await hotel.book(hotel.room(0, 1, amount=Decimal("90.00")))
    await hotel.do(reservations.check_in, stay)
    async with house.desk() as desk:
        form = fields_of(await desk.see(f"/house/reservations/{stay.id}"))
        for _ in range(2):
            await desk.send(f"/house/reservations/{stay.id}/payments", {**form, "amount": "40.00", "method": "cash"})
        page = words_of(await desk.see(f"/house/reservations/{stay.id}"))
        assert "€50.00 to pay until check-out" in page
        assert page.count("Payment, cash") == 1
        odd = await desk.send(f"/house/reservations/{stay.id}/payments", {**form, "amount": "ten"}, 422)
        assert 'value="ten"' in odd


async def test_what_was_paid_too_much_is_paid_back_and_a_wrong_payment_taken_off_on_the_screen(house: House) -> None:
    hotel = house.hotel
    stay = await hotel.book(hotel.room(0, 1, amount=Decimal("90.00")))
    await hotel.do(reservations.check_in, stay)
    path = f"/house/reservations/{stay.id}"
    async with house.desk() as desk, house.desk(Role.MANAGER) as manager:
        form = fields_of(await desk.see(path))
        await desk.send(f"{path}/payments", {**form, "amount": "120.00", "method": "cash"})
        refused = await desk.send(f"{path}/check-out", {"version": 2}, 409)
        assert "Pay it back first." in words_of(refused)
        page = await desk.see(path)
        assert "Take it off" not in page
        form = fields_of(page)
        assert form["amount"] == "30.00"
        await desk.send(f"{path}/refunds", {**form, "method": "cash"})
        page = await manager.see(path)
        assert "Paid back, cash" in words_of(page)
        [first, _] = re.findall(rf'action="({path}/lines/[^"]+/void)"', page)
        await desk.send(first, {"reason": "Twice"}, 403)
        await manager.send(first, {"reason": ""}, 422)
        assert "is taken off the bill" in words_of(await manager.see(await manager.send(first, {"reason": "Twice"})))


async def test_what_is_on_its_way_from_the_outlets_stands_by_the_bill_where_somebody_tells_it(house: House) -> None:
    stay = await house.hotel.book(house.hotel.room(0, 1))

    async def coming(_session: AsyncSession, _property_id: UUID, reservation_id: UUID) -> Decimal | None:
        return Decimal("17.50") if reservation_id == stay.id else None

    async with house.desk() as desk:
        assert "outlets" not in await desk.see(f"/house/reservations/{stay.id}")
        house.inn.app.state.charges_on_their_way = coming
        page = words_of(await desk.see(f"/house/reservations/{stay.id}"))
    assert "€17.50 from the outlets, not on the bill yet" in page


async def test_a_check_out_with_charges_on_their_way_offers_a_manager_to_do_without_them(house: House) -> None:
    stay = await house.hotel.book(house.hotel.room(0, 1, amount=Decimal("90.00")))
    await house.hotel.do(reservations.check_in, stay)

    async def coming(_session: AsyncSession, _property_id: UUID, _reservation_id: UUID) -> Decimal | None:
        return Decimal("17.50")

    house.inn.app.state.charges_on_their_way = coming
    path, act = f"/house/reservations/{stay.id}/check-out", {"version": 2, "from": "today"}
    async with house.desk() as desk, house.desk(Role.MANAGER) as manager:
        page = words_of(await desk.send(path, act, 409))
        assert "17.50 EUR from the outlets are on their way" in page
        assert "Check out without them" not in page
        asked = await manager.send(path, act, 409)
        assert "Check out without them" in asked
        both = await manager.send(path, {**act, "leave_charges": "yes"}, 409)
        assert "leave the bill open" in both, "it is still to be paid"
        assert fields_of(both)["leave_charges"] == "yes", "what was decided before is not asked again"
        await desk.send(path, {**act, "leave_charges": "yes"}, 403)
        await manager.send(path, {**act, "leave_charges": "yes", "leave_open": "yes"})
    assert (await house.hotel.load(stay)).status == "Checked-out"


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", [True, False]),
        ("?q=silva", [True, True]),
        ("?show=cancelled", [False, True]),
        ("?show=arriving", [False, False]),
        ("?from=2030-06-02&to=2030-06-02&show=all", [True, True]),
        ("?q=nobody", [False, False]),
        ("?show=nonsense", [True, False]),
    ],
)
async def test_the_list_finds_what_a_clerk_looks_for(house: House, query: str, shown: list[bool]) -> None:
    stays = [await house.hotel.book(house.hotel.room(1, 3)) for _ in range(2)]
    await house.hotel.do(reservations.cancel, stays[1])
    async with house.desk() as desk:
        page = await desk.see(f"/house/reservations{query}")
    assert [stay.confirmation in page for stay in stays] == shown
    if not any(shown):
        assert "No reservation fits" in page or "None at the moment" in page


async def test_a_page_holds_no_script_or_style_inside_and_escapes_what_guests_write(house: House) -> None:
    hotel = house.hotel
    draft = replace(hotel.draft(hotel.room(0, 2)), special_requests='<script>alert("x")</script>')
    async with hotel.database.write() as tx:
        stay = await reservations.create(tx, hotel.id, draft)
    paths = (
        "/house", "/house/today", "/house/reservations", "/house/reservations/new", f"/house/reservations/{stay.id}",
        f"/house/reservations/{stay.id}/change", f"/house/stays/{stay.id}/{stay.rooms[0].id}/move", "/house/guests",
        f"/house/guests/{hotel.guest}", "/house/guests/new", "/house/rates", "/house/rooms", "/house/rooms/types/new",
        f"/house/rooms/{hotel.rooms['101']}", f"/house/rooms/types/{hotel.double}",
    )  # fmt: skip
    async with house.desk(Role.ADMIN) as desk:
        for path in paths:
            page = await desk.see(path)
            assert "style=" not in page, path
            assert not re.search(r"<script(?![^>]*\bsrc=)", page), path
            assert not re.search(r"\son[a-z]+=", page), path
            ids = re.findall(r'\bid="([^"]+)"', page)
            assert len(ids) == len(set(ids)), path


async def test_an_unknown_reservation_is_not_found(house: House) -> None:
    async with house.desk() as desk:
        for path in ("", "/change"):
            await desk.see(f"/house/reservations/{UUID(int=7)}{path}", 404)
