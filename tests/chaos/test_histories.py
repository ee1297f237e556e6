"""The long runs of random histories of both sides: many thousands, over all processors, with a printed seed.

``INNKEEPER_CHAOS_EXAMPLES`` says how many of bookings (10,000 when unset; a tenth of it is told of rooms and prices),
``INNKEEPER_CHAOS_SEED`` repeats a run. The histories of a seed are always the same ones, but two parts of them are
not: ids are made from the time, and so rows that were made in the same millisecond may come in another order.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis.strategies import SearchStrategy

from tests.channel_sync import oracle
from tests.channel_sync.histories import Play, Stage, histories, run
from tests.channel_sync.selling_histories import SellingPlay, selling_histories
from tests.channel_sync.selling_histories import check as selling_check
from tests.chaos.telling import tell_all

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(0)]

EXAMPLES = int(os.environ.get("INNKEEPER_CHAOS_EXAMPLES", "10000"))


Staged = Iterator[tuple[SearchStrategy[Any], Callable[[Any], int]]]


@contextmanager
def _bookings() -> Staged:
    with _stage(Play, oracle.check) as play:
        yield histories(), play


@contextmanager
def _rooms_and_prices() -> Staged:
    with _stage(SellingPlay, selling_check) as play:
        yield selling_histories(), play


@contextmanager
def _stage(play_of: Any, check: Any) -> Iterator[Callable[[Any], int]]:
    stage = Stage()
    with asyncio.Runner() as runner:
        runner.run(stage.furnish())
        try:
            yield lambda history: run(play_of, history, stage, check, runner)
        finally:
            stage.remove()


def test_ten_thousand_histories_of_bookings_end_with_both_sides_equal() -> None:
    tell_all(_bookings, "bookings", EXAMPLES)


def test_whatever_is_edited_the_shop_sells_what_the_house_has_left() -> None:
    tell_all(_rooms_and_prices, "rooms and prices", max(1, EXAMPLES // 10))
