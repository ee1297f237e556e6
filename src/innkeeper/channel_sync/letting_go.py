"""Takes back from QloApps what was told of a room type that is sent there no longer: its blocks and its price rules."""

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


async def let_go(link: Link, product_id: int, room_type_id: UUID) -> Outcome[Any]:
    """Release every block of ours on the product and delete every price rule of ours, also those not remembered.

    `room_type_id` is the house's type that was sent as this product. Bookings stay. Nothing is done where the product
    is sent to again by now: the next push makes of what stands there what it shall be. What is switched off is left,
    since the key may lack the right. Unknown while a block that was never answered may still appear.
    """
    if not link.may_write:
        return Done(f"the connection is in {link.config.mode}, not live")
    async with link.database.read() as session:
        pairs = await ari_repository.outward_types(session, link.property_id, link.config.qloapps_hotel_id)
    if product_id in {product for _, product in pairs}:
        return Done("it is sent there again")
    if link.config.sync_rates:
        outcome = await _delete_rules(link, product_id, room_type_id)
        if not isinstance(outcome, Done):
            return outcome
    if link.config.sync_availability:
        return await _release_blocks(link, product_id, room_type_id)
    return Done("nothing of it stands there")


async def _delete_rules(link: Link, product_id: int, room_type_id: UUID) -> Outcome[Any]:
    answer = await link.connector.rate_rules([product_id])
    if not isinstance(answer, Done):
        return answer
    for rule in answer.value:
        if rule.ours and rule.room_type_id == product_id:
            begun = perf_counter()
            deleted = await link.connector.delete_rate(rule.rule_id)
            if not isinstance(deleted, Done):
                return deleted
            async with link.database.write() as tx:
                tx.session.add(_rule_log(link, room_type_id, rule, milliseconds_since(begun)))
    return Done(None)


def _rule_log(link: Link, room_type_id: UUID, rule: RateRule, milliseconds: int) -> SyncLog:
    return SyncLog(
        property_id=link.property_id,
        sync_type="qloapps_rates_outbound",
        direction="outbound",
        entity_type="room_type",
        local_entity_id=room_type_id,
        qloapps_entity_id=rule.room_type_id,
        operation="delete",
        success=True,
        duration_ms=milliseconds,
        request_data={
            "room_type_id": rule.room_type_id,
            "changes": [["delete", rule.rule_id, rule.first.isoformat(), rule.last.isoformat(), f"{rule.net:f}"]],
        },
    )


async def _release_blocks(link: Link, product_id: int, room_type_id: UUID) -> Outcome[Any]:
    async with link.database.read() as session:
        house = await properties.get(session, link.property_id)
    answer = await link.connector.blocks(house.business_date)
    if not isinstance(answer, Done):
        return answer
    for block in answer.value:
        if block.room_type_id == product_id:
            begun = perf_counter()
            released = await link.connector.release_block(block)
            if not isinstance(released, Done):
                return released
            await _forget(link, room_type_id, block, milliseconds_since(begun))
    return await _forget_the_rest(link, product_id)


async def _forget(link: Link, room_type_id: UUID, block: ChannelBlock, milliseconds: int) -> None:
    async with link.database.write() as tx:
        row = await ari_repository.block_of_reference(tx.session, link.property_id, block.reference)
        if row is not None:
            await tx.session.delete(row)
        tx.session.add(block_log(link.property_id, room_type_id, "delete", block, None, milliseconds))


async def _forget_the_rest(link: Link, product_id: int) -> Outcome[Any]:
    """Forget what stands there no more, and look again for what was never answered before it is given up."""
    async with link.database.write() as tx:
        rows = [
            row
            for row in await ari_repository.blocks(tx.session, link.property_id)
            if row.qloapps_product_id == product_id
        ]
        for row in rows:
            row.looks += row.status == "pending"
        gone = [row for row in rows if row.status != "pending" or row.looks >= LOOKS]
        for row in gone:
            await tx.session.delete(row)
    if len(gone) < len(rows):
        return Unknown("a block was sent and is not to be seen there (yet)")
    return Done("nothing of it stands there")
