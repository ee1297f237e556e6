"""What a point of sale, Innkeeper and a hotel's PMS tell each other about charges to rooms, in nobody's own shape."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from innkeeper.domain.outcome import Refused

ZERO = Decimal(0)


class PmsCode(StrEnum):
    """Why a PMS does not do what was asked. The first six are the specification's and keep its meaning."""

    ROOM_NOT_FOUND = "ROOM_NOT_FOUND"
    GUEST_CHECKED_OUT = "GUEST_CHECKED_OUT"
    CREDIT_EXCEEDED = "CREDIT_EXCEEDED"
    CHARGES_BLOCKED = "CHARGES_BLOCKED"
    CONNECTION_FAILED = "CONNECTION_FAILED"
    POSTING_REJECTED = "POSTING_REJECTED"
    #: A charge that was posted is not found in the PMS any more.
    GONE_IN_PMS = "GONE_IN_PMS"
    #: The PMS does not accept our credentials.
    CREDENTIALS_REFUSED = "CREDENTIALS_REFUSED"
    #: The credentials are good, but not for this hotel or not for this operation.
    NOT_AUTHORIZED = "NOT_AUTHORIZED"
    #: The outlet has no PMS code for something that must be posted.
    OUTLET_NOT_MAPPED = "OUTLET_NOT_MAPPED"
    #: This PMS cannot do this at all; see its capabilities.
    NOT_SUPPORTED = "NOT_SUPPORTED"


@dataclass(frozen=True, slots=True)
class ErrorText:
    """The sentence of a code and what a person does now."""

    message: str
    action: str


#: Messages and actions; those of the first six are the specification's, word for word.
ERROR_TEXTS: Mapping[str, ErrorText] = {
    PmsCode.ROOM_NOT_FOUND: ErrorText("Room number not found in PMS", "Verify room number with guest"),
    PmsCode.GUEST_CHECKED_OUT: ErrorText("Guest has already checked out", "Collect payment by card"),
    PmsCode.CREDIT_EXCEEDED: ErrorText("Room credit limit exceeded", "Collect payment or contact front desk"),
    PmsCode.CHARGES_BLOCKED: ErrorText("Room charges are blocked", "Contact front desk for authorization"),
    PmsCode.CONNECTION_FAILED: ErrorText("Unable to connect to PMS", "Add to queue or collect payment"),
    PmsCode.POSTING_REJECTED: ErrorText("PMS rejected the posting", "Review error details or contact IT"),
    PmsCode.GONE_IN_PMS: ErrorText(
        "The PMS no longer holds this charge", "Void it as removed in the PMS, or post it again"
    ),
    PmsCode.CREDENTIALS_REFUSED: ErrorText("PMS does not accept the credentials", "Check the PMS connection settings"),
    PmsCode.NOT_AUTHORIZED: ErrorText(
        "PMS does not allow this to Innkeeper", "Ask the PMS administrator for the missing right"
    ),
    PmsCode.OUTLET_NOT_MAPPED: ErrorText("The outlet has no PMS code", "Add the code to the outlet's settings"),
    PmsCode.NOT_SUPPORTED: ErrorText("This PMS cannot do that", "Do it in the PMS by hand"),
}


class GuestStatus(StrEnum):
    """Where a guest is in the stay; the words are the API's."""

    EXPECTED = "expected"
    IN_HOUSE = "in_house"
    DUE_OUT = "due_out"
    CHECKED_OUT = "checked_out"

    @property
    def present(self) -> bool:
        """Whether the guest is in the house."""
        return self in (GuestStatus.IN_HOUSE, GuestStatus.DUE_OUT)


@dataclass(frozen=True, slots=True)
class InHouseGuest:
    """One guest who can be charged: a reservation of its own, also when the room is shared.

    `name` is how the guest is addressed. Amounts and limits that the PMS does not tell are None; `balance` is what the
    guest owes. `restrictions` are words such as `no_post`. `companions` are names without a bill of their own, and
    `pseudo_room` marks an account that is no room (a group's or an event's posting master).
    """

    guest_id: str
    reservation_id: str
    confirmation: str
    name: str
    first_name: str
    last_name: str
    room_number: str
    room_type: str
    check_in: date
    check_out: date
    status: GuestStatus
    adults: int = 1
    children: int = 0
    vip_level: str = ""
    loyalty_number: str = ""
    charges_allowed: bool = True
    restrictions: tuple[str, ...] = ()
    credit_limit: Decimal | None = None
    balance: Decimal | None = None
    currency: str | None = None
    companions: tuple[str, ...] = ()
    pseudo_room: bool = False

    @property
    def available_credit(self) -> Decimal | None:
        """What is left of the limit, None when the PMS does not tell both limit and balance."""
        if self.credit_limit is None or self.balance is None:
            return None
        return self.credit_limit - self.balance


