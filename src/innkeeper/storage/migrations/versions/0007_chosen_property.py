"""Which of all properties a person works on in a browser."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the chosen property to a session."""
    op.add_column("sessions", sa.Column("property_id", sa.Uuid(), nullable=True))
