"""The data base itself keeps a signed day as it was signed, and notes that somebody was told of what came after."""

import sqlalchemy as sa
from alembic import op

from innkeeper.storage.types import Instant

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_SIGNED = (
    "property_id",
    "date",
    "revision",
    "report",
    "sha256",
    "balanced",
    "note",
    "signed_off_by",
    "signed_off_role",
    "signed_off_at",
    "id",
)
_REFUSAL = "a signed day is kept as it was signed"


def upgrade() -> None:
    """Add the column, then the triggers that let only it and one reopening be written."""
    op.add_column("reconciliations", sa.Column("told_at", Instant(), nullable=True))
    if op.get_bind().dialect.name == "sqlite":
        _keep_on_sqlite()
    else:
        _keep_on_postgresql()


def _keep_on_sqlite() -> None:
    changed = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in _SIGNED)
    again = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in ("reopened_at", "reopened_by", "reopen_reason"))
    op.execute(
        "CREATE TRIGGER reconciliations_no_delete BEFORE DELETE ON reconciliations "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    )
    op.execute(
        f"CREATE TRIGGER reconciliations_no_change BEFORE UPDATE ON reconciliations WHEN {changed} "
        f"OR (OLD.reopened_at IS NOT NULL AND ({again})) BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    )


def _keep_on_postgresql() -> None:
    later = "'{reopened_by,reopened_at,reopen_reason,told_at}'::text[]"
    op.execute(
        "CREATE OR REPLACE FUNCTION reconciliations_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF TG_OP = 'DELETE' OR (OLD.reopened_at IS NOT NULL AND (to_jsonb(OLD) - 'told_at') IS DISTINCT FROM "
        f"(to_jsonb(NEW) - 'told_at')) OR (to_jsonb(OLD) - {later}) IS DISTINCT FROM (to_jsonb(NEW) - {later}) "
        f"THEN RAISE EXCEPTION '{_REFUSAL}'; END IF; RETURN NEW; END $$"
    )
    op.execute(
        "CREATE TRIGGER reconciliations_kept BEFORE UPDATE OR DELETE ON reconciliations "
        "FOR EACH ROW EXECUTE FUNCTION reconciliations_kept()"
    )
