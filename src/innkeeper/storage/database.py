"""Opens the data base and hands out transactions; the only place that commits."""

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, CursorResult, Executable, ScalarResult, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlalchemy.util.concurrency import in_greenlet

from innkeeper.storage.bulk import insert_all
from innkeeper.storage.outbox import Event, EventRow
from innkeeper.storage.sqlite_cursor import BUSY_SECONDS, run_near, take_time
from innkeeper.storage.types import written_json

#: What a subscriber does inside the transaction that makes the change: put a row, never call out.
Subscriber = Callable[["Tx", Event], Awaitable[None]]

#: The values of a statement's parameters.
Values = Mapping[str, Any]

#: How a transaction begins on SQLite: one that writes waits for the write lock at once.
READING, WRITING = "BEGIN", "BEGIN IMMEDIATE"

#: Memory for pages of the data base, in KiB, of the one connection that writes and of each that reads. SQLite's own
#: measure, 2000, makes the indexes of a hundred thousand guests slow to fill.
_WRITER_CACHE, _READER_CACHE = 16_000, 2_000

#: What PostgreSQL says by a code to somebody whom it does not let in.
_REFUSALS = {
    "28000": "it does not let this user in",
    "28P01": "it refuses the name or the password",
    "3D000": "it has no data base of that name",
    "53300": "it has too many connections already",
    "57P03": "it is starting or stopping",
}

#: A connection to PostgreSQL that nobody used for so long may have been closed by a firewall or a restart.
_IDLE_SECONDS = 5.0


class Plain:
    """Runs plain statements on a connection: rows in, rows out, no objects in between, for what somebody waits for."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.backend = connection.dialect.name
        # not the connection's own execute, which takes it for a mistake when a statement had nothing to wait for
        self._run = connection.run_sync

    async def execute(
        self, statement: Executable, values: Values | Sequence[Values] | None = None
    ) -> CursorResult[Any]:
        """Run a statement, for each of several values if a sequence is given, and return its rows."""
        return await self._run(Connection.execute, statement, values)

    async def scalar(self, statement: Executable, values: Values | None = None) -> Any:
        """Return the first column of the first row, None when there is none."""
        return await self._run(Connection.scalar, statement, values)

    async def scalars(self, statement: Executable, values: Values | None = None) -> ScalarResult[Any]:
        """Return the first column of each row."""
        return await self._run(Connection.scalars, statement, values)


#: What runs a statement without objects: `Plain`, or a session where objects are at work too.
Statements = Plain | AsyncSession


class Tx:
    """One transaction. What is announced in it is told to the subscribers in the same transaction.

    `has_jobs` and `has_events` say that it leaves work or news behind; whoever puts such rows sets them, so that a
    commit wakes only those for whom there is something. Whatever is `plain` needs no objects.
    """

    def __init__(self, connection: AsyncConnection, database: "Database") -> None:
        self.plain = Plain(connection)
        self._connection = connection
        self._session: AsyncSession | None = None
        self.has_jobs = self.has_events = False
        self._database = database
        self._last: list[Callable[[], Awaitable[None]]] = []

    def before_commit(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` as the last thing of this transaction, so that a row many wait for is held only briefly."""
        self._last.append(work)

    @property
    def session(self) -> AsyncSession:
        """The objects of this transaction; made at its first use, since plain statements do without."""
        if self._session is None:
            self._session = AsyncSession(
                self._connection, expire_on_commit=False, join_transaction_mode="rollback_only"
            )
        return self._session

    async def finish(self) -> None:
        """Do what was kept for the end and write what was changed; `Database.write` calls it before it commits."""
        for work in self._last:
            await work()
        if self._session is not None:
            await self._session.flush()

    async def aclose(self) -> None:
        """Let go of the objects; what becomes of the transaction is not decided here."""
        if self._session is not None:
            await self._session.close()

    async def announce(self, announced: Event) -> None:
        """Write the event's row and let each subscriber put its own rows beside it."""
        self.has_events = True
        self.session.add(EventRow(**_columns(announced)))
        for subscriber in self._database.subscribers:
            await subscriber(self, announced)

    async def announce_all(self, announced: Sequence[Event]) -> None:
        """Do as `announce` does for each of many changes, with one statement for the rows."""
        if announced:
            self.has_events = True
            await insert_all(self.session, [EventRow.loose(**_columns(each)) for each in announced])
        for subscriber in self._database.subscribers:
            for each in announced:
                await subscriber(self, each)


def _columns(announced: Event) -> dict[str, Any]:
    return {
        "name": announced.name,
        "property_id": announced.property_id,
        "entity_id": announced.entity_id,
        "origin": announced.origin,
        "payload": announced.payload,
    }


class Unreachable(Exception):
    """The data base does not answer; the text says why in a sentence for a person, without a password."""


