"""Making and cancelling bookings at the simulated shops, while everything goes wrong that can."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from innkeeper.connectors.qloapps import QloAppsConnector, QloAppsSettings
from innkeeper.domain.channel import BookingState, DraftGuest, Payment
from innkeeper.domain.outcome import Actor, Done, Later, Refused, Unknown
from innkeeper.domain.stay import StayStatus
from innkeeper.simulators.qloapps.actors import Guest
from innkeeper.simulators.qloapps.actors import Stay as TheirStay
from innkeeper.simulators.qloapps.state import DEMO_KEY
from innkeeper.simulators.server import serve
from tests.connectors.qloapps.shops import VERSIONS, NoLimit, Shop, another, done, draft, guest, line, shop

pytestmark = pytest.mark.anyio

CURRENCY = {"1.7.0": "PLN", "dev-2024-10": "USD"}
both = pytest.mark.parametrize("version", VERSIONS)


def bookings_with(shop: Shop, reference: str = "R-1") -> list[Any]:
    """Return the orders at the shop that carry our reference and are not cancelled."""
    return [
        order
        for order in shop.state.orders.values()
        if order.source == f"innkeeper:{reference}" and order.current_state != 4
    ]


# making ------------------------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("nights", [1, 2, 3, 7])
async def test_the_price_that_stands_there_is_the_one_sent_to_a_cent(version: str, nights: int) -> None:
    async with shop(version) as hotel:
        wanted = line(first="2027-03-01", last=f"2027-03-{1 + nights:02}", gross="1000.00")
        made = done(await hotel.connector.create(draft(wanted, currency=CURRENCY[version])))
        assert abs(made.booking.lines[0].gross - Decimal("1000.00")) <= Decimal("0.01")
        assert made.mismatches == ()
        assert made.adjusted == ()
        assert len(hotel.writes) == 1


@both
async def test_a_booking_of_three_rooms_with_children_is_made_in_one_piece(version: str) -> None:
    async with shop(version) as hotel:
        lines = (
            line("a", 1, gross="400.00", adults=1, children=2, child_ages=(3, 9)),
            line("b", 1, gross="500.00"),
            line("c", 2, first="2027-03-02", last="2027-03-03", gross="120.00"),
        )
        made = done(
            await hotel.connector.create(draft(*lines, currency=CURRENCY[version], remark="Late", paid=Decimal(100)))
        )
        assert len(hotel.state.orders) == 1
        by_key = {
            key: next(each for each in made.booking.lines if each.line_id == i) for key, i in made.line_ids.items()
        }
        assert {key: each.gross for key, each in by_key.items()} == {
            "a": Decimal("400.00"), "b": Decimal("500.00"), "c": Decimal("120.00"),
        }  # fmt: skip
        assert (by_key["a"].adults, by_key["a"].children, by_key["a"].child_ages) == (1, 2, (3, 9))
        assert made.booking.payment is Payment.PARTIAL
        assert made.booking.our_reference == "R-1"
        assert made.mismatches == ()
        details = done(await hotel.connector.details(made.booking.order_id))
        assert details.remarks == ("Late",)


async def test_a_create_costs_seven_requests_once_the_shop_is_known() -> None:
    async with shop() as hotel:
        await hotel.connector.create(draft())
        before = hotel.connector.requests_made
        done(await hotel.connector.create(draft(reference="R-2")))
        assert hotel.connector.requests_made - before == 7


@both
async def test_a_stay_status_is_set_on_each_line_after_the_booking_is_made(version: str) -> None:
    async with shop(version) as hotel:
        lines = (line("a", status=StayStatus.CHECKED_IN), line("b", status=StayStatus.CHECKED_OUT), line("c"))
        made = done(await hotel.connector.create(draft(*lines, currency=CURRENCY[version])))
        status = {key: next(x.status for x in made.booking.lines if x.line_id == i) for key, i in made.line_ids.items()}
        assert status == {"a": StayStatus.CHECKED_IN, "b": StayStatus.CHECKED_OUT, "c": StayStatus.CONFIRMED}


async def test_a_second_create_returns_the_first_booking() -> None:
    async with shop() as hotel:
        first = done(await hotel.connector.create(draft()))
        again = done(await hotel.connector.create(draft()))
        assert again.found
        assert not first.found
        assert again.booking == first.booking
        assert len(hotel.state.orders) == 1


async def test_a_booking_that_was_cancelled_there_is_returned_and_not_made_again() -> None:
    async with shop() as hotel:
        first = done(await hotel.connector.create(draft()))
        hotel.office.cancel(hotel.state.orders[first.booking.order_id])
        again = done(await hotel.connector.create(draft()))
        assert again.booking.state is BookingState.CANCELLED
        assert again.mismatches == ("The booking is cancelled at QloApps.",)
        assert len(hotel.state.orders) == 1


@both
@pytest.mark.parametrize("fault", ["error_after", "drop_after", "drop_during", "truncate"])
async def test_a_lost_answer_after_the_work_is_done_makes_no_second_booking(version: str, fault: str) -> None:
    async with shop(version) as hotel:
        hotel.dial.next(fault, method="POST", path="bookings")
        made = done(await hotel.connector.create(draft(currency=CURRENCY[version])))
        assert made.mismatches == ()
        assert len(bookings_with(hotel)) == 1


@pytest.mark.parametrize(
    ("fault", "code"), [("error_before", "SERVER_ERROR"), ("too_many", "RATE_LIMIT"), ("maintenance", "MAINTENANCE")]
)
async def test_a_failure_that_did_nothing_is_later_and_the_next_try_makes_one(fault: str, code: str) -> None:
    async with shop() as hotel:
        hotel.dial.next(fault, method="POST", path="bookings")
        first = await hotel.connector.create(draft())
        assert isinstance(first, Later)
        assert first.code == code
        assert bookings_with(hotel) == []
        done(await hotel.connector.create(draft()))
        assert len(bookings_with(hotel)) == 1


@pytest.mark.parametrize("fault", ["drop_before", "late"])
async def test_a_silence_that_proves_nothing_is_unknown(fault: str) -> None:
    async with shop() as hotel:
        hotel.dial.next(fault, method="POST", path="bookings")
        outcome = await hotel.connector.create(draft())
        assert isinstance(outcome, Unknown)
        assert outcome.evidence["reference"] == "R-1"
        await hotel.app.settle()
        found = done(await hotel.connector.find_by_reference("R-1"))
        assert len(found) == (1 if fault == "late" else 0)
        again = done(await hotel.connector.create(draft()))
        assert again.found is (fault == "late")
        assert len(bookings_with(hotel)) == 1


async def test_when_the_look_up_fails_too_it_is_unknown() -> None:
    async with shop(max_retries=2) as hotel:
        await hotel.connector.create(draft(reference="R-0"))
        hotel.dial.next("drop_after", method="POST", path="bookings")
        hotel.dial.next("drop_before", method="GET", path="orders", times=1)
        # the first look-up of the reference comes before the POST and must get through
        hotel.dial.next("drop_before", method="GET", path="orders", times=5)
        outcome = await hotel.connector.create(draft())
        assert isinstance(outcome, Unknown | Later)
        hotel.dial.calm()
        assert len(bookings_with(hotel)) <= 1


async def test_a_proxy_that_repeats_the_post_leaves_one_booking() -> None:
    async with shop() as hotel:
        hotel.dial.next("duplicate", method="POST", path="bookings")
        made = done(await hotel.connector.create(draft()))
        assert len(hotel.state.orders) == 2
        assert [order.id for order in bookings_with(hotel)] == [made.booking.order_id]
        assert "duplicate_cancelled" in made.adjusted


@both
async def test_a_guest_that_cannot_be_represented_goes_out_in_a_form_that_can(version: str) -> None:
    async with shop(version) as hotel:
        who = DraftGuest("R2D2 😀", "Example", "not an email", None)
        made = done(await hotel.connector.create(draft(guest=who, currency=CURRENCY[version])))
        assert set(made.adjusted) == {"guest_name_adjusted", "guest_phone_placeholder", "guest_email_placeholder"}
        assert made.booking.customer is not None
        assert made.booking.customer.email == "r-1@guest.invalid"


async def test_a_customer_that_is_there_is_neither_renamed_nor_doubled() -> None:
    async with shop() as hotel:
        old = hotel.book(
            TheirStay(1, "2027-01-01", "2027-01-02"), guest=Guest("Ada", "Known", "ada@guest.example", "777")
        )
        count = len(hotel.state.customers)
        who = DraftGuest("Somebody", "Else", "ADA@guest.example", "999")
        made = done(await hotel.connector.create(draft(guest=who)))
        customer = hotel.state.customers[old.id_customer]
        assert (customer.firstname, customer.lastname, customer.phone) == ("Ada", "Known", "777")
        assert made.booking.customer is not None
        assert made.booking.customer.customer_id == customer.id
        assert len(hotel.state.customers) == count
        assert made.adjusted == ("customer_name_kept",)


async def test_no_free_room_is_refused_for_the_front_desk() -> None:
    async with shop() as hotel:
        hotel.book(TheirStay(1, "2027-03-01", "2027-03-04", rooms=5))
        outcome = await hotel.connector.create(draft())
        assert isinstance(outcome, Refused)
        assert (outcome.code, outcome.who) == ("NOT_AVAILABLE", Actor.FRONT_DESK)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (draft(currency="CHF"), "CURRENCY_NOT_INSTALLED"),
        (draft(line(room_type=99)), "UNKNOWN_ROOM_TYPE"),
        (draft(line(status=StayStatus.CANCELLED)), "NOTHING_TO_BOOK"),
        (draft(line(last="2027-03-01")), "NO_NIGHTS"),
        (draft(reference="a|b"), "BAD_REFERENCE"),
    ],
)
async def test_what_cannot_be_right_is_refused_before_anything_is_sent(wanted: Any, code: str) -> None:
    async with shop() as hotel:
        outcome = await hotel.connector.create(wanted)
        assert isinstance(outcome, Refused)
        assert outcome.code == code
        assert hotel.writes == []


async def test_a_room_that_another_booking_took_meanwhile_is_given_up_for_a_free_one() -> None:
    async with shop() as hotel:
        made = done(await hotel.connector.create(draft()))
        ours = made.booking.lines[0]
        rival = hotel.book(TheirStay(1, "2027-03-02", "2027-03-03"), guest=guest())
        hotel.state.lines[rival.lines[0]].id_room = ours.room_id
        amended = done(
            await hotel.connector.amend(
                made.booking.order_id, draft(line(adults=1, line_id=ours.line_id)), made.booking.digest
            )
        )
        assert "room_moved" in amended.adjusted
        assert amended.booking.lines[0].room_id != ours.room_id
        assert amended.mismatches == ()


async def test_a_room_held_twice_with_no_other_free_is_told() -> None:
    async with shop() as hotel:
        made = done(await hotel.connector.create(draft()))
        ours = made.booking.lines[0]
        hotel.book(TheirStay(1, "2027-03-01", "2027-03-04", rooms=4), guest=guest())
        rival = hotel.book(TheirStay(1, "2027-03-02", "2027-03-03"), guest=guest(), overbook=True)
        hotel.state.lines[rival.lines[0]].id_room = ours.room_id
        amended = done(
            await hotel.connector.amend(
                made.booking.order_id, draft(line(adults=1, line_id=ours.line_id)), made.booking.digest
            )
        )
        assert [told.split(":")[0] for told in amended.mismatches] == ["double_booked"]


async def test_a_line_that_was_released_in_the_moment_of_booking_is_given_a_free_room() -> None:
    async with shop() as hotel:
        made = done(await hotel.connector.create(draft()))
        row = hotel.state.lines[made.booking.lines[0].line_id]
        hotel.office.cancel_room(row)
        hotel.book(TheirStay(1, "2027-03-01", "2027-03-04", id_room=row.id_room), guest=guest())
        facts = await hotel.connector._reader.facts()
        released = done(await hotel.connector.booking(made.booking.order_id))
        verified = await hotel.connector._writer.verify(released, draft(), facts, {1: Decimal("0.23")})
        assert verified.mismatches == ()
        assert verified.booking.lines[0].room_id != made.booking.lines[0].room_id
        assert not verified.booking.lines[0].released


async def test_a_booking_to_which_the_shop_gave_its_own_price_gets_ours() -> None:
    async with shop() as hotel:
        made = done(await hotel.connector.create(draft(line(gross="900.00"))))
        hotel.office.charge(hotel.state.lines[made.booking.lines[0].line_id], 3000)
        facts = await hotel.connector._reader.facts()
        dear = done(await hotel.connector.booking(made.booking.order_id))
        verified = await hotel.connector._writer.verify(dear, draft(line(gross="900.00")), facts, {1: Decimal("0.23")})
        assert verified.flags == ("price_corrected",)
        assert verified.mismatches == ()
        assert hotel.writes[-1] == f"PUT /api/bookings/{made.booking.order_id}"


async def test_a_price_that_comes_back_wrong_is_corrected_once() -> None:
    async with shop() as hotel:
        # a shop that says 1.7.0 and no longer has the fault, as after a patch by hand
        await hotel.connector.create(draft(reference="R-0"))
        hotel.state.version = replace(hotel.state.version, multiplies_price=False)
        made = done(await hotel.connector.create(draft(line(gross="900.00"))))
        assert made.adjusted == ("price_corrected",)
        assert made.mismatches == ()
        assert abs(made.booking.lines[0].gross - Decimal("900.00")) <= Decimal("0.01")


async def test_a_wrong_tax_rate_is_learnt_from_what_came_back() -> None:
    async with shop() as hotel:
        done(await hotel.connector.create(draft(reference="R-0")))
        hotel.connector._reader._tax_rates = {1: Decimal("0.08")}
        first = done(await hotel.connector.create(draft()))
        assert first.adjusted == ("price_corrected",)
        assert abs(first.booking.lines[0].gross - Decimal("300.00")) <= Decimal("0.01")
        second = done(await hotel.connector.create(draft(reference="R-2")))
        assert second.adjusted == ()


# cancelling --------------------------------------------------------------------------------------------------------


@both
async def test_a_cancel_frees_the_rooms_and_a_second_one_writes_nothing(version: str) -> None:
    async with shop(version) as hotel:
        made = done(await hotel.connector.create(draft(line("a"), line("b"), currency=CURRENCY[version])))
        gone = done(await hotel.connector.cancel(made.booking.order_id))
        assert gone.booking.state is BookingState.CANCELLED
        assert gone.booking.held == ()
        assert gone.mismatches == ()
        writes = len(hotel.writes)
        assert done(await hotel.connector.cancel(made.booking.order_id)).booking == gone.booking
        assert len(hotel.writes) == writes
        assert hotel.writes[-1] == "POST /api/order_histories"


@pytest.mark.parametrize("fault", ["error_after", "drop_after", "truncate", "duplicate"])
async def test_a_cancel_whose_answer_is_lost_is_seen_to_be_done(fault: str) -> None:
    async with shop() as hotel:
        made = done(await hotel.connector.create(draft()))
        hotel.dial.next(fault, method="POST", path="order_histories")
        assert done(await hotel.connector.cancel(made.booking.order_id)).booking.state is BookingState.CANCELLED


async def test_a_cancel_that_did_not_arrive_is_later_or_unknown_and_never_done() -> None:
    async with shop() as hotel:
        made = done(await hotel.connector.create(draft()))
        for fault, kind in (("error_before", Later), ("too_many", Later), ("drop_before", Unknown), ("late", Unknown)):
            hotel.dial.next(fault, method="POST", path="order_histories")
            assert isinstance(await hotel.connector.cancel(made.booking.order_id), kind), fault
        await hotel.app.settle()
        assert isinstance(await hotel.connector.cancel(made.booking.order_id), Done)


async def test_cancelling_what_is_not_there_is_refused() -> None:
    async with shop() as hotel:
        outcome = await hotel.connector.cancel(4711)
        assert isinstance(outcome, Refused)
        assert outcome.code == "NOT_FOUND"


# over a socket -----------------------------------------------------------------------------------------------------


@both
async def test_everything_holds_over_a_real_socket_with_real_drops(version: str) -> None:
    async with shop(version) as hotel, serve(hotel.app) as server:
        settings = QloAppsSettings(f"{server.url}/api/", DEMO_KEY, 1, retry_delay_seconds=0.0, timeout_seconds=5)
        connector = QloAppsConnector(settings, NoLimit(), clock=hotel.clock)
        for n, fault in enumerate(("drop_after", "drop_during", "truncate", "error_after")):
            hotel.dial.next(fault, method="POST", path="bookings")
            wanted = draft(reference=f"S-{n}", currency=CURRENCY[version])
            made = done(await connector.create(wanted))
            assert made.mismatches == ()
            assert len(bookings_with(hotel, f"S-{n}")) == 1
        hotel.dial.next("drop_before", method="GET", path="orders")
        assert len(done(await connector.changes(None)).bookings) == 4
        await connector.aclose()


async def test_a_closed_port_is_later_and_nothing_was_sent() -> None:
    async with shop() as hotel:
        async with serve(hotel.app) as server:
            url = server.url
        connector = QloAppsConnector(QloAppsSettings(url, "K" * 32, 1, retry_delay_seconds=0.0), NoLimit())
        outcome = await connector.create(draft())
        assert isinstance(outcome, Later)
        assert outcome.code == "CONNECTION_ERROR"
        await connector.aclose()


# reading -----------------------------------------------------------------------------------------------------------


@both
async def test_the_connection_test_says_who_answers(version: str) -> None:
    async with shop(version) as hotel:
        facts = done(await hotel.connector.describe())
        assert facts.hotel_name == "The Hotel Prime"
        assert (facts.version, facts.timezone, facts.currency) == (
            ("1.7.0.0", "Europe/Warsaw", "PLN") if version == "1.7.0" else ("1.6.1 (2024 snapshot)", "UTC", "USD")
        )
        assert facts.missing_permissions == ()
        assert facts.phone_required
        assert abs(facts.clock_skew_seconds) < 2


async def test_the_connection_test_names_the_rights_that_are_missing() -> None:
    async with shop() as hotel:
        key = next(iter(hotel.state.keys.values()))
        key.permissions = {"hotels": frozenset({"GET"}), "orders": frozenset({"GET"}), "bookings": frozenset({"GET"})}
        facts = done(await hotel.connector.describe())
        missing = {(p.resource, p.method) for p in facts.missing_permissions}
        assert {("orders", "PUT"), ("bookings", "POST"), ("room_bookings", "GET"), ("hotel_ari", "POST")} <= missing
        assert ("hotels", "GET") not in missing
        assert facts.hotel_name == "The Hotel Prime"


async def test_a_clock_that_is_off_is_measured_and_told() -> None:
    async with shop() as hotel:
        hotel.state.clock = lambda: hotel.clock.now.replace(hour=hotel.clock.now.hour + 1)
        facts = done(await hotel.connector.describe())
        assert facts.clock_skew_seconds == 3600.0
        assert facts.warnings[0].startswith("QloApps' clock is 3600 seconds ahead")


async def test_a_switched_off_web_service_is_later_and_a_wrong_key_is_refused() -> None:
    async with shop() as hotel:
        hotel.state.webservice_on = False
        off = await hotel.connector.describe()
        assert isinstance(off, Later)
        assert off.code == "WEBSERVICE_DISABLED"
        wrong = another(hotel, api_key="X" * 32)
        hotel.state.webservice_on = True
        refused = await wrong.describe()
        assert isinstance(refused, Refused)
        assert refused.code == "AUTH_ERROR"
        await wrong.aclose()


@both
async def test_room_types_come_with_rooms_prices_and_tax(version: str) -> None:
    async with shop(version) as hotel:
        types = done(await hotel.connector.room_types())
        assert [each.room_type_id for each in types] == [1, 2, 3, 4]
        first = types[0]
        assert first.base_price == Decimal("1000.00")
        assert first.tax_rate == (Decimal(23) if version == "1.7.0" else Decimal(4))
        assert first.room_numbers == ("GR-101", "GR-102", "GR-103", "GR-104", "GR-105")
        assert (first.max_guests, first.min_stay) == (4, 1)


async def test_single_bookings_are_read_and_unknown_ones_are_none() -> None:
    async with shop() as hotel:
        order = hotel.book(TheirStay(1, "2027-01-01", "2027-01-02"))
        foreign = hotel.book(TheirStay(1, "2027-01-01", "2027-01-02"))
        for line_id in foreign.lines:
            hotel.state.lines[line_id].id_hotel = 2
        one = done(await hotel.connector.booking(order.id))
        assert one is not None
        assert one.order_id == order.id
        assert done(await hotel.connector.booking(foreign.id)) is None
        assert done(await hotel.connector.booking(99)) is None
        assert done(await hotel.connector.details(99)) is None
        several = done(await hotel.connector.bookings([99, foreign.id, order.id, order.id]))
        assert [each.order_id for each in several] == [order.id]
        assert several[0].digest == one.digest
        assert done(await hotel.connector.bookings([])) == []


async def test_an_answer_in_another_shape_is_refused_not_raised() -> None:
    async with shop() as hotel:
        hotel.book(TheirStay(1, "2027-01-01", "2027-01-02"))
        reader = hotel.connector._reader
        rows = reader.client.rows

        async def without_totals(resource: str, key: str, query: Any) -> list[dict[str, Any]]:
            found = await rows(resource, key, query)
            return [{k: v for k, v in row.items() if k != "total_paid"} for row in found]

        reader.client.rows = without_totals  # type: ignore[method-assign]
        outcome = await hotel.connector.changes(None)
        assert isinstance(outcome, Refused)
        assert (outcome.code, outcome.who) == ("NOT_UNDERSTOOD", Actor.VENDOR)
