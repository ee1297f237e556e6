"""Our side of the live suite: a house with channel sync and the real connector, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select

from innkeeper.channel_sync import jobs, repository, runs, settings
from innkeeper.channel_sync.connection import Channels
from innkeeper.channel_sync.events import on_event
from innkeeper.channel_sync.result import SyncResult
from innkeeper.channel_sync.tables import Attention, Config, ReservationMapping
from innkeeper.connectors.base import ChannelConnector
from innkeeper.connectors.qloapps.connector import connector_from
from innkeeper.domain.ids import DEFAULT_PROPERTY, new_id
from innkeeper.domain.money import quantize
from innkeeper.domain.outcome import Done
from innkeeper.domain.stay import Stay
from innkeeper.house import guests, properties, reservations
from innkeeper.house.model import GuestDraft, ReservationDraft, RoomDraft
from innkeeper.house.tables import Reservation, RoomType
from innkeeper.jobs.worker import Worker
from innkeeper.storage.database import Database
from innkeeper.storage.secrets import Keyring, new_key
from tests.live.shop import RoomType as ShopType
from tests.live.shop import Shop

#: A price that no shop has by itself, with cents where the currency has some.
NIGHT = Decimal("123.45")


def no_limit() -> int:
    """Return as many requests a minute as can be set: the suite waits for no budget."""
    return 100_000


@dataclass
class House:
    """A house whose room types were made from the shop's, with one property and a worker of its own."""

    database: Database
    shop: Shop
    channels: Channels
    worker: Worker
    property_id: UUID = DEFAULT_PROPERTY
    #: Our room types by the shop's ids.
    types: dict[int, UUID] = field(default_factory=dict)

    # acts ----------------------------------------------------------------------------------------------------------

    async def guest(
        self, name: str = "Ada Byron", email: str | None = None, phone: str | None = "+390612345678"
    ) -> UUID:
        """Add a guest; without an e-mail address he gets one that nobody has, with an empty one none."""
        async with self.database.write() as tx:
            address = email if email is not None else f"{new_id().hex[-16:]}@guest.example"
            return (await guests.create(tx, self.property_id, GuestDraft(name, address or None, phone))).id

    def price(self, nights: int) -> Decimal:
        """Return the price of a stay in the shop's currency, tax included."""
        return quantize(NIGHT * nights, self.shop.currency)

    def room(self, first: int, last: int, kind: ShopType | None = None, **values: Any) -> RoomDraft:
        """Return a draft of a room for days of the window."""
        defaults: dict[str, Any] = {"adults": 1, "amount": self.price(last - first)}
        room_type = self.types[(kind or self.shop.main).id]
        stay = Stay(self.shop.day(first), self.shop.day(last))
        return RoomDraft(room_type_id=room_type, stay=stay, **{**defaults, **values})

    async def book(self, *rooms: RoomDraft, guest_id: UUID | None = None, **values: Any) -> Reservation:
        """Take a reservation at the desk."""
        guest_id = guest_id or await self.guest()
        async with self.database.write() as tx:
            draft = ReservationDraft(guest_id, self.shop.currency, rooms, **values)
            return await reservations.create(tx, self.property_id, draft)

    async def do(self, action: Callable[..., Any], reservation_id: UUID, **values: Any) -> Reservation:
        """Do something to a reservation at the desk."""
        async with self.database.write() as tx:
            changed: Reservation = await action(tx, self.property_id, reservation_id, **values)
            return changed

    async def change_rooms(self, reservation_id: UUID, change: Callable[[RoomDraft], RoomDraft]) -> Reservation:
        """Change every room of a reservation at the desk."""
        draft = reservations.draft_of(await self.load(reservation_id))
        draft = replace(draft, rooms=tuple(change(room) for room in draft.rooms), total_amount=None)
        return await self.do(reservations.change, reservation_id, draft=draft)

    async def move(self, reservation_id: UUID, first: int, last: int) -> Reservation:
        """Give every room of a reservation other dates and the price for them."""
        stay = Stay(self.shop.day(first), self.shop.day(last))
        return await self.change_rooms(
            reservation_id, lambda room: replace(room, stay=stay, amount=self.price(last - first), room_id=None)
        )

    async def work(self) -> None:
        """Let the worker finish whatever is due."""
        await self.worker.run_until_idle()
        for mapping in await self.mappings():
            if mapping.qloapps_order_id is not None:
                self.shop.remember(mapping.qloapps_order_id)

    async def sync(self, what: str = "inbound", **options: Any) -> SyncResult:
        """Run a synchronisation now."""
        result = await runs.run_now(self.channels, self.property_id, runs.Request(what=what, **options))
        assert result.errors == []
        return result

    async def settle(self, rounds: int = 3) -> None:
        """Let both sides talk until nothing is left to say."""
        for _ in range(rounds):
            await self.work()
            await self.sync()
        await self.work()

    async def policy(self, word: str) -> None:
        """Say who wins where both sides changed the same."""
        await settings.save(self.channels, self.property_id, {"conflict_policy": word})

    async def until_later_than(self, moment: datetime) -> None:
        """Wait until the shop's clock, which counts whole seconds, is past an instant."""
        while datetime.fromtimestamp(self.shop.access_time, UTC) <= moment:
            await asyncio.sleep(0.1)
            await self.shop.rows("currencies")

    # views ---------------------------------------------------------------------------------------------------------

    async def connector(self) -> ChannelConnector:
        """Return the connector that channel sync uses."""
        return (await self.channels.link(self.property_id)).connector

    async def config(self) -> Config:
        """Return the connection as it is stored."""
        async with self.database.read() as session:
            found = await repository.config(session, self.property_id)
        assert found is not None
        return found

    async def mappings(self) -> list[ReservationMapping]:
        """Return what is known of every booking."""
        async with self.database.read() as session:
            return list((await session.scalars(select(ReservationMapping))).all())

    async def order_of(self, reservation: Reservation) -> int:
        """Return the id of the booking that stands for a reservation."""
        async with self.database.read() as session:
            mapping = await repository.mapping_of_reservation(session, self.property_id, reservation.id)
        assert mapping is not None, "the reservation was never sent"
        assert mapping.qloapps_order_id is not None, f"the mapping is {mapping.status}"
        self.shop.remember(mapping.qloapps_order_id)
        return mapping.qloapps_order_id

    async def of_order(self, order_id: int) -> Reservation:
        """Return the reservation that stands for a booking."""
        async with self.database.read() as session:
            mapping = (await repository.mappings_of_orders(session, self.property_id, [order_id])).get(order_id)
        assert mapping is not None, f"booking {order_id} has not arrived"
        return await self.load(mapping.local_reservation_id)

    async def load(self, reservation_id: UUID) -> Reservation:
        """Read a reservation anew."""
        async with self.database.read() as session:
            found = await reservations.load(session, self.property_id, reservation_id)
        assert found is not None
        return found

    async def count(self) -> int:
        """Return how many reservations there are."""
        async with self.database.read() as session:
            return len((await session.scalars(select(Reservation.id))).all())

    async def attention(self, reservation: Reservation) -> dict[str, Attention]:
        """Return the open causes of a reservation by kind."""
        async with self.database.read() as session:
            rows = await repository.open_of_reservation(session, self.property_id, reservation.id)
        return {row.kind: row for row in rows}


