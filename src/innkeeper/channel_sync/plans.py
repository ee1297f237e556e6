"""Decides what has to be done so that the broker agrees with a reservation; nothing is sent from here."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from innkeeper.channel_sync.book import Book
from innkeeper.channel_sync.connection import Link
from innkeeper.channel_sync.drafts import booking_draft
from innkeeper.channel_sync.states import State, changes, local_state
from innkeeper.channel_sync.tables import ReservationMapping
from innkeeper.domain.channel import BookingDraft
from innkeeper.domain.stay import StayStatus
from innkeeper.house.tables import Reservation

#: The fact that concerns every room of a booking.
ALL = frozenset(("cancelled",))

#: Why nothing is sent of a room type that is mapped inbound.
ONLY_READ = "a room type is only read from QloApps"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done for one reservation.

    `action` is `nothing` (for the `reason`), `create`, `amend`, `cancel`, `withdraw` (look whether it was made, and
    cancel it then) or `agree` (both sides are cancelled already). `sent` is our side at the time of the plan.
    """

    action: str
    reason: str
    draft: BookingDraft | None = None
    order_id: int | None = None
    digest: str | None = None
    reference: str = ""
    sent: State | None = None
    sent_version_at: datetime | None = None
    confirmation: str = ""
    unmapped: tuple[UUID, ...] = ()
    #: Our room types whose mapping only reads, which keeps this from being sent.
    unsent: tuple[UUID, ...] = ()
    quiet: bool = False
    #: Nothing is to be done because both sides agree.
    agreed: bool = False


def decide(link: Link, book: Book, mapping: ReservationMapping | None, reservation: Reservation | None) -> Plan:
    """Say what has to be done so that the broker agrees with the reservation as it is now."""
    if reservation is None:
        return Plan("nothing", "the reservation does not exist")
    if not link.may_write:
        return Plan("nothing", f"the connection is in {link.config.mode}, not live")
    if not link.config.sync_reservations_outbound:
        return Plan("nothing", "sending reservations is switched off")
    agreed = mapping.agreed_local if mapping else None
    local = local_state(reservation, book.products, agreed)
    if mapping is None or mapping.qloapps_order_id is None or mapping.agreed_remote is None:
        return _decide_unmade(book, mapping, reservation, local)
    return _decide_made(book, mapping, reservation, local)


def _decide_unmade(book: Book, mapping: ReservationMapping | None, reservation: Reservation, local: State) -> Plan:
    gone = local.cancelled or reservation.status == StayStatus.CHECKED_OUT
    if gone and mapping is None:
        return Plan("nothing", f"the reservation is {reservation.status} and was never sent")
    reference = mapping.reference if mapping else reservation.id.hex
    base = _base(mapping, reservation, local, reference)
    if gone:
        return replace(base, action="withdraw", reason="the reservation ended before it was known to be there")
    hindered = _hindered(book, reservation, local)
    if hindered is not None:
        return hindered
    draft = booking_draft(local, reservation, reservation.primary_guest, reference, None)
    return replace(base, action="create", reason="it is not there yet", draft=draft)


def _decide_made(book: Book, mapping: ReservationMapping, reservation: Reservation, local: State) -> Plan:
    agreed_local = State.from_json(mapping.agreed_local or {"cancelled": False, "rooms": {}})
    agreed_remote = State.from_json(mapping.agreed_remote or {"cancelled": False, "rooms": {}})
    if mapping.status == "gone":
        return _decide_gone(book, mapping, reservation, local)
    difference = changes(agreed_local.flat(), local.flat())
    if not difference:
        base = _base(mapping, reservation, local, mapping.reference)
        return replace(base, reason="nothing has changed since both sides agreed", agreed=True)
    reason = ", ".join(sorted({path.rsplit(".", 1)[-1] for path in difference}))
    base = replace(_base(mapping, reservation, local, mapping.reference), reason=reason)
    if local.cancelled and agreed_remote.cancelled:
        return replace(base, action="agree")
    hindered = _hindered(book, reservation, local, ALL if agreed_remote.cancelled else difference)
    if hindered is not None:
        return hindered
    if local.cancelled:
        return replace(base, action="cancel")
    if agreed_remote.cancelled:
        return _anew(base, mapping, reservation, local)
    facts = dict(agreed_remote.flat())
    for path, (_, value) in difference.items():
        if value is None:
            facts.pop(path, None)
        else:
            facts[path] = value
    wanted = State.from_flat(facts, {**local.rooms, **agreed_remote.rooms})
    draft = booking_draft(wanted, reservation, reservation.primary_guest, mapping.reference, None)
    return replace(base, action="amend", draft=draft)


def _decide_gone(book: Book, mapping: ReservationMapping, reservation: Reservation, local: State) -> Plan:
    """The broker no longer knows the booking: what still holds a room here is booked there anew."""
    base = replace(_base(mapping, reservation, local, mapping.reference), reason="it is no longer known there")
    if local.cancelled or reservation.status == StayStatus.CHECKED_OUT:
        return replace(base, action="agree")
    hindered = _hindered(book, reservation, local)
    if hindered is not None:
        return hindered
    return _anew(base, mapping, reservation, local)


def _anew(base: Plan, mapping: ReservationMapping, reservation: Reservation, local: State) -> Plan:
    """A booking that was cancelled never holds rooms again there; a new one is made under a new reference."""
    reference = f"{reservation.id.hex}.{mapping.generation + 1}"
    draft = booking_draft(local, reservation, reservation.primary_guest, reference, None)
    return replace(base, action="create", draft=draft, reference=reference, order_id=None)


def _hindered(book: Book, reservation: Reservation, local: State, difference: Collection[str] = ALL) -> Plan | None:
    """Return why the mappings do not let the difference be sent, None where they do."""
    lacking = {key for key, room in local.rooms.items() if isinstance(room["type"], str)}
    if lacking and not local.cancelled:
        kinds = [room.room_type_id for room in reservation.rooms if str(room.id) in lacking and room.room_type_id]
        return Plan("nothing", "a room type has no mapping", unmapped=tuple(dict.fromkeys(kinds)))
    unsent = _unsent(book, reservation, difference)
    if not unsent:
        return None
    # that a guest has arrived or left is no reason to sell the room there, so nobody need know that it was not said
    quiet = all(path.endswith(".status") for path in difference)
    return Plan("nothing", ONLY_READ, unsent=unsent, quiet=quiet, sent_version_at=reservation.updated_at)


def _unsent(book: Book, reservation: Reservation, difference: Collection[str]) -> tuple[UUID, ...]:
    """Return the types of the rooms that differ, all of them if the whole does, of which nothing is sent."""
    whole = not ALL.isdisjoint(difference)
    keys = {path.split(".")[1] for path in difference if path not in ALL}
    kinds = [room.room_type_id for room in reservation.rooms if whole or str(room.id) in keys]
    return tuple(dict.fromkeys(kind for kind in kinds if kind in book.unsent))


def _base(mapping: ReservationMapping | None, reservation: Reservation, local: State, reference: str) -> Plan:
    return Plan(
        action="nothing",
        reason="",
        order_id=mapping.qloapps_order_id if mapping else None,
        digest=mapping.remote_digest if mapping else None,
        reference=reference,
        sent=local,
        sent_version_at=reservation.updated_at,
        confirmation=reservation.confirmation,
    )
