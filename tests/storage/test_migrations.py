"""The migrations make exactly the tables that the code speaks of, on both data bases, and lose no row."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import make_url

from innkeeper.access.tables import APPEND_ONLY_POSTGRESQL, APPEND_ONLY_SQLITE
from innkeeper.room_charge.tables import KEPT_POSTGRESQL, KEPT_SQLITE
from innkeeper.storage import migrate
from innkeeper.storage.database import Database
from tests.conftest import POSTGRESQL, all_tables, missing

_EXPRESSION_INDEX = "idx_qloapps_sync_state_last_successful"

pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore:autogenerate skipping")]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
async def empty(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """A data base without any table."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
        yield database
        await database.aclose()
        return
    name = f"innkeeper_migrations_{secrets.token_hex(4)}"
    try:
        admin = await asyncpg.connect(POSTGRESQL)
    except (OSError, asyncpg.PostgresError) as error:
        missing("PostgreSQL", str(error))
        raise AssertionError from error
    await admin.execute(f'CREATE DATABASE "{name}"')
    database = Database(make_url(POSTGRESQL).set(database=name).render_as_string(hide_password=False))
    try:
        yield database
    finally:
        await database.aclose()
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await admin.close()


async def test_migrations_make_what_the_tables_say(empty: Database) -> None:
    await migrate.upgrade(empty)
    async with empty.engine.connect() as connection:
        assert await connection.run_sync(_differences) == []


async def test_every_index_and_constraint_has_the_name_of_the_tables(empty: Database) -> None:
    await migrate.upgrade(empty)
    async with empty.engine.connect() as connection:
        found = await connection.run_sync(_names)
    wanted = {index.name for table in all_tables().tables.values() for index in table.indexes}
    assert wanted - found == set()


async def test_every_trigger_is_that_of_the_tables(empty: Database) -> None:
    await migrate.upgrade(empty)
    wanted = (*APPEND_ONLY_SQLITE, *KEPT_SQLITE) if empty.is_sqlite else (*APPEND_ONLY_POSTGRESQL, *KEPT_POSTGRESQL)
    made = (
        "SELECT sql FROM sqlite_master WHERE type = 'trigger'"
        if empty.is_sqlite
        else "SELECT prosrc FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid WHERE NOT tgisinternal"
    )
    async with empty.engine.connect() as connection:
        found = (await connection.execute(text(made))).scalars().all()
    assert len(found) == (4 if empty.is_sqlite else 2)
    assert [one for one in found if not any(one in statement for statement in wanted)] == []


async def test_upgrading_twice_changes_nothing_and_keeps_rows(empty: Database) -> None:
    await migrate.upgrade(empty)
    async with empty.engine.begin() as connection:
        await connection.execute(
            text("INSERT INTO leases (name, holder, until, fence) VALUES ('a', 'b', '2030-01-01 00:00:00', 1)")
        )
    await migrate.upgrade(empty)
    async with empty.engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM leases"))).scalar_one() == 1
    assert await migrate.problem(empty) is None


async def test_an_empty_data_base_is_told_as_a_problem(empty: Database) -> None:
    assert "db upgrade" in (await migrate.problem(empty) or "")


async def test_a_data_base_of_a_newer_release_is_refused(empty: Database) -> None:
    await migrate.upgrade(empty)
    async with empty.engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(migrate.SchemaNewer):
        await migrate.upgrade(empty)


def _differences(connection: Connection) -> list[Any]:
    # SQLite gives no expression back, so an index over one cannot be compared there; its name is, below.
    options = {"compare_type": False, "include_object": lambda _o, name, *_: name != _EXPRESSION_INDEX}
    context = MigrationContext.configure(connection, opts=options)
    return list(compare_metadata(context, all_tables()))


def _names(connection: Connection) -> set[str | None]:
    inspector = inspect(connection)
    names = {index["name"] for table in inspector.get_table_names() for index in inspector.get_indexes(table)}
    if connection.dialect.name == "sqlite":  # expression indexes are not reflected there
        names |= set(connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'index'")).scalars())
    return names


async def test_processes_that_start_together_take_turns(empty: Database) -> None:
    others = [Database(empty.url.render_as_string(hide_password=False)) for _ in range(3)]
    try:
        await asyncio.gather(*(migrate.upgrade(one) for one in (empty, *others)))
    finally:
        for one in others:
            await one.aclose()
    assert await migrate.problem(empty) is None
