"""A shift with a failing PMS and a server that is killed again and again: every check stands once, none is lost."""

import asyncio
import os
import random
import time
from decimal import Decimal
from pathlib import Path

import pytest

from tests.chaos import kill_driver as driver
from tests.end_to_end.processes import Process, Server, free_port

CHARGES = int(os.environ.get("CHAOS_CHARGES", "10000"))
KILLS = int(os.environ.get("CHAOS_KILLS", "100"))
SEED = int(os.environ.get("CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
TERMINALS = 20


def test_killed_a_few_times_a_shift_ends_balanced(tmp_path: Path) -> None:
    play(tmp_path, charges=120, kills=2, seed=20300601)


@pytest.mark.chaos
def test_ten_thousand_charges_and_a_hundred_kills_end_balanced(tmp_path: Path) -> None:
    play(tmp_path, charges=CHARGES, kills=KILLS, seed=SEED)


def play(folder: Path, *, charges: int, kills: int, seed: int) -> None:
    """Work a shift, let it settle, sign its day, and hold the folios against the checks."""
    print(f"\nCHAOS_SEED={seed} CHAOS_CHARGES={charges} CHAOS_KILLS={kills}")
    port = free_port()
    pms = Process(["simulate", "opera", "--port", str(port), "--option", "currency=USD"], folder / "opera.log")
    with pms, Server.on(folder) as server:
        pms.wait_for(r"http://127\.0\.0\.1:\d+")
        asyncio.run(_play(folder, server, f"http://127.0.0.1:{port}", charges, kills, seed))


async def _play(folder: Path, server: Server, pms: str, charges: int, kills: int, seed: int) -> None:
    started = time.monotonic()
    shift = await driver.open_shift(server, folder, pms, seed, charges)
    await driver.work(shift, TERMINALS, kills)
    worked = time.monotonic() - started
    await driver.settle(shift, patience=300)
    report = await driver.sign(shift, patience=300)
    rows = await driver.postings(shift)
    folios, happened = await driver.folios(shift)
    print(
        f"{charges} checks in {worked:.0f} s, settled and signed in {time.monotonic() - started:.0f} s, "
        f"{shift.kills} kills, answers {shift.answers}, faults {happened}, {len(report['recovered'])} recovered"
    )
    due = {check.reference: check.total for check in shift.checks}
    assert {row["pos_reference"]: Decimal(row["total"]) for row in rows} == due, "none is lost, none is twice"
    assert len(rows) == charges
    assert {(row["posting_status"], row["failure_code"]) for row in rows} == {("posted", None)}
    assert folios == {row["reference"]: Decimal(row["total"]) for row in rows}
    assert sum(folios.values()) == sum(due.values())
    assert (report["balanced"], report["exceptions"]) == (True, [])
    assert Decimal(report["total_posted"]) == sum(due.values())
    assert shift.kills == kills
    assert sum(happened.values()) > charges / 10, "the PMS was not as ill as it should have been"
