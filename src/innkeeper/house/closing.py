"""Closes the hotel's day: says what stands in the way, settles who did not come, and opens the next day."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access import audit
from innkeeper.access.caller import Caller
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.errors import Conflict, FieldError, Invalid, NotFound
from innkeeper.domain.stay import StayStatus
from innkeeper.house import business_date, repository, reservation_repository, reservations, room_repository
from innkeeper.house.tables import Property, Reservation, ReservationRoom
from innkeeper.storage.database import Tx

#: A time of closing before noon is that of the night after the day, a later one that of its own evening.
_NOON = time(12, 0)

#: How often it is looked whether an hour of closing has come.
EVERY_SECONDS = 60.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in the way of closing a day: who has not come, and who is due out and still in house."""

    day: date
    arrivals: Sequence[Reservation]
    departures: Sequence[Reservation]


@dataclass(frozen=True, slots=True)
class Closed:
    """A day that was closed: what was open of it, and the day that is open now."""

    was: Standing
    opened: date


async def standing(session: AsyncSession, house: Property) -> Standing:
    """Return what stands in the way of closing the open day."""
    today = house.business_date
    found = await reservation_repository.unsettled(session, house.id, today)
    arrivals = [one for one in found if any(reservations.is_missing(row, today) for row in one.rooms)]
    departures = [one for one in found if any(is_due_out(row, today) for row in one.rooms)]
    return Standing(today, arrivals, departures)


async def close(
    tx: Tx,
    caller: Caller,
    property_id: UUID,
    *,
    day: date | None = None,
    no_shows: Collection[UUID] = (),
    expected: Collection[UUID] = (),
    anyway: bool = False,
) -> Closed:
    """Close the open day and open the next one, with an entry in the audit trail.

    `day` is the day that the caller means to close, so that two who press at once close one. Each reservation that has
    not come is named among `no_shows`, whose rooms are cancelled, or among `expected`, who may still come; `anyway`
    leaves everything as it is. Raises NotFound, Invalid, Conflict (`DAY_CLOSED`, `DAY_NOT_READY`).
    """
    house = await _locked(tx, property_id)
    today = house.business_date
    if day is not None and day != today:
        raise Conflict(
            f"The open day is {today}, not {day}.",
            code="DAY_CLOSED",
            action="Somebody may have closed it already. Look at the open day and decide again.",
        )
    was = await standing(tx.session, house)
    waiting = {one.id for one in was.arrivals}
    for position, named in enumerate(no_shows):
        if named not in waiting:
            raise Invalid.field(f"no_shows[{position}]", "This reservation does not wait for a guest today.")
    if not anyway:
        _must_be_ready(was, set(no_shows), set(expected))
    for one in was.arrivals:
        if one.id in no_shows:
            await reservations.no_show(tx, property_id, one.id)
    opened = today + business_date.ONE_NIGHT
    business_date.check(house, opened, confirmed=False)
    await business_date.move(tx, house, opened)
    await _note(tx, caller, property_id, was, opened, no_shows)
    return Closed(was, opened)


async def close_due(tx: Tx) -> None:
    """Close the day of each property whose hour of closing has come: one night, leaving to people what is theirs.

    Who has not come stays expected and who is due out stays in house; both stand on the next day's lists.
    """
    for house in await repository.with_night_audit(tx.session):
        if house.night_audit_time is not None and utc_now() >= closes_at(house, house.night_audit_time):
            closed = await close(tx, Caller.system("night audit"), house.id, day=house.business_date, anyway=True)
            log.info("day closed by itself", day=str(closed.was.day), opened=str(closed.opened))


def closes_at(house: Property, at: time) -> datetime:
    """Return when the open day closes by itself: in its own evening, or in the small hours after it."""
    day = house.business_date if at >= _NOON else house.business_date + business_date.ONE_NIGHT
    return datetime.combine(day, at, ZoneInfo(house.timezone))


def is_due_out(row: ReservationRoom, today: date) -> bool:
    """Whether the guest should have left by the end of the day and is in house."""
    return row.status == StayStatus.CHECKED_IN and row.check_out <= today


async def _locked(tx: Tx, property_id: UUID) -> Property:
    """Hold the room types before the property, in the order in which a booking holds them."""
    if repository.has_row_locks(tx.session):
        await room_repository.room_types(tx.session, property_id, lock=True)
    house = await repository.locked_property(tx.session, property_id)
    if house is None:
        raise NotFound(f"There is no property {property_id}.", action="Check X-Property-Id.")
    return house


def _must_be_ready(was: Standing, no_shows: Collection[UUID], expected: Collection[UUID]) -> None:
    errors = []
    for one in was.arrivals:
        if one.id in no_shows:
            continue
        who = f"{one.confirmation}, {one.primary_guest.name},"
        last = max(row.check_out for row in one.rooms if reservations.is_missing(row, was.day))
        if last <= was.day + business_date.ONE_NIGHT:
            errors.append(FieldError("arrivals", f"{who} has not come and its nights are over."))
        elif one.id not in expected:
            errors.append(FieldError("arrivals", f"{who} has not come."))
    errors += [
        FieldError("departures", f"{one.confirmation}, {one.primary_guest.name}, should have left and is in house.")
        for one in was.departures
    ]
    if errors:
        raise Conflict(
            f"{was.day} is not ready to be closed: " + " ".join(error.message for error in errors[:5]),
            code="DAY_NOT_READY",
            action="Say of who has not come whether they are no-shows or still expected; check out who is due out, or "
            "lengthen the stay. A manager may close the day anyway.",
            errors=errors,
        )


async def _note(
    tx: Tx, caller: Caller, property_id: UUID, was: Standing, opened: date, no_shows: Collection[UUID]
) -> None:
    detail = {
        "closed": str(was.day),
        "opened": str(opened),
        "no_shows": [one.confirmation for one in was.arrivals if one.id in no_shows],
        "expected": [one.confirmation for one in was.arrivals if one.id not in no_shows],
        "still_in_house": [one.confirmation for one in was.departures],
    }
    await audit.record(tx, caller, "day.closed", "property", property_id, detail, property_id=property_id)
