"""Reports several business dates at once: revenue by outlet, and whether every day balances."""

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from innkeeper.domain.errors import Invalid
from innkeeper.domain.money import format_amount
from innkeeper.room_charge import audit_day
from innkeeper.room_charge.connection import Link

#: Days that one report may span: the longest quarter.
LONGEST = 92
#: Days that are compared at a time; waiters charge meanwhile.
_BESIDE = 3


async def report(link: Link, start: date, end: date) -> dict[str, Any]:
    """Return the days from `start` to `end`, both included, and their sums. Raises Invalid, PmsAway, Refusal."""
    if end < start:
        raise Invalid.field("end", f"The period ends on {end}, before it begins on {start}; exchange the two.")
    count = (end - start).days + 1
    if count > LONGEST:
        raise Invalid.field("end", f"The period has {count} days; ask for at most {LONGEST} at a time.")
    days = await _days(link, [start + timedelta(days=n) for n in range(count)])
    currency = next((day["currency"] for day in days if day["total_checks"]), link.hotel.currency)

    def total(name: str, rows: Sequence[dict[str, Any]]) -> str:
        return format_amount(sum((Decimal(row[name]) for row in rows), Decimal(0)), currency)

    outlets: dict[str, list[dict[str, Any]]] = {}
    for day in days:
        for one in day["by_outlet"]:
            outlets.setdefault(one["outlet_code"], []).append(one)
    return {
        "start": start.isoformat(),
        "end": end.isoformat(),
        "currency": currency,
        "total_posted": total("total_posted", days),
        "pos_total": total("pos_total", days),
        "total_checks": sum(day["total_checks"] for day in days),
        "variance": total("variance", days),
        "balanced": all(day["balanced"] for day in days),
        "by_outlet": [
            {
                "outlet_code": code,
                "name": rows[0]["name"],
                "revenue_center": rows[0]["revenue_center"],
                "checks": sum(row["checks"] for row in rows),
                **{name: total(name, rows) for name in ("pos_total", "pms_posted", "variance")},
            }
            for code, rows in sorted(outlets.items())
        ],
        "exceptions": [{**one, "date": day["date"]} for day in days for one in day["exceptions"]],
        "recovered": [{**one, "date": day["date"]} for day in days for one in day["recovered"]],
        "days": days,
    }


async def _days(link: Link, days: Sequence[date]) -> list[dict[str, Any]]:
    """Return the report of each day, a few at a time. Raises PmsAway, Refusal."""
    found: list[dict[str, Any]] = []
    for first in range(0, len(days), _BESIDE):
        asked = [audit_day.report(link, day) for day in days[first : first + _BESIDE]]
        for one in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(one, BaseException):
                raise one
            found.append(one)
    return found
