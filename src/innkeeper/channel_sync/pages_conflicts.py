"""The screen on which a person decides what both sides changed, a fact at a time."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access import repository as access_repository
from innkeeper.access.http import CurrentFrontDesk
from innkeeper.channel_sync import api, repository
from innkeeper.channel_sync.api import channels_of
from innkeeper.channel_sync.conflict_words import facts_of, third_value
from innkeeper.channel_sync.pages_frame import PAGE, ROOT, Notice, Offset, Pager, draw, go, instant
from innkeeper.domain.errors import Invalid
from innkeeper.house import reservations
from innkeeper.web.pages import Hotel, HotelInfo
from innkeeper.web.routing import Router

router = Router(prefix=f"{ROOT}/conflicts", include_in_schema=False)

#: The fields of a third value, of whatever fact.
_PARTS = ("check_in", "check_out", "adults", "children", "ages", "amount")


@router.get("")
async def conflicts(
    request: Request, caller: CurrentFrontDesk, hotel: Hotel, notice: Notice = "", offset: Offset = 0
) -> HTMLResponse:
    """Show every conflict as a card: each fact, both values, what was agreed before, who changed it and when."""
    return await _page(request, caller, hotel, notice=notice, offset=offset)


@router.post("")
async def decide(
    request: Request,
    caller: CurrentFrontDesk,
    hotel: Hotel,
    conflict: Annotated[UUID, Form()],
    field: Annotated[str, Form(max_length=200)],
    decision: Annotated[Literal["local", "qloapps", "value"], Form()],
) -> Response:
    """Settle one fact; a value that cannot be one is answered beside its field, with what was typed."""
    form = await request.form()
    typed = {part: str(form.get(part, ""))[:100] for part in _PARTS}
    chosen: Any = decision
    try:
        if decision == "value":
            chosen = third_value(field.rsplit(".", 1)[-1], typed)
        await api.resolve_conflict(request, caller, hotel.id, conflict, {field: chosen})
    except (ValueError, Invalid) as error:
        sentence = error.detail if isinstance(error, Invalid) else str(error)
        wrong = {"conflict": str(conflict), "field": field, "message": sentence, "typed": typed}
        return await _page(request, caller, hotel, wrong=wrong)
    return go(f"{ROOT}/conflicts", "resolved")


async def _page(
    request: Request,
    caller: CurrentFrontDesk,
    hotel: HotelInfo,
    *,
    notice: str = "",
    offset: int = 0,
    wrong: dict[str, Any] | None = None,
) -> HTMLResponse:
    page = await api.conflicts(request, caller, hotel.id, limit=PAGE, offset=offset)
    async with channels_of(request).database.read() as session:
        types = await repository.type_names(session, hotel.id)
        cards = [await _card(session, hotel.id, document, types) for document in page.items]
    response = await draw(
        request,
        caller,
        hotel,
        "channels/conflicts.html",
        notice=notice,
        cards=cards,
        wrong=wrong,
        pager=Pager(f"{ROOT}/conflicts", page.total, offset, {}),
    )
    response.status_code = Invalid.status if wrong else 200
    return response


async def _card(
    session: AsyncSession, property_id: UUID, document: dict[str, Any], types: dict[str, str]
) -> dict[str, Any]:
    reservation = await reservations.load(session, property_id, UUID(document["reservation_id"]))
    trail, _ = await access_repository.audit_page(
        session, [property_id], entity_type="reservation", entity_id=document["reservation_id"], limit=1, offset=0
    )
    return {
        "document": document,
        "reservation": reservation,
        "facts": facts_of(document, reservation, types),
        "changed_by": trail[0].actor if trail else None,
        "changed_at": instant(document["local_changed_at"]),
        "their_change_at": instant(document["qloapps_changed_at"]),
        "opened_at": instant(document["opened_at"]),
    }
