"""Works out what can be sold: per room type and night the rooms, less those booked and those under maintenance."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate, pairwise
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.house import rate_repository

#: Nights with a longer gap between them are not counted in one window.
_APART = timedelta(days=366)

#: Stands for all stays together where closed rooms are counted one by one.
STAYS = "stays"


@dataclass(frozen=True, slots=True)
class TypeNights:
    """One room type over a window, one entry a night."""

    total: int
    booked: list[int]
    maintenance: list[int]

    @property
    def available(self) -> list[int]:
        """Rooms less booked less maintenance; below zero where more is booked than there is."""
        return [self.total - booked - closed for booked, closed in zip(self.booked, self.maintenance, strict=True)]


@dataclass(frozen=True, slots=True)
class Window:
    """Availability of some room types over the nights from `start` to `end` (exclusive)."""

    start: date
    end: date
    types: Mapping[UUID, TypeNights]

    @property
    def nights(self) -> list[date]:
        """The nights, first to last."""
        return [self.start + timedelta(days=n) for n in range((self.end - self.start).days)]


async def load(
    session: AsyncSession,
    room_type_ids: Collection[UUID],
    start: date,
    end: date,
    *,
    without: UUID | None = None,
) -> Window:
    """Return the availability of these types; the nights of reservation `without` count as not booked."""
    rows = await rate_repository.inventory(session, room_type_ids, start, end, without)
    return counted(rows, room_type_ids, start, end)


async def free_on(
    session: AsyncSession, nights: Collection[tuple[UUID, date]], *, without: UUID | None = None, booked: bool = True
) -> Counter[tuple[UUID, date]]:
    """Return what is available of a type on each of these nights; without `booked` as if nobody had booked.

    Nights that lie far apart are asked for apart, so that one booking in a distant year costs no more than another.
    """
    free: Counter[tuple[UUID, date]] = Counter()
    if not nights:
        return free
    types = {room_type_id for room_type_id, _ in nights}
    dates = sorted({night for _, night in nights})
    cuts = [0, *(n for n in range(1, len(dates)) if dates[n] - dates[n - 1] > _APART), len(dates)]
    for first, last in pairwise(cuts):
        start, end = dates[first], dates[last - 1] + timedelta(days=1)
        window = await load(session, types, start, end, without=without)
        each = {
            room_type_id: counts.available if booked else [counts.total - closed for closed in counts.maintenance]
            for room_type_id, counts in window.types.items()
        }
        for room_type_id, night in nights:
            if start <= night < end:
                free[room_type_id, night] = each[room_type_id][(night - start).days]
    return free


async def short_nights(session: AsyncSession, room_type_id: UUID, start: date, end: date) -> list[date]:
    """Return the nights from `start` to `end` (exclusive) on which more is booked than is there.

    Only dates at which something changes are looked at, so that an end in a distant year costs nothing.
    """
    rows = await rate_repository.inventory(session, [room_type_id], start, end)
    return await asyncio.to_thread(_short, rows, start, end)


def _short(rows: Sequence[Any], start: date, end: date) -> list[date]:
    total = sum(count for kind, _, _, _, count in rows if kind == rate_repository.ROOMS)
    steps: dict[date, list[tuple[Any, int]]] = defaultdict(list)
    for kind, _, room, dates, count in rows:
        if kind == rate_repository.ROOMS:
            continue
        what = STAYS if kind == rate_repository.STAY else room
        for at in range(0, len(dates), 20):
            steps[max(start, date.fromisoformat(dates[at : at + 10]))].append((what, count))
            steps[date.fromisoformat(dates[at + 10 : at + 20])].append((what, -count))
    standing: Counter[Any] = Counter()
    short: list[date] = []
    changes = sorted(steps)
    for night, following in pairwise([*changes, end]):
        for what, step in steps[night]:
            standing[what] += step
        closed = sum(count if what is None else min(count, 1) for what, count in standing.items() if what != STAYS)
        if standing[STAYS] > total - min(total, closed):
            short += [night + timedelta(days=n) for n in range((min(following, end) - night).days)]
    return short


async def document(session: AsyncSession, room_type_ids: Collection[UUID], start: date, end: date) -> bytes:
    """Return the availability as the JSON of the API.

    A year of fifty types is twenty thousand entries: counting and writing them is done beside the event loop, and the
    text is put together directly, since nothing in it needs escaping.
    """
    rows = await rate_repository.inventory(session, room_type_ids, start, end)
    return await asyncio.to_thread(lambda: _json(counted(rows, room_type_ids, start, end)))


def _json(window: Window) -> bytes:
    nights = [night.isoformat() for night in window.nights]
    items: list[str] = []
    for room_type_id, counts in window.types.items():
        head = f'{{"room_type_id":"{room_type_id}","night":"'
        total = counts.total
        items += [
            f'{head}{night}","total":{total},"booked":{b},"maintenance":{m},"available":{total - b - m}}}'
            for night, b, m in zip(nights, counts.booked, counts.maintenance, strict=True)
        ]
    size = len(items)
    return f'{{"items":[{",".join(items)}],"total":{size},"limit":{size},"offset":0}}'.encode()


def counted(rows: Sequence[Any], room_type_ids: Collection[UUID], start: date, end: date) -> Window:
    """Count inventory rows per night: one up at the first night, one down after the last, then a running sum.

    The work grows with stays plus nights, not with stays times nights.
    """
    length = (end - start).days
    night_of: dict[str, int] = {}
    for n in range(length):
        night_of[(start + timedelta(days=n)).isoformat()] = n
    type_of: dict[Any, UUID] = {key: t for t in room_type_ids for key in (t, t.hex)}

    totals = dict.fromkeys(type_of.values(), 0)
    booked = {t: [0] * (length + 1) for t in totals}
    units = {t: [0] * (length + 1) for t in totals}
    closed_rooms: dict[UUID, dict[Any, set[int]]] = {}
    # A date that is not in the window lies before it for an arrival, after it for a departure.
    night = night_of.get
    for kind, room_type, room, dates, count in rows:
        kind_of_room = type_of[room_type]
        if kind == rate_repository.STAY:
            steps = booked[kind_of_room]
            for day, stays in Counter([dates[at : at + 10] for at in range(0, len(dates), 20)]).items():
                steps[night(day, 0)] += stays
            for day, stays in Counter([dates[at : at + 10] for at in range(10, len(dates), 20)]).items():
                steps[night(day, length)] -= stays
        elif kind == rate_repository.ROOMS:
            totals[kind_of_room] = count
        elif room is None:
            units[kind_of_room][night(dates[:10], 0)] += count
            units[kind_of_room][night(dates[10:], length)] -= count
        else:
            nights = closed_rooms.setdefault(kind_of_room, {}).setdefault(room, set())
            nights.update(range(night(dates[:10], 0), night(dates[10:], length)))
    return Window(
        start,
        end,
        {
            t: TypeNights(
                total,
                list(accumulate(booked[t]))[:length],
                _closed(total, list(accumulate(units[t]))[:length], closed_rooms.get(t, {})),
            )
            for t, total in totals.items()
        },
    )


def _closed(total: int, units: list[int], rooms: Mapping[Any, set[int]]) -> list[int]:
    """Add the closed rooms to the closed units; a room closed twice is one room, and no more close than there are."""
    for nights in rooms.values():
        for n in nights:
            units[n] += 1
    return units if max(units, default=0) <= total else [min(total, count) for count in units]
