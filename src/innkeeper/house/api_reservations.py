"""The routes of reservations: list, book, read, change, cancel, check in and out."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import Body, Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access import audit
from innkeeper.access.caller import Caller
from innkeeper.access.http import CurrentFrontDesk, Db, IfMatch, Limit, Offset, PropertyId
from innkeeper.access.roles import Role
from innkeeper.domain.errors import Invalid, NotFound
from innkeeper.domain.money import format_amount
from innkeeper.domain.stay import StayStatus
from innkeeper.house import guests, intake, properties, reservation_repository, reservations
from innkeeper.house.on_their_way import OnTheirWay
from innkeeper.house.schemas import Page, in_order
from innkeeper.house.schemas_reservations import CheckIn, CheckOut, ReservationIn, ReservationOut, UndoCheckIn
from innkeeper.house.tables import Reservation
from innkeeper.storage.database import Tx
from innkeeper.web.routing import Router

router = Router(prefix="/api/reservations", tags=["House"])


@router.get("", summary="List reservations")
async def list_reservations(
    database: Db,
    property_id: PropertyId,
    _caller: CurrentFrontDesk,
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
    in_order(start, to, "to")
    in_order(arrival_from, arrival_to, "arrival_to")
    in_order(departure_from, departure_to, "departure_to")
    async with database.read() as session:
        found, total = await reservation_repository.page_of_reservations(
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


@router.post("", status_code=201, summary="Book")
async def add_reservation(
    body: ReservationIn, response: Response, database: Db, property_id: PropertyId, caller: CurrentFrontDesk
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


@router.get("/{reservation_id}", summary="Read a reservation")
async def read_reservation(
    reservation_id: UUID, response: Response, database: Db, property_id: PropertyId, _caller: CurrentFrontDesk
) -> ReservationOut:
    """Return the reservation; its version stands in `ETag`, too."""
    async with database.read() as session:
        return _answer(await _reservation(session, property_id, reservation_id), response)


@router.put("/{reservation_id}", summary="Change a reservation")
async def change_reservation(
    reservation_id: UUID,
    body: ReservationIn,
    response: Response,
    database: Db,
    property_id: PropertyId,
    caller: CurrentFrontDesk,
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


@router.post("/{reservation_id}/cancel", summary="Cancel")
async def cancel_reservation(
    reservation_id: UUID,
    response: Response,
    database: Db,
    property_id: PropertyId,
    _caller: CurrentFrontDesk,
    version: IfMatch,
) -> ReservationOut:
    """Cancel all rooms; a guest in house is checked out instead."""
    async with database.write() as tx:
        ended = await reservations.cancel(tx, property_id, reservation_id, expected_version=version)
    return _answer(ended, response)


@router.post("/{reservation_id}/check-in", summary="Check in")
async def check_in(
    reservation_id: UUID,
    response: Response,
    database: Db,
    property_id: PropertyId,
    _caller: CurrentFrontDesk,
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


@router.post("/{reservation_id}/undo-check-in", summary="Take a check-in back")
async def undo_check_in(
    reservation_id: UUID,
    body: UndoCheckIn,
    response: Response,
    database: Db,
    property_id: PropertyId,
    caller: CurrentFrontDesk,
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


@router.post("/{reservation_id}/check-out", summary="Check out")
async def check_out(
    reservation_id: UUID,
    response: Response,
    database: Db,
    property_id: PropertyId,
    caller: CurrentFrontDesk,
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
