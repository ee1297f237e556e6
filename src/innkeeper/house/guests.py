"""Keeps the guests and the normal forms that they are matched by."""

import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import phonenumbers
from nameparser import HumanName
from nameparser.config import CONSTANTS
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.domain.business_day import utc_now
from innkeeper.domain.errors import NotFound
from innkeeper.domain.ids import new_id
from innkeeper.house import events, guest_repository
from innkeeper.house.checks import Errors, cleaned
from innkeeper.house.model import GuestDraft
from innkeeper.house.tables import Guest
from innkeeper.storage.bulk import insert_all
from innkeeper.storage.database import Tx

beginning_of = guest_repository.beginning_of

#: Letters that no Unicode decomposition takes apart.
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
#: Words in which the parser of names sees more than a name.
_MEANINGFUL = frozenset(
    word.lower()
    for words in (
        CONSTANTS.titles,
        CONSTANTS.first_name_titles,
        CONSTANTS.suffix_acronyms,
        CONSTANTS.suffix_acronyms_ambiguous,
        CONSTANTS.suffix_not_acronyms,
        CONSTANTS.prefixes,
        CONSTANTS.non_first_name_prefixes,
        CONSTANTS.bound_first_names,
        CONSTANTS.conjunctions,
        ("née", "nee", "né"),
    )
    for word in words
)
#: What other systems hold of a guest; a change of the rest concerns the house alone.
_ANNOUNCED = frozenset({"name", "first_name", "last_name", "email", "phone"})


class NormalForms(NamedTuple):
    """What a guest is compared by: folded name, folded e-mail, phone as E.164 or bare digits."""

    name: str
    email: str | None
    phone: str | None


def normal_forms(name: str, email: str | None, phone: str | None) -> NormalForms:
    """Return the normal forms of what a guest is known by."""
    return NormalForms(normal_name(name), normal_email(email), normal_phone(phone))


def normal_email(email: str | None) -> str | None:
    """Return the address in one case without blanks, None when there is none."""
    return (email or "").strip().casefold() or None


@lru_cache(maxsize=4096)
def normal_phone(phone: str | None) -> str | None:
    """Return E.164 for a number in international form (+… or 00…), otherwise its digits, None without any.

    The property does not say its country, so that a national number cannot be completed.
    """
    text = (phone or "").strip()
    digits = "".join(c for c in text if c.isdigit())
    if not digits:
        return None
    if text.startswith("00"):
        text = "+" + text[2:]
    if text.startswith("+"):
        try:
            number = phonenumbers.parse(text, None)
        except phonenumbers.NumberParseException:
            return digits[:20]
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[:20]
    return digits[:20]


@lru_cache(maxsize=4096)
def normal_name(name: str) -> str:
    """Return first, middle and last name without titles, in one case and without accents."""
    first, last = _parts(name)
    parts = f"{first} {last}".strip() or name
    folded = unicodedata.normalize("NFKD", parts.casefold().translate(_LETTERS))
    return " ".join("".join(c for c in folded if not unicodedata.combining(c)).split())[:200]


@lru_cache(maxsize=4096)
def _parts(name: str) -> tuple[str, str]:
    """Return first names and last name without titles. Taking a name apart costs as much as a row in the data base."""
    words = name.split()
    if len(words) > 1 and all(_is_plain(word) for word in words):
        return " ".join(words[:-1]), words[-1]
    person = HumanName(name)
    return " ".join(part for part in (person.first, person.middle) if part), person.last


def _is_plain(word: str) -> bool:
    """Whether a word is a name and nothing else to the parser: no title, suffix, particle or initial."""
    return len(word) > 2 and word.isalpha() and word.lower() not in _MEANINGFUL


def split_name(name: str) -> tuple[str, str]:
    """Return first names and last name; a single word is a last name, since every system wants one."""
    first, last = _parts(name)
    if not last:
        first, last = "", first or name.strip()
    return first[:100], last[:100]


async def get(session: AsyncSession, property_id: UUID, guest_id: UUID) -> Guest:
    """Return the guest. Raises NotFound."""
    guest = await guest_repository.guest(session, property_id, guest_id)
    if guest is None:
        raise NotFound(f"There is no guest {guest_id}.")
    return guest


async def create(tx: Tx, property_id: UUID, draft: GuestDraft, *, lenient: bool = False, field: str = "") -> Guest:
    """Add a guest. `lenient` is for a channel's guest, who is stored with whatever the channel knows of him.

    `field` is put before the names of wrong fields. Raises Invalid.
    """
    draft = _made_storable(draft) if lenient else draft
    if not lenient:
        _check(draft, field)
    guest = _new(property_id, draft)
    tx.session.add(guest)
    return guest


def checked(property_id: UUID, draft: GuestDraft, *, field: str = "") -> Guest:
    """Return the guest that `create` would add, for `add_all` to write. Raises Invalid."""
    _check(draft, field)
    return _new(property_id, draft)


def from_elsewhere(property_id: UUID, draft: GuestDraft) -> Guest:
    """Return the guest that `create` with `lenient` would add, for `add_all` to write together with others.

    Of two guests alike the one who came first is meant, so each has a moment of his own.
    """
    now = utc_now()
    columns = _columns(_made_storable(draft))
    return Guest.loose(id=new_id(), property_id=property_id, created_at=now, updated_at=now, **columns)


