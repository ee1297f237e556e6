"""The routes of what is what: room types, reservations and guests here and in QloApps."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from fastapi import Request

from innkeeper.access import audit
from innkeeper.access.http import CurrentFrontDesk, CurrentManager, Limit, Offset, PropertyId
from innkeeper.channel_sync import rehearsal, repository, room_types
from innkeeper.channel_sync.api import channels_of
from innkeeper.channel_sync.schemas import (
    CustomerMappingIn,
    CustomerMappingOut,
    MappingStatus,
    Page,
    ReservationMappingOut,
    RoomTypeMappingIn,
    RoomTypeMappingOut,
)
from innkeeper.domain.errors import NotFound, OutsideUnavailable
from innkeeper.domain.outcome import Done, Refused
from innkeeper.house import guests
from innkeeper.web.routing import Router

router = Router(prefix="/api/qloapps", tags=["Channel sync"])


@router.get("/mappings/room-types")
async def room_type_mappings(
    request: Request, caller: CurrentFrontDesk, property_id: PropertyId, limit: Limit = 100, offset: Offset = 0
) -> Page[RoomTypeMappingOut]:
    """Which room type is which."""
    async with channels_of(request).database.read() as session:
        rows = await repository.room_type_mappings(session, property_id)
    items = [RoomTypeMappingOut.of(row) for row in rows[offset : offset + limit]]
    return Page(items=items, total=len(rows), limit=limit, offset=offset)


@router.post("/mappings/room-types", status_code=201)
async def map_room_type(
    request: Request, caller: CurrentManager, property_id: PropertyId, body: RoomTypeMappingIn
) -> RoomTypeMappingOut:
    """Map one of ours to one of theirs; what waited for it is completed."""
    channels = channels_of(request)
    link = await channels.link(property_id)
    theirs = await room_types.known_products(link)
    hotel_id = body.qloapps_hotel_id or link.config.qloapps_hotel_id
    async with channels.database.write() as tx:
        row = await room_types.create_mapping(
            tx, property_id, body.local_room_type_id, body.qloapps_product_id, hotel_id, body.sync_direction, theirs
        )
        await audit.record(tx, caller, "qloapps.map", "room_type_mapping", row.id, body.model_dump(mode="json"))
        return RoomTypeMappingOut.of(row)


@router.delete("/mappings/room-types/{mapping_id}", status_code=204)
async def unmap_room_type(request: Request, caller: CurrentManager, property_id: PropertyId, mapping_id: UUID) -> None:
    """Take a mapping away; bookings keep the room type they have."""
    async with channels_of(request).database.write() as tx:
        row = await repository.room_type_mapping(tx.session, property_id, mapping_id)
        if row is None:
            raise NotFound("There is no such mapping.")
        await room_types.delete_mapping(tx, row)
        await audit.record(tx, caller, "qloapps.unmap", "room_type_mapping", mapping_id, {})


@router.get("/mappings/suggestions")
async def suggestions(request: Request, caller: CurrentManager, property_id: PropertyId) -> dict[str, Any]:
    """Pairs that look alike, with a score and why."""
    channels = channels_of(request)
    link = await channels.link(property_id)
    answer = await link.connector.room_types()
    if not isinstance(answer, Done):
        raise OutsideUnavailable(answer.message if isinstance(answer, Refused) else answer.reason)
    async with channels.database.read() as session:
        mappings = await repository.room_type_mappings(session, property_id)
        ours = await repository.room_types(session, property_id)
        counts = await repository.room_counts(session, property_id)
    mapped = {m.local_room_type_id for m in mappings}, {m.qloapps_product_id for m in mappings}
    found = room_types.suggest(
        [t for t in ours if t.id not in mapped[0]],
        counts,
        [p for p in answer.value if p.room_type_id not in mapped[1]],
    )
    items = [rehearsal.suggestion_document(s) for s in found]
    return {"items": items, "total": len(items), "limit": 500, "offset": 0}


@router.get("/mappings/reservations")
async def reservation_mappings(
    request: Request,
    caller: CurrentFrontDesk,
    property_id: PropertyId,
    limit: Limit = 100,
    offset: Offset = 0,
    status: MappingStatus | None = None,
    has_conflict: bool | None = None,
) -> Page[ReservationMappingOut]:
    """Which reservation is which booking."""
    async with channels_of(request).database.read() as session:
        rows, total = await repository.reservation_mappings(
            session, property_id, limit=limit, offset=offset, status=status, conflict=has_conflict
        )
    return Page(items=[ReservationMappingOut.of(row) for row in rows], total=total, limit=limit, offset=offset)


@router.get("/mappings/customers")
async def customer_mappings(
    request: Request, caller: CurrentFrontDesk, property_id: PropertyId, limit: Limit = 100, offset: Offset = 0
) -> Page[CustomerMappingOut]:
    """Which guest is which customer, and how that was found out."""
    async with channels_of(request).database.read() as session:
        rows, total = await repository.customer_page(session, property_id, limit=limit, offset=offset)
    items = [CustomerMappingOut.of(row, name) for row, name in rows]
    return Page(items=items, total=total, limit=limit, offset=offset)


@router.put("/mappings/customers/{mapping_id}")
async def override_customer(
    request: Request, caller: CurrentFrontDesk, property_id: PropertyId, mapping_id: UUID, body: CustomerMappingIn
) -> CustomerMappingOut:
    """Say who the customer really is; later bookings of this customer belong to that guest."""
    async with channels_of(request).database.write() as tx:
        row = await repository.customer_mapping(tx.session, property_id, mapping_id)
        if row is None:
            raise NotFound("There is no such mapping.")
        guest = await guests.get(tx.session, property_id, body.local_guest_id)
        row.local_guest_id, row.match_method = guest.id, "manual"
        row.confidence_score, row.reasons = Decimal(1), [f"{caller.name} said so"]
        await audit.record(tx, caller, "qloapps.match", "customer_mapping", row.id, {"guest_id": str(guest.id)})
        await tx.session.flush()
        await tx.session.refresh(row)
        return CustomerMappingOut.of(row, guest.name)
