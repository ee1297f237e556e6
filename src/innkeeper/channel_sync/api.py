"""The routes of channel sync; each one checks the role, calls one function and shapes the answer."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Body, Request, Response
from fastapi.responses import JSONResponse

from innkeeper.access import audit
from innkeeper.access.caller import Caller
from innkeeper.access.http import CurrentAdmin, CurrentFrontDesk, CurrentManager, Limit, Offset, PropertyId
from innkeeper.channel_sync import (
    ari_repository,
    ari_work,
    attention,
    drift,
    jobs,
    rehearsal,
    repository,
    resolving,
    runs,
    settings,
    status,
    watch,
)
from innkeeper.channel_sync.connection import Channels, require_config
from innkeeper.channel_sync.schemas import (
    AttentionOut,
    BlockOut,
    ConfigIn,
    ConfigOut,
    Direction,
    GoLiveIn,
    Operation,
    Page,
    PushIn,
    QloAppsId,
    SyncIn,
    SyncLogOut,
)
from innkeeper.channel_sync.work import queue_pull, queue_push
from innkeeper.domain.errors import Conflict, Invalid, NotFound, OutsideUnavailable
from innkeeper.domain.outcome import Done, Refused
from innkeeper.house import properties
from innkeeper.jobs import queue
from innkeeper.jobs.leases import LeaseHeld
from innkeeper.web.routing import Router

router = Router(prefix="/api/qloapps", tags=["Channel sync"])


def channels_of(request: Request) -> Channels:
    """Return the channels of the app."""
    channels: Channels = request.app.state.channels
    return channels


# --- configuration --------------------------------------------------------------------------------------------------


@router.get("/config")
async def get_config(request: Request, caller: CurrentManager, property_id: PropertyId) -> ConfigOut:
    """The connection as it is, without its key."""
    async with channels_of(request).database.read() as session:
        return ConfigOut.of(await require_config(session, property_id))


@router.post("/config")
@router.put("/config")
async def save_config(request: Request, caller: CurrentAdmin, property_id: PropertyId, body: ConfigIn) -> ConfigOut:
    """Make or change the connection; what is left out stays as it is."""
    channels = channels_of(request)
    values = body.model_dump(exclude_unset=True)
    config = await settings.save(channels, property_id, values)
    detail = {"changed": sorted(values)}
    await _audit(channels, caller, "qloapps.config", "qloapps_config", config.id, detail)
    return ConfigOut.of(config)


@router.post("/test-connection")
async def test_connection(request: Request, caller: CurrentAdmin, property_id: PropertyId) -> dict[str, Any]:
    """Ask the shop who it is and which rights of the key are missing."""
    channels = channels_of(request)
    answer = await settings.test_connection(channels, property_id)
    if not isinstance(answer, Done):
        message = answer.message if isinstance(answer, Refused) else answer.reason
        return {"success": False, "message": message, "findings": [message]}
    facts = answer.value
    async with channels.database.read() as session:
        house = await properties.get(session, property_id)
    found = settings.findings(facts, house.currency, house.timezone)
    return {
        "success": not facts.missing_permissions,
        "message": f"Connected to {facts.hotel_name}." if not found else " ".join(found),
        "hotelName": facts.hotel_name,
        "hotel_name": facts.hotel_name,
        **watch.facts_document(facts),
        "findings": found,
    }


# --- synchronising --------------------------------------------------------------------------------------------------


@router.post("/sync", status_code=202)
async def sync_all(
    request: Request, caller: CurrentManager, property_id: PropertyId, body: SyncIn | None = None, wait: bool = False
) -> Response:
    """Synchronise whatever the configuration says."""
    return await _sync(request, property_id, "all", body, wait)


@router.post("/sync/reservations/inbound", status_code=202)
async def sync_inbound(
    request: Request, caller: CurrentManager, property_id: PropertyId, body: SyncIn | None = None, wait: bool = False
) -> Response:
    """Fetch bookings."""
    return await _sync(request, property_id, "inbound", body, wait)


@router.post("/sync/reservations/outbound", status_code=202)
async def sync_outbound(
    request: Request, caller: CurrentManager, property_id: PropertyId, body: SyncIn | None = None, wait: bool = False
) -> Response:
    """Send reservations that QloApps does not have as they are."""
    return await _sync(request, property_id, "outbound", body, wait)


@router.post("/sync/room-types", status_code=202)
async def sync_room_types(
    request: Request,
    caller: CurrentManager,
    property_id: PropertyId,
    body: SyncIn | None = None,
    wait: bool = False,
    create_missing: bool = False,
) -> Response:
    """Read room types; with `create_missing`, make and map ours for those that have none."""
    return await _sync(request, property_id, "room-types", body, wait, create_missing=create_missing)


@router.post("/sync/availability", status_code=202)
async def sync_availability(
    request: Request, caller: CurrentManager, property_id: PropertyId, body: PushIn | None = None, wait: bool = False
) -> Response:
    """Make QloApps sell what the house has left."""
    return await _sync(request, property_id, "availability", body, wait)


@router.post("/sync/rates", status_code=202)
async def sync_rates(
    request: Request, caller: CurrentManager, property_id: PropertyId, body: PushIn | None = None, wait: bool = False
) -> Response:
    """Make QloApps charge the house's prices."""
    return await _sync(request, property_id, "rates", body, wait)


