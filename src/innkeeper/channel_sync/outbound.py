"""Makes the broker agree with a reservation of the house, as it is now and whatever happened before."""

from datetime import datetime
from decimal import Decimal
from time import perf_counter
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.channel_sync import attention, repository
from innkeeper.channel_sync.absorb import absorb
from innkeeper.channel_sync.agreement import name_lines, note_remote, settle_found, start_new_generation
from innkeeper.channel_sync.ari_work import queue_types
from innkeeper.channel_sync.book import Book, open_book
from innkeeper.channel_sync.connection import Link
from innkeeper.channel_sync.customers import ORIGIN, remember
from innkeeper.channel_sync.logs import milliseconds_since, outbound_log
from innkeeper.channel_sync.making_way import make_way
from innkeeper.channel_sync.plans import Plan, decide
from innkeeper.channel_sync.result import SyncResult
from innkeeper.channel_sync.states import State, frees_rooms, remote_state
from innkeeper.channel_sync.tables import ReservationMapping
from innkeeper.channel_sync.work import queue_push, queue_refused
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.channel import WriteResult
from innkeeper.domain.outcome import Done, Later, Outcome, Refused, Unknown
from innkeeper.house import reservations
from innkeeper.house.tables import Reservation, RoomType
from innkeeper.storage.database import Tx

#: What the connector says when the booking changed there since it was last read.
CHANGED_MEANWHILE = "CHANGED_MEANWHILE"
NOT_AVAILABLE = "NOT_AVAILABLE"

#: A customer made from our guest is that guest beyond doubt.
_SURE = Decimal(1)

#: Marks that only this module sets and takes away.
_SENT_FLAGS = frozenset({"adjusted_for_channel", "differs_at_channel"})


async def push(link: Link, reservation_id: UUID, result: SyncResult, *, dry_run: bool = False) -> Outcome[str]:
    """Make the broker agree with one reservation; Done says in a word what was done.

    The intent is committed before the first request leaves, so that a crash at any point is followed by a look-up
    under the same reference and never by a second booking.
    """
    plan = await _plan(link, reservation_id, write=not dry_run)
    if dry_run or plan.action == "nothing":
        result.count("skip" if plan.action == "nothing" else "create" if plan.action == "create" else "update")
        if plan.action != "nothing":
            result.act(action=plan.action, reservation=plan.confirmation, order_id=plan.order_id, reason=plan.reason)
        return Done(plan.action)
    before, begun = link.connector.requests_made, perf_counter()
    answer = await _send(link, plan)
    refused = isinstance(answer, Refused) and answer.code == NOT_AVAILABLE
    # a block of ours may stand in the way, made while the reservation waited to be sent
    if refused and plan.draft is not None and await make_way(link, plan.draft, plan.order_id):
        answer = await _send(link, plan)
    result.requests += link.connector.requests_made - before
    return await _settle(link, reservation_id, plan, answer, result, milliseconds_since(begun))


async def _plan(link: Link, reservation_id: UUID, *, write: bool) -> Plan:
    """Work out what to do and, with `write`, commit the intent and the causes that keep it from being done."""
    async with link.database.write() as tx:
        book = await open_book(tx, link, [])
        mapping = await repository.mapping_of_reservation(tx.session, link.property_id, reservation_id, lock=True)
        reservation = await reservations.load(tx.session, link.property_id, reservation_id)
        plan = decide(link, book, mapping, reservation)
        if not write:
            return plan
        for room_type_id in plan.unmapped:
            await _tell_of_type(tx, link.property_id, "unmapped_room_type", room_type_id)
        for room_type_id in () if plan.quiet else plan.unsent:
            await _tell_of_type(tx, link.property_id, "inbound_only_type", room_type_id)
        if plan.unsent and mapping is not None:
            mapping.last_local_update = plan.sent_version_at  # until it changes again, or its type is mapped anew
        if plan.agreed and mapping is not None:
            await _note_agreed(tx, mapping, plan)
        if plan.action == "create":
            _write_intent(tx.session, link.property_id, reservation_id, mapping, plan)
        return plan


async def _tell_of_type(tx: Tx, property_id: UUID, kind: str, room_type_id: UUID) -> None:
    room_type = await tx.session.get(RoomType, room_type_id)
    name = room_type.name if room_type else "without a name"
    await attention.open_cause(tx, property_id, kind, f"local:{room_type_id}", name=name)


