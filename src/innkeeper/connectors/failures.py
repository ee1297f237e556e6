"""What a failed call to a PMS means: one table a connector, and the outcome that follows from its row."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto

from innkeeper.domain.charge import PmsCode
from innkeeper.domain.errors import InnkeeperError
from innkeeper.domain.outcome import Actor, Later, Refused, Unknown


class Proof(Enum):
    """What a failure says about whether a write was carried out."""

    NOTHING_DONE = auto()
    """The failure itself proves that nothing was done."""
    LOOKING_SETTLES = auto()
    """The other side has finished with the request: what can be read now is how it ended."""
    STILL_OPEN = auto()
    """The other side may be working on it still: finding it proves that it was done, not finding it proves nothing."""


class Kind(Enum):
    """Which outcome a failure becomes when nothing was done."""

    REFUSED = auto()
    LATER = auto()


@dataclass(frozen=True, slots=True)
class Policy:
    """One row of a failure policy. `code` is what the caller sees, `sentence` is for a person."""

    code: str
    kind: Kind
    proof: Proof
    who: Actor
    sentence: str


#: By the connector's own key of the failure, such as TIMEOUT.
PolicyTable = Mapping[str, Policy]


class CallFailed(Exception):
    """The other side did not do what was asked. `key` is a row of the connector's policy.

    `detail` is what the other side said, free of secrets and guests' data.
    """

    def __init__(
        self,
        key: str,
        detail: str = "",
        *,
        operation: str = "",
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{operation}: {detail}" if operation else detail)
        self.key = key
        self.detail = detail
        self.operation = operation
        self.status = status
        self.retry_after = retry_after


def transport_policy(system: str) -> dict[str, Policy]:
    """Return the rows that every PMS spoken to over HTTP has; a connector overrides or adds its own."""
    later, refused = Kind.LATER, Kind.REFUSED
    nothing, settles, still_open = Proof.NOTHING_DONE, Proof.LOOKING_SETTLES, Proof.STILL_OPEN
    down = PmsCode.CONNECTION_FAILED
    nobody, admin, vendor = Actor.NOBODY, Actor.ADMIN, Actor.VENDOR
    return {
        "CONNECTION_FAILED": Policy(down, later, nothing, nobody, f"{system} cannot be reached; nothing was sent."),
        "CIRCUIT_OPEN": Policy(
            down, later, nothing, nobody, f"{system} failed several times in a row and is left alone a while."
        ),
        "RATE_LIMITED": Policy(down, later, nothing, nobody, f"{system} asks us to slow down."),
        "MAINTENANCE": Policy(down, later, nothing, nobody, f"{system} is not available at present."),
        "TIMEOUT": Policy(down, later, still_open, nobody, f"{system} did not answer in time."),
        "LINE_DROPPED": Policy(down, later, still_open, nobody, f"The line to {system} dropped before it answered."),
        "GATEWAY": Policy(
            down, later, still_open, nobody, f"The gateway before {system} got no answer from it in time."
        ),
        "SERVER_ERROR": Policy(down, later, settles, vendor, f"{system} failed inside and did not say why."),
        "BROKEN_ANSWER": Policy(
            down, later, still_open, vendor, f"{system}'s answer was cut off or is not one of its own."
        ),
        "CREDENTIALS_REFUSED": Policy(
            PmsCode.CREDENTIALS_REFUSED, refused, nothing, admin, f"{system} does not accept the credentials."
        ),
        "NOT_AUTHORIZED": Policy(
            PmsCode.NOT_AUTHORIZED,
            refused,
            nothing,
            admin,
            f"{system} does not allow this to the integration user, or not for this hotel.",
        ),
        "WRONG_ADDRESS": Policy(
            PmsCode.NOT_AUTHORIZED, refused, nothing, admin, f"The address does not lead to {system}."
        ),
        "ROOM_NOT_FOUND": Policy(
            PmsCode.ROOM_NOT_FOUND, refused, nothing, Actor.NOBODY, f"{system} has no guest in house under this."
        ),
        "GUEST_CHECKED_OUT": Policy(
            PmsCode.GUEST_CHECKED_OUT, refused, nothing, Actor.FRONT_DESK, "The guest has already checked out."
        ),
        "CHARGES_BLOCKED": Policy(
            PmsCode.CHARGES_BLOCKED,
            refused,
            nothing,
            Actor.FRONT_DESK,
            "The front desk has blocked charges for this guest.",
        ),
        "CREDIT_EXCEEDED": Policy(
            PmsCode.CREDIT_EXCEEDED, refused, nothing, Actor.FRONT_DESK, "The guest's credit limit would be exceeded."
        ),
        "POSTING_REJECTED": Policy(
            PmsCode.POSTING_REJECTED, refused, nothing, admin, f"{system} rejects the request; the detail says why."
        ),
    }


def read_outcome(failure: CallFailed, table: PolicyTable) -> Refused | Later:
    """Return what a failed read means to the caller, or a write of which it is certain that nothing was done.

    Which request it was, and what the line said, is evidence and no part of a sentence.
    """
    policy = table[failure.key]
    evidence = _evidence(failure)
    if policy.kind is Kind.REFUSED:
        said = "" if failure.detail.startswith("HTTP ") else failure.detail
        return Refused(policy.code, policy.sentence, policy.who, said, evidence)
    return Later(policy.sentence, failure.retry_after, policy.code, evidence)


def _evidence(failure: CallFailed) -> dict[str, object]:
    told = {
        "failure": failure.key,
        "operation": failure.operation,
        "detail": failure.detail,
        "http_status": failure.status,
    }
    return {name: value for name, value in told.items() if value not in ("", None)}


def write_outcome(
    failure: CallFailed, table: PolicyTable, sent_at: datetime, settle_seconds: float
) -> Refused | Later | Unknown:
    """Return what a failed write means: Unknown unless the failure proves that nothing was done.

    The evidence holds `settles_after_seconds`: how long after `sent_at` a search that finds nothing proves something.
    """
    policy = table[failure.key]
    if policy.proof is Proof.NOTHING_DONE:
        return read_outcome(failure, table)
    evidence = {
        **_evidence(failure),
        "sent_at": sent_at.astimezone(UTC).isoformat(),
        "settles_after_seconds": 0.0 if policy.proof is Proof.LOOKING_SETTLES else settle_seconds,
    }
    return Unknown(policy.sentence, evidence)


def refused_by_us(error: InnkeeperError) -> Refused:
    """Return the refusal of a draft that cannot be posted as it is; nothing was sent."""
    if error.code == PmsCode.OUTLET_NOT_MAPPED:
        return Refused(error.code, error.detail, Actor.ADMIN)
    return Refused(PmsCode.POSTING_REJECTED, error.detail, Actor.ADMIN, error.code)


def not_supported(system: str, what: str) -> Refused:
    """Return the refusal of something that this PMS cannot do."""
    return Refused(PmsCode.NOT_SUPPORTED, f"{system} cannot {what}.", Actor.NOBODY)
