"""Random histories: what both sides may do, in which order, and where the process may die in between."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from hypothesis import strategies as st
from sqlalchemy import create_engine, select
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.channel_sync import repository
from innkeeper.channel_sync.work import queue_poll
from innkeeper.domain.errors import InnkeeperError
from innkeeper.domain.ids import DEFAULT_PROPERTY
from innkeeper.domain.stay import Stay, StayStatus
from innkeeper.house import guests, reservations
from innkeeper.house.model import GuestDraft, RoomDraft
from innkeeper.house.tables import Reservation, Room
from innkeeper.simulators.qloapps.actors import Guest, NoRoomError
from innkeeper.simulators.qloapps.actors import Stay as ShopStay
from innkeeper.simulators.qloapps.model import Line, Order
from innkeeper.storage.database import Database
from innkeeper.storage.secrets import Keyring, new_key
from tests.channel_sync.mortal import POINTS, Fate, Killed, MortalDatabase, MortalWire
from tests.channel_sync.world import (
    DOUBLE,
    SUITE,
    Clock,
    Wire,
    World,
    connect,
    day,
    furnish,
    new_shop,
    open_channels,
)
from tests.conftest import all_tables

#: Longer than any lease, so that what a dead process held is free again.
LEASES_OVER = 130

GUESTS = (
    GuestDraft("Ada Byron", "ada@guest.example", "+390612345678"),
    GuestDraft("Grace Hopper", None, None),
    GuestDraft("Louis 14 Bourbon", "louis@guest.example", "+33140205050"),
    GuestDraft("Annabella Milbanke", "annabella@guest.example", "ext. 5"),
)
CUSTOMERS = (
    Guest("Ada", "Byron", "ada@guest.example", "+390612345678"),
    Guest("Mary", "Somerville", "mary@guest.example", "5550102"),
    Guest("Charles", "Babbage", "charles@guest.example", "5550103"),
)


@dataclass(frozen=True)
class Step:
    """Something that somebody does: `what`, to the `which`-th of its kind, with `values`."""

    what: str
    which: int = 0
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Talk:
    """Both sides talk, with these faults at these requests, and perhaps the process dies."""

    how: str
    faults: Mapping[int, str] = field(default_factory=dict)
    death: tuple[str, int] | None = None


@dataclass(frozen=True)
class History:
    """A whole history, to be told to a shop of this kind under this policy.

    `sells` says whether the house also has the shop sell what it has left, which blocks rooms there. In some zones a
    stay spans the night in which the clock is put forward.
    """

    version: str
    policy: str
    tax_rate: int
    sells: bool
    steps: Sequence[Step | Talk]
    zone: str = "UTC"


# --- what can happen --------------------------------------------------------------------------------------------------

FAULTS = (
    "error_before",
    "error_after",
    "drop_before",
    "drop_after",
    "drop_during",
    "truncate",
    "too_many",
    "maintenance",
    "slow",
    "duplicate",
    "late",
)
_NIGHTS = st.tuples(st.integers(0, 5), st.integers(1, 4)).map(lambda pair: (pair[0], pair[0] + pair[1]))
_KINDS = st.sampled_from([DOUBLE, DOUBLE, DOUBLE, SUITE])
_ROOMS = st.lists(
    st.fixed_dictionaries({"nights": _NIGHTS, "kind": _KINDS, "adults": st.integers(1, 3), "ages": st.just(())})
    | st.fixed_dictionaries(
        {"nights": _NIGHTS, "kind": _KINDS, "adults": st.integers(1, 2), "ages": st.sampled_from([(4,), (3, 9)])}
    ),
    min_size=1,
    max_size=3,
)
_WHICH = st.integers(0, 3)


def _step(what: str, **values: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.builds(Step, st.just(what), _WHICH, st.fixed_dictionaries(values))


_ROOM = st.integers(0, 2)
_DESK_BOOKS = _step("desk books", rooms=_ROOMS, guest=st.integers(0, len(GUESTS) - 1))
_SHOP_BOOKS = _step("shop books", rooms=_ROOMS, guest=st.integers(0, len(CUSTOMERS) - 1), overbook=st.just(False))
_BOOKINGS = _DESK_BOOKS | _SHOP_BOOKS
_STEPS = st.one_of(
    _DESK_BOOKS,
    _SHOP_BOOKS,
    _step("desk moves dates", room=_ROOM, nights=_NIGHTS),
    _step("desk changes type", room=_ROOM, kind=_KINDS),
    _step("desk adds room", nights=_NIGHTS, kind=_KINDS),
    _step("desk removes room", room=_ROOM, keep=st.booleans()),
    _step("desk changes people", room=_ROOM, adults=st.integers(1, 3)),
    _step("desk changes price", room=_ROOM, amount=st.integers(50, 900)),
    _step("desk gives room", room=_ROOM, number=st.integers(0, 3)),
    _step("desk cancels"),
    _step("desk reopens"),
    _step("desk checks in", room=st.none() | _ROOM),
    _step("desk checks out", room=st.none() | _ROOM),
    _step("desk edits guest", phone=st.sampled_from(["+390698765432", "+390698765433"])),
    _step("shop books", rooms=_ROOMS, guest=st.integers(0, len(CUSTOMERS) - 1), overbook=st.just(True)),
    _step("shop moves dates", room=_ROOM, nights=_NIGHTS),
    _step("shop changes type", room=_ROOM, kind=_KINDS),
    _step("shop adds room", nights=_NIGHTS, kind=_KINDS),
    _step("shop removes room", room=_ROOM),
    _step("shop makes line anew", room=_ROOM),
    _step("shop changes people", room=_ROOM, adults=st.integers(1, 3)),
    _step("shop changes price", room=_ROOM, amount=st.integers(50, 900)),
    _step("shop moves room", room=_ROOM, number=st.integers(1, 4)),
    _step("shop cancels"),
    _step("shop refunds"),
    _step("shop cancels room", room=_ROOM),
    _step("shop reopens", lines=st.booleans()),
    _step("shop checks in", room=_ROOM),
    _step("shop checks out", room=_ROOM),
    _step("shop takes payment", amount=st.integers(10, 300)),
    _step("shop edits customer", phone=st.sampled_from(["5550777", "5550778"])),
    _step("shop writes message"),
    _step("shop hides order"),
    _step("time passes", seconds=st.sampled_from([0, 1, 45, 3600, 90_000])),
)
_HOW = st.sampled_from(["poll", "poll", "poll", "work", "sync", "full", "send"])
_TROUBLE = st.dictionaries(st.integers(0, 14), st.sampled_from(FAULTS), min_size=1, max_size=3)
_DEATH = st.tuples(st.sampled_from(POINTS), st.integers(0, 14))
_TALKS = st.one_of(
    st.builds(Talk, _HOW),
    st.builds(Talk, _HOW, _TROUBLE),
    st.builds(Talk, _HOW, st.just({}), _DEATH),
    st.builds(Talk, _HOW, _TROUBLE, _DEATH),
)
#: A few things happen, and then both sides talk.
_CHAPTERS = st.builds(lambda steps, talk: (*steps, talk), st.lists(_STEPS, max_size=3), _TALKS)


def histories(most: int = 6) -> st.SearchStrategy[History]:
    """Return histories of a booking or two, up to `most` chapters, and what is left unsaid at the end."""
    return st.builds(
        lambda version, policy, tax, sells, first, chapters, last, zone: History(
            version, policy, tax, sells, (*first, *(step for chapter in chapters for step in chapter), *last), zone
        ),
        st.sampled_from(["1.7.0", "dev-2024-10"]),
        st.sampled_from(["newest", "house", "qloapps"]),
        st.sampled_from([0, 23]),
        st.just(False),
        st.lists(_BOOKINGS, min_size=1, max_size=2),
        st.lists(_CHAPTERS, min_size=2, max_size=most),
        st.lists(_STEPS, max_size=2),
        st.sampled_from(["UTC", "Europe/Warsaw"]),
    )


# --- telling a history ------------------------------------------------------------------------------------------------


class Stage:
    """The furnished house in a file, made once and copied for each history; a file in memory where there is a place."""

    def __init__(self) -> None:
        shared = Path("/dev/shm")  # noqa: S108  a file in memory, in a folder with a name of its own
        place = shared if shared.is_dir() and os.access(shared, os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="innkeeper-histories-", dir=place))
        self.template = self.folder / "template.db"
        self.keyring = Keyring([new_key()])
        self.types: dict[int, UUID] = {}

    async def furnish(self) -> None:
        """Make the file."""
        engine = create_engine(f"sqlite:///{self.template}")
        all_tables().create_all(engine)
        engine.dispose()
        database = Database(f"sqlite:///{self.template}", pool_size=1)
        clock = Clock()
        app = new_shop("1.7.0", clock)
        channels, worker = open_channels(database, clock, self.keyring, Wire(app=app))
        world = World(database, app, clock, channels, worker)
        await furnish(world)
        await connect(world)
        await channels.aclose()
        await database.aclose()
        self.types = world.types

    def copy(self) -> Path:
        """Return a fresh copy of the file, in the place of the one before."""
        path = self.folder / "history.db"
        for old in self.folder.glob(f"{path.name}*"):
            old.unlink()
        shutil.copyfile(self.template, path)
        return path

    def remove(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Play:
    """One history while it is told. `world` is the process that lives at the moment."""

    world: World
    wire: MortalWire
    fate: Fate

    def __init__(self, stage: Stage, history: History) -> None:
        self._stage = stage
        self._path = stage.copy()
        self.history = history
        self.clock = Clock()
        self.shop = new_shop(history.version, self.clock, tax_rate=history.tax_rate, timezone=history.zone)
        self.shop.dial.slow_seconds = self.shop.dial.late_seconds = 0.0
        self.deaths = 0
        self.writes: list[str] = []
        self.oversold: list[str] = []

    async def open(self) -> None:
        """Start the first process."""
        self._start()
        async with self.world.database.write() as tx:
            config = await repository.config(tx.session, DEFAULT_PROPERTY)
            assert config is not None
            config.conflict_policy = {"default": self.history.policy}
            config.sync_availability = config.sync_rates = self.history.sells
        for draft in GUESTS:
            async with self.world.database.write() as tx:
                await guests.create(tx, DEFAULT_PROPERTY, draft, lenient=True)

    def _start(self) -> None:
        self.fate = Fate()
        self.wire = MortalWire(self.shop, self.fate)
        database = MortalDatabase(f"sqlite:///{self._path}", self.fate)
        channels, worker = open_channels(database, self.clock, self._stage.keyring, self.wire)
        self.world = World(database, self.shop, self.clock, channels, worker, types=self._stage.types)

    async def close(self) -> None:
        """Stop the process."""
        await self._end()

    async def _end(self) -> None:
        await self.shop.settle()
        self.writes += self.wire.writes
        self.oversold += self.wire.oversold
        await self.world.channels.aclose()
        await self.world.database.aclose()

    async def restart(self) -> None:
        """Drop the process with all that it knows, let its leases run out, and start another one."""
        await self._end()
        self.clock.advance(LEASES_OVER)
        self._start()

    async def tell(self) -> None:
        """Let everything happen, in order."""
        for step in self.history.steps:
            if isinstance(step, Talk):
                await self.talk(step)
            else:
                await self.act(step)

    async def talk(self, talk: Talk) -> None:
        """Let both sides talk."""
        self.clock.advance(2)
        self.wire.plan(dict(talk.faults))
        self.fate.decide(*(talk.death or (None,)))
        try:
            await self._talk(talk.how)
        except Killed:
            pass
        if self.fate.dead:
            self.deaths += 1
            await self.restart()
        self.fate.decide(None)
        self.wire.plan({})
        self.shop.dial.calm()

    async def _talk(self, how: str) -> None:
        world = self.world
        if how == "poll":
            async with world.database.write() as tx:
                await queue_poll(tx, world.property_id)
        if how in ("work", "poll"):
            await world.work()
        else:
            what, full = {"sync": ("all", False), "full": ("inbound", True), "send": ("outbound", False)}[how]
            await world.sync(what, full=full)

    async def act(self, step: Step) -> None:
        """Let somebody do something; what a side refuses itself does not happen."""
        who, _, what = step.what.partition(" ")
        name = "_" + what.replace(" ", "_")
        if who == "time":
            self.clock.advance(step.values["seconds"])
        elif who == "desk":
            await Desk(self.world).do(name, step)
        else:
            ShopStaff(self.world).do(name, step)


class Desk:
    """What clerks do in the house."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def do(self, name: str, step: Step) -> None:
        """Do it, if the house lets us."""
        try:
            if name == "_books":
                await self._books(step)
                return
            found = await self.world.reservations()
            if found:
                action: Callable[..., Awaitable[None]] = getattr(self, name)
                await action(found[step.which % len(found)], **step.values)
        except InnkeeperError:
            pass

    async def _books(self, step: Step) -> None:
        world = self.world
        async with world.database.read() as session:
            people = await guests.matching(session, world.property_id, guests.normal_forms(_name(step), None, None))
        rooms = [
            world.room(*r["nights"], r["kind"], adults=r["adults"], children=len(r["ages"]), child_ages=r["ages"])
            for r in step.values["rooms"]
        ]
        await world.book(*rooms, guest_id=people[0].id)

    async def _change(self, found: Reservation, change: Callable[[list[RoomDraft]], list[RoomDraft]]) -> None:
        draft = reservations.draft_of(found)
        rooms = change(list(draft.rooms))
        await self.world.do(reservations.change, found.id, draft=replace(draft, rooms=tuple(rooms), total_amount=None))

    async def _one(self, found: Reservation, position: int, **values: Any) -> None:
        def change(rooms: list[RoomDraft]) -> list[RoomDraft]:
            living = [room for room in rooms if room.status is not StayStatus.CANCELLED]
            if living:
                chosen = living[position % len(living)]
                rooms[rooms.index(chosen)] = replace(chosen, **values)
            return rooms

        await self._change(found, change)

    async def _moves_dates(self, found: Reservation, room: int, nights: tuple[int, int]) -> None:
        await self._one(found, room, stay=Stay(day(nights[0]), day(nights[1])), amount=None)

    async def _changes_type(self, found: Reservation, room: int, kind: int) -> None:
        await self._one(found, room, room_type_id=self.world.types[kind], room_id=None, amount=None)

    async def _changes_people(self, found: Reservation, room: int, adults: int) -> None:
        await self._one(found, room, adults=adults)

    async def _changes_price(self, found: Reservation, room: int, amount: int) -> None:
        await self._one(found, room, amount=Decimal(amount))

    async def _adds_room(self, found: Reservation, nights: tuple[int, int], kind: int) -> None:
        await self._change(found, lambda rooms: [*rooms, self.world.room(*nights, kind)])

    async def _removes_room(self, found: Reservation, room: int, keep: bool) -> None:
        if keep:
            await self._one(found, room, status=StayStatus.CANCELLED)
        elif len(found.rooms) > 1:
            await self._change(found, lambda rooms: [r for i, r in enumerate(rooms) if i != room % len(rooms)])

    async def _gives_room(self, found: Reservation, room: int, number: int) -> None:
        async with self.world.database.read() as session:
            rooms = await _physical_rooms(session)
        await self._one(found, room, room_id=rooms[number % len(rooms)])

    async def _cancels(self, found: Reservation) -> None:
        await self.world.do(reservations.cancel, found.id)

    async def _reopens(self, found: Reservation) -> None:
        if found.status != StayStatus.CANCELLED:
            return
        await self._change(found, lambda rooms: [replace(room, status=StayStatus.CONFIRMED) for room in rooms])

    async def _checks_in(self, found: Reservation, room: int | None) -> None:
        chosen = None if room is None else {found.rooms[room % len(found.rooms)].id: None}
        await self.world.do(reservations.check_in, found.id, rooms=chosen)

    async def _checks_out(self, found: Reservation, room: int | None) -> None:
        chosen = None if room is None else [found.rooms[room % len(found.rooms)].id]
        await self.world.do(reservations.check_out, found.id, rooms=chosen, leave_open=True)

    async def _edits_guest(self, found: Reservation, phone: str) -> None:
        async with self.world.database.write() as tx:
            draft = replace(guests.draft_of(found.primary_guest), phone=phone)
            await guests.update(tx, self.world.property_id, found.primary_guest_id, draft, lenient=True)