@dataclass(frozen=True, slots=True)
class RoomStatus:
    """Who can be charged in a room. At least one guest; several share it. `looked_up_at` is aware, UTC."""

    room_number: str
    room_type: str
    guests: tuple[InHouseGuest, ...]
    looked_up_at: datetime


class LineKind(StrEnum):
    """What a line of a charge pays for."""

    CHARGE = "charge"
    SERVICE_CHARGE = "service_charge"
    DELIVERY_CHARGE = "delivery_charge"
    TAX = "tax"
    TIP = "tip"


@dataclass(frozen=True, slots=True)
class ChargeItem:
    """One line of the check. `amount` is for all `quantity`, without `tax`; `category` picks a PMS code."""

    description: str
    quantity: int
    amount: Decimal
    tax: Decimal = ZERO
    category: str = ""


@dataclass(frozen=True, slots=True)
class ChargeDraft:
    """A check that shall stand on a guest's folio.

    `reference` is ours, unique for ever, and what the charge is found by after a lost answer. `pms_codes` are the
    PMS's own codes of the outlet: `charge`, `tip`, `tax`, `service_charge`, `delivery_charge`, and one for each
    category of item that has its own. Amounts are in `currency`. `sold_at` is aware. `business_date` is a wish: most
    PMS post on their open day. `only` limits a second try to the lines that are still missing.
    """

    reference: str
    reservation_id: str
    guest_id: str
    room_number: str
    outlet_code: str
    pms_codes: Mapping[str, str]
    currency: str
    subtotal: Decimal
    check_number: str
    sold_at: datetime
    tax: Decimal = ZERO
    tip: Decimal = ZERO
    service_charge: Decimal = ZERO
    delivery_charge: Decimal = ZERO
    description: str = ""
    employee_id: str = ""
    business_date: date | None = None
    items: tuple[ChargeItem, ...] = ()
    itemised: bool = False
    tip_as_own_line: bool = True
    only: frozenset[str] | None = None

    @property
    def total(self) -> Decimal:
        """All that the guest pays for this check."""
        return self.subtotal + self.tax + self.tip + self.service_charge + self.delivery_charge

    def rest(self, missing: Sequence["ChargeLine"]) -> "ChargeDraft":
        """Return the draft of the lines that have not landed."""
        return replace(self, only=frozenset(line.key for line in missing))


@dataclass(frozen=True, slots=True)
class ChargeLine:
    """One line as it shall stand on the folio. `key` is stable for the same draft; `code` is the PMS's, or empty."""

    key: str
    kind: LineKind
    code: str
    amount: Decimal
    description: str
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class PostedLine:
    """One line as the PMS holds it.

    `amount` is signed: a reversal is negative. `business_date` is the day it counts for. `reference` and `check_number`
    are without the blanks that a PMS may pad them with. What the PMS does not tell is empty or None.
    """

    transaction_id: str
    reference: str
    amount: Decimal
    currency: str
    code: str = ""
    check_number: str = ""
    reservation_id: str = ""
    room_number: str = ""
    guest_name: str = ""
    business_date: date | None = None
    posted_at: datetime | None = None
    description: str = ""
    cashier: str = ""


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What a PMS holds of a charge. `surplus` are lines under its reference that were never asked for: posted twice,
    or by somebody else.
    """

    landed: Mapping[str, PostedLine]
    missing: tuple[ChargeLine, ...]
    surplus: tuple[PostedLine, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every line is there."""
        return bool(self.landed) and not self.missing

    @property
    def nothing(self) -> bool:
        """Whether no line is there; proof of absence only once the PMS has finished with the request."""
        return not self.landed and not self.surplus


