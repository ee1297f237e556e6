"""The screens that say how the channel stands: state, what needs a person, blocks and drift."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, Response

from innkeeper.access.http import CurrentAdmin, CurrentFrontDesk, CurrentManager
from innkeeper.access.roles import Role
from innkeeper.channel_sync import (
    api,
    pages_bookings,
    pages_conflicts,
    pages_connect,
    pages_log,
    pages_mappings,
    pages_repository,
    repository,
    runs,
    status,
)
from innkeeper.channel_sync.api import channels_of
from innkeeper.channel_sync.pages_frame import PAGE, ROOT, Notice, Offset, Pager, draw, go, instant
from innkeeper.channel_sync.schemas import ConfigOut
from innkeeper.domain.errors import OutsideUnavailable
from innkeeper.web.pages import Hotel, NavEntry
from innkeeper.web.routing import Router
from innkeeper.web.status import State

NAVIGATION = NavEntry(ROOT, "Channels", Role.FRONT_DESK)

router = Router(prefix=ROOT, include_in_schema=False)
for part in (pages_conflicts, pages_mappings, pages_log, pages_bookings, pages_connect):
    router.take_over(part.router)

#: The word of `health` as everybody reads it.
STATES = {"ok": State.DONE, "degraded": State.NEEDS_YOU, "down": State.REFUSED, "off": State.OFF}
HEADLINES = {
    "ok": "QloApps and the house are in step",
    "degraded": "QloApps is connected and something waits",
    "down": "QloApps cannot be reached",
    "off": "QloApps is not connected",
}
#: What the circuit breaker lets through, in words.
CIRCUITS = {
    "closed": ("closed", "calls go through"),
    "half-open": ("trying", "one call finds out whether QloApps is back"),
    "open": ("open", "calls pause until QloApps has had time to recover"),
}
#: Each way that facts travel: its run, what it is called, the switch of the settings, and who else moves it.
WAYS = (
    ("inbound", "Bookings from QloApps", "sync_reservations_inbound"),
    ("outbound", "Reservations to QloApps", "sync_reservations_outbound"),
    ("availability", "Availability to QloApps", "sync_availability"),
    ("rates", "Rates to QloApps", "sync_rates"),
    ("room-types", "Room types from QloApps", None),
)
RUN_STATES = {
    "queued": State.ON_ITS_WAY,
    "running": State.ON_ITS_WAY,
    "completed": State.DONE,
    "failed": State.REFUSED,
}

What = Literal["all", "inbound", "outbound", "room-types", "availability", "rates"]
DRIFT_KINDS = {
    "booking_gone": "Booking is gone there",
    "booking_changed_there": "Changed there, not read",
    "booking_changed_here": "Changed here, not sent",
    "booking_missing_there": "Not there",
    "booking_missing_here": "Not here",
    "availability": "Rooms left differ",
    "counted_otherwise": "QloApps counts otherwise",
    "foreign_block": "Blocked by somebody else",
    "rate": "Price rule differs",
    "foreign_rate": "Somebody else's price",
    "left_behind": "Left there by us",
}


# --- state ------------------------------------------------------------------------------------------------------------


@router.get("")
async def state(
    request: Request, caller: CurrentFrontDesk, hotel: Hotel, notice: Notice = "", run: UUID | None = None
) -> HTMLResponse:
    """Show whether the systems are connected, how far behind each direction is, and what is missing."""
    channels = channels_of(request)
    health = await status.health(channels, hotel.id)
    async with channels.database.read() as session:
        config = await repository.config(session, hotel.id)
        if config is None:
            return await draw(request, caller, hotel, "channels/unconnected.html", notice=notice)
        by_type = await repository.last_runs(session, hotel.id)
        last_logs = await pages_repository.last_successes(session, hotel.id)
        history = await pages_repository.recent_runs(session, hotel.id)
        followed = await repository.sync_state(session, hotel.id, run) if run else None
    return await draw(
        request,
        caller,
        hotel,
        "channels/state.html",
        notice=notice,
        health=health,
        contacts=[_contact(health["directions"][key], key) for key in ("inbound", "outbound")],
        circuit=CIRCUITS[health["circuit"]],
        state=STATES[health["status"]],
        headline=HEADLINES[health["status"]],
        config=ConfigOut.of(config),
        ways=[_way(way, config, by_type, last_logs) for way in WAYS],
        missing=config.shop_facts.get("missing_permissions", []),
        history=history,
        run_states=RUN_STATES,
        followed=followed,
        labels={runs.KINDS[key]: label for key, label, _ in WAYS} | {runs.KINDS["all"]: "Everything"},
    )


def _way(
    way: tuple[str, str, str | None], config: Any, by_type: dict[str, Any], last_logs: dict[str, datetime]
) -> dict[str, Any]:
    """Return one direction: whether it is on, when it last worked, and how its last run ended."""
    key, label, switch = way
    kind = runs.KINDS[key]
    of_kind = by_type.get(kind, {})
    last = max(of_kind.values(), key=lambda one: one.started_at) if of_kind else None
    worked = [last_logs.get(kind), _completed(of_kind), _completed(by_type.get(runs.KINDS["all"], {}))]
    return {
        "key": key,
        "label": label,
        "on": config.sync_enabled and (switch is None or getattr(config, switch)),
        "sends": key not in ("inbound", "room-types"),
        "last": last,
        "worked_at": max((at for at in worked if at), default=None),
    }


def _contact(figures: dict[str, Any], key: str) -> dict[str, Any]:
    """Return how the contacts of one direction go, with its instants."""
    instants = {name: instant(figures[name]) for name in ("last_success", "last_failure")}
    return {**figures, **instants, "label": "From QloApps" if key == "inbound" else "To QloApps"}


def _completed(of_kind: dict[str, Any]) -> datetime | None:
    run = of_kind.get("completed")
    return run.completed_at if run else None


@router.post("")
async def sync_now(
    request: Request, caller: CurrentManager, hotel: Hotel, what: Annotated[What, Form()] = "all"
) -> Response:
    """Put a synchronisation on the queue and follow it."""
    sync_id = await runs.start(channels_of(request), hotel.id, runs.Request(what=what))
    return go(ROOT, "queued", run=str(sync_id))


# --- what needs a person ----------------------------------------------------------------------------------------------


@router.get("/attention")
async def attention(
    request: Request,
    caller: CurrentFrontDesk,
    hotel: Hotel,
    notice: Notice = "",
    closed: bool = False,
    offset: Offset = 0,
) -> HTMLResponse:
    """Show what needs a person, oldest first, each with its way out."""
    page = await api.attention_list(request, caller, hotel.id, limit=PAGE, offset=offset, closed=closed)
    return await draw(
        request,
        caller,
        hotel,
        "channels/attention.html",
        notice=notice,
        items=page.items,
        closed=closed,
        pager=Pager(f"{ROOT}/attention", page.total, offset, {"closed": "true"} if closed else {}),
        mend=_mending,
    )


def _mending(kind: str) -> tuple[str, str] | None:
    """Return where a cause of this kind is mended, None where trying again or a talk is what helps."""
    return {
        "unmapped_room_type": (f"{ROOT}/mappings", "Map it"),
        "conflict": (f"{ROOT}/conflicts", "Decide"),
        "access": ("/settings/qloapps", "Correct the connection"),
        "unreachable": ("/settings/qloapps", "Look at the connection"),
        "shop_currency": (f"{ROOT}/connect", "Compare both sides"),
    }.get(kind)


@router.post("/attention")
async def settle_attention(
    request: Request,
    caller: CurrentManager,
    hotel: Hotel,
    item: Annotated[UUID, Form()],
    act: Annotated[Literal["retry", "dismiss"], Form()],
) -> Response:
    """Do again what a line is about, or close it."""
    if act == "retry":
        await api.retry_attention(request, caller, hotel.id, item)
        return go(f"{ROOT}/attention", "retried")
    await api.dismiss_attention(request, caller, hotel.id, item)
    return go(f"{ROOT}/attention", "dismissed")


# --- blocks -----------------------------------------------------------------------------------------------------------


@router.get("/blocks")
async def blocks(
    request: Request, caller: CurrentFrontDesk, hotel: Hotel, notice: Notice = "", offset: Offset = 0
) -> HTMLResponse:
    """Show the rooms that are kept from sale in QloApps."""
    page = await api.list_blocks(request, caller, hotel.id, limit=PAGE, offset=offset)
    return await draw(
        request,
        caller,
        hotel,
        "channels/blocks.html",
        notice=notice,
        items=page.items,
        pager=Pager(f"{ROOT}/blocks", page.total, offset, {}),
    )


@router.post("/blocks")
async def remove_blocks(request: Request, caller: CurrentAdmin, hotel: Hotel) -> Response:
    """Release every block."""
    result = await api.remove_blocks(request, caller, hotel.id)
    if not result["success"]:
        raise OutsideUnavailable(" ".join(result["errors"]) or "Not every block could be released.")
    return go(f"{ROOT}/blocks", "released")


# --- drift ------------------------------------------------------------------------------------------------------------


@router.get("/drift")
async def drift(request: Request, caller: CurrentFrontDesk, hotel: Hotel, notice: Notice = "") -> HTMLResponse:
    """Show the last comparison of both sides."""
    document = await api.get_drift(request, caller, hotel.id)
    for difference in document["differences"]:
        difference["known_since"] = datetime.fromisoformat(difference["since"])
    return await draw(
        request,
        caller,
        hotel,
        "channels/drift.html",
        notice=notice,
        sweep=document,
        started_at=instant(document.get("started_at")),
        completed_at=instant(document.get("completed_at")),
        kinds=DRIFT_KINDS,
    )


@router.post("/drift")
async def compare_now(request: Request, caller: CurrentManager, hotel: Hotel) -> Response:
    """Compare both sides now; what is ours to heal is healed while the connection is live."""
    await api.start_drift(request, caller, hotel.id)
    return go(f"{ROOT}/drift", "comparing")