async def _note_agreed(tx: Tx, mapping: ReservationMapping, plan: Plan) -> None:
    """Nothing is left to send: the next run need not look, and no refusal or doubt is left to tell of."""
    mapping.last_local_update = plan.sent_version_at
    if mapping.status in ("refused", "in_doubt"):
        mapping.status = "synced"
        await _close(tx, mapping, "refused_booking", "in_doubt")


async def _close(tx: Tx, mapping: ReservationMapping, *kinds: str) -> None:
    for kind in kinds:
        await attention.close_cause(tx, mapping.property_id, kind, str(mapping.local_reservation_id))


def _write_intent(
    session: AsyncSession, property_id: UUID, reservation_id: UUID, mapping: ReservationMapping | None, plan: Plan
) -> None:
    if mapping is None:
        session.add(
            ReservationMapping(
                property_id=property_id,
                local_reservation_id=reservation_id,
                reference=plan.reference,
                source="local",
                status="pending",
            )
        )
    elif mapping.qloapps_order_id is not None:
        start_new_generation(session, mapping)


async def _send(link: Link, plan: Plan) -> Outcome[WriteResult] | Done[None]:
    connector = link.connector
    if plan.action == "agree":
        return Done(None)
    if plan.action == "create" and plan.draft is not None:
        return await connector.create(plan.draft)
    if plan.action == "amend" and plan.draft is not None and plan.order_id is not None:
        return await connector.amend(plan.order_id, plan.draft, plan.digest or "")
    if plan.action == "cancel" and plan.order_id is not None:
        return await connector.cancel(plan.order_id)
    found = await connector.find_by_reference(plan.reference)
    if not isinstance(found, Done):
        return found
    for booking in found.value:
        if booking.held:
            answer = await connector.cancel(booking.order_id)
            if not isinstance(answer, Done):
                return answer
    return Done(None)


async def _settle(
    link: Link,
    reservation_id: UUID,
    plan: Plan,
    answer: Outcome[WriteResult] | Done[None],
    result: SyncResult,
    milliseconds: int,
) -> Outcome[str]:
    """Commit what came of it, and say what the queue has to do."""
    if isinstance(answer, Refused) and answer.code == CHANGED_MEANWHILE and plan.order_id is not None:
        return await _merge_first(link, plan.order_id)
    operation = {"create": "create", "amend": "update"}.get(plan.action, "delete")
    error = None if isinstance(answer, Done) else answer.message if isinstance(answer, Refused) else answer.reason
    async with link.database.write() as tx:
        written = answer.value.booking if isinstance(answer, Done) and answer.value is not None else None
        book = await open_book(tx, link, [written] if written else [])
        mapping = await repository.mapping_of_reservation(tx.session, link.property_id, reservation_id, lock=True)
        reservation = await reservations.load(tx.session, link.property_id, reservation_id)
        if mapping is None or reservation is None:
            return Done("the reservation is gone")
        if isinstance(answer, Done):
            if plan.action != "agree":
                await queue_types(tx, link.config, _touched_types(mapping, reservation))
            await _agree(book, mapping, reservation, plan, answer.value)
        else:
            await _note_failure(book, mapping, reservation, answer, plan.sent_version_at)
        tx.session.add(
            outbound_log(
                link.property_id,
                reservation_id,
                mapping.qloapps_order_id,
                operation,
                plan.draft,
                {"action": plan.action, "reason": plan.reason},
                sync_state_id=result.sync_id,
                milliseconds=milliseconds,
                error=error,
            )
        )
    if isinstance(answer, Done):
        result.count("create" if plan.action == "create" else "update")
        result.act(action=plan.action, reservation=plan.confirmation, reason=plan.reason)
        return Done(plan.action)
    result.count("fail")
    result.fail(f"Reservation {plan.confirmation}: {error}")
    if isinstance(answer, Refused) and answer.code == NOT_AVAILABLE:
        # A conflict for a person, not an endless retry; the next change or the button sends it again.
        return Done("refused")
    return answer


def _touched_types(mapping: ReservationMapping, reservation: Reservation) -> set[UUID]:
    """Return our room types that the booking there held rooms of, or does now."""
    before = (mapping.agreed_local or {}).get("rooms", {}).values()
    kinds = {UUID(room["room_type"]) for room in before if room.get("room_type") not in (None, "None")}
    return kinds | {room.room_type_id for room in reservation.rooms if room.room_type_id is not None}


