"""A sweep proves that both sides are equal, or says where they are not, heals what is ours and asks for the rest."""

from copy import copy
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete

from innkeeper.channel_sync import ari_jobs, ari_repository, drift, runs
from innkeeper.domain.outcome import Done
from innkeeper.house import reservations, rooms
from innkeeper.jobs.tables import JobRow
from innkeeper.simulators.qloapps.actors import Stay as ShopStay
from tests.channel_sync.selling import (
    NIGHTS,
    blocks,
    close_rooms,
    go_live,
    house_prices,
    link_of,
    set_rate,
    shop_free,
    shop_prices,
)
from tests.channel_sync.test_letting_go import limit_stays, limits, ours_there, unmap
from tests.channel_sync.world import DOUBLE, SUITE, World, day

pytestmark = pytest.mark.anyio


@pytest.fixture
async def selling(world: World) -> World:
    """A world in step: rooms and prices pushed."""
    await go_live(world)
    await world.sync("availability")
    await world.sync("rates")
    return world


async def sweep(world: World, *, heal: bool = True) -> dict[str, Any]:
    """Compare everything now and return the report."""
    world.clock.advance(60)
    answer = await drift.run(await link_of(world), heal=heal)
    assert isinstance(answer, Done), answer
    return drift.document(answer.value)


def kinds(report: dict[str, Any]) -> set[str]:
    """Return which kinds of differences there are."""
    return {one["kind"] for one in report["differences"]}


async def test_two_equal_sides_are_proven_equal(selling: World) -> None:
    await selling.book(selling.room(3, 6))
    selling.office.book(ShopStay(SUITE, day(3), day(5)))
    await selling.settle(2)
    report = await sweep(selling)
    assert (report["equal"], report["differences"], report["bookings"]) == (True, [], 2)
    assert report["nights"] == 2 * 365


async def test_a_dry_sweep_says_what_healing_would_do_and_does_nothing(selling: World) -> None:
    state = selling.shop.state
    state.feature_prices.clear()
    state.index_rooms()
    selling.office.book(ShopStay(DOUBLE, day(3), day(5)))
    report = await sweep(selling, heal=False)
    assert kinds(report) == {"booking_missing_here", "availability", "rate"}
    assert all(one["since"] and one["what"] and one["healing"] for one in report["differences"])
    assert not state.feature_prices


async def test_what_is_ours_is_healed_and_the_next_sweep_proves_it(selling: World) -> None:
    state = selling.shop.state
    await set_rate(selling, DOUBLE, 3, 6, price=Decimal(150))
    await selling.work()
    state.feature_prices.clear()
    state.index_rooms()
    order = selling.office.book(ShopStay(DOUBLE, day(3), day(5)))
    assert (await sweep(selling))["equal"] is False
    await selling.work()
    assert shop_prices(selling, DOUBLE) == await house_prices(selling, DOUBLE)
    assert (await selling.only()).rooms[0].check_in == day(3)
    report = await sweep(selling)
    assert report["equal"] is True, (order.id, report["differences"])


async def test_a_booking_deleted_there_is_told_and_asks(selling: World) -> None:
    await selling.book(selling.room(3, 6))
    await selling.work()
    state = selling.shop.state
    (order,) = selling.orders()
    state.remove_line(state.lines_of(order)[0])
    del state.orders[order.id]
    (difference,) = [one for one in (await sweep(selling))["differences"] if one["kind"] == "booking_gone"]
    assert difference["heals"] is False


async def test_a_reservation_that_was_never_sent_is_found_and_sent(selling: World) -> None:
    async with selling.database.write() as tx:
        (await runs.require_config(tx.session, selling.property_id)).sync_reservations_outbound = False
    await selling.book(selling.room(3, 6))
    await selling.work()
    async with selling.database.write() as tx:
        (await runs.require_config(tx.session, selling.property_id)).sync_reservations_outbound = True
    assert "booking_missing_there" in kinds(await sweep(selling))
    await selling.work()
    assert len([line for line in selling.held() if line.id_order]) >= 1
    assert (await sweep(selling))["equal"] is True


async def test_a_difference_keeps_its_age_from_sweep_to_sweep(selling: World) -> None:
    selling.office.book(ShopStay(DOUBLE, day(3), day(5)))
    first, second = await sweep(selling, heal=False), await sweep(selling, heal=False)
    assert [one["since"] for one in first["differences"]] == [one["since"] for one in second["differences"]]


async def test_a_sweep_that_is_interrupted_goes_on_where_it_was(selling: World) -> None:
    await selling.book(selling.room(3, 6))
    await selling.work()
    link = await link_of(selling)
    async with selling.database.write() as tx:
        sweep_id = await drift.begin(tx, selling.property_id, heal=True)
    await drift.step(link, sweep_id)
    async with selling.database.write() as tx:
        assert await drift.begin(tx, selling.property_id, heal=True) == sweep_id
    report = await sweep(selling)
    assert (report["sweep_id"], report["bookings"], report["status"]) == (str(sweep_id), 1, "completed")


async def test_the_nightly_sweep_runs_behind_everything_else(selling: World) -> None:
    reservation = await selling.book(selling.room(3, 6))
    async with selling.database.write() as tx:
        await ari_jobs.sweep(tx)
    await selling.work()
    async with selling.database.read() as session:
        report = drift.document(await ari_repository.last_sweep(session, selling.property_id))
    assert (report["status"], report["equal"]) == ("completed", True)
    await selling.do(reservations.cancel, reservation.id)
    assert shop_free(selling, DOUBLE)[3] == 2


