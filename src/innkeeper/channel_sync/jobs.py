"""What the workers run for channel sync, and what the scheduler asks them to run."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from innkeeper.channel_sync import ari_jobs, ari_work, attention, giving_way, log_repository, repository, watch, work
from innkeeper.channel_sync.absorb import absorb
from innkeeper.channel_sync.book import open_book
from innkeeper.channel_sync.connection import Channels
from innkeeper.channel_sync.contacts import (
    INBOUND,
    LACKS_RIGHT,
    OUTBOUND,
    note_answer,
    open_link,
    patient,
    until_readable,
)
from innkeeper.channel_sync.details import fetch_details
from innkeeper.channel_sync.inbound import InboundOptions
from innkeeper.channel_sync.inbound import run as run_inbound
from innkeeper.channel_sync.outbound import push
from innkeeper.channel_sync.result import SyncResult
from innkeeper.channel_sync.runs import KINDS, Request, run_in_lane
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.outcome import Done, Later, Outcome
from innkeeper.jobs.queue import Job
from innkeeper.jobs.worker import Handler
from innkeeper.storage.database import Tx
from innkeeper.storage.secrets import SecretUnreadable

#: Seconds between two looks whether anything has changed there; a look that finds nothing costs two requests.
PEEK_SECONDS = 10.0

#: Seconds between two looks at the shop as a whole, each about six requests.
CHECK_SECONDS = 600.0


#: Sends an alert; False when it was not delivered everywhere.
Send = Callable[[str, str], Awaitable[bool]]


def handlers(channels: Channels, send: Send | None = None) -> Mapping[str, Handler]:
    """Return what to do for each kind of job; without `send`, nobody is alerted."""

    async def do_push(job: Job) -> Outcome[Any]:
        link = await channels.link(job.property_id)
        return await push(link, UUID(job.payload["reservation_id"]), SyncResult())

    async def do_poll(job: Job) -> Outcome[Any]:
        link = await channels.link(job.property_id)
        return await run_inbound(link, InboundOptions(), SyncResult())

    async def do_pull(job: Job) -> Outcome[Any]:
        return await pull(channels, job.property_id, int(job.payload["order_id"]))

    async def do_details(job: Job) -> Outcome[Any]:
        link = await channels.link(job.property_id)
        return await fetch_details(link, int(job.payload["order_id"]))

    async def do_check(job: Job) -> Outcome[Any]:
        return await watch.check(await channels.link(job.property_id))

    async def do_sync(job: Job) -> Outcome[Any]:
        asked = job.payload.get("sync_id")
        request = Request.of(job.payload)
        try:
            sync_id = UUID(asked) if asked else None
            result = await run_in_lane(channels, job.property_id, request, sync_id, gives_way=True)
        except SecretUnreadable as error:
            return until_readable(error)
        # A run that failed is written down as such; the next one starts where this one ended.
        return Done(result.document())

    async def do_prune(job: Job) -> Outcome[Any]:
        async with channels.database.write(long=True) as tx:
            config = await repository.config(tx.session, job.property_id)
            if config is None:
                return Done(0)
            now = utc_now()
            guests_before = now - timedelta(days=config.personal_data_days)
            await log_repository.redact_old(tx.session, job.property_id, before=guests_before)
            before = now - timedelta(days=config.log_retention_days)
            return Done(
                await repository.prune_logs(tx.session, job.property_id, before=before, keep=config.log_retention_rows)
            )

    async def do_alert(job: Job) -> Outcome[Any]:
        if send is None or await send(job.payload["title"], job.payload["body"]):
            return Done(None)
        return Later("the alert could not be delivered")

    rooms_and_prices = ari_jobs.handlers(channels).items()
    return {
        **{kind: _stepping_aside(channels, _noting(channels, OUTBOUND, each)) for kind, each in rooms_and_prices},
        work.PUSH: _noting(channels, OUTBOUND, do_push),
        work.ALERT: do_alert,
        work.POLL: _noting(channels, INBOUND, do_poll),
        work.PULL: _noting(channels, INBOUND, do_pull),
        work.DETAILS: _stepping_aside(channels, _noting(channels, INBOUND, do_details)),
        work.CHECK: _noting(channels, INBOUND, do_check),
        work.SYNC: do_sync,
        work.PRUNE: do_prune,
    }


def _stepping_aside(channels: Channels, handler: Handler) -> Handler:
    """Return the handler for work that can wait, unless it is urgent: it leaves a part of the budget to the others."""

    async def stepped(job: Job) -> Outcome[Any]:
        if job.priority > ari_work.URGENT:
            try:
                link = await channels.link(job.property_id)
            except SecretUnreadable as error:
                return until_readable(error)
            if not await giving_way.may_take(link, job.priority):
                return giving_way.STEPPED_ASIDE
        return await handler(job)

    return stepped


def _noting(channels: Channels, direction: str, handler: Handler) -> Handler:
    """Return the handler that also writes down how the contact went."""

    async def noted(job: Job) -> Outcome[Any]:
        try:
            link = await open_link(channels, job.property_id, direction)
        except SecretUnreadable as error:
            return until_readable(error)
        before = link.connector.requests_made
        if watch.is_held(link.config) and job.kind != work.CHECK:
            return watch.HELD
        outcome = await handler(job)
        # whoever stepped aside had good answers until then
        answered = Done(None) if outcome is giving_way.STEPPED_ASIDE else outcome
        await note_answer(link, direction, answered, before)
        if isinstance(outcome, Done) and job.failure_code == LACKS_RIGHT:
            # the right that this waited for is back; whether all are is told by a look at them
            async with channels.database.write() as tx:
                await work.queue_check(tx, job.property_id)
        return patient(outcome)

    return noted


async def pull(channels: Channels, property_id: UUID, order_id: int) -> Outcome[str]:
    """Fetch one booking now, changed or not, and store it."""
    link = await channels.link(property_id)
    answer = await link.connector.booking(order_id)
    if not isinstance(answer, Done):
        return answer
    if answer.value is None:
        return Done("unknown there")
    async with link.database.write() as tx:
        book = await open_book(tx, link, [answer.value])
        return Done(await absorb(book, answer.value, SyncResult()))


async def on_dead(tx: Tx, job: Job) -> None:
    """Tell a person about work that stopped; the row stays, and the button runs it again."""
    if job.kind not in _WORDS:
        return
    reservation_id = job.payload.get("reservation_id")
    await attention.open_cause(
        tx,
        job.property_id,
        "dead_job",
        f"{job.kind}:{job.key}",
        job_id=job.id,
        reservation_id=UUID(reservation_id) if reservation_id else None,
        order_id=job.payload.get("order_id"),
        what=_WORDS[job.kind],
        detail=job.last_error or "no reason was given",
    )


async def on_recovered(tx: Tx, job: Job) -> None:
    """Take the word back when the work is done after all."""
    await attention.close_cause(tx, job.property_id, "dead_job", f"{job.kind}:{job.key}")


_WORDS = {
    **ari_jobs.WORDS,
    work.PUSH: "sending a reservation",
    work.POLL: "fetching bookings",
    work.PULL: "fetching a booking",
    work.DETAILS: "fetching remarks and services",
    work.CHECK: "looking whether the shop is as it was",
    work.SYNC: "a synchronisation",
    work.PRUNE: "tidying the log",
}


async def peek(tx: Tx) -> None:
    """Queue a look for every connection that fetches bookings by itself."""
    for config in await repository.enabled_configs(tx.session):
        if config.sync_reservations_inbound:
            await work.queue_poll(tx, config.property_id)


async def check(tx: Tx) -> None:
    """Queue a look whether each shop is still as it was: hotel, currency, zone, clock, rights."""
    for config in await repository.enabled_configs(tx.session):
        await work.queue_check(tx, config.property_id)


async def start_due_syncs(tx: Tx) -> None:
    """Queue the synchronisation of every connection whose interval has passed since it last ran."""
    for config in await repository.enabled_configs(tx.session):
        runs = await repository.last_runs(tx.session, config.property_id)
        # a rehearsed run has synchronised nothing
        newest = runs.get(KINDS["all"], {}).values()
        started = [run.started_at for run in newest if not run.metadata_.get("dry_run")]
        due = max(started, default=None)
        if due is None or utc_now() - due >= timedelta(minutes=config.sync_interval_minutes):
            await work.queue_scheduled(tx, config.property_id)


async def prune(tx: Tx) -> None:
    """Queue the tidying of every connection's log: rows that are too old, and guests who are to be forgotten."""
    for config in await repository.all_configs(tx.session):
        await work.queue_prune(tx, config.property_id)
