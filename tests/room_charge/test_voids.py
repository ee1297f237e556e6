"""A charge that is taken back is taken back in the PMS too, once, whatever breaks meanwhile."""

from decimal import Decimal
from typing import Any

import pytest

from innkeeper.access.roles import Role
from innkeeper.room_charge import audit_day
from tests.room_charge.test_queue import waiting
from tests.room_charge.world import LONG, World

pytestmark = pytest.mark.anyio


async def void(world: World, posting_id: str, reason: str = "Wrong room") -> tuple[int, dict[str, object]]:
    answer = await world.call("POST", f"/postings/{posting_id}/void", {"reason": reason}, role=Role.MANAGER)
    return answer.status_code, answer.json()


async def test_void_leaves_nothing_owed_and_twice_is_harmless(world: World) -> None:
    posting = (await world.post()).json()
    status, found = await void(world, posting["id"])
    assert (status, found["posting_status"], found["void_reason"]) == (200, "voided", "Wrong room")
    assert found["voided_by"] == "manager"
    assert world.folio() == {}
    assert (await void(world, posting["id"]))[1]["posting_status"] == "voided"
    assert len(world.opera.state.under_reference(f"{posting['reference']}-VOID")) == 2


async def test_void_in_the_house_answers_each_line(inn: World) -> None:
    posting = (await inn.post()).json()
    status, found = await void(inn, posting["id"])
    assert (status, found["posting_status"]) == (200, "voided")
    assert await inn.house_folio() == {}


async def test_void_needs_a_reason(world: World) -> None:
    posting = (await world.post()).json()
    assert (await void(world, posting["id"], " "))[0] == 422
    assert sum(world.folio().values()) == Decimal("105.00")


async def test_voiding_what_never_left_is_immediate(world: World) -> None:
    posting = await waiting(world)
    before = world.systems._open[world.property_id][1].requests_made
    status, found = await void(world, posting["id"])
    assert (status, found["posting_status"]) == (200, "voided")
    assert world.systems._open[world.property_id][1].requests_made == before
    await world.settle()
    assert world.folio() == {}
    assert (await world.call("GET", "/queue")).json()["total"] == 0


@pytest.mark.parametrize("fault", ["drop_after", "error_after", "truncate", "late", "drop_before", "error_before"])
async def test_half_done_void_is_seen_and_finishes_itself(world: World, fault: str) -> None:
    posting = (await world.post()).json()
    world.opera.dial.next(fault, method="POST", path="/charges")
    status, found = await void(world, posting["id"])
    assert (status, found["posting_status"]) == (202, "voiding")
    assert [one["posting_status"] for one in (await world.call("GET", "/queue")).json()["items"]] == ["voiding"]
    await world.settle()
    assert (await world.posting(posting["id"]))["posting_status"] == "voided"
    assert world.folio() == {}
    assert len(world.opera.state.under_reference(f"{posting['reference']}-VOID")) == 2


async def test_void_while_the_pms_is_down_is_done_when_it_is_back(world: World) -> None:
    posting = (await world.post()).json()
    world.opera.dial.set(maintenance=1.0)
    assert (await void(world, posting["id"]))[1]["posting_status"] == "voiding"
    for _ in range(8):
        await world.work(LONG)
    world.opera.dial.calm()
    await world.settle()
    assert (await world.posting(posting["id"]))["posting_status"] == "voided"
    assert world.folio() == {}


@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "late"])
async def test_voiding_a_charge_in_doubt_first_finds_out_what_stands(world: World, fault: str) -> None:
    world.opera.dial.next(fault, method="POST", path="/charges")
    posting = (await world.post()).json()
    status, found = await void(world, posting["id"])
    assert (status, found["posting_status"]) == (202, "voiding")
    await world.settle()
    assert (await world.posting(posting["id"]))["posting_status"] == "voided"
    assert world.folio() == {}


async def test_voiding_a_part_that_landed_takes_only_that_back(world: World) -> None:
    world.opera.state.partial_after = 1
    posting = (await world.post()).json()
    await void(world, posting["id"])
    await world.settle()
    assert (await world.posting(posting["id"]))["posting_status"] == "voided"
    assert world.folio() == {}
    assert len(world.opera.state.under_reference(posting["reference"])) == 1


async def test_void_on_a_later_day_counts_on_that_day(world: World) -> None:
    posting = (await world.post()).json()
    world.opera.desk.roll_business_date()
    world.clock.advance(86_400)
    await void(world, posting["id"])
    first = (await world.call("GET", "/reconciliation/daily?date=2030-06-01", role=Role.MANAGER)).json()
    second = (await world.call("GET", "/reconciliation/daily?date=2030-06-02", role=Role.MANAGER)).json()
    assert (first["total_posted"], first["balanced"]) == ("105.00", True), first
    assert (second["total_posted"], second["balanced"]) == ("-105.00", True), second


