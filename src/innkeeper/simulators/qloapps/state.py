"""The tables of a simulated shop, its clock, and which room is held in which night."""

from __future__ import annotations

import hashlib
import random
import string
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from innkeeper.simulators.qloapps.fields import Resource
from innkeeper.simulators.qloapps.model import (
    CHECKED_OUT,
    ROOM_INACTIVE,
    ApiKey,
    Customer,
    Line,
    Order,
    Row,
)
from innkeeper.simulators.qloapps.resources import resources
from innkeeper.simulators.qloapps.versions import Version, version_named

if TYPE_CHECKING:
    from innkeeper.simulators.qloapps.actors import BackOffice

Clock = Callable[[], datetime]
DEMO_KEY = "DEMO0000000000000000000000000KEY"
"""The key of a demo shop that may do everything."""


def system_clock() -> datetime:
    """The time of this machine, aware, UTC."""
    return datetime.now(UTC)


@lru_cache(maxsize=65536)
def ordinal(day: str) -> int:
    """Day number of ``YYYY-MM-DD...``; raises ValueError."""
    return date.fromisoformat(day[:10]).toordinal()


class ShopState:
    """Everything a shop knows. Tests read and change it directly; the webservice is only one of its users.

    Tables are dicts of id to row: ``orders``, ``lines`` (room_bookings), ``customers`` hold objects of
    ``model.py``, the others dicts under the names of the wire. Timestamps are shop-local strings, as on the wire.

    Args:
        version: ``"1.7.0"`` or ``"dev-2024-10"``.
        clock: returns the time, aware, UTC.
        timezone: name of the shop's zone.
        domain: host name that the shop answers to; None takes any (else another host is redirected, [010]).
        seed: for references and keys.
    """

    def __init__(
        self,
        *,
        version: str = "1.7.0",
        clock: Clock = system_clock,
        timezone: str = "UTC",
        domain: str | None = None,
        seed: int = 0,
    ) -> None:
        self.version: Version = version_named(version)
        self.clock = clock
        self.timezone = timezone
        self.domain = domain
        self.random = random.Random(seed)
        self.resources: dict[str, Resource] = resources(self.version)

        self.hotels: dict[int, Row] = {}
        self.room_types: dict[int, Row] = {}
        self.hotel_room_types: dict[int, Row] = {}
        self.hotel_rooms: dict[int, Row] = {}
        self.customers: dict[int, Customer] = {}
        self.orders: dict[int, Order] = {}
        self.lines: dict[int, Line] = {}
        self.order_histories: dict[int, Row] = {}
        self.order_payments: dict[int, Row] = {}
        self.order_details: dict[int, Row] = {}
        self.order_states: dict[int, Row] = {}
        self.services: dict[int, Row] = {}
        self.extra_demands: dict[int, Row] = {}
        self.carts: dict[int, Row] = {}
        self.feature_prices: dict[int, Row] = {}
        self.currencies: dict[int, Row] = {}
        self.languages: dict[int, Row] = {}
        self.configurations: dict[int, Row] = {}
        self.tax_rule_groups: dict[int, Row] = {}
        self.groups: dict[int, Row] = {}
        self.tax_rules: dict[int, Row] = {}
        self.taxes: dict[int, Row] = {}
        self.tables: dict[str, dict[int, Any]] = {
            name: self.lines if name == "room_bookings" else getattr(self, name) for name in self.resources
        }

        self.tax_rates: dict[int, Decimal] = {}
        """Percent by tax rule group."""
        self.type_services: dict[int, dict[int, tuple[Decimal | None, int | None]]] = {}
        """By room type: its services with their own price and tax group, where the type has any."""
        self.rates_of_type: dict[int, list[Row]] = defaultdict(list)
        self.rooms_of_type: dict[int, list[int]] = {}
        self.type_of_product: dict[int, Row] = {}
        """The ``hotel_room_types`` row of a room type."""
        self.default_currency = 1
        self.default_language = 1
        self.shop_name = "Demo Hotel"
        self.country = ""
        self.state_name = ""
        self.keys: dict[str, ApiKey] = {DEMO_KEY: ApiKey(DEMO_KEY)}

        self.webservice_on = True
        self.phone_required = True
        self.strict = False
        """``display_errors`` off: PHP warnings become 500 after the work was done (section 10)."""
        self.race_seconds: float | None = None
        """None: bookings are checked and written in one step. A number: that many seconds lie between, so that
        parallel requests take the same room, as on a real shop [420]."""
        self.mails: Counter[str] = Counter()
        """Mails sent, by kind."""

        self._held: dict[int, dict[int, tuple[int, ...]]] = {}
        self._ids: dict[str, int] = defaultdict(int)
        self._guest_of: dict[int, int] = {}
        self._by_email: dict[str, list[int]] = defaultdict(list)
        self._now_second = -1
        self._now_text = ""

    @classmethod
    def demo(
        cls,
        *,
        version: str = "1.7.0",
        clock: Clock = system_clock,
        timezone: str | None = None,
        currency: str | None = None,
        tax_rate: Decimal | int | str | None = None,
        domain: str | None = None,
        seed: int = 0,
    ) -> ShopState:
        """The demo hotel as it was installed for the recordings: 4 room types with 5 rooms each.

        What is left out is as in the recording of that version: 1.7.0 in Europe/Warsaw with PLN, two languages and
        23 %, the snapshot in UTC with USD, one language and 4 %.
        """
        from innkeeper.simulators.qloapps.demo_shop import fill_demo

        state = cls(version=version, clock=clock, domain=domain, seed=seed)
        fill_demo(state, timezone=timezone, currency=currency, tax_rate=tax_rate)
        return state

    # -- time -----------------------------------------------------------------------------------------------

    @property
    def timezone(self) -> str:
        """Name of the shop's zone."""
        return self._timezone

    @timezone.setter
    def timezone(self, name: str) -> None:
        self._timezone = name
        self.zone = ZoneInfo(name)
        self._now_second = -1

    def now(self) -> str:
        """Shop-local time as the database stores it, without an offset, to the second."""
        moment = self.clock()
        second = int(moment.timestamp())
        if second != self._now_second:
            self._now_text = moment.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")
            self._now_second = second
        return self._now_text

    def unix_time(self) -> int:
        """What ``Access-Time`` carries."""
        return int(self.clock().timestamp())

    # -- ids ------------------------------------------------------------------------------------------------

    def new_id(self, table: str) -> int:
        """The next auto-increment id of a table."""
        self._ids[table] += 1
        return self._ids[table]

    def last_id(self, table: str) -> int:
        """The id that was given last."""
        return self._ids[table]

    def set_last_id(self, table: str, last: int) -> None:
        """Let the next row get ``last + 1``, as if rows before it had been deleted."""
        self._ids[table] = last

    def new_cart(self, order: Order) -> int:
        """The id of a cart for the order. Carts of one customer belong to one guest, as the shop calls a visitor."""
        number = self.new_id("carts")
        if order.id_customer not in self._guest_of:
            self._guest_of[order.id_customer] = self.new_id("guests")
        self.carts[number] = {
            "id": number,
            "id_currency": order.id_currency,
            "id_customer": order.id_customer,
            "id_guest": self._guest_of[order.id_customer],
            "id_lang": order.id_lang,
            "id_address_delivery": order.id_address_delivery,
            "id_address_invoice": order.id_address_invoice,
            "secure_key": order.secure_key,
            "is_advance_payment": 0,
            "date_add": order.date_add,
            "date_upd": order.date_upd,
        }
        return number

    def new_reference(self) -> str:
        """Nine capital letters [111]."""
        return "".join(self.random.choices(string.ascii_uppercase, k=9))

    def new_hash(self, text: str = "") -> str:
        """32 hex digits: an md5 of the text, or random."""
        return hashlib.md5((text or str(self.random.random())).encode(), usedforsecurity=False).hexdigest()

    # -- rooms ----------------------------------------------------------------------------------------------

    def index_rooms(self) -> None:
        """Rebuild what is derived from rooms, room types and rates; call after changing those tables by hand."""
        self.rooms_of_type = {id_type: [] for id_type in self.room_types}
        for row in sorted(self.hotel_rooms.values(), key=lambda room: room["id"]):
            self.rooms_of_type.setdefault(row["id_product"], []).append(row["id"])
        self.type_of_product = {row["id_product"]: row for row in self.hotel_room_types.values()}
        self.rates_of_type.clear()
        for rate in self.feature_prices.values():
            self.rates_of_type[rate["id_product"]].append(rate)

    def drop_rates_of_cart(self, id_cart: int) -> None:
        """Delete the feature prices that are made for one cart."""
        used = [rate["id"] for rate in self.feature_prices.values() if rate["id_cart"] == id_cart]
        for number in used:
            del self.feature_prices[number]
        if used:
            self.index_rooms()

    def sellable(self, id_room: int) -> bool:
        """Whether the room is in sale at all."""
        return bool(self.hotel_rooms[id_room]["id_status"] != ROOM_INACTIVE)

    def is_free(self, id_room: int, first: int, last: int) -> bool:
        """Whether nothing holds the room in the nights ``first <= night < last`` (day numbers)."""
        held = self._held.get(id_room)
        return not held or not any(night in held for night in range(first, last))

    def is_offered(self, id_room: int, id_type: int, first: int, last: int) -> bool:
        """Whether the room is one of the type, in sale, and free in all these nights."""
        room = self.hotel_rooms.get(id_room)
        if room is None or room["id_product"] != id_type:
            return False
        return self.sellable(id_room) and self.is_free(id_room, first, last)

    def free_in_turn(self, id_type: int, first: int, last: int) -> Iterator[int]:
        """Rooms of the type that are in sale and free in all these nights, lowest id first, found one by one."""
        for room in self.rooms_of_type.get(id_type, ()):
            if self.sellable(room) and self.is_free(room, first, last):
                yield room

    def free_rooms_between(self, id_type: int, first: int, last: int) -> list[int]:
        """All rooms of the type that are in sale and free in all these nights."""
        return list(self.free_in_turn(id_type, first, last))

    def free_rooms(self, id_type: int, night: date | str) -> list[int]:
        """Rooms of the type that can be sold for one night."""
        first = night.toordinal() if isinstance(night, date) else ordinal(night)
        return self.free_rooms_between(id_type, first, first + 1)

    def holders(self, id_room: int, night: date | str) -> list[Line]:
        """The lines that hold a room in a night; two or more are a double booking."""
        first = night.toordinal() if isinstance(night, date) else ordinal(night)
        return [self.lines[line] for line in self._held.get(id_room, {}).get(first, ())]

    def double_bookings(self) -> list[tuple[int, date, tuple[int, ...]]]:
        """Every (room, night, line ids) that more than one line holds."""
        return [
            (room, date.fromordinal(night), lines)
            for room, nights in self._held.items()
            for night, lines in nights.items()
            if len(lines) > 1
        ]

    def held_nights(self, line: Line) -> range:
        """Day numbers that the line takes from sale: none when refunded, and none after an early check-out [275]."""
        if line.is_refunded or line.is_back_order:
            return range(0)
        room = self.hotel_rooms.get(line.id_room)
        if room is None or room["id_product"] != line.id_product:
            return range(0)  # another type without a room of it holds nothing, neither old nor new
        last = ordinal(line.date_to)
        if line.id_status == CHECKED_OUT and not line.check_out.startswith("0000"):
            last = min(last, ordinal(line.check_out))
        return range(ordinal(line.date_from), last)

    def hold(self, line: Line) -> None:
        """Take the line's nights from sale."""
        held = self._held.setdefault(line.id_room, {})
        for night in self.held_nights(line):
            held[night] = (*held.get(night, ()), line.id)

    def release(self, line: Line) -> None:
        """Give the line's nights back; call before changing its room, dates, status or flags."""
        held = self._held.get(line.id_room, {})
        for night in self.held_nights(line):
            left = tuple(other for other in held.get(night, ()) if other != line.id)
            if left:
                held[night] = left
            else:
                held.pop(night, None)

    def add_line(self, line: Line) -> None:
        """Store a new line and hold its room."""
        self.lines[line.id] = line
        order = self.orders.get(line.id_order)
        if order is not None:
            order.lines.append(line.id)
        self.hold(line)

    def remove_line(self, line: Line) -> None:
        """Delete a line without a trace."""
        self.release(line)
        del self.lines[line.id]
        order = self.orders.get(line.id_order)
        if order is not None:
            order.lines.remove(line.id)

    def lines_of(self, order: Order) -> list[Line]:
        """The room lines of an order, oldest first."""
        return [self.lines[line] for line in order.lines]

    # -- customers ------------------------------------------------------------------------------------------

    def add_customer(self, customer: Customer) -> None:
        """Store a new customer."""
        self.customers[customer.id] = customer
        self._by_email[customer.email.casefold()].append(customer.id)

    def reindex_email(self, customer: Customer, old_email: str) -> None:
        """Call after changing the e-mail of a customer."""
        self._by_email[old_email.casefold()].remove(customer.id)
        self._by_email[customer.email.casefold()].append(customer.id)

    def customers_with_email(self, email: str) -> list[Customer]:
        """All of them: an e-mail is not unique [084]."""
        return [self.customers[one] for one in sorted(self._by_email.get(email.casefold(), ()))]

    # -- customer groups ------------------------------------------------------------------------------------

    @property
    def group_without_tax(self) -> bool:
        """Customers see prices without tax; with ``strict`` the snapshot then fails every booking [440]."""
        return any(row["price_display_method"] for row in self.groups.values())

    @group_without_tax.setter
    def group_without_tax(self, without: bool) -> None:
        for row in self.groups.values():
            row["price_display_method"] = int(without)

    # -- taxes ----------------------------------------------------------------------------------------------

    def make_tax_group(self, tax: Decimal, amount: Decimal) -> None:
        """The rule group that a tax sent with a price leaves behind, named by its rate and deleted at once."""
        number = self.new_id("tax_rule_groups")
        rate = float(tax) * 100 / float(amount) if amount else 0.0
        stamp = self.now()
        self.tax_rule_groups[number] = {
            "id": number,
            "name": f"{rate:.14g} %",
            "active": 1,
            "deleted": 1,
            "date_add": stamp,
            "date_upd": stamp,
        }

    # -- the rest -------------------------------------------------------------------------------------------

    def currency_by_code(self, code: object) -> Row | None:
        """The installed currency with that ISO code."""
        return next((row for row in self.currencies.values() if row["iso_code"] == code and not row["deleted"]), None)

    def orders_by_source(self, source: str) -> list[Order]:
        """For oracles: every order with that reference, hidden ones too."""
        return [order for order in self.orders.values() if order.source == source]

    def holding_lines(self, orders: Iterable[Order] | None = None) -> list[Line]:
        """Lines that hold a room now, of all or of the given orders."""
        if orders is None:
            return [line for line in self.lines.values() if not line.is_refunded]
        return [line for order in orders for line in self.lines_of(order) if not line.is_refunded]

    @property
    def back_office(self) -> BackOffice:
        """The people and functions of the shop itself."""
        from innkeeper.simulators.qloapps.actors import BackOffice

        return BackOffice(self)

    def summary(self) -> dict[str, Any]:
        """For ``/_simulator/state``: counts that an operator looks at."""
        states = Counter(order.current_state for order in self.orders.values())
        return {
            "system": "qloapps",
            "version": self.version.name,
            "shop_time": self.now(),
            "timezone": self.timezone,
            "hotels": len(self.hotels),
            "room_types": len(self.room_types),
            "rooms": len(self.hotel_rooms),
            "customers": len(self.customers),
            "orders": len(self.orders),
            "orders_by_state": {str(state): count for state, count in sorted(states.items())},
            "orders_hidden": sum(order.hidden for order in self.orders.values()),
            "room_lines": len(self.lines),
            "double_booked_nights": len(self.double_bookings()),
            "feature_prices": len(self.feature_prices),
            "mails": dict(self.mails),
        }
