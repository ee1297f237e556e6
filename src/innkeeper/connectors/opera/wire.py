"""The messages of OPERA Cloud: what is sent, field by field, and typed rows of what comes back.

Sources: csh.json, rsv.json, crm.json of oracle/hospitality-api-docs 25.5.0.0 and the samples of its Postman collection.
Almost nothing in those schemas is required, so every row is read as if any field could be missing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

Json = Mapping[str, Any]

IN_HOUSE = "InHouse"
CHECKED_OUT = "CheckedOut"
#: What a search must bring besides names and dates. Repeated parameters: OPERA refuses a list with commas.
SEARCH_INSTRUCTIONS = ("Reservation", "RevenuesAndBalances", "Indicators")
PROFILE_INSTRUCTIONS = ("Profile", "Communication", "Membership", "Preference")


def segment(text: str) -> str:
    """Return text as one segment of a path."""
    return quote(text, safe="")


def reservations_path(hotel: str) -> str:
    """getHotelReservations."""
    return f"/rsv/v1/hotels/{segment(hotel)}/reservations"


def charges_path(hotel: str, reservation_id: str) -> str:
    """postBillingCharges."""
    return f"/csh/v1/hotels/{segment(hotel)}/reservations/{segment(reservation_id)}/charges"


def transactions_path(hotel: str) -> str:
    """getGuestsTransactions."""
    return f"/csh/v1/hotels/{segment(hotel)}/transactions"


def financial_postings_path(hotel: str) -> str:
    """getFinancialPostings."""
    return f"/csh/v1/hotels/{segment(hotel)}/financialPostings"


def folios_path(hotel: str, reservation_id: str) -> str:
    """getFolio."""
    return f"/csh/v1/hotels/{segment(hotel)}/reservations/{segment(reservation_id)}/folios"


def room_types_path(hotel: str) -> str:
    """getRoomTypes."""
    return f"/rm/config/v1/hotels/{segment(hotel)}/roomTypes"


#: getCashiers.
CASHIERS_PATH = "/fof/config/v1/cashierDetails/cashiers"
#: Most cashiers that one request may ask for (fofcfg.json).
MOST_CASHIERS = 20


def search_query(search_type: str | None, **keys: str) -> list[tuple[str, str]]:
    """Return the query of a search for reservations; `keys` such as roomId, keyTrack2, reservationIdList."""
    query = [(name, value) for name, value in keys.items() if value]
    if search_type is not None:
        query.append(("searchType", search_type))
    return [*query, *(("fetchInstructions", word) for word in SEARCH_INSTRUCTIONS)]


@dataclass(frozen=True, slots=True)
class ChargeEntry:
    """One entry of `criteria.charges[]`."""

    code: str
    amount: Decimal
    currency: str
    reference: str
    remark: str
    check_number: str
    window: int | None = None

    def as_json(self, *, apply_routing: bool) -> dict[str, Any]:
        """Return the entry as OPERA takes it; lengths are the schema's."""
        entry: dict[str, Any] = {
            "transactionCode": self.code[:80],
            # a float writes the shortest decimal that reads back the same: exact to 15 digits
            "price": {"amount": float(self.amount), "currencyCode": self.currency},
            "postingQuantity": 1,
            "postingReference": self.reference[:2000],
            "postingRemark": self.remark[:200],
            "checkNumber": self.check_number[:200],
            "applyRoutingInstructions": apply_routing,
            "usePackageAllowance": False,
            "autoPosting": True,
        }
        if self.window is not None:
            entry["folioWindowNo"] = self.window
        return entry


def charge_body(
    hotel: str,
    reservation_id: str | None,
    cashier_id: int | None,
    entries: Iterable[ChargeEntry],
    *,
    apply_routing: bool,
) -> dict[str, Any]:
    """Return the body of postBillingCharges. `incomeAuditDate` stays out: it belongs to the income audit alone, and
    without it OPERA posts on its open business date.
    """
    criteria: dict[str, Any] = {
        "hotelId": hotel,
        "charges": [entry.as_json(apply_routing=apply_routing) for entry in entries],
        "postIt": False,
    }
    if reservation_id is not None:
        criteria["reservationId"] = {"id": reservation_id, "type": "Reservation"}
    if cashier_id is not None:
        criteria["cashierId"] = cashier_id
    return {"criteria": criteria}


@dataclass(frozen=True, slots=True)
class PostingRow:
    """A posting as any of the lists gives it."""

    transaction_no: str
    code: str
    amount: Decimal | None
    currency: str
    reference: str
    remark: str
    check_no: str
    window: int | None
    reservation_id: str
    room: str
    guest_name: str
    revenue_date: date | None
    cashier: str
    kind: str


