"""The posting queue and each posting with its proof: what is stuck, oldest first, and the act that mends it."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from innkeeper.access.caller import Caller
from innkeeper.access.http import CurrentManager, CurrentServer
from innkeeper.access.roles import Role
from innkeeper.domain.charge_lines import plan_lines
from innkeeper.domain.errors import InnkeeperError, Invalid, RuleRefused
from innkeeper.room_charge import corrections, lookup, queue, receipts, repository, voids
from innkeeper.room_charge.api import systems_of
from innkeeper.room_charge.connection import Link
from innkeeper.room_charge.drafts import charge_draft
from innkeeper.room_charge.pages_words import acts, as_seen, is_finished, lines, pms_name, standing, tries_of
from innkeeper.room_charge.tables import PostingStatus, RoomCharge
from innkeeper.web.pages import Hotel, render
from innkeeper.web.problems import problem
from innkeeper.web.routing import Router

router = Router(prefix="/postings", include_in_schema=False)

#: Postings on one page of the list, and of the queue at once.
PAGE = 50
QUEUE_PAGE = 200


class Filter(BaseModel):
    """What the list is narrowed to; blank is all, and so is what cannot be understood."""

    model_config = ConfigDict(extra="ignore", str_max_length=100, str_strip_whitespace=True)

    status: str = ""
    outlet: str = ""
    day: str = ""
    room: str = ""
    reference: str = ""
    page: int = Field(1, ge=1, le=1_000_000)
    #: What the page shows already.
    version: str = ""

    def narrowed(self) -> dict[str, str]:
        """Return the filters that are set, as they stand in an address."""
        names = ("status", "outlet", "day", "room", "reference")
        return {name: getattr(self, name) for name in names if getattr(self, name)}

    @property
    def is_set(self) -> bool:
        """Whether anything is narrowed."""
        return bool(self.narrowed())

    def business_date(self) -> date | None:
        """Return the day that was asked for, None for all of them or one that is none."""
        try:
            return date.fromisoformat(self.day)
        except ValueError:
            return None


# --- the queue and the list -------------------------------------------------------------------------------------------


@router.get("")
async def index(
    request: Request, caller: CurrentServer, hotel: Hotel, chosen: Annotated[Filter, Query()]
) -> HTMLResponse:
    """Show what is stuck, and below it every posting."""
    link = await systems_of(request).link(hotel.id)
    shown = await _shown(request, link, caller, chosen)
    return render(
        request,
        "postings/index.html",
        queue_html=shown.queue,
        list_html=shown.list,
        version=shown.version,
        out_of_band=False,
        chosen=chosen,
        page=chosen.page,
        query=chosen.narrowed(),
        outlets=link.outlets,
        statuses=list(PostingStatus),
    )


@router.get("/queue")
async def queue_part(
    request: Request, caller: CurrentServer, hotel: Hotel, chosen: Annotated[Filter, Query()]
) -> Response:
    """Answer 204 while the queue and the list are as they are shown."""
    link = await systems_of(request).link(hotel.id)
    shown = await _shown(request, link, caller, chosen)
    if shown.version == chosen.version:
        return Response(status_code=204)
    return render(
        request,
        "postings/refreshed.html",
        queue_html=shown.queue,
        list_html=shown.list,
        version=shown.version,
        out_of_band=True,
    )


@router.post("/retry-all")
async def retry_all(request: Request, caller: CurrentManager, hotel: Hotel) -> RedirectResponse:
    """Send everything that waits again, now."""
    await queue.process(await systems_of(request).link(hotel.id), caller)
    return RedirectResponse("/postings", status_code=303)


@dataclass(frozen=True, slots=True)
class _Shown:
    """The two parts of the page that keep themselves fresh."""

    queue: str
    list: str

    @property
    def version(self) -> str:
        """A mark of what is shown."""
        return hashlib.sha256(f"{self.queue}{self.list}".encode()).hexdigest()[:16]


async def _shown(request: Request, link: Link, caller: Caller, chosen: Filter) -> _Shown:
    async with link.database.read() as session:
        waiting, waiting_total = await repository.page_of_queue(session, link.property_id, limit=QUEUE_PAGE, offset=0)
        state = as_seen(queue.pms_state(await repository.config(session, link.property_id)), waiting)
        rows, total = await repository.page_of_charges(
            session,
            link.property_id,
            limit=PAGE,
            offset=(chosen.page - 1) * PAGE,
            statuses=[chosen.status] if chosen.status in set(PostingStatus) else (),
            room_number=chosen.room or None,
            outlet_code=chosen.outlet or None,
            business_date=chosen.business_date(),
            pos_reference=chosen.reference or None,
        )
    html = render(
        request,
        "postings/queue.html",
        waiting=lines(waiting, link, caller),
        total=waiting_total,
        pms_state=state,
        pms=pms_name(link.pms_type),
        pms_type=link.pms_type,
        may_mend=caller.role.at_least(Role.MANAGER),
    )
    list_html = render(
        request,
        "postings/list.html",
        postings=lines([(None, row) for row in rows], link, caller),
        total=total,
        page=chosen.page,
        pages=max(1, -(-total // PAGE)),
        chosen=chosen,
        query=chosen.narrowed(),
        outlets=link.outlets,
    )
    return _Shown(bytes(html.body).decode(), bytes(list_html.body).decode())


# --- one posting ------------------------------------------------------------------------------------------------------


@router.get("/{posting_id}")
async def one(request: Request, caller: CurrentServer, hotel: Hotel, posting_id: UUID) -> HTMLResponse:
    """Show one posting with what was tried, and to a manager the proof and what may be done."""
    return await _page(request, await systems_of(request).link(hotel.id), caller, posting_id)


@dataclass(frozen=True, slots=True)
class _Wrong:
    """An act that was refused, with what was typed for it."""

    act: str
    problem: dict[str, Any]
    typed: dict[str, str]


async def _page(
    request: Request, link: Link, caller: Caller, posting_id: UUID, wrong: _Wrong | None = None, status_code: int = 200
) -> HTMLResponse:
    async with link.database.read() as session:
        row = await repository.charge(session, link.property_id, posting_id)
        tried = (await repository.attempts(session, [row.id]))[row.id]
        entry = await repository.open_entry(session, row.id)
    is_manager = caller.role.at_least(Role.MANAGER)
    outlet = link.outlets.get(row.outlet_code)
    return render(
        request,
        "postings/posting.html",
        status_code=status_code,
        row=row,
        standing=standing(row, link, tries=tries_of(tried)),
        attempts=tried,
        tries=tries_of(tried),
        acts=acts(row, link, caller, queued=entry is not None),
        entry=entry,
        wrong=wrong,
        outlet=outlet.name if outlet else row.outlet_code,
        proof=receipts.proof(row, tried) if is_manager else None,
        looked_up_at=_instant(row.lookup.get("looked_up_at")),
        by_hand=_by_hand(row) if is_manager and not is_finished(row) else (),
        is_manager=is_manager,
        sees_signature=row.signature_hash is not None and caller.role.at_least(Role.FRONT_DESK),
        shows_balance=lookup.shows_balance(link, caller),
        pms=pms_name(link.pms_type),
        remaining=row.check_total - row.total if row.check_total is not None else None,
        is_working=row.is_claimed(link.now()),
    )


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _by_hand(row: RoomCharge) -> list[tuple[str, str, Any]]:
    """Return the lines that somebody types into the PMS by hand: code, text, amount."""
    draft = charge_draft(row, whole=False)
    try:
        planned = plan_lines(draft)
    except RuleRefused:
        planned = plan_lines(draft, needs_codes=False)  # the outlet has no codes yet; the amounts are right anyway
    return [(line.code, line.description, line.amount) for line in planned]


# --- acts -------------------------------------------------------------------------------------------------------------

Act = Callable[[Link], Awaitable[object]]
Typed = Annotated[str, Form(max_length=2000)]


async def _do(
    request: Request, caller: Caller, property_id: UUID, posting_id: UUID, name: str, act: Act, **typed: str
) -> Response:
    """Do it and show the posting as it stands then; what was refused stays on the page with what was typed."""
    link = await systems_of(request).link(property_id)
    try:
        await act(link)
    except InnkeeperError as error:
        return await _page(request, link, caller, posting_id, _Wrong(name, problem(error), typed), error.status)
    return RedirectResponse(f"/postings/{posting_id}", status_code=303)


@router.post("/{posting_id}/retry")
async def retry(
    request: Request, caller: CurrentManager, hotel: Hotel, posting_id: UUID, back: Annotated[str, Form()] = ""
) -> Response:
    """Send it again now, or ask first where it is in doubt."""
    done = await _do(request, caller, hotel.id, posting_id, "retry", lambda link: queue.retry(link, caller, posting_id))
    if back == "queue" and isinstance(done, RedirectResponse):
        return RedirectResponse("/postings", status_code=303)
    return done


@router.post("/{posting_id}/override")
async def override(
    request: Request,
    caller: CurrentManager,
    hotel: Hotel,
    posting_id: UUID,
    pms_transaction_id: Typed = "",
    reason: Typed = "",
) -> Response:
    """Note that it was posted in the PMS by hand."""

    async def act(link: Link) -> object:
        return await queue.override(link, caller, posting_id, pms_transaction_id[:100], reason[:500])

    typed = {"pms_transaction_id": pms_transaction_id, "reason": reason}
    return await _do(request, caller, hotel.id, posting_id, "override", act, **typed)


@router.post("/{posting_id}/settle")
async def settle(
    request: Request,
    caller: CurrentManager,
    hotel: Hotel,
    posting_id: UUID,
    landed: Annotated[bool, Form()],
    evidence: Typed = "",
) -> Response:
    """Take the manager's word on whether it stands in the PMS."""

    async def act(link: Link) -> object:
        return await queue.settle(link, caller, posting_id, landed=landed, evidence=evidence)

    return await _do(request, caller, hotel.id, posting_id, "settle", act, evidence=evidence)


