"""The shop's wall clock: its timestamps to instants and back, and how far back a poll must start around a fall-back."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

FORMAT = "%Y-%m-%d %H:%M:%S"
BEGINNING = "1970-01-01 00:00:00"
END = "2099-01-01 00:00:00"


def parse(text: str) -> datetime | None:
    """Return the wall-clock time, without a zone; None for what QloApps writes when there is none (all zeros)."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None


def parse_date(text: str) -> date:
    """Return the date of `YYYY-MM-DD` with or without a time; 1970-01-01 for one that cannot be (0000-00-00)."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return date(1970, 1, 1)


@lru_cache(maxsize=4096)
def to_utc(text: str, zone: ZoneInfo) -> datetime | None:
    """Return the instant of a shop timestamp; None when there is none.

    In the hour that happens twice the earlier instant is meant, since nothing in the timestamp tells them apart.
    """
    wall = parse(text)
    return wall.replace(tzinfo=zone).astimezone(UTC) if wall else None


def to_shop(instant: datetime, zone: ZoneInfo) -> str:
    """Return the shop's timestamp of an instant."""
    return instant.astimezone(zone).strftime(FORMAT)


def a_day_before(day: date, zone: ZoneInfo) -> date:
    """Return the date of the moment 24 hours before `day` begins, which is two days before over a change to summer."""
    begins = datetime.combine(day, time(), zone)
    return (begins.astimezone(UTC) - timedelta(days=1)).astimezone(zone).date()


def fold_length(wall: datetime, zone: ZoneInfo) -> timedelta:
    """Return by how much the clock was put back when `wall` is in the stretch that happens twice, else zero."""
    first = wall.replace(tzinfo=zone, fold=0).utcoffset()
    second = wall.replace(tzinfo=zone, fold=1).utcoffset()
    if first is None or second is None or first <= second:  # a gap in spring has them the other way round
        return timedelta(0)
    return first - second


def poll_start(progress: str, overlap_seconds: int, zone: ZoneInfo) -> str:
    """Return the timestamp from which the next poll must list, given how far the last one got.

    That is `overlap_seconds` earlier, since a row is stamped before it is committed. When the clock was put back
    around then, rows written later bear earlier times: the poll then starts before the stretch that happens twice.
    """
    wall = parse(progress)
    if wall is None:
        return BEGINNING
    overlap = timedelta(seconds=overlap_seconds)
    start = wall - overlap
    repeated = max(fold_length(wall, zone), fold_length(start, zone))
    if repeated:
        start = wall - repeated - overlap * 2
    return max(start.strftime(FORMAT), BEGINNING)
