"""Posting charges (csh.json, postBillingCharges and getPostBillingCharges) and deleting them the same day."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from innkeeper.simulators.opera.errors import OperaError, bad_request, not_found, unknown_property
from innkeeper.simulators.opera.model import Reservation
from innkeeper.simulators.opera.request import Request
from innkeeper.simulators.opera.state import HotelState
from innkeeper.simulators.opera.views import posting_view

_BODY = frozenset({"criteria", "links", "warnings"})
_CRITERIA = frozenset("hotelId charges reservationId incomeAuditDate postIt cashierId welcomeOfferPosting".split())
_CHARGE = frozenset(
    "transactionCode articleCode price postingQuantity postingReference postingRemark checkNumber arrangementCode "
    "applyRoutingInstructions incrementConsumableInvQty usePackageAllowance autoPosting financialTransactionIdList "
    "folioWindowNo cashierId covers".split()
)
_LENGTHS = {
    "transactionCode": 80,
    "articleCode": 20,
    "postingReference": 2000,
    "postingRemark": 2000,
    "checkNumber": 200,
}


class Interrupted(Exception):
    """OPERA died in the midst of a request: what was written stays, and no good answer comes."""


def post(state: HotelState, request: Request, reservation_id: str) -> dict[str, Any]:
    """Write all charges of a body or none; return a billingChargesDetails. Raises OperaError, Interrupted."""
    body = request.json()
    _only(body, _BODY, "")
    criteria = body.get("criteria")
    if not isinstance(criteria, dict):
        raise bad_request("criteria is required.", "criteria")
    _only(criteria, _CRITERIA, "criteria")
    if criteria.get("hotelId") not in (None, state.hotel_id):
        raise OperaError(403, "Forbidden", "The user has no access to this property.", "OPERAWS-GEN01244")
    named = criteria.get("reservationId")
    if isinstance(named, dict) and named.get("id") not in (None, reservation_id):
        raise bad_request("The reservation differs from the one in the address.", "criteria.reservationId")
    charges = criteria.get("charges")
    if not isinstance(charges, list) or not charges:
        raise bad_request("At least one charge is required.", "criteria.charges")
    lines = [_line(state, criteria, charge, f"criteria.charges[{n}]") for n, charge in enumerate(charges)]
    total = sum((line["unit_price"] * line["quantity"] for line in lines), Decimal(0))
    reservation = _postable(state, reservation_id, total)
    return {"postings": _write(state, reservation, lines)}


def _write(state: HotelState, reservation: Reservation, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    views = []
    for n, line in enumerate(lines):
        if state.partial_after is not None and n >= state.partial_after:
            state.partial_after = None
            raise Interrupted
        posting = state.post(reservation, **line)
        shown = posting_view(posting, state)
        if not state.answers_numbers:
            del shown["transactionNo"]
        views.append(shown)
    return views


def _only(document: dict[str, Any], known: frozenset[str], path: str) -> None:
    for name in document:
        if name not in known:
            raise unknown_property(f"{path}.{name}" if path else name, path)


def _line(state: HotelState, criteria: dict[str, Any], charge: Any, path: str) -> dict[str, Any]:
    """Check one charge and return the fields of its posting."""
    if not isinstance(charge, dict):
        raise bad_request("A charge must be an object.", path)
    _only(charge, _CHARGE, path)
    for name, most in _LENGTHS.items():
        value = charge.get(name, "")
        if not isinstance(value, str) or len(value) > most:
            raise bad_request(f"{name} must be a text of at most {most}.", f"{path}.{name}")
    article = charge.get("articleCode", "")
    code = charge.get("transactionCode") or state.articles.get(article, "")
    if code not in state.codes:
        raise bad_request("Invalid transaction code or article.", f"{path}.transactionCode")
    cashier = charge.get("cashierId", criteria.get("cashierId"))
    if (cashier is None and state.needs_cashier) or (cashier is not None and cashier not in state.cashiers):
        raise bad_request("Invalid Cashier", f"{path}.cashierId", "FOF00094")
    price, quantity = charge.get("price"), charge.get("postingQuantity", 1)
    amount = price.get("amount") if isinstance(price, dict) else None
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal):
        raise bad_request("price.amount must be a number.", f"{path}.price")
    if isinstance(quantity, bool) or not isinstance(quantity, int) or not quantity:
        raise bad_request("postingQuantity must be a whole number.", f"{path}.postingQuantity")
    currency = (price or {}).get("currencyCode", state.currency)
    if currency != state.currency:
        raise bad_request(f"The currency must be {state.currency}.", f"{path}.price.currencyCode")
    return {
        "code": code,
        "unit_price": Decimal(amount),
        "quantity": quantity,
        "currency": currency,
        "reference": charge.get("postingReference", ""),
        "remark": charge.get("postingRemark", ""),
        "check_no": charge.get("checkNumber", ""),
        "window": charge.get("folioWindowNo", 1),
        "cashier_id": cashier,
        "article_code": article,
        "vendor_ids": charge.get("financialTransactionIdList", []),
        "routing": charge.get("applyRoutingInstructions", False),
    }


def _postable(state: HotelState, reservation_id: str, total: Decimal) -> Reservation:
    """Return the reservation if it may be charged now. Raises OperaError."""
    reservation = state.reservations.get(reservation_id)
    if reservation is None:
        raise not_found("No reservation has this id.")
    after_stay = reservation.status == "CheckedOut" and reservation.post_stay
    if reservation.status != "InHouse" and not after_stay:
        state.refused["status"] += 1
        raise bad_request("Charges cannot be posted in the present status of the reservation.")
    if state.enforces_no_post and reservation.no_post and total > 0:
        state.refused["no_post"] += 1
        raise bad_request("Charges cannot be posted to this reservation.")
    limit = reservation.credit_limit
    if state.enforces_credit and limit is not None and total > 0 and state.balance(reservation.id) + total > limit:
        state.refused["credit"] += 1
        raise bad_request("The credit limit of the reservation would be exceeded.")
    return reservation


def check(state: HotelState, request: Request, reservation_id: str) -> dict[str, Any]:
    """Say what would become of a charge; return a billingChargesStatus. Raises OperaError when it may not be posted."""
    request.known(
        "transactionCode", "amount", "currencyCode", "postingQuantity", "option", "cashierId", "folioWindowNo"
    )
    request.chosen("option", ("PackageAllowance", "RoomRouting", "PostingStatus"))
    codes = request.many("transactionCode")
    for code in codes:
        if code not in state.codes:
            raise bad_request("Invalid transaction code.", "transactionCode")
    reservation = _postable(state, reservation_id, Decimal(request.one("amount") or 1))
    options = []
    for code in codes:
        routed = bool(reservation.routes_to) and (not reservation.routed_codes or code in reservation.routed_codes)
        target = state.reservations[reservation.routes_to] if routed else reservation
        options.append(
            {
                "consumable": {"transactionCode": code},
                "packageAllowance": False,
                "roomRouting": {"roomId": target.room, "applicable": routed},
            }
        )
    return {"options": options}


def delete(state: HotelState, request: Request, reservation_id: str) -> dict[str, Any]:
    """Delete postings of the open business date (deleteReservationTransactions); all of them or none."""
    body = request.json()
    _only(body, frozenset({"transactionList", "reasonCode", "cashierId", "links", "warnings"}), "")
    if reservation_id not in state.reservations:
        raise not_found("No reservation has this id.")
    numbers = body.get("transactionList")
    if not isinstance(numbers, list) or not numbers or not body.get("reasonCode"):
        raise bad_request("transactionList and reasonCode are required.")
    for number in numbers:
        posting = state.postings.get(number)
        if posting is None or posting.reservation_id != reservation_id:
            raise bad_request(f"Transaction {number} is not on this reservation.", "transactionList")
        if posting.revenue_date != state.business_date:
            raise bad_request(f"Transaction {number} is not of the current business date.", "transactionList")
    for number in numbers:
        state.delete_posting(number)
    return {}
