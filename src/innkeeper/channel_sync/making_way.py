"""Opens our own blocks where a reservation of ours finds no room at QloApps because of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from innkeeper.channel_sync import ari_repository
from innkeeper.channel_sync.connection import Link
from innkeeper.channel_sync.tables import Block
from innkeeper.domain.channel import BlockDraft, BookingDraft, ChannelBlock, ChannelHold, RoomInventory
from innkeeper.domain.ids import new_id
from innkeeper.domain.outcome import Done, Outcome
from innkeeper.domain.stay import Stay


@dataclass(frozen=True, slots=True)
class Way:
    """A room for a reservation, once these blocks of ours let go of its nights."""

    stay: Stay
    blocks: tuple[ChannelBlock, ...]


async def make_way(link: Link, draft: BookingDraft, order_id: int | None = None) -> bool:
    """Open blocks of ours that stand where the draft needs rooms; say whether any had to be.

    The house has counted the reservation already, so what is left to guests does not grow by it. The next push of
    rooms plans the blocks anew; until then they keep the nights around the stay closed.
    """
    async with link.database.read() as session:
        rows = [row for row in await ari_repository.blocks(session, link.property_id) if row.block_id]
    needed = {line.room_type_id for line in draft.lines}
    rows = [
        row
        for row in rows
        if row.qloapps_product_id in needed
        and any(row.check_in < line.stay.check_out and line.stay.check_in < row.check_out for line in draft.lines)
    ]
    if not rows:
        return False
    start, end = min(line.stay.check_in for line in draft.lines), max(line.stay.check_out for line in draft.lines)
    answer = await link.connector.inventory(sorted(needed), start, end)
    if not isinstance(answer, Done):
        return False
    opened = False
    for way in ways(draft, answer.value, {row.block_id or "": row.reference for row in rows}, order_id):
        for block in way.blocks:
            opened = isinstance(await _open(link, block, way.stay), Done) or opened
    if opened:
        async with link.database.write() as tx:
            kinds: set[UUID] = {row.room_type_id for row in rows}
            await ari_repository.distrust_nights(tx.session, link.property_id, kinds)
    return opened


def ways(
    draft: BookingDraft, inventories: Sequence[RoomInventory], known: Mapping[str, str], order_id: int | None
) -> list[Way]:
    """Return for each line of the draft the room that fewest blocks of ours keep from it; none where one is free.

    `known` are the references of our blocks by their id. Rooms that the booking `order_id` holds count as free.
    """
    found = []
    used: list[tuple[int, Stay]] = []
    by_type = {one.room_type_id: one for one in inventories}
    for line in draft.lines:
        inventory = by_type.get(line.room_type_id)
        choices = []
        for room_id in inventory.room_ids if inventory else ():
            if any(room == room_id and stay.overlaps(line.stay) for room, stay in used):
                continue
            holds = (
                [h for h in inventory.holds if h.room_id == room_id and h.stay.overlaps(line.stay)] if inventory else []
            )
            holds = [hold for hold in holds if hold.holder != f"order:{order_id}"]
            blocks = [block for hold in holds if (block := _block(hold, line.room_type_id, known)) is not None]
            if len(blocks) == len(holds):
                choices.append((len(blocks), room_id, tuple(blocks)))
        if choices:
            _, room_id, standing = min(choices, key=lambda choice: choice[:2])
            used.append((room_id, line.stay))
            found.append(Way(line.stay, standing))
    return [way for way in found if way.blocks]


def _block(hold: ChannelHold, room_type_id: int, known: Mapping[str, str]) -> ChannelBlock | None:
    reference = hold.reference if hold.reference is not None else known.get(hold.holder)
    if reference is None:
        return None
    return ChannelBlock(hold.holder, reference, room_type_id, hold.room_id, hold.line_id, hold.stay)


async def _open(link: Link, block: ChannelBlock, stay: Stay) -> Outcome[Any]:
    """Let go of the nights of the stay and keep the others."""
    before = Stay(block.stay.check_in, stay.check_in)
    after = Stay(stay.check_out, block.stay.check_out)
    kept = [part for part in (before, after) if part.nights > 0]
    if not kept:
        released = await link.connector.release_block(block)
        if isinstance(released, Done):
            await _forget(link, block)
        return released
    answer = await link.connector.reshape_block(block, kept[0])
    if isinstance(answer, Done):
        await _write_down(link, block.reference, kept[0].check_in, kept[0].check_out)
        if len(kept) > 1:
            await _make_rest(link, block, kept[1])
    return answer


async def _make_rest(link: Link, block: ChannelBlock, stay: Stay) -> None:
    """Close again what lies behind the stay. If that fails, the push of rooms that follows does it."""
    draft = BlockDraft(new_id().hex, block.room_type_id, block.room_id, stay)
    async with link.database.write() as tx:
        row = await ari_repository.block_of_reference(tx.session, link.property_id, block.reference)
        if row is None:
            return
        tx.session.add(
            Block(
                property_id=link.property_id,
                room_type_id=row.room_type_id,
                qloapps_product_id=block.room_type_id,
                reference=draft.reference,
                room_id=block.room_id,
                check_in=stay.check_in,
                check_out=stay.check_out,
            )
        )
    answer = await link.connector.make_block(draft)
    if not isinstance(answer, Done):
        return
    async with link.database.write() as tx:
        row = await ari_repository.block_of_reference(tx.session, link.property_id, draft.reference)
        if row is not None:
            row.status, row.block_id, row.line_id = "standing", answer.value.block_id, answer.value.line_id


async def _write_down(link: Link, reference: str, check_in: date, check_out: date) -> None:
    async with link.database.write() as tx:
        row = await ari_repository.block_of_reference(tx.session, link.property_id, reference)
        if row is not None:
            row.check_in, row.check_out = check_in, check_out


async def _forget(link: Link, block: ChannelBlock) -> None:
    async with link.database.write() as tx:
        row = await ari_repository.block_of_reference(tx.session, link.property_id, block.reference)
        if row is not None:
            await tx.session.delete(row)
