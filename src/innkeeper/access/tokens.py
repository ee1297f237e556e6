"""Keys for machines: made once, shown once, kept as a hash, revoked at will."""

import hashlib
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from innkeeper.access import audit, repository
from innkeeper.access.caller import Caller, Via
from innkeeper.access.properties import KnowsProperty, knows_every, need_known
from innkeeper.access.roles import Role
from innkeeper.access.tables import TokenRow
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.errors import Invalid, NotFound
from innkeeper.storage.database import Database

#: So that a token found in a file or a log can be recognised for what it is.
PREFIX = "ink_"

#: Seconds for which a token is believed without asking the data base; another process learns of a revocation so late.
CACHED_SECONDS = 5.0
NOTED_EVERY = timedelta(minutes=1)
_MAX_CACHED = 1000
_MAX_NAME = 80


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    until: float


class Tokens:
    """Makes, recognises and revokes tokens."""

    def __init__(self, database: Database, knows_property: KnowsProperty = knows_every) -> None:
        self._database = database
        self._knows_property = knows_property
        self._known: dict[str, _Known] = {}

    async def create(
        self, by: Caller, name: str, role: Role, *, property_id: UUID | None = None
    ) -> tuple[TokenRow, str]:
        """Make a token for a property (None: all) and return it with its text, which nobody can read again.

        Raises Invalid for an empty name or an unknown property, NotAllowed when `by` may not hand out the role or the
        property.
        """
        name = name.strip()
        if not name or len(name) > _MAX_NAME:
            raise Invalid.field("name", f"Give the token a name of up to {_MAX_NAME} characters: who will use it.")
        by.need(role)
        by.need_property(property_id)
        text = PREFIX + secrets.token_urlsafe(32)
        row = TokenRow(name=name, token_hash=_hash(text), role=role.value, property_id=property_id, created_by=by.name)
        async with self._database.write() as tx:
            await need_known(tx.session, property_id, self._knows_property)
            tx.session.add(row)
            await tx.session.flush()
            detail = {"name": name, "role": role.value}
            await audit.record(tx, by, "token.created", "token", row.id, detail, property_id=property_id)
        return row, text

    async def verify(self, text: str) -> Caller | None:
        """Return the machine that the token belongs to, None when it is unknown or revoked."""
        if not text.startswith(PREFIX):
            return None
        token_hash, now = _hash(text), time.monotonic()
        known = self._known.get(token_hash)
        if known is not None and known.until > now:
            return known.caller
        async with self._database.read() as session:
            row = await repository.token_by_hash(session, token_hash)
        if row is None:
            self._known.pop(token_hash, None)
            return None
        caller = Caller(row.id, row.name, Role(row.role), row.property_id, Via.TOKEN)
        if len(self._known) >= _MAX_CACHED:
            self._known.clear()
        self._known[token_hash] = _Known(caller, now + CACHED_SECONDS)
        await self._note_use(row)
        return caller

    async def revoke(self, by: Caller, token_id: UUID) -> None:
        """Make the token worthless; revoking twice is harmless. Raises NotFound."""
        async with self._database.write() as tx:
            row = await repository.token_by_id(tx.session, token_id)
            if row is None or by.property_id not in (None, row.property_id):
                raise NotFound("There is no such token.")
            if row.revoked_at is None:
                row.revoked_at = utc_now()
                detail = {"name": row.name}
                await audit.record(tx, by, "token.revoked", "token", row.id, detail, property_id=row.property_id)
        self._known.pop(row.token_hash, None)

    async def _note_use(self, row: TokenRow) -> None:
        now = utc_now()
        if row.last_used_at is None or row.last_used_at + NOTED_EVERY <= now:
            async with self._database.write() as tx:
                await repository.touch_token(tx.session, row.id, now, now - NOTED_EVERY)


def _hash(text: str) -> str:
    """Return the SHA-256 of a token: 256 random bits need no slow hash."""
    return hashlib.sha256(text.encode()).hexdigest()
