"""The four ways in which a call to an outside system can end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Actor(StrEnum):
    """Who must act before a refused call can succeed."""

    NOBODY = "nobody"
    FRONT_DESK = "front_desk"
    MANAGER = "manager"
    ADMIN = "admin"
    VENDOR = "vendor"


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """The other system did it and said so."""

    value: T


@dataclass(frozen=True, slots=True)
class Refused:
    """The other system will not do it, and asking again changes nothing until somebody acts.

    `code` is stable and ours, `message` a sentence for a person, `detail` what the other system said
    (free of secrets and guests' data), `who` must act. `evidence` is for whoever phones support.
    """

    code: str
    message: str
    who: Actor = Actor.ADMIN
    detail: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing was done; ask again, not sooner than `after_seconds` when it is given.

    `reason` is a sentence for a person, `evidence` for whoever phones support.
    """

    reason: str
    after_seconds: float | None = None
    code: str = "UNAVAILABLE"
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request left and nobody can say whether it was done. Look before sending it again."""

    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


Outcome = Done[T] | Refused | Later | Unknown
