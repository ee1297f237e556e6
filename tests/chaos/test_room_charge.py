"""Thousands of days of room charge with faults and deaths: the books balance to the cent after each."""

import asyncio
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from tests.room_charge.histories import History, Stage, histories, run
from tests.room_charge.test_histories import CELLS, kill_everywhere

pytestmark = pytest.mark.chaos

DAYS = int(os.environ.get("CHAOS_DAYS", "2000"))


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


@settings(max_examples=DAYS, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck))
@given(history=histories(25))
def test_books_balance_in_thousands_of_days(history: History, stage: Stage, runner: asyncio.Runner) -> None:
    run(history, stage, runner)
