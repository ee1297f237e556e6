"""The migrations make exactly the tables that the code speaks of, on both data bases, and lose no row."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from sqlalchemy import JSON, Connection, MetaData, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.types import TypeEngine

from innkeeper.access.tables import APPEND_ONLY_POSTGRESQL, APPEND_ONLY_SQLITE
from innkeeper.channel_sync.tables import Config
from innkeeper.domain.ids import DEFAULT_PROPERTY
from innkeeper.room_charge.settings import OUTLETS, Outlet
from innkeeper.room_charge.tables import KEPT_POSTGRESQL, KEPT_SQLITE, PmsConfig
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
    async with empty.look() as plain:
        found = (await plain.scalars(text(made))).all()
    assert len(found) == (4 if empty.is_sqlite else 2)
    assert [one for one in found if not any(one in statement for statement in wanted)] == []


async def test_upgrading_twice_changes_nothing_and_keeps_rows(empty: Database) -> None:
    await migrate.upgrade(empty)
    async with empty.write() as tx:
        await tx.plain.execute(
            text("INSERT INTO leases (name, holder, until, fence) VALUES ('a', 'b', '2030-01-01 00:00:00', 1)")
        )
    await migrate.upgrade(empty)
    async with empty.look() as plain:
        assert await plain.scalar(text("SELECT count(*) FROM leases")) == 1
    assert await migrate.problem(empty) is None


async def test_an_empty_data_base_is_told_as_a_problem(empty: Database) -> None:
    assert "db upgrade" in (await migrate.problem(empty) or "")


async def test_a_data_base_of_a_newer_release_is_refused(empty: Database) -> None:
    await migrate.upgrade(empty)
    async with empty.write() as tx:
        await tx.plain.execute(text("UPDATE alembic_version SET version_num = '9999'"))
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


#: The specification's names of constraints and defaults of columns, phase 1.
_SPECIFIED = {
    "qloapps_config": (
        {"unique_property_config"},
        {
            "property_id": "00000000-0000-0000-0000-000000000001",
            "sync_interval_minutes": "15",
            "sync_enabled": "true",
            "sync_reservations_inbound": "true",
            "sync_reservations_outbound": "true",
            "sync_availability": "true",
            "sync_rates": "true",
            "consecutive_failures": "0",
            "created_at": "current_timestamp",
            "updated_at": "current_timestamp",
        },
    ),
    "qloapps_room_type_mappings": (
        {"unique_local_room_type", "unique_qloapps_product", "check_sync_direction"},
        {"sync_direction": "bidirectional", "is_active": "true", "created_at": "current_timestamp"},
    ),
    "qloapps_reservation_mappings": (
        {"unique_local_reservation", "unique_qloapps_order", "check_source"},
        {"source": "local", "has_conflict": "false", "updated_at": "current_timestamp"},
    ),
    "qloapps_customer_mappings": (
        # A guest may be several customers there, so unique_local_guest is an index.
        {"unique_qloapps_customer", "check_match_method"},
        {"match_method": "email", "confidence_score": "1.00"},
    ),
    "qloapps_sync_state": (
        {"check_status", "check_sync_type"},
        {
            "items_processed": "0",
            "items_created": "0",
            "items_updated": "0",
            "items_failed": "0",
            "retry_count": "0",
            "created_at": "current_timestamp",
        },
    ),
    "qloapps_sync_logs": ({"check_direction", "check_operation"}, {"created_at": "current_timestamp"}),
}


async def test_constraints_and_defaults_are_those_of_the_specification(empty: Database) -> None:
    await migrate.upgrade(empty)
    async with empty.engine.connect() as connection:
        for table, (names, defaults) in _SPECIFIED.items():
            assert names - await connection.run_sync(_constraints, table) == set()
            found = await connection.run_sync(_defaults, table)
            assert {column: found[column] for column in defaults} == defaults


async def test_row_that_leaves_out_what_has_a_default_is_kept(empty: Database) -> None:
    await migrate.upgrade(empty)
    async with empty.engine.begin() as connection:
        await connection.run_sync(_fill, ("hotel_settings",))
        insert = text("INSERT INTO qloapps_config (base_url, api_key_encrypted, qloapps_hotel_id) VALUES ('u', 'k', 1)")
        await connection.run_sync(lambda inside: inside.execute(insert))
    all_tables()  # a column that refers to a table is of its type only once that table is known
    async with empty.read() as session:
        config = (await session.scalars(select(Config))).one()
    assert (config.property_id, config.sync_interval_minutes, config.sync_rates) == (DEFAULT_PROPERTY, 15, True)
    assert (config.conflict_policy, config.guest_match_threshold) == ({"default": "newest"}, Decimal("0.85"))
    assert abs(config.created_at - datetime.now(UTC)) < timedelta(days=1)


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection")
async def test_upgrade_of_a_filled_data_base_keeps_every_row_and_makes_the_same_tables(empty: Database) -> None:
    async with empty.engine.begin() as connection:
        await connection.run_sync(_upgrade_to, "0004")
    async with empty.engine.begin() as connection:
        await connection.run_sync(_fill)
        before = await connection.run_sync(_rows)
    assert all(before[table] for table in _SPECIFIED)
    await migrate.upgrade(empty)
    async with empty.engine.connect() as connection:
        after = await connection.run_sync(_rows)
        for table, rows in before.items():  # later releases add columns of their own
            assert [{name: row[name] for name in rows[0]} for row in after[table]] == rows
        upgraded = await connection.run_sync(_schema)
    async with empty.engine.begin() as connection:
        await connection.run_sync(_drop_all)
        await connection.run_sync(all_tables().create_all)
        made = await connection.run_sync(_schema)
    for table, parts in made.items():
        for part, wanted in parts.items():
            assert upgraded[table][part] == wanted


#: One row a table of the channel, and what it stands on; the rest of each row is made up.
_ROWS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("hotel_settings", {"id": 1, "timezone": "UTC"}),
    ("room_types", {"id": 2, "property_id": 1}),
    ("guests", {"id": 3, "property_id": 1}),
    ("reservations", {"id": 4, "property_id": 1, "primary_guest_id": 3, "status": "Confirmed"}),
    ("qloapps_config", {"id": 5, "property_id": 1, "mode": "live", "sync_interval_minutes": 20}),
    (
        "qloapps_room_type_mappings",
        {"id": 6, "property_id": 1, "local_room_type_id": 2, "sync_direction": "inbound", "is_active": False},
    ),
    (
        "qloapps_reservation_mappings",
        {"id": 7, "property_id": 1, "local_reservation_id": 4, "source": "ota", "status": "synced"},
    ),
    ("qloapps_customer_mappings", {"id": 8, "property_id": 1, "local_guest_id": 3, "match_method": "phone"}),
    (
        "qloapps_sync_state",
        {"id": 9, "property_id": 1, "sync_type": "qloapps_full_sync", "status": "completed", "items_created": 2},
    ),
    (
        "qloapps_sync_logs",
        {"id": 10, "property_id": 1, "sync_state_id": 9, "direction": "inbound", "operation": "create"},
    ),
)


def _fill(connection: Connection, tables: Collection[str] = tuple(name for name, _ in _ROWS)) -> None:
    known = MetaData()
    known.reflect(connection, only=list(tables))
    for name, given in _ROWS:
        if name not in tables:
            continue
        columns = known.tables[name].columns
        row = {each.name: _something(each.type) for each in columns if not each.nullable}
        for column, value in given.items():
            is_key = column == "id" or column.endswith("_id")
            row[column] = _identifier(connection, value) if is_key else value
        connection.execute(known.tables[name].insert().values(row))


def _identifier(connection: Connection, number: int) -> Any:
    return UUID(int=number).hex if connection.dialect.name == "sqlite" else UUID(int=number)


def _something(kind: TypeEngine[Any]) -> Any:
    if isinstance(kind, JSON):
        return {}
    usual = {str: "x", bool: True, datetime: datetime(2030, 6, 1, tzinfo=UTC), date: date(2030, 6, 1), time: time(15)}
    return usual.get(kind.python_type, 1)


def _upgrade_to(connection: Connection, revision: str) -> None:
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _rows(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    tables = [name for name in inspect(connection).get_table_names() if name in _SPECIFIED or name == "hotel_settings"]
    every = {name: connection.execute(text(f"SELECT * FROM {name}")).mappings() for name in tables}  # noqa: S608
    return {name: [dict(row) for row in rows] for name, rows in every.items()}


def _constraints(connection: Connection, table: str) -> set[str | None]:
    inspector = inspect(connection)
    found = [*inspector.get_check_constraints(table), *inspector.get_unique_constraints(table)]
    return {each["name"] for each in found}


def _defaults(connection: Connection, table: str) -> dict[str, str]:
    """Return the defaults as the specification writes them, on either data base."""
    found = {}
    for column in inspect(connection).get_columns(table):
        written = str(column["default"] or "").partition("::")[0].strip("()'").lower()
        kind = str(column["type"])
        if kind == "BOOLEAN":
            written = {"0": "false", "1": "true"}.get(written, written)
        elif connection.dialect.name == "sqlite" and kind == "BIGINT" and written:
            written = f"{Decimal(written) / 10_000:.2f}"
        elif kind == "CHAR(32)" and written.startswith("0"):
            written = str(UUID(written))
        found[column["name"]] = written
    return found


def _schema(connection: Connection) -> dict[str, Any]:
    """Return all that can be known of the channel's tables, in an order of its own."""
    inspector = inspect(connection)
    return {
        table: {
            "columns": sorted(
                (each["name"], str(each["type"]), each["nullable"], str(each["default"]))
                for each in inspector.get_columns(table)
            ),
            "checks": sorted((str(each["name"]), each["sqltext"]) for each in inspector.get_check_constraints(table)),
            "unique": sorted(
                (str(each["name"]), each["column_names"]) for each in inspector.get_unique_constraints(table)
            ),
            "foreign": sorted(
                (str(each["name"]), each["constrained_columns"], each["referred_table"], str(each["options"]))
                for each in inspector.get_foreign_keys(table)
            ),
            "indexes": sorted(_index_texts(connection, table)),
        }
        for table in _SPECIFIED
    }


