"""Before anything is written, a rehearsal shows both sides, pair by pair and night by night, and is kept."""

from decimal import Decimal
from typing import Any

import pytest

from innkeeper.access.roles import Role
from innkeeper.channel_sync.connection import require_config
from innkeeper.house import properties, rooms
from innkeeper.simulators.qloapps.actors import Stay as ShopStay
from innkeeper.storage.database import Database
from tests.channel_sync.desk import desk
from tests.channel_sync.selling import close_rooms, foreign_rule, go_live, set_rate, shop_free, shop_prices
from tests.channel_sync.world import DOUBLE, SUITE, World, connect, day, make_world

pytestmark = pytest.mark.anyio


@pytest.fixture
async def waiting(world: World) -> World:
    """A world that is connected and mapped, and has not gone live."""
    await go_live(world)
    async with world.database.write() as tx:
        (await require_config(tx.session, world.property_id)).mode = "rehearsal"
    return world


async def rehearsal(world: World) -> Any:
    """Ask what the first synchronisation would do."""
    async with desk(world, Role.MANAGER) as office:
        return await office.call("GET", "/qloapps/rehearsal")


def of_type(plan: Any, product: int) -> Any:
    """Return the nights of a type."""
    return next(kind for kind in plan["nights"]["room_types"] if kind["qloapps_product_id"] == product)


def nights(rows: list[dict[str, Any]], name: str, count: int = 8) -> list[Any]:
    """Return a figure of the first nights."""
    return [row[name] for row in rows for _ in range(row["nights"])][:count]


async def test_each_night_shows_what_both_sides_sell_now_and_after(waiting: World) -> None:
    await close_rooms(waiting, DOUBLE, 1, 3)
    waiting.office.book(ShopStay(DOUBLE, day(2), day(4)))
    await waiting.book(waiting.room(5, 7))
    rows = of_type(await rehearsal(waiting), DOUBLE)["availability"]
    assert nights(rows, "here") == [3, 2, 2, 3, 3, 2, 2, 3]
    assert nights(rows, "here_after") == [3, 2, 1, 2, 3, 2, 2, 3]
    assert nights(rows, "there") == [3, 3, 2, 2, 3, 3, 3, 3]
    assert nights(rows, "there_after") == [3, 2, 1, 2, 3, 2, 2, 3]
    assert nights(rows, "blocks") == [0, 1, 1, 0, 0, 0, 0, 0]


async def test_what_was_shown_is_what_happens(waiting: World) -> None:
    await close_rooms(waiting, DOUBLE, 1, 3)
    await set_rate(waiting, DOUBLE, 2, 5, price=Decimal(180))
    waiting.office.book(ShopStay(DOUBLE, day(2), day(4)))
    await waiting.book(waiting.room(5, 7))
    async with desk(waiting) as office:
        await office.call("POST", "/qloapps/go-live", json={"mode": "live"})
    async with waiting.database.read() as session:
        plan = (await require_config(session, waiting.property_id)).approved_plan
    await waiting.sync("all")
    await waiting.settle(1)
    await waiting.sync("availability")
    kind = of_type(plan, DOUBLE)
    assert shop_free(waiting, DOUBLE)[:8] == nights(kind["availability"], "there_after")
    assert shop_prices(waiting, DOUBLE)[:8] == [Decimal(price) for price in nights(kind["prices"], "there_after")]


async def test_equal_nights_are_one_row(waiting: World) -> None:
    plan = await rehearsal(waiting)
    kind = of_type(plan, SUITE)
    assert [(row["start"], row["nights"]) for row in kind["availability"]] == [(str(day(0)), 365)]
    assert [(row["here"], row["there"], row["there_after"]) for row in kind["prices"]] == [
        ("120.00", "250.00", "120.00")
    ]


async def test_a_rehearsal_writes_nothing_and_asks_little(waiting: World) -> None:
    for number in range(5):
        waiting.office.book(ShopStay(DOUBLE, day(number), day(number + 1)))
    await waiting.book(waiting.room(5, 7))
    before = [order.date_upd for order in waiting.orders()]
    plan = await rehearsal(waiting)
    assert plan["requests"] <= 20
    assert [order.date_upd for order in waiting.orders()] == before
    assert len(await waiting.reservations()) == 1


async def test_the_night_of_a_price_rule_of_somebody_else_stays_as_it_is(waiting: World) -> None:
    foreign_rule(waiting, 1, 2)
    rows = of_type(await rehearsal(waiting), DOUBLE)["prices"]
    assert nights(rows, "rule", 4) == [None, "Early bird", "Early bird", None]
    assert nights(rows, "there_after", 4) == ["120.00", "77.00", "77.00", "120.00"]


async def test_prices_are_shown_as_guests_pay_them(database: Database, version: str) -> None:
    world = await make_world(database, version=version, tax_rate=10)
    await connect(world)
    await go_live(world)
    async with world.database.write() as tx:
        house = await properties.get(tx.session, world.property_id)
        house.tax_included, house.tax_rate = False, Decimal(10)
    (row,) = of_type(await rehearsal(world), DOUBLE)["prices"]
    assert (row["here"], row["there"], row["there_after"]) == ("132.00", "110.00", "132.00")
    await world.channels.aclose()


async def test_pairs_stand_side_by_side_with_what_differs(waiting: World) -> None:
    async with waiting.database.write() as tx:
        await rooms.update_room_type(tx, waiting.property_id, waiting.types[DOUBLE], {"max_people": 6})
    plan = await rehearsal(waiting)
    pair = next(one for one in plan["room_types"] if one["qloapps_product_id"] == DOUBLE)
    assert (pair["house"]["rooms"], pair["qloapps"]["rooms"]) == (3, 3)
    assert (pair["house"]["most_guests"], pair["qloapps"]["most_guests"]) == (6, 4)
    assert "Double: 6 guests at most here, 4 there." in plan["findings"]
    assert plan["house"]["tax"] == "included in prices"
    assert (plan["house"]["currency"], plan["qloapps"]["currency"]) == ("EUR", "EUR")
    assert plan["qloapps"]["missing_permissions"] == []
