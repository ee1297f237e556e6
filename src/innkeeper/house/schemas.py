"""What all that crosses the API of the house is made of: kinds of fields, bodies, and pages of lists."""

from collections.abc import Sequence
from datetime import date, time
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator

from innkeeper.domain.errors import Invalid

T = TypeVar("T")

#: Says that a body was put together from a form, whose fields are all texts.
TYPED = {"typed": True}


def _no_truth(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("Send a text or a number, not true or false.")
    return value


def _number(value: Any, info: ValidationInfo) -> Any:
    """Take a number from JSON as a number, and from a form as the text that was typed."""
    if isinstance(value, bool) or (isinstance(value, str) and info.context != TYPED):
        raise ValueError("Send a whole number.")
    return value


#: An amount on its way in: "105.00", or a plain number.
AmountIn = Annotated[
    str | int | float, BeforeValidator(_no_truth), Field(description='In the currency\'s digits, such as "105.00".')
]
Whole = Annotated[int, BeforeValidator(_number)]
#: What stands on a door; a number is taken as its digits.
Number = Annotated[str | int, BeforeValidator(_no_truth)]


def _minute(value: time) -> time:
    if value.tzinfo is not None:
        raise ValueError("Send the hotel's own time without a zone.")
    return value.replace(second=0, microsecond=0)


ClockTime = Annotated[time, AfterValidator(_minute)]


class Body(BaseModel):
    """A body that we take. A field that nobody knows is refused, since it is most often a known one misspelt.

    `ANSWERED` names the fields that only answers have; they are passed over, so that what was read can be sent back.
    """

    ANSWERED: ClassVar[frozenset[str]] = frozenset()

    model_config = ConfigDict(extra="forbid", str_max_length=20_000)

    @model_validator(mode="before")
    @classmethod
    def _pass_over(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {name: value for name, value in values.items() if name not in cls.ANSWERED}


#: What answers alone say of every row.
KEPT = frozenset({"created_at", "updated_at"})


class Page(BaseModel, Generic[T]):
    """A part of a list."""

    items: Sequence[T]
    total: int
    limit: int
    offset: int


class VoidIn(Body):
    """Why a payment is taken back."""

    reason: str = Field(min_length=1, max_length=200)


def given(body: BaseModel) -> dict[str, Any]:
    """Return what the body holds; null is the same as left out."""
    return {name: value for name in body.model_fields_set if (value := getattr(body, name)) is not None}


def in_order(first: date | None, last: date | None, field: str, *, ends_after: bool = False) -> None:
    """Raises Invalid, naming `field`, for a filter that ends before it begins; with `ends_after`, where it begins."""
    if first is not None and last is not None and (last < first or (ends_after and last == first)):
        raise Invalid.field(
            field, f"The end {last} must {'be after' if ends_after else 'not be before'} the start {first}."
        )
