"""What crosses the API of guests."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from innkeeper.house.schemas import KEPT, Body
from innkeeper.house.tables import Guest


class GuestIn(Body):
    """A guest. Without `name` it is put together from first and last name."""

    ANSWERED = KEPT | {"id"}

    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    notes: str | None = None
    preferences: list[str] | None = Field(None, max_length=100)
    allergies: list[str] | None = Field(None, max_length=100)
    vip_level: str | None = None
    loyalty_number: str | None = None


class GuestRef(GuestIn):
    """The guest of a reservation: by `id`, or as a new one."""

    ANSWERED = KEPT

    id: UUID | None = None


class GuestBrief(BaseModel):
    """The guest as a reservation shows him."""

    id: UUID
    name: str
    email: str | None
    phone: str | None


class GuestOut(GuestBrief):
    """A guest."""

    first_name: str
    last_name: str
    notes: str
    preferences: list[str]
    allergies: list[str]
    vip_level: str | None
    loyalty_number: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, guest: Guest) -> "GuestOut":
        """Return the guest as the API shows him."""
        return cls.model_validate(guest, from_attributes=True)
