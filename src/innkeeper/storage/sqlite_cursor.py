"""Runs SQLite's statements where they are asked for, and leaves to the connection's thread only what may take long.

A statement of ours takes some ten microseconds. The driver's way to its thread and back takes ten times as long, and
longer still while the event loop is busy, since both then wait for the interpreter's lock in turn; with a dozen
statements in a reservation that was half of its time. What may wait stays in the thread: the write lock while another
process has it, the disk at COMMIT, whatever a transaction does that is opened as a long one, and a SELECT that turns
out to be a long one, which is given up here and begun again there.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Dialect, Engine, PoolProxiedConnection, event
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection, AsyncAdapt_aiosqlite_cursor
from sqlalchemy.util import EMPTY_DICT
from sqlalchemy.util.concurrency import await_

#: Steps of SQLite's virtual machine after which a SELECT counts as long; they take about a millisecond.
LONG = 100_000

#: Seconds a writer waits for the other processes' writers before SQLite gives up.
BUSY_SECONDS = 30

#: Work on the driver's own connection, in whichever thread.
Work = Callable[[sqlite3.Connection], "Answer"]


class Answer:
    """What is left of a statement's cursor once it is closed; SQLAlchemy reads these of its cursor."""

    __slots__ = ("arraysize", "description", "lastrowid", "rowcount", "rows")

    def __init__(self, cursor: sqlite3.Cursor | None = None) -> None:
        self.arraysize = 1
        self.description = cursor.description if cursor else None
        self.rows: Sequence[Any] = cursor.fetchall() if cursor and cursor.description else ()
        # Rows that a RETURNING gives count only once they are fetched.
        self.rowcount = cursor.rowcount if cursor else -1
        self.lastrowid = cursor.lastrowid if cursor else None


class NearCursor(AsyncAdapt_aiosqlite_cursor):
    """SQLAlchemy's cursor over aiosqlite: a statement is made, run, fetched whole and closed at once."""

    __slots__ = ()
    _adapt_connection: "NearConnection"

    def __init__(self, adapt_connection: "NearConnection") -> None:
        self._adapt_connection = adapt_connection
        self._connection = adapt_connection._connection
        self._cursor = Answer()  # type: ignore[assignment]
        self._soft_closed_memoized = EMPTY_DICT
        self._rows = deque()

    def execute(self, operation: Any, parameters: Any = None) -> None:
        """Run a statement. Raises as the driver does."""
        select = operation.startswith("SELECT")
        self._run(lambda driver: _answer(driver.execute(operation, parameters or ())), repeatable=select)

    def executemany(self, operation: Any, seq_of_parameters: Any) -> None:
        """Run a statement for each set of parameters. Raises as the driver does."""
        self._run(lambda driver: _answer(driver.executemany(operation, seq_of_parameters)), repeatable=False)

    def _run(self, work: Work, *, repeatable: bool) -> None:
        try:
            answer = self._adapt_connection.run(work, repeatable=repeatable)
        except ValueError as error:  # which is how the driver says that the connection is closed
            self._adapt_connection._handle_exception(error)
        self._cursor = answer  # type: ignore[assignment]
        self._rows = deque(answer.rows)

    async def _async_soft_close(self) -> None:
        """The statement's cursor is closed already."""

    def close(self) -> None:
        """Forget the rows that nobody fetched."""
        self._rows.clear()


class NearConnection(AsyncAdapt_aiosqlite_connection):
    """SQLAlchemy's connection over aiosqlite, with that cursor. BEGIN goes along with the first statement.

    While `long` is set, every statement runs in the thread; a new connection is, and the end of a transaction ends it.
    """

    __slots__ = ("_giving_up", "_opening", "_waits", "long")
    _cursor_cls: Any = NearCursor

    def __init__(self, dbapi: Any, connection: Any) -> None:
        super().__init__(dbapi, connection)
        self._opening = ""
        self._waits = False
        self._giving_up = False
        self.long = True
        connection._conn.set_progress_handler(lambda: self._giving_up, LONG)

    def begin(self, statement: str, *, waits: bool) -> None:
        """Begin a transaction with the next statement; `waits` says that there and at its end it may have to wait."""
        self._opening, self._waits = statement, waits

    def run(self, work: Work, *, repeatable: bool) -> Answer:
        """Do the work here, or in the thread where it may take long; a `repeatable` one may be done again there."""
        opening, self._opening = self._opening, ""
        driver: sqlite3.Connection = self._connection._conn
        if opening and not self._begin_here(driver, opening):
            return self._in_thread(lambda driver: _begun(driver, opening, work))
        if self.long:
            return self._in_thread(work)
        if not repeatable:
            return work(driver)
        self._giving_up = True
        try:
            return work(driver)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
        finally:
            self._giving_up = False
        return self._in_thread(work)

    def _begin_here(self, driver: sqlite3.Connection, opening: str) -> bool:
        """Begin the transaction unless that may take long, and say so; the write lock is free nearly always."""
        if self.long:
            return False
        if not self._waits:
            driver.execute(opening).close()
            return True
        driver.execute("PRAGMA busy_timeout=0").close()
        try:
            driver.execute(opening).close()
            return True
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            return False
        finally:
            driver.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}").close()

    def commit(self) -> None:
        """Commit, unless nothing was begun."""
        self._end(super().commit, sqlite3.Connection.commit)

    def rollback(self) -> None:
        """Roll back, unless nothing was begun."""
        self._end(super().rollback, sqlite3.Connection.rollback)

    def _end(self, in_thread: Callable[[], None], here: Callable[[sqlite3.Connection], None]) -> None:
        self._opening, self.long = "", False
        driver: sqlite3.Connection | None = self._connection._connection
        if driver is None or not driver.in_transaction:
            return
        if self._waits:
            in_thread()
        else:
            here(driver)

    def _in_thread(self, work: Work) -> Answer:
        driver: Any = self._connection
        answer: Answer = await_(driver._execute(lambda: work(driver._conn)))
        return answer


def _answer(cursor: sqlite3.Cursor) -> Answer:
    try:
        return Answer(cursor)
    finally:
        cursor.close()


def _begun(driver: sqlite3.Connection, opening: str, work: Work) -> Answer:
    driver.execute(opening).close()
    return work(driver)


def take_time(connection: PoolProxiedConnection) -> None:
    """Let the statements of the transaction that begins on this connection run in the thread, if it is SQLite's."""
    if isinstance(connection.dbapi_connection, NearConnection):
        connection.dbapi_connection.long = True


def run_near(engine: Engine) -> None:
    """Let the connections that this engine opens run their statements so."""

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Dialect, _record: Any, args: Any, options: Any) -> NearConnection:
        dbapi: Any = dialect.loaded_dbapi
        opened = dbapi.connect(*args, **{**options, "check_same_thread": False})
        return NearConnection(dbapi, opened._connection)
