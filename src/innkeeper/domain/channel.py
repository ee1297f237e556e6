"""What a channel broker and we tell each other about bookings, in neither side's own shape."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from innkeeper.domain.stay import Stay, StayStatus


class Payment(StrEnum):
    """How much of a booking is paid."""

    AWAITING = "awaiting"
    PARTIAL = "partial"
    COMPLETED = "completed"


class BookingState(StrEnum):
    """The state of a booking as a whole, apart from where its guests are."""

    OPEN = "open"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True)
class ChannelCustomer:
    """The person who booked, as the broker knows them. Never holds a password, hash or key."""

    customer_id: int
    first_name: str
    last_name: str
    email: str
    phone: str


@dataclass(frozen=True, slots=True)
class ChannelLine:
    """One room of a booking.

    `line_id` is not durable: the broker makes a new one when dates or types change. `released` lines hold no room
    there. Amounts are for the whole stay of this room, in the booking's currency.
    """

    line_id: int
    room_type_id: int
    room_type_name: str
    room_id: int
    room_number: str
    stay: Stay
    adults: int
    children: int
    child_ages: tuple[int, ...]
    status: StayStatus
    released: bool
    net: Decimal
    gross: Decimal


@dataclass(frozen=True, slots=True)
class ChannelBooking:
    """One booking with all its rooms, as the broker holds it now.

    `booked_at` and `updated_at` are instants in UTC, made from the broker's clock and zone. `source` is the broker's
    text about where it came from; `our_reference` is set when that text is a reference of ours. `digest` covers
    everything but the time of change, so that equal digests mean that nothing has changed. `blocks` are not bookings
    and never appear as one.
    """

    order_id: int
    hotel_id: int
    reference: str
    source: str
    our_reference: str | None
    channel: str | None
    state: BookingState
    payment: Payment
    currency: str
    total_gross: Decimal
    total_net: Decimal
    paid: Decimal
    customer: ChannelCustomer | None
    lines: tuple[ChannelLine, ...]
    booked_at: datetime
    updated_at: datetime
    digest: str

    @property
    def held(self) -> tuple[ChannelLine, ...]:
        """The lines that hold a room."""
        return tuple(line for line in self.lines if not line.released)


@dataclass(frozen=True, slots=True)
class ChannelService:
    """An extra sold with a room: breakfast, an airport transfer. Amounts as in ChannelLine."""

    line_id: int
    service_id: int | None
    name: str
    quantity: int
    net: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class BookingDetails:
    """What only a request for the single booking tells: the guest's remarks and the services."""

    order_id: int
    remarks: tuple[str, ...]
    services: tuple[ChannelService, ...]


@dataclass(frozen=True, slots=True)
class ChangePage:
    """One page of changes. `cursor` is to be kept once the page is stored; `more` asks for the next page at once.

    `gone` are orders that had lines in this window and that the broker no longer knows.
    """

    bookings: tuple[ChannelBooking, ...]
    cursor: Mapping[str, Any]
    more: bool
    gone: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ChannelRoomType:
    """A room type as the broker sells it. `base_price` is net per night; `tax_rate` is a percentage when known."""

    room_type_id: int
    hotel_id: int
    name: str
    description: str
    active: bool
    base_price: Decimal
    tax_rate: Decimal | None
    adults: int
    children: int
    max_adults: int
    max_children: int
    max_guests: int
    min_stay: int
    max_stay: int
    room_numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DraftLine:
    """One room that a booking shall have. `gross` is for the whole stay, tax included, in the booking's currency.

    `key` is ours and stable; the connector hands it back beside the line that it became. `line_id` names the line
    that already stands for it there, if any.
    """

    key: str
    room_type_id: int
    stay: Stay
    adults: int
    children: int
    child_ages: tuple[int, ...]
    status: StayStatus
    gross: Decimal
    line_id: int | None = None


@dataclass(frozen=True, slots=True)
class DraftGuest:
    """The guest as we know them; the connector makes it representable and says what it had to change."""

    first_name: str
    last_name: str
    email: str | None
    phone: str | None
    customer_id: int | None = None


