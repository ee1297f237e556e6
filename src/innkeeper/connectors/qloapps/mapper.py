"""Turns QloApps' rows into our bookings; pure."""

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from html import unescape
from typing import Any

from innkeeper.connectors.qloapps import shop_time
from innkeeper.connectors.qloapps.config import BLOCK_PREFIX, REFERENCE_PREFIX
from innkeeper.connectors.qloapps.facts import ShopFacts
from innkeeper.connectors.qloapps.wire import BookingDocument, CustomerRow, LineRow, OrderRow, RoomRow, RoomTypeRow
from innkeeper.domain.channel import (
    BookingDetails,
    BookingState,
    ChannelBooking,
    ChannelCustomer,
    ChannelLine,
    ChannelRoomType,
    ChannelService,
    Payment,
)
from innkeeper.domain.money import quantize
from innkeeper.domain.stay import Stay, StayStatus

#: A total and what was paid of it may differ by this much: QloApps rounds each line for itself.
PAID_TOLERANCE = Decimal("0.02")

_STATUSES = {1: StayStatus.CONFIRMED, 2: StayStatus.CHECKED_IN, 3: StayStatus.CHECKED_OUT}
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_TAG = re.compile(r"<[^>]+>")
_BLANKS = re.compile(r"\s+")
# "booking" alone is in many a hotel's own host name, which QloApps writes as source of its own bookings
_CHANNELS = (
    ("Booking.com", re.compile(r"(?<![a-z0-9.-])booking[ ._-]?com(?![a-z0-9-])|^booking$", re.IGNORECASE)),
    ("Expedia", re.compile(r"expedia", re.IGNORECASE)),
    ("Airbnb", re.compile(r"air ?bnb", re.IGNORECASE)),
)


def is_block(source: str) -> bool:
    """Whether an order with this source only closes rooms."""
    return source.startswith(BLOCK_PREFIX)


def reference_in(source: str) -> str | None:
    """Return our reference when the source is one of ours."""
    return source.removeprefix(REFERENCE_PREFIX) or None if source.startswith(REFERENCE_PREFIX) else None


def source_for(reference: str) -> str:
    """Return the source that carries our reference."""
    return REFERENCE_PREFIX + reference


def channel_of(source: str, payment: str) -> str | None:
    """Return the booking channel that the source or the payment method names: Booking.com, Expedia, Airbnb or None."""
    if source.startswith((REFERENCE_PREFIX, BLOCK_PREFIX)):
        return None
    for name, sign in _CHANNELS:
        if sign.search(source) or sign.search(payment):
            return name
    return None


@lru_cache(maxsize=4096)
def amount(text: str, currency: str) -> Decimal:
    """Return an amount in the currency's digits; what is no number is 0."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(0)
    return quantize(value if value.is_finite() else Decimal(0), currency)


def child_ages(text: str) -> tuple[int, ...]:
    """Return the ages in a `child_ages` field, which is JSON in a string; unreadable ones are left out."""
    if text in ("", "[]"):
        return ()
    try:
        ages = json.loads(text)
    except ValueError:
        return ()
    if not isinstance(ages, list):
        return ()
    return tuple(int(age) for age in ages if str(age).strip().isdigit())


def line(row: LineRow, currency: str) -> ChannelLine:
    """Return one room. A released line is Cancelled, unless its guest has already left."""
    status = _STATUSES.get(row.status, StayStatus.CONFIRMED)
    if row.released and status is not StayStatus.CHECKED_OUT:
        status = StayStatus.CANCELLED
    return ChannelLine(
        line_id=row.id,
        room_type_id=row.room_type_id,
        room_type_name=row.room_type_name,
        room_id=row.room_id,
        room_number=row.room_number,
        stay=Stay(shop_time.parse_date(row.date_from), shop_time.parse_date(row.date_to)),
        adults=row.adults,
        children=row.children,
        child_ages=child_ages(row.child_ages),
        status=status,
        released=row.released,
        net=amount(row.net, currency),
        gross=amount(row.gross, currency),
    )


def state_of(order: OrderRow, facts: ShopFacts) -> BookingState:
    """Return the state of the booking as a whole."""
    if order.state == facts.states.cancelled:
        return BookingState.CANCELLED
    if order.state == facts.states.refunded:
        return BookingState.REFUNDED
    return BookingState.OPEN


def payment_of(order: OrderRow, total: Decimal, paid: Decimal, facts: ShopFacts) -> Payment:
    """Return how much is paid: the amounts decide, the order's state where nothing is recorded as paid."""
    if paid > 0:
        return Payment.COMPLETED if paid >= total - PAID_TOLERANCE else Payment.PARTIAL
    if order.state == facts.states.paid:
        return Payment.COMPLETED
    if order.state == facts.states.partial:
        return Payment.PARTIAL
    return Payment.AWAITING


