"""The routes of the house."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Query, Response
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access import audit
from innkeeper.access.caller import Caller
from innkeeper.access.http import Db, IfMatch, Limit, Offset, PropertyId, require
from innkeeper.access.roles import Role
from innkeeper.domain.errors import Invalid, NotFound
from innkeeper.domain.money import format_amount
from innkeeper.domain.stay import StayStatus
from innkeeper.house import (
    api_day,
    api_folios,
    availability,
    erasing,
    guest_repository,
    guests,
    intake,
    properties,
    rates,
    repository,
    reservations,
    rooms,
)
from innkeeper.house.on_their_way import OnTheirWay
from innkeeper.house.schemas import (
    CheckIn,
    CheckOut,
    GuestIn,
    GuestOut,
    MaintenanceIn,
    MaintenanceOut,
    NightOut,
    Page,
    PropertyIn,
    PropertyOut,
    RateOut,
    RatesIn,
    ReservationIn,
    ReservationOut,
    RoomChange,
    RoomIn,
    RoomOut,
    RoomTypeIn,
    RoomTypeOut,
    UndoCheckIn,
)
from innkeeper.house.tables import Reservation, RoomType
from innkeeper.storage.database import Tx

router = APIRouter(prefix="/api", tags=["House"])
router.include_router(api_folios.router)
router.include_router(api_day.router)

FrontDesk = Annotated[Caller, Depends(require(Role.FRONT_DESK))]
Manager = Annotated[Caller, Depends(require(Role.MANAGER))]
Admin = Annotated[Caller, Depends(require(Role.ADMIN))]

#: The longest window of one answer, in nights.
LONGEST_WINDOW = 800
#: No night beyond is told: the calendar of the program ends soon after.
LAST_DAY = date(2999, 12, 31)


# --- property -------------------------------------------------------------------------------------------------------


@router.get("/property", summary="Read the property")
async def read_property(database: Db, property_id: PropertyId, _caller: FrontDesk) -> PropertyOut:
    """Return the hotel's name, clock, currency, business date and tax."""
    async with database.read() as session:
        return PropertyOut.of(await properties.get(session, property_id))


@router.put("/property", summary="Change the property")
async def change_property(body: PropertyIn, database: Db, property_id: PropertyId, caller: Admin) -> PropertyOut:
    """Change what the body holds; the currency only while no reservation exists.

    409 `BUSINESS_DATE` for a date that goes back or more than one night on, unless it is confirmed.
    """
    values = _given(body)
    confirmed = values.pop("confirm_business_date", False)
    if "night_audit_time" in body.model_fields_set:
        values["night_audit_time"] = body.night_audit_time
    async with database.write() as tx:
        house = await properties.update(tx, property_id, values, confirmed=confirmed)
        await audit.record(tx, caller, "property.changed", "property", property_id, values, property_id=property_id)
    return PropertyOut.of(house)


# --- room types -------------------------------------------------------------------------------------------------------


@router.get("/room-types", summary="List room types")
async def list_room_types(
    database: Db, property_id: PropertyId, _caller: FrontDesk, limit: Limit = 100, offset: Offset = 0
) -> Page[RoomTypeOut]:
    """Return the room types by name."""
    async with database.read() as session:
        house = await properties.get(session, property_id)
        kinds, total = await repository.page_of_room_types(session, property_id, limit, offset)
        counts = await repository.room_counts(session, [kind.id for kind in kinds])
    items = [RoomTypeOut.of(kind, counts.get(kind.id, 0), house.currency) for kind in kinds]
    return Page(items=items, total=total, limit=limit, offset=offset)


@router.post("/room-types", status_code=201, summary="Add a room type")
async def add_room_type(body: RoomTypeIn, database: Db, property_id: PropertyId, _caller: Admin) -> RoomTypeOut:
    """Add a room type and, with `qty`, as many rooms of it under free numbers."""
    for name in ("name", "price_per_night"):
        if getattr(body, name) is None:
            raise Invalid.field(name, "This is needed.")
    async with database.write() as tx:
        house = await properties.get(tx.session, property_id)
        values = _room_type_values(body, house.currency)
        values.setdefault("max_people", max(2, values.get("max_adult", 1) + values.get("max_children", 0)))
        values.setdefault("max_adult", values["max_people"])
        values.setdefault("max_children", max(0, values["max_people"] - 1))
        kind = await rooms.create_room_type(tx, property_id, values, rooms=body.qty or 0)
    return RoomTypeOut.of(kind, body.qty or 0, house.currency)


