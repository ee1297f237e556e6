"""Decides whether a check may be charged to a guest: the rules of the house, pure, one sentence for each refusal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from innkeeper.domain.charge import ZERO, InHouseGuest, PmsCode
from innkeeper.domain.errors import FieldError, Invalid
from innkeeper.domain.money import format_amount
from innkeeper.room_charge.errors import Refusal
from innkeeper.room_charge.order import Order
from innkeeper.room_charge.settings import Options, Outlet


@dataclass(frozen=True, slots=True)
class Credit:
    """What a guest may still charge. None where no limit is known. `on_its_way` is ours and not yet in the balance."""

    limit: Decimal | None
    balance: Decimal
    on_its_way: Decimal

    @property
    def available(self) -> Decimal | None:
        """What is left."""
        return None if self.limit is None else self.limit - self.balance - self.on_its_way


def check_order(order: Order, options: Options, outlets: Mapping[str, Outlet]) -> Outlet:
    """Return the outlet of a check that may be charged as far as it can be said without the guest.

    Raises Invalid for amounts that cannot be, Refusal for what a rule forbids.
    """
    errors = [
        FieldError(name, "This must not be below zero.")
        for name in ("subtotal", "tax", "tip", "service_charge", "delivery_charge")
        if getattr(order, name) < 0
    ]
    if not errors and order.total <= 0:
        errors.append(FieldError("subtotal", "There is nothing to charge."))
    if order.items and sum((item.amount for item in order.items), ZERO) != order.subtotal:
        errors.append(FieldError("items", "The items do not add up to the subtotal."))
    if errors:
        raise Invalid(errors[0].message, errors=errors)
    if order.tip > order.subtotal + order.tax:
        raise Refusal("TIP_TOO_HIGH", [FieldError("tip", "The tip is higher than the check.")])
    outlet = check_outlet(order.outlet_code, options, outlets)
    if options.verification.require_name_confirm and not order.guest_confirmed:
        raise Refusal("GUEST_NOT_CONFIRMED", [FieldError("guest_confirmed", "Confirm the guest's name.")])
    if not order.split:  # of a split check the guest signs for the part, which is not known yet
        check_signature(order, options)
    return outlet


def check_outlet(code: str, options: Options, outlets: Mapping[str, Outlet]) -> Outlet:
    """Return the outlet. Raises Refusal for one that does not exist or may not charge to rooms."""
    outlet = outlets.get(code)
    if outlet is None:
        raise Refusal("OUTLET_UNKNOWN", [FieldError("outlet_code", "There is no outlet with this code.")])
    if not outlet.is_active or code not in options.restrictions.allowed_outlets:
        raise Refusal("OUTLET_NOT_ALLOWED", [FieldError("outlet_code", "This outlet may not charge to rooms.")])
    return outlet


def check_signature(order: Order, options: Options) -> None:
    """Raises Refusal when the guest must sign for what goes to the room and has not."""
    if needs_signature(order.total, options) and order.signature is None:
        raise Refusal("SIGNATURE_REQUIRED", [FieldError("signature", "The guest signs above this amount.")])


def needs_signature(total: Decimal, options: Options) -> bool:
    """Whether the guest must sign for this amount."""
    return options.posting.require_signature and total > options.posting.signature_threshold


def choose(guests: Sequence[InHouseGuest], guest_id: str | None, reservation_id: str | None) -> InHouseGuest | None:
    """Return the guest that was asked for, the only one when none was, None when the one asked for is not there.

    Raises Refusal when several share the room and none was chosen.
    """
    if reservation_id or guest_id:
        return next(
            (
                guest
                for guest in guests
                if (not reservation_id or guest.reservation_id == reservation_id)
                and (not guest_id or guest.guest_id == guest_id)
            ),
            None,
        )
    if len(guests) > 1:
        raise Refusal(
            "GUEST_NOT_CHOSEN", [FieldError("reservation_id", f"{len(guests)} guests can be charged in this room.")]
        )
    return guests[0] if guests else None


def check_guest(guest: InHouseGuest, order: Order, options: Options, today: date | None) -> None:
    """Raises Refusal when this guest may not be charged at all."""
    if not guest.status.present:
        raise Refusal(PmsCode.GUEST_CHECKED_OUT)
    if not guest.charges_allowed:
        raise Refusal(PmsCode.CHARGES_BLOCKED, [FieldError("restriction", word) for word in guest.restrictions])
    blocked = {room.casefold() for room in options.restrictions.blocked_rooms}
    if guest.room_number.casefold() in blocked:
        raise Refusal(PmsCode.CHARGES_BLOCKED, [FieldError("restriction", "blocked_room")])
    if guest.currency is not None and guest.currency != order.currency:
        raise Refusal("CURRENCY_MISMATCH", [FieldError("currency", f"The folio is kept in {guest.currency}.")])
    if options.restrictions.block_if_checkout_today and today is not None and guest.check_out <= today:
        raise Refusal("CHECKOUT_TODAY", [FieldError("check_out", f"The guest leaves on {guest.check_out}.")])


def limit_of(guest: InHouseGuest, options: Options) -> Decimal | None:
    """Return the guest's limit: the PMS's, else the room's or the house's in the settings, else None."""
    if guest.credit_limit is not None:
        return guest.credit_limit
    rules = options.restrictions
    own = {room.casefold(): limit for room, limit in rules.room_credit_limits.items()}
    return own.get(guest.room_number.casefold(), rules.default_credit_limit)


def is_exceeded(credit: Credit, total: Decimal, options: Options) -> bool:
    """Whether the property blocks this amount because it does not fit."""
    available = credit.available
    return options.restrictions.block_if_credit_exceeded and available is not None and total > available


def check_credit(credit: Credit, order: Order, options: Options) -> None:
    """Raises Refusal with the figures when the charge does not fit and nobody has overridden the limit."""
    available = credit.available
    if available is None or order.override_credit:
        return
    if is_exceeded(credit, order.total, options):
        figures = {
            "credit_limit": credit.limit or ZERO,
            "current_balance": credit.balance,
            "on_its_way": credit.on_its_way,
            "available_credit": available,
            "this_charge": order.total,
        }
        raise Refusal(
            PmsCode.CREDIT_EXCEEDED,
            [FieldError(name, format_amount(amount, order.currency)) for name, amount in figures.items()],
        )
