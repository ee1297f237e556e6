"""Tells how a booking became the rows that it is: each message, each decision and each push, in their order."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access import repository as access_repository
from innkeeper.access.tables import AuditRow
from innkeeper.channel_sync import log_repository, repository
from innkeeper.channel_sync.conflict_words import conflict_sentence
from innkeeper.channel_sync.customers import ORIGIN
from innkeeper.channel_sync.tables import Attention, CustomerMapping, ReservationMapping, SyncLog
from innkeeper.domain.errors import NotFound
from innkeeper.domain.money import format_amount
from innkeeper.house import reservations
from innkeeper.house.tables import Reservation
from innkeeper.jobs.tables import JobRow
from innkeeper.storage.outbox import EventRow

#: Of the log and of the house's events so many are told; a booking with more has a trouble that the first ones show.
MOST_TOLD = 500

#: What of a reservation only we set, also while we take in what came from there.
OUR_MARKS = frozenset(("flags", "rooms.overbooked"))

Step = dict[str, Any]


async def explain_booking(session: AsyncSession, property_id: UUID, order_id: int) -> dict[str, Any]:
    """Explain a booking by its number there, also an earlier one of a reservation. Raises NotFound."""
    mapping = (await repository.mappings_of_orders(session, property_id, [order_id])).get(order_id)
    former = None if mapping else await repository.former_order(session, property_id, order_id)
    reservation_id = mapping.local_reservation_id if mapping else former.reservation_id if former else None
    return await _explain(session, property_id, reservation_id, [order_id])


async def explain_reservation(session: AsyncSession, property_id: UUID, reservation_id: UUID) -> dict[str, Any]:
    """Explain what a reservation of ours has to do with QloApps. Raises NotFound."""
    if await reservations.load(session, property_id, reservation_id) is None:
        raise NotFound(f"There is no reservation {reservation_id}.")
    return await _explain(session, property_id, reservation_id, [])


async def _explain(
    session: AsyncSession, property_id: UUID, reservation_id: UUID | None, asked: Sequence[int]
) -> dict[str, Any]:
    known = await log_repository.orders_of(session, property_id, reservation_id) if reservation_id else []
    order_ids = sorted({*known, *asked})
    logs = await log_repository.logs_about(session, property_id, reservation_id, order_ids, MOST_TOLD)
    causes = await log_repository.attention_about(session, property_id, reservation_id, order_ids)
    if reservation_id is None and not logs and not causes:
        raise NotFound(
            f"Nothing is known of booking {order_ids[0]}.",
            action="Fetch it with POST /api/qloapps/bookings/{id}/pull, if QloApps has it.",
        )
    mapping = reservation = None
    steps = [step for log in logs for step in _of_log(log)] + [step for cause in causes for step in _of_cause(cause)]
    if reservation_id is not None:
        mapping = await repository.mapping_of_reservation(session, property_id, reservation_id)
        reservation = await reservations.load(session, property_id, reservation_id)
        steps += [_of_event(row) for row in await log_repository.events_about(session, reservation_id, MOST_TOLD)]
    customer = await _customer(session, property_id, logs, reservation)
    steps += [_of_person(row) for row in await _decided(session, property_id, mapping, customer)]
    one_way = await _one_way(session, property_id, reservation, mapping)
    jobs = await log_repository.open_jobs_about(session, property_id, reservation_id, order_ids)
    return {
        "order_ids": order_ids,
        "reservation_id": str(reservation_id) if reservation_id else None,
        "timeline": sorted(steps, key=lambda step: str(step["at"])),
        "became": _rows(reservation, mapping, customer),
        "one_way": one_way,
        "waiting": [_job(job) for job in jobs],
        "complete": len(logs) < MOST_TOLD,
    }


# --- steps -----------------------------------------------------------------------------------------------------------


def _step(at: datetime, kind: str, sentence: str, log: SyncLog | None = None, **detail: Any) -> Step:
    """Return one entry of the timeline; `log_id` and `link` lead to the row it came from."""
    return {
        "at": at.isoformat(),
        "kind": kind,
        "sentence": sentence,
        "detail": detail,
        "log_id": str(log.id) if log else None,
        "link": f"/api/qloapps/sync-logs/{log.id}" if log else None,
    }


def _of_log(log: SyncLog) -> Iterator[Step]:
    if log.direction == "inbound":
        yield from _of_message(log)
    else:
        yield _of_push(log)


def _of_message(log: SyncLog) -> Iterator[Step]:
    """Tell of a message that was read, and of each decision that it led to."""
    message, answer = log.request_data or {}, log.response_data or {}
    rooms = len([line for line in message.get("lines", ()) if not line.get("released")])
    sentence = (
        f"QloApps told that booking {log.qloapps_entity_id} is {message.get('state', 'there')} with "
        f"{rooms} room{'' if rooms == 1 else 's'}, {message.get('total', '?')} {message.get('currency', '')}."
    )
    yield _step(log.created_at, "message", sentence, log, message=message, changed_there_at=message.get("updated_at"))
    if not log.success:
        yield _step(log.created_at, "parked", f"It could not be stored: {log.error_message}", log)
        return
    if "guest" in answer:
        yield _of_match(log, answer["guest"])
    words = {
        "create": "It became a reservation.",
        "update": "It was taken into the reservation.",
        "conflict": "It was merged with what had changed here.",
    }
    facts = {name: answer[name] for name in ("decision", "taken", "flags") if answer.get(name)}
    yield _step(log.created_at, "decision", words.get(log.operation, "Nothing had to be done."), log, **facts)
    for conflict in answer.get("conflicts", ()):
        sentence = conflict_sentence(conflict, str(message.get("currency", "EUR")))
        yield _step(log.created_at, "rule", sentence, log, **conflict)


def _of_match(log: SyncLog, guest: Mapping[str, Any]) -> Step:
    reasons = "; ".join(str(reason) for reason in guest.get("reasons", ()))
    found = "A new guest was made" if guest["method"] == "created" else f"The guest was recognised by {guest['method']}"
    return _step(log.created_at, "guest", f"{found}, score {guest['score']}: {reasons}.", log, **guest)


def _of_push(log: SyncLog) -> Step:
    answer = log.response_data or {}
    words = {"create": "Booked in QloApps", "update": "Changed in QloApps", "delete": "Cancelled in QloApps"}
    action = words.get(log.operation, "Sent to QloApps")
    why = f" because of: {answer['reason']}" if answer.get("reason") else ""
    if not log.success:
        return _step(log.created_at, "push", f"{action} was tried{why}. {log.error_message}", log, **answer)
    return _step(log.created_at, "push", f"{action}{why}.", log, sent=log.request_data, **answer)


def _of_cause(cause: Attention) -> Iterator[Step]:
    facts: dict[str, Any] = {"attention_id": str(cause.id), "cause": cause.kind, "times_seen": cause.times_seen}
    yield _step(cause.opened_at, "attention", f"{cause.title}. {cause.meaning}", **facts)
    if cause.closed_at is not None:
        yield _step(cause.closed_at, "attention", f"Settled by {cause.closed_by}: {cause.title}.", **facts)


def _of_event(row: EventRow) -> Step:
    word = row.name.rpartition(".")[2]
    changed = ", ".join(row.payload.get("changed", ()))
    if row.origin == ORIGIN and OUR_MARKS.issuperset(row.payload.get("changed", ())):
        sentence = f"Innkeeper marked the reservation ({changed})."
        return _step(row.occurred_at, "house", sentence, origin=row.origin)
    side = "in QloApps" if row.origin == ORIGIN else "here"
    about = f" ({changed})" if changed else ""
    return _step(row.occurred_at, "house", f"The reservation was {word}{about}, {side}.", origin=row.origin)


def _of_person(row: AuditRow) -> Step:
    return _step(row.at, "person", f"{row.actor} decided: {row.action}.", action=row.action, **(row.detail or {}))


# --- what it became ---------------------------------------------------------------------------------------------------


async def _customer(
    session: AsyncSession, property_id: UUID, logs: Sequence[SyncLog], reservation: Reservation | None
) -> CustomerMapping | None:
    told = [int(number) for log in logs if (number := (log.request_data or {}).get("customer_id"))]
    found = await repository.customer_mappings(session, property_id, told[-1:])
    if found or reservation is None:
        return next(iter(found.values()), None)
    return await repository.customer_of_guest(session, property_id, reservation.primary_guest_id)


async def _decided(
    session: AsyncSession, property_id: UUID, mapping: ReservationMapping | None, customer: CustomerMapping | None
) -> list[AuditRow]:
    """Return what persons decided about the booking: resolved conflicts, a corrected guest."""
    rows: list[AuditRow] = []
    for kind, row in (("conflict", mapping), ("customer_mapping", customer)):
        if row is not None:
            found, _ = await access_repository.audit_page(
                session, [property_id], entity_type=kind, entity_id=str(row.id), limit=MOST_TOLD, offset=0
            )
            rows += found
    return rows


async def _one_way(
    session: AsyncSession, property_id: UUID, reservation: Reservation | None, mapping: ReservationMapping | None
) -> list[str]:
    """Say what is not sent, or takes no room here, because of a mapping that leads one way only."""
    if reservation is None:
        return []
    kinds = {room.room_type_id for room in reservation.rooms}
    typeless = {str(room.id) for room in reservation.rooms if room.room_type_id is None}
    agreed = (mapping.agreed_remote or {}).get("rooms", {}) if mapping else {}
    there = {room.get("type") for key, room in agreed.items() if key in typeless}
    names = {kind.id: kind.name for kind in await repository.room_types(session, property_id)}
    sentences = []
    for one in await repository.room_type_mappings(session, property_id):
        name = names.get(one.local_room_type_id, "a deleted room type")
        if one.sync_direction == "inbound" and one.local_room_type_id in kinds:
            sentences.append(f"What is changed here of {name} is not sent: its mapping only reads.")
        if one.sync_direction == "outbound" and one.qloapps_product_id in there:
            sentences.append(f"Booked in QloApps as {name}, it takes no room here: that mapping only sends.")
    return sentences


def _rows(
    reservation: Reservation | None, mapping: ReservationMapping | None, customer: CustomerMapping | None
) -> dict[str, Any]:
    return {
        "reservation": _reservation(reservation) if reservation else None,
        "mapping": _mapping(mapping) if mapping else None,
        "guest": {
            "guest_id": str(customer.local_guest_id),
            "customer_id": customer.qloapps_customer_id,
            "customer_mapping_id": str(customer.id),
            "method": customer.match_method,
            "score": f"{customer.confidence_score:.2f}",
            "reasons": list(customer.reasons),
        }
        if customer
        else None,
    }


def _reservation(reservation: Reservation) -> dict[str, Any]:
    return {
        "id": str(reservation.id),
        "confirmation": reservation.confirmation,
        "status": reservation.status,
        "check_in": reservation.check_in.isoformat(),
        "check_out": reservation.check_out.isoformat(),
        "total": format_amount(reservation.total_amount, reservation.currency),
        "currency": reservation.currency,
        "flags": list(reservation.flags),
        "guest_id": str(reservation.primary_guest_id),
        "rooms": [
            {
                "id": str(room.id),
                "room_type_id": str(room.room_type_id) if room.room_type_id else None,
                "room_id": str(room.room_id) if room.room_id else None,
                "check_in": room.check_in.isoformat(),
                "check_out": room.check_out.isoformat(),
                "status": room.status,
                "amount": format_amount(room.amount, reservation.currency),
            }
            for room in reservation.rooms
        ],
        "link": f"/api/reservations/{reservation.id}",
    }


def _mapping(mapping: ReservationMapping) -> dict[str, Any]:
    return {
        "id": str(mapping.id),
        "qloapps_order_id": mapping.qloapps_order_id,
        "reference": mapping.reference,
        "generation": mapping.generation,
        "source": mapping.source,
        "channel": mapping.qloapps_channel,
        "status": mapping.status,
        "has_conflict": mapping.has_conflict,
        "last_synced_at": mapping.last_synced_at.isoformat() if mapping.last_synced_at else None,
    }


def _job(job: JobRow) -> dict[str, Any]:
    return {
        "job_id": str(job.id),
        "kind": job.kind,
        "status": str(job.status),
        "run_after": job.run_after.isoformat(),
        "last_error": job.last_error,
    }
