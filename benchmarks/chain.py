"""The two processes of a chain of hotels: the simulated shops of all, and one worker of ours that serves them."""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.houses import opened
from innkeeper import bootstrap
from innkeeper.simulators.faults import Receive, Scope, Send
from innkeeper.simulators.qloapps.actors import Guest, Stay
from innkeeper.simulators.qloapps.app import QloAppsApp
from innkeeper.simulators.qloapps.demo_shop import RoomTypeSpec, shop
from innkeeper.simulators.server import serve
from innkeeper.telemetry.logging import configure_logging

ROOMS = tuple(str(101 + n) for n in range(10))
STAYS_WITHIN = 300


class Shops:
    """Many shops behind one address, each below a path of its own: /0, /1, …"""

    def __init__(self, count: int) -> None:
        self.apps = []
        for _ in range(count):
            state = shop(RoomTypeSpec("Double Room", 100, ROOMS), clock=lambda: datetime.now(UTC))
            app = QloAppsApp(state)
            state.domain = None
            self.apps.append(app)
        self.requests: Counter[str] = Counter()
        self.dice = random.Random(20300103)

    def book(self) -> dict[str, Any]:
        """Let a guest book in any of the shops."""
        while True:
            number = self.dice.randrange(len(self.apps))
            state = self.apps[number].state
            arrival = date.today() + timedelta(days=self.dice.randrange(STAYS_WITHIN))  # noqa: DTZ011
            name = f"{number}.{len(state.orders)}"
            guest = Guest("Ada", "Lind", f"ada{name}@guest.example", f"+4930{number:05}{len(state.orders):03}")
            if state.back_office.import_bookings([(guest, Stay(1, arrival, arrival + timedelta(days=2)), "")]):
                return {"shop": number, "order_id": max(state.orders), "at": time.time()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request to its shop, and count it."""
        if scope["type"] == "lifespan":
            await self.apps[0](scope, receive, send)
            return
        _, number, rest = scope["path"].split("/", 2)
        self.requests[f"{scope['method']} {rest.split('/')[1] if '/' in rest else ''}"] += 1
        below = {**scope, "path": f"/{rest}", "raw_path": f"/{rest}".encode()}
        await self.apps[int(number)](below, receive, send)


async def _shops(count: int) -> None:
    """Serve; every line on standard input asks for something and is answered by one line."""
    app = Shops(count)
    async with serve(app) as running:
        print(running.url, flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            answer: Any = app.book() if line.strip() == "book" else dict(app.requests)
            print(json.dumps(answer), flush=True)


async def _work(folder: Path) -> None:
    """Work as `innkeeper worker` does; every line on standard input is answered with the processor time so far."""
    async with opened(folder) as container, bootstrap.background(container):
        print("ready", flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(time.process_time()), flush=True)


class Child:
    """One of the two processes, asked by lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._in, self._out = process, process.stdin, process.stdout

    async def line(self) -> str:
        """Return the next line that it says. Fails when it has ended."""
        text = (await self._out.readline()).decode().strip()
        assert text, "the process has ended"
        return text

    async def ask(self, what: str) -> Any:
        """Say a line and return the answer."""
        self._in.write(f"{what}\n".encode())
        await self._in.drain()
        return json.loads(await self.line())

    @classmethod
    @asynccontextmanager
    async def run(cls, what: str, argument: str) -> AsyncIterator["Child"]:
        """Run one of them until the block ends."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.chain", what, argument),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            yield cls(process)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


if __name__ == "__main__":
    configure_logging("json", level="ERROR")
    if sys.argv[1] == "shops":
        asyncio.run(_shops(int(sys.argv[2])))
    else:
        asyncio.run(_work(Path(sys.argv[2])))
