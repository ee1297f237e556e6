"""The tables of the house."""

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    Time,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from innkeeper.domain.business_day import utc_now
from innkeeper.storage.base import Base, Keyed, Timestamps
from innkeeper.storage.types import JsonDocument

_PROPERTY = "hotel_settings.id"


class Property(Keyed, Timestamps, Base):
    """One hotel. The table keeps the name that the other tables' specification refers to."""

    __tablename__ = "hotel_settings"

    name: Mapped[str] = mapped_column(String(200))
    timezone: Mapped[str] = mapped_column(String(64))
    currency: Mapped[str] = mapped_column(String(3))
    check_in_time: Mapped[time] = mapped_column(Time, default=time(15, 0))
    check_out_time: Mapped[time] = mapped_column(Time, default=time(11, 0))
    #: The hotel's own day, closed by the night audit, not by the calendar.
    business_date: Mapped[date]
    #: Whether prices contain the tax; guests' prices usually do.
    tax_included: Mapped[bool] = mapped_column(Boolean, default=True)
    #: Percent.
    tax_rate: Mapped[Decimal] = mapped_column(default=Decimal(0))
    #: When the day closes by itself, on the hotel's clock; empty where a person closes it.
    night_audit_time: Mapped[time | None] = mapped_column(Time)
    next_confirmation: Mapped[int] = mapped_column(Integer, default=1)
    next_folio: Mapped[int] = mapped_column(Integer, default=1)


