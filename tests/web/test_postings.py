"""The queue says what is stuck, oldest first, and each posting offers the acts that its state and the role allow."""

import re
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from innkeeper.access.roles import Role
from innkeeper.house import properties
from innkeeper.room_charge.mailing import MailServer
from innkeeper.room_charge.tables import PostingStatus
from innkeeper.storage.database import Database
from tests.room_charge.pictures import SIGNED
from tests.web.charging import PAGE, PART, Hotel, a_hotel

pytestmark = pytest.mark.anyio

ACTS = ("retry", "settle", "override", "remove", "void", "void-by-hand", "removed", "post-again")


@pytest.fixture
async def hotel(database: Database) -> AsyncIterator[Hotel]:
    async with a_hotel(database) as opened:
        yield opened


def offered(page: str) -> set[str]:
    """Return the acts whose forms the page of a posting has."""
    return {act for act in ACTS if f'<form class="act-form" id="{act}"' in page}


# --- the queue --------------------------------------------------------------------------------------------------------


async def test_an_empty_queue_says_so_and_what_it_will_show(hotel: Hotel) -> None:
    async with hotel.inn.browser(Role.MANAGER) as client:
        page = (await client.get("/postings", headers=PAGE)).text
    assert "Nothing is stuck" in page
    assert "Retry all" not in page
    assert "Every check that is charged to a room stands here" in page


async def test_what_waits_stands_oldest_first_with_the_state_of_the_pms(hotel: Hotel) -> None:
    await hotel.waiting("218")
    hotel.back()
    await hotel.world.call("GET", "/rooms/315")
    await hotel.waiting("315")
    async with hotel.inn.browser(Role.MANAGER) as client:
        page = (await client.get("/postings", headers=PAGE)).text
    assert "2 postings pending" in page
    assert page.index("Sarah Chen") < page.index("Mike Johnson")
    assert "connection issues" in page
    assert "Retry all" in page
    assert "Contact IT" in page
    assert "Manual post instructions" in page


async def test_a_waiter_sees_the_queue_and_mends_nothing(hotel: Hotel) -> None:
    posting = await hotel.waiting()
    async with hotel.inn.browser(Role.SERVER) as client:
        page = (await client.get("/postings", headers=PAGE)).text
        one = (await client.get(f"/postings/{posting['id']}", headers=PAGE)).text
        acts = [
            (await client.post(f"/postings/{posting['id']}/{act}", data={"landed": "true"}, headers=PART)).status_code
            for act in ACTS
        ]
        all_of_them = await client.post("/postings/retry-all", headers=PART)
    assert "Sarah Chen" in page
    assert "Retry all" not in page
    assert "Other ways" not in page
    assert offered(one) == set()
    assert "A manager can retry it" in one
    assert "Proof" not in one
    assert (*acts, all_of_them.status_code) == (403,) * 9


async def test_one_is_retried_from_the_queue(hotel: Hotel) -> None:
    posting = await hotel.waiting()
    hotel.back()
    async with hotel.inn.browser(Role.MANAGER) as client:
        answer = await client.post(f"/postings/{posting['id']}/retry", data={"back": "queue"}, headers=PAGE)
        assert (answer.status_code, answer.headers["location"]) == (303, "/postings")
        page = (await client.get("/postings", headers=PAGE)).text
    assert "Nothing is stuck" in page
    assert (await hotel.world.only()).status is PostingStatus.POSTED


async def test_all_are_retried_at_once(hotel: Hotel) -> None:
    await hotel.waiting()
    hotel.back()
    async with hotel.inn.browser(Role.MANAGER) as client:
        assert (await client.post("/postings/retry-all", headers=PAGE)).status_code == 303
    await hotel.world.work()
    assert (await hotel.world.only()).status is PostingStatus.POSTED


async def test_a_refresh_answers_nothing_until_something_changed_and_then_both_lists(hotel: Hotel) -> None:
    await hotel.waiting()
    async with hotel.inn.browser(Role.MANAGER) as client:
        page = (await client.get("/postings", headers=PAGE)).text
        version = re.search(r'id="queue-version" name="version" value="(\w+)"', page)
        assert version is not None
        shown = {"version": version.group(1), "page": "1"}
        assert (await client.get("/postings/queue", params=shown, headers=PART)).status_code == 204
        hotel.back()
        await hotel.world.settle()
        changed = await client.get("/postings/queue", params=shown, headers=PART)
    assert "Nothing is stuck" in changed.text
    assert 'id="list" hx-swap-oob' in changed.text


