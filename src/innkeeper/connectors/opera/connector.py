"""The PMS port for OPERA Cloud: looking guests up, posting, reading back, taking back."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import groupby
from typing import Any

from innkeeper.connectors.base import RequestBudget
from innkeeper.connectors.failures import CallFailed, read_outcome, refused_by_us, write_outcome
from innkeeper.connectors.opera import mapper, owing, wire
from innkeeper.connectors.opera.client import OperaClient, Page
from innkeeper.connectors.opera.config import OperaSettings
from innkeeper.connectors.opera.errors import POLICY
from innkeeper.connectors.opera.hotel_facts import HotelFacts
from innkeeper.connectors.opera.journal import Journal
from innkeeper.connectors.opera.room_types import RoomTypes
from innkeeper.connectors.rest import Wire
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
    ReadBack,
    RoomStatus,
    VoidDraft,
    VoidReceipt,
    VoidWay,
)
from innkeeper.domain.charge_lines import match_lines, plan_lines
from innkeeper.domain.errors import InnkeeperError
from innkeeper.domain.outcome import Actor, Done, Later, Outcome, Refused, Unknown

Line = ChargeLine | PostedLine

#: What a search type says about those it finds.
_SEARCHED = {wire.IN_HOUSE: GuestStatus.IN_HOUSE, wire.CHECKED_OUT: GuestStatus.CHECKED_OUT}
#: Under this name an outlet's codes can hold a cashier of its own, the usual way to tell outlets apart in OPERA.
CASHIER = "cashier"
#: Seconds for which a business date is believed; the days searched have a margin of one on each side.
_DAY_LASTS = 60.0
#: Makes the entries that answer rows by their opposites.
_Entries = Callable[[VoidDraft, Iterable[wire.PostingRow]], list[wire.ChargeEntry]]


@dataclass(slots=True)
class _Sent:
    """What came of answering rows by their opposites; `outcome` is None when all were, else how the last failed."""

    posted: list[wire.PostingRow] = field(default_factory=list)
    left: list[wire.PostingRow] = field(default_factory=list)
    outcome: Refused | Later | Unknown | None = None


class OperaConnector:
    """One hotel of an OPERA Cloud environment, as a PmsConnector."""

    def __init__(self, settings: OperaSettings, wire_options: Wire | None = None) -> None:
        self.settings = settings
        self._wire = wire_options or Wire()
        self._client = OperaClient(settings, self._wire)
        self._hotel = settings.property_code
        self._journal = Journal(self._client, self._hotel, self._wire.clock)
        self._hotel_facts = HotelFacts(self._client, settings)
        self._room_types = RoomTypes(self._client, self._hotel, self._wire.clock)
        self._day: date | None = None
        self._day_asked_at: datetime | None = None
        self.capabilities = Capabilities(
            key_card_lookup=True,
            several_guests=True,
            no_post_flag=True,
            credit_limit=False,
            balance=True,
            itemised=True,
            tip_line=True,
            read_back=True,
            refuses_duplicates=False,
            void=VoidWay.REVERSAL,
            postings_of_day=True,
            folio=True,
            guest_profile=True,
            business_date=True,
            post_after_check_out=False,
            settle_seconds=settings.settle_seconds,
        )

    @property
    def requests_made(self) -> int:
        """How many requests have left, those for tokens included."""
        return self._client.requests_made

    async def aclose(self) -> None:
        """Close the connections."""
        await self._room_types.aclose()
        await self._journal.aclose()
        await self._client.aclose()

    # looking up ----------------------------------------------------------------------------------------------------

    async def find_room(self, room_number: str) -> Outcome[RoomStatus]:
        """Return all who are in house in the room: one reservation each, all pages of them."""
        wanted = room_number.strip()
        if not wanted:
            return _not_found("no room number")
        try:
            guests = await self._in_room(wire.IN_HOUSE, wanted)
            if not guests:
                return _checked_out() if await self._in_room(wire.CHECKED_OUT, wanted) else _not_found("")
        except CallFailed as failure:
            return read_outcome(failure, POLICY)
        return Done(self._room(guests[0].room_number, guests))

    async def _in_room(self, search_type: str, room: str) -> list[InHouseGuest]:
        """Search the room as it was typed, then in capitals: OPERA's own search heeds them."""
        for written in dict.fromkeys((room, room.upper())):
            guests = await self._search(search_type, roomId=written)
            found = [guest for guest in guests if mapper.same_room(guest.room_number, room)]
            if found:
                return found
        return []

    async def find_key_card(self, key_card: str) -> Outcome[RoomStatus]:
        """Return the guest whose key's track 2 or serial number this is (rsv.json, parameter keyTrack2)."""
        if not key_card.strip():
            return _not_found("no key card")
        try:
            guests = await self._search(wire.IN_HOUSE, keyTrack2=key_card.strip())
        except CallFailed as failure:
            return read_outcome(failure, POLICY)
        rooms = {g.room_number for g in guests}
        if len(rooms) != 1:  # a card that opens several rooms is no guest's
            return _not_found("the key card belongs to no single room")
        return Done(self._room(rooms.pop(), guests))

    async def find_reservation(self, reservation_id: str) -> Outcome[InHouseGuest]:
        """Return the guest of a reservation, whatever became of it."""
        try:
            guests = await self._search(None, reservationIdList=reservation_id)
        except CallFailed as failure:
            return read_outcome(failure, POLICY)
        found = next((g for g in guests if g.reservation_id == reservation_id), None)
        return Done(found) if found is not None else _not_found("no such reservation")

    async def _search(self, search_type: str | None, **keys: str) -> list[InHouseGuest]:
        query = wire.search_query(search_type, **keys)
        rows = await self._client.rows(wire.reservations_path(self._hotel), query, _reservations)
        unsaid = _SEARCHED.get(search_type or "", GuestStatus.EXPECTED)
        guests = (mapper.guest(row, unsaid, self._room_types.name) for row in rows)
        unique = {guest.reservation_id: guest for guest in guests}
        return [
            guest
            for guest in unique.values()
            if guest.reservation_id and (search_type is None or guest.status.present is unsaid.present)
        ]

    def _room(self, number: str, guests: Sequence[InHouseGuest]) -> RoomStatus:
        return RoomStatus(number, guests[0].room_type, tuple(guests), self._wire.clock())

    # posting -------------------------------------------------------------------------------------------------------

    async def charge(self, draft: ChargeDraft) -> Outcome[ChargeReceipt]:
        """Post all lines in one request. The answer may lack transaction numbers; they are then read back."""
        try:
            lines = plan_lines(draft)
        except InnkeeperError as error:
            return refused_by_us(error)
        if not lines:
            return Refused(PmsCode.POSTING_REJECTED, "There is nothing to post on this check.", Actor.NOBODY)
        sent_at = self._wire.clock()
        try:
            answer = await self._post(
                draft.reservation_id,
                mapper.entries(draft, lines),
                draft.pms_codes.get(CASHIER, ""),
                apply_routing=self.settings.apply_routing,
            )
        except CallFailed as failure:
            if failure.key == "POSTING_REJECTED":
                failure = await self._why_rejected(failure, draft.reservation_id)
            return write_outcome(failure, POLICY, sent_at, self.settings.settle_seconds)
        return await self._receipt(draft, lines, answer)

    async def _post(
        self, reservation_id: str, entries: Sequence[wire.ChargeEntry], cashier: str, *, apply_routing: bool
    ) -> Any:
        body = wire.charge_body(
            self._hotel,
            reservation_id if self.settings.reservation_in_body else None,
            int(cashier) if cashier.isdigit() else self.settings.cashier_id,
            entries,
            apply_routing=apply_routing,
        )
        return await self._client.post(wire.charges_path(self._hotel, reservation_id), body)

    async def _why_rejected(self, failure: CallFailed, reservation_id: str) -> CallFailed:
        """Name the reason that OPERA leaves to a text: its codes are not published, the reservation tells."""
        looked = await self.find_reservation(reservation_id)
        match looked:
            case Done(guest) if not guest.status.present:
                key = "GUEST_CHECKED_OUT" if guest.status is GuestStatus.CHECKED_OUT else "POSTING_REJECTED"
            case Done(guest) if not guest.charges_allowed:
                key = "CHARGES_BLOCKED"
            case _:
                key = failure.key
        return CallFailed(key, failure.detail, operation=failure.operation, status=failure.status)

    async def _receipt(self, draft: ChargeDraft, lines: Sequence[ChargeLine], answer: Any) -> Outcome[ChargeReceipt]:
        rows = mapper.charges_only(_posting_rows(answer, draft.reservation_id))
        told = [mapper.posted_line(row, draft.currency) for row in rows]
        read = match_lines(lines, told)
        if read.complete and all(line.transaction_id for line in read.landed.values()):
            return Done(mapper.charge_receipt(draft, tuple(read.landed[line.key] for line in lines)))
        looked = await self.find_charge(draft)
        if isinstance(looked, Done):
            landed = looked.value.landed
            if all(line.key in landed for line in lines):
                return Done(mapper.charge_receipt(draft, tuple(landed[line.key] for line in lines)))
            if told and len(told) < len(lines):
                reason = "OPERA Cloud accepted the charge but holds only a part of its lines."
                return Unknown(reason, {"failure": "PARTIAL", "settles_after_seconds": 0.0})
        return Done(mapper.charge_receipt(draft, tuple(told), mapper.mismatches(draft, lines, told)))

    # reading back --------------------------------------------------------------------------------------------------

    async def find_charge(self, draft: ChargeDraft, *, as_of: datetime | None = None) -> Outcome[ReadBack]:
        """Compare all postings of the guest, then all of the hotel with these codes, with the lines of the draft.

        Nothing is filtered by reference on OPERA's side: it pads references, so that a filter could miss what is there.
        """
        draft = replace(draft, only=None)
        try:
            lines = plan_lines(draft)
            rows = await self._of_charge(draft, lines, as_of)
        except InnkeeperError as error:
            return refused_by_us(error)
        except CallFailed as failure:
            return read_outcome(failure, POLICY)
        stands = owing.account(rows, draft.reference, Counter((line.code, line.amount) for line in lines))
        # what stands comes first, so that what somebody has taken back counts only where nothing else does
        own = [*stands.owed, *(row for row in rows if row.reference == draft.reference and row not in stands.owed)]
        read = match_lines(lines, [mapper.posted_line(row, draft.currency) for row in own])
        if read.complete and read.surplus:
            standing = {row.transaction_no for row in stands.owed}
            read = replace(read, surplus=tuple(one for one in read.surplus if one.transaction_id in standing))
        return Done(read)

    async def _of_charge(
        self, draft: ChargeDraft | VoidDraft, lines: Sequence[Line], as_of: datetime | None = None
    ) -> list[wire.PostingRow]:
        today = self._wire.clock().date()
        windows = mapper.search_windows(draft.sold_at.date(), today, await self._open_day())
        return await self._journal.of_charge(draft.reference, draft.reservation_id, lines, windows, as_of)

    async def postings(self, business_date: date, codes: Collection[str] = ()) -> Outcome[Sequence[PostedLine]]:
        """Return the charges and reversals of a business date from `financialPostings`, all pages."""
        try:
            rows = await self._journal.of_hotel(business_date, business_date, sorted(set(codes)))
        except CallFailed as failure:
            return read_outcome(failure, POLICY)
        return Done(
            [
                mapper.posted_line(row, "")
                for row in mapper.charges_only(rows)
                if row.revenue_date in (business_date, None)
            ]
        )

    async def folio(self, reservation_id: str) -> Outcome[Folio]:
        """Return the sum of all windows. Without summaryOnly=false OPERA leaves the postings out."""
        query = [
            ("fetchInstructions", "Windowbalances"),
            ("fetchInstructions", "Postings"),
            ("summaryOnly", "false"),
        ]
        try:
            body = await self._client.get(wire.folios_path(self._hotel, reservation_id), query)
        except CallFailed as failure:
            return read_outcome(failure, POLICY)
        information = wire.dig(body, "reservationFolioInformation") or {}
        balance = wire.folio_balance(information)
        if balance is None:
            return _not_found("no folio")
        rows = mapper.charges_only(wire.folio_rows(information))
        lines = (mapper.posted_line(replace(row, reservation_id=reservation_id), balance[1]) for row in rows)
        return Done(Folio(reservation_id, balance[0], balance[1], tuple(lines)))

    # taking back ---------------------------------------------------------------------------------------------------

    async def void(self, draft: VoidDraft) -> Outcome[VoidReceipt]:
        """Post what is still owed of the charge again with negative amounts, on the bills where it stands."""
        try:
            rows = await self._of_void(draft)
        except CallFailed as failure:
            return read_outcome(failure, POLICY)
        before = owing.of_void(rows, draft)
        owed = mapper.beyond(before.owed, draft.keep) if draft.keep else before.owed
        if not any(row.reference == draft.reference for row in rows):
            return Refused(
                PmsCode.GONE_IN_PMS,
                "OPERA Cloud no longer holds this charge; it may have been removed or transferred by hand.",
                Actor.FRONT_DESK,
            )
        if not owed:
            return Done(mapper.void_receipt(draft, before.reversals, found=True, excess=_lines(draft, before.excess)))
        sent = await self._opposites(draft, owed, mapper.reversal_entries)
        if sent.outcome is not None:
            if draft.keep or not (sent.posted or before.begun) or not isinstance(sent.outcome, Refused):
                return sent.outcome
            reversals = (*before.reversals, *sent.posted)
            left = _lines(draft, sent.left)
            return Done(mapper.void_receipt(draft, reversals, left=left, refusal=sent.outcome))
        return Done(await self._reversed(draft, before, sent.posted))

    async def _reversed(
        self, draft: VoidDraft, before: owing.Account, posted: Sequence[wire.PostingRow]
    ) -> VoidReceipt:
        """Return what stands there now, as far as OPERA tells: it said that it was done, but not how often."""
        earlier = () if draft.keep else before.reversals
        try:
            after = owing.of_void(await self._of_void(draft), draft)
        except CallFailed:
            return mapper.void_receipt(draft, (*earlier, *posted))
        known = [row.transaction_no for row in before.reversals] if draft.keep else []
        reversals = [row for row in after.reversals if row.transaction_no not in known]
        if len(reversals) < len(earlier) + len(posted):
            reversals = [*earlier, *posted]
        return mapper.void_receipt(draft, reversals, excess=_lines(draft, after.excess))

    async def put_back(self, draft: VoidDraft) -> Outcome[VoidReceipt]:
        """Post what reversals took back too often once more, on the bills where they stand."""
        try:
            excess = owing.of_void(await self._of_void(draft), draft).excess
        except CallFailed as failure:
            return read_outcome(failure, POLICY)
        if not excess:
            return Done(mapper.void_receipt(draft, (), found=True))
        sent = await self._opposites(draft, excess, mapper.restoring_entries)
        return sent.outcome or Done(mapper.void_receipt(draft, sent.posted))

    async def _of_void(self, draft: VoidDraft) -> list[wire.PostingRow]:
        return await self._of_charge(draft, draft.lines or owing.planned(draft))

    async def _opposites(self, draft: VoidDraft, rows: Sequence[wire.PostingRow], entries: _Entries) -> _Sent:
        """Post the opposites of rows, a request for each bill; once something is posted, what a bill refuses stays."""
        sent_at = self._wire.clock()
        sent = _Sent()
        for reservation_id, part in groupby(sorted(rows, key=_bill), key=_bill):
            bill, there = reservation_id or draft.reservation_id, list(part)
            try:
                # routed lines are answered where they landed, so routing must not move the answer again
                answer = await self._post(bill, entries(draft, there), there[0].cashier, apply_routing=False)
            except CallFailed as failure:
                if failure.key == "POSTING_REJECTED":
                    failure = await self._why_rejected(failure, bill)
                sent.outcome = write_outcome(failure, POLICY, sent_at, self.settings.settle_seconds)
                sent.left += there
                if not sent.posted or not isinstance(sent.outcome, Refused):
                    break
                continue
            sent.posted += _posting_rows(answer, bill)
        return sent

    # who and when --------------------------------------------------------------------------------------------------

    async def guest_profile(self, guest_id: str) -> Outcome[GuestProfile | None]:
        """Return the profile with its addresses, cards and preferences (crm.json, getProfile)."""
        query = [("fetchInstructions", word) for word in wire.PROFILE_INSTRUCTIONS]
        try:
            body = await self._client.get(f"/crm/v1/profiles/{wire.segment(guest_id)}", query)
        except CallFailed as failure:
            return Done(None) if failure.status == 404 else read_outcome(failure, POLICY)
        return Done(mapper.profile(guest_id, body, self.settings.allergy_groups) if body else None)

    async def business_date(self) -> Outcome[date | None]:
        """Return the open business date: getOperaHotelContext, else getBusinessDate; None when neither is allowed."""
        try:
            return Done((await self._hotel_facts.context()).business_date)
        except CallFailed as failure:
            return read_outcome(failure, POLICY)

    async def _open_day(self) -> date | None:
        now = self._wire.clock()
        if self._day_asked_at is None or (now - self._day_asked_at).total_seconds() > _DAY_LASTS:
            self._day = (await self._hotel_facts.context()).business_date
            self._day_asked_at = now
        return self._day

    async def describe(self, codes: Collection[str] = (), cashiers: Collection[str] = ()) -> Outcome[PmsFacts]:
        """Say which hotel this is and what of its set-up would make OPERA refuse charges."""
        return await self._hotel_facts.describe(codes, cashiers)


