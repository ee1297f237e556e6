"""The ports: what a context may ask of an outside system, whichever system it is."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from innkeeper.domain.channel import (
    BookingDetails,
    BookingDraft,
    BrokerFacts,
    ChangePage,
    ChannelBooking,
    ChannelRoomType,
    WriteResult,
)
from innkeeper.domain.outcome import Outcome


class RequestBudget(Protocol):
    """Says when the next request to a system may leave; one budget for all workers of a property."""

    async def take(self) -> float:
        """Reserve one request and return the seconds to wait before it may leave; 0 when it may leave at once."""
        ...


class ChannelConnector(Protocol):
    """A broker to the booking channels. One instance serves one property for as long as its settings stand.

    No method raises for what the other side says or fails to say: that is the Outcome. Reads may be repeated freely;
    a write that ends Unknown must be looked up with `find_by_reference` before anything is sent again.
    """

    @property
    def requests_made(self) -> int:
        """How many HTTP requests have left since this connector was made."""
        ...

    async def describe(self) -> Outcome[BrokerFacts]:
        """Say who the other side is and which of the rights that we need are missing. Raises nothing."""
        ...

    async def room_types(self) -> Outcome[Sequence[ChannelRoomType]]:
        """Return every room type of the hotel, active or not."""
        ...

    async def changes(self, cursor: Mapping[str, Any] | None, *, limit: int = 200) -> Outcome[ChangePage]:
        """Return the bookings that changed since `cursor`, oldest change first, about `limit` a page.

        None as cursor starts from the beginning of time. An idle call costs two requests. A booking may be returned
        again unchanged; its digest says so.
        """
        ...

    def cursor_at(self, since: datetime) -> Mapping[str, Any]:
        """Return the cursor that makes `changes` begin at the aware instant `since`."""
        ...

    async def booking(self, order_id: int) -> Outcome[ChannelBooking | None]:
        """Return one booking as it stands, None when the broker does not know it."""
        ...

    async def bookings(self, order_ids: Sequence[int]) -> Outcome[Sequence[ChannelBooking]]:
        """Return those of the bookings that the broker knows, in few requests."""
        ...

    async def details(self, order_id: int) -> Outcome[BookingDetails | None]:
        """Return remarks and services, which cost a request for each booking."""
        ...

    async def find_by_reference(self, reference: str) -> Outcome[Sequence[ChannelBooking]]:
        """Return the bookings that carry our reference: none, one, or several if something went wrong before."""
        ...

    async def create(self, draft: BookingDraft) -> Outcome[WriteResult]:
        """Make the booking. Looks the reference up first, so that a booking already made is returned, not doubled."""
        ...

    async def amend(self, order_id: int, draft: BookingDraft, agreed_digest: str) -> Outcome[WriteResult]:
        """Make the rooms, dates, occupancy, stay status and prices of the booking those of the draft.

        Chooses the lightest safe way. `agreed_digest` is that of the state which both sides last had: when the booking
        no longer has it, nothing is written and Refused with code CHANGED_MEANWHILE is returned, so that the caller
        merges first. Guests' names and contact data of an existing booking are not changed.
        """
        ...

    async def cancel(self, order_id: int) -> Outcome[WriteResult]:
        """Cancel the whole booking. Cancelling twice is harmless."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


#: Makes a ChannelConnector from a property's connection settings and its request budget.
ChannelConnectorFactory = Callable[[Mapping[str, Any], RequestBudget], ChannelConnector]
