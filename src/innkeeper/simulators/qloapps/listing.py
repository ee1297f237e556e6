"""Lists: which rows a query finds, in which order, how many, and which of their fields it shows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

from innkeeper.simulators.qloapps.errors import WebserviceError, closest
from innkeeper.simulators.qloapps.fields import DAY, INT, LANG, PRICE, PRICE2, PRICE3, STAMP, Field, Resource
from innkeeper.simulators.qloapps.state import ShopState

_BRACKETS = re.compile(r"^(.*?)\[(.*)\](.*)$", re.S)
_BETWEEN = re.compile(r"^[\d.:\- ]+,[\d.:\- ]+$")
_DISPLAY = re.compile(r"^\[(.*)\]$")
_SORT_WORD = re.compile(r"^(.+)_(ASC|DESC)$", re.I)
_FILTER = re.compile(r"^filter\[(.+)\]$")

Test = Callable[[Any], bool]


@dataclass(slots=True)
class Query:
    """The parameters of a request as PHP sees them: the last one of the same name wins [221]."""

    params: dict[str, str] = field(default_factory=dict)
    filters: dict[str, str] = field(default_factory=dict)

    @property
    def dates(self) -> bool:
        """``date=1``: only then may lists be filtered and sorted by the two dates [201]."""
        return self.params.get("date", "0") not in ("", "0")


def parse_query(query_string: bytes) -> Query:
    """Read the query of a URL."""
    query = Query()
    if not query_string:
        return query
    for name, value in parse_qsl(query_string.decode("latin-1"), keep_blank_values=True):
        found = _FILTER.match(name)
        if found:
            query.filters[found.group(1)] = value
        else:
            query.params[name] = value
    return query


def display_names(resource: Resource, display: str) -> tuple[str, ...] | None:
    """Fields that ``display`` asks for; None for all of them. Raises WebserviceError 35 for an unknown one."""
    if display == "full":
        return None
    found = _DISPLAY.match(display)
    names = [name for name in (found.group(1).split(",") if found else [display]) if name]
    for name in names:
        if name not in resource.display_names:
            raise WebserviceError(
                400,
                35,
                f'Unable to display this field "{name}". However, these are available: '
                + ", ".join(resource.display_names),
            )
    return tuple(names)


def select(state: ShopState, resource: Resource, query: Query) -> list[Any]:
    """The rows of a list, filtered, sorted and limited. Raises WebserviceError for unknown fields."""
    table = state.tables[resource.name]
    tests: list[tuple[Callable[[Any], Any], Test]] = []
    order_by: list[tuple[str, bool]] = []
    for name, wanted in query.filters.items():
        allowed = resource.filter_names(dates=query.dates)
        if name not in allowed:
            listed = ", ".join(f'"{one}"' for one in allowed)
            raise WebserviceError(
                400,
                32,
                f'This filter does not exist. Did you mean: "{closest(name, allowed)}"? The full list is: {listed}',
            )
        test = make_test(resource.by_name[name], wanted)
        if test is not None:
            tests.append((resource.getter(name), test))
            if name in resource.index_order:
                order_by = [(name, False), ("id", False)]
    rows = _candidates(state, resource, query, table)
    if resource.name in ("orders", "customers"):  # of no shop, so in no list; the id still finds them
        rows = [row for row in rows if row.id_shop]
    for get, test in tests:
        rows = [row for row in rows if test(get(row))]
    if "sort" in query.params:
        order_by = parse_sort(resource, query.params["sort"], dates=query.dates)
    for name, descending in reversed(order_by):
        rows = sorted(rows, key=resource.getter(name), reverse=descending)
    return _limited(rows, query.params.get("limit"))


def _candidates(state: ShopState, resource: Resource, query: Query, table: dict[int, Any]) -> list[Any]:
    """All rows, or fewer where an index makes the filter cheap."""
    exact = query.filters.get("id")
    if exact is not None and (numbers := _numbers(exact)) is not None:
        return [table[number] for number in sorted(set(numbers)) if number in table]
    if resource.name == "room_bookings" and "id_order" in query.filters:
        numbers = _numbers(query.filters["id_order"])
        if numbers is not None and 0 not in numbers:
            orders = (state.orders[number] for number in sorted(set(numbers)) if number in state.orders)
            return sorted((line for order in orders for line in state.lines_of(order)), key=lambda line: line.id)
    if resource.name == "customers" and "email" in query.filters:
        found = _BRACKETS.match(query.filters["email"])
        if found and not found.group(1) and not found.group(3) and "|" not in found.group(2):
            return list(state.customers_with_email(found.group(2)))
    return list(table.values())


def _numbers(wanted: str) -> list[int] | None:
    found = _BRACKETS.match(wanted)
    if found and (found.group(1) or found.group(3)):
        return None
    words = (found.group(2) if found else wanted).split("|")
    return [int(word) for word in words] if all(word.isdecimal() for word in words) else None


def make_test(item: Field, wanted: str) -> Test | None:
    """The condition of one filter; None for one that disappears without an error, such as ``>=[v]`` [202]."""
    found = _BRACKETS.match(wanted)
    if found is None:
        return _equal(item, wanted)
    before, value, after = found.groups()
    if before == "%" or after == "%":
        return _like(value, any_start=before == "%", any_end=after == "%") if before in ("", "%") else None
    if after:
        return None
    if before in (">", "<"):
        bound = _comparable(item, value)
        if before == ">":
            return lambda held: bool(_comparable(item, held) > bound)
        return lambda held: bool(_comparable(item, held) < bound)
    if before == "!":
        equal = _one_of(item, value)
        return lambda held: not equal(held)
    if before:
        return None
    if _BETWEEN.match(value):
        low, high = (_comparable(item, part) for part in value.split(",", 1))
        return lambda held: bool(low <= _comparable(item, held) <= high)
    return _one_of(item, value)


def _one_of(item: Field, value: str) -> Test:
    wanted = frozenset(_comparable(item, part) for part in value.split("|"))
    return lambda held: _comparable(item, held) in wanted


def _equal(item: Field, value: str) -> Test:
    wanted = _comparable(item, value)
    return lambda held: bool(_comparable(item, held) == wanted)


def _like(value: str, *, any_start: bool, any_end: bool) -> Test:
    word = _folded(value)
    if any_start and any_end:
        return lambda held: word in _folded(held)
    if any_start:
        return lambda held: _folded(held).endswith(word)
    return lambda held: _folded(held).startswith(word)


def _comparable(item: Field, value: Any) -> Any:
    """A value as the database compares it: text without case and accents, a date as the midnight it begins with."""
    kind = item.kind
    if kind == STAMP:
        text = str(value)
        return f"{text} 00:00:00" if len(text) == 10 else text
    if kind in (INT, PRICE, PRICE2, PRICE3):
        if isinstance(value, str):
            try:
                return Decimal(value.strip())
            except InvalidOperation:
                return Decimal(0)
        return value or 0
    if kind == DAY:
        return str(value)[:10]
    if kind == LANG and not isinstance(value, str):
        return _folded(next(iter(value.values()), ""))
    return _folded(value or "").rstrip()


def _folded(value: Any) -> str:
    """Text without case and accents, as the database's collation sees it."""
    text = str(value)
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in parts if not unicodedata.combining(sign))


