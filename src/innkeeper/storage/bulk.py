"""Inserts many new rows past the unit of work, which would spend more on each than the data base does."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from sqlalchemy import Dialect, Table, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.schema import DefaultGenerator
from sqlalchemy.sql.schema import CallableColumnDefault, ScalarElementColumnDefault

from innkeeper.storage.base import Base

#: Makes of a value what the driver takes; None where the driver takes it as it is.
Bind = Callable[[Any], Any] | None


async def insert_all(session: AsyncSession, rows: Sequence[Base]) -> None:
    """Insert new objects of one table, in one statement where all have the same columns set; the others get defaults.

    The session never knows the objects. Keys that point elsewhere must be set as columns, since relationships are not
    followed. What waits in the session is written first.
    """
    if not rows:
        return
    table = cast(Table, type(rows[0]).__table__)
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        alike[tuple(row.__dict__)].append(row.__dict__)
    await session.flush()
    for names, some in alike.items():
        await session.run_sync(_insert, table, tuple(name for name in names if name in table.c), some)


def _insert(session: Session, table: Table, names: tuple[str, ...], rows: Sequence[dict[str, Any]]) -> None:
    connection = session.connection()
    prepared = _prepared(table, names, connection.dialect)
    connection.exec_driver_sql(prepared.statement, [prepared.bound(row) for row in rows])


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A statement for rows that have the same columns set, and how a row becomes its parameters."""

    statement: str
    columns: tuple[str, ...]
    binds: tuple[Bind, ...]
    defaults: dict[str, Callable[[], Any]]

    def bound(self, row: dict[str, Any]) -> tuple[Any, ...]:
        """Return the parameters of one row, in the statement's order."""
        values = {**row, **{name: make() for name, make in self.defaults.items()}} if self.defaults else row
        return tuple(
            [
                values[name] if bind is None else bind(values[name])
                for name, bind in zip(self.columns, self.binds, strict=True)
            ]
        )


@cache
def _prepared(table: Table, names: tuple[str, ...], dialect: Dialect) -> _Prepared:
    """Find out once what SQLAlchemy would find out again for every row."""
    defaults = {
        column.name: _maker(column.default)
        for column in table.c
        if column.default is not None and column.name not in names
    }
    compiled = insert(table).compile(dialect=dialect, column_keys=[*names, *defaults])
    columns = tuple(compiled.positiontup or ())
    binds = tuple(table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in columns)
    return _Prepared(str(compiled), columns, binds, defaults)


def _maker(default: DefaultGenerator) -> Callable[[], Any]:
    """Return what makes a column's default. Raises TypeError for one that the data base would have to make."""
    match default:
        case CallableColumnDefault(arg=make):
            return lambda: make(cast(Any, None))
        case ScalarElementColumnDefault(arg=value):
            return lambda: value
        case _:
            raise TypeError(f"{default} is neither a value nor a function")
