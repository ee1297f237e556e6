"""Names the background work of room charge and puts it on the queue."""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from innkeeper.jobs.queue import JobSpec, enqueue, enqueue_all
from innkeeper.storage.database import Tx

SETTLE = "room_charge.settle"
RECOVER = "room_charge.recover"
ALERT = "room_charge.alert"
RECONCILE = "room_charge.reconcile"
LOOK = "room_charge.look"
SEAL = "room_charge.seal"
PROFILE = "room_charge.profile"
PRINT = "room_charge.print"
MAIL = "room_charge.mail"

#: Lower runs first: a charge overtakes a report.
_PRIORITY = {SETTLE: 10, RECOVER: 15, PRINT: 20, ALERT: 40, MAIL: 50, RECONCILE: 60, SEAL: 70, PROFILE: 70}


async def queue_settle(tx: Tx, property_id: UUID, charge_id: UUID, at: datetime | None = None) -> UUID:
    """Bring this charge one step further at that instant; however often it is asked for, it is one job."""
    return await enqueue(tx, _settling(property_id, charge_id, at))


async def queue_settles(tx: Tx, charges: Iterable[tuple[UUID, UUID]], at: datetime) -> None:
    """Do as `queue_settle` does for many charges, each given as (property, charge)."""
    await enqueue_all(tx, [_settling(property_id, charge_id, at) for property_id, charge_id in charges])


def _settling(property_id: UUID, charge_id: UUID, at: datetime | None) -> JobSpec:
    return JobSpec(
        kind=SETTLE,
        key=str(charge_id),
        property_id=property_id,
        payload={"charge_id": str(charge_id)},
        priority=_PRIORITY[SETTLE],
        run_after=at,
        # the row decides, and the timers bring it back whatever becomes of a job
        max_attempts=50,
    )


async def queue_recover(tx: Tx, property_id: UUID) -> UUID:
    """Try again whatever waits for the PMS, which answers again."""
    return await enqueue(tx, JobSpec(kind=RECOVER, key="waiting", property_id=property_id, priority=_PRIORITY[RECOVER]))


async def queue_alert(tx: Tx, property_id: UUID, key: str, title: str, body: str) -> UUID:
    """Tell people outside the screens, once for each key; no guests' data in it."""
    payload = {"title": title, "body": body}
    return await enqueue(
        tx, JobSpec(kind=ALERT, key=key, property_id=property_id, payload=payload, priority=_PRIORITY[ALERT])
    )


async def queue_reconcile(tx: Tx, property_id: UUID, day: date) -> UUID:
    """Compare that business date with the PMS."""
    payload = {"date": day.isoformat()}
    return await enqueue(
        tx,
        JobSpec(
            kind=RECONCILE,
            key=day.isoformat(),
            property_id=property_id,
            payload=payload,
            priority=_PRIORITY[RECONCILE],
        ),
    )


async def queue_look(tx: Tx, property_id: UUID) -> UUID:
    """Look whether the PMS holds a charge of its open day twice, and have it mended."""
    return await enqueue(tx, JobSpec(kind=LOOK, key="open day", property_id=property_id, priority=_PRIORITY[RECONCILE]))


async def queue_seal(tx: Tx, key: str = "timer", at: datetime | None = None) -> UUID:
    """Seal what was charged and tried, of all properties, in the audit trail."""
    return await enqueue(tx, JobSpec(kind=SEAL, key=key, priority=_PRIORITY[SEAL], run_after=at))


async def queue_profiles(tx: Tx, guests: Iterable[tuple[UUID, str]]) -> None:
    """Bring over the profiles of these guests, each given as (property, guest's id in the PMS)."""
    specs = [
        JobSpec(
            kind=PROFILE,
            key=guest_id,
            property_id=property_id,
            payload={"guest_id": guest_id},
            priority=_PRIORITY[PROFILE],
        )
        for property_id, guest_id in guests
    ]
    await enqueue_all(tx, specs)


async def queue_print(tx: Tx, property_id: UUID, charge_id: UUID, until: datetime) -> UUID:
    """Print the receipt at the charge's outlet, by that instant or not at all."""
    payload = {"charge_id": str(charge_id), "until": until.isoformat()}
    return await enqueue(
        tx,
        JobSpec(kind=PRINT, key=str(charge_id), property_id=property_id, payload=payload, priority=_PRIORITY[PRINT]),
    )


async def queue_mail(tx: Tx, property_id: UUID, charge_id: UUID, key: str, to: str, until: datetime) -> UUID:
    """Mail the receipt to an address, which is given encrypted, by that instant; once for each key that waits."""
    payload = {"charge_id": str(charge_id), "to": to, "until": until.isoformat()}
    return await enqueue(
        tx, JobSpec(kind=MAIL, key=key, property_id=property_id, payload=payload, priority=_PRIORITY[MAIL])
    )
