"""What QloApps was last told of rooms and prices, the blocks that stand there, and the comparisons of both sides."""

import sqlalchemy as sa
from alembic import op

from innkeeper.storage.types import Instant, JsonDocument

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of availability, rates and drift."""
    op.create_table(
        "qloapps_type_states",
        sa.Column("property_id", sa.Uuid(), nullable=False),
        sa.Column("room_type_id", sa.Uuid(), nullable=False),
        sa.Column("nights_from", sa.Date(), nullable=True),
        sa.Column("nights", JsonDocument, nullable=False),
        sa.Column("nights_at", Instant(), nullable=True),
        sa.Column("rules", JsonDocument, nullable=False),
        sa.Column("rules_known", sa.Boolean(), nullable=False),
        sa.Column("rules_at", Instant(), nullable=True),
        sa.Column("foreign_rules", JsonDocument, nullable=False),
        sa.Column("tax_rate", sa.String(length=20), nullable=True),
        sa.Column("min_stay", sa.Integer(), nullable=True),
        sa.Column("max_stay", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["property_id"], ["hotel_settings.id"], name=op.f("fk_qloapps_type_states_property_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["room_type_id"], ["room_types.id"], name=op.f("fk_qloapps_type_states_room_type_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("property_id", "room_type_id", name=op.f("pk_qloapps_type_states")),
    )
    op.create_table(
        "qloapps_blocks",
        sa.Column("property_id", sa.Uuid(), nullable=False),
        sa.Column("room_type_id", sa.Uuid(), nullable=False),
        sa.Column("qloapps_product_id", sa.Integer(), nullable=False),
        sa.Column("reference", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("block_id", sa.String(length=40), nullable=True),
        sa.Column("line_id", sa.Integer(), nullable=True),
        sa.Column("room_id", sa.Integer(), nullable=False),
        sa.Column("check_in", sa.Date(), nullable=False),
        sa.Column("check_out", sa.Date(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.CheckConstraint("status IN ('pending', 'standing')", name=op.f("ck_qloapps_blocks_check_block_status")),
        sa.ForeignKeyConstraint(
            ["property_id"], ["hotel_settings.id"], name=op.f("fk_qloapps_blocks_property_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["room_type_id"], ["room_types.id"], name=op.f("fk_qloapps_blocks_room_type_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_qloapps_blocks")),
        sa.UniqueConstraint("property_id", "reference", name="unique_block_reference"),
    )
    op.create_index("ix_qloapps_blocks_type", "qloapps_blocks", ["property_id", "room_type_id"], unique=False)
    op.create_table(
        "qloapps_drift_sweeps",
        sa.Column("property_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("heal", sa.Boolean(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("completed_at", Instant(), nullable=True),
        sa.Column("position", JsonDocument, nullable=False),
        sa.Column("bookings", sa.Integer(), nullable=False),
        sa.Column("nights", sa.Integer(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("healed", sa.Integer(), nullable=False),
        sa.Column("differences", JsonDocument, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "status IN ('running', 'completed')", name=op.f("ck_qloapps_drift_sweeps_check_sweep_status")
        ),
        sa.ForeignKeyConstraint(
            ["property_id"], ["hotel_settings.id"], name=op.f("fk_qloapps_drift_sweeps_property_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_qloapps_drift_sweeps")),
    )
    op.create_index(
        "ix_qloapps_drift_sweeps_property", "qloapps_drift_sweeps", ["property_id", "started_at"], unique=False
    )
