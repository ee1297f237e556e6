"""What the house announces: names of its events and payloads that hold no personal data."""

from collections.abc import Collection
from datetime import date
from typing import Any
from uuid import UUID

from innkeeper.storage.database import Tx
from innkeeper.storage.outbox import Event

RESERVATION_CREATED = "reservation.created"
RESERVATION_UPDATED = "reservation.updated"
RESERVATION_CANCELLED = "reservation.cancelled"
ROOM_TYPE_UPDATED = "room_type.updated"
RATE_UPDATED = "rate.updated"
GUEST_UPDATED = "guest.updated"
GUEST_ERASED = "guest.erased"

#: All names, for subscribers and documents.
NAMES = (
    RESERVATION_CREATED,
    RESERVATION_UPDATED,
    RESERVATION_CANCELLED,
    ROOM_TYPE_UPDATED,
    RATE_UPDATED,
    GUEST_UPDATED,
    GUEST_ERASED,
)


async def announce(
    tx: Tx,
    name: str,
    property_id: UUID,
    entity_id: UUID,
    *,
    origin: str,
    changed: Collection[str] = (),
    room_type_ids: Collection[UUID] = (),
    start: date | None = None,
    end: date | None = None,
) -> None:
    """Announce a change in the transaction that makes it; the arguments are those of `event`."""
    await tx.announce(
        event(
            name,
            property_id,
            entity_id,
            origin=origin,
            changed=changed,
            room_type_ids=room_type_ids,
            start=start,
            end=end,
        )
    )


def event(
    name: str,
    property_id: UUID,
    entity_id: UUID,
    *,
    origin: str,
    changed: Collection[str] = (),
    room_type_ids: Collection[UUID] = (),
    start: date | None = None,
    end: date | None = None,
) -> Event:
    """Return the event of a change.

    `changed` names the fields, `room_type_ids` and the nights from `start` to `end` (exclusive) say where what can be
    sold may have changed; empty room types mean that nothing did, no dates mean all nights.
    """
    payload: dict[str, Any] = {
        "changed": sorted(changed),
        "room_type_ids": sorted(str(room_type_id) for room_type_id in room_type_ids),
        "start": start.isoformat() if start else None,
        "end": end.isoformat() if end else None,
    }
    return Event(name, property_id, entity_id, origin, payload)
