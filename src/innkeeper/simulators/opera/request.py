"""A request as the operations of the simulated OPERA see it: path, repeated query parameters, headers, JSON body."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote

from innkeeper.simulators.opera.errors import OperaError, bad_query, bad_request

T = TypeVar("T")


@dataclass(slots=True)
class Request:
    """One request. ``segments`` are the decoded parts of the path."""

    method: str
    segments: tuple[str, ...]
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def parse(cls, method: str, raw_path: str, query_string: str, headers: Mapping[str, str], body: bytes) -> Request:
        """Take the request apart."""
        query: dict[str, list[str]] = {}
        for name, value in parse_qsl(query_string, keep_blank_values=True):
            query.setdefault(name, []).append(value)
        segments = tuple(unquote(part) for part in raw_path.strip("/").split("/"))
        return cls(method, segments, query, headers, body)

    def json(self) -> dict[str, Any]:
        """Return the body, numbers with a point as Decimal. Raises OperaError."""
        if "application/json" not in self.headers.get("content-type", ""):
            raise OperaError(415, "Unsupported Media Type", "The body must be application/json.")
        try:
            document = json.loads(self.body, parse_float=Decimal)
        except ValueError:
            raise bad_request("The body is no JSON.") from None
        if not isinstance(document, dict):
            raise bad_request("The body must be an object.")
        return document

    def known(self, *names: str) -> None:
        """Refuse parameters that the operation, or this simulator, does not have. Raises OperaError."""
        unknown = sorted(self.query.keys() - set(names))
        if unknown:
            raise bad_query(f"Not a parameter of this operation here: {', '.join(unknown)}")

    def one(self, name: str) -> str | None:
        """Return a parameter that may come once. Raises OperaError."""
        values = self.query.get(name)
        if values is None:
            return None
        if len(values) > 1:
            raise bad_query(f"{name} may come once")
        return values[0]

    def many(self, name: str) -> list[str]:
        """Return a parameter that may be repeated (collectionFormat multi: a comma does not separate)."""
        return self.query.get(name, [])

    def chosen(self, name: str, allowed: Sequence[str]) -> list[str]:
        """Return a repeated parameter whose values come from a list. Raises OperaError."""
        values = self.many(name)
        for value in values:
            if value not in allowed:
                raise bad_query(f"{name} has no value {value!r}")
        return values

    def flag(self, name: str) -> bool:
        """Return a boolean, False when it is missing. Raises OperaError."""
        value = self.one(name)
        if value not in (None, "true", "false"):
            raise bad_query(f"{name} must be true or false")
        return value == "true"

    def number(self, name: str, default: int) -> int:
        """Return a whole number. Raises OperaError."""
        value = self.one(name)
        if value is None:
            return default
        if not value.isdigit():
            raise bad_query(f"{name} must be a whole number")
        return int(value)

    def day(self, name: str) -> date | None:
        """Return a date, None when it is missing. Raises OperaError."""
        value = self.one(name)
        try:
            return date.fromisoformat(value) if value is not None else None
        except ValueError:
            raise bad_query(f"{name} must be a date such as 2026-01-27") from None


def page(rows: Sequence[T], request: Request, *, default: int, most: int) -> tuple[Sequence[T], dict[str, Any]]:
    """Return one page of the rows and the attributes that say where it lies. Raises OperaError."""
    limit, offset = request.number("limit", default), request.number("offset", 0)
    if not 0 < limit <= most:
        raise OperaError(400, "Bad Request", f"Maximum number of records per request is {most}.", "OPERAWS-ODE09998")
    part = rows[offset : offset + limit]
    return part, {
        "totalPages": -(-len(rows) // limit),
        "offset": offset,
        "limit": limit,
        "hasMore": offset + len(part) < len(rows),
        "totalResults": len(rows),
        "count": len(part),
    }


def money(amount: Decimal, currency: str) -> dict[str, Any]:
    """A currencyAmountType."""
    return {"amount": float(amount), "currencyCode": currency}
