"""Nothing that anybody can send is an error of ours: what is wrong is answered with its field."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from structlog.testing import capture_logs

from innkeeper import bootstrap
from innkeeper.access.caller import Caller
from innkeeper.access.roles import Role
from innkeeper.channel_sync.tables import Config
from innkeeper.domain.ids import DEFAULT_PROPERTY
from innkeeper.settings import Settings
from innkeeper.web.plain_text import refuse_unkeepable
from tests.house.hotel import Hotel, open_hotel

pytestmark = pytest.mark.anyio

#: What nobody means and somebody sends: beyond every column, before and after every calendar, and not even text.
HOSTILE = (
    "\x00",
    "a\x1fb",
    "-1",
    "0",
    "2147483648",
    "99999999999999",
    "99999999999999999999999",
    "1e400",
    "0001-01-01",
    "9999-12-31",
    "9999-12-31T23:59:59Z",
    "00000000-0000-0000-0000-000000000000",
    "%",
    "' OR 1=1 --",
    "x" * 3000,
)
_HOSTILE_JSON = (
    "\x00",
    "a\x1fb",
    "\ud800",
    "x" * 30_000,
    "9999-12-31",
    "0001-01-01",
    "9999-12-31T23:59:59Z",
    -1,
    0,
    2**31,
    10**14,
    10**30,
    float("inf"),
    float("nan"),
    1e300,
    None,
    True,
    [],
    ["\x00"],
    [{"a": "\x00"}],
    [{"\ud800": 1}],
    [float("nan")],
    [10**400],
    {},
    {"a": "\x00"},
)


@pytest.fixture
async def app(database_url: str, tmp_path: Any) -> AsyncIterator[tuple[FastAPI, Hotel]]:
    """The whole program before a small hotel that is connected to a shop which does not answer."""
    container = bootstrap.build(Settings(data_dir=tmp_path, database_url=database_url))
    hotel = await open_hotel(container.database)
    async with container.database.write() as tx:
        tx.session.add(
            Config(
                property_id=DEFAULT_PROPERTY,
                base_url="http://127.0.0.1:9/api/",
                api_key_encrypted=container.keyring.encrypt("A" * 32),
                qloapps_hotel_id=1,
                timeout_seconds=1,
            )
        )
    with capture_logs():  # a traceback that nobody reads takes half a minute to write
        yield bootstrap.web_app(container, with_worker=False), hotel
    await container.aclose()


@pytest.fixture
async def client(app: tuple[FastAPI, Hotel]) -> AsyncIterator[httpx2.AsyncClient]:
    """An administrator's machine."""
    _, text = await app[0].state.access.tokens.create(Caller.system(), "hostile", Role.ADMIN)
    transport = httpx2.ASGITransport(app[0])
    headers = {"Authorization": f"Bearer {text}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://inn.test", headers=headers) as opened:
        yield opened


def operations(app: FastAPI) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield method, path and description of every operation of the OpenAPI document."""
    for path, methods in app.openapi()["paths"].items():
        for method, described in methods.items():
            yield method.upper(), path, described


def filled(path: str, parameters: list[dict[str, Any]], hotel: Hotel, **values: str) -> str:
    """Return the path with something in each of its places."""
    for each in parameters:
        if each["in"] == "path":
            kind = each["schema"].get("format") or each["schema"].get("type")
            usual = {"uuid": str(hotel.double), "integer": "7", "date": "2030-06-01"}.get(kind, "101")
            path = path.replace(f"{{{each['name']}}}", quote(values.get(each["name"], usual), safe=""))
    return path


async def test_every_route_that_the_app_takes_over_looks_at_its_texts(app: tuple[FastAPI, Hotel]) -> None:
    routes = [route for route in app[0].routes if isinstance(route, APIRoute)]
    assert len(routes) > 200
    looks = [any(one.call is refuse_unkeepable for one in route.dependant.dependencies) for route in routes]
    assert [route.path for route, sure in zip(routes, looks, strict=True) if not sure] == []


async def test_no_query_parameter_of_the_api_makes_an_error_of_ours(
    app: tuple[FastAPI, Hotel], client: httpx2.AsyncClient
) -> None:
    wrong = []
    for method, path, described in operations(app[0]):
        parameters = described.get("parameters", [])
        for each in parameters:
            if each["in"] == "header":
                continue
            for value in HOSTILE:
                if each["in"] == "query":
                    address, query = filled(path, parameters, app[1]), {each["name"]: value}
                else:
                    address, query = filled(path, parameters, app[1], **{each["name"]: value}), {}
                answer = await client.request(method, address, params=query)
                if answer.status_code == 500:
                    wrong.append((method, path, each["name"], value[:30]))
    assert not wrong, "\n".join(map(str, wrong))


def queried(dependant: Dependant) -> Iterator[Any]:
    """Yield what a route reads of the query, by itself or through what it depends on."""
    yield from dependant.query_params
    for inner in dependant.dependencies:
        yield from queried(inner)


async def test_no_query_parameter_of_a_screen_makes_an_error_of_ours(
    app: tuple[FastAPI, Hotel], client: httpx2.AsyncClient
) -> None:
    client.headers["Accept"] = "text/html"
    wrong = []
    for route in app[0].routes:
        if not isinstance(route, APIRoute) or route.include_in_schema or "GET" not in route.methods:
            continue
        path = route.path
        for each in route.dependant.path_params:
            path = path.replace(f"{{{each.alias}}}", str(app[1].double))
        for each in queried(route.dependant):
            names = getattr(each.field_info.annotation, "model_fields", {}) or {each.alias: None}
            for name in names:
                for value in HOSTILE:
                    answer = await client.get(path, params={name: value})
                    if answer.status_code == 500:
                        wrong.append((path, name, value[:30]))
    assert not wrong, "\n".join(map(str, wrong))


async def test_no_field_of_a_body_makes_an_error_of_ours(
    app: tuple[FastAPI, Hotel], client: httpx2.AsyncClient
) -> None:
    document = app[0].openapi()
    wrong = []
    for method, path, described in operations(app[0]):
        content = described.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            continue
        address = filled(path, described.get("parameters", []), app[1])
        for field, body in hostile_bodies(document, content["schema"], app[1]):
            answer = await client.request(
                method, address, content=json.dumps(body), headers={"Content-Type": "application/json"}
            )
            if answer.status_code == 500:
                wrong.append((method, path, field))
    assert not wrong, "\n".join(map(str, wrong))


def hostile_bodies(document: dict[str, Any], schema: dict[str, Any], hotel: Hotel) -> Iterator[tuple[str, Any]]:
    """Yield bodies that are right but for one field, each with the name of that field and what stands there."""
    usual = example(document, schema, hotel, "")
    if not isinstance(usual, dict):
        return
    yield from ((f"{where}={value!r:.30}", body) for where, value, body in spoiled(usual, ""))


def spoiled(usual: Any, where: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield the value with each of its leaves replaced by each hostile value."""
    if isinstance(usual, dict):
        for name, inner in usual.items():
            for place, value, made in spoiled(inner, f"{where}.{name}"):
                yield place, value, {**usual, name: made}
    elif isinstance(usual, list) and usual:
        for place, value, made in spoiled(usual[0], f"{where}[0]"):
            yield place, value, [made, *usual[1:]]
    for value in _HOSTILE_JSON:
        if where:
            yield where, value, value


