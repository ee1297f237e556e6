"""What a reservation does to the house, and what the house refuses."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from innkeeper.domain.errors import Conflict, Invalid, RuleRefused, StaleVersion
from innkeeper.domain.ids import new_id
from innkeeper.domain.stay import StayStatus
from innkeeper.house import folios, reservations
from innkeeper.house.reservations import draft_of
from innkeeper.house.tables import RateNight
from tests.house.hotel import TODAY, Hotel, day

pytestmark = pytest.mark.anyio


async def test_a_booking_of_three_rooms_is_one_reservation_with_one_event(hotel: Hotel) -> None:
    booked = await hotel.book(hotel.room(1, 3), hotel.room(2, 5), hotel.room(1, 2, room_type_id=hotel.suite, adults=4))
    read = await hotel.load(booked)
    assert (read.check_in, read.check_out, read.total_amount) == (day(1), day(5), Decimal("300.00"))
    assert [room.room_type.name for room in read.rooms if room.room_type] == ["Double", "Double", "Suite"]
    assert (read.status, read.version, read.flags) == ("Confirmed", 1, [])
    assert read.primary_guest.name == "Ana Silva"
    [event] = await hotel.events()
    assert (event.name, event.origin, event.entity_id) == ("reservation.created", "house", booked.id)
    assert event.payload["start"] == "2030-06-02"
    assert event.payload["end"] == "2030-06-06"
    assert set(event.payload["room_type_ids"]) == {str(hotel.double), str(hotel.suite)}


async def test_fifty_clerks_want_the_last_room_and_one_gets_it(hotel: Hotel) -> None:
    async def clerk() -> str:
        try:
            await hotel.book(hotel.room(1, 4, room_type_id=hotel.suite))
        except Conflict as refused:
            return f"{refused.code}: {refused.detail}"
        return "booked"

    answers = await asyncio.gather(*(clerk() for _ in range(50)))
    no = "NOT_AVAILABLE: Suite is sold out on 2030-06-02, 2030-06-03, 2030-06-04."
    assert sorted(answers) == [no] * 49 + ["booked"]
    assert await hotel.free(0, 5, hotel.suite) == [1, 0, 0, 0, 1]


@pytest.mark.parametrize("full_night", [1, 2, 3])
async def test_every_night_of_the_stay_counts(hotel: Hotel, full_night: int) -> None:
    await hotel.book(hotel.room(full_night, full_night + 1, room_type_id=hotel.suite))
    with pytest.raises(Conflict, match=str(day(full_night))) as refused:
        await hotel.book(hotel.room(1, 4, room_type_id=hotel.suite))
    assert refused.value.code == "NOT_AVAILABLE"
    assert [error.field for error in refused.value.errors] == ["rooms[0]"]


async def test_two_rooms_of_one_booking_do_not_share_the_last_room(hotel: Hotel) -> None:
    with pytest.raises(Conflict, match="sold out"):
        await hotel.book(hotel.room(1, 2, room_type_id=hotel.suite), hotel.room(1, 2, room_type_id=hotel.suite))
    assert await hotel.events() == []


async def test_parallel_check_ins_never_take_one_room(hotel: Hotel) -> None:
    booked = [await hotel.book(hotel.room(0, 2), overbook=True) for _ in range(5)]

    async def arrive(number: int) -> str | None:
        try:
            arrived = await hotel.do(reservations.check_in, booked[number])
        except Conflict as refused:
            return refused.code
        return arrived.rooms[0].room and arrived.rooms[0].room.number

    rooms = await asyncio.gather(*(arrive(number) for number in range(5)))
    assert sorted(room or "" for room in rooms) == ["101", "102", "103", "NO_ROOM_FREE", "NO_ROOM_FREE"]


async def test_two_stays_cannot_have_one_room_even_when_booked_at_once(hotel: Hotel) -> None:
    async def book() -> str:
        try:
            await hotel.book(hotel.room(1, 4, room_id=hotel.rooms["101"]))
        except Conflict as refused:
            return refused.code
        return "booked"

    assert sorted(await asyncio.gather(*(book() for _ in range(8)))) == ["ROOM_TAKEN"] * 7 + ["booked"]


async def test_a_channel_booking_is_never_refused(hotel: Hotel) -> None:
    await hotel.book(hotel.room(1, 3, room_type_id=hotel.suite, room_id=hotel.rooms["201"]))
    forced = await hotel.book(
        hotel.room(1, 3, room_type_id=hotel.suite, room_id=hotel.rooms["201"], adults=9),
        hotel.room(-3, -1),
        hotel.room(1, 2, room_type_id=None, label="Igloo"),
        force=True,
        origin="qloapps",
    )
    read = await hotel.load(forced)
    assert read.flags == ["overbooked", "room_taken", "unmapped"]
    assert [room.overbooked for room in read.rooms] == [True, False, False]
    assert [room.room_id for room in read.rooms] == [None, None, None]
    assert (await hotel.events())[-1].origin == "qloapps"


async def test_the_overbooked_mark_goes_when_a_room_comes_free(hotel: Hotel) -> None:
    first = await hotel.book(hotel.room(1, 3, room_type_id=hotel.suite))
    second = await hotel.book(hotel.room(1, 2, room_type_id=hotel.suite), force=True)
    third = await hotel.book(hotel.room(2, 3, room_type_id=hotel.suite), force=True)
    await hotel.do(reservations.cancel, first)
    assert (await hotel.load(second)).flags == []
    assert (await hotel.load(third)).flags == []
    assert await hotel.free(1, 3, hotel.suite) == [0, 0]
    told = [(event.name, event.entity_id) for event in (await hotel.events())[3:]]
    assert sorted(told) == sorted(
        [
            ("reservation.updated", second.id),
            ("reservation.updated", third.id),
            ("reservation.cancelled", first.id),
        ]
    )


async def test_only_as_many_marks_go_as_rooms_came_free(hotel: Hotel) -> None:
    first = await hotel.book(hotel.room(1, 3, room_type_id=hotel.suite))
    second = await hotel.book(hotel.room(1, 3, room_type_id=hotel.suite), force=True)
    third = await hotel.book(hotel.room(1, 3, room_type_id=hotel.suite), force=True)
    await hotel.do(reservations.cancel, first)
    assert (await hotel.load(second)).flags == []
    assert (await hotel.load(third)).flags == ["overbooked"]


async def test_who_checks_in_has_a_room_and_the_other_is_marked(hotel: Hotel) -> None:
    first = await hotel.book(hotel.room(0, 2, room_type_id=hotel.suite))
    second = await hotel.book(hotel.room(0, 2, room_type_id=hotel.suite), force=True)
    assert second.flags == ["overbooked"]
    await hotel.do(reservations.check_in, second)
    assert (await hotel.load(second)).flags == []
    assert (await hotel.load(first)).flags == ["overbooked"]


async def test_what_differs_in_nothing_writes_nothing(hotel: Hotel) -> None:
    booked = await hotel.book(hotel.room(1, 3), hotel.room(1, 3))
    again = await hotel.change(booked, draft_of(booked))
    assert again.version == 1
    again = await hotel.change(booked, draft_of(booked), force=True, origin="qloapps")
    assert (again.version, again.updated_at) == (1, booked.updated_at)
    assert len(await hotel.events()) == 1


async def test_a_change_takes_rooms_off_and_adds_others(hotel: Hotel) -> None:
    booked = await hotel.book(hotel.room(1, 3), hotel.room(1, 3))
    kept = draft_of(booked).rooms[0]
    draft = hotel.draft(kept, hotel.room(2, 6, room_type_id=hotel.suite))
    changed = await hotel.change(booked, draft, expected_version=1)
    assert changed.version == 2
    read = await hotel.load(booked)
    assert read.rooms[0].id == kept.id
    assert [room.room_type_id for room in read.rooms] == [hotel.double, hotel.suite]
    assert await hotel.free(1, 3) == [2, 2]
    event = (await hotel.events())[-1]
    assert (event.payload["start"], event.payload["end"]) == (str(day(1)), str(day(6)))


async def test_a_stale_version_is_refused(hotel: Hotel) -> None:
    booked = await hotel.book(hotel.room(1, 3))
    with pytest.raises(StaleVersion):
        await hotel.do(reservations.cancel, booked, expected_version=7)
    assert (await hotel.load(booked)).status == "Confirmed"


async def test_a_stay_that_is_too_many_can_be_shortened_but_not_lengthened(hotel: Hotel) -> None:
    await hotel.book(hotel.room(1, 5, room_type_id=hotel.suite))
    extra = await hotel.book(hotel.room(1, 3, room_type_id=hotel.suite), overbook=True)
    room = replace(draft_of(extra).rooms[0], stay=hotel.room(1, 2).stay)
    extra = await hotel.change(extra, replace(draft_of(extra), rooms=(room,)))
    assert extra.flags == ["overbooked"]
    with pytest.raises(Conflict, match=str(day(2))):
        await hotel.change(extra, replace(draft_of(extra), rooms=(replace(room, stay=hotel.room(1, 3).stay),)))


async def test_a_cancelled_booking_comes_back_only_where_rooms_are_free(hotel: Hotel) -> None:
    booked = await hotel.book(hotel.room(1, 3, room_type_id=hotel.suite))
    draft = draft_of(booked)
    cancelled = await hotel.do(reservations.cancel, booked)
    assert (cancelled.status, cancelled.cancelled_at is not None) == ("Cancelled", True)
    other = await hotel.book(hotel.room(2, 3, room_type_id=hotel.suite))
    with pytest.raises(Conflict):
        await hotel.change(booked, draft)
    forced = await hotel.change(booked, draft, force=True)
    assert (forced.status, forced.flags, forced.cancelled_at) == ("Confirmed", ["overbooked"], None)
    await hotel.do(reservations.cancel, other)
    assert (await hotel.load(booked)).flags == []


async def test_early_departure_frees_the_nights_that_are_left(hotel: Hotel) -> None:
    booked = await hotel.book(hotel.room(0, 9, room_type_id=hotel.suite))
    await hotel.do(reservations.check_in, booked)
    async with hotel.database.write() as tx:
        house = await reservations.properties.get(tx.session, hotel.id)
        house.business_date = TODAY + timedelta(days=2)
    left = await hotel.do(reservations.check_out, booked, leave_open=True)
    assert (left.status, left.check_out) == ("Checked-out", day(2))
    assert await hotel.free(2, 9, hotel.suite) == [1] * 7
    again = await hotel.book(hotel.room(2, 5, room_type_id=hotel.suite, room_id=hotel.rooms["201"]))
    await hotel.do(reservations.check_in, again)


async def test_a_room_is_given_to_nobody_while_somebody_is_in_it(hotel: Hotel) -> None:
    staying = await hotel.book(hotel.room(0, 1, room_type_id=hotel.suite))
    await hotel.do(reservations.check_in, staying)
    following = await hotel.book(hotel.room(1, 2, room_type_id=hotel.suite))
    async with hotel.database.write() as tx:
        (await reservations.properties.get(tx.session, hotel.id)).business_date = day(1)
    with pytest.raises(Conflict) as refused:
        await hotel.do(reservations.check_in, following)
    assert refused.value.code == "NO_ROOM_FREE"
    await hotel.do(reservations.check_out, staying, leave_open=True)
    await hotel.do(reservations.check_in, following)


async def test_rooms_of_one_booking_arrive_and_leave_one_by_one(hotel: Hotel) -> None:
    booked = await hotel.book(hotel.room(0, 2), hotel.room(0, 2))
    first, second = (room.id for room in booked.rooms)
    assert (await hotel.do(reservations.check_in, booked, rooms={first: hotel.rooms["103"]})).status == "Checked-in"
    left = await hotel.do(reservations.check_out, booked, rooms=[first])
    assert left.status == "Checked-in"
    arrived = await hotel.do(reservations.check_in, booked, rooms={second: None})
    assert [room.status for room in arrived.rooms] == ["Checked-out", "Checked-in"]
    done = await hotel.do(reservations.check_out, booked, leave_open=True)
    assert done.status == "Checked-out"
    with pytest.raises(Conflict, match="nobody"):
        await hotel.do(reservations.check_out, booked)


async def test_flags_of_others_come_and_go_and_the_houses_stay(hotel: Hotel) -> None:
    await hotel.book(hotel.room(1, 3, room_type_id=hotel.suite))
    booked = await hotel.book(hotel.room(1, 3, room_type_id=hotel.suite), force=True)
    marked = await hotel.do(reservations.set_flags, booked, add={"in_doubt"}, remove={"overbooked"})
    assert (marked.flags, marked.version) == (["in_doubt", "overbooked"], 2)
    marked = await hotel.do(reservations.set_flags, booked, add={"in_doubt"})
    assert marked.version == 2
    marked = await hotel.do(reservations.set_flags, booked, remove={"in_doubt"})
    assert marked.flags == ["overbooked"]


async def test_an_amount_that_is_left_out_comes_from_the_rates(hotel: Hotel) -> None:
    async with hotel.database.write() as tx:
        tx.session.add(RateNight(room_type_id=hotel.double, night=day(2), price=Decimal("120.50")))
    booked = await hotel.book(hotel.room(1, 4, amount=None))
    assert booked.total_amount == Decimal("300.50")
    room = replace(draft_of(booked).rooms[0], amount=None, adults=1)
    same = await hotel.change(booked, hotel.draft(room))
    assert same.total_amount == Decimal("300.50")
    longer = await hotel.change(booked, hotel.draft(replace(room, stay=hotel.room(1, 5).stay)))
    assert longer.total_amount == Decimal("390.50")


async def test_a_total_is_spread_over_rooms_without_amounts_to_the_cent(hotel: Hotel) -> None:
    async with hotel.database.write() as tx:
        rooms = [hotel.room(1, 2, amount=None) for _ in range(3)]
        draft = hotel.draft(*rooms, total_amount=Decimal("100.00"))
        booked = await reservations.create(tx, hotel.id, draft)
    assert [room.amount for room in booked.rooms] == [Decimal("33.34"), Decimal("33.33"), Decimal("33.33")]


async def test_rules_of_the_nights_bind_the_desk_and_not_the_channel(hotel: Hotel) -> None:
    async with hotel.database.write() as tx:
        tx.session.add(RateNight(room_type_id=hotel.double, night=day(1), min_stay=3, max_stay=5))
        tx.session.add(RateNight(room_type_id=hotel.double, night=day(10), closed=True))
    for stay, why in (((1, 3), "at least 3"), ((1, 7), "at most 5"), ((9, 12), "closed on 2030-06-11")):
        with pytest.raises(RuleRefused, match=why):
            await hotel.book(hotel.room(*stay))
        await hotel.book(hotel.room(*stay), force=True)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"adults": 400}, "rooms[0].adults"),
        ({"adults": 0}, "rooms[0].adults"),
        ({"adults": 3}, "rooms[0].adults"),
        ({"adults": 2, "children": 2}, "rooms[0].children"),
        ({"children": 1, "child_ages": (3, 4)}, "rooms[0].child_ages"),
        ({"children": 1, "child_ages": (40,)}, "rooms[0].child_ages"),
        ({"amount": Decimal("-1")}, "rooms[0].amount"),
        ({"amount": Decimal("1.005")}, "rooms[0].amount"),
        ({"room_type_id": new_id()}, "rooms[0].room_type_id"),
        ({"room_type_id": None}, "rooms[0].room_type_id"),
        ({"room_id": new_id()}, "rooms[0].room_id"),
        ({"id": new_id()}, "rooms[0].id"),
    ],
)
async def test_wrong_input_names_its_field(hotel: Hotel, values: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        await hotel.book(hotel.room(1, 3, **values))
    assert [error.field for error in refused.value.errors] == [field]
    assert await hotel.events() == []


async def test_past_dates_unknown_guests_and_foreign_currency_are_refused(hotel: Hotel) -> None:
    async with hotel.database.write() as tx:
        draft = hotel.draft(hotel.room(-1, 2), guest_id=new_id(), currency="USD", source="\x00")
        with pytest.raises(Invalid) as refused:
            await reservations.create(tx, hotel.id, draft)
    assert [error.field for error in refused.value.errors] == [
        "primary_guest.id",
        "rooms[0].check_in",
        "currency",
        "source",
    ]


async def test_a_guest_in_house_can_stay_on_though_his_arrival_is_past(hotel: Hotel) -> None:
    booked = await hotel.book(hotel.room(0, 2))
    await hotel.do(reservations.check_in, booked)
    async with hotel.database.write() as tx:
        house = await reservations.properties.get(tx.session, hotel.id)
        house.business_date = day(1)
    draft = draft_of(await hotel.load(booked))
    longer = replace(draft, rooms=(replace(draft.rooms[0], stay=hotel.room(0, 4).stay),), total_amount=None)
    changed = await hotel.change(booked, longer)
    assert changed.rooms[0].room_id is not None
    assert changed.rooms[0].status == StayStatus.CHECKED_IN


async def test_check_out_asks_for_what_is_open(hotel: Hotel) -> None:
    booked = await hotel.book(hotel.room(0, 1))
    await hotel.do(reservations.check_in, booked)
    with pytest.raises(Conflict, match="100\\.00 EUR") as refused:
        await hotel.do(reservations.check_out, booked)
    assert refused.value.code == "BALANCE_DUE"
    assert (await hotel.load(booked)).status == "Checked-in"
    async with hotel.database.write() as tx:
        await folios.record_payment(tx, hotel.id, booked.id, amount=Decimal("100.00"), currency="EUR", method="cash")
    assert (await hotel.do(reservations.check_out, booked)).status == "Checked-out"
