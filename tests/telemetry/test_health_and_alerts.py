"""A check that fails is an answer, an alert that fails stops nothing."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from innkeeper.telemetry import health
from innkeeper.telemetry.alerts import ALERTS_SENT, Alerts
from innkeeper.telemetry.metrics import exposition, observe_request

pytestmark = pytest.mark.anyio


async def test_checks_that_raise_or_complain_are_problems_and_the_rest_still_run() -> None:
    async def well() -> str | None:
        return None

    async def complains() -> str | None:
        return "the schema is two steps behind"

    async def raises() -> str | None:
        raise ConnectionError("password=S3cretKey")

    results = await health.run_checks({"database": well, "migrations": complains, "broker": raises})
    assert [(each.name, each.ok) for each in results] == [("database", True), ("migrations", False), ("broker", False)]
    assert "S3cretKey" not in str(results)


async def test_a_check_that_hangs_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs() -> str | None:
        await asyncio.Event().wait()
        return None

    monkeypatch.setattr(health, "PATIENCE", 0.01)
    (result,) = await health.run_checks({"pms": hangs})
    assert not result.ok


def _count(outcome: str) -> float:
    return float(ALERTS_SENT.labels(outcome)._value.get())


async def test_an_alert_reaches_all_addresses_away_from_the_event_loop() -> None:
    seen: list[tuple[Sequence[str], str, str, bool]] = []

    def sender(urls: Sequence[str], title: str, body: str) -> bool:
        seen.append((urls, title, body, threading.current_thread() is threading.main_thread()))
        return True

    before = _count("sent")
    assert await Alerts(["json://a.example.com", ""], sender=sender).send("OPERA is down", "since 19:30")
    assert seen == [(("json://a.example.com",), "OPERA is down", "since 19:30", False)]
    assert _count("sent") == before + 1


async def test_an_alert_that_fails_is_counted_and_raises_nothing() -> None:
    def refuses(_urls: Sequence[str], _title: str, _body: str) -> bool:
        return False

    def breaks(_urls: Sequence[str], _title: str, _body: str) -> bool:
        raise OSError("no route")

    before = _count("failed")
    assert not await Alerts(["json://a.example.com"], sender=refuses).send("t", "b")
    assert not await Alerts(["json://a.example.com"], sender=breaks).send("t", "b")
    assert _count("failed") == before + 2


async def test_without_addresses_nothing_is_sent() -> None:
    assert not Alerts([]).configured
    assert not await Alerts([]).send("t", "b")


async def test_metrics_know_routes_and_classes_of_status_only() -> None:
    observe_request("GET", "/api/rooms/{room}", 404, 0.002)
    observe_request("BREW", "/api/rooms/{room}", 200, 0.002)
    text = exposition().decode()
    assert 'route="/api/rooms/{room}",status="4xx"' in text
    assert 'method="other"' in text
    assert "BREW" not in text
