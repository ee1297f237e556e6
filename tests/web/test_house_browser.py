"""In a real browser a clerk books with the keyboard alone, drags a stay, and a double click checks in once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
import uvicorn
from playwright.async_api import Locator, Page, expect

from innkeeper.access.roles import Role
from innkeeper.storage.database import Database
from tests.access.support import PASSWORD, SYSTEM
from tests.house.hotel import day
from tests.web.house_desk import House, open_house
from tests.web.test_browser import chromium, complaints_of

pytestmark = [pytest.mark.anyio, pytest.mark.browser]


@pytest.fixture
async def house(sqlite_url: str) -> AsyncIterator[House]:
    """One kind of data base is enough to look at pages."""
    database = Database(sqlite_url, pool_size=5)
    yield await open_house(database)
    await database.aclose()


@asynccontextmanager
async def at_the_desk(
    house: House, path: str, width: int = 1280, *, touch: bool = False, scheme: str = "light"
) -> AsyncIterator[Page]:
    """Serve the house, and open this page of it as the clerk; at the end the browser must not have complained."""
    await house.inn.access.users.add(SYSTEM, "carla", Role.FRONT_DESK, password=PASSWORD)
    config = uvicorn.Config(house.inn.app, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  uvicorn tells of its start by a flag only
        await asyncio.sleep(0.01)
    base = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        async with chromium() as browser:
            page = await browser.new_page(
                base_url=base,
                viewport={"width": width, "height": 900},
                has_touch=touch,
                color_scheme="dark" if scheme == "dark" else "light",
            )
            complaints = complaints_of(page)
            await page.goto(f"/sign-in?next={path}")
            await page.fill("#name", "carla")
            await page.fill("#secret", PASSWORD)
            await page.press("#secret", "Enter")
            await page.wait_for_url(f"{base}{path}")
            await page.wait_for_load_state("load")
            yield page
            assert complaints == []
    finally:
        server.should_exit = server.force_exit = True
        with suppress(asyncio.CancelledError):
            await running


async def middle(place: Locator) -> tuple[float, float]:
    box = await place.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


async def test_a_stay_is_booked_with_the_keyboard_alone(house: House) -> None:
    async with at_the_desk(house, "/house") as page:
        await page.get_by_role("link", name="New reservation").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/house/reservations/new")
        assert await page.evaluate("document.activeElement.name") == "check_in", "the first field has the cursor"
        await page.keyboard.type("06022030")
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.name") != "check_out":
            await page.keyboard.press("Tab")
        await page.keyboard.type("06042030")
        await expect(page.locator("#offer")).to_contain_text("€180.00")
        await page.get_by_label("Room type").focus()
        await page.keyboard.type("Double")
        await page.get_by_label("Name", exact=True).focus()
        await page.keyboard.type("Ana Sil")
        await expect(page.locator("#known")).to_contain_text("ana@example.com")
        await page.locator("#known input").first.focus()
        await page.keyboard.press("Space")
        await page.get_by_label("Name", exact=True).focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**?done=booked")
        await expect(page.locator("h1")).to_contain_text("Ana Silva")
        await expect(page.locator(".bill-due")).to_contain_text("€180.00")


async def test_a_stay_is_dragged_with_its_price_before_the_drop_and_undone(house: House) -> None:
    hotel = house.hotel
    stay = await hotel.book(hotel.room(1, 3))
    async with at_the_desk(house, "/house") as page:
        bar = page.locator(f"#stay-{stay.rooms[0].id}")
        x, y = await middle(bar)
        night = await page.locator(f'th[data-night="{day(2)}"]').bounding_box()
        assert night is not None
        _, below = await middle(page.locator('tr[data-number="102"]'))
        await page.mouse.move(x, y)
        await page.mouse.down()
        await page.mouse.move(x + night["width"] / 2, y + 10, steps=3)
        await page.mouse.move(x + night["width"], below, steps=5)
        await expect(page.locator("#ghost")).to_be_visible()
        note = page.locator("#ghost-note")
        await expect(note).to_contain_text("Room 102")
        await expect(note).to_contain_text("€180.00")
        await expect(note).to_contain_text("€80.00 more")
        assert (await hotel.load(stay)).version == 1, "nothing is moved before the drop"
        await page.mouse.up()
        await page.wait_for_url("**moved=**")
        moved = await hotel.load(stay)
        assert (moved.version, moved.rooms[0].room_id, moved.check_in) == (2, hotel.rooms["102"], day(2))
        await page.get_by_role("button", name="Undo").click()
        await expect(page.locator(".house-done")).to_have_count(0)
        back = await hotel.load(stay)
        assert (back.rooms[0].room_id, back.check_in) == (None, day(1))


async def test_a_drop_where_it_cannot_be_moves_nothing_and_says_why(house: House) -> None:
    hotel = house.hotel
    other = await hotel.book(hotel.room(1, 3, room_id=hotel.rooms["101"]))
    stay = await hotel.book(hotel.room(1, 3))
    async with at_the_desk(house, "/house") as page:
        x, y = await middle(page.locator(f"#stay-{stay.rooms[0].id}"))
        _, below = await middle(page.locator('tr[data-number="101"]'))
        await page.mouse.move(x, y)
        await page.mouse.down()
        await page.mouse.move(x, below, steps=5)
        await page.mouse.up()
        await expect(page.locator("#ghost-note")).to_contain_text(f"held by {other.confirmation}")
        await expect(page.locator("#ghost")).to_be_hidden()
        assert page.url.endswith("/house")
    assert (await hotel.load(stay)).version == 1


async def test_escape_lets_go_of_a_dragged_stay_and_m_opens_its_form(house: House) -> None:
    stay = await house.hotel.book(house.hotel.room(1, 3))
    async with at_the_desk(house, "/house") as page:
        bar = page.locator(f"#stay-{stay.rooms[0].id}")
        x, y = await middle(bar)
        await page.mouse.move(x, y)
        await page.mouse.down()
        await page.mouse.move(x + 200, y, steps=4)
        await page.keyboard.press("Escape")
        await expect(page.locator("#ghost")).to_be_hidden()
        await page.mouse.up()
        await bar.focus()
        await page.keyboard.press("m")
        await page.wait_for_url("**/move?**")
        await expect(page.locator("#price")).to_contain_text("€100.00")
    assert (await house.hotel.load(stay)).version == 1


async def test_a_double_click_checks_in_once_and_complains_of_nothing(house: House) -> None:
    stay = await house.hotel.book(house.hotel.room(0, 2))
    async with at_the_desk(house, "/house/today") as page:
        await page.get_by_role("button", name="Check in").dblclick()
        await expect(page.locator(".house-done")).to_contain_text("Ana Silva is checked in: 101")
        await page.go_back()
        await page.reload()
        await expect(page.get_by_role("button", name="Check in")).to_have_count(0)
    found = await house.hotel.load(stay)
    assert (found.status, found.version) == ("Checked-in", 2)


async def test_an_open_chart_shows_what_others_do(house: House) -> None:
    async with at_the_desk(house, "/house") as page:
        await expect(page.locator(".bar")).to_have_count(0)
        await house.hotel.book(house.hotel.room(1, 3))
        await expect(page.locator(".bar")).to_have_count(1, timeout=15_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_screen_fits_a_phone_and_a_thumb(house: House, scheme: str) -> None:
    hotel = house.hotel
    await hotel.book(replace(hotel.room(0, 2), room_type_id=hotel.suite))
    stay = await hotel.book(hotel.room(0, 2), overbook=True)
    one = f"/house/reservations/{stay.id}"
    paths = (
        "/house", "/house/today", "/house/reservations", "/house/reservations/new", one, f"{one}/change",
        f"/house/stays/{stay.id}/{stay.rooms[0].id}/move", "/house/guests", f"/house/guests/{hotel.guest}",
        "/house/rates", "/house/rooms",
    )  # fmt: skip
    async with at_the_desk(house, "/house", 360, touch=True, scheme=scheme) as page:
        await expect(page.locator(".day-list")).to_be_visible()
        await expect(page.locator("table.tape")).to_be_hidden()
        for path in paths:
            await page.goto(path)
            assert await page.evaluate("document.documentElement.scrollWidth") <= 360, path
            small = await page.evaluate(
                "[...document.querySelectorAll('a:not(.skip-link), button, input, select, summary')]"
                ".filter(e => e.offsetParent && !e.closest('.visually-hidden, p, dd, label') && e.tabIndex >= 0)"
                ".filter(e => e.getBoundingClientRect().height < 47.5).map(e => e.outerHTML)"
            )
            assert small == [], path
