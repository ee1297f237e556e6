"""The simulator answers every recorded request as the recorded shop of its version did.

Each version has one long-lived shop. The exchanges run in the order in which they were recorded, with the clock set
from the recorded times, so that ids and timestamps line up. What the recording did *between* its captures is arranged
by hand in the table ``BETWEEN``. Compared are status, content type, error codes and messages, the shape (keys, lengths,
types; elements and attributes), and the values, except those of the fields in ``MASKS``.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from innkeeper.simulators.qloapps import QloAppsApp, ShopState
from innkeeper.simulators.qloapps.actors import Guest, Stay
from innkeeper.simulators.qloapps.customers import guest_for_booking
from innkeeper.simulators.qloapps.model import ApiKey
from innkeeper.simulators.qloapps.state import DEMO_KEY
from tests.shared_files import require_shared
from tests.simulators.qloapps.recordings import Exchange, authorization, compare, load, stamps_in

pytestmark = pytest.mark.anyio

VERSIONS = {"v1.7.0": "1.7.0", "dev-2024-10": "dev-2024-10"}
KEYS = {
    "EXAMPLEKEY": DEMO_KEY,
    "LIMITEDKEY": "LIMITED00000000000000000000000KEY"[:32],
    "NOPERMSKEY": "NOPERMS00000000000000000000000KEY"[:32],
}

LEFT_OUT: dict[str, str] = {}
"""Captures that are not replayed, with the reason. None."""

MASKS: dict[str, str] = {
    "reference": "nine random letters",
    "order_reference": "nine random letters",
    "description": "the demo shop's texts are our own",
    "description_short": "the demo shop's texts are our own",
    "policies": "the demo shop's texts are our own",
    "short_description": "the demo shop's texts are our own",
    "id_cart": "carts are also made by requests that fail",
    "id_order_detail": "counts details of bookings that were made and deleted between the captures",
}
"""Fields whose values are not compared, anywhere; their presence and type are."""


CAPTURE_MASKS: dict[str, tuple[str, str]] = {
    "001": ("description", "one sentence for each resource is our own"),
    "088": (
        "firstname lastname email phone date_add date_upd last_passwd_gen birthday",
        "the guests of the demo database are made up",
    ),
    "480": (
        "total_paid total_paid_tax_incl total_paid_tax_excl total_products total_products_wt advance_paid_amount "
        "id id_customer date_add date_upd source",
        "all but the first orders are the filling's",
    ),
    "481": (
        "id id_order id_customer id_product id_room date_from date_to date_add date_upd total_price_tax_excl "
        "total_price_tax_incl total_paid_amount room_num room_type_name planned_check_out adults children child_ages",
        "most lines are the filling's",
    ),
    "482": ("bookings id", "which of the filling's bookings belong to the same guest is not recorded"),
}
"""Further fields whose values are not compared in one capture, with the reason."""


@dataclass
class Replay:
    """A shop that is being led through the recording."""

    version: str
    exchanges: dict[str, Exchange]
    second: int = 1_795_309_224
    state: ShopState = field(init=False)
    app: QloAppsApp = field(init=False)

    def __post_init__(self) -> None:
        self.fresh_shop()

    def fresh_shop(self) -> None:
        """The demo shop as it was installed."""
        self.state = ShopState.demo(version=self.version, clock=self.clock, domain="qloapps.example")
        hotels_and_bookings = {name: frozenset(("GET", "HEAD")) for name in ("hotels", "bookings")}
        limited, none = KEYS["LIMITEDKEY"], KEYS["NOPERMSKEY"]
        self.state.keys[limited] = ApiKey(limited, hotels_and_bookings)
        self.state.keys[none] = ApiKey(none, {})
        self.app = QloAppsApp(self.state)

    @property
    def is_170(self) -> bool:
        return self.version == "1.7.0"

    def clock(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.second, dt.UTC)

    def local(self, stamp: str) -> int:
        """Unix time of a shop-local timestamp."""
        return int(dt.datetime.fromisoformat(stamp).replace(tzinfo=self.state.zone).timestamp())

    def set_clock_for(self, order: int) -> None:
        """To the time at which an order that no capture shows being made was made, as later captures tell."""
        for exchange in self.exchanges.values():
            found = re.search(rf'"booking":{{"id":{order},.*?"booking_date":"([^"]+)"', exchange.answer) or re.search(
                rf'"order":{{"id":{order},.*?"date_add":"([^"]+)"|"id_order":{order},"date_add":"([^"]+)"',
                exchange.answer,
            )
            stamp = next(filter(None, found.groups())) if found else None
            if stamp and abs(self.local(stamp) - self.second) < 60:
                self.second = self.local(stamp)
                return

    def took_time(self, exchange: Exchange, answer: httpx2.Response) -> None:
        """A request that crossed a second stamped the order at its end, everything else at its beginning."""
        if exchange.target.startswith("/api/bookings") and exchange.method == "POST" and answer.status_code == 200:
            order = self.state.orders[self.last_booking()]
            moment = dt.datetime.fromtimestamp(exchange.second, self.state.zone)
            order.date_upd = moment.strftime("%Y-%m-%d %H:%M:%S")

    def set_clock(self, exchange: Exchange) -> None:
        """To the latest timestamp of the answer if it is of these seconds, else to the recorded time."""
        near = [at for at in map(self.local, stamps_in(exchange.answer)) if abs(at - exchange.second) <= 3]
        self.second = max(near) if near and not exchange.reads else exchange.second

    async def ask(self, exchange: Exchange) -> httpx2.Response:
        headers = {name: value for name, value in exchange.headers.items() if name != "authorization"}
        if "authorization" in exchange.headers:
            headers["authorization"] = authorization(exchange.headers["authorization"], KEYS)
        target = exchange.target.replace("EXAMPLEKEY", DEMO_KEY)
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app)) as http:
            request = http.build_request(
                exchange.method, "http://qloapps.example/", headers=headers, content=exchange.body.encode()
            )
            request.url = request.url.copy_with(raw_path=target.encode())
            return await http.send(request)

    async def post(self, *room_types: dict[str, Any], **more: Any) -> None:
        """A booking of the recording's usual guest, made as the recording made it."""
        self.set_clock_for(self.last_booking() + 1)
        guest = {"firstname": "Stat", "lastname": "Us", "email": "stat@guest.example", "phone": "5550103"}
        currency = self.state.currencies[1]["iso_code"]
        associations = {"customer_detail": guest, "room_types": list(room_types)}
        booking = {"id_property": 1, "currency": currency, "booking_status": 1, "payment_status": 3}
        body = json.dumps({"booking": booking | {"associations": associations} | more})
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app), auth=(DEMO_KEY, "")) as http:
            answer = await http.post("http://qloapps.example/api/bookings", content=body)
        assert answer.status_code == 200, answer.text

    def last_booking(self) -> int:
        """The order that was made last."""
        return self.state.last_id("orders")


