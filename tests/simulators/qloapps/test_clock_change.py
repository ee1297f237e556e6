"""What 1.7.0 makes of prices for stays to the day after clocks were put forward; the figures are a real shop's."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx2
import pytest

from innkeeper.simulators.qloapps import QloAppsApp, ShopState
from innkeeper.simulators.qloapps.state import DEMO_KEY

pytestmark = pytest.mark.anyio

GUEST = {"firstname": "Grace", "lastname": "Hopper", "email": "grace@guest.example", "phone": "5550100"}


@pytest.fixture
def shop() -> ShopState:
    """A shop in Warsaw, where a night costs 1000.00 without tax."""
    return ShopState.demo(version="1.7.0")


@pytest.fixture
async def http(shop: ShopState) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(QloAppsApp(shop)),
        base_url="http://shop.example/api",
        auth=(DEMO_KEY, ""),
        headers={"Output-Format": "JSON"},
    ) as client:
        yield client


def document(first: str, last: str, rooms: Sequence[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Return a booking as it is sent."""
    stay = {"id_room_type": 1, "checkin_date": first, "checkout_date": last, "number_of_rooms": len(rooms)}
    associations = {"customer_detail": GUEST, "room_types": [stay | {"rooms": list(rooms)}]}
    return {"booking": {"id_property": 1, "currency": "PLN", "associations": associations} | more}


async def book(http: httpx2.AsyncClient, first: str, last: str, price: float, rooms: int = 1) -> list[dict[str, Any]]:
    """Book rooms at a price each without tax; return their lines."""
    room = {"adults": 1, "children": 0, "unit_price_without_tax": price, "id_tax_rules_group": 0}
    made = await http.post("/bookings", json=document(first, last, [room] * rooms))
    return await lines_of(http, made.json()["booking"]["id"])


async def lines_of(http: httpx2.AsyncClient, number: int) -> list[dict[str, Any]]:
    query = {"filter[id_order]": f"[{number}]", "display": "full"}
    found: list[dict[str, Any]] = (await http.get("/room_bookings", params=query)).json()["bookings"]
    return found


async def send_price(http: httpx2.AsyncClient, lines: list[dict[str, Any]], of: int, price: float) -> list[str]:
    """Send a price for one of the booking's rooms; return what each costs then."""
    rooms = [{"adults": 1, "children": 0, "id_room": line["id_room"]} for line in lines]
    rooms[of]["unit_price_without_tax"] = price
    number, first, last = lines[0]["id_order"], lines[0]["date_from"][:10], lines[0]["date_to"][:10]
    answer = await http.put(f"/bookings/{number}", json=document(first, last, rooms, id=number))
    assert answer.status_code == 200
    return [line["total_price_tax_excl"] for line in await lines_of(http, number)]


async def owner_of(http: httpx2.AsyncClient, line: dict[str, Any]) -> str:
    """Return the fields of a price rule that make it one for this room of this cart alone."""
    query = {"filter[id]": f"[{line['id_cart']}]", "display": "[id,id_guest]"}
    (cart,) = (await http.get("/carts", params=query)).json()["carts"]
    guest = f"<id_guest>{cart['id_guest']}</id_guest>"
    return f"<id_cart>{cart['id']}</id_cart>{guest}<id_room>{line['id_room']}</id_room>"


async def make_rule(http: httpx2.AsyncClient, value: str, first: str, last: str, owner: str = "") -> int:
    """Make a price rule: without an owner for everybody and a range of nights, with one for a single night."""
    groups = "" if owner else "<groups><group><id>1</id></group></groups>"
    answer = await http.post(
        "/feature_prices",
        content=f"<qloapps><feature_price><id_product>1</id_product>{owner}<impact_way>3</impact_way>"
        f"<impact_type>2</impact_type><impact_value>{value}</impact_value><active>1</active>"
        f'<feature_price_name><language id="1">a rule</language></feature_price_name><associations>{groups}'
        f"<restrictions><price_rule><date_from>{first}</date_from><date_to>{last}</date_to>"
        f"<date_selection_type>{2 if owner else 1}</date_selection_type>"
        "<is_special_days_exists>0</is_special_days_exists></price_rule></restrictions></associations>"
        "</feature_price></qloapps>",
    )
    assert answer.status_code == 201
    return int(answer.json()["feature_price"]["id"])


@pytest.mark.parametrize(
    ("first", "last", "price"),
    [
        ("2027-03-26", "2027-03-29", "1400.000000"),
        ("2027-03-27", "2027-03-29", "1200.000000"),
        ("2027-03-28", "2027-03-29", "1000.000000"),
        ("2027-03-27", "2027-03-28", "200.000000"),
        ("2027-10-29", "2027-11-01", "300.000000"),
    ],
)
async def test_last_night_after_the_clock_was_put_forward_has_the_shops_own_price(
    http: httpx2.AsyncClient, first: str, last: str, price: str
) -> None:
    (line,) = await book(http, first, last, 200.0)
    assert line["total_price_tax_excl"] == price


async def test_rule_of_a_cart_prices_its_room_and_is_used_up(shop: ShopState, http: httpx2.AsyncClient) -> None:
    (short,) = await book(http, "2027-03-28", "2027-03-29", 200.0)
    await make_rule(http, "210.5", "2027-03-28", "2027-03-28", await owner_of(http, short))
    assert await send_price(http, [short], 0, 210.5) == ["210.500000"]
    (longer,) = await book(http, "2027-03-26", "2027-03-29", 200.0)
    await make_rule(http, "70.123456", "2027-03-28", "2027-03-28", await owner_of(http, longer))
    assert await send_price(http, [longer], 0, 140.246912) == ["350.620000"]
    assert shop.feature_prices == {}


async def test_rule_of_a_cart_stands_beside_a_general_one_and_prices_no_other_room(
    shop: ShopState, http: httpx2.AsyncClient
) -> None:
    general = await make_rule(http, "123.17", "2027-03-20", "2027-04-20")
    lines = await book(http, "2027-03-27", "2027-03-29", 100.0, rooms=2)
    assert [line["total_price_tax_excl"] for line in lines] == ["223.170000", "223.170000"]
    await make_rule(http, "55.55", "2027-03-28", "2027-03-28", await owner_of(http, lines[0]))
    assert await send_price(http, lines, 0, 55.55) == ["111.100000", "223.170000"]
    assert list(shop.feature_prices) == [general]


async def test_rule_of_a_cart_goes_before_a_price_that_is_sent(http: httpx2.AsyncClient) -> None:
    (line,) = await book(http, "2027-06-10", "2027-06-13", 300.0)
    assert line["total_price_tax_excl"] == "450.000000"
    await make_rule(http, "500", "2027-06-11", "2027-06-11", await owner_of(http, line))
    assert await send_price(http, [line], 0, 200.0) == ["700.000000"]