async def test_refused_charge_has_nothing_to_void(world: World) -> None:
    world.opera.state.enforces_credit = True
    await world.post(subtotal="400.00")
    status, problem = await void(world, str((await world.only()).id))
    assert (status, problem["code"]) == (409, "NOTHING_TO_VOID")


# --- lines below zero -------------------------------------------------------------------------------------------------

BURGER = [{"description": "Burger", "quantity": 2, "amount": "25.00"}, {"description": "Discount", "amount": "-5.00"}]
EVEN = [
    {"description": "Burger", "amount": "20.00"},
    {"description": "Extra", "amount": "5.00"},
    {"description": "Discount", "amount": "-5.00"},
]


@pytest.mark.parametrize("items", [BURGER, EVEN])
async def test_voiding_an_itemised_check_takes_its_discount_back_too(world: World, items: list[object]) -> None:
    await world.configure(posting={"include_itemized": True})
    owed = world.opera.state.balance("41001")
    posting = (await world.post(subtotal="20.00", tip="4.00", items=items)).json()
    assert world.opera.state.balance("41001") == owed + Decimal("24.00")
    assert (await void(world, posting["id"]))[1]["posting_status"] == "voided"
    assert world.opera.state.balance("41001") == owed
    report = (await world.call("GET", "/reconciliation/daily?date=2030-06-01", role=Role.MANAGER)).json()
    assert (report["balanced"], report["total_posted"]) == (True, "0.00"), report["exceptions"]


async def test_half_a_void_of_a_check_with_a_discount_is_finished(world: World) -> None:
    await world.configure(posting={"include_itemized": True})
    owed = world.opera.state.balance("41001")
    posting = (await world.post(subtotal="20.00", tip="4.00", items=BURGER)).json()
    world.opera.state.partial_after = 1
    assert (await void(world, posting["id"]))[1]["posting_status"] == "voiding"
    await world.settle()
    assert (await world.posting(posting["id"]))["posting_status"] == "voided"
    assert world.opera.state.balance("41001") == owed


@pytest.mark.parametrize("lines", [1, 2])
async def test_lost_answer_to_a_check_with_a_discount_sends_only_the_rest(world: World, lines: int) -> None:
    await world.configure(posting={"include_itemized": True})
    owed = world.opera.state.balance("41001")
    world.opera.state.partial_after = lines
    posting = (await world.post(subtotal="20.00", tip="4.00", items=BURGER)).json()
    await world.settle()
    assert (await world.posting(posting["id"]))["posting_status"] == "posted"
    assert world.opera.state.balance("41001") == owed + Decimal("24.00")


async def test_doubled_check_with_a_discount_stands_once_in_the_end(world: World) -> None:
    await world.configure(posting={"include_itemized": True})
    owed = world.opera.state.balance("41001")
    world.opera.dial.next("duplicate", method="POST", path="/charges")
    posting = (await world.post(subtotal="20.00", tip="4.00", items=BURGER)).json()
    await audit_day.by_itself(await world.link(), (await world.link()).hotel.business_date, quiet=True)
    await world.settle()
    assert world.opera.state.balance("41001") == owed + Decimal("24.00")
    await void(world, posting["id"])
    assert world.opera.state.balance("41001") == owed


async def test_the_house_takes_a_discount_back_too(inn: World) -> None:
    await inn.configure(posting={"include_itemized": True})
    posting = (await inn.post(subtotal="20.00", tip="4.00", items=BURGER)).json()
    assert posting["posting_status"] == "posted", posting
    assert (await void(inn, posting["id"]))[1]["posting_status"] == "voided"
    assert await inn.house_folio() == {}


# --- where only a part is taken back ----------------------------------------------------------------------------------


async def half_voided(world: World) -> dict[str, Any]:
    """Return a charge whose food was routed to a master account and taken back there, while the tip is refused."""
    posting: dict[str, Any] = (await world.post(room="320")).json()
    assert posting["posting_status"] == "posted", posting
    world.opera.desk.check_out(posting["reservation_id"])
    status, found = await void(world, posting["id"])
    assert (status, found["posting_status"], found["failure_code"]) == (202, "voiding", "VOID_GUEST_CHECKED_OUT"), found
    return posting


async def test_half_a_void_that_is_refused_stays_in_sight_and_tells_somebody_once(world: World) -> None:
    posting = await half_voided(world)
    (entry,) = (await world.call("GET", "/queue")).json()["items"]
    assert (entry["status"], entry["posting_status"]) == ("failed", "voiding")
    assert "87.50 USD of it was taken back; 17.50 stands still" in entry["response_message"]
    report = (await world.call("GET", "/reconciliation/daily?date=2030-06-01", role=Role.MANAGER)).json()
    assert {one["kind"] for one in report["exceptions"]} == {"amount_differs", "unsettled"}, report["exceptions"]
    signed = await world.call("POST", "/reconciliation/2030-06-01/sign-off", {"note": "so be it"}, role=Role.MANAGER)
    assert (signed.status_code, signed.json()["code"]) == (409, "UNSETTLED_POSTINGS")
    for _ in range(8):
        await world.work(LONG)
    await world.call("POST", f"/postings/{posting['id']}/retry", role=Role.MANAGER)
    await world.work()
    assert len(world.alerts) == 1, world.alerts
    assert (await world.posting(posting["id"]))["posting_status"] == "voiding"


