"""Keeps the names of a hotel's room types, which reservations give by their codes alone."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

from innkeeper.connectors.failures import CallFailed
from innkeeper.connectors.opera import wire
from innkeeper.connectors.opera.client import OperaClient
from innkeeper.connectors.rest import Clock

#: Names change rarely; where the integration user may not read them, that changes as rarely.
_LAST = timedelta(hours=24)


class RoomTypes:
    """Names by code (rmcfg.json, getRoomTypes), read beside the requests of others: nobody waits for them.

    Until they are read, and where the integration user lacks the right, a code is its own name.
    """

    def __init__(self, client: OperaClient, hotel: str, clock: Clock) -> None:
        self._client = client
        self._hotel = hotel
        self._clock = clock
        self._names: Mapping[str, str] = {}
        self._asked_at: datetime | None = None
        self._reading: asyncio.Task[None] | None = None

    def name(self, code: str) -> str:
        """Return what the hotel calls the room type, as far as it is known by now."""
        if self._asked_at is None or self._clock() - self._asked_at > _LAST:
            self._asked_at = self._clock()
            self._reading = asyncio.create_task(self._read())
        return self._names.get(code, code)

    async def read(self) -> None:
        """Wait until the names that were asked for are there."""
        if self._reading is not None:
            await self._reading

    async def _read(self) -> None:
        try:
            body = await self._client.get(wire.room_types_path(self._hotel), [("summaryInfo", "true")])
        except CallFailed:
            return
        rows = [row for group in wire.items(wire.dig(body, "roomTypesSummary")) for row in _rows(group)]
        found = {wire.text(row, "roomType"): wire.text(row, "shortDescription") for row in rows}
        self._names = {code: name for code, name in found.items() if code and name} or self._names

    async def aclose(self) -> None:
        """Stop reading."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])


def _rows(group: wire.Json) -> list[wire.Json]:
    return list(wire.items(group.get("roomTypeSummary")))
