"""Compares the price rules that stand in QloApps with those that shall stand."""

from datetime import date, timedelta

from innkeeper.channel_sync import rates_out
from innkeeper.channel_sync.availability_out import PushOptions
from innkeeper.channel_sync.connection import Link
from innkeeper.channel_sync.drift_found import Difference, Part
from innkeeper.channel_sync.prices_out import push_rates, read_prices
from innkeeper.channel_sync.result import SyncResult
from innkeeper.channel_sync.tables import DriftSweep
from innkeeper.domain.outcome import Done, Outcome


async def compare_rates(link: Link, sweep: DriftSweep) -> Outcome[Part]:
    """Compare the rules that stand with those that shall stand."""
    if not link.config.sync_rates:
        return Done(([], None))
    answer = await read_prices(link)
    if not isinstance(answer, Done):
        return answer
    found: list[Difference] = []
    for kind, wanted, start in answer.value:
        found += [
            {
                "kind": "rate",
                "subject": f"{kind.room_type_id}:{change.price.first}",
                "room_type_id": str(kind.room_type_id),
                "room_type": kind.name,
                "start": change.price.first.isoformat(),
                "end": (change.price.last + timedelta(days=1)).isoformat(),
                "net": f"{change.price.net:f}",
                "what": "A price rule is missing, wrong or no longer wanted in QloApps.",
                "healing": {"make": "Makes it.", "change": "Changes it.", "delete": "Deletes it."}[change.what],
                "heals": True,
            }
            for change in rates_out.changes(kind.rules, wanted, start)
        ]
        found += [
            {
                "kind": "foreign_rate",
                "subject": f"rule:{rule_id}",
                "room_type": kind.name,
                "start": first,
                "end": (date.fromisoformat(last) + timedelta(days=1)).isoformat(),
                "what": f"The price rule {name or 'without a name'} of somebody else decides these nights.",
                "healing": "Asks: delete it in QloApps if the house shall decide.",
                "heals": False,
            }
            for rule_id, name, first, last in kind.foreign
        ]
    if sweep.heal:
        outcome = await push_rates(link, PushOptions(full=True), SyncResult())
        if not isinstance(outcome, Done):
            return outcome
        if link.may_write and any(one["heals"] for one in found):
            return await _count_healed_rates(link, sweep, found)
    return Done((found, None))


async def _count_healed_rates(link: Link, sweep: DriftSweep, found: list[Difference]) -> Outcome[Part]:
    """Read the rules once more, and count as healed only what is right now."""
    answer = await read_prices(link)
    if not isinstance(answer, Done):
        return answer
    left = {
        f"{kind.room_type_id}:{change.price.first}"
        for kind, wanted, start in answer.value
        for change in rates_out.changes(kind.rules, wanted, start)
    }
    sweep.healed += sum(one["subject"] not in left for one in found if one["heals"])
    return Done((found, None))
