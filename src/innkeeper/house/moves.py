"""Puts one room of a reservation elsewhere, and tries it out first, so that its price is known before it is done."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.domain.errors import InnkeeperError, Invalid, NotFound
from innkeeper.domain.stay import StayStatus
from innkeeper.house import intake, properties, reservation_repository, reservations
from innkeeper.house.schemas_reservations import ReservationIn, ReservationRoomIn
from innkeeper.house.tables import Reservation, ReservationRoom
from innkeeper.storage.database import Database


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stay shall be. Without a room it waits for one; without an amount the rates say what it costs."""

    room_type_id: UUID
    room_id: UUID | None
    check_in: date
    check_out: date
    amount: str | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """What a move would do: what the room and the whole reservation cost before and after, or why it cannot be."""

    currency: str
    before: Decimal
    after: Decimal
    total: Decimal
    refused: InnkeeperError | None = None

    @property
    def difference(self) -> Decimal:
        """What the guest pays more, below zero what he pays less."""
        return self.after - self.before


async def find(
    session: AsyncSession, property_id: UUID, reservation_id: UUID, stay_id: UUID
) -> tuple[Reservation, ReservationRoom]:
    """Return the reservation and the room of it. Raises NotFound."""
    reservation = await reservation_repository.reservation(session, property_id, reservation_id)
    row = next((row for row in reservation.rooms if row.id == stay_id), None) if reservation else None
    if reservation is None or row is None:
        raise NotFound("This stay is not in the reservation any more.", action="Go back to the chart and look again.")
    return reservation, row


def body(reservation: Reservation, row: ReservationRoom, place: Place, *, overbook: bool = False) -> ReservationIn:
    """Return the change that puts the room there and leaves the others as they are."""
    rooms = []
    for other in reservation.rooms:
        if other.status == StayStatus.CANCELLED and other.id != row.id:
            continue
        values: dict[str, Any] = {"id": other.id}
        if other.id == row.id:
            values |= {
                "room_type_id": place.room_type_id,
                "room_id": place.room_id,
                "check_in": place.check_in,
                "check_out": place.check_out,
                "amount": place.amount,
            }
        rooms.append(ReservationRoomIn(**values))
    return ReservationIn(rooms=rooms, overbook=overbook)


async def attempt(database: Database, property_id: UUID, reservation_id: UUID, stay_id: UUID, place: Place) -> Trial:
    """Make the move and take it back at once: the answer is exactly what the move itself would meet.

    Raises NotFound; every other refusal is in the answer.
    """
    async with database.write() as tx:
        house = await properties.get(tx.session, property_id)
        reservation, row = await find(tx.session, property_id, reservation_id, stay_id)
        before, currency, total = row.amount, reservation.currency, reservation.total_amount
        trial = await tx.session.begin_nested()
        try:
            wanted = body(reservation, row, place)
            draft = await intake.changed_reservation(
                tx.session, house, wanted, reservation, reservation.primary_guest_id
            )
            changed = await reservations.change(tx, property_id, reservation_id, draft)
            after = next(room.amount for room in changed.rooms if room.id == stay_id)
            result = Trial(currency, before, after, changed.total_amount)
        except InnkeeperError as error:
            result = Trial(currency, before, before, total, error)
        await trial.rollback()
    return result


def place_of(fields: dict[str, str]) -> Place:
    """Return the place that a form or a dropped bar names. Raises Invalid."""
    wrong = {}
    values: dict[str, Any] = {}
    for name in ("check_in", "check_out"):
        try:
            values[name] = date.fromisoformat(fields.get(name, ""))
        except ValueError:
            wrong[name] = "This must be a date."
    for name in ("room_type_id", "room_id"):
        try:
            values[name] = UUID(fields[name]) if fields.get(name) else None
        except ValueError:
            wrong[name] = "Choose one from the list."
    if values.get("room_type_id") is None:
        wrong.setdefault("room_type_id", "Choose a room or a room type.")
    for name, sentence in wrong.items():
        raise Invalid.field(name, sentence)
    return Place(**values, amount=fields.get("amount") or None)
