"""A connector before a simulated OPERA: on a real socket where lines must drop, in-process where not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from innkeeper.connectors.opera import OperaConnector, OperaSettings
from innkeeper.connectors.rest import Wire
from innkeeper.simulators.opera import HotelState, OperaApp, opera_app
from innkeeper.simulators.opera import state as hotel
from innkeeper.simulators.server import serve

CREDENTIALS = {
    "client_id": hotel.CLIENT_ID,
    "client_secret": hotel.CLIENT_SECRET,
    "app_key": hotel.APP_KEY,
    "scope": hotel.SCOPE,
    "enterprise_id": hotel.ENTERPRISE_ID,
    "cashier_id": str(hotel.CASHIER_ID),
}


def settings(url: str, **changes: Any) -> OperaSettings:
    block = {"api_url": url, "property_code": "SAND01", "credentials": CREDENTIALS, "breaker_threshold": 1000}
    return OperaSettings.from_mapping({**block, **changes})


@asynccontextmanager
async def on_a_socket(
    state: HotelState | None = None, **changes: Any
) -> AsyncIterator[tuple[OperaConnector, OperaApp]]:
    app = opera_app(state=state)
    async with serve(app) as running:
        connector = OperaConnector(settings(running.url, **changes))
        try:
            yield connector, app
        finally:
            await connector.aclose()


@asynccontextmanager
async def in_process(
    state: HotelState | None = None, wire: dict[str, Any] | None = None, **changes: Any
) -> AsyncIterator[tuple[OperaConnector, OperaApp]]:
    app = opera_app(state=state)
    options = {"transport": httpx2.ASGITransport(app=app), **(wire or {})}
    connector = OperaConnector(settings("http://opera.test", **changes), Wire(**options))
    try:
        yield connector, app
    finally:
        await connector.aclose()
