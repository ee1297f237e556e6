"""Work that can wait leaves a part of the budget, and the lane, to polls and pushes."""

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import delete, update

from innkeeper.channel_sync import ari_work, giving_way, runs, work
from innkeeper.channel_sync.availability_out import PushOptions, push_availability
from innkeeper.channel_sync.budget import DatabaseBudget
from innkeeper.channel_sync.connection import lane
from innkeeper.channel_sync.jobs import handlers
from innkeeper.channel_sync.prices_out import push_rates
from innkeeper.channel_sync.result import SyncResult
from innkeeper.channel_sync.tables import Budget, Config
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.outcome import Done
from innkeeper.jobs.queue import JobSpec, enqueue_many, list_jobs
from innkeeper.jobs.tables import JobRow
from innkeeper.simulators.qloapps.actors import Stay
from innkeeper.storage.database import Database
from tests.channel_sync.selling import go_live, set_rate, shop_free, shop_prices
from tests.channel_sync.world import DOUBLE, SUITE, World, day

pytestmark = pytest.mark.anyio

MINUTE = 60


async def fill(world: World, tokens: str) -> None:
    """Let the budget of sixty a minute hold so many requests now."""
    async with world.database.write() as tx:
        await tx.session.execute(update(Config).values(requests_per_minute=MINUTE))
        now = world.clock()
        await tx.session.merge(Budget(name=lane(world.property_id), tokens=Decimal(tokens), updated_at=now))


async def may(world: World) -> bool:
    link = await world.channels.link(world.property_id)
    return await giving_way.may_take(link, work.PRIORITY[work.DETAILS])


@pytest.mark.parametrize(
    ("per_minute", "tokens", "seconds"),
    [(60, "15", 0.0), (60, "7", 0.0), (60, "6.25", 1.0), (60, "0", 28 / 3), (5, "1.25", 0.0), (1, "1", 0.0)],
)
async def test_the_reserve_is_part_of_what_may_leave_at_once(
    database: Database, per_minute: int, tokens: str, seconds: float
) -> None:
    now = utc_now()
    budget = DatabaseBudget(database, "one", per_minute, lambda: now)
    row = Budget(name="one", tokens=Decimal(tokens), updated_at=now)
    assert budget.seconds_to_spare(row) == pytest.approx(seconds, abs=0.01)
    assert budget.seconds_to_spare(None) == 0


async def test_it_goes_on_while_there_is_something_to_spare(world: World) -> None:
    await fill(world, "7")
    assert await may(world)


async def test_it_steps_aside_for_a_poll_that_waits_and_is_done_after_it(world: World) -> None:
    world.office.book(Stay(DOUBLE, day(1), day(2)))
    await world.sync("inbound")
    await fill(world, "3")
    async with world.database.write() as tx:
        await work.queue_poll(tx, world.property_id)
    async with world.database.read() as session:
        (job,), _ = await list_jobs(session, kinds=[work.DETAILS])
    handler = handlers(world.channels)[work.DETAILS]
    connector = (await world.channels.link(world.property_id)).connector
    before = connector.requests_made
    assert await handler(job) == giving_way.STEPPED_ASIDE
    assert connector.requests_made == before
    await fill(world, "7")
    assert await handler(job) == Done("completed")
    assert connector.requests_made == before + 1


async def test_it_is_never_brought_to_a_stop_by_the_budget_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(giving_way, "_LOOK", 0.01)
    monkeypatch.setattr(giving_way, "_PATIENCE", 0.05)
    await fill(world, "-100")
    assert await may(world)


async def two_prices(world: World) -> None:
    """Let prices of two types wait to be sent, and a poll wait for the lane."""
    await go_live(world, rooms_too=False)
    await world.sync("rates")
    async with world.database.write() as tx:
        await tx.session.execute(delete(JobRow))
    for product in (DOUBLE, SUITE):
        await set_rate(world, product, 3, 6, price=Decimal("144.50"))
    async with world.database.write() as tx:
        await tx.session.execute(delete(JobRow))
        await work.queue_poll(tx, world.property_id)


def right(world: World) -> list[bool]:
    """Say of each type whether the shop has its new price."""
    return [shop_prices(world, product)[3] == Decimal("144.50") for product in (DOUBLE, SUITE)]


