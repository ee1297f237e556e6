"""Many new bookings stored at once are what each would have become by itself."""

import json
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from innkeeper.channel_sync.jobs import pull
from innkeeper.channel_sync.newcomers import FEW
from innkeeper.channel_sync.tables import (
    Attention,
    CustomerMapping,
    InboundCursor,
    ReservationMapping,
    RoomTypeMapping,
    SyncLog,
)
from innkeeper.domain.outcome import Done
from innkeeper.house.tables import Guest, Property, Reservation, ReservationRoom
from innkeeper.jobs.tables import JobRow
from innkeeper.simulators.qloapps.actors import Guest as ShopGuest
from innkeeper.simulators.qloapps.actors import Stay
from innkeeper.storage.outbox import EventRow
from tests.channel_sync.world import DOUBLE, SUITE, World, day

pytestmark = pytest.mark.anyio

_STORED = (ReservationMapping, CustomerMapping, ReservationRoom, Reservation, Guest)
_TOLD = (EventRow, JobRow, SyncLog, Attention)
#: What differs from one run to the next: identifiers of ours and the moments of storing.
_OWN = frozenset(
    "id reservation_id local_reservation_id local_guest_id primary_guest_id local_entity_id entity_id sequence "
    "sync_state_id reference created_at updated_at occurred_at last_synced_at last_local_update run_after due_at "
    "opened_at last_seen_at started_at agreed_local agreed_remote key checked_in_at checked_out_at "
    "cancelled_at request_id duration_ms".split()
)


def _shop_of_many_cases(world: World) -> None:
    """Fill the shop with what a first import meets."""
    office = world.office
    for number in range(30):
        world.clock.advance(60)
        # some come twice, some share a name or a phone, some only differ by a letter
        name = ("Ada", "Byron") if number % 5 == 0 else ("Gustav", f"Lindqvist{'aaab'[number % 4]}")
        guest = ShopGuest(*name, f"guest{number % 11}@guest.example", f"55501{number % 7:02}00")
        first = number % 6
        stays = [Stay(SUITE if number % 7 == 3 else DOUBLE, day(first), day(first + 2), child_ages=(4,))]
        if number % 9 == 4:
            stays.append(Stay(DOUBLE, day(first + 1), day(first + 2)))
        order = office.book(
            *stays, guest=guest, source="booking.com" if number % 4 == 1 else "", overbook=True, paid=number % 3 * 100
        )
        if number % 8 == 5:
            office.cancel(order)
        if number == 20:
            office.check_in(world.shop.state.lines_of(order)[0])
        if number == 21:
            office.check_out(world.shop.state.lines_of(order)[0])


async def _dump(world: World) -> dict[str, list[Any]]:
    """Return every row that an import writes, without what no two runs have in common."""
    found: dict[str, list[Any]] = {}
    async with world.database.read() as session:
        for table in (*_STORED, *_TOLD):
            rows = (await session.scalars(select(table))).all()
            names = [column.key for column in table.__mapper__.column_attrs if column.key not in _OWN]
            found[table.__tablename__] = sorted(str({name: getattr(row, name) for name in names}) for row in rows)
        agreed = (await session.execute(select(ReservationMapping, Reservation).join(Reservation))).all()
        found["agreed"] = sorted(
            str((mapping.qloapps_order_id, reservation.confirmation, _rooms(mapping)))
            for mapping, reservation in agreed
        )
        guests = await session.execute(select(Reservation.confirmation, Guest.name, Guest.email).join(Guest))
        found["who"] = sorted(str(tuple(row)) for row in guests)
    return found


def _rooms(mapping: ReservationMapping) -> list[list[str]]:
    """Return both sides' rooms, whose keys and order are the run's own."""
    sides = (mapping.agreed_local or {}, mapping.agreed_remote or {})
    return [sorted(json.dumps(room, sort_keys=True) for room in side["rooms"].values()) for side in sides]


async def _forget(world: World) -> None:
    async with world.database.write() as tx:
        for table in (*_TOLD, *_STORED, InboundCursor):
            await tx.session.execute(delete(table))
        await tx.session.execute(update(Property).values(next_confirmation=1))


@pytest.mark.parametrize("mapped", [(DOUBLE, SUITE), (DOUBLE,)], ids=["all mapped", "one unmapped"])
async def test_page_of_new_bookings_is_stored_as_each_would_be_by_itself(world: World, mapped: tuple[int, ...]) -> None:
    if SUITE not in mapped:
        async with world.database.write() as tx:
            await _unmap(tx, world)
    _shop_of_many_cases(world)
    result = await world.sync("inbound")
    assert (result.created, result.failed, result.errors) == (30, 0, [])
    together = await _dump(world)
    await _forget(world)
    for order in world.orders():
        assert await pull(world.channels, world.property_id, order.id) == Done("create")
    assert await _dump(world) == together


async def _unmap(tx: Any, world: World) -> None:
    await tx.session.execute(delete(RoomTypeMapping).where(RoomTypeMapping.local_room_type_id == world.types[SUITE]))


async def test_few_new_bookings_among_known_ones_are_stored_in_their_order(world: World) -> None:
    known = [world.office.book(Stay(DOUBLE, day(n), day(n + 1))) for n in range(FEW)]
    await world.sync("inbound")
    for number, order in enumerate(known):
        world.clock.advance(60)
        world.office.cancel(order)
        world.office.book(Stay(DOUBLE, day(number), day(number + 1)))
    result = await world.sync("inbound")
    assert (result.created, result.updated, result.errors) == (FEW, FEW, [])


async def test_one_booking_that_cannot_be_stored_leaves_the_others_of_its_page(world: World) -> None:
    orders = [world.office.book(Stay(DOUBLE, day(n), day(n + 1))) for n in range(FEW + 2)]
    world.shop.state.lines_of(orders[3])[0].date_to = world.shop.state.lines_of(orders[3])[0].date_from
    result = await world.sync("inbound")
    assert (result.created, result.failed) == (FEW + 1, 1)
    assert "unreadable_booking" in await world.attention()


async def test_limit_stops_the_reading_behind_so_many_bookings(world: World) -> None:
    for number in range(FEW + 4):
        world.office.book(Stay(DOUBLE, day(number), day(number + 1)))
    result = await world.sync("inbound", limit=FEW)
    assert (result.created, result.complete) == (FEW, False)
    rest = await world.sync("inbound")
    assert (rest.created, rest.complete) == (4, True)
