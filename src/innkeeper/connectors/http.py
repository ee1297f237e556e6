"""What every connector's HTTP has in common: who caused a request, what may be logged of it, how XML is read safely."""

import email.utils
import json
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx2
from lxml import etree

#: The id of the request or job that causes the calls; it travels with them as X-Request-Id.
request_id: ContextVar[str | None] = ContextVar("innkeeper_request_id", default=None)

#: Transport failures after which it is certain that the other side has not seen the request.
NOT_SENT: tuple[type[Exception], ...] = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
)

#: Fields that no log, error or caller may ever see, in any resource of any system.
SECRET_FIELDS = (
    "passwd",
    "password",
    "secure_key",
    "reset_password_token",
    "reset_password_validity",
    "last_passwd_gen",
    "ws_key",
)

REDACTED = "[removed]"

_NAMES = "|".join(SECRET_FIELDS)
_JSON_SECRET = re.compile(rf'"(ps_[a-z_]*token|{_NAMES})"(\s*:\s*)("(?:[^"\\]|\\.)*"|[^,}}\]\s]+)', re.IGNORECASE)
_XML_SECRET = re.compile(rf"<(ps_[a-z_]*token|{_NAMES})(\s[^>]*)?>.*?</\1>", re.IGNORECASE | re.DOTALL)
_QUERY_SECRET = re.compile(r"((?:filter%5Bemail%5D|filter\[email\]|ws_key)=)[^&]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, fit for a log: without keys, password hashes or the e-mail that was searched for.

    `status` is None when no answer came, and `error` then names the kind of failure. Bodies may hold guests' data.
    """

    method: str
    path: str
    status: int | None
    duration_ms: float
    request_body: str
    response_body: str
    error: str | None = None


#: Is told of each exchange; must not raise.
ExchangeListener = Callable[[Exchange], None]


def redact(body: str) -> str:
    """Return the JSON or XML text with the values of every secret field removed."""
    without = _JSON_SECRET.sub(rf'"\1"\2"{REDACTED}"', body)
    return _XML_SECRET.sub(rf"<\1>{REDACTED}</\1>", without)


def redact_path(path: str) -> str:
    """Return the path and query without a key or an e-mail address in it."""
    return _QUERY_SECRET.sub(rf"\1{REDACTED}", path)


def load_json(body: bytes) -> Any:
    """Return the parsed JSON without the secret fields, at any depth. Raises ValueError when it is no JSON."""
    document = json.loads(body)
    lowered = body.lower()
    # looked for first, since walking thousands of rows costs more than parsing them
    return without_secrets(document) if any(name.encode() in lowered for name in SECRET_FIELDS) else document


def without_secrets(document: Any) -> Any:
    """Return the parsed JSON without the secret fields, at any depth."""
    if isinstance(document, dict):
        return {k: without_secrets(v) for k, v in document.items() if k.lower() not in SECRET_FIELDS}
    if isinstance(document, list):
        return [without_secrets(item) for item in document]
    return document


def parse_xml(body: bytes) -> etree._Element:
    """Return the root of an XML answer. Entities and network are off. Raises ValueError when it is no XML."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(f"not XML: {error.msg}") from error
    docinfo: Any = root.getroottree().docinfo
    if docinfo.doctype:
        raise ValueError("an XML answer with a document type is not accepted")
    return root


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return how long the other side asks to wait: a number of seconds or an HTTP date; None when it says nothing."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return max(0.0, (moment - now).total_seconds()) if moment.tzinfo else None
