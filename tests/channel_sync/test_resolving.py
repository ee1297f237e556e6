"""A person decides a conflict, fact by fact, and both sides follow."""

from dataclasses import replace
from decimal import Decimal

import pytest

from innkeeper.channel_sync import repository, resolving, work
from innkeeper.domain.errors import Conflict, Invalid
from innkeeper.domain.stay import Stay
from innkeeper.house import reservations
from innkeeper.house.tables import Reservation
from innkeeper.jobs.queue import list_jobs
from innkeeper.jobs.tables import JobStatus
from innkeeper.simulators.qloapps.actors import Stay as ShopStay
from tests.channel_sync.desk import desk
from tests.channel_sync.world import DOUBLE, World, day

pytestmark = pytest.mark.anyio


@pytest.fixture
async def disputed(world: World) -> Reservation:
    """A booking whose dates both sides changed, under the policy that asks."""
    async with world.database.write() as tx:
        config = await repository.config(tx.session, world.property_id)
        assert config is not None
        config.conflict_policy = {"default": "ask"}
    order = world.office.book(ShopStay(DOUBLE, day(3), day(5)))
    await world.sync("inbound")
    reservation = await world.only()
    draft = reservations.draft_of(reservation)
    room = replace(draft.rooms[0], stay=Stay(day(3), day(8)), amount=Decimal(600))
    await world.do(reservations.change, reservation.id, draft=replace(draft, rooms=(room,), total_amount=None))
    world.clock.advance(60)
    world.office.change_dates(order, day(4), day(6))
    await world.sync("inbound")
    await world.settle(2)
    return await world.load(reservation.id)


async def test_both_values_are_shown_and_nothing_is_decided(world: World, disputed: Reservation) -> None:
    mapping = await world.mapping(disputed.id)
    assert mapping is not None
    document = resolving.conflict_document(mapping, disputed.confirmation)
    (stay,) = [fact for fact in document["fields"] if fact["name"] == "stay"]
    assert (stay["local"], stay["qloapps"]) == ([str(day(3)), str(day(8))], [str(day(4)), str(day(6))])
    assert disputed.rooms[0].check_out == day(8)
    assert str(world.held()[0].date_to)[:10] == str(day(6))
    assert "conflict" in await world.attention()


@pytest.mark.parametrize(("decision", "wanted"), [("local", (3, 8)), ("qloapps", (4, 6)), ("third", (5, 7))])
async def test_decision_reaches_both_sides(
    world: World, disputed: Reservation, decision: str, wanted: tuple[int, int]
) -> None:
    mapping = await world.mapping(disputed.id)
    assert mapping is not None
    assert mapping.conflict_data is not None
    value = [str(day(5)), str(day(7))] if decision == "third" else decision
    facts = {fact["field"].rsplit(".", 1)[-1] for fact in mapping.conflict_data["fields"]}
    decisions = {name: value if name == "stay" else "local" if decision == "third" else decision for name in facts}
    async with world.database.write() as tx:
        await resolving.resolve(tx, world.property_id, mapping.id, decisions, "ada")
    await world.settle(2)
    reservation = await world.load(disputed.id)
    (line,) = world.held()
    assert (reservation.check_in, reservation.check_out) == (day(wanted[0]), day(wanted[1]))
    assert (str(line.date_from)[:10], str(line.date_to)[:10]) == (str(day(wanted[0])), str(day(wanted[1])))
    assert "conflict" not in await world.attention()


async def test_a_settled_conflict_cannot_be_settled_again(world: World, disputed: Reservation) -> None:
    mapping = await world.mapping(disputed.id)
    assert mapping is not None
    assert mapping.conflict_data is not None
    decisions = {fact["field"]: "local" for fact in mapping.conflict_data["fields"]}
    async with world.database.write() as tx:
        await resolving.resolve(tx, world.property_id, mapping.id, decisions, "ada")
    with pytest.raises(Conflict):
        async with world.database.write() as tx:
            await resolving.resolve(tx, world.property_id, mapping.id, decisions, "ada")


async def test_what_is_no_fact_in_conflict_is_refused_by_name(world: World, disputed: Reservation) -> None:
    mapping = await world.mapping(disputed.id)
    assert mapping is not None
    with pytest.raises(Invalid) as refused:
        async with world.database.write() as tx:
            await resolving.resolve(tx, world.property_id, mapping.id, {"colour": "local"}, "ada")
    assert refused.value.errors[0].field == "colour"


async def test_what_is_asked_is_told_in_words_also_in_the_alert(world: World, disputed: Reservation) -> None:
    told = (await world.attention())["conflict"]
    assert told.meaning == (
        "Nights: here Sun 31 Mar 2030 to Fri 5 Apr 2030, 5 nights; "
        "in QloApps Mon 1 Apr 2030 to Wed 3 Apr 2030, 2 nights."
    )
    async with world.database.read() as session:
        alerts = [
            str(job.payload["body"])
            for job in (await list_jobs(session, statuses=tuple(JobStatus)))[0]
            if job.kind == work.ALERT
        ]
    assert any(told.meaning in body for body in alerts)
    async with desk(world) as office:
        story = await office.call("GET", f"/qloapps/reservations/{disputed.id}/explain")
    assert not [step["sentence"] for step in story["timeline"] if "['" in step["sentence"]]
