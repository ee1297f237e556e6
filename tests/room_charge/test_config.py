"""The settings keep the specification's names, replace block by block, and never give a credential back."""

from typing import Any

import pytest
from sqlalchemy import select, update

from innkeeper.access.roles import Role
from innkeeper.house.tables import Property
from innkeeper.room_charge.tables import PmsConfig
from innkeeper.storage.secrets import Keyring, new_key
from tests.room_charge.world import CREDENTIALS, LONG, World

pytestmark = pytest.mark.anyio

ADMIN = Role.ADMIN


async def test_property_that_set_nothing_has_the_specification_s_options_and_its_own_books(inn: World) -> None:
    found = (await inn.call("GET", "/config", role=ADMIN)).json()
    assert found["connection"]["pms_type"] == "house"
    assert found["posting"] == {
        "auto_post": True,
        "require_signature": False,
        "signature_threshold": "50.00",
        "include_itemized": False,
        "tip_as_separate_line": True,
    }
    assert found["verification"] == {
        "require_name_confirm": True,
        "allow_key_card_lookup": True,
        "show_folio_balance": False,
    }
    assert found["retry"] == {"enabled": True, "max_attempts": 3, "interval_minutes": 5, "alert_on_failure": True}
    assert found["reconciliation"] == {"auto_reconcile": True, "reconcile_time": "03:00", "alert_on_variance": True}
    assert found["restrictions"]["allowed_outlets"] == ["REST", "BAR", "IRS"]
    assert found["guest_profile_sync"]["enabled"] is True
    outlets = (await inn.call("GET", "/outlets")).json()
    assert [one["code"] for one in outlets] == ["REST", "BAR", "IRS", "POOL", "MINI"]
    assert outlets[2]["delivery_charge"] == "5.00"


async def test_put_replaces_the_blocks_it_holds_and_no_others(world: World) -> None:
    await world.configure(retry={"max_attempts": 7}, posting={"auto_post": False})
    await world.configure(posting={"require_signature": True})
    found = (await world.call("GET", "/config", role=ADMIN)).json()
    assert found["retry"]["max_attempts"] == 7
    assert (found["posting"]["auto_post"], found["posting"]["require_signature"]) == (True, True)
    assert found["connection"]["pms_type"] == "opera"


async def test_credentials_go_in_and_never_come_out(world: World) -> None:
    answer = await world.call("GET", "/config", role=ADMIN)
    for secret in (CREDENTIALS["client_secret"], CREDENTIALS["app_key"]):
        assert secret not in answer.text
    assert "client_secret" in answer.json()["connection"]["credentials_set"]
    async with world.database.read() as session:
        row = (await session.scalars(select(PmsConfig))).one()
    assert CREDENTIALS["client_secret"] not in (row.api_key_encrypted or "")
    connection = answer.json()["connection"]
    again = await world.call("PUT", "/config", {"connection": connection}, role=ADMIN)
    assert again.status_code == 200, again.text
    assert (await world.post()).status_code == 201, "what was read can be sent back without losing the credentials"


async def test_credentials_are_not_sent_to_another_address(world: World) -> None:
    connection = {"pms_type": "opera", "api_url": "http://elsewhere.test", "property_code": "SAND01"}
    answer = await world.call("PUT", "/config", {"connection": connection}, role=ADMIN)
    assert answer.status_code == 422
    assert (await world.post()).status_code == 201, "nothing was changed"


@pytest.mark.parametrize("pms_type", ["mews", "fias", "apaleo"])
async def test_pms_without_a_connector_is_refused_with_a_sentence(world: World, pms_type: str) -> None:
    answer = await world.call("PUT", "/config", {"connection": {"pms_type": pms_type}}, role=ADMIN)
    assert (answer.status_code, answer.json()["code"]) == (422, "PMS_NOT_SUPPORTED")
    assert "not supported yet" in answer.json()["detail"]
    assert (await world.post()).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {"connection": {"pms_type": "abacus"}},
        {"posting": {"autopost": True}},
        {"retry": {"max_attempts": -1}},
        {"reconciliation": {"reconcile_time": "25:00"}},
        {"restrictions": {"default_credit_limit": "-5"}},
        {"guest_profile_sync": {"sync_fields": ["passport"]}},
        {"posting": {"signature_threshold": "abc"}},
        {"posting": {"signature_threshold": "50.005"}},
        {"restrictions": {"default_credit_limit": "100.005"}},
        {"restrictions": {"room_credit_limits": {"412": "-1"}}},
        {"restrictions": {"room_credit_limits": {"412": "1.005"}}},
        {"restrictions": {"room_credit_limits": {"412": "1e40"}}},
        {"restriction": {"block_if_checkout_today": True}},
    ],
)
async def test_wrong_settings_are_refused_by_field(world: World, body: dict[str, object]) -> None:
    answer = await world.call("PUT", "/config", body, role=ADMIN)
    assert answer.status_code == 422
    assert answer.json()["errors"]


async def test_what_reading_gives_can_be_sent_back_and_a_typing_error_is_named(world: World) -> None:
    found = (await world.call("GET", "/config", role=ADMIN)).json()
    again = await world.call("PUT", "/config", found, role=ADMIN)
    assert again.status_code == 200, again.text
    changed = {name: value for name, value in again.json().items() if name != "updated_at"}
    assert changed == {name: value for name, value in found.items() if name != "updated_at"}
    refused = await world.call("PUT", "/config", {"restriction": {}}, role=ADMIN)
    assert refused.json()["errors"] == [{"field": "restriction", "message": "There is no such field here."}]


