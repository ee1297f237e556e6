"""Compares every booking and every night of both sides, a step at a time, and heals what is ours to heal."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from innkeeper.channel_sync import ari_repository
from innkeeper.channel_sync.connection import Link
from innkeeper.channel_sync.drift_bookings import compare_bookings, count_healed_bookings
from innkeeper.channel_sync.drift_found import Difference, Part
from innkeeper.channel_sync.drift_left import compare_left
from innkeeper.channel_sync.drift_nights import compare_nights
from innkeeper.channel_sync.drift_rates import compare_rates
from innkeeper.channel_sync.tables import DriftSweep
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.outcome import Done, Outcome
from innkeeper.storage.database import Tx

#: A report longer than this says nothing more to anybody.
MOST_LISTED = 500

#: In this order; each is resumed where it was left. The last looks once more at what was sent or read meanwhile.
PHASES: Mapping[str, Callable[[Link, DriftSweep], Awaitable[Outcome[Part]]]] = {
    "bookings": compare_bookings,
    "nights": compare_nights,
    "rates": compare_rates,
    "left": compare_left,
    "healed": count_healed_bookings,
}


async def begin(tx: Tx, property_id: UUID, *, heal: bool) -> UUID:
    """Begin a sweep, or go on with the one that is under way, and return its id."""
    sweep = await ari_repository.last_sweep(tx.session, property_id, "running")
    if sweep is None:
        sweep = DriftSweep(
            property_id=property_id, heal=heal, position={"phase": next(iter(PHASES)), "after": 0}, differences=[]
        )
        tx.session.add(sweep)
        await tx.session.flush()
    return sweep.id


async def run(link: Link, *, heal: bool) -> Outcome[DriftSweep]:
    """Compare everything here and now."""
    async with link.database.write() as tx:
        sweep_id = await begin(tx, link.property_id, heal=heal)
    while True:
        answer = await step(link, sweep_id)
        if not isinstance(answer, Done):
            return answer
        if answer.value.status == "completed":
            return Done(answer.value)


async def step(link: Link, sweep_id: UUID) -> Outcome[DriftSweep]:
    """Compare the next part of a sweep; what was found is kept, whatever happens to the next one."""
    async with link.database.read() as session:
        sweep = await session.get(DriftSweep, sweep_id)
    if sweep is None or sweep.property_id != link.property_id or sweep.status == "completed":
        return Done(sweep or DriftSweep(id=sweep_id, status="completed"))
    before = link.connector.requests_made
    phase = sweep.position["phase"]
    answer = await PHASES[phase](link, sweep)
    if not isinstance(answer, Done):
        return answer
    found, after = answer.value
    async with link.database.write() as tx:
        row = await tx.session.get(DriftSweep, sweep_id)
        if row is None:
            return Done(sweep)
        earlier = await ari_repository.last_sweep(tx.session, link.property_id, "completed")
        row.differences = (row.differences + _aged(found, earlier))[:MOST_LISTED]
        row.bookings, row.nights, row.healed = sweep.bookings, sweep.nights, sweep.healed
        row.requests += link.connector.requests_made - before
        row.position = after or _next_phase(phase)
        if row.position["phase"] == "done":
            row.status, row.completed_at = "completed", utc_now()
        await tx.session.flush()
        await tx.session.refresh(row)
        return Done(row)


def _next_phase(phase: str) -> dict[str, Any]:
    phases = (*PHASES, "done")
    following = phases[phases.index(phase) + 1]
    return {"phase": following, "after": 0}


def _aged(found: Sequence[Difference], earlier: DriftSweep | None) -> list[Difference]:
    """Say since when each difference is known: one that the last sweep found too is as old as it was then."""
    known = {(old["kind"], old["subject"]): old["since"] for old in (earlier.differences if earlier else ())}
    now = utc_now().isoformat()
    return [{**one, "since": known.get((one["kind"], one["subject"]), now)} for one in found]


def document(sweep: DriftSweep | None) -> dict[str, Any]:
    """Return a sweep as the API shows it."""
    if sweep is None:
        return {"status": "never", "differences": [], "equal": None}
    return {
        "sweep_id": str(sweep.id),
        "status": sweep.status,
        "heal": sweep.heal,
        "started_at": sweep.started_at.isoformat(),
        "completed_at": sweep.completed_at.isoformat() if sweep.completed_at else None,
        "position": sweep.position,
        "bookings": sweep.bookings,
        "nights": sweep.nights,
        "requests": sweep.requests,
        "healed": sweep.healed,
        "differences": sweep.differences,
        "equal": not sweep.differences if sweep.status == "completed" else None,
    }
