"""Drives a real Innkeeper before a real simulated OPERA: terminals that charge, a hand that kills, an auditor."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2

from innkeeper.room_charge import settings
from innkeeper.simulators.faults import FAULTS
from innkeeper.simulators.opera import state as opera
from innkeeper.simulators.opera.demo_hotel import OUTLET_CODES
from tests.end_to_end.processes import PATIENCE, Server, run

#: Every way of the dial in which a call fails; being slow is none.
WAYS = tuple(fault for fault in FAULTS if fault != "slow")
#: Rooms of the simulated hotel with one guest who may be charged, in the hotel's currency.
ROOMS = ("218", "315", "A-12", "0412", *(f"5{n:02d}" for n in range(1, 20)))
OUTLETS = ("REST", "BAR", "IRS")
#: Seconds in which the PMS must answer, may work on after that, and does so when it answers late.
TIMEOUT, SETTLES, LATE = 1.0, 3.0, 1.5


@dataclass
class Check:
    """A check that a guest pays for."""

    reference: str
    body: dict[str, Any]

    @property
    def total(self) -> Decimal:
        return sum((Decimal(self.body[name]) for name in ("subtotal", "tax", "tip")), Decimal(0))


@dataclass
class Shift:
    """One shift: its dice, its checks, and what has become of them."""

    server: Server
    pms: str
    seed: int
    checks: Sequence[Check]
    token: str = ""
    posted: int = 0
    kills: int = 0
    answers: dict[str, int] = field(default_factory=dict)

    def line(self) -> httpx2.AsyncClient:
        """Return a terminal's line to the server."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx2.AsyncClient(base_url=f"{self.server.url}/api/pms", headers=headers, timeout=PATIENCE)


def checks(count: int, dice: random.Random) -> list[Check]:
    """Return so many checks of all sizes."""
    made = []
    for n in range(count):
        subtotal = Decimal(dice.randint(1, 30_000)) / 100
        body = {
            "pos_reference": f"SHIFT-{n}",
            "room_number": dice.choice(ROOMS),
            "outlet_code": dice.choice(OUTLETS),
            "check_number": str(10_000 + n),
            "subtotal": f"{subtotal:.2f}",
            "tax": f"{Decimal(dice.randint(0, 500)) / 100:.2f}",
            "tip": f"{(subtotal / 10).quantize(Decimal('0.01')):.2f}",
            "delivery_charge": "0",
            "currency": "USD",
            "guest_confirmed": True,
        }
        made.append(Check(f"SHIFT-{n}", body))
    return made


async def open_shift(server: Server, folder: Path, pms: str, seed: int, count: int) -> Shift:
    """Connect the served house to the PMS and let the dial fail a fifth of all calls from then on."""
    await asyncio.to_thread(server.wait_ready)
    shift = Shift(server, pms, seed, checks(count, random.Random(seed)))
    shift.token = await asyncio.to_thread(run, folder, "token", "create", "shift", "--role", "admin")
    credentials = {
        "client_id": opera.CLIENT_ID,
        "client_secret": opera.CLIENT_SECRET,
        "app_key": opera.APP_KEY,
        "scope": opera.SCOPE,
        "enterprise_id": opera.ENTERPRISE_ID,
        "cashier_id": str(opera.CASHIER_ID),
    }
    connection = {
        "pms_type": "opera",
        "api_url": pms,
        "property_code": "SAND01",
        "timeout_seconds": TIMEOUT,
        "settle_seconds": SETTLES,
        "breaker_seconds": 1.0,
        "credentials": credentials,
    }
    outlets = [
        outlet.model_copy(update={"pms_codes": OUTLET_CODES[outlet.code]}).model_dump(mode="json")
        for outlet in settings.OUTLETS
    ]
    async with shift.line() as line:
        (await line.put(f"{server.url}/api/property", json={"currency": "USD"})).raise_for_status()
        blocks = {"connection": connection, "retry": {"max_attempts": 1000, "interval_minutes": 1}}
        (await line.put("/config", json=blocks)).raise_for_status()
        (await line.put("/outlets", json=outlets)).raise_for_status()
    each = 1 - 0.8 ** (1 / len(WAYS))  # so that four of five calls meet none of them
    await _turn(shift, rates=dict.fromkeys(WAYS, each), seed=seed, late_seconds=LATE, retry_after=1)
    return shift


async def work(shift: Shift, terminals: int, kills: int) -> None:
    """Let the terminals charge everything while the server is killed, a few times after the last check too."""
    waiting = list(shift.checks)
    hand = asyncio.create_task(_kill(shift, kills))
    async with asyncio.TaskGroup() as group:
        for _ in range(terminals):
            group.create_task(_terminal(shift, waiting))
    await hand
    await _turn(shift, calm=True)


