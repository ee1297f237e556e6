"""The worker runs each job until it is settled, one at a time in each lane, whoever dies meanwhile."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import structlog

from innkeeper.domain.outcome import Actor, Done, Later, Outcome, Refused, Unknown
from innkeeper.jobs import queue
from innkeeper.jobs.backoff import CAP_SECONDS
from innkeeper.jobs.leases import LEASES
from innkeeper.jobs.queue import Job, JobSpec, enqueue
from innkeeper.jobs.tables import JobStatus
from innkeeper.jobs.worker import Offer, Worker
from innkeeper.storage.database import Database, Tx

from .support import START, Clock, Gate, Recorder, put, spec, worker

pytestmark = pytest.mark.anyio


class Notices:
    """What was told of jobs, and a row put beside each, which must commit with the job."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    async def __call__(self, tx: Tx, job: Job) -> None:
        self.jobs.append(job)
        await enqueue(tx, JobSpec("notice", str(job.id), run_after=START + timedelta(days=365)))


async def the_job(database: Database, key: str = "r1") -> Job:
    async with database.read() as session:
        jobs, _ = await queue.list_jobs(session, kinds=["agree"])
    (job,) = [job for job in jobs if job.key == key and job.status is not JobStatus.CANCELLED]
    return job


async def kill(running: asyncio.Task[Any]) -> None:
    """End a worker as `kill -9` does: without a word to the data base."""
    running.cancel()
    await asyncio.wait([running])


async def test_due_jobs_run_by_priority_then_time(database: Database) -> None:
    clock, handler = Clock(), Recorder()
    await put(
        database,
        spec("third", lane="l"),
        spec("second", lane="l", run_after=START - timedelta(minutes=1)),
        spec("first", lane="l", priority=1),
        spec("future", lane="l", run_after=START + timedelta(hours=1)),
    )
    assert await worker(database, handler, clock).run_until_idle() == 3
    assert handler.keys == ["first", "second", "third"]


async def test_work_that_a_run_makes_due_is_done_before_the_worker_is_idle(database: Database) -> None:
    clock, seen = Clock(), []

    async def handler(job: Job) -> Outcome[None]:
        seen.append(job.key)
        if len(seen) < 4:
            await put(database, spec(f"next{len(seen)}", lane=f"lane{len(seen)}"))
        return Done(None)

    await put(database, spec("start"))
    assert await worker(database, handler, clock).run_until_idle() == 4
    assert seen == ["start", "next1", "next2", "next3"]


async def test_two_workers_never_work_one_lane_at_once(database: Database) -> None:
    clock, inside, most, ran = Clock(), {"a": 0, "b": 0}, 0, []

    async def handler(job: Job) -> Outcome[None]:
        nonlocal most
        inside[job.lane] += 1
        most = max(most, inside[job.lane])
        await asyncio.sleep(0)
        ran.append(job.key)
        inside[job.lane] -= 1
        return Done(None)

    await put(database, *(spec(f"{lane}{number}", lane=lane) for number in range(20) for lane in "ab"))
    workers = [worker(database, handler, clock, holder=f"w{number}") for number in range(4)]
    while len(ran) < 40:
        await asyncio.gather(*(one.run_until_idle() for one in workers))
    assert most == 1
    assert sorted(ran) == sorted({*ran})


async def test_lanes_are_worked_side_by_side_and_the_empty_lane_by_many_hands(database: Database) -> None:
    clock, gate = Clock(), Gate()
    await put(database, spec("a", lane="x"), spec("b", lane="x"), spec("c", lane="y"), spec("d"), spec("e"), spec("f"))
    running = asyncio.create_task(worker(database, gate, clock, concurrency=5).run_until_idle())
    for _ in range(5):
        await gate.entered.acquire()
    assert gate.inside == {"x": 1, "y": 1, "": 3}
    gate.leave.set()
    assert await running == 6
    assert gate.most == {"x": 1, "y": 1, "": 3}


