"""What the house decides reaches the shop once, in a form that it takes, and what it refuses is told to a person."""

from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest

from innkeeper.channel_sync import repository
from innkeeper.domain.stay import Stay, StayStatus
from innkeeper.house import reservations
from innkeeper.house.model import ReservationDraft
from innkeeper.house.tables import Reservation
from innkeeper.jobs.queue import list_jobs
from innkeeper.jobs.tables import JobStatus
from innkeeper.simulators.faults import FAULTS
from innkeeper.simulators.qloapps.actors import Stay as ShopStay
from innkeeper.simulators.qloapps.model import ServiceLine
from tests.channel_sync.world import DOUBLE, SUITE, World, day

pytestmark = pytest.mark.anyio


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is told here does not depend on the kind of data base; test_flow.py runs on both."""
    return sqlite_url


async def waiting(world: World) -> list[str]:
    """Return the kinds of the jobs that wait, run or have died."""
    async with world.database.read() as session:
        jobs, _ = await list_jobs(session, statuses=(JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.DEAD))
    return [job.kind for job in jobs]


async def change(world: World, reservation_id: UUID, **values: object) -> Reservation:
    """Change the first room at the desk."""
    draft = reservations.draft_of(await world.load(reservation_id))
    rooms = (replace(draft.rooms[0], **values), *draft.rooms[1:])  # type: ignore[arg-type]
    return await world.do(reservations.change, reservation_id, draft=replace(draft, rooms=rooms, total_amount=None))


@pytest.mark.parametrize("fault", FAULTS)
async def test_booking_is_made_once_whatever_becomes_of_the_answer(world: World, fault: str) -> None:
    world.shop.dial.slow_seconds = world.shop.dial.late_seconds = 0.01
    world.shop.dial.next(fault, method="POST", path="/api/bookings")
    await world.book(world.room(3, 5))
    await world.work()
    await world.shop.settle()
    await world.settle(2)
    living = [order for order in world.orders() if order.current_state != 4]
    assert (len(living), len(world.held()), await waiting(world)) == (1, 1, [])
    assert await world.attention() == {}


@pytest.mark.parametrize("fault", FAULTS)
async def test_cancellation_arrives_whatever_becomes_of_the_answer(world: World, fault: str) -> None:
    world.shop.dial.slow_seconds = world.shop.dial.late_seconds = 0.01
    reservation = await world.book(world.room(3, 5))
    await world.work()
    world.shop.dial.next(fault, method="POST", path="/api/order_histories")
    await world.do(reservations.cancel, reservation.id)
    await world.work()
    await world.shop.settle()
    await world.settle(2)
    assert (world.held(), await waiting(world), await world.attention()) == ([], [], {})


async def test_no_room_there_is_for_a_person_and_is_not_asked_again_and_again(world: World) -> None:
    world.office.book(ShopStay(SUITE, day(3), day(5)))
    reservation = await world.book(world.room(4, 6, SUITE))
    await world.work()
    cause = (await world.attention())["refused_booking"]
    assert (cause.reservation_id, (await world.mapping(reservation.id)).status) == (reservation.id, "refused")  # type: ignore[union-attr]
    assert await waiting(world) == []
    before = world.shop.state.last_id("carts")
    for _ in range(3):
        world.clock.advance(2000)
        await world.sync("outbound")
        await world.work()
    assert world.shop.state.last_id("carts") == before
    assert (await world.attention())["refused_booking"].times_seen == 1


async def test_booking_that_was_sent_twice_on_its_way_and_refused_the_second_time_needs_nobody(world: World) -> None:
    world.shop.dial.next("duplicate", method="POST", path="/api/bookings")
    reservation = await world.book(world.room(4, 6, SUITE))
    await world.work()
    assert "refused_booking" in await world.attention()
    await world.sync("inbound")
    await world.work()
    assert (await world.mapping(reservation.id)).status == "synced"  # type: ignore[union-attr]
    assert (len(world.held()), await waiting(world), await world.attention()) == (1, [], {})


async def test_refusal_that_was_cut_off_is_asked_for_again(world: World) -> None:
    world.office.book(ShopStay(SUITE, day(3), day(5)))
    world.shop.dial.next("truncate", method="POST", path="/api/bookings")
    reservation = await world.book(world.room(4, 6, SUITE))
    await world.work()
    await world.settle(3)
    assert (await world.mapping(reservation.id)).status == "refused"  # type: ignore[union-attr]
    assert (await waiting(world), set(await world.attention())) == ([], {"overbooked", "refused_booking"})


async def test_refused_booking_is_sent_once_a_room_is_free_there(world: World) -> None:
    taken = world.office.book(ShopStay(SUITE, day(3), day(5)))
    await world.sync("inbound")
    async with world.database.write() as tx:
        guest_id = (await world.only()).primary_guest_id
        draft = ReservationDraft(guest_id, "EUR", (world.room(4, 6, SUITE),))
        await reservations.create(tx, world.property_id, draft, overbook=True)
    await world.work()
    assert "refused_booking" in await world.attention()
    world.clock.advance(60)
    world.office.cancel(taken)
    await world.sync("inbound")
    await world.work()
    assert "refused_booking" not in await world.attention()
    assert [(line.date_from[:10], line.id_product) for line in world.held()] == [(str(day(4)), SUITE)]


async def test_refused_booking_that_is_changed_here_is_sent_again(world: World) -> None:
    world.office.book(ShopStay(SUITE, day(3), day(5)))
    reservation = await world.book(world.room(4, 6, SUITE))
    await world.work()
    await change(world, reservation.id, stay=Stay(day(5), day(7)))
    await world.work()
    assert "refused_booking" not in await world.attention()
    assert str(day(5)) in [line.date_from[:10] for line in world.held()]


async def test_refused_change_that_is_taken_back_here_needs_nobody(world: World) -> None:
    world.office.book(ShopStay(SUITE, day(5), day(7)))
    reservation = await world.book(world.room(3, 5, SUITE))
    await world.work()
    before = (await world.load(reservation.id)).rooms[0].amount
    await change(world, reservation.id, stay=Stay(day(3), day(6)), amount=before)
    await world.work()
    assert "refused_booking" in await world.attention()
    await change(world, reservation.id, stay=Stay(day(3), day(5)), amount=before)
    await world.work()
    assert await world.attention() == {}


async def test_refused_booking_that_is_cancelled_here_needs_nobody(world: World) -> None:
    world.office.book(ShopStay(SUITE, day(3), day(5)))
    reservation = await world.book(world.room(4, 6, SUITE))
    await world.work()
    await world.do(reservations.cancel, reservation.id)
    await world.work()
    assert "refused_booking" not in await world.attention()


@pytest.mark.parametrize(
    ("name", "email", "phone"),
    [
        ("Louis 14 Bourbon", "louis@guest.example", "+33140205050"),
        ("Grace Hopper", "grace@guest.example", None),
        ("Grace Hopper", "", "+15550100100"),
        ("A" * 40 + " " + "B" * 60, "ab@guest.example", "+390612345678"),
    ],
)
async def test_guest_that_the_shop_cannot_hold_stays_right_here_and_goes_out_adjusted(
    world: World, name: str, email: str, phone: str | None
) -> None:
    guest_id = await world.guest(name, email, phone)
    reservation = await world.book(world.room(3, 5), guest_id=guest_id)
    await world.work()
    assert len(world.held()) == 1
    reservation = await world.load(reservation.id)
    assert reservation.flags == ["adjusted_for_channel"]
    await world.settle(2)
    guest = (await world.load(reservation.id)).primary_guest
    assert (guest.name, guest.email or "", guest.phone) == (name, email, phone)
    assert (await world.load(reservation.id)).flags == ["adjusted_for_channel"]


async def test_burst_of_changes_is_one_push_of_the_newest_state(world: World) -> None:
    reservation = await world.book(world.room(3, 5))
    for adults in (1, 2, 3):
        await change(world, reservation.id, adults=adults)
    assert (await waiting(world)).count("channel.push") == 1
    await world.work()
    (line,) = world.held()
    assert line.adults == 3


async def test_change_there_and_change_here_are_merged(world: World) -> None:
    reservation = await world.book(world.room(3, 5))
    await world.work()
    (order,) = world.orders()
    world.clock.advance(60)
    world.office.charge(world.shop.state.lines_of(order)[0], 333)
    await change(world, reservation.id, adults=3)
    await world.work()  # the push finds that the booking has changed there, and takes that in first
    await world.settle(1)
    (line,) = world.held()
    room = (await world.load(reservation.id)).rooms[0]
    assert (line.adults, line.total_price_tax_incl) == (3, Decimal(333))
    assert (room.adults, room.amount) == (3, Decimal(333))


async def test_change_here_loses_no_service_there(world: World) -> None:
    state = world.shop.state
    order = world.office.book(ShopStay(DOUBLE, day(3), day(5)))
    line = state.lines_of(order)[0]
    line.services = (ServiceLine(0, "Airport transfer", 1, Decimal(30), Decimal(30), Decimal(0), 0, 1, named=True),)
    await world.sync("inbound")
    await world.work()
    reservation = await world.only()
    draft = reservations.draft_of(reservation)
    more = (*draft.rooms, world.room(3, 5))
    await world.do(reservations.change, reservation.id, draft=replace(draft, rooms=more, total_amount=None))
    await world.settle(1)
    assert len(world.held()) == 2
    names = [service.name for line in state.lines_of(order) for service in line.services]
    assert names == ["Airport transfer"]


async def test_reservation_taken_again_after_its_cancellation_gets_a_new_booking(world: World) -> None:
    reservation = await world.book(world.room(3, 5))
    await world.work()
    await world.do(reservations.cancel, reservation.id)
    await world.work()
    await change(world, reservation.id, status=StayStatus.CONFIRMED)
    await world.work()
    assert [order.source for order in world.orders()] == [
        f"innkeeper:{reservation.id.hex}",
        f"innkeeper:{reservation.id.hex}.1",
    ]
    await world.settle(2)
    assert (len(world.held()), len(await world.reservations())) == (1, 1)


async def test_one_of_several_rooms_cancelled_here_is_free_there(world: World) -> None:
    reservation = await world.book(world.room(3, 5), world.room(3, 5), world.room(3, 5, SUITE))
    await world.work()
    await change(world, reservation.id, status=StayStatus.CANCELLED)
    await world.work()
    assert sorted(line.id_product for line in world.held()) == [DOUBLE, SUITE]
    await world.settle(1)
    living = [room for room in (await world.load(reservation.id)).rooms if room.status != "Cancelled"]
    assert len(living) == 2


async def test_room_made_longer_beside_a_room_more_shares_no_room_with_it(world: World) -> None:
    reservation = await world.book(world.room(3, 7))
    await world.work()
    draft = reservations.draft_of(await world.load(reservation.id))
    moved = replace(draft.rooms[0], stay=Stay(day(0), day(5)), amount=None)
    rooms = (moved, world.room(1, 2), world.room(1, 2))
    await world.do(reservations.change, reservation.id, draft=replace(draft, rooms=rooms, total_amount=None))
    await world.work()
    assert (len(world.held()), world.shop.state.double_bookings()) == (3, [])


async def test_nothing_is_sent_while_the_connection_is_not_live(world: World) -> None:
    async with world.database.write() as tx:
        config = await repository.config(tx.session, world.property_id)
        assert config is not None
        config.mode = "shadow"
    await world.book(world.room(3, 5))
    await world.settle(1)
    assert world.orders() == []
