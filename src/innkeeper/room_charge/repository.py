"""Every query of room charge."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Select, Table, Uuid, bindparam, case, delete, func, insert, or_, select, text, union, update
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.domain.errors import NotFound
from innkeeper.room_charge.tables import (
    REMOVED,
    LocalProfile,
    PmsConfig,
    PostingAttempt,
    PostingStatus,
    QueueEntry,
    QueueStatus,
    Reconciliation,
    RoomCharge,
    Signature,
)
from innkeeper.storage.database import Plain, Statements

OPEN = tuple(status.value for status in PostingStatus if status.is_open)

_CHARGES, _ATTEMPTS = cast(Table, RoomCharge.__table__), cast(Table, PostingAttempt.__table__)
_ENTRIES = cast(Table, QueueEntry.__table__)
#: The property. Its column has no type before the house's tables are loaded, which may be after this.
_OF = bindparam("of", type_=Uuid())
#: Made once: to put a statement together costs more than most of them take.
_ID_OF = select(_CHARGES.c.id).where(
    _CHARGES.c.property_id == _OF, _CHARGES.c.pos_reference == bindparam("pos_reference")
)
_TOTALS = select(_CHARGES.c.total).where(
    _CHARGES.c.property_id == _OF, _CHARGES.c.reservation_id == bindparam("reservation_id")
)
_POSTED = _CHARGES.c.posting_status == PostingStatus.POSTED.value
#: Not a list of them, which SQLAlchemy writes out anew for each execution.
_WAITING = or_(*(_CHARGES.c.posting_status == one.value for one in (PostingStatus.PENDING, PostingStatus.UNKNOWN)))
#: What failed and was neither refused at once nor taken off the queue; see RoomCharge.owed.
_OWED = (
    (_CHARGES.c.posting_status == PostingStatus.FAILED.value)
    & ~_CHARGES.c.released
    & (func.coalesce(_CHARGES.c.failure_code, "") != REMOVED)
)
_ON_ITS_WAY = _TOTALS.where(
    or_(_WAITING, _OWED, _POSTED & (_CHARGES.c.posted_at >= bindparam("since"))), _CHARGES.c.id != bindparam("but")
)
_TO_COME = _TOTALS.where(or_(_WAITING, _OWED))
_CHARGED = _TOTALS.where(_POSTED, _CHARGES.c.posted_at < bindparam("before"))
_LOCK_GUEST = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")
_NO_CHARGE = UUID(int=0)
_CHANGE = update(_CHARGES).where(_CHARGES.c.id == bindparam("of_charge"), _CHARGES.c.claimed_by == bindparam("claim"))
_INSERT, _INSERT_ATTEMPT = insert(_CHARGES), insert(_ATTEMPTS)
_FIELDS, _TOLD = frozenset(_CHARGES.c.keys()), frozenset(_ATTEMPTS.c.keys())


# --- settings ---------------------------------------------------------------------------------------------------------


async def config(session: AsyncSession, property_id: UUID, *, lock: bool = False) -> PmsConfig | None:
    """Return a property's settings, None when it has set none."""
    query = select(PmsConfig).where(PmsConfig.property_id == property_id)
    return await session.scalar(query.with_for_update() if lock else query)


async def configs(session: AsyncSession) -> Sequence[PmsConfig]:
    """Return the settings of every property that has some."""
    return (await session.scalars(select(PmsConfig))).all()


# --- charges ----------------------------------------------------------------------------------------------------------


