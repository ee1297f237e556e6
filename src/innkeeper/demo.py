"""Runs a whole hotel on one machine: Innkeeper, a simulated QloApps, guests of the OTAs and a clerk at the desk."""

import asyncio
import pickle
import random
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import structlog
import uvicorn

from innkeeper import bootstrap
from innkeeper.access.caller import Caller
from innkeeper.access.roles import Role
from innkeeper.access.tokens import Tokens
from innkeeper.access.users import Users
from innkeeper.channel_sync import rehearsal, repository, runs
from innkeeper.channel_sync import settings as channel_settings
from innkeeper.domain.errors import Conflict
from innkeeper.domain.ids import DEFAULT_PROPERTY
from innkeeper.serving import uvicorn_options
from innkeeper.settings import Settings, WrongSettings
from innkeeper.simulators.faults import App
from innkeeper.simulators.ota import OtaGuests
from innkeeper.simulators.qloapps.app import QloAppsApp
from innkeeper.simulators.qloapps.demo_shop import RoomTypeSpec, shop
from innkeeper.simulators.qloapps.state import DEMO_KEY, ShopState
from innkeeper.simulators.server import serve as serve_simulator

log = structlog.get_logger(__name__)

HOTEL = "Harbour House"
ZONE, CURRENCY = "Europe/Lisbon", "EUR"

#: Sign-ins of the demo; nobody mistakes these for secrets.
PASSWORD = "harbour-house"  # noqa: S105
PEOPLE = {Role.SERVER: "waiter", Role.FRONT_DESK: "clerk", Role.MANAGER: "manager", Role.ADMIN: "admin"}

#: Acts of guests and clerk per hour of the hotel's day.
OTA_ACTS, DESK_ACTS = 8.0, 6.0

ROOM_TYPES = (
    RoomTypeSpec(
        "Single Room", 80, tuple(f"1{n:02d}" for n in range(1, 7)), adults=1, children=0, max_adults=1, max_children=0
    ),
    RoomTypeSpec("Double Room", 120, tuple(f"2{n:02d}" for n in range(1, 13))),
    RoomTypeSpec("Sea View Double", 165, tuple(f"4{n:02d}" for n in range(10, 18))),
    RoomTypeSpec("Suite", 290, ("501", "502", "503"), max_adults=4),
)


@dataclass(frozen=True, slots=True)
class Town:
    """The outside of the hotel: where the shop answers and with which key."""

    url: str
    key: str


async def run_demo(settings: Settings, *, port: int, speed: float) -> None:
    """Run until interrupted. A demo started again in the same folder goes on where it was left."""
    settings = settings.model_copy(
        update={"property_name": HOTEL, "property_timezone": ZONE, "property_currency": CURRENCY}
    )
    async with AsyncExitStack() as stack:
        town = await stack.enter_async_context(_shop(settings.data_dir))
        container = bootstrap.build(settings)
        await container.prepare()
        await _furnish(container, town)
        token = await _desk_token(container)
        server = await stack.enter_async_context(_server(container, port))
        address = f"http://127.0.0.1:{_port_of(server)}"
        _greet(address, town)
        rng = random.Random()  # noqa: S311  guests are not secrets
        desk = await stack.enter_async_context(Desk(address, token, rng))
        await desk.read_date()
        guests = await stack.enter_async_context(OtaGuests(town.url, town.key, rng=rng, today=lambda: desk.today))
        acting = [
            asyncio.create_task(_close_days(desk, 86400 / speed)),
            asyncio.create_task(_act(guests.act, 3600 / OTA_ACTS / speed, rng)),
            asyncio.create_task(_act(desk.act, 3600 / DESK_ACTS / speed, rng)),
        ]
        while not server.should_exit:  # noqa: ASYNC110  uvicorn tells its end by this flag alone
            await asyncio.sleep(0.2)
        for task in acting:
            task.cancel()
        await asyncio.gather(*acting, return_exceptions=True)


def _greet(address: str, town: Town) -> None:
    people = "\n".join(f"  {role.label:<11} {name:<8} password {PASSWORD}" for role, name in PEOPLE.items())
    _say(
        f"\n{HOTEL} is open on {address}\n{people}\n"
        f"The simulated QloApps answers on {town.url} (key {town.key}); its faults are turned with\n"
        f"  PUT {town.url}/_simulator/faults\nStop with Ctrl-C; the same command goes on where you stopped."
    )


