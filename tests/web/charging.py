"""A hotel with its terminals: the screens of room charge before a simulated PMS, for browsers real and made up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import uvicorn
from playwright.async_api import Page

from innkeeper.access.passwords import Passwords
from innkeeper.access.roles import Role
from innkeeper.bootstrap import describe_hotel
from innkeeper.room_charge import api, api_settings, overview, pages
from innkeeper.storage.database import Database
from innkeeper.storage.secrets import Keyring, new_key
from innkeeper.web.app import create_app
from tests.access.support import PASSWORD, SYSTEM, Inn
from tests.room_charge.world import World, a_world, with_opera

#: What htmx sends with a request for a part of a page.
PART = {"HX-Request": "true", "Accept": "*/*"}
PAGE = {"Accept": "text/html"}


@dataclass
class Hotel:
    """An installation whose PMS is a simulated OPERA, and the browsers before it."""

    world: World
    inn: Inn

    def check(self, room: str = "412", **changes: str) -> dict[str, str]:
        """Return what the terminal's form holds for a new check."""
        body = self.world.body(room)
        return {
            "reference": str(body["pos_reference"]),
            "room": room,
            "outlet": "REST",
            "check_number": str(body["check_number"]),
            "subtotal": "87.50",
            "tip": "17.50",
            "guest_confirmed": "true",
            **changes,
        }

    def away(self) -> None:
        """Let OPERA answer nobody."""
        self.world.opera.dial.set(maintenance=1.0)

    def back(self) -> None:
        """Let OPERA answer again."""
        self.world.opera.dial.calm()

    def lose_answers(self) -> None:
        """Let OPERA post the next charge and lose its answer."""
        self.world.opera.dial.next("drop_after", method="POST", path="/charges")

    async def waiting(self, room: str = "218") -> dict[str, Any]:
        """Return a charge that waits since OPERA went away; OPERA stays away."""
        await self.world.call("GET", f"/rooms/{room}")
        self.away()
        answer = await self.world.post(room=room)
        assert answer.status_code == 202, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def in_doubt(self, room: str = "315") -> dict[str, Any]:
        """Return a charge of which nobody knows; OPERA stays away."""
        self.lose_answers()
        answer = await self.world.post(room=room)
        assert answer.json()["posting_status"] == "unknown", answer.text
        self.away()
        found: dict[str, Any] = answer.json()
        return found


@asynccontextmanager
async def a_hotel(database: Database) -> AsyncIterator[Hotel]:
    """Open the hotel."""
    async with a_world(database) as world:
        await with_opera(world)
        app = create_app(
            database,
            Keyring([new_key()]),
            routers=(api.router, api_settings.router, *pages.ROUTERS),
            navigation=pages.NAVIGATION,
            overview=[overview.provider(world.systems)],
            describe_hotel=describe_hotel,
            passwords=Passwords(memory_kib=8, passes=1),
        )
        app.state.systems = world.systems
        world.app = app
        yield Hotel(world, Inn(app, database))


@asynccontextmanager
async def serving(hotel: Hotel) -> AsyncIterator[str]:
    """Serve the hotel on a free port of the loopback, with a user of each role under the role's name."""
    for role in Role:
        await hotel.inn.access.users.add(SYSTEM, role.value, role, password=PASSWORD)
    config = uvicorn.Config(hotel.inn.app, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  uvicorn tells of its start by a flag only
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = server.force_exit = True
        with suppress(asyncio.CancelledError):
            await running


async def sign_in(page: Page, base: str, role: Role, then: str = "/pos") -> None:
    """Sign in as somebody of this role."""
    await page.goto(f"{base}/sign-in?next={then}")
    await page.fill("#name", role.value)
    await page.fill("#secret", PASSWORD)
    await page.press("#secret", "Enter")
    await page.wait_for_url(f"{base}{then}")
