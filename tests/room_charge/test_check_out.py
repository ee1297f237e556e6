"""A guest of the house does not leave while what he signed for is on its way to his bill."""

from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from innkeeper.access.roles import Role
from innkeeper.access.tables import AuditRow
from innkeeper.bootstrap import charges_on_their_way
from innkeeper.house import api as house_api
from tests.room_charge.world import World, with_opera

pytestmark = pytest.mark.anyio


async def desk(inn: World, method: str, path: str, body: Any = None, role: Role = Role.FRONT_DESK) -> httpx2.Response:
    """Make a request about the stay in room 412."""
    return await inn.call(method, f"/{inn.stays['412']}{path}", body, role=role, under="/api/reservations")


@pytest.fixture
def house(inn: World) -> World:
    inn.app.include_router(house_api.router)
    inn.app.state.charges_on_their_way = charges_on_their_way
    return inn


async def held(house: World) -> dict[str, Any]:
    """Return a charge that waits until somebody processes the queue."""
    await house.configure(posting={"auto_post": False})
    answer = await house.post(subtotal="30.00", tip="0.00")
    assert answer.status_code == 202
    found: dict[str, Any] = answer.json()
    return found


async def pay(house: World) -> None:
    due = (await desk(house, "GET", "/folio")).json()["due"]
    assert (await desk(house, "POST", "/folio/payments", {"amount": due})).status_code == 201


async def test_check_out_waits_for_a_charge_that_is_not_on_the_bill_yet(house: World) -> None:
    charge = await held(house)
    await pay(house)
    assert (await desk(house, "GET", "/folio")).json()["on_its_way"] == "30.00"
    refused = await desk(house, "POST", "/check-out", {})
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (409, "CHARGES_PENDING")
    assert problem["errors"] == [{"field": "on_its_way", "message": "30.00 EUR"}]
    posted = await house.call("POST", f"/postings/{charge['id']}/retry", role=Role.MANAGER)
    assert posted.json()["posting_status"] == "posted", "the guest is still there to be charged"
    assert (await desk(house, "GET", "/folio")).json()["on_its_way"] == "0.00"
    assert (await desk(house, "POST", "/check-out", {})).json()["code"] == "BALANCE_DUE"
    await pay(house)
    assert (await desk(house, "POST", "/check-out", {})).json()["status"] == "Checked-out"


async def test_a_manager_checks_out_without_them_and_the_trail_says_so(house: World) -> None:
    await held(house)
    await pay(house)
    body = {"leave_charges": True}
    assert (await desk(house, "POST", "/check-out", body)).status_code == 403
    assert (await desk(house, "POST", "/check-out", body, Role.MANAGER)).json()["status"] == "Checked-out"
    async with house.database.read() as session:
        noted = await session.scalar(select(AuditRow).where(AuditRow.action == "folio.charges_left"))
    assert noted is not None
    assert (noted.entity_id, noted.detail) == (str(house.stays["412"]), {"on_its_way": "30.00", "currency": "EUR"})


async def test_a_charge_that_failed_and_waits_for_a_person_holds_the_guest_too(house: World) -> None:
    charge = await held(house)
    await pay(house)
    async with house.database.write() as tx:
        row = await tx.session.merge((await house.charges())[0])
        row.posting_status = "failed"
    assert (await desk(house, "POST", "/check-out", {})).json()["code"] == "CHARGES_PENDING"
    entry = (await house.call("GET", "/queue")).json()["items"][0]
    assert entry["room_charge_id"] == charge["id"]
    await house.call("DELETE", f"/queue/{entry['id']}?reason=paid cash", role=Role.MANAGER)
    assert (await desk(house, "POST", "/check-out", {})).json()["status"] == "Checked-out"


async def test_outlets_that_charge_another_system_hold_nobody(house: World) -> None:
    await pay(house)
    await with_opera(house)
    assert (await desk(house, "GET", "/folio")).json()["on_its_way"] is None
    assert (await desk(house, "POST", "/check-out", {})).json()["status"] == "Checked-out"