async def test_prices_step_aside_between_two_types_and_go_on_behind_the_first(world: World) -> None:
    await two_prices(world)
    link = await world.channels.link(world.property_id)
    assert isinstance(await push_rates(link, PushOptions(dry_run=True), SyncResult()), Done)
    polite = replace(link, gives_way=True)
    assert await push_rates(polite, PushOptions(), SyncResult()) is giving_way.STEPPED_ASIDE
    assert sorted(right(world)) == [False, True]
    async with world.database.write() as tx:
        await tx.session.execute(delete(JobRow))
    assert isinstance(await push_rates(polite, PushOptions(), SyncResult()), Done)
    assert right(world) == [True, True]


async def test_a_synchronisation_that_stepped_aside_is_well_and_leaves_the_rest_to_a_job(world: World) -> None:
    await two_prices(world)
    request = runs.Request(what="rates")
    result = await runs.run_in_lane(world.channels, world.property_id, request, gives_way=True)
    assert (result.errors, sorted(right(world))) == ([], [False, True])
    async with world.database.read() as session:
        queued, _ = await list_jobs(session, kinds=[ari_work.RATES])
    assert [job.priority for job in queued] == [ari_work.PRIORITY[ari_work.RATES]]
    await world.work()
    assert right(world) == [True, True]


async def ask_alone(world: World, what: str) -> None:
    """Run a synchronisation of what is switched off, so that no job would send the rest."""
    async with world.database.write() as tx:
        await tx.session.execute(update(Config).values({f"sync_{what}": False}))
    await runs.run_in_lane(world.channels, world.property_id, runs.Request(what=what), gives_way=True)


async def test_prices_that_no_job_would_send_go_out_in_one_piece(world: World) -> None:
    await two_prices(world)
    await ask_alone(world, "rates")
    assert right(world) == [True, True]


async def three_closed(world: World) -> None:
    """Let the closing of three rooms wait to be sent, and a poll wait for the lane."""
    await go_live(world, prices_too=False)
    await world.sync("availability")
    await set_rate(world, DOUBLE, 3, 6, closed=True)
    async with world.database.write() as tx:
        await tx.session.execute(delete(JobRow))
        await work.queue_poll(tx, world.property_id)


def left(world: World) -> int:
    """Return how many doubles the shop still sells on the first closed night."""
    return shop_free(world, DOUBLE)[3]


async def test_rooms_step_aside_between_two_blocks_and_go_on_behind_the_first(world: World) -> None:
    await three_closed(world)
    polite = replace(await world.channels.link(world.property_id), gives_way=True)
    for still in (2, 1):
        assert await push_availability(polite, PushOptions(), SyncResult()) is giving_way.STEPPED_ASIDE
        assert left(world) == still
    async with world.database.write() as tx:
        await tx.session.execute(delete(JobRow))
    assert isinstance(await push_availability(polite, PushOptions(), SyncResult()), Done)
    assert left(world) == 0
    # nothing is left to look at
    result = SyncResult()
    await push_availability(polite, PushOptions(), result)
    assert result.requests == 0


async def test_few_rooms_left_are_closed_in_one_piece_whoever_waits(world: World) -> None:
    await three_closed(world)
    async with world.database.write() as tx:
        await enqueue_many(tx, [urgent(world)])
    async with world.database.read() as session:
        (job,), _ = await list_jobs(session, kinds=[ari_work.AVAILABILITY])
    assert isinstance(await handlers(world.channels)[ari_work.AVAILABILITY](job), Done)
    assert left(world) == 0


def urgent(world: World) -> JobSpec:
    """Return the job that closes rooms of which few are left."""
    return JobSpec(
        kind=ari_work.AVAILABILITY,
        key="few",
        property_id=world.property_id,
        lane=lane(world.property_id),
        payload={"room_type_id": str(world.types[DOUBLE])},
        priority=ari_work.URGENT,
    )


async def test_a_synchronisation_of_rooms_leaves_the_rest_to_a_job_that_looks_again(world: World) -> None:
    await three_closed(world)
    request = runs.Request(what="all")
    result = await runs.run_in_lane(world.channels, world.property_id, request, gives_way=True)
    assert (result.errors, left(world)) == ([], 2)
    async with world.database.read() as session:
        queued, _ = await list_jobs(session, kinds=[ari_work.AVAILABILITY])
    assert {job.payload.get("room_type_id") for job in queued} >= {None}
    await world.work()
    assert left(world) == 0


async def test_rooms_that_no_job_would_send_go_out_in_one_piece(world: World) -> None:
    await three_closed(world)
    await ask_alone(world, "availability")
    assert left(world) == 0
