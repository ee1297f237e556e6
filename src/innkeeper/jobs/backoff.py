"""How long a job waits before it is tried again."""

import random
from datetime import timedelta

#: Nothing waits longer than this for an outside system that is down.
CAP_SECONDS = 900.0

#: After an error of ours or the death of a worker.
ERROR_SECONDS = 2.0

#: After the other side could not be had.
OUTAGE_SECONDS = 5.0

#: After a transaction that only lost a race with another one.
RACE_SECONDS = 0.2

#: After nobody could say what became of a request: look again soon.
DOUBT_SECONDS = 1.0


def backoff(tries: int, first: float, *, cap: float = CAP_SECONDS) -> timedelta:
    """Return the wait after the `tries`-th failure in a row: it doubles from `first` seconds up to `cap`.

    A quarter of chance to either side keeps a thousand jobs from coming back in the same second.
    """
    wait = min(first * 2.0 ** min(max(tries, 1) - 1, 40), cap)
    return timedelta(seconds=min(wait * random.uniform(0.75, 1.25), cap))  # noqa: S311 - spreads load, guards nothing
