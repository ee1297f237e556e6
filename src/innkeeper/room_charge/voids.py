"""Takes charges back: at once where nothing ever left, else in the PMS too, finishing itself when half done."""

from datetime import timedelta
from uuid import UUID

from innkeeper.access import audit
from innkeeper.access.caller import Caller
from innkeeper.domain.charge import PmsCode, VoidReceipt, VoidWay
from innkeeper.domain.errors import Conflict, FieldError, Invalid
from innkeeper.domain.outcome import Done, Refused
from innkeeper.room_charge import lookup, repository, states, steps
from innkeeper.room_charge.connection import Link
from innkeeper.room_charge.drafts import void_draft
from innkeeper.room_charge.errors import Refusal
from innkeeper.room_charge.tables import PostingStatus, RoomCharge
from innkeeper.storage.database import Tx


async def void(link: Link, caller: Caller, charge_id: UUID, reason: str) -> RoomCharge:
    """Take a charge back and return it: voided, or voiding while the PMS has not said that it is. Twice is harmless.

    Where the PMS takes back a part and refuses the rest, it stays voiding and waits for a person.
    Raises NotFound, Invalid, Conflict when nothing is owed, InProgress, Refusal when the PMS cannot or will not.
    """
    if not reason.strip():
        raise Invalid.field("reason", "Say why the charge is taken back.")
    row = await _begin(link, caller, charge_id, reason.strip()[:300])
    if row.claimed_by is None:
        return row
    heard = await steps.ask(link, "void", link.connector.void(void_draft(row)))
    try:
        row = await _conclude(link, row, heard)
    except steps.ClaimLost:
        return row
    if isinstance(heard.outcome, Refused):
        if heard.outcome.code == PmsCode.GONE_IN_PMS and by_hand(row):
            raise Refusal("POSTED_BY_HAND")
        lookup.refuse(heard.outcome)
    return row


def by_hand(row: RoomCharge) -> bool:
    """Whether the charge stands by a person's word alone: the PMS may not hold it under our reference."""
    return row.settled_by is not None and not row.lines


async def _begin(link: Link, caller: Caller, charge_id: UUID, reason: str) -> RoomCharge:
    """Commit the wish; the charge is returned claimed when the PMS must be told now."""
    async with link.database.write() as tx:
        row = await repository.charge(tx.session, link.property_id, charge_id, lock=True)
        if row.status in (PostingStatus.VOIDED, PostingStatus.VOIDING):
            return row
        steps.must_be_free(link, row)
        if row.status is PostingStatus.FAILED and not row.owed:
            raise Conflict(
                "Nothing of this charge is owed.", code="NOTHING_TO_VOID", action="There is nothing to take back."
            )
        if row.status is PostingStatus.POSTED and link.connector.capabilities.void is VoidWay.NONE:
            raise Refusal(PmsCode.NOT_SUPPORTED, [FieldError("pms", "This PMS takes nothing back by itself.")])
        if _stands_elsewhere(link, row):
            raise Conflict(
                "The charge was made for the PMS that was connected before.",
                code=states.OTHER_PMS,
                action="Take it back there by hand, or connect that PMS again and take it back then.",
            )
        row.void_reason, row.voided_by = reason, caller.name
        detail = {"reason": reason, "was": row.posting_status, "total": row.total, "currency": row.currency}
        await audit.record(tx, caller, "charge.voided", "room_charge", row.id, detail, property_id=row.property_id)
        row.claimed_by = row.claimed_until = None
        await _first_state(tx, link, row)
        return row


async def _first_state(tx: Tx, link: Link, row: RoomCharge) -> None:
    now = link.now()
    stands = row.status is PostingStatus.POSTED
    if not stands and not row.in_doubt and not row.lines:
        states.voided(row, None, now)
        await steps.keep_queue(tx, link, row)
        return
    row.posting_status = PostingStatus.VOIDING.value
    if row.in_doubt:  # first find out what stands
        row.next_attempt_at = now
        await steps.keep_queue(tx, link, row)
        return
    if row.settles_at is not None and row.settles_at > now:  # what stood twice may be being taken back
        row.next_attempt_at = row.settles_at
        await steps.keep_queue(tx, link, row)
        return
    row.claimed_by, row.claimed_until = steps.new_token(), now + link.claim
    states.wait_until(row, row.claimed_until + _settle(link))


def _stands_elsewhere(link: Link, row: RoomCharge) -> bool:
    """Whether something of the charge stands, or may stand, in a PMS that is not the property's any more."""
    may_stand = row.status is PostingStatus.POSTED or row.in_doubt or bool(row.lines)
    return may_stand and steps.is_elsewhere(link, row)


def _settle(link: Link) -> timedelta:
    return timedelta(seconds=link.connector.capabilities.settle_seconds)


async def send(link: Link, row: RoomCharge) -> RoomCharge:
    """Tell the PMS, again if need be: it looks first, so nothing is taken back twice. Raises ClaimLost.

    While the PMS may still be working on the last request, whoever asks for it, nothing is sent: it would be there
    twice in the end.
    """
    if row.settles_at is not None and link.now() < row.settles_at:
        later = row.settles_at
        return await steps.conclude(link, row, None, lambda fresh: states.wait_until(fresh, later))

    def leave(fresh: RoomCharge) -> None:
        fresh.retry_count += 1
        fresh.last_retry_at = link.now()
        states.wait_until(fresh, (fresh.claimed_until or link.now()) + _settle(link))

    row = await steps.note(link, row, leave)
    heard = await steps.ask(link, "void", link.connector.void(void_draft(row)))
    return await _conclude(link, row, heard)


async def _conclude(link: Link, row: RoomCharge, heard: steps.Heard[VoidReceipt]) -> RoomCharge:
    today = await link.business_date()
    half = isinstance(heard.outcome, Done) and heard.outcome.value.refusal is not None

    def change(fresh: RoomCharge) -> None:
        match heard.outcome:
            case Done(value=receipt) if receipt.refusal is not None:
                states.half_voided(fresh, receipt, link.now())
            case Done(value=receipt):
                states.voided(fresh, receipt, link.now(), today)
            case Refused() as refusal:
                states.void_refused(fresh, refusal, link.now())
            case outcome:
                states.void_put_off(fresh, outcome, link.now(), link.connector.capabilities.settle_seconds)

    told = "void_left" in row.evidence
    return await steps.conclude(link, row, heard, change, waits_for_person=half, tell=not (half and told))
