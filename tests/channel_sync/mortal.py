"""A process that can be killed at any commit and any request: all that it holds in memory is lost at that point."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import httpx2
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.simulators.qloapps.app import QloAppsApp
from innkeeper.storage.database import Database, Tx
from tests.channel_sync.inline_sqlite import use_inline
from tests.channel_sync.world import Wire

#: Where a process can die. What happens between two of these points leaves no trace outside of it.
POINTS = ("before commit", "after commit", "before request", "after request")


class Killed(BaseException):
    """The process is dead; nobody inside of it may catch this."""


class Fate:
    """Says when a process dies. Once it is dead, nothing that it touches does anything any more."""

    def __init__(self) -> None:
        self.dead = False
        self._point: str | None = None
        self._left = 0

    def decide(self, point: str | None, times: int = 0) -> None:
        """Die at the point when it has been passed `times` times; None lets the process live."""
        self._point, self._left = point, times

    def passed(self, point: str) -> None:
        """Note that the process is at the point. Raises Killed."""
        if not self.dead and point == self._point:
            self.dead = self._left == 0
            self._left -= 1
        if self.dead:
            raise Killed(point)


class MortalDatabase(Database):
    """The data base as one process sees it.

    The engines of an address are shared by all that are made for it, one after the other, since they remember nothing
    but how statements are spelled; their connections are closed with each.
    """

    _opened: ClassVar[dict[str, Database]] = {}

    def __init__(self, url: str, fate: Fate) -> None:
        if url not in self._opened:
            opened = self._opened[url] = Database(url, pool_size=2)
            for engine in (opened._reader, opened._writer):
                use_inline(engine.sync_engine)
        self.__dict__.update(self._opened[url].__dict__)
        self.subscribers, self.after_commit = [], []
        self.fate = fate

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """Open a reading transaction. Raises Killed."""
        self.fate.passed("read")
        async with super().read() as session:
            yield session

    @asynccontextmanager
    async def write(self, *, long: bool = False) -> AsyncIterator[Tx]:
        """Open a writing transaction, whose end may be the end of the process. Raises Killed."""
        self.fate.passed("begin")
        async with super().write(long=long) as tx:
            yield tx
            self.fate.passed("before commit")
        self.fate.passed("after commit")


class MortalWire(Wire):
    """The wire to the shop of one process; faults can be planned for any of its requests.

    `oversold` lists what a request of ours took from sale a second time, `writes` what was sent to change something.
    """

    def __init__(self, app: QloAppsApp, fate: Fate) -> None:
        super().__init__(app=app)
        self.shop = app
        self.fate = fate
        self.planned: dict[int, str] = {}
        self.sent = 0
        self.writes: list[str] = []
        self.oversold: list[str] = []

    def plan(self, faults: dict[int, str]) -> None:
        """Let these faults happen to the requests counted from the next one, 0."""
        self.planned = {self.sent + offset: name for offset, name in faults.items()}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises Killed, and ReadError where a real connection would have been reset."""
        self.fate.passed("before request")
        fault = self.planned.pop(self.sent, None)
        self.sent += 1
        if fault is not None:
            self.shop.dial.next(fault)
        what = f"{request.method} {request.url.path}"
        writes = request.method != "GET" and not request.url.path.endswith("/hotel_ari")
        before = _sold_twice(self.shop) if writes else {}
        if writes:
            self.writes.append(what)
        try:
            response = await super().handle_async_request(request)
        finally:
            if writes:
                after = _sold_twice(self.shop)
                self.oversold += [f"{what}: {night}" for night in after if after[night] > before.get(night, 1)]
        self.fate.passed("after request")
        return response


def _sold_twice(shop: QloAppsApp) -> dict[tuple[int, Any], int]:
    return {(room, night): len(lines) for room, night, lines in shop.state.double_bookings()}
