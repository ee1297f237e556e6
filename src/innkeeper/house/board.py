"""The read model of the tape chart: rooms down, half days across, and what lies on them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.domain.stay import StayStatus
from innkeeper.house import availability, room_repository, words
from innkeeper.house.tables import Guest, Maintenance, Property, Reservation, ReservationRoom, Room, RoomType
from innkeeper.web.status import State


@dataclass(frozen=True, slots=True)
class StayBar:
    """One room of a reservation, as a bar from the noon of its arrival to the noon of its departure."""

    id: UUID
    reservation_id: UUID
    version: int
    confirmation: str
    guest: str
    check_in: date
    check_out: date
    room_type_id: UUID | None
    room_id: UUID | None
    label: str
    status: StayStatus
    state: State
    overbooked: bool

    @property
    def word(self) -> str:
        """Its state in words."""
        return "overbooked" if self.overbooked else words.status_word(self.status)

    @property
    def can_move(self) -> bool:
        """Whether it may be put elsewhere; who has left stays where he was."""
        return self.status.holds_inventory


@dataclass(frozen=True, slots=True)
class ClosedBar:
    """Maintenance of one room, or of some rooms of a type."""

    id: UUID
    check_in: date
    check_out: date
    room_type_id: UUID
    room_id: UUID | None
    units: int | None
    reason: str


Bar = StayBar | ClosedBar


@dataclass(frozen=True, slots=True)
class Cell:
    """A part of a line, `span` half days wide: a bar, or nothing on the day `night`."""

    span: int
    night: date
    bar: Bar | None = None
    begins: bool = True
    ends: bool = True


@dataclass(frozen=True, slots=True)
class RoomRow:
    """A room with its lines: one, unless things lie over each other. Without a room: what waits for one."""

    room_id: UUID | None
    number: str
    lanes: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Band:
    """A room type with its rooms. `free` has one entry a night, below zero where too much is sold."""

    room_type_id: UUID | None
    name: str
    total: int
    free: Sequence[int]
    waiting: RoomRow | None
    closed: RoomRow | None
    rooms: Sequence[RoomRow]


@dataclass(frozen=True, slots=True)
class Board:
    """The chart from the night `nights[0]` on."""

    nights: Sequence[date]
    today: date
    bands: Sequence[Band]
    bars: Sequence[Bar]
    #: The number on the door of each room.
    numbers: Mapping[UUID | None, str]

    @property
    def start(self) -> date:
        """The first night."""
        return self.nights[0]

    @property
    def end(self) -> date:
        """The day after the last night."""
        return self.nights[-1] + timedelta(days=1)


async def load(
    session: AsyncSession, house: Property, start: date, nights: int, room_type_id: UUID | None = None
) -> Board:
    """Return the chart of all rooms, or of those of one type."""
    days = [start + timedelta(days=n) for n in range(nights)]
    end = start + timedelta(days=nights)
    kinds = await room_repository.room_types(session, house.id)
    shown = {key: kind for key, kind in kinds.items() if room_type_id in (None, key)}
    rooms = await _rooms(session, house.id)
    stays = [bar for bar in await _stays(session, house.id, start, end) if room_type_id in (None, bar.room_type_id)]
    closed = [bar for bar in await _closed(session, house.id, start, end) if bar.room_type_id in shown]
    window = await availability.load(session, list(shown), start, end)
    bands = _bands(shown, rooms, [*closed, *stays], window, days)
    numbers: dict[UUID | None, str] = {room.id: room.number for room in rooms}
    return Board(days, house.business_date, bands, [*stays, *closed], numbers)


async def _rooms(session: AsyncSession, property_id: UUID) -> Sequence[Room]:
    query = select(Room).where(Room.property_id == property_id, Room.deleted_at.is_(None))
    return (await session.scalars(query.order_by(func.length(Room.number), Room.number))).all()


async def _stays(session: AsyncSession, property_id: UUID, start: date, end: date) -> list[StayBar]:
    """Return the stays that touch the days from `start` on, departures on that day among them."""
    query = (
        select(ReservationRoom, Reservation, Guest.name)
        .join(Reservation, Reservation.id == ReservationRoom.reservation_id)
        .join(Guest, Guest.id == Reservation.primary_guest_id)
        .where(
            Reservation.property_id == property_id,
            Reservation.check_out >= start,
            ReservationRoom.check_out >= start,
            ReservationRoom.check_in < end,
            ReservationRoom.status != StayStatus.CANCELLED,
        )
        .order_by(ReservationRoom.check_in, ReservationRoom.id)
    )
    return [_bar(row, head, guest) for row, head, guest in await session.execute(query)]


def _bar(row: ReservationRoom, head: Reservation, guest: str) -> StayBar:
    status = StayStatus(row.status)
    flags = [flag for flag in head.flags if flag != "overbooked" and (flag != "unmapped" or row.room_type_id is None)]
    return StayBar(
        id=row.id,
        reservation_id=head.id,
        version=head.version,
        confirmation=head.confirmation,
        guest=guest,
        check_in=row.check_in,
        check_out=row.check_out,
        room_type_id=row.room_type_id,
        room_id=row.room_id,
        label=row.room_type_label,
        status=status,
        state=words.state_of(status, flags, overbooked=row.overbooked),
        overbooked=row.overbooked,
    )


async def _closed(session: AsyncSession, property_id: UUID, start: date, end: date) -> list[ClosedBar]:
    query = select(Maintenance).where(
        Maintenance.property_id == property_id, Maintenance.end >= start, Maintenance.start < end
    )
    return [
        ClosedBar(work.id, work.start, work.end, work.room_type_id, work.room_id, work.units, work.reason)
        for work in await session.scalars(query.order_by(Maintenance.start, Maintenance.id))
    ]


def _bands(
    kinds: Mapping[UUID, RoomType],
    rooms: Iterable[Room],
    bars: Iterable[Bar],
    window: availability.Window,
    days: Sequence[date],
) -> list[Band]:
    of_room: dict[UUID, list[Bar]] = defaultdict(list)
    waiting: dict[UUID | None, list[Bar]] = defaultdict(list)
    units: dict[UUID, list[Bar]] = defaultdict(list)
    there = [room for room in rooms if room.room_type_id in kinds]
    known = {room.id for room in there}
    for bar in bars:
        if bar.room_id in known:
            of_room[bar.room_id].append(bar)
        elif isinstance(bar, ClosedBar):
            units[bar.room_type_id].append(bar)
        elif bar.can_move:
            waiting[bar.room_type_id if bar.room_type_id in kinds else None].append(bar)
    bands = []
    if waiting[None]:
        bands.append(Band(None, "Without a room type", 0, (), _row(None, "To place", waiting[None], days), None, ()))
    first_numbers = {room.room_type_id: position for position, room in reversed(list(enumerate(there)))}
    for key, kind in sorted(kinds.items(), key=lambda pair: (first_numbers.get(pair[0], len(there)), pair[1].name)):
        counts = window.types[key]
        bands.append(
            Band(
                key,
                kind.name,
                counts.total,
                counts.available,
                _row(None, "No room yet", waiting[key], days) if waiting[key] else None,
                _row(None, "Closed", units[key], days) if units[key] else None,
                [_row(room.id, room.number, of_room[room.id], days) for room in there if room.room_type_id == key],
            )
        )
    return bands


def _row(room_id: UUID | None, number: str, bars: Sequence[Bar], days: Sequence[date]) -> RoomRow:
    """Lay the bars into as few lines as keep them apart."""
    lanes: list[list[Bar]] = []
    for bar in sorted(bars, key=lambda bar: (bar.check_in, bar.check_out)):
        lane = next((lane for lane in lanes if lane[-1].check_out <= bar.check_in), None)
        if lane is None:
            lanes.append([bar])
        else:
            lane.append(bar)
    return RoomRow(room_id, number, [_cells(lane, days) for lane in lanes or [[]]])


def _cells(bars: Sequence[Bar], days: Sequence[date]) -> list[Cell]:
    """Return the line as cells: bars, and between them the free days, a half one where a bar begins or ends at noon."""
    cells: list[Cell] = []
    at, width = 0, 2 * len(days)
    for bar in bars:
        first, last = 2 * (bar.check_in - days[0]).days + 1, 2 * (bar.check_out - days[0]).days + 1
        begins, ends = max(first, at), min(last, width)
        if begins >= ends:
            continue
        cells += _gap(at, begins, days)
        cells.append(Cell(ends - begins, days[begins // 2], bar, begins == first, ends == last))
        at = ends
    return [*cells, *_gap(at, width, days)]


def _gap(first: int, last: int, days: Sequence[date]) -> list[Cell]:
    cells = []
    while first < last:
        end = min(last, first + 2 - first % 2)
        cells.append(Cell(end - first, days[first // 2]))
        first = end
    return cells


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the chart, for a screen that has no room for the chart."""

    day: date
    arriving: Sequence[StayBar]
    leaving: Sequence[StayBar]
    staying: int
    free: int


