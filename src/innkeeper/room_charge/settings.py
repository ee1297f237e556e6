"""The option blocks of a property, as the specification names them: checked at the door, kept beside the columns."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from innkeeper.domain.errors import Invalid
from innkeeper.room_charge import printing
from innkeeper.room_charge.tables import PmsConfig

PMS_TYPES = (
    "house",
    "opera",
    "mews",
    "cloudbeds",
    "stayntouch",
    "protel",
    "infor_hms",
    "htng",
    "fias",
    "apaleo",
)
#: How the specification's own chapters call them.
_ALIASES = {"oracle_opera": "opera", "generic_htng": "htng"}

ProfileField = Literal["name", "email", "phone", "vip_level", "preferences", "allergies", "loyalty_number"]


class Block(BaseModel):
    """One block of options; a field that is left out has the specification's value."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Posting(Block):
    """How a check is posted. A signature is needed above the threshold where `require_signature` is on."""

    auto_post: bool = True
    require_signature: bool = False
    signature_threshold: Decimal = Field(Decimal("50.00"), ge=0, max_digits=12, decimal_places=4)
    include_itemized: bool = False
    tip_as_separate_line: bool = True


class Verification(Block):
    """What the waiter must and may do before posting."""

    require_name_confirm: bool = True
    allow_key_card_lookup: bool = True
    show_folio_balance: bool = False


class Retry(Block):
    """When a charge that could not be posted is tried again."""

    enabled: bool = True
    max_attempts: int = Field(3, ge=0, le=1000)
    interval_minutes: int = Field(5, ge=1, le=1440)
    alert_on_failure: bool = True


