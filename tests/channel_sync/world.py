"""Both sides in one place: a house, a simulated shop and the wires between them, without sockets and waiting."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx2
from purgatory import AsyncCircuitBreakerFactory
from sqlalchemy import select

from innkeeper.channel_sync import attention, jobs, repository, room_types, runs, settings
from innkeeper.channel_sync.connection import Channels
from innkeeper.channel_sync.events import on_event
from innkeeper.channel_sync.result import SyncResult
from innkeeper.channel_sync.tables import Attention, ReservationMapping
from innkeeper.connectors.base import ChannelConnector, RequestBudget
from innkeeper.connectors.qloapps.config import BREAKER_THRESHOLD, QloAppsSettings
from innkeeper.connectors.qloapps.connector import QloAppsConnector
from innkeeper.domain.ids import DEFAULT_PROPERTY, new_id
from innkeeper.domain.stay import Stay
from innkeeper.house import guests, properties, reservations
from innkeeper.house.model import GuestDraft, ReservationDraft, RoomDraft
from innkeeper.house.tables import Reservation, Room, RoomType
from innkeeper.jobs.worker import Worker
from innkeeper.simulators.faults import ConnectionDropped
from innkeeper.simulators.qloapps.app import QloAppsApp, qloapps_app
from innkeeper.simulators.qloapps.demo_shop import RoomTypeSpec, shop
from innkeeper.simulators.qloapps.state import DEMO_KEY
from innkeeper.storage.database import Database
from innkeeper.storage.secrets import Keyring, new_key

#: Three days before clocks are put forward in Europe.
TODAY = date(2030, 3, 28)
DOUBLE, SUITE = 1, 2

SHOP_TYPES = (
    RoomTypeSpec("Double Room", 100, ("101", "102", "103")),
    RoomTypeSpec("Suite", 250, ("201",), max_adults=4),
)


class Clock:
    """A clock that both sides read and that only the test moves."""

    def __init__(self) -> None:
        self.now = datetime(2030, 3, 28, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the present instant."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


class Wire(httpx2.ASGITransport):
    """Carries requests to the shop in this process; a line that the shop drops breaks as a socket would."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises ReadError where a real connection would have been reset."""
        try:
            return await super().handle_async_request(request)
        except ConnectionDropped:
            raise httpx2.ReadError("connection reset", request=request) from None


def day(number: int) -> date:
    """Return the day `number` days after the business date."""
    return TODAY + timedelta(days=number)


@dataclass
class World:
    """A house with doubles and a suite, the same rooms in the shop, mapped and live."""

    database: Database
    shop: QloAppsApp
    clock: Clock
    channels: Channels
    worker: Worker
    property_id: UUID = DEFAULT_PROPERTY
    types: dict[int, UUID] = field(default_factory=dict)

    @property
    def office(self) -> Any:
        """Staff at the shop's own screens."""
        return self.shop.state.back_office

    # --- acts ---------------------------------------------------------------------------------------------------

    async def guest(
        self, name: str = "Ada Byron", email: str | None = None, phone: str | None = "+390612345678"
    ) -> UUID:
        """Add a guest to the house."""
        async with self.database.write() as tx:
            address = email if email is not None else f"{new_id().hex[-12:]}@guest.example"
            return (await guests.create(tx, self.property_id, GuestDraft(name, address or None, phone))).id

    def room(self, first: int, last: int, kind: int = DOUBLE, **values: Any) -> RoomDraft:
        """Return a draft of a room for two."""
        nights = last - first
        defaults: dict[str, Any] = {"adults": 2, "amount": Decimal(120 * nights)}
        return RoomDraft(room_type_id=self.types[kind], stay=Stay(day(first), day(last)), **{**defaults, **values})

    async def book(self, *rooms: RoomDraft, guest_id: UUID | None = None, **values: Any) -> Reservation:
        """Take a reservation at the desk."""
        guest_id = guest_id or await self.guest()
        async with self.database.write() as tx:
            draft = ReservationDraft(guest_id, "EUR", rooms, **values)
            return await reservations.create(tx, self.property_id, draft)

    async def do(self, action: Any, reservation_id: UUID, **values: Any) -> Reservation:
        """Do something to a reservation at the desk."""
        async with self.database.write() as tx:
            changed: Reservation = await action(tx, self.property_id, reservation_id, **values)
            return changed

    async def work(self) -> None:
        """Let the workers finish whatever is due."""
        await self.worker.run_until_idle()

    async def sync(self, what: str = "all", **options: Any) -> SyncResult:
        """Run a synchronisation now."""
        self.clock.advance(2)
        return await runs.run_now(self.channels, self.property_id, runs.Request(what=what, **options))

    async def settle(self, rounds: int = 6) -> None:
        """Let both sides talk until nothing is left to say."""
        for _ in range(rounds):
            self.clock.advance(2000)
            await self.work()
            await self.sync("inbound")
            self.clock.advance(2000)
            await self.work()

    # --- views --------------------------------------------------------------------------------------------------

    async def reservations(self) -> list[Reservation]:
        """Return every reservation of the house, oldest first."""
        async with self.database.read() as session:
            ids = (await session.scalars(select(Reservation.id).order_by(Reservation.created_at, Reservation.id))).all()
            found = [await reservations.load(session, self.property_id, one) for one in ids]
        return [one for one in found if one is not None]

    async def only(self) -> Reservation:
        """Return the one reservation that there is."""
        (found,) = await self.reservations()
        return found

    async def load(self, reservation_id: UUID) -> Reservation:
        """Read a reservation anew."""
        async with self.database.read() as session:
            found = await reservations.load(session, self.property_id, reservation_id)
        assert found is not None
        return found

    async def mapping(self, reservation_id: UUID) -> ReservationMapping | None:
        """Return what is known of the booking of a reservation."""
        async with self.database.read() as session:
            return await repository.mapping_of_reservation(session, self.property_id, reservation_id)

    async def attention(self) -> dict[str, Attention]:
        """Return the open causes by kind."""
        async with self.database.read() as session:
            rows, _ = await repository.attention_page(session, self.property_id, limit=500, offset=0)
        return {row.kind: row for row in rows}

    def orders(self) -> list[Any]:
        """Return the shop's bookings, oldest first."""
        return sorted(self.shop.state.orders.values(), key=lambda order: order.id)

    def held(self) -> list[Any]:
        """Return the shop's room lines that hold a room."""
        return list(self.shop.state.holding_lines())


