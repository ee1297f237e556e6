"""Looks up who can be charged: by room, by key card, and for a check that is to be posted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NoReturn

from innkeeper.access.caller import Caller
from innkeeper.access.roles import Role
from innkeeper.domain.charge import GuestStatus, InHouseGuest, PmsCode, RoomStatus
from innkeeper.domain.errors import FieldError
from innkeeper.domain.money import format_amount
from innkeeper.domain.outcome import Done, Later, Outcome, Refused, Unknown
from innkeeper.room_charge import policy, sightings, steps
from innkeeper.room_charge.connection import Link
from innkeeper.room_charge.errors import PmsAway, Refusal, RoomUnknown
from innkeeper.room_charge.order import Order
from innkeeper.room_charge.settings import Options, Outlet


def shows_balance(link: Link, caller: Caller) -> bool:
    """Whether the caller may see what is on a guest's bill."""
    return link.options.verification.show_folio_balance or caller.role.at_least(Role.FRONT_DESK)


@dataclass(frozen=True, slots=True)
class Found:
    """The guest of a check. `fresh` is False when the PMS is away and this is who was seen in the room before."""

    guest: InHouseGuest
    looked_up_at: datetime
    fresh: bool = True
    #: Why the PMS was not asked, when it is away.
    away: Later | None = None

    def document(self) -> dict[str, Any]:
        """Return what is kept of the answer beside the charge."""
        guest = self.guest
        amounts = {"credit_limit": guest.credit_limit, "balance": guest.balance}
        return {
            "looked_up_at": self.looked_up_at.isoformat(),
            "fresh": self.fresh,
            "room_number": guest.room_number,
            "guest": guest.name,
            "guest_id": guest.guest_id,
            "reservation_id": guest.reservation_id,
            "confirmation": guest.confirmation,
            "status": guest.status.value,
            "check_in": guest.check_in.isoformat(),
            "check_out": guest.check_out.isoformat(),
            "charges_allowed": guest.charges_allowed,
            "restrictions": list(guest.restrictions),
            **{name: None if amount is None else f"{amount:f}" for name, amount in amounts.items()},
        }


@dataclass(frozen=True, slots=True)
class Judge:
    """What posting would say of a guest before there is a check: the rules of the house, and the outlet if named."""

    options: Options
    outlets: Mapping[str, Outlet]
    active: bool
    today: date
    outlet_code: str | None = None

    def restriction(self, guest: InHouseGuest, currency: str, credit: policy.Credit, now: datetime) -> str:
        """Return why the guest cannot be charged, empty when nothing stands against it."""
        nothing_yet = Order("", guest.room_number, "", "", currency, Decimal(0), now)
        try:
            if not self.active:
                raise Refusal("NOT_ACTIVE")
            if self.outlet_code is not None:
                policy.check_outlet(self.outlet_code, self.options, self.outlets)
            policy.check_guest(guest, nothing_yet, self.options, self.today)
        except Refusal as refusal:
            return refusal.title
        exhausted = credit.available is not None and credit.available <= 0
        return "Credit limit exceeded" if exhausted and self.options.restrictions.block_if_credit_exceeded else ""


async def room(link: Link, room_number: str) -> RoomStatus:
    """Return who can be charged in the room. Raises RoomUnknown, Refusal, PmsAway."""
    return await _known(link, await link.connector.find_room(room_number.strip()))


async def key_card(link: Link, card: str) -> RoomStatus:
    """Return the guest of a key card. Raises RoomUnknown, Refusal, PmsAway."""
    if not link.options.verification.allow_key_card_lookup:
        raise Refusal("KEY_CARD_OFF")
    return await _known(link, await link.connector.find_key_card(card.strip()))


async def for_posting(link: Link, order: Order) -> Found:
    """Return the guest that a check is to be charged to, also one who has moved since the waiter looked.

    While the PMS is away, that is who was last seen in the room, if the order may be queued.
    Raises Refusal, PmsAway.
    """
    outcome = await link.connector.find_room(order.room_number)
    if isinstance(outcome, Later | Unknown):
        await steps.note_change(link, outcome)
        return await _from_memory(link, order, outcome)
    before = link.systems.last_seen(link.property_id, order.room_number)
    if isinstance(outcome, Done):
        link.systems.remember(link.property_id, outcome.value)
        guest = policy.choose(outcome.value.guests, order.guest_id, order.reservation_id)
        if guest is not None:
            _have_profiles(link, [guest])
            return Found(guest, outcome.value.looked_up_at)
    if order.reservation_id:
        moved = await link.connector.find_reservation(order.reservation_id)
        if isinstance(moved, Done) and order.guest_id in (None, moved.value.guest_id):
            await _check_moved(link, order, moved.value, before)
            _have_profiles(link, [moved.value])
            return Found(moved.value, link.now())
        if isinstance(moved, Later | Unknown):
            return await _from_memory(link, order, moved)
    if isinstance(outcome, Refused):
        refuse(outcome)
    raise Refusal(PmsCode.ROOM_NOT_FOUND, [FieldError("guest_id", "This guest is not in the room.")])


