"""The messages of the QloApps web service, typed: rows that are read and documents that are sent."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

#: Asked for in every list of `orders`; leaves out `secure_key` and the line ids, which cost a query for each order.
ORDER_FIELDS = (
    "id,id_currency,id_customer,current_state,payment,total_paid,total_paid_tax_incl,total_paid_tax_excl,"
    "total_paid_real,source,reference,date_add,date_upd"
)
#: Asked for in every list of `room_bookings`; all of it exists in both versions.
LINE_FIELDS = (
    "id,id_product,id_hotel,id_order,id_room,id_status,date_from,date_to,total_price_tax_excl,total_price_tax_incl,"
    "is_refunded,is_cancelled,room_num,room_type_name,adults,children,child_ages,date_upd"
)
CUSTOMER_FIELDS = "id,firstname,lastname,email,phone"


def _row_hash(values: tuple[Any, ...]) -> int:
    """Return 48 bits that tell this content of this row from any other; the same in every process."""
    return int.from_bytes(hashlib.blake2b(repr(values).encode(), digest_size=6).digest())


def text_of(value: Any) -> str:
    """Return a text field: plain, absent, or one of several languages (the first that is not empty)."""
    if isinstance(value, list):
        texts = [str(item.get("value") or "") for item in value if isinstance(item, Mapping)]
        return next((text for text in texts if text), "")
    if value is None or value is False:
        return ""
    return str(value)


def int_of(value: Any) -> int:
    """Return a number field; what is empty or missing is 0."""
    return int(value or 0)


class OrderRow(NamedTuple):
    """One row of `orders`; times are the shop's own wall clock."""

    id: int
    currency_id: int
    customer_id: int
    state: int
    payment: str
    total: str
    total_incl: str
    total_excl: str
    paid_real: str
    source: str
    reference: str
    date_add: str
    date_upd: str

    @classmethod
    def parse(cls, row: Mapping[str, Any]) -> "OrderRow":
        """Return the row. Raises KeyError or ValueError when a field that we asked for is missing."""
        return cls(
            int(row["id"]),
            int_of(row["id_currency"]),
            int_of(row["id_customer"]),
            int_of(row["current_state"]),
            text_of(row["payment"]),
            str(row["total_paid"]),
            str(row["total_paid_tax_incl"]),
            str(row["total_paid_tax_excl"]),
            str(row["total_paid_real"]),
            text_of(row["source"]),
            text_of(row["reference"]),
            str(row["date_add"]),
            str(row["date_upd"]),
        )

    @property
    def hash(self) -> int:
        """Tells this content of this row from any other."""
        return _row_hash(("order", *self))


class LineRow(NamedTuple):
    """One row of `room_bookings`: one room of an order, or a block when `order_id` is 0."""

    id: int
    room_type_id: int
    hotel_id: int
    order_id: int
    room_id: int
    status: int
    date_from: str
    date_to: str
    net: str
    gross: str
    refunded: bool
    cancelled: bool
    room_number: str
    room_type_name: str
    adults: int
    children: int
    child_ages: str
    date_upd: str

    @classmethod
    def parse(cls, row: Mapping[str, Any]) -> "LineRow":
        """Return the row. Raises KeyError or ValueError when a field that we asked for is missing."""
        ages = row["child_ages"]
        return cls(
            int(row["id"]),
            int_of(row["id_product"]),
            int_of(row["id_hotel"]),
            int_of(row["id_order"]),
            int_of(row["id_room"]),
            int_of(row["id_status"]),
            str(row["date_from"]),
            str(row["date_to"]),
            str(row["total_price_tax_excl"]),
            str(row["total_price_tax_incl"]),
            bool(int_of(row["is_refunded"])),
            bool(int_of(row["is_cancelled"])),
            text_of(row["room_num"]),
            text_of(row["room_type_name"]),
            int_of(row["adults"]),
            int_of(row["children"]),
            ages if isinstance(ages, str) else json.dumps(ages or []),
            str(row["date_upd"]),
        )

    @property
    def hash(self) -> int:
        """Tells this content of this row from any other."""
        return _row_hash(("line", *self))

    @property
    def released(self) -> bool:
        """Whether the line holds no room any more."""
        return self.refunded or self.cancelled


