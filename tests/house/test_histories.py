"""Random histories of the house, against a naive oracle that counts rooms one by one."""

import asyncio
import random
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from innkeeper.domain.errors import Conflict, InnkeeperError
from innkeeper.domain.stay import Stay, StayStatus
from innkeeper.house import reservations, rooms
from innkeeper.house.reservations import draft_of
from innkeeper.house.tables import Maintenance, ReservationRoom, Room, RoomNight
from innkeeper.storage.database import Database
from tests.house.hotel import Hotel, day, open_hotel

NIGHTS = 6
KINDS = ("double", "suite")
dates = st.tuples(st.integers(0, NIGHTS - 1), st.integers(1, 4)).map(lambda pair: (pair[0], pair[0] + pair[1]))
step = st.one_of(
    st.tuples(st.just("book"), st.lists(st.tuples(st.sampled_from(KINDS), dates), min_size=1, max_size=3)),
    st.tuples(st.just("force"), st.lists(st.tuples(st.sampled_from(KINDS), dates), min_size=1, max_size=3)),
    st.tuples(st.just("move"), st.tuples(st.integers(0, 20), st.sampled_from(KINDS), dates)),
    st.tuples(st.just("cancel"), st.integers(0, 20)),
    st.tuples(st.just("arrive"), st.integers(0, 20)),
    st.tuples(st.just("leave"), st.integers(0, 20)),
    st.tuples(st.just("close"), st.tuples(st.sampled_from(("101", "102", "201")), dates)),
    st.tuples(st.just("open"), st.integers(0, 20)),
)


async def play(hotel: Hotel, history: list[tuple[str, Any]]) -> None:
    made: list[UUID] = []
    closed: list[UUID] = []
    for what, detail in history:
        try:
            async with hotel.database.write() as tx:
                if what in ("book", "force"):
                    drafts = [hotel.room(*stay, room_type_id=getattr(hotel, kind)) for kind, stay in detail]
                    booked = await reservations.create(tx, hotel.id, hotel.draft(*drafts), force=what == "force")
                    made.append(booked.id)
                elif what == "close":
                    number, (first, last) = detail
                    work, _ = await rooms.add_maintenance(
                        tx, hotel.id, room_id=hotel.rooms[number], start=day(first), end=day(last)
                    )
                    closed.append(work.id)
                elif what == "open" and closed:
                    await rooms.end_maintenance(tx, hotel.id, closed.pop(detail % len(closed)))
                elif what == "move" and made:
                    chosen, kind, stay = detail
                    before = await reservations.load(tx.session, hotel.id, made[chosen % len(made)])
                    assert before is not None
                    moved = replace(
                        draft_of(before).rooms[0],
                        stay=Stay(day(stay[0]), day(stay[1])),
                        room_type_id=getattr(hotel, kind),
                        room_id=None,
                    )
                    draft = replace(draft_of(before), rooms=(moved,), total_amount=None)
                    await reservations.change(tx, hotel.id, before.id, draft)
                elif made and what in ("cancel", "arrive", "leave"):
                    chosen = made[detail % len(made)]
                    if what == "cancel":
                        await reservations.cancel(tx, hotel.id, chosen)
                    elif what == "arrive":
                        await reservations.check_in(tx, hotel.id, chosen)
                    else:
                        await reservations.check_out(tx, hotel.id, chosen, leave_open=True)
        except InnkeeperError:
            pass  # a refusal must leave everything as it was, which the oracle checks like anything else
        await agree(hotel)


async def agree(hotel: Hotel) -> None:
    """Count everything one by one and compare."""
    async with hotel.database.read() as session:
        physical = list(await session.scalars(select(Room).where(Room.deleted_at.is_(None))))
        rows = list(await session.scalars(select(ReservationRoom)))
        works = list(await session.scalars(select(Maintenance)))
        held = list(await session.scalars(select(RoomNight)))
    holding = [row for row in rows if StayStatus(row.status).holds_inventory]
    for kind in (hotel.double, hotel.suite):
        expected = []
        for night in (day(n) for n in range(NIGHTS + 6)):
            shut = {w.room_id for w in works if w.room_type_id == kind and w.start <= night < w.end}
            there = sum(room.room_type_id == kind for room in physical) - len(shut)
            slept = [row for row in holding if row.room_type_id == kind and row.check_in <= night < row.check_out]
            expected.append(there - len(slept))
            assert there >= sum(not row.overbooked for row in slept), "more rooms are sold, unmarked, than there are"
        assert await hotel.free(0, NIGHTS + 6, kind) == expected
    assert not [row for row in rows if row.overbooked and row not in holding]
    marked = {row.reservation_id for row in rows if row.overbooked}
    nights: Counter[tuple[UUID, date]] = Counter()
    for row in holding:
        if row.room_id is not None:
            span = (row.check_out - row.check_in).days
            nights.update((row.room_id, row.check_in + timedelta(days=n)) for n in range(span))
    assert not nights or max(nights.values()) == 1, "two stays share a room"
    assert sorted(nights) == sorted((row.room_id, row.night) for row in held)
    for reservation_id in {row.reservation_id for row in rows}:
        async with hotel.database.read() as session:
            found = await reservations.load(session, hotel.id, reservation_id)
        assert found is not None
        assert ("overbooked" in found.flags) == (reservation_id in marked)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(step, min_size=4, max_size=14))
def test_no_history_sells_a_room_twice_unmarked(
    history: list[tuple[str, Any]], empty_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("history") / "innkeeper.db"
    path.write_bytes(empty_sqlite.read_bytes())

    async def run() -> None:
        database = Database(f"sqlite:///{path}")
        await play(await open_hotel(database), history)
        await database.aclose()

    asyncio.run(run())


@pytest.mark.anyio
async def test_a_seeded_history_holds_on_both_data_bases(database: Database) -> None:
    dice = random.Random(7)
    hotel = await open_hotel(database)
    history: list[tuple[str, Any]] = []
    for _ in range(60):
        first = dice.randrange(NIGHTS)
        stay = (first, first + dice.randint(1, 4))
        kind = dice.choice(KINDS)
        history.append(
            dice.choice(
                [
                    ("book", [(kind, stay)]),
                    ("force", [(kind, stay), (dice.choice(KINDS), stay)]),
                    ("move", (dice.randrange(20), kind, stay)),
                    ("cancel", dice.randrange(20)),
                    ("arrive", dice.randrange(20)),
                    ("leave", dice.randrange(20)),
                    ("close", (dice.choice(("101", "201")), stay)),
                    ("open", dice.randrange(20)),
                ]
            )
        )
    await play(hotel, history)


@pytest.mark.anyio
async def test_a_crowd_that_books_and_cancels_at_once_leaves_the_books_right(hotel: Hotel) -> None:
    async def clerk(number: int) -> None:
        dice = random.Random(number)
        for _ in range(6):
            first = dice.randrange(NIGHTS)
            room = hotel.room(first, first + dice.randint(1, 3), room_type_id=dice.choice((hotel.double, hotel.suite)))
            try:
                booked = await hotel.book(room, force=dice.random() < 0.3)
            except Conflict:
                continue
            if dice.random() < 0.5:
                await hotel.do(reservations.cancel, booked)

    await asyncio.gather(*(clerk(number) for number in range(10)))
    await agree(hotel)
