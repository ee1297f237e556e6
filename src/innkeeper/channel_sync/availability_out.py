"""Makes QloApps sell what the house has left, night by night, by blocking what is too much and nothing else."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from time import perf_counter
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.channel_sync import ari, ari_repository, ari_work, giving_way
from innkeeper.channel_sync.ari import Run, Step
from innkeeper.channel_sync.connection import Link
from innkeeper.channel_sync.logs import block_log, milliseconds_since
from innkeeper.channel_sync.result import SyncResult
from innkeeper.channel_sync.tables import Block, TypeState
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.channel import BlockDraft, ChannelBlock, RoomInventory
from innkeeper.domain.ids import new_id
from innkeeper.domain.outcome import Done, Later, Outcome, Refused, Unknown
from innkeeper.domain.stay import Stay
from innkeeper.house import availability, properties, rates
from innkeeper.house.tables import Property

#: How far ahead QloApps is told, in nights from the business date on.
WINDOW_NIGHTS = 365

#: How often it is looked whether a block has come that was never answered, before it is taken for never made.
LOOKS = 4

#: Guests book while blocks are made; so often the rest is planned anew within one push.
ROUNDS = 6

#: Refusals that say that the shop is not as it was when it was read.
_MOVED = frozenset({"NOT_AVAILABLE", "NOT_FOUND"})


@dataclass(frozen=True, slots=True)
class PushOptions:
    """What to push: some types or all, where something changed on the nights from `start` to `end`.

    `look` looks at every type there, also where nothing has changed here; `full` also reads everything afresh that is
    otherwise believed for a while.
    """

    room_type_ids: Collection[UUID] | None = None
    start: date | None = None
    end: date | None = None
    look: bool = False
    full: bool = False
    dry_run: bool = False


@dataclass(slots=True)
class TypeWindow:
    """A room type to be told of: how many rooms may be sold on each night of the window."""

    room_type_id: UUID
    name: str
    product_id: int
    wanted: list[int]


@dataclass(slots=True)
class _Push:
    """One push while it lasts."""

    link: Link
    options: PushOptions
    result: SyncResult
    start: date
    end: date
    types: list[TypeWindow]
    #: Rooms on nights that the shop refused although nothing holds them there: they are not for sale.
    closed: set[tuple[int, int]] = field(default_factory=set)
    #: The references of our blocks by their id, where this push has looked for all of them.
    marked: dict[str, str] = field(default_factory=dict)
    refused: set[Run] = field(default_factory=set)
    moved: bool = False
    #: When the step in hand began, by `perf_counter`.
    begun: float = 0.0


def window_of(house: Property) -> tuple[date, date]:
    """Return the nights that the broker is told of, the end exclusive."""
    return house.business_date, house.business_date + timedelta(days=WINDOW_NIGHTS)


async def type_windows(
    session: AsyncSession, link: Link, house: Property, only: Collection[UUID] | None = None
) -> list[TypeWindow]:
    """Return what may be sold of each mapped type: what is left, and nothing on a night that is closed."""
    start, end = window_of(house)
    pairs = await ari_repository.outward_types(session, link.property_id, link.config.qloapps_hotel_id, only)
    kinds = [kind for kind, _ in pairs]
    if not kinds:
        return []
    window = await availability.load(session, [kind.id for kind in kinds], start, end)
    closed = {(one.room_type_id, one.night) for one in await rates.window(session, kinds, start, end) if one.closed}
    return [
        TypeWindow(
            kind.id,
            kind.name,
            product_id,
            [
                0 if (kind.id, night) in closed else max(0, left)
                for night, left in zip(window.nights, window.types[kind.id].available, strict=True)
            ],
        )
        for kind, product_id in pairs
    ]


async def push_availability(link: Link, options: PushOptions, result: SyncResult) -> Outcome[Any]:
    """Make QloApps sell what the house has left. Costs no request where nothing has changed since the last push.

    The outcome is Done when both sides are equal as far as blocks can make them, STEPPED_ASIDE when it ended for more
    urgent work, else what the broker answered; what was done until then is remembered, and the next push goes on from
    what stands there.
    """
    before = link.connector.requests_made
    if not link.may_write and not options.dry_run:
        return Done(f"the connection is in {link.config.mode}, not live")
    try:
        return await _push(link, options, result)
    finally:
        result.requests += link.connector.requests_made - before


async def _push(link: Link, options: PushOptions, result: SyncResult) -> Outcome[Any]:
    async with link.database.read() as session:
        house = await properties.get(session, link.property_id)
        types = await type_windows(session, link, house, options.room_type_ids)
        states = await ari_repository.type_states(session, link.property_id)
        rows = await ari_repository.blocks(session, link.property_id)
    start, end = window_of(house)
    pending = {row.room_type_id for row in rows if row.status == "pending"}
    everything = options.full or options.look
    touched = [
        kind
        for kind in types
        if everything or kind.room_type_id in pending or _changed(kind, states.get(kind.room_type_id), start, options)
    ]
    for _ in range(len(types) - len(touched)):
        result.count("skip")
    push = _Push(link, options, result, start, end, touched)
    # of a type that was never told of, blocks may stand that nobody remembers: of an earlier installation, or mapping
    untold = any(_never_told(states.get(kind.room_type_id)) for kind in types)
    if options.full or untold or pending & {kind.room_type_id for kind in types}:
        answer = await _look_for_blocks(push)
        if not isinstance(answer, Done):
            return answer
    if not touched:
        return Done(result)
    for _ in range(ROUNDS):
        outcome = await _round(push, fresh=options.full or push.moved)
        if outcome is not None:
            return outcome
    return Later("rooms were booked there while blocks were made; the rest is planned anew", 5, code="ROOMS_MOVED")


def _never_told(state: TypeState | None) -> bool:
    return state is None or state.nights_at is None


def _changed(kind: TypeWindow, state: TypeState | None, start: date, options: PushOptions) -> bool:
    """Whether something else is left on a night than when both sides were last made equal."""
    if state is None or state.nights_from is None or state.nights_from > start:
        return True
    told = state.nights[(start - state.nights_from).days :]
    first = max(0, (options.start - start).days) if options.start else 0
    last = min(len(kind.wanted), (options.end - start).days) if options.end else len(kind.wanted)
    return any(night >= len(told) or told[night] != kind.wanted[night] for night in range(first, last))


async def _round(push: _Push, *, fresh: bool) -> Outcome[Any] | None:
    """Look at the shop, and do what is to be done there. None asks for another look."""
    link = push.link
    products = [kind.product_id for kind in push.types]
    answer = await link.connector.inventory(products, push.start, push.end, fresh=fresh)
    if not isinstance(answer, Done):
        return answer
    found = {one.room_type_id: one for one in answer.value}
    async with link.database.read() as session:
        rows = await ari_repository.blocks(session, link.property_id)
    ours = _ours({**push.marked, **{row.block_id: row.reference for row in rows if row.block_id}}, answer.value)
    push.moved = False
    acted = False
    grown = _grown(ours, answer.value)
    for kind in push.types:
        free, standing = _view(push, found[kind.product_id], ours)
        target = ari.plan(free, ari.demand(free, kind.wanted), list(standing.values()))
        todo = ari.steps(standing, target, kind.wanted)
        if grown:  # what else is to be done is seen when they are gone
            todo = [
                Step("release", run, key)
                for key, run in standing.items()
                if key in grown and ours[key].room_type_id == kind.product_id
            ]
        if push.options.dry_run:
            _tell(push, kind, todo)
            continue
        await _keep_rows(push, kind, ours, rows)
        for step in todo:
            if acted and await giving_way.must_step_aside(link, ari_work.PRIORITY[ari_work.AVAILABILITY]):
                return await _step_aside(push)
            acted = True
            outcome = await _do(push, kind, step, ours)
            if outcome is not None:
                return outcome
            if push.moved:
                return None
    if push.options.dry_run:
        return Done(push.result)
    if acted:
        # what stands there now is read once more: guests, staff and lost answers may have come in between
        return None
    await _remember(push)
    if not push.result.actions:
        for _ in push.types:
            push.result.count("skip")
    return Done(push.result)


async def _step_aside(push: _Push) -> Outcome[Any]:
    """End for more urgent work; whoever goes on looks at all types of this push again and finds what stands there."""
    async with push.link.database.write() as tx:
        kinds = [kind.room_type_id for kind in push.types]
        await ari_repository.distrust_nights(tx.session, push.link.property_id, kinds)
    return giving_way.STEPPED_ASIDE


def _ours(known: Mapping[str, str], inventories: Sequence[RoomInventory]) -> dict[str, ChannelBlock]:
    """Return our blocks as they stand there, by their id; `known` are references by id."""
    found = {}
    for inventory in inventories:
        for hold in inventory.holds:
            reference = hold.reference if hold.reference is not None else known.get(hold.holder)
            if reference is not None:
                found[hold.holder] = ChannelBlock(
                    hold.holder, reference, inventory.room_type_id, hold.room_id, hold.line_id, hold.stay
                )
    return found


def _grown(ours: Mapping[str, ChannelBlock], inventories: Sequence[RoomInventory]) -> set[str]:
    """Return our blocks that hold more rooms than one, since somebody has added a room to them there."""
    holds = Counter(hold.holder for inventory in inventories for hold in inventory.holds)
    return {holder for holder in ours if holds[holder] > 1}


def _view(
    push: _Push, inventory: RoomInventory, ours: Mapping[str, ChannelBlock]
) -> tuple[list[frozenset[int]], dict[str, Run]]:
    """Return the rooms that are free but for our blocks on each night, and our blocks, cut to the window."""
    nights = (push.end - push.start).days
    taken: dict[int, set[int]] = defaultdict(set)
    standing = {}
    for hold in inventory.holds:
        first = max(0, (hold.stay.check_in - push.start).days)
        last = min(nights, (hold.stay.check_out - push.start).days)
        if hold.holder in ours:
            standing[hold.holder] = Run(hold.room_id, first, last)
        else:
            taken[hold.room_id].update(range(first, last))
    shut = push.refused & {run for run in push.refused if not taken[run.room_id] & set(run.nights)}
    push.closed |= {(run.room_id, night) for run in shut for night in run.nights}
    free = [
        frozenset(room for room in inventory.room_ids if night not in taken[room] and (room, night) not in push.closed)
        for night in range(nights)
    ]
    return free, standing


def _stay(push: _Push, run: Run, block: ChannelBlock | None = None) -> Stay:
    """Return the dates of a run; what a block holds outside of the window stays as it is."""
    first, last = push.start + timedelta(days=run.first), push.start + timedelta(days=run.last)
    if block is not None and run.first == 0:
        first = min(first, block.stay.check_in)
    if block is not None and last == push.end:
        last = max(last, block.stay.check_out)
    return Stay(first, last)


async def _do(push: _Push, kind: TypeWindow, step: Step, ours: Mapping[str, ChannelBlock]) -> Outcome[Any] | None:
    """Do one step and write it down. None when it is done, or when the shop is not as it was (`push.moved`)."""
    block = ours.get(step.key)
    push.begun = perf_counter()
    if step.what == "make":
        answer: Outcome[Any] = await _make(push, kind, step.run)
    elif block is None:
        return None
    elif step.what == "reshape":
        answer = await push.link.connector.reshape_block(block, _stay(push, step.run, block))
        if isinstance(answer, Done):
            await _write_down(push, kind, "update", answer.value)
    else:
        answer = await push.link.connector.release_block(block)
        if isinstance(answer, Done):
            await _write_down(push, kind, "delete", block)
    if isinstance(answer, Done):
        push.result.count("create" if step.what == "make" else "update")
        push.result.act(**_said(push, kind, step))
        return None
    if isinstance(answer, Refused) and answer.code in _MOVED:
        push.moved = True
        return None
    push.result.count("fail")
    push.result.fail(f"{kind.name}: {answer.message if isinstance(answer, Refused) else answer.reason}")
    return answer


async def _make(push: _Push, kind: TypeWindow, run: Run) -> Outcome[ChannelBlock]:
    """Make a block; its row is committed before, so that it is found again whatever happens."""
    link = push.link
    draft = BlockDraft(new_id().hex, kind.product_id, run.room_id, _stay(push, run))
    async with link.database.write() as tx:
        tx.session.add(
            Block(
                property_id=link.property_id,
                room_type_id=kind.room_type_id,
                qloapps_product_id=kind.product_id,
                reference=draft.reference,
                room_id=run.room_id,
                check_in=draft.stay.check_in,
                check_out=draft.stay.check_out,
            )
        )
    answer = await link.connector.make_block(draft)
    if isinstance(answer, Done):
        await _write_down(push, kind, "create", answer.value)
    elif not isinstance(answer, Unknown):
        if isinstance(answer, Refused) and answer.code in _MOVED:
            push.refused.add(run)
        async with link.database.write() as tx:
            row = await ari_repository.block_of_reference(tx.session, link.property_id, draft.reference)
            if row is not None:
                await tx.session.delete(row)
    return answer


async def _write_down(push: _Push, kind: TypeWindow, operation: str, block: ChannelBlock) -> None:
    link = push.link
    async with link.database.write() as tx:
        row = await ari_repository.block_of_reference(tx.session, link.property_id, block.reference)
        if operation == "delete" and row is not None:
            await tx.session.delete(row)
        elif row is not None:
            _set(row, block)
        took = milliseconds_since(push.begun)
        tx.session.add(block_log(link.property_id, kind.room_type_id, operation, block, push.result.sync_id, took))


def _set(row: Block, block: ChannelBlock) -> None:
    row.status, row.looks = "standing", 0
    row.block_id, row.line_id, row.room_id = block.block_id, block.line_id, block.room_id
    row.check_in, row.check_out = block.stay.check_in, block.stay.check_out


async def _keep_rows(push: _Push, kind: TypeWindow, ours: Mapping[str, ChannelBlock], rows: Sequence[Block]) -> None:
    """Make the rows of this type's blocks what stands there: moved, cancelled or found again."""
    link = push.link
    standing = {block.block_id: block for block in ours.values() if block.room_type_id == kind.product_id}
    mine = [row for row in rows if row.room_type_id == kind.room_type_id and row.block_id]
    gone = [row.id for row in mine if row.block_id not in standing]
    known = {row.block_id: row for row in mine}
    differs = [b for b in standing.values() if b.block_id not in known or _differs(known[b.block_id], b)]
    if not gone and not differs:
        return
    async with link.database.write() as tx:
        await ari_repository.forget_blocks(tx.session, link.property_id, gone)
        for block in differs:
            await _adopt(tx.session, link.property_id, kind.room_type_id, block)


