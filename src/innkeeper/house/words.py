"""Says the house's states, flags and changes in words for a person."""

from collections.abc import Collection
from datetime import date
from decimal import Decimal

from innkeeper.domain.money import format_amount
from innkeeper.domain.stay import StayStatus
from innkeeper.web.status import State

STATES = {
    StayStatus.CONFIRMED: State.ON_ITS_WAY,
    StayStatus.CHECKED_IN: State.DONE,
    StayStatus.CHECKED_OUT: State.OFF,
    StayStatus.CANCELLED: State.OFF,
}
STATUS_WORDS = {
    StayStatus.CONFIRMED: "confirmed",
    StayStatus.CHECKED_IN: "in house",
    StayStatus.CHECKED_OUT: "checked out",
    StayStatus.CANCELLED: "cancelled",
}

#: What each flag means and what to do about it.
FLAGS = {
    "overbooked": (
        State.NEEDS_YOU,
        "Overbooked",
        "More rooms of this type are sold than there are. Move the stay to other dates or another type, or find the "
        "guest a bed elsewhere.",
    ),
    "unmapped": (
        State.NEEDS_YOU,
        "No room type",
        "The channel's room type stands for none of ours, so no room is held. Choose a type for it, or have it mapped "
        "under Channels.",
    ),
    "room_taken": (
        State.NEEDS_YOU,
        "Room was taken",
        "The channel named a room that another stay holds. Give this stay another one.",
    ),
    "no_show": (State.DONE, "Did not come", "The guest had not come when the day was closed; the room was cancelled."),
    "in_doubt": (
        State.IN_DOUBT,
        "In doubt",
        "The channel has not said for certain that this booking stands. It is kept until it is known.",
    ),
    "adjusted_for_channel": (
        State.DONE,
        "Adjusted for the channel",
        "Something in it could not be written there as it is here; the rest agrees.",
    ),
    "differs_at_channel": (
        State.NEEDS_YOU,
        "Differs at the channel",
        "The channel could not be brought to what stands here. See it under Channels.",
    ),
}

_CHANGES = {
    "rooms": "rooms added or taken off",
    "rooms.room_id": "room",
    "rooms.room_type_id": "room type",
    "rooms.check_in": "arrival",
    "rooms.check_out": "departure",
    "rooms.amount": "price",
    "rooms.adults": "guests",
    "rooms.children": "guests",
    "rooms.child_ages": "guests",
    "rooms.overbooked": "overbooking",
    "check_in": "arrival",
    "check_out": "departure",
    "total_amount": "price",
    "prepaid_amount": "prepayment",
    "primary_guest_id": "guest",
    "special_requests": "special requests",
    "services": "services",
    "source": "source",
    "channel": "channel",
    "flags": "flags",
    "currency": "currency",
}

_EVENTS = {"reservation.created": "Booked", "reservation.cancelled": "Cancelled"}
_ACTIONS = {
    "reservation.overbooked": "Overbooked on purpose",
    "folio.left_open": "Checked out with the bill left open",
    "folio.paid_back": "Paid back",
    "reservation.check_in_undone": "Took a check-in back",
    "folio.payment_voided": "Took a payment off",
}
_ORIGINS = {"house": "here", "qloapps": "by QloApps"}


def state_of(status: str, flags: Collection[str] = (), *, overbooked: bool = False) -> State:
    """Return how a stay is painted: what calls for a person goes before where the stay is in its life."""
    plain = STATES[StayStatus(status)]
    if not StayStatus(status).holds_inventory:
        return plain
    marks = [FLAGS[flag][0] for flag in flags if flag in FLAGS]
    if overbooked or State.NEEDS_YOU in marks:
        return State.NEEDS_YOU
    return State.IN_DOUBT if State.IN_DOUBT in marks else plain


def status_word(status: str) -> str:
    """Return the state of a stay as it is said at the desk."""
    return STATUS_WORDS[StayStatus(status)]


def flag_words(flag: str) -> tuple[State, str, str]:
    """Return how a flag is painted, its name, and what it means; one that we do not know is shown as it is."""
    return FLAGS.get(flag, (State.DONE, flag.replace("_", " ").capitalize(), ""))


def event_words(name: str, changed: Collection[str]) -> str:
    """Return what happened to a reservation, in a few words."""
    if name in _EVENTS:
        return _EVENTS[name]
    changed = set(changed)
    if "rooms.checked_out_at" in changed:
        return "Checked out"
    if "rooms.checked_in_at" in changed:
        return "Checked in"
    if "rooms.status" in changed:
        return "Taken again"
    what = sorted({_CHANGES[field] for field in changed if field in _CHANGES})
    return f"Changed: {', '.join(what)}" if what else "Changed"


def action_words(action: str) -> str:
    """Return what somebody did, as the audit trail names it, in a few words."""
    return _ACTIONS.get(action, action.replace(".", " ").replace("_", " "))


def origin_words(origin: str) -> str:
    """Return which side made a change."""
    return _ORIGINS.get(origin, f"by {origin}")


def plain(amount: Decimal, currency: str) -> str:
    """Return an amount without its currency, as it is typed into a field."""
    return format_amount(amount, currency)


def dates(check_in: date, check_out: date) -> str:
    """Return arrival and departure as they are said: Fri 23 → Sun 25 Oct, with month and year where they differ."""
    end = f"{check_out:%a} {check_out.day} {check_out:%b %Y}"
    if check_in.year != check_out.year:
        return f"{check_in:%a} {check_in.day} {check_in:%b %Y} → {end}"
    month = "" if check_in.month == check_out.month else f" {check_in:%b}"
    return f"{check_in:%a} {check_in.day}{month} → {end}"


def nights(check_in: date, check_out: date) -> str:
    """Return the length of a stay in words."""
    count = (check_out - check_in).days
    return "1 night" if count == 1 else f"{count} nights"
