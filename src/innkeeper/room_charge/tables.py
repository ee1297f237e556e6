"""The tables of room charge; their names and columns are the specification's, extended where posting demands it."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Connection,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from innkeeper.domain.business_day import utc_now
from innkeeper.storage.base import Base, Keyed, Timestamps

_PROPERTY = "hotel_settings.id"

#: The failure code of a charge that somebody took off the queue for good.
REMOVED = "REMOVED"


class PostingStatus(StrEnum):
    """Where a charge stands. `failed`: nothing stands in the PMS, see `owed`. `unknown`: nobody can say yet."""

    PENDING = "pending"
    POSTED = "posted"
    FAILED = "failed"
    UNKNOWN = "unknown"
    VOIDING = "voiding"
    VOIDED = "voided"

    @property
    def is_open(self) -> bool:
        """Whether something is still to be done by itself or by a person."""
        return self in (PostingStatus.PENDING, PostingStatus.UNKNOWN, PostingStatus.VOIDING)


class QueueStatus(StrEnum):
    """Where an entry of the posting queue stands. `failed` waits for a person."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class RoomCharge(Keyed, Base):
    """One check charged to a room. The row and its reference are committed before the first byte leaves.

    `sent_at` is set while something may have been posted that nobody knows of; what is not found in the PMS then proves
    nothing before `settles_at`. `claimed_by` talks to the PMS about it until `claimed_until`.
    """

    __tablename__ = "room_charges"
    __table_args__ = (
        UniqueConstraint("property_id", "pos_reference", name="uq_room_charges_pos_reference"),
        UniqueConstraint("property_id", "reference", name="uq_room_charges_reference"),
        Index("uq_room_charges_check_mark", "property_id", "check_mark", unique=True),
        Index("ix_room_charges_business_date", "property_id", "business_date"),
        Index("ix_room_charges_void_date", "property_id", "void_date"),
        Index("ix_room_charges_created", "property_id", "created_at"),
        Index("ix_room_charges_reservation", "property_id", "reservation_id"),
        Index(
            "ix_room_charges_due",
            "next_attempt_at",
            sqlite_where=text("next_attempt_at IS NOT NULL"),
            postgresql_where=text("next_attempt_at IS NOT NULL"),
        ),
        CheckConstraint(
            "posting_status IN ('pending', 'posted', 'failed', 'unknown', 'voiding', 'voided')", name="posting_status"
        ),
        CheckConstraint("total = subtotal + tax + tip + service_charge + delivery_charge", name="total"),
    )

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"))
    #: The point of sale's own place and order, where it has such.
    location_id: Mapped[UUID | None]
    order_id: Mapped[UUID | None]
    pos_reference: Mapped[str] = mapped_column(String(100))
    #: SHA-256 of what was asked, to tell a repetition from another check under the same reference.
    content_hash: Mapped[str] = mapped_column(String(64))
    #: The same for the same check of the same guest on the same day, whatever its reference; None where it may repeat.
    check_mark: Mapped[str | None] = mapped_column(String(64))
    #: What the charge is found by in the PMS.
    reference: Mapped[str] = mapped_column(String(60))
    generation: Mapped[int] = mapped_column(default=1)

    room_number: Mapped[str] = mapped_column(String(20))
    guest_name: Mapped[str] = mapped_column(String(200))
    guest_id: Mapped[str | None] = mapped_column(String(100))
    reservation_id: Mapped[str | None] = mapped_column(String(100))

    subtotal: Mapped[Decimal]
    tax: Mapped[Decimal]
    tip: Mapped[Decimal]
    service_charge: Mapped[Decimal] = mapped_column(default=Decimal(0))
    delivery_charge: Mapped[Decimal] = mapped_column(default=Decimal(0))
    total: Mapped[Decimal]
    currency: Mapped[str] = mapped_column(String(3))
    #: The whole check, where only a part of it went to the room.
    check_total: Mapped[Decimal | None]
    items: Mapped[list[Any]] = mapped_column(default=list)

    outlet_code: Mapped[str] = mapped_column(String(20))
    check_number: Mapped[str] = mapped_column(String(50))
    description: Mapped[str] = mapped_column(String(200), default="")
    employee_id: Mapped[str] = mapped_column(String(50), default="")
    #: How the lines are made: the outlet's codes and the options as they were when it was posted.
    terms: Mapped[dict[str, Any]] = mapped_column(default=dict)
    #: What the lookup answered before it was posted, and when.
    lookup: Mapped[dict[str, Any]] = mapped_column(default=dict)

    #: The PMS that it was made for; no other is asked about it. None for charges older than this column.
    pms_origin: Mapped[str | None] = mapped_column(String(600))
    pms_transaction_id: Mapped[str | None] = mapped_column(String(100))
    posting_status: Mapped[str] = mapped_column(String(50))
    #: The lines as they stand in the PMS.
    lines: Mapped[list[Any]] = mapped_column(default=list)
    folio_balance: Mapped[Decimal | None]
    business_date: Mapped[date | None]
    sold_at: Mapped[datetime]

    retry_count: Mapped[int] = mapped_column(default=0)
    last_retry_at: Mapped[datetime | None]
    next_attempt_at: Mapped[datetime | None]
    failure_code: Mapped[str | None] = mapped_column(String(60))
    failure_reason: Mapped[str | None] = mapped_column(Text)
    #: Refused at once, so nothing is owed anywhere and the reference may be used again.
    released: Mapped[bool] = mapped_column(default=False)
    #: What is known about a posting in doubt.
    evidence: Mapped[dict[str, Any]] = mapped_column(default=dict)
    sent_at: Mapped[datetime | None]
    settles_at: Mapped[datetime | None]
    claimed_by: Mapped[str | None] = mapped_column(String(40))
    claimed_until: Mapped[datetime | None]

    signature_image: Mapped[str | None] = mapped_column(String(500))
    signature_hash: Mapped[str | None] = mapped_column(String(64))
    #: Who confirmed the guest; a user or a machine, by name as well since either may go.
    verified_by: Mapped[UUID | None]
    verified_by_name: Mapped[str] = mapped_column(String(80), default="")
    credit_override: Mapped[bool] = mapped_column(default=False)

    void_reason: Mapped[str | None] = mapped_column(String(300))
    voided_by: Mapped[str | None] = mapped_column(String(80))
    voided_at: Mapped[datetime | None]
    #: The business date on which the PMS took it back; None where nothing ever stood there.
    void_date: Mapped[date | None]
    #: Who decided about it by hand, and with what.
    settled_by: Mapped[str | None] = mapped_column(String(80))

    posted_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)

    @property
    def status(self) -> PostingStatus:
        """Where it stands."""
        return PostingStatus(self.posting_status)

    @property
    def owed(self) -> bool:
        """Whether it may still be sent, by itself or by a manager; what was refused at once or taken off is not."""
        if self.status is PostingStatus.FAILED:
            return not self.released and self.failure_code != REMOVED
        return self.status in (PostingStatus.PENDING, PostingStatus.UNKNOWN)

    def is_claimed(self, now: datetime) -> bool:
        """Whether somebody talks to the PMS about it at that instant."""
        return self.claimed_until is not None and self.claimed_until > now

    @property
    def in_doubt(self) -> bool:
        """Whether something may stand in the PMS that nobody knows of."""
        return self.sent_at is not None


