"""Records as QloApps writes them in JSON: numbers, decimals in quotes, and what leaks from PHP arrays."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from innkeeper.simulators.qloapps.fields import DIGITS, LANG, PRICE, PRICE2, PRICE3, Field, Resource
from innkeeper.simulators.qloapps.links import associations_of
from innkeeper.simulators.qloapps.state import ShopState


def dumps(document: object, *, ascii_only: bool = False) -> bytes:
    """Encode as PHP does: no blanks, ``/`` escaped, and for bookings everything beyond ASCII too [408]."""
    text = json.dumps(document, ensure_ascii=ascii_only, separators=(",", ":"))
    return text.replace("/", "\\/").encode()


def number(amount: Decimal) -> int | float:
    """An amount in a booking: ``2000`` and ``1627.5``, never ``2000.0``."""
    whole = int(amount)
    return whole if whole == amount else float(amount)


def texts(value: Any, languages: Sequence[int]) -> Any:
    """A text by language: a plain string when there is or was chosen one, else a list [047] [053]."""
    if len(languages) == 1:
        return value.get(languages[0], "")
    return [{"id": language, "value": value.get(language, "")} for language in languages]


def field_value(item: Field, value: Any, languages: Sequence[int]) -> Any:
    """The wire form of one field."""
    if item.kind == PRICE:
        return value if isinstance(value, str) else f"{value:.6f}"
    if item.kind == LANG:
        return texts(value, languages)
    if item.kind in (PRICE2, PRICE3):
        return value if isinstance(value, str) else f"{value:.{DIGITS[item.kind]}f}"
    return value


def record(
    state: ShopState,
    resource: Resource,
    row: Any,
    languages: Sequence[int],
    names: Iterable[str] | None = None,
    echo: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """One record: all fields and the associations that are not empty, or only the named fields.

    ``echo`` are the values of a document that was just written: strings as they came in, and for what it lacked
    ``""`` where it is an id, else null.
    """
    wanted = None if names is None else frozenset(names)
    if echo is not None:
        return _echoed(state, resource, row, languages, echo)
    document = {
        item.name: field_value(item, value, languages)
        for item, value in zip(resource.by_name.values(), resource.values(row), strict=True)
        if wanted is None or item.name in wanted
    }
    if wanted is None and resource.associations:
        filled = {name: entries for name, entries in associations_of(state, resource, row).items() if entries}
        if filled:
            document["associations"] = filled
    return document


def _echoed(
    state: ShopState, resource: Resource, row: Any, languages: Sequence[int], echo: Mapping[str, Any]
) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for item in resource.by_name.values():
        value = echo.get(item.name)
        if item.kind == LANG and value is not None:
            value = texts(value, languages)
        document[item.name] = ("" if item.name.startswith("id_") else None) if value is None else value
    document["id"] = str(document["id"])
    filled = {name: entries for name, entries in associations_of(state, resource, row).items() if entries}
    return document | ({"associations": filled} if filled else {})


def errors(found: Sequence[tuple[int, str]]) -> bytes:
    """The error document."""
    return dumps({"errors": [{"code": code, "message": message} for code, message in found]})
