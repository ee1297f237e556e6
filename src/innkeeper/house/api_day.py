"""The routes that close the hotel's day."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Body, Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access.caller import Caller
from innkeeper.access.http import Db, PropertyId, require
from innkeeper.access.roles import Role
from innkeeper.house import closing, properties
from innkeeper.house.schemas_property import CloseDayIn, DayOut
from innkeeper.web.routing import Router

router = Router(prefix="/api/property/close-day", tags=["House"])

#: Tells what else should be looked at before a day is closed. The house knows no outlets; whoever does puts this under
#: `app.state.day_hints`. A hint never stands in the way.
DayHints = Callable[[AsyncSession, UUID, date], Awaitable[Sequence[str]]]

FrontDesk = Annotated[Caller, Depends(require(Role.FRONT_DESK))]


@router.get("", summary="What stands in the way of closing the day")
async def read_day(request: Request, database: Db, property_id: PropertyId, _caller: FrontDesk) -> DayOut:
    """Return who has not come, who is due out and still in house, and hints."""
    async with database.read() as session:
        house = await properties.get(session, property_id)
        was = await closing.standing(session, house)
        return DayOut.of(was, house.business_date, await hints(request, session, property_id, was.day))


@router.post("", summary="Close the day")
async def close_day(
    request: Request,
    database: Db,
    property_id: PropertyId,
    caller: FrontDesk,
    body: Annotated[CloseDayIn | None, Body()] = None,
) -> DayOut:
    """Move the business date by one night; 409 `DAY_NOT_READY` names who stands in the way.

    Send the day as `business_date`, so that a request that is sent twice closes one day (409 `DAY_CLOSED`).
    """
    body = body or CloseDayIn()
    if body.anyway:
        caller.need(Role.MANAGER)
    async with database.write() as tx:
        closed = await closing.close(
            tx,
            caller,
            property_id,
            day=body.business_date,
            no_shows=body.no_shows,
            expected=body.expected,
            anyway=body.anyway,
        )
    async with database.read() as session:
        return DayOut.of(closed.was, closed.opened, await hints(request, session, property_id, closed.was.day))


async def hints(request: Request, session: AsyncSession, property_id: UUID, day: date) -> Sequence[str]:
    """Return what else should be looked at."""
    ask: DayHints | None = getattr(request.app.state, "day_hints", None)
    return await ask(session, property_id, day) if ask is not None else ()
