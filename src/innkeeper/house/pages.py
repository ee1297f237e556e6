"""The tape chart at `/house`, and moving a stay on it or through a form."""

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access.http import CurrentFrontDesk, Db
from innkeeper.access.roles import Role
from innkeeper.domain.errors import InnkeeperError, Invalid, NotFound
from innkeeper.domain.money import format_amount
from innkeeper.house import (
    api_reservations,
    board,
    moves,
    pages_day,
    pages_guests,
    pages_rates,
    pages_reservation_form,
    pages_reservations,
    pages_rooms,
    properties,
    reservation_repository,
    room_repository,
)
from innkeeper.house.pages_forms import Fields, Trouble, draw, identity, whole
from innkeeper.house.tables import Reservation, ReservationRoom
from innkeeper.web.pages import Hotel, NavEntry, ShownDay
from innkeeper.web.routing import Router

NAVIGATION = NavEntry("/house", "House", Role.FRONT_DESK)

#: How many nights the chart may show.
WIDTHS = (7, 14, 28)

#: How often an open chart asks whether anything changed, in milliseconds.
REFRESH_MS = 5000

chart_router = Router(prefix="/house", include_in_schema=False)


@dataclass(frozen=True, slots=True)
class View:
    """Which part of the chart is looked at."""

    start: date | None
    nights: int
    room_type_id: UUID | None

    def query(self, **changes: object) -> str:
        """Return it as the query of an address, with these values instead."""
        values = {"start": self.start, "nights": self.nights, "type": self.room_type_id, **changes}
        return urlencode({name: value for name, value in values.items() if value is not None})


async def read_view(
    start: ShownDay | None = None, nights: int = 14, room_type: Annotated[str, Query(alias="type", max_length=40)] = ""
) -> View:
    """Return the view that the address names; an odd width is the usual one."""
    return View(start, nights if nights in WIDTHS else 14, identity(room_type, "type"))


CurrentView = Annotated[View, Depends(read_view)]


@dataclass(frozen=True, slots=True)
class Moved:
    """A move that was just made, and where the stay was before, so that it can be taken back."""

    reservation: Reservation
    row: ReservationRoom
    was: dict[str, str]


@chart_router.get("")
async def show_chart(
    request: Request, _caller: CurrentFrontDesk, hotel: Hotel, database: Db, view: CurrentView
) -> HTMLResponse:
    """Show the chart; after a move also what was done and how to undo it."""
    return await _chart(request, database, hotel.id, view)


