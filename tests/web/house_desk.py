"""A small hotel with its screens, and a clerk's browser without a screen that reads forms and sends them back."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from typing import Any
from uuid import UUID

import httpx2
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access.roles import Role
from innkeeper.house import pages, properties
from innkeeper.storage.database import Database
from innkeeper.web.pages import HotelInfo
from tests.access.support import Inn, open_inn
from tests.house.hotel import Hotel, open_hotel


@dataclass
class House:
    """The hotel and the app that shows it."""

    hotel: Hotel
    inn: Inn

    @asynccontextmanager
    async def desk(self, role: Role = Role.FRONT_DESK) -> AsyncIterator["Desk"]:
        """Open a browser of somebody with this role."""
        async with self.inn.browser(role) as client:
            yield Desk(client)


async def describe_hotel(session: AsyncSession, property_id: UUID) -> HotelInfo:
    """Return the head of the hotel's pages."""
    house = await properties.get(session, property_id)
    return HotelInfo(house.id, house.name, house.timezone, house.currency, house.business_date)


async def open_house(database: Database) -> House:
    """Return the hotel of `tests.house.hotel` with its screens."""
    hotel = await open_hotel(database)
    inn = open_inn(database, routers=[pages.router], navigation=[pages.NAVIGATION], describe_hotel=describe_hotel)
    return House(hotel, inn)


class Desk:
    """A browser at the desk."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client
        client.headers["Accept"] = "text/html"

    async def see(self, path: str, status: int = 200) -> str:
        """Return the words and tags of a page."""
        answer = await self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.text

    async def send(self, path: str, fields: Mapping[str, Any], status: int = 303) -> str:
        """Send a form; return where it led, or the page that says what was wrong."""
        answer = await self.client.post(path, data={name: str(value) for name, value in fields.items()})
        assert answer.status_code == status, answer.text
        return answer.headers["location"] if status == 303 else answer.text


def fields_of(page: str) -> dict[str, str]:
    """Return what the fields of a page's forms hold, as a browser would send them; folded forms are left out."""
    page = re.sub(r"<details\b.*?</details>", "", page, flags=re.S)
    found: dict[str, str] = {}
    for tag in re.findall(r"<input\b[^>]*>", page):
        name, value = re.search(r'\bname="([^"]*)"', tag), re.search(r'\bvalue="([^"]*)"', tag)
        picked = not re.search(r'type="(radio|checkbox)"', tag) or "checked" in tag
        if name and picked:
            found[name.group(1)] = unescape(value.group(1)) if value else ""
    for name, inner in re.findall(r'<textarea\b[^>]*\bname="([^"]*)"[^>]*>(.*?)</textarea>', page, re.S):
        found[name] = unescape(inner)
    for name, inner in re.findall(r'<select\b[^>]*\bname="([^"]*)"[^>]*>(.*?)</select>', page, re.S):
        options = re.findall(r'<option value="([^"]*)"([^>]*)>', inner)
        chosen = [value for value, rest in options if "selected" in rest] or [value for value, _ in options[:1]]
        found[name] = chosen[0] if chosen else ""
    return found


def words_of(page: str) -> str:
    """Return what a person reads of a page, on one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())
