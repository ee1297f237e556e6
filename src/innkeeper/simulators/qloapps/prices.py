"""What a night costs: base price, feature prices, services added to the price, taxes and rounding."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from innkeeper.simulators.qloapps.model import ZERO, Line, Row
from innkeeper.simulators.qloapps.state import ShopState, ordinal

CENT = Decimal("0.01")
MICRO = Decimal("0.000001")
_RATE = Decimal("0.001")
_HUNDRED = Decimal(100)

DECREASE, INCREASE, FIXED = 1, 2, 3
"""``impact_way`` of a feature price."""
PERCENT = 1
"""``impact_type``; 2 is an amount."""


def cents(amount: Decimal) -> Decimal:
    """Rounded to two digits, half up."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def stored(amount: Decimal) -> Decimal:
    """Rounded to the six digits of the database."""
    return amount.quantize(MICRO, ROUND_HALF_UP)


def with_tax(amount: Decimal, percent: Decimal) -> Decimal:
    """The amount with a tax of so many percent, as stored."""
    return stored(amount + amount * percent / _HUNDRED)


def as_sold(price: Decimal, percent: Decimal) -> tuple[Decimal, Decimal]:
    """A room's price without and with a tax of so many percent: both in cents, each from the price before rounding.

    Seen on a real shop: 301.095 is stored as 301.10 and, at 23 %, 370.35; 501.825 as 501.83 and 617.24.
    """
    return cents(price), cents(price + price * percent / _HUNDRED)


def percent_of(tax: Decimal, amount: Decimal) -> Decimal:
    """The rate that the shop makes of a given tax: percent with three digits [109] [471]."""
    return (tax * _HUNDRED / amount).quantize(_RATE, ROUND_HALF_UP) if amount else ZERO


def tax_percent(state: ShopState, id_type: int) -> Decimal:
    """The rate of a room type's own tax group."""
    return state.tax_rates.get(state.room_types[id_type]["id_tax_rules_group"], ZERO)


def night_price(state: ShopState, id_type: int, night: int, base: Decimal | None = None) -> Decimal:
    """Price of one night without tax in the default currency, feature prices for everybody included."""
    price: Decimal = state.room_types[id_type]["price"] if base is None else base
    for rate in state.rates_of_type.get(id_type, ()):
        if not rate["id_cart"] and _applies(state, rate, night):
            return _impact(price, rate)
    return price


def own_night_price(state: ShopState, line: Line, night: int) -> Decimal | None:
    """Price of one night by a feature price that is made for this room of this cart alone; None when there is none.

    Seen on a real 1.7.0: it goes before every other and needs no customer groups.
    """
    cart = state.carts.get(line.id_cart)
    if cart is None:
        return None
    whose = (line.id_cart, cart["id_guest"], line.id_room)
    for rate in state.rates_of_type.get(line.id_product, ()):
        mine = (rate["id_cart"], rate["id_guest"], rate["id_room"]) == whose
        if mine and rate["active"] and _in_force(state, rate, night):
            price: Decimal = state.room_types[line.id_product]["price"]
            return _impact(price, rate)
    return None


def stay_price(state: ShopState, id_type: int, first: int, last: int) -> Decimal:
    """Price of the nights ``first <= night < last`` without tax in the default currency."""
    if not state.rates_of_type.get(id_type):
        base: Decimal = state.room_types[id_type]["price"]
        return base * (last - first)
    return sum((night_price(state, id_type, night) for night in range(first, last)), ZERO)


def services_in_price(state: ShopState, id_type: int) -> Decimal:
    """Per night: services that are added by themselves and shown within the room price.

    They are in the prices of ``hotel_ari`` and not in those of bookings [103] [303].
    """
    total = ZERO
    for id_service, (own, _) in state.type_services.get(id_type, {}).items():
        service = state.services.get(id_service)
        if service and service["active"] and service["auto_add_to_cart"] and service["price_addition_type"] == 1:
            total += service["price"] if own is None else own
    return total


def _impact(price: Decimal, rate: Row) -> Decimal:
    value = Decimal(rate["impact_value"])
    if rate["impact_type"] == PERCENT:
        value = price * value / _HUNDRED
    if rate["impact_way"] == FIXED:
        return value
    changed = price + value if rate["impact_way"] == INCREASE else price - value
    return max(changed, ZERO)


def _applies(state: ShopState, rate: Row, night: int) -> bool:
    """A rule without customer groups is stored and has no effect [341] [342]."""
    return bool(rate["active"] and rate["groups"]) and _in_force(state, rate, night)


def _in_force(state: ShopState, rate: Row, night: int) -> bool:
    rules: Iterable[Row] = rate["restrictions"] if state.version.restrictions_on_rates else (rate,)
    return any(_covers(rule, night) for rule in rules)


def _covers(rule: Row, night: int) -> bool:
    try:
        first = ordinal(rule["date_from"])
        last = ordinal(rule["date_to"]) if rule["date_to"] and rule["date_selection_type"] == 1 else first
    except ValueError:
        return False
    if not first <= night <= last:  # the last day is priced too [333]
        return False
    if not rule["is_special_days_exists"]:
        return True
    return date.fromordinal(night).strftime("%a").lower() in _week_days(rule["special_days"])


def _week_days(text: str | None) -> frozenset[str]:
    try:
        days = json.loads(text or "[]")
    except ValueError:
        return frozenset()
    return frozenset(str(day)[:3].lower() for day in days) if isinstance(days, list) else frozenset()
