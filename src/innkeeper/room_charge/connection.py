"""The way from a property's stored settings to a connector that works."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.connectors.base import PmsConnector
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.charge import ChargeDraft, ChargeReceipt, RoomStatus
from innkeeper.domain.errors import NotFound
from innkeeper.domain.outcome import Done, Outcome
from innkeeper.room_charge import repository, settings, work
from innkeeper.room_charge.errors import Refusal
from innkeeper.room_charge.profile_queue import ProfileQueue
from innkeeper.room_charge.settings import Options, Outlet
from innkeeper.room_charge.tables import PmsConfig
from innkeeper.storage.database import Database, Tx
from innkeeper.storage.secrets import Keyring, SecretUnreadable

log = structlog.get_logger(__name__)

#: Makes the connector of one kind of PMS for a property from its `connection` block.
Factory = Callable[[UUID, Mapping[str, Any]], PmsConnector]

#: No call about a charge lasts longer, so that none ends after its claim.
_LONGEST_CALL = 75.0
#: A claim on a charge outlasts the longest call by so much; a claim whose holder died is taken over after it.
_CLAIM_SHARE = 1.2

#: How long a business date, or who was last seen in a room, is believed.
_DAY_LASTS = timedelta(seconds=60)
SEEN_LASTS = timedelta(hours=4)
_MOST_ROOMS = 5000


@dataclass(frozen=True, slots=True)
class HotelFacts:
    """What room charge must know of the hotel itself."""

    name: str
    currency: str
    timezone: str
    business_date: date


#: Returns the facts of a property, None when there is none; room charge does not know the house's tables.
DescribeHotel = Callable[[AsyncSession, UUID], Awaitable[HotelFacts | None]]


@runtime_checkable
class OwnBooks(Protocol):
    """A PMS whose books lie in our data base, so that a charge and the lines it becomes can be one transaction."""

    async def charge_within(self, tx: Tx, draft: ChargeDraft) -> Outcome[ChargeReceipt]:
        """Do as `PmsConnector.charge` does in this transaction, which must be undone when the outcome is not Done."""
        ...


@dataclass(frozen=True, slots=True)
class Link:
    """A property's PMS while some work is done: its settings as they are now, and the connector."""

    systems: "Systems"
    property_id: UUID
    pms_type: str
    options: Options
    outlets: Mapping[str, Outlet]
    hotel: HotelFacts
    connector: PmsConnector
    active: bool
    #: Whether the last call that was noted had failed, and when one was noted that had not.
    troubled: bool
    last_contact_at: datetime | None
    #: Which PMS this is; what was made for another one is not asked here.
    origin: str = ""
    #: The PMS, where its books lie in our data base.
    books: OwnBooks | None = None
    #: Whether the property has settings of its own, beside which is kept how the PMS answers.
    has_settings: bool = True
    #: Seconds that a call about a charge may take: signing in, asking, and reading back what was not told.
    call_seconds: float = _LONGEST_CALL

    @property
    def claim(self) -> timedelta:
        """How long a claim on a charge lasts."""
        return timedelta(seconds=self.call_seconds * _CLAIM_SHARE)

    @property
    def database(self) -> Database:
        """The data base of the installation."""
        return self.systems.database

    def now(self) -> datetime:
        """Return the present instant."""
        return self.systems.clock()

    async def business_date(self) -> date:
        """Return the PMS's open day as far as it tells one, else the hotel's."""
        return await self.systems.business_date(self)


