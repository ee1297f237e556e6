"""Histories that once ended badly, each as short as it could be made; the long runs found them."""

import asyncio
from typing import Any

import pytest

from tests.channel_sync.histories import History, Play, Stage, Step, Talk, run
from tests.channel_sync.oracle import check
from tests.channel_sync.world import DOUBLE, SUITE


def rooms(*spans: tuple[int, int, int]) -> list[dict[str, Any]]:
    """Return rooms of a kind from a day to a day."""
    return [{"kind": kind, "nights": (first, last), "adults": 2, "ages": ()} for kind, first, last in spans]


def shop_books(*spans: tuple[int, int, int], overbook: bool = False) -> Step:
    return Step("shop books", 0, {"guest": 0, "overbook": overbook, "rooms": rooms(*spans)})


def desk_books(*spans: tuple[int, int, int]) -> Step:
    return Step("desk books", 0, {"guest": 1, "rooms": rooms(*spans)})


FOUND = {
    "a room is added there to a booking that is cancelled here and taken up again before that is told": (
        shop_books((DOUBLE, 5, 9)),
        Talk("poll"),
        Step("shop adds room", 0, {"kind": DOUBLE, "nights": (0, 1)}),
        Step("desk cancels", 0, {}),
        Talk("full"),
        Step("desk adds room", 0, {"kind": DOUBLE, "nights": (0, 3)}),
    ),
    "the only room is taken off a booking before everything is read again": (
        shop_books((DOUBLE, 3, 6)),
        Talk("poll"),
        Step("shop removes room", 0, {"room": 0}),
        Talk("full"),
    ),
    "a booking gives up a room before it is first seen, which another one was refused": (
        desk_books((DOUBLE, 1, 3)),
        shop_books((DOUBLE, 1, 3), (DOUBLE, 2, 4), (DOUBLE, 0, 3)),
        Talk("poll", {2: "error_before"}, ("before request", 11)),
        Step("shop removes room", 0, {"room": 0}),
    ),
    "a booking that is known no more is no reason to send a refused one again and again": (
        desk_books((SUITE, 4, 6)),
        shop_books((SUITE, 3, 7)),
        Talk("poll"),
        Step("shop checks in", 0, {"room": 0}),
        Talk("send"),
        Step("shop hides order"),
        Step("shop refunds"),
    ),
    "a booking that is in no list loses its last room": (
        shop_books((DOUBLE, 4, 8)),
        Step("shop hides order"),
        Talk("poll"),
        Step("shop removes room", 0, {"room": 0}),
    ),
    "a booking that is in doubt turns out to be refused": (
        shop_books((SUITE, 4, 5)),
        desk_books((SUITE, 3, 5)),
        Talk("poll", {5: "error_before", 9: "late", 4: "late"}),
    ),
    "a change that is in doubt turns out to stand": (
        desk_books((DOUBLE, 0, 1)),
        Talk("send"),
        Step("desk moves dates", 0, {"nights": (5, 8), "room": 0}),
        Talk("send", {12: "too_many", 1: "error_before"}),
    ),
    "the price of a stay over the clock change is corrected after a try that did not reach the shop": (
        desk_books((DOUBLE, 0, 4)),
        Talk("send", {13: "maintenance"}),
    ),
}


@pytest.mark.parametrize("version", ["1.7.0", "dev-2024-10"])
@pytest.mark.parametrize("steps", FOUND.values(), ids=[name.replace(" ", "_") for name in FOUND])
def test_history_ends_well(steps: tuple[Step | Talk, ...], version: str) -> None:
    stage = Stage()
    with asyncio.Runner() as runner:
        runner.run(stage.furnish())
        try:
            run(Play, History(version, "newest", 0, False, steps, "Europe/Warsaw"), stage, check, runner)
        finally:
            stage.remove()
