"""What is wrong with the shop is one clear row and mends by itself; what the house has not left is not sold there."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select

from innkeeper.channel_sync import ari_work, drift, jobs, runs, settings
from innkeeper.channel_sync.connection import require_config
from innkeeper.channel_sync.schemas import AttentionOut
from innkeeper.channel_sync.tables import Attention
from innkeeper.channel_sync.work import queue_check, queue_poll
from innkeeper.house import reservations, rooms
from innkeeper.jobs import queue
from innkeeper.jobs.tables import JobStatus
from innkeeper.simulators.qloapps.actors import Stay as ShopStay
from innkeeper.simulators.qloapps.resources import resource_names
from innkeeper.simulators.qloapps.state import DEMO_KEY
from innkeeper.simulators.server import serve
from innkeeper.storage.database import Database
from innkeeper.storage.secrets import Keyring, new_key
from tests.channel_sync.selling import (
    close_rooms,
    foreign_rule,
    go_live,
    house_free,
    house_prices,
    link_of,
    shop_free,
    shop_prices,
)
from tests.channel_sync.world import DOUBLE, SUITE, Clock, World, connect, day, furnish, new_shop, open_channels

pytestmark = pytest.mark.anyio


@pytest.fixture
async def wired(database: Database, version: str) -> AsyncIterator[World]:
    """A world whose shop is spoken to over a socket, live with rooms and prices, and at rest."""
    clock = Clock()
    app = new_shop(version, clock)
    app.state.domain = None
    async with serve(app) as running:
        channels, worker = open_channels(database, clock, Keyring([new_key()]), httpx2.AsyncHTTPTransport())
        world = World(database, app, clock, channels, worker)
        await furnish(world)
        await settings.save(channels, world.property_id, {"base_url": running.url, "api_key": DEMO_KEY})
        await connect(world)
        await go_live(world)
        await rest(world)
        await world.sync("all", full=True)
        await rest(world)
        yield world
        await channels.aclose()


async def rest(world: World, rounds: int = 2) -> None:
    """Let an installation run on: it looks, it checks, and works until nothing is due."""
    for _ in range(rounds):
        world.clock.advance(2000)
        async with world.database.write() as tx:
            await queue_poll(tx, world.property_id)
            await queue_check(tx, world.property_id)
        await world.work()


async def rows(world: World) -> list[str]:
    """Return the kinds of all open rows."""
    async with world.database.read() as session:
        found = await session.scalars(select(Attention.kind).where(Attention.closed_at.is_(None)))
        return sorted(found)


async def ever(world: World, kind: str) -> int:
    """Return how many rows of a kind there have been."""
    async with world.database.read() as session:
        return await session.scalar(select(func.count()).select_from(Attention).where(Attention.kind == kind)) or 0


async def nothing_waits(world: World) -> None:
    """Assert that every job is done and none is dead."""
    async with world.database.read() as session:
        counts = await queue.counts(session, world.property_id)
    assert (counts[JobStatus.QUEUED], counts[JobStatus.RUNNING], counts[JobStatus.DEAD]) == (0, 0, 0)


async def flows_both_ways(world: World, first: int) -> None:
    """Assert that a booking comes in and a reservation goes out."""
    before = len(await world.reservations())
    world.office.book(ShopStay(DOUBLE, day(first), day(first + 1)))
    reservation = await world.book(world.room(first, first + 1))
    await rest(world)
    assert len(await world.reservations()) == before + 2
    mapping = await world.mapping(reservation.id)
    assert mapping is not None
    assert mapping.status == "synced"
    assert shop_free(world, DOUBLE) == await house_free(world, DOUBLE)


async def test_a_wrong_key_is_one_row_and_mends_by_itself(wired: World) -> None:
    key = wired.shop.state.keys.pop(DEMO_KEY)
    wired.office.book(ShopStay(DOUBLE, day(1), day(2)))
    for n in range(3):
        await wired.book(wired.room(n + 3, n + 4))
    await close_rooms(wired, SUITE, 2, 5)
    await rest(wired, 3)
    assert await rows(wired) == ["access"]
    row = (await wired.attention())["access"]
    assert "does not accept the key" in row.meaning
    assert not AttentionOut.of(row, mends=True).can_retry, "there is no single thing to do again"
    wired.shop.state.keys[DEMO_KEY] = key
    await rest(wired)
    assert await rows(wired) == []
    await nothing_waits(wired)
    assert len(await wired.reservations()) == 4
    assert shop_free(wired, SUITE) == await house_free(wired, SUITE)
    assert await ever(wired, "access") == 1


async def test_another_key_typed_in_is_tried_at_once(wired: World) -> None:
    await settings.save(wired.channels, wired.property_id, {"api_key": "B" * 32})
    await wired.work()
    assert await rows(wired) == ["access"]
    await settings.save(wired.channels, wired.property_id, {"api_key": DEMO_KEY})
    wired.clock.advance(2000)
    await wired.work()
    assert await rows(wired) == []


def forbid_booking(world: World) -> None:
    """Take from the key of the shop the right to make bookings and lines."""
    key = world.shop.state.keys[DEMO_KEY]
    key.permissions = {
        name: key.methods(name) - ({"POST"} if name in ("bookings", "room_bookings") else set())
        for name in _granted(world)
    }


async def test_a_right_taken_away_is_one_row_and_what_needs_it_waits(wired: World) -> None:
    key = wired.shop.state.keys[DEMO_KEY]
    everything = key.permissions
    forbid_booking(wired)
    reservation = await wired.book(wired.room(3, 5))
    await rest(wired, 3)
    assert await rows(wired) == ["missing_rights"]
    assert "POST bookings" in (await wired.attention())["missing_rights"].meaning
    key.permissions = everything
    await rest(wired, 3)
    assert await rows(wired) == []
    mapping = await wired.mapping(reservation.id)
    assert mapping is not None
    assert mapping.status == "synced"
    await nothing_waits(wired)


async def test_a_right_given_back_is_noticed_by_the_work_that_waited_for_it(wired: World) -> None:
    key = wired.shop.state.keys[DEMO_KEY]
    everything = key.permissions
    forbid_booking(wired)
    await wired.book(wired.room(3, 5))
    await wired.work()
    assert await rows(wired) == ["missing_rights"]
    key.permissions = everything
    wired.clock.advance(60)
    await wired.work()
    assert await rows(wired) == [], "nobody had to look at the shop, or to wait for the next look"


def _granted(world: World) -> list[str]:
    return list(resource_names(world.shop.state.version))


async def test_a_hotel_that_is_gone_is_one_row_and_nothing_is_read_or_sent(wired: World) -> None:
    hotel = wired.shop.state.hotels.pop(1)
    await rest(wired)
    before = [(order.id, order.date_upd) for order in wired.orders()]
    await wired.book(wired.room(3, 5))
    await close_rooms(wired, SUITE, 2, 5)
    await rest(wired, 3)
    assert await rows(wired) == ["wrong_hotel"]
    assert [(order.id, order.date_upd) for order in wired.orders()] == before
    wired.shop.state.hotels[1] = hotel
    await rest(wired)
    assert await rows(wired) == []
    await nothing_waits(wired)
    assert shop_free(wired, DOUBLE) == await house_free(wired, DOUBLE)
    await flows_both_ways(wired, 8)


async def test_a_shop_in_another_currency_is_one_row_and_gets_no_price(wired: World) -> None:
    currency = wired.shop.state.currencies[1]
    currency["iso_code"] = "USD"
    prices = dict(wired.shop.state.feature_prices)
    await rest(wired)
    async with wired.database.write() as tx:
        await rooms.update_room_type(tx, wired.property_id, wired.types[DOUBLE], {"price_per_night": Decimal(155)})
    await rest(wired, 3)
    assert await rows(wired) == ["shop_currency"]
    assert wired.shop.state.feature_prices == prices
    currency["iso_code"] = "EUR"
    await rest(wired)
    assert await rows(wired) == []
    assert shop_prices(wired, DOUBLE) == await house_prices(wired, DOUBLE)
    await flows_both_ways(wired, 8)


@pytest.mark.parametrize("minutes", [40, -40])
async def test_a_shop_clock_that_is_off_is_one_row_and_no_booking_is_missed(wired: World, minutes: int) -> None:
    wired.shop.state.clock = lambda: wired.clock() + timedelta(minutes=minutes)
    await flows_both_ways(wired, 2)
    assert await rows(wired) == ["clock_skew"]
    assert f"{minutes} minutes off" in (await wired.attention())["clock_skew"].title
    wired.shop.state.clock = wired.clock
    wired.clock.advance(700)  # longer than looks overlap: nobody looked when the clock was put right
    wired.office.book(ShopStay(DOUBLE, day(5), day(6)))
    wired.clock.advance(700)
    await rest(wired)
    assert await rows(wired) == []
    assert len(await wired.reservations()) == 3
    await flows_both_ways(wired, 8)


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland"])
async def test_a_zone_changed_in_the_shop_is_one_row_and_no_booking_is_missed(wired: World, zone: str) -> None:
    _set_zone(wired, zone)
    wired.office.book(ShopStay(DOUBLE, day(2), day(3)))
    await rest(wired)
    assert await rows(wired) == ["shop_zone"]
    assert zone in (await wired.attention())["shop_zone"].title
    assert len(await wired.reservations()) == 1
    await flows_both_ways(wired, 5)
    _set_zone(wired, "UTC")
    wired.office.book(ShopStay(DOUBLE, day(10), day(11)))
    await rest(wired)
    assert await rows(wired) == []
    assert len(await wired.reservations()) == 4
    await flows_both_ways(wired, 12)
    assert await ever(wired, "shop_zone") == 1


def _set_zone(world: World, name: str) -> None:
    state = world.shop.state
    state.timezone = name
    row = next(row for row in state.configurations.values() if row["name"] == "PS_TIMEZONE")
    row["value"] = name


async def test_the_night_when_the_clock_is_put_back_is_one_row_that_passes(wired: World) -> None:
    _set_zone(wired, "Europe/Rome")
    async with wired.database.write() as tx:
        config = await require_config(tx.session, wired.property_id)
        config.approved_plan = {"qloapps": {"timezone": "Europe/Rome"}}
    wired.clock.now = datetime(2030, 10, 26, 22, 0, tzinfo=UTC)
    await rest(wired)
    assert await rows(wired) == []
    seen = []
    wired.clock.now = datetime(2030, 10, 26, 23, 50, tzinfo=UTC)
    for number in range(15):  # from ten to two until after four, every ten minutes
        wired.clock.advance(600)
        wired.office.book(ShopStay(DOUBLE, day(number), day(number + 1)))
        async with wired.database.write() as tx:
            await queue_poll(tx, wired.property_id)
            await queue_check(tx, wired.property_id)
        await wired.work()
        seen += await rows(wired)
        assert len(await wired.reservations()) == number + 1
    assert set(seen) == {"repeated_hour"}
    assert await rows(wired) == []
    assert await ever(wired, "repeated_hour") == 1


async def test_the_night_when_the_clock_is_put_forward_gives_no_row(wired: World) -> None:
    _set_zone(wired, "Europe/Rome")
    async with wired.database.write() as tx:
        config = await require_config(tx.session, wired.property_id)
        config.approved_plan = {"qloapps": {"timezone": "Europe/Rome"}}
    wired.clock.now = datetime(2031, 3, 30, 0, 20, tzinfo=UTC)
    await rest(wired)
    for number in range(6):
        wired.clock.advance(900)
        wired.office.book(ShopStay(DOUBLE, day(number), day(number + 1)))
        async with wired.database.write() as tx:
            await queue_poll(tx, wired.property_id)
        await wired.work()
        assert len(await wired.reservations()) == number + 1
    assert await rows(wired) == []


# --- rooms and what belongs to others ---------------------------------------------------------------------------------


async def test_a_night_without_rooms_is_not_sold_there_after_one_poll(wired: World) -> None:
    """Whatever takes the last room, and whoever books meanwhile: after one look nobody can book it there."""
    takers: list[Any] = [
        lambda: wired.book(wired.room(3, 5, SUITE)),
        lambda: close_rooms(wired, SUITE, 6, 8),
        lambda: close_rooms(wired, DOUBLE, 3, 5, units=3),
    ]
    for take in takers:
        await take()
    wired.office.book(ShopStay(DOUBLE, day(9), day(10), rooms=2))
    await wired.book(wired.room(9, 10))
    wired.clock.advance(jobs.PEEK_SECONDS)
    async with wired.database.write() as tx:
        await jobs.peek(tx)
    await wired.work()
    for product in (SUITE, DOUBLE):
        ours, theirs = await house_free(wired, product), shop_free(wired, product)
        assert [night for night, left in enumerate(ours) if left <= 0 < theirs[night]] == []


async def test_a_cancellation_there_of_a_night_that_is_closed_here_is_not_sold_again(wired: World) -> None:
    order = wired.office.book(ShopStay(SUITE, day(3), day(5)))
    await rest(wired)
    await close_rooms(wired, SUITE, 2, 6)
    await rest(wired)
    wired.office.cancel(order)
    async with wired.database.write() as tx:
        await jobs.peek(tx)
    wired.clock.advance(jobs.PEEK_SECONDS)
    await wired.work()
    assert shop_free(wired, SUITE)[2:6] == [0, 0, 0, 0]


async def test_a_night_with_few_rooms_left_overtakes_everything_in_the_queue(wired: World) -> None:
    for n in range(8):
        await wired.book(wired.room(n, n + 1))
    async with wired.database.write() as tx:
        await jobs.start_due_syncs(tx)
        await jobs.peek(tx)
        await ari_work.queue_drift(tx, wired.property_id, await drift.begin(tx, wired.property_id, heal=True))
    suite = await wired.book(wired.room(3, 6, SUITE))
    async with wired.database.read() as session:
        waiting, _ = await queue.list_jobs(session, property_id=wired.property_id, statuses=[JobStatus.QUEUED])
    first, second, *rest_of_queue = sorted(waiting, key=lambda job: job.priority)
    assert (first.kind, first.key) == ("channel.push", str(suite.id))
    assert (second.kind, second.key) == (ari_work.AVAILABILITY, str(wired.types[SUITE]))
    assert all(job.priority > second.priority for job in rest_of_queue)


async def test_blocks_and_rules_of_others_survive_whatever_we_do(wired: World) -> None:
    state = wired.shop.state
    rule = foreign_rule(wired, 4, 6)
    order = wired.office.book(ShopStay(DOUBLE, day(3), day(6)))
    (line,) = state.lines_of(order)
    del state.orders[order.id]
    line.id_order, line.comment = 0, "housekeeping"
    held, priced = _plain(line), dict(state.feature_prices[rule])
    await close_rooms(wired, DOUBLE, 2, 8, units=2)
    reservation = await wired.book(wired.room(4, 5))
    await rest(wired)
    await wired.do(reservations.cancel, reservation.id)
    await wired.sync("all", full=True)
    await drift.run(await link_of(wired), heal=True)
    await rest(wired)
    await runs.remove_blocks(wired.channels, wired.property_id)
    assert _plain(state.lines[line.id]) == held
    assert state.feature_prices[rule] == priced


def _plain(line: Any) -> dict[str, Any]:
    return {name: getattr(line, name) for name in ("id", "id_room", "date_from", "date_to", "comment", "id_order")}
