"""The terminal says who is in the room and whether it may be charged, and what became of each check."""

from collections.abc import AsyncIterator, Mapping
from urllib.parse import parse_qs, urlsplit

import pytest

from innkeeper.access.roles import Role
from innkeeper.storage.database import Database
from tests.room_charge.pictures import SIGNED
from tests.web.charging import PAGE, PART, Hotel, a_hotel

pytestmark = pytest.mark.anyio


@pytest.fixture
async def hotel(database: Database) -> AsyncIterator[Hotel]:
    async with a_hotel(database) as opened:
        yield opened


async def test_who_is_not_signed_in_is_led_to_the_sign_in_and_back(hotel: Hotel) -> None:
    async with hotel.inn.client() as client:
        answer = await client.get("/pos?room=412", headers=PAGE)
    assert answer.status_code == 303
    assert parse_qs(urlsplit(answer.headers["location"]).query)["next"] == ["/pos?room=412"]


@pytest.mark.parametrize("role", Role)
async def test_everybody_finds_the_terminal_and_each_role_its_pages(hotel: Hotel, role: Role) -> None:
    async with hotel.inn.browser(role) as client:
        page = (await client.get("/pos", headers=PAGE)).text
    assert 'href="/pos"' in page
    assert ('href="/reconciliation"' in page) is role.at_least(Role.FRONT_DESK)
    assert "<style" not in page
    assert " style=" not in page


async def test_only_outlets_that_may_charge_are_offered_and_a_check_can_come_in_the_address(hotel: Hotel) -> None:
    async with hotel.inn.browser(Role.SERVER) as client:
        page = (await client.get("/pos?reference=POS-7&check_number=1247&subtotal=87.50&outlet=BAR")).text
    assert "Main Restaurant" in page
    assert "Minibar" not in page
    assert 'name="reference" value="POS-7"' in page
    assert 'value="1247"' in page
    assert 'value="87.50"' in page


async def test_each_new_check_has_a_reference_of_its_own(hotel: Hotel) -> None:
    async with hotel.inn.browser(Role.SERVER) as client:
        pages = [(await client.get("/pos")).text for _ in range(2)]
    references = {page.split('name="reference" value="')[1].split('"')[0] for page in pages}
    assert len(references) == 2
    assert all(one.startswith("TILL-") for one in references)


# --- who is in the room -----------------------------------------------------------------------------------------------


async def look_up(
    hotel: Hotel, room: str, role: Role = Role.SERVER, typed: Mapping[str, str] | None = None
) -> tuple[int, str]:
    async with hotel.inn.browser(role) as client:
        answer = await client.get("/pos/guest", params={"room": room, **(typed or {})}, headers=PART)
    return answer.status_code, answer.text


async def test_the_guest_s_name_stands_there_with_yes_in_words_and_no_figures_for_a_waiter(hotel: Hotel) -> None:
    status, part = await look_up(hotel, "412")
    assert status == 200
    assert '<span class="guest-name">Mr. James Wilson</span>' in part
    assert "Yes, charges allowed" in part
    assert "Gold" in part
    assert "Is this <strong>Mr. James Wilson</strong>?" in part
    assert "245.00" not in part


async def test_the_front_desk_sees_the_figures_and_a_waiter_too_where_the_hotel_says_so(hotel: Hotel) -> None:
    assert "$245.00" in (await look_up(hotel, "412", Role.FRONT_DESK))[1]
    await hotel.world.configure(verification={"show_folio_balance": True})
    assert "$245.00" in (await look_up(hotel, "412"))[1]


async def test_guests_who_share_a_room_are_chosen_from(hotel: Hotel) -> None:
    _, part = await look_up(hotel, "203")
    assert "2 guests share room 203." in part
    assert "Laura Meyer" in part
    assert "Paul Meyer" in part
    assert part.count('type="radio"') == 2