def room_type(id_type: int, checkin: str, checkout: str, count: int = 1, **room: Any) -> dict[str, Any]:
    """An entry of ``room_types[]``."""
    entry = {"id_room_type": id_type, "checkin_date": checkin, "checkout_date": checkout, "number_of_rooms": count}
    return entry | ({"rooms": [room]} if room else {})


async def sold_out_luxury(replay: Replay) -> None:
    await replay.post(room_type(4, "2027-02-26", "2027-02-28", 5))


async def hidden_by_an_earlier_run(replay: Replay) -> None:
    """The recording ran [091] twice on the snapshot; the first run, on customer 2, was replaced by the second."""
    if not replay.is_170:
        replay.state.customers[2].id_shop = 0


async def booking_to_change(replay: Replay) -> None:
    await replay.post(room_type(2, "2027-04-01", "2027-04-04"))


async def full_executive(replay: Replay) -> None:
    await replay.post(room_type(3, "2027-05-01", "2027-05-03", 5))


async def booking_to_extend(replay: Replay) -> None:
    await replay.post(room_type(3, "2027-05-10", "2027-05-13"))


async def reference_of_order(replay: Replay) -> None:
    """The reference that the next request looks for."""
    found = re.search(r"order_reference\]=\[(\w+)\]", replay.exchanges["251"].target)
    assert found
    replay.state.orders[replay.last_booking()].reference = found.group(1)


async def payment_of_nobody(replay: Replay) -> None:
    """A payment that no recorded request made."""
    replay.state.set_last_id("order_payments", 6)


async def booking_with_breakfast(replay: Replay) -> None:
    room = {
        "adult": 1,
        "adults": 1,
        "child": 0,
        "id_tax_rules_group": 1,
        "services": [{"id_service": 9, "quantity": 1}],
    }
    await replay.post(room_type(2, "2027-05-20", "2027-05-22", **room))


async def booking_to_cancel(replay: Replay) -> None:
    await replay.post(room_type(2, "2027-06-01", "2027-06-03"))


