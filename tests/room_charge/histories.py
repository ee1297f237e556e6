"""Histories of a hotel's day in random order, with faults and deaths, and what must hold however they went."""

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from hypothesis import strategies as st
from sqlalchemy import create_engine

from innkeeper.access.caller import Caller
from innkeeper.domain.errors import InnkeeperError
from innkeeper.jobs.worker import Worker
from innkeeper.room_charge import audit_day, jobs, posting, queue, voids
from innkeeper.room_charge.order import Order
from innkeeper.room_charge.tables import RoomCharge
from innkeeper.simulators.faults import FAULTS
from innkeeper.storage.database import Database
from innkeeper.storage.secrets import Keyring, new_key
from tests.conftest import all_tables
from tests.connectors.house.stage import HouseDesk, furnish
from tests.room_charge.mortal import POINTS, Fate, Killed, MortalDatabase, MortalLine
from tests.room_charge.world import LONG, Clock, World, new_opera, open_systems, open_world, with_opera

#: Faults that any of our own calls can meet; one that doubles a request is for charges, which are looked after.
CALL_FAULTS = tuple(fault for fault in FAULTS if fault not in ("slow", "duplicate"))
ROOMS = ("412", "A-12", "305")
#: The smallest unit of currencies with no, two and three digits.
UNITS = {"JPY": Decimal(1), "USD": Decimal("0.01"), "BHD": Decimal("0.001")}

MANAGER = Caller.system("manager")


@dataclass(frozen=True)
class Step:
    """One thing that happens; `which` chooses among the charges there are."""

    what: str
    which: int = 0
    room: str = "412"
    units: tuple[int, int] = (8750, 1750)
    seconds: float = 0.0
    landed: bool = False
    fault: str | None = None
    death: tuple[str, int] | None = None


@dataclass(frozen=True)
class History:
    """A hotel's day."""

    pms: str
    currency: str
    steps: Sequence[Step]


def steps() -> st.SearchStrategy[Step]:
    """Return anything that can happen."""
    which = st.integers(0, 5)
    fault = st.one_of(st.none(), st.sampled_from(CALL_FAULTS))
    death = st.one_of(st.none(), st.none(), st.tuples(st.sampled_from(POINTS), st.integers(0, 4)))
    units = st.tuples(st.integers(1, 99_999), st.integers(0, 1))
    charging = st.builds(
        Step,
        what=st.just("post"),
        room=st.sampled_from(ROOMS),
        units=units,
        fault=st.one_of(fault, st.just("duplicate")),
        death=death,
    )
    acting = st.builds(
        Step,
        what=st.sampled_from(["post again", "retry", "void", "settle", "look"]),
        which=which,
        room=st.sampled_from(ROOMS),
        units=units,
        landed=st.booleans(),
        fault=fault,
        death=death,
    )
    passing = st.builds(
        Step, what=st.just("work"), seconds=st.sampled_from([0.0, 2.0, 70.0, 400.0]), fault=fault, death=death
    )
    desk = st.builds(Step, what=st.sampled_from(["check out", "move", "close day"]), room=st.sampled_from(ROOMS))
    return st.one_of(charging, charging, acting, passing, desk)


def histories(max_steps: int) -> st.SearchStrategy[History]:
    """Return days of up to so many events."""
    return st.builds(
        History,
        pms=st.sampled_from(["opera", "house"]),
        currency=st.sampled_from(sorted(UNITS)),
        steps=st.lists(steps(), min_size=1, max_size=max_steps),
    )


