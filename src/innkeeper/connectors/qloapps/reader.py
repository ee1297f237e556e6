"""Reads a shop: its facts, its room types, and whole bookings from orders, lines and customers."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice

from lxml import etree

from innkeeper.connectors.qloapps import mapper
from innkeeper.connectors.qloapps.client import QloAppsClient, id_filter
from innkeeper.connectors.qloapps.errors import QloAppsError, QloAppsNotFoundError
from innkeeper.connectors.qloapps.facts import CONFIGURATION_NAMES, OrderStates, ShopFacts
from innkeeper.connectors.qloapps.wire import (
    CUSTOMER_FIELDS,
    LINE_FIELDS,
    ORDER_FIELDS,
    BookingDocument,
    CustomerRow,
    LineRow,
    OrderRow,
    RoomRow,
    RoomTypeRow,
)
from innkeeper.domain.channel import ChannelBooking, ChannelRoomType

#: Resources that only the 2024 snapshot lists, not 1.7.0 (WEBSERVICE.md section 1, "Version").
SNAPSHOT_RESOURCES = frozenset({"qlo", "extra_services"})
SNAPSHOT_VERSION = "1.6.1 (2024 snapshot)"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a set of orders consists of: the rows as they came, `gone` being ids that QloApps does not know."""

    orders: Mapping[int, OrderRow]
    lines: Mapping[int, Sequence[LineRow]]
    customers: Mapping[int, CustomerRow]
    gone: tuple[int, ...]


