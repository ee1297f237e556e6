"""What needs a person: each cause with its sentences, opened once and closed when the cause is gone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from innkeeper.channel_sync import repository
from innkeeper.channel_sync.tables import Attention
from innkeeper.channel_sync.work import queue_alerts
from innkeeper.domain.business_day import utc_now
from innkeeper.storage.bulk import insert_all
from innkeeper.storage.database import Tx


@dataclass(frozen=True, slots=True)
class Cause:
    """A kind of trouble: its title may hold {placeholders}; `retry` says whether trying again can mend it."""

    title: str
    meaning: str
    action: str
    retry: bool = True


#: Every cause there is. The sentences are what a manager reads between two meetings.
CAUSES: Mapping[str, Cause] = {
    "unmapped_room_type": Cause(
        "Room type {name} has no mapping",
        "Bookings of this type are stored but take no rooms here, and reservations of ours cannot be sent.",
        "Map the room type under Channels; what waits for it is completed by itself.",
    ),
    "inbound_only_type": Cause(
        "What is booked here of {name} is not sent to QloApps",
        "Its mapping only reads: QloApps learns nothing of these reservations and may sell the same rooms again.",
        "Map the type both ways under Channels, or keep QloApps in step by hand.",
        retry=False,
    ),
    "outbound_only_type": Cause(
        "QloApps has sold {name}, whose mapping only sends",
        "The bookings are stored and listed, but take no room here, since nothing of this type is read.",
        "Map the type both ways under Channels and they are completed by themselves, or give each a room by hand.",
        retry=False,
    ),
    "mapped_type_unknown": Cause(
        "{name} is mapped to room type {product}, which QloApps does not have",
        "Its reservations cannot be sent, and neither can the rooms left nor the prices.",
        "Take the mapping away under Channels and map it to a room type that QloApps has.",
        retry=False,
    ),
    "room_type_differs": Cause(
        "QloApps says something else of {name} than the house",
        "{detail}",
        "Change the one that is wrong; a room type there is never written from here.",
        retry=False,
    ),
    "capacity_differs": Cause(
        "{name} has {ours} rooms here and {theirs} in QloApps",
        "QloApps sells no more than it has; where the house has more left on a night, only the house can sell it.",
        "Add the room in QloApps, or switch it on there; or take it out of sale here.",
        retry=False,
    ),
    "overbooked": Cause(
        "Reservation {confirmation} is overbooked",
        "The guest holds a confirmation and there is no room of the type left on at least one night.",
        "Move a guest to another room type, or find another hotel for one of them.",
        retry=False,
    ),
    "refused_booking": Cause(
        "QloApps does not take reservation {confirmation}",
        "It stands here, and QloApps may sell the same room again: {detail}",
        "Free a room in QloApps or change the reservation, then send it again.",
    ),
    "in_doubt": Cause(
        "It is not known whether QloApps has reservation {confirmation}",
        "The line dropped after the request left. Nothing is sent again before QloApps has been asked.",
        "Nothing, as long as QloApps comes back; the question is asked again by itself.",
    ),
    "differs_there": Cause(
        "Reservation {confirmation} came back different from QloApps",
        "{detail}",
        "Compare both sides and correct the one that is wrong.",
    ),
    "guest_in_house": Cause(
        "QloApps cancelled reservation {confirmation}, whose guest is in the house",
        "The room is occupied here; a new booking is made there so that it is not sold again.",
        "Ask the guest and the channel what was agreed.",
        retry=False,
    ),
    "gone_at_channel": Cause(
        "QloApps no longer knows the booking of reservation {confirmation}",
        "It still stands here and takes rooms.",
        "Cancel it here if it was deleted there on purpose, or send it again.",
    ),
    "reopened_without_rooms": Cause(
        "QloApps reopened the cancelled booking of reservation {confirmation} without its rooms",
        "The order is open again there, but holds no room, so it stays cancelled here.",
        "Make a new booking if the guest comes after all.",
        retry=False,
    ),
    "foreign_currency": Cause(
        "Reservation {confirmation} is in {currency}",
        "The house keeps its books in another currency, so its total is not comparable.",
        "Agree on the price with the guest before check-out.",
        retry=False,
    ),
    "conflict": Cause(
        "Both sides changed reservation {confirmation}",
        "{detail}",
        "Decide which side is right.",
        retry=False,
    ),
    "double_there": Cause(
        "QloApps has the same reservation twice",
        "Booking {order} stands for the same guests as booking {first} and holds a room that nobody will use.",
        "Cancel booking {order} in QloApps.",
        retry=False,
    ),
    "unreadable_booking": Cause(
        "Booking {order} of QloApps could not be stored",
        "{detail}",
        "Try again; if it stays, tell support what is written here.",
    ),
    "dead_job": Cause(
        "Work on {what} stopped",
        "It was tried again and again and did not succeed: {detail}",
        "Mend the cause and try again.",
    ),
    "foreign_rate": Cause(
        "A price rule of somebody else decides what {name} costs in QloApps",
        "On its nights the house's price is not what a guest pays there: {detail}",
        "Delete the rule in QloApps if the house shall decide; it is never touched from here.",
        retry=False,
    ),
    "stay_limits": Cause(
        "QloApps cannot hold the limits of stay of {name}",
        "Its shortest or longest stay differs from night to night here; QloApps knows one for all dates, which stays.",
        "Give all nights the same limits, or watch for stays there that the house would not take.",
        retry=False,
    ),
    "shop_currency": Cause(
        "The shop sells in {currency} and the house in {ours}",
        "No price is sent, since it would mean something else there.",
        "Set the default currency of QloApps to that of the house.",
        retry=False,
    ),
    "wrong_hotel": Cause(
        "QloApps has no hotel {hotel}, or has switched it off",
        "Nothing is read and nothing is sent: it would be another hotel's, or nobody's.",
        "Correct the hotel's number under Channels, or switch the hotel on in QloApps; the rest goes on by itself.",
    ),
    "shop_zone": Cause(
        "The shop's clock was set to the zone {zone}",
        "Its zone was {before}. Bookings are read on; nights are dates and stay, moments are told by the new zone.",
        "Set the zone back in QloApps (Localization), or approve it with Go live if it is meant.",
        retry=False,
    ),
    "clock_skew": Cause(
        "The shop's clock is {minutes} minutes off",
        "Which of two changes is the newer one may be judged wrongly, and guests are told wrong times.",
        "Correct the time of the shop's server.",
        retry=False,
    ),
    "repeated_hour": Cause(
        "The shop's clock is put back tonight",
        "For an hour its times mean two moments, so which of two changes is the newer one may be judged wrongly.",
        "Nothing; it passes by itself.",
        retry=False,
    ),
    "missing_rights": Cause(
        "The key of QloApps lacks rights",
        "What needs them waits and is done when they are there: {detail}",
        "Grant them to the key under Advanced Parameters > Webservice in the shop's back office.",
        retry=False,
    ),
    "access": Cause(
        "QloApps refuses us",
        "{detail}",
        "Correct the address, the key or its permissions under Channels.",
    ),
    "secret_unreadable": Cause(
        "The stored key of QloApps cannot be read",
        "None of the secret keys of this installation opens it. Nothing is read or sent, and nothing is lost.",
        "Put the missing secret key back (INNKEEPER_SECRET_KEYS, or secret.keys in the data folder), or enter the key "
        "of QloApps again under Channels.",
        retry=False,
    ),
    "unreachable": Cause(
        "QloApps does not answer",
        "Nothing is lost: what is to be sent waits, and bookings are fetched when it is back. {detail}",
        "Look whether the shop's server is up.",
    ),
}


async def open_cause(
    tx: Tx,
    property_id: UUID,
    kind: str,
    key: str,
    *,
    reservation_id: UUID | None = None,
    order_id: int | None = None,
    job_id: UUID | None = None,
    times: int = 1,
    **facts: Any,
) -> None:
    """Open the cause, or note that it was seen again, so many times. `facts` fill the placeholders; no guest's data."""
    columns = _columns(kind, facts, reservation_id, order_id, job_id)
    row = await repository.open_attention(tx.session, property_id, kind, key)
    if row is None:
        tx.session.add(Attention(property_id=property_id, kind=kind, key=key, times_seen=times, **columns))
        await queue_alerts(tx, property_id, [_alert(kind, key, columns)])
        return
    row.times_seen += times
    row.last_seen_at = utc_now()
    for name, value in columns.items():
        setattr(row, name, value)


