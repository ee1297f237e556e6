"""Builds shops of any make: currency, taxes, order states, services, hotels, room types, rooms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from innkeeper.simulators.qloapps.model import ZERO, Row
from innkeeper.simulators.qloapps.state import ShopState

_CURRENCY = {
    "PLN": ("Złoty", "985", 1, "zł", 2),
    "USD": ("Dollar", "840", 0, "$", 1),
    "EUR": ("Euro", "978", 1, "€", 2),
    "GBP": ("Pound", "826", 0, "£", 1),
    "JPY": ("Yen", "392", 0, "¥", 1),
}

_STATES = (
    ("Awaiting payment", 0, 0, 0),
    ("Complete payment received", 1, 1, 1),
    ("Processing in progress", 1, 0, 0),
    ("Canceled", 0, 0, 0),
    ("Refunded", 1, 0, 0),
    ("Payment error", 0, 0, 0),
    ("Overbooking (Paid)", 1, 0, 1),
    ("Partial payment received", 1, 1, 0),
    ("Awaiting remote payment", 0, 0, 0),
    ("Remote payment accepted", 1, 1, 0),
    ("Overbooking (Not paid)", 0, 0, 0),
    ("Overbooking (Partial payment)", 0, 0, 0),
)
"""Order states with (invoice, logable, paid) [069]."""

_SERVICES = (
    (5, "Room Maintenance Fees", 250, 1, 1, 2),
    (6, "Internet Handling Charges", 250, 1, 0, 1),
    (7, "Airport Shuttle", 50, 0, 0, 1),
    (8, "Cab on Demand", 200, 0, 0, 1),
    (9, "Breakfast", 350, 0, 0, 2),
    (10, "Dinner", 450, 0, 0, 2),
)
"""Services: id, name, price, added automatically, added to the room price, 1 per stay or 2 per night [066]."""

_POLISH_GROUPS = (
    ("PL Standard Rate (23%)", "23"),
    ("PL Reduced Rate (8%)", "8"),
    ("PL Reduced Rate (5%)", "5"),
    ("PL Exempted Rate (0%)", "0"),
    ("EU VAT For Virtual Products", "23"),
)
_US_RATES = (
    "AL 4 AK 0 AZ 6.6 AR 6 CA 8.25 CO 2.9 CT 0 DE 0 FL 6 GA 4 HI 4 ID 6 IL 6.25 IN 7 IA 6 KS 5.3 KY 6 LA 4 ME 5 MD 6 "
    "MA 6.25 MI 6 MN 6.875 MS 7 MO 4.225 MT 0 NE 5.5 NV 6.85 NH 0 NJ 7 NM 5.125 NY 4 NC 5.5 ND 5 OH 5.5 OK 4.5 OR 0 "
    "PA 6 RI 7 SC 6 SD 4 TN 7 TX 6.25 UT 4.75 VT 6 VA 4 WA 6.5 WV 6 WI 5 WY 4 PR 5.5 DC 6"
).split()

_TEXT = "A room of the demo hotel."


@dataclass(frozen=True, slots=True)
class RoomTypeSpec:
    """A room type to build: ``price`` per night without tax, ``rooms`` the numbers of its rooms."""

    name: str
    price: Decimal | int | str
    rooms: Sequence[str]
    adults: int = 2
    children: int = 2
    max_adults: int = 2
    max_children: int = 2
    floor: str = "First"
    images: int = 4


def shop(
    *types: RoomTypeSpec,
    hotel: str = "Harbour House",
    version: str = "1.7.0",
    timezone: str = "UTC",
    currency: str = "EUR",
    tax_rate: Decimal | int | str = 0,
    languages: Sequence[tuple[str, str]] = (("English (English)", "en"),),
    services: bool = False,
    **options: Any,
) -> ShopState:
    """A shop with one hotel of these room types; ``options`` are those of ShopState (clock, domain, seed)."""
    state = ShopState(version=version, **options)
    settle_shop(
        state,
        timezone=timezone,
        currency=currency,
        tax_rate=tax_rate,
        languages=languages,
        shop_name=hotel,
        services=services,
    )
    add_hotel(state, hotel, types, installed=state.now())
    return state


def settle_shop(
    state: ShopState,
    *,
    timezone: str,
    currency: str,
    tax_rate: Decimal | int | str | None,
    languages: Sequence[tuple[str, str]],
    shop_name: str,
    services: bool = True,
) -> None:
    """Everything of a shop but its hotels: zone, currency, languages, taxes, order states, services, settings."""
    state.timezone = timezone
    state.shop_name = shop_name
    for number, (name, code) in enumerate(languages, 1):
        state.languages[number] = _language(number, name, code)
    state.set_last_id("languages", len(state.languages))
    state.currencies[1] = _currency(currency)
    state.set_last_id("currencies", 1)
    groups = _tax_groups(state, tax_rate)
    for number, (name, percent) in enumerate(groups, 1):
        applies = state.version.is_170 or number == 1  # the hotel's state; other groups have no rule for it [172]
        state.tax_rates[number] = Decimal(percent) if applies else ZERO
        state.tax_rule_groups[number] = _stamped(state, id=number, name=name, active=1, deleted=0)
        _add_tax(state, number, Decimal(percent))
    state.set_last_id("tax_rule_groups", len(groups))
    for number, (name, invoice, logable, paid) in enumerate(_STATES, 1):
        state.order_states[number] = _order_state(state, number, name, invoice, logable, paid)
    state.set_last_id("order_states", len(_STATES))
    for number, name in enumerate(("Visitor", "Guest", "Customer"), 1):
        method = 0 if state.version.is_170 else 1  # the snapshot was installed for the US: prices without tax
        state.groups[number] = _stamped(
            state,
            id=number,
            name=_in_all(state, name),
            reduction=ZERO,
            price_display_method=method,
            show_prices=1,
        )
    if services:
        for row in _SERVICES:
            state.services[row[0]] = _service(state, *row)
    _add_configurations(state)
    state.country, state.state_name = ("Poland", "") if currency == "PLN" else ("United States", "Alabama")


def _add_tax(state: ShopState, number: int, percent: Decimal) -> None:
    """The tax of a group and the rule that applies it in the hotel's country."""
    is_170 = state.version.is_170
    state.taxes[number] = {
        "id": number,
        "rate": percent,
        "active": 1,
        "deleted": 0,
        "name": _in_all(state, f"Tax {percent:f}%"),
    }
    state.tax_rules[number] = {
        "id": number,
        "id_tax_rules_group": number,
        "id_state": 0 if is_170 else number,
        "id_country": 14 if is_170 else 21,
        "zipcode_from": "0",
        "zipcode_to": "0",
        "id_tax": number,
        "behavior": 0 if is_170 else 1,
        "description": "",
    }


