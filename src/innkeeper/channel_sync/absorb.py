"""Takes one booking of the broker into the house: new, changed, cancelled, brought back, or our own."""

import dataclasses
from collections.abc import Mapping
from time import perf_counter
from typing import Any
from uuid import UUID

from innkeeper.channel_sync import attention, repository
from innkeeper.channel_sync.agreement import (
    differs_from_agreed,
    first_agreed,
    keep_agreed,
    name_lines,
    new_ids,
    note_remote,
    remote_columns,
    renamed,
    settle_found,
    start_new_generation,
)
from innkeeper.channel_sync.book import Book
from innkeeper.channel_sync.conflict_words import asked_sentence
from innkeeper.channel_sync.conflicts import Merge, merge
from innkeeper.channel_sync.customers import ORIGIN, guest_of, is_erased
from innkeeper.channel_sync.drafts import house_draft, new_key
from innkeeper.channel_sync.logs import conflict_document, decisions, guest_decision, inbound_log, milliseconds_since
from innkeeper.channel_sync.result import SyncResult
from innkeeper.channel_sync.states import State, frees_rooms, local_state, remote_state
from innkeeper.channel_sync.tables import ReservationMapping, SyncLog
from innkeeper.channel_sync.work import queue_details, queue_push, queue_refused
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.channel import BookingState, ChannelBooking
from innkeeper.domain.stay import StayStatus
from innkeeper.house import reservations
from innkeeper.house.tables import Reservation


async def absorb(book: Book, booking: ChannelBooking, result: SyncResult) -> str:
    """Store one booking and return what was done: create, update, conflict or skip."""
    book.begun, book.at_once = perf_counter(), 1
    mapping = book.by_order.get(booking.order_id)
    if mapping is None and booking.our_reference is not None:
        mapping = book.by_reference.get(booking.our_reference)
        if mapping is not None and mapping.qloapps_order_id is None:
            return await adopt(book, mapping, booking)
        if mapping is not None:
            return await _note_double(book, mapping.local_reservation_id, mapping.qloapps_order_id, booking)
    if mapping is None:
        former = await repository.former_order(book.tx.session, book.property_id, booking.order_id)
        if former is not None:
            return await _note_double(book, former.reservation_id, None, booking)
        if not booking.lines:
            return "skip"  # every room of it was deleted before we knew it: nobody can tell what was booked
        return await _create(book, booking, result)
    if mapping.remote_digest == booking.digest and mapping.status != "gone":
        return "skip"
    return await _update(book, mapping, booking, result)


async def adopt(book: Book, mapping: ReservationMapping, booking: ChannelBooking) -> str:
    """Recognise a booking that we made ourselves and whose answer was lost.

    What stands there is what was sent then; where the house has changed since, the difference is sent by the next
    push, which is queued here.
    """
    reservation = await reservations.load(book.tx.session, book.property_id, mapping.local_reservation_id)
    if reservation is None:
        return "skip"
    settle_found(book, mapping, reservation, booking)
    for kind in ("in_doubt", "refused_booking"):  # a proxy that sent it twice told us of the second time
        await attention.close_cause(book.tx, book.property_id, kind, str(reservation.id))
    await queue_push(book.tx, book.property_id, reservation.id)
    _write_log(book, booking, reservation.id, "update", {"decision": "recognised our own booking by its reference"})
    return "update"


async def _note_double(book: Book, reservation_id: UUID, first: int | None, booking: ChannelBooking) -> str:
    """A second booking of one reservation is nobody's stay; it holds a room until a person cancels it there.

    That is a copy under the same reference, or an earlier booking whose rooms were brought back after a new one was
    made.
    """
    if first is None:
        mapping = await repository.mapping_of_reservation(book.tx.session, book.property_id, reservation_id)
        first = mapping.qloapps_order_id if mapping else None
    if booking.state is BookingState.OPEN and booking.held:
        await attention.open_cause(
            book.tx,
            book.property_id,
            "double_there",
            str(booking.order_id),
            reservation_id=reservation_id,
            order_id=booking.order_id,
            order=booking.order_id,
            first=first or "that is being made",
        )
    else:
        await attention.close_cause(book.tx, book.property_id, "double_there", str(booking.order_id))
    return "skip"


