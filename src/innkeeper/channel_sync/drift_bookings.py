"""Compares the bookings that both sides know, and finds the reservations that QloApps does not have."""

from datetime import date
from uuid import UUID

from innkeeper.channel_sync import ari_repository, repository
from innkeeper.channel_sync.agreement import differs_from_agreed
from innkeeper.channel_sync.book import Book, open_book
from innkeeper.channel_sync.connection import Link
from innkeeper.channel_sync.drift_found import Difference, Part
from innkeeper.channel_sync.tables import DriftSweep, ReservationMapping
from innkeeper.channel_sync.work import queue_pull, queue_push
from innkeeper.domain.channel import ChannelBooking
from innkeeper.domain.outcome import Done, Outcome
from innkeeper.domain.stay import StayStatus
from innkeeper.house import properties, reservations
from innkeeper.house.tables import Reservation
from innkeeper.storage.database import Tx

#: Bookings compared in one step: three requests.
BOOKINGS_A_STEP = 200


async def compare_bookings(link: Link, sweep: DriftSweep) -> Outcome[Part]:
    """Compare the next bookings that both sides know; after the last of them, those that are only here."""
    after = int(sweep.position["after"])
    async with link.database.read() as session:
        house = await properties.get(session, link.property_id)
        mappings = await ari_repository.mapped_orders(
            session, link.property_id, house.business_date, after, BOOKINGS_A_STEP
        )
    if not mappings:
        return Done((await _unsent(link, sweep, house.business_date), None))
    answer = await link.connector.bookings([mapping.qloapps_order_id or 0 for mapping in mappings])
    if not isinstance(answer, Done):
        return answer
    there = {booking.order_id: booking for booking in answer.value}
    found: list[Difference] = []
    async with link.database.write() as tx:
        book = await open_book(tx, link, [])
        for mapping in mappings:
            reservation = await reservations.load(tx.session, link.property_id, mapping.local_reservation_id)
            if reservation is None:
                continue
            booking = there.get(mapping.qloapps_order_id or 0)
            changed_here = differs_from_agreed(book, mapping, reservation)
            ended = reservation.status in (StayStatus.CANCELLED, StayStatus.CHECKED_OUT)
            difference = _compare(mapping, booking, reservation.confirmation, changed_here=changed_here, ended=ended)
            if difference is None:
                continue
            if difference["kind"] == "booking_changed_here" and _is_only_read(book, reservation):
                difference |= _ONLY_READ
            found.append(difference)
            if sweep.heal and link.may_write:
                await _heal(tx, link, mapping, difference)
    sweep.bookings += len(mappings)
    return Done((found, {"phase": "bookings", "after": mappings[-1].qloapps_order_id}))


def _compare(
    mapping: ReservationMapping, booking: ChannelBooking | None, confirmation: str, *, changed_here: bool, ended: bool
) -> Difference | None:
    """Return how the two sides differ, None when they do not."""
    base = {
        "subject": f"order:{mapping.qloapps_order_id}",
        "reservation_id": str(mapping.local_reservation_id),
        "confirmation": confirmation,
        "qloapps_order_id": mapping.qloapps_order_id,
    }
    if booking is None:
        if ended:
            return None
        sentence = "QloApps no longer knows the booking; it still stands here."
        return {
            **base,
            "kind": "booking_gone",
            "what": sentence,
            "healing": "Asks: cancel it here, or send it again.",
        } | {"heals": False}
    if booking.digest != mapping.remote_digest:
        sentence = "It changed in QloApps and that has not been read yet."
        return {**base, "kind": "booking_changed_there", "what": sentence, "healing": "Reads it.", "heals": True}
    if changed_here:
        sentence = "It changed here and that has not been sent yet."
        why = {"refused": "QloApps refused it.", "in_doubt": "Whether QloApps has it is being found out."}
        return {
            **base,
            "kind": "booking_changed_here",
            "what": sentence,
            "why": why.get(mapping.status, ""),
            "healing": "Sends it.",
            "heals": True,
        }
    return None


#: What is said of a reservation that is not sent because of its mapping.
_ONLY_READ: Difference = {
    "why": "The mapping of its room type only reads.",
    "healing": "None: map the room type both ways if QloApps shall have it.",
    "heals": False,
}


def _is_only_read(book: Book, reservation: Reservation) -> bool:
    return any(room.room_type_id in book.unsent for room in reservation.rooms)


async def _heal(tx: Tx, link: Link, mapping: ReservationMapping, difference: Difference) -> None:
    if difference["kind"] == "booking_changed_there" and mapping.qloapps_order_id is not None:
        await queue_pull(tx, link.property_id, mapping.qloapps_order_id)
    elif difference["kind"] == "booking_changed_here" and difference["heals"]:
        await queue_push(tx, link.property_id, mapping.local_reservation_id)


async def _unsent(link: Link, sweep: DriftSweep, since: date) -> list[Difference]:
    """Return the reservations that QloApps does not have."""
    async with link.database.write() as tx:
        waiting = await repository.unsent_reservations(tx.session, link.property_id, since)
        names = await repository.confirmations(tx.session, waiting)
        book = await open_book(tx, link, [])
        only_read = await ari_repository.reservations_of_types(tx.session, waiting, book.unsent)
        heals = sweep.heal and link.may_write and link.config.sync_reservations_outbound
        sendable = [one for one in waiting if one not in only_read] if heals else []
        for reservation_id in sendable:
            await queue_push(tx, link.property_id, reservation_id)
    return [
        {
            "kind": "booking_missing_there",
            "subject": f"reservation:{reservation_id}",
            "reservation_id": str(reservation_id),
            "confirmation": names.get(reservation_id, ""),
            "what": "QloApps does not have it.",
            "healing": "Sends it.",
            "heals": True,
            **(_ONLY_READ if reservation_id in only_read else {}),
        }
        for reservation_id in waiting
    ]


async def count_healed_bookings(link: Link, sweep: DriftSweep) -> Outcome[Part]:
    """Look once more at the bookings that were sent or read meanwhile, and count those on which both sides agree."""
    todo = [one for one in sweep.differences if one["kind"].startswith("booking_") and one["heals"]]
    if not todo or not sweep.heal:
        return Done(([], None))
    ours = [UUID(one["reservation_id"]) for one in todo if "reservation_id" in one]
    orders = [one["qloapps_order_id"] for one in todo if "reservation_id" not in one]
    async with link.database.read() as session:
        mappings = await ari_repository.sent_mappings(session, link.property_id, ours, orders)
    answer = await link.connector.bookings([mapping.qloapps_order_id or 0 for mapping in mappings])
    if not isinstance(answer, Done):
        return answer
    there = {booking.order_id: booking for booking in answer.value}
    async with link.database.write() as tx:
        book = await open_book(tx, link, [])
        for mapping in mappings:
            reservation = await reservations.load(tx.session, link.property_id, mapping.local_reservation_id)
            booking = there.get(mapping.qloapps_order_id or 0)
            if reservation is not None and booking is not None and booking.digest == mapping.remote_digest:
                sweep.healed += not differs_from_agreed(book, mapping, reservation)
    return Done(([], None))