async def booking_to_cancel_by_put(replay: Replay) -> None:
    await replay.post(room_type(2, "2027-06-04", "2027-06-06"))


async def booking_to_check_in(replay: Replay) -> None:
    await replay.post(room_type(2, "2027-06-10", "2027-06-12"))


async def neighbour(replay: Replay) -> None:
    await replay.post(room_type(2, "2027-06-10", "2027-06-12", id_room=7))


async def one_night_in_july(replay: Replay) -> None:
    await replay.post(room_type(1, "2027-07-02", "2027-07-03"))


PARALLEL = {
    "1.7.0": "47:S 48:A 49:A 50:B 51:C 52:B 53:D 54:E 55:F 56:G 57:H 58:I",
    "dev-2024-10": "45:B 46:A 47:D 48:E 49:C 50:F 51:G 52:H 53:I",
}
"""Orders of the parallel bookings with a letter for the guest; guests were made in the order of the letters [441]."""
LAST_ROOMS = {
    "1.7.0": "59:S4 60:B 61:A 62:S4 63:A 64:B 65:S4 66:B",
    "dev-2024-10": "54:S4 55:B 56:S4 57:D 58:S4 59:D 60:B",
}
"""The same for the races for one last room: S4 are four rooms for the usual guest."""


def parallel_guest(letter: str) -> Guest:
    return Guest("Para", "Llel", f"parallel-{letter.lower()}@guest.example", "5550104")


async def twelve_parallel_bookings(replay: Replay) -> None:
    """The rooms that they got are those of the recording: nobody looked whether they were free."""
    state = replay.state
    for letter in "ABCDEFGHI":
        guest = parallel_guest(letter)
        guest_for_booking(state, {"firstname": "Para", "lastname": "Llel", "email": guest.email, "phone": guest.phone})
    guests = dict(entry.split(":") for entry in PARALLEL[replay.version].split())
    for line in json.loads(replay.exchanges["420"].answer)["bookings"]:
        state.set_last_id("orders", line["id_order"] - 1)
        state.set_last_id("room_bookings", line["id"] - 1)
        stay = Stay(4, "2028-01-01", "2028-01-02", id_room=line["id_room"])
        state.back_office.book(stay, guest=parallel_guest(guests[str(line["id_order"])]), overbook=True)
    state.set_last_id("orders", max(state.orders))


async def races_for_a_last_room(replay: Replay) -> None:
    state = replay.state
    for index, entry in enumerate(LAST_ROOMS[replay.version].split()):
        order, who = entry.split(":")
        day = dt.date(2028, 1, 10) + dt.timedelta(days=2 * index)
        count = 4 if who == "S4" else 1
        guest = Guest("Stat", "Us", "stat@guest.example", "5550103") if count == 4 else parallel_guest(who)
        stay = Stay(4, day, day + dt.timedelta(days=1), rooms=count)
        assert state.back_office.book(stay, guest=guest).id == int(order)


async def strict_server(replay: Replay) -> None:
    replay.state.strict = True
    replay.state.group_without_tax = not replay.is_170


async def guests_of_refused_bookings(replay: Replay) -> None:
    """Parallel bookings that were refused had made their guests before."""
    found = re.search(r"<id><!\[CDATA\[(\d+)\]\]></id>", replay.exchanges["447"].answer)
    assert found
    replay.state.set_last_id("customers", int(found.group(1)) - 1)


@dataclass(frozen=True)
class Population:
    """The second run: a fresh shop that was filled with bookings, of which the recording shows some."""

    customers: int
    """Id of the last guest of the filling."""
    orders: int
    lines: int
    spot: int
    """The order at which the incremental reads begin [484]."""


POPULATION = {
    "1.7.0": Population(customers=614, orders=2073, lines=2074, spot=1882),
    "dev-2024-10": Population(customers=401, orders=406, lines=407, spot=215),
}


