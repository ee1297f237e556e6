"""QloApps' rows become our bookings: against the recordings, and for what they do not hold."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from innkeeper.connectors.qloapps import mapper
from innkeeper.connectors.qloapps.facts import OrderStates, ShopFacts
from innkeeper.connectors.qloapps.wire import BookingDocument, CustomerRow, LineRow, OrderRow, RoomTypeRow, text_of
from innkeeper.domain.channel import BookingState, Payment
from innkeeper.domain.stay import Stay, StayStatus
from tests.connectors.qloapps.recordings import DIRECTORIES, recording

WARSAW = ShopFacts("Europe/Warsaw", "1.7.0.0", 1, 1, True, OrderStates(), {1: "PLN", 2: "EUR"})

ORDER = OrderRow(
    7, 1, 18, 1, "Order from API", "2214.000000", "2214.000000", "1800.000000", "0.000000", "qloapps.example",
    "CNMAKYKJL", "2026-11-01 10:11:12", "2026-11-22 02:00:26",
)  # fmt: skip
LINE = LineRow(
    7, 2, 1, 7, 6, 1, "2026-12-20 00:00:00", "2026-12-23 00:00:00", "1800.000000", "2214.000000", False, False,
    "DR-101", "Delux Rooms", 1, 0, "[]", "2026-11-22 02:00:26",
)  # fmt: skip
PERSON = CustomerRow(18, "Alan", "Turing", "alan@guest.example", "5550101")


def changed(row: Any, **values: object) -> Any:
    """Return a copy of a row with other values."""
    return row._replace(**values)


def booking(**order: object) -> object:
    """Return the booking of an order with one line."""
    return mapper.booking(changed(ORDER, **order), [LINE], PERSON, WARSAW, 1)


def test_the_recorded_booking_with_three_rooms_is_mapped_whole() -> None:
    order = OrderRow.parse(json.loads(recording("111").body)["order"])
    lines = [LineRow.parse(row) for row in json.loads(recording("112").body)["bookings"]]
    found = mapper.booking(order, lines, PERSON, WARSAW, 1)
    assert found.order_id == 7
    assert found.source == "pms-sync:RES-1001"
    assert (found.our_reference, found.channel) == (None, None)
    assert (found.state, found.payment) == (BookingState.OPEN, Payment.PARTIAL)
    assert (found.currency, found.total_gross, found.total_net, found.paid) == (
        "PLN", Decimal("10452.50"), Decimal("8825.00"), Decimal("500.00"),
    )  # fmt: skip
    assert found.booked_at == datetime(2026, 11, 1, 9, 11, 12, tzinfo=UTC)
    assert found.updated_at == datetime(2026, 11, 22, 1, 0, 26, tzinfo=UTC)
    assert [each.line_id for each in found.lines] == [7, 8, 9]
    second = found.lines[1]
    assert second.stay == Stay(date(2026, 12, 20), date(2026, 12, 23))
    assert (second.adults, second.children, second.child_ages) == (2, 1, (7,))
    assert (second.room_type_id, second.room_type_name, second.room_number) == (2, "Delux Rooms", "DR-102")
    assert (second.net, second.gross) == (Decimal("1950.00"), Decimal("2000.00"))
    assert all(each.status is StayStatus.CONFIRMED and not each.released for each in found.lines)


@pytest.mark.parametrize("directory", DIRECTORIES)
def test_every_line_and_order_in_the_recorded_lists_is_read(directory: str) -> None:
    lines = json.loads(recording("485", directory).body)["bookings"]
    orders = json.loads(recording("484", directory).body)["orders"]
    assert [LineRow.parse(row).id for row in lines] == [row["id"] for row in lines]
    assert [OrderRow.parse(row).id for row in orders] == [row["id"] for row in orders]


def test_recorded_remarks_and_services_are_read() -> None:
    details = mapper.details(BookingDocument.parse(json.loads(recording("109").body)["booking"]))
    assert details.remarks == ("Late arrival",)
    assert [(s.line_id, s.name, s.quantity, s.net, s.tax) for s in details.services] == [
        (7, "Breakfast", 1, Decimal("1050.00"), Decimal("241.50")),
        (8, "Baby cot", 1, Decimal("25.00"), Decimal("2.00")),
    ]


@pytest.mark.parametrize("directory", DIRECTORIES)
def test_recorded_room_types_are_joined_from_two_lists(directory: str) -> None:
    product = json.loads(recording("047", directory).body)["room_type"]
    extents = json.loads(recording("058", directory).body)["hotel_room_types"]
    row = RoomTypeRow.parse(product, next(e for e in extents if e["id_product"] == product["id"]))
    found = mapper.room_type(row, [], Decimal(23), "PLN")
    assert (found.room_type_id, found.name, found.active, found.base_price) == (
        1,
        "General Rooms",
        True,
        Decimal("1000.00"),
    )
    assert (found.adults, found.children, found.max_adults, found.max_children, found.max_guests) == (2, 2, 2, 2, 4)
    assert found.description.startswith("Make yourself at home")


@pytest.mark.parametrize(
    ("state", "expected"),
    [(1, BookingState.OPEN), (2, BookingState.OPEN), (8, BookingState.OPEN), (4, BookingState.CANCELLED),
     (5, BookingState.REFUNDED), (10, BookingState.OPEN)],
)  # fmt: skip
def test_the_order_state_gives_the_state(state: int, expected: BookingState) -> None:
    assert mapper.state_of(changed(ORDER, state=state), WARSAW) is expected  # type: ignore[arg-type]


def test_states_are_the_shops_own_setting_not_fixed_numbers() -> None:
    states = OrderStates.from_configurations({"PS_OS_CANCELED": "14", "PS_OS_REFUND": ""})
    facts = replace(WARSAW, states=states)
    assert mapper.state_of(changed(ORDER, state=14), facts) is BookingState.CANCELLED  # type: ignore[arg-type]
    assert mapper.state_of(changed(ORDER, state=4), facts) is BookingState.OPEN  # type: ignore[arg-type]
    assert states.refunded == 5


@pytest.mark.parametrize(
    ("state", "total", "paid", "expected"),
    [
        (1, "100", "0", Payment.AWAITING),
        (8, "100", "0", Payment.PARTIAL),
        (2, "100", "0", Payment.COMPLETED),
        (1, "100", "40", Payment.PARTIAL),
        (2, "100", "40", Payment.PARTIAL),
        (8, "100.01", "100", Payment.COMPLETED),
        (1, "100", "120", Payment.COMPLETED),
    ],
)
def test_amounts_decide_what_is_paid_and_the_state_where_none_is_recorded(
    state: int, total: str, paid: str, expected: Payment
) -> None:
    order = changed(ORDER, state=state)
    assert mapper.payment_of(order, Decimal(total), Decimal(paid), WARSAW) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "payment", "channel"),
    [
        ("Booking.com", "", "Booking.com"),
        ("booking", "", "Booking.com"),
        ("OTA booking.com 4711", "", "Booking.com"),
        ("qloapps.example", "Booking.com", "Booking.com"),
        ("expedia collect", "", "Expedia"),
        ("x", "Airbnb payout", "Airbnb"),
        ("booking.hotel.example", "Order from API", None),
        ("mybooking.com.example", "", None),
        ("qloapps.example", "Order from API", None),
        ("innkeeper:Booking.com", "", None),
    ],
)
def test_the_channel_is_named_by_source_or_payment_but_not_by_a_host_name(
    source: str, payment: str, channel: str | None
) -> None:
    assert mapper.channel_of(source, payment) == channel


def test_our_reference_and_blocks_are_told_by_the_source() -> None:
    assert mapper.reference_in("innkeeper:R-1") == "R-1"
    assert mapper.reference_in("innkeeper:") is None
    assert mapper.reference_in("innkeeper-block:9") is None
    assert mapper.reference_in(mapper.source_for("A:B")) == "A:B"
    assert mapper.is_block("innkeeper-block:9")
    assert not mapper.is_block("innkeeper:9")


@pytest.mark.parametrize(
    ("status", "refunded", "cancelled", "expected"),
    [
        (1, False, False, StayStatus.CONFIRMED),
        (2, False, False, StayStatus.CHECKED_IN),
        (3, False, False, StayStatus.CHECKED_OUT),
        (1, True, True, StayStatus.CANCELLED),
        (1, True, False, StayStatus.CANCELLED),
        (3, True, False, StayStatus.CHECKED_OUT),
        (9, False, False, StayStatus.CONFIRMED),
    ],
)
def test_a_released_line_is_cancelled_unless_its_guest_has_left(
    status: int, refunded: bool, cancelled: bool, expected: StayStatus
) -> None:
    found = mapper.line(changed(LINE, status=status, refunded=refunded, cancelled=cancelled), "PLN")  # type: ignore[arg-type]
    assert found.status is expected
    assert found.released is (refunded or cancelled)


def test_the_digest_ignores_the_time_of_change_and_nothing_else() -> None:
    plain = mapper.booking(ORDER, [LINE], PERSON, WARSAW, 1)
    later = changed(ORDER, date_upd="2026-11-23 00:00:00")
    moved = changed(LINE, date_upd="2026-11-23 00:00:00")
    assert mapper.booking(later, [moved], PERSON, WARSAW, 1).digest == plain.digest  # type: ignore[arg-type,list-item]
    others = [
        mapper.booking(ORDER, [changed(LINE, **{name: value})], PERSON, WARSAW, 1)  # type: ignore[list-item]
        for name, value in {
            "status": 2, "cancelled": True, "room_id": 7, "adults": 2, "child_ages": "[4]", "gross": "1.0", "id": 8,
            "date_to": "2026-12-24 00:00:00", "room_number": "X",
        }.items()
    ]  # fmt: skip
    others += [
        mapper.booking(changed(ORDER, **{name: value}), [LINE], PERSON, WARSAW, 1)  # type: ignore[arg-type]
        for name, value in {"state": 4, "paid_real": "1", "total": "9", "source": "x", "customer_id": 3}.items()
        if name != "customer_id"
    ]
    others.append(mapper.booking(ORDER, [LINE], changed(PERSON, phone="1"), WARSAW, 1))  # type: ignore[arg-type]
    others.append(mapper.booking(ORDER, [], PERSON, WARSAW, 1))
    digests = {other.digest for other in others}
    assert plain.digest not in digests
    assert len(digests) == len(others)


def test_odd_values_do_not_lose_a_booking() -> None:
    odd = changed(LINE, date_from="0000-00-00 00:00:00", child_ages="not json", gross="abc")
    order = changed(ORDER, date_add="0000-00-00 00:00:00", currency_id=99)
    found = mapper.booking(order, [odd], None, WARSAW, 1)  # type: ignore[arg-type,list-item]
    assert found.lines[0].stay.check_in == date(1970, 1, 1)
    assert found.lines[0].gross == 0
    assert found.customer is None
    assert found.currency == "PLN"


def test_texts_in_several_languages_become_the_first_that_is_there() -> None:
    assert text_of([{"id": 1, "value": ""}, {"id": 2, "value": "Zimmer"}]) == "Zimmer"
    assert text_of("Room") == "Room"
    assert text_of(False) == ""
    assert text_of(None) == ""


def test_child_ages_are_json_in_a_string() -> None:
    assert mapper.child_ages("[7,8]") == (7, 8)
    assert mapper.child_ages('["7"]') == (7,)
    assert mapper.child_ages("") == ()
    assert mapper.child_ages("0") == ()


def test_facts_survive_the_cursor() -> None:
    assert ShopFacts.from_json(json.loads(json.dumps(WARSAW.to_json()))) == WARSAW
