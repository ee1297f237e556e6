"""Verifies that signed days and guests' signatures are what was signed, by the hashes that were kept elsewhere."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access import audit
from innkeeper.room_charge import repository
from innkeeper.room_charge.tables import Reconciliation

#: What is read at a time: reports of a whole day, and pictures.
_PAGE = 100


@dataclass(frozen=True, slots=True)
class Verified:
    """How many were verified, and a sentence for each that is not what was signed."""

    count: int
    faults: tuple[str, ...]


def digest(report: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a report, in hexadecimal; the same for the report as it is read back."""
    text = json.dumps(report, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


async def signed_days(session: AsyncSession) -> Verified:
    """Hold every signed report against its own hash and against what the audit trail tells of its signing."""
    trail = dict(await audit.told_of(session, "reconciliation", "day.signed_off"))
    count, faults, after = 0, [], None
    while page := await repository.signed_days(session, after, _PAGE):
        for row in page:
            count, after = count + 1, row.id
            fault = _fault_of(row, trail.pop(str(row.id), None))
            if fault:
                faults.append(f"{row.date}, signing no. {row.revision} of property {row.property_id}: {fault}")
        session.expunge_all()
    faults += [
        f"{detail.get('date')}, signing {signing}: the audit trail tells of it, and it is gone."
        for signing, detail in trail.items()
    ]
    return Verified(count, tuple(faults))


def _fault_of(row: Reconciliation, told: Mapping[str, Any] | None) -> str:
    if digest(row.report) != row.sha256:
        return "the report is not the one that was signed."
    if told is None:
        return "the audit trail knows nothing of its signing."
    # entries of earlier releases hold the beginning only; in capitals, the hash is no secret to the redaction
    known = str(told.get("sha256") or told.get("sha256_start") or "").lower()
    if not known or not row.sha256.startswith(known):
        return "the audit trail tells of another report."
    return ""


async def signatures(session: AsyncSession) -> Verified:
    """Hold every picture of a signature against its own hash and against the one that its charge names."""
    count, faults = 0, []
    after: UUID | None = None
    while page := await repository.signatures(session, after, _PAGE):
        for kept, of_charge in page:
            count, after = count + 1, kept.id
            if hashlib.sha256(kept.image).hexdigest() != kept.sha256:
                faults.append(f"Posting {kept.room_charge_id}: the picture is not the one that was signed.")
            elif of_charge != kept.sha256:  # nothing is wrong with one of a time before
                last = await repository.signature(session, kept.property_id, kept.room_charge_id)
                if last is not None and last.id == kept.id:
                    faults.append(f"Posting {kept.room_charge_id}: it names another signature than is kept.")
        session.expunge_all()
    return Verified(count, tuple(faults))