async def charge(session: AsyncSession, property_id: UUID, charge_id: UUID, *, lock: bool = False) -> RoomCharge:
    """Return a charge of the property. Raises NotFound."""
    query = select(RoomCharge).where(RoomCharge.property_id == property_id, RoomCharge.id == charge_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = await session.scalar(query)
    if found is None:
        raise NotFound("There is no such posting.")
    return found


async def locked_charges(
    session: AsyncSession, property_id: UUID, charge_ids: Collection[UUID]
) -> Sequence[RoomCharge]:
    """Return these charges of the property, locked in the order of their ids, so that two callers never cross."""
    query = select(RoomCharge).where(RoomCharge.property_id == property_id, RoomCharge.id.in_(charge_ids))
    query = query.order_by(RoomCharge.id).with_for_update().execution_options(populate_existing=True)
    return (await session.scalars(query)).all()


async def by_pos_reference(
    session: AsyncSession, property_id: UUID, pos_reference: str, *, lock: bool = False
) -> RoomCharge | None:
    """Return the charge that a point of sale's reference stands for."""
    query = select(RoomCharge).where(RoomCharge.property_id == property_id, RoomCharge.pos_reference == pos_reference)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return await session.scalar(query)


async def id_of(plain: Plain, property_id: UUID, pos_reference: str) -> UUID | None:
    """Return the identifier of the charge that a point of sale's reference stands for."""
    found: UUID | None = await plain.scalar(_ID_OF, {"of": property_id, "pos_reference": pos_reference})
    return found


async def add_charge(plain: Plain, row: RoomCharge) -> None:
    """Write a new charge as it is, past the unit of work: a waiter waits for it."""
    await plain.execute(_INSERT, fields_of(row))


async def change_claimed(plain: Plain, charge_id: UUID, claim: str, changes: Mapping[str, Any]) -> bool:
    """Write these fields of a charge; False when the claim is no longer the one that is named."""
    changed = await plain.execute(_CHANGE, {**changes, "of_charge": charge_id, "claim": claim})
    return bool(changed.rowcount)


async def add_attempt(plain: Plain, row: PostingAttempt) -> None:
    """Write a new attempt as it is, past the unit of work."""
    await plain.execute(_INSERT_ATTEMPT, {name: row.__dict__[name] for name in row.__dict__.keys() & _TOLD})


def fields_of(row: RoomCharge) -> dict[str, Any]:
    """Return what is set of a charge, by column."""
    return {name: row.__dict__[name] for name in row.__dict__.keys() & _FIELDS}


async def lock_guest(plain: Plain, property_id: UUID, reservation_id: str) -> None:
    """Let nobody else count this guest's charges until the transaction ends; on SQLite a writer is alone anyway."""
    if plain.backend == "postgresql":
        key = f"room_charge:{property_id}:{reservation_id}"
        await plain.execute(_LOCK_GUEST, {"key": key})


async def on_its_way(
    session: Statements, property_id: UUID, reservation_id: str, since: datetime, but: UUID | None = None
) -> Decimal:
    """Return the sum of a guest's charges that a balance read at `since` does not hold."""
    values = {"of": property_id, "reservation_id": reservation_id, "since": since, "but": but or _NO_CHARGE}
    return sum(await session.scalars(_ON_ITS_WAY, values), Decimal(0))


async def not_on_the_bill(session: AsyncSession, property_id: UUID, reservation_id: str) -> Decimal:
    """Return the sum of a guest's charges that are to come on the bill yet: by themselves, or once a person decides."""
    values = {"of": property_id, "reservation_id": reservation_id}
    return sum(await session.scalars(_TO_COME, values), Decimal(0))


async def charged(session: Statements, property_id: UUID, reservation_id: str, before: datetime) -> Decimal:
    """Return the sum of a guest's charges posted before that instant, for a PMS that tells no balance."""
    values = {"of": property_id, "reservation_id": reservation_id, "before": before}
    return sum(await session.scalars(_CHARGED, values), Decimal(0))


async def page_of_charges(
    session: AsyncSession,
    property_id: UUID,
    *,
    limit: int,
    offset: int,
    statuses: Collection[str] = (),
    room_number: str | None = None,
    outlet_code: str | None = None,
    business_date: date | None = None,
    pos_reference: str | None = None,
) -> tuple[Sequence[RoomCharge], int]:
    """Return charges, newest first, and how many there are."""
    query = select(RoomCharge).where(RoomCharge.property_id == property_id)
    if statuses:
        query = query.where(RoomCharge.posting_status.in_(statuses))
    for column, value in (
        (RoomCharge.room_number, room_number),
        (RoomCharge.outlet_code, outlet_code),
        (RoomCharge.business_date, business_date),
        (RoomCharge.pos_reference, pos_reference),
    ):
        if value is not None:
            query = query.where(column == value)
    return await _page(session, query, (RoomCharge.created_at.desc(), RoomCharge.id.desc()), limit, offset)


async def charges_of_check(
    session: AsyncSession, property_id: UUID, outlet_code: str, check_number: str, business_date: date
) -> Sequence[RoomCharge]:
    """Return what is or may be owed of a check on that day, oldest first."""
    query = select(RoomCharge).where(
        RoomCharge.property_id == property_id,
        RoomCharge.business_date == business_date,
        RoomCharge.outlet_code == outlet_code,
        RoomCharge.check_number == check_number,
        RoomCharge.posting_status.in_((*OPEN, PostingStatus.POSTED.value)),
    )
    return (await session.scalars(query.order_by(RoomCharge.id))).all()


async def by_check_mark(session: AsyncSession, property_id: UUID, mark: str) -> RoomCharge | None:
    """Return the charge that stands for this check of this guest on this day."""
    return await session.scalar(
        select(RoomCharge).where(RoomCharge.property_id == property_id, RoomCharge.check_mark == mark)
    )


async def charges_of_days(session: AsyncSession, property_id: UUID, start: date, end: date) -> Sequence[RoomCharge]:
    """Return the charges posted or taken back on these business dates, both included, oldest first."""
    charged = RoomCharge.business_date.between(start, end)
    taken_back = RoomCharge.void_date.between(start, end)
    query = select(RoomCharge).where(RoomCharge.property_id == property_id, or_(charged, taken_back))
    return (await session.scalars(query.order_by(RoomCharge.id))).all()


async def charged_since(session: AsyncSession, property_id: UUID, instant: datetime) -> bool:
    """Whether anything was charged since then."""
    query = select(RoomCharge.id).where(RoomCharge.property_id == property_id, RoomCharge.created_at >= instant)
    return await session.scalar(query.limit(1)) is not None


async def charges_by_reference(
    session: AsyncSession, property_id: UUID, references: Collection[str]
) -> dict[str, RoomCharge]:
    """Return charges by what they are found by in the PMS."""
    found: dict[str, RoomCharge] = {}
    wanted = sorted(references)
    for start in range(0, len(wanted), 500):
        query = select(RoomCharge).where(
            RoomCharge.property_id == property_id, RoomCharge.reference.in_(wanted[start : start + 500])
        )
        found.update({row.reference: row for row in await session.scalars(query)})
    return found


async def due(session: AsyncSession, before: datetime, limit: int) -> Sequence[tuple[UUID, UUID]]:
    """Return (property, charge) of those whose time has come and at whom nobody is, oldest first."""
    query = (
        select(RoomCharge.property_id, RoomCharge.id)
        .where(
            RoomCharge.next_attempt_at <= before,
            or_(RoomCharge.claimed_until.is_(None), RoomCharge.claimed_until < before),
        )
        .order_by(RoomCharge.next_attempt_at)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in await session.execute(query)]


async def bring_forward(session: AsyncSession, property_id: UUID, now: datetime, limit: int) -> Sequence[UUID]:
    """Let the next try of charges that wait for the PMS be now, and return them, those that waited longest first.

    Nothing of them has left. One that somebody else has locked is left to him. A try that comes before its time is not
    counted as one of those that the property allows.
    """
    waiting = (
        select(_CHARGES.c.id)
        .where(
            _CHARGES.c.property_id == property_id,
            _CHARGES.c.next_attempt_at > now,
            _CHARGES.c.posting_status == PostingStatus.PENDING.value,
            _CHARGES.c.sent_at.is_(None),
        )
        .order_by(_CHARGES.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    chosen = (await session.scalars(waiting)).all()
    if chosen:
        tries = case((_CHARGES.c.retry_count > 0, _CHARGES.c.retry_count - 1), else_=0)
        sooner = update(_CHARGES).where(_CHARGES.c.id.in_(chosen)).values(next_attempt_at=now, retry_count=tries)
        await session.execute(sooner)
        of_these = _ENTRIES.c.room_charge_id.in_(chosen) & _ENTRIES.c.completed_at.is_(None)
        await session.execute(update(_ENTRIES).where(of_these).values(next_attempt_at=now))
    return chosen


async def attempts(session: AsyncSession, charge_ids: Collection[UUID]) -> dict[UUID, list[PostingAttempt]]:
    """Return what was asked of the PMS, by charge, oldest first."""
    found: dict[UUID, list[PostingAttempt]] = {charge_id: [] for charge_id in charge_ids}
    query = select(PostingAttempt).where(PostingAttempt.room_charge_id.in_(charge_ids)).order_by(PostingAttempt.id)
    for row in await session.scalars(query):
        found[row.room_charge_id].append(row)
    return found


# --- queue ------------------------------------------------------------------------------------------------------------


async def open_entry(session: AsyncSession, charge_id: UUID) -> QueueEntry | None:
    """Return the open queue entry of a charge."""
    query = select(QueueEntry).where(QueueEntry.room_charge_id == charge_id, QueueEntry.completed_at.is_(None))
    return await session.scalar(query)


async def entry(session: AsyncSession, property_id: UUID, entry_id: UUID) -> QueueEntry:
    """Return an entry of the queue. Raises NotFound."""
    found = await session.scalar(
        select(QueueEntry).where(QueueEntry.property_id == property_id, QueueEntry.id == entry_id)
    )
    if found is None:
        raise NotFound("There is no such entry in the queue.")
    return found


async def page_of_queue(
    session: AsyncSession, property_id: UUID, *, limit: int, offset: int, statuses: Collection[str] = ()
) -> tuple[Sequence[tuple[QueueEntry, RoomCharge]], int]:
    """Return queue entries with their charges, oldest first; the open ones unless statuses are named."""
    query = select(QueueEntry, RoomCharge).join(RoomCharge, RoomCharge.id == QueueEntry.room_charge_id)
    query = query.where(QueueEntry.property_id == property_id)
    query = query.where(QueueEntry.status.in_(statuses) if statuses else QueueEntry.completed_at.is_(None))
    total = await session.scalar(select(func.count()).select_from(query.subquery()))
    rows = await session.execute(query.order_by(QueueEntry.id).limit(limit).offset(offset))
    return [(one, two) for one, two in rows], total or 0


async def waiting_charges(session: AsyncSession, property_id: UUID, now: datetime) -> Sequence[UUID]:
    """Return the ids of the charges with an open entry that nobody is at and that are not up to run, oldest first."""
    query = (
        select(QueueEntry.room_charge_id)
        .join(RoomCharge, RoomCharge.id == QueueEntry.room_charge_id)
        .where(
            QueueEntry.property_id == property_id,
            QueueEntry.completed_at.is_(None),
            or_(RoomCharge.next_attempt_at.is_(None), RoomCharge.next_attempt_at > now),
            or_(RoomCharge.claimed_until.is_(None), RoomCharge.claimed_until <= now),
        )
        .order_by(QueueEntry.id)
    )
    return (await session.scalars(query)).all()


async def unfinished(session: AsyncSession, property_id: UUID) -> Sequence[RoomCharge]:
    """Return the charges about which something is still to be done: an entry is open, or a next try is set."""
    entries = select(QueueEntry.room_charge_id).where(
        QueueEntry.property_id == property_id, QueueEntry.completed_at.is_(None)
    )
    timed = select(RoomCharge.id).where(RoomCharge.next_attempt_at.is_not(None))
    query = select(RoomCharge).where(RoomCharge.property_id == property_id, RoomCharge.id.in_(union(entries, timed)))
    return (await session.scalars(query)).all()


async def unsettled(session: AsyncSession, property_id: UUID, business_date: date) -> Sequence[RoomCharge]:
    """Return the charges up to that business date that are open, that failed and wait for a person, or stand twice.

    They are found by what they have in common: an open entry in the queue, or a time at which something is next done.
    """
    entries = select(QueueEntry.room_charge_id).where(
        QueueEntry.property_id == property_id, QueueEntry.completed_at.is_(None)
    )
    failed = entries.where(QueueEntry.status == QueueStatus.FAILED.value)
    timed = select(RoomCharge.id).where(RoomCharge.next_attempt_at.is_not(None))
    query = select(RoomCharge).where(
        RoomCharge.property_id == property_id,
        RoomCharge.id.in_(union(entries, timed)),
        RoomCharge.business_date <= business_date,
        or_(
            RoomCharge.posting_status.in_(OPEN),
            RoomCharge.id.in_(failed),
            RoomCharge.next_attempt_at.is_not(None),
        ),
    )
    return (await session.scalars(query.order_by(RoomCharge.id))).all()


# --- signatures, signed days, profiles --------------------------------------------------------------------------------


async def signature(session: AsyncSession, property_id: UUID, charge_id: UUID) -> Signature | None:
    """Return the newest signature of a charge."""
    query = select(Signature).where(Signature.property_id == property_id, Signature.room_charge_id == charge_id)
    return await session.scalar(query.order_by(Signature.id.desc()).limit(1))


async def last_revision(session: AsyncSession, property_id: UUID, day: date) -> Reconciliation | None:
    """Return the newest signing of a day, whether it stands or was reopened."""
    query = select(Reconciliation).where(Reconciliation.property_id == property_id, Reconciliation.date == day)
    return await session.scalar(query.order_by(Reconciliation.revision.desc()).limit(1).with_for_update())


async def moved_on(session: AsyncSession, property_id: UUID, day: date) -> Sequence[Any]:
    """Return what moved on that business date: total, business_date, void_date, posted_at, voided_at, failure_code."""
    query = select(
        _CHARGES.c.total,
        _CHARGES.c.business_date,
        _CHARGES.c.void_date,
        _CHARGES.c.posted_at,
        _CHARGES.c.voided_at,
        _CHARGES.c.failure_code,
    ).where(
        _CHARGES.c.property_id == property_id,
        _CHARGES.c.posted_at.is_not(None),
        or_(_CHARGES.c.business_date == day, _CHARGES.c.void_date == day),
    )
    return (await session.execute(query)).all()


async def signed_and_moved(
    session: AsyncSession, signed_since: datetime, margin: timedelta
) -> Sequence[Reconciliation]:
    """Return the days signed since then, and still so, on which something may have come after; none that was told of.

    What came within `margin` before the signature counts too: it may have missed the figures.
    """
    query = select(Reconciliation).where(
        Reconciliation.reopened_at.is_(None),
        Reconciliation.told_at.is_(None),
        Reconciliation.signed_off_at >= signed_since,
    )
    found = []
    for row in await session.scalars(query.order_by(Reconciliation.id)):
        after = row.signed_off_at - margin
        came = select(_CHARGES.c.id).where(
            _CHARGES.c.property_id == row.property_id,
            or_(
                (_CHARGES.c.business_date == row.date) & (_CHARGES.c.posted_at > after),
                (_CHARGES.c.business_date == row.date) & (_CHARGES.c.voided_at > after),
                (_CHARGES.c.void_date == row.date) & (_CHARGES.c.voided_at > after),
            ),
        )
        if await session.scalar(came.limit(1)) is not None:
            found.append(row)
    return found


async def signed_days(session: AsyncSession, after: UUID | None, limit: int) -> Sequence[Reconciliation]:
    """Return the next signings of all properties, in the order of their ids."""
    query = select(Reconciliation).order_by(Reconciliation.id).limit(limit)
    return (await session.scalars(query.where(Reconciliation.id > after) if after else query)).all()


async def signatures(session: AsyncSession, after: UUID | None, limit: int) -> Sequence[tuple[Signature, str | None]]:
    """Return the next signatures of all properties, each with the hash that its charge names, in the order of ids."""
    query = select(Signature, RoomCharge.signature_hash).join(RoomCharge, RoomCharge.id == Signature.room_charge_id)
    query = query.order_by(Signature.id).limit(limit)
    rows = await session.execute(query.where(Signature.id > after) if after else query)
    return [(kept, of_charge) for kept, of_charge in rows]


async def charges_of_guest(
    session: AsyncSession, property_id: UUID, guest_id: str, reservation_ids: Sequence[str]
) -> Sequence[RoomCharge]:
    """Return every charge of a guest: those that name him, and those to his reservations."""
    query = select(RoomCharge).where(
        RoomCharge.property_id == property_id,
        or_(RoomCharge.guest_id == guest_id, RoomCharge.reservation_id.in_(list(reservation_ids))),
    )
    return (await session.scalars(query.with_for_update())).all()


async def delete_signatures(session: AsyncSession, charge_ids: Sequence[UUID]) -> None:
    """Delete the pictures of signatures of these charges."""
    await session.execute(delete(Signature).where(Signature.room_charge_id.in_(list(charge_ids))))


async def delete_profile(session: AsyncSession, property_id: UUID, pms_guest_id: str) -> None:
    """Delete what is kept of a guest's profile in the PMS."""
    await session.execute(
        delete(LocalProfile).where(LocalProfile.property_id == property_id, LocalProfile.pms_guest_id == pms_guest_id)
    )


async def profile(session: AsyncSession, property_id: UUID, pms_guest_id: str) -> LocalProfile | None:
    """Return what is kept of a guest of the PMS."""
    return await session.scalar(
        select(LocalProfile).where(LocalProfile.property_id == property_id, LocalProfile.pms_guest_id == pms_guest_id)
    )


async def profiles_of_loyalty(
    session: AsyncSession, property_id: UUID, loyalty_number: str, but: str
) -> Sequence[LocalProfile]:
    """Return the other profiles that are kept of who has this loyalty number, oldest first."""
    query = select(LocalProfile).where(
        LocalProfile.property_id == property_id,
        LocalProfile.loyalty_number == loyalty_number,
        LocalProfile.pms_guest_id != but,
    )
    return (await session.scalars(query.order_by(LocalProfile.id))).all()


async def blank_profiles(session: AsyncSession, property_id: UUID, blanks: Mapping[str, Any]) -> None:
    """Empty these fields of every profile that is kept."""
    await session.execute(update(LocalProfile).where(LocalProfile.property_id == property_id).values(**blanks))


async def delete_profiles(session: AsyncSession, property_id: UUID) -> None:
    """Delete every profile that is kept."""
    await session.execute(delete(LocalProfile).where(LocalProfile.property_id == property_id))


async def _page(
    session: AsyncSession, query: Select[Any], order: Sequence[Any], limit: int, offset: int
) -> tuple[Sequence[Any], int]:
    total = await session.scalar(select(func.count()).select_from(query.subquery()))
    rows = (await session.scalars(query.order_by(*order).limit(limit).offset(offset))).all()
    return rows, total or 0
