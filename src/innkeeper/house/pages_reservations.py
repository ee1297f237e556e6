"""The list of reservations, the page of one, and the acts on it: check in and out, cancel, payments."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from innkeeper.access.http import CurrentFrontDesk, CurrentManager, Db, Offset
from innkeeper.domain.errors import InnkeeperError, Invalid
from innkeeper.domain.ids import new_id
from innkeeper.domain.stay import StayStatus
from innkeeper.house import api_folios, api_reservations, folios, guests, pages_day, properties, reservation_repository
from innkeeper.house.on_their_way import asked_of
from innkeeper.house.pages_day import Days
from innkeeper.house.pages_forms import Fields, Paging, Trouble, body_of, draw, filled, whole
from innkeeper.house.schemas import VoidIn
from innkeeper.house.schemas_folios import PaymentIn
from innkeeper.house.schemas_reservations import CheckOut, ReservationIn, UndoCheckIn
from innkeeper.web.pages import Hotel
from innkeeper.web.routing import Router

router = Router(prefix="/house/reservations", include_in_schema=False)

_PAGE = 50
_HISTORY = 30


@dataclass(frozen=True, slots=True)
class Filter:
    """Which reservations a list shows, as `reservation_repository.page_of_reservations` takes it."""

    label: str
    status: tuple[StayStatus, ...] = ()
    arrives: Days = (None, None)
    departs: Days = (None, None)
    stays: Days = (None, None)
    flag: str | None = None


@router.get("")
async def show_list(
    request: Request,
    _caller: CurrentFrontDesk,
    hotel: Hotel,
    database: Db,
    q: Annotated[str, Query(max_length=200)] = "",
    show: Annotated[str, Query(max_length=20)] = "",
    first: Annotated[str, Query(alias="from", max_length=10)] = "",
    last: Annotated[str, Query(alias="to", max_length=10)] = "",
    offset: Offset = 0,
) -> HTMLResponse:
    """Show the reservations by arrival; those of the past only when they are asked for."""
    async with database.read() as session:
        today = (await properties.get(session, hotel.id)).business_date
        filters = _filters(today)
        show = show if show in filters else ("all" if q or first or last else "coming")
        chosen = filters[show]
        found, total = await reservation_repository.page_of_reservations(
            session,
            hotel.id,
            _PAGE,
            offset,
            status=chosen.status,
            arrives=chosen.arrives,
            departs=chosen.departs,
            stays=(_date(first, "from") or chosen.stays[0], _date(last, "to") or chosen.stays[1]),
            flag=chosen.flag,
            words=guests.normal_name(q).split() if q.strip() else (),
            typed=q.strip(),
        )
    return draw(
        request,
        "house/reservations.html",
        found=found,
        paging=Paging.of(found, total, _PAGE, offset),
        filters=filters,
        asked={"q": q, "show": show, "from": first, "to": last},
    )


@router.get("/{reservation_id}")
async def show_one(
    request: Request, reservation_id: UUID, _caller: CurrentFrontDesk, hotel: Hotel, database: Db
) -> HTMLResponse:
    """Show a reservation: the bill first, then what was booked."""
    return await page(request, database, hotel.id, reservation_id)


@router.post("/{reservation_id}/check-in")
async def check_in(
    request: Request, reservation_id: UUID, caller: CurrentFrontDesk, hotel: Hotel, database: Db, fields: Fields
) -> Response:
    """Check in all who have not arrived, into their rooms or free ones."""

    async def act() -> None:
        version = whole(fields.get("version"), "version")
        await api_reservations.check_in(reservation_id, Response(), database, hotel.id, caller, version, None)

    return await _acted(request, database, hotel.id, reservation_id, fields, "checked-in", act)


@router.post("/{reservation_id}/undo-check-in")
async def undo_check_in(
    request: Request, reservation_id: UUID, caller: CurrentFrontDesk, hotel: Hotel, database: Db, fields: Fields
) -> Response:
    """Take back a check-in of today that was a mistake."""

    async def act() -> None:
        if not fields.get("reason"):
            raise Invalid.field("reason", "Say why the check-in is taken back.")
        version = whole(fields.get("version"), "version")
        body = body_of(UndoCheckIn, {"reason": fields["reason"]})
        await api_reservations.undo_check_in(reservation_id, body, Response(), database, hotel.id, caller, version)

    return await _acted(request, database, hotel.id, reservation_id, fields, "undone", act)


@router.post("/{reservation_id}/check-out")
async def check_out(
    request: Request, reservation_id: UUID, caller: CurrentFrontDesk, hotel: Hotel, database: Db, fields: Fields
) -> Response:
    """Check out all who are in house; a manager may leave the bill open, and charges that are on their way."""

    async def act() -> None:
        version = whole(fields.get("version"), "version")
        body = CheckOut(
            leave_open=fields.get("leave_open") == "yes", leave_charges=fields.get("leave_charges") == "yes"
        )
        asks = asked_of(request)
        await api_reservations.check_out(reservation_id, Response(), database, hotel.id, caller, asks, version, body)

    return await _acted(request, database, hotel.id, reservation_id, fields, "checked-out", act)


@router.post("/{reservation_id}/cancel")
async def cancel(
    request: Request, reservation_id: UUID, caller: CurrentFrontDesk, hotel: Hotel, database: Db, fields: Fields
) -> Response:
    """Cancel; the page offers to take it again."""

    async def act() -> None:
        version = whole(fields.get("version"), "version")
        await api_reservations.cancel_reservation(reservation_id, Response(), database, hotel.id, caller, version)

    return await _acted(request, database, hotel.id, reservation_id, fields, "cancelled", act)


@router.post("/{reservation_id}/reopen")
async def reopen(
    request: Request, reservation_id: UUID, caller: CurrentFrontDesk, hotel: Hotel, database: Db, fields: Fields
) -> Response:
    """Take a cancelled reservation again, if rooms are free."""

    async def act() -> None:
        version = whole(fields.get("version"), "version")
        body = ReservationIn(status=StayStatus.CONFIRMED, overbook=fields.get("overbook") == "yes")
        await api_reservations.change_reservation(reservation_id, body, Response(), database, hotel.id, caller, version)

    return await _acted(request, database, hotel.id, reservation_id, fields, "reopened", act)


@router.post("/{reservation_id}/payments")
async def take_payment(
    request: Request, reservation_id: UUID, caller: CurrentFrontDesk, hotel: Hotel, database: Db, fields: Fields
) -> Response:
    """Note a payment; the form's own reference makes the same form count once, however often it is sent."""

    async def act() -> None:
        values = filled({name: fields.get(name, "") for name in ("amount", "method", "reference")})
        if "amount" not in values:
            raise Invalid.field("amount", "Say how much the guest pays.")
        asks = asked_of(request)
        await api_folios.add_payment(reservation_id, body_of(PaymentIn, values), database, hotel.id, caller, asks)

    return await _acted(request, database, hotel.id, reservation_id, fields, "paid", act)


