"""Puts an installation together; the only module that knows everything."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access.http import PropertyIds
from innkeeper.channel_sync import api as channel_api
from innkeeper.channel_sync import api_explain as channel_explain_api
from innkeeper.channel_sync import api_mappings as channel_mappings_api
from innkeeper.channel_sync import ari_jobs as channel_ari
from innkeeper.channel_sync import jobs as channel_jobs
from innkeeper.channel_sync import metrics as channel_metrics
from innkeeper.channel_sync import overview as channel_overview
from innkeeper.channel_sync import pages as channel_pages
from innkeeper.channel_sync import pages_settings as channel_pages_settings
from innkeeper.channel_sync.connection import Channels
from innkeeper.channel_sync.events import on_event as channel_on_event
from innkeeper.connectors.base import ChannelConnector, PmsConnector, RequestBudget
from innkeeper.connectors.house import HouseConnector
from innkeeper.connectors.opera.connector import opera_connector
from innkeeper.connectors.qloapps.config import QloAppsSettings
from innkeeper.connectors.qloapps.connector import QloAppsConnector
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.errors import Invalid
from innkeeper.house import api as house_api
from innkeeper.house import closing as house_closing
from innkeeper.house import overview as house_overview
from innkeeper.house import pages as house_pages
from innkeeper.house import properties
from innkeeper.house import repository as house_repository
from innkeeper.house.tables import Property
from innkeeper.jobs import queue
from innkeeper.jobs.scheduler import Scheduler
from innkeeper.jobs.worker import Handler, Worker
from innkeeper.room_charge import api as charge_api
from innkeeper.room_charge import api_guests as charge_guests_api
from innkeeper.room_charge import api_settings as charge_settings_api
from innkeeper.room_charge import erasing as charge_erasing
from innkeeper.room_charge import jobs as charge_jobs
from innkeeper.room_charge import overview as charge_overview
from innkeeper.room_charge import pages as charge_pages
from innkeeper.room_charge import pages_outlets as charge_pages_outlets
from innkeeper.room_charge import pages_settings as charge_pages_settings
from innkeeper.room_charge import repository as charge_repository
from innkeeper.room_charge.connection import HotelFacts, Systems
from innkeeper.room_charge.mailing import MailServer
from innkeeper.settings import Settings, WrongSettings
from innkeeper.storage import migrate
from innkeeper.storage.database import Database, Tx
from innkeeper.storage.secrets import Keyring
from innkeeper.telemetry.alerts import Alerts
from innkeeper.web import settings_pages
from innkeeper.web.app import create_app
from innkeeper.web.pages import HotelInfo

log = structlog.get_logger(__name__)

#: Finished jobs and published events are history after this; dead jobs stay until a person decides.
HISTORY = timedelta(days=30)

_HOUR = 3600.0

#: Seconds for which a property's PMS settings are believed; another process learns of new ones so late.
_LINK_SECONDS = 1.0

#: Python's own thresholds suit scripts; a page of bookings makes hundreds of thousands of objects that are soon gone.
_COLLECTOR = (20_000, 20, 20)


@dataclass(slots=True)
class Container:
    """One process's share of an installation: what it opened and must close."""

    settings: Settings
    database: Database
    keyring: Keyring
    channels: Channels
    systems: Systems
    alerts: Alerts
    mail_server: MailServer | None

    def handlers(self) -> Mapping[str, Handler]:
        """Return what to do for each kind of job."""
        channel = channel_jobs.handlers(self.channels, self.alerts.send if self.alerts.configured else None)
        return {**channel, **charge_jobs.handlers(self.systems, self.alerts, self.mail_server)}

    def worker(self) -> Worker:
        """Return a worker for every kind of job."""
        return Worker(
            self.database,
            self.handlers(),
            on_dead=channel_jobs.on_dead,
            on_recovered=channel_jobs.on_recovered,
        )

    def scheduler(self) -> Scheduler:
        """Return the timers; any number of processes may run them, one of them fires."""
        scheduler = Scheduler(self.database)
        scheduler.every("channel peek", channel_jobs.PEEK_SECONDS, channel_jobs.peek)
        scheduler.every("channel sync", 60.0, channel_jobs.start_due_syncs)
        scheduler.every("channel check", channel_jobs.CHECK_SECONDS, channel_jobs.check)
        scheduler.every("channel window", 6 * _HOUR, channel_ari.roll)
        scheduler.every("channel drift", 24 * _HOUR, channel_ari.sweep)
        scheduler.every("night audit", house_closing.EVERY_SECONDS, house_closing.close_due)
        scheduler.every("log retention", 6 * _HOUR, channel_jobs.prune)
        for name, (seconds, tick) in charge_jobs.timers(self.systems).items():
            scheduler.every(name, seconds, tick)
        scheduler.every("history retention", _HOUR, self._forget_history)
        return scheduler

    async def _forget_history(self, tx: Tx) -> None:
        before = utc_now() - HISTORY
        await queue.clear_finished(tx, before=before)
        await queue.clear_events(tx, before=before, unpublished_before=before)

    async def prepare(self) -> None:
        """Bring the schema up to date and make the first property. Raises migrate.SchemaNewer, Unreachable."""
        await self.database.reach()
        await migrate.upgrade(self.database)
        async with self.database.write() as tx:
            if not self.database.is_sqlite:
                await tx.session.execute(migrate.TAKE_TURNS)
            await properties.ensure_default(
                tx,
                self.settings.property_name,
                self.settings.property_timezone,
                self.settings.property_currency,
            )

    async def aclose(self) -> None:
        """Close connectors and data base."""
        await self.channels.aclose()
        await self.systems.aclose()
        await self.database.aclose()


