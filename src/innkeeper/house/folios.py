"""Keeps the bills: lines that are never changed, a balance that is their sum, each charge once for its reference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.domain.business_day import utc_now
from innkeeper.domain.errors import Conflict, FieldError, NotFound, RuleRefused
from innkeeper.domain.ids import new_id
from innkeeper.domain.money import format_amount, quantize
from innkeeper.domain.stay import StayStatus
from innkeeper.house import folio_repository, properties, repository, reservation_repository
from innkeeper.house.checks import Errors, cleaned
from innkeeper.house.tables import Folio, FolioLine, Property, Reservation
from innkeeper.storage.database import Tx


@dataclass(frozen=True, slots=True)
class Projected:
    """A line that check-out will write."""

    reference: str
    kind: str
    description: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Statement:
    """The bill as it stands. `folio` is None while nothing was posted; `balance` is the sum of the lines.

    `due` is what the guest owes at check-out: the balance and everything projected.
    """

    reservation: Reservation
    folio: Folio | None
    lines: Sequence[FolioLine]
    projected: Sequence[Projected]
    balance: Decimal
    due: Decimal


async def post_charge(
    tx: Tx,
    property_id: UUID,
    reservation_id: UUID,
    *,
    amount: Decimal,
    currency: str,
    description: str,
    reference: str,
    outlet_code: str | None = None,
    check_number: str | None = None,
) -> FolioLine:
    """Put a charge on the reservation's folio; the same reference again returns the line that it became.

    Raises NotFound, Invalid, RuleRefused (`CURRENCY_MISMATCH`), Conflict (`FOLIO_CLOSED`, `REFERENCE_USED`).
    """
    line = FolioLine(
        kind="charge",
        amount=amount,
        description=description,
        reference=reference,
        outlet_code=outlet_code,
        check_number=check_number,
    )
    return await _post(tx, property_id, reservation_id, line, currency)


_COLUMNS = tuple(FolioLine.__table__.columns.keys())


@dataclass(frozen=True, slots=True)
class NewCharge:
    """One line of a check; the reference stands for it for ever."""

    amount: Decimal
    description: str
    reference: str
    outlet_code: str | None = None
    check_number: str | None = None


async def post_check(
    tx: Tx, property_id: UUID, bill: folio_repository.Bill, charges: Sequence[NewCharge]
) -> tuple[list[FolioLine], Decimal]:
    """Put the lines of a check on the folio of a bill that is held; return them and what the guest owes then.

    Lines whose references stand already are returned as they are; a discount is a line below zero of a check that is
    above. As quick as can be, since a waiter waits.
    Raises Invalid, Conflict (`FOLIO_CLOSED`, `REFERENCE_USED`).
    """
    made = [
        FolioLine(
            id=new_id(),
            property_id=property_id,
            kind="charge",
            amount=one.amount,
            description=one.description,
            reference=one.reference,
            outlet_code=one.outlet_code,
            check_number=one.check_number,
            business_date=bill.business_date,
            created_at=utc_now(),
        )
        for one in charges
    ]
    discounts = sum((line.amount for line in made), Decimal(0)) > 0  # of a check, which as a whole is owed
    for line in made:
        _check(line, bill.currency, may_be_less=discounts)
    there = await folio_repository.lines_by_references(tx.plain, property_id, [one.reference for one in charges])
    new = [line for line in made if line.reference not in there]
    folio_id, balance = await _open_folio(tx, property_id, bill, sum((line.amount for line in new), Decimal(0)))
    for line in made:
        line.folio_id = folio_id
        first = there.get(line.reference or "")
        if first is not None and (first.folio_id, first.kind, first.amount) != (folio_id, line.kind, line.amount):
            raise _used(line.reference)
    if new:
        try:
            await folio_repository.add_lines(
                tx.plain, [{name: getattr(line, name) for name in _COLUMNS} for line in new]
            )
        except IntegrityError:
            raise _used(new[0].reference) from None
    return [there.get(line.reference or "", line) for line in made], balance


async def _open_folio(tx: Tx, property_id: UUID, bill: folio_repository.Bill, amount: Decimal) -> tuple[UUID, Decimal]:
    """Add to the balance and return the folio with it; made at its first line. Raises Conflict where it is closed."""
    raised = await folio_repository.owe_more(tx.plain, bill.reservation_id, amount, utc_now())
    if raised is not None:
        return raised
    if (
        await folio_repository.folio_of(tx.session, bill.reservation_id) is not None
        or bill.status == StayStatus.CANCELLED
    ):
        raise _closed(bill.confirmation)
    folio = Folio(
        id=new_id(),
        property_id=property_id,
        reservation_id=bill.reservation_id,
        number=await repository.take_number(tx.session, property_id, Property.next_folio),
        currency=bill.currency,
        balance=amount,
    )
    tx.session.add(folio)
    await tx.session.flush()
    return folio.id, folio.balance


async def record_payment(
    tx: Tx,
    property_id: UUID,
    reservation_id: UUID,
    *,
    amount: Decimal,
    currency: str,
    method: str,
    reference: str | None = None,
) -> FolioLine:
    """Note that the guest paid `amount` (positive); the folio line is its negative. Raises as `post_charge`."""
    line = FolioLine(kind="payment", amount=-amount, description=f"Payment, {method}", reference=reference)
    return await _post(tx, property_id, reservation_id, line, currency)


async def pay_back(
    tx: Tx,
    property_id: UUID,
    reservation_id: UUID,
    *,
    amount: Decimal,
    currency: str,
    method: str,
    reference: str | None = None,
) -> FolioLine:
    """Give the guest back `amount` (positive) of what he paid too much; the folio line is a payment above zero.

    Raises as `post_charge`, and Conflict (`NO_CREDIT`) where less than that was paid too much.
    """
    line = FolioLine(kind="payment", amount=amount, description=f"Paid back, {method}", reference=reference)
    return await _post(tx, property_id, reservation_id, line, currency, back=True)


async def has_charges(session: AsyncSession, reservation_id: UUID) -> bool:
    """Whether charges stand on the reservation's folio that were not voided."""
    folio = await folio_repository.folio_of(session, reservation_id)
    lines = await folio_repository.folio_lines(session, folio.id) if folio else ()
    voided = {line.voids_id for line in lines}
    return any(line.kind == "charge" and line.id not in voided for line in lines)


