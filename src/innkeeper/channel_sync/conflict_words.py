"""Writes a fact in conflict for a person: what it is called, what each side says, and how a third value is typed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from markupsafe import Markup

from innkeeper.house.tables import Reservation, ReservationRoom
from innkeeper.web.pages import money, night

NAMES = {
    "stay": "Nights",
    "people": "People",
    "amount": "Price of the stay",
    "status": "Where the guest is",
    "type": "Room type",
    "held": "The room itself",
    "cancelled": "The booking itself",
}

#: Facts that a person can give a third value; the others are one side's or the other's.
TYPED = frozenset({"stay", "people", "amount"})


@dataclass(frozen=True, slots=True)
class Side:
    """One side's value: `text` for a person, `parts` as the fields of a third value begin."""

    text: str | Markup
    parts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact in conflict as its card shows it."""

    path: str
    name: str
    label: str
    room: str
    ours: Side
    theirs: Side
    before: Side
    reason: str
    typed: bool


def facts_of(document: Mapping[str, Any], reservation: Reservation | None, types: Mapping[str, str]) -> list[Fact]:
    """Return the facts of a conflict. `types` names room types by what the states call them."""
    currency = reservation.currency if reservation else "EUR"
    rooms = {str(room.id): _room(room) for room in reservation.rooms} if reservation else {}
    several = len(rooms) > 1
    return [
        Fact(
            path=fact["field"],
            name=fact["name"],
            label=NAMES.get(fact["name"], fact["name"]),
            room=rooms.get(fact["room"], "A room that is gone") if fact["room"] and several else "",
            ours=_side(fact["name"], fact["local"], currency, types),
            theirs=_side(fact["name"], fact["qloapps"], currency, types),
            before=_side(fact["name"], fact["before"], currency, types),
            reason=fact.get("reason", ""),
            typed=fact["name"] in TYPED,
        )
        for fact in document["fields"]
    ]


def conflict_sentence(conflict: Mapping[str, Any], currency: str) -> str:
    """Return what the log says of a fact that both sides had changed, as a sentence."""
    name = str(conflict["field"]).rsplit(".", 1)[-1]
    ours, theirs = (value_in_words(name, conflict[side], currency, {}) for side in ("local", "qloapps"))
    winner = {"house": "The house won.", "qloapps": "QloApps won."}.get(
        str(conflict.get("winner")), "A person has to decide."
    )
    return f"{NAMES.get(name, name)}: {ours} here, {theirs} there. {winner} {conflict.get('reason', '')}".strip()


def asked_sentence(conflict: Mapping[str, Any], currency: str, types: Mapping[str, str]) -> str:
    """Return what both sides say of a fact that a person must decide, as a sentence."""
    name = str(conflict["field"]).rsplit(".", 1)[-1]
    ours, theirs = (value_in_words(name, conflict[side], currency, types) for side in ("local", "qloapps"))
    return f"{NAMES.get(name, name)}: here {ours}; in QloApps {theirs}."


def value_in_words(name: str, value: Any, currency: str, types: Mapping[str, str]) -> str:
    """Return a value of a fact as a person says it."""
    return _plain(_side(name, value, currency, types).text)


def _plain(text: str | Markup) -> str:
    return text.striptags() if isinstance(text, Markup) else text


def _room(room: ReservationRoom) -> str:
    kind = room.room_type.name if room.room_type else room.room_type_label
    number = f" · {room.room.number}" if room.room else ""
    return f"Room {room.position + 1} · {kind}{number}"


def _side(name: str, value: Any, currency: str, types: Mapping[str, str]) -> Side:
    if value is None:
        return Side("Not there", {})
    if name == "stay":
        check_in, check_out = (date.fromisoformat(text) for text in value)
        nights = (check_out - check_in).days
        text = f"{night(check_in)} to {night(check_out)}, {nights} {'night' if nights == 1 else 'nights'}"
        return Side(text, {"check_in": value[0], "check_out": value[1]})
    if name == "people":
        adults, children, ages = value
        return Side(
            _people(adults, children, ages),
            {"adults": str(adults), "children": str(children), "ages": ", ".join(str(age) for age in ages)},
        )
    if name == "amount":
        return Side(money(Decimal(value), currency), {"amount": str(value)})
    if name == "type":
        return Side(types.get(str(value), f"Room type {value} of QloApps, not mapped"), {})
    if name in ("held", "cancelled"):
        kept = bool(value) is (name == "held")
        return Side({True: "Stands", False: "Is given up"}[kept], {})
    return Side(str(value), {})


def _people(adults: int, children: int, ages: list[int]) -> str:
    words = f"{adults} {'adult' if adults == 1 else 'adults'}"
    if children:
        aged = f" ({', '.join(str(age) for age in ages)})" if ages else ""
        words += f", {children} {'child' if children == 1 else 'children'}{aged}"
    return words


def third_value(name: str, typed: Mapping[str, str]) -> Any:
    """Return what a person typed in the form in which a conflict holds it. Raises ValueError with a sentence."""
    if name == "stay":
        try:
            first, last = (date.fromisoformat(typed.get(part, "").strip()) for part in ("check_in", "check_out"))
        except ValueError:
            raise ValueError("Choose both the day of arrival and the day of departure.") from None
        if last <= first:
            raise ValueError("The day of departure must be after the day of arrival.")
        return [first.isoformat(), last.isoformat()]
    if name == "people":
        return _typed_people(typed)
    if name == "amount":
        try:
            amount = Decimal(typed.get("amount", "").strip())
        except InvalidOperation:
            raise ValueError("Write the price as an amount like 105.00.") from None
        if not amount.is_finite() or amount < 0:
            raise ValueError("Write the price as an amount like 105.00.")
        return f"{amount:f}"
    raise ValueError("Choose one of the two sides; this has no third value.")


def _typed_people(typed: Mapping[str, str]) -> list[Any]:
    ages = [part for part in typed.get("ages", "").replace(",", " ").split() if part]
    try:
        adults, children = int(typed.get("adults", "")), int(typed.get("children", "") or 0)
        found = [int(age) for age in ages]
    except ValueError:
        raise ValueError("Write whole numbers: adults, children, and the children's ages.") from None
    if adults < 1 or children < 0 or (found and len(found) != children):
        raise ValueError("There must be an adult, and an age for each child or none at all.")
    return [adults, children, sorted(found)]
