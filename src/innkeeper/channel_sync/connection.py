"""The way from a property's stored settings to a connector that works."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.channel_sync import repository
from innkeeper.channel_sync.budget import DatabaseBudget
from innkeeper.channel_sync.tables import Config
from innkeeper.connectors.base import ChannelConnector, ChannelConnectorFactory
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.errors import NotFound
from innkeeper.storage.database import Database
from innkeeper.storage.secrets import Keyring


@dataclass(frozen=True, slots=True)
class Link:
    """A property's connection while some work is done: its settings as they are now, and the connector."""

    database: Database
    property_id: UUID
    config: Config
    connector: ChannelConnector

    #: Plan as if writing were allowed; for rehearsals, which send nothing.
    rehearsing: bool = False

    #: Whether long work shall step aside for more urgent work in the lane, since somebody takes it up again.
    gives_way: bool = False

    @property
    def may_write(self) -> bool:
        """Whether anything may be written to QloApps."""
        return self.rehearsing or self.config.mode == "live"

    def as_if_live(self) -> "Link":
        """Return a link that plans what a live one would send."""
        return replace(self, rehearsing=True)


class Channels:
    """Keeps one connector for each property, and makes a new one when the settings change."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        factory: ChannelConnectorFactory,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.database = database
        self.keyring = keyring
        self._factory = factory
        self.clock = clock
        self._open: dict[UUID, tuple[tuple[object, ...], ChannelConnector]] = {}

    async def link(self, property_id: UUID) -> Link:
        """Return the property's link. Raises NotFound when it has no QloApps, SecretUnreadable when the key is lost."""
        async with self.database.read() as session:
            config = await require_config(session, property_id)
        mark = (
            config.base_url,
            config.api_key_encrypted,
            config.qloapps_hotel_id,
            config.requests_per_minute,
            config.timeout_seconds,
            config.phone_placeholder,
            config.shop_facts.get("zones", 0),
        )
        known = self._open.get(property_id)
        if known is not None and known[0] == mark:
            return Link(self.database, property_id, config, known[1])
        if known is not None:
            await known[1].aclose()
        connector = self._factory(
            {
                "base_url": config.base_url,
                "api_key": self.keyring.decrypt(config.api_key_encrypted),
                "hotel_id": config.qloapps_hotel_id,
                "timeout_seconds": config.timeout_seconds,
                "phone_placeholder": config.phone_placeholder,
            },
            self.budget(config),
        )
        self._open[property_id] = (mark, connector)
        return Link(self.database, property_id, config, connector)

    def budget(self, config: Config) -> DatabaseBudget:
        """Return the request budget of a connection."""
        return DatabaseBudget(self.database, lane(config.property_id), config.requests_per_minute, self.clock)

    async def aclose(self) -> None:
        """Close every connector."""
        for _, connector in self._open.values():
            await connector.aclose()
        self._open.clear()


def lane(property_id: UUID) -> str:
    """Return the name of the lane, lease and budget: one writer per hotel at a time."""
    return f"qloapps:{property_id}"


async def require_config(session: AsyncSession, property_id: UUID) -> Config:
    """Return the settings. Raises NotFound with what to do."""
    config = await repository.config(session, property_id)
    if config is None:
        raise NotFound(
            "This property is not connected to a QloApps.",
            code="NOT_CONFIGURED",
            action="Enter address, key and hotel id with PUT /api/qloapps/config.",
        )
    return config
