"""Changes a booking at QloApps in the lightest way that loses neither a service nor the guest's room.

What differs decides the way (README.md, "Changing a booking", says what each was tried on):

==============================  =================================================================================
stay status, occupancy          the line's own document (`room_bookings`), which touches nothing else
a room less                     the line's document, released; QloApps leaves the order's total as it is
dates, the room is free then    the line's document: same line, same room; the price follows with a PUT of the booking
dates otherwise, another type   a PUT of the booking: the line is made anew, in any free room
a room more                     a PUT of the booking
price                           a PUT of the booking
==============================  =================================================================================

A PUT of the booking names every line with its room and repeats its services, since QloApps drops what is not named.
Facilities cannot be repeated, as nothing tells their id: a booking with facilities is never PUT. Its prices are set in
the lines' documents, which leaves the order's total behind; that is told.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from innkeeper.connectors.qloapps import composing, pricing
from innkeeper.connectors.qloapps.client import id_filter
from innkeeper.connectors.qloapps.errors import POLICY, Proof, QloAppsError, outcome_of, proof_of
from innkeeper.connectors.qloapps.facts import ShopFacts
from innkeeper.connectors.qloapps.lines import WriteInDoubt, overlap
from innkeeper.connectors.qloapps.matching import Matched, Pair, active, match
from innkeeper.connectors.qloapps.wire import BookingDocument, ServiceItem
from innkeeper.connectors.qloapps.writer import PRICE_CORRECTED, QloAppsWriter, told_by
from innkeeper.domain.channel import BookingDraft, BookingState, ChannelBooking, ChannelLine, WriteResult
from innkeeper.domain.outcome import Actor, Done, Outcome, Refused

_log = logging.getLogger(__name__)

_RELEASED = {"is_refunded": "1", "is_cancelled": "1"}


@dataclass
class _Work:
    """One amendment while it is under way."""

    draft: BookingDraft
    facts: ShopFacts
    before: ChannelBooking
    booking: ChannelBooking
    #: Services and facilities before and now; read only when something is to change that can cost them.
    first_document: BookingDocument | None = None
    document: BookingDocument | None = None
    existing_services: frozenset[int] = frozenset()
    #: Lines, by id, whose dates are changed in their own document because their room is free.
    in_place: frozenset[int] = frozenset()
    #: Lines whose price is set in their own document, so that the order's total does not follow.
    priced_in_place: frozenset[int] = frozenset()
    #: Lines, by id, that a new one stands for but that QloApps would not drop: to be released.
    replaced: frozenset[int] = frozenset()
    #: Rooms whose line was made anew, with the line of before.
    made_anew: tuple[Pair, ...] = ()

    @property
    def matched(self) -> Matched:
        return match(self.draft, [line for line in self.booking.lines if line.line_id not in self.replaced])

    def services(self, line_id: int) -> list[ServiceItem]:
        return [item for item in self.document.services if item.line_id == line_id] if self.document else []

    #: Set when nothing may be PUT, since what it would cost cannot be told or cannot be repeated.
    no_put: bool = False


class QloAppsAmender:
    """Answers `amend`. Methods raise QloAppsError and WriteInDoubt."""

    def __init__(self, writer: QloAppsWriter) -> None:
        self._writer = writer
        self._reader = writer.reader
        self._lines = writer.lines

    async def amend(self, order_id: int, draft: BookingDraft, agreed_digest: str) -> Outcome[WriteResult]:
        """Make the booking what the draft says, unless it is no longer what both sides agreed on."""
        facts = await self._reader.facts_for_writing()
        now = (await self._reader.map(await self._reader.load([order_id]))).get(order_id)
        refused = _not_amendable(now, order_id, agreed_digest)
        if refused is not None or now is None:
            return refused or Refused("NOT_FOUND", POLICY["NOT_FOUND"].sentence, Actor.FRONT_DESK)
        if not active(draft):
            return await self._writer.cancel(order_id)
        refused = await self._writer.refusal(draft, facts)
        if refused is not None:
            return refused
        work = _Work(draft, facts, now, now)
        await self._look_closer(work)
        await self._move_in_place(work)
        outcome = await self._change_rooms(work)
        if outcome is not None:
            return outcome
        await self._change_lines(work)
        flags = await self._change_prices(work)
        if work.booking is now:
            return Done(self._writer.result(now, draft, (), ()))
        services_told = await self._mend_services(work)
        verified = await self._writer.verify(work.booking, draft, facts, None)
        told = [*verified.mismatches, *services_told, *self._totals_left(work, verified.booking)]
        return Done(self._writer.result(verified.booking, draft, [*flags, *verified.flags], told))

    async def _look_closer(self, work: _Work) -> None:
        """Read services and facilities, and decide which lines can change their dates in their own room."""
        pairs = work.matched.pairs
        deep = [pair for pair in pairs if pair.type_differs or pair.dates_differ or pair.price_differs]
        if not deep and not work.matched.missing:
            return
        try:
            work.first_document = work.document = await self._reader.document(work.booking.order_id)
        except QloAppsError as error:
            if error.reason != "PHP_WARNING":  # a strict server may fail to show any booking [440]
                raise
            work.no_put = True
        work.no_put = work.no_put or bool(work.document and work.document.lines_with_facilities)
        ids = sorted({item.id for item in work.document.services if item.id}) if work.document else []
        if ids:
            rows = await self._reader.client.rows(
                "services", "services", {"filter[id]": id_filter(ids), "display": "[id]"}
            )
            work.existing_services = frozenset(int(row["id"]) for row in rows)
        moved = [pair for pair in deep if pair.dates_differ and not pair.type_differs]
        free = await self._in_free_rooms(moved, work)
        # on the snapshot a later PUT of the booking loses the services of a line whose dates its cart does not know
        work.in_place = frozenset(
            pair.line.line_id
            for pair in free
            if not (work.facts.is_snapshot and work.services(pair.line.line_id)) or work.no_put
        )

    async def _move_in_place(self, work: _Work) -> None:
        """Change dates in the lines' own rooms, before QloApps gives rooms that look free until then to new lines."""
        moved = [pair for pair in work.matched.pairs if pair.dates_differ and pair.line.line_id in work.in_place]
        for pair in moved:
            await self._lines.update(pair.line.line_id, _date_fields(pair))
        if moved:
            work.booking = await self._writer.reload(work.booking)

    async def _in_free_rooms(self, moved: Sequence[Pair], work: _Work) -> list[Pair]:
        """Return the pairs whose room nobody else holds on the new dates, other rooms of this booking included."""
        if not moved:
            return []
        stays = [(pair.line.room_id, pair.draft.stay) for pair in moved]
        others = await self._lines.others_in_rooms(stays, work.booking.order_id)
        shall_be = {pair.line.line_id: pair.draft.stay for pair in work.matched.pairs}
        free = []
        for pair in moved:
            stay = pair.draft.stay
            rivals = [row for row in others.get(pair.line.room_id, ()) if overlap(row, stay)]
            siblings = [
                line
                for line in work.booking.held
                if line.line_id != pair.line.line_id
                and line.room_id == pair.line.room_id
                and (line.stay.overlaps(stay) or shall_be.get(line.line_id, line.stay).overlaps(stay))
            ]
            if not rivals and not siblings:
                free.append(pair)
        return free

    # rooms ---------------------------------------------------------------------------------------------------------

    async def _change_rooms(self, work: _Work) -> Outcome[WriteResult] | None:
        """Add rooms and make lines anew where nothing lighter will do. Return an outcome when it ends here."""
        matched = work.matched
        anew = [
            pair
            for pair in matched.pairs
            if pair.type_differs or (pair.dates_differ and pair.line.line_id not in work.in_place)
        ]
        if not anew and not matched.missing:
            return None
        if work.no_put:
            return Refused(
                "SERVICES_AT_RISK",
                "QloApps would lose extras of this booking with a change of rooms made from outside. "
                "Change it in the QloApps back office; the change then comes here by itself.",
                Actor.FRONT_DESK,
            )
        rates = await self._writer.tax_rates(work.draft)
        rooms = [composing.new_room(line, rates[line.room_type_id]) for line in matched.missing]
        rooms += [
            replace(
                composing.new_room(pair.draft, rates[pair.draft.room_type_id]),
                services=composing.repeated(
                    work.services(pair.line.line_id), work.existing_services, exact=not pair.dates_differ
                ),
            )
            for pair in anew
        ]
        dropped = {pair.line.line_id for pair in anew}
        unsafe = _not_droppable(work.booking.lines, dropped)
        rooms += self._kept_rooms(work, {}, without=dropped - unsafe, emptied=unsafe)
        try:
            await self._put(work, rooms)
        except QloAppsError as error:
            if error.reason == "NOT_AVAILABLE" and not matched.missing and await self._keep_in_place(work, anew):
                return None
            return outcome_of(error)
        work.replaced = frozenset(unsafe)
        if work.document and work.document.services:
            work.document = await self._reader.document(work.booking.order_id)
        work.made_anew = tuple(anew)
        return None

    async def _keep_in_place(self, work: _Work, anew: Sequence[Pair]) -> bool:
        """Change dates in place after all where QloApps has no second room to offer but the guest's own is free."""
        free = await self._in_free_rooms([pair for pair in anew if not pair.type_differs], work)
        if len(free) != len(anew):
            return False
        ids = frozenset(pair.line.line_id for pair in free)
        work.in_place |= ids
        work.priced_in_place |= ids
        return True

    async def _move_back(self, work: _Work) -> bool:
        """Give a line made anew the room that its guest had, where that is free on the new dates."""
        by_key = {pair.draft.key: pair.line for pair in work.matched.pairs}
        moved = False
        for pair in work.made_anew:
            line = by_key.get(pair.draft.key)
            if line is None or pair.type_differs or line.room_id == pair.line.room_id:
                continue
            others = await self._lines.others_in_rooms([(pair.line.room_id, line.stay)], work.booking.order_id)
            own = [
                each
                for each in work.booking.held
                if each.room_id == pair.line.room_id and each.line_id not in work.replaced
            ]
            if not others.get(pair.line.room_id) and not any(each.stay.overlaps(line.stay) for each in own):
                room = {"id_room": str(pair.line.room_id), "room_num": pair.line.room_number}
                await self._lines.update(line.line_id, room)
                moved = True
        return moved

    def _kept_rooms(
        self,
        work: _Work,
        prices: Mapping[int, Decimal],
        *,
        without: frozenset[int] | set[int] = frozenset(),
        emptied: frozenset[int] | set[int] = frozenset(),
        exact: bool = False,
    ) -> list[composing.Room]:
        """Return every line of the booking as it is to be named in a PUT, released ones too: see [10e] in README.md.

        `prices` are the new gross prices by line; lines in `without` go, lines in `emptied` lose price and services
        and are released afterwards.
        """
        rooms = []
        for line in work.booking.lines:
            if line.line_id in without:
                continue
            if line.line_id in emptied:
                rooms.append(composing.kept_room(line, Decimal(0), ()))
                continue
            services = composing.repeated(work.services(line.line_id), work.existing_services, exact=exact)
            gross = prices.get(line.line_id)
            net = None if gross is None else pricing.net_of(gross, _own_rate(line))
            rooms.append(composing.kept_room(line, net, services))
        return rooms

    async def _put(self, work: _Work, rooms: Sequence[composing.Room]) -> bool:
        """Send the rooms and read back what became of them; return whether it was answered as it should be.

        Raises QloAppsError when it is certain that nothing was done.
        """
        failure: QloAppsError | None = None
        try:
            await self._writer.put_booking(work.booking, rooms, work.facts)
        except QloAppsError as error:
            if proof_of(error) is Proof.NOTHING_DONE:
                raise
            failure = error
        evidence = {"order_id": work.booking.order_id, "answer": failure.reason if failure else "clean"}
        try:
            after = await self._writer.reload(work.booking)
        except QloAppsError as error:
            raise WriteInDoubt(
                "A change of the booking was sent to QloApps; looking at it afterwards failed.",
                evidence | {"look": error.reason},
            ) from error
        if failure is not None and failure.reason != "PHP_WARNING" and after.digest == work.booking.digest:
            if proof_of(failure) is Proof.STILL_OPEN:
                raise WriteInDoubt("A change of the booking was sent to QloApps and is not to be seen yet.", evidence)
            raise failure
        work.booking = after
        return failure is None

    # lines ---------------------------------------------------------------------------------------------------------

    async def _change_lines(self, work: _Work) -> None:
        """Set dates, occupancy and status in the lines' own documents, and release what the draft no longer has."""
        changed = False
        matched = work.matched
        for pair in matched.pairs:
            changes = self._writer.line_changes(pair, work.facts)
            if pair.dates_differ and pair.line.line_id in work.in_place:
                changes |= _date_fields(pair)
            if pair.price_differs and (work.no_put or pair.line.line_id in work.priced_in_place):
                changes |= _price_fields(pair)
                work.priced_in_place |= {pair.line.line_id}
            if changes:
                await self._lines.update(pair.line.line_id, changes)
                changed = True
        for line_id in [*(line.line_id for line in matched.extra), *work.replaced]:
            await self._lines.update(line_id, _RELEASED)
            changed = True
        changed = await self._move_back(work) or changed
        if changed:
            work.booking = await self._writer.reload(work.booking)

    # prices --------------------------------------------------------------------------------------------------------

    async def _change_prices(self, work: _Work) -> list[str]:
        """Bring the prices of kept lines to those of the draft; two more tries mend what the first has not."""
        factors: dict[int, Decimal] = defaultdict(lambda: Decimal(1))
        flags: list[str] = []
        for attempt in range(3):
            pairs = [pair for pair in work.matched.pairs if pair.line.line_id not in work.priced_in_place]
            wrong = [pair for pair in pairs if pair.price_differs]
            stale = [] if attempt else [pair for pair in pairs if self._services_outlived(work, pair)]
            if (not wrong and not stale) or work.no_put:
                break
            prices = {pair.line.line_id: pair.draft.gross for pair in wrong}
            rooms = [
                replace(room, factor=factors[room.line.line_id]) if room.line else room
                for room in self._kept_rooms(work, prices)
            ]
            before = work.booking
            answered = await self._put(work, rooms)
            told = told_by(before, work.booking, answered=answered)
            for pair in work.matched.pairs:
                line = pair.line
                if line.line_id in told and line.line_id in prices and pair.price_differs and line.net:
                    wanted = pricing.net_of(pair.draft.gross, _own_rate(line))
                    known = pricing.known_factor(wanted, line.net, line.stay.nights)
                    factors[line.line_id] *= pricing.proportion(wanted, line.net) if attempt else known
            if attempt:
                flags.append(PRICE_CORRECTED)
        await self._set_prices_in_place(work)
        return flags

    async def _set_prices_in_place(self, work: _Work) -> None:
        """Set prices that no PUT of the booking could: of two lines alike in one room it reaches only the later one."""
        wrong = [pair for pair in work.matched.pairs if pair.price_differs]
        for pair in wrong:
            await self._lines.update(pair.line.line_id, _price_fields(pair))
            work.priced_in_place |= {pair.line.line_id}
        if wrong:
            work.booking = await self._writer.reload(work.booking)

    def _services_outlived(self, work: _Work, pair: Pair) -> bool:
        """Whether a line in place has nightly services that still count the nights of before."""
        return (
            pair.line.line_id in work.in_place
            and not work.facts.is_snapshot
            and any(item.per_night for item in work.services(pair.line.line_id))
            and pair.line.stay.nights != _nights_before(work, pair.line.line_id)
        )

    # telling -------------------------------------------------------------------------------------------------------

    async def _mend_services(self, work: _Work) -> list[str]:
        """See that every service is there with the amount for its nights, mend it once, and tell what is left."""
        if work.first_document is None or not work.first_document.services or work.booking.digest == work.before.digest:
            return []
        wanted = self._services_wanted(work)
        after = await self._reader.document(work.booking.order_id)
        wrong = _services_wrong(wanted, after)
        if wrong and not work.facts.is_snapshot and not work.no_put:
            # on the snapshot all services of a room would get the price of the last one
            rooms = [
                replace(
                    room,
                    services=composing.repeated(wanted.get(room.line.line_id, ()), work.existing_services, exact=True),
                )
                for room in self._kept_rooms(work, {}, emptied=work.replaced)
                if room.line
            ]
            await self._put(work, rooms)
            wrong = _services_wrong(wanted, await self._reader.document(work.booking.order_id))
        if wrong:
            _log.error("QloApps booking %s: services differ after a change", work.booking.order_id)
        return wrong

    def _services_wanted(self, work: _Work) -> dict[int, list[ServiceItem]]:
        """Return, by the lines of now, the services of before with their amounts for the nights of now."""
        before = {line.line_id: line for line in work.before.lines}
        was = {pair.draft.key: pair.line.line_id for pair in match(work.draft, work.before.lines).pairs}
        came_from = {pair.line.line_id: was.get(pair.draft.key) for pair in work.matched.pairs}
        wanted: dict[int, list[ServiceItem]] = {}
        for line in work.booking.lines:
            if line.line_id in work.replaced:
                continue
            origin = before.get(came_from.get(line.line_id) or line.line_id)
            if origin is None or work.first_document is None:
                continue
            ratio = Decimal(line.stay.nights) / origin.stay.nights if origin.stay.nights else Decimal(1)
            wanted[line.line_id] = [
                _scaled(item, line.line_id, ratio if item.per_night else Decimal(1))
                for item in work.first_document.services
                if item.line_id == origin.line_id
            ]
        return wanted

    def _totals_left(self, work: _Work, after: ChannelBooking) -> list[str]:
        if not work.priced_in_place:
            return []
        return [
            f"The rooms have their new prices at QloApps, but its order total still says {after.total_gross} "
            f"{after.currency}; correct it in the QloApps back office."
        ]


