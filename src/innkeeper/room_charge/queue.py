"""What people decide about charges that did not settle by themselves: retry, remove, override, settle."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from innkeeper.access import audit
from innkeeper.access.caller import Caller
from innkeeper.domain.errors import Conflict, Invalid
from innkeeper.room_charge import by_hand, repository, resolver, states, steps, work
from innkeeper.room_charge.connection import Link
from innkeeper.room_charge.errors import InProgress
from innkeeper.room_charge.tables import REMOVED, PmsConfig, PostingStatus, RoomCharge
from innkeeper.storage.database import Tx

#: One retry by hand may take several steps: to ask, and then to send what is missing.
_STEPS = 4
#: Charges that are put up to run in one transaction; whoever charges a room meanwhile waits for no more than these.
_FEW = 50


@dataclass(frozen=True, slots=True)
class PmsState:
    """How the PMS stood when it was last spoken to."""

    status: str
    last_contact_at: datetime | None
    last_failure_at: datetime | None
    last_failure: str | None


def pms_state(config: PmsConfig | None) -> PmsState:
    """Return `connected`, `troubled` or `never_spoken_to`, with since when."""
    if config is None:
        return PmsState("connected", None, None, None)
    contact, failure = config.last_contact_at, config.last_failure_at
    if contact is None and failure is None:
        return PmsState("never_spoken_to", None, None, None)
    troubled = failure is not None and (contact is None or failure > contact)
    return PmsState(
        "troubled" if troubled else "connected", contact, failure, config.last_failure if troubled else None
    )


async def retry(link: Link, caller: Caller, charge_id: UUID) -> RoomCharge:
    """Try a charge again now and return it as it stands then; one that has settled is returned as it is.

    Raises NotFound, InProgress, Conflict when nothing of it is owed.
    """
    async with link.database.write() as tx:
        row = await repository.charge(tx.session, link.property_id, charge_id, lock=True)
        if row.status in (PostingStatus.POSTED, PostingStatus.VOIDED) and not steps.is_mending(row):
            return row
        steps.must_be_free(link, row)
        until = link.now() + link.claim
        await _reopen(tx, link, caller, row, until)  # the next try, should this process die
        await steps.take(tx, link, row, steps.new_token())
    found = await resolver.go_on(link, row)
    for _ in range(_STEPS - 1):
        if found is None or found.next_attempt_at is None or found.next_attempt_at > link.now():
            break
        found = await resolver.step(link, charge_id)
    if found is not None:
        return found
    async with link.database.read() as session:  # a worker has taken it over
        return await repository.charge(session, link.property_id, charge_id)


async def process(link: Link, caller: Caller) -> Sequence[UUID]:
    """Put everything that waits up to run now and return these charges; what is up to run already is left at that."""
    async with link.database.read() as session:
        ids = await repository.waiting_charges(session, link.property_id, link.now())
    await process_these(link, caller, ids)
    return ids


async def process_these(link: Link, caller: Caller, ids: Sequence[UUID]) -> None:
    """Put those of the charges that wait up to run now; a few at a time, since waiters go on charging."""
    for start in range(0, len(ids), _FEW):
        async with link.database.write() as tx:
            for row in await repository.locked_charges(tx.session, link.property_id, ids[start : start + _FEW]):
                now = link.now()
                due = row.next_attempt_at is not None and row.next_attempt_at <= now
                if not row.is_claimed(now) and not due and steps.is_unfinished(row):
                    await _reopen(tx, link, caller, row, now)


async def recover(link: Link) -> int:
    """Have everything that waits for the PMS tried again now, and return how many charges that were.

    The one that waited longest goes first and alone: a PMS that only answers questions again would refuse them all.
    What has failed after all its tries is left alone: a person was told of it and may be posting it by hand.
    """
    async with link.database.write() as tx:
        first = await repository.bring_forward(tx.session, link.property_id, link.now(), 1)
    for charge_id in first:
        await resolver.step(link, charge_id)
    if (await link.systems.link(link.property_id)).troubled:
        return len(first)
    found = len(first)
    while True:
        async with link.database.write() as tx:
            ids = await repository.bring_forward(tx.session, link.property_id, link.now(), _FEW)
            await work.queue_settles(tx, [(link.property_id, charge_id) for charge_id in ids], link.now())
        found += len(ids)
        if len(ids) < _FEW:
            return found


async def _reopen(tx: Tx, link: Link, caller: Caller, row: RoomCharge, at: datetime) -> None:
    if row.status is PostingStatus.FAILED:
        if not row.owed:
            raise Conflict(
                "Nothing of this charge is owed.",
                code="NOTHING_OWED",
                action="Send the check again from the point of sale.",
            )
        row.posting_status = PostingStatus.PENDING.value
    if row.failure_code == states.HELD:
        row.failure_code = row.failure_reason = None
    row.next_attempt_at = at
    await steps.keep_queue(tx, link, row)
    await audit.record(
        tx, caller, "charge.retried", "room_charge", row.id, {"was": row.posting_status}, property_id=row.property_id
    )


async def remove(link: Link, caller: Caller, entry_id: UUID, reason: str) -> RoomCharge:
    """Take a charge off the queue for good: nothing of it will be sent.

    Raises NotFound, Invalid without a reason, InProgress, Conflict while the charge is in doubt.
    """
    _need(reason, "reason", "Say why it is taken off the queue.")
    async with link.database.write() as tx:
        entry = await repository.entry(tx.session, link.property_id, entry_id)
        row = await repository.charge(tx.session, link.property_id, entry.room_charge_id, lock=True)
        if entry.completed_at is not None:
            return row
        if steps.is_mending(row):
            raise Conflict(
                "The PMS holds this charge more than once, or took it back more than once.",
                code="DOUBLED",
                action="Retry it, or put it right in the PMS and settle it.",
            )
        steps.must_be_free(link, row)
        _must_be_certain(row)
        states.given_up(row, REMOVED, reason.strip())
        await by_hand.note(tx, link, caller, row, "removed", reason)
        return row


async def override(link: Link, caller: Caller, charge_id: UUID, transaction_id: str, reason: str) -> RoomCharge:
    """Note that somebody posted the charge in the PMS by hand, with the number it got there.

    Raises NotFound, Invalid, InProgress, Conflict with NOT_WAITING when it is posted or void, with IN_DOUBT.
    """
    _need(transaction_id, "pms_transaction_id", "Enter the number that the PMS gave it.")
    _need(reason, "reason", "Say why it was posted by hand.")
    async with link.database.write() as tx:
        row = await repository.charge(tx.session, link.property_id, charge_id, lock=True)
        steps.must_be_free(link, row)
        if row.status in (PostingStatus.POSTED, PostingStatus.VOIDED):
            raise _not_waiting(row)
        _must_be_certain(row)
        if not row.owed:
            raise _not_waiting(row)
        states.settled_by_hand(row, caller.name, transaction_id.strip(), link.now())
        await by_hand.note(tx, link, caller, row, "override", reason, transaction_id=transaction_id.strip())
        return row


async def settle(link: Link, caller: Caller, charge_id: UUID, *, landed: bool, evidence: str) -> RoomCharge:
    """Take a manager's word on a charge in doubt. The PMS is asked first, and where it answers, its answer counts.

    What did not land waits to be sent again; where the PMS can be asked and did not answer just now, only once it has
    been asked, since a manager may have looked at the wrong bill. Raises NotFound, Invalid, InProgress, Conflict when
    nothing is in doubt.
    """
    _need(evidence, "evidence", "Say what you saw in the PMS, such as the number on the folio.")
    row = await steps.claim(link, charge_id, steps.new_token())
    if row is None:
        raise InProgress
    if steps.is_mending(row) and landed:
        return await _settle_double(link, caller, row, evidence)
    if not row.in_doubt:
        await steps.release(link, row)
        raise Conflict(
            f"The charge is {row.posting_status}; nothing about it is in doubt.",
            code="NOT_IN_DOUBT",
            action="Read it again.",
        )
    asked = await _ask_first(link, row)
    if asked is not None and not asked.in_doubt:
        return asked
    async with link.database.write() as tx:
        row = await repository.charge(tx.session, link.property_id, charge_id, lock=True)
        steps.must_be_free(link, row)
        if not row.in_doubt:
            return row
        now, voiding = link.now(), row.status is PostingStatus.VOIDING
        if row.settles_at is not None and now < row.settles_at and link.connector.capabilities.read_back:
            raise Conflict(
                "The PMS may still be working on it; what is not there yet may come.",
                code="NOT_SETTLED_YET",
                action="Wait a minute and decide then.",
            )
        if landed:
            states.settled_by_hand(row, caller.name, None, now)
            if voiding:
                row.posting_status, row.next_attempt_at = PostingStatus.VOIDING.value, now
        elif _can_still_answer(link, row):
            states.vouched_absent(row, caller.name)
        else:
            states.absent(row, now)
            row.settled_by = caller.name
            if voiding:
                states.voided(row, None, now)
        await by_hand.note(tx, link, caller, row, "settle", evidence, landed=landed)
        return row


def _can_still_answer(link: Link, row: RoomCharge) -> bool:
    """Whether the PMS can be asked and just did not answer; that a part stands, or something else, is an answer."""
    answered = row.failure_code in (states.PARTIALLY_POSTED, states.SURPLUS)
    return link.connector.capabilities.read_back and not answered and not steps.is_elsewhere(link, row)


async def _settle_double(link: Link, caller: Caller, row: RoomCharge, evidence: str) -> RoomCharge:
    """Take a manager's word that the PMS holds the charge by now as often as it shall."""

    async def record(tx: Tx, fresh: RoomCharge) -> None:
        fresh.settled_by = caller.name
        await by_hand.note(tx, link, caller, fresh, "settle", evidence, landed=True)

    return await steps.conclude(link, row, None, states.even, extra=record)


