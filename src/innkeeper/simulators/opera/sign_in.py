"""The token endpoint and the checks at the gateway (oauth.json, and the header parameters of csh.json)."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any
from urllib.parse import parse_qs

from innkeeper.simulators.opera import state as hotel
from innkeeper.simulators.opera.errors import OperaError, bad_request
from innkeeper.simulators.opera.request import Request

_APP_KEY = re.compile(r"[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89aAbB][a-f0-9]{3}-[a-f0-9]{12}")


def token(state: hotel.HotelState, request: Request) -> dict[str, Any]:
    """POST /oauth/v1/tokens."""
    _check_app_key(request)
    if "application/x-www-form-urlencoded" not in request.headers.get("content-type", ""):
        raise OperaError(415, "Unsupported Media Type")
    form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    if _basic(request) != (hotel.CLIENT_ID, hotel.CLIENT_SECRET):
        raise OperaError(401, "Unauthorized", "Invalid client ID or client secret.")
    grant = form.get("grant_type")
    if grant == "password" and state.password_allowed:
        if (form.get("username"), form.get("password")) != (hotel.USERNAME, hotel.PASSWORD):
            raise OperaError(401, "Unauthorized", "Invalid username or password.")
    elif grant == "client_credentials" and state.client_credentials_allowed:
        if form.get("scope") != hotel.SCOPE:
            raise OperaError(401, "Unauthorized", "Invalid scope.")
        if request.headers.get("enterpriseid") != hotel.ENTERPRISE_ID:
            raise OperaError(403, "Forbidden", "The enterprise is not known.")
    else:
        raise bad_request("This environment does not support the grant type.")
    return {"access_token": state.issue_token(), "expires_in": state.token_seconds, "token_type": "Bearer"}


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme != "Basic":
        return None
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name, secret


def _check_app_key(request: Request) -> None:
    key = request.headers.get("x-app-key", "")
    if not _APP_KEY.fullmatch(key) or key != hotel.APP_KEY:
        raise OperaError(401, "Unauthorized", "The application key is missing or unknown.")


def check(state: hotel.HotelState, request: Request, hotel_in_path: str | None) -> None:
    """What the gateway asks of every call. Raises OperaError."""
    _check_app_key(request)
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not state.knows_token(bearer):
        raise OperaError(401, "Unauthorized", "The access token is missing, unknown or has expired.")
    named = request.headers.get("x-hotelid")
    if not named:
        raise bad_request("The header x-hotelid is required.", "x-hotelid")
    if state.hotel_id not in (named,) or hotel_in_path not in (None, state.hotel_id):
        raise OperaError(403, "Forbidden", "The user has no access to this property.", "OPERAWS-GEN01244")
