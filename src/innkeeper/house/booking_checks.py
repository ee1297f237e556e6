"""Checks a draft of a reservation before anything is locked or written, and names each field that is wrong."""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from innkeeper.domain.money import quantize
from innkeeper.domain.stay import MAX_NIGHTS, StayStatus
from innkeeper.house.checks import Errors
from innkeeper.house.model import MAX_PEOPLE, MAX_ROOMS, ReservationDraft, RoomDraft
from innkeeper.house.tables import Guest, Property, Reservation, ReservationRoom, RoomType

#: Older than this is not a child that needs to be counted as one.
OLDEST_CHILD = 17


def check(
    draft: ReservationDraft,
    house: Property,
    types: Mapping[UUID, RoomType],
    guest: Guest | None,
    before: Reservation | None,
    *,
    rules: bool,
) -> None:
    """Refuse a draft that no house could keep; with `rules`, also one that this house would not take at its desk.

    A booking from a channel is stored without `rules`: only what cannot be written at all is refused. Raises Invalid.
    """
    errors = Errors()
    if guest is None:
        errors.add("primary_guest.id", "There is no such guest in this property.")
    _check_storable(errors, draft, types)
    if rules:
        rows = {row.id: row for row in before.rooms} if before else {}
        for position, room in enumerate(draft.rooms):
            _check_room(errors, f"rooms[{position}]", room, types, rows.get(room.id) if room.id else None, house)
        _check_head(errors, draft, house, before)
    errors.raise_any()


def check_storable(draft: ReservationDraft, types: Mapping[UUID, RoomType]) -> None:
    """Refuse what no house could keep, whoever the guest is. Raises Invalid."""
    errors = Errors()
    _check_storable(errors, draft, types)
    errors.raise_any()


def _check_storable(errors: Errors, draft: ReservationDraft, types: Mapping[UUID, RoomType]) -> None:
    if not draft.rooms:
        errors.add("rooms", "A reservation has at least one room.")
    for position, room in enumerate(draft.rooms):
        field = f"rooms[{position}]"
        if room.stay.check_out <= room.stay.check_in:
            sentence = f"Departure {room.stay.check_out} must be after arrival {room.stay.check_in}."
            errors.add(f"{field}.check_out", sentence)
        if room.room_type_id is not None and room.room_type_id not in types:
            errors.add(f"{field}.room_type_id", "There is no such room type in this property.")


def _check_head(errors: Errors, draft: ReservationDraft, house: Property, before: Reservation | None) -> None:
    if len(draft.rooms) > MAX_ROOMS:
        errors.add("rooms", f"One reservation has at most {MAX_ROOMS} rooms; split the group.")
    kept_currency = before is not None and before.currency == draft.currency
    if draft.currency != house.currency and not kept_currency:
        errors.add("currency", f"This house takes bookings in {house.currency}, not in {draft.currency}.")
    for name, amount in (("total_amount", draft.total_amount), ("prepaid_amount", draft.prepaid_amount)):
        if amount is not None and amount < 0:
            errors.add(name, "An amount is not negative.")
        elif amount is not None and amount != quantize(amount, draft.currency):
            errors.add(name, f"This has more decimal places than {draft.currency} has.")
    errors.text("source", draft.source, 100)
    errors.text("channel", draft.channel, 100)
    errors.text("special_requests", draft.special_requests, 5000, lines=True)


def _check_room(
    errors: Errors,
    field: str,
    room: RoomDraft,
    types: Mapping[UUID, RoomType],
    before: ReservationRoom | None,
    house: Property,
) -> None:
    if room.status is StayStatus.CANCELLED and before is not None:
        return
    _check_dates(errors, field, room, before, house.business_date)
    _check_people(errors, field, room)
    if room.amount is not None and room.amount < 0:
        errors.add(f"{field}.amount", "An amount is not negative.")
    elif room.amount is not None and room.amount != quantize(room.amount, house.currency):
        errors.add(f"{field}.amount", f"This has more decimal places than {house.currency} has.")
    if room.room_type_id is None:
        if before is None or before.room_type_id is not None:
            errors.add(f"{field}.room_type_id", "Say which type of room is booked.")
        return
    room_type = types.get(room.room_type_id)
    if room_type is None:
        return
    same_type = before is not None and before.room_type_id == room_type.id
    if room_type.deleted_at is not None and not same_type:
        errors.add(f"{field}.room_type_id", f"{room_type.name} is no longer sold.")
    same_people = same_type and before is not None and (before.adults, before.children) == (room.adults, room.children)
    if not same_people and room.adults + room.children <= MAX_PEOPLE:
        _check_capacity(errors, field, room, room_type)


def _check_dates(errors: Errors, field: str, room: RoomDraft, before: ReservationRoom | None, today: date) -> None:
    if room.stay.nights > MAX_NIGHTS:
        sentence = f"{room.stay.nights} nights is more than the {MAX_NIGHTS} that one booking can have."
        errors.add(f"{field}.check_out", sentence)
    if before is None or before.check_out != room.stay.check_out:
        errors.horizon(f"{field}.check_out", room.stay.check_out, today)
    kept = before is not None and before.check_in == room.stay.check_in
    if room.stay.check_in < today and not kept:
        errors.add(f"{field}.check_in", f"Arrival {room.stay.check_in} is past; the business date is {today}.")


def _check_people(errors: Errors, field: str, room: RoomDraft) -> None:
    if room.adults < 1:
        errors.add(f"{field}.adults", "At least one adult stays in each room.")
    if room.children < 0:
        errors.add(f"{field}.children", "The number of children is not negative.")
    if room.adults + room.children > MAX_PEOPLE:
        errors.add(f"{field}.adults", f"{room.adults + room.children} people do not fit into one room; add rooms.")
    if room.child_ages and len(room.child_ages) != room.children:
        sentence = f"{len(room.child_ages)} ages are given for {room.children} children; give one each, or none."
        errors.add(f"{field}.child_ages", sentence)
    if any(not 0 <= age <= OLDEST_CHILD for age in room.child_ages):
        errors.add(f"{field}.child_ages", f"A child is 0 to {OLDEST_CHILD} years old; count others as adults.")


def _check_capacity(errors: Errors, field: str, room: RoomDraft, room_type: RoomType) -> None:
    if room.adults > room_type.max_adult:
        sentence = f"{room_type.name} takes {room_type.max_adult} adults; book a larger type or more rooms."
        errors.add(f"{field}.adults", sentence)
    elif room.adults + room.children > room_type.max_people:
        sentence = f"{room_type.name} takes {room_type.max_people} people; book a larger type or more rooms."
        errors.add(f"{field}.{'children' if room.children else 'adults'}", sentence)
    elif room.children > room_type.max_children:
        sentence = f"{room_type.name} takes {room_type.max_children} children; book another type or more rooms."
        errors.add(f"{field}.children", sentence)
