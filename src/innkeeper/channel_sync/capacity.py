"""Tells where QloApps has fewer rooms of a type than the house, which no block can mend, until it has as many."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from innkeeper.channel_sync import attention, repository
from innkeeper.channel_sync.availability_out import TypeWindow
from innkeeper.domain.channel import RoomInventory
from innkeeper.storage.database import Tx


async def note_capacity(
    tx: Tx, property_id: UUID, kinds: Sequence[TypeWindow], inventories: Sequence[RoomInventory]
) -> Mapping[int, str]:
    """Open or close the cause of each type; return for each type of theirs that has too few a sentence that says so."""
    counts = await repository.room_counts(tx.session, property_id)
    theirs = {one.room_type_id: len(one.room_ids) for one in inventories}
    sentences = {}
    for kind in kinds:
        here, there = counts.get(kind.room_type_id, 0), theirs.get(kind.product_id, 0)
        key = str(kind.room_type_id)
        if there >= here:
            await attention.close_cause(tx, property_id, "capacity_differs", key)
            continue
        sentences[kind.product_id] = f"QloApps has {there} rooms of the type and the house {here}."
        await attention.open_cause(tx, property_id, "capacity_differs", key, name=kind.name, ours=here, theirs=there)
    return sentences
