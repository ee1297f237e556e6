"""Erases a guest's personal data when he asks for it; what he stayed and paid remains in the books."""

from uuid import UUID

from innkeeper.domain.errors import Conflict, NotFound
from innkeeper.domain.stay import StayStatus
from innkeeper.house import events, guest_repository, properties
from innkeeper.house.tables import Guest
from innkeeper.storage.database import Tx
from innkeeper.storage.outbox import Event

#: What stands where a name has to.
NAMELESS = "Erased guest"


async def erase(tx: Tx, property_id: UUID, guest_id: UUID) -> int:
    """Erase the guest here and announce it, so that the other contexts do the same in this transaction.

    Returns how many reservations of his remain without a name. Raises NotFound; Conflict while he is in the house or
    has a stay ahead, and whatever a context says that still needs him.
    """
    guest = await guest_repository.guest(tx.session, property_id, guest_id, lock=True)
    if guest is None:
        raise NotFound(f"There is no guest {guest_id}.")
    house = await properties.get(tx.session, property_id)
    stays = await guest_repository.stays_of_guest(tx.session, property_id, guest_id)
    for stay in stays:
        if stay.status == StayStatus.CHECKED_IN:
            raise Conflict(
                f"The guest is in the house (reservation {stay.confirmation}).",
                code="GUEST_IN_HOUSE",
                action="Erase him after check-out.",
            )
        if stay.status == StayStatus.CONFIRMED and stay.check_out >= house.business_date:
            raise Conflict(
                f"The guest has a stay ahead (reservation {stay.confirmation}).",
                code="GUEST_EXPECTED",
                action="Cancel it, or erase him after it.",
            )
    _clear(guest)
    await guest_repository.clear_requests(tx.session, property_id, guest_id)
    ids = [str(stay.id) for stay in stays]
    await tx.announce(Event(events.GUEST_ERASED, property_id, guest_id, "house", {"reservation_ids": ids}))
    return len(ids)


def _clear(guest: Guest) -> None:
    guest.name, guest.first_name, guest.last_name = NAMELESS, "", ""
    guest.email = guest.phone = guest.email_normal = guest.phone_e164 = None
    guest.name_normal = guest.notes = ""
    guest.preferences, guest.allergies = [], []
    guest.vip_level = guest.loyalty_number = None
