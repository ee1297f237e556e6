"""What happens to every request: its id, its log line, its measurement, the headers that protect a browser."""

import asyncio
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars, unbind_contextvars

from innkeeper.telemetry.logging import get_logger, request_id
from innkeeper.telemetry.metrics import observe_request
from innkeeper.web.problems import BodyTooLarge, answer, on_unexpected

log = get_logger("innkeeper.http")

_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")

#: Only what we serve ourselves, no scripts or styles inside a page, no frames around it.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}

#: Asked for every few seconds by machines; their success is not worth a line.
_UNREMARKABLE = frozenset({"/healthz", "/readyz", "/metrics", "/overview/sections", "/static"})

_FIRST_ERROR = 400


class RequestMiddleware:
    """Outermost: gives a request its id, tells it to the logs and to `ids`, and answers what nobody else caught.

    `ids` are the context variables that hold the id for others, such as the connectors, whose calls bear it too.
    """

    def __init__(self, app: ASGIApp, ids: Sequence[ContextVar[str | None]] = (request_id,)) -> None:
        self._app = app
        self._ids = ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        identity = given if _WELL_FORMED.fullmatch(given) else secrets.token_hex(10)
        tokens = [(variable, variable.set(identity)) for variable in self._ids]
        try:
            with bound_contextvars(method=scope["method"]):
                await self._serve(scope, receive, send, identity)
        finally:
            unbind_contextvars("caller")
            for variable, token in tokens:
                variable.reset(token)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, identity: str) -> None:
        status = 0
        started = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _protect(MutableHeaders(scope=message), scope["path"], identity)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001  the last resort: it is logged, counted and answered
            response = on_unexpected(Request(scope), error, route_template(scope))
            if status:
                return  # the head of an answer is out; cutting it off is all that can be said
            await response(scope, receive, send_with_headers)
        finally:
            seconds = time.perf_counter() - started
            route = route_template(scope)
            observe_request(scope["method"], route, status, seconds)
            if route not in _UNREMARKABLE or status >= _FIRST_ERROR:
                log.info("request", route=route, status=status, duration_ms=round(seconds * 1000, 1))


#: A body that is refused is read to its end up to so many bytes and seconds, and thrown away: who sends all of it
#: before he listens would find the line cut and never hear why.
_HEARD_OUT, _PATIENCE = 32 * 1024 * 1024, 10.0


class BodyLimitMiddleware:
    """Refuses a body that is larger than the limit, before it is kept where its length was announced.

    `larger` are the addresses that may take more, with their limit in bytes.
    """

    def __init__(self, app: ASGIApp, limit: int, larger: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._limit = limit
        self._larger = dict(larger or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._larger.get(scope["path"], self._limit)
        headers = Headers(scope=scope)
        announced = headers.get("content-length", "")
        if announced.isascii() and announced.isdigit() and int(announced) > limit:
            if int(announced) <= _HEARD_OUT and "expect" not in headers:  # else he waits for our word before he sends
                await _hear_out(receive, 0)
            await answer(Request(scope), BodyTooLarge(limit))(scope, receive, send)
            return
        taken = 0

        async def receive_within_limit() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                if message.get("more_body"):
                    await _hear_out(receive, taken)
                # The framework passes on its own kind of error only, while it reads a body.
                raise HTTPException(BodyTooLarge.status, BodyTooLarge(limit).detail)
            return message

        await self._app(scope, receive_within_limit, send)


async def _hear_out(receive: Receive, taken: int) -> None:
    """Throw the rest of a body away, as far as that is worth it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            while taken <= _HEARD_OUT:
                message = await receive()
                taken += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body"):
                    return


def route_template(scope: Scope) -> str:
    """Return the route without what was asked for in it: `/api/rooms/{room}` for `/api/rooms/412`."""
    route = scope.get("route")
    if route is None:
        if scope["path"].startswith("/static/"):
            return "/static"
        return scope["path"] if scope["path"] == "/api/openapi.json" else "unmatched"
    template = getattr(route, "path", "")
    if not scope.get("path_params"):
        # Also right for routes under a prefix, which know only their own part of the path.
        return scope["path"] if scope["path"].endswith(template) and "{" not in template else template or "unmatched"
    segments = scope["path"].split("/")
    for name, value in reversed(list(scope["path_params"].items())):
        written = str(value)
        for index in range(len(segments) - 1, -1, -1):
            if segments[index].lower() == written.lower():
                segments[index] = f"{{{name}}}"
                break
        else:
            return template
    return "/".join(segments)


def _protect(headers: MutableHeaders, path: str, identity: str) -> None:
    headers["X-Request-Id"] = identity
    headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", "no-store" if path.startswith("/api/") else "private, no-cache")
