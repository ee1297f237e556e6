"""Runs synchronisations: one at a time in a property's lane, each with its row, its counts and its end."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

import structlog

from innkeeper.channel_sync import ari_work, drift, repository, watch
from innkeeper.channel_sync.availability_out import PushOptions, push_availability
from innkeeper.channel_sync.availability_out import remove_blocks as release_all
from innkeeper.channel_sync.connection import Channels, Link, lane, require_config
from innkeeper.channel_sync.contacts import CUT_OFF, INBOUND, OUTBOUND, note_answer, note_contact, open_link
from innkeeper.channel_sync.giving_way import STEPPED_ASIDE
from innkeeper.channel_sync.inbound import InboundOptions
from innkeeper.channel_sync.inbound import run as run_inbound
from innkeeper.channel_sync.outbound import push
from innkeeper.channel_sync.prices_out import push_rates
from innkeeper.channel_sync.result import SyncResult
from innkeeper.channel_sync.room_types import sync_room_types
from innkeeper.channel_sync.tables import Config, SyncState
from innkeeper.channel_sync.work import queue_sync
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.errors import Invalid
from innkeeper.domain.ids import new_id
from innkeeper.domain.outcome import Done, Later, Outcome, Refused, Unknown
from innkeeper.domain.quoting import quoted
from innkeeper.house import properties
from innkeeper.jobs.leases import lease

log = structlog.get_logger(__name__)

#: What can be asked for, and the name of its runs in `qloapps_sync_state`.
KINDS: Mapping[str, str] = {
    "inbound": "qloapps_reservations_inbound",
    "outbound": "qloapps_reservations_outbound",
    "room-types": "qloapps_room_types_inbound",
    "availability": "qloapps_availability_outbound",
    "rates": "qloapps_rates_outbound",
    "all": "qloapps_full_sync",
}

#: Seconds that a person waits for the work in hand to finish before he is told that the lane is busy.
LANE_WAIT = 30.0
LANE_TTL = 60.0


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked to synchronise; the fields are those of the API's body."""

    what: str = "all"
    full: bool = False
    since: datetime | None = None
    limit: int | None = None
    dry_run: bool = False
    create_missing: bool = False
    #: Of rooms and prices only these nights, `end` exclusive, and this type; what differs there is sent.
    start: date | None = None
    end: date | None = None
    room_type_id: UUID | None = None

    def options(self) -> dict[str, Any]:
        """Return the request as a job carries it."""
        return {
            "what": self.what,
            "full": self.full,
            "since": self.since.isoformat() if self.since else None,
            "limit": self.limit,
            "dry_run": self.dry_run,
            "create_missing": self.create_missing,
            "start": self.start.isoformat() if self.start else None,
            "end": self.end.isoformat() if self.end else None,
            "room_type_id": str(self.room_type_id) if self.room_type_id else None,
        }

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Request":
        """Return the request that a job carries."""
        since, start, end, kind = (options.get(name) for name in ("since", "start", "end", "room_type_id"))
        return cls(
            what=options.get("what", "all"),
            full=bool(options.get("full")),
            since=datetime.fromisoformat(since) if since else None,
            limit=options.get("limit"),
            dry_run=bool(options.get("dry_run")),
            create_missing=bool(options.get("create_missing")),
            start=date.fromisoformat(start) if start else None,
            end=date.fromisoformat(end) if end else None,
            room_type_id=UUID(kind) if kind else None,
        )

    def push_options(self) -> PushOptions:
        """Return what to push of rooms and prices; a run of everything looks there, also where nothing changed."""
        return PushOptions(
            room_type_ids=[self.room_type_id] if self.room_type_id else None,
            start=self.start,
            end=self.end,
            look=self.what == "all",
            full=self.full,
            dry_run=self.dry_run,
        )


async def start(channels: Channels, property_id: UUID, request: Request) -> UUID:
    """Put a run on the queue and return its id. Raises NotFound when nothing is connected."""
    async with channels.database.write() as tx:
        await require_config(tx.session, property_id)
        state = _new_state(property_id, request, "queued")
        tx.session.add(state)
        await tx.session.flush()
        await queue_sync(tx, property_id, state.id, request.options())
    return state.id


