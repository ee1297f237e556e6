"""The simulated OPERA answers by Oracle's specification, and takes Oracle's own samples."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from innkeeper.simulators.opera import HotelState, OperaApp, opera_app
from innkeeper.simulators.opera import state as hotel
from innkeeper.simulators.registry import SIMULATORS
from tests.ohip import NOT_HERE, OhipSpec, Recorder
from tests.shared_files import require_shared

pytestmark = pytest.mark.anyio

RESERVATION = "41002"


class Caller:
    """Somebody who speaks OHIP by hand."""

    def __init__(self, app: OperaApp) -> None:
        self.app = app
        self.state = app.state
        self.recorder = Recorder(app)
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.recorder), base_url="http://opera.test", headers=self.headers()
        )

    def headers(self, **changes: str) -> dict[str, str]:
        return {
            "authorization": f"Bearer {self.state.issue_token()}",
            "x-app-key": hotel.APP_KEY,
            "x-hotelid": self.state.hotel_id,
            "content-type": "application/json;charset=UTF-8",
            **changes,
        }

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self.http.get(path, headers=headers)

    async def charge(self, reservation: str = RESERVATION, **charge: Any) -> httpx2.Response:
        line = {"transactionCode": "2000", "price": {"amount": 10.5, "currencyCode": "USD"}, **charge}
        body = {"criteria": {"hotelId": self.state.hotel_id, "charges": [line]}}
        return await self.http.post(f"/csh/v1/hotels/SAND01/reservations/{reservation}/charges", json=body)


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    one = Caller(opera_app(business_date=date(2026, 1, 27)))
    yield one
    await one.http.aclose()


def samples() -> list[Path]:
    folder = require_shared() / "pms" / "examples" / "ohip"
    return sorted(path for path in folder.glob("*.json") if path.name.startswith(("post-", "void-")))


def filled(text: str) -> str:
    values = {"HostName": "", "HotelId": "SAND01", "ReservationId": RESERVATION, "RoomId": "412"}
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", value)
    return text


# Oracle's samples ---------------------------------------------------------------------------------------------------


async def test_every_sample_charge_of_oracle_is_accepted(caller: Caller) -> None:
    spec = OhipSpec()
    assert len(samples()) == 7
    for path in samples():
        sample = json.loads(filled(path.read_text()))
        answer = await caller.http.post(sample["url"], json=sample["body"])
        assert answer.status_code == 201, (path.name, answer.text)
        assert len(answer.json()["postings"]) == len(sample["body"]["criteria"]["charges"])
        assert spec.problems(caller.recorder.exchanges[-1]) == [], path.name


async def test_the_two_ways_to_void_take_the_sample_charges_back(caller: Caller) -> None:
    folder = require_shared() / "pms" / "examples" / "ohip"
    pairs = [("post-charge-3-subtotals", "void-negative-amount"), ("post-charge-1-subtotal", "void-negative-quantity")]
    for pair in pairs:
        for name in pair:
            sample = json.loads(filled((folder / f"{name}.json").read_text()))
            await caller.http.post(sample["url"], json=sample["body"])
        assert caller.state.balance(RESERVATION) == 0


async def test_sample_searches_find_the_guest(caller: Caller) -> None:
    folder = require_shared() / "pms" / "examples" / "ohip"
    by_room = await caller.get(filled(json.loads((folder / "lookup-by-room.json").read_text())["url"]))
    (found,) = by_room.json()["reservations"]["reservationInfo"]
    assert found["reservationGuest"]["surname"] == "Wilson"
    by_name = await caller.get(filled(json.loads((folder / "lookup-by-name.json").read_text())["url"]))
    assert by_name.status_code in (200, 204)
    folio = await caller.get(filled(json.loads((folder / "get-folio.json").read_text())["url"]))
    assert folio.status_code == 200
    spec = OhipSpec()
    assert [spec.problems(exchange) for exchange in caller.recorder.exchanges] == [[], [], []]


# the specification --------------------------------------------------------------------------------------------------


async def test_every_answer_has_the_specified_shape(caller: Caller) -> None:
    spec = OhipSpec()
    await caller.charge("41012", postingReference="R1", applyRoutingInstructions=True)
    await caller.charge(transactionCode="2500", checkNumber="77")
    await caller.charge(transactionCode="NOSUCH")
    await caller.charge("nobody")
    await caller.charge(transactioncode="2000")
    number = await caller.charge(postingReference="R2")
    await caller.http.put(
        f"/csh/v1/hotels/SAND01/reservations/{RESERVATION}/transactions",
        json={"transactionList": [number.json()["postings"][0]["transactionNo"]], "reasonCode": "ERR"},
    )
    for path in (
        "/rsv/v1/hotels/SAND01/reservations?searchType=InHouse&limit=100&fetchInstructions=RevenuesAndBalances",
        "/rsv/v1/hotels/SAND01/reservations?roomId=nothing",
        "/rsv/v1/hotels/SAND01/reservations?keyTrack2=CARD412N1&fetchInstructions=Indicators",
        "/rsv/v1/services/reservations/status",
        "/csh/v1/services/cashiering/status",
        "/csh/v1/hotels/SAND01/transactions?reservationList=41002&reservationList=41001&includeGenerates=true",
        "/csh/v1/hotels/SAND01/financialPostings?startDate=2026-01-27&endDate=2026-01-27&limit=50",
        "/csh/v1/hotels/SAND01/financialPostings?startDate=2026-01-01&endDate=2026-01-02",
        "/csh/v1/hotels/SAND01/postingDates/date/postingSummary?postingDate=2026-01-27&checkPostings=true",
        f"/csh/v1/hotels/SAND01/reservations/{RESERVATION}/folios?fetchInstructions=Postings&summaryOnly=false",
        "/csh/v1/hotels/SAND01/reservations/41012/charges?transactionCode=2000&amount=5&option=RoomRouting",
        "/csh/v1/hotels/SAND01/reservations/41006/charges?transactionCode=2000&amount=5&option=PostingStatus",
        "/csh/v1/hotels/SAND01/transactionCodes",
        "/crm/v1/profiles/270001?fetchInstructions=Profile&fetchInstructions=Preference&fetchInstructions=Membership",
        "/crm/v1/profiles/nobody",
    ):
        await caller.get(path)
    held = [e for e in caller.recorder.exchanges if not e.path.startswith(NOT_HERE)]
    wrong = {f"{e.method} {e.path}?{e.query}": spec.problems(e) for e in held}
    # the misspelt field is the request's own problem; its refusal must still have the specified form
    wrong = {call: [p for p in found if "transactioncode" not in p] for call, found in wrong.items()}
    assert {call: found for call, found in wrong.items() if found} == {}


@pytest.mark.parametrize("grant", ["client_credentials", "password"])
async def test_both_ways_to_sign_in(caller: Caller, grant: str) -> None:
    basic = base64.b64encode(f"{hotel.CLIENT_ID}:{hotel.CLIENT_SECRET}".encode()).decode()
    own = {"username": hotel.USERNAME, "password": hotel.PASSWORD} if grant == "password" else {"scope": hotel.SCOPE}
    answer = await caller.http.post(
        "/oauth/v1/tokens",
        data={"grant_type": grant, **own},
        headers={
            "authorization": f"Basic {basic}",
            "enterpriseId": hotel.ENTERPRISE_ID,
            "content-type": "application/x-www-form-urlencoded",
        },
    )
    assert answer.json()["expires_in"] == 3600
    spec = OhipSpec()
    assert spec.problems(caller.recorder.exchanges[-1]) == []


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("authorization", "", 401),
        ("authorization", "Bearer wrong", 401),
        ("x-app-key", "", 401),
        ("x-hotelid", "", 400),
        ("x-hotelid", "OTHER", 403),
    ],
)
async def test_gateway_checks_the_headers(caller: Caller, header: str, value: str, status: int) -> None:
    answer = await caller.get("/rsv/v1/hotels/SAND01/reservations", **{header: value})
    assert answer.status_code == status
    assert {"type", "title"} <= answer.json().keys()


async def test_token_ends(caller: Caller) -> None:
    now = datetime(2026, 1, 27, 12, 0, tzinfo=UTC)
    caller.state.clock = lambda: now
    caller.http.headers.update(caller.headers())
    assert (await caller.get("/rsv/v1/hotels/SAND01/reservations")).status_code == 200
    now += timedelta(minutes=61)
    assert (await caller.get("/rsv/v1/hotels/SAND01/reservations")).status_code == 401


async def test_lists_with_commas_and_unknown_parameters_are_refused(caller: Caller) -> None:
    for query in ("fetchInstructions=Reservation,Indicators", "roomID=412", "searchType=Nonsense", "limit=x"):
        assert (await caller.get(f"/rsv/v1/hotels/SAND01/reservations?{query}")).status_code == 400


async def test_pages_hold_together(caller: Caller) -> None:
    for n in range(23):
        await caller.charge(postingReference=f"R{n}")
    seen: list[int] = []
    path = "/csh/v1/hotels/SAND01/financialPostings?startDate=2026-01-27&endDate=2026-01-27&limit=10&offset="
    while True:
        page = (await caller.get(f"{path}{len(seen)}")).json()
        seen += [row["transactionNo"] for row in page["journalPostings"]["postings"]]
        if not page["hasMore"]:
            break
    assert len(set(seen)) == len(seen) == page["totalResults"] == 24  # and Mr. Wilson's room
    too_many = await caller.get(f"{path}0".replace("limit=10", "limit=51"))
    assert too_many.json()["o:errorCode"] == "OPERAWS-ODE09998"
    span = await caller.get("/csh/v1/hotels/SAND01/financialPostings?startDate=2026-01-01&endDate=2026-01-31")
    assert span.status_code == 400


# the hotel ----------------------------------------------------------------------------------------------------------


async def test_all_charges_of_a_body_are_written_or_none(caller: Caller) -> None:
    good = {"transactionCode": "2000", "price": {"amount": 1}}
    for bad in (
        {"transactionCode": "NOSUCH", "price": {"amount": 1}},
        {"transactionCode": "2000"},
        {"transactionCode": "2000", "price": {"amount": "1"}},
        {"transactionCode": "2000", "price": {"amount": 1, "currencyCode": "EUR"}},
        {"transactionCode": "2000", "price": {"amount": 1}, "postingQuantity": 0},
        {"transactionCode": "2000", "price": {"amount": 1}, "cashierId": 999},
    ):
        body = {"criteria": {"charges": [good, bad]}}
        answer = await caller.http.post(f"/csh/v1/hotels/SAND01/reservations/{RESERVATION}/charges", json=body)
        assert answer.status_code == 400, bad
    assert caller.state.postings_of(RESERVATION) == []


async def test_code_that_generates_tax_posts_it_beside_the_charge(caller: Caller) -> None:
    await caller.charge(transactionCode="2500", price={"amount": 50})
    assert [posting.amount for posting in caller.state.postings_of(RESERVATION)] == [Decimal(50), Decimal("5.00")]
    journal = f"/csh/v1/hotels/SAND01/transactions?reservationList={RESERVATION}"
    plain = (await caller.get(journal)).json()
    with_tax = (await caller.get(f"{journal}&includeGenerates=true")).json()
    for document, count in ((plain, 1), (with_tax, 2)):
        (window,) = document["reservationFolioInformation"][0]["folioWindows"]
        assert len(window["folios"][0]["postings"]) == count


async def test_deleting_is_for_the_open_day_alone(caller: Caller) -> None:
    number = (await caller.charge()).json()["postings"][0]["transactionNo"]
    path = f"/csh/v1/hotels/SAND01/reservations/{RESERVATION}/transactions"
    caller.app.desk.roll_business_date()
    body = {"transactionList": [number], "reasonCode": "ERR"}
    assert (await caller.http.put(path, json=body)).status_code == 400
    caller.state.business_date -= timedelta(days=1)
    assert (await caller.http.put(path, json=body)).status_code == 200
    assert [posting.transaction_no for posting in caller.state.deleted] == [number]
    assert number not in caller.state.postings


async def test_guest_who_pays_and_leaves_owes_nothing_and_takes_no_charge(caller: Caller) -> None:
    await caller.charge()
    caller.app.desk.check_out(RESERVATION)
    assert caller.state.balance(RESERVATION) == 0
    assert (await caller.charge()).status_code == 400
    caller.state.reservations[RESERVATION].post_stay = True
    assert (await caller.charge()).status_code == 201


async def test_night_audit_charges_the_rooms_and_opens_the_next_day(caller: Caller) -> None:
    before = caller.state.balance(RESERVATION)
    caller.app.desk.roll_business_date()
    assert caller.state.balance(RESERVATION) == before + 120
    answer = await caller.get("/bof/v1/hotels/SAND01/businessDate")
    assert answer.json() == {"hotels": [{"hotelId": "SAND01", "businessDate": "2026-01-28"}]}
    assert (await caller.charge()).json()["postings"][0]["revenueDate"] == "2026-01-28"


async def test_desk_acts_through_the_control_endpoint(caller: Caller) -> None:
    act = {"do": "move_room", "reservation": RESERVATION, "room": "555"}
    assert (await caller.http.post("/_simulator/desk", json=act)).json() == {"reservation": RESERVATION, "room": "555"}
    assert (await caller.http.post("/_simulator/desk", json={"do": "check_in", "name": "Ida Neu", "room": "9"})).json()
    for wrong in ({"do": "burn"}, {"do": "check_out", "reservation": "nobody"}, {"do": "check_out"}):
        assert (await caller.http.post("/_simulator/desk", json=wrong)).status_code == 422
    state = (await caller.get("/_simulator/state")).json()
    assert state["business_date"] == "2026-01-27"


async def test_faults_leave_what_they_say(caller: Caller) -> None:
    caller.app.dial.next("error_after", path="/charges")
    assert (await caller.charge(postingReference="R1")).status_code == 500
    caller.app.dial.next("duplicate", path="/charges")
    assert (await caller.charge(postingReference="R2")).status_code == 201
    assert caller.state.doubled() == ["R2"]
    assert caller.state.charged() == {"R1": Decimal("10.5"), "R2": Decimal("21.0")}


async def test_check_text_is_kept(caller: Caller) -> None:
    path = "/csh/v1/hotels/SAND01/check/1247"
    assert (await caller.get(path)).status_code == 204
    await caller.http.post(path, json={"checkDetails": {"checkText": "1 Soup"}})
    assert (await caller.get(path)).json()["checkDetails"]["checkText"] == "1 Soup"


def test_registry_makes_it_and_says_how_to_sign_in() -> None:
    simulator = SIMULATORS["opera"]
    app = simulator(hotel_id="HTL2", business_date="2026-01-27", guests="20")
    assert isinstance(app, OperaApp)
    assert app.state.business_date == date(2026, 1, 27)
    assert "HTL2" in simulator.hint(app)
    assert isinstance(app.state, HotelState)
