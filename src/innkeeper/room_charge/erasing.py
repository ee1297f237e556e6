"""Forgets a guest who was erased in the house: names, lookups, signatures, profile; charges and amounts stay."""

from innkeeper.domain.errors import Conflict
from innkeeper.room_charge import repository, sighting_repository
from innkeeper.storage.database import Tx
from innkeeper.storage.outbox import Event

#: The house's event; the two contexts know each other by what is announced alone.
GUEST_ERASED = "guest.erased"

#: What stands where a name has to.
NAMELESS = "Erased guest"


async def on_event(tx: Tx, event: Event) -> None:
    """Forget the guest in the transaction that erases him. Raises Conflict while a charge of his is not settled.

    The signature's picture goes, its SHA-256 stays with the charge: a copy kept elsewhere can still be proven.
    """
    if event.name != GUEST_ERASED:
        return
    guest_id, stays = str(event.entity_id), event.payload.get("reservation_ids", ())
    charges = await repository.charges_of_guest(tx.session, event.property_id, guest_id, stays)
    for charge in charges:
        if charge.status.is_open:
            raise Conflict(
                f"Charge {charge.reference} of the guest is not settled.",
                code="CHARGE_OPEN",
                action="Settle it under Postings, then erase him.",
            )
    for charge in charges:
        charge.guest_name = NAMELESS
        charge.lookup = {name: value for name, value in charge.lookup.items() if name != "guest"}
        charge.signature_image = None
    await repository.delete_signatures(tx.session, [charge.id for charge in charges])
    await repository.delete_profile(tx.session, event.property_id, guest_id)
    await sighting_repository.delete_of_guest(tx.session, event.property_id, guest_id, stays)