async def open_for_new(
    tx: Tx, property_id: UUID, kind: str, found: Sequence[tuple[UUID, int | None, Mapping[str, Any]]]
) -> None:
    """Open a cause for each of these reservations, which are so new that none can be open yet.

    `found` has the reservation, the number of its booking there and the facts; each is opened as `open_cause` would
    under the reservation's id, in a few statements however many they are.
    """
    made = [(str(one), _columns(kind, facts, one, order_id, None)) for one, order_id, facts in found]
    rows = [Attention.loose(property_id=property_id, kind=kind, key=key, **columns) for key, columns in made]
    await insert_all(tx.session, rows)
    await queue_alerts(tx, property_id, [_alert(kind, key, columns) for key, columns in made])


def _columns(
    kind: str, facts: Mapping[str, Any], reservation_id: UUID | None, order_id: int | None, job_id: UUID | None
) -> dict[str, Any]:
    cause = CAUSES[kind]
    return {
        "title": _fill(cause.title, facts)[:300],
        "meaning": _fill(cause.meaning, facts),
        "action": _fill(cause.action, facts),
        "reservation_id": reservation_id,
        "qloapps_order_id": order_id,
        "job_id": job_id,
        "data": {name: str(value) for name, value in facts.items()},
    }


def _alert(kind: str, key: str, columns: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return what is told of a cause that was opened: its name, a title and a text."""
    return f"{kind}:{key}", columns["title"], f"{columns['meaning']}\n{columns['action']}"


async def close_cause(tx: Tx, property_id: UUID, kind: str, key: str, by: str = "Innkeeper") -> bool:
    """Close the cause if it is open, and say whether it was."""
    row = await repository.open_attention(tx.session, property_id, kind, key)
    if row is None:
        return False
    row.closed_at, row.closed_by = utc_now(), by
    told = (f"{kind}:{key}", f"Settled: {row.title}", f"Closed by {by}; nothing to do.")
    await queue_alerts(tx, property_id, [told])
    return True


def _fill(sentence: str, facts: Mapping[str, Any]) -> str:
    for name, value in facts.items():
        sentence = sentence.replace(f"{{{name}}}", str(value))
    return sentence
