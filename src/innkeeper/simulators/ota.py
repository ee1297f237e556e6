"""Guests of the OTAs: they book, change and cancel in a QloApps, simulated or real, through its WebService."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import random
import string
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx2

CANCELED = 4
"""Order state of a cancelled order in a default shop."""


@dataclass(frozen=True, slots=True)
class Channel:
    """An OTA as the channel manager leaves it in QloApps: ``name`` becomes the source and the payment method."""

    name: str
    share: float
    prepaid: bool
    """The OTA collects the money and the order arrives paid; else the guest pays at the hotel."""
    alphabet: str
    length: int
    prefix: str = ""


CHANNELS = (
    Channel("Booking.com", 0.55, prepaid=False, alphabet=string.digits, length=10),
    Channel("Expedia", 0.25, prepaid=True, alphabet=string.digits, length=10),
    Channel("Airbnb", 0.20, prepaid=True, alphabet=string.ascii_uppercase + string.digits, length=8, prefix="HM"),
)

_PEOPLE = {
    "+44": ("Amelia Oliver Isla George Freya Harry", "Whitfield Ashdown Pemberton Hargreaves Oakley", 10),
    "+49": ("Anna Jonas Lena Felix Jürgen Käthe", "Weber Schröder Brandt Vogel Lindner", 11),
    "+33": ("Camille Hugo Léa Louis Chloé Étienne", "Moreau Lefèvre Garnier Chevalier Roussel", 9),
    "+34": ("Lucía Mateo Sofía Álvaro Inés Javier", "Navarro Ibáñez Castaño Vidal Romero", 9),
    "+39": ("Giulia Matteo Chiara Lorenzo Elena Davide", "Ferri Bianchi Colombo Gallo Marchetti", 10),
    "+48": ("Zofia Łukasz Hanna Paweł Maja Kacper", "Nowicki Wójcik Zając Górski Pawlak", 9),
    "+31": ("Sanne Daan Femke Sem Lotte Bram", "Visser Bakker Hendriks Kuipers Postma", 9),
    "+1": ("Ava Noah Grace Ethan Madison Wyatt", "Sullivan Hayes Brennan Calloway Whitaker", 10),
    "+81": ("Yui Haruto Sakura Ren Aoi Sota", "Tanaka Kobayashi Ishikawa Mori Fujita", 10),
}
"""Made-up people by country code: first names, last names, digits of a number."""

_REMARKS = (
    "Late arrival, around 22:30",
    "A quiet room, please",
    "Honeymoon",
    "We travel with a baby, is a cot possible?",
    "Non-smoking room",
    "Need an invoice for the company",
)


@dataclass(slots=True)
class OtaBooking:
    """A booking as the OTA remembers it; ``rooms`` are (adults, ages of the children)."""

    channel: Channel
    number: str
    order_id: int
    id_type: int
    checkin: dt.date
    checkout: dt.date
    rooms: list[tuple[int, tuple[int, ...]]]
    guest: dict[str, str]
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """What a guest did. ``accepted`` is None when the answer does not tell whether it happened."""

    kind: str
    channel: str
    number: str
    order_id: int | None
    accepted: bool | None
    detail: str


@dataclass(slots=True)
class _Shop:
    currency: str
    types: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Adults and children that a room of the type takes, by room type."""


