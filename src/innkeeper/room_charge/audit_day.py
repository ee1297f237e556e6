"""The night audit: reports a day, signs it off as an immutable snapshot, reopens it with a reason."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from innkeeper.access import audit
from innkeeper.access.caller import Caller
from innkeeper.access.roles import Role
from innkeeper.domain.business_day import hotel_time
from innkeeper.domain.charge import PmsCode, PostedLine, charge_of
from innkeeper.domain.errors import Conflict, FieldError, Invalid, NotFound
from innkeeper.domain.ids import new_id
from innkeeper.domain.money import format_amount
from innkeeper.domain.outcome import Done, Later, Outcome, Refused
from innkeeper.room_charge import (
    doubles,
    evidence,
    excesses,
    lookup,
    reconciliation,
    repository,
    seals,
    settings,
    work,
)
from innkeeper.room_charge.connection import Link, Systems
from innkeeper.room_charge.errors import PmsAway
from innkeeper.room_charge.reconciliation import Entry
from innkeeper.room_charge.tables import PostingAttempt, Reconciliation, RoomCharge
from innkeeper.storage.database import Tx

#: A signature is watched so long for what comes after it; by then its day is closed in the PMS.
_TELLS = timedelta(days=4)
#: What was written so shortly before a signature may have missed its figures.
_MARGIN = timedelta(minutes=1)

#: Without a charge in so long, nothing new can stand twice.
_LATELY = timedelta(hours=2)


async def report(link: Link, day: date) -> dict[str, Any]:
    """Return the day's report: as it was signed, else compared with the PMS now. Raises PmsAway, Refusal."""
    async with link.database.read() as session:
        signed = await repository.last_revision(session, link.property_id, day)
    if signed is not None and signed.reopened_at is None:
        return await _as_signed(link, signed)
    return {**await live(link, day), "signed_off_by": None, "signed_off_at": None, **_history(signed)}


async def live(link: Link, day: date, *, mend: bool = False) -> dict[str, Any]:
    """Compare the day with the PMS now; with `mend`, have taken back what stands twice. Raises PmsAway, Refusal."""
    async with link.database.read() as session:
        charges = await repository.charges_of_days(session, link.property_id, day, day)
        unsettled = await repository.unsettled(session, link.property_id, day)
        attempts = await repository.attempts(session, [row.id for row in charges if row.posted_at])
    entries = reconciliation.entries_of(day, charges)
    lines = await _lines(link, day)
    source = "pms"
    if lines is None:
        source, lines = "own records", _own_lines(entries, day)
    result = await _compare(link, day, entries, lines)
    if mend:
        await doubles.flag(link, [row.id for row in reconciliation.doubled(result)])
        await excesses.flag(link, [row.id for row in reconciliation.taken_back_twice(result)])
    result.differences += [reconciliation.unsettled_difference(row) for row in unsettled]
    recovered = [_recovered(row, attempts[row.id]) for row in charges if _has_recovered(row, attempts.get(row.id))]
    document = reconciliation.document(day, result, link.outlets, _currency(link, charges, lines), recovered)
    return {**document, "source": source, "compared_at": link.now().isoformat()}


async def _compare(
    link: Link, day: date, entries: Sequence[Entry], lines: Sequence[PostedLine]
) -> reconciliation.Comparison:
    references = {line.reference for line in lines}
    around: list[PostedLine] = []
    if any(entry.reference not in references for entry in entries):
        for other in (day - timedelta(days=1), day + timedelta(days=1)):
            around += await _lines(link, other) or ()
    ours = {entry.reference for entry in entries}
    strangers = {charge_of(reference) for reference in references - ours if reference}
    async with link.database.read() as session:
        known = await repository.charges_by_reference(session, link.property_id, strangers)
    return reconciliation.compare(day, entries, lines, link.outlets, elsewhere=around, known=known)


