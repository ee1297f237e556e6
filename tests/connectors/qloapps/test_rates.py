"""A price rule of ours is what a guest pays on its nights, in both dialects, and nobody else's is touched."""

from datetime import date
from decimal import Decimal

import pytest

from innkeeper.domain.channel import RateDraft
from innkeeper.domain.outcome import Refused, Unknown
from tests.connectors.qloapps.shops import VERSIONS, Shop, done, shop

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("version", VERSIONS)]

FIRST, LAST = date(2027, 8, 1), date(2027, 8, 3)
#: What the demo shop adds to every night of a general room.
SERVICE = Decimal(250)


def rate(net: str = "640", first: date = FIRST, last: date = LAST) -> RateDraft:
    """Return a price of a general room."""
    return RateDraft(1, first, last, Decimal(net))


async def prices(opened: Shop) -> list[Decimal]:
    """Return what a night costs in the shop from a day before to a day after."""
    found = done(await opened.connector.sold_nights([1], date(2027, 7, 31), date(2027, 8, 5)))
    return [night.net - SERVICE for night in found]


async def test_a_rule_prices_its_nights_the_last_one_too(version: str) -> None:
    async with shop(version) as opened:
        done(await opened.connector.make_rate(rate("640.123456")))
        assert await prices(opened) == [1000, Decimal("640.12"), Decimal("640.12"), Decimal("640.12"), 1000]


async def test_a_rule_is_read_back_as_it_was_made(version: str) -> None:
    async with shop(version) as opened:
        made = done(await opened.connector.make_rate(rate("640.123456")))
        (read,) = done(await opened.connector.rate_rules([1]))
        assert (read.rule_id, read.first, read.last, read.net) == (made.rule_id, FIRST, LAST, Decimal("640.123456"))
        assert read.ours
        assert read.sound
        assert done(await opened.connector.rate_rules([2])) == []


async def test_a_changed_rule_has_other_nights_and_another_price(version: str) -> None:
    async with shop(version) as opened:
        made = done(await opened.connector.make_rate(rate()))
        done(await opened.connector.change_rate(made.rule_id, rate("700", last=date(2027, 8, 2))))
        assert await prices(opened) == [1000, 700, 700, 1000, 1000]


async def test_a_deleted_rule_is_gone_and_twice_is_harmless(version: str) -> None:
    async with shop(version) as opened:
        made = done(await opened.connector.make_rate(rate()))
        done(await opened.connector.delete_rate(made.rule_id))
        done(await opened.connector.delete_rate(made.rule_id))
        assert await prices(opened) == [1000] * 5


async def test_a_rule_that_is_gone_is_not_changed(version: str) -> None:
    async with shop(version) as opened:
        answer = await opened.connector.change_rate(99, rate())
        assert isinstance(answer, Refused)
        assert answer.code == "NOT_FOUND"


async def test_an_overlap_is_refused_by_name_where_the_shop_refuses_it(version: str) -> None:
    async with shop(version) as opened:
        done(await opened.connector.make_rate(rate()))
        answer = await opened.connector.make_rate(rate())
        if version == "1.7.0":
            assert isinstance(answer, Refused)
            assert answer.code == "RATE_OVERLAPS"


async def test_a_rule_whose_answer_was_lost_is_unknown_and_told_by_the_list(version: str) -> None:
    async with shop(version) as opened:
        done(await opened.connector.price_terms())
        made = done(await opened.connector.make_rate(rate()))
        done(await opened.connector.delete_rate(made.rule_id))
        opened.dial.next("drop_after")
        assert isinstance(await opened.connector.make_rate(rate()), Unknown)
        assert [rule.ours for rule in done(await opened.connector.rate_rules([1]))] == [True]


async def test_terms_are_the_shops_currency_and_taxes_and_cost_nothing_twice(version: str) -> None:
    async with shop(version) as opened:
        terms = done(await opened.connector.price_terms())
        currency, tax = ("PLN", Decimal(23)) if version == "1.7.0" else ("USD", Decimal(4))
        assert (terms.currency, terms.tax_rates[1]) == (currency, tax)
        before = opened.connector.requests_made
        done(await opened.connector.price_terms())
        assert opened.connector.requests_made == before


async def test_limits_of_stay_are_set_once(version: str) -> None:
    async with shop(version) as opened:
        assert done(await opened.connector.set_stay_limits(1, 2, 14)) is True
        row = opened.state.type_of_product[1]
        assert (row["min_los"], row["max_los"], row["max_guests"]) == (2, 14, 4)
        before = opened.connector.requests_made
        assert done(await opened.connector.set_stay_limits(1, 2, 14)) is False
        assert opened.connector.requests_made - before <= 1
