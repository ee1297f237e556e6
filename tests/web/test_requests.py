"""Every request bears its id everywhere, is measured by its route, and cannot be too large."""

import asyncio
import io
import json
import logging
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
import structlog
import uvicorn

from innkeeper.access.roles import Role
from innkeeper.telemetry.logging import configure_logging
from tests.access.support import PASSWORD, SYSTEM, Inn, open_inn
from tests.web.probe import router

pytestmark = pytest.mark.anyio


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """The log as JSON lines."""
    root = logging.getLogger()
    handlers, level, before = list(root.handlers), root.level, structlog.get_config()
    stream = io.StringIO()
    configure_logging("json", stream=stream)
    yield stream
    root.handlers, root.level = handlers, level
    structlog.configure(**before)


async def test_a_well_formed_id_is_kept_and_reaches_the_log_and_the_connectors(inn: Inn, lines: io.StringIO) -> None:
    async with inn.client() as client:
        answer = await client.get("/api/probe/rooms/412", headers={"X-Request-Id": "till-7.0001_x"})
    assert answer.headers["X-Request-Id"] == "till-7.0001_x"
    assert answer.json() == {"room": "412", "telemetry": "till-7.0001_x", "connectors": "till-7.0001_x"}
    written = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [line["event"] for line in written] == ["looked up", "request"]
    assert {line["request_id"] for line in written} == {"till-7.0001_x"}


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "with space here", "new\tline-here", "<script>alert"])
async def test_any_other_id_is_replaced(inn: Inn, given: str) -> None:
    async with inn.client() as client:
        answer = await client.get("/healthz", headers={"X-Request-Id": given})
    assert answer.headers["X-Request-Id"] != given
    assert len(answer.headers["X-Request-Id"]) == 20


async def test_every_answer_bears_an_id_and_the_headers_that_protect_a_browser(inn: Inn) -> None:
    async with inn.client() as client:
        for path in ("/healthz", "/api/me", "/nowhere", "/sign-in", "/api/probe/bug", "/static/innkeeper.css"):
            headers = (await client.get(path)).headers
            assert headers["X-Request-Id"], path
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["X-Frame-Options"] == "DENY"
            policy = headers["Content-Security-Policy"]
            assert "default-src 'self'" in policy
            assert "unsafe-inline" not in policy
            assert "frame-ancestors 'none'" in policy


async def test_metrics_are_by_route_and_hold_nothing_that_was_asked_for(inn: Inn) -> None:
    async with inn.client() as client:
        await client.get("/api/probe/rooms/suite-of-ana")
        await client.get("/api/probe/rooms/probe")
        await client.get("/api/somebody/ana.guest@example.com")
        text = (await client.get("/metrics")).text
    assert 'route="/api/probe/rooms/{room}"' in text
    for word in ("suite-of-ana", "ana.guest", "somebody"):
        assert word not in text


async def test_a_body_that_is_too_large_is_refused_announced_or_not(inn: Inn) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x" * 100_000

    async with inn.client(headers={"Content-Type": "application/json"}) as client:
        for content in (b"x" * 1_100_000, pieces()):
            answer = await client.post("/api/probe/body", content=content)
            assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")
            assert answer.headers["X-Request-Id"]


async def test_who_sends_all_of_a_large_body_before_he_listens_is_told_too(inn: Inn) -> None:
    server = uvicorn.Server(uvicorn.Config(inn.app, host="127.0.0.1", port=0, log_config=None, lifespan="off"))
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  uvicorn tells of its start by a flag only
        await asyncio.sleep(0.01)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        for head in (b"Content-Length: 10000000", b"Transfer-Encoding: chunked"):
            answer = await asyncio.to_thread(_send_all_then_listen, port, head)
            assert answer.startswith(b"HTTP/1.1 413"), answer[:200]
    finally:
        server.should_exit = True
        await running


def _send_all_then_listen(port: int, head: bytes) -> bytes:
    """Send ten megabytes as a plain socket does, and return the answer."""
    body = b"x" * 10_000_000
    if b"chunked" in head:
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    lines = (b"POST /api/probe/body HTTP/1.1", b"Host: inn.test", b"Connection: close", head, b"", b"")
    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        line.sendall(b"\r\n".join(lines) + body)
        answer: bytes = line.recv(100_000)
        return answer


async def test_who_waits_for_our_word_before_he_sends_hears_it_at_once(inn: Inn) -> None:
    async with inn.client(headers={"Content-Type": "application/json", "Expect": "100-continue"}) as client:
        answer = await client.post("/api/probe/body", content=b"x" * 1_100_000)
    assert answer.status_code == 413


async def test_an_address_may_take_larger_bodies(inn: Inn) -> None:
    larger = open_inn(inn.database, routers=[router], larger_bodies={"/api/probe/body": 3_000_000})
    async with larger.client(headers={"Content-Type": "application/json"}) as client:
        assert (await client.post("/api/probe/body", content=b"x" * 1_100_000)).status_code == 422
        assert (await client.post("/api/session", content=b"x" * 1_100_000)).status_code == 413


async def test_no_key_hash_or_number_appears_in_any_line_error_or_metric(inn: Inn, lines: io.StringIO) -> None:
    phone, email, pin = "+351 912 345 678", "ana.guest@example.com", "4821"
    answers = []
    async with inn.client() as client, inn.machine(Role.ADMIN) as admin:
        token = admin.headers["Authorization"].split()[1]
        await inn.access.users.add(SYSTEM, "vera", Role.SERVER, password=PASSWORD, pin=pin)
        for request in (
            client.post("/api/session", json={"name": "vera", "password": PASSWORD}),
            client.post("/api/session", json={"name": email, "password": PASSWORD + "x"}),
            client.post("/api/session", json={"name": "vera", "pin": pin, "password": PASSWORD}),
            client.get("/api/probe/leak"),
            client.get("/api/probe/bug"),
            client.get(f"/api/probe/rooms/412?email={email}&phone={phone}"),
            client.get(f"/api/nowhere/{email}"),
            client.post("/api/probe/body", json={"api_key": token, "night": phone, "room": email}),
            admin.post("/api/users", json={"name": "bruno", "role": "server", "password": "short"}),
            client.get("/readyz"),
            client.get("/metrics"),
        ):
            answer = await request
            if "/rooms/412" not in str(answer.request.url):
                answers.append(answer.text)
    written = lines.getvalue()
    assert written.count('"event": "request"') >= 9
    assert "unexpected error" in written
    for secret in (PASSWORD, token, "argon2", phone, "912 345", "912345", email, "S3cretKey"):
        assert secret not in written, secret
        assert not any(secret in answer for answer in answers), secret


async def test_readiness_names_what_is_not_well(inn: Inn) -> None:
    async def behind() -> str | None:
        return "the schema is behind"

    late = open_inn(inn.database, checks={"migrations": behind})
    async with inn.client() as well, late.client() as unwell:
        assert (await well.get("/readyz")).json() == {"status": "ready", "checks": {"database": "ok"}}
        answer = await unwell.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": "ok", "migrations": "the schema is behind"}
