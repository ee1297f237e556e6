"""Who may be charged how much and where, by every option of the property."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from innkeeper.access.roles import Role
from innkeeper.access.tables import AuditRow
from innkeeper.connectors.base import PmsConnector
from innkeeper.domain.outcome import Done
from tests.room_charge.world import LONG, World

pytestmark = pytest.mark.anyio


async def refused(world: World, code: str, *, role: Role = Role.SERVER, **changes: Any) -> dict[str, Any]:
    before = world.folio()
    answer = await world.post(role=role, **changes)
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (422, code), answer.text
    assert problem["action"]
    assert world.folio() == before
    return problem


async def test_blocked_guest_is_refused(world: World) -> None:
    problem = await refused(world, "CHARGES_BLOCKED", room="305")
    assert problem["detail"] == "Room charges are blocked"
    assert problem["action"] == "Contact front desk for authorization"


async def test_room_blocked_in_the_settings_is_refused_and_shown_as_blocked(world: World) -> None:
    await world.configure(restrictions={"blocked_rooms": ["412", "a-12"]})
    await refused(world, "CHARGES_BLOCKED", room="412")
    await refused(world, "CHARGES_BLOCKED", room="A-12")
    shown = (await world.call("GET", "/rooms/412")).json()["guests"][0]["billing"]
    assert (shown["charges_allowed"], shown["restriction_reason"]) == (False, "Room charges are blocked")


async def test_limit_counts_the_balance_and_what_is_on_its_way(world: World) -> None:
    await world.configure(restrictions={"default_credit_limit": "500.00"})
    world.opera.dial.next("drop_before", method="POST", path="/charges")
    assert (await world.post(subtotal="200.00", tip="0")).status_code == 202
    blind = await refused(world, "CREDIT_EXCEEDED", subtotal="60.00", tip="0")
    assert blind["errors"] == []  # a waiter may not see what is on the bill
    problem = await refused(world, "CREDIT_EXCEEDED", role=Role.FRONT_DESK, subtotal="60.00", tip="0")
    figures = {one["field"]: one["message"] for one in problem["errors"]}
    assert figures == {
        "credit_limit": "500.00",
        "current_balance": "245.00",
        "on_its_way": "200.00",
        "available_credit": "55.00",
        "this_charge": "60.00",
    }
    assert (await world.post(subtotal="55.00", tip="0")).status_code == 201


async def test_two_terminals_at_once_do_not_exceed_the_limit_together(world: World) -> None:
    await world.configure(restrictions={"default_credit_limit": "300.00"})
    answers = await asyncio.gather(*(world.post(subtotal="30.00", tip="0") for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 422, 422, 422, 422]


async def test_room_s_own_limit_goes_before_the_house_s(world: World) -> None:
    await world.configure(restrictions={"default_credit_limit": "1.00", "room_credit_limits": {"412": "400.00"}})
    assert (await world.post(subtotal="50.00", tip="0")).status_code == 201
    await refused(world, "CREDIT_EXCEEDED", room="218")


async def test_front_desk_overrides_the_limit_and_the_trail_says_so(world: World) -> None:
    await world.configure(restrictions={"default_credit_limit": "250.00"})
    await refused(world, "CREDIT_EXCEEDED")
    denied = await world.post(override_credit=True)
    assert (denied.status_code, denied.json()["code"]) == (403, "NOT_ALLOWED")
    answer = await world.post(override_credit=True, role=Role.FRONT_DESK)
    assert (answer.status_code, answer.json()["credit_override"]) == (201, True)
    async with world.database.read() as session:
        actions = [(row.action, row.role) for row in await session.scalars(select(AuditRow))]
    assert ("charge.credit_overridden", "front_desk") in actions


async def test_limit_only_warns_where_the_property_does_not_block(world: World) -> None:
    await world.configure(restrictions={"default_credit_limit": "1.00", "block_if_credit_exceeded": False})
    assert (await world.post()).status_code == 201


async def test_guest_who_leaves_today_is_refused_where_the_property_says_so(world: World) -> None:
    assert (await world.post(room="110")).status_code == 201
    await world.configure(restrictions={"block_if_checkout_today": True})
    await refused(world, "CHECKOUT_TODAY", room="110")
    assert (await world.post(room="412")).status_code == 201


async def test_outlets_that_may_not_charge_are_refused(world: World) -> None:
    await refused(world, "OUTLET_NOT_ALLOWED", outlet_code="POOL")
    await refused(world, "OUTLET_UNKNOWN", outlet_code="SPA")
    await world.configure(restrictions={"allowed_outlets": ["POOL"]})
    assert (await world.post(outlet_code="POOL")).status_code == 201
    await refused(world, "OUTLET_NOT_ALLOWED")


async def test_closed_outlet_is_refused_and_one_without_codes_names_the_mistake(world: World) -> None:
    outlets = [
        {"code": "REST", "name": "Restaurant", "is_active": False, "pms_codes": {"charge": "2000"}},
        {"code": "BAR", "name": "Bar"},
    ]
    assert (await world.call("PUT", "/outlets", outlets, role=Role.ADMIN)).status_code == 200
    await refused(world, "OUTLET_NOT_ALLOWED")
    await refused(world, "OUTLET_NOT_MAPPED", outlet_code="BAR")


async def test_name_must_be_confirmed_unless_the_property_trusts(world: World) -> None:
    await refused(world, "GUEST_NOT_CONFIRMED", guest_confirmed=False)
    await world.configure(verification={"require_name_confirm": False})
    assert (await world.post(guest_confirmed=False)).status_code == 201


async def test_folio_in_another_currency_is_refused(world: World) -> None:
    await refused(world, "CURRENCY_MISMATCH", currency="EUR")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"subtotal": "-10.00"}, "INVALID"),
        ({"tip": "-1.00"}, "INVALID"),
        ({"tax": "-1.00"}, "INVALID"),
        ({"subtotal": "0.00", "tip": "0.00"}, "INVALID"),
        ({"subtotal": "10.00", "tip": "10.01"}, "TIP_TOO_HIGH"),
        ({"subtotal": "10.001"}, "INVALID"),
        ({"subtotal": "ten"}, "INVALID"),
        ({"subtotal": "1e3"}, "INVALID"),
        ({"subtotal": 10.5}, "INVALID"),
        ({"subtotal": "NaN"}, "INVALID"),
        ({"currency": "XYZ"}, "INVALID"),
        ({"items": [{"description": "Soup", "amount": "1.00"}]}, "INVALID"),
        ({"room_number": ""}, "INVALID"),
        ({"room_number": "  "}, "INVALID"),
        ({"pos_reference": "  "}, "INVALID"),
        ({"check_number": " \t "}, "INVALID"),
        ({"outlet_code": " "}, "INVALID"),
        ({"pos_reference": "x" * 101}, "INVALID"),
        ({"pos_reference": "a\nb"}, "INVALID"),
        ({"timestamp": "2030-06-01T19:45:00"}, "INVALID"),
    ],
)
async def test_amounts_and_texts_that_cannot_be_are_refused(world: World, changes: dict[str, Any], code: str) -> None:
    await refused(world, code, **changes)
    assert await world.charges() == []


async def test_currencies_keep_their_digits(world: World) -> None:
    await refused(world, "INVALID", currency="JPY", subtotal="10.5")
    posting = (await world.post(subtotal="10", tip="0")).json()
    assert (posting["subtotal"], posting["total"]) == ("10.00", "10.00")


async def test_switched_off_property_charges_nothing(world: World) -> None:
    await world.configure(is_active=False)
    await refused(world, "NOT_ACTIVE")


async def test_limit_of_a_pms_that_tells_no_balance_counts_what_we_posted(world: World) -> None:
    await world.configure(restrictions={"default_credit_limit": "150.00"})
    make = world.systems._factories["opera"]

    def silent(*given: Any) -> PmsConnector:
        connector = make(*given)
        find = connector.find_room

        async def find_room(room: str) -> Any:
            found = await find(room)
            if isinstance(found, Done):
                guests = tuple(replace(guest, balance=None) for guest in found.value.guests)
                return Done(replace(found.value, guests=guests))
            return found

        connector.find_room = find_room  # type: ignore[method-assign]
        return connector

    world.systems._factories["opera"] = silent
    world.systems._open.clear()
    assert (await world.post()).status_code == 201
    world.clock.advance(60)
    await refused(world, "CREDIT_EXCEEDED", subtotal="50.00", tip="0")
    assert (await world.post(subtotal="45.00", tip="0")).status_code == 201
    assert sum(world.folio().values()) == Decimal("150.00")


async def test_charge_that_failed_and_is_still_owed_counts_against_the_limit_until_it_is_taken_off(
    world: World,
) -> None:
    await world.configure(
        restrictions={"default_credit_limit": "500.00"}, retry={"max_attempts": 1, "interval_minutes": 1}
    )
    world.opera.dial.next("maintenance", method="POST", path="/charges")
    first = (await world.post(subtotal="200.00", tip="0")).json()
    world.opera.dial.set(maintenance=1.0)
    for _ in range(3):
        await world.work(LONG)
    world.opera.dial.calm()
    assert (await world.posting(first["id"]))["posting_status"] == "failed"
    await refused(world, "CREDIT_EXCEEDED", subtotal="60.00", tip="0")
    shown = (await world.call("GET", "/rooms/412", role=Role.FRONT_DESK)).json()["guests"][0]["billing"]
    assert shown["on_its_way"] == "200.00"
    (entry,) = (await world.call("GET", "/queue")).json()["items"]
    await world.call("DELETE", f"/queue/{entry['id']}?reason=Paid by card", role=Role.MANAGER)
    assert (await world.post(subtotal="60.00", tip="0")).status_code == 201


async def test_charge_that_was_taken_on_is_sent_over_the_limit_and_says_so(world: World) -> None:
    await world.configure(restrictions={"default_credit_limit": "500.00"})
    world.opera.dial.next("maintenance", method="POST", path="/charges")
    posting = (await world.post(subtotal="200.00", tip="0")).json()
    await world.configure(restrictions={"default_credit_limit": "300.00"})
    await world.work(LONG)
    found = await world.posting(posting["id"])
    assert found["posting_status"] == "posted", "the guest has signed for it"
    assert (await world.only()).evidence["over_limit"] == "145.00"
    proof = (await world.call("GET", f"/postings/{posting['id']}/proof", role=Role.MANAGER)).json()
    assert proof["evidence"]["over_limit"] == "145.00"


async def test_override_is_recorded_only_where_it_was_needed(world: World) -> None:
    await world.configure(restrictions={"default_credit_limit": "5000.00"})
    answer = await world.post(override_credit=True, role=Role.FRONT_DESK)
    assert (answer.status_code, answer.json()["credit_override"]) == (201, False)
    answer = await world.post(override_credit=True, subtotal="6000.00", tip="0", role=Role.FRONT_DESK)
    assert (answer.status_code, answer.json()["credit_override"]) == (201, True)
    async with world.database.read() as session:
        actions = [row.action for row in await session.scalars(select(AuditRow))]
    assert actions.count("charge.credit_overridden") == 1


async def shown_restriction(world: World, room: str, **query: str) -> str | None:
    billing = (await world.call("GET", f"/rooms/{room}", params=query)).json()["guests"][0]["billing"]
    assert billing["charges_allowed"] is (billing["restriction_reason"] is None)
    reason: str | None = billing["restriction_reason"]
    return reason


async def test_lookup_says_no_wherever_posting_would(world: World) -> None:
    assert await shown_restriction(world, "110") is None
    assert await shown_restriction(world, "412", outlet_code="REST") is None
    assert await shown_restriction(world, "412", outlet_code="POOL") == "This outlet may not charge to rooms"
    assert await shown_restriction(world, "412", outlet_code="NOSUCH") == "There is no such outlet"
    await world.configure(restrictions={"block_if_checkout_today": True})
    assert await shown_restriction(world, "110") == "The guest leaves today"
    assert await shown_restriction(world, "412") is None
    await world.configure(is_active=False)
    assert await shown_restriction(world, "412") == "Room charges are switched off"


# --- delivery ---------------------------------------------------------------------------------------------------------


async def test_outlet_s_delivery_charge_is_added_where_the_check_does_not_name_one(world: World) -> None:
    order = world.body(outlet_code="IRS", subtotal="20.00", tip="0")
    first = await world.post(order)
    assert first.status_code == 201, first.text
    assert (first.json()["delivery_charge"], first.json()["total"]) == ("5.00", "25.00")
    assert set(world.folio().values()) == {Decimal("25.00")}
    again = await world.post(order)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    other = await world.post({**order, "delivery_charge": "0"})
    assert (other.status_code, other.json()["code"]) == (409, "REFERENCE_USED")


async def test_request_is_the_same_after_the_outlet_s_delivery_charge_was_changed(world: World) -> None:
    order = world.body(outlet_code="IRS", subtotal="20.00", tip="0")
    first = (await world.post(order)).json()
    outlets = (await world.call("GET", "/outlets")).json()
    dearer = [{**one, "delivery_charge": "7.00"} if one["code"] == "IRS" else one for one in outlets]
    assert (await world.call("PUT", "/outlets", dearer, role=Role.ADMIN)).status_code == 200
    again = await world.post(order)
    assert (again.status_code, again.json()["id"], again.json()["total"]) == (200, first["id"], "25.00")


@pytest.mark.parametrize(("named", "total"), [("0", "20.00"), ("2.50", "22.50")])
async def test_named_delivery_charge_goes_before_the_outlet_s(world: World, named: str, total: str) -> None:
    answer = await world.post(outlet_code="IRS", subtotal="20.00", tip="0", delivery_charge=named)
    assert (answer.status_code, answer.json()["total"]) == (201, total)


async def test_split_check_counts_the_outlet_s_delivery_charge(world: World) -> None:
    body = world.body(outlet_code="IRS", subtotal="20.00", tip="0", room_amount="10.00")
    answer = await world.call("POST", "/split", body)
    assert (answer.status_code, answer.json()["remaining_amount"]) == (201, "15.00")
    outlets = (await world.call("GET", "/outlets")).json()
    dearer = [{**one, "delivery_charge": "7.00"} if one["code"] == "IRS" else one for one in outlets]
    await world.call("PUT", "/outlets", dearer, role=Role.ADMIN)
    again = await world.call("POST", "/split", body)
    assert (again.status_code, again.json()["remaining_amount"]) == (200, "15.00"), "as it was then"


# --- signature of a part ----------------------------------------------------------------------------------------------


async def test_guest_signs_for_the_part_of_a_check_that_goes_to_the_room(world: World) -> None:
    await world.configure(
        posting={"require_signature": True, "signature_threshold": "50.00"},
        restrictions={"default_credit_limit": "285.00"},
    )
    small = await world.call("POST", "/split", world.body(subtotal="80.00", tip="0", room_amount="20.00"))
    assert small.status_code == 201, small.text
    large = await world.call("POST", "/split", world.body("218", subtotal="80.00", tip="0", room_amount="60.00"))
    assert (large.status_code, large.json()["code"]) == (422, "SIGNATURE_REQUIRED")
    world.clock.advance(60)
    fits = await world.call("POST", "/split", world.body(subtotal="80.00", tip="0"))
    assert (fits.status_code, fits.json()["room_amount"]) == (201, "20.00"), "only so much is left of the limit"


# --- the same check again ---------------------------------------------------------------------------------------------


async def test_same_check_under_another_reference_is_a_second_charge_only_when_that_is_meant(world: World) -> None:
    body = world.body(check_number="DUP-1")
    first = await world.post(body)
    assert first.status_code == 201
    again = await world.post({**body, "pos_reference": "OTHER-TERMINAL"})
    assert (again.status_code, again.json()["code"]) == (409, "CHECK_ALREADY_CHARGED")
    assert body["pos_reference"] in again.json()["detail"]
    assert "allow_repeat" in again.json()["action"]
    assert set(world.folio().values()) == {Decimal("105.00")}
    meant = await world.post({**body, "pos_reference": "OTHER-TERMINAL", "allow_repeat": True})
    assert meant.status_code == 201
    for other in ({"tip": "1.00"}, {"room_number": "218"}, {"outlet_code": "BAR"}, {"check_number": "DUP-2"}):
        answer = await world.post({**body, "pos_reference": f"OTHER-{other}", **other})
        assert answer.status_code == 201, answer.text


async def test_check_that_was_voided_or_refused_or_taken_off_may_be_charged_anew(world: World) -> None:
    body = world.body(check_number="DUP-1")
    first = (await world.post(body)).json()
    await world.call("POST", f"/postings/{first['id']}/void", {"reason": "wrong"}, role=Role.MANAGER)
    world.opera.dial.next("maintenance", method="POST", path="/charges")
    second = await world.post({**body, "pos_reference": "SECOND", "queue_on_failure": False})
    assert second.status_code == 503
    world.opera.dial.next("maintenance", method="POST", path="/charges")
    third = await world.post({**body, "pos_reference": "THIRD"})
    assert third.status_code == 202
    assert (await world.post({**body, "pos_reference": "FOURTH"})).status_code == 409, "the third is on its way"
    (entry,) = (await world.call("GET", "/queue")).json()["items"]
    await world.call("DELETE", f"/queue/{entry['id']}?reason=Paid by card", role=Role.MANAGER)
    assert (await world.post({**body, "pos_reference": "FOURTH"})).status_code == 201
    assert set(world.folio().values()) == {Decimal("105.00")}


async def test_two_terminals_that_send_the_same_check_at_once_charge_it_once(world: World) -> None:
    body = world.body(check_number="DUP-1")
    answers = await asyncio.gather(*(world.post({**body, "pos_reference": f"TERMINAL-{n}"}) for n in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert set(world.folio().values()) == {Decimal("105.00")}
