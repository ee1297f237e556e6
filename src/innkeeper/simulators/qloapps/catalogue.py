"""Rooms, room types and currencies as the webservice writes them, with what that breaks."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from innkeeper.simulators.qloapps.errors import WebserviceError
from innkeeper.simulators.qloapps.model import Row
from innkeeper.simulators.qloapps.records import Written, columns, echo_of, require, stamps, target
from innkeeper.simulators.qloapps.state import ShopState
from innkeeper.simulators.qloapps.xml_request import Document


def put_room(state: ShopState, document: Document) -> Written:
    """Change a room; ``id_status`` 2 closes it for all dates [351]. Its hotel cannot be sent [350]."""
    resource = state.resources["hotel_rooms"]
    row = target(state, resource, document)
    echo = echo_of(resource, document, id=row["id"], id_hotel=row["id_hotel"], **stamps(state, document))
    row |= columns(resource, document, echo, changing=True)
    state.index_rooms()
    return row, echo


def put_occupancy(state: ShopState, document: Document) -> Written:
    """Change a ``hotel_room_types`` row: ``min_los`` and ``max_los`` for all dates [357]."""
    resource = state.resources["hotel_room_types"]
    row = target(state, resource, document)
    echo = echo_of(resource, document, id=row["id"], **stamps(state, document))
    row |= columns(resource, document, echo, changing=True)
    return row, echo


def put_room_type(state: ShopState, document: Document) -> Written:
    """Write a room type, which breaks it: occupancy 1 + 1, a new ``hotel_room_types`` row in place of the old one,
    and the prices of the document's services become the type's own [361] - [364]."""
    resource = state.resources["room_types"]
    row = target(state, resource, document)
    require(resource, document)
    _require_texts(document)
    number = row["id"]
    echo = echo_of(
        resource,
        document,
        id=number,
        adults="1",
        children="1",
        position_in_category=str(row["position_in_category"] + (1 if state.version.is_170 else 2)),
        **stamps(state, document),
    )
    row |= columns(resource, document, echo, changing=True) | {"new": None, "advance_active": 1}
    for entry in document.associations.get("services", ()):
        _set_service(state, number, entry)
    old = state.type_of_product[number]
    del state.hotel_room_types[old["id"]]
    fresh = state.new_id("hotel_room_types")
    now = state.now()
    state.hotel_room_types[fresh] = old | {"id": fresh, "adults": 1, "children": 1, "date_add": now, "date_upd": now}
    state.index_rooms()
    return row, echo


def _require_texts(document: Document) -> None:
    for name in ("link_rewrite", "name"):
        texts: Any = document.values.get(name)
        if not texts or not any(texts.values()):
            raise WebserviceError(400, 84, f'Validation error: "Property Product->{name} is empty"')


def _set_service(state: ShopState, id_type: int, entry: dict[str, str]) -> None:
    services = state.type_services.setdefault(id_type, {})
    id_service = int(entry["id"]) if entry.get("id", "").isdecimal() else 0
    if id_service in state.services and entry.get("price"):
        group = entry.get("id_tax_rules_group", "")
        services[id_service] = (Decimal(entry["price"]), int(group) if group.isdecimal() else 0)


def post_currency(state: ShopState, document: Document) -> Written:
    """Install another currency [494]."""
    resource = state.resources["currencies"]
    require(resource, document)
    number = state.new_id("currencies")
    echo = echo_of(resource, document, id=number)
    row: Row = columns(resource, document, echo, changing=False) | {"id": number}
    state.currencies[number] = row
    return row, echo