async def _furnish(container: bootstrap.Container, town: Town) -> None:
    """Connect the shop, make rooms from its room types, go live, and let people sign in; done once for a folder."""
    channels = container.channels
    await channel_settings.save(
        channels,
        DEFAULT_PROPERTY,
        {
            "base_url": town.url,
            "api_key": town.key,
            "qloapps_hotel_id": 1,
            "sync_interval_minutes": 5,
            "requests_per_minute": 600,  # the shop is on this machine
        },
    )
    async with container.database.read() as session:
        known = await repository.room_type_mappings(session, DEFAULT_PROPERTY)
    if not known:
        await runs.run_now(channels, DEFAULT_PROPERTY, runs.Request(what="room-types", create_missing=True))
    async with container.database.read() as session:
        config = await repository.config(session, DEFAULT_PROPERTY)
    if config is not None and config.mode == "rehearsal":
        await rehearsal.go_live(channels, DEFAULT_PROPERTY, "live", "demo")
    users = Users(container.database)
    for role, name in PEOPLE.items():
        try:
            await users.add(Caller.system("demo"), name, role, password=PASSWORD)
        except Conflict:
            log.debug("user is there already", user=name)


async def _desk_token(container: bootstrap.Container) -> str:
    name = f"desk of the demo {secrets.token_hex(3)}"
    _, text = await Tokens(container.database).create(Caller.system("demo"), name, Role.ADMIN)
    return text


@asynccontextmanager
async def _server(container: bootstrap.Container, port: int) -> AsyncIterator[uvicorn.Server]:
    app = bootstrap.web_app(container)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, **uvicorn_options()))
    task = asyncio.create_task(server.serve())
    while not server.started:
        if task.done():
            raise WrongSettings(f"Port {port} cannot be used; choose another one with --port.")
        await asyncio.sleep(0.02)
    try:
        yield server
    finally:
        server.should_exit = True
        await task


def _port_of(server: uvicorn.Server) -> int:
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port


@asynccontextmanager
async def _shop(folder: Path) -> AsyncIterator[Town]:
    """Open the simulated QloApps, in the state in which it was left in this folder."""
    path = folder / "simulated-qloapps.pickle"
    state = _kept_state(path)
    app = QloAppsApp(state)
    app.app = _keeping(app.app, state, path)
    state.domain = ""
    async with serve_simulator(app, port=_kept_port(folder)) as running:
        state.domain = running.url.removeprefix("http://")
        (folder / "simulated-qloapps.port").write_text(running.url.rsplit(":", 1)[1])
        yield Town(running.url, DEMO_KEY)


def _kept_state(path: Path) -> ShopState:
    if path.is_file():
        state: ShopState = pickle.loads(path.read_bytes())  # noqa: S301  our own file in our own folder
        return state
    return shop(*ROOM_TYPES, hotel=HOTEL, timezone=ZONE, currency=CURRENCY, tax_rate=6)


def _kept_port(folder: Path) -> int:
    """Return the port of the last time, so that the shop's address stays the same, if nobody else has it now."""
    path = folder / "simulated-qloapps.port"
    if not path.is_file():
        return 0
    port = int(path.read_text())
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port


def _keeping(app: App, state: ShopState, path: Path) -> App:
    """Write the shop's state down after each request that may have changed it, before the answer is relied on."""

    async def keeping(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)
        if scope["type"] == "http" and scope["method"] != "GET":
            new = path.with_suffix(".new")
            new.write_bytes(pickle.dumps(state))
            new.replace(path)

    return keeping


async def _close_days(desk: "Desk", seconds: float) -> None:
    """Close the business day whenever a day of the hotel has passed, as the night audit does."""
    while True:
        await asyncio.sleep(seconds)
        await desk.close_day()


async def _act(act: Callable[[], Awaitable[Any]], seconds: float, rng: random.Random) -> None:
    while True:
        await asyncio.sleep(rng.uniform(0.5, 1.5) * seconds)
        try:
            action = await act()
            log.info("guest or clerk", what=getattr(action, "kind", action))
        except httpx2.HTTPError as error:
            log.info("nobody answered a guest or clerk", error=type(error).__name__)


