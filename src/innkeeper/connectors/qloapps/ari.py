"""Asks QloApps what it would sell: free rooms and prices, night by night."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from lxml import etree

from innkeeper.connectors.qloapps.client import QloAppsClient
from innkeeper.connectors.qloapps.shop_time import parse_date
from innkeeper.domain.channel import SoldNight


async def sold_nights(
    client: QloAppsClient, hotel_id: int, room_type_ids: Sequence[int], start: date, end: date
) -> list[SoldNight]:
    """Return what each type has free on each night; one request for one type, one for all types if they are several.

    The room lists are counted: the totals of the breakdown are wrong on the snapshot [dev/308]. A room that is closed
    for good counts as free there too [dev/352], which only `inventory` tells.
    """
    search = etree.Element("qloapps")
    ari = etree.SubElement(search, "hotel_ari")
    values = {"id_hotel": str(hotel_id), "date_from": start.isoformat(), "date_to": end.isoformat()}
    if len(room_type_ids) == 1:
        values["id_room_type"] = str(room_type_ids[0])
    flags = ("get_available_rooms", "get_booked_rooms", "get_unavailable_rooms", "date_wise_breakdown")
    for name, text in (values | dict.fromkeys(flags, "1")).items():
        etree.SubElement(ari, name).text = text
    found = await client.search_ari(search)
    wanted = set(room_type_ids)
    return [
        SoldNight(
            int(kind["id_room_type"]),
            parse_date(str(night["date_from"])),
            len(kind["rooms"].get("available") or ()),
            Decimal(str(kind["base_price"])),
            Decimal(str(kind["base_price_with_tax"])),
        )
        for night in found.get("hotel_aris", [])
        for kind in night.get("room_types", [])
        if int(kind["id_room_type"]) in wanted
    ]
