"""The four roles, each of which may do all that the one below it may."""

from enum import StrEnum


class Role(StrEnum):
    """A waiter, the front desk, a manager, an administrator; lowest first."""

    SERVER = "server"
    FRONT_DESK = "front_desk"
    MANAGER = "manager"
    ADMIN = "admin"

    @property
    def label(self) -> str:
        """The role as a person reads it."""
        return self.value.replace("_", " ")

    def at_least(self, needed: "Role") -> bool:
        """Whether this role may do what `needed` may."""
        return _RANK[self] >= _RANK[needed]


_RANK = {role: rank for rank, role in enumerate(Role)}

#: Roles that work standing at a shared terminal and may sign in with a PIN; the others hold too much for four digits.
PIN_ROLES = frozenset({Role.SERVER, Role.FRONT_DESK})
