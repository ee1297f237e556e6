"""Makes and cancels bookings at QloApps, so that no lost answer makes a second one, and proves what stands there."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from lxml import etree

from innkeeper.connectors.qloapps import composing, guest, last_night, mapper, pricing, shop_time
from innkeeper.connectors.qloapps.config import BOOKING_STATUS_NEW, PAYMENT_STATUS_AWAITING
from innkeeper.connectors.qloapps.errors import POLICY, Kind, Proof, QloAppsError, outcome_of, proof_of
from innkeeper.connectors.qloapps.facts import ShopFacts
from innkeeper.connectors.qloapps.lines import LineWriter, WriteInDoubt, overlap
from innkeeper.connectors.qloapps.matching import Matched, Pair, active, differences, match
from innkeeper.connectors.qloapps.reader import QloAppsReader
from innkeeper.connectors.qloapps.wire import BookingOut, CustomerOut, CustomerRow, LineRow, OrderRow
from innkeeper.domain.channel import BookingDraft, BookingState, ChannelBooking, ChannelLine, DraftLine, WriteResult
from innkeeper.domain.outcome import Actor, Done, Outcome, Refused, Unknown
from innkeeper.domain.stay import StayStatus

_log = logging.getLogger(__name__)

#: Flags of WriteResult.adjusted besides those of the guest.
ROOM_MOVED = "room_moved"
DUPLICATE_CANCELLED = "duplicate_cancelled"
PRICE_CORRECTED = "price_corrected"

_RELEASE_MARKS = ("is_refunded", "is_cancelled", "is_back_order")
_STATUS_IDS = {StayStatus.CONFIRMED: "1", StayStatus.CHECKED_IN: "2", StayStatus.CHECKED_OUT: "3"}


@dataclass(frozen=True, slots=True)
class Verified:
    """A booking as it stands after a write, with what had to be adjusted and what is not as it should be."""

    booking: ChannelBooking
    flags: tuple[str, ...]
    mismatches: tuple[str, ...]


class QloAppsWriter:
    """POST of bookings, cancellation, and the checks after every write. Methods raise QloAppsError and WriteInDoubt."""

    def __init__(self, reader: QloAppsReader) -> None:
        self.reader = reader
        self.client = reader.client
        self.lines = LineWriter(reader)
        self._last_nights = last_night.LastNights(reader)
        self._settings = reader.client.settings

    # making --------------------------------------------------------------------------------------------------------

    async def create(self, draft: BookingDraft) -> Outcome[WriteResult]:
        """Make the booking, or return the one that an earlier try made."""
        facts = await self.reader.facts_for_writing()
        refused = await self.refusal(draft, facts)
        if refused is not None:
            return refused
        source = mapper.source_for(draft.reference)
        earlier = await self.reader.orders_by_source(source)
        if earlier:
            return await self._adopt(earlier, draft, facts)
        who = await self._customer(draft)
        rates = await self.tax_rates(draft)
        remark, changed = guest.remark(draft.remark)
        flags = (*who.flags, *([guest.REMARK_ADJUSTED] if changed else []))
        rooms = [composing.new_room(line, rates[line.room_type_id]) for line in active(draft)]
        out = BookingOut(
            hotel_id=self._settings.hotel_id,
            currency=draft.currency,
            customer=who.customer,
            groups=composing.groups_for_post(rooms, facts),
            source=source,
            remark=remark,
            paid=float(draft.paid) if draft.paid else None,
            booking_status=BOOKING_STATUS_NEW,
            payment_status=PAYMENT_STATUS_AWAITING,
        )
        failure: QloAppsError | None = None
        try:
            await self.client.send_booking("POST", "bookings", out.document())
        except QloAppsError as error:
            if proof_of(error) is Proof.NOTHING_DONE:
                return outcome_of(error)
            failure = error
        return await self._after_post(draft, facts, flags, rates, failure)

    async def _after_post(
        self,
        draft: BookingDraft,
        facts: ShopFacts,
        flags: Sequence[str],
        rates: Mapping[int, Decimal],
        failure: QloAppsError | None,
    ) -> Outcome[WriteResult]:
        """Look up what the POST made: it is told by what stands there, not by what was answered."""
        evidence: dict[str, Any] = {"reference": draft.reference, "answer": failure.reason if failure else "clean"}
        try:
            made = await self.reader.orders_by_source(mapper.source_for(draft.reference))
        except QloAppsError as error:
            return Unknown(
                "The booking was sent to QloApps; looking whether it arrived failed.", evidence | {"look": error.reason}
            )
        if not made:
            if failure is None or proof_of(failure) is Proof.STILL_OPEN:
                return Unknown("The booking was sent to QloApps and is not to be seen there (yet).", evidence)
            return outcome_of(failure)
        try:
            return await self._finish(made, draft, facts, flags, rates)
        except QloAppsError as error:
            # the booking is there: the same call again finds it and goes on with what is missing
            return outcome_of(error)

    async def _adopt(self, orders: Sequence[OrderRow], draft: BookingDraft, facts: ShopFacts) -> Outcome[WriteResult]:
        """Return the booking that an earlier try made, as it stands; what differs is told, not changed."""
        kept, flags, mismatches = await self._one_of(orders, draft, facts)
        booking = await self._booking(kept)
        if isinstance(booking, Refused):
            return booking
        if booking.state is not BookingState.OPEN:
            mismatches.append(f"The booking is {booking.state} at QloApps.")
        else:
            mismatches += differences(match(draft, booking.lines), booking.currency)
        return Done(self.result(booking, draft, flags, mismatches, found=True))

    async def _finish(
        self,
        orders: Sequence[OrderRow],
        draft: BookingDraft,
        facts: ShopFacts,
        flags: Sequence[str],
        rates: Mapping[int, Decimal],
    ) -> Outcome[WriteResult]:
        """Give the booking just made all that a POST cannot: stay status, right prices, a room of its own."""
        kept, more_flags, mismatches = await self._one_of(orders, draft, facts)
        booking = await self._booking(kept)
        if isinstance(booking, Refused):
            return booking
        verified = await self.verify(booking, draft, facts, rates)
        told = [*flags, *more_flags, *verified.flags]
        return Done(self.result(verified.booking, draft, told, [*mismatches, *verified.mismatches]))

    async def _booking(self, order: OrderRow) -> ChannelBooking | Refused:
        loaded = await self.reader.complete({order.id: order})
        booking = (await self.reader.map(loaded)).get(order.id)
        return booking or Refused(
            "WRONG_HOTEL", "A booking with this reference belongs to another hotel of the shop.", Actor.ADMIN
        )

    async def _one_of(
        self, orders: Sequence[OrderRow], draft: BookingDraft, facts: ShopFacts
    ) -> tuple[OrderRow, list[str], list[str]]:
        """Return the booking to go on with when the reference is there more than once, with flags and sentences.

        A proxy that repeats a POST makes two. The later one is cancelled when it is a plain copy: same customer and
        total, nothing paid. Anything else is left to a person.
        """
        ended = (facts.states.cancelled, facts.states.refunded)
        living = [order for order in orders if order.state not in ended] or list(orders)[:1]
        kept, doubles = living[0], living[1:]
        copies = [
            order
            for order in doubles
            if (order.customer_id, order.total) == (kept.customer_id, kept.total) and not Decimal(order.paid_real)
        ]
        for copy in copies:
            await self.set_state(copy.id, facts.states.cancelled)
        others = ", ".join(str(order.id) for order in doubles if order not in copies)
        told = [f"Further bookings at QloApps carry the reference {draft.reference}: {others}."] if others else []
        return kept, [DUPLICATE_CANCELLED] if copies else [], told

    async def refusal(self, draft: BookingDraft, facts: ShopFacts) -> Refused | None:
        """Return why the draft cannot be sent at all."""
        if not draft.reference or any(char in draft.reference for char in "|[],%"):
            return Refused("BAD_REFERENCE", "The reference must not be empty nor hold | [ ] , or %.", Actor.VENDOR)
        if not active(draft):
            return Refused("NOTHING_TO_BOOK", "Every room of the reservation is cancelled.", Actor.NOBODY)
        if any(line.stay.nights < 1 for line in active(draft)):
            # QloApps would take it, and then fail to show the booking at all
            return Refused("NO_NIGHTS", "A stay must have at least one night.", Actor.FRONT_DESK)
        if draft.currency not in facts.currencies.values():
            policy = POLICY["CURRENCY_NOT_INSTALLED"]
            return Refused("CURRENCY_NOT_INSTALLED", policy.sentence, policy.who, draft.currency)
        needed = {line.room_type_id for line in active(draft)}
        if not needed <= set(await self.reader.room_type_rows()):
            missing = needed - set(await self.reader.room_type_rows(fresh=True))
            if missing:
                policy = POLICY["UNKNOWN_ROOM_TYPE"]
                return Refused("UNKNOWN_ROOM_TYPE", policy.sentence, policy.who, f"room types {sorted(missing)}")
        return None

    async def _customer(self, draft: BookingDraft) -> guest.Representable:
        """Return who books: a customer that QloApps has, as it has it, or a new one."""
        placeholder = self._settings.phone_placeholder
        address = guest.email(draft.guest.email)
        known = None
        if draft.guest.customer_id:
            known = (await self.reader.customers_by_id([draft.guest.customer_id])).get(draft.guest.customer_id)
        if known is None and address is not None and "|" not in address:
            known = next(iter(await self.reader.customers_by_email(address)), None)
        if known is not None and known.email:
            return guest.existing_customer(known, draft.guest, placeholder)
        return guest.new_customer(draft.guest, draft.reference, placeholder)

    async def tax_rates(self, draft: BookingDraft) -> Mapping[int, Decimal]:
        """Return a rate for each room type of the draft; 0 where none can be told, which the check afterwards mends."""
        try:
            rates = await self.reader.tax_rates()
        except QloAppsError as error:
            if POLICY[error.reason].kind is not Kind.REFUSED:
                raise
            rates = {}
        return {line.room_type_id: rates.get(line.room_type_id, Decimal(0)) for line in draft.lines}

    # checking ------------------------------------------------------------------------------------------------------

    async def verify(
        self, booking: ChannelBooking, draft: BookingDraft, facts: ShopFacts, rates: Mapping[int, Decimal] | None
    ) -> Verified:
        """Compare what stands there with the draft, mend what can be mended once, and say what is left.

        `rates` are the tax rates with which the prices were sent; None leaves prices as they are.
        """
        flags: list[str] = []
        mismatches: list[str] = []
        matched = match(draft, booking.lines)
        if rates is not None and matched.missing:
            booking = await self._revive(booking, matched.missing)
            matched = match(draft, booking.lines)
        if rates is not None and not matched.missing:
            if any(pair.price_differs for pair in matched.pairs):
                booking = await self._correct_prices(booking, draft, facts, rates)
                matched = match(draft, booking.lines)
                flags.append(PRICE_CORRECTED)
            for pair in matched.pairs:
                self.reader.learn_tax_rate(pair.line.room_type_id, pair.line.net, pair.line.gross)
        changed = False
        for pair in matched.pairs:
            changes = self.line_changes(pair, facts)
            if changes:
                await self.lines.update(pair.line.line_id, changes)
                changed = True
        moved, told = await self._give_own_rooms(booking, matched)
        mismatches += told
        if moved:
            flags.append(ROOM_MOVED)
        if changed or moved:
            booking = await self.reload(booking)
            matched = match(draft, booking.lines)
        mismatches += differences(matched, booking.currency)
        return Verified(booking, tuple(flags), tuple(mismatches))

    def line_changes(self, pair: Pair, facts: ShopFacts) -> dict[str, str]:
        """Return the fields of the line that make its occupancy and stay status those of the draft."""
        draft = pair.draft
        changes: dict[str, str] = {}
        if pair.occupancy_differs:
            changes |= {
                "adults": str(draft.adults),
                "children": str(draft.children),
                "child_ages": "[" + ",".join(map(str, draft.child_ages)) + "]",
            }
        if pair.status_differs and draft.status in _STATUS_IDS:
            now = shop_time.to_shop(self.client.server_now(), facts.zone)
            changes["id_status"] = _STATUS_IDS[draft.status]
            if draft.status is StayStatus.CHECKED_IN:
                changes |= {"check_in": now, "check_out": "0000-00-00 00:00:00"}
            elif draft.status is StayStatus.CHECKED_OUT:
                changes |= {"check_out": now}
                if pair.line.status is StayStatus.CONFIRMED:
                    changes["check_in"] = now
            else:
                changes |= {"check_in": "0000-00-00 00:00:00", "check_out": "0000-00-00 00:00:00"}
        return changes

    async def _revive(self, booking: ChannelBooking, missing: Sequence[DraftLine]) -> ChannelBooking:
        """Give rooms to lines of a booking just made that QloApps released at once, and return what stands there then.

        It does that when another booking takes the room in the same moment: the order stays open and holds nothing.
        """
        released = [line for line in booking.lines if line.released]
        revived = False
        for wanted in missing:
            alike = (x for x in released if (x.room_type_id, x.stay) == (wanted.room_type_id, wanted.stay))
            line = next(alike, None)
            free = await self.lines.free_room(wanted.room_type_id, wanted.stay) if line else None
            if line is not None and free is not None:
                released.remove(line)
                room = {"id_room": str(free.id), "room_num": free.number}
                await self.lines.update(line.line_id, dict.fromkeys(_RELEASE_MARKS, "0") | room)
                revived = True
        return await self.reload(booking) if revived else booking

    async def _correct_prices(
        self, booking: ChannelBooking, draft: BookingDraft, facts: ShopFacts, rates: Mapping[int, Decimal]
    ) -> ChannelBooking:
        """Send the prices again and return what stands there then; for a booking just made, which has no services.

        Known causes: two bookings at once, of which QloApps gives one the shop's own price; another tax rate than the
        one assumed; a release that no longer has the 1.7.0 fault. These are mended by the first try. The second takes
        what is left for a proportion, as when the snapshot converts a price into another currency [dev/496].

        Raises QloAppsError when the shop did not answer the last try and prices are still wrong.
        """
        factors: dict[int, Decimal] = {}
        told: set[int] = set()
        failure: QloAppsError | None = None
        for _ in range(2):
            rooms = [composing.kept_room(line, None, ()) for line in booking.lines if line.released]
            for pair in match(draft, booking.lines).pairs:
                line = pair.line
                wanted = pricing.net_of(pair.draft.gross, line.gross / line.net - 1 if line.net else Decimal(0))
                if line.line_id not in factors:
                    sent = pricing.net_of(pair.draft.gross, rates.get(line.room_type_id, Decimal(0)))
                    factors[line.line_id] = pricing.known_factor(sent, line.net, line.stay.nights)
                elif line.line_id in told:
                    factors[line.line_id] *= pricing.proportion(wanted, line.net)
                rooms.append(replace(composing.kept_room(line, wanted, ()), factor=factors[line.line_id]))
            before, failure = booking, None
            try:
                await self.put_booking(booking, rooms, facts)
            except QloAppsError as error:
                # what stands there is read next: if the prices are still wrong, that is told
                _log.warning("prices of QloApps booking %s: correction answered %s", booking.order_id, error.reason)
                failure = error
            booking = await self.reload(booking)
            told = told_by(before, booking, answered=failure is None)
            if not any(pair.price_differs for pair in match(draft, booking.lines).pairs):
                return booking
        if failure is not None and _was_away(failure):
            raise failure  # the same call again finds the booking, whose prices are then changed
        return booking

    async def _give_own_rooms(self, booking: ChannelBooking, matched: Matched) -> tuple[bool, list[str]]:
        """Move lines out of rooms that another booking holds too: QloApps sells a last room twice [420].

        Looks again after a move, since the other booking may have been moved to the same room at the same time.
        """
        holding = [pair.line for pair in matched.pairs if pair.draft.status.holds_inventory]
        moved = False
        for last in (False, False, True):
            others = await self.lines.others_in_rooms([(line.room_id, line.stay) for line in holding], booking.order_id)
            told, again = [], False
            for n, line in enumerate(holding):
                rivals = [row for row in others.get(line.room_id, ()) if overlap(row, line.stay)]
                if not rivals:
                    continue
                stays = last or line.status is StayStatus.CHECKED_IN
                free = None if stays else await self.lines.free_room(line.room_type_id, line.stay)
                if free is None:
                    told.append(_double_booked(line, rivals))
                    continue
                await self.lines.update(line.line_id, {"id_room": str(free.id), "room_num": free.number})
                holding[n] = replace(line, room_id=free.id, room_number=free.number)
                again = moved = True
            if not again:
                break
        return moved, told

    async def reload(self, before: ChannelBooking) -> ChannelBooking:
        """Return the booking as it stands now; two requests, since its customer is known."""
        orders, _ = await self.reader.orders_by_id([before.order_id])
        person = before.customer
        known = (
            CustomerRow(person.customer_id, person.first_name, person.last_name, person.email, person.phone)
            if person
            else None
        )
        order = orders.get(before.order_id)
        if order is not None and (known is None or order.customer_id == known.id):
            lines = await self.reader.lines_of([order.id])
            facts = await self.reader.facts_for([order])
            return mapper.booking(order, lines.get(order.id, ()), known, facts, self.reader.hotel_id)
        return (await self.reader.map(await self.reader.complete(orders))).get(before.order_id, before)

    def result(
        self,
        booking: ChannelBooking,
        draft: BookingDraft,
        flags: Sequence[str],
        mismatches: Sequence[str],
        *,
        found: bool = False,
    ) -> WriteResult:
        """Return the result of a write with the line that stands for each room of the draft."""
        pairs = match(draft, booking.lines).pairs
        return WriteResult(
            booking=booking,
            line_ids={pair.draft.key: pair.line.line_id for pair in pairs},
            adjusted=tuple(dict.fromkeys(flags)),
            mismatches=tuple(mismatches),
            found=found,
        )

    # sending -------------------------------------------------------------------------------------------------------

    async def put_booking(self, booking: ChannelBooking, rooms: Sequence[composing.Room], facts: ShopFacts) -> None:
        """Replace the rooms of a booking. The customer is named without name and phone, which keeps both."""
        person = booking.customer
        for some, forgotten in last_night.steps(rooms, facts):
            if forgotten is not None:
                await self._last_nights.price(booking, forgotten, facts)
            out = BookingOut(
                hotel_id=self._settings.hotel_id,
                currency=booking.currency,
                customer=CustomerOut(
                    email=person.email if person else "", customer_id=person.customer_id if person else None
                ),
                groups=composing.groups_for_put(some, facts),
                id=booking.order_id,
            )
            await self.client.send_booking("PUT", f"bookings/{booking.order_id}", out.document())

    async def set_state(self, order_id: int, state: int) -> None:
        """Give the order a state by a row of its history: sends no mail, frees the rooms when it cancels [261]."""
        root = etree.Element("qloapps")
        history = etree.SubElement(root, "order_history")
        etree.SubElement(history, "id_order").text = str(order_id)
        etree.SubElement(history, "id_order_state").text = str(state)
        await self.client.send_xml("POST", "order_histories", root)

    async def cancel(self, order_id: int) -> Outcome[WriteResult]:
        """Cancel the booking and see that its rooms are free. One that is cancelled already is left alone."""
        facts = await self.reader.facts_for_writing()
        before = (await self.reader.map(await self.reader.load([order_id]))).get(order_id)
        if before is None:
            policy = POLICY["NOT_FOUND"]
            return Refused("NOT_FOUND", policy.sentence, policy.who, f"booking {order_id}")
        if before.state is not BookingState.OPEN and not before.held:
            return Done(WriteResult(before, {}))
        failure: QloAppsError | None = None
        try:
            await self.set_state(order_id, facts.states.cancelled)
        except QloAppsError as error:
            if proof_of(error) is Proof.NOTHING_DONE:
                return outcome_of(error)
            failure = error
        try:
            after = await self.reload(before)
        except QloAppsError as error:
            raise WriteInDoubt(
                "A cancellation was sent to QloApps; looking whether it arrived failed.",
                {"order_id": order_id, "answer": failure.reason if failure else "clean", "look": error.reason},
            ) from error
        if after.state is BookingState.OPEN:
            if failure is not None and proof_of(failure) is not Proof.STILL_OPEN:
                return outcome_of(failure)
            return Unknown(
                "A cancellation was sent to QloApps and is not to be seen there (yet).",
                {"order_id": order_id, "answer": failure.reason if failure else "clean"},
            )
        rooms = ", ".join(line.room_number for line in after.held)
        left = (f"The booking is cancelled at QloApps, but it still holds {rooms}.",) if rooms else ()
        return Done(WriteResult(after, {}, mismatches=left))


def _was_away(error: QloAppsError) -> bool:
    """Whether the shop did not answer, in contrast to failing over what was sent."""
    policy = POLICY[error.reason]
    return policy.kind is Kind.LATER and policy.proof is not Proof.LOOKING_SETTLES


def told_by(before: ChannelBooking, after: ChannelBooking, *, answered: bool) -> set[int]:
    """Return the lines whose price tells what became of a PUT: not those that a failed one left as they were."""
    earlier = {line.line_id: line.net for line in before.lines}
    return {line.line_id for line in after.lines if answered or line.net != earlier.get(line.line_id)}


def _double_booked(line: ChannelLine, rivals: Sequence[LineRow]) -> str:
    orders = ", ".join(str(row.order_id) for row in rivals)
    return (
        f"double_booked: room {line.room_number} is also held by QloApps booking {orders}, "
        f"{line.stay.check_in} to {line.stay.check_out}; the guest needs another room."
    )
