"""The long runs of random histories: many thousands, over all processors, with a printed seed.

``INNKEEPER_CHAOS_EXAMPLES`` says how many of bookings (10,000 when unset; a tenth of it is told of rooms and prices),
``INNKEEPER_CHAOS_SEED`` repeats a run. The histories of a seed are always the same ones, but two parts of them are
not: ids are made from the time, and so rows that were made in the same millisecond may come in another order.
"""

import asyncio
import gc
import logging
import os
import secrets
import time
import traceback
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.channel_sync import oracle
from tests.channel_sync.histories import History, Play, Stage, histories, run
from tests.channel_sync.selling_histories import SellingPlay, selling_histories
from tests.channel_sync.selling_histories import check as selling_check

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(0)]

EXAMPLES = int(os.environ.get("INNKEEPER_CHAOS_EXAMPLES", "10000"))

#: Histories of one task of the pool, and so of one hypothesis run.
PART = 250


@dataclass(frozen=True)
class Told:
    """What came of a part: how many histories were told, how often a process died, and what was found."""

    number: int
    told: int
    deaths: int
    failure: str | None


#: What histories can be told of: how one is drawn, who plays it, and how its end is checked.
KINDS: dict[str, tuple[Any, Any, Any]] = {
    "bookings": (histories, Play, oracle.check),
    "rooms and prices": (selling_histories, SellingPlay, selling_check),
}


def tell_part(kind: str, number: int, first_seed: int, count: int) -> Told:
    """Tell a part of the histories in this process, up to the first that fails.

    It is not made shorter here, which can take longer than the whole run; `test_histories.py` does that with its blob.
    """
    gc.set_threshold(100_000, 50, 100)  # next to nothing of a history is a cycle
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    draw, play_of, check = KINDS[kind]
    stage, told, deaths = Stage(), 0, 0
    failure: str | None = None
    with asyncio.Runner() as runner:
        runner.run(stage.furnish())

        @seed(first_seed + number)
        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            print_blob=True,
        )
        @given(history=draw())
        def tell(history: History) -> None:
            nonlocal told, deaths
            told += 1
            deaths += run(play_of, history, stage, check, runner)

        try:
            tell()
        except BaseException as error:  # noqa: BLE001  whatever it is, it is what the run has found
            failure = f"part {number}: " + "".join(traceback.format_exception(error))
        finally:
            stage.remove()
    return Told(number, told, deaths, failure)


def _tell(part: tuple[str, int, int, int]) -> Told:
    return tell_part(*part)


def test_ten_thousand_histories_of_bookings_end_with_both_sides_equal() -> None:
    tell_all("bookings", EXAMPLES)


def test_whatever_is_edited_the_shop_sells_what_the_house_has_left() -> None:
    tell_all("rooms and prices", max(1, EXAMPLES // 10))


def tell_all(kind: str, examples: int) -> None:
    """Tell so many histories on all processors, and fail with everything that was found."""
    first_seed = int(os.environ.get("INNKEEPER_CHAOS_SEED") or secrets.randbelow(2**31))
    print(f"\n{kind}, seed {first_seed}: INNKEEPER_CHAOS_SEED={first_seed} repeats this run", flush=True)
    parts = [min(PART, examples - start) for start in range(0, examples, PART)]
    started, told, deaths, failures = time.monotonic(), 0, 0, []
    # A pool that renews its processes, for each keeps what its histories have loaded; that of concurrent.futures can
    # stand still for ever once all of them are renewed at the same time.
    with get_context("spawn").Pool(maxtasksperchild=8) as pool:
        for part in pool.imap_unordered(_tell, [(kind, n, first_seed, count) for n, count in enumerate(parts)]):
            told, deaths = told + part.told, deaths + part.deaths
            failures += [part.failure] if part.failure else []
            rate = told / (time.monotonic() - started)
            print(f"{told} histories, {deaths} kills, {len(failures)} failures, {rate:.1f} histories/s", flush=True)
            if part.failure:
                print(part.failure, flush=True)
    assert failures == []
    assert told >= examples