@dataclass(frozen=True, slots=True)
class BookingDraft:
    """A whole booking as it shall stand at the broker. `reference` is what it is found by after a lost answer."""

    reference: str
    currency: str
    guest: DraftGuest
    lines: tuple[DraftLine, ...]
    remark: str = ""
    paid: Decimal | None = None


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What stands at the broker after a write, read back and compared.

    `line_ids` maps each draft line's key to the line that stands for it. `adjusted` names what could not be sent as it
    is, each as a flag such as `guest_name_adjusted`, and `mismatches` what came back different from what was sent, in
    sentences for a person. `found` says that the booking was there already, made by an earlier try, and may not be what
    the draft says.
    """

    booking: ChannelBooking
    line_ids: Mapping[str, int]
    adjusted: tuple[str, ...] = ()
    mismatches: tuple[str, ...] = ()
    found: bool = False


@dataclass(frozen=True, slots=True)
class BlockDraft:
    """A room that shall be kept from sale on the nights of `stay`. `reference` is ours and is found again there."""

    reference: str
    room_type_id: int
    room_id: int
    stay: Stay


@dataclass(frozen=True, slots=True)
class ChannelBlock:
    """A room that we keep from being sold there. It is nobody's booking and nobody's revenue.

    `block_id` names it at the broker, whatever it is made of there; `line_id` is the line that holds the room.
    """

    block_id: str
    reference: str
    room_type_id: int
    room_id: int
    line_id: int
    stay: Stay


@dataclass(frozen=True, slots=True)
class ChannelHold:
    """Something that holds a room for some nights: a booking's line, or a block of ours or of somebody else.

    `holder` is the `block_id` that it would have as a block. `reference` is set where the hold itself says that it is a
    block of ours; a block that does not say so is known by its `holder`.
    """

    holder: str
    reference: str | None
    line_id: int
    room_id: int
    stay: Stay


@dataclass(frozen=True, slots=True)
class RoomInventory:
    """The rooms of a type that are for sale at all, and what holds them."""

    room_type_id: int
    room_ids: tuple[int, ...]
    holds: tuple[ChannelHold, ...]


@dataclass(frozen=True, slots=True)
class SoldNight:
    """What a guest would find: how many rooms of a type are free on a night, and at which price, with and without tax.

    `net` and `gross` contain services that the broker adds to every booking.
    """

    room_type_id: int
    night: date
    free: int
    net: Decimal
    gross: Decimal


@dataclass(frozen=True, slots=True)
class RateDraft:
    """One price without tax for every night from `first` to `last`, both included."""

    room_type_id: int
    first: date
    last: date
    net: Decimal


@dataclass(frozen=True, slots=True)
class RateRule:
    """A price rule that stands at the broker, for the nights from `first` to `last`, both included.

    `ours` tells by its name that we made it. `sound` is false for one that does not do what its price says: switched
    off, without customer groups, for some weekdays only, or no fixed price. An `idle` one does nothing at all.
    """

    rule_id: int
    room_type_id: int
    name: str
    first: date
    last: date
    net: Decimal
    ours: bool
    sound: bool = True
    idle: bool = False


@dataclass(frozen=True, slots=True)
class PriceTerms:
    """In which currency the broker's prices are, and the tax on each room type in percent, where it can be told."""

    currency: str
    tax_rates: Mapping[int, Decimal]


@dataclass(frozen=True, slots=True)
class Permission:
    """One right of the key: which resource, which method, whether granted.

    `purpose` is set where only one function needs it: `availability` or `rates`.
    """

    resource: str
    method: str
    granted: bool
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class BrokerFacts:
    """What a connection test learns about the other side. `clock_skew_seconds` is theirs minus ours.

    `hotel_known` is false when the other side answers and has no such hotel, or has switched it off; `repeated_hour`
    is true while its clock shows an hour for the first or second of two times, in the night when it is put back.
    """

    version: str
    hotel_name: str
    timezone: str
    currency: str
    languages: tuple[str, ...]
    phone_required: bool
    clock_skew_seconds: float
    missing_permissions: tuple[Permission, ...]
    warnings: tuple[str, ...] = field(default_factory=tuple)
    hotel_known: bool = True
    repeated_hour: bool = False
