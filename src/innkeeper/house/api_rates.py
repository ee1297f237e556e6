"""The routes of rates and availability, night by night."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from fastapi import Response
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access import audit
from innkeeper.access.http import CurrentFrontDesk, CurrentManager, Db, PropertyId
from innkeeper.domain.errors import Invalid
from innkeeper.house import availability, intake, properties, rates, room_repository, rooms
from innkeeper.house.schemas import Page
from innkeeper.house.schemas_rooms import NightOut, RateOut, RatesIn
from innkeeper.house.tables import RoomType
from innkeeper.web.routing import Router

router = Router(prefix="/api", tags=["House"])

#: The longest window of one answer, in nights.
LONGEST_WINDOW = 800
#: No night beyond is told: the calendar of the program ends soon after.
LAST_DAY = date(2999, 12, 31)


@router.get("/rates", summary="Read rates")
async def read_rates(
    database: Db,
    property_id: PropertyId,
    _caller: CurrentFrontDesk,
    start: date | None = None,
    end: date | None = None,
    room_type_id: UUID | None = None,
) -> Page[RateOut]:
    """Return price and rules of each night from `start` to `end` (exclusive); 30 nights from today when left out."""
    async with database.read() as session:
        house = await properties.get(session, property_id)
        first, last = _window(start, end, house.business_date)
        kinds = await _types(session, property_id, room_type_id)
        found = await rates.window(session, list(kinds.values()), first, last)
    items = [RateOut.of(rate, house.currency) for rate in found]
    return Page(items=items, total=len(items), limit=len(items), offset=0)


@router.put("/rates", summary="Set rates")
async def set_rates(body: RatesIn, database: Db, property_id: PropertyId, caller: CurrentManager) -> Page[RateOut]:
    """Set price and rules of each night from `start` to `end` (exclusive), and return what holds there now."""
    async with database.write() as tx:
        house = await properties.get(tx.session, property_id)
        names = body.model_fields_set & {"price", "min_stay", "max_stay", "closed"}
        values: dict[str, Any] = {name: getattr(body, name) for name in names}
        if values.get("price") is not None:
            values["price"] = intake.amount(values["price"], house.currency, "price")
        found = await rates.put(tx, house, body.room_type_id, body.start, body.end, values)
        detail = {**values, "start": body.start, "end": body.end}
        await audit.record(tx, caller, "rate.changed", "room_type", body.room_type_id, detail, property_id=property_id)
    items = [RateOut.of(rate, house.currency) for rate in found]
    return Page(items=items, total=len(items), limit=len(items), offset=0)


@router.get(
    "/availability",
    summary="Read availability",
    response_class=Response,
    responses={200: {"model": Page[NightOut], "description": "One entry a room type and night."}},
)
async def read_availability(
    database: Db,
    property_id: PropertyId,
    _caller: CurrentFrontDesk,
    start: date | None = None,
    end: date | None = None,
    room_type_id: UUID | None = None,
) -> Response:
    """Return total, booked, maintenance and available of each night from `start` to `end` (exclusive)."""
    async with database.read() as session:
        house = await properties.get(session, property_id)
        first, last = _window(start, end, house.business_date)
        kinds = await _types(session, property_id, room_type_id)
        document = await availability.document(session, list(kinds), first, last)
    return Response(document, media_type="application/json")


async def _types(session: AsyncSession, property_id: UUID, room_type_id: UUID | None) -> dict[UUID, RoomType]:
    if room_type_id is None:
        return await room_repository.room_types(session, property_id)
    return {room_type_id: await rooms.room_type(session, property_id, room_type_id)}


def _window(start: date | None, end: date | None, today: date) -> tuple[date, date]:
    first = start or today
    if first > LAST_DAY:
        raise Invalid.field("start", f"Nights are told up to {LAST_DAY}.")
    last = end or first + timedelta(days=30)
    if last <= first:
        raise Invalid.field("end", f"The end {last} must be after the start {first}; it is the first night left out.")
    if (last - first).days > LONGEST_WINDOW:
        raise Invalid.field("end", f"At most {LONGEST_WINDOW} nights are told at once.")
    return first, last