async def is_noted(session: AsyncSession, property_id: UUID, reference: str | None) -> bool:
    """Whether a line stands for this reference already."""
    if reference is None:
        return False
    return await folio_repository.line_by_reference(session, property_id, reference) is not None


async def void_line(
    tx: Tx, property_id: UUID, line_id: UUID, *, reason: str, reference: str | None = None
) -> FolioLine:
    """Answer a line by its opposite; a line that is void already returns the one that voided it.

    A closed folio that is not even any more opens again, so that what is then owed or too much can be settled.
    Raises NotFound, Conflict (`NOT_VOIDABLE`).
    """
    line = await folio_repository.folio_line(tx.session, property_id, line_id)
    if line is None:
        raise NotFound(f"There is no folio line {line_id}.")
    if line.kind == "void":
        raise Conflict("A void cannot be voided; post the charge again.", code="NOT_VOIDABLE")
    folio = await folio_repository.locked_folio(tx.session, line.folio_id)
    done = await folio_repository.void_of(tx.session, line.id)
    if done is not None:
        return done
    house = await properties.get(tx.session, property_id)
    void = FolioLine(
        kind="void",
        amount=-line.amount,
        description=cleaned(f"Void: {line.description} ({reason})", 300),
        outlet_code=line.outlet_code,
        check_number=line.check_number,
        reference=reference,
        voids_id=line.id,
    )
    void = await _add(tx, house, folio, void)
    status = await reservation_repository.status_of(tx.session, folio.reservation_id)
    _close_or_open(folio, gone=status == StayStatus.CHECKED_OUT)
    return void


async def void_payment(
    tx: Tx, property_id: UUID, reservation_id: UUID, line_id: UUID, *, reason: str
) -> FolioLine | None:
    """Take back a payment that was noted wrongly; None when that was done before.

    Raises NotFound, Invalid, Conflict (`NOT_VOIDABLE`).
    """
    errors = Errors()
    errors.text("reason", reason, 200, needed=True)
    errors.raise_any()
    await _locked(tx, property_id, reservation_id)
    folio = await folio_repository.folio_of(tx.session, reservation_id, lock=True)
    line = await folio_repository.folio_line(tx.session, property_id, line_id)
    if line is None or folio is None or line.folio_id != folio.id:
        raise NotFound(f"There is no line {line_id} on this bill.")
    if line.kind != "payment":
        raise Conflict(
            "Only a payment is taken back here.",
            code="NOT_VOIDABLE",
            action="Take a charge back where it was made: the outlet's under Charges.",
        )
    if await folio_repository.void_of(tx.session, line.id) is not None:
        return None
    return await void_line(tx, property_id, line_id, reason=reason)


async def statement(session: AsyncSession, property_id: UUID, reservation_id: UUID) -> Statement:
    """Return the bill of a reservation with what check-out will add. Raises NotFound."""
    reservation = await reservation_repository.reservation(session, property_id, reservation_id)
    if reservation is None:
        raise NotFound(f"There is no reservation {reservation_id}.")
    folio = await folio_repository.folio_of(session, reservation_id)
    lines = await folio_repository.folio_lines(session, folio.id) if folio else []
    posted = {line.reference for line in lines}
    projected = [line for line in _stay_lines(reservation, final=True) if line.reference not in posted]
    if reservation.status == StayStatus.CANCELLED:
        projected = []
    balance = folio.balance if folio else Decimal(0)
    due = balance + sum((line.amount for line in projected), Decimal(0))
    return Statement(reservation, folio, lines, projected, balance, due)


