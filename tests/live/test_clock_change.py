"""Stays over the night in which the shop's clock is put forward cost in the shop what they cost in the house."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from innkeeper.house import reservations
from innkeeper.house.tables import Reservation
from tests.live.house import House, close
from tests.live.shop import Address, Shop, open_shop

pytestmark = pytest.mark.anyio

#: The day that is an hour short, as a day of the window, and the one on which guests of its night leave.
SHORT, LEAVES = 10, 11


@pytest.fixture
async def shop(address: Address) -> AsyncIterator[Shop]:
    """The shop around a change to summer time."""
    async with open_shop(address) as opened:
        await opened.move_to_clock_change(before=SHORT)
        yield opened


async def as_priced_here(house: House, shop: Shop, reservation: Reservation) -> None:
    """See that every room and the whole cost in the shop what they cost here, and that nobody has to do anything."""
    now, order = await house.load(reservation.id), await house.order_of(reservation)
    there = sorted(line.gross for line in await shop.held(order))
    assert all(close(one, other) for one, other in zip(there, sorted(room.amount for room in now.rooms), strict=True))
    assert close((await shop.order(order)).total, now.total_amount)
    assert await house.attention(now) == {}


@pytest.mark.parametrize("nights", [1, 2, 3, 7])
async def test_price_of_a_stay_to_the_day_after_is_right(house: House, shop: Shop, nights: int) -> None:
    reservation = await house.book(house.room(LEAVES - nights, LEAVES))
    await house.work()
    await as_priced_here(house, shop, reservation)


async def test_price_of_a_stay_that_ends_on_the_short_day_or_spans_it_is_right(house: House, shop: Shop) -> None:
    for last in (SHORT, LEAVES + 1):
        reservation = await house.book(house.room(SHORT - 2, last))
        await house.work()
        await as_priced_here(house, shop, reservation)


async def test_rooms_of_one_booking_each_have_their_price(house: House, shop: Shop) -> None:
    rooms = [house.room(SHORT, LEAVES, amount=house.price(count)) for count in (2, 3)]
    reservation = await house.book(*rooms, house.room(SHORT - 3, SHORT), house.room(SHORT - 1, LEAVES, shop.second))
    await house.work()
    await as_priced_here(house, shop, reservation)


async def test_change_of_price_dates_and_rooms_is_right_there(house: House, shop: Shop) -> None:
    reservation = await house.book(house.room(SHORT - 2, LEAVES))
    await house.work()
    await house.change_rooms(reservation.id, lambda room: replace(room, amount=house.price(5)))
    await house.work()
    await as_priced_here(house, shop, reservation)
    await house.move(reservation.id, SHORT - 4, SHORT - 1)
    await house.work()
    await as_priced_here(house, shop, reservation)
    await house.move(reservation.id, SHORT, LEAVES)
    await house.work()
    await as_priced_here(house, shop, reservation)
    draft = reservations.draft_of(await house.load(reservation.id))
    more = replace(draft, rooms=(*draft.rooms, house.room(SHORT, LEAVES)), total_amount=None)
    await house.do(reservations.change, reservation.id, draft=more)
    await house.work()
    await as_priced_here(house, shop, reservation)


async def test_rules_of_the_house_stay_and_no_other_is_left(house: House, shop: Shop) -> None:
    before = await shop.rows("feature_prices", display="[id,id_cart]")
    await house.book(house.room(SHORT, LEAVES))
    await house.work()
    assert await shop.rows("feature_prices", display="[id,id_cart]") == before
