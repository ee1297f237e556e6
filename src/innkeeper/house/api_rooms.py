"""The routes of room types, rooms and maintenance."""

from datetime import date
from typing import Any
from uuid import UUID

from innkeeper.access.http import CurrentAdmin, CurrentFrontDesk, CurrentManager, Db, Limit, Offset, PropertyId
from innkeeper.domain.errors import Invalid
from innkeeper.house import intake, properties, room_repository, rooms
from innkeeper.house.schemas import Page, given, in_order
from innkeeper.house.schemas_rooms import (
    MaintenanceIn,
    MaintenanceOut,
    RoomChange,
    RoomIn,
    RoomOut,
    RoomTypeIn,
    RoomTypeOut,
)
from innkeeper.web.routing import Router

router = Router(prefix="/api", tags=["House"])


# --- room types -------------------------------------------------------------------------------------------------------


@router.get("/room-types", summary="List room types")
async def list_room_types(
    database: Db, property_id: PropertyId, _caller: CurrentFrontDesk, limit: Limit = 100, offset: Offset = 0
) -> Page[RoomTypeOut]:
    """Return the room types by name."""
    async with database.read() as session:
        house = await properties.get(session, property_id)
        kinds, total = await room_repository.page_of_room_types(session, property_id, limit, offset)
        counts = await room_repository.room_counts(session, [kind.id for kind in kinds])
    items = [RoomTypeOut.of(kind, counts.get(kind.id, 0), house.currency) for kind in kinds]
    return Page(items=items, total=total, limit=limit, offset=offset)


@router.post("/room-types", status_code=201, summary="Add a room type")
async def add_room_type(body: RoomTypeIn, database: Db, property_id: PropertyId, _caller: CurrentAdmin) -> RoomTypeOut:
    """Add a room type and, with `qty`, as many rooms of it under free numbers."""
    for name in ("name", "price_per_night"):
        if getattr(body, name) is None:
            raise Invalid.field(name, "This is needed.")
    async with database.write() as tx:
        house = await properties.get(tx.session, property_id)
        values = _room_type_values(body, house.currency)
        values.setdefault("max_people", max(2, values.get("max_adult", 1) + values.get("max_children", 0)))
        values.setdefault("max_adult", values["max_people"])
        values.setdefault("max_children", max(0, values["max_people"] - 1))
        kind = await rooms.create_room_type(tx, property_id, values, rooms=body.qty or 0)
    return RoomTypeOut.of(kind, body.qty or 0, house.currency)


@router.get("/room-types/{room_type_id}", summary="Read a room type")
async def read_room_type(
    room_type_id: UUID, database: Db, property_id: PropertyId, _caller: CurrentFrontDesk
) -> RoomTypeOut:
    """Return the room type with the number of its rooms."""
    async with database.read() as session:
        house = await properties.get(session, property_id)
        kind = await rooms.room_type(session, property_id, room_type_id)
        counts = await room_repository.room_counts(session, [room_type_id])
    return RoomTypeOut.of(kind, counts.get(room_type_id, 0), house.currency)


@router.put("/room-types/{room_type_id}", summary="Change a room type")
async def change_room_type(
    room_type_id: UUID, body: RoomTypeIn, database: Db, property_id: PropertyId, _caller: CurrentAdmin
) -> RoomTypeOut:
    """Change what the body holds. The number of rooms follows from the rooms and is not set here."""
    async with database.write() as tx:
        house = await properties.get(tx.session, property_id)
        counts = await room_repository.room_counts(tx.session, [room_type_id])
        qty = counts.get(room_type_id, 0)
        if body.qty is not None and body.qty != qty:
            hint = "add rooms with POST /api/rooms" if body.qty > qty else "remove rooms with DELETE /api/rooms/{id}"
            raise Invalid.field("qty", f"There are {qty} rooms of this type; {hint} instead of setting their number.")
        values = _room_type_values(body, house.currency)
        kind = await rooms.update_room_type(tx, property_id, room_type_id, values)
    return RoomTypeOut.of(kind, qty, house.currency)


@router.delete("/room-types/{room_type_id}", status_code=204, summary="Take a room type out of sale")
async def delete_room_type(room_type_id: UUID, database: Db, property_id: PropertyId, _caller: CurrentAdmin) -> None:
    """Take the type and its rooms out of sale; 409 while reservations hold it."""
    async with database.write() as tx:
        await rooms.delete_room_type(tx, property_id, room_type_id)


# --- rooms ------------------------------------------------------------------------------------------------------------


