"""The audit trail: who did what, in an order and with a content that nobody can change unnoticed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access import repository
from innkeeper.access.caller import Caller
from innkeeper.access.tables import AuditRow
from innkeeper.domain.business_day import utc_now
from innkeeper.storage.database import Tx
from innkeeper.telemetry.redaction import redact_entry

#: What stands before the first entry of a chain.
GENESIS = "0" * 64

#: The chain of what concerns no single property, such as a user who works for all of them.
NO_PROPERTY = UUID(int=0)

#: Rows read at a time while verifying.
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class ChainFault:
    """The first entry of a property's chain that is not as it was written, and what is wrong with it."""

    property_id: UUID
    sequence: int
    reason: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """How many entries were verified, and the faults: at most one a property."""

    entries: int
    faults: tuple[ChainFault, ...]

    @property
    def intact(self) -> bool:
        """Whether every chain is complete and unchanged."""
        return not self.faults


async def record(
    tx: Tx,
    caller: Caller,
    action: str,
    entity_type: str,
    entity_id: UUID | str,
    detail: Mapping[str, Any] | None = None,
    *,
    property_id: UUID | None = None,
) -> None:
    """Add an entry to the trail, committed together with what it tells.

    `action` is a past participle after a dot, such as `user.added`. `property_id` defaults to the caller's own.
    Secrets and personal data are taken out of `detail`. The entry is written as the last thing of the transaction,
    because all writers of a property take turns at the end of its chain.
    Raises ValueError when `detail` holds a float, which would not read back the same everywhere.
    """
    entry = AuditRow(
        property_id=property_id or caller.property_id or NO_PROPERTY,
        at=utc_now(),
        actor_id=caller.id,
        actor=caller.name,
        role=caller.role.value,
        via=caller.via.value,
        action=action,
        entity_type=entity_type,
        entity_id=str(entity_id),
        detail={key: _plain(redact_entry(key, value)) for key, value in (detail or {}).items()},
    )

    async def append() -> None:
        end = await repository.advance_chain(tx.session, entry.property_id, GENESIS)
        entry.sequence, entry.previous_hash = end
        entry.hash = digest(entry)
        await repository.append_to_chain(tx.session, entry)

    tx.before_commit(append)


async def entries(session: AsyncSession, entity_type: str, after: int = 0) -> Sequence[AuditRow]:
    """Return the next entries about a kind of thing, of all properties, oldest first; none when there are no more."""
    return await repository.audit_about(session, entity_type, after, _PAGE)


def digest(entry: AuditRow) -> str:
    """Return the SHA-256, in hexadecimal, over everything that the entry says and the hash before it."""
    content = {
        "property_id": str(entry.property_id),
        "sequence": entry.sequence,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor_id": str(entry.actor_id),
        "actor": entry.actor,
        "role": entry.role,
        "via": entry.via,
        "action": entry.action,
        "entity_type": entry.entity_type,
        "entity_id": entry.entity_id,
        "detail": entry.detail,
        "previous_hash": entry.previous_hash,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


async def verify_chain(session: AsyncSession) -> ChainReport:
    """Read the whole trail and say where it was changed, cut or filled in afterwards; others may write meanwhile."""
    # The entries are counted before the ends of the chains are read: a writer in between only moves an end further.
    last = await repository.last_entries(session)
    ends = {end.property_id: (end.sequence, end.hash) for end in await repository.chains(session)}
    entries, faults = 0, []
    for property_id in sorted({*last, *ends}):
        end, end_hash = ends.get(property_id, (0, GENESIS))
        count, found_hash, fault = await _verify_property(session, property_id, end)
        if fault is None and (found_hash != end_hash or last.get(property_id, 0) > end):
            fault = ChainFault(property_id, count + 1, "the trail does not end where its last entry was written")
        entries += count
        faults += [fault] if fault else []
    return ChainReport(entries, tuple(faults))


async def told_of(session: AsyncSession, entity_type: str, action: str) -> Mapping[str, Mapping[str, Any]]:
    """Return, by the entity's identifier, the detail with which the trail tells that this was done."""
    return {one.entity_id: one.detail for one in await repository.audit_of(session, entity_type, action)}


async def _verify_property(session: AsyncSession, property_id: UUID, end: int) -> tuple[int, str, ChainFault | None]:
    count, previous = 0, GENESIS
    while page := await repository.audit_between(session, property_id, count, end, _PAGE):
        for entry in page:
            if entry.sequence != count + 1:
                return count, previous, ChainFault(property_id, count + 1, "an entry is missing")
            if entry.previous_hash != previous:
                return count, previous, ChainFault(property_id, entry.sequence, "it does not follow the one before it")
            if digest(entry) != entry.hash:
                return count, previous, ChainFault(property_id, entry.sequence, "its content was changed")
            count, previous = entry.sequence, entry.hash
        session.expunge_all()
    if count < end:
        return count, previous, ChainFault(property_id, count + 1, "an entry is missing")
    return count, previous, None


def _plain(value: Any) -> Any:
    """Return the value as JSON that reads back the same from both data bases."""
    if isinstance(value, float):
        raise ValueError("a float does not read back the same everywhere; use Decimal, int or text")
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if value is None or isinstance(value, bool | int):
        return value
    return str(value).replace("\x00", "")
