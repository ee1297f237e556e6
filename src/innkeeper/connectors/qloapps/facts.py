"""What has to be known of a shop before its bookings can be read or written."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from innkeeper.connectors.qloapps import shop_time
from innkeeper.domain.stay import Stay

#: `configurations` that are read, in one request. The order states by meaning are the shop's own settings.
CONFIGURATION_NAMES = (
    "QLO_VERSION_DB",
    "PS_TIMEZONE",
    "PS_CURRENCY_DEFAULT",
    "PS_LANG_DEFAULT",
    "PS_ONE_PHONE_AT_LEAST",
    "PS_OS_AWAITING_PAYMENT",
    "PS_OS_PAYMENT_ACCEPTED",
    "PS_OS_PARTIAL_PAYMENT_ACCEPTED",
    "PS_OS_CANCELED",
    "PS_OS_REFUND",
)

#: The version with the stay price fault: a room price sent for N >= 2 nights is stored times N/(N-1) [170/121].
FAULTY_VERSIONS = frozenset({"1.7.0", "1.7.0.0"})


@dataclass(frozen=True, slots=True)
class OrderStates:
    """Ids of order states by meaning; the defaults are those of a shop as installed [069]."""

    awaiting: int = 1
    paid: int = 2
    cancelled: int = 4
    refunded: int = 5
    partial: int = 8

    @classmethod
    def from_configurations(cls, values: Mapping[str, str]) -> "OrderStates":
        """Return the ids, taking the default for a setting that the shop does not show."""

        def state(name: str, default: int) -> int:
            text = values.get(name, "")
            return int(text) if text.isdigit() and int(text) else default

        return cls(
            awaiting=state("PS_OS_AWAITING_PAYMENT", cls().awaiting),
            paid=state("PS_OS_PAYMENT_ACCEPTED", cls().paid),
            cancelled=state("PS_OS_CANCELED", cls().cancelled),
            refunded=state("PS_OS_REFUND", cls().refunded),
            partial=state("PS_OS_PARTIAL_PAYMENT_ACCEPTED", cls().partial),
        )


@dataclass(frozen=True, slots=True)
class ShopFacts:
    """The zone, currencies and order states of a shop: what reading a booking takes.

    `version` is empty where the shop does not tell it. `currencies` maps ids to ISO codes.
    """

    timezone: str
    version: str
    default_currency_id: int
    default_language_id: int
    phone_required: bool
    states: OrderStates
    currencies: Mapping[int, str]

    @property
    def zone(self) -> ZoneInfo:
        """The shop's zone; UTC when its name is not one of the world's."""
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            return ZoneInfo("UTC")

    @property
    def price_fault(self) -> bool:
        """Whether this exact version multiplies the price of a stay (see FAULTY_VERSIONS)."""
        return self.version in FAULTY_VERSIONS

    def forgets_last_night(self, stay: Stay) -> bool:
        """Whether a price that is sent for the stay leaves out its last night: see last_night.py."""
        if not self.price_fault or stay.nights < 1:
            return False
        return shop_time.a_day_before(stay.check_out, self.zone) != stay.last_night

    @property
    def is_snapshot(self) -> bool:
        """Whether this is the 2024 snapshot, which alone does not tell its version."""
        return not self.version

    def currency(self, currency_id: int) -> str | None:
        """Return the ISO code of a currency id, None when it is not known (yet)."""
        return self.currencies.get(currency_id)

    def to_json(self) -> dict[str, Any]:
        """Return the facts as plain JSON."""
        plain = asdict(self)
        plain["currencies"] = {str(k): v for k, v in self.currencies.items()}
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> "ShopFacts":
        """Return the facts from to_json. Raises KeyError, TypeError or ValueError when they are not that."""
        return cls(
            timezone=str(plain["timezone"]),
            version=str(plain["version"]),
            default_currency_id=int(plain["default_currency_id"]),
            default_language_id=int(plain["default_language_id"]),
            phone_required=bool(plain["phone_required"]),
            states=OrderStates(**plain["states"]),
            currencies={int(k): str(v) for k, v in plain["currencies"].items()},
        )