class PostingAttempt(Keyed, Base):
    """One thing that was asked of the PMS about a charge, and how it ended."""

    __tablename__ = "posting_attempts"
    __table_args__ = (Index("ix_posting_attempts_charge", "room_charge_id", "id"),)

    room_charge_id: Mapped[UUID] = mapped_column(ForeignKey("room_charges.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(default=utc_now)
    #: charge, find, void, settle, override.
    step: Mapped[str] = mapped_column(String(20))
    #: done, refused, later, unknown, or what a person decided.
    outcome: Mapped[str] = mapped_column(String(20))
    code: Mapped[str | None] = mapped_column(String(60))
    message: Mapped[str] = mapped_column(Text, default="")
    duration_ms: Mapped[int] = mapped_column(default=0)
    evidence: Mapped[dict[str, Any]] = mapped_column(default=dict)


class QueueEntry(Keyed, Base):
    """A charge that did not settle at the first try; one open entry a charge."""

    __tablename__ = "pms_posting_queue"
    __table_args__ = (
        Index(
            "uq_pms_posting_queue_open",
            "room_charge_id",
            unique=True,
            sqlite_where=text("completed_at IS NULL"),
            postgresql_where=text("completed_at IS NULL"),
        ),
        Index("ix_pms_posting_queue_property", "property_id", "status", "created_at"),
        CheckConstraint("status IN ('queued', 'processing', 'completed', 'failed')", name="status"),
    )

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"))
    room_charge_id: Mapped[UUID] = mapped_column(ForeignKey("room_charges.id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(String(50))
    attempts: Mapped[int] = mapped_column(default=0)
    last_attempt_at: Mapped[datetime | None]
    next_attempt_at: Mapped[datetime | None]
    response_code: Mapped[str | None] = mapped_column(String(50))
    response_message: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    completed_at: Mapped[datetime | None]


class PmsConfig(Timestamps, Base):
    """A property's PMS and the options of the specification. Credentials are encrypted and never leave again."""

    __tablename__ = "pms_config"

    property_id: Mapped[UUID] = mapped_column(
        "location_id", ForeignKey(_PROPERTY, ondelete="CASCADE"), primary_key=True
    )
    pms_type: Mapped[str] = mapped_column(String(50))
    api_url: Mapped[str] = mapped_column(String(500), default="")
    #: All credentials of the connection, as one encrypted document.
    api_key_encrypted: Mapped[str | None] = mapped_column(Text)
    property_code: Mapped[str] = mapped_column(String(50), default="")

    auto_post: Mapped[bool] = mapped_column(default=True)
    require_signature: Mapped[bool] = mapped_column(default=False)
    signature_threshold: Mapped[Decimal] = mapped_column(default=Decimal(0))
    max_retries: Mapped[int] = mapped_column(default=3)
    retry_interval_minutes: Mapped[int] = mapped_column(default=5)
    #: The option blocks, what has no column of its own.
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    outlets: Mapped[list[Any]] = mapped_column(default=list)
    is_active: Mapped[bool] = mapped_column(default=True)

    last_contact_at: Mapped[datetime | None]
    last_failure_at: Mapped[datetime | None]
    last_failure: Mapped[str | None] = mapped_column(Text)
    #: The last business date that was compared without being asked.
    reconciled_until: Mapped[date | None]


class Signature(Keyed, Base):
    """A guest's signature as it was drawn, with the hash that proves it unchanged."""

    __tablename__ = "signatures"

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"))
    room_charge_id: Mapped[UUID] = mapped_column(ForeignKey("room_charges.id", ondelete="CASCADE"), index=True)
    image: Mapped[bytes] = mapped_column(LargeBinary)
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Reconciliation(Keyed, Base):
    """A signed day, as it was when it was signed. The data base lets nobody change it; reopening it is noted once, and
    signing again adds a row.
    """

    __tablename__ = "reconciliations"
    __table_args__ = (UniqueConstraint("property_id", "date", "revision", name="uq_reconciliations_revision"),)

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"))
    date: Mapped[date]
    revision: Mapped[int]
    report: Mapped[dict[str, Any]]
    #: SHA-256 over the report.
    sha256: Mapped[str] = mapped_column(String(64))
    balanced: Mapped[bool]
    note: Mapped[str] = mapped_column(Text, default="")
    signed_off_by: Mapped[str] = mapped_column(String(80))
    signed_off_role: Mapped[str] = mapped_column(String(20))
    signed_off_at: Mapped[datetime] = mapped_column(default=utc_now)
    reopened_by: Mapped[str | None] = mapped_column(String(80))
    reopened_at: Mapped[datetime | None]
    reopen_reason: Mapped[str | None] = mapped_column(Text)
    #: When somebody was told that something came on the day after it was signed.
    told_at: Mapped[datetime | None]


#: What may still be written of a signed day; the data base itself refuses all else. Migrations run these statements.
_LATER = ("reopened_by", "reopened_at", "reopen_reason", "told_at")
_SIGNED = tuple(one.key for one in Reconciliation.__mapper__.column_attrs if one.key not in _LATER)
KEPT_SQLITE = (
    "CREATE TRIGGER reconciliations_no_delete BEFORE DELETE ON reconciliations "
    "BEGIN SELECT RAISE(ABORT, 'a signed day is kept as it was signed'); END",
    "CREATE TRIGGER reconciliations_no_change BEFORE UPDATE ON reconciliations WHEN "
    + " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in _SIGNED)
    + " OR (OLD.reopened_at IS NOT NULL AND (OLD.reopened_at IS NOT NEW.reopened_at"
    " OR OLD.reopened_by IS NOT NEW.reopened_by OR OLD.reopen_reason IS NOT NEW.reopen_reason))"
    " BEGIN SELECT RAISE(ABORT, 'a signed day is kept as it was signed'); END",
)
KEPT_POSTGRESQL = (
    "CREATE OR REPLACE FUNCTION reconciliations_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF TG_OP = 'DELETE' OR (OLD.reopened_at IS NOT NULL AND (to_jsonb(OLD) - 'told_at') IS DISTINCT FROM "
    "(to_jsonb(NEW) - 'told_at')) OR (to_jsonb(OLD) - '{reopened_by,reopened_at,reopen_reason,told_at}'::text[]) "
    "IS DISTINCT FROM (to_jsonb(NEW) - '{reopened_by,reopened_at,reopen_reason,told_at}'::text[]) "
    "THEN RAISE EXCEPTION 'a signed day is kept as it was signed'; END IF; RETURN NEW; END $$",
    "CREATE TRIGGER reconciliations_kept BEFORE UPDATE OR DELETE ON reconciliations "
    "FOR EACH ROW EXECUTE FUNCTION reconciliations_kept()",
)


@event.listens_for(Reconciliation.__table__, "after_create")
def _keep_signed_days(_table: Table, connection: Connection, **_: Any) -> None:
    statements = KEPT_SQLITE if connection.dialect.name == "sqlite" else KEPT_POSTGRESQL
    for statement in statements:
        connection.exec_driver_sql(statement)


class RoomSighting(Base):
    """Who was last seen in a room, for a check that is to be queued while the PMS is away."""

    __tablename__ = "room_sightings"

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"), primary_key=True)
    #: In small letters, as it is looked for.
    room_number: Mapped[str] = mapped_column(String(60), primary_key=True)
    seen_at: Mapped[datetime]
    status: Mapped[dict[str, Any]]


class ChargeSeal(Keyed, Base):
    """A batch of attempts and of the charges that they were for, whose SHA-256 an entry of the audit trail holds."""

    __tablename__ = "charge_seals"
    __table_args__ = (Index("ix_charge_seals_last_attempt", "last_attempt"),)

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"))
    first_attempt: Mapped[UUID]
    last_attempt: Mapped[UUID]
    #: `attempts` and `charges`: the beginning of each row's hash by its id, to name the one that was changed.
    rows: Mapped[dict[str, Any]]
    sealed_at: Mapped[datetime] = mapped_column(default=utc_now)


class LocalProfile(Keyed, Timestamps, Base):
    """What the point of sale may know of a guest of the PMS; the fields that the property chose and no others."""

    __tablename__ = "guest_profiles"
    __table_args__ = (
        UniqueConstraint("property_id", "pms_guest_id", name="uq_guest_profiles_pms_guest"),
        Index("ix_guest_profiles_loyalty", "property_id", "loyalty_number"),
    )

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"))
    pms_guest_id: Mapped[str] = mapped_column(String(100))
    name: Mapped[str] = mapped_column(String(200), default="")
    email: Mapped[str | None] = mapped_column(String(254))
    phone: Mapped[str | None] = mapped_column(String(50))
    vip_level: Mapped[str | None] = mapped_column(String(50))
    loyalty_number: Mapped[str | None] = mapped_column(String(100))
    preferences: Mapped[list[Any]] = mapped_column(default=list)
    allergies: Mapped[list[Any]] = mapped_column(default=list)
    synced_at: Mapped[datetime] = mapped_column(default=utc_now)