class Desk:
    """The clerk at the desk: takes reservations, changes and cancels them, checks guests in and out, by the API."""

    NAMES = ("Ines Duarte", "Tomas Faria", "Marta Leal", "Rui Pinheiro", "Clara Nobre", "Hugo Vasques", "Rita Salgado")

    def __init__(self, address: str, token: str, rng: random.Random) -> None:
        self._client = httpx2.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        self._rng = rng
        #: The hotel's business date.
        self.today = datetime.now(UTC).date()

    async def __aenter__(self) -> "Desk":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def read_date(self) -> None:
        """Look which day the hotel is at."""
        self.today = date.fromisoformat((await self._client.get("/api/property")).json()["business_date"])

    async def close_day(self) -> None:
        """Go on to the next business day."""
        tomorrow = self.today + timedelta(days=1)
        answer = await self._client.put("/api/property", json={"business_date": tomorrow.isoformat()})
        if answer.is_success:
            self.today = tomorrow

    async def act(self) -> str:
        """Do one thing that a clerk does, and say what it was."""
        acts = (self._book, self._book, self._arrive, self._leave, self._change, self._cancel)
        return await self._rng.choice(acts)()

    async def _book(self) -> str:
        types = (await self._client.get("/api/room-types")).json()["items"]
        kind = self._rng.choice(types)
        arrival = self.today + timedelta(days=self._rng.choice((0, 0, 1, 2, 5, 9, 20)))
        departure = arrival + timedelta(days=self._rng.randint(1, 5))
        name = self._rng.choice(self.NAMES)
        answer = await self._client.post(
            "/api/reservations",
            json={
                "check_in": arrival.isoformat(),
                "check_out": departure.isoformat(),
                "primary_guest": {
                    "name": name,
                    "email": f"{name.lower().replace(' ', '.')}@guest.example",
                    "phone": f"+35191{self._rng.randint(1000000, 9999999)}",
                },
                "rooms": [{"room_type_id": kind["id"], "adults": 1}],
                "special_requests": self._rng.choice(("", "", "Late arrival", "High floor")),
            },
        )
        return f"booking at the desk: {answer.status_code}"

    async def _arrive(self) -> str:
        return await self._on_one("Confirmed", "check-in", lambda r: r["check_in"] <= self.today.isoformat())

    async def _leave(self) -> str:
        return await self._on_one(
            "Checked-in", "check-out", lambda r: r["check_out"] <= self.today.isoformat(), {"leave_open": True}
        )

    async def _cancel(self) -> str:
        return await self._on_one(
            "Confirmed", "cancel", lambda r: r["check_in"] > self.today.isoformat() and not r["channel"]
        )

    async def _change(self) -> str:
        found = await self._one("Confirmed", lambda r: r["check_in"] > self.today.isoformat() and not r["channel"])
        if found is None:
            return "nothing to change"
        later = (datetime.fromisoformat(found["check_out"]) + timedelta(days=1)).date().isoformat()
        body = {
            "check_in": found["check_in"],
            "check_out": later,
            "rooms": [
                {"id": r["id"], "room_type_id": r["room_type_id"], "adults": r["adults"]} for r in found["rooms"]
            ],
        }
        headers = {"If-Match": str(found["version"])}
        answer = await self._client.put(f"/api/reservations/{found['id']}", json=body, headers=headers)
        return f"one night more: {answer.status_code}"

    async def _on_one(
        self, status: str, action: str, fits: Callable[[dict[str, Any]], bool], body: dict[str, Any] | None = None
    ) -> str:
        found = await self._one(status, fits)
        if found is None:
            return f"nobody to {action}"
        headers = {"If-Match": str(found["version"])}
        answer = await self._client.post(f"/api/reservations/{found['id']}/{action}", json=body or {}, headers=headers)
        return f"{action}: {answer.status_code}"

    async def _one(self, status: str, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
        answer = await self._client.get("/api/reservations", params={"status": status, "limit": 200})
        found = [one for one in answer.json()["items"] if fits(one)]
        return self._rng.choice(found) if found else None


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
