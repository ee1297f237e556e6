"""The guest's receipt on the screen, and its ways out: this browser's printer, the outlet's printer, a mailbox."""

from collections.abc import Awaitable
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from innkeeper.access.caller import Caller
from innkeeper.access.http import CurrentServer
from innkeeper.domain.errors import InnkeeperError
from innkeeper.room_charge import delivery, receipts, repository
from innkeeper.room_charge.api import systems_of
from innkeeper.room_charge.connection import Link
from innkeeper.web.pages import Hotel, render
from innkeeper.web.problems import problem
from innkeeper.web.routing import Router

router = Router(prefix="/postings/{posting_id}/receipt", include_in_schema=False)

Way = Literal["", "print", "email"]


@router.get("")
async def receipt(
    request: Request, caller: CurrentServer, hotel: Hotel, posting_id: UUID, sent: Annotated[Way, Query()] = ""
) -> HTMLResponse:
    """Show the receipt as it is printed; `sent` says which way it was just sent."""
    link = await systems_of(request).link(hotel.id)
    return await _page(request, link, posting_id, sent=sent)


@router.post("/print")
async def print_receipt(request: Request, caller: CurrentServer, hotel: Hotel, posting_id: UUID) -> Response:
    """Print it at the outlet's printer."""
    link = await systems_of(request).link(hotel.id)
    return await _send(request, link, posting_id, "print", delivery.ask_print(link, caller, posting_id))


@router.post("/email")
async def mail_receipt(
    request: Request,
    caller: CurrentServer,
    hotel: Hotel,
    posting_id: UUID,
    to: Annotated[str, Form(max_length=254)] = "",
) -> Response:
    """Mail it, to the guest's own address when none is typed."""
    link = await systems_of(request).link(hotel.id)
    asked = _mail(request, link, caller, posting_id, to)
    return await _send(request, link, posting_id, "email", asked, to)


async def _mail(request: Request, link: Link, caller: Caller, posting_id: UUID, to: str) -> UUID:
    server = getattr(request.app.state, "mail_server", None)
    return await delivery.ask_mail(link, caller, server, posting_id, to)


async def _send(
    request: Request, link: Link, posting_id: UUID, way: Way, asked: Awaitable[UUID], to: str = ""
) -> Response:
    try:
        await asked
    except InnkeeperError as error:
        return await _page(request, link, posting_id, wrong=error, to=to)
    return RedirectResponse(f"/postings/{posting_id}/receipt?sent={way}", status_code=303)


async def _page(
    request: Request,
    link: Link,
    posting_id: UUID,
    *,
    sent: Way = "",
    wrong: InnkeeperError | None = None,
    to: str = "",
) -> HTMLResponse:
    async with link.database.read() as session:
        row = await repository.charge(session, link.property_id, posting_id)
    outlet = link.outlets.get(row.outlet_code)
    return render(
        request,
        "postings/receipt.html",
        status_code=wrong.status if wrong else 200,
        row=row,
        text=receipts.text(row, link.hotel, link.outlets),
        has_printer=bool(outlet and outlet.printer),
        has_mail=getattr(request.app.state, "mail_server", None) is not None,
        outlet=outlet.name if outlet else row.outlet_code,
        sent=sent,
        wrong=problem(wrong) if wrong else None,
        to=to,
    )
