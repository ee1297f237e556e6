"""OPERA Cloud's shapes to ours and back, without any I/O."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from innkeeper.connectors.opera.config import MAX_DAYS
from innkeeper.connectors.opera.wire import (
    ChargeEntry,
    Json,
    PostingRow,
    day,
    dig,
    items,
    money,
    reservation_ids,
    text,
    whole,
)
from innkeeper.domain.charge import (
    ChargeDraft,
    ChargeLine,
    ChargeReceipt,
    GuestProfile,
    GuestStatus,
    InHouseGuest,
    PostedLine,
    Preference,
    VoidDraft,
    VoidReceipt,
    restored_reference,
)
from innkeeper.domain.money import format_amount, quantize

#: pMS_ResStatusType of rsv.json. Who is pending check-out still has a bill, but no meal shall be added to it.
STATUSES = {
    "InHouse": GuestStatus.IN_HOUSE,
    "Walkin": GuestStatus.IN_HOUSE,
    "DueOut": GuestStatus.DUE_OUT,
    "CheckedOut": GuestStatus.CHECKED_OUT,
    "PendingCheckout": GuestStatus.CHECKED_OUT,
}

#: Days back from the open business date within which a sale is looked for.
_LONGEST_SEARCH = 366


def guest(
    info: Json, unsaid: GuestStatus = GuestStatus.EXPECTED, room_type_name: Callable[[str], str] = str
) -> InHouseGuest:
    """Return the guest of a reservationInfoType (rsv.json), `unsaid` being the status when none is told.

    OPERA tells no credit limit, and of the room type its code, which `room_type_name` puts into words.
    """
    who = info.get("reservationGuest") or {}
    stay = info.get("roomStay") or {}
    ids = reservation_ids(info)
    balance = _balance(info)
    privileges = dig(info, "cashiering", "billingPrivileges") or {}
    no_post = privileges.get("postingRestriction") is True
    status = STATUSES.get(text(info, "computedReservationStatus") or text(info, "reservationStatus"))
    return InHouseGuest(
        guest_id=text(who, "id"),
        reservation_id=ids.get("Reservation", ""),
        confirmation=ids.get("Confirmation", ""),
        name=_display_name(who),
        first_name=text(who, "givenName"),
        last_name=text(who, "surname"),
        room_number=text(stay, "roomId"),
        room_type=room_type_name(text(stay, "roomType")),
        check_in=day(stay.get("arrivalDate")) or date.min,
        check_out=day(stay.get("departureDate")) or date.max,
        status=status or unsaid,
        adults=whole(stay.get("adultCount")),
        children=whole(stay.get("childCount")),
        vip_level=text(who, "vip", "vipDescription") or text(who, "vip", "vipCode"),
        loyalty_number=text(who, "membership", "accountId"),
        charges_allowed=not no_post,
        restrictions=("no_post",) if no_post else (),
        credit_limit=None,
        balance=balance[0] if balance else None,
        currency=balance[1] if balance else None,
        companions=tuple(filter(None, (_companion(one) for one in items(who.get("accompanyGuests"))))),
        pseudo_room=stay.get("pseudoRoom") is True,
    )


def _balance(info: Json) -> tuple[Decimal, str | None] | None:
    for path in (("cashiering", "revenuesAndBalances"), ("revenuesAndBalances",), ("roomStay",)):
        found = dig(info, *path, "balance")
        amount = money(dig(found, "amount"))
        if amount is not None:
            currency = text(found, "currencyCode") or None
            return quantize(amount, currency) if currency else amount, currency
    return None


def _display_name(who: Json) -> str:
    parts = (text(who, "namePrefix"), text(who, "givenName"), text(who, "surname"))
    return " ".join(part for part in parts if part) or text(who, "fullName")


def _companion(one: Json) -> str:
    return " ".join(filter(None, (text(one, "firstName"), text(one, "lastName")))) or text(one, "fullName")


def same_room(found: str, wanted: str) -> bool:
    """Whether two room numbers are the same text, capitals aside: a search for 12 must never charge room 112."""
    return found.casefold() == wanted.strip().casefold()


def entries(draft: ChargeDraft, lines: Iterable[ChargeLine]) -> list[ChargeEntry]:
    """Return one entry for each line. All bear the same reference, which is what they are found by again."""
    return [
        ChargeEntry(
            code=line.code,
            amount=line.amount,
            currency=draft.currency,
            reference=draft.reference,
            remark=line.description,
            check_number=draft.check_number,
        )
        for line in lines
    ]


def reversal_entries(draft: VoidDraft, rows: Iterable[PostingRow]) -> list[ChargeEntry]:
    """Return the entries that take the rows back: the same lines with negative amounts, as Oracle's samples do."""
    return _opposites(rows, draft, draft.void_reference, draft.reason)