def customer(row: CustomerRow | None) -> ChannelCustomer | None:
    """Return the person who booked."""
    if row is None:
        return None
    return ChannelCustomer(row.id, row.first_name, row.last_name, row.email, row.phone)


def booking(
    order: OrderRow, rows: Sequence[LineRow], person: CustomerRow | None, facts: ShopFacts, hotel_id: int
) -> ChannelBooking:
    """Return the booking. It never fails: a booking with an odd value in it is a booking still."""
    currency = facts.currency(order.currency_id) or facts.currency(facts.default_currency_id) or "XXX"
    zone = facts.zone
    lines = tuple(line(row, currency) for row in sorted(rows, key=lambda row: row.id))
    total, net, paid = (amount(text, currency) for text in (order.total, order.total_excl, order.paid_real))
    state, payment = state_of(order, facts), payment_of(order, total, paid, facts)
    channel = channel_of(order.source, order.payment)
    booked_at = shop_time.to_utc(order.date_add, zone) or _BEGINNING
    stamps = {order.date_upd, *(row.date_upd for row in rows)}
    moments = [moment for text in stamps if (moment := shop_time.to_utc(text, zone))]
    # all that the booking says but the time of change
    content = (
        order.id,
        hotel_id,
        order.reference,
        order.source,
        channel,
        state.value,
        payment.value,
        currency,
        str(total),
        str(net),
        str(paid),
        (person.id, person.first_name, person.last_name, person.email, person.phone) if person else None,
        tuple(_line_content(each) for each in lines),
        booked_at.isoformat(),
    )
    return ChannelBooking(
        order_id=order.id,
        hotel_id=hotel_id,
        reference=order.reference,
        source=order.source,
        our_reference=reference_in(order.source),
        channel=channel,
        state=state,
        payment=payment,
        currency=currency,
        total_gross=total,
        total_net=net,
        paid=paid,
        customer=customer(person),
        lines=lines,
        booked_at=booked_at,
        updated_at=max(moments, default=booked_at),
        digest=hashlib.blake2b(repr(content).encode(), digest_size=16).hexdigest(),
    )


def _line_content(each: ChannelLine) -> tuple[Any, ...]:
    return (
        each.line_id,
        each.room_type_id,
        each.room_type_name,
        each.room_id,
        each.room_number,
        each.stay.check_in.isoformat(),
        each.stay.check_out.isoformat(),
        each.adults,
        each.children,
        each.child_ages,
        each.status.value,
        each.released,
        str(each.net),
        str(each.gross),
    )


def details(document: BookingDocument) -> BookingDetails:
    """Return remarks and services."""
    currency = document.currency or "XXX"
    services = tuple(
        ChannelService(
            line_id=item.line_id,
            service_id=item.id or None,
            name=item.name,
            quantity=item.quantity,
            net=amount(item.total_net, currency),
            tax=amount(item.total_tax, currency),
        )
        for item in document.services
    )
    return BookingDetails(document.id, document.remarks, services)


def room_type(row: RoomTypeRow, rooms: Sequence[RoomRow], tax_rate: Decimal | None, currency: str) -> ChannelRoomType:
    """Return the room type with the numbers of its rooms; the description loses its markup."""
    return ChannelRoomType(
        room_type_id=row.id,
        hotel_id=row.hotel_id,
        name=row.name,
        description=_BLANKS.sub(" ", unescape(_TAG.sub(" ", row.description))).strip(),
        active=row.active,
        base_price=amount(row.price, currency),
        tax_rate=tax_rate,
        adults=row.adults,
        children=row.children,
        max_adults=row.max_adults,
        max_children=row.max_children,
        max_guests=row.max_guests,
        min_stay=row.min_los,
        max_stay=row.max_los,
        room_numbers=tuple(room.number for room in sorted(rooms, key=lambda room: room.id)),
    )
