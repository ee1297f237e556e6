"""The shop's wall clock, around the hours that happen twice or never."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from innkeeper.connectors.qloapps import shop_time

WARSAW = ZoneInfo("Europe/Warsaw")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")


def test_summer_and_winter_are_told_apart() -> None:
    assert shop_time.to_utc("2026-07-01 12:00:00", WARSAW) == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert shop_time.to_utc("2026-12-01 12:00:00", WARSAW) == datetime(2026, 12, 1, 11, tzinfo=UTC)
    assert shop_time.to_utc("0000-00-00 00:00:00", WARSAW) is None


@pytest.mark.parametrize(
    ("day", "zone", "before"),
    [
        ("2027-03-28", "Europe/Warsaw", "2027-03-27"),
        ("2027-03-29", "Europe/Warsaw", "2027-03-27"),
        ("2027-03-30", "Europe/Warsaw", "2027-03-29"),
        ("2027-11-01", "Europe/Warsaw", "2027-10-31"),
        ("2027-10-04", "Australia/Lord_Howe", "2027-10-02"),
        ("2027-03-29", "Asia/Beirut", "2027-03-27"),
        ("2027-03-29", "UTC", "2027-03-28"),
    ],
)
def test_a_day_before_a_day_begins_is_two_dates_back_after_a_short_one(day: str, zone: str, before: str) -> None:
    assert shop_time.a_day_before(date.fromisoformat(day), ZoneInfo(zone)) == date.fromisoformat(before)


def test_the_hour_that_happens_twice_means_the_first_and_round_trips_from_either() -> None:
    assert shop_time.to_utc("2026-10-25 02:30:00", WARSAW) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert shop_time.to_shop(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), WARSAW) == "2026-10-25 02:30:00"
    assert shop_time.to_shop(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), WARSAW) == "2026-10-25 02:30:00"


@pytest.mark.parametrize(
    ("progress", "start"),
    [
        ("", shop_time.BEGINNING),
        ("2026-11-22 02:00:26", "2026-11-22 01:59:26"),
        ("2026-10-25 01:59:00", "2026-10-25 01:58:00"),
        ("2026-10-25 02:30:00", "2026-10-25 01:28:00"),
        ("2026-10-25 03:00:30", "2026-10-25 01:58:30"),
        ("2026-10-25 03:05:00", "2026-10-25 03:04:00"),
        ("2026-03-29 03:10:00", "2026-03-29 03:09:00"),
    ],
)
def test_a_poll_starts_an_overlap_earlier_and_before_the_hour_that_happens_twice(progress: str, start: str) -> None:
    assert shop_time.poll_start(progress, 60, WARSAW) == start


def test_a_clock_that_is_put_back_by_half_an_hour_is_met_too() -> None:
    # Lord Howe: 02:00 becomes 01:30 on 5 April 2026
    assert shop_time.poll_start("2026-04-05 01:40:00", 60, LORD_HOWE) == "2026-04-05 01:08:00"