class RoomType(Keyed, Timestamps, Base):
    """A kind of room that is sold at one price. How many there are follows from the rooms."""

    __tablename__ = "room_types"
    __table_args__ = (
        Index(
            "uq_room_types_name",
            "property_id",
            "name",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        CheckConstraint("min_stay >= 1", name="min_stay"),
        CheckConstraint("max_stay = 0 OR max_stay >= min_stay", name="max_stay"),
    )

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    #: The trade's category, such as double, suite, dormitory.
    room_type: Mapped[str] = mapped_column(String(50), default="room")
    price_per_night: Mapped[Decimal]
    max_people: Mapped[int]
    max_adult: Mapped[int]
    max_children: Mapped[int] = mapped_column(default=0)
    min_stay: Mapped[int] = mapped_column(default=1)
    #: 0 means no limit.
    max_stay: Mapped[int] = mapped_column(default=0)
    description: Mapped[str] = mapped_column(Text, default="")
    features: Mapped[list[Any]] = mapped_column(default=list)
    beds24_room_id: Mapped[str | None] = mapped_column(String(50))
    deleted_at: Mapped[datetime | None]


class Room(Keyed, Timestamps, Base):
    """One physical room. Its number is text: 412, 4B, Garden."""

    __tablename__ = "rooms"
    __table_args__ = (
        Index(
            "uq_rooms_number",
            "property_id",
            "number",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_rooms_room_type", "room_type_id"),
    )

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"))
    room_type_id: Mapped[UUID] = mapped_column(ForeignKey("room_types.id"))
    number: Mapped[str] = mapped_column(String(20))
    deleted_at: Mapped[datetime | None]


class KeyCard(Base):
    """A key card that opens a room, as the lock system names it."""

    __tablename__ = "key_cards"

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"), primary_key=True)
    card: Mapped[str] = mapped_column(String(100), primary_key=True)
    room_id: Mapped[UUID] = mapped_column(ForeignKey("rooms.id", ondelete="CASCADE"), index=True)


class Maintenance(Keyed, Timestamps, Base):
    """Rooms that cannot be sold for some nights: one room, or a number of units of a type."""

    __tablename__ = "maintenance"
    __table_args__ = (
        CheckConstraint("(room_id IS NULL) <> (units IS NULL)", name="room_or_units"),
        CheckConstraint('"end" > start', name="dates"),
        Index("ix_maintenance_room_type_end", "room_type_id", "end"),
    )

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"))
    room_type_id: Mapped[UUID] = mapped_column(ForeignKey("room_types.id"))
    room_id: Mapped[UUID | None] = mapped_column(ForeignKey("rooms.id", ondelete="CASCADE"))
    units: Mapped[int | None]
    start: Mapped[date]
    end: Mapped[date]
    reason: Mapped[str] = mapped_column(String(500), default="")


class RateNight(Base):
    """The price and the rules of one night of a room type, where they differ from the type's own."""

    __tablename__ = "rate_nights"

    room_type_id: Mapped[UUID] = mapped_column(ForeignKey("room_types.id", ondelete="CASCADE"), primary_key=True)
    night: Mapped[date] = mapped_column(primary_key=True)
    price: Mapped[Decimal | None]
    min_stay: Mapped[int | None]
    max_stay: Mapped[int | None]
    closed: Mapped[bool] = mapped_column(default=False)


class Guest(Keyed, Timestamps, Base):
    """A person who stays or books. The normal forms are what guests are matched by."""

    __tablename__ = "guests"
    __table_args__ = (
        Index("ix_guests_email_normal", "property_id", "email_normal"),
        Index("ix_guests_phone_e164", "property_id", "phone_e164"),
        Index("ix_guests_name_normal", "property_id", "name_normal"),
    )

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    first_name: Mapped[str] = mapped_column(String(100), default="")
    last_name: Mapped[str] = mapped_column(String(100), default="")
    email: Mapped[str | None] = mapped_column(String(254))
    phone: Mapped[str | None] = mapped_column(String(50))
    notes: Mapped[str] = mapped_column(Text, default="")
    preferences: Mapped[list[Any]] = mapped_column(default=list)
    allergies: Mapped[list[Any]] = mapped_column(default=list)
    vip_level: Mapped[str | None] = mapped_column(String(50))
    loyalty_number: Mapped[str | None] = mapped_column(String(100))
    email_normal: Mapped[str | None] = mapped_column(String(254))
    phone_e164: Mapped[str | None] = mapped_column(String(20))
    name_normal: Mapped[str] = mapped_column(String(200), default="")


class Reservation(Keyed, Timestamps, Base):
    """A booking with all its rooms: one unit of work, one version, one folio."""

    __tablename__ = "reservations"
    __table_args__ = (
        UniqueConstraint("property_id", "confirmation", name="uq_reservations_confirmation"),
        Index("ix_reservations_stay", "property_id", "check_out", "check_in"),
        Index("ix_reservations_status", "property_id", "status", "check_in"),
        Index("ix_reservations_guest", "primary_guest_id"),
        CheckConstraint("status IN ('Confirmed', 'Checked-in', 'Checked-out', 'Cancelled')", name="status"),
    )

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"))
    confirmation: Mapped[str] = mapped_column(String(30))
    status: Mapped[str] = mapped_column(String(20))
    #: Earliest arrival and latest departure of its rooms.
    check_in: Mapped[date]
    check_out: Mapped[date]
    currency: Mapped[str] = mapped_column(String(3))
    total_amount: Mapped[Decimal]
    #: What is paid at the channel or in advance, as the booking says; folio payments are counted apart.
    prepaid_amount: Mapped[Decimal] = mapped_column(default=Decimal(0))
    source: Mapped[str] = mapped_column(String(100), default="Direct")
    channel: Mapped[str | None] = mapped_column(String(100))
    primary_guest_id: Mapped[UUID] = mapped_column(ForeignKey("guests.id"))
    special_requests: Mapped[str] = mapped_column(Text, default="")
    #: Extras sold with the booking elsewhere, as told: [{name, quantity, amount}].
    services: Mapped[list[Any]] = mapped_column(default=list)
    flags: Mapped[list[Any]] = mapped_column(default=list)
    version: Mapped[int] = mapped_column(default=1)
    booked_at: Mapped[datetime] = mapped_column(default=utc_now)
    cancelled_at: Mapped[datetime | None]

    rooms: Mapped[list["ReservationRoom"]] = relationship(
        order_by="ReservationRoom.position", cascade="all, delete-orphan", lazy="raise"
    )
    primary_guest: Mapped[Guest] = relationship(lazy="raise")


class ReservationRoom(Keyed, Base):
    """One room of a reservation, with its own dates, since a booking may hold rooms for different nights.

    `room_type_id` is empty while the channel's room type has no mapping; `room_type_label` then says what was booked.
    """

    __tablename__ = "reservation_rooms"
    __table_args__ = (
        Index("ix_reservation_rooms_reservation", "reservation_id"),
        Index("ix_reservation_rooms_type_out", "room_type_id", "check_out", "check_in", "status"),
        Index("ix_reservation_rooms_room", "room_id", "check_out"),
        CheckConstraint("check_out > check_in", name="dates"),
        CheckConstraint("status IN ('Confirmed', 'Checked-in', 'Checked-out', 'Cancelled')", name="status"),
    )

    reservation_id: Mapped[UUID] = mapped_column(ForeignKey("reservations.id", ondelete="CASCADE"))
    position: Mapped[int]
    room_type_id: Mapped[UUID | None] = mapped_column(ForeignKey("room_types.id"))
    room_type_label: Mapped[str] = mapped_column(String(200), default="")
    room_id: Mapped[UUID | None] = mapped_column(ForeignKey("rooms.id"))
    check_in: Mapped[date]
    check_out: Mapped[date]
    adults: Mapped[int]
    children: Mapped[int] = mapped_column(default=0)
    child_ages: Mapped[list[Any]] = mapped_column(default=list)
    #: For the whole stay of this room, tax included, in the reservation's currency.
    amount: Mapped[Decimal]
    #: What each night was sold at, where a stay that was sold elsewhere has been moved here: {"2026-10-23": "105.00"}.
    #: Nights that were given up are among them, so that going back restores the price; worth nothing once the nights of
    #: the stay do not make the amount any more.
    night_amounts: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)
    status: Mapped[str] = mapped_column(String(20))
    overbooked: Mapped[bool] = mapped_column(default=False)
    checked_in_at: Mapped[datetime | None]
    #: The business date on which the guest came.
    checked_in_on: Mapped[date | None]
    checked_out_at: Mapped[datetime | None]

    room: Mapped[Room | None] = relationship(lazy="raise")
    room_type: Mapped[RoomType | None] = relationship(lazy="raise")


class RoomNight(Base):
    """One night of one physical room, held by one stay. The key is what makes two stays in one room impossible."""

    __tablename__ = "room_nights"

    room_id: Mapped[UUID] = mapped_column(ForeignKey("rooms.id", ondelete="CASCADE"), primary_key=True)
    night: Mapped[date] = mapped_column(primary_key=True)
    reservation_room_id: Mapped[UUID] = mapped_column(
        ForeignKey("reservation_rooms.id", ondelete="CASCADE"), index=True
    )


class Folio(Keyed, Timestamps, Base):
    """The bill of a reservation. The balance is the sum of its lines and is kept beside them under a lock."""

    __tablename__ = "folios"
    __table_args__ = (
        UniqueConstraint("property_id", "number", name="uq_folios_number"),
        UniqueConstraint("reservation_id", name="uq_folios_reservation"),
    )

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"))
    reservation_id: Mapped[UUID] = mapped_column(ForeignKey("reservations.id", ondelete="CASCADE"))
    number: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    balance: Mapped[Decimal] = mapped_column(default=Decimal(0))
    closed_at: Mapped[datetime | None]


class FolioLine(Keyed, Base):
    """One line of a bill. Lines are never changed; a wrong one is answered by its opposite, which names it."""

    __tablename__ = "folio_lines"
    __table_args__ = (
        Index("ix_folio_lines_folio", "folio_id", "created_at"),
        Index("ix_folio_lines_business_date", "property_id", "business_date"),
        Index(
            "uq_folio_lines_reference",
            "property_id",
            "reference",
            unique=True,
            sqlite_where=text("reference IS NOT NULL"),
            postgresql_where=text("reference IS NOT NULL"),
        ),
        CheckConstraint("kind IN ('accommodation', 'charge', 'payment', 'void')", name="kind"),
    )

    property_id: Mapped[UUID] = mapped_column(ForeignKey(_PROPERTY, ondelete="CASCADE"))
    folio_id: Mapped[UUID] = mapped_column(ForeignKey("folios.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(20))
    #: Charges are positive, payments negative.
    amount: Mapped[Decimal]
    description: Mapped[str] = mapped_column(String(300))
    outlet_code: Mapped[str | None] = mapped_column(String(20))
    check_number: Mapped[str | None] = mapped_column(String(50))
    #: The sender's own reference; one line each, for ever.
    reference: Mapped[str | None] = mapped_column(String(200))
    voids_id: Mapped[UUID | None] = mapped_column(ForeignKey("folio_lines.id"), unique=True)
    business_date: Mapped[date]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
