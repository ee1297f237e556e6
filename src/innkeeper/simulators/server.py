"""Runs a simulator on a real socket, with connections that a fault can really close."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from innkeeper.simulators.faults import DROP_EXTENSION, App


class DroppableProtocol(HttpToolsProtocol):
    """HTTP/1.1 that lets the application close the connection without an answer."""

    def connection_made(self, transport: Any) -> None:
        """Send each answer at once: asyncio turns Nagle's algorithm off only on sockets that say they are TCP."""
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)

    def on_message_begin(self) -> None:
        """Offer the closing of this connection to the application, under ``scope["extensions"]``."""
        super().on_message_begin()
        extensions: dict[str, Any] = {DROP_EXTENSION: self._drop}
        self.scope["extensions"] = extensions

    async def _drop(self) -> None:
        if self.cycle is not None:
            self.cycle.disconnected = True  # else uvicorn complains that no answer was given
        await asyncio.sleep(0)  # lets a half sent body reach the socket first
        self.transport.close()
        await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class Running:
    """A simulator that accepts connections."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Base address without a trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


class _QuietServer(uvicorn.Server):
    """Leaves the signals to whoever owns the loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(app: App, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        _as_any(app),
        host=host,
        port=port,
        http=DroppableProtocol,
        ws="none",
        lifespan="off",
        log_level="error",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=1,
    )


def _as_any(app: App) -> Any:
    return app


@contextlib.asynccontextmanager
async def serve(app: App, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Running]:
    """Serve ``app`` in the current loop until the block ends; port 0 takes a free one.

    Raises OSError when the address cannot be bound.
    """
    server = _QuietServer(_config(app, host, port))
    bound = _bind(host, port)
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        while not server.started:
            if task.done():
                task.result()
                raise OSError(f"cannot serve on {host}:{port}")
            await asyncio.sleep(0.001)
        name = bound.getsockname()
        yield Running(name[0], name[1])
    finally:
        server.should_exit = True
        server.force_exit = True
        await task
        bound.close()


def _bind(host: str, port: int) -> socket.socket:
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


def run(app: App, host: str = "127.0.0.1", port: int = 0, *, on_ready: Callable[[Running], None] | None = None) -> None:
    """Serve ``app`` until interrupted; ``on_ready`` is called with the address once connections are accepted.

    Raises OSError when the address cannot be bound.
    """

    async def forever() -> None:
        async with serve(app, host, port) as running:
            if on_ready is not None:
                on_ready(running)
            await asyncio.Event().wait()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(forever())