def restoring_entries(draft: VoidDraft, reversals: Iterable[PostingRow]) -> list[ChargeEntry]:
    """Return the entries that undo reversals which took back what was taken back already."""
    return _opposites(reversals, draft, restored_reference(draft.reference), "Taken back twice")


def _opposites(rows: Iterable[PostingRow], draft: VoidDraft, reference: str, remark: str) -> list[ChargeEntry]:
    return [
        ChargeEntry(
            code=row.code,
            amount=-(row.amount or Decimal(0)),
            currency=row.currency or draft.currency,
            reference=reference,
            remark=remark,
            check_number=row.check_no or draft.check_number,
            window=row.window if row.window not in (None, 1) else None,
        )
        for row in rows
    ]


def posted_line(row: PostingRow, currency: str) -> PostedLine:
    """Return a posting as we speak of it; `currency` where OPERA does not say one."""
    unit = row.currency or currency
    amount = row.amount or Decimal(0)
    return PostedLine(
        transaction_id=row.transaction_no,
        reference=row.reference,
        amount=quantize(amount, unit) if unit else amount,
        currency=unit,
        code=row.code,
        check_number=row.check_no,
        reservation_id=row.reservation_id,
        room_number=row.room,
        guest_name=row.guest_name,
        business_date=row.revenue_date,
        description=row.remark,
        cashier=row.cashier,
    )


def unique(rows: Iterable[PostingRow]) -> list[PostingRow]:
    """Drop what is told twice, by transaction number."""
    seen: set[str] = set()
    kept: list[PostingRow] = []
    for row in rows:
        if not row.transaction_no or row.transaction_no not in seen:
            kept.append(row)
        seen.add(row.transaction_no)
    return kept


def charges_only(rows: Iterable[PostingRow]) -> list[PostingRow]:
    """Drop payments, wrappers and rows without an amount.

    Not for finding a charge again: there, a row under its reference counts whatever else it says.
    """
    return [row for row in unique(rows) if row.kind == "Revenue" and row.amount is not None]


def beyond(rows: Sequence[PostingRow], keep: Sequence[PostedLine]) -> list[PostingRow]:
    """Return the rows that are one of the kept lines over again; other amounts under the reference are nobody's."""
    left = [line.transaction_id for line in keep if line.transaction_id]
    kept = [(line.code, line.amount) for line in keep]
    doubled = [row for row in rows if (row.code, row.amount) in kept]
    # those that are known by their number stay before others that look like them
    for row in sorted(doubled, key=lambda row: row.transaction_no not in left):
        if (row.code, row.amount) in kept:
            kept.remove((row.code, row.amount or Decimal(0)))
            doubled.remove(row)
    return doubled


def search_windows(sold_on: date, today: date, business_date: date | None) -> list[tuple[date, date]]:
    """Return the days in which a charge can stand, newest first, in spans that OPERA lists at once.

    A day is added at both ends, since the sale is dated in UTC. A business date more than a year from the sale is a
    training hotel's, whose days have nothing to do with the calendar: then only that day is searched.
    """
    newest = business_date or today
    oldest = min(sold_on, newest)
    if (newest - oldest).days > _LONGEST_SEARCH:
        oldest = newest
    first, end = oldest - timedelta(days=1), newest + timedelta(days=1)
    windows: list[tuple[date, date]] = []
    while end >= first:
        start = max(first, end - timedelta(days=MAX_DAYS - 1))
        windows.append((start, end))
        end = start - timedelta(days=1)
    return windows


