"""The wire to QloApps: authentication, formats, error forms, budget, retries of reads, circuit breaker."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx2
import stamina
from lxml import etree
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from innkeeper.connectors.base import RequestBudget
from innkeeper.connectors.http import (
    NOT_SENT,
    Exchange,
    ExchangeListener,
    load_json,
    parse_xml,
    redact,
    redact_path,
    request_id,
    retry_after_seconds,
)
from innkeeper.connectors.qloapps.config import BREAKER_SECONDS, BREAKER_THRESHOLD, QloAppsSettings
from innkeeper.connectors.qloapps.errors import QloAppsConnectionError, QloAppsError, error_for, reason_of

_log = logging.getLogger(__name__)

Clock = Callable[[], datetime]
Sleep = Callable[[float], Awaitable[None]]

#: Failures after which asking the same thing again a moment later may succeed.
_PASSING = frozenset({"CONNECTION_ERROR", "TIMEOUT", "LINE_DROPPED", "SERVER_ERROR", "BROKEN_ANSWER", "GATEWAY"})
#: Failures that say that QloApps as a whole is not well, as opposed to one request.
_ILL = frozenset({"CONNECTION_ERROR", "TIMEOUT", "LINE_DROPPED", "GATEWAY", "MAINTENANCE"})

#: Our words for the library's.
_CIRCUITS = {"closed": "closed", "opened": "open", "half-opened": "half-open"}


def utc_now() -> datetime:
    """Return the current instant."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer: the status and the body, still unread."""

    status: int
    body: bytes


