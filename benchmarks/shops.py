"""Runs a simulated QloApps in a process of its own, with the acts and records that benchmarks need."""

import asyncio
import json
import os
import random
import sys
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx2

from innkeeper.simulators.faults import Message, Receive, Scope, Send, read_body
from innkeeper.simulators.qloapps.actors import Guest, Stay
from innkeeper.simulators.qloapps.app import QloAppsApp
from innkeeper.simulators.qloapps.demo_shop import RoomTypeSpec, shop
from innkeeper.simulators.qloapps.state import DEMO_KEY
from innkeeper.simulators.server import serve

KEY = DEMO_KEY
ROOM_TYPES, ROOMS_EACH = 20, 40

#: What a real QloApps 1.7.0 (PHP 8.2 with opcache, MariaDB, on the machine that asks it) takes for a list with the
#: fields that we ask for: seconds for any request, and for each row.
PACE_REQUEST = 0.014
PACE_ROW = {"orders": 0.000_108, "room_bookings": 0.000_050, "customers": 0.000_075}

#: Bookings lie within so many days from today, and were made within so many days before.
STAYS_WITHIN, BOOKED_WITHIN = 700, 360

_FIRST = (
    "Ada Alan Amelia Anders Anna Anton Bela Bruno Carla Carlos Chiara Clara Daniel David Dora Edith Elena Emil Emma "
    "Erik Eva Felix Fiona Frida Gabor Greta Hanna Hugo Ida Ines Ivan Jan Joana Johan Julia Karin Klara Lars Laura Lea "
    "Leon Lena Lucia Luis Magda Maria Marta Mateo Mia Milan Nadia Nils Nina Olga Oscar Otto Paula Pavel Petra Rita"
).split()
_BEGIN = "Al Ber Cas Dor El Far Gar Hol Ib Jan Kel Lor Mon Nor Ol Per Quin Ros Sal Tor Ul Var Wes Yar Zim".split()
_END = "aro berg camp dahl etti ford gren hart inger ko lund mann nes ova potter quist rova sen ti vik".split()


class _Clock:
    """The shop's clock: the real one, except while old bookings are made."""

    def __init__(self) -> None:
        self.past: datetime | None = None

    def __call__(self) -> datetime:
        return self.past or datetime.now(UTC)


