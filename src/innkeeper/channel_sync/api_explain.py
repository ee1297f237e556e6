"""The routes that explain a booking and replay a message of the log."""

from typing import Any
from uuid import UUID

from fastapi import Request

from innkeeper.access.http import CurrentFrontDesk, CurrentManager, PropertyId
from innkeeper.channel_sync import explain, log_repository
from innkeeper.channel_sync.api import channels_of
from innkeeper.channel_sync.replay import replay
from innkeeper.channel_sync.schemas import QloAppsId, ReplayIn, SyncLogOut
from innkeeper.domain.errors import NotFound
from innkeeper.web.routing import Router

router = Router(prefix="/api/qloapps", tags=["Channel sync"])


@router.get("/bookings/{qloapps_id}/explain")
async def explain_booking(
    request: Request, caller: CurrentFrontDesk, property_id: PropertyId, qloapps_id: QloAppsId
) -> dict[str, Any]:
    """How this booking became what it is: each message, decision, push and trouble, with the row that says so."""
    async with channels_of(request).database.read() as session:
        return await explain.explain_booking(session, property_id, qloapps_id)


@router.get("/reservations/{reservation_id}/explain")
async def explain_reservation(
    request: Request, caller: CurrentFrontDesk, property_id: PropertyId, reservation_id: UUID
) -> dict[str, Any]:
    """The same for a reservation of the house."""
    async with channels_of(request).database.read() as session:
        return await explain.explain_reservation(session, property_id, reservation_id)


@router.get("/sync-logs/{log_id}")
async def get_log(request: Request, caller: CurrentFrontDesk, property_id: PropertyId, log_id: UUID) -> SyncLogOut:
    """One row of the log."""
    async with channels_of(request).database.read() as session:
        row = await log_repository.sync_log(session, property_id, log_id)
    if row is None:
        raise NotFound("There is no such row in the log.")
    return SyncLogOut.of(row)


@router.post("/sync-logs/{log_id}/replay")
async def replay_log(
    request: Request, caller: CurrentManager, property_id: PropertyId, log_id: UUID, body: ReplayIn | None = None
) -> dict[str, Any]:
    """What this message would do if it came in now; nothing is written."""
    return await replay(channels_of(request), property_id, log_id, as_new=body is not None and body.as_new)
