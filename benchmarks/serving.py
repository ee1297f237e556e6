"""Serves a hotel on a free port of this machine in a process of its own, and speaks plain HTTP to it."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2

from benchmarks.houses import opened, served, token, until_ready
from innkeeper.domain.ids import DEFAULT_PROPERTY
from innkeeper.house import properties, rooms
from innkeeper.storage.database import Database, sqlite_url

TODAY = date(2030, 1, 1)


@dataclass
class Connection:
    """One kept-open HTTP connection; as little client as there can be, so that the server is what is measured."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    token: str
    #: More lines of every request's head, each with its line end.
    headers: str = ""

    @classmethod
    async def open(cls, port: int, token: str, headers: str = "") -> "Connection":
        """Connect to the server on this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port), token, headers)

    async def call(self, method: str, path: str, document: Any = None) -> tuple[int, bytes]:
        """Send one request and return status and body."""
        body = b"" if document is None else json.dumps(document).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.token}\r\n"
            f"{self.headers}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.writer.write(head.encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length")
        )
        return int(answer.split(b" ", 2)[1]), await self.reader.readexactly(length)

    def close(self) -> None:
        """Hang up."""
        self.writer.close()


@dataclass(frozen=True)
class Served:
    """A running server: its port, a manager's token, and the room types that it sells."""

    port: int
    token: str
    room_types: list[UUID]
    url: str


@asynccontextmanager
async def hotel(types: int, rooms_each: int) -> AsyncIterator[Served]:
    """Serve a hotel of `types` room types with `rooms_each` rooms by `innkeeper serve`, as people run it: SQLite that
    is durable at every commit, the worker beside the server, a line of log for every request.
    """
    with tempfile.TemporaryDirectory(prefix="innkeeper-bench-") as name:
        folder = Path(name)
        async with opened(folder) as container:
            room_types = await _furnish(container.database, types, rooms_each)
            text = await token(container)
        async with (
            served(folder, INNKEEPER_LOG_LEVEL="INFO") as (process, port),
            httpx2.AsyncClient(trust_env=False) as client,
        ):
            await until_ready(client, process, port)
            yield Served(port, text, room_types, sqlite_url(folder))


async def _furnish(database: Database, types: int, rooms_each: int) -> list[UUID]:
    async with database.write() as tx:
        house = await properties.ensure_default(tx, "Benchmark Inn", "UTC", "EUR")
        house.business_date = TODAY
        made = [
            await rooms.create_room_type(
                tx,
                DEFAULT_PROPERTY,
                {
                    "name": f"Type {number:02}",
                    "price_per_night": Decimal(80 + number),
                    "max_people": 4,
                    "max_adult": 4,
                    "max_children": 3,
                },
                rooms=rooms_each,
            )
            for number in range(types)
        ]
    return [kind.id for kind in made]
