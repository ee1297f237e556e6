"""What the house's screens share: reading a form into the API's bodies, and saying what was wrong with it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ValidationError

from innkeeper.domain.errors import InnkeeperError, Invalid
from innkeeper.house import words
from innkeeper.house.schemas import TYPED, Page
from innkeeper.web.pages import render
from innkeeper.web.problems import plain_errors

B = TypeVar("B", bound=BaseModel)

#: The tabs of the house.
TABS = (
    ("/house", "Chart"),
    ("/house/today", "Today"),
    ("/house/reservations", "Reservations"),
    ("/house/guests", "Guests"),
    ("/house/rates", "Rates"),
    ("/house/rooms", "Rooms"),
)

_INDEXED = re.compile(r"(\w+)\[(\d{1,3})\]\.(\w+)")

#: What the API tells a program, as it is said at the desk: the sentence (None: the API's own), and what to do.
_SAID = {
    "INVALID": (None, "Correct what is marked, then send it again."),
    "STALE_VERSION": (
        "Somebody else changed this reservation while you had it open.",
        "Nothing of yours was saved yet. Look at what is stored now, then do it again.",
    ),
    "NOT_AVAILABLE": (None, "Choose other nights or another room type. A manager may overbook."),
    "BALANCE_DUE": (None, "Take the payment first. A manager may let the guest go with the bill open."),
    "FOLIO_NOT_EVEN": (None, "Pay it back first. A manager may let the guest go with the bill open."),
    "CHARGES_PENDING": (
        None,
        "Have them posted or taken off under Postings first. A manager may let the guest go without them.",
    ),
    "CANCELLED": (None, "Take it again first, if it was cancelled by mistake."),
}


class Typed(dict[str, str]):
    """What stands in the fields of a form; one that nothing was typed into is empty."""

    def __missing__(self, _name: str) -> str:
        return ""

    def of_form(self, name: str) -> "Typed":
        """Return it when it belongs to this form of the page, else nothing."""
        return self if self["form"] == name else Typed()


@dataclass(frozen=True, slots=True)
class Trouble:
    """What did not work, for the top of a page: what happened, what to do, and the wrong fields with their reasons."""

    title: str
    detail: str
    action: str
    code: str
    status: int
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, error: InnkeeperError) -> "Trouble":
        """Return the error in the words of the desk."""
        detail, action = _SAID.get(error.code, (None, error.action))
        errors = {each.field: each.message for each in error.errors}
        return cls(error.title, detail or error.detail, action, error.code, error.status, errors)


async def read_fields(request: Request) -> dict[str, str]:
    """Return what was typed into the form, by the names of its fields."""
    form = await request.form()
    return {name: value.strip() for name, value in form.multi_items() if isinstance(value, str)}


Fields = Annotated[dict[str, str], Depends(read_fields)]


def body_of(model: type[B], values: Mapping[str, Any]) -> B:
    """Return the API's body with these values. Raises Invalid naming the fields."""
    try:
        return model.model_validate(values, context=TYPED)
    except ValidationError as error:
        wrong = plain_errors(error.errors())
        detail = wrong[0].message if len(wrong) == 1 else f"{len(wrong)} fields are not right."
        raise Invalid(detail, errors=wrong) from None


def section(fields: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return the fields that begin with `prefix.`, without it."""
    return {name.removeprefix(f"{prefix}."): value for name, value in fields.items() if name.startswith(f"{prefix}.")}


def rows(fields: Mapping[str, str], name: str) -> list[Typed]:
    """Return the fields `name[0].x`, `name[1].x`, … as one mapping each, in their order."""
    found: dict[int, Typed] = {}
    for key, value in fields.items():
        match = _INDEXED.fullmatch(key)
        if match is not None and match.group(1) == name:
            found.setdefault(int(match.group(2)), Typed())[match.group(3)] = value
    return [found[index] for index in sorted(found)]


def filled(values: Mapping[str, str]) -> dict[str, str]:
    """Return what was filled in."""
    return {name: value for name, value in values.items() if value}


def whole(text: str | None, field_name: str) -> int:
    """Return a whole number that our own page sent. Raises Invalid."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Invalid.field(field_name, "This must be a whole number.")
    return int(text)


def identity(text: str | None, field_name: str) -> UUID | None:
    """Return an identifier that our own page sent, None when it is empty. Raises Invalid."""
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise Invalid.field(field_name, "Choose one from the list.") from None


def entries(text: str) -> list[str]:
    """Return the lines of a text area, without empty ones."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def draw(
    request: Request,
    template: str,
    *,
    typed: Mapping[str, str] | None = None,
    trouble: Trouble | None = None,
    address: str = "",
    **context: Any,
) -> HTMLResponse:
    """Return a page of the house, or a part of one; with trouble it bears the status of that.

    `address` is where the page is found again when it is the answer to an act that has another one.
    """
    context |= {"tabs": TABS, "words": words, "typed": Typed(typed or {}), "trouble": trouble, "address": address}
    return render(request, template, status_code=trouble.status if trouble else 200, **context)


@dataclass(frozen=True, slots=True)
class Paging:
    """Where in a long list a page stands."""

    first: int
    last: int
    total: int
    previous: int | None
    following: int | None

    @classmethod
    def of(cls, items: Sequence[Any], total: int, limit: int, offset: int) -> "Paging":
        """Return the place of these items."""
        last = offset + len(items)
        return cls(
            first=offset + 1 if items else 0,
            last=last,
            total=total,
            previous=max(0, offset - limit) if offset else None,
            following=last if last < total else None,
        )

    @classmethod
    def of_page(cls, page: Page[Any]) -> "Paging":
        """Return the place of a page of the API."""
        return cls.of(page.items, page.total, page.limit, page.offset)
