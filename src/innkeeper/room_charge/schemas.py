"""What crosses the API of room charge."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool

from innkeeper.domain.charge import ZERO, ChargeItem
from innkeeper.domain.errors import FieldError, Invalid
from innkeeper.domain.money import check_currency, format_amount, parse_amount
from innkeeper.room_charge import settings, signatures
from innkeeper.room_charge.order import Order
from innkeeper.room_charge.tables import PostingAttempt, QueueEntry, RoomCharge

T = TypeVar("T")


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("This holds characters that cannot be printed.")
    return text


def _stripped(given: object) -> object:
    return given.strip() if isinstance(given, str) else given


#: Without the blanks around it, which are taken off before its length is looked at.
Text = Annotated[str, BeforeValidator(_stripped), AfterValidator(_printable)]


def _written(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):  # a float is not exactly what was meant
        raise ValueError('Write the amount as text in the currency\'s digits, such as "105.00".')
    return value


#: An amount in the currency's digits, such as "105.00"; a whole number may stand without quotes.
Amount = Annotated[
    str,
    BeforeValidator(_written, json_schema_input_type=str | int),
    Field(description='In the currency\'s digits, such as "105.00".'),
]


class Body(BaseModel):
    """A body that we take. Fields that only answers have are passed over."""

    model_config = ConfigDict(extra="ignore", str_max_length=1_000_000)


class Page(BaseModel, Generic[T]):
    """A part of a list."""

    items: Sequence[T]
    total: int
    limit: int
    offset: int


# --- settings ---------------------------------------------------------------------------------------------------------


#: What reading the settings gives besides the blocks; sent back, it is passed over.
ReadOnly = Annotated[Any, Field(None, json_schema_extra={"readOnly": True})]


class ConfigIn(Body):
    """The option blocks; a block that is given replaces the one before. A name that there is not is refused."""

    model_config = ConfigDict(extra="forbid", str_max_length=1_000_000)

    connection: settings.Connection | None = None
    posting: settings.Posting | None = None
    verification: settings.Verification | None = None
    retry: settings.Retry | None = None
    reconciliation: settings.Reconciling | None = None
    restrictions: settings.Restrictions | None = None
    guest_profile_sync: settings.ProfileSync | None = None
    is_active: bool | None = None
    supported: ReadOnly = None
    created_at: ReadOnly = None
    updated_at: ReadOnly = None

    def blocks(self) -> dict[str, settings.Block]:
        """Return the blocks that were given."""
        given = {name: getattr(self, name) for name in settings.BLOCKS}
        return {name: block for name, block in given.items() if block is not None}


class TestOut(BaseModel):
    """What a connection test found."""

    success: bool
    message: str
    code: str | None = None
    system: str | None = None
    version: str | None = None
    hotel: str | None = None
    business_date: date | None = None
    currency: str | None = None
    unknown_codes: Sequence[str] = ()
    findings: Sequence[str] = ()
    capabilities: dict[str, Any] = Field(default_factory=dict)


# --- charges ----------------------------------------------------------------------------------------------------------


class KeyCardIn(Body):
    """What the reader gives of a key card."""

    key_card: str = Field(min_length=1, max_length=200)


class ItemIn(Body):
    """One line of the check; the amount is for all of the quantity, without its tax."""

    description: Text = Field("", max_length=200)
    quantity: int = Field(1, ge=-10_000, le=10_000)
    amount: Amount
    tax: Amount = "0"
    category: Text = Field("", max_length=50)


class PostIn(Body):
    """A check to be charged to a room. `pos_reference` stands for it for ever."""

    pos_reference: Text = Field(min_length=1, max_length=100)
    room_number: Text = Field(min_length=1, max_length=20)
    guest_id: Text | None = Field(None, max_length=100)
    reservation_id: Text | None = Field(None, max_length=100)
    outlet_code: Text = Field(min_length=1, max_length=20)
    check_number: Text = Field(min_length=1, max_length=50)
    subtotal: Amount
    tax: Amount = "0"
    tip: Amount = "0"
    service_charge: Amount = "0"
    #: Left out, what the outlet asks for; "0" waives it.
    delivery_charge: Amount | None = None
    currency: Text | None = Field(None, max_length=3)
    items: Sequence[ItemIn] = Field((), max_length=500)
    description: Text = Field("", max_length=200)
    employee_id: Text = Field("", max_length=50)
    guest_confirmed: StrictBool = False
    signature: str | None = None
    override_credit: StrictBool = False
    queue_on_failure: StrictBool = True
    #: The check was charged to this guest today already, and shall be once more.
    allow_repeat: StrictBool = False
    timestamp: AwareDatetime | None = None
    location_id: UUID | None = None
    order_id: UUID | None = None

    def order(self, currency: str, now: datetime) -> Order:
        """Return what is asked, in the body's currency or the hotel's. Raises Invalid, Refusal."""
        currency = check_currency(self.currency or currency)
        errors: list[FieldError] = []

        def amount(name: str, text: str) -> Decimal:
            try:
                return parse_amount(text, currency, name)
            except Invalid as error:
                errors.extend(error.errors)
                return ZERO

        names = ("subtotal", "tax", "tip", "service_charge", "delivery_charge")
        given = {name: getattr(self, name) for name in names}
        amounts = {name: ZERO if text is None else amount(name, text) for name, text in given.items()}
        items = tuple(
            ChargeItem(
                item.description,
                item.quantity,
                amount(f"items[{n}].amount", item.amount),
                amount(f"items[{n}].tax", item.tax),
                item.category,
            )
            for n, item in enumerate(self.items)
        )
        if errors:
            raise Invalid(errors[0].message, errors=errors)
        return Order(
            pos_reference=self.pos_reference,
            room_number=self.room_number,
            guest_id=self.guest_id or None,
            reservation_id=self.reservation_id or None,
            outlet_code=self.outlet_code,
            check_number=self.check_number,
            currency=currency,
            subtotal=amounts["subtotal"],
            tax=amounts["tax"],
            tip=amounts["tip"],
            service_charge=amounts["service_charge"],
            delivery_charge=amounts["delivery_charge"],
            delivery_named=self.delivery_charge is not None,
            items=items,
            description=self.description,
            employee_id=self.employee_id,
            guest_confirmed=self.guest_confirmed,
            signature=signatures.decode(self.signature) if self.signature else None,
            override_credit=self.override_credit,
            queue_on_failure=self.queue_on_failure,
            allow_repeat=self.allow_repeat,
            sold_at=self.timestamp or now,
            location_id=self.location_id,
            order_id=self.order_id,
        )


class SplitIn(PostIn):
    """A check of which a part goes to the room: the amount that is named, or what fits."""

    room_amount: Amount | None = None


class AttemptOut(BaseModel):
    """One thing that was asked of the PMS, or that a person decided."""

    at: datetime
    step: str
    outcome: str
    code: str | None
    message: str
    duration_ms: int

    @classmethod
    def of(cls, row: PostingAttempt) -> "AttemptOut":
        """Return the attempt as it is shown."""
        return cls.model_validate(row, from_attributes=True)


class PostingOut(BaseModel):
    """A charge as it stands."""

    id: UUID
    pos_reference: str
    posting_status: str
    room_number: str
    guest_name: str
    guest_id: str | None
    reservation_id: str | None
    outlet_code: str
    check_number: str
    description: str
    employee_id: str
    subtotal: str
    tax: str
    tip: str
    service_charge: str
    delivery_charge: str
    total: str
    currency: str
    reference: str
    pms_transaction_id: str | None
    folio_balance: str | None
    retry_count: int
    last_retry_at: datetime | None
    next_attempt_at: datetime | None
    failure_code: str | None
    failure_reason: str | None
    in_doubt: bool
    #: Whether it may still be sent, by itself or by a manager.
    owed: bool
    verified_by: str | None
    signature_hash: str | None
    credit_override: bool
    void_reason: str | None
    voided_by: str | None
    voided_at: datetime | None
    settled_by: str | None
    business_date: date | None
    sold_at: datetime
    posted_at: datetime | None
    created_at: datetime
    attempts: Sequence[AttemptOut] = ()

    @classmethod
    def of(
        cls, row: RoomCharge, attempts: Sequence[PostingAttempt] = (), *, shows_balance: bool = True
    ) -> "PostingOut":
        """Return the charge as it is shown; without its folio's balance where the reader may not see it."""

        def money(amount: Decimal) -> str:
            return format_amount(amount, row.currency)

        names = ("subtotal", "tax", "tip", "service_charge", "delivery_charge", "total")
        plain = {name for name in cls.model_fields if name not in (*names, "folio_balance", "attempts", "verified_by")}
        balance = row.folio_balance if shows_balance else None
        return cls(
            **{name: getattr(row, name) for name in plain},
            **{name: money(getattr(row, name)) for name in names},
            folio_balance=None if balance is None else money(balance),
            verified_by=row.verified_by_name or None,
            attempts=[AttemptOut.of(one) for one in attempts],
        )