async def _merge_first(link: Link, order_id: int) -> Outcome[str]:
    """The booking changed there since it was read: take that in, then push what is left to say."""
    answer = await link.connector.booking(order_id)
    if not isinstance(answer, Done):
        return answer
    if answer.value is not None:
        async with link.database.write() as tx:
            book = await open_book(tx, link, [answer.value])
            await absorb(book, answer.value, SyncResult())
    return Later("the booking changed there; both changes are merged and sent again", 0, code=CHANGED_MEANWHILE)


async def _agree(
    book: Book, mapping: ReservationMapping, reservation: Reservation, plan: Plan, written: WriteResult | None
) -> None:
    tx = book.tx
    mapping.last_local_update = plan.sent_version_at
    mapping.last_synced_at = utc_now()
    await _close(tx, mapping, "refused_booking", "in_doubt", "gone_at_channel")
    mapping.status = "synced"
    if written is None:
        mapping.agreed_local = plan.sent.to_json() if plan.sent else mapping.agreed_local
        return
    if plan.action == "create" and written.found:
        settle_found(book, mapping, reservation, written.booking)
        await queue_push(tx, book.property_id, reservation.id)
    else:
        await _agree_as_sent(book, mapping, reservation, plan, written)
    flags = {flag for flag in reservation.flags if flag in _SENT_FLAGS}
    wanted = {"adjusted_for_channel"} if written.adjusted else set()
    wanted |= {"differs_at_channel"} if written.mismatches else set()
    if flags != wanted:
        await reservations.set_flags(
            tx,
            book.property_id,
            reservation.id,
            add=frozenset(wanted - flags),
            remove=frozenset(flags - wanted),
            origin=ORIGIN,
        )
    facts: dict[str, Any] = {"reservation_id": reservation.id, "order_id": written.booking.order_id}
    await _tell(book, "differs_there", reservation, facts, list(written.mismatches))


async def _agree_as_sent(
    book: Book, mapping: ReservationMapping, reservation: Reservation, plan: Plan, written: WriteResult
) -> None:
    """Both sides agree: ours on what was sent, theirs on what stands there now."""
    sent = plan.sent or State(False, {})
    booking = written.booking
    before = State.from_json(mapping.agreed_remote) if mapping.agreed_remote else None
    rooms = {
        key: {**room, "line": written.line_ids.get(key, room.get("line"))} for key, room in sent.rooms.items()
    } or (mapping.agreed_remote or {}).get("rooms", {})
    remote = remote_state(booking, name_lines(booking, rooms))
    note_remote(mapping, booking, remote)
    if before is not None and frees_rooms(before, remote):
        await queue_refused(book.tx, book.property_id)
    if sent.cancelled:
        sent = State(True, (mapping.agreed_local or {}).get("rooms", {}))
    mapping.agreed_local = sent.to_json()
    if booking.customer is not None:
        remember(book, booking.customer, reservation.primary_guest_id, "created", _SURE, ("made from our guest",))


async def _note_failure(
    book: Book,
    mapping: ReservationMapping,
    reservation: Reservation,
    answer: Refused | Later | Unknown,
    sent_version_at: datetime | None,
) -> None:
    tx, key = book.tx, str(reservation.id)
    facts: dict[str, Any] = {
        "reservation_id": reservation.id,
        "order_id": mapping.qloapps_order_id,
        "confirmation": reservation.confirmation,
    }
    if isinstance(answer, Unknown):
        mapping.status = "in_doubt"
        await attention.open_cause(tx, book.property_id, "in_doubt", key, **facts)
        return
    if isinstance(answer, Refused) and mapping.status == "in_doubt":  # it was looked for before it was sent again
        mapping.status = "pending" if mapping.qloapps_order_id is None else "synced"
        await _close(tx, mapping, "in_doubt")
    if isinstance(answer, Refused) and answer.code == NOT_AVAILABLE:
        mapping.status = "refused"
        mapping.last_local_update = sent_version_at
        await attention.open_cause(tx, book.property_id, "refused_booking", key, detail=answer.message, **facts)


async def _tell(book: Book, kind: str, reservation: Reservation, facts: dict[str, Any], sentences: list[str]) -> None:
    key = str(reservation.id)
    if sentences:
        detail = " ".join(sentences)
        await attention.open_cause(
            book.tx, book.property_id, kind, key, confirmation=reservation.confirmation, detail=detail, **facts
        )
    else:
        await attention.close_cause(book.tx, book.property_id, kind, key)
