"""The outlets: waiters ring checks up and charge them to rooms by the API, as a point of sale does."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx2
import structlog

from innkeeper.demo.clock import HotelClock
from innkeeper.demo.handwriting import signature
from innkeeper.demo.opera import Opera

log = structlog.get_logger(__name__)

#: A check above it is signed; the property's signature threshold.
SIGNED_ABOVE = Decimal(50)

#: The shares of checks with which something goes wrong at the table.
WRONG_ROOM, TAPPED_TWICE, WRONG_CHECK, SPLIT_BY_WISH = 0.03, 0.05, 0.04, 0.04

#: How long after the charge a waiter notices that it was the wrong table.
_NOTICED_AFTER = timedelta(minutes=6)


@dataclass(frozen=True, slots=True)
class Place:
    """An outlet with its hours, the checks that it charges to rooms in each of them, and what it sells."""

    code: str
    waiters: Sequence[str]
    #: (from hour, to hour, checks an hour); an hour above 24 is after midnight.
    busy: Sequence[tuple[float, float, float]]
    menu: Sequence[tuple[str, str]]
    tips: bool = True
    delivery: str = "0.00"

    def pace(self, hour: float) -> float:
        """Return the checks an hour at that hour of the day, 0 while it is closed."""
        for start, end, checks in self.busy:
            if start <= hour < end or start <= hour + 24 < end:
                return checks
        return 0.0


PLACES = (
    Place(
        "REST",
        ("Nuno", "Beatriz", "Sergio"),
        ((7.0, 10.5, 0.8), (12.5, 15.0, 2.0), (18.5, 19.0, 3.0), (19.0, 22.5, 6.0)),
        (("Grilled sea bass", "24.50"), ("Steak", "29.00"), ("Fish soup", "11.00"), ("House wine", "16.00"),
         ("Breakfast", "18.00"), ("Almond tart", "7.50")),
    ),
    Place(
        "BAR",
        ("Lidia", "Oscar"),
        ((11.0, 17.0, 0.5), (17.0, 24.5, 2.0)),
        (("Port and tonic", "9.50"), ("Beer", "4.00"), ("Olives", "3.50"), ("Negroni", "11.00")),
    ),
    Place(
        "POOL",
        ("Duarte",),
        ((10.0, 18.5, 1.0),),
        (("Lemonade", "4.50"), ("Club sandwich", "12.50"), ("Ice cream", "5.00")),
    ),
    Place(
        "IRS",
        ("Celia",),
        ((7.0, 11.0, 0.8), (18.0, 24.5, 0.8)),
        (("Club sandwich", "14.50"), ("Pot of tea", "5.50"), ("Burger", "19.00"), ("Champagne", "65.00")),
        delivery="5.00",
    ),
    Place("MINI", ("Housekeeping",), ((9.0, 13.0, 1.0),), (("Water", "3.00"), ("Chocolate", "4.50")), tips=False),
)  # fmt: skip

#: Every outlet's next look at its door while it is closed.
_CLOSED_LOOK = timedelta(minutes=10)


class Outlet:
    """One outlet's terminal with its own token. A void needs the manager's."""

    def __init__(
        self, place: Place, terminal: httpx2.AsyncClient, manager: httpx2.AsyncClient, opera: Opera, clock: HotelClock
    ) -> None:
        self.place = place
        self._terminal = terminal
        self._manager = manager
        self._opera = opera
        self._clock = clock
        self._rng = random.Random()  # noqa: S311  guests are not secrets

    async def run(self) -> None:
        """Ring checks up while the outlet is open, for ever."""
        was_open = False
        while True:
            pace = self._pace()
            if pace and not was_open:
                await self._tell(self.read_guest_list)
            was_open = bool(pace)
            wait = timedelta(hours=self._rng.uniform(0.4, 1.6) / pace) if pace else _CLOSED_LOOK
            await self._clock.reach(self._clock.now() + wait)
            if pace and self._pace():
                await self._tell(self.ring)

    def _pace(self) -> float:
        now = self._clock.now()
        return self.place.pace(now.hour + now.minute / 60)

    async def _tell(self, act: Callable[[], Awaitable[str]]) -> None:
        try:
            what = await act()
        except httpx2.HTTPError as error:
            what = f"nobody answered: {type(error).__name__}"
        log.info("outlet", at=self._clock.shown(), outlet=self.place.code, what=what)

    async def read_guest_list(self) -> str:
        """Look every room up before the first guest comes: who is known can be charged while OPERA is away."""
        rooms = self._opera.rooms()
        for room in rooms:
            await self._terminal.get(f"/api/pms/rooms/{room}")
        return f"opens, {len(rooms)} rooms on the guest list"

    async def ring(self) -> str:
        """Take one check to a guest's room, whatever comes of it, and say what that was."""
        rooms = self._opera.rooms()
        if not rooms:
            return "no guest in house"
        room = "999" if self._rng.random() < WRONG_ROOM else self._rng.choice(rooms)
        looked = await self._terminal.get(f"/api/pms/rooms/{room}")
        if looked.status_code not in (200, 503):
            return f"room {room}: {_word(looked)}"
        check = self._check(room)
        if looked.status_code == 200:  # while OPERA is away the waiter goes by what the guest says
            guest = self._rng.choice(looked.json()["guests"])
            check["guest_id"] = guest["guest"]["guest_id"]
            check["reservation_id"] = guest["reservation"]["reservation_id"]
        if self._rng.random() < SPLIT_BY_WISH:
            half = Decimal(check["subtotal"]) / 2
            return await self._split({**check, "room_amount": f"{half:.2f}"})
        posts = [self._send("/api/pms/post", check)]
        if self._rng.random() < TAPPED_TWICE:
            posts.append(self._send("/api/pms/post", check))
        answers = await asyncio.gather(*posts)
        if _word(answers[0]) == "CREDIT_EXCEEDED":
            return await self._split(check)
        words = " and ".join(_word(answer) for answer in answers)
        posting = answers[0].json() if answers[0].status_code in (200, 201, 202) else None
        if posting is not None and self._rng.random() < WRONG_CHECK:
            words += f", then {await self._void(posting['id'])}"
        return f"room {room}: {words}"

    async def _split(self, check: Mapping[str, Any]) -> str:
        answer = await self._send("/api/pms/split", check)
        if answer.status_code not in (200, 201, 202):
            return f"room {check['room_number']}: {_word(answer)}, paid by card"
        told = answer.json()
        return f"room {check['room_number']}: {told['room_amount']} to the room, {told['remaining_amount']} by card"

    async def _send(self, path: str, check: Mapping[str, Any]) -> httpx2.Response:
        """Send the check, again if the line broke: under the same reference it is charged once, whatever arrived."""
        try:
            return await self._terminal.post(path, json=check)
        except httpx2.TransportError:
            return await self._terminal.post(path, json=check)

    async def _void(self, posting_id: str) -> str:
        await self._clock.reach(self._clock.now() + _NOTICED_AFTER)
        reason = {"reason": "Rung up on the wrong table"}
        return _word(await self._manager.post(f"/api/pms/postings/{posting_id}/void", json=reason))

    def _check(self, room: str) -> dict[str, Any]:
        chosen = [(self._rng.choice(self.place.menu), self._rng.randint(1, 2)) for _ in range(self._rng.randint(1, 3))]
        items: list[dict[str, Any]] = [
            {"description": name, "quantity": count, "amount": f"{Decimal(price) * count:.2f}"}
            for (name, price), count in chosen
        ]
        subtotal = sum((Decimal(price) * count for (_, price), count in chosen), Decimal(0))
        tip = (subtotal / 10).quantize(Decimal("0.01")) if self.place.tips and self._rng.random() < 0.4 else Decimal(0)
        number = f"{self._rng.randint(1000, 999999)}"
        total = subtotal + tip + Decimal(self.place.delivery)
        return {
            "pos_reference": f"{self.place.code}-{self._clock.now():%y%m%d%H%M}-{number}",
            "room_number": room,
            "outlet_code": self.place.code,
            "check_number": number,
            "subtotal": f"{subtotal:.2f}",
            "tip": f"{tip:.2f}",
            "delivery_charge": self.place.delivery,
            "items": items,
            "employee_id": self._rng.choice(self.place.waiters),
            "timestamp": self._clock.now().isoformat(),
            "guest_confirmed": True,
            "signature": signature(self._rng) if total > SIGNED_ABOVE else None,
        }


def _word(answer: httpx2.Response) -> str:
    """Return what the API said, in one word."""
    document = answer.json()
    return str(document.get("code") or document.get("posting_status") or answer.status_code)
