"""Whatever breaks between us and the PMS: no charge stands twice, none is lost, and nothing is sent again unasked."""

import asyncio
from decimal import Decimal

import httpx2
import pytest

from innkeeper.access.roles import Role
from innkeeper.domain.charge import Capabilities
from innkeeper.simulators.faults import FAULTS
from tests.room_charge.world import CREDENTIALS, LONG, World

pytestmark = pytest.mark.anyio

ONCE = {Decimal("105.00")}
#: A proxy that doubles a request is found by the reconciliation, since the answer looks like any other.
BREAKING = [fault for fault in FAULTS if fault not in ("slow", "duplicate")]
NOTHING_DONE = ("too_many", "maintenance")


def charges_sent(world: World) -> int:
    """How many times the PMS has worked a charge."""
    return len({posting.transaction_no for posting in world.opera.state.postings.values() if posting.reference}) // 2


@pytest.mark.parametrize("fault", BREAKING)
async def test_charge_that_meets_a_fault_stands_once_in_the_end(world: World, fault: str) -> None:
    world.opera.dial.next(fault, method="POST", path="/charges")
    answer = await world.post()
    assert answer.status_code == 202, answer.text
    assert answer.json()["posting_status"] == ("pending" if fault in NOTHING_DONE else "unknown")
    await world.settle()
    posting = await world.posting(answer.json()["id"])
    assert posting["posting_status"] == "posted"
    assert posting["pms_transaction_id"]
    assert set(world.folio().values()) == ONCE
    assert charges_sent(world) == 1


@pytest.mark.parametrize("fault", ["drop_after", "error_after", "truncate", "drop_during"])
async def test_charge_that_landed_is_never_sent_again(world: World, fault: str) -> None:
    world.opera.dial.next(fault, method="POST", path="/charges")
    posting = (await world.post()).json()
    await world.work(5)
    found = await world.posting(posting["id"])
    assert found["posting_status"] == "posted"
    assert [one["step"] for one in found["attempts"]] == ["charge", "find"]


async def test_nothing_is_sent_again_before_the_pms_can_have_finished(world: World) -> None:
    world.opera.dial.next("drop_before", method="POST", path="/charges")
    posting = (await world.post()).json()
    for _ in range(5):
        await world.work(8)
        found = await world.posting(posting["id"])
        assert found["posting_status"] == "unknown"
    assert world.folio() == {}
    assert {one["step"] for one in found["attempts"]} == {"charge", "find"}
    await world.work(60)
    assert set(world.folio().values()) == ONCE


async def test_work_that_comes_late_is_waited_for(world: World) -> None:
    world.opera.dial.next("late", method="POST", path="/charges")
    posting = (await world.post()).json()
    await world.opera.settle()
    await world.work(10)
    assert (await world.posting(posting["id"]))["posting_status"] == "posted"
    assert set(world.folio().values()) == ONCE


async def test_same_reference_is_told_its_doubt_and_not_sent(world: World) -> None:
    body = world.body()
    world.opera.dial.next("drop_after", method="POST", path="/charges")
    first = await world.post(body)
    again = await world.post(body)
    assert (again.status_code, again.json()["posting_status"]) == (200, "unknown")
    assert again.json()["id"] == first.json()["id"]
    await world.settle()
    assert set(world.folio().values()) == ONCE


async def test_only_the_missing_lines_of_a_check_are_sent(world: World) -> None:
    world.opera.state.partial_after = 1
    posting = (await world.post()).json()
    assert posting["posting_status"] == "unknown"
    await world.settle()
    found = await world.posting(posting["id"])
    assert found["posting_status"] == "posted"
    lines = world.opera.state.under_reference(posting["reference"])
    assert [line.amount for line in lines] == [Decimal("87.50"), Decimal("17.50")]


async def test_rest_of_a_check_whose_guest_has_left_waits_for_a_manager(world: World) -> None:
    world.opera.state.partial_after = 1
    posting = (await world.post()).json()
    world.opera.desk.check_out(posting["reservation_id"])
    await world.settle()
    found = await world.posting(posting["id"])
    assert (found["posting_status"], found["failure_code"]) == ("unknown", "PARTIALLY_POSTED")
    assert world.alerts
    queue = (await world.call("GET", "/queue")).json()
    assert [one["status"] for one in queue["items"]] == ["failed"]


