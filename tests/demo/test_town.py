"""The parts of the demo by themselves: its clock, its OPERA that follows the house, its outlets' hours and hands."""

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from innkeeper.demo.clock import HotelClock
from innkeeper.demo.handwriting import signature
from innkeeper.demo.keeping import Keeper
from innkeeper.demo.opera import OUTAGE, Opera, Stay, open_opera
from innkeeper.demo.outlets import PLACES
from innkeeper.room_charge import signatures
from innkeeper.simulators.opera import HotelState, OperaApp
from innkeeper.simulators.opera.demo_hotel import OUTLET_CODES

pytestmark = pytest.mark.anyio

TODAY = date(2030, 6, 1)
ZONE = "Europe/Lisbon"


def stay(confirmation: str, room: str, nights: int = 2, adults: int = 1) -> Stay:
    return Stay(confirmation, "Clara Nobre", "", "", room, TODAY, TODAY + timedelta(days=nights), adults)


def in_house(state: HotelState) -> dict[str, str]:
    return {one.room: one.confirmation for one in state.reservations.values() if one.status == "InHouse"}


@pytest.fixture
def state() -> HotelState:
    return HotelState(currency="EUR", business_date=TODAY)


@pytest.fixture
def opera(state: HotelState) -> Opera:
    from innkeeper.simulators.opera.demo_hotel import CODES

    state.codes = {code.code: code for code in CODES}
    return Opera("http://opera.test", OperaApp(state), lambda: None)


def test_opera_follows_the_house_in_arrivals_moves_and_departures(opera: Opera, state: HotelState) -> None:
    opera.follow([stay("A", "101"), stay("B", "102")])
    assert in_house(state) == {"101": "A", "102": "B"}
    opera.follow([stay("A", "201"), stay("C", "102")])
    assert in_house(state) == {"201": "A", "102": "C"}
    (gone,) = [one for one in state.reservations.values() if one.confirmation == "B"]
    assert (gone.status, gone.checked_out_on) == ("CheckedOut", TODAY)
    assert opera.rooms() == ["102", "201"]


def test_following_again_changes_nothing(opera: Opera, state: HotelState) -> None:
    stays = [stay(str(n), f"4{n:02d}", adults=2) for n in range(40)]
    opera.follow(stays)
    before = {one.id: one.room for one in state.reservations.values()}
    opera.follow(stays)
    assert {one.id: one.room for one in state.reservations.values()} == before
    assert any(one.no_post for one in state.reservations.values())
    assert any(one.share for one in state.reservations.values())


def test_books_of_opera_stay_small_however_long_it_runs(opera: Opera, state: HotelState) -> None:
    sizes = []
    for night in range(120):
        opera.follow([stay(f"{night}-{room}", f"4{room:02d}") for room in range(8)])
        opera.close_day()
        sizes.append(len(state.postings) + len(state.reservations) + len(state.profiles))
    assert max(sizes[60:]) <= max(sizes[:60])
    assert state.business_date == TODAY + timedelta(days=120)
    journal = state.postings_between(state.business_date - timedelta(days=31), state.business_date)
    assert {one.reservation_id for one in journal} <= state.reservations.keys()


async def test_opera_goes_on_where_it_was_left(tmp_path: Path) -> None:
    async with open_opera(tmp_path, "Harbour House", "EUR", TODAY) as first:
        first.follow([stay("A", "101")])
        first.close_day()
        url = first.url
    async with open_opera(tmp_path, "Harbour House", "EUR", TODAY) as again:
        assert (again.rooms(), again.business_date) == (["101"], TODAY + timedelta(days=1))
        assert again.url == url


def test_kept_state_of_a_killed_writer_is_the_old_one(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, "opera")
    keeper.save({"day": 1})
    (tmp_path / "simulated-opera.new").write_bytes(b"half of i")
    assert keeper.load() == {"day": 1}


def test_clock_begins_before_the_first_evening_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    clock = HotelClock.kept(tmp_path, TODAY, ZONE, speed=1.0)
    assert (clock.now().date(), clock.now().hour) == (TODAY, 17)
    later = HotelClock(clock.now() + timedelta(hours=7), 1.0, tmp_path / "hotel-clock.txt")
    with later.stopped():
        later.keep()
        assert HotelClock.kept(tmp_path, TODAY, ZONE, speed=1.0).now() >= later.now()
    assert HotelClock.kept(tmp_path, TODAY + timedelta(days=1), ZONE, speed=1.0).now().date() == later.now().date()
    assert HotelClock.kept(tmp_path, TODAY + timedelta(days=9), ZONE, speed=1.0).now().hour == 17


async def test_clock_that_is_stopped_stands_still(tmp_path: Path) -> None:
    clock = HotelClock(datetime(2030, 6, 1, 3, tzinfo=UTC), 86400.0, tmp_path / "clock.txt")
    with clock.stopped():
        before = clock.now()
        await HotelClock(before, 86400.0, tmp_path / "other.txt").reach(before + timedelta(hours=1))
        assert clock.now() == before


def test_outlets_are_busy_in_the_outage_and_closed_at_the_audit() -> None:
    evening = OUTAGE[0].hour + OUTAGE[0].minute / 60
    assert sum(place.pace(evening) for place in PLACES) >= 6
    assert sum(place.pace(3.0) for place in PLACES) == 0
    assert sum(place.pace(0.25) for place in PLACES) > 0
    assert {place.code for place in PLACES} == set(OUTLET_CODES)


def test_drawn_signature_is_one_that_the_api_takes() -> None:
    rng = random.Random(7)
    drawn = {signature(rng) for _ in range(20)}
    for one in drawn:
        signatures.decode(one)
    assert len(drawn) == 20