@dataclass(frozen=True, slots=True)
class ChargeReceipt:
    """The PMS has the charge. `transaction_id` is of its first line; empty where the PMS does not tell one.

    `folio_balance` is the guest's after the charge, None where it costs another request. `mismatches` are sentences
    about what stands there different from what was sent.
    """

    reference: str
    transaction_id: str
    lines: tuple[PostedLine, ...]
    total: Decimal
    currency: str
    business_date: date | None = None
    folio_balance: Decimal | None = None
    mismatches: tuple[str, ...] = ()


def void_reference(reference: str) -> str:
    """Return what the reversal of a charge is found by."""
    return f"{reference}-VOID"


def restored_reference(reference: str) -> str:
    """Return what is found by it that was put back, because it was taken back more often than it stood."""
    return f"{reference}-BACK"


def charge_of(reference: str) -> str:
    """Return the reference of the charge that a reference of it, of its reversal or of what was put back belongs to."""
    return reference.removesuffix("-VOID").removesuffix("-BACK")


@dataclass(frozen=True, slots=True)
class VoidDraft:
    """A charge that shall no longer be owed: all lines under `reference`, sold at the aware `sold_at`.

    With `keep`, each of those lines stays once and only what equals one of them beyond that is taken back: a charge
    that the PMS holds twice. `charge` is the check as it was sent, which tells a discount from a reversal.
    """

    reference: str
    reservation_id: str
    lines: tuple[PostedLine, ...]
    currency: str
    check_number: str
    reason: str
    sold_at: datetime
    employee_id: str = ""
    keep: tuple[PostedLine, ...] = ()
    charge: ChargeDraft | None = None

    @property
    def void_reference(self) -> str:
        """What the reversal is found by."""
        return void_reference(self.reference)


@dataclass(frozen=True, slots=True)
class VoidReceipt:
    """Nothing of the charge is owed any more, or nothing twice. `found` says that it was so before this call.

    Where only a part was taken back, `left` is what is owed still and `refusal` says why. `excess` are reversals beyond
    what stood, as a proxy that repeats a request makes them: the guest is owed something now.
    """

    reference: str
    transaction_id: str
    lines: tuple[PostedLine, ...]
    found: bool = False
    left: tuple[PostedLine, ...] = ()
    refusal: Refused | None = None
    excess: tuple[PostedLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Folio:
    """A guest's bill now. `balance` is what is owed."""

    reservation_id: str
    balance: Decimal
    currency: str
    lines: tuple[PostedLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Preference:
    """Something the guest likes or must not have; `group` is the PMS's own word for the kind."""

    group: str
    code: str
    description: str


@dataclass(frozen=True, slots=True)
class GuestProfile:
    """Who a guest is, as the PMS keeps it over many stays. Empty where it is not kept."""

    guest_id: str
    name: str
    first_name: str
    last_name: str
    email: str = ""
    phone: str = ""
    language: str = ""
    vip_level: str = ""
    loyalty_number: str = ""
    preferences: tuple[Preference, ...] = ()
    allergies: tuple[str, ...] = ()


class VoidWay(StrEnum):
    """How a PMS takes a charge back."""

    NONE = "none"
    REVERSAL = "reversal"
    DELETION = "deletion"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a PMS can do through its connector; the conformance tests hold it to its word.

    `settle_seconds` is how long after a lost answer the PMS may still be posting: until then, not finding a charge
    proves nothing.
    """

    key_card_lookup: bool = False
    several_guests: bool = True
    no_post_flag: bool = False
    credit_limit: bool = False
    balance: bool = False
    itemised: bool = True
    tip_line: bool = True
    read_back: bool = False
    refuses_duplicates: bool = False
    void: VoidWay = VoidWay.NONE
    postings_of_day: bool = False
    folio: bool = False
    guest_profile: bool = False
    business_date: bool = False
    post_after_check_out: bool = False
    settle_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class PmsFacts:
    """What a connection test learns. `unknown_codes` are those of the outlets that the PMS does not have.

    With one of the `faults` charges are refused. `currency` is that of the bills, empty where the PMS does not tell it.
    """

    system: str
    version: str
    hotel: str
    business_date: date | None = None
    unknown_codes: tuple[str, ...] = ()
    currency: str = ""
    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default_factory=tuple)
