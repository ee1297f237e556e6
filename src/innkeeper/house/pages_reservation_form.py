"""The form that books a stay and changes one, with what the house has to offer for the dates beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access.http import CurrentFrontDesk, Db
from innkeeper.domain.errors import InnkeeperError, Invalid, NotFound
from innkeeper.domain.money import format_amount
from innkeeper.domain.stay import MAX_NIGHTS, Stay, StayStatus
from innkeeper.house import (
    api_reservations,
    availability,
    guest_repository,
    guests,
    properties,
    rate_repository,
    rates,
    reservations,
    room_repository,
)
from innkeeper.house.pages_forms import Fields, Trouble, Typed, body_of, draw, filled, rows, section, whole
from innkeeper.house.rates import Quote
from innkeeper.house.schemas_reservations import ReservationIn
from innkeeper.house.tables import Guest, Reservation, Room, RoomType
from innkeeper.web.pages import Hotel
from innkeeper.web.routing import Router

router = Router(prefix="/house/reservations", include_in_schema=False)

_MOST_GUESTS = 6
_SHORTEST_SEARCH = 2
#: What of a room is typed as it is; the rest needs a hand.
_ROOM_FIELDS = ("id", "room_type_id", "check_in", "check_out", "adults", "children", "amount")


@dataclass(frozen=True, slots=True)
class Offer:
    """What one room type has for the dates: rooms free on every night, the price, and the rules against it."""

    kind: RoomType
    free: int
    quote: Quote
    against: Sequence[str]


@router.get("/new")
async def show_new(request: Request, _caller: CurrentFrontDesk, hotel: Hotel, database: Db) -> HTMLResponse:
    """Show an empty form, with what the address names filled in: dates, room type, room, guest."""
    told = request.query_params
    typed = {
        "check_in": told.get("check_in", ""),
        "check_out": told.get("check_out", ""),
        "rooms[0].room_type_id": told.get("type", ""),
        "rooms[0].room_number": told.get("room", ""),
        "rooms[0].adults": "2",
        "guest_id": told.get("guest", ""),
    }
    return await _form(request, database, hotel.id, None, typed)


@router.post("/new")
async def book(request: Request, caller: CurrentFrontDesk, hotel: Hotel, database: Db, fields: Fields) -> Response:
    """Book, and show the reservation; what hinders it is said in the form, with all that was typed."""
    if step := _step(fields):
        return await _form(request, database, hotel.id, None, step)
    try:
        body = body_of(ReservationIn, _values(fields, None))
        made = await api_reservations.add_reservation(body, Response(), database, hotel.id, caller)
    except InnkeeperError as error:
        return await _form(request, database, hotel.id, None, fields, Trouble.of(error))
    return RedirectResponse(f"/house/reservations/{made.id}?done=booked", status_code=303)


@router.get("/offer")
async def show_offer(request: Request, _caller: CurrentFrontDesk, hotel: Hotel, database: Db) -> HTMLResponse:
    """Say what is free and what it costs between two dates."""
    told = dict(request.query_params)
    async with database.read() as session:
        offers = await _offers(session, hotel.id, told)
    return draw(request, "house/offer.html", offers=offers, typed=told)


@router.get("/known-guests")
async def show_known_guests(
    request: Request,
    _caller: CurrentFrontDesk,
    hotel: Hotel,
    database: Db,
    name: Annotated[str, Query(alias="primary_guest.name", max_length=200)] = "",
    chosen: Annotated[str, Query(alias="guest_id", max_length=40)] = "",
) -> HTMLResponse:
    """Say whom of that name the house knows already."""
    async with database.read() as session:
        known = await _known_guests(session, hotel.id, name, chosen)
    return draw(request, "house/known_guests.html", known=known, chosen=chosen)


@router.get("/{reservation_id}/change")
async def show_change(
    request: Request, reservation_id: UUID, _caller: CurrentFrontDesk, hotel: Hotel, database: Db
) -> HTMLResponse:
    """Show the form with what is stored."""
    async with database.read() as session:
        reservation = await _one(session, hotel.id, reservation_id)
    return await _form(request, database, hotel.id, reservation, stored(reservation))


@router.post("/{reservation_id}/change")
async def change(
    request: Request,
    reservation_id: UUID,
    caller: CurrentFrontDesk,
    hotel: Hotel,
    database: Db,
    fields: Fields,
) -> Response:
    """Change the reservation; after somebody else's change the form shows both, and saves on the next press."""
    async with database.read() as session:
        reservation = await _one(session, hotel.id, reservation_id)
    if step := _step(fields):
        return await _form(request, database, hotel.id, reservation, step)
    try:
        version = whole(fields.get("version"), "version")
        body = body_of(ReservationIn, _values(fields, reservation))
        await api_reservations.change_reservation(reservation_id, body, Response(), database, hotel.id, caller, version)
    except InnkeeperError as error:
        trouble = Trouble.of(error)
        if trouble.code == "STALE_VERSION":
            fields = fields | {"version": str(reservation.version)}
        return await _form(request, database, hotel.id, reservation, fields, trouble)
    return RedirectResponse(f"/house/reservations/{reservation_id}?done=changed", status_code=303)


