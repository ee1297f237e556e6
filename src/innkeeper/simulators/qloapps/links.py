"""The associations of a record: which rows of other tables it lists."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from innkeeper.simulators.qloapps.fields import Resource
from innkeeper.simulators.qloapps.state import ShopState

Entries = list[dict[str, Any]]


def _ids(numbers: Iterable[Any]) -> Entries:
    return [{"id": number} for number in numbers]


def associations_of(state: ShopState, resource: Resource, row: Any) -> dict[str, Entries]:
    """Every association of the record by name, empty ones included."""
    if resource.name == "orders":
        return {"bookings": _ids(row.lines)}
    if resource.name == "carts":
        return {"cart_bookings": _of_cart(state, row["id"])}
    if resource.name == "room_bookings":
        return {"booking_extra_demands": []}
    if resource.name == "customers":
        return {"groups": _ids(row.groups)}
    if resource.name == "hotels":
        types = (number for number, kind in state.room_types.items() if kind["id_hotel"] == row["id"])
        return {
            "room_types": _ids(types),
            "images": [],
            "hotel_features": _ids(row["features"]),
            "hotel_refund_rules": [],
        }
    if resource.name == "hotel_room_types":
        return {"hotel_rooms": _ids(state.rooms_of_type.get(row["id_product"], ()))}
    if resource.name == "feature_prices":
        groups = {"groups": _ids(row["groups"])}
        return groups | ({"restrictions": list(row["restrictions"])} if state.version.restrictions_on_rates else {})
    if resource.name == "room_types":
        return _of_room_type(state, row)
    return {}


def _of_cart(state: ShopState, number: int) -> Entries:
    names = ("id_hotel", "id_product", "date_from", "date_to")
    return [{name: getattr(line, name) for name in names} for line in state.lines.values() if line.id_cart == number]


def _of_room_type(state: ShopState, row: dict[str, Any]) -> dict[str, Entries]:
    number = row["id"]
    advance = {
        "id": number,
        "payment_type": 0,
        "tax_include": 0,
        "value": "0.000000",
        "active": row["advance_active"],
        "calculate_from": 0,
    }
    return {
        "advance_payments": [advance],
        "categories": _ids(row["categories"]),
        "images": _ids(row["images"]),
        "room_type_features": _ids(row["features"]),
        "tags": [],
        "hotel_rooms": _ids(state.rooms_of_type.get(number, ())),
        "feature_prices": _ids(rate["id"] for rate in state.rates_of_type.get(number, ())),
        "extra_demands": [],
        "services": [
            {"id": service, "price": _price(price), "id_tax_rules_group": group}
            for service, (price, group) in state.type_services.get(number, {}).items()
        ],
    }


def _price(price: Decimal | None) -> str | None:
    return None if price is None else f"{price:.6f}"
