"""A simulated shop with a connector to it, and the drafts that tests send there."""

from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx2
from purgatory import AsyncCircuitBreakerFactory

from innkeeper.connectors.http import Exchange
from innkeeper.connectors.qloapps import QloAppsConnector, QloAppsSettings
from innkeeper.domain.channel import BookingDraft, DraftGuest, DraftLine, WriteResult
from innkeeper.domain.outcome import Done, Outcome
from innkeeper.domain.stay import Stay, StayStatus
from innkeeper.simulators.faults import ConnectionDropped, FaultDial
from innkeeper.simulators.qloapps import QloAppsApp, ShopState, qloapps_app
from innkeeper.simulators.qloapps.actors import BackOffice, Guest
from innkeeper.simulators.qloapps.actors import Stay as TheirStay
from innkeeper.simulators.qloapps.state import DEMO_KEY

VERSIONS = ("1.7.0", "dev-2024-10")


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, start: datetime) -> None:
        self.now = start

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


class NoLimit:
    """A budget that lets every request leave at once."""

    def __init__(self) -> None:
        self.taken = 0

    async def take(self) -> float:
        """Reserve one request."""
        self.taken += 1
        return 0.0


class InProcess(httpx2.AsyncBaseTransport):
    """Calls a simulator without a socket; a dropped connection looks as it does on one.

    `without` names headers that a proxy takes away.
    """

    def __init__(self, app: QloAppsApp, without: Collection[str] = ()) -> None:
        self._inner = httpx2.ASGITransport(app=app)
        self._without = without

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the simulator's answer, or fail as a socket would."""
        try:
            answer = await self._inner.handle_async_request(request)
        except ConnectionDropped as dropped:
            raise httpx2.RemoteProtocolError(str(dropped), request=request) from dropped
        for name in self._without:
            del answer.headers[name]
        return answer


@dataclass
class Shop:
    """A shop, the connector to it, and what they said to each other."""

    app: QloAppsApp
    clock: Clock
    connector: QloAppsConnector
    exchanges: list[Exchange] = field(default_factory=list)

    @property
    def state(self) -> ShopState:
        """The shop's tables."""
        return self.app.state

    @property
    def dial(self) -> FaultDial:
        """What goes wrong."""
        return self.app.dial

    @property
    def office(self) -> BackOffice:
        """The shop's own staff."""
        return self.state.back_office

    @property
    def writes(self) -> list[str]:
        """What was written, as method and path."""
        return [f"{e.method} {e.path}" for e in self.exchanges if e.method != "GET" and "hotel_ari" not in e.path]

    def book(self, *stays: TheirStay, **more: Any) -> Any:
        """Book at the shop itself."""
        return self.office.book(*stays, **more)


@asynccontextmanager
async def shop(
    version: str = "1.7.0",
    *,
    start: str = "2026-11-22T10:00:00",
    timezone: str | None = None,
    without: Collection[str] = (),
    **more: Any,
) -> AsyncIterator[Shop]:
    """Open the demo hotel of a version, empty, with a clock that stands; a proxy takes headers away (`without`)."""
    clock = Clock(datetime.fromisoformat(start).replace(tzinfo=UTC))
    state = ShopState.demo(version=version, clock=clock, timezone=timezone)
    for table in (state.orders, state.lines):
        table.clear()
    app = qloapps_app(state)
    exchanges: list[Exchange] = []
    settings = {"base_url": "http://qloapps.example", "api_key": DEMO_KEY, "hotel_id": 1, "retry_delay_seconds": 0.0}
    connector = QloAppsConnector(
        QloAppsSettings.from_mapping(settings | more),
        NoLimit(),
        clock=clock,
        transport=InProcess(app, without),
        breaker=AsyncCircuitBreakerFactory(default_threshold=1000),
        on_exchange=exchanges.append,
    )
    try:
        yield Shop(app, clock, connector, exchanges)
    finally:
        await connector.aclose()


def another(shop: Shop, **more: Any) -> QloAppsConnector:
    """Return a second connector to the same shop, as after a restart."""
    settings = {"base_url": "http://qloapps.example", "api_key": DEMO_KEY, "hotel_id": 1, "retry_delay_seconds": 0.0}
    return QloAppsConnector(
        QloAppsSettings.from_mapping(settings | more), NoLimit(), clock=shop.clock, transport=InProcess(shop.app)
    )


def done(outcome: Outcome[Any]) -> Any:
    """Return the value of an outcome that must be Done."""
    assert isinstance(outcome, Done), outcome
    return outcome.value


def stays(count: int) -> Iterator[TheirStay]:
    """Yield stays of one night, one after the other, each in a room of its own."""
    for n in range(count):
        first = date(2027, 1, 1) + timedelta(days=n // 5)
        yield TheirStay(1, first, first + timedelta(days=1))


def guest(n: int = 1) -> Guest:
    """Return a fictional guest."""
    return Guest("Ada", "Example" + "abcdefghij"[n % 10], f"ada{n}@guest.example", "5550100")


def line(
    key: str = "a",
    room_type: int = 1,
    first: str = "2027-03-01",
    last: str = "2027-03-04",
    gross: str = "300.00",
    **more: Any,
) -> DraftLine:
    """Return a room of a draft."""
    given: dict[str, Any] = {"adults": 2, "children": 0, "child_ages": (), "status": StayStatus.CONFIRMED} | more
    return DraftLine(
        key=key,
        room_type_id=room_type,
        stay=Stay(date.fromisoformat(first), date.fromisoformat(last)),
        gross=Decimal(gross),
        **given,
    )


def draft(*lines: DraftLine, reference: str = "R-1", currency: str = "PLN", **more: Any) -> BookingDraft:
    """Return a reservation of ours."""
    who = more.pop("guest", DraftGuest("Grace", "Example", "grace@guest.example", "+48 22 555 0100"))
    return BookingDraft(reference, currency, who, lines or (line(),), **more)


def kept(result: WriteResult, *lines: DraftLine) -> tuple[DraftLine, ...]:
    """Return the draft lines with the ids of the lines that stand for them."""
    return tuple(replace(each, line_id=result.line_ids.get(each.key)) for each in lines)
