"""The PMS port over our own house: rooms, guests and folios in the same data base, each line once for its reference."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.connectors.failures import refused_by_us
from innkeeper.connectors.house import reading
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.charge import (
    Capabilities,
    ChargeDraft,
    ChargeLine,
    ChargeReceipt,
    Folio,
    GuestProfile,
    GuestStatus,
    InHouseGuest,
    PmsCode,
    PmsFacts,
    PostedLine,
    Preference,
    ReadBack,
    RoomStatus,
    VoidDraft,
    VoidReceipt,
    VoidWay,
)
from innkeeper.domain.charge_lines import match_lines, plan_lines
from innkeeper.domain.errors import Conflict, InnkeeperError, NotFound
from innkeeper.domain.outcome import Actor, Done, Later, Outcome, Refused, Unknown
from innkeeper.house import folio_repository, folios, guest_repository, properties, reservation_repository
from innkeeper.jobs.quiet import quiet_write
from innkeeper.storage.database import Database, Tx, is_contention

T = TypeVar("T")

SYSTEM = "Innkeeper"
#: How long the data base may still be about to commit when its answer was lost.
SETTLE_SECONDS = 5.0

_AWAY = (SQLAlchemyError, OSError)


class HouseConnector:
    """One property of this installation, as a PmsConnector. A charge is one transaction: all its lines or none."""

    capabilities = Capabilities(
        key_card_lookup=True,
        several_guests=False,
        no_post_flag=False,
        credit_limit=False,
        balance=True,
        itemised=True,
        tip_line=True,
        read_back=True,
        refuses_duplicates=True,
        void=VoidWay.REVERSAL,
        postings_of_day=True,
        folio=True,
        guest_profile=True,
        business_date=True,
        post_after_check_out=False,
        settle_seconds=SETTLE_SECONDS,
    )

    def __init__(
        self,
        database: Database,
        property_id: UUID,
        *,
        timeout_seconds: float = 10.0,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._property_id = property_id
        self._timeout = timeout_seconds
        self._clock = clock
        self._made = 0

    @property
    def requests_made(self) -> int:
        """How many transactions were begun."""
        return self._made

    async def aclose(self) -> None:
        """Nothing is open: the data base is the installation's."""

    # looking up ----------------------------------------------------------------------------------------------------

    async def find_room(self, room_number: str) -> Outcome[RoomStatus]:
        """Return the guests who are checked in to the room, each with a bill of their own."""
        wanted = room_number.strip()
        if not wanted:
            return _not_found("no room number")
        return await self._heard(self._in_room(wanted))

    async def find_key_card(self, key_card: str) -> Outcome[RoomStatus]:
        """Return the guests of the room that the card opens."""
        return await self._heard(self._of_card(key_card.strip()))

    async def _of_card(self, card: str) -> Outcome[RoomStatus]:
        async with self._database.look() as plain:
            number = await reading.room_of_card(plain, self._property_id, card)
        return await self._in_room(number) if number else _not_found("no such key card")

    async def _in_room(self, room: str) -> Outcome[RoomStatus]:
        async with self._database.look() as plain:
            found = await reading.in_room(plain, self._property_id, room)
        present = [guest for guest in found if guest.status.present]
        if present:
            first = present[0]
            return Done(RoomStatus(first.room_number, first.room_type, tuple(present), self._clock()))
        if any(guest.status is GuestStatus.CHECKED_OUT for guest in found):
            return Refused(PmsCode.GUEST_CHECKED_OUT, "The guest of this room has checked out.", Actor.FRONT_DESK)
        return _not_found("")

    async def find_reservation(self, reservation_id: str) -> Outcome[InHouseGuest]:
        """Return the guest of a reservation, wherever the stay is by now."""

        async def look(session: AsyncSession) -> Outcome[InHouseGuest]:
            property_ = await properties.get(session, self._property_id)
            found = await reservation_repository.reservation(session, self._property_id, _uuid(reservation_id))
            return Done(await reading.guest(session, property_, found)) if found else _not_found("no such reservation")

        return await self._read(look)

    # posting -------------------------------------------------------------------------------------------------------

    async def charge(self, draft: ChargeDraft) -> Outcome[ChargeReceipt]:
        """Put the lines on the guest's folio. The same reference again is the same lines."""
        try:
            lines = plan_lines(draft, needs_codes=False)
        except InnkeeperError as error:
            return refused_by_us(error)
        if not lines:
            return _nothing_to_post()
        return await self._write(lambda tx: self._post(tx, draft, lines))

    async def charge_within(self, tx: Tx, draft: ChargeDraft) -> Outcome[ChargeReceipt]:
        """Do as `charge` does in the caller's transaction, which must be undone when the outcome is not Done."""
        self._made += 1
        try:
            lines = plan_lines(draft, needs_codes=False)
            return Done(await self._post(tx, draft, lines)) if lines else _nothing_to_post()
        except InnkeeperError as error:
            return _refused(error)
        except _AWAY:
            return Later("The data base does not answer.", code=PmsCode.CONNECTION_FAILED)

    async def _post(self, tx: Tx, draft: ChargeDraft, lines: Sequence[ChargeLine]) -> ChargeReceipt:
        bill = await self._bill(tx, draft)
        new = [_new_charge(draft, line) for line in lines]
        posted, balance = await folios.post_check(tx, self._property_id, bill, new)
        return ChargeReceipt(
            reference=draft.reference,
            transaction_id=str(posted[0].id),
            lines=tuple(reading.posted_line(line, draft.currency) for line in posted),
            total=sum((line.amount for line in posted), Decimal(0)),
            currency=draft.currency,
            business_date=posted[0].business_date,
            folio_balance=balance,
        )

    async def _bill(self, tx: Tx, draft: ChargeDraft) -> folio_repository.Bill:
        """Return the guest's bill, held until the end. Raises Conflict for one who is not in the house, NotFound."""
        bill = await folio_repository.locked_bill(tx.plain, self._property_id, _uuid(draft.reservation_id))
        if bill is None:
            raise NotFound("There is no such reservation.")
        status = reading.status_among(bill.words, bill, bill.check_out)
        if not status.present:
            code = PmsCode.GUEST_CHECKED_OUT if status is GuestStatus.CHECKED_OUT else PmsCode.POSTING_REJECTED
            raise Conflict(f"{bill.confirmation} is {bill.status}.", code=code)
        if draft.currency != bill.currency:
            raise Conflict(f"The folio is kept in {bill.currency}.", code="CURRENCY_MISMATCH")
        return bill

    # reading back --------------------------------------------------------------------------------------------------

    async def find_charge(self, draft: ChargeDraft, *, as_of: datetime | None = None) -> Outcome[ReadBack]:
        """Return which lines stand under the charge's reference."""
        try:
            lines = plan_lines(replace(draft, only=None), needs_codes=False)
        except InnkeeperError as error:
            return refused_by_us(error)

        async def look(session: AsyncSession) -> Outcome[ReadBack]:
            references = [reading.line_reference(draft.reference, line.key) for line in lines]
            rows = await reading.lines_by_reference(session, self._property_id, references)
            return Done(match_lines(lines, [reading.posted_line(row, draft.currency) for row in rows]))

        return await self._read(look)

    async def postings(self, business_date: date, codes: Collection[str] = ()) -> Outcome[Sequence[PostedLine]]:
        """Return the outlets' charges and their reversals of that business date; our codes are the outlets' own."""

        async def look(session: AsyncSession) -> Outcome[Sequence[PostedLine]]:
            return Done(await reading.of_day(session, self._property_id, business_date))

        return await self._read(look)

    async def folio(self, reservation_id: str) -> Outcome[Folio]:
        """Return the bill as it stands."""

        async def look(session: AsyncSession) -> Outcome[Folio]:
            found = await folios.statement(session, self._property_id, _uuid(reservation_id))
            currency = found.reservation.currency
            lines = tuple(reading.posted_line(line, currency) for line in found.lines)
            return Done(Folio(reservation_id, found.balance, currency, lines))

        return await self._read(look)

    # taking back ---------------------------------------------------------------------------------------------------

    async def void(self, draft: VoidDraft) -> Outcome[VoidReceipt]:
        """Answer each line of the charge by its opposite; those answered before are found.

        A reference stands here for one line only, so that of what is to be kept nothing ever stands twice.
        """
        kept = {line.transaction_id for line in draft.keep}

        async def write(tx: Tx) -> VoidReceipt:
            ids = [_uuid(line.transaction_id) for line in draft.lines]
            rows = await reading.charged_lines(tx.session, self._property_id, draft.reference, ids)
            if not rows:
                raise Conflict("The folio does not hold this charge.", code=PmsCode.GONE_IN_PMS)
            found = True
            voids = []
            for row in [row for row in rows if str(row.id) not in kept]:
                before = await folio_repository.void_of(tx.session, row.id)
                found = found and before is not None
                key = (row.reference or "").removeprefix(draft.reference)
                void = before or await folios.void_line(
                    tx, self._property_id, row.id, reason=draft.reason, reference=f"{draft.void_reference}{key}"
                )
                voids.append(reading.posted_line(void, draft.currency))
            return VoidReceipt(draft.reference, voids[0].transaction_id if voids else "", tuple(voids), found)

        return await self._write(write)

    async def put_back(self, draft: VoidDraft) -> Outcome[VoidReceipt]:
        """Nothing is ever taken back twice here: a line is voided by one other."""
        return Done(VoidReceipt(draft.reference, "", (), found=True))

    # who and when --------------------------------------------------------------------------------------------------

    async def guest_profile(self, guest_id: str) -> Outcome[GuestProfile | None]:
        """Return the guest as the house knows them."""

        async def look(session: AsyncSession) -> Outcome[GuestProfile | None]:
            try:
                found = await guest_repository.guest(session, self._property_id, _uuid(guest_id))
            except NotFound:
                return Done(None)
            if found is None:
                return Done(None)
            return Done(
                GuestProfile(
                    guest_id=guest_id,
                    name=found.name,
                    first_name=found.first_name,
                    last_name=found.last_name,
                    email=found.email or "",
                    phone=found.phone or "",
                    vip_level=found.vip_level or "",
                    loyalty_number=found.loyalty_number or "",
                    preferences=tuple(Preference("", "", str(one)) for one in found.preferences),
                    allergies=tuple(str(one) for one in found.allergies),
                )
            )

        return await self._read(look)

    async def business_date(self) -> Outcome[date | None]:
        """Return the property's business date."""

        async def look(session: AsyncSession) -> Outcome[date | None]:
            return Done((await properties.get(session, self._property_id)).business_date)

        return await self._read(look)

    async def describe(self, codes: Collection[str] = (), cashiers: Collection[str] = ()) -> Outcome[PmsFacts]:
        """Say which hotel this is; outlets need no codes here."""

        async def look(session: AsyncSession) -> Outcome[PmsFacts]:
            found = await properties.get(session, self._property_id)
            return Done(PmsFacts(SYSTEM, "", found.name, found.business_date, currency=found.currency))

        return await self._read(look)

    # the data base as a line ---------------------------------------------------------------------------------------

    async def _read(self, look: Callable[[AsyncSession], Awaitable[Outcome[T]]]) -> Outcome[T]:
        async def looked() -> Outcome[T]:
            async with self._database.read() as session:
                return await look(session)

        return await self._heard(looked())

    async def _heard(self, read: Awaitable[Outcome[T]]) -> Outcome[T]:
        self._made += 1
        try:
            async with asyncio.timeout(self._timeout):
                return await read
        except NotFound as error:
            return _not_found(error.detail)
        except _AWAY:
            return Later("The data base does not answer.", code=PmsCode.CONNECTION_FAILED)

    async def _write(self, write: Callable[[Tx], Awaitable[T]]) -> Outcome[T]:
        """Commit, or say what became of it: before the transaction has begun nothing was done, afterwards who knows."""
        self._made += 1
        begun = False
        try:
            async with asyncio.timeout(self._timeout), quiet_write(self._database) as tx:
                begun = True
                result = await write(tx)
        except InnkeeperError as error:
            return _refused(error)
        except _AWAY as error:
            lost_a_race = isinstance(error, DBAPIError) and is_contention(error)
            if lost_a_race or not (begun or isinstance(error, TimeoutError)):
                return Later("The data base does not answer.", code=PmsCode.CONNECTION_FAILED)
            evidence = {
                "failure": type(error).__name__,
                "sent_at": datetime.now(UTC).isoformat(),
                "settles_after_seconds": SETTLE_SECONDS,
            }
            return Unknown("The data base did not say whether it has committed.", evidence)
        return Done(result)