async def test_wrong_limit_is_named_by_its_room(world: World) -> None:
    body = {"restrictions": {"room_credit_limits": {"412": "1.005", "413": "20.00"}}}
    (error,) = (await world.call("PUT", "/config", body, role=ADMIN)).json()["errors"]
    assert error["field"] == "restrictions.room_credit_limits[412]"
    assert "more decimal places than USD has" in error["message"]


async def test_no_outlets_are_none_and_never_set_ones_are_the_specification_s(inn: World) -> None:
    await inn.configure(retry={"max_attempts": 2})
    assert len((await inn.call("GET", "/outlets")).json()) == 5, "nobody has set any yet"
    assert (await inn.call("PUT", "/outlets", [], role=ADMIN)).json() == []
    assert (await inn.call("GET", "/outlets")).json() == []
    assert (await inn.post()).json()["code"] == "OUTLET_UNKNOWN"


async def test_blanks_around_a_code_are_no_part_of_it(world: World) -> None:
    mine = [{"code": " SPA ", "name": " Spa ", "pms_codes": {"charge": " 2100 "}}]
    assert (await world.call("PUT", "/outlets", mine, role=ADMIN)).status_code == 200
    (found,) = (await world.call("GET", "/outlets")).json()
    assert (found["code"], found["name"], found["pms_codes"]) == ("SPA", "Spa", {"charge": "2100"})
    twice = [{"code": "SPA", "name": "Spa"}, {"code": "SPA ", "name": "Spa"}]
    assert (await world.call("PUT", "/outlets", twice, role=ADMIN)).status_code == 422
    blank = [{"code": "  ", "name": "Spa"}]
    assert (await world.call("PUT", "/outlets", blank, role=ADMIN)).status_code == 422


async def test_a_delivery_charge_has_the_currency_s_digits(world: World) -> None:
    mine = [{"code": "IRS", "name": "In-Room Dining", "delivery_charge": "5.005"}]
    answer = await world.call("PUT", "/outlets", mine, role=ADMIN)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "[0].delivery_charge")


async def test_connection_test_says_who_answers_and_which_codes_are_wrong(world: World) -> None:
    found = (await world.call("POST", "/test-connection", role=ADMIN)).json()
    assert (found["success"], found["system"], found["business_date"]) == (True, "OPERA Cloud", "2030-06-01")
    assert found["capabilities"]["read_back"] is True
    outlets = [{"code": "REST", "name": "R", "pms_codes": {"charge": "NOSUCH"}}]
    await world.call("PUT", "/outlets", outlets, role=ADMIN)
    found = (await world.call("POST", "/test-connection", role=ADMIN)).json()
    assert (found["success"], found["unknown_codes"]) == (False, ["NOSUCH"])
    world.opera.dial.set(maintenance=1.0)
    found = (await world.call("POST", "/test-connection", role=ADMIN)).json()
    assert (found["success"], found["code"]) == (False, "CONNECTION_FAILED")


async def test_connection_test_finds_what_would_make_every_charge_fail(world: World) -> None:
    async def tested() -> dict[str, Any]:
        found: dict[str, Any] = (await world.call("POST", "/test-connection", role=ADMIN)).json()
        return found

    outlets = [{"code": "REST", "name": "R", "pms_codes": {"charge": "2000", "cashier": "54"}}]
    await world.call("PUT", "/outlets", outlets, role=ADMIN)
    found = await tested()
    assert (found["success"], found["unknown_codes"]) == (False, []), "a cashier is no code of a charge"
    assert "no active cashier 54" in found["message"]
    world.opera.state.cashiers.add(54)
    assert (await tested())["success"] is True
    async with world.database.write() as tx:
        await tx.session.execute(update(Property).values(currency="EUR"))
    found = await tested()
    assert (found["success"], found["currency"]) == (False, "USD")
    assert "keeps its bills in USD and this property works in EUR" in found["message"]


async def test_outlets_are_replaced_and_codes_are_their_own(world: World) -> None:
    twice = [{"code": "REST", "name": "One"}, {"code": "REST", "name": "Two"}]
    answer = await world.call("PUT", "/outlets", twice, role=ADMIN)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "code")
    mine = [{"code": "SPA", "name": "Spa", "revenue_center": "4600", "pms_codes": {"charge": "2100"}}]
    assert (await world.call("PUT", "/outlets", mine, role=ADMIN)).status_code == 200
    (found,) = (await world.call("GET", "/outlets")).json()
    assert (found["code"], found["revenue_center"], found["auto_post"]) == ("SPA", "4600", True)


async def test_credentials_that_cannot_be_read_hold_the_work_back_and_can_be_entered_again(world: World) -> None:
    (await world.post()).raise_for_status()
    world.clock.advance(1)
    world.opera.dial.next("maintenance", method="POST", path="/charges")
    assert (await world.post()).json()["posting_status"] == "pending"
    world.clock.advance(1)
    keys, world.systems.keyring = world.systems.keyring, Keyring([new_key()])
    refused = await world.post()
    assert (refused.status_code, refused.json()["code"]) == (503, "SECRET_UNREADABLE")
    for _ in range(9):  # once more than work may fail for a reason of its own
        await world.work(LONG)
    assert len(world.alerts) == 1
    assert "credentials of the PMS cannot be read" in world.alerts[0]
    queue = (await world.call("GET", "/queue", role=Role.MANAGER)).json()
    assert "cannot be read" in queue["pms"]["last_failure"]
    shown = (await world.call("GET", "/config", role=ADMIN)).json()["connection"]
    assert (shown["pms_type"], shown["credentials_set"]) == ("opera", [])
    world.systems.keyring = keys
    await world.settle()
    assert [row.posting_status for row in await world.charges()] == ["posted", "posted"]
