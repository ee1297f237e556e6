"""The other side of the live suite: a QloApps played through raw requests of its own, not through our connector."""

import json
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx2
import pytest
from lxml import etree

#: QloApps' error numbers for a PHP warning or notice: the work was done all the same.
_PHP_WARNINGS = {3, 5}

#: How far ahead stays are put, in days: where no hotel has bookings yet.
_NEAREST, _FARTHEST = 500, 3000
#: Days that a test has for itself.
WINDOW = 30

_CONFIGURATIONS = {
    "PS_TIMEZONE": "UTC",
    "PS_CURRENCY_DEFAULT": "1",
    "PS_LANG_DEFAULT": "1",
    "PS_OS_AWAITING_PAYMENT": "1",
    "PS_OS_CANCELED": "4",
    "PS_OS_REFUND": "5",
    "QLO_VERSION_DB": "",
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a shop is, and the key that opens it."""

    name: str
    url: str
    key: str = field(repr=False)
    hotel_id: int


@dataclass(frozen=True, slots=True)
class RoomType:
    """A room type as the shop has it. `services` are those that a guest may choose with it."""

    id: int
    name: str
    active: bool
    rooms: tuple[tuple[int, str], ...]
    max_adults: int
    min_los: int
    max_los: int
    services: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One room of a booking as the shop has it."""

    id: int
    type: int
    room: int
    first: date
    last: date
    adults: int
    children: int
    status: int
    released: bool
    gross: Decimal


@dataclass(frozen=True, slots=True)
class Order:
    """The head of a booking as the shop has it."""

    id: int
    state: int
    source: str
    customer: int
    total: Decimal
    updated: str


@dataclass(frozen=True, slots=True)
class Wish:
    """A room that somebody wants in the shop. `services` are pairs of id and quantity."""

    type: int
    first: date
    last: date
    adults: int = 1
    room: int | None = None
    services: tuple[tuple[int, int], ...] = ()


def _length(day: date, zone: ZoneInfo) -> timedelta:
    """Return how long a day is."""
    begin, end = (datetime.combine(each, time(), zone).astimezone(UTC) for each in (day, day + timedelta(days=1)))
    return end - begin


def _any_phone() -> str:
    """Return a number of the range that is kept free for fiction."""
    return f"+447700900{random.randint(0, 999):03}"


def _any_name() -> str:
    """Return a family name that hardly anybody has, in the letters that QloApps takes."""
    return "Hopper" + "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=8))


def _any_email() -> str:
    """Return an address that nobody has."""
    return f"{uuid4().hex[:16]}@guest.example"


@dataclass(frozen=True, slots=True)
class Guest:
    """Who books in the shop: each time somebody else, so that the house does not know him from another test."""

    first_name: str = "Grace"
    last_name: str = field(default_factory=_any_name)
    email: str = field(default_factory=_any_email)
    phone: str = field(default_factory=_any_phone)


class Shop:
    """A QloApps, and what its guests and staff do there. Remembers what it made, so that it can be taken back."""

    def __init__(self, address: Address, http: httpx2.AsyncClient) -> None:
        self.address = address
        self.hotel_id = address.hotel_id
        self.start = date.min
        self.types: list[RoomType] = []
        self.settings: dict[str, str] = dict(_CONFIGURATIONS)
        self.currency = ""
        self.access_time = 0
        self._http = http
        self._orders: set[int] = set()
        self._blocks: set[int] = set()

    # facts ---------------------------------------------------------------------------------------------------------

    @property
    def timezone(self) -> str:
        """The shop's zone by its name."""
        return self.settings["PS_TIMEZONE"]

    @property
    def main(self) -> RoomType:
        """The room type that most is tried with: it has at least two rooms and takes stays of 1 to 7 nights."""
        fit = [t for t in self.types if self._takes_any_stay(t) and len(t.rooms) >= 2]
        if not fit:
            pytest.skip("needs an active room type with two rooms that takes stays of one to seven nights")
        return max(fit, key=lambda t: (len(t.rooms), -t.id))

    @property
    def second(self) -> RoomType:
        """Another room type."""
        fit = [t for t in self.types if self._takes_any_stay(t) and t.rooms and t.id != self.main.id]
        if not fit:
            pytest.skip("needs a second active room type that takes stays of one to seven nights")
        return min(fit, key=lambda t: t.id)

    @property
    def scarce(self) -> RoomType:
        """The room type with the fewest rooms."""
        return min((t for t in self.types if self._takes_any_stay(t) and t.rooms), key=lambda t: (len(t.rooms), t.id))

    @staticmethod
    def _takes_any_stay(kind: RoomType) -> bool:
        return kind.active and kind.min_los <= 1 and (kind.max_los == 0 or kind.max_los >= 7)

    def day(self, number: int) -> date:
        """Return the day `number` days after the first one of this test's own window."""
        return self.start + timedelta(days=number)

    def wish(self, first: int, last: int, kind: RoomType | None = None, **values: Any) -> Wish:
        """Return a wish for a room on days of the window."""
        return Wish((kind or self.main).id, self.day(first), self.day(last), **values)

    async def open(self) -> None:
        """Learn what the shop sells and in which currency and zone, and find a window in which nobody stays."""
        names = "|".join(_CONFIGURATIONS)
        rows = await self.rows("configurations", **{"filter[name]": f"[{names}]", "display": "[name,value]"})
        self.settings |= {str(row["name"]): str(row["value"]) for row in rows if row["value"]}
        currency = (await self.get(f"currencies/{self.settings['PS_CURRENCY_DEFAULT']}"))["currency"]
        self.currency = str(currency["iso_code"])
        optional = {
            int(row["id"])
            for row in await self.rows("services", display="[id,active,auto_add_to_cart]")
            if int(row["active"]) and not int(row["auto_add_to_cart"])
        }
        rooms = await self.rows("hotel_rooms", key="rooms", display="full")
        for row in await self.rows("hotel_room_types", display="full"):
            if int(row["id_hotel"]) == self.hotel_id:
                product = (await self.get(f"room_types/{row['id_product']}", language=self._language))["room_type"]
                self.types.append(_room_type(row, product, rooms, optional))
        await self._find_window()

    async def _find_window(self) -> None:
        for _ in range(50):
            start = datetime.now(UTC).date() + timedelta(days=random.randint(_NEAREST, _FARTHEST))
            if await self._nobody_stays_from(start):
                self.start = start
                return
        pytest.fail(f"found no {WINDOW} days without a stay in the years ahead")

    async def move_to_clock_change(self, before: int) -> None:
        """Let the window begin so many days before one that the shop's clock makes an hour shorter than others."""
        zone, today = ZoneInfo(self.timezone), datetime.now(UTC).date()
        ahead = [today + timedelta(days=n) for n in range(_NEAREST, _FARTHEST)]
        short = [day for day in ahead if _length(day, zone) < timedelta(days=1)]
        if not short:
            pytest.skip(f"clocks are never put forward in {self.timezone}")
        for day in random.sample(short, len(short)):
            if await self._nobody_stays_from(day - timedelta(days=before)):
                self.start = day - timedelta(days=before)
                return
        pytest.fail("somebody stays whenever the shop's clock is put forward")

    async def _nobody_stays_from(self, start: date) -> bool:
        taken = await self.rows(
            "room_bookings",
            key="bookings",
            **{
                "filter[id_hotel]": f"[{self.hotel_id}]",
                "filter[date_from]": f"<[{start + timedelta(days=WINDOW)}]",
                "filter[date_to]": f">[{start}]",
                "display": "[id,is_refunded,is_cancelled]",
            },
        )
        return all(int(row["is_refunded"]) or int(row["is_cancelled"]) for row in taken)

    @property
    def _language(self) -> str:
        return self.settings["PS_LANG_DEFAULT"]

    # looking -------------------------------------------------------------------------------------------------------

    async def order(self, order_id: int) -> Order:
        """Return the head of a booking."""
        return _order((await self.get(f"orders/{order_id}"))["order"])

    async def by_source(self, source: str) -> list[Order]:
        """Return the bookings with exactly this source."""
        rows = await self.rows("orders", **{"filter[source]": f"[{source}]", "display": "full"})
        return sorted((_order(row) for row in rows), key=lambda order: order.id)

    async def lines(self, order_id: int) -> list[Line]:
        """Return every room of a booking, released ones too, oldest first."""
        query = {"filter[id_order]": f"[{order_id}]", "display": "full"}
        rows = await self.rows("room_bookings", key="bookings", **query)
        return sorted((_line(row) for row in rows), key=lambda line: line.id)

    async def held(self, order_id: int) -> list[Line]:
        """Return the rooms that a booking holds."""
        return [line for line in await self.lines(order_id) if not line.released]

    async def services(self, order_id: int) -> dict[str, tuple[int, Decimal]]:
        """Return the services of a booking: quantity and amount for the stay without tax, by name."""
        booking = (await self.get(f"bookings/{order_id}"))["booking"]
        return {
            str(item["name"]): (int(item["quantity"]), Decimal(str(item["total_price_without_tax"])))
            for group in booking["associations"]["room_types"]
            for room in group["rooms"]
            for item in room.get("services", [])
        }

    async def customer(self, order_id: int) -> Mapping[str, Any]:
        """Return who booked."""
        order = await self.order(order_id)
        found: Mapping[str, Any] = (await self.get(f"customers/{order.customer}"))["customer"]
        return found

    async def free_rooms(self, kind: RoomType, first: int, last: int) -> int:
        """Return how many rooms of a type the shop would sell for these days."""
        search = (
            f"<qloapps><hotel_ari><id_hotel>{self.hotel_id}</id_hotel><id_room_type>{kind.id}</id_room_type>"
            f"<date_from>{self.day(first)}</date_from><date_to>{self.day(last)}</date_to>"
            f"<get_available_rooms>1</get_available_rooms></hotel_ari></qloapps>"
        )
        answer = await self.send("POST", "hotel_ari", search)
        for row in json.loads(answer.content)["hotel_ari"].get("room_types", []):
            if int(row["id_room_type"]) == kind.id:
                return len(row["rooms"]["available"])
        return 0

    # acts of guests and staff --------------------------------------------------------------------------------------

    async def book(
        self, *wishes: Wish, guest: Guest | None = None, source: str = "", remark: str = "", paid: Decimal | None = None
    ) -> int:
        """Make a booking and return its id."""
        who = guest or Guest()
        source = source or f"live-{uuid4().hex}"
        details: dict[str, Any] = {
            "customer_detail": {
                "firstname": who.first_name,
                "lastname": who.last_name,
                "email": who.email,
                "phone": who.phone,
            },
            "room_types": _groups(wishes, {"id_tax_rules_group": 0}),
        }
        if paid is not None:
            details["price_details"] = {"total_paid": float(paid)}
        booking = {
            "id_property": self.hotel_id,
            "currency": self.currency,
            "booking_status": 1,
            "payment_status": 3,
            "source": source,
            "remark": remark,
            "associations": details,
        }
        await self._send_booking("POST", "bookings", booking)
        (order,) = await self.by_source(source)
        self._orders.add(order.id)
        return order.id

    async def put_rooms(self, order_id: int, *wishes: Wish) -> None:
        """Replace the rooms of a booking, as the shop's own API offers it."""
        booking = {
            "id": order_id,
            "id_property": self.hotel_id,
            "currency": self.currency,
            "associations": {
                "customer_detail": {"email": (await self.customer(order_id))["email"]},
                "room_types": _groups(wishes, {}),
            },
        }
        await self._send_booking("PUT", f"bookings/{order_id}", booking)

    async def as_wishes(self, order_id: int) -> list[Wish]:
        """Return the rooms that a booking holds as wishes that keep them."""
        return [
            Wish(line.type, line.first, line.last, line.adults, line.room)
            for line in sorted(await self.held(order_id), key=lambda line: line.id)
        ]

    async def change_dates(self, order_id: int, first: int, last: int) -> None:
        """Give every room of a booking other dates; the shop makes the lines anew."""
        wishes = await self.as_wishes(order_id)
        await self.put_rooms(
            order_id, *(replace(w, first=self.day(first), last=self.day(last), room=None) for w in wishes)
        )

    async def set_state(self, order_id: int, name: str) -> None:
        """Give a booking the order state that a setting of the shop names."""
        history = f"<id_order>{order_id}</id_order><id_order_state>{self.settings[name]}</id_order_state>"
        await self.send("POST", "order_histories", f"<qloapps><order_history>{history}</order_history></qloapps>")

    async def cancel(self, order_id: int) -> None:
        """Cancel a booking."""
        await self.set_state(order_id, "PS_OS_CANCELED")

    async def change_line(self, line: Line, **fields: str | int) -> None:
        """Change fields of one room of a booking, as staff do."""
        root = etree.fromstring((await self.send("GET", f"room_bookings/{line.id}", xml=True)).content)
        document = root.find("booking")
        assert document is not None
        for name, value in fields.items():
            element = document.find(name)
            assert element is not None, f"a room line has no {name}"
            element.text = str(value)
        await self.send("PUT", f"room_bookings/{line.id}", etree.tostring(root, encoding="unicode"))

    async def rename_customer(self, order_id: int, first_name: str, last_name: str, phone: str) -> None:
        """Correct the name and phone of whoever made a booking."""
        order = await self.order(order_id)
        root = etree.fromstring((await self.send("GET", f"customers/{order.customer}", xml=True)).content)
        customer = root.find("customer")
        assert customer is not None
        for name, value in (("firstname", first_name), ("lastname", last_name), ("phone", phone)):
            element = customer.find(name)
            assert element is not None
            element.text = value
        await self.send("PUT", f"customers/{order.customer}", etree.tostring(root, encoding="unicode"))

    async def close_rooms(self, kind: RoomType, first: int, last: int, rooms: int) -> None:
        """Take rooms off sale for some days, with lines that belong to no order."""
        for room, number in kind.rooms[:rooms]:
            values = {
                "id_product": kind.id,
                "id_hotel": self.hotel_id,
                "id_order": 0,
                "id_order_detail": 0,
                "id_cart": 0,
                "id_room": room,
                "id_customer": 1,
                "booking_type": 1,
                "id_status": 1,
                "comment": "closed by a test",
                "date_from": f"{self.day(first)} 00:00:00",
                "date_to": f"{self.day(last)} 00:00:00",
                "planned_check_out": f"{self.day(last)} 11:00:00",
                "total_price_tax_excl": 0,
                "total_price_tax_incl": 0,
                "total_paid_amount": 0,
                "is_refunded": 0,
                "is_cancelled": 0,
                "is_back_order": 0,
                "room_num": number,
                "room_type_name": kind.name,
                "hotel_name": "closed",
                "city": "x",
                "country": "x",
                "phone": "123",
                "email": "closed@guest.example",
                "check_in_time": "12:00",
                "check_out_time": "11:00",
                "adults": 1,
                "children": 0,
                "child_ages": "[]",
            }
            root = etree.Element("qloapps")
            line = etree.SubElement(root, "booking")
            for name, value in values.items():
                etree.SubElement(line, name).text = str(value)
            made = await self.send("POST", "room_bookings", etree.tostring(root, encoding="unicode"), xml=True)
            self._blocks.add(int(etree.fromstring(made.content).findtext("booking/id") or 0))

    async def reopen_rooms(self) -> None:
        """Put all rooms on sale again."""
        for line_id in sorted(self._blocks):
            await self.send("DELETE", f"room_bookings/{line_id}")
        self._blocks.clear()

    # tidying -------------------------------------------------------------------------------------------------------

    def remember(self, order_id: int) -> None:
        """Cancel this booking, too, when all is done."""
        self._orders.add(order_id)

    async def tidy(self) -> None:
        """Cancel every booking that was made here and delete the closures.

        An order cannot be deleted, and its customer is left with it: without one the shop could not show it.
        """
        await self.reopen_rooms()
        ended = {int(self.settings[name]) for name in ("PS_OS_CANCELED", "PS_OS_REFUND")}
        for order_id in sorted(self._orders):
            if (await self.order(order_id)).state not in ended or await self.held(order_id):
                await self.cancel(order_id)
        self._orders.clear()

    # the wire ------------------------------------------------------------------------------------------------------

    async def get(self, path: str, **query: str) -> Any:
        """Return the parsed JSON of a resource."""
        return json.loads((await self.send("GET", path, query=query)).content)

    async def rows(self, resource: str, *, key: str = "", **query: str) -> list[Mapping[str, Any]]:
        """Return the rows of a list; an empty one is `[]` on the wire, too."""
        found = await self.get(resource, **query)
        return [] if isinstance(found, list) else list(found[key or resource])

    async def send(
        self,
        method: str,
        path: str,
        body: str | None = None,
        *,
        query: Mapping[str, str] | None = None,
        xml: bool = False,
    ) -> httpx2.Response:
        """Send a request; fail with QloApps' own words when it is refused."""
        headers = {} if xml else {"Output-Format": "JSON"}
        content = None if body is None else body.encode()
        answer = await self._http.request(method, f"/{path}", params=query or {}, content=content, headers=headers)
        self.access_time = int(answer.headers.get("access-time", 0)) or self.access_time
        assert answer.status_code in (200, 201), f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer

    async def _send_booking(self, method: str, path: str, booking: Mapping[str, Any]) -> None:
        """Send a booking; a strict server answers 500 with a PHP warning after the work."""
        answer = await self._http.request(
            method, f"/{path}", content=json.dumps({"booking": booking}).encode(), headers={"Output-Format": "JSON"}
        )
        if answer.status_code == 500 and answer.content:
            codes = {int(error["code"]) for error in json.loads(answer.content)["errors"]}
            assert codes <= _PHP_WARNINGS, answer.text[:500]
            return
        assert answer.status_code == 200, f"{method} {path}: {answer.status_code} {answer.text[:500]}"


def _groups(wishes: Sequence[Wish], extra: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one entry for each type and stay; QloApps refuses two alike."""
    groups: dict[tuple[int, date, date], list[Wish]] = {}
    for wish in wishes:
        groups.setdefault((wish.type, wish.first, wish.last), []).append(wish)
    return [
        {
            "id_room_type": kind,
            "checkin_date": str(first),
            "checkout_date": str(last),
            "number_of_rooms": len(some),
            "rooms": [_room(wish, extra) for wish in some],
        }
        for (kind, first, last), some in groups.items()
    ]


def _room(wish: Wish, extra: Mapping[str, Any]) -> dict[str, Any]:
    # 1.7.0 reads `adults`, the snapshot `adult`
    room: dict[str, Any] = {"adults": wish.adults, "adult": wish.adults, "child": 0, **extra}
    if wish.room is not None:
        room["id_room"] = wish.room
    if wish.services:
        room["services"] = [{"id_service": service, "quantity": quantity} for service, quantity in wish.services]
    return room


def _room_type(
    row: Mapping[str, Any], product: Mapping[str, Any], rooms: Sequence[Mapping[str, Any]], optional: set[int]
) -> RoomType:
    own = [room for room in rooms if int(room["id_product"]) == int(row["id_product"]) and int(room["id_status"]) == 1]
    linked = [int(service["id"]) for service in product["associations"].get("services", [])]
    return RoomType(
        id=int(row["id_product"]),
        name=str(product["name"]),
        active=bool(int(product["active"])),
        rooms=tuple((int(room["id"]), str(room["room_num"])) for room in sorted(own, key=lambda room: int(room["id"]))),
        max_adults=int(row["max_adults"]),
        min_los=int(row["min_los"]),
        max_los=int(row["max_los"]),
        services=tuple(service for service in linked if service in optional),
    )


def _order(row: Mapping[str, Any]) -> Order:
    return Order(
        id=int(row["id"]),
        state=int(row["current_state"]),
        source=str(row["source"]),
        customer=int(row["id_customer"]),
        total=Decimal(str(row["total_paid_tax_incl"])),
        updated=str(row["date_upd"]),
    )


def _line(row: Mapping[str, Any]) -> Line:
    return Line(
        id=int(row["id"]),
        type=int(row["id_product"]),
        room=int(row["id_room"]),
        first=date.fromisoformat(str(row["date_from"])[:10]),
        last=date.fromisoformat(str(row["date_to"])[:10]),
        adults=int(row["adults"]),
        children=int(row["children"]),
        status=int(row["id_status"]),
        released=bool(int(row["is_refunded"]) or int(row["is_cancelled"])),
        gross=Decimal(str(row["total_price_tax_incl"])),
    )


@asynccontextmanager
async def open_shop(address: Address) -> AsyncIterator[Shop]:
    """Visit a shop; at the end everything that was made there is cancelled or deleted."""
    async with httpx2.AsyncClient(
        base_url=address.url.rstrip("/").removesuffix("/api") + "/api",
        auth=httpx2.BasicAuth(address.key, ""),
        timeout=60,
    ) as http:
        shop = Shop(address, http)
        await shop.open()
        try:
            yield shop
        finally:
            await shop.tidy()