def build(settings: Settings) -> Container:
    """Open what an installation stands on. Raises WrongSettings."""
    mail_server = _mail_server(settings)
    # What is loaded by now stays; walking it again and again costs an import a third of its time.
    gc.freeze()
    gc.set_threshold(*_COLLECTOR)
    database = Database(settings.database)
    keyring = settings.keyring()
    channels = Channels(database, keyring, qloapps_connector)
    systems = Systems(database, keyring, pms_factories(database), hotel_facts, link_seconds=_LINK_SECONDS)
    database.subscribers += [channel_on_event, charge_erasing.on_event]
    return Container(settings, database, keyring, channels, systems, Alerts(settings.alerts), mail_server)


def _mail_server(settings: Settings) -> MailServer | None:
    try:
        return MailServer.of(settings.smtp_url) if settings.smtp_url else None
    except Invalid as error:
        raise WrongSettings(f"INNKEEPER_SMTP_URL: {error.detail}") from None


def qloapps_connector(connection: Mapping[str, Any], budget: RequestBudget) -> ChannelConnector:
    """Return the connector to a QloApps for a property's settings."""
    return QloAppsConnector(QloAppsSettings.from_mapping(connection), budget)


def pms_factories(database: Database) -> Mapping[str, Callable[[UUID, Mapping[str, Any]], PmsConnector]]:
    """Return how the connector of each kind of PMS is made for a property from its connection settings."""

    def house(property_id: UUID, connection: Mapping[str, Any]) -> PmsConnector:
        return HouseConnector(database, property_id, timeout_seconds=float(connection.get("timeout_seconds") or 10))

    def opera(_: UUID, connection: Mapping[str, Any]) -> PmsConnector:
        return opera_connector(connection)

    return {"house": house, "opera": opera}


async def hotel_facts(session: AsyncSession, property_id: UUID) -> HotelFacts | None:
    """Return what room charge must know of a property, None when there is none."""
    house = await session.get(Property, property_id)
    return HotelFacts(house.name, house.currency, house.timezone, house.business_date) if house else None


