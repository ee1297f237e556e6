"""Whatever goes wrong is told as a problem, in plain words, without what must not be told."""

import pytest

from innkeeper.access.roles import Role
from tests.access.support import Inn, without_ids

pytestmark = pytest.mark.anyio

MEMBERS = {"type", "title", "status", "detail", "code", "action", "errors", "request_id"}
ROOM = "00000000-0000-0000-0000-000000000001"
GOOD = {"room": ROOM, "night": "2026-01-25", "adults": 2, "price": "105.00"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/probe/conflict", 409, "NOT_AVAILABLE"),
        ("GET", "/api/probe/fields", 422, "INVALID"),
        ("GET", "/api/probe/teapot", 418, "I'M_A_TEAPOT"),
        ("GET", "/api/probe/bug", 500, "INTERNAL"),
        ("GET", "/api/nowhere", 404, "NOT_FOUND"),
        ("DELETE", "/api/probe/body", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/api/me", 401, "NOT_SIGNED_IN"),
        ("POST", "/api/probe/body", 422, "INVALID"),
    ],
)
async def test_every_error_is_a_problem_with_all_its_members(
    inn: Inn, method: str, path: str, status: int, code: str
) -> None:
    async with inn.client() as client:
        answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == MEMBERS
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["detail"].endswith(".")
    assert problem["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("change", "field", "word"),
    [
        ({"room": "412"}, "room", "UUID"),
        ({"night": "25.01.2026"}, "night", "date like"),
        ({"adults": 400}, "adults", "at most 30"),
        ({"adults": "two"}, "adults", "whole number"),
        ({"price": "a lot"}, "price", "amount"),
        ({"colour": "red"}, "colour", "Only blue is known."),
        ({"number": 4.12}, "number", "text"),
        ({"api_key": "S3cretKey-S3cretKey"}, "api_key", "too long"),
    ],
)
async def test_wrong_fields_are_named_in_plain_words_and_not_quoted(
    inn: Inn, change: dict[str, object], field: str, word: str
) -> None:
    async with inn.client() as client:
        answer = await client.post("/api/probe/body", json={**GOOD, **change})
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert word in error["message"]
    assert answer.json()["detail"] == error["message"]
    assert str(next(iter(change.values()))) not in without_ids(answer.text)
    assert "pydantic" not in answer.text


async def test_several_wrong_fields_are_all_named(inn: Inn) -> None:
    async with inn.client() as client:
        answer = await client.post("/api/probe/body", json={"adults": 0})
    assert [error["field"] for error in answer.json()["errors"]] == ["room", "night", "adults", "price"]


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[1, 2", b'{"a": NaN'])
async def test_a_body_that_is_no_json_is_said_to_be_none(inn: Inn, content: bytes) -> None:
    async with inn.client() as client:
        answer = await client.post("/api/probe/body", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_that_is_nested_without_end_is_wrong_input(inn: Inn) -> None:
    async with inn.client(headers={"Content-Type": "application/json"}) as client:
        answer = await client.post("/api/probe/body", content=b"[" * 100_000)
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")
    assert answer.json()["errors"] == [
        {"field": "body", "message": "The body is nested too deep, or no JSON in UTF-8."}
    ]


async def test_an_error_that_quotes_a_guest_or_a_key_is_told_without_them(inn: Inn) -> None:
    async with inn.client() as client:
        answer = await client.get("/api/probe/leak")
    assert answer.status_code == 503
    for secret in ("ana.guest", "912 345", "S3cretKey"):
        assert secret not in answer.text


async def test_our_own_sentences_stay_whole_and_what_was_typed_is_quoted_without_a_guest_s_data(inn: Inn) -> None:
    ours = "is no phone number such as +351 912 345 678; booking 1234567890 needs 1 to 2147483647 of them."
    async with inn.client() as client:
        for typed, shown in (("ten", "'ten'"), ("+49 30 1234567", "'…'"), ("ana@example.com", "'…'")):
            problem = (await client.get("/api/probe/ours", params={"typed": typed})).json()
            assert problem["detail"] == problem["errors"][0]["message"] == f"{shown} {ours}"


async def test_an_unforeseen_error_shows_no_traceback(inn: Inn) -> None:
    async with inn.client() as client:
        answer = await client.get("/api/probe/bug")
    for word in ("S3cretKey", "RuntimeError", "Traceback", "probe.py"):
        assert word not in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_person_gets_a_page_that_says_what_to_do(inn: Inn) -> None:
    async with inn.client(headers={"Accept": "text/html"}) as client:
        missing = await client.get("/nowhere")
        broken = await client.get("/probe/bug")
        program = await client.get("/api/nowhere")
    assert (missing.status_code, broken.status_code) == (404, 500)
    assert "To the overview" in missing.text
    assert broken.headers["X-Request-Id"] in broken.text
    assert "RuntimeError" not in broken.text
    assert program.headers["content-type"] == "application/problem+json"


async def test_a_person_who_is_not_signed_in_is_led_to_the_sign_in_and_back(inn: Inn) -> None:
    async with inn.client(headers={"Accept": "text/html"}) as client:
        home = await client.get("/")
        part = await client.get(
            "/overview/sections", headers={"HX-Request": "true", "HX-Current-URL": "http://inn.test/channels?tab=log"}
        )
    assert (home.status_code, home.headers["location"]) == (303, "/sign-in")
    assert (part.status_code, part.headers["HX-Redirect"]) == (401, "/sign-in?next=%2Fchannels%3Ftab%3Dlog")


async def test_a_role_that_does_not_suffice_is_told_on_the_page(inn: Inn) -> None:
    async with inn.browser(Role.SERVER) as client:
        answer = await client.get("/api/users", headers={"Accept": "text/html"})
    assert answer.json()["detail"] == "This needs the role admin; server-user has the role server."


async def test_an_error_page_keeps_who_is_signed_in(inn: Inn) -> None:
    async with inn.browser(Role.MANAGER, "marta") as client:
        page = (await client.get("/nowhere", headers={"Accept": "text/html"})).text
    assert "marta" in page
    assert "Sign out" in page


async def test_the_description_of_the_api_tells_problems_as_they_are(inn: Inn) -> None:
    async with inn.client() as client:
        described = (await client.get("/api/openapi.json")).json()
        answer = await client.post("/api/probe/body", json={})
    operations = [operation for path in described["paths"].values() for operation in path.values()]
    assert all("422" not in operation["responses"] for operation in operations)
    for operation in operations:
        schema = operation["responses"]["4XX"]["content"]["application/problem+json"]["schema"]
        assert set(schema["required"]) == MEMBERS == set(answer.json())
