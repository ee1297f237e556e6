"""The routes of charges: each one checks the role, calls one function and shapes the answer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response
from fastapi.responses import JSONResponse

from innkeeper.access.caller import Caller
from innkeeper.access.http import CurrentFrontDesk, CurrentManager, CurrentServer, Limit, Offset, PropertyId
from innkeeper.domain.charge import PmsCode, RoomStatus
from innkeeper.domain.errors import NotFound
from innkeeper.domain.money import format_amount, parse_amount
from innkeeper.room_charge import corrections, lookup, posting, queue, repository
from innkeeper.room_charge.connection import Link, Systems
from innkeeper.room_charge.errors import Refusal
from innkeeper.room_charge.schemas import (
    KeyCardIn,
    OverrideIn,
    PmsStateOut,
    PostIn,
    PostingOut,
    QueueOut,
    QueuePage,
    SettleIn,
    SplitIn,
    SplitOut,
    TakeBackIn,
    VoidIn,
)
from innkeeper.room_charge.schemas import Page as PageOf
from innkeeper.room_charge.tables import PostingAttempt, PostingStatus, QueueStatus, RoomCharge
from innkeeper.web.routing import Router

router = Router(prefix="/api/pms", tags=["room charge"])

REPLAY = "Idempotent-Replay"


def systems_of(request: Request) -> Systems:
    """Return the PMS connections of the app."""
    systems: Systems = request.app.state.systems
    return systems


# --- looking up -------------------------------------------------------------------------------------------------------


@router.get("/rooms/{room_number}")
@router.get("/rooms/{room_number}/guest")
async def find_room(
    request: Request,
    caller: CurrentServer,
    property_id: PropertyId,
    room_number: str,
    outlet_code: Annotated[str | None, Query(max_length=20)] = None,
) -> dict[str, Any]:
    """Who can be charged in a room, and whether; with `outlet_code`, whether from that outlet."""
    link = await systems_of(request).link(property_id)
    return await _shown(link, caller, await lookup.room(link, room_number), outlet_code)


@router.post("/rooms/lookup")
async def find_key_card(
    request: Request, caller: CurrentServer, property_id: PropertyId, body: KeyCardIn
) -> dict[str, Any]:
    """The guest of a key card."""
    link = await systems_of(request).link(property_id)
    return await _shown(link, caller, await lookup.key_card(link, body.key_card))


async def _shown(link: Link, caller: Caller, status: RoomStatus, outlet_code: str | None = None) -> dict[str, Any]:
    judge = lookup.Judge(link.options, link.outlets, link.active, await link.business_date(), outlet_code)
    async with link.database.read() as session:
        coming = {
            guest.reservation_id: await repository.on_its_way(
                session, link.property_id, guest.reservation_id, status.looked_up_at
            )
            for guest in status.guests
        }
    return lookup.document(status, link, judge, amounts=lookup.shows_balance(link, caller), on_its_way=coming)


@contextmanager
def _discreet(link: Link, caller: Caller) -> Iterator[None]:
    """Keep what is on a guest's bill out of a refusal for somebody who may not see it."""
    try:
        yield
    except Refusal as refusal:
        if refusal.code == PmsCode.CREDIT_EXCEEDED and not lookup.shows_balance(link, caller):
            raise Refusal(PmsCode.CREDIT_EXCEEDED) from None
        raise


# --- posting ----------------------------------------------------------------------------------------------------------


@router.post("/post", status_code=201)
async def post(request: Request, caller: CurrentServer, property_id: PropertyId, body: PostIn) -> Response:
    """Charge a check to a room: 201 posted, 202 on its way or in doubt, 200 when the reference stood for it already."""
    link = await systems_of(request).link(property_id)
    with _discreet(link, caller):
        done = await posting.post(link, caller, body.order(link.hotel.currency, link.now()))
    shown = await _posting(link, caller, done.charge, done.attempts)
    return _answer(shown, done.charge, replay=done.replay)


