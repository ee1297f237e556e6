"""The tables of channel sync; their names and columns are the specification's, extended where QloApps demands it."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    false,
    func,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.schema import conv

from innkeeper.domain.business_day import utc_now
from innkeeper.domain.ids import DEFAULT_PROPERTY, new_id
from innkeeper.storage.base import Base, Keyed, Timestamps
from innkeeper.storage.types import RANDOM_UUID, written_amount, written_uuid

_PROPERTY = "hotel_settings.id"


#: The specification names these constraints so; `conv` keeps the convention of the other tables from adding to a name.
def _check(sql: str, name: str) -> CheckConstraint:
    return CheckConstraint(sql, name=conv(name))


class _Made:
    """When a row was made, as the specification has it: the data base says so where nobody else did."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, server_default=RANDOM_UUID)
    created_at: Mapped[datetime] = mapped_column(default=utc_now, server_default=func.current_timestamp())


class _Kept(_Made):
    """And when it was last changed."""

    updated_at: Mapped[datetime] = mapped_column(
        default=utc_now, onupdate=utc_now, server_default=func.current_timestamp()
    )


class Config(_Kept, Base):
    """A property's connection to its QloApps. The key is encrypted and never leaves again."""

    __tablename__ = "qloapps_config"
    __table_args__ = (
        UniqueConstraint("property_id", name="unique_property_config"),
        Index("idx_qloapps_config_property_id", "property_id"),
        Index("idx_qloapps_config_sync_enabled", "sync_enabled"),
        CheckConstraint("mode IN ('rehearsal', 'shadow', 'live')", name="check_mode"),
    )

    property_id: Mapped[UUID] = mapped_column(
        ForeignKey(_PROPERTY, ondelete="CASCADE"), server_default=written_uuid(DEFAULT_PROPERTY)
    )
    base_url: Mapped[str] = mapped_column(String(500))
    api_key_encrypted: Mapped[str] = mapped_column(Text)
    qloapps_hotel_id: Mapped[int]

    sync_interval_minutes: Mapped[int] = mapped_column(default=15, server_default=text("15"))
    sync_enabled: Mapped[bool] = mapped_column(default=True, server_default=true())
    sync_reservations_inbound: Mapped[bool] = mapped_column(default=True, server_default=true())
    sync_reservations_outbound: Mapped[bool] = mapped_column(default=True, server_default=true())
    sync_availability: Mapped[bool] = mapped_column(default=True, server_default=true())
    sync_rates: Mapped[bool] = mapped_column(default=True, server_default=true())

    requests_per_minute: Mapped[int] = mapped_column(default=60, server_default=text("60"))
    timeout_seconds: Mapped[int] = mapped_column(default=30, server_default=text("30"))
    #: {"default": policy, field: policy}; house, qloapps, newest or ask.
    conflict_policy: Mapped[dict[str, Any]] = mapped_column(
        default=lambda: {"default": "newest"}, server_default='{"default": "newest"}'
    )
    #: A name alone never reaches this unless it is the whole name and something else agrees.
    guest_match_threshold: Mapped[Decimal] = mapped_column(
        default=Decimal("0.85"), server_default=written_amount("0.85")
    )
    #: Sent for a guest without a phone, since shops demand one by default.
    phone_placeholder: Mapped[str] = mapped_column(String(32), default="0000000000", server_default="0000000000")
    log_retention_days: Mapped[int] = mapped_column(default=90, server_default=text("90"))
    log_retention_rows: Mapped[int] = mapped_column(default=200_000, server_default=text("200000"))
    #: After so many days the log forgets the guest of a message; the message itself stays as long as the log keeps it.
    personal_data_days: Mapped[int] = mapped_column(default=90, server_default=text("90"))
    #: Nothing is written to QloApps before it is live; shadow reads and only reports.
    mode: Mapped[str] = mapped_column(String(20), default="rehearsal", server_default="rehearsal")
    approved_plan: Mapped[dict[str, Any] | None]
    approved_at: Mapped[datetime | None]
    approved_by: Mapped[str | None] = mapped_column(String(200))
    #: What the last connection test learned: version, zone, currency, languages.
    shop_facts: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")

    last_successful_sync: Mapped[datetime | None]
    last_sync_error: Mapped[str | None] = mapped_column(Text)
    consecutive_failures: Mapped[int] = mapped_column(default=0, server_default=text("0"))


