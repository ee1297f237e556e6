"""A charge that a proxy has doubled stands once in the end, without anybody doing anything."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from innkeeper.access.roles import Role
from innkeeper.access.tables import AuditRow
from innkeeper.connectors.house import HouseConnector
from innkeeper.domain.charge import Capabilities, VoidWay
from innkeeper.domain.ids import DEFAULT_PROPERTY
from innkeeper.domain.outcome import Done
from innkeeper.room_charge import audit_day, jobs
from innkeeper.room_charge.drafts import charge_draft, doubled_draft
from innkeeper.simulators.faults import FAULTS
from tests.room_charge.world import LONG, World

pytestmark = pytest.mark.anyio

ONCE = {Decimal("105.00")}
TWICE = {Decimal("210.00")}


async def doubled(world: World) -> dict[str, Any]:
    """Return a charge that the PMS was made to post twice."""
    world.opera.dial.next("duplicate", method="POST", path="/charges")
    answer = await world.post()
    assert answer.status_code == 201, answer.text
    assert set(world.folio().values()) == TWICE
    posting: dict[str, Any] = answer.json()
    return posting


async def look(world: World) -> None:
    """Let the timer pass that looks for doubled lines."""
    _, tick = jobs.timers(world.systems)["room charges doubled"]
    async with world.database.write() as tx:
        await tick(tx)
    await world.work()


async def day(world: World, date: str = "2030-06-01") -> dict[str, Any]:
    answer = await world.call("GET", f"/reconciliation/daily?date={date}", role=Role.MANAGER)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_second_posting_is_taken_back_by_itself_and_the_trail_says_so(world: World) -> None:
    posting = await doubled(world)
    await look(world)
    found = await world.posting(posting["id"])
    assert (found["posting_status"], found["failure_code"]) == ("posted", None)
    assert [one["step"] for one in found["attempts"]] == ["charge", "take back"]
    assert set(world.folio().values()) == ONCE
    assert (await world.call("GET", "/queue")).json()["items"] == []
    async with world.database.read() as session:
        actions = set(await session.scalars(select(AuditRow.action)))
    assert {"charge.found_doubled", "charge.double_voided"} <= actions
    report = await day(world)
    assert (report["balanced"], report["total_posted"], report["exceptions"]) == (True, "105.00", [])


async def test_charge_that_stands_once_is_not_touched(world: World) -> None:
    posting = (await world.post()).json()
    await look(world)
    assert [one["step"] for one in (await world.posting(posting["id"]))["attempts"]] == ["charge"]


async def test_second_posting_waits_in_the_queue_while_the_pms_is_down(world: World) -> None:
    posting = await doubled(world)
    await audit_day.by_itself(await world.link(), (await world.link()).hotel.business_date, quiet=True)
    world.opera.dial.set(maintenance=1.0)
    await world.work()
    found = await world.posting(posting["id"])
    assert (found["posting_status"], found["failure_code"]) == ("posted", "DOUBLED_IN_PMS")
    (entry,) = (await world.call("GET", "/queue")).json()["items"]
    assert entry["status"] == "queued"
    answer = await world.call("POST", "/reconciliation/2030-06-01/sign-off", {"note": ""}, role=Role.MANAGER)
    assert answer.status_code in (409, 503), "nobody signs while a guest would pay twice"
    world.opera.dial.calm()
    await world.settle()
    assert set(world.folio().values()) == ONCE
    assert (await world.call("GET", "/queue")).json()["items"] == []


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault not in ("slow", "duplicate")])
async def test_fault_while_it_is_taken_back_neither_leaves_it_nor_takes_the_charge(world: World, fault: str) -> None:
    await doubled(world)
    world.opera.dial.next(fault, method="POST", path="/charges")
    await look(world)
    await world.settle()
    assert set(world.folio().values()) == ONCE
    assert (await day(world))["balanced"]


async def test_taking_back_that_was_doubled_itself_leaves_the_charge_once(world: World) -> None:
    posting = await doubled(world)
    world.opera.dial.next("duplicate", method="POST", path="/charges")
    await look(world)
    found = await world.posting(posting["id"])
    assert (found["posting_status"], found["failure_code"]) == ("posted", None)
    assert [one["step"] for one in found["attempts"]] == ["charge", "take back", "put back", "look"]
    assert set(world.folio().values()) == ONCE
    report = await day(world)
    assert (report["balanced"], report["total_posted"]) == (True, "105.00"), report["exceptions"]
    async with world.database.read() as session:
        assert "charge.put_back" in set(await session.scalars(select(AuditRow.action)))
    assert (await void(world, posting))["posting_status"] == "voided"
    assert world.folio() == {}


async def test_charge_found_twice_after_a_lost_answer_is_mended(world: World) -> None:
    world.opera.dial.next("drop_after", method="POST", path="/charges")
    posting = (await world.post()).json()
    state = world.opera.state
    for line in state.under_reference(posting["reference"]):
        guest = state.reservations[line.reservation_id]
        state.post(guest, line.code, line.unit_price, reference=line.reference, check_no=line.check_no)
    assert set(world.folio().values()) == TWICE
    await world.settle()
    found = await world.posting(posting["id"])
    assert (found["posting_status"], found["failure_code"]) == ("posted", None)
    assert set(world.folio().values()) == ONCE


@pytest.mark.parametrize("mended", [True, False])
async def test_voiding_a_doubled_charge_leaves_nothing_owed(world: World, mended: bool) -> None:
    posting = await doubled(world)
    if mended:
        await look(world)
    answer = await world.call("POST", f"/postings/{posting['id']}/void", {"reason": "Wrong room"}, role=Role.MANAGER)
    assert answer.json()["posting_status"] == "voided", answer.text
    assert world.folio() == {}
    assert (await day(world))["exceptions"] == []


async def test_second_posting_taken_back_on_the_next_day_is_explained_on_both(world: World) -> None:
    await doubled(world)
    link = await world.link()
    today = link.hotel.business_date
    world.opera.desk.roll_business_date()
    await audit_day.by_itself(link, today, quiet=True)
    await world.settle()
    assert set(world.folio().values()) == ONCE
    (first,) = (await day(world))["exceptions"]
    assert (first["kind"], "another day" in first["detail"]) == ("duplicate", True)
    (second,) = (await day(world, "2030-06-02"))["exceptions"]
    assert "posted twice on 2030-06-01" in second["detail"]
    await audit_day.by_itself(link, today, quiet=True)
    assert await world.open() == [], "it is not looked into again"


async def test_void_is_not_sent_again_while_the_first_may_still_come(world: World) -> None:
    posting = (await world.post()).json()
    world.opera.dial.late_seconds = 0.2
    world.opera.dial.next("late", method="POST", path="/charges")
    path = f"/postings/{posting['id']}"
    await world.call("POST", f"{path}/void", {"reason": "Wrong room"}, role=Role.MANAGER)
    await world.call("POST", f"{path}/retry", role=Role.MANAGER)
    await world.call("POST", "/queue/process", role=Role.MANAGER)
    await world.work()
    await world.settle()
    assert (await world.posting(posting["id"]))["posting_status"] == "voided"
    assert sum(world.opera.state.charged().values()) == 0


# --- where it is taken back too often ---------------------------------------------------------------------------------


async def void(world: World, posting: dict[str, Any]) -> dict[str, Any]:
    answer = await world.call("POST", f"/postings/{posting['id']}/void", {"reason": "Wrong room"}, role=Role.MANAGER)
    found: dict[str, Any] = answer.json()
    return found


async def voided_twice(world: World) -> dict[str, Any]:
    """Return a charge whose taking back the PMS was made to do twice."""
    posting: dict[str, Any] = (await world.post()).json()
    world.opera.dial.next("duplicate", method="POST", path="/charges")
    assert (await void(world, posting))["posting_status"] == "voided"
    assert set(world.folio().values()) == {Decimal("-105.00")}
    return posting


async def test_doubled_void_is_put_right_by_itself_and_the_trail_says_so(world: World) -> None:
    posting = await voided_twice(world)
    (entry,) = (await world.call("GET", "/queue")).json()["items"]
    assert (entry["posting_status"], entry["response_code"]) == ("voided", "TAKEN_BACK_TWICE")
    assert [one["kind"] for one in (await day(world))["exceptions"]] == ["duplicate", "unsettled"]
    await world.work()
    assert world.folio() == {}
    assert (await world.posting(posting["id"]))["failure_code"] is None
    assert (await world.call("GET", "/queue")).json()["items"] == []
    report = await day(world)
    assert (report["balanced"], report["total_posted"]) == (True, "0.00"), report["exceptions"]


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "slow"])
async def test_fault_while_it_is_put_back_leaves_nothing_owed(world: World, fault: str) -> None:
    await voided_twice(world)
    world.opera.dial.next(fault, method="POST", path="/charges")
    await world.work()
    await world.settle()
    assert world.folio() == {}, world.opera.state.charged()
    assert await world.open() == []
    assert (await day(world))["balanced"]


async def test_void_that_a_proxy_doubled_later_is_found_by_the_comparison(world: World) -> None:
    posting = (await world.post()).json()
    await void(world, posting)
    state = world.opera.state
    for line in state.under_reference(f"{posting['reference']}-VOID"):
        guest = state.reservations[line.reservation_id]
        state.post(guest, line.code, line.unit_price, reference=line.reference, check_no=line.check_no)
    (first,) = (await day(world))["exceptions"]
    assert (first["kind"], first["pos_amount"], first["pms_amount"]) == ("duplicate", "-105.00", "-210.00")
    await look(world)
    assert world.folio() == {}
    assert (await day(world))["balanced"]


async def test_void_put_right_on_the_next_day_is_explained_on_both(world: World) -> None:
    await voided_twice(world)
    world.opera.desk.roll_business_date()
    await world.settle()
    assert world.folio() == {}
    (first,) = (await day(world))["exceptions"]
    assert (first["kind"], "put back on another day" in first["detail"]) == ("duplicate", True)
    (second,) = (await day(world, "2030-06-02"))["exceptions"]
    assert (second["kind"], second["pms_amount"]) == ("wrong_date", "105.00")
    assert "taken back twice on 2030-06-01" in second["detail"]
    await audit_day.by_itself(await world.link(), (await world.link()).hotel.business_date, quiet=True)
    assert await world.open() == [], "it is not looked into again"


async def test_what_cannot_be_put_back_waits_for_a_person_with_a_text_of_its_own(world: World) -> None:
    posting = await voided_twice(world)
    guest = world.opera.state.reservations[posting["reservation_id"]]
    guest.status = "CheckedOut"
    await world.work()
    (entry,) = (await world.call("GET", "/queue")).json()["items"]
    assert (entry["status"], entry["response_code"]) == ("failed", "TAKEN_BACK_TWICE")
    assert f"under the reference {posting['reference']}-BACK" in entry["response_message"]
    assert world.alerts
    signed = await world.call("POST", "/reconciliation/2030-06-01/sign-off", {"note": "x"}, role=Role.MANAGER)
    assert signed.json()["code"] == "UNSETTLED_POSTINGS"
    for line in list(world.opera.state.under_reference(f"{posting['reference']}-VOID"))[2:]:
        world.opera.desk.delete_posting(line.transaction_no)
    answer = await world.call("POST", f"/postings/{posting['id']}/retry", role=Role.MANAGER)
    assert (answer.json()["posting_status"], answer.json()["failure_code"]) == ("voided", None)
    assert (await world.call("GET", "/queue")).json()["items"] == []
    assert world.folio() == {}


async def test_proxy_that_doubles_everything_is_left_to_a_person(world: World) -> None:
    await voided_twice(world)
    world.opera.dial.set(duplicate=1.0)
    await world.settle()
    (entry,) = (await world.call("GET", "/queue")).json()["items"]
    assert (entry["status"], entry["response_code"]) == ("failed", "TAKEN_BACK_TWICE")
    assert "doubled again" in entry["response_message"]
    world.opera.dial.calm()
    posting = (await world.charges())[0]
    await world.call("POST", f"/postings/{posting.id}/retry", role=Role.MANAGER)
    await world.settle()
    assert world.folio() == {}


# --- where the PMS takes nothing back ---------------------------------------------------------------------------------


class Stubborn:
    """A connector to a PMS that takes nothing back."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        values = {name: getattr(inner.capabilities, name) for name in Capabilities.__slots__}
        self.capabilities = Capabilities(**{**values, "void": VoidWay.NONE})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@pytest.fixture
