"""OTA guests book, change and cancel over the WebService, and a shop that fails does not stop them."""

from __future__ import annotations

import datetime as dt
import random
import re

import httpx2
import phonenumbers
import pytest

from innkeeper.simulators.ota import OtaGuests, run_guests
from innkeeper.simulators.qloapps import QloAppsApp, ShopState
from innkeeper.simulators.qloapps.model import CANCELED
from innkeeper.simulators.qloapps.state import DEMO_KEY
from innkeeper.simulators.server import serve

pytestmark = pytest.mark.anyio

TODAY = dt.date(2027, 3, 1)


def guests_of(app: QloAppsApp, seed: int = 1) -> OtaGuests:
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app))
    return OtaGuests("http://shop.example", DEMO_KEY, 1, random.Random(seed), today=lambda: TODAY, client=client)


@pytest.mark.parametrize("version", ["1.7.0", "dev-2024-10"])
async def test_what_the_guests_remember_is_what_the_shop_holds(version: str) -> None:
    app = QloAppsApp(ShopState.demo(version=version))
    guests = guests_of(app)
    for _ in range(150):
        await guests.act()
    assert {"book_accepted", "change_accepted", "cancel_accepted"} <= guests.counts.keys()
    assert not app.state.double_bookings()
    for booking in guests.bookings:
        order = app.state.orders[booking.order_id]
        assert (order.current_state == CANCELED) is booking.cancelled
        assert order.source == booking.channel.name
        lines = app.state.lines_of(order)
        assert len(lines) == len(booking.rooms)
        assert {line.stay[1:] for line in lines} == {(booking.checkin.isoformat(), booking.checkout.isoformat())}


async def test_the_same_seed_makes_the_same_guests() -> None:
    async def story(seed: int) -> list[tuple[str, str, bool | None]]:
        guests = guests_of(QloAppsApp(ShopState.demo()), seed)
        actions = [await guests.act() for _ in range(30)]
        return [(action.kind, action.number, action.accepted) for action in actions]

    assert await story(5) == await story(5)
    assert await story(5) != await story(6)


async def test_guests_have_names_and_numbers_that_a_shop_takes() -> None:
    guests = guests_of(QloAppsApp(ShopState.demo()))
    for _ in range(200):
        guest = guests._guest()
        assert not re.search(r"[\d,;|]", guest["firstname"] + guest["lastname"])
        assert re.fullmatch(r"[a-z.]+\d+@guest\.example", guest["email"])
        assert phonenumbers.is_possible_number(phonenumbers.parse(guest["phone"]))


async def test_prepaid_bookings_arrive_paid_and_the_others_unpaid() -> None:
    app = QloAppsApp(ShopState.demo())
    guests = guests_of(app)
    for _ in range(40):
        await guests.book()
    for booking in guests.bookings:
        order = app.state.orders[booking.order_id]
        assert order.payment == booking.channel.name
        assert order.total_paid_real == (order.total_paid_tax_incl if booking.channel.prepaid else 0)


async def test_faults_of_the_shop_are_outcomes_and_not_exceptions() -> None:
    app = QloAppsApp(ShopState.demo())
    async with (
        serve(app) as running,
        OtaGuests(running.url, DEMO_KEY, rng=random.Random(3), today=lambda: TODAY) as ota,
    ):
        await ota.act()
        app.dial.set(drop_after=0.2, error_after=0.2, maintenance=0.2, truncate=0.2)
        counts = await run_guests(ota, per_hour=1e9, actions=60)
    assert sum(counts.values()) == 61
    assert counts["book_unclear"] > 0
    assert counts["book_accepted"] > 0


async def test_a_wrong_key_is_a_refusal_with_words() -> None:
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(QloAppsApp(ShopState.demo())))
    action = await OtaGuests("http://shop.example/api/", "x" * 32, client=client).act()
    assert action.accepted is False
    assert "401" in action.detail
