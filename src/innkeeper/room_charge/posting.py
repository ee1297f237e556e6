"""Posts a check to a room once: its row and reference are committed before anything leaves, or with all it becomes."""

import asyncio
import hashlib
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import NoReturn
from uuid import UUID

from sqlalchemy import inspect
from sqlalchemy.exc import IntegrityError

from innkeeper.access import audit
from innkeeper.access.caller import Caller
from innkeeper.access.roles import Role
from innkeeper.domain.charge import ChargeReceipt, InHouseGuest
from innkeeper.domain.errors import Conflict, FieldError, Invalid
from innkeeper.domain.ids import new_id
from innkeeper.domain.money import format_amount
from innkeeper.domain.outcome import Done, Later, Outcome, Refused
from innkeeper.room_charge import lookup, policy, repository, states, steps
from innkeeper.room_charge.connection import Link, OwnBooks
from innkeeper.room_charge.drafts import charge_draft, check_mark, item_document, reference_of
from innkeeper.room_charge.errors import PmsAway, Refusal
from innkeeper.room_charge.lookup import Found
from innkeeper.room_charge.order import Order
from innkeeper.room_charge.settings import Outlet
from innkeeper.room_charge.tables import PostingAttempt, PostingStatus, RoomCharge, Signature
from innkeeper.storage.database import Tx

