"""The declarative base of every table, and the columns that all of them have."""

from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar, Self
from uuid import UUID

from sqlalchemy import Date, MetaData, Uuid, inspect
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

    def __init__(self, **values: Any) -> None:
        """Raises TypeError for a name that is no attribute.

        A new row has no former values to remember, so its columns are set without the bookkeeping of a change, which
        costs more than all else of a new object.
        """
        columns = _columns_of(type(self))
        for name, value in values.items():
            if name in columns:
                self.__dict__[name] = value
            elif hasattr(type(self), name):
                setattr(self, name, value)
            else:
                raise TypeError(f"{type(self).__name__} has no {name}")

    @classmethod
    def loose(cls, **values: Any) -> Self:
        """Return a row that no session will ever know, to be read and inserted past them: see `storage.bulk`.

        Only what is given here can be read of it, and nothing of it can be set; it costs a tenth of a watched object.
        """
        row = cls.__new__(cls)
        row.__dict__.update(values)
        return row

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        UUID: Uuid(),
        datetime: Instant(),
        date: Date(),
        Decimal: Amount(),
        dict[str, Any]: JsonDocument,
        list[Any]: JsonDocument,
    }


@cache
def _columns_of(mapped: type[Base]) -> frozenset[str]:
    return frozenset(inspect(mapped).column_attrs.keys())


class Timestamps:
    """When a row was made and last changed."""

    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class Keyed:
    """A row with an identifier of ours that sorts by time."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
