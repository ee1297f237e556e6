"""The records of a simulated OPERA hotel."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal


@dataclass(slots=True)
class Profile:
    """A guest over many stays. ``preferences`` are (group, code, description)."""

    id: str
    given_name: str
    surname: str
    prefix: str = ""
    email: str = ""
    phone: str = ""
    language: str = "E"
    vip_code: str = ""
    vip_description: str = ""
    membership_number: str = ""
    membership_type: str = ""
    preferences: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def full_name(self) -> str:
        """As OPERA shows it: surname first."""
        return ", ".join(part for part in (self.surname, self.given_name, self.prefix) if part)


@dataclass(slots=True)
class Reservation:
    """One stay of one guest. Guests who share a room have one each, with the same ``share``.

    ``status`` is InHouse, CheckedOut or Reserved; DueIn and DueOut follow from the business date. ``routes_to`` is the
    reservation that pays for the transaction codes in ``routed_codes`` (all, when empty).
    """

    id: str
    confirmation: str
    profile_id: str
    room: str
    room_type: str
    arrival: date
    departure: date
    status: str = "Reserved"
    adults: int = 1
    children: int = 0
    no_post: bool = False
    post_stay: bool = False
    pseudo_room: bool = False
    credit_limit: Decimal | None = None
    key_tracks: set[str] = field(default_factory=set)
    companions: list[tuple[str, str]] = field(default_factory=list)
    share: str = ""
    routes_to: str = ""
    routed_codes: set[str] = field(default_factory=set)
    checked_out_on: date | None = None


@dataclass(frozen=True, slots=True)
class TransactionCode:
    """What revenue is posted under. ``generates`` is a tax code and its percentage, posted beside each charge."""

    code: str
    description: str
    group: str = "FB"
    sub_group: str = "RST"
    generates: tuple[str, Decimal] | None = None
    payment: bool = False


@dataclass(slots=True)
class Posting:
    """A line of a folio. ``generated_by`` is the transaction that this one is the tax of."""

    transaction_no: int
    reservation_id: str
    posted_for: str
    code: str
    unit_price: Decimal
    quantity: int
    currency: str
    reference: str
    remark: str
    check_no: str
    window: int
    cashier_id: int | None
    revenue_date: date
    posted_at: datetime
    room: str
    article_code: str = ""
    vendor_ids: list[dict[str, str]] = field(default_factory=list)
    generated_by: int | None = None
    payment: bool = False

    @property
    def amount(self) -> Decimal:
        """What the guest owes by it; negative for a reversal or a payment."""
        return self.unit_price * self.quantity
