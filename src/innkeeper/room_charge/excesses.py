"""Puts back what the PMS took back more often than it stood, as a proxy that repeats a reversal makes it."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from innkeeper.access import audit
from innkeeper.access.caller import Caller
from innkeeper.domain.charge import VoidDraft, VoidReceipt, restored_reference
from innkeeper.domain.outcome import Done, Refused
from innkeeper.room_charge import repository, states, steps
from innkeeper.room_charge.connection import Link
from innkeeper.room_charge.drafts import doubled_draft, posted_lines, void_draft
from innkeeper.room_charge.tables import PostingStatus, RoomCharge
from innkeeper.storage.database import Tx

_WHO = Caller.system("reconciliation")

#: Whoever doubles this often doubles everything, and each round would cost the guest another pair of lines.
_ROUNDS = 3


async def flag(link: Link, charge_ids: Sequence[UUID]) -> int:
    """Note that the PMS seems to have taken these charges back too often, so that a job looks; return how many are new.

    Whether it is so is asked before anything is put back.
    """
    count = 0
    for charge_id in charge_ids:
        async with link.database.write() as tx:
            row = await repository.charge(tx.session, link.property_id, charge_id, lock=True)
            settled = row.status in (PostingStatus.POSTED, PostingStatus.VOIDED)
            if not settled or steps.is_mending(row) or row.claimed_by is not None:
                continue
            states.taken_back_twice(row, link.now(), seen=False)
            await steps.keep_queue(tx, link, row)
            detail = {"room": row.room_number, "total": row.total, "currency": row.currency}
            await _record(tx, row, "charge.found_taken_back_twice", detail)
            count += 1
    return count


async def mend(link: Link, row: RoomCharge) -> RoomCharge:
    """Ask the PMS what stands, put back what was taken back too often, and ask again; in the end a manager decides.

    What is about to be sent is committed first, and after a lost answer the PMS is asked before anything is sent again.
    Raises ClaimLost.
    """
    now = link.now()
    if row.settles_at is not None and now < row.settles_at:  # the last request may still be under way
        later = row.settles_at
        return await steps.conclude(link, row, None, lambda fresh: states.wait_until(fresh, later))
    draft = _draft(row)
    if draft is None:
        return await _to_a_person(link, row, "Nothing is known of its lines.")
    if int(row.evidence.get("rounds", 0)) > _ROUNDS:
        return await _to_a_person(link, row, "Each time that it was put right it was doubled again.")
    puts_back = bool(row.evidence.get("excess"))

    def leave(fresh: RoomCharge) -> None:
        rounds = int(fresh.evidence.get("rounds", 0)) + puts_back
        fresh.evidence = {**fresh.evidence, "excess": False, "rounds": rounds}
        fresh.last_retry_at = now
        settle = timedelta(seconds=link.connector.capabilities.settle_seconds)
        states.wait_until(fresh, (fresh.claimed_until or now) + settle)

    row = await steps.note(link, row, leave)
    if puts_back:
        return await _put_back(link, row, await steps.ask(link, "put back", link.connector.put_back(draft)))
    return await _look(link, row, await steps.ask(link, "look", link.connector.void(draft)))


def _draft(row: RoomCharge) -> VoidDraft | None:
    """Return what the charge shall be: gone where it is void, else standing once; None where no line is known."""
    if row.status is PostingStatus.VOIDED:
        return void_draft(row)
    keep = posted_lines(row)
    return doubled_draft(row, keep, ()) if keep else None


async def _put_back(link: Link, row: RoomCharge, heard: steps.Heard[VoidReceipt]) -> RoomCharge:
    match heard.outcome:
        case Done(value=receipt):

            async def record(tx: Tx, fresh: RoomCharge) -> None:
                amount = sum((line.amount for line in receipt.lines), Decimal(0))
                numbers = ", ".join(line.transaction_id for line in receipt.lines)
                detail = {"amount": amount, "currency": fresh.currency, "transactions": numbers}
                await _record(tx, fresh, "charge.put_back", detail)

            return await steps.conclude(
                link,
                row,
                heard,
                lambda fresh: states.put_back(fresh, receipt, link.now()),
                extra=record if receipt.lines else None,
            )
        case _:
            return await _not_done(link, row, heard)


async def _look(link: Link, row: RoomCharge, heard: steps.Heard[VoidReceipt]) -> RoomCharge:
    match heard.outcome:
        case Done(value=receipt) if receipt.excess:
            return await steps.conclude(
                link, row, heard, lambda fresh: states.taken_back_twice(fresh, link.now(), seen=True)
            )
        case Done(value=receipt) if receipt.found:
            return await steps.conclude(link, row, heard, states.even)
        case Done():  # what had been put back stood twice and was taken back: once more it is asked
            return await steps.conclude(
                link, row, heard, lambda fresh: states.taken_back_twice(fresh, link.now(), seen=False)
            )
        case _:
            return await _not_done(link, row, heard)


async def _not_done(link: Link, row: RoomCharge, heard: steps.Heard[VoidReceipt]) -> RoomCharge:
    now, settle = link.now(), link.connector.capabilities.settle_seconds
    match heard.outcome:
        case Refused(message=message, detail=detail):
            return await _to_a_person(link, row, " ".join(filter(None, (message, detail))), heard)
        case Done():
            raise AssertionError("this was done")
        case outcome:
            return await steps.conclude(
                link, row, heard, lambda fresh: states.mending_put_off(fresh, outcome, now, settle, sent=True)
            )


async def _to_a_person(
    link: Link, row: RoomCharge, why: str, heard: steps.Heard[VoidReceipt] | None = None
) -> RoomCharge:
    words = (
        f"The PMS took this charge back more often than it stood, and Innkeeper cannot put it right: {why} Compare the "
        f"guest's bill; post there what is missing, under the reference {restored_reference(row.reference)}."
    )

    def change(fresh: RoomCharge) -> None:
        fresh.evidence = {name: value for name, value in fresh.evidence.items() if name != "rounds"}
        states.needs_person(fresh, states.EXCESS, words)
        fresh.settles_at = None

    return await steps.conclude(link, row, heard, change, waits_for_person=True)


async def _record(tx: Tx, row: RoomCharge, action: str, detail: dict[str, Any]) -> None:
    await audit.record(tx, _WHO, action, "room_charge", row.id, detail, property_id=row.property_id)
