"""The queue keeps what was committed, once for each thing, and loses nothing."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
import structlog
from sqlalchemy import func, select

from innkeeper.domain.errors import Conflict, NotFound
from innkeeper.domain.outcome import Refused
from innkeeper.jobs import queue
from innkeeper.jobs.queue import JOBS, JobSpec, enqueue, enqueue_many
from innkeeper.jobs.tables import JobStatus
from innkeeper.storage.database import Database, Tx
from innkeeper.storage.outbox import Event

from .support import START, Clock, Recorder, put, spec, worker

pytestmark = pytest.mark.anyio


async def all_jobs(database: Database) -> list[queue.Job]:
    async with database.read() as session:
        return (await queue.list_jobs(session, limit=1000))[0]


async def test_rolled_back_transaction_leaves_no_job(database: Database) -> None:
    async def change_and_fail() -> None:
        async with database.write() as tx:
            await enqueue(tx, spec())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change_and_fail()
    assert await all_jobs(database) == []


async def test_hundred_edits_are_one_job_with_the_newest_payload(database: Database) -> None:
    ids = set()
    for number in range(100):
        async with database.write() as tx:
            ids.add(await enqueue(tx, spec(payload={"edit": number})))
    (job,) = await all_jobs(database)
    assert ids == {job.id}
    assert job.payload == {"edit": 99}


async def test_second_enqueue_takes_the_smaller_priority_and_the_earlier_time(database: Database) -> None:
    late, early = START + timedelta(hours=2), START + timedelta(hours=1)
    await put(database, spec(priority=10, run_after=late), spec(priority=50, run_after=early))
    await put(database, spec(priority=40, run_after=late))
    (job,) = await all_jobs(database)
    assert (job.priority, job.run_after, job.due_at) == (10, early, early)


async def test_different_kinds_keys_and_properties_are_different_jobs(database: Database) -> None:
    await put(database, spec("a"), spec("b"), JobSpec("other", "a"), spec("a", property_id=uuid4()))
    assert len(await all_jobs(database)) == 4


async def test_many_jobs_in_one_call_come_back_in_the_order_asked(database: Database) -> None:
    async with database.write() as tx:
        ids = await enqueue_many(tx, [spec(f"k{number % 300}", payload={"n": number}) for number in range(600)])
    jobs = {job.id: job for job in await all_jobs(database)}
    assert len(jobs) == 300
    assert [jobs[one].key for one in ids] == [f"k{number % 300}" for number in range(600)]
    assert jobs[ids[0]].payload == {"n": 300}


async def test_job_bears_the_request_that_caused_it(database: Database) -> None:
    with structlog.contextvars.bound_contextvars(request_id="req-7"):
        await put(database, spec())
    (job,) = await all_jobs(database)
    assert job.request_id == "req-7"


async def test_subscriber_puts_the_job_into_the_transaction_of_the_change(database: Database) -> None:
    async def follow(tx: Tx, event: Event) -> None:
        await enqueue(tx, JobSpec("agree", str(event.entity_id), event.property_id))

    async def change_and_fail() -> None:
        async with database.write() as tx:
            await tx.announce(Event("reservation.created", uuid4(), uuid4()))
            raise ZeroDivisionError

    database.subscribers.append(follow)
    with pytest.raises(ZeroDivisionError):
        await change_and_fail()
    assert await all_jobs(database) == []
    async with database.write() as tx:
        await tx.announce(Event("reservation.created", uuid4(), uuid4()))
    assert len(await all_jobs(database)) == 1


async def test_age_counts_from_the_first_due_time_and_ignores_the_future(database: Database) -> None:
    await put(database, spec("future", run_after=START + timedelta(days=1)))
    async with database.read() as session:
        assert await queue.oldest_age(session, START) == timedelta(0)
    await put(database, spec("waiting"))
    async with database.read() as session:
        assert await queue.oldest_age(session, START + timedelta(minutes=5)) == timedelta(minutes=5)
        assert (await queue.counts(session))[JobStatus.QUEUED] == 2


async def test_dead_job_is_retried_by_a_person(database: Database) -> None:
    clock, handler = Clock(), Recorder(Refused("NO_MAPPING", "The room type is not mapped."))
    await put(database, spec())
    await worker(database, handler, clock).run_until_idle()
    (dead,) = await all_jobs(database)
    assert (dead.status, dead.failure_code) == (JobStatus.DEAD, "NO_MAPPING")
    async with database.write() as tx:
        assert await queue.retry(tx, dead.id, now=clock()) == dead.id
    await worker(database, handler, clock).run_until_idle()
    (done,) = await all_jobs(database)
    assert (done.status, done.last_error) == (JobStatus.DONE, None)
    with pytest.raises(Conflict):
        async with database.write() as tx:
            await queue.retry(tx, dead.id)


async def test_retry_of_a_dead_job_gives_way_to_newer_work_for_the_same_thing(database: Database) -> None:
    clock = Clock()
    await put(database, spec())
    await worker(database, Recorder(Refused("NO", "No.")), clock).run_until_idle()
    (dead,) = await all_jobs(database)
    await put(database, spec())
    async with database.write() as tx:
        newer = await queue.retry(tx, dead.id)
    assert newer != dead.id
    by_id = {job.id: job.status for job in await all_jobs(database)}
    assert by_id == {dead.id: JobStatus.CANCELLED, newer: JobStatus.QUEUED}


async def test_dismissed_job_never_runs(database: Database) -> None:
    clock, handler = Clock(), Recorder()
    await put(database, spec())
    (job,) = await all_jobs(database)
    async with database.write() as tx:
        await queue.dismiss(tx, job.id)
    assert await worker(database, handler, clock).run_until_idle() == 0
    with pytest.raises(NotFound):
        async with database.write() as tx:
            await queue.dismiss(tx, uuid4())


async def test_retention_clears_finished_jobs_by_age_and_number_but_never_a_dead_one(database: Database) -> None:
    clock = Clock()
    await put(database, spec("dead"))
    await worker(database, Recorder(Refused("NO", "No.")), clock).run_until_idle()
    for number in range(5):
        await put(database, spec(f"old{number}"))
        await worker(database, Recorder(), clock).run_until_idle()
        clock.forward(days=1)
    async with database.write() as tx:
        assert await queue.clear_finished(tx, before=START + timedelta(days=1, hours=1), keep=100) == 2
        assert await queue.clear_finished(tx, before=START - timedelta(days=1), keep=1) == 2
    assert {job.key for job in await all_jobs(database)} == {"dead", "old4"}


async def test_retention_of_events_spares_what_no_broker_has_confirmed(database: Database) -> None:
    async with database.write() as tx:
        for number in range(3):
            await tx.announce(Event("rate.updated", uuid4(), uuid4(), payload={"n": number}))
    now = queue.utc_now() + timedelta(minutes=1)
    long_ago = now - timedelta(days=30)
    async with database.write() as tx:
        await tx.session.execute(
            queue.EVENTS.update().where(queue.EVENTS.c.payload["n"].as_integer() == 0).values(published_at=now)
        )
        assert await queue.clear_events(tx, before=now, unpublished_before=long_ago) == 1
        assert await queue.clear_events(tx, before=now, unpublished_before=now) == 2


async def test_only_one_waits_however_many_enqueue_at_once(database: Database) -> None:
    await asyncio.gather(*(put(database, spec(payload={"n": number})) for number in range(20)))
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(JOBS)) == 1
