"""Which PMS a charge was made for."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the PMS of a charge; older charges have none and are asked of the one that is connected."""
    op.add_column("room_charges", sa.Column("pms_origin", sa.String(length=600), nullable=True))
