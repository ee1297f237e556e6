"""The resource ``qlo`` of the snapshot: reads work, writes fail and leave a room closed [320] - [325]."""

from __future__ import annotations

from datetime import date
from typing import Any

from lxml import etree

from innkeeper.simulators.qloapps import render_xml
from innkeeper.simulators.qloapps.answers import Answer, Request
from innkeeper.simulators.qloapps.errors import NotFoundError, PhpCrashError
from innkeeper.simulators.qloapps.model import ROOM_CLOSED_FOR_DATES
from innkeeper.simulators.qloapps.prices import night_price, services_in_price, tax_percent
from innkeeper.simulators.qloapps.render_json import number
from innkeeper.simulators.qloapps.render_xml import cdata
from innkeeper.simulators.qloapps.state import ShopState, ordinal
from innkeeper.simulators.qloapps.xml_request import PARSER


def read_qlo(state: ShopState, request: Request) -> Answer:
    """``getRoomTypes`` and ``getRoomRates``. Raises NotFoundError."""
    what = request.path[1] if len(request.path) > 1 else ""
    params = request.query.params
    types = [row for row in state.room_types.values() if str(row["id_hotel"]) == params.get("id_hotel")]
    if what == "getRoomTypes":
        return _answer("room_types", "\n".join(_type(state, row) for row in types))
    if what != "getRoomRates":
        raise NotFoundError
    wanted = params.get("id_room_type")
    types = [row for row in types if wanted in (None, "", str(row["id"]))]
    try:
        nights = range(ordinal(params["date_from"]), ordinal(params["date_to"]))
    except (KeyError, ValueError):
        raise PhpCrashError from None
    return _answer("getRoomRatesApi", "\n".join(_night(state, types, night) for night in nights))


def _answer(root: str, inner: str) -> Answer:
    return Answer.xml(render_xml.document(f"<{root}>\n{inner}\n</{root}>"))


def _type(state: ShopState, row: dict[str, Any]) -> str:
    name = row["name"][state.default_language]
    return (
        f"<room_type>\n<name>{cdata(name)}</name>\n<id>{cdata(row['id'])}</id>\n"
        f"<status>{cdata(row['active'])}</status>\n</room_type>"
    )


def _night(state: ShopState, types: list[dict[str, Any]], night: int) -> str:
    rooms = []
    for row in types:
        price = night_price(state, row["id"], night) + services_in_price(state, row["id"])
        taxed = price + price * tax_percent(state, row["id"]) / 100
        free = len(state.free_rooms_between(row["id"], night, night + 1))
        rooms.append(
            f"<room_type>\n<id>{cdata(row['id'])}</id>\n<rate>\n<tax_inc>{cdata(number(taxed))}</tax_inc>\n"
            f"<tax_exc>{cdata(number(price))}</tax_exc>\n</rate>\n"
            f"<available_rooms><![CDATA[{free}]]></available_rooms>\n</room_type>"
        )
    day = date.fromordinal(night).isoformat()
    listed = "\n".join(rooms)
    return f"<rate_list>\n<date>{cdata(day)}</date>\n<room_types>\n{listed}\n</room_types>\n</rate_list>"


def write_qlo(state: ShopState, request: Request) -> Answer:
    """``updRoomRateAvail``: 500 for everything, and an inventory leaves the first room of the type closed [323]."""
    try:
        root = etree.fromstring(request.body, PARSER)
    except etree.XMLSyntaxError:
        raise PhpCrashError from None
    for kind in root.iter("RoomType"):
        id_type = int(kind.findtext("id") or 0)
        rooms = state.rooms_of_type.get(id_type, ())
        if kind.find("Inventory") is not None and rooms:
            state.hotel_rooms[rooms[0]]["id_status"] = ROOM_CLOSED_FOR_DATES
    raise PhpCrashError
