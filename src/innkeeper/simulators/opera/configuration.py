"""What the hotel has set up: its cashiers (fofcfg.json, getCashiers) and room types (rmcfg.json, getRoomTypes)."""

from __future__ import annotations

from typing import Any

from innkeeper.simulators.opera.errors import bad_request
from innkeeper.simulators.opera.request import Request, page
from innkeeper.simulators.opera.state import HotelState

#: The limits of the two operations, in their descriptions.
_CASHIERS, _ROOM_TYPES = 20, 1000


def cashiers(state: HotelState, request: Request) -> dict[str, Any] | None:
    """Return a cashiersDetails; None for 204. Raises OperaError."""
    request.known("cashierIDs", "limit", "offset", "name", "includeInactive", "appUser")
    wanted = request.many("cashierIDs")
    if not wanted:
        raise bad_request("cashierIDs is required.", "cashierIDs")
    known = {**dict.fromkeys(state.cashiers, False), **dict.fromkeys(state.inactive_cashiers, True)}
    rows = [
        {
            "cashierId": number,
            "currencyCode": state.currency,
            "name": f"Cashier {number}",
            "reservedResort": state.hotel_id,
            "inactive": inactive,
        }
        for number, inactive in sorted(known.items())
        if str(number) in wanted and (not inactive or request.flag("includeInactive"))
    ]
    if not rows:
        return None
    part, place = page(rows, request, default=_CASHIERS, most=_CASHIERS)
    return {"cashiers": list(part), **place}


def room_types(state: HotelState, request: Request) -> dict[str, Any]:
    """Return a roomTypesDetails with the summary of the room types. Raises OperaError."""
    request.known(
        "hotelIds", "accessible", "includeInactive", "limit", "offset", "physical", "pseudo", "summaryInfo",
        "roomTypeCodes", "roomClassCodes",
    )  # fmt: skip
    wanted = request.many("roomTypeCodes")
    rows = [
        {"roomType": code, "shortDescription": description, "pseudo": code == "PM", "inactive": False}
        for code, description in sorted(state.room_types.items())
        if not wanted or code in wanted
    ]
    part, place = page(rows, request, default=_ROOM_TYPES, most=_ROOM_TYPES)
    return {"roomTypesSummary": [{"hotelId": state.hotel_id, "roomTypeSummary": list(part)}], **place}
