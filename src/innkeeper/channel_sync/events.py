"""What channel sync does when the house announces a change: it puts work on the queue, in the same transaction."""

from innkeeper.channel_sync import ari_work, erasing, overbooked, repository, room_types
from innkeeper.channel_sync.customers import ORIGIN
from innkeeper.channel_sync.work import queue_push
from innkeeper.house import events as house_events
from innkeeper.storage.database import Tx
from innkeeper.storage.outbox import Event

_RESERVATIONS = frozenset(
    (house_events.RESERVATION_CREATED, house_events.RESERVATION_UPDATED, house_events.RESERVATION_CANCELLED)
)


async def on_event(tx: Tx, event: Event) -> None:
    """Queue the push of what changed here; a reservation that came from there is not sent back, its nights are."""
    sent = False
    if event.name == house_events.GUEST_ERASED:
        await erasing.forget(tx, event)
        return
    await overbooked.follow(tx, event)
    if event.name == house_events.ROOM_TYPE_UPDATED and "deleted" in event.payload.get("changed", ()):
        await room_types.drop_mapping_of(tx, event.property_id, event.entity_id)
    if event.name in _RESERVATIONS and event.origin != ORIGIN:
        config = await repository.config_once(tx.session, event.property_id)
        sent = config is not None and config.sync_enabled and config.sync_reservations_outbound
        if sent:
            await queue_push(tx, event.property_id, event.entity_id)
    ari_work.note(tx, event, sent=sent)
