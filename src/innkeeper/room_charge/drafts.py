"""Turns a stored charge into what the PMS port takes, and what the PMS holds into what is stored beside the charge."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from innkeeper.domain.charge import ChargeDraft, ChargeItem, PostedLine, VoidDraft
from innkeeper.domain.money import quantize
from innkeeper.room_charge.tables import RoomCharge

#: What is stored of a line of a folio.
_STORED = tuple(one.name for one in fields(PostedLine) if one.name != "guest_name")

#: What our references begin with; what bears it in a PMS and is unknown here was posted by another installation.
PREFIX = "IK-"


def reference_of(charge_id: UUID, generation: int) -> str:
    """Return what a charge is found by in the PMS: 29 letters and digits, unique for ever."""
    text = base64.b32encode(charge_id.bytes).decode().rstrip("=")
    return f"{PREFIX}{text}" if generation == 1 else f"{PREFIX}{text}-{generation}"


def check_mark(row: RoomCharge) -> str:
    """Return what is the same for the same check charged to the same guest on the same day under another reference."""
    what = (row.business_date, row.outlet_code, row.check_number, row.reservation_id, f"{row.total:f}", row.currency)
    return hashlib.sha256("\x1f".join(str(one) for one in what).encode()).hexdigest()


def charge_draft(row: RoomCharge, *, whole: bool = True) -> ChargeDraft:
    """Return the charge as it shall stand; not `whole`, only the lines that are known to be missing."""
    missing = row.terms.get("missing")
    return ChargeDraft(
        reference=row.reference,
        reservation_id=row.reservation_id or "",
        guest_id=row.guest_id or "",
        room_number=row.room_number,
        outlet_code=row.outlet_code,
        pms_codes=row.terms.get("pms_codes", {}),
        currency=row.currency,
        subtotal=row.subtotal,
        check_number=row.check_number,
        sold_at=row.sold_at,
        tax=row.tax,
        tip=row.tip,
        service_charge=row.service_charge,
        delivery_charge=row.delivery_charge,
        description=row.description,
        employee_id=row.employee_id,
        business_date=row.business_date,
        items=tuple(_item(one) for one in row.items),
        itemised=bool(row.terms.get("itemised")),
        tip_as_own_line=bool(row.terms.get("tip_as_own_line", True)),
        only=None if whole or missing is None else frozenset(missing),
    )


def void_draft(row: RoomCharge) -> VoidDraft:
    """Return the taking back of all that stands of the charge."""
    return VoidDraft(
        reference=row.reference,
        reservation_id=row.reservation_id or "",
        lines=posted_lines(row),
        currency=row.currency,
        check_number=row.check_number,
        reason=row.void_reason or "",
        sold_at=row.sold_at,
        employee_id=row.employee_id,
        charge=charge_draft(row),
    )


def doubled_draft(row: RoomCharge, keep: tuple[PostedLine, ...], doubles: Sequence[PostedLine]) -> VoidDraft:
    """Return the taking back of what stands twice; `keep` are the lines as they shall stand."""
    return replace(void_draft(row), lines=(*keep, *doubles), keep=keep, reason="Posted twice")


def item_document(item: ChargeItem) -> dict[str, Any]:
    """Return a line of the check as it is stored."""
    return {
        "description": item.description,
        "quantity": item.quantity,
        "amount": f"{item.amount:f}",
        "tax": f"{item.tax:f}",
        "category": item.category,
    }


def _item(stored: dict[str, Any]) -> ChargeItem:
    return ChargeItem(
        stored["description"],
        stored["quantity"],
        Decimal(stored["amount"]),
        Decimal(stored["tax"]),
        stored.get("category", ""),
    )


def line_documents(lines: Iterable[PostedLine]) -> list[dict[str, Any]]:
    """Return lines of a folio as they are stored; guests' names are left out."""
    return [
        {name: _plain(value) for name in _STORED if (value := getattr(line, name)) not in ("", None)} for line in lines
    ]


def posted_lines(row: RoomCharge) -> tuple[PostedLine, ...]:
    """Return the lines that are known to stand in the PMS."""
    return tuple(_line(stored, row.currency) for stored in row.lines)


def merged(stored: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return both, each transaction once."""
    known = {line.get("transaction_id") for line in stored if line.get("transaction_id")}
    return [*stored, *(line for line in new if line.get("transaction_id") not in known)]


def _line(stored: dict[str, Any], currency: str) -> PostedLine:
    values = dict(stored)
    values["amount"] = quantize(Decimal(values["amount"]), values.get("currency") or currency)
    if "business_date" in values:
        values["business_date"] = date.fromisoformat(values["business_date"])
    if "posted_at" in values:
        values["posted_at"] = datetime.fromisoformat(values["posted_at"])
    values.setdefault("currency", currency)
    values.setdefault("transaction_id", "")
    values.setdefault("reference", "")
    return PostedLine(**values)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, date):  # an instant is one too
        return value.isoformat()
    return value
