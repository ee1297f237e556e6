"""What was charged and tried, sealed in the audit trail batch by batch; guests' profiles by their loyalty number."""

import sqlalchemy as sa
from alembic import op

from innkeeper.storage.types import Instant, JsonDocument

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the seals; what was charged before is sealed by the first run."""
    op.create_table(
        "charge_seals",
        sa.Column("property_id", sa.Uuid(), nullable=False),
        sa.Column("first_attempt", sa.Uuid(), nullable=False),
        sa.Column("last_attempt", sa.Uuid(), nullable=False),
        sa.Column("rows", JsonDocument, nullable=False),
        sa.Column("sealed_at", Instant(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["property_id"], ["hotel_settings.id"], name=op.f("fk_charge_seals_property_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charge_seals")),
    )
    op.create_index("ix_guest_profiles_loyalty", "guest_profiles", ["property_id", "loyalty_number"], unique=False)
    op.create_index("ix_charge_seals_last_attempt", "charge_seals", ["last_attempt"], unique=False)
