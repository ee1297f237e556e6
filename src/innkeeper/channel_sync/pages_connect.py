"""The screens before the first write: both sides compared, the rehearsal, and the approval."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response

from innkeeper.access.http import CurrentAdmin, CurrentManager
from innkeeper.access.roles import Role
from innkeeper.channel_sync import api, repository
from innkeeper.channel_sync.api import channels_of
from innkeeper.channel_sync.pages_frame import ROOT, Notice, draw, go, instant
from innkeeper.channel_sync.pages_mappings import Pair, pairs
from innkeeper.channel_sync.schemas import ConfigOut, GoLiveIn
from innkeeper.channel_sync.watch import SKEW_WORTH_A_WORD
from innkeeper.domain.errors import InnkeeperError
from innkeeper.domain.money import quantize
from innkeeper.domain.outcome import Done, Refused
from innkeeper.house import properties
from innkeeper.house.tables import Property
from innkeeper.web.pages import Hotel, render

CONNECT = f"{ROOT}/connect"

router = APIRouter(prefix="/connect")


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
    found = pairs(ours, counts, products.value, mappings)
    return render(
        request,
        "channels/compare.html",
        facts=facts.value,
        house=house,
        skewed=abs(facts.value.clock_skew_seconds) > SKEW_WORTH_A_WORD,
        rows=[row for row in (compared(pair, house) for pair in found) if row is not None],
        alone=[pair for pair in found if pair.ours is None or pair.theirs is None],
    )


@dataclass(frozen=True, slots=True)
class Compared:
    """A pair of room types with what may differ: each is None where one side does not tell."""

    pair: Pair
    rooms_agree: bool
    capacity_agrees: bool
    tax: Decimal | None
    tax_agrees: bool
    price: Decimal
    price_agrees: bool


def compared(pair: Pair, house: Property) -> Compared | None:
    """Return how a pair compares, None when one side of it is missing."""
    ours, theirs = pair.ours, pair.theirs
    if ours is None or theirs is None:
        return None
    rate = theirs.tax_rate if theirs.tax_rate is not None else house.tax_rate
    price = quantize(theirs.base_price * (1 + rate / 100) if house.tax_included else theirs.base_price, house.currency)
    return Compared(
        pair=pair,
        rooms_agree=len(theirs.room_numbers) == pair.rooms,
        capacity_agrees=(ours.max_adult, ours.max_children) == (theirs.max_adults, theirs.max_children),
        tax=theirs.tax_rate,
        tax_agrees=theirs.tax_rate == house.tax_rate,
        price=price,
        price_agrees=ours.price_per_night == price,
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
