"""What managers do about charges that the PMS lost or that were taken back there by hand: note it, or post again."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from innkeeper.access.caller import Caller
from innkeeper.domain.errors import Conflict, Invalid
from innkeeper.domain.outcome import Done, Refused
from innkeeper.room_charge import by_hand, lookup, repository, resolver, states, steps, voids
from innkeeper.room_charge.connection import Link
from innkeeper.room_charge.drafts import charge_draft, reference_of
from innkeeper.room_charge.errors import InProgress, PmsAway, Refusal
from innkeeper.room_charge.tables import PostingStatus, RoomCharge
from innkeeper.storage.database import Tx

#: One posting again may take several steps: to find the guest and send, and to ask where the answer was lost.
_STEPS = 4


async def take_back(
    link: Link, caller: Caller, charge_id: UUID, reason: str, *, transaction_id: str = "", removed: bool = False
) -> RoomCharge:
    """Void a charge, or note that it was taken back by hand (`transaction_id`) or `removed` in the PMS.

    Raises as `voids.void`, `taken_back` and `gone`.
    """
    if transaction_id.strip():
        return await taken_back(link, caller, charge_id, transaction_id, reason)
    if removed:
        return await gone(link, caller, charge_id, reason)
    return await voids.void(link, caller, charge_id, reason)


async def taken_back(link: Link, caller: Caller, charge_id: UUID, transaction_id: str, reason: str) -> RoomCharge:
    """Note that somebody took the charge, or what was left of it, back in the PMS, with the reversal's number.

    A void charge is returned as it is. Raises NotFound, Invalid, InProgress, Conflict while it is in doubt or when it
    was never posted.
    """
    _need(reason)
    number = transaction_id.strip()[:100]
    today = await link.business_date()
    async with link.database.write() as tx:
        row = await repository.charge(tx.session, link.property_id, charge_id, lock=True)
        if row.status is PostingStatus.VOIDED:
            return row
        steps.must_be_free(link, row)
        now = link.now()
        may_come = row.settles_at is not None and now < row.settles_at
        if row.in_doubt or may_come:
            raise Conflict(
                "The PMS may be working on it still.",
                code="IN_DOUBT",
                action="Let the PMS be asked first; wait a minute.",
            )
        if row.status not in (PostingStatus.POSTED, PostingStatus.VOIDING):
            raise Conflict(
                f"The charge is {row.posting_status}; nothing of it was to be taken back in the PMS.",
                code="NOT_POSTED",
                action="Void it without a number.",
            )
        states.voided_by_hand(row, caller.name, reason.strip()[:300], number, now, today)
        await by_hand.note(tx, link, caller, row, "void by hand", reason, pms_transaction_id=number)
        return row


async def gone(link: Link, caller: Caller, charge_id: UUID, reason: str) -> RoomCharge:
    """Note that the charge was taken out of the PMS's books there. The PMS is asked, and its answer counts.

    Raises NotFound, Invalid, InProgress, PmsAway, Refusal, Conflict with STANDS_IN_PMS when it holds anything of it.
    """
    _need(reason)
    row = await _missing(link, charge_id)
    if row.status is PostingStatus.VOIDED:
        return row

    async def extra(tx: Tx, fresh: RoomCharge) -> None:
        await by_hand.note(tx, link, caller, fresh, "void removed", reason)

    return await _write(
        link, row, lambda fresh: states.removed_there(fresh, caller.name, reason.strip()[:300], link.now()), extra
    )


async def post_again(link: Link, caller: Caller, charge_id: UUID, reason: str) -> RoomCharge:
    """Post a charge that the PMS lost once more, under a new reference, and return it as it stands then.

    Raises as `gone`, and Conflict with NOT_POSTED for a void charge.
    """
    _need(reason)
    today = await link.business_date()
    row = await _missing(link, charge_id)
    if row.status is PostingStatus.VOIDED:
        raise Conflict(
            "The charge is voided; nothing of it is owed.",
            code="NOT_POSTED",
            action="Send the check from the point of sale, under a new reference.",
        )

    async def extra(tx: Tx, fresh: RoomCharge) -> None:
        await by_hand.note(tx, link, caller, fresh, "post again", reason, reference=fresh.reference)

    def anew(fresh: RoomCharge) -> None:
        states.again(fresh, reference_of(fresh.id, fresh.generation + 1), link.now(), today)

    row = await _write(link, row, anew, extra)
    for _ in range(_STEPS):
        found = await resolver.step(link, charge_id)
        if found is None:
            break
        row = found
        if row.next_attempt_at is None or row.next_attempt_at > link.now():
            break
    return row


async def _missing(link: Link, charge_id: UUID) -> RoomCharge:
    """Return the charge, claimed, of which the PMS says that it holds nothing; or one that is void already."""
    row = await steps.claim(link, charge_id, steps.new_token())
    if row is None:
        raise InProgress
    try:
        if row.status is PostingStatus.VOIDED:
            return await steps.release(link, row)
        if row.status is not PostingStatus.POSTED:
            raise Conflict(f"The charge is {row.posting_status}.", code="NOT_POSTED", action="Open the posting queue.")
        if steps.is_elsewhere(link, row):
            raise Conflict(
                "The charge was made for the PMS that was connected before.",
                code=states.OTHER_PMS,
                action="Look there; take it back there by hand and note the reversal's number here.",
            )
        if voids.by_hand(row):
            raise Refusal("POSTED_BY_HAND")
        outcome = (await steps.ask(link, "find", link.connector.find_charge(charge_draft(row)))).outcome
        if isinstance(outcome, Refused):
            lookup.refuse(outcome)
        if not isinstance(outcome, Done):
            raise PmsAway(outcome.reason)
        if not outcome.value.nothing:
            raise Conflict(
                "The PMS holds this charge.", code="STANDS_IN_PMS", action="Void it there and here with a plain void."
            )
        return row
    except Exception:
        await _let_go(link, row)
        raise


async def _write(
    link: Link,
    row: RoomCharge,
    change: Callable[[RoomCharge], None],
    extra: Callable[[Tx, RoomCharge], Awaitable[None]],
) -> RoomCharge:
    try:
        return await steps.conclude(link, row, None, change, extra=extra)
    except steps.ClaimLost:  # the PMS took so long to answer that somebody else has the charge now
        raise InProgress from None


async def _let_go(link: Link, row: RoomCharge) -> None:
    try:
        await steps.release(link, row)
    except steps.ClaimLost:
        return


def _need(reason: str) -> None:
    if not reason.strip():
        raise Invalid.field("reason", "Say why.")
