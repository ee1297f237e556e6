"""The section of the overview that says who arrives, stays and leaves."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from innkeeper.access.caller import Caller
from innkeeper.access.roles import Role
from innkeeper.domain.business_day import first_business_date, utc_now
from innkeeper.domain.stay import StayStatus
from innkeeper.house.tables import Property, Reservation
from innkeeper.house.words import state_of, status_word
from innkeeper.web.overview import Figure, Provider, Row, Section
from innkeeper.web.pages import Money
from innkeeper.web.status import State

#: Reservations that the table shows, the newest first.
_SHOWN = 10


async def load(session: AsyncSession, property_id: UUID, caller: Caller) -> Section | None:
    """Return the section; a waiter has no business with it."""
    if not caller.role.at_least(Role.FRONT_DESK):
        return None
    house = await session.get(Property, property_id)
    if house is None:
        return None
    today = house.business_date
    arrivals = await _count(session, property_id, Reservation.check_in == today, StayStatus.CONFIRMED)
    inside = await _count(session, property_id, Reservation.check_in <= today, StayStatus.CHECKED_IN)
    leaving = await _count(session, property_id, Reservation.check_out <= today, StayStatus.CHECKED_IN)
    rows = await _newest(session, property_id)
    sentence = f"{arrivals} to arrive and {leaving} to leave on {today:%d %B %Y}."
    trails = trailing(house, utc_now())
    if trails:
        nights = "one night" if trails == 1 else f"{trails} nights"
        sentence = f"The business date {today:%d %B %Y} trails the calendar by {nights}: close the day under Today."
    return Section(
        key="house",
        title="House",
        state=State.NEEDS_YOU if trails else State.DONE,
        word="day not closed" if trails else "open",
        sentence=sentence,
        figures=[
            Figure("Arrivals", str(arrivals)),
            Figure("In house", str(inside)),
            Figure("Departures", str(leaving)),
        ],
        columns=("Reservation", "Guest", "Arrives", "Leaves", "Source", "Total"),
        rows=[
            Row(
                cells=(
                    one.confirmation,
                    one.primary_guest.name,
                    one.check_in,
                    one.check_out,
                    one.channel or one.source,
                    Money(one.total_amount, one.currency),
                ),
                state=state_of(one.status, one.flags),
                word=status_word(one.status),
                link=f"/house/reservations/{one.id}",
                key=str(one.id),
            )
            for one in rows
        ],
        link="/house",
        link_label="To the chart",
        empty="Reservations appear here as they are taken at the desk or come in from the channels.",
    )


def trailing(house: Property, now: datetime) -> int:
    """Return by how many nights the business date trails the calendar of the hotel; the small hours are yesterday's."""
    return max(0, (first_business_date(now, house.timezone) - house.business_date).days)


async def _count(session: AsyncSession, property_id: UUID, dates: ColumnElement[bool], status: StayStatus) -> int:
    query = select(func.count()).select_from(Reservation)
    query = query.where(Reservation.property_id == property_id, Reservation.status == str(status), dates)
    return await session.scalar(query) or 0


async def _newest(session: AsyncSession, property_id: UUID) -> list[Reservation]:
    query = (
        select(Reservation)
        .where(Reservation.property_id == property_id)
        .options(selectinload(Reservation.primary_guest))
        .order_by(Reservation.updated_at.desc())
        .limit(_SHOWN)
    )
    return list(await session.scalars(query))


PROVIDER = Provider("house", "House", load)
