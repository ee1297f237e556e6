"""Reads the document of a booking, JSON or XML, into one shape, and checks what the shop checks first."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from lxml import etree

from innkeeper.simulators.qloapps.errors import PhpCrashError, RefusedBookingError
from innkeeper.simulators.qloapps.model import Row
from innkeeper.simulators.qloapps.state import ShopState, ordinal
from innkeeper.simulators.qloapps.xml_request import PARSER

_LISTS = {
    "room_types": "room_type",
    "rooms": "room",
    "services": "service",
    "facilities": "facility",
    "cart_rules": "cart_rule",
    "remarks": "remark",
}
_PHONE = re.compile(r"^\+?[\s\d.()-]*\d+$")
_TAGS = re.compile(r"<[^>]*>?")
_SCRIPT = re.compile(r"script:|\bon\w+\s*=", re.I)
_EMAIL = re.compile(r"^[^\s@<>(),;:\"\[\]\\]+@[^\s@.<>(),;:\"\[\]\\]+(\.[^\s@.<>(),;:\"\[\]\\]+)+$")
_NOT_IN_NAMES = re.compile(r"[0-9!<>,;?=+()@#\"°{}_$%:¤|]")
NAME_LENGTH = 32
_EMAIL_LENGTH = 128
REMARK_LENGTH = 6400

PAYMENT_TYPES = {"online": 1, "pay at hotel": 2, "remote": 3}
"""``payment_detail.payment_type`` and the number that is stored [158] [405]."""

NEW, COMPLETED, CANCELLED, REFUND = 1, 2, 3, 4
"""``booking_status``."""
PAID_FULL, PAID_PART, PAID_LATER = 1, 2, 3
"""``payment_status``."""


@dataclass(slots=True)
class RoomWish:
    """One entry of ``rooms[]``, or a room that was only counted (``given`` is False)."""

    given: bool = False
    id_room: int = 0
    adults: int | None = None
    children: int | None = None
    child_ages: list[int] = field(default_factory=list)
    price: Decimal | None = None
    total_tax: Decimal | None = None
    tax_group: int | None = None
    services: list[Row] = field(default_factory=list)
    unreadable: bool = False
    """A number that is none: an uncaught PHP error, once rooms were found."""

    @property
    def has_tax(self) -> bool:
        """False raises a PHP warning [128] [443]."""
        return self.total_tax is not None or self.tax_group is not None


@dataclass(slots=True)
class StayWish:
    """One entry of ``room_types[]``; first and last are day numbers, last exclusive."""

    id_type: int
    checkin: str
    checkout: str
    first: int
    last: int
    rooms: list[RoomWish]


def read_booking(body: bytes) -> Row:
    """The ``booking`` of a body; what PHP cannot read is 500 with an empty body [154] [155] [156]."""
    text = body.lstrip()
    if text.startswith(b"<"):
        return _from_xml(text)
    try:
        document = json.loads(text)
    except ValueError:
        raise PhpCrashError from None
    booking = document.get("booking") if isinstance(document, dict) else None
    if not isinstance(booking, dict):
        raise PhpCrashError
    return booking


def _from_xml(text: bytes) -> Row:
    try:
        root = etree.fromstring(text, PARSER)
    except etree.XMLSyntaxError:
        raise PhpCrashError from None
    booking = root.find("booking")
    if booking is None:
        raise PhpCrashError
    found = _element(booking)
    return found if isinstance(found, dict) else {}


def _element(element: Any) -> Any:
    node = _LISTS.get(element.tag)
    children = [child for child in element if isinstance(child.tag, str)]
    if node is not None and (not children or children[0].tag == node):
        return [_element(child) for child in children]
    if not children:
        return element.text or ""
    return {child.tag: _element(child) for child in children}


def as_int(value: Any) -> int:
    """A number as PHP casts it."""
    try:
        return int(Decimal(str(value).strip()))
    except (InvalidOperation, ValueError):
        return 0


def as_amount(value: Any) -> Decimal | None:
    """An amount; None when nothing was given."""
    if value is None or value == "":
        return None
    try:
        return Decimal(str(value).strip())
    except InvalidOperation:
        return None


def _part(value: Any, name: str) -> Any:
    part = value.get(name) if isinstance(value, dict) else None
    return part if part is not None else {}


def part(booking: Row, name: str) -> Row:
    """A block of ``associations``; empty when it is missing."""
    found = _part(_part(booking, "associations"), name)
    return found if isinstance(found, dict) else {}


def check_head(state: ShopState, booking: Row) -> None:
    """Property, currency and status; raises RefusedBookingError [147] - [150]."""
    if as_int(booking.get("id_property")) not in state.hotels:
        raise RefusedBookingError("Please provide a valid id_property.")
    if state.currency_by_code(booking.get("currency")) is None:
        raise RefusedBookingError("Please provide valid currency.")
    check_booking_status(booking)


def check_booking_status(booking: Row) -> None:
    """``booking_status`` is optional [171]; raises RefusedBookingError."""
    status = booking.get("booking_status")
    if status not in (None, "") and as_int(status) not in (NEW, COMPLETED, CANCELLED, REFUND):
        raise RefusedBookingError("Invalid booking status.")


def check_payment(booking: Row) -> None:
    """``payment_status`` and the payment type, looked at after the rooms; raises RefusedBookingError [158]."""
    paid = booking.get("payment_status")
    if paid not in (None, "") and as_int(paid) not in (PAID_FULL, PAID_PART, PAID_LATER):
        raise RefusedBookingError("Invalid payment status.")
    kind = part(booking, "payment_detail").get("payment_type")
    if kind not in (None, "") and kind not in PAYMENT_TYPES:
        raise RefusedBookingError("Invalid payment type.")


def check_customer(state: ShopState, booking: Row) -> Row:
    """The ``customer_detail`` of a POST. Raises RefusedBookingError, or PhpCrashError where PHP fails while it stores
    the customer: a bad e-mail, or a name with digits or of more than 32 characters [144] - [146] [157] [162] [468]."""
    detail = part(booking, "customer_detail")
    if not detail:
        raise RefusedBookingError("Customer details not found.")
    for name in ("firstname", "lastname"):
        if not str(detail.get(name) or "").strip():
            raise RefusedBookingError(f"Please provide a valid {name.removesuffix('name')} name.")
    if not str(detail.get("email") or "").strip():
        raise RefusedBookingError("Please provide a valid email.")
    if state.phone_required and str(detail.get("phone") or "").strip() in ("", "0"):
        raise RefusedBookingError("Please provide a valid phone number.")
    _check_address(detail)
    return detail


def check_storable(detail: Row, *, known: bool) -> None:
    """What fails only when the customer is stored, after everything else was found good. For a customer who is
    ``known`` already a sign that names do not have, or a bad phone, is passed over in silence."""
    email = str(detail["email"])
    if len(email) > _EMAIL_LENGTH:
        raise PhpCrashError
    if not valid_email(email):
        raise PhpCrashError(200, b"Fatal error")
    for name in ("firstname", "lastname"):
        text = str(detail.get(name) or "")
        if len(text) > NAME_LENGTH or "|" in text or not (known or valid_name(text)):
            raise PhpCrashError
    phone = str(detail.get("phone") or "")
    if phone and not known and not valid_phone(phone):
        raise PhpCrashError


def valid_phone(text: str) -> bool:
    """At most 32 characters: a plus, then blanks, digits, dots, brackets and dashes, and a digit at the end."""
    return len(text) <= NAME_LENGTH and bool(_PHONE.match(text))


def clean_remark(text: str) -> str:
    """A remark without tags; one that looks like a script vanishes."""
    return "" if _SCRIPT.search(text) else _TAGS.sub("", text)


def valid_email(text: str) -> bool:
    """What the shop takes for an e-mail address."""
    return bool(_EMAIL.match(text))


def valid_name(text: str) -> bool:
    """At most 32 characters, no digits and no signs that names do not have."""
    return len(text) <= NAME_LENGTH and not _NOT_IN_NAMES.search(text)


_COUNTRIES = frozenset(
    "AT AU BE BG BR CA CH CN CZ DE DK EE ES FI FR GB GR HR HU IE IL IN IT JP LT LU LV MX NL NO NZ PL PT RO SE SI SK TR "
    "US UA ZA".split()
)
_COUNTRIES_WITH_STATES = frozenset(("US", "CA", "MX", "IT", "AR", "ID", "JP"))


def _check_address(detail: Row) -> None:
    """All or nothing: address, city and country, and a state where the country has them [159]."""
    if not any(detail.get(name) for name in ("address", "city", "country_code")):
        return
    for name, words in (("address", "Address"), ("city", "City"), ("country_code", "Country code")):
        if not detail.get(name):
            raise RefusedBookingError(f"{words} is required.")
    if detail["country_code"] not in _COUNTRIES:
        raise RefusedBookingError("Invalid country code.")
    if not detail.get("zip"):
        raise RefusedBookingError("Zip code is required.")
    if detail["country_code"] in _COUNTRIES_WITH_STATES and not detail.get("state_code"):
        raise RefusedBookingError("State code is required for the given country.")


def has_stays(booking: Row) -> bool:
    """Whether the payload lists any room types."""
    entries = _part(_part(booking, "associations"), "room_types")
    return isinstance(entries, list) and bool(entries)


def read_stays(state: ShopState, booking: Row) -> list[StayWish]:
    """The ``room_types[]``; raises RefusedBookingError for types, dates and counts [140] - [142] [161]."""
    entries = _part(_part(booking, "associations"), "room_types")
    if not isinstance(entries, list):
        return []
    id_hotel = as_int(booking.get("id_property"))
    stays = [_read_stay(state, entry, id_hotel) for entry in entries if isinstance(entry, dict)]
    return _merged(stays)


def _merged(stays: list[StayWish]) -> list[StayWish]:
    """Entries of one type and the same dates are one; with ``rooms[]`` their counts do not match any more."""
    found: dict[tuple[int, int, int], StayWish] = {}
    for stay in stays:
        first = found.setdefault((stay.id_type, stay.first, stay.last), stay)
        if first is not stay:
            if any(wish.given for wish in (*first.rooms, *stay.rooms)):
                raise RefusedBookingError("Room count does not matches with the number of rooms")
            first.rooms = [*first.rooms, *stay.rooms]
    return list(found.values())


def _read_stay(state: ShopState, entry: Row, id_hotel: int) -> StayWish:
    id_type = as_int(entry.get("id_room_type"))
    kind = state.room_types.get(id_type)
    if kind is None or (id_hotel and kind["id_hotel"] != id_hotel):
        raise RefusedBookingError("Invalid room type in the request")
    checkin, checkout = (_day(entry.get(name), words) for name, words in _DATES)
    first, last = ordinal(checkin), ordinal(checkout)
    if last < first:
        raise RefusedBookingError("Invalid check in and check out dates in the request")
    count = _room_count(entry.get("number_of_rooms"))
    rooms = entry.get("rooms")
    wishes = [_read_room(state, room) for room in rooms if isinstance(room, dict)] if isinstance(rooms, list) else []
    if wishes and len(wishes) != count:
        raise RefusedBookingError("Room count does not matches with the number of rooms")
    return StayWish(id_type, checkin, checkout, first, last, wishes or [RoomWish() for _ in range(count)])


def _room_count(value: Any) -> int:
    """0 books one room, and what is no number is not available."""
    count = as_amount(value)
    return 0 if count is None else max(int(count), 1)


_DATES = (("checkin_date", "check in"), ("checkout_date", "check out"))


def _day(value: Any, words: str) -> str:
    try:
        return date.fromisoformat(str(value)[:10]).isoformat()
    except ValueError:
        raise RefusedBookingError(f"Invalid {words} date in the request") from None


def _read_room(state: ShopState, room: Row) -> RoomWish:
    adults = room.get(state.version.adults_key)
    ages = room.get("child_ages")
    child_ages = [as_int(age) for age in ages] if isinstance(ages, list) else _ages(ages)
    children = as_int(room.get("child")) if child_ages else 0  # without ages the children are forgotten [119]
    group = as_amount(room.get("id_tax_rules_group"))
    services = room.get("services")
    price = room.get("unit_price_without_tax")
    amount = as_amount(price)
    return RoomWish(
        given=True,
        id_room=as_int(room.get("id_room")),
        adults=None if adults in (None, "") or (as_int(adults) == 0 and not state.version.is_170) else as_int(adults),
        children=children,
        child_ages=child_ages[:children],
        price=None if amount is None else max(amount, Decimal(0)),
        total_tax=as_amount(room.get("total_tax")),
        tax_group=None if group is None else int(group),
        services=[one for one in services if isinstance(one, dict)] if isinstance(services, list) else [],
        unreadable=(price is not None and amount is None) or (adults not in (None, "") and as_amount(adults) is None),
    )


def _ages(text: Any) -> list[int]:
    if isinstance(text, dict):
        return [as_int(age) for age in text.values()]
    return [as_int(age) for age in re.findall(r"\d+", str(text or ""))]