# --- the list ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("narrowed", "found"),
    [
        ({}, {"412", "218"}),
        ({"status": "posted"}, {"412"}),
        ({"status": "pending"}, {"218"}),
        ({"room": "218"}, {"218"}),
        ({"outlet": "BAR"}, {"412"}),
        ({"day": "2030-06-01"}, {"412", "218"}),
        ({"day": "2030-06-02"}, set()),
        ({"reference": "POS-BAR"}, {"412"}),
        ({"day": "tomorrow"}, {"412", "218"}),
    ],
)
async def test_the_list_is_narrowed(hotel: Hotel, narrowed: dict[str, str], found: set[str]) -> None:
    await hotel.world.post(outlet_code="BAR", pos_reference="POS-BAR")
    await hotel.waiting()
    async with hotel.inn.browser(Role.FRONT_DESK) as client:
        page = (await client.get("/postings", params=narrowed, headers=PAGE)).text
    listed = page[page.index('id="list"') :]
    assert set(re.findall(r'data-label="Room">(\w+)<', listed)) == found
    if not found:
        assert "No posting fits these filters." in listed


async def test_a_long_list_is_leafed_through_with_its_filters(hotel: Hotel) -> None:
    for _ in range(51):
        await hotel.world.post(subtotal="1.00", tip="0")
    async with hotel.inn.browser(Role.MANAGER) as client:
        page = (await client.get("/postings", params={"room": "412"}, headers=PAGE)).text
        assert "51 postings, page 1 of 2" in page
        assert "room=412&amp;page=2" in page
        second = (await client.get("/postings", params={"room": "412", "page": 2}, headers=PAGE)).text
    assert second.count('data-label="Room"') == 1


# --- one posting ------------------------------------------------------------------------------------------------------


async def test_the_proof_is_on_one_page(hotel: Hotel) -> None:
    posting = (await hotel.world.post(signature=SIGNED)).json()
    async with hotel.inn.browser(Role.MANAGER) as client:
        page = (await client.get(f"/postings/{posting['id']}", headers=PAGE)).text
    row = await hotel.world.only()
    assert row.signature_hash
    for told in (
        row.signature_hash,
        row.reference,
        row.content_hash,
        "Looked up at",
        "confirmed Mr. James Wilson in room 412",
        f"/api/pms/postings/{row.id}/signature",
        "2000",
        "Sent",
        "Print this page",
    ):
        assert told in page
    assert offered(page) == {"void", "removed", "post-again"}


async def test_a_waiting_charge_can_be_retried_posted_by_hand_or_taken_off_but_not_settled(hotel: Hotel) -> None:
    posting = await hotel.waiting()
    async with hotel.inn.browser(Role.MANAGER) as client:
        page = (await client.get(f"/postings/{posting['id']}", headers=PAGE)).text
    assert offered(page) == {"retry", "override", "remove", "void"}
    assert "Post this on the bill of room 218" in page
    assert "2900" in page


async def test_a_doubtful_charge_can_be_asked_for_settled_or_taken_back_only(hotel: Hotel) -> None:
    posting = await hotel.in_doubt()
    async with hotel.inn.browser(Role.MANAGER) as client:
        page = (await client.get(f"/postings/{posting['id']}", headers=PAGE)).text
    assert offered(page) == {"retry", "settle", "void"}
    assert "Post this on the bill" not in page
    assert "no answer" in page


async def act(hotel: Hotel, posting_id: str, name: str, **typed: str) -> tuple[int, str]:
    """Do an act by its form, and return the status and the page that follows."""
    async with hotel.inn.browser(Role.MANAGER, f"manager-{name}") as client:
        answer = await client.post(f"/postings/{posting_id}/{name}", data=typed, headers=PAGE)
        if answer.status_code != 303:
            return answer.status_code, answer.text
        assert answer.headers["location"] == f"/postings/{posting_id}"
        return 303, (await client.get(f"/postings/{posting_id}", headers=PAGE)).text


async def test_posted_by_hand_is_noted_with_its_number(hotel: Hotel) -> None:
    posting = await hotel.waiting()
    status, page = await act(hotel, posting["id"], "override", pms_transaction_id="55512", reason="posted at the desk")
    assert status == 303
    assert "55512" in page
    assert "manager-override vouches for it" in page
    assert "posted at the desk" in page


async def test_a_reason_that_is_missing_is_asked_for_and_the_rest_stays_typed(hotel: Hotel) -> None:
    posting = await hotel.waiting()
    status, page = await act(hotel, posting["id"], "override", pms_transaction_id="55512")
    assert status == 422
    assert "Say why it was posted by hand." in page
    assert 'value="55512"' in page
    assert (await hotel.world.only()).status is PostingStatus.PENDING