def _tax_groups(state: ShopState, tax_rate: Decimal | int | str | None) -> list[tuple[str, str]]:
    if state.version.is_170:
        groups = list(_POLISH_GROUPS)
    else:
        pairs = zip(_US_RATES[::2], _US_RATES[1::2], strict=True)
        groups = [(f"US-{code} Rate ({percent}%)", percent) for code, percent in pairs]
    if tax_rate is not None:
        groups[0] = (f"Standard rate ({Decimal(tax_rate):f}%)", str(tax_rate))
    return groups


def add_hotel(state: ShopState, name: str, types: Iterable[RoomTypeSpec], *, installed: str = "") -> int:
    """Add a hotel with its room types and rooms; returns its id. ``installed`` is the stamp of the new rows."""
    stamp = installed or state.now()
    number = state.new_id("hotels")
    is_170 = state.version.is_170
    window: Row = (
        {
            "use_global_max_checkout_offset": 1,
            "max_checkout_offset": "1000",
            "use_global_min_booking_offset": 1,
            "min_booking_offset": "0",
            "fax": "",
        }
        if is_170
        else {
            "use_global_max_order_date": 1,
            "max_order_date": "0000-00-00",
            "use_global_preparation_time": 1,
            "preparation_time": "0000-00-00",
        }
    )
    state.hotels[number] = window | {
        "id": number,
        "phone": "0987654321",
        "address": "Monticello Dr, Montgomery, 10010",
        "id_country": 14 if is_170 else 21,
        "id_state": 0 if is_170 else 1,
        "city": "Demo City",
        "zipcode": "16-226" if is_170 else "32894",
        "id_default_image": False,
        "id_category": 7 if is_170 else 8,
        "email": "hotelprime@htl.com",
        "rating": 3,
        "check_in": "12:00",
        "check_out": "11:00",
        "active": 1,
        "latitude": "0.00000000",
        "longitude": "0.00000000",
        "map_formated_address": "",
        "map_input_text": "",
        "active_refund": 0,
        "date_add": stamp,
        "date_upd": stamp,
        "policies": _in_all(state, "<div>Guests show a photo identification at check-in.</div>"),
        "hotel_name": _in_all(state, name),
        "description": _in_all(state, "<div>A hotel for tests and demonstrations.</div>"),
        "short_description": _in_all(state, "A hotel for tests and demonstrations."),
        "features": ("1", "11", "12", "14", "16", "17", "18", "2", "21", "4", "7", "8", "9"),
    }
    for spec in types:
        add_room_type(state, number, spec, installed=stamp)
    return number


