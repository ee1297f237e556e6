"""Finds the guest of ours that a customer of theirs is: by e-mail, phone, then name, with a score and its reasons."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from rapidfuzz import fuzz, process

from innkeeper.house.guests import NormalForms, beginning_of

EMAIL_SCORE = Decimal("1.00")
PHONE_SCORE = Decimal("0.95")
#: Somebody else in the family uses the same phone or address often enough.
OTHER_NAME_PENALTY = Decimal("0.30")
#: A whole equal name is one of many of its kind; it needs a second sign to count as the same person.
NAME_SCORE = Decimal("0.70")
CLOSE_NAME_SCORE = Decimal("0.55")
SECOND_SIGN = Decimal("0.20")
#: From this likeness on, in percent, a name may be a slip of another.
CLOSE_NAME = 90
#: Of all who share one thing with somebody, so many are looked at.
MOST_ALIKE = 50


class Comparable(Protocol):
    """What of a guest is compared; a row of the data base or a part of one."""

    @property
    def id(self) -> UUID: ...
    @property
    def name_normal(self) -> str: ...
    @property
    def email_normal(self) -> str | None: ...
    @property
    def phone_e164(self) -> str | None: ...
    @property
    def created_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class GuestMatch:
    """A guest who may be the customer. `score` from 0 to 1; `method` is what found him."""

    guest: Comparable
    method: str
    score: Decimal
    reasons: tuple[str, ...]


def close_names(name: str, names: Sequence[str]) -> list[str]:
    """Return those of the sorted names that begin like `name` and may be a slip of it."""
    beginning = beginning_of(name)
    first, last = bisect_left(names, beginning), bisect_left(names, beginning + "\uffff")
    if first == last:
        return []
    choices, scorer = names[first:last], fuzz.token_sort_ratio
    return [
        found for found, *_ in process.extract(name, choices, scorer=scorer, score_cutoff=CLOSE_NAME, limit=MOST_ALIKE)
    ]


class Candidates:
    """Guests whom many customers are compared with: finds those who share something without looking at all."""

    def __init__(self, known: Iterable[Comparable]) -> None:
        """Raises nothing. `known` are what `guests.matching_many` returned."""
        self._by_email: dict[str, list[Comparable]] = {}
        self._by_phone: dict[str, list[Comparable]] = {}
        self._by_name: dict[str, list[Comparable]] = {}
        self._names: list[str] = []
        for guest in sorted(known, key=lambda one: str(one.id)):
            self._note(guest)
        self._names = sorted(self._by_name)

    def add(self, guest: Comparable) -> None:
        """Take in a guest who was made just now."""
        if guest.name_normal not in self._by_name:
            insort(self._names, guest.name_normal)
        self._note(guest)

    def _note(self, guest: Comparable) -> None:
        self._by_name.setdefault(guest.name_normal, []).append(guest)
        if guest.email_normal:
            self._by_email.setdefault(guest.email_normal, []).append(guest)
        if guest.phone_e164:
            self._by_phone.setdefault(guest.phone_e164, []).append(guest)

    def like(self, forms: NormalForms) -> list[Comparable]:
        """Return those who share e-mail, phone or name, or whose name begins alike and is nearly the same."""
        found = [
            *self._by_email.get(forms.email or "", ())[:MOST_ALIKE],
            *self._by_phone.get(forms.phone or "", ())[:MOST_ALIKE],
            *self._by_name.get(forms.name, ())[:MOST_ALIKE],
        ]
        if forms.name:
            for name in close_names(forms.name, self._names):
                found += self._by_name[name][:MOST_ALIKE]
        return list({guest.id: guest for guest in found}.values())


def best_match(forms: NormalForms, candidates: Iterable[Comparable]) -> GuestMatch | None:
    """Return the likeliest guest for somebody with these normal forms, None when nothing speaks for any candidate.

    Of equal scores the guest who has been with us longest wins, so that the answer never depends on row order.
    """
    matches = [match for match in (_score(forms, guest) for guest in candidates) if match is not None]
    return min(matches, key=lambda m: (-m.score, m.guest.created_at, str(m.guest.id)), default=None)


def _score(forms: NormalForms, guest: Comparable) -> GuestMatch | None:
    similarity = fuzz.token_sort_ratio(forms.name, guest.name_normal) if forms.name and guest.name_normal else 0.0
    same_email = forms.email is not None and forms.email == guest.email_normal
    same_phone = _is_real(forms.phone) and forms.phone == guest.phone_e164
    reasons: list[str] = []
    if same_email:
        method, score = "email", EMAIL_SCORE
        reasons.append("same e-mail address")
    elif same_phone:
        method, score = "phone", PHONE_SCORE
        reasons.append("same phone number")
    elif similarity == 100:
        method, score = "name", NAME_SCORE
        reasons.append("same name")
    elif similarity >= CLOSE_NAME:
        method, score = "name", CLOSE_NAME_SCORE
        reasons.append(f"name is {similarity:.0f} % alike")
    else:
        return None
    if method != "name" and similarity < 60 and forms.name and guest.name_normal:
        score -= OTHER_NAME_PENALTY
        reasons.append("but another name")
    if method == "name" and _same_mail_user(forms, guest):
        score += SECOND_SIGN
        reasons.append("same name in front of the @ of the e-mail address")
    return GuestMatch(guest, method, score, tuple(reasons))


def _is_real(phone: str | None) -> bool:
    """Whether a number can belong to one person; placeholders repeat one digit or are short."""
    digits = (phone or "").lstrip("+")
    return len(digits) >= 7 and len(set(digits)) > 2


def _same_mail_user(forms: NormalForms, guest: Comparable) -> bool:
    if not forms.email or not guest.email_normal:
        return False
    return forms.email.split("@")[0] == guest.email_normal.split("@")[0]
