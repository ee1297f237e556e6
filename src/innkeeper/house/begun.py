"""Refuses what the desk may not do to a stay that has begun or is over: guests in house and billed stays are facts."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from innkeeper.domain.errors import Conflict, FieldError, Invalid
from innkeeper.domain.stay import Stay, StayStatus
from innkeeper.house.model import ReservationDraft
from innkeeper.house.tables import Reservation, ReservationRoom

if TYPE_CHECKING:
    from innkeeper.house.booking import Line


def protect(
    reservation: Reservation | None,
    draft: ReservationDraft,
    lines: Sequence["Line"],
    removed: Sequence[ReservationRoom],
    today: date,
) -> None:
    """Compare what shall be with what has happened. The rows still hold what was before.

    Raises Conflict (`IN_HOUSE`, `CHECKED_OUT`), and Invalid for a departure that a guest in house cannot have.
    """
    if reservation is None:
        return
    for row in removed:
        if row.status == StayStatus.CHECKED_IN:
            raise _in_house(reservation, row, "rooms", "cannot be taken off")
        if row.status == StayStatus.CHECKED_OUT:
            raise _checked_out(reservation, row, "rooms", "cannot be taken off")
    for position, line in enumerate(lines):
        if line.before is not None and line.row.status == StayStatus.CHECKED_OUT:
            _protect_billed(reservation, line, f"rooms[{position}]")
        elif line.before is not None and line.row.status == StayStatus.CHECKED_IN:
            _protect_present(reservation, line, f"rooms[{position}]", today)
    if reservation.status == StayStatus.CHECKED_OUT:
        _protect_bill(reservation, draft, lines)


def _protect_billed(reservation: Reservation, line: "Line", field: str) -> None:
    row, room = line.row, line.draft
    differing = {
        "check_in": room.stay.check_in != row.check_in,
        "check_out": room.stay.check_out != row.check_out,
        "room_type_id": room.room_type_id != row.room_type_id,
        "room_id": room.room_id != row.room_id,
        "adults": room.adults != row.adults,
        "children": room.children != row.children,
        "amount": room.amount is not None and room.amount != row.amount,
        "status": room.status != row.status,
    }
    for name, differs in differing.items():
        if differs:
            raise _checked_out(reservation, row, f"{field}.{name}", "stays as it was billed")


def _protect_present(reservation: Reservation, line: "Line", field: str, today: date) -> None:
    row, stay = line.row, line.draft.stay
    if stay.check_in != row.check_in:
        raise _in_house(reservation, row, f"{field}.check_in", "has arrived, so its arrival cannot be changed")
    if line.draft.status != row.status:
        raise _in_house(reservation, row, f"{field}.status", "is in house")
    if stay.check_out != row.check_out and stay.check_out <= today:
        sentence = f"The guest is in house on {today}; departure must be after it. Check out one who leaves today."
        raise Invalid.field(f"{field}.check_out", sentence)


def _protect_bill(reservation: Reservation, draft: ReservationDraft, lines: Sequence["Line"]) -> None:
    """Keep a reservation that everybody has left as it was billed."""
    differing = {
        "rooms": any(line.before is None or line.draft.status != line.row.status for line in lines),
        "total_amount": draft.total_amount is not None and draft.total_amount != reservation.total_amount,
        "prepaid_amount": draft.prepaid_amount != reservation.prepaid_amount,
        "currency": draft.currency != reservation.currency,
    }
    for name, differs in differing.items():
        if differs:
            raise _conflict(
                f"{reservation.confirmation} has checked out and stays as it was billed.",
                "CHECKED_OUT",
                name,
                "Correct the bill with a payment or a void; book further nights as a new reservation.",
            )


def too_early(reservation: Reservation, stay: Stay, today: date) -> Conflict:
    """Return the refusal of a guest who stands at the desk before his arrival."""
    return _conflict(
        f"{reservation.confirmation} arrives on {stay.check_in} and the business date is {today}.",
        "TOO_EARLY",
        "check_in",
        "Change the arrival first, so that tonight is held and billed; then check in.",
    )


def _in_house(reservation: Reservation, row: ReservationRoom, field: str, why: str) -> Conflict:
    return _conflict(
        f"{_room(row)} of {reservation.confirmation} {why}; its guest is in house.",
        "IN_HOUSE",
        field,
        "Check the guest out to end the stay, or change its departure; take a mistaken check-in back on its day.",
    )


def _checked_out(reservation: Reservation, row: ReservationRoom, field: str, why: str) -> Conflict:
    return _conflict(
        f"{_room(row)} of {reservation.confirmation} has checked out and {why}.",
        "CHECKED_OUT",
        field,
        "Correct the bill with a payment or a void; book further nights as a new reservation.",
    )


def _conflict(sentence: str, code: str, field: str, action: str) -> Conflict:
    return Conflict(sentence, code=code, action=action, errors=[FieldError(field, sentence)])


def _room(row: ReservationRoom) -> str:
    return f"Room {row.room.number}" if row.room else "A room"
