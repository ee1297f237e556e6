"""Whatever both sides do, and wherever the process dies, both end up equal."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from tests.channel_sync.histories import History, Play, Stage, histories, run
from tests.channel_sync.oracle import check


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[Stage, asyncio.Runner]]:
    """A furnished house to copy, and one event loop for all histories."""
    stage = Stage()
    with asyncio.Runner() as runner:
        runner.run(stage.furnish())
        yield stage, runner
    stage.remove()


@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
@given(history=histories(4))
def test_both_sides_end_up_equal_whatever_happens(told: tuple[Stage, asyncio.Runner], history: History) -> None:
    run(Play, history, told[0], check, told[1])