async def test_charge_in_doubt_is_found_although_the_guest_left_and_the_day_was_closed(world: World) -> None:
    world.opera.dial.next("drop_after", method="POST", path="/charges")
    posting = (await world.post()).json()
    world.opera.desk.check_out(posting["reservation_id"])
    world.opera.desk.roll_business_date()
    await world.settle()
    found = await world.posting(posting["id"])
    assert (found["posting_status"], found["business_date"]) == ("posted", "2030-06-01")


async def test_pms_that_is_away_while_it_is_asked_is_asked_again(world: World) -> None:
    world.opera.dial.next("drop_after", method="POST", path="/charges")
    posting = (await world.post()).json()
    world.opera.dial.set(maintenance=1.0)
    for _ in range(4):
        await world.work(LONG)
    assert (await world.posting(posting["id"]))["posting_status"] == "unknown"
    world.opera.dial.calm()
    await world.settle()
    assert (await world.posting(posting["id"]))["posting_status"] == "posted"
    assert set(world.folio().values()) == ONCE


async def test_many_checks_in_a_rain_of_faults_stand_once_each(world: World) -> None:
    rates = dict.fromkeys(BREAKING, 0.05)
    world.opera.dial.reseed(7)
    bodies = [world.body(room) for room in ("412", "218", "315", "A-12") for _ in range(10)]
    await asyncio.gather(*(world.call("GET", "/rooms/" + body["room_number"]) for body in bodies[::10]))
    world.opera.dial.set(**rates)
    answers = await asyncio.gather(*(world.post(body) for body in bodies))
    for _ in range(6):
        await world.opera.settle()
        await world.work(LONG)
    world.opera.dial.calm()
    await world.call("POST", "/queue/process", role=Role.MANAGER)
    await world.settle()
    assert len(world.opera.dial.happened) > 3
    rows = await world.charges()
    assert {row.posting_status for row in rows} == {"posted"}
    assert world.folio() == {row.reference: row.total for row in rows}
    # the waiter was told to take another tender for the others
    refused = [answer for answer in answers if answer.status_code not in (201, 202)]
    assert len(rows) == len(bodies) - len(refused)
    assert {answer.status_code for answer in refused} <= {503}


# --- a person decides -------------------------------------------------------------------------------------------------


class Blind:
    """A connector to a PMS that cannot be asked what became of a charge."""

    def __init__(self, inner: object) -> None:
        self._inner = inner
        able = inner.capabilities  # type: ignore[attr-defined]
        values = {name: getattr(able, name) for name in Capabilities.__slots__}
        self.capabilities = Capabilities(**{**values, "read_back": False})

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


@pytest.fixture
async def blind(world: World) -> World:
    """The same world, whose PMS cannot be asked."""
    make = world.systems._factories["opera"]
    world.systems._factories["opera"] = lambda *given: Blind(make(*given))  # type: ignore[assignment,return-value]
    world.systems._open.clear()
    return world


@pytest.mark.parametrize(("fault", "landed"), [("drop_after", True), ("drop_before", False)])
async def test_manager_settles_what_the_pms_cannot_answer_for(blind: World, fault: str, landed: bool) -> None:
    blind.opera.dial.next(fault, method="POST", path="/charges")
    posting = (await blind.post()).json()
    assert posting["posting_status"] == "unknown"
    await blind.settle()
    assert (await blind.posting(posting["id"]))["posting_status"] == "unknown", "nobody guesses"
    path = f"/postings/{posting['id']}/settle"
    answer = await blind.call("POST", path, {"landed": landed, "evidence": ""}, role=Role.MANAGER)
    assert answer.status_code == 422
    told = {"landed": landed, "evidence": "Folio of 412 looked at by hand"}
    answer = await blind.call("POST", path, told, role=Role.MANAGER)
    assert answer.status_code == 200, answer.text
    assert answer.json()["posting_status"] == ("posted" if landed else "pending")
    await blind.settle()
    assert (await blind.posting(posting["id"]))["posting_status"] == "posted"
    assert set(blind.folio().values()) == ONCE
    again = await blind.call("POST", path, told, role=Role.MANAGER)
    assert (again.status_code, again.json()["code"]) == (409, "NOT_IN_DOUBT")


