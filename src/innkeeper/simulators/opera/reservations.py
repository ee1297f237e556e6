"""Searching reservations (rsv.json, getHotelReservations)."""

from __future__ import annotations

from typing import Any

from innkeeper.simulators.opera.errors import bad_query
from innkeeper.simulators.opera.model import Profile, Reservation
from innkeeper.simulators.opera.request import Request, money, page
from innkeeper.simulators.opera.state import HotelState

INSTRUCTIONS = (
    "Reservation ReservationID Indicators Deposits RevenuesAndBalances GuestServiceStatus MasterInfo CancellationInfo "
    "BlockReservations TaxType GuestDeviceNotification RoomAssignedByAI SwapShiftRooms ReservationPreferences "
    "FiscalInfo CommissionsInfo DepartureReservationInfo MultipleMemberships FetchChildAges OffshoreRates"
).split()
SEARCH_TYPES = ("Any", "InHouse", "CheckedOut", "Arrival", "Departure", "PostToRoom", "OpenFolio")
_STATUSES = ("Cancelled", "CheckedOut", "CheckedIn", "DueIn", "DueOut", "InHouse", "NoShow", "WaitList")
_FILTERS = (
    "limit offset searchType roomId keyTrack2 surname givenName text confirmationNumberList reservationIdList "
    "membershipCardNumber excludeNoPost excludePMRooms excludePseudoRoomReservations reservationStatuses "
    "fetchInstructions profileId"
).split()


def search(state: HotelState, request: Request) -> dict[str, Any] | None:
    """Return a reservationsDetails, None for 204: nothing matches."""
    request.known(*_FILTERS)
    wanted = request.chosen("fetchInstructions", INSTRUCTIONS)
    rows = [r for r in state.reservations.values() if _matches(state, request, r)]
    part, paging = page(rows, request, default=20, most=max(100, state.page_limit))
    if not part:
        return None
    return {"reservations": {"reservationInfo": [view(state, r, wanted) for r in part], **paging}}


def _matches(state: HotelState, request: Request, reservation: Reservation) -> bool:
    profile = state.profiles[reservation.profile_id]
    return (
        _of_type(state, request, reservation)
        and request.one("roomId") in (None, reservation.room)
        and _card(request.one("keyTrack2"), reservation)
        and _listed(request.many("confirmationNumberList"), reservation.confirmation)
        and _listed(request.many("reservationIdList"), reservation.id)
        and request.one("profileId") in (None, profile.id)
        and request.one("membershipCardNumber") in (None, profile.membership_number)
        and _starts(profile.surname, request.one("surname"))
        and _starts(profile.given_name, request.one("givenName"))
        and _anywhere(request.one("text"), reservation, profile)
        and not (request.flag("excludeNoPost") and reservation.no_post)
        and not (request.flag("excludePMRooms") and reservation.pseudo_room)
        and not (request.flag("excludePseudoRoomReservations") and reservation.pseudo_room)
    )


def _of_type(state: HotelState, request: Request, reservation: Reservation) -> bool:
    kind = request.one("searchType")
    if kind is not None and kind not in SEARCH_TYPES:
        raise bad_query(f"searchType has no value {kind!r} here")
    status = state.computed_status(reservation)
    statuses = request.chosen("reservationStatuses", _STATUSES)
    if statuses and status not in statuses:
        return False
    in_house = reservation.status == "InHouse"
    return {
        None: True,
        "Any": True,
        "InHouse": in_house,
        "PostToRoom": in_house,
        "OpenFolio": in_house,
        # those who left on the open business date
        "CheckedOut": reservation.checked_out_on == state.business_date,
        "Arrival": reservation.arrival == state.business_date,
        "Departure": reservation.departure == state.business_date,
    }[kind]


def _card(track: str | None, reservation: Reservation) -> bool:
    return track is None or track in reservation.key_tracks


def _listed(wanted: list[str], value: str) -> bool:
    return not wanted or value in wanted


def _starts(name: str, wanted: str | None) -> bool:
    return wanted is None or name.casefold().startswith(wanted.casefold())


def _anywhere(wanted: str | None, reservation: Reservation, profile: Profile) -> bool:
    where = f"{profile.full_name} {reservation.room} {reservation.confirmation} {profile.email}"
    return wanted is None or wanted.casefold() in where.casefold()


def view(state: HotelState, reservation: Reservation, wanted: list[str]) -> dict[str, Any]:
    """Return a reservationInfoType."""
    profile = state.profiles[reservation.profile_id]
    balance = money(state.balance(reservation.id), state.currency)
    cashiering: dict[str, Any] = {
        "billingPrivileges": {
            "postingRestriction": reservation.no_post,
            "preStayCharging": False,
            "postStayCharging": reservation.post_stay,
        },
        "transactionsPosted": bool(state.postings_of(reservation.id)),
    }
    if "RevenuesAndBalances" in wanted:
        cashiering["revenuesAndBalances"] = {"balance": balance}
    info: dict[str, Any] = {
        "reservationIdList": [
            {"id": reservation.id, "type": "Reservation"},
            {"id": reservation.confirmation, "type": "Confirmation"},
        ],
        "roomStay": {
            "arrivalDate": reservation.arrival.isoformat(),
            "departureDate": reservation.departure.isoformat(),
            "adultCount": reservation.adults,
            "childCount": reservation.children,
            "roomType": reservation.room_type,
            "numberOfRooms": 1,
            "roomId": reservation.room,
            "balance": balance,
            "pseudoRoom": reservation.pseudo_room,
        },
        "reservationGuest": _guest(profile, reservation),
        "cashiering": cashiering,
        "hotelId": state.hotel_id,
        "hotelName": state.hotel_name,
        "roomStayReservation": not reservation.pseudo_room,
        "reservationStatus": reservation.status,
        "computedReservationStatus": state.computed_status(reservation),
    }
    sharers = [_sharer(state, r) for r in state.reservations.values() if _shares(r, reservation)]
    if sharers:
        info["sharedGuests"] = sharers
    if "Indicators" in wanted and reservation.no_post:
        info["reservationIndicators"] = [{"indicatorName": "NOPOST", "count": 1}]
    return info


def _guest(profile: Profile, reservation: Reservation) -> dict[str, Any]:
    guest: dict[str, Any] = {
        "givenName": profile.given_name,
        "surname": profile.surname,
        "fullName": profile.full_name,
        "phoneNumber": profile.phone,
        "email": profile.email,
        "language": profile.language,
        "nameType": "Guest",
        "id": profile.id,
        "type": "Profile",
    }
    if profile.prefix:
        guest["namePrefix"] = profile.prefix
    if profile.vip_code or profile.vip_description:
        guest["vip"] = {"vipCode": profile.vip_code, "vipDescription": profile.vip_description}
    if profile.membership_number:
        guest["membership"] = {"accountId": profile.membership_number, "programCode": profile.membership_type}
    if reservation.companions:
        guest["accompanyGuests"] = [
            {"firstName": first, "lastName": last, "fullName": f"{last}, {first}"}
            for first, last in reservation.companions
        ]
    return guest


def _shares(other: Reservation, reservation: Reservation) -> bool:
    return bool(reservation.share) and other.share == reservation.share and other.id != reservation.id


def _sharer(state: HotelState, reservation: Reservation) -> dict[str, Any]:
    profile = state.profiles[reservation.profile_id]
    return {
        "profileId": {"id": profile.id, "type": "Profile"},
        "reservationId": {"id": reservation.id, "type": "Reservation"},
        "firstName": profile.given_name,
        "lastName": profile.surname,
        "fullName": profile.full_name,
    }
