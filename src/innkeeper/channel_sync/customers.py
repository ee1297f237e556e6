"""Finds or makes the guest that a customer of the broker is, and remembers who is who."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from innkeeper.channel_sync.book import Book
from innkeeper.channel_sync.guest_matching import Candidates, GuestMatch, best_match, close_names
from innkeeper.channel_sync.tables import CustomerMapping
from innkeeper.domain.channel import ChannelBooking, ChannelCustomer
from innkeeper.house import guests
from innkeeper.house.model import GuestDraft
from innkeeper.house.tables import Guest
from innkeeper.storage.bulk import insert_all

#: Addresses that we made up for guests without one; nobody can be recognised by them.
PLACEHOLDER_DOMAIN = "@guest.invalid"

ORIGIN = "qloapps"

#: What stands in `last_seen` of a customer whose guest was erased.
_ERASED = "erased"


async def guest_of(book: Book, booking: ChannelBooking, *, known: bool = False) -> UUID:
    """Return the guest of a booking: known before, matched with enough confidence, or new. Never merges silently.

    A customer whose data were erased stays erased in bookings that are `known`; with a new one he is a new guest.
    """
    customer = booking.customer
    if customer is None:
        return (await guests.create(book.tx, book.property_id, unnamed(booking), lenient=True)).id
    mapping = book.customers.get(customer.customer_id)
    if mapping is not None and (known or not is_erased(mapping)):
        await _follow(book, mapping, customer)
        return mapping.local_guest_id
    match = await find_match(book, customer)
    if match is not None and match.score >= book.config.guest_match_threshold:
        remember(book, customer, match.guest.id, match.method, match.score, match.reasons)
        return match.guest.id
    guest = await guests.create(book.tx, book.property_id, draft_of(customer), lenient=True)
    await book.tx.session.flush()  # the mapping points at the guest's row
    reasons = _why_new(match, book.config.guest_match_threshold)
    remember(book, customer, guest.id, "created", Decimal(1), reasons)
    return guest.id


async def find_match(book: Book, customer: ChannelCustomer) -> GuestMatch | None:
    """Return the likeliest guest for a customer, whatever its score."""
    forms = forms_of(customer)
    return best_match(forms, await guests.matching(book.tx.session, book.property_id, forms))


def forms_of(customer: ChannelCustomer) -> guests.NormalForms:
    """Return what a customer is compared by; an address that we made up says nothing."""
    email = None if customer.email.endswith(PLACEHOLDER_DOMAIN) else customer.email
    return guests.normal_forms(f"{customer.first_name} {customer.last_name}", email, customer.phone)


async def guests_of(book: Book, bookings: Sequence[ChannelBooking]) -> list[UUID]:
    """Return the guest of each booking as `guest_of` would one after the other, in a few statements.

    Customers who are known must not have changed since they were last seen. Guests and mappings made here are written,
    and are not the session's.
    """
    session, threshold = book.tx.session, book.config.guest_match_threshold
    strangers = {b.customer.customer_id: b.customer for b in bookings if b.customer}
    forms = {i: forms_of(customer) for i, customer in strangers.items() if i not in book.customers}
    candidates = Candidates(await guests.matching_many(session, book.property_id, forms.values(), close_names))
    made: list[Guest] = []
    mappings: list[CustomerMapping] = []
    ids: list[UUID] = []
    for booking in bookings:
        customer = booking.customer
        if customer is not None and customer.customer_id in book.customers:
            ids.append(book.customers[customer.customer_id].local_guest_id)
            continue
        own = None if customer is None else forms[customer.customer_id]
        match = None if own is None else best_match(own, candidates.like(own))
        if match is not None and match.score >= threshold:
            found = (match.guest.id, match.method, match.score, match.reasons)
        else:
            draft = unnamed(booking) if customer is None else draft_of(customer)
            guest = guests.from_elsewhere(book.property_id, draft)
            made.append(guest)
            candidates.add(guest)
            found = (guest.id, "created", Decimal(1), _why_new(match, threshold))
        ids.append(found[0])
        if customer is not None:
            mapping = CustomerMapping.loose(**_columns(book, customer, *found))
            mappings.append(mapping)
            book.customers[customer.customer_id] = mapping
    await guests.add_all(book.tx, made)
    await insert_all(session, mappings)
    return ids


def remember(
    book: Book, customer: ChannelCustomer, guest_id: UUID, method: str, score: Decimal, reasons: tuple[str, ...]
) -> None:
    """Keep who the customer is, unless it is known already; one who was erased may be somebody of ours again."""
    old = book.customers.get(customer.customer_id)
    if old is not None and (not is_erased(old) or old.local_guest_id == guest_id):
        return
    columns = _columns(book, customer, guest_id, method, score, reasons)
    if old is not None:
        for name, value in columns.items():
            setattr(old, name, value)
        return
    mapping = CustomerMapping(**columns)
    book.tx.session.add(mapping)
    book.customers[customer.customer_id] = mapping


def _columns(
    book: Book, customer: ChannelCustomer, guest_id: UUID, method: str, score: Decimal, reasons: tuple[str, ...]
) -> dict[str, Any]:
    """Return the columns of the row that says who a customer is."""
    return {
        "property_id": book.property_id,
        "local_guest_id": guest_id,
        "qloapps_customer_id": customer.customer_id,
        "match_method": method,
        "confidence_score": score,
        "reasons": list(reasons),
        "last_seen": seen(customer),
    }


def is_erased(mapping: CustomerMapping) -> bool:
    """Whether the data of the customer's guest were erased here, so that what the shop says of him is not taken in."""
    return _ERASED in mapping.last_seen


