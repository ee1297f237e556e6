"""The rows that a shop has many of, as small objects, and the keys that open its webservice."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from innkeeper.simulators.qloapps.fields import NO_DAY, NO_STAMP

ZERO = Decimal(0)

AWAITING, PAID, CANCELED, REFUNDED, PARTIAL = 1, 2, 4, 5, 8
"""Order states of a default shop that the webservice itself sets [069]."""

ALLOTTED, CHECKED_IN, CHECKED_OUT = 1, 2, 3
"""``id_status`` of a room line."""

ROOM_ACTIVE, ROOM_INACTIVE, ROOM_CLOSED_FOR_DATES = 1, 2, 3
"""``id_status`` of a room; the third has no effect without dates [355]."""


@dataclass(slots=True)
class Customer:
    """A guest as the shop knows him."""

    id: int
    firstname: str
    lastname: str
    email: str
    phone: str
    date_add: str
    date_upd: str
    passwd: str = ""
    secure_key: str = ""
    last_passwd_gen: str = NO_STAMP
    id_default_group: int = 3
    id_lang: int = 1
    newsletter_date_add: str = NO_STAMP
    ip_registration_newsletter: str | None = None
    deleted: int = 0
    id_gender: int = 0
    birthday: str = NO_DAY
    newsletter: int = 0
    optin: int = 0
    website: str | None = None
    company: str | None = None
    siret: str | None = None
    ape: str | None = None
    outstanding_allow_amount: Decimal = ZERO
    show_public_prices: int = 0
    id_risk: int = 0
    max_payment_days: int = 0
    active: int = 1
    note: str | None = None
    is_guest: int = 0
    id_shop: int = 1
    id_shop_group: int = 1
    groups: tuple[int, ...] = (3,)


@dataclass(slots=True)
class ServiceLine:
    """A service sold with a room line; amounts are those of the whole stay."""

    id_service: int
    name: str
    quantity: int
    unit_price: Decimal
    total: Decimal
    tax: Decimal
    per_night: int
    price_mode: int
    named: bool = False
    """Came by name only: a product made for this sale and removed again."""

    @property
    def shown_mode(self) -> int:
        """The price mode that a later GET shows; that of a removed product is gone [109, 110]."""
        return 0 if self.named else self.price_mode


@dataclass(slots=True)
class Line:
    """A room line: one room of one order for one stay (``room_bookings``)."""

    id: int
    id_order: int
    id_product: int
    id_hotel: int
    id_room: int
    id_customer: int
    date_from: str
    date_to: str
    total_price_tax_excl: Decimal
    total_price_tax_incl: Decimal
    total_paid_amount: Decimal
    room_num: str
    room_type_name: str
    hotel_name: str
    city: str
    state: str
    country: str
    zipcode: str
    phone: str
    email: str
    check_in_time: str
    check_out_time: str
    planned_check_out: str
    adults: int
    children: int
    child_ages: str
    date_add: str
    date_upd: str
    id_order_detail: int = 0
    id_cart: int = 0
    booking_type: int = 1
    id_status: int = ALLOTTED
    comment: str = ""
    check_in: str = NO_STAMP
    check_out: str = NO_STAMP
    is_refunded: int = 0
    is_cancelled: int = 0
    is_back_order: int = 0
    services: tuple[ServiceLine, ...] = ()

    @property
    def tax(self) -> Decimal:
        """Tax of the stay, as stored."""
        return self.total_price_tax_incl - self.total_price_tax_excl

    @property
    def stay(self) -> tuple[int, str, str]:
        """What a PUT matches a line by: room type and the two dates."""
        return self.id_product, self.date_from[:10], self.date_to[:10]


@dataclass(slots=True)
class Order:
    """An order, which is what the webservice calls a booking."""

    id: int
    id_customer: int
    id_hotel: int
    id_currency: int
    current_state: int
    date_add: str
    date_upd: str
    source: str
    reference: str
    secure_key: str
    id_cart: int = 0
    id_address_delivery: int = 0
    id_address_invoice: int = 0
    id_address_tax: int = 2
    id_lang: int = 1
    module: str = "wsorder"
    invoice_number: int = 0
    invoice_date: str = NO_STAMP
    valid: int = 0
    transaction_id: str | None = None
    payment: str = "Order from API"
    payment_type: int = 1
    total_discounts: Decimal = ZERO
    total_discounts_tax_incl: Decimal = ZERO
    total_discounts_tax_excl: Decimal = ZERO
    total_paid: Decimal = ZERO
    total_paid_tax_incl: Decimal = ZERO
    total_paid_tax_excl: Decimal = ZERO
    total_paid_real: Decimal = ZERO
    total_products: Decimal = ZERO
    total_products_wt: Decimal = ZERO
    conversion_rate: Decimal = Decimal(1)
    is_advance_payment: int = 0
    advance_paid_amount: Decimal = ZERO
    with_occupancy: int = 0
    id_shop: int = 1
    id_shop_group: int = 1
    round_mode: int = 2
    round_type: int = 1
    remarks: tuple[str, ...] = ()
    lines: list[int] = field(default_factory=list)
    """Ids of its room lines, oldest first."""
    details: list[int] = field(default_factory=list)
    """Ids of its ``order_details``."""

    @property
    def hidden(self) -> bool:
        """Out of every list of ``orders``, as a PUT without ``id_shop`` leaves it; its id still finds it."""
        return self.id_shop == 0


METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD")


@dataclass(slots=True)
class ApiKey:
    """A webservice key; ``permissions`` are the methods by resource, or None for everything."""

    key: str
    permissions: dict[str, frozenset[str]] | None = None
    active: bool = True

    def methods(self, resource: str) -> frozenset[str]:
        """The methods that this key may use on the resource; empty when it is not granted at all."""
        if self.permissions is None:
            return frozenset(METHODS)
        return self.permissions.get(resource, frozenset())


Row = dict[str, Any]
"""A row of one of the small tables, under the names of the wire."""