def profile(guest_id: str, document: Json, allergy_groups: Collection[str]) -> GuestProfile:
    """Return the guest of a `profile` answer (crm.json)."""
    details = document.get("profileDetails") or {}
    customer = details.get("customer") or {}
    names = items(customer.get("personName"))
    name = next((one for one in names if text(one, "nameType") in ("", "Primary")), names[0] if names else {})
    preferences = _preferences(details)
    allergies = {group.casefold() for group in allergy_groups}
    return GuestProfile(
        guest_id=guest_id,
        name=" ".join(filter(None, (text(name, "namePrefix"), text(name, "givenName"), text(name, "surname")))),
        first_name=text(name, "givenName"),
        last_name=text(name, "surname"),
        email=_primary(dig(details, "emails", "emailInfo"), "email", "emailAddress"),
        phone=_primary(dig(details, "telephones", "telephoneInfo"), "telephone", "phoneNumber"),
        language=text(customer, "language"),
        vip_level=text(customer, "vipDescription") or text(customer, "vipStatus"),
        loyalty_number=_loyalty_number(dig(details, "profileMemberships", "profileMembership")),
        preferences=preferences,
        allergies=tuple(p.description or p.code for p in preferences if p.group.casefold() in allergies),
    )


def _preferences(details: Json) -> tuple[Preference, ...]:
    groups = items(dig(details, "preferenceCollection", "preferenceType"))
    return tuple(
        Preference(
            group=text(group, "preferenceType"),
            code=text(one, "preferenceCode") or text(one, "preferenceValue"),
            description=text(one, "description") or text(one, "preferenceValue"),
        )
        for group in groups
        for one in items(group.get("preference"))
    )


def _primary(rows: object, wrapper: str, name: str) -> str:
    """Return the primary one of several addresses or numbers, else the first."""
    all_of_them = [one for one in (dig(row, wrapper) for row in items(rows)) if isinstance(one, dict)]
    best = next((one for one in all_of_them if one.get("primaryInd") is True), all_of_them[0] if all_of_them else {})
    return text(best, name)


def _loyalty_number(rows: object) -> str:
    cards = [row for row in items(rows) if row.get("inactive") is not True]
    best = next((row for row in cards if row.get("primaryMembership") is True), cards[0] if cards else {})
    return text(best, "membershipId")


def charge_receipt(
    draft: ChargeDraft, posted: tuple[PostedLine, ...], differences: tuple[str, ...] = ()
) -> ChargeReceipt:
    """Return what the lines that stand there amount to."""
    return ChargeReceipt(
        reference=draft.reference,
        transaction_id=posted[0].transaction_id if posted else "",
        lines=posted,
        total=sum((line.amount for line in posted), Decimal(0)) if posted else draft.total,
        currency=draft.currency,
        business_date=next((line.business_date for line in posted if line.business_date), None),
        mismatches=differences,
    )


def mismatches(draft: ChargeDraft, lines: Sequence[ChargeLine], told: Sequence[PostedLine]) -> tuple[str, ...]:
    """Say how what OPERA told differs from what was sent."""
    if not told:
        return ("OPERA Cloud accepted the charge without saying what it posted.",)
    sent = sum((line.amount for line in lines), Decimal(0))
    stands = sum((line.amount for line in told), Decimal(0))
    return (
        f"Sent {format_amount(sent, draft.currency)}, "
        f"OPERA Cloud posted {format_amount(stands, draft.currency)} {draft.currency}.",
    )


def void_receipt(draft: VoidDraft, rows: Iterable[PostingRow], *, found: bool = False, **more: Any) -> VoidReceipt:
    """Return these rows, reversals or what was put back, as a receipt; `more` are its other fields."""
    lines = tuple(posted_line(row, draft.currency) for row in rows)
    return VoidReceipt(draft.reference, lines[0].transaction_id if lines else "", lines, found, **more)