async def test_what_is_taken_off_the_queue_is_not_owed(hotel: Hotel) -> None:
    posting = await hotel.waiting()
    status, page = await act(hotel, posting["id"], "remove", reason="paid by card")
    assert status == 303
    assert "Nothing is owed" in page
    assert "paid by card" in page
    assert offered(page) == set()


async def test_a_manager_s_word_settles_what_the_pms_does_not_answer_for(hotel: Hotel) -> None:
    posting = await hotel.in_doubt()
    status, page = await act(hotel, posting["id"], "settle", landed="true", evidence="Line 100002 on the bill")
    assert status == 409
    assert "may still be working on it" in page
    assert "Line 100002 on the bill" in page
    hotel.world.clock.advance(600)
    async with hotel.inn.browser(Role.MANAGER, "marta") as client:
        await client.post(
            f"/postings/{posting['id']}/settle", data={"landed": "true", "evidence": "Line 100002"}, headers=PAGE
        )
    row = await hotel.world.only()
    assert (row.status, row.settled_by) == (PostingStatus.POSTED, "marta")


async def test_a_void_is_taken_back_in_the_pms_too(hotel: Hotel) -> None:
    posting = (await hotel.world.post()).json()
    status, page = await act(hotel, posting["id"], "void", reason="wrong room")
    assert status == 303
    assert "Taken back by manager-void" in page
    assert "wrong room" in page
    assert hotel.world.folio() == {}


async def test_the_receipt_prints_as_it_is(hotel: Hotel) -> None:
    posting = (await hotel.world.post()).json()
    async with hotel.inn.browser(Role.SERVER) as client:
        page = (await client.get(f"/postings/{posting['id']}/receipt", headers=PAGE)).text
    assert "Hotel Miramar" in page
    assert "105.00 USD" in page
    assert "data-print" in page


async def test_a_receipt_is_mailed_where_a_mail_server_is_set(hotel: Hotel) -> None:
    posting = (await hotel.world.post()).json()
    address = f"/postings/{posting['id']}/receipt"
    async with hotel.inn.browser(Role.SERVER) as client:
        assert "E-mail" not in (await client.get(address, headers=PAGE)).text
        off = await client.post(f"{address}/email", data={"to": "guest@example.com"}, headers=PAGE)
        assert "No mail server is set" in off.text
        hotel.inn.app.state.mail_server = MailServer.of("smtp://inn@127.0.0.1:9?from=inn@example.com")
        assert "E-mail" in (await client.get(address, headers=PAGE)).text
        wrong = await client.post(f"{address}/email", data={"to": "guest"}, headers=PAGE)
        assert wrong.status_code == 422
        assert 'value="guest"' in wrong.text
        sent = await client.post(f"{address}/email", data={"to": "guest@example.com"}, headers=PAGE)
        assert sent.status_code == 303
        assert "on its way to the mailbox" in (await client.get(sent.headers["location"], headers=PAGE)).text


async def test_a_receipt_is_printed_at_an_outlet_that_has_a_printer(hotel: Hotel) -> None:
    posting = (await hotel.world.post()).json()
    address = f"/postings/{posting['id']}/receipt"
    async with hotel.inn.browser(Role.SERVER) as client:
        assert "Print at" not in (await client.get(address, headers=PAGE)).text
        outlets = (await hotel.world.call("GET", "/outlets")).json()
        printers = [{**outlet, "printer": "tcp://127.0.0.1:9"} for outlet in outlets]
        assert (await hotel.world.call("PUT", "/outlets", printers, role=Role.ADMIN)).status_code == 200
        assert "Print at Main Restaurant" in (await client.get(address, headers=PAGE)).text
        sent = await client.post(f"{address}/print", headers=PAGE)
        assert (
            "on its way to the printer of Main Restaurant"
            in (await client.get(sent.headers["location"], headers=PAGE)).text
        )


async def test_another_property_s_posting_does_not_exist(hotel: Hotel) -> None:
    posting = (await hotel.world.post()).json()
    other = UUID(int=7)
    async with hotel.world.database.write() as tx:
        await properties.ensure_default(tx, "Other House", "UTC", "USD", other)
    async with hotel.inn.machine(Role.ADMIN, property_id=other) as client:
        for path in (f"/postings/{posting['id']}", f"/pos/{posting['id']}", f"/postings/{posting['id']}/receipt"):
            assert (await client.get(path, headers=PAGE)).status_code == 404
        for name in ACTS:
            data = {"reason": "mine", "landed": "true", "evidence": "x", "pms_transaction_id": "1"}
            answer = await client.post(f"/postings/{posting['id']}/{name}", data=data, headers=PART)
            assert answer.status_code == 404, name
    assert (await hotel.world.only()).status is PostingStatus.POSTED