async def second_run(replay: Replay) -> None:
    replay.fresh_shop()
    state, people = replay.state, POPULATION[replay.version]
    emails = [row["email"] for row in json.loads(replay.exchanges["019"].answer)["customers"]]
    replay.second -= 600
    for number in range(state.last_id("customers") + 1, people.customers + 1):
        email = emails.pop(0) if emails else f"pop{number}@guest.example"
        guest_for_booking(state, {"firstname": "Pop", "lastname": "Ulation", "email": email, "phone": "5550105"})
    recorded = {
        **{line["id"]: line for line in json.loads(replay.exchanges["485"].answer)["bookings"]},
        **{line["id"]: line for line in json.loads(replay.exchanges["486"].answer)["bookings"]},
    }
    orders = {order["id"]: order for order in json.loads(replay.exchanges["484"].answer)["orders"]}
    early = {order["id"]: order["date_upd"] for order in json.loads(replay.exchanges["205"].answer)["orders"]}
    for number in range(state.last_id("orders") + 1, people.orders + 1):
        _fill_one(replay, number, recorded.get(number), orders.get(number), early.get(number), people.spot)
    for table, last in (("orders", people.orders), ("room_bookings", people.lines), ("order_payments", 1)):
        state.set_last_id(table, last)
    _take_rooms_of_february(replay)
    replay.second += 600


def _fill_one(replay: Replay, number: int, line: Any, order: Any, early: str | None, spot: int) -> None:
    """One booking of the filling; the recorded ones get their rooms, guests and times."""
    state = replay.state
    now = state.now()
    day = dt.date(2030, 1, 1) + dt.timedelta(days=number)
    stay = Stay(number % 4 + 1, day, day + dt.timedelta(days=1))
    customer = state.customers[number % (max(state.customers) - 20) + 20]
    if line is not None:
        price = Decimal(line["total_price_tax_excl"])
        stay = Stay(line["id_product"], line["date_from"], line["date_to"], price=price, id_room=line["id_room"])
        customer = state.customers[line["id_customer"]]
    guest = Guest(customer.firstname, customer.lastname, customer.email, customer.phone)
    booked = state.back_office.book(stay, guest=guest, source=order["source"] if order else "")
    assert booked.id == number
    own = state.lines_of(booked)[0]
    later = replay.clock().timestamp() + (300 if number > spot else 0)
    stamp = dt.datetime.fromtimestamp(later, state.zone).strftime("%Y-%m-%d %H:%M:%S") if number > spot else now
    booked.date_add = order["date_add"] if order else stamp
    booked.date_upd = order["date_upd"] if order else early or stamp
    own.date_add = line["date_add"] if line else stamp
    own.date_upd = line["date_upd"] if line else stamp
    if line is not None:
        own.adults, own.children, own.child_ages = line["adults"], line["children"], line["child_ages"]


def _take_rooms_of_february(replay: Replay) -> None:
    """The rooms that the filling took in the nights that the search shows [483]."""
    state = replay.state
    counters = {table: state.last_id(table) for table in ("orders", "room_bookings")}
    guest = Guest(email=state.customers[20].email)
    answer = replay.exchanges["483"].answer
    state.set_last_id("orders", -1000)
    state.set_last_id("room_bookings", -1000)
    for night in re.finditer(
        r'"date_from":"(\d{4}-\d\d-\d\d)","date_to":"(\d{4}-\d\d-\d\d)".*?(?="id_hotel"|$)', answer
    ):
        for kind in re.finditer(r'"id_room_type":(\d+).*?"available":(\[\]|\{.*?\}\}|.*$)', night.group()):
            free = set(map(int, re.findall(r'"id_room":(\d+)', kind.group(2))))
            for room in set(state.rooms_of_type[int(kind.group(1))]) - free:
                stay = Stay(int(kind.group(1)), night.group(1), night.group(2), id_room=room)
                if not state.holders(room, night.group(1)):
                    state.back_office.book(stay, guest=guest)
    for table, last in counters.items():
        state.set_last_id(table, last)


async def two_rooms_in_june(replay: Replay) -> None:
    await replay.post(room_type(2, "2036-06-01", "2036-06-03", 2))


async def reference_of_payment(replay: Replay) -> None:
    found = re.search(r"<order_reference>(\w+)<", replay.exchanges["465"].body)
    assert found
    replay.state.orders[replay.last_booking()].reference = found.group(1)


async def booking_to_send_back(replay: Replay) -> None:
    room = {
        "adult": 2,
        "adults": 2,
        "child": 0,
        "id_tax_rules_group": 1,
        "services": [{"id_service": 9, "quantity": 1}],
    }
    await replay.post(room_type(4, "2036-07-01", "2036-07-04", **room))


def ids_move_on(number: str) -> Callable[[Replay], Any]:
    """Bookings of a throughput test that nothing shows."""

    async def move(replay: Replay) -> None:
        booking = json.loads(replay.exchanges[number].answer)["booking"]
        line = booking["associations"]["room_types"][0]["rooms"][0]["id_hotel_booking"]
        replay.state.set_last_id("orders", booking["id"] - 1)
        replay.state.set_last_id("room_bookings", line - 1)

    return move


