"""Both sides of a channel with the screens before them, and a server for real browsers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

import uvicorn
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access.roles import Role
from innkeeper.channel_sync import api, api_explain, api_mappings, pages, pages_settings, repository
from innkeeper.domain.stay import Stay
from innkeeper.house import api as house_api
from innkeeper.house import properties, reservations
from innkeeper.house.tables import Reservation
from innkeeper.simulators.qloapps.actors import Stay as ShopStay
from innkeeper.storage.database import Database
from innkeeper.web import settings_pages
from innkeeper.web.pages import HotelInfo
from tests.access.support import PASSWORD, SYSTEM, Inn, open_inn
from tests.channel_sync.world import DOUBLE, World, connect, day, make_world


@dataclass
class Front:
    """A house and a shop, and the app that people look at."""

    world: World
    inn: Inn

    async def disputed(self) -> Reservation:
        """Return a reservation whose nights and price both sides changed, under the policy that asks."""
        world = self.world
        async with world.database.write() as tx:
            config = await repository.config(tx.session, world.property_id)
            assert config is not None
            config.conflict_policy = {"default": "ask"}
        order = world.office.book(ShopStay(DOUBLE, day(3), day(5)))
        await world.sync("inbound")
        reservation = await world.only()
        draft = reservations.draft_of(reservation)
        room = replace(draft.rooms[0], stay=Stay(day(3), day(8)), amount=Decimal(600))
        await world.do(reservations.change, reservation.id, draft=replace(draft, rooms=(room,), total_amount=None))
        world.clock.advance(60)
        world.office.change_dates(order, day(4), day(6))
        await world.sync("inbound")
        await world.settle(2)
        return await world.load(reservation.id)

    async def open_conflicts(self) -> int:
        """Return how many bookings are in conflict."""
        async with self.world.database.read() as session:
            _, total = await repository.reservation_mappings(
                session, self.world.property_id, limit=1, offset=0, status=None, conflict=True
            )
        return total


async def describe(session: AsyncSession, property_id: UUID) -> HotelInfo:
    """Return the head of the property."""
    house = await properties.get(session, property_id)
    return HotelInfo(house.id, house.name, house.timezone, house.currency, house.business_date)


async def open_front(database: Database, *, mapped: bool = True) -> Front:
    """Return both sides with the app; unmapped, it is before go-live."""
    world = await make_world(database)
    if mapped:
        await connect(world)
    inn = open_inn(
        database,
        routers=(
            house_api.router,
            api.router,
            api_explain.router,
            api_mappings.router,
            pages.router,
            pages_settings.router,
            settings_pages.router,
        ),
        navigation=(pages.NAVIGATION, settings_pages.NAVIGATION),
        describe_hotel=describe,
    )
    inn.app.state.channels = world.channels
    return Front(world, inn)


@asynccontextmanager
async def serving(inn: Inn) -> AsyncIterator[str]:
    """Serve the app on a free port of the loopback, with an administrator and a clerk who may sign in."""
    for name, role in (("ada", Role.ADMIN), ("carla", Role.FRONT_DESK)):
        await inn.access.users.add(SYSTEM, name, role, password=PASSWORD)
    config = uvicorn.Config(inn.app, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  uvicorn tells of its start by a flag only
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        server.force_exit = True
        with suppress(asyncio.CancelledError):
            await running
