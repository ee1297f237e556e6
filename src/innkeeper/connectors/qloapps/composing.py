"""Composes what is sent to QloApps' bookings from our own data, never from what it answered; pure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from innkeeper.connectors.qloapps.facts import ShopFacts
from innkeeper.connectors.qloapps.pricing import net_of, price_to_send
from innkeeper.connectors.qloapps.wire import RoomGroupOut, RoomOut, ServiceItem, ServiceOut
from innkeeper.domain.channel import ChannelLine, DraftLine
from innkeeper.domain.stay import Stay

_NUDGE = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Room:
    """One room that a booking shall have after a PUT.

    `line` is the line that stands for it already and is kept, None for a room to be added. `net` is the price of the
    stay without tax, None to leave it; `factor` corrects a price that came back wrong before.
    """

    room_type_id: int
    stay: Stay
    adults: int
    children: int
    child_ages: tuple[int, ...]
    net: Decimal | None
    line: ChannelLine | None = None
    services: tuple[ServiceOut, ...] = ()
    factor: Decimal = Decimal(1)


def new_room(line: DraftLine, tax_rate: Decimal) -> Room:
    """Return the room of a draft line."""
    ages = line.child_ages if len(line.child_ages) == line.children else _ages(line)
    return Room(line.room_type_id, line.stay, line.adults, line.children, ages, net_of(line.gross, tax_rate))


def kept_room(line: ChannelLine, net: Decimal | None, services: tuple[ServiceOut, ...]) -> Room:
    """Return the room of a line that stays as it is, but for its price when `net` is given."""
    return Room(line.room_type_id, line.stay, line.adults, line.children, line.child_ages, net, line, services)


def _ages(line: DraftLine) -> tuple[int, ...]:
    """Return an age for each child: without ages QloApps books no children at all [119]."""
    return (line.child_ages + (0,) * line.children)[: line.children]


def groups_for_post(rooms: Sequence[Room], facts: ShopFacts) -> tuple[RoomGroupOut, ...]:
    """Return the rooms of a booking that is made. Tax group 0 means the type's own and raises no PHP warning."""
    return _groups(rooms, facts, 0)


def groups_for_put(rooms: Sequence[Room], facts: ShopFacts) -> tuple[RoomGroupOut, ...]:
    """Return the rooms of a booking that is replaced. Without a tax key QloApps applies the type's own tax.

    Both keys do harm here: a group is refused when 0, breaks the invoice's tax on 1.7.0 and makes the tax drift on the
    snapshot; an amount leaves a new tax group in the shop each time. The price of leaving them out is a PHP warning,
    which a strict server answers with 500 after the work (POLICY: PHP_WARNING).
    """
    return _groups(rooms, facts, None)


def _groups(rooms: Sequence[Room], facts: ShopFacts, tax_group_id: int | None) -> tuple[RoomGroupOut, ...]:
    """Return one group for each type and stay: of two alike QloApps refuses the rooms."""
    by_key: dict[tuple[int, Stay], list[Room]] = defaultdict(list)
    for room in rooms:
        by_key[room.room_type_id, room.stay].append(room)
    return tuple(
        RoomGroupOut(
            room_type_id,
            stay.check_in.isoformat(),
            stay.check_out.isoformat(),
            tuple(_room_out(room, facts, tax_group_id) for room in _in_order(some)),
        )
        for (room_type_id, stay), some in by_key.items()
    )


def _in_order(rooms: Sequence[Room]) -> list[Room]:
    """Return kept rooms by line, then fillers, then new rooms: only a room that is named may stand first.

    Two lines alike in the same room (one released, one booked again) have one name. QloApps counts both and applies
    what the name says to the later one; the earlier is a filler that only makes up the number.
    """
    kept = sorted((room for room in rooms if room.line), key=lambda room: room.line.line_id if room.line else 0)
    last = {room.line.room_id: room for room in kept if room.line}
    named = [room for room in kept if room.line and last[room.line.room_id] is room]
    fillers = [replace(room, line=None, net=None, services=()) for room in kept if room not in named]
    return [*named, *fillers, *(room for room in rooms if room.line is None)]


def _room_out(room: Room, facts: ShopFacts, tax_group_id: int | None) -> RoomOut:
    return RoomOut(
        room.adults,
        room.children,
        room.child_ages,
        None if room.net is None else float(_price(room, room.net, facts)),
        tax_group_id,
        room.line.room_id if room.line else None,
        room.services,
    )


def _price(room: Room, net: Decimal, facts: ShopFacts) -> Decimal:
    nights = room.stay.nights
    forgets = facts.forgets_last_night(room.stay)
    price = price_to_send(net, nights, price_fault=facts.price_fault, forgets_last=forgets) * room.factor
    price = price.quantize(_NUDGE)  # more than nine digits are no price to QloApps and answered 500
    # a PUT whose price happens to equal the old one per night is taken for no change and skipped
    if room.line is not None and nights and abs(price - room.line.net / nights) < _NUDGE:
        return price + _NUDGE
    return price


def repeated(services: Sequence[ServiceItem], existing: frozenset[int], *, exact: bool) -> tuple[ServiceOut, ...]:
    """Return a line's services to send again, since a PUT drops those that it does not name [254] [255].

    `existing` are the services that the shop still has; others were made for one booking and are sent by name.
    `exact` keeps the amounts as they are, otherwise QloApps prices them for the nights of the room. One that was made
    for the booking keeps its amount in any case.
    """
    out = []
    for item in services:
        known = item.id in existing
        priced = exact or not known
        out.append(
            ServiceOut(
                item.quantity,
                float(item.total_net) if priced else None,
                float(item.total_tax) if priced else None,
                item.id if known else None,
                item.name,
                item.price_mode,
            )
        )
    return tuple(out)
