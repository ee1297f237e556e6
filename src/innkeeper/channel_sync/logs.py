"""Rows of the synchronisation log: what was read or sent, what was decided, and the guest apart from it."""

from time import perf_counter
from typing import Any
from uuid import UUID

from innkeeper.channel_sync.conflicts import FieldConflict, Merge
from innkeeper.channel_sync.messages import booking_document, customer_document
from innkeeper.channel_sync.tables import CustomerMapping, SyncLog
from innkeeper.domain.channel import BookingDraft, ChannelBlock, ChannelBooking
from innkeeper.domain.money import format_amount


def milliseconds_since(begun: float) -> int:
    """Return how long it is since a reading of `perf_counter`."""
    return round((perf_counter() - begun) * 1000)


def conflict_document(conflict: FieldConflict) -> dict[str, Any]:
    """Return the conflict as mapping and log keep it."""
    return {
        "field": conflict.path,
        "before": conflict.before,
        "local": conflict.ours,
        "qloapps": conflict.theirs,
        "reason": conflict.reason,
    }


def decisions(outcome: Merge) -> dict[str, Any]:
    """Return which facts were taken, and who won those that both sides changed."""
    return {
        "taken": list(outcome.taken),
        "conflicts": [{**conflict_document(c), "winner": c.winner} for c in outcome.conflicts],
    }


def guest_decision(mapping: CustomerMapping | None) -> dict[str, Any]:
    """Return who the guest of a booking is, found how and how surely; nothing of the guest himself."""
    if mapping is None:
        return {}
    return {
        "guest": {
            "customer_id": mapping.qloapps_customer_id,
            "method": mapping.match_method,
            "score": f"{mapping.confidence_score:.2f}",
            "reasons": list(mapping.reasons),
        }
    }


def inbound_log(
    property_id: UUID,
    booking: ChannelBooking,
    local_id: UUID | None,
    operation: str,
    sync_state_id: UUID | None,
    *,
    milliseconds: int,
    error: str | None = None,
    with_guest: bool = True,
) -> dict[str, Any]:
    """Return the columns for one booking that was read and took so long to store; with `error` it is a failure.

    `with_guest` is false for one whose data were erased.
    """
    personal = {"personal": customer_document(booking.customer)} if booking.customer and with_guest else {}
    return {
        **personal,
        "property_id": property_id,
        "sync_state_id": sync_state_id,
        "sync_type": "qloapps_reservations_inbound",
        "direction": "inbound",
        "entity_type": "reservation",
        "local_entity_id": local_id,
        "qloapps_entity_id": booking.order_id,
        "operation": operation,
        "success": error is None,
        "request_data": booking_document(booking),
        "error_message": error,
        "duration_ms": milliseconds,
    }


def outbound_log(
    property_id: UUID,
    reservation_id: UUID,
    order_id: int | None,
    operation: str,
    draft: BookingDraft | None,
    answer: dict[str, Any],
    *,
    sync_state_id: UUID | None,
    milliseconds: int,
    error: str | None = None,
) -> SyncLog:
    """Return the row for one reservation that was sent; with `error` it is a failure."""
    return SyncLog(
        property_id=property_id,
        sync_state_id=sync_state_id,
        sync_type="qloapps_reservations_outbound",
        direction="outbound",
        entity_type="reservation",
        local_entity_id=reservation_id,
        qloapps_entity_id=order_id,
        operation=operation,
        success=error is None,
        request_data=draft_document(draft) if draft else None,
        response_data=answer,
        error_message=error,
        duration_ms=milliseconds,
    )


def block_log(
    property_id: UUID,
    room_type_id: UUID | None,
    operation: str,
    block: ChannelBlock,
    sync_state_id: UUID | None,
    milliseconds: int,
) -> SyncLog:
    """Return the row for one block that was made, changed or released."""
    return SyncLog(
        property_id=property_id,
        sync_state_id=sync_state_id,
        sync_type="qloapps_availability_outbound",
        direction="outbound",
        entity_type="block",
        local_entity_id=room_type_id,
        qloapps_entity_id=int(block.block_id.partition(":")[2]),
        operation=operation,
        success=True,
        request_data={
            "room_type_id": block.room_type_id,
            "room_id": block.room_id,
            "check_in": block.stay.check_in.isoformat(),
            "check_out": block.stay.check_out.isoformat(),
        },
        duration_ms=milliseconds,
    )


def draft_document(draft: BookingDraft) -> dict[str, Any]:
    """Return what was sent, without the guest."""
    return {
        "reference": draft.reference,
        "currency": draft.currency,
        "lines": [
            {
                "room_type_id": line.room_type_id,
                "check_in": line.stay.check_in.isoformat(),
                "check_out": line.stay.check_out.isoformat(),
                "adults": line.adults,
                "children": line.children,
                "status": str(line.status),
                "gross": format_amount(line.gross, draft.currency),
            }
            for line in draft.lines
        ],
    }
