"""Inserts many new rows past the unit of work, which would spend more on each than the data base does."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Table, insert
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.storage.base import Base


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
        values = {name: value for name, value in row.__dict__.items() if name in table.c}
        alike[tuple(sorted(values))].append(values)
    await session.flush()
    for some in alike.values():
        await session.execute(insert(table), some)