def opera_connector(settings: Mapping[str, Any], budget: RequestBudget | None = None) -> OperaConnector:
    """Make the connector from a property's connection settings. Raises Invalid, naming the field."""
    return OperaConnector(OperaSettings.from_mapping(settings), Wire(budget=budget))


def _reservations(body: Any) -> Page:
    envelope = wire.dig(body, "reservations") or {}
    return wire.items(envelope.get("reservationInfo")), envelope


def _posting_rows(answer: Any, reservation_id: str) -> list[wire.PostingRow]:
    """Return the postings of a billingChargesDetails."""
    return [wire.posting_row(row, reservation_id=reservation_id) for row in wire.items(wire.dig(answer, "postings"))]


def _lines(draft: VoidDraft, rows: Iterable[wire.PostingRow]) -> tuple[PostedLine, ...]:
    return tuple(mapper.posted_line(row, draft.currency) for row in rows)


def _bill(row: wire.PostingRow) -> str:
    return row.reservation_id


def _not_found(detail: str) -> Refused:
    return Refused(PmsCode.ROOM_NOT_FOUND, "OPERA Cloud has no guest in house under this.", Actor.NOBODY, detail)


def _checked_out() -> Refused:
    return Refused(PmsCode.GUEST_CHECKED_OUT, "The guest of this room has checked out.", Actor.FRONT_DESK)
