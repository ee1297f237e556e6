"""The queries of the property, and what the queries of all parts of the house are made of."""

from collections.abc import Sequence
from functools import cache
from typing import Any
from typing import cast as cast_type
from uuid import UUID

from sqlalchemy import Executable, Integer, Select, Table, bindparam, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from innkeeper.domain.stay import StayStatus
from innkeeper.house.tables import Property, Reservation

#: The states of a stay that take nights from what can be sold.
HOLDING = tuple(str(status) for status in StayStatus if status.holds_inventory)

#: A row of a lock that foreign keys pointing at it need not wait for.
LOCK: dict[str, Any] = {"key_share": True}


def has_row_locks(session: AsyncSession) -> bool:
    """Whether rows must be locked one by one: on SQLite a writing transaction already has the data base to itself."""
    return session.get_bind().dialect.name != "sqlite"


async def locked_property(session: AsyncSession, property_id: UUID) -> Property | None:
    """Return the property, locked against other writers until the transaction ends."""
    query = select(Property).where(Property.id == property_id).with_for_update(**LOCK)
    return await session.scalar(query.execution_options(populate_existing=True))


@cache
def _counting(counter: str) -> Executable:
    # Past the ORM: nobody looks at the counter of a property that is already loaded.
    table = cast_type(Table, Property.__table__)
    column = table.c[counter]
    step = bindparam("step", type_=Integer())
    return update(table).where(table.c.id == bindparam("property")).values({column: column + step}).returning(column)


async def take_number(
    session: AsyncSession, property_id: UUID, counter: InstrumentedAttribute[int], count: int = 1
) -> int:
    """Count up a counter of the property and return the first of `count` numbers that nobody else gets."""
    taken: int | None = await session.scalar(_counting(counter.key), {"property": property_id, "step": count})
    assert taken is not None, "the property was read before"  # noqa: S101
    return taken - count


async def properties(session: AsyncSession) -> Sequence[Property]:
    """Return every property, by name."""
    return (await session.scalars(select(Property).order_by(Property.name, Property.id))).all()


async def has_reservations(session: AsyncSession, property_id: UUID) -> bool:
    """Whether any reservation was ever kept."""
    return bool(await session.scalar(select(exists().where(Reservation.property_id == property_id))))


async def with_night_audit(session: AsyncSession) -> Sequence[Property]:
    """Return the properties whose day closes by itself."""
    return (await session.scalars(select(Property).where(Property.night_audit_time.is_not(None)))).all()


async def one_page(
    session: AsyncSession, query: Select[Any], order: Sequence[Any], limit: int, offset: int
) -> tuple[Sequence[Any], int]:
    """Return the rows of one page of a query, and how many there are in all."""
    total = await session.scalar(select(func.count()).select_from(query.order_by(None).options().subquery()))
    rows = (await session.scalars(query.order_by(*order).limit(limit).offset(offset))).unique().all()
    return rows, total or 0