class CustomerRow(NamedTuple):
    """One row of `customers`, without anything secret."""

    id: int
    first_name: str
    last_name: str
    email: str
    phone: str

    @classmethod
    def parse(cls, row: Mapping[str, Any]) -> "CustomerRow":
        """Return the row. Raises KeyError or ValueError when a field that we asked for is missing."""
        return cls(
            int(row["id"]),
            text_of(row["firstname"]),
            text_of(row["lastname"]),
            text_of(row["email"]),
            text_of(row.get("phone")),
        )


@dataclass(frozen=True, slots=True)
class RoomTypeRow:
    """One room type, joined from `room_types` and `hotel_room_types`."""

    id: int
    hotel_id: int
    name: str
    description: str
    active: bool
    price: str
    tax_group_id: int
    adults: int
    children: int
    max_adults: int
    max_children: int
    max_guests: int
    min_los: int
    max_los: int

    @classmethod
    def parse(cls, product: Mapping[str, Any], extent: Mapping[str, Any]) -> "RoomTypeRow":
        """Return the room type from its `room_types` row and its `hotel_room_types` row, which may be empty."""
        return cls(
            int(product["id"]),
            int_of(product["id_hotel"]),
            text_of(product["name"]),
            text_of(product.get("description")),
            bool(int_of(product["active"])),
            str(product["price"]),
            int_of(product["id_tax_rules_group"]),
            int_of(extent.get("adults", product.get("adults"))),
            int_of(extent.get("children", product.get("children"))),
            int_of(extent.get("max_adults")),
            int_of(extent.get("max_children")),
            int_of(extent.get("max_guests")),
            int_of(extent.get("min_los")),
            int_of(extent.get("max_los")),
        )


@dataclass(frozen=True, slots=True)
class RoomRow:
    """One physical room of `hotel_rooms`; status 1 is active."""

    id: int
    room_type_id: int
    number: str
    status: int

    @classmethod
    def parse(cls, row: Mapping[str, Any]) -> "RoomRow":
        """Return the row."""
        return cls(int(row["id"]), int_of(row["id_product"]), text_of(row["room_num"]), int_of(row["id_status"]))


@dataclass(frozen=True, slots=True)
class ServiceItem:
    """A service of a room as `GET /api/bookings/{id}` tells it; amounts are for the whole stay."""

    line_id: int
    id: int
    name: str
    quantity: int
    total_net: str
    total_tax: str
    per_night: bool
    price_mode: int


@dataclass(frozen=True, slots=True)
class BookingDocument:
    """What only `GET /api/bookings/{id}` tells."""

    id: int
    currency: str
    remarks: tuple[str, ...]
    services: tuple[ServiceItem, ...]
    lines_with_facilities: frozenset[int]

    @classmethod
    def parse(cls, booking: Mapping[str, Any]) -> "BookingDocument":
        """Return the document from the JSON under `booking`. Raises KeyError or ValueError when it is not one."""
        parts = booking.get("associations") or {}
        services: list[ServiceItem] = []
        facilities: set[int] = set()
        for group in parts.get("room_types") or []:
            for room in group.get("rooms") or []:
                line_id = int(room["id_hotel_booking"])
                if room.get("facilities"):
                    facilities.add(line_id)
                services += [_service(line_id, item) for item in room.get("services") or []]
        remarks = tuple(str(text) for text in parts.get("remarks") or [] if str(text).strip())
        return cls(
            int(booking["id"]), text_of(booking.get("currency")), remarks, tuple(services), frozenset(facilities)
        )


def _service(line_id: int, item: Mapping[str, Any]) -> ServiceItem:
    return ServiceItem(
        line_id,
        int_of(item.get("id_service")),
        text_of(item.get("name")),
        int_of(item.get("quantity")) or 1,
        str(item.get("total_price_without_tax", item.get("unit_price_without_tax", 0))),
        str(item.get("total_tax", 0)),
        bool(int_of(item.get("per_night"))),
        int_of(item.get("price_mode")) or 1,
    )


