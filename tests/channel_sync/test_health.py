"""The figures of health say how each direction fares, the same to the API and to Prometheus."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from innkeeper.access.roles import Role
from innkeeper.channel_sync import metrics
from innkeeper.channel_sync.connection import require_config
from innkeeper.channel_sync.jobs import peek
from innkeeper.channel_sync.tables import Contact
from innkeeper.channel_sync.work import queue_push
from innkeeper.domain.business_day import utc_now
from innkeeper.jobs.tables import JobRow
from innkeeper.simulators.qloapps.actors import Stay as ShopStay
from innkeeper.simulators.qloapps.state import DEMO_KEY
from innkeeper.storage.secrets import Keyring, new_key
from tests.channel_sync.desk import desk, inn_of
from tests.channel_sync.world import DOUBLE, World, day

pytestmark = pytest.mark.anyio


async def health(world: World) -> dict[str, Any]:
    """Ask at the front desk how it is."""
    async with desk(world, Role.FRONT_DESK) as reception:
        found: dict[str, Any] = await reception.call("GET", "/qloapps/health")
        same = await reception.call("GET", "/qloapps/sync-status")
        assert _timeless(found["directions"]) == _timeless(same["directions"])
        return found


def _timeless(directions: Any) -> Any:
    """Return the figures of directions that do not grow while one asks."""
    return [{name: value for name, value in one.items() if "seconds" not in name} for one in directions.values()]


async def told(world: World) -> tuple[str, dict[tuple[str, str], float]]:
    """Return the metrics of the world's channel: the text, and each value by name and direction."""
    async with inn_of(world, gatherers=[metrics.gatherer(world.channels)]).client() as client:
        text = (await client.get("/metrics")).text
    pattern = re.compile(r'innkeeper_channel_(\w+)\{(?:direction="(\w+)",)?property="[^"]+"(?:,state="(\w+)")?\} (\S+)')
    found = {}
    for name, direction, state, value in pattern.findall(text):
        found[name, direction or state] = float(value)
    return text, found


async def look(world: World) -> None:
    """Let the workers look whether anything has changed there."""
    async with world.database.write() as tx:
        await peek(tx)
    await world.work()


async def test_both_directions_that_work_are_well(world: World) -> None:
    await look(world)
    await world.book(world.room(3, 5))
    await world.work()
    found = await health(world)
    assert (found["status"], found["reasons"]) == ("ok", [])
    _, values = await told(world)
    for direction in ("inbound", "outbound"):
        assert abs(values["last_success_timestamp_seconds", direction] - utc_now().timestamp()) < 600
        assert values["failures_in_a_row", direction] == 0
        assert values["circuit_open", direction] == 0
    assert values["lag_seconds", "inbound"] < 600
    assert values["budget_left", ""] > 0
    assert [values["state", state] for state in ("ok", "degraded", "down", "off")] == [1, 0, 0, 0]


async def test_a_push_of_nothing_says_nothing_about_the_line(world: World) -> None:
    reservation = await world.book(world.room(3, 5))
    await world.work()
    async with world.database.write() as tx:
        await tx.session.execute(update(Contact).values(failures=2))
        await queue_push(tx, world.property_id, reservation.id)
    await world.work()
    _, values = await told(world)
    assert values["failures_in_a_row", "outbound"] == 2


async def test_failures_in_a_row_are_down_and_one_success_is_not(world: World) -> None:
    await look(world)
    world.shop.dial.set(drop_before=1.0)
    for _ in range(3):
        await look(world)
        world.clock.advance(2000)
    found = await health(world)
    assert found["status"] == "down"
    assert "unreachable" in await world.attention()
    _, values = await told(world)
    assert values["failures_in_a_row", "inbound"] >= 3
    assert values["failures_in_a_row", "outbound"] == 0
    assert values["state", "down"] == 1
    world.shop.dial.calm()
    world.clock.advance(2000)
    await look(world)
    assert (await health(world))["status"] == "ok"
    assert await world.attention() == {}


async def test_an_open_circuit_is_told_and_closes_again(world: World) -> None:
    await look(world)
    async with world.database.write() as tx:
        await tx.session.execute(update(Contact).values(circuit="open"))
    assert (await health(world))["status"] == "down"
    _, values = await told(world)
    assert values["circuit_open", "inbound"] == 1
    await look(world)
    assert (await health(world))["status"] == "ok"


async def test_work_that_stands_still_is_degraded(world: World) -> None:
    await look(world)
    await world.book(world.room(3, 5))
    async with world.database.write() as tx:
        due = utc_now() - timedelta(minutes=7)
        await tx.session.execute(update(JobRow).where(JobRow.kind == "channel.push").values(due_at=due))
    found = await health(world)
    assert found["status"] == "degraded"
    _, values = await told(world)
    assert values["queue_age_seconds", "outbound"] >= 420
    assert values["queue_age_seconds", "inbound"] == 0


async def test_a_connection_that_is_switched_off_is_off(world: World) -> None:
    async with world.database.write() as tx:
        (await require_config(tx.session, world.property_id)).sync_enabled = False
    _, values = await told(world)
    assert values["state", "off"] == 1


async def test_metrics_hold_nothing_of_guests_and_no_key(world: World) -> None:
    world.office.book(ShopStay(DOUBLE, day(3), day(5)))
    await look(world)
    text, _ = await told(world)
    ours = "".join(line for line in text.splitlines() if "innkeeper_channel" in line)
    assert DEMO_KEY not in text
    assert "shop.test" not in ours
    assert "Harbour" not in ours


async def test_work_whose_key_cannot_be_read_waits_and_goes_on_when_it_can(world: World) -> None:
    keys, world.channels.keyring = world.channels.keyring, Keyring([new_key()])
    reservation = await world.book(world.room(3, 5))
    for _ in range(9):  # once more than work may fail for a reason of its own
        await look(world)
        world.clock.advance(2000)
    found = await health(world)
    assert (found["status"], found["queue"]["dead"]) == ("down", 0)
    assert found["reasons"] == ["A stored secret cannot be read with the keys of this installation."]
    assert set(await world.attention()) == {"secret_unreadable"}
    world.channels.keyring = keys
    world.clock.advance(2000)
    await world.settle()
    mapping = await world.mapping(reservation.id)
    assert mapping is not None
    assert mapping.status == "synced"
    assert (await health(world))["status"] == "ok"
    assert await world.attention() == {}
