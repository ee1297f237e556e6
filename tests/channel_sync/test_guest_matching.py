"""A customer becomes the guest that he is: by e-mail, phone, then name, with reasons, and never by a silent merge."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import select

from innkeeper.channel_sync.tables import CustomerMapping
from innkeeper.house import guests
from innkeeper.house.tables import Guest as OurGuest
from innkeeper.simulators.qloapps.actors import Guest, Stay
from tests.channel_sync.world import DOUBLE, World, day

pytestmark = pytest.mark.anyio


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is told here does not depend on the kind of data base; test_flow.py runs on both."""
    return sqlite_url


async def arrive(world: World, *customers: Guest) -> Sequence[CustomerMapping]:
    """Let these customers book there, read the bookings, and return who they were found to be."""
    known = len(world.orders())
    for number, customer in enumerate(customers, known):
        world.office.book(Stay(DOUBLE, day(number), day(number + 1)), guest=customer)
    world.clock.advance(60)
    await world.sync("inbound")
    async with world.database.read() as session:
        return (await session.scalars(select(CustomerMapping).order_by(CustomerMapping.qloapps_customer_id))).all()


async def everybody(world: World) -> Sequence[OurGuest]:
    async with world.database.read() as session:
        return (await session.scalars(select(OurGuest).order_by(OurGuest.created_at, OurGuest.id))).all()


async def test_same_email_is_the_same_guest(world: World) -> None:
    ada = await world.guest("Ada Byron", "Ada@Guest.example", None)
    (mapping,) = await arrive(world, Guest("Ada", "Byron", "ada@guest.example", "5550100"))
    assert (mapping.local_guest_id, mapping.match_method, mapping.confidence_score) == (ada, "email", Decimal(1))
    assert mapping.reasons == ["same e-mail address"]


async def test_same_phone_however_written_is_the_same_guest(world: World) -> None:
    ada = await world.guest("Ada Byron", "", "+39 06 1234 5678")
    (mapping,) = await arrive(world, Guest("Ada", "Byron", "new@guest.example", "0039 0612345678"))
    assert (mapping.local_guest_id, mapping.match_method) == (ada, "phone")
    assert mapping.reasons == ["same phone number"]


async def test_same_name_alone_makes_a_new_guest_and_says_why(world: World) -> None:
    ada = await world.guest("Ada Byron", "ada@guest.example", "+390612345678")
    (mapping,) = await arrive(world, Guest("Ada", "Byron", "other@guest.example", "5550199"))
    assert (mapping.local_guest_id != ada, mapping.match_method) == (True, "created")
    assert mapping.reasons == ["the likeliest guest (same name) scores 0.70, below 0.85"]


async def test_same_name_and_a_second_sign_are_enough(world: World) -> None:
    ada = await world.guest("Ada Byron", "ada.byron@mail.example", None)
    (mapping,) = await arrive(world, Guest("Ada", "Byron", "ada.byron@post.example", "5550199"))
    assert (mapping.local_guest_id, mapping.match_method) == (ada, "name")
    assert mapping.reasons == ["same name", "same name in front of the @ of the e-mail address"]


async def test_same_email_under_another_name_is_another_guest(world: World) -> None:
    family = await world.guest("Ada Byron", "family@guest.example", None)
    (mapping,) = await arrive(world, Guest("William", "King", "family@guest.example", "5550199"))
    assert mapping.local_guest_id != family
    assert "but another name" in mapping.reasons[0]
    assert [guest.name for guest in await everybody(world)] == ["Ada Byron", "William King"]


async def test_placeholder_phone_connects_nobody(world: World) -> None:
    await world.guest("Ada Byron", "", "0000000000")
    (mapping,) = await arrive(world, Guest("Mary", "Somerville", "mary@guest.example", "0000000000"))
    assert mapping.match_method == "created"


async def test_customer_who_books_again_is_the_same_guest(world: World) -> None:
    grace = Guest("Grace", "Hopper", "grace@guest.example", "5550100")
    await arrive(world, grace, grace)
    assert len(await everybody(world)) == 1


async def test_what_a_person_said_is_respected(world: World) -> None:
    ada = await world.guest("Ada Byron", "ada@guest.example", "+390612345678")
    grace = Guest("Grace", "Hopper", "grace@guest.example", "5550100")
    (mapping,) = await arrive(world, grace)
    async with world.database.write() as tx:
        row = await tx.session.get(CustomerMapping, mapping.id)
        assert row is not None
        row.local_guest_id, row.match_method = ada, "manual"
    (mapping,) = await arrive(world, grace)
    assert (mapping.local_guest_id, mapping.match_method) == (ada, "manual")
    newest = (await world.reservations())[-1]
    assert newest.primary_guest_id == ada


async def test_customer_edited_there_is_edited_here(world: World) -> None:
    await arrive(world, Guest("Grace", "Hopper", "grace@guest.example", "5550100"))
    (order,) = world.orders()
    world.clock.advance(60)
    world.office.edit_customer(world.shop.state.customers[order.id_customer], phone="5550777", lastname="Murray")
    world.office.take_payment(order, 10)  # an edit of the customer alone is in no list that is polled
    await world.sync("inbound")
    (guest,) = await everybody(world)
    assert (guest.name, guest.phone) == ("Grace Murray", "5550777")


async def test_what_was_edited_here_since_is_not_edited_from_there(world: World) -> None:
    await arrive(world, Guest("Grace", "Hopper", "grace@guest.example", "5550100"))
    (guest,) = await everybody(world)
    async with world.database.write() as tx:
        draft = replace(guests.draft_of(guest), phone="+15550100100")
        await guests.update(tx, world.property_id, guest.id, draft)
    (order,) = world.orders()
    world.clock.advance(60)
    world.office.edit_customer(world.shop.state.customers[order.id_customer], phone="5550777", email="g@guest.example")
    world.office.take_payment(order, 10)
    await world.sync("inbound")
    (guest,) = await everybody(world)
    assert (guest.phone, guest.email) == ("+15550100100", "g@guest.example")


async def test_guest_of_our_own_booking_is_not_doubled_by_its_echo(world: World) -> None:
    guest_id = await world.guest("Grace Hopper", "", None)
    await world.book(world.room(3, 5), guest_id=guest_id)
    await world.settle(1)
    assert [guest.id for guest in await everybody(world)] == [guest_id]
