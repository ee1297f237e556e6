"""What crosses the API of room types, rooms, maintenance, rates and availability."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field, StrictBool

from innkeeper.domain.money import format_amount
from innkeeper.house.rates import NightRate
from innkeeper.house.schemas import KEPT, AmountIn, Body, Number, Whole
from innkeeper.house.tables import Maintenance, Room, RoomType


class RoomTypeIn(Body):
    """A room type. `qty` makes that many rooms when the type is added, and is their number afterwards."""

    ANSWERED = KEPT | {"id", "currency"}

    name: str | None = None
    room_type: str | None = None
    qty: Whole | None = None
    price_per_night: AmountIn | None = None
    max_people: Whole | None = None
    max_adult: Whole | None = None
    max_children: Whole | None = None
    min_stay: Whole | None = None
    max_stay: Whole | None = None
    description: str | None = None
    features: list[Any] | None = Field(None, max_length=200)
    beds24_room_id: Number | None = None


class RoomTypeOut(BaseModel):
    """A room type; `qty` counts its rooms, `max_stay` 0 is no limit."""

    id: UUID
    name: str
    room_type: str
    qty: int
    price_per_night: str
    currency: str
    max_people: int
    max_adult: int
    max_children: int
    min_stay: int
    max_stay: int
    description: str
    features: list[Any]
    beds24_room_id: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, kind: RoomType, qty: int, currency: str) -> "RoomTypeOut":
        """Return the room type as the API shows it."""
        return cls(
            id=kind.id,
            name=kind.name,
            room_type=kind.room_type,
            qty=qty,
            price_per_night=format_amount(kind.price_per_night, currency),
            currency=currency,
            max_people=kind.max_people,
            max_adult=kind.max_adult,
            max_children=kind.max_children,
            min_stay=kind.min_stay,
            max_stay=kind.max_stay,
            description=kind.description,
            features=kind.features,
            beds24_room_id=kind.beds24_room_id,
            created_at=kind.created_at,
            updated_at=kind.updated_at,
        )


class RoomIn(Body):
    """A new room."""

    number: Number
    room_type_id: UUID
    key_cards: list[str] = Field(default_factory=list, max_length=50)


class RoomChange(Body):
    """What of a room is to change."""

    ANSWERED = frozenset({"id"})

    number: Number | None = None
    room_type_id: UUID | None = None
    key_cards: list[str] | None = Field(None, max_length=50)


class RoomOut(BaseModel):
    """A room with its key cards."""

    id: UUID
    number: str
    room_type_id: UUID
    key_cards: list[str]

    @classmethod
    def of(cls, room: Room, cards: list[str]) -> "RoomOut":
        """Return the room as the API shows it."""
        return cls(id=room.id, number=room.number, room_type_id=room.room_type_id, key_cards=cards)


class MaintenanceIn(Body):
    """One room, or `units` of a type, closed from `start` to `end` (exclusive)."""

    room_id: UUID | None = None
    room_type_id: UUID | None = None
    units: Whole | None = None
    start: date
    end: date
    reason: str = ""


class MaintenanceOut(BaseModel):
    """A maintenance. `short_nights` are told when it is added: nights with more bookings than rooms are left."""

    id: UUID
    room_id: UUID | None
    room_type_id: UUID
    units: int | None
    start: date
    end: date
    reason: str
    short: bool = False
    short_nights: list[date] = Field(default_factory=list)

    @classmethod
    def of(cls, work: Maintenance, short: Sequence[date] = ()) -> "MaintenanceOut":
        """Return the maintenance as the API shows it."""
        return cls(
            id=work.id,
            room_id=work.room_id,
            room_type_id=work.room_type_id,
            units=work.units,
            start=work.start,
            end=work.end,
            reason=work.reason,
            short=bool(short),
            short_nights=list(short),
        )


class RatesIn(Body):
    """Prices and rules of the nights from `start` to `end` (exclusive); what is left out stays, null is the type's."""

    room_type_id: UUID
    start: date
    end: date
    price: AmountIn | None = None
    min_stay: Whole | None = None
    max_stay: Whole | None = None
    closed: StrictBool | None = None


class RateOut(BaseModel):
    """What holds for one night."""

    room_type_id: UUID
    night: date
    price: str
    currency: str
    min_stay: int
    max_stay: int
    closed: bool

    @classmethod
    def of(cls, rate: NightRate, currency: str) -> "RateOut":
        """Return the night as the API shows it."""
        return cls(
            room_type_id=rate.room_type_id,
            night=rate.night,
            price=format_amount(rate.price, currency),
            currency=currency,
            min_stay=rate.min_stay,
            max_stay=rate.max_stay,
            closed=rate.closed,
        )


class NightOut(BaseModel):
    """What can be sold on one night: `available` is total less booked less maintenance, below zero where overbooked."""

    room_type_id: UUID
    night: date
    total: int
    booked: int
    maintenance: int
    available: int