@router.post("/split", status_code=201)
async def split(request: Request, caller: CurrentServer, property_id: PropertyId, body: SplitIn) -> Response:
    """Charge a part of a check to a room and say what remains for another tender."""
    link = await systems_of(request).link(property_id)
    order = body.order(link.hotel.currency, link.now())
    if body.room_amount is not None:
        order = replace(order, room_amount=parse_amount(body.room_amount, order.currency, "room_amount"))
    with _discreet(link, caller):
        done, rest = await posting.split(link, caller, order)
    shown = SplitOut(
        posting=await _posting(link, caller, done.charge, done.attempts),
        room_amount=format_amount(done.charge.total, order.currency),
        remaining_amount=format_amount(rest, order.currency),
        currency=order.currency,
    )
    return _answer(shown, done.charge, replay=done.replay)


def _answer(shown: PostingOut | SplitOut, row: RoomCharge, *, replay: bool) -> Response:
    status = 200 if replay else 201 if row.status is PostingStatus.POSTED else 202
    headers = {REPLAY: "true"} if replay else None
    return Response(shown.model_dump_json(), status, headers, media_type="application/json")


async def _posting(
    link: Link, caller: Caller, row: RoomCharge, attempts: Sequence[PostingAttempt] | None = None
) -> PostingOut:
    if attempts is None:
        async with link.database.read() as session:
            attempts = (await repository.attempts(session, [row.id]))[row.id]
    return PostingOut.of(row, attempts, shows_balance=lookup.shows_balance(link, caller))


@router.get("/postings")
async def postings(
    request: Request,
    caller: CurrentServer,
    property_id: PropertyId,
    limit: Limit = 100,
    offset: Offset = 0,
    status: Annotated[list[PostingStatus] | None, Query()] = None,
    room_number: Annotated[str | None, Query(max_length=20)] = None,
    outlet_code: Annotated[str | None, Query(max_length=20)] = None,
    business_date: date | None = None,
    pos_reference: Annotated[str | None, Query(max_length=100)] = None,
) -> PageOf[PostingOut]:
    """Charges, newest first."""
    link = await systems_of(request).link(property_id)
    async with link.database.read() as session:
        rows, total = await repository.page_of_charges(
            session,
            property_id,
            limit=limit,
            offset=offset,
            statuses=[one.value for one in status or ()],
            room_number=room_number,
            outlet_code=outlet_code,
            business_date=business_date,
            pos_reference=pos_reference,
        )
        attempts = await repository.attempts(session, [row.id for row in rows])
    shows = lookup.shows_balance(link, caller)
    items = [PostingOut.of(row, attempts[row.id], shows_balance=shows) for row in rows]
    return PageOf(items=items, total=total, limit=limit, offset=offset)


@router.get("/postings/{posting_id}")
async def get_posting(request: Request, caller: CurrentServer, property_id: PropertyId, posting_id: UUID) -> PostingOut:
    """One charge with everything that was tried."""
    link = await systems_of(request).link(property_id)
    async with link.database.read() as session:
        row = await repository.charge(session, property_id, posting_id)
    return await _posting(link, caller, row)


@router.get("/postings/{posting_id}/signature")
async def get_signature(
    request: Request, caller: CurrentFrontDesk, property_id: PropertyId, posting_id: UUID
) -> Response:
    """The guest's signature as it was drawn."""
    async with systems_of(request).database.read() as session:
        found = await repository.signature(session, property_id, posting_id)
    if found is None:
        raise NotFound("Nobody has signed for this charge.")
    return Response(found.image, media_type="image/png", headers={"Cache-Control": "private, no-store"})


@router.post("/postings/{posting_id}/retry")
async def retry_posting(
    request: Request, caller: CurrentManager, property_id: PropertyId, posting_id: UUID
) -> Response:
    """Try a charge again now: ask first where it is in doubt."""
    link = await systems_of(request).link(property_id)
    row = await queue.retry(link, caller, posting_id)
    return _settled(await _posting(link, caller, row), row)


@router.post("/postings/{posting_id}/void")
async def void_posting(
    request: Request, caller: CurrentManager, property_id: PropertyId, posting_id: UUID, body: TakeBackIn | None = None
) -> Response:
    """Take a charge back, in the PMS too; or note that it was taken back or removed there by hand."""
    link = await systems_of(request).link(property_id)
    told = body or TakeBackIn()
    row = await corrections.take_back(
        link, caller, posting_id, told.reason, transaction_id=told.pms_transaction_id, removed=told.removed
    )
    return _settled(await _posting(link, caller, row), row)


