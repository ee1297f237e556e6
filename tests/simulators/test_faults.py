"""The fault dial: what a caller sees, whether the work was done, and how the dial is turned."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx2
import pytest

from innkeeper.simulators.faults import (
    FAULTS,
    ConnectionDropped,
    FaultDial,
    FaultyApp,
    Receive,
    Scope,
    Send,
    UnknownFaultError,
)
from innkeeper.simulators.server import serve

pytestmark = pytest.mark.anyio

BODY = b'{"answer": "a body that is long enough to be cut in two"}'


class Worker:
    """An application that counts how often it did its work."""

    def __init__(self) -> None:
        self.worked = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        self.worked += 1
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": BODY})


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def app(worker: Worker) -> FaultyApp:
    return FaultyApp(worker, FaultDial(slow_seconds=0.01, late_seconds=0.01), lambda: {"worked": worker.worked})


def client(app: FaultyApp) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://shop.example")


@pytest.mark.parametrize(
    ("fault", "status", "worked"),
    [
        ("maintenance", 503, 0),
        ("too_many", 429, 0),
        ("error_before", 500, 0),
        ("error_after", 500, 1),
        ("truncate", 200, 1),
        ("duplicate", 200, 2),
        ("slow", 200, 1),
    ],
)
async def test_a_fault_answers_its_status_before_or_after_the_work(
    app: FaultyApp, worker: Worker, fault: str, status: int, worked: int
) -> None:
    app.dial.next(fault)
    async with client(app) as http:
        answer = await http.post("/api/things")
        assert (answer.status_code, worker.worked) == (status, worked)
        assert (await http.post("/api/things")).content == BODY


@pytest.mark.parametrize(("fault", "worked"), [("drop_before", 0), ("drop_after", 1), ("drop_during", 1)])
async def test_in_process_a_drop_raises_and_says_whether_the_work_was_done(
    app: FaultyApp, worker: Worker, fault: str, worked: int
) -> None:
    app.dial.next(fault)
    async with client(app) as http:
        with pytest.raises(ConnectionDropped) as dropped:
            await http.post("/api/things")
    assert (dropped.value.worked, worker.worked) == (bool(worked), worked)


@pytest.mark.parametrize(("fault", "worked"), [("drop_before", 0), ("drop_after", 1), ("drop_during", 1)])
async def test_on_a_socket_a_drop_closes_the_connection_without_an_answer(
    app: FaultyApp, worker: Worker, fault: str, worked: int
) -> None:
    async with serve(app) as running, httpx2.AsyncClient(base_url=running.url) as http:
        app.dial.next(fault)
        with pytest.raises(httpx2.RemoteProtocolError):
            await http.post("/api/things")
        assert worker.worked == worked
        assert (await http.post("/api/things")).content == BODY


async def test_a_late_request_is_answered_504_and_worked_afterwards(app: FaultyApp, worker: Worker) -> None:
    app.dial.next("late")
    async with client(app) as http:
        assert (await http.post("/api/things")).status_code == 504
        assert worker.worked == 0
        await app.settle()
    assert worker.worked == 1


async def test_a_script_waits_for_its_method_and_path(app: FaultyApp) -> None:
    app.dial.next("error_before", method="PUT", path="/orders")
    async with client(app) as http:
        seen = [
            (await http.request(method, path)).status_code
            for method, path in [("GET", "/api/orders/1"), ("PUT", "/api/rooms/1"), ("PUT", "/api/orders/1")]
        ]
        assert seen == [200, 200, 500]
        assert (await http.put("/api/orders/1")).status_code == 200
    assert app.dial.scripted == 0


async def test_the_same_seed_gives_the_same_faults() -> None:
    def faults(seed: int) -> list[tuple[bool, str | None]]:
        dial = FaultDial({"error_before": 0.2, "drop_after": 0.2, "slow": 0.3}, seed=seed)
        return [dial.choose("GET", "/api/orders") for _ in range(200)]

    assert faults(7) == faults(7)
    assert faults(7) != faults(8)
    assert {fault for _, fault in faults(7)} == {None, "error_before", "drop_after"}


@pytest.mark.parametrize("turn", [lambda d: d.set(nonsense=0.1), lambda d: d.set(slow=2), lambda d: d.next("nonsense")])
def test_a_fault_that_does_not_exist_is_refused(turn: Callable[[FaultDial], None]) -> None:
    with pytest.raises(UnknownFaultError):
        turn(FaultDial())


async def test_the_dial_is_turned_over_the_socket_and_never_hits_its_own_endpoints(
    app: FaultyApp, worker: Worker
) -> None:
    async with serve(app) as running, httpx2.AsyncClient(base_url=running.url) as http:
        turned = await http.put("/_simulator/faults", json={"rates": {"maintenance": 1.0}, "slow_seconds": 0.5})
        assert turned.json()["rates"]["maintenance"] == 1.0
        assert turned.json()["rates"].keys() == set(FAULTS)
        assert (await http.get("/api/things")).status_code == 503
        assert (await http.get("/_simulator/faults")).json()["happened"] == {"maintenance": 1}
        assert (await http.put("/_simulator/faults", json={"rates": {"nonsense": 1}})).status_code == 422
        unknown = await http.put("/_simulator/faults", json={"maintenance": 1.0})
        assert (unknown.status_code, "maintenance" in unknown.json()["error"]) == (422, True)
        await http.put("/_simulator/faults", json={"calm": True, "next": [{"fault": "too_many", "path": "/b"}]})
        assert [(await http.get(path)).status_code for path in ("/a", "/b", "/b")] == [200, 429, 200]
        assert (await http.get("/_simulator/state")).json() == {"worked": worker.worked}


async def test_a_port_that_is_taken_is_an_os_error(app: FaultyApp) -> None:
    async with serve(app) as running:
        with pytest.raises(OSError, match=r"[Aa]ddress"):
            async with serve(app, port=running.port):
                pass


async def test_parallel_requests_each_meet_their_own_fate(app: FaultyApp) -> None:
    app.dial.next("error_before", times=3)
    async with serve(app) as running, httpx2.AsyncClient(base_url=running.url) as http:
        answers = await asyncio.gather(*(http.get("/api/things") for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [500] * 3
