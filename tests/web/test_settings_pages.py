"""The settings are shown by role, saved through the API's own functions, and a mistake loses nothing that was typed."""

import re
from collections.abc import AsyncIterator

import pytest

from innkeeper.access.roles import Role
from innkeeper.channel_sync import repository
from innkeeper.house import properties
from innkeeper.simulators.qloapps.state import DEMO_KEY
from innkeeper.storage.database import Database
from innkeeper.telemetry.alerts import Alerts
from tests.access.support import PASSWORD
from tests.web.channels_world import Front, open_front

pytestmark = pytest.mark.anyio

#: What an administrator's browser sends of the QloApps form when nothing was changed.
QLOAPPS = {
    "base_url": "http://shop.test",
    "api_key": "",
    "qloapps_hotel_id": "1",
    "timeout_seconds": "30",
    "requests_per_minute": "100000",
    "sync_enabled": "on",
    "sync_reservations_inbound": "on",
    "sync_reservations_outbound": "on",
    "sync_interval_minutes": "15",
    "conflict_policy.default": "newest",
    "guest_match_threshold": "0.85",
    "phone_placeholder": "0000000000",
    "log_retention_days": "90",
    "log_retention_rows": "200000",
    "personal_data_days": "90",
}
SECTIONS = ("property", "qloapps", "users", "tokens", "alerts", "audit", "password")


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    """One kind of data base is enough for screens whose functions others test on both."""
    opened = Database(sqlite_url, pool_size=5)
    yield opened
    await opened.aclose()


@pytest.fixture
async def front(database: Database) -> AsyncIterator[Front]:
    """An app with its settings, connected to a shop."""
    opened = await open_front(database)
    yield opened
    await opened.world.channels.aclose()


@pytest.mark.parametrize("section", SECTIONS)
async def test_every_section_has_its_address(front: Front, section: str) -> None:
    async with front.inn.browser(Role.ADMIN) as client:
        answer = await client.get(f"/settings/{section}")
    assert answer.status_code == 200
    assert 'aria-current="page"' in answer.text
    assert "style=" not in answer.text


async def test_settings_open_at_the_property(front: Front) -> None:
    async with front.inn.browser(Role.MANAGER) as client:
        assert (await client.get("/settings")).headers["location"] == "/settings/property"


async def test_a_manager_reads_what_an_administrator_changes(front: Front) -> None:
    async with front.inn.browser(Role.MANAGER) as client:
        page = (await client.get("/settings/qloapps")).text
        saved = await client.post("/settings/qloapps", data=QLOAPPS)
        users = await client.get("/settings/users")
    assert "An administrator can change these." in page
    assert 'type="submit">Save' not in page
    assert 'href="/settings/users"' not in page
    assert (saved.status_code, users.status_code) == (403, 403)


async def test_the_front_desk_does_not_see_settings(front: Front) -> None:
    async with front.inn.browser(Role.FRONT_DESK) as client:
        assert 'href="/settings"' not in (await client.get("/channels")).text
        assert (await client.get("/settings/property")).status_code == 403


async def test_the_property_is_saved(front: Front) -> None:
    values = {"name": "Casa Azul", "timezone": "Europe/Lisbon", "currency": "EUR", "tax_rate": "6"}
    async with front.inn.browser(Role.ADMIN) as client:
        answer = await client.post("/settings/property", data=values)
        assert "Saved." in (await client.get(answer.headers["location"])).text
    async with front.world.database.read() as session:
        house = await properties.get(session, front.world.property_id)
    assert (house.name, house.timezone, house.tax_included) == ("Casa Azul", "Europe/Lisbon", False)


async def test_a_mistake_stands_beside_its_field_and_nothing_typed_is_lost(front: Front) -> None:
    values = {"name": "Casa Azul", "timezone": "Europe/Nowhere", "currency": "EUR", "tax_rate": "6"}
    async with front.inn.browser(Role.ADMIN) as client:
        answer = await client.post("/settings/property", data=values)
    assert answer.status_code == 422
    assert 'id="f-timezone-wrong"' in answer.text
    assert "Nothing was saved." in answer.text
    assert 'value="Casa Azul"' in answer.text
    assert 'value="Europe/Nowhere"' in answer.text


async def test_the_key_goes_in_and_never_comes_out(front: Front) -> None:
    async with front.inn.browser(Role.ADMIN) as client:
        page = (await client.get("/settings/qloapps")).text
        assert DEMO_KEY not in page
        wrong = await client.post("/settings/qloapps", data={**QLOAPPS, "api_key": "too short"})
        kept = await client.post("/settings/qloapps", data=QLOAPPS)
    assert wrong.status_code == 422
    assert "exactly 32 letters and digits" in wrong.text
    assert "too short" not in wrong.text
    assert kept.status_code == 303
    assert (await front.world.channels.link(front.world.property_id)).config.api_key_encrypted


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("sync_interval_minutes", "3", "between 5 and 60"),
        ("qloapps_hotel_id", "one", "This must be a whole number."),
        ("base_url", "shop.example", "https://shop.example"),
        ("guest_match_threshold", "2", "between 0 and 1"),
    ],
)
async def test_each_wrong_value_is_named(front: Front, name: str, value: str, sentence: str) -> None:
    async with front.inn.browser(Role.ADMIN) as client:
        answer = await client.post("/settings/qloapps", data={**QLOAPPS, name: value})
    assert answer.status_code == 422
    beside = re.search(rf'id="f-{name}-wrong">([^<]*)<', answer.text)
    assert beside is not None
    assert sentence in beside.group(1)
    assert f'value="{value}"' in answer.text