#: A repetition of a request that is under way in this process waits so long to tell how it ended.
_WATCH_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of a request; `replay` when the reference stood for it already.

    `attempts` are what was asked of the PMS about it, None when they were not looked up.
    """

    charge: RoomCharge
    replay: bool
    attempts: tuple[PostingAttempt, ...] | None = None


#: The fields of a charge.
_COLUMNS = tuple(attribute.key for attribute in inspect(RoomCharge).column_attrs)


class _TakenMeanwhile(Exception):
    """Another request with the same reference was faster."""


class _NotBooked(Exception):
    """The books did not take the charge, and nothing of it stands."""


async def post(link: Link, caller: Caller, order: Order) -> Posted:
    """Charge the check to the room, or say what its reference stands for already.

    Raises Invalid, Refusal (nothing is owed), PmsAway (nothing was done and it is not to be queued), NotAllowed, and
    Conflict when the reference stands for another check.
    """
    content = order.content_hash()
    known, taken = await _known(link, order, content)
    if known is not None:
        return Posted(known, replay=True)
    if not link.active:
        raise Refusal("NOT_ACTIVE")
    if order.override_credit:
        caller.need(Role.FRONT_DESK)
    order = _with_delivery(link, order)
    outlet = policy.check_order(order, link.options, link.outlets)
    found = await lookup.for_posting(link, order)
    today = await link.business_date()
    policy.check_guest(found.guest, order, link.options, today)
    new_row = partial(_row, link, caller, order, outlet, found, content, today)
    row = new_row()
    sends_now = link.options.posting.auto_post and outlet.auto_post and found.fresh
    try:
        if link.books is not None and sends_now and not taken:
            booked = await _book(link, link.books, caller, order, row, found)
            if booked is not None:
                return booked
            row = new_row()
        row = await _intend(link, caller, order, row, found, sends_now=sends_now, taken=taken)
    except _TakenMeanwhile:
        known, _ = await _known(link, order, content)
        if known is not None:
            return Posted(known, replay=True)
        await _check_repeated(link, row)
        raise Conflict("The reference was taken and given up at the same moment.", action="Send it again.") from None
    if not sends_now:
        return Posted(row, replay=False)
    return await _send(link, order, row)


async def _known(link: Link, order: Order, content: str) -> tuple[RoomCharge | None, bool]:
    """Return what the reference stands for, None while it is free; and whether it ever stood for something.

    A charge that this process is posting is waited for. Raises Conflict for another check, and as `post` where the
    charge that was waited for is refused.
    """
    async with link.database.look() as plain:
        known = await repository.id_of(plain, link.property_id, order.pos_reference)
    if known is None:
        return None, False
    # looked for before the row is read: a flight that has landed since has written how it ended
    flight = link.systems.flights.get(known)
    if flight is not None:
        await asyncio.wait([flight], timeout=_WATCH_SECONDS)
    async with link.database.read() as session:
        row = await repository.charge(session, link.property_id, known)
    if _is_free(row):
        if flight is not None and row.content_hash == content:
            _answer_refused(row)
        return None, True
    waived = order.delivery_named and not order.delivery_charge
    if row.content_hash != content or (waived and row.delivery_charge):
        raise Conflict(
            f"The reference {order.pos_reference} stands for another check.",
            code="REFERENCE_USED",
            action="Send what was sent before, or use a new reference for another check.",
        )
    return row, True


def _with_delivery(link: Link, order: Order) -> Order:
    outlet = link.outlets.get(order.outlet_code)
    return order.delivered(outlet.delivery_charge if outlet else None)


async def _check_repeated(link: Link, row: RoomCharge) -> None:
    """Raises Conflict when the check stands already under another reference."""
    async with link.database.read() as session:
        stands = await repository.by_check_mark(session, link.property_id, row.check_mark or "")
    if stands is not None:
        amount = f"{format_amount(stands.total, stands.currency)} {stands.currency}"
        raise Conflict(
            f"Check {stands.check_number} was charged to this guest today already: {amount} to room "
            f"{stands.room_number}, under the reference {stands.pos_reference}.",
            code="CHECK_ALREADY_CHARGED",
            action="Look at that charge first. To charge the check once more, send it with allow_repeat.",
        )


def _is_free(row: RoomCharge) -> bool:
    """Whether the charge was refused at once, so that nothing is owed and the check may be sent again."""
    return row.status is PostingStatus.FAILED and row.released


def _row(
    link: Link, caller: Caller, order: Order, outlet: Outlet, found: Found, content: str, today: date
) -> RoomCharge:
    guest, options = found.guest, link.options.posting
    description = order.description or f"{outlet.posting_description or outlet.name} - Check #{order.check_number}"
    return RoomCharge(
        id=new_id(),
        property_id=link.property_id,
        location_id=order.location_id,
        order_id=order.order_id,
        pos_reference=order.pos_reference,
        content_hash=content,
        generation=1,
        room_number=guest.room_number,
        guest_name=guest.name[:200],
        guest_id=guest.guest_id or None,
        reservation_id=guest.reservation_id or None,
        subtotal=order.subtotal,
        tax=order.tax,
        tip=order.tip,
        service_charge=order.service_charge,
        delivery_charge=order.delivery_charge,
        total=order.total,
        currency=order.currency,
        items=[item_document(item) for item in order.items],
        outlet_code=order.outlet_code,
        check_number=order.check_number,
        description=description[:200],
        employee_id=order.employee_id,
        terms={
            "pms_codes": dict(outlet.pms_codes),
            "itemised": options.include_itemized,
            "tip_as_own_line": options.tip_as_separate_line,
        },
        lookup=found.document(),
        pms_origin=link.origin,
        posting_status=PostingStatus.PENDING.value,
        lines=[],
        evidence={},
        sold_at=order.sold_at,
        business_date=today,
        retry_count=0,
        released=False,
        credit_override=False,
        verified_by=caller.id,
        verified_by_name=caller.name,
        created_at=link.now(),
        updated_at=link.now(),
    )


async def _intend(
    link: Link, caller: Caller, order: Order, row: RoomCharge, found: Found, *, sends_now: bool, taken: bool
) -> RoomCharge:
    """Commit the charge and its reference, with the claim under which it is sent. Raises Refusal, _TakenMeanwhile.

    A reference that was not `taken` before is not looked for again: the row cannot be added when somebody was faster.
    Whoever reads the row from its commit on finds that it is under way.
    """
    committed = False
    try:
        async with link.database.write() as tx:
            before = None
            if taken:
                before = await repository.by_pos_reference(tx.session, link.property_id, order.pos_reference, lock=True)
            if before is not None and not _is_free(before):
                raise _TakenMeanwhile
            order = await _weigh(tx, link, order, row, found)
            if before is not None:
                row = _again(before, row)
            row.reference = reference_of(row.id, row.generation)
            _first_state(link, row, found, sends_now=sends_now)
            signature = _signature(row, order)
            if before is None:
                await repository.add_charge(tx.plain, row)
            await _keep_beside(tx, caller, row, signature)
            if found.away is not None:
                tx.session.add(steps.attempt_of(row.id, steps.Heard("lookup", found.away, 0), link))
            if sends_now:
                link.systems.flights[row.id] = asyncio.get_running_loop().create_future()
            else:
                await steps.keep_queue(tx, link, row)
        committed = True
    except IntegrityError:
        raise _TakenMeanwhile from None
    finally:
        if not committed:
            _land(link, row)
    return row


def _land(link: Link, row: RoomCharge) -> None:
    """Let those go on that wait for how the charge ends."""
    flight = link.systems.flights.pop(row.id, None)
    if flight is not None and not flight.done():
        flight.set_result(None)


async def _book(
    link: Link, books: OwnBooks, caller: Caller, order: Order, row: RoomCharge, found: Found
) -> Posted | None:
    """Charge to books in our data base: the charge and the lines that it becomes are one transaction.

    None when the books did not take it: nothing has happened then, and the charge goes the way of any other.
    Raises Refusal, _TakenMeanwhile.
    """
    try:
        async with link.database.write() as tx:
            order = await _weigh(tx, link, order, row, found)
            row.reference = reference_of(row.id, row.generation)
            heard = await steps.ask(link, "charge", books.charge_within(tx, charge_draft(row)))
            if not isinstance(heard.outcome, Done):
                raise _NotBooked
            states.posted(row, heard.outcome.value, link.now())
            signature = _signature(row, order)
            await repository.add_charge(tx.plain, row)
            await _keep_beside(tx, caller, row, signature)
            told = steps.attempt_of(row.id, heard, link)
            await repository.add_attempt(tx.plain, told)
            await steps.note_contact(tx, link, heard.outcome)
    except _NotBooked:
        return None
    except IntegrityError:
        raise _TakenMeanwhile from None
    return Posted(row, replay=False, attempts=(told,))


async def _weigh(tx: Tx, link: Link, order: Order, row: RoomCharge, found: Found) -> Order:
    """Hold the charge against what the guest may have; return as much of the check as goes to the room.

    Raises Refusal.
    """
    if order.split:
        order = await _fitting(tx, link, order, row, found)
        _take_part(row, order)
        policy.check_signature(order, link.options)
    row.credit_override = await _exceeds_limit(tx, link, order, row, found)
    row.check_mark = None if order.allow_repeat else check_mark(row)
    return order


async def _keep_beside(tx: Tx, caller: Caller, row: RoomCharge, signature: Signature | None) -> None:
    """Keep the guest's signature and who let the guest go over the limit, of a charge that is there already."""
    if signature is not None:
        tx.session.add(signature)
    if row.credit_override:
        detail = {"total": row.total, "currency": row.currency, "room": row.room_number}
        await audit.record(
            tx, caller, "charge.credit_overridden", "room_charge", row.id, detail, property_id=row.property_id
        )


