"""What the command line can start, and with which options."""

from __future__ import annotations

import httpx2
import pytest

from innkeeper.simulators.faults import FaultDial
from innkeeper.simulators.registry import SIMULATORS

pytestmark = pytest.mark.anyio


async def test_every_simulator_starts_with_nothing_said_and_answers_its_state() -> None:
    for name, simulator in SIMULATORS.items():
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(simulator()), base_url="http://x.example") as http:
            answer = await http.get("/_simulator/state")
            assert answer.status_code == 200, name


async def test_qloapps_takes_its_options_and_its_dial() -> None:
    dial = FaultDial({"maintenance": 1.0})
    app = SIMULATORS["qloapps"](dial, version="dev-2024-10", currency="EUR", timezone="Europe/Rome")
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://x.example") as http:
        state = (await http.get("/_simulator/state")).json()
        assert (state["version"], state["timezone"]) == ("dev-2024-10", "Europe/Rome")
        assert (await http.get("/api/hotels")).status_code == 503
    assert "key" in SIMULATORS["qloapps"].hint(app)


def test_an_unknown_option_is_named_with_the_known_ones() -> None:
    with pytest.raises(TypeError, match="takes no colour; it takes version"):
        SIMULATORS["qloapps"](colour="red")
