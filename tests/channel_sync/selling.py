"""What a guest would find in the simulated shop, what the house would sell, and whether these are equal."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from innkeeper.channel_sync import ari_repository, repository
from innkeeper.channel_sync.availability_out import type_windows, window_of
from innkeeper.channel_sync.connection import Link
from innkeeper.channel_sync.tables import Block
from innkeeper.house import properties, rates, rooms
from innkeeper.jobs import queue
from innkeeper.simulators.qloapps.prices import FIXED, cents, night_price, tax_percent
from tests.channel_sync.world import DOUBLE, SUITE, World, day

#: Nights that the tests look at.
NIGHTS = 20


async def go_live(world: World, *, rooms_too: bool = True, prices_too: bool = True) -> None:
    """Let rooms and prices be pushed from now on."""
    async with world.database.write() as tx:
        config = await repository.config(tx.session, world.property_id)
        assert config is not None
        config.sync_availability, config.sync_rates = rooms_too, prices_too


async def push_of_each_type(world: World, first: int, last: int) -> None:
    """Go live and push, so that a block from one night to another and a price of ours stand for each type."""
    await go_live(world)
    for product in (DOUBLE, SUITE):
        await close_rooms(world, product, first, last)
        await set_rate(world, product, 3, 6, price=Decimal("199.00"))
    await world.work()


def shop_free(world: World, product: int) -> list[int]:
    """Return how many rooms of a type the shop would sell on each night."""
    return [len(world.shop.state.free_rooms(product, day(n))) for n in range(NIGHTS)]


def shop_prices(world: World, product: int) -> list[Decimal]:
    """Return what a guest pays on each night, with tax."""
    state = world.shop.state
    factor = 1 + tax_percent(state, product) / 100
    return [cents(night_price(state, product, day(n).toordinal()) * factor) for n in range(NIGHTS)]


async def link_of(world: World) -> Link:
    """Return the link of the world's property."""
    return await world.channels.link(world.property_id)


async def house_free(world: World, product: int) -> list[int]:
    """Return what may be sold of a type on each night."""
    link = await link_of(world)
    async with world.database.read() as session:
        house = await properties.get(session, world.property_id)
        (window,) = await type_windows(session, link, house, [world.types[product]])
    return window.wanted[:NIGHTS]


async def house_prices(world: World, product: int) -> list[Decimal]:
    """Return what the house charges for each night, with tax."""
    async with world.database.read() as session:
        house = await properties.get(session, world.property_id)
        kind = await rooms.room_type(session, world.property_id, world.types[product])
        first, _ = window_of(house)
        nights = await rates.window(session, [kind], first, first + timedelta(days=NIGHTS))
    factor = Decimal(1) if house.tax_included else 1 + house.tax_rate / 100
    return [cents(night.price * factor) for night in nights]


async def set_rate(world: World, product: int, first: int, last: int, **values: Any) -> None:
    """Set price or rules of nights at the desk."""
    async with world.database.write() as tx:
        house = await properties.get(tx.session, world.property_id)
        await rates.put(tx, house, world.types[product], day(first), day(last), values)


async def close_rooms(world: World, product: int, first: int, last: int, units: int = 1) -> Any:
    """Close rooms of a type for some nights at the desk."""
    async with world.database.write() as tx:
        work, _ = await rooms.add_maintenance(
            tx,
            world.property_id,
            start=day(first),
            end=day(last),
            room_type_id=world.types[product],
            units=units,
        )
        return work.id


async def open_rooms(world: World, maintenance_id: Any) -> None:
    """Open closed rooms again."""
    async with world.database.write() as tx:
        await rooms.end_maintenance(tx, world.property_id, maintenance_id)


async def blocks(world: World) -> list[Block]:
    """Return the blocks that are remembered."""
    async with world.database.read() as session:
        return list(await ari_repository.blocks(session, world.property_id))


async def waiting(world: World, kind: str) -> list[queue.Job]:
    """Return the jobs of a kind that wait, the first to run first."""
    async with world.database.read() as session:
        jobs, _ = await queue.list_jobs(session, property_id=world.property_id, kinds=[kind], limit=500)
    return sorted((job for job in jobs if job.status == "queued"), key=lambda job: job.priority)


def requests(world: World) -> int:
    """Return how many requests have left for the shop since the connector was made."""
    return sum(connector.requests_made for _, connector in world.channels._open.values())


def foreign_rule(
    world: World, first: int, last: int, *, price: int = 77, product: int = DOUBLE, **values: object
) -> int:
    """Let somebody else make a price rule in the shop."""
    state = world.shop.state
    number = state.new_id("feature_prices")
    dates = {
        "date_from": day(first).isoformat(),
        "date_to": day(last).isoformat(),
        "date_selection_type": 1,
        "is_special_days_exists": 0,
        "special_days": "[]",
    }
    row = {
        "id": number,
        "id_product": product,
        "id_cart": 0,
        "id_guest": 0,
        "id_room": 0,
        "impact_way": FIXED,
        "impact_type": 2,
        "impact_value": Decimal(price),
        "active": 1,
        "date_add": state.now(),
        "date_upd": state.now(),
        "feature_price_name": {1: "Early bird"},
        "groups": (1, 2, 3),
        "restrictions": [{"id": 900 + number, **dates}] if state.version.restrictions_on_rates else [],
        **({} if state.version.restrictions_on_rates else dates),
        **values,
    }
    state.feature_prices[number] = row
    state.index_rooms()
    return number