async def add_all(tx: Tx, guests: Sequence[Guest]) -> None:
    """Add guests made by `from_elsewhere`, in one statement; the session does not know them."""
    await insert_all(tx.session, guests)


def _new(property_id: UUID, draft: GuestDraft) -> Guest:
    return Guest(id=new_id(), property_id=property_id, **_columns(draft))


async def update(
    tx: Tx, property_id: UUID, guest_id: UUID, draft: GuestDraft, *, origin: str = "house", lenient: bool = False
) -> Guest:
    """Make the guest as `draft` says. Announces `guest.updated` when another system would have to know.

    Raises NotFound, Invalid.
    """
    guest = await guest_repository.guest(tx.session, property_id, guest_id, lock=True)
    if guest is None:
        raise NotFound(f"There is no guest {guest_id}.")
    draft = _made_storable(draft) if lenient else draft
    if not lenient:
        _check(draft, "")
    changed = _apply(guest, _columns(draft))
    if changed & _ANNOUNCED:
        await events.announce(
            tx, events.GUEST_UPDATED, property_id, guest.id, origin=origin, changed=changed & _ANNOUNCED
        )
    return guest


def draft_of(guest: Guest) -> GuestDraft:
    """Return the guest as a draft, to be changed with `dataclasses.replace`."""
    return GuestDraft(
        name=guest.name,
        email=guest.email,
        phone=guest.phone,
        first_name=guest.first_name,
        last_name=guest.last_name,
        notes=guest.notes,
        preferences=tuple(guest.preferences),
        allergies=tuple(guest.allergies),
        vip_level=guest.vip_level,
        loyalty_number=guest.loyalty_number,
    )


async def matching(session: AsyncSession, property_id: UUID, forms: NormalForms, limit: int = 50) -> list[Guest]:
    """Return guests who share the e-mail, the phone, the name, or its last word: candidates for a match."""
    return await guest_repository.guests_like(session, property_id, forms.name, forms.email, forms.phone, limit)


async def matching_many(
    session: AsyncSession,
    property_id: UUID,
    forms: Collection[NormalForms],
    close: Callable[[str, Sequence[str]], Iterable[str]],
) -> Sequence[guest_repository.KnownGuest]:
    """Return those whom `matching` would find for any of the forms and who matter, in a few statements.

    `close` says which of the sorted names that begin like a name are near enough to it to matter.
    """
    names = {form.name for form in forms if form.name}
    similar = await guest_repository.names_like(session, property_id, names)
    wanted = names | {found for name in names for found in close(name, similar)}
    emails = {form.email for form in forms if form.email}
    return await guest_repository.known_guests(
        session, property_id, wanted, emails, {form.phone for form in forms if form.phone}
    )


def _check(draft: GuestDraft, field: str) -> None:
    errors = Errors(field)
    errors.text("name", draft.name, 200, needed=True)
    errors.text("first_name", draft.first_name, 100)
    errors.text("last_name", draft.last_name, 100)
    errors.text("notes", draft.notes, 5000, lines=True)
    errors.text("vip_level", draft.vip_level, 50)
    errors.text("loyalty_number", draft.loyalty_number, 100)
    for name in ("preferences", "allergies"):
        for position, entry in enumerate(getattr(draft, name)):
            errors.text(f"{name}[{position}]", entry, 200)
    errors.email("email", draft.email)
    errors.phone("phone", draft.phone)
    errors.raise_any()


def _made_storable(draft: GuestDraft) -> GuestDraft:
    name = cleaned(draft.name or f"{draft.first_name} {draft.last_name}", 200)
    return GuestDraft(
        name=name or "Guest without a name",
        email=cleaned(draft.email, 254) if draft.email else None,
        phone=cleaned(draft.phone, 50) if draft.phone else None,
        first_name=cleaned(draft.first_name, 100),
        last_name=cleaned(draft.last_name, 100),
        notes=draft.notes,
        preferences=draft.preferences,
        allergies=draft.allergies,
        vip_level=draft.vip_level,
        loyalty_number=draft.loyalty_number,
    )


def _columns(draft: GuestDraft) -> dict[str, Any]:
    name = " ".join(draft.name.split())
    first, last = draft.first_name.strip(), draft.last_name.strip()
    if not first and not last:
        first, last = split_name(name)
    forms = normal_forms(name, draft.email, draft.phone)
    return {
        "name": name,
        "first_name": first,
        "last_name": last,
        "email": (draft.email or "").strip() or None,
        "phone": (draft.phone or "").strip() or None,
        "notes": draft.notes,
        "preferences": list(draft.preferences),
        "allergies": list(draft.allergies),
        "vip_level": draft.vip_level or None,
        "loyalty_number": draft.loyalty_number or None,
        "name_normal": forms.name,
        "email_normal": forms.email,
        "phone_e164": forms.phone,
    }


def _apply(guest: Guest, columns: Mapping[str, Any]) -> set[str]:
    changed = {name for name, value in columns.items() if getattr(guest, name) != value}
    for name in changed:
        setattr(guest, name, columns[name])
    return changed
