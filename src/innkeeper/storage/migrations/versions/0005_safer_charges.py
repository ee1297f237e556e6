"""Which PMS a charge was made for, which check it is, and who was last seen in a room."""

import sqlalchemy as sa
from alembic import op

from innkeeper.storage.types import Instant, JsonDocument

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the PMS and the mark of the check to charges, which older ones have none of, and the table of sightings."""
    op.add_column("room_charges", sa.Column("pms_origin", sa.String(length=600), nullable=True))
    op.add_column("room_charges", sa.Column("check_mark", sa.String(length=64), nullable=True))
    op.create_index("uq_room_charges_check_mark", "room_charges", ["property_id", "check_mark"], unique=True)
    op.create_table(
        "room_sightings",
        sa.Column("property_id", sa.Uuid(), nullable=False),
        sa.Column("room_number", sa.String(length=60), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.Column("status", JsonDocument, nullable=False),
        sa.ForeignKeyConstraint(
            ["property_id"], ["hotel_settings.id"], name=op.f("fk_room_sightings_property_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("property_id", "room_number", name=op.f("pk_room_sightings")),
    )