def _name(step: Step) -> str:
    return GUESTS[step.values["guest"]].name


async def _physical_rooms(session: AsyncSession) -> list[UUID]:
    return list((await session.scalars(select(Room.id).order_by(Room.number))).all())


class ShopStaff:
    """What staff, guests and OTAs do in the shop."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.state = world.shop.state
        self.office = world.office

    def do(self, name: str, step: Step) -> None:
        """Do it, if the shop lets us."""
        try:
            if name == "_books":
                self._books(**step.values)
                return
            orders = self.world.orders()
            if orders:
                getattr(self, name)(orders[step.which % len(orders)], **step.values)
        except NoRoomError:
            pass

    def _books(self, rooms: Sequence[Mapping[str, Any]], guest: int, overbook: bool) -> None:
        stays = [
            ShopStay(r["kind"], day(r["nights"][0]), day(r["nights"][1]), adults=r["adults"], child_ages=r["ages"])
            for r in rooms
        ]
        self.office.book(*stays, guest=CUSTOMERS[guest], overbook=overbook, source="Booking.com")

    def _line(self, order: Order, room: int) -> Line | None:
        lines = [line for line in self.state.lines_of(order) if not line.is_refunded]
        return lines[room % len(lines)] if lines else None

    def _moves_dates(self, order: Order, room: int, nights: tuple[int, int]) -> None:
        line = self._line(order, room)
        if line and line.id_status == 1:
            self.office.change_dates(order, day(nights[0]), day(nights[1]), line)

    def _changes_type(self, order: Order, room: int, kind: int) -> None:
        line = self._line(order, room)
        if line and line.id_status == 1:
            self.office.change_type(order, kind, line)

    def _adds_room(self, order: Order, nights: tuple[int, int], kind: int) -> None:
        if order.current_state not in (4, 5):
            self.office.add_room(order, ShopStay(kind, day(nights[0]), day(nights[1])))

    def _removes_room(self, order: Order, room: int) -> None:
        line = self._line(order, room)
        if line:
            self.office.remove_room(order, line)

    def _makes_line_anew(self, order: Order, room: int) -> None:
        line = self._line(order, room)
        if line and line.id_status == 1:
            self.office.change_dates(order, line.date_from[:10], line.date_to[:10], line)

    def _changes_people(self, order: Order, room: int, adults: int) -> None:
        line = self._line(order, room)
        if line:
            line.adults, line.date_upd = adults, self.state.now()

    def _changes_price(self, order: Order, room: int, amount: int) -> None:
        line = self._line(order, room)
        if line:
            self.office.charge(line, amount)

    def _moves_room(self, order: Order, room: int, number: int) -> None:
        line = self._line(order, room)
        if line and self.state.hotel_rooms[number]["id_product"] == line.id_product:
            self.office.move_room(line, number)

    def _cancels(self, order: Order) -> None:
        self.office.cancel(order)

    def _refunds(self, order: Order) -> None:
        self.office.refund(order)

    def _cancels_room(self, order: Order, room: int) -> None:
        line = self._line(order, room)
        if line:
            self.office.cancel_room(line)

    def _reopens(self, order: Order, lines: bool) -> None:
        if order.current_state in (4, 5):
            self.office.uncancel(order)
            for line in self.state.lines_of(order) if lines else ():
                self.office.revive_line(line)

    def _checks_in(self, order: Order, room: int) -> None:
        line = self._line(order, room)
        if line and line.id_status == 1:
            self.office.check_in(line)

    def _checks_out(self, order: Order, room: int) -> None:
        line = self._line(order, room)
        if line and line.id_status == 2:
            self.office.check_out(line)

    def _takes_payment(self, order: Order, amount: int) -> None:
        self.office.take_payment(order, amount)

    def _edits_customer(self, order: Order, phone: str) -> None:
        self.office.edit_customer(self.state.customers[order.id_customer], phone=phone)

    def _writes_message(self, order: Order) -> None:
        self.office.staff_message(order, "Late arrival")

    def _hides_order(self, order: Order) -> None:
        """What an integration's PUT of an order without its shop does."""
        order.id_shop = order.id_shop_group = order.round_mode = order.round_type = 0
        order.date_upd = self.state.now()


P = TypeVar("P", bound=Play)


def run(
    play_of: type[P],
    history: History,
    stage: Stage,
    check: Callable[[P], Awaitable[None]],
    runner: asyncio.Runner,
) -> int:
    """Tell the history, check how it ended, and return how often the process died in it."""

    async def whole() -> int:
        asyncio.get_running_loop().set_exception_handler(_ignore_the_dead)
        play = play_of(stage, history)
        await play.open()
        try:
            await play.tell()
            await check(play)
        finally:
            await play.close()
        return play.deaths

    return runner.run(whole())


def _ignore_the_dead(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say nothing of tasks that ended with their process."""
    if not isinstance(context.get("exception"), Killed):
        loop.default_exception_handler(context)
