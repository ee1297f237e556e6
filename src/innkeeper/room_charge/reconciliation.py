"""Compares what we hold of a day with what the PMS says, by reference, then amount, then date; pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from innkeeper.domain.charge import ZERO, PostedLine, charge_of, restored_reference, void_reference
from innkeeper.domain.money import format_amount
from innkeeper.room_charge.drafts import PREFIX
from innkeeper.room_charge.settings import Outlet
from innkeeper.room_charge.states import REMOVED_THERE
from innkeeper.room_charge.tables import PostingStatus, RoomCharge


class Kind(StrEnum):
    """How the two sides differ."""

    MISSING_IN_PMS = "missing_in_pms"
    MISSING_IN_POS = "missing_in_pos"
    AMOUNT_DIFFERS = "amount_differs"
    DUPLICATE = "duplicate"
    WRONG_DATE = "wrong_date"
    UNSETTLED = "unsettled"


#: What a person does about each, unless the difference itself says something else.
ACTIONS: Mapping[Kind, str] = {
    Kind.MISSING_IN_PMS: (
        "Look into the guest's folio; if it was removed there on purpose, void it here as removed, else post it again."
    ),
    Kind.MISSING_IN_POS: "Ask the outlet for the check; if there is none, take the line back in the PMS.",
    Kind.AMOUNT_DIFFERS: "Compare the check with the folio and correct the folio in the PMS.",
    Kind.DUPLICATE: "Innkeeper mends what stands twice; where the queue says that it cannot, do it in the PMS.",
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
    action: str = ""

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
            "suggested_action": self.action or ACTIONS[self.kind],
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
    """Return what moved on this day: charges that stand or stood, and those taken back.

    What was taken out of the PMS's books leaves nothing there, neither a charge nor a reversal.
    """
    entries = []
    for row in charges:
        if row.posted_at is None or row.failure_code == REMOVED_THERE:
            continue
        if row.business_date == day:
            entries.append(Entry(row, row.reference, row.total))
        if row.void_date == day:
            entries.append(Entry(row, void_reference(row.reference), -row.total))
    return entries


def moved(day: date, charges: Iterable[Any]) -> tuple[int, Decimal]:
    """Return how many movements the day has and their sum, as `entries_of` counts them, from rows of `moved_on`."""
    count, amount = 0, ZERO
    for row in charges:
        if row.posted_at is None or row.failure_code == REMOVED_THERE:
            continue
        if row.business_date == day:
            count, amount = count + 1, amount + row.total
        if row.void_date == day:
            count, amount = count + 1, amount - row.total
    return count, amount


def since(day: date, charges: Sequence[Any], signed: Mapping[str, Any], instant: datetime) -> tuple[int, Decimal]:
    """Return how many movements came on a day, and of which amount, since its report was signed at that instant."""
    count, amount = moved(day, charges)
    more = amount - Decimal(signed["pos_total"])
    if "movements" in signed:
        came = abs(count - int(signed["movements"]))
    else:  # a report of an earlier release does not tell how many it holds
        came = sum(
            (row.business_date == day and row.posted_at > instant)
            + (row.void_date == day and row.voided_at is not None and row.voided_at > instant)
            for row in charges
        )
    return max(came, 1 if more else 0), more


def compare(
    day: date,
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
        stands = [*by_reference.pop(entry.reference, ()), *_by_hand(entry, by_reference)]
        if not stands:
            unmatched.append(entry)
            continue
        total = sum((line.amount for line in (*stands, *mended.get(entry.reference, ()))), ZERO)
        result.pms[outlet] += total
        if total != entry.amount:
            result.differences.append(_amount_difference(entry, total, len(stands)))
    result.differences = _without_answered(result.differences)
    _by_amount(result, unmatched, by_reference, around)
    for reference, group in by_reference.items():
        _only_there(result, day, reference, group, of_code, known or {})
    return result


def _by_hand(entry: Entry, there: dict[str, list[PostedLine]]) -> list[PostedLine]:
    """Take out the line with which a person took the charge back in the PMS, by the number that was noted."""
    number = entry.charge.evidence.get("void_by_hand", {}).get("transaction_id")
    if entry.amount >= 0 or not number:
        return []
    for reference, group in there.items():
        hits = [line for line in group if line.transaction_id == number]
        if hits:
            group[:] = [line for line in group if line not in hits]
            if not group:
                del there[reference]
            return hits
    return []


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
    if doubled and mended_of(entry):
        detail += " That was taken back on another day." if entry.amount > 0 else " That was put back on another day."
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
    return _sum_of(row, "taken_back")


def mended_of(entry: Entry) -> Decimal:
    """Return what answered a doubled charge, or a doubled reversal, afterwards."""
    return correction_of(entry.charge) if entry.amount > 0 else _sum_of(entry.charge, "put_back")


def _sum_of(row: RoomCharge, name: str) -> Decimal:
    return sum((Decimal(line["amount"]) for line in row.evidence.get(name, ())), ZERO)


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


def taken_back_twice(result: Comparison) -> list[RoomCharge]:
    """Return the charges that the PMS took back more often than we did and that nobody has mended.

    A reversal of which we know nothing at all is the front desk's: a person looks at it.
    """
    return [
        one.charge
        for one in result.differences
        if one.kind is Kind.DUPLICATE
        and one.charge is not None
        and one.pms_amount < 0
        and one.pms_amount + _sum_of(one.charge, "put_back") < one.pos_amount
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
        kind, detail, action = Kind.MISSING_IN_PMS, "The PMS has nothing under its reference.", ""
        if entry.amount < 0:
            detail, action = "The PMS has no reversal of it.", "Look into the guest's folio; take it back there."
        if other:
            kind, detail, action = Kind.WRONG_DATE, f"The PMS counts it on {other[0].business_date}.", ""
        result.differences.append(
            Difference(kind, row.outlet_code, entry.amount, ZERO, row, entry.reference, detail=detail, action=action)
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
    day: date,
    reference: str,
    group: Sequence[PostedLine],
    of_code: Mapping[str, str],
    known: Mapping[str, RoomCharge],
) -> None:
    total = sum((line.amount for line in group), ZERO)
    row = known.get(charge_of(reference))
    outlet = row.outlet_code if row else next((of_code[one.code] for one in group if one.code in of_code), "")
    result.pms[outlet] += total
    if not total:
        return
    kind, detail, action = Kind.MISSING_IN_POS, "No check of ours belongs to it.", ""
    if row is not None:
        kind, detail, action = _known_there(row, day, reference, total)
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
            action,
        )
    )


def _known_there(row: RoomCharge, day: date, reference: str, total: Decimal) -> tuple[Kind, str, str]:
    """Return what it is that the PMS counts on a day on which we hold nothing of a charge; and what is done about it.

    It is on a wrong date only where we hold it, or its taking back, on another one.
    """
    if reference == row.reference:
        if row.posted_at is not None and row.business_date != day:
            return Kind.WRONG_DATE, f"We hold it on {row.business_date}.", ""
        if row.failure_code == REMOVED_THERE:
            words = "It was noted here as removed in the PMS, and stands there."
            return Kind.AMOUNT_DIFFERS, words, "Take it back in the PMS."
        return Kind.MISSING_IN_POS, f"It is {row.posting_status} here.", "Open the posting and settle it."
    return _reversal_there(row, day, total)


def _reversal_there(row: RoomCharge, day: date, total: Decimal) -> tuple[Kind, str, str]:
    elsewhere = row.void_date is not None and row.void_date != day
    if elsewhere and total == _sum_of(row, "put_back"):
        return Kind.WRONG_DATE, f"It puts back what was taken back twice on {row.void_date}.", ""
    if elsewhere:
        return Kind.WRONG_DATE, f"We hold its taking back on {row.void_date}.", ""
    corrected = correction_of(row)
    if corrected and row.business_date != day and total == corrected:
        return Kind.WRONG_DATE, f"It takes back what was posted twice on {row.business_date}.", ""
    if corrected and row.business_date != day and total + _sum_of(row, "put_back") == corrected:
        words = f"It takes back twice what was posted twice on {row.business_date}; that was put back on another day."
        return Kind.WRONG_DATE, words, ""
    if corrected and total < 0:
        words = "What stood twice was taken back more than once, so that the guest pays too little."
        return Kind.DUPLICATE, words, ""
    if row.status is PostingStatus.VOIDING:
        words = "The PMS took a part of it back; its taking back is not finished here."
        return Kind.AMOUNT_DIFFERS, words, "Open the posting: retry it, or note the number of the rest's reversal."
    words = f"The PMS took it back, and it is {row.posting_status} here."
    return Kind.AMOUNT_DIFFERS, words, "Void the check here too, or post it again in the PMS if it is to be paid."


#: Lines without a reference belong together by transaction only.
_NO_REFERENCE = "\x00"


def _grouped(lines: Iterable[PostedLine]) -> dict[str, list[PostedLine]]:
    """Return the lines by reference; what was put back belongs to the reversals that it answers."""
    groups: dict[str, list[PostedLine]] = defaultdict(list)
    for line in lines:
        reference = line.reference
        if reference.startswith(PREFIX) and reference == restored_reference(charge_of(reference)):
            reference = void_reference(charge_of(reference))
        groups[reference or f"{_NO_REFERENCE}{line.transaction_id}"].append(line)
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
        "movements": len(result.entries),
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