class Systems:
    """Keeps one connector for each property, and makes a new one when the settings change."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        factories: Mapping[str, Factory],
        describe_hotel: DescribeHotel,
        clock: Callable[[], datetime] = utc_now,
        *,
        link_seconds: float = 0.0,
    ) -> None:
        self.database = database
        self.keyring = keyring
        self.clock = clock
        self._factories = dict(factories)
        self._describe_hotel = describe_hotel
        self._link_seconds = link_seconds
        self._links: dict[UUID, tuple[float, Link]] = {}
        self._open: dict[UUID, tuple[tuple[object, ...], PmsConnector]] = {}
        self._retired: list[PmsConnector] = []
        self._days: dict[UUID, tuple[datetime, PmsConnector, date]] = {}
        self._asked: dict[PmsConnector, asyncio.Task[date]] = {}
        self._seen: dict[tuple[UUID, str], RoomStatus] = {}
        #: Who was seen in a room when that was last written down by this process.
        self.written: dict[tuple[UUID, str], RoomStatus] = {}
        self._afterwards: set[asyncio.Task[None]] = set()
        #: Guests whose profiles shall come over.
        self.profiles = ProfileQueue(database, clock)
        #: Charges that this process is posting at this moment.
        self.flights: dict[UUID, asyncio.Future[None]] = {}

    async def link(self, property_id: UUID) -> Link:
        """Return the property's link. Raises NotFound, Refusal for a PMS that cannot be had, SecretUnreadable."""
        known = self._links.get(property_id)
        if known is not None and time.monotonic() - known[0] < self._link_seconds:
            return known[1]
        try:
            link = await self._read_link(property_id)
        except SecretUnreadable as error:
            await self._note_unreadable(property_id, error)
            raise
        self._links[property_id] = (time.monotonic(), link)
        return link

    async def _note_unreadable(self, property_id: UUID, error: SecretUnreadable) -> None:
        """Write down that nothing can be charged, and tell somebody, once until it is put right."""
        async with self.database.write() as tx:
            row = await repository.config(tx.session, property_id, lock=True)
            if row is None or (is_troubled(row) and row.last_failure == error.detail):
                return
            row.last_failure_at, row.last_failure = self.clock(), error.detail
            title = "The credentials of the PMS cannot be read"
            await work.queue_alert(tx, property_id, error.code, title, f"No room can be charged. {error.action}")

    def forget(self, property_id: UUID) -> None:
        """Read the property's settings anew at the next use, since they have changed."""
        self._links.pop(property_id, None)

    async def _read_link(self, property_id: UUID) -> Link:
        async with self.database.read() as session:
            row = await repository.config(session, property_id)
            hotel = await self.hotel(session, property_id)
        connector = self._connector(property_id, row)
        return Link(
            systems=self,
            property_id=property_id,
            pms_type=row.pms_type if row else "house",
            options=settings.options_of(row),
            outlets=settings.outlets_of(row),
            hotel=hotel,
            connector=connector,
            books=connector if isinstance(connector, OwnBooks) else None,
            active=row is None or row.is_active,
            troubled=is_troubled(row),
            has_settings=row is not None,
            last_contact_at=row.last_contact_at if row else None,
            origin=settings.origin_of(row),
            call_seconds=_call_seconds(row),
        )

    async def hotel(self, session: AsyncSession, property_id: UUID) -> HotelFacts:
        """Return the facts of the property. Raises NotFound."""
        hotel = await self._describe_hotel(session, property_id)
        if hotel is None:
            raise NotFound(f"There is no property {property_id}.", action="Check X-Property-Id.")
        return hotel

    def _connector(self, property_id: UUID, row: PmsConfig | None) -> PmsConnector:
        connection = self.connection_of(row)
        mark = (connection.get("pms_type"), json.dumps(connection, sort_keys=True, default=str))
        known = self._open.get(property_id)
        if known is not None and known[0] == mark:
            return known[1]
        connector = self.make(property_id, connection)
        if known is not None:
            self._retired.append(known[1])  # somebody may be in the midst of a call
        self._open[property_id] = (mark, connector)
        return connector

    def connection_of(self, row: PmsConfig | None) -> dict[str, Any]:
        """Return the connection block with its credentials, as connectors take it. Raises SecretUnreadable."""
        if row is None:
            return settings.Connection().model_dump()
        return {**self.block_of(row), "credentials": self.credentials_of(row)}

    def block_of(self, row: PmsConfig | None) -> dict[str, Any]:
        """Return the connection block without its credentials."""
        if row is None:
            return settings.Connection().model_dump()
        extra = dict(row.options.get("connection", {}))
        return {**extra, "pms_type": row.pms_type, "api_url": row.api_url, "property_code": row.property_code}

    def credentials_of(self, row: PmsConfig | None) -> dict[str, Any]:
        """Return the stored credentials, none when none are stored. Raises SecretUnreadable."""
        stored = row.api_key_encrypted if row else None
        return dict(json.loads(self.keyring.decrypt(stored))) if stored else {}

    def make(self, property_id: UUID, connection: Mapping[str, Any]) -> PmsConnector:
        """Return a new connector. Raises Refusal for a PMS that nothing speaks to yet, Invalid for wrong settings."""
        factory = self._factories.get(str(connection["pms_type"]))
        if factory is None:
            raise Refusal("PMS_NOT_SUPPORTED", message=f"The PMS {connection['pms_type']} is not supported yet.")
        return factory(property_id, connection)

    def supports(self, pms_type: str) -> bool:
        """Whether there is a connector for this kind of PMS."""
        return pms_type in self._factories

    async def business_date(self, link: Link) -> date:
        """Return the open day, asked of the PMS at most once a minute, for all who want to know it then."""
        known = self._days.get(link.property_id)
        if known is not None and known[1] is link.connector and self.clock() - known[0] < _DAY_LASTS:
            return known[2]
        asked = self._asked.get(link.connector)
        if asked is None:
            asked = self._asked[link.connector] = asyncio.create_task(self._ask_day(link))
            asked.add_done_callback(lambda _: self._asked.pop(link.connector, None))
        return await asyncio.shield(asked)  # whoever gives up takes the answer from nobody

    async def _ask_day(self, link: Link) -> date:
        known = self._days.get(link.property_id)
        found = link.hotel.business_date
        if link.connector.capabilities.business_date:
            asked = await link.connector.business_date()
            if isinstance(asked, Done) and asked.value is not None:
                found = asked.value
            elif known is not None:
                return known[2]
        self._days[link.property_id] = (self.clock(), link.connector, found)
        return found

    def remember(self, property_id: UUID, status: RoomStatus) -> None:
        """Keep who was seen in a room, for as long as the PMS may be away afterwards."""
        for rooms in (self._seen, self.written):
            if len(rooms) >= _MOST_ROOMS:
                rooms.pop(next(iter(rooms)))
        self._seen[property_id, status.room_number.casefold()] = status

    def last_seen(self, property_id: UUID, room_number: str) -> RoomStatus | None:
        """Return who was in the room when it was last looked up, if that was today's shift."""
        found = self._seen.get((property_id, room_number.strip().casefold()))
        return found if found is not None and self.clock() - found.looked_up_at < SEEN_LASTS else None

    def afterwards(self, work: Coroutine[Any, Any, None]) -> None:
        """Do what nobody has to wait for; it is done when this is closed."""
        task = asyncio.create_task(_unheard(work))
        self._afterwards.add(task)
        task.add_done_callback(self._afterwards.discard)

    async def aclose(self) -> None:
        """Finish what was left for afterwards and close every connector."""
        await self.profiles.aclose()
        if unfinished := {*self._afterwards, *self._asked.values()}:
            await asyncio.wait(unfinished)
        for connector in (*(one for _, one in self._open.values()), *self._retired):
            await connector.aclose()
        self._open.clear()
        self._retired.clear()


async def _unheard(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:  # nobody waits for it, and what was not written is written the next time
        log.exception("left undone")


def _call_seconds(row: PmsConfig | None) -> float:
    """Return how long a call may take that makes several requests, by how long the property lets one take."""
    given = settings.Connection.model_validate(row.options.get("connection", {})) if row else settings.Connection()
    return min(5 * given.timeout_seconds + 5, _LONGEST_CALL)


def is_troubled(row: PmsConfig | None) -> bool:
    if row is None or row.last_failure_at is None:
        return False
    return row.last_contact_at is None or row.last_failure_at > row.last_contact_at
