"""A house, a simulated OPERA and the terminals before them, without sockets and without waiting."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx2
from fastapi import FastAPI
from purgatory import AsyncCircuitBreakerFactory
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access.caller import Caller
from innkeeper.access.roles import Role
from innkeeper.access.tokens import Tokens
from innkeeper.connectors.base import PmsConnector
from innkeeper.connectors.house import HouseConnector
from innkeeper.connectors.opera.config import OperaSettings
from innkeeper.connectors.opera.connector import OperaConnector
from innkeeper.connectors.rest import Wire
from innkeeper.domain.charge import charge_of
from innkeeper.domain.ids import DEFAULT_PROPERTY
from innkeeper.house import properties
from innkeeper.house.tables import FolioLine, Property
from innkeeper.jobs.worker import Worker
from innkeeper.room_charge import api, api_guests, api_settings, config, jobs, settings
from innkeeper.room_charge.connection import HotelFacts, Link, Systems
from innkeeper.room_charge.tables import RoomCharge
from innkeeper.simulators.faults import ConnectionDropped
from innkeeper.simulators.opera import HotelState, OperaApp, opera_app
from innkeeper.simulators.opera import state as hotel
from innkeeper.simulators.opera.demo_hotel import OUTLET_CODES
from innkeeper.storage.database import Database
from innkeeper.storage.secrets import Keyring, new_key
from innkeeper.telemetry.alerts import Alerts
from innkeeper.web.app import create_app

TODAY = date(2030, 6, 1)
CREDENTIALS = {
    "client_id": hotel.CLIENT_ID,
    "client_secret": hotel.CLIENT_SECRET,
    "app_key": hotel.APP_KEY,
    "scope": hotel.SCOPE,
    "enterprise_id": hotel.ENTERPRISE_ID,
    "cashier_id": str(hotel.CASHIER_ID),
}
#: Longer than any claim lasts and any PMS may still be posting.
LONG = 600.0


class Clock:
    """A clock that all sides read and that only the test moves."""

    def __init__(self) -> None:
        self.now = datetime(2030, 6, 1, 18, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Line(httpx2.ASGITransport):
    """Carries requests to the simulator in this process; a line that it drops breaks as a socket would."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            return await super().handle_async_request(request)
        except ConnectionDropped:
            raise httpx2.ReadError("connection reset", request=request) from None


async def hotel_facts(session: AsyncSession, property_id: UUID) -> HotelFacts | None:
    house = await session.get(Property, property_id)
    return HotelFacts(house.name, house.currency, house.timezone, house.business_date) if house else None


def new_opera(clock: Clock, currency: str = "USD") -> OperaApp:
    """Return a simulated OPERA with the demo's guests."""
    app = opera_app(state=HotelState.demo(currency=currency, business_date=TODAY, clock=clock, guests=14))
    app.dial.slow_seconds = app.dial.late_seconds = 0.0
    return app


def open_systems(database: Database, keyring: Keyring, clock: Clock, transport: httpx2.AsyncBaseTransport) -> Systems:
    """Return what a process of ours holds of its PMS."""

    def opera(_: UUID, connection: Mapping[str, Any]) -> PmsConnector:
        breaker = AsyncCircuitBreakerFactory(10_000, 1e-9)  # an open circuit waits by a clock that no test moves
        wire = Wire(transport=transport, breaker=breaker, clock=clock)
        return OperaConnector(OperaSettings.from_mapping(connection), wire)

    def house(property_id: UUID, _: Mapping[str, Any]) -> PmsConnector:
        return HouseConnector(database, property_id, clock=clock)

    return Systems(database, keyring, {"opera": opera, "house": house}, hotel_facts, clock)


