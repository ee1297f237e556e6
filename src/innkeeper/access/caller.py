"""Who is asking: the person, machine or job behind a request."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from innkeeper.access.roles import Role
from innkeeper.domain.errors import NotAllowed

#: The caller that is Innkeeper itself; no user or token has it.
SYSTEM_ID = UUID(int=0)


class Via(StrEnum):
    """How the caller proved who it is."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105  a word, not a key
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Caller:
    """A user with a session, a machine with a token, or the system itself.

    `property_id` is the only property the caller may touch; None means all of them. Of all, `chosen_property_id` is the
    one that the person is at work on in this browser.
    """

    id: UUID
    name: str
    role: Role
    property_id: UUID | None
    via: Via
    chosen_property_id: UUID | None = None

    @classmethod
    def system(cls, name: str = "innkeeper") -> "Caller":
        """Return the caller for jobs and the command line, which runs on the hotel's own machine."""
        return cls(SYSTEM_ID, name, Role.ADMIN, None, Via.SYSTEM)

    def may_enter(self, property_id: UUID) -> bool:
        """Whether the property is among those the caller may touch."""
        return self.property_id is None or self.property_id == property_id

    def need(self, role: Role) -> None:
        """Raises NotAllowed, naming `role`, when the caller's own does not suffice."""
        if not self.role.at_least(role):
            raise NotAllowed(
                f"This needs the role {role.label}; {self.name} has the role {self.role.label}.",
                action=f"Ask somebody with the role {role.label} or above.",
            )

    def need_property(self, property_id: UUID | None) -> None:
        """Raises NotAllowed when the property (None: all properties) is not the caller's."""
        if self.property_id is not None and self.property_id != property_id:
            raise NotAllowed(
                "You work for another property than the one you asked for.",
                code="FOREIGN_PROPERTY",
                action="Leave out X-Property-Id, or sign in as somebody of that property.",
            )
