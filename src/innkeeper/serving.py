"""Runs the server and the workers as processes."""

import asyncio
import os
import signal
import socket
from dataclasses import dataclass
from typing import Any, cast

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from innkeeper import bootstrap
from innkeeper.settings import Settings, WrongSettings, load_settings
from innkeeper.storage import migrate
from innkeeper.telemetry.logging import configure_logging

#: Tells the server processes, which read their settings anew, whether the worker runs beside them.
_WITH_WORKER = "INNKEEPER_SERVE_WITH_WORKER"


def serve(settings: Settings, *, host: str, port: int, processes: int, with_worker: bool) -> None:
    """Serve until interrupted.

    Raises WrongSettings for an address that cannot be listened on, Unreachable and migrate.SchemaNewer, each before a
    server stands that could only fall over it. A server that ends by a failure of its own is exit code 1.
    """
    check_address(host, port)
    container = bootstrap.build(settings)
    asyncio.run(_look(container))
    try:
        if processes == 1:
            app = bootstrap.web_app(container, with_worker=with_worker)
            uvicorn.run(app, host=host, port=port, **uvicorn_options())
            return
        os.environ[_WITH_WORKER] = "1" if with_worker else "0"
        options = {"host": host, "port": port, "workers": processes, **uvicorn_options()}
        config = uvicorn.Config("innkeeper.serving:process_app", factory=True, **options)
        Multiprocess(config, sockets=[cast(socket.socket, SocketOfEach(host, port))]).run()
    except SystemExit as stopped:
        raise SystemExit(1 if stopped.code else 0) from None


async def _look(container: bootstrap.Container) -> None:
    """See that the data base answers and is none of a newer release; its connections belong to this loop and go."""
    try:
        await container.database.reach()
        await migrate.refuse_newer(container.database)
    finally:
        await container.database.aclose()


@dataclass(frozen=True, slots=True)
class SocketOfEach:
    """An address that becomes a socket of its own in each server process that it is handed to.

    The kernel then deals the callers out among the processes. Of one socket for all, whoever happens to be awake takes
    every line, and a terminal keeps its line.
    """

    host: str
    port: int

    def __reduce__(self) -> tuple[Any, ...]:
        return _listening, (self.host, self.port, socket.SO_REUSEPORT)


def check_address(host: str, port: int) -> None:
    """Raises WrongSettings when nobody can listen there: the port is taken, or the address is not this machine's."""
    try:
        _listening(host, port).close()
    except OSError as error:
        raise WrongSettings(f"Port {port} of {host} cannot be used: {error.strerror}. Choose another.") from None


def _listening(host: str, port: int, *options: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    made = socket.socket(family, kind, protocol)
    try:
        for option in (socket.SO_REUSEADDR, *options):
            made.setsockopt(socket.SOL_SOCKET, option, 1)
        made.bind(address)
        made.listen()
    except OSError:
        made.close()
        raise
    return made


def process_app() -> FastAPI:
    """Return the app of one of several server processes."""
    settings = load_settings()
    configure_logging(settings.log_format, level=settings.log_level)
    return bootstrap.web_app(bootstrap.build(settings), with_worker=os.environ.get(_WITH_WORKER) == "1")


def uvicorn_options() -> dict[str, Any]:
    """Return what every server of ours is run with: our own log, no banner in the headers, a short goodbye."""
    return {"log_config": None, "access_log": False, "server_header": False, "timeout_graceful_shutdown": 10}


async def run_worker(settings: Settings) -> None:
    """Work on jobs until interrupted."""
    container = bootstrap.build(settings)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopped.set)
    try:
        await container.prepare()
        async with bootstrap.background(container):
            await stopped.wait()
    finally:
        await container.aclose()