class QloAppsReader:
    """All reads but the incremental one. Methods raise QloAppsError."""

    def __init__(self, client: QloAppsClient) -> None:
        self.client = client
        self.hotel_id = client.settings.hotel_id
        self._facts: ShopFacts | None = None
        self._facts_read_at: datetime | None = None
        self._room_types: dict[int, RoomTypeRow] | None = None
        self._rooms: list[RoomRow] | None = None
        self._tax_rates: dict[int, Decimal] | None = None
        self._strange_currencies: set[int] = set()

    # facts ---------------------------------------------------------------------------------------------------------

    @property
    def known_facts(self) -> ShopFacts | None:
        """The facts if they have been read (or remembered) already."""
        return self._facts

    def remember(self, facts: ShopFacts) -> None:
        """Use facts that an earlier connector has read, unless this one has its own."""
        self._facts = self._facts or facts

    async def facts_for_writing(self) -> ShopFacts:
        """Return facts that this connector has read within the last hour: a write relies on version and settings."""
        old = self._facts_read_at is None or self.client.server_now() - self._facts_read_at > timedelta(hours=1)
        return await self.facts(fresh=old)

    async def facts(self, *, fresh: bool = False) -> ShopFacts:
        """Return the shop's facts; two requests the first time, three where the version is not told."""
        if self._facts is None or fresh:
            names = "[" + "|".join(CONFIGURATION_NAMES) + "]"
            rows = await self.client.rows(
                "configurations", "configurations", {"filter[name]": names, "display": "[name,value]"}
            )
            values = {str(row["name"]): str(row["value"] or "") for row in rows}
            currencies = await self.client.rows("currencies", "currencies", {"display": "[id,iso_code]"})
            self._facts = ShopFacts(
                timezone=values.get("PS_TIMEZONE") or "UTC",
                version=values.get("QLO_VERSION_DB", ""),
                default_currency_id=int(values.get("PS_CURRENCY_DEFAULT") or 1),
                default_language_id=int(values.get("PS_LANG_DEFAULT") or 1),
                phone_required=values.get("PS_ONE_PHONE_AT_LEAST", "1") not in ("", "0"),
                states=OrderStates.from_configurations(values),
                currencies={int(row["id"]): str(row["iso_code"]) for row in currencies},
            )
            self._facts_read_at = self.client.server_now()
        return self._facts

    async def version(self) -> str:
        """Return the version, told by the shop or, where it does not, by the resources that it offers."""
        facts = await self.facts()
        if facts.version:
            return facts.version
        listed = await self.client.get_json("")
        return SNAPSHOT_VERSION if SNAPSHOT_RESOURCES & set(listed) else "unknown"

    # room types ----------------------------------------------------------------------------------------------------

    async def room_type_rows(self, *, fresh: bool = False) -> Mapping[int, RoomTypeRow]:
        """Return the hotel's room types by id; two requests the first time."""
        if self._room_types is None or fresh:
            facts = await self.facts()
            products = await self.client.rows(
                "room_types",
                "room_types",
                {
                    "display": "[id,name,description,price,active,id_hotel,id_tax_rules_group,adults,children]",
                    "language": str(facts.default_language_id),
                },
            )
            extents = await self.client.rows("hotel_room_types", "hotel_room_types", {"display": "full"})
            by_product = {int(row["id_product"]): row for row in extents}
            rows = (RoomTypeRow.parse(product, by_product.get(int(product["id"]), {})) for product in products)
            self._room_types = {row.id: row for row in rows if row.hotel_id == self.hotel_id}
        return self._room_types

    async def rooms(self, *, fresh: bool = False) -> Sequence[RoomRow]:
        """Return the hotel's physical rooms; one request the first time."""
        if self._rooms is None or fresh:
            rows = await self.client.rows(
                "hotel_rooms",
                "rooms",
                {"filter[id_hotel]": f"[{self.hotel_id}]", "display": "[id,id_product,room_num,id_status]"},
            )
            self._rooms = [RoomRow.parse(row) for row in rows]
        return self._rooms

    async def tax_rates(self) -> Mapping[int, Decimal]:
        """Return the tax rate of each room type as a fraction, as far as it can be told; one request the first time.

        QloApps shows rates only through the taxes of all countries. Asking what one night costs with and without tax
        [304] is one request, already resolved for the hotel's own address. A type without a price that night is left
        out; the first write to it then shows its rate (see `learn_tax_rate`).
        """
        if self._tax_rates is None:
            night = self.client.server_now().date() + timedelta(days=30)
            search = etree.Element("qloapps")
            ari = etree.SubElement(search, "hotel_ari")
            dates = {"date_from": f"{night}", "date_to": f"{night + timedelta(days=1)}"}
            flags = ("get_available_rooms", "get_booked_rooms", "get_unavailable_rooms", "get_partial_available_rooms")
            for name, text in ({"id_hotel": str(self.hotel_id)} | dates | dict.fromkeys(flags, "1")).items():
                etree.SubElement(ari, name).text = text
            found = await self.client.search_ari(search)
            rates = {}
            for row in found.get("hotel_ari", {}).get("room_types", []) if isinstance(found, dict) else []:
                net, gross = Decimal(str(row["base_price"])), Decimal(str(row["base_price_with_tax"]))
                if net > 0:
                    rates[int(row["id_room_type"])] = _rate(net, gross)
            self._tax_rates = rates
        return self._tax_rates

    def learn_tax_rate(self, room_type_id: int, net: Decimal, gross: Decimal) -> None:
        """Take the rate from a line just priced with the type's own tax, where the known one is off."""
        if self._tax_rates is None or net < 1:
            return
        known = self._tax_rates.get(room_type_id)
        if known is None or abs(net * (1 + known) - gross) > Decimal("0.02"):
            self._tax_rates[room_type_id] = _rate(net, gross)

    async def room_types(self) -> list[ChannelRoomType]:
        """Return every room type of the hotel, freshly read; four requests."""
        facts = await self.facts()
        rows = await self.room_type_rows(fresh=True)
        rooms = await self.rooms(fresh=True)
        try:
            rates = await self.tax_rates()
        except QloAppsError:
            rates = {}  # the rate is a convenience here; a key without the right to ask still imports its room types
        currency = facts.currency(facts.default_currency_id) or "XXX"
        return [
            mapper.room_type(
                row,
                [room for room in rooms if room.room_type_id == row.id],
                (rates[row.id] * 100).normalize() if row.id in rates else None,
                currency,
            )
            for row in rows.values()
        ]

    # bookings ------------------------------------------------------------------------------------------------------

    async def orders_by_id(self, ids: Sequence[int]) -> tuple[dict[int, OrderRow], list[int]]:
        """Return the orders, and the ids that QloApps does not know.

        An order that somebody's PUT has hidden is in no list; only its id finds it (WEBSERVICE.md, "PUT orders").
        """
        found: dict[int, OrderRow] = {}
        for some in chunks(ids, self.client.settings.id_chunk):
            query = {"date": "1", "filter[id]": id_filter(some), "display": f"[{ORDER_FIELDS}]"}
            found |= {row.id: row for row in map(OrderRow.parse, await self.client.rows("orders", "orders", query))}
        gone = []
        for order_id in ids:
            if order_id not in found:
                hidden = await self.order(order_id)
                if hidden is None:
                    gone.append(order_id)
                else:
                    found[order_id] = hidden
        return found, gone

    async def orders_after(self, order_id: int, limit: int) -> list[OrderRow]:
        """Return the next orders behind an id, in the order of their ids; one request."""
        query = {"date": "1", "filter[id]": f">[{order_id}]", "sort": "[id_ASC]", "limit": f"0,{limit}"}
        rows = await self.client.rows("orders", "orders", {**query, "display": f"[{ORDER_FIELDS}]"})
        return [OrderRow.parse(row) for row in rows]

    async def newest_stamp(self) -> str:
        """Return the latest time of change of any order or line, empty in an empty shop; two requests."""
        newest = {"date": "1", "display": "[id,date_upd]", "sort": "[date_upd_DESC]", "limit": "0,1"}
        orders = await self.client.rows("orders", "orders", newest)
        lines = await self.client.rows("room_bookings", "bookings", newest)
        return max((str(row["date_upd"]) for row in (*orders, *lines)), default="")

    async def order(self, order_id: int) -> OrderRow | None:
        """Return one order, also a hidden one; None when QloApps does not know it."""
        try:
            document = await self.client.get_json(f"orders/{order_id}")
        except QloAppsNotFoundError:
            return None
        return OrderRow.parse(document["order"])

    async def lines_of(self, order_ids: Sequence[int]) -> dict[int, list[LineRow]]:
        """Return every line of the orders, released ones too."""
        lines: dict[int, list[LineRow]] = defaultdict(list)
        for some in chunks(order_ids, self.client.settings.id_chunk):
            for row in await self.line_rows({"filter[id_order]": id_filter(some)}):
                lines[row.order_id].append(row)
        return lines

    async def line_rows(self, query: Mapping[str, str]) -> list[LineRow]:
        """Return the lines that a filter finds."""
        rows = await self.client.rows(
            "room_bookings", "bookings", {"date": "1", **query, "display": f"[{LINE_FIELDS}]"}
        )
        return [LineRow.parse(row) for row in rows]

    async def customers_by_id(self, ids: Iterable[int]) -> dict[int, CustomerRow]:
        """Return the customers, without passwords or keys."""
        found: dict[int, CustomerRow] = {}
        for some in chunks(sorted({i for i in ids if i}), self.client.settings.id_chunk):
            query = {"filter[id]": id_filter(some), "display": f"[{CUSTOMER_FIELDS}]"}
            rows = await self.client.rows("customers", "customers", query)
            found |= {row.id: row for row in map(CustomerRow.parse, rows)}
        return found

    async def customers_by_email(self, email: str) -> list[CustomerRow]:
        """Return the customers with this e-mail, oldest first; QloApps allows several [084]."""
        rows = await self.client.rows(
            "customers", "customers", {"filter[email]": f"[{email}]", "display": f"[{CUSTOMER_FIELDS}]"}
        )
        found = [row for row in map(CustomerRow.parse, rows) if row.email.casefold() == email.casefold()]
        return sorted(found, key=lambda row: row.id)

    async def orders_by_source(self, source: str) -> list[OrderRow]:
        """Return the orders with exactly this source, oldest first; one request."""
        query = {"date": "1", "filter[source]": f"[{source}]", "display": f"[{ORDER_FIELDS}]"}
        rows = [OrderRow.parse(row) for row in await self.client.rows("orders", "orders", query)]
        return sorted((row for row in rows if row.source == source), key=lambda row: row.id)

    async def load(self, order_ids: Sequence[int]) -> Loaded:
        """Return all that the orders consist of; three requests for each `id_chunk` ids, one more for a hidden one."""
        orders, gone = await self.orders_by_id(order_ids)
        return await self.complete(orders, gone)

    async def complete(self, orders: Mapping[int, OrderRow], gone: Sequence[int] = ()) -> Loaded:
        """Return the orders with their lines and customers."""
        ids = list(orders)
        return await self.with_customers(orders, await self.lines_of(ids) if ids else {}, gone)

    async def with_customers(
        self, orders: Mapping[int, OrderRow], lines: Mapping[int, Sequence[LineRow]], gone: Sequence[int] = ()
    ) -> Loaded:
        """Return orders and lines with the customers of our hotel's bookings."""
        ours = [order for order in orders.values() if self.is_ours(lines.get(order.id, ()))]
        customers = await self.customers_by_id(order.customer_id for order in ours)
        return Loaded(orders, lines, customers, tuple(gone))

    def is_ours(self, lines: Sequence[LineRow]) -> bool:
        """Whether an order with these lines belongs to our hotel; one without any cannot be told and counts as ours."""
        return not lines or any(line.hotel_id == self.hotel_id for line in lines)

    async def map(self, loaded: Loaded) -> dict[int, ChannelBooking]:
        """Return the bookings of our hotel among what was loaded, by order id; blocks are none."""
        facts = await self.facts_for(loaded.orders.values())
        return {
            order.id: mapper.booking(
                order,
                loaded.lines.get(order.id, ()),
                loaded.customers.get(order.customer_id),
                facts,
                self.hotel_id,
            )
            for order in loaded.orders.values()
            if not mapper.is_block(order.source) and self.is_ours(loaded.lines.get(order.id, ()))
        }

    async def facts_for(self, orders: Iterable[OrderRow]) -> ShopFacts:
        """Return the facts, read anew when an order has a currency that they do not know."""
        facts = await self.facts()
        strange = {order.currency_id for order in orders if facts.currency(order.currency_id) is None}
        if strange - self._strange_currencies:
            facts = await self.facts(fresh=True)
            self._strange_currencies |= strange
        return facts

    async def document(self, order_id: int) -> BookingDocument | None:
        """Return remarks, services and facilities of a booking; one request. None when QloApps does not know it."""
        try:
            parsed = await self.client.get_json(f"bookings/{order_id}")
        except QloAppsNotFoundError:
            return None
        return BookingDocument.parse(parsed["booking"])


def _rate(net: Decimal, gross: Decimal) -> Decimal:
    """Return the tax as a fraction, to a hundredth of a percent."""
    return (gross / net - 1).quantize(Decimal("0.0001"))


def chunks(ids: Iterable[int], size: int) -> Iterable[list[int]]:
    """Yield the ids in lists of at most `size`."""
    rest = iter(ids)
    while some := list(islice(rest, size)):
        yield some