def _differs(row: Block, block: ChannelBlock) -> bool:
    return (row.line_id, row.room_id, row.check_in, row.check_out) != (
        block.line_id,
        block.room_id,
        block.stay.check_in,
        block.stay.check_out,
    )


async def _adopt(session: AsyncSession, property_id: UUID, room_type_id: UUID, block: ChannelBlock) -> None:
    row = await ari_repository.block_of_reference(session, property_id, block.reference)
    if row is not None and row.block_id not in (None, block.block_id):
        row = None  # a copy that somebody's proxy made of a block
        block = ChannelBlock(block.block_id, new_id().hex, block.room_type_id, block.room_id, block.line_id, block.stay)
    if row is None:
        row = Block(
            property_id=property_id,
            room_type_id=room_type_id,
            qloapps_product_id=block.room_type_id,
            reference=block.reference,
        )
        session.add(row)
    _set(row, block)


async def _look_for_blocks(push: _Push) -> Outcome[Any]:
    """Read all blocks that bear our mark: those that were never answered are found, or given up after some looks."""
    link = push.link
    answer = await link.connector.blocks(push.start)
    if not isinstance(answer, Done):
        return answer
    push.marked = {block.block_id: block.reference for block in answer.value}
    if push.options.dry_run:
        return answer
    async with link.database.write() as tx:
        pairs = await ari_repository.outward_types(tx.session, link.property_id, link.config.qloapps_hotel_id)
        type_of = {product_id: kind.id for kind, product_id in pairs}
        rows = await ari_repository.blocks(tx.session, link.property_id)
        known = {row.block_id for row in rows if row.block_id}
        for block in answer.value:
            if block.block_id not in known and block.room_type_id in type_of:
                await _adopt(tx.session, link.property_id, type_of[block.room_type_id], block)
        found = {block.reference for block in answer.value}
        for row in rows:
            if row.status == "pending" and row.reference not in found:
                row.looks += 1
                if row.looks >= LOOKS:
                    await tx.session.delete(row)
    return answer


