"""Serves a hotel on a free port of this machine in a process of its own, and speaks plain HTTP to it."""

import asyncio
import json
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import uvicorn

from innkeeper.access.caller import Caller
from innkeeper.access.roles import Role
from innkeeper.access.tokens import Tokens
from innkeeper.domain.ids import DEFAULT_PROPERTY
from innkeeper.house import properties, rooms
from innkeeper.house.api import router
from innkeeper.storage.base import Base
from innkeeper.storage.database import Database, sqlite_url
from innkeeper.storage.secrets import Keyring, new_key
from innkeeper.telemetry.logging import configure_logging
from innkeeper.web.app import create_app

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
    """Serve a hotel of `types` room types with `rooms_each` rooms on SQLite, durable at every commit."""
    with tempfile.TemporaryDirectory(prefix="innkeeper-bench-") as folder:
        url = sqlite_url(Path(folder))
        token, room_types = await _furnish(url, types, rooms_each)
        with (Path(folder) / "server.log").open("wb") as log, socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(1024)
            server = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "benchmarks.serving", url, str(listening.fileno())),
                pass_fds=[listening.fileno()],
                stdout=log,
                stderr=log,
            )
            port = listening.getsockname()[1]
        try:
            yield Served(port, token, room_types, url)
        finally:
            server.terminate()
            await server.wait()


async def _furnish(url: str, types: int, rooms_each: int) -> tuple[str, list[UUID]]:
    # The app's import has loaded every table that the server needs.
    database = Database(url)
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
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
    _, token = await Tokens(database).create(Caller.system(), "benchmark", Role.MANAGER)
    await database.aclose()
    return token, [kind.id for kind in made]


def main(url: str, descriptor: int) -> None:
    """Serve on the listening socket that was handed over, with its log on, until told to stop."""
    configure_logging("json")
    app = create_app(Database(url), Keyring([new_key()]), routers=[router])
    config = uvicorn.Config(app, log_config=None, access_log=False)
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
