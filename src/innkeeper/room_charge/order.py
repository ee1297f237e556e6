"""What a point of sale asks to be charged, with the mark that tells a repetition from another check."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from innkeeper.domain.charge import ZERO, ChargeItem
from innkeeper.domain.money import format_amount, quantize, spread

#: What makes two requests the same check. Who sends it, the signature and an override do not.
_CONTENT = ("room_number", "guest_id", "reservation_id", "outlet_code", "check_number", "currency")
_AMOUNTS = ("subtotal", "tax", "tip", "service_charge", "delivery_charge")


@dataclass(frozen=True, slots=True)
class Order:
    """A check that shall stand on a guest's folio; amounts in `currency`, `sold_at` aware.

    `signature` is a checked PNG. `room_amount` is what of a split check goes to the room, None for what fits.
    """

    pos_reference: str
    room_number: str
    outlet_code: str
    check_number: str
    currency: str
    subtotal: Decimal
    sold_at: datetime
    tax: Decimal = ZERO
    tip: Decimal = ZERO
    service_charge: Decimal = ZERO
    delivery_charge: Decimal = ZERO
    #: Whether the point of sale said what the delivery costs, if only that it costs nothing; else the outlet does.
    delivery_named: bool = True
    items: tuple[ChargeItem, ...] = ()
    guest_id: str | None = None
    reservation_id: str | None = None
    description: str = ""
    employee_id: str = ""
    location_id: UUID | None = None
    order_id: UUID | None = None
    guest_confirmed: bool = False
    signature: bytes | None = field(default=None, repr=False)
    override_credit: bool = False
    queue_on_failure: bool = True
    #: The same check may stand there already, and is meant to stand there once more.
    allow_repeat: bool = False
    split: bool = False
    room_amount: Decimal | None = None

    @property
    def total(self) -> Decimal:
        """All that the guest pays for this check."""
        return self.subtotal + self.tax + self.tip + self.service_charge + self.delivery_charge

    def content_hash(self) -> str:
        """Return the SHA-256 of what is charged to whom."""
        content: dict[str, Any] = {name: getattr(self, name) for name in _CONTENT}
        content |= {name: format_amount(getattr(self, name), self.currency) for name in _AMOUNTS}
        if not self.delivery_named:  # what the outlet asks for may be changed before the request is repeated
            content["delivery_charge"] = format_amount(ZERO, self.currency)
        content["items"] = [
            [item.description, item.quantity, str(item.amount), str(item.tax), item.category] for item in self.items
        ]
        if self.split:
            content["split"] = None if self.room_amount is None else format_amount(self.room_amount, self.currency)
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def delivered(self, charge: Decimal | None) -> "Order":
        """Return the order with what the outlet asks for delivery, where the point of sale did not say."""
        if self.delivery_named or not charge:
            return self
        return replace(self, delivery_charge=quantize(charge, self.currency))

    def part(self, amount: Decimal) -> "Order":
        """Return the order of a part of the check: each kind of amount in proportion, exact to the smallest unit."""
        amounts = [self.subtotal, self.tax, self.tip, self.service_charge, self.delivery_charge]
        subtotal, tax, tip, service, delivery = spread(amount, amounts, self.currency)
        return replace(
            self, subtotal=subtotal, tax=tax, tip=tip, service_charge=service, delivery_charge=delivery, items=()
        )