class SplitOut(BaseModel):
    """What of a check went to the room, and what remains for another tender."""

    posting: PostingOut
    room_amount: str
    remaining_amount: str
    currency: str


class VoidIn(Body):
    """Why a charge is taken back."""

    reason: str = Field("", max_length=300)


class TakeBackIn(VoidIn):
    """Why a charge is taken back; by hand with the number that the PMS gave the reversal, or as `removed` there."""

    pms_transaction_id: str = Field("", max_length=100)
    removed: bool = False


class SettleIn(Body):
    """A manager's word on a charge in doubt."""

    landed: StrictBool
    evidence: str = Field("", max_length=2000)


class OverrideIn(Body):
    """The number that a charge got when somebody posted it in the PMS by hand."""

    pms_transaction_id: str = Field("", max_length=100)
    reason: str = Field("", max_length=500)


class QueueOut(BaseModel):
    """One entry of the posting queue."""

    id: UUID
    room_charge_id: UUID
    status: str
    posting_status: str
    in_doubt: bool
    room_number: str
    guest_name: str
    outlet_code: str
    check_number: str
    amount: str
    currency: str
    attempts: int
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    response_code: str | None
    response_message: str | None
    business_date: date | None
    created_at: datetime
    completed_at: datetime | None

    @classmethod
    def of(cls, entry: QueueEntry, row: RoomCharge) -> "QueueOut":
        """Return the entry as it is shown."""
        own = """id room_charge_id status attempts last_attempt_at next_attempt_at response_code response_message
        created_at completed_at"""
        theirs = """posting_status in_doubt room_number guest_name outlet_code check_number currency business_date"""
        return cls(
            **{name: getattr(entry, name) for name in own.split()},
            **{name: getattr(row, name) for name in theirs.split()},
            amount=format_amount(row.total, row.currency),
        )


class PmsStateOut(BaseModel):
    """How the PMS stood when it was last spoken to."""

    status: str
    last_contact_at: datetime | None
    last_failure_at: datetime | None
    last_failure: str | None


class QueuePage(Page[QueueOut]):
    """The queue, and how its PMS stands."""

    pms: PmsStateOut


class MailIn(Body):
    """Where the receipt goes; the guest's own address when left out."""

    to: str = Field("", max_length=254)


class ExportIn(Body):
    """The charges of a day that the PMS lost and that are to be posted again, and why."""

    posting_ids: Sequence[UUID] = Field((), max_length=500)
    reason: str = Field("", max_length=300)


class SignOffIn(Body):
    """What the auditor says about differences that stay."""

    note: str = Field("", max_length=2000)


class ReopenIn(Body):
    """Why a signed day is opened again."""

    reason: str = Field("", max_length=1000)
