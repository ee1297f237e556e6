"""The settings screen of the outlets that charge rooms."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse, Response

from innkeeper.access.http import CurrentAdmin
from innkeeper.domain.errors import InnkeeperError, NotFound
from innkeeper.room_charge import api_settings
from innkeeper.room_charge.option_fields import OUTLET, PMS_CODES
from innkeeper.room_charge.pages_settings import pairs_of
from innkeeper.room_charge.settings import Outlet
from innkeeper.web.pages import Hotel
from innkeeper.web.routing import Router
from innkeeper.web.settings_forms import Filled, body_of, typed, wrong
from innkeeper.web.settings_frame import ROOT, draw, go

PATH = f"{ROOT}/outlets"

router = Router(prefix=PATH, include_in_schema=False)

Notice = Annotated[str, Query(max_length=40)]

_CODE = "pms_codes."
_NEW: Mapping[str, Any] = {"auto_post": True, "is_active": True, "printer_width": 42}


@router.get("")
async def show(request: Request, caller: CurrentAdmin, hotel: Hotel, notice: Notice = "") -> HTMLResponse:
    """Show each outlet with its codes, and a form for the next one."""
    return await _page(request, caller, hotel, notice=notice)


@router.post("")
async def save(
    request: Request,
    caller: CurrentAdmin,
    hotel: Hotel,
    outlet: Annotated[str, Form(max_length=20)] = "",
    act: Annotated[str, Form(max_length=20)] = "save",
) -> Response:
    """Save one outlet (`outlet` is its code as it was; empty: a new one), or remove it."""
    known = {one.code: one for one in await api_settings.get_outlets(request, caller, hotel.id)}
    if outlet and outlet not in known:
        raise NotFound(f"There is no outlet {outlet} any more.", action="Reload the page to see those there are.")
    if act == "remove":
        left = [one for code, one in known.items() if code != outlet]
        await api_settings.put_outlets(request, caller, hotel.id, left)
        return go(PATH)
    values = await typed(request, OUTLET)
    try:
        # What the form does not show of an outlet stays as it is.
        before = known[outlet].model_dump() if outlet else {}
        changed = body_of(Outlet, {**before, **asked(values)})
        outlets = [changed if code == outlet else one for code, one in known.items()]
        await api_settings.put_outlets(request, caller, hotel.id, outlets if outlet else [*outlets, changed])
    except InnkeeperError as error:
        return await _page(request, caller, hotel, filled=wrong(values, error, OUTLET), at=outlet)
    return go(PATH, "saved" if outlet else "added")


def asked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the form asks for as the API takes it. Raises Invalid for codes that cannot be read."""
    plain = {name: value for name, value in values.items() if not name.startswith(_CODE)}
    codes = {name: values[f"{_CODE}{name}"] for name in PMS_CODES if values[f"{_CODE}{name}"]}
    more = pairs_of(values[f"{_CODE}more"], f"{_CODE}more")
    plain = {**plain, "delivery_charge": plain["delivery_charge"] or None, "pms_codes": {**more, **codes}}
    if not plain["printer_width"]:
        del plain["printer_width"]
    return plain


def shown(outlet: Outlet) -> dict[str, Any]:
    """Return an outlet as the form shows it."""
    values = outlet.model_dump(mode="json")
    codes = values.pop("pms_codes")
    more = "\n".join(f"{name} = {code}" for name, code in codes.items() if name not in PMS_CODES)
    return {
        **{name: "" if value is None else value for name, value in values.items()},
        **{f"{_CODE}{name}": codes.get(name, "") for name in PMS_CODES},
        f"{_CODE}more": more,
    }


async def _page(
    request: Request,
    caller: CurrentAdmin,
    hotel: Hotel,
    *,
    notice: str = "",
    filled: Filled | None = None,
    at: str = "",
) -> HTMLResponse:
    outlets = await api_settings.get_outlets(request, caller, hotel.id)
    forms = [(one, filled if filled and one.code == at else Filled(shown(one))) for one in outlets]
    return draw(
        request,
        caller,
        "settings/outlets.html",
        notice=notice,
        status=filled.status if filled else 200,
        forms=forms,
        new=filled if filled and not at else Filled(dict(_NEW)),
        fields=OUTLET,
        open_at=at if filled else None,
    )
