"""Brings the schema up to date, forward only, and says when it is not."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from innkeeper.storage.database import Database

_SCRIPTS = Path(__file__).parent / "migrations"

#: Revisions are the four digits that a script's name begins with; they follow each other without branches.
REVISIONS = tuple(sorted(path.name[:4] for path in (_SCRIPTS / "versions").glob("[0-9]*.py")))
HEAD = REVISIONS[-1]


#: Held on PostgreSQL until the transaction ends by whoever prepares the data base at a start.
TAKE_TURNS = text("SELECT pg_advisory_xact_lock(4815162342)")


class SchemaNewer(Exception):
    """The data base was written by a newer release; this one would not know what it reads."""


async def upgrade(database: Database) -> None:
    """Run the migrations that are missing, all in one transaction; processes that start together take turns.

    Raises SchemaNewer when the schema is ahead of this release.
    """
    async with database.engine.begin() as connection:
        if not database.is_sqlite:  # SQLite's BEGIN has taken the only write lock already
            await connection.execute(TAKE_TURNS)
        await connection.run_sync(_upgrade)


async def problem(database: Database) -> str | None:
    """Return what is wrong with the schema in a sentence, None when it is what this release expects."""
    async with database.engine.connect() as connection:
        found = await connection.run_sync(_revision)
    if found == HEAD:
        return None
    return f"The schema is at {found or 'nothing'} and this release needs {HEAD}: run `innkeeper db upgrade`."


async def refuse_newer(database: Database) -> None:
    """Raises SchemaNewer when the schema is ahead of this release."""
    async with database.engine.connect() as connection:
        await connection.run_sync(_known_revision)


def _known_revision(connection: Connection) -> str | None:
    found = _revision(connection)
    if found is not None and found not in REVISIONS:
        raise SchemaNewer(f"The data base is at {found}, which a newer release wrote; start that release.")
    return found


def _upgrade(connection: Connection) -> None:
    if _known_revision(connection) == HEAD:
        return
    # Starting where nothing has to be done is the usual case, and Alembic takes a third of a second to load.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
