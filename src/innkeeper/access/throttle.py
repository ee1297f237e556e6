"""Slows down guessing: counts failed sign-ins per name and per address and locks both for a growing while."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from innkeeper.access import repository
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.errors import InnkeeperError
from innkeeper.storage.database import Tx

#: A longer wait than this is said in minutes.
_SPOKEN_IN_SECONDS = 120


class TooManyAttempts(InnkeeperError):
    """Too many failed sign-ins; `retry_after` says in how many seconds another one is looked at."""

    status, code, title = 429, "TOO_MANY_ATTEMPTS", "Too many failed sign-ins"
    action = "Wait as long as the message says, or ask an administrator for a new password."

    def __init__(self, retry_after: int) -> None:
        wait = f"{retry_after} seconds" if retry_after <= _SPOKEN_IN_SECONDS else f"{-(-retry_after // 60)} minutes"
        super().__init__(f"Too many failed sign-ins. Wait {wait} and try again.")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Limit:
    """After `free` failures in a row comes a wait, which doubles with each further one up to `longest`.

    A count that nothing was added to for `forgotten_after` starts anew. `dead_after` failures lock until somebody
    proves who they are in another way.
    """

    free: int
    first_wait: timedelta = timedelta(seconds=30)
    longest: timedelta = timedelta(hours=1)
    forgotten_after: timedelta = timedelta(hours=24)
    dead_after: int | None = None

    def wait_after(self, failures: int) -> timedelta | None:
        """Return how long to wait after this many failures, None for not at all."""
        if failures < self.free:
            return None
        doublings = min(failures - self.free, 16)
        return min(self.first_wait * (1 << doublings), self.longest)


PASSWORD_LIMIT = Limit(free=5)
#: Ten thousand PINs are few: after ten failures the PIN is dead until its owner signs in with the password.
PIN_LIMIT = Limit(free=4, dead_after=10, forgotten_after=timedelta(days=30))
#: A whole hotel can stand behind one address, so it may fail more often than a name, and is forgiven sooner.
ADDRESS_LIMIT = Limit(free=30, longest=timedelta(minutes=15), forgotten_after=timedelta(minutes=15))

#: How long a dead PIN stays dead unless its owner revives it.
_FOR_GOOD = timedelta(days=3650)

#: Counts that nothing was added to for so long are removed, unless they still lock.
_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is counted, and by which limit."""

    kind: str
    key: str
    limit: Limit

    @property
    def id(self) -> str:
        """The subject as it is stored: hashed, since a name typed into the wrong field can be a password."""
        return hashlib.sha256(f"{self.kind}:{self.key}".encode()).hexdigest()


def name_with_password(name: str) -> Subject:
    """Return the subject for guessing the password of a name."""
    return Subject("password", name, PASSWORD_LIMIT)


def name_with_pin(name: str) -> Subject:
    """Return the subject for guessing the PIN of a name."""
    return Subject("pin", name, PIN_LIMIT)


def address(host: str) -> Subject:
    """Return the subject for guessing from one machine."""
    return Subject("address", host, ADDRESS_LIMIT)


async def count_attempt(tx: Tx, *subjects: Subject) -> None:
    """Count an attempt as failed before it is looked at, so that a hundred at once are still counted one by one.

    Raises TooManyAttempts while a subject is locked; nothing more is counted then.
    """
    now = utc_now()
    rows = [
        # Always in the same order, or two attempts could wait for each other.
        (subject, await repository.lock_failures(tx.session, subject.id, now))
        for subject in sorted(subjects, key=lambda subject: subject.id)
    ]
    waits = [_remaining(row.locked_until, now) for _, row in rows]
    if any(waits):
        raise TooManyAttempts(max(waits))
    for subject, row in rows:
        if now - row.last_failure_at > subject.limit.forgotten_after:
            row.failed_attempts = 0
        row.failed_attempts += 1
        row.last_failure_at = now
        wait = subject.limit.wait_after(row.failed_attempts)
        row.locked_until = now + wait if wait else None
        if subject.limit.dead_after is not None and row.failed_attempts >= subject.limit.dead_after:
            row.locked_until = now + _FOR_GOOD


async def forgive(tx: Tx, *subjects: Subject) -> None:
    """Start counting these anew: whoever it is has proved it."""
    await repository.forget_failures(tx.session, [subject.id for subject in subjects])
    await repository.forget_old_failures(tx.session, utc_now() - _KEPT)


async def take_back(tx: Tx, subject: Subject) -> None:
    """Uncount one attempt that turned out well, without forgiving the failures before it."""
    row = await repository.lock_failures(tx.session, subject.id, utc_now())
    row.failed_attempts = max(0, row.failed_attempts - 1)
    row.locked_until = None


def _remaining(locked_until: datetime | None, now: datetime) -> int:
    return 0 if locked_until is None or locked_until <= now else max(1, round((locked_until - now).total_seconds()))
