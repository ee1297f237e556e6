"""A small fictional hotel that the tests of the house book rooms in."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select

from innkeeper.domain.ids import new_id
from innkeeper.domain.stay import Stay
from innkeeper.house import availability, business_date, guests, properties, reservations
from innkeeper.house.model import GuestDraft, ReservationDraft, RoomDraft
from innkeeper.house.tables import Reservation, Room, RoomType
from innkeeper.storage.database import Database
from innkeeper.storage.outbox import EventRow

TODAY = date(2030, 6, 1)


def day(number: int) -> date:
    """Return the day `number` days after the business date."""
    return TODAY + timedelta(days=number)


@dataclass
class Hotel:
    """The data base with the identifiers of what stands in it."""

    database: Database
    id: UUID
    double: UUID
    suite: UUID
    guest: UUID
    rooms: dict[str, UUID] = field(default_factory=dict)

    def room(self, first: int, last: int, **values: Any) -> RoomDraft:
        """Return a draft of a double for two from day `first` to day `last`."""
        values = {"room_type_id": self.double, "adults": 2, "amount": Decimal("100.00"), **values}
        return RoomDraft(stay=Stay(day(first), day(last)), **values)

    def draft(self, *rooms: RoomDraft, **values: Any) -> ReservationDraft:
        """Return a draft for the hotel's usual guest."""
        return ReservationDraft(**{"guest_id": self.guest, "currency": "EUR", "rooms": rooms, **values})

    async def book(self, *rooms: RoomDraft, **terms: Any) -> Reservation:
        """Book in a transaction of its own."""
        async with self.database.write() as tx:
            return await reservations.create(tx, self.id, self.draft(*rooms), **terms)

    async def change(self, reservation: Reservation, draft: ReservationDraft, **terms: Any) -> Reservation:
        """Change in a transaction of its own."""
        async with self.database.write() as tx:
            return await reservations.change(tx, self.id, reservation.id, draft, **terms)

    async def do(self, action: Any, reservation: Reservation, **terms: Any) -> Reservation:
        """Run one of the actions of `reservations` in a transaction of its own."""
        async with self.database.write() as tx:
            result: Reservation = await action(tx, self.id, reservation.id, **terms)
            return result

    async def pass_nights(self, count: int = 1) -> None:
        """Move the business date, whatever stands in its way."""
        async with self.database.write() as tx:
            house = await properties.get(tx.session, self.id)
            await business_date.move(tx, house, house.business_date + timedelta(days=count))

    async def load(self, reservation: Reservation) -> Reservation:
        """Read a reservation anew."""
        async with self.database.read() as session:
            found = await reservations.load(session, self.id, reservation.id)
            assert found is not None
            return found

    async def free(self, first: int, last: int, room_type_id: UUID | None = None) -> list[int]:
        """Return what is available per night, of doubles unless another type is named."""
        kind = room_type_id or self.double
        async with self.database.read() as session:
            window = await availability.load(session, [kind], day(first), day(last))
            return window.types[kind].available

    async def events(self) -> list[EventRow]:
        """Return what was announced, in order."""
        async with self.database.read() as session:
            return list(await session.scalars(select(EventRow).order_by(EventRow.sequence)))


async def open_hotel(database: Database) -> Hotel:
    """Build the hotel in an empty data base."""
    async with database.write() as tx:
        house = await properties.ensure_default(tx, "Hotel Miramar", "Europe/Lisbon", "EUR")
        house.business_date = TODAY
        common = {"property_id": house.id, "features": []}
        double = RoomType(
            id=new_id(), name="Double", price_per_night=Decimal("90.00"), max_people=3, max_adult=2, max_children=1
        )
        suite = RoomType(
            id=new_id(), name="Suite", price_per_night=Decimal("200.00"), max_people=4, max_adult=4, max_children=3
        )
        rooms = {}
        for room_type, numbers in ((double, ("101", "102", "103")), (suite, ("201",))):
            for name, value in common.items():
                setattr(room_type, name, value)
            tx.session.add(room_type)
            await tx.session.flush()
            for number in numbers:
                room = Room(id=new_id(), property_id=house.id, room_type_id=room_type.id, number=number)
                tx.session.add(room)
                rooms[number] = room.id
        guest = await guests.create(
            tx, house.id, GuestDraft(name="Ana Silva", email="ana@example.com", phone="+351 912 345 678")
        )
        await tx.session.flush()
        return Hotel(database, house.id, double.id, suite.id, guest.id, rooms)
