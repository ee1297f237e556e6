"""What can be wrong with a request, as errors that carry a code, a sentence and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that is wrong and why, in a sentence for a person; `foreign` when the words are another system's."""

    field: str
    message: str
    foreign: bool = False


class InnkeeperError(Exception):
    """Base of every error that a caller can cause or must know about.

    InnkeeperError
     ├── Invalid             422  the input is wrong
     ├── RuleRefused         422  the input is well formed, a rule of the house forbids it
     ├── NotFound            404
     ├── Conflict            409  the state of the house forbids it now
     ├── StaleVersion        412  somebody changed it since it was read
     ├── NotSignedIn         401
     ├── NotAllowed          403  the role does not suffice
     └── OutsideUnavailable  503  the other system is down or refuses us
    """

    status = 500
    code = "INTERNAL"
    #: Whether the detail may hold another system's words, which nobody here has chosen.
    foreign = False
    title = "Something went wrong on our side"
    action = "Try again; if it stays, tell support the request id."

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        action: str | None = None,
        errors: Sequence[FieldError] = (),
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code
        self.action = action or self.action
        self.errors = tuple(errors)


class Invalid(InnkeeperError):
    """The input is wrong; `errors` name the fields."""

    status, code, title = 422, "INVALID", "The input is not valid"
    action = "Correct the named fields and send it again."

    @classmethod
    def field(cls, field: str, message: str) -> "Invalid":
        """Return the error for a single wrong field."""
        return cls(message, errors=[FieldError(field, message)])


class RuleRefused(InnkeeperError):
    """The input is well formed and a rule forbids it."""

    status, code, title = 422, "REFUSED", "A rule of the house forbids it"
    action = "See the detail."


class NotFound(InnkeeperError):
    """No such thing, or not in this property."""

    status, code, title = 404, "NOT_FOUND", "Not found"
    action = "Check the identifier."


class Conflict(InnkeeperError):
    """The state of the house forbids it now."""

    status, code, title = 409, "CONFLICT", "It does not fit the present state"
    action = "Read the present state and decide again."


class StaleVersion(InnkeeperError):
    """Somebody changed the record since it was read."""

    status, code, title = 412, "STALE_VERSION", "Somebody else changed it meanwhile"
    action = "Read it again and repeat your change."


class NotSignedIn(InnkeeperError):
    """No valid session or token."""

    status, code, title = 401, "NOT_SIGNED_IN", "Not signed in"
    action = "Sign in, or send a valid token."


class NotAllowed(InnkeeperError):
    """The caller's role does not suffice."""

    status, code, title = 403, "NOT_ALLOWED", "Your role does not allow this"
    action = "Ask somebody with the role that the detail names."


class OutsideUnavailable(InnkeeperError):
    """The other system is down, unreachable or refuses us."""

    foreign = True
    status, code, title = 503, "OUTSIDE_UNAVAILABLE", "The other system cannot be reached"
    action = "Nothing is lost; try again later or check the connection settings."
