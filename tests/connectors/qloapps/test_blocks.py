"""A block keeps one room from sale, quietly, once, and is gone when it is released."""

from datetime import date

import pytest

from innkeeper.domain.channel import BlockDraft, ChannelBlock
from innkeeper.domain.outcome import Done, Refused, Unknown
from innkeeper.domain.stay import Stay
from innkeeper.simulators.qloapps.actors import Stay as TheirStay
from tests.connectors.qloapps.shops import VERSIONS, Shop, another, done, shop

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("version", VERSIONS)]

FIRST, LAST = date(2027, 3, 1), date(2027, 3, 4)
NOW = date(2026, 11, 22)


def draft(reference: str = "b1", room: int = 2, first: date = FIRST, last: date = LAST) -> BlockDraft:
    """Return a block of a general room."""
    return BlockDraft(reference, 1, room, Stay(first, last))


async def free(opened: Shop, first: date = FIRST, last: date = LAST) -> list[int]:
    """Return how many general rooms the shop would sell on each night."""
    return [night.free for night in done(await opened.connector.sold_nights([1], first, last))]


async def test_a_block_holds_its_room_on_its_nights_and_no_other(version: str) -> None:
    async with shop(version) as opened:
        block = done(await opened.connector.make_block(draft()))
        assert (block.room_id, block.stay) == (2, Stay(FIRST, LAST))
        assert await free(opened, date(2027, 2, 28), date(2027, 3, 5)) == [5, 4, 4, 4, 5]


async def test_a_block_costs_nothing_and_mails_nobody(version: str) -> None:
    async with shop(version) as opened:
        done(await opened.connector.make_block(draft()))
        assert not opened.state.mails
        assert all(order.total_paid == 0 for order in opened.state.orders.values())
        assert all(one.source.startswith("innkeeper-block:") for one in opened.state.orders.values())


async def test_blocks_are_bookings_only_where_a_booking_is_quiet(version: str) -> None:
    async with shop(version) as opened:
        done(await opened.connector.make_block(draft()))
        assert len(opened.state.orders) == (1 if version == "1.7.0" else 0)


async def test_a_night_too_short_for_the_type_is_blocked_all_the_same(version: str) -> None:
    async with shop(version) as opened:
        opened.state.type_of_product[1]["min_los"] = 3
        done(await opened.connector.make_block(draft(last=date(2027, 3, 2))))
        assert await free(opened) == [4, 5, 5]


async def test_a_block_without_an_order_is_no_guests(version: str) -> None:
    async with shop(version) as opened:
        opened.state.type_of_product[1]["min_los"] = 4
        block = done(await opened.connector.make_block(draft()))
        assert opened.state.lines[block.line_id].id_customer == 0


async def test_inventory_tells_rooms_holds_and_blocks(version: str) -> None:
    async with shop(version) as opened:
        opened.book(TheirStay(1, FIRST, LAST))
        opened.office.close_room(5)
        block = done(await opened.connector.make_block(draft()))
        (found,) = done(await opened.connector.inventory([1], NOW, date(2027, 11, 22)))
        assert found.room_ids == (1, 2, 3, 4)
        assert sorted((hold.room_id, hold.holder == block.block_id) for hold in found.holds) == [(1, False), (2, True)]


async def test_inventory_is_one_request_for_all_types_however_many_lines(version: str) -> None:
    async with shop(version, line_list_size=2) as opened:
        for kind in (1, 1, 2, 2, 2):
            opened.book(TheirStay(kind, FIRST, LAST))
        done(await opened.connector.inventory([1], NOW, LAST))
        before = opened.connector.requests_made
        found = done(await opened.connector.inventory([1, 2], NOW, LAST))
        assert [len(one.holds) for one in found] == [2, 3]
        assert opened.connector.requests_made - before == 3
    async with shop(version) as opened:
        done(await opened.connector.inventory([1], NOW, LAST))
        before = opened.connector.requests_made
        done(await opened.connector.inventory([1, 2, 3, 4], NOW, LAST))
        assert opened.connector.requests_made - before == 1


async def test_released_and_departed_lines_hold_nothing(version: str) -> None:
    async with shop(version, start="2027-03-02T10:00:00") as opened:
        gone, left = (opened.book(TheirStay(1, FIRST, LAST)) for _ in range(2))
        opened.office.cancel(gone)
        opened.office.check_out(opened.state.lines_of(left)[0])
        (found,) = done(await opened.connector.inventory([1], date(2027, 2, 1), LAST))
        assert [hold.stay for hold in found.holds] == [Stay(FIRST, date(2027, 3, 2))]


async def test_a_block_in_a_taken_room_is_refused_or_never_asked_for(version: str) -> None:
    async with shop(version) as opened:
        order = opened.book(TheirStay(1, FIRST, LAST, id_room=2))
        answer = await opened.connector.make_block(draft())
        if version == "1.7.0":
            assert isinstance(answer, Refused)
            assert answer.code == "NOT_AVAILABLE"
        assert opened.state.lines_of(order)


@pytest.mark.parametrize("fault", ["error_after", "drop_after", "drop_during", "truncate", "duplicate"])
async def test_a_block_whose_answer_was_lost_stands_once(version: str, fault: str) -> None:
    async with shop(version) as opened:
        done(await opened.connector.describe())
        done(await opened.connector.room_types())
        opened.dial.next(fault)
        block = done(await opened.connector.make_block(draft()))
        assert isinstance(block, ChannelBlock)
        assert await free(opened) == [4, 4, 4]


async def test_a_block_that_may_still_come_is_unknown_and_found_later(version: str) -> None:
    async with shop(version) as opened:
        opened.dial.late_seconds = 0.0
        done(await opened.connector.describe())
        done(await opened.connector.room_types())
        opened.dial.next("late")
        answer = await opened.connector.make_block(draft())
        await opened.app.settle()
        found = done(await opened.connector.blocks(NOW))
        assert isinstance(answer, Done | Unknown)
        assert [block.reference for block in found] == ["b1"]


async def test_blocks_are_found_by_another_process_and_past_ones_are_not(version: str) -> None:
    async with shop(version) as opened:
        block = done(await opened.connector.make_block(draft()))
        done(await opened.connector.make_block(draft("b2", 3, NOW, date(2026, 11, 24))))
        opened.book(TheirStay(1, FIRST, LAST))
        second = another(opened)
        assert done(await second.blocks(date(2027, 1, 1))) == [block]
        await second.aclose()


async def test_a_block_takes_other_nights_without_ever_letting_go(version: str) -> None:
    async with shop(version) as opened:
        block = done(await opened.connector.make_block(draft()))
        longer = done(await opened.connector.reshape_block(block, Stay(FIRST, date(2027, 3, 6))))
        assert longer.block_id == block.block_id
        assert await free(opened, FIRST, date(2027, 3, 7)) == [4, 4, 4, 4, 4, 5]
        assert done(await opened.connector.blocks(NOW)) == [longer]


async def test_a_released_block_gives_its_room_back_and_twice_is_harmless(version: str) -> None:
    async with shop(version) as opened:
        block = done(await opened.connector.make_block(draft()))
        done(await opened.connector.release_block(block))
        done(await opened.connector.release_block(block))
        assert await free(opened) == [5, 5, 5]
        assert done(await opened.connector.blocks(NOW)) == []


async def test_a_block_never_comes_back_as_a_booking(version: str) -> None:
    async with shop(version) as opened:
        done(await opened.connector.make_block(draft()))
        opened.clock.move(120)
        assert done(await opened.connector.changes(None)).bookings == ()