def _first_state(link: Link, row: RoomCharge, found: Found, *, sends_now: bool) -> None:
    now = link.now()
    if sends_now:
        row.claimed_by, row.claimed_until = steps.new_token(), now + link.claim
        states.in_flight(row, now, now + link.claim + settle_time(link))
    elif found.fresh:
        states.held(row)
    elif found.away is not None:
        states.put_off(row, found.away, now, link.options.retry)


def settle_time(link: Link) -> timedelta:
    """Return how long the PMS may still be posting after an answer was lost."""
    return timedelta(seconds=link.connector.capabilities.settle_seconds)


def _again(before: RoomCharge, row: RoomCharge) -> RoomCharge:
    """Write the new request over a refused one; the reference in the PMS is a new one."""
    for column in _COLUMNS:
        if column not in ("id", "property_id", "pos_reference", "generation", "reference", "updated_at"):
            setattr(before, column, getattr(row, column))
    before.generation += 1
    return before


def _signature(row: RoomCharge, order: Order) -> Signature | None:
    if order.signature is None:
        return None
    digest = hashlib.sha256(order.signature).hexdigest()
    kept = Signature(
        id=new_id(), property_id=row.property_id, room_charge_id=row.id, image=order.signature, sha256=digest
    )
    row.signature_image, row.signature_hash = f"signatures/{kept.id}", digest
    return kept


async def credit_of(tx: Tx, link: Link, guest: InHouseGuest, found: Found, but: UUID | None = None) -> policy.Credit:
    """Return what the guest may still charge, counting what is on its way; nobody else counts until `tx` ends."""
    await repository.lock_guest(tx.plain, link.property_id, guest.reservation_id)
    since = found.looked_up_at
    coming = await repository.on_its_way(tx.plain, link.property_id, guest.reservation_id, since, but)
    balance = guest.balance
    if balance is None:
        balance = await repository.charged(tx.plain, link.property_id, guest.reservation_id, since)
    return policy.Credit(policy.limit_of(guest, link.options), balance, coming)


