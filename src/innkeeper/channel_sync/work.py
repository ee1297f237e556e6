"""Names the background work of channel sync and puts it on the queue."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from innkeeper.channel_sync import repository
from innkeeper.channel_sync.connection import lane
from innkeeper.jobs.queue import JobSpec, enqueue, enqueue_all
from innkeeper.storage.database import Tx

PUSH = "channel.push"
POLL = "channel.poll"
PULL = "channel.pull"
DETAILS = "channel.details"
SYNC = "channel.sync"
PRUNE = "channel.prune"
ALERT = "channel.alert"
CHECK = "channel.check"

#: Lower runs first: what a guest or a clerk waits for overtakes what only completes the picture.
PRIORITY = {PUSH: 20, PULL: 20, POLL: 22, SYNC: 40, CHECK: 28, DETAILS: 70, PRUNE: 90}


async def queue_push(tx: Tx, property_id: UUID, reservation_id: UUID) -> UUID:
    """Make QloApps agree with this reservation; however often it is asked for, it is one job."""
    return await _queue(tx, PUSH, property_id, str(reservation_id), {"reservation_id": str(reservation_id)})


async def queue_refused(tx: Tx, property_id: UUID) -> None:
    """Send again what found no room there: some nights have just been given up."""
    for reservation_id in await repository.refused_reservations(tx.session, property_id):
        await queue_push(tx, property_id, reservation_id)


async def queue_poll(tx: Tx, property_id: UUID) -> UUID:
    """Fetch what has changed there."""
    return await _queue(tx, POLL, property_id, str(property_id), {})


async def queue_check(tx: Tx, property_id: UUID) -> UUID:
    """Look whether the shop is still the one that was connected."""
    return await _queue(tx, CHECK, property_id, str(property_id), {})


async def queue_pull(tx: Tx, property_id: UUID, order_id: int) -> UUID:
    """Fetch one booking, changed or not."""
    return await _queue(tx, PULL, property_id, str(order_id), {"order_id": order_id})


async def queue_details(tx: Tx, property_id: UUID, order_id: int) -> UUID:
    """Fetch remarks and services of a booking once it is safe."""
    return await _queue(tx, DETAILS, property_id, str(order_id), {"order_id": order_id})


async def queue_all_details(tx: Tx, property_id: UUID, order_ids: Sequence[int]) -> None:
    """Fetch remarks and services of many bookings, each as `queue_details` would."""
    await enqueue_all(
        tx, [_spec(DETAILS, property_id, str(order_id), {"order_id": order_id}) for order_id in order_ids]
    )


async def queue_sync(tx: Tx, property_id: UUID, sync_id: UUID, options: Mapping[str, Any]) -> UUID:
    """Run a synchronisation that somebody asked for."""
    return await _queue(tx, SYNC, property_id, str(sync_id), {"sync_id": str(sync_id), **options})


async def queue_alerts(tx: Tx, property_id: UUID, told: Sequence[tuple[str, str, str]]) -> None:
    """Tell whoever is alerted of causes that were opened or closed; one that closes at once is told of once.

    Each is the name of the cause, a title and a text.
    """
    specs = [
        JobSpec(kind=ALERT, key=cause, property_id=property_id, payload={"title": title, "body": body}, priority=60)
        for cause, title, body in told
    ]
    await enqueue_all(tx, specs)


async def queue_scheduled(tx: Tx, property_id: UUID) -> UUID:
    """Run the synchronisation that is due by the property's interval."""
    return await _queue(tx, SYNC, property_id, "scheduled", {"what": "all"})


async def queue_prune(tx: Tx, property_id: UUID) -> UUID:
    """Delete what the retention of logs no longer keeps."""
    return await _queue(tx, PRUNE, property_id, str(property_id), {})


async def _queue(
    tx: Tx, kind: str, property_id: UUID, key: str, payload: Mapping[str, Any], run_after: datetime | None = None
) -> UUID:
    return await enqueue(tx, _spec(kind, property_id, key, payload, run_after))


def _spec(
    kind: str, property_id: UUID, key: str, payload: Mapping[str, Any], run_after: datetime | None = None
) -> JobSpec:
    return JobSpec(
        kind=kind,
        key=key,
        property_id=property_id,
        lane=lane(property_id),
        payload=payload,
        priority=PRIORITY[kind],
        run_after=run_after,
    )
