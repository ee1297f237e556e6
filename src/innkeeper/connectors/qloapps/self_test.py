"""The connection test: who answers, what the key may do, what is missing and where to grant it."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from innkeeper.connectors.qloapps.errors import QloAppsAuthenticationError, QloAppsError, QloAppsNotFoundError
from innkeeper.connectors.qloapps.facts import ShopFacts
from innkeeper.connectors.qloapps.reader import SNAPSHOT_RESOURCES, SNAPSHOT_VERSION, QloAppsReader
from innkeeper.connectors.qloapps.shop_time import fold_length
from innkeeper.connectors.qloapps.wire import text_of
from innkeeper.domain.channel import BrokerFacts, Permission
from innkeeper.domain.stay import Stay

#: Rights that the connector needs (WEBSERVICE.md section 14.1; `hotel_ari` is a search by POST, and order states are
#: read from `configurations` where they are shown).
NEEDED: Mapping[str, tuple[str, ...]] = {
    "bookings": ("GET", "POST", "PUT"),
    "orders": ("GET", "PUT"),
    "room_bookings": ("GET", "PUT"),
    "order_histories": ("POST",),
    "order_payments": ("GET",),
    "order_states": ("GET",),
    "customers": ("GET",),
    "hotels": ("GET",),
    "room_types": ("GET",),
    "hotel_room_types": ("GET",),
    "hotel_rooms": ("GET",),
    "services": ("GET",),
    "feature_prices": ("GET", "POST", "PUT", "DELETE"),
    "hotel_ari": ("POST",),
    "configurations": ("GET",),
    "currencies": ("GET",),
    "languages": ("GET",),
}

#: Rooms are kept from sale there by room lines without an order: on the snapshot all of them, on 1.7.0 those whose run
#: of nights is shorter or longer than the type's stays may be.
BLOCKING: Mapping[str, tuple[str, ...]] = {"room_bookings": ("POST", "DELETE")}

#: 1.7.0 forgets the last night of a stay over a change to summer time (last_night.py).
PRICING: Mapping[str, tuple[str, ...]] = {"carts": ("GET",)}

#: Resources that only one function of ours needs.
_PURPOSES = {"feature_prices": "rates"}

#: A clock that is further off than this makes check-in times and cursors doubtful.
SKEW_WARNING_SECONDS = 120.0


async def describe(reader: QloAppsReader) -> BrokerFacts:
    """Return what a connection test learns. Raises QloAppsError when the key or the address is refused."""
    granted = await _granted(reader)
    missing = _lacking(NEEDED, granted)
    blocking = _lacking(BLOCKING, granted, "availability")
    lacking = {permission.resource for permission in missing if permission.method == "GET"}
    warnings: list[str] = []
    hotel_name, hotel_known = await _hotel(reader, warnings) if "hotels" not in lacking else ("", True)
    languages: tuple[str, ...] = ()
    if "languages" not in lacking:
        rows = await reader.client.rows("languages", "languages", {"display": "[id,iso_code]"})
        languages = tuple(str(row["iso_code"]) for row in rows)
    skew = reader.client.clock_skew_seconds
    if abs(skew) > SKEW_WARNING_SECONDS:
        warnings.append(f"QloApps' clock is {abs(skew):.0f} seconds {'ahead' if skew > 0 else 'behind'}.")
    if {"configurations", "currencies"} & lacking:
        missing += blocking
        return BrokerFacts("unknown", hotel_name, "", "", languages, True, skew, missing, tuple(warnings), hotel_known)
    facts = await reader.facts(fresh=True)
    version = facts.version or (SNAPSHOT_VERSION if SNAPSHOT_RESOURCES & set(granted) else "unknown")
    if facts.price_fault:
        warnings.append("This version stores stay prices wrongly (times N/(N-1)); Innkeeper compensates and checks.")
    if version == "unknown":
        warnings.append("QloApps does not tell its version; prices are checked after every write.")
    if version.startswith("1.7") and blocking:
        what = "room types with a shortest or longest stay cannot always be kept from sale"
        warnings.append(_without(blocking, what))
    else:
        missing += blocking
    pricing = _lacking(PRICING, granted)
    if pricing and _ever_forgets_a_night(facts, reader.client.server_now().date()):
        warnings.append(_without(pricing, "stays over a change to summer time cannot be given their price"))
    wall = reader.client.server_now().astimezone(facts.zone).replace(tzinfo=None)
    return BrokerFacts(
        version=version,
        hotel_name=hotel_name,
        timezone=facts.timezone,
        currency=facts.currency(facts.default_currency_id) or "",
        languages=languages,
        phone_required=facts.phone_required,
        clock_skew_seconds=skew,
        missing_permissions=missing,
        warnings=tuple(warnings),
        hotel_known=hotel_known,
        repeated_hour=bool(fold_length(wall, facts.zone)),
    )


def _without(missing: Sequence[Permission], what: str) -> str:
    """Return the warning for rights without which a function suffers in some cases."""
    rights = " and ".join(permission.method for permission in missing)
    where = "grant it under Advanced Parameters > Webservice in the shop's back office."
    return f"The key may not {rights} {missing[0].resource}, so {what}: {where}"


def _ever_forgets_a_night(facts: ShopFacts, today: date) -> bool:
    """Whether the shop loses the last night of some stay within a year."""
    ahead = (today + timedelta(days=n) for n in range(366))
    return any(facts.forgets_last_night(Stay(night, night + timedelta(days=1))) for night in ahead)


def _lacking(
    needed: Mapping[str, tuple[str, ...]], granted: Mapping[str, set[str]], purpose: str = ""
) -> tuple[Permission, ...]:
    return tuple(
        Permission(resource, method, granted=False, purpose=purpose or _PURPOSES.get(resource, ""))
        for resource, methods in needed.items()
        for method in methods
        if method not in granted.get(resource, ())
    )


async def _granted(reader: QloAppsReader) -> dict[str, set[str]]:
    """Return the methods that the key may use on each resource; only the XML form tells them [001]."""
    try:
        root = await reader.client.get_xml("")
    except QloAppsNotFoundError as error:  # a 404 without a body is a record's, and this is no record
        raise QloAppsError("no webservice at this address", "WRONG_ADDRESS", 404, "GET /") from error
    api = root.find("api")
    granted: dict[str, set[str]] = {}
    for resource in api if api is not None else ():
        if isinstance(resource.tag, str):
            granted[resource.tag] = {str(name).upper() for name, value in resource.attrib.items() if value == "true"}
    return granted


async def _hotel(reader: QloAppsReader, warnings: list[str]) -> tuple[str, bool]:
    """Return the hotel's name, and whether QloApps has it and sells it."""
    try:
        document = await reader.client.get_json(f"hotels/{reader.hotel_id}", {"language": "1"})
        hotel = document["hotel"]
    except QloAppsNotFoundError:
        warnings.append(f"QloApps has no hotel with the id {reader.hotel_id}.")
        return "", False
    except QloAppsAuthenticationError:
        return "", True
    active = bool(int(hotel.get("active") or 0))
    if not active:
        warnings.append("The hotel is switched off in QloApps.")
    return text_of(hotel.get("hotel_name")), active
