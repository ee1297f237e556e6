"""What crosses the API of users, tokens, sessions and the trail."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from innkeeper.access.caller import Caller, Via
from innkeeper.access.roles import Role
from innkeeper.access.tables import AuditRow, TokenRow, UserRow

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
#: Longer texts are refused before they are hashed.
Secret = Annotated[SecretStr, Field(max_length=200)]


class Input(BaseModel):
    """A body that we take; a field that we do not know is a mistake, not something to pass over."""

    model_config = ConfigDict(extra="forbid")


class SignIn(Input):
    """A name with its password, or at a terminal with its PIN."""

    name: Name
    password: Secret | None = None
    pin: Secret | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "SignIn":
        if (self.password is None) == (self.pin is None):
            raise ValueError("Send either the password or the PIN.")
        return self


class Me(BaseModel):
    """Who is asking. Scripts in a page send `csrf_token` back as X-CSRF-Token; machines have none."""

    id: UUID
    name: str
    role: Role
    property_id: UUID | None
    via: Via
    csrf_token: str | None = None

    @classmethod
    def of(cls, caller: Caller, csrf_token: str | None) -> "Me":
        """Return the caller as the API shows it."""
        return cls(
            id=caller.id,
            name=caller.name,
            role=caller.role,
            property_id=caller.property_id,
            via=caller.via,
            csrf_token=csrf_token,
        )


class NewUser(Input):
    """A user to add; `property_id` left out means all properties."""

    name: Name
    role: Role
    password: Secret | None = None
    pin: Secret | None = None
    property_id: UUID | None = None


class UserChange(Input):
    """What a user shall be; a password or PIN left out stays, an empty PIN is taken away."""

    role: Role
    property_id: UUID | None = None
    active: bool = True
    password: Secret | None = None
    pin: Secret | None = None


class OwnPassword(Input):
    """One's own password, changed by oneself."""

    current: Secret
    new: Secret


class User(BaseModel):
    """A user; neither password nor PIN ever comes out."""

    id: UUID
    name: str
    role: Role
    property_id: UUID | None
    active: bool
    has_password: bool
    has_pin: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: UserRow) -> "User":
        """Return the user as the API shows it."""
        return cls(
            id=row.id,
            name=row.name,
            role=Role(row.role),
            property_id=row.property_id,
            active=row.active,
            has_password=row.password_hash is not None,
            has_pin=row.pin_hash is not None,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


class NewToken(Input):
    """A token to make; `property_id` left out means all properties."""

    name: Name
    role: Role
    property_id: UUID | None = None


class Token(BaseModel):
    """A token without its text."""

    id: UUID
    name: str
    role: Role
    property_id: UUID | None
    created_at: datetime
    created_by: str
    last_used_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, row: TokenRow) -> "Token":
        """Return the token as the API shows it."""
        return cls(
            id=row.id,
            name=row.name,
            role=Role(row.role),
            property_id=row.property_id,
            created_at=row.created_at,
            created_by=row.created_by,
            last_used_at=row.last_used_at,
            revoked_at=row.revoked_at,
        )


class CreatedToken(Token):
    """A token that was just made; `token` is its text, shown this once."""

    token: str


class AuditEntry(BaseModel):
    """One entry of the trail."""

    sequence: int
    at: datetime
    property_id: UUID
    actor: str
    role: str
    via: str
    action: str
    entity_type: str
    entity_id: str
    detail: dict[str, Any]
    hash: str

    @classmethod
    def of(cls, row: AuditRow) -> "AuditEntry":
        """Return the entry as the API shows it."""
        return cls.model_validate(row, from_attributes=True)


class _Page(BaseModel):
    total: int
    limit: int
    offset: int


class UserPage(_Page):
    """One page of users."""

    items: Sequence[User]


class TokenPage(_Page):
    """One page of tokens."""

    items: Sequence[Token]


class AuditPage(_Page):
    """One page of the trail, newest first."""

    items: Sequence[AuditEntry]
