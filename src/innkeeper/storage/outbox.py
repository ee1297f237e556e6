"""The outbox: the row that announces a change, committed together with the change."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from innkeeper.domain.business_day import utc_now
from innkeeper.domain.ids import new_id
from innkeeper.storage.base import Base


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an entity of a property.

    `name` is the published one, such as `reservation.created`. `origin` says which side made the change (`house`,
    `qloapps`, …), so that nobody sends it back to where it came from. `payload` holds no personal data.
    """

    name: str
    property_id: UUID
    entity_id: UUID
    origin: str = "house"
    payload: dict[str, Any] = field(default_factory=dict)


class EventRow(Base):
    """One announced event; `published_at` is set once an external broker has confirmed it."""

    __tablename__ = "events"
    __table_args__ = (
        Index(
            "ix_events_unpublished",
            "sequence",
            postgresql_where=text("published_at IS NULL"),
            sqlite_where=text("published_at IS NULL"),
        ),
        Index("ix_events_entity", "entity_id", "sequence"),
    )

    #: Readers page by this; it follows the order of insertion, not of commit.
    sequence: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer(), "sqlite"), Identity(), primary_key=True, autoincrement=True
    )
    id: Mapped[UUID] = mapped_column(default=new_id, unique=True)
    property_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(String(80))
    entity_id: Mapped[UUID]
    origin: Mapped[str] = mapped_column(String(40))
    payload: Mapped[dict[str, Any]]
    occurred_at: Mapped[datetime] = mapped_column(default=utc_now)
    published_at: Mapped[datetime | None]