@router.post("/{posting_id}/remove")
async def remove(
    request: Request, caller: CurrentManager, hotel: Hotel, posting_id: UUID, reason: Typed = ""
) -> Response:
    """Take it off the queue for good."""

    async def act(link: Link) -> object:
        async with link.database.read() as session:
            await repository.charge(session, link.property_id, posting_id)
            entry = await repository.open_entry(session, posting_id)
        return await queue.remove(link, caller, entry.id, reason[:300]) if entry is not None else None

    return await _do(request, caller, hotel.id, posting_id, "remove", act, reason=reason)


@router.post("/{posting_id}/void")
async def void(
    request: Request, caller: CurrentManager, hotel: Hotel, posting_id: UUID, reason: Typed = ""
) -> Response:
    """Take it back, in the PMS too."""

    async def act(link: Link) -> object:
        return await voids.void(link, caller, posting_id, reason[:300])

    return await _do(request, caller, hotel.id, posting_id, "void", act, reason=reason)


@router.post("/{posting_id}/void-by-hand")
async def void_by_hand(
    request: Request,
    caller: CurrentManager,
    hotel: Hotel,
    posting_id: UUID,
    pms_transaction_id: Typed = "",
    reason: Typed = "",
) -> Response:
    """Note that somebody took it back in the PMS, with the number there."""

    async def act(link: Link) -> object:
        if not pms_transaction_id.strip():
            raise Invalid.field("pms_transaction_id", "Enter the number that the PMS gave the reversal.")
        return await corrections.taken_back(link, caller, posting_id, pms_transaction_id, reason[:300])

    typed = {"pms_transaction_id": pms_transaction_id, "reason": reason}
    return await _do(request, caller, hotel.id, posting_id, "void-by-hand", act, **typed)


@router.post("/{posting_id}/removed")
async def removed(
    request: Request, caller: CurrentManager, hotel: Hotel, posting_id: UUID, reason: Typed = ""
) -> Response:
    """Note that it was removed in the PMS, which is asked whether that is so."""

    async def act(link: Link) -> object:
        return await corrections.gone(link, caller, posting_id, reason[:300])

    return await _do(request, caller, hotel.id, posting_id, "removed", act, reason=reason)


@router.post("/{posting_id}/post-again")
async def post_again(
    request: Request, caller: CurrentManager, hotel: Hotel, posting_id: UUID, reason: Typed = ""
) -> Response:
    """Post it once more, which the PMS has lost."""

    async def act(link: Link) -> object:
        return await corrections.post_again(link, caller, posting_id, reason[:300])

    return await _do(request, caller, hotel.id, posting_id, "post-again", act, reason=reason)