@pytest.mark.parametrize(
    ("room", "words"),
    [
        ("305", ("No, not to this room", "Room charges are blocked", "Call front desk", "CHARGES_BLOCKED")),
        ("111", ("Guest has already checked out", "Collect payment by card", "GUEST_CHECKED_OUT")),
        ("999", ("Room number not found in PMS", "Verify room number with guest", "ROOM_NOT_FOUND")),
    ],
)
async def test_no_comes_with_its_reason_and_what_to_do(hotel: Hotel, room: str, words: tuple[str, ...]) -> None:
    _, part = await look_up(hotel, room)
    for word in words:
        assert word in part
    assert "Yes, charges allowed" not in part


async def test_a_check_over_the_limit_is_told_before_it_is_posted(hotel: Hotel) -> None:
    await hotel.world.configure(restrictions={"room_credit_limits": {"412": "300"}})
    typed = {name: hotel.check()[name] for name in ("outlet", "check_number", "subtotal", "tip")}
    _, waiter = await look_up(hotel, "412", typed=typed)
    assert "Room credit limit exceeded" in waiter
    assert "$105.00" in waiter
    assert "$245.00" not in waiter
    assert "Split payment" in waiter
    assert "Hand over to the front desk" in waiter
    _, clerk = await look_up(hotel, "412", Role.FRONT_DESK, typed)
    assert "$245.00" in clerk
    assert "$300.00" in clerk
    assert "Charge over the limit" in clerk
    _, part = await look_up(hotel, "412", Role.MANAGER, {**typed, "split": "true", "room_amount": "50"})
    assert "Yes, charges allowed" in part


async def test_a_key_card_finds_its_guest_and_never_stands_in_an_address(hotel: Hotel) -> None:
    async with hotel.inn.browser(Role.SERVER) as client:
        answer = await client.post("/pos/card", data={"key_card": "CARD412N1"}, headers=PART)
        assert "Mr. James Wilson" in answer.text
        assert answer.headers["HX-Replace-Url"] == "/pos?room=412"
        await hotel.world.configure(verification={"allow_key_card_lookup": False})
        assert "Scan key card" not in (await client.get("/pos")).text
        refused = await client.post("/pos/card", data={"key_card": "CARD412N1"}, headers=PART)
    assert refused.status_code == 422
    assert "Enter the room number" in refused.text


async def test_the_waiter_learns_of_allergies_and_likes_and_of_nothing_else(hotel: Hotel) -> None:
    guest_id = (await hotel.world.call("GET", "/rooms/412")).json()["guests"][0]["guest"]["guest_id"]
    async with hotel.inn.browser(Role.SERVER) as client:
        part = (await client.get("/pos/profile", params={"guest_id": guest_id}, headers=PART)).text
        assert "Peanuts" in part
        assert "Table by the window" in part
        assert "example.com" not in part
        await hotel.world.configure(guest_profile_sync={"enabled": False})
        assert "Peanuts" not in (await client.get("/pos/profile", params={"guest_id": guest_id}, headers=PART)).text


async def test_while_the_pms_is_away_only_who_was_seen_before_can_be_charged(hotel: Hotel) -> None:
    await look_up(hotel, "412")
    hotel.away()
    async with hotel.inn.browser(Role.MANAGER) as client:
        known = await client.get("/pos/guest", params={"room": "412"}, headers=PART)
        unknown = await client.get("/pos/guest", params={"room": "218"}, headers=PART)
        rechecked = await client.get(
            "/pos/guest", params={"room": "412", "again": "true", "away": "true"}, headers=PART
        )
    assert known.status_code == 200
    assert "OPERA does not answer" in known.text
    assert "Mr. James Wilson" in known.text
    assert "data-away" in rechecked.text
    assert unknown.status_code == 503
    assert "OPERA does not answer" in unknown.text
    assert "Pay with card" in unknown.text


# --- the charge -------------------------------------------------------------------------------------------------------


async def test_a_charge_is_shown_in_place_under_an_address_of_its_own(hotel: Hotel) -> None:
    async with hotel.inn.browser(Role.SERVER) as client:
        answer = await client.post("/pos/charge", data=hotel.check(), headers=PART)
        row = await hotel.world.only()
        assert answer.status_code == 200
        assert answer.headers["HX-Replace-Url"] == f"/pos/{row.id}"
        assert "Posted" in answer.text
        assert "$105.00" in answer.text
        again = await client.get(f"/pos/{row.id}", headers=PAGE)
    assert "Posted" in again.text
    assert "<html" in again.text
    assert row.employee_id == "server-user"
    assert hotel.world.folio() == {row.reference: row.total}


