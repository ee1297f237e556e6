"""The webservice itself: who may ask what, in which format, and which module answers."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from innkeeper.simulators.faults import FaultDial, FaultyApp, Message, Receive, Scope, Send, read_body
from innkeeper.simulators.qloapps import render_json, render_xml
from innkeeper.simulators.qloapps.answers import Answer, Request
from innkeeper.simulators.qloapps.errors import NotFoundError, PhpCrashError, WebserviceError, closest
from innkeeper.simulators.qloapps.listing import parse_query
from innkeeper.simulators.qloapps.model import METHODS, ApiKey
from innkeeper.simulators.qloapps.reading import read
from innkeeper.simulators.qloapps.resources import resource_names
from innkeeper.simulators.qloapps.state import ShopState
from innkeeper.simulators.qloapps.write_dispatch import hotel_ari, write, write_booking_request

KEY_LENGTH = 32
HTML = b"text/html; charset=utf-8"
_REALM = b'Basic realm="Welcome to QloApps Webservice, please enter the authentication key as the login."'


class QloAppsApp(FaultyApp):
    """A simulated QloApps as an ASGI application, with its state and its fault dial at hand."""

    def __init__(self, state: ShopState, dial: FaultDial | None = None) -> None:
        super().__init__(Webservice(state), dial, state.summary)
        self.state = state


def qloapps_app(
    state: ShopState | None = None, dial: FaultDial | None = None, *, version: str = "1.7.0", **options: Any
) -> QloAppsApp:
    """An application around ``state``, or around the demo hotel; ``options`` are those of ``ShopState.demo``."""
    return QloAppsApp(state if state is not None else ShopState.demo(version=version, **options), dial)


@dataclass(slots=True)
class Webservice:
    """The bare webservice, without faults."""

    state: ShopState

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        headers = {bytes(name): bytes(value).decode("latin-1") for name, value in scope["headers"]}
        method: str = scope["method"]
        body = await read_body(receive) if method in ("POST", "PUT", "PATCH") else b""
        answer = await self._answer(scope, headers, method, body)
        await _send(send, answer, method, self.state, time.perf_counter() - started)

    async def _answer(self, scope: Scope, headers: Mapping[bytes, str], method: str, body: bytes) -> Answer:
        path: str = scope["path"]
        host = headers.get(b"host", "localhost")
        if self.state.domain is not None and host != self.state.domain:
            target = path.removeprefix("/api").strip("/")
            return Answer.page(302, b"", {"Location": f"http://{self.state.domain}/?url={target}"})
        if path != "/api" and not path.startswith("/api/"):
            return Answer.page(404, b"")
        query = parse_query(scope.get("query_string", b""))
        request = Request(
            method=method,
            path=tuple(unquote(part) for part in path.removeprefix("/api").strip("/").split("/") if part),
            query=query,
            json=_wants_json(headers, query.params),
            base=f"http://{host}/api",
            host=host.partition(":")[0],
            body=body,
        )
        key = _key_of(headers, query.params)
        if key is None:
            return Answer.page(401, b"401 Unauthorized", {"WWW-Authenticate": _REALM.decode()})
        try:
            return await self._work(request, self._checked_key(key))
        except WebserviceError as refused:
            return request.errors(refused.status, refused.errors)
        except PhpCrashError as crash:
            return Answer.page(crash.status, crash.body)
        except NotFoundError:
            return Answer(404, None, b"")

    def _checked_key(self, text: str) -> ApiKey:
        """Raises WebserviceError for a key that opens nothing [021] - [027] [497]."""
        if not self.state.webservice_on:
            raise WebserviceError(
                503, 22, "The QloApps webservice is disabled. Please activate it in the QloApps Back Office"
            )
        if len(text) != KEY_LENGTH:
            raise WebserviceError(401, 18, "Invalid authentication key format")
        key = self.state.keys.get(text)
        no_permission = (21, "No permission for this authentication key")
        if key is None or not key.active:
            raise WebserviceError(401, 20, "Authentification key is not active", no_permission)
        if key.permissions is not None and not key.permissions:
            raise WebserviceError(401, *no_permission)
        return key

    async def _work(self, request: Request, key: ApiKey) -> Answer:
        if request.method not in METHODS:
            raise WebserviceError(405, 23, f"Method {request.method} is not valid")
        if not request.path:
            return _root(self.state, request, key)
        resource = request.path[0]
        self._check_permission(resource, request.method, key)
        if resource == "hotel_ari":
            return hotel_ari(self.state, request)
        if request.method in ("GET", "HEAD"):
            return read(self.state, request)
        if resource == "bookings":
            if request.method == "DELETE":
                raise WebserviceError(405, 101, "Method DELETE is not allowed for the resource bookings")
            return await write_booking_request(self.state, request, asyncio.sleep)
        return write(self.state, request)

    def _check_permission(self, resource: str, method: str, key: ApiKey) -> None:
        names = resource_names(self.state.version)
        if resource not in names:
            listed = ", ".join(f'"{name}"' for name in names)
            raise WebserviceError(
                400,
                27,
                f'Resource of type "{resource}" does not exists. Did you mean: "{closest(resource, names)}"? '
                f"The full list is: {listed}",
            )
        allowed = key.methods(resource)
        if not allowed:
            raise WebserviceError(401, 26, f'Resource of type "{resource}" is not allowed with this authentication key')
        if method not in allowed:
            raise WebserviceError(
                405, 25, f"Method {method} is not allowed for the resource {resource} with this authentication key"
            )


def _wants_json(headers: Mapping[bytes, str], params: Mapping[str, str]) -> bool:
    """Upper case ``JSON`` in a header, which wins, or in the query; ``Accept`` is not looked at [003] - [008] [016]."""
    for name in (b"io-format", b"output-format"):
        if name in headers:
            return headers[name] == "JSON"
    return params.get("io_format", params.get("output_format")) == "JSON"


def _key_of(headers: Mapping[bytes, str], params: Mapping[str, str]) -> str | None:
    """The key from Basic authentication or ``ws_key``; None without credentials."""
    scheme, _, encoded = headers.get(b"authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(encoded, validate=True).decode("latin-1").partition(":")[0]
        except (binascii.Error, ValueError):
            return ""
    return params.get("ws_key")


#: What the list of resources shows without a schema.
_WITHOUT_SCHEMA = frozenset({"bookings", "hotel_ari", "images", "qlo", "search"})


def _root(state: ShopState, request: Request, key: ApiKey) -> Answer:
    """The granted resources: names in JSON, with the methods in XML [001] [002] [028]."""
    granted = [name for name in resource_names(state.version) if key.methods(name)]
    if request.json:
        return Answer.json(render_json.dumps(granted))
    lines = [f'<api shopName="{state.shop_name}">']
    for name in granted:
        allowed = key.methods(name)
        methods = " ".join(
            f'{one.lower()}="{"true" if one in allowed else "false"}"'
            for one in ("GET", "PUT", "POST", "DELETE", "HEAD")
        )
        link = f'xlink:href="{request.base}/{name}"'
        lines.append(f"<{name} {link} {methods}>")
        lines.append(f"<description {link} {methods}>\n{name.replace('_', ' ').capitalize()}</description>")
        if name not in _WITHOUT_SCHEMA:
            lines += [
                f'<schema xlink:href="{request.base}/{name}?schema={kind}" type="{kind}"/>'
                for kind in ("blank", "synopsis")
            ]
        lines.append(f"</{name}>")
    lines.append("</api>")
    return Answer.xml(render_xml.document("\n".join(lines)))


async def _send(send: Send, answer: Answer, method: str, state: ShopState, seconds: float) -> None:
    headers: list[tuple[bytes, bytes]] = []
    if answer.content_type is not None:
        headers.append((b"content-type", answer.content_type))
    headers.append((b"content-length", str(len(answer.body)).encode()))
    if answer.by_webservice:
        headers += [
            (b"access-time", str(state.unix_time()).encode()),
            (b"x-powered-by", b"PrestaShop Webservice"),
            (b"psws-version", b"1.6.1.23"),
            (b"execution-time", f"{seconds:.3f}".encode()),
        ]
    headers += [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
    start: Message = {"type": "http.response.start", "status": answer.status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})
