"""Guest profiles (crm.json, getProfile)."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from innkeeper.simulators.opera.errors import not_found
from innkeeper.simulators.opera.model import Profile
from innkeeper.simulators.opera.request import Request
from innkeeper.simulators.opera.state import HotelState

INSTRUCTIONS = (
    "Address Communication Comment Membership Preference Keyword Correspondence Profile Indicators SalesInfo "
    "Relationship Subscriptions DeliveryMethods GdsNegotiatedRate NegotiatedRate HistoryReservation FutureReservation "
    "WebUserAccount"
).split()


def profile(state: HotelState, request: Request, profile_id: str) -> dict[str, Any]:
    """Return a ``profile`` with the parts that were asked for. Raises OperaError."""
    request.known("fetchInstructions", "hotelId", "logViewProfile", "markAsRecentlyAccessed")
    wanted = request.chosen("fetchInstructions", INSTRUCTIONS)
    found = state.profiles.get(profile_id)
    if found is None:
        raise not_found("No profile has this id.")
    details: dict[str, Any] = {"profileType": "Guest", "statusCode": "Active"}
    if "Profile" in wanted or not wanted:
        details["customer"] = _customer(found)
    if "Communication" in wanted:
        details["emails"] = _list("emailInfo", "email", "emailAddress", found.email, "EMAIL")
        details["telephones"] = _list("telephoneInfo", "telephone", "phoneNumber", found.phone, None)
    if "Membership" in wanted and found.membership_number:
        details["profileMemberships"] = {
            "profileMembership": [
                {
                    "membershipId": found.membership_number,
                    "membershipType": found.membership_type,
                    "nameOnCard": f"{found.given_name} {found.surname}",
                    "primaryMembership": True,
                }
            ]
        }
    if "Preference" in wanted and found.preferences:
        details["preferenceCollection"] = {"preferenceType": _preferences(found)}
    return {"profileIdList": [{"id": found.id, "type": "Profile"}], "profileDetails": details}


def _customer(found: Profile) -> dict[str, Any]:
    name = {"givenName": found.given_name, "surname": found.surname, "nameType": "Primary"}
    if found.prefix:
        name["namePrefix"] = found.prefix
    customer: dict[str, Any] = {"personName": [name], "language": found.language}
    if found.vip_code:
        customer["vipStatus"] = found.vip_code
    if found.vip_description:
        customer["vipDescription"] = found.vip_description
    return customer


def _list(name: str, wrapper: str, value_name: str, value: str, kind: str | None) -> dict[str, Any]:
    row: dict[str, Any] = {value_name: value, "primaryInd": True}
    if kind:
        row["type"] = kind
    rows = [{wrapper: row}] if value else []
    return {name: rows, "totalResults": len(rows), "count": len(rows)}


def _preferences(found: Profile) -> list[dict[str, Any]]:
    by_group = groupby(sorted(found.preferences), key=lambda preference: preference[0])
    return [
        {
            "preferenceType": group,
            "preference": [
                {"preferenceCode": code, "preferenceValue": code, "description": text} for _, code, text in rows
            ],
        }
        for group, rows in by_group
    ]
