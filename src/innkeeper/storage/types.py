"""Column types that mean the same on SQLite and on PostgreSQL."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic_core import PydanticSerializationError, to_json
from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Numeric
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ColumnElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeDecorator, TypeEngine

#: Enough for every ISO 4217 currency; four is the most digits any of them has.
SCALE = 4
_UNITS = Decimal(10) ** SCALE


def written_json(document: Any) -> str:
    """Return a document as text; an amount, a date or an identifier in it becomes text. Raises TypeError for others."""
    try:
        return to_json(document).decode()
    except PydanticSerializationError:  # half a character, which a channel may send and this writer knows no form of
        return json.dumps(document)


#: A document: JSONB on PostgreSQL, text on SQLite.
JsonDocument = JSON().with_variant(JSONB(), "postgresql")


class Written(ColumnElement[Any]):
    """A default of a column that each data base writes in its own words."""

    inherit_cache = True

    def __init__(self, *, postgresql: str, sqlite: str) -> None:
        self.words = {"postgresql": postgresql, "sqlite": sqlite}


@compiles(Written)
def _write(element: Written, compiler: SQLCompiler, **_: Any) -> str:
    return element.words[compiler.dialect.name]


#: An identifier for a row that somebody puts there by hand; ours come from `new_id`.
RANDOM_UUID = Written(postgresql="gen_random_uuid()", sqlite="(lower(hex(randomblob(16))))")


def written_uuid(value: UUID) -> Written:
    """Return an identifier as a column's default."""
    return Written(postgresql=f"'{value}'::uuid", sqlite=f"'{value.hex}'")


def written_amount(value: str) -> Written:
    """Return an amount as a column's default."""
    return Written(postgresql=value, sqlite=str(int(Decimal(value) * _UNITS)))


class Amount(TypeDecorator[Decimal]):
    """Money as `Decimal`: NUMERIC on PostgreSQL, ten-thousandths as an integer on SQLite, which has no decimal type."""

    impl = Numeric(18, SCALE)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column type of the data base at hand."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(BigInteger())
        return dialect.type_descriptor(Numeric(18, SCALE))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Raises ValueError when the amount has more than four decimal places."""
        if value is None:
            return None
        units = int(value * _UNITS)
        if units != value * _UNITS:
            raise ValueError(f"{value} has more than {SCALE} decimal places")
        return units if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Give the amount back without trailing zeros beyond the second decimal place."""
        if value is None:
            return None
        amount = Decimal(value) / _UNITS if dialect.name == "sqlite" else Decimal(value)
        return amount.quantize(Decimal("0.01")) if amount == round(amount, 2) else amount.normalize()


class _WrittenInstant(sqlite.DATETIME):
    """SQLite's text of an instant, read and written by Python's own words for it, which take a tenth of the time."""

    def bind_processor(self, dialect: Dialect) -> Any:
        """Return what writes 2026-03-01 12:00:00.000000."""
        return lambda value: None if value is None else value.isoformat(" ", "microseconds")

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """Return what reads it."""
        return lambda text: None if text is None else datetime.fromisoformat(text)


_WRITTEN_INSTANT = _WrittenInstant()  # type: ignore[no-untyped-call]


class Instant(TypeDecorator[datetime]):
    """An aware instant, kept in UTC; a naive one is refused, since nobody could say when it was."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column type of the data base at hand."""
        return dialect.type_descriptor(_WRITTEN_INSTANT if dialect.name == "sqlite" else self.impl_instance)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Raises ValueError for a naive datetime."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        instant = value.astimezone(UTC)
        return instant.replace(tzinfo=None) if dialect.name == "sqlite" else instant

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the instant in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