async def _ask_first(link: Link, row: RoomCharge) -> RoomCharge | None:
    """Return the charge as the PMS's own answer leaves it; None when it lost its claim."""
    try:
        return await resolver.settle_doubt(link, row)
    except steps.ClaimLost:
        return None


def _not_waiting(row: RoomCharge) -> Conflict:
    return Conflict(
        f"The charge is {row.posting_status}; it does not wait to be posted.",
        code="NOT_WAITING",
        action="Read it again; void it, or post it again, where it stands wrong in the PMS.",
    )


def _must_be_certain(row: RoomCharge) -> None:
    if row.in_doubt or row.lines or row.status in (PostingStatus.UNKNOWN, PostingStatus.VOIDING):
        raise Conflict(
            "The charge is in doubt: it may stand in the PMS.",
            code="IN_DOUBT",
            action="Let the PMS be asked, or settle it with what you see there.",
        )


def _need(value: str, field: str, sentence: str) -> None:
    if not value.strip():
        raise Invalid.field(field, sentence)


async def bring_due(tx: Tx, now: datetime, limit: int = 500) -> int:
    """Queue a job for every charge whose time has come and at whom nobody is, whatever became of its own job."""
    due = await repository.due(tx.session, now, limit)
    await work.queue_settles(tx, due, now)
    return len(due)
