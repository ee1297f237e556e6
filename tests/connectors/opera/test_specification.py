"""Every request of the connector and every answer of the simulator, held against Oracle's specification."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import httpx2
import pytest

from innkeeper.connectors.opera import OperaConnector
from innkeeper.connectors.rest import Wire
from innkeeper.domain.charge import ChargeDraft, ChargeItem, VoidDraft
from innkeeper.domain.outcome import Done, Refused
from innkeeper.simulators.opera import opera_app
from innkeeper.simulators.opera.demo_hotel import OUTLET_CODES
from tests.connectors.opera.support import settings
from tests.ohip import NOT_HERE, Exchange, OhipSpec, Recorder

pytestmark = pytest.mark.anyio

PASSWORD_GRANT = {"grant_type": "password", "username": "SANDBOX", "password": "sandbox-password"}


@pytest.fixture(scope="module")
def spec() -> OhipSpec:
    return OhipSpec()


async def everything(connector: OperaConnector) -> None:
    """Call every method of the port, also where it ends badly."""
    await connector.describe(["2000"], ["9", "77"])
    await connector.business_date()
    for room in ("412", "203", "305", "111", "777", "A-12", "Zimmer 7/b"):
        await connector.find_room(room)
    await connector.find_key_card("CARD412N1")
    found = await connector.find_reservation("41001")
    assert isinstance(found, Done)
    guest = found.value
    draft = ChargeDraft(
        reference="POS-TXN-78451",
        reservation_id=guest.reservation_id,
        guest_id=guest.guest_id,
        room_number=guest.room_number,
        outlet_code="IRS",
        pms_codes=OUTLET_CODES["IRS"],
        currency="USD",
        subtotal=Decimal("87.50"),
        tax=Decimal("7.10"),
        tip=Decimal("17.50"),
        service_charge=Decimal("1.05"),
        delivery_charge=Decimal("5.00"),
        check_number="1247",
        sold_at=datetime.now(UTC),
        items=(ChargeItem("Soup Ünïcode", 1, Decimal("27.50")), ChargeItem("Steak", 2, Decimal("60.00"))),
        itemised=True,
    )
    charged = await connector.charge(draft)
    assert isinstance(charged, Done)
    await connector.find_charge(draft)
    void = VoidDraft(
        draft.reference, "41001", charged.value.lines, "USD", "1247", reason="Wrong room", sold_at=draft.sold_at
    )
    assert isinstance(await connector.void(void), Done)
    await connector.folio("41001")
    await connector.folio("nobody")
    await connector.postings(charged.value.business_date or draft.sold_at.date(), ["2200", "2900"])
    await connector.guest_profile(guest.guest_id)
    await connector.guest_profile("nobody")


@pytest.mark.parametrize("changes", [{}, {"reservation_in_body": True, "external_system": "INNKEEPER"}, PASSWORD_GRANT])
async def test_requests_and_answers_are_the_specification_s(spec: OhipSpec, changes: dict[str, object]) -> None:
    recorder = Recorder(opera_app())
    own = settings("http://opera.test", **changes)
    connector = OperaConnector(own, Wire(transport=httpx2.ASGITransport(app=recorder)))
    await everything(connector)
    await connector.aclose()
    held = [e for e in recorder.exchanges if not e.path.startswith(NOT_HERE)]
    wrong = {f"{e.method} {e.path}?{e.query} -> {e.status}": spec.problems(e) for e in held}
    assert {call: problems for call, problems in wrong.items() if problems} == {}
    operations = {spec.find(e.method, e.path)[0]["operationId"] for e in held}
    assert operations == {
        "getToken",
        "getHotelReservations",
        "postBillingCharges",
        "getGuestsTransactions",
        "getFinancialPostings",
        "getFolio",
        "getProfile",
        "getTransactionCodes",
        "getCashiers",
        "pingCashieringService",
    }


async def test_refusals_have_the_specified_form(spec: OhipSpec) -> None:
    recorder = Recorder(opera_app())
    connector = OperaConnector(
        settings("http://opera.test", property_code="OTHER"), Wire(transport=httpx2.ASGITransport(app=recorder))
    )
    outcome = await connector.find_room("412")
    assert isinstance(outcome, Refused)
    assert "property code" in outcome.message
    refusal = recorder.exchanges[-1]
    assert refusal.status == 403
    assert spec.problems(refusal) == []
    await connector.aclose()


async def test_a_field_with_a_typing_error_would_be_seen(spec: OhipSpec) -> None:
    document, schema = spec.request_schema("postBillingCharges")
    body = {"criteria": {"hotelId": "SAND01", "charges": [{"transactioncode": "2000"}]}}
    assert spec.body_problems(document, schema, body)
    answer = Exchange("GET", "/csh/v1/hotels/SAND01/transactions", "", {}, b"", 200, json.dumps({"x": 1}).encode())
    assert len(spec.problems(answer)) > 1


async def test_no_secret_and_no_card_reaches_the_log() -> None:
    seen: list[str] = []
    app = opera_app()
    wire = Wire(transport=httpx2.ASGITransport(app=app), on_exchange=lambda e: seen.append(repr(e)))
    connector = OperaConnector(settings("http://opera.test"), wire)
    await connector.find_key_card("CARD412N1")
    await connector.aclose()
    log = " ".join(seen)
    assert "/reservations?fetchInstructions,keyTrack2,limit,searchType" in log
    for secret in ("CARD412N1", "sandbox-client-secret", *app.state.tokens):
        assert secret not in log
    assert "sandbox" not in repr(connector.settings)
