"""The price at which a channel sold a stay outlives every change of its dates at the desk."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from innkeeper.house import reservations
from innkeeper.house.tables import RateNight, Reservation
from tests.house.desk import Desk
from tests.house.hotel import Hotel, day

pytestmark = pytest.mark.anyio


async def sold(hotel: Hotel, amount: str, first: int = 1, last: int = 4, **values: Any) -> Reservation:
    """Return a stay that a channel sold at this price."""
    room = replace(hotel.room(first, last), amount=Decimal(amount), **values)
    draft = hotel.draft(room, source="Booking.com", channel="Booking.com")
    async with hotel.database.write() as tx:
        return await reservations.create(tx, hotel.id, draft, force=True, origin="qloapps")


async def test_a_night_more_is_quoted_alone_and_going_back_restores_the_price(hotel: Hotel, desk: Desk) -> None:
    async with hotel.database.write() as tx:
        tx.session.add(RateNight(room_type_id=hotel.double, night=day(4), price=Decimal("400.00")))
    path = f"/reservations/{(await sold(hotel, '100.00')).id}"

    async def stay(first: int, last: int) -> str:
        changed = await desk.call("PUT", path, json={"check_in": str(day(first)), "check_out": str(day(last))})
        assert changed["total_amount"] == changed["rooms"][0]["amount"]
        amount: str = changed["total_amount"]
        return amount

    assert await stay(1, 5) == "500.00"
    assert await stay(1, 4) == "100.00"
    assert await stay(1, 3) == "66.67"
    assert await stay(1, 4) == "100.00"
    assert await stay(0, 4) == "190.00"
    assert await stay(10, 12) == "180.00"
    assert await stay(1, 4) == "100.00"


async def test_a_price_that_was_set_since_is_the_one_that_is_kept(hotel: Hotel, desk: Desk) -> None:
    path = f"/reservations/{(await sold(hotel, '100.00')).id}"
    await desk.call("PUT", path, json={"check_out": str(day(5))})
    room = (await desk.call("GET", path))["rooms"][0]
    await desk.call("PUT", path, json={"rooms": [{"id": room["id"], "amount": "80.00"}]})
    shorter = await desk.call("PUT", path, json={"check_out": str(day(3))})
    assert shorter["total_amount"] == "40.00"


async def test_a_booking_without_a_room_type_keeps_its_price_by_the_night(hotel: Hotel, desk: Desk) -> None:
    booked = await sold(hotel, "100.00", room_type_id=None, label="Igloo")
    path = f"/reservations/{booked.id}"
    longer = await desk.call("PUT", path, json={"check_out": str(day(5))})
    assert (longer["total_amount"], longer["rooms"][0]["amount"]) == ("133.33", "133.33")
    assert (await desk.call("PUT", path, json={"check_out": str(day(4))}))["total_amount"] == "100.00"
    assert (await desk.call("PUT", path, json={"check_out": str(day(2))}))["total_amount"] == "33.34"
    typed = {"rooms": [{"id": longer["rooms"][0]["id"], "room_type_id": str(hotel.double), "check_out": str(day(4))}]}
    assert (await desk.call("PUT", path, json=typed))["total_amount"] == "100.00"


async def test_a_foreign_price_is_never_mixed_with_the_houses_rates(hotel: Hotel, desk: Desk) -> None:
    draft = hotel.draft(replace(hotel.room(1, 3), amount=Decimal("300.00")), currency="USD", channel="Expedia")
    async with hotel.database.write() as tx:
        booked = await reservations.create(tx, hotel.id, draft, force=True)
    longer = await desk.call("PUT", f"/reservations/{booked.id}", json={"check_out": str(day(4))})
    assert (longer["currency"], longer["total_amount"]) == ("USD", "450.00")


async def test_what_the_house_sold_itself_follows_its_rates(hotel: Hotel, desk: Desk) -> None:
    booked = await hotel.book(hotel.room(1, 4))
    longer = await desk.call("PUT", f"/reservations/{booked.id}", json={"check_out": str(day(5))})
    assert longer["total_amount"] == "360.00"
