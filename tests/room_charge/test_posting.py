"""A check is charged to a room once, whoever asks however often."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from innkeeper.access.caller import Caller
from innkeeper.access.roles import Role
from innkeeper.connectors.house import HouseConnector
from innkeeper.domain.charge import PmsCode
from innkeeper.domain.outcome import Later
from innkeeper.room_charge import posting, repository
from innkeeper.room_charge.schemas import PostIn
from innkeeper.room_charge.tables import RoomCharge
from tests.room_charge.world import TODAY, World

pytestmark = pytest.mark.anyio


async def test_lookup_answers_guest_stay_and_whether_charges_are_allowed(world: World) -> None:
    answer = await world.call("GET", "/rooms/412")
    assert answer.status_code == 200
    found = answer.json()
    assert found["room_number"] == "412"
    assert found["pms"] == "opera"
    (guest,) = found["guests"]
    assert guest["guest"]["last_name"] == "Wilson"
    assert guest["guest"]["vip_level"] == "Gold"
    assert guest["reservation"]["status"] == "in_house"
    assert guest["billing"]["charges_allowed"] is True
    assert guest["billing"]["current_balance"] is None, "a server is not shown the folio"
    desk = await world.call("GET", "/rooms/412/guest", role=Role.FRONT_DESK)
    assert desk.json()["guests"][0]["billing"]["current_balance"] == "245.00"


async def test_folio_balance_is_shown_to_servers_where_the_property_says_so(world: World) -> None:
    await world.configure(verification={"show_folio_balance": True})
    answer = await world.call("GET", "/rooms/412")
    assert answer.json()["guests"][0]["billing"]["current_balance"] == "245.00"


async def test_key_card_finds_its_guest_unless_switched_off(world: World) -> None:
    answer = await world.call("POST", "/rooms/lookup", {"key_card": "CARD412N1"})
    assert answer.json()["room_number"] == "412"
    unknown = await world.call("POST", "/rooms/lookup", {"key_card": "NOBODY'S"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "ROOM_NOT_FOUND")
    await world.configure(verification={"allow_key_card_lookup": False})
    answer = await world.call("POST", "/rooms/lookup", {"key_card": "CARD412N1"})
    assert (answer.status_code, answer.json()["code"]) == (422, "KEY_CARD_OFF")


@pytest.mark.parametrize(
    ("room", "found", "code", "message", "action"),
    [
        ("999", 404, "ROOM_NOT_FOUND", "Room number not found in PMS", "Verify room number with guest"),
        ("111", 422, "GUEST_CHECKED_OUT", "Guest has already checked out", "Collect payment by card"),
    ],
)
async def test_errors_carry_the_words_of_the_specification(
    world: World, room: str, found: int, code: str, message: str, action: str
) -> None:
    looked_up, posted = await world.call("GET", f"/rooms/{room}"), await world.post(room=room)
    for answer, status in ((looked_up, found), (posted, 422)):
        problem = answer.json()
        assert answer.status_code == status
        assert (problem["code"], problem["title"], problem["detail"], problem["action"]) == (
            code,
            message,
            message,
            action,
        )
    assert await world.charges() == []


async def test_charge_stands_on_the_folio_with_its_reference(world: World) -> None:
    answer = await world.post(pos_reference="POS-TXN-78451")
    assert answer.status_code == 201, answer.text
    posting = answer.json()
    assert posting["posting_status"] == "posted"
    assert posting["total"] == "105.00"
    assert posting["pms_transaction_id"]
    assert posting["business_date"] == "2030-06-01"
    assert [one["outcome"] for one in posting["attempts"]] == ["done"]
    lines = world.opera.state.under_reference(posting["reference"])
    assert [(line.code, line.amount) for line in lines] == [("2000", Decimal("87.50")), ("2900", Decimal("17.50"))]
    assert (await world.posting(posting["id"]))["posting_status"] == "posted"


async def test_house_charge_stands_on_the_house_s_folio(inn: World) -> None:
    answer = await inn.post()
    assert answer.status_code == 201, answer.text
    assert answer.json()["folio_balance"] is None, "a server is not shown the folio"
    assert await inn.house_folio() == {answer.json()["reference"]: Decimal("105.00")}


async def test_house_charge_and_its_lines_are_one_transaction(inn: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def power_cut(*_: object) -> None:
        raise RuntimeError("the power is cut just before the commit")

    body = inn.body()
    with monkeypatch.context() as cut:
        cut.setattr(repository, "add_attempt", power_cut)
        with pytest.raises(RuntimeError):
            await posting.post(await inn.link(), Caller.system(), PostIn.model_validate(body).order("EUR", inn.clock()))
    assert (await inn.charges(), await inn.house_folio()) == ([], {})
    answer = await inn.post(body)
    assert answer.status_code == 201, answer.text
    assert await inn.house_folio() == {answer.json()["reference"]: Decimal("105.00")}


async def test_terminals_that_send_one_check_or_one_reference_at_once_charge_the_house_once(inn: World) -> None:
    body = inn.body(check_number="DUP-1")
    checks = await asyncio.gather(*(inn.post({**body, "pos_reference": f"TERMINAL-{n}"}) for n in range(5)))
    assert sorted(answer.status_code for answer in checks) == [201, 409, 409, 409, 409]
    assert {answer.json()["code"] for answer in checks if answer.status_code == 409} == {"CHECK_ALREADY_CHARGED"}
    same = inn.body()
    answers = await asyncio.gather(*(inn.post(same) for _ in range(20)))
    assert sorted({answer.status_code for answer in answers}) == [200, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert list((await inn.house_folio()).values()) == [Decimal("105.00")] * 2


async def test_books_that_do_not_answer_at_once_are_asked_as_any_other_pms(
    inn: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> Later:
        return Later("The data base does not answer.", code=PmsCode.CONNECTION_FAILED)

    monkeypatch.setattr(HouseConnector, "charge_within", away)
    answer = await inn.post()
    assert (answer.status_code, answer.json()["posting_status"]) == (201, "posted"), answer.text
    assert await inn.house_folio() == {answer.json()["reference"]: Decimal("105.00")}


async def test_open_day_that_is_stale_is_asked_once_for_all_who_wait_for_it(world: World) -> None:
    link = await world.link()
    await link.business_date()
    world.clock.advance(120)
    before = link.connector.requests_made
    gone, *days = [asyncio.create_task(link.business_date()) for _ in range(5)]
    await asyncio.sleep(0)
    gone.cancel()
    assert set(await asyncio.gather(*days)) == {TODAY}
    assert link.connector.requests_made == before + 1


async def test_same_reference_with_same_content_is_the_same_posting(world: World) -> None:
    body = world.body()
    first = await world.post(body)
    again = await world.post({**body, "employee_id": "EMP-007"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["Idempotent-Replay"] == "true"
    assert "Idempotent-Replay" not in first.headers
    assert again.json()["id"] == first.json()["id"]
    assert len(world.folio()) == 1


@pytest.mark.parametrize("change", [{"subtotal": "88.50"}, {"room_number": "218"}, {"check_number": "9"}, {"tip": "1"}])
async def test_same_reference_with_other_content_is_a_conflict(world: World, change: dict[str, str]) -> None:
    body = world.body()
    await world.post(body)
    answer = await world.post({**body, **change})
    assert (answer.status_code, answer.json()["code"]) == (409, "REFERENCE_USED")
    assert sum(world.folio().values()) == Decimal("105.00")


async def test_refused_check_may_be_sent_again_under_its_reference(world: World) -> None:
    world.opera.state.enforces_no_post = True
    wilson = world.opera.state.in_room("412")[0]
    body = world.body()
    wilson.no_post = True
    assert (await world.post(body)).json()["code"] == "CHARGES_BLOCKED"
    wilson.no_post = False
    assert (await world.post(body)).status_code == 201


async def test_check_refused_by_the_pms_itself_leaves_its_reference_free(world: World) -> None:
    state = world.opera.state
    state.enforces_credit = True
    body = world.body(subtotal="400.00", tip="0")
    answer = await world.post(body)
    assert (answer.status_code, answer.json()["code"]) == (422, "CREDIT_EXCEEDED"), answer.text
    assert (await world.only()).posting_status == "failed"
    answer = await world.post({**body, "subtotal": "20.00"})
    assert answer.status_code == 201, answer.text
    assert sum(world.folio().values()) == Decimal("20.00")
    assert [one["outcome"] for one in answer.json()["attempts"]] == ["refused", "done"]


async def test_terminals_that_post_one_reference_at_once_make_one_posting(world: World) -> None:
    body = world.body()
    answers = await asyncio.gather(*(world.post(body) for _ in range(200)))
    assert sorted({answer.status_code for answer in answers}) == [200, 201]
    assert [answer.status_code for answer in answers].count(201) == 1
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert {answer.json()["posting_status"] for answer in answers} == {"posted"}
    assert list(world.folio().values()) == [Decimal("105.00")]


async def test_repetition_that_reads_while_the_charge_lands_tells_how_it_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = world.body()
    world.opera.dial.slow_seconds = 0.3
    world.opera.dial.next("slow", method="POST", path="/charges")
    first = asyncio.create_task(world.post(body))
    for _ in range(10_000):
        if await world.charges():
            break
        await asyncio.sleep(0)
    read = repository.charge

    async def read_and_land(*args: Any, **options: Any) -> RoomCharge:
        row = await read(*args, **options)
        await first
        return row

    monkeypatch.setattr(repository, "charge", read_and_land)
    again = await world.post(body)
    assert (again.status_code, again.json()["posting_status"]) == (200, "posted")


async def test_waiter_chooses_among_guests_who_share_the_room(world: World) -> None:
    guests = (await world.call("GET", "/rooms/203")).json()["guests"]
    assert len(guests) == 2
    answer = await world.post(room="203")
    assert (answer.status_code, answer.json()["code"]) == (422, "GUEST_NOT_CHOSEN")
    chosen = guests[1]
    answer = await world.post(room="203", reservation_id=chosen["reservation"]["reservation_id"])
    assert answer.json()["guest_name"] == chosen["guest"]["name"]
    answer = await world.post(room="203", guest_id=guests[0]["guest"]["guest_id"])
    assert answer.json()["guest_name"] == guests[0]["guest"]["name"]


async def test_guest_who_moved_since_the_lookup_is_followed(world: World) -> None:
    guest = (await world.call("GET", "/rooms/412")).json()["guests"][0]
    reservation = guest["reservation"]["reservation_id"]
    world.opera.desk.move_room(reservation, "777")
    answer = await world.post(room="412", reservation_id=reservation)
    assert answer.status_code == 201, answer.text
    assert answer.json()["room_number"] == "777"


async def test_room_number_is_text(world: World) -> None:
    assert (await world.post(room="A-12")).json()["room_number"] == "A-12"
    assert (await world.post(room="0412")).json()["guest_name"] == "Ms. Otto Zero"


async def test_tip_is_combined_when_the_property_says_so(world: World) -> None:
    await world.configure(posting={"tip_as_separate_line": False})
    posting = (await world.post()).json()
    (line,) = world.opera.state.under_reference(posting["reference"])
    assert line.amount == Decimal("105.00")


async def test_items_are_lines_when_the_property_says_so(world: World) -> None:
    await world.configure(posting={"include_itemized": True})
    items = [{"description": "Soup", "amount": "27.50"}, {"description": "Steak", "quantity": 2, "amount": "60.00"}]
    posting = (await world.post(items=items)).json()
    lines = world.opera.state.under_reference(posting["reference"])
    assert [line.amount for line in lines] == [Decimal("27.50"), Decimal("60.00"), Decimal("17.50")]


async def test_nothing_is_sent_where_posting_by_itself_is_off(world: World) -> None:
    await world.configure(posting={"auto_post": False})
    answer = await world.post()
    assert (answer.status_code, answer.json()["posting_status"]) == (202, "pending")
    await world.work(3600)
    assert world.folio() == {}
    assert world.alerts == []
    done = await world.call("POST", "/queue/process", role=Role.MANAGER)
    assert done.json()["queued"] == 1
    await world.work()
    assert sum(world.folio().values()) == Decimal("105.00")


async def test_split_sends_the_named_part_and_answers_the_rest(world: World) -> None:
    body = world.body(room_amount="50.00")
    answer = await world.call("POST", "/split", body)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["room_amount"], answer.json()["remaining_amount"]) == ("50.00", "55.00")
    assert sum(world.folio().values()) == Decimal("50.00")
    again = await world.call("POST", "/split", body)
    assert (again.status_code, again.json()["remaining_amount"]) == (200, "55.00")


async def test_split_without_an_amount_sends_what_fits(world: World) -> None:
    await world.configure(restrictions={"default_credit_limit": "300.00"})
    answer = await world.call("POST", "/split", world.body())
    assert (answer.json()["room_amount"], answer.json()["remaining_amount"]) == ("55.00", "50.00")
    full = await world.call("POST", "/split", world.body())
    assert (full.status_code, full.json()["code"]) == (422, "CREDIT_EXCEEDED")


async def test_postings_are_listed_newest_first_and_filtered(world: World) -> None:
    ids = [(await world.post(room=room)).json()["id"] for room in ("412", "218", "412")]
    page = (await world.call("GET", "/postings?limit=2")).json()
    assert [one["id"] for one in page["items"]] == ids[:0:-1]
    assert page["total"] == 3
    page = (await world.call("GET", "/postings?room_number=412&status=posted")).json()
    assert [one["id"] for one in page["items"]] == [ids[2], ids[0]]


async def test_reservation_of_another_room_is_not_charged_in_a_room_where_it_never_was(world: World) -> None:
    guest = (await world.call("GET", "/rooms/412")).json()["guests"][0]
    reservation = guest["reservation"]["reservation_id"]
    answer = await world.post(room="203", reservation_id=reservation)
    assert (answer.status_code, answer.json()["code"]) == (422, "GUEST_MOVED")
    assert "is in room 412" in answer.json()["detail"]
    assert world.folio() == {}
    assert (await world.post(room="412", reservation_id=reservation)).status_code == 201, "confirmed"


async def test_guest_who_moved_is_followed_by_another_process_too(world: World) -> None:
    guest = (await world.call("GET", "/rooms/412")).json()["guests"][0]
    reservation = guest["reservation"]["reservation_id"]
    await restart(world)
    world.opera.desk.move_room(reservation, "777")
    answer = await world.post(room="412", reservation_id=reservation)
    assert (answer.status_code, answer.json()["room_number"]) == (201, "777")


async def test_guest_who_was_charged_before_he_moved_is_followed(world: World) -> None:
    first = (await world.post(room="412")).json()
    await restart(world)
    world.opera.desk.move_room(first["reservation_id"], "777")
    answer = await world.post(room="412", reservation_id=first["reservation_id"])
    assert (answer.status_code, answer.json()["room_number"]) == (201, "777")


async def restart(world: World) -> None:
    """Write down what was left for afterwards, and forget what this process remembers of rooms."""
    await asyncio.gather(*world.systems._afterwards)
    world.systems._seen.clear()
    world.systems.written.clear()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"subtotal": 87.5}, "subtotal"),
        ({"tip": True}, "tip"),
        ({"items": [{"description": "Soup", "amount": 1.5}]}, "items[0].amount"),
        ({"guest_confirmed": "yes"}, "guest_confirmed"),
        ({"override_credit": 1}, "override_credit"),
    ],
)
async def test_what_is_written_otherwise_than_described_is_refused_by_its_own_name(
    world: World, change: dict[str, object], field: str
) -> None:
    answer = await world.post(**change)
    assert (answer.status_code, [one["field"] for one in answer.json()["errors"]]) == (422, [field])
    assert await world.charges() == []


async def test_a_whole_amount_may_stand_without_quotes(world: World) -> None:
    assert (await world.post(subtotal=90, tip="15.00")).json()["total"] == "105.00"
