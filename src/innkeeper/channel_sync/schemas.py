"""What crosses the API of channel sync."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from innkeeper.access.http import LARGEST
from innkeeper.channel_sync.tables import (
    Attention,
    Block,
    Config,
    CustomerMapping,
    ReservationMapping,
    RoomTypeMapping,
    SyncLog,
)

Item = TypeVar("Item")

#: A number that QloApps gives to an order, a product or a hotel.
QloAppsId = Annotated[int, Field(ge=1, le=LARGEST)]

#: The words that a list can be narrowed by.
MappingStatus = Literal["pending", "synced", "partial", "in_doubt", "refused", "gone"]
Direction = Literal["inbound", "outbound"]
Operation = Literal["create", "update", "delete", "skip", "conflict"]


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    total: int
    limit: int
    offset: int


class _Row(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ConfigIn(BaseModel):
    """The settings of a connection; what is left out stays as it is. The key goes in and never comes out."""

    model_config = ConfigDict(extra="forbid")

    base_url: str | None = Field(None, max_length=500)
    api_key: str | None = Field(None, max_length=200)
    qloapps_hotel_id: int | None = None
    sync_interval_minutes: int | None = None
    sync_enabled: bool | None = None
    sync_reservations_inbound: bool | None = None
    sync_reservations_outbound: bool | None = None
    sync_availability: bool | None = None
    sync_rates: bool | None = None
    requests_per_minute: int | None = None
    timeout_seconds: int | None = None
    conflict_policy: str | dict[str, str] | None = None
    guest_match_threshold: Decimal | None = None
    phone_placeholder: str | None = Field(None, max_length=32)
    log_retention_days: int | None = None
    log_retention_rows: int | None = None
    personal_data_days: int | None = None


class ConfigOut(_Row):
    """The settings and what is known of the connection."""

    id: UUID
    property_id: UUID
    base_url: str
    qloapps_hotel_id: int
    sync_interval_minutes: int
    sync_enabled: bool
    sync_reservations_inbound: bool
    sync_reservations_outbound: bool
    sync_availability: bool
    sync_rates: bool
    requests_per_minute: int
    timeout_seconds: int
    conflict_policy: dict[str, Any]
    guest_match_threshold: Decimal
    phone_placeholder: str
    log_retention_days: int
    log_retention_rows: int
    personal_data_days: int
    mode: str
    approved_at: datetime | None
    approved_by: str | None
    shop_facts: dict[str, Any]
    last_successful_sync: datetime | None
    last_sync_error: str | None
    consecutive_failures: int
    created_at: datetime
    updated_at: datetime
    api_key_set: bool = True

    @classmethod
    def of(cls, config: Config) -> "ConfigOut":
        """Return the settings without the key."""
        return cls.model_validate(config)


class SyncIn(BaseModel):
    """What to synchronise: `since` an instant, at most `limit` bookings, everything (`full`), or only in words."""

    model_config = ConfigDict(extra="forbid")

    full: bool = False
    since: datetime | None = None
    limit: int | None = Field(None, ge=1, le=100_000)
    dry_run: bool = False


class PushIn(BaseModel):
    """What to send of rooms or prices: of a type or all, where the nights from `start` to `end` (exclusive) differ.

    `full` looks at everything there afresh instead of relying on what was sent last.
    """

    model_config = ConfigDict(extra="forbid")

    start: date | None = None
    end: date | None = None
    room_type_id: UUID | None = None
    full: bool = False
    dry_run: bool = False


class BlockOut(_Row):
    """A room that is kept from sale in QloApps, because the house has no more left on these nights."""

    id: UUID
    room_type_id: UUID
    qloapps_product_id: int
    qloapps_room_id: int
    block_id: str | None
    reference: str
    status: str
    start: date
    end: date
    created_at: datetime
    room_type: str = ""

    @classmethod
    def of(cls, row: Block, room_type: str) -> "BlockOut":
        """Return the block with the name of its room type."""
        return cls(
            id=row.id,
            room_type_id=row.room_type_id,
            qloapps_product_id=row.qloapps_product_id,
            qloapps_room_id=row.room_id,
            block_id=row.block_id,
            reference=row.reference,
            status=row.status,
            start=row.check_in,
            end=row.check_out,
            created_at=row.created_at,
            room_type=room_type,
        )


class RoomTypeMappingIn(BaseModel):
    """One of ours and one of theirs."""

    model_config = ConfigDict(extra="forbid")

    local_room_type_id: UUID
    qloapps_product_id: QloAppsId
    qloapps_hotel_id: QloAppsId | None = None
    sync_direction: str = "bidirectional"


class RoomTypeMappingOut(_Row):
    """A mapping of room types."""

    id: UUID
    local_room_type_id: UUID
    qloapps_product_id: int
    qloapps_hotel_id: int
    sync_direction: str
    is_active: bool
    last_synced_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, row: RoomTypeMapping) -> "RoomTypeMappingOut":
        """Return the mapping."""
        return cls.model_validate(row)


class ReservationMappingOut(_Row):
    """Which reservation is which booking."""

    id: UUID
    local_reservation_id: UUID
    qloapps_order_id: int | None
    qloapps_booking_id: int | None
    qloapps_reference: str | None
    reference: str
    source: str
    qloapps_channel: str | None
    status: str
    has_conflict: bool
    conflict_data: dict[str, Any] | None
    last_synced_at: datetime | None
    last_local_update: datetime | None
    last_qloapps_update: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, row: ReservationMapping) -> "ReservationMappingOut":
        """Return the mapping."""
        return cls.model_validate(row)


class CustomerMappingIn(BaseModel):
    """Who the customer really is, as a person decided."""

    model_config = ConfigDict(extra="forbid")

    local_guest_id: UUID


class CustomerMappingOut(_Row):
    """Which guest is which customer, found how and how sure."""

    id: UUID
    local_guest_id: UUID
    qloapps_customer_id: int
    match_method: str
    confidence_score: Decimal
    reasons: list[Any]
    created_at: datetime
    updated_at: datetime
    guest_name: str = ""

    @classmethod
    def of(cls, row: CustomerMapping, guest_name: str) -> "CustomerMappingOut":
        """Return the mapping with the guest's name."""
        return cls.model_validate(row).model_copy(update={"guest_name": guest_name})