async def first_try_of_the_next_two(replay: Replay) -> None:
    """On the snapshot both had been sent before: two orders more, two rooms taken."""
    if replay.is_170:
        return
    for day in (1, 3):
        await replay.post(room_type(3, f"2036-11-0{day}", f"2036-11-0{day + 1}"))


async def webservice_off(replay: Replay) -> None:
    replay.state.webservice_on = False


async def key_switched_off(replay: Replay) -> None:
    replay.state.webservice_on = True
    replay.state.keys[KEYS["LIMITEDKEY"]].active = False


async def another_ada(replay: Replay) -> None:
    """A customer made as in [081], under another e-mail."""
    recorded = json.loads(replay.exchanges["090"].answer)["customer"]
    replay.state.set_last_id("customers", recorded["id"] - 1)
    replay.second = replay.local(recorded["date_add"])
    body = replay.exchanges["081"].body.replace("ada@guest.example", "ada3@guest.example")
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(replay.app), auth=(DEMO_KEY, "")) as http:
        answer = await http.post("http://qloapps.example/api/customers", content=body)
    assert answer.status_code == 201, answer.text


async def stay_to_leave_early(replay: Replay) -> None:
    await replay.post(room_type(2, "2036-12-05", "2036-12-08"))


BETWEEN: dict[str, list[Callable[[Replay], Any]]] = {
    "167": [sold_out_luxury],
    "222": [hidden_by_an_earlier_run],
    "230": [booking_to_change],
    "246": [full_executive],
    "247": [booking_to_extend],
    "250": [reference_of_order, payment_of_nobody],
    "254": [booking_with_breakfast],
    "261": [booking_to_cancel],
    "264": [booking_to_cancel_by_put],
    "265": [booking_to_check_in],
    "267": [neighbour],
    "308": [one_night_in_july],
    "420": [twelve_parallel_bookings],
    "440": [races_for_a_last_room, strict_server],
    "447": [guests_of_refused_bookings],
    "460": [second_run, two_rooms_in_june],
    "465": [reference_of_payment],
    "470": [booking_to_send_back],
    "490": [ids_move_on("490")],
    "497": [webservice_off],
    "498": [key_switched_off],
    "017": [first_try_of_the_next_two],
    "090": [another_ada],
    "274": [stay_to_leave_early],
}
"""What the recording did before the capture of that number."""


def check_the_order_that_crashed(replay: Replay) -> None:
    """The first order of [480], whose amounts are masked there for the sake of the others."""
    recorded = replay.exchanges["480"].answer
    order = replay.state.orders[replay.last_booking()]
    for name in ("total_paid_tax_incl", "total_paid_tax_excl", "total_products", "total_products_wt"):
        found = re.search(rf'"{name}":"([^"]+)"', recorded)
        assert found
        assert f"{getattr(order, name):.6f}" == found.group(1), name


@pytest.mark.parametrize("folder", VERSIONS)
async def test_every_recorded_request_is_answered_as_recorded(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    path: Path = require_shared() / "qloapps" / "captures" / folder
    exchanges = load(path)
    replay = Replay(VERSIONS[folder], {one.number: one for one in exchanges})
    failures: dict[str, list[str]] = {}
    for exchange in exchanges:
        replay.set_clock(exchange)
        for arrange in BETWEEN.get(exchange.number, ()):
            await arrange(replay)
        if exchange.name in LEFT_OUT:
            continue
        replay.set_clock(exchange)
        answer = await replay.ask(exchange)
        replay.took_time(exchange, answer)
        masks = frozenset(MASKS) | frozenset(CAPTURE_MASKS.get(exchange.number, ("", ""))[0].split())
        found = compare(exchange, answer.status_code, answer.headers.get("content-type", ""), answer.text, masks)
        if found:
            failures[exchange.name] = found
        if exchange.number == "480":
            check_the_order_that_crashed(replay)
    compared = len(exchanges) - len(LEFT_OUT)
    with capsys.disabled():
        reasons = "; ".join(f"{name}: {why}" for name, why in LEFT_OUT.items()) or "none"
        print(f"\n{folder}: {compared - len(failures)} of {len(exchanges)} captures matched, left out: {reasons}")
    report = "\n".join(f"{name}\n    " + "\n    ".join(found[:6]) for name, found in failures.items())
    assert not failures, f"{len(failures)} captures differ\n{report}"