def days_of(chart: Board) -> list[Day]:
    """Return the chart day by day: who comes, who goes, how many stay and how many rooms are free that night."""
    stays = [bar for bar in chart.bars if isinstance(bar, StayBar)]
    return [
        Day(
            day,
            [bar for bar in stays if bar.check_in == day],
            [bar for bar in stays if bar.check_out == day],
            sum(bar.check_in < day < bar.check_out for bar in stays),
            sum(max(0, band.free[position]) for band in chart.bands if band.free),
        )
        for position, day in enumerate(chart.nights)
    ]


@dataclass(frozen=True, slots=True)
class Choice:
    """A room that a stay could be put into, and what stands against it on the dates that the stay has now."""

    id: UUID
    number: str
    hindrance: str


@dataclass(frozen=True, slots=True)
class TypeChoices:
    """A room type with its rooms."""

    id: UUID
    name: str
    rooms: Sequence[Choice]


async def choices(session: AsyncSession, house: Property, row: ReservationRoom, *, without: UUID) -> list[TypeChoices]:
    """Return every room by type, the stay's own type first, with who holds it or that it is closed."""
    kinds = await room_repository.room_types(session, house.id)
    rooms = await _rooms(session, house.id)
    ids = [room.id for room in rooms]
    start = max(row.check_in, house.business_date)
    end = max(row.check_out, start + timedelta(days=1))
    against: dict[UUID, str] = {}
    for work in await room_repository.out_of_order(session, ids, start, end):
        if work.room_id is not None:
            against[work.room_id] = "closed"
    for room_id, _, confirmation in await room_repository.taken_nights(session, ids, start, end, without):
        against.setdefault(room_id, f"held by {confirmation}")
    order = sorted(kinds.values(), key=lambda kind: (kind.id != row.room_type_id, kind.name))
    return [
        TypeChoices(
            kind.id,
            kind.name,
            [Choice(room.id, room.number, against.get(room.id, "")) for room in rooms if room.room_type_id == kind.id],
        )
        for kind in order
    ]
