"""Makes a hotel that charges to rooms: Innkeeper served for real, before a simulated OPERA or on its own folios."""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
from sqlalchemy import insert
from sqlalchemy.engine import URL, make_url

from benchmarks import houses
from benchmarks.serving import Connection
from innkeeper import bootstrap
from innkeeper.access.caller import Caller
from innkeeper.connectors.opera import wire
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.ids import DEFAULT_PROPERTY, new_id
from innkeeper.domain.stay import Stay
from innkeeper.house import guests, properties, reservations, rooms
from innkeeper.house.model import GuestDraft, ReservationDraft, RoomDraft
from innkeeper.room_charge import config, settings
from innkeeper.room_charge.drafts import reference_of
from innkeeper.room_charge.tables import PostingAttempt, RoomCharge
from innkeeper.settings import Settings
from innkeeper.simulators.opera import state as opera
from innkeeper.simulators.opera.demo_hotel import OUTLET_CODES
from innkeeper.storage.database import Database

CURRENCY = "USD"
HOTEL = "SAND01"
ROOMS = 100
#: The first rooms of the simulated hotel beyond the guests with a story of their own.
_FLOOR, _EACH = 5, 20
#: How many charges a filled data base has for each of its days.
CHARGES_A_DAY = 500
_CHUNK = 5_000
POSTGRESQL = os.environ.get("INNKEEPER_TEST_POSTGRESQL_URL", "postgresql://postgres@127.0.0.1:5432/postgres")


@dataclass(frozen=True)
class Served:
    """A running Innkeeper: its port, a manager's token, and the rooms with a guest in them."""

    port: int
    token: str
    rooms: Sequence[str]
    database: str
    process: int

    def processor_seconds(self) -> float:
        """Return the processor time that the server's processes have taken, which a busy machine does not falsify."""
        children = Path(f"/proc/{self.process}/task/{self.process}/children").read_text().split()
        return sum(_processor_seconds(pid) for pid in [str(self.process), *children])

    async def terminal(self) -> Connection:
        """Return a line of its own, as each terminal has one."""
        return await Connection.open(self.port, self.token)


@dataclass
class Opera:
    """A simulated OPERA in a process of its own."""

    port: int
    token: str = ""

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    async def turn(self, **values: Any) -> None:
        """Turn its fault dial."""
        async with httpx2.AsyncClient() as client:
            (await client.put(f"{self.url}/_simulator/faults", json=values)).raise_for_status()

    async def line(self) -> Connection:
        """Return a line to it that is signed in, to measure its own time with."""
        form = {"grant_type": "client_credentials", "scope": opera.SCOPE}
        headers = {"x-app-key": opera.APP_KEY, "enterpriseId": opera.ENTERPRISE_ID}
        async with httpx2.AsyncClient() as client:
            auth = (opera.CLIENT_ID, opera.CLIENT_SECRET)
            answer = await client.post(f"{self.url}/oauth/v1/tokens", data=form, headers=headers, auth=auth)
        head = f"x-app-key: {opera.APP_KEY}\r\nx-hotelid: {HOTEL}\r\n"
        return await Connection.open(self.port, answer.raise_for_status().json()["access_token"], head)


def search_path(room: str) -> str:
    """Return the request with which a room is looked up in OPERA."""
    query = [*wire.search_query(wire.IN_HOUSE, roomId=room), ("limit", "50")]
    return f"{wire.reservations_path(HOTEL)}?{'&'.join(f'{name}={value}' for name, value in query)}"


def charge_request(reservation_id: str, reference: str) -> tuple[str, dict[str, Any]]:
    """Return the request with which a check of two lines is posted in OPERA."""
    codes = OUTLET_CODES["REST"]
    entries = [
        wire.ChargeEntry(codes[kind], Decimal(amount), CURRENCY, reference, "Restaurant", "1")
        for kind, amount in (("charge", "87.50"), ("tip", "17.50"))
    ]
    body = wire.charge_body(HOTEL, None, opera.CASHIER_ID, entries, apply_routing=True)
    return wire.charges_path(HOTEL, reservation_id), body