def parse_sort(resource: Resource, text: str, *, dates: bool) -> list[tuple[str, bool]]:
    """(field, descending) of a ``sort``. Raises WebserviceError 37 without a direction [209], 38 for no such field."""
    found = _DISPLAY.match(text)
    wanted = []
    for word in (found.group(1) if found else text).split(","):
        parts = _SORT_WORD.match(word)
        if parts is None:
            raise WebserviceError(
                400,
                37,
                'The "sort" value has to be formed as this example: "field_ASC" or '
                "'[field_1_DESC,field_2_ASC,field_3_ASC,...]' (\"field\" has to be an available field)",
            )
        name = parts.group(1)
        allowed = resource.filter_names(dates=dates)
        if name not in allowed:
            raise WebserviceError(
                400, 38, "Unable to filter by this field. However, these are available: " + ", ".join(allowed)
            )
        wanted.append((name, parts.group(2).upper() == "DESC"))
    return wanted


def _limited(rows: list[Any], limit: str | None) -> list[Any]:
    """``limit=count`` or ``limit=start,count``; there is no ``offset`` [206] [207]."""
    if not limit:
        return rows
    parts = limit.split(",")
    if len(parts) > 2 or not all(part.strip().isdecimal() for part in parts):
        return []
    numbers = [int(part) for part in parts]
    start, count = numbers if len(numbers) == 2 else (0, numbers[0])
    return rows[start : start + count]


def languages_for(state: ShopState, query: Query) -> Sequence[int]:
    """The languages of an answer: the chosen one, or all that are installed."""
    chosen = query.params.get("language", "").strip("[]")
    if chosen.isdecimal() and int(chosen) in state.languages:
        return (int(chosen),)
    return tuple(state.languages)
