"""One step of a charge: claim it, ask the PMS outside of any transaction, and write down what was learned."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any, Generic, TypeVar
from uuid import UUID

import structlog

from innkeeper.domain.ids import new_id
from innkeeper.domain.outcome import Done, Later, Outcome, Refused, Unknown
from innkeeper.room_charge import repository, work
from innkeeper.room_charge.connection import Link, is_troubled
from innkeeper.room_charge.errors import InProgress
from innkeeper.room_charge.states import DOUBLED, EXCESS, HELD
from innkeeper.room_charge.tables import PmsConfig, PostingAttempt, PostingStatus, QueueEntry, QueueStatus, RoomCharge
from innkeeper.storage.database import Tx

T = TypeVar("T")

log = structlog.get_logger(__name__)

#: A good answer is noted only so often, since the row is one for all charges of a property.
_NOTED_EVERY = timedelta(seconds=60)
#: After so long a charge that the PMS does not answer for is no hiccup any more.
_DOUBT_LASTS = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Heard(Generic[T]):
    """What the PMS answered, and how long it took."""

    step: str
    outcome: Outcome[T]
    milliseconds: int


def new_token() -> str:
    """Return a name for one claim."""
    return secrets.token_hex(8)


async def ask(link: Link, step: str, call: Awaitable[Outcome[T]]) -> Heard[T]:
    """Wait for the PMS, never so long that the claim could end; an answer that nobody understands is Unknown."""
    started = perf_counter()
    outcome: Outcome[T]
    try:
        async with asyncio.timeout(link.call_seconds):
            outcome = await call
    except TimeoutError:
        outcome = Unknown("The PMS did not answer in time.", {"failure": "TIMEOUT"})
    except Exception as error:  # whatever happened after the request left, it is in doubt
        log.exception("connector failed", pms=link.pms_type, step=step)
        outcome = Unknown("The connector failed.", {"failure": type(error).__name__})
    return Heard(step, outcome, round((perf_counter() - started) * 1000))


async def claim(link: Link, charge_id: UUID, token: str) -> RoomCharge | None:
    """Return the charge, claimed; None while somebody else is at it. Raises NotFound."""
    async with link.database.write() as tx:
        row = await repository.charge(tx.session, link.property_id, charge_id, lock=True)
        if row.is_claimed(link.now()):
            return None
        await take(tx, link, row, token)
        return row


def must_be_free(link: Link, row: RoomCharge) -> None:
    """Raises InProgress while somebody talks to the PMS about the charge."""
    if row.is_claimed(link.now()):
        raise InProgress


async def take(tx: Tx, link: Link, row: RoomCharge, token: str) -> None:
    """Claim the charge, which is locked and free."""
    row.claimed_by, row.claimed_until = token, link.now() + link.claim
    entry = await repository.open_entry(tx.session, row.id)
    if entry is not None:
        entry.status = QueueStatus.PROCESSING.value


async def note(link: Link, row: RoomCharge, change: Callable[[RoomCharge], None]) -> RoomCharge:
    """Change the charge that is ours by its claim, and keep the claim. Raises ClaimLost."""
    async with link.database.write() as tx:
        fresh = await _ours(tx, link, row)
        change(fresh)
        return fresh


class ClaimLost(Exception):
    """The claim ran out and somebody else took the charge over; what was learned here is learned again there."""


async def conclude(
    link: Link,
    row: RoomCharge,
    heard: Heard[Any] | None,
    change: Callable[[RoomCharge], None],
    *,
    waits_for_person: bool = False,
    tell: bool = True,
    extra: Callable[[Tx, RoomCharge], Awaitable[None]] | None = None,
) -> RoomCharge:
    """Write what was learned, give the charge free and keep its queue entry true, in one transaction.

    What waits for a person is told to people outside the screens unless they were told before (not `tell`).
    Raises ClaimLost.
    """
    async with link.database.write() as tx:
        fresh = await _ours(tx, link, row)
        change(fresh)
        fresh.claimed_by = fresh.claimed_until = None
        if heard is not None:
            tx.session.add(attempt_of(fresh.id, heard, link))
            await note_contact(tx, link, heard.outcome)
        if extra is not None:
            await extra(tx, fresh)
        await keep_queue(tx, link, fresh, waits_for_person=waits_for_person, tell=tell)
        return fresh


async def conclude_at_once(
    link: Link, row: RoomCharge, heard: Heard[Any], change: Callable[[RoomCharge], None]
) -> PostingAttempt:
    """Write what was learned of a charge that was sent as it came and that nothing waits for any more.

    `row` is as it was committed with the claim, which still holds, so that it need not be read again. Returns what is
    told of the call. Raises ClaimLost.
    """
    claim, before = row.claimed_by or "", repository.fields_of(row)
    change(row)
    row.claimed_by = row.claimed_until = None
    row.updated_at = link.now()
    now = repository.fields_of(row)
    changes = {name: value for name, value in now.items() if name not in before or before[name] is not value}
    told = attempt_of(row.id, heard, link)
    async with link.database.write() as tx:
        if not await repository.change_claimed(tx.plain, row.id, claim, changes):
            raise ClaimLost
        await repository.add_attempt(tx.plain, told)
        await note_contact(tx, link, heard.outcome)
    return told


async def _ours(tx: Tx, link: Link, row: RoomCharge) -> RoomCharge:
    fresh = await repository.charge(tx.session, link.property_id, row.id, lock=True)
    if fresh.claimed_by != row.claimed_by:
        raise ClaimLost
    return fresh


async def release(link: Link, row: RoomCharge) -> RoomCharge:
    """Give the charge free without having done anything."""
    return await conclude(link, row, None, lambda _: None)


async def keep_queue(tx: Tx, link: Link, row: RoomCharge, *, waits_for_person: bool = False, tell: bool = True) -> None:
    """Make the charge's queue entry say what the charge says, and set the alarm for its next try."""
    stuck = waits_for_person or (row.next_attempt_at is None and is_unfinished(row) and row.failure_code != HELD)
    entry = await repository.open_entry(tx.session, row.id)
    now = link.now()
    if entry is None:
        if not is_unfinished(row):
            return
        entry = QueueEntry(property_id=row.property_id, room_charge_id=row.id, created_at=now, attempts=0)
        tx.session.add(entry)
    entry.attempts = row.retry_count
    entry.last_attempt_at = row.last_retry_at
    entry.next_attempt_at = row.next_attempt_at
    entry.response_code = (row.failure_code or "")[:50] or None
    entry.response_message = row.failure_reason
    before = entry.status
    if not is_unfinished(row):
        entry.status, entry.completed_at = QueueStatus.COMPLETED.value, now
        entry.response_code = entry.response_code or "OK"
    else:
        entry.status = QueueStatus.FAILED.value if stuck else QueueStatus.QUEUED.value
    if row.next_attempt_at is not None:
        await work.queue_settle(tx, row.property_id, row.id, row.next_attempt_at)
    if tell and entry.status == QueueStatus.FAILED.value != before and link.options.retry.alert_on_failure:
        await _alert(tx, link, row)
    elif link.options.retry.alert_on_failure and _asked_too_long(row, entry, now):
        row.evidence = {**row.evidence, "alerted": True}
        await _alert_of_doubt(tx, link, row)