async def test_no_more_jobs_at_once_than_the_worker_has_hands(database: Database) -> None:
    clock, gate = Clock(), Gate()
    await put(database, *(spec(f"k{number}", lane=f"l{number}") for number in range(6)))
    running = asyncio.create_task(worker(database, gate, clock, concurrency=2).run_until_idle())
    await gate.entered.acquire()
    await gate.entered.acquire()
    assert sum(gate.inside.values()) == 2
    gate.leave.set()
    assert await running == 6


async def test_change_made_during_the_run_is_not_lost(database: Database) -> None:
    clock, seen = Clock(), []

    async def handler(job: Job) -> Outcome[None]:
        seen.append(job.payload["edit"])
        if len(seen) == 1:
            await put(database, spec(payload={"edit": 2}))
            await put(database, spec(payload={"edit": 3}))
        return Done(None)

    await put(database, spec(payload={"edit": 1}))
    assert await worker(database, handler, clock).run_until_idle() == 2
    assert seen == [1, 3]


async def test_failed_run_gives_way_to_the_change_made_during_it_and_hands_on_its_tries(database: Database) -> None:
    clock, seen = Clock(), []

    async def handler(job: Job) -> Outcome[None]:
        seen.append(job.payload["edit"])
        if len(seen) == 1:
            await put(database, spec(payload={"edit": 2}))
            raise ValueError("boom")
        assert job.attempts == 1
        return Done(None)

    await put(database, spec(payload={"edit": 1}))
    await worker(database, handler, clock).run_until_idle()
    assert seen == [1, 2]
    assert (await the_job(database)).status is JobStatus.DONE


async def test_absent_other_side_is_asked_ever_less_often_and_never_given_up(database: Database) -> None:
    clock, waits = Clock(), []
    notices = Notices()
    handler = Recorder(*[Later("The channel does not answer.")] * 40)
    await put(database, spec(max_attempts=3))
    for _ in range(40):
        assert await worker(database, handler, clock, on_dead=notices).run_until_idle() == 1
        job = await the_job(database)
        waits.append((job.run_after - clock()).total_seconds())
        clock.now = job.run_after
    assert notices.jobs == []
    assert waits[0] < 10
    assert CAP_SECONDS * 0.75 <= waits[-1] <= CAP_SECONDS
    assert (job.attempts, job.deferrals, job.failure_code) == (0, 40, "UNAVAILABLE")
    async with database.read() as session:
        assert await queue.oldest_age(session, clock()) == clock() - START
    await worker(database, handler, clock).run_until_idle()
    assert (await the_job(database)).status is JobStatus.DONE


async def test_the_other_sides_word_on_when_to_come_back_is_kept(database: Database) -> None:
    clock = Clock()
    await put(database, spec())
    await worker(database, Recorder(Later("Busy.", after_seconds=3600)), clock).run_until_idle()
    assert (await the_job(database)).run_after == START + timedelta(hours=1)


async def test_pace_set_by_the_other_side_does_not_grow_the_wait(database: Database) -> None:
    clock = Clock()
    slow_down = Later("Slow down.", after_seconds=2, code="RATE_LIMITED")
    handler = Recorder(*[slow_down] * 10)
    await put(database, spec())
    for _ in range(10):
        await worker(database, handler, clock).run_until_idle()
        clock.forward(seconds=2)
    await worker(database, handler, clock).run_until_idle()
    assert (await the_job(database)).status is JobStatus.DONE


async def test_when_the_other_side_is_back_the_whole_lane_goes_on_at_once(database: Database) -> None:
    clock, down = Clock(), True

    async def handler(job: Job) -> Outcome[None]:
        return Later("Down.") if down else Done(None)

    await put(database, *(spec(f"k{number}", lane="l") for number in range(5)))
    for _ in range(6):
        await worker(database, handler, clock).run_until_idle()
        clock.forward(minutes=15)
    down = False
    first = min([(await the_job(database, f"k{number}")).run_after for number in range(5)])
    clock.now = max(first, clock.now)
    assert await worker(database, handler, clock).run_until_idle() == 5


