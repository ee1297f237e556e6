"""In a real browser a meal is charged by keyboard alone, on a phone, once, and over a line that comes and goes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, Route, expect

from innkeeper.access.roles import Role
from innkeeper.room_charge.tables import PostingStatus
from innkeeper.storage.database import Database
from tests.web.charging import Hotel, a_hotel, serving, sign_in
from tests.web.test_browser import chromium, complaints_of

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

SIGNING = {"require_signature": True, "signature_threshold": "50.00"}


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    """One kind of data base is enough to look at pages."""
    opened = Database(sqlite_url, pool_size=5)
    yield opened
    await opened.aclose()


@asynccontextmanager
async def at_the_till(
    database: Database, role: Role = Role.SERVER, width: int = 820, height: int = 1180
) -> AsyncIterator[tuple[Hotel, Page, str]]:
    """Open the terminal in a browser of this width."""
    async with a_hotel(database) as hotel, serving(hotel) as base, chromium() as browser:
        page = await browser.new_page(viewport={"width": width, "height": height}, has_touch=True)
        await sign_in(page, base, role)
        yield hotel, page, base


async def type_check(page: Page, room: str = "412", number: str = "1247", amount: str = "87.50") -> None:
    """Look the room up and type the check."""
    await page.fill("#room", room)
    await page.press("#room", "Enter")
    await page.wait_for_selector("#guest [data-found]")
    await page.click("label[for=outlet-REST]")
    await page.fill("#check_number", number)
    await page.fill("#subtotal", amount)


async def draw(page: Page) -> None:
    """Sign with a pen."""
    await page.wait_for_selector("#signing[open]")
    box = await page.locator("#pad").bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + 20, box["y"] + 40)
    await page.mouse.down()
    for step in range(1, 6):
        await page.mouse.move(box["x"] + 20 + 30 * step, box["y"] + 40 + 25 * (step % 2), steps=3)
    await page.mouse.up()


async def test_a_meal_is_charged_with_the_keyboard_alone(database: Database) -> None:
    async with at_the_till(database) as (hotel, page, _):
        await hotel.world.configure(posting=SIGNING)
        await page.reload()
        keys = page.keyboard
        await expect(page.locator("#room")).to_be_focused()
        await keys.type("412")
        await keys.press("Enter")
        await expect(page.locator(".guest-name")).to_have_text("Mr. James Wilson")
        while await page.evaluate("document.activeElement.name") != "outlet":
            await keys.press("Tab")
        await keys.press("Space")
        for words in ("1247", "87.50", "17.50"):
            await keys.press("Tab")
            await keys.type(words)
        await keys.press("Enter")
        await page.wait_for_selector("#signing[open]")
        while not await page.evaluate("document.activeElement.matches('#typed-box summary')"):
            await keys.press("Tab")
        await keys.press("Enter")
        await keys.press("Tab")
        await keys.type("James Wilson")
        await keys.press("Enter")
        await expect(page.locator(".result-title")).to_contain_text("Posted")
        await expect(page.locator(".result-title")).to_be_focused()
        row = await hotel.world.only()
        assert (str(row.total), row.check_number, bool(row.signature_hash)) == ("105.00", "1247", True)


async def test_on_a_phone_everything_fits_the_screen_and_the_thumb(database: Database) -> None:
    async with at_the_till(database, width=360, height=740) as (hotel, page, base):
        await hotel.world.configure(posting=SIGNING)
        await page.reload()
        complaints = complaints_of(page)
        await type_check(page, "203")
        await page.click("label[for=guest-2]")
        await fits(page)
        await page.click("#act")
        await draw(page)
        await fits(page)
        await page.click("#pad-done")
        await expect(page.locator(".result-title")).to_contain_text("Posted")
        await fits(page)
        row = await hotel.world.only()
        assert row.guest_name == "Ms. Paul Meyer"
        for path in (f"/postings/{row.id}", f"/postings/{row.id}/receipt", "/postings"):
            await page.goto(base + path)
            await fits(page)
        assert complaints == []


async def fits(page: Page) -> None:
    """Nothing is wider than the screen, and nothing that is pressed is smaller than a thumb."""
    assert await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    small = await page.evaluate(
        "[...document.querySelectorAll('main a:not(p a, td a, dd a), main button, main input, main select, summary')]"
        ".filter(e => e.offsetParent && e.checkVisibility({visibilityProperty: true}) && !e.matches('.btn-check,"
        " [type=radio], [type=checkbox]') && e.getBoundingClientRect().height < 47.5).map(e => e.outerHTML)"
    )
    assert small == []


async def test_a_double_tap_is_one_charge(database: Database) -> None:
    async with at_the_till(database) as (hotel, page, _):
        hotel.world.opera.dial.slow_seconds = 0.3
        hotel.world.opera.dial.set(slow=1.0)
        await type_check(page)
        await page.dblclick("#act")
        await page.keyboard.press("Enter")
        await expect(page.locator(".result-title")).to_contain_text("Posted")
        assert len(await hotel.world.charges()) == 1
        hotel.back()


async def test_a_reload_keeps_what_was_typed_and_the_reference(database: Database) -> None:
    async with at_the_till(database) as (hotel, page, _):
        await type_check(page)
        await page.fill("#tip", "17.50")
        reference = await page.input_value('[name="reference"]')
        await page.reload()
        await expect(page.locator(".guest-name")).to_have_text("Mr. James Wilson")
        assert await page.input_value("#check_number") == "1247"
        assert await page.input_value("#tip") == "17.50"
        assert await page.input_value('[name="reference"]') == reference
        await expect(page.locator("#act")).to_have_text("Post $105.00 to room 412")
        await page.click("#act")
        await expect(page.locator(".result-title")).to_contain_text("Posted")
        await page.reload()
        await expect(page.locator(".result-title")).to_contain_text("Posted")
        assert [row.pos_reference for row in await hotel.world.charges()] == [reference]
        await page.click("text=New check")
        assert await page.input_value("#check_number") == ""
        assert await page.input_value('[name="reference"]') != reference
        assert await page.is_checked("#outlet-REST")


async def test_a_charge_whose_request_never_left_is_sent_again_under_the_same_reference(database: Database) -> None:
    async with at_the_till(database) as (hotel, page, _):
        await type_check(page)
        reference = await page.input_value('[name="reference"]')
        await page.context.set_offline(True)
        await page.click("#act")
        await expect(page.locator("#outcome h2")).to_have_text("No answer reached this terminal")
        assert await page.input_value("#subtotal") == "87.50"
        await page.context.set_offline(False)
        await expect(page.locator("[data-fate]")).to_have_text("It has not arrived at Innkeeper so far.")
        assert await hotel.world.charges() == []
        await expect(page.locator("#act")).to_have_text("Try again")
        await page.click("#act")
        await expect(page.locator(".result-title")).to_contain_text("Posted")
        assert [row.pos_reference for row in await hotel.world.charges()] == [reference]


async def test_a_charge_whose_answer_was_lost_is_found_again_by_the_terminal(database: Database) -> None:
    async with at_the_till(database) as (hotel, page, base):

        async def lose_the_answer(route: Route) -> None:
            await route.fetch()
            await route.abort()

        await type_check(page)
        await page.route("**/pos/charge", lose_the_answer)
        await page.click("#act")
        await page.wait_for_url(lambda url: "/pos/" in url)
        await expect(page.locator(".result-title")).to_contain_text("Posted")
        row = await hotel.world.only()
        assert page.url == f"{base}/pos/{row.id}"


async def test_a_queued_charge_turns_to_posted_while_the_waiter_looks(database: Database) -> None:
    async with at_the_till(database) as (hotel, page, _):
        await type_check(page)
        hotel.away()
        await page.click("#act")
        await expect(page.locator(".result-title")).to_contain_text("Queued")
        await expect(page.locator(".result-sentence")).to_contain_text("You can close the check.")
        hotel.back()
        await hotel.world.settle()
        await expect(page.locator(".result-title")).to_contain_text("Posted")
        assert (await hotel.world.only()).status is PostingStatus.POSTED


async def test_the_front_desk_takes_over_the_check_at_the_same_terminal(database: Database) -> None:
    async with at_the_till(database) as (hotel, page, _):
        await hotel.world.configure(restrictions={"room_credit_limits": {"412": "300"}})
        await type_check(page)
        await page.press("#subtotal", "Tab")
        await page.click("[data-hand-over]")
        await page.wait_for_url("**/sign-in?method=pin&next=*")
        await page.click("text=Password")
        await page.fill("#name", Role.FRONT_DESK.value)
        await page.fill("#secret", "a lantern in the hall")
        await page.press("#secret", "Enter")
        await page.wait_for_url("**/pos?room=412")
        await page.click("[data-override]")
        await expect(page.locator(".result-title")).to_contain_text("Posted")
        row = await hotel.world.only()
        assert (row.credit_override, row.check_number, row.verified_by_name) == (True, "1247", "front_desk")


async def test_a_manager_mends_the_queue_where_it_stands(database: Database) -> None:
    async with at_the_till(database, Role.MANAGER) as (hotel, page, base):
        complaints = complaints_of(page)
        await hotel.waiting()
        await page.goto(f"{base}/postings")
        await expect(page.locator("h1")).to_have_text("1 posting pending")
        hotel.back()
        await page.dblclick("text=Retry >> nth=-1")
        await expect(page.locator("h1")).to_have_text("Nothing is stuck")
        await expect(page.locator("#list .chip")).to_have_text("posted")
        await page.click("#list a")
        await page.fill("#void-reason", "wrong room")
        await page.reload()
        assert await page.input_value("#void-reason") == "wrong room"
        await page.click("#void button")
        await expect(page.locator("#posting .chip").first).to_have_text("voided")
        assert hotel.world.folio() == {}
        assert complaints == []


async def test_the_auditor_signs_in_place_and_sees_the_chart(database: Database) -> None:
    async with at_the_till(database, Role.MANAGER) as (hotel, page, base):
        complaints = complaints_of(page)
        await hotel.world.post()
        await page.goto(f"{base}/reconciliation?date=2030-06-01")
        await expect(page.locator(".verdict")).to_contain_text("Balanced")
        await page.fill("#note", "quiet night")
        await page.click("text=Sign off Sat 1 Jun 2030")
        await expect(page.locator("#sign")).to_contain_text("signed the day")
        await page.goto(f"{base}/reconciliation/revenue?start=2030-05-30&end=2030-06-01")
        await page.wait_for_selector("#revenue-table")
        await page.wait_for_function("Chart.getChart('revenue-chart')?.data.datasets[0].data[2] === 105")
        assert complaints == []


@pytest.mark.parametrize("width", [360, 820, 1280])
async def test_a_row_of_the_list_is_one_large_target(database: Database, width: int) -> None:
    async with at_the_till(database, Role.MANAGER, width) as (hotel, page, base):
        posting = (await hotel.world.post()).json()
        await page.goto(f"{base}/postings")
        row = page.locator("#list tbody tr")
        box = await row.bounding_box()
        link = await row.locator("a").bounding_box()
        assert box is not None
        assert link is not None
        assert min(box["height"], link["height"], link["width"]) >= 48
        await row.tap(position={"x": box["width"] - 4, "y": box["height"] - 4}, force=True)
        await page.wait_for_url(f"{base}/postings/{posting['id']}")
        await page.go_back()
        await row.locator("a").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{base}/postings/{posting['id']}")
