"""Seals what was charged and tried in the audit trail, batch by batch, and finds what was changed afterwards.

A charge is posted without a word in the chained trail, which all would wait for. Every few minutes one entry of the
trail holds a SHA-256 over all that was tried since the last one and over the charges it was tried for. The rows of a
seal name what was changed; they are believed only as far as the trail bears them out.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access import audit
from innkeeper.access.caller import Caller
from innkeeper.domain.ids import first_id_at, new_id
from innkeeper.room_charge import seal_repository as repository
from innkeeper.room_charge.tables import ChargeSeal, PostingAttempt, PostingStatus, RoomCharge
from innkeeper.storage.database import Database

ACTION, ENTITY = "charges.sealed", "charge_seal"

#: Attempts are sealed in the order of their ids. What has one so old is committed, or never will be.
SETTLED_AFTER = timedelta(minutes=2)

#: Attempts in one transaction, which others wait for, and transactions in one run.
_BATCH, _BATCHES = 300, 200
#: Letters of a row's hash that a seal keeps, to name the row.
_SHORT = 16

#: What never changes of a charge that may not be sent anew with other content, not even when it is posted again under
#: another reference of ours. Nothing of it is erased with a guest.
FACTS = tuple(
    """id property_id location_id order_id pos_reference content_hash guest_id reservation_id
    subtotal tax tip service_charge delivery_charge total currency check_total items outlet_code check_number
    description employee_id sold_at signature_hash verified_by verified_by_name credit_override created_at""".split()
)
ATTEMPT_FACTS = ("id", "room_charge_id", "at", "step", "outcome", "code", "message", "duration_ms", "evidence")

Hashes = Mapping[UUID, str]


@dataclass(frozen=True, slots=True)
class SealReport:
    """How many seals and attempts were verified, and in a sentence each what is not as it was sealed."""

    seals: int
    attempts: int
    faults: tuple[str, ...]


# --- sealing ----------------------------------------------------------------------------------------------------------


async def seal(database: Database, clock: Callable[[], datetime], *, batch: int = _BATCH) -> int:
    """Seal what is not sealed yet, so many attempts in a transaction; return how many they were.

    Of a long history a part; the next run goes on.
    """
    sealed = 0
    for _ in range(_BATCHES):
        count = await _seal_batch(database, clock(), batch)
        sealed += count
        if count < batch:
            break
    return sealed


async def _seal_batch(database: Database, now: datetime, batch: int) -> int:
    async with database.write() as tx:
        await repository.take_turns(tx.session)
        after = await repository.sealed_until(tx.session)
        found = await repository.attempts_after(tx.session, after, first_id_at(now - SETTLED_AFTER), batch)
        of_property: dict[UUID, list[tuple[PostingAttempt, RoomCharge]]] = {}
        for attempt, charge in found:
            of_property.setdefault(charge.property_id, []).append((attempt, charge))
        for property_id, pairs in of_property.items():
            attempts = {attempt.id: hash_of(attempt, ATTEMPT_FACTS) for attempt, _ in pairs}
            charges = {charge.id: hash_of(charge, FACTS) for _, charge in pairs if is_final(charge)}
            row = ChargeSeal(
                id=new_id(),
                property_id=property_id,
                first_attempt=min(attempts),
                last_attempt=max(attempts),
                rows={"attempts": _shortened(attempts), "charges": _shortened(charges)},
                sealed_at=now,
            )
            tx.session.add(row)
            detail = {
                "first_attempt": row.first_attempt,
                "last_attempt": row.last_attempt,
                "attempts": len(attempts),
                "charges": len(charges),
                # in capitals, since the trail's redaction takes a hash in small letters for a key
                "sha256": digest(attempts, charges).upper(),
            }
            await audit.record(tx, Caller.system(), ACTION, ENTITY, row.id, detail, property_id=property_id)
    return len(found)


def is_final(charge: RoomCharge) -> bool:
    """Whether the charge's facts stay: not when it was refused at once, or may be, and the check be sent again."""
    free = charge.status is PostingStatus.FAILED and charge.released
    return not free and (charge.generation == 1 or charge.claimed_by is None)


