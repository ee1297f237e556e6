"""Whatever is edited, booked, blocked or priced, and wherever the process dies, the shop sells what the house does."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from tests.channel_sync.histories import History, Stage, run
from tests.channel_sync.selling_histories import SellingPlay, check, selling_histories


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[Stage, asyncio.Runner]]:
    """A furnished house to copy, and one event loop for all histories."""
    made = Stage()
    with asyncio.Runner() as runner:
        runner.run(made.furnish())
        yield made, runner
    made.remove()


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
@given(history=selling_histories())
def test_the_shop_sells_what_the_house_has_left_whatever_happens(
    stage: tuple[Stage, asyncio.Runner], history: History
) -> None:
    run(SellingPlay, history, stage[0], check, stage[1])
