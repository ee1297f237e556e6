"""Compares what we hold of a day with what the PMS says, by reference, then amount, then date; pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from innkeeper.domain.charge import ZERO, PostedLine, void_reference
from innkeeper.domain.money import format_amount
from innkeeper.room_charge.drafts import PREFIX
from innkeeper.room_charge.settings import Outlet
from innkeeper.room_charge.tables import RoomCharge


class Kind(StrEnum):
    """How the two sides differ."""

    MISSING_IN_PMS = "missing_in_pms"
    MISSING_IN_POS = "missing_in_pos"
    AMOUNT_DIFFERS = "amount_differs"
    DUPLICATE = "duplicate"
    WRONG_DATE = "wrong_date"
    UNSETTLED = "unsettled"


#: What a person does about each.
ACTIONS: Mapping[Kind, str] = {
    Kind.MISSING_IN_PMS: "Look into the guest's folio; if it was removed there, void it here, else post it again.",
    Kind.MISSING_IN_POS: "Ask the outlet for the check; if there is none, take the line back in the PMS.",
    Kind.AMOUNT_DIFFERS: "Compare the check with the folio and correct the folio in the PMS.",
    Kind.DUPLICATE: "Innkeeper takes the second posting back; where the queue says that it cannot, do it in the PMS.",
    Kind.WRONG_DATE: "The PMS counts it on another day; nothing is owed twice. Note it in the day's sign-off.",
    Kind.UNSETTLED: "Open the posting queue: retry, settle or remove it before signing off.",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement that we hold: a charge, or with a negative amount its taking back."""

    charge: RoomCharge
    reference: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which the sides differ. `pos_amount` and `pms_amount` are what each holds on this day."""

    kind: Kind
    outlet_code: str
    pos_amount: Decimal
    pms_amount: Decimal
    charge: RoomCharge | None = None
    reference: str = ""
    room_number: str = ""
    check_number: str = ""
    detail: str = ""

    def document(self, currency: str) -> dict[str, Any]:
        """Return it as the API shows it."""
        row = self.charge
        return {
            "kind": self.kind.value,
            "posting_id": str(row.id) if row else None,
            "pos_reference": row.pos_reference if row else None,
            "reference": self.reference,
            "outlet_code": self.outlet_code,
            "room_number": row.room_number if row else self.room_number,
            "check_number": row.check_number if row else self.check_number,
            "posting_status": row.posting_status if row else None,
            "pos_amount": format_amount(self.pos_amount, currency),
            "pms_amount": format_amount(self.pms_amount, currency),
            "currency": currency,
            "detail": self.detail,
            "suggested_action": ACTIONS[self.kind],
        }


@dataclass(slots=True)
class Comparison:
    """What came of comparing a day."""

    entries: Sequence[Entry]
    differences: list[Difference] = field(default_factory=list)
    #: What the PMS holds, by outlet.
    pms: dict[str, Decimal] = field(default_factory=lambda: defaultdict(lambda: ZERO))
    pos: dict[str, Decimal] = field(default_factory=lambda: defaultdict(lambda: ZERO))

    @property
    def variance(self) -> Decimal:
        """How much more the PMS holds than we do."""
        return sum(self.pms.values(), ZERO) - sum(self.pos.values(), ZERO)


def entries_of(day: date, charges: Iterable[RoomCharge]) -> list[Entry]:
    """Return what moved on this day: charges that stand or stood, and those taken back."""
    entries = []
    for row in charges:
        if row.posted_at is None:
            continue
        if row.business_date == day:
            entries.append(Entry(row, row.reference, row.total))
        if row.void_date == day:
            entries.append(Entry(row, void_reference(row.reference), -row.total))
    return entries


def compare(
    entries: Sequence[Entry],
    lines: Sequence[PostedLine],
    outlets: Mapping[str, Outlet],
    *,
    elsewhere: Sequence[PostedLine] = (),
    known: Mapping[str, RoomCharge] | None = None,
) -> Comparison:
    """Compare our entries of a day with the PMS's lines of it.

    `elsewhere` are its lines of the days around, `known` our charges of other days by reference.
    """
    result = Comparison(entries)
    by_reference = _grouped(lines)
    mended = _without_corrections(entries, by_reference)
    around = _grouped(elsewhere)
    of_code = _outlet_of_code(outlets)
    unmatched: list[Entry] = []
    for entry in entries:
        outlet = entry.charge.outlet_code
        result.pos[outlet] += entry.amount
        stands = by_reference.pop(entry.reference, None)
        if stands is None:
            unmatched.append(entry)
            continue
        total = sum((line.amount for line in (*stands, *mended.get(entry.reference, ()))), ZERO)
        result.pms[outlet] += total
        if total != entry.amount:
            result.differences.append(_amount_difference(entry, total, len(stands)))
    result.differences = _without_answered(result.differences)
    _by_amount(result, unmatched, by_reference, around)
    for reference, group in by_reference.items():
        _only_there(result, reference, group, of_code, known or {})
    return result


def _without_corrections(
    entries: Sequence[Entry], there: dict[str, list[PostedLine]]
) -> Mapping[str, Sequence[PostedLine]]:
    """Take out what takes back second postings and return it by the charges' references: it is no void of a charge."""
    found: dict[str, list[PostedLine]] = {}
    for entry in entries:
        corrections = entry.charge.evidence.get("taken_back", ())
        voids = there.get(void_reference(entry.reference))
        if not corrections or not voids:
            continue
        for stored in corrections:
            number, amount = stored.get("transaction_id"), Decimal(stored["amount"])
            hit = next((one for one in voids if one.transaction_id == number and one.amount == amount), None)
            hit = hit or next((one for one in voids if not number and one.amount == amount), None)
            if hit is not None:
                voids.remove(hit)
                found.setdefault(entry.reference, []).append(hit)
        if not voids:
            del there[void_reference(entry.reference)]
    return found


