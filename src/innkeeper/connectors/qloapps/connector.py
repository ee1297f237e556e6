"""QloApps behind the port: every method ends in an outcome, whatever QloApps says or fails to say."""

import logging
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import date, datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import httpx2
from purgatory import AsyncCircuitBreakerFactory

from innkeeper.connectors.base import RequestBudget
from innkeeper.connectors.http import ExchangeListener
from innkeeper.connectors.qloapps import ari, mapper
from innkeeper.connectors.qloapps.amending import QloAppsAmender
from innkeeper.connectors.qloapps.blocks import QloAppsBlocks
from innkeeper.connectors.qloapps.changes import QloAppsChanges
from innkeeper.connectors.qloapps.client import Clock, QloAppsClient, utc_now
from innkeeper.connectors.qloapps.config import QloAppsSettings
from innkeeper.connectors.qloapps.errors import QloAppsError, outcome_of
from innkeeper.connectors.qloapps.lines import WriteInDoubt
from innkeeper.connectors.qloapps.rates import QloAppsRates
from innkeeper.connectors.qloapps.reader import QloAppsReader
from innkeeper.connectors.qloapps.self_test import describe
from innkeeper.connectors.qloapps.writer import QloAppsWriter
from innkeeper.domain.channel import (
    BlockDraft,
    BookingDetails,
    BookingDraft,
    BrokerFacts,
    ChangePage,
    ChannelBlock,
    ChannelBooking,
    ChannelRoomType,
    PriceTerms,
    RateDraft,
    RateRule,
    RoomInventory,
    SoldNight,
    WriteResult,
)
from innkeeper.domain.outcome import Actor, Done, Outcome, Refused, Unknown
from innkeeper.domain.stay import Stay

P = ParamSpec("P")
T = TypeVar("T")

_log = logging.getLogger(__name__)
_WRITES = frozenset(
    {"create", "amend", "cancel", "make_block", "reshape_block", "release_block", "make_rate", "change_rate"}
)


def _outcome(
    method: Callable[Concatenate["QloAppsConnector", P], Awaitable[Outcome[T]]],
) -> Callable[Concatenate["QloAppsConnector", P], Coroutine[Any, Any, Outcome[T]]]:
    """Turn what a method raises into the outcome that it means."""

    @wraps(method)
    async def settled(self: "QloAppsConnector", *args: P.args, **kwargs: P.kwargs) -> Outcome[T]:
        try:
            return await method(self, *args, **kwargs)
        except QloAppsError as error:
            return outcome_of(error)
        except WriteInDoubt as doubt:
            return Unknown(doubt.reason, doubt.evidence)
        except (KeyError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
            # a field is missing or of another kind: another release of QloApps, or a module that changes its answers
            place = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__} at {place.name}:{place.lineno} in {method.__name__}"
            _log.error("QloApps' answer is not understood: %s", what)
            if method.__name__ in _WRITES:
                return Unknown("QloApps answered in a shape that is not understood, during a write.", {"error": what})
            return Refused(
                "NOT_UNDERSTOOD", "QloApps answered in a shape that this connector does not know.", Actor.VENDOR, what
            )

    return settled  # type: ignore[return-value]  # mypy loses the coroutine in Concatenate