async def test_doubt_is_looked_into_again_soon_without_end(database: Database) -> None:
    clock = Clock()
    handler = Recorder(*[Unknown("The line dropped.")] * 20)
    await put(database, spec(max_attempts=2))
    await worker(database, handler, clock).run_until_idle()
    job = await the_job(database)
    assert timedelta(0) < job.run_after - clock() < timedelta(seconds=2)
    for _ in range(20):
        clock.forward(minutes=15)
        await worker(database, handler, clock).run_until_idle()
    assert [job.claims for job in handler.jobs] == list(range(1, 22))
    assert (await the_job(database)).status is JobStatus.DONE


async def test_refused_job_is_dead_at_once_and_told_once_in_the_same_transaction(database: Database) -> None:
    clock, notices = Clock(), Notices()
    refusal = Refused("NO_PERMISSION", "The key may not write.", Actor.ADMIN, "403")
    await put(database, spec())
    for _ in range(3):
        await worker(database, Recorder(refusal), clock, on_dead=notices).run_until_idle()
    (told,) = notices.jobs
    assert (told.failure_code, told.actor, told.last_error) == (
        "NO_PERMISSION",
        "admin",
        "The key may not write. (403)",
    )
    job = await the_job(database)
    assert (job.status, job.last_error) == (JobStatus.DEAD, told.last_error)
    async with database.read() as session:
        assert (await queue.list_jobs(session, kinds=["notice"]))[1] == 1


async def test_job_is_dead_after_its_last_try_and_its_error_tells_no_secret(database: Database) -> None:
    clock, notices = Clock(), Notices()
    handler = Recorder(*[ValueError("key=S3CRET guest@example.com")] * 3)
    await put(database, spec(max_attempts=3))
    for _ in range(5):
        await worker(database, handler, clock, on_dead=notices).run_until_idle()
        clock.forward(minutes=15)
    assert len(handler.jobs) == 3
    (told,) = notices.jobs
    assert told.attempts == 3
    job = await the_job(database)
    assert job.status is JobStatus.DEAD
    assert job.last_error is not None
    assert job.last_error.startswith("ValueError in ")
    assert "S3CRET" not in job.last_error


async def test_notice_that_fails_does_not_bring_the_dead_back(database: Database) -> None:
    clock = Clock()

    async def broken(tx: Tx, job: Job) -> None:
        await enqueue(tx, JobSpec("notice", "half"))
        raise RuntimeError

    await put(database, spec())
    await worker(database, Recorder(Refused("NO", "No.")), clock, on_dead=broken).run_until_idle()
    assert (await the_job(database)).status is JobStatus.DEAD
    async with database.read() as session:
        assert (await queue.list_jobs(session, kinds=["notice"]))[1] == 0


async def test_recovery_is_told_for_a_job_that_had_failed_and_only_for_that(database: Database) -> None:
    clock, notices = Clock(), Notices()
    await put(database, spec("well"), spec("ill", lane="l"))
    handler = Recorder(Later("Down."))
    await worker(database, handler, clock, concurrency=1, on_recovered=notices).run_until_idle()
    clock.forward(minutes=1)
    await worker(database, handler, clock, on_recovered=notices).run_until_idle()
    assert [job.key for job in notices.jobs] == [handler.keys[0]]


async def test_success_of_newer_work_settles_the_dead_job_for_the_same_thing(database: Database) -> None:
    clock, notices = Clock(), Notices()
    await put(database, spec())
    await worker(database, Recorder(Refused("NO", "No.")), clock).run_until_idle()
    await put(database, spec())
    await worker(database, Recorder(), clock, on_recovered=notices).run_until_idle()
    assert len(notices.jobs) == 1
    async with database.read() as session:
        assert (await queue.counts(session))[JobStatus.DEAD] == 0


async def test_killed_in_the_middle_of_a_handler_it_is_run_again_and_the_death_counts(database: Database) -> None:
    clock, gate, handler = Clock(), Gate(), Recorder()
    await put(database, spec(lane="l"))
    dying = asyncio.create_task(worker(database, gate, clock, lease_seconds=20).run_until_idle())
    await gate.entered.acquire()
    await kill(dying)
    assert (await the_job(database)).status is JobStatus.RUNNING
    assert await worker(database, handler, clock).run_until_idle() == 0, "its claim still stands"
    clock.forward(seconds=21)
    assert await worker(database, handler, clock).run_until_idle() == 1
    (again,) = handler.jobs
    assert (again.attempts, again.claims, again.failure_code) == (1, 2, "CRASHED")


