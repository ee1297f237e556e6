"""How a charge goes from one state to the next: one change of its row for each thing learned, without I/O."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from innkeeper.domain.charge import ZERO, ChargeReceipt, PmsCode, PostedLine, ReadBack, VoidReceipt
from innkeeper.domain.money import format_amount, quantize
from innkeeper.domain.outcome import Later, Refused, Unknown
from innkeeper.jobs.backoff import DOUBT_SECONDS, OUTAGE_SECONDS, backoff
from innkeeper.room_charge.drafts import line_documents, merged
from innkeeper.room_charge.settings import Retry
from innkeeper.room_charge.tables import PostingStatus, RoomCharge

#: The longest wait between two automatic retries.
_LONGEST_RETRY = timedelta(hours=1)

#: What is left of a half-done void is tried again so often: the guest may have been checked in again.
_HALF_VOID = timedelta(hours=1)

#: The PMS refuses us, not the charge.
_CONNECTION_REFUSED = (PmsCode.CREDENTIALS_REFUSED, PmsCode.NOT_AUTHORIZED)

PARTIALLY_POSTED = "PARTIALLY_POSTED"
SURPLUS = "SURPLUS_IN_PMS"
#: The charge stands, and the PMS holds it over again; what is too much is being taken back.
DOUBLED = "DOUBLED_IN_PMS"
#: The PMS took it back more often than it stood; what is too much is being put back.
EXCESS = "TAKEN_BACK_TWICE"
IN_DOUBT = "IN_DOUBT"
VOIDED_UNSENT = "VOIDED_UNSENT"
REMOVED_THERE = "REMOVED_IN_PMS"
HELD = "AUTO_POST_OFF"
#: In the evidence: who said that a charge in doubt does not stand, before the PMS could be asked.
VOUCHED = "said_absent_by"
#: In the evidence: by how much a charge went over the guest's limit when it was sent later than it was taken on.
OVER_LIMIT = "over_limit"
#: It was made for a PMS that the property has no longer.
OTHER_PMS = "OTHER_PMS"


def in_flight(row: RoomCharge, now: datetime, settles_at: datetime) -> None:
    """Something may leave from now on; if nobody comes back, the PMS is asked at `settles_at`."""
    row.sent_at = now
    row.settles_at = row.next_attempt_at = settles_at


def posted(row: RoomCharge, receipt: ChargeReceipt, now: datetime) -> None:
    """The PMS has the charge and said so."""
    row.lines = merged(row.lines, line_documents(receipt.lines))
    row.pms_transaction_id = row.pms_transaction_id or receipt.transaction_id or None
    if receipt.folio_balance is not None:
        row.folio_balance = quantize(receipt.folio_balance, row.currency)
    row.business_date = receipt.business_date or row.business_date
    if receipt.mismatches:
        row.evidence = {**row.evidence, "mismatches": list(receipt.mismatches)}
    _stands(row, now)


def found(row: RoomCharge, read: ReadBack, now: datetime) -> None:
    """The PMS was asked and has every line."""
    lines = list(read.landed.values())
    row.lines = line_documents(lines)
    row.pms_transaction_id = next((line.transaction_id for line in lines if line.transaction_id), None)
    row.business_date = next((line.business_date for line in lines if line.business_date), row.business_date)
    if read.surplus:
        row.evidence = {**row.evidence, "surplus": line_documents(read.surplus)}
    _stands(row, now)
    if doubles_of(read):
        doubled(row, now)


def doubles_of(read: ReadBack) -> list[PostedLine]:
    """Return what stands over again; lines of other amounts under the reference are not ours to touch."""
    ours = {(line.code, line.amount) for line in read.landed.values()}
    return [line for line in read.surplus if (line.code, line.amount) in ours]


def doubled(row: RoomCharge, now: datetime) -> None:
    """The PMS seems to hold a posted charge more than once."""
    row.failure_code, row.failure_reason = DOUBLED, "The PMS holds it more than once; what is too much is taken back."
    row.next_attempt_at = now


def wait_until(row: RoomCharge, instant: datetime) -> None:
    """A taking back may be under way until then; nothing is sent before."""
    row.settles_at = row.next_attempt_at = instant


def single(row: RoomCharge) -> None:
    """The PMS was asked: nothing of it stands twice."""
    _nothing_open(row)
    row.failure_code = row.failure_reason = None


def mended(row: RoomCharge, receipt: VoidReceipt, now: datetime) -> None:
    """What stood twice was taken back, if need be too often."""
    single(row)
    evidence = {name: value for name, value in row.evidence.items() if name != "taking_back"}
    evidence["taken_back"] = merged(evidence.get("taken_back", []), line_documents(receipt.lines))
    row.evidence = evidence
    if receipt.excess:
        taken_back_twice(row, now)


def taken_back_twice(row: RoomCharge, now: datetime, *, seen: bool = True) -> None:
    """The PMS took it back more often than it stood: `seen` by its own answer, else by the comparison of a day."""
    row.failure_code = EXCESS
    row.failure_reason = "The PMS took it back more often than it stood; what is too much is put back."
    row.evidence = {**row.evidence, "excess": seen}
    row.settles_at, row.next_attempt_at = None, now


def put_back(row: RoomCharge, receipt: VoidReceipt, now: datetime) -> None:
    """What was taken back too often stands again; whether it does once, the next look tells."""
    stored = merged(row.evidence.get("put_back", []), line_documents(receipt.lines))
    row.evidence = {**row.evidence, "excess": False, "put_back": stored}
    row.settles_at, row.next_attempt_at = None, now


def even(row: RoomCharge) -> None:
    """The PMS was asked: nothing is taken back too often."""
    single(row)
    row.evidence = {name: value for name, value in row.evidence.items() if name not in ("excess", "rounds")}


def mending_put_off(
    row: RoomCharge, outcome: Later | Unknown, now: datetime, settle_seconds: float, *, sent: bool
) -> None:
    """The PMS is away, or nobody knows whether what stood twice was taken back; the next try looks first."""
    tries = int(row.evidence.get("mend_tries", 0)) + 1
    row.evidence = {**row.evidence, "mend_tries": tries}
    row.failure_reason = outcome.reason
    row.settles_at, row.next_attempt_at = None, now + backoff(tries, OUTAGE_SECONDS)
    if sent and isinstance(outcome, Unknown):
        wait_until(row, now + _settling(outcome, settle_seconds))


def settled_by_hand(row: RoomCharge, who: str, transaction_id: str | None, now: datetime) -> None:
    """A person says that it stands in the PMS."""
    row.pms_transaction_id = transaction_id or row.pms_transaction_id
    row.settled_by = who
    _stands(row, now)


def _stands(row: RoomCharge, now: datetime) -> None:
    row.posting_status = PostingStatus.POSTED.value
    row.posted_at = row.posted_at or now
    _nothing_open(row)
    row.failure_code = row.failure_reason = None
    row.terms = {name: value for name, value in row.terms.items() if name != "missing"}


def _nothing_open(row: RoomCharge) -> None:
    row.sent_at = row.settles_at = row.next_attempt_at = None


def doubted(row: RoomCharge, outcome: Unknown, now: datetime, settle_seconds: float, *, can_ask: bool) -> None:
    """The request left and nobody knows. The PMS is asked soon; where it cannot be, a manager decides."""
    settles = float(outcome.evidence.get("settles_after_seconds", settle_seconds))
    row.posting_status = PostingStatus.UNKNOWN.value
    row.sent_at = row.sent_at or now
    row.settles_at = now + timedelta(seconds=settles)
    row.failure_code, row.failure_reason = IN_DOUBT, outcome.reason
    before = {name: value for name, value in row.evidence.items() if name != VOUCHED}
    row.evidence = {**before, **_plain(outcome.evidence), "asked": 0}
    row.next_attempt_at = now + timedelta(seconds=min(DOUBT_SECONDS, settles)) if can_ask else None


def still_doubted(row: RoomCharge, reason: str, now: datetime, *, settled: bool) -> None:
    """The PMS was asked and its answer proves nothing yet; it is asked again, ever less often."""
    asked = int(row.evidence.get("asked", 0)) + 1
    row.evidence = {**row.evidence, "asked": asked}
    row.failure_reason = reason
    again = now + backoff(asked, DOUBT_SECONDS if not settled else OUTAGE_SECONDS)
    if row.settles_at is not None and not settled:
        again = min(again, row.settles_at)
    row.next_attempt_at = again
    if row.status is PostingStatus.PENDING:
        row.posting_status = PostingStatus.UNKNOWN.value


def needs_person(row: RoomCharge, code: str, reason: str) -> None:
    """Nothing more can be found out or done by itself."""
    row.failure_code, row.failure_reason, row.next_attempt_at = code, reason, None
    if row.status is PostingStatus.PENDING and row.in_doubt:
        row.posting_status = PostingStatus.UNKNOWN.value


def is_vouched(row: RoomCharge) -> bool:
    """Whether a manager has said of a charge in doubt that it does not stand, and the PMS has yet to say so too."""
    return row.in_doubt and bool(row.evidence.get(VOUCHED))


def waits_for_person(row: RoomCharge) -> None:
    """What is known of it stays; a person decides."""
    row.next_attempt_at = None


def vouched_absent(row: RoomCharge, who: str) -> None:
    """A manager says that it does not stand; nothing is sent before the PMS, which can be asked, has said so too."""
    row.evidence = {**row.evidence, VOUCHED: who}
    row.failure_reason = (
        f"{who} says that it does not stand there. The PMS did not answer; nothing is sent before it has been asked."
    )


def absent(row: RoomCharge, now: datetime) -> None:
    """The PMS was asked in time and has nothing of it: it may be sent."""
    row.posting_status = PostingStatus.PENDING.value
    row.sent_at = row.settles_at = None
    row.lines = []
    row.next_attempt_at = now


def partly_there(row: RoomCharge, read: ReadBack, now: datetime) -> None:
    """A part of the lines landed: only the rest may be sent."""
    row.posting_status = PostingStatus.PENDING.value
    row.sent_at = row.settles_at = None
    row.lines = line_documents(read.landed.values())
    row.terms = {**row.terms, "missing": [line.key for line in read.missing]}
    row.next_attempt_at = now


def refused(row: RoomCharge, outcome: Refused, now: datetime, *, released: bool) -> None:
    """The PMS will not have it. Nothing is owed, unless a part of it landed before."""
    reason = " ".join(filter(None, (outcome.message, outcome.detail)))
    row.sent_at = row.settles_at = row.next_attempt_at = None
    if row.lines:
        row.posting_status = PostingStatus.UNKNOWN.value
        row.sent_at = now  # a part stands there, so it is not simply refused
        needs_person(row, PARTIALLY_POSTED, f"A part of the check stands in the PMS; the rest is refused: {reason}")
        return
    row.posting_status = PostingStatus.FAILED.value
    row.failure_code, row.failure_reason, row.released = outcome.code, reason, released
    if released:
        row.check_mark = None


def put_off(row: RoomCharge, outcome: Later, now: datetime, retry: Retry) -> None:
    """Nothing was done. It is tried again by the property's interval and count; after that a person decides.

    Failed is only what was tried again in vain: whoever has just sent it is told that it is kept.
    """
    row.sent_at = row.settles_at = None
    row.failure_code, row.failure_reason = outcome.code, outcome.reason
    if not retry.enabled or row.retry_count >= retry.max_attempts:
        row.next_attempt_at = None
        is_kept = row.lines or row.retry_count == 0
        row.posting_status = PostingStatus.PENDING.value if is_kept else PostingStatus.FAILED.value
        return
    row.posting_status = PostingStatus.PENDING.value
    wait = min(timedelta(minutes=retry.interval_minutes) * 2**row.retry_count, _LONGEST_RETRY)
    row.next_attempt_at = now + max(wait, timedelta(seconds=outcome.after_seconds or 0))


def held(row: RoomCharge) -> None:
    """The property or the outlet posts nothing by itself: it waits for somebody to process the queue."""
    row.failure_code, row.failure_reason = HELD, "Posting by itself is switched off; process the queue to post it."
    _nothing_open(row)


def given_up(row: RoomCharge, code: str, reason: str) -> None:
    """Nothing of it is owed and nothing more will be sent."""
    row.posting_status = PostingStatus.FAILED.value
    row.failure_code, row.failure_reason = code, reason
    row.check_mark = None  # the same check may be charged anew
    _nothing_open(row)


def voided(row: RoomCharge, receipt: VoidReceipt | None, now: datetime, today: date | None = None) -> None:
    """Nothing of it is owed any more; `today` is the business date, for a PMS that does not tell it."""
    row.posting_status = PostingStatus.VOIDED.value
    row.voided_at = now
    row.check_mark = None
    _nothing_open(row)
    row.failure_code = row.failure_reason = None
    if receipt is None:
        row.failure_code, row.failure_reason = VOIDED_UNSENT, "It was voided before anything was posted."
    else:
        lines = _of_void(row, receipt)
        row.void_date = next((line.business_date for line in reversed(lines) if line.business_date), today)
        evidence = {name: value for name, value in row.evidence.items() if name != "void_left"}
        row.evidence = {**evidence, "void": line_documents(lines), "void_id": receipt.transaction_id}
        if receipt.excess:
            taken_back_twice(row, now)


def _of_void(row: RoomCharge, receipt: VoidReceipt) -> list[PostedLine]:
    """Return the void's reversals without those that took a second posting back before."""
    before = {line.get("transaction_id") for line in row.evidence.get("taken_back", ())} - {None}
    return [line for line in receipt.lines if line.transaction_id not in before]


