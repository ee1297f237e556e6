"""Refusals in the form of ``exceptionDetailType`` (csh.json).

Oracle publishes no list of codes. Those here with a number were seen in the field; the texts beside them are made up
where no public source gives them, and a client must not depend on them.
"""

from __future__ import annotations

from typing import Any


class OperaError(Exception):
    """An answer that is a refusal."""

    def __init__(self, status: int, title: str, detail: str = "", code: str = "", path: str = "") -> None:
        super().__init__(f"{status} {code} {title}")
        self.status = status
        self.title = title
        self.detail = detail
        self.code = code
        self.path = path

    def document(self) -> dict[str, Any]:
        """The body of the answer."""
        body: dict[str, Any] = {
            "type": "http://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html",
            "title": self.title,
            "status": self.status,
            "o:errorDetails": [],
        }
        if self.detail:
            body["detail"] = self.detail
        if self.code:
            body["o:errorCode"] = self.code
        if self.path:
            body["o:errorPath"] = self.path
        return body


def bad_query(detail: str) -> OperaError:
    """A parameter that is unknown or has an unusable value."""
    return OperaError(400, "Invalid value of: Query.", detail, "OPERAWS-GEN01346")


def unknown_property(name: str, path: str) -> OperaError:
    """A property of the body that the specification does not have."""
    return OperaError(400, f"Unknown property: {name}.", "", "OPERAWS-GEN01242", path)


def bad_request(detail: str, path: str = "", code: str = "") -> OperaError:
    """A body that OPERA does not take."""
    return OperaError(400, "Bad Request", detail, code, path)


def not_found(detail: str) -> OperaError:
    """A record or address that does not exist."""
    return OperaError(404, "Not Found", detail)
