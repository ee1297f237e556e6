"""The rooms: types, numbers, key cards, and what is closed for maintenance."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from innkeeper.access.http import CurrentAdmin, CurrentFrontDesk, CurrentManager, Db
from innkeeper.domain.errors import InnkeeperError
from innkeeper.domain.money import format_amount
from innkeeper.house import api_rooms, properties, room_repository, rooms
from innkeeper.house.pages_forms import Fields, Trouble, body_of, draw, entries, filled, identity
from innkeeper.house.schemas_rooms import MaintenanceIn, RoomChange, RoomIn, RoomTypeIn
from innkeeper.web.pages import Hotel
from innkeeper.web.routing import Router

router = Router(prefix="/house/rooms", include_in_schema=False)

_MOST = 2000
_TYPE_FIELDS = (
    "name", "room_type", "price_per_night", "max_people", "max_adult", "max_children", "min_stay", "max_stay",
    "description",
)  # fmt: skip


@router.get("")
async def show_rooms(request: Request, _caller: CurrentFrontDesk, hotel: Hotel, database: Db) -> HTMLResponse:
    """Show rooms by type, and what is closed from today on."""
    return await _page(request, database, hotel.id)


@router.post("")
async def add_room(request: Request, caller: CurrentAdmin, hotel: Hotel, database: Db, fields: Fields) -> Response:
    """Add a room."""

    async def act() -> None:
        values = _room_values(fields)
        await api_rooms.add_room(body_of(RoomIn, values), database, hotel.id, caller)

    return await _acted(request, database, hotel.id, fields | {"form": "room"}, act)


@router.post("/maintenance")
async def close_rooms(request: Request, caller: CurrentManager, hotel: Hotel, database: Db, fields: Fields) -> Response:
    """Close a room, or some rooms of a type, for a run of nights."""
    try:
        place = identity(fields.get("place"), "place")
        values: dict[str, Any] = {**filled({name: fields.get(name, "") for name in ("start", "end", "reason")})}
        async with database.read() as session:
            is_type = place is not None and place in await room_repository.room_types(session, hotel.id)
        values |= {"room_type_id": place, "units": fields.get("units") or 1} if is_type else {"room_id": place}
        work = await api_rooms.add_maintenance(body_of(MaintenanceIn, values), database, hotel.id, caller)
    except InnkeeperError as error:
        return await _page(request, database, hotel.id, fields | {"form": "maintenance"}, Trouble.of(error))
    short = "&short=yes" if work.short else ""
    return RedirectResponse(f"/house/rooms?done=closed{short}#closed", status_code=303)


@router.post("/maintenance/{maintenance_id}/end")
async def open_rooms(
    request: Request, maintenance_id: UUID, caller: CurrentManager, hotel: Hotel, database: Db, fields: Fields
) -> Response:
    """Open the rooms again."""

    async def act() -> None:
        await api_rooms.end_maintenance(maintenance_id, database, hotel.id, caller)

    return await _acted(request, database, hotel.id, fields, act)


@router.get("/types/new")
async def show_new_type(request: Request, _caller: CurrentAdmin, hotel: Hotel, database: Db) -> HTMLResponse:
    """Show an empty form for a room type."""
    typed = {"room_type": "room", "max_people": "2", "max_adult": "2", "max_children": "0", "min_stay": "1"}
    return _type_form(request, None, typed | {"max_stay": "0"})


@router.post("/types/new")
async def add_type(request: Request, caller: CurrentAdmin, hotel: Hotel, database: Db, fields: Fields) -> Response:
    """Add a room type with as many rooms as are asked for."""
    try:
        values = filled({name: fields.get(name, "") for name in (*_TYPE_FIELDS, "qty")})
        await api_rooms.add_room_type(body_of(RoomTypeIn, values), database, hotel.id, caller)
    except InnkeeperError as error:
        return _type_form(request, None, fields, Trouble.of(error))
    return RedirectResponse("/house/rooms?done=saved", status_code=303)


@router.get("/types/{room_type_id}")
async def show_type(
    request: Request, room_type_id: UUID, _caller: CurrentAdmin, hotel: Hotel, database: Db
) -> HTMLResponse:
    """Show the form of a room type."""
    async with database.read() as session:
        kind = await rooms.room_type(session, hotel.id, room_type_id)
    typed = {name: str(getattr(kind, name)) for name in _TYPE_FIELDS}
    typed["price_per_night"] = format_amount(kind.price_per_night, hotel.currency)
    return _type_form(request, room_type_id, typed)


@router.post("/types/{room_type_id}")
async def change_type(
    request: Request, room_type_id: UUID, caller: CurrentAdmin, hotel: Hotel, database: Db, fields: Fields
) -> Response:
    """Change a room type, or take it out of sale."""
    try:
        if fields.get("remove") == "yes":
            await api_rooms.delete_room_type(room_type_id, database, hotel.id, caller)
        else:
            values: dict[str, Any] = filled({name: fields.get(name, "") for name in _TYPE_FIELDS})
            values["description"] = fields.get("description", "")
            await api_rooms.change_room_type(room_type_id, body_of(RoomTypeIn, values), database, hotel.id, caller)
    except InnkeeperError as error:
        return _type_form(request, room_type_id, fields, Trouble.of(error))
    return RedirectResponse("/house/rooms?done=saved", status_code=303)


@router.get("/{room_id}")
async def show_room(request: Request, room_id: UUID, _caller: CurrentAdmin, hotel: Hotel, database: Db) -> HTMLResponse:
    """Show the form of a room."""
    return await _room_form(request, database, hotel.id, room_id, None)


@router.post("/{room_id}")
async def change_room(
    request: Request, room_id: UUID, caller: CurrentAdmin, hotel: Hotel, database: Db, fields: Fields
) -> Response:
    """Change a room, or take it away."""
    try:
        if fields.get("remove") == "yes":
            await api_rooms.delete_room(room_id, database, hotel.id, caller)
        else:
            await api_rooms.change_room(room_id, body_of(RoomChange, _room_values(fields)), database, hotel.id, caller)
    except InnkeeperError as error:
        return await _room_form(request, database, hotel.id, room_id, fields, Trouble.of(error))
    return RedirectResponse("/house/rooms?done=saved", status_code=303)


def _room_values(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return what the form of a room holds as the API's body wants it."""
    values: dict[str, Any] = filled({name: fields.get(name, "") for name in ("number", "room_type_id")})
    return values | {"key_cards": entries(fields.get("key_cards", ""))}


