"""Whatever was accepted before a power cut is there after it, and gets through, once."""

import random
import signal
import threading
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from innkeeper.simulators.qloapps.state import DEMO_KEY
from tests.end_to_end.processes import PATIENCE, Process, Server, free_port, run

KILLS = 3


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[str]:
    """A simulated QloApps in a process of its own."""
    port = free_port()
    process = Process(["simulate", "qloapps", "--port", str(port)], tmp_path / "shop.log")
    with process:
        process.wait_for(r"http://127\.0\.0\.1:\d+")
        yield f"http://127.0.0.1:{port}"


def test_what_was_accepted_survives_kill_9_and_gets_through_once(tmp_path: Path, shop: str) -> None:
    with Server.on(tmp_path) as server:
        _play(server, tmp_path, shop)


def _play(server: Server, folder: Path, shop: str) -> None:
    server.wait_ready()
    token = run(folder, "token", "create", "desk", "--role", "admin")
    headers = {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=server.url, headers=headers, timeout=PATIENCE) as client:
        types = _connect(client, shop)
        _turn(shop, drop_after=0.03, error_after=0.03)
        accepted: dict[str, str] = {}
        rng = random.Random(7)
        for _ in range(KILLS):
            clerk = _Clerk(client, types, rng, accepted)
            clerk.start()
            time.sleep(rng.uniform(0.3, 1.5))  # the moment of the cut is the point of the test
            server.kill()
            clerk.join()
            server.start()
            server.wait_ready()
        _turn(shop)
        there = {item["id"] for item in _all(client, "/api/reservations") if item["source"] == "Direct"}
        assert accepted.keys() <= there
        _until_all_sent(client)
    assert accepted
    sources = [order["source"] for order in _orders(shop) if order["source"].startswith("innkeeper:")]
    assert len(sources) == len(set(sources))
    assert {f"innkeeper:{one.replace('-', '')}" for one in there} == set(sources)
    assert server.stop() in (0, -signal.SIGTERM)  # uvicorn says goodbye and then lets the signal have its way


class _Clerk(threading.Thread):
    """Takes reservations until the line goes dead; remembers those that were answered."""

    def __init__(self, client: httpx2.Client, types: list[str], rng: random.Random, accepted: dict[str, str]) -> None:
        super().__init__()
        self._client, self._types, self._rng, self._accepted = client, types, rng, accepted

    def run(self) -> None:
        while True:
            time.sleep(0.05)  # a desk is not a benchmark
            arrival = date(2030, 1, 1) + timedelta(days=self._rng.randint(0, 300))
            body = {
                "check_in": str(arrival),
                "check_out": str(arrival + timedelta(days=self._rng.randint(1, 4))),
                "primary_guest": {"name": "Ines Duarte", "email": f"g{self._rng.random()}@guest.example"},
                "rooms": [{"room_type_id": self._rng.choice(self._types), "adults": 1}],
            }
            try:
                answer = self._client.post("/api/reservations", json=body)
            except httpx2.HTTPError:
                return
            if answer.status_code == 201:
                self._accepted[answer.json()["id"]] = answer.json()["confirmation"]


def _connect(client: httpx2.Client, shop: str) -> list[str]:
    config = {"base_url": shop, "api_key": DEMO_KEY, "qloapps_hotel_id": 1, "requests_per_minute": 60000}
    client.put("/api/property", json={"currency": "PLN", "timezone": "Europe/Warsaw"}).raise_for_status()
    client.post("/api/qloapps/config", json=config).raise_for_status()
    client.post("/api/qloapps/sync/room-types?create_missing=true&wait=true", json={}).raise_for_status()
    client.post("/api/qloapps/go-live", json={"mode": "live"}).raise_for_status()
    return [item["id"] for item in _all(client, "/api/room-types")]


def _turn(shop: str, **rates: float) -> None:
    """Turn the shop's fault dial; without rates all is well again."""
    httpx2.put(f"{shop}/_simulator/faults", json={"rates": rates}).raise_for_status()


def _until_all_sent(client: httpx2.Client) -> None:
    end = time.monotonic() + 3 * PATIENCE
    while time.monotonic() < end:
        queue = client.get("/api/qloapps/health").json()["queue"]
        waiting = [m for m in _all(client, "/api/qloapps/mappings/reservations") if m["status"] != "synced"]
        if queue["queued"] + queue["running"] + len(waiting) == 0:
            return
        time.sleep(0.5)
    raise AssertionError(client.get("/api/qloapps/attention").text)


def _all(client: httpx2.Client, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    while True:
        page = client.get(path, params={"limit": 500, "offset": len(items)}).json()
        items += page["items"]
        if len(items) >= page["total"]:
            return items


def _orders(shop: str) -> list[dict[str, Any]]:
    answer = httpx2.get(
        f"{shop}/api/orders",
        params={"display": "[id,source,current_state]", "output_format": "JSON", "limit": "100000"},
        auth=(DEMO_KEY, ""),
    )
    orders: list[dict[str, Any]] = answer.json()["orders"]
    return orders