def _nothing_to_post() -> Refused:
    return Refused(PmsCode.POSTING_REJECTED, "There is nothing to post on this check.", Actor.NOBODY)


def _new_charge(draft: ChargeDraft, line: ChargeLine) -> folios.NewCharge:
    return folios.NewCharge(
        line.amount,
        line.description[:300],
        reading.line_reference(draft.reference, line.key),
        draft.outlet_code or None,
        draft.check_number or None,
    )


def _refused(error: InnkeeperError) -> Refused:
    """Return what a refusal of the house means to a point of sale."""
    code = {
        "FOLIO_CLOSED": PmsCode.GUEST_CHECKED_OUT,
        PmsCode.GUEST_CHECKED_OUT: PmsCode.GUEST_CHECKED_OUT,
        PmsCode.GONE_IN_PMS: PmsCode.GONE_IN_PMS,
        "NOT_FOUND": PmsCode.ROOM_NOT_FOUND,
    }.get(error.code, PmsCode.POSTING_REJECTED)
    return Refused(code, error.detail, Actor.FRONT_DESK, error.code if error.code != code else "")


def _uuid(text: str) -> UUID:
    """Raises NotFound for what is no identifier of ours."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("This is no identifier of the house.") from None


def _not_found(detail: str) -> Refused:
    return Refused(PmsCode.ROOM_NOT_FOUND, "The house has no guest in house under this.", Actor.NOBODY, detail)
