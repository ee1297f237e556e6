"""The settings screens of the property itself and of alerts."""

from typing import Annotated, Any
from zoneinfo import available_timezones

from fastapi import Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from innkeeper.access.http import CurrentAdmin, CurrentCaller, CurrentManager, Db
from innkeeper.access.roles import Role
from innkeeper.domain.errors import InnkeeperError, OutsideUnavailable, RuleRefused
from innkeeper.house import api_property
from innkeeper.house.schemas_property import PropertyIn
from innkeeper.telemetry.alerts import Alerts
from innkeeper.web import settings_access
from innkeeper.web.pages import Hotel, NavEntry
from innkeeper.web.routing import Router
from innkeeper.web.settings_forms import Field, Filled, Group, body_of, given, typed, wrong
from innkeeper.web.settings_frame import ROOT, draw, go

NAVIGATION = NavEntry(ROOT, "Settings", Role.MANAGER)

Notice = Annotated[str, Query(max_length=40)]

router = Router(prefix=ROOT, include_in_schema=False)
router.take_over(settings_access.router)

PROPERTY = Group(
    "property",
    "The hotel",
    (
        Field("name", "Name", "Stands on every page, receipt and report.", longest=200),
        Field(
            "timezone",
            "Time zone",
            "The hotel's own clock, as Europe/Lisbon; all times and nights are told by it.",
            longest=64,
        ),
        Field(
            "currency",
            "Currency",
            "Three letters, as EUR; it cannot change once there are reservations.",
            longest=3,
        ),
        Field("check_in_time", "Check-in from", "When rooms are ready on the day of arrival.", "time"),
        Field("check_out_time", "Check-out until", "When rooms must be free on the day of departure.", "time"),
        Field(
            "business_date",
            "Business date",
            "The hotel's open day; closing the day moves it on, so change it by hand only to correct it.",
            "date",
        ),
        Field(
            "confirm_business_date",
            "The business date is meant so",
            "Needed to set it back, or more than one night on. Stays get their rooms anew; bills keep their dates.",
            "switch",
        ),
        Field(
            "night_audit_time",
            "Close the day by itself at",
            "On the hotel's clock; before noon it is the night after the day. Empty: somebody closes it under Today.",
            "time",
        ),
        Field("tax_rate", "Tax", "What is added to, or contained in, the price of a night.", "number", unit="percent"),
        Field("tax_included", "Prices contain the tax", "Switched off, the tax comes on top of your prices.", "switch"),
    ),
)


@router.get("")
async def index(_caller: CurrentCaller) -> Response:
    """Lead to the first section."""
    return RedirectResponse(f"{ROOT}/property", status_code=303)


@router.get("/property")
async def show_property(
    request: Request, caller: CurrentManager, hotel: Hotel, database: Db, notice: Notice = ""
) -> HTMLResponse:
    """Show the hotel's own facts."""
    values = (await api_property.read_property(database, hotel.id, caller)).model_dump(mode="json")
    return _property(request, caller, Filled(values), notice=notice)


@router.post("/property")
async def save_property(request: Request, caller: CurrentAdmin, hotel: Hotel, database: Db) -> Response:
    """Save them; what is wrong is said beside its field."""
    values = await typed(request, PROPERTY.fields)
    try:
        body = given(values) | {"night_audit_time": values["night_audit_time"] or None}
        await api_property.change_property(body_of(PropertyIn, body), database, hotel.id, caller)
    except InnkeeperError as error:
        return _property(request, caller, wrong(values, error, PROPERTY.fields), came_back=True)
    return go(f"{ROOT}/property")


def _property(
    request: Request, caller: CurrentManager, filled: Filled, *, notice: str = "", came_back: bool = False
) -> HTMLResponse:
    return draw(
        request,
        caller,
        "settings/property.html",
        notice=notice,
        status=filled.status,
        group=PROPERTY,
        filled=filled,
        zones=sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC"),
        came_back=came_back,
    )


@router.get("/alerts")
async def show_alerts(request: Request, caller: CurrentAdmin, hotel: Hotel, notice: Notice = "") -> HTMLResponse:
    """Show whether anybody outside the screens is told; the addresses are secrets and stay in the environment."""
    return draw(request, caller, "settings/alerts.html", notice=notice, alerts=_alerts(request))


@router.post("/alerts")
async def send_test_alert(request: Request, _caller: CurrentAdmin, hotel: Hotel) -> Response:
    """Send an alert that says it is a test."""
    alerts = _alerts(request)
    if alerts is None or not alerts.configured:
        raise RuleRefused(
            "There is nobody to tell.",
            code="NO_ALERTS",
            action="Set INNKEEPER_ALERT_URLS and start Innkeeper again.",
        )
    if not await alerts.send(
        f"Test alert of {hotel.name}", "Somebody pressed the button in the settings; all is well."
    ):
        raise OutsideUnavailable(
            "A service did not take the alert.",
            code="ALERT_FAILED",
            action="Check the addresses in INNKEEPER_ALERT_URLS; the log says which kind of error it was.",
        )
    return go(f"{ROOT}/alerts", "sent")


def _alerts(request: Request) -> Alerts | None:
    found: Any = getattr(request.app.state, "alerts", None)
    return found if isinstance(found, Alerts) else None