def erase(mapping: CustomerMapping) -> None:
    """Forget what the customer looked like; his number stays, or the next look would take him in again."""
    mapping.last_seen, mapping.reasons = {_ERASED: True}, ["his data were erased"]


def unnamed(booking: ChannelBooking) -> GuestDraft:
    """Return the guest of a booking that names none."""
    return GuestDraft(name=f"Guest of booking {booking.reference or booking.order_id}")


def draft_of(customer: ChannelCustomer) -> GuestDraft:
    """Return the guest that a customer makes."""
    return GuestDraft(
        name=f"{customer.first_name} {customer.last_name}".strip(),
        first_name=customer.first_name,
        last_name=customer.last_name,
        email=None if customer.email.endswith(PLACEHOLDER_DOMAIN) else customer.email or None,
        phone=customer.phone or None,
    )


def seen(customer: ChannelCustomer) -> dict[str, str]:
    """Return what is remembered of a customer to notice a change by."""
    return {
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "email": customer.email,
        "phone": customer.phone,
    }


async def _follow(book: Book, mapping: CustomerMapping, customer: ChannelCustomer) -> None:
    """Take over what the customer changed about himself, unless the house changed the same since."""
    before, now = mapping.last_seen, seen(customer)
    if before == now or is_erased(mapping):
        return
    guest = await book.tx.session.get(Guest, mapping.local_guest_id)
    mapping.last_seen = now
    if guest is None or not before:
        return
    known = {"first_name": guest.first_name, "last_name": guest.last_name, "email": guest.email, "phone": guest.phone}
    taken = {
        name: value or None
        for name, value in now.items()
        if value != before.get(name) and (known[name] or "") == (before.get(name) or "")
    }
    if not taken:
        return
    draft = guests.draft_of(guest)
    draft = replace(
        draft,
        first_name=taken.get("first_name", draft.first_name) or "",
        last_name=taken.get("last_name", draft.last_name) or "",
        email=taken.get("email", draft.email),
        phone=taken.get("phone", draft.phone),
    )
    if "first_name" in taken or "last_name" in taken:
        draft = replace(draft, name=f"{draft.first_name} {draft.last_name}".strip())
    await guests.update(book.tx, book.property_id, guest.id, draft, origin=ORIGIN, lenient=True)


def _why_new(match: GuestMatch | None, threshold: Decimal) -> tuple[str, ...]:
    if match is None:
        return ("nobody with this e-mail address, phone number or name",)
    found = ", ".join(match.reasons)
    return (f"the likeliest guest ({found}) scores {match.score}, below {threshold}",)
