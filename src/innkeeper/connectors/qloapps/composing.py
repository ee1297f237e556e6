"""Composes what is sent to QloApps' bookings from our own data, never from what it answered; pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    tax: Decimal
    line: ChannelLine | None = None
    services: tuple[ServiceOut, ...] = ()
    factor: Decimal = Decimal(1)


def new_room(line: DraftLine, tax_rate: Decimal, factor: Decimal = Decimal(1)) -> Room:
    """Return the room of a draft line."""
    net = net_of(line.gross, tax_rate)
    return Room(
        line.room_type_id,
        line.stay,
        line.adults,
        line.children,
        line.child_ages if len(line.child_ages) == line.children else _ages(line),
        net,
        line.gross - net,
        factor=factor,
    )


def kept_room(line: ChannelLine, net: Decimal | None, tax: Decimal, services: tuple[ServiceOut, ...]) -> Room:
    """Return the room of a line that stays as it is, but for its price when `net` is given."""
    return Room(line.room_type_id, line.stay, line.adults, line.children, line.child_ages, net, tax, line, services)


def _ages(line: DraftLine) -> tuple[int, ...]:
    """Return an age for each child: without ages QloApps books no children at all [119]."""
    return (line.child_ages + (0,) * line.children)[: line.children]


def groups_for_post(rooms: Sequence[Room], facts: ShopFacts) -> tuple[RoomGroupOut, ...]:
    """Return the rooms of a booking that is made. Tax group 0 means the type's own and raises no PHP warning."""
    return _groups(rooms, facts, {})


def groups_for_put(rooms: Sequence[Room], facts: ShopFacts, tax_groups: Mapping[int, int]) -> tuple[RoomGroupOut, ...]:
    """Return the rooms of a booking that is replaced; `tax_groups` holds the type's own group for each room type."""
    return _groups(rooms, facts, tax_groups)


def _groups(rooms: Sequence[Room], facts: ShopFacts, tax_groups: Mapping[int, int]) -> tuple[RoomGroupOut, ...]:
    """One group for each type and stay, kept rooms first and by room: QloApps matches them by position otherwise."""
    by_key: dict[tuple[int, Stay], list[Room]] = defaultdict(list)
    for room in rooms:
        by_key[room.room_type_id, room.stay].append(room)
    return tuple(
        RoomGroupOut(
            room_type_id,
            stay.check_in.isoformat(),
            stay.check_out.isoformat(),
            tuple(
                _room_out(room, facts, tax_groups)
                for room in sorted(some, key=lambda room: room.line.line_id if room.line else float("inf"))
            ),
        )
        for (room_type_id, stay), some in by_key.items()
    )


def _room_out(room: Room, facts: ShopFacts, tax_groups: Mapping[int, int]) -> RoomOut:
    group, total_tax = _tax_key(room, facts, tax_groups)
    return RoomOut(
        room.adults,
        room.children,
        room.child_ages,
        None if room.net is None else float(_price(room, room.net, facts)),
        group,
        total_tax,
        room.line.room_id if room.line else None,
        room.services,
    )


def _tax_key(room: Room, facts: ShopFacts, tax_groups: Mapping[int, int]) -> tuple[int | None, float | None]:
    """Return either the tax group or the tax amount to send; see README.md, "Tax"."""
    if not tax_groups:
        return 0, None
    if facts.is_snapshot:
        return tax_groups.get(room.room_type_id, 0), None
    return None, float(room.tax)


def _price(room: Room, net: Decimal, facts: ShopFacts) -> Decimal:
    nights = room.stay.nights
    price = price_to_send(net, nights, price_fault=facts.price_fault) * room.factor
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
