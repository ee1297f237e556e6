"""Compares what both sides would sell on each night, and finds what holds rooms there that nobody knows here."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from innkeeper.channel_sync import ari_repository, repository
from innkeeper.channel_sync.availability_out import PushOptions, TypeWindow, push_availability, type_windows, window_of
from innkeeper.channel_sync.capacity import note_capacity
from innkeeper.channel_sync.connection import Link
from innkeeper.channel_sync.drift_found import Difference, Part
from innkeeper.channel_sync.result import SyncResult
from innkeeper.channel_sync.tables import Config, DriftSweep
from innkeeper.channel_sync.work import queue_pull
from innkeeper.domain.channel import RoomInventory
from innkeeper.domain.outcome import Done, Outcome
from innkeeper.house import properties

#: Nights that the shop itself is asked for in each sweep, another week each day, since it takes its time over them.
SAMPLE_NIGHTS = 7


async def compare_nights(link: Link, sweep: DriftSweep) -> Outcome[Part]:
    """Compare what both sides would sell on each night, and find bookings that only QloApps knows."""
    async with link.database.read() as session:
        house = await properties.get(session, link.property_id)
        kinds = await type_windows(session, link, house)
        blocks = {row.block_id for row in await ari_repository.blocks(session, link.property_id) if row.block_id}
    if not kinds:
        return Done(([], None))
    start, end = window_of(house)
    answer = await link.connector.inventory([kind.product_id for kind in kinds], start, end, fresh=True)
    if not isinstance(answer, Done):
        return answer
    length = (end - start).days
    found = await _strangers(link, sweep, answer.value, blocks)
    unread = {one["subject"] for one in found if one["kind"] == "booking_missing_here"}
    free_of = {one.room_type_id: _free(one, start, length) for one in answer.value}
    async with link.database.write() as tx:
        fewer = await note_capacity(tx, link.property_id, kinds, answer.value)
    inventories = {one.room_type_id: one for one in answer.value}
    for kind in kinds:
        yielding = _yielding(inventories[kind.product_id], blocks | unread, start, length)
        view = _View(free_of[kind.product_id], yielding, fewer.get(kind.product_id, ""))
        found += _differing_nights(kind, view, start, link.config)
    offset = start.toordinal() * SAMPLE_NIGHTS % max(1, length - SAMPLE_NIGHTS)
    asked = await _ask_sample(link, kinds, free_of, start + timedelta(days=offset), offset)
    if not isinstance(asked, Done):
        return asked
    found += asked.value
    sweep.nights += len(kinds) * length
    if sweep.heal and link.config.sync_availability:
        outcome = await push_availability(link, PushOptions(full=True), SyncResult())
        if not isinstance(outcome, Done):
            return outcome
        return await _count_healed_nights(link, sweep, kinds, found, start)
    return Done((found, None))


async def _count_healed_nights(
    link: Link, sweep: DriftSweep, kinds: Sequence[TypeWindow], found: list[Difference], start: date
) -> Outcome[Part]:
    """Look once more, and count as healed only what is equal now."""
    nights = [one for one in found if one["kind"] == "availability" and one["heals"]]
    if nights:
        end = start + timedelta(days=len(kinds[0].wanted))
        answer = await link.connector.inventory([kind.product_id for kind in kinds], start, end)
        if not isinstance(answer, Done):
            return answer
        wanted = {str(kind.room_type_id): kind for kind in kinds}
        free_of = {one.room_type_id: _free(one, start, len(kinds[0].wanted)) for one in answer.value}
        for one in nights:
            kind = wanted[one["room_type_id"]]
            first, last = ((date.fromisoformat(one[name]) - start).days for name in ("start", "end"))
            sweep.healed += kind.wanted[first:last] == free_of[kind.product_id][first:last]
    return Done((found, None))


@dataclass(frozen=True, slots=True)
class _View:
    """What the shop would sell of a type on each night, how many rooms healing gives back, and why it has too few."""

    free: Sequence[int]
    yielding: Sequence[int]
    why: str


def _yielding(inventory: RoomInventory, holders: Collection[str], start: date, nights: int) -> list[int]:
    """Return how many rooms are held on each night by what healing takes away: blocks of ours, and unread bookings."""
    held: list[set[int]] = [set() for _ in range(nights)]
    for hold in inventory.holds:
        if hold.holder in holders:
            for night in range(
                max(0, (hold.stay.check_in - start).days), min(nights, (hold.stay.check_out - start).days)
            ):
                held[night].add(hold.room_id)
    return [len(rooms) for rooms in held]


def _free(inventory: RoomInventory, start: date, nights: int) -> list[int]:
    """Return how many rooms nothing holds on each night."""
    taken: list[set[int]] = [set() for _ in range(nights)]
    for hold in inventory.holds:
        for night in range(max(0, (hold.stay.check_in - start).days), min(nights, (hold.stay.check_out - start).days)):
            taken[night].add(hold.room_id)
    rooms = set(inventory.room_ids)
    return [len(rooms - some) for some in taken]


def _differing_nights(kind: TypeWindow, view: _View, start: date, config: Config) -> list[Difference]:
    """Return one difference for each run of nights on which the two sides would sell other numbers of rooms."""
    found: list[Difference] = []
    for night, (ours, theirs, yielding) in enumerate(zip(kind.wanted, view.free, view.yielding, strict=True)):
        if ours == theirs:
            continue
        healing = _healing_of_night(ours - theirs, yielding, view.why, config)
        day, last = start + timedelta(days=night), found[-1] if found else None
        same = last is not None and all(last.get(name) == healing.get(name) for name in ("why", "healing", "heals"))
        if last and same and (last["house"], last["qloapps"], last["end"]) == (ours, theirs, day.isoformat()):
            last["end"] = (day + timedelta(days=1)).isoformat()
            continue
        found.append(
            {
                "kind": "availability",
                "subject": f"{kind.room_type_id}:{day}",
                "room_type_id": str(kind.room_type_id),
                "room_type": kind.name,
                "start": day.isoformat(),
                "end": (day + timedelta(days=1)).isoformat(),
                "house": ours,
                "qloapps": theirs,
                "what": f"The house has {ours} left and QloApps would sell {theirs}.",
                **healing,
            }
        )
    return found


def _healing_of_night(missing: int, yielding: int, fewer: str, config: Config) -> Difference:
    """Say what healing does about a night: `missing` rooms there of what the house has left, `yielding` can be had."""
    if not config.sync_availability:
        why = "Sending availability is switched off."
        return {"why": why, "healing": "None, as long as it is switched off.", "heals": False}
    if missing < 0:
        return {"healing": "Blocks the rest.", "heals": True}
    if missing <= yielding:
        return {"healing": "Releases blocks of ours, or reads the booking that holds the room.", "heals": True}
    why = fewer or "Something in QloApps that is not ours holds rooms there."
    return {"why": why, "healing": "Asks: no block of ours holds these rooms, so none can be released.", "heals": False}


async def _ask_sample(
    link: Link, kinds: Sequence[TypeWindow], free_of: dict[int, list[int]], start: date, offset: int
) -> Outcome[list[Difference]]:
    """Ask the shop itself about some nights, and tell where it would sell another number than its lines say."""
    products = [kind.product_id for kind in kinds]
    answer = await link.connector.sold_nights(products, start, start + timedelta(days=SAMPLE_NIGHTS))
    if not isinstance(answer, Done):
        return answer
    names = {kind.product_id: kind.name for kind in kinds}
    return Done(
        [
            {
                "kind": "counted_otherwise",
                "subject": f"product:{sold.room_type_id}:{sold.night}",
                "room_type": names[sold.room_type_id],
                "start": sold.night.isoformat(),
                "end": (sold.night + timedelta(days=1)).isoformat(),
                "what": f"QloApps says that {sold.free} rooms are free; by its bookings and rooms they are {counted}.",
                "why": "A room may be closed there for some dates only, which cannot be read.",
                "healing": "Asks: open or close the room in both places.",
                "heals": False,
            }
            for sold in answer.value
            if sold.free != (counted := free_of[sold.room_type_id][offset + (sold.night - start).days])
        ]
    )


async def _strangers(
    link: Link, sweep: DriftSweep, inventories: Sequence[RoomInventory], blocks: set[str]
) -> list[Difference]:
    """Find bookings that hold rooms there and that nobody knows here, and rooms that somebody else has blocked."""
    holds = {hold.holder: hold for one in inventories for hold in one.holds if hold.reference is None}
    orders = {int(holder.partition(":")[2]) for holder in holds if holder.startswith("order:") and holder not in blocks}
    async with link.database.write() as tx:
        known = set(await repository.mappings_of_orders(tx.session, link.property_id, orders))
        unknown = sorted(orders - known)
        heals = sweep.heal and link.config.sync_reservations_inbound
        for order_id in unknown if heals else ():
            await queue_pull(tx, link.property_id, order_id)
    found: list[Difference] = [
        {
            "kind": "booking_missing_here",
            "subject": f"order:{order_id}",
            "qloapps_order_id": order_id,
            "what": "It holds a room in QloApps and is not known here.",
            "healing": "Reads it.",
            "heals": True,
        }
        for order_id in unknown
    ]
    return found + [
        {
            "kind": "foreign_block",
            "subject": holder,
            "start": hold.stay.check_in.isoformat(),
            "end": hold.stay.check_out.isoformat(),
            "what": f"Something that is no booking and not ours holds room {hold.room_id} in QloApps.",
            "healing": "Asks: it is left alone, and fewer rooms are blocked beside it.",
            "heals": False,
        }
        for holder, hold in holds.items()
        if holder.startswith("line:") and holder not in blocks
    ]
