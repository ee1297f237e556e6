"""Settles what is open about a charge: asks before anything is sent again, and sends only what is missing."""

from typing import Any
from uuid import UUID

from innkeeper.domain.charge import InHouseGuest, PmsCode, ReadBack
from innkeeper.domain.money import format_amount
from innkeeper.domain.outcome import Actor, Done, Later, Refused, Unknown
from innkeeper.room_charge import doubles, excesses, lookup, policy, posting, states, steps, voids
from innkeeper.room_charge.connection import Link
from innkeeper.room_charge.drafts import charge_draft
from innkeeper.room_charge.tables import PostingStatus, RoomCharge


async def step(link: Link, charge_id: UUID) -> RoomCharge | None:
    """Bring a charge one step further and return it as it stands then; None while somebody else is at it.

    Raises NotFound.
    """
    row = await steps.claim(link, charge_id, steps.new_token())
    return None if row is None else await go_on(link, row)


async def go_on(link: Link, row: RoomCharge) -> RoomCharge | None:
    """Do as `step` does with a charge that is claimed."""
    try:
        return await _step(link, row)
    except steps.ClaimLost:
        return None


async def _step(link: Link, row: RoomCharge) -> RoomCharge:
    if not row.status.is_open and not steps.is_mending(row):
        return await steps.release(link, row)
    if steps.is_elsewhere(link, row):
        return await _elsewhere(link, row)
    if steps.is_doubled(row):
        return await doubles.mend(link, row)
    if steps.is_excess(row):
        return await excesses.mend(link, row)
    if row.in_doubt:
        return await settle_doubt(link, row)
    if row.status is PostingStatus.VOIDING:
        return await voids.send(link, row)
    if row.next_attempt_at is None:  # it waits for a person, who sets a next try
        return await steps.release(link, row)
    return await send(link, row)


async def _elsewhere(link: Link, row: RoomCharge) -> RoomCharge:
    """Leave a charge of another PMS to a person: that the present one has nothing of it proves nothing."""
    reason = "It was made for the PMS that was connected before, and the present one is not asked about it."
    code = row.failure_code if steps.is_mending(row) else states.OTHER_PMS
    return await steps.conclude(
        link, row, None, lambda fresh: states.needs_person(fresh, code or "", reason), waits_for_person=True
    )


async def settle_doubt(link: Link, row: RoomCharge) -> RoomCharge:
    """Ask the PMS what it holds of a charge whose answer was lost. Nothing is sent in here. Raises ClaimLost."""
    if steps.is_elsewhere(link, row):
        return await _elsewhere(link, row)
    if not link.connector.capabilities.read_back:
        return await _to_a_person(link, row, "This PMS cannot be asked; look into the guest's folio and settle it.")
    if row.failure_code in (states.PARTIALLY_POSTED, states.SURPLUS) and row.status is PostingStatus.UNKNOWN:
        return await steps.conclude(link, row, None, states.waits_for_person, waits_for_person=True)
    asked_at = link.now()
    settled = row.settles_at is None or asked_at >= row.settles_at
    # settled, nothing of it can come any more; before that, what is there is looked for and nothing else concluded
    as_of = row.settles_at if settled else row.sent_at
    heard = await steps.ask(link, "find", link.connector.find_charge(charge_draft(row), as_of=as_of))
    match heard.outcome:
        case Done(value=read):
            return await _read(link, row, heard, read, settled=settled)
        case Refused(message=message):
            return await _to_a_person(link, row, f"The PMS does not tell: {message}", heard)
        case Later(reason=reason) | Unknown(reason=reason):
            return await steps.conclude(
                link, row, heard, lambda fresh: states.still_doubted(fresh, reason, link.now(), settled=True)
            )


async def _to_a_person(
    link: Link, row: RoomCharge, reason: str, heard: steps.Heard[ReadBack] | None = None
) -> RoomCharge:
    return await steps.conclude(
        link, row, heard, lambda fresh: states.needs_person(fresh, states.IN_DOUBT, reason), waits_for_person=True
    )


