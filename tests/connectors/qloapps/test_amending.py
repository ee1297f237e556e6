"""Changing bookings at the simulated shops: the lightest way, with every room, service and price looked at after."""

from decimal import Decimal
from typing import Any

import pytest

from innkeeper.domain.channel import BookingDraft, ChannelLine, WriteResult
from innkeeper.domain.outcome import Later, Refused, Unknown
from innkeeper.domain.stay import StayStatus
from innkeeper.simulators.qloapps.actors import Stay as TheirStay
from tests.connectors.qloapps.shops import VERSIONS, Shop, done, draft, guest, kept, line, shop

pytestmark = pytest.mark.anyio

CURRENCY = {"1.7.0": "PLN", "dev-2024-10": "USD"}
both = pytest.mark.parametrize("version", VERSIONS)


class Reservation:
    """A reservation of ours at a shop, changed step by step."""

    def __init__(self, hotel: Shop, version: str) -> None:
        self.hotel = hotel
        self.currency = CURRENCY[version]
        self.result: WriteResult | None = None

    def draft(self, *lines: Any) -> BookingDraft:
        """Return the draft with the lines that already stand for its rooms."""
        return draft(*(kept(self.result, *lines) if self.result else lines), currency=self.currency)

    async def make(self, *lines: Any) -> WriteResult:
        """Make the booking."""
        self.result = done(await self.hotel.connector.create(self.draft(*lines)))
        assert self.result.mismatches == ()
        return self.result

    async def attempt(self, *lines: Any) -> Any:
        """Change the booking and return how that ended."""
        assert self.result is not None
        self.hotel.exchanges.clear()
        booking = self.result.booking
        return await self.hotel.connector.amend(booking.order_id, self.draft(*lines), booking.digest)

    async def amend(self, *lines: Any) -> WriteResult:
        """Change the booking, which must succeed without anything to tell."""
        self.result = done(await self.attempt(*lines))
        assert self.result.mismatches == ()
        return self.result

    def line(self, key: str) -> ChannelLine:
        """Return the line that stands for a room."""
        assert self.result is not None
        wanted = self.result.line_ids[key]
        return next(each for each in self.result.booking.lines if each.line_id == wanted)

    @property
    def kinds(self) -> list[str]:
        """The resources that were written, in order."""
        return [write.split("/")[2] for write in self.hotel.writes]


@both
async def test_nothing_to_change_costs_three_requests_and_writes_nothing(version: str) -> None:
    async with shop(version) as hotel:
        res = Reservation(hotel, version)
        await res.make(line())
        before = hotel.connector.requests_made
        await res.amend(line())
        assert (hotel.writes, hotel.connector.requests_made - before) == ([], 3)


@both
async def test_check_in_and_occupancy_are_set_in_the_line_and_touch_nothing_else(version: str) -> None:
    async with shop(version) as hotel:
        res = Reservation(hotel, version)
        first = await res.make(line("a"), line("b"))
        await res.amend(line("a", status=StayStatus.CHECKED_IN, adults=1, children=2, child_ages=(3, 4)), line("b"))
        assert res.kinds == ["room_bookings"]
        assert res.line("a").status is StayStatus.CHECKED_IN
        assert (res.line("a").adults, res.line("a").children, res.line("a").child_ages) == (1, 2, (3, 4))
        assert res.line("b") == next(x for x in first.booking.lines if x.line_id == first.line_ids["b"])
        await res.amend(line("a", status=StayStatus.CHECKED_OUT, adults=1, children=2, child_ages=(3, 4)), line("b"))
        assert res.line("a").status is StayStatus.CHECKED_OUT
        row = hotel.state.lines[res.line("a").line_id]
        assert row.check_in.startswith("2026-11-22")
        assert row.check_out.startswith("2026-11-22")


