"""Any booking can be explained, and any message replayed without a trace."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from innkeeper.access.roles import Role
from innkeeper.channel_sync.connection import require_config
from innkeeper.channel_sync.customers import ORIGIN
from innkeeper.channel_sync.tables import SyncLog
from innkeeper.domain.stay import Stay
from innkeeper.house import reservations
from innkeeper.simulators.qloapps.actors import Guest
from innkeeper.simulators.qloapps.actors import Stay as ShopStay
from tests.channel_sync.desk import desk
from tests.channel_sync.world import DOUBLE, SUITE, World, day
from tests.conftest import all_tables

pytestmark = pytest.mark.anyio

GRACE = Guest("Grace", "Hopper", "grace@guest.example", "+390612345699")


#: Where each request leaves its trace, whatever it does.
_TRACES = frozenset(("tokens", "audit_trail", "audit_chains"))


async def logs(world: World) -> list[SyncLog]:
    """Return the log, oldest first."""
    async with world.database.read() as session:
        return list(await session.scalars(select(SyncLog).order_by(SyncLog.created_at, SyncLog.id)))


async def everything(world: World) -> dict[str, list[Any]]:
    """Return every row of every table, but those of access, where each request leaves its trace."""
    found = {}
    async with world.database.read() as session:
        for table in all_tables().sorted_tables:
            if table.name not in _TRACES:
                rows = (await session.execute(select(table))).all()
                found[table.name] = sorted(str(tuple(row)) for row in rows)
    return found


async def explained(world: World, path: str, status: int = 200) -> Any:
    """Ask for an explanation at the front desk."""
    async with desk(world, Role.FRONT_DESK) as reception:
        return await reception.call("GET", f"/qloapps{path}/explain", status)


async def replayed(world: World, log: SyncLog, status: int = 200, **body: Any) -> Any:
    """Replay a row of the log."""
    async with desk(world, Role.MANAGER) as office:
        return await office.call("POST", f"/qloapps/sync-logs/{log.id}/replay", status, json=body)


def kinds(story: Any) -> list[str]:
    """Return the kinds of the steps, in their order."""
    return [step["kind"] for step in story["timeline"]]


async def test_a_booking_is_told_from_its_first_message_to_its_rows(world: World) -> None:
    known = await world.guest("Grace Hopper", "grace@guest.example", None)
    order = world.office.book(ShopStay(DOUBLE, day(3), day(5)), guest=GRACE)
    await world.sync("inbound")
    story = await explained(world, f"/bookings/{order.id}")
    assert kinds(story)[0] in ("message", "house")
    steps = {step["kind"]: step for step in story["timeline"]}
    assert steps["guest"]["detail"]["score"] == "1.00"
    assert steps["guest"]["detail"]["reasons"] == ["same e-mail address"]
    (row,) = await logs(world)
    assert {steps[kind]["log_id"] for kind in ("message", "guest", "decision")} == {str(row.id)}
    assert story["became"]["reservation"]["id"] == str((await world.only()).id)
    assert story["became"]["guest"]["guest_id"] == str(known)
    async with desk(world, Role.FRONT_DESK) as reception:
        linked = await reception.call("GET", steps["message"]["link"].removeprefix("/api"))
    assert linked["qloapps_entity_id"] == order.id


async def test_a_merge_is_told_with_its_rule_and_both_values(world: World) -> None:
    order = world.office.book(ShopStay(DOUBLE, day(3), day(5)))
    await world.sync("inbound")
    reservation = await world.only()
    async with world.database.write() as tx:
        config = await require_config(tx.session, world.property_id)
        config.sync_reservations_outbound, config.conflict_policy = False, {"default": "qloapps"}
    draft = reservations.draft_of(reservation)
    draft = replace(draft, rooms=(replace(draft.rooms[0], stay=Stay(day(3), day(7))),))
    await world.do(reservations.change, reservation.id, draft=draft)
    world.clock.advance(60)
    world.office.change_dates(order, day(4), day(8))
    await world.sync("inbound")
    story = await explained(world, f"/reservations/{reservation.id}")
    rules = [step for step in story["timeline"] if step["kind"] == "rule" and step["detail"]["field"].endswith("stay")]
    assert rules[0]["detail"]["local"] == [str(day(3)), str(day(7))]
    assert rules[0]["detail"]["qloapps"] == [str(day(4)), str(day(8))]
    assert "policy of the property is that qloapps wins" in rules[0]["sentence"]
    assert rules[0]["log_id"] == str((await logs(world))[-1].id)


async def test_pushes_trouble_and_waiting_work_are_told(world: World) -> None:
    world.office.book(ShopStay(SUITE, day(3), day(5)))
    reservation = await world.book(world.room(3, 5, SUITE))
    await world.work()
    story = await explained(world, f"/reservations/{reservation.id}")
    assert [step["kind"] for step in story["timeline"] if step["kind"] in ("push", "attention")] == [
        "attention",
        "push",
    ]
    push = next(step for step in story["timeline"] if step["kind"] == "push")
    assert "it is not there yet" in push["sentence"]
    await world.do(reservations.change, reservation.id, draft=reservations.draft_of(await world.load(reservation.id)))
    async with world.database.write() as tx:
        await reservations.cancel(tx, world.property_id, reservation.id)
    story = await explained(world, f"/reservations/{reservation.id}")
    assert [job["kind"] for job in story["waiting"]] == ["channel.push"]


async def test_flags_and_an_overbooking_are_told(world: World) -> None:
    await world.book(world.room(3, 5, SUITE))
    order = world.office.book(ShopStay(SUITE, day(3), day(5)), overbook=True)
    await world.sync("inbound")
    story = await explained(world, f"/bookings/{order.id}")
    decision = next(step for step in story["timeline"] if step["kind"] == "decision")
    assert decision["detail"]["flags"] == ["overbooked"]
    assert "attention" in kinds(story)


async def test_a_booking_nobody_knows_is_said_to_be_unknown(world: World) -> None:
    assert "pull" in (await explained(world, "/bookings/999", 404))["action"]


async def test_the_story_holds_nothing_of_the_guest(world: World) -> None:
    order = world.office.book(ShopStay(DOUBLE, day(3), day(5)), guest=GRACE)
    await world.sync("inbound")
    told = str(await explained(world, f"/bookings/{order.id}"))
    assert not any(word in told for word in ("Grace", "Hopper", "grace@", "12345699"))


async def test_a_logged_message_holds_no_password_and_no_key(world: World) -> None:
    world.office.book(ShopStay(DOUBLE, day(3), day(5)), guest=GRACE)
    await world.sync("inbound")
    (row,) = await logs(world)
    assert set(row.personal or {}) == {"first_name", "last_name", "email", "phone"}
    assert not any(word in str(row.request_data) for word in ("passwd", "secure_key", "Grace", "grace@"))


async def test_a_replay_of_what_was_taken_in_changes_nothing(world: World) -> None:
    world.office.book(ShopStay(DOUBLE, day(3), day(5)), guest=GRACE)
    await world.sync("inbound")
    (row,) = await logs(world)
    before = await everything(world)
    report = await replayed(world, row)
    assert (report["now"]["operation"], report["now"]["would_write"]) == ("skip", [])
    assert await everything(world) == before


async def test_a_replay_as_new_decides_anew_and_writes_no_row(world: World) -> None:
    world.office.book(ShopStay(DOUBLE, day(3), day(5), rooms=2), guest=GRACE)
    await world.sync("inbound")
    (row,) = await logs(world)
    before = await everything(world)
    report = await replayed(world, row, as_new=True)
    assert report["now"]["operation"] == "create"
    assert report["now"]["decision"]["guest"]["reasons"] == ["same e-mail address"]
    assert report["now"]["decision"]["flags"] == []
    assert {"reservations", "qloapps_reservation_mappings"} <= {row["table"] for row in report["now"]["would_write"]}
    assert len([one for one in report["now"]["changes"] if one["fact"].endswith(".held")]) == 2
    assert await everything(world) == before


async def test_a_replay_of_an_old_message_tells_what_it_would_undo(world: World) -> None:
    order = world.office.book(ShopStay(DOUBLE, day(3), day(5)), guest=GRACE)
    await world.sync("inbound")
    world.clock.advance(60)
    world.office.change_dates(order, day(4), day(7))
    await world.sync("inbound")
    first, _ = await logs(world)
    before = await everything(world)
    report = await replayed(world, first)
    assert report["now"]["operation"] == "update"
    stays = [one for one in report["now"]["changes"] if one["fact"].endswith(".stay")]
    assert [(one["before"], one["after"]) for one in stays] == [
        ([str(day(4)), str(day(7))], [str(day(3)), str(day(5))])
    ]
    assert await everything(world) == before


async def test_every_logged_message_can_be_replayed_also_after_its_guest_is_forgotten(world: World) -> None:
    for number in range(10):
        order = world.office.book(ShopStay(DOUBLE, day(number * 2), day(number * 2 + 2)), guest=GRACE, paid=50)
    world.office.cancel(order)
    await world.sync("inbound")
    async with world.database.write() as tx:
        for row in await tx.session.scalars(select(SyncLog)):
            row.personal = None
    before = await everything(world)
    for row in await logs(world):
        report = await replayed(world, row, as_new=True)
        assert (report["now"]["operation"], report["guest_data"]) == ("create", "as last seen")
    assert await everything(world) == before


async def test_what_was_sent_or_is_not_whole_is_not_replayed(world: World) -> None:
    await world.book(world.room(3, 5))
    await world.work()
    world.office.book(ShopStay(DOUBLE, day(3), day(5)))
    await world.sync("inbound")
    async with world.database.write() as tx:
        row = await tx.session.scalar(select(SyncLog).where(SyncLog.direction == "inbound"))
        assert row is not None
        row.request_data = {"order_id": 2}
    for log in await logs(world):
        refusal = await replayed(world, log, 422)
        assert refusal["code"] in ("NOT_INBOUND", "MESSAGE_NOT_WHOLE")


async def test_mark_that_we_set_is_said_to_be_ours(world: World) -> None:
    order = world.office.book(ShopStay(DOUBLE, day(3), day(5)))
    await world.sync("inbound")
    reservation = await world.only()
    world.office.change_dates(order, day(3), day(6))
    await world.sync("inbound")
    async with world.database.write() as tx:
        await reservations.set_flags(
            tx, world.property_id, reservation.id, add=frozenset({"differs_at_channel"}), origin=ORIGIN
        )
    told = [step["sentence"] for step in (await explained(world, f"/bookings/{order.id}"))["timeline"]]
    assert "Innkeeper marked the reservation (flags)." in told
    assert not [one for one in told if "(flags), in QloApps" in one]
    assert [one for one in told if one.startswith("The reservation was updated") and one.endswith("in QloApps.")]
