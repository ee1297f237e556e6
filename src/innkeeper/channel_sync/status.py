"""Says how the synchronisation of a property is: running, behind, or cut off."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.channel_sync import ari_work, repository, status_repository, work
from innkeeper.channel_sync.connection import Channels, lane
from innkeeper.channel_sync.contacts import INBOUND, OUTBOUND, UNREADABLE
from innkeeper.channel_sync.status_repository import Waiting
from innkeeper.channel_sync.tables import Config, Contact, SyncState
from innkeeper.domain.business_day import utc_now
from innkeeper.jobs.leases import LEASES
from innkeeper.jobs.tables import JobStatus

#: Beyond this something stands still, however short the queue is.
QUEUE_AGE_DEGRADED = timedelta(minutes=5)

#: With a look every ten seconds, a success this old means that looks fail or do not happen.
LAG_DEGRADED = timedelta(minutes=5)
FAILURES_DOWN = 3

#: The work of each direction; the rest is tidying and telling.
_READING = frozenset((work.POLL, work.PULL, work.DETAILS))
_WRITING = frozenset((work.PUSH, ari_work.AVAILABILITY, ari_work.RATES, ari_work.LET_GO))

Figures = dict[str, Any]


async def health(channels: Channels, property_id: UUID) -> dict[str, Any]:
    """Return the state in a word, why, and the figures behind it.

    `off`: nothing is connected or synchronising is switched off. `down`: the last three contacts failed, QloApps
    refuses us, the stored key cannot be read, or the circuit is open. `degraded`: a contact failed, work has been due
    for five minutes, nothing was read for five minutes, or something needs a person. `ok` otherwise.
    """
    async with channels.database.read() as session:
        return await health_in(channels, session, property_id)


async def health_in(channels: Channels, session: AsyncSession, property_id: UUID) -> dict[str, Any]:
    """Return what `health` does, in a session that is open already."""
    config = await repository.config(session, property_id)
    if config is None:
        return {"status": "off", "reasons": ["This property is not connected to a QloApps."]}
    figures = (await figures_of(channels, session, [config]))[property_id]
    status, reasons = judge(config, figures)
    return {"status": status, "reasons": reasons, **figures}


def judge(config: Config, figures: Figures) -> tuple[str, list[str]]:
    """Return the word for the figures, and the reasons in sentences."""
    if not config.sync_enabled:
        return "off", ["Synchronising is switched off."]
    if figures["refused"] or figures["circuit"] == "open" or config.consecutive_failures >= FAILURES_DOWN:
        return "down", [config.last_sync_error or "QloApps does not answer."]
    reasons = []
    failed = [one for one in figures["directions"].values() if one["failures_in_a_row"]]
    if failed or config.consecutive_failures:
        reasons.append(
            next((one["last_error"] for one in failed), config.last_sync_error) or "The last contact failed."
        )
    if figures["queue"]["oldest_seconds"] > QUEUE_AGE_DEGRADED.total_seconds():
        reasons.append(f"Work has been due for {figures['queue']['oldest_seconds'] // 60} minutes.")
    lag = figures["inbound_lag_seconds"]
    if config.sync_reservations_inbound and lag is not None and lag > LAG_DEGRADED.total_seconds():
        reasons.append(f"Bookings were last read {lag // 60} minutes ago.")
    if figures["attention"]:
        count = figures["attention"]
        reasons.append(f"{count} thing{'' if count == 1 else 's'} need{'s' if count == 1 else ''} a person.")
    return ("degraded" if reasons else "ok"), reasons


async def sync_status(channels: Channels, property_id: UUID) -> dict[str, Any]:
    """Return what runs, the last run of each type, and how far behind each direction is."""
    async with channels.database.read() as session:
        config = await repository.config(session, property_id)
        runs = await repository.last_runs(session, property_id)
        holder = await _lane_holder(session, property_id)
        figures = (await figures_of(channels, session, [config]))[property_id] if config is not None else {}
        cursor = await repository.cursor(session, property_id)
    return {
        "configured": config is not None,
        "enabled": config is not None and config.sync_enabled,
        "mode": config.mode if config is not None else None,
        "running": holder,
        "cursor": cursor,
        "runs": {
            kind: {status: run_document(run) for status, run in by_status.items()} for kind, by_status in runs.items()
        },
        **figures,
    }


def run_document(run: SyncState) -> dict[str, Any]:
    """Return one run as the API shows it."""
    return {
        "sync_id": str(run.id),
        "sync_type": run.sync_type,
        "status": run.status,
        "started_at": run.started_at.isoformat(),
        "completed_at": run.completed_at.isoformat() if run.completed_at else None,
        "items_processed": run.items_processed,
        "items_created": run.items_created,
        "items_updated": run.items_updated,
        "items_failed": run.items_failed,
        "duration_ms": run.duration_ms,
        "error_message": run.error_message,
        "requests": run.metadata_.get("requests"),
    }


async def figures_of(channels: Channels, session: AsyncSession, configs: Sequence[Config]) -> dict[UUID, Figures]:
    """Return the figures of each property, in a few queries however many they are; the same for API and metrics."""
    now, ids = utc_now(), [config.property_id for config in configs]
    contacts = await status_repository.contacts(session, ids)
    waiting = await status_repository.waiting(session, ids)
    causes = await status_repository.open_causes(session, ids)
    budgets = await status_repository.budgets(session, [lane(property_id) for property_id in ids])
    found = {}
    for config in configs:
        own, jobs = contacts.get(config.property_id, {}), waiting.get(config.property_id, ())
        kinds = causes.get(config.property_id, {})
        directions = {
            INBOUND: _direction(own.get(INBOUND), jobs, _READING, now),
            OUTBOUND: _direction(own.get(OUTBOUND), jobs, _WRITING, now),
        }
        directions[INBOUND]["lag_seconds"] = _seconds(now, config.last_successful_sync, own.get(INBOUND))
        directions[OUTBOUND]["lag_seconds"] = directions[OUTBOUND]["queue_age_seconds"]
        found[config.property_id] = {
            "last_successful_sync": _text(config.last_successful_sync),
            "last_sync_error": config.last_sync_error,
            "consecutive_failures": config.consecutive_failures,
            "inbound_lag_seconds": directions[INBOUND]["lag_seconds"],
            "outbound_lag_seconds": directions[OUTBOUND]["lag_seconds"],
            "directions": directions,
            "circuit": _worst(own.values()),
            "queue": {
                "queued": _count(jobs, JobStatus.QUEUED),
                "running": _count(jobs, JobStatus.RUNNING),
                "dead": _count(jobs, JobStatus.DEAD),
                "oldest_seconds": _age(jobs, now),
            },
            "budget": {
                "requests_per_minute": config.requests_per_minute,
                "left": channels.budget(config).left_of(budgets.get(lane(config.property_id))),
            },
            "attention": sum(kinds.values()),
            "refused": bool(kinds.get("access") or kinds.get(UNREADABLE)),
            "mode": config.mode,
        }
    return found


def _direction(contact: Contact | None, jobs: Sequence[Waiting], kinds: Collection[str], now: datetime) -> Figures:
    own = [one for one in jobs if one.kind in kinds]
    return {
        "last_success": _text(contact.last_success) if contact else None,
        "last_failure": _text(contact.last_failure) if contact else None,
        "last_error": contact.last_error if contact else None,
        "failures_in_a_row": contact.failures if contact else 0,
        "circuit": contact.circuit if contact else "closed",
        "queued": _count(own, JobStatus.QUEUED),
        "queue_age_seconds": _age(own, now),
    }


def _count(jobs: Iterable[Waiting], status: JobStatus) -> int:
    return sum(one.count for one in jobs if one.status is status)


def _age(jobs: Iterable[Waiting], now: datetime) -> int:
    """Return for how long the oldest work that is not finished has been due, in seconds; a dead job is a cause."""
    due = [one.oldest for one in jobs if one.status is not JobStatus.DEAD]
    return max(0, int((now - min(due)).total_seconds())) if due else 0


def _worst(contacts: Iterable[Contact]) -> str:
    """Return the state of the circuit that lets least through."""
    found = {contact.circuit for contact in contacts}
    return next((state for state in ("open", "half-open") if state in found), "closed")


async def _lane_holder(session: AsyncSession, property_id: UUID) -> bool:
    query = LEASES.select().where(LEASES.c.name == lane(property_id), LEASES.c.until > utc_now())
    return (await session.execute(query)).first() is not None


def _text(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


def _seconds(now: datetime, ever: datetime | None, contact: Contact | None) -> int | None:
    """Return how long ago bookings were read; None when they never were."""
    then = contact.last_success if contact is not None else ever
    return max(0, int((now - then).total_seconds())) if then else None
