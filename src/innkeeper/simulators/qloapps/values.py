"""Turns what a document holds into what the database stores."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from innkeeper.simulators.qloapps.fields import INT, LANG, NULLABLE, PRICE, PRICE2, PRICE3, RAW, Field
from innkeeper.simulators.qloapps.state import ShopState


def as_stored(item: Field, value: Any) -> Any:
    """The column's value of a text from a document; the column's own empty value when it was not given."""
    if value is None or value == "":
        return Decimal(0) if item.kind in (PRICE, PRICE2, PRICE3) else item.empty()
    if item.kind == INT:
        try:
            return int(Decimal(str(value).strip()))
        except InvalidOperation:
            return 0
    if item.kind in (PRICE, PRICE2, PRICE3):
        try:
            return Decimal(str(value).strip())
        except InvalidOperation:
            return Decimal(0)
    if item.kind in (LANG, RAW, NULLABLE):
        return value
    return str(value)


def hours_before(stamp: str, hours: int) -> str:
    """A shop-local timestamp some hours earlier on the same clock."""
    moment = datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S") - timedelta(hours=hours)  # noqa: DTZ007  a wall clock
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def utc_stamp(state: ShopState) -> str:
    """The time as a database in UTC writes it by itself."""
    return state.clock().strftime("%Y-%m-%d %H:%M:%S")
