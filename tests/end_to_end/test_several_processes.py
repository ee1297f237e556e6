"""Several server processes share one port evenly, and one of them that dies is replaced."""

import asyncio
import os
import pickle
import secrets
import select
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx2
import pytest
from sqlalchemy import make_url

from innkeeper.serving import SocketOfEach
from tests.end_to_end.processes import PATIENCE, Server, free_port, run

CALLERS = 60


def children(server: Server) -> set[int]:
    assert server._child is not None
    pid = server._child.pid
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(one) for one in found if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()}


def test_callers_are_dealt_out_among_the_processes() -> None:
    address = ("127.0.0.1", free_port())
    # as the server hands it to its processes
    sockets: list[socket.socket] = [pickle.loads(pickle.dumps(SocketOfEach(*address))) for _ in range(2)]  # noqa: S301
    callers = [socket.create_connection(address, timeout=PATIENCE) for _ in range(CALLERS)]
    taken = []
    for one in sockets:
        count = 0
        while select.select([one], [], [], 0.05)[0]:
            one.accept()[0].close()
            count += 1
        taken.append(count)
    for opened in (*callers, *sockets):
        opened.close()
    assert sum(taken) == CALLERS
    assert min(taken) >= CALLERS // 6, taken


@pytest.fixture
def own_postgresql(postgresql_url: str) -> Iterator[str]:
    """A data base without any table."""
    server, name = make_url(postgresql_url), f"innkeeper_processes_{secrets.token_hex(4)}"

    async def administer(statement: str) -> None:
        connection = await asyncpg.connect(postgresql_url)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(administer(f'CREATE DATABASE "{name}"'))
    yield server.set(database=name).render_as_string(hide_password=False)
    asyncio.run(administer(f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.mark.postgresql
def test_process_that_dies_is_replaced_and_the_port_is_nobody_else_s(
    tmp_path: Path, own_postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INNKEEPER_DATABASE_URL", own_postgresql)
    server = Server.on(tmp_path)
    server.arguments += ["--processes", "2"]
    with server:
        server.wait_ready()
        run(tmp_path, *server.arguments, code=2)
        first = children(server)
        os.kill(min(first), signal.SIGKILL)
        end = time.monotonic() + PATIENCE
        while len(children(server) - first) < 1 and time.monotonic() < end:
            time.sleep(0.05)
        assert len(children(server)) == 2
        server.wait_ready()
        assert httpx2.get(f"{server.url}/healthz", timeout=PATIENCE).status_code == 200
        server.stop()
