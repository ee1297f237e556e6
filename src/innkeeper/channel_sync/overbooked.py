"""Keeps the cause that a reservation has no room in step with the house's own mark, whoever changes that."""

from innkeeper.channel_sync import attention, repository
from innkeeper.domain.stay import StayStatus
from innkeeper.house import events as house_events
from innkeeper.house.tables import Reservation
from innkeeper.storage.database import Tx
from innkeeper.storage.outbox import Event

#: A new booking's cause is opened where the booking is stored.
_LATER = frozenset((house_events.RESERVATION_UPDATED, house_events.RESERVATION_CANCELLED))
_MARKS = frozenset(("flags", "rooms.overbooked"))


async def follow(tx: Tx, event: Event) -> None:
    """Open or close the cause of a reservation whose mark may have changed, perhaps because another one left."""
    if event.name not in _LATER or not _MARKS.intersection(event.payload.get("changed", ())):
        return
    reservation = await tx.session.get(Reservation, event.entity_id)
    if reservation is None:
        return
    key = str(reservation.id)
    if "overbooked" not in reservation.flags or reservation.status == StayStatus.CANCELLED:
        await attention.close_cause(tx, event.property_id, "overbooked", key)
        return
    if await repository.open_attention(tx.session, event.property_id, "overbooked", key) is not None:
        return
    mapping = await repository.mapping_of_reservation(tx.session, event.property_id, reservation.id)
    await attention.open_cause(
        tx,
        event.property_id,
        "overbooked",
        key,
        reservation_id=reservation.id,
        order_id=mapping.qloapps_order_id if mapping else None,
        confirmation=reservation.confirmation,
    )