@both
async def test_a_longer_stay_keeps_line_room_and_status_while_the_room_is_free(version: str) -> None:
    async with shop(version) as hotel:
        res = Reservation(hotel, version)
        await res.make(line(status=StayStatus.CHECKED_IN))
        before = res.line("a")
        await res.amend(line(last="2027-03-06", gross="500.00", status=StayStatus.CHECKED_IN))
        after = res.line("a")
        assert (after.line_id, after.room_id, after.status) == (before.line_id, before.room_id, StayStatus.CHECKED_IN)
        assert after.stay.nights == 5
        assert res.kinds == ["room_bookings", "bookings"]
        assert res.result is not None
        assert abs(res.result.booking.total_gross - Decimal("500.00")) <= Decimal("0.01")


@both
async def test_a_longer_stay_moves_to_another_room_when_its_own_is_taken(version: str) -> None:
    async with shop(version) as hotel:
        res = Reservation(hotel, version)
        await res.make(line(status=StayStatus.CHECKED_IN))
        before = res.line("a")
        hotel.book(TheirStay(1, "2027-03-04", "2027-03-06", id_room=before.room_id), guest=guest())
        await res.amend(line(last="2027-03-06", gross="500.00", status=StayStatus.CHECKED_IN))
        assert res.line("a").room_id != before.room_id
        assert res.line("a").status is StayStatus.CHECKED_IN
        assert res.kinds == ["bookings", "room_bookings"]


@both
async def test_a_longer_stay_in_a_full_house_keeps_its_own_room(version: str) -> None:
    async with shop(version) as hotel:
        res = Reservation(hotel, version)
        await res.make(line())
        before = res.line("a")
        hotel.book(TheirStay(1, "2027-03-01", "2027-03-06", rooms=4), guest=guest())
        await res.amend(line(last="2027-03-06", gross="500.00"))
        assert res.line("a").room_id == before.room_id


@both
async def test_a_longer_stay_with_no_room_at_all_is_refused_and_changes_nothing(version: str) -> None:
    async with shop(version) as hotel:
        res = Reservation(hotel, version)
        made = await res.make(line())
        hotel.book(TheirStay(1, "2027-03-04", "2027-03-06", rooms=5), guest=guest())
        outcome = await res.attempt(line(last="2027-03-06"))
        assert isinstance(outcome, Refused)
        assert outcome.code == "NOT_AVAILABLE"
        assert done(await hotel.connector.booking(made.booking.order_id)) == made.booking


@both
async def test_another_type_and_a_room_more_leave_the_other_rooms_alone(version: str) -> None:
    async with shop(version) as hotel:
        res = Reservation(hotel, version)
        await res.make(line("a", gross="400.00"), line("b", gross="500.00"))
        before = res.line("b")
        await res.amend(line("a", 2, gross="600.00"), line("b", gross="500.00"), line("c", 3, gross="700.00"))
        assert res.line("b") == before
        assert (res.line("a").room_type_id, res.line("c").room_type_id) == (2, 3)
        assert res.kinds[0] == "bookings"


@both
async def test_a_room_less_is_released_and_may_come_again(version: str) -> None:
    async with shop(version) as hotel:
        res = Reservation(hotel, version)
        await res.make(line("a"), line("b"))
        await res.amend(line("a"))
        assert res.kinds == ["room_bookings"]
        assert res.result is not None
        assert [each.released for each in res.result.booking.lines] == [False, True]
        await res.amend(line("a"), line("c", gross="310.00"))
        assert len(res.result.booking.held) == 2


@both
async def test_a_cancelled_room_of_the_draft_counts_as_a_room_less(version: str) -> None:
    async with shop(version) as hotel:
        res = Reservation(hotel, version)
        await res.make(line("a"), line("b"))
        await res.amend(line("a"), line("b", status=StayStatus.CANCELLED))
        assert res.result is not None
        assert len(res.result.booking.held) == 1


@both
async def test_all_rooms_cancelled_cancels_the_booking(version: str) -> None:
    async with shop(version) as hotel:
        res = Reservation(hotel, version)
        await res.make(line("a"))
        gone = done(await res.attempt(line("a", status=StayStatus.CANCELLED)))
        assert gone.booking.state == "cancelled"


