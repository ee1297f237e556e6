"""Reads the house as a PMS is read: who is in a room, and what stands on folios under a reference."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from innkeeper.domain.charge import GuestStatus, InHouseGuest, PostedLine
from innkeeper.domain.stay import StayStatus
from innkeeper.house import repository as house
from innkeeper.house.tables import Folio, FolioLine, KeyCard, Property, Reservation, ReservationRoom, Room

#: Between a charge's reference and the key of one of its lines. Our references hold no such sign.
_SEPARATOR = "/"


def line_reference(reference: str, key: str) -> str:
    """Return what one line of a charge is found by."""
    return f"{reference}{_SEPARATOR}{key}"


async def room_of_card(session: AsyncSession, property_id: UUID, card: str) -> str | None:
    """Return the number of the room that a key card opens."""
    query = select(Room.number).join(KeyCard, KeyCard.room_id == Room.id)
    return await session.scalar(query.where(KeyCard.property_id == property_id, KeyCard.card == card))


async def in_room(session: AsyncSession, property_: Property, number: str) -> list[InHouseGuest]:
    """Return who is checked in to the room, and who has left it today; capitals do not matter, blanks inside do."""
    query = (
        select(ReservationRoom.reservation_id)
        .join(Room, Room.id == ReservationRoom.room_id)
        .where(
            Room.property_id == property_.id,
            func.lower(Room.number) == number.lower(),
            Room.deleted_at.is_(None),
            ReservationRoom.status.in_((StayStatus.CHECKED_IN.value, StayStatus.CHECKED_OUT.value)),
            ReservationRoom.check_out >= property_.business_date,
        )
    )
    ids = set(await session.scalars(query))
    found = []
    for reservation in await house.reservations(session, ids) if ids else ():
        row = _stay_in(reservation, number)
        found.append(await _guest(session, property_, reservation, row, _status(row, property_.business_date)))
    # a room that is over midnight may hold a stay past its date; it is in house all the same
    return [*found, *await _overstaying(session, property_, number, ids)]


async def _overstaying(
    session: AsyncSession, property_: Property, number: str, known: Collection[UUID]
) -> list[InHouseGuest]:
    query = (
        select(ReservationRoom.reservation_id)
        .join(Room, Room.id == ReservationRoom.room_id)
        .where(
            Room.property_id == property_.id,
            func.lower(Room.number) == number.lower(),
            Room.deleted_at.is_(None),
            ReservationRoom.status == StayStatus.CHECKED_IN.value,
            ReservationRoom.check_out < property_.business_date,
        )
    )
    ids = set(await session.scalars(query)) - set(known)
    rows = await house.reservations(session, ids) if ids else ()
    return [await _guest(session, property_, one, _stay_in(one, number), GuestStatus.DUE_OUT) for one in rows]


def _stay_in(reservation: Reservation, number: str) -> ReservationRoom:
    """Return the reservation's stay in that room; the one that is in house before one that has left."""
    rows = [row for row in reservation.rooms if row.room and row.room.number.lower() == number.lower()]
    return next((row for row in rows if row.status == StayStatus.CHECKED_IN), rows[0])


async def guest(session: AsyncSession, property_: Property, reservation: Reservation) -> InHouseGuest:
    """Return the guest of a reservation, wherever the stay is by now."""
    row = next((row for row in reservation.rooms if row.status == StayStatus.CHECKED_IN), None)
    status = status_of(reservation, property_.business_date)
    return await _guest(session, property_, reservation, row or reservation.rooms[0], status)


def status_of(reservation: Reservation, today: date) -> GuestStatus:
    """Return where the guest is in the stay; with several rooms, in the house while one of them is."""
    words = {row.status for row in reservation.rooms}
    if StayStatus.CHECKED_IN in words:
        return GuestStatus.DUE_OUT if reservation.check_out <= today else GuestStatus.IN_HOUSE
    if reservation.status == StayStatus.CHECKED_OUT:
        return GuestStatus.CHECKED_OUT
    return GuestStatus.EXPECTED


