"""The declarative base of every table, and the columns that all of them have."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Date, MetaData, Uuid
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from innkeeper.domain.business_day import utc_now
from innkeeper.domain.ids import new_id
from innkeeper.storage.types import Amount, Instant, JsonDocument

#: Constraint names must be the same on both data bases, or a migration could not drop them.
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of all tables; Python types choose the column types."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        UUID: Uuid(),
        datetime: Instant(),
        date: Date(),
        Decimal: Amount(),
        dict[str, Any]: JsonDocument,
        list[Any]: JsonDocument,
    }


class Timestamps:
    """When a row was made and last changed."""

    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class Keyed:
    """A row with an identifier of ours that sorts by time."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
