"""The ports: what a context may ask of an outside system, whichever system it is."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol

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
from innkeeper.domain.charge import (
    Capabilities,
    ChargeDraft,
    ChargeReceipt,
    Folio,
    GuestProfile,
    InHouseGuest,
    PmsFacts,
    PostedLine,
    ReadBack,
    RoomStatus,
    VoidDraft,
    VoidReceipt,
)
from innkeeper.domain.outcome import Outcome
from innkeeper.domain.stay import Stay


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

    @property
    def circuit(self) -> str:
        """`closed` while requests may leave, `open` while several failures in a row hold them back, or `half-open`."""
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

    async def inventory(
        self, room_type_ids: Sequence[int], start: date, end: date, *, fresh: bool = False
    ) -> Outcome[Sequence[RoomInventory]]:
        """Return the rooms of these types and what holds them on the nights from `start` to `end` (exclusive).

        One request for all types; which rooms there are is read again when it is old, or `fresh` is asked for.
        """
        ...

    async def sold_nights(self, room_type_ids: Sequence[int], start: date, end: date) -> Outcome[Sequence[SoldNight]]:
        """Ask the broker itself what it would sell on each night from `start` to `end` (exclusive); slow."""
        ...

    async def blocks(self, start: date) -> Outcome[Sequence[ChannelBlock]]:
        """Return every block that carries our mark and ends after `start`, also one whose making was never answered."""
        ...

    async def make_block(self, draft: BlockDraft) -> Outcome[ChannelBlock]:
        """Keep a room from sale. Refused with NOT_AVAILABLE when somebody has it by now.

        After Unknown it is looked for in `blocks`, by its reference.
        """
        ...

    async def reshape_block(self, block: ChannelBlock, stay: Stay) -> Outcome[ChannelBlock]:
        """Give a block other nights in the same room. Nothing there checks that they are free: the caller has."""
        ...

    async def release_block(self, block: ChannelBlock) -> Outcome[None]:
        """Give the room back. Releasing twice is harmless."""
        ...

    async def price_terms(self) -> Outcome[PriceTerms]:
        """Return what must be known before a price is sent; at most three requests, none soon after another."""
        ...

    async def rate_rules(self, room_type_ids: Sequence[int]) -> Outcome[Sequence[RateRule]]:
        """Return every price rule of these types that anybody has made for all guests, oldest first; one request."""
        ...

    async def make_rate(self, draft: RateDraft) -> Outcome[RateRule]:
        """Make a price rule. Refused with RATE_OVERLAPS when another one stands on one of its nights."""
        ...

    async def change_rate(self, rule_id: int, draft: RateDraft) -> Outcome[RateRule]:
        """Make a rule of ours what the draft says. Refused with RATE_OVERLAPS, or NOT_FOUND when it is gone."""
        ...

    async def delete_rate(self, rule_id: int) -> Outcome[None]:
        """Delete a rule of ours. Deleting twice is harmless."""
        ...

    async def stay_limits(
        self, room_type_ids: Sequence[int], *, fresh: bool = False
    ) -> Outcome[Mapping[int, tuple[int, int]]]:
        """Return the shortest and longest stay (0: none) for all dates of those of these types that are there."""
        ...

    async def set_stay_limits(self, room_type_id: int, min_stay: int, max_stay: int) -> Outcome[bool]:
        """Set the shortest and longest stay (0: none) of a type for all dates; Done says whether it had to change."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


#: Makes a ChannelConnector from a property's connection settings and its request budget.
ChannelConnectorFactory = Callable[[Mapping[str, Any], RequestBudget], ChannelConnector]


class PmsConnector(Protocol):
    """A hotel's property management system, as far as charges to rooms need it. One instance serves one property.

    No method raises for what the other side says or fails to say: that is the Outcome. Refused codes are those of
    `domain.charge.PmsCode`. Reads may be repeated freely. A charge that ended Unknown must be looked up with
    `find_charge` before anything is sent again, and what is not found proves nothing until
    `capabilities.settle_seconds` have passed since it was sent; the Unknown's evidence holds `settles_after_seconds`
    where the failure itself says more. What a PMS cannot do is Refused with NOT_SUPPORTED.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this PMS can do with these settings."""
        ...

    @property
    def requests_made(self) -> int:
        """How many requests have left since this connector was made."""
        ...

    async def describe(self, codes: Collection[str] = (), cashiers: Collection[str] = ()) -> Outcome[PmsFacts]:
        """Test the connection: credentials, hotel, rights, and which of the outlets' `codes` the PMS does not know.

        `cashiers` are those that outlets have of their own, for a PMS that knows such.
        """
        ...

    async def business_date(self) -> Outcome[date | None]:
        """Return the PMS's open business date, None when it cannot tell."""
        ...

    async def find_room(self, room_number: str) -> Outcome[RoomStatus]:
        """Return all who can be charged in the room; the number is text and matches as a whole.

        Refused with ROOM_NOT_FOUND, or GUEST_CHECKED_OUT when those who were there today have left. A guest whose
        charges are blocked is returned and says so.
        """
        ...

    async def find_key_card(self, key_card: str) -> Outcome[RoomStatus]:
        """Return the guest of a key card, by whatever its reader gives. Refused as in `find_room`."""
        ...

    async def find_reservation(self, reservation_id: str) -> Outcome[InHouseGuest]:
        """Return one guest, wherever the stay is by now: moved, checked out. Refused with ROOM_NOT_FOUND if unknown."""
        ...

    async def charge(self, draft: ChargeDraft) -> Outcome[ChargeReceipt]:
        """Post the lines of the draft, once; nothing is repeated in here.

        Refused with GUEST_CHECKED_OUT, CHARGES_BLOCKED, CREDIT_EXCEEDED, OUTLET_NOT_MAPPED or POSTING_REJECTED: nothing
        is owed. Later: nothing was done. Unknown: nobody knows.
        """
        ...

    async def find_charge(self, draft: ChargeDraft, *, as_of: datetime | None = None) -> Outcome[ReadBack]:
        """Return which lines of the draft stand in the PMS under its reference, wherever they were routed to.

        Nothing of the charge can have come after `as_of`, so that what was read of the books since then, for another
        charge, may serve again for a few seconds. None reads them now.
        """
        ...

    async def void(self, draft: VoidDraft) -> Outcome[VoidReceipt]:
        """Take the lines back. Looks first, so voiding twice is harmless, and half a void is finished by the next call.

        After Unknown the next call must wait as after a charge. With `draft.keep` the charge stays, once. Looks again
        afterwards: the receipt says what is owed still since a part was refused, and what was taken back too often.
        Refused with GONE_IN_PMS when nothing is found of the charge.
        """
        ...

    async def put_back(self, draft: VoidDraft) -> Outcome[VoidReceipt]:
        """Post again what was taken back too often, under a reference of its own. Looks first, so twice is harmless.

        After Unknown the next call must wait as after a charge. The receipt's lines are what was put back.
        """
        ...

    async def postings(self, business_date: date, codes: Collection[str] = ()) -> Outcome[Sequence[PostedLine]]:
        """Return every charge and reversal of that business date, of the given codes or of all."""
        ...

    async def folio(self, reservation_id: str) -> Outcome[Folio]:
        """Return a guest's bill as it stands."""
        ...

    async def guest_profile(self, guest_id: str) -> Outcome[GuestProfile | None]:
        """Return who the guest is, None when the PMS does not know the profile."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


#: Makes a PmsConnector from a property's connection settings; a budget only where the PMS limits requests tightly.
PmsConnectorFactory = Callable[[Mapping[str, Any], RequestBudget | None], PmsConnector]