async def test_a_full_dry_run_lists_where_the_sides_differ(selling: World) -> None:
    selling.office.book(ShopStay(DOUBLE, day(3), day(5)))
    result = await selling.sync("all", full=True, dry_run=True)
    assert {"differs"} <= {action["action"] for action in result.actions}
    assert await selling.reservations() == []


async def add_room(world: World) -> UUID:
    """Add a double to the house that the shop does not have, and return it."""
    async with world.database.write() as tx:
        added = await rooms.create_room(tx, world.property_id, world.types[DOUBLE], "104")
    await world.work()
    return added.id


async def test_a_room_that_the_shop_does_not_have_is_told_and_never_counted_as_healed(selling: World) -> None:
    spare = await add_room(selling)
    for _ in range(2):
        report = await sweep(selling)
        (difference,) = report["differences"]
        assert (difference["heals"], difference["house"], difference["qloapps"]) == (False, 4, 3)
        assert difference["why"] == "QloApps has 3 rooms of the type and the house 4."
        assert report["healed"] == 0
    told = (await selling.attention())["capacity_differs"]
    assert told.title == "Double has 4 rooms here and 3 in QloApps"
    async with selling.database.write() as tx:
        await rooms.delete_room(tx, selling.property_id, spare)
    await selling.work()
    assert (await sweep(selling))["equal"] is True
    assert await selling.attention() == {}


async def test_only_what_is_equal_at_a_second_look_counts_as_healed(selling: World) -> None:
    await add_room(selling)
    state = selling.shop.state
    state.feature_prices.clear()
    state.index_rooms()
    await selling.book(selling.room(3, 5, SUITE))
    async with selling.database.write() as tx:
        await tx.session.execute(delete(JobRow))  # nothing is sent before the sweep
    report = await sweep(selling)
    heals = [one for one in report["differences"] if one["heals"]]
    assert {one["kind"] for one in heals} == {"booking_missing_there", "availability", "rate"}
    # the reservation is only on its way by then
    assert report["healed"] == len([one for one in heals if one["kind"] != "booking_missing_there"])


async def test_a_booking_that_was_sent_by_the_nightly_sweep_is_counted(selling: World) -> None:
    await selling.book(selling.room(3, 5))
    async with selling.database.write() as tx:
        await tx.session.execute(delete(JobRow))
        await ari_jobs.sweep(tx)
    await selling.work()
    async with selling.database.read() as session:
        report = drift.document(await ari_repository.last_sweep(session, selling.property_id))
    (missing,) = [one for one in report["differences"] if one["kind"] == "booking_missing_there"]
    assert missing["heals"] is True
    assert report["healed"] >= 1
    assert (await sweep(selling))["equal"] is True


async def test_nights_are_not_said_to_heal_while_availability_is_switched_off(selling: World) -> None:
    await go_live(selling, rooms_too=False)
    selling.office.book(ShopStay(DOUBLE, day(3), day(5)))
    report = await sweep(selling)
    (night,) = [one for one in report["differences"] if one["kind"] == "availability"]
    assert (night["heals"], night["why"]) == (False, "Sending availability is switched off.")


async def test_a_night_that_heals_and_a_later_one_that_asks_are_told_apart(selling: World) -> None:
    await close_rooms(selling, DOUBLE, 3, 5)
    await selling.work()
    (row,) = await blocks(selling)
    state = selling.shop.state
    line = state.lines[row.line_id]
    later = copy(line)
    later.id, later.id_order, later.comment = line.id + 500, 0, "held by staff"
    later.date_from, later.date_to = f"{day(20)} 00:00:00", f"{day(22)} 00:00:00"
    state.remove_line(line)
    state.add_line(later)
    report = await sweep(selling)
    nights = [one for one in report["differences"] if one["kind"] == "availability"]
    assert [(one["start"], one["end"], one["heals"], "why" in one) for one in nights] == [
        (day(3).isoformat(), day(5).isoformat(), True, False),
        (day(20).isoformat(), day(22).isoformat(), False, True),
    ]
    assert shop_free(selling, DOUBLE)[3:5] == [2, 2]


async def test_what_stands_of_a_type_that_is_not_sent_is_told_and_taken_back(selling: World) -> None:
    await close_rooms(selling, DOUBLE, 3, 7)
    await selling.work()
    await unmap(selling, DOUBLE)
    async with selling.database.write() as tx:
        await tx.session.execute(delete(JobRow))  # as if the mapping had gone while nothing was sent
    rules = ours_there(selling, DOUBLE)
    for heal in (False, True):
        report = await sweep(selling, heal=heal)
        left = [one for one in report["differences"] if one["kind"] == "left_behind"]
        assert sorted(one["subject"].partition(":")[0] for one in left if one["heals"])[-rules:] == ["rule"] * rules
        assert (len(left), report["healed"]) == (rules + 1, len(left) if heal else 0)
        assert len({one["room_type"] for one in left}) == 1
    assert (shop_free(selling, DOUBLE), ours_there(selling, DOUBLE)) == ([3] * NIGHTS, 0)
    assert (await sweep(selling))["equal"] is True


async def test_limits_left_while_nothing_was_sent_are_found_by_the_comparison(selling: World) -> None:
    before = limits(selling)
    await limit_stays(selling, 2, 9)
    await unmap(selling, DOUBLE)
    async with selling.database.write() as tx:
        await tx.session.execute(delete(JobRow))  # as if the mapping had gone while nothing was sent
    report = await sweep(selling, heal=False)
    (found,) = [one for one in report["differences"] if one["subject"] == f"limits:{DOUBLE}"]
    assert (found["kind"], found["heals"], "start" in found) == ("left_behind", True, False)
    assert limits(selling) == (2, 9)
    await sweep(selling, heal=True)
    assert limits(selling) == before
    assert (await sweep(selling))["equal"] is True