async def _page(
    request: Request,
    database: Db,
    property_id: UUID,
    typed: Mapping[str, str] | None = None,
    trouble: Trouble | None = None,
) -> HTMLResponse:
    async with database.read() as session:
        house = await properties.get(session, property_id)
        kinds = sorted((await room_repository.room_types(session, property_id)).values(), key=lambda kind: kind.name)
        found, _ = await room_repository.page_of_rooms(session, property_id, _MOST, 0)
        cards = await room_repository.key_cards(session, [room.id for room in found])
        closed, _ = await room_repository.page_of_maintenance(session, property_id, _MOST, 0, house.business_date, None)
    return draw(
        request,
        "house/rooms.html",
        address="/house/rooms",
        kinds=kinds,
        rooms_of={kind.id: [room for room in found if room.room_type_id == kind.id] for kind in kinds},
        numbers={room.id: room.number for room in found},
        names={kind.id: kind.name for kind in kinds},
        cards=cards,
        closed=closed,
        today=house.business_date,
        typed=typed or {},
        trouble=trouble,
        done=request.query_params.get("done", "") if trouble is None else "",
        short=request.query_params.get("short") == "yes",
    )


def _type_form(
    request: Request, room_type_id: UUID | None, typed: Mapping[str, str], trouble: Trouble | None = None
) -> HTMLResponse:
    return draw(
        request,
        "house/room_type.html",
        room_type_id=room_type_id,
        typed=typed,
        trouble=trouble,
    )


async def _room_form(
    request: Request,
    database: Db,
    property_id: UUID,
    room_id: UUID,
    typed: Mapping[str, str] | None,
    trouble: Trouble | None = None,
) -> HTMLResponse:
    async with database.read() as session:
        room = await rooms.room(session, property_id, room_id)
        kinds = sorted((await room_repository.room_types(session, property_id)).values(), key=lambda kind: kind.name)
        cards = (await room_repository.key_cards(session, [room_id]))[room_id]
    stored = {"number": room.number, "room_type_id": str(room.room_type_id), "key_cards": "\n".join(cards)}
    return draw(
        request,
        "house/room.html",
        room=room,
        kinds=kinds,
        typed=stored | dict(typed or {}),
        trouble=trouble,
    )


async def _acted(
    request: Request,
    database: Db,
    property_id: UUID,
    fields: Mapping[str, str],
    act: Callable[[], Awaitable[None]],
) -> Response:
    try:
        await act()
    except InnkeeperError as error:
        return await _page(request, database, property_id, fields, Trouble.of(error))
    return RedirectResponse("/house/rooms?done=saved", status_code=303)
