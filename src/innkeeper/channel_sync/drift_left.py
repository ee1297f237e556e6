"""Finds what is left of ours at room types that are sent to QloApps no longer, and takes it back."""

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
    found = []
    for rule in left.rules:
        subject, nights = f"rule:{rule.rule_id}", (rule.first, rule.last + timedelta(days=1))
        what = f"A price rule of ours ({subject}) is set for a type that is not sent."
        found.append(_difference(left.names.get(rule.room_type_id), subject, what) | _dates(*nights))
    for block in left.blocks:
        what = f"A block of ours ({block.block_id}) closes a room of a type that is not sent."
        nights = block.stay.check_in, block.stay.check_out
        found.append(_difference(left.names.get(block.room_type_id), block.block_id, what) | _dates(*nights))
    for product_id in left.limits:
        what = "Shortest and longest stay of a type that is not sent are ours."
        limits = _difference(left.names.get(product_id), f"limits:{product_id}", what)
        found.append(limits | {"healing": "Gives back what stood there before ours."})
    return found


def _difference(room_type: str | None, subject: str, what: str) -> Difference:
    return {
        "kind": "left_behind",
        "subject": subject,
        **({"room_type": room_type} if room_type else {}),
        "what": what,
        "healing": "Takes it back.",
        "heals": True,
    }


def _dates(start: date, end: date) -> Difference:
    return {"start": start.isoformat(), "end": end.isoformat()}