@router.get("/room-types/{room_type_id}", summary="Read a room type")
async def read_room_type(room_type_id: UUID, database: Db, property_id: PropertyId, _caller: FrontDesk) -> RoomTypeOut:
    """Return the room type with the number of its rooms."""
    async with database.read() as session:
        house = await properties.get(session, property_id)
        kind = await rooms.room_type(session, property_id, room_type_id)
        counts = await repository.room_counts(session, [room_type_id])
    return RoomTypeOut.of(kind, counts.get(room_type_id, 0), house.currency)


@router.put("/room-types/{room_type_id}", summary="Change a room type")
async def change_room_type(
    room_type_id: UUID, body: RoomTypeIn, database: Db, property_id: PropertyId, _caller: Admin
) -> RoomTypeOut:
    """Change what the body holds. The number of rooms follows from the rooms and is not set here."""
    async with database.write() as tx:
        house = await properties.get(tx.session, property_id)
        counts = await repository.room_counts(tx.session, [room_type_id])
        qty = counts.get(room_type_id, 0)
        if body.qty is not None and body.qty != qty:
            hint = "add rooms with POST /api/rooms" if body.qty > qty else "remove rooms with DELETE /api/rooms/{id}"
            raise Invalid.field("qty", f"There are {qty} rooms of this type; {hint} instead of setting their number.")
        values = _room_type_values(body, house.currency)
        kind = await rooms.update_room_type(tx, property_id, room_type_id, values)
    return RoomTypeOut.of(kind, qty, house.currency)


@router.delete("/room-types/{room_type_id}", status_code=204, summary="Take a room type out of sale")
async def delete_room_type(room_type_id: UUID, database: Db, property_id: PropertyId, _caller: Admin) -> None:
    """Take the type and its rooms out of sale; 409 while reservations hold it."""
    async with database.write() as tx:
        await rooms.delete_room_type(tx, property_id, room_type_id)


# --- rooms ------------------------------------------------------------------------------------------------------------


