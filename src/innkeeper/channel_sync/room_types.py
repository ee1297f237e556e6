"""Room types on both sides: what may be mapped to what, which pairs look alike, and making ours from theirs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from html import unescape
from uuid import UUID

from rapidfuzz import fuzz, utils

from innkeeper.channel_sync import ari_repository, attention, repository, type_facts
from innkeeper.channel_sync.ari_work import queue_let_go, queue_mapped
from innkeeper.channel_sync.connection import Link, require_config
from innkeeper.channel_sync.customers import ORIGIN
from innkeeper.channel_sync.result import SyncResult
from innkeeper.channel_sync.tables import ReservationMapping, RoomTypeMapping
from innkeeper.channel_sync.work import queue_push
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.channel import ChannelRoomType
from innkeeper.domain.errors import Conflict, Invalid
from innkeeper.domain.outcome import Done, Outcome
from innkeeper.domain.quoting import quoted
from innkeeper.house import properties, reservations, rooms
from innkeeper.house.tables import Property, RoomType
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


async def known_products(link: Link) -> Sequence[ChannelRoomType] | None:
    """Return the room types that the shop has; None when it cannot be asked now."""
    answer = await link.connector.room_types()
    return answer.value if isinstance(answer, Done) else None


async def create_mapping(
    tx: Tx,
    property_id: UUID,
    local_room_type_id: UUID,
    product_id: int,
    hotel_id: int,
    direction: str,
    theirs: Sequence[ChannelRoomType] | None = None,
) -> RoomTypeMapping:
    """Map one of ours to one of theirs, and complete what waited for it.

    Raises Invalid for an unknown room type or direction, another hotel than the connected one, and a room type that is
    not among `theirs`; left out, the next synchronisation finds that out. Raises Conflict when one side is mapped
    already: one QloApps type sold from two of ours would sell rooms twice.
    """
    if direction not in DIRECTIONS:
        raise Invalid.field("sync_direction", f"{quoted(direction)} is not one of {', '.join(DIRECTIONS)}.")
    await _check_theirs(tx, property_id, product_id, hotel_id, theirs)
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
    await forget_told(tx, row)
    await attention.close_cause(tx, property_id, "unmapped_room_type", str(product_id))
    await attention.close_cause(tx, property_id, "unmapped_room_type", f"local:{local_room_type_id}")
    waiting = await _waiting_rooms(tx, property_id, product_id)
    if direction != "outbound":
        await _complete_inbound(tx, property_id, waiting, product_id, local_room_type_id)
    elif waiting:
        name = ours[local_room_type_id].name
        await attention.open_cause(tx, property_id, "outbound_only_type", str(product_id), name=name)
    if direction != "inbound":
        await _resume_outbound(tx, property_id, local_room_type_id)
        await queue_mapped(tx, property_id, local_room_type_id)
    return row


async def _check_theirs(
    tx: Tx, property_id: UUID, product_id: int, hotel_id: int, theirs: Sequence[ChannelRoomType] | None
) -> None:
    config = await require_config(tx.session, property_id)
    if hotel_id != config.qloapps_hotel_id:
        raise Invalid.field(
            "qloapps_hotel_id", f"This property is connected to hotel {config.qloapps_hotel_id} of QloApps."
        )
    if theirs is not None and product_id not in {product.room_type_id for product in theirs}:
        has = ", ".join(f"{product.room_type_id} ({product.name})" for product in theirs) or "none"
        raise Invalid.field("qloapps_product_id", f"QloApps has no room type {product_id}; it has {has}.")


async def delete_mapping(tx: Tx, mapping: RoomTypeMapping) -> None:
    """Take a mapping away, and what was told about it here and there; bookings keep the room type they have.

    A person is told that QloApps sells the type by itself from now on, unless it has no such type.
    """
    product, property_id = str(mapping.qloapps_product_id), mapping.property_id
    is_sold = not await attention.close_cause(tx, property_id, "mapped_type_unknown", product)
    await forget_told(tx, mapping)
    if is_sold:
        kind = await tx.session.get(RoomType, mapping.local_room_type_id)
        await attention.open_cause(tx, property_id, "unmapped_room_type", product, name=kind.name if kind else product)
    if mapping.sync_direction != "inbound":
        await ari_repository.forget_type(tx.session, mapping.property_id, mapping.local_room_type_id)
        await queue_let_go(tx, mapping.property_id, mapping.qloapps_product_id, mapping.local_room_type_id)
    await tx.session.delete(mapping)


async def drop_mapping_of(tx: Tx, property_id: UUID, room_type_id: UUID) -> None:
    """Take away the mapping of a type that was deleted here; what QloApps still sells of it is told."""
    for mapping in await repository.room_type_mappings(tx.session, property_id):
        if mapping.local_room_type_id == room_type_id:
            await delete_mapping(tx, mapping)


async def forget_told(tx: Tx, mapping: RoomTypeMapping) -> None:
    """Take back what was told about a mapping; what is true of another one is told anew."""
    theirs, ours = str(mapping.qloapps_product_id), f"local:{mapping.local_room_type_id}"
    for kind in ("outbound_only_type", "mapped_type_unknown", "room_type_differs", "foreign_rate", "stay_limits"):
        await attention.close_cause(tx, mapping.property_id, kind, theirs)
    await attention.close_cause(tx, mapping.property_id, "inbound_only_type", ours)
    await attention.close_cause(tx, mapping.property_id, "capacity_differs", str(mapping.local_room_type_id))


async def _waiting_rooms(tx: Tx, property_id: UUID, product_id: int) -> list[tuple[ReservationMapping, set[str]]]:
    """Return the stored rooms that were booked as this product and have no type here, with their bookings."""
    waiting: dict[UUID, set[str]] = {}
    for reservation_id, room_id in await repository.rooms_without_type(tx.session, property_id):
        waiting.setdefault(reservation_id, set()).add(str(room_id))
    found = []
    for reservation_id, room_ids in waiting.items():
        mapping = await repository.mapping_of_reservation(tx.session, property_id, reservation_id, lock=True)
        known = (mapping.agreed_remote or {}).get("rooms", {}) if mapping else {}
        ours = {key for key in room_ids if known.get(key, {}).get("type") == product_id}
        if mapping is not None and ours:
            found.append((mapping, ours))
    return found


async def _complete_inbound(
    tx: Tx,
    property_id: UUID,
    waiting: Sequence[tuple[ReservationMapping, set[str]]],
    product_id: int,
    room_type_id: UUID,
) -> None:
    """Give the room type to every stored room that was booked as this product while it led to none of ours."""
    for mapping, ours in waiting:
        reservation_id = mapping.local_reservation_id
        reservation = await reservations.load(tx.session, property_id, reservation_id)
        if reservation is None:
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
            key: {**room, "type": product_id, "room_type": str(room_type_id)} if key in ours else room
            for key, room in agreed.get("rooms", {}).items()
        }
        mapping.agreed_local = agreed


async def _resume_outbound(tx: Tx, property_id: UUID, room_type_id: UUID) -> None:
    """Queue the reservations that could not be sent because their room type was not mapped, or only read."""
    house = await properties.get(tx.session, property_id)
    await ari_repository.distrust_agreed(tx.session, property_id, room_type_id, house.business_date)
    for reservation_id in await repository.unsent_reservations(tx.session, property_id, house.business_date):
        await queue_push(tx, property_id, reservation_id)


async def sync_room_types(
    link: Link, result: SyncResult, *, create_missing: bool, dry_run: bool
) -> Outcome[SyncResult]:
    """Read their room types and compare the mapped ones; with `create_missing`, make ours for those without one.

    What the shop alone has changed is taken over. Nothing is ever written to room types there: a PUT breaks them.
    """
    before = link.connector.requests_made
    answer = await link.connector.room_types()
    result.requests += link.connector.requests_made - before
    if not isinstance(answer, Done):
        return answer
    async with link.database.write() as tx:
        mapped = {m.qloapps_product_id: m for m in await repository.room_type_mappings(tx.session, link.property_id)}
        await _tell_unknown(tx, link, mapped, answer.value, result, dry_run=dry_run)
        for product in answer.value:
            mapping = mapped.get(product.room_type_id)
            if mapping is not None:
                result.count(await _compare_mapped(tx, mapping, product, result, dry_run=dry_run))
            elif create_missing and product.active:
                result.act(action="create", room_type=product.name, rooms=len(product.room_numbers))
                result.count("create")
                if not dry_run:
                    await _make_ours(tx, link, product)
            else:
                result.count("skip")
                result.act(action="unmapped", room_type=product.name, qloapps_product_id=product.room_type_id)
    return Done(result)


async def _compare_mapped(
    tx: Tx, mapping: RoomTypeMapping, product: ChannelRoomType, result: SyncResult, *, dry_run: bool
) -> str:
    """Take over what the shop alone has changed of a mapped type, and return what was done: update or skip."""
    house = await properties.get(tx.session, mapping.property_id)
    room_type = await tx.session.get(RoomType, mapping.local_room_type_id)
    if room_type is None:
        return "skip"
    found = type_facts.differences(room_type, product, house)
    taken = type_facts.to_take(mapping, found)
    if taken and not dry_run and not await type_facts.take(tx, room_type, taken):
        taken = []
    for one in found:
        action = "take" if one in taken else "differs"
        result.act(
            action=action, room_type=product.name, fact=type_facts.FACTS[one.fact], house=one.ours, qloapps=one.theirs
        )
    if not dry_run:
        mapping.last_synced_at = utc_now()
        await type_facts.note(tx, mapping, room_type, product, house)
    return "update" if taken else "skip"


async def _tell_unknown(
    tx: Tx,
    link: Link,
    mapped: Mapping[int, RoomTypeMapping],
    theirs: Sequence[ChannelRoomType],
    result: SyncResult,
    *,
    dry_run: bool,
) -> None:
    """Tell of mappings to a room type that the shop does not have, until it has."""
    known = {product.room_type_id for product in theirs}
    names = {kind.id: kind.name for kind in await repository.room_types(tx.session, link.property_id)}
    for product_id, mapping in mapped.items():
        if product_id not in known:
            name = names.get(mapping.local_room_type_id, "A deleted room type")
            result.act(action="unknown there", room_type=name, qloapps_product_id=product_id)
            if not dry_run:
                await attention.open_cause(
                    tx, link.property_id, "mapped_type_unknown", str(product_id), name=name, product=product_id
                )
        elif not dry_run:
            await attention.close_cause(tx, link.property_id, "mapped_type_unknown", str(product_id))


async def _make_ours(tx: Tx, link: Link, product: ChannelRoomType) -> None:
    """Make a room type with its rooms from one of theirs, and map the two."""
    house = await properties.get(tx.session, link.property_id)
    named = [ours for ours in await repository.room_types(tx.session, link.property_id) if ours.name == product.name]
    room_type = named[0] if named else await _new_type(tx, house, product)
    await create_mapping(
        tx, link.property_id, room_type.id, product.room_type_id, link.config.qloapps_hotel_id, "bidirectional"
    )


async def _new_type(tx: Tx, house: Property, product: ChannelRoomType) -> RoomType:
    facts = type_facts.theirs_as_ours(product, house)
    values = {
        **facts,
        type_facts.PRICE: Decimal(facts[type_facts.PRICE]),
        "description": plain_text(product.description),
        "min_stay": max(1, product.min_stay),
        "max_stay": product.max_stay,
    }
    property_id = house.id
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