class OtaGuests:
    """All guests of all OTAs in one; with the same ``rng`` they do the same again.

    Args:
        url: address of the shop, with or without ``/api``.
        key: webservice key with GET on room_types, hotel_room_types, currencies and configurations, POST and PUT on
            bookings, and POST on order_histories.
        hotel_id: the hotel in which they book.
        today: the day from which stays are booked ahead.
        client: another HTTP client, such as one that calls an application in-process; it is not closed.
    """

    def __init__(
        self,
        url: str,
        key: str,
        hotel_id: int = 1,
        rng: random.Random | None = None,
        *,
        today: Callable[[], dt.date] = lambda: dt.datetime.now(dt.UTC).date(),
        client: httpx2.AsyncClient | None = None,
        change_share: float = 0.15,
        cancel_share: float = 0.12,
        days_ahead: int = 60,
    ) -> None:
        self._base = f"{url.rstrip('/').removesuffix('/api')}/api"
        self._hotel = hotel_id
        self._rng = rng or random.Random()
        self._today = today
        self._own_client = client is None
        self._client = client or httpx2.AsyncClient(timeout=30.0)
        self._auth = httpx2.BasicAuth(key, "")
        self._change_share = change_share
        self._cancel_share = cancel_share
        self._days_ahead = days_ahead
        self._shop: _Shop | None = None
        self.bookings: list[OtaBooking] = []
        self.counts: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the HTTP client, unless it was given."""
        if self._own_client:
            await self._client.aclose()

    async def act(self) -> Action:
        """Let one guest book, change or cancel. A shop that does not answer is an outcome, not an exception."""
        alive = [one for one in self.bookings if not one.cancelled and one.checkin > self._today()]
        chance = self._rng.random()
        if alive and chance < self._cancel_share:
            action = await self.cancel(self._rng.choice(alive))
        elif alive and chance < self._cancel_share + self._change_share:
            action = await self.change(self._rng.choice(alive))
        else:
            action = await self.book()
        outcome = {True: "accepted", False: "refused", None: "unclear"}[action.accepted]
        self.counts[f"{action.kind}_{outcome}"] += 1
        return action

    async def book(self) -> Action:
        """Book one to three rooms of a type for one to six nights."""
        rng = self._rng
        channel = rng.choices(CHANNELS, [one.share for one in CHANNELS])[0]
        number = channel.prefix + "".join(rng.choices(channel.alphabet, k=channel.length))
        try:
            shop = await self._know_shop()
        except (httpx2.HTTPError, ValueError, LookupError) as unreachable:
            return Action("book", channel.name, number, None, False, f"the shop tells nothing: {unreachable}")
        id_type = rng.choice(sorted(shop.types))
        checkin = self._today() + dt.timedelta(days=rng.randint(1, self._days_ahead))
        checkout = checkin + dt.timedelta(days=rng.choices((1, 2, 3, 4, 5, 6), (30, 28, 18, 12, 7, 5))[0])
        rooms = [self._party(*shop.types[id_type]) for _ in range(rng.choices((1, 2, 3), (88, 10, 2))[0])]
        booking = OtaBooking(channel, number, 0, id_type, checkin, checkout, rooms, self._guest())
        document = self._document(booking, shop) | {
            "booking_status": 1,
            "payment_status": 1 if channel.prepaid else 3,
            "source": channel.name,
            "remark": ". ".join([f"{channel.name} {number}", *rng.sample(_REMARKS, rng.choices((0, 1), (2, 1))[0])]),
        }
        document["associations"]["payment_detail"] = {
            "payment_type": "online" if channel.prepaid else "pay at hotel",
            "payment_method": channel.name,
            "transaction_id": number,
        }
        answer = await self._send("POST", "bookings", json.dumps({"booking": document}))
        found = _booking_of(answer)
        if found is None:
            return Action("book", channel.name, number, None, _refused(answer), _words(answer))
        booking.order_id = found["id"]
        self.bookings.append(booking)
        return Action("book", channel.name, number, booking.order_id, True, f"{checkin} to {checkout}")

    async def change(self, booking: OtaBooking) -> Action:
        """Other dates, or another party size of rooms, for a booking of one's own."""
        before = (booking.checkin, booking.checkout, list(booking.rooms))
        shift = dt.timedelta(days=self._rng.choice((-2, -1, 1, 2, 3)))
        if self._rng.random() < 0.5:
            booking.checkout = max(booking.checkout + shift, booking.checkin + dt.timedelta(days=1))
        else:
            booking.checkin, booking.checkout = booking.checkin + abs(shift), booking.checkout + abs(shift)
        try:
            shop = await self._know_shop()
        except (httpx2.HTTPError, ValueError, LookupError) as unreachable:
            booking.checkin, booking.checkout, booking.rooms = before
            return Action("change", booking.channel.name, booking.number, booking.order_id, False, str(unreachable))
        document = self._document(booking, shop) | {"id": booking.order_id}
        answer = await self._send("PUT", f"bookings/{booking.order_id}", json.dumps({"booking": document}))
        accepted = True if _booking_of(answer) is not None else _refused(answer)
        if accepted is not True:
            booking.checkin, booking.checkout, booking.rooms = before
        detail = f"{booking.checkin} to {booking.checkout}" if accepted else _words(answer)
        return Action("change", booking.channel.name, booking.number, booking.order_id, accepted, detail)

    async def cancel(self, booking: OtaBooking) -> Action:
        """Cancel a booking of one's own."""
        body = (
            f"<qloapps><order_history><id_order>{booking.order_id}</id_order>"
            f"<id_order_state>{CANCELED}</id_order_state></order_history></qloapps>"
        )
        answer = await self._send("POST", "order_histories", body)
        accepted = True if answer is not None and answer.status_code == 201 else _refused(answer)
        booking.cancelled = accepted is True
        return Action("cancel", booking.channel.name, booking.number, booking.order_id, accepted, _words(answer))

    def _document(self, booking: OtaBooking, shop: _Shop) -> dict[str, Any]:
        """The booking for the wire; both spellings of the adults, since each version reads another."""
        rooms = [
            {"adults": adults, "adult": adults, "child": len(ages), "child_ages": list(ages)}
            for adults, ages in booking.rooms
        ]
        stay = {
            "id_room_type": booking.id_type,
            "checkin_date": booking.checkin.isoformat(),
            "checkout_date": booking.checkout.isoformat(),
            "number_of_rooms": len(rooms),
            "rooms": rooms,
        }
        return {
            "id_property": self._hotel,
            "currency": shop.currency,
            "associations": {"customer_detail": booking.guest, "room_types": [stay]},
        }

    def _guest(self) -> dict[str, str]:
        rng = self._rng
        code = rng.choice(sorted(_PEOPLE))
        firsts, lasts, digits = _PEOPLE[code]
        first, last = rng.choice(firsts.split()), rng.choice(lasts.split())
        mailbox = f"{_ascii(first)}.{_ascii(last)}.{rng.randrange(10**6):06d}".lower()
        number = str(rng.randrange(10 ** (digits - 1), 10**digits))
        return {"firstname": first, "lastname": last, "email": f"{mailbox}@guest.example", "phone": code + number}

    def _party(self, max_adults: int, max_children: int) -> tuple[int, tuple[int, ...]]:
        rng = self._rng
        adults = min(rng.choices((1, 2), (30, 70))[0], max_adults)
        children = min(rng.choices((0, 1, 2), (75, 15, 10))[0], max_children)
        return adults, tuple(rng.randint(1, 14) for _ in range(children))

    async def _know_shop(self) -> _Shop:
        """Currency and room types, read once. Raises httpx2.HTTPError, ValueError or LookupError."""
        if self._shop is None:
            setting = await self._read("configurations?filter[name]=[PS_CURRENCY_DEFAULT]&display=[id,value]")
            number = setting["configurations"][0]["value"]
            currencies = await self._read(f"currencies?filter[id]=[{number}]&display=[id,iso_code]")
            kinds = await self._read(f"hotel_room_types?filter[id_hotel]=[{self._hotel}]&display=full")
            self._shop = _Shop(
                currencies["currencies"][0]["iso_code"],
                {row["id_product"]: (row["max_adults"], row["max_children"]) for row in kinds["hotel_room_types"]},
            )
        return self._shop

    async def _read(self, path: str) -> Any:
        answer = await self._client.get(
            f"{self._base}/{path}", auth=self._auth, headers={"Output-Format": "JSON"}, follow_redirects=False
        )
        if answer.status_code != 200:
            raise ValueError(f"GET {path.partition('?')[0]}: {answer.status_code}")
        return answer.json()

    async def _send(self, method: str, path: str, body: str) -> httpx2.Response | None:
        """The answer, or None when there was none."""
        try:
            return await self._client.request(
                method,
                f"{self._base}/{path}",
                content=body.encode(),
                auth=self._auth,
                headers={"Output-Format": "JSON"},
                follow_redirects=False,
            )
        except httpx2.HTTPError:
            return None


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.replace("ł", "l").replace("Ł", "L"))
    return "".join(sign for sign in plain if sign.isascii() and sign.isalpha())


