"""Holds requests and answers against Oracle's published specification, more strictly than it holds itself.

The schemas require almost nothing and allow any extra property. Here a property that they do not name is an error: a
typing error in a field would otherwise pass.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote

import jsonschema_rs

from tests.shared_files import require_shared

_FILES = ("oauth", "csh", "rsv", "crm", "fof", "fofcfg")

#: getOperaHotelContext (entcfg.json), getBusinessDate (bof.json) and getRoomTypes (rmcfg.json) are in Oracle's
#: repository and not in ../shared.
NOT_HERE = ("/ent/config/v1/", "/bof/v1/", "/rm/config/v1/")


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, as they were on the wire."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    answer: bytes


class OhipSpec:
    """Oracle's files, as far as they lie beside the project."""

    def __init__(self) -> None:
        folder = require_shared() / "pms" / "specs" / "ohip"
        self.documents = {name: json.loads((folder / f"{name}.json").read_text()) for name in _FILES}
        self.operations = [
            (document["basePath"], pattern, method.upper(), operation, document)
            for document in self.documents.values()
            for pattern, methods in document["paths"].items()
            for method, operation in methods.items()
            if isinstance(operation, dict) and "operationId" in operation
        ]

    def find(self, method: str, path: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the operation and its document. Raises AssertionError when there is none."""
        for base, pattern, verb, operation, document in self.operations:
            expression = re.escape(base) + re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(pattern))
            if verb == method and re.fullmatch(expression, path):
                return operation, document
        raise AssertionError(f"{method} {path} is not an operation of the specification")

    def problems(self, exchange: Exchange) -> list[str]:
        """Return what is wrong with a request and its answer."""
        operation, document = self.find(exchange.method, exchange.path)
        parameters = [self._resolved(document, p) for p in operation["parameters"]]
        found = [*_query_problems(exchange, parameters), *_header_problems(exchange, parameters)]
        body = next((p for p in parameters if p["in"] == "body"), None)
        if body is not None:
            found += self.body_problems(document, body["schema"], json.loads(exchange.body))
        form = [p for p in parameters if p["in"] == "formData"]
        if form:
            found += _form_problems(exchange, form)
        return found + self._answer_problems(exchange, operation, document)

    def _answer_problems(self, exchange: Exchange, operation: Any, document: Any) -> list[str]:
        answer = operation["responses"].get(str(exchange.status))
        if answer is None:
            return [f"status {exchange.status} is not in the specification"]
        answer = self._resolved(document, answer)
        if exchange.status == 204:
            return ["204 has a body"] if exchange.answer else []
        if "schema" not in answer:
            return []
        return self.body_problems(document, answer["schema"], json.loads(exchange.answer))

    def body_problems(self, document: Any, schema: Any, body: Any) -> list[str]:
        """Return what is wrong with a body."""
        validator = _validator(document["basePath"], json.dumps(schema, sort_keys=True), self)
        return [f"{'/'.join(map(str, e.instance_path))}: {e.message}" for e in validator.iter_errors(body)]

    def request_schema(self, operation_id: str) -> tuple[dict[str, Any], Any]:
        """Return the document of an operation and the schema of its body."""
        for *_, operation, document in self.operations:
            if operation["operationId"] == operation_id:
                parameters = (self._resolved(document, p) for p in operation["parameters"])
                return document, next(p["schema"] for p in parameters if p["in"] == "body")
        raise KeyError(operation_id)

    @staticmethod
    def _resolved(document: Any, node: Any) -> Any:
        while "$ref" in node:
            found = document
            for name in node["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            node = found
        return node


@cache
def _validator(base_path: str, schema: str, spec: OhipSpec) -> jsonschema_rs.Validator:
    document = next(d for d in spec.documents.values() if d["basePath"] == base_path)
    definitions = {name: _strict(node) for name, node in document["definitions"].items()}
    return jsonschema_rs.Draft4Validator({**_strict(json.loads(schema)), "definitions": definitions})


def _strict(node: Any) -> Any:
    """Return the schema with every object closed to properties that it does not name."""
    if isinstance(node, list):
        return [_strict(one) for one in node]
    if not isinstance(node, dict):
        return node
    closed = {name: _strict(value) for name, value in node.items()}
    if "properties" in closed and "allOf" not in closed and isinstance(node["properties"], dict):
        closed.setdefault("additionalProperties", False)
    return closed


def _query_problems(exchange: Exchange, parameters: Sequence[Any]) -> Iterator[str]:
    known = {p["name"]: p for p in parameters if p["in"] == "query"}
    sent: dict[str, list[str]] = {}
    for name, value in parse_qsl(exchange.query, keep_blank_values=True):
        sent.setdefault(name, []).append(value)
    for name, parameter in known.items():
        if parameter.get("required") and name not in sent:
            yield f"the query lacks {name}"
    for name, values in sent.items():
        parameter = known.get(name)
        if parameter is None:
            yield f"{name} is not a parameter"
            continue
        if parameter["type"] != "array" and len(values) > 1:
            yield f"{name} may come once"
        kind = parameter["items"] if parameter["type"] == "array" else parameter
        yield from (f"{name}={value}: {wrong}" for value in values for wrong in _value_problems(kind, value))


def _value_problems(kind: Any, value: str) -> Iterator[str]:
    if kind["type"] == "integer" and not re.fullmatch(r"-?\d+", value):
        yield "not a whole number"
    if kind["type"] == "boolean" and value not in ("true", "false"):
        yield "not a boolean"
    if kind.get("format") == "date" and not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        yield "not a date"
    if "enum" in kind and value not in kind["enum"]:
        yield "not one of the values"
    if len(value) > kind.get("maxLength", len(value)):
        yield "too long"


def _header_problems(exchange: Exchange, parameters: Sequence[Any]) -> Iterator[str]:
    for parameter in parameters:
        if parameter["in"] != "header":
            continue
        value = exchange.headers.get(parameter["name"].lower())
        if value is None:
            if parameter.get("required"):
                yield f"the header {parameter['name']} is missing"
        elif "pattern" in parameter and not re.search(parameter["pattern"], value):
            yield f"the header {parameter['name']} is {value!r}"


def _form_problems(exchange: Exchange, parameters: Sequence[Any]) -> Iterator[str]:
    form = dict(parse_qsl(exchange.body.decode()))
    names = {p["name"] for p in parameters}
    yield from (f"{name} is not a field of the form" for name in form if name not in names)
    for parameter in parameters:
        if parameter.get("required") and parameter["name"] not in form:
            yield f"the form lacks {parameter['name']}"
        if "enum" in parameter and form.get(parameter["name"]) not in parameter["enum"]:
            yield f"{parameter['name']} has a value that it may not have"


class Recorder:
    """Wraps an ASGI application and keeps every exchange."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.exchanges: list[Exchange] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        message = await receive()
        body += message.get("body", b"")
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
        status, answer = 0, b""

        async def again() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def keep(sent: Any) -> None:
            nonlocal status, answer
            status = sent.get("status", status)
            answer += sent.get("body", b"")
            await send(sent)

        await self.app(scope, again, keep)
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        path = unquote(scope["path"])
        self.exchanges.append(
            Exchange(scope["method"], path, scope["query_string"].decode(), headers, body, status, answer)
        )
