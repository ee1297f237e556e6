"""Writes the guest's receipt and the one-page proof of a charge."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from innkeeper.domain.business_day import hotel_time
from innkeeper.domain.money import format_amount
from innkeeper.room_charge.connection import HotelFacts
from innkeeper.room_charge.settings import Outlet
from innkeeper.room_charge.tables import PostingAttempt, PostingStatus, RoomCharge

#: Letters on a line of the usual thermal printer.
WIDTH = 42

_STATES = {
    PostingStatus.POSTED: "Charged to your room",
    PostingStatus.PENDING: "Will be charged to your room",
    PostingStatus.UNKNOWN: "Being confirmed with the hotel",
    PostingStatus.VOIDING: "Being taken back",
    PostingStatus.VOIDED: "Taken back: nothing is owed",
    PostingStatus.FAILED: "Not charged: nothing is owed",
}


def text(
    row: RoomCharge, hotel: HotelFacts, outlets: Mapping[str, Outlet], width: int = WIDTH, *, to_sign: bool = True
) -> str:
    """Return the receipt as plain lines of `width` letters, for a screen, a page, a mail or a thermal printer.

    One that is not printed is not `to_sign`.
    """
    outlet = outlets[row.outlet_code].name if row.outlet_code in outlets else row.outlet_code
    sold = hotel_time(row.sold_at, hotel.timezone)
    lines = [hotel.name.center(width), outlet.center(width), ""]
    lines += [_pair("Check", row.check_number, width), _pair("Date", f"{sold:%d %b %Y %H:%M}", width)]
    lines += [_pair("Room", row.room_number, width), _pair("Guest", row.guest_name, width), "-" * width]
    for item in row.items:
        quantity = f"{item['quantity']} x " if item["quantity"] != 1 else ""
        lines.append(_pair(f"{quantity}{item['description']}", item["amount"], width))
    amounts = (
        ("Subtotal", row.subtotal),
        ("Tax", row.tax),
        ("Service charge", row.service_charge),
        ("Delivery charge", row.delivery_charge),
        ("Tip", row.tip),
    )
    lines += [_pair(name, format_amount(amount, row.currency), width) for name, amount in amounts if amount]
    lines += ["-" * width, _pair("Total", f"{format_amount(row.total, row.currency)} {row.currency}", width)]
    if row.check_total is not None and row.check_total != row.total:
        rest = format_amount(row.check_total - row.total, row.currency)
        lines.append(_pair("Paid otherwise", f"{rest} {row.currency}", width))
    lines += ["", _state(row).center(width)]
    if row.pms_transaction_id:
        lines.append(f"No. {row.pms_transaction_id}".center(width))
    if to_sign and row.signature_hash is None and row.status is PostingStatus.POSTED:
        lines += ["", "", "_" * width, "Signature".center(width)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _state(row: RoomCharge) -> str:
    if row.status is PostingStatus.FAILED and row.owed:
        return "Not yet charged: the hotel settles it"
    return _STATES[row.status]


def html(row: RoomCharge, hotel: HotelFacts, outlets: Mapping[str, Outlet], *, to_sign: bool = True) -> str:
    """Return the receipt as a page of its own, to print from a browser or, not `to_sign`, to mail."""
    title = escape(f"{hotel.name}, check {row.check_number}")
    lines = escape(text(row, hotel, outlets, to_sign=to_sign))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title></head><body>"
        f'<pre style="font: 14px/1.4 ui-monospace, monospace">{lines}</pre></body></html>\n'
    )


def _pair(left: str, right: str, width: int) -> str:
    room = width - len(right) - 1
    return f"{left[:room]:<{room}} {right}"


def proof(row: RoomCharge, attempts: Sequence[PostingAttempt]) -> dict[str, Any]:
    """Return all that shows what became of a charge: who looked up what, the answer, the signature, the folio lines."""
    return {
        "posting_id": str(row.id),
        "pos_reference": row.pos_reference,
        "reference": row.reference,
        "posting_status": row.posting_status,
        "check": {
            "outlet_code": row.outlet_code,
            "check_number": row.check_number,
            "employee_id": row.employee_id,
            "total": format_amount(row.total, row.currency),
            "currency": row.currency,
            "sold_at": row.sold_at.isoformat(),
            "content_sha256": row.content_hash,
        },
        "lookup": {**row.lookup, "by": row.verified_by_name},
        "signature_sha256": row.signature_hash,
        "credit_override": row.credit_override,
        "attempts": [
            {
                "at": one.at.isoformat(),
                "step": one.step,
                "outcome": one.outcome,
                "code": one.code,
                "message": one.message,
                "duration_ms": one.duration_ms,
                "evidence": one.evidence,
            }
            for one in attempts
        ],
        "folio_lines": row.lines,
        "evidence": row.evidence,
        "business_date": row.business_date.isoformat() if row.business_date else None,
        "posted_at": row.posted_at.isoformat() if row.posted_at else None,
        "void": {"reason": row.void_reason, "by": row.voided_by, "at": row.voided_at and row.voided_at.isoformat()},
        "settled_by": row.settled_by,
    }
