"""Pages lead where they should, hold nothing inline, and the overview says first what is stuck."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access.caller import Caller
from innkeeper.access.roles import Role
from innkeeper.storage.database import Database
from innkeeper.web.overview import Figure, Provider, Row, Section, Stuck
from innkeeper.web.pages import HotelInfo, Money, NavEntry, money, write_time
from innkeeper.web.sign_in import safe_path
from innkeeper.web.status import State
from tests.access.support import PASSWORD, PIN, SYSTEM, Inn, open_inn, without_ids

pytestmark = pytest.mark.anyio

LATE, LATER = datetime(2026, 1, 27, 19, 45, tzinfo=UTC), datetime(2026, 1, 27, 20, 1, tzinfo=UTC)


async def channels(_session: AsyncSession, _property_id: UUID, _caller: Caller) -> Section | None:
    return Section(
        key="channels",
        title="Channels",
        state=State.NEEDS_YOU,
        sentence="QloApps answered a minute ago.",
        figures=[Figure("Bookings today", "12", "3 changed")],
        columns=["Booking", "Arrives", "Amount"],
        rows=[Row(("HX-1 <b>", date(2026, 1, 25), Money(Decimal("105"), "EUR")), state=State.IN_DOUBT, key="HX-1")],
        stuck=[Stuck("A booking has no mapping.", LATER, "/channels", "Map it")],
    )


async def house(_session: AsyncSession, _property_id: UUID, caller: Caller) -> Section | None:
    if not caller.role.at_least(Role.MANAGER):
        return None
    return Section(
        key="house",
        title="House",
        state=State.DONE,
        sentence="All is well.",
        empty="Today's arrivals will stand here.",
        stuck=[Stuck("Two stays share a night.", LATE, "/house", "Look")],
    )


async def broken(session: AsyncSession, _property_id: UUID, _caller: Caller) -> Section | None:
    await session.execute(text("SELECT no_such_column"))
    return None


async def lisbon(_session: AsyncSession, property_id: UUID) -> HotelInfo:
    return HotelInfo(property_id, "Casa Azul", "Europe/Lisbon", "EUR", date(2026, 1, 27))


def inn_with(database: Database, providers: Sequence[Provider], navigation: Sequence[NavEntry] = ()) -> Inn:
    return open_inn(database, overview=providers, describe_hotel=lisbon, navigation=navigation)


CHANNELS, HOUSE = Provider("channels", "Channels", channels), Provider("house", "House", house)
BROKEN = Provider("pms", "Room charge", broken)


async def test_the_overview_says_first_what_is_stuck_oldest_first(database: Database) -> None:
    async with inn_with(database, [CHANNELS, HOUSE]).browser(Role.MANAGER) as client:
        page = (await client.get("/")).text
    assert "2 things need you" in page
    assert (
        page.index("Two stays share a night.") < page.index("A booking has no mapping.") < page.index("Bookings today")
    )
    assert "Casa Azul" in page
    assert "HX-1 &lt;b&gt;" in page
    assert "€105.00" in page
    assert "Tue 27 Jan 2026" in page
    assert "arrivals will stand here" in page


async def test_a_section_that_cannot_be_read_leaves_the_others_standing(database: Database) -> None:
    async with inn_with(database, [BROKEN, CHANNELS]).browser(Role.MANAGER) as client:
        page = (await client.get("/")).text
    assert "Room charge" in page
    assert "cannot be read at the moment" in page
    assert "QloApps answered a minute ago." in page
    assert "no_such_column" not in page


async def test_a_section_is_shown_to_the_roles_it_is_for(database: Database) -> None:
    async with inn_with(database, [HOUSE, CHANNELS]).browser(Role.SERVER) as client:
        page = (await client.get("/")).text
    assert "All is well." not in page
    assert "1 thing needs you" in page


async def test_an_overview_without_sections_says_what_it_will_show(database: Database) -> None:
    async with inn_with(database, []).browser(Role.MANAGER) as client:
        assert "Here you will see" in (await client.get("/")).text


async def test_a_refresh_redraws_nothing_while_nothing_changed(database: Database) -> None:
    async with inn_with(database, [CHANNELS]).browser(Role.MANAGER) as client:
        page = (await client.get("/")).text
        version = re.search(r'id="overview-version" name="version" value="(\w+)"', page)
        assert version is not None
        same = await client.get("/overview/sections", params={"version": version.group(1)})
        other = await client.get("/overview/sections", params={"version": "before"})
    assert (same.status_code, same.text) == (204, "")
    assert other.status_code == 200
    assert version.group(1) in other.text
    assert "<html" not in other.text


async def test_the_navigation_holds_what_the_role_may_see(database: Database) -> None:
    entries = [NavEntry("/pos", "Room charge"), NavEntry("/settings", "Settings", Role.ADMIN)]
    inn = inn_with(database, [], entries)
    async with inn.browser(Role.SERVER) as server, inn.browser(Role.ADMIN) as admin:
        assert 'href="/settings"' not in (await server.get("/")).text
        assert 'href="/pos"' in (await server.get("/")).text
        assert 'href="/settings"' in (await admin.get("/")).text


async def test_no_page_holds_a_script_or_a_style_inside(database: Database) -> None:
    async with inn_with(database, [CHANNELS, BROKEN]).browser(Role.ADMIN) as client:
        pages = [
            (await client.get(path, headers={"Accept": "text/html"})).text for path in ("/", "/nowhere", "/api/docs")
        ]
        client.cookies.clear()
        pages += [(await client.get(path)).text for path in ("/sign-in", "/sign-in?method=pin")]
    for page in pages:
        assert "style=" not in page
        assert "<style" not in page
        assert not re.search(r"<script(?![^>]*\bsrc=)", page)
        assert not re.search(r"\son[a-z]+=", page)
        assert not re.search(r"(src|href)=\"(https?:)?//", page), "nothing comes from elsewhere"


async def test_assets_are_kept_for_ever_under_an_address_with_their_mark(inn: Inn) -> None:
    async with inn.client() as client:
        page = (await client.get("/sign-in")).text
        assets = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
        assert len(assets) >= 6
        for asset in assets:
            answer = await client.get(asset)
            assert answer.status_code == 200, asset
            assert "immutable" in answer.headers["Cache-Control"]
        plain = await client.get("/static/innkeeper.css")
    assert "immutable" not in plain.headers["Cache-Control"]


async def test_the_form_signs_in_and_leads_back(inn: Inn) -> None:
    await inn.access.users.add(SYSTEM, "vera", Role.SERVER, pin=PIN)
    async with inn.client() as client:
        page = (await client.get("/sign-in?method=pin&next=/pos")).text
        token = re.search(r'name="form_token" value="(\w+)"', page)
        assert token is not None
        form = {"name": "vera", "secret": "0000", "method": "pin", "next": "/pos", "form_token": token.group(1)}
        wrong = await client.post("/sign-in", data=form)
        assert wrong.status_code == 401
        assert 'value="vera"' in wrong.text, "what was typed is kept"
        assert "0000" not in without_ids(wrong.text)
        right = await client.post("/sign-in", data={**form, "secret": PIN})
        assert (right.status_code, right.headers["location"]) == (303, "/pos")
        assert (await client.get("/api/me")).json()["name"] == "vera"
        again = await client.get("/sign-in?next=/pos")
        assert (again.status_code, again.headers["location"]) == (303, "/pos")


async def test_a_form_of_another_site_cannot_sign_anybody_in(inn: Inn) -> None:
    await inn.access.users.add(SYSTEM, "vera", Role.SERVER, password=PASSWORD)
    form = {"name": "vera", "secret": PASSWORD, "method": "password", "next": "/"}
    async with inn.client() as client:
        for token in ({}, {"form_token": "0" * 64}):
            answer = await client.post("/sign-in", data={**form, **token})
            assert answer.status_code == 403
            assert "innkeeper_session" not in client.cookies


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example.com",
        "//evil.example.com",
        "/\\evil.example.com",
        "javascript:alert(1)",
        "",
        "\\/x",
        "/\n/x",
        "/api/session",
        "/sign-in",
    ],
)
def test_nobody_is_led_elsewhere_after_signing_in(path: str) -> None:
    assert safe_path(path) == "/"


def test_a_page_of_ours_is_led_back_to() -> None:
    assert safe_path("/channels?tab=log&page=2") == "/channels?tab=log&page=2"


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [("105", "EUR", "€105.00"), ("1200", "JPY", "¥1,200"), ("-1.5", "USD", "−$1.50"), ("1.5", "KWD", "KWD1.500")],
)
def test_amounts_are_written_with_their_currency_and_its_digits(amount: str, currency: str, written: str) -> None:
    assert re.sub(r"<[^>]+>|\s", "", str(money(Decimal(amount), currency))) == written


@pytest.mark.parametrize(
    ("instant", "written"),
    [
        (datetime(2026, 7, 1, 18, 42, tzinfo=UTC), "19:42"),
        (datetime(2026, 7, 1, 23, 30, tzinfo=UTC), "2 Jul 00:30"),
        (datetime(2025, 12, 24, 12, 0, tzinfo=UTC), "24 Dec 2025 12:00"),
    ],
)
def test_times_are_the_hotels_with_the_date_when_it_is_not_today(instant: datetime, written: str) -> None:
    assert write_time(instant, "Europe/Lisbon", datetime(2026, 7, 1, 20, 0, tzinfo=UTC)) == written