async def test_half_a_void_that_is_refused_finishes_itself_once_it_can(world: World) -> None:
    posting = await half_voided(world)
    world.opera.state.reservations[posting["reservation_id"]].status = "InHouse"
    await world.settle()
    assert (await world.posting(posting["id"]))["posting_status"] == "voided"
    assert world.folio() == {}
    assert (await world.call("GET", "/queue")).json()["items"] == []
    report = (await world.call("GET", "/reconciliation/daily?date=2030-06-01", role=Role.MANAGER)).json()
    assert report["balanced"], report["exceptions"]


async def test_rest_of_half_a_void_is_noted_with_the_number_of_its_reversal(world: World) -> None:
    posting = await half_voided(world)
    guest = world.opera.state.reservations[posting["reservation_id"]]
    line = world.opera.state.post(guest, "2900", Decimal("-17.50"))
    status, found = await void_by_hand(world, posting["id"], str(line.transaction_no))
    assert (status, found["posting_status"]) == (200, "voided"), found
    assert (await world.call("GET", "/queue")).json()["items"] == []
    report = (await world.call("GET", "/reconciliation/daily?date=2030-06-01", role=Role.MANAGER)).json()
    assert (report["balanced"], report["total_posted"]) == (True, "0.00"), report["exceptions"]


async def test_void_that_is_refused_as_a_whole_leaves_the_charge_posted(world: World) -> None:
    posting = (await world.post()).json()
    world.opera.desk.check_out(posting["reservation_id"])
    status, problem = await void(world, posting["id"])
    assert (status, problem["code"]) == (422, "GUEST_CHECKED_OUT")
    assert (await world.posting(posting["id"]))["posting_status"] == "posted"
    assert set(world.folio().values()) == {Decimal("105.00")}


# --- what a person did in the PMS -------------------------------------------------------------------------------------


async def void_by_hand(world: World, posting_id: str, number: str) -> tuple[int, dict[str, Any]]:
    body = {"reason": "Wrong room", "pms_transaction_id": number}
    answer = await world.call("POST", f"/postings/{posting_id}/void", body, role=Role.MANAGER)
    return answer.status_code, answer.json()


async def posted_by_hand(world: World) -> dict[str, Any]:
    posting = await waiting(world)
    guest = world.opera.state.in_room("412")[0]
    line = world.opera.state.post(guest, "2000", Decimal("105.00"), check_no=posting["check_number"])
    told = {"pms_transaction_id": str(line.transaction_no), "reason": "OPERA was down"}
    answer = await world.call("POST", f"/postings/{posting['id']}/override", told, role=Role.MANAGER)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_charge_posted_by_hand_is_voided_with_the_number_of_its_reversal(world: World) -> None:
    posting = await posted_by_hand(world)
    status, problem = await void(world, posting["id"])
    assert (status, problem["code"]) == (422, "POSTED_BY_HAND")
    assert "enter the reversal's number" in problem["action"]
    assert (await void_by_hand(world, posting["id"], " "))[1]["code"] == "POSTED_BY_HAND"
    guest = world.opera.state.in_room("412")[0]
    line = world.opera.state.post(guest, "2000", Decimal("-105.00"))
    status, found = await void_by_hand(world, posting["id"], str(line.transaction_no))
    assert (status, found["posting_status"], found["voided_by"]) == (200, "voided", "manager")
    assert found["attempts"][-1]["step"] == "void by hand"
    assert (await void_by_hand(world, posting["id"], "another"))[1]["posting_status"] == "voided", "twice is harmless"
    report = (await world.call("GET", "/reconciliation/daily?date=2030-06-01", role=Role.MANAGER)).json()
    assert (report["balanced"], report["total_posted"]) == (True, "0.00"), report["exceptions"]


async def test_void_by_hand_waits_while_the_pms_may_still_take_it_back_itself(world: World) -> None:
    posting = (await world.post()).json()
    world.opera.dial.next("late", method="POST", path="/charges")
    assert (await void(world, posting["id"]))[1]["posting_status"] == "voiding"
    assert (await void_by_hand(world, posting["id"], "77"))[1]["code"] == "IN_DOUBT"
    await world.settle()
    assert (await world.posting(posting["id"]))["posting_status"] == "voided"


