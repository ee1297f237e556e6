"""Keeps a booking that was read as a document, the guest apart from the rest, and makes it a booking again."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from innkeeper.domain.channel import BookingState, ChannelBooking, ChannelCustomer, ChannelLine, Payment
from innkeeper.domain.money import format_amount
from innkeeper.domain.stay import Stay, StayStatus


def booking_document(booking: ChannelBooking) -> dict[str, Any]:
    """Return everything of the message but the guest, of whom only the shop's number is kept."""
    currency = booking.currency
    return {
        "order_id": booking.order_id,
        "hotel_id": booking.hotel_id,
        "reference": booking.reference,
        "source": booking.source,
        "our_reference": booking.our_reference,
        "channel": booking.channel,
        "state": str(booking.state),
        "payment": str(booking.payment),
        "currency": currency,
        "total": format_amount(booking.total_gross, currency),
        "total_net": f"{booking.total_net:f}",
        "paid": f"{booking.paid:f}",
        "customer_id": booking.customer.customer_id if booking.customer else None,
        "booked_at": booking.booked_at.isoformat(),
        "updated_at": booking.updated_at.isoformat(),
        "digest": booking.digest,
        "lines": [_line_document(line, currency) for line in booking.lines],
    }


def _line_document(line: ChannelLine, currency: str) -> dict[str, Any]:
    return {
        "line_id": line.line_id,
        "room_type_id": line.room_type_id,
        "room_type_name": line.room_type_name,
        "room_id": line.room_id,
        "room_number": line.room_number,
        "check_in": line.stay.check_in.isoformat(),
        "check_out": line.stay.check_out.isoformat(),
        "adults": line.adults,
        "children": line.children,
        "child_ages": list(line.child_ages),
        "status": str(line.status),
        "released": line.released,
        "gross": format_amount(line.gross, currency),
        "net": f"{line.net:f}",
    }


def customer_document(customer: ChannelCustomer) -> dict[str, Any]:
    """Return the guest of a message as the log keeps him until he is to be forgotten."""
    return {
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "email": customer.email,
        "phone": customer.phone,
    }


def customer_of(customer_id: int, document: Mapping[str, Any]) -> ChannelCustomer:
    """Return the guest that `customer_document`, or a mapping of a customer, remembers."""
    first, last, email, phone = (
        str(document.get(name) or "") for name in ("first_name", "last_name", "email", "phone")
    )
    return ChannelCustomer(customer_id, first, last, email, phone)


def is_whole(document: Mapping[str, Any] | None) -> bool:
    """Whether a logged message holds all that a booking is made of; early releases kept less."""
    return document is not None and "digest" in document


def booking_of(document: Mapping[str, Any], customer: ChannelCustomer | None) -> ChannelBooking:
    """Return the booking that a whole message told, with this guest."""
    return ChannelBooking(
        order_id=document["order_id"],
        hotel_id=document["hotel_id"],
        reference=document["reference"],
        source=document["source"],
        our_reference=document["our_reference"],
        channel=document["channel"],
        state=BookingState(document["state"]),
        payment=Payment(document["payment"]),
        currency=document["currency"],
        total_gross=Decimal(document["total"]),
        total_net=Decimal(document["total_net"]),
        paid=Decimal(document["paid"]),
        customer=customer,
        lines=tuple(_line_of(line) for line in document["lines"]),
        booked_at=datetime.fromisoformat(document["booked_at"]),
        updated_at=datetime.fromisoformat(document["updated_at"]),
        digest=document["digest"],
    )


def _line_of(line: Mapping[str, Any]) -> ChannelLine:
    return ChannelLine(
        line_id=line["line_id"],
        room_type_id=line["room_type_id"],
        room_type_name=line["room_type_name"],
        room_id=line["room_id"],
        room_number=line["room_number"],
        stay=Stay(date.fromisoformat(line["check_in"]), date.fromisoformat(line["check_out"])),
        adults=line["adults"],
        children=line["children"],
        child_ages=tuple(line["child_ages"]),
        status=StayStatus(line["status"]),
        released=line["released"],
        net=Decimal(line["net"]),
        gross=Decimal(line["gross"]),
    )
