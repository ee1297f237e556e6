"""The simulated OPERA of the demo: the same rooms and guests as the house, and an interface that fails at 19:30.

Harbour House is one property. Its rooms are sold from Innkeeper's own books and its folios are in OPERA, as in a hotel
that runs OPERA and sells through QloApps: so a viewer can follow one guest from an OTA's booking over the check-in to
the dinner on the bill. A second property for the restaurant would show two halves that never meet. What links a hotel's
desk with its OPERA is no part of Innkeeper; here the desk tells OPERA who is in house.
"""

import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, time, timedelta
from pathlib import Path

import structlog

from innkeeper.demo.clock import HotelClock
from innkeeper.demo.keeping import Keeper
from innkeeper.simulators.opera import HotelState, OperaApp
from innkeeper.simulators.opera.demo_hotel import CODES
from innkeeper.simulators.opera.model import Profile, Reservation
from innkeeper.simulators.server import serve

log = structlog.get_logger(__name__)

HOTEL_CODE = "HARBOUR"

#: Hours of the hotel's day between which OPERA's interface is down.
OUTAGE = (time(19, 30), time(20, 15))

#: When its line begins to be bad: so many charges are posted there while the answer is lost, and nobody knows.
_BAD_LINE, _LOST_ANSWERS = time(19, 15), 2

#: Days of OPERA's books that are kept, so that a demo that runs for months stays small.
_KEPT = timedelta(days=35)


@dataclass(frozen=True, slots=True)
class Stay:
    """One room of a reservation whose guest is in house."""

    confirmation: str
    name: str
    email: str
    phone: str
    room: str
    arrival: date
    departure: date
    adults: int


class Opera:
    """The hotel's OPERA as the people of the demo meet it."""

    def __init__(self, url: str, app: OperaApp, save: Callable[[], None]) -> None:
        self.url = url
        self._app = app
        self._state = app.state
        self._save = save

    @property
    def business_date(self) -> date:
        """The open day."""
        return self._state.business_date

    def rooms(self) -> list[str]:
        """Return the rooms in which somebody is."""
        return sorted({one.room for one in self._state.reservations.values() if one.status == "InHouse"})

    def follow(self, stays: Sequence[Stay]) -> None:
        """Check in, move and check out in OPERA, until the guests in house are these."""
        wanted = {stay.confirmation: stay for stay in stays}
        known: dict[str, list[Reservation]] = {}
        for one in self._state.reservations.values():
            if one.status == "InHouse":
                known.setdefault(one.confirmation, []).append(one)
        changed = False
        for confirmation, reservations in known.items():
            stay = wanted.get(confirmation)
            for reservation in reservations:
                changed |= self._leave(reservation) if stay is None else _move(reservation, stay)
        for confirmation in wanted.keys() - known.keys():
            self._arrive(wanted[confirmation])
            changed = True
        if changed:
            self._save()

    def _leave(self, reservation: Reservation) -> bool:
        self._app.desk.check_out(reservation.id)
        return True

    def _arrive(self, stay: Stay) -> None:
        mark = zlib.crc32(stay.confirmation.encode())
        guest = self._add(stay, stay.name, mark)
        guest.no_post = mark % 14 == 0  # paid in advance and wants nothing on the bill
        if mark % 6 == 1 and stay.adults > 1:
            partner = self._add(stay, f"Alex {stay.name.rpartition(' ')[2]}", mark + 1)
            partner.share = guest.share = f"SHARE-{stay.confirmation}"

    def _add(self, stay: Stay, name: str, mark: int) -> Reservation:
        number = max((int(one) for one in self._state.reservations), default=41_000) + 1
        first, _, last = name.rpartition(" ")
        profile = Profile(f"{number + 230_000}", first, last, email=stay.email, phone=stay.phone)
        if mark % 7 == 0:
            profile.vip_code, profile.vip_description = "VIP2", "Gold"
        if mark % 5 == 0:
            profile.preferences = [("ALLERGY", "NUT", "Peanuts"), ("SEATING", "WIN", "Table by the window")]
        reservation = Reservation(
            id=str(number),
            confirmation=stay.confirmation,
            profile_id=profile.id,
            room=stay.room,
            room_type="STD",
            arrival=stay.arrival,
            departure=stay.departure,
            status="InHouse",
            adults=stay.adults,
            key_tracks={f"CARD{stay.room}N{number}"},
        )
        return self._state.add_guest(profile, reservation)

    def close_day(self) -> date:
        """Charge the rooms, open the next day and return it; what is old is forgotten."""
        self._app.desk.roll_business_date()
        self._state.forget(self.business_date - _KEPT)
        self._save()
        return self.business_date

    async def break_and_mend(self, clock: HotelClock) -> None:
        """Take the interface down every evening. Only this fault is turned; those that a viewer turned stay."""
        dial, before = self._app.dial, clock.now().time()
        while True:
            now = clock.now()
            if before < _BAD_LINE <= now.time():
                dial.next("drop_after", method="POST", path="/charges", times=_LOST_ANSWERS)
            is_down = OUTAGE[0] <= now.time() < OUTAGE[1]
            if is_down != bool(dial.rates.get("maintenance")):
                dial.set(maintenance=float(is_down))
                log.info("OPERA", at=clock.shown(), what="is down" if is_down else "is back")
            before = now.time()
            await clock.reach(now + timedelta(minutes=1))


def _move(reservation: Reservation, stay: Stay) -> bool:
    before = (reservation.room, reservation.departure)
    reservation.room, reservation.departure = stay.room, stay.departure
    return before != (stay.room, stay.departure)


@asynccontextmanager
async def open_opera(folder: Path, hotel: str, currency: str, today: date) -> AsyncIterator[Opera]:
    """Open the simulated OPERA, in the state in which it was left in this folder."""
    keeper = Keeper(folder, "opera")
    state: HotelState | None = keeper.load()
    if state is None:
        state = HotelState(hotel_id=HOTEL_CODE, currency=currency, business_date=today)
        state.hotel_name = hotel
        state.codes = {code.code: code for code in CODES}
    app = OperaApp(state)
    app.app = keeper.after_each_change(app.app, state)
    async with serve(app, port=keeper.port()) as running:
        keeper.keep_port(running.port)
        yield Opera(running.url, app, lambda: keeper.save(app.state))
