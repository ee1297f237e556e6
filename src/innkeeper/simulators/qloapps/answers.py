"""A request as the shop understands it, and an answer before it goes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from innkeeper.simulators.qloapps import render_json, render_xml
from innkeeper.simulators.qloapps.listing import Query

XML_TYPE = b"text/xml;charset=utf-8"
JSON_TYPE = b"application/json"


@dataclass(slots=True)
class Answer:
    """Status, type (None for none at all), body; ``by_webservice`` adds the headers that the webservice sends."""

    status: int
    content_type: bytes | None
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    by_webservice: bool = True

    @classmethod
    def page(cls, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """What PHP or the front office answers instead of the webservice."""
        return cls(status, b"text/html; charset=utf-8", body, headers or {}, by_webservice=False)

    @classmethod
    def json(cls, body: bytes, status: int = 200) -> Answer:
        """A JSON document."""
        return cls(status, JSON_TYPE, body)

    @classmethod
    def xml(cls, body: bytes, status: int = 200) -> Answer:
        """An XML document."""
        return cls(status, XML_TYPE, body)


@dataclass(slots=True)
class Request:
    """``path`` are the segments behind ``/api``; ``base`` is the address that links begin with."""

    method: str
    path: tuple[str, ...]
    query: Query
    json: bool
    base: str
    host: str
    body: bytes

    def errors(self, status: int, found: Sequence[tuple[int, str]]) -> Answer:
        """The error document in the format of the request."""
        if self.json:
            return Answer.json(render_json.errors(found), status)
        return Answer.xml(render_xml.errors(found), status)
