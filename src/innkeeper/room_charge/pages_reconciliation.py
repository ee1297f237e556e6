"""The night auditor's screens: whether the day balances, what does not, the signature, and revenue by outlet."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markupsafe import Markup

from innkeeper.access.caller import Caller
from innkeeper.access.http import CurrentFrontDesk, CurrentManager
from innkeeper.domain.errors import InnkeeperError
from innkeeper.room_charge import audit_day, day_export, period, repository
from innkeeper.room_charge.api import systems_of
from innkeeper.room_charge.connection import Link
from innkeeper.room_charge.pages_words import pms_name
from innkeeper.web.pages import Hotel, ShownDay, money, render
from innkeeper.web.problems import problem
from innkeeper.web.routing import Router

router = Router(prefix="/reconciliation", include_in_schema=False)

#: Days that the revenue shows unless others are asked for.
_WEEK = 7

Day = Annotated[ShownDay | None, Query(alias="date")]


# --- the day ----------------------------------------------------------------------------------------------------------


@router.get("")
async def index(request: Request, caller: CurrentFrontDesk, hotel: Hotel, day: Day = None) -> HTMLResponse:
    """Show the day's page at once; what the PMS says comes in place."""
    return render(request, "reconciliation/index.html", day=day, may_read=audit_day.may_read(caller), tab="day")


@router.get("/report")
async def report(request: Request, caller: CurrentFrontDesk, hotel: Hotel, day: Day = None) -> HTMLResponse:
    """Compare the day now, or show it as it was signed."""
    link = await systems_of(request).link(hotel.id)
    return await _report(request, link, caller, day or await link.business_date())


async def _report(
    request: Request,
    link: Link,
    caller: Caller,
    day: date,
    *,
    wrong: InnkeeperError | None = None,
    typed: str = "",
    sent: Mapping[str, Any] | None = None,
) -> HTMLResponse:
    may_read = audit_day.may_read(caller)
    found: Mapping[str, Any] | None = None
    away: InnkeeperError | None = None
    if may_read:
        try:
            found = await audit_day.report(link, day)
        except InnkeeperError as error:
            away = error
    async with link.database.read() as session:
        open_charges = await repository.unsettled(session, link.property_id, day)
        signed = await repository.last_revision(session, link.property_id, day)
    today = await link.business_date()
    stands = signed is not None and signed.reopened_at is None
    return render(
        request,
        "reconciliation/report.html",
        status_code=wrong.status if wrong else 200,
        day=day,
        today=today,
        before=day - timedelta(days=1),
        after=day + timedelta(days=1) if day < today else None,
        report=found,
        recovered=[{**one, "at": datetime.fromisoformat(one["at"])} for one in (found or {}).get("recovered", ())],
        compared_at=_instant(found, "compared_at"),
        away=problem(away) if away else None,
        open_charges=open_charges,
        signed=signed if stands else None,
        reopened=None if stands else signed,
        came_later=signed is not None and stands and await audit_day.came_later(link, signed),
        wrong=problem(wrong) if wrong else None,
        typed=typed,
        sent=sent,
        may_read=may_read,
        pms=pms_name(link.pms_type),
        amount=_amounts(found["currency"] if found else link.hotel.currency),
    )


def _instant(found: Mapping[str, Any] | None, name: str) -> datetime | None:
    return datetime.fromisoformat(found[name]) if found and found.get(name) else None


def _amounts(currency: str) -> Any:
    def amount(text: str) -> Markup:
        return money(Decimal(text), currency)

    return amount


# --- signing ----------------------------------------------------------------------------------------------------------


@router.post("/{day}/sign-off")
async def sign_off(
    request: Request,
    caller: CurrentFrontDesk,
    hotel: Hotel,
    day: date,
    note: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Sign the day as it stands."""
    link = await systems_of(request).link(hotel.id)
    return await _sign(request, link, caller, day, audit_day.sign_off(link, caller, day, note), note)


@router.post("/{day}/export-to-pms")
async def export_to_pms(
    request: Request,
    caller: CurrentManager,
    hotel: Hotel,
    day: date,
    posting_ids: Annotated[list[UUID] | None, Form()] = None,
    reason: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    """Send the PMS what it lacks of the day, and show the day as it stands then."""
    link = await systems_of(request).link(hotel.id)
    in_place = "hx-request" in request.headers
    try:
        sent = await day_export.to_pms(link, caller, day, posting_ids or (), reason)
    except InnkeeperError as error:
        if not in_place:
            raise
        return await _report(request, link, caller, day, wrong=error, typed=reason)
    if in_place:
        return await _report(request, link, caller, day, sent=sent)
    return RedirectResponse(f"/reconciliation?date={day}", status_code=303)


@router.post("/{day}/reopen")
async def reopen(
    request: Request,
    caller: CurrentManager,
    hotel: Hotel,
    day: date,
    reason: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Take the signature back."""
    link = await systems_of(request).link(hotel.id)
    return await _sign(request, link, caller, day, audit_day.reopen(link, caller, day, reason), reason)


async def _sign(request: Request, link: Link, caller: Caller, day: date, act: Any, typed: str) -> Response:
    """Do it and show the day as it stands then, in place where the page asked for a part only."""
    in_place = "hx-request" in request.headers
    try:
        await act
    except InnkeeperError as error:
        if not in_place:
            raise
        return await _report(request, link, caller, day, wrong=error, typed=typed)
    if in_place:
        return await _report(request, link, caller, day)
    return RedirectResponse(f"/reconciliation?date={day}", status_code=303)


# --- revenue over a period --------------------------------------------------------------------------------------------

Start = Annotated[ShownDay | None, Query()]


@router.get("/revenue")
async def revenue(
    request: Request, caller: CurrentManager, hotel: Hotel, start: Start = None, end: Start = None
) -> HTMLResponse:
    """Show the page of a period at once; its days are compared in place."""
    return render(request, "reconciliation/revenue.html", start=start, end=end, tab="revenue", may_read=True)


@router.get("/revenue/report")
async def revenue_report(
    request: Request, caller: CurrentManager, hotel: Hotel, start: Start = None, end: Start = None
) -> HTMLResponse:
    """Show revenue by outlet and day."""
    link = await systems_of(request).link(hotel.id)
    last = end or await link.business_date()
    first = start or last - timedelta(days=_WEEK - 1)
    context: dict[str, Any] = {"start": first, "end": last, "longest": period.LONGEST}
    try:
        found = await period.report(link, first, last)
    except InnkeeperError as error:
        return render(
            request,
            "reconciliation/revenue_report.html",
            report=None,
            wrong=problem(error),
            pms=pms_name(link.pms_type),
            **context,
        )
    return render(
        request,
        "reconciliation/revenue_report.html",
        report=found,
        wrong=None,
        days=[
            (date.fromisoformat(one["date"]), {outlet["outlet_code"]: outlet for outlet in one["by_outlet"]}, one)
            for one in found["days"]
        ],
        amount=_amounts(found["currency"]),
        pms=pms_name(link.pms_type),
        **context,
    )