async def _remember(push: _Push) -> None:
    """Keep what was told, and forget blocks of nights that are over."""
    async with push.link.database.write() as tx:
        for kind in push.types:
            state = await ari_repository.type_state(tx.session, push.link.property_id, kind.room_type_id)
            state.nights_from, state.nights, state.nights_at = push.start, list(kind.wanted), utc_now()
        rows = await ari_repository.blocks(tx.session, push.link.property_id)
        past = [row.id for row in rows if row.check_out <= push.start]
        await ari_repository.forget_blocks(tx.session, push.link.property_id, past)


def _tell(push: _Push, kind: TypeWindow, todo: Sequence[Step]) -> None:
    """List what would be done."""
    for step in todo:
        push.result.count("create" if step.what == "make" else "update")
        push.result.act(**_said(push, kind, step))
    if not todo:
        push.result.count("skip")


def _said(push: _Push, kind: TypeWindow, step: Step) -> dict[str, Any]:
    stay = _stay(push, step.run)
    return {
        "action": {"make": "block", "reshape": "change block", "release": "release block"}[step.what],
        "room_type": kind.name,
        "room_id": step.run.room_id,
        "start": stay.check_in.isoformat(),
        "end": stay.check_out.isoformat(),
    }


async def remove_blocks(link: Link, result: SyncResult) -> Outcome[Any]:
    """Release every block of ours, also one that is not remembered; the caller has switched the pushing off."""
    before = link.connector.requests_made
    try:
        async with link.database.read() as session:
            house = await properties.get(session, link.property_id)
        answer = await link.connector.blocks(house.business_date)
        if not isinstance(answer, Done):
            return answer
        for block in answer.value:
            released = await link.connector.release_block(block)
            if not isinstance(released, Done):
                result.count("fail")
                result.fail(released.message if isinstance(released, Refused) else released.reason)
                return released
            result.count("update")
            result.act(action="release block", room_id=block.room_id, start=str(block.stay.check_in))
        async with link.database.write() as tx:
            rows = await ari_repository.blocks(tx.session, link.property_id)
            await ari_repository.forget_blocks(tx.session, link.property_id, [row.id for row in rows])
            kinds = list(await ari_repository.type_states(tx.session, link.property_id))
            await ari_repository.distrust_nights(tx.session, link.property_id, kinds)
    finally:
        result.requests += link.connector.requests_made - before
    return Done(result)
