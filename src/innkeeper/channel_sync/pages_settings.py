"""The settings screen of the connection to QloApps."""

from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, Response

from innkeeper.access.http import CurrentAdmin, CurrentManager
from innkeeper.channel_sync import api, repository
from innkeeper.channel_sync.api import channels_of
from innkeeper.channel_sync.conflicts import Policy
from innkeeper.channel_sync.pages_frame import Notice
from innkeeper.channel_sync.schemas import ConfigIn, ConfigOut
from innkeeper.channel_sync.settings import MAX_INTERVAL, MIN_INTERVAL
from innkeeper.domain.errors import InnkeeperError
from innkeeper.web.pages import Hotel, render
from innkeeper.web.routing import Router
from innkeeper.web.settings_forms import Field, Filled, Group, body_of, given, typed, wrong
from innkeeper.web.settings_frame import ROOT, draw, go

PATH = f"{ROOT}/qloapps"

router = Router(prefix=PATH, include_in_schema=False)

_POLICIES = (
    (Policy.NEWEST, "The newer change wins"),
    (Policy.HOUSE, "The house wins"),
    (Policy.QLOAPPS, "QloApps wins"),
    (Policy.ASK, "Ask a person"),
)
_AS_RULED = ("", "By the rule")
_POLICY = "conflict_policy."

CONNECTION = Group(
    "connection",
    "Connection",
    (
        Field("base_url", "Address of the shop", "Where QloApps answers, as https://shop.example, without /api."),
        Field(
            "api_key",
            "Web service key",
            "32 letters and digits from Advanced Parameters, Webservice, in the back office; it is kept encrypted and "
            "never shown again.",
            "secret",
        ),
        Field(
            "qloapps_hotel_id",
            "Hotel",
            "The number of this hotel in QloApps, since one shop can hold several.",
            "number",
        ),
        Field(
            "timeout_seconds",
            "Patience",
            "How long an answer may take before the call counts as failed.",
            "number",
            unit="seconds",
        ),
        Field(
            "requests_per_minute",
            "Requests a minute",
            "How many calls all workers together may make, so that the shop stays quick for guests.",
            "number",
        ),
    ),
)
DIRECTIONS = Group(
    "directions",
    "What is synchronised",
    (
        Field("sync_enabled", "Synchronise", "Switched off, nothing is read and nothing is sent.", "switch"),
        Field(
            "sync_reservations_inbound",
            "Bookings from QloApps",
            "Bookings of the channels come into the house.",
            "switch",
        ),
        Field(
            "sync_reservations_outbound",
            "Reservations to QloApps",
            "Reservations of the house become bookings there, so that no room is sold twice.",
            "switch",
        ),
        Field(
            "sync_availability",
            "Availability to QloApps",
            "Rooms that the house has sold or closed are blocked there.",
            "switch",
        ),
        Field("sync_rates", "Rates to QloApps", "The house's prices become price rules there.", "switch"),
        Field(
            "sync_interval_minutes",
            "Full round every",
            f"How often everything is compared besides the quick looks in between, {MIN_INTERVAL} to {MAX_INTERVAL}.",
            "number",
            unit="minutes",
        ),
    ),
)
POLICIES = Group(
    "policies",
    "When both sides changed the same",
    (
        Field(f"{_POLICY}default", "As a rule", "Who wins a fact that both sides changed.", "choice", _POLICIES),
        *(
            Field(f"{_POLICY}{name}", label, help_, "choice", (_AS_RULED, *_POLICIES))
            for name, label, help_ in (
                ("stay", "Nights", "Arrival and departure."),
                ("people", "People", "Adults, children and their ages."),
                ("amount", "Price", "What the stay costs."),
                ("type", "Room type", "Which kind of room is booked."),
                ("status", "Where the guest is", "Confirmed, in the house, or gone."),
            )
        ),
    ),
    "What is asked of a person waits under Channels, Conflicts; nothing is overwritten meanwhile.",
)
GUESTS = Group(
    "guests",
    "Guests",
    (
        Field(
            "guest_match_threshold",
            "Sure enough",
            "How sure a match must be, from 0 to 1, before a customer is taken for a guest that is known.",
            "number",
        ),
        Field(
            "phone_placeholder",
            "Phone number for guests without one",
            "Sent to QloApps, which demands a number by default.",
            longest=32,
        ),
    ),
)
RETENTION = Group(
    "retention",
    "How long the log is kept",
    (
        Field("log_retention_days", "Days", "Older lines of the log are deleted.", "number", unit="days"),
        Field("log_retention_rows", "Lines", "Beyond so many lines the oldest are deleted.", "number", unit="lines"),
        Field(
            "personal_data_days",
            "Guests' data in the log",
            "After so many days the log forgets names and addresses and keeps the message.",
            "number",
            unit="days",
        ),
    ),
)
GROUPS = (CONNECTION, DIRECTIONS, POLICIES, GUESTS, RETENTION)
#: What a connection needs to begin; everything else has a good value and appears afterwards.
FIRST = (Group("connection", "Connection", CONNECTION.fields[:3]),)


@router.get("")
async def show(request: Request, caller: CurrentManager, hotel: Hotel, notice: Notice = "") -> HTMLResponse:
    """Show the connection; a manager reads it, an administrator changes it."""
    return await _page(request, caller, hotel, notice=notice)


@router.post("")
async def save(request: Request, caller: CurrentAdmin, hotel: Hotel) -> Response:
    """Save the connection; what is wrong is said beside its field and nothing typed is lost."""
    connected = await _config(request, hotel) is not None
    fields = [field for group in (GROUPS if connected else FIRST) for field in group.fields]
    values = await typed(request, fields)
    try:
        await api.save_config(request, caller, hotel.id, body_of(ConfigIn, _asked(values)))
    except InnkeeperError as error:
        return await _page(request, caller, hotel, filled=wrong(values, error, fields))
    return go(PATH)


@router.post("/test")
async def test(request: Request, caller: CurrentAdmin, hotel: Hotel) -> HTMLResponse:
    """Ask the shop who it is, and draw what it said."""
    answer = await api.test_connection(request, caller, hotel.id)
    return render(request, "settings/tested.html", answer=answer)


def _asked(values: dict[str, Any]) -> dict[str, Any]:
    """Return what the form asks for as the API takes it."""
    plain = given({name: value for name, value in values.items() if not name.startswith(_POLICY)})
    policies = given({name.removeprefix(_POLICY): value for name, value in values.items() if name.startswith(_POLICY)})
    return {**plain, **({"conflict_policy": policies} if policies else {})}


def _values(config: ConfigOut) -> dict[str, Any]:
    """Return the settings as the form shows them; the key stays where it is."""
    policies = {f"{_POLICY}{name}": word for name, word in config.conflict_policy.items()}
    return {**config.model_dump(mode="json"), **policies, "api_key": ""}


async def _config(request: Request, hotel: Hotel) -> ConfigOut | None:
    async with channels_of(request).database.read() as session:
        row = await repository.config(session, hotel.id)
    return ConfigOut.of(row) if row is not None else None


async def _page(
    request: Request, caller: CurrentManager, hotel: Hotel, *, notice: str = "", filled: Filled | None = None
) -> HTMLResponse:
    config = await _config(request, hotel)
    form = filled or Filled(_values(config) if config else {})
    return draw(
        request,
        caller,
        "settings/qloapps.html",
        notice=notice,
        status=form.status,
        groups=GROUPS if config else FIRST,
        filled=form,
        config=config,
        came_back=filled is not None,
    )
