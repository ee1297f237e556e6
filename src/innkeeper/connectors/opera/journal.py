"""Finds postings in OPERA Cloud's books: a guest's, the hotel's, and those of one charge wherever they were routed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from innkeeper.connectors.failures import CallFailed, read_outcome
from innkeeper.connectors.opera import mapper, wire
from innkeeper.connectors.opera.client import OperaClient, Page
from innkeeper.connectors.opera.errors import POLICY
from innkeeper.connectors.rest import Query
from innkeeper.domain.charge import ChargeLine, PostedLine, restored_reference, void_reference
from innkeeper.domain.charge_lines import covers
from innkeeper.domain.outcome import Later


class Journal:
    """Reads postings. Raises CallFailed. Nothing is ever filtered by reference on OPERA's side, see the README."""

    def __init__(self, client: OperaClient, hotel: str) -> None:
        self._client = client
        self._hotel = hotel

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
    ) -> list[wire.PostingRow]:
        """Return the rows of a charge, of its reversal and of what was put back: the guest's, else the hotel's too."""
        references = {reference, void_reference(reference), restored_reference(reference)}
        found: list[wire.PostingRow] = []
        for start, end in windows:
            try:
                rows = await self.of_guest(reservation_id, start, end)
            except CallFailed as failure:
                if isinstance(read_outcome(failure, POLICY), Later):
                    raise
                break  # not allowed to us, or the bill is gone: the hotel's journal holds the same lines
            found += [row for row in rows if row.reference in references]
        codes = sorted({line.code for line in lines if line.code})
        for start, end in windows:
            charged = [mapper.posted_line(row, "") for row in mapper.unique(found) if row.reference == reference]
            if covers(lines, charged):
                break
            found += [row for row in await self.of_hotel(start, end, codes) if row.reference in references]
        return mapper.unique(found)


def _between(start: date, end: date) -> Query:
    return [("startDate", start.isoformat()), ("endDate", end.isoformat())]


def _journal_page(body: object) -> Page:
    paging = body if isinstance(body, dict) else {}
    return wire.items(wire.dig(body, "journalPostings", "postings")), paging
