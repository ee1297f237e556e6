"""Customers: written by the webservice, and found, made or renamed by bookings."""

from __future__ import annotations

from typing import Any

from innkeeper.simulators.qloapps.booking_request import as_int, valid_email, valid_name, valid_phone
from innkeeper.simulators.qloapps.errors import WebserviceError
from innkeeper.simulators.qloapps.fields import INT, NO_STAMP, NULLABLE, PRICE, Field
from innkeeper.simulators.qloapps.model import Customer, Row
from innkeeper.simulators.qloapps.state import ShopState
from innkeeper.simulators.qloapps.values import as_stored, hours_before, utc_stamp
from innkeeper.simulators.qloapps.xml_request import Document

_PASSWORD_LENGTH = 5
_PASSWORD_HOURS = 6
"""``last_passwd_gen`` of a new customer lies so long ago, so that he may ask for a new one at once [081]."""


def guest_for_booking(state: ShopState, detail: Row) -> Customer:
    """The customer of a booking: known by e-mail and then overwritten, else made [129] [130]."""
    known = known_guest(state, detail)
    if known is not None:
        rename_guest(state, known, detail)
        return known
    now = state.now()
    customer = Customer(
        state.new_id("customers"),
        str(detail["firstname"]),
        str(detail["lastname"]),
        str(detail["email"]),
        str(detail.get("phone") or ""),
        now,
        now,
        passwd=state.new_hash(),
        secure_key=state.new_hash(),
        last_passwd_gen=hours_before(now, _PASSWORD_HOURS),
    )
    state.add_customer(customer)
    return customer


def known_guest(state: ShopState, detail: Row) -> Customer | None:
    """The customer that a booking means: by ``id_customer`` whatever the e-mail says, else the first by e-mail."""
    by_id = state.customers.get(as_int(detail.get("id_customer") or 0))
    if by_id is not None:
        return by_id
    return next(iter(visible_with_email(state, str(detail.get("email") or ""))), None)


def visible_with_email(state: ShopState, email: str) -> list[Customer]:
    """Customers with that e-mail that bookings and lists find: a PUT without ``id_shop`` hides a customer for good."""
    return [one for one in state.customers_with_email(email) if one.id_shop]


def rename_guest(state: ShopState, customer: Customer, detail: Row) -> None:
    """Take over name and phone as a booking does, where they are valid; an unchanged customer is not touched.

    On the snapshot a customer who is found by his e-mail alone loses his phone unless a valid one is sent (seen on a
    real shop).
    """
    before = (customer.firstname, customer.lastname, customer.phone)
    first, last, phone = (str(detail.get(name) or "") for name in ("firstname", "lastname", "phone"))
    if first and valid_name(first):
        customer.firstname = first
    if last and valid_name(last):
        customer.lastname = last
    if phone and valid_phone(phone):
        customer.phone = phone
    elif not state.version.is_170 and not detail.get("id_customer"):
        customer.phone = ""
    if before != (customer.firstname, customer.lastname, customer.phone):
        customer.date_upd = state.now()


def post_customer(state: ShopState, document: Document) -> tuple[Customer, Row]:
    """Make a customer; an e-mail that exists makes another one [084]. Returns the row and what the answer echoes."""
    _validate(state, document)
    now = state.now()
    echo = _echo(document)
    customer = Customer(state.new_id("customers"), "", "", "", "", now, now, groups=_groups(document))
    echo |= {
        "id": customer.id,
        "id_lang": echo.get("id_lang") or state.default_language,
        "id_shop": echo.get("id_shop") or 1,
        "id_shop_group": echo.get("id_shop_group") or 1,
        "passwd": state.new_hash(document.text("passwd")),
        "secure_key": state.new_hash(),
        "last_passwd_gen": hours_before(now, _PASSWORD_HOURS),
        "date_add": echo.get("date_add") or now,
        "date_upd": now,
    }
    _store(state, customer, echo)
    state.add_customer(customer)
    return customer, echo


def put_customer(state: ShopState, document: Document) -> tuple[Customer, Row]:
    """Replace a customer: what the document lacks is gone, ``date_add`` included [091] [092]."""
    number = document.text("id").strip()
    if not number:
        raise WebserviceError(400, 90, "id is required when modifying a resource")
    customer = state.customers.get(int(number)) if number.isdecimal() else None
    if customer is None:
        raise WebserviceError(404, 92, "Invalid ID")
    _validate(state, document)
    now = state.now()
    echo = _echo(document)
    password = document.text("passwd")
    echo |= {
        "id": customer.id,
        "passwd": customer.passwd if password == customer.passwd else state.new_hash(password),
        "date_add": echo.get("date_add") or now,
        "date_upd": now,
    }
    old_email = customer.email
    _store(state, customer, echo)
    if not echo.get("last_passwd_gen"):
        customer.last_passwd_gen = utc_stamp(state)  # the database fills it in, in its own zone [092]
    customer.groups = _groups(document)
    if customer.email != old_email:
        state.reindex_email(customer, old_email)
    return customer, echo


def _echo(document: Document) -> Row:
    return {name: value for name, value in document.values.items() if value != ""}


def _groups(document: Document) -> tuple[int, ...]:
    return tuple(
        int(entry["id"]) for entry in document.associations.get("groups", ()) if entry.get("id", "").isdecimal()
    )


def _validate(state: ShopState, document: Document) -> None:
    """Raises WebserviceError 41 for a missing field, 85 for one that is not valid [083] [089] [096]."""
    for item in state.resources["customers"].fields:
        if item.required and not document.text(item.name):
            raise WebserviceError(400, 41, f'parameter "{item.name}" required')
    for name in ("lastname", "firstname"):
        if not valid_name(document.text(name)):
            raise _invalid(f"Property Customer->{name} is not valid")
    if not valid_email(document.text("email")):
        raise _invalid("Property Customer->email is not valid")
    if len(document.text("passwd")) < _PASSWORD_LENGTH:
        raise _invalid("Property Customer->passwd is not valid")
    if state.phone_required and not document.text("phone"):
        raise _invalid("Phone is required field.")


def _invalid(text: str) -> WebserviceError:
    return WebserviceError(400, 85, f'Validation error: "{text}"')


def _store(state: ShopState, customer: Customer, echo: Row) -> None:
    for item in state.resources["customers"].fields:
        setattr(customer, item.name, _column(item, echo.get(item.name)))


def _column(item: Field, value: Any) -> Any:
    if item.name == "last_passwd_gen":
        return value or NO_STAMP
    if item.kind in (INT, PRICE, NULLABLE):
        return as_stored(item, value)
    return as_stored(item, value) or item.empty()
