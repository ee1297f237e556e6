"""What the workers run for room charge, and what the timers ask them to run."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from innkeeper.domain.errors import NotFound
from innkeeper.domain.outcome import Done, Later, Outcome
from innkeeper.jobs.queue import Job
from innkeeper.jobs.worker import Handler
from innkeeper.room_charge import audit_day, delivery, profiles, queue, resolver, seals, work
from innkeeper.room_charge.connection import Systems
from innkeeper.room_charge.mailing import MailServer
from innkeeper.storage.database import Tx
from innkeeper.storage.secrets import SecretUnreadable
from innkeeper.telemetry.alerts import Alerts

#: Seconds between two looks for charges that nobody is at; their own jobs come sooner.
DUE_SECONDS = 5.0
#: Seconds between two looks whether a property's hour of reconciliation has passed.
RECONCILE_SECONDS = 60.0
#: Seconds between two looks whether the PMS holds a charge of the day twice.
LOOK_SECONDS = 3600.0
#: Seconds between two seals over what was charged and tried.
SEAL_SECONDS = 300.0

#: Seconds after which work that cannot read the credentials looks again, at first.
_UNREADABLE_WAIT = 30.0

#: Steps of one run: to ask, to send the rest, to take back.
_STEPS = 4


def handlers(systems: Systems, alerts: Alerts, mail_server: MailServer | None = None) -> Mapping[str, Handler]:
    """Return what to do for each kind of job; without `mail_server`, no receipt is mailed."""

    async def do_settle(job: Job) -> Outcome[Any]:
        link = await systems.link(job.property_id)
        word = "gone"
        for _ in range(_STEPS):
            try:
                row = await resolver.step(link, UUID(job.payload["charge_id"]))
            except NotFound:
                break
            if row is None:
                return Done("somebody else is at it")
            word = row.posting_status
            if row.next_attempt_at is None or row.next_attempt_at > link.now():
                break
        return Done(word)

    async def do_recover(job: Job) -> Outcome[Any]:
        return Done(await queue.recover(await systems.link(job.property_id)))

    async def do_alert(job: Job) -> Outcome[Any]:
        return Done(await alerts.send(job.payload["title"], job.payload["body"]))

    async def do_reconcile(job: Job) -> Outcome[Any]:
        link = await systems.link(job.property_id)
        return await audit_day.by_itself(link, date.fromisoformat(job.payload["date"]))

    async def do_look(job: Job) -> Outcome[Any]:
        link = await systems.link(job.property_id)
        return await audit_day.by_itself(link, await link.business_date(), quiet=True)

    async def do_seal(_job: Job) -> Outcome[Any]:
        return Done(await seals.seal(systems.database, systems.clock))

    async def do_profile(job: Job) -> Outcome[Any]:
        return await profiles.sync(await systems.link(job.property_id), job.payload["guest_id"])

    async def do_print(job: Job) -> Outcome[Any]:
        return await delivery.do_print(await systems.link(job.property_id), job)

    async def do_mail(job: Job) -> Outcome[Any]:
        return await delivery.do_mail(await systems.link(job.property_id), mail_server, job)

    return {
        work.SETTLE: _patient(do_settle),
        work.RECOVER: _patient(do_recover),
        work.ALERT: do_alert,
        work.RECONCILE: _patient(do_reconcile),
        work.LOOK: _patient(do_look),
        work.SEAL: do_seal,
        work.PROFILE: _patient(do_profile),
        work.PRINT: _patient(do_print),
        work.MAIL: _patient(do_mail),
    }


def _patient(handler: Handler) -> Handler:
    """Return the handler whose work waits, instead of dying, while the credentials of the PMS cannot be read."""

    async def handle(job: Job) -> Outcome[Any]:
        try:
            return await handler(job)
        except SecretUnreadable as error:
            return Later(error.detail, _UNREADABLE_WAIT, error.code)

    return handle


def timers(systems: Systems) -> Mapping[str, tuple[float, Any]]:
    """Return what recurs: by name, every how many seconds, and what is done in the tick's transaction."""

    async def bring_due(tx: Tx) -> None:
        await queue.bring_due(tx, systems.clock())

    async def reconcile(tx: Tx) -> None:
        await audit_day.queue_due(tx, systems)
        await audit_day.tell_of_late(tx, systems)

    async def look(tx: Tx) -> None:
        await audit_day.queue_looks(tx, systems)

    async def seal(tx: Tx) -> None:
        await work.queue_seal(tx)

    return {
        "room charges due": (DUE_SECONDS, bring_due),
        "reconciliation": (RECONCILE_SECONDS, reconcile),
        "room charges doubled": (LOOK_SECONDS, look),
        "room charges sealed": (SEAL_SECONDS, seal),
    }
