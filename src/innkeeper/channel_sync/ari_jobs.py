"""What the workers run for rooms, prices and drift, and what the scheduler asks them to run."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from innkeeper.channel_sync import ari_repository, ari_work, drift, repository
from innkeeper.channel_sync.availability_out import PushOptions, push_availability
from innkeeper.channel_sync.connection import Channels, Link
from innkeeper.channel_sync.letting_go import let_go, let_go_of_all
from innkeeper.channel_sync.prices_out import push_rates
from innkeeper.channel_sync.result import SyncResult
from innkeeper.domain.outcome import Done, Outcome, Unknown
from innkeeper.jobs.queue import Job
from innkeeper.jobs.worker import Handler
from innkeeper.storage.database import Tx

#: What a person calls this work when it has stopped.
WORDS: Mapping[str, str] = {
    ari_work.AVAILABILITY: "sending rooms that are left",
    ari_work.RATES: "sending prices",
    ari_work.DRIFT: "comparing both sides",
    ari_work.LET_GO: "taking back what was sent of room types that are mapped no more",
}


def handlers(channels: Channels) -> Mapping[str, Handler]:
    """Return what to do for each kind of job; the lead of channel sync writes down how the contact went."""

    async def do_availability(job: Job) -> Outcome[Any]:
        link = await channels.link(job.property_id)
        if not link.config.sync_availability:
            return Done("sending availability is switched off")
        polite = replace(link, gives_way=job.priority > ari_work.URGENT)
        outcome = await push_availability(polite, _options(job), SyncResult())
        return await _doubts(link) if isinstance(outcome, Done) else outcome

    async def do_rates(job: Job) -> Outcome[Any]:
        link = await channels.link(job.property_id)
        if not link.config.sync_rates:
            return Done("sending prices is switched off")
        return await push_rates(replace(link, gives_way=True), _options(job), SyncResult())

    async def do_drift(job: Job) -> Outcome[Any]:
        link = await channels.link(job.property_id)
        sweep_id = UUID(job.payload["sweep_id"])
        answer = await drift.step(link, sweep_id)
        if isinstance(answer, Done) and answer.value.status == "running":
            # the rest waits behind whatever is more urgent
            async with channels.database.write() as tx:
                await ari_work.queue_drift(tx, job.property_id, sweep_id)
        return answer if not isinstance(answer, Done) else Done(answer.value.status)

    async def do_let_go(job: Job) -> Outcome[Any]:
        link = await channels.link(job.property_id)
        if "product_id" not in job.payload:
            return await let_go_of_all(link)
        return await let_go(link, int(job.payload["product_id"]), UUID(job.payload["room_type_id"]))

    return {
        ari_work.AVAILABILITY: do_availability,
        ari_work.RATES: do_rates,
        ari_work.DRIFT: do_drift,
        ari_work.LET_GO: do_let_go,
    }


def _options(job: Job) -> PushOptions:
    kind = job.payload.get("room_type_id")
    return PushOptions(room_type_ids=[UUID(kind)] if kind else None, full=bool(job.payload.get("full")))


async def _doubts(link: Link) -> Outcome[Any]:
    """Come back while a block that was never answered may still appear."""
    async with link.database.read() as session:
        rows = await ari_repository.blocks(session, link.property_id)
    if any(row.status == "pending" for row in rows):
        return Unknown("a block was sent and is not to be seen there (yet)")
    return Done("equal")


async def roll(tx: Tx) -> None:
    """Push rooms and prices of every live connection: since yesterday the window has moved by a night."""
    for config in await repository.enabled_configs(tx.session):
        if config.mode == "live":
            await ari_work.queue_window(tx, config)


async def sweep(tx: Tx) -> None:
    """Begin the nightly comparison of every connection."""
    for config in await repository.enabled_configs(tx.session):
        if config.mode != "rehearsal":
            sweep_id = await drift.begin(tx, config.property_id, heal=config.mode == "live")
            await ari_work.queue_drift(tx, config.property_id, sweep_id)