@router.get("/blocks")
async def list_blocks(
    request: Request, caller: CurrentFrontDesk, property_id: PropertyId, limit: Limit = 100, offset: Offset = 0
) -> Page[BlockOut]:
    """The rooms that are kept from sale in QloApps, by date; they are nobody's bookings."""
    async with channels_of(request).database.read() as session:
        rows, total = await ari_repository.block_page(session, property_id, limit=limit, offset=offset)
    return Page(items=[BlockOut.of(row, name) for row, name in rows], total=total, limit=limit, offset=offset)


@router.delete("/blocks")
async def remove_blocks(request: Request, caller: CurrentAdmin, property_id: PropertyId) -> dict[str, Any]:
    """Release every block and stop sending availability, so that none comes back before it is switched on again."""
    channels = channels_of(request)
    try:
        result = await runs.remove_blocks(channels, property_id)
    except LeaseHeld:
        raise _busy() from None
    async with channels.database.write() as tx:
        await audit.record(tx, caller, "qloapps.remove-blocks", "qloapps_config", property_id, {})
    return result.document()


@router.get("/drift")
async def get_drift(request: Request, caller: CurrentFrontDesk, property_id: PropertyId) -> dict[str, Any]:
    """The last comparison of both sides: where they differ, since when, why if known, and what healing does."""
    async with channels_of(request).database.read() as session:
        return drift.document(await ari_repository.last_sweep(session, property_id))


@router.post("/drift", status_code=202)
async def start_drift(request: Request, caller: CurrentManager, property_id: PropertyId) -> dict[str, Any]:
    """Compare both sides now, in the background."""
    channels = channels_of(request)
    async with channels.database.write() as tx:
        config = await require_config(tx.session, property_id)
        sweep_id = await drift.begin(tx, property_id, heal=config.mode == "live")
        await ari_work.queue_drift(tx, property_id, sweep_id)
    return {"sweep_id": str(sweep_id)}


def _busy() -> Conflict:
    return Conflict(
        "Another synchronisation of this property is running.",
        code="SYNC_RUNNING",
        action="Wait for it, or start yours without wait=true.",
    )


async def _sync(
    request: Request,
    property_id: UUID,
    what: str,
    body: SyncIn | PushIn | None,
    wait: bool,
    *,
    create_missing: bool = False,
) -> Response:
    channels = channels_of(request)
    asked = runs.Request(what=what, create_missing=create_missing, **(body or SyncIn()).model_dump())
    if asked.since is not None and asked.since.tzinfo is None:
        raise Invalid.field("since", "Write the instant with its zone, as in 2026-11-22T10:00:00+01:00.")
    if asked.start is not None and asked.end is not None and asked.end <= asked.start:
        raise Invalid.field("end", f"The end {asked.end} must be after the start {asked.start}.")
    if asked.room_type_id is not None:
        await _must_be_ours(channels, property_id, asked.room_type_id)
    if not wait:
        sync_id = await runs.start(channels, property_id, asked)
        return JSONResponse({"sync_id": str(sync_id)}, status_code=202)
    try:
        result = await runs.run_now(channels, property_id, asked)
    except LeaseHeld:
        raise _busy() from None
    return JSONResponse(result.document(), status_code=200)


