"""The simulated QloApps of the demo: the shop in which guests of the OTAs book."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from innkeeper.demo.keeping import Keeper
from innkeeper.simulators.qloapps.app import QloAppsApp
from innkeeper.simulators.qloapps.demo_shop import RoomTypeSpec, shop
from innkeeper.simulators.qloapps.state import DEMO_KEY, ShopState
from innkeeper.simulators.server import serve

ROOM_TYPES = (
    RoomTypeSpec(
        "Single Room", 80, tuple(f"1{n:02d}" for n in range(1, 7)), adults=1, children=0, max_adults=1, max_children=0
    ),
    RoomTypeSpec("Double Room", 120, tuple(f"2{n:02d}" for n in range(1, 13))),
    RoomTypeSpec("Sea View Double", 165, tuple(f"4{n:02d}" for n in range(10, 18))),
    RoomTypeSpec("Suite", 290, ("501", "502", "503"), max_adults=4),
)


@dataclass(frozen=True, slots=True)
class Shop:
    """Where the shop answers and with which key."""

    url: str
    key: str


@asynccontextmanager
async def open_shop(folder: Path, hotel: str, zone: str, currency: str) -> AsyncIterator[Shop]:
    """Open the simulated QloApps, in the state in which it was left in this folder."""
    keeper = Keeper(folder, "qloapps")
    kept: ShopState | None = keeper.load()
    state = kept or shop(*ROOM_TYPES, hotel=hotel, timezone=zone, currency=currency, tax_rate=6)
    app = QloAppsApp(state)
    app.app = keeper.after_each_change(app.app, state)
    state.domain = ""
    async with serve(app, port=keeper.port()) as running:
        state.domain = running.url.removeprefix("http://")
        keeper.keep_port(running.port)
        yield Shop(running.url, DEMO_KEY)