async def test_the_same_check_sent_twice_is_one_charge(hotel: Hotel) -> None:
    check = hotel.check()
    async with hotel.inn.browser(Role.SERVER) as client:
        first = await client.post("/pos/charge", data=check, headers=PART)
        second = await client.post("/pos/charge", data=check, headers=PART)
    assert first.headers["HX-Replace-Url"] == second.headers["HX-Replace-Url"]
    assert len(await hotel.world.charges()) == 1


async def test_a_check_that_was_changed_after_it_was_sent_shows_what_was_sent(hotel: Hotel) -> None:
    check = hotel.check()
    async with hotel.inn.browser(Role.SERVER) as client:
        await client.post("/pos/charge", data=check, headers=PART)
        answer = await client.post("/pos/charge", data={**check, "tip": "1"}, headers=PART)
    assert answer.status_code == 409
    assert "sent before it was changed" in answer.text
    assert f"/pos/{(await hotel.world.only()).id}" in answer.text


async def test_a_check_charged_before_under_another_reference_is_told(hotel: Hotel) -> None:
    check = hotel.check()
    async with hotel.inn.browser(Role.SERVER) as client:
        await client.post("/pos/charge", data=check, headers=PART)
        same = {"room": "412", "outlet": "REST", "check_number": check["check_number"]}
        told = await client.get("/pos/guest", params={**same, "reference": "TILL-other"}, headers=PART)
        own = await client.get("/pos/guest", params={**same, "reference": check["reference"]}, headers=PART)
    assert "was charged today already" in told.text
    assert "was charged today already" not in own.text


async def test_the_same_check_again_is_charged_only_when_the_waiter_means_it(hotel: Hotel) -> None:
    check = hotel.check()
    async with hotel.inn.browser(Role.SERVER) as client:
        await client.post("/pos/charge", data=check, headers=PART)
        again = {**check, "reference": "TILL-other"}
        told = await client.post("/pos/charge", data=again, headers=PART)
        assert told.status_code == 409
        assert "This check was charged to this guest already" in told.text
        assert "data-repeat" in told.text
        assert len(await hotel.world.charges()) == 1
        meant = await client.post("/pos/charge", data={**again, "allow_repeat": "true"}, headers=PART)
    assert meant.status_code == 200
    assert len(await hotel.world.charges()) == 2


async def test_a_queued_charge_says_when_it_is_sent_and_that_the_check_can_be_closed(hotel: Hotel) -> None:
    posting = await hotel.waiting()
    async with hotel.inn.browser(Role.SERVER) as client:
        page = (await client.get(f"/pos/{posting['id']}", headers=PAGE)).text
    assert "OPERA did not answer. The charge is safe and will be sent again at 19:05." in page
    assert "You can close the check." in page
    assert 'hx-trigger="every 2s"' in page
    assert "Do not take a card before that" in page


async def test_a_doubtful_charge_is_in_doubt_and_not_failed_and_the_page_follows_it_to_its_end(hotel: Hotel) -> None:
    posting = await hotel.in_doubt()
    hotel.back()
    async with hotel.inn.browser(Role.SERVER) as client:
        page = (await client.get(f"/pos/{posting['id']}", headers=PAGE)).text
        assert "chip-in-doubt" in page
        assert "do not charge it again" in page
        address = page.split('hx-get="')[1].split('"')[0]
        assert (await client.get(address, headers=PART)).status_code == 204
        await hotel.world.settle()
        ended = await client.get(address, headers=PART)
    assert ended.status_code == 286
    assert "Posted" in ended.text
    assert "hx-trigger" not in ended.text


async def test_a_part_goes_to_the_room_and_the_rest_is_told(hotel: Hotel) -> None:
    async with hotel.inn.browser(Role.SERVER) as client:
        answer = await client.post(
            "/pos/charge", data=hotel.check(split="true", room_amount="50,00", tip=""), headers=PART
        )
        assert "$37.50</span> remains" in answer.text
        wrong = await client.post("/pos/charge", data=hotel.check(split="true", room_amount="500"), headers=PART)
    assert wrong.status_code == 422
    assert "To the room" in wrong.text