class Database:
    """The data base of an installation: `read()`, `look()` and `write()` are the only ways in.

    On SQLite there is one writing connection a process, which takes the write lock at BEGIN, so that a transaction
    never finds out at its end that another one was faster. On PostgreSQL both ways share one pool.
    """

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = async_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self._reader = _sqlite_engine(self.url, pool_size, begin=READING)
            self._writer = _sqlite_engine(self.url, 1, begin=WRITING)
        else:
            # none beyond the pool: one that is closed after its use costs a new process there, which knows no plan
            self._writer = create_async_engine(
                self.url, pool_size=2 * pool_size, max_overflow=0, hide_parameters=True, json_serializer=written_json
            )
            _ask_idle_connections(self._writer)
            # each statement of a reader sees what is committed by then, in a transaction or not; without one, it is
            # one visit instead of three
            self._reader = self._writer.execution_options(isolation_level="AUTOCOMMIT")
        self._reading = async_sessionmaker(self._reader, expire_on_commit=False)
        self.subscribers: list[Subscriber] = []
        self.after_commit: list[Callable[[Tx], None]] = []

    @property
    def engine(self) -> AsyncEngine:
        """The writing engine, for migrations and checks."""
        return self._writer

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction that sees one state of the data base and is rolled back at its end."""
        async with self._reading() as session:
            yield session

    @asynccontextmanager
    async def look(self) -> AsyncIterator[Plain]:
        """Do as `read` does, for plain statements."""
        async with _lent(self._reader) as connection:
            yield Plain(connection)

    @asynccontextmanager
    async def write(self, *, long: bool = False) -> AsyncIterator[Tx]:
        """Open a transaction that commits when the block ends without an error. Nothing outside is awaited inside.

        A `long` one changes many rows with one statement, and lets others be served meanwhile.
        """
        # Whoever gets no connection has done nothing. On SQLite BEGIN IMMEDIATE goes with the first statement, so that
        # the lock is there before anything is read.
        async with _lent(self._writer) as connection, connection.begin():
            if long:
                take_time(await connection.get_raw_connection())
            tx = Tx(connection, self)
            try:
                yield tx
                await tx.finish()
            finally:
                await tx.aclose()
        for wake in self.after_commit:
            wake(tx)
        # whoever waits for the writing connection comes before this task, which may want it again at once
        await asyncio.sleep(0)

    async def ping(self) -> None:
        """Raise DBAPIError or OSError when the data base does not answer."""
        async with self.read() as session:
            await session.execute(text("SELECT 1"))

    async def reach(self) -> None:
        """Return when the data base answers. Raises Unreachable, which says why it does not."""
        try:
            await self.ping()
        except (SQLAlchemyError, OSError) as error:
            place = self.url.database if self.is_sqlite else f"{self.url.host or 'localhost'}:{self.url.port or 5432}"
            raise Unreachable(
                f"The data base at {place} does not answer: {why(error)}. "
                "See that it runs, and that INNKEEPER_DATABASE_URL is its address."
            ) from error

    async def aclose(self) -> None:
        """Close all connections."""
        await self._reader.dispose()
        await self._writer.dispose()


@asynccontextmanager
async def _lent(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Take a connection from the pool and give it back.

    Its own context would close it in a task apart, lest a cancelled one leave it open; but by then nothing is open any
    more, so that there is nothing to wait for and nothing that could be cancelled.
    """
    connection = await engine.connect()
    try:
        yield connection
    finally:
        await connection.close()


def async_url(url: str) -> URL:
    """Return the address with the asynchronous driver that we use for it."""
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return parsed.set(drivername="sqlite+aiosqlite")
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+asyncpg")
    raise ValueError(f"{backend} is not supported; use sqlite:///… or postgresql://…")


def sqlite_url(folder: Path) -> str:
    """Return the address of the data base file inside a data folder."""
    return f"sqlite:///{folder.resolve() / 'innkeeper.db'}"


def why(error: BaseException) -> str:
    """Return in a few words why a data base or a server does not answer, without an address or a password."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    driver = error.__cause__ or error
    state = getattr(driver, "sqlstate", None)
    if state in _REFUSALS:
        return _REFUSALS[state]
    if isinstance(driver, TimeoutError):
        return "it takes too long"
    if isinstance(driver, OSError):
        known = driver.errno is not None and driver.errno > 0  # the resolver's own numbers are below zero
        return (os.strerror(driver.errno or 0) if known else driver.strerror or "no connection").lower()
    if isinstance(driver, sqlite3.Error):
        return str(driver)
    return type(driver).__name__


def is_contention(error: DBAPIError) -> bool:
    """Whether the transaction only lost a race (serialisation, deadlock, lock timeout) and may be run again."""
    code = getattr(error.orig, "sqlstate", None)
    return code in ("40001", "40P01", "55P03") or "database is locked" in str(error.orig)


def _ask_idle_connections(engine: AsyncEngine) -> None:
    """Ask a connection that was idle for a while whether it lives; asking each time costs as much as a statement."""

    @event.listens_for(engine.sync_engine, "checkin")
    def _note(_connection: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def _ask(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("used", time.monotonic()) > _IDLE_SECONDS:
            try:
                alive = engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error:
                alive = False
            if not alive:
                raise DisconnectionError("The connection is gone.")


def _sqlite_engine(url: URL, size: int, *, begin: str) -> AsyncEngine:
    engine = create_async_engine(
        url,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=size,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        connect_args={"timeout": BUSY_SECONDS},
        hide_parameters=True,
        json_serializer=written_json,
    )

    run_near(engine.sync_engine)
    cache = f"cache_size=-{_WRITER_CACHE if begin == WRITING else _READER_CACHE}"

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY", cache):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
        connection.long = False

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        connection.connection.dbapi_connection.begin(begin, waits=begin == WRITING)

    @event.listens_for(engine.sync_engine, "invalidate")
    def _let_go(connection: Any, _record: Any, _error: BaseException | None) -> None:
        # A task that is cancelled inside a statement leaves it open, and SQLite then keeps the write lock even after
        # close(), for as long as somebody holds the exception's traceback.
        if connection is not None and in_greenlet():
            connection.run_async(lambda driver: asyncio.shield(driver.rollback()))

    return engine
