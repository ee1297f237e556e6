"""What all screens of the channel share: the tabs, the sentence after an act, and the pages of a long list."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from innkeeper.access.caller import Caller
from innkeeper.access.roles import Role
from innkeeper.channel_sync import repository
from innkeeper.channel_sync.api import channels_of
from innkeeper.web.pages import HotelInfo, render

ROOT = "/channels"

#: Lines of a list on one page.
PAGE = 50

Offset = Annotated[int, Query(ge=0, le=1_000_000)]
Notice = Annotated[str, Query(max_length=40)]


@dataclass(frozen=True, slots=True)
class Tab:
    """One screen of the channel; `count` is what waits there, shown when it is not zero."""

    path: str
    label: str
    role: Role = Role.FRONT_DESK
    count: int = 0


#: What is said after an act; the address names the sentence only, so that a reload repeats nothing.
NOTICES: Mapping[str, str] = {
    "queued": "It is on its way. This page shows what becomes of it.",
    "retried": "It is tried again now. The line goes away when it has worked.",
    "dismissed": "Closed. If the same happens again, it comes back.",
    "resolved": "Decided. QloApps is told now.",
    "mapped": "Mapped. What waited for it is completed now.",
    "unmapped": "The mapping is gone. Bookings keep the room type that they have.",
    "matched": "Noted. Later bookings of this customer belong to that guest.",
    "released": "All blocks are released, and availability is not sent until you switch it on again in the settings.",
    "comparing": "Both sides are being compared. This page shows what was found so far.",
    "live": "Live. From now on QloApps is told what changes here.",
    "shadow": "Shadow. Bookings are read, and what would be sent is only reported.",
    "pulled": "Fetched. This is what QloApps holds now.",
}


async def draw(
    request: Request, caller: Caller, hotel: HotelInfo, template: str, *, notice: str = "", **context: Any
) -> HTMLResponse:
    """Return a screen of the channel under its tabs."""
    async with channels_of(request).database.read() as session:
        _, attention = await repository.attention_page(session, hotel.id, limit=1, offset=0)
        _, conflicts = await repository.reservation_mappings(
            session, hotel.id, limit=1, offset=0, status=None, conflict=True
        )
    tabs = (
        Tab(ROOT, "State"),
        Tab(f"{ROOT}/attention", "Needs you", count=attention),
        Tab(f"{ROOT}/conflicts", "Conflicts", count=conflicts),
        Tab(f"{ROOT}/mappings", "Mappings"),
        Tab(f"{ROOT}/blocks", "Blocks"),
        Tab(f"{ROOT}/log", "Log"),
        Tab(f"{ROOT}/drift", "Drift"),
        Tab(f"{ROOT}/connect", "Go live", Role.MANAGER),
    )
    return render(
        request,
        template,
        tabs=[tab for tab in tabs if caller.role.at_least(tab.role)],
        notice=NOTICES.get(notice, ""),
        may_manage=caller.role.at_least(Role.MANAGER),
        may_administer=caller.role.at_least(Role.ADMIN),
        **context,
    )


def go(path: str, notice: str, **query: str) -> Response:
    """Return the way back to a page after an act, so that a reload shows the page and does not act again."""
    return RedirectResponse(f"{path}?{urlencode({**query, 'notice': notice})}", status_code=303)


def instant(text: str | None) -> datetime | None:
    """Return the instant that a document of the API writes as text."""
    return datetime.fromisoformat(text) if text else None


@dataclass(frozen=True, slots=True)
class Pager:
    """Where a long list stands, and the addresses of what comes before and after."""

    path: str
    total: int
    offset: int
    query: Mapping[str, str]
    size: int = PAGE

    @property
    def first(self) -> int:
        """The number of the first line shown."""
        return min(self.offset + 1, self.total)

    @property
    def last(self) -> int:
        """The number of the last line shown."""
        return min(self.offset + self.size, self.total)

    @property
    def earlier(self) -> str | None:
        """The address of the lines before, None at the beginning."""
        return self._at(max(0, self.offset - self.size)) if self.offset else None

    @property
    def later(self) -> str | None:
        """The address of the lines after, None at the end."""
        return self._at(self.offset + self.size) if self.offset + self.size < self.total else None

    def _at(self, offset: int) -> str:
        return f"{self.path}?{urlencode({**self.query, 'offset': offset})}"
