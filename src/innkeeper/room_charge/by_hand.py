"""Writes down what a person decided about a charge: beside what was asked of the PMS, and in the trail."""

from typing import Any

from innkeeper.access import audit
from innkeeper.access.caller import Caller
from innkeeper.room_charge import steps
from innkeeper.room_charge.connection import Link
from innkeeper.room_charge.tables import PostingAttempt, RoomCharge
from innkeeper.storage.database import Tx


async def note(tx: Tx, link: Link, caller: Caller, row: RoomCharge, step: str, words: str, **detail: Any) -> None:
    """Note `step` and the person's words, give the charge free, and keep its queue entry true.

    The trail calls it `charge.<step>`, with underscores for blanks.
    """
    told = {"reason": words.strip(), "by": caller.name, **{name: str(value) for name, value in detail.items()}}
    tx.session.add(
        PostingAttempt(
            room_charge_id=row.id,
            at=link.now(),
            step=step,
            outcome=row.posting_status,
            message=words.strip(),
            duration_ms=0,
            evidence=told,
        )
    )
    row.claimed_by = row.claimed_until = None
    await steps.keep_queue(tx, link, row)
    action = f"charge.{step.replace(' ', '_')}"
    await audit.record(tx, caller, action, "room_charge", row.id, told, property_id=row.property_id)
