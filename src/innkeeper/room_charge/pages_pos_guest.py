"""Says of each guest of a room, before anything is posted, whether this check may be charged, and why not."""

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.domain.charge import ZERO, InHouseGuest, PmsCode, RoomStatus
from innkeeper.room_charge import policy, repository
from innkeeper.room_charge.connection import Link
from innkeeper.room_charge.errors import Refusal
from innkeeper.room_charge.order import Order


@dataclass(frozen=True, slots=True)
class GuestView:
    """One guest as the waiter sees it; `refusal` is why the check may not be charged, None where it may."""

    guest: InHouseGuest
    credit: policy.Credit
    refusal: Refusal | None

    @property
    def over_limit(self) -> bool:
        """Whether only the limit stands in the way, so that the front desk may let it pass."""
        return self.refusal is not None and self.refusal.code == PmsCode.CREDIT_EXCEEDED


def nothing_yet(link: Link, room_number: str) -> Order:
    """Return an order without amounts, for a waiter who asks before the check is typed."""
    return Order("", room_number, "", "", link.hotel.currency, ZERO, link.now())


async def views(link: Link, status: RoomStatus, order: Order) -> list[GuestView]:
    """Return the room's guests with the rules' word on each."""
    today = await link.business_date()
    found = []
    async with link.database.read() as session:
        for guest in status.guests:
            credit = await _credit(session, link, guest, status)
            refusal: Refusal | None = None
            try:
                policy.check_guest(guest, order, link.options, today)
                _check_credit(credit, order, link)
            except Refusal as said:
                refusal = said
            found.append(GuestView(guest, credit, refusal))
    return found


async def _credit(session: AsyncSession, link: Link, guest: InHouseGuest, status: RoomStatus) -> policy.Credit:
    since = status.looked_up_at
    coming = await repository.on_its_way(session, link.property_id, guest.reservation_id, since)
    balance = guest.balance
    if balance is None:
        balance = await repository.charged(session, link.property_id, guest.reservation_id, since)
    return policy.Credit(policy.limit_of(guest, link.options), balance, coming)


def _check_credit(credit: policy.Credit, order: Order, link: Link) -> None:
    """Raises Refusal when the check does not fit; without amounts, when nothing fits any more."""
    policy.check_credit(credit, order, link.options)
    exhausted = credit.available is not None and credit.available <= Decimal(0)
    if exhausted and link.options.restrictions.block_if_credit_exceeded and not order.override_credit:
        raise Refusal(PmsCode.CREDIT_EXCEEDED)
