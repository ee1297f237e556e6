"""Brings a receipt to the outlet's printer or to the guest's mailbox: asked for in a request, done by a job."""

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

from innkeeper.access import audit
from innkeeper.access.caller import Caller
from innkeeper.domain.errors import Invalid
from innkeeper.domain.outcome import Done, Later, Outcome, Refused, Unknown
from innkeeper.jobs.queue import Job
from innkeeper.room_charge import mailing, printing, profiles, receipts, repository, work
from innkeeper.room_charge.connection import Link
from innkeeper.room_charge.errors import Refusal
from innkeeper.room_charge.mailing import MailServer
from innkeeper.room_charge.tables import RoomCharge

#: A slip that comes out later than this surprises whoever stands at the printer; a mail may take a day.
_PRINT_WITHIN, _MAIL_WITHIN = timedelta(minutes=10), timedelta(hours=24)
_SECONDS_BETWEEN_SLIPS = 5.0


async def ask_print(link: Link, caller: Caller, charge_id: UUID) -> UUID:
    """Queue the receipt for the outlet's printer and return the job. Raises NotFound, Refusal without a printer."""
    async with link.database.write() as tx:
        row = await repository.charge(tx.session, link.property_id, charge_id)
        outlet = link.outlets.get(row.outlet_code)
        if outlet is None or not outlet.printer:
            raise Refusal("NO_PRINTER")
        await audit.record(tx, caller, "receipt.printed", "room_charge", row.id, property_id=row.property_id)
        return await work.queue_print(tx, row.property_id, row.id, link.now() + _PRINT_WITHIN)


async def ask_mail(link: Link, caller: Caller, server: MailServer | None, charge_id: UUID, to: str) -> UUID:
    """Queue the receipt for an address, the guest's own in the PMS when none is given, and return the job.

    Raises NotFound, Invalid for what is no address, Refusal without a mail server or an address, PmsAway.
    """
    if server is None:
        raise Refusal("MAIL_OFF")
    async with link.database.read() as session:
        row = await repository.charge(session, link.property_id, charge_id)
    to = to.strip() or await _address_of(link, row)
    if not mailing.is_address(to):
        raise Invalid.field("to", "This is no e-mail address.")
    key = f"{row.id}:{hashlib.sha256(to.casefold().encode()).hexdigest()[:16]}"
    async with link.database.write() as tx:
        await audit.record(tx, caller, "receipt.mailed", "room_charge", row.id, property_id=row.property_id)
        # encrypted: jobs are kept for a while and read by people, the guest's address is none of their business
        sealed = link.systems.keyring.encrypt(to)
        return await work.queue_mail(tx, row.property_id, row.id, key, sealed, link.now() + _MAIL_WITHIN)


async def _address_of(link: Link, row: RoomCharge) -> str:
    options = link.options.guest_profile_sync
    if not row.guest_id or not options.enabled or "email" not in options.sync_fields:
        raise Refusal("NO_EMAIL")
    found = await profiles.fetch(link, row.guest_id)
    if not found["email"]:
        raise Refusal("NO_EMAIL")
    return str(found["email"])


async def do_print(link: Link, job: Job) -> Outcome[str]:
    """Print the receipt as the charge stands now."""
    row = await _charge(link, job)
    outlet = link.outlets.get(row.outlet_code)
    if outlet is None or not outlet.printer:
        return Done("the outlet has no printer any more")
    slip = printing.escpos(receipts.text(row, link.hotel, link.outlets, outlet.printer_width))
    outcome = await printing.send(outlet.printer, slip)
    if isinstance(outcome, Later) and not _is_late(link, job):
        return Later(outcome.reason, _SECONDS_BETWEEN_SLIPS)
    return await _ended(link, row, "printed", outcome)


async def do_mail(link: Link, server: MailServer | None, job: Job) -> Outcome[str]:
    """Mail the receipt as the charge stands now."""
    row = await _charge(link, job)
    if server is None:
        return Done("no mail server is set any more")
    outlet = link.outlets.get(row.outlet_code)
    mail = mailing.message(
        server,
        link.hotel.name,
        link.systems.keyring.decrypt(job.payload["to"]),
        f"{link.hotel.name}: receipt of check {row.check_number}, {outlet.name if outlet else row.outlet_code}",
        receipts.text(row, link.hotel, link.outlets, to_sign=False),
        receipts.html(row, link.hotel, link.outlets, to_sign=False),
        str(job.id),
    )
    outcome = await mailing.send(server, mail)
    if isinstance(outcome, Later) and not _is_late(link, job):
        return outcome
    return await _ended(link, row, "mailed", outcome)


def _is_late(link: Link, job: Job) -> bool:
    return link.now() >= datetime.fromisoformat(job.payload["until"])


async def _charge(link: Link, job: Job) -> RoomCharge:
    async with link.database.read() as session:
        return await repository.charge(session, link.property_id, UUID(job.payload["charge_id"]))


async def _ended(link: Link, row: RoomCharge, what: str, outcome: Outcome[None]) -> Outcome[str]:
    """Say how it ended; a receipt that is given up is told to people, who can ask for it again."""
    match outcome:
        case Done():
            return Done(what)
        case Refused(message=reason) | Later(reason=reason) | Unknown(reason=reason):
            title = f"{link.hotel.name}: a receipt could not be {what}"
            body = f"Check {row.check_number} at {row.outlet_code}: {reason} Open the charge to send it again."
            async with link.database.write() as tx:
                await work.queue_alert(tx, row.property_id, f"receipt:{what}:{row.id}", title, body)
            return Done(f"given up: {reason}")
