"""The queries about folios; whoever asks hands in the session."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from typing import cast as cast_type
from uuid import UUID

from sqlalchemy import (
    Table,
    bindparam,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.house.repository import LOCK
from innkeeper.house.tables import (
    Folio,
    FolioLine,
    Property,
    Reservation,
    ReservationRoom,
)
from innkeeper.storage.database import Plain


class Bill(NamedTuple):
    """What must be known of a reservation before something is charged to it; `words` are its rooms' states."""

    reservation_id: UUID
    confirmation: str
    status: str
    check_out: date
    currency: str
    business_date: date
    words: frozenset[str]


_FOLIOS, _LINES = cast_type(Table, Folio.__table__), cast_type(Table, FolioLine.__table__)

#: What a charge needs runs as plain statements, since a waiter waits for it.
_BILL = (
    select(
        Reservation.id,
        Reservation.confirmation,
        Reservation.status,
        Reservation.check_out,
        Reservation.currency,
        Property.business_date,
        ReservationRoom.status.label("word"),
    )
    .join(Property, Property.id == Reservation.property_id)
    .join(ReservationRoom, ReservationRoom.reservation_id == Reservation.id)
    .where(Reservation.property_id == bindparam("property"), Reservation.id == bindparam("reservation"))
    .with_for_update(of=Reservation, **LOCK)
)


async def locked_bill(plain: Plain, property_id: UUID, reservation_id: UUID) -> Bill | None:
    """Return what a charge must know of a reservation, which is held until the transaction ends."""
    rows = (await plain.execute(_BILL, {"property": property_id, "reservation": reservation_id})).all()
    if not rows:
        return None
    one = rows[0]
    words = frozenset(row.word for row in rows)
    return Bill(one.id, one.confirmation, one.status, one.check_out, one.currency, one.business_date, words)


_LINES_OF = select(_LINES).where(
    _LINES.c.property_id == bindparam("property"), _LINES.c.reference.in_(bindparam("references", expanding=True))
)


async def lines_by_references(plain: Plain, property_id: UUID, references: Sequence[str]) -> dict[str, FolioLine]:
    """Return the lines that stand for these references, as objects that no transaction watches."""
    found = await plain.execute(_LINES_OF, {"property": property_id, "references": list(references)})
    return {row.reference: FolioLine(**row._mapping) for row in found}


_OWE_MORE = (
    update(_FOLIOS)
    .where(_FOLIOS.c.reservation_id == bindparam("reservation"), _FOLIOS.c.closed_at.is_(None))
    .values(balance=_FOLIOS.c.balance + bindparam("amount"), updated_at=bindparam("now"))
    .returning(_FOLIOS.c.id, _FOLIOS.c.balance)
)


async def owe_more(plain: Plain, reservation_id: UUID, amount: Decimal, now: datetime) -> tuple[UUID, Decimal] | None:
    """Raise the balance of an open folio, which is held by it; return its id and balance, None where none is open."""
    values = {"reservation": reservation_id, "amount": amount, "now": now}
    row = (await plain.execute(_OWE_MORE, values)).one_or_none()
    return (row.id, row.balance) if row is not None else None


async def add_lines(plain: Plain, lines: Sequence[dict[str, Any]]) -> None:
    """Write new folio lines as they are, past the unit of work."""
    await plain.execute(_ADD_LINES, lines)


_ADD_LINES = insert(_LINES)


async def folio_of(session: AsyncSession, reservation_id: UUID, *, lock: bool = False) -> Folio | None:
    """Return the folio of a reservation."""
    query = select(Folio).where(Folio.reservation_id == reservation_id)
    if lock:
        query = query.with_for_update(**LOCK).execution_options(populate_existing=True)
    return await session.scalar(query)


async def locked_folio(session: AsyncSession, folio_id: UUID) -> Folio:
    """Return a folio that is known to be there, locked against other lines until the transaction ends."""
    query = select(Folio).where(Folio.id == folio_id).with_for_update(**LOCK)
    return (await session.scalars(query.execution_options(populate_existing=True))).one()


async def folio_lines(session: AsyncSession, folio_id: UUID) -> Sequence[FolioLine]:
    """Return the lines of a folio, oldest first."""
    query = select(FolioLine).where(FolioLine.folio_id == folio_id).order_by(FolioLine.created_at, FolioLine.id)
    return (await session.scalars(query)).all()


async def folio_line(session: AsyncSession, property_id: UUID, line_id: UUID) -> FolioLine | None:
    """Return one line."""
    return await session.scalar(select(FolioLine).where(FolioLine.property_id == property_id, FolioLine.id == line_id))


async def line_by_reference(session: AsyncSession, property_id: UUID, reference: str) -> FolioLine | None:
    """Return the line that a reference stands for."""
    return await session.scalar(
        select(FolioLine).where(FolioLine.property_id == property_id, FolioLine.reference == reference)
    )


async def void_of(session: AsyncSession, line_id: UUID) -> FolioLine | None:
    """Return the line that voids this one."""
    return await session.scalar(select(FolioLine).where(FolioLine.voids_id == line_id))
