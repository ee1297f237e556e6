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
from tests.room_charge.world import World

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
