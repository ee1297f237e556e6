"""With a broker, ids travel and rows decide: what is lost, doubled or broken on the way changes nothing."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage

from innkeeper.domain.business_day import utc_now
from innkeeper.domain.outcome import Outcome, Refused
from innkeeper.jobs import queue
from innkeeper.jobs.messages import EVENTS, RETRY_STEPS, BrokerNames, EventMessage, asyncapi_document
from innkeeper.jobs.queue import Job, JobSpec, enqueue
from innkeeper.jobs.rabbitmq import RabbitLink, job_id_of, tries_of
from innkeeper.jobs.tables import JobStatus
from innkeeper.jobs.worker import Worker
from innkeeper.storage.database import Database
from innkeeper.storage.outbox import Event

from .support import Gate, Recorder

pytestmark = [pytest.mark.anyio]
needs_broker = pytest.mark.rabbitmq


class Broker:
    """The test's own way to the broker, beside that of the program."""

    def __init__(self, connection: aio_pika.abc.AbstractConnection, channel: Any, names: BrokerNames) -> None:
        self.connection, self.channel, self.names = connection, channel, names

    async def depth(self, name: str) -> int:
        declared = await self.channel.declare_queue(name, passive=True)
        return int(declared.declaration_result.message_count)

    async def send(self, body: bytes) -> None:
        await self.channel.default_exchange.publish(aio_pika.Message(body), routing_key=self.names.jobs.name)

    async def subscribe(self, *keys: str) -> "asyncio.Queue[AbstractIncomingMessage]":
        """Listen as somebody else's program would."""
        received: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        exchange = await self.channel.declare_exchange(self.names.events.name, "topic", durable=True)
        mine = await self.channel.declare_queue(exclusive=True)
        for key in keys:
            await mine.bind(exchange, key)
        await mine.consume(received.put, no_ack=True)
        return received


@pytest.fixture
async def broker(rabbitmq_url: str) -> AsyncIterator[Broker]:
    names = BrokerNames(f"innkeeper-test-{secrets.token_hex(4)}")
    connection = await aio_pika.connect(rabbitmq_url)
    channel = await connection.channel()
    yield Broker(connection, channel, names)
    channel = await connection.channel()
    for one in names.queues():
        await channel.queue_delete(one.name)
    await channel.exchange_delete(names.events.name)
    await connection.close()


@asynccontextmanager
async def linked(link: RabbitLink, *workers: Worker, connected: bool = True) -> AsyncIterator[None]:
    running = [asyncio.create_task(link.run()), *(asyncio.create_task(worker.run()) for worker in workers)]
    try:
        if connected:
            async with asyncio.timeout(30):
                await link.connected.wait()
        yield
    finally:
        for worker in workers:
            await worker.stop()
        link.stop()
        await asyncio.gather(*running)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110 - the other side gives no sign
            await asyncio.sleep(0.02)


async def put(database: Database, *keys: str, **options: Any) -> None:
    async with database.write() as tx:
        for key in keys:
            await enqueue(tx, JobSpec("agree", key, **options))


async def statuses(database: Database) -> dict[str, JobStatus]:
    async with database.read() as session:
        return {job.key: job.status for job in (await queue.list_jobs(session, limit=500))[0]}


def helpless(database: Database, handler: Any, **options: Any) -> Worker:
    """A worker that would not look into the data base by itself within the time of a test."""
    return Worker(database, {"agree": handler}, poll_seconds=3600, **options)


@needs_broker
async def test_message_brings_the_job_to_a_worker_that_never_looks(
    database: Database, database_url: str, rabbitmq_url: str, broker: Broker
) -> None:
    handler = Recorder()
    there = Database(database_url, pool_size=3)
    worker = helpless(there, handler)
    far = RabbitLink(there, rabbitmq_url, worker, names=broker.names)
    near = RabbitLink(database, rabbitmq_url, names=broker.names)
    async with linked(far), linked(near):
        await put(database, "a", "b", lane="x")
        await put(database, "c")

        async def all_done() -> bool:
            return set((await statuses(database)).values()) == {JobStatus.DONE}

        await until(all_done)
    await there.aclose()
    assert sorted(handler.keys) == ["a", "b", "c"]


