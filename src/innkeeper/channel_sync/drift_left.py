"""Finds blocks and price rules of ours at room types that are sent to QloApps no longer, and takes them back."""

from datetime import date, timedelta

from innkeeper.channel_sync.connection import Link
from innkeeper.channel_sync.drift_found import Difference, Part
from innkeeper.channel_sync.letting_go import Left, left_behind, take_back
from innkeeper.channel_sync.tables import DriftSweep
from innkeeper.domain.outcome import Done, Outcome


async def compare_left(link: Link, sweep: DriftSweep) -> Outcome[Part]:
    """Look for what a mapping that went while sending was off, or an earlier installation, has left there."""
    answer = await left_behind(link)
    if not isinstance(answer, Done):
        return answer
    found = _differences(answer.value)
    if not (found and sweep.heal and link.may_write):
        return Done((found, None))
    taken = await take_back(link, answer.value)
    if not isinstance(taken, Done):
        return taken
    again = await left_behind(link, answer.value.types)
    if not isinstance(again, Done):
        return again
    sweep.healed += len(found) - len(_differences(again.value))
    return Done((found, None))


def _differences(left: Left) -> list[Difference]:
    rules = [
        _difference(f"rule:{rule.rule_id}", rule.first, rule.last + timedelta(days=1), "A price rule of ours stands")
        for rule in left.rules
    ]
    return rules + [
        _difference(
            block.block_id, block.stay.check_in, block.stay.check_out, f"A block of ours holds room {block.room_id}"
        )
        for block in left.blocks
    ]


def _difference(subject: str, start: date, end: date, what: str) -> Difference:
    return {
        "kind": "left_behind",
        "subject": subject,
        "start": start.isoformat(),
        "end": end.isoformat(),
        "what": f"{what} at a room type that is not sent.",
        "healing": "Takes it back.",
        "heals": True,
    }
