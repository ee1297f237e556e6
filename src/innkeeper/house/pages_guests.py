"""The guests: finding one, his card with his stays, and correcting what is known of him."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from innkeeper.access.http import CurrentFrontDesk, Db, Offset
from innkeeper.domain.errors import InnkeeperError
from innkeeper.house import api_guests, guests, reservation_repository
from innkeeper.house.pages_forms import Fields, Paging, Trouble, body_of, draw, entries
from innkeeper.house.schemas_guests import GuestIn
from innkeeper.house.tables import Guest
from innkeeper.web.pages import Hotel
from innkeeper.web.routing import Router

router = Router(prefix="/house/guests", include_in_schema=False)

_PAGE = 50
_STAYS = 50
_TEXTS = ("name", "first_name", "last_name", "email", "phone", "vip_level", "loyalty_number", "notes")
_LISTS = ("preferences", "allergies")


@router.get("")
async def show_list(
    request: Request,
    caller: CurrentFrontDesk,
    hotel: Hotel,
    database: Db,
    q: Annotated[str, Query(max_length=200)] = "",
    offset: Offset = 0,
) -> HTMLResponse:
    """Show the guests by name, all or those that the search finds."""
    found = await api_guests.list_guests(database, hotel.id, caller, q, _PAGE, offset)
    return draw(request, "house/guests.html", found=found.items, paging=Paging.of_page(found), asked={"q": q})


@router.get("/new")
async def show_new(request: Request, _caller: CurrentFrontDesk, _hotel: Hotel) -> HTMLResponse:
    """Show an empty card."""
    return draw(request, "house/guest.html", guest=None, stays=(), more=0, typed={}, trouble=None, done="")


@router.post("/new")
async def add(request: Request, caller: CurrentFrontDesk, hotel: Hotel, database: Db, fields: Fields) -> Response:
    """Add a guest, and show his card."""
    try:
        made = await api_guests.add_guest(body_of(GuestIn, _values(fields)), database, hotel.id, caller)
    except InnkeeperError as error:
        trouble = Trouble.of(error)
        return draw(
            request,
            "house/guest.html",
            guest=None,
            stays=(),
            more=0,
            typed=fields,
            trouble=trouble,
            done="",
        )
    return RedirectResponse(f"/house/guests/{made.id}?done=added", status_code=303)


@router.get("/{guest_id}")
async def show_card(
    request: Request, guest_id: UUID, _caller: CurrentFrontDesk, hotel: Hotel, database: Db
) -> HTMLResponse:
    """Show what is known of a guest, and his stays."""
    return await _card(request, database, hotel.id, guest_id, None)


@router.post("/{guest_id}")
async def change(
    request: Request, guest_id: UUID, caller: CurrentFrontDesk, hotel: Hotel, database: Db, fields: Fields
) -> Response:
    """Correct what is known of a guest."""
    try:
        await api_guests.change_guest(guest_id, body_of(GuestIn, _values(fields)), database, hotel.id, caller)
    except InnkeeperError as error:
        return await _card(request, database, hotel.id, guest_id, fields, Trouble.of(error))
    return RedirectResponse(f"/house/guests/{guest_id}?done=changed", status_code=303)


def _values(fields: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {name: fields[name] or None for name in _TEXTS if name in fields}
    return values | {name: entries(fields[name]) for name in _LISTS if name in fields}


def _stored(guest: Guest) -> dict[str, str]:
    fields = {name: getattr(guest, name) or "" for name in _TEXTS}
    return fields | {name: "\n".join(getattr(guest, name)) for name in _LISTS}


async def _card(
    request: Request,
    database: Db,
    property_id: UUID,
    guest_id: UUID,
    typed: dict[str, str] | None,
    trouble: Trouble | None = None,
) -> HTMLResponse:
    async with database.read() as session:
        guest = await guests.get(session, property_id, guest_id)
        stays, total = await reservation_repository.page_of_reservations(
            session, property_id, _STAYS, 0, guest_id=guest_id
        )
    return draw(
        request,
        "house/guest.html",
        guest=guest,
        stays=list(reversed(stays)),
        more=total - len(stays),
        typed=_stored(guest) | (typed or {}),
        trouble=trouble,
        done=request.query_params.get("done", "") if trouble is None else "",
    )
