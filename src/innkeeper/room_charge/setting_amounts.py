"""Checks the amounts among a property's settings against its currency."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from innkeeper.domain.errors import FieldError, Invalid
from innkeeper.domain.money import parse_amount
from innkeeper.room_charge.settings import Block, Outlet, Posting, Restrictions

#: More digits than any bill has, and than the data base holds.
_MOST = Decimal(10) ** 12


def check_blocks(blocks: Mapping[str, Block], currency: str) -> None:
    """Raises Invalid naming the amounts that are below zero, too large, or finer than the currency."""
    _raise_any(error for block in blocks.values() for error in _of_block(block, currency))


def check_outlets(outlets: Sequence[Outlet], currency: str) -> None:
    """Raises Invalid naming the delivery charges that are finer than the currency."""
    _raise_any(
        error
        for number, outlet in enumerate(outlets)
        for error in _wrong(f"[{number}].delivery_charge", outlet.delivery_charge, currency)
    )


def _of_block(block: Block, currency: str) -> Iterator[FieldError]:
    if isinstance(block, Posting):
        yield from _wrong("posting.signature_threshold", block.signature_threshold, currency)
    if isinstance(block, Restrictions):
        yield from _wrong("restrictions.default_credit_limit", block.default_credit_limit, currency)
        for room, limit in block.room_credit_limits.items():
            yield from _wrong(f"restrictions.room_credit_limits[{room}]", limit, currency)


def _wrong(field: str, amount: Decimal | None, currency: str) -> Iterator[FieldError]:
    if amount is None:
        return
    if not 0 <= amount < _MOST:
        yield FieldError(field, "This must be an amount of zero or more, with at most 12 digits before the point.")
        return
    try:
        parse_amount(amount, currency, field)
    except Invalid as error:
        yield from error.errors


def _raise_any(errors: Iterator[FieldError]) -> None:
    found = tuple(errors)
    if found:
        raise Invalid(found[0].message, errors=found)
