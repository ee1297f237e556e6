"""However posting, retrying, voiding, settling, moving, leaving and closing days mix, the books balance to the cent."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from tests.room_charge.histories import History, Stage, Step, histories, run
from tests.room_charge.mortal import POINTS


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    opened = Stage()
    yield opened
    opened.remove()


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as opened:
        yield opened


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=histories(8))
def test_books_balance_in_every_order_of_events(history: History, stage: Stage, runner: asyncio.Runner) -> None:
    run(history, stage, runner)


#: A day in which everything is done once: charges with good and lost answers, an outage, voids with both.
_DAY = (
    Step("post"),
    Step("post", fault="drop_after"),
    Step("work", seconds=70),
    Step("post", room="A-12", fault="maintenance"),
    Step("work", seconds=400),
    Step("void", which=0),
    Step("void", which=1, fault="drop_after"),
    Step("work", seconds=70),
    Step("post again", which=0),
)


#: The house is in the same data base, so nothing leaves the process for it.
CELLS = [("opera", point) for point in POINTS] + [("house", point) for point in POINTS if "commit" in point]


def kill_everywhere(pms: str, point: str, times: Sequence[int], stage: Stage, runner: asyncio.Runner) -> int:
    """Tell the day once for each step and each time that the point is passed in it; return how often it died."""
    deaths = 0
    for index, step in enumerate(_DAY):
        for time in times:
            day = [*_DAY]
            day[index] = replace(step, death=(point, time))
            deaths += run(History(pms, "USD", day), stage, runner)
    return deaths


@pytest.mark.parametrize(("pms", "point"), CELLS)
def test_process_killed_at_each_step_neither_doubles_nor_loses(
    pms: str, point: str, stage: Stage, runner: asyncio.Runner
) -> None:
    assert kill_everywhere(pms, point, (0,) if "commit" in point else (1,), stage, runner) > 0
