"""The options of room charge and the outlets are set on screens; credentials go in and never come out."""

import re
from collections.abc import AsyncIterator, Mapping
from html import unescape
from typing import Any

import pytest

from innkeeper.access.roles import Role
from innkeeper.room_charge import api_settings, pages_outlets, pages_settings, repository
from innkeeper.room_charge.option_fields import GROUPS
from innkeeper.room_charge.settings import BLOCKS, Options, Outlet, options_of, outlets_of
from innkeeper.storage.database import Database
from tests.access.support import Inn, open_inn
from tests.room_charge.world import CREDENTIALS, World, a_world, with_opera
from tests.web.channels_world import describe

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    """One kind of data base is enough for screens whose functions others test on both."""
    opened = Database(sqlite_url, pool_size=5)
    yield opened
    await opened.aclose()


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    """An installation with a simulated OPERA."""
    async with a_world(database) as opened:
        yield await with_opera(opened)


@pytest.fixture
def inn(world: World) -> Inn:
    """The screens before it."""
    routers = (api_settings.router, pages_settings.router, pages_outlets.router)
    made = open_inn(world.database, routers=routers, describe_hotel=describe)
    made.app.state.systems = world.systems
    return made


def form_of(page: str) -> dict[str, Any]:
    """Return what a browser would send of the page's first whole form, as it stands."""
    start = page.index('class="whole"')
    form = page[start : page.index("</form>", start)]
    form = re.sub(r"<fieldset[^>]* hidden disabled.*?</fieldset>", "", form, flags=re.DOTALL)
    values: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        name, value = attributes.get("name"), unescape(attributes.get("value", ""))
        is_check = attributes.get("type") == "checkbox"
        if name is None or (is_check and " checked" not in tag):
            continue
        if is_check and attributes.get("role") != "switch":
            values.setdefault(name, []).append(value)
        else:
            values[name] = value
    for name, body in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, flags=re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', body) or re.search(r'value="([^"]*)"', body)
        values[name] = chosen.group(1) if chosen else ""
    for tag, body in re.findall(r"<textarea([^>]*)>(.*?)</textarea>", form, flags=re.DOTALL):
        (name,) = re.findall(r'name="([^"]+)"', tag)
        values[name] = unescape(body)
    return values


async def kept(world: World) -> Options:
    """Return the options as they are stored."""
    async with world.database.read() as session:
        return options_of(await repository.config(session, world.property_id))


def test_every_option_of_the_specification_is_on_the_screen() -> None:
    shown = {field.name for group in GROUPS for field in group.fields}
    wanted = {f"{block}.{name}" for block in BLOCKS for name in type(getattr(Options(), block)).model_fields}
    assert shown == wanted
    assert all(field.help.endswith(".") for group in GROUPS for field in group.fields)


async def test_only_an_administrator_sees_them(inn: Inn) -> None:
    async with inn.browser(Role.MANAGER) as client:
        assert (await client.get("/settings/pms")).status_code == 403
        assert (await client.get("/settings/outlets")).status_code == 403


async def test_saving_what_is_shown_changes_nothing(world: World, inn: Inn) -> None:
    before = await kept(world)
    async with inn.browser(Role.ADMIN) as client:
        page = (await client.get("/settings/pms")).text
        answer = await client.post("/settings/pms", data=form_of(page))
        tested = (await client.post("/settings/pms/test")).text
    assert answer.status_code == 303, answer.text
    assert await kept(world) == before
    assert "connected" in tested


async def test_credentials_never_come_out_and_one_can_be_changed_alone(world: World, inn: Inn) -> None:
    async with inn.browser(Role.ADMIN) as client:
        page = (await client.get("/settings/pms")).text
        changed = {**form_of(page), "connection.credentials.client_secret": "another secret"}
        answer = await client.post("/settings/pms", data=changed)
        after = (await client.get("/settings/pms")).text
    assert answer.status_code == 303
    for secret in (CREDENTIALS["client_secret"], CREDENTIALS["app_key"], "another secret"):
        assert secret not in page + after
    async with world.database.read() as session:
        connection = world.systems.connection_of(await repository.config(session, world.property_id))
    assert connection["credentials"] == {**CREDENTIALS, "client_secret": "another secret"}


