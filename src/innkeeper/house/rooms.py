"""Keeps room types, rooms with their key cards, and maintenance; says which nights a change makes short."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.domain.business_day import utc_now
from innkeeper.domain.errors import Conflict, FieldError, Invalid, NotFound
from innkeeper.domain.ids import new_id
from innkeeper.domain.money import quantize
from innkeeper.house import availability, events, overbooking, properties, reservation_repository, room_repository
from innkeeper.house.booking import assign
from innkeeper.house.checks import Errors
from innkeeper.house.rates import listed
from innkeeper.house.tables import Maintenance, Property, Room, RoomType
from innkeeper.storage.database import Tx

MAX_ROOMS_OF_TYPE = 1000
_ALWAYS = date.max


async def room_type(session: AsyncSession, property_id: UUID, room_type_id: UUID, *, lock: bool = False) -> RoomType:
    """Return a room type that is sold. Raises NotFound."""
    found = (await room_repository.room_types(session, property_id, [room_type_id], lock=lock)).get(room_type_id)
    if found is None or found.deleted_at is not None:
        raise NotFound(f"There is no room type {room_type_id}.")
    return found


async def room(session: AsyncSession, property_id: UUID, room_id: UUID) -> Room:
    """Return a room. Raises NotFound."""
    found = (await room_repository.rooms(session, property_id, [room_id])).get(room_id)
    if found is None or found.deleted_at is not None:
        raise NotFound(f"There is no room {room_id}.")
    return found


async def create_room_type(
    tx: Tx, property_id: UUID, values: Mapping[str, Any], *, rooms: int = 0, origin: str = "house"
) -> RoomType:
    """Add a room type with these columns, and `rooms` rooms of it under numbers that are free.

    Raises Invalid, Conflict (`NAME_TAKEN`).
    """
    house = await properties.get(tx.session, property_id)
    kind = RoomType(id=new_id(), property_id=property_id, **values)
    _check_type(kind, house)
    if not 0 <= rooms <= MAX_ROOMS_OF_TYPE:
        raise Invalid.field("qty", f"A type has 0 to {MAX_ROOMS_OF_TYPE} rooms.")
    tx.session.add(kind)
    await _flush(tx, "NAME_TAKEN", f"There is a room type {kind.name} already.", "name")
    if rooms:
        numbers = _free_numbers(await room_repository.room_numbers(tx.session, property_id), rooms)
        tx.session.add_all(
            Room(id=new_id(), property_id=property_id, room_type_id=kind.id, number=number) for number in numbers
        )
    await _announce(tx, kind, origin, {"created"})
    return kind


async def update_room_type(
    tx: Tx, property_id: UUID, room_type_id: UUID, values: Mapping[str, Any], *, origin: str = "house"
) -> RoomType:
    """Set these columns. Raises NotFound, Invalid, Conflict (`NAME_TAKEN`)."""
    house = await properties.get(tx.session, property_id)
    kind = await room_type(tx.session, property_id, room_type_id, lock=True)
    changed = assign(kind, dict(values))
    if changed:
        _check_type(kind, house)
        await _flush(tx, "NAME_TAKEN", f"There is a room type {kind.name} already.", "name")
        await _announce(tx, kind, origin, changed)
    return kind


async def delete_room_type(tx: Tx, property_id: UUID, room_type_id: UUID) -> None:
    """Take a type and its rooms out of sale; past bookings keep it. Raises NotFound, Conflict (`IN_USE`)."""
    house = await properties.get(tx.session, property_id)
    kind = await room_type(tx.session, property_id, room_type_id, lock=True)
    if await reservation_repository.holds_room_type(tx.session, room_type_id, house.business_date):
        raise Conflict(
            f"Reservations hold {kind.name}.",
            code="IN_USE",
            action="Move these reservations to another type or cancel them first.",
        )
    kind.deleted_at = utc_now()
    await room_repository.retire_rooms(tx.session, room_type_id, kind.deleted_at)
    await _announce(tx, kind, "house", {"deleted"})


async def create_room(
    tx: Tx, property_id: UUID, room_type_id: UUID, number: str, key_cards: Collection[str] = ()
) -> Room:
    """Add a room. Raises Invalid, Conflict (`NUMBER_TAKEN`, `CARD_IN_USE`)."""
    house = await properties.get(tx.session, property_id)
    kind = await _named_type(tx.session, property_id, room_type_id)
    added = Room(id=new_id(), property_id=property_id, room_type_id=kind.id, number=_checked_number(number))
    tx.session.add(added)
    await _flush(tx, "NUMBER_TAKEN", f"There is a room {added.number} already.", "number")
    await _give_cards(tx, added, key_cards)
    await overbooking.settle(tx, house, {kind.id}, house.business_date, _ALWAYS, origin="house")
    await _announce(tx, kind, "house", {"rooms"})
    return added


async def update_room(tx: Tx, property_id: UUID, room_id: UUID, values: Mapping[str, Any]) -> Room:
    """Set number, type or key cards. Raises NotFound, Invalid, Conflict.

    A room that a stay holds, or that its old type cannot spare, keeps its type (`IN_USE`, `NOT_AVAILABLE`).
    """
    house = await properties.get(tx.session, property_id)
    changing = await room(tx.session, property_id, room_id)
    old_id, new_id_ = changing.room_type_id, values.get("room_type_id", changing.room_type_id)
    kinds = await room_repository.room_types(tx.session, property_id, {old_id, new_id_}, lock=True)
    if new_id_ not in kinds or kinds[new_id_].deleted_at is not None:
        raise Invalid.field("room_type_id", "There is no such room type in this property.")
    number = _checked_number(values["number"]) if "number" in values else changing.number
    changed = assign(changing, {"number": number, "room_type_id": new_id_})
    if "room_type_id" in changed:
        await _must_be_unused(tx, house, changing)
        await room_repository.move_maintenance(tx.session, room_id, new_id_)
    await _flush(tx, "NUMBER_TAKEN", f"There is a room {number} already.", "number")
    if "key_cards" in values:
        await _give_cards(tx, changing, values["key_cards"])
    if "room_type_id" in changed:
        await _must_be_enough(tx, house, old_id)
        await overbooking.settle(tx, house, {new_id_}, house.business_date, _ALWAYS, origin="house")
        await _announce(tx, kinds[old_id], "house", {"rooms"})
    if changed:
        await _announce(tx, kinds[new_id_], "house", {"rooms"})
    return changing


async def delete_room(tx: Tx, property_id: UUID, room_id: UUID) -> None:
    """Take a room away. Raises NotFound, Conflict (`IN_USE`, `NOT_AVAILABLE`) when reservations need it."""
    house = await properties.get(tx.session, property_id)
    going = await room(tx.session, property_id, room_id)
    kind = (await room_repository.room_types(tx.session, property_id, [going.room_type_id], lock=True))[
        going.room_type_id
    ]
    await _must_be_unused(tx, house, going)
    await room_repository.remove_from_room(tx.session, room_id)
    going.deleted_at = utc_now()
    await tx.session.flush()
    await _must_be_enough(tx, house, kind.id)
    await _announce(tx, kind, "house", {"rooms"})


async def add_maintenance(
    tx: Tx,
    property_id: UUID,
    *,
    start: date,
    end: date,
    room_id: UUID | None = None,
    room_type_id: UUID | None = None,
    units: int | None = None,
    reason: str = "",
) -> tuple[Maintenance, list[date]]:
    """Close one room, or a number of units of a type, for the nights from `start` to `end` (exclusive).

    Never refused for want of rooms: a burst pipe asks nobody. Returns the nights that are now short as well; the
    bookings that lack a room on them are marked overbooked. Raises Invalid.
    """
    house = await properties.get(tx.session, property_id)
    errors = Errors()
    if (room_id is None) == (room_type_id is None or units is None):
        errors.add("room_id", "Name one room, or a room type with the number of units.")
    if end <= start:
        errors.add("end", f"The end {end} must be after the start {start}; the night of the end is open again.")
    errors.horizon("end", end, house.business_date)
    errors.text("reason", reason, 500)
    errors.raise_any()
    if room_id is not None:
        closed = (await room_repository.rooms(tx.session, property_id, [room_id])).get(room_id)
        if closed is None or closed.deleted_at is not None:
            raise Invalid.field("room_id", "There is no such room in this property.")
        room_type_id, units = closed.room_type_id, None
    assert room_type_id is not None  # noqa: S101
    kind = await _named_type(tx.session, property_id, room_type_id)
    there = (await room_repository.room_counts(tx.session, [kind.id])).get(kind.id, 0)
    if units is not None and not 1 <= units <= there:
        raise Invalid.field("units", f"{kind.name} has {there} rooms; close 1 to {there} of them.")
    work = Maintenance(
        id=new_id(),
        property_id=property_id,
        room_type_id=kind.id,
        room_id=room_id,
        units=units,
        start=start,
        end=end,
        reason=reason,
    )
    tx.session.add(work)
    await tx.session.flush()
    short = await _short_nights(tx, house, kind.id, start, end)
    if short:
        await overbooking.settle(tx, house, {kind.id}, start, end, origin="house", lost=True)
    await _announce(tx, kind, "house", {"maintenance"}, start, end)
    return work, short


async def end_maintenance(tx: Tx, property_id: UUID, maintenance_id: UUID) -> None:
    """Open the rooms again. Raises NotFound."""
    house = await properties.get(tx.session, property_id)
    work = await room_repository.maintenance(tx.session, property_id, maintenance_id)
    if work is None:
        raise NotFound(f"There is no maintenance {maintenance_id}.")
    kinds = await room_repository.room_types(tx.session, property_id, [work.room_type_id], lock=True)
    await tx.session.delete(work)
    await tx.session.flush()
    await overbooking.settle(tx, house, {work.room_type_id}, work.start, work.end, origin="house")
    await _announce(tx, kinds[work.room_type_id], "house", {"maintenance"}, work.start, work.end)


def _check_type(kind: RoomType, house: Property) -> None:
    errors = Errors()
    errors.text("name", kind.name, 200, needed=True)
    errors.text("room_type", kind.room_type, 50)
    errors.text("description", kind.description, 20000, lines=True)
    errors.text("beds24_room_id", kind.beds24_room_id, 50)
    if kind.price_per_night < 0:
        errors.add("price_per_night", "A price is not negative.")
    elif kind.price_per_night != quantize(kind.price_per_night, house.currency):
        errors.add("price_per_night", f"This has more decimal places than {house.currency} has.")
    if not 1 <= kind.max_people <= 30:
        errors.add("max_people", "A room takes 1 to 30 people.")
    if not 1 <= kind.max_adult <= kind.max_people:
        errors.add("max_adult", f"At least 1 and at most the {kind.max_people} people that fit.")
    if not 0 <= (kind.max_children or 0) <= kind.max_people:
        errors.add("max_children", f"From 0 to the {kind.max_people} people that fit.")
    shortest, longest = kind.min_stay or 1, kind.max_stay or 0
    if shortest < 1 or shortest > 730:
        errors.add("min_stay", "A stay is at least 1 night and at most 730.")
    if longest < 0 or longest > 730 or 0 < longest < shortest:
        errors.add("max_stay", "Not fewer nights than the minimum stay and at most 730; 0 for no limit.")
    errors.raise_any()


def _checked_number(number: str) -> str:
    number = " ".join(number.split())
    errors = Errors()
    errors.room_number("number", number)
    errors.raise_any()
    return number


def _free_numbers(taken: set[str], wanted: int) -> Sequence[str]:
    """Return numbers of the first floor that has so many free in a row, as hotels count: 101, 102, … 201, …"""
    for floor in count(1):
        numbers = [str(floor * 100 + n) for n in range(1, wanted + 1)]
        if taken.isdisjoint(numbers):
            return numbers
    raise AssertionError("there is always another floor")


async def _named_type(session: AsyncSession, property_id: UUID, room_type_id: UUID) -> RoomType:
    kind = (await room_repository.room_types(session, property_id, [room_type_id], lock=True)).get(room_type_id)
    if kind is None or kind.deleted_at is not None:
        raise Invalid.field("room_type_id", "There is no such room type in this property.")
    return kind


async def _give_cards(tx: Tx, owner: Room, cards: Collection[str]) -> None:
    wanted = list(dict.fromkeys(card.strip() for card in cards))
    errors = Errors()
    for position, card in enumerate(wanted):
        errors.text(f"key_cards[{position}]", card, 100, needed=True)
    errors.raise_any()
    for card, number in await room_repository.cards_of_others(tx.session, owner.property_id, wanted, owner.id):
        raise Conflict(
            f"Key card {card} opens room {number}.",
            code="CARD_IN_USE",
            action=f"Take the card from room {number} first.",
            errors=[FieldError("key_cards", f"{card} opens room {number}.")],
        )
    await room_repository.set_cards(tx.session, owner.property_id, owner.id, wanted)


async def _must_be_unused(tx: Tx, house: Property, going: Room) -> None:
    if await room_repository.room_in_use(tx.session, going.id, house.business_date):
        raise Conflict(
            f"Room {going.number} is given to a stay.",
            code="IN_USE",
            action="Move that stay to another room first.",
        )


async def _must_be_enough(tx: Tx, house: Property, room_type_id: UUID) -> None:
    short = await _short_nights(tx, house, room_type_id, house.business_date, _ALWAYS)
    if short:
        raise Conflict(
            f"Without this room its type is short on {listed(short)}.",
            code="NOT_AVAILABLE",
            action="Move reservations of these nights to another type first.",
        )


async def _short_nights(tx: Tx, house: Property, room_type_id: UUID, start: date, end: date) -> list[date]:
    start = max(start, house.business_date)
    if start >= end:
        return []
    return await availability.short_nights(tx.session, room_type_id, start, end)


async def _flush(tx: Tx, code: str, sentence: str, field: str) -> None:
    try:
        await tx.session.flush()
    except IntegrityError:
        raise Conflict(
            sentence, code=code, action="Choose another one.", errors=[FieldError(field, sentence)]
        ) from None


async def _announce(
    tx: Tx, kind: RoomType, origin: str, changed: Collection[str], start: date | None = None, end: date | None = None
) -> None:
    await events.announce(
        tx,
        events.ROOM_TYPE_UPDATED,
        kind.property_id,
        kind.id,
        origin=origin,
        changed=changed,
        room_type_ids=[kind.id],
        start=start,
        end=end,
    )
