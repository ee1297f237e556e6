"""Connection settings of the OPERA connector."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from innkeeper.domain.errors import Invalid

CLIENT_CREDENTIALS = "client_credentials"
PASSWORD = "password"  # noqa: S105  the name of an OAuth grant

#: Most rows that `financialPostings` gives at once (csh.json, getFinancialPostings). Some environments allow less.
PAGE_SIZE = 50
SMALL_PAGE_SIZE = 20
#: Days that one request for postings may span (csh.json).
MAX_DAYS = 30
#: How long OPERA may still work on a request whose answer was lost.
SETTLE_SECONDS = 60.0

_NEEDED = {
    CLIENT_CREDENTIALS: ("client_id", "client_secret", "app_key", "scope", "enterprise_id"),
    PASSWORD: ("client_id", "client_secret", "app_key", "username", "password"),
}


@dataclass(frozen=True, slots=True)
class OperaSettings:
    """How to reach one hotel of one OPERA Cloud environment; secrets are never shown.

    `api_url` is the gateway of the environment. `cashier_id` is the integration user's cashier. With
    `apply_routing` the reservation's routing instructions decide on whose bill a charge lands. `reservation_in_body`
    repeats the reservation id in the body as Oracle's longer samples do; their shortest has it in the address alone.
    """

    api_url: str
    property_code: str
    client_id: str
    client_secret: str = field(repr=False)
    app_key: str = field(repr=False)
    grant_type: str = CLIENT_CREDENTIALS
    scope: str = ""
    enterprise_id: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    cashier_id: int | None = None
    external_system: str = ""
    timeout_seconds: float = 10.0
    page_size: int = PAGE_SIZE
    apply_routing: bool = True
    reservation_in_body: bool = False
    settle_seconds: float = SETTLE_SECONDS
    breaker_threshold: int = 8
    breaker_seconds: float = 15.0
    allergy_groups: tuple[str, ...] = ("ALLERGY", "ALLERGIES", "ALG")

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> "OperaSettings":
        """Return the settings from the `connection` block of `/api/pms/config`, or from a flat mapping.

        Unknown names are ignored. Raises Invalid, naming the field, when something needed is missing or unusable.
        """
        flat = {**settings, **(settings.get("credentials") or {})}
        grant = flat.get("grant_type") or (PASSWORD if flat.get("username") else CLIENT_CREDENTIALS)
        if grant not in _NEEDED:
            raise Invalid.field("grant_type", "The grant must be client_credentials or password.")
        for name in ("api_url", "property_code", *_NEEDED[grant]):
            if not flat.get(name):
                raise Invalid.field(name, f"{name} is needed to reach OPERA Cloud with the grant {grant}.")
        known = {name: flat[name] for name in cls.__dataclass_fields__ if flat.get(name) not in (None, "")}
        known["grant_type"] = grant
        known["api_url"] = _address(str(known["api_url"]))
        if "cashier_id" in known:
            known["cashier_id"] = _number(known["cashier_id"], "cashier_id")
        if "allergy_groups" in known:
            known["allergy_groups"] = tuple(known["allergy_groups"])
        return cls(**known)


def _address(url: str) -> str:
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise Invalid.field("api_url", "The address must look like https://gateway.example; the portal shows it.")
    if parts.username or parts.password:
        raise Invalid.field("api_url", "The address must not hold a name or password; they have their own fields.")
    return url.strip().rstrip("/")


def _number(value: Any, name: str) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise Invalid.field(name, f"{name} must be a number.") from None
