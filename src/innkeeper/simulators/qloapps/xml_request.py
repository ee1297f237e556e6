"""Reads the XML documents that are written to the webservice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from innkeeper.simulators.qloapps.errors import WebserviceError
from innkeeper.simulators.qloapps.fields import LANG, Resource

PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


@dataclass(slots=True)
class Document:
    """What a document holds: text by field, text by language for some, and entries by association."""

    values: dict[str, Any] = field(default_factory=dict)
    associations: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A field as text; empty when it is missing."""
        value = self.values.get(name)
        return value if isinstance(value, str) else ""


def parse_root(body: bytes) -> Any:
    """The root element. Raises WebserviceError 127 for what is not XML, JSON for example [082] [097]."""
    try:
        return etree.fromstring(body, PARSER)
    except etree.XMLSyntaxError:
        text = body.decode("utf-8", "replace")
        raise WebserviceError(
            500,
            127,
            f"XML error : String could not be parsed as XML\nXML length : {len(body)}\nOriginal XML : {text}",
        ) from None


def read_document(body: bytes, resource: Resource) -> Document:
    """The one record of a body. Raises WebserviceError for a field that may not be written [350]."""
    root = parse_root(body)
    children = [child for child in root if isinstance(child.tag, str)]
    document = Document()
    if not children:
        return document
    for element in children[0]:
        if not isinstance(element.tag, str):
            continue
        if element.tag == "associations":
            document.associations = {
                one.tag: [_entry(entry) for entry in one if isinstance(entry.tag, str)]
                for one in element
                if isinstance(one.tag, str)
            }
            continue
        item = resource.by_name.get(element.tag)
        if item is not None and not item.writable:
            raise WebserviceError(
                400, 93, f'parameter "{item.name}" not writable. Please remove this attribute of this XML'
            )
        if item is not None and item.kind == LANG:
            document.values[element.tag] = _by_language(element)
        else:
            document.values[element.tag] = element.text or ""
    return document


def _by_language(element: Any) -> dict[int, str]:
    texts = {}
    for child in element:
        number = child.get("id", "")
        if number.isdecimal():
            texts[int(number)] = child.text or ""
    return texts


def _entry(element: Any) -> dict[str, str]:
    return {child.tag: (child.text or "").strip() for child in element if isinstance(child.tag, str)}
