"""The three-way merge: what each side changed since both agreed, and who wins where both changed the same fact."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from innkeeper.channel_sync.states import State, changes, same_fact
from innkeeper.domain.stay import StayStatus


class Policy(StrEnum):
    """Who wins a fact that both sides changed."""

    HOUSE = "house"
    QLOAPPS = "qloapps"
    NEWEST = "newest"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """A fact that both sides changed to different values. `winner` is `house`, `qloapps`, or None for a person."""

    path: str
    before: Any
    ours: Any
    theirs: Any
    winner: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Merge:
    """What comes of a merge.

    `state` is what the house shall hold, `agreed_local` what to remember as agreed for our side: it differs from
    `state` exactly in what must still be sent to the broker. `taken` are the paths taken from the broker.
    `guest_in_house` says that the broker cancelled, or removed rooms from, a booking whose guest has arrived.
    """

    state: State
    agreed_local: State
    taken: tuple[str, ...]
    conflicts: tuple[FieldConflict, ...] = field(default_factory=tuple)
    guest_in_house: bool = False


def merge(
    agreed_local: State,
    local: State,
    agreed_remote: State,
    remote: State,
    policies: Mapping[str, Any],
    changed_at: tuple[datetime | None, datetime],
) -> Merge:
    """Merge both sides' changes since the agreed states.

    `changed_at` is when our side and theirs last changed, for the policy `newest`. A cancellation wins over any other
    change, unless the guest is in the house: what has happened at the desk is a fact.
    """
    ours = changes(agreed_local.flat(), local.flat())
    theirs = changes(agreed_remote.flat(), remote.flat())
    if not theirs:
        return Merge(local, agreed_local, ())
    if "cancelled" in theirs and remote.cancelled:
        return _they_cancelled(local, agreed_local, ours)
    if local.cancelled:
        return _we_are_cancelled(local, agreed_local, agreed_remote, remote, ours)
    return _field_by_field(agreed_local, local, remote, ours, theirs, policies, changed_at)


def _they_cancelled(local: State, agreed_local: State, ours: Mapping[str, Any]) -> Merge:
    arrived = [k for k, room in local.rooms.items() if room["status"] != StayStatus.CONFIRMED]
    if arrived and not local.cancelled:
        conflict = FieldConflict("cancelled", False, False, True, "house", "The guest is in the house or has left it.")
        return Merge(local, agreed_local, (), (conflict,), guest_in_house=True)
    gone = State(True, {})
    conflicts = tuple(
        FieldConflict(path, before, after, None, "qloapps", "The booking was cancelled there.")
        for path, (before, after) in ours.items()
        if path != "cancelled"
    )
    return Merge(gone, gone, ("cancelled",), conflicts)


def _we_are_cancelled(
    local: State, agreed_local: State, agreed_remote: State, remote: State, ours: Mapping[str, Any]
) -> Merge:
    if "cancelled" not in ours and agreed_remote.cancelled:  # both were cancelled, and it was brought back there
        return Merge(remote, remote, ("cancelled",))
    conflict = FieldConflict("cancelled", False, True, False, "house", "The reservation was cancelled here.")
    # rooms that were added there meanwhile are given up with the others, also when new ones are taken here before that
    # has been told
    added = {key: room for key, room in remote.rooms.items() if key not in agreed_local.rooms}
    return Merge(local, State(agreed_local.cancelled, {**agreed_local.rooms, **added}), (), (conflict,))


def _field_by_field(
    agreed_local: State,
    local: State,
    remote: State,
    ours: Mapping[str, tuple[Any, Any]],
    theirs: Mapping[str, tuple[Any, Any]],
    policies: Mapping[str, Any],
    changed_at: tuple[datetime | None, datetime],
) -> Merge:
    merged, agreed = dict(local.flat()), dict(agreed_local.flat())
    taken: list[str] = []
    conflicts: list[FieldConflict] = []
    in_house = False
    for path, (_, value) in theirs.items():
        room = path.split(".")[1] if path.startswith("rooms.") else None
        if room and theirs.get(f"rooms.{room}.held", (None, True))[1] is None and _arrived(local, room):
            in_house = True
            _put(agreed, path, None)  # the room is occupied: it has to be booked there again
            continue
        if room and ours.get(f"rooms.{room}.held", (None, True))[1] is None:
            continue  # we gave this room up; that still has to be told, and settles every change to it
        winner = "qloapps"
        if path in ours and not same_fact(path, ours[path][1], value):
            winner_or_none, reason = _decide(path, policies, changed_at)
            if room and theirs.get(f"rooms.{room}.held", (None, True))[1] is None:
                winner_or_none, reason = "qloapps", "The room was taken off the booking there."
            conflicts.append(FieldConflict(path, ours[path][0], ours[path][1], value, winner_or_none, reason))
            if winner_or_none is None:
                _put(agreed, path, ours[path][1])
                continue
            winner = winner_or_none
        if winner == "house":
            continue
        if path in ours and same_fact(path, ours[path][1], value):
            _put(agreed, path, ours[path][1])
            continue
        _put(merged, path, value)
        _put(agreed, path, value)
        taken.append(path)
    lines = {**remote.rooms, **local.rooms}
    return Merge(
        State.from_flat(merged, lines),
        State.from_flat(agreed, {**remote.rooms, **agreed_local.rooms}),
        tuple(taken),
        tuple(conflicts),
        in_house,
    )


def _put(facts: dict[str, Any], path: str, value: Any) -> None:
    if value is None:
        facts.pop(path, None)
    else:
        facts[path] = value


def _arrived(local: State, room: str) -> bool:
    return room in local.rooms and local.rooms[room]["status"] == StayStatus.CHECKED_IN


def _decide(
    path: str, policies: Mapping[str, Any], changed_at: tuple[datetime | None, datetime]
) -> tuple[str | None, str]:
    name = path.rsplit(".", 1)[-1]
    policy = Policy(policies.get(name, policies.get("default", Policy.NEWEST)))
    if policy is Policy.ASK:
        return None, "The policy of the property asks a person."
    if policy is Policy.NEWEST:
        here, there = changed_at
        winner = "house" if here is not None and here > there else "qloapps"
        return winner, "The newer change wins."
    return str(policy), f"The policy of the property is that {policy} wins."
