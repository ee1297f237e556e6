"""The rates: price and rules of each room type and night, and setting them for a run of nights."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from innkeeper.access.http import CurrentFrontDesk, CurrentManager, Db
from innkeeper.domain.errors import FieldError, InnkeeperError, Invalid
from innkeeper.house import api_rates, availability, properties, rates, room_repository
from innkeeper.house.pages_forms import Fields, Trouble, body_of, draw
from innkeeper.house.rates import NightRate
from innkeeper.house.schemas_rooms import RatesIn
from innkeeper.house.tables import RoomType
from innkeeper.web.pages import Hotel, ShownDay
from innkeeper.web.routing import Router

router = Router(prefix="/house/rates", include_in_schema=False)

NIGHTS = 14


@dataclass(frozen=True, slots=True)
class TypeRates:
    """One room type over the nights that are shown, with how many of it are free."""

    kind: RoomType
    nights: list[NightRate]
    free: list[int]


@router.get("")
async def show_grid(
    request: Request, _caller: CurrentFrontDesk, hotel: Hotel, database: Db, start: ShownDay | None = None
) -> HTMLResponse:
    """Show two weeks of rates."""
    return await _grid(request, database, hotel.id, start, {})


@router.post("")
async def set_run(
    request: Request,
    caller: CurrentManager,
    hotel: Hotel,
    database: Db,
    fields: Fields,
    start: ShownDay | None = None,
) -> Response:
    """Set what was filled in for each night of the run, and show it."""
    try:
        body = body_of(RatesIn, _values(fields))
        await api_rates.set_rates(body, database, hotel.id, caller)
    except InnkeeperError as error:
        return await _grid(request, database, hotel.id, start, fields, Trouble.of(error))
    shown = start if start and start <= body.start < start + timedelta(days=NIGHTS) else body.start
    query = f"start={shown}&done={body.room_type_id}&first={body.start}&last={body.end - timedelta(days=1)}"
    return RedirectResponse(f"/house/rates?{query}", status_code=303)


def _values(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return what the form asks for: a number, the type's own value, or nothing, which leaves a field as it is."""
    values: dict[str, Any] = {"room_type_id": fields.get("room_type_id", "")}
    nights = {}
    for name in ("first", "last"):
        try:
            nights[name] = date.fromisoformat(fields.get(name, ""))
        except ValueError:
            raise Invalid.field(name, "Say the first and the last night.") from None
    if nights["last"] < nights["first"]:
        raise Invalid("The last night is before the first.", errors=[FieldError("last", "This is before the first.")])
    values |= {"start": nights["first"], "end": nights["last"] + timedelta(days=1)}
    for name in ("price", "min_stay", "max_stay"):
        if fields.get(f"{name}_own") == "yes":
            values[name] = None
        elif fields.get(name):
            values[name] = fields[name]
    if fields.get("closed") in ("true", "false"):
        values["closed"] = fields["closed"] == "true"
    if len(values) == len(("room_type_id", "start", "end")):
        raise Invalid.field("price", "Fill in at least one of price, stays, or whether it is sold.")
    return values


async def _grid(
    request: Request,
    database: Db,
    property_id: UUID,
    start: date | None,
    typed: dict[str, str],
    trouble: Trouble | None = None,
) -> HTMLResponse:
    async with database.read() as session:
        house = await properties.get(session, property_id)
        first = start or house.business_date
        end = first + timedelta(days=NIGHTS)
        kinds = sorted((await room_repository.room_types(session, property_id)).values(), key=lambda kind: kind.name)
        found = await rates.window(session, kinds, first, end)
        window = await availability.load(session, [kind.id for kind in kinds], first, end)
    grid = [
        TypeRates(kind, found[n * NIGHTS : (n + 1) * NIGHTS], window.types[kind.id].available)
        for n, kind in enumerate(kinds)
    ]
    return draw(
        request,
        "house/rates.html",
        grid=grid,
        nights=[first + timedelta(days=n) for n in range(NIGHTS)],
        today=house.business_date,
        week=timedelta(days=7),
        typed=typed,
        trouble=trouble,
        done={} if trouble else {name: request.query_params.get(name, "") for name in ("done", "first", "last")},
    )
