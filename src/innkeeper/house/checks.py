"""Checks that every input of the house passes: texts, people, e-mail and phone, each answered by field."""

import re
import unicodedata
from datetime import date, timedelta

from innkeeper.domain.errors import FieldError, Invalid

#: What QloApps takes as an e-mail address, narrowed to what mail servers deliver to: words of letters, digits and a
#: few signs, single dots between them, and a domain with a dot whose last part has two letters or more. QloApps answers
#: anything else with `200 Fatal error` and books nothing (WEBSERVICE.md, capture 157).
_WORD = r"[^\W_]|[!#$%&'*+/=?^`{}|~_-]"
_EMAIL = re.compile(rf"(?:{_WORD})+(?:\.(?:{_WORD})+)*@[^\W_](?:[^\W_]|-)*(?:\.[^\W_](?:[^\W_]|-)*)*\.[^\W\d_][^\W_]+")
#: 254 is what a mail server takes, 128 what QloApps stores.
EMAIL_LENGTH = 128
_PHONE = re.compile(r"[+0-9][0-9 ()./-]*(?:\s*(?:ext|x)\.?\s*\d{1,6})?", re.IGNORECASE)
_ROOM_NUMBER = re.compile(r"[^\W_](?:[\w .\-/]*[\w])?")


#: Nobody books or closes a room further ahead: a later date was mistyped.
HORIZON_YEARS = 5


class Errors:
    """Collects what is wrong, field by field, so that a person corrects everything at once."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self.found: list[FieldError] = []

    def add(self, field: str, message: str) -> None:
        """Note that `field` is wrong and why."""
        self.found.append(FieldError(f"{self._prefix}{field}", message))

    def raise_any(self) -> None:
        """Raises Invalid with everything noted; the first sentence is the detail."""
        if self.found:
            raise Invalid(self.found[0].message, errors=self.found)

    def text(self, field: str, value: str | None, longest: int, *, needed: bool = False, lines: bool = False) -> None:
        """Note an empty, overlong or unprintable text; `lines` allows line breaks."""
        if value is None or not value.strip():
            if needed:
                self.add(field, "This must not be empty.")
            return
        if len(value) > longest:
            self.add(field, f"This has {len(value)} characters; at most {longest} are kept. Shorten it.")
        if has_control_characters(value, lines=lines):
            self.add(field, "This holds control characters; type it again without them.")

    def horizon(self, field: str, value: date, today: date) -> None:
        """Note a date beyond the years that the house plans for."""
        last = horizon(today)
        if value > last:
            self.add(field, f"{value} is more than {HORIZON_YEARS} years ahead; the house plans until {last}.")

    def email(self, field: str, value: str | None) -> None:
        """Note an address to which no mail can be sent."""
        if value is None or not value.strip():
            return
        if len(value.strip()) > EMAIL_LENGTH or _EMAIL.fullmatch(value.strip()) is None:
            self.add(field, "This is not an e-mail address such as ana@example.com. Correct it, or leave it empty.")

    def phone(self, field: str, value: str | None) -> None:
        """Note a phone number that nobody can dial."""
        if value is None or not value.strip():
            return
        digits = sum(c.isdigit() for c in value)
        if not 3 <= digits <= 20 or len(value) > 50 or _PHONE.fullmatch(value.strip()) is None:
            self.add(field, "This is not a phone number such as +351 912 345 678. Correct it, or leave it empty.")

    def room_number(self, field: str, value: str) -> None:
        """Note a text that cannot stand on a door."""
        if len(value) > 20 or _ROOM_NUMBER.fullmatch(value) is None:
            self.add(field, "A room number has 1 to 20 letters, digits, spaces, dots, dashes or strokes, such as 412.")


def horizon(today: date) -> date:
    """Return the last date that the house plans for."""
    return today + timedelta(days=HORIZON_YEARS * 365 + HORIZON_YEARS // 4)


def has_control_characters(value: str, *, lines: bool = False) -> bool:
    """Whether a text holds characters that no keyboard types and no column should keep."""
    allowed = "\n\r\t" if lines else ""
    return any(unicodedata.category(c) in ("Cc", "Cs") and c not in allowed for c in value)


def cleaned(value: str, longest: int) -> str:
    """Return a text from elsewhere made storable: control characters as spaces, no longer than its column."""
    plain = value
    if not value.isprintable():
        plain = "".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in value)
    return plain.strip()[:longest].strip()