@both
@pytest.mark.parametrize("nights", [1, 2, 3, 5])
async def test_a_new_price_stands_there_to_a_cent(version: str, nights: int) -> None:
    async with shop(version) as hotel:
        res = Reservation(hotel, version)
        await res.make(line(last=f"2027-03-{1 + nights:02}", gross="600.00"))
        await res.amend(line(last=f"2027-03-{1 + nights:02}", gross="433.33"))
        assert abs(res.line("a").gross - Decimal("433.33")) <= Decimal("0.01")
        assert res.kinds == ["bookings"]


async def test_a_new_price_that_equals_the_old_one_per_night_is_not_taken_for_no_change() -> None:
    async with shop() as hotel:
        res = Reservation(hotel, "1.7.0")
        await res.make(line(gross="600.00"))
        await res.amend(line(gross="300.00"))


# services ----------------------------------------------------------------------------------------------------------


async def with_services(hotel: Shop, version: str) -> Reservation:
    """Make a booking of two rooms, the first with breakfast and the second with dinner."""
    room = {"adults": 2, "adult": 2, "child": 0, "id_tax_rules_group": 0}
    rooms = [
        room | {"services": [{"id_service": 9, "quantity": 1}]},
        room | {"services": [{"id_service": 10, "quantity": 1}]},
    ]
    group = {
        "id_room_type": 2,
        "checkin_date": "2027-03-01",
        "checkout_date": "2027-03-04",
        "number_of_rooms": 2,
        "rooms": rooms,
    }
    who = {"firstname": "Grace", "lastname": "Example", "email": "grace@guest.example", "phone": "5550100"}
    document = {
        "booking": {
            "id_property": 1,
            "currency": CURRENCY[version],
            "source": "innkeeper:R-1",
            "associations": {"customer_detail": who, "room_types": [group]},
        }
    }
    await hotel.connector._client.send_booking("POST", "bookings", document)
    (booking,) = done(await hotel.connector.find_by_reference("R-1"))
    res = Reservation(hotel, version)
    first, second = booking.lines
    res.result = WriteResult(booking, {"a": first.line_id, "b": second.line_id})
    return res


async def services_of(res: Reservation, key: str) -> list[tuple[str, Decimal]]:
    """Return name and price of the services of a room."""
    assert res.result is not None
    details = done(await res.hotel.connector.details(res.result.booking.order_id))
    return [(each.name, each.net) for each in details.services if each.line_id == res.line(key).line_id]


def as_is(res: Reservation, key: str, **more: Any) -> Any:
    """Return the draft line of a room as it stands."""
    there = res.line(key)
    plain = {"first": f"{there.stay.check_in}", "last": f"{there.stay.check_out}", "gross": str(there.gross)}
    return line(key, there.room_type_id, **(plain | {"adults": there.adults, "children": there.children} | more))


@both
async def test_a_new_price_loses_no_service(version: str) -> None:
    async with shop(version) as hotel:
        res = await with_services(hotel, version)
        await res.amend(as_is(res, "a", gross="2000.00"), as_is(res, "b"))
        assert await services_of(res, "a") == [("Breakfast", Decimal("1050.00"))]
        assert await services_of(res, "b") == [("Dinner", Decimal("1350.00"))]


@both
async def test_a_room_more_loses_no_service(version: str) -> None:
    async with shop(version) as hotel:
        res = await with_services(hotel, version)
        await res.amend(as_is(res, "a"), as_is(res, "b"), line("c", 2, gross="99.00"))
        assert await services_of(res, "a") == [("Breakfast", Decimal("1050.00"))]
        assert await services_of(res, "b") == [("Dinner", Decimal("1350.00"))]


@both
async def test_other_dates_price_the_nightly_services_for_the_new_nights(version: str) -> None:
    async with shop(version) as hotel:
        res = await with_services(hotel, version)
        await res.amend(as_is(res, "a"), as_is(res, "b", last="2027-03-06", gross="5000.00"))
        assert await services_of(res, "a") == [("Breakfast", Decimal("1050.00"))]
        assert await services_of(res, "b") == [("Dinner", Decimal("2250.00"))]