@needs_broker
async def test_doubled_and_foreign_messages_change_nothing(
    database: Database, rabbitmq_url: str, broker: Broker
) -> None:
    handler = Recorder()
    worker = helpless(database, handler)
    await put(database, "a")
    async with database.read() as session:
        job = (await queue.list_jobs(session))[0][0]
    async with linked(RabbitLink(database, rabbitmq_url, worker, names=broker.names)):
        for _ in range(5):
            await broker.send(json.dumps({"job": str(job.id)}).encode())
        await broker.send(json.dumps({"job": str(uuid4())}).encode())
        await broker.send(b"\xff not json")
        await broker.send(b'{"job": 7}')

        async def settled() -> bool:
            return (
                await broker.depth(broker.names.jobs.name) == 0
                and await broker.depth(broker.names.dead.name) == 2
                and (await statuses(database))["a"] is JobStatus.DONE
            )

        await until(settled)
    assert handler.keys == ["a"]


@needs_broker
async def test_lost_message_is_sent_again_by_the_sweep(database: Database, rabbitmq_url: str, broker: Broker) -> None:
    handler = Recorder()
    await put(database, "a")
    async with database.write() as tx:  # as if it had been sent, and the broker's disk had died
        await tx.session.execute(queue.JOBS.update().values(sent_at=utc_now() - timedelta(hours=1)))
    worker = helpless(database, handler)
    link = RabbitLink(database, rabbitmq_url, worker, names=broker.names, sweep_seconds=60)
    async with linked(link):

        async def done() -> bool:
            return (await statuses(database))["a"] is JobStatus.DONE

        await until(done)
    assert handler.keys == ["a"]


@needs_broker
async def test_dead_job_leaves_a_dead_letter(database: Database, rabbitmq_url: str, broker: Broker) -> None:
    worker = helpless(database, Recorder(Refused("NO", "No.")))
    await put(database, "a")
    async with linked(RabbitLink(database, rabbitmq_url, worker, names=broker.names)):

        async def buried() -> bool:
            return await broker.depth(broker.names.dead.name) == 1

        await until(buried)
    assert await statuses(database) == {"a": JobStatus.DEAD}


@needs_broker
async def test_message_of_a_busy_lane_waits_and_comes_back(
    database: Database, rabbitmq_url: str, broker: Broker
) -> None:
    gate, seen = Gate(), []

    async def handler(job: Job) -> Outcome[None]:
        seen.append(job.key)
        return await gate(job)

    worker = helpless(database, handler, concurrency=4)
    async with linked(RabbitLink(database, rabbitmq_url, worker, names=broker.names)):
        await put(database, "a", lane="x")
        await gate.entered.acquire()
        await put(database, "b", lane="x")

        async def waits() -> bool:
            return await broker.depth(broker.names.retry(0).name) == 1

        await until(waits)
        assert seen == ["a"]
        gate.leave.set()

        async def settled() -> bool:
            depths = [await broker.depth(one.name) for one in broker.names.queues()]
            return sum(depths) == 0 and set((await statuses(database)).values()) == {JobStatus.DONE}

        await until(settled)
    assert seen == ["a", "b"]


@needs_broker
async def test_events_reach_a_subscriber_once_confirmed_and_in_their_order(
    database: Database, rabbitmq_url: str, broker: Broker
) -> None:
    received = await broker.subscribe("reservation.*")
    property_id, entity_id = uuid4(), uuid4()
    async with linked(RabbitLink(database, rabbitmq_url, names=broker.names)):
        for name in ("reservation.created", "rate.updated", "reservation.cancelled"):
            async with database.write() as tx:
                await tx.announce(Event(name, property_id, entity_id, payload={"start": None}))
        async with asyncio.timeout(60):
            messages = [await received.get() for _ in range(2)]

        async def all_marked() -> bool:
            async with database.read() as session:
                rows = (await session.execute(queue.EVENTS.select())).all()
            return all(row.published_at for row in rows)

        await until(all_marked)
    events = [EventMessage.model_validate_json(message.body) for message in messages]
    assert [event.name for event in events] == ["reservation.created", "reservation.cancelled"]
    assert events[0].sequence < events[1].sequence
    first = messages[0]
    assert (first.message_id, first.type, first.content_type) == (str(events[0].id), events[0].name, "application/json")
    assert first.delivery_mode is aio_pika.DeliveryMode.PERSISTENT
    assert events[0].data == {"start": None}
    assert events[0].occurred_at.tzinfo is not None


@needs_broker
async def test_several_relays_publish_each_event_once(database: Database, rabbitmq_url: str, broker: Broker) -> None:
    received = await broker.subscribe("#")
    links = [RabbitLink(database, rabbitmq_url, names=broker.names) for _ in range(3)]
    async with linked(links[0]), linked(links[1]), linked(links[2]):
        for _ in range(20):
            async with database.write() as tx:
                await tx.announce(Event("rate.updated", uuid4(), uuid4()))
        async with asyncio.timeout(60):
            ids = [(await received.get()).message_id for _ in range(20)]
    assert len(set(ids)) == 20
    assert received.empty()


