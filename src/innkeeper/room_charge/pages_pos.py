"""The waiter's terminal: who is in the room, may it be charged, and the charge itself."""

import secrets
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, ValidationError

from innkeeper.access.caller import Caller
from innkeeper.access.http import CurrentServer
from innkeeper.access.roles import Role
from innkeeper.domain.charge import RoomStatus
from innkeeper.domain.errors import InnkeeperError, Invalid
from innkeeper.domain.money import digits_of, parse_amount
from innkeeper.room_charge import lookup, pages_pos_guest, posting, profiles, repository, sightings
from innkeeper.room_charge.api import systems_of
from innkeeper.room_charge.connection import Link
from innkeeper.room_charge.errors import PmsAway, Refusal
from innkeeper.room_charge.order import Order
from innkeeper.room_charge.pages_words import at_start, is_finished, pms_name, standing
from innkeeper.room_charge.schemas import PostIn
from innkeeper.room_charge.tables import RoomCharge
from innkeeper.web.pages import Hotel, render
from innkeeper.web.problems import plain_errors, problem
from innkeeper.web.routing import Router

router = Router(prefix="/pos", include_in_schema=False)

AMOUNTS = ("subtotal", "tip", "tax", "service_charge", "delivery_charge")

#: Refusals that mean that this room cannot be charged, whatever is typed.
_BLOCKED = frozenset(
    {
        "CREDIT_EXCEEDED",
        "CHARGES_BLOCKED",
        "GUEST_CHECKED_OUT",
        "CHECKOUT_TODAY",
        "CURRENCY_MISMATCH",
        "OUTLET_NOT_ALLOWED",
        "NOT_ACTIVE",
    }
)
#: Answers with a status by which htmx tells how polling ends.
_STOP_ASKING = 286


class Check(BaseModel):
    """What the terminal's form holds; all of it as typed."""

    model_config = ConfigDict(extra="ignore", str_max_length=1_000_000)

    reference: str = ""
    room: str = ""
    reservation_id: str = ""
    outlet: str = ""
    check_number: str = ""
    subtotal: str = ""
    tip: str = ""
    tax: str = ""
    service_charge: str = ""
    delivery_charge: str = ""
    split: bool = False
    room_amount: str = ""
    guest_confirmed: bool = False
    override_credit: bool = False
    allow_repeat: bool = False
    signature: str = ""
    key_card: str = ""
    #: Look at what the PMS said a moment ago, with other amounts.
    again: bool = False
    #: The PMS did not answer when the room was looked up.
    away: bool = False

    def amount(self, name: str) -> str:
        """Return an amount as the API takes it; blank is nothing, and a comma is a point."""
        typed = str(getattr(self, name)).strip().replace(" ", "")
        if typed.count(",") == 1 and "." not in typed:
            typed = typed.replace(",", ".")
        return typed or "0"

    def order(self, link: Link, caller: Caller) -> Order:
        """Return what is asked. Raises Invalid, Refusal."""
        given = {
            "pos_reference": self.reference,
            "room_number": self.room,
            "reservation_id": self.reservation_id or None,
            "outlet_code": self.outlet,
            "check_number": self.check_number,
            "employee_id": caller.name[:50],
            "guest_confirmed": self.guest_confirmed,
            "override_credit": self.override_credit,
            "allow_repeat": self.allow_repeat,
            "signature": self.signature or None,
            **{name: self.amount(name) for name in AMOUNTS},
        }
        try:
            body = PostIn.model_validate(given)
        except ValidationError as error:
            wrong = plain_errors(error.errors())
            raise Invalid("Something on the check is missing or not right.", errors=wrong) from None
        order = body.order(link.hotel.currency, link.now())
        if self.split and self.room_amount.strip():
            part = parse_amount(self.amount("room_amount"), order.currency, "room_amount")
            order = replace(order, room_amount=part)
        return order


CheckForm = Annotated[Check, Form()]
CheckQuery = Annotated[Check, Query()]


# --- the terminal -----------------------------------------------------------------------------------------------------


@router.get("")
async def terminal(request: Request, caller: CurrentServer, hotel: Hotel, check: CheckQuery) -> HTMLResponse:
    """Show an empty check, or the one that a point of sale put into the address."""
    link = await systems_of(request).link(hotel.id)
    posting_rules = link.options.posting
    return render(
        request,
        "pos/index.html",
        check=check.model_copy(update={"reference": check.reference or new_reference()}),
        outlets=[
            outlet
            for outlet in link.outlets.values()
            if outlet.is_active and outlet.code in link.options.restrictions.allowed_outlets
        ],
        active=link.active,
        key_cards=link.options.verification.allow_key_card_lookup and link.connector.capabilities.key_card_lookup,
        threshold=posting_rules.signature_threshold if posting_rules.require_signature else None,
        digits=digits_of(link.hotel.currency),
        pms=pms_name(link.pms_type),
    )


