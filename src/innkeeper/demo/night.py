"""The night auditor: settles what is open, signs the day when it balances, and opens the next one."""

import asyncio
from collections.abc import Coroutine
from datetime import date, datetime, time, timedelta
from typing import Any

import httpx2
import structlog

from innkeeper.demo.clock import HotelClock
from innkeeper.demo.desk import Desk
from innkeeper.demo.opera import Opera

log = structlog.get_logger(__name__)

#: When the day is closed, in the small hours after it.
AUDIT = time(3, 0)

#: Our seconds for which the auditor waits until what is on its way has settled, and between two looks.
_PATIENCE, _LOOK = 90.0, 0.5

#: Earlier days that are looked at again, in case they could not be signed in their own night.
_DAYS_BACK = 3


class NightAuditor:
    """Works by the API with a manager's token, as the screens do."""

    def __init__(self, manager: httpx2.AsyncClient, opera: Opera, desk: Desk, clock: HotelClock) -> None:
        self._manager = manager
        self._opera = opera
        self._desk = desk
        self._clock = clock

    async def run(self) -> None:
        """Close every day in the night after it, for ever."""
        while True:
            day = self._opera.business_date
            small_hours = datetime.combine(day + timedelta(days=1), AUDIT, self._clock.now().tzinfo)
            await self._clock.reach(small_hours)
            with self._clock.stopped():  # a night takes as long as it takes; no hour of the next day is lost by it
                await self._try(self.audit(day))
                # a house that did not hear of the new day hears of the next one
                await self._try(self._desk.open_day(self._opera.close_day()))
            self._clock.keep()

    async def _try(self, act: Coroutine[Any, Any, None]) -> None:
        try:
            await act
        except httpx2.HTTPError as error:
            log.info("night audit", what=f"nobody answered: {type(error).__name__}")

    async def audit(self, day: date) -> None:
        """Settle and sign this day, and those before it that are not signed yet."""
        await self._settle(day)
        for back in range(_DAYS_BACK, -1, -1):
            await self._sign(day - timedelta(days=back), must=not back)

    async def _settle(self, day: date) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + _PATIENCE
        while True:
            answer = await self._manager.get("/api/pms/queue", params={"limit": 500})
            left = [one for one in answer.raise_for_status().json()["items"] if one["business_date"] <= day.isoformat()]
            for one in left:
                if one["status"] == "failed":
                    await self._decide(one)
            if not left or loop.time() > end:
                return
            await asyncio.sleep(_LOOK)

    async def _decide(self, entry: dict[str, Any]) -> None:
        """What waits for a person: sent again if it was OPERA's fault, else paid at the desk and taken off."""
        where = f"/api/pms/queue/{entry['id']}"
        if entry["in_doubt"] or entry["response_code"] == "CONNECTION_FAILED":
            answer = await self._manager.post(f"{where}/retry")
        else:
            answer = await self._manager.delete(where, params={"reason": "Paid by card at check-out"})
        log.info("night audit", check=entry["check_number"], was=entry["response_code"], answer=answer.status_code)

    async def _sign(self, day: date, *, must: bool) -> None:
        answer = await self._manager.get("/api/pms/reconciliation/daily", params={"date": day.isoformat()})
        report = answer.raise_for_status().json()
        if report["signed_off_at"] or not (must or report["total_checks"]):
            return
        if report["balanced"]:
            answer = await self._manager.post(f"/api/pms/reconciliation/{day}/sign-off", json={})
        signed = report["balanced"] and answer.is_success
        log.info(
            "night audit",
            day=str(day),
            what="balanced and signed" if signed else "not signed",
            checks=report["total_checks"],
            posted=report["total_posted"],
            variance=report["variance"],
            recovered=len(report["recovered"]),
            left=[one["kind"] for one in report["exceptions"]],
        )
