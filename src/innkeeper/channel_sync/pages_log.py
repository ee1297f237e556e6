"""The screens of the log: what was done, filtered, and what one line decided."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import HTMLResponse

from innkeeper.access.http import CurrentFrontDesk, CurrentManager
from innkeeper.channel_sync import api, api_explain, pages_repository, repository
from innkeeper.channel_sync.api import channels_of
from innkeeper.channel_sync.conflict_words import value_in_words
from innkeeper.channel_sync.log_words import act_of
from innkeeper.channel_sync.pages_frame import PAGE, ROOT, Offset, Pager, draw
from innkeeper.channel_sync.schemas import Page, SyncLogOut
from innkeeper.web.pages import Hotel, HotelInfo
from innkeeper.web.routing import Router

router = Router(prefix=f"{ROOT}/log", include_in_schema=False)

OPERATIONS = {"create": "New", "update": "Change", "delete": "Removal", "skip": "Nothing to do", "conflict": "Conflict"}
DIRECTIONS = {"inbound": "From QloApps", "outbound": "To QloApps"}


@router.get("")
async def log(
    request: Request,
    caller: CurrentFrontDesk,
    hotel: Hotel,
    direction: Literal["", "inbound", "outbound"] = "",
    operation: Literal["", "create", "update", "delete", "skip", "conflict"] = "",
    result: Literal["", "done", "failed"] = "",
    q: Annotated[str, Query(max_length=40)] = "",
    offset: Offset = 0,
) -> HTMLResponse:
    """Show what was done, newest first. `q` is a confirmation of ours or the number of a booking there."""
    wanted = {"direction": direction, "operation": operation, "result": result, "q": q.strip()}
    filters: dict[str, Any] = {
        "direction": direction or None,
        "operation": operation or None,
        "success": {"done": True, "failed": False}.get(result),
    }
    page = await _find(request, caller, hotel.id, q.strip(), filters, offset)
    async with channels_of(request).database.read() as session:
        ids = [item.local_entity_id for item in page.items if item.local_entity_id]
        heads = await pages_repository.heads(session, hotel.id, ids)
    return await draw(
        request,
        caller,
        hotel,
        "channels/log.html",
        items=page.items,
        heads=heads,
        act_of=act_of,
        wanted=wanted,
        operations=OPERATIONS,
        directions=DIRECTIONS,
        pager=Pager(f"{ROOT}/log", page.total, offset, {name: value for name, value in wanted.items() if value}),
    )


async def _find(
    request: Request, caller: CurrentFrontDesk, property_id: UUID, q: str, filters: dict[str, Any], offset: int
) -> Page[SyncLogOut]:
    """Return the page of the log; a word that names nothing finds nothing."""
    if q:
        async with channels_of(request).database.read() as session:
            reservation_id = await pages_repository.reservation_of(session, property_id, q.upper())
        if reservation_id is not None:
            filters["reservation_id"] = reservation_id
        elif q.isascii() and q.isdigit() and int(q) < 2**31:
            filters["qloapps_id"] = int(q)
        else:
            return Page(items=[], total=0, limit=PAGE, offset=0)
    return await api.sync_logs(request, caller, property_id, limit=PAGE, offset=offset, **filters)


@router.get("/{log_id}")
async def log_line(request: Request, caller: CurrentFrontDesk, hotel: Hotel, log_id: UUID) -> HTMLResponse:
    """Show one line: what it did, what it decided and the message that it came from."""
    return await _line(request, caller, hotel, log_id)


async def _line(
    request: Request, caller: CurrentFrontDesk, hotel: HotelInfo, log_id: UUID, replayed: dict[str, Any] | None = None
) -> HTMLResponse:
    item = await api_explain.get_log(request, caller, hotel.id, log_id)
    async with channels_of(request).database.read() as session:
        names = await repository.confirmations(session, [item.local_entity_id] if item.local_entity_id else [])
    return await draw(
        request,
        caller,
        hotel,
        "channels/log_line.html",
        item=item,
        act=act_of(item),
        confirmation=names.get(item.local_entity_id) if item.local_entity_id else None,
        decided=decided(item, hotel.currency),
        directions=DIRECTIONS,
        replayed=replayed,
    )


@router.post("/{log_id}")
async def play_again(request: Request, caller: CurrentManager, hotel: Hotel, log_id: UUID) -> HTMLResponse:
    """Show what the message of a line would do if it came in now; nothing is written."""
    report = await api_explain.replay_log(request, caller, hotel.id, log_id)
    return await _line(request, caller, hotel, log_id, report)


def decided(item: SyncLogOut, currency: str) -> list[tuple[str, str]]:
    """Return what a line decided as pairs of fact and sentence."""
    answer = item.response_data or {}
    guest = answer.get("guest", {})
    matched = [("guest", _matched(guest))] if guest else []
    taken = [(_fact(path), "Taken from QloApps.") for path in answer.get("taken", [])]
    conflicts = [
        (_fact(one["field"]), _winner(one.get("winner"), str(one.get("reason", ""))))
        for one in answer.get("conflicts", [])
    ]
    chosen = (item.request_data or {}).get("decisions", {})
    by = (item.request_data or {}).get("by", "somebody")
    persons = [
        (_fact(path), f"{by} decided: {_chosen(_fact(path), value, currency)}.") for path, value in chosen.items()
    ]
    return [*matched, *taken, *conflicts, *persons]


_CHOICES = {"local": "ours", "qloapps": "theirs"}


def _chosen(fact: str, value: Any, currency: str) -> str:
    own = _CHOICES.get(value) if isinstance(value, str) else None
    return own or value_in_words(fact, value, currency, {})


def _matched(guest: Mapping[str, Any]) -> str:
    how = "A new guest was made" if guest["method"] == "created" else f"Recognised by {guest['method']}"
    return f"{how}, score {guest['score']}: {'; '.join(str(reason) for reason in guest['reasons'])}."


def _fact(path: str) -> str:
    return path.rsplit(".", 1)[-1]


def _winner(winner: str | None, reason: str) -> str:
    word = {"house": "Ours was kept.", "qloapps": "Theirs was taken.", None: "A person is asked."}.get(winner, "")
    return f"{word} {reason}".strip()