@router.post("/{reservation_id}/refunds")
async def pay_back(
    request: Request, reservation_id: UUID, caller: CurrentFrontDesk, hotel: Hotel, database: Db, fields: Fields
) -> Response:
    """Give back what was paid too much; the same form counts once, however often it is sent."""

    async def act() -> None:
        values = filled({name: fields.get(name, "") for name in ("amount", "method", "reference")})
        if "amount" not in values:
            raise Invalid.field("amount", "Say how much the guest gets back.")
        asks = asked_of(request)
        await api_folios.pay_back(reservation_id, body_of(PaymentIn, values), database, hotel.id, caller, asks)

    return await _acted(request, database, hotel.id, reservation_id, fields, "paid-back", act)


@router.post("/{reservation_id}/lines/{line_id}/void")
async def void_payment(
    request: Request,
    reservation_id: UUID,
    line_id: UUID,
    caller: CurrentManager,
    hotel: Hotel,
    database: Db,
    fields: Fields,
) -> Response:
    """Take a payment off that was noted wrongly."""

    async def act() -> None:
        if not fields.get("reason"):
            raise Invalid.field("reason", "Say why the payment is taken off.")
        body = body_of(VoidIn, {"reason": fields["reason"]})
        await api_folios.void_payment(reservation_id, line_id, body, database, hotel.id, caller, asked_of(request))

    return await _acted(request, database, hotel.id, reservation_id, fields, "voided", act)


async def page(
    request: Request,
    database: Db,
    property_id: UUID,
    reservation_id: UUID,
    *,
    typed: dict[str, str] | None = None,
    trouble: Trouble | None = None,
) -> HTMLResponse:
    """Return the page of a reservation, with what hindered an act on it, if anything."""
    async with database.read() as session:
        bill = await folios.statement(session, property_id, reservation_id)
        steps = await reservation_repository.history(session, property_id, reservation_id, _HISTORY)
        pending = await asked_of(request)(session, property_id, reservation_id)
    voided = {line.voids_id for line in bill.lines if line.voids_id}
    return draw(
        request,
        "house/reservation.html",
        address=f"/house/reservations/{reservation_id}",
        reservation=bill.reservation,
        bill=bill,
        voided=voided,
        pending=pending,
        steps=steps,
        payment_reference=f"desk:{new_id()}",
        typed=typed or {},
        trouble=trouble,
        done=request.query_params.get("done", "") if trouble is None else "",
    )


async def _acted(
    request: Request,
    database: Db,
    property_id: UUID,
    reservation_id: UUID,
    fields: dict[str, str],
    done: str,
    act: Callable[[], Awaitable[None]],
) -> Response:
    """Do the act and go back to where it was asked for; what hinders it is said there."""
    from_today = fields.get("from") == "today"
    try:
        await act()
    except InnkeeperError as error:
        trouble = Trouble.of(error)
        if from_today and trouble.code not in ("BALANCE_DUE", "FOLIO_NOT_EVEN", "CHARGES_PENDING"):
            return await pages_day.page(request, database, property_id, trouble=trouble)
        return await page(request, database, property_id, reservation_id, typed=fields, trouble=trouble)
    address = f"/house/today?of={reservation_id}&" if from_today else f"/house/reservations/{reservation_id}?"
    return RedirectResponse(f"{address}done={done}", status_code=303)


def _filters(today: date) -> dict[str, Filter]:
    """Return the usual questions of a desk, each a list of one tap."""
    confirmed, inside = StayStatus.CONFIRMED, StayStatus.CHECKED_IN
    return {
        "coming": Filter("Coming and in house", (confirmed, inside)),
        "arriving": Filter("To arrive", (confirmed,), arrives=(None, today), stays=(today, None)),
        "inside": Filter("In house", (inside,)),
        "leaving": Filter("To leave", (inside,), departs=(None, today)),
        "overbooked": Filter("Overbooked", (confirmed, inside), flag="overbooked"),
        "unmapped": Filter("No room type", (confirmed, inside), flag="unmapped"),
        "cancelled": Filter("Cancelled", (StayStatus.CANCELLED,)),
        "all": Filter("All"),
    }


def _date(text: str, field: str) -> date | None:
    """Return a date that was typed, None for none. Raises Invalid."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Invalid.field(field, "This must be a date like 2026-10-23.") from None
