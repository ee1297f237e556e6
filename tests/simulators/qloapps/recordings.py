"""Reads the recorded exchanges with real QloApps shops, and compares an answer with a recorded one."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree

_TRIMMED = re.compile(r"\n\.\.\. \[trimmed: \d+ characters in total\]\s*$")
_STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_TOKEN = re.compile(r'\s*(?:"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|true|false|null|[\[\]{},:])')
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True)

ANONYMISED = {"demo@guest.example": "demo@hotel.example"}
"""The recording replaced the e-mail of customer 2 by one that its own filter [019] would have found."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One recorded request with its answer; ``trimmed`` answers hold only the beginning of the body."""

    number: str
    name: str
    second: int
    method: str
    target: str
    headers: dict[str, str]
    body: str
    status: int
    content_type: str
    answer: str
    trimmed: bool

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.method in ("GET", "HEAD") or "/hotel_ari" in self.target

    def at(self) -> int:
        """The Unix time at which the work was done: ``Access-Time`` is a second late now and then, stamps are not."""
        return self.second


def load(folder: Path) -> list[Exchange]:
    """All exchanges of a version in the order in which they were recorded."""
    found = []
    second = 0
    for path in sorted(folder.glob("*.http")):
        exchange = _read(path, second)
        second = exchange.second
        found.append(exchange)
    return sorted(found, key=lambda one: (one.second, one.number))


def _read(path: Path, previous: int) -> Exchange:
    text = path.read_text(encoding="utf-8")
    for recorded, ours in ANONYMISED.items():
        text = text.replace(recorded, ours)
    request, _, response = text.partition("\n-----\n")
    request = "\n".join(line for line in request.split("\n") if not line.startswith("# "))
    head, _, body = request.partition("\n\n")
    first, *lines = head.split("\n")
    method, target, _ = first.split(" ", 2)
    answer_head, _, answer = response.partition("\n\n")
    status_line, *answer_lines = answer_head.split("\n")
    answer_headers = _headers(answer_lines)
    trimmed = bool(_TRIMMED.search(answer))
    answer = _TRIMMED.sub("", answer) if trimmed else answer.removesuffix("\n")
    return Exchange(
        number=path.name[:3],
        name=path.stem,
        second=int(answer_headers.get("access-time", previous)),
        method=method,
        target=target,
        headers=_headers(lines),
        body="" if body.strip() in ("", "(empty body)") else body.removesuffix("\n"),
        status=int(status_line.split(" ")[1]),
        content_type=answer_headers.get("content-type", ""),
        answer="" if answer.strip() == "(empty body)" else answer,
        trimmed=trimmed,
    )


def _headers(lines: list[str]) -> dict[str, str]:
    pairs = (line.partition(": ") for line in lines if ": " in line)
    return {name.lower(): value for name, _, value in pairs}


def authorization(recorded: str, keys: dict[str, str]) -> str:
    """``Basic base64(EXAMPLEKEY:)`` with a real key in place of the word."""
    found = re.match(r"Basic base64\((\w+):\)", recorded)
    assert found, recorded
    word = found.group(1)
    return "Basic " + base64.b64encode(f"{keys.get(word, word)}:".encode()).decode()


def stamps_in(text: str) -> Iterator[str]:
    """Every timestamp of a text that was ever set."""
    return (found.group() for found in _STAMP.finditer(text) if not found.group().startswith("0000"))


