"""``?schema=blank`` and ``?schema=synopsis``: the empty forms and the rules of the fields."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from innkeeper.simulators.qloapps.fields import LANG, Association, Field, Resource
from innkeeper.simulators.qloapps.render_xml import association_attributes
from innkeeper.simulators.qloapps.state import ShopState

Node = tuple[str, bool, tuple["Node", ...]]
"""An element of a nested schema: name, required, children."""


def resource_schema(state: ShopState, resource: Resource, kind: str, base: str) -> str:
    """The schema of a table [042] [054] [055]."""
    blank = kind == "blank"
    lines = [f"<{resource.node}>"]
    if blank:
        lines.append("\t<id></id>")
    lines += [_field(item, tuple(state.languages), base, blank=blank) for item in resource.fields]
    if resource.associations:
        lines.append("<associations>")
        lines += [_association(one, blank=blank) for one in resource.associations]
        lines.append("</associations>")
    lines.append(f"</{resource.node}>")
    return "\n".join(lines)


def _field(item: Field, languages: Iterable[int], base: str, *, blank: bool) -> str:
    attributes = "" if blank else _attributes(item)
    inner = ""
    if item.kind == LANG:
        extra = "" if blank else ' xlink:href="{base}/languages/{one}" format="isUnsignedId" '
        inner = "".join(f'<language id="{one}"{extra.format(base=base, one=one)}></language>' for one in languages)
    return f"\t<{item.name}{attributes}>{inner}</{item.name}>"


def _attributes(item: Field) -> str:
    parts = []
    if not item.writable:
        parts.append('read_only="true"')
    if item.required:
        parts.append('required="true"')
    if item.max_size is not None:
        parts.append(f'maxSize="{item.max_size}"')
    if item.format:
        parts.append(f'format="{item.format}"')
    if item.read_only:
        parts.append('readOnly="true"')
    if not item.filterable:
        parts.append('notFilterable="true"')
    return "".join(f" {part}" for part in parts)


def _association(one: Association, *, blank: bool) -> str:
    attributes = "" if blank else f" {association_attributes(one)}"
    lines = [f"<{one.name}{attributes}>", f"\t<{one.node}>"]
    for name, required in one.fields:
        mark = ' required="true"' if required and not blank else ""
        lines.append(f"\t<{name}{mark}></{name}>")
    return "\n".join([*lines, f"\t</{one.node}>", f"</{one.name}>"])


_BOOKING = """
id_property! currency booking_status! payment_status! source booking_date remark id_language
"""
_BOOKING_PARTS = """
customer_detail: id_customer firstname! lastname! email! phone! address city zip state_code country_code
price_details: total_paid total_price_with_tax
payment_detail: payment_type payment_method transaction_id
cart_rules/cart_rule: name code type value currency
room_types/room_type: id_room_type! checkin_date! checkout_date! number_of_rooms!
"""
_ROOM = "id_room adults child child_ages unit_price_without_tax id_tax_rules_group total_tax"
_SERVICE = (
    "id_service quantity price_mode name unit_price_without_tax total_price_without_tax id_tax_rules_group total_tax"
)
_FACILITY = "id_facility id_option name unit_price_without_tax id_tax_rules_group"


def _words(text: str, *, blank: bool) -> str:
    return "\n".join(
        f"\t<{word.rstrip('!')}"
        + (' required="true"' if word.endswith("!") and not blank else "")
        + f"></{word.rstrip('!')}>"
        for word in text.split()
    )


def booking_schema(kind: str) -> str:
    """The schema of ``bookings`` in XML [100] [101]."""
    blank = kind == "blank"
    lines = ["<booking>"] + (["\t<id></id>"] if blank else []) + [_words(_BOOKING, blank=blank), "<associations>"]
    for line in _BOOKING_PARTS.strip().splitlines():
        path, words = line.split(": ")
        name, _, node = path.partition("/")
        attributes = "" if blank else f' nodeType="{node}" api="{name}"' if node else f'  api="{name}"'
        lines.append(f"<{name}{attributes}>")
        lines += [f"\t<{node}>"] if node else []
        lines.append(_words(words, blank=blank))
        if name == "room_types":
            lines.append(_rooms(blank=blank))
        lines += [f"\t</{node}>"] if node else []
        lines.append(f"</{name}>")
    return "\n".join([*lines, "</associations>", "</booking>"])


def _rooms(*, blank: bool) -> str:
    return "\n".join(
        (
            "<rooms>\n\t<room>",
            _words(_ROOM, blank=blank),
            f"<services>\n\t<service>\n{_words(_SERVICE, blank=blank)}\n\t</service>\n</services>",
            f"<facilities>\n\t<facility>\n{_words(_FACILITY, blank=blank)}\n\t</facility>\n</facilities>",
            "\t</room>\n</rooms>",
        )
    )


def booking_schema_json() -> dict[str, Any]:
    """The blank form of ``bookings`` in JSON [102]."""

    def empty(text: str) -> dict[str, Any]:
        return {word.rstrip("!"): "" for word in text.split()}

    room: dict[str, Any] = empty(_ROOM) | {
        "child_ages": [],
        "services": [empty(_SERVICE)],
        "facilities": [empty(_FACILITY)],
    }
    parts: dict[str, Any] = {}
    for line in _BOOKING_PARTS.strip().splitlines():
        path, words = line.split(": ")
        name, _, node = path.partition("/")
        fields = empty(words) | ({"rooms": [room]} if name == "room_types" else {})
        parts[name] = [fields] if node else fields
    return {"booking": empty(_BOOKING) | {"associations": parts}}


_ARI = """
id_hotel! isUnsignedInt|id_room_type isUnsignedInt|date_from! isDate|date_to! isDate|get_available_rooms isBool
|get_booked_rooms isBool|get_partial_available_rooms isBool|get_unavailable_rooms isBool|date_wise_breakdown isBool
"""


def ari_schema(kind: str) -> str:
    """The schema of ``hotel_ari`` [302]."""
    blank = kind == "blank"
    lines = ["<hotel_ari>"]
    for entry in _ARI.replace("\n", "").split("|"):
        word, form = entry.split()
        name = word.rstrip("!")
        attributes = "" if blank else (' required="true"' if word.endswith("!") else "") + f' format="{form}"'
        lines.append(f"\t<{name}{attributes}></{name}>")
    node, mark = ("", "") if blank else (' nodeType="room_occupancy" api="room_occupancies"', ' required="true"')
    lines += [
        f"<associations>\n<room_occupancies{node}>\n\t<room_occupancy>",
        f"\t<adults{mark}></adults>\n\t<children{mark}></children>",
        "\t</room_occupancy>\n</room_occupancies>\n</associations>",
        "</hotel_ari>",
    ]
    return "\n".join(lines)
