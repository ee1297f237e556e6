"""Connection test and room types: what the shop says about itself is what we know of it."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from innkeeper.channel_sync import rehearsal, settings
from innkeeper.connectors.qloapps.connector import connector_from
from innkeeper.domain.channel import BrokerFacts
from innkeeper.domain.outcome import Actor, Done, Outcome, Refused
from tests.live.conftest import NAMED, VARIABLES
from tests.live.house import House, our_types
from tests.live.shop import Address, Shop

pytestmark = pytest.mark.anyio


class NoLimit:
    """A budget that lets every request leave at once."""

    async def take(self) -> float:
        """Reserve one request."""
        return 0.0


async def describe(address: Address) -> Outcome[BrokerFacts]:
    """Test a connection that is not stored anywhere."""
    values: dict[str, Any] = {"base_url": address.url, "api_key": address.key, "hotel_id": address.hotel_id}
    connector = connector_from(values, NoLimit())
    try:
        return await connector.describe()
    finally:
        await connector.aclose()


def test_a_real_shop_is_played_with() -> None:
    """Says in one line of the report, not in one for each test, that the suite had only simulated shops."""
    if not all(NAMED):
        pytest.skip(f"the live suite played with simulated shops alone; name a real QloApps by {', '.join(VARIABLES)}")
    assert NAMED[2].isdigit(), f"{VARIABLES[2]} must be the hotel's number"


async def test_valid_key_tells_who_the_shop_is_and_lacks_no_right(shop: Shop) -> None:
    answer = await describe(shop.address)
    assert isinstance(answer, Done)
    facts = answer.value
    assert (facts.currency, facts.timezone) == (shop.currency, shop.timezone)
    assert facts.version == (shop.settings["QLO_VERSION_DB"] or "1.6.1 (2024 snapshot)")
    assert facts.hotel_name
    assert facts.missing_permissions == ()


async def test_unknown_key_is_refused_with_what_to_do(address: Address) -> None:
    answer = await describe(replace(address, key="X" * 32))
    assert isinstance(answer, Refused)
    assert answer.who is Actor.ADMIN
    assert "key" in answer.message
    assert "XXXX" not in repr(answer)


async def test_key_of_the_wrong_length_is_refused(address: Address) -> None:
    answer = await describe(replace(address, key=address.key[:-1]))
    assert isinstance(answer, Refused)
    assert answer.who is Actor.ADMIN
    assert address.key[:-1] not in repr(answer)


async def test_hotel_that_is_not_there_is_told(address: Address) -> None:
    answer = await describe(replace(address, hotel_id=999_999))
    assert isinstance(answer, Done)
    assert any("999999" in warning for warning in answer.value.warnings)


async def test_address_that_is_no_shop_is_refused(address: Address) -> None:
    answer = await describe(replace(address, url=address.url.rstrip("/").removesuffix("/api") + "/nowhere"))
    assert isinstance(answer, Refused)
    assert answer.who is Actor.ADMIN


async def test_room_types_are_read_as_the_shop_has_them(house: House, shop: Shop) -> None:
    answer = await (await house.connector()).room_types()
    assert isinstance(answer, Done)
    seen = {t.room_type_id: t for t in answer.value}
    assert sorted(seen) == sorted(t.id for t in shop.types)
    for theirs in shop.types:
        ours = seen[theirs.id]
        assert (ours.name, ours.active, ours.max_adults) == (theirs.name, theirs.active, theirs.max_adults)
        assert {number for _, number in theirs.rooms} <= set(ours.room_numbers)


async def test_first_sync_makes_our_room_types_from_theirs(house: House, shop: Shop) -> None:
    ours = {room_type.id: room_type for room_type in await our_types(house)}
    active = [t for t in shop.types if t.active]
    assert sorted(house.types) == sorted(t.id for t in active)
    for theirs in active:
        made = ours[house.types[theirs.id]]
        assert (made.name, made.max_adult) == (theirs.name, theirs.max_adults)
        assert made.price_per_night >= Decimal(0)


async def test_second_sync_of_room_types_makes_nothing(house: House) -> None:
    before = len(await our_types(house))
    result = await house.sync("room-types", create_missing=True)
    assert (result.created, len(await our_types(house))) == (0, before)


async def test_connection_test_is_kept_with_the_connection(house: House, shop: Shop) -> None:
    assert isinstance(await settings.test_connection(house.channels, house.property_id), Done)
    assert (await house.config()).shop_facts["currency"] == shop.currency


async def test_rehearsal_shows_both_sides_and_writes_nothing(house: House, shop: Shop) -> None:
    order = await shop.book(shop.wish(3, 5))
    before = await house.count()
    plan = await rehearsal.rehearse(house.channels, house.property_id)
    assert not [finding for finding in plan["findings"] if "N/(N-1)" not in finding]
    assert plan["unmapped"]["house"] == []
    assert order in [action.get("order_id") for action in plan["inbound"]["actions"]]
    assert await house.count() == before
