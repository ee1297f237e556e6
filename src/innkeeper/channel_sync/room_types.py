"""Room types on both sides: what may be mapped to what, which pairs look alike, and making ours from theirs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from html import unescape
from uuid import UUID

from rapidfuzz import fuzz, utils

from innkeeper.channel_sync import attention, repository
from innkeeper.channel_sync.ari_work import queue_mapped
from innkeeper.channel_sync.connection import Link
from innkeeper.channel_sync.customers import ORIGIN
from innkeeper.channel_sync.result import SyncResult
from innkeeper.channel_sync.tables import RoomTypeMapping
from innkeeper.channel_sync.work import queue_push
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.channel import ChannelRoomType
from innkeeper.domain.errors import Conflict, Invalid
from innkeeper.domain.money import quantize
from innkeeper.domain.outcome import Done, Outcome
from innkeeper.domain.quoting import quoted
from innkeeper.house import properties, reservations, rooms
from innkeeper.house.tables import RoomType
from innkeeper.storage.database import Tx

DIRECTIONS = ("inbound", "outbound", "bidirectional")

_TAG = re.compile(r"<[^>]*>")

#: Below this a pair is not worth a person's look.
WORTH_SUGGESTING = 40


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A pair that looks alike. `score` from 0 to 100, `reasons` in words, `warnings` what does not fit."""

    room_type: RoomType
    product: ChannelRoomType
    score: int
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]


def suggest(
    ours: Sequence[RoomType], counts: Mapping[UUID, int], theirs: Sequence[ChannelRoomType]
) -> list[Suggestion]:
    """Return the best pairs, each side used once, best first."""
    pairs = [_compare(room_type, counts.get(room_type.id, 0), product) for room_type in ours for product in theirs]
    pairs.sort(key=lambda s: (-s.score, s.room_type.name, s.product.room_type_id))
    chosen: list[Suggestion] = []
    for pair in pairs:
        taken = any(c.room_type is pair.room_type or c.product is pair.product for c in chosen)
        if not taken and pair.score >= WORTH_SUGGESTING:
            chosen.append(pair)
    return chosen


def _compare(room_type: RoomType, count: int, product: ChannelRoomType) -> Suggestion:
    reasons, warnings = [], []
    alike = fuzz.token_set_ratio(room_type.name, product.name, processor=utils.default_process)
    score = alike * 0.6
    reasons.append(f"names are {alike:.0f} % alike")
    if count == len(product.room_numbers):
        score += 15
        reasons.append(f"both have {count} {'room' if count == 1 else 'rooms'}")
    else:
        warnings.append(f"{count} rooms here, {len(product.room_numbers)} there")
    if (room_type.max_adult, room_type.max_children) == (product.max_adults, product.max_children):
        score += 15
        reasons.append("same capacity")
    else:
        warnings.append(
            f"here at most {room_type.max_adult} adults and {room_type.max_children} children, "
            f"there {product.max_adults} and {product.max_children}"
        )
    price = product.base_price * (1 + (product.tax_rate or Decimal(0)) / 100)
    if price and abs(room_type.price_per_night - price) <= price / 10:
        score += 10
        reasons.append("prices are within 10 %")
    if not product.active:
        warnings.append("it is not active there")
    return Suggestion(room_type, product, min(100, round(score)), tuple(reasons), tuple(warnings))


async def create_mapping(
    tx: Tx, property_id: UUID, local_room_type_id: UUID, product_id: int, hotel_id: int, direction: str
) -> RoomTypeMapping:
    """Map one of ours to one of theirs, and complete what waited for it.

    Raises Invalid for an unknown room type or direction, Conflict when one side is mapped already: one QloApps type
    sold from two of ours would sell rooms twice.
    """
    if direction not in DIRECTIONS:
        raise Invalid.field("sync_direction", f"{quoted(direction)} is not one of {', '.join(DIRECTIONS)}.")
    ours = {room_type.id: room_type for room_type in await repository.room_types(tx.session, property_id)}
    if local_room_type_id not in ours:
        raise Invalid.field("local_room_type_id", "There is no such room type in this property.")
    for mapping in await repository.room_type_mappings(tx.session, property_id):
        if mapping.local_room_type_id == local_room_type_id:
            raise Conflict(
                f"{ours[local_room_type_id].name} is mapped to QloApps room type {mapping.qloapps_product_id} already.",
                code="ROOM_TYPE_MAPPED",
                action="Delete that mapping first.",
            )
        if (mapping.qloapps_product_id, mapping.qloapps_hotel_id) == (product_id, hotel_id):
            name = ours[mapping.local_room_type_id].name if mapping.local_room_type_id in ours else "a deleted type"
            raise Conflict(
                f"QloApps room type {product_id} is sold from {name} already; two of ours would sell its rooms twice.",
                code="PRODUCT_MAPPED",
                action="Map each QloApps room type to one of yours.",
            )
    row = RoomTypeMapping(
        property_id=property_id,
        local_room_type_id=local_room_type_id,
        qloapps_product_id=product_id,
        qloapps_hotel_id=hotel_id,
        sync_direction=direction,
    )
    tx.session.add(row)
    await tx.session.flush()
    await _complete_inbound(tx, property_id, product_id, local_room_type_id)
    await _resume_outbound(tx, property_id, local_room_type_id)
    await queue_mapped(tx, property_id, local_room_type_id)
    return row


