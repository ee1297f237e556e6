"""The incremental read against the simulated shop: what it finds, and how many requests that takes."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from innkeeper.connectors.qloapps.config import BLOCK_PREFIX
from innkeeper.domain.channel import BookingState, ChannelBooking
from innkeeper.domain.outcome import Later
from innkeeper.domain.stay import StayStatus
from innkeeper.simulators.qloapps.actors import Stay as TheirStay
from tests.connectors.qloapps.shops import Shop, another, done, draft, guest, shop, stays

pytestmark = pytest.mark.anyio


async def everything(
    shop: Shop, cursor: Mapping[str, Any] | None, limit: int = 200
) -> tuple[list[ChannelBooking], Mapping[str, Any], int, list[int]]:
    """Read to the end; return the bookings, the cursor, the requests and what is gone."""
    before, found, gone = shop.connector.requests_made, [], []
    while True:
        page = done(await shop.connector.changes(cursor, limit=limit))
        assert len(page.bookings) + len(page.gone) <= limit
        cursor = json.loads(json.dumps(page.cursor))
        found += page.bookings
        gone += page.gone
        if not page.more:
            return found, cursor, shop.connector.requests_made - before, gone


def fill(shop: Shop, count: int, *, rooms: int = 1, per_second: int = 7) -> None:
    """Book `count` times, some in each second."""
    for n, stay in enumerate(stays(count * rooms)):
        if n % rooms == 0:
            if (n // rooms) % per_second == 0:
                shop.clock.move(1)
            pair = [stay] if rooms == 1 else [stay, TheirStay(2, stay.checkin, stay.checkout)]
            shop.book(*pair, guest=guest(n))


first_or_later = pytest.mark.parametrize("first", [True, False], ids=["first import", "later poll"])


async def beginning(shop: Shop, *, first: bool) -> Mapping[str, Any] | None:
    """Return the cursor of a first import, or of a poll after the one of an empty shop."""
    if first:
        return None
    _, cursor, _, _ = await everything(shop, None)
    shop.clock.move(300)
    return cursor


def allowed(count: int) -> int:
    """Return the requests that `count` changed bookings may cost."""
    return 2 + 3 * math.ceil(count / 200)


@pytest.mark.parametrize("rooms", [1, 2])
@pytest.mark.parametrize("count", [1, 50, 200, 400, 1000])
async def test_new_bookings_cost_at_most_two_and_three_for_each_two_hundred(count: int, rooms: int) -> None:
    async with shop() as hotel:
        _, cursor, _, _ = await everything(hotel, None)
        hotel.clock.move(300)
        fill(hotel, count, rooms=rooms)
        found, cursor, requests, _ = await everything(hotel, cursor)
        assert len(found) == len({b.order_id for b in found}) == count
        assert {len(b.lines) for b in found} == {rooms}
        assert requests <= allowed(count)
        assert (await everything(hotel, cursor))[::2] == ([], 2)


@pytest.mark.parametrize("count", [1, 50, 200, 400, 1000])
async def test_check_ins_which_stamp_only_lines_cost_no_more(count: int) -> None:
    async with shop() as hotel:
        fill(hotel, count, rooms=2)
        _, cursor, _, _ = await everything(hotel, None)
        hotel.clock.move(300)
        for row in list(hotel.state.lines.values())[::2]:
            hotel.office.check_in(row)
        found, cursor, requests, _ = await everything(hotel, cursor)
        assert len(found) == count
        assert all(b.lines[0].status is StayStatus.CHECKED_IN for b in found)
        assert requests <= allowed(count)


async def test_ten_thousand_bookings_arrive_once_each_within_the_requests_allowed() -> None:
    async with shop() as hotel:
        fill(hotel, 10_000, per_second=20)
        found, cursor, requests, _ = await everything(hotel, None)
        assert len(found) == len({b.order_id for b in found}) == 10_000
        assert requests <= allowed(10_000)
        assert [b.order_id for b in found] == sorted(b.order_id for b in found)
        assert len(json.dumps(cursor)) < 50_000


async def test_first_import_of_a_small_hotel_needs_no_more_even_without_knowing_the_shop() -> None:
    async with shop() as hotel:
        fill(hotel, 150)
        found, _, requests, _ = await everything(hotel, None)
        assert len(found) == 150
        assert requests <= allowed(150)


async def test_idle_poll_is_two_requests_also_right_after_a_change_and_after_a_restart() -> None:
    async with shop() as hotel:
        fill(hotel, 3)
        _, cursor, _, _ = await everything(hotel, None)
        for seconds in (0, 1, 30, 3600):
            hotel.clock.move(seconds)
            found, cursor, requests, _ = await everything(hotel, cursor)
            assert (found, requests) == ([], 2)
        fresh = another(hotel)
        assert done(await fresh.changes(cursor)).bookings == ()
        assert fresh.requests_made == 2
        await fresh.aclose()


async def test_idle_poll_right_after_a_bulk_in_one_second_is_two_requests_and_the_cursor_shrinks_again() -> None:
    async with shop() as hotel:
        fill(hotel, 1500, per_second=10_000)
        found, cursor, _, _ = await everything(hotel, None)
        assert len(found) == 1500
        for _ in range(3):
            assert (await everything(hotel, cursor))[::2] == ([], 2)
            _, cursor, _, _ = await everything(hotel, cursor)
        assert len(json.dumps(cursor)) > 20_000
        hotel.clock.move(90)
        _, cursor, requests, _ = await everything(hotel, cursor)
        _, cursor, requests, _ = await everything(hotel, cursor)
        assert requests == 2
        assert len(json.dumps(cursor)) < 1000


async def test_two_changes_within_one_second_are_both_seen() -> None:
    async with shop() as hotel:
        order = hotel.book(next(stays(1)), guest=guest())
        _, cursor, _, _ = await everything(hotel, None)
        hotel.office.cancel(order)
        found, cursor, _, _ = await everything(hotel, cursor)
        assert [b.state for b in found] == [BookingState.CANCELLED]
        assert (await everything(hotel, cursor))[0] == []


async def test_a_line_removed_or_made_anew_is_seen_through_the_whole_booking() -> None:
    async with shop() as hotel:
        order = hotel.book(TheirStay(1, "2027-01-01", "2027-01-03"), TheirStay(2, "2027-01-01", "2027-01-03"))
        first, cursor, _, _ = await everything(hotel, None)
        hotel.clock.move(120)
        lines = [hotel.state.lines[i] for i in order.lines]
        hotel.office.remove_room(order, lines[1])
        hotel.office.change_dates(order, "2027-01-02", "2027-01-05", lines[0])
        (after,), _, _, _ = await everything(hotel, cursor)
        assert len(after.lines) == 1
        assert after.lines[0].line_id not in {each.line_id for each in first[0].lines}
        assert after.digest != first[0].digest


async def test_orders_of_another_hotel_are_left_out_and_cost_nothing_twice() -> None:
    async with shop() as hotel:
        order = hotel.book(next(stays(1)), guest=guest())
        for line_id in order.lines:
            hotel.state.lines[line_id].id_hotel = 2
        order.id_hotel = 2
        found, cursor, _, _ = await everything(hotel, None)
        assert found == []
        hotel.office.take_payment(order, 5)
        _, cursor, _, _ = await everything(hotel, cursor)
        assert (await everything(hotel, cursor))[::2] == ([], 2)


async def test_blocks_are_never_bookings() -> None:
    async with shop() as hotel:
        hotel.book(next(stays(1)), source="innkeeper-block:42")
        block = hotel.book(next(stays(1)), guest=guest())
        for line_id in block.lines:
            hotel.state.lines[line_id].id_order = 0
        del hotel.state.orders[block.id]
        found, cursor, _, gone = await everything(hotel, None)
        assert (found, gone) == ([], [])
        assert (await everything(hotel, cursor))[::2] == ([], 2)


async def test_an_order_hidden_by_somebodys_put_is_found_through_its_line() -> None:
    async with shop() as hotel:
        order = hotel.book(next(stays(1)), guest=guest())
        _, cursor, _, _ = await everything(hotel, None)
        hotel.clock.move(120)
        order.id_shop = 0
        hotel.office.check_in(hotel.state.lines[order.lines[0]])
        found, _, _, _ = await everything(hotel, cursor)
        assert [b.order_id for b in found] == [order.id]


async def test_an_order_that_is_no_longer_known_is_reported_gone() -> None:
    async with shop() as hotel:
        order = hotel.book(next(stays(1)), guest=guest())
        _, cursor, _, _ = await everything(hotel, None)
        hotel.clock.move(120)
        hotel.office.check_in(hotel.state.lines[order.lines[0]])
        del hotel.state.orders[order.id]
        found, _, _, gone = await everything(hotel, cursor)
        assert (found, gone) == ([], [order.id])


@first_or_later
async def test_rows_that_move_to_the_end_while_pages_are_read_are_met_there_and_hide_no_other(*, first: bool) -> None:
    async with shop(order_list_size=10, line_list_size=10, id_chunk=5) as hotel:
        cursor = await beginning(hotel, first=first)
        fill(hotel, 60, per_second=3)
        seen: dict[int, ChannelBooking] = {}
        rounds = 0
        while True:
            page = done(await hotel.connector.changes(cursor, limit=5))
            seen |= {b.order_id: b for b in page.bookings}
            cursor = page.cursor
            rounds += 1
            if rounds <= 8:
                hotel.clock.move(1)
                hotel.office.cancel(hotel.state.orders[min(hotel.state.orders) + rounds])
            if not page.more:
                break
        late = done(await hotel.connector.changes(cursor)).bookings
        seen |= {b.order_id: b for b in late}
        assert len(seen) == 60
        assert sum(b.state is BookingState.CANCELLED for b in seen.values()) == 8


@first_or_later
async def test_more_rows_in_one_second_than_a_page_holds_are_all_read(*, first: bool) -> None:
    async with shop(order_list_size=10, line_list_size=10, id_chunk=5) as hotel:
        cursor = await beginning(hotel, first=first)
        fill(hotel, 47, per_second=1000)
        for day in range(1, 6):
            hotel.clock.move(1)
            hotel.book(TheirStay(3, f"2027-01-{day:02}", f"2027-01-{day + 1:02}"), guest=guest(day))
        found, cursor, _, _ = await everything(hotel, cursor, limit=8)
        assert len({b.order_id for b in found}) == 52
        assert (await everything(hotel, cursor))[::2] == ([], 2)


@first_or_later
async def test_a_restart_between_two_pages_loses_nothing(*, first: bool) -> None:
    async with shop(order_list_size=10, line_list_size=10, id_chunk=5) as hotel:
        cursor = await beginning(hotel, first=first)
        fill(hotel, 40, per_second=2)
        seen, more = set(), True
        while more:
            fresh = another(hotel, order_list_size=10, line_list_size=10, id_chunk=5)
            page = done(await fresh.changes(cursor, limit=5))
            await fresh.aclose()
            seen |= {b.order_id for b in page.bookings}
            more = page.more
            cursor = json.loads(json.dumps(page.cursor))
        assert len(seen) == 40
        assert (await everything(hotel, cursor))[::2] == ([], 2)


async def test_a_page_that_was_not_stored_is_given_again() -> None:
    async with shop() as hotel:
        fill(hotel, 5)
        _, cursor, _, _ = await everything(hotel, None)
        hotel.clock.move(120)
        hotel.office.cancel(next(iter(hotel.state.orders.values())))
        once = done(await hotel.connector.changes(cursor))
        again = done(await hotel.connector.changes(cursor))
        assert [b.digest for b in once.bookings] == [b.digest for b in again.bookings]


async def test_a_failure_in_the_middle_leaves_the_cursor_good() -> None:
    async with shop(max_retries=1) as hotel:
        fill(hotel, 30)
        hotel.dial.next("error_before", method="GET", path="customers")
        assert isinstance(await hotel.connector.changes(None), Later)
        assert len((await everything(hotel, None))[0]) == 30


async def test_nothing_is_missed_when_the_clock_is_put_back() -> None:
    # Europe/Warsaw goes from 03:00 to 02:00 on 25 October 2026, at 01:00 UTC
    async with shop(start="2026-10-24T23:58:00") as hotel:
        cursor, seen = None, set()
        for n in range(1, 41):
            hotel.clock.move(5 * 60)
            order = hotel.book(list(stays(n))[-1], guest=guest(n))
            found, cursor, _, _ = await everything(hotel, cursor)
            assert order.id in {b.order_id for b in found}
            seen |= {b.order_id for b in found}
        assert len(seen) == 40
        assert (await everything(hotel, cursor))[::2] == ([], 2)


async def test_nothing_is_missed_by_one_poll_before_and_one_after_the_clock_is_put_back() -> None:
    async with shop(start="2026-10-25T00:50:00") as hotel:
        hotel.book(list(stays(1))[-1], guest=guest(1))
        _, cursor, _, _ = await everything(hotel, None)
        hotel.clock.move(15 * 60)  # 02:05 for the second time, which looks earlier
        order = hotel.book(list(stays(2))[-1], guest=guest(2))
        hotel.clock.move(3 * 3600)
        found, _, _, _ = await everything(hotel, cursor)
        assert [b.order_id for b in found] == [order.id]


async def test_a_row_stamped_in_the_future_does_not_hide_later_changes() -> None:
    async with shop() as hotel:
        order = hotel.book(next(stays(1)), guest=guest(1))
        order.date_upd = "2031-01-01 00:00:00"
        _, cursor, _, _ = await everything(hotel, None)
        hotel.clock.move(600)
        other = hotel.book(list(stays(2))[-1], guest=guest(2))
        found, cursor, _, _ = await everything(hotel, cursor)
        assert [b.order_id for b in found] == [other.id]
        assert (await everything(hotel, cursor))[::2] == ([], 2)


async def test_cursor_at_begins_at_an_instant_in_the_shops_own_zone() -> None:
    async with shop() as hotel:
        hotel.book(list(stays(1))[-1], guest=guest(1))
        hotel.clock.move(600)
        late = hotel.book(list(stays(2))[-1], guest=guest(2))
        cursor = hotel.connector.cursor_at(hotel.clock.now.astimezone(UTC) - timedelta(seconds=200))
        found, _, _, _ = await everything(hotel, json.loads(json.dumps(cursor)))
        assert [b.order_id for b in found] == [late.id]
        assert found[0].booked_at == datetime(2026, 11, 22, 10, 10, tzinfo=UTC)


async def test_our_own_write_comes_back_with_the_digest_that_the_write_returned() -> None:
    async with shop() as hotel:
        _, cursor, _, _ = await everything(hotel, None)
        written = done(await hotel.connector.create(draft()))
        found, _, _, _ = await everything(hotel, cursor)
        assert [b.digest for b in found] == [written.booking.digest]


def asked(hotel: Shop, path: str, word: str = "") -> list[str]:
    """Return the requests to a resource so far whose query holds a word."""
    return [e.path for e in hotel.exchanges if f"/{path}?" in e.path and word in e.path]


@pytest.mark.parametrize(("count", "pages"), [(999, 1), (1_000, 2), (4_500, 5)])
async def test_first_import_reads_each_row_once_however_many_pages_it_takes(count: int, pages: int) -> None:
    async with shop() as hotel:
        fill(hotel, count, per_second=50)
        hotel.clock.move(300)
        found, cursor, requests, _ = await everything(hotel, None)
        assert len(found) == len({b.order_id for b in found}) == count
        assert all(len(b.lines) == 1 for b in found)
        assert requests <= allowed(count)
        assert [len(asked(hotel, "orders")), len(asked(hotel, "room_bookings"))] == [pages, pages]
        assert (await everything(hotel, cursor))[::2] == ([], 2)


async def test_booking_changed_while_a_first_import_reads_on_is_met_by_the_next_poll_and_no_other() -> None:
    async with shop(order_list_size=10, line_list_size=10, id_chunk=5) as hotel:
        fill(hotel, 40, rooms=2, per_second=1)
        hotel.clock.move(300)
        page = done(await hotel.connector.changes(None, limit=5))
        hotel.clock.move(5)
        order = max(hotel.state.orders.values(), key=lambda one: one.id)
        hotel.office.remove_room(order, hotel.state.lines_of(order)[0])
        first = min(hotel.state.orders.values(), key=lambda one: one.id)
        hotel.office.remove_room(first, hotel.state.lines_of(first)[0])
        found, cursor, _, _ = await everything(hotel, page.cursor)
        later, cursor, _, _ = await everything(hotel, cursor)
        newest = {booking.order_id: booking for booking in [*page.bookings, *found, *later]}
        assert len(newest) == 40
        assert [len(newest[one.id].lines) for one in (first, order)] == [1, 1]
        assert {booking.order_id for booking in later} <= {first.id, order.id}
        assert (await everything(hotel, cursor))[::2] == ([], 2)


@pytest.mark.parametrize("count", [20, 25])
async def test_orders_that_no_list_holds_are_found_by_their_lines_in_a_first_import_of_several_pages(
    count: int,
) -> None:
    async with shop(order_list_size=10, line_list_size=10, id_chunk=5) as hotel:
        fill(hotel, count, per_second=1)
        ids = sorted(hotel.state.orders)
        hidden = {ids[0], ids[11], ids[-1]}
        for order_id in hidden:
            hotel.state.orders[order_id].id_shop = 0
        found, _, _, _ = await everything(hotel, None)
        assert [booking.order_id for booking in found] == ids


async def test_first_import_leaves_out_other_hotels_and_blocks_and_remembers_them() -> None:
    async with shop(order_list_size=10, line_list_size=10, id_chunk=5) as hotel:
        fill(hotel, 25, per_second=5)
        ids = sorted(hotel.state.orders)
        for order_id in ids[::2]:
            for line in hotel.state.lines_of(hotel.state.orders[order_id]):
                line.id_hotel = 99
        hotel.state.orders[ids[1]].source = f"{BLOCK_PREFIX}1"
        found, cursor, _, _ = await everything(hotel, None)
        assert [booking.order_id for booking in found] == ids[3::2]
        assert (await everything(hotel, cursor))[::2] == ([], 2)


async def test_first_import_without_the_shops_clock_misses_nothing_that_changes_meanwhile() -> None:
    async with shop(order_list_size=10, line_list_size=10, id_chunk=5, without=["access-time"]) as hotel:
        fill(hotel, 40, per_second=2)
        page = done(await hotel.connector.changes(None, limit=5))
        hotel.clock.move(90)
        first = min(hotel.state.orders.values(), key=lambda one: one.id)
        hotel.office.cancel(first)
        _, cursor, _, _ = await everything(hotel, page.cursor)
        later, _, _, _ = await everything(hotel, cursor)
        assert first.id in {booking.order_id for booking in later if booking.state is BookingState.CANCELLED}
