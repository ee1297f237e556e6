"""Turns a comparable state into what a side is asked for: the house's draft and the broker's draft."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from innkeeper.channel_sync.states import State
from innkeeper.domain.channel import BookingDraft, ChannelBooking, DraftGuest, DraftLine
from innkeeper.domain.stay import Stay, StayStatus
from innkeeper.house.model import ReservationDraft, RoomDraft
from innkeeper.house.tables import Guest, Reservation, ReservationRoom

#: Names of channels as the house's reservations show their source.
DIRECT, THROUGH_BROKER = "Direct", "QloApps"

#: Marks that the house works out for itself and that a draft must not carry.
HOUSE_FLAGS = frozenset({"overbooked", "unmapped"})


def is_existing(key: str) -> bool:
    """Whether a room's key is the id of a room that the reservation has; new lines have keys of their own."""
    return not key.startswith("line-")


def new_key(line_id: int) -> str:
    """Return the key of a line that stands for no room of ours yet."""
    return f"line-{line_id}"


def source_of(booking: ChannelBooking) -> str:
    """Return the source as the house shows it (the plan's mapSourceFromQloApps)."""
    if booking.channel:
        return booking.channel
    return DIRECT if booking.source == "webservice" else THROUGH_BROKER


def house_draft(
    state: State,
    booking: ChannelBooking,
    guest_id: UUID,
    types: Mapping[int, UUID],
    reservation: Reservation | None,
    products: Mapping[UUID, int],
) -> ReservationDraft:
    """Return the reservation as `state` says it shall be; what the state does not speak of stays as it is.

    `types` gives a room of theirs its type here; `products` says which of theirs a room of ours stands for already.
    """
    names = {line.room_type_id: line.room_type_name for line in booking.lines}
    known = {str(room.id): room for room in reservation.rooms} if reservation else {}
    rooms = tuple(
        _room_draft(key, room, known.get(key), types, products, names, cancelled=state.cancelled)
        for key, room in state.rooms.items()
    )
    extras = booking.total_gross - sum((line.gross for line in booking.lines), Decimal(0))
    total = sum((Decimal(room["amount"]) for room in state.rooms.values()), Decimal(0)) + max(extras, Decimal(0))
    if reservation is None:
        return ReservationDraft(
            guest_id=guest_id,
            currency=booking.currency,
            rooms=rooms,
            total_amount=booking.total_gross if booking.total_gross > 0 else total,
            prepaid_amount=booking.paid,
            source=source_of(booking),
            channel=booking.channel,
            booked_at=booking.booked_at,
        )
    return ReservationDraft(
        guest_id=reservation.primary_guest_id,
        currency=reservation.currency,
        rooms=rooms,
        total_amount=total,
        prepaid_amount=max(booking.paid, Decimal(0)),
        source=reservation.source,
        channel=reservation.channel,
        special_requests=reservation.special_requests,
        services=tuple(reservation.services),
        flags=frozenset(reservation.flags) - HOUSE_FLAGS,
        booked_at=reservation.booked_at,
    )


def _room_draft(
    key: str,
    room: Mapping[str, Any],
    known: ReservationRoom | None,
    types: Mapping[int, UUID],
    products: Mapping[UUID, int],
    names: Mapping[int, str],
    *,
    cancelled: bool,
) -> RoomDraft:
    stay = stay_of(room)
    kind = room["type"]
    room_type_id = types.get(kind) if isinstance(kind, int) else _local_type(kind)
    if room_type_id is None and known is not None and known.room_type_id is not None:
        # a mapping that only sends gives no type, and takes none away
        stands_for_it = isinstance(kind, str) or products.get(known.room_type_id) == kind
        room_type_id = known.room_type_id if stands_for_it else None
    same_room = (
        known is not None
        and known.room_type_id == room_type_id
        and known.check_in <= stay.check_in
        and stay.check_out <= known.check_out
    )
    adults, children, ages = room["people"]
    return RoomDraft(
        id=UUID(key) if is_existing(key) else None,
        room_type_id=room_type_id,
        label=names.get(kind, known.room_type_label if known else "") if isinstance(kind, int) else "",
        room_id=known.room_id if known is not None and same_room else None,
        stay=stay,
        adults=adults,
        children=children,
        child_ages=tuple(ages),
        amount=Decimal(room["amount"]),
        status=StayStatus.CANCELLED if cancelled else StayStatus(room["status"]),
    )


def _local_type(kind: str) -> UUID | None:
    text = kind.removeprefix("local:")
    return None if text == "None" else UUID(text)


def stay_of(room: Mapping[str, Any]) -> Stay:
    """Return the stay of a room of a state."""
    check_in, check_out = room["stay"]
    return Stay(date.fromisoformat(check_in), date.fromisoformat(check_out))


def booking_draft(
    state: State, reservation: Reservation, guest: Guest, reference: str, customer_id: int | None
) -> BookingDraft:
    """Return the booking as the broker shall have it. Every type in `state` must be one of the broker's."""
    return BookingDraft(
        reference=reference,
        currency=reservation.currency,
        guest=DraftGuest(guest.first_name, guest.last_name, guest.email, guest.phone, customer_id),
        lines=tuple(
            DraftLine(
                key=key,
                room_type_id=int(room["type"]),
                stay=stay_of(room),
                adults=room["people"][0],
                children=room["people"][1],
                child_ages=tuple(room["people"][2]),
                status=StayStatus(room["status"]),
                gross=Decimal(room["amount"]),
                line_id=room.get("line"),
            )
            for key, room in state.rooms.items()
        ),
        remark=reservation.special_requests,
    )