@asynccontextmanager
async def hold_lane(channels: Channels, property_id: UUID, what: str) -> AsyncIterator[None]:
    """Be the only one who talks to the property's QloApps. Raises LeaseHeld when it stays busy."""
    name = f"{what}:{new_id()}"
    async with lease(channels.database, lane(property_id), name, LANE_TTL, LANE_WAIT, channels.clock):
        yield


async def run_now(channels: Channels, property_id: UUID, request: Request, sync_id: UUID | None = None) -> SyncResult:
    """Run here and now, alone in the property's lane. Raises LeaseHeld when the lane stays busy, NotFound."""
    async with hold_lane(channels, property_id, "sync"):
        return await run_in_lane(channels, property_id, request, sync_id)


async def remove_blocks(channels: Channels, property_id: UUID) -> SyncResult:
    """Release every block there and switch the sending of availability off, or the next push would make them again.

    Raises LeaseHeld when the lane stays busy, NotFound when nothing is connected.
    """
    async with hold_lane(channels, property_id, "blocks"):
        async with channels.database.write() as tx:
            config = await require_config(tx.session, property_id)
            config.sync_availability = False
        result = SyncResult()
        link = await open_link(channels, property_id, OUTBOUND)
        outcome = await release_all(link, result)
        if not isinstance(outcome, Done) and not result.errors:
            result.fail(outcome.message if isinstance(outcome, Refused) else outcome.reason)
        async with channels.database.write() as tx:
            await note_contact(tx, link, outcome, OUTBOUND)
        return result.finish()


async def run_in_lane(
    channels: Channels, property_id: UUID, request: Request, sync_id: UUID | None = None, *, gives_way: bool = False
) -> SyncResult:
    """Run a synchronisation; the caller holds the lane. Raises Invalid for what cannot be, SecretUnreadable.

    With `gives_way` rooms and prices leave the lane to more urgent work that comes to wait in it; the rest is queued.
    What a job would not send, since it is switched off and only this run was asked for it, goes out in one piece.
    """
    if request.what not in KINDS:
        raise Invalid.field("what", f"{quoted(request.what)} is not one of {', '.join(KINDS)}.")
    link = await open_link(channels, property_id, INBOUND)
    result = SyncResult(dry_run=request.dry_run)
    result.sync_id = await _begin(link, request, sync_id)
    outcome: Outcome[Any] = Done(None)
    held = watch.is_held(link.config)
    if held:
        outcome = watch.HELD
        result.fail(watch.HELD.reason)
    for part in () if held else _parts(request, link.config):
        before = link.connector.requests_made
        rest = _rest_of(part, link.config) if gives_way and not request.dry_run else None
        outcome = await part(replace(link, gives_way=rest is not None), request, result)
        if outcome is STEPPED_ASIDE and rest is not None:
            async with link.database.write() as tx:
                await ari_work.queue_rest(tx, property_id, rest, full=request.full)
            outcome = Done(result)
        await note_answer(link, INBOUND if part in _READING else OUTBOUND, outcome, before)
        if not isinstance(outcome, Done):
            break
    result.finish()
    await _end(link, result, outcome)
    return result


def _rest_of(part: Callable[..., Any], config: Config) -> str | None:
    """Return the kind of job that goes on with a part which stepped aside; None where no job would send it."""
    if part is _availability and config.sync_availability:
        return ari_work.AVAILABILITY
    return ari_work.RATES if part is _rates and config.sync_rates else None


def _parts(request: Request, config: Config) -> list[Callable[[Link, Request, SyncResult], Awaitable[Outcome[Any]]]]:
    what = request.what
    parts: list[Callable[[Link, Request, SyncResult], Awaitable[Outcome[Any]]]] = []
    if what in ("room-types", "all"):
        parts.append(_room_types)
    if what == "inbound" or (what == "all" and config.sync_reservations_inbound):
        parts.append(_inbound)
    if what == "outbound" or (what == "all" and config.sync_reservations_outbound):
        parts.append(_outbound)
    if what == "availability" or (what == "all" and config.sync_availability):
        parts.append(_availability)
    if what == "rates" or (what == "all" and config.sync_rates):
        parts.append(_rates)
    if what == "all" and request.full and config.sync_availability:
        parts.append(_drift)
    return parts


