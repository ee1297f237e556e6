"""Reads a logged message once more with today's code, in a transaction that is never committed, and tells what came."""

from typing import Any, NoReturn
from uuid import UUID

from sqlalchemy import event
from sqlalchemy.orm import Session, UOWTransaction

from innkeeper.channel_sync import log_repository, repository
from innkeeper.channel_sync.absorb import absorb
from innkeeper.channel_sync.book import Book, open_book
from innkeeper.channel_sync.connection import Channels, Link
from innkeeper.channel_sync.customers import ORIGIN, is_erased
from innkeeper.channel_sync.messages import booking_of, customer_of, is_whole
from innkeeper.channel_sync.result import SyncResult
from innkeeper.channel_sync.states import State, changes, local_state
from innkeeper.channel_sync.tables import Attention, FormerOrder, SyncLog
from innkeeper.domain.channel import ChannelBooking, ChannelCustomer
from innkeeper.domain.errors import InnkeeperError, NotFound, RuleRefused
from innkeeper.domain.stay import StayStatus
from innkeeper.house import reservations
from innkeeper.storage.database import Tx


class _Undone(Exception):
    """Ends the transaction of a replay without a commit."""


class _Witness:
    """Notes every row that the session writes while it is watched."""

    def __init__(self, tx: Tx) -> None:
        self._session = tx.session.sync_session
        self.rows: dict[tuple[str, str], dict[str, str]] = {}
        self.logs: list[SyncLog] = []
        self.causes: list[Attention] = []
        event.listen(self._session, "after_flush", self._note)

    def _note(self, session: Session, _context: UOWTransaction) -> None:
        written = [("insert", row) for row in session.new]
        written += [("update", row) for row in session.dirty if session.is_modified(row)]
        written += [("delete", row) for row in session.deleted]
        for what, row in written:
            key = (row.__tablename__, str(getattr(row, "id", "")))
            self.rows.setdefault(key, {"table": key[0], "id": key[1], "what": what})
            if isinstance(row, SyncLog):
                self.logs.append(row)
            if isinstance(row, Attention) and row not in self.causes:
                self.causes.append(row)

    def stop(self) -> None:
        """Watch no longer."""
        event.remove(self._session, "after_flush", self._note)


async def replay(channels: Channels, property_id: UUID, log_id: UUID, *, as_new: bool = False) -> dict[str, Any]:
    """Return what would be done now if the message came in again; nothing is written and nothing is asked of QloApps.

    `as_new` forgets, inside the same transaction, that the booking and its customer are known, so that the first
    decisions are made anew: who the guest is, which flags it gets. Raises NotFound; RuleRefused for a row that holds no
    whole message.
    """
    link = await channels.link(property_id)
    async with channels.database.read() as session:
        log = await log_repository.sync_log(session, property_id, log_id)
        if log is None:
            raise NotFound("There is no such row in the log.")
        message = _message(log)
        customer, whose = await _customer(session, property_id, message, log.personal)
    report: dict[str, Any] = {
        "log_id": str(log.id),
        "order_id": log.qloapps_entity_id,
        "then": {"at": log.created_at.isoformat(), "operation": log.operation, "decision": log.response_data or {}},
        "as_new": as_new,
        "guest_data": whose,
    }
    try:
        async with channels.database.write() as tx:
            report["now"] = await _play(tx, link, booking_of(message, customer), as_new=as_new)
            _undo()
    except _Undone:
        pass
    except InnkeeperError as error:
        report["now"] = {"operation": "park", "reason": error.detail}
    except Exception as error:  # noqa: BLE001  what would park the booking is the answer that was asked for
        report["now"] = {"operation": "park", "reason": type(error).__name__}
    return report


def _undo() -> NoReturn:
    raise _Undone


def _message(log: SyncLog) -> dict[str, Any]:
    if log.direction != "inbound" or log.entity_type != "reservation":
        raise RuleRefused(
            "This row tells of something that was sent.",
            code="NOT_INBOUND",
            action="Choose a row whose direction is inbound: only what came in can come in again.",
        )
    if log.request_data is None or not is_whole(log.request_data):
        raise RuleRefused(
            "This row was written by a release that did not keep messages whole.",
            code="MESSAGE_NOT_WHOLE",
            action="Fetch the booking with POST /api/qloapps/bookings/{id}/pull.",
        )
    return log.request_data


async def _customer(
    session: Any, property_id: UUID, message: dict[str, Any], personal: dict[str, Any] | None
) -> tuple[ChannelCustomer | None, str]:
    """Return the guest of the message, and whether he is the logged one, the one last seen, or forgotten."""
    number = message["customer_id"]
    if number is None:
        return None, "none"
    if personal is not None:
        return customer_of(number, personal), "as logged"
    known = (await repository.customer_mappings(session, property_id, [number])).get(number)
    if known is None or is_erased(known):
        return None, "forgotten"
    return customer_of(number, known.last_seen), "as last seen"


async def _play(tx: Tx, link: Link, booking: ChannelBooking, *, as_new: bool) -> dict[str, Any]:
    book = await open_book(tx, link, [booking])
    if as_new:
        await _forget(book, booking)
    before = await _state(book, booking)
    waiting = await log_repository.queued_jobs(tx.session, link.property_id)
    witness = _Witness(tx)
    try:
        operation = await absorb(book, booking, SyncResult(dry_run=True))
        await tx.finish()
        await tx.session.flush()
    finally:
        witness.stop()
    after = await _state(book, booking)
    jobs = await log_repository.queued_jobs(tx.session, link.property_id) - waiting
    return {
        "operation": operation,
        "reason": "" if witness.rows else "What QloApps says is what was last taken in, or nobody's stay.",
        "decision": (witness.logs[-1].response_data or {}) if witness.logs else {},
        "changes": [
            {"fact": path, "before": old, "after": new}
            for path, (old, new) in changes(before.flat() if before else {}, after.flat() if after else {}).items()
        ],
        "attention": [
            {"kind": cause.kind, "title": cause.title, "would": "close" if cause.closed_at else "open"}
            for cause in witness.causes
        ],
        "would_write": sorted(witness.rows.values(), key=lambda row: (row["table"], row["id"])),
        "would_queue": [{"kind": kind, "key": key} for kind, key in sorted(jobs)],
    }


async def _forget(book: Book, booking: ChannelBooking) -> None:
    """Make the booking and its customer unknown, and give the rooms of its reservation back."""
    session = book.tx.session
    mapping = book.by_order.pop(booking.order_id, None)
    if mapping is not None:
        reservation = await reservations.load(session, book.property_id, mapping.local_reservation_id)
        if reservation is not None and StayStatus(reservation.status).holds_inventory:
            await reservations.cancel(book.tx, book.property_id, reservation.id, origin=ORIGIN, force=True)
        book.by_reference.pop(mapping.reference, None)
        await session.delete(mapping)
    former = await session.get(FormerOrder, (book.property_id, booking.order_id))
    if former is not None:
        await session.delete(former)
    customer = book.customers.pop(booking.customer.customer_id, None) if booking.customer else None
    if customer is not None:
        await session.delete(customer)
    await session.flush()


async def _state(book: Book, booking: ChannelBooking) -> State | None:
    """Return what the house holds of the booking."""
    mappings = await repository.mappings_of_orders(book.tx.session, book.property_id, [booking.order_id])
    mapping = mappings.get(booking.order_id)
    if mapping is None:
        return None
    reservation = await reservations.load(book.tx.session, book.property_id, mapping.local_reservation_id)
    return local_state(reservation, book.products, mapping.agreed_local) if reservation else None