def posting_row(json: Json, *, reservation_id: str = "", window: int | None = None) -> PostingRow:
    """Read a summaryPostingType or a detailPostingType. OPERA pads references with a blank: all texts are stripped."""
    return PostingRow(
        transaction_no=_number_text(json.get("transactionNo")),
        code=_text(json.get("transactionCode")),
        amount=_posted(json),
        currency=_text(dig(json, "postedAmount", "currencyCode"))
        or _text(dig(json, "debitAmount", "currencyCode"))
        or _text(dig(json, "price", "currencyCode")),
        reference=_text(json.get("reference")),
        remark=_text(json.get("remark")),
        check_no=_text(json.get("checkNo")),
        window=_whole(json.get("folioWindowNo")) or window,
        reservation_id=_text(dig(json, "guestInfo", "reservationId", "id"))
        or _text(dig(json, "reservationId", "id"))
        or reservation_id,
        room=_text(dig(json, "guestInfo", "roomId")) or _text(json.get("roomId")),
        guest_name=_text(dig(json, "guestInfo", "guestName")) or _text(json.get("guestName")),
        revenue_date=day(json.get("revenueDate")) or day(json.get("transactionDate")) or day(json.get("postingDate")),
        cashier=_number_text(dig(json, "cashierInfo", "cashierId")),
        kind=_text(json.get("transactionType")) or "Revenue",
    )


def _posted(json: Json) -> Decimal | None:
    amount = money(dig(json, "postedAmount", "amount"))
    if amount is None:
        amount = money(json.get("transactionAmount"))
    if amount is None:
        debit, credit = money(dig(json, "debitAmount", "amount")), money(dig(json, "creditAmount", "amount"))
        amount = None if debit is None and credit is None else (debit or Decimal(0)) - (credit or Decimal(0))
    return amount


def folio_rows(information: Json) -> Iterator[PostingRow]:
    """Yield the postings of a reservationFolioInfoType: they lie in each window's folios."""
    reservation_id = reservation_ids(dig(information, "reservationInfo") or {}).get("Reservation", "")
    for window in items(information.get("folioWindows")):
        number = _whole(window.get("folioWindowNo"))
        for folio in items(window.get("folios")):
            for posting in items(folio.get("postings")):
                yield posting_row(posting, reservation_id=reservation_id, window=number)


def folio_balance(information: Json) -> tuple[Decimal, str] | None:
    """Return what a reservationFolioInfoType says is owed, and in which currency; None when it does not say."""
    windows = [window.get("balance") or {} for window in items(information.get("folioWindows"))]
    amounts = [(money(b.get("amount")), _text(b.get("currencyCode"))) for b in windows]
    known = [(amount, currency) for amount, currency in amounts if amount is not None]
    if known:
        return sum((amount for amount, _ in known), Decimal(0)), next((c for _, c in known if c), "")
    info = information.get("reservationInfo") or {}
    for source in (dig(info, "roomStay", "balance"), dig(info, "revenuesAndBalances", "balance")):
        amount = money(dig(source or {}, "amount"))
        if amount is not None:
            return amount, _text(dig(source, "currencyCode"))
    return None


def reservation_ids(info: Json) -> dict[str, str]:
    """Return the ids of a reservation by their type: Reservation, Confirmation."""
    return {_text(one.get("type")): _text(one.get("id")) for one in items(info.get("reservationIdList"))}


# reading with care -------------------------------------------------------------------------------------------------


def dig(json: Any, *path: str) -> Any:
    """Return what lies under the names, None when any of them is missing."""
    for name in path:
        if not isinstance(json, Mapping):
            return None
        json = json.get(name)
    return json


def items(json: Any) -> Sequence[Json]:
    """Return the objects of a list, nothing when it is none."""
    return [one for one in json if isinstance(one, Mapping)] if isinstance(json, list) else []


def money(value: Any) -> Decimal | None:
    """Return an amount, None when it is missing or no number; some answers write numbers as text."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def day(value: Any) -> date | None:
    """Return a date, None when it is missing or unreadable."""
    try:
        return date.fromisoformat(str(value)[:10]) if value else None
    except ValueError:
        return None


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def text(json: Any, *path: str) -> str:
    """Return the text under the names without blanks around it, empty when it is missing."""
    return _text(dig(json, *path))


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None


def whole(value: Any) -> int:
    """Return a count, 0 when it is missing."""
    return _whole(value) or 0


def _number_text(value: Any) -> str:
    """Return a transaction or cashier number as text; the schema says number, some answers say string."""
    number = _whole(value)
    return str(number) if number is not None else _text(value)
