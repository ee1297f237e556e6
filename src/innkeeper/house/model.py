"""What a reservation shall be: the values that callers hand to the house, checked before they reach a table."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from innkeeper.domain.stay import Stay, StayStatus

#: More people than any room holds; beyond it a digit was typed twice.
MAX_PEOPLE = 30
MAX_ROOMS = 100


@dataclass(frozen=True, slots=True)
class RoomDraft:
    """One room as it shall be. `id` names the room of the reservation that it replaces, None adds one.

    `room_type_id` may be None only for a booking from a channel whose room type has no mapping; `label` then says what
    was booked. `amount` is for the whole stay of this room, tax included; None leaves it as it is where dates and type
    stay the same, and otherwise has it worked out from the rates; of a stay that was sold elsewhere only the added
    nights, while those that stay keep their price.
    """

    room_type_id: UUID | None
    stay: Stay
    adults: int
    amount: Decimal | None = None
    children: int = 0
    child_ages: tuple[int, ...] = ()
    id: UUID | None = None
    room_id: UUID | None = None
    label: str = ""
    status: StayStatus = StayStatus.CONFIRMED


@dataclass(frozen=True, slots=True)
class ReservationDraft:
    """A whole reservation as it shall be: rooms that it does not name are taken from it.

    `flags` are the caller's own marks (`unmapped`, `in_doubt`, …); `overbooked` is the house's and is worked out by
    it. `total_amount` None means the sum of the rooms that are not cancelled.
    """

    guest_id: UUID
    currency: str
    rooms: tuple[RoomDraft, ...]
    total_amount: Decimal | None = None
    prepaid_amount: Decimal = Decimal(0)
    source: str = "Direct"
    channel: str | None = None
    special_requests: str = ""
    services: tuple[dict[str, str | int], ...] = ()
    flags: frozenset[str] = field(default_factory=frozenset)
    booked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class GuestDraft:
    """A guest as he shall be. The parts of the name are worked out from `name` where both are left empty."""

    name: str
    email: str | None = None
    phone: str | None = None
    first_name: str = ""
    last_name: str = ""
    notes: str = ""
    preferences: tuple[str, ...] = ()
    allergies: tuple[str, ...] = ()
    vip_level: str | None = None
    loyalty_number: str | None = None