class RecordingShop:
    """The shop as an application that notes when each request arrived; paths under /_bench/ are the benchmark's.

    A `paced` one answers no sooner than a real shop would.
    """

    def __init__(self, bookings: int, *, paced: bool = False) -> None:
        self.clock = _Clock()
        self.paced = paced
        types = [
            RoomTypeSpec(f"Type {n:02}", 80 + n, [f"{n + 1:02}{room:02}" for room in range(ROOMS_EACH)])
            for n in range(ROOM_TYPES)
        ]
        self.state = shop(*types, clock=self.clock)
        self.app = QloAppsApp(self.state)
        self.state.domain = None
        self.dice = random.Random(20300101)
        self.made = 0
        self.requests: list[tuple[float, str, str, str]] = []
        started = datetime.now(UTC) - timedelta(days=BOOKED_WITHIN)
        for number in range(bookings):
            self.clock.past = started + timedelta(days=BOOKED_WITHIN - 1) * number / bookings
            self.book()
        self.clock.past = None

    def book(self) -> dict[str, Any]:
        """Let a guest book, a tenth of them for the second time; return the order, the address and the moment."""
        while True:
            number = self.dice.randrange(self.made + 1) if self.dice.random() < 0.1 else self.made
            arrival = date.today() + timedelta(days=self.dice.randrange(STAYS_WITHIN))  # noqa: DTZ011
            stay = Stay(1 + self.dice.randrange(ROOM_TYPES), arrival, arrival + timedelta(days=self.dice.randint(1, 4)))
            guest = _guest(number)
            self.made += 1
            if self.state.back_office.import_bookings([(guest, stay, "")]):
                order = max(self.state.orders)
                return {"order_id": order, "email": guest.email, "at": time.time()}

    def check_in(self, count: int) -> None:
        """Let so many guests arrive: that stamps their room lines, not their orders."""
        waiting = [line for line in self.state.lines.values() if line.id_status == 1][:count]
        for line in waiting:
            self.state.back_office.check_in(line)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note the request and pass it on, or do what the benchmark asks."""
        if scope["type"] != "http" or not scope["path"].startswith("/_bench/"):
            await self._pass_on(scope, receive, send)
            return
        query = parse_qs(scope["query_string"].decode())
        count = int(query.get("count", ["1"])[0])
        answer: Any = None
        match scope["path"].removeprefix("/_bench/"):
            case "book":
                answer = [self.book() for _ in range(count)]
            case "check-in":
                self.check_in(count)
            case "requests":
                answer, self.requests = self.requests, []
        body = json.dumps(answer).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        arrived, body = time.time(), b""
        if scope["type"] == "http" and scope["method"] != "GET":
            body = await read_body(receive)

        async def again() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        if scope["type"] == "http":
            target = scope["path"] + "?" + scope["query_string"].decode()
            self.requests.append((arrived, scope["method"], target, body.decode("utf-8", "replace")))
        kept: list[Message] = []

        async def keep(message: Message) -> None:
            kept.append(message)

        await self.app(scope, again if body else receive, keep if self.paced else send)
        if self.paced:
            await asyncio.sleep(max(0.0, _pace(scope, kept) - (time.time() - arrived)))
            for message in kept:
                await send(message)


def _pace(scope: Scope, answer: Sequence[Message]) -> float:
    """Return the seconds that a real shop takes for this answer."""
    rows = sum(message.get("body", b"").count(b'"id":') for message in answer)
    resource = str(scope.get("path", "")).rstrip("/").rpartition("/")[2]
    return PACE_REQUEST + rows * PACE_ROW.get(resource, 0.0)


def _guest(number: int) -> Guest:
    dice = random.Random(number)
    first, last = dice.choice(_FIRST), dice.choice(_BEGIN) + dice.choice(_END)
    return Guest(first, last, f"{first}.{last}{number}@guest.example".lower(), f"+49301{number:07}")


@dataclass(frozen=True)
class Shop:
    """A running shop as the benchmark sees it."""

    url: str
    client: httpx2.AsyncClient

    async def book(self, count: int) -> list[dict[str, Any]]:
        """Let guests book; returns order_id, email and the moment (at, seconds since 1970) of each."""
        booked: list[dict[str, Any]] = await self._ask("book", count)
        return booked

    async def check_in(self, count: int) -> None:
        """Let guests arrive at the shop's own screens."""
        await self._ask("check-in", count)

    async def requests(self) -> list[tuple[float, str, str, str]]:
        """Return and forget the requests that arrived: when, method, path with query, body."""
        return [(at, verb, path, body) for at, verb, path, body in await self._ask("requests", 1)]

    async def _ask(self, what: str, count: int) -> Any:
        answer = await self.client.post(f"{self.url}/_bench/{what}?count={count}")
        return answer.raise_for_status().json()


@asynccontextmanager
async def open_shop(bookings: int = 0, *, paced: bool = False) -> AsyncIterator[Shop]:
    """Run a shop that has so many bookings, until the block ends; a `paced` one takes as long as a real one."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.shops", str(bookings), *(["paced"] if paced else [])),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().strip()
        assert url, "the shop did not open"
        async with httpx2.AsyncClient(timeout=120, trust_env=False) as client:
            yield Shop(url, client)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def end_with_parent() -> None:
    """Let this process end when the one that started it is gone."""

    def wait() -> None:
        while os.read(0, 1024):
            pass
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


async def _serve(bookings: int, *, paced: bool) -> None:
    app = RecordingShop(bookings, paced=paced)
    async with serve(app) as running:
        print(running.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    end_with_parent()
    asyncio.run(_serve(int(sys.argv[1]), paced="paced" in sys.argv[2:]))