async def test_job_that_kills_every_worker_is_dead_in_the_end(database: Database) -> None:
    clock, notices = Clock(), Notices()
    await put(database, spec(max_attempts=3))
    for _ in range(3):
        gate = Gate()
        dying = asyncio.create_task(worker(database, gate, clock, on_dead=notices).run_until_idle())
        await gate.entered.acquire()
        await kill(dying)
        clock.forward(minutes=16)
        await worker(database, Recorder(), clock, on_dead=notices, concurrency=0).run_until_idle()
        clock.forward(minutes=16)
    assert await worker(database, Recorder(), clock, on_dead=notices).run_until_idle() == 0
    assert len(notices.jobs) == 1
    assert (await the_job(database)).status is JobStatus.DEAD


async def test_worker_that_slept_through_its_lease_is_cancelled_and_changes_nothing(database: Database) -> None:
    clock, gate, handler = Clock(), Gate(), Recorder()
    await put(database, spec(lane="l"))
    sleeper = worker(database, gate, clock, holder="sleeper", lease_seconds=600, renew_seconds=0.05)
    sleeping = asyncio.create_task(sleeper.run_until_idle())
    await gate.entered.acquire()
    async with database.write() as tx:  # what others did while it slept
        await tx.session.execute(LEASES.update().values(holder="thief", fence=LEASES.c.fence + 1, until=START))
        later = START + timedelta(minutes=5)
        await tx.session.execute(queue.JOBS.update().values(status="queued", lease_holder=None, run_after=later))
    await sleeping
    assert gate.cancelled == 1
    while await worker(database, handler, clock).run_until_idle() == 0:
        clock.forward(minutes=1)
    job = await the_job(database)
    assert (job.status, job.claims, job.attempts, len(handler.jobs)) == (JobStatus.DONE, 2, 0, 1)


async def test_heartbeat_keeps_a_long_job_from_being_taken_over(database: Database) -> None:
    clock, gate, handler = Clock(), Gate(), Recorder()
    await put(database, spec(lane="l"), spec("r2"))
    busy = worker(database, gate, clock, holder="busy", lease_seconds=600, renew_seconds=0.01)
    running = asyncio.create_task(busy.run_until_idle())
    await gate.entered.acquire()
    await gate.entered.acquire()
    for _ in range(4):
        clock.forward(seconds=500)
        for key in ("r1", "r2"):
            while (await the_job(database, key)).lease_until != clock() + timedelta(seconds=600):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await worker(database, handler, clock, holder="other").run_until_idle() == 0
    gate.leave.set()
    assert await running == 2
    assert gate.cancelled == 0


async def test_hung_handler_is_ended_and_counts_as_a_try(database: Database) -> None:
    clock, gate = Clock(), Gate()
    await put(database, spec())
    await worker(database, gate, clock, handler_seconds=0.01).run_until_idle()
    job = await the_job(database)
    assert (job.status, job.attempts, gate.cancelled) == (JobStatus.QUEUED, 1, 1)


async def test_commit_in_this_process_wakes_the_worker_without_a_poll(database: Database) -> None:
    done = asyncio.Event()

    async def handler(job: Job) -> Outcome[None]:
        done.set()
        return Done(None)

    busy = worker(database, handler, queue.utc_now, poll_seconds=3600)
    running = asyncio.create_task(busy.run())
    for _ in range(3):
        await put(database, spec())
        async with asyncio.timeout(60):
            await done.wait()
        done.clear()
    await busy.stop()
    await running
    assert database.after_commit == []