async def test_word_of_a_manager_does_not_stand_against_the_pms_s_own(world: World) -> None:
    world.opera.dial.next("drop_after", method="POST", path="/charges")
    posting = (await world.post()).json()
    told = {"landed": False, "evidence": "I did not see it"}
    answer = await world.call("POST", f"/postings/{posting['id']}/settle", told, role=Role.MANAGER)
    assert answer.json()["posting_status"] == "posted", "the PMS was asked and has it"
    await world.settle()
    assert set(world.folio().values()) == ONCE


async def test_nobody_settles_while_the_pms_may_still_be_working(world: World) -> None:
    world.opera.dial.next("drop_before", method="POST", path="/charges")
    posting = (await world.post()).json()
    told = {"landed": False, "evidence": "Nothing there"}
    answer = await world.call("POST", f"/postings/{posting['id']}/settle", told, role=Role.MANAGER)
    assert (answer.status_code, answer.json()["code"]) == (409, "NOT_SETTLED_YET")


async def test_word_of_a_manager_waits_until_a_pms_that_can_be_asked_has_answered(world: World) -> None:
    world.opera.dial.next("drop_after", method="POST", path="/charges")
    posting = (await world.post()).json()
    world.opera.dial.set(maintenance=1.0)
    await world.work(LONG)
    told = {"landed": False, "evidence": "Looked at the wrong folio"}
    answer = await world.call("POST", f"/postings/{posting['id']}/settle", told, role=Role.MANAGER)
    assert (answer.status_code, answer.json()["posting_status"], answer.json()["in_doubt"]) == (200, "unknown", True)
    assert "nothing is sent before it has been asked" in answer.json()["failure_reason"]
    assert [one["step"] for one in answer.json()["attempts"]][-1] == "settle"
    world.opera.dial.calm()
    await world.settle()
    assert (await world.posting(posting["id"]))["posting_status"] == "posted"
    assert set(world.folio().values()) == ONCE
    assert charges_sent(world) == 1


async def test_charge_that_a_manager_says_is_not_there_is_sent_once_the_pms_has_said_so_too(world: World) -> None:
    world.opera.dial.next("drop_before", method="POST", path="/charges")
    posting = (await world.post()).json()
    world.opera.dial.set(maintenance=1.0)
    await world.work(LONG)
    told = {"landed": False, "evidence": "Nothing on the bill"}
    await world.call("POST", f"/postings/{posting['id']}/settle", told, role=Role.MANAGER)
    world.opera.dial.calm()
    await world.settle()
    assert (await world.posting(posting["id"]))["posting_status"] == "posted"
    assert set(world.folio().values()) == ONCE


# --- another PMS ------------------------------------------------------------------------------------------------------


async def connect(world: World, **changes: object) -> httpx2.Response:
    connection = {"pms_type": "opera", "api_url": "http://opera.test", "property_code": "SAND01", **changes}
    return await world.call("PUT", "/config", {"connection": connection}, role=Role.ADMIN)


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"pms_type": "house", "api_url": "", "property_code": ""},
        {"api_url": "http://other.test", "credentials": CREDENTIALS},
        {"property_code": "SAND02"},
    ],
)
async def test_pms_is_not_changed_while_a_charge_is_not_settled(world: World, elsewhere: dict[str, object]) -> None:
    world.opera.dial.next("drop_after", method="POST", path="/charges")
    await world.post()
    answer = await connect(world, **elsewhere)
    assert (answer.status_code, answer.json()["code"]) == (409, "CHARGES_OPEN")
    assert "One charge is not settled yet" in answer.json()["detail"]
    assert answer.json()["action"]
    renewed = await connect(world, credentials=CREDENTIALS, api_url="http://opera.test/")
    assert renewed.status_code == 200, "credentials can be renewed"
    await world.settle()
    assert set(world.folio().values()) == ONCE
    assert (await connect(world, **elsewhere)).status_code == 200


