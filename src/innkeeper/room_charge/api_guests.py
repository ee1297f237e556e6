"""The routes of what a guest is given and what the waiter may know of a guest: receipts, proofs, profiles."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request
from fastapi.responses import PlainTextResponse

from innkeeper.access.http import CurrentManager, CurrentServer, PropertyId
from innkeeper.room_charge import profiles, receipts, repository
from innkeeper.room_charge.api import systems_of

router = APIRouter(prefix="/api/pms", tags=["room charge"])


@router.get("/postings/{posting_id}/receipt", response_class=PlainTextResponse)
async def receipt(request: Request, caller: CurrentServer, property_id: PropertyId, posting_id: UUID) -> str:
    """The guest's receipt, in lines that a thermal printer takes as they are."""
    link = await systems_of(request).link(property_id)
    async with link.database.read() as session:
        row = await repository.charge(session, property_id, posting_id)
    return receipts.text(row, link.hotel, link.outlets)


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
