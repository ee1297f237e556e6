"""Stores many new bookings at once: the first import brings nothing else, and one after the other it takes hours."""

from collections import Counter
from collections.abc import Sequence
from time import perf_counter

from innkeeper.channel_sync import attention, repository
from innkeeper.channel_sync.absorb import creation_log, new_mapping, typeless_cause
from innkeeper.channel_sync.book import Book
from innkeeper.channel_sync.customers import ORIGIN, guests_of, seen
from innkeeper.channel_sync.drafts import house_draft, new_key
from innkeeper.channel_sync.result import SyncResult
from innkeeper.channel_sync.states import remote_state
from innkeeper.channel_sync.tables import ReservationMapping, SyncLog
from innkeeper.channel_sync.work import queue_all_details
from innkeeper.domain.channel import BookingState, ChannelBooking
from innkeeper.domain.stay import StayStatus
from innkeeper.house import reservations
from innkeeper.house.tables import Reservation
from innkeeper.storage.bulk import insert_all

#: Fewer than this are stored one by one: the statements for many cost more than they save.
FEW = 8


async def are_newcomers(book: Book, bookings: Sequence[ChannelBooking]) -> list[bool]:
    """Say of each booking whether it is new and nothing has to be decided about it."""
    orders = await repository.former_orders(book.tx.session, book.property_id, [b.order_id for b in bookings])
    orders |= book.by_order.keys()
    references = set(book.by_reference)
    customers = {customer_id: mapping.last_seen for customer_id, mapping in book.customers.items()}
    answer = []
    for booking in bookings:
        reference, customer = booking.our_reference, booking.customer
        new = booking.order_id not in orders and reference not in references
        if customer is not None:
            new = new and customers.setdefault(customer.customer_id, seen(customer)) == seen(customer)
        orders.add(booking.order_id)
        if reference is not None:
            references.add(reference)
        answer.append(new and _is_plain(book, booking))
    return answer


async def store_newcomers(book: Book, bookings: Sequence[ChannelBooking], result: SyncResult) -> None:
    """Store bookings that `are_newcomers`, each as `absorb` would; the session does not know the new rows.

    Whoever goes on with the page opens the book anew.
    """
    book.begun, book.at_once = perf_counter(), len(bookings)
    guests = await guests_of(book, bookings)
    remotes = [remote_state(b, {line.line_id: new_key(line.line_id) for line in b.lines}) for b in bookings]
    drafts = [
        house_draft(remote, booking, guest_id, book.types, None, book.products)
        for remote, booking, guest_id in zip(remotes, bookings, guests, strict=True)
    ]
    made = await reservations.create_many(book.tx, book.property_id, drafts, origin=ORIGIN)
    session = book.tx.session
    stored = list(zip(bookings, made, remotes, strict=True))
    mappings = (new_mapping(book, booking, reservation, remote) for booking, reservation, remote in stored)
    await insert_all(session, [ReservationMapping.loose(**columns) for columns in mappings])
    logs = (creation_log(book, booking, reservation) for booking, reservation, _ in stored)
    await insert_all(session, [SyncLog.loose(**columns) for columns in logs])
    await queue_all_details(book.tx, book.property_id, [b.order_id for b in bookings])
    await _open_causes(book, bookings, made)
    for booking, reservation, _ in stored:
        result.act(action="create", order_id=booking.order_id, reservation=reservation.confirmation)
        result.count("create")


async def _open_causes(book: Book, bookings: Sequence[ChannelBooking], made: Sequence[Reservation]) -> None:
    """Tell what a person must know; a reservation made just now has nothing that could be closed."""
    tx, property_id = book.tx, book.property_id
    typeless = Counter(
        (cause, line.room_type_id, line.room_type_name)
        for booking in bookings
        for line in booking.held
        if (cause := typeless_cause(book, line.room_type_id)) is not None
    )
    for (cause, room_type_id, name), times in typeless.items():
        await attention.open_cause(tx, property_id, cause, str(room_type_id), times=times, name=name)
    overbooked = [
        (reservation.id, booking.order_id, {"confirmation": reservation.confirmation})
        for booking, reservation in zip(bookings, made, strict=True)
        if "overbooked" in reservation.flags and reservation.status != StayStatus.CANCELLED
    ]
    await attention.open_for_new(tx, property_id, "overbooked", overbooked)


def _is_plain(book: Book, booking: ChannelBooking) -> bool:
    """Whether no guest is in house, the currency is the house's, and no cancelled booking was half brought back."""
    halfway = booking.state is BookingState.OPEN and not booking.held
    inside = any(line.status is StayStatus.CHECKED_IN for line in booking.lines)
    return bool(booking.lines) and booking.currency == book.currency and not halfway and not inside