class SyncLogOut(_Row):
    """One thing that a synchronisation did."""

    id: UUID
    sync_state_id: UUID | None
    sync_type: str
    direction: str
    entity_type: str
    local_entity_id: UUID | None
    qloapps_entity_id: int | None
    operation: str
    success: bool
    request_data: dict[str, Any] | None
    response_data: dict[str, Any] | None
    error_message: str | None
    duration_ms: int | None
    created_at: datetime

    @classmethod
    def of(cls, row: SyncLog) -> "SyncLogOut":
        """Return the row."""
        return cls.model_validate(row)


class AttentionOut(_Row):
    """Something that needs a person."""

    id: UUID
    kind: str
    title: str
    meaning: str
    action: str
    reservation_id: UUID | None
    qloapps_order_id: int | None
    opened_at: datetime
    last_seen_at: datetime
    times_seen: int
    closed_at: datetime | None
    closed_by: str | None
    can_retry: bool = False

    @classmethod
    def of(cls, row: Attention, mends: bool) -> "AttentionOut":
        """Return the row; it can be tried again where that `mends` such a thing, and there is something to try."""
        tries = mends and any(one is not None for one in (row.job_id, row.reservation_id, row.qloapps_order_id))
        return cls.model_validate(row).model_copy(update={"can_retry": tries})


class GoLiveIn(BaseModel):
    """How to begin."""

    model_config = ConfigDict(extra="forbid")

    mode: str


class ReplayIn(BaseModel):
    """How to replay: `as_new` as if the booking and its customer had never been seen."""

    model_config = ConfigDict(extra="forbid")

    as_new: bool = False
