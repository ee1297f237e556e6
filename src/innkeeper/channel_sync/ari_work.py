"""Puts the pushing of rooms and prices on the queue: one job for each room type, however often it is touched."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any
from uuid import UUID

from innkeeper.channel_sync import ari_repository, repository
from innkeeper.channel_sync.connection import lane
from innkeeper.channel_sync.customers import ORIGIN
from innkeeper.channel_sync.tables import Config
from innkeeper.channel_sync.work import PUSH
from innkeeper.house import availability
from innkeeper.house import events as house_events
from innkeeper.jobs.queue import JobSpec, enqueue_many
from innkeeper.storage.database import Tx
from innkeeper.storage.outbox import Event

AVAILABILITY = "channel.availability"
RATES = "channel.rates"
DRIFT = "channel.drift"
LET_GO = "channel.let_go"

#: After the reservations themselves, which take their rooms there: what they leave to block is then little or nothing.
PRIORITY = {LET_GO: 20, AVAILABILITY: 25, RATES: 35, DRIFT: 80}

#: With so few rooms left on a night, the next guest there may take one that is gone: this overtakes everything.
FEW_LEFT = 1
URGENT_PUSH, URGENT = 4, 5

#: A full push comes after the synchronisation that is queued with it, for the same reason as above.
CATCH_UP = 45

#: What room types announce that changes prices or limits of stay, and what changes how many can be sold.
_PRICED = frozenset({"price_per_night", "min_stay", "max_stay", "created"})
_COUNTED = frozenset({"rooms", "maintenance", "created", "deleted"})

_KEY = "channel_sync.touched"


@dataclass
class Touched:
    """What one transaction has touched of one property so far."""

    counted: dict[UUID, tuple[date | None, date | None]] = field(default_factory=dict)
    priced: set[UUID] = field(default_factory=set)
    #: Reservations that the push will carry there.
    sent: set[UUID] = field(default_factory=set)
    #: Types of which a booking changed there: more may be sold there now, even where no other number is left here.
    moved: set[UUID] = field(default_factory=set)

    def count(self, room_type_ids: Collection[UUID], start: date | None, end: date | None) -> None:
        """Note nights on which something else may be left; None stands for all of them."""
        for room_type_id in room_type_ids:
            before = self.counted.get(room_type_id, (start, end))
            widest = (min(before[0], start), max(before[1], end)) if all((*before, start, end)) else (None, None)  # type: ignore[type-var]
            self.counted[room_type_id] = widest


def note(tx: Tx, event: Event, *, sent: bool) -> None:
    """Note what an announced change touches; the jobs are queued once, at the end of the transaction."""
    kinds = [_kind(text) for text in event.payload.get("room_type_ids", ())]
    if not kinds:
        return
    start, end = (date.fromisoformat(text) if (text := event.payload.get(name)) else None for name in ("start", "end"))
    touched = _touched(tx, event.property_id)
    if event.name.startswith("reservation."):
        touched.count(kinds, start, end)
        touched.sent.update([event.entity_id] if sent else ())
        touched.moved.update(kinds if event.origin == ORIGIN else ())
        return
    changed = set(event.payload.get("changed", ()))
    if event.name == house_events.RATE_UPDATED:
        touched.priced.update(kinds if changed - {"closed"} else ())
        touched.count(kinds if "closed" in changed else (), start, end)
    elif event.name == house_events.ROOM_TYPE_UPDATED:
        touched.priced.update(kinds if changed & _PRICED else ())
        touched.count(kinds if changed & _COUNTED else (), start, end)


@lru_cache(maxsize=1024)
def _kind(text: str) -> UUID:
    """Return the room type of an event; ten thousand bookings in a row are of a few types."""
    return UUID(text)


def _touched(tx: Tx, property_id: UUID) -> Touched:
    known: dict[UUID, Touched] = tx.session.info.setdefault(_KEY, {})
    if not known:
        tx.before_commit(lambda: _queue_touched(tx))
    return known.setdefault(property_id, Touched())


async def _queue_touched(tx: Tx) -> None:
    touched_by_property: dict[UUID, Touched] = tx.session.info.pop(_KEY, {})
    for property_id, touched in touched_by_property.items():
        config = await repository.config_once(tx.session, property_id)
        if config is None or not config.sync_enabled or config.mode != "live":
            continue
        specs = []
        if config.sync_availability and touched.moved:
            await ari_repository.distrust_nights(tx.session, property_id, touched.moved)
        if config.sync_availability and touched.counted:
            few = await _few_left(tx, touched)
            specs += [_spec(AVAILABILITY, property_id, kind, urgent=kind in few) for kind in touched.counted]
            specs += [_urgent_push(property_id, one) for one in touched.sent] if few else []
        if config.sync_rates:
            specs += [_spec(RATES, property_id, kind) for kind in touched.priced]
        if specs:
            await enqueue_many(tx, specs)


async def _few_left(tx: Tx, touched: Touched) -> set[UUID]:
    """Return the touched types that have few rooms left on a touched night."""
    nights = {kind: (start, end) for kind, (start, end) in touched.counted.items() if start and end and start < end}
    if not nights:
        return set()
    await tx.session.flush()
    first, last = min(start for start, _ in nights.values()), max(end for _, end in nights.values())
    window = await availability.load(tx.session, list(nights), first, last)
    few = set()
    for kind, (start, end) in nights.items():
        left = window.types[kind].available[(start - first).days : (end - first).days]
        if min(left, default=FEW_LEFT + 1) <= FEW_LEFT:
            few.add(kind)
    return few


async def queue_types(tx: Tx, config: Config, room_type_ids: Collection[UUID]) -> None:
    """Look at these types there, whatever is remembered of them: something has just changed on that side."""
    if room_type_ids and config.sync_enabled and config.sync_availability and config.mode == "live":
        await ari_repository.distrust_nights(tx.session, config.property_id, room_type_ids)
        await enqueue_many(tx, [_spec(AVAILABILITY, config.property_id, kind) for kind in room_type_ids])


async def queue_mapped(tx: Tx, property_id: UUID, room_type_id: UUID) -> None:
    """Push rooms and prices of a type that has just got its mapping."""
    config = await repository.config_once(tx.session, property_id)
    if config is None or not config.sync_enabled or config.mode != "live":
        return
    kinds = [AVAILABILITY] * config.sync_availability + [RATES] * config.sync_rates
    if kinds:
        await enqueue_many(tx, [_spec(kind, property_id, room_type_id) for kind in kinds])


async def queue_let_go(tx: Tx, property_id: UUID, product_id: int, room_type_id: UUID) -> None:
    """Take back what the broker was told of a type that has just lost its mapping."""
    config = await repository.config_once(tx.session, property_id)
    if config is None or not config.sync_enabled or config.mode != "live":
        return
    payload = {"product_id": product_id, "room_type_id": str(room_type_id)}
    await enqueue_many(tx, [_job(LET_GO, property_id, str(product_id), payload)])


async def queue_window(tx: Tx, config: Config) -> None:
    """Push rooms and prices of every type: the window has moved by a night."""
    kinds = [AVAILABILITY] * config.sync_availability + [RATES] * config.sync_rates
    if kinds:
        await enqueue_many(tx, [_spec(kind, config.property_id, None) for kind in kinds])


async def queue_catch_up(tx: Tx, config: Config) -> None:
    """Push rooms and prices of every type, and take back what stands of types that are not sent: sending has begun.

    While it was off nobody looked there, mappings may have gone, and an installation that is no more may have sent to
    the same shop. So everything is read afresh, also which blocks are ours. It has keys of its own: a push of what has
    changed must not take its place.
    """
    kinds = [AVAILABILITY] * config.sync_availability + [RATES] * config.sync_rates
    if kinds:
        specs = [_spec(kind, config.property_id, None, full=True) for kind in kinds]
        await enqueue_many(tx, [_job(LET_GO, config.property_id, "all", {}), *specs])


async def queue_rest(tx: Tx, property_id: UUID, kind: str, *, full: bool) -> None:
    """Go on with rooms or prices of every type, where a synchronisation has stepped aside for more urgent work."""
    await enqueue_many(tx, [_spec(kind, property_id, None, full=full)])


async def queue_drift(tx: Tx, property_id: UUID, sweep_id: UUID) -> None:
    """Go on with a comparison of both sides."""
    await enqueue_many(tx, [_job(DRIFT, property_id, str(sweep_id), {"sweep_id": str(sweep_id)})])


def _spec(
    kind: str, property_id: UUID, room_type_id: UUID | None, *, urgent: bool = False, full: bool = False
) -> JobSpec:
    payload: dict[str, Any] = {"room_type_id": str(room_type_id)} if room_type_id else {}
    key = str(room_type_id or ("full" if full else "all"))
    priority = URGENT if urgent else CATCH_UP if full else None
    return _job(kind, property_id, key, {**payload, "full": True} if full else payload, priority)


def _job(kind: str, property_id: UUID, key: str, payload: Mapping[str, Any], priority: int | None = None) -> JobSpec:
    return JobSpec(
        kind=kind,
        key=key,
        property_id=property_id,
        lane=lane(property_id),
        payload=payload,
        priority=PRIORITY[kind] if priority is None else priority,
    )


def _urgent_push(property_id: UUID, reservation_id: UUID) -> JobSpec:
    """Return the push of a reservation that takes one of the last rooms: it is the best block there is."""
    return JobSpec(
        kind=PUSH,
        key=str(reservation_id),
        property_id=property_id,
        lane=lane(property_id),
        payload={"reservation_id": str(reservation_id)},
        priority=URGENT_PUSH,
    )
