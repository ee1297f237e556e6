"""Inserts many new rows past the unit of work, which would spend more on each than the data base does."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import Column, Date, Dialect, Insert, Table, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.schema import DefaultGenerator
from sqlalchemy.sql.schema import CallableColumnDefault, ScalarElementColumnDefault

from innkeeper.storage.base import Base
from innkeeper.storage.types import Amount, Instant

#: Makes of a value what the driver takes; None where the driver takes it as it is.
Bind = Callable[[Any], Any] | None

#: Types of which many rows hold few values, and whose binding takes longer than finding a value again.
_REPEATING = (Date, Instant, Amount)


async def insert_all(session: AsyncSession, rows: Sequence[Base]) -> None:
    """Insert new objects of one table, in one statement where all have the same columns set; the others get defaults.

    The session never knows the objects. Keys that point elsewhere must be set as columns, since relationships are not
    followed. Of a default only an identifier is made for each row; the moment, say, is the same for all. What waits in
    the session is written first.
    """
    if not rows:
        return
    table = cast(Table, type(rows[0]).__table__)
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        alike[tuple(row.__dict__)].append(row.__dict__)
    await session.flush()
    statement = _plain_insert(table)
    for names, some in alike.items():
        await session.run_sync(_run, statement, names, some)


async def run_for_all(session: AsyncSession, statement: Insert, rows: Sequence[dict[str, Any]]) -> None:
    """Run an INSERT, and what it says for the case of a conflict, for rows of values that all have the same names.

    The statement must be the same object each time: it is taken apart at its first use. Defaults are made as
    `insert_all` makes them.
    """
    if rows:
        await session.flush()
        await session.run_sync(_run, statement, tuple(rows[0]), rows)


def _run(session: Session, statement: Insert, names: tuple[str, ...], rows: Sequence[dict[str, Any]]) -> None:
    connection = session.connection()
    known = statement, names, connection.dialect.name
    prepared = _PREPARED.get(known) or _PREPARED.setdefault(known, _prepare(statement, names, connection.dialect))
    connection.exec_driver_sql(prepared.statement, prepared.bound(rows))


@cache
def _plain_insert(table: Table) -> Insert:
    return insert(table)


@dataclass(frozen=True, slots=True)
class _Column:
    """How one column of many rows becomes what the driver takes."""

    name: str
    bind: Bind
    #: Makes the value where the rows have none.
    default: Callable[[], Any] | None
    #: Whether each row needs a default of its own.
    own: bool
    #: Whether a value that was bound before is found again instead.
    repeats: bool

    def bound(self, rows: Sequence[dict[str, Any]]) -> list[Any]:
        """Return the column's parameter for each row."""
        if self.default is None:
            values = list(map(itemgetter(self.name), rows))
        elif self.own:
            values = [self.default() for _ in rows]
        else:
            values = [self.default()] * len(rows)
        bind = self.bind
        if bind is None:
            return values
        if len(set(map(id, values))) == 1:
            return [bind(values[0])] * len(values)
        if self.repeats:
            known = {value: bind(value) for value in set(values)}
            return list(map(known.__getitem__, values))
        return list(map(bind, values))


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A statement for rows that have the same columns set, and how the rows become its parameters."""

    statement: str
    columns: tuple[_Column, ...]

    def bound(self, rows: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
        """Return the parameters of each row, in the statement's order; they are made column by column."""
        return list(zip(*(column.bound(rows) for column in self.columns), strict=True))


#: By statement, columns and name of the dialect; not by the dialect, which would keep its whole data base alive.
_PREPARED: dict[tuple[Insert, tuple[str, ...], str], _Prepared] = {}


def _prepare(statement: Insert, names: tuple[str, ...], dialect: Dialect) -> _Prepared:
    """Find out once what SQLAlchemy would find out again for every row."""
    table = cast(Table, statement.table)
    given = {name for name in names if name in table.c}
    defaults = {
        column.name: _maker(column.default)
        for column in table.c
        if column.default is not None and column.name not in given
    }
    compiled = statement.compile(dialect=dialect, column_keys=[*given, *defaults])
    columns = (_column(table.c[name], dialect, defaults.get(name)) for name in compiled.positiontup or ())
    return _Prepared(str(compiled), tuple(columns))


def _column(column: Column[Any], dialect: Dialect, default: Callable[[], Any] | None) -> _Column:
    return _Column(
        column.name,
        column.type.dialect_impl(dialect).bind_processor(dialect),
        default,
        own=column.primary_key or bool(column.unique),
        repeats=isinstance(column.type, _REPEATING),
    )


def _maker(default: DefaultGenerator) -> Callable[[], Any]:
    """Return what makes a column's default. Raises TypeError for one that the data base would have to make."""
    match default:
        case CallableColumnDefault(arg=make):
            return lambda: make(cast(Any, None))
        case ScalarElementColumnDefault(arg=value):
            return lambda: value
        case _:
            raise TypeError(f"{default} is neither a value nor a function")
