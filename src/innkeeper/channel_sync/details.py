"""Completes a stored booking with what only a request of its own tells: remarks and services."""

from dataclasses import replace
from decimal import Decimal

from innkeeper.channel_sync import repository
from innkeeper.channel_sync.connection import Link
from innkeeper.channel_sync.customers import ORIGIN
from innkeeper.domain.channel import BookingDetails
from innkeeper.domain.money import format_amount
from innkeeper.domain.outcome import Done, Outcome
from innkeeper.house import reservations
from innkeeper.house.tables import Reservation


async def fetch_details(link: Link, order_id: int) -> Outcome[str]:
    """Fetch and store remarks and services of one booking; a booking that is not stored here needs none."""
    async with link.database.read() as session:
        if not await repository.mappings_of_orders(session, link.property_id, [order_id]):
            return Done("not stored here")
    answer = await link.connector.details(order_id)
    if not isinstance(answer, Done):
        return answer
    if answer.value is None:
        return Done("unknown there")
    async with link.database.write() as tx:
        mappings = await repository.mappings_of_orders(tx.session, link.property_id, [order_id])
        mapping = mappings.get(order_id)
        if mapping is None:
            return Done("not stored here")
        reservation = await reservations.load(tx.session, link.property_id, mapping.local_reservation_id)
        if reservation is None:
            return Done("not stored here")
        draft = reservations.draft_of(reservation)
        # Our own special requests went out as a remark and come back as one; an edit here is not undone by that.
        requests = draft.special_requests
        if mapping.source != "local":
            requests = with_remarks(requests, answer.value.remarks)
        draft = replace(draft, special_requests=requests, services=services_of(answer.value, reservation))
        await reservations.change(tx, link.property_id, reservation.id, draft, origin=ORIGIN, force=True)
    return Done("completed")


def with_remarks(requests: str, remarks: tuple[str, ...]) -> str:
    """Return the special requests with the remarks that are not in them yet; what is written here is kept."""
    missing = [remark.strip() for remark in remarks if remark.strip() and remark.strip() not in requests]
    return "\n".join([part for part in (requests, *missing) if part])


def services_of(details: BookingDetails, reservation: Reservation) -> tuple[dict[str, str | int], ...]:
    """Return the extras as the reservation lists them, amounts with tax for the whole stay."""
    return tuple(
        {
            "name": service.name,
            "quantity": service.quantity,
            "amount": format_amount(Decimal(service.net + service.tax), reservation.currency),
        }
        for service in details.services
    )
