"""The hotel's own day: which business date an instant belongs to, and what its clock shows."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from innkeeper.domain.errors import Invalid
from innkeeper.domain.quoting import quoted

#: Until the night audit closes it, the night still belongs to the evening before.
DAY_TURN = time(4, 0)


def utc_now() -> datetime:
    """Return the present instant, aware, in UTC."""
    return datetime.now(UTC)


def check_zone(name: str, field: str = "timezone") -> str:
    """Return the zone's name. Raises Invalid when the IANA data base does not have it."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"{quoted(name)} is not a time zone name such as Europe/Lisbon."
        raise Invalid.field(field, message) from None
    return name


def hotel_time(instant: datetime, zone: str) -> datetime:
    """Return `instant` as the hotel's wall clock shows it."""
    return instant.astimezone(ZoneInfo(zone))


def hotel_date(instant: datetime, zone: str) -> date:
    """Return the calendar date at the hotel."""
    return hotel_time(instant, zone).date()


def first_business_date(instant: datetime, zone: str) -> date:
    """Return the business date a property starts with: before the day turns, still yesterday's."""
    local = hotel_time(instant, zone)
    return local.date() - timedelta(days=1) if local.time() < DAY_TURN else local.date()
