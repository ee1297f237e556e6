"""A charge that is taken back is taken back in the PMS too, once, whatever breaks meanwhile."""

from decimal import Decimal

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