async def _must_be_ours(channels: Channels, property_id: UUID, room_type_id: UUID) -> None:
    async with channels.database.read() as session:
        if room_type_id not in {kind.id for kind in await repository.room_types(session, property_id)}:
            raise NotFound(f"There is no room type {room_type_id} in this property.")


@router.get("/sync/{sync_id}")
async def get_run(request: Request, caller: CurrentManager, property_id: PropertyId, sync_id: UUID) -> dict[str, Any]:
    """One run, to follow what a 202 promised."""
    async with channels_of(request).database.read() as session:
        run = await repository.sync_state(session, property_id, sync_id)
    if run is None:
        raise NotFound("There is no such run.")
    return status.run_document(run)


@router.post("/bookings/{qloapps_id}/pull")
async def pull_booking(
    request: Request, caller: CurrentFrontDesk, property_id: PropertyId, qloapps_id: QloAppsId
) -> dict[str, Any]:
    """Fetch this one booking now."""
    channels = channels_of(request)
    async with runs.hold_lane(channels, property_id, "pull"):
        answer = await jobs.pull(channels, property_id, qloapps_id)
    if isinstance(answer, Refused):
        raise OutsideUnavailable(answer.message, code=answer.code)
    if not isinstance(answer, Done):
        raise OutsideUnavailable(answer.reason)
    if answer.value == "unknown there":
        raise NotFound(f"QloApps has no booking {qloapps_id} of this hotel.")
    async with channels.database.read() as session:
        found = (await repository.mappings_of_orders(session, property_id, [qloapps_id])).get(qloapps_id)
    return {"result": answer.value, "reservation_id": str(found.local_reservation_id) if found else None}


# --- conflicts ------------------------------------------------------------------------------------------------------


@router.get("/conflicts")
async def conflicts(
    request: Request, caller: CurrentFrontDesk, property_id: PropertyId, limit: Limit = 100, offset: Offset = 0
) -> Page[dict[str, Any]]:
    """Facts that both sides changed and that a person has to decide, with both values."""
    async with channels_of(request).database.read() as session:
        rows, total = await repository.reservation_mappings(
            session, property_id, limit=limit, offset=offset, status=None, conflict=True
        )
        names = await repository.confirmations(session, [row.local_reservation_id for row in rows])
    items = [resolving.conflict_document(row, names.get(row.local_reservation_id, "")) for row in rows]
    return Page(items=items, total=total, limit=limit, offset=offset)


@router.post("/conflicts/{conflict_id}/resolve")
async def resolve_conflict(
    request: Request,
    caller: CurrentFrontDesk,
    property_id: PropertyId,
    conflict_id: UUID,
    body: Annotated[dict[str, Any], Body(examples=[{"stay": "local", "amount": "qloapps"}])],
) -> dict[str, Any]:
    """Say for each fact who is right: `local`, `qloapps`, or the value itself."""
    async with channels_of(request).database.write() as tx:
        row = await resolving.resolve(tx, property_id, conflict_id, body, caller.name)
        names = await repository.confirmations(tx.session, [row.local_reservation_id])
        await audit.record(tx, caller, "qloapps.resolved", "conflict", row.id, {"fields": sorted(body)})
        return resolving.conflict_document(row, names.get(row.local_reservation_id, ""))


# --- attention ------------------------------------------------------------------------------------------------------


@router.get("/attention")
async def attention_list(
    request: Request,
    caller: CurrentFrontDesk,
    property_id: PropertyId,
    limit: Limit = 100,
    offset: Offset = 0,
    closed: bool = False,
) -> Page[AttentionOut]:
    """What needs a person, oldest first."""
    async with channels_of(request).database.read() as session:
        rows, total = await repository.attention_page(
            session, property_id, limit=limit, offset=offset, open_only=not closed
        )
    items = [AttentionOut.of(row, attention.CAUSES[row.kind].retry) for row in rows]
    return Page(items=items, total=total, limit=limit, offset=offset)