class Reconciling(Block):
    """When the day is compared with the PMS by itself."""

    auto_reconcile: bool = True
    reconcile_time: str = Field("03:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    alert_on_variance: bool = True


class Restrictions(Block):
    """Who may be charged how much and where. The limits stand in for those that the PMS does not tell."""

    block_if_credit_exceeded: bool = True
    block_if_checkout_today: bool = False
    allowed_outlets: tuple[str, ...] = ("REST", "BAR", "IRS")
    default_credit_limit: Decimal | None = Field(None, ge=0, max_digits=14, decimal_places=4)
    room_credit_limits: dict[str, Decimal] = Field(default_factory=dict)
    blocked_rooms: tuple[str, ...] = ()


class ProfileSync(Block):
    """What of a guest's profile comes over from the PMS."""

    enabled: bool = True
    sync_fields: tuple[ProfileField, ...] = (
        "name",
        "email",
        "phone",
        "vip_level",
        "preferences",
        "allergies",
        "loyalty_number",
    )
    create_local_profile: bool = True
    link_to_loyalty: bool = True
    preferences_import: tuple[str, ...] = ("dietary_restrictions", "seating_preferences", "favorite_items")


class Connection(BaseModel):
    """Where the PMS is. A connector's own fields may stand beside these; credentials never come out."""

    model_config = ConfigDict(extra="allow", frozen=True)

    pms_type: str = "house"
    api_url: str = Field("", max_length=500)
    property_code: str = Field("", max_length=50)
    timeout_seconds: float = Field(10, gt=0, le=120)
    credentials: dict[str, Any] | None = None

    @field_validator("pms_type")
    @classmethod
    def _known(cls, value: str) -> str:
        value = _ALIASES.get(value, value)
        if value not in PMS_TYPES:
            raise ValueError(f"This must be one of: {', '.join(PMS_TYPES)}.")
        return value

    @model_validator(mode="after")
    def _small(self) -> Self:
        if len(self.model_extra or {}) > 50:
            raise ValueError("That is too much for one connection.")
        return self


class Options(BaseModel):
    """All blocks of a property but the connection."""

    model_config = ConfigDict(frozen=True)

    posting: Posting = Posting()
    verification: Verification = Verification()
    retry: Retry = Retry()
    reconciliation: Reconciling = Reconciling()
    restrictions: Restrictions = Restrictions()
    guest_profile_sync: ProfileSync = ProfileSync()


class Outlet(Block):
    """One outlet. `pms_codes` are the PMS's own: charge, tip, tax, service_charge, delivery_charge, a cashier."""

    code: str = Field(min_length=1, max_length=20)
    name: str = Field(min_length=1, max_length=100)
    revenue_center: str = Field("", max_length=50)
    posting_description: str = Field("", max_length=100)
    auto_post: bool = True
    delivery_charge: Decimal | None = Field(None, ge=0, max_digits=12, decimal_places=4)
    is_active: bool = True
    pms_codes: dict[str, str] = Field(default_factory=dict)
    #: Where receipts are printed, such as tcp://192.168.1.50:9100, and the letters on a line of it.
    printer: str = Field("", max_length=200)
    printer_width: int = Field(42, ge=24, le=80)

    @field_validator("printer")
    @classmethod
    def _reachable(cls, value: str) -> str:
        if value.strip():
            try:
                printing.address(value)
            except Invalid as error:
                raise ValueError(error.detail) from None
        return value.strip()


#: The specification's outlets, for a property that has set none.
OUTLETS = (
    Outlet(code="REST", name="Main Restaurant", revenue_center="4100", posting_description="Restaurant"),
    Outlet(code="BAR", name="Lobby Bar", revenue_center="4200", posting_description="Bar/Lounge"),
    Outlet(
        code="IRS",
        name="In-Room Dining",
        revenue_center="4300",
        posting_description="In-Room Dining",
        delivery_charge=Decimal("5.00"),
    ),
    Outlet(code="POOL", name="Pool Bar", revenue_center="4400", posting_description="Pool Bar"),
    Outlet(code="MINI", name="Minibar", revenue_center="4500", posting_description="Minibar"),
)

BLOCKS = tuple(Options.model_fields)


def options_of(row: PmsConfig | None) -> Options:
    """Return a property's options; what it never set is the specification's."""
    if row is None:
        return Options()
    kept = dict(row.options)
    posting = {
        **kept.get("posting", {}),
        "auto_post": row.auto_post,
        "require_signature": row.require_signature,
        "signature_threshold": row.signature_threshold,
    }
    retry = {
        **kept.get("retry", {}),
        "max_attempts": row.max_retries,
        "interval_minutes": row.retry_interval_minutes,
    }
    return Options.model_validate({**kept, "posting": posting, "retry": retry})


def origin(pms_type: str, api_url: str, property_code: str) -> str:
    """Return what tells one PMS from another: its kind, its hotel and its address."""
    return " ".join(filter(None, (pms_type, property_code.strip(), api_url.strip().rstrip("/"))))


def origin_of(row: PmsConfig | None) -> str:
    """Return the origin of a property's PMS."""
    return origin(row.pms_type, row.api_url, row.property_code) if row else origin("house", "", "")


def outlets_of(row: PmsConfig | None) -> Mapping[str, Outlet]:
    """Return a property's outlets by code: the specification's where nothing was ever set, none where none are left."""
    outlets = OUTLETS if row is None else [Outlet.model_validate(one) for one in row.outlets]
    return {outlet.code: outlet for outlet in outlets}


def apply(row: PmsConfig, options: Options) -> None:
    """Write the options into the row's columns."""
    row.auto_post = options.posting.auto_post
    row.require_signature = options.posting.require_signature
    row.signature_threshold = options.posting.signature_threshold
    row.max_retries = options.retry.max_attempts
    row.retry_interval_minutes = options.retry.interval_minutes
    row.options = {**options.model_dump(mode="json"), "connection": dict(row.options.get("connection", {}))}


def new_row(property_id: Any) -> PmsConfig:
    """Return the row of a property that has set nothing: its own books, the specification's options and outlets."""
    row = PmsConfig(property_id=property_id, pms_type="house", api_url="", property_code="", options={})
    row.outlets = [outlet.model_dump(mode="json") for outlet in OUTLETS]
    row.is_active = True
    apply(row, Options())
    return row