class Stage:
    """Empty data bases of a furnished house, one file for each currency and PMS, copied for each history."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.keyring = Keyring([new_key()])
        self._made: dict[tuple[str, str], Path] = {}
        self._copies = 0

    async def copy(self, pms: str, currency: str) -> Path:
        """Return a fresh file."""
        if (pms, currency) not in self._made:
            self._made[pms, currency] = await self._make(pms, currency)
        self._copies += 1
        path = self.folder / f"copy-{self._copies}.db"
        shutil.copy(self._made[pms, currency], path)
        return path

    async def _make(self, pms: str, currency: str) -> Path:
        path = self.folder / f"{pms}-{currency}.db"
        engine = create_engine(f"sqlite:///{path}")
        all_tables().create_all(engine)
        engine.dispose()
        database = Database(f"sqlite:///{path}", pool_size=1)
        await furnish(database, currency=currency)
        if pms == "opera":
            clock = Clock()
            world = open_world(database, clock, new_opera(clock, currency), self.keyring)
            world.currency = currency
            await with_opera(world)
            await world.systems.aclose()
        await database.aclose()
        wal = path.with_name(path.name + "-wal")
        assert not wal.exists() or wal.stat().st_size == 0
        return path

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class Play:
    """One history while it is told. `world` is the process that lives at the moment."""

    world: World
    fate: Fate

    def __init__(self, stage: Stage, history: History, path: Path) -> None:
        self.stage, self.history, self._path = stage, history, path
        self.clock = Clock()
        self.opera = new_opera(self.clock, history.currency)
        self.opera.state.enforces_no_post = False
        #: What was answered to the points of sale: pos_reference to whether we took it on.
        self.orders: list[Order] = []
        self.accepted: set[str] = set()
        self.deaths = 0
        self.outside = Database(f"sqlite:///{path}", pool_size=1)
        self.start()

    def start(self) -> None:
        self.fate = Fate()
        database = MortalDatabase(f"sqlite:///{self._path}", self.fate)
        systems = open_systems(database, self.stage.keyring, self.clock, MortalLine(self.opera, self.fate))
        worker = Worker(database, jobs.handlers(systems, _NOBODY), clock=self.clock)
        # nobody asks by HTTP here, and to put the whole app together costs more than a day of charges
        self.world = World(database, self.clock, self.opera, systems, worker, FastAPI())

    async def restart(self) -> None:
        """Drop the process with all that it knows; its claims run out."""
        self.deaths += 1
        await self.end()
        self.clock.advance(LONG)
        self.start()

    async def end(self) -> None:
        await self.opera.settle()
        await self.world.systems.aclose()
        await self.world.database.aclose()

    async def close(self) -> None:
        await self.end()
        await self.outside.aclose()
        for path in self._path.parent.glob(f"{self._path.name}*"):
            path.unlink()

    async def tell(self) -> None:
        """Let everything happen, in order, and then let it settle."""
        for step in self.history.steps:
            await self.happen(step)
        await self._until_settled()
        for day in sorted({row.business_date for row in await self.world.charges() if row.business_date}):
            await audit_day.by_itself(await self.world.link(), day, quiet=True)
        await self._until_settled()

    async def _until_settled(self) -> None:
        for _ in range(12):
            await self.opera.settle()
            await self._work(LONG)
            if not await self.world.open():
                return

    async def happen(self, step: Step) -> None:
        self.clock.advance(1)
        self.fate.decide(*(step.death or (None,)))
        if step.fault:
            self.opera.dial.next(step.fault, method="POST", path="/charges")
        try:
            await getattr(self, "_" + step.what.replace(" ", "_"))(step)
        except (Killed, InnkeeperError):
            pass
        if self.fate.dead:
            await self.restart()
        self.fate.decide(None)
        self.opera.dial.calm()

    # --- what happens -------------------------------------------------------------------------------------------

    async def _post(self, step: Step) -> None:
        unit = UNITS[self.history.currency]
        subtotal = step.units[0] * unit
        order = Order(
            pos_reference=f"POS-{len(self.orders)}",
            room_number=step.room,
            outlet_code="REST",
            check_number=str(len(self.orders)),
            currency=self.history.currency,
            subtotal=subtotal,
            tip=min(step.units[1] * unit * 7, subtotal),
            sold_at=self.clock.now,
            guest_confirmed=True,
        )
        self.orders.append(order)
        await self._send(order)

    async def _post_again(self, step: Step) -> None:
        if self.orders:
            await self._send(self.orders[step.which % len(self.orders)])

    async def _send(self, order: Order) -> None:
        await posting.post(await self.world.link(), MANAGER, order)
        self.accepted.add(order.pos_reference)

    async def _chosen(self, step: Step) -> RoomCharge | None:
        rows = await self.world.charges()
        return rows[step.which % len(rows)] if rows else None

    async def _retry(self, step: Step) -> None:
        if row := await self._chosen(step):
            await queue.retry(await self.world.link(), MANAGER, row.id)

    async def _void(self, step: Step) -> None:
        if row := await self._chosen(step):
            await voids.void(await self.world.link(), MANAGER, row.id, "Wrong room")

    async def _settle(self, step: Step) -> None:
        """A manager looks into the PMS before saying anything, which is what the evidence is for."""
        row = await self._chosen(step)
        if row is not None:
            landed = self.held().get(row.reference, Decimal(0)) == row.total
            link = await self.world.link()
            await queue.settle(link, MANAGER, row.id, landed=landed, evidence="Looked at the folio")

    async def _work(self, step: Step | float) -> None:
        await self.world.work(step.seconds if isinstance(step, Step) else step)

    async def _look(self, step: Step) -> None:
        link = await self.world.link()
        await audit_day.by_itself(link, await link.business_date(), quiet=True)

    async def _check_out(self, step: Step) -> None:
        await self._at_the_desk(step.room, None)

    async def _move(self, step: Step) -> None:
        await self._at_the_desk(step.room, "777")

    async def _at_the_desk(self, room: str, target: str | None) -> None:
        if self.history.pms == "opera":
            for guest in self.opera.state.in_room(room):
                if target is None:
                    self.opera.desk.check_out(guest.id)
                else:
                    self.opera.desk.move_room(guest.id, target)
            return
        link = await self.world.link()
        found = await link.connector.find_room(room)
        desk = HouseDesk(self.outside)
        for guest in getattr(getattr(found, "value", None), "guests", ()):
            if target is None:
                await desk.check_out(guest.reservation_id)
            else:
                await desk.move_room(guest.reservation_id, target)

    async def _close_day(self, step: Step) -> None:
        if self.history.pms == "opera":
            self.opera.desk.roll_business_date()
        else:
            await HouseDesk(self.outside).roll_business_date()

    # --- what must hold -----------------------------------------------------------------------------------------

    def held(self) -> dict[str, Decimal]:
        return self.world.folio()

    async def check(self) -> None:
        """Each charge is explained, the folios hold exactly what it says, and nothing else of ours."""
        rows = await self.world.charges()
        held = self.world.folio() if self.history.pms == "opera" else await self.world.house_folio()
        expected = {row.reference: row.total for row in rows if row.posting_status == "posted"}
        stuck = [row for row in rows if row.status.is_open]
        for row in stuck:
            assert row.next_attempt_at is None, f"{row.posting_status} {row.failure_code} did not settle"
            assert row.failure_code in ("PARTIALLY_POSTED", "SURPLUS_IN_PMS"), row.failure_code
            held.pop(row.reference, None)
        for row in rows:
            if row.failure_code == "DOUBLED_IN_PMS":  # its bill is closed, and a manager knows
                assert row.next_attempt_at is None
                assert held.pop(row.reference) > expected.pop(row.reference)
        assert held == expected
        assert {row.pos_reference for row in rows} >= self.accepted
        failed = [row for row in rows if row.posting_status == "failed"]
        assert all(row.failure_code for row in failed)
        if self.history.pms == "opera" and not any(step.fault == "duplicate" for step in self.history.steps):
            assert self.opera.state.doubled() == []


class _Nobody:
    async def send(self, title: str, body: str) -> bool:
        return True


_NOBODY: Any = _Nobody()


def run(history: History, stage: Stage, runner: asyncio.Runner) -> int:
    """Tell the history, check how it ended and return how often the process died."""

    async def whole() -> int:
        play = Play(stage, history, await stage.copy(history.pms, history.currency))
        try:
            await play.tell()
            await play.check()
            return play.deaths
        finally:
            await play.close()

    return runner.run(whole())