async def _lines(link: Link, day: date) -> Sequence[PostedLine] | None:
    """Return the PMS's lines of the outlets on that day, None where it cannot list them. Raises PmsAway, Refusal."""
    if not link.connector.capabilities.postings_of_day:
        return None
    codes = {
        code
        for outlet in link.outlets.values()
        for kind, code in outlet.pms_codes.items()
        if code and kind != "cashier"
    }
    outcome = await link.connector.postings(day, sorted(codes))
    if isinstance(outcome, Done):
        return outcome.value
    if isinstance(outcome, Refused):
        if outcome.code == PmsCode.NOT_SUPPORTED:
            return None
        lookup.refuse(outcome)
    raise PmsAway(outcome.reason)


def _own_lines(entries: Sequence[Entry], day: date) -> list[PostedLine]:
    """Return what the PMS confirmed when it was posted, for a PMS that lists nothing."""
    return [
        PostedLine(
            entry.charge.pms_transaction_id or "",
            entry.reference,
            entry.amount,
            entry.charge.currency,
            business_date=day,
        )
        for entry in entries
    ]


def _currency(link: Link, charges: Sequence[RoomCharge], lines: Sequence[PostedLine]) -> str:
    counted = Counter([row.currency for row in charges] + [line.currency for line in lines if line.currency])
    return counted.most_common(1)[0][0] if counted else link.hotel.currency


def _has_recovered(row: RoomCharge, attempts: Sequence[PostingAttempt] | None) -> bool:
    failed = _was_kept(row) or any(one.outcome in ("later", "unknown") for one in attempts or ())
    return row.posted_at is not None and failed


def _was_kept(row: RoomCharge) -> bool:
    """Whether the PMS was away already when the guest was looked up for it."""
    return row.lookup.get("fresh") is False


def _recovered(row: RoomCharge, attempts: Sequence[PostingAttempt]) -> dict[str, Any]:
    words = {"later": "not reached", "unknown": "in doubt", "done": "answered", "refused": "refused"}
    looked_up = any(one.step == "lookup" for one in attempts)
    told = ["lookup: not reached"] if _was_kept(row) and not looked_up else []
    told += [f"{one.step}: {words.get(one.outcome, one.outcome)}" for one in attempts]
    return {
        "posting_id": str(row.id),
        "at": row.created_at.isoformat(),
        "room_number": row.room_number,
        "outlet_code": row.outlet_code,
        "check_number": row.check_number,
        "total": format_amount(row.total, row.currency),
        "currency": row.currency,
        "story": " → ".join([*told, row.posting_status]),
    }


# --- signing ----------------------------------------------------------------------------------------------------------


async def sign_off(link: Link, caller: Caller, day: date, note: str = "") -> dict[str, Any]:
    """Sign the day and keep the report as it is; a second signing of a signed day changes nothing.

    Returns the signed report; of it only the signature to a caller who may sign and not read. Raises Conflict with
    UNSETTLED_POSTINGS while a charge of that day is open, with NOT_BALANCED when the sides differ and no note says why,
    with DAY_NOT_OVER for a day that has not come; PmsAway, Refusal.
    """
    if day > await link.business_date():
        raise Conflict(f"{day} has not come yet.", code="DAY_NOT_OVER", action="Sign off the day once it is over.")
    async with link.database.read() as session:
        signed = await repository.last_revision(session, link.property_id, day)
    if signed is not None and signed.reopened_at is None:
        return await _shown_to(link, caller, signed)
    await _must_be_settled(link, day)
    document = await live(link, day, mend=True)
    if not document["balanced"] and not note.strip():
        raise _not_balanced(caller, document)
    await _must_be_settled(link, day)
    async with link.database.write() as tx:
        row = await _sign(tx, link, caller, day, document, note.strip())
    return await _shown_to(link, caller, row)