async def _complete_inbound(tx: Tx, property_id: UUID, product_id: int, room_type_id: UUID) -> None:
    """Give the room type to every stored room that was booked as this product while nothing was mapped to it."""
    waiting: dict[UUID, set[str]] = {}
    for reservation_id, room_id in await repository.rooms_without_type(tx.session, property_id):
        waiting.setdefault(reservation_id, set()).add(str(room_id))
    for reservation_id, room_ids in waiting.items():
        mapping = await repository.mapping_of_reservation(tx.session, property_id, reservation_id, lock=True)
        if mapping is None:
            continue
        known = (mapping.agreed_remote or {}).get("rooms", {})
        ours = {key for key in room_ids if known.get(key, {}).get("type") == product_id}
        reservation = await reservations.load(tx.session, property_id, reservation_id)
        if not ours or reservation is None:
            continue
        draft = reservations.draft_of(reservation)
        typed = tuple(
            replace(room, room_type_id=room_type_id) if str(room.id) in ours else room for room in draft.rooms
        )
        await reservations.change(
            tx, property_id, reservation_id, replace(draft, rooms=typed), origin=ORIGIN, force=True
        )
        agreed = dict(mapping.agreed_local or {})
        agreed["rooms"] = {
            key: {**room, "room_type": str(room_type_id)} if key in ours else room
            for key, room in agreed.get("rooms", {}).items()
        }
        mapping.agreed_local = agreed
    await attention.close_cause(tx, property_id, "unmapped_room_type", str(product_id))


async def _resume_outbound(tx: Tx, property_id: UUID, room_type_id: UUID) -> None:
    """Queue the reservations that could not be sent because their room type was not mapped."""
    await attention.close_cause(tx, property_id, "unmapped_room_type", f"local:{room_type_id}")
    house = await properties.get(tx.session, property_id)
    for reservation_id in await repository.unsent_reservations(tx.session, property_id, house.business_date):
        await queue_push(tx, property_id, reservation_id)


async def sync_room_types(
    link: Link, result: SyncResult, *, create_missing: bool, dry_run: bool
) -> Outcome[SyncResult]:
    """Read their room types and note them on the mappings; with `create_missing`, make ours for those without one.

    Nothing is ever written to room types there: a PUT breaks them.
    """
    before = link.connector.requests_made
    answer = await link.connector.room_types()
    result.requests += link.connector.requests_made - before
    if not isinstance(answer, Done):
        return answer
    async with link.database.write() as tx:
        mapped = {m.qloapps_product_id: m for m in await repository.room_type_mappings(tx.session, link.property_id)}
        for product in answer.value:
            mapping = mapped.get(product.room_type_id)
            if mapping is not None:
                mapping.last_synced_at = utc_now()
                result.count("update")
            elif create_missing and product.active:
                result.act(action="create", room_type=product.name, rooms=len(product.room_numbers))
                result.count("create")
                if not dry_run:
                    await _make_ours(tx, link, product)
            else:
                result.count("skip")
                result.act(action="unmapped", room_type=product.name, qloapps_product_id=product.room_type_id)
    return Done(result)


async def _make_ours(tx: Tx, link: Link, product: ChannelRoomType) -> None:
    """Make a room type with its rooms from one of theirs, and map the two."""
    house = await properties.get(tx.session, link.property_id)
    price = product.base_price
    if house.tax_included:
        price *= 1 + (product.tax_rate if product.tax_rate is not None else house.tax_rate) / 100
    named = [ours for ours in await repository.room_types(tx.session, link.property_id) if ours.name == product.name]
    room_type = named[0] if named else await _new_type(tx, link.property_id, product, quantize(price, house.currency))
    await create_mapping(
        tx, link.property_id, room_type.id, product.room_type_id, link.config.qloapps_hotel_id, "bidirectional"
    )


async def _new_type(tx: Tx, property_id: UUID, product: ChannelRoomType, price: Decimal) -> RoomType:
    most = max(1, product.max_guests, product.max_adults)
    values = {
        "name": product.name,
        "description": plain_text(product.description),
        "price_per_night": price,
        "max_people": min(30, most),
        "max_adult": max(1, min(30, product.max_adults)),
        "max_children": max(0, min(30, product.max_children, most)),
        "min_stay": max(1, product.min_stay),
        "max_stay": product.max_stay,
    }
    room_type = await rooms.create_room_type(tx, property_id, values, origin=ORIGIN)
    taken = await repository.room_numbers(tx.session, property_id)
    for number in product.room_numbers:
        free = number if number not in taken else f"{number} {product.room_type_id}"
        await rooms.create_room(tx, property_id, room_type.id, free)
        taken.add(free)
    return room_type


def plain_text(html: str) -> str:
    """Return the words of a description without its markup."""
    return " ".join(unescape(_TAG.sub(" ", html)).split())
