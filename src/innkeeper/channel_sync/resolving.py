"""Settles what a person decided about a conflict: each fact becomes ours, theirs or a third value on both sides."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from innkeeper.channel_sync import attention, repository
from innkeeper.channel_sync.tables import ReservationMapping, SyncLog
from innkeeper.channel_sync.work import queue_push
from innkeeper.domain.errors import Conflict, FieldError, Invalid, NotFound
from innkeeper.domain.quoting import quoted
from innkeeper.domain.stay import Stay, StayStatus
from innkeeper.house import reservations
from innkeeper.house.model import RoomDraft
from innkeeper.house.tables import Reservation
from innkeeper.storage.database import Tx

LOCAL, QLOAPPS = "local", "qloapps"


async def resolve(
    tx: Tx, property_id: UUID, mapping_id: UUID, decisions: Mapping[str, Any], by: str
) -> ReservationMapping:
    """Settle the named facts; facts that are not named stay open. The push that tells QloApps is queued.

    A decision is `local`, `qloapps`, or the value itself in the form in which the conflict shows it. Raises NotFound,
    Conflict when nothing is open, Invalid naming what is not a fact in conflict or not a value for it.
    """
    mapping = await repository.conflict(tx.session, property_id, mapping_id, lock=True)
    if mapping is None:
        raise NotFound("There is no such conflict.")
    if not mapping.has_conflict or not mapping.conflict_data:
        raise Conflict("This conflict is settled already.", code="NO_CONFLICT", action="Nothing is left to decide.")
    reservation = await reservations.load(tx.session, property_id, mapping.local_reservation_id)
    if reservation is None:
        raise NotFound("The reservation of this conflict is gone.")
    facts = {fact["field"]: fact for fact in mapping.conflict_data["fields"]}
    chosen = {_path_of(name, facts): decision for name, decision in decisions.items()}
    if not chosen:
        raise Invalid("Say for at least one field who is right.", errors=[FieldError("field", "No field was decided.")])
    values = {path: _value(facts[path], decision) for path, decision in chosen.items()}
    await _write_here(tx, property_id, reservation, mapping, values)
    _remember(mapping, facts, values)
    left = [fact for path, fact in facts.items() if path not in chosen]
    mapping.has_conflict = bool(left)
    mapping.conflict_data = {**mapping.conflict_data, "fields": left} if left else None
    if not left:
        await attention.close_cause(tx, property_id, "conflict", str(reservation.id), by=by)
    tx.session.add(_log(property_id, mapping, chosen, facts, by))
    await queue_push(tx, property_id, reservation.id)
    return mapping


def conflict_document(mapping: ReservationMapping, confirmation: str) -> dict[str, Any]:
    """Return a conflict as the API shows it: both values of each fact, and what was agreed before."""
    data = mapping.conflict_data or {}
    return {
        "id": str(mapping.id),
        "reservation_id": str(mapping.local_reservation_id),
        "confirmation": confirmation,
        "qloapps_order_id": mapping.qloapps_order_id,
        "owner": "house" if mapping.source == "local" else mapping.qloapps_channel or "QloApps",
        "opened_at": data.get("at"),
        "local_changed_at": mapping.last_local_update.isoformat() if mapping.last_local_update else None,
        "qloapps_changed_at": data.get("theirs_at"),
        "fields": [
            {**fact, "name": fact["field"].rsplit(".", 1)[-1], "room": fact["field"].split(".")[1]}
            if "." in fact["field"]
            else {**fact, "name": fact["field"], "room": None}
            for fact in data.get("fields", [])
        ],
    }


def _path_of(name: str, facts: Mapping[str, Any]) -> str:
    """Return the fact that is meant by its path or, where that is unambiguous, by its last word."""
    if name in facts:
        return name
    meant = [path for path in facts if path.rsplit(".", 1)[-1] == name]
    if len(meant) == 1:
        return meant[0]
    raise Invalid.field(name, f"{quoted(name)} is not one fact in conflict; choose of {', '.join(facts)}.")


def _value(fact: Mapping[str, Any], decision: Any) -> Any:
    if decision == LOCAL:
        return fact["local"]
    return fact["qloapps"] if decision == QLOAPPS else decision


async def _write_here(
    tx: Tx, property_id: UUID, reservation: Reservation, mapping: ReservationMapping, values: Mapping[str, Any]
) -> None:
    types = {
        m.qloapps_product_id: m.local_room_type_id for m in await repository.room_type_mappings(tx.session, property_id)
    }
    draft = reservations.draft_of(reservation)
    rooms = {str(room.id): room for room in draft.rooms}
    for path, value in values.items():
        parts = path.split(".")
        if len(parts) < 3 or parts[1] not in rooms:
            raise Invalid.field(path, "This fact cannot be set any more; the room is not part of the reservation.")
        rooms[parts[1]] = _with(rooms[parts[1]], parts[2], value, path, types)
    changed = replace(draft, rooms=tuple(rooms.values()), total_amount=None)
    if changed.rooms != draft.rooms:
        await reservations.change(tx, property_id, reservation.id, changed, force=True)


def _with(room: RoomDraft, name: str, value: Any, path: str, types: Mapping[int, UUID]) -> RoomDraft:
    """Return the room with one fact set to a value in the form that conflicts show."""
    try:
        if name == "stay":
            check_in, check_out = value
            return replace(room, stay=Stay.checked(date.fromisoformat(check_in), date.fromisoformat(check_out)))
        if name == "people":
            adults, children, ages = value
            return replace(room, adults=int(adults), children=int(children), child_ages=tuple(int(a) for a in ages))
        if name == "amount":
            return replace(room, amount=Decimal(value))
        if name == "status":
            return replace(room, status=StayStatus(value))
        if name == "type":
            return replace(room, room_type_id=types[int(value)])
        if name == "held":
            return room if value else replace(room, status=StayStatus.CANCELLED)
    except (ValueError, TypeError, KeyError, InvalidOperation):
        raise Invalid.field(
            path, f"{quoted(value)} is not a value for it; write it as the conflict shows it."
        ) from None
    raise Invalid.field(path, "This fact cannot be decided on its own.")


def _remember(mapping: ReservationMapping, facts: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Let what QloApps must still be told differ from what is agreed, and nothing else."""
    agreed = dict(mapping.agreed_local or {})
    rooms = {key: dict(room) for key, room in agreed.get("rooms", {}).items()}
    for path in values:
        _, key, name = path.split(".")
        if key in rooms and name in rooms[key]:
            rooms[key][name] = facts[path]["qloapps"]
    agreed["rooms"] = rooms
    mapping.agreed_local = agreed


def _log(
    property_id: UUID, mapping: ReservationMapping, chosen: Mapping[str, Any], facts: Mapping[str, Any], by: str
) -> SyncLog:
    return SyncLog(
        property_id=property_id,
        sync_type="qloapps_full_sync",
        direction="outbound",
        entity_type="reservation",
        local_entity_id=mapping.local_reservation_id,
        qloapps_entity_id=mapping.qloapps_order_id,
        operation="conflict",
        success=True,
        request_data={"decisions": dict(chosen), "by": by},
        response_data={"facts": [facts[path] for path in chosen]},
    )
