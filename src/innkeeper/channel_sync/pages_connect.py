"""The screens before the first write: both sides compared, the rehearsal, and the approval."""

from typing import Annotated, Literal

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, Response

from innkeeper.access.http import CurrentAdmin, CurrentManager
from innkeeper.access.roles import Role
from innkeeper.channel_sync import api, repository
from innkeeper.channel_sync.api import channels_of
from innkeeper.channel_sync.pages_frame import ROOT, Notice, draw, go, instant
from innkeeper.channel_sync.pages_mappings import pairs
from innkeeper.channel_sync.preview import side_by_side
from innkeeper.channel_sync.schemas import ConfigOut, GoLiveIn
from innkeeper.channel_sync.watch import SKEW_WORTH_A_WORD
from innkeeper.domain.errors import InnkeeperError
from innkeeper.domain.outcome import Done, Refused
from innkeeper.house import properties
from innkeeper.web.pages import Hotel, render
from innkeeper.web.routing import Router

CONNECT = f"{ROOT}/connect"

router = Router(prefix=f"{ROOT}/connect", include_in_schema=False)


@router.get("")
async def connect(request: Request, caller: CurrentManager, hotel: Hotel, notice: Notice = "") -> HTMLResponse:
    """Show how far the connection is on its way to live, and what is left to do."""
    async with channels_of(request).database.read() as session:
        config = await repository.config(session, hotel.id)
    if config is None:
        return await draw(request, caller, hotel, "channels/unconnected.html", notice=notice)
    return await draw(
        request,
        caller,
        hotel,
        "channels/connect.html",
        notice=notice,
        config=ConfigOut.of(config),
        plan=config.approved_plan,
    )


@router.get("/compare")
async def compare(request: Request, caller: CurrentManager, hotel: Hotel) -> HTMLResponse:
    """Draw both sides side by side as QloApps tells them now."""
    channels = channels_of(request)
    link = await channels.link(hotel.id)
    facts = await link.connector.describe()
    if not isinstance(facts, Done):
        return _failed(request, facts.message if isinstance(facts, Refused) else facts.reason)
    products = await link.connector.room_types()
    if not isinstance(products, Done):
        return _failed(request, products.message if isinstance(products, Refused) else products.reason)
    async with channels.database.read() as session:
        house = await properties.get(session, hotel.id)
        ours = await repository.room_types(session, hotel.id)
        counts = await repository.room_counts(session, hotel.id)
        mappings = await repository.room_type_mappings(session, hotel.id)
    return render(
        request,
        "channels/compare.html",
        facts=facts.value,
        house=house,
        skewed=abs(facts.value.clock_skew_seconds) > SKEW_WORTH_A_WORD,
        rows=side_by_side(house, ours, counts, products.value, mappings),
        others=[pair for pair in pairs(ours, counts, products.value, mappings, house) if pair.mapping is None],
    )


@router.get("/rehearsal")
async def rehearsal(request: Request, caller: CurrentManager, hotel: Hotel) -> HTMLResponse:
    """Draw what the first synchronisation would do on both sides."""
    try:
        plan = await api.get_rehearsal(request, caller, hotel.id)
    except InnkeeperError as error:
        return _failed(request, error.detail)
    return render(
        request,
        "channels/rehearsal.html",
        plan=plan,
        rehearsed_at=instant(plan["rehearsed_at"]),
        may_administer=caller.role.at_least(Role.ADMIN),
    )


def _failed(request: Request, reason: str) -> HTMLResponse:
    return render(request, "channels/no_answer.html", reason=reason)


@router.post("")
async def go_live(
    request: Request, caller: CurrentAdmin, hotel: Hotel, mode: Annotated[Literal["live", "shadow"], Form()]
) -> Response:
    """Approve the rehearsal and keep it."""
    await api.go_live(request, caller, hotel.id, GoLiveIn(mode=mode))
    return go(CONNECT, mode)
