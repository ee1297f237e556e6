"""Tells the commits of the job machinery itself, which are no news to it, from everybody else's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

from innkeeper.storage.database import Database, Tx

_quiet: ContextVar[bool] = ContextVar("innkeeper_jobs_quiet", default=False)


def is_quiet() -> bool:
    """Whether the commit that is being told of is the machinery's own."""
    return _quiet.get()


@asynccontextmanager
async def quiet_write(database: Database) -> AsyncIterator[Tx]:
    """Open a writing transaction whose commit wakes nobody."""
    token = _quiet.set(True)
    try:
        async with database.write() as tx:
            yield tx
    finally:
        _quiet.reset(token)