async def _create(book: Book, booking: ChannelBooking, result: SyncResult) -> str:
    guest_id = await guest_of(book, booking)
    keys = {line.line_id: new_key(line.line_id) for line in booking.lines}
    remote = remote_state(booking, keys)
    draft = house_draft(remote, booking, guest_id, book.types, None, book.products)
    reservation = await reservations.create(book.tx, book.property_id, draft, origin=ORIGIN, force=True)
    await book.tx.session.flush()  # the mapping points at the reservation's row
    mapping = ReservationMapping(**new_mapping(book, booking, reservation, remote))
    book.tx.session.add(mapping)
    book.by_order[booking.order_id] = mapping
    await _mark(book, booking, reservation)
    await queue_details(book.tx, book.property_id, booking.order_id)
    book.tx.session.add(SyncLog(**creation_log(book, booking, reservation)))
    result.act(action="create", order_id=booking.order_id, reservation=reservation.confirmation)
    return "create"


def new_mapping(book: Book, booking: ChannelBooking, reservation: Reservation, remote: State) -> dict[str, Any]:
    """Return the columns of the mapping of a booking that has just become a reservation."""
    remote = renamed(remote, new_ids(remote, reservation, set()))
    return {
        "property_id": book.property_id,
        "local_reservation_id": reservation.id,
        "reference": booking.our_reference or reservation.id.hex,
        "source": "ota" if booking.channel else "qloapps",
        "status": "synced",
        "agreed_local": first_agreed(local_state(reservation, book.products, remote.to_json()), remote),
        "last_local_update": reservation.updated_at,
        **remote_columns(booking, remote, reservation.updated_at),
    }


def creation_log(book: Book, booking: ChannelBooking, reservation: Reservation) -> dict[str, Any]:
    """Return the columns of the row that says that a booking became a reservation."""
    return _log(book, booking, reservation.id, "create", {"flags": list(reservation.flags)})


async def _update(book: Book, mapping: ReservationMapping, booking: ChannelBooking, result: SyncResult) -> str:
    reservation = await reservations.load(book.tx.session, book.property_id, mapping.local_reservation_id)
    if reservation is None or mapping.agreed_local is None or mapping.agreed_remote is None:
        return await adopt(book, mapping, booking)
    agreed_remote = State.from_json(mapping.agreed_remote)
    remote = remote_state(booking, name_lines(booking, agreed_remote.rooms))
    local = local_state(reservation, book.products, mapping.agreed_local)
    outcome = merge(
        State.from_json(mapping.agreed_local),
        local,
        agreed_remote,
        remote,
        book.config.conflict_policy,
        (reservation.updated_at, booking.updated_at),
    )
    if booking.customer is not None:
        await guest_of(book, booking, known=True)
    known = {str(room.id) for room in reservation.rooms}
    changed = await _apply(book, booking, reservation, outcome)
    rename = new_ids(outcome.state, changed, known)
    keep_agreed(book, mapping, changed, outcome, rename)
    note_remote(mapping, booking, renamed(remote, rename))
    if frees_rooms(agreed_remote, remote):
        await queue_refused(book.tx, book.property_id)
    await _mark(book, booking, changed)
    await _settle_conflicts(book, mapping, booking, changed, outcome)
    await _settle_status(book, mapping, changed)
    operation = "conflict" if outcome.conflicts else "update" if outcome.taken else "skip"
    if operation != "skip":
        _write_log(book, booking, changed.id, operation, {**decisions(outcome), "flags": list(changed.flags)})
        result.act(action=operation, order_id=booking.order_id, reservation=changed.confirmation)
    await queue_details(book.tx, book.property_id, booking.order_id)
    return operation


async def _apply(book: Book, booking: ChannelBooking, reservation: Reservation, outcome: Merge) -> Reservation:
    """Make the reservation what the merge says."""
    if outcome.state.cancelled or not outcome.state.rooms:
        # Each side gave up rooms that the other still held: nothing is left of the stay.
        if reservation.status == StayStatus.CANCELLED:
            return reservation
        return await reservations.cancel(book.tx, book.property_id, reservation.id, origin=ORIGIN, force=True)
    if not outcome.taken and reservation.prepaid_amount == booking.paid:
        return reservation
    guest_id = reservation.primary_guest_id
    draft = house_draft(outcome.state, booking, guest_id, book.types, reservation, book.products)
    if not any(path.endswith((".amount", ".held")) for path in outcome.taken):
        draft = dataclasses.replace(draft, total_amount=reservation.total_amount)
    return await reservations.change(book.tx, book.property_id, reservation.id, draft, origin=ORIGIN, force=True)