def _asked_too_long(row: RoomCharge, entry: QueueEntry, now: datetime) -> bool:
    """Whether nobody was told yet of a charge that the PMS has not answered for since an hour."""
    if row.status not in (PostingStatus.UNKNOWN, PostingStatus.VOIDING) or row.evidence.get("alerted"):
        return False
    return now - max(entry.created_at, row.sent_at or entry.created_at) >= _DOUBT_LASTS


async def _alert_of_doubt(tx: Tx, link: Link, row: RoomCharge) -> None:
    hangs = "is in doubt" if row.status is PostingStatus.UNKNOWN else "is half taken back"
    body = (
        f"The charge of check {row.check_number} at {row.outlet_code} {hangs} for an hour, and the PMS does not answer "
        "for it. It is asked on and nothing is sent twice. Look into the PMS, and open the posting queue."
    )
    title = f"{link.hotel.name}: a room charge {hangs}"
    await work.queue_alert(tx, row.property_id, f"doubt:{row.id}", title, body)


async def _alert(tx: Tx, link: Link, row: RoomCharge) -> None:
    body = (
        f"The charge of check {row.check_number} at {row.outlet_code} needs a person: "
        f"{row.failure_code or row.posting_status}. Open the posting queue."
    )
    await work.queue_alert(tx, row.property_id, f"posting:{row.id}", f"{link.hotel.name}: a room charge is stuck", body)


