"""The plan of blocks holds exactly what is too much, in the fewest runs, and never opens a night on its way."""

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from innkeeper.channel_sync.ari import Run, Step, demand, plan, steps

ROOMS = (1, 2, 3)


def held(runs: list[Run], nights: int) -> list[set[int]]:
    """Return the rooms that the runs hold on each night; fails when one room is held twice."""
    found: list[set[int]] = [set() for _ in range(nights)]
    for run in runs:
        for night in run.nights:
            assert run.room_id not in found[night], "a room is blocked twice"
            found[night].add(run.room_id)
    return found


def fewest(free: list[frozenset[int]], needed: list[int]) -> int:
    """Return the fewest runs there can be, found by trying everything."""
    costs: dict[frozenset[int], int] = {frozenset(): 0}
    for rooms, count in zip(free, needed, strict=True):
        choices = [frozenset(choice) for choice in combinations(sorted(rooms), count)]
        costs = {choice: min(cost + len(choice - before) for before, cost in costs.items()) for choice in choices}
    return min(costs.values())


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[frozenset[int]], list[int]]:
    """Draw which rooms are free on each night, and how many may be sold."""
    nights = draw(st.integers(1, 9))
    free = [draw(st.frozensets(st.sampled_from(ROOMS))) for _ in range(nights)]
    return free, [draw(st.integers(-1, 3)) for _ in range(nights)]


@st.composite
def with_standing(draw: st.DrawFn) -> tuple[list[frozenset[int]], list[int], dict[str, Run]]:
    """Draw a situation in which blocks of an earlier plan stand, some of them where a guest is by now."""
    free, wanted = draw(situations())
    before = plan([frozenset(ROOMS)] * len(free), [draw(st.integers(0, 2)) for _ in free], [])
    return free, wanted, {f"b{n}": run for n, run in enumerate(before)}


def test_what_is_too_much_is_blocked_and_a_shortage_blocks_nothing() -> None:
    free = [frozenset(ROOMS), frozenset({1}), frozenset({1, 2}), frozenset()]
    assert demand(free, [1, 3, -2, 0]) == [2, 0, 2, 0]


def test_a_run_of_nights_is_one_block() -> None:
    assert plan([frozenset(ROOMS)] * 5, [0, 1, 1, 1, 0], []) == [Run(1, 1, 4)]


def test_a_run_takes_the_room_that_stays_free() -> None:
    free = [frozenset({1, 2}), frozenset({2}), frozenset({2})]
    assert plan(free, [1, 1, 1], []) == [Run(2, 0, 3)]


@given(situations())
@settings(deadline=None)
def test_a_plan_holds_exactly_what_is_needed_in_the_fewest_runs(
    situation: tuple[list[frozenset[int]], list[int]],
) -> None:
    free, wanted = situation
    needed = demand(free, wanted)
    runs = plan(free, needed, [])
    for rooms, allowed, count in zip(held(runs, len(free)), free, needed, strict=True):
        assert rooms <= allowed
        assert len(rooms) == count
    assert len(runs) == fewest(free, needed)


@given(with_standing())
@settings(deadline=None)
def test_standing_blocks_are_kept_where_that_costs_nothing(
    situation: tuple[list[frozenset[int]], list[int], dict[str, Run]],
) -> None:
    free, wanted, standing = situation
    needed = demand(free, wanted)
    assert len(plan(free, needed, list(standing.values()))) == fewest(free, needed)


@given(with_standing())
@settings(deadline=None)
def test_a_plan_that_stands_is_not_touched_again(
    situation: tuple[list[frozenset[int]], list[int], dict[str, Run]],
) -> None:
    free, wanted, standing = situation
    needed = demand(free, wanted)
    reached = plan(free, needed, list(standing.values()))
    assert steps({str(n): run for n, run in enumerate(reached)}, plan(free, needed, reached), wanted) == []


@given(with_standing())
@settings(deadline=None)
def test_steps_lead_to_the_plan_and_never_hold_a_room_twice(
    situation: tuple[list[frozenset[int]], list[int], dict[str, Run]],
) -> None:
    free, wanted, standing = situation
    target = plan(free, demand(free, wanted), list(standing.values()))
    now = dict(standing)
    for number, step in enumerate(steps(standing, target, wanted)):
        if step.what == "release":
            del now[step.key]
        else:
            now[step.key or f"new {number}"] = step.run
        held(list(now.values()), len(free))
    assert sorted(now.values()) == target


def test_a_longer_run_reshapes_its_block() -> None:
    assert steps({"a": Run(1, 2, 4)}, [Run(1, 2, 6)], [0] * 8) == [Step("reshape", Run(1, 2, 6), "a")]


def test_a_night_is_closed_elsewhere_before_it_is_opened_here() -> None:
    wanted = [Run(2, 0, 6)]
    assert [step.what for step in steps({"a": Run(1, 0, 3)}, wanted, [0] * 6)] == ["make", "release"]


def test_nights_with_the_fewest_rooms_left_come_first() -> None:
    done = steps({}, [Run(1, 0, 2), Run(2, 3, 5)], [2, 2, 2, 0, 0])
    assert [step.run for step in done] == [Run(2, 3, 5), Run(1, 0, 2)]
