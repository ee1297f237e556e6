"""In a real browser the pages fit a phone, keep their place while they refresh, and say when the connection is lost."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
import uvicorn
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access.caller import Caller
from innkeeper.access.roles import Role
from innkeeper.storage.database import Database
from innkeeper.web.overview import Figure, Provider, Row, Section, Stuck
from innkeeper.web.pages import Money, NavEntry
from innkeeper.web.status import State
from tests.access.support import PASSWORD, PIN, SYSTEM, open_inn

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Ticking:
    """A section whose figure moves on each time it is read."""

    def __init__(self) -> None:
        self.reads = 0

    async def __call__(self, _session: AsyncSession, _property_id: UUID, _caller: Caller) -> Section | None:
        self.reads += 1
        rows = [
            Row(
                (f"HX-{n}", "A. Guest-Featherstonehaugh", date(2026, 1, 25), Money(Decimal("1234.5"), "EUR"), None),
                state=list(State)[n % len(State)],
                link=f"/bookings/{n}",
                key=f"hx-{n}",
            )
            for n in range(30)
        ]
        return Section(
            key="channels",
            title="Channels",
            state=State.ON_ITS_WAY,
            sentence="QloApps answered a moment ago.",
            figures=[Figure("Reads", str(self.reads))],
            columns=["Booking", "Guest", "Arrives", "Total", "Changed"],
            rows=rows,
            stuck=[Stuck("A booking has no mapping.", datetime(2026, 1, 27, tzinfo=UTC), "/channels")],
        )


@asynccontextmanager
async def serving(database: Database, section: Ticking) -> AsyncIterator[tuple[uvicorn.Server, str]]:
    """Serve an inn on a free port of the loopback."""
    navigation = [NavEntry("/channels", "Channels", Role.FRONT_DESK), NavEntry("/pos", "Room charge")]
    inn = open_inn(database, overview=[Provider("channels", "Channels", section)], navigation=navigation)
    await inn.access.users.add(SYSTEM, "marta", Role.MANAGER, password=PASSWORD)
    await inn.access.users.add(SYSTEM, "vera", Role.SERVER, pin=PIN)
    config = uvicorn.Config(inn.app, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  uvicorn tells of its start by a flag only
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield server, f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        server.force_exit = True
        with suppress(asyncio.CancelledError):
            await running


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start the Chromium of this machine, or skip with a word."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("needs Chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    """One kind of data base is enough to look at pages."""
    opened = Database(sqlite_url, pool_size=5)
    yield opened
    await opened.aclose()


async def sign_in(page: Page, base: str) -> None:
    """Sign in as the manager."""
    await page.goto(f"{base}/sign-in")
    await page.fill("#name", "marta")
    await page.fill("#secret", PASSWORD)
    await page.press("#secret", "Enter")
    await page.wait_for_url(f"{base}/")


def complaints_of(page: Page) -> list[str]:
    """Collect what the browser complains about, such as something that the security policy forbids."""
    found: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            found.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 820, 1280])
async def test_pages_fit_the_screen_and_the_thumb_without_complaints(
    database: Database, width: int, scheme: str
) -> None:
    async with serving(database, Ticking()) as (_, base), chromium() as browser:
        page = await browser.new_page(
            viewport={"width": width, "height": 740},
            color_scheme="dark" if scheme == "dark" else "light",
            has_touch=True,
        )
        complaints = complaints_of(page)
        await sign_in(page, base)
        for path in ("/", "/sign-in?method=pin", "/api/docs"):
            await page.goto(base + path)
            await page.wait_for_load_state("load")
            if path == "/":
                assert await page.get_attribute("html", "data-bs-theme") == scheme
                assert await page.evaluate("document.documentElement.scrollWidth") <= width
                small = await page.evaluate(
                    "[...document.querySelectorAll('a:not(.skip-link), button, input')]"
                    ".filter(e => e.offsetParent && e.getBoundingClientRect().height < 47.5).map(e => e.outerHTML)"
                )
                assert small == []
        assert complaints == []


async def test_a_refresh_keeps_place_focus_and_what_did_not_change(database: Database) -> None:
    async with serving(database, Ticking()) as (_, base), chromium() as browser:
        page = await browser.new_page(viewport={"width": 1280, "height": 700})
        await sign_in(page, base)
        await page.focus("a[href='/bookings/25']")
        await page.evaluate("scrollTo(0, 600); window.row = document.getElementById('channels-hx-25')")
        reads = page.locator(".figure-value")
        for _ in range(2):
            await expect(reads).not_to_have_text(await reads.inner_text())
        assert await page.evaluate("scrollY") == 600
        assert await page.evaluate("document.activeElement.textContent") == "HX-25"
        assert await page.evaluate("window.row === document.getElementById('channels-hx-25')")


async def test_a_lost_connection_is_said_and_its_return_too(database: Database) -> None:
    async with serving(database, Ticking()) as (_, base), chromium() as browser:
        page = await browser.new_page()
        await sign_in(page, base)
        await page.context.set_offline(True)
        await page.wait_for_selector("#connection:not([hidden])")
        assert "No connection since" in await page.inner_text("#connection")
        await page.context.set_offline(False)
        await page.wait_for_selector("#connection", state="hidden")


async def test_a_terminal_offers_the_names_that_have_signed_in_at_it(database: Database) -> None:
    async with serving(database, Ticking()) as (_, base), chromium() as browser:
        page = await browser.new_page(viewport={"width": 360, "height": 740})
        await page.goto(f"{base}/sign-in?method=pin&next=/pos")
        assert await page.is_hidden("#known-names")
        await page.fill("#name", "vera")
        await page.fill("#secret", PIN)
        await page.click("text=Sign in >> nth=-1")
        await page.wait_for_url(f"{base}/pos")
        await page.click(".navbar-toggler")
        await page.click("text=Sign out")
        await page.wait_for_url(f"{base}/sign-in")
        await page.goto(f"{base}/sign-in?method=pin")
        await page.click("#known-names >> text=vera")
        await page.keyboard.type(PIN)
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{base}/")
