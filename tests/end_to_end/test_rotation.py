"""Keys are rotated while the server runs, and nothing of the channel stops for it."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from innkeeper.simulators.qloapps.state import DEMO_KEY
from tests.end_to_end.processes import PATIENCE, Process, Server, free_port, run


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[str]:
    """A simulated QloApps in a process of its own."""
    port = free_port()
    with Process(["simulate", "qloapps", "--port", str(port)], tmp_path / "shop.log") as process:
        process.wait_for(r"http://127\.0\.0\.1:\d+")
        yield f"http://127.0.0.1:{port}"


def test_server_goes_on_while_keys_are_rotated_and_says_so_when_they_are_lost(tmp_path: Path, shop: str) -> None:
    with Server.on(tmp_path) as server:
        server.wait_ready()
        token = run(tmp_path, "token", "create", "desk", "--role", "admin")
        headers = {"Authorization": f"Bearer {token}"}
        with httpx2.Client(base_url=server.url, headers=headers, timeout=PATIENCE) as client:
            config = {"base_url": shop, "api_key": DEMO_KEY, "qloapps_hotel_id": 1, "requests_per_minute": 60000}
            client.put("/api/property", json={"currency": "PLN", "timezone": "Europe/Warsaw"}).raise_for_status()
            client.post("/api/qloapps/config", json=config).raise_for_status()
            assert _works(client)
            assert "1 stored secret" in run(tmp_path, "secrets", "rotate")
            assert _works(client)
            (tmp_path / "secret.keys").unlink()
            run(tmp_path, "secrets", "rotate", code=1)
            assert _works(client)  # what this process has read it knows
            server.kill()
            server.start()
            server.wait_ready()
            _tells_that_the_key_is_lost(client)
            client.post("/api/qloapps/config", json={"api_key": DEMO_KEY}).raise_for_status()
            assert _works(client)
            assert "secret_unreadable" not in _causes(client)


def _works(client: httpx2.Client) -> bool:
    tested = client.post("/api/qloapps/test-connection").raise_for_status().json()
    ran = client.post("/api/qloapps/sync?wait=true", json={}).raise_for_status().json()
    return bool(tested["success"] and ran["success"])


def _causes(client: httpx2.Client) -> list[str]:
    return [cause["kind"] for cause in client.get("/api/qloapps/attention").raise_for_status().json()["items"]]


def _tells_that_the_key_is_lost(client: httpx2.Client) -> None:
    tested = client.post("/api/qloapps/test-connection").raise_for_status().json()
    assert (tested["success"], "INNKEEPER_SECRET_KEYS" in tested["message"]) == (False, True)
    ran = client.post("/api/qloapps/sync?wait=true", json={})
    assert (ran.status_code, ran.json()["code"]) == (503, "SECRET_UNREADABLE")
    assert "secret_unreadable" in _causes(client)
    health = client.get("/api/qloapps/health").json()
    assert (health["status"], "cannot be read" in health["reasons"][0]) == ("down", True)