def is_unfinished(row: RoomCharge) -> bool:
    """Whether something is still to be done about the charge, by us or by a person."""
    if row.status is PostingStatus.FAILED:
        return row.owed
    return row.status.is_open or is_mending(row)


def is_elsewhere(link: Link, row: RoomCharge) -> bool:
    """Whether the charge was made for another PMS than the property has now; this one knows nothing of it."""
    return row.pms_origin is not None and row.pms_origin != link.origin


def is_doubled(row: RoomCharge) -> bool:
    """Whether the charge stands and more than that is to be taken back."""
    return row.status is PostingStatus.POSTED and row.failure_code == DOUBLED


def is_excess(row: RoomCharge) -> bool:
    """Whether the charge, or a second posting of it, was taken back and more than that is to be put back."""
    return row.status in (PostingStatus.POSTED, PostingStatus.VOIDED) and row.failure_code == EXCESS


def is_mending(row: RoomCharge) -> bool:
    """Whether the charge has settled and the PMS holds too much or too little of it."""
    return is_doubled(row) or is_excess(row)


def attempt_of(charge_id: UUID, heard: Heard[Any], link: Link) -> PostingAttempt:
    """Return the row that tells of a call."""
    row = PostingAttempt(
        id=new_id(),
        room_charge_id=charge_id,
        at=link.now(),
        step=heard.step,
        duration_ms=heard.milliseconds,
        evidence={},
    )
    match heard.outcome:
        case Done():
            row.outcome, row.code, row.message = "done", None, "The PMS answered."
        case Refused(code=code, message=message, detail=detail, evidence=evidence):
            row.outcome, row.code = "refused", code
            row.message = " ".join(filter(None, (message, detail)))
            row.evidence = _told(evidence)
        case Later(reason=reason, code=code, evidence=evidence):
            row.outcome, row.code, row.message = "later", code, reason
            row.evidence = _told(evidence)
        case Unknown(reason=reason, evidence=evidence):
            row.outcome, row.code, row.message = "unknown", str(evidence.get("failure", "UNKNOWN")), reason
            row.evidence = _told(evidence)
    return row


def _told(evidence: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in evidence.items()}


async def note_change(link: Link, outcome: Outcome[Any]) -> None:
    """Write down after a mere question that the PMS answers or does not, when it was otherwise before."""
    failed = isinstance(outcome, Later | Unknown)
    known = failed or link.last_contact_at is not None or link.pms_type == "house"
    if failed == link.troubled and known:
        return
    async with link.database.write() as tx:
        await note_contact(tx, link, outcome)


async def note_contact(tx: Tx, link: Link, outcome: Outcome[Any]) -> None:
    """Write down that the PMS answers or does not, once that changes; what waited for it is tried again soon."""
    now = link.now()
    failed = isinstance(outcome, Later | Unknown)
    fresh = link.last_contact_at is not None and now - link.last_contact_at < _NOTED_EVERY
    if failed == link.troubled and (failed or fresh or not link.has_settings):
        return
    config: PmsConfig | None = await repository.config(tx.session, link.property_id, lock=True)
    if config is None:
        return
    if isinstance(outcome, Later | Unknown):
        # of two calls that end at the same instant, the one that is noted later counts
        before = config.last_contact_at
        config.last_failure_at = now if before is None else max(now, before + timedelta(microseconds=1))
        config.last_failure = outcome.reason
        link.systems.forget(link.property_id)
        return
    came_back = is_troubled(config)
    config.last_contact_at = max(now, config.last_failure_at or now)
    link.systems.forget(link.property_id)
    if came_back:  # many may be waiting, and this is the request of a single one
        await work.queue_recover(tx, link.property_id)
