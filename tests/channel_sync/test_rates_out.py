"""Rules cover every night once, in the fewest that can say it, and a change costs as few requests as it can."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from innkeeper.channel_sync.rates_out import Change, Price, changes, net_price, runs

START = date(2030, 6, 1)


def day(number: int) -> date:
    """Return the day `number` days after the start."""
    return START + timedelta(days=number)


def price(first: int, last: int, net: int) -> Price:
    """Return a price for nights by number."""
    return Price(day(first), day(last), Decimal(net))


def apply(standing: dict[int, Price], done: list[Change]) -> dict[int, Price]:
    """Return the rules after the requests; fails where two would stand on one night, as 1.7.0 does."""
    now, fresh = dict(standing), max(standing, default=0)
    for change in done:
        if change.what == "delete":
            del now[change.rule_id]
            continue
        fresh += 1
        key = change.rule_id or fresh
        assert not any(rule.overlaps(change.price) for other, rule in now.items() if other != key)
        now[key] = change.price
    return now


PRICES = st.lists(st.sampled_from([Decimal(100), Decimal(120), Decimal(140)]), min_size=12, max_size=12)


@given(PRICES, PRICES, st.integers(0, 3))
@settings(deadline=None)
def test_changes_lead_to_the_wanted_rules_without_an_overlap(
    before: list[Decimal], after: list[Decimal], passed: int
) -> None:
    standing = dict(enumerate(runs(START, before), 1))
    start = day(passed)
    wanted = runs(start, after)
    now = apply(standing, changes(standing, wanted, start))
    assert sorted(Price(max(rule.first, start), rule.last, rule.net) for rule in now.values()) == wanted
    assert changes(now, wanted, start) == []


@given(PRICES, st.integers(0, 11), st.sampled_from([Decimal(100), Decimal(999)]))
@settings(deadline=None)
def test_one_night_costs_at_most_three_requests(before: list[Decimal], night: int, net: Decimal) -> None:
    standing = dict(enumerate(runs(START, before), 1))
    after = [*before[:night], net, *before[night + 1 :]]
    assert len(changes(standing, runs(START, after), START)) <= 3


def test_a_year_of_one_price_is_one_rule() -> None:
    assert runs(START, [Decimal(100)] * 365) == [price(0, 364, 100)]


def test_nights_of_somebody_elses_rule_are_left_out() -> None:
    assert runs(START, [Decimal(100)] * 6, [(day(2), day(3))]) == [price(0, 1, 100), price(4, 5, 100)]


def test_another_price_for_a_whole_run_changes_its_rule() -> None:
    assert changes({7: price(0, 5, 100)}, [price(0, 5, 120)], START) == [Change("change", price(0, 5, 120), 7)]


def test_a_rule_of_the_past_is_deleted() -> None:
    standing = {7: price(0, 2, 100), 8: price(3, 5, 120)}
    assert changes(standing, [price(3, 5, 120)], day(3)) == [Change("delete", price(0, 2, 100), 7)]


def test_the_past_of_a_rule_is_left_alone() -> None:
    assert changes({7: price(0, 5, 100)}, [price(3, 5, 100)], day(3)) == []


@pytest.mark.parametrize(("included", "net"), [(True, Decimal("97.560976")), (False, Decimal("120.000000"))])
def test_a_price_goes_out_without_tax_as_the_property_states_it(included: bool, net: Decimal) -> None:
    assert net_price(Decimal(120), tax_included=included, tax_rate=Decimal(23)) == net