async def post_stay(
    tx: Tx,
    house: Property,
    reservation: Reservation,
    *,
    leave_open: bool,
    on_their_way: Decimal,
    booked: Mapping[UUID, date] | None = None,
) -> None:
    """Write what the rooms that have checked out cost, and close the folio when they all have.

    `booked` is until when each room was booked, where its guest leaves before. Raises Conflict when the last one leaves
    while charges are on their way to it (`CHARGES_PENDING`), and with something to pay (`BALANCE_DUE`) or to get back
    (`FOLIO_NOT_EVEN`), unless `leave_open`.
    """
    final = reservation.status == StayStatus.CHECKED_OUT
    if final and on_their_way:  # before the balance, which they are going to change
        raise _pending(reservation, on_their_way)
    staying = {f"accommodation:{row.id}" for row in reservation.rooms if row.status != StayStatus.CHECKED_OUT}
    folio = await _folio(tx, house, reservation)
    posted = {line.reference for line in await folio_repository.folio_lines(tx.session, folio.id)}
    for line in _stay_lines(reservation, final=final, booked=booked or {}):
        if line.reference in posted or line.reference in staying:
            continue
        row = FolioLine(kind=line.kind, amount=line.amount, description=line.description, reference=line.reference)
        await _add(tx, house, folio, row)
    if not final:
        return
    if folio.balance > 0 and not leave_open:
        owed = f"{format_amount(folio.balance, folio.currency)} {folio.currency}"
        raise Conflict(
            f"{owed} are still to be paid on the folio of {reservation.confirmation}.",
            code="BALANCE_DUE",
            action='Record the payment first; a manager can leave the folio open with "leave_open": true.',
            errors=[FieldError("balance", owed)],
        )
    if folio.balance < 0 and not leave_open:
        credit = f"{format_amount(-folio.balance, folio.currency)} {folio.currency}"
        raise Conflict(
            f"{credit} too much are paid on the folio of {reservation.confirmation}.",
            code="FOLIO_NOT_EVEN",
            action='Pay them back first; a manager can leave the folio open with "leave_open": true.',
            errors=[FieldError("balance", f"-{credit}")],
        )
    _close_or_open(folio, gone=True)


def _stay_lines(reservation: Reservation, *, final: bool, booked: Mapping[UUID, date] | None = None) -> list[Projected]:
    """Return the lines that the stay itself makes: rooms, and at the end the extras and what was paid before.

    Who leaves before the end of the stay is billed for what was booked, and the line says until when that was.
    """
    lines = []
    rooms = [row for row in reservation.rooms if row.status != StayStatus.CANCELLED]
    for row in rooms:
        where = f"room {row.room.number}" if row.room else (row.room_type.name if row.room_type else "room")
        until = (booked or {}).get(row.id, row.check_out)
        left = f", left {row.check_out}" if until > row.check_out else ""
        description = f"Accommodation {row.check_in} to {until}, {where}{left}"
        lines.append(Projected(f"accommodation:{row.id}", "accommodation", description[:300], row.amount))
    if final:
        extras = reservation.total_amount - sum((row.amount for row in rooms), Decimal(0))
        if extras:
            text = "Services of the booking" if extras > 0 else "Difference to the booked total"
            lines.append(Projected(f"extras:{reservation.id}", "accommodation", text, extras))
        if reservation.prepaid_amount:
            text = f"Paid in advance, {reservation.channel or reservation.source}"
            lines.append(Projected(f"prepaid:{reservation.id}", "payment", text, -reservation.prepaid_amount))
    return lines


async def _post(
    tx: Tx, property_id: UUID, reservation_id: UUID, line: FolioLine, currency: str, *, back: bool = False
) -> FolioLine:
    _check(line, currency, back=back)
    house = await properties.get(tx.session, property_id)
    reservation = await _locked(tx, property_id, reservation_id)
    if currency != reservation.currency:
        raise RuleRefused(
            f"The folio is kept in {reservation.currency}; a charge in {currency} is not converted.",
            code="CURRENCY_MISMATCH",
            action=f"Send the amount in {reservation.currency}.",
        )
    if line.reference is not None:
        first = await folio_repository.line_by_reference(tx.session, property_id, line.reference)
        if first is not None:
            folio_of_first = await folio_repository.folio_of(tx.session, reservation_id)
            same_folio = folio_of_first is not None and first.folio_id == folio_of_first.id
            if not same_folio or (first.kind, first.amount) != (line.kind, line.amount):
                raise _used(line.reference)
            return first
    folio = await _folio(tx, house, reservation)
    if folio.closed_at is not None and not (back and folio.balance < 0):
        raise _closed(reservation.confirmation, line.kind)
    if line.kind == "charge" and reservation.status == StayStatus.CANCELLED:
        raise _closed(reservation.confirmation)
    if back:
        await _must_be_credit(tx, property_id, reservation, line.amount)
    line = await _add(tx, house, folio, line)
    _close_or_open(folio, gone=reservation.status == StayStatus.CHECKED_OUT)
    return line


