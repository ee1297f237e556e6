"""Feature prices, the shop's price rules: the way in which rates are pushed, in both dialects."""

from __future__ import annotations

from typing import Any

from innkeeper.simulators.qloapps.errors import WebserviceError, no_such_row
from innkeeper.simulators.qloapps.model import Row
from innkeeper.simulators.qloapps.records import Written, columns, echo_of, require, stamps, target
from innkeeper.simulators.qloapps.state import ShopState
from innkeeper.simulators.qloapps.xml_request import Document


def post_rate(state: ShopState, document: Document) -> Written:
    """A new rule. 1.7.0 refuses one whose dates overlap another of the room type [337]."""
    resource = state.resources["feature_prices"]
    require(resource, document)
    restrictions = _restrictions(state, document)
    _refuse_overlap(state, document, restrictions, besides=0)
    number = state.new_id("feature_prices")
    echo = echo_of(resource, document, id=number, **stamps(state, document))
    row = columns(resource, document, echo, changing=False)
    row |= {"id": number, "groups": _groups(document), "restrictions": _numbered(state, restrictions)}
    state.feature_prices[number] = row
    state.index_rooms()
    return row, echo


def put_rate(state: ShopState, document: Document) -> Written:
    """Replace a rule; its restrictions get new ids [335]."""
    resource = state.resources["feature_prices"]
    row = target(state, resource, document)
    require(resource, document)
    restrictions = _restrictions(state, document)
    _refuse_overlap(state, document, restrictions, besides=row["id"])
    echo = echo_of(resource, document, id=row["id"], **stamps(state, document))
    row |= columns(resource, document, echo, changing=True)
    row |= {"groups": _groups(document), "restrictions": _numbered(state, restrictions)}
    state.index_rooms()
    return row, echo


def delete_rate(state: ShopState, number: int) -> None:
    """Delete a rule [343]. Raises WebserviceError 87."""
    if state.feature_prices.pop(number, None) is None:
        raise no_such_row(number)
    state.index_rooms()


def _groups(document: Document) -> tuple[int, ...]:
    entries = document.associations.get("groups", ())
    return tuple(int(entry["id"]) for entry in entries if entry.get("id", "").isdecimal())


def _restrictions(state: ShopState, document: Document) -> list[Row]:
    if not state.version.restrictions_on_rates:
        return []
    return [
        {
            "date_from": entry.get("date_from", ""),
            "date_to": entry.get("date_to", ""),
            "date_selection_type": _number(entry.get("date_selection_type")),
            "is_special_days_exists": _number(entry.get("is_special_days_exists")),
            "special_days": entry.get("special_days") or "[]",
        }
        for entry in document.associations.get("restrictions", ())
    ]


def _numbered(state: ShopState, restrictions: list[Row]) -> list[Row]:
    return [{"id": state.new_id("restrictions")} | one for one in restrictions]


def _number(text: Any) -> int:
    return int(text) if text and str(text).isdecimal() else 0


def _refuse_overlap(state: ShopState, document: Document, restrictions: list[Row], *, besides: int) -> None:
    for rate in state.rates_of_type.get(_number(document.text("id_product")), ()):
        if rate["id"] == besides:
            continue
        if any(_overlap(mine, other) for mine in restrictions for other in rate["restrictions"]):
            raise WebserviceError(
                400,
                85,
                'Validation error: "An advanced price rule already exists with overlapping conditions."',
            )


def _overlap(mine: Row, other: Row) -> bool:
    """Rules for single dates and rules for ranges do not count as overlapping."""
    if mine["date_selection_type"] != other["date_selection_type"]:
        return False
    return bool(mine["date_from"] <= other["date_to"] and other["date_from"] <= mine["date_to"])
