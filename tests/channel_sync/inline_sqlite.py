"""SQLite in the event loop's own thread, for histories: two thirds of their time were thread switches.

A statement blocks the loop, and no other task runs between two statements. The rest of the tests run with the driver as
it is.
"""

import sqlite3
from collections.abc import Generator
from typing import Any

import aiosqlite.core
from sqlalchemy import Dialect, Engine, event


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


def connect(database: Any, **options: Any) -> InlineConnection:
    """Return a connection to the file; the options are those of sqlite3."""
    return InlineConnection(lambda: sqlite3.connect(database, **options), 64)


def use_inline(engine: Engine) -> None:
    """Let the connections that this engine opens from now on have no thread."""

    @event.listens_for(engine, "do_connect", insert=True)
    def choose(_dialect: Dialect, _record: Any, _args: Any, options: dict[str, Any]) -> None:
        options["async_creator_fn"] = connect
