"""What writing a record has in common: the id in the body, required fields, and what the answer echoes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from innkeeper.simulators.qloapps.errors import WebserviceError
from innkeeper.simulators.qloapps.fields import LANG, NULLABLE, Resource
from innkeeper.simulators.qloapps.model import Row
from innkeeper.simulators.qloapps.state import ShopState
from innkeeper.simulators.qloapps.values import as_stored
from innkeeper.simulators.qloapps.xml_request import Document

Written = tuple[Any, Row]
"""The stored row, and the values that the answer shows (what was sent, not what was stored)."""


def require(resource: Resource, document: Document, besides: Iterable[str] = ()) -> None:
    """Raises WebserviceError 41 for the first required field that is missing."""
    for item in resource.fields:
        if item.required and item.kind != LANG and item.name not in besides and not document.text(item.name):
            raise WebserviceError(400, 41, f'parameter "{item.name}" required')


def target(state: ShopState, resource: Resource, document: Document) -> Any:
    """The row that a PUT writes: the id of the body decides, never the one of the URL [093] - [095]."""
    number = document.text("id").strip()
    if not number:
        raise WebserviceError(400, 90, "id is required when modifying a resource")
    row = state.tables[resource.name].get(int(number)) if number.isdecimal() else None
    if row is None:
        raise WebserviceError(404, 92, "Invalid ID")
    return row


def echo_of(resource: Resource, document: Document, **forced: Any) -> Row:
    """What the answer shows: the fields of the document that the resource has, and the forced ones."""
    sent = {name: value for name, value in document.values.items() if name in resource.by_name and value != ""}
    return sent | forced


def columns(resource: Resource, document: Document, echo: Row, *, changing: bool) -> Row:
    """What is stored. A nullable column that a PUT sends empty becomes empty text, one it lacks null [340]."""
    stored = {}
    for item in resource.fields:
        value = echo.get(item.name)
        if changing and item.kind == NULLABLE and value is None and item.name in document.values:
            value = ""
            stored[item.name] = ""
            continue
        stored[item.name] = as_stored(item, value)
    return stored


def stamps(state: ShopState, document: Document) -> Row:
    """``date_upd`` is now, and so is a ``date_add`` that was not sent [091] [351]."""
    now = state.now()
    return {"date_add": document.text("date_add") or now, "date_upd": now}
