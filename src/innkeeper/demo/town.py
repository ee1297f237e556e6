"""Runs the demo: opens the simulated systems and Innkeeper, and lets everybody act until somebody stops it."""

import asyncio
import logging
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any

import httpx2
import structlog
import uvicorn

from innkeeper import bootstrap
from innkeeper.demo.clock import HotelClock
from innkeeper.demo.desk import Desk
from innkeeper.demo.furnish import AUDITOR, DESK, PASSWORD, PEOPLE, PIN, connect_opera, furnish, terminals
from innkeeper.demo.night import AUDIT, NightAuditor
from innkeeper.demo.opera import OUTAGE, Opera, open_opera
from innkeeper.demo.outlets import PLACES, Outlet
from innkeeper.demo.shop import Shop, open_shop
from innkeeper.domain.ids import DEFAULT_PROPERTY
from innkeeper.house import properties
from innkeeper.serving import uvicorn_options
from innkeeper.settings import Settings, WrongSettings
from innkeeper.simulators.ota import OtaGuests

log = structlog.get_logger(__name__)

HOTEL = "Harbour House"
ZONE, CURRENCY = "Europe/Lisbon", "EUR"

#: What a viewer need not read to follow the hotel's day; INNKEEPER_LOG_LEVEL=DEBUG shows it.
_BACKSTAGE = ("innkeeper.http", "innkeeper.jobs", "innkeeper.channel_sync")

#: Acts of guests and clerk per hour of the hotel's day.
OTA_ACTS, DESK_ACTS = 8.0, 6.0


async def run_demo(settings: Settings, *, port: int, speed: float) -> None:
    """Run until interrupted. A demo started again in the same folder goes on where it was left."""
    settings = settings.model_copy(
        update={"property_name": HOTEL, "property_timezone": ZONE, "property_currency": CURRENCY}
    )
    folder = settings.data_dir
    if settings.log_level != "DEBUG":
        for name in _BACKSTAGE:
            logging.getLogger(name).setLevel(logging.WARNING)
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(open_shop(folder, HOTEL, ZONE, CURRENCY))
        container = bootstrap.build(settings)
        await container.prepare()
        async with container.database.read() as session:
            today = (await properties.get(session, DEFAULT_PROPERTY)).business_date
        opera = await stack.enter_async_context(open_opera(folder, HOTEL, CURRENCY, today))
        await furnish(container, shop)
        await connect_opera(container, opera.url, speed)
        tokens = await terminals(container, folder)
        server = await stack.enter_async_context(_server(container, port))
        address = f"http://127.0.0.1:{_port_of(server)}"
        callers = {name: await stack.enter_async_context(_caller(address, token)) for name, token in tokens.items()}
        clock = HotelClock.kept(folder, opera.business_date, ZONE, speed)
        desk = Desk(callers[DESK], opera, clock, random.Random())  # noqa: S311  guests are not secrets
        with clock.stopped():
            await desk.open_day(opera.business_date)  # a stop between the two left the house a day behind
            await desk.open_house()
        guests = await stack.enter_async_context(OtaGuests(shop.url, shop.key, today=lambda: desk.today))
        _greet(address, shop, opera)
        await _until_stopped(server, _everybody(opera, desk, guests, callers, clock))
        clock.keep()


def _everybody(
    opera: Opera, desk: Desk, guests: OtaGuests, callers: Mapping[str, httpx2.AsyncClient], clock: HotelClock
) -> list[Coroutine[Any, Any, None]]:
    """Return what each of the people and systems does all day."""
    return [
        opera.break_and_mend(clock),
        NightAuditor(callers[AUDITOR], opera, desk, clock).run(),
        _act(guests.act, timedelta(hours=1 / OTA_ACTS), clock),
        _act(desk.act, timedelta(hours=1 / DESK_ACTS), clock),
        _keep(clock),
        *(Outlet(one, callers[one.code], callers[AUDITOR], opera, clock).run() for one in PLACES),
    ]


async def _until_stopped(server: uvicorn.Server, acting: list[Coroutine[Any, Any, None]]) -> None:
    """Let all act until the server ends; an act that fails ends the demo instead of silently doing nothing."""
    tasks = [asyncio.create_task(one) for one in acting]
    try:
        while not (server.should_exit or any(task.done() for task in tasks)):  # noqa: ASYNC110  a flag is all it sets
            await asyncio.sleep(0.2)
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ended:
        if isinstance(end, Exception):
            raise end


def _greet(address: str, shop: Shop, opera: Opera) -> None:
    people = "\n".join(f"  {role.label:<11} {name:<8} password {PASSWORD}" for role, name in PEOPLE.items())
    _say(
        f"\n{HOTEL} is open on {address}\n{people}\n  (the waiter's PIN at a terminal is {PIN})\n"
        f"The simulated QloApps answers on {shop.url} (key {shop.key}), the simulated OPERA on {opera.url};\n"
        f"their faults are turned with PUT …/_simulator/faults. Every evening OPERA goes down at {OUTAGE[0]:%H:%M}\n"
        f"and comes back at {OUTAGE[1]:%H:%M}; the night audit is at {AUDIT:%H:%M} of the hotel's day.\n"
        "Stop with Ctrl-C; the same command goes on where you stopped."
    )


@asynccontextmanager
async def _caller(address: str, token: str) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=address, headers=headers, timeout=60) as client:
        yield client


class _Server(uvicorn.Server):
    """Ends by a signal without passing it on, so that everything is put away before the process ends."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self.handle_exit, name, None)
        yield


@asynccontextmanager
async def _server(container: bootstrap.Container, port: int) -> AsyncIterator[uvicorn.Server]:
    app = bootstrap.web_app(container)
    server = _Server(uvicorn.Config(app, host="127.0.0.1", port=port, **uvicorn_options()))
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


async def _act(act: Callable[[], Awaitable[Any]], every: timedelta, clock: HotelClock) -> None:
    rng = random.Random()  # noqa: S311  guests are not secrets
    while True:
        await clock.reach(clock.now() + every * rng.uniform(0.5, 1.5))
        try:
            action = await act()
            log.info("guest or clerk", at=clock.shown(), what=getattr(action, "kind", action))
        except httpx2.HTTPError as error:
            log.info("nobody answered a guest or clerk", at=clock.shown(), error=type(error).__name__)


async def _keep(clock: HotelClock) -> None:
    """Write the hotel's time down now and then, for a start after a kill."""
    while True:
        await asyncio.sleep(2.0)
        clock.keep()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
