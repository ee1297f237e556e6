"""A cursor for SQLite that visits the connection's thread once a statement instead of four times.

The driver's own cursor goes there to be made, to execute, to fetch and to be closed; each visit costs more than most of
our statements. The rows are fetched whole either way, so that nothing is lost by doing all four in one visit. It also
leaves no statement open when the task that waits for it is cancelled. BEGIN goes along with the first statement.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Dialect, Engine, event
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection, AsyncAdapt_aiosqlite_cursor
from sqlalchemy.util import EMPTY_DICT


class _Answer:
    """What is left of a statement's cursor once it is closed; SQLAlchemy reads these of its cursor."""

    __slots__ = ("arraysize", "description", "lastrowid", "rowcount", "rows")

    def __init__(self, cursor: sqlite3.Cursor | None = None) -> None:
        self.arraysize = 1
        self.description = cursor.description if cursor else None
        self.rows: Sequence[Any] = cursor.fetchall() if cursor and cursor.description else ()
        # Rows that a RETURNING gives count only once they are fetched.
        self.rowcount = cursor.rowcount if cursor else -1
        self.lastrowid = cursor.lastrowid if cursor else None


class OneVisitCursor(AsyncAdapt_aiosqlite_cursor):
    """SQLAlchemy's cursor over aiosqlite, with one visit a statement."""

    __slots__ = ()

    def __init__(self, adapt_connection: AsyncAdapt_aiosqlite_connection) -> None:
        self._adapt_connection = adapt_connection
        self._connection = adapt_connection._connection
        self._cursor = _Answer()  # type: ignore[assignment]
        self._soft_closed_memoized = EMPTY_DICT
        self._rows = deque()

    async def _execute_async(self, operation: Any, parameters: Any) -> None:
        await self._visit(lambda connection: connection.execute(operation, parameters or ()))

    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> None:
        await self._visit(lambda connection: connection.executemany(operation, seq_of_parameters))

    async def _visit(self, run: Callable[[sqlite3.Connection], sqlite3.Cursor]) -> None:
        driver: Any = self._connection
        opening = self._adapt_connection.take_opening()  # type: ignore[attr-defined]  # it is our own connection

        def work() -> _Answer:
            if opening:
                driver._conn.execute(opening).close()
            cursor = run(driver._conn)
            try:
                return _Answer(cursor)
            finally:
                cursor.close()

        async with self._adapt_connection._execute_mutex:
            answer = await driver._execute(work)
        self._cursor = answer
        self._rows = deque(answer.rows)

    async def _async_soft_close(self) -> None:
        """The statement's cursor is closed already."""

    def close(self) -> None:
        """Forget the rows that nobody fetched."""
        self._rows.clear()


class OneVisitConnection(AsyncAdapt_aiosqlite_connection):
    """SQLAlchemy's connection over aiosqlite, with that cursor."""

    __slots__ = ("_opening",)
    _cursor_cls: Any = OneVisitCursor

    def __init__(self, dbapi: Any, connection: Any) -> None:
        super().__init__(dbapi, connection)
        self._opening = ""

    def begin(self, statement: str) -> None:
        """Begin a transaction with the next statement, in the same visit."""
        self._opening = statement

    def take_opening(self) -> str:
        """Return what must be said before the next statement, once."""
        opening, self._opening = self._opening, ""
        return opening

    def commit(self) -> None:
        """Commit, unless nothing was said."""
        if not self.take_opening():
            super().commit()

    def rollback(self) -> None:
        """Roll back, unless nothing was said."""
        if not self.take_opening():
            super().rollback()


def visit_once(engine: Engine) -> None:
    """Let the connections that this engine opens use the cursor."""

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Dialect, _record: Any, args: Any, options: Any) -> OneVisitConnection:
        dbapi: Any = dialect.loaded_dbapi
        opened = dbapi.connect(*args, **options)
        return OneVisitConnection(dbapi, opened._connection)
