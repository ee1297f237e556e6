"""Works out which rooms to keep from sale on which nights, in the fewest runs, and how to get there; pure.

Nights are numbers here, counted from the first night of a window; a run's `last` is the night after its end.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, order=True)
class Run:
    """One room kept from sale for the nights `first` <= night < `last`."""

    room_id: int
    first: int
    last: int

    @property
    def nights(self) -> range:
        """The nights of the run."""
        return range(self.first, self.last)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: `make` a block for `run`, `reshape` the block `key` to it, or `release` the block `key`."""

    what: Literal["make", "reshape", "release"]
    run: Run
    key: str = ""


def demand(free: Sequence[Collection[int]], wanted: Sequence[int]) -> list[int]:
    """Return how many rooms to block on each night: what would be sold beyond what is left.

    `free` are the rooms that nobody but us holds, `wanted` how many may be sold, below zero counting as none.
    """
    return [max(0, len(rooms) - max(0, left)) for rooms, left in zip(free, wanted, strict=True)]


def plan(free: Sequence[Collection[int]], needed: Sequence[int], standing: Collection[Run]) -> list[Run]:
    """Return the fewest runs that hold exactly `needed` free rooms on each night, like the standing ones if they can.

    Keeping a room as long as it is needed, taking the one that stays free longest when one more is needed, and giving
    up the one that is taken soonest, makes the fewest runs. The same with a preference for what stands already may make
    as few, and then changes less.
    """
    thrifty = _sweep(free, needed, standing, loyal=False)
    loyal = _sweep(free, needed, standing, loyal=True)
    return loyal if len(loyal) <= len(thrifty) else thrifty


def _sweep(
    free: Sequence[Collection[int]], needed: Sequence[int], standing: Collection[Run], *, loyal: bool
) -> list[Run]:
    stands: dict[int, set[int]] = {}
    for run in standing:
        stands.setdefault(run.room_id, set()).update(run.nights)
    free_until = _free_until(free)
    calm = _next_calm(needed)
    running: dict[int, int] = {}
    runs: list[Run] = []

    for night, count in enumerate(needed):
        until, rest = free_until[night], calm[night]

        def worth(room: int, night: int = night, until: Mapping[int, int] = until, rest: int = rest) -> tuple[int, ...]:
            # beyond the next night without any need every run ends anyhow
            reach, known = min(until[room], rest), int(night in stands.get(room, ()))
            return (known, reach, -room) if loyal else (reach, known, -room)

        runs += [Run(room, running.pop(room), night) for room in list(running) if room not in until]
        while len(running) > count:
            room = min(running, key=worth)
            runs.append(Run(room, running.pop(room), night))
        if len(running) < count:
            fresh = sorted((room for room in until if room not in running), key=worth, reverse=True)
            running.update(dict.fromkeys(fresh[: count - len(running)], night))
    runs += [Run(room, first, len(needed)) for room, first in running.items()]
    return sorted(runs)


def _free_until(free: Sequence[Collection[int]]) -> list[dict[int, int]]:
    """Return for each night until when each of its free rooms stays free."""
    found: list[dict[int, int]] = [{}] * len(free)
    after: dict[int, int] = {}
    for night in range(len(free) - 1, -1, -1):
        after = {room: after.get(room, night + 1) for room in free[night]}
        found[night] = after
    return found


def _next_calm(needed: Sequence[int]) -> list[int]:
    """Return for each night the next one on which nothing is needed."""
    found = [0] * len(needed)
    calm = len(needed)
    for night in range(len(needed) - 1, -1, -1):
        calm = night if not needed[night] else calm
        found[night] = calm
    return found


def steps(standing: Mapping[str, Run], wanted: Collection[Run], left: Sequence[int]) -> list[Step]:
    """Return what to do, in an order that leaves no night open that shall be closed.

    `standing` are our blocks by key, cut to the window. A block that keeps its room is reshaped in place. What closes
    comes before what opens, and the nights with the fewest rooms `left` first; only where a room is still held by
    another block of ours that one is released before.
    """
    missing = set(wanted) - set(standing.values())
    surplus = _surplus(standing, wanted)
    reshaped = _reshaped(surplus, missing)
    todo = [Step("reshape", run, key) for key, run in reshaped.items()]
    todo += [Step("make", run) for run in missing - set(reshaped.values())]
    todo.sort(key=lambda step: (min((left[night] for night in step.run.nights), default=0), step.run))
    releases = [Step("release", run, key) for key, run in sorted(surplus.items()) if key not in reshaped]
    return list(_in_order(dict(standing), todo, releases))


def _surplus(standing: Mapping[str, Run], wanted: Collection[Run]) -> dict[str, Run]:
    """Return the blocks that are not wanted as they are; of two alike one is wanted at most."""
    kept: set[Run] = set()
    surplus = {}
    for key, run in sorted(standing.items()):
        if run in wanted and run not in kept:
            kept.add(run)
        else:
            surplus[key] = run
    return surplus


def _reshaped(surplus: Mapping[str, Run], missing: Collection[Run]) -> dict[str, Run]:
    """Pair blocks with new runs in the same room that share nights with them, the most nights first."""
    pairs = [
        (-_shared(old, new), key, new)
        for key, old in surplus.items()
        for new in missing
        if old.room_id == new.room_id and _shared(old, new) > 0
    ]
    chosen: dict[str, Run] = {}
    for _, key, new in sorted(pairs):
        if key not in chosen and new not in chosen.values():
            chosen[key] = new
    return chosen


def _shared(one: Run, other: Run) -> int:
    return min(one.last, other.last) - max(one.first, other.first)


def _in_order(stands: dict[str, Run], todo: list[Step], releases: list[Step]) -> Iterator[Step]:
    """Yield the steps; one that needs a room on nights of another block of ours waits until that one is changed."""
    made = 0
    while todo or releases:
        step = next((step for step in todo if _has_place(step, stands)), None)
        if step is not None:
            todo.remove(step)
            made += 1
            stands[step.key or f"new {made}"] = step.run
        elif releases:
            step = _in_the_way(releases, todo) or releases[0]
            releases.remove(step)
            del stands[step.key]
        else:  # blocks that want each other's nights: one is released and made anew
            stuck = next(step for step in todo if step.what == "reshape")
            todo[todo.index(stuck)] = Step("make", stuck.run)
            step = Step("release", stands.pop(stuck.key), stuck.key)
        yield step


def _has_place(step: Step, stands: Mapping[str, Run]) -> bool:
    return not any(
        key != step.key and run.room_id == step.run.room_id and _shared(run, step.run) > 0
        for key, run in stands.items()
    )


def _in_the_way(releases: Sequence[Step], todo: Sequence[Step]) -> Step | None:
    """Return a release that something waits for."""
    waiting = (
        release
        for step in todo
        for release in releases
        if release.run.room_id == step.run.room_id and _shared(release.run, step.run) > 0
    )
    return next(waiting, None)
