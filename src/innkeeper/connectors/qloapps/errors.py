"""What can go wrong with QloApps, and the table that says what each failure means and who must act."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import ClassVar

from innkeeper.domain.outcome import Actor, Later, Refused


class QloAppsError(Exception):
    """QloApps did not do what was asked; nothing in it is secret or a guest's.

    `code` is the plan's, one for each class, for whoever must tell them apart and no more; `reason` is the finer cause,
    a key of POLICY, and what an Outcome bears as its code.

    QloAppsError                  answers that fit none of the following: 500, `Fatal error`, cut off, not QloApps
     ├── QloAppsAuthenticationError   AUTH_ERROR        the key, or what it may do
     ├── QloAppsNotFoundError         NOT_FOUND         404 without a body
     ├── QloAppsValidationError       VALIDATION_ERROR  400: QloApps names what it does not take
     ├── QloAppsRateLimitError        RATE_LIMIT        429, from a proxy; QloApps itself has no limit
     └── QloAppsConnectionError       CONNECTION_ERROR  no answer at all
    """

    #: The plan's code; a failure that the plan has no class for has its reason as its code.
    CODE: ClassVar[str] = ""

    def __init__(
        self, message: str, reason: str = "SERVER_ERROR", status_code: int | None = None, operation: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.code = self.CODE or reason
        self.status_code = status_code
        self.operation = operation
        self.retry_after: float | None = None


class QloAppsAuthenticationError(QloAppsError):
    """The key is refused, or it lacks a right."""

    CODE = "AUTH_ERROR"

    def __init__(
        self,
        message: str = "Authentication failed",
        reason: str = CODE,
        status_code: int | None = 401,
        operation: str = "",
    ) -> None:
        super().__init__(message, reason, status_code, operation)


class QloAppsNotFoundError(QloAppsError):
    """QloApps does not know the record."""

    CODE = "NOT_FOUND"

    def __init__(self, resource: str, id: int | str, operation: str = "") -> None:  # noqa: A002  the plan's name
        super().__init__(f"{resource} with id {id} not found", self.CODE, 404, operation)


class QloAppsValidationError(QloAppsError):
    """QloApps read the request and refuses it; nothing was done."""

    CODE = "VALIDATION_ERROR"

    def __init__(
        self,
        message: str,
        validation_errors: Sequence[str] = (),
        reason: str = CODE,
        status_code: int | None = 400,
        operation: str = "",
    ) -> None:
        super().__init__(message, reason, status_code, operation)
        self.validation_errors = tuple(validation_errors)


class QloAppsRateLimitError(QloAppsError):
    """Too many requests; `retry_after` says in how many seconds to ask again, when it was said."""

    CODE = "RATE_LIMIT"

    def __init__(self, retry_after: float | None = None, operation: str = "") -> None:
        hint = f". Retry after {retry_after:g}s" if retry_after is not None else ""
        super().__init__(f"Rate limit exceeded{hint}", self.CODE, 429, operation)
        self.retry_after = retry_after


class QloAppsConnectionError(QloAppsError):
    """No answer came: nothing was sent (CONNECTION_ERROR, CIRCUIT_OPEN), or nobody knows (TIMEOUT, LINE_DROPPED)."""

    CODE = "CONNECTION_ERROR"

    def __init__(self, message: str = "Failed to connect to QloApps", reason: str = CODE, operation: str = "") -> None:
        super().__init__(message, reason, None, operation)


class Proof(Enum):
    """What a failed write says about whether it was carried out."""

    NOTHING_DONE = auto()
    """The answer itself proves that nothing was done."""
    LOOKING_SETTLES = auto()
    """QloApps has finished with the request: what can be read now is how it ended."""
    STILL_OPEN = auto()
    """QloApps may be working on it still: finding it proves that it was done, not finding it proves nothing."""


class Kind(Enum):
    """Which outcome a failure becomes when nothing was done."""

    REFUSED = auto()
    LATER = auto()


@dataclass(frozen=True, slots=True)
class Policy:
    """One row of the failure policy."""

    kind: Kind
    proof: Proof
    who: Actor
    sentence: str


_GRANT = "In the QloApps back office: Advanced Parameters > Webservice, open the key"

#: The failure policy. Sources: WEBSERVICE.md sections 1, 5, 6 and 10; 429, 502, 503 and 504 are a proxy's or a host's.
POLICY: Mapping[str, Policy] = {
    "AUTH_ERROR": Policy(
        Kind.REFUSED,
        Proof.NOTHING_DONE,
        Actor.ADMIN,
        "QloApps does not accept the key. In its back office: Advanced Parameters > Webservice, see that the key is "
        "enabled and copy its 32 characters again.",
    ),
    "MISSING_PERMISSION": Policy(
        Kind.REFUSED,
        Proof.NOTHING_DONE,
        Actor.ADMIN,
        f"The key lacks a right that is needed. {_GRANT} and tick the right named in the detail.",
    ),
    "METHOD_FORBIDDEN": Policy(
        Kind.REFUSED,
        Proof.NOTHING_DONE,
        Actor.VENDOR,
        "This QloApps does not offer an operation that Innkeeper needs.",
    ),
    "UNKNOWN_RESOURCE": Policy(
        Kind.REFUSED,
        Proof.NOTHING_DONE,
        Actor.VENDOR,
        "This QloApps does not have a resource that Innkeeper needs; its version may be too old.",
    ),
    "WRONG_ADDRESS": Policy(
        Kind.REFUSED,
        Proof.NOTHING_DONE,
        Actor.ADMIN,
        "The address does not lead to the QloApps web service. Use exactly the shop's own domain and http or https as "
        "the shop does; QloApps sends every other name to its front page.",
    ),
    "HOST_WITHOUT_PORT": Policy(
        Kind.REFUSED,
        Proof.NOTHING_DONE,
        Actor.ADMIN,
        "QloApps sends us to the very address that was asked: its web server hands PHP the host name without the port. "
        "In nginx write `fastcgi_param HTTP_HOST $http_host;` beside fastcgi_params.",
    ),
    "WEBSERVICE_DISABLED": Policy(
        Kind.LATER,
        Proof.NOTHING_DONE,
        Actor.ADMIN,
        "The web service is switched off in QloApps: Advanced Parameters > Webservice > Enable webservice.",
    ),
    "MAINTENANCE": Policy(Kind.LATER, Proof.NOTHING_DONE, Actor.NOBODY, "QloApps is down for maintenance."),
    "GATEWAY": Policy(
        Kind.LATER, Proof.STILL_OPEN, Actor.NOBODY, "The server before QloApps got no answer from it in time."
    ),
    "RATE_LIMIT": Policy(Kind.LATER, Proof.NOTHING_DONE, Actor.NOBODY, "QloApps' host asks us to slow down."),
    "CONNECTION_ERROR": Policy(
        Kind.LATER, Proof.NOTHING_DONE, Actor.NOBODY, "QloApps cannot be reached; nothing was sent."
    ),
    "CIRCUIT_OPEN": Policy(
        Kind.LATER, Proof.NOTHING_DONE, Actor.NOBODY, "QloApps failed several times in a row and is left alone a while."
    ),
    "TIMEOUT": Policy(Kind.LATER, Proof.STILL_OPEN, Actor.NOBODY, "QloApps did not answer in time."),
    "LINE_DROPPED": Policy(
        Kind.LATER, Proof.STILL_OPEN, Actor.NOBODY, "The line to QloApps dropped before it answered."
    ),
    "SERVER_ERROR": Policy(
        Kind.LATER, Proof.LOOKING_SETTLES, Actor.VENDOR, "QloApps failed inside and did not say why (HTTP 500)."
    ),
    "PHP_WARNING": Policy(
        Kind.REFUSED,
        Proof.LOOKING_SETTLES,
        Actor.ADMIN,
        "QloApps' PHP reports a warning instead of the result. Its host must leave E_WARNING and E_NOTICE out of PHP's "
        "error_reporting; on the 2024 version customer groups must be priced with tax.",
    ),
    "BROKEN_ANSWER": Policy(
        Kind.LATER, Proof.STILL_OPEN, Actor.VENDOR, "QloApps' answer was cut off or is not one of its own."
    ),
    "FATAL_ERROR": Policy(
        Kind.REFUSED,
        Proof.LOOKING_SETTLES,
        Actor.FRONT_DESK,
        "QloApps cannot store a value of this booking, usually the e-mail address (it answers only 'Fatal error').",
    ),
    "NOT_AVAILABLE": Policy(
        Kind.REFUSED,
        Proof.NOTHING_DONE,
        Actor.FRONT_DESK,
        "QloApps has no free room of this type on these dates, or its minimum stay forbids them.",
    ),
    "INVALID_GUEST": Policy(
        Kind.REFUSED, Proof.NOTHING_DONE, Actor.FRONT_DESK, "QloApps does not accept the guest's name, e-mail or phone."
    ),
    "CURRENCY_NOT_INSTALLED": Policy(
        Kind.REFUSED,
        Proof.NOTHING_DONE,
        Actor.ADMIN,
        "The booking's currency is not installed in QloApps: Localization > Currencies.",
    ),
    "UNKNOWN_HOTEL": Policy(
        Kind.REFUSED, Proof.NOTHING_DONE, Actor.ADMIN, "QloApps has no hotel with the configured hotel id."
    ),
    "UNKNOWN_ROOM_TYPE": Policy(
        Kind.REFUSED, Proof.NOTHING_DONE, Actor.MANAGER, "QloApps no longer has the mapped room type; map it anew."
    ),
    "VALIDATION_ERROR": Policy(
        Kind.REFUSED, Proof.NOTHING_DONE, Actor.VENDOR, "QloApps refuses the request as it is; the detail says why."
    ),
    "NOT_FOUND": Policy(Kind.REFUSED, Proof.NOTHING_DONE, Actor.FRONT_DESK, "QloApps no longer knows this record."),
}


@dataclass(frozen=True, slots=True)
class Sign:
    """How a kind of refusal is recognised: HTTP status, QloApps' own number, words of its message."""

    reason: str
    status: int | None = None
    number: int | None = None
    words: re.Pattern[str] | None = None

    def matches(self, status: int, numbers: Sequence[int], text: str) -> bool:
        """Whether an answer with this status, these error numbers and this text bears the sign."""
        return (
            (self.status is None or self.status == status)
            and (self.number is None or self.number in numbers)
            and (self.words is None or self.words.search(text) is not None)
        )


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