def close(one: Decimal, other: Decimal) -> bool:
    """Whether two amounts are equal to a cent; 1.7.0 rounds each room once more after its own arithmetic."""
    return abs(quantize(one, "EUR") - quantize(other, "EUR")) <= Decimal("0.01")


def held_rooms(reservation: Reservation) -> list[Any]:
    """Return the rooms of a reservation that are not cancelled."""
    return [room for room in reservation.rooms if room.status != "Cancelled"]


@asynccontextmanager
async def open_house(database: Database, shop: Shop) -> AsyncIterator[House]:
    """Build a house in the shop's currency and zone, connect it, and make its room types from the shop's."""
    channels = Channels(database, Keyring([new_key()]), connector_from)
    worker = Worker(database, jobs.handlers(channels), on_dead=jobs.on_dead, on_recovered=jobs.on_recovered)
    database.subscribers.append(on_event)
    house = House(database, shop, channels, worker)
    async with database.write() as tx:
        hotel = await properties.ensure_default(tx, "Live House", shop.timezone, shop.currency)
        hotel.business_date = shop.start
    address = shop.address
    connection: dict[str, Any] = {"base_url": address.url, "api_key": address.key, "qloapps_hotel_id": address.hotel_id}
    # somebody else's shop: no test of bookings may touch its prices or close its rooms
    connection |= {"sync_availability": False, "sync_rates": False, "requests_per_minute": no_limit()}
    await settings.save(channels, house.property_id, connection)
    try:
        await house.sync("room-types", create_missing=True)
        tax_rate = await _tax_there(house)
        async with database.write() as tx:
            (await properties.get(tx.session, house.property_id)).tax_rate = tax_rate
            for mapping in await repository.room_type_mappings(tx.session, house.property_id):
                house.types[mapping.qloapps_product_id] = mapping.local_room_type_id
            config = await repository.config(tx.session, house.property_id)
            assert config is not None
            config.mode = "live"
            # what the shop had before the test is none of its business
            begin = (await house.connector()).cursor_at(datetime.now(UTC) - timedelta(seconds=1))
            await repository.keep_cursor(tx.session, house.property_id, dict(begin))
        yield house
    finally:
        await house.work()
        await channels.aclose()


async def _tax_there(house: House) -> Decimal:
    """Return the shop's tax in percent: a house sells at the same."""
    answer = await (await house.connector()).price_terms()
    assert isinstance(answer, Done)
    return answer.value.tax_rates.get(house.shop.main.id, Decimal(0))


async def our_types(house: House) -> list[RoomType]:
    """Return the room types of the house."""
    async with house.database.read() as session:
        return list(await repository.room_types(session, house.property_id))
