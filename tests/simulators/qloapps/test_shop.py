"""Habits of a QloApps shop that no capture shows alone, seen over the WebService and in the state behind it."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from innkeeper.simulators.qloapps import QloAppsApp, ShopState
from innkeeper.simulators.qloapps.actors import Guest, NoRoomError, Stay
from innkeeper.simulators.qloapps.demo_shop import RoomTypeSpec, shop
from innkeeper.simulators.qloapps.model import AWAITING, CANCELED, ApiKey, Line, Order
from innkeeper.simulators.qloapps.state import DEMO_KEY

pytestmark = pytest.mark.anyio

UNSEEN = "<id_shop>1</id_shop><id_shop_group>1</id_shop_group><round_mode>2</round_mode><round_type>1</round_type>"


class Wrist:
    """A clock that a test sets."""

    def __init__(self, moment: str = "2027-03-01 12:00:00") -> None:
        self.moment = dt.datetime.fromisoformat(moment).replace(tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.moment

    def tick(self, seconds: int = 1) -> None:
        self.moment += dt.timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Wrist:
    return Wrist()


@pytest.fixture(params=["1.7.0", "dev-2024-10"])
def state(request: pytest.FixtureRequest, clock: Wrist) -> ShopState:
    return ShopState.demo(version=request.param, clock=clock)


@pytest.fixture
def new(clock: Wrist) -> ShopState:
    return ShopState.demo(version="1.7.0", clock=clock)


@pytest.fixture
async def http(request: pytest.FixtureRequest) -> AsyncIterator[httpx2.AsyncClient]:
    name = "state" if "state" in request.fixturenames else "new"
    app = QloAppsApp(request.getfixturevalue(name))
    async with client_of(app) as client:
        yield client


def client_of(app: QloAppsApp) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app),
        base_url="http://shop.example/api",
        auth=(DEMO_KEY, ""),
        headers={"Output-Format": "JSON"},
    )


def booking(state: ShopState, id_type: int = 1, nights: int = 2, **more: Any) -> dict[str, Any]:
    stay = {
        "id_room_type": id_type,
        "checkin_date": "2027-05-01",
        "checkout_date": (dt.date(2027, 5, 1) + dt.timedelta(days=nights)).isoformat(),
        "number_of_rooms": 1,
    }
    guest = {"firstname": "Grace", "lastname": "Hopper", "email": "grace@guest.example", "phone": "5550100"}
    associations = {"customer_detail": guest, "room_types": [stay]} | more.pop("associations", {})
    currency = state.currencies[1]["iso_code"]
    return {"booking": {"id_property": 1, "currency": currency, "associations": associations} | more}


async def order_xml(http: httpx2.AsyncClient, number: int) -> str:
    answer = await http.get(f"/orders/{number}", headers={"Output-Format": "XML"})
    return answer.text


def stamps(order: Order, line: Line) -> tuple[str, str]:
    return order.date_upd, line.date_upd


async def test_every_action_of_the_back_office_stamps_what_it_stamps(state: ShopState, clock: Wrist) -> None:
    staff = state.back_office
    order = staff.book(Stay(1, "2027-05-01", "2027-05-03"))
    line = state.lines_of(order)[0]

    def bumped(action: Any) -> tuple[bool, bool]:
        before = stamps(order, line)
        clock.tick()
        action()
        after = stamps(order, line)
        return before[0] != after[0], before[1] != after[1]

    assert bumped(lambda: staff.staff_message(order, "Extra towels")) == (False, False)
    assert bumped(lambda: staff.check_in(line)) == (False, True)
    assert bumped(lambda: staff.move_room(line, 4)) == (False, True)
    assert bumped(lambda: staff.take_payment(order, 100)) == (True, False)
    assert bumped(lambda: staff.charge(line, 900)) == (True, True)
    assert bumped(lambda: staff.cancel(order)) == (True, False)
    assert order.remarks == ("Extra towels",)
    assert (line.is_refunded, line.is_cancelled) == (1, 1)


async def test_changed_dates_are_a_new_line_and_a_deleted_one_leaves_no_trace(state: ShopState) -> None:
    order = state.back_office.book(Stay(1, "2027-05-01", "2027-05-03"))
    old = state.lines_of(order)[0]
    new = state.back_office.change_dates(order, "2027-05-02", "2027-05-05")
    assert new.id != old.id
    assert old.id not in state.lines
    assert order.lines == [new.id]
    assert state.free_rooms(1, "2027-05-01") == [1, 2, 3, 4, 5]


async def test_an_uncancelled_order_holds_nothing_until_its_line_is_revived(state: ShopState) -> None:
    staff = state.back_office
    order = staff.book(Stay(1, "2027-05-01", "2027-05-02"))
    staff.cancel(order)
    staff.uncancel(order)
    assert order.current_state == AWAITING
    assert len(state.free_rooms(1, "2027-05-01")) == 5
    staff.revive_line(state.lines_of(order)[0])
    assert len(state.free_rooms(1, "2027-05-01")) == 4


async def test_an_early_check_out_frees_the_remaining_nights(state: ShopState, clock: Wrist) -> None:
    order = state.back_office.book(Stay(1, "2027-03-01", "2027-03-05", id_room=3))
    clock.tick(86_400)
    state.back_office.check_out(state.lines_of(order)[0])
    assert 3 not in state.free_rooms(1, "2027-03-01")
    assert 3 in state.free_rooms(1, "2027-03-02")


async def test_a_put_of_an_order_without_the_unseen_fields_hides_it_and_with_them_brings_it_back(
    state: ShopState, http: httpx2.AsyncClient
) -> None:
    await http.post("/bookings", json=booking(state, source="pms:REF-1"))
    number = state.last_id("orders")
    document = await order_xml(http, number)
    await http.put(f"/orders/{number}", content=document)
    found = "/orders?filter[source]=[pms:REF-1]"
    assert (await http.get(found)).json() == []
    assert (await http.get(f"/orders/{number}")).status_code == 200
    assert (await http.get(f"/room_bookings?filter[id_order]=[{number}]")).json() != []
    assert {"id": number} in (await http.get("/bookings")).json()["bookings"]
    await http.put(f"/orders/{number}", content=document.replace("</order>", f"{UNSEEN}</order>"))
    assert (await http.get(found)).json() == {"orders": [{"id": number}]}
    assert state.mails["order_state"] == 2


async def test_a_put_of_a_cancelled_order_cancels_its_revived_line_again(
    state: ShopState, http: httpx2.AsyncClient
) -> None:
    order = state.back_office.book(Stay(1, "2027-05-01", "2027-05-02"))
    state.back_office.cancel(order)
    state.back_office.revive_line(state.lines_of(order)[0])
    document = await order_xml(http, order.id)
    await http.put(f"/orders/{order.id}", content=document.replace("</order>", f"{UNSEEN}</order>"))
    assert order.current_state == CANCELED
    assert state.lines_of(order)[0].is_refunded == 1


async def test_a_customer_written_without_a_shop_is_found_by_no_list_and_no_booking(
    state: ShopState, http: httpx2.AsyncClient
) -> None:
    await http.post("/bookings", json=booking(state))
    first = state.customers_with_email("grace@guest.example")[0]
    document = (
        f"<qloapps><customer><id>{first.id}</id><firstname>G</firstname><lastname>H</lastname>"
        "<email>grace@guest.example</email><passwd>Secret12345</passwd><phone>1</phone></customer></qloapps>"
    )
    await http.put(f"/customers/{first.id}", content=document)
    assert (await http.get("/customers?filter[email]=[grace@guest.example]")).json() == []
    await http.post("/bookings", json=booking(state))
    assert len(state.customers_with_email("grace@guest.example")) == 2


async def test_filters_do_not_care_for_case_and_accents(state: ShopState, http: httpx2.AsyncClient) -> None:
    state.back_office.book(Stay(1, "2027-05-01", "2027-05-02"), guest=Guest("Zoë", "Lefèvre", "Zoe@guest.example"))
    for query in ("filter[lastname]=[LEFEVRE]", "filter[email]=[zoe@GUEST.example]", "filter[firstname]=[zo]%25"):
        assert len((await http.get(f"/customers?{query}")).json()["customers"]) == 1, query


async def test_times_are_the_shops_own_and_an_hour_comes_twice_in_autumn(clock: Wrist) -> None:
    state = ShopState.demo(clock=clock, timezone="Europe/Warsaw")
    seen = []
    for moment in ("2027-10-31 00:30:00", "2027-10-31 01:30:00", "2027-03-28 00:59:59", "2027-03-28 01:00:00"):
        clock.moment = dt.datetime.fromisoformat(moment).replace(tzinfo=dt.UTC)
        seen.append(state.now())
    assert seen == ["2027-10-31 02:30:00", "2027-10-31 02:30:00", "2027-03-28 01:59:59", "2027-03-28 03:00:00"]


async def test_with_the_race_switched_on_parallel_bookings_take_one_room(new: ShopState) -> None:
    new.race_seconds = 0.0
    async with client_of(QloAppsApp(new)) as http:
        answers = await asyncio.gather(*(http.post("/bookings", json=booking(new)) for _ in range(8)))
    assert sum(answer.status_code == 200 for answer in answers) == 8
    assert new.double_bookings()


async def test_without_the_race_no_room_is_sold_twice(new: ShopState) -> None:
    async with client_of(QloAppsApp(new)) as http:
        answers = await asyncio.gather(*(http.post("/bookings", json=booking(new)) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [400] * 3
    assert not new.double_bookings()


async def test_a_strict_server_fails_after_the_booking_was_made(new: ShopState, http: httpx2.AsyncClient) -> None:
    new.strict = True
    room = {"adults": 2, "child": 0}
    for group, status in ((None, 500), (1, 500), (0, 200)):
        stay = booking(new)["booking"]["associations"]["room_types"][0] | {
            "rooms": [room | {"id_tax_rules_group": group}]
        }
        before = len(new.orders)
        answer = await http.post("/bookings", json=booking(new, associations={"room_types": [stay]}))
        assert (answer.status_code, len(new.orders)) == (status, before + 1), group


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        ({"firstname": "R2D2"}, 500, ""),
        ({"lastname": "L" * 33}, 500, ""),
        ({"email": "none"}, 200, "Fatal error"),
        ({"phone": "ask reception"}, 500, ""),
        ({"phone": "0"}, 400, "Please provide a valid phone number."),
    ],
)
async def test_a_guest_that_cannot_be_stored_is_no_booking(
    state: ShopState, http: httpx2.AsyncClient, change: dict[str, str], status: int, text: str
) -> None:
    document = booking(state)
    document["booking"]["associations"]["customer_detail"] |= change
    before = len(state.orders)
    answer = await http.post("/bookings", json=document)
    assert (answer.status_code, len(state.orders)) == (status, before)
    assert text in answer.text


async def test_permissions_are_told_by_the_root_and_held(state: ShopState) -> None:
    key = "K" * 32
    state.keys[key] = ApiKey(key, {"orders": frozenset(("GET",))})
    async with client_of(QloAppsApp(state)) as http:
        http.auth = httpx2.BasicAuth(key, "")
        root = (await http.get("/", headers={"Output-Format": "XML"})).text
        assert 'get="true" put="false" post="false" delete="false" head="false"' in root
        assert (await http.get("/orders")).status_code == 200
        assert (await http.put("/orders/1", content="<a/>")).json()["errors"][0]["code"] == 25
        assert (await http.get("/customers")).json()["errors"][0]["code"] == 26


async def test_another_host_is_sent_to_the_shop(clock: Wrist) -> None:
    state = ShopState.demo(clock=clock, domain="hotel.example")
    async with client_of(QloAppsApp(state)) as http:
        answer = await http.get("/hotels")
    assert answer.status_code == 302
    assert answer.headers["location"] == "http://hotel.example/?url=hotels"


async def test_a_pushed_rate_prices_ari_and_bookings_at_once(state: ShopState, http: httpx2.AsyncClient) -> None:
    dates = "<date_from>2027-05-01</date_from><date_to>2027-05-01</date_to>"
    days = "<date_selection_type>1</date_selection_type><is_special_days_exists>0</is_special_days_exists>"
    rule = f"<restrictions><price_rule>{dates}{days}</price_rule></restrictions>"
    is_170 = state.version.is_170
    rate = (
        "<qloapps><feature_price><id_product>1</id_product><impact_way>3</impact_way><impact_type>2</impact_type>"
        f"<impact_value>640</impact_value><active>1</active>{'' if is_170 else dates + days}"
        '<feature_price_name><language id="1">PMS</language></feature_price_name>'
        f"<associations><groups><group><id>1</id></group></groups>{rule if is_170 else ''}</associations>"
        "</feature_price></qloapps>"
    )
    assert (await http.post("/feature_prices", content=rate)).status_code == 201
    search = (
        "<qloapps><hotel_ari><id_hotel>1</id_hotel><id_room_type>1</id_room_type><date_from>2027-05-01</date_from>"
        "<date_to>2027-05-03</date_to><date_wise_breakdown>1</date_wise_breakdown></hotel_ari></qloapps>"
    )
    nights = (await http.post("/hotel_ari", content=search)).json()["hotel_aris"]
    assert [night["room_types"][0]["base_price"] for night in nights] == [890, 1250]  # with the fees of 250
    booked = (await http.post("/bookings", json=booking(state))).json()["booking"]
    assert booked["associations"]["price_details"]["total_price_without_tax"] == 1640


async def test_prices_with_and_without_tax_are_rounded_each_by_itself(new: ShopState, http: httpx2.AsyncClient) -> None:
    """What a real 1.7.0 stored of these prices, of which it makes N/(N-1): 301.095 and 501.825 before rounding."""
    for nights, sent, stored in ((3, 200.73, ("301.100000", "370.350000")), (5, 401.46, ("501.830000", "617.240000"))):
        sale = booking(new, nights=nights)
        sale["booking"]["associations"]["room_types"][0]["rooms"] = [{"unit_price_without_tax": sent}]
        made = (await http.post("/bookings", json=sale)).json()["booking"]
        query = {"filter[id_order]": f"[{made['id']}]", "display": "full"}
        (line,) = (await http.get("/room_bookings", params=query)).json()["bookings"]
        assert (line["total_price_tax_excl"], line["total_price_tax_incl"]) == stored


async def test_a_customer_named_by_email_alone_loses_his_phone_on_the_snapshot(
    state: ShopState, http: httpx2.AsyncClient
) -> None:
    sale = booking(state)
    made = (await http.post("/bookings", json=sale)).json()["booking"]
    customer = state.orders[made["id"]].id_customer
    for who, phone in (
        ({"id_customer": customer, "email": "grace@guest.example"}, "5550100"),
        ({"email": "grace@guest.example"}, "5550100" if state.version.is_170 else ""),
    ):
        sale["booking"] |= {"id": made["id"]}
        sale["booking"]["associations"]["customer_detail"] = who
        assert (await http.put(f"/bookings/{made['id']}", json=sale)).status_code == 200
        assert state.customers[customer].phone == phone


async def test_a_shop_of_any_make_takes_bookings(clock: Wrist) -> None:
    state = shop(
        RoomTypeSpec("Single", "80.50", ("1", "2")),
        RoomTypeSpec("Suite", 300, ("9",), max_adults=4),
        currency="JPY",
        tax_rate=10,
        clock=clock,
    )
    async with client_of(QloAppsApp(state)) as http:
        booked = (await http.post("/bookings", json=booking(state, nights=3))).json()["booking"]
    details = booked["associations"]["price_details"]
    assert (booked["currency"], details["total_price_without_tax"], details["total_tax"]) == ("JPY", 241.5, 24.15)
    with pytest.raises(NoRoomError):
        state.back_office.book(Stay(2, "2027-05-01", "2027-05-02", rooms=2))


async def test_many_bookings_are_made_past_the_webservice(clock: Wrist) -> None:
    state = shop(RoomTypeSpec("Room", 100, [str(number) for number in range(100)]), clock=clock)
    first = dt.date(2027, 1, 1)
    wanted = (
        (
            Guest(email=f"guest{number}@guest.example"),
            Stay(1, first + dt.timedelta(days=number // 100), first + dt.timedelta(days=number // 100 + 1)),
            f"import:{number}",
        )
        for number in range(5000)
    )
    assert state.back_office.import_bookings(wanted) == 5000
    assert not state.double_bookings()


async def test_the_summary_counts_what_an_operator_looks_at(state: ShopState) -> None:
    state.back_office.book(Stay(1, "2027-05-01", "2027-05-02"))
    summary = state.summary()
    assert summary["orders"] == len(state.orders)
    assert summary["double_booked_nights"] == 0
    assert summary["version"] == state.version.name