class QloAppsClient:
    """Sends one request at a time, each within the budget, and raises QloAppsError for whatever is not an answer.

    Reads are repeated a few times when the failure may pass; writes never are. Facts of the wire: WEBSERVICE.md
    sections 1 and 2.
    """

    def __init__(
        self,
        settings: QloAppsSettings,
        budget: RequestBudget,
        *,
        clock: Clock = utc_now,
        transport: httpx2.AsyncBaseTransport | None = None,
        breaker: AsyncCircuitBreakerFactory | None = None,
        on_exchange: ExchangeListener | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.settings = settings
        self.requests_made = 0
        #: The other side's clock at its last answer, in seconds since 1970, and ours at that moment.
        self.access_time: float | None = None
        #: Whether requests may leave: `closed`, `open` after several failures in a row, `half-open` on trial.
        self.circuit = "closed"
        self.clock_skew_seconds = 0.0
        self._api = settings.api_url
        self._budget = budget
        self._clock = clock
        self._sleep = sleep
        self._on_exchange = on_exchange
        self._circuit = f"qloapps {self._api} hotel {settings.hotel_id}"
        self._breakers = breaker or AsyncCircuitBreakerFactory(BREAKER_THRESHOLD, BREAKER_SECONDS)
        self._http = httpx2.AsyncClient(
            auth=httpx2.BasicAuth(settings.api_key, ""),
            timeout=httpx2.Timeout(settings.timeout_seconds, connect=min(10.0, settings.timeout_seconds)),
            # short, so that a write seldom meets a connection that the server has just closed
            limits=httpx2.Limits(max_connections=4, max_keepalive_connections=2, keepalive_expiry=2.0),
            follow_redirects=False,
            trust_env=False,
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"QloAppsClient({self._api!r}, hotel {self.settings.hotel_id})"

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def now(self) -> datetime:
        """Return the present instant by our own clock."""
        return self._clock()

    def server_now(self) -> datetime:
        """Return the present instant by the other side's clock, as far as it has told it."""
        return datetime.fromtimestamp(self._clock().timestamp() + self.clock_skew_seconds, UTC)

    # reading -------------------------------------------------------------------------------------------------------

    async def get_json(self, resource: str, query: Mapping[str, str] | None = None) -> Any:
        """Return the parsed JSON of a GET. Raises QloAppsError."""
        answer = await self._read("GET", resource, query)
        return _json(answer, f"GET /{resource}")

    async def get_xml(self, resource: str) -> etree._Element:
        """Return the root element of a GET answered in XML. Raises QloAppsError."""
        answer = await self._read("GET", resource, None, xml=True)
        return _xml(answer, f"GET /{resource}")

    async def rows(self, resource: str, key: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return the rows of a list; `key` is the name they come under. Nothing found is `[]` on the wire too."""
        document = await self.get_json(resource, query)
        if isinstance(document, list):
            return []
        try:
            return list(document[key])
        except (KeyError, TypeError) as error:
            raise QloAppsError(f"no {key} in the list", "BROKEN_ANSWER", 200, f"GET /{resource}") from error

    async def search_ari(self, document: etree._Element) -> Any:
        """Return the parsed JSON of a rates and availability search: a POST that changes nothing, in XML only."""
        answer = await self._read("POST", "hotel_ari", None, content=_xml_bytes(document), content_type="text/xml")
        return _json(answer, "POST /hotel_ari")

    # writing -------------------------------------------------------------------------------------------------------

    async def send_booking(self, method: str, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Send a booking (JSON) once and return what stands under `booking`, with an id. Raises QloAppsError."""
        body = json.dumps(document, ensure_ascii=False).encode()
        operation = f"{method} /{path}"
        answer = await self._send(method, path, None, content=body, content_type="application/json")
        parsed = _json(answer, operation)
        booking = parsed.get("booking") if isinstance(parsed, dict) else None
        if answer.status != 200 or not isinstance(booking, dict) or not booking.get("id"):
            raise QloAppsError("the answer holds no booking with an id", "BROKEN_ANSWER", answer.status, operation)
        return booking

    async def send_xml(self, method: str, path: str, document: etree._Element) -> etree._Element:
        """Send a document (XML) once and return the root of the answer. Raises QloAppsError."""
        answer = await self._send(
            method, path, None, content=_xml_bytes(document), content_type="text/xml", accept_xml=True
        )
        return _xml(answer, f"{method} /{path}")

    async def delete(self, path: str) -> None:
        """Delete a record; the answer has no body [272] [343]. Raises QloAppsError."""
        await self._send("DELETE", path, None)

    # the wire ------------------------------------------------------------------------------------------------------

    async def _read(
        self,
        method: str,
        resource: str,
        query: Mapping[str, str] | None,
        *,
        xml: bool = False,
        content: bytes | None = None,
        content_type: str = "",
    ) -> Answer:
        attempts = stamina.retry_context(
            on=lambda error: isinstance(error, QloAppsError) and error.reason in _PASSING,
            attempts=self.settings.max_retries,
            timeout=None,
            wait_initial=self.settings.retry_delay_seconds,
            wait_jitter=self.settings.retry_delay_seconds,
        )
        async for attempt in attempts:
            with attempt:
                answer = await self._send(
                    method, resource, query, content=content, content_type=content_type, accept_xml=xml
                )
                _check_whole(answer, f"{method} /{resource}", xml=xml)
        return answer

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        *,
        content: bytes | None = None,
        content_type: str = "",
        accept_xml: bool = False,
    ) -> Answer:
        operation = f"{method} /{path}"
        async with self._guarded(operation):
            wait = await self._budget.take()
            if wait > 0:
                await self._sleep(wait)
            response = await self._exchange(method, path, query, content, content_type, accept_xml)
            self._note_clock(response)
            _raise_for(response, operation, self._clock())
            return Answer(response.status_code, response.content)

    @asynccontextmanager
    async def _guarded(self, operation: str) -> AsyncIterator[None]:
        """Let nothing through while the circuit is open, and count what speaks of illness."""
        breaker = await self._breakers.get_breaker(
            self._circuit, exclude=[(QloAppsError, lambda error: error.reason not in _ILL), asyncio.CancelledError]
        )
        try:
            async with breaker:
                yield
        except OpenedState as opened:
            left = max(1.0, opened.opened_at + breaker.context.ttl - time.time())
            error = QloAppsConnectionError("several failures in a row", "CIRCUIT_OPEN", operation)
            error.retry_after = left
            raise error from None
        finally:
            self.circuit = _CIRCUITS[breaker.context.state]

    async def _exchange(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        content: bytes | None,
        content_type: str,
        accept_xml: bool,
    ) -> httpx2.Response:
        headers = {} if accept_xml else {"Output-Format": "JSON"}
        if content_type:
            headers["Content-Type"] = content_type
        caller = request_id.get()
        if caller:
            headers["X-Request-Id"] = caller
        tail = path + ("?" + _query(query) if query else "")
        started = time.perf_counter()
        self.requests_made += 1
        response: httpx2.Response | None = None
        failure: str | None = None
        try:
            response = await self._http.request(method, f"{self._api}/{tail}", content=content, headers=headers)
            return response
        except httpx2.HTTPError as error:
            failure = type(error).__name__
            raise _transport_failure(error, f"{method} /{path}") from error
        finally:
            self._tell(method, tail, content, response, failure, started)

    def _tell(
        self,
        method: str,
        tail: str,
        content: bytes | None,
        response: httpx2.Response | None,
        failure: str | None,
        started: float,
    ) -> None:
        if self._on_exchange is None:
            return
        exchange = Exchange(
            method=method,
            path="/api/" + redact_path(tail),
            status=response.status_code if response is not None else None,
            duration_ms=(time.perf_counter() - started) * 1000,
            request_body=redact((content or b"").decode("utf-8", "replace")),
            response_body=redact(response.text) if response is not None else "",
            error=failure,
        )
        try:
            self._on_exchange(exchange)
        except Exception:  # noqa: BLE001  a log that cannot be written must not lose the answer of a write
            _log.exception("the listener of QloApps exchanges failed")

    def _note_clock(self, response: httpx2.Response) -> None:
        text = response.headers.get("access-time", "")
        if text.isdigit():
            self.access_time = float(text)
            skew = self.access_time - self._clock().timestamp()
            # the header has whole seconds: what is within them is no skew
            self.clock_skew_seconds = 0.0 if -1.5 < skew < 0.5 else skew


def _query(query: Mapping[str, str]) -> str:
    """Return the query with brackets, commas and `>` as QloApps' own examples write them, all else encoded."""
    return "&".join(f"{quote(key, safe='[]')}={quote(value, safe='[],:')}" for key, value in query.items())


def _transport_failure(error: httpx2.HTTPError, operation: str) -> QloAppsConnectionError:
    kind = type(error).__name__  # the message may hold the address, never the key; the kind says enough
    if isinstance(error, NOT_SENT):
        return QloAppsConnectionError(kind, "CONNECTION_ERROR", operation)
    if isinstance(error, httpx2.TimeoutException):
        return QloAppsConnectionError(kind, "TIMEOUT", operation)
    return QloAppsConnectionError(kind, "LINE_DROPPED", operation)


def _raise_for(response: httpx2.Response, operation: str, now: datetime) -> None:
    """Raise the QloAppsError of an answer that is a failure, whatever form the failure has."""
    kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
    spoken = kind in ("application/json", "text/xml", "application/xml")
    status = response.status_code
    if status < 300:
        if not spoken and response.content:
            # a validation exception inside QloApps answers 200 with this text, and has done nothing [157]
            reason = "FATAL_ERROR" if response.content.strip()[:11] == b"Fatal error" else "BROKEN_ANSWER"
            raise error_for(reason, status, [f"HTTP {status}, not QloApps' own format"], operation)
        return
    numbers, texts = _errors_in(response.content, kind) if spoken else ([], [])
    reason = reason_of(status, numbers, " ".join(texts))
    if status == 404 and response.content.strip() and not texts:
        reason = "WRONG_ADDRESS"  # QloApps' own 404 has no body [056]
    if status == 400 and response.content.strip() and not texts:
        reason = "BROKEN_ANSWER"  # cut off: what QloApps does not take would have been named
    if reason == "WRONG_ADDRESS" and _sent_back(response):
        reason = "HOST_WITHOUT_PORT"
    raise error_for(reason, status, texts, operation, retry_after_seconds(response.headers, now))


def _sent_back(response: httpx2.Response) -> bool:
    """Whether a shop on a port of its own sends us to the very address that was asked, on that port."""
    asked = response.request.url
    try:
        told = asked.join(response.headers.get("location", ""))
    except httpx2.InvalidURL:
        return False
    same = (told.scheme, told.host, told.port) == (asked.scheme, asked.host, asked.port)
    return response.is_redirect and asked.port is not None and same


def _errors_in(body: bytes, kind: str) -> tuple[list[int], list[str]]:
    """Return the numbers and messages of QloApps' error envelope in either format."""
    try:
        if kind == "application/json":
            found = [(str(e.get("code", "")), str(e.get("message", ""))) for e in json.loads(body)["errors"]]
        else:
            root = parse_xml(body)
            found = [(e.findtext("code", ""), e.findtext("message", "")) for e in root.iter("error")]
    except (ValueError, KeyError, TypeError, AttributeError):
        return [], []
    return [int(code) for code, _ in found if code.strip().isdigit()], [text.strip() for _, text in found]


def _json(answer: Answer, operation: str) -> Any:
    try:
        return load_json(answer.body)
    except ValueError as error:
        raise QloAppsError("the JSON is cut off", "BROKEN_ANSWER", answer.status, operation) from error


def _xml(answer: Answer, operation: str) -> etree._Element:
    try:
        return parse_xml(answer.body)
    except ValueError as error:
        raise QloAppsError("the XML is cut off", "BROKEN_ANSWER", answer.status, operation) from error


def _check_whole(answer: Answer, operation: str, *, xml: bool) -> None:
    """Raise BROKEN_ANSWER when the body does not end as a whole document does, so that a read is repeated."""
    tail = answer.body.rstrip()[-1:]
    if tail not in ((b">",) if xml else (b"}", b"]")):
        raise QloAppsError("the answer is cut off", "BROKEN_ANSWER", answer.status, operation)


def _xml_bytes(document: etree._Element) -> bytes:
    return etree.tostring(document, xml_declaration=True, encoding="UTF-8")


def id_filter(ids: Sequence[int]) -> str:
    """Return the filter value that means one of these ids."""
    return "[" + "|".join(str(i) for i in ids) + "]"
