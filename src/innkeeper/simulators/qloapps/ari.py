"""``hotel_ari``: availability, rates and inventory for a range of dates, as a whole or night by night."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from lxml import etree

from innkeeper.simulators.qloapps.errors import WebserviceError
from innkeeper.simulators.qloapps.model import ROOM_INACTIVE, ZERO
from innkeeper.simulators.qloapps.prices import cents, night_price, services_in_price, tax_percent
from innkeeper.simulators.qloapps.render_json import number
from innkeeper.simulators.qloapps.state import ShopState, ordinal
from innkeeper.simulators.qloapps.xml_request import PARSER

_FLAGS = ("available", "unavailable", "partial_available", "booked")
_OUT_OF_LENGTH = 4
"""The status that ``min_los`` and ``max_los`` give a room in the answer [359]."""


@dataclass(frozen=True, slots=True)
class Search:
    """What was asked for; day numbers, last exclusive."""

    id_hotel: str
    id_type: int
    date_from: str
    date_to: str
    first: int
    last: int
    wanted: frozenset[str]
    by_date: bool


def read_search(body: bytes) -> Search:
    """Raises WebserviceError 85 for no parameters or JSON, 41 for a missing one [305] [310] [311] [313]."""
    if not body.strip():
        raise _invalid("ARI search parameters are missing.")
    try:
        root = etree.fromstring(body, PARSER)
    except etree.XMLSyntaxError:
        raise _invalid("Invalid ARI search parameters found.") from None
    search = root.find("hotel_ari")
    if search is None:
        raise _invalid("Invalid ARI search parameters found.")
    values = {child.tag: (child.text or "").strip() for child in search if isinstance(child.tag, str)}
    for name in ("id_hotel", "date_from", "date_to"):
        if not values.get(name):
            raise WebserviceError(400, 41, f'parameter "{name}" required')
    first, last = _day(values, "date_from"), _day(values, "date_to")
    if last <= first:
        raise _invalid('"Date to" must be after "date from"')
    wanted = frozenset(name for name in _FLAGS if values.get(f"get_{name}_rooms") == "1")
    type_text = values.get("id_room_type", "")
    return Search(
        values["id_hotel"],
        int(type_text) if type_text.isdecimal() else 0,
        values["date_from"],
        values["date_to"],
        first,
        last,
        wanted or frozenset(("available",)),
        values.get("date_wise_breakdown") == "1",
    )


def _day(values: dict[str, str], name: str) -> int:
    try:
        return ordinal(values[name])
    except ValueError:
        raise _invalid(f'"The {name} field is invalid."') from None


def _invalid(text: str) -> WebserviceError:
    return WebserviceError(400, 85, f"Validation error: {text}")


def find(state: ShopState, search: Search) -> dict[str, Any]:
    """The JSON document: ``hotel_ari``, or ``hotel_aris`` with an entry a night."""
    types = [
        number_
        for number_, row in state.room_types.items()
        if str(row["id_hotel"]) == search.id_hotel and row["active"] and search.id_type in (0, number_)
    ]
    if not search.by_date:
        return {"hotel_ari": _range(state, search, types)}
    return {"hotel_aris": [_night(state, search, types, night) for night in range(search.first, search.last)]}


def _head(state: ShopState, search: Search, date_from: str, date_to: str) -> dict[str, Any]:
    return {
        "id_hotel": search.id_hotel,
        "date_from": date_from,
        "date_to": date_to,
        "currency": state.currencies[state.default_currency]["iso_code"],
    }


def _prices(state: ShopState, id_type: int, first: int, last: int) -> dict[str, Any]:
    extra = services_in_price(state, id_type)
    nights = last - first
    total = sum((night_price(state, id_type, night) + extra for night in range(first, last)), ZERO)
    factor = 1 + tax_percent(state, id_type) / 100
    base = total / nights
    return {
        "id_room_type": id_type,
        "base_price": _shown(base),
        "base_price_with_tax": _shown(base * factor),
        "total_price": _shown(total),
        "total_price_with_tax": _shown(total * factor),
        "name": state.room_types[id_type]["name"][state.default_language],
    }


def _shown(amount: Decimal) -> int | float:
    return number(cents(amount))


def _as_php(rooms: dict[str, Any]) -> Any:
    """A set of rooms is an object by room id, and an array when it is empty [306]."""
    return rooms or []


def _range(state: ShopState, search: Search, types: list[int]) -> dict[str, Any]:
    found = _head(state, search, search.date_from, search.date_to)
    if not types:
        return found  # an unknown hotel is no error [312]
    counts = dict.fromkeys(_FLAGS, 0)
    room_types = []
    total = 0
    for id_type in types:
        sets = _sets_of_range(state, id_type, search.first, search.last)
        total += len(state.rooms_of_type[id_type])
        for name, rooms in sets.items():
            counts[name] += len(rooms)
        shown = {
            ("partially_available" if name == "partial_available" else name): _as_php(sets[name])
            for name in ("unavailable", "booked", "available", "partial_available")
            if name in search.wanted
        }
        room_types.append(_prices(state, id_type, search.first, search.last) | {"rooms": shown})
    found["total_rooms"] = total
    for name in _FLAGS:
        if name in search.wanted:
            found[f"total_{name}_rooms"] = counts[name]
    return found | {"room_types": room_types}


def _sets_of_range(state: ShopState, id_type: int, first: int, last: int) -> dict[str, dict[str, Any]]:
    sets: dict[str, dict[str, Any]] = {name: {} for name in _FLAGS}
    kind = state.type_of_product[id_type]
    nights = last - first
    wrong_length = nights < kind["min_los"] or 0 < kind["max_los"] < nights
    for id_room in state.rooms_of_type[id_type]:
        room = state.hotel_rooms[id_room]
        base = {"id_product": id_type, "id_room": id_room, "id_hotel": room["id_hotel"], "room_num": room["room_num"]}
        if room["id_status"] == ROOM_INACTIVE or wrong_length:
            status = ROOM_INACTIVE if room["id_status"] == ROOM_INACTIVE else _OUT_OF_LENGTH
            why = {"id_status": status, "room_comment": "", "date_from": None, "date_to": None}
            sets["unavailable"][str(id_room)] = base | {"detail": [why]}
        elif state.is_free(id_room, first, last):
            sets["available"][str(id_room)] = base | {
                "room_comment": room["comment"],
                "max_adult": kind["max_adults"],
                "max_children": kind["max_children"],
                "max_occupancy": kind["max_guests"],
            }
        else:
            sets["booked"][str(id_room)] = base | {"detail": _holders(state, id_room, first, last)}
    return sets


def _holders(state: ShopState, id_room: int, first: int, last: int) -> list[dict[str, Any]]:
    lines = {line.id: line for night in range(first, last) for line in state.holders(id_room, date.fromordinal(night))}
    return [
        {
            "id_htl_booking": line.id,
            "date_from": line.date_from,
            "date_to": line.date_to,
            "id_customer": line.id_customer,
            "booking_type": line.booking_type,
            "booking_status": line.id_status,
            "comment": line.comment,
        }
        for line in lines.values()
    ]


def _night(state: ShopState, search: Search, types: list[int], night: int) -> dict[str, Any]:
    day, next_day = (date.fromordinal(one).isoformat() for one in (night, night + 1))
    found = _head(state, search, day, next_day)
    if not types:
        return found
    counts = dict.fromkeys(_FLAGS, 0)
    room_types = []
    total = 0
    for id_type in types:
        sets = _sets_of_night(state, id_type, night)
        total += len(state.rooms_of_type[id_type])
        for name, rooms in sets.items():
            counts[name] += len(rooms)
        shown = {name: _as_php(rooms) for name, rooms in sets.items() if name in search.wanted}
        room_types.append(_prices(state, id_type, night, night + 1) | {"rooms": shown})
    found |= {"total_rooms": total, "room_types": room_types}
    for name in ("available", "unavailable", "booked"):
        if name in search.wanted:
            source = "available" if state.version.breakdown_totals_wrong else name
            found[f"total_{name}_rooms"] = counts[source]
    return found


def _sets_of_night(state: ShopState, id_type: int, night: int) -> dict[str, dict[str, Any]]:
    """On the snapshot an inactive room counts as available here [dev/352]."""
    sets: dict[str, dict[str, Any]] = {"available": {}, "booked": {}, "unavailable": {}}
    for id_room in state.rooms_of_type[id_type]:
        room = state.hotel_rooms[id_room]
        entry = {"id_room": id_room, "room_num": room["room_num"]}
        if room["id_status"] == ROOM_INACTIVE and not state.version.breakdown_totals_wrong:
            sets["unavailable"][str(id_room)] = entry
        elif state.is_free(id_room, night, night + 1):
            sets["available"][str(id_room)] = entry
        else:
            sets["booked"][str(id_room)] = entry
    return sets
