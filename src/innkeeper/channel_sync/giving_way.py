"""Lets work that can wait take of the request budget only what is spare, and step aside for whoever waits."""

import asyncio

from innkeeper.channel_sync.budget import DatabaseBudget
from innkeeper.channel_sync.connection import Link, lane
from innkeeper.channel_sync.tables import Budget
from innkeeper.domain.outcome import Later
from innkeeper.jobs.endings import PACE
from innkeeper.jobs.queue import is_waited_for

#: Seconds between two looks whether somebody waits in the lane, which is held meanwhile.
_LOOK = 0.5
#: After so many seconds a request is taken in any case: the budget alone must never bring work to a stop.
_PATIENCE = 10.0

#: What work ends with that stepped aside; it is queued again behind whoever waits.
STEPPED_ASIDE = Later("what somebody waits for goes first", 0, code=PACE)


async def must_step_aside(link: Link, priority: int) -> bool:
    """Whether work of this priority, at a point where it can be taken up again, shall end for more urgent work.

    It is asked before more requests are made, and waits until the budget has one to spare.
    """
    if not link.gives_way:
        return False
    async with link.database.read() as session:
        if await is_waited_for(session, lane(link.property_id), priority):
            return True
    return not await may_take(link, priority)


async def may_take(link: Link, priority: int) -> bool:
    """Wait until the budget has a request to spare; False when more urgent work has come to wait in the lane."""
    name, waited = lane(link.property_id), 0.0
    budget = DatabaseBudget(link.database, name, link.config.requests_per_minute)
    while waited < _PATIENCE:
        async with link.database.read() as session:
            wait = budget.seconds_to_spare(await session.get(Budget, name))
            if wait <= 0:
                return True
            if await is_waited_for(session, name, priority):
                return False
        await asyncio.sleep(min(wait, _LOOK))
        waited += min(wait, _LOOK)
    return True
