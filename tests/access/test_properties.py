"""More than one property: how one is added, who may touch which, and which one a browser is at work on."""

import re
from uuid import UUID, uuid4

import httpx2
import pytest

from innkeeper import bootstrap
from innkeeper.access.caller import Caller
from innkeeper.access.roles import Role
from innkeeper.domain.errors import Conflict, Invalid
from innkeeper.domain.ids import DEFAULT_PROPERTY
from innkeeper.house import api, pages, properties
from innkeeper.storage.database import Database
from tests.access.support import PASSWORD, Inn, open_inn
from tests.house.hotel import open_hotel

pytestmark = pytest.mark.anyio


@pytest.fixture
async def inn(database: Database) -> Inn:
    """The access, the API and the screens before one hotel."""
    await open_hotel(database)
    return open_inn(
        database,
        routers=[api.router, pages.router],
        describe_hotel=bootstrap.describe_hotel,
        knows_property=bootstrap.knows_property,
        list_hotels=bootstrap.list_hotels,
    )


@pytest.fixture
async def second(inn: Inn) -> UUID:
    """Another property."""
    async with inn.database.write() as tx:
        return (await properties.add(tx, "Harbour House", "Europe/Oslo", "NOK")).id


async def test_property_that_is_added_has_its_own_books(inn: Inn, second: UUID) -> None:
    async with inn.machine(Role.ADMIN) as client:
        headers = {"X-Property-Id": str(second)}
        house = (await client.get("/api/property", headers=headers)).json()
        assert (house["name"], house["timezone"], house["currency"]) == ("Harbour House", "Europe/Oslo", "NOK")
        assert (await client.get("/api/room-types", headers=headers)).json()["total"] == 0
        assert (await client.get("/api/property")).json()["id"] == str(DEFAULT_PROPERTY)


@pytest.mark.parametrize(
    ("name", "zone", "currency", "field"),
    [("", "UTC", "EUR", "name"), ("Inn", "Mars", "EUR", "timezone"), ("Inn", "UTC", "ZZZ", "currency")],
)
async def test_property_that_cannot_be_is_refused_by_field(
    inn: Inn, name: str, zone: str, currency: str, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        async with inn.database.write() as tx:
            await properties.add(tx, name, zone, currency)
    assert [each.field for each in refused.value.errors] == [field]


async def test_two_properties_have_no_name_in_common(inn: Inn, second: UUID) -> None:
    with pytest.raises(Conflict):
        async with inn.database.write() as tx:
            await properties.add(tx, "harbour house", "UTC", "EUR")


async def test_users_and_tokens_of_a_property_that_there_is_not_are_refused(inn: Inn, second: UUID) -> None:
    async with inn.machine(Role.ADMIN) as client:
        for path, body in (
            ("/api/users", {"name": "ana", "role": "manager", "password": PASSWORD}),
            ("/api/tokens", {"name": "till", "role": "server"}),
        ):
            answer = await client.post(path, json={**body, "property_id": str(uuid4())})
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "property_id")
            answer = await client.post(path, json={**body, "property_id": str(second)})
            assert (answer.status_code, answer.json()["property_id"]) == (201, str(second))
        ana = (await client.get("/api/users")).json()["items"][0]
        change = {"role": "manager", "property_id": str(uuid4())}
        assert (await client.put(f"/api/users/{ana['id']}", json=change)).status_code == 422


async def choose(client: httpx2.AsyncClient, property_id: UUID) -> httpx2.Response:
    """Choose as the form in the head of a page does, and go on with the new page's mark."""
    page = (await client.get("/", headers={"Accept": "text/html"})).text
    found = re.search(r'name="csrf-token" content="([0-9a-f]+)"', page)
    assert found is not None
    client.headers.pop("X-CSRF-Token", None)
    return await client.post("/property", data={"property_id": str(property_id), "csrf_token": found[1]})


async def test_screens_and_calls_of_a_browser_follow_the_chosen_property(inn: Inn, second: UUID) -> None:
    async with inn.browser(Role.ADMIN) as client:
        assert (await client.get("/api/property")).json()["name"] == "Hotel Miramar"
        assert (await choose(client, second)).status_code == 303
        assert (await client.get("/api/property")).json()["name"] == "Harbour House"
        page = (await client.get("/house/rooms", headers={"Accept": "text/html"})).text
        assert '<span class="brand-name">Harbour House</span>' in page
        assert f'name="property_id" value="{second}" aria-current="true">Harbour House</button>' in page
        headers = {"X-Property-Id": str(DEFAULT_PROPERTY)}
        assert (await client.get("/api/property", headers=headers)).json()["name"] == "Hotel Miramar"


async def test_form_that_was_open_for_the_other_property_is_refused(inn: Inn, second: UUID) -> None:
    async with inn.browser(Role.ADMIN) as client:
        stale = client.headers["X-CSRF-Token"]
        await choose(client, second)
        answer = await client.post("/api/guests", json={"name": "Rui Gomes"}, headers={"X-CSRF-Token": stale})
        assert (answer.status_code, answer.json()["code"]) == (403, "CSRF")


async def test_one_who_works_for_a_property_is_offered_no_other(inn: Inn, second: UUID) -> None:
    await inn.access.users.add(Caller.system(), "ana", Role.ADMIN, password=PASSWORD, property_id=DEFAULT_PROPERTY)
    async with inn.client() as client:
        signed_in = await client.post("/api/session", json={"name": "ana", "password": PASSWORD})
        page = (await client.get("/", headers={"Accept": "text/html"})).text
        assert "Harbour House" not in page
        mark = {"property_id": str(second), "csrf_token": signed_in.json()["csrf_token"]}
        answer = await client.post("/property", data=mark)
        assert answer.status_code == 403
        assert (await client.get("/api/property")).json()["id"] == str(DEFAULT_PROPERTY)
