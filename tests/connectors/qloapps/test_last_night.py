"""Prices of stays over a change to summer time, of which 1.7.0 forgets the last night (Warsaw, 28 March 2027)."""

from decimal import Decimal

import pytest

from innkeeper.connectors.qloapps.writer import PRICE_CORRECTED
from innkeeper.domain.channel import ChannelBooking, DraftLine
from innkeeper.domain.outcome import Later
from innkeeper.simulators.qloapps.resources import resource_names
from innkeeper.simulators.qloapps.state import DEMO_KEY
from tests.connectors.qloapps.shops import Shop, done, draft, kept, line, shop

pytestmark = pytest.mark.anyio

LEAVES = "2027-03-29"


def stay(nights: int, key: str = "a", gross: str = "300.00", room_type: int = 1) -> DraftLine:
    """Return a room to the day after the short one."""
    return line(key, room_type, f"2027-03-{29 - nights}", LEAVES, gross)


def costs(booking: ChannelBooking, *gross: str) -> bool:
    """Whether the rooms cost what they should, to a cent."""
    there = sorted(each.gross for each in booking.lines if not each.released)
    pairs = zip(there, sorted(map(Decimal, gross)), strict=True)
    return all(abs(one - other) <= Decimal("0.01") for one, other in pairs)


def forbid_carts(hotel: Shop) -> None:
    """Let the key do everything but read carts."""
    key = hotel.state.keys[DEMO_KEY]
    key.permissions = {name: key.methods(name) for name in resource_names(hotel.state.version) if name != "carts"}


@pytest.mark.parametrize("nights", [1, 2, 3, 7])
async def test_booking_gets_its_price_with_the_first_correction(nights: int) -> None:
    async with shop() as hotel:
        made = done(await hotel.connector.create(draft(stay(nights))))
        assert costs(made.booking, "300.00")
        assert (made.mismatches, made.adjusted) == ((), (PRICE_CORRECTED,))
        assert hotel.writes == [
            "POST /api/bookings",
            "POST /api/feature_prices",
            f"PUT /api/bookings/{made.booking.order_id}",
        ]
        assert hotel.state.feature_prices == {}


async def test_each_room_of_a_booking_is_priced_alone() -> None:
    async with shop() as hotel:
        rooms = (stay(1), stay(1, "b", "210.00"), stay(3, "c", "777.77", 2), line("d", 1, "2027-03-25", "2027-03-27"))
        made = done(await hotel.connector.create(draft(*rooms)))
        assert costs(made.booking, "300.00", "210.00", "777.77", "300.00")
        assert made.mismatches == ()
        assert hotel.state.feature_prices == {}


async def test_change_of_dates_and_price_finds_the_night_again() -> None:
    async with shop() as hotel:
        before, after = line("a", 1, "2027-03-20", "2027-03-23"), line("a", 1, "2027-03-30", "2027-04-02")
        made = done(await hotel.connector.create(draft(before)))
        for wanted in (stay(2), stay(2, gross="199.99"), stay(1, gross="88.00"), after):
            plan = draft(*kept(made, wanted))
            made = done(await hotel.connector.amend(made.booking.order_id, plan, made.booking.digest))
            assert costs(made.booking, str(wanted.gross))
            assert made.mismatches == ()
        assert hotel.state.feature_prices == {}


async def test_price_in_another_currency_is_reached_too() -> None:
    async with shop() as hotel:
        euro = {"id": 2, "iso_code": "EUR", "conversion_rate": Decimal("0.25")}
        hotel.state.currencies[2] = hotel.state.currencies[1] | euro
        made = done(await hotel.connector.create(draft(stay(3, gross="120.00"), currency="EUR")))
        assert costs(made.booking, "120.00")
        assert made.mismatches == ()


async def test_rule_that_was_left_behind_is_taken_away_before_the_next() -> None:
    async with shop() as hotel:
        hotel.dial.next("error_before", method="PUT", path="bookings", times=2)
        made = done(await hotel.connector.create(draft(stay(1))))
        assert "the price at QloApps is 1230.00 PLN, 300.00 was sent" in made.mismatches[0]
        assert len(hotel.state.feature_prices) == 1
        plan = draft(*kept(made, stay(1)))
        made = done(await hotel.connector.amend(made.booking.order_id, plan, made.booking.digest))
        assert costs(made.booking, "300.00")
        assert made.mismatches == ()
        assert hotel.state.feature_prices == {}


@pytest.mark.parametrize("nights", [1, 3])
@pytest.mark.parametrize("fault", ["drop_before", "maintenance", "drop_after"])
async def test_correction_that_failed_once_is_sent_again_as_it_was(nights: int, fault: str) -> None:
    async with shop() as hotel:
        hotel.dial.next(fault, method="PUT", path="bookings")
        made = done(await hotel.connector.create(draft(stay(nights), line("b", 2, "2027-05-01", "2027-05-04"))))
        assert costs(made.booking, "300.00", "300.00")
        assert made.mismatches == ()


@pytest.mark.parametrize("fault", ["drop_before", "maintenance"])
async def test_prices_that_could_not_be_corrected_while_the_shop_was_away_are_later(fault: str) -> None:
    async with shop() as hotel:
        hotel.dial.next(fault, method="PUT", path="bookings", times=2)
        assert isinstance(await hotel.connector.create(draft(stay(1))), Later)
        found = done(await hotel.connector.create(draft(stay(1))))
        assert found.found
        plan = draft(*kept(found, stay(1)))
        made = done(await hotel.connector.amend(found.booking.order_id, plan, found.booking.digest))
        assert costs(made.booking, "300.00")
        assert hotel.state.feature_prices == {}


async def test_key_that_may_not_read_carts_books_all_the_same_and_the_price_is_told() -> None:
    async with shop() as hotel:
        forbid_carts(hotel)
        made = done(await hotel.connector.create(draft(stay(1))))
        assert len(made.booking.held) == 1
        (told,) = made.mismatches
        assert "the price at QloApps is 1230.00 PLN, 300.00 was sent" in told
        facts = done(await hotel.connector.describe())
        (warning,) = [one for one in facts.warnings if "carts" in one]
        assert "may not GET carts, so stays over a change to summer time" in warning
        assert facts.missing_permissions == ()


async def test_shop_whose_clock_is_never_put_forward_needs_no_carts() -> None:
    async with shop(timezone="UTC") as hotel:
        forbid_carts(hotel)
        assert not any("carts" in one for one in done(await hotel.connector.describe()).warnings)
        assert done(await hotel.connector.create(draft(stay(1)))).adjusted == ()
