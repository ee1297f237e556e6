"""The limits of stay that room types of QloApps had before ours."""

import sqlalchemy as sa
from alembic import op

from innkeeper.storage.types import JsonDocument

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is given back when a mapping goes; of limits that were set before this release nothing is known."""
    op.create_table(
        "qloapps_stay_limits",
        sa.Column("property_id", sa.Uuid(), nullable=False),
        sa.Column("qloapps_product_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("found_min", sa.Integer(), nullable=False),
        sa.Column("found_max", sa.Integer(), nullable=False),
        sa.Column("ours", JsonDocument, nullable=False),
        sa.ForeignKeyConstraint(
            ["property_id"], ["hotel_settings.id"], name=op.f("fk_qloapps_stay_limits_property_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("property_id", "qloapps_product_id", name=op.f("pk_qloapps_stay_limits")),
    )
