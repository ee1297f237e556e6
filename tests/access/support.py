"""An app with people in it, and browsers and machines that speak to it."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from fastapi import APIRouter, FastAPI

from innkeeper.access.caller import Caller
from innkeeper.access.http import Access
from innkeeper.access.passwords import Passwords
from innkeeper.access.roles import Role
from innkeeper.storage.database import Database
from innkeeper.storage.secrets import Keyring, new_key
from innkeeper.web.app import create_app

PASSWORD = "a lantern in the hall"
PIN = "4821"
SYSTEM = Caller.system()
_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{16,}")


def without_ids(text: str) -> str:
    """Take the ids and tokens out of an answer, as any few digits may stand in one of them by chance."""
    return _ID.sub("", text)


@dataclass
class Inn:
    """An app and how to reach it."""

    app: FastAPI
    database: Database

    @property
    def access(self) -> Access:
        """Users, tokens and sessions of the app."""
        access: Access = self.app.state.access
        return access

    @asynccontextmanager
    async def client(self, host: str = "10.0.0.7", **options: Any) -> AsyncIterator[httpx2.AsyncClient]:
        """Open a browser without a session, at a machine of the hotel."""
        transport = httpx2.ASGITransport(self.app, client=(host, 50000))
        async with httpx2.AsyncClient(transport=transport, base_url="http://inn.test", **options) as client:
            yield client

    @asynccontextmanager
    async def machine(self, role: Role, **options: Any) -> AsyncIterator[httpx2.AsyncClient]:
        """Open a client with a token of the role."""
        _, text = await self.access.tokens.create(SYSTEM, f"{role.value} machine", role, **options)
        async with self.client(headers={"Authorization": f"Bearer {text}"}) as client:
            yield client

    @asynccontextmanager
    async def browser(self, role: Role, name: str | None = None) -> AsyncIterator[httpx2.AsyncClient]:
        """Open a browser that a new user of the role has signed in with; it sends its CSRF token with everything."""
        name = name or f"{role.value.replace('_', '-')}-user"
        await self.access.users.add(SYSTEM, name, role, password=PASSWORD)
        async with self.client() as client:
            answer = await client.post("/api/session", json={"name": name, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
            yield client


def open_inn(database: Database, *, routers: Sequence[APIRouter] = (), **options: Any) -> Inn:
    """Return an app over the data base whose passwords are hashed with the least effort there is."""
    passwords = Passwords(memory_kib=8, passes=1)
    app = create_app(database, Keyring([new_key()]), routers=routers, passwords=passwords, **options)
    return Inn(app, database)
