"""The budget of requests to one QloApps, shared by all workers through the data base."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.channel_sync.tables import Budget
from innkeeper.domain.business_day import utc_now
from innkeeper.storage.database import Database

#: A quarter may leave at once, the rest flows evenly, so that no minute ever sees more than the budget.
BURST_SHARE = Decimal("0.25")

#: What is left of that for polls and pushes by work that nobody waits for.
RESERVE_SHARE = Decimal("0.4")

#: Above this many a minute the row is written once for several requests.
FINE_GRAINED = 600


class DatabaseBudget:
    """A bucket of tokens in one row. Reservations are made in order, also beyond the present content."""

    def __init__(self, database: Database, name: str, per_minute: int, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._name = name
        self._clock = clock
        self._burst = max(Decimal(1), Decimal(per_minute) * BURST_SHARE)
        self._rate = (Decimal(per_minute) * (1 - BURST_SHARE)) / 60
        self._bundle = max(1, per_minute // FINE_GRAINED)
        self._in_hand = 0

    async def take(self) -> float:
        """Reserve one request; return the seconds to wait before it may leave."""
        if self._in_hand > 0:
            self._in_hand -= 1
            return 0.0
        async with self._database.write() as tx:
            wait = await self._reserve(tx.session, self._bundle)
        self._in_hand = self._bundle - 1
        return wait

    async def left(self, session: AsyncSession) -> int:
        """Return how many requests could leave at once now."""
        return self.left_of(await session.get(Budget, self._name))

    def left_of(self, row: Budget | None) -> int:
        """Return how many requests could leave at once, from the budget's row."""
        return int(self._burst if row is None else max(Decimal(0), self._content(row)))

    def seconds_to_spare(self, row: Budget | None) -> float:
        """Return how long it is, from the budget's row, until one request can leave and the reserve remains."""
        if row is None:
            return 0.0
        needed = 1 + min(self._burst * RESERVE_SHARE, self._burst - 1)
        return float(max(Decimal(0), needed - self._content(row)) / self._rate)

    async def _reserve(self, session: AsyncSession, count: int) -> float:
        query = select(Budget).where(Budget.name == self._name).with_for_update()
        row = (await session.scalars(query)).one_or_none()
        if row is None:
            row = Budget(name=self._name, tokens=self._burst, updated_at=self._clock())
            session.add(row)
        content = self._content(row) - count
        row.tokens, row.updated_at = content.quantize(Decimal("0.0001")), self._clock()
        return 0.0 if content >= 0 else float(-content / self._rate)

    def _content(self, row: Budget) -> Decimal:
        elapsed = max(0.0, (self._clock() - row.updated_at).total_seconds())
        return min(self._burst, row.tokens + Decimal(str(elapsed)) * self._rate)
