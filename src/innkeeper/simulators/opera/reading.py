"""Reading the books (csh.json): guests' transactions, the journal, folios, totals, transaction codes, check texts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from innkeeper.simulators.opera.errors import bad_query, bad_request, not_found
from innkeeper.simulators.opera.model import Posting
from innkeeper.simulators.opera.request import Request, money, page
from innkeeper.simulators.opera.state import HotelState
from innkeeper.simulators.opera.views import folio_information, journal_view

MAX_DAYS = 30


def transactions(state: HotelState, request: Request) -> dict[str, Any] | None:
    """getGuestsTransactions; None for 204."""
    request.known(
        "reservationList", "type", "idContext", "includeGenerates", "includeTransactionsWithFolioNo",
        "includeTransactionsWithARInvoiceNo", "transactionNo", "checkNumberWildCard", "referenceNumberWildCard",
        "trxCodeWildCard", "windowNo", "cashieringTransactionType", "startDate", "endDate", "cashierId",
    )  # fmt: skip
    wanted = request.many("reservationList")
    if not wanted:
        raise bad_query("reservationList is required")
    first, last = _days(request, date.min, date.max)
    asked, generates = _asked(request), request.flag("includeGenerates")
    information = []
    for reservation_id in wanted:
        reservation = state.reservations.get(reservation_id)
        if reservation is None:
            continue
        rows = [
            posting
            for posting in state.postings_of(reservation_id)
            if first <= posting.revenue_date <= last and asked(posting) and (generates or posting.generated_by is None)
        ]
        if rows:
            information.append(folio_information(state, reservation, rows, with_postings=True))
    return {"reservationFolioInformation": information} if information else None


def journal(state: HotelState, request: Request) -> dict[str, Any] | None:
    """getFinancialPostings; None for 204."""
    request.known(
        "limit", "offset", "startDate", "endDate", "cashierId", "filterTransactionCode", "filterRoomNumber",
        "referenceNumberWildCard", "checkNumberWildCard",
    )  # fmt: skip
    first, last = _days(request, state.business_date, state.business_date)
    asked, codes, rooms = _asked(request), request.many("filterTransactionCode"), request.many("filterRoomNumber")
    rows = [
        posting
        for posting in state.postings_between(first, last)
        if (not codes or posting.code in codes) and (not rooms or posting.room in rooms) and asked(posting)
    ]
    part, paging = page(rows, request, default=20, most=state.page_limit)
    if not part:
        return None
    total = sum((posting.amount for posting in rows), Decimal(0))
    return {
        "journalPostings": {
            "postings": [journal_view(posting, state) for posting in part],
            "totalForAllPages": money(total, state.currency),
            "totalEntriesCount": len(rows),
        },
        **paging,
    }


def _days(request: Request, first: date, last: date) -> tuple[date, date]:
    start, end = request.day("startDate") or first, request.day("endDate") or last
    if start > end or (request.one("startDate") and request.one("endDate") and end - start >= timedelta(days=MAX_DAYS)):
        raise bad_request(f"The time span must be at most {MAX_DAYS} days.")
    return start, end


def _asked(request: Request) -> Callable[[Posting], bool]:
    """Return whether the wild cards and the cashier fit a posting; a journal of thousands of rows is read in pages.

    The stored reference has its blank: an exact one does not fit it.
    """
    cashier = request.one("cashierId")
    names = ("referenceNumberWildCard", "checkNumberWildCard", "trxCodeWildCard")
    reference, check_no, code = (_pattern(request.one(name)) for name in names)
    if cashier is reference is check_no is code is None:
        return lambda _: True
    return lambda posting: (
        (reference is None or fnmatchcase(posting.reference, reference))
        and (check_no is None or fnmatchcase(posting.check_no, check_no))
        and (code is None or fnmatchcase(posting.code, code))
        and (cashier is None or cashier == str(posting.cashier_id))
    )


def _pattern(wild_card: str | None) -> str | None:
    return None if wild_card is None else wild_card.replace("%", "*")


def folio(state: HotelState, request: Request, reservation_id: str) -> dict[str, Any] | None:
    """getFolio. Postings come only with summaryOnly=false and their fetch instruction (seen in the field)."""
    request.known(
        "guestPayOnly", "includeFolioHistory", "reservationBalanceOnly", "fetchInstructions", "folioWindowNo", "limit",
        "offset", "start", "end", "summaryOnly",
    )  # fmt: skip
    wanted = request.chosen(
        "fetchInstructions",
        "Reservation Windowbalances Payment Payee Account Guestpay Notifications Transactioncodes Foliohistory "
        "Totalbalance Postings".split(),
    )
    reservation = state.reservations.get(reservation_id)
    if reservation is None:
        raise not_found("No reservation has this id.")
    windows = {int(number) for number in request.many("folioWindowNo") if number.isdigit()}
    rows = [p for p in state.postings_of(reservation_id) if not windows or p.window in windows]
    lines = (
        "Postings" in wanted and request.one("summaryOnly") == "false" and not request.flag("reservationBalanceOnly")
    )
    return {"reservationFolioInformation": folio_information(state, reservation, rows, with_postings=lines)}


def posting_summary(state: HotelState, request: Request) -> dict[str, Any] | None:
    """getPostingSummary; None for 204."""
    request.known(
        "includeGenerates", "postingDate", "checkPostings", "postingsByExternalSystem", "cashierId", "currency",
        "postingSummaryType",
    )  # fmt: skip
    day = request.day("postingDate") or state.business_date
    asked = _asked(request)
    rows = [p for p in state.postings_between(day, day) if not p.payment and asked(p)]
    if request.flag("checkPostings"):
        rows = [posting for posting in rows if posting.check_no]
    if not rows:
        return None
    summary = {
        "totalPostings": len(rows),
        "totalAmount": money(sum((posting.amount for posting in rows), Decimal(0)), state.currency),
        "totalCheckCount": len({posting.check_no for posting in rows if posting.check_no}),
    }
    return {"postingSummaries": [summary]}


def transaction_codes(state: HotelState, request: Request) -> dict[str, Any]:
    """getTransactionCodes."""
    request.known("includeArticles", "manualPostAllowed", "code", "description", "wildCard", "event")
    wanted = request.one("code")
    return {
        "trxCodes": [
            {
                "transactionCode": code.code,
                "description": code.description,
                "transactionGroup": code.group,
                "transactionSubGroup": code.sub_group,
                "hotelId": state.hotel_id,
            }
            for code in state.codes.values()
            if wanted in (None, code.code)
        ]
    }


def store_check(state: HotelState, request: Request, number: str) -> dict[str, Any]:
    """postGuestCheckDetails: keep the text of a check."""
    details = request.json().get("checkDetails")
    text = details.get("checkText") if isinstance(details, dict) else None
    if not isinstance(text, str) or len(text) > 32000:
        raise bad_request("checkDetails.checkText must be a text of at most 32000.", "checkDetails.checkText")
    state.checks[number] = text
    return {}


def check_text(state: HotelState, number: str) -> dict[str, Any] | None:
    """getCheckDetails; None for 204."""
    text = state.checks.get(number)
    return {"checkDetails": {"checkText": text}} if text is not None else None