def add_room_type(state: ShopState, id_hotel: int, spec: RoomTypeSpec, *, installed: str = "") -> int:
    """Add a room type with its rooms to a hotel; returns its (product) id."""
    stamp = installed or state.now()
    number = state.new_id("room_types")
    while number in state.services:
        number = state.new_id("room_types")
    images = sum(len(row["images"]) for row in state.room_types.values())
    state.room_types[number] = _room_type(state, number, id_hotel, spec, stamp, images)
    state.type_services[number] = dict.fromkeys(state.services, (None, None))
    row_id = state.new_id("hotel_room_types")
    state.hotel_room_types[row_id] = {
        "id": row_id,
        "id_product": number,
        "id_hotel": id_hotel,
        "adults": spec.adults,
        "children": spec.children,
        "max_adults": spec.max_adults,
        "max_children": spec.max_children,
        "max_guests": spec.max_adults + spec.max_children,
        "min_los": 1,
        "max_los": 0,
        "date_add": stamp,
        "date_upd": stamp,
    }
    for room in spec.rooms:
        id_room = state.new_id("hotel_rooms")
        state.hotel_rooms[id_room] = {
            "id": id_room,
            "id_product": number,
            "id_hotel": id_hotel,
            "room_num": room,
            "id_status": 1,
            "floor": spec.floor,
            "comment": "",
            "date_add": stamp,
            "date_upd": stamp,
        }
    state.index_rooms()
    return number


def _room_type(state: ShopState, number: int, id_hotel: int, spec: RoomTypeSpec, stamp: str, images: int) -> Row:
    resource = state.resources["room_types"]
    row: Row = {item.name: item.empty() for item in resource.fields}
    is_170 = state.version.is_170
    row |= {
        "id": number,
        "id_hotel": id_hotel,
        "adults": spec.adults,
        "children": spec.children,
        "id_category_default": 7 if is_170 else 8,
        "new": None,
        "id_default_image": images + 1,
        "id_tax_rules_group": 1,
        "position_in_category": len(state.room_types),
        "type": "virtual",
        "id_shop_default": 1,
        "is_virtual": 1,
        "minimal_quantity": 1,
        "price": Decimal(spec.price),
        "active": 1,
        "available_for_order": 1,
        "condition": "new",
        "show_at_front": 1,
        "show_price": 1,
        "indexed": 1,
        "visibility": "both",
        "date_add": stamp,
        "date_upd": stamp,
        "pack_stock_type": 3,
        "link_rewrite": _in_all(state, spec.name.lower().replace(" ", "-")),
        "name": _in_all(state, spec.name),
        "description": _in_all(state, _TEXT),
        "description_short": _in_all(state, _TEXT),
        "images": tuple(range(images + 1, images + 1 + spec.images)),
        "categories": (2, 3, 5, 6, 7) if is_170 else (2, 3, 5, 6, 7, 8),
        "features": (1, 2, 3, 4),
        "advance_active": 0,
    }
    for name in ("meta_description", "meta_keywords", "meta_title", "available_now", "available_later"):
        row[name] = _in_all(state, "")
    return row