async def stubborn(world: World) -> World:
    """The same world, whose PMS takes nothing back."""
    make = world.systems._factories["opera"]
    world.systems._factories["opera"] = lambda *given: Stubborn(make(*given))  # type: ignore[assignment,return-value]
    world.systems._open.clear()
    return world


@pytest.mark.parametrize("way", ["retry", "settle"])
async def test_manager_mends_what_the_pms_does_not_take_back(stubborn: World, way: str) -> None:
    posting = await doubled(stubborn)
    await look(stubborn)
    found = await stubborn.posting(posting["id"])
    assert (found["posting_status"], found["failure_code"]) == ("posted", "DOUBLED_IN_PMS")
    state = stubborn.opera.state
    lines = state.under_reference(posting["reference"])
    assert str(lines[0].transaction_no) in found["failure_reason"]
    assert stubborn.alerts
    (entry,) = (await stubborn.call("GET", "/queue")).json()["items"]
    assert entry["status"] == "failed"
    refused = await stubborn.call("DELETE", f"/queue/{entry['id']}?reason=No", role=Role.MANAGER)
    assert (refused.status_code, refused.json()["code"]) == (409, "DOUBLED")
    for line in lines[:2]:
        state.delete_posting(line.transaction_no)
    body = {"landed": True, "evidence": "Removed in OPERA"} if way == "settle" else None
    answer = await stubborn.call("POST", f"/postings/{posting['id']}/{way}", body, role=Role.MANAGER)
    assert (answer.status_code, answer.json()["failure_code"]) == (200, None), answer.text
    assert (await stubborn.call("GET", "/queue")).json()["items"] == []
    assert set(stubborn.folio().values()) == ONCE
    await stubborn.work(LONG)
    assert (await day(stubborn))["balanced"]


async def test_house_keeps_the_charge_of_which_nothing_stands_twice(inn: World) -> None:
    assert (await inn.post()).status_code == 201
    row = await inn.only()
    connector = HouseConnector(inn.database, DEFAULT_PROPERTY, clock=inn.clock)
    read = await connector.find_charge(charge_draft(row))
    assert isinstance(read, Done)
    outcome = await connector.void(doubled_draft(row, tuple(read.value.landed.values()), ()))
    assert isinstance(outcome, Done)
    assert (outcome.value.found, outcome.value.lines) == (True, ())
    assert set((await inn.house_folio()).values()) == ONCE
