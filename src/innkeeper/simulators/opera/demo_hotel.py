"""The guests, codes and articles of a demo hotel; all persons are invented."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from innkeeper.simulators.opera.model import Profile, Reservation, TransactionCode

if TYPE_CHECKING:
    from innkeeper.simulators.opera.state import HotelState

#: 2000, 2010, 2011 and article 02 are those of Oracle's samples.
CODES = (
    TransactionCode("1000", "Accommodation", "RM", "ACC"),
    TransactionCode("2000", "Restaurant Food"),
    TransactionCode("2010", "Restaurant Lunch Food"),
    TransactionCode("2011", "Restaurant Lunch Beverage"),
    TransactionCode("2100", "Lobby Bar", sub_group="BAR"),
    TransactionCode("2200", "In-Room Dining", sub_group="IRD"),
    TransactionCode("2300", "Pool Bar", sub_group="BAR"),
    TransactionCode("2400", "Minibar", sub_group="MIN"),
    TransactionCode("2500", "Banquet with tax", sub_group="BQT", generates=("7000", Decimal(10))),
    TransactionCode("2900", "Gratuity", sub_group="TIP"),
    TransactionCode("2950", "Service Charge", sub_group="SVC"),
    TransactionCode("2960", "Delivery Charge", sub_group="SVC"),
    TransactionCode("7000", "Tax", "TAX", "TAX"),
    TransactionCode("9000", "Cash", "PAY", "CA", payment=True),
)

#: What an outlet of the demo is mapped to in the settings of the room charge.
OUTLET_CODES = {
    "REST": {"charge": "2000", "tip": "2900", "tax": "7000", "service_charge": "2950"},
    "BAR": {"charge": "2100", "tip": "2900", "tax": "7000", "service_charge": "2950"},
    "IRS": {"charge": "2200", "tip": "2900", "tax": "7000", "service_charge": "2950", "delivery_charge": "2960"},
    "POOL": {"charge": "2300", "tip": "2900", "tax": "7000", "service_charge": "2950"},
    "MINI": {"charge": "2400", "tip": "2900", "tax": "7000", "service_charge": "2950"},
}

_FIRST = ("Ana", "Ben", "Chloe", "Dev", "Elena", "Farid", "Grace", "Hugo", "Ines", "Jonas", "Keiko", "Liam", "Maya")
_LAST = ("Abbott", "Bauer", "Costa", "Dubois", "Eriksen", "Fontana", "Gruber", "Haas", "Ito", "Jensen", "Kowalski")


def fill_demo(state: HotelState, guests: int) -> None:
    """Give the hotel its codes, the guests that the documentation speaks of, and others up to ``guests``."""
    state.codes = {code.code: code for code in CODES}
    state.room_types = {"DLXK": "Deluxe King", "PM": "Posting Master"}
    state.articles = {"01": "2400", "02": "2400"}
    _named_guests(state)
    floor, number = 5, 1
    while len(state.reservations) < guests:
        first, last = state.random.choice(_FIRST), state.random.choice(_LAST)
        room = f"{floor}{number:02d}"
        check_in(state, f"{first} {last}", room, nights=state.random.randint(1, 6))
        floor, number = (floor, number + 1) if number < 20 else (floor + 1, 1)


def check_in(
    state: HotelState, name: str, room: str, *, nights: int = 3, days_ago: int = 1, room_type: str = "DLXK"
) -> Reservation:
    """Add a guest who is in house. Ids follow from how many there are."""
    n = len(state.reservations) + 1
    first, _, last = name.rpartition(" ")
    profile = Profile(
        id=f"{270000 + n}",
        given_name=first,
        surname=last,
        prefix="Ms.",
        email=f"{first.lower()}.{last.lower()}.{n}@example.com",
        phone=f"+1 555 010 {n:04d}",
    )
    arrival = state.business_date - timedelta(days=days_ago)
    return state.add_guest(
        profile,
        Reservation(
            id=f"{41000 + n}",
            confirmation=f"HX{78450000 + n}",
            profile_id=profile.id,
            room=room,
            room_type=room_type,
            arrival=arrival,
            departure=state.business_date + timedelta(days=nights),
            status="InHouse",
            key_tracks={f"CARD{room}N{n}"},
        ),
    )


def _named_guests(state: HotelState) -> None:
    wilson = check_in(state, "James Wilson", "412", nights=1, days_ago=2)
    wilson.adults, wilson.credit_limit = 2, Decimal(500)
    wilson.companions = [("Emma", "Wilson")]
    james = state.profiles[wilson.profile_id]
    james.prefix, james.vip_code, james.vip_description = "Mr.", "VIP2", "Gold"
    james.membership_number, james.membership_type = "LOY-99812", "HOTEL"
    james.preferences = [
        ("DIETARY", "VEG", "Vegetarian"),
        ("ALLERGY", "NUT", "Peanuts"),
        ("SEATING", "WIN", "Table by the window"),
    ]
    state.post(wilson, "1000", Decimal("245.00"), remark="Room")

    chen = check_in(state, "Sarah Chen", "218")
    johnson = check_in(state, "Mike Johnson", "315")
    for sharer in (check_in(state, "Laura Meyer", "203"), check_in(state, "Paul Meyer", "203")):
        sharer.share = "SHARE-203"
    check_in(state, "Nora Blocked", "305").no_post = True
    check_in(state, "Omar Leaving", "110", nights=0)
    gone = check_in(state, "Gina Gone", "111", nights=0)
    gone.status, gone.checked_out_on = "CheckedOut", state.business_date
    check_in(state, "Rita Letters", "A-12")
    check_in(state, "Otto Zero", "0412")
    master = check_in(state, "Spring Conference", "9001", room_type="PM")
    master.pseudo_room = True
    routed = check_in(state, "Carl Delegate", "320")
    routed.routes_to, routed.routed_codes = master.id, {"2000", "2010", "2011"}
    state.profiles[chen.profile_id].vip_description = "Silver"
    state.profiles[johnson.profile_id].prefix = "Mr."