class Differences:
    """Compares two documents; collects where they differ. ``masks`` are names of fields whose values may differ."""

    def __init__(self, masks: frozenset[str]) -> None:
        self.masks = masks
        self.found: list[str] = []

    def note(self, path: str, recorded: Any, ours: Any) -> None:
        """Remember a difference."""
        self.found.append(f"{path}: recorded {_short(recorded)}, ours {_short(ours)}")

    def value(self, path: str, name: str, recorded: Any, ours: Any) -> None:
        """Compare two leaves: the same JSON type always, the same value unless the name is masked."""
        if _kind(recorded) != _kind(ours) or (name not in self.masks and not _same(recorded, ours)):
            self.note(path, recorded, ours)

    def json(self, recorded: Any, ours: Any, path: str = "", name: str = "") -> None:
        """Compare two JSON documents: key sets, lengths, types, values."""
        if isinstance(recorded, dict) and isinstance(ours, dict):
            if recorded.keys() != ours.keys():
                self.note(f"{path} keys", sorted(recorded.keys() - ours.keys()), sorted(ours.keys() - recorded.keys()))
            for key in recorded.keys() & ours.keys():
                by_language = key == "value" and recorded.keys() == {"id", "value"}
                self.json(recorded[key], ours[key], f"{path}.{key}", name if by_language else key)
        elif isinstance(recorded, list) and isinstance(ours, list):
            if len(recorded) != len(ours):
                self.note(f"{path} length", len(recorded), len(ours))
            for index, (left, right) in enumerate(zip(recorded, ours, strict=False)):
                self.json(left, right, f"{path}[{index}]", name)
        else:
            self.value(path, name, recorded, ours)

    def xml(self, recorded: Any, ours: Any, path: str = "") -> None:
        """Compare two XML elements: tags, attributes, children in order, text."""
        where = f"{path}/{recorded.tag}"
        if recorded.tag != ours.tag:
            self.note(where, recorded.tag, ours.tag)
            return
        masked = recorded.tag in self.masks
        if dict(recorded.attrib) != dict(ours.attrib) and not (masked and recorded.attrib.keys() == ours.attrib.keys()):
            self.note(f"{where} attributes", dict(recorded.attrib), dict(ours.attrib))
        if len(recorded) != len(ours):
            self.note(f"{where} children", [one.tag for one in recorded], [one.tag for one in ours])
        left, right = ((one.text or "").strip() for one in (recorded, ours))
        name = recorded.tag if recorded.tag != "language" else path.rpartition("/")[2]
        if bool(left) != bool(right) or (name not in self.masks and not _same(left, right)):
            self.note(where, left, right)
        for one, other in zip(recorded, ours, strict=False):
            self.xml(one, other, where)

    def json_beginning(self, recorded: str, ours: str) -> None:
        """Compare the beginning of a trimmed JSON text, sign by sign, which looks at the order of keys too."""
        wanted, got = _tokens(recorded), _tokens(ours)
        name = outer = ""
        for index, (left, right) in enumerate(zip(wanted[:-3], got, strict=False)):
            is_key = wanted[index + 1] == ":"
            if left in "[]{},:" or right in "[]{},:" or is_key:
                if left != right:
                    self.note(f"token {index} after {name}", left, right)
                    return
            else:
                self.value(f"token {index} of {name}", name, json.loads(left), json.loads(right))
            if is_key:
                name = outer if left == '"value"' else left.strip('"')
                outer = name if wanted[index + 2] == "[" else outer
        if len(got) < len(wanted) - 2:
            self.note("length in tokens", len(wanted), len(got))

    def xml_beginning(self, recorded: str, ours: str) -> None:
        """Compare the elements of a trimmed XML text as far as they are complete."""
        wanted, got = _elements(recorded), _elements(ours)
        for index, (left, right) in enumerate(zip(wanted[:-2], got, strict=False)):
            if left[:2] != right[:2]:
                self.note(f"element {index}", left[:2], right[:2])
                return
            if left[0] not in self.masks and not _same(left[2], right[2]):
                self.note(f"element {index} {left[0]}", left[2], right[2])
        if len(got) < len(wanted) - 2:
            self.note("length in elements", len(wanted), len(got))


def _tokens(text: str) -> list[str]:
    """Words and signs of a JSON text, until it breaks off."""
    found = []
    place = 0
    while (token := _TOKEN.match(text, place)) is not None:
        found.append(token.group().strip())
        place = token.end()
    return found


def _elements(text: str) -> list[tuple[str, tuple[str, ...], str]]:
    """(tag, attribute names, text) of each element in the order of their ends, until the text breaks off."""
    parser = etree.XMLPullParser(events=("end",), resolve_entities=False, no_network=True)
    try:
        parser.feed(text.encode())
    except etree.XMLSyntaxError:
        pass
    found = []
    for _, element in parser.read_events():
        parent = element.getparent()
        tag = parent.tag if element.tag == "language" and parent is not None else element.tag
        found.append((str(tag), tuple(sorted(element.attrib)), (element.text or "").strip()))
    return found


def _kind(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return repr(value)
    return "number" if isinstance(value, int | float) else type(value).__name__


def _same(left: Any, right: Any) -> bool:
    if left == right:
        return True
    if left == "(32-hex-digits)":
        return bool(re.fullmatch(r"[0-9a-f]{32}", str(right)))
    return False


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 160 else f"{text[:157]}..."


def compare(exchange: Exchange, status: int, content_type: str, body: str, masks: frozenset[str]) -> list[str]:
    """Where an answer differs from the recorded one; empty when it matches."""
    found = Differences(masks)
    if status != exchange.status:
        found.note("status", exchange.status, status)
    if _type(exchange.content_type) != _type(content_type):
        found.note("content type", exchange.content_type, content_type)
    if found.found:
        found.found.append(f"our body: {_short(body)}")
        return found.found
    is_json = exchange.content_type.startswith("application/json")
    if exchange.trimmed:
        (found.json_beginning if is_json else found.xml_beginning)(exchange.answer, body)
    elif not exchange.answer or not body:
        found.value("body", "", exchange.answer, body)
    elif is_json:
        found.json(json.loads(exchange.answer), json.loads(body))
    elif "xml" in exchange.content_type:
        found.xml(*(etree.fromstring(text.strip().encode(), _PARSER) for text in (exchange.answer, body)))
    else:
        found.value("body", "", exchange.answer, body)
    return found.found


def _type(content_type: str) -> str:
    return content_type.replace(" ", "").lower()