class RoomTypeMapping(_Kept, Base):
    """Which room type of ours is which of theirs; one to one, so that nothing is sold from two places."""

    __tablename__ = "qloapps_room_type_mappings"
    __table_args__ = (
        UniqueConstraint("local_room_type_id", name="unique_local_room_type"),
        UniqueConstraint("property_id", "qloapps_product_id", "qloapps_hotel_id", name="unique_qloapps_product"),
        _check("sync_direction IN ('inbound', 'outbound', 'bidirectional')", "check_sync_direction"),
    )

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"))
    local_room_type_id: Mapped[UUID] = mapped_column(ForeignKey("room_types.id", ondelete="CASCADE"))
    qloapps_product_id: Mapped[int]
    qloapps_hotel_id: Mapped[int]
    last_synced_at: Mapped[datetime | None]
    sync_direction: Mapped[str] = mapped_column(String(20), default="bidirectional", server_default="bidirectional")
    is_active: Mapped[bool] = mapped_column(default=True, server_default=true())
    #: What `ours` and `theirs` were when the types were last read, and the facts of theirs that a person was told of.
    last_seen: Mapped[dict[str, Any] | None]


class ReservationMapping(_Kept, Base):
    """Which reservation of ours is which booking of theirs, and the last state that both sides agreed on.

    The row with its reference is committed before the first request leaves, so `qloapps_order_id` is empty until the
    booking is known to exist there. The agreed states are kept for each side in its own words, because a side may be
    unable to hold what the other says.
    """

    __tablename__ = "qloapps_reservation_mappings"
    __table_args__ = (
        UniqueConstraint("local_reservation_id", name="unique_local_reservation"),
        UniqueConstraint("property_id", "qloapps_order_id", name="unique_qloapps_order"),
        UniqueConstraint("property_id", "reference", name="unique_reference"),
        Index("ix_qloapps_reservation_mappings_status", "property_id", "status"),
        _check("source IN ('local', 'qloapps', 'ota')", "check_source"),
        CheckConstraint(
            "status IN ('pending', 'synced', 'partial', 'in_doubt', 'refused', 'gone')", name="check_mapping_status"
        ),
    )

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"))
    local_reservation_id: Mapped[UUID] = mapped_column(ForeignKey("reservations.id", ondelete="CASCADE"))
    qloapps_order_id: Mapped[int | None]
    qloapps_booking_id: Mapped[int | None]
    qloapps_reference: Mapped[str | None] = mapped_column(String(32))
    #: What stands in the booking's source field there, without our prefix.
    reference: Mapped[str] = mapped_column(String(100))
    #: Counts the bookings made there for this reservation: a cancelled one is never revived, a new one is made.
    generation: Mapped[int] = mapped_column(default=0, server_default=text("0"))

    source: Mapped[str] = mapped_column(String(20), default="local", server_default="local")
    qloapps_channel: Mapped[str | None] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(20), default="pending", server_default="pending")
    agreed_local: Mapped[dict[str, Any] | None]
    agreed_remote: Mapped[dict[str, Any] | None]
    remote_digest: Mapped[str | None] = mapped_column(String(64))

    last_synced_at: Mapped[datetime | None]
    last_local_update: Mapped[datetime | None]
    last_qloapps_update: Mapped[datetime | None]

    has_conflict: Mapped[bool] = mapped_column(default=False, server_default=false())
    conflict_data: Mapped[dict[str, Any] | None]


class FormerOrder(Base):
    """An order that an earlier generation of a reservation made; what happens to it concerns nobody any more."""

    __tablename__ = "qloapps_former_orders"

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"), primary_key=True)
    order_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    reservation_id: Mapped[UUID] = mapped_column(ForeignKey("reservations.id", ondelete="CASCADE"), index=True)


class CustomerMapping(_Kept, Base):
    """Which guest of ours is which customer of theirs, how that was found out and how sure it is."""

    __tablename__ = "qloapps_customer_mappings"
    __table_args__ = (
        Index("ix_qloapps_customer_mappings_guest", "local_guest_id"),
        UniqueConstraint("property_id", "qloapps_customer_id", name="unique_qloapps_customer"),
        _check("match_method IN ('email', 'phone', 'name', 'manual', 'created')", "check_match_method"),
    )

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"))
    local_guest_id: Mapped[UUID] = mapped_column(ForeignKey("guests.id", ondelete="CASCADE"))
    qloapps_customer_id: Mapped[int]
    match_method: Mapped[str] = mapped_column(String(50), default="email", server_default="email")
    confidence_score: Mapped[Decimal] = mapped_column(default=Decimal("1.00"), server_default=written_amount("1.00"))
    #: Why, in sentences for a person.
    reasons: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    #: What the customer looked like when last seen; a field that changes there changes here unless we changed it too.
    last_seen: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")