async def test_credentials_are_not_carried_to_another_address(inn: Inn) -> None:
    async with inn.browser(Role.ADMIN) as client:
        values = form_of((await client.get("/settings/pms")).text)
        answer = await client.post("/settings/pms", data={**values, "connection.api_url": "http://elsewhere.test"})
    assert answer.status_code == 422
    assert "client_id is needed" in answer.text
    assert 'value="http://elsewhere.test"' in answer.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("posting.signature_threshold", "fifty"),
        ("retry.interval_minutes", "0"),
        ("reconciliation.reconcile_time", "25:00"),
        ("restrictions.room_credit_limits", "412 500"),
        ("connection.timeout_seconds", "1000"),
        ("connection.extra", "not json"),
    ],
)
async def test_a_wrong_option_is_named_and_nothing_is_saved(world: World, inn: Inn, name: str, value: str) -> None:
    before = await kept(world)
    async with inn.browser(Role.ADMIN) as client:
        values = {**form_of((await client.get("/settings/pms")).text), "retry.max_attempts": "7", name: value}
        answer = await client.post("/settings/pms", data=values)
    assert answer.status_code == 422
    assert f'id="f-{name.replace(".", "-")}-wrong"' in answer.text
    assert value in answer.text
    assert 'value="7"' in answer.text
    assert await kept(world) == before


async def test_lists_limits_and_switches_are_saved(world: World, inn: Inn) -> None:
    async with inn.browser(Role.ADMIN) as client:
        values = form_of((await client.get("/settings/pms")).text)
        values |= {
            "restrictions.allowed_outlets": "REST\nPOOL",
            "restrictions.room_credit_limits": "412 = 750.00",
            "restrictions.default_credit_limit": "",
            "guest_profile_sync.sync_fields": ["name", "allergies"],
        }
        del values["posting.auto_post"]
        answer = await client.post("/settings/pms", data=values)
    assert answer.status_code == 303, answer.text
    options = await kept(world)
    assert options.restrictions.allowed_outlets == ("REST", "POOL")
    assert {room: str(limit) for room, limit in options.restrictions.room_credit_limits.items()} == {"412": "750.00"}
    assert options.restrictions.default_credit_limit is None
    assert options.guest_profile_sync.sync_fields == ("name", "allergies")
    assert options.posting.auto_post is False


async def outlets(world: World) -> Mapping[str, Outlet]:
    async with world.database.read() as session:
        return outlets_of(await repository.config(session, world.property_id))


async def test_an_outlet_is_changed_and_keeps_what_the_form_does_not_show(world: World, inn: Inn) -> None:
    before = (await outlets(world))["REST"]
    async with inn.browser(Role.ADMIN) as client:
        page = (await client.get("/settings/outlets")).text
        changed = {**form_of(page), "name": "The Terrace", "delivery_charge": "2.50"}
        answer = await client.post("/settings/outlets", data=changed)
    assert answer.status_code == 303, answer.text
    after = (await outlets(world))["REST"]
    assert (after.name, str(after.delivery_charge)) == ("The Terrace", "2.50")
    assert after.model_copy(update={"name": before.name, "delivery_charge": before.delivery_charge}) == before


async def test_an_outlet_is_added_and_removed_and_codes_are_its_own(world: World, inn: Inn) -> None:
    async with inn.browser(Role.ADMIN) as client:
        new = {"outlet": "", "code": "SPA", "name": "Spa", "is_active": "on", "auto_post": "on"}
        assert (await client.post("/settings/outlets", data=new)).status_code == 303
        assert "SPA" in await outlets(world)
        twice = await client.post("/settings/outlets", data={**new, "name": "Spa again"})
        nameless = await client.post("/settings/outlets", data={**new, "code": "GYM", "name": ""})
        removed = await client.post("/settings/outlets", data={"outlet": "SPA", "act": "remove"})
        gone = await client.post("/settings/outlets", data={"outlet": "SPA", "act": "remove"})
    assert (twice.status_code, nameless.status_code) == (422, 422)
    assert "SPA comes twice." in twice.text
    assert 'value="Spa again"' in twice.text
    assert (removed.status_code, gone.status_code) == (303, 404)
    assert "SPA" not in await outlets(world)
