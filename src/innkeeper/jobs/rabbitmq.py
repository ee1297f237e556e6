"""Carries the ids of due jobs to any number of workers, and events to subscribers, over RabbitMQ.

The rows stay the truth. A message holds a job's id; the worker that gets it reads the row and decides, so a message
that comes twice, late or never changes nothing: a doubled one finds the row settled, a lost one is sent again by the
sweep, and while the broker is away the workers go by the data base alone.

Queues (`messages.BrokerNames`): `innkeeper.jobs` (durable; persistent messages, publisher confirms, manual
acknowledgement), `innkeeper.jobs.retry.1s` … `.60s` (a message whose lane is busy waits there, ever longer, and comes
back by its time to live), `innkeeper.jobs.dead` (dead letters), and the topic exchange `innkeeper.events`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from faststream import AckPolicy
from faststream.exceptions import FastStreamException
from faststream.rabbit import Channel, RabbitBroker, RabbitQueue
from faststream.rabbit.annotations import RabbitMessage
from sqlalchemy import select, update

from innkeeper.domain.business_day import utc_now
from innkeeper.jobs import claims, metrics
from innkeeper.jobs.faults import DATABASE_AWAY
from innkeeper.jobs.leases import LeaseHeld, LeaseLost, lease
from innkeeper.jobs.messages import TRIES_HEADER, BrokerNames, EventMessage
from innkeeper.jobs.queue import EVENTS
from innkeeper.jobs.quiet import is_quiet, quiet_write
from innkeeper.jobs.worker import Offer, Worker, default_holder
from innkeeper.storage.database import Database, Tx

#: What the libraries raise when the broker, or the way to it, is away.
BROKER_AWAY: tuple[type[Exception], ...] = (*CONNECTION_EXCEPTIONS, FastStreamException)

#: One relay of the installation publishes the events, so that they leave in their order.
EVENTS_LEASE = "relay:events"

#: Seconds after which a confirmed message is taken for lost, if its row still waits, and sent again.
SWEEP_SECONDS = 60.0

#: With a broker that brings the ids, the workers' own look into the data base is only the second line.
POLL_WITH_BROKER_SECONDS = 5.0

_CONFIRM_SECONDS = 10.0
_LOOK_SECONDS = 0.5
_EVENTS_AT_ONCE = 200


class BrokerLost(Exception):
    """The broker, or the way to it, is away."""


log = structlog.get_logger(__name__)


class RabbitLink:
    """The link of one process to the broker: a relay for what was committed, and a consumer when it has a worker."""

    def __init__(
        self,
        database: Database,
        url: str,
        worker: Worker | None = None,
        *,
        names: BrokerNames | None = None,
        clock: Callable[[], datetime] = utc_now,
        sweep_seconds: float = SWEEP_SECONDS,
        reconnect_seconds: float = 5.0,
    ) -> None:
        self.names = names or BrokerNames()
        #: Set while the broker is connected.
        self.connected = asyncio.Event()
        self._database = database
        self._url = url
        self._worker = worker
        self._clock = clock
        self._sweep = timedelta(seconds=sweep_seconds)
        self._reconnect_seconds = reconnect_seconds
        self._holder = worker.holder if worker else default_holder()
        self._news_of_jobs = asyncio.Event()
        self._news_of_events = asyncio.Event()
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> None:
        """Keep the link up until `stop`; never raises because the broker is away."""
        self._loop = asyncio.get_running_loop()
        self._database.after_commit.append(self._committed)
        told = False
        try:
            while not self._stopping.is_set():
                try:
                    await self._session()
                    told = False
                except BrokerLost as error:
                    if self.connected.is_set() or not told:
                        log.warning("message broker away; jobs go by the data base", error=str(error))
                    told = True
                finally:
                    self._set_connected(False)
                await _wait(self._stopping, self._reconnect_seconds)
        finally:
            self._database.after_commit.remove(self._committed)

    def stop(self) -> None:
        """Close the link. Messages that are being worked on come again, to whoever is there."""
        self._stopping.set()

    def _committed(self, tx: Tx) -> None:
        if is_quiet() or self._loop is None:
            return
        if tx.has_jobs:
            self._loop.call_soon_threadsafe(self._news_of_jobs.set)
        if tx.has_events:
            self._loop.call_soon_threadsafe(self._news_of_events.set)

    def _set_connected(self, connected: bool) -> None:
        metrics.BROKER_UP.set(connected)
        if connected == self.connected.is_set():
            return
        if connected:
            self.connected.set()
            log.info("message broker connected")
        else:
            self.connected.clear()
        if self._worker is not None:
            self._worker.set_help(POLL_WITH_BROKER_SECONDS if connected else None)

    async def _session(self) -> None:
        """Connect and work until the connection is lost, which raises, or `stop` is called."""
        lost = asyncio.Event()

        def closed(*_: Any) -> None:
            lost.set()

        broker = RabbitBroker(
            self._url,
            logger=None,
            graceful_timeout=1.0,
            on_close=[closed],
            default_channel=Channel(publisher_confirms=True, on_return_raises=True),
        )
        if self._worker is not None:
            self._consume(broker, self._worker)
        try:
            async with _speaking():
                await broker.connect()
                for queue in self.names.queues():
                    await broker.declare_queue(queue)
                await broker.declare_exchange(self.names.events)
                await broker.start()
            self._set_connected(True)
            await self._relay_until(broker, lost)
        finally:
            try:
                async with asyncio.timeout(5):
                    await broker.stop()
            except BROKER_AWAY as error:
                log.debug("message broker not left in order", error=type(error).__name__)

    async def _relay_until(self, broker: RabbitBroker, lost: asyncio.Event) -> None:
        relays = [asyncio.create_task(self._relay_jobs(broker)), asyncio.create_task(self._relay_events(broker))]
        ends = [asyncio.create_task(lost.wait()), asyncio.create_task(self._stopping.wait())]
        try:
            done, _ = await asyncio.wait([*relays, *ends], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*relays, *ends):
                task.cancel()
            await asyncio.wait([*relays, *ends])
        for task in done:
            task.result()
        if lost.is_set():
            raise BrokerLost("the connection was closed")

    # ------------------------------------------------------------------ jobs

    async def _relay_jobs(self, broker: RabbitBroker) -> None:
        """Send the ids of due jobs, and again those whose messages must have been lost."""
        next_sweep = self._clock()
        while True:
            self._news_of_jobs.clear()
            try:
                now = self._clock()
                async with self._database.read() as session:
                    anything = await claims.has_unsent(session, now)
                if anything or now >= next_sweep:
                    next_sweep = now + self._sweep
                    while await self._send_due(broker):
                        pass
            except DATABASE_AWAY as error:
                log.warning("jobs not relayed", error=type(error).__name__)
            await _wait(self._news_of_jobs, _LOOK_SECONDS)

    async def _send_due(self, broker: RabbitBroker) -> int:
        now = self._clock()
        async with quiet_write(self._database) as tx:
            ids = await claims.take_unsent(tx, now, now - self._sweep)
        for place, job_id in enumerate(ids):
            try:
                await self._send(broker, job_id, self.names.jobs, 0)
            except BrokerLost:
                async with quiet_write(self._database) as tx:
                    await claims.mark_unsent(tx, ids[place:])
                raise
            metrics.JOBS_SENT.inc()
        return len(ids)

    async def _send(self, broker: RabbitBroker, job_id: UUID, queue: RabbitQueue, tries: int) -> None:
        """Return once the broker has confirmed the message."""
        async with _speaking():
            await broker.publish(
                {"job": str(job_id)},
                queue=queue,
                persist=True,
                timeout=_CONFIRM_SECONDS,
                message_id=str(job_id),
                headers={TRIES_HEADER: tries},
            )

    def _consume(self, broker: RabbitBroker, worker: Worker) -> None:
        hands = Channel(prefetch_count=worker.concurrency)

        @broker.subscriber(self.names.jobs, channel=hands, ack_policy=AckPolicy.MANUAL)
        async def take(message: RabbitMessage) -> None:
            job_id = job_id_of(message.body)
            if job_id is None:
                log.error("message is not a job's id; it is with the dead letters")
                await message.reject(requeue=False)
                return
            try:
                offer = await worker.offer(job_id)
            except DATABASE_AWAY as error:
                log.warning("job not read; its message waits", error=type(error).__name__)
                offer = Offer.BUSY
            if offer is Offer.DIED:
                await message.reject(requeue=False)
                return
            if offer is Offer.BUSY:
                tries = tries_of(message.headers)
                await self._send(broker, job_id, self.names.retry(tries), tries + 1)
            await message.ack()

    # ------------------------------------------------------------------ events

    async def _relay_events(self, broker: RabbitBroker) -> None:
        """Publish what was announced, in its order, as the one relay of the installation that does so."""
        while True:
            try:
                async with lease(self._database, EVENTS_LEASE, self._holder, clock=self._clock):
                    while True:
                        self._news_of_events.clear()
                        while await self._publish_events(broker):
                            pass
                        await _wait(self._news_of_events, _LOOK_SECONDS)
            except LeaseHeld:
                pass  # another process is at it; be there when it no longer is
            except LeaseLost as error:
                log.warning("events not relayed", error=str(error))
            except DATABASE_AWAY as error:
                log.warning("events not relayed", error=type(error).__name__)
            await asyncio.sleep(2.0)

    async def _publish_events(self, broker: RabbitBroker) -> int:
        """Publish the next events and mark those that the broker has confirmed; return how many there were."""
        unpublished = (
            select(EVENTS).where(EVENTS.c.published_at.is_(None)).order_by(EVENTS.c.sequence).limit(_EVENTS_AT_ONCE)
        )
        async with self._database.read() as session:
            rows = (await session.execute(unpublished)).all()
        confirmed: list[int] = []
        try:
            for row in rows:
                await self._publish(broker, row)
                confirmed.append(row.sequence)
        finally:
            if confirmed:
                metrics.EVENTS_PUBLISHED.inc(len(confirmed))
                async with quiet_write(self._database) as tx:
                    of_these = EVENTS.c.sequence.in_(confirmed)
                    await tx.session.execute(update(EVENTS).where(of_these).values(published_at=self._clock()))
        return len(rows)

    async def _publish(self, broker: RabbitBroker, row: Any) -> None:
        message = EventMessage(
            id=row.id,
            sequence=row.sequence,
            name=row.name,
            property_id=row.property_id,
            entity_id=row.entity_id,
            origin=row.origin,
            occurred_at=row.occurred_at,
            data=row.payload,
        )
        async with _speaking():
            await broker.publish(
                message,
                exchange=self.names.events,
                routing_key=row.name,
                mandatory=False,  # nobody needs to listen
                persist=True,
                timeout=_CONFIRM_SECONDS,
                message_id=str(row.id),
                message_type=row.name,
                timestamp=row.occurred_at,
            )


@asynccontextmanager
async def _speaking() -> AsyncIterator[None]:
    """Turn whatever the libraries raise when the broker is away into BrokerLost."""
    try:
        yield
    except BROKER_AWAY as error:
        raise BrokerLost(type(error).__name__) from error


def job_id_of(body: bytes) -> UUID | None:
    """Return the job's id in a message's body; None when the body is something else."""
    try:
        return UUID(json.loads(body)["job"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def tries_of(headers: dict[str, Any]) -> int:
    """Return how often the message has been round the retry queues; 0 for a header that is no number."""
    tries = headers.get(TRIES_HEADER)
    return max(tries, 0) if isinstance(tries, int) else 0


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
