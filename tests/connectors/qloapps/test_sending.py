"""What is made of our data before it is sent: guests, prices, groups of rooms, pairs of lines."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.connectors.qloapps import composing, guest, pricing
from innkeeper.connectors.qloapps.facts import OrderStates, ShopFacts
from innkeeper.connectors.qloapps.matching import differences, match
from innkeeper.connectors.qloapps.wire import CustomerRow, ServiceItem
from innkeeper.domain.channel import ChannelLine, DraftGuest
from innkeeper.domain.stay import Stay, StayStatus
from tests.connectors.qloapps.shops import draft, line

FACTS_170 = ShopFacts("Europe/Warsaw", "1.7.0.0", 1, 1, True, OrderStates(), {1: "PLN"})
FACTS_DEV = replace(FACTS_170, version="")
STAY = Stay(date(2027, 3, 1), date(2027, 3, 4))


def held(line_id: int, **more: object) -> ChannelLine:
    """Return a line as it stands at QloApps."""
    plain = ChannelLine(
        line_id, 1, "General Rooms", line_id, f"GR-{line_id}", STAY, 2, 0, (), StayStatus.CONFIRMED, False,
        Decimal("243.90"), Decimal("300.00"),
    )  # fmt: skip
    return replace(plain, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("raw", "sent"),
    [
        ("Grace", "Grace"),
        ("R2D2", "R D"),
        ("  Anna   Maria ", "Anna Maria"),
        ("Zoë 😀", "Zoë"),
        ("O'Neill-Smith jr.", "O'Neill-Smith jr."),
        ("Müller (VIP) #7", "Müller VIP"),
        ("a|b", "a b"),
        ("", "-"),
        ("123", "-"),
        ("x" * 40, "x" * 32),
    ],
)
def test_names_become_what_qloapps_takes(raw: str, sent: str) -> None:
    assert guest.name(raw) == sent


@given(st.text(max_size=60))
def test_no_name_holds_what_qloapps_answers_with_500(text: str) -> None:
    name = guest.name(text)
    assert 1 <= len(name) <= 32
    assert name.strip() == name
    assert not set(name) & set('0123456789!"#$%()+,:;<=>?@_{}|°')
    assert all(ord(char) <= 0xFFFF for char in name)


@pytest.mark.parametrize(
    ("raw", "sent"),
    [
        ("+48 22 555 0100", "+48 22 555 0100"),
        ("(022) 555-0100", "(022) 555-0100"),
        ("555 (0100)", "555 (0100"),
        ("(+48) 22 555", "( 48) 22 555"),
        ("555 0100 ext 5", "555 0100 5"),
        ("+1/212/555", "+1 212 555"),
        ("n/a", None),
        ("", None),
        (None, None),
        ("000", None),
        ("5550100.", "5550100"),
        ("1" * 40, None),
    ],
)
def test_phones_become_what_qloapps_takes_or_nothing(raw: str | None, sent: str | None) -> None:
    assert guest.phone(raw) == sent


@pytest.mark.parametrize(
    "good", ["a@b.example", "Ada.Example+x@mail.guest.example", "o'neill@guest.example", "ą@ż.example"]
)
def test_addresses_that_qloapps_takes_are_left_alone(good: str) -> None:
    assert guest.email(good) == good


@pytest.mark.parametrize("bad", ["", None, "not an email", "none", "g@guest", "@guest.example", "a b@guest.example",
                                 "a@guest.example\n", "x" * 120 + "@guest.example", "a@guest..example"])  # fmt: skip
def test_addresses_that_it_answers_with_fatal_error_are_replaced_by_one_of_their_own(bad: str | None) -> None:
    if bad == "a@guest.example\n":
        assert guest.email(bad) == "a@guest.example"
        return
    assert guest.email(bad) is None
    made = guest.new_customer(DraftGuest("Ada", "Example", bad, "5550100"), "R-17", "0000000000")
    assert made.customer.email == "r-17@guest.invalid"
    assert made.flags == (guest.EMAIL_PLACEHOLDER,)


def test_each_adjustment_of_a_guest_is_a_flag() -> None:
    made = guest.new_customer(DraftGuest("R2D2", "Example", None, None), "R-1", "0000000000")
    assert set(made.flags) == {guest.NAME_ADJUSTED, guest.PHONE_PLACEHOLDER, guest.EMAIL_PLACEHOLDER}
    assert made.customer.phone == "0000000000"
    assert guest.new_customer(DraftGuest("Ada", "Example", "a@b.example", "5550100"), "R-1", "0").flags == ()


def test_an_existing_customer_is_sent_as_it_stands_there() -> None:
    row = CustomerRow(5, "Grace", "Hopper", "Grace@guest.example", "5550100")
    who = guest.existing_customer(row, DraftGuest("Other", "Person", "grace@guest.example", "999"), "0000000000")
    named = {"firstname": "Grace", "lastname": "Hopper", "phone": "5550100"}
    assert who.customer.document() == {"id_customer": 5, "email": "Grace@guest.example", **named}
    assert who.flags == (guest.CUSTOMER_KEPT,)


def test_remarks_lose_what_would_cut_them_off_or_fail_the_booking() -> None:
    assert guest.remark("1 < 2") == ("1 ‹ 2", True)
    assert guest.remark("late arrival") == ("late arrival", False)
    assert guest.remark("javascript: onload=x")[0] == "javascript - onload -x"
    assert len(guest.remark("x" * 9000)[0]) == 6000


@pytest.mark.parametrize("nights", [1, 2, 3, 5, 7])
def test_the_price_of_a_stay_is_compensated_on_the_faulty_version_only(nights: int) -> None:
    net = Decimal("813.008130")
    sent = pricing.price_to_send(net, nights, price_fault=True)
    stored = sent * nights / (nights - 1) if nights > 1 else sent
    assert pricing.close(stored, net)
    assert pricing.price_to_send(net, nights, price_fault=False) == net
    assert FACTS_170.price_fault
    assert not FACTS_DEV.price_fault
    assert not replace(FACTS_170, version="1.7.1").price_fault


def test_rooms_of_one_type_and_stay_make_one_group_with_kept_rooms_first() -> None:
    kept = composing.kept_room(held(12), None, ())
    new = composing.new_room(line("n", gross="246.00"), Decimal("0.23"))
    other = composing.new_room(line("o", room_type=2), Decimal("0.23"))
    groups = composing.groups_for_put([new, kept, other], FACTS_DEV)
    assert [(group.room_type_id, len(group.rooms)) for group in groups] == [(1, 2), (2, 1)]
    first, second = groups[0].document()["rooms"]
    assert first["id_room"] == 12
    assert "unit_price_without_tax" not in first
    assert "id_room" not in second
    assert second["unit_price_without_tax"] == 200.0
    assert second["adults"] == second["adult"] == 2


def test_a_released_and_a_living_line_in_one_room_share_a_name_that_stands_for_the_living_one() -> None:
    released = composing.kept_room(held(3, room_id=9, released=True), None, ())
    living = composing.kept_room(held(8, room_id=9), Decimal("100"), ())
    (group,) = composing.groups_for_put([released, living], FACTS_DEV)
    rooms = group.document()["rooms"]
    assert [room.get("id_room") for room in rooms] == [9, None]
    assert [room.get("unit_price_without_tax") for room in rooms] == [100.0, None]


def test_children_without_ages_get_some_since_qloapps_books_none_otherwise() -> None:
    room = composing.new_room(line(children=2), Decimal(0))
    assert room.child_ages == (0, 0)
    assert composing.new_room(line(children=2, child_ages=(4, 9)), Decimal(0)).child_ages == (4, 9)


def test_a_price_that_looks_unchanged_per_night_is_nudged() -> None:
    room = composing.kept_room(held(1, net=Decimal("300")), Decimal("150"), ())
    (group,) = composing.groups_for_put([room], FACTS_170)
    assert group.document()["rooms"][0]["unit_price_without_tax"] == 100.000001


def test_services_are_repeated_by_id_where_the_shop_still_has_them() -> None:
    items = [
        ServiceItem(1, 9, "Breakfast", 2, "1050", "241.5", True, 2),
        ServiceItem(1, 77, "Baby cot", 1, "25", "2", False, 1),
    ]
    known, made = composing.repeated(items, frozenset({9}), exact=False)
    assert known.document() == {"quantity": 2, "id_service": 9}
    assert made.document() == {
        "quantity": 1, "name": "Baby cot", "price_mode": 1, "total_price_without_tax": 25.0, "total_tax": 2.0,
    }  # fmt: skip


def test_lines_are_paired_by_id_then_by_likeness() -> None:
    lines = [held(1), held(2, gross=Decimal("500.00")), held(3, released=True), held(4, room_type_id=2)]
    wanted = draft(
        line("x", gross="500.00"),
        line("y", room_type=2, line_id=4),
        line("z"),
        line("w", room_type=3, first="2028-01-01", last="2028-01-02"),
    )
    matched = match(wanted, lines)
    assert {pair.draft.key: pair.line.line_id for pair in matched.pairs} == {"x": 2, "y": 4, "z": 1}
    assert [each.key for each in matched.missing] == ["w"]
    assert matched.extra == ()


def test_differences_are_sentences() -> None:
    told = differences(match(draft(line(gross="310.00", adults=1)), [held(1), held(2)]), "PLN")
    assert told == [
        "Room GR-1: QloApps has 2 adults and 0 children, 1 and 0 were sent.",
        "Room GR-1: the price at QloApps is 300.00 PLN, 310.00 was sent.",
        "QloApps has a room too many: GR-2, 2027-03-01 to 2027-03-04.",
    ]