def _without_answered(differences: Sequence[Difference]) -> list[Difference]:
    """Drop the differences of a charge that stood twice and was then taken back as often: together they are none."""
    left: dict[int, Decimal] = defaultdict(lambda: ZERO)
    for one in differences:
        left[id(one.charge)] += one.pms_amount - one.pos_amount
    return [one for one in differences if one.charge is None or left[id(one.charge)]]


def _amount_difference(entry: Entry, total: Decimal, lines: int) -> Difference:
    times = total / entry.amount
    doubled = times > 1 and times == times.to_integral_value()
    detail = f"It stands there {int(times)} times." if doubled else f"{lines} lines there sum to another amount."
    corrected = correction_of(entry.charge) if doubled else ZERO
    if corrected:
        detail += " That was taken back on another day."
    return Difference(
        Kind.DUPLICATE if doubled else Kind.AMOUNT_DIFFERS,
        entry.charge.outlet_code,
        entry.amount,
        total,
        entry.charge,
        entry.reference,
        detail=detail,
    )


def correction_of(row: RoomCharge) -> Decimal:
    """Return what was taken back of a charge because it stood twice; not above zero."""
    return sum((Decimal(line["amount"]) for line in row.evidence.get("taken_back", ())), ZERO)


def doubled(result: Comparison) -> list[RoomCharge]:
    """Return the charges that the PMS holds more than once and that nobody has mended."""
    return [
        one.charge
        for one in result.differences
        if one.kind is Kind.DUPLICATE
        and one.charge is not None
        and one.pos_amount > 0
        and one.pms_amount + correction_of(one.charge) > one.pos_amount
    ]


def _by_amount(
    result: Comparison,
    unmatched: Sequence[Entry],
    there: dict[str, list[PostedLine]],
    around: Mapping[str, Sequence[PostedLine]],
) -> None:
    """Match what no reference matched: the same amount on the same check or room, then the same reference elsewhere."""
    for entry in unmatched:
        row = entry.charge
        hit = next((ref for ref, group in there.items() if _looks_like(entry, ref, group)), None)
        if hit is not None:
            result.pms[row.outlet_code] += sum((line.amount for line in there.pop(hit)), ZERO)
            continue
        other = around.get(entry.reference)
        kind, detail = Kind.MISSING_IN_PMS, "The PMS has nothing under its reference."
        if other:
            kind, detail = Kind.WRONG_DATE, f"The PMS counts it on {other[0].business_date}."
        result.differences.append(
            Difference(kind, row.outlet_code, entry.amount, ZERO, row, entry.reference, detail=detail)
        )


