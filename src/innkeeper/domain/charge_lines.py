"""Turns a check into the lines of a folio, exact to the cent, and finds those lines again among what a PMS holds."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from innkeeper.domain.charge import (
    ERROR_TEXTS,
    ZERO,
    ChargeDraft,
    ChargeLine,
    LineKind,
    PmsCode,
    PostedLine,
    ReadBack,
)
from innkeeper.domain.errors import Invalid, RuleRefused
from innkeeper.domain.money import spread


def plan_lines(draft: ChargeDraft, *, needs_codes: bool = True) -> tuple[ChargeLine, ...]:
    """Return the lines of the charge; they sum exactly to `draft.total`, and each has a code when `needs_codes`.

    Items of one code are one line unless the draft is itemised. Tax, service and delivery charge are lines of their own
    where the outlet has a code for them, else they are spread over the items; so is a tip that shall not stand alone.
    Raises Invalid when the items do not add up, RuleRefused with OUTLET_NOT_MAPPED when a code is missing.
    """
    lines, folded = _own_lines(draft, needs_codes)
    base = _base_lines(draft, needs_codes, with_item_tax=not draft.pms_codes.get(LineKind.TAX) and needs_codes)
    item_tax = sum((line.amount for line in base), ZERO) - draft.subtotal
    folded -= item_tax
    if folded or not base:
        base = _fold(base, folded, draft, needs_codes)
    planned = [line for line in (*base, *lines) if line.amount]
    if draft.only is not None:
        planned = [line for line in planned if line.key in draft.only]
    return tuple(planned)


def _own_lines(draft: ChargeDraft, needs_codes: bool) -> tuple[list[ChargeLine], Decimal]:
    """Return the lines beside the items, and the sum that has no line of its own."""
    folded = ZERO
    lines: list[ChargeLine] = []
    amounts = {
        LineKind.SERVICE_CHARGE: (draft.service_charge, "Service charge"),
        LineKind.DELIVERY_CHARGE: (draft.delivery_charge, "Delivery charge"),
        LineKind.TAX: (draft.tax, "Tax"),
        LineKind.TIP: (draft.tip, "Tip"),
    }
    for kind, (amount, title) in amounts.items():
        code = draft.pms_codes.get(kind, "")
        if kind is LineKind.TIP:
            alone = draft.tip_as_own_line
            if alone and amount and needs_codes and not code:
                raise _not_mapped(draft, kind)
        else:
            alone = bool(code) or not needs_codes
        if alone:
            lines.append(ChargeLine(kind.value, kind, code, amount, f"{_title(draft)} {title.lower()}"))
        else:
            folded += amount
    return lines, folded


def _base_lines(draft: ChargeDraft, needs_codes: bool, *, with_item_tax: bool) -> list[ChargeLine]:
    if not draft.items:
        code = _code(draft, "", needs_codes)
        return [ChargeLine("charge", LineKind.CHARGE, code, draft.subtotal, _title(draft))] if draft.subtotal else []
    if sum((item.amount for item in draft.items), ZERO) != draft.subtotal:
        raise Invalid.field("items", f"The items of check {draft.check_number} do not add up to its subtotal.")
    # the tax of each item is known only where the items carry all of it
    taxed = with_item_tax and sum((item.tax for item in draft.items), ZERO) == draft.tax
    amounts = [item.amount + (item.tax if taxed else ZERO) for item in draft.items]
    codes = [_code(draft, item.category, needs_codes) for item in draft.items]
    if draft.itemised:
        return [
            ChargeLine(f"item-{n}", LineKind.CHARGE, code, amount, item.description or _title(draft), item.quantity)
            for n, (item, code, amount) in enumerate(zip(draft.items, codes, amounts, strict=True), 1)
        ]
    grouped: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for code, amount in zip(codes, amounts, strict=True):
        grouped[code] += amount
    if len(grouped) == 1:
        code, amount = next(iter(grouped.items()))
        return [ChargeLine("charge", LineKind.CHARGE, code, amount, _title(draft))]
    return [
        ChargeLine(f"charge:{code}", LineKind.CHARGE, code, amount, _title(draft)) for code, amount in grouped.items()
    ]


def _fold(base: list[ChargeLine], amount: Decimal, draft: ChargeDraft, needs_codes: bool) -> list[ChargeLine]:
    if not base:
        code = _code(draft, "", needs_codes) if amount else ""
        return [ChargeLine("charge", LineKind.CHARGE, code, amount, _title(draft))]
    parts = spread(amount, [abs(line.amount) for line in base], draft.currency)
    return [replace(line, amount=line.amount + part) for line, part in zip(base, parts, strict=True)]


def _code(draft: ChargeDraft, category: str, needs_codes: bool) -> str:
    code = draft.pms_codes.get(category, "") if category else ""
    code = code or draft.pms_codes.get(LineKind.CHARGE, "")
    if needs_codes and not code:
        raise _not_mapped(draft, LineKind.CHARGE)
    return code


def _title(draft: ChargeDraft) -> str:
    return draft.description or f"{draft.outlet_code} - Check #{draft.check_number}"


def _not_mapped(draft: ChargeDraft, kind: LineKind) -> RuleRefused:
    text = ERROR_TEXTS[PmsCode.OUTLET_NOT_MAPPED]
    detail = f"Outlet {draft.outlet_code} has no PMS code for {kind.value.replace('_', ' ')}."
    return RuleRefused(detail, code=PmsCode.OUTLET_NOT_MAPPED, action=text.action)


def match_lines(lines: Sequence[ChargeLine], found: Sequence[PostedLine]) -> ReadBack:
    """Say which of the lines stand among those found under the charge's reference: same amount and, if any, code."""
    left = list(found)
    landed: dict[str, PostedLine] = {}
    missing: list[ChargeLine] = []
    for line in lines:
        hit = next((p for p in left if p.amount == line.amount and (not line.code or p.code == line.code)), None)
        if hit is None:
            missing.append(line)
        else:
            landed[line.key] = hit
            left.remove(hit)
    return ReadBack(landed, tuple(missing), tuple(left))


def covers(wanted: Sequence[ChargeLine | PostedLine], found: Sequence[PostedLine]) -> bool:
    """Whether each of the wanted lines stands among those found, as often as it is wanted."""
    left = [(line.code, line.amount) for line in found]
    for line in wanted:
        hit = next((one for one in left if one[1] == line.amount and (not line.code or one[0] == line.code)), None)
        if hit is None:
            return False
        left.remove(hit)
    return True