def _status(row: ReservationRoom, today: date) -> GuestStatus:
    if row.status == StayStatus.CHECKED_OUT:
        return GuestStatus.CHECKED_OUT
    return GuestStatus.DUE_OUT if row.check_out <= today else GuestStatus.IN_HOUSE


async def _guest(
    session: AsyncSession, property_: Property, reservation: Reservation, row: ReservationRoom, status: GuestStatus
) -> InHouseGuest:
    person = reservation.primary_guest
    folio = await house.folio_of(session, reservation.id)
    return InHouseGuest(
        guest_id=str(person.id),
        reservation_id=str(reservation.id),
        confirmation=reservation.confirmation,
        name=person.name,
        first_name=person.first_name,
        last_name=person.last_name,
        room_number=row.room.number if row.room else "",
        room_type=row.room_type.name if row.room_type else row.room_type_label,
        check_in=row.check_in,
        check_out=row.check_out,
        status=status,
        adults=row.adults,
        children=row.children,
        vip_level=person.vip_level or "",
        loyalty_number=person.loyalty_number or "",
        balance=folio.balance if folio else Decimal(0),
        currency=reservation.currency,
    )


# --- folio lines ------------------------------------------------------------------------------------------------------


def posted_line(line: FolioLine, currency: str) -> PostedLine:
    """Return a folio line as the port speaks of it: under the charge's reference, with the outlet as its code."""
    return PostedLine(
        transaction_id=str(line.id),
        reference=(line.reference or "").partition(_SEPARATOR)[0],
        amount=line.amount,
        currency=currency,
        code=line.outlet_code or "",
        check_number=line.check_number or "",
        business_date=line.business_date,
        posted_at=line.created_at,
        description=line.description,
    )


async def lines_by_reference(
    session: AsyncSession, property_id: UUID, references: Collection[str]
) -> Sequence[FolioLine]:
    """Return the lines of these references."""
    query = select(FolioLine).where(FolioLine.property_id == property_id, FolioLine.reference.in_(references))
    return (await session.scalars(query)).all()


async def charged_lines(
    session: AsyncSession, property_id: UUID, reference: str, ids: Collection[UUID]
) -> Sequence[FolioLine]:
    """Return those of the lines that are a charge under the reference."""
    query = select(FolioLine).where(
        FolioLine.property_id == property_id, FolioLine.id.in_(ids), FolioLine.kind == "charge"
    )
    rows = (await session.scalars(query.order_by(FolioLine.id))).all()
    return [row for row in rows if (row.reference or "").partition(_SEPARATOR)[0] == reference]


async def of_day(session: AsyncSession, property_id: UUID, day: date) -> list[PostedLine]:
    """Return the charges of outlets and their voids of a business date, with room and guest of the bill."""
    voided = aliased(FolioLine)
    query = (
        select(FolioLine, Folio)
        .join(Folio, Folio.id == FolioLine.folio_id)
        .outerjoin(voided, voided.id == FolioLine.voids_id)
        .where(
            FolioLine.property_id == property_id,
            FolioLine.business_date == day,
            (FolioLine.kind == "charge") | ((FolioLine.kind == "void") & (voided.kind == "charge")),
        )
        .order_by(FolioLine.id)
    )
    rows = [(line, folio) for line, folio in await session.execute(query)]
    ids = {folio.reservation_id for _, folio in rows}
    stays = {one.id: one for one in (await house.reservations(session, ids) if ids else ())}
    return [_of_bill(line, folio, stays[folio.reservation_id]) for line, folio in rows]


def _of_bill(line: FolioLine, folio: Folio, reservation: Reservation) -> PostedLine:
    row = reservation.rooms[0]
    return replace(
        posted_line(line, folio.currency),
        reservation_id=str(reservation.id),
        room_number=row.room.number if row.room else "",
        guest_name=reservation.primary_guest.name,
    )