def _booking_of(answer: httpx2.Response | None) -> dict[str, Any] | None:
    """The booking of a clean answer: 200, JSON, and an id; everything else does not count."""
    if answer is None or answer.status_code != 200:
        return None
    try:
        found = answer.json()["booking"]
    except (ValueError, LookupError, TypeError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("id"), int) else None


def _refused(answer: httpx2.Response | None) -> bool | None:
    """False for a clear no, None when the shop may have done it all the same."""
    return False if answer is not None and 400 <= answer.status_code < 500 else None


def _words(answer: httpx2.Response | None) -> str:
    if answer is None:
        return "no answer"
    try:
        return "; ".join(str(one["message"]) for one in answer.json()["errors"])
    except (ValueError, LookupError, TypeError):
        return f"status {answer.status_code}"


async def run_guests(
    guests: OtaGuests,
    *,
    per_hour: float = 12.0,
    speed: float = 1.0,
    actions: int | None = None,
    on_action: Callable[[Action], None] | None = None,
) -> Counter[str]:
    """Let guests act at random moments, ``per_hour`` times ``speed`` of them an hour, until cancelled or until so many
    ``actions`` are done; returns what they did, counted.

    Raises ValueError for a rate that is not above zero.
    """
    if per_hour <= 0 or speed <= 0:
        raise ValueError("per_hour and speed must be above zero")
    pace = random.Random(per_hour)
    done = 0
    while actions is None or done < actions:
        await asyncio.sleep(pace.expovariate(per_hour * speed / 3600.0))
        action = await guests.act()
        if on_action is not None:
            on_action(action)
        done += 1
    return guests.counts