@router.post("/postings/{posting_id}/post-again")
async def post_posting_again(
    request: Request, caller: CurrentManager, property_id: PropertyId, posting_id: UUID, body: VoidIn | None = None
) -> Response:
    """Post a charge that the PMS lost once more, under a new reference; the PMS is asked before."""
    link = await systems_of(request).link(property_id)
    row = await corrections.post_again(link, caller, posting_id, (body or VoidIn()).reason)
    return _settled(await _posting(link, caller, row), row)


@router.post("/postings/{posting_id}/settle")
async def settle_posting(
    request: Request, caller: CurrentManager, property_id: PropertyId, posting_id: UUID, body: SettleIn
) -> Response:
    """A manager's word on a charge in doubt that the PMS cannot answer for."""
    link = await systems_of(request).link(property_id)
    row = await queue.settle(link, caller, posting_id, landed=body.landed, evidence=body.evidence)
    return JSONResponse((await _posting(link, caller, row)).model_dump(mode="json"))


@router.post("/postings/{posting_id}/override")
async def override_posting(
    request: Request, caller: CurrentManager, property_id: PropertyId, posting_id: UUID, body: OverrideIn
) -> PostingOut:
    """Note that a charge was posted in the PMS by hand."""
    link = await systems_of(request).link(property_id)
    row = await queue.override(link, caller, posting_id, body.pms_transaction_id, body.reason)
    return await _posting(link, caller, row)


def _settled(shown: PostingOut, row: RoomCharge) -> Response:
    return JSONResponse(shown.model_dump(mode="json"), 202 if row.status.is_open else 200)


# --- the queue --------------------------------------------------------------------------------------------------------


@router.get("/queue")
async def get_queue(
    request: Request,
    caller: CurrentServer,
    property_id: PropertyId,
    limit: Limit = 100,
    offset: Offset = 0,
    status: Annotated[list[QueueStatus] | None, Query()] = None,
) -> QueuePage:
    """What did not settle by itself yet, oldest first, and how the PMS stands."""
    async with systems_of(request).database.read() as session:
        wanted = [one.value for one in status or ()]
        rows, total = await repository.page_of_queue(session, property_id, limit=limit, offset=offset, statuses=wanted)
        state = queue.pms_state(await repository.config(session, property_id))
    items = [QueueOut.of(entry, row) for entry, row in rows]
    return QueuePage(items=items, total=total, limit=limit, offset=offset, pms=PmsStateOut(**asdict(state)))


@router.post("/queue/process", status_code=202)
async def process_queue(request: Request, caller: CurrentManager, property_id: PropertyId) -> dict[str, Any]:
    """Try everything that waits again, now."""
    ids: Sequence[UUID] = await queue.process(await systems_of(request).link(property_id), caller)
    return {"queued": len(ids), "posting_ids": [str(one) for one in ids]}


@router.post("/queue/{entry_id}/retry")
async def retry_entry(request: Request, caller: CurrentManager, property_id: PropertyId, entry_id: UUID) -> Response:
    """Try one entry again, now."""
    link = await systems_of(request).link(property_id)
    async with link.database.read() as session:
        entry = await repository.entry(session, property_id, entry_id)
    row = await queue.retry(link, caller, entry.room_charge_id)
    return _settled(await _posting(link, caller, row), row)


@router.delete("/queue/{entry_id}")
async def remove_entry(
    request: Request,
    caller: CurrentManager,
    property_id: PropertyId,
    entry_id: UUID,
    body: VoidIn | None = None,
    reason: Annotated[str, Query(max_length=300)] = "",
) -> PostingOut:
    """Take a charge off the queue for good, with a reason in the body or the query; never while it is in doubt."""
    link = await systems_of(request).link(property_id)
    row = await queue.remove(link, caller, entry_id, reason or (body or VoidIn()).reason)
    return await _posting(link, caller, row)