def half_voided(row: RoomCharge, receipt: VoidReceipt, now: datetime) -> None:
    """A part was taken back and the rest is refused: a person decides, and it is tried again now and then."""
    assert receipt.refusal is not None  # noqa: S101 - called for these only
    row.failure_code = f"VOID_{receipt.refusal.code}"
    why = " ".join(filter(None, (receipt.refusal.message, receipt.refusal.detail)))
    gone = format_amount(-sum((line.amount for line in _of_void(row, receipt)), ZERO), row.currency)
    left = format_amount(sum((line.amount for line in receipt.left), ZERO), row.currency)
    row.failure_reason = f"{gone} {row.currency} of it was taken back; {left} stands still, and is refused: {why}"
    stored = {
        "void": line_documents(_of_void(row, receipt)),
        "void_left": line_documents(receipt.left),
        "alerted": True,  # it is told at once, and differently from a PMS that does not answer
    }
    row.evidence = {**row.evidence, **stored}
    row.settles_at, row.next_attempt_at = None, now + _HALF_VOID


def voided_by_hand(row: RoomCharge, who: str, reason: str, transaction_id: str, now: datetime, today: date) -> None:
    """A person took it back in the PMS, under a number there."""
    row.posting_status = PostingStatus.VOIDED.value
    row.voided_at, row.voided_by, row.void_reason, row.void_date = now, who, reason, today
    row.check_mark = None
    evidence = {name: value for name, value in row.evidence.items() if name != "void_left"}
    by_hand = {"transaction_id": transaction_id, "by": who}
    row.evidence = {**evidence, "void_by_hand": by_hand, "void_id": transaction_id}
    _nothing_open(row)
    row.failure_code = row.failure_reason = None


