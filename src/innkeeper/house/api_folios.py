"""The routes of a guest's bill: read it, take a payment, pay back, and take a wrong payment off."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access import audit
from innkeeper.access.caller import Caller
from innkeeper.access.http import Db, PropertyId, require
from innkeeper.access.roles import Role
from innkeeper.domain.errors import NotFound
from innkeeper.domain.money import check_currency, format_amount
from innkeeper.house import folios, intake, reservations
from innkeeper.house.on_their_way import ChargesOnTheirWay, OnTheirWay
from innkeeper.house.schemas import VoidIn
from innkeeper.house.schemas_folios import FolioOut, PaymentIn
from innkeeper.storage.database import Tx
from innkeeper.web.routing import Router

router = Router(prefix="/api/reservations/{reservation_id}/folio", tags=["House"])

FrontDesk = Annotated[Caller, Depends(require(Role.FRONT_DESK))]
Manager = Annotated[Caller, Depends(require(Role.MANAGER))]


@router.get("", summary="Read the bill")
async def read_folio(
    reservation_id: UUID, database: Db, property_id: PropertyId, _caller: FrontDesk, on_their_way: OnTheirWay
) -> FolioOut:
    """Return the lines, what check-out will add, the balance, what is owed, and what comes from the outlets."""
    async with database.read() as session:
        return await _bill(session, property_id, reservation_id, on_their_way)


@router.post("/payments", status_code=201, summary="Take a payment")
async def add_payment(
    reservation_id: UUID,
    body: PaymentIn,
    database: Db,
    property_id: PropertyId,
    _caller: FrontDesk,
    on_their_way: OnTheirWay,
) -> FolioOut:
    """Note a payment; the same reference again notes it once. 409 `FOLIO_CLOSED` once it is settled."""
    async with database.write() as tx:
        currency = await _currency(tx, property_id, reservation_id, body)
        await folios.record_payment(
            tx,
            property_id,
            reservation_id,
            amount=intake.amount(body.amount, currency, "amount"),
            currency=currency,
            method=body.method,
            reference=body.reference,
        )
        return await _bill(tx.session, property_id, reservation_id, on_their_way)


@router.post("/refunds", status_code=201, summary="Pay back")
async def pay_back(
    reservation_id: UUID,
    body: PaymentIn,
    database: Db,
    property_id: PropertyId,
    caller: FrontDesk,
    on_their_way: OnTheirWay,
) -> FolioOut:
    """Give back what was paid too much, at most that (409 `NO_CREDIT`); the same reference again notes it once."""
    async with database.write() as tx:
        currency = await _currency(tx, property_id, reservation_id, body)
        known = await folios.is_noted(tx.session, property_id, body.reference)
        line = await folios.pay_back(
            tx,
            property_id,
            reservation_id,
            amount=intake.amount(body.amount, currency, "amount"),
            currency=currency,
            method=body.method,
            reference=body.reference,
        )
        bill = await _bill(tx.session, property_id, reservation_id, on_their_way)
        if not known:
            told = {"line": str(line.id), "amount": format_amount(line.amount, currency), "method": body.method}
            await audit.record(
                tx, caller, "folio.paid_back", "reservation", reservation_id, told, property_id=property_id
            )
        return bill


@router.post("/lines/{line_id}/void", summary="Take a payment off")
async def void_payment(
    reservation_id: UUID,
    line_id: UUID,
    body: VoidIn,
    database: Db,
    property_id: PropertyId,
    caller: Manager,
    on_their_way: OnTheirWay,
) -> FolioOut:
    """Answer a payment that was noted wrongly by its opposite; a settled bill is open again by that."""
    async with database.write() as tx:
        void = await folios.void_payment(tx, property_id, reservation_id, line_id, reason=body.reason)
        bill = await _bill(tx.session, property_id, reservation_id, on_their_way)
        if void is not None:
            told = {"line": str(line_id), "void": str(void.id), "reason": body.reason}
            await audit.record(
                tx, caller, "folio.payment_voided", "reservation", reservation_id, told, property_id=property_id
            )
        return bill


async def _bill(
    session: AsyncSession, property_id: UUID, reservation_id: UUID, on_their_way: ChargesOnTheirWay
) -> FolioOut:
    bill = await folios.statement(session, property_id, reservation_id)
    return FolioOut.of(bill, await on_their_way(session, property_id, reservation_id))


async def _currency(tx: Tx, property_id: UUID, reservation_id: UUID, body: PaymentIn) -> str:
    """Return the currency that the body names, else the reservation's. Raises NotFound, Invalid."""
    if body.currency:
        return check_currency(body.currency)
    found = await reservations.load(tx.session, property_id, reservation_id)
    if found is None:
        raise NotFound(f"There is no reservation {reservation_id}.")
    return found.currency