class SyncState(_Made, Base):
    """One run of a synchronisation, and where the next one of its type begins."""

    __tablename__ = "qloapps_sync_state"
    __table_args__ = (
        Index(
            "idx_qloapps_sync_state_running",
            "sync_type",
            "status",
            "started_at",
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
        Index(
            "idx_qloapps_sync_state_last_successful",
            "sync_type",
            "status",
            text("completed_at DESC"),
            sqlite_where=text("status = 'completed'"),
            postgresql_where=text("status = 'completed'"),
        ),
        Index("ix_qloapps_sync_state_property", "property_id", "started_at"),
        _check("status IN ('queued', 'running', 'completed', 'failed')", "check_status"),
        _check(
            "sync_type IN ('qloapps_reservations_inbound', 'qloapps_reservations_outbound', "
            "'qloapps_room_types_inbound', 'qloapps_availability_outbound', 'qloapps_rates_outbound', "
            "'qloapps_full_sync')",
            "check_sync_type",
        ),
    )

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"))
    sync_type: Mapped[str] = mapped_column(String(50))
    status: Mapped[str] = mapped_column(String(20))
    started_at: Mapped[datetime] = mapped_column(default=utc_now)
    completed_at: Mapped[datetime | None]
    last_successful_sync: Mapped[datetime | None]
    sync_cursor: Mapped[dict[str, Any] | None]
    items_processed: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    items_created: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    items_updated: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    items_failed: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    duration_ms: Mapped[int | None] = mapped_column(Integer)
    error_message: Mapped[str | None] = mapped_column(Text)
    next_retry_at: Mapped[datetime | None]
    retry_count: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", default=dict, server_default="{}")


class InboundCursor(Base):
    """Where the next incremental read of a property begins, in the shop's own time."""

    __tablename__ = "qloapps_cursors"

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"), primary_key=True)
    cursor: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class SyncLog(_Made, Base):
    """One thing that a synchronisation did or decided, with the message that caused it."""

    __tablename__ = "qloapps_sync_logs"
    __table_args__ = (
        Index("idx_qloapps_sync_logs_created_at", "created_at"),
        Index("idx_qloapps_sync_logs_entity", "entity_type", "local_entity_id"),
        Index("ix_qloapps_sync_logs_remote", "property_id", "entity_type", "qloapps_entity_id"),
        Index(
            "idx_qloapps_sync_logs_success",
            "success",
            sqlite_where=text("success = false"),
            postgresql_where=text("success = false"),
        ),
        Index(
            "ix_qloapps_sync_logs_personal",
            "property_id",
            "created_at",
            sqlite_where=text("personal IS NOT NULL"),
            postgresql_where=text("personal IS NOT NULL"),
        ),
        _check("direction IN ('inbound', 'outbound')", "check_direction"),
        _check("operation IN ('create', 'update', 'delete', 'skip', 'conflict')", "check_operation"),
    )

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"))
    sync_state_id: Mapped[UUID | None] = mapped_column(ForeignKey("qloapps_sync_state.id", ondelete="SET NULL"))
    sync_type: Mapped[str] = mapped_column(String(50))
    direction: Mapped[str] = mapped_column(String(10))
    entity_type: Mapped[str] = mapped_column(String(50))
    local_entity_id: Mapped[UUID | None]
    qloapps_entity_id: Mapped[int | None]
    operation: Mapped[str] = mapped_column(String(20))
    success: Mapped[bool]
    request_data: Mapped[dict[str, Any] | None]
    response_data: Mapped[dict[str, Any] | None]
    #: The guest of the message, kept apart so that he can be forgotten and the message stays; never a password or key.
    personal: Mapped[dict[str, Any] | None]
    error_message: Mapped[str | None] = mapped_column(Text)
    duration_ms: Mapped[int | None]


class Attention(Keyed, Base):
    """Something that needs a person: one row a cause, opened once, closed by itself when the cause is gone."""

    __tablename__ = "qloapps_attention"
    __table_args__ = (
        Index(
            "uq_qloapps_attention_open",
            "property_id",
            "kind",
            "key",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index("ix_qloapps_attention_property", "property_id", "opened_at"),
    )

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(50))
    key: Mapped[str] = mapped_column(String(100))
    #: What happened, what it means and what to do, each a sentence for a person.
    title: Mapped[str] = mapped_column(String(300))
    meaning: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    reservation_id: Mapped[UUID | None]
    qloapps_order_id: Mapped[int | None]
    job_id: Mapped[UUID | None]
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    opened_at: Mapped[datetime] = mapped_column(default=utc_now)
    last_seen_at: Mapped[datetime] = mapped_column(default=utc_now)
    times_seen: Mapped[int] = mapped_column(default=1)
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None] = mapped_column(String(200))


