"""What tests share: an empty data base of each kind, and the servers that happen to be there."""

import asyncio
import importlib
import importlib.util
import os
import pkgutil
import secrets
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import structlog
from fastapi.dependencies import models
from sqlalchemy import MetaData, create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import create_async_engine

import innkeeper
from innkeeper.storage.base import Base
from innkeeper.storage.database import Database, async_url

POSTGRESQL = os.environ.get("INNKEEPER_TEST_POSTGRESQL_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
RABBITMQ = os.environ.get("INNKEEPER_TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672/")


# Left to itself, structlog writes a traceback with all that its frames hold, which takes up to half a minute.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


@pytest.fixture(autouse=True)
def forget_apps() -> Iterator[None]:
    """Let go of a test's app and all that hangs on it: FastAPI remembers thousands of endpoints that it has seen."""
    yield
    for name, known in vars(models).items():
        if name.endswith("_cached"):
            known.cache_clear()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Everything of ours runs on asyncio."""
    return "asyncio"


def all_tables() -> MetaData:
    """Import every `innkeeper.*.tables` and return what they declare."""
    importlib.import_module("innkeeper.storage.outbox")
    for package in pkgutil.iter_modules(innkeeper.__path__, "innkeeper."):
        if package.ispkg and importlib.util.find_spec(f"{package.name}.tables"):
            importlib.import_module(f"{package.name}.tables")
    return Base.metadata


def missing(service: str, reason: str) -> None:
    """Skip the test with a word, or fail it where all services are required."""
    if os.environ.get("INNKEEPER_REQUIRE_SERVICES") == "1":
        pytest.fail(f"{service} is required and not there: {reason}")
    pytest.skip(f"needs {service}: {reason}")


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The schema in a file, made once; a copy of it costs a millisecond."""
    path = tmp_path_factory.mktemp("template") / "innkeeper.db"
    engine = create_engine(f"sqlite:///{path}")
    all_tables().create_all(engine)
    engine.dispose()
    return path


@pytest.fixture
def sqlite_url(_sqlite_template: Path, tmp_path: Path) -> str:
    """The address of an empty SQLite file with all tables."""
    path = tmp_path / "innkeeper.db"
    shutil.copy(_sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def _postgresql() -> Iterator[URL | str]:
    """A data base of this run alone with all tables; the reason, when there is no server."""
    server = make_url(POSTGRESQL).set(drivername="postgresql")
    name = f"innkeeper_test_{os.getpid()}_{secrets.token_hex(3)}"
    own = server.set(database=name)
    try:
        asyncio.run(_administer(server, f'CREATE DATABASE "{name}"'))
    except (OSError, asyncpg.PostgresError) as error:
        yield f"{server.host}:{server.port} says {error}"
        return
    try:
        # Nothing here needs to survive a power cut.
        asyncio.run(_administer(server, f'ALTER DATABASE "{name}" SET synchronous_commit = off'))
        asyncio.run(_create_tables(own))
        yield own
    finally:
        asyncio.run(_administer(server, f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
def postgresql_url(_postgresql: URL | str) -> str:
    """The address of a PostgreSQL data base with all tables, emptied."""
    if isinstance(_postgresql, str):
        missing("PostgreSQL", _postgresql)
        raise AssertionError
    # Deleting a few rows is much faster than truncating many tables.
    deletions = "".join(f'DELETE FROM "{table.name}";' for table in all_tables().sorted_tables)  # noqa: S608 - our own names
    asyncio.run(_administer(_postgresql, f"BEGIN; SET session_replication_role = replica; {deletions} COMMIT"))
    return _postgresql.render_as_string(hide_password=False)


async def _administer(url: URL, statements: str) -> None:
    connection = await asyncpg.connect(url.render_as_string(hide_password=False), timeout=10)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


async def _create_tables(url: URL) -> None:
    engine = create_async_engine(async_url(url.render_as_string(hide_password=False)))
    async with engine.begin() as connection:
        await connection.run_sync(all_tables().create_all)
    await engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of an empty data base with all tables, once of each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An empty data base with all tables, once of each kind."""
    opened = Database(database_url, pool_size=5)
    yield opened
    await opened.aclose()


@pytest.fixture
def rabbitmq_url() -> str:
    """The address of a RabbitMQ server; what a test declares there bears a name of its own and is deleted after it."""
    parsed = make_url(RABBITMQ)
    try:
        socket.create_connection((parsed.host or "127.0.0.1", parsed.port or 5672), timeout=2).close()
    except OSError as error:
        missing("RabbitMQ", f"{parsed.host}:{parsed.port} says {error}")
    return RABBITMQ