async def _exceeds_limit(tx: Tx, link: Link, order: Order, row: RoomCharge, found: Found) -> bool:
    """Return whether the charge goes over the guest's limit and somebody let it. Raises Refusal when nobody did."""
    if policy.limit_of(found.guest, link.options) is None:
        return False
    credit = await credit_of(tx, link, found.guest, found, row.id)
    policy.check_credit(credit, order, link.options)
    return order.override_credit and policy.is_exceeded(credit, order.total, link.options)


async def _fitting(tx: Tx, link: Link, order: Order, row: RoomCharge, found: Found) -> Order:
    """Return the part of the check that goes to the room. Raises Refusal when nothing of it fits."""
    amount = order.room_amount
    if amount is None:
        credit = await credit_of(tx, link, found.guest, found, row.id)
        available = credit.available
        amount = order.total if available is None else min(order.total, max(available, Decimal(0)))
        if amount <= 0:
            policy.check_credit(credit, order, link.options)
            amount = order.total
    return order.part(amount)


def _take_part(row: RoomCharge, part: Order) -> None:
    row.check_total = row.total
    row.subtotal, row.tax, row.tip = part.subtotal, part.tax, part.tip
    row.service_charge, row.delivery_charge, row.total, row.items = (
        part.service_charge,
        part.delivery_charge,
        part.total,
        [],
    )


async def split(link: Link, caller: Caller, order: Order) -> tuple[Posted, Decimal]:
    """Post the part of a check that is named or fits; return it and what remains. Raises as `post`."""
    order = _with_delivery(link, order)
    if order.room_amount is not None and not 0 < order.room_amount <= order.total:
        most = format_amount(order.total, order.currency)
        raise Invalid.field("room_amount", f"This must be more than zero and at most {most}.")
    done = await post(link, caller, replace(order, split=True))
    whole = done.charge.check_total if done.charge.check_total is not None else order.total
    return done, whole - done.charge.total


async def _send(link: Link, order: Order, row: RoomCharge) -> Posted:
    """Send the charge that was just committed. Raises Refusal, PmsAway."""
    try:
        heard = await steps.ask(link, "charge", link.connector.charge(charge_draft(row)))
        try:
            if isinstance(heard.outcome, Done):
                receipt, now = heard.outcome.value, link.now()
                told = await steps.conclude_at_once(link, row, heard, lambda known: states.posted(known, receipt, now))
                first = row.generation == 1  # else there are attempts of the time before
                return Posted(row, replay=False, attempts=(told,) if first else None)
            row = await conclude_charge(link, row, heard, queue_on_failure=order.queue_on_failure, at_once=True)
        except steps.ClaimLost:
            async with link.database.read() as session:
                return Posted(await repository.charge(session, link.property_id, row.id), replay=False)
    finally:
        _land(link, row)
    if _is_free(row):
        if isinstance(heard.outcome, Refused):
            lookup.refuse(heard.outcome)
        _answer_refused(row)
    return Posted(row, replay=False)


def _answer_refused(row: RoomCharge) -> NoReturn:
    if row.failure_code == "CONNECTION_FAILED":
        raise PmsAway(row.failure_reason or "")
    raise Refusal(row.failure_code or "POSTING_REJECTED", [FieldError("pms", row.failure_reason or "", foreign=True)])


async def conclude_charge(
    link: Link, row: RoomCharge, heard: steps.Heard[ChargeReceipt], *, queue_on_failure: bool, at_once: bool
) -> RoomCharge:
    """Write down how a charge ended. Raises ClaimLost."""
    able = link.connector.capabilities

    def change(fresh: RoomCharge) -> None:
        now = link.now()
        outcome: Outcome[ChargeReceipt] = heard.outcome
        match outcome:
            case Done(value=receipt):
                states.posted(fresh, receipt, now)
            case Refused():
                states.refused(fresh, outcome, now, released=at_once)
            case Later(reason=reason, code=code):
                if at_once and not queue_on_failure:
                    states.given_up(fresh, code, reason)
                    fresh.released = True
                else:
                    states.put_off(fresh, outcome, now, link.options.retry)
            case _:
                states.doubted(fresh, outcome, now, able.settle_seconds, can_ask=able.read_back)

    return await steps.conclude(link, row, heard, change)
