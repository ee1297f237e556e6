"""The clerk at the desk: takes, changes and cancels reservations, checks guests in and out, all by the API."""

import random
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import httpx2

from innkeeper.demo.clock import HotelClock
from innkeeper.demo.opera import Opera, Stay

#: Guests who walk in before the very first evening, so that the outlets have somebody to charge.
FIRST_GUESTS = 14

#: Guests whom the clerk serves one after the other when they stand at the desk.
QUEUE = 4

#: Guests leave before this hour and arrive after it.
_NOON = 13


class Desk:
    """One clerk. What the desk does to a guest in house it does in OPERA as well; see `Opera`."""

    NAMES = ("Ines Duarte", "Tomas Faria", "Marta Leal", "Rui Pinheiro", "Clara Nobre", "Hugo Vasques", "Rita Salgado")

    def __init__(self, client: httpx2.AsyncClient, opera: Opera, clock: HotelClock, rng: random.Random) -> None:
        self._client = client
        self._opera = opera
        self._clock = clock
        self._rng = rng

    @property
    def today(self) -> date:
        """The open business date."""
        return self._opera.business_date

    async def open_day(self, day: date) -> None:
        """Make OPERA's business date the house's; a house that was away hears of several nights at once."""
        body = {"business_date": day.isoformat(), "confirm_business_date": True}
        (await self._client.put("/api/property", json=body)).raise_for_status()

    async def open_house(self) -> None:
        """Let the first guests walk in, if nobody was ever here."""
        answer = await self._client.get("/api/reservations", params={"limit": 1})
        if not answer.json()["total"]:
            for _ in range(FIRST_GUESTS):
                await self._book(arrival=self.today)
            for _ in range(-(-FIRST_GUESTS // QUEUE)):
                await self._arrive()
        await self.tell_opera()

    async def tell_opera(self) -> None:
        """Make OPERA know who is in house, whoever checked them in: the clerk, a viewer at the screens, a restart."""
        self._opera.follow(await self._stays())

    async def _stays(self) -> Sequence[Stay]:
        stays = []
        for one in await self._all("Checked-in"):
            guest = one["primary_guest"]
            stays += [
                Stay(
                    confirmation=one["confirmation"] if len(one["rooms"]) == 1 else f"{one['confirmation']}-{n}",
                    name=guest["name"],
                    email=guest["email"] or "",
                    phone=guest["phone"] or "",
                    room=room["room_number"],
                    arrival=date.fromisoformat(room["check_in"]),
                    departure=date.fromisoformat(room["check_out"]),
                    adults=room["adults"],
                )
                for n, room in enumerate(one["rooms"], 1)
                if room["room_number"] and room["status"] == "Checked-in"
            ]
        return stays

    async def act(self) -> str:
        """Do one thing that a clerk does, and say what it was."""
        moving = self._leave if self._clock.now().hour < _NOON else self._arrive
        done = await self._rng.choice((self._book, self._book, moving, moving, self._change, self._cancel))()
        await self.tell_opera()
        return done

    async def _book(self, arrival: date | None = None) -> str:
        types = (await self._client.get("/api/room-types")).json()["items"]
        kind = self._rng.choice(types)
        arrival = arrival or self.today + timedelta(days=self._rng.choice((0, 0, 1, 2, 5, 9, 20)))
        departure = arrival + timedelta(days=self._rng.randint(1, 5))
        name = self._rng.choice(self.NAMES)
        answer = await self._client.post(
            "/api/reservations",
            json={
                "check_in": arrival.isoformat(),
                "check_out": departure.isoformat(),
                "primary_guest": {
                    "name": name,
                    "email": f"{name.lower().replace(' ', '.')}@guest.example",
                    "phone": f"+35191{self._rng.randint(1000000, 9999999)}",
                },
                "rooms": [{"room_type_id": kind["id"], "adults": 1}],
                "special_requests": self._rng.choice(("", "", "Late arrival", "High floor")),
            },
        )
        return f"booking at the desk: {answer.status_code}"

    async def _arrive(self) -> str:
        return await self._on_some(
            "Confirmed", "check-in", lambda r: r["check_in"] <= self.today.isoformat(), {}, QUEUE
        )

    async def _leave(self) -> str:
        due = self.today.isoformat()
        return await self._on_some(
            "Checked-in", "check-out", lambda r: r["check_out"] <= due, {"leave_open": True}, QUEUE
        )

    async def _cancel(self) -> str:
        later = self.today.isoformat()
        return await self._on_some("Confirmed", "cancel", lambda r: r["check_in"] > later and not r["channel"], {}, 1)

    async def _change(self) -> str:
        today = self.today.isoformat()
        fitting = [one for one in await self._all("Confirmed") if one["check_in"] > today and not one["channel"]]
        if not fitting:
            return "nothing to change"
        found = self._rng.choice(fitting)
        later = (datetime.fromisoformat(found["check_out"]) + timedelta(days=1)).date().isoformat()
        body = {
            "check_in": found["check_in"],
            "check_out": later,
            "rooms": [
                {"id": r["id"], "room_type_id": r["room_type_id"], "adults": r["adults"]} for r in found["rooms"]
            ],
        }
        headers = {"If-Match": str(found["version"])}
        answer = await self._client.put(f"/api/reservations/{found['id']}", json=body, headers=headers)
        return f"one night more: {answer.status_code}"

    async def _on_some(
        self, status: str, action: str, fits: Callable[[dict[str, Any]], bool], body: dict[str, Any], most: int
    ) -> str:
        found = [one for one in await self._all(status) if fits(one)]
        if not found:
            return f"nobody to {action}"
        words = []
        for one in self._rng.sample(found, min(most, len(found))):
            headers = {"If-Match": str(one["version"])}
            answer = await self._client.post(f"/api/reservations/{one['id']}/{action}", json=body, headers=headers)
            words.append(str(answer.status_code))
        return f"{action}: {', '.join(words)}"

    async def _all(self, status: str) -> list[dict[str, Any]]:
        answer = await self._client.get("/api/reservations", params={"status": status, "limit": 500})
        found: list[dict[str, Any]] = answer.raise_for_status().json()["items"]
        return found