@router.get("/rooms", summary="List rooms")
async def list_rooms(
    database: Db,
    property_id: PropertyId,
    _caller: FrontDesk,
    room_type_id: UUID | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[RoomOut]:
    """Return the rooms by number."""
    async with database.read() as session:
        found, total = await repository.page_of_rooms(session, property_id, limit, offset, room_type_id)
        cards = await repository.key_cards(session, [room.id for room in found])
    items = [RoomOut.of(room, cards[room.id]) for room in found]
    return Page(items=items, total=total, limit=limit, offset=offset)


@router.post("/rooms", status_code=201, summary="Add a room")
async def add_room(body: RoomIn, database: Db, property_id: PropertyId, _caller: Admin) -> RoomOut:
    """Add a room under a number that no other room has."""
    async with database.write() as tx:
        room = await rooms.create_room(tx, property_id, body.room_type_id, str(body.number), body.key_cards)
        cards = await repository.key_cards(tx.session, [room.id])
    return RoomOut.of(room, cards[room.id])


@router.get("/rooms/{room_id}", summary="Read a room")
async def read_room(room_id: UUID, database: Db, property_id: PropertyId, _caller: FrontDesk) -> RoomOut:
    """Return the room with its key cards."""
    async with database.read() as session:
        room = await rooms.room(session, property_id, room_id)
        cards = await repository.key_cards(session, [room_id])
    return RoomOut.of(room, cards[room_id])


@router.put("/rooms/{room_id}", summary="Change a room")
async def change_room(
    room_id: UUID, body: RoomChange, database: Db, property_id: PropertyId, _caller: Admin
) -> RoomOut:
    """Change number, type or key cards; `key_cards` replaces all of them."""
    values = _given(body)
    if "number" in values:
        values["number"] = str(values["number"])
    async with database.write() as tx:
        room = await rooms.update_room(tx, property_id, room_id, values)
        cards = await repository.key_cards(tx.session, [room_id])
    return RoomOut.of(room, cards[room_id])


@router.delete("/rooms/{room_id}", status_code=204, summary="Take a room away")
async def delete_room(room_id: UUID, database: Db, property_id: PropertyId, _caller: Admin) -> None:
    """Take the room away; 409 while a stay has it, or while its type cannot spare it."""
    async with database.write() as tx:
        await rooms.delete_room(tx, property_id, room_id)


# --- maintenance ------------------------------------------------------------------------------------------------------


@router.get("/maintenance", summary="List maintenance")
async def list_maintenance(
    database: Db,
    property_id: PropertyId,
    _caller: FrontDesk,
    start: date | None = None,
    end: date | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[MaintenanceOut]:
    """Return maintenance that touches the nights from `start` to `end` (exclusive)."""
    _in_order(start, end, "end", ends_after=True)
    async with database.read() as session:
        found, total = await repository.page_of_maintenance(session, property_id, limit, offset, start, end)
    return Page(items=[MaintenanceOut.of(work) for work in found], total=total, limit=limit, offset=offset)


@router.post("/maintenance", status_code=201, summary="Close rooms")
async def add_maintenance(
    body: MaintenanceIn, database: Db, property_id: PropertyId, _caller: Manager
) -> MaintenanceOut:
    """Close a room, or units of a type. Never refused for want of rooms; `short_nights` says where they are missing."""
    async with database.write() as tx:
        work, short = await rooms.add_maintenance(
            tx,
            property_id,
            start=body.start,
            end=body.end,
            room_id=body.room_id,
            room_type_id=body.room_type_id,
            units=body.units,
            reason=body.reason,
        )
    return MaintenanceOut.of(work, short)


@router.delete("/maintenance/{maintenance_id}", status_code=204, summary="Open rooms again")
async def end_maintenance(maintenance_id: UUID, database: Db, property_id: PropertyId, _caller: Manager) -> None:
    """Open the rooms again for all nights of the maintenance."""
    async with database.write() as tx:
        await rooms.end_maintenance(tx, property_id, maintenance_id)


# --- rates and availability -------------------------------------------------------------------------------------------


@router.get("/rates", summary="Read rates")
async def read_rates(
    database: Db,
    property_id: PropertyId,
    _caller: FrontDesk,
    start: date | None = None,
    end: date | None = None,
    room_type_id: UUID | None = None,
) -> Page[RateOut]:
    """Return price and rules of each night from `start` to `end` (exclusive); 30 nights from today when left out."""
    async with database.read() as session:
        house = await properties.get(session, property_id)
        first, last = _window(start, end, house.business_date)
        kinds = await _types(session, property_id, room_type_id)
        found = await rates.window(session, list(kinds.values()), first, last)
    items = [RateOut.of(rate, house.currency) for rate in found]
    return Page(items=items, total=len(items), limit=len(items), offset=0)


@router.put("/rates", summary="Set rates")
async def set_rates(body: RatesIn, database: Db, property_id: PropertyId, caller: Manager) -> Page[RateOut]:
    """Set price and rules of each night from `start` to `end` (exclusive), and return what holds there now."""
    async with database.write() as tx:
        house = await properties.get(tx.session, property_id)
        names = body.model_fields_set & {"price", "min_stay", "max_stay", "closed"}
        values: dict[str, Any] = {name: getattr(body, name) for name in names}
        if values.get("price") is not None:
            values["price"] = intake.amount(values["price"], house.currency, "price")
        found = await rates.put(tx, house, body.room_type_id, body.start, body.end, values)
        detail = {**values, "start": body.start, "end": body.end}
        await audit.record(tx, caller, "rate.changed", "room_type", body.room_type_id, detail, property_id=property_id)
    items = [RateOut.of(rate, house.currency) for rate in found]
    return Page(items=items, total=len(items), limit=len(items), offset=0)


@router.get(
    "/availability",
    summary="Read availability",
    response_class=Response,
    responses={200: {"model": Page[NightOut], "description": "One entry a room type and night."}},
)
async def read_availability(
    database: Db,
    property_id: PropertyId,
    _caller: FrontDesk,
    start: date | None = None,
    end: date | None = None,
    room_type_id: UUID | None = None,
) -> Response:
    """Return total, booked, maintenance and available of each night from `start` to `end` (exclusive)."""
    async with database.read() as session:
        house = await properties.get(session, property_id)
        first, last = _window(start, end, house.business_date)
        kinds = await _types(session, property_id, room_type_id)
        document = await availability.document(session, list(kinds), first, last)
    return Response(document, media_type="application/json")


# --- guests -----------------------------------------------------------------------------------------------------------


@router.get("/guests", summary="List guests")
async def list_guests(
    database: Db,
    property_id: PropertyId,
    _caller: FrontDesk,
    q: Annotated[str, Query(max_length=200, description="Name, e-mail or phone.")] = "",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[GuestOut]:
    """Return the guests by name."""
    words = guests.normal_name(q).split() if q.strip() else []
    async with database.read() as session:
        found, total = await guest_repository.page_of_guests(
            session, property_id, limit, offset, words, q.strip().casefold()
        )
    return Page(items=[GuestOut.of(guest) for guest in found], total=total, limit=limit, offset=offset)


@router.post("/guests", status_code=201, summary="Add a guest")
async def add_guest(body: GuestIn, database: Db, property_id: PropertyId, _caller: FrontDesk) -> GuestOut:
    """Add a guest; e-mail and phone may be missing."""
    async with database.write() as tx:
        guest = await guests.create(tx, property_id, intake.guest_draft(body))
    return GuestOut.of(guest)


@router.get("/guests/{guest_id}", summary="Read a guest")
async def read_guest(guest_id: UUID, database: Db, property_id: PropertyId, _caller: FrontDesk) -> GuestOut:
    """Return the guest."""
    async with database.read() as session:
        return GuestOut.of(await guests.get(session, property_id, guest_id))


@router.put("/guests/{guest_id}", summary="Change a guest")
async def change_guest(
    guest_id: UUID, body: GuestIn, database: Db, property_id: PropertyId, _caller: FrontDesk
) -> GuestOut:
    """Change what the body holds."""
    async with database.write() as tx:
        before = guests.draft_of(await guests.get(tx.session, property_id, guest_id))
        guest = await guests.update(tx, property_id, guest_id, intake.guest_draft(body, before))
    return GuestOut.of(guest)


@router.post("/guests/{guest_id}/erase", summary="Erase a guest's personal data")
async def erase_guest(guest_id: UUID, database: Db, property_id: PropertyId, caller: Manager) -> GuestOut:
    """Erase who the guest was, here and in every log; stays and amounts remain. 409 while he is in house or expected.

    What QloApps or another system holds of him is not reached: erase him there too.
    """
    async with database.write() as tx:
        count = await erasing.erase(tx, property_id, guest_id)
        detail = {"reservations": count}
        await audit.record(tx, caller, "guest.erased", "guest", guest_id, detail, property_id=property_id)
        await tx.session.flush()
        guest = await guests.get(tx.session, property_id, guest_id)
        await tx.session.refresh(guest)
        return GuestOut.of(guest)


# --- reservations -----------------------------------------------------------------------------------------------------


@router.get("/reservations", summary="List reservations")
async def list_reservations(
    database: Db,
    property_id: PropertyId,
    _caller: FrontDesk,
    status: Annotated[list[StayStatus] | None, Query(description="One or several states.")] = None,
    start: Annotated[date | None, Query(alias="from", description="Stays that are not over by this date.")] = None,
    to: Annotated[date | None, Query(description="Stays that have begun by this date.")] = None,
    arrival_from: date | None = None,
    arrival_to: date | None = None,
    departure_from: date | None = None,
    departure_to: date | None = None,
    q: Annotated[str, Query(max_length=200, description="Guest's name, confirmation or room number.")] = "",
    flag: Annotated[str | None, Query(max_length=50)] = None,
    guest_id: UUID | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[ReservationOut]:
    """Return the reservations by arrival. Dates include both ends."""
    _in_order(start, to, "to")
    _in_order(arrival_from, arrival_to, "arrival_to")
    _in_order(departure_from, departure_to, "departure_to")
    async with database.read() as session:
        found, total = await repository.page_of_reservations(
            session,
            property_id,
            limit,
            offset,
            status=status or (),
            arrives=(arrival_from, arrival_to),
            departs=(departure_from, departure_to),
            stays=(start, to),
            words=guests.normal_name(q).split() if q.strip() else (),
            typed=q.strip(),
            flag=flag,
            guest_id=guest_id,
        )
    return Page(items=[ReservationOut.of(row) for row in found], total=total, limit=limit, offset=offset)


@router.post("/reservations", status_code=201, summary="Book")
async def add_reservation(
    body: ReservationIn, response: Response, database: Db, property_id: PropertyId, caller: FrontDesk
) -> ReservationOut:
    """Book any number of rooms for a guest; 409 `NOT_AVAILABLE` where one is not free on every night."""
    if body.overbook:
        caller.need(Role.MANAGER)
    if body.primary_guest is None:
        raise Invalid.field("primary_guest", "Say who the guest is, by id or by name.")
    async with database.write() as tx:
        house = await properties.get(tx.session, property_id)
        guest = None
        guest_id = body.primary_guest.id
        if guest_id is None:
            draft_guest = intake.guest_draft(body.primary_guest, field="primary_guest.")
            guest = guests.checked(property_id, draft_guest, field="primary_guest.")
            await guests.add_all(tx, [guest])
            guest_id = guest.id
        draft = await intake.new_reservation(tx.session, house, body, guest_id)
        made = await reservations.create(tx, property_id, draft, overbook=body.overbook, guest=guest, keep=False)
        if body.overbook:
            await _note(tx, caller, "reservation.overbooked", made.id, property_id)
    return _answer(made, response)


@router.get("/reservations/{reservation_id}", summary="Read a reservation")
async def read_reservation(
    reservation_id: UUID, response: Response, database: Db, property_id: PropertyId, _caller: FrontDesk
) -> ReservationOut:
    """Return the reservation; its version stands in `ETag`, too."""
    async with database.read() as session:
        return _answer(await _reservation(session, property_id, reservation_id), response)


@router.put("/reservations/{reservation_id}", summary="Change a reservation")
async def change_reservation(
    reservation_id: UUID,
    body: ReservationIn,
    response: Response,
    database: Db,
    property_id: PropertyId,
    caller: FrontDesk,
    version: IfMatch,
) -> ReservationOut:
    """Change dates, rooms, guest and the rest; `rooms` names all rooms, those that it leaves out are taken off."""
    if body.overbook:
        caller.need(Role.MANAGER)
    async with database.write() as tx:
        house = await properties.get(tx.session, property_id)
        before = await _reservation(tx.session, property_id, reservation_id)
        guest_id = before.primary_guest_id
        if body.primary_guest is not None:
            guest_id = await _guest_of_change(tx, property_id, body, guest_id)
        draft = await intake.changed_reservation(tx.session, house, body, before, guest_id)
        changed = await reservations.change(
            tx,
            property_id,
            reservation_id,
            draft,
            expected_version=before.version if version is None else version,
            overbook=body.overbook,
        )
        if body.overbook:
            await _note(tx, caller, "reservation.overbooked", reservation_id, property_id)
    return _answer(changed, response)


@router.post("/reservations/{reservation_id}/cancel", summary="Cancel")
async def cancel_reservation(
    reservation_id: UUID,
    response: Response,
    database: Db,
    property_id: PropertyId,
    _caller: FrontDesk,
    version: IfMatch,
) -> ReservationOut:
    """Cancel all rooms; a guest in house is checked out instead."""
    async with database.write() as tx:
        ended = await reservations.cancel(tx, property_id, reservation_id, expected_version=version)
    return _answer(ended, response)


@router.post("/reservations/{reservation_id}/check-in", summary="Check in")
async def check_in(
    reservation_id: UUID,
    response: Response,
    database: Db,
    property_id: PropertyId,
    _caller: FrontDesk,
    version: IfMatch,
    body: Annotated[CheckIn | None, Body()] = None,
) -> ReservationOut:
    """Check guests in, into the rooms named, those assigned before, or free ones."""
    async with database.write() as tx:
        chosen = None
        if body is not None:
            house = await properties.get(tx.session, property_id)
            waiting = await _reservation(tx.session, property_id, reservation_id)
            chosen = await intake.arriving_rooms(tx.session, house, body, waiting)
        arrived = await reservations.check_in(tx, property_id, reservation_id, rooms=chosen, expected_version=version)
    return _answer(arrived, response)


@router.post("/reservations/{reservation_id}/undo-check-in", summary="Take a check-in back")
async def undo_check_in(
    reservation_id: UUID,
    body: UndoCheckIn,
    response: Response,
    database: Db,
    property_id: PropertyId,
    caller: FrontDesk,
    version: IfMatch,
) -> ReservationOut:
    """Take back a check-in of this business date that was a mistake; the reason stands in the audit trail."""
    async with database.write() as tx:
        back = await reservations.undo_check_in(
            tx, property_id, reservation_id, rooms=body.rooms, expected_version=version
        )
        told = {"reason": body.reason}
        await audit.record(
            tx, caller, "reservation.check_in_undone", "reservation", reservation_id, told, property_id=property_id
        )
    return _answer(back, response)


@router.post("/reservations/{reservation_id}/check-out", summary="Check out")
async def check_out(
    reservation_id: UUID,
    response: Response,
    database: Db,
    property_id: PropertyId,
    caller: FrontDesk,
    on_their_way: OnTheirWay,
    version: IfMatch,
    body: Annotated[CheckOut | None, Body()] = None,
) -> ReservationOut:
    """Check guests out; a manager may do it although something is open, which is noted.

    409 `BALANCE_DUE` or `FOLIO_NOT_EVEN` until the bill is even, `CHARGES_PENDING` while charges are on their way.
    """
    body = body or CheckOut()
    if body.leave_open or body.leave_charges:
        caller.need(Role.MANAGER)
    async with database.write() as tx:
        coming = await on_their_way(tx.session, property_id, reservation_id) or Decimal(0)
        left = await reservations.check_out(
            tx,
            property_id,
            reservation_id,
            rooms=body.rooms,
            expected_version=version,
            leave_open=body.leave_open,
            on_their_way=Decimal(0) if body.leave_charges else coming,
        )
        if body.leave_open:
            await _note(tx, caller, "folio.left_open", reservation_id, property_id)
        if body.leave_charges and coming:
            left_behind = {"on_its_way": format_amount(coming, left.currency), "currency": left.currency}
            await _note(tx, caller, "folio.charges_left", reservation_id, property_id, left_behind)
    return _answer(left, response)


async def _guest_of_change(tx: Tx, property_id: UUID, body: ReservationIn, present: UUID) -> UUID:
    """Return the guest that a change names: another one, the same with corrected data, or a new one."""
    named = body.primary_guest
    assert named is not None  # noqa: S101
    data = named.model_fields_set - {"id"}
    if named.id is None and not data:
        return present
    if named.id is None:
        draft = intake.guest_draft(named, field="primary_guest.")
        return (await guests.create(tx, property_id, draft, field="primary_guest.")).id
    if named.id == present and data:
        before = guests.draft_of(await guests.get(tx.session, property_id, named.id))
        await guests.update(tx, property_id, named.id, intake.guest_draft(named, before))
    return named.id


async def _reservation(session: AsyncSession, property_id: UUID, reservation_id: UUID) -> Reservation:
    found = await reservations.load(session, property_id, reservation_id)
    if found is None:
        raise NotFound(f"There is no reservation {reservation_id}.")
    return found


def _answer(reservation: Reservation, response: Response) -> ReservationOut:
    response.headers["ETag"] = f'"{reservation.version}"'
    return ReservationOut.of(reservation)


async def _note(
    tx: Tx,
    caller: Caller,
    action: str,
    reservation_id: UUID,
    property_id: UUID,
    detail: Mapping[str, Any] | None = None,
) -> None:
    await audit.record(tx, caller, action, "reservation", reservation_id, detail, property_id=property_id)


async def _types(session: AsyncSession, property_id: UUID, room_type_id: UUID | None) -> dict[UUID, RoomType]:
    if room_type_id is None:
        return await repository.room_types(session, property_id)
    return {room_type_id: await rooms.room_type(session, property_id, room_type_id)}


def _window(start: date | None, end: date | None, today: date) -> tuple[date, date]:
    first = start or today
    if first > LAST_DAY:
        raise Invalid.field("start", f"Nights are told up to {LAST_DAY}.")
    last = end or first + timedelta(days=30)
    if last <= first:
        raise Invalid.field("end", f"The end {last} must be after the start {first}; it is the first night left out.")
    if (last - first).days > LONGEST_WINDOW:
        raise Invalid.field("end", f"At most {LONGEST_WINDOW} nights are told at once.")
    return first, last


def _in_order(first: date | None, last: date | None, field: str, *, ends_after: bool = False) -> None:
    """Raises Invalid, naming `field`, for a filter that ends before it begins; with `ends_after`, where it begins."""
    if first is not None and last is not None and (last < first or (ends_after and last == first)):
        raise Invalid.field(
            field, f"The end {last} must {'be after' if ends_after else 'not be before'} the start {first}."
        )


def _given(body: BaseModel) -> dict[str, Any]:
    """Return what the body holds; null is the same as left out."""
    return {name: value for name in body.model_fields_set if (value := getattr(body, name)) is not None}


def _room_type_values(body: RoomTypeIn, currency: str) -> dict[str, Any]:
    values = {name: value for name, value in _given(body).items() if name != "qty"}
    if "price_per_night" in values:
        values["price_per_night"] = intake.amount(values["price_per_night"], currency, "price_per_night")
    if "beds24_room_id" in values:
        values["beds24_room_id"] = str(values["beds24_room_id"]) or None
    return values