def _not_amendable(now: ChannelBooking | None, order_id: int, agreed_digest: str) -> Refused | None:
    if now is None:
        policy = POLICY["NOT_FOUND"]
        return Refused("NOT_FOUND", policy.sentence, policy.who, f"booking {order_id}")
    if now.digest != agreed_digest:
        return Refused(
            "CHANGED_MEANWHILE", "The booking was changed at QloApps since both sides last agreed.", Actor.NOBODY
        )
    if now.state is not BookingState.OPEN:
        return Refused(
            "BOOKING_CLOSED",
            "The booking is cancelled at QloApps; brought back there it would hold no rooms. Make a new one.",
            Actor.FRONT_DESK,
        )
    return None


def _not_droppable(lines: Sequence[ChannelLine], dropped: set[int]) -> set[int]:
    """Return the lines that leaving them out would not drop.

    Of lines alike (same room type and dates) QloApps keeps the first, whichever is named. So leaving a line out is
    safe when every line alike that stays comes before it.
    """
    alike: dict[tuple[int, object], list[ChannelLine]] = defaultdict(list)
    for line in lines:
        alike[line.room_type_id, line.stay].append(line)
    unsafe: set[int] = set()
    for group in alike.values():
        staying = [line.line_id for line in group if line.line_id not in dropped]
        leaving = {line.line_id for line in group if line.line_id in dropped}
        if staying and leaving and max(staying) > min(leaving):
            unsafe |= leaving
    return unsafe