async def _room_types(link: Link, request: Request, result: SyncResult) -> Outcome[Any]:
    return await sync_room_types(link, result, create_missing=request.create_missing, dry_run=request.dry_run)


async def _inbound(link: Link, request: Request, result: SyncResult) -> Outcome[Any]:
    options = InboundOptions(
        full=request.full,
        since=request.since,
        limit=request.limit,
        dry_run=request.dry_run,
        sync_state_id=None if request.dry_run else result.sync_id,
    )
    return await run_inbound(link, options, result)


async def _outbound(link: Link, request: Request, result: SyncResult) -> Outcome[Any]:
    """Push whatever the broker may not know yet: never sent, unsettled, or changed since it was agreed.

    What was refused for want of a room waits for a room there or for a person; a full run asks for it again.
    """
    async with link.database.read() as session:
        house = await properties.get(session, link.property_id)
        found = [
            *await repository.unsettled_mappings(session, link.property_id),
            *await repository.changed_since_agreed(session, link.property_id),
            *await repository.unsent_reservations(session, link.property_id, house.business_date),
            *(await repository.refused_reservations(session, link.property_id) if request.full else ()),
        ]
    waiting = list(dict.fromkeys(found))
    for reservation_id in waiting[: request.limit]:
        outcome = await push(link, reservation_id, result, dry_run=request.dry_run)
        if isinstance(outcome, Later) and outcome.after_seconds == 0:
            outcome = await push(link, reservation_id, result, dry_run=request.dry_run)
        if _is_down(outcome):
            return outcome
    return Done(result)


async def _availability(link: Link, request: Request, result: SyncResult) -> Outcome[Any]:
    return await push_availability(link, request.push_options(), result)


async def _rates(link: Link, request: Request, result: SyncResult) -> Outcome[Any]:
    return await push_rates(link, request.push_options(), result)


async def _drift(link: Link, request: Request, result: SyncResult) -> Outcome[Any]:
    """Compare both sides and list where they differ; a dry run heals nothing."""
    before = link.connector.requests_made
    answer = await drift.run(link, heal=not request.dry_run)
    result.requests += link.connector.requests_made - before
    if isinstance(answer, Done):
        for difference in answer.value.differences:
            result.act(action="differs", **difference)
    return answer


#: Parts of a run that read; the others write.
_READING = frozenset((_room_types, _inbound))


def _is_down(outcome: Outcome[Any]) -> bool:
    """Whether the far side cannot be spoken to at all, so that the next reservation would fare no better."""
    return isinstance(outcome, Later | Unknown) or (isinstance(outcome, Refused) and outcome.code in CUT_OFF)


async def _begin(link: Link, request: Request, sync_id: UUID | None) -> UUID:
    async with link.database.write() as tx:
        state = await repository.sync_state(tx.session, link.property_id, sync_id) if sync_id else None
        if state is None:
            state = _new_state(link.property_id, request, "running")
            tx.session.add(state)
        state.status, state.started_at = "running", utc_now()
        await tx.session.flush()
        return state.id


async def _end(link: Link, result: SyncResult, outcome: Outcome[Any]) -> None:
    async with link.database.write() as tx:
        state = await repository.sync_state(tx.session, link.property_id, result.sync_id) if result.sync_id else None
        if state is not None:
            done = isinstance(outcome, Done)
            state.status = "completed" if done else "failed"
            state.completed_at = utc_now()
            state.last_successful_sync = state.completed_at if done else None
            state.items_processed, state.items_created = result.synced, result.created
            state.items_updated, state.items_failed = result.updated, result.failed
            state.duration_ms = result.duration_ms
            state.error_message = "; ".join(result.errors) or None
            state.metadata_ = {**state.metadata_, "requests": result.requests, "skipped": result.skipped}
            state.sync_cursor = await repository.cursor(tx.session, link.property_id)


def _new_state(property_id: UUID, request: Request, status: str) -> SyncState:
    return SyncState(
        property_id=property_id,
        sync_type=KINDS.get(request.what, KINDS["all"]),
        status=status,
        started_at=utc_now(),
        metadata_=request.options(),
    )