async def test_own_commits_do_not_keep_the_worker_awake(database: Database) -> None:
    looks = 0

    class Counting(Worker):
        async def _dispatch(self) -> float:
            nonlocal looks
            looks += 1
            return await super()._dispatch()

    done = asyncio.Event()

    async def handler(job: Job) -> Outcome[None]:
        done.set()
        return Later("Down.")

    busy = Counting(database, {"agree": handler}, poll_seconds=3600)
    running = asyncio.create_task(busy.run())
    await put(database, spec(lane="l"))
    await done.wait()
    await busy.stop()
    await running
    assert looks <= 4


async def test_commit_elsewhere_is_seen_by_polling(database: Database, database_url: str) -> None:
    done = asyncio.Event()

    async def handler(job: Job) -> Outcome[None]:
        done.set()
        return Done(None)

    busy = worker(database, handler, queue.utc_now, poll_seconds=0.02)
    running = asyncio.create_task(busy.run())
    elsewhere = Database(database_url)
    await put(elsewhere, spec())
    await elsewhere.aclose()
    async with asyncio.timeout(60):
        await done.wait()
    await busy.stop()
    await running


async def test_stopping_waits_for_the_running_job_and_takes_no_other(database: Database) -> None:
    gate = Gate()
    await put(database, spec("a", lane="l"), spec("b", lane="l"))
    busy = worker(database, gate, queue.utc_now)
    running = asyncio.create_task(busy.run())
    await gate.entered.acquire()
    stopping = asyncio.create_task(busy.stop(60))
    await asyncio.sleep(0)
    gate.leave.set()
    await stopping
    await running
    assert {(await the_job(database, key)).status for key in "ab"} == {JobStatus.DONE, JobStatus.QUEUED}


async def test_job_that_outlasts_the_grace_is_put_back_and_counts_no_try(database: Database) -> None:
    gate = Gate()
    await put(database, spec(lane="l"))
    busy = worker(database, gate, queue.utc_now)
    running = asyncio.create_task(busy.run())
    await gate.entered.acquire()
    await busy.stop(grace_seconds=0)
    await running
    job = await the_job(database)
    assert (job.status, job.attempts, job.last_error, gate.cancelled) == (JobStatus.QUEUED, 0, None, 1)
    assert await worker(database, Recorder(), queue.utc_now).run_until_idle() == 1


async def test_job_of_an_unknown_kind_waits_for_a_worker_that_knows_it(database: Database) -> None:
    clock = Clock()
    await put(database, JobSpec("unheard_of", "k", run_after=START))
    assert await worker(database, Recorder(), clock).run_until_idle() == 1
    clock.forward(minutes=15)
    handler = Recorder()
    assert await Worker(database, {"unheard_of": handler}, clock=clock).run_until_idle() == 1
    assert handler.jobs[0].failure_code == "NO_HANDLER"


async def test_doubled_and_lost_offers_change_nothing(database: Database) -> None:
    clock, handler = Clock(), Recorder()
    await put(database, spec("a", lane="l"), spec("b", lane="l"), spec("lost", lane="m"))
    ids = {key: (await the_job(database, key)).id for key in ("a", "b", "lost")}
    one = worker(database, handler, clock, holder="one")
    offers = [
        await one.offer(ids["a"]),
        await one.offer(ids["a"]),
        await one.offer(ids["b"]),
        await one.offer(ids["b"]),
    ]
    assert offers == [Offer.RAN, Offer.SETTLED, Offer.SETTLED, Offer.SETTLED]
    both = await asyncio.gather(
        worker(database, handler, clock, holder="x").offer(ids["lost"]),
        worker(database, handler, clock, holder="y").offer(ids["lost"]),
    )
    assert Offer.RAN in both
    assert sorted(handler.keys) == ["a", "b", "lost"]


async def test_handler_logs_under_the_names_of_its_job(database: Database) -> None:
    clock, bound = Clock(), {}

    async def handler(job: Job) -> Outcome[None]:
        bound.update(structlog.contextvars.get_contextvars())
        return Done(None)

    await put(database, spec(request_id="req-9"))
    await worker(database, handler, clock).run_until_idle()
    assert bound["request_id"] == "req-9"
    assert bound["job_kind"] == "agree"
    assert "job_id" not in structlog.contextvars.get_contextvars()