async def _read(
    link: Link, row: RoomCharge, heard: steps.Heard[ReadBack], read: ReadBack, *, settled: bool
) -> RoomCharge:
    """Write down what the PMS holds. What it does not hold proves something where the question came after it settled.

    Raises ClaimLost.
    """
    now = link.now()
    voiding = row.status is PostingStatus.VOIDING

    def change(fresh: RoomCharge) -> None:
        if read.complete:
            states.found(fresh, read, now)
            if voiding:  # it was to be taken back as soon as it is known to stand
                fresh.posting_status, fresh.next_attempt_at = PostingStatus.VOIDING.value, now
        elif not settled:
            states.still_doubted(fresh, "Not found yet; the PMS may still be working on it.", now, settled=False)
        elif read.nothing:
            states.absent(fresh, now)
            if voiding:
                states.voided(fresh, None, now)
        elif not read.landed:
            reason = "Under the charge's reference stands something else than was sent."
            states.needs_person(fresh, states.SURPLUS, reason)
        else:
            states.partly_there(fresh, read, now)
            if voiding:
                fresh.posting_status = PostingStatus.VOIDING.value

    return await steps.conclude(link, row, heard, change)


async def send(link: Link, row: RoomCharge) -> RoomCharge:
    """Send a charge of which it is certain that it, or the missing part of it, does not stand. Raises ClaimLost."""
    whereabouts = await _follow(link, row)
    if isinstance(whereabouts, RoomCharge):
        return whereabouts
    over_limit = await _over_limit(link, row, whereabouts)

    def leave(fresh: RoomCharge) -> None:
        now = link.now()
        fresh.retry_count += 1
        fresh.last_retry_at = now
        settle = posting.settle_time(link)
        states.in_flight(fresh, now, (fresh.claimed_until or now) + settle)
        if over_limit:  # the guest has signed for it, so it is sent, and everybody can see it
            fresh.evidence = {**fresh.evidence, states.OVER_LIMIT: over_limit}

    row = await steps.note(link, row, leave)
    heard = await steps.ask(link, "charge", link.connector.charge(charge_draft(row, whole=False)))
    return await posting.conclude_charge(link, row, heard, queue_on_failure=True, at_once=False)


async def _over_limit(link: Link, row: RoomCharge, guest: InHouseGuest) -> str:
    """Return by how much a charge that was taken on before goes over the guest's limit by now, empty when it fits."""
    if policy.limit_of(guest, link.options) is None:
        return ""
    found = lookup.Found(guest, link.now())
    async with link.database.write() as tx:
        credit = await posting.credit_of(tx, link, guest, found, row.id)
    available = credit.available
    if available is None or not policy.is_exceeded(credit, row.total, link.options):
        return ""
    return format_amount(row.total - available, row.currency)


async def _follow(link: Link, row: RoomCharge) -> RoomCharge | InHouseGuest:
    """Return the guest, wherever the stay is by now; the charge when it ends or waits because of that."""
    heard = await steps.ask(link, "find guest", link.connector.find_reservation(row.reservation_id or ""))

    def put_off(fresh: RoomCharge) -> None:
        assert isinstance(heard.outcome, Later | Unknown)  # noqa: S101 - called for these only
        reason = heard.outcome.reason
        fresh.retry_count += 1
        fresh.last_retry_at = link.now()
        states.put_off(fresh, Later(reason, code=PmsCode.CONNECTION_FAILED), link.now(), link.options.retry)

    match heard.outcome:
        case Done(value=guest) if not guest.status.present:
            gone = Refused(PmsCode.GUEST_CHECKED_OUT, "The guest has checked out meanwhile.", Actor.FRONT_DESK)
            return await _fail(link, row, gone, heard)
        case Done(value=guest) if not guest.charges_allowed:
            blocked = Refused(PmsCode.CHARGES_BLOCKED, "Charges were blocked meanwhile.", Actor.FRONT_DESK)
            return await _fail(link, row, blocked, heard)
        case Done(value=guest):
            if guest.room_number and guest.room_number != row.room_number:

                def move(fresh: RoomCharge) -> None:
                    fresh.evidence = {**fresh.evidence, "moved_from": fresh.room_number}
                    fresh.room_number = guest.room_number

                await steps.note(link, row, move)
            return guest
        case Refused() as refusal:
            return await _fail(link, row, refusal, heard)
        case _:
            return await steps.conclude(link, row, heard, put_off)


async def _fail(link: Link, row: RoomCharge, refusal: Refused, heard: steps.Heard[Any]) -> RoomCharge:
    return await steps.conclude(
        link, row, heard, lambda fresh: states.refused(fresh, refusal, link.now(), released=False)
    )
