"""Every query of what is sold and what is there, night by night, and of its prices."""

from collections.abc import Collection, Sequence
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Date, TextClause, Uuid, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.house.repository import HOLDING
from innkeeper.house.tables import RateNight

#: The kinds of inventory rows.
ROOMS, STAY, CLOSED = "rooms", "stay", "closed"


# A guest in house takes tonight, whatever arrival is written: a channel may tell that somebody came early.
_INVENTORY = """
    WITH today AS (
        SELECT max(h.business_date) AS night FROM hotel_settings h JOIN room_types t ON t.property_id = h.id
         WHERE t.id IN :types
    )
    SELECT 'stay' AS kind, room_type_id, NULL AS room_id, {joined}(
           CASE WHEN status = 'Checked-in' AND check_in > (SELECT night FROM today)
                THEN (SELECT {night} FROM today) ELSE {check_in} END || {check_out}, '') AS dates, 1 AS units
      FROM reservation_rooms
     WHERE room_type_id IN :types AND check_out > :start AND status IN :holding {but}
       AND (check_in < :end OR status = 'Checked-in' AND (SELECT night FROM today) < :end)
     GROUP BY room_type_id
    UNION ALL
    SELECT 'closed', room_type_id, room_id, {start} || {end}, coalesce(units, 1)
      FROM maintenance
     WHERE room_type_id IN :types AND "end" > :start AND start < :end
    UNION ALL
    SELECT 'rooms', room_type_id, NULL, NULL, count(*)
      FROM rooms
     WHERE room_type_id IN :types AND deleted_at IS NULL
     GROUP BY room_type_id
"""
_DATES = {"check_in": "check_in", "check_out": "check_out", "start": "start", "end": '"end"', "night": "night"}
#: How each data base joins texts, and how it writes a date as ISO 8601; SQLite keeps dates as that.
_DIALECTS = {
    "sqlite": {"joined": "group_concat", **_DATES},
    "postgresql": {"joined": "string_agg", **{k: f"to_char({c}, 'YYYY-MM-DD')" for k, c in _DATES.items()}},
}


@cache
def _inventory_query(dialect: str, *, but_one: bool) -> TextClause:
    but = "AND reservation_id <> :without" if but_one else ""
    query = text(_INVENTORY.format(but=but, **_DIALECTS[dialect])).bindparams(
        bindparam("types", expanding=True, type_=Uuid()),
        bindparam("start", type_=Date()),
        bindparam("end", type_=Date()),
        bindparam("holding", HOLDING, expanding=True),
    )
    return query.bindparams(bindparam("without", type_=Uuid())) if but_one else query


async def inventory(
    session: AsyncSession, room_type_ids: Collection[UUID], start: date, end: date, without: UUID | None = None
) -> Sequence[Any]:
    """Return (kind, room type, room, dates, units) of all that decides what is free, in one statement.

    `ROOMS` rows count the rooms of a type. A `STAY` row holds all stays of a type in one text, twenty characters each:
    arrival and departure; the reservation `without` is left out. `CLOSED` rows close `units` of a type, or the one
    `room`. Identifiers come as the data base keeps them. Tens of thousands of stays as rows of their own would take ten
    times as long to fetch as to count.
    """
    values: dict[str, Any] = {"types": list(room_type_ids), "start": start, "end": end}
    if without is not None:
        values["without"] = without
    query = _inventory_query(session.get_bind().dialect.name, but_one=without is not None)
    return (await session.execute(query, values)).all()


_RATE_NIGHTS = select(RateNight).where(
    RateNight.room_type_id.in_(bindparam("types", expanding=True)),
    RateNight.night >= bindparam("start"),
    RateNight.night < bindparam("end"),
)


async def rate_nights(
    session: AsyncSession, room_type_ids: Collection[UUID], start: date, end: date
) -> dict[tuple[UUID, date], RateNight]:
    """Return the nights from `start` to `end` (exclusive) that have a price or rules of their own."""
    values = {"types": list(room_type_ids), "start": start, "end": end}
    return {(row.room_type_id, row.night): row for row in await session.scalars(_RATE_NIGHTS, values)}