async def _sign(tx: Tx, link: Link, caller: Caller, day: date, document: dict[str, Any], note: str) -> Reconciliation:
    """Return the signing of the day: a new one, unless somebody was faster."""
    last = await repository.last_revision(tx.session, link.property_id, day)
    if last is not None and last.reopened_at is None:
        return last
    row = Reconciliation(
        id=new_id(),
        property_id=link.property_id,
        date=day,
        revision=last.revision + 1 if last else 1,
        report=document,
        sha256=evidence.digest(document),
        balanced=document["balanced"],
        note=note,
        signed_off_by=caller.name,
        signed_off_role=caller.role.value,
        signed_off_at=link.now(),
    )
    tx.session.add(row)
    # in capitals, since the trail's redaction takes a hash in small letters for a key
    detail = {"date": day, "variance": document["variance"], "sha256": row.sha256.upper(), "note": note}
    await audit.record(tx, caller, "day.signed_off", "reconciliation", row.id, detail, property_id=link.property_id)
    await work.queue_seal(tx, f"{link.property_id}:{day}", link.now() + seals.SETTLED_AFTER)
    return row


def may_read(caller: Caller) -> bool:
    """Whether the caller may see a day's figures; the front desk signs a day that it may not read."""
    return caller.role.at_least(Role.MANAGER)


def _not_balanced(caller: Caller, document: dict[str, Any]) -> Conflict:
    reads = may_read(caller)
    variance = f": {document['variance']} {document['currency']}" if reads else ""
    return Conflict(
        f"The day does not balance{variance}.",
        code="NOT_BALANCED",
        action="Mend the differences, or sign off with a note that explains them."
        if reads
        else "Ask a manager to mend the differences, or sign off with a note that explains them.",
        errors=[FieldError(one["kind"], one["detail"]) for one in document["exceptions"]] if reads else (),
    )


#: What of a signed report says that it is signed, and tells nothing of what was charged.
_SIGNATURE = ("date", "balanced", "signed_off_by", "signed_off_role", "signed_off_at", "revision")


async def _shown_to(link: Link, caller: Caller, row: Reconciliation) -> dict[str, Any]:
    signed = await _as_signed(link, row)
    return signed if may_read(caller) else {name: signed[name] for name in _SIGNATURE}


async def _must_be_settled(link: Link, day: date) -> None:
    async with link.database.read() as session:
        unsettled = await repository.unsettled(session, link.property_id, day)
    if unsettled:
        raise Conflict(
            f"{len(unsettled)} postings are not settled.",
            code="UNSETTLED_POSTINGS",
            action="Open the posting queue: retry, settle or remove them before signing off.",
            errors=[
                FieldError(str(row.id), f"Room {row.room_number}, check {row.check_number}: {row.posting_status}.")
                for row in unsettled[:50]
            ],
        )


async def reopen(link: Link, caller: Caller, day: date, reason: str) -> dict[str, Any]:
    """Take the signature back; the snapshot stays as it was. Raises Invalid without a reason, NotFound."""
    if not reason.strip():
        raise Invalid.field("reason", "Say why the day is opened again.")
    async with link.database.write() as tx:
        row = await repository.last_revision(tx.session, link.property_id, day)
        if row is None or row.reopened_at is not None:
            raise NotFound(f"{day} is not signed off.")
        row.reopened_by, row.reopened_at, row.reopen_reason = caller.name, link.now(), reason.strip()
        await audit.record(
            tx,
            caller,
            "day.reopened",
            "reconciliation",
            row.id,
            {"date": day, "reason": reason},
            property_id=row.property_id,
        )
        return _history(row)


async def came_later(link: Link, row: Reconciliation) -> bool:
    """Whether something came on a signed day since, which its report does not hold."""
    return bool((await _since(link, row))[0])


async def _since(link: Link, row: Reconciliation) -> tuple[int, Decimal]:
    async with link.database.read() as session:
        charges = await repository.moved_on(session, row.property_id, row.date)
    return reconciliation.since(row.date, charges, row.report, row.signed_off_at)


async def _as_signed(link: Link, row: Reconciliation) -> dict[str, Any]:
    """Return the report as it was signed, and beside it what came on the day since."""
    count, amount = await _since(link, row)
    told = {"movements": count, "amount": format_amount(amount, row.report["currency"])}
    return {**_signed(row), "since_signing": told}


