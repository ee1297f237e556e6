"""What crosses the API of reservations."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field, StrictBool

from innkeeper.domain.money import format_amount
from innkeeper.house.schemas import KEPT, AmountIn, Body, Number, Whole
from innkeeper.house.schemas_guests import GuestBrief, GuestRef
from innkeeper.house.tables import Reservation, ReservationRoom


class ReservationRoomIn(Body):
    """One room of a reservation. Dates default to the reservation's, a missing `amount` comes from the rates."""

    ANSWERED = frozenset({"room_type_name", "overbooked"})

    id: UUID | None = None
    room_type_id: UUID | None = None
    room_id: UUID | None = None
    room_number: Number | None = None
    check_in: date | None = None
    check_out: date | None = None
    adults: Whole = 1
    children: Whole | None = None
    child_ages: list[Whole] = Field(default_factory=list, max_length=30)
    amount: AmountIn | None = None
    status: str | None = Field(None, description="As it is; it is changed with check-in, check-out and cancel.")


class ReservationIn(Body):
    """A reservation. On a change, what is left out stays as it is."""

    ANSWERED = KEPT | {"id", "confirmation", "services", "flags", "version", "booked_at", "cancelled_at"}

    check_in: date | None = None
    check_out: date | None = None
    primary_guest: GuestRef | None = None
    rooms: list[ReservationRoomIn] | None = None
    currency: str | None = None
    total_amount: AmountIn | None = None
    prepaid_amount: AmountIn | None = None
    source: str | None = None
    channel: str | None = None
    special_requests: str | None = None
    status: str | None = None
    overbook: StrictBool = Field(False, description="A manager sells rooms that are not there.")


class ReservationRoomOut(BaseModel):
    """One room of a reservation."""

    id: UUID
    room_type_id: UUID | None
    room_type_name: str
    room_id: UUID | None
    room_number: str | None
    check_in: date
    check_out: date
    adults: int
    children: int
    child_ages: list[int]
    amount: str
    status: str
    overbooked: bool

    @classmethod
    def of(cls, row: ReservationRoom, currency: str) -> "ReservationRoomOut":
        """Return the room as the API shows it."""
        return cls(
            id=row.id,
            room_type_id=row.room_type_id,
            room_type_name=row.room_type.name if row.room_type else row.room_type_label,
            room_id=row.room_id,
            room_number=row.room.number if row.room else None,
            check_in=row.check_in,
            check_out=row.check_out,
            adults=row.adults,
            children=row.children,
            child_ages=row.child_ages,
            amount=format_amount(row.amount, currency),
            status=row.status,
            overbooked=row.overbooked,
        )


class ReservationOut(BaseModel):
    """A reservation with its rooms."""

    id: UUID
    confirmation: str
    status: str
    check_in: date
    check_out: date
    currency: str
    total_amount: str
    prepaid_amount: str
    source: str
    channel: str | None
    primary_guest: GuestBrief
    special_requests: str
    services: list[Any]
    rooms: list[ReservationRoomOut]
    flags: list[str]
    version: int
    booked_at: datetime
    cancelled_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, reservation: Reservation) -> "ReservationOut":
        """Return the reservation as the API shows it."""
        guest, currency = reservation.primary_guest, reservation.currency
        return cls(
            id=reservation.id,
            confirmation=reservation.confirmation,
            status=reservation.status,
            check_in=reservation.check_in,
            check_out=reservation.check_out,
            currency=currency,
            total_amount=format_amount(reservation.total_amount, currency),
            prepaid_amount=format_amount(reservation.prepaid_amount, currency),
            source=reservation.source,
            channel=reservation.channel,
            primary_guest=GuestBrief(id=guest.id, name=guest.name, email=guest.email, phone=guest.phone),
            special_requests=reservation.special_requests,
            services=reservation.services,
            rooms=[ReservationRoomOut.of(row, currency) for row in reservation.rooms],
            flags=reservation.flags,
            version=reservation.version,
            booked_at=reservation.booked_at,
            cancelled_at=reservation.cancelled_at,
            created_at=reservation.created_at,
            updated_at=reservation.updated_at,
        )


class ArrivingRoom(Body):
    """Which room of the reservation arrives, and where it is put; without `id` those that wait, in order."""

    id: UUID | None = None
    room_id: UUID | None = None
    room_number: Number | None = None


class CheckIn(ArrivingRoom):
    """Rooms that arrive; all that wait when left out. A single room may be put at the top."""

    rooms: list[ArrivingRoom] | None = Field(None, max_length=100)


class UndoCheckIn(Body):
    """Why a check-in is taken back, and of which rooms; of all who came today when left out."""

    reason: str = Field(min_length=1, max_length=200)
    rooms: list[UUID] | None = Field(None, max_length=100)


class CheckOut(Body):
    """Rooms that leave, by their ids; all when left out. A manager may leave the folio open, and charges behind."""

    rooms: list[UUID] | None = Field(None, max_length=100)
    leave_open: StrictBool = False
    leave_charges: StrictBool = False