async def _terminal(shift: Shift, waiting: list[Check]) -> None:
    """Send each check until it is taken on, under its reference, whatever happens to the line."""
    async with shift.line() as line:
        while waiting:
            check = waiting.pop()
            if await _sent(shift, line, check):
                shift.posted += 1
            else:
                waiting.append(check)
                await asyncio.sleep(0.1)


async def _sent(shift: Shift, line: httpx2.AsyncClient, check: Check) -> bool:
    try:
        answer = await line.post("/post", json=check.body)
    except httpx2.HTTPError as error:
        shift.answers[type(error).__name__] = shift.answers.get(type(error).__name__, 0) + 1
        return False
    shift.answers[str(answer.status_code)] = shift.answers.get(str(answer.status_code), 0) + 1
    # 503: the PMS is away and nobody was seen in the room before, so that nothing was done
    assert answer.status_code in (200, 201, 202, 503), answer.text
    return answer.status_code != 503


async def _kill(shift: Shift, kills: int) -> None:
    """Kill and start the server evenly over the checks, each time at a moment of chance; one in five afterwards."""
    dice = random.Random(shift.seed + 1)
    during = kills - kills // 5
    for n in range(kills):
        target = len(shift.checks) * (n + 1) // (during + 1)
        await _until_posted(shift, min(target, len(shift.checks)))
        await asyncio.sleep(dice.uniform(0.0, 0.4))  # the moment of the cut is the point of the test
        shift.server.kill()
        shift.kills += 1
        shift.server.start()
        await asyncio.to_thread(shift.server.wait_ready)


async def _until_posted(shift: Shift, count: int) -> None:
    while True:
        if shift.posted >= count:
            return
        await asyncio.sleep(0.01)


async def settle(shift: Shift, patience: float) -> None:
    """Let everything settle that settles by itself, as a manager does who presses the button again and again."""
    end = time.monotonic() + patience
    async with shift.line() as line:
        while True:
            (await line.post("/queue/process")).raise_for_status()
            left = (await line.get("/queue", params={"limit": 5})).raise_for_status().json()
            open_ones = [await _total(line, status) for status in ("pending", "unknown", "voiding")]
            if not left["total"] and not sum(open_ones):
                return
            assert time.monotonic() < end, left
            await asyncio.sleep(0.5)


async def sign(shift: Shift, patience: float) -> dict[str, Any]:
    """Sign the day off without a word of explanation; what stands twice is mended because somebody asked."""
    end = time.monotonic() + patience
    async with shift.line() as line:
        day = (await line.get(f"{shift.server.url}/api/pms/postings", params={"limit": 1})).json()["items"][0]
        while True:
            answer = await line.post(f"/reconciliation/{day['business_date']}/sign-off", json={"note": ""})
            if answer.status_code == 200:
                report: dict[str, Any] = answer.json()
                return report
            assert answer.status_code == 409, answer.text
            assert time.monotonic() < end, answer.text
            await asyncio.sleep(0.5)


async def postings(shift: Shift) -> list[dict[str, Any]]:
    """Return everything that Innkeeper holds."""
    found: list[dict[str, Any]] = []
    async with shift.line() as line:
        while True:
            page = (await line.get("/postings", params={"limit": 500, "offset": len(found)})).json()
            found += page["items"]
            if len(found) >= page["total"]:
                return found


async def folios(shift: Shift) -> tuple[dict[str, Decimal], dict[str, int]]:
    """Return what the PMS holds under each reference, reversals counted in, and which faults have happened."""
    async with httpx2.AsyncClient(timeout=PATIENCE) as line:
        charged = (await line.get(f"{shift.pms}/_simulator/state")).json()["charged"]
        happened = (await line.get(f"{shift.pms}/_simulator/faults")).json()["happened"]
    sums: dict[str, Decimal] = {}
    for reference, amount in charged.items():
        name = reference.removesuffix("-VOID").removesuffix("-BACK")
        sums[name] = sums.get(name, Decimal(0)) + Decimal(amount)
    return sums, happened


async def _total(line: httpx2.AsyncClient, status: str) -> int:
    answer = await line.get("/postings", params={"limit": 1, "status": status})
    return int(answer.raise_for_status().json()["total"])


async def _turn(shift: Shift, **values: Any) -> None:
    async with httpx2.AsyncClient(timeout=PATIENCE) as line:
        (await line.put(f"{shift.pms}/_simulator/faults", json=values)).raise_for_status()
