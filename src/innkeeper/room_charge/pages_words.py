"""Says what the state of a charge and of its PMS means to a person, and what may be done about it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from innkeeper.access.caller import Caller
from innkeeper.access.roles import Role
from innkeeper.domain.charge import PmsCode, VoidWay
from innkeeper.room_charge import states, steps, voids
from innkeeper.room_charge.connection import Link
from innkeeper.room_charge.queue import PmsState
from innkeeper.room_charge.tables import REMOVED, PostingAttempt, PostingStatus, QueueEntry, RoomCharge
from innkeeper.web.pages import write_time
from innkeeper.web.status import State

#: How people at the hotel call their PMS.
_NAMES = {
    "house": "the house's own books",
    "opera": "OPERA",
    "mews": "Mews",
    "cloudbeds": "Cloudbeds",
    "stayntouch": "StayNTouch",
    "protel": "protel",
    "infor_hms": "Infor HMS",
    "htng": "the PMS",
    "fias": "the PMS",
    "apaleo": "apaleo",
}


_CLOSE = "You can close the check."


@dataclass(frozen=True, slots=True)
class Standing:
    """How a charge stands: `word` beside its shape, a headline, and what it means in sentences."""

    state: State
    word: str
    title: str
    sentence: str
    #: What the waiter does now.
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Acts:
    """What the caller may do about a charge now."""

    retry: bool = False
    override: bool = False
    settle: bool = False
    remove: bool = False
    void: bool = False
    #: Note that somebody took it back in the PMS, with a number.
    void_by_hand: bool = False
    #: Say that it was removed in the PMS, or post it again.
    gone: bool = False

    @property
    def mends(self) -> str:
        """The first act to offer: retry, settle, or none."""
        if self.settle:
            return "settle"
        return "retry" if self.retry else ""


def pms_name(pms_type: str) -> str:
    """Return what the PMS is called in a sentence."""
    return _NAMES.get(pms_type, "the PMS")


def at_start(text: str) -> str:
    """Return the text with a capital at its start, whatever comes after."""
    return text[:1].upper() + text[1:]


def is_finished(row: RoomCharge) -> bool:
    """Whether nothing more will happen to the charge, by itself or by a person who mends it."""
    if row.status is PostingStatus.FAILED:
        return not row.owed
    return not row.status.is_open


#: What is one try: to send it, or to find that not even the guest can be looked up.
_TRIES = ("lookup", "charge", "find guest")


def tries_of(attempts: Sequence[PostingAttempt]) -> int:
    """Return how often it was tried to post a charge; asking what became of it is none."""
    return sum(one.step in _TRIES for one in attempts)


def standing(row: RoomCharge, link: Link, now: datetime | None = None, tries: int | None = None) -> Standing:
    """Return how the charge stands; `tries` where they were counted, else as far as its row tells."""
    now = now or link.now()
    told = _Teller(row, link, now, row.retry_count + 1 if tries is None else tries)
    match row.status:
        case PostingStatus.POSTED:
            return told.posted()
        case PostingStatus.PENDING:
            return told.pending()
        case PostingStatus.UNKNOWN:
            return told.unknown()
        case PostingStatus.FAILED:
            return told.failed()
        case PostingStatus.VOIDING:
            return told.voiding()
        case PostingStatus.VOIDED:
            return told.voided()


class _Teller:
    """Writes the sentences about one charge."""

    def __init__(self, row: RoomCharge, link: Link, now: datetime, tries: int) -> None:
        self.row, self.now, self.tries = row, now, tries
        self._zone = link.hotel.timezone
        self.pms = pms_name(link.pms_type)
        self.sends_itself = link.options.retry.enabled

    def at(self, instant: datetime | None) -> str:
        return write_time(instant, self._zone, self.now) if instant else "—"

    def again(self, verb: str) -> str:
        """Return when the next try is."""
        when = self.row.next_attempt_at
        if when is None or when <= self.now:
            return f"{verb} again in a moment"
        return f"{verb} again at {self.at(when)}"

    @property
    def tried(self) -> str:
        """How often it was tried, in words."""
        return "once" if self.tries == 1 else f"{self.tries} times"

    def posted(self) -> Standing:
        row = self.row
        sentence = f"It stands on the bill of room {row.room_number} since {self.at(row.posted_at)}."
        if row.settled_by:
            sentence += f" {row.settled_by} vouches for it."
        if over := row.evidence.get(states.OVER_LIMIT):
            sentence += f" It went over the guest's limit by {over} {row.currency} when it was sent."
        if row.failure_code and row.failure_code.startswith("VOID_"):
            sentence += f" It could not be taken back: {_sentence(row.failure_reason)}"
        if steps.is_mending(row):
            return self.mending("posted", sentence)
        return Standing(State.DONE, "posted", "Posted", sentence)

    def mending(self, word: str, sentence: str) -> Standing:
        """Say that the PMS holds too much or too little of a charge that has settled."""
        sentence = f"{sentence} {_sentence(self.row.failure_reason)}"
        if self.row.next_attempt_at is None:
            return Standing(State.NEEDS_YOU, "needs you", at_start(word), sentence)
        return Standing(State.ON_ITS_WAY, "being put right", at_start(word), sentence)

    def voided(self) -> Standing:
        row = self.row
        if steps.is_mending(row):
            return self.mending("taken back", self.void_words())
        words = f"{self.void_words()} Nothing is owed."
        by_hand = row.evidence.get("void_by_hand")
        if by_hand:
            words += f" It was taken back in {self.pms} by hand, under number {by_hand['transaction_id']}."
        if row.failure_code == states.REMOVED_THERE:
            words += f" It had been removed in {self.pms}."
        return Standing(State.OFF, "voided", "Taken back", words)

    def pending(self) -> Standing:
        row = self.row
        if row.in_doubt and row.is_claimed(self.now):
            told = f"{at_start(self.pms)} is being told at this moment."
            return Standing(
                State.ON_ITS_WAY, "being sent", "Being posted now", told, "Wait for the answer; it appears here."
            )
        if row.failure_code == states.HELD:
            return Standing(
                State.NEEDS_YOU,
                "held",
                "Kept for later",
                "Posting by itself is switched off here. The charge is safe and waits until a manager sends the queue.",
                _CLOSE,
            )
        if row.next_attempt_at is None:
            tried = f"It was tried {self.tried} and" if self.tries else "It"
            told = f"{_sentence(row.failure_reason)} {tried} is not sent by itself; the charge is kept for a manager."
            return Standing(State.NEEDS_YOU, "needs you", "Waits for a manager", told.strip(), _CLOSE)
        word = f"retry {row.retry_count}" if row.retry_count else "queued"
        why = f"{at_start(self.pms)} did not answer."
        if row.failure_code not in (None, "CONNECTION_FAILED"):
            why = _sentence(row.failure_reason)
        sentence = f"{why} The charge is safe and will be {self.again('sent')}."
        return Standing(State.ON_ITS_WAY, word, "Queued", sentence, _CLOSE)

    def unknown(self) -> Standing:
        row = self.row
        if row.next_attempt_at is not None:
            sentence = (
                f"{at_start(self.pms)} did not answer in time, so nobody can say yet whether it stands on the bill. "
                f"It will be {self.again('asked')}, and nothing is sent twice."
            )
            if states.is_vouched(row):
                who = row.evidence[states.VOUCHED]
                sentence += f" {who} says that it is not there; it is sent once {self.pms} has been asked."
        else:
            looks = f"A manager looks into the bill in {self.pms} and says what stands there."
            sentence = f"{_sentence(row.failure_reason)} {looks}"
        return Standing(
            State.IN_DOUBT, "in doubt", "In doubt", sentence, "You can close the check; do not charge it again."
        )

    def failed(self) -> Standing:
        row = self.row
        reason = _sentence(row.failure_reason)
        if row.failure_code == REMOVED:
            return Standing(State.OFF, "removed", "Taken off the queue", f"{reason} Nothing is owed.")
        if row.released:
            return Standing(State.REFUSED, "refused", "Refused", f"{reason} Nothing is owed.")
        return Standing(
            State.NEEDS_YOU,
            "failed",
            "Not posted",
            f"{reason} It was tried {self.tried} and is not sent by itself any more. A manager sends it again, notes "
            "that it was posted by hand, or takes it off the queue.",
            f"{_CLOSE} A manager has it.",
        )

    def voiding(self) -> Standing:
        row = self.row
        words = self.void_words()
        asked = row.next_attempt_at is not None
        if asked and (row.in_doubt or row.failure_code == states.IN_DOUBT):
            doubt = f"{words} {at_start(self.pms)} did not say that it did; it will be {self.again('asked')}."
            return Standing(State.IN_DOUBT, "in doubt", "Being taken back", doubt)
        if row.next_attempt_at is None or "void_left" in row.evidence:
            told = f"{words} {_sentence(row.failure_reason)}".strip()
            if "void_left" in row.evidence:
                told += f" Take the rest back in {self.pms} and note its number, or retry it once {self.pms} allows it."
            return Standing(State.NEEDS_YOU, "needs you", "Half taken back", told)
        return Standing(
            State.ON_ITS_WAY, "taking back", "Being taken back", f"{words} It will be {self.again('tried')}."
        )

    def void_words(self) -> str:
        row = self.row
        who = f" by {row.voided_by}" if row.voided_by else ""
        when = f" at {self.at(row.voided_at)}" if row.voided_at else ""
        why = f": {_sentence(row.void_reason)}" if row.void_reason else "."
        return f"Taken back{who}{when}{why}"


def _sentence(text: str | None) -> str:
    """Return the text as a sentence that ends."""
    text = (text or "").strip()
    if not text:
        return ""
    return text if text[-1] in ".!?" else f"{text}."


def acts(row: RoomCharge, link: Link, caller: Caller, *, queued: bool) -> Acts:
    """Return what the caller may do; `queued` says that an entry of the queue is open for the charge."""
    if not caller.role.at_least(Role.MANAGER):
        return Acts()
    if row.is_claimed(link.now()):
        return Acts()
    certain = not row.in_doubt and not row.lines and row.status is not PostingStatus.VOIDING
    mending = steps.is_mending(row)
    waits = not is_finished(row) or mending
    untold = row.status in (PostingStatus.PENDING, PostingStatus.FAILED)
    takes_back = row.status is not PostingStatus.POSTED or link.connector.capabilities.void is not VoidWay.NONE
    standing_or_waiting = row.status in (PostingStatus.POSTED, PostingStatus.PENDING, PostingStatus.UNKNOWN) or (
        row.status is PostingStatus.FAILED and waits
    )
    return Acts(
        retry=waits,
        override=waits and certain and untold,
        settle=waits and (row.in_doubt or mending),
        remove=waits and certain and untold and queued,
        void=standing_or_waiting and takes_back,
        void_by_hand=_may_be_by_hand(row, link),
        gone=row.status is PostingStatus.POSTED
        and not mending
        and not voids.by_hand(row)
        and not steps.is_elsewhere(link, row),
    )


def _may_be_by_hand(row: RoomCharge, link: Link) -> bool:
    """Whether a person takes it back in the PMS, which cannot, will not, or does not know it by our reference."""
    if row.in_doubt or (row.settles_at is not None and row.settles_at > link.now()):
        return False
    if row.status is PostingStatus.VOIDING:
        return row.next_attempt_at is None or "void_left" in row.evidence
    refused = (row.failure_code or "").startswith("VOID_") and row.failure_code != f"VOID_{PmsCode.GONE_IN_PMS}"
    return row.status is PostingStatus.POSTED and (
        refused
        or voids.by_hand(row)
        or steps.is_elsewhere(link, row)
        or link.connector.capabilities.void is VoidWay.NONE
    )


@dataclass(frozen=True, slots=True)
class Line:
    """A charge with what is said about it, as the lists show it."""

    row: RoomCharge
    standing: Standing
    acts: Acts
    entry: QueueEntry | None = None


def lines(rows: Sequence[tuple[QueueEntry | None, RoomCharge]], link: Link, caller: Caller) -> list[Line]:
    """Return the charges with what is said about them."""
    now = link.now()
    return [
        Line(row, standing(row, link, now), acts(row, link, caller, queued=entry is not None), entry)
        for entry, row in rows
    ]


def as_seen(state: PmsState, waiting: Sequence[tuple[QueueEntry, RoomCharge]]) -> PmsState:
    """Return how the PMS stands, counting what waits because not even the guest could be looked up."""
    failed = [
        (row.last_retry_at or row.created_at, row) for _, row in waiting if row.failure_code == "CONNECTION_FAILED"
    ]
    if not failed or state.status == "troubled":
        return state
    at, row = max(failed, key=lambda one: one[0])
    if state.last_contact_at is not None and at <= state.last_contact_at:
        return state
    return replace(state, status="troubled", last_failure_at=at, last_failure=row.failure_reason)
