"""The log keeps of each thing what the plan wants: what was asked, what came of it, how long it took, in which run."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from innkeeper.channel_sync import repository
from innkeeper.channel_sync.tables import SyncLog
from innkeeper.domain.ids import new_id
from innkeeper.simulators.qloapps.actors import Stay as ShopStay
from tests.channel_sync.desk import desk
from tests.channel_sync.selling import go_live, set_rate
from tests.channel_sync.world import DOUBLE, World, day

pytestmark = pytest.mark.anyio


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is told here does not depend on the kind of data base."""
    return sqlite_url


async def rows(world: World, sync_type: str) -> Sequence[SyncLog]:
    """Return the rows of one type."""
    async with world.database.read() as session:
        found, _ = await repository.sync_logs(session, world.property_id, limit=500, offset=0)
    return [row for row in found if row.sync_type == sync_type]


async def test_prices_say_what_was_sent_how_long_it_took_and_in_which_run(world: World) -> None:
    await go_live(world)
    await set_rate(world, DOUBLE, 3, 6, price=Decimal(150))
    run = await world.sync("rates")
    found = await rows(world, "qloapps_rates_outbound")
    assert len(found) == 2
    for row in found:
        assert (row.operation, row.sync_state_id) == ("update", run.sync_id)
        assert row.duration_ms is not None
    (doubles,) = [row for row in found if row.qloapps_entity_id == DOUBLE]
    assert doubles.request_data is not None
    sent = {tuple(change) for change in doubles.request_data["changes"]}
    assert ("make", None, str(day(3)), str(day(5)), "150.000000") in sent
    await world.sync("rates", full=True)
    newest = (await rows(world, "qloapps_rates_outbound"))[0]
    assert (newest.operation, (newest.request_data or {})["changes"]) == ("skip", [])


async def test_blocks_say_how_long_they_took_and_in_which_run(world: World) -> None:
    await go_live(world)
    async with world.database.write() as tx:
        config = await repository.config(tx.session, world.property_id)
        assert config is not None
        config.sync_reservations_outbound = False
    await world.book(world.room(3, 5))
    run = await world.sync("availability")
    found = await rows(world, "qloapps_availability_outbound")
    assert found
    assert {(row.sync_state_id, row.duration_ms is None) for row in found} == {(run.sync_id, False)}


async def test_reservation_sent_by_a_run_belongs_to_it(world: World) -> None:
    async with world.database.write() as tx:
        config = await repository.config(tx.session, world.property_id)
        assert config is not None
        config.sync_enabled = False
    await world.book(world.room(3, 5))
    run = await world.sync("outbound")
    (row,) = await rows(world, "qloapps_reservations_outbound")
    assert (row.sync_state_id, row.duration_ms is None) == (run.sync_id, False)


@pytest.mark.parametrize("bookings", [1, 10])
async def test_booking_that_was_read_says_how_long_it_took_to_store(world: World, bookings: int) -> None:
    for number in range(bookings):
        world.office.book(ShopStay(DOUBLE, day(3 + number), day(4 + number)))
    run = await world.sync("inbound")
    found = await rows(world, "qloapps_reservations_inbound")
    assert len(found) == bookings
    assert {(row.sync_state_id, row.duration_ms is None) for row in found} == {(run.sync_id, False)}


@pytest.mark.parametrize(
    "asked",
    [
        "/qloapps/sync-logs?direction=bogus",
        "/qloapps/sync-logs?operation=bogus",
        "/qloapps/mappings/reservations?status=bogus",
    ],
)
async def test_word_that_no_row_can_have_is_refused_and_not_answered_with_nothing(world: World, asked: str) -> None:
    async with desk(world) as office:
        refused = await office.call("GET", asked, 422)
    assert refused["errors"][0]["field"] == asked.partition("?")[2].partition("=")[0]


@pytest.mark.parametrize("what", ["availability", "rates"])
async def test_room_type_that_the_house_does_not_have_cannot_be_pushed(world: World, what: str) -> None:
    async with desk(world) as office:
        for wait in ("", "?wait=true"):
            body = {"room_type_id": str(new_id())}
            await office.call("POST", f"/qloapps/sync/{what}{wait}", 404, json=body)
        body = {"room_type_id": str(world.types[DOUBLE])}
        await office.call("POST", f"/qloapps/sync/{what}?wait=true", 200, json=body)