async def test_switches_and_policies_are_saved(front: Front) -> None:
    asked = {**QLOAPPS, "conflict_policy.default": "ask", "conflict_policy.amount": "house"}
    del asked["sync_reservations_outbound"]
    async with front.inn.browser(Role.ADMIN) as client:
        assert (await client.post("/settings/qloapps", data=asked)).status_code == 303
    async with front.world.database.read() as session:
        config = await repository.config(session, front.world.property_id)
    assert config is not None
    assert config.conflict_policy == {"default": "ask", "amount": "house"}
    assert (config.sync_reservations_inbound, config.sync_reservations_outbound) == (True, False)


async def test_a_new_connection_asks_for_three_facts_only(front: Front) -> None:
    async with front.world.database.write() as tx:
        config = await repository.config(tx.session, front.world.property_id)
        assert config is not None
        await tx.session.delete(config)
    async with front.inn.browser(Role.ADMIN) as client:
        page = (await client.get("/settings/qloapps")).text
        assert "sync_interval_minutes" not in page
        three = {"base_url": "http://shop.test", "api_key": DEMO_KEY, "qloapps_hotel_id": "1"}
        assert (await client.post("/settings/qloapps", data=three)).status_code == 303
        tested = (await client.post("/settings/qloapps/test")).text
    assert "connected" in tested


async def test_a_connection_that_fails_its_test_says_why(front: Front) -> None:
    front.world.shop.dial.set(maintenance=1.0)
    async with front.inn.browser(Role.ADMIN) as client:
        answer = await client.post("/settings/qloapps/test")
    assert answer.status_code == 200
    assert "not connected" in answer.text


async def test_a_user_is_added_changed_disabled_and_let_in_again(front: Front) -> None:
    async with front.inn.browser(Role.ADMIN) as client:
        wrong = await client.post("/settings/users", data={"name": "vera", "role": "server", "pin": "12"})
        added = await client.post("/settings/users", data={"name": "vera", "role": "server", "pin": "7295"})
        page = (await client.get(added.headers["location"])).text
        (address,) = re.findall(r'href="(/settings/users/[^"]+)" aria-label="Change vera"', page)
        changed = await client.post(address, data={"role": "front_desk", "password": PASSWORD})
        disabled = await client.post(address, data={"act": "disable"})
        shown = (await client.get(disabled.headers["location"])).text
        await client.post(address, data={"act": "enable"})
        again = (await client.get(address)).text
    assert wrong.status_code == 422
    assert 'value="vera"' in wrong.text
    assert 'id="f-pin-wrong"' in wrong.text
    assert 'value="12"' not in wrong.text
    assert (changed.status_code, disabled.status_code) == (303, 303)
    assert "disabled" in shown
    assert "Front desk" in again
    assert "Disable vera" in again
    assert "Take the PIN away" in again


async def test_the_last_administrator_cannot_be_disabled(front: Front) -> None:
    async with front.inn.browser(Role.ADMIN) as client:
        page = (await client.get("/settings/users")).text
        (address,) = re.findall(r'href="(/settings/users/[^"]+)"', page)
        answer = await client.post(address, data={"act": "disable"})
    assert answer.status_code == 422
    assert "last administrator" in answer.text


async def test_a_token_is_shown_once_and_revoked(front: Front) -> None:
    async with front.inn.browser(Role.ADMIN) as client:
        made = await client.post("/settings/tokens", data={"name": "POS of the bar", "role": "server"})
        text = re.search(r'value="(ink_[^"]+)"', made.text)
        assert text is not None
        assert made.headers["cache-control"] == "no-store"
        listed = (await client.get("/settings/tokens")).text
        assert text.group(1) not in listed
        (address,) = re.findall(r'action="(/settings/tokens/[^"]+)"', listed)
        assert (await client.post(address)).status_code == 303
        assert "revoked" in (await client.get("/settings/tokens")).text
    assert await front.inn.access.tokens.verify(text.group(1)) is None


async def test_the_trail_is_listed_and_its_chain_checked(front: Front) -> None:
    async with front.inn.browser(Role.ADMIN) as client:
        await client.post("/settings/property", data={"name": "Casa Azul"})
        page = (await client.get("/settings/audit")).text
        checked = (await client.get("/settings/audit?check=true")).text
    assert "property.changed" in page
    assert "intact" not in page
    assert "intact" in checked


async def test_one_s_own_password_is_changed_with_the_present_one(front: Front) -> None:
    async with front.inn.browser(Role.MANAGER) as client:
        wrong = await client.post("/settings/password", data={"current": "not it", "new": "another lantern"})
        done = await client.post("/settings/password", data={"current": PASSWORD, "new": "another lantern"})
        still = await client.get(done.headers["location"])
    assert wrong.status_code == 422
    assert 'id="f-current-wrong"' in wrong.text
    assert done.status_code == 303
    assert "Your password is changed" in still.text


async def test_a_test_alert_goes_out_and_its_addresses_stay_hidden(front: Front) -> None:
    sent: list[str] = []

    def sender(_urls: object, title: str, _body: str) -> bool:
        sent.append(title)
        return True

    async with front.inn.browser(Role.ADMIN) as client:
        assert "Nobody outside the screens is told" in (await client.get("/settings/alerts")).text
        refused = await client.post("/settings/alerts")
        front.inn.app.state.alerts = Alerts(["json://secret@hooks.example"], sender=sender)
        page = (await client.get("/settings/alerts")).text
        assert (await client.post("/settings/alerts")).status_code == 303
    assert refused.status_code == 422
    assert "hooks.example" not in page
    assert sent == ["Test alert of Harbour House"]
