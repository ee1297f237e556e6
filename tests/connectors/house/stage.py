"""A small house with guests in it, and a data base whose line breaks by the fault dial."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy.exc import OperationalError

from innkeeper.domain.ids import DEFAULT_PROPERTY, new_id
from innkeeper.domain.stay import Stay
from innkeeper.house import guests, properties, reservations
from innkeeper.house import rooms as house_rooms
from innkeeper.house.model import GuestDraft, ReservationDraft, RoomDraft
from innkeeper.house.tables import RoomType
from innkeeper.simulators.faults import FaultDial
from innkeeper.storage.database import Database, Tx
from tests.connectors.conformance import Desk

TODAY = date(2030, 6, 1)
ROOMS = ("412", "203", "305", "111", "777", "A-12")
EMPTY = "777"
GUESTS = {"412": "James Wilson", "203": "Laura Meyer", "305": "Nora Open", "111": "Gina Gone", "A-12": "Rita Letters"}
KEY_CARD = "CARD412"


class DialledDatabase(Database):
    """The data base as a line that can break: before the commit, after it, or so that nobody can tell."""

    def __init__(self, url: str, dial: FaultDial) -> None:
        super().__init__(url, pool_size=3)
        self.dial = dial

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """Open a writing transaction. Raises OSError where the line drops."""
        slow, fault = self.dial.choose("POST", "/charges")
        if slow:
            await asyncio.sleep(self.dial.slow_seconds)
        if fault in ("too_many", "maintenance"):
            raise OperationalError("BEGIN", {}, sqlite3.OperationalError("database is locked"))
        async with super().write() as tx:
            yield tx
            if fault in ("error_before", "drop_before"):
                raise ConnectionResetError(fault)
        if fault is not None and fault != "duplicate":
            raise ConnectionResetError(fault)


class HouseDesk(Desk):
    """The front desk, by its own door to the data base."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def check_out(self, reservation_id: str) -> None:
        async with self.database.write() as tx:
            await reservations.check_out(tx, DEFAULT_PROPERTY, UUID(reservation_id), leave_open=True)

    async def move_room(self, reservation_id: str, room: str) -> None:
        async with self.database.write() as tx:
            found = await reservations.load(tx.session, DEFAULT_PROPERTY, UUID(reservation_id))
            target = await house_rooms.room_repository.room_by_number(tx.session, DEFAULT_PROPERTY, room)
            assert found is not None
            assert target is not None
            draft = reservations.draft_of(found)
            moved = replace(draft, rooms=tuple(replace(one, room_id=target.id) for one in draft.rooms))
            await reservations.change(tx, DEFAULT_PROPERTY, found.id, moved)

    async def roll_business_date(self) -> None:
        async with self.database.write() as tx:
            house = await properties.get(tx.session, DEFAULT_PROPERTY)
            house.business_date += timedelta(days=1)


async def furnish(database: Database, *, currency: str = "EUR", nights: int = 5) -> dict[str, UUID]:
    """Build the house with a guest in every room but the empty one; return reservations by room."""
    stays = {}
    async with database.write() as tx:
        house = await properties.ensure_default(tx, "Hotel Miramar", "Europe/Lisbon", currency)
        house.business_date = TODAY
        double = RoomType(
            id=new_id(),
            property_id=house.id,
            name="Double",
            price_per_night=Decimal(90),
            max_people=3,
            max_adult=2,
            max_children=1,
            features=[],
        )
        tx.session.add(double)
        await tx.session.flush()
        rooms = {}
        for number in ROOMS:
            cards = [KEY_CARD] if number == "412" else []
            rooms[number] = await house_rooms.create_room(
                tx, house.id, number=number, room_type_id=double.id, key_cards=cards
            )
        for number, name in GUESTS.items():
            guest = await guests.create(tx, house.id, GuestDraft(name=name))
            stay = Stay(TODAY, TODAY + timedelta(days=nights))
            room = RoomDraft(room_type_id=double.id, stay=stay, adults=2, amount=Decimal(100), room_id=rooms[number].id)
            draft = ReservationDraft(guest_id=guest.id, currency=currency, rooms=(room,))
            booked = await reservations.create(tx, house.id, draft)
            await reservations.check_in(tx, house.id, booked.id)
            stays[number] = booked.id
    return stays
