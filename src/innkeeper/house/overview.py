"""The section of the overview that says who arrives, stays and leaves."""

from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from innkeeper.access.caller import Caller
from innkeeper.access.roles import Role
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
    return Section(
        key="house",
        title="House",
        state=State.DONE,
        word="open",
        sentence=f"{arrivals} to arrive and {leaving} to leave on {today:%d %B %Y}.",
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