class Tap:
    """Stands between us and the broker, and can be shut and opened like a broker that restarts."""

    def __init__(self, host: str, port: int) -> None:
        self._there = (host, port)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._there)
        self._writers |= {writer, far_writer}
        await asyncio.gather(self._pour(reader, far_writer), self._pour(far_reader, writer))
        self._writers -= {writer, far_writer}

    @staticmethod
    async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # the tap was shut
        finally:
            writer.transport.abort()


@needs_broker
async def test_broker_that_goes_away_and_returns_costs_nothing(
    database: Database, rabbitmq_url: str, broker: Broker
) -> None:
    address = aio_pika.connection.URL(rabbitmq_url)
    tap = Tap(address.host or "127.0.0.1", address.port or 5672)
    await tap.open()
    through = str(address.with_host("127.0.0.1").with_port(tap.port))
    received = await broker.subscribe("#")
    handler = Recorder()
    worker = Worker(database, {"agree": handler}, poll_seconds=0.05)
    link = RabbitLink(database, through, worker, names=broker.names, reconnect_seconds=0.1)

    async def change(key: str) -> None:
        async with database.write() as tx:
            await enqueue(tx, JobSpec("agree", key))
            await tx.announce(Event("rate.updated", uuid4(), uuid4(), payload={"key": key}))

    async def finished() -> bool:
        return set((await statuses(database)).values()) == {JobStatus.DONE}

    async def away() -> bool:
        return not link.connected.is_set()

    async def back() -> bool:
        return link.connected.is_set()

    async with linked(link, worker):
        await change("before")
        await until(finished)
        await tap.shut()
        await until(away)
        await change("during")
        await until(finished)
        await tap.open()
        await until(back)
        await change("after")
        await until(finished)
        async with asyncio.timeout(60):
            keys = {json.loads((await received.get()).body)["data"]["key"] for _ in range(3)}
    await tap.shut()
    assert handler.keys == ["before", "during", "after"]
    assert keys == {"before", "during", "after"}


async def test_without_any_broker_jobs_go_by_the_data_base(database: Database) -> None:
    handler = Recorder()
    worker = Worker(database, {"agree": handler}, poll_seconds=0.05)
    nobody = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = nobody.sockets[0].getsockname()[1]
    nobody.close()
    await nobody.wait_closed()
    link = RabbitLink(database, f"amqp://127.0.0.1:{port}/", worker, reconnect_seconds=0.05)
    async with linked(link, worker, connected=False):
        await put(database, "a")

        async def done() -> bool:
            return (await statuses(database))["a"] is JobStatus.DONE

        await until(done)
    assert handler.keys == ["a"]


def test_only_a_job_id_is_taken_for_one() -> None:
    job_id = uuid4()
    assert job_id_of(json.dumps({"job": str(job_id)}).encode()) == job_id
    for body in (b"", b"null", b"[]", b'"x"', b'{"job": null}', b'{"job": "x"}', b"\xff"):
        assert job_id_of(body) is None
    assert [tries_of(headers) for headers in ({}, {"x-innkeeper-tries": 3}, {"x-innkeeper-tries": "x"})] == [0, 3, 0]


def test_message_waits_ever_longer_and_the_last_step_is_repeated() -> None:
    names = BrokerNames("p")
    assert [names.retry(tries).name for tries in range(6)] == [
        *(f"p.jobs.retry.{seconds}s" for seconds in RETRY_STEPS),
        *[f"p.jobs.retry.{RETRY_STEPS[-1]}s"] * 2,
    ]


def test_guide_for_subscribers_names_every_event_field_and_queue() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "events.md").read_text()
    names = BrokerNames()
    for word in (*EVENTS, *EventMessage.model_fields, names.jobs.name, names.dead.name, names.events.name):
        assert word in guide
    assert all(f".{seconds}s`" in guide for seconds in RETRY_STEPS)


def test_document_for_subscribers_names_every_event_and_field() -> None:
    document = asyncapi_document()
    assert document["asyncapi"].startswith("3.")
    assert {"reservation.created", "reservation.updated", "reservation.cancelled"} <= set(document["channels"])
    text = json.dumps(document)
    assert '"innkeeper.events"' in text
    assert all(f'"{field}"' in text for field in EventMessage.model_fields)
