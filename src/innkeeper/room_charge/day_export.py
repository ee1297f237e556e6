"""Brings to the PMS what it lacks of a day: sends what waits, posts again what it lost, writes the day's journal."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from innkeeper.access import audit
from innkeeper.access.caller import Caller
from innkeeper.domain.charge_lines import plan_lines
from innkeeper.domain.errors import Conflict, FieldError, InnkeeperError, Invalid, RuleRefused
from innkeeper.domain.money import format_amount
from innkeeper.room_charge import corrections, exports, queue, repository
from innkeeper.room_charge.connection import Link
from innkeeper.room_charge.drafts import charge_draft
from innkeeper.room_charge.states import REMOVED_THERE
from innkeeper.room_charge.tables import RoomCharge

#: The columns of the journal.
COLUMNS = (
    "business_date",
    "kind",
    "room_number",
    "reservation_id",
    "transaction_code",
    "description",
    "amount",
    "currency",
    "check_number",
    "reference",
    "outlet_code",
    "revenue_center",
    "pms_transaction_id",
    "posting_status",
)


async def to_pms(link: Link, caller: Caller, day: date, posting_ids: Sequence[UUID], reason: str) -> dict[str, Any]:
    """Send what waits of the day now, and post again those charges of it that are named and that the PMS lost.

    What was removed in the PMS on purpose must not come back by itself, so nothing is posted again that nobody names.
    Return how many were sent and what became of each that was named. Raises Invalid without a reason for these,
    Conflict with DAY_SIGNED for a signed day: its figures would no longer be what was signed.
    """
    if posting_ids and not reason.strip():
        raise Invalid.field("reason", "Say why these charges are posted again.")
    async with link.database.read() as session:
        signed = await repository.last_revision(session, link.property_id, day)
        waiting = [row.id for row in await repository.unsettled(session, link.property_id, day)]
        of_day = {row.id for row in await repository.charges_of_days(session, link.property_id, day, day)}
    if signed is not None and signed.reopened_at is None:
        raise Conflict(
            f"{day} is signed off.", code="DAY_SIGNED", action="Open the day again first; it is then signed anew."
        )
    strangers = [one for one in posting_ids if one not in of_day]
    if strangers:
        errors = [FieldError(str(one), "This is no posting of the day.") for one in strangers]
        raise Invalid("Some of the postings are not of this day.", errors=errors)
    await queue.process_these(link, caller, waiting)
    again = [await _again(link, caller, one, reason) for one in dict.fromkeys(posting_ids)]
    async with link.database.write() as tx:
        detail = {"date": day, "sent": len(waiting), "posted_again": len(again), "reason": reason.strip()}
        await audit.record(tx, caller, "day.exported", "reconciliation", f"{day}", detail, property_id=link.property_id)
    return {"date": day.isoformat(), "sent": len(waiting), "posted_again": again}


async def _again(link: Link, caller: Caller, posting_id: UUID, reason: str) -> dict[str, Any]:
    try:
        row = await corrections.post_again(link, caller, posting_id, reason)
    except InnkeeperError as error:
        return {"posting_id": str(posting_id), "posting_status": None, "code": error.code, "detail": error.detail}
    told = {"code": row.failure_code, "detail": row.failure_reason or ""}
    return {"posting_id": str(posting_id), "posting_status": row.posting_status, **told}


async def journal(link: Link, day: date) -> bytes:
    """Return every line that we hold of the day, as the PMS takes it, as CSV; also of what it has not got yet."""
    async with link.database.read() as session:
        charges = {row.id: row for row in await repository.charges_of_days(session, link.property_id, day, day)}
        waiting = await repository.unsettled(session, link.property_id, day)
    charges.update({row.id: row for row in waiting if row.business_date == day})
    rows = [line for row in charges.values() for line in _lines_of(link, day, row)]
    return exports.csv_of([("", COLUMNS, rows)])


def _lines_of(link: Link, day: date, row: RoomCharge) -> list[list[str]]:
    owed = row.posted_at is not None or row.status.is_open
    if not owed or row.failure_code == REMOVED_THERE:
        return []
    outlet = link.outlets.get(row.outlet_code)
    found = []
    for kind, on_day, sign in (("charge", row.business_date, 1), ("reversal", row.void_date, -1)):
        if on_day != day:
            continue
        for code, text, amount, number in _planned(row):
            shown = format_amount(sign * amount, row.currency)
            found.append(
                [
                    day.isoformat(),
                    kind,
                    row.room_number,
                    row.reservation_id or "",
                    code,
                    text,
                    shown,
                    row.currency,
                    row.check_number,
                    row.reference,
                    row.outlet_code,
                    outlet.revenue_center if outlet else "",
                    number if sign > 0 else "",
                    row.posting_status,
                ]
            )
    return found


def _planned(row: RoomCharge) -> list[tuple[str, str, Any, str]]:
    """Return code, text, amount and number of each line as it was or is to be sent."""
    draft = charge_draft(row)
    try:
        planned = plan_lines(draft)
    except RuleRefused:
        planned = plan_lines(draft, needs_codes=False)  # the house needs no codes; the amounts are right anyway
    numbers = {(line.get("code", ""), str(line["amount"])): line.get("transaction_id", "") for line in row.lines}
    return [
        (line.code, line.description, line.amount, numbers.get((line.code, f"{line.amount:f}"), "")) for line in planned
    ]
