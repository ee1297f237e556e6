"""The settings screens of the PMS connection with its option blocks, and of the outlets."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import HTMLResponse, Response

from innkeeper.access.http import CurrentAdmin
from innkeeper.domain.errors import InnkeeperError, Invalid
from innkeeper.room_charge import api_settings, repository
from innkeeper.room_charge.api import systems_of
from innkeeper.room_charge.option_fields import CONNECTION, CREDENTIALS, EXTRA, GROUPS, OTHER_CREDENTIALS, PMS_NAMES
from innkeeper.room_charge.schemas import ConfigIn
from innkeeper.room_charge.settings import BLOCKS, PMS_TYPES
from innkeeper.storage.secrets import SecretUnreadable
from innkeeper.web.pages import Hotel, render
from innkeeper.web.routing import Router
from innkeeper.web.settings_forms import Field, Filled, body_of, lines_of, typed, wrong
from innkeeper.web.settings_frame import ROOT, draw, go

PATH = f"{ROOT}/pms"

router = Router(prefix=PATH, include_in_schema=False)

Notice = Annotated[str, Query(max_length=40)]

_CREDENTIAL = "connection.credentials."
#: Options that are lists, written one on each line.
_LISTS = ("restrictions.allowed_outlets", "restrictions.blocked_rooms", "guest_profile_sync.preferences_import")
_LIMITS = "restrictions.room_credit_limits"
_OPTIONAL = ("restrictions.default_credit_limit",)


@router.get("")
async def show(request: Request, caller: CurrentAdmin, hotel: Hotel, notice: Notice = "") -> HTMLResponse:
    """Show the connection and every option."""
    return await _page(request, caller, hotel, notice=notice)


@router.post("")
async def save(request: Request, caller: CurrentAdmin, hotel: Hotel) -> Response:
    """Save all blocks; what is wrong is said beside its field and nothing typed is lost."""
    kind = str((await request.form()).get("connection.pms_type", "house"))
    fields = [*CONNECTION.fields, *_credential_fields(kind), EXTRA, *(one for group in GROUPS for one in group.fields)]
    values = await typed(request, fields)
    try:
        kept = await _kept_credentials(request, hotel.id, values)
        await api_settings.put_config(request, caller, hotel.id, body_of(ConfigIn, asked(values, kept)))
    except InnkeeperError as error:
        return await _page(request, caller, hotel, filled=wrong(values, error, fields))
    return go(PATH)


@router.post("/test")
async def test(request: Request, caller: CurrentAdmin, hotel: Hotel) -> HTMLResponse:
    """Ask the PMS who it is, and draw what it said."""
    answer = await api_settings.test_connection(request, caller, hotel.id)
    return render(request, "settings/tested.html", answer=answer.model_dump())


def _credential_fields(kind: str) -> Sequence[Field]:
    return CREDENTIALS.get(kind, (OTHER_CREDENTIALS,))


async def _kept_credentials(request: Request, property_id: UUID, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the credentials that are kept, as long as they are for the same system: so one of them can be changed."""
    systems = systems_of(request)
    async with systems.database.read() as session:
        row = await repository.config(session, property_id)
    known = systems.block_of(row)
    if (known["pms_type"], known["api_url"]) != (values["connection.pms_type"], values["connection.api_url"]):
        return {}
    try:
        return systems.credentials_of(row)
    except SecretUnreadable:
        return {}


def asked(values: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the form asks for as the API takes it. Raises Invalid for entries that cannot be read."""
    body: dict[str, Any] = {block: {} for block in ("connection", *BLOCKS)}
    new: dict[str, str] = {}
    for name, value in values.items():
        block, _, option = name.partition(".")
        if name.startswith(_CREDENTIAL):
            new |= {name.removeprefix(_CREDENTIAL): value} if value else {}
        elif name == OTHER_CREDENTIALS.name:
            new |= pairs_of(value, name)
        elif name == EXTRA.name:
            body["connection"] |= _extra(value)
        elif name in _LISTS:
            body[block][option] = lines_of(value)
        elif name == _LIMITS:
            body[block][option] = pairs_of(value, name)
        elif name in _OPTIONAL:
            body[block][option] = value or None
        elif value != "":
            body[block][option] = value
    if new:
        body["connection"]["credentials"] = {**kept, **new}
    return body


def pairs_of(text: str, field: str) -> dict[str, str]:
    """Return entries written as name = value, one on each line. Raises Invalid naming the line."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, sign, value = (part.strip() for part in line.partition("="))
        if not line.strip():
            continue
        if not (name and sign and value):
            raise Invalid.field(field, f"Line {len(found) + 1} must be written as name = value.")
        found[name] = value
    return found


def _extra(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        raise Invalid.field(EXTRA.name, 'This is not JSON. Write it as {"option": value}.') from None
    if not isinstance(found, dict):
        raise Invalid.field(EXTRA.name, 'Write the options as {"option": value}.')
    return found


def shown(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings as the form shows them; credentials stay where they are."""
    connection = dict(document["connection"])
    connection.pop("credentials_set")
    values: dict[str, Any] = {}
    for name in ("pms_type", "api_url", "property_code", "timeout_seconds"):
        value = connection.pop(name, "")
        values[f"connection.{name}"] = f"{value:g}" if isinstance(value, float) else value
    values[EXTRA.name] = json.dumps(connection, indent=2, default=str) if connection else ""
    for block in BLOCKS:
        for option, value in document[block].items():
            name = f"{block}.{option}"
            if name in _LISTS:
                values[name] = "\n".join(value)
            elif name == _LIMITS:
                values[name] = "\n".join(f"{room} = {limit}" for room, limit in value.items())
            else:
                values[name] = "" if value is None else value
    return values


async def _page(
    request: Request, caller: CurrentAdmin, hotel: Hotel, *, notice: str = "", filled: Filled | None = None
) -> HTMLResponse:
    document = await api_settings.get_config(request, caller, hotel.id)
    form = filled or Filled(shown(document))
    systems = systems_of(request)
    return draw(
        request,
        caller,
        "settings/pms.html",
        notice=notice,
        status=form.status,
        document=document,
        kind=str(form.values["connection.pms_type"]),
        connection=CONNECTION,
        credentials={kind: _credential_fields(kind) for kind in PMS_TYPES},
        extra=EXTRA,
        groups=GROUPS,
        filled=form,
        names=PMS_NAMES,
        supported=[kind for kind in PMS_TYPES if systems.supports(kind)],
        came_back=filled is not None,
    )
