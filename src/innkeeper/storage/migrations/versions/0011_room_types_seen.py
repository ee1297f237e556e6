"""What both sides said of a mapped room type when it was last read."""

import sqlalchemy as sa
from alembic import op

from innkeeper.storage.types import JsonDocument

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is compared with the next reading; until then nothing is known to have changed."""
    op.add_column("qloapps_room_type_mappings", sa.Column("last_seen", JsonDocument, nullable=True))
