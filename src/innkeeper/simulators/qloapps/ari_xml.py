"""``hotel_ari`` in XML: other names and orders than in JSON [303] [307]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from innkeeper.simulators.qloapps.render_xml import cdata, languages_of
from innkeeper.simulators.qloapps.state import ShopState

_TOTALS = (
    "total_rooms",
    "total_available_rooms",
    "total_unavailable_rooms",
    "total_partial_available_rooms",
    "total_booked_rooms",
)


def ari_xml(state: ShopState, found: Mapping[str, Any], base: str) -> str:
    """The elements of what ``ari.find`` found."""
    if "hotel_ari" in found:
        return _one(state, found["hotel_ari"], base)
    return "<hotel_aris>\n" + "\n".join(_one(state, one, base) for one in found["hotel_aris"]) + "\n</hotel_aris>"


def _one(state: ShopState, one: Mapping[str, Any], base: str) -> str:
    lines = [
        "<hotel_ari>",
        f'<id_hotel xlink:href="{base}/hotels/{one["id_hotel"]}">{cdata(one["id_hotel"])}</id_hotel>',
    ]
    lines += [f"<{name}>{cdata(one[name])}</{name}>" for name in ("date_from", "date_to", "currency")]
    lines += [f"<{name}><![CDATA[{one[name]}]]></{name}>" for name in _TOTALS if name in one]
    if "room_types" in one:
        lines.append("<room_types>")
        lines += [_room_type(state, kind, base) for kind in one["room_types"]]
        lines.append("</room_types>")
    lines.append("</hotel_ari>")
    return "\n".join(lines)


def _room_type(state: ShopState, kind: Mapping[str, Any], base: str) -> str:
    number = kind["id_room_type"]
    link = f'xlink:href="{base}/room_types/{number}"'
    names = state.room_types[number]["name"]
    lines = [
        f'<room_type id="{number}" {link}>',
        f"<id_room_type {link}>{cdata(number)}</id_room_type>",
    ]
    prices = ("base_price", "base_price_with_tax", "total_price", "total_price_with_tax")
    lines += [f"<{name}><![CDATA[{kind[name]}]]></{name}>" for name in prices]
    lines.append(f"<name>{languages_of(names, _languages(state), base)}</name>")
    lines.append("<rooms>")
    for name, rooms in kind["rooms"].items():
        tag = "partial_available" if name == "partially_available" else name
        lines.append(f"<{tag}>")
        lines += [_room(room) for room in (rooms.values() if rooms else ())]
        lines.append(f"</{tag}>")
    lines += ["</rooms>", "</room_type>"]
    return "\n".join(lines)


def _languages(state: ShopState) -> Sequence[int]:
    return tuple(state.languages)


def _room(room: Mapping[str, Any]) -> str:
    return (
        f'<room id="{room["id_room"]}">\n<id_room>{cdata(room["id_room"])}</id_room>\n'
        f"<room_number>{cdata(room['room_num'])}</room_number>\n</room>"
    )
