"""Tells thousands of random histories over all processors, in parts that each have a seed."""

import gc
import logging
import os
import secrets
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import structlog
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

#: Histories of one task of the pool, and so of one hypothesis run.
PART = 250

#: Sets a stage up for one process; gives how a history is drawn, and what plays it to its end, checks it and returns
#: how often a process died in it. It must be found under its name by another process.
Opens = Callable[[], AbstractContextManager[tuple[SearchStrategy[Any], Callable[[Any], int]]]]


@dataclass(frozen=True)
class Told:
    """What came of a part: how many histories were told, how often a process died, and what was found."""

    number: int
    told: int
    deaths: int
    failure: str | None


def tell_all(opens: Opens, what: str, examples: int) -> None:
    """Tell so many histories, and fail with everything that was found. INNKEEPER_CHAOS_SEED repeats a run."""
    first_seed = int(os.environ.get("INNKEEPER_CHAOS_SEED") or secrets.randbelow(2**31))
    print(f"\n{what}, seed {first_seed}: INNKEEPER_CHAOS_SEED={first_seed} repeats this run", flush=True)
    parts = [min(PART, examples - start) for start in range(0, examples, PART)]
    started, told, deaths, failures = time.monotonic(), 0, 0, []
    # A pool that renews its processes, for each keeps what its histories have loaded; that of concurrent.futures can
    # stand still for ever once all of them are renewed at the same time.
    with get_context("spawn").Pool(maxtasksperchild=8) as pool:
        for part in pool.imap_unordered(_tell, [(opens, n, first_seed, count) for n, count in enumerate(parts)]):
            told, deaths = told + part.told, deaths + part.deaths
            failures += [part.failure] if part.failure else []
            rate = told / (time.monotonic() - started)
            print(f"{told} histories, {deaths} kills, {len(failures)} failures, {rate:.1f} histories/s", flush=True)
            if part.failure:
                print(part.failure, flush=True)
    assert failures == []
    assert told >= examples


def _tell(part: tuple[Opens, int, int, int]) -> Told:
    return tell_part(*part)


def tell_part(opens: Opens, number: int, first_seed: int, count: int) -> Told:
    """Tell a part of the histories in this process, up to the first that fails.

    It is not made shorter here, which can take longer than the whole run; the suite's own test does that with its blob.
    """
    gc.set_threshold(100_000, 50, 100)  # next to nothing of a history is a cycle
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    told, deaths = 0, 0
    failure: str | None = None
    with opens() as (drawn, play):

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
        @given(history=drawn)
        def tell(history: Any) -> None:
            nonlocal told, deaths
            told += 1
            deaths += play(history)

        try:
            tell()
        except BaseException as error:  # noqa: BLE001  whatever it is, it is what the run has found
            failure = f"part {number}: " + "".join(traceback.format_exception(error))
    return Told(number, told, deaths, failure)