@dataclass(frozen=True, slots=True)
class CustomerOut:
    """Who books, as POST and PUT take it. Without names an existing customer keeps its own."""

    email: str
    first_name: str | None = None
    last_name: str | None = None
    phone: str | None = None
    customer_id: int | None = None

    def document(self) -> dict[str, Any]:
        """Return the JSON."""
        named = {
            "id_customer": self.customer_id,
            "firstname": self.first_name,
            "lastname": self.last_name,
            "email": self.email,
            "phone": self.phone,
        }
        return {key: value for key, value in named.items() if value is not None}


@dataclass(frozen=True, slots=True)
class ServiceOut:
    """A service to be kept: by id where it still exists, by name otherwise.

    `total_net` is for the whole stay, which means the same in every place of both versions; None lets QloApps price
    it, which it does for the nights of the room.
    """

    quantity: int
    total_net: float | None = None
    total_tax: float | None = None
    service_id: int | None = None
    name: str = ""
    price_mode: int = 1

    def document(self) -> dict[str, Any]:
        """Return the JSON."""
        out: dict[str, Any] = {"quantity": self.quantity}
        if self.service_id is not None:
            out["id_service"] = self.service_id
        else:
            out |= {"name": self.name, "price_mode": self.price_mode}
        if self.total_net is not None:
            out["total_price_without_tax"] = self.total_net
        if self.total_tax is not None:
            out["total_tax"] = self.total_tax
        return out


@dataclass(frozen=True, slots=True)
class RoomOut:
    """One room of a booking that is written. `net` is for the whole stay; None leaves the price alone."""

    adults: int
    children: int
    child_ages: tuple[int, ...]
    net: float | None
    tax_group_id: int | None = None
    room_id: int | None = None
    services: tuple[ServiceOut, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the JSON, with the occupancy under both versions' names."""
        out: dict[str, Any] = {
            "adults": self.adults,
            "adult": self.adults,
            "child": self.children,
            "child_ages": list(self.child_ages),
        }
        optional = {
            "unit_price_without_tax": self.net,
            "id_tax_rules_group": self.tax_group_id,
            "id_room": self.room_id,
        }
        out |= {key: value for key, value in optional.items() if value is not None}
        if self.services:
            out["services"] = [service.document() for service in self.services]
        return out


@dataclass(frozen=True, slots=True)
class RoomGroupOut:
    """The rooms of one type and stay. QloApps merges groups of the same type and stay and loses rooms, so: only one."""

    room_type_id: int
    check_in: str
    check_out: str
    rooms: tuple[RoomOut, ...]

    def document(self) -> dict[str, Any]:
        """Return the JSON."""
        return {
            "id_room_type": self.room_type_id,
            "checkin_date": self.check_in,
            "checkout_date": self.check_out,
            "number_of_rooms": len(self.rooms),
            "rooms": [room.document() for room in self.rooms],
        }


@dataclass(frozen=True, slots=True)
class BookingOut:
    """A booking for POST (`id` None) or PUT."""

    hotel_id: int
    currency: str
    customer: CustomerOut
    groups: tuple[RoomGroupOut, ...]
    id: int | None = None
    source: str = ""
    remark: str = ""
    paid: float | None = None
    booking_status: int | None = None
    payment_status: int | None = None

    def document(self) -> dict[str, Any]:
        """Return the JSON with its root key."""
        booking: dict[str, Any] = {"id_property": self.hotel_id, "currency": self.currency}
        if self.id is not None:
            booking["id"] = self.id
        booking |= {key: text for key, text in (("source", self.source), ("remark", self.remark)) if text}
        if self.booking_status is not None:
            booking["booking_status"] = self.booking_status
        if self.payment_status is not None:
            booking["payment_status"] = self.payment_status
        parts: dict[str, Any] = {
            "customer_detail": self.customer.document(),
            "room_types": [group.document() for group in self.groups],
        }
        if self.paid is not None:
            parts["price_details"] = {"total_paid": self.paid}
        booking["associations"] = parts
        return {"booking": booking}
