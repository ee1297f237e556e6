"""SQLite in the event loop's own thread, for long runs of histories: two thirds of their time were thread switches.

Only for processes that do nothing else: a statement blocks the loop, and no other task runs between two statements. The
histories of `make check` run with the driver as it is.
"""

from collections.abc import Generator
from typing import Any

import aiosqlite.core


class _InlineQueue:
    """Does at once what is put into it; SQLAlchemy puts one thing there past the connection."""

    def put_nowait(self, item: tuple[Any, Any]) -> None:
        future, function = item
        result = function()
        if future is not None:
            future.set_result(result)


class InlineConnection(aiosqlite.core.Connection):
    """aiosqlite's connection without its thread."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tx = _InlineQueue()  # type: ignore[assignment]

    async def _execute(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        if not self._running or not self._connection:
            raise ValueError("Connection closed")
        return fn(*args, **kwargs)

    async def _connect(self) -> "InlineConnection":
        if self._connection is None:
            self._connection = self._connector()
        return self

    def __await__(self) -> Generator[Any, None, "InlineConnection"]:
        return self._connect().__await__()

    def stop(self) -> None:
        """There is no thread to stop."""
        self._running = False
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def install() -> None:
    """Use it for every connection that this process opens from now on."""
    aiosqlite.core.Connection = InlineConnection  # type: ignore[misc]
