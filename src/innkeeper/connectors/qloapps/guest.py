"""Makes a guest's name, e-mail and phone into what QloApps takes, and says what had to be changed; pure.

What QloApps takes was tried on 1.7.0 and the 2024 snapshot: see README.md, "Guests".
"""

import re
from dataclasses import dataclass

from innkeeper.connectors.qloapps.wire import CustomerOut, CustomerRow
from innkeeper.domain.channel import DraftGuest

NAME_ADJUSTED = "guest_name_adjusted"
PHONE_PLACEHOLDER = "guest_phone_placeholder"
EMAIL_PLACEHOLDER = "guest_email_placeholder"
CUSTOMER_KEPT = "customer_name_kept"
REMARK_ADJUSTED = "remark_adjusted"

NAME_LENGTH = 32
PHONE_LENGTH = 32
EMAIL_LENGTH = 128
REMARK_LENGTH = 6000

_NOT_IN_NAMES = re.compile(r"[0-9!\"#$%()+,:;<=>?@_{}|°¤]")
_BLANKS = re.compile(r"\s+")
_PHONE = re.compile(r"\+?[\s\d.()-]*\d")
_NOT_IN_PHONES = re.compile(r"[^\d.() -]")
_EMAIL = re.compile(
    r"[\w!#$%&'*+/=?^`{}~-]+[.\w!#$%&'*+/=?^`{}~-]*@[^\W_]+(?:\.?[\w-])*\.[^\W_]+",
)
_SLUG = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Representable:
    """A customer as it can be sent, and the flags of what is not as the guest has it."""

    customer: CustomerOut
    flags: tuple[str, ...]


def plain(text: str) -> str:
    """Return the text without what lies beyond the basic plane (QloApps stores `????`) and with single blanks."""
    return _BLANKS.sub(" ", "".join(char for char in text if ord(char) <= 0xFFFF)).strip()


def name(text: str) -> str:
    """Return the name as QloApps takes it: at most 32 characters and none of those it refuses; `-` for an empty one."""
    cleaned = _BLANKS.sub(" ", _NOT_IN_NAMES.sub(" ", plain(text))).strip()
    return cleaned[:NAME_LENGTH].strip() or "-"


def phone(text: str | None) -> str | None:
    """Return the phone as QloApps takes it, None when nothing of it can be used."""
    raw = (text or "").strip()
    plus = "+" if raw.startswith("+") else ""
    number = plus + _BLANKS.sub(" ", _NOT_IN_PHONES.sub(" ", raw)).lstrip(" .-")
    number = re.sub(r"\D+$", "", number)
    if len(number) > PHONE_LENGTH:
        number = plus + re.sub(r"\D", "", number)
    usable = _PHONE.fullmatch(number) and len(number) <= PHONE_LENGTH and number.strip("+0") != ""
    return number if usable else None


def email(text: str | None) -> str | None:
    """Return the e-mail address, None when QloApps would answer it with `Fatal error` or 500."""
    address = (text or "").strip()
    return address if len(address) <= EMAIL_LENGTH and _EMAIL.fullmatch(address) else None


def placeholder_email(reference: str) -> str:
    """Return an address that nobody has and that no other booking shares: sharing one would rename its customer."""
    return f"{_SLUG.sub('-', reference.lower()).strip('-')[:60] or 'guest'}@guest.invalid"


def new_customer(guest: DraftGuest, reference: str, phone_placeholder: str) -> Representable:
    """Return the guest as a customer that QloApps will make."""
    flags = []
    first, last = name(guest.first_name), name(guest.last_name)
    if (first, last) != (_squeeze(guest.first_name), _squeeze(guest.last_name)):
        flags.append(NAME_ADJUSTED)
    number = phone(guest.phone)
    if number is None:
        flags.append(PHONE_PLACEHOLDER)
    address = email(guest.email)
    if address is None:
        flags.append(EMAIL_PLACEHOLDER)
    out = CustomerOut(
        email=address or placeholder_email(reference),
        first_name=first,
        last_name=last,
        phone=number or phone_placeholder,
    )
    return Representable(out, tuple(flags))


def existing_customer(row: CustomerRow, guest: DraftGuest, phone_placeholder: str) -> Representable:
    """Return a customer that QloApps has, with the data it has: a booking would overwrite them otherwise [129]."""
    flags = []
    if (_folded(row.first_name), _folded(row.last_name)) != (_folded(guest.first_name), _folded(guest.last_name)):
        flags.append(CUSTOMER_KEPT)
    number = row.phone.strip() or phone(guest.phone)
    if not number:
        flags.append(PHONE_PLACEHOLDER)
    out = CustomerOut(
        email=row.email,
        first_name=row.first_name,
        last_name=row.last_name,
        phone=number or phone_placeholder,
        customer_id=row.id,
    )
    return Representable(out, tuple(flags))


def remark(text: str) -> tuple[str, bool]:
    """Return the remark as QloApps keeps it, and whether it differs.

    Longer than 6400 characters answers 500 after the booking is made; what follows a `<` is cut; a text that looks
    like a script vanishes.
    """
    safe = "".join(char for char in text if ord(char) <= 0xFFFF).strip().replace("<", "‹").replace(">", "›")
    safe = re.sub(r"(script)\s*:", r"\1 -", safe, flags=re.IGNORECASE)
    safe = re.sub(r"\b(on[a-z]+)\s*=", r"\1 -", safe, flags=re.IGNORECASE)[:REMARK_LENGTH]
    return safe, safe != text.strip()


def _squeeze(text: str) -> str:
    return _BLANKS.sub(" ", text).strip()


def _folded(text: str) -> str:
    return name(text).casefold()
