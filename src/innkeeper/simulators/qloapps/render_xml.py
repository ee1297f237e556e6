"""Records as QloApps writes them in XML: values in CDATA, links to other resources, language elements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from innkeeper.simulators.qloapps.fields import DIGITS, INT, LANG, Association, Field, Resource
from innkeeper.simulators.qloapps.links import associations_of
from innkeeper.simulators.qloapps.state import ShopState

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<qloapps xmlns:xlink="http://www.w3.org/1999/xlink">\n'
_TAIL = "\n</qloapps>\n"


def document(inner: str) -> bytes:
    """The whole answer around the given elements."""
    return f"{_HEAD}{inner}{_TAIL}".encode()


def cdata(value: object) -> str:
    """A value as element content; nothing for an empty one."""
    text = "" if value is None or value is False else str(value)
    return f"<![CDATA[{text.replace(']]>', ']]]]><![CDATA[>')}]]>" if text else ""


def errors(found: Sequence[tuple[int, str]]) -> bytes:
    """The error document."""
    inner = "\n".join(
        f"<error>\n<code>{cdata(code)}</code>\n<message>{cdata(message)}</message>\n</error>" for code, message in found
    )
    return document(f"<errors>\n{inner}\n</errors>")


def ids(base: str, resource_name: str, plural: str, node: str, numbers: Iterable[int], *, id_first: bool = True) -> str:
    """A list of nothing but ids [009] [190]."""
    lines = [f"<{plural}>"]
    for number in numbers:
        link = f'xlink:href="{base}/{resource_name}/{number}"'
        attributes = f'id="{number}" {link}' if id_first else f'{link} id="{number}"'
        lines.append(f"<{node} {attributes}/>")
    lines.append(f"</{plural}>")
    return "\n".join(lines)


def languages_of(value: Mapping[int, str], languages: Iterable[int], base: str) -> str:
    """A text by language [051]."""
    return "".join(
        f'<language id="{one}" xlink:href="{base}/languages/{one}"><![CDATA[{value.get(one, "")}]]></language>'
        for one in languages
    )


def _link(item: Field, value: Any, row_id: object, base: str) -> str:
    target = item.link.replace("{id}", str(row_id))
    return f' xlink:href="{base}/{target}/{value}"' if value and str(value) != "0" else ""


def field_element(item: Field, value: Any, row_id: object, languages: Iterable[int], base: str) -> str:
    """One field of a record."""
    attributes = _link(item, value, row_id, base) if item.link else ""
    if not item.filterable:
        attributes += ' notFilterable="true"'
    if item.kind == LANG:
        content = languages_of(value, languages, base) if value else ""
    elif isinstance(value, Decimal):
        content = cdata(f"{value:.{DIGITS[item.kind]}f}" if item.kind in DIGITS else value)
    elif item.kind == INT and value == 0 and value is not False:
        content = "<![CDATA[0]]>"
    else:
        content = cdata(value)
    return f"\t<{item.name}{attributes}>{content}</{item.name}>"


def record(
    state: ShopState,
    resource: Resource,
    row: Any,
    base: str,
    languages: Sequence[int],
    *,
    names: Iterable[str] | None = None,
    echo: Mapping[str, Any] | None = None,
) -> str:
    """One record. ``echo`` are the values of a document that was just written: they go out as they came in, and what
    it lacked is empty, whatever the database made of it [081] [270]."""
    wanted = None if names is None else frozenset(names)
    lines = [f"<{resource.node}>"]
    values = resource.values(row) if echo is None else tuple(echo.get(name) for name in resource.names)
    row_id = values[0]
    lines += [
        field_element(item, value, row_id, languages, base)
        for item, value in zip(resource.by_name.values(), values, strict=True)
        if wanted is None or item.name in wanted
    ]
    if wanted is None and resource.associations:
        lines.append("<associations>")
        found = associations_of(state, resource, row)
        lines += [_association(one, found.get(one.name, []), row_id, base) for one in resource.associations]
        lines.append("</associations>")
    lines.append(f"</{resource.node}>")
    return "\n".join(lines)


def association_attributes(one: Association) -> str:
    """``nodeType`` and either ``api`` or ``virtualEntity``."""
    return f'nodeType="{one.node}" ' + ('virtualEntity="true"' if one.virtual else f'api="{one.href}"')


def _association(one: Association, entries: list[dict[str, Any]], row_id: object, base: str) -> str:
    opening = f"<{one.name} {association_attributes(one)}"
    if not entries:
        return f"{opening}/>"
    lines = [f"{opening}>"]
    for entry in entries:
        target = f"images/room_types/{row_id}" if one.name == "images" else one.href
        link = f' xlink:href="{base}/{target}/{entry["id"]}"' if one.linked else ""
        lines.append(f"\t<{one.node}{link}>")
        lines += [f"\t<{name}>{_entry(entry.get(name))}</{name}>" for name, _ in one.fields]
        lines.append(f"\t</{one.node}>")
    lines.append(f"</{one.name}>")
    return "\n".join(lines)


def _entry(value: Any) -> str:
    return "<![CDATA[0]]>" if value == 0 and value is not None and value is not False else cdata(value)


_LIST_NODES = {
    "room_types": "room_type",
    "rooms": "room",
    "services": "service",
    "facilities": "facility",
    "remarks": "remark",
    "cart_rules": "cart_rule",
}


def booking(value: Mapping[str, Any]) -> str:
    """A booking [107] [110]: no indentation, and an empty list is written as ``0``."""
    return f"<booking>{_inside(value)}</booking>"


def _inside(value: Mapping[str, Any]) -> str:
    return "".join(_child(name, item) for name, item in value.items())


def _child(name: str, item: Any) -> str:
    if isinstance(item, Mapping):
        return f"<{name}>{_inside(item)}</{name}>"
    if isinstance(item, list):
        if not item:
            return f"<{name}><![CDATA[0]]></{name}>\n"
        node = _LIST_NODES[name]
        inner = "".join(
            f"<{node}>{_inside(one)}</{node}>" if isinstance(one, Mapping) else f"<{node}>{cdata(one)}</{node}>\n"
            for one in item
        )
        return f"<{name}>{inner}</{name}>"
    return f"<{name}><![CDATA[{item}]]></{name}>\n"
