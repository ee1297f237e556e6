"""Signed-in browsers: sessions that live in the data base, known to the browser by a random token only."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from innkeeper.access import audit, repository
from innkeeper.access.caller import Caller, Via
from innkeeper.access.properties import KnowsProperty, knows_every, need_known
from innkeeper.access.roles import Role
from innkeeper.access.tables import SessionRow, UserRow
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.errors import NotSignedIn
from innkeeper.storage.database import Database

#: A working day; afterwards one signs in again whatever one did.
LIFETIME = timedelta(hours=12)
#: Left alone for so long, a session is over.
IDLE = timedelta(hours=8)
#: Use is noted at most so often, so that a request does not cost a write.
NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a new session hands out: the cookie's secret, once, and who it is."""

    token: str
    caller: Caller
    csrf_token: str


class Sessions:
    """Opens, recognises and ends sessions."""

    def __init__(self, database: Database, knows_property: KnowsProperty = knows_every) -> None:
        self._database = database
        self._knows_property = knows_property

    async def open(self, user: UserRow, method: str, *, replaces: str | None = None) -> SignedIn:
        """Open a session under a new token; the one that the browser had before (`replaces`) ends.

        `method` is `password` or `pin`.
        """
        token = secrets.token_urlsafe(32)
        caller = _caller(user)
        now = utc_now()
        async with self._database.write() as tx:
            if replaces:
                await repository.delete_session(tx.session, _hash(replaces))
            await repository.delete_stale_sessions(tx.session, now, now - IDLE)
            tx.session.add(
                SessionRow(
                    token_hash=_hash(token),
                    user_id=user.id,
                    method=method,
                    created_at=now,
                    last_seen_at=now,
                    expires_at=now + LIFETIME,
                )
            )
            await audit.record(tx, caller, "sign_in.done", "user", user.id, {"method": method})
        return SignedIn(token, caller, csrf_token(token))

    async def verify(self, token: str) -> Caller | None:
        """Return who the session belongs to, None when it is over, unknown, or its user was made inactive."""
        now = utc_now()
        async with self._database.read() as session:
            row = await repository.session_by_hash(session, _hash(token))
        if row is None or not row.user.active or row.expires_at <= now or row.last_seen_at + IDLE <= now:
            return None
        if row.last_seen_at + NOTED_EVERY <= now:
            async with self._database.write() as tx:
                await repository.touch_session(tx.session, row.id, now)
        return replace(_caller(row.user), chosen_property_id=row.property_id)

    async def choose(self, token: str, property_id: UUID) -> str:
        """Let everything that this browser asks for be about the property, and return the session's new token.

        The old one ends with what hangs on it: a form still open in another tab was filled in for another property, and
        sending it is refused instead of changing the wrong house. Raises NotSignedIn, NotAllowed for one who works for
        another property, Invalid for one that there is not.
        """
        caller = await self.verify(token)
        if caller is None:
            raise NotSignedIn("Your session has ended.", code="SESSION_ENDED", action="Sign in again.")
        caller.need_property(property_id)
        fresh = secrets.token_urlsafe(32)
        async with self._database.write() as tx:
            await need_known(tx.session, property_id, self._knows_property)
            await repository.choose_property(tx.session, _hash(token), property_id, _hash(fresh))
        return fresh

    async def close(self, token: str) -> None:
        """End the session; one that is over already is no error."""
        async with self._database.write() as tx:
            await repository.delete_session(tx.session, _hash(token))


def csrf_token(session_token: str) -> str:
    """Return what a page must send back to prove that it is ours: only who has the session can work it out."""
    return hmac.new(session_token.encode(), b"innkeeper csrf", hashlib.sha256).hexdigest()


def is_csrf_token(given: str, session_token: str) -> bool:
    """Whether `given` belongs to the session."""
    return hmac.compare_digest(given.encode(), csrf_token(session_token).encode())


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _caller(user: UserRow) -> Caller:
    return Caller(user.id, user.name, Role(user.role), user.property_id, Via.SESSION)
