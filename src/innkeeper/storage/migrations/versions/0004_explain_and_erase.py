"""What explains and replays a booking, forgets a guest in time, and says how each direction of a connection fares."""

import sqlalchemy as sa
from alembic import op

from innkeeper.storage.types import Instant, JsonDocument

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the guest beside a logged message, how long he is kept, and the contacts by direction."""
    op.add_column("qloapps_sync_logs", sa.Column("personal", JsonDocument, nullable=True))
    op.add_column(
        "qloapps_config", sa.Column("personal_data_days", sa.Integer(), nullable=False, server_default=sa.text("90"))
    )
    op.create_index(
        "ix_qloapps_sync_logs_personal",
        "qloapps_sync_logs",
        ["property_id", "created_at"],
        unique=False,
        sqlite_where=sa.text("personal IS NOT NULL"),
        postgresql_where=sa.text("personal IS NOT NULL"),
    )
    op.create_table(
        "qloapps_contacts",
        sa.Column("property_id", sa.Uuid(), nullable=False),
        sa.Column("direction", sa.String(length=10), nullable=False),
        sa.Column("last_success", Instant(), nullable=True),
        sa.Column("last_failure", Instant(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("circuit", sa.String(length=10), nullable=False),
        sa.CheckConstraint(
            "circuit IN ('closed', 'half-open', 'open')", name=op.f("ck_qloapps_contacts_check_circuit")
        ),
        sa.CheckConstraint(
            "direction IN ('inbound', 'outbound')", name=op.f("ck_qloapps_contacts_check_contact_direction")
        ),
        sa.ForeignKeyConstraint(
            ["property_id"], ["hotel_settings.id"], name=op.f("fk_qloapps_contacts_property_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("property_id", "direction", name=op.f("pk_qloapps_contacts")),
    )
