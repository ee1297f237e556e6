"""Every query of who was seen in which room."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.room_charge.tables import RoomCharge, RoomSighting

_TABLE = cast(Table, RoomSighting.__table__)


async def keep(
    session: AsyncSession,
    property_id: UUID,
    room_number: str,
    seen_at: datetime,
    status: Mapping[str, Any],
    *,
    older: datetime,
) -> None:
    """Write down who was seen in a room, and delete the property's sightings before `older`."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    row = {"property_id": property_id, "room_number": room_number, "seen_at": seen_at, "status": dict(status)}
    write = dialect.insert(_TABLE)
    new = {"seen_at": write.excluded.seen_at, "status": write.excluded.status}
    await session.execute(write.on_conflict_do_update(index_elements=["property_id", "room_number"], set_=new), row)
    old = delete(RoomSighting).where(RoomSighting.property_id == property_id, RoomSighting.seen_at < older)
    await session.execute(old)


async def of_room(session: AsyncSession, property_id: UUID, room_number: str) -> RoomSighting | None:
    """Return who was last seen in a room."""
    return await session.get(RoomSighting, (property_id, room_number))


async def delete_of_guest(
    session: AsyncSession, property_id: UUID, guest_id: str, reservation_ids: Collection[str]
) -> None:
    """Delete what was seen in the rooms of a guest."""
    for row in await session.scalars(select(RoomSighting).where(RoomSighting.property_id == property_id)):
        guests = row.status["guests"]
        if any(one["guest_id"] == guest_id or one["reservation_id"] in reservation_ids for one in guests):
            await session.delete(row)


async def was_charged_in(session: AsyncSession, property_id: UUID, reservation_id: str, room_number: str) -> bool:
    """Whether something was charged to this stay while it was in the room."""
    query = select(RoomCharge.id).where(
        RoomCharge.property_id == property_id,
        RoomCharge.reservation_id == reservation_id,
        func.lower(RoomCharge.room_number) == room_number.lower(),
    )
    return await session.scalar(query.limit(1)) is not None