class Contact(Base):
    """How the last contacts of one direction went, and whether the circuit to the shop is open."""

    __tablename__ = "qloapps_contacts"
    __table_args__ = (
        CheckConstraint("direction IN ('inbound', 'outbound')", name="check_contact_direction"),
        CheckConstraint("circuit IN ('closed', 'half-open', 'open')", name="check_circuit"),
    )

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"), primary_key=True)
    direction: Mapped[str] = mapped_column(String(10), primary_key=True)
    last_success: Mapped[datetime | None]
    last_failure: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text)
    #: Failures since the last success.
    failures: Mapped[int] = mapped_column(default=0)
    circuit: Mapped[str] = mapped_column(String(10), default="closed")


class Budget(Base):
    """How many requests may still leave for a property's QloApps; shared by all workers."""

    __tablename__ = "request_budgets"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    tokens: Mapped[Decimal]
    updated_at: Mapped[datetime]


class TypeState(Base):
    """What QloApps was last told of a room type, night by night, so that telling it again costs nothing.

    `nights` are the rooms left on each night from `nights_from` on, as they were when both sides were last made equal;
    empty when something happened there that nobody has looked at yet. `rules` are our price rules that stand there,
    [id, first, last, net]; `rules_known` is false from before the first request of a push until after its last.
    """

    __tablename__ = "qloapps_type_states"

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"), primary_key=True)
    room_type_id: Mapped[UUID] = mapped_column(ForeignKey("room_types.id", ondelete="CASCADE"), primary_key=True)
    nights_from: Mapped[date | None]
    nights: Mapped[list[Any]] = mapped_column(default=list)
    nights_at: Mapped[datetime | None]
    rules: Mapped[list[Any]] = mapped_column(default=list)
    rules_known: Mapped[bool] = mapped_column(default=False)
    rules_at: Mapped[datetime | None]
    #: Price rules of others, [id, name, first, last].
    foreign_rules: Mapped[list[Any]] = mapped_column(default=list)
    #: The broker's tax on this type in percent, as text, and its limits of stay as they were last set.
    tax_rate: Mapped[str | None] = mapped_column(String(20))
    min_stay: Mapped[int | None]
    max_stay: Mapped[int | None]


class StayLimits(Base):
    """Shortest and longest stay that stood at a room type of QloApps before we set ours; 0 is none.

    `ours` are the pairs that may stand there of ours: the one that was set last, and one whose request was committed
    to be sent and has not been answered. The row goes when the limits are given back.
    """

    __tablename__ = "qloapps_stay_limits"

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"), primary_key=True)
    qloapps_product_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    found_min: Mapped[int]
    found_max: Mapped[int]
    ours: Mapped[list[Any]] = mapped_column(default=list)


class Block(Keyed, Timestamps, Base):
    """A room that we keep from sale at QloApps; the row is committed before the request that makes the block leaves.

    A `pending` one has not been answered; after `looks` in vain it is taken for never made.
    """

    __tablename__ = "qloapps_blocks"
    __table_args__ = (
        UniqueConstraint("property_id", "reference", name="unique_block_reference"),
        Index("ix_qloapps_blocks_type", "property_id", "room_type_id"),
        CheckConstraint("status IN ('pending', 'standing')", name="check_block_status"),
    )

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"))
    room_type_id: Mapped[UUID] = mapped_column(ForeignKey("room_types.id", ondelete="CASCADE"))
    qloapps_product_id: Mapped[int]
    reference: Mapped[str] = mapped_column(String(40))
    status: Mapped[str] = mapped_column(String(20), default="pending")
    looks: Mapped[int] = mapped_column(default=0)
    #: What the block is there, such as order:12 or line:345, and the line that holds the room.
    block_id: Mapped[str | None] = mapped_column(String(40))
    line_id: Mapped[int | None]
    room_id: Mapped[int]
    check_in: Mapped[date]
    check_out: Mapped[date]


class DriftSweep(Keyed, Base):
    """One comparison of everything on both sides: how far it has come, and what differs."""

    __tablename__ = "qloapps_drift_sweeps"
    __table_args__ = (
        Index("ix_qloapps_drift_sweeps_property", "property_id", "started_at"),
        CheckConstraint("status IN ('running', 'completed')", name="check_sweep_status"),
    )

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(String(20), default="running")
    heal: Mapped[bool] = mapped_column(default=True)
    started_at: Mapped[datetime] = mapped_column(default=utc_now)
    completed_at: Mapped[datetime | None]
    #: What is compared next: {"phase": bookings, nights, rates, left or healed, "after": where in it}.
    position: Mapped[dict[str, Any]] = mapped_column(default=dict)
    bookings: Mapped[int] = mapped_column(default=0)
    nights: Mapped[int] = mapped_column(default=0)
    requests: Mapped[int] = mapped_column(default=0)
    healed: Mapped[int] = mapped_column(default=0)
    differences: Mapped[list[Any]] = mapped_column(default=list)
