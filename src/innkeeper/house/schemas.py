"""What crosses the API of the house: bodies that it takes and answers that it gives."""

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationInfo,
    model_validator,
)

from innkeeper.domain.money import format_amount
from innkeeper.house import closing, folios
from innkeeper.house.rates import NightRate
from innkeeper.house.tables import (
    FolioLine,
    Guest,
    Maintenance,
    Property,
    Reservation,
    ReservationRoom,
    Room,
    RoomType,
)

T = TypeVar("T")

#: Says that a body was put together from a form, whose fields are all texts.
TYPED = {"typed": True}


def _no_truth(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("Send a text or a number, not true or false.")
    return value


def _number(value: Any, info: ValidationInfo) -> Any:
    """Take a number from JSON as a number, and from a form as the text that was typed."""
    if isinstance(value, bool) or (isinstance(value, str) and info.context != TYPED):
        raise ValueError("Send a whole number.")
    return value


#: An amount on its way in: "105.00", or a plain number.
AmountIn = Annotated[
    str | int | float, BeforeValidator(_no_truth), Field(description='In the currency\'s digits, such as "105.00".')
]
Whole = Annotated[int, BeforeValidator(_number)]
#: What stands on a door; a number is taken as its digits.
Number = Annotated[str | int, BeforeValidator(_no_truth)]


def _minute(value: time) -> time:
    if value.tzinfo is not None:
        raise ValueError("Send the hotel's own time without a zone.")
    return value.replace(second=0, microsecond=0)


ClockTime = Annotated[time, AfterValidator(_minute)]


class Body(BaseModel):
    """A body that we take. A field that nobody knows is refused, since it is most often a known one misspelt.

    `ANSWERED` names the fields that only answers have; they are passed over, so that what was read can be sent back.
    """

    ANSWERED: ClassVar[frozenset[str]] = frozenset()

    model_config = ConfigDict(extra="forbid", str_max_length=20_000)

    @model_validator(mode="before")
    @classmethod
    def _pass_over(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {name: value for name, value in values.items() if name not in cls.ANSWERED}


_KEPT = frozenset({"created_at", "updated_at"})


class Page(BaseModel, Generic[T]):
    """A part of a list."""

    items: Sequence[T]
    total: int
    limit: int
    offset: int


# --- property -------------------------------------------------------------------------------------------------------


class PropertyIn(Body):
    """What of the property is to change."""

    ANSWERED = frozenset({"id"})

    name: str | None = None
    timezone: str | None = None
    currency: str | None = None
    check_in_time: ClockTime | None = None
    check_out_time: ClockTime | None = None
    business_date: date | None = None
    confirm_business_date: StrictBool = Field(False, description="A business date that no night audit leads to.")
    night_audit_time: ClockTime | None = Field(None, description="When the day closes by itself; null: by a person.")
    tax_included: StrictBool | None = None
    tax_rate: Decimal | None = Field(None, decimal_places=4, description="Percent, from 0 to below 100.")


class PropertyOut(BaseModel):
    """The hotel. Times are its own clock's; `tax_rate` is a percentage."""

    id: UUID
    name: str
    timezone: str
    currency: str
    check_in_time: str
    check_out_time: str
    business_date: date
    night_audit_time: str | None
    tax_included: bool
    tax_rate: str

    @classmethod
    def of(cls, house: Property) -> "PropertyOut":
        """Return the property as the API shows it."""
        return cls(
            id=house.id,
            name=house.name,
            timezone=house.timezone,
            currency=house.currency,
            check_in_time=house.check_in_time.strftime("%H:%M"),
            check_out_time=house.check_out_time.strftime("%H:%M"),
            business_date=house.business_date,
            night_audit_time=house.night_audit_time.strftime("%H:%M") if house.night_audit_time else None,
            tax_included=house.tax_included,
            tax_rate=f"{house.tax_rate.normalize():f}",
        )


class CloseDayIn(Body):
    """The day that is meant, and what becomes of each reservation that has not come."""

    business_date: date | None = Field(None, description="The day to close; 409 where it is not the open one.")
    no_shows: list[UUID] = Field(default_factory=list, max_length=1000, description="Cancelled, under `no_show`.")
    expected: list[UUID] = Field(default_factory=list, max_length=1000, description="Still to come.")
    anyway: StrictBool = Field(False, description="A manager closes it and leaves everything as it is.")


class DayGuestOut(BaseModel):
    """A reservation that stands in the way of closing the day."""

    id: UUID
    confirmation: str
    guest: str
    check_in: date
    check_out: date

    @classmethod
    def of(cls, one: Reservation) -> "DayGuestOut":
        """Return the reservation in a line."""
        return cls(
            id=one.id,
            confirmation=one.confirmation,
            guest=one.primary_guest.name,
            check_in=one.check_in,
            check_out=one.check_out,
        )


class DayOut(BaseModel):
    """A day that is to be closed or was: who has not come, who is due out and in house, and what else to look at.

    `business_date` is the day that is open now.
    """

    day: date
    business_date: date
    arrivals: list[DayGuestOut]
    departures: list[DayGuestOut]
    hints: list[str]

    @classmethod
    def of(cls, was: closing.Standing, opened: date, hints: Sequence[str]) -> "DayOut":
        """Return the day as the API shows it."""
        return cls(
            day=was.day,
            business_date=opened,
            arrivals=[DayGuestOut.of(one) for one in was.arrivals],
            departures=[DayGuestOut.of(one) for one in was.departures],
            hints=list(hints),
        )


# --- rooms ------------------------------------------------------------------------------------------------------------


class RoomTypeIn(Body):
    """A room type. `qty` makes that many rooms when the type is added, and is their number afterwards."""

    ANSWERED = _KEPT | {"id", "currency"}

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


# --- guests -----------------------------------------------------------------------------------------------------------


class GuestIn(Body):
    """A guest. Without `name` it is put together from first and last name."""

    ANSWERED = _KEPT | {"id"}

    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    notes: str | None = None
    preferences: list[str] | None = Field(None, max_length=100)
    allergies: list[str] | None = Field(None, max_length=100)
    vip_level: str | None = None
    loyalty_number: str | None = None


class GuestRef(GuestIn):
    """The guest of a reservation: by `id`, or as a new one."""

    ANSWERED = _KEPT

    id: UUID | None = None


class GuestBrief(BaseModel):
    """The guest as a reservation shows him."""

    id: UUID
    name: str
    email: str | None
    phone: str | None


class GuestOut(GuestBrief):
    """A guest."""

    first_name: str
    last_name: str
    notes: str
    preferences: list[str]
    allergies: list[str]
    vip_level: str | None
    loyalty_number: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, guest: Guest) -> "GuestOut":
        """Return the guest as the API shows him."""
        return cls.model_validate(guest, from_attributes=True)


# --- reservations -----------------------------------------------------------------------------------------------------


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

    ANSWERED = _KEPT | {"id", "confirmation", "services", "flags", "version", "booked_at", "cancelled_at"}

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


class PaymentIn(Body):
    """A payment of the guest."""

    amount: AmountIn
    currency: str | None = None
    method: str = Field("cash", min_length=1, max_length=100)
    reference: str | None = None


class VoidIn(Body):
    """Why a payment is taken back."""

    reason: str = Field(min_length=1, max_length=200)


class FolioLineOut(BaseModel):
    """A line of the bill; payments are negative, what is paid back is a payment above zero."""

    id: UUID
    kind: str
    amount: str
    description: str
    outlet_code: str | None
    check_number: str | None
    reference: str | None
    voids_id: UUID | None
    business_date: date
    created_at: datetime

    @classmethod
    def of(cls, line: FolioLine, currency: str) -> "FolioLineOut":
        """Return the line as the API shows it."""
        return cls(
            id=line.id,
            kind=line.kind,
            amount=format_amount(line.amount, currency),
            description=line.description,
            outlet_code=line.outlet_code,
            check_number=line.check_number,
            reference=line.reference,
            voids_id=line.voids_id,
            business_date=line.business_date,
            created_at=line.created_at,
        )


class ProjectedOut(BaseModel):
    """A line that check-out will write."""

    kind: str
    amount: str
    description: str


class FolioOut(BaseModel):
    """The bill. `balance` sums the lines; `due` is what is owed at check-out, projected lines included.

    `on_its_way` is what the outlets have charged and the bill does not hold yet; None where they charge another system.
    """

    reservation_id: UUID
    confirmation: str
    number: int | None
    currency: str
    lines: list[FolioLineOut]
    projected: list[ProjectedOut]
    balance: str
    prepaid_amount: str
    due: str
    on_its_way: str | None
    closed_at: datetime | None

    @classmethod
    def of(cls, bill: folios.Statement, on_its_way: Decimal | None = None) -> "FolioOut":
        """Return the bill as the API shows it."""
        currency = bill.reservation.currency
        return cls(
            reservation_id=bill.reservation.id,
            confirmation=bill.reservation.confirmation,
            number=bill.folio.number if bill.folio else None,
            currency=currency,
            lines=[FolioLineOut.of(line, currency) for line in bill.lines],
            projected=[
                ProjectedOut(kind=line.kind, amount=format_amount(line.amount, currency), description=line.description)
                for line in bill.projected
            ],
            balance=format_amount(bill.balance, currency),
            prepaid_amount=format_amount(bill.reservation.prepaid_amount, currency),
            due=format_amount(bill.due, currency),
            on_its_way=None if on_its_way is None else format_amount(on_its_way, currency),
            closed_at=bill.folio.closed_at if bill.folio else None,
        )
