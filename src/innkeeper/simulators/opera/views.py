"""Postings and folios as the answers of csh.json show them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from innkeeper.simulators.opera.model import Posting, Reservation
from innkeeper.simulators.opera.request import money
from innkeeper.simulators.opera.state import HotelState


def posting_view(posting: Posting, state: HotelState) -> dict[str, Any]:
    """Return a summaryPostingType."""
    amount = money(posting.amount, posting.currency)
    view: dict[str, Any] = {
        "transactionNo": posting.transaction_no,
        "transactionCode": posting.code,
        "transactionDescription": state.codes[posting.code].description,
        "transactionType": "Payment" if posting.payment else "Revenue",
        "transactionAmount": float(posting.amount),
        "transactionDate": posting.revenue_date.isoformat(),
        "postingDate": posting.revenue_date.isoformat(),
        "revenueDate": posting.revenue_date.isoformat(),
        "postedAmount": amount,
        "price": money(posting.unit_price, posting.currency),
        "quantity": posting.quantity,
        "reference": posting.reference,
        "remark": posting.remark,
        "checkNo": posting.check_no,
        "folioWindowNo": posting.window,
    }
    if posting.payment:
        view["creditAmount"] = money(-posting.amount, posting.currency)
    else:
        view["debitAmount"] = amount
    if posting.cashier_id is not None:
        view["cashierInfo"] = {"cashierId": posting.cashier_id}
    if posting.article_code:
        view["articleCode"] = posting.article_code
    if posting.vendor_ids:
        view["financialTransactionIdList"] = [
            {name: one[name] for name in ("id", "type") if name in one} for one in posting.vendor_ids
        ]
    return view


def journal_view(posting: Posting, state: HotelState) -> dict[str, Any]:
    """Return a detailPostingType: a posting with whose it is."""
    view = posting_view(posting, state)
    del view["folioWindowNo"]  # not a property of the detail type
    reservation = state.reservations[posting.reservation_id]
    profile = state.profiles[reservation.profile_id]
    return {
        **view,
        "hotelId": state.hotel_id,
        "guestInfo": {
            "profileId": {"id": profile.id, "type": "Profile"},
            "reservationId": {"id": reservation.id, "type": "Reservation"},
            "guestName": profile.full_name,
            "roomId": posting.room,
            "confirmationNo": reservation.confirmation,
        },
    }


def folio_information(
    state: HotelState, reservation: Reservation, postings: Sequence[Posting], *, with_postings: bool
) -> dict[str, Any]:
    """Return a reservationFolioInfoType of these postings."""
    windows = sorted({posting.window for posting in postings} | {1})
    return {
        "reservationInfo": {
            "reservationIdList": [
                {"id": reservation.id, "type": "Reservation"},
                {"id": reservation.confirmation, "type": "Confirmation"},
            ],
            "roomStay": {"roomId": reservation.room},
            "hotelId": state.hotel_id,
        },
        "folioWindows": [
            _window(state, number, [p for p in postings if p.window == number], with_postings=with_postings)
            for number in windows
        ],
    }


def _window(state: HotelState, number: int, postings: Sequence[Posting], *, with_postings: bool) -> dict[str, Any]:
    revenue, payment = _sum(p for p in postings if not p.payment), _sum(p for p in postings if p.payment)
    window: dict[str, Any] = {
        "folioWindowNo": number,
        "emptyWindow": not postings,
        "revenue": money(revenue, state.currency),
        "payment": money(-payment, state.currency),
        "balance": money(revenue + payment, state.currency),
    }
    if with_postings and postings:
        window["folios"] = [{"postings": [posting_view(posting, state) for posting in postings]}]
    return window


def _sum(postings: Iterable[Posting]) -> Decimal:
    return sum((posting.amount for posting in postings), Decimal(0))