#: Read from top to bottom, the first sign that fits counts. Messages are UI texts: there is nothing else to go by.
SIGNS: Sequence[Sign] = (
    Sign("MISSING_PERMISSION", status=401, number=26),
    Sign("AUTH_ERROR", status=401),
    Sign("AUTH_ERROR", status=403),
    Sign("MISSING_PERMISSION", status=405, number=25),
    Sign("METHOD_FORBIDDEN", status=405),
    Sign("RATE_LIMIT", status=429),
    Sign("WEBSERVICE_DISABLED", status=503, number=22),
    Sign("MAINTENANCE", status=503),
    Sign("GATEWAY", status=502),
    Sign("GATEWAY", status=504),
    Sign("PHP_WARNING", status=500, number=3),
    Sign("PHP_WARNING", status=500, number=5),
    Sign("UNKNOWN_RESOURCE", status=400, number=27),
    Sign("NOT_AVAILABLE", status=400, words=_words(r"requested room\(s\) not available")),
    Sign("CURRENCY_NOT_INSTALLED", status=400, words=_words(r"valid currency")),
    Sign("UNKNOWN_HOTEL", status=400, words=_words(r"valid id_property")),
    Sign("UNKNOWN_ROOM_TYPE", status=400, words=_words(r"invalid room type|id room type is missing")),
    Sign("INVALID_GUEST", status=400, words=_words(r"first name|last name|valid email|phone|customer")),
    Sign("NOT_FOUND", status=400, words=_words(r"booking not found")),
    Sign("VALIDATION_ERROR", status=400),
    Sign("NOT_FOUND", status=404),
)


