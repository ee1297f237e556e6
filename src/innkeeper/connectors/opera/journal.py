"""Finds postings in OPERA Cloud's books: a guest's, the hotel's, and those of one charge wherever they were routed."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from innkeeper.connectors.failures import CallFailed, read_outcome
from innkeeper.connectors.opera import mapper, wire
from innkeeper.connectors.opera.client import OperaClient, Page
from innkeeper.connectors.opera.errors import POLICY
from innkeeper.connectors.rest import Clock, Query
from innkeeper.domain.charge import ChargeLine, PostedLine, restored_reference, void_reference
from innkeeper.domain.charge_lines import covers
from innkeeper.domain.outcome import Later

Rows = list[wire.PostingRow]

#: For so long after its end a reading serves everybody whose charge cannot have changed since it began.
_SERVES = timedelta(seconds=20)


@dataclass(eq=False, slots=True)
class _Reading:
    """What is being read, or was read a moment ago."""

    begun_at: datetime
    rows: asyncio.Task[Rows]
    ended_at: datetime | None = None

    def serves(self, as_of: datetime, now: datetime) -> bool:
        failed = self.rows.done() and (self.rows.cancelled() or self.rows.exception() is not None)
        recent = self.ended_at is None or now - self.ended_at <= _SERVES
        return not failed and recent and self.begun_at > as_of


class Journal:
    """Reads postings. Raises CallFailed. Nothing is ever filtered by reference on OPERA's side, see the README.

    After an outage many charges are looked for in the same books, which have thousands of rows: what is read for one
    serves the others, as far as its age allows.
    """

    def __init__(self, client: OperaClient, hotel: str, clock: Clock) -> None:
        self._client = client
        self._hotel = hotel
        self._clock = clock
        #: By what is read: the reading that ended last, as long as it serves, and the one under way.
        self._readings: dict[Hashable, list[_Reading]] = {}
        #: All codes that a charge was looked for under, so that one reading serves every outlet.
        self._codes: set[str] = set()

    async def of_guest(self, reservation_id: str, start: date, end: date) -> list[wire.PostingRow]:
        """Return the postings on a guest's bill in at most 30 days (getGuestsTransactions)."""
        query = [
            ("reservationList", reservation_id),
            *_between(start, end),
            # charges that are on a printed folio or an invoice already are still charges
            ("includeTransactionsWithFolioNo", "true"),
            ("includeTransactionsWithARInvoiceNo", "true"),
        ]
        body = await self._client.get(wire.transactions_path(self._hotel), query)
        return [
            replace(row, reservation_id=row.reservation_id or reservation_id)
            for information in wire.items(wire.dig(body, "reservationFolioInformation"))
            for row in wire.folio_rows(information)
        ]

    async def of_hotel(self, start: date, end: date, codes: Sequence[str] = ()) -> list[wire.PostingRow]:
        """Return the postings of the hotel in at most 30 days, of these codes or of all (getFinancialPostings)."""
        query = [*_between(start, end), *(("filterTransactionCode", code) for code in codes)]
        rows = await self._client.rows(wire.financial_postings_path(self._hotel), query, _journal_page)
        return mapper.unique(map(wire.posting_row, rows))

    async def of_charge(
        self,
        reference: str,
        reservation_id: str,
        lines: Sequence[ChargeLine | PostedLine],
        windows: Sequence[tuple[date, date]],
        as_of: datetime | None = None,
    ) -> list[wire.PostingRow]:
        """Return the rows of a charge, of its reversal and of what was put back: the guest's, else the hotel's too.

        They are as they were at some moment after `as_of`; None reads them now.
        """
        references = {reference, void_reference(reference), restored_reference(reference)}
        found: list[wire.PostingRow] = []
        for start, end in windows:
            try:
                rows = await self._read(self.of_guest, (reservation_id, start, end), as_of)
            except CallFailed as failure:
                if isinstance(read_outcome(failure, POLICY), Later):
                    raise
                break  # not allowed to us, or the bill is gone: the hotel's journal holds the same lines
            found += [row for row in rows if row.reference in references]
        codes = {line.code for line in lines if line.code}
        if as_of is not None:
            self._codes |= codes
            codes = self._codes
        for start, end in windows:
            charged = [mapper.posted_line(row, "") for row in mapper.unique(found) if row.reference == reference]
            if covers(lines, charged):
                break
            rows = await self._read(self.of_hotel, (start, end, tuple(sorted(codes))), as_of)
            found += [row for row in rows if row.reference in references]
        return mapper.unique(found)

    async def _read(
        self, read: Callable[..., Coroutine[Any, Any, Rows]], what: tuple[Any, ...], as_of: datetime | None
    ) -> Rows:
        """Return what a reading that began after `as_of` has found; there is one of a kind at a time.

        It goes on when its asker gives up: in a hotel with thousands of postings a day it may take longer than one
        charge waits for it, and serves those who ask later.
        """
        if as_of is None:
            return await read(*what)
        key = (read.__name__, *what)
        readings = self._readings.setdefault(key, [])
        while not (serving := [one for one in readings if one.serves(as_of, self._clock())]):
            running = [one.rows for one in readings if not one.rows.done()]
            if not running:
                serving = [self._begin(key, read(*what))]
                break
            await asyncio.wait(running)
        return await asyncio.shield(serving[0].rows)

    def _begin(self, key: Hashable, reading: Coroutine[Any, Any, Rows]) -> _Reading:
        begun = _Reading(self._clock(), asyncio.create_task(reading))
        readings = self._readings.setdefault(key, [])
        readings.append(begun)

        def ended(task: asyncio.Task[Rows]) -> None:
            begun.ended_at = self._clock()
            if not task.cancelled():
                task.exception()  # those who wait get it; there may be nobody left
            readings[:] = [one for one in readings if one is begun or not one.rows.done()]
            asyncio.get_running_loop().call_later(_SERVES.total_seconds(), drop)

        def drop() -> None:
            if begun in readings:
                readings.remove(begun)
            if not readings:
                self._readings.pop(key, None)

        begun.rows.add_done_callback(ended)
        return begun

    async def aclose(self) -> None:
        """Stop reading."""
        running = [one.rows for readings in self._readings.values() for one in readings if not one.rows.done()]
        self._readings.clear()
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)


def _between(start: date, end: date) -> Query:
    return [("startDate", start.isoformat()), ("endDate", end.isoformat())]


def _journal_page(body: object) -> Page:
    paging = body if isinstance(body, dict) else {}
    return wire.items(wire.dig(body, "journalPostings", "postings")), paging
