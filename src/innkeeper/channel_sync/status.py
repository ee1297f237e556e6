"""Says how the synchronisation of a property is: running, behind, or cut off."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.channel_sync import repository
from innkeeper.channel_sync.connection import Channels, lane
from innkeeper.channel_sync.tables import Config, SyncState
from innkeeper.domain.business_day import utc_now
from innkeeper.jobs import queue
from innkeeper.jobs.leases import LEASES
from innkeeper.jobs.tables import JobStatus

#: Beyond this something stands still, however short the queue is.
QUEUE_AGE_DEGRADED = timedelta(minutes=5)

#: With a look every ten seconds, a success this old means that looks fail or do not happen.
LAG_DEGRADED = timedelta(minutes=5)
FAILURES_DOWN = 3


async def health(channels: Channels, property_id: UUID) -> dict[str, Any]:
    """Return the state in a word, why, and the figures behind it.

    `off`: nothing is connected or synchronising is switched off. `down`: the last three contacts failed, or QloApps
    refuses us. `degraded`: a contact failed, work has been due for five minutes, nothing was read for five minutes,
    or something needs a person. `ok` otherwise.
    """
    async with channels.database.read() as session:
        return await health_in(channels, session, property_id)


async def health_in(channels: Channels, session: AsyncSession, property_id: UUID) -> dict[str, Any]:
    """Return what `health` does, in a session that is open already."""
    config = await repository.config(session, property_id)
    if config is None:
        return {"status": "off", "reasons": ["This property is not connected to a QloApps."]}
    figures = await _figures(channels, session, config)
    refused = await repository.open_attention(session, property_id, "access", "connection")
    status, reasons = judge(config, figures, refused is not None)
    return {"status": status, "reasons": reasons, **figures}


def judge(config: Config, figures: dict[str, Any], refused: bool) -> tuple[str, list[str]]:
    """Return the word for the figures, and the reasons in sentences."""
    if not config.sync_enabled:
        return "off", ["Synchronising is switched off."]
    if refused or config.consecutive_failures >= FAILURES_DOWN:
        return "down", [config.last_sync_error or "QloApps does not answer."]
    reasons = []
    if config.consecutive_failures:
        reasons.append(config.last_sync_error or "The last contact failed.")
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
        figures = await _figures(channels, session, config) if config is not None else {}
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


async def _figures(channels: Channels, session: AsyncSession, config: Config) -> dict[str, Any]:
    now = utc_now()
    counts = await queue.counts(session, config.property_id)
    age = await queue.oldest_age(session, now, config.property_id)
    _, attention = await repository.attention_page(session, config.property_id, limit=1, offset=0)
    return {
        "last_successful_sync": _text(config.last_successful_sync),
        "last_sync_error": config.last_sync_error,
        "consecutive_failures": config.consecutive_failures,
        "inbound_lag_seconds": _seconds(now, config.last_successful_sync),
        "outbound_lag_seconds": int(age.total_seconds()),
        "queue": {
            "queued": counts[JobStatus.QUEUED],
            "running": counts[JobStatus.RUNNING],
            "dead": counts[JobStatus.DEAD],
            "oldest_seconds": int(age.total_seconds()),
        },
        "budget": {
            "requests_per_minute": config.requests_per_minute,
            "left": await channels.budget(config).left(session),
        },
        "attention": attention,
        "mode": config.mode,
    }


async def _lane_holder(session: AsyncSession, property_id: UUID) -> bool:
    query = LEASES.select().where(LEASES.c.name == lane(property_id), LEASES.c.until > utc_now())
    return (await session.execute(query)).first() is not None


def _text(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


def _seconds(now: datetime, then: datetime | None) -> int | None:
    return int((now - then).total_seconds()) if then else None