@router.get("/rooms", summary="List rooms")
async def list_rooms(
    database: Db,
    property_id: PropertyId,
    _caller: CurrentFrontDesk,
    room_type_id: UUID | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[RoomOut]:
    """Return the rooms by number."""
    async with database.read() as session:
        found, total = await room_repository.page_of_rooms(session, property_id, limit, offset, room_type_id)
        cards = await room_repository.key_cards(session, [room.id for room in found])
    items = [RoomOut.of(room, cards[room.id]) for room in found]
    return Page(items=items, total=total, limit=limit, offset=offset)


@router.post("/rooms", status_code=201, summary="Add a room")
async def add_room(body: RoomIn, database: Db, property_id: PropertyId, _caller: CurrentAdmin) -> RoomOut:
    """Add a room under a number that no other room has."""
    async with database.write() as tx:
        room = await rooms.create_room(tx, property_id, body.room_type_id, str(body.number), body.key_cards)
        cards = await room_repository.key_cards(tx.session, [room.id])
    return RoomOut.of(room, cards[room.id])


@router.get("/rooms/{room_id}", summary="Read a room")
async def read_room(room_id: UUID, database: Db, property_id: PropertyId, _caller: CurrentFrontDesk) -> RoomOut:
    """Return the room with its key cards."""
    async with database.read() as session:
        room = await rooms.room(session, property_id, room_id)
        cards = await room_repository.key_cards(session, [room_id])
    return RoomOut.of(room, cards[room_id])


@router.put("/rooms/{room_id}", summary="Change a room")
async def change_room(
    room_id: UUID, body: RoomChange, database: Db, property_id: PropertyId, _caller: CurrentAdmin
) -> RoomOut:
    """Change number, type or key cards; `key_cards` replaces all of them."""
    values = given(body)
    if "number" in values:
        values["number"] = str(values["number"])
    async with database.write() as tx:
        room = await rooms.update_room(tx, property_id, room_id, values)
        cards = await room_repository.key_cards(tx.session, [room_id])
    return RoomOut.of(room, cards[room_id])


@router.delete("/rooms/{room_id}", status_code=204, summary="Take a room away")
async def delete_room(room_id: UUID, database: Db, property_id: PropertyId, _caller: CurrentAdmin) -> None:
    """Take the room away; 409 while a stay has it, or while its type cannot spare it."""
    async with database.write() as tx:
        await rooms.delete_room(tx, property_id, room_id)


# --- maintenance ------------------------------------------------------------------------------------------------------


@router.get("/maintenance", summary="List maintenance")
async def list_maintenance(
    database: Db,
    property_id: PropertyId,
    _caller: CurrentFrontDesk,
    start: date | None = None,
    end: date | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[MaintenanceOut]:
    """Return maintenance that touches the nights from `start` to `end` (exclusive)."""
    in_order(start, end, "end", ends_after=True)
    async with database.read() as session:
        found, total = await room_repository.page_of_maintenance(session, property_id, limit, offset, start, end)
    return Page(items=[MaintenanceOut.of(work) for work in found], total=total, limit=limit, offset=offset)


@router.post("/maintenance", status_code=201, summary="Close rooms")
async def add_maintenance(
    body: MaintenanceIn, database: Db, property_id: PropertyId, _caller: CurrentManager
) -> MaintenanceOut:
    """Close a room, or units of a type. Never refused for want of rooms; `short_nights` says where they are missing."""
    async with database.write() as tx:
        work, short = await rooms.add_maintenance(
            tx,
            property_id,
            start=body.start,
            end=body.end,
            room_id=body.room_id,
            room_type_id=body.room_type_id,
            units=body.units,
            reason=body.reason,
        )
    return MaintenanceOut.of(work, short)


@router.delete("/maintenance/{maintenance_id}", status_code=204, summary="Open rooms again")
async def end_maintenance(maintenance_id: UUID, database: Db, property_id: PropertyId, _caller: CurrentManager) -> None:
    """Open the rooms again for all nights of the maintenance."""
    async with database.write() as tx:
        await rooms.end_maintenance(tx, property_id, maintenance_id)


def _room_type_values(body: RoomTypeIn, currency: str) -> dict[str, Any]:
    values = {name: value for name, value in given(body).items() if name != "qty"}
    if "price_per_night" in values:
        values["price_per_night"] = intake.amount(values["price_per_night"], currency, "price_per_night")
    if "beds24_room_id" in values:
        values["beds24_room_id"] = str(values["beds24_room_id"]) or None
    return values