# --- the overview -----------------------------------------------------------------------------------------------------


async def test_the_overview_tells_a_manager_what_is_stuck_and_a_waiter_how_it_stands(hotel: Hotel) -> None:
    posting = (await hotel.world.post()).json()
    async with hotel.inn.browser(Role.SERVER) as client:
        page = (await client.get("/", headers=PAGE)).text
    assert "Every charge stands on a bill." in page
    assert "$105.00" in page
    assert f"/postings/{posting['id']}" in page
    await hotel.world.configure(retry={"max_attempts": 0})
    stuck = await hotel.waiting()
    async with hotel.inn.browser(Role.MANAGER) as client:
        page = (await client.get("/", headers=PAGE)).text
    assert "1 thing needs you" in page
    assert f'href="/postings/{stuck["id"]}">Mend it' in page


# --- what happened in the PMS -----------------------------------------------------------------------------------------


async def test_charge_that_opera_lost_is_posted_again_or_voided_as_removed_from_its_page(hotel: Hotel) -> None:
    for act, word in (("post-again", "posted"), ("removed", "voided")):
        posting = (await hotel.world.post()).json()
        for line in list(hotel.world.opera.state.under_reference(posting["reference"])):
            hotel.world.opera.desk.delete_posting(line.transaction_no)
        async with hotel.inn.browser(Role.MANAGER, f"manager-{act}") as client:
            path = f"/postings/{posting['id']}"
            refused = await client.post(f"{path}/void", data={"reason": "wrong"}, headers=PART)
            assert refused.status_code == 422
            assert "Void it as removed in the PMS, or post it again" in refused.text
            done = await client.post(f"{path}/{act}", data={"reason": "as told"}, headers=PAGE)
            assert done.status_code == 303, done.text
        assert (await hotel.world.posting(posting["id"]))["posting_status"] == word


async def test_half_a_void_that_is_refused_says_what_is_left_and_takes_the_reversals_number(hotel: Hotel) -> None:
    posting = (await hotel.world.post(room="320")).json()
    hotel.world.opera.desk.check_out(posting["reservation_id"])
    async with hotel.inn.browser(Role.MANAGER) as client:
        await client.post(f"/postings/{posting['id']}/void", data={"reason": "wrong room"}, headers=PART)
        page = (await client.get(f"/postings/{posting['id']}", headers=PAGE)).text
        assert "87.50 USD of it was taken back; 17.50 stands still" in page
        assert "needs you" in page
        assert offered(page) == {"retry", "void-by-hand"}
        waits = (await client.get("/postings", headers=PAGE)).text
        assert "17.50 stands still" in waits
        blank = await client.post(f"/postings/{posting['id']}/void-by-hand", data={"reason": "in OPERA"}, headers=PART)
        assert blank.status_code == 422
        told = {"reason": "in OPERA", "pms_transaction_id": "4711"}
        assert (
            await client.post(f"/postings/{posting['id']}/void-by-hand", data=told, headers=PAGE)
        ).status_code == 303
        page = (await client.get(f"/postings/{posting['id']}", headers=PAGE)).text
    assert "by hand, under number 4711" in page


async def test_void_that_the_pms_did_twice_is_seen_as_being_put_right(hotel: Hotel) -> None:
    posting = (await hotel.world.post()).json()
    hotel.world.opera.dial.next("duplicate", method="POST", path="/charges")
    async with hotel.inn.browser(Role.MANAGER) as client:
        await client.post(f"/postings/{posting['id']}/void", data={"reason": "wrong room"}, headers=PAGE)
        page = (await client.get(f"/postings/{posting['id']}", headers=PAGE)).text
        assert "being put right" in page
        assert "took it back more often than it stood" in page
        assert offered(page) == {"retry", "settle"}
        await hotel.world.work()
        page = (await client.get(f"/postings/{posting['id']}", headers=PAGE)).text
    assert "Nothing is owed." in page


async def test_a_failed_look_up_is_a_try_and_the_request_stands_small_behind_it(hotel: Hotel) -> None:
    await hotel.world.configure(retry={"enabled": False})
    posting = await hotel.waiting()
    async with hotel.inn.browser(Role.MANAGER) as client:
        page = (await client.get(f"/postings/{posting['id']}", headers=PAGE)).text
    assert "It was tried once" in page
    assert "<dt>Tries</dt><dd>1</dd>" in page
    assert "Looked the guest up" in page
    assert "Nothing has been asked of" not in page
    sentence, _, behind = page.partition("/rsv/v1/hotels/SAND01/reservations")
    assert sentence.rpartition("<p class")[2].startswith('="small-print">CONNECTION_FAILED')
    assert "/rsv/v1/hotels" not in behind