def _index_texts(connection: Connection, table: str) -> list[str]:
    if connection.dialect.name == "sqlite":
        query = "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = :table AND sql IS NOT NULL"
    else:
        query = "SELECT indexdef FROM pg_indexes WHERE tablename = :table"
    return [" ".join(one.split()) for one in connection.execute(text(query), {"table": table}).scalars()]


def _drop_all(connection: Connection) -> None:
    everything = MetaData()
    everything.reflect(connection)
    everything.drop_all(connection)


async def test_outlets_that_were_implied_are_written_down_and_others_lose_their_blanks(empty: Database) -> None:
    (added,) = (path.name[:4] for path in migrate._SCRIPTS.glob("versions/*_charge_seals.py"))
    before = migrate.REVISIONS[migrate.REVISIONS.index(added) - 1]
    outlets = {
        "00000000000000000000000000000001": "[]",
        "00000000000000000000000000000002": '[{"code":" X ","name":"Y"}]',
    }
    async with empty.engine.begin() as connection:
        await connection.run_sync(_settings_before, before, outlets)
    await migrate.upgrade(empty)
    async with empty.read() as session:
        rows = await session.scalars(select(PmsConfig.outlets).order_by(PmsConfig.property_id))
        found = list(rows)
    assert [Outlet.model_validate(one) for one in found[0]] == list(OUTLETS)
    assert found[1] == [{"code": "X", "name": "Y"}]


_PROPERTY = text(
    "INSERT INTO hotel_settings (id, name, timezone, currency, check_in_time, check_out_time, business_date,"
    " tax_included, tax_rate, next_confirmation, next_folio, created_at, updated_at) VALUES (:id, 'Inn', 'UTC', 'EUR',"
    " '15:00', '11:00', '2030-06-01', true, 0, 1, 1, '2030-01-01', '2030-01-01')"
)
_CONFIG = text(
    "INSERT INTO pms_config (location_id, pms_type, api_url, property_code, auto_post, require_signature,"
    " signature_threshold, max_retries, retry_interval_minutes, options, outlets, is_active, created_at, updated_at)"
    " VALUES (:id, 'house', '', '', true, false, 0, 3, 5, '{}', :outlets, true, '2030-01-01', '2030-01-01')"
)


def _settings_before(connection: Connection, revision: str, outlets: Mapping[str, str]) -> None:
    """Bring the schema to an earlier revision and put settings with these outlets into it."""
    _upgrade_to(connection, revision)
    for number, stored in outlets.items():
        connection.execute(_PROPERTY, {"id": number})
        connection.execute(_CONFIG, {"id": number, "outlets": stored})
