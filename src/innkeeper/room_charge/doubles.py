"""Takes back what the PMS holds twice of a charge, as a proxy that repeats a request makes it, and keeps it once."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from innkeeper.access import audit
from innkeeper.access.caller import Caller
from innkeeper.domain.charge import PostedLine, ReadBack, VoidReceipt, VoidWay
from innkeeper.domain.outcome import Done, Refused
from innkeeper.room_charge import repository, states, steps
from innkeeper.room_charge.connection import Link
from innkeeper.room_charge.drafts import charge_draft, doubled_draft, line_documents, posted_lines
from innkeeper.room_charge.tables import PostingStatus, RoomCharge
from innkeeper.storage.database import Tx

_WHO = Caller.system("reconciliation")


async def flag(link: Link, charge_ids: Sequence[UUID]) -> int:
    """Note that the PMS seems to hold these charges more than once, so that a job mends it; return how many are new."""
    count = 0
    for charge_id in charge_ids:
        async with link.database.write() as tx:
            row = await repository.charge(tx.session, link.property_id, charge_id, lock=True)
            if row.status is not PostingStatus.POSTED or steps.is_mending(row) or row.claimed_by is not None:
                continue
            states.doubled(row, link.now())
            await steps.keep_queue(tx, link, row)
            detail = {"room": row.room_number, "total": row.total, "currency": row.currency}
            await _record(tx, row, "charge.found_doubled", detail)
            count += 1
    return count


async def mend(link: Link, row: RoomCharge) -> RoomCharge:
    """Ask the PMS what stands too much and take it back; a PMS that cannot do so leaves it to a manager.

    Raises ClaimLost.
    """
    now = link.now()
    if row.settles_at is not None and now < row.settles_at:  # the last taking back may still be under way
        later = row.settles_at
        return await steps.conclude(link, row, None, lambda fresh: states.wait_until(fresh, later))
    if not link.connector.capabilities.read_back:
        return await _to_a_person(link, row, "This PMS cannot be asked; look into the guest's folio.", None)
    heard = await steps.ask(link, "find", link.connector.find_charge(charge_draft(row)))
    match heard.outcome:
        case Done(value=read):
            return await _once(link, row, heard, read)
        case Refused(message=message):
            return await _to_a_person(link, row, f"The PMS does not tell: {message}", heard)
        case outcome:
            settle = link.connector.capabilities.settle_seconds
            return await steps.conclude(
                link, row, heard, lambda fresh: states.mending_put_off(fresh, outcome, now, settle, sent=False)
            )


async def _once(link: Link, row: RoomCharge, heard: steps.Heard[ReadBack], read: ReadBack) -> RoomCharge:
    keep, doubles = _split(row, read)
    if not read.complete or not (doubles or row.evidence.get("taking_back")):
        return await steps.conclude(link, row, heard, states.single)
    if link.connector.capabilities.void is VoidWay.NONE:
        numbers = ", ".join(filter(None, (line.transaction_id for line in doubles))) or f"{len(doubles)} lines"
        words = f"The PMS holds this charge twice and takes nothing back by itself: remove {numbers} there."
        return await _to_a_person(link, row, words, heard, doubles)

    def leave(fresh: RoomCharge) -> None:
        fresh.lines = line_documents(keep)
        fresh.evidence = {**fresh.evidence, "surplus": line_documents(doubles), "taking_back": True}
        fresh.last_retry_at = link.now()
        settle = timedelta(seconds=link.connector.capabilities.settle_seconds)
        states.wait_until(fresh, (fresh.claimed_until or link.now()) + settle)

    row = await steps.note(link, row, leave)
    draft = doubled_draft(row, keep, doubles)
    return await _conclude(link, row, await steps.ask(link, "take back", link.connector.void(draft)), doubles)


def _split(row: RoomCharge, read: ReadBack) -> tuple[tuple[PostedLine, ...], list[PostedLine]]:
    """Return what stays, which is what the receipt tells of if that still stands, and what is too much."""
    told = {line.transaction_id for line in posted_lines(row)}
    standing = sorted(
        [*read.landed.values(), *states.doubles_of(read)], key=lambda line: line.transaction_id not in told
    )
    keep = []
    for line in read.landed.values():
        keep.append(next(one for one in standing if (one.code, one.amount) == (line.code, line.amount)))
        standing.remove(keep[-1])
    return tuple(keep), standing


async def _conclude(
    link: Link, row: RoomCharge, heard: steps.Heard[VoidReceipt], doubles: Sequence[PostedLine]
) -> RoomCharge:
    now, settle = link.now(), link.connector.capabilities.settle_seconds
    match heard.outcome:
        case Done(value=receipt):
            lines = receipt.lines

            async def record(tx: Tx, fresh: RoomCharge) -> None:
                amount = -sum((line.amount for line in lines), Decimal(0))
                numbers = ", ".join(line.transaction_id for line in doubles)
                detail = {"amount": amount, "currency": fresh.currency, "transactions": numbers}
                await _record(tx, fresh, "charge.double_voided", detail)

            return await steps.conclude(
                link, row, heard, lambda fresh: states.mended(fresh, receipt, now), extra=record
            )
        case Refused(message=message, detail=detail):
            words = " ".join(filter(None, (message, detail)))
            return await _to_a_person(
                link, row, f"The PMS holds this charge twice and does not take it back: {words}", heard, doubles
            )
        case outcome:
            return await steps.conclude(
                link, row, heard, lambda fresh: states.mending_put_off(fresh, outcome, now, settle, sent=True)
            )


async def _to_a_person(
    link: Link, row: RoomCharge, words: str, heard: steps.Heard[Any] | None, doubles: Sequence[PostedLine] = ()
) -> RoomCharge:
    def change(fresh: RoomCharge) -> None:
        if doubles:
            fresh.evidence = {**fresh.evidence, "surplus": line_documents(doubles)}
        states.needs_person(fresh, states.DOUBLED, words)
        fresh.settles_at = None

    return await steps.conclude(link, row, heard, change, waits_for_person=True)


async def _record(tx: Tx, row: RoomCharge, action: str, detail: dict[str, Any]) -> None:
    await audit.record(tx, _WHO, action, "room_charge", row.id, detail, property_id=row.property_id)
