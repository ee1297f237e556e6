"""Compares a mapped room type with what the shop says of it, and takes over what the shop alone has changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from innkeeper.channel_sync import attention
from innkeeper.channel_sync.customers import ORIGIN
from innkeeper.channel_sync.states import CENT_TOLERANCE
from innkeeper.channel_sync.tables import RoomTypeMapping
from innkeeper.domain.channel import ChannelRoomType
from innkeeper.domain.errors import InnkeeperError
from innkeeper.domain.money import format_amount, quantize
from innkeeper.house import rooms
from innkeeper.house.tables import Property, RoomType
from innkeeper.storage.database import Tx

PRICE = "price_per_night"

#: What both sides know of a room type, and what a person calls it.
FACTS: Mapping[str, str] = {
    "name": "name",
    "max_adult": "most adults",
    "max_children": "most children",
    "max_people": "most guests",
    PRICE: "base price",
}

#: The most guests that a type of ours can be given.
_MOST = 30

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """A fact of which the two sides say another thing."""

    fact: str
    ours: Any
    theirs: Any

    @property
    def sentence(self) -> str:
        """The difference for a person."""
        return f"{FACTS[self.fact].capitalize()}: {self.ours} here, {self.theirs} in QloApps."


def theirs_as_ours(product: ChannelRoomType, house: Property) -> Facts:
    """Return what the shop says of a type in the house's terms: tax as the house keeps its prices, guests in range."""
    price = product.base_price
    if house.tax_included:
        price *= 1 + (product.tax_rate if product.tax_rate is not None else house.tax_rate) / 100
    most = max(1, product.max_guests, product.max_adults)
    return {
        "name": product.name,
        "max_adult": max(1, min(_MOST, product.max_adults)),
        "max_children": max(0, min(_MOST, product.max_children, most)),
        "max_people": min(_MOST, most),
        PRICE: format_amount(quantize(price, house.currency), house.currency),
    }


def ours_of(room_type: RoomType, house: Property) -> Facts:
    """Return what the house says of a type."""
    facts = {name: getattr(room_type, name) for name in FACTS}
    return {**facts, PRICE: format_amount(room_type.price_per_night, house.currency)}


def differences(room_type: RoomType, product: ChannelRoomType, house: Property) -> list[Difference]:
    """Return where the two sides say another thing of a mapped type."""
    ours, theirs = ours_of(room_type, house), theirs_as_ours(product, house)
    return [Difference(name, ours[name], theirs[name]) for name in FACTS if not _same(name, ours[name], theirs[name])]


def _same(name: str, one: Any, other: Any) -> bool:
    if name == PRICE:
        return abs(Decimal(one) - Decimal(other)) <= CENT_TOLERANCE
    return bool(one == other)


def to_take(mapping: RoomTypeMapping, found: list[Difference]) -> list[Difference]:
    """Return what the shop has changed since both sides said the same, and the house has not.

    A price comes in only where none goes out: of a type that is sold from here, the house says what it costs.
    """
    seen = mapping.last_seen
    if seen is None or mapping.sync_direction == "outbound":
        return []
    return [
        one
        for one in found
        if _same(one.fact, seen["ours"][one.fact], seen["theirs"][one.fact])
        and _same(one.fact, one.ours, seen["ours"][one.fact])
        and (one.fact != PRICE or mapping.sync_direction == "inbound")
    ]


async def take(tx: Tx, room_type: RoomType, taken: list[Difference]) -> bool:
    """Make our type what the shop made of it, and say whether the house could."""
    values = {one.fact: Decimal(one.theirs) if one.fact == PRICE else one.theirs for one in taken}
    try:
        async with tx.session.begin_nested():
            await rooms.update_room_type(tx, room_type.property_id, room_type.id, values, origin=ORIGIN)
    except InnkeeperError:
        await tx.session.refresh(room_type)
        return False
    return True


async def note(
    tx: Tx, mapping: RoomTypeMapping, room_type: RoomType, product: ChannelRoomType, house: Property
) -> None:
    """Remember both sides, and tell of what has changed there and was not taken until it is the same again."""
    left = {one.fact: one for one in differences(room_type, product, house)}
    theirs = theirs_as_ours(product, house)
    seen = mapping.last_seen or {"theirs": theirs, "told": []}
    new = [
        name
        for name in left
        if not _same(name, theirs[name], seen["theirs"][name])
        and (name != PRICE or mapping.sync_direction == "inbound")
    ]
    told = [name for name in FACTS if name in left and (name in new or name in seen["told"])]
    key = str(mapping.qloapps_product_id)
    if new:
        detail = " ".join(left[name].sentence for name in told)
        await attention.open_cause(
            tx, mapping.property_id, "room_type_differs", key, name=room_type.name, detail=detail
        )
    elif not told:
        await attention.close_cause(tx, mapping.property_id, "room_type_differs", key)
    now = {"ours": ours_of(room_type, house), "theirs": theirs, "told": told}
    if now != mapping.last_seen:
        mapping.last_seen = now
