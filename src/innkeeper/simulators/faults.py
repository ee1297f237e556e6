"""The fault dial: makes any simulator slow, broken or unreachable, by dice or by script.

A fault is named after what the caller sees and when the work happens:

==================  ==========================================================================
``slow``            the answer comes after ``slow_seconds``; combines with any other fault
``error_before``    500 without a body, nothing was done
``error_after``     500 without a body, the work was done
``drop_before``     the connection is closed without an answer, nothing was done
``drop_after``      the connection is closed without an answer, the work was done
``drop_during``     the work was done, half of the announced body arrives, then the line drops
``truncate``        the work was done, a complete HTTP answer arrives whose body is cut in half
``too_many``        429 with ``Retry-After``, nothing was done
``maintenance``     503 with an HTML page, nothing was done
``duplicate``       the request is worked twice (a proxy that repeats), the second answer arrives
``late``            504 now, and the work is done ``late_seconds`` later
==================  ==========================================================================

On a real socket a drop closes the TCP connection (see ``server.py``). Called in-process there is no
socket to close, and :class:`ConnectionDropped` is raised out of the application instead.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

FAULTS = (
    "slow",
    "maintenance",
    "too_many",
    "error_before",
    "drop_before",
    "error_after",
    "drop_after",
    "drop_during",
    "truncate",
    "duplicate",
    "late",
)
"""Every fault, in the order in which the dice are thrown; besides ``slow`` at most one happens to a request."""

_KEYS = frozenset({"rates", "slow_seconds", "late_seconds", "retry_after", "seed", "next", "calm"})

DROP_EXTENSION = "innkeeper.drop"
"""Key in ``scope["extensions"]`` under which a server offers a callable that closes the connection."""

CONTROL_PREFIX = "/_simulator/"
"""Paths under this prefix steer the simulator and never meet a fault."""

_PAGE_503 = (
    b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body><h1>Maintenance</h1>"
    b"<p>In order to perform website maintenance, our online store will be temporarily offline.</p></body></html>"
)


class ConnectionDropped(Exception):
    """The line went dead without a (whole) answer; raised only where there is no socket to close.

    ``worked`` tells a test whether the request had been carried out before.
    """

    def __init__(self, fault: str, *, worked: bool) -> None:
        super().__init__(f"{fault}: connection dropped {'after' if worked else 'before'} the work")
        self.fault = fault
        self.worked = worked


class UnknownFaultError(ValueError):
    """A fault name that the dial does not have, or a rate outside 0..1."""


@dataclass(slots=True)
class _Scripted:
    name: str
    method: str | None
    path: str | None
    times: int

    def matches(self, method: str, path: str) -> bool:
        return (self.method is None or self.method == method) and (self.path is None or self.path in path)


class FaultDial:
    """How often which fault happens; may be turned at any time, also while requests run.

    Args:
        rates: probability 0..1 by fault name.
        seed: seed of the dice, so that a run can be repeated.
        slow_seconds: delay of ``slow``; ``late_seconds``: delay of the work in ``late``.
        retry_after: seconds announced in ``Retry-After`` by ``too_many`` and ``maintenance``.
    """

    def __init__(
        self,
        rates: Mapping[str, float] | None = None,
        *,
        seed: int = 0,
        slow_seconds: float = 1.0,
        late_seconds: float = 1.0,
        retry_after: int = 1,
    ) -> None:
        self.rates: dict[str, float] = {}
        self.slow_seconds = slow_seconds
        self.late_seconds = late_seconds
        self.retry_after = retry_after
        self.happened: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._script: deque[_Scripted] = deque()
        if rates:
            self.set(**rates)

    def set(self, **rates: float) -> None:
        """Change the named rates and leave the others. Raises UnknownFaultError."""
        for name, rate in rates.items():
            if name not in FAULTS:
                raise UnknownFaultError(f"no such fault: {name}; there are {', '.join(FAULTS)}")
            if not 0.0 <= rate <= 1.0:
                raise UnknownFaultError(f"rate of {name} must be between 0 and 1, not {rate}")
        self.rates.update({name: float(rate) for name, rate in rates.items()})
        self.rates = {name: rate for name, rate in self.rates.items() if rate > 0.0}

    def calm(self) -> None:
        """All rates to zero and the script forgotten."""
        self.rates = {}
        self._script.clear()

    def reseed(self, seed: int) -> None:
        """Start the dice anew."""
        self._random.seed(seed)

    def next(self, name: str, *, method: str | None = None, path: str | None = None, times: int = 1) -> None:
        """Script: the next ``times`` requests with this method and this text in their path meet ``name``.

        Scripted faults come before the dice and in the order in which they were given; a request that matches
        none of them throws the dice as usual. Raises UnknownFaultError.
        """
        if name not in FAULTS:
            raise UnknownFaultError(f"no such fault: {name}; there are {', '.join(FAULTS)}")
        self._script.append(_Scripted(name, method, path, times))

    @property
    def scripted(self) -> int:
        """How many scripted faults still wait for their request."""
        return sum(item.times for item in self._script)

    def choose(self, method: str, path: str) -> tuple[bool, str | None]:
        """Decide for one request: (slow?, the other fault or None)."""
        for item in self._script:
            if item.matches(method, path):
                item.times -= 1
                if not item.times:
                    self._script.remove(item)
                self.happened[item.name] += 1
                return (True, None) if item.name == "slow" else (False, item.name)
        if not self.rates:
            return False, None
        slow = False
        for name in FAULTS:
            rate = self.rates.get(name)
            if rate and self._random.random() < rate:
                self.happened[name] += 1
                if name != "slow":
                    return slow, name
                slow = True
        return slow, None

    def as_dict(self) -> dict[str, Any]:
        """State for the control endpoint."""
        return {
            "rates": {name: self.rates.get(name, 0.0) for name in FAULTS},
            "slow_seconds": self.slow_seconds,
            "late_seconds": self.late_seconds,
            "retry_after": self.retry_after,
            "scripted": self.scripted,
            "happened": dict(self.happened),
        }

    def update(self, wanted: Mapping[str, Any]) -> None:
        """Apply a document of the control endpoint: any of ``rates``, the seconds, ``seed``, ``next``, ``calm``.

        ``next`` is a list of ``{"fault", "method"?, "path"?, "times"?}``. Raises UnknownFaultError.
        """
        if unknown := sorted(set(wanted) - _KEYS):
            raise UnknownFaultError(f"no such key: {', '.join(unknown)}; there are {', '.join(sorted(_KEYS))}")
        if wanted.get("calm"):
            self.calm()
        self.set(**dict(wanted.get("rates", {})))
        for seconds in ("slow_seconds", "late_seconds"):
            if seconds in wanted:
                setattr(self, seconds, float(wanted[seconds]))
        if "retry_after" in wanted:
            self.retry_after = int(wanted["retry_after"])
        if "seed" in wanted:
            self.reseed(int(wanted["seed"]))
        for item in wanted.get("next", ()):
            self.next(item["fault"], method=item.get("method"), path=item.get("path"), times=int(item.get("times", 1)))


class FaultyApp:
    """Wraps an ASGI application with a dial and the control endpoints under ``/_simulator/``.

    ``GET /_simulator/faults`` answers the dial, ``PUT`` turns it (see :meth:`FaultDial.update`), and
    ``GET /_simulator/state`` answers what ``summary`` returns, as JSON.
    """

    def __init__(
        self, app: App, dial: FaultDial | None = None, summary: Callable[[], Mapping[str, Any]] | None = None
    ) -> None:
        self.app = app
        self.dial = dial if dial is not None else FaultDial()
        self._summary = summary
        self._late: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        if path.startswith(CONTROL_PREFIX):
            await self._control(scope, receive, send)
            return
        slow, fault = self.dial.choose(scope["method"], path)
        if slow:
            await asyncio.sleep(self.dial.slow_seconds)
        if fault is None:
            await self.app(scope, receive, send)
        else:
            await self._happen(fault, scope, receive, send)

    async def settle(self) -> None:
        """Wait until all work that a ``late`` fault postponed is done."""
        while self._late:
            await asyncio.gather(*self._late)

    async def _happen(self, fault: str, scope: Scope, receive: Receive, send: Send) -> None:
        if fault == "maintenance":
            retry = (b"retry-after", str(self.dial.retry_after).encode())
            await _answer(send, 503, _PAGE_503, b"text/html; charset=utf-8", retry)
        elif fault == "too_many":
            retry = (b"retry-after", str(self.dial.retry_after).encode())
            await _answer(send, 429, b"Too Many Requests", b"text/plain", retry)
        elif fault == "error_before":
            await _answer(send, 500, b"", b"text/html; charset=utf-8")
        elif fault == "drop_before":
            await _drop(scope, fault, worked=False)
        elif fault == "late":
            body = await read_body(receive)
            task = asyncio.create_task(self._work_later(scope, body))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            await _answer(send, 504, b"Gateway Time-out", b"text/plain")
        else:
            await self._happen_after(fault, scope, receive, send)

    async def _happen_after(self, fault: str, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        answer = await _capture(self.app, scope, body)
        if fault == "duplicate":
            answer = await _capture(self.app, scope, body)
            await answer.replay(send)
        elif fault == "error_after":
            await _answer(send, 500, b"", b"text/html; charset=utf-8")
        elif fault == "truncate":
            answer.cut()
            await answer.replay(send)
        elif fault == "drop_during":
            await answer.start(send)
            await send({"type": "http.response.body", "body": answer.body[: len(answer.body) // 2], "more_body": True})
            await _drop(scope, fault, worked=True)
        else:
            await _drop(scope, fault, worked=True)

    async def _work_later(self, scope: Scope, body: bytes) -> None:
        await asyncio.sleep(self.dial.late_seconds)
        await _capture(self.app, scope, body)

    async def _control(self, scope: Scope, receive: Receive, send: Send) -> None:
        what = scope["path"][len(CONTROL_PREFIX) :].strip("/")
        method = scope["method"]
        if what == "state" and method == "GET":
            await _answer_json(send, 200, dict(self._summary()) if self._summary else {})
        elif what == "faults" and method == "GET":
            await _answer_json(send, 200, self.dial.as_dict())
        elif what == "faults" and method == "PUT":
            try:
                self.dial.update(json.loads(await read_body(receive) or b"{}"))
            except (ValueError, KeyError, TypeError, AttributeError) as wrong:
                await _answer_json(send, 422, {"error": str(wrong)})
            else:
                await _answer_json(send, 200, self.dial.as_dict())
        else:
            await _answer_json(send, 404, {"error": "GET or PUT /_simulator/faults, GET /_simulator/state"})


class _Captured:
    """An answer that an application gave, held back."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    def cut(self) -> None:
        self.body = self.body[: len(self.body) // 2]
        self.headers = [(n, v) for n, v in self.headers if n.lower() != b"content-length"]
        self.headers.append((b"content-length", str(len(self.body)).encode()))

    async def start(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})

    async def replay(self, send: Send) -> None:
        await self.start(send)
        await send({"type": "http.response.body", "body": self.body})


async def read_body(receive: Receive) -> bytes:
    """The whole request body."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


async def _capture(app: App, scope: Scope, body: bytes) -> _Captured:
    captured = _Captured()

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    await app(scope, receive, captured.take)
    return captured


async def _drop(scope: Scope, fault: str, *, worked: bool) -> None:
    close = (scope.get("extensions") or {}).get(DROP_EXTENSION)
    if close is None:
        raise ConnectionDropped(fault, worked=worked)
    await close()


async def _answer(send: Send, status: int, body: bytes, content_type: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _answer_json(send: Send, status: int, document: Mapping[str, Any]) -> None:
    await _answer(send, status, json.dumps(document).encode(), b"application/json")