def web_app(container: Container, *, with_worker: bool = True) -> FastAPI:
    """Return the API and the screens, with the workers beside them unless they run elsewhere."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await container.prepare()
        async with AsyncExitStack() as stack:
            if with_worker:
                await stack.enter_async_context(background(container))
            elif container.settings.rabbitmq_url:
                await stack.enter_async_context(_linked(container, None))
            yield
        await container.aclose()

    app = create_app(
        container.database,
        container.keyring,
        routers=(
            charge_api.router,  # looked through in this order, and a waiter waits
            house_api.router,
            house_pages.router,
            channel_api.router,
            channel_pages.router,
            channel_explain_api.router,
            channel_mappings_api.router,
            charge_settings_api.router,
            charge_guests_api.router,
            *charge_pages.ROUTERS,
            channel_pages_settings.router,
            charge_pages_settings.router,
            charge_pages_outlets.router,
            settings_pages.router,
        ),
        lifespan=lifespan,
        navigation=(
            house_pages.NAVIGATION,
            *charge_pages.NAVIGATION,
            channel_pages.NAVIGATION,
            settings_pages.NAVIGATION,
        ),
        overview=(
            channel_overview.provider(container.channels),
            charge_overview.provider(container.systems),
            house_overview.PROVIDER,
        ),
        describe_hotel=describe_hotel,
        property_ids=_property_ids(container.database),
        knows_property=knows_property,
        list_hotels=list_hotels,
        gatherers=(channel_metrics.gatherer(container.channels),),
        checks={"migrations": lambda: migrate.problem(container.database)},
        secure_cookies=(container.settings.public_url or "").startswith("https://"),
    )
    app.state.channels = container.channels
    app.state.systems = container.systems
    app.state.charges_on_their_way = charges_on_their_way
    app.state.day_hints = day_hints
    app.state.alerts = container.alerts
    app.state.mail_server = container.mail_server
    return app


async def charges_on_their_way(session: AsyncSession, property_id: UUID, reservation_id: UUID) -> Decimal | None:
    """Return what the outlets have charged a reservation and its bill does not hold yet; None for another's bills."""
    config = await charge_repository.config(session, property_id)
    if config is not None and config.pms_type != "house":
        return None
    return await charge_repository.not_on_the_bill(session, property_id, str(reservation_id))


async def day_hints(session: AsyncSession, property_id: UUID, day: date) -> Sequence[str]:
    """Return what the outlets leave to be looked at before a day is closed; nothing where no charges are taken."""
    if await charge_repository.config(session, property_id) is None:
        return ()
    found = []
    if waiting := len(await charge_repository.unsettled(session, property_id, day)):
        found.append(f"{waiting} charge{'' if waiting == 1 else 's'} of {day} not settled yet; see Charges.")
    signed = await charge_repository.last_revision(session, property_id, day)
    if signed is None or signed.reopened_at is not None:
        found.append(f"The room charges of {day} are not signed yet; see Reconciliation.")
    return found


@asynccontextmanager
async def background(container: Container) -> AsyncIterator[Worker]:
    """Run a worker, the timers and the link to the broker while the block runs."""
    worker, scheduler = container.worker(), container.scheduler()
    task = asyncio.create_task(worker.run(), name="worker")
    scheduler.start()
    try:
        async with _linked(container, worker):
            yield worker
    finally:
        await scheduler.stop()
        await worker.stop()
        await task


@asynccontextmanager
async def _linked(container: Container, worker: Worker | None) -> AsyncIterator[None]:
    url = container.settings.rabbitmq_url
    if not url:
        yield
        return
    from innkeeper.jobs.rabbitmq import RabbitLink  # its libraries cost a second of start-up that most hotels save

    link = RabbitLink(container.database, url, worker)
    task = asyncio.create_task(link.run(), name="rabbitmq")
    try:
        yield
    finally:
        link.stop()
        await task


async def describe_hotel(session: AsyncSession, property_id: UUID) -> HotelInfo:
    """Return what the head of every page says about the property."""
    house = await session.get(Property, property_id)
    if house is None:
        return HotelInfo(property_id)
    return HotelInfo(house.id, house.name, house.timezone, house.currency, house.business_date)


async def list_hotels(session: AsyncSession) -> Sequence[tuple[UUID, str]]:
    """Return id and name of every property, by name."""
    return [(house.id, house.name) for house in await house_repository.properties(session)]


async def knows_property(session: AsyncSession, property_id: UUID) -> bool:
    """Whether there is such a property."""
    return await session.get(Property, property_id) is not None


#: Seconds for which the list of properties is believed; a new one is rare and can wait so long.
_PROPERTIES_BELIEVED = 5.0


def _property_ids(database: Database) -> PropertyIds:
    kept: tuple[float, Sequence[UUID]] = (float("-inf"), ())

    async def known() -> Sequence[UUID]:
        nonlocal kept
        if time.monotonic() - kept[0] > _PROPERTIES_BELIEVED:
            async with database.read() as session:
                ids = (await session.scalars(select(Property.id).order_by(Property.created_at))).all()
            kept = (time.monotonic(), ids)
        return kept[1]

    return known