def stored(reservation: Reservation) -> dict[str, str]:
    """Return the reservation as the form's fields hold it."""
    fields = {
        "version": str(reservation.version),
        "guest_id": str(reservation.primary_guest_id),
        "special_requests": reservation.special_requests,
        "source": reservation.source,
        "channel": reservation.channel or "",
        "prepaid_amount": format_amount(reservation.prepaid_amount, reservation.currency),
    }
    live = [row for row in reservation.rooms if row.status != StayStatus.CANCELLED]
    for position, row in enumerate(live):
        values = {
            "id": row.id,
            "room_type_id": row.room_type_id or "",
            "room_number": row.room.number if row.room else "",
            "check_in": row.check_in,
            "check_out": row.check_out,
            "adults": row.adults,
            "children": row.children,
            "child_ages": ", ".join(str(age) for age in row.child_ages),
            "amount": format_amount(row.amount, reservation.currency),
            "stored_amount": format_amount(row.amount, reservation.currency),
        }
        fields |= {f"rooms[{position}].{name}": str(value) for name, value in values.items()}
    return fields


def _values(fields: Mapping[str, str], before: Reservation | None) -> dict[str, Any]:
    """Return what the form holds as the API's body wants it."""
    values: dict[str, Any] = filled({name: fields.get(name, "") for name in ("check_in", "check_out", "source")})
    values["special_requests"] = fields.get("special_requests", "")
    values["channel"] = fields.get("channel") or None
    values["prepaid_amount"] = fields.get("prepaid_amount") or None
    values["overbook"] = fields.get("overbook") == "yes"
    guest = section(fields, "primary_guest")
    if fields.get("guest_id"):
        values["primary_guest"] = {"id": fields["guest_id"]}
    elif any(guest.values()):
        values["primary_guest"] = {name: value or None for name, value in guest.items()}
    elif before is None:
        raise Invalid.field("primary_guest.name", "Say who the guest is.")
    values["rooms"] = [_room(room, before) for room in rows(fields, "rooms")]
    return values


def _room(typed: dict[str, str], before: Reservation | None) -> dict[str, Any]:
    values: dict[str, Any] = filled({name: typed.get(name, "") for name in _ROOM_FIELDS})
    values["room_number"] = typed.get("room_number") or None
    ages = typed.get("child_ages", "").replace(",", " ").split()
    values["child_ages"] = ages
    if ages and "children" not in values:
        values["children"] = len(ages)
    if before is not None and values.get("id") and _is_old_price_of_new_dates(typed, before):
        values.pop("amount", None)
    return values


def _is_old_price_of_new_dates(typed: Mapping[str, str], before: Reservation) -> bool:
    """Whether dates or type were changed and the price was left as it stood: then the rates say the new one."""
    if typed.get("amount") != typed.get("stored_amount"):
        return False
    row = next((row for row in before.rooms if str(row.id) == typed.get("id")), None)
    now = (typed.get("room_type_id", ""), typed.get("check_in", ""), typed.get("check_out", ""))
    return row is not None and now != (str(row.room_type_id or ""), str(row.check_in), str(row.check_out))