@pytest.mark.parametrize("status", ["posted", "voided"])
async def test_manual_override_of_what_does_not_wait_says_so(world: World, status: str) -> None:
    posting = (await world.post()).json()
    if status == "voided":
        await void(world, posting["id"])
    told = {"pms_transaction_id": "77", "reason": "by hand"}
    answer = await world.call("POST", f"/postings/{posting['id']}/override", told, role=Role.MANAGER)
    assert (answer.status_code, answer.json()["code"]) == (409, "NOT_WAITING")


async def lost_there(world: World) -> dict[str, Any]:
    """Return a charge whose lines the front desk took out of OPERA."""
    posting: dict[str, Any] = (await world.post()).json()
    for line in list(world.opera.state.under_reference(posting["reference"])):
        world.opera.desk.delete_posting(line.transaction_no)
    return posting


async def test_charge_that_was_removed_in_the_pms_is_voided_as_such(world: World) -> None:
    posting = await lost_there(world)
    status, problem = await void(world, posting["id"])
    assert (status, problem["code"]) == (422, "GONE_IN_PMS")
    body = {"reason": "Never eaten", "removed": True}
    answer = await world.call("POST", f"/postings/{posting['id']}/void", body, role=Role.MANAGER)
    assert (answer.status_code, answer.json()["posting_status"]) == (200, "voided"), answer.text
    assert answer.json()["failure_code"] == "REMOVED_IN_PMS"
    report = (await world.call("GET", "/reconciliation/daily?date=2030-06-01", role=Role.MANAGER)).json()
    assert (report["balanced"], report["total_posted"], report["total_checks"]) == (True, "0.00", 0)


async def test_charge_that_stands_is_not_voided_as_removed(world: World) -> None:
    posting = (await world.post()).json()
    for path, body in (("void", {"reason": "Gone", "removed": True}), ("post-again", {"reason": "Gone"})):
        answer = await world.call("POST", f"/postings/{posting['id']}/{path}", body, role=Role.MANAGER)
        assert (answer.status_code, answer.json()["code"]) == (409, "STANDS_IN_PMS")
    world.opera.dial.set(maintenance=1.0)
    answer = await world.call("POST", f"/postings/{posting['id']}/post-again", {"reason": "Gone"}, role=Role.MANAGER)
    assert (answer.status_code, answer.json()["code"]) == (503, "CONNECTION_FAILED")
    world.opera.dial.calm()
    assert set(world.folio().values()) == {Decimal("105.00")}
    assert (await void(world, posting["id"]))[1]["posting_status"] == "voided"


async def test_charge_that_the_pms_lost_is_posted_again_under_a_new_reference(world: World) -> None:
    posting = await lost_there(world)
    path = f"/postings/{posting['id']}/post-again"
    assert (await world.call("POST", path, {"reason": ""}, role=Role.MANAGER)).status_code == 422
    answer = await world.call("POST", path, {"reason": "Deleted by mistake"}, role=Role.MANAGER)
    found = answer.json()
    assert (answer.status_code, found["posting_status"]) == (200, "posted"), found
    assert found["reference"] == f"{posting['reference']}-2"
    assert world.folio() == {found["reference"]: Decimal("105.00")}
    assert (await world.call("GET", "/queue")).json()["items"] == []
    report = (await world.call("GET", "/reconciliation/daily?date=2030-06-01", role=Role.MANAGER)).json()
    assert report["balanced"], report["exceptions"]
    assert (await void(world, posting["id"]))[1]["posting_status"] == "voided"
    assert world.folio() == {}


async def test_posting_again_whose_answer_was_lost_is_asked_for_before_anything_is_sent(world: World) -> None:
    posting = await lost_there(world)
    world.opera.dial.next("drop_after", method="POST", path="/charges")
    path = f"/postings/{posting['id']}/post-again"
    answer = await world.call("POST", path, {"reason": "Deleted by mistake"}, role=Role.MANAGER)
    assert (answer.status_code, answer.json()["posting_status"]) == (202, "unknown")
    await world.settle()
    assert (await world.posting(posting["id"]))["posting_status"] == "posted"
    assert list(world.folio().values()) == [Decimal("105.00")]


async def test_doubled_charge_whose_void_was_refused_is_mended_all_the_same(world: World) -> None:
    world.opera.dial.next("duplicate", method="POST", path="/charges")
    posting = (await world.post()).json()
    guest = world.opera.state.reservations[posting["reservation_id"]]
    guest.status = "CheckedOut"
    assert (await void(world, posting["id"]))[0] == 422
    assert (await world.posting(posting["id"]))["failure_code"].startswith("VOID_")
    guest.status = "InHouse"
    await audit_day.by_itself(await world.link(), (await world.link()).hotel.business_date, quiet=True)
    await world.settle()
    assert set(world.folio().values()) == {Decimal("105.00")}
