"""The lines of a charge are exact, and are found again."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innkeeper.domain.charge import ChargeDraft, ChargeItem, LineKind, PmsCode, PostedLine
from innkeeper.domain.charge_lines import covers, match_lines, plan_lines
from innkeeper.domain.errors import Invalid, RuleRefused
from innkeeper.domain.money import digits_of

CODES = {"charge": "2000", "tip": "2900", "tax": "7000", "service_charge": "2950", "beverage": "2011"}


def draft(**changes: object) -> ChargeDraft:
    base = ChargeDraft(
        reference="POS-TXN-78451",
        reservation_id="41001",
        guest_id="270001",
        room_number="412",
        outlet_code="REST",
        pms_codes=CODES,
        currency="USD",
        subtotal=Decimal("87.50"),
        tip=Decimal("17.50"),
        check_number="1247",
        sold_at=datetime(2026, 1, 27, 19, 45, tzinfo=UTC),
        description="Restaurant - Check #1247",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def posted(code: str, amount: str) -> PostedLine:
    return PostedLine("1", "POS-TXN-78451", Decimal(amount), "USD", code)


def test_tip_stands_on_its_own_line() -> None:
    assert [(line.kind, line.code, line.amount) for line in plan_lines(draft())] == [
        (LineKind.CHARGE, "2000", Decimal("87.50")),
        (LineKind.TIP, "2900", Decimal("17.50")),
    ]


def test_tip_can_be_combined_with_the_charge() -> None:
    (line,) = plan_lines(draft(tip_as_own_line=False))
    assert (line.code, line.amount) == ("2000", Decimal("105.00"))


def test_tip_without_a_code_is_refused_not_hidden_in_the_food() -> None:
    with pytest.raises(RuleRefused) as refused:
        plan_lines(draft(pms_codes={"charge": "2000"}))
    assert refused.value.code == PmsCode.OUTLET_NOT_MAPPED


def test_tax_without_a_code_is_part_of_the_price() -> None:
    lines = plan_lines(draft(tax=Decimal("7.00"), pms_codes={"charge": "2000", "tip": "2900"}))
    assert [line.amount for line in lines] == [Decimal("94.50"), Decimal("17.50")]


def test_items_of_one_code_are_one_line_unless_itemised() -> None:
    items = (
        ChargeItem("Soup", 1, Decimal("12.50")),
        ChargeItem("Steak", 2, Decimal("60.00")),
        ChargeItem("Wine", 1, Decimal("15.00"), category="beverage"),
    )
    plain = plan_lines(draft(items=items))
    assert [(line.code, line.amount) for line in plain] == [
        ("2000", Decimal("72.50")),
        ("2011", Decimal("15.00")),
        ("2900", Decimal("17.50")),
    ]
    itemised = plan_lines(draft(items=items, itemised=True))
    assert [line.description for line in itemised][:3] == ["Soup", "Steak", "Wine"]
    assert len(itemised) == 4


def test_items_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(Invalid):
        plan_lines(draft(items=(ChargeItem("Soup", 1, Decimal("12.50")),)))


def test_rest_of_a_charge_holds_the_missing_lines_alone() -> None:
    lines = plan_lines(draft())
    read = match_lines(lines, [posted("2000", "87.50")])
    assert [line.key for line in read.missing] == ["tip"]
    assert not read.complete
    assert not read.nothing
    assert [line.key for line in plan_lines(draft().rest(read.missing))] == ["tip"]


def test_a_line_posted_twice_is_surplus() -> None:
    read = match_lines(plan_lines(draft()), [posted("2000", "87.50")] * 2 + [posted("2900", "17.50")])
    assert read.complete
    assert [line.code for line in read.surplus] == ["2000"]


def test_two_equal_lines_need_two_postings() -> None:
    items = (ChargeItem("Beer", 1, Decimal(5)), ChargeItem("Beer", 1, Decimal(5)))
    lines = plan_lines(draft(items=items, subtotal=Decimal(10), tip=Decimal(0), itemised=True))
    assert not covers(lines, [posted("2000", "5")])
    assert covers(lines, [posted("2000", "5"), posted("2000", "5")])


@st.composite
def drafts(draw: st.DrawFn) -> ChargeDraft:
    currency = draw(st.sampled_from(["USD", "JPY", "KWD"]))
    unit = Decimal(1).scaleb(-digits_of(currency))

    def amount() -> Decimal:
        return draw(st.integers(0, 200_000)) * unit

    items = tuple(
        ChargeItem("x", 1, amount(), amount(), draw(st.sampled_from(["", "beverage"])))
        for _ in range(draw(st.integers(0, 5)))
    )
    taxes_add_up = draw(st.booleans())
    names = draw(st.sets(st.sampled_from(["tax", "service_charge", "delivery_charge", "beverage"])))
    return draft(
        currency=currency,
        items=items,
        subtotal=sum((item.amount for item in items), Decimal(0)) if items else amount(),
        tax=sum((item.tax for item in items), Decimal(0)) if taxes_add_up else amount(),
        tip=amount(),
        service_charge=amount(),
        delivery_charge=amount(),
        itemised=draw(st.booleans()),
        tip_as_own_line=draw(st.booleans()),
        pms_codes={"charge": "2000", "tip": "2900", **{name: name for name in names}},
    )


@given(drafts(), st.booleans())
def test_lines_sum_exactly_to_the_check(drawn: ChargeDraft, needs_codes: bool) -> None:
    lines = plan_lines(drawn, needs_codes=needs_codes)
    unit = Decimal(1).scaleb(-digits_of(drawn.currency))
    assert sum((line.amount for line in lines), Decimal(0)) == drawn.total
    assert all(line.amount > 0 and line.amount % unit == 0 for line in lines)
    assert len({line.key for line in lines}) == len(lines)
