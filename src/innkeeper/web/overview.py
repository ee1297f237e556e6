"""The overview at `/`: says first whether anything is stuck, then how each part of the hub stands.

A context registers a `Provider` at start; its `load` reads what it needs in the given session and returns a `Section`,
or None when the caller has no business with it:

    async def channels(session: AsyncSession, property_id: UUID, caller: Caller) -> Section | None:
        return Section(key="channels", title="Channels", state=State.DONE, sentence="QloApps answered at 19:42.",
                       figures=[Figure("Bookings today", "12")], columns=["Booking", "Guest", "Arrives"],
                       rows=[Row(("HX-1", "A. Example", date(2026, 1, 25)), state=State.ON_ITS_WAY, key="HX-1")])

    create_app(..., overview=[Provider("channels", "Channels", channels)])
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access.caller import Caller
from innkeeper.access.http import CurrentServer, Db
from innkeeper.telemetry.logging import get_logger
from innkeeper.web.pages import Cell, Hotel, render
from innkeeper.web.routing import Router
from innkeeper.web.status import State

log = get_logger(__name__)

#: How often an open overview asks whether anything changed, in milliseconds.
REFRESH_MS = 2000

#: Columns that fit beside another section on a desktop.
_MOST_IN_HALF = 4


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that matters, already written for a person; `hint` says what it is measured against."""

    label: str
    value: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a section's table. `key` stays the same while the line tells of the same thing.

    `word` stands beside the state's shape where the trade has a word of its own for it.
    """

    cells: Sequence[Cell]
    state: State | None = None
    word: str = ""
    link: str | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Stuck:
    """Something that does not go on without a person: what it is, since when, and where it is mended."""

    sentence: str
    since: datetime
    link: str
    action: str = "Mend it"
    state: State = State.NEEDS_YOU


@dataclass(frozen=True, slots=True)
class Section:
    """How one part of the hub stands.

    `sentence` says it in words, `word` in one beside the state's shape; `empty` is what stands there while there are
    no rows: what will be shown, and how to get there. With rows whose `state` is set, the table has a column for it.
    """

    key: str
    title: str
    state: State
    sentence: str
    word: str = ""
    figures: Sequence[Figure] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Row] = ()
    link: str | None = None
    link_label: str = "Open"
    empty: str = ""
    stuck: Sequence[Stuck] = ()

    @property
    def is_wide(self) -> bool:
        """Whether the table has more columns than half a desktop holds."""
        return len(self.columns) + self.has_states > _MOST_IN_HALF

    @property
    def has_states(self) -> bool:
        """Whether the table needs a column for states."""
        return any(row.state is not None for row in self.rows)


@dataclass(frozen=True, slots=True)
class Failed:
    """A section that could not be read; the others still stand."""

    key: str
    title: str


Load = Callable[[AsyncSession, UUID, Caller], Awaitable[Section | None]]


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a section comes from; key and title name it when it cannot be read."""

    key: str
    title: str
    load: Load


@dataclass(frozen=True, slots=True)
class Overview:
    """All sections in their order, and what is stuck in them, oldest first."""

    sections: Sequence[Section | Failed]

    @property
    def stuck(self) -> Sequence[Stuck]:
        """What needs a person, oldest first."""
        found = [each for section in self.sections if isinstance(section, Section) for each in section.stuck]
        return sorted(found, key=lambda each: each.since)

    @property
    def unread(self) -> Sequence[Failed]:
        """The sections that could not be read."""
        return [section for section in self.sections if isinstance(section, Failed)]


def overview_router(providers: Sequence[Provider]) -> Router:
    """Return the routes of the overview, fed by `providers` in their order."""
    router = Router(include_in_schema=False)

    @router.get("/")
    async def overview(request: Request, caller: CurrentServer, hotel: Hotel, database: Db) -> HTMLResponse:
        state = await _load(providers, database, hotel.id, caller)
        html = _draw(request, state)
        return render(
            request, "overview.html", refresh_ms=REFRESH_MS, sections_html=html, version=_version(html), overview=state
        )

    @router.get("/overview/sections")
    async def sections(
        request: Request, caller: CurrentServer, hotel: Hotel, database: Db, version: str = Query("", max_length=40)
    ) -> Response:
        """Answer 204 while the page shows the same already, so that nothing under a finger or cursor is redrawn."""
        html = _draw(request, await _load(providers, database, hotel.id, caller))
        current = _version(html)
        if current == version:
            return Response(status_code=204)
        return render(request, "overview/refreshed.html", sections_html=html, version=current)

    return router


async def _load(providers: Sequence[Provider], database: Db, property_id: UUID, caller: Caller) -> Overview:
    sections: list[Section | Failed] = []
    for provider in providers:
        try:
            async with database.read() as session:
                section = await provider.load(session, property_id, caller)
        except Exception:
            log.exception("overview section failed", section=provider.key)
            sections.append(Failed(provider.key, provider.title))
        else:
            sections += [section] if section is not None else []
    return Overview(sections)


def _draw(request: Request, overview: Overview) -> str:
    return bytes(render(request, "overview/sections.html", overview=overview).body).decode()


def _version(html: str) -> str:
    return hashlib.sha256(html.encode()).hexdigest()[:16]
