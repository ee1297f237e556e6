"""The wire that REST PMS connectors share: one request, its deadline, its failure, its log, and a circuit breaker."""

import asyncio
import json
import logging
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from itertools import cycle
from typing import Any
from urllib.parse import urlencode

import httpx2
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from innkeeper.connectors.base import RequestBudget
from innkeeper.connectors.failures import CallFailed
from innkeeper.connectors.http import NOT_SENT, Exchange, ExchangeListener, redact, retry_after_seconds
from innkeeper.domain.business_day import utc_now

_log = logging.getLogger(__name__)

Clock = Callable[[], datetime]
Sleep = Callable[[float], Awaitable[None]]
Query = Sequence[tuple[str, str]]

#: Pools of connections, and how many connections each of them may open.
_POOLS, _EACH = 16, 4

#: Failures that say that the other side as a whole is not well, as opposed to one request.
_ILL = frozenset({"CONNECTION_FAILED", "TIMEOUT", "LINE_DROPPED", "GATEWAY", "MAINTENANCE"})


@dataclass(frozen=True, slots=True)
class Wire:
    """What a test or the caller may replace of the wire; the defaults are the real ones."""

    transport: httpx2.AsyncBaseTransport | None = None
    budget: RequestBudget | None = None
    breaker: AsyncCircuitBreakerFactory | None = None
    on_exchange: ExchangeListener | None = None
    sleep: Sleep = asyncio.sleep
    clock: Clock = utc_now


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `path` begins with a slash and is logged; so are the names of the query, its values are not."""

    method: str
    path: str
    query: Query = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    form: Mapping[str, str] | None = None
    auth: tuple[str, str] | None = None

    @property
    def operation(self) -> str:
        """What a log, a person or an evidence calls it."""
        return f"{self.method} {self.path}"


def status_key(status: int) -> str | None:
    """Return the policy key of an HTTP status, None for success. 400 and its like are POSTING_REJECTED."""
    if status < 300:
        return None
    if status < 400:
        return "WRONG_ADDRESS"
    special = {
        401: "CREDENTIALS_REFUSED",
        403: "NOT_AUTHORIZED",
        408: "GATEWAY",
        429: "RATE_LIMITED",
        502: "GATEWAY",
        503: "MAINTENANCE",
        504: "GATEWAY",
    }
    return special.get(status, "POSTING_REJECTED" if status < 500 else "SERVER_ERROR")


#: Says which failure an answer is, None for success.
Classify = Callable[[httpx2.Response, Call], CallFailed | None]


class RestClient:
    """Sends one request at a time and raises CallFailed for whatever is not a good answer. Repeats nothing."""

    def __init__(
        self,
        base_url: str,
        circuit: str,
        classify: Classify,
        *,
        timeout_seconds: float,
        breaker_threshold: int,
        breaker_seconds: float,
        wire: Wire,
    ) -> None:
        self.requests_made = 0
        self._base_url = base_url.rstrip("/")
        self._circuit = circuit
        self._classify = classify
        self._wire = wire
        self._breakers = wire.breaker or AsyncCircuitBreakerFactory(breaker_threshold, breaker_seconds)
        # no client around it: redirects, cookies and the rest of a browser are nothing that a PMS may ask of us
        # several small pools, since a pool looks at each of its idle connections whenever a request begins or ends
        self._pools = [wire.transport] if wire.transport else _transports()
        self._turns = cycle(self._pools)
        timeout = httpx2.Timeout(timeout_seconds, connect=min(5.0, timeout_seconds))
        self._extensions = {"timeout": timeout.as_dict()}
        # the deadline of httpx2 is per read: a server that trickles bytes would hold a waiter at the table for ever
        self._deadline = timeout_seconds

    async def aclose(self) -> None:
        """Close the connections."""
        for transport in self._pools:
            await transport.aclose()

    async def send(self, call: Call) -> httpx2.Response:
        """Return the good answer, read to its end. Raises CallFailed."""
        async with self._guarded(call):
            if self._wire.budget is not None:
                wait = await self._wire.budget.take()
                if wait > 0:
                    await self._wire.sleep(wait)
            response = await self._exchange(call)
            failure = self._classify(response, call)
            if failure is not None:
                failure.retry_after = retry_after_seconds(response.headers, self._wire.clock())
                raise failure
            return response

    @asynccontextmanager
    async def _guarded(self, call: Call) -> AsyncIterator[None]:
        """Let nothing through while the circuit is open, and count what speaks of illness."""
        breaker = await self._breakers.get_breaker(
            self._circuit, exclude=[(CallFailed, lambda error: error.key not in _ILL), asyncio.CancelledError]
        )
        try:
            async with breaker:
                yield
        except OpenedState as opened:
            left = max(1.0, opened.opened_at + breaker.context.ttl - time.time())
            opened.__traceback__ = None  # the same object is raised for every caller and would collect their frames
            raise CallFailed(
                "CIRCUIT_OPEN", "several failures in a row", operation=call.operation, retry_after=left
            ) from None

    async def _exchange(self, call: Call) -> httpx2.Response:
        request = self._request(call)
        started = time.perf_counter()
        self.requests_made += 1
        response: httpx2.Response | None = None
        failure: str | None = None
        try:
            async with asyncio.timeout(self._deadline):
                answer = await next(self._turns).handle_async_request(request)
                answer.request = request
                try:
                    await answer.aread()
                finally:
                    await answer.aclose()
            response = answer
            return response
        except TimeoutError as error:
            failure = "deadline"
            raise CallFailed("TIMEOUT", failure, operation=call.operation) from error
        except httpx2.HTTPError as error:
            failure = type(error).__name__  # the message may hold the address; the kind says enough
            raise CallFailed(_transport_key(error), failure, operation=call.operation) from error
        finally:
            self._tell(call, request, response, failure, started)

    def _request(self, call: Call) -> httpx2.Request:
        headers = {"Accept-Encoding": "gzip, deflate", "User-Agent": "Innkeeper", **call.headers}
        content: bytes | None = None
        if call.json is not None:
            content = json.dumps(call.json, ensure_ascii=False).encode()
            headers.setdefault("Content-Type", "application/json;charset=UTF-8")
        if call.auth is not None:
            headers["Authorization"] = f"Basic {b64encode(':'.join(call.auth).encode()).decode()}"
        url = f"{self._base_url}{call.path}{'?' if call.query else ''}{urlencode(call.query)}"
        return httpx2.Request(
            call.method, _url(url), headers=headers, content=content, data=call.form, extensions=self._extensions
        )

    def _tell(
        self,
        call: Call,
        request: httpx2.Request,
        response: httpx2.Response | None,
        failure: str | None,
        started: float,
    ) -> None:
        if self._wire.on_exchange is None or call.form is not None:  # a form carries credentials
            return
        names = ",".join(sorted({name for name, _ in call.query}))
        exchange = Exchange(
            method=call.method,
            path=call.path + (f"?{names}" if names else ""),
            status=response.status_code if response is not None else None,
            duration_ms=(time.perf_counter() - started) * 1000,
            request_body=redact(request.content.decode("utf-8", "replace")),
            response_body=redact(response.text) if response is not None else "",
            error=failure,
        )
        try:
            self._wire.on_exchange(exchange)
        except Exception:  # noqa: BLE001  a log that cannot be written must not lose the answer of a charge
            _log.exception("the listener of PMS exchanges failed")


def _transports() -> list[httpx2.AsyncBaseTransport]:
    # kept open only briefly, so that a charge seldom meets a connection that the server has just closed
    limits = httpx2.Limits(max_connections=_EACH, max_keepalive_connections=_EACH, keepalive_expiry=4.0)
    trust = httpx2.create_ssl_context(trust_env=False)  # reading the authorities takes a while, so once for all
    return [httpx2.AsyncHTTPTransport(verify=trust, limits=limits, trust_env=False) for _ in range(_POOLS)]


@lru_cache(maxsize=4096)
def _url(text: str) -> httpx2.URL:
    """Return the address, taken apart once: rooms and bills come again and again."""
    return httpx2.URL(text)


def _transport_key(error: httpx2.HTTPError) -> str:
    if isinstance(error, NOT_SENT):
        return "CONNECTION_FAILED"
    return "TIMEOUT" if isinstance(error, httpx2.TimeoutException) else "LINE_DROPPED"


def parse_json(response: httpx2.Response, call: Call) -> Any:
    """Return the parsed body, numbers with a point as Decimal. Raises CallFailed with BROKEN_ANSWER."""
    try:
        return json.loads(response.content, parse_float=Decimal)
    except ValueError as error:
        raise CallFailed(
            "BROKEN_ANSWER", "not whole JSON", operation=call.operation, status=response.status_code
        ) from error
