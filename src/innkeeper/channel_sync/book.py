"""What is already known about a page of bookings: loaded at once, kept up to date while the page is stored."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from uuid import UUID

from innkeeper.channel_sync import repository
from innkeeper.channel_sync.connection import Link
from innkeeper.channel_sync.tables import Config, CustomerMapping, ReservationMapping
from innkeeper.domain.channel import ChannelBooking
from innkeeper.house import properties
from innkeeper.house.tables import Property
from innkeeper.storage.database import Tx


@dataclass(slots=True)
class Book:
    """The mappings that concern a page.

    `products` leads from our room types to theirs; `types` leads back, for those whose bookings take rooms here. What
    is booked of `unsent` types of ours is not sent, and what is booked of `unread` types of theirs takes no room.
    """

    tx: Tx
    property_id: UUID
    config: Config
    house: Property
    by_order: dict[int, ReservationMapping]
    by_reference: dict[str, ReservationMapping]
    customers: dict[int, CustomerMapping]
    products: dict[UUID, int] = field(default_factory=dict)
    types: dict[int, UUID] = field(default_factory=dict)
    unsent: set[UUID] = field(default_factory=set)
    unread: set[int] = field(default_factory=set)
    sync_state_id: UUID | None = None
    #: When the storing of what is in hand began, by `perf_counter`, and of how many bookings that is.
    begun: float = field(default_factory=perf_counter)
    at_once: int = 1

    @property
    def currency(self) -> str:
        """The currency that the house sells in."""
        return self.house.currency


async def open_book(tx: Tx, link: Link, bookings: Sequence[ChannelBooking], sync_state_id: UUID | None = None) -> Book:
    """Load what is known about these bookings, in a few queries however many they are."""
    session, property_id = tx.session, link.property_id
    house = await properties.get(session, property_id)
    book = Book(
        tx=tx,
        property_id=property_id,
        config=link.config,
        house=house,
        by_order=await repository.mappings_of_orders(session, property_id, [b.order_id for b in bookings]),
        by_reference=await repository.mappings_of_references(
            session, property_id, [b.our_reference for b in bookings if b.our_reference]
        ),
        customers=await repository.customer_mappings(
            session, property_id, [b.customer.customer_id for b in bookings if b.customer]
        ),
        sync_state_id=sync_state_id,
    )
    for mapping in await repository.room_type_mappings(session, property_id):
        book.products[mapping.local_room_type_id] = mapping.qloapps_product_id
        if mapping.sync_direction == "outbound":
            book.unread.add(mapping.qloapps_product_id)
        else:
            book.types[mapping.qloapps_product_id] = mapping.local_room_type_id
        if mapping.sync_direction == "inbound":
            book.unsent.add(mapping.local_room_type_id)
    return book