def removed_there(row: RoomCharge, who: str, reason: str, now: datetime) -> None:
    """The PMS was asked and holds nothing of it, and a person says that it was taken out there on purpose."""
    row.posting_status = PostingStatus.VOIDED.value
    row.voided_at, row.voided_by, row.void_reason = now, who, reason
    row.check_mark = None
    _nothing_open(row)
    row.failure_code, row.failure_reason = REMOVED_THERE, "It was removed in the PMS."


def again(row: RoomCharge, reference: str, now: datetime, today: date) -> None:
    """The PMS was asked and holds nothing of it: it is posted once more, under a reference that it never had."""
    earlier = [*row.evidence.get("earlier_references", []), row.reference]
    row.evidence = {"earlier_references": earlier}
    row.generation += 1
    row.reference = reference
    row.posting_status = PostingStatus.PENDING.value
    row.posted_at = row.pms_transaction_id = row.folio_balance = row.settled_by = None
    row.lines, row.retry_count, row.business_date = [], 0, today
    row.sent_at = row.settles_at = row.failure_code = row.failure_reason = None
    row.next_attempt_at = now


def void_refused(row: RoomCharge, outcome: Refused, now: datetime) -> None:
    """The PMS does not take it back: it still stands, and a person must do it there or mend the connection."""
    row.settles_at = None
    row.failure_code = f"VOID_{outcome.code}"
    row.failure_reason = " ".join(filter(None, (outcome.message, outcome.detail)))
    if outcome.code in _CONNECTION_REFUSED or "void_left" in row.evidence:
        row.next_attempt_at = None  # it stays half done until somebody has mended that
        return
    row.void_reason = row.voided_by = None
    if row.posted_at is None:
        row.posting_status = PostingStatus.UNKNOWN.value
        row.sent_at, row.next_attempt_at = now, None
        return
    row.posting_status = PostingStatus.POSTED.value
    _nothing_open(row)


def void_put_off(row: RoomCharge, outcome: Later | Unknown, now: datetime, settle_seconds: float) -> None:
    """Half a void finishes itself; nothing is sent before the PMS is done with the last request."""
    tries = int(row.evidence.get("void_tries", 0)) + 1
    row.evidence = {**row.evidence, "void_tries": tries}
    row.failure_code = IN_DOUBT if isinstance(outcome, Unknown) else outcome.code
    row.failure_reason = outcome.reason
    if isinstance(outcome, Unknown):
        wait_until(row, now + _settling(outcome, settle_seconds))
    else:
        row.settles_at, row.next_attempt_at = None, now + backoff(tries, OUTAGE_SECONDS)


def _settling(outcome: Unknown, settle_seconds: float) -> timedelta:
    seconds = float(outcome.evidence.get("settles_after_seconds", settle_seconds))
    return timedelta(seconds=max(seconds, DOUBT_SECONDS))


def _plain(evidence: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value if isinstance(value, int | float | str | bool | None) else str(value)
        for name, value in evidence.items()
    }