class QloAppsConnector:
    """One hotel of one QloApps; implements `connectors.base.ChannelConnector`."""

    def __init__(
        self,
        settings: QloAppsSettings,
        budget: RequestBudget,
        *,
        clock: Clock = utc_now,
        transport: httpx2.AsyncBaseTransport | None = None,
        breaker: AsyncCircuitBreakerFactory | None = None,
        on_exchange: ExchangeListener | None = None,
    ) -> None:
        self._client = QloAppsClient(
            settings, budget, clock=clock, transport=transport, breaker=breaker, on_exchange=on_exchange
        )
        self._reader = QloAppsReader(self._client)
        self._writer = QloAppsWriter(self._reader)
        self._amender = QloAppsAmender(self._writer)
        self._changes = QloAppsChanges(self._reader)
        self._blocks = QloAppsBlocks(self._reader, self._writer)
        self._rates = QloAppsRates(self._reader)

    def __repr__(self) -> str:
        return f"QloAppsConnector({self._client!r})"

    @property
    def requests_made(self) -> int:
        """How many HTTP requests have left since this connector was made."""
        return self._client.requests_made

    @property
    def circuit(self) -> str:
        """Whether requests may leave: `closed`, `open` or `half-open`."""
        return self._client.circuit

    @_outcome
    async def describe(self) -> Outcome[BrokerFacts]:
        """Say who the other side is and which rights of the key are missing."""
        return Done(await describe(self._reader))

    @_outcome
    async def room_types(self) -> Outcome[Sequence[ChannelRoomType]]:
        """Return every room type of the hotel, active or not."""
        return Done(await self._reader.room_types())

    @_outcome
    async def changes(self, cursor: Mapping[str, Any] | None, *, limit: int = 200) -> Outcome[ChangePage]:
        """Return the bookings that changed since `cursor`, oldest change first, at most `limit`."""
        return Done(await self._changes.page(cursor, limit))

    def cursor_at(self, since: datetime) -> Mapping[str, Any]:
        """Return the cursor that makes `changes` begin at the aware instant `since`."""
        return self._changes.cursor_at(since)

    @_outcome
    async def booking(self, order_id: int) -> Outcome[ChannelBooking | None]:
        """Return one booking as it stands, None when QloApps does not know it or it is another hotel's."""
        order = await self._reader.order(order_id)
        if order is None:
            return Done(None)
        loaded = await self._reader.complete({order.id: order})
        return Done((await self._reader.map(loaded)).get(order_id))

    @_outcome
    async def bookings(self, order_ids: Sequence[int]) -> Outcome[Sequence[ChannelBooking]]:
        """Return those of the bookings that QloApps knows, in the order asked for."""
        wanted = list(dict.fromkeys(order_ids))
        found = await self._reader.map(await self._reader.load(wanted)) if wanted else {}
        return Done([found[order_id] for order_id in wanted if order_id in found])

    @_outcome
    async def details(self, order_id: int) -> Outcome[BookingDetails | None]:
        """Return remarks and services; one request."""
        document = await self._reader.document(order_id)
        return Done(mapper.details(document) if document else None)

    @_outcome
    async def find_by_reference(self, reference: str) -> Outcome[Sequence[ChannelBooking]]:
        """Return the bookings that carry our reference; one request when there is none."""
        orders = await self._reader.orders_by_source(mapper.source_for(reference))
        if not orders:
            return Done([])
        found = await self._reader.map(await self._reader.complete({order.id: order for order in orders}))
        return Done([found[order.id] for order in orders if order.id in found])

    @_outcome
    async def create(self, draft: BookingDraft) -> Outcome[WriteResult]:
        """Make the booking, or return the one that carries its reference already."""
        return await self._writer.create(draft)

    @_outcome
    async def amend(self, order_id: int, draft: BookingDraft, agreed_digest: str) -> Outcome[WriteResult]:
        """Make the booking what the draft says, if it still has the digest that both sides agreed on."""
        return await self._amender.amend(order_id, draft, agreed_digest)

    @_outcome
    async def cancel(self, order_id: int) -> Outcome[WriteResult]:
        """Cancel the whole booking. Cancelling twice is harmless."""
        return await self._writer.cancel(order_id)

    @_outcome
    async def inventory(
        self, room_type_ids: Sequence[int], start: date, end: date, *, fresh: bool = False
    ) -> Outcome[Sequence[RoomInventory]]:
        """Return the rooms of these types and what holds them; one request, two when the rooms are read again."""
        return Done(await self._blocks.inventory(room_type_ids, start, end, fresh=fresh))

    @_outcome
    async def sold_nights(self, room_type_ids: Sequence[int], start: date, end: date) -> Outcome[Sequence[SoldNight]]:
        """Return what QloApps would sell on each night; one request, seconds of its time for a year."""
        return Done(await ari.sold_nights(self._client, self._reader.hotel_id, room_type_ids, start, end))

    @_outcome
    async def blocks(self, start: date) -> Outcome[Sequence[ChannelBlock]]:
        """Return every block of ours that ends after `start`; two or three requests."""
        return Done(await self._blocks.blocks(start))

    @_outcome
    async def make_block(self, draft: BlockDraft) -> Outcome[ChannelBlock]:
        """Keep a room from sale."""
        return await self._blocks.make(draft)

    @_outcome
    async def reshape_block(self, block: ChannelBlock, stay: Stay) -> Outcome[ChannelBlock]:
        """Give a block other nights in the same room."""
        return await self._blocks.reshape(block, stay)

    @_outcome
    async def release_block(self, block: ChannelBlock) -> Outcome[None]:
        """Give the room back."""
        return await self._blocks.release(block)

    @_outcome
    async def price_terms(self) -> Outcome[PriceTerms]:
        """Return the currency of price rules and the tax of each type."""
        return Done(await self._rates.terms())

    @_outcome
    async def rate_rules(self, room_type_ids: Sequence[int]) -> Outcome[Sequence[RateRule]]:
        """Return the price rules of these types, ours and others'."""
        return Done(await self._rates.rules(room_type_ids))

    @_outcome
    async def make_rate(self, draft: RateDraft) -> Outcome[RateRule]:
        """Make a price rule."""
        return await self._rates.make(draft)

    @_outcome
    async def change_rate(self, rule_id: int, draft: RateDraft) -> Outcome[RateRule]:
        """Replace a price rule of ours."""
        return await self._rates.change(rule_id, draft)

    @_outcome
    async def delete_rate(self, rule_id: int) -> Outcome[None]:
        """Delete a price rule of ours."""
        return await self._rates.delete(rule_id)

    @_outcome
    async def stay_limits(
        self, room_type_ids: Sequence[int], *, fresh: bool = False
    ) -> Outcome[Mapping[int, tuple[int, int]]]:
        """Return the shortest and longest stay of types; no request when they were read before, else two."""
        rows = await self._reader.room_type_rows(fresh=fresh)
        return Done({kind: (rows[kind].min_los, rows[kind].max_los) for kind in room_type_ids if kind in rows})

    @_outcome
    async def set_stay_limits(self, room_type_id: int, min_stay: int, max_stay: int) -> Outcome[bool]:
        """Set the shortest and longest stay of a type for all dates."""
        return Done(await self._rates.set_limits(room_type_id, min_stay, max_stay))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def connector_from(settings: Mapping[str, Any], budget: RequestBudget) -> QloAppsConnector:
    """Return a connector from a property's settings; a `ChannelConnectorFactory`. Raises Invalid."""
    return QloAppsConnector(QloAppsSettings.from_mapping(settings), budget)