#: Settings that name order states by meaning: place behind the first of them, name, id of the state.
_STATE_SETTINGS = (
    (0, "PS_OS_AWAITING_PAYMENT", "1"),
    (1, "PS_OS_PAYMENT_ACCEPTED", "2"),
    (3, "PS_OS_CANCELED", "4"),
    (4, "PS_OS_REFUND", "5"),
    (9, "PS_OS_PARTIAL_PAYMENT_ACCEPTED", "8"),
)


def _add_configurations(state: ShopState) -> None:
    first, zone = (11, 70) if state.version.is_170 else (9, 68)
    values: dict[str, tuple[int, str]] = {
        "PS_LANG_DEFAULT": (1, "1"),
        "PS_ONE_PHONE_AT_LEAST": (8 if state.version.is_170 else 6, "1"),
        "PS_CURRENCY_DEFAULT": (first, "1"),
        "PS_TIMEZONE": (zone, state.timezone),
        "PS_PRICE_ROUND_MODE": (77 if state.version.is_170 else 75, "2"),
        "PS_ROUND_TYPE": (299 if state.version.is_170 else 294, "1"),
        "PS_SHOP_DEFAULT": (178 if state.version.is_170 else 174, "1"),
    }
    states = 138 if state.version.is_170 else 134
    for offset, name, state_id in _STATE_SETTINGS:
        values[name] = (states + offset, state_id)
    if state.version.number is not None:
        values["QLO_VERSION_DB"] = (4, state.version.number)
    for name, (number, value) in values.items():
        state.configurations[number] = _stamped(
            state, id=number, name=name, value=value, id_shop_group=None, id_shop=None
        )
    state.set_last_id("configurations", 900)


def _stamped(state: ShopState, **row: Any) -> Row:
    stamp = state.now()
    return {**row, "date_add": stamp, "date_upd": stamp}


def _in_all(state: ShopState, text: str) -> Mapping[int, str]:
    return dict.fromkeys(state.languages, text)


def _language(number: int, name: str, code: str) -> Row:
    return {
        "id": number,
        "name": name,
        "iso_code": code,
        "language_code": code,
        "active": 1,
        "is_rtl": 0,
        "date_format_lite": "m/d/Y",
        "date_format_full": "m/d/Y H:i:s",
    }


def _currency(code: str) -> Row:
    name, number, blank, sign, layout = _CURRENCY.get(code, (code, "", 1, code, 2))
    return {
        "id": 1,
        "name": name,
        "iso_code": code,
        "iso_code_num": number,
        "blank": blank,
        "sign": sign,
        "format": layout,
        "decimals": 1,
        "conversion_rate": Decimal(1),
        "deleted": 0,
        "active": 1,
    }


def _order_state(state: ShopState, number: int, name: str, invoice: int, logable: int, paid: int) -> Row:
    row: Row = {item.name: item.empty() for item in state.resources["order_states"].fields}
    return row | {
        "id": number,
        "name": _in_all(state, name),
        "template": _in_all(state, ""),
        "invoice": invoice,
        "logable": logable,
        "paid": paid,
        "unremovable": 1,
    }


def _service(state: ShopState, number: int, name: str, price: int, auto: int, in_price: int, per: int) -> Row:
    return {
        "id": number,
        "name": _in_all(state, name),
        "price": Decimal(price),
        "id_tax_rules_group": 1,
        "active": 1,
        "auto_add_to_cart": auto,
        "price_addition_type": in_price,
        "price_calculation_method": per,
    }
