"""Brings the schema up to date, forward only, and says when it is not."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from innkeeper.storage.database import Database

_SCRIPTS = Path(__file__).parent / "migrations"


class SchemaNewer(Exception):
    """The data base was written by a newer release; this one would not know what it reads."""


async def upgrade(database: Database) -> None:
    """Run the migrations that are missing, all in one transaction where the data base can.

    Raises SchemaNewer when the schema is ahead of this release.
    """
    async with database.engine.begin() as connection:
        await connection.run_sync(_upgrade)


async def problem(database: Database) -> str | None:
    """Return what is wrong with the schema in a sentence, None when it is what this release expects."""
    async with database.engine.connect() as connection:
        found = await connection.run_sync(_revision)
    wanted = ScriptDirectory(str(_SCRIPTS)).get_current_head()
    if found == wanted:
        return None
    return f"The schema is at {found or 'nothing'} and this release needs {wanted}: run `innkeeper db upgrade`."


def _upgrade(connection: Connection) -> None:
    scripts = ScriptDirectory(str(_SCRIPTS))
    found = _revision(connection)
    if found is not None and found not in {script.revision for script in scripts.walk_revisions()}:
        raise SchemaNewer(f"The data base is at {found}, which a newer release wrote; start that release.")
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