@chart_router.get("/board")
async def refresh_chart(
    request: Request,
    _caller: CurrentFrontDesk,
    hotel: Hotel,
    database: Db,
    view: CurrentView,
    version: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """Answer 204 while the page shows the same already."""
    _, html, current = await _board(request, database, hotel.id, view)
    if current == version:
        return Response(status_code=204)
    return HTMLResponse(html, headers={"X-Board-Version": current})


@chart_router.get("/stays/{reservation_id}/{stay_id}/price")
async def price(
    request: Request, reservation_id: UUID, stay_id: UUID, _caller: CurrentFrontDesk, hotel: Hotel, database: Db
) -> HTMLResponse:
    """Say what a move would cost, or why it cannot be, without making it."""
    fields = dict(request.query_params)
    try:
        place = moves.place_of(await _with_type(database, hotel.id, fields))
        trial = await moves.attempt(database, hotel.id, reservation_id, stay_id, place)
    except Invalid as error:
        return draw(request, "house/price.html", trial=None, place=None, refused=Trouble.of(error))
    refused = Trouble.of(trial.refused) if trial.refused else None
    return draw(request, "house/price.html", trial=trial, place=place, refused=refused)


@chart_router.get("/stays/{reservation_id}/{stay_id}/move")
async def show_move(
    request: Request,
    reservation_id: UUID,
    stay_id: UUID,
    _caller: CurrentFrontDesk,
    hotel: Hotel,
    database: Db,
    view: CurrentView,
) -> HTMLResponse:
    """Show the form that moves a stay without a pointer."""
    return await _move_form(request, database, hotel.id, view, reservation_id, stay_id, {})


@chart_router.post("/stays/{reservation_id}/{stay_id}/move")
async def move(
    request: Request,
    reservation_id: UUID,
    stay_id: UUID,
    caller: CurrentFrontDesk,
    hotel: Hotel,
    database: Db,
    view: CurrentView,
    fields: Fields,
) -> Response:
    """Move the stay and go back to where it was asked for; what hinders it is said there."""
    try:
        place = moves.place_of(await _with_type(database, hotel.id, fields))
        async with database.read() as session:
            reservation, row = await moves.find(session, hotel.id, reservation_id, stay_id)
        changed = await api_reservations.change_reservation(
            reservation_id,
            moves.body(reservation, row, place, overbook=fields.get("overbook") == "yes"),
            Response(),
            database,
            hotel.id,
            caller,
            whole(fields.get("version"), "version"),
        )
    except InnkeeperError as error:
        if fields.get("from") == "chart":
            return await _chart(request, database, hotel.id, view, Trouble.of(error))
        return await _move_form(request, database, hotel.id, view, reservation_id, stay_id, fields, Trouble.of(error))
    if fields.get("from") == "today":
        return RedirectResponse(f"/house/today?done=assigned&of={reservation_id}", status_code=303)
    if fields.get("undo") == "yes":
        return RedirectResponse(f"/house?{view.query()}", status_code=303)
    was = {
        "moved": f"{reservation_id}.{stay_id}",
        "v": changed.version,
        "was_in": row.check_in,
        "was_out": row.check_out,
        "was_type": row.room_type_id or "",
        "was_room": row.room_id or "",
        "was_amount": format_amount(row.amount, reservation.currency),
    }
    return RedirectResponse(f"/house?{view.query(**was)}", status_code=303)


async def _chart(
    request: Request, database: Db, property_id: UUID, view: View, trouble: Trouble | None = None
) -> HTMLResponse:
    chart, html, version = await _board(request, database, property_id, view)
    async with database.read() as session:
        kinds = sorted((await room_repository.room_types(session, property_id)).values(), key=lambda kind: kind.name)
        moved = None if trouble else await _moved(session, property_id, request)
        today = await reservation_repository.day_counts(session, property_id, chart.today)
    return draw(
        request,
        "house/chart.html",
        address=f"/house?{view.query()}",
        view=view,
        widths=WIDTHS,
        kinds=kinds,
        chart=chart,
        board_html=html,
        version=version,
        refresh_ms=REFRESH_MS,
        trouble=trouble,
        moved=moved,
        counts=today,
        week=timedelta(days=7),
    )


async def _board(request: Request, database: Db, property_id: UUID, view: View) -> tuple[board.Board, str, str]:
    """Return the chart, its HTML, and a mark of its content."""
    async with database.read() as session:
        house = await properties.get(session, property_id)
        start = view.start or house.business_date - timedelta(days=1)
        chart = await board.load(session, house, start, view.nights, view.room_type_id)
    drawn = draw(request, "house/board.html", chart=chart, view=view, days=board.days_of(chart))
    html = bytes(drawn.body).decode()
    return chart, html, hashlib.sha256(html.encode()).hexdigest()[:16]


async def _moved(session: AsyncSession, property_id: UUID, request: Request) -> Moved | None:
    """Return the move that the address tells of, unless somebody has changed the reservation since."""
    told = request.query_params
    reservation_id, _, stay_id = told.get("moved", "").partition(".")
    try:
        found, row = await moves.find(session, property_id, UUID(reservation_id), UUID(stay_id))
    except (ValueError, NotFound):
        return None
    if str(found.version) != told.get("v"):
        return None
    names = {"check_in": "in", "check_out": "out", "room_type_id": "type", "room_id": "room", "amount": "amount"}
    return Moved(found, row, {name: told.get(f"was_{short}", "") for name, short in names.items()})


async def _move_form(
    request: Request,
    database: Db,
    property_id: UUID,
    view: View,
    reservation_id: UUID,
    stay_id: UUID,
    typed: dict[str, str],
    trouble: Trouble | None = None,
) -> HTMLResponse:
    async with database.read() as session:
        reservation, row = await moves.find(session, property_id, reservation_id, stay_id)
        house = await properties.get(session, property_id)
        choices = await board.choices(session, house, row, without=reservation_id)
    present = {
        "check_in": str(row.check_in),
        "check_out": str(row.check_out),
        "place": str(row.room_id or row.room_type_id or ""),
        "amount": "",
    }
    return draw(
        request,
        "house/move.html",
        view=view,
        reservation=reservation,
        row=row,
        choices=choices,
        typed=present | typed,
        trouble=trouble,
    )


async def _with_type(database: Db, property_id: UUID, fields: dict[str, str]) -> dict[str, str]:
    """Return the fields with room and type: a form names one `place`, a room or a type without a room yet."""
    place = identity(fields.get("place") or fields.get("room_id"), "place")
    if place is None:
        return fields
    async with database.read() as session:
        room = (await room_repository.rooms(session, property_id, [place])).get(place)
    if room is not None:
        return fields | {"room_id": str(room.id), "room_type_id": str(room.room_type_id)}
    return fields | {"room_id": "", "room_type_id": str(place)}


router = Router()
for part in (
    chart_router,
    pages_day.router,
    pages_reservation_form.router,
    pages_reservations.router,
    pages_guests.router,
    pages_rates.router,
    pages_rooms.router,
):
    router.take_over(part)