def _scaled(item: ServiceItem, line_id: int, ratio: Decimal) -> ServiceItem:
    net, tax = Decimal(item.total_net) * ratio, Decimal(item.total_tax) * ratio
    return replace(item, line_id=line_id, total_net=str(round(net, 2)), total_tax=str(round(tax, 2)))


def _services_wrong(wanted: Mapping[int, Sequence[ServiceItem]], after: BookingDocument | None) -> list[str]:
    """Return a sentence for each service that is not there or costs something else."""
    told = []
    there = list(after.services) if after else []
    for items in wanted.values():
        for item in items:
            found = next((each for each in there if each.line_id == item.line_id and each.name == item.name), None)
            if found is None:
                told.append(f"QloApps dropped the service {item.name} with this change; add it there again.")
                continue
            there.remove(found)
            if not pricing.close(Decimal(found.total_net), Decimal(item.total_net)):
                told.append(
                    f"The service {item.name} costs {found.total_net} without tax at QloApps after this change; "
                    f"{item.total_net} was expected."
                )
    return told


def _date_fields(pair: Pair) -> dict[str, str]:
    """Return the fields of a line that make its dates those of the draft."""
    stay = pair.draft.stay
    return {"date_from": f"{stay.check_in} 00:00:00", "date_to": f"{stay.check_out} 00:00:00"}


def _price_fields(pair: Pair) -> dict[str, str]:
    """Return the fields of a line that make its price that of the draft; the order's total does not follow."""
    net = pricing.net_of(pair.draft.gross, _own_rate(pair.line))
    return {"total_price_tax_excl": f"{net}", "total_price_tax_incl": f"{pair.draft.gross}"}


def _own_rate(line: ChannelLine) -> Decimal:
    """Return the tax rate that the line was priced with, as a fraction."""
    return line.gross / line.net - 1 if line.net else Decimal(0)


def _nights_before(work: _Work, line_id: int) -> int:
    return next((line.stay.nights for line in work.before.lines if line.line_id == line_id), 0)