@asynccontextmanager
async def opera_hotel() -> AsyncIterator[tuple[Opera, Served]]:
    """Serve Innkeeper on SQLite, durable at every commit, before a simulated OPERA."""
    with tempfile.TemporaryDirectory(prefix="innkeeper-bench-") as name:
        folder = Path(name)
        async with _simulated(folder) as pms:
            async with houses.opened(folder) as container:
                await _connect(container, pms)
                token = await houses.token(container)
            async with _running(folder) as (pid, port):
                yield pms, Served(port, token, _opera_rooms(), container.settings.database, pid)


@asynccontextmanager
async def own_hotel(url: str, processes: int) -> AsyncIterator[Served]:
    """Serve Innkeeper with several processes on a data base, with the hotel's own folios."""
    with tempfile.TemporaryDirectory(prefix="innkeeper-bench-") as name:
        folder = Path(name)
        container = bootstrap.build(Settings(data_dir=folder, database_url=url, _env_file=None))
        try:
            await container.prepare()
            numbers = await _furnish(container)
            token = await houses.token(container)
        finally:
            await container.aclose()
        async with _running(folder, "--processes", str(processes), INNKEEPER_DATABASE_URL=url) as (pid, port):
            yield Served(port, token, numbers, url, pid)


@asynccontextmanager
async def postgresql() -> AsyncIterator[str | None]:
    """Make a data base of this run alone; None when no server is there."""
    server = make_url(POSTGRESQL).set(drivername="postgresql")
    name = f"innkeeper_bench_{os.getpid()}"
    try:
        await _administer(server, f'CREATE DATABASE "{name}"')
    except (OSError, asyncpg.PostgresError) as error:
        print(f"no figure on PostgreSQL: {server.host}:{server.port} says {error}", file=sys.stderr)
        yield None
        return
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        await _administer(server, f'DROP DATABASE "{name}" WITH (FORCE)')


async def analyze(url: str) -> None:
    """Let PostgreSQL count what is in its tables, so that it plans for them."""
    await _administer(make_url(url).set(drivername="postgresql"), "ANALYZE")


async def _administer(url: URL, statement: str) -> None:
    connection = await asyncpg.connect(url.render_as_string(hide_password=False), timeout=10)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def _simulated(folder: Path) -> AsyncIterator[Opera]:
    with (folder / "opera.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-u", "-m", "innkeeper.cli", "simulate", "opera", "--option", f"guests={ROOMS + 12}"),
            *("--option", f"currency={CURRENCY}"),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    try:
        assert process.stdout is not None
        said = (await process.stdout.readline()).decode()
        yield Opera(int(said.rsplit(":", 1)[1]))
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def _running(folder: Path, *arguments: str, **more: str) -> AsyncIterator[tuple[int, int]]:
    async with houses.served(folder, *arguments, **more) as (process, port), httpx2.AsyncClient() as client:
        await houses.until_ready(client, process, port)
        yield process.pid, port


def _processor_seconds(pid: str) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _connect(container: bootstrap.Container, pms: Opera) -> None:
    credentials = {
        "client_id": opera.CLIENT_ID,
        "client_secret": opera.CLIENT_SECRET,
        "app_key": opera.APP_KEY,
        "scope": opera.SCOPE,
        "enterprise_id": opera.ENTERPRISE_ID,
        "cashier_id": str(opera.CASHIER_ID),
    }
    block = {"pms_type": "opera", "api_url": pms.url, "property_code": HOTEL, "credentials": credentials}
    outlets = [outlet.model_copy(update={"pms_codes": OUTLET_CODES[outlet.code]}) for outlet in settings.OUTLETS]
    by, systems = Caller.system(), container.systems
    async with container.database.write() as tx:
        (await properties.get(tx.session, DEFAULT_PROPERTY)).currency = CURRENCY
    limit = settings.Restrictions(default_credit_limit=Decimal("1000000000"))
    blocks = {"restrictions": limit}
    await config.save(systems, by, DEFAULT_PROPERTY, settings.Connection.model_validate(block), blocks, None)
    await config.save_outlets(systems, by, DEFAULT_PROPERTY, outlets)


