"""A booking as ``GET /api/bookings/{id}`` shows it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from innkeeper.simulators.qloapps.model import Line, Order, ServiceLine
from innkeeper.simulators.qloapps.prices import cents
from innkeeper.simulators.qloapps.render_json import number
from innkeeper.simulators.qloapps.state import ShopState


def booking_document(state: ShopState, order: Order, *, just_written: bool = False) -> dict[str, Any]:
    """The whole document; it has no status and no date of change [106]. ``just_written`` shows the price modes that
    were sent, which a later GET does not know any more for services that came by name."""
    customer = state.customers[order.id_customer]
    lines = state.lines_of(order)
    stays: dict[tuple[int, str, str], list[Line]] = {}
    for line in lines:
        stays.setdefault((line.id_product, line.date_from, line.date_to), []).append(line)
    return {
        "id": order.id,
        "id_property": order.id_hotel,
        "currency": state.currencies[order.id_currency]["iso_code"],
        "source": order.source,
        "booking_date": order.date_add,
        "id_language": order.id_lang,
        "associations": {
            "customer_detail": {
                "id_customer": customer.id,
                "firstname": customer.firstname,
                "lastname": customer.lastname,
                "email": customer.email,
                "phone": customer.phone,
            },
            "price_details": {
                "total_paid": _shown(order.total_paid_real),
                "total_price_without_tax": _shown(order.total_paid_tax_excl),
                "total_tax": _shown(order.total_paid_tax_incl - order.total_paid_tax_excl),
            },
            "cart_rules": [],
            "remarks": list(order.remarks),
            "room_types": [_stay(stay, lines, just_written) for stay, lines in stays.items()],
        },
    }


def _shown(amount: Decimal) -> int | float:
    return number(cents(amount))


def _stay(stay: tuple[int, str, str], lines: list[Line], just_written: bool) -> dict[str, Any]:
    return {
        "id_room_type": stay[0],
        "checkin_date": stay[1],
        "checkout_date": stay[2],
        "total_tax": number(sum((cents(line.tax) for line in lines), Decimal(0))),
        "number_of_rooms": len(lines),
        "name": lines[0].room_type_name,
        "rooms": [_room(line, just_written) for line in lines],
    }


def _room(line: Line, just_written: bool) -> dict[str, Any]:
    room: dict[str, Any] = {
        "id_room": line.id_room,
        "id_hotel_booking": line.id,
        "adults": line.adults,
        "child": line.children,
        "unit_price_without_tax": _shown(line.total_price_tax_excl),
        "total_tax": _shown(line.tax),
    }
    if line.services:
        room["services"] = [_service(one, just_written) for one in line.services]
    return room


def _service(one: ServiceLine, just_written: bool) -> dict[str, Any]:
    return {
        "id_service": one.id_service,
        "name": one.name,
        "quantity": one.quantity,
        "unit_price_without_tax": _shown(one.unit_price),
        "total_price_without_tax": _shown(one.total),
        "total_tax": _shown(one.tax),
        "per_night": one.per_night,
        "price_mode": one.price_mode if just_written else one.shown_mode,
    }
