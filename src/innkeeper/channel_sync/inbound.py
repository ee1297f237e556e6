"""Reads what has changed at the broker, page by page; every booking is kept, one that cannot be is parked."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from time import perf_counter
from typing import Any, Self
from uuid import UUID

import structlog

from innkeeper.channel_sync import attention, repository
from innkeeper.channel_sync.absorb import absorb
from innkeeper.channel_sync.book import Book, open_book
from innkeeper.channel_sync.connection import Link
from innkeeper.channel_sync.logs import inbound_log, milliseconds_since
from innkeeper.channel_sync.newcomers import FEW, are_newcomers, store_newcomers
from innkeeper.channel_sync.result import SyncResult
from innkeeper.channel_sync.tables import SyncLog
from innkeeper.channel_sync.work import queue_refused
from innkeeper.domain.channel import ChangePage, ChannelBooking
from innkeeper.domain.errors import InnkeeperError
from innkeeper.domain.outcome import Done, Later, Outcome, Refused, Unknown
from innkeeper.domain.stay import StayStatus
from innkeeper.house import reservations
from innkeeper.storage.database import Tx

log = structlog.get_logger(__name__)

#: Bookings a page, and so a transaction; in a first import, where each costs little, the page is larger.
PAGE, FIRST_PAGE = 200, 1000


class _DryRun(Exception):
    """Ends the transaction of a dry run without a commit."""


@dataclasses.dataclass(frozen=True, slots=True)
class InboundOptions:
    """What a run shall read: everything again (`full`), from an instant on (`since`), at most `limit` bookings."""

    full: bool = False
    since: datetime | None = None
    limit: int | None = None
    dry_run: bool = False
    sync_state_id: UUID | None = None
    #: In a dry run, what looks at each page's bookings as they would be stored, before they are taken back.
    look: Callable[[Tx], Awaitable[None]] | None = None


async def run(link: Link, options: InboundOptions, result: SyncResult) -> Outcome[SyncResult]:
    """Read the changes page by page; each page and the cursor behind it are committed together.

    The outcome is Done with the counts, or what the broker answered when it could not be read any further; the pages
    before that are stored.
    """
    requests_before = link.connector.requests_made
    cursor = await _first_cursor(link, options)
    size = FIRST_PAGE if cursor is None and await _is_first(link) else PAGE
    keep_cursor = options.since is None and not options.dry_run
    async with _Ahead(link, options.limit, size) as pages:
        await pages.ask(cursor)
        while (answer := await pages.next()) is not None:
            if not isinstance(answer, Done):
                result.requests += link.connector.requests_made - requests_before
                return _failed(answer, result)
            page = answer.value
            if page.more:
                await pages.ask(page.cursor)
            await store_page(link, page, result, options, keep_cursor=keep_cursor)
        result.complete = result.complete and not pages.cut_short
    result.requests += link.connector.requests_made - requests_before
    return Done(result)


class _Ahead:
    """Fetches the next page while the present one is stored; what was fetched and not stored is fetched again later."""

    def __init__(self, link: Link, limit: int | None, size: int) -> None:
        self._link = link
        self._left, self._size = limit, size
        self._asked: asyncio.Task[Outcome[ChangePage]] | None = None
        #: Whether more was there than the limit allows.
        self.cut_short = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._asked is not None:
            self._asked.cancel()
            await asyncio.gather(self._asked, return_exceptions=True)

    async def ask(self, cursor: Mapping[str, Any] | None) -> None:
        """Begin to fetch the page behind the cursor, unless the limit is reached."""
        size = self._size if self._left is None else min(self._size, self._left)
        if size <= 0:
            self.cut_short = True
            return
        self._asked = asyncio.create_task(self._link.connector.changes(cursor, limit=size), name="next page")

    async def next(self) -> Outcome[ChangePage] | None:
        """Return the page that was asked for last, None when none was."""
        if self._asked is None:
            return None
        answer = await self._asked
        self._asked = None
        if self._left is not None and isinstance(answer, Done):
            self._left -= len(answer.value.bookings)
        return answer


async def store_page(
    link: Link, page: ChangePage, result: SyncResult, options: InboundOptions, *, keep_cursor: bool
) -> None:
    """Store a page in one transaction; if one booking cannot be stored, store the others and park that one."""
    if not page.bookings and not page.gone and not keep_cursor:
        return
    trial = SyncResult()
    try:
        # a long one: while its statements run in their thread, the next page comes and waiters are served
        async with link.database.write(long=True) as tx:
            book = await _absorb_all(tx, link, page.bookings, trial, options)
            await _close_parked(tx, link, page.bookings)
            await _note_gone(book, page.gone)
            if keep_cursor:
                await repository.keep_cursor(tx.session, link.property_id, dict(page.cursor))
            if options.dry_run:
                if options.look is not None:
                    await options.look(tx)
                raise _DryRun
    except _DryRun:
        result.add(trial)
    except Exception as error:  # noqa: BLE001  one booking must not keep the others out: it is found and parked
        log.warning("page_stored_one_by_one", error=type(error).__name__)
        await _store_one_by_one(link, page, result, options, keep_cursor=keep_cursor)
    else:
        result.add(trial)


async def _absorb_all(
    tx: Tx, link: Link, bookings: Sequence[ChannelBooking], result: SyncResult, options: InboundOptions
) -> Book:
    """Absorb the bookings in their order; new ones in a row are stored together."""
    book = await open_book(tx, link, bookings, options.sync_state_id)
    emptied = any(not booking.lines and booking.order_id not in book.by_order for booking in bookings)
    made_before = result.created
    told = zip(await are_newcomers(book, bookings), bookings, strict=True)
    done = 0
    for new, group in groupby(told, key=itemgetter(0)):
        some = [booking for _, booking in group]
        done += len(some)
        if new and len(some) >= FEW:
            await store_newcomers(book, some, result)
            if done < len(bookings):
                book = await open_book(tx, link, bookings[done:], options.sync_state_id)
            continue
        for booking in some:
            result.count(await absorb(book, booking, result))
    if result.created > made_before or (emptied and not options.full):
        # what a booking gave up before it was first seen, nobody can know
        await queue_refused(tx, link.property_id)
    return book


async def _store_one_by_one(
    link: Link, page: ChangePage, result: SyncResult, options: InboundOptions, *, keep_cursor: bool
) -> None:
    made_before = result.created
    for booking in page.bookings:
        begun = perf_counter()
        try:
            async with link.database.write() as tx:
                book = await open_book(tx, link, [booking], options.sync_state_id)
                operation = await absorb(book, booking, result)
                await attention.close_cause(tx, link.property_id, "unreadable_booking", str(booking.order_id))
                if options.dry_run:
                    raise _DryRun
        except _DryRun:
            result.count(operation)
        except Exception as error:
            detail = error.detail if isinstance(error, InnkeeperError) else type(error).__name__
            log.error("booking_parked", order_id=booking.order_id, error=type(error).__name__, exc_info=True)
            result.count("fail")
            result.fail(f"Booking {booking.order_id}: {detail}")
            await _park(link, booking, detail, options, milliseconds_since(begun))
        else:
            result.count(operation)
    async with link.database.write() as tx:
        book = await open_book(tx, link, [], options.sync_state_id)
        await _note_gone(book, page.gone)
        if result.created > made_before:
            await queue_refused(tx, link.property_id)
        if keep_cursor:
            await repository.keep_cursor(tx.session, link.property_id, dict(page.cursor))


async def _park(link: Link, booking: ChannelBooking, detail: str, options: InboundOptions, milliseconds: int) -> None:
    if options.dry_run:
        return
    async with link.database.write() as tx:
        await attention.open_cause(
            tx,
            link.property_id,
            "unreadable_booking",
            str(booking.order_id),
            order_id=booking.order_id,
            order=booking.order_id,
            detail=detail,
        )
        columns = inbound_log(
            link.property_id, booking, None, "skip", options.sync_state_id, milliseconds=milliseconds, error=detail
        )
        tx.session.add(SyncLog(**columns))


async def _close_parked(tx: Tx, link: Link, bookings: Sequence[ChannelBooking]) -> None:
    """Take back the word about bookings that could not be stored before and have been stored now."""
    parked = await repository.open_keys(tx.session, link.property_id, "unreadable_booking")
    for order_id in parked.intersection(str(booking.order_id) for booking in bookings):
        await attention.close_cause(tx, link.property_id, "unreadable_booking", order_id)


async def _note_gone(book: Book, order_ids: tuple[int, ...]) -> None:
    mappings = await repository.mappings_of_orders(book.tx.session, book.property_id, order_ids)
    for order_id, mapping in mappings.items():
        reservation = await reservations.load(book.tx.session, book.property_id, mapping.local_reservation_id)
        if reservation is None or reservation.status in (StayStatus.CANCELLED, StayStatus.CHECKED_OUT):
            continue
        mapping.status = "gone"
        await attention.open_cause(
            book.tx,
            book.property_id,
            "gone_at_channel",
            str(reservation.id),
            reservation_id=reservation.id,
            order_id=order_id,
            confirmation=reservation.confirmation,
        )


async def _first_cursor(link: Link, options: InboundOptions) -> Mapping[str, Any] | None:
    if options.since is not None:
        return link.connector.cursor_at(options.since)
    if options.full:
        return None
    async with link.database.read() as session:
        return await repository.cursor(session, link.property_id)


async def _is_first(link: Link) -> bool:
    """Whether no booking has been stored yet."""
    async with link.database.read() as session:
        return not await repository.has_mappings(session, link.property_id)


def _failed(answer: Refused | Later | Unknown, result: SyncResult) -> Refused | Later | Unknown:
    result.complete = False
    result.fail(answer.message if isinstance(answer, Refused) else answer.reason)
    return answer
