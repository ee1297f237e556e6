"""The demo as it is started: an evening with an outage, a night that balances, and a start that goes on."""

import json
import re
import time
from pathlib import Path
from typing import Any

import httpx2

from tests.end_to_end.processes import PATIENCE, Process, free_port, run

#: A day in half a minute: fast, and slow enough that a busy machine rings checks in the evening.
SPEED = "2880"


class Demo(Process):
    """The demo in a folder of its own."""

    @classmethod
    def on(cls, folder: Path) -> "Demo":
        port = free_port()
        demo = cls(["demo", "--port", str(port), "--data", str(folder), "--speed", SPEED], folder.parent / "demo.log")
        demo.url = f"http://127.0.0.1:{port}"
        return demo

    url: str = ""
    token: str = ""

    def ask(self, path: str, **params: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx2.get(f"{self.url}{path}", params=params, headers=headers, timeout=60)

    def business_date(self) -> str:
        return str(self.ask("/api/property").raise_for_status().json()["business_date"])

    def signed(self, day: str) -> dict[str, Any]:
        """Return the report of the day once it is signed."""
        end = time.monotonic() + 2 * PATIENCE
        while time.monotonic() < end:
            answer = self.ask("/api/pms/reconciliation/daily", date=day)
            if answer.status_code != 503:  # OPERA is down in the evening
                found: dict[str, Any] = answer.raise_for_status().json()
                if found["signed_off_at"]:
                    return found
            time.sleep(0.2)
        raise AssertionError(self.log.read_text()[-3000:])


def test_outlets_ring_opera_fails_and_returns_the_night_balances_and_a_restart_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "hotel"
    with Demo.on(folder) as demo:
        demo.wait_for("is open on")
        demo.token = run(folder, "token", "create", "viewer", "--role", "admin")
        first = demo.business_date()
        report = demo.signed(first)
        assert report["balanced"]
        assert report["total_checks"] > 0
        assert report["signed_off_by"] == "night auditor"
        assert demo.stop() == 0
    simulated = folder / "simulated-opera.pickle"
    assert simulated.is_file()
    token = demo.token
    with Demo.on(folder) as again:
        again.wait_for("(?s)is open on.*is open on")
        again.token = token
        second = again.business_date()
        assert second > first
        assert again.signed(first)["sha256"] == report["sha256"]
        next_report = again.signed(second)
        assert next_report["balanced"]
        told = json.loads(run(folder, "reconcile", "--date", second, "--json"))
        assert told["sha256"] == next_report["sha256"]
        again.stop()
    log = again.log.read_text()
    for role in ("waiter", "clerk", "manager", "admin"):
        assert re.search(rf"{role}\s+password", log)
    # warnings are not counted: a machine that is too busy for this speed has its own
    assert not re.search(r"\[(error|critical)|Traceback", log)