def new_reference() -> str:
    """Return what a check is known by for ever; the terminal keeps it until the check is done."""
    return f"TILL-{secrets.token_hex(8)}"


# --- who is in the room -----------------------------------------------------------------------------------------------


@router.get("/guest")
async def guest(request: Request, caller: CurrentServer, hotel: Hotel, check: CheckQuery) -> HTMLResponse:
    """Show who can be charged in the room; while the PMS is away, who was last seen there."""
    link = await systems_of(request).link(hotel.id)
    if not check.room.strip():
        return _guest_problem(request, link, check, Invalid.field("room", "Enter the room number."))
    seen = link.systems.last_seen(link.property_id, check.room) if check.again else None
    try:
        status = seen or await lookup.room(link, check.room)
    except PmsAway as away:
        known = await sightings.last(link, check.room)
        if known is None:
            return _guest_problem(request, link, check, away)
        return await _guests(request, link, caller, check, known, away=True)
    except InnkeeperError as error:
        return _guest_problem(request, link, check, error)
    return await _guests(request, link, caller, check, status, away=seen is not None and check.away)


@router.post("/card")
async def card(request: Request, caller: CurrentServer, hotel: Hotel, check: CheckForm) -> HTMLResponse:
    """Show the guest of a key card."""
    link = await systems_of(request).link(hotel.id)
    try:
        status = await lookup.key_card(link, check.key_card)
    except InnkeeperError as error:
        return _guest_problem(request, link, check, error)
    return await _guests(request, link, caller, check.model_copy(update={"room": status.room_number}), status)


async def _guests(
    request: Request, link: Link, caller: Caller, check: Check, status: RoomStatus, *, away: bool = False
) -> HTMLResponse:
    order = _judged(link, caller, check)
    found = await pages_pos_guest.views(link, status, order)
    async with link.database.read() as session:
        before = await repository.charges_of_check(
            session, link.property_id, check.outlet, check.check_number.strip(), await link.business_date()
        )
    return render(
        request,
        "pos/guest.html",
        headers={"HX-Replace-Url": f"/pos?room={status.room_number}"} if status.room_number.isalnum() else None,
        room=status,
        guests=found,
        check=check,
        order=order,
        away=away,
        before=[(row, standing(row, link)) for row in before if row.pos_reference != check.reference],
        shows_balance=lookup.shows_balance(link, caller),
        may_override=caller.role.at_least(Role.FRONT_DESK),
        profiles=link.options.guest_profile_sync.enabled and link.connector.capabilities.guest_profile,
        pms=pms_name(link.pms_type),
        confirms=link.options.verification.require_name_confirm,
        currency=link.hotel.currency,
    )


def _judged(link: Link, caller: Caller, check: Check) -> Order:
    """Return what the rules are asked about: the check as far as it is typed, its part for the room, or nothing yet."""
    missing = {
        name: "-" for name in ("reference", "room", "outlet", "check_number") if not getattr(check, name).strip()
    }
    try:
        order = check.model_copy(update=missing).order(link, caller)
        if not check.split:
            return order
        if order.room_amount is not None and 0 < order.room_amount <= order.total:
            return order.part(order.room_amount)
    except InnkeeperError:
        pass  # the check is still being typed; posting it says what is wrong
    return pages_pos_guest.nothing_yet(link, check.room)


def _guest_problem(request: Request, link: Link, check: Check, error: InnkeeperError) -> HTMLResponse:
    return render(
        request,
        "pos/nobody.html",
        status_code=error.status,
        problem=problem(error),
        is_away=isinstance(error, PmsAway),
        check=check,
        pms=pms_name(link.pms_type),
    )


@router.get("/profile")
async def profile(
    request: Request, caller: CurrentServer, hotel: Hotel, guest_id: Annotated[str, Query(max_length=100)]
) -> HTMLResponse:
    """Show what the waiter should know of the guest; nothing where the hotel or the PMS does not tell."""
    link = await systems_of(request).link(hotel.id)
    try:
        found: dict[str, Any] | None = await profiles.fetch(link, guest_id)
    except PmsAway:
        return render(request, "pos/profile.html", profile=None, away=True, pms=pms_name(link.pms_type))
    except InnkeeperError:
        found = None
    return render(request, "pos/profile.html", profile=found, away=False, pms=pms_name(link.pms_type))


# --- the charge -------------------------------------------------------------------------------------------------------


