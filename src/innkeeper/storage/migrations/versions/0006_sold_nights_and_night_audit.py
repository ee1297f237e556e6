"""What a channel sold each night at, the business date of a check-in, and the hour at which the day closes itself."""

import sqlalchemy as sa
from alembic import op

from innkeeper.storage.types import JsonDocument

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; a stay without prices by night is spread evenly when it is first moved."""
    op.add_column("reservation_rooms", sa.Column("night_amounts", JsonDocument, nullable=True))
    op.add_column("reservation_rooms", sa.Column("checked_in_on", sa.Date(), nullable=True))
    op.add_column("hotel_settings", sa.Column("night_audit_time", sa.Time(), nullable=True))
