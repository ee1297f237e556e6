"""The names of constraints and the defaults of columns that the specification gives the channel's tables."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from alembic import op

from innkeeper.storage.types import RANDOM_UUID, written_amount, written_uuid

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_NOW = sa.func.current_timestamp()
_KEPT: dict[str, Any] = {"id": RANDOM_UUID, "created_at": _NOW, "updated_at": _NOW}
_MADE: dict[str, Any] = {"id": RANDOM_UUID, "created_at": _NOW}
_NONE, _ON, _OFF = sa.text("0"), sa.true(), sa.false()

#: What each column holds where nobody says otherwise.
DEFAULTS: dict[str, dict[str, Any]] = {
    "qloapps_config": {
        **_KEPT,
        "property_id": written_uuid(UUID("00000000-0000-0000-0000-000000000001")),
        "sync_interval_minutes": sa.text("15"),
        "sync_enabled": _ON,
        "sync_reservations_inbound": _ON,
        "sync_reservations_outbound": _ON,
        "sync_availability": _ON,
        "sync_rates": _ON,
        "requests_per_minute": sa.text("60"),
        "timeout_seconds": sa.text("30"),
        "conflict_policy": '{"default": "newest"}',
        "guest_match_threshold": written_amount("0.85"),
        "phone_placeholder": "0000000000",
        "log_retention_days": sa.text("90"),
        "log_retention_rows": sa.text("200000"),
        "mode": "rehearsal",
        "shop_facts": "{}",
        "consecutive_failures": _NONE,
    },
    "qloapps_room_type_mappings": {**_KEPT, "sync_direction": "bidirectional", "is_active": _ON},
    "qloapps_reservation_mappings": {
        **_KEPT,
        "generation": _NONE,
        "source": "local",
        "status": "pending",
        "has_conflict": _OFF,
    },
    "qloapps_customer_mappings": {
        **_KEPT,
        "match_method": "email",
        "confidence_score": written_amount("1.00"),
        "reasons": "[]",
        "last_seen": "{}",
    },
    "qloapps_sync_state": {
        **_MADE,
        "items_processed": _NONE,
        "items_created": _NONE,
        "items_updated": _NONE,
        "items_failed": _NONE,
        "retry_count": _NONE,
        "metadata": "{}",
    },
    "qloapps_sync_logs": _MADE,
}

#: Checks whose names change: as it was, as it is now, and what the check says.
CHECKS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "qloapps_room_type_mappings": (
        (
            "ck_qloapps_room_type_mappings_check_sync_direction",
            "check_sync_direction",
            "sync_direction IN ('inbound', 'outbound', 'bidirectional')",
        ),
    ),
    "qloapps_reservation_mappings": (
        ("ck_qloapps_reservation_mappings_check_source", "check_source", "source IN ('local', 'qloapps', 'ota')"),
    ),
    "qloapps_customer_mappings": (
        (
            "ck_qloapps_customer_mappings_check_match_method",
            "check_match_method",
            "match_method IN ('email', 'phone', 'name', 'manual', 'created')",
        ),
    ),
    "qloapps_sync_state": (
        (
            "ck_qloapps_sync_state_check_status",
            "check_status",
            "status IN ('queued', 'running', 'completed', 'failed')",
        ),
        (
            "ck_qloapps_sync_state_check_sync_type",
            "check_sync_type",
            "sync_type IN ('qloapps_reservations_inbound', 'qloapps_reservations_outbound', "
            "'qloapps_room_types_inbound', 'qloapps_availability_outbound', 'qloapps_rates_outbound', "
            "'qloapps_full_sync')",
        ),
    ),
    "qloapps_sync_logs": (
        ("ck_qloapps_sync_logs_check_direction", "check_direction", "direction IN ('inbound', 'outbound')"),
        (
            "ck_qloapps_sync_logs_check_operation",
            "check_operation",
            "operation IN ('create', 'update', 'delete', 'skip', 'conflict')",
        ),
    ),
}

_LAST_SUCCESSFUL = "idx_qloapps_sync_state_last_successful"


def upgrade() -> None:
    """Name the constraints and give the columns their defaults; every row stays."""
    if op.get_bind().dialect.name == "sqlite":
        _build_anew()
        return
    for table, checks in CHECKS.items():
        for before, after, _ in checks:
            op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {before} TO {after}")
    for table, columns in DEFAULTS.items():
        for column, default in columns.items():
            op.alter_column(table, column, server_default=default)


def _build_anew() -> None:
    """Copy each table into one that is made as it shall be, which is the only way that SQLite has.

    Taking the old table of runs away clears what the log says of its run, as if the runs were deleted, so that is kept
    aside and put back. An index over an expression is not copied.
    """
    op.execute("CREATE TEMPORARY TABLE log_runs (id TEXT PRIMARY KEY, run TEXT)")
    op.execute("INSERT INTO log_runs SELECT id, sync_state_id FROM qloapps_sync_logs WHERE sync_state_id IS NOT NULL")
    op.drop_index(_LAST_SUCCESSFUL, "qloapps_sync_state")
    for table, columns in DEFAULTS.items():
        with op.batch_alter_table(table, recreate="always") as batch:
            for before, after, sql in CHECKS.get(table, ()):
                batch.drop_constraint(before, type_="check")
                batch.create_check_constraint(op.f(after), sa.text(sql))
            for column, default in columns.items():
                batch.alter_column(column, server_default=default)
    op.create_index(
        _LAST_SUCCESSFUL,
        "qloapps_sync_state",
        ["sync_type", "status", sa.text("completed_at DESC")],
        sqlite_where=sa.text("status = 'completed'"),
    )
    run = "SELECT run FROM log_runs WHERE log_runs.id = qloapps_sync_logs.id"
    op.execute(
        f"UPDATE qloapps_sync_logs SET sync_state_id = ({run}) WHERE id IN (SELECT id FROM log_runs)"  # noqa: S608
    )
    op.execute("DROP TABLE log_runs")