def _opera_rooms() -> list[str]:
    return [f"{_FLOOR + n // _EACH}{n % _EACH + 1:02d}" for n in range(ROOMS)]


async def _furnish(container: bootstrap.Container) -> list[str]:
    """Build a house with a guest in every room; return the rooms."""
    async with container.database.write() as tx:
        house = await properties.get(tx.session, DEFAULT_PROPERTY)
        house.currency = CURRENCY
        kind = await rooms.create_room_type(
            tx,
            house.id,
            {"name": "Double", "price_per_night": Decimal(90), "max_people": 3, "max_adult": 2, "max_children": 1},
        )
        numbers = []
        for n in range(ROOMS):
            room = await rooms.create_room(tx, house.id, number=str(100 + n), room_type_id=kind.id)
            numbers.append(room.number)
            guest = await guests.create(tx, house.id, GuestDraft(name=f"Maria Guest {n}"))
            stay = Stay(house.business_date, house.business_date + timedelta(days=5))
            draft = RoomDraft(room_type_id=kind.id, stay=stay, adults=2, amount=Decimal(450), room_id=room.id)
            booking = ReservationDraft(guest_id=guest.id, currency=CURRENCY, rooms=(draft,))
            booked = await reservations.create(tx, house.id, booking)
            await reservations.check_in(tx, house.id, booked.id)
    return numbers


async def charge(terminal: Connection, room: str, reference: str) -> tuple[float, dict[str, Any]]:
    """Charge a check and return the seconds that it took and the posting."""
    body = {
        "pos_reference": reference,
        "room_number": room,
        "outlet_code": "REST",
        "check_number": reference[-20:],
        "subtotal": "87.50",
        "tip": "17.50",
        "currency": CURRENCY,
        "guest_confirmed": True,
    }
    started = time.perf_counter()
    status, answer = await terminal.call("POST", "/api/pms/post", body)
    seconds = time.perf_counter() - started
    assert status == 201, answer
    found: dict[str, Any] = json.loads(answer)
    return seconds, found


async def fill(url: str, charges: int, *, today_only: bool = False) -> list[str]:
    """Put so many posted charges into the data base, each with its attempt, a stay each twenty; return the references.

    They are those of the days before, the last ones first, or all of today.
    """
    references = []
    database = Database(url)
    template = {
        "property_id": DEFAULT_PROPERTY,
        "content_hash": "0" * 64,
        "generation": 1,
        "room_number": "501",
        "guest_name": "Maria Guest",
        "subtotal": Decimal("87.50"),
        "tax": Decimal(0),
        "tip": Decimal("17.50"),
        "service_charge": Decimal(0),
        "delivery_charge": Decimal(0),
        "total": Decimal("105.00"),
        "currency": CURRENCY,
        "items": [],
        "outlet_code": "REST",
        "check_number": "1",
        "terms": {"pms_codes": OUTLET_CODES["REST"], "tip_as_own_line": True},
        "lookup": {},
        "posting_status": "posted",
        "lines": [],
        "evidence": {},
        "retry_count": 0,
        "released": False,
        "credit_override": False,
        "verified_by_name": "benchmark",
    }
    today = utc_now()
    for start in range(0, charges, _CHUNK):
        rows, attempts = [], []
        for n in range(start, min(start + _CHUNK, charges)):
            at = today if today_only else today - timedelta(days=1 + n // CHARGES_A_DAY)
            row_id = new_id()
            references.append(reference_of(row_id, 1))
            rows.append(
                {
                    **template,
                    "id": row_id,
                    "pos_reference": f"OLD-{row_id}",
                    "reference": references[-1],
                    "reservation_id": str(90_000 + n // 20),
                    "pms_transaction_id": str(n),
                    "business_date": at.date(),
                    **dict.fromkeys(("sold_at", "posted_at", "created_at", "updated_at"), at),
                }
            )
            attempts.append({"room_charge_id": row_id, "at": at, "step": "charge", "outcome": "done", "evidence": {}})
        async with database.write() as tx:
            await tx.session.execute(insert(RoomCharge), rows)
            await tx.session.execute(insert(PostingAttempt), attempts)
    await database.aclose()
    return references