async def test_charge_of_a_pms_that_was_left_is_not_asked_of_another_one(world: World) -> None:
    world.opera.dial.next("drop_after", method="POST", path="/charges")
    posting = (await world.post()).json()
    world.opera.dial.set(maintenance=1.0)
    await world.work(LONG)
    told = {"landed": False, "evidence": "OPERA was given up, nothing on the last print"}
    path = f"/postings/{posting['id']}"
    await world.call("POST", f"{path}/settle", told, role=Role.MANAGER)
    assert (await connect(world, pms_type="house", api_url="", property_code="")).status_code == 200
    await world.settle()
    found = await world.posting(posting["id"])
    assert (found["posting_status"], found["failure_code"]) == ("unknown", "OTHER_PMS")
    assert found["next_attempt_at"] is None
    world.opera.dial.calm()
    assert (await connect(world, credentials=CREDENTIALS)).status_code == 200, "the way back is open"
    again = await world.call("POST", f"{path}/retry", role=Role.MANAGER)
    assert again.json()["posting_status"] == "posted"
    assert set(world.folio().values()) == ONCE
    assert charges_sent(world) == 1


async def test_manager_settles_a_charge_of_a_pms_that_was_left_and_it_is_sent_nowhere_else(world: World) -> None:
    world.opera.dial.next("drop_before", method="POST", path="/charges")
    posting = (await world.post()).json()
    world.opera.dial.set(maintenance=1.0)
    await world.work(LONG)
    told = {"landed": False, "evidence": "Nothing there"}
    path = f"/postings/{posting['id']}"
    await world.call("POST", f"{path}/settle", told, role=Role.MANAGER)
    assert (await connect(world, pms_type="house", api_url="", property_code="")).status_code == 200
    answer = await world.call("POST", f"{path}/settle", told, role=Role.MANAGER)
    assert (answer.status_code, answer.json()["posting_status"]) == (200, "pending")
    await world.settle()
    found = await world.posting(posting["id"])
    assert (found["posting_status"], found["failure_code"], found["in_doubt"]) == ("pending", "OTHER_PMS", False)
    (entry,) = (await world.call("GET", "/queue")).json()["items"]
    assert entry["status"] == "failed"
    removed = await world.call("DELETE", f"/queue/{entry['id']}?reason=Paid by card", role=Role.MANAGER)
    assert removed.json()["failure_code"] == "REMOVED"


async def test_posted_charge_of_a_pms_that_was_left_is_not_called_void(world: World) -> None:
    posting = (await world.post()).json()
    assert (await connect(world, pms_type="house", api_url="", property_code="")).status_code == 200
    answer = await world.call("POST", f"/postings/{posting['id']}/void", {"reason": "wrong"}, role=Role.MANAGER)
    assert (answer.status_code, answer.json()["code"]) == (409, "OTHER_PMS")
    assert (await world.posting(posting["id"]))["posting_status"] == "posted"
    assert set(world.folio().values()) == ONCE


# --- somebody is told -------------------------------------------------------------------------------------------------


async def test_somebody_is_told_once_of_a_charge_that_is_in_doubt_for_an_hour(world: World) -> None:
    world.opera.dial.next("drop_after", method="POST", path="/charges")
    await world.post()
    world.opera.dial.set(maintenance=1.0)
    for _ in range(5):
        await world.work(LONG)
    assert world.alerts == [], "an outage of minutes is no news"
    for _ in range(20):
        await world.work(LONG)
    assert len(world.alerts) == 1
    assert "is in doubt for an hour" in world.alerts[0]


async def test_somebody_is_told_once_of_a_charge_that_is_half_taken_back_for_an_hour(world: World) -> None:
    posting = (await world.post()).json()
    world.opera.dial.set(maintenance=1.0)
    await world.call("POST", f"/postings/{posting['id']}/void", {"reason": "wrong"}, role=Role.MANAGER)
    for _ in range(25):
        await world.work(LONG)
    assert (await world.posting(posting["id"]))["posting_status"] == "voiding"
    assert len(world.alerts) == 1
    assert "is half taken back" in world.alerts[0]


async def test_nobody_is_told_of_a_long_doubt_where_alerts_are_off(world: World) -> None:
    await world.configure(retry={"alert_on_failure": False})
    world.opera.dial.next("drop_after", method="POST", path="/charges")
    await world.post()
    world.opera.dial.set(maintenance=1.0)
    for _ in range(25):
        await world.work(LONG)
    assert world.alerts == []