@router.post("/charge")
async def charge(request: Request, caller: CurrentServer, hotel: Hotel, check: CheckForm) -> Response:
    """Charge the check, and show what became of it where the finger is."""
    link = await systems_of(request).link(hotel.id)
    try:
        order = check.order(link, caller)
        if check.split:
            done, _ = await posting.split(link, caller, order)
        else:
            done = await posting.post(link, caller, order)
    except InnkeeperError as error:
        return await _refused(request, link, caller, check, error)
    if "hx-request" not in request.headers:
        return RedirectResponse(f"/pos/{done.charge.id}", status_code=303)
    response = _result(request, link, caller, done.charge)
    response.headers["HX-Replace-Url"] = f"/pos/{done.charge.id}"
    response.headers["HX-Retarget"] = "#terminal"
    response.headers["HX-Reswap"] = "innerHTML show:window:top"
    response.headers["HX-Trigger-After-Swap"] = "pos:charged"
    return response


async def _refused(request: Request, link: Link, caller: Caller, check: Check, error: InnkeeperError) -> HTMLResponse:
    code = error.code
    stands: RoomCharge | None = None
    if code == "REFERENCE_USED":
        async with link.database.read() as session:
            stands = await repository.by_pos_reference(session, link.property_id, check.reference)
    figures = {one.field: one.message for one in error.errors} if code == "CREDIT_EXCEEDED" else {}
    splits = Decimal(figures.get("available_credit", "0")) > 0
    words = [one.message for one in error.errors if one.field == "pms" and one.message]
    seen = link.systems.last_seen(link.property_id, check.room)
    name = next((one.name for one in seen.guests if one.reservation_id == check.reservation_id), "") if seen else ""
    return render(
        request,
        "pos/refused.html",
        status_code=error.status,
        problem=problem(error),
        kind="blocked" if code in _BLOCKED else "away" if isinstance(error, PmsAway) else "wrong",
        figures=figures,
        splits=splits,
        words=words,
        stands=stands,
        guest_name=name,
        check=check,
        is_rule=isinstance(error, Refusal),
        shows_balance=lookup.shows_balance(link, caller),
        may_override=caller.role.at_least(Role.FRONT_DESK),
        currency=link.hotel.currency,
        pms=pms_name(link.pms_type),
    )


@router.get("/known")
async def known(
    request: Request, caller: CurrentServer, hotel: Hotel, reference: Annotated[str, Query(max_length=100)]
) -> JSONResponse:
    """Say whether a check whose answer was lost has arrived here."""
    link = await systems_of(request).link(hotel.id)
    async with link.database.read() as session:
        row = await repository.by_pos_reference(session, link.property_id, reference)
    stands = row is not None and not row.released
    return JSONResponse({"posting": str(row.id) if row is not None and stands else None})


@router.get("/{posting_id}")
async def charged(request: Request, caller: CurrentServer, hotel: Hotel, posting_id: UUID) -> HTMLResponse:
    """Show what became of a check, under an address of its own."""
    link = await systems_of(request).link(hotel.id)
    async with link.database.read() as session:
        row = await repository.charge(session, link.property_id, posting_id)
    return _result(request, link, caller, row, template="pos/charged.html")


@router.get("/{posting_id}/state")
async def state(
    request: Request,
    caller: CurrentServer,
    hotel: Hotel,
    posting_id: UUID,
    shown: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """Answer 204 while nothing changed, and with the end of all asking once nothing will."""
    link = await systems_of(request).link(hotel.id)
    async with link.database.read() as session:
        row = await repository.charge(session, link.property_id, posting_id)
    if _version(row) == shown:
        return Response(status_code=204)
    response = _result(request, link, caller, row)
    if is_finished(row):
        response.status_code = _STOP_ASKING
    return response


def _result(
    request: Request, link: Link, caller: Caller, row: RoomCharge, template: str = "pos/result.html"
) -> HTMLResponse:
    outlet = link.outlets.get(row.outlet_code)
    return render(
        request,
        template,
        row=row,
        standing=standing(row, link),
        version=_version(row),
        is_finished=is_finished(row),
        remaining=row.check_total - row.total if row.check_total is not None else None,
        outlet=outlet.name if outlet else row.outlet_code,
        pms=pms_name(link.pms_type),
        pms_at_start=at_start(pms_name(link.pms_type)),
        shows_balance=lookup.shows_balance(link, caller),
        may_mend=caller.role.at_least(Role.MANAGER),
    )


def _version(row: RoomCharge) -> str:
    return f"{row.posting_status}.{row.retry_count}.{row.updated_at.timestamp():.6f}"