def _signed(row: Reconciliation) -> dict[str, Any]:
    return {
        **row.report,
        "signed_off_by": row.signed_off_by,
        "signed_off_role": row.signed_off_role,
        "signed_off_at": row.signed_off_at.isoformat(),
        "revision": row.revision,
        "note": row.note,
        "sha256": row.sha256,
    }


def _history(row: Reconciliation | None) -> dict[str, Any]:
    if row is None or row.reopened_at is None:
        return {}
    return {
        "reopened_by": row.reopened_by,
        "reopened_at": row.reopened_at.isoformat(),
        "reopen_reason": row.reopen_reason,
        "revision": row.revision,
    }


# --- by itself --------------------------------------------------------------------------------------------------------


async def by_itself(link: Link, day: date, *, quiet: bool = False) -> Outcome[str]:
    """Compare the day, mend what mends itself, and tell somebody when it does not balance, unless `quiet`."""
    try:
        async with link.database.read() as session:
            signed = await repository.last_revision(session, link.property_id, day)
        is_signed = signed is not None and signed.reopened_at is None
        if is_signed and not quiet:
            return Done("signed")
        document = await live(link, day, mend=True)  # of a signed day too while it is open: nobody shall pay twice
    except PmsAway as error:
        return Later(error.detail)
    if quiet:
        return Done("looked")
    if not document["balanced"] and link.options.reconciliation.alert_on_variance:
        kinds = Counter(one["kind"] for one in document["exceptions"])
        causes = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in sorted(kinds.items()))
        body = f"Variance {document['variance']} {document['currency']}. {causes}. Open the reconciliation of {day}."
        async with link.database.write() as tx:
            await work.queue_alert(
                tx, link.property_id, f"variance:{day}", f"{link.hotel.name}: {day} does not balance", body
            )
    return Done("balanced" if document["balanced"] else "differs")


async def tell_of_late(tx: Tx, systems: Systems) -> int:
    """Tell people outside the screens of days on which something came after they were signed; once for each signing."""
    told = 0
    for row in await repository.signed_and_moved(tx.session, systems.clock() - _TELLS, _MARGIN):
        charges = await repository.moved_on(tx.session, row.property_id, row.date)
        count, amount = reconciliation.since(row.date, charges, row.report, row.signed_off_at)
        if not count:
            continue
        row.told_at = systems.clock()
        hotel = await systems.hotel(tx.session, row.property_id)
        currency = row.report["currency"]
        movements = f"{count} movement{'' if count == 1 else 's'} of {format_amount(amount, currency)} {currency}"
        body = (
            f"{movements} came on {row.date} after {row.signed_off_by} had signed it, and the signed report does not "
            "hold them. Open the day again and sign it anew."
        )
        title = f"{hotel.name}: something came on {row.date} after it was signed"
        await work.queue_alert(tx, row.property_id, f"late:{row.id}", title, body)
        told += 1
    return told


async def queue_looks(tx: Tx, systems: Systems) -> Sequence[UUID]:
    """Queue a look for doubled lines on the open day of each property that charged lately; return the properties.

    A guest who leaves early shall not pay twice because the night's comparison comes later.
    """
    queued = []
    for row in await repository.configs(tx.session):
        if row.is_active and await repository.charged_since(tx.session, row.property_id, systems.clock() - _LATELY):
            await work.queue_look(tx, row.property_id)
            queued.append(row.property_id)
    return queued


async def queue_due(tx: Tx, systems: Systems) -> Sequence[UUID]:
    """Queue the comparison of yesterday for each property whose hour has passed, once; return the properties."""
    queued = []
    for row in await repository.configs(tx.session):
        options = settings.options_of(row).reconciliation
        if not options.auto_reconcile or not row.is_active:
            continue
        hotel = await systems.hotel(tx.session, row.property_id)
        local = hotel_time(systems.clock(), hotel.timezone)
        if local.strftime("%H:%M") < options.reconcile_time:
            continue
        yesterday = local.date() - timedelta(days=1)
        if row.reconciled_until is None or row.reconciled_until < yesterday:
            row.reconciled_until = yesterday
            await work.queue_reconcile(tx, row.property_id, yesterday)
            queued.append(row.property_id)
    return queued
