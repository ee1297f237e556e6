"""Forgets a guest who was erased in the house: in the log, and in what is remembered of the customers he is."""

from innkeeper.channel_sync import customers, log_repository
from innkeeper.storage.database import Tx
from innkeeper.storage.outbox import Event


async def forget(tx: Tx, event: Event) -> None:
    """Forget the guest of a `guest.erased`; the messages stay without him."""
    found = await log_repository.customers_of_guest(tx.session, event.property_id, event.entity_id)
    numbers = [mapping.qloapps_customer_id for mapping in found]
    await log_repository.redact_guest(tx.session, event.property_id, event.entity_id, numbers)
    for mapping in found:
        customers.erase(mapping)
