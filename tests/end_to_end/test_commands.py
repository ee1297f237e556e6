"""`innkeeper reconcile` and `innkeeper doctor` before a simulated OPERA on a real socket."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from innkeeper import bootstrap
from innkeeper.access.caller import Caller
from innkeeper.domain.ids import DEFAULT_PROPERTY
from innkeeper.room_charge import config, settings
from innkeeper.settings import Settings
from innkeeper.simulators.opera import OperaApp, opera_app
from innkeeper.simulators.opera.demo_hotel import OUTLET_CODES
from innkeeper.simulators.server import serve
from tests.end_to_end.processes import PATIENCE
from tests.room_charge.world import CREDENTIALS

pytestmark = pytest.mark.anyio

DAY = "2030-06-01"


@dataclass
class Hotel:
    """A data folder whose property charges into a simulated OPERA."""

    folder: Path
    opera: OperaApp
    url: str

    async def run(self, *arguments: str) -> tuple[int, str]:
        """Run a command beside the simulator; return its exit code and all that it printed."""
        environment = {**os.environ, "INNKEEPER_DATA_DIR": str(self.folder)}

        def work() -> tuple[int, str]:
            command = [sys.executable, "-m", "innkeeper.cli", *arguments]
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=PATIENCE, env=environment, check=False
            )
            return done.returncode, done.stdout + done.stderr

        return await asyncio.to_thread(work)

    async def connect(self, url: str, **codes: str) -> None:
        """Set the connection and the outlets."""
        container = bootstrap.build(Settings(data_dir=self.folder))
        try:
            await container.prepare()
            block = {"pms_type": "opera", "api_url": url, "property_code": "SAND01", "credentials": CREDENTIALS}
            outlets = [
                one.model_copy(update={"pms_codes": {**OUTLET_CODES[one.code], **codes}}) for one in settings.OUTLETS
            ]
            by = Caller.system()
            connection = settings.Connection.model_validate(block)
            await config.save(container.systems, by, DEFAULT_PROPERTY, connection, {}, None)
            await config.save_outlets(container.systems, by, DEFAULT_PROPERTY, outlets)
        finally:
            await container.aclose()


@pytest.fixture
async def hotel(tmp_path: Path) -> AsyncIterator[Hotel]:
    app = opera_app(business_date=DAY, guests=14, currency="EUR")
    async with serve(app) as running:
        made = Hotel(tmp_path, app, running.url)
        await made.connect(made.url)
        yield made


async def test_day_that_balances_is_exit_0_and_a_line_nobody_rang_up_is_exit_1(hotel: Hotel) -> None:
    code, text = await hotel.run("reconcile", "--date", DAY)
    assert (code, "It balances." in text) == (0, True), text
    guest = hotel.opera.state.in_room("412")[0]
    hotel.opera.state.post(guest, "2000", hotel.opera.state.balance(guest.id), check_no="77")
    code, text = await hotel.run("reconcile")
    assert code == 1
    assert "missing_in_pos: room 412, check 77" in text
    assert "It does not balance." in text
    code, text = await hotel.run("reconcile", "--date", DAY, "--json")
    report = json.loads(text)
    assert (code, report["balanced"], report["variance"]) == (1, False, "245.00")


async def test_pms_that_is_away_is_one_line_and_exit_1(hotel: Hotel) -> None:
    hotel.opera.dial.set(maintenance=1.0)
    code, text = await hotel.run("reconcile", "--date", DAY)
    assert code == 1
    assert "Unable to connect to PMS" in text
    assert "Traceback" not in text
    code, text = await hotel.run("doctor")
    assert code == 1
    assert [line for line in text.splitlines() if line.startswith("PMS: failed: ")]


async def test_doctor_knows_the_pms_by_name_and_finds_a_code_that_it_does_not_have(hotel: Hotel) -> None:
    code, text = await hotel.run("doctor")
    assert code == 0, text
    assert "PMS: ok: OPERA Cloud of Sandbox Hotel, version 25.5.0.0, answers." in text.splitlines()
    for name in ("audit trail", "signed days", "signatures", "charges"):
        assert any(line.startswith(f"{name}: ok: ") for line in text.splitlines())
    await hotel.connect(hotel.url, tip="4711")
    code, text = await hotel.run("doctor")
    assert code == 1
    assert "PMS: failed: The PMS has no code 4711; correct it in the outlets." in text.splitlines()


async def test_wrong_date_is_wrong_use(hotel: Hotel) -> None:
    code, text = await hotel.run("reconcile", "--date", "yesterday")
    assert code == 2
    assert "Traceback" not in text