def _looks_like(entry: Entry, reference: str, group: Sequence[PostedLine]) -> bool:
    if reference.startswith(PREFIX) or sum((line.amount for line in group), ZERO) != entry.amount:
        return False
    row = entry.charge
    if row.pms_transaction_id and row.pms_transaction_id in {line.transaction_id for line in group}:
        return True
    same_check = all(line.check_number == row.check_number for line in group)
    return same_check or all(line.room_number == row.room_number for line in group)


def _only_there(
    result: Comparison,
    reference: str,
    group: Sequence[PostedLine],
    of_code: Mapping[str, str],
    known: Mapping[str, RoomCharge],
) -> None:
    total = sum((line.amount for line in group), ZERO)
    row = known.get(reference.removesuffix("-VOID"))
    outlet = row.outlet_code if row else next((of_code[one.code] for one in group if one.code in of_code), "")
    result.pms[outlet] += total
    if not total:
        return
    kind, detail = Kind.MISSING_IN_POS, "No check of ours belongs to it."
    if row is not None and row.posted_at is not None:
        kind, detail = Kind.WRONG_DATE, f"We hold it on {row.business_date}."
        if total < 0 and total == correction_of(row):
            detail = f"It takes back what was posted twice on {row.business_date}."
    first = group[0]
    result.differences.append(
        Difference(
            kind,
            outlet,
            ZERO,
            total,
            row,
            reference if not reference.startswith(_NO_REFERENCE) else "",
            first.room_number,
            first.check_number,
            detail,
        )
    )


#: Lines without a reference belong together by transaction only.
_NO_REFERENCE = "\x00"


def _grouped(lines: Iterable[PostedLine]) -> dict[str, list[PostedLine]]:
    groups: dict[str, list[PostedLine]] = defaultdict(list)
    for line in lines:
        groups[line.reference or f"{_NO_REFERENCE}{line.transaction_id}"].append(line)
    return dict(groups)


def _outlet_of_code(outlets: Mapping[str, Outlet]) -> dict[str, str]:
    """Return which outlet a PMS code belongs to; a code that several share tells nothing."""
    found: dict[str, set[str]] = defaultdict(set)
    for outlet in outlets.values():
        found[outlet.code].add(outlet.code)
        for code in outlet.pms_codes.values():
            found[code].add(outlet.code)
    return {code: next(iter(owners)) for code, owners in found.items() if len(owners) == 1}


def unsettled_difference(row: RoomCharge) -> Difference:
    """Return the difference that an open charge is."""
    detail = row.failure_reason or f"It is {row.posting_status}."
    return Difference(Kind.UNSETTLED, row.outlet_code, row.total, ZERO, row, row.reference, detail=detail)


def document(
    day: date, result: Comparison, outlets: Mapping[str, Outlet], currency: str, recovered: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return the day's report as the API shows it."""

    def money(amount: Decimal) -> str:
        return format_amount(amount, currency)

    checks: dict[str, int] = defaultdict(int)
    for entry in result.entries:
        checks[entry.charge.outlet_code] += entry.amount > 0
    codes = sorted({*result.pos, *result.pms, *checks} - {""}) + [""] * ("" in result.pms)
    return {
        "date": day.isoformat(),
        "currency": currency,
        "total_posted": money(sum(result.pms.values(), ZERO)),
        "pos_total": money(sum(result.pos.values(), ZERO)),
        "total_checks": sum(checks.values()),
        "variance": money(result.variance),
        "balanced": not result.variance and not result.differences,
        "by_outlet": [
            {
                "outlet_code": code,
                "name": outlets[code].name if code in outlets else (code or "Other"),
                "revenue_center": outlets[code].revenue_center if code in outlets else "",
                "checks": checks[code],
                "pos_total": money(result.pos.get(code, ZERO)),
                "pms_posted": money(result.pms.get(code, ZERO)),
                "variance": money(result.pms.get(code, ZERO) - result.pos.get(code, ZERO)),
            }
            for code in codes
        ],
        "exceptions": [difference.document(currency) for difference in result.differences],
        "recovered": list(recovered),
    }
