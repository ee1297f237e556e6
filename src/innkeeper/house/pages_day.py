"""Who arrives, stays and leaves on a day, with the acts of the desk one tap away and the close of the day."""

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access.http import CurrentFrontDesk, Db
from innkeeper.domain.errors import InnkeeperError
from innkeeper.domain.stay import StayStatus
from innkeeper.house import api_day, closing, properties, reservation_repository, room_repository
from innkeeper.house.pages_forms import Fields, Trouble, body_of, draw
from innkeeper.house.schemas_property import CloseDayIn
from innkeeper.house.tables import Property, Reservation, ReservationRoom, Room
from innkeeper.web.pages import Hotel
from innkeeper.web.routing import Router

router = Router(prefix="/house", include_in_schema=False)

#: More than this many of a kind are looked for with the search.
_MOST = 500

#: A range of days that includes both ends; None leaves one open.
Days = tuple[date | None, date | None]
_ANY: Days = (None, None)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A reservation that arrives, and for each of its rooms without a number one that is free for it."""

    reservation: Reservation
    offers: list[tuple[ReservationRoom, Room | None]]


@dataclass(frozen=True, slots=True)
class DayLists:
    """The reservations of one day. On the business date those who are late are among them."""

    day: date
    is_today: bool
    arriving: list[Arrival]
    leaving: list[Reservation]
    staying: list[Reservation]

    @property
    def before(self) -> date:
        """The day before."""
        return self.day - timedelta(days=1)

    @property
    def after(self) -> date:
        """The day after."""
        return self.day + timedelta(days=1)


@router.get("/today")
async def today(request: Request, _caller: CurrentFrontDesk, hotel: Hotel, database: Db) -> HTMLResponse:
    """Show the business date."""
    return await page(request, database, hotel.id)


@router.get("/days/{day}")
async def another_day(
    request: Request, day: date, _caller: CurrentFrontDesk, hotel: Hotel, database: Db
) -> HTMLResponse:
    """Show any day."""
    return await page(request, database, hotel.id, day)


@router.post("/close-day")
async def close_day(request: Request, caller: CurrentFrontDesk, hotel: Hotel, database: Db, fields: Fields) -> Response:
    """Close the day with what was decided of each arrival; what stands in the way is said on the page."""
    said = {name.removeprefix("arrival."): value for name, value in fields.items() if name.startswith("arrival.")}
    try:
        body = body_of(
            CloseDayIn,
            {
                "business_date": fields.get("business_date") or None,
                "no_shows": [one for one, what in said.items() if what == "no-show"],
                "expected": [one for one, what in said.items() if what == "expected"],
                "anyway": fields.get("anyway") == "yes",
            },
        )
        await api_day.close_day(request, database, hotel.id, caller, body)
    except InnkeeperError as error:
        return await page(request, database, hotel.id, trouble=Trouble.of(error))
    return RedirectResponse("/house/today?closed=yes", status_code=303)


async def page(
    request: Request, database: Db, property_id: UUID, day: date | None = None, trouble: Trouble | None = None
) -> HTMLResponse:
    """Return the page of a day, None being the business date; with what hindered an act on it, if anything."""
    async with database.read() as session:
        house = await properties.get(session, property_id)
        lists = await _lists(session, house, day or house.business_date)
        done = await _done(session, property_id, request) if trouble is None else None
        closing_of = await closing.standing(session, house) if lists.is_today else None
        hints = await api_day.hints(request, session, property_id, house.business_date) if lists.is_today else ()
    return draw(
        request,
        "house/day.html",
        address="/house/today",
        lists=lists,
        trouble=trouble,
        done=done,
        closing=closing_of,
        hints=hints,
        closed=trouble is None and request.query_params.get("closed") == "yes",
    )


async def _lists(session: AsyncSession, house: Property, day: date) -> DayLists:
    is_today = day == house.business_date
    since = None if is_today else day

    async def found(
        status: tuple[StayStatus, ...], arrives: Days = _ANY, departs: Days = _ANY, stays: Days = _ANY
    ) -> list[Reservation]:
        rows, _ = await reservation_repository.page_of_reservations(
            session, house.id, _MOST, 0, status=status, arrives=arrives, departs=departs, stays=stays
        )
        return list(rows)

    expected = (StayStatus.CONFIRMED,) if is_today else (StayStatus.CONFIRMED, StayStatus.CHECKED_IN)
    inside = (StayStatus.CHECKED_IN,) if is_today else expected
    arriving = [row for row in await found(expected, arrives=(since, day)) if row.check_out > day]
    leaving = await found(inside, departs=(since, day))
    gone = {row.id for row in leaving}
    staying = [
        row for row in await found(inside, stays=(day, day)) if row.id not in gone and (is_today or row.check_in < day)
    ]
    return DayLists(day, is_today, await _arrivals(session, arriving), leaving, staying)


async def _arrivals(session: AsyncSession, reservations: list[Reservation]) -> list[Arrival]:
    """Offer each room that has no number yet a free one, no room twice."""
    offered: set[UUID] = set()
    free: dict[tuple[UUID, date, date], list[Room]] = {}
    arrivals = []
    for reservation in reservations:
        offers: list[tuple[ReservationRoom, Room | None]] = []
        for row in reservation.rooms:
            if row.status != StayStatus.CONFIRMED or row.room_id is not None:
                continue
            room = None
            if row.room_type_id is not None:
                stay = (row.room_type_id, row.check_in, row.check_out)
                if stay not in free:
                    free[stay] = await room_repository.free_rooms(session, *stay)
                room = next((room for room in free[stay] if room.id not in offered), None)
            if room is not None:
                offered.add(room.id)
            offers.append((row, room))
        arrivals.append(Arrival(reservation, offers))
    return arrivals


async def _done(session: AsyncSession, property_id: UUID, request: Request) -> tuple[str, Reservation] | None:
    """Return what was just done and with which reservation, as the address tells."""
    try:
        of = UUID(request.query_params.get("of", ""))
    except ValueError:
        return None
    reservation = await reservation_repository.reservation(session, property_id, of)
    return (request.query_params.get("done", ""), reservation) if reservation else None
