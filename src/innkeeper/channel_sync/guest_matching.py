"""Finds the guest of ours that a customer of theirs is: by e-mail, phone, then name, with a score and its reasons."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from rapidfuzz import fuzz

from innkeeper.domain.channel import ChannelCustomer
from innkeeper.house.guests import NormalForms, normal_forms
from innkeeper.house.tables import Guest

EMAIL_SCORE = Decimal("1.00")
PHONE_SCORE = Decimal("0.95")
#: Somebody else in the family uses the same phone or address often enough.
OTHER_NAME_PENALTY = Decimal("0.30")
#: A whole equal name is one of many of its kind; it needs a second sign to count as the same person.
NAME_SCORE = Decimal("0.70")
CLOSE_NAME_SCORE = Decimal("0.55")
SECOND_SIGN = Decimal("0.20")


@dataclass(frozen=True, slots=True)
class GuestMatch:
    """A guest who may be the customer. `score` from 0 to 1; `method` is what found him."""

    guest: Guest
    method: str
    score: Decimal
    reasons: tuple[str, ...]


def best_match(customer: ChannelCustomer, candidates: Sequence[Guest]) -> GuestMatch | None:
    """Return the likeliest guest among the candidates, None when nothing speaks for any of them.

    Of equal scores the guest who has been with us longest wins, so that the answer never depends on row order.
    """
    forms = normal_forms(f"{customer.first_name} {customer.last_name}", customer.email, customer.phone)
    matches = [match for match in (_score(forms, guest) for guest in candidates) if match is not None]
    return min(matches, key=lambda m: (-m.score, m.guest.created_at, str(m.guest.id)), default=None)


def _score(forms: NormalForms, guest: Guest) -> GuestMatch | None:
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
    elif similarity >= 90:
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


def _same_mail_user(forms: NormalForms, guest: Guest) -> bool:
    if not forms.email or not guest.email_normal:
        return False
    return forms.email.split("@")[0] == guest.email_normal.split("@")[0]