@dataclass
class World:
    """One installation before one PMS."""

    database: Database
    clock: Clock
    opera: OperaApp
    systems: Systems
    worker: Worker
    app: FastAPI
    alerts: list[str] = field(default_factory=list)
    tokens: dict[Role, str] = field(default_factory=dict)
    stays: dict[str, UUID] = field(default_factory=dict)
    property_id: UUID = DEFAULT_PROPERTY
    currency: str = "USD"
    _number: int = 0

    # --- acts ---------------------------------------------------------------------------------------------------

    def body(self, room: str = "412", **changes: Any) -> dict[str, Any]:
        """Return a new check of the restaurant."""
        self._number += 1
        return {
            "pos_reference": f"POS-{self._number}",
            "room_number": room,
            "outlet_code": "REST",
            "check_number": str(1000 + self._number),
            "subtotal": "87.50",
            "tip": "17.50",
            "currency": self.currency,
            "employee_id": "EMP-042",
            "guest_confirmed": True,
            **changes,
        }

    async def call(
        self, method: str, path: str, json: Any = None, *, role: Role | None = Role.SERVER, **options: Any
    ) -> httpx2.Response:
        """Make a request as somebody with this role, to an address of room charge unless another `under` is named."""
        if role is not None and role not in self.tokens:
            _, self.tokens[role] = await Tokens(self.database).create(Caller.system(), role.value, role)
        headers = {"Authorization": f"Bearer {self.tokens[role]}"} if role else {}
        headers |= options.pop("headers", {})
        under = options.pop("under", "/api/pms")
        transport = httpx2.ASGITransport(app=self.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://inn.test", timeout=60) as client:
            return await client.request(method, f"{under}{path}", json=json, headers=headers, **options)

    async def post(self, body: dict[str, Any] | None = None, *, role: Role = Role.SERVER, **changes: Any) -> Any:
        """Post a check."""
        return await self.call("POST", "/post", body or self.body(**changes), role=role)

    async def configure(self, **blocks: Any) -> None:
        """Set option blocks."""
        answer = await self.call("PUT", "/config", blocks, role=Role.ADMIN)
        assert answer.status_code == 200, answer.text

    async def work(self, seconds: float = 0.0) -> None:
        """Let time pass and the workers do what is due."""
        self.clock.advance(seconds)
        async with self.database.write() as tx:
            await jobs.queue.bring_due(tx, self.clock())
        await self.worker.run_until_idle()

    async def settle(self, rounds: int = 12) -> None:
        """Let everything settle that settles by itself."""
        for _ in range(rounds):
            await self.opera.settle()
            await self.work(LONG)
            if not await self.open():
                return

    async def link(self) -> Link:
        return await self.systems.link(self.property_id)

    # --- views --------------------------------------------------------------------------------------------------

    async def charges(self) -> list[RoomCharge]:
        """Return all charges, oldest first."""
        async with self.database.read() as session:
            return list(await session.scalars(select(RoomCharge).order_by(RoomCharge.id)))

    async def only(self) -> RoomCharge:
        (found,) = await self.charges()
        return found

    async def open(self) -> list[RoomCharge]:
        """Return the charges that still do something by themselves."""
        return [row for row in await self.charges() if row.next_attempt_at is not None]

    async def posting(self, posting_id: str) -> dict[str, Any]:
        answer = await self.call("GET", f"/postings/{posting_id}")
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        return found

    def folio(self) -> dict[str, Decimal]:
        """Return what OPERA holds under each reference of ours, reversals counted in; nothing that is zero."""
        sums: dict[str, Decimal] = {}
        for reference, amount in self.opera.state.charged().items():
            name = charge_of(reference)
            sums[name] = sums.get(name, Decimal(0)) + amount
        return {name: amount for name, amount in sums.items() if amount}

    async def house_folio(self) -> dict[str, Decimal]:
        """Return what the house's folios hold under each reference of ours, voids counted in; nothing that is zero."""
        async with self.database.read() as session:
            lines = await session.scalars(select(FolioLine).where(FolioLine.reference.like("IK-%")))
            sums: dict[str, Decimal] = {}
            for line in lines:
                name = charge_of((line.reference or "").partition("/")[0])
                sums[name] = sums.get(name, Decimal(0)) + line.amount
        return {name: amount for name, amount in sums.items() if amount}


def open_world(database: Database, clock: Clock, opera: OperaApp, keyring: Keyring) -> World:
    """Put an installation together."""
    systems = open_systems(database, keyring, clock, Line(app=opera))
    alerts: list[str] = []

    def send(_addresses: Any, title: str, body: str) -> bool:
        alerts.append(f"{title}: {body}")
        return True

    handlers = jobs.handlers(systems, Alerts(["json://alerts.example"], sender=send))
    worker = Worker(database, handlers, clock=clock)
    app = create_app(database, keyring, routers=(api.router, api_settings.router, api_guests.router))
    app.state.systems = systems
    return World(database, clock, opera, systems, worker, app, alerts)


async def with_opera(world: World, **connection: Any) -> World:
    """Connect the property to the simulated OPERA."""
    async with world.database.write() as tx:
        house = await properties.ensure_default(tx, "Hotel Miramar", "Europe/Lisbon", world.currency)
        house.business_date = TODAY
    block = {"pms_type": "opera", "api_url": "http://opera.test", "property_code": "SAND01", **connection}
    block.setdefault("credentials", CREDENTIALS)
    outlets = [outlet.model_copy(update={"pms_codes": OUTLET_CODES[outlet.code]}) for outlet in settings.OUTLETS]
    admin = Caller.system()
    await config.save(world.systems, admin, world.property_id, settings.Connection.model_validate(block), {}, None)
    await config.save_outlets(world.systems, admin, world.property_id, outlets)
    return world


@asynccontextmanager
async def a_world(database: Database, currency: str = "USD") -> AsyncIterator[World]:
    """Open an installation with nothing set yet."""
    clock = Clock()
    world = open_world(database, clock, new_opera(clock, currency), Keyring([new_key()]))
    world.currency = currency
    try:
        yield world
    finally:
        await world.opera.settle()
        await world.systems.aclose()
