"""Takes back from QloApps what was told of room types that are sent no longer: blocks, price rules, limits of stay."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any
from uuid import UUID

from innkeeper.channel_sync import ari_repository
from innkeeper.channel_sync.availability_out import LOOKS
from innkeeper.channel_sync.connection import Link
from innkeeper.channel_sync.logs import block_log, milliseconds_since
from innkeeper.channel_sync.tables import SyncLog
from innkeeper.domain.channel import ChannelBlock, RateRule
from innkeeper.domain.outcome import Done, Outcome, Unknown
from innkeeper.house import properties

#: Shortest and longest stay; 0 is none.
Limits = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Left:
    """What stands of ours at room types of theirs that are not sent.

    `types` are these types by their id there, each with the house's type that was sent as it, where that is known;
    `names` are what they are called there, as far as they were read. `limits` are those that stood at a type before
    ours, which stand there still.
    """

    types: Mapping[int, UUID | None]
    names: Mapping[int, str]
    rules: Sequence[RateRule] = ()
    blocks: Sequence[ChannelBlock] = ()
    limits: Mapping[int, Limits] = field(default_factory=dict)


async def let_go(link: Link, product_id: int, room_type_id: UUID) -> Outcome[Any]:
    """Release every block of ours on the product, delete every price rule of ours, and give back limits of stay.

    Blocks and rules that are not remembered are taken back too; limits that somebody has changed since stay.
    `room_type_id` is the house's type that was sent as this product. Bookings stay. Nothing is done where the product
    is sent to again by now: the next push makes of what stands there what it shall be. What is switched off is left,
    since the key may lack the right. Unknown while a block that was never answered may still appear.
    """
    return await _let_go(link, {product_id: room_type_id})


async def let_go_of_all(link: Link) -> Outcome[Any]:
    """Do as `let_go` with every room type of the hotel that is not sent."""
    return await _let_go(link, None)


async def _let_go(link: Link, types: Mapping[int, UUID | None] | None) -> Outcome[Any]:
    if not link.may_write:
        return Done(f"the connection is in {link.config.mode}, not live")
    answer = await left_behind(link, types)
    if not isinstance(answer, Done):
        return answer
    taken = await take_back(link, answer.value)
    if not isinstance(taken, Done) or not link.config.sync_availability:
        return taken
    return await _forget_the_rest(link, answer.value.types)


async def left_behind(link: Link, types: Mapping[int, UUID | None] | None = None) -> Outcome[Left]:
    """Read what stands of ours at those of these types that are not sent; left out, all types of the hotel are meant.

    What is switched off is not looked at.
    """
    names: Mapping[int, str] = {}
    if types is None:
        answer = await _all_types(link)
        if not isinstance(answer, Done):
            return answer
        types, names = answer.value
    async with link.database.read() as session:
        house = await properties.get(session, link.property_id)
        pairs = await ari_repository.outward_types(session, link.property_id, link.config.qloapps_hotel_id)
    sent = {product_id for _, product_id in pairs}
    types = {product_id: kind for product_id, kind in types.items() if product_id not in sent}
    rules: Sequence[RateRule] = ()
    blocks: Sequence[ChannelBlock] = ()
    limits: Mapping[int, Limits] = {}
    if types and link.config.sync_rates:
        found = await link.connector.rate_rules(sorted(types))
        if not isinstance(found, Done):
            return found
        rules = [rule for rule in found.value if rule.ours and rule.room_type_id in types]
        ours = await _limits_of_ours(link, types)
        if not isinstance(ours, Done):
            return ours
        limits = ours.value
    if types and link.config.sync_availability:
        standing = await link.connector.blocks(house.business_date)
        if not isinstance(standing, Done):
            return standing
        blocks = [block for block in standing.value if block.room_type_id in types]
    return Done(Left(types, names, rules, blocks, limits))


async def _limits_of_ours(link: Link, types: Collection[int]) -> Outcome[Mapping[int, Limits]]:
    """Return what stood at these types before our limits of stay, where ours stand there still."""
    async with link.database.read() as session:
        rows = await ari_repository.stay_limits(session, link.property_id, types)
    if not rows:
        return Done({})
    answer = await link.connector.stay_limits([row.qloapps_product_id for row in rows], fresh=True)
    if not isinstance(answer, Done):
        return answer
    left = {}
    for row in rows:
        found, there = (row.found_min, row.found_max), answer.value.get(row.qloapps_product_id)
        if there is not None and there != found and list(there) in row.ours:
            left[row.qloapps_product_id] = found
    return Done(left)


async def _all_types(link: Link) -> Outcome[tuple[Mapping[int, UUID | None], Mapping[int, str]]]:
    """Return every room type that the hotel has there, or that a block of ours is remembered at; then their names."""
    if not (link.config.sync_rates or link.config.sync_availability):
        return Done(({}, {}))
    answer = await link.connector.room_types()
    if not isinstance(answer, Done):
        return answer
    async with link.database.read() as session:
        rows = await ari_repository.blocks(session, link.property_id)
    types: dict[int, UUID | None] = {theirs.room_type_id: None for theirs in answer.value}
    names = {theirs.room_type_id: theirs.name for theirs in answer.value}
    return Done((types | {row.qloapps_product_id: row.room_type_id for row in rows}, names))


async def take_back(link: Link, left: Left) -> Outcome[Any]:
    """Delete the rules, release the blocks and give back the limits, and write each down."""
    for rule in left.rules:
        begun = perf_counter()
        deleted = await link.connector.delete_rate(rule.rule_id)
        if not isinstance(deleted, Done):
            return deleted
        async with link.database.write() as tx:
            tx.session.add(_rule_log(link, left.types[rule.room_type_id], rule, milliseconds_since(begun)))
    for block in left.blocks:
        begun = perf_counter()
        released = await link.connector.release_block(block)
        if not isinstance(released, Done):
            return released
        await _forget(link, left.types[block.room_type_id], block, milliseconds_since(begun))
    for product_id, limits in left.limits.items():
        begun = perf_counter()
        given = await link.connector.set_stay_limits(product_id, *limits)
        if not isinstance(given, Done):
            return given
        log = _log(link, "stay_limits", left.types[product_id], product_id, milliseconds_since(begun))
        log.request_data = {"room_type_id": product_id, "min_stay": limits[0], "max_stay": limits[1]}
        async with link.database.write() as tx:
            tx.session.add(log)
    if link.config.sync_rates:
        # given back, or somebody's by now
        async with link.database.write() as tx:
            await ari_repository.forget_limits(tx.session, link.property_id, left.types)
    return Done("nothing of it stands there")


def _rule_log(link: Link, room_type_id: UUID | None, rule: RateRule, milliseconds: int) -> SyncLog:
    log = _log(link, "room_type", room_type_id, rule.room_type_id, milliseconds)
    change = ["delete", rule.rule_id, rule.first.isoformat(), rule.last.isoformat(), f"{rule.net:f}"]
    log.request_data = {"room_type_id": rule.room_type_id, "changes": [change]}
    return log


def _log(link: Link, what: str, room_type_id: UUID | None, product_id: int, milliseconds: int) -> SyncLog:
    return SyncLog(
        property_id=link.property_id,
        sync_type="qloapps_rates_outbound",
        direction="outbound",
        entity_type=what,
        local_entity_id=room_type_id,
        qloapps_entity_id=product_id,
        operation="delete",
        success=True,
        duration_ms=milliseconds,
    )


async def _forget(link: Link, room_type_id: UUID | None, block: ChannelBlock, milliseconds: int) -> None:
    async with link.database.write() as tx:
        row = await ari_repository.block_of_reference(tx.session, link.property_id, block.reference)
        if row is not None:
            await tx.session.delete(row)
        tx.session.add(block_log(link.property_id, room_type_id, "delete", block, None, milliseconds))


async def _forget_the_rest(link: Link, types: Collection[int]) -> Outcome[Any]:
    """Forget what stands there no more, and look again for what was never answered before it is given up."""
    async with link.database.write() as tx:
        rows = [
            row for row in await ari_repository.blocks(tx.session, link.property_id) if row.qloapps_product_id in types
        ]
        for row in rows:
            row.looks += row.status == "pending"
        gone = [row for row in rows if row.status != "pending" or row.looks >= LOOKS]
        for row in gone:
            await tx.session.delete(row)
    if len(gone) < len(rows):
        return Unknown("a block was sent and is not to be seen there (yet)")
    return Done("nothing of it stands there")
