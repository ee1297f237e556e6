"""Seals over what was charged and tried, profiles by their loyalty number, and outlets that can be none."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from innkeeper.storage.types import Instant, JsonDocument

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


#: What a property without outlets of its own has had until now: the specification's.
_OUTLETS = (
    ("REST", "Main Restaurant", "4100", "Restaurant", None),
    ("BAR", "Lobby Bar", "4200", "Bar/Lounge", None),
    ("IRS", "In-Room Dining", "4300", "In-Room Dining", "5.00"),
    ("POOL", "Pool Bar", "4400", "Pool Bar", None),
    ("MINI", "Minibar", "4500", "Minibar", None),
)


def upgrade() -> None:
    """Add the seals; what was charged before is sealed by the first run. Write down the outlets that were implied."""
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
    _write_outlets()


def _write_outlets() -> None:
    """From now on an empty list means that there are none. Blanks around codes and names are no part of them."""
    settings = sa.table("pms_config", sa.column("location_id", sa.Uuid()), sa.column("outlets", JsonDocument))
    connection = op.get_bind()
    for location_id, outlets in connection.execute(sa.select(settings.c.location_id, settings.c.outlets)).all():
        kept = [_stripped(one) for one in outlets] if outlets else [_implied(*one) for one in _OUTLETS]
        if kept != outlets:
            connection.execute(
                settings.update().where(settings.c.location_id == location_id).values({settings.c.outlets: kept})
            )


def _implied(code: str, name: str, revenue_center: str, description: str, delivery: str | None) -> dict[str, Any]:
    return {
        "code": code,
        "name": name,
        "revenue_center": revenue_center,
        "posting_description": description,
        "auto_post": True,
        "delivery_charge": delivery,
        "is_active": True,
        "pms_codes": {},
        "printer": "",
        "printer_width": 42,
    }


def _stripped(outlet: dict[str, Any]) -> dict[str, Any]:
    code = str(outlet["code"]).strip() or "?"
    return {**outlet, "code": code, "name": str(outlet["name"]).strip() or code}
