"""In a real browser conflicts are decided by keyboard, room types mapped and settings corrected, on a phone too."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect

from innkeeper.channel_sync import repository
from innkeeper.storage.database import Database
from tests.access.support import PASSWORD
from tests.channel_sync.world import day
from tests.web.channels_world import Front, open_front, serving
from tests.web.test_browser import chromium, complaints_of

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

#: What a thumb must be able to hit; links within sentences and cells follow the text.
SMALL = """
[...document.querySelectorAll('main :is(a, button, select, summary, input:not([type=hidden], [type=checkbox]))')]
  .filter(e => e.checkVisibility() && !e.closest('p, td, li, dd, h2, .help, .text-secondary'))
  .filter(e => e.getBoundingClientRect().height < 47.5).map(e => e.outerHTML.slice(0, 100))
"""


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    """One kind of data base is enough to look at pages."""
    opened = Database(sqlite_url, pool_size=5)
    yield opened
    await opened.aclose()


@pytest.fixture
async def front(database: Database) -> AsyncIterator[Front]:
    """Both sides, mapped and live."""
    opened = await open_front(database)
    yield opened
    await opened.world.channels.aclose()


async def sign_in(page: Page, base: str, name: str, then: str) -> None:
    """Sign in and go to a page."""
    await page.goto(f"{base}/sign-in?next={then}")
    await page.fill("#name", name)
    await page.fill("#secret", PASSWORD)
    await page.press("#secret", "Enter")
    await page.wait_for_url(f"{base}{then}")


async def tab_to(page: Page, text: str) -> None:
    """Press Tab until the focus is on the control with this text."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        if (await page.evaluate("document.activeElement.textContent.trim()")) == text:
            return
    raise AssertionError(f"{text} cannot be reached by keyboard")


async def test_a_conflict_is_decided_with_the_keyboard_alone(front: Front) -> None:
    reservation = await front.disputed()
    async with serving(front.inn) as base, chromium() as browser:
        page = await browser.new_page()
        complaints = complaints_of(page)
        await sign_in(page, base, "carla", "/channels/conflicts")
        while await front.open_conflicts():
            await tab_to(page, "Take theirs")
            async with page.expect_navigation():
                await page.keyboard.press("Enter")
        await expect(page.locator("h1")).to_have_text("No conflicts")
        assert complaints == []
    await front.world.settle(1)
    settled = await front.world.load(reservation.id)
    assert (settled.check_in, settled.check_out) == (day(4), day(6))


async def test_another_value_is_typed_with_the_keyboard_alone(front: Front) -> None:
    await front.disputed()
    async with serving(front.inn) as base, chromium() as browser:
        page = await browser.new_page()
        await sign_in(page, base, "carla", "/channels/conflicts")
        await tab_to(page, "Another value")
        await page.keyboard.press("Enter")
        await page.fill("input[name=check_in] >> nth=0", "2030-06-09")
        await tab_to(page, "Use this value")
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        await expect(page.locator(".wrong").first).to_contain_text("must be after the day of arrival")
        await expect(page.locator("input[name=check_in]").first).to_have_value("2030-06-09")


async def test_a_suggested_room_type_is_mapped_and_the_line_becomes_solid(database: Database) -> None:
    front = await open_front(database, mapped=False)
    async with serving(front.inn) as base, chromium() as browser:
        page = await browser.new_page(viewport={"width": 1280, "height": 900})
        complaints = complaints_of(page)
        await sign_in(page, base, "ada", "/channels/mappings")
        await expect(page.locator(".wire-dashed")).to_have_count(2)
        await page.click("text=Map Suite")
        await expect(page.locator(".wire-dashed")).to_have_count(1)
        await expect(page.locator(".line-mapped")).to_contain_text("Suite")
        await expect(page.locator(".notice")).to_contain_text("Mapped.")
        assert complaints == []
    async with database.read() as session:
        assert len(await repository.room_type_mappings(session, front.world.property_id)) == 1
    await front.world.channels.aclose()


async def test_a_wrong_setting_is_marked_focused_and_corrected(front: Front) -> None:
    async with serving(front.inn) as base, chromium() as browser:
        page = await browser.new_page(viewport={"width": 820, "height": 1180})
        await sign_in(page, base, "ada", "/settings/qloapps")
        await page.fill("[name=sync_interval_minutes]", "3")
        await page.fill("[name=phone_placeholder]", "11111")
        await expect(page.locator("[data-unsaved]")).to_be_visible()
        await page.click("text=Save")
        field = page.locator("[name=sync_interval_minutes]")
        await expect(page.locator("#f-sync_interval_minutes-wrong")).to_contain_text("between 5 and 60")
        await expect(field).to_be_focused()
        await expect(field).to_have_value("3")
        await expect(page.locator("[name=phone_placeholder]")).to_have_value("11111")
        await field.fill("20")
        await page.keyboard.press("Enter")
        await expect(page.locator(".alert-success")).to_have_text("Saved.")
        await expect(page.locator("[name=phone_placeholder]")).to_have_value("11111")


async def test_a_question_comes_before_what_cannot_be_undone(front: Front) -> None:
    async with serving(front.inn) as base, chromium() as browser:
        page = await browser.new_page(viewport={"width": 1280, "height": 900})
        await sign_in(page, base, "ada", "/channels/mappings")
        await page.click("text=Take away >> nth=0")
        await expect(page.locator("details[open] .ask-box")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator("details[open]")).to_have_count(0)
        await expect(page.locator(".line-mapped")).to_have_count(2)


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (820, "light"), (1280, "light")])
async def test_screens_fit_and_nothing_is_too_small_for_a_thumb(front: Front, width: int, scheme: str) -> None:
    await front.disputed()
    paths = ("", "/attention", "/conflicts", "/mappings", "/mappings/customers", "/log", "/drift", "/connect")
    settings = ("property", "qloapps", "users", "tokens", "audit")
    addresses = [f"/channels{path}" for path in paths] + [f"/settings/{section}" for section in settings]
    async with serving(front.inn) as base, chromium() as browser:
        page = await browser.new_page(
            viewport={"width": width, "height": 740}, color_scheme="dark" if scheme == "dark" else "light"
        )
        complaints = complaints_of(page)
        await sign_in(page, base, "ada", "/channels")
        for address in addresses:
            await page.goto(base + address)
            await expect(page.locator("[data-arriving] .placeholder")).to_have_count(0, timeout=20_000)
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, address
            assert await page.evaluate(SMALL) == [], address
        assert complaints == []
