"""The queries about guests; whoever asks hands in the session, and every answer is of one property."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    Select,
    Uuid,
    and_,
    bindparam,
    false,
    or_,
    select,
    text,
    union,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.house.repository import LOCK, one_page
from innkeeper.house.tables import (
    Guest,
    Reservation,
)


async def guest(session: AsyncSession, property_id: UUID, guest_id: UUID, *, lock: bool = False) -> Guest | None:
    """Return one guest."""
    query = select(Guest).where(Guest.property_id == property_id, Guest.id == guest_id)
    if lock:
        query = query.with_for_update(**LOCK).execution_options(populate_existing=True)
    return await session.scalar(query)


async def stays_of_guest(session: AsyncSession, property_id: UUID, guest_id: UUID) -> Sequence[Reservation]:
    """Return the reservations of a guest, without their rooms."""
    query = select(Reservation).where(Reservation.property_id == property_id, Reservation.primary_guest_id == guest_id)
    return (await session.scalars(query.order_by(Reservation.check_in))).all()


async def clear_requests(session: AsyncSession, property_id: UUID, guest_id: UUID) -> None:
    """Empty what a guest asked for with his reservations; for everybody else they have not changed."""
    query = update(Reservation).where(Reservation.property_id == property_id, Reservation.primary_guest_id == guest_id)
    await session.execute(query.values(special_requests="", updated_at=Reservation.updated_at))


async def page_of_guests(
    session: AsyncSession, property_id: UUID, limit: int, offset: int, words: Sequence[str], contact: str
) -> tuple[Sequence[Guest], int]:
    """Return guests by name whose folded name has all `words`, or whose e-mail or phone has `contact`."""
    query = select(Guest).where(Guest.property_id == property_id)
    if words or contact:
        named = and_(*(Guest.name_normal.contains(word, autoescape=True) for word in words)) if words else false()
        reached = Guest.email_normal.contains(contact, autoescape=True) if contact else false()
        digits = "".join(c for c in contact if c.isdigit())
        dialled = Guest.phone_e164.contains(digits) if len(digits) >= 3 else false()
        query = query.where(or_(named, reached, dialled))
    return await one_page(session, query, (Guest.name_normal, Guest.id), limit, offset)


class KnownGuest(NamedTuple):
    """What a guest is compared by."""

    id: UUID
    name_normal: str
    email_normal: str | None
    phone_e164: str | None
    created_at: datetime


_KNOWN = (Guest.id, Guest.name_normal, Guest.email_normal, Guest.phone_e164, Guest.created_at)

#: How many beginnings of names are looked up in one statement, and how many names with each are enough.
_BEGINNINGS, _ALIKE = 50, 50
_BEGINNING = """
    SELECT * FROM (
        SELECT DISTINCT name_normal FROM guests
        WHERE property_id = :house AND name_normal >= :a{n} AND name_normal < :b{n} ORDER BY name_normal LIMIT {most}
    ) AS alike{n}
"""
_BY_BEGINNINGS = text(" UNION ALL ".join(_BEGINNING.format(n=n, most=_ALIKE) for n in range(_BEGINNINGS))).bindparams(
    bindparam("house", type_=Uuid())
)


async def known_guests(
    session: AsyncSession, property_id: UUID, names: Collection[str], emails: Collection[str], phones: Collection[str]
) -> list[KnownGuest]:
    """Return the guests with one of these normal names, e-mails or phones, each once."""
    found: dict[UUID, KnownGuest] = {}
    for column, values in ((Guest.name_normal, names), (Guest.email_normal, emails), (Guest.phone_e164, phones)):
        if values:
            query = select(*_KNOWN).where(Guest.property_id == property_id, column.in_(values))
            found |= {row.id: KnownGuest(*row) for row in await session.execute(query)}
    return list(found.values())


async def names_like(session: AsyncSession, property_id: UUID, names: Collection[str]) -> list[str]:
    """Return the guests' normal names that begin like one of these, sorted."""
    found: set[str] = set()
    beginnings = sorted({beginning_of(name) for name in names if name})
    for at in range(0, len(beginnings), _BEGINNINGS):
        some = beginnings[at : at + _BEGINNINGS]
        some += some[-1:] * (_BEGINNINGS - len(some))
        bounds = {f"{side}{n}": some[n] + end for n in range(_BEGINNINGS) for side, end in (("a", ""), ("b", "\uffff"))}
        found.update(await session.scalars(_BY_BEGINNINGS, {"house": property_id, **bounds}))
    return sorted(found)


def beginning_of(name: str) -> str:
    """Return how the names begin that may be a slip of this one."""
    return name[: max(4, len(name) // 2)]


async def guests_like(
    session: AsyncSession, property_id: UUID, name: str, email: str | None, phone: str | None, limit: int
) -> list[Guest]:
    """Return guests with this normal e-mail, phone or name, or a name that begins like it; each by its index."""
    ours = Guest.property_id == property_id
    found: list[Select[UUID]] = []
    if email:
        found.append(select(Guest.id).where(ours, Guest.email_normal == email).order_by(Guest.id).limit(limit))
    if phone:
        found.append(select(Guest.id).where(ours, Guest.phone_e164 == phone).order_by(Guest.id).limit(limit))
    if name:
        found.append(select(Guest.id).where(ours, Guest.name_normal == name).order_by(Guest.id).limit(limit))
        prefix = beginning_of(name)
        begins = (Guest.name_normal >= prefix, Guest.name_normal < prefix + "\uffff")
        found.append(select(Guest.id).where(ours, *begins).order_by(Guest.name_normal).limit(limit))
    if not found:
        return []
    ids = union(*(select(part.subquery().c.id) for part in found))
    return list(await session.scalars(select(Guest).where(Guest.id.in_(ids)).order_by(Guest.id)))