def reason_of(status: int, numbers: Sequence[int], text: str) -> str:
    """Return the POLICY key of an answer that is a failure."""
    if 300 <= status < 400:
        return "WRONG_ADDRESS"
    for sign in SIGNS:
        if sign.matches(status, numbers, text):
            return sign.reason
    return "SERVER_ERROR" if status >= 500 else "BROKEN_ANSWER"


def error_for(
    reason: str, status: int, texts: Sequence[str], operation: str, retry_after: float | None = None
) -> QloAppsError:
    """Return the error of the class that the reason belongs to."""
    detail = "; ".join(texts)[:500] or f"HTTP {status}"
    if reason in ("AUTH_ERROR", "MISSING_PERMISSION", "METHOD_FORBIDDEN"):
        return QloAppsAuthenticationError(detail, reason, status, operation)
    if reason == "RATE_LIMIT":
        return QloAppsRateLimitError(retry_after, operation)
    if reason == "NOT_FOUND" and status == 404:
        return QloAppsNotFoundError(operation, "asked for", operation)
    if status == 400:
        return QloAppsValidationError(detail, texts, reason, status, operation)
    error = QloAppsError(detail, reason, status, operation)
    error.retry_after = retry_after
    return error


def outcome_of(error: QloAppsError) -> Refused | Later:
    """Return what the failure means to the caller when it is certain that nothing was done, or nothing was to be."""
    policy = POLICY[error.reason]
    detail = f"{error.operation}: {error.message}" if error.operation else error.message
    if policy.kind is Kind.REFUSED:
        return Refused(error.reason, policy.sentence, policy.who, detail)
    return Later(f"{policy.sentence} ({detail})", error.retry_after, error.reason)


def proof_of(error: QloAppsError) -> Proof:
    """Return what the failure of a write says about whether the write was carried out."""
    return POLICY[error.reason].proof