async def _check_moved(link: Link, order: Order, guest: InHouseGuest, before: RoomStatus | None) -> None:
    """Raises Refusal for a guest of another room who was never seen in the one that the waiter asked for.

    Somebody who has moved since is followed; else a wrong reservation would be charged to a room nobody named.
    """
    asked = order.room_number.strip()
    if not guest.status.present or guest.room_number.casefold() == asked.casefold():
        return
    if before is not None and any(one.reservation_id == guest.reservation_id for one in before.guests):
        return
    if await sightings.was_in(link, asked, guest.reservation_id):
        return
    sentence = f"This guest is in room {guest.room_number}, and was not seen in room {asked}."
    raise Refusal("GUEST_MOVED", [FieldError("room_number", sentence)], message=sentence)


async def _from_memory(link: Link, order: Order, outcome: Later | Unknown) -> Found:
    seen = await sightings.last(link, order.room_number)
    if seen is None or not order.queue_on_failure:
        raise PmsAway(outcome.reason)
    guest = policy.choose(seen.guests, order.guest_id, order.reservation_id)
    if guest is None:
        raise PmsAway(outcome.reason)
    away = Later(outcome.reason, code=PmsCode.CONNECTION_FAILED, evidence=outcome.evidence)
    return Found(guest, seen.looked_up_at, fresh=False, away=away)


async def _known(link: Link, outcome: Outcome[RoomStatus]) -> RoomStatus:
    await steps.note_change(link, outcome)
    if isinstance(outcome, Done):
        sightings.keep(link, outcome.value)
        _have_profiles(link, outcome.value.guests)
        return outcome.value
    if isinstance(outcome, Refused):
        refuse(outcome, RoomUnknown if outcome.code == PmsCode.ROOM_NOT_FOUND else Refusal)
    raise PmsAway(outcome.reason)


def _have_profiles(link: Link, guests: Sequence[InHouseGuest]) -> None:
    options = link.options.guest_profile_sync
    if options.enabled and options.create_local_profile:
        link.systems.profiles.saw(link.property_id, [guest.guest_id for guest in guests])


def refuse(outcome: Refused, as_error: type[Refusal] = Refusal) -> NoReturn:
    """Raises the refusal of a PMS, its own words beside ours."""
    words = " ".join(filter(None, (outcome.message, outcome.detail)))
    raise as_error(outcome.code, [FieldError("pms", words, foreign=True)] if words else ())


def document(
    status: RoomStatus, link: Link, judge: Judge, *, amounts: bool, on_its_way: Mapping[str, Decimal]
) -> dict[str, Any]:
    """Return what a terminal is shown; without `amounts`, only whether the guest may charge at all."""
    return {
        "room_number": status.room_number,
        "room_type": status.room_type,
        "guests": [_guest(guest, link, judge, amounts, on_its_way) for guest in status.guests],
        "pms": link.pms_type,
        "looked_up_at": status.looked_up_at,
    }


def _guest(
    guest: InHouseGuest, link: Link, judge: Judge, amounts: bool, on_its_way: Mapping[str, Decimal]
) -> dict[str, Any]:
    currency = guest.currency or link.hotel.currency
    limit = policy.limit_of(guest, link.options)
    coming = on_its_way.get(guest.reservation_id, Decimal(0))
    credit = policy.Credit(limit, guest.balance or Decimal(0), coming)
    reason = judge.restriction(guest, currency, credit, link.now())
    shown = {
        "credit_limit": limit,
        "current_balance": guest.balance,
        "available_credit": credit.available if guest.balance is not None else None,
        "on_its_way": coming,
    }
    return {
        "guest": {
            "name": guest.name,
            "first_name": guest.first_name,
            "last_name": guest.last_name,
            "vip_level": guest.vip_level,
            "guest_id": guest.guest_id,
        },
        "reservation": {
            "confirmation": guest.confirmation,
            "reservation_id": guest.reservation_id,
            "check_in": guest.check_in.isoformat(),
            "check_out": guest.check_out.isoformat(),
            "adults": guest.adults,
            "status": "in_house" if guest.status is GuestStatus.DUE_OUT else guest.status.value,
            "due_out": guest.status is GuestStatus.DUE_OUT,
        },
        "billing": {
            "charges_allowed": not reason,
            "restriction_reason": reason or None,
            **{
                name: format_amount(amount, currency) if amounts and amount is not None else None
                for name, amount in shown.items()
            },
            "currency": currency,
        },
        "restrictions": list(guest.restrictions),
        "companions": list(guest.companions),
    }