def example(document: dict[str, Any], schema: dict[str, Any], hotel: Hotel, name: str) -> Any:
    """Return something that the schema takes, with the identifiers of the hotel where their names are known."""
    known: dict[str, Any] = {
        "room_type_id": str(hotel.double),
        "local_room_type_id": str(hotel.double),
        "room_id": str(hotel.rooms["101"]),
        "number": "909",
        "room_number": "101",
        "start": "2030-06-02",
        "end": "2030-06-04",
        "check_in": "2030-06-02",
        "check_out": "2030-06-04",
        "currency": "EUR",
        "timezone": "Europe/Lisbon",
        "email": "rui@example.com",
        "phone": "+351 911 111 111",
        "name": "Rui Gomes",
        "role": "front_desk",
        "mode": "rehearsal",
        "password": "a lantern in the hall",
        "base_url": "http://127.0.0.1:9/api/",
        "sync_direction": "outbound",
        "outlet_code": "REST",
        "pms_type": "house",
    }
    if name in known:
        return known[name]
    if "$ref" in schema:
        return example(document, document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], hotel, name)
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            kinds = [each for each in schema[several] if each.get("type") != "null"]
            return example(document, kinds[0], hotel, name)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        given = {each: example(document, inner, hotel, each) for each, inner in schema.get("properties", {}).items()}
        return given or {"default": "ask"}
    if kind == "array":
        return [example(document, schema.get("items", {}), hotel, name)]
    formats = {"uuid": str(hotel.guest), "date": "2030-06-02", "date-time": "2030-06-01T12:00:00Z", "time": "15:00"}
    return {"integer": 2, "number": 1.0, "boolean": False}.get(kind or "", formats.get(schema.get("format", ""), "1"))


async def test_control_characters_are_refused_with_the_name_of_their_field(
    app: tuple[FastAPI, Hotel], client: httpx2.AsyncClient
) -> None:
    answer = await client.get("/api/guests", params={"q": "\x00"})
    assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (422, ["q"])
    body = {"name": "Loft", "price_per_night": "90.00", "features": [{"a": ["\x00"]}]}
    answer = await client.post("/api/room-types", json=body)
    assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (422, ["features[0].a[0]"])
    assert (await client.get("/static/%00")).status_code == 404


async def test_number_beyond_every_column_is_refused_with_the_name_of_its_field(
    app: tuple[FastAPI, Hotel], client: httpx2.AsyncClient
) -> None:
    for path, field in (
        (f"/api/reservations?offset={10**22}", "offset"),
        (f"/api/qloapps/sync-logs?qloapps_id={10**13}", "qloapps_id"),
        (f"/api/qloapps/bookings/{10**13}/explain", "qloapps_id"),
        ("/api/availability?start=9999-12-31", "start"),
        ("/api/rates?start=9999-12-31", "start"),
    ):
        answer = await client.get(path)
        assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (422, [field]), path
