"""Constants and connection settings of the QloApps connector."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from innkeeper.domain.errors import Invalid

DEFAULT_TIMEOUT_SECONDS = 30.0
MAX_RETRIES = 3
RETRY_DELAY_SECONDS = 1.0
RATE_LIMIT_REQUESTS_PER_MINUTE = 60

DEFAULT_SYNC_INTERVAL_MINUTES = 15
MIN_SYNC_INTERVAL_MINUTES = 5
MAX_SYNC_INTERVAL_MINUTES = 60

BOOKING_BATCH_SIZE = 50
ROOM_TYPE_BATCH_SIZE = 20

AVAILABILITY_FUTURE_DAYS = 365
RATE_FUTURE_DAYS = 365
BOOKING_LOOKBACK_DAYS = 7

# What `booking_status` and `payment_status` mean in a booking that is written; neither is ever read back.
BOOKING_STATUS_NEW = 1
BOOKING_STATUS_COMPLETED = 2
BOOKING_STATUS_CANCELLED = 3
BOOKING_STATUS_REFUNDED = 4
PAYMENT_STATUS_COMPLETED = 1
PAYMENT_STATUS_PARTIAL = 2
PAYMENT_STATUS_AWAITING = 3

#: `orders.source` of a booking that we made: this and our reference.
REFERENCE_PREFIX = "innkeeper:"
#: `orders.source` of a booking that only closes rooms: this and whatever names the block.
BLOCK_PREFIX = "innkeeper-block:"

#: Rows of a list request. Larger than ID_CHUNK, so that a list seldom costs a second request.
ORDER_LIST_SIZE = 1000
LINE_LIST_SIZE = 2000
#: Ids in one filter; 400 ids of seven digits are 4 kB of address, half of what web servers take.
ID_CHUNK = 400
#: How far behind the newest timestamp a poll starts: rows are stamped before they are committed.
OVERLAP_SECONDS = 60

BREAKER_THRESHOLD = 5
BREAKER_SECONDS = 30.0

KEY_LENGTH = 32


@dataclass(frozen=True, slots=True)
class QloAppsSettings:
    """How to reach one hotel of one QloApps. `base_url` may end with or without /api; the key is never shown."""

    base_url: str
    api_key: str = field(repr=False)
    hotel_id: int
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    order_list_size: int = ORDER_LIST_SIZE
    line_list_size: int = LINE_LIST_SIZE
    id_chunk: int = ID_CHUNK
    overlap_seconds: int = OVERLAP_SECONDS
    max_retries: int = MAX_RETRIES
    retry_delay_seconds: float = RETRY_DELAY_SECONDS
    phone_placeholder: str = "0000000000"

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> "QloAppsSettings":
        """Return the settings, ignoring what is not ours. Raises Invalid, naming the field, when one is missing."""
        for name in ("base_url", "api_key", "hotel_id"):
            if not settings.get(name):
                raise Invalid.field(name, f"{name} is needed to reach QloApps.")
        known = {name: settings[name] for name in cls.__dataclass_fields__ if settings.get(name) is not None}
        known["hotel_id"] = int(known["hotel_id"])
        return cls(**known)

    @property
    def api_url(self) -> str:
        """The address of the web service, ending in /api. Raises Invalid when it is no http(s) address."""
        parts = urlsplit(self.base_url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise Invalid.field(
                "base_url", "The address must look like https://hotel.example or https://hotel.example/shop."
            )
        if parts.username or parts.password:
            raise Invalid.field("base_url", "The address must not hold a name or key; the key has its own field.")
        path = parts.path.rstrip("/").removesuffix("/api").rstrip("/")
        return f"{parts.scheme}://{parts.netloc}{path}/api"
