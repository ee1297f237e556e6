"""Room charge: charges and their attempts, the posting queue, PMS settings, signatures, signed days, guest profiles."""

import sqlalchemy as sa
from alembic import op

from innkeeper.storage.types import Amount, Instant, JsonDocument

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of room charge."""
    op.create_table(
        "guest_profiles",
        sa.Column("property_id", sa.Uuid(), nullable=False),
        sa.Column("pms_guest_id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("phone", sa.String(length=50), nullable=True),
        sa.Column("vip_level", sa.String(length=50), nullable=True),
        sa.Column("loyalty_number", sa.String(length=100), nullable=True),
        sa.Column("preferences", JsonDocument, nullable=False),
        sa.Column("allergies", JsonDocument, nullable=False),
        sa.Column("synced_at", Instant(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["property_id"], ["hotel_settings.id"], name=op.f("fk_guest_profiles_property_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guest_profiles")),
        sa.UniqueConstraint("property_id", "pms_guest_id", name="uq_guest_profiles_pms_guest"),
    )
    op.create_table(
        "pms_config",
        sa.Column("location_id", sa.Uuid(), nullable=False),
        sa.Column("pms_type", sa.String(length=50), nullable=False),
        sa.Column("api_url", sa.String(length=500), nullable=False),
        sa.Column("api_key_encrypted", sa.Text(), nullable=True),
        sa.Column("property_code", sa.String(length=50), nullable=False),
        sa.Column("auto_post", sa.Boolean(), nullable=False),
        sa.Column("require_signature", sa.Boolean(), nullable=False),
        sa.Column("signature_threshold", Amount(), nullable=False),
        sa.Column("max_retries", sa.Integer(), nullable=False),
        sa.Column("retry_interval_minutes", sa.Integer(), nullable=False),
        sa.Column("options", JsonDocument, nullable=False),
        sa.Column("outlets", JsonDocument, nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("last_contact_at", Instant(), nullable=True),
        sa.Column("last_failure_at", Instant(), nullable=True),
        sa.Column("last_failure", sa.Text(), nullable=True),
        sa.Column("reconciled_until", sa.Date(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["location_id"], ["hotel_settings.id"], name=op.f("fk_pms_config_location_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("location_id", name=op.f("pk_pms_config")),
    )
    op.create_table(
        "reconciliations",
        sa.Column("property_id", sa.Uuid(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("report", JsonDocument, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("balanced", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("signed_off_by", sa.String(length=80), nullable=False),
        sa.Column("signed_off_role", sa.String(length=20), nullable=False),
        sa.Column("signed_off_at", Instant(), nullable=False),
        sa.Column("reopened_by", sa.String(length=80), nullable=True),
        sa.Column("reopened_at", Instant(), nullable=True),
        sa.Column("reopen_reason", sa.Text(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["property_id"], ["hotel_settings.id"], name=op.f("fk_reconciliations_property_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliations")),
        sa.UniqueConstraint("property_id", "date", "revision", name="uq_reconciliations_revision"),
    )
    op.create_table(
        "room_charges",
        sa.Column("property_id", sa.Uuid(), nullable=False),
        sa.Column("location_id", sa.Uuid(), nullable=True),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("pos_reference", sa.String(length=100), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=60), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("room_number", sa.String(length=20), nullable=False),
        sa.Column("guest_name", sa.String(length=200), nullable=False),
        sa.Column("guest_id", sa.String(length=100), nullable=True),
        sa.Column("reservation_id", sa.String(length=100), nullable=True),
        sa.Column("subtotal", Amount(), nullable=False),
        sa.Column("tax", Amount(), nullable=False),
        sa.Column("tip", Amount(), nullable=False),
        sa.Column("service_charge", Amount(), nullable=False),
        sa.Column("delivery_charge", Amount(), nullable=False),
        sa.Column("total", Amount(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("check_total", Amount(), nullable=True),
        sa.Column("items", JsonDocument, nullable=False),
        sa.Column("outlet_code", sa.String(length=20), nullable=False),
        sa.Column("check_number", sa.String(length=50), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=False),
        sa.Column("employee_id", sa.String(length=50), nullable=False),
        sa.Column("terms", JsonDocument, nullable=False),
        sa.Column("lookup", JsonDocument, nullable=False),
        sa.Column("pms_transaction_id", sa.String(length=100), nullable=True),
        sa.Column("posting_status", sa.String(length=50), nullable=False),
        sa.Column("lines", JsonDocument, nullable=False),
        sa.Column("folio_balance", Amount(), nullable=True),
        sa.Column("business_date", sa.Date(), nullable=True),
        sa.Column("sold_at", Instant(), nullable=False),
        sa.Column("retry_count", sa.Integer(), nullable=False),
        sa.Column("last_retry_at", Instant(), nullable=True),
        sa.Column("next_attempt_at", Instant(), nullable=True),
        sa.Column("failure_code", sa.String(length=60), nullable=True),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("released", sa.Boolean(), nullable=False),
        sa.Column("evidence", JsonDocument, nullable=False),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.Column("settles_at", Instant(), nullable=True),
        sa.Column("claimed_by", sa.String(length=40), nullable=True),
        sa.Column("claimed_until", Instant(), nullable=True),
        sa.Column("signature_image", sa.String(length=500), nullable=True),
        sa.Column("signature_hash", sa.String(length=64), nullable=True),
        sa.Column("verified_by", sa.Uuid(), nullable=True),
        sa.Column("verified_by_name", sa.String(length=80), nullable=False),
        sa.Column("credit_override", sa.Boolean(), nullable=False),
        sa.Column("void_reason", sa.String(length=300), nullable=True),
        sa.Column("voided_by", sa.String(length=80), nullable=True),
        sa.Column("voided_at", Instant(), nullable=True),
        sa.Column("void_date", sa.Date(), nullable=True),
        sa.Column("settled_by", sa.String(length=80), nullable=True),
        sa.Column("posted_at", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "posting_status IN ('pending', 'posted', 'failed', 'unknown', 'voiding', 'voided')",
            name=op.f("ck_room_charges_posting_status"),
        ),
        sa.CheckConstraint(
            "total = subtotal + tax + tip + service_charge + delivery_charge", name=op.f("ck_room_charges_total")
        ),
        sa.ForeignKeyConstraint(
            ["property_id"], ["hotel_settings.id"], name=op.f("fk_room_charges_property_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_room_charges")),
        sa.UniqueConstraint("property_id", "pos_reference", name="uq_room_charges_pos_reference"),
        sa.UniqueConstraint("property_id", "reference", name="uq_room_charges_reference"),
    )
    op.create_index("ix_room_charges_business_date", "room_charges", ["property_id", "business_date"], unique=False)
    op.create_index("ix_room_charges_created", "room_charges", ["property_id", "created_at"], unique=False)
    op.create_index(
        "ix_room_charges_due",
        "room_charges",
        ["next_attempt_at"],
        unique=False,
        sqlite_where=sa.text("next_attempt_at IS NOT NULL"),
        postgresql_where=sa.text("next_attempt_at IS NOT NULL"),
    )
    op.create_index("ix_room_charges_reservation", "room_charges", ["property_id", "reservation_id"], unique=False)
    op.create_index("ix_room_charges_void_date", "room_charges", ["property_id", "void_date"], unique=False)
    op.create_table(
        "pms_posting_queue",
        sa.Column("property_id", sa.Uuid(), nullable=False),
        sa.Column("room_charge_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(length=50), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_attempt_at", Instant(), nullable=True),
        sa.Column("next_attempt_at", Instant(), nullable=True),
        sa.Column("response_code", sa.String(length=50), nullable=True),
        sa.Column("response_message", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("completed_at", Instant(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "status IN ('queued', 'processing', 'completed', 'failed')", name=op.f("ck_pms_posting_queue_status")
        ),
        sa.ForeignKeyConstraint(
            ["property_id"], ["hotel_settings.id"], name=op.f("fk_pms_posting_queue_property_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["room_charge_id"],
            ["room_charges.id"],
            name=op.f("fk_pms_posting_queue_room_charge_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pms_posting_queue")),
    )
    op.create_index(
        "ix_pms_posting_queue_property", "pms_posting_queue", ["property_id", "status", "created_at"], unique=False
    )
    op.create_index(
        "uq_pms_posting_queue_open",
        "pms_posting_queue",
        ["room_charge_id"],
        unique=True,
        sqlite_where=sa.text("completed_at IS NULL"),
        postgresql_where=sa.text("completed_at IS NULL"),
    )
    op.create_table(
        "posting_attempts",
        sa.Column("room_charge_id", sa.Uuid(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("step", sa.String(length=20), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("evidence", JsonDocument, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["room_charge_id"], ["room_charges.id"], name=op.f("fk_posting_attempts_room_charge_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posting_attempts")),
    )
    op.create_index("ix_posting_attempts_charge", "posting_attempts", ["room_charge_id", "id"], unique=False)
    op.create_table(
        "signatures",
        sa.Column("property_id", sa.Uuid(), nullable=False),
        sa.Column("room_charge_id", sa.Uuid(), nullable=False),
        sa.Column("image", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["property_id"], ["hotel_settings.id"], name=op.f("fk_signatures_property_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["room_charge_id"], ["room_charges.id"], name=op.f("fk_signatures_room_charge_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signatures")),
    )
    op.create_index(op.f("ix_signatures_room_charge_id"), "signatures", ["room_charge_id"], unique=False)
