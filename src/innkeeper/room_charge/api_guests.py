"""The routes of what a guest is given and what the waiter may know of a guest: receipts, proofs, profiles."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Path, Query, Request, Response

from innkeeper.access.http import CurrentManager, CurrentServer, PropertyId
from innkeeper.room_charge import delivery, printing, profiles, receipts, repository
from innkeeper.room_charge.api import systems_of
from innkeeper.room_charge.schemas import MailIn
from innkeeper.web.routing import Router

router = Router(prefix="/api/pms", tags=["room charge"])


@router.get("/postings/{posting_id}/receipt", response_class=Response)
async def receipt(
    request: Request,
    caller: CurrentServer,
    property_id: PropertyId,
    posting_id: UUID,
    form: Annotated[Literal["text", "html", "escpos"], Query(alias="format")] = "text",
) -> Response:
    """The guest's receipt: plain lines, a page to print, or the bytes for a thermal printer."""
    link = await systems_of(request).link(property_id)
    async with link.database.read() as session:
        row = await repository.charge(session, property_id, posting_id)
    private = {"Cache-Control": "private, no-store"}
    if form == "html":
        return Response(receipts.html(row, link.hotel, link.outlets), media_type="text/html", headers=private)
    outlet = link.outlets.get(row.outlet_code)
    width = outlet.printer_width if form == "escpos" and outlet else receipts.WIDTH
    lines = receipts.text(row, link.hotel, link.outlets, width)
    if form == "escpos":
        return Response(printing.escpos(lines), media_type="application/octet-stream", headers=private)
    return Response(lines, media_type="text/plain", headers=private)


@router.post("/postings/{posting_id}/receipt/print", status_code=202)
async def print_receipt(
    request: Request, caller: CurrentServer, property_id: PropertyId, posting_id: UUID
) -> dict[str, UUID]:
    """Print the receipt at the outlet's printer, in the background."""
    link = await systems_of(request).link(property_id)
    return {"job_id": await delivery.ask_print(link, caller, posting_id)}


@router.post("/postings/{posting_id}/receipt/email", status_code=202)
async def mail_receipt(
    request: Request, caller: CurrentServer, property_id: PropertyId, posting_id: UUID, body: MailIn | None = None
) -> dict[str, UUID]:
    """Mail the receipt, in the background; without an address, to the one that the PMS has of the guest."""
    link = await systems_of(request).link(property_id)
    server = getattr(request.app.state, "mail_server", None)
    return {"job_id": await delivery.ask_mail(link, caller, server, posting_id, (body or MailIn()).to)}


@router.get("/postings/{posting_id}/proof")
async def proof(request: Request, caller: CurrentManager, property_id: PropertyId, posting_id: UUID) -> dict[str, Any]:
    """Everything that shows what became of a charge, on one page."""
    async with systems_of(request).database.read() as session:
        row = await repository.charge(session, property_id, posting_id)
        attempts = (await repository.attempts(session, [posting_id]))[posting_id]
    return receipts.proof(row, attempts)


@router.get("/guests/{guest_id}/profile")
async def profile(
    request: Request,
    caller: CurrentServer,
    property_id: PropertyId,
    guest_id: Annotated[str, Path(max_length=100)],
) -> dict[str, Any]:
    """What the property lets a waiter know: preferences, allergies, the loyalty number."""
    return await profiles.fetch(await systems_of(request).link(property_id), guest_id)
