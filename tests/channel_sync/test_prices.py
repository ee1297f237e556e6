"""What the house charges is what a guest finds in the shop, in few requests; rules of others are told, not touched."""

from decimal import Decimal

import pytest

from innkeeper.channel_sync import ari_repository, runs
from innkeeper.house import properties, rooms
from tests.channel_sync.selling import (
    NIGHTS,
    foreign_rule,
    go_live,
    house_prices,
    set_rate,
    shop_prices,
    waiting,
)
from tests.channel_sync.world import DOUBLE, SUITE, World, day, make_world

pytestmark = pytest.mark.anyio


@pytest.fixture
async def selling(world: World) -> World:
    """A world whose prices are pushed, and have been."""
    await go_live(world, rooms_too=False)
    await world.sync("rates")
    return world


def rules(world: World, product: int = DOUBLE) -> int:
    """Return how many rules the shop has for a type."""
    return len(world.shop.state.rates_of_type.get(product, ()))


async def test_a_guest_finds_the_price_of_the_house(selling: World) -> None:
    await set_rate(selling, DOUBLE, 3, 6, price=Decimal("144.50"))
    await selling.work()
    assert shop_prices(selling, DOUBLE) == await house_prices(selling, DOUBLE)
    assert shop_prices(selling, DOUBLE)[3] == Decimal("144.50")
    assert (rules(selling), rules(selling, SUITE)) == (3, 1)


@pytest.mark.parametrize("included", [True, False])
async def test_tax_is_taken_into_account_the_way_the_property_says(
    database: object, version: str, included: bool
) -> None:
    world = await make_world(database, version=version, tax_rate=23)  # type: ignore[arg-type]
    from tests.channel_sync.world import connect

    await connect(world)
    await go_live(world, rooms_too=False)
    async with world.database.write() as tx:
        house = await properties.get(tx.session, world.property_id)
        house.tax_included, house.tax_rate = included, Decimal(23)
    await set_rate(world, DOUBLE, 3, 6, price=Decimal("123.00"))
    await world.sync("rates")
    assert shop_prices(world, DOUBLE) == await house_prices(world, DOUBLE)
    assert shop_prices(world, DOUBLE)[3] == (Decimal("123.00") if included else Decimal("151.29"))
    await world.channels.aclose()


async def test_a_second_push_costs_no_request(selling: World) -> None:
    assert (await selling.sync("rates")).requests == 0


async def test_a_second_push_by_another_process_costs_no_request(selling: World) -> None:
    await selling.channels.aclose()
    assert (await selling.sync("rates")).requests == 0


async def test_the_price_of_one_night_costs_three_requests(selling: World) -> None:
    await set_rate(selling, DOUBLE, 5, 6, price=Decimal(199))
    result = await selling.sync("rates")
    assert result.requests == 3
    assert shop_prices(selling, DOUBLE) == await house_prices(selling, DOUBLE)


async def test_a_hundred_prices_are_one_job(selling: World) -> None:
    for n in range(100):
        await set_rate(selling, DOUBLE, n, n + 1, price=Decimal(100 + n))
    assert len(await waiting(selling, "channel.rates")) == 1


async def test_the_price_of_the_type_itself_is_pushed(selling: World) -> None:
    async with selling.database.write() as tx:
        await rooms.update_room_type(
            tx, selling.property_id, selling.types[SUITE], {"price_per_night": Decimal("310.00")}
        )
    await selling.work()
    assert shop_prices(selling, SUITE) == [Decimal("310.00")] * NIGHTS


async def test_a_rule_of_somebody_else_is_told_and_never_touched(selling: World) -> None:
    state = selling.shop.state
    await set_rate(selling, DOUBLE, 3, 6, price=Decimal(150))
    await selling.work()
    for number in list(state.feature_prices):
        if state.feature_prices[number]["id_product"] == SUITE:
            del state.feature_prices[number]
    number = foreign_rule(selling, 4, 5, product=SUITE)
    before = dict(state.feature_prices[number])
    result = await selling.sync("rates", full=True)
    assert result.errors == []
    assert state.feature_prices[number] == before
    assert "Early bird" in (await selling.attention())["foreign_rate"].meaning
    prices = shop_prices(selling, SUITE)
    assert prices[4:6] == [Decimal(77)] * 2
    assert prices[:4] + prices[6:] == [Decimal(120)] * (NIGHTS - 2)
    del state.feature_prices[number]
    state.index_rooms()
    await selling.sync("rates", full=True)
    assert shop_prices(selling, SUITE) == await house_prices(selling, SUITE)
    assert "foreign_rate" not in await selling.attention()


async def test_a_rule_that_somebody_else_keeps_switched_off_does_not_stop_us_for_ever(selling: World) -> None:
    state = selling.shop.state
    for number in list(state.feature_prices):
        del state.feature_prices[number]
    number = foreign_rule(selling, 4, 5, active=0)
    result = await selling.sync("rates", full=True)
    assert result.errors == []
    assert number in state.feature_prices
    prices = shop_prices(selling, DOUBLE)
    assert prices[:4] + prices[6:] == [Decimal(120)] * (NIGHTS - 2)