async def _locked(tx: Tx, property_id: UUID, reservation_id: UUID) -> Reservation:
    reservation = await reservation_repository.reservation(tx.session, property_id, reservation_id, lock=True)
    if reservation is None:
        raise NotFound(f"There is no reservation {reservation_id}.")
    return reservation


async def _must_be_credit(tx: Tx, property_id: UUID, reservation: Reservation, amount: Decimal) -> None:
    """Raises Conflict (`NO_CREDIT`) where less was paid too much, with what check-out will add counted in."""
    credit = max(-(await statement(tx.session, property_id, reservation.id)).due, Decimal(0))
    if amount > credit:
        there = f"{format_amount(credit, reservation.currency)} {reservation.currency}"
        raise Conflict(
            f"Only {there} are paid too much on the folio of {reservation.confirmation}.",
            code="NO_CREDIT",
            action="Pay back at most that; a manager can void a payment that was noted wrongly.",
            errors=[FieldError("amount", f"At most {there}.")],
        )


def _close_or_open(folio: Folio, *, gone: bool) -> None:
    """Close the folio of a guest who has left once it is even, and open it again where it is so no more."""
    if folio.balance == 0 and gone and folio.closed_at is None:
        folio.closed_at = utc_now()
    elif folio.balance != 0:
        folio.closed_at = None


def _check(line: FolioLine, currency: str, *, back: bool = False, may_be_less: bool = False) -> None:
    errors = Errors()
    owed = line.kind == "charge" or back
    if line.amount == 0 or ((line.amount > 0) != owed and not may_be_less):
        errors.add("amount", "The amount is above zero; take a wrong line back with a void.")
    elif line.amount != quantize(line.amount, currency):
        errors.add("amount", f"This has more decimal places than {currency} has.")
    errors.text("description", line.description, 300, needed=True)
    errors.text("reference", line.reference, 200)
    errors.text("outlet_code", line.outlet_code, 20)
    errors.text("check_number", line.check_number, 50)
    errors.raise_any()


async def _folio(tx: Tx, house: Property, reservation: Reservation) -> Folio:
    """Return the reservation's folio, locked; made at its first line. The caller holds the reservation's lock."""
    folio = await folio_repository.folio_of(tx.session, reservation.id, lock=True)
    if folio is None:
        folio = Folio(
            id=new_id(),
            property_id=house.id,
            reservation_id=reservation.id,
            number=await repository.take_number(tx.session, house.id, Property.next_folio),
            currency=reservation.currency,
            balance=Decimal(0),
        )
        tx.session.add(folio)
    return folio


async def _add(tx: Tx, house: Property, folio: Folio, line: FolioLine) -> FolioLine:
    line.id = new_id()
    line.property_id = house.id
    line.folio_id = folio.id
    line.business_date = house.business_date
    line.created_at = utc_now()
    folio.balance += line.amount
    tx.session.add(folio)
    try:
        await tx.session.flush()
        tx.session.add(line)
        await tx.session.flush()
    except IntegrityError:
        raise _used(line.reference) from None
    return line


def _pending(reservation: Reservation, on_their_way: Decimal) -> Conflict:
    coming = f"{format_amount(on_their_way, reservation.currency)} {reservation.currency}"
    return Conflict(
        f"{coming} from the outlets are on their way to the folio of {reservation.confirmation}.",
        code="CHARGES_PENDING",
        action="Have them posted or taken off under Postings first; a manager can check the guest out without them "
        'with "leave_charges": true.',
        errors=[FieldError("on_its_way", coming)],
    )


def _closed(confirmation: str, kind: str = "charge") -> Conflict:
    charge = "Take another tender, or post to the guest who is in the room now."
    payment = "It is settled; a manager opens it again by voiding a payment on it."
    return Conflict(
        f"The folio of {confirmation} is closed.",
        code="FOLIO_CLOSED",
        action=charge if kind == "charge" else payment,
    )


def _used(reference: str | None) -> Conflict:
    return Conflict(
        f"The reference {reference} stands for another line already.",
        code="REFERENCE_USED",
        action="Send the same content again, or a new reference.",
    )
