"""A guest's data are forgotten in time or on request: here, in the log, in what is remembered; books stay."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from innkeeper.access.roles import Role
from innkeeper.access.tables import AuditRow
from innkeeper.channel_sync import jobs
from innkeeper.channel_sync.connection import require_config
from innkeeper.channel_sync.tables import CustomerMapping, SyncLog
from innkeeper.domain.business_day import utc_now
from innkeeper.house import reservations
from innkeeper.simulators.qloapps.actors import Guest as ShopGuest
from innkeeper.simulators.qloapps.actors import Stay as ShopStay
from tests.channel_sync.desk import desk
from tests.channel_sync.world import DOUBLE, World, day
from tests.conftest import all_tables

pytestmark = pytest.mark.anyio

GRACE = ShopGuest("Grace", "Hopper", "grace@guest.example", "+390612345699")
OTHER = ShopGuest("Alan", "Turing", "alan@guest.example", "+390612345600")
WORDS = ("Grace", "Hopper", "hopper", "grace@", "12345699")


async def everything(world: World) -> str:
    """Return every row of every table as text."""
    async with world.database.read() as session:
        found = [(await session.execute(select(table))).all() for table in all_tables().sorted_tables]
    return "\n".join(str(tuple(row)) for rows in found for row in rows)


async def logs(world: World) -> list[SyncLog]:
    """Return the log of what came in, oldest first."""
    async with world.database.read() as session:
        query = select(SyncLog).where(SyncLog.direction == "inbound")
        return list(await session.scalars(query.order_by(SyncLog.created_at)))


async def a_stay_that_is_over(world: World) -> Any:
    """Let Grace stay and leave, and Alan book; return Grace's order."""
    order = world.office.book(ShopStay(DOUBLE, day(0), day(1)), guest=GRACE)
    world.office.book(ShopStay(DOUBLE, day(4), day(5)), guest=OTHER)
    await world.sync("inbound")
    reservation = next(one for one in await world.reservations() if one.check_in == day(0))
    await world.do(reservations.check_in, reservation.id)
    await world.do(reservations.check_out, reservation.id, leave_open=True)
    await world.work()
    return order


async def guest_id_of(world: World, first_name: str) -> Any:
    """Return the guest with a first name."""
    return next(
        one.primary_guest_id for one in await world.reservations() if one.primary_guest.first_name == first_name
    )


async def erase(world: World, guest_id: Any, status: int = 200, role: Role = Role.MANAGER) -> Any:
    """Erase a guest."""
    async with desk(world, role) as office:
        return await office.call("POST", f"/guests/{guest_id}/erase", status)


async def test_an_erased_guest_is_nowhere_and_his_stay_is_in_the_books(world: World) -> None:
    await a_stay_that_is_over(world)
    guest_id = await guest_id_of(world, "Grace")
    stay = next(one for one in await world.reservations() if one.check_in == day(0))
    async with world.database.write() as tx:
        await tx.session.execute(
            update(type(stay)).where(type(stay).id == stay.id).values(special_requests="A cot for Grace")
        )
    answer = await erase(world, guest_id)
    assert (answer["name"], answer["email"], answer["phone"]) == ("Erased guest", None, None)
    found = await everything(world)
    assert [word for word in WORDS if word in found] == []
    after = await world.load(stay.id)
    assert (after.total_amount, after.status, after.special_requests) == (stay.total_amount, "Checked-out", "")
    assert "alan@guest.example" in found


async def test_erasing_is_written_down_without_the_guest(world: World) -> None:
    await a_stay_that_is_over(world)
    guest_id = await guest_id_of(world, "Grace")
    await erase(world, guest_id)
    async with world.database.read() as session:
        row = await session.scalar(select(AuditRow).where(AuditRow.action == "guest.erased"))
    assert row is not None
    assert (row.entity_id, row.detail) == (str(guest_id), {"reservations": 1})


async def test_a_guest_in_house_or_expected_is_not_erased(world: World) -> None:
    world.office.book(ShopStay(DOUBLE, day(0), day(2)), guest=GRACE)
    world.office.book(ShopStay(DOUBLE, day(4), day(5)), guest=OTHER)
    await world.sync("inbound")
    stay = next(one for one in await world.reservations() if one.check_in == day(0))
    await world.do(reservations.check_in, stay.id)
    refusal = await erase(world, stay.primary_guest_id, 409)
    assert refusal["code"] == "GUEST_IN_HOUSE"
    refusal = await erase(world, await guest_id_of(world, "Alan"), 409)
    assert refusal["code"] == "GUEST_EXPECTED"
    assert "Grace" in await everything(world)


async def test_only_a_manager_erases(world: World) -> None:
    guest_id = await world.guest()
    await erase(world, guest_id, 403, Role.FRONT_DESK)
    await erase(world, guest_id)
    await erase(world, guest_id)


async def test_reading_everything_again_does_not_bring_him_back(world: World) -> None:
    order = await a_stay_that_is_over(world)
    await erase(world, await guest_id_of(world, "Grace"))
    world.clock.advance(60)
    world.office.take_payment(order, 50)
    await world.sync("inbound", full=True)
    await world.sync("all", full=True)
    await world.work()
    found = await everything(world)
    assert [word for word in WORDS if word in found] == []
    guests = [one.primary_guest.name for one in await world.reservations()]
    assert sorted(guests) == ["Alan Turing", "Erased guest"]


async def test_a_new_booking_of_an_erased_customer_is_a_new_guest(world: World) -> None:
    await a_stay_that_is_over(world)
    erased = await guest_id_of(world, "Grace")
    await erase(world, erased)
    world.clock.advance(60)
    world.office.book(ShopStay(DOUBLE, day(8), day(9)), guest=GRACE)
    await world.sync("inbound")
    again = await guest_id_of(world, "Grace")
    assert again != erased
    async with world.database.read() as session:
        mapping = await session.scalar(select(CustomerMapping).where(CustomerMapping.local_guest_id == again))
    assert mapping is not None
    assert mapping.last_seen["first_name"] == "Grace"


async def test_the_log_forgets_guests_after_their_time_and_keeps_the_message(world: World) -> None:
    await a_stay_that_is_over(world)
    old, _ = await logs(world)
    async with world.database.write() as tx:
        config = await require_config(tx.session, world.property_id)
        assert config.personal_data_days == 90
        config.log_retention_days = 365
        at = utc_now() - timedelta(days=91)
        await tx.session.execute(update(SyncLog).where(SyncLog.id == old.id).values(created_at=at))
        await jobs.prune(tx)
    await world.work()
    rows = await logs(world)
    assert [row.personal is None for row in rows] == [True, False]
    assert rows[0].request_data == old.request_data


async def test_how_long_guests_are_kept_is_set_by_the_admin(world: World) -> None:
    async with desk(world) as office:
        saved = await office.call("PUT", "/qloapps/config", json={"personal_data_days": 14})
        assert saved["personal_data_days"] == 14
        await office.call("PUT", "/qloapps/config", 422, json={"personal_data_days": 0})
