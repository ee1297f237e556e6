"""Draws pages: the templates, what all of them know, and how amounts and times are written in them.

A context's `pages.py` imports `render`, `Hotel` and the status words from here and from `web.status`:

    @router.get("/channels", include_in_schema=False)
    async def channels(request: Request, caller: CurrentManager, hotel: Hotel) -> HTMLResponse:
        return render(request, "channels/index.html", mappings=...)
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from babel.numbers import format_currency
from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access.caller import Caller, Via
from innkeeper.access.http import SESSION_COOKIE, CurrentCaller, PropertyId
from innkeeper.access.roles import Role
from innkeeper.access.sessions import csrf_token
from innkeeper.domain.business_day import hotel_time, utc_now
from innkeeper.domain.money import quantize
from innkeeper.storage.database import Database
from innkeeper.telemetry.logging import request_id
from innkeeper.web.status import State

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"


#: A day that a screen is asked to show: with others around it, so none at an end of the calendar.
ShownDay = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2999, 12, 31))]


@dataclass(frozen=True, slots=True)
class HotelInfo:
    """What the head of every page says about the property, and what its times and amounts need."""

    id: UUID
    name: str = "Innkeeper"
    zone: str = "UTC"
    currency: str = "EUR"
    business_date: date | None = None


#: Returns the property's head; the app gets it from the house, which this module does not know.
DescribeHotel = Callable[[AsyncSession, UUID], Awaitable[HotelInfo]]


async def nameless_hotel(_session: AsyncSession, property_id: UUID) -> HotelInfo:
    """Return the head of a property that nobody has described yet."""
    return HotelInfo(property_id)


#: Returns id and name of every property, by name.
ListHotels = Callable[[AsyncSession], Awaitable[Sequence[tuple[UUID, str]]]]


async def no_hotels(_session: AsyncSession) -> Sequence[tuple[UUID, str]]:
    """Return none: nobody has told of any."""
    return ()


@dataclass(frozen=True, slots=True)
class NavEntry:
    """One page in the navigation, shown to callers with `role` or above."""

    path: str
    label: str
    role: Role = Role.SERVER


@dataclass(frozen=True, slots=True)
class PageSettings:
    """What the app tells all pages; under `app.state.pages`."""

    navigation: Sequence[NavEntry] = ()
    describe_hotel: DescribeHotel = nameless_hotel
    list_hotels: ListHotels = no_hotels
    #: Globals for templates of contexts that need more.
    extra: Mapping[str, Any] = field(default_factory=dict)


async def load_hotel(request: Request, caller: CurrentCaller, property_id: PropertyId) -> HotelInfo:
    """Return the property that the page is about, and remember it for the page's head and times.

    For a person of all properties the head offers the others, too.
    """
    settings: PageSettings = request.app.state.pages
    database: Database = request.app.state.database
    async with database.read() as session:
        hotel = await settings.describe_hotel(session, property_id)
        if caller.property_id is None and caller.via is Via.SESSION:
            request.state.hotels = await settings.list_hotels(session)
    request.state.hotel = hotel
    return hotel


Hotel = Annotated[HotelInfo, Depends(load_hotel)]


def render(
    request: Request,
    template: str,
    *,
    status_code: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: Any,
) -> HTMLResponse:
    """Return the page (or the part of one) that `template` draws.

    Besides `context`, templates know `caller`, `hotel` (None where the route did not ask for it), `hotels` (those that
    the caller may choose from), `navigation` (what
    the caller may see), `path`, `csrf_token`, `request_id` and `State`.
    """
    caller: Caller | None = getattr(request.state, "caller", None)
    settings: PageSettings = request.app.state.pages
    known = {
        **settings.extra,
        "caller": caller,
        "hotel": getattr(request.state, "hotel", None),
        "hotels": getattr(request.state, "hotels", ()),
        "navigation": [entry for entry in settings.navigation if caller and caller.role.at_least(entry.role)],
        "path": request.url.path,
        "csrf_token": _csrf_token(request, caller),
        "request_id": request_id.get() or "",
    }
    html = environment().get_template(template).render({**known, **context})
    return HTMLResponse(html, status_code=status_code, headers=dict(headers or {}))


def _csrf_token(request: Request, caller: Caller | None) -> str:
    session_token = request.cookies.get(SESSION_COOKIE)
    return csrf_token(session_token) if session_token and caller and caller.via is Via.SESSION else ""


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the template environment: everything is escaped, an unknown name is an error."""
    env = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.globals.update(static=static_url, State=State, now=utc_now)
    env.filters.update(money=money, hotel_time=hotel_time_filter, night=night, cell=cell, is_number=is_number)
    return env


@lru_cache(maxsize=256)
def static_url(path: str) -> str:
    """Return the address of an asset, with a mark of its content, so that it can be kept for ever."""
    digest = hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:12]
    return f"/static/{path}?v={digest}"


def money(amount: Decimal, currency: str) -> Markup:
    """Return the amount with its currency sign and digits, in figures that line up: €105.00, ¥1,200."""
    text = format_currency(quantize(amount, currency), currency, locale="en_US", currency_digits=True)
    return Markup('<span class="amount">{}</span>').format(text.replace("-", "\u2212"))


def night(day: date) -> str:
    """Return a date as people at a desk say it: Fri 23 Oct 2026."""
    return f"{day:%a} {day.day} {day:%b %Y}"


def write_night(day: date, today: date) -> str:
    """Return a date for a narrow column: without the year while it is this one."""
    return night(day) if day.year != today.year else f"{day:%a} {day.day} {day:%b}"


def write_time(instant: datetime, zone: str, now: datetime) -> str:
    """Return the hotel's clock, with the date when it is not today there and the year when it is another."""
    local, today = hotel_time(instant, zone), hotel_time(now, zone)
    clock = f"{local:%H:%M}"
    if local.date() == today.date():
        return clock
    day = f"{local.day} {local:%b}"
    return f"{day} {clock}" if local.year == today.year else f"{day} {local.year} {clock}"


@pass_context
def hotel_time_filter(context: Context, instant: datetime) -> Markup:
    """Return the instant on the hotel's clock; the full time with its zone shows on pointing at it."""
    hotel = context.get("hotel")
    zone = hotel.zone if isinstance(hotel, HotelInfo) else "UTC"
    local = hotel_time(instant, zone)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        instant.isoformat(timespec="seconds"),
        f"{local:%a %d %b %Y %H:%M:%S} {zone}",
        write_time(instant, zone, utc_now()),
    )


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in a cell of a table."""

    amount: Decimal
    currency: str


#: What a cell of a generic table can hold.
Cell = str | int | Decimal | Money | datetime | date | State | None


@pass_context
def cell(context: Context, value: Cell) -> Markup | str:
    """Return the content of a table's cell, each kind in its own way; states are drawn by the macro `chip`."""
    if value is None:
        return "—"
    if isinstance(value, Money):
        return money(value.amount, value.currency)
    if isinstance(value, datetime):
        return hotel_time_filter(context, value)
    if isinstance(value, date):
        hotel = context.get("hotel")
        today = hotel_time(utc_now(), hotel.zone if isinstance(hotel, HotelInfo) else "UTC").date()
        return Markup('<span class="together">{}</span>').format(write_night(value, today))
    return escape(value)


def is_number(value: Cell) -> bool:
    """Whether the cell is aligned to the right."""
    return isinstance(value, int | Decimal | Money)