def digest(attempts: Hashes, charges: Hashes) -> str:
    """Return the SHA-256, in hexadecimal, over the hashes of all rows, each kind in the order of its ids."""
    lines = [f"attempt {key} {attempts[key]}" for key in sorted(attempts)]
    lines += [f"charge {key} {charges[key]}" for key in sorted(charges)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def hash_of(row: RoomCharge | PostingAttempt, facts: Sequence[str]) -> str:
    """Return the SHA-256, in hexadecimal, over these columns of a row."""
    document = {name: _plain(getattr(row, name)) for name in facts}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Return the value as JSON that reads back the same from both data bases."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _shortened(hashes: Hashes) -> dict[str, str]:
    return {str(key): value[:_SHORT] for key, value in hashes.items()}


# --- verifying --------------------------------------------------------------------------------------------------------


async def verify(session: AsyncSession) -> SealReport:
    """Recompute every seal of the trail and name what was changed, deleted or added since; others may write meanwhile.

    That the trail itself is as it was written is for `audit.verify_chain` to say.
    """
    until = await repository.sealed_until(session)
    seals, attempts, after = 0, 0, 0
    faults: list[str] = []
    sealed: dict[UUID, int] = {}
    while page := await audit.entries(session, ENTITY, after):
        for entry in page:
            after = entry.id
            if entry.action != ACTION:
                continue
            seals += 1
            attempts += entry.detail["attempts"]
            sealed[entry.property_id] = sealed.get(entry.property_id, 0) + entry.detail["attempts"]
            faults += await _verify_one(session, entry.property_id, UUID(entry.entity_id), entry.detail)
        session.expunge_all()
    if not faults:
        faults += await _added_between(session, sealed, until)
    return SealReport(seals, attempts, tuple(faults))


async def _verify_one(
    session: AsyncSession, property_id: UUID, seal_id: UUID, entry: Mapping[str, Any]
) -> Sequence[str]:
    row = await session.get(ChargeSeal, seal_id)
    known: Mapping[str, Mapping[str, str]] = row.rows if row is not None else {}
    first, last = UUID(entry["first_attempt"]), UUID(entry["last_attempt"])
    tried = await repository.attempts_between(session, property_id, first, last)
    named = [UUID(key) for key in known.get("charges", ())]
    charged = {one.id: one for one in await repository.charges(session, property_id, named)}
    attempts = {one.id: hash_of(one, ATTEMPT_FACTS) for one in tried}
    charges = {key: hash_of(one, FACTS) for key, one in charged.items()}
    if digest(attempts, charges).upper() == entry["sha256"]:
        return ()
    faults = [
        *_compared("attempt", _shortened(attempts), known.get("attempts", {})),
        *_compared("charge", _shortened(charges), known.get("charges", {})),
    ]
    return faults or [f"Seal {seal_id}: what it sealed, or its own list, was changed."]


def _compared(what: str, now: Mapping[str, str], then: Mapping[str, str]) -> Iterator[str]:
    for key in sorted({*now, *then}):
        if key not in now:
            yield f"The {what} {key} was deleted."
        elif key not in then:
            yield f"The {what} {key} was added afterwards."
        elif now[key] != then[key]:
            yield f"The {what} {key} was changed."


async def _added_between(session: AsyncSession, sealed: Mapping[UUID, int], until: UUID) -> Sequence[str]:
    """Say where there is more than all seals together hold."""
    there = await repository.count_attempts(session, until)
    return [
        f"{count - sealed.get(property_id, 0)} attempts of the property {property_id} stand outside of every seal."
        for property_id, count in sorted(there.items())
        if count > sealed.get(property_id, 0)
    ]