async def test_what_is_missing_is_named_by_its_label(hotel: Hotel) -> None:
    async with hotel.inn.browser(Role.SERVER) as client:
        answer = await client.post(
            "/pos/charge", data=hotel.check(check_number="", subtotal="12.345", outlet=""), headers=PART
        )
        blank = await client.post("/pos/charge", data=hotel.check(subtotal="", tip=""), headers=PART)
        odd = await client.post("/pos/charge", data=hotel.check(subtotal="12.345"), headers=PART)
    assert answer.status_code == 422
    assert "Check no." in answer.text
    assert "Outlet" in answer.text
    assert "There is nothing to charge." in blank.text
    assert "more decimal places" in odd.text
    assert await hotel.world.charges() == []


async def test_above_the_threshold_nothing_is_posted_without_a_signature(hotel: Hotel) -> None:
    await hotel.world.configure(posting={"require_signature": True, "signature_threshold": "50.00"})
    check = hotel.check()
    async with hotel.inn.browser(Role.SERVER) as client:
        assert 'data-signature-above="50.00' in (await client.get("/pos")).text
        refused = await client.post("/pos/charge", data=check, headers=PART)
        assert 'data-code="SIGNATURE_REQUIRED"' in refused.text
        signed = await client.post("/pos/charge", data={**check, "signature": SIGNED}, headers=PART)
    assert "Posted" in signed.text
    assert (await hotel.world.only()).signature_hash


async def test_over_the_limit_a_waiter_is_refused_and_the_front_desk_may_let_it_pass(hotel: Hotel) -> None:
    await hotel.world.configure(restrictions={"room_credit_limits": {"412": "300"}})
    check = hotel.check()
    async with hotel.inn.browser(Role.SERVER) as client:
        refused = await client.post("/pos/charge", data=check, headers=PART)
        denied = await client.post("/pos/charge", data={**check, "override_credit": "true"}, headers=PART)
    assert refused.status_code == 422
    assert "Room charge not available" in refused.text
    assert "245.00" not in refused.text
    assert denied.status_code == 403
    assert await hotel.world.charges() == []
    async with hotel.inn.browser(Role.FRONT_DESK) as client:
        shown = await client.post("/pos/charge", data=check, headers=PART)
        assert "245.00" in shown.text
        passed = await client.post("/pos/charge", data={**check, "override_credit": "true"}, headers=PART)
    assert "Posted" in passed.text
    assert (await hotel.world.only()).credit_override


async def test_a_pms_that_nobody_reached_before_leaves_nothing_owed(hotel: Hotel) -> None:
    hotel.away()
    async with hotel.inn.browser(Role.SERVER) as client:
        answer = await client.post("/pos/charge", data=hotel.check("218"), headers=PART)
    assert answer.status_code == 503
    assert "Posting failed" in answer.text
    assert "Retry now" in answer.text
    assert "Pay with card" in answer.text
    assert await hotel.world.charges() == []


async def test_a_terminal_that_lost_an_answer_can_ask_what_became_of_it(hotel: Hotel) -> None:
    check = hotel.check()
    async with hotel.inn.browser(Role.SERVER) as client:
        before = await client.get("/pos/known", params={"reference": check["reference"]})
        await client.post("/pos/charge", data=check, headers=PART)
        after = await client.get("/pos/known", params={"reference": check["reference"]})
    assert before.json() == {"posting": None}
    assert after.json() == {"posting": str((await hotel.world.only()).id)}


async def test_a_form_that_another_site_made_posts_nothing(hotel: Hotel) -> None:
    async with hotel.inn.browser(Role.MANAGER) as client:
        del client.headers["X-CSRF-Token"]
        answer = await client.post("/pos/charge", data=hotel.check(), headers=PART)
    assert answer.status_code == 403
    assert await hotel.world.charges() == []


async def test_without_scripts_a_charge_leads_to_its_page(hotel: Hotel) -> None:
    async with hotel.inn.browser(Role.SERVER) as client:
        answer = await client.post("/pos/charge", data=hotel.check(), headers=PAGE)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/pos/{(await hotel.world.only()).id}"
