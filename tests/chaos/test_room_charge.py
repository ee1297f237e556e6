"""Thousands of days of room charge with faults and deaths: the books balance to the cent after each.

``CHAOS_DAYS`` says how many (2,000 when unset), ``INNKEEPER_CHAOS_SEED`` repeats a run.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis.strategies import SearchStrategy

from tests.chaos.telling import tell_all
from tests.room_charge.histories import Stage, histories, run
from tests.room_charge.test_histories import CELLS, kill_everywhere

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(0)]

DAYS = int(os.environ.get("CHAOS_DAYS", "2000"))


@contextmanager
def _days() -> Iterator[tuple[SearchStrategy[Any], Callable[[Any], int]]]:
    stage = Stage()
    with asyncio.Runner() as runner:
        try:
            yield histories(25), lambda history: run(history, stage, runner)
        finally:
            stage.remove()


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    opened = Stage()
    yield opened
    opened.remove()


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as opened:
        yield opened


@pytest.mark.parametrize(("pms", "point"), CELLS)
def test_process_killed_at_any_time_neither_doubles_nor_loses(
    pms: str, point: str, stage: Stage, runner: asyncio.Runner
) -> None:
    assert kill_everywhere(pms, point, range(10), stage, runner) > 0


def test_books_balance_in_thousands_of_days() -> None:
    tell_all(_days, "days of room charge", DAYS)