def new_shop(version: str, clock: Clock, *, tax_rate: int = 0, **options: Any) -> QloAppsApp:
    """Return a shop with the rooms of the house."""
    app = qloapps_app(shop(*SHOP_TYPES, version=version, clock=clock, tax_rate=tax_rate, **options))
    app.state.domain = "shop.test"
    return app


def open_channels(
    database: Database, clock: Clock, keyring: Keyring, wire: httpx2.AsyncBaseTransport
) -> tuple[Channels, Worker]:
    """Return what a process of ours holds in memory: the connections and a worker."""

    def factory(connection: Mapping[str, Any], budget: RequestBudget) -> ChannelConnector:
        plain = QloAppsSettings.from_mapping({**connection, "retry_delay_seconds": 0.0})
        # an open circuit waits by the real clock, which no test moves
        breaker = AsyncCircuitBreakerFactory(BREAKER_THRESHOLD, 1e-9)
        return QloAppsConnector(plain, budget, clock=clock, transport=wire, breaker=breaker)

    channels = Channels(database, keyring, factory, clock)
    worker = Worker(
        database, jobs.handlers(channels), clock=clock, on_dead=jobs.on_dead, on_recovered=jobs.on_recovered
    )
    database.subscribers.append(on_event)
    return channels, worker


async def make_world(database: Database, *, version: str = "1.7.0", tax_rate: int = 0, **options: Any) -> World:
    """Build both sides and connect them."""
    clock = Clock()
    app = new_shop(version, clock, tax_rate=tax_rate, **options)
    channels, worker = open_channels(database, clock, Keyring([new_key()]), Wire(app=app))
    world = World(database, app, clock, channels, worker)
    await furnish(world)
    return world


async def furnish(world: World) -> None:
    """Put the house into the data base: its room types, rooms, and the settings of the connection."""
    async with world.database.write() as tx:
        house = await properties.ensure_default(tx, "Harbour House", "UTC", "EUR")
        house.business_date = TODAY
        for product, (name, rooms) in enumerate((("Double", SHOP_TYPES[0].rooms), ("Suite", SHOP_TYPES[1].rooms)), 1):
            kind = RoomType(
                id=new_id(),
                property_id=house.id,
                name=name,
                price_per_night=Decimal(120),
                max_people=4,
                max_adult=4,
                max_children=2,
            )
            tx.session.add(kind)
            await tx.session.flush()
            world.types[product] = kind.id
            tx.session.add_all([Room(property_id=house.id, room_type_id=kind.id, number=number) for number in rooms])
    await settings.save(
        world.channels,
        world.property_id,
        {
            "base_url": "http://shop.test",
            "api_key": DEMO_KEY,
            "qloapps_hotel_id": 1,
            "requests_per_minute": 100_000,
            # only tests of rooms and prices push them, so that the others count requests of bookings alone
            "sync_availability": False,
            "sync_rates": False,
        },
    )


async def connect(world: World, *products: int) -> None:
    """Map room types and go live."""
    async with world.database.write() as tx:
        for product in products or (DOUBLE, SUITE):
            await room_types.create_mapping(tx, world.property_id, world.types[product], product, 1, "bidirectional")
        config = await repository.config(tx.session, world.property_id)
        assert config is not None
        config.mode = "live"


__all__ = ["DOUBLE", "SUITE", "Clock", "World", "attention", "connect", "day", "make_world"]