async def _mark(book: Book, booking: ChannelBooking, reservation: Reservation) -> None:
    """Open or close the causes that follow from the booking as it now is."""
    tx, key = book.tx, str(reservation.id)
    facts = {"reservation_id": reservation.id, "order_id": booking.order_id}
    held = reservation.status != StayStatus.CANCELLED
    for line in booking.held:
        cause = typeless_cause(book, line.room_type_id)
        # a booking of ours has its rooms here, whichever way the mapping leads
        if cause is not None and (line.room_type_id not in book.unread or "unmapped" in reservation.flags):
            await attention.open_cause(tx, book.property_id, cause, str(line.room_type_id), name=line.room_type_name)
    await _open_or_close(book, "overbooked", key, held and "overbooked" in reservation.flags, reservation, facts)
    foreign = held and booking.currency != book.currency
    await _open_or_close(book, "foreign_currency", key, foreign, reservation, {**facts, "currency": booking.currency})
    halfway = not held and booking.state is BookingState.OPEN and not booking.held and bool(booking.lines)
    await _open_or_close(book, "reopened_without_rooms", key, halfway, reservation, facts)
    add = frozenset({"foreign_currency"} if foreign else set()) | ({"reopened_without_rooms"} if halfway else set())
    remove = frozenset({"foreign_currency", "reopened_without_rooms", "gone_at_channel"}) - add
    if add - set(reservation.flags) or remove & set(reservation.flags):
        await reservations.set_flags(tx, book.property_id, reservation.id, add=add, remove=remove, origin=ORIGIN)


def typeless_cause(book: Book, room_type_id: int) -> str | None:
    """Return the cause that keeps bookings of this type of theirs from taking rooms here, None where they do."""
    if room_type_id in book.types:
        return None
    return "outbound_only_type" if room_type_id in book.unread else "unmapped_room_type"


async def _open_or_close(
    book: Book, kind: str, key: str, wanted: bool, reservation: Reservation, facts: Mapping[str, Any]
) -> None:
    if wanted:
        await attention.open_cause(book.tx, book.property_id, kind, key, confirmation=reservation.confirmation, **facts)
    else:
        await attention.close_cause(book.tx, book.property_id, kind, key)


async def _settle_conflicts(
    book: Book, mapping: ReservationMapping, booking: ChannelBooking, reservation: Reservation, outcome: Merge
) -> None:
    """Keep what a person must decide, send what the house won, and book anew for a guest who has arrived."""
    asked = [conflict for conflict in outcome.conflicts if conflict.winner is None]
    if asked:
        mapping.has_conflict = True
        mapping.conflict_data = {
            "fields": [conflict_document(c) for c in asked],
            "at": utc_now().isoformat(),
            "theirs_at": booking.updated_at.isoformat(),
        }
        names = await repository.type_names(book.tx.session, book.property_id)
        detail = " ".join(asked_sentence(conflict_document(c), reservation.currency, names) for c in asked)
        await attention.open_cause(
            book.tx,
            book.property_id,
            "conflict",
            str(reservation.id),
            reservation_id=reservation.id,
            order_id=booking.order_id,
            confirmation=reservation.confirmation,
            detail=detail,
        )
    if outcome.guest_in_house:
        await attention.open_cause(
            book.tx,
            book.property_id,
            "guest_in_house",
            str(reservation.id),
            reservation_id=reservation.id,
            order_id=booking.order_id,
            confirmation=reservation.confirmation,
        )
        gone = booking.state is not BookingState.OPEN or not booking.held
        if gone and reservation.status == StayStatus.CHECKED_IN:
            start_new_generation(book.tx.session, mapping)
    if outcome.conflicts or outcome.guest_in_house or differs_from_agreed(book, mapping, reservation):
        await queue_push(book.tx, book.property_id, reservation.id)


async def _settle_status(book: Book, mapping: ReservationMapping, reservation: Reservation) -> None:
    """A booking that is there is not gone; and what was refused may be wanted no more, which the push finds out."""
    if mapping.status == "gone":
        mapping.status = "synced"
        await attention.close_cause(book.tx, book.property_id, "gone_at_channel", str(reservation.id))
    if mapping.status == "refused":
        await queue_push(book.tx, book.property_id, reservation.id)


def _write_log(book: Book, booking: ChannelBooking, local_id: UUID, operation: str, decision: dict[str, Any]) -> None:
    book.tx.session.add(SyncLog(**_log(book, booking, local_id, operation, decision)))


def _log(
    book: Book, booking: ChannelBooking, local_id: UUID, operation: str, decision: dict[str, Any]
) -> dict[str, Any]:
    customer = book.customers.get(booking.customer.customer_id) if booking.customer else None
    kept = customer is None or not is_erased(customer)
    took = milliseconds_since(book.begun) // book.at_once
    columns = inbound_log(
        book.property_id, booking, local_id, operation, book.sync_state_id, milliseconds=took, with_guest=kept
    )
    return {**columns, "response_data": {**decision, **guest_decision(customer)}}
