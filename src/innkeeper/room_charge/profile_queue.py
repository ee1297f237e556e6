"""Has the profiles of guests who are looked up or charged brought over by jobs, without a waiter waiting for it."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from innkeeper.room_charge import work
from innkeeper.storage.database import Database

log = structlog.get_logger(__name__)

#: A guest's profile is brought over so often at most.
EVERY = timedelta(hours=12)

#: Those who come within so many seconds are written in one transaction.
_TOGETHER = 0.2
#: Guests who are remembered as asked for.
_MOST = 10_000


class ProfileQueue:
    """Queues a job for each guest who was not seen lately; a task of this process writes them, outside of requests."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._asked: dict[tuple[UUID, str], datetime] = {}
        self._waiting: list[tuple[UUID, str]] = []
        self._writing: asyncio.Task[None] | None = None

    def saw(self, property_id: UUID, guest_ids: Iterable[str]) -> None:
        """Have the profiles of these guests brought over soon."""
        now = self._clock()
        for guest in ((property_id, guest_id) for guest_id in guest_ids if guest_id):
            known = self._asked.get(guest)
            if known is not None and now - known < EVERY:
                continue
            if len(self._asked) >= _MOST:
                self._asked.pop(next(iter(self._asked)))
            self._asked[guest] = now
            self._waiting.append(guest)
        if self._waiting and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while self._waiting:
            await asyncio.sleep(_TOGETHER)
            guests, self._waiting = self._waiting, []
            try:
                async with self._database.write() as tx:
                    await work.queue_profiles(tx, guests)
            except (SQLAlchemyError, OSError) as error:  # at their next look-up they are asked for again
                log.warning("profiles not queued", guests=len(guests), error=type(error).__name__)
                for guest in guests:
                    self._asked.pop(guest, None)

    async def written(self) -> None:
        """Wait until everybody who was seen has a job."""
        if self._writing is not None:
            await self._writing

    async def aclose(self) -> None:
        """Write no more."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait([self._writing])
