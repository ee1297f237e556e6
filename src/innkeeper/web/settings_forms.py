"""Forms of settings: what each field is called and explained as, what was typed, and what is wrong with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from innkeeper.domain.errors import InnkeeperError, Invalid
from innkeeper.web.problems import plain_errors

Kind = Literal["text", "number", "switch", "choice", "time", "date", "secret", "lines", "checks"]

#: What a switch sends when it is on; when it is off a browser sends nothing.
ON = "on"

B = TypeVar("B", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Field:
    """One setting: its name in the API, its label, and one sentence on what it does."""

    name: str
    label: str
    help: str
    kind: Kind = "text"
    choices: Sequence[tuple[str, str]] = ()
    unit: str = ""
    longest: int = 500
    #: Shown inside the empty field; for secrets whether one is kept.
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Fields that belong together under a heading; `key` is the block's name in the API."""

    key: str
    title: str
    fields: Sequence[Field]
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it is drawn: the values by field, and why some of them are wrong."""

    values: Mapping[str, Any]
    errors: Mapping[str, str] = field(default_factory=dict)
    #: What is wrong with the whole, or with fields that the form does not have.
    trouble: str = ""

    @property
    def status(self) -> int:
        """The status of the answer that shows the form."""
        return Invalid.status if self.errors or self.trouble else 200


async def typed(request: Request, fields: Sequence[Field]) -> dict[str, Any]:
    """Return what was typed: text for most fields, a truth for a switch, a list for several checks."""
    form = await request.form()
    found: dict[str, Any] = {}
    for one in fields:
        if one.kind == "switch":
            found[one.name] = form.get(one.name) == ON
        elif one.kind == "checks":
            found[one.name] = [value for value in form.getlist(one.name) if isinstance(value, str)]
        else:
            value = form.get(one.name, "")
            found[one.name] = value.strip() if isinstance(value, str) else ""
    return found


def given(values: Mapping[str, Any], *, without: Sequence[str] = ()) -> dict[str, Any]:
    """Return what was filled in; an empty text means that nothing was said."""
    return {name: value for name, value in values.items() if value != "" and name not in without}


def body_of(model: type[B], values: Mapping[str, Any]) -> B:
    """Return the API's body with these values. Raises Invalid naming the fields."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        wrong = plain_errors(error.errors())
        raise Invalid("; ".join(one.message for one in wrong), errors=wrong) from None


def wrong(values: Mapping[str, Any], error: InnkeeperError, fields: Sequence[Field]) -> Filled:
    """Return the form as it was typed, with each sentence beside its field; secrets are not sent back."""
    names = {one.name for one in fields}
    by_last_word = {name.rsplit(".", 1)[-1]: name for name in names}
    errors: dict[str, str] = {}
    rest: list[str] = []
    for each in error.errors:
        plain = each.field.split("[", 1)[0]
        name = each.field if each.field in names else plain if plain in names else by_last_word.get(plain)
        if name is None:
            rest.append(f"{each.field}: {each.message}")
        else:
            errors.setdefault(name, each.message)
    if not error.errors:
        rest.append(f"{error.detail} {error.action}")
    secret = {one.name for one in fields if one.kind == "secret"}
    return Filled({name: "" if name in secret else value for name, value in values.items()}, errors, " ".join(rest))


def lines_of(text: str) -> list[str]:
    """Return the entries of a text with one on each line or commas between them."""
    return [entry for line in text.splitlines() for part in line.split(",") if (entry := part.strip())]