@router.post("/attention/{attention_id}/retry", status_code=202)
async def retry_attention(
    request: Request, caller: CurrentManager, property_id: PropertyId, attention_id: UUID
) -> dict[str, Any]:
    """Do again what this is about."""
    async with channels_of(request).database.write() as tx:
        row = await repository.attention(tx.session, property_id, attention_id)
        if row is None or row.closed_at is not None:
            raise NotFound("There is no such open matter.")
        if row.job_id is not None:
            job_id = await queue.retry(tx, row.job_id)
        elif row.reservation_id is not None:
            job_id = await queue_push(tx, property_id, row.reservation_id)
        elif row.qloapps_order_id is not None:
            job_id = await queue_pull(tx, property_id, row.qloapps_order_id)
        else:
            raise Conflict("Trying again does not mend this.", code="NO_RETRY", action=row.action)
        await audit.record(tx, caller, "attention.retry", "attention", row.id, {"kind": row.kind})
        return {"job_id": str(job_id)}


@router.post("/attention/{attention_id}/dismiss")
async def dismiss_attention(
    request: Request, caller: CurrentManager, property_id: PropertyId, attention_id: UUID
) -> dict[str, Any]:
    """Close it: a person has seen it and needs nothing more. The same cause opens it again."""
    async with channels_of(request).database.write() as tx:
        row = await repository.attention(tx.session, property_id, attention_id)
        if row is None or row.closed_at is not None:
            raise NotFound("There is no such open matter.")
        await attention.close_cause(tx, property_id, row.kind, row.key, by=caller.name)
        if row.job_id is not None:
            await queue.dismiss(tx, row.job_id)
        await audit.record(tx, caller, "attention.dismiss", "attention", row.id, {"kind": row.kind})
    return {"closed": True}


# --- before go-live, log and health ---------------------------------------------------------------------------------


@router.get("/rehearsal")
async def get_rehearsal(request: Request, caller: CurrentManager, property_id: PropertyId) -> dict[str, Any]:
    """What the first synchronisation would do on both sides."""
    return await rehearsal.rehearse(channels_of(request), property_id)


@router.post("/go-live")
async def go_live(request: Request, caller: CurrentAdmin, property_id: PropertyId, body: GoLiveIn) -> ConfigOut:
    """Approve the rehearsal and keep it."""
    channels = channels_of(request)
    config = await rehearsal.go_live(channels, property_id, body.mode, caller.name)
    await _audit(channels, caller, "qloapps.go-live", "qloapps_config", config.id, {"mode": body.mode})
    return ConfigOut.of(config)


@router.get("/sync-logs")
async def sync_logs(
    request: Request,
    caller: CurrentFrontDesk,
    property_id: PropertyId,
    limit: Limit = 100,
    offset: Offset = 0,
    success: bool | None = None,
    direction: Direction | None = None,
    operation: Operation | None = None,
    reservation_id: UUID | None = None,
    qloapps_id: QloAppsId | None = None,
) -> Page[SyncLogOut]:
    """What was done, newest first."""
    async with channels_of(request).database.read() as session:
        rows, total = await repository.sync_logs(
            session,
            property_id,
            limit=limit,
            offset=offset,
            success=success,
            direction=direction,
            operation=operation,
            reservation_id=reservation_id,
            order_id=qloapps_id,
        )
    return Page(items=[SyncLogOut.of(row) for row in rows], total=total, limit=limit, offset=offset)


@router.get("/sync-status")
async def sync_status(request: Request, caller: CurrentFrontDesk, property_id: PropertyId) -> dict[str, Any]:
    """What runs, and the last run of each type."""
    return await status.sync_status(channels_of(request), property_id)


@router.get("/health")
async def health(request: Request, caller: CurrentFrontDesk, property_id: PropertyId) -> dict[str, Any]:
    """Whether synchronising works, and if not, why."""
    return await status.health(channels_of(request), property_id)


async def _audit(
    channels: Channels, caller: Caller, action: str, kind: str, entity_id: UUID, detail: dict[str, Any]
) -> None:
    async with channels.database.write() as tx:
        await audit.record(tx, caller, action, kind, entity_id, detail)