async def test_a_rule_of_staff_whose_name_begins_like_ours_is_not_ours(selling: World) -> None:
    state = selling.shop.state
    number = foreign_rule(selling, 400, 402, feature_price_name={1: "innkeeper-rate special"})
    before = dict(state.feature_prices[number])
    await selling.sync("rates", full=True)
    await selling.sync("all", full=True)
    assert state.feature_prices[number] == before
    assert shop_prices(selling, DOUBLE) == await house_prices(selling, DOUBLE)


async def test_a_rule_of_ours_that_somebody_spoiled_is_made_right(selling: World) -> None:
    state = selling.shop.state
    (rule,) = state.rates_of_type[DOUBLE]
    rule["groups"] = ()
    await selling.sync("rates", full=True)
    assert shop_prices(selling, DOUBLE) == await house_prices(selling, DOUBLE)


async def test_a_deleted_rule_of_ours_is_made_again(selling: World) -> None:
    state = selling.shop.state
    state.feature_prices.clear()
    state.index_rooms()
    await set_rate(selling, DOUBLE, 3, 6, price=Decimal(150))
    await selling.work()
    assert shop_prices(selling, DOUBLE) == await house_prices(selling, DOUBLE)


async def test_another_currency_is_refused_before_the_first_request_and_resumes(world: World) -> None:
    await go_live(world, rooms_too=False)
    state = world.shop.state
    state.currencies[state.default_currency]["iso_code"] = "USD"
    first = await world.sync("rates")
    assert first.errors
    assert not state.feature_prices
    assert "shop_currency" in await world.attention()
    assert (await world.sync("rates")).requests == 0
    state.currencies[state.default_currency]["iso_code"] = "EUR"
    world.clock.advance(4000)
    await world.sync("all")
    assert "shop_currency" not in await world.attention()
    assert shop_prices(world, DOUBLE) == await house_prices(world, DOUBLE)


async def test_limits_of_stay_are_pushed_where_all_nights_share_them_and_told_where_not(selling: World) -> None:
    async with selling.database.write() as tx:
        await rooms.update_room_type(tx, selling.property_id, selling.types[DOUBLE], {"min_stay": 2, "max_stay": 9})
    await selling.work()
    row = selling.shop.state.type_of_product[DOUBLE]
    assert (row["min_los"], row["max_los"]) == (2, 9)
    await set_rate(selling, DOUBLE, 3, 6, min_stay=3)
    await selling.work()
    assert (row["min_los"], row["max_los"]) == (2, 9)
    assert "Double" in (await selling.attention())["stay_limits"].title


async def test_a_dry_run_lists_and_changes_nothing(selling: World) -> None:
    await set_rate(selling, DOUBLE, 3, 6, price=Decimal(150))
    result = await selling.sync("rates", dry_run=True)
    assert [action["action"] for action in result.actions] == ["change price rule", "price rule", "price rule"]
    assert rules(selling) == 1


async def test_nothing_is_priced_before_go_live(world: World) -> None:
    await go_live(world)
    async with world.database.write() as tx:
        (await runs.require_config(tx.session, world.property_id)).mode = "shadow"
    await set_rate(world, DOUBLE, 3, 6, price=Decimal(150))
    await world.work()
    await world.sync("rates")
    assert not world.shop.state.feature_prices


async def test_the_past_is_let_go_as_the_window_rolls(selling: World) -> None:
    await set_rate(selling, DOUBLE, 0, 2, price=Decimal(150))
    await selling.work()
    async with selling.database.write() as tx:
        (await properties.get(tx.session, selling.property_id)).business_date = day(2)
    result = await selling.sync("rates", room_type_id=selling.types[DOUBLE])
    assert result.requests == 2
    assert rules(selling) == 1


@pytest.mark.parametrize("fault", ["error_after", "drop_after", "drop_before", "truncate", "duplicate", "late"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_lost_answer_leaves_every_night_at_its_price(selling: World, fault: str, method: str) -> None:
    selling.shop.dial.late_seconds = 0.0
    await set_rate(selling, DOUBLE, 3, 6, price=Decimal(150))
    selling.shop.dial.next(fault, method=method, path="feature_prices")
    await selling.work()
    await selling.shop.settle()
    for _ in range(6):
        selling.clock.advance(2000)
        await selling.work()
    await selling.sync("rates", full=True)
    assert shop_prices(selling, DOUBLE) == await house_prices(selling, DOUBLE)
    assert rules(selling) == 3


async def test_what_is_remembered_is_what_stands(selling: World) -> None:
    await set_rate(selling, DOUBLE, 3, 6, price=Decimal(150))
    await selling.work()
    async with selling.database.read() as session:
        states = await ari_repository.type_states(session, selling.property_id)
    assert {rule[0] for rule in states[selling.types[DOUBLE]].rules} == {
        rule["id"] for rule in selling.shop.state.rates_of_type[DOUBLE]
    }
