"""The screens of the channel answer their readers, by role and in every state, and their acts reach both sides."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import select

from innkeeper.access.caller import Caller
from innkeeper.access.roles import Role
from innkeeper.channel_sync import ari_repository, overview, repository
from innkeeper.channel_sync.tables import CustomerMapping
from innkeeper.simulators.qloapps.actors import Stay as ShopStay
from innkeeper.storage.database import Database
from tests.channel_sync.world import DOUBLE, SUITE, day
from tests.web.channels_world import Front, open_front

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    """One kind of data base is enough for acts that others test on both."""
    opened = Database(sqlite_url, pool_size=5)
    yield opened
    await opened.aclose()


@pytest.fixture
async def front(database: Database) -> AsyncIterator[Front]:
    """Both sides, mapped and live."""
    opened = await open_front(database)
    yield opened
    await opened.world.channels.aclose()


@pytest.fixture
async def unmapped(database: Database) -> AsyncIterator[Front]:
    """Both sides before anything is mapped."""
    opened = await open_front(database, mapped=False)
    yield opened
    await opened.world.channels.aclose()


def field(page: str, name: str) -> str:
    """Return the value of the first hidden field with this name."""
    found = re.search(rf'name="{name}" value="([^"]+)"', page)
    assert found is not None, name
    return found.group(1)


async def test_a_server_has_no_business_with_channels(front: Front) -> None:
    async with front.inn.browser(Role.SERVER) as client:
        assert (await client.get("/channels")).status_code == 403
        assert 'href="/channels"' not in (await client.get("/")).text


async def test_the_front_desk_reads_and_a_manager_acts(front: Front) -> None:
    async with front.inn.browser(Role.FRONT_DESK) as client:
        page = (await client.get("/channels")).text
        refused = await client.post("/channels", data={"what": "all"})
        hidden = await client.get("/channels/connect")
    assert "Sync now" not in page
    assert "Go live" not in page
    assert (refused.status_code, hidden.status_code) == (403, 403)


async def test_an_unconnected_property_is_led_to_its_settings(database: Database) -> None:
    front = await open_front(database)
    async with database.write() as tx:
        config = await repository.config(tx.session, front.world.property_id)
        assert config is not None
        await tx.session.delete(config)
    async with front.inn.browser(Role.ADMIN) as client:
        for path in ("/channels", "/channels/connect", "/channels/mappings"):
            page = (await client.get(path)).text
            assert 'href="/settings/qloapps"' in page
    await front.world.channels.aclose()


async def test_sync_now_is_followed_and_a_reload_does_not_repeat_it(front: Front) -> None:
    async with front.inn.browser(Role.MANAGER) as client:
        answer = await client.post("/channels", data={"what": "inbound"})
        assert answer.status_code == 303
        waiting = (await client.get(answer.headers["location"])).text
        await front.world.work()
        done = (await client.get(answer.headers["location"])).text
    assert "waiting its turn" in waiting
    assert "looked at" in done
    async with front.world.database.read() as session:
        runs = await repository.last_runs(session, front.world.property_id)
    assert set(runs["qloapps_reservations_inbound"]) == {"completed"}


async def test_the_state_says_when_the_shop_is_away_and_what_is_kept(front: Front) -> None:
    front.world.shop.dial.set(maintenance=1.0)
    for _ in range(3):
        await front.world.sync("inbound")
    async with front.inn.browser(Role.FRONT_DESK) as client:
        page = (await client.get("/channels")).text
        causes = (await client.get("/channels/attention")).text
    assert "QloApps cannot be reached" in page
    assert "QloApps does not answer" in causes
    assert "Nothing is lost" in causes


async def test_a_cause_is_closed_by_its_button_and_kept_among_the_closed(unmapped: Front) -> None:
    unmapped.world.office.book(ShopStay(DOUBLE, day(3), day(5)))
    await unmapped.world.sync("inbound")
    async with unmapped.inn.browser(Role.MANAGER) as client:
        page = (await client.get("/channels/attention")).text
        assert "has no mapping" in page
        assert 'href="/channels/mappings"' in page
        item = field(page, "item")
        answer = await client.post("/channels/attention", data={"item": item, "act": "dismiss"})
        assert "Closed." in (await client.get(answer.headers["location"])).text
        assert "Nothing needs you" in (await client.get("/channels/attention")).text
        assert "has no mapping" in (await client.get("/channels/attention?closed=true")).text
        again = await client.post("/channels/attention", data={"item": item, "act": "dismiss"})
    assert again.status_code == 404


async def test_a_conflict_shows_both_values_what_was_agreed_and_who(front: Front) -> None:
    reservation = await front.disputed()
    async with front.inn.browser(Role.FRONT_DESK) as client:
        page = (await client.get("/channels/conflicts")).text
    assert reservation.confirmation in page
    assert "Sun 31 Mar 2030 to Fri 5 Apr 2030, 5 nights" in page
    assert "Mon 1 Apr 2030 to Wed 3 Apr 2030, 2 nights" in page
    assert "Agreed before" in page
    assert page.count("Keep ours") == page.count("Take theirs") == page.count("Another value") >= 1


async def test_a_decision_reaches_the_shop_and_the_card_goes_away(front: Front) -> None:
    reservation = await front.disputed()
    async with front.inn.browser(Role.FRONT_DESK) as client:
        while await front.open_conflicts():
            page = (await client.get("/channels/conflicts")).text
            asked = {"conflict": field(page, "conflict"), "field": field(page, "field"), "decision": "qloapps"}
            assert (await client.post("/channels/conflicts", data=asked)).status_code == 303
        assert "No conflicts" in (await client.get("/channels/conflicts")).text
    await front.world.settle(1)
    settled = await front.world.load(reservation.id)
    assert (settled.check_in, settled.check_out) == (day(4), day(6))


async def test_a_third_value_that_is_none_is_answered_beside_it_with_what_was_typed(front: Front) -> None:
    await front.disputed()
    async with front.inn.browser(Role.FRONT_DESK) as client:
        page = (await client.get("/channels/conflicts")).text
        asked = {"conflict": field(page, "conflict"), "field": field(page, "field"), "decision": "value"}
        answer = await client.post(
            "/channels/conflicts", data={**asked, "check_in": "2030-06-09", "check_out": "2030-06-05"}
        )
    assert answer.status_code == 422
    assert "The day of departure must be after the day of arrival." in answer.text
    assert 'value="2030-06-09"' in answer.text
    assert await front.open_conflicts() == 1


async def test_room_types_are_suggested_mapped_and_taken_away(unmapped: Front) -> None:
    world = unmapped.world
    async with unmapped.inn.browser(Role.MANAGER) as client:
        lines = (await client.get("/channels/mappings/lines")).text
        assert "What stands before going live" in lines
        assert "% alike" in lines
        asked = {"act": "map", "ours": str(world.types[DOUBLE]), "theirs": str(DOUBLE), "direction": "inbound"}
        assert (await client.post("/channels/mappings", data=asked)).status_code == 303
        twice = await client.post("/channels/mappings", data=asked)
        mapped = (await client.get("/channels/mappings/lines")).text
        gone = await client.post("/channels/mappings", data={"act": "unmap", "mapping": field(mapped, "mapping")})
    assert twice.status_code == 409
    assert "Bookings in only" in mapped
    assert gone.status_code == 303
    async with world.database.read() as session:
        assert await repository.room_type_mappings(session, world.property_id) == []


async def test_mappings_stand_while_the_shop_is_away(front: Front) -> None:
    front.world.shop.dial.set(maintenance=1.0)
    async with front.inn.browser(Role.FRONT_DESK) as client:
        answer = await client.get("/channels/mappings/lines")
    assert answer.status_code == 200
    assert "QloApps did not answer" in answer.text
    assert "Suite" in answer.text
    assert f"No. {SUITE}" in answer.text
    assert "Take away" not in answer.text


async def test_a_customer_can_be_somebody_else(front: Front) -> None:
    world = front.world
    world.office.book(ShopStay(DOUBLE, day(3), day(5)))
    await world.sync("inbound")
    other = await world.guest("Bruno Reis")
    async with front.inn.browser(Role.FRONT_DESK) as client:
        page = (await client.get("/channels/mappings/customers")).text
        (address,) = set(re.findall(r'href="(/channels/mappings/customers/[^"]+)"', page))
        found = (await client.get(address, params={"q": "bruno"})).text
        assert "Bruno Reis" in found
        assert (await client.post(address, data={"guest": str(other)})).status_code == 303
        assert "Said by a person" in (await client.get("/channels/mappings/customers")).text
    async with world.database.read() as session:
        assert (await session.scalars(select(CustomerMapping.local_guest_id))).one() == other


async def test_the_log_is_filtered_and_a_line_says_what_it_decided(front: Front) -> None:
    await front.disputed()
    async with front.inn.browser(Role.FRONT_DESK) as client:
        everything = (await client.get("/channels/log")).text
        inbound = (await client.get("/channels/log", params={"operation": "conflict"})).text
        nothing = (await client.get("/channels/log", params={"q": "no such thing"})).text
        address = re.findall(r'href="(/channels/log/[^"]+)"', inbound)[0]
        line = (await client.get(address)).text
        unknown = await client.get(f"/channels/log/{uuid4()}")
    assert "Booking taken in" in everything
    assert "Booking taken in" not in inbound
    assert "Nothing fits" in nothing
    assert "A person is asked." in line
    assert "A new guest was made" in line
    assert unknown.status_code == 404


async def test_a_message_is_tried_again_without_writing(front: Front) -> None:
    world = front.world
    world.office.book(ShopStay(DOUBLE, day(3), day(5)))
    await world.sync("inbound")
    async with front.inn.browser(Role.MANAGER) as client:
        address = re.findall(r'href="(/channels/log/[^"]+)"', (await client.get("/channels/log")).text)[0]
        answer = await client.post(address)
    assert answer.status_code == 200
    assert "Nothing was written." in answer.text


async def test_a_booking_tells_its_story_and_an_unknown_one_can_be_fetched(front: Front) -> None:
    world = front.world
    order = world.office.book(ShopStay(DOUBLE, day(3), day(5)))
    async with front.inn.browser(Role.FRONT_DESK) as client:
        before = await client.get(f"/channels/bookings/{order.id}")
        assert before.status_code == 404
        assert "Fetch it now" in before.text
        pulled = await client.post(f"/channels/bookings/{order.id}")
        story = (await client.get(pulled.headers["location"])).text
    confirmation = (await world.only()).confirmation
    assert f"Booking {order.id} is {confirmation}" in story
    assert story.index("QloApps told") < story.index("It became a reservation.")
    assert 'href="/channels/log/' in story


async def test_conflicts_are_told_in_words_not_in_columns(front: Front) -> None:
    reservation = await front.disputed()
    mapping = await front.world.mapping(reservation.id)
    assert mapping is not None
    async with front.inn.browser(Role.FRONT_DESK) as client:
        story = (await client.get(f"/channels/bookings/{mapping.qloapps_order_id}")).text
    assert "Nights: Sun 31 Mar 2030 to Fri 5 Apr 2030, 5 nights here" in story
    assert "[&#39;2030" not in story


async def test_blocks_are_listed_and_removed_by_an_administrator_alone(front: Front) -> None:
    world = front.world
    async with world.database.write() as tx:
        config = await repository.config(tx.session, world.property_id)
        assert config is not None
        config.sync_availability = True
    await world.book(world.room(2, 4))
    await world.sync("availability")
    async with front.inn.browser(Role.MANAGER) as manager:
        page = (await manager.get("/channels/blocks")).text
        refused = await manager.post("/channels/blocks")
    assert "kept from sale" in page
    assert "Remove all" not in page
    assert refused.status_code == 403
    async with front.inn.browser(Role.ADMIN) as admin:
        assert (await admin.post("/channels/blocks")).status_code == 303
        assert "No room is kept from sale" in (await admin.get("/channels/blocks")).text
    async with world.database.read() as session:
        assert await ari_repository.blocks(session, world.property_id) == []


async def test_drift_is_compared_on_demand_and_says_what_differs(front: Front) -> None:
    world = front.world
    async with front.inn.browser(Role.MANAGER) as client:
        assert "never compared" in (await client.get("/channels/drift")).text
        world.office.book(ShopStay(DOUBLE, day(3), day(5)))
        answer = await client.post("/channels/drift")
        assert "being compared" in (await client.get(answer.headers["location"])).text
        await world.work()
        page = (await client.get("/channels/drift")).text
    assert "Rooms left differ" in page or "Not here" in page


async def test_both_sides_are_compared_and_rehearsed_before_going_live(unmapped: Front) -> None:
    world = unmapped.world
    async with unmapped.inn.browser(Role.ADMIN) as client:
        compared = (await client.get("/channels/connect/compare")).text
        rehearsed = (await client.get("/channels/connect/rehearsal")).text
        answer = await client.post("/channels/connect", data={"mode": "shadow"})
        shadow = (await client.get(answer.headers["location"])).text
    for fact in ("Time zone", "Currency", "Rights of the key", "Capacity", "Tax", "Double Room"):
        assert fact in compared
    assert "Not mapped: Double" in rehearsed
    assert "Run in the shadow" in rehearsed
    assert "runs in the shadow" in shadow
    async with world.database.read() as session:
        config = await repository.config(session, world.property_id)
    assert config is not None
    assert config.mode == "shadow"


async def test_a_manager_rehearses_and_only_an_administrator_approves(unmapped: Front) -> None:
    async with unmapped.inn.browser(Role.MANAGER) as client:
        page = (await client.get("/channels/connect/rehearsal")).text
        answer = await client.post("/channels/connect", data={"mode": "live"})
    assert "An administrator approves" in page
    assert answer.status_code == 403


async def test_what_needs_an_answer_says_when_none_came(front: Front) -> None:
    front.world.shop.dial.set(maintenance=1.0)
    async with front.inn.browser(Role.MANAGER) as client:
        for part in ("compare", "rehearsal"):
            answer = await client.get(f"/channels/connect/{part}")
            assert answer.status_code == 200
            assert "did not answer as it should" in answer.text


async def test_an_act_without_the_page_s_proof_is_refused(front: Front) -> None:
    async with front.inn.browser(Role.MANAGER) as client:
        del client.headers["X-CSRF-Token"]
        answer = await client.post("/channels", data={"what": "all"})
    assert answer.status_code == 403


async def test_a_line_leads_to_its_booking_and_names_guest_and_channel(front: Front) -> None:
    world = front.world
    order = world.office.book(ShopStay(DOUBLE, day(3), day(5)), source="Booking.com")
    await world.sync("inbound")
    world.office.book(ShopStay(SUITE, day(6), day(8)))
    refused = await world.book(world.room(6, 8, SUITE))
    await world.work()
    clerk, waiter = (replace(Caller.system(), role=role) for role in (Role.FRONT_DESK, Role.SERVER))
    async with world.database.read() as session:
        section = await overview.provider(world.channels).load(session, world.property_id, clerk)
        hidden = await overview.provider(world.channels).load(session, world.property_id, waiter)
    assert hidden is None
    assert section is not None
    taken = await world.reservations()
    lines = {str(line.cells[0]): line for line in section.rows}
    came = lines[taken[0].confirmation]
    assert (came.link, list(came.cells[1:4])) == (
        f"/channels/bookings/{order.id}",
        ["Booking taken in", "Grace Hopper", "Booking.com"],
    )
    assert lines[refused.confirmation].link == f"/house/reservations/{refused.id}"
    async with front.inn.browser(Role.FRONT_DESK) as client:
        page = (await client.get("/channels/log")).text
    assert f'<a class="together" href="/channels/bookings/{order.id}">{taken[0].confirmation}</a>' in page
    assert "Grace Hopper, Booking.com" in page
