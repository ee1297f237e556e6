"""The connector against the shop: make, change, cancel and fetch bookings, and every price to the cent."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from innkeeper.channel_sync.runs import Request, run_now
from innkeeper.domain.channel import (
    BookingDraft,
    BookingState,
    ChangePage,
    ChannelBooking,
    DraftGuest,
    DraftLine,
    WriteResult,
)
from innkeeper.domain.outcome import Done, Outcome
from innkeeper.domain.stay import Stay, StayStatus
from tests.live.house import House, close
from tests.live.shop import Shop

pytestmark = pytest.mark.anyio


def draft(house: House, *nights: tuple[int, int], reference: str = "") -> BookingDraft:
    """Return a booking of one room for each pair of days, that no other test has."""
    shop = house.shop
    reference = reference or uuid4().hex
    lines = tuple(
        DraftLine(
            key=f"room-{position}",
            room_type_id=shop.main.id,
            stay=Stay(shop.day(first), shop.day(last)),
            adults=1,
            children=0,
            child_ages=(),
            status=StayStatus.CONFIRMED,
            gross=house.price(last - first),
        )
        for position, (first, last) in enumerate(nights)
    )
    guest = DraftGuest("Ada", "Byron", f"{reference[:16]}@guest.example", "+390612345678")
    return BookingDraft(reference, shop.currency, guest, lines, remark="Late arrival")


def written(shop: Shop, answer: Outcome[WriteResult]) -> WriteResult:
    """Return what stands there after a write that must have succeeded, as it was asked for."""
    assert isinstance(answer, Done), answer
    shop.remember(answer.value.booking.order_id)
    assert answer.value.mismatches == ()
    return answer.value


async def read_all(house: House, cursor: Mapping[str, Any]) -> tuple[list[ChannelBooking], Mapping[str, Any], int]:
    """Read changes to their end; return them with the new cursor and the requests that it took."""
    connector = await house.connector()
    before, more = connector.requests_made, True
    found: list[ChannelBooking] = []
    while more:
        answer: Outcome[ChangePage] = await connector.changes(cursor)
        assert isinstance(answer, Done)
        found += answer.value.bookings
        cursor, more = answer.value.cursor, answer.value.more
    return found, cursor, connector.requests_made - before


async def test_booking_is_made_and_stands_there_as_it_was_sent(house: House, shop: Shop) -> None:
    made = written(shop, await (await house.connector()).create(draft(house, (3, 6))))
    (line,) = await shop.held(made.booking.order_id)
    assert (line.type, line.first, line.last, line.adults) == (shop.main.id, shop.day(3), shop.day(6), 1)
    assert made.line_ids == {"room-0": line.id}
    assert (made.found, made.booking.state) == (False, BookingState.OPEN)
    booking = (await shop.get(f"bookings/{made.booking.order_id}"))["booking"]
    assert booking["associations"]["remarks"] == ["Late arrival"]


@pytest.mark.parametrize("nights", [1, 2, 3, 7])
async def test_price_of_a_stay_is_kept_to_the_cent(house: House, shop: Shop, nights: int) -> None:
    made = written(shop, await (await house.connector()).create(draft(house, (3, 3 + nights))))
    (line,) = await shop.held(made.booking.order_id)
    assert close(line.gross, house.price(nights))
    assert close((await shop.order(made.booking.order_id)).total, house.price(nights))


async def test_same_reference_twice_is_one_booking(house: House, shop: Shop) -> None:
    connector, wanted = await house.connector(), draft(house, (3, 5))
    first = written(shop, await connector.create(wanted))
    second = written(shop, await connector.create(wanted))
    assert (second.found, second.booking.order_id) == (True, first.booking.order_id)
    assert len(await shop.by_source(f"innkeeper:{wanted.reference}")) == 1


async def test_reference_finds_its_booking_and_no_other(house: House, shop: Shop) -> None:
    connector, wanted = await house.connector(), draft(house, (3, 5))
    assert await connector.find_by_reference(wanted.reference) == Done([])
    made = written(shop, await connector.create(wanted))
    found = await connector.find_by_reference(wanted.reference)
    assert isinstance(found, Done)
    assert [booking.order_id for booking in found.value] == [made.booking.order_id]


async def test_dates_and_price_are_changed_together(house: House, shop: Shop) -> None:
    connector, wanted = await house.connector(), draft(house, (3, 6))
    made = written(shop, await connector.create(wanted))
    line = replace(
        wanted.lines[0],
        stay=Stay(shop.day(4), shop.day(9)),
        gross=house.price(5),
        line_id=made.line_ids["room-0"],
    )
    changed = written(
        shop,
        await connector.amend(made.booking.order_id, replace(wanted, lines=(line,)), made.booking.digest),
    )
    (now,) = await shop.held(changed.booking.order_id)
    assert (now.first, now.last) == (shop.day(4), shop.day(9))
    assert close(now.gross, house.price(5))
    assert close((await shop.order(made.booking.order_id)).total, house.price(5))


async def test_change_of_a_booking_that_changed_meanwhile_is_refused(house: House, shop: Shop) -> None:
    connector, wanted = await house.connector(), draft(house, (3, 6))
    made = written(shop, await connector.create(wanted))
    (line,) = await shop.held(made.booking.order_id)
    await shop.change_line(line, adults=2)
    answer = await connector.amend(made.booking.order_id, wanted, made.booking.digest)
    assert getattr(answer, "code", "") == "CHANGED_MEANWHILE"


async def test_cancelled_booking_holds_nothing_and_cancelling_again_is_harmless(house: House, shop: Shop) -> None:
    connector = await house.connector()
    free = await shop.free_rooms(shop.main, 3, 6)
    made = written(shop, await connector.create(draft(house, (3, 6), (3, 6))))
    assert await shop.free_rooms(shop.main, 3, 6) == free - 2
    for _ in range(2):
        gone = written(shop, await connector.cancel(made.booking.order_id))
        assert (gone.booking.state, gone.booking.held) == (BookingState.CANCELLED, ())
    assert await shop.free_rooms(shop.main, 3, 6) == free


async def test_two_rooms_alike_get_two_rooms(house: House, shop: Shop) -> None:
    made = written(shop, await (await house.connector()).create(draft(house, (3, 6), (3, 6))))
    lines = await shop.held(made.booking.order_id)
    assert len({line.room for line in lines}) == 2
    assert sorted(made.line_ids.values()) == [line.id for line in lines]


async def test_changes_are_read_from_where_the_last_read_ended(house: House, shop: Shop) -> None:
    connector = await house.connector()
    cursor = connector.cursor_at(datetime.now(UTC) - timedelta(seconds=1))
    first = await shop.book(shop.wish(3, 5))
    found, cursor, _ = await read_all(house, cursor)
    assert first in [booking.order_id for booking in found]
    assert [booking.order_id for booking in (await read_all(house, cursor))[0]] == []
    second = await shop.book(shop.wish(3, 5))
    await shop.cancel(first)
    found, cursor, _ = await read_all(house, cursor)
    assert {first: BookingState.CANCELLED, second: BookingState.OPEN} == {b.order_id: b.state for b in found}
    (line,) = await shop.held(second)
    await shop.change_line(line, id_status=2, check_in=f"{shop.day(3)} 14:05:00")
    found, cursor, _ = await read_all(house, cursor)
    assert [(b.order_id, b.held[0].status) for b in found] == [(second, StayStatus.CHECKED_IN)]


async def test_idle_read_is_two_requests(house: House, shop: Shop) -> None:
    connector = await house.connector()
    await shop.book(shop.wish(3, 5))
    _, cursor, _ = await read_all(house, connector.cursor_at(datetime.now(UTC) - timedelta(seconds=1)))
    found, _, requests = await read_all(house, cursor)
    assert (found, requests) == ([], 2)


async def test_change_within_the_second_of_the_last_read_is_not_missed(house: House, shop: Shop) -> None:
    connector = await house.connector()
    order = await shop.book(shop.wish(3, 5))
    (line,) = await shop.held(order)
    _, cursor, _ = await read_all(house, connector.cursor_at(datetime.now(UTC) - timedelta(seconds=1)))
    for adults in (2, 1, 2):
        await shop.change_line(line, adults=adults)
        found, cursor, _ = await read_all(house, cursor)
        assert [(b.order_id, b.held[0].adults) for b in found] == [(order, adults)]


async def test_since_and_limit_choose_what_is_fetched(house: House, shop: Shop) -> None:
    first, second = await shop.book(shop.wish(3, 5)), await shop.book(shop.wish(3, 5))
    request = Request(what="inbound", since=datetime.now(UTC) + timedelta(days=1))
    assert (await run_now(house.channels, house.property_id, request)).synced == 0
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    limited = await house.sync(since=hour_ago, limit=1)
    assert (limited.synced, limited.complete) == (1, False)
    await house.sync(since=hour_ago)
    for order in (first, second):
        assert (await house.of_order(order)).check_in == shop.day(3)