@both
async def test_a_room_less_keeps_the_services_of_the_others(version: str) -> None:
    async with shop(version) as hotel:
        res = await with_services(hotel, version)
        await res.amend(as_is(res, "b"))
        assert await services_of(res, "b") == [("Dinner", Decimal("1350.00"))]


# what others do meanwhile ------------------------------------------------------------------------------------------


@both
async def test_a_booking_that_was_changed_there_meanwhile_is_not_written(version: str) -> None:
    async with shop(version) as hotel:
        res = Reservation(hotel, version)
        made = await res.make(line())
        hotel.office.check_in(hotel.state.lines[made.booking.lines[0].line_id])
        outcome = await res.attempt(line(gross="999.00"))
        assert isinstance(outcome, Refused)
        assert outcome.code == "CHANGED_MEANWHILE"
        assert hotel.writes == []


async def test_a_cancelled_booking_is_not_brought_back() -> None:
    async with shop() as hotel:
        res = Reservation(hotel, "1.7.0")
        made = await res.make(line())
        res.result = done(await hotel.connector.cancel(made.booking.order_id))
        outcome = await res.attempt(line())
        assert isinstance(outcome, Refused)
        assert outcome.code == "BOOKING_CLOSED"


async def test_an_unknown_booking_is_refused() -> None:
    async with shop() as hotel:
        outcome = await hotel.connector.amend(4711, draft(), "x")
        assert isinstance(outcome, Refused)
        assert outcome.code == "NOT_FOUND"


# lost answers ------------------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("fault", ["error_after", "drop_after", "drop_during", "truncate"])
async def test_a_lost_answer_to_a_change_is_read_back(version: str, fault: str) -> None:
    async with shop(version) as hotel:
        res = Reservation(hotel, version)
        await res.make(line())
        for n, path in enumerate(("room_bookings", "bookings")):
            hotel.dial.next(fault, method="PUT", path=path)
            await res.amend(line(last=f"2027-03-{5 + n:02}", gross=f"{500 + n}.00"))
            assert hotel.dial.scripted == 0


@pytest.mark.parametrize("path", ["room_bookings", "bookings"])
async def test_a_change_that_was_not_made_is_never_done(path: str) -> None:
    async with shop() as hotel:
        res = Reservation(hotel, "1.7.0")
        await res.make(line())
        wanted = line(adults=1) if path == "room_bookings" else line(gross="555.00")
        for fault, kind in (
            ("error_before", Later),
            ("too_many", Later),
            ("maintenance", Later),
            ("drop_before", Unknown),
        ):
            hotel.dial.next(fault, method="PUT", path=path)
            assert isinstance(await res.attempt(wanted), kind), fault
        await res.amend(wanted)


@both
async def test_strict_php_answers_500_after_the_work_and_the_change_stands(version: str) -> None:
    async with shop(version) as hotel:
        hotel.state.strict, hotel.state.group_without_tax = True, False
        res = Reservation(hotel, version)
        await res.make(line(gross="600.00"))
        await res.amend(line(gross="433.33"), line("b", 2, gross="99.00"))
        assert res.result is not None
        assert len(res.result.booking.held) == 2


async def test_where_a_strict_snapshot_cannot_show_its_services_no_put_puts_them_at_risk() -> None:
    async with shop("dev-2024-10") as hotel:
        hotel.state.strict, hotel.state.group_without_tax = True, True
        res = Reservation(hotel, "dev-2024-10")
        await res.make(line(gross="600.00"))
        outcome = await res.attempt(line(gross="600.00"), line("b", 2, gross="99.00"))
        assert isinstance(outcome, Refused)
        assert outcome.code == "SERVICES_AT_RISK"
        assert hotel.writes == []
        dearer = done(await res.attempt(line(gross="650.00")))
        assert res.kinds == ["room_bookings"]
        assert dearer.booking.lines[0].gross == Decimal("650.00")
        assert ["order total" in told for told in dearer.mismatches] == [True]
        details = await hotel.connector.details(dearer.booking.order_id)
        assert isinstance(details, Refused)
        assert details.code == "PHP_WARNING"
