"""The connection test asks for the rights that are needed, says where to grant them, and asks for none in vain."""

import pytest

from innkeeper.domain.channel import BrokerFacts
from innkeeper.domain.outcome import Done
from innkeeper.simulators.qloapps.resources import resource_names
from innkeeper.simulators.qloapps.state import DEMO_KEY
from tests.connectors.qloapps.shops import VERSIONS, Shop, shop

pytestmark = pytest.mark.anyio


def take_away(opened: Shop, resource: str, *methods: str) -> None:
    """Let the key have every right but these."""
    key = opened.state.keys[DEMO_KEY]
    granted = {name: key.methods(name) for name in resource_names(opened.state.version)}
    key.permissions = {**granted, resource: granted[resource] - set(methods)}


async def described(opened: Shop) -> BrokerFacts:
    """Test the connection."""
    answer = await opened.connector.describe()
    assert isinstance(answer, Done)
    return answer.value


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_key_with_every_right_lacks_none(version: str) -> None:
    async with shop(version) as opened:
        facts = await described(opened)
        assert (facts.missing_permissions, facts.hotel_known, facts.repeated_hour) == ((), True, False)


async def test_the_snapshot_needs_to_make_and_delete_room_lines_for_blocks() -> None:
    async with shop("dev-2024-10") as opened:
        take_away(opened, "room_bookings", "POST", "DELETE")
        missing = (await described(opened)).missing_permissions
        assert [(right.method, right.resource, right.purpose) for right in missing] == [
            ("POST", "room_bookings", "availability"),
            ("DELETE", "room_bookings", "availability"),
        ]


async def test_1_7_0_is_warned_where_types_with_limits_of_stay_need_room_lines() -> None:
    async with shop("1.7.0") as opened:
        take_away(opened, "room_bookings", "POST", "DELETE")
        facts = await described(opened)
        assert facts.missing_permissions == ()
        (warning,) = [one for one in facts.warnings if "room_bookings" in one]
        assert "POST and DELETE" in warning
        assert "Advanced Parameters > Webservice" in warning


@pytest.mark.parametrize("version", VERSIONS)
async def test_nobody_is_asked_to_let_room_types_be_written(version: str) -> None:
    async with shop(version) as opened:
        take_away(opened, "hotel_room_types", "PUT", "POST", "DELETE")
        facts = await described(opened)
        assert facts.missing_permissions == ()
        assert not any("hotel_room_types" in one for one in facts.warnings)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_hotel_that_is_not_there_or_switched_off_is_not_known(version: str) -> None:
    async with shop(version) as opened:
        opened.state.hotels[1]["active"] = 0
        assert not (await described(opened)).hotel_known
        del opened.state.hotels[1]
        assert not (await described(opened)).hotel_known
