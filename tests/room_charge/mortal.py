"""A process that can be killed at any commit and any request: all that it holds in memory is lost at that point."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.storage.database import Database, Tx
from tests.room_charge.world import Line

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
    """The data base as one process sees it."""

    def __init__(self, url: str, fate: Fate) -> None:
        super().__init__(url, pool_size=2)
        self.fate = fate

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        self.fate.passed("read")
        async with super().read() as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        self.fate.passed("begin")
        async with super().write() as tx:
            yield tx
            self.fate.passed("before commit")
        self.fate.passed("after commit")


class MortalLine(Line):
    """The wire to OPERA of one process."""

    def __init__(self, app: Any, fate: Fate) -> None:
        super().__init__(app=app)
        self.fate = fate

    async def handle_async_request(self, request: Any) -> Any:
        self.fate.passed("before request")
        response = await super().handle_async_request(request)
        self.fate.passed("after request")
        return response
