"""Gives each room of a booking its amount, and refuses stays that the rates forbid."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from innkeeper.domain.errors import FieldError, Invalid, RuleRefused
from innkeeper.domain.money import spread
from innkeeper.house import rate_repository, rates, sold
from innkeeper.house.model import ReservationDraft
from innkeeper.house.rates import RateNights
from innkeeper.house.tables import Property
from innkeeper.storage.database import Tx

if TYPE_CHECKING:
    from innkeeper.house.booking import Line


async def price(
    tx: Tx, house: Property, draft: ReservationDraft, lines: Sequence["Line"], *, rules: bool, promised: bool
) -> None:
    """Set each line's amount: the one it names, the one it had, or what its nights cost.

    `rules` refuses stays that the rates forbid. `promised` says that the reservation was sold elsewhere, so that nights
    which stay keep their price. Raises RuleRefused (`STAY_RULES`), Invalid.
    """
    unpriced, kept = _without_amount(draft, lines, promised=promised)
    judged = [line for line in lines if rules and line.moved and line.holds and line.room_type]
    nights = await _rates(tx, [*unpriced, *kept, *judged])
    _refuse(lines, judged, nights)
    for line in kept:
        known = sold.prices(house, line.row, line.draft.stay, line.room_type, nights, draft.currency)
        line.amount, line.sold = sold.amount_of(line.draft.stay, known), sold.document(known)
    for line in unpriced:
        if line.room_type is not None:
            line.amount = rates.quote(house, line.room_type, line.draft.stay, nights).gross
    if unpriced and draft.total_amount is not None:
        rest = draft.total_amount - sum((line.amount for line in lines if line not in unpriced), Decimal(0))
        if rest < 0:
            raise Invalid.field("total_amount", "The rooms with an amount cost more than the total.")
        for line, part in zip(unpriced, spread(rest, [line.amount for line in unpriced], draft.currency), strict=True):
            line.amount = part


def _without_amount(
    draft: ReservationDraft, lines: Sequence["Line"], *, promised: bool
) -> tuple[list["Line"], list["Line"]]:
    """Return the lines that the rates price anew, and those whose nights keep what they were sold at."""
    unpriced: list[Line] = []
    kept: list[Line] = []
    for line in lines:
        was = line.before
        if line.draft.amount is not None:
            line.amount = line.draft.amount
        elif not line.moved and was is not None and was.amount is not None:
            line.amount = was.amount
        elif was is not None and draft.total_amount is None and _keeps_price(line, promised):
            kept.append(line)
        else:
            unpriced.append(line)
    return unpriced, kept


def _keeps_price(line: "Line", promised: bool) -> bool:
    """Whether it was sold elsewhere and stays of its type, or had no type until now that a rate could price."""
    was = line.before
    return was is not None and (was.room_type_id is None or (promised and was.room_type_id == line.draft.room_type_id))


async def _rates(tx: Tx, lines: Sequence["Line"]) -> RateNights:
    ids = {line.room_type.id for line in lines if line.room_type}
    asked = [line.draft.stay for line in lines if line.room_type]
    if not asked:
        return {}
    start, end = min(stay.check_in for stay in asked), max(stay.check_out for stay in asked)
    return await rate_repository.rate_nights(tx.session, ids, start, end)


def _refuse(lines: Sequence["Line"], judged: Sequence["Line"], nights: RateNights) -> None:
    refused = [
        FieldError(f"rooms[{position}]", sentence)
        for position, line in enumerate(lines)
        if line in judged and line.room_type
        for sentence in rates.refusals(line.room_type, line.draft.stay, nights)
    ]
    if refused:
        raise RuleRefused(
            refused[0].message,
            code="STAY_RULES",
            action="Choose other dates or another room type, or have a manager change the rules of these nights.",
            errors=refused,
        )
