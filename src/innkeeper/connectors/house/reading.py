"""Reads the house as a PMS is read: who is in a room, and what stands on folios under a reference."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from innkeeper.domain.charge import GuestStatus, InHouseGuest, PostedLine
from innkeeper.domain.stay import StayStatus
from innkeeper.house import folio_repository, reservation_repository
from innkeeper.house.tables import (
    Folio,
    FolioLine,
    Guest,
    KeyCard,
    Property,
    Reservation,
    ReservationRoom,
    Room,
    RoomType,
)
from innkeeper.storage.database import Plain

#: Between a charge's reference and the key of one of its lines. Our references hold no such sign.
_SEPARATOR = "/"


def line_reference(reference: str, key: str) -> str:
    """Return what one line of a charge is found by."""
    return f"{reference}{_SEPARATOR}{key}"


_ROOM_OF_CARD = (
    select(Room.number)
    .join(KeyCard, KeyCard.room_id == Room.id)
    .where(KeyCard.property_id == bindparam("of"), KeyCard.card == bindparam("card"))
)


async def room_of_card(plain: Plain, property_id: UUID, card: str) -> str | None:
    """Return the number of the room that a key card opens."""
    number: str | None = await plain.scalar(_ROOM_OF_CARD, {"of": property_id, "card": card})
    return number


#: One plain query for a room, put together once, since a waiter waits for it.
_IN_ROOM = (
    select(
        ReservationRoom.reservation_id,
        ReservationRoom.status,
        ReservationRoom.check_in,
        ReservationRoom.check_out,
        ReservationRoom.adults,
        ReservationRoom.children,
        ReservationRoom.room_type_label,
        Room.number,
        RoomType.name.label("room_type"),
        Reservation.confirmation,
        Reservation.currency,
        Guest.id.label("guest_id"),
        Guest.name,
        Guest.first_name,
        Guest.last_name,
        Guest.vip_level,
        Guest.loyalty_number,
        Folio.balance,
        Property.business_date,
    )
    .join(Room, Room.id == ReservationRoom.room_id)
    .join(Property, Property.id == Room.property_id)
    .join(Reservation, Reservation.id == ReservationRoom.reservation_id)
    .join(Guest, Guest.id == Reservation.primary_guest_id)
    .outerjoin(RoomType, RoomType.id == ReservationRoom.room_type_id)
    .outerjoin(Folio, Folio.reservation_id == Reservation.id)
    .where(
        Room.property_id == bindparam("of"),
        func.lower(Room.number) == bindparam("number"),
        Room.deleted_at.is_(None),
        # a stay past its date is in house all the same
        (ReservationRoom.status == StayStatus.CHECKED_IN.value)
        | (
            (ReservationRoom.status == StayStatus.CHECKED_OUT.value)
            & (ReservationRoom.check_out >= Property.business_date)
        ),
    )
    .order_by(ReservationRoom.check_out < Property.business_date, Reservation.id, ReservationRoom.position)
)


async def in_room(plain: Plain, property_id: UUID, number: str) -> list[InHouseGuest]:
    """Return who is checked in to the room, and who has left it today; capitals do not matter, blanks inside do."""
    rows = (await plain.execute(_IN_ROOM, {"of": property_id, "number": number.lower()})).all()
    stays: dict[UUID, Any] = {}
    for row in rows:  # of a reservation, the stay that is in house before one that has left
        known = stays.get(row.reservation_id)
        if known is None or (row.status == StayStatus.CHECKED_IN and known.status != StayStatus.CHECKED_IN):
            stays[row.reservation_id] = row
    return [_in_house(row) for row in stays.values()]


def _in_house(row: Row[Any]) -> InHouseGuest:
    return InHouseGuest(
        guest_id=str(row.guest_id),
        reservation_id=str(row.reservation_id),
        confirmation=row.confirmation,
        name=row.name,
        first_name=row.first_name,
        last_name=row.last_name,
        room_number=row.number,
        room_type=row.room_type if row.room_type is not None else row.room_type_label,
        check_in=row.check_in,
        check_out=row.check_out,
        status=_status(row.status, row.check_out, row.business_date),
        adults=row.adults,
        children=row.children,
        vip_level=row.vip_level or "",
        loyalty_number=row.loyalty_number or "",
        balance=row.balance if row.balance is not None else Decimal(0),
        currency=row.currency,
    )


async def guest(session: AsyncSession, property_: Property, reservation: Reservation) -> InHouseGuest:
    """Return the guest of a reservation, wherever the stay is by now."""
    row = next((row for row in reservation.rooms if row.status == StayStatus.CHECKED_IN), None)
    status = status_of(reservation, property_.business_date)
    return await _guest(session, property_, reservation, row or reservation.rooms[0], status)


def status_of(reservation: Reservation, today: date) -> GuestStatus:
    """Return where the guest is in the stay; with several rooms, in the house while one of them is."""
    return status_among({row.status for row in reservation.rooms}, reservation, today)


def status_among(words: Collection[str], reservation: Reservation | folio_repository.Bill, today: date) -> GuestStatus:
    """Return where the guest is, by the words of the reservation's rooms."""
    if StayStatus.CHECKED_IN in words:
        return GuestStatus.DUE_OUT if reservation.check_out <= today else GuestStatus.IN_HOUSE
    if reservation.status == StayStatus.CHECKED_OUT:
        return GuestStatus.CHECKED_OUT
    return GuestStatus.EXPECTED


def _status(word: str, check_out: date, today: date) -> GuestStatus:
    if word == StayStatus.CHECKED_OUT:
        return GuestStatus.CHECKED_OUT
    return GuestStatus.DUE_OUT if check_out <= today else GuestStatus.IN_HOUSE


async def _guest(
    session: AsyncSession, property_: Property, reservation: Reservation, row: ReservationRoom, status: GuestStatus
) -> InHouseGuest:
    person = reservation.primary_guest
    folio = await folio_repository.folio_of(session, reservation.id)
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
    stays = {one.id: one for one in (await reservation_repository.reservations(session, ids) if ids else ())}
    return [_of_bill(line, folio, stays[folio.reservation_id]) for line, folio in rows]


def _of_bill(line: FolioLine, folio: Folio, reservation: Reservation) -> PostedLine:
    row = reservation.rooms[0]
    return replace(
        posted_line(line, folio.currency),
        reservation_id=str(reservation.id),
        room_number=row.room.number if row.room else "",
        guest_name=reservation.primary_guest.name,
    )