def _step(fields: dict[str, str]) -> dict[str, str] | None:
    """Return the fields with a room more or less when that was pressed, None when the form is to be saved."""
    rooms = rows(fields, "rooms")
    if fields.get("add_room"):
        last = rooms[-1] if rooms else Typed()
        kept = ("room_type_id", "check_in", "check_out", "adults")
        rooms.append(Typed({name: last[name] for name in kept if name in last}))
    elif fields.get("remove_room", "").isdigit():
        position = int(fields["remove_room"])
        rooms = [room for index, room in enumerate(rooms) if index != position]
    else:
        return None
    others = {name: value for name, value in fields.items() if not name.startswith("rooms[")}
    return others | {f"rooms[{n}].{name}": value for n, room in enumerate(rooms) for name, value in room.items()}


async def _form(
    request: Request,
    database: Db,
    property_id: UUID,
    reservation: Reservation | None,
    typed: dict[str, str],
    trouble: Trouble | None = None,
) -> HTMLResponse:
    async with database.read() as session:
        kinds = sorted((await room_repository.room_types(session, property_id)).values(), key=lambda kind: kind.name)
        numbers, _ = await room_repository.page_of_rooms(session, property_id, 2000, 0)
        offers = await _offers(session, property_id, typed)
        known = await _known_guests(
            session, property_id, typed.get("primary_guest.name", ""), typed.get("guest_id", "")
        )
    names = {kind.id: kind.name for kind in kinds}
    return draw(
        request,
        "house/reservation_form.html",
        reservation=reservation,
        now=stored(reservation) if reservation else {},
        typed=typed,
        rooms=rows(typed, "rooms") or [Typed()],
        kinds=kinds,
        numbers=[_numbered(room, names) for room in numbers],
        offers=offers,
        known=known,
        trouble=trouble,
    )


def _numbered(room: Room, names: Mapping[UUID, str]) -> tuple[str, str]:
    return room.number, names.get(room.room_type_id, "")


async def _offers(session: AsyncSession, property_id: UUID, typed: Mapping[str, str]) -> list[Offer]:
    """Return what each room type has for the typed dates; nothing while they make no stay."""
    try:
        stay = Stay(date.fromisoformat(typed.get("check_in", "")), date.fromisoformat(typed.get("check_out", "")))
    except ValueError:
        return []
    if not 0 < stay.nights <= MAX_NIGHTS:
        return []
    house = await properties.get(session, property_id)
    kinds = await room_repository.room_types(session, property_id)
    window = await availability.load(session, list(kinds), stay.check_in, stay.check_out)
    nights = await rate_repository.rate_nights(session, list(kinds), stay.check_in, stay.check_out)
    offers = [
        Offer(
            kind,
            max(0, min(window.types[key].available)),
            rates.quote(house, kind, stay, nights),
            list(rates.refusals(kind, stay, nights)),
        )
        for key, kind in kinds.items()
    ]
    return sorted(offers, key=lambda offer: (bool(offer.against), offer.quote.gross))


async def _known_guests(session: AsyncSession, property_id: UUID, name: str, chosen: str) -> list[Guest]:
    """Return the chosen guest, and those whose name is like the typed one."""
    found: list[Guest] = []
    if len(name.strip()) >= _SHORTEST_SEARCH:
        words = guests.normal_name(name).split()
        page, _ = await guest_repository.page_of_guests(
            session, property_id, _MOST_GUESTS, 0, words, name.strip().casefold()
        )
        found = list(page)
    if chosen and all(str(guest.id) != chosen for guest in found):
        try:
            guest = await guest_repository.guest(session, property_id, UUID(chosen))
        except ValueError:
            guest = None
        found = [guest, *found] if guest else found
    return found


async def _one(session: AsyncSession, property_id: UUID, reservation_id: UUID) -> Reservation:
    found = await reservations.load(session, property_id, reservation_id)
    if found is None:
        raise NotFound("There is no such reservation.", action="Look for it in the list of reservations.")
    return found
