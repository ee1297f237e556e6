"""What a route asks for: the caller, the role it needs, the property, the data base, the version it changes."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, Header, Query, Request, Response
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from fastapi.security.utils import get_authorization_scheme_param
from structlog.contextvars import bind_contextvars

from innkeeper.access.caller import Caller
from innkeeper.access.passwords import Passwords
from innkeeper.access.properties import KnowsProperty, knows_every
from innkeeper.access.roles import Role
from innkeeper.access.sessions import LIFETIME, Sessions, is_csrf_token
from innkeeper.access.tokens import Tokens
from innkeeper.access.users import Users
from innkeeper.domain.errors import Invalid, NotAllowed, NotSignedIn
from innkeeper.domain.ids import DEFAULT_PROPERTY
from innkeeper.storage.database import Database

SESSION_COOKIE = "innkeeper_session"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf_token"

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_VERSION = re.compile(r'(?:W/)?"?(\d{1,18})"?')

#: Returns the properties that exist; access does not know the house's tables.
PropertyIds = Callable[[], Awaitable[Sequence[UUID]]]


async def _one_property() -> Sequence[UUID]:
    return (DEFAULT_PROPERTY,)


@dataclass(slots=True)
class Access:
    """What the dependencies work with; one for each app, under `app.state.access`."""

    users: Users
    tokens: Tokens
    sessions: Sessions
    property_ids: PropertyIds = field(default=_one_property)
    #: Whether browsers reach us by HTTPS, so that the cookie need not travel otherwise.
    secure_cookies: bool = False


def install(
    app: FastAPI,
    database: Database,
    *,
    passwords: Passwords | None = None,
    property_ids: PropertyIds | None = None,
    knows_property: KnowsProperty = knows_every,
    secure_cookies: bool = False,
) -> Access:
    """Put what the dependencies of this module need on the app, and return it."""
    access = Access(
        users=Users(database, passwords, knows_property),
        tokens=Tokens(database, knows_property),
        sessions=Sessions(database, knows_property),
        property_ids=property_ids or _one_property,
        secure_cookies=secure_cookies,
    )
    app.state.database = database
    app.state.access = access
    return access


async def get_database(request: Request) -> Database:
    """Return the data base of the app."""
    database: Database = request.app.state.database
    return database


async def get_access(request: Request) -> Access:
    """Return users, tokens and sessions of the app."""
    access: Access = request.app.state.access
    return access


async def current_caller(request: Request) -> Caller:
    """Return who is asking: a machine by its token, or a browser by its session; a request is looked into once.

    Raises NotSignedIn, and NotAllowed with the code CSRF when a browser's unsafe request was not made by our page.
    """
    known: Caller | None = getattr(request.state, "proved_caller", None)
    if known is not None:
        return known
    access: Access = request.app.state.access
    scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
    if scheme.lower() == "bearer" and token:
        caller = await access.tokens.verify(token)
        if caller is None:
            raise NotSignedIn("The token is unknown or was revoked.", action="Make a new token and send that.")
    else:
        caller = await _by_session(request, access)
    request.state.caller = request.state.proved_caller = caller
    bind_contextvars(caller=caller.name)
    return caller


async def _by_session(request: Request, access: Access) -> Caller:
    token = request.cookies.get(SESSION_COOKIE)
    if not token:
        raise NotSignedIn("You are not signed in.")
    caller = await access.sessions.verify(token)
    if caller is None:
        raise NotSignedIn("Your session has ended.", code="SESSION_ENDED", action="Sign in again.")
    if request.method not in _SAFE_METHODS:
        await check_csrf(request, token)
    return caller


async def recall_caller(request: Request) -> None:
    """Remember on the request whose session it bears, if any, for an error page where no route asked who it is."""
    access: Access = request.app.state.access
    token = request.cookies.get(SESSION_COOKIE)
    if token and getattr(request.state, "caller", None) is None:
        request.state.caller = await access.sessions.verify(token)


async def check_csrf(request: Request, session_token: str) -> None:
    """Raises NotAllowed unless the request bears the session's CSRF token, in the header or in the form."""
    given = request.headers.get(CSRF_HEADER)
    if given is None and request.headers.get("content-type", "").startswith(_FORMS):
        value = (await request.form()).get(CSRF_FIELD)
        given = value if isinstance(value, str) else None
    if given is None or not is_csrf_token(given, session_token):
        raise NotAllowed(
            "The request does not prove that it was made by a page of this program.",
            code="CSRF",
            action=f"Reload the page and try again; a script sends {CSRF_HEADER} or uses a token.",
        )


def client_host(request: Request) -> str:
    """Return the address that the request came from, as far as we and a trusted proxy can tell."""
    return request.client.host if request.client else "unknown"


def remember_session(response: Response, access: Access, token: str) -> None:
    """Set the session cookie: not for scripts, not for other sites' requests, gone after the session's lifetime."""
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=int(LIFETIME.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=access.secure_cookies,
    )


def forget_session(response: Response, access: Access) -> None:
    """Take the session cookie away."""
    response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="lax", secure=access.secure_cookies)


class SignedIn(SecurityBase):
    """The dependency that gives the caller; raises NotSignedIn, or NotAllowed naming the role that is needed.

    It is one object and no chain, which the framework would take apart for every route and walk for every request. The
    API's documentation shows it as the token that it takes.
    """

    model = HTTPBearer(bearerFormat="ink_…", description="A token made with `innkeeper token create`.")
    scheme_name = "HTTPBearer"

    def __init__(self, role: Role | None = None) -> None:
        self._role = role

    async def __call__(self, request: Request) -> Caller:
        caller = await current_caller(request)
        if self._role is not None:
            caller.need(self._role)
        return caller


@lru_cache
def require(role: Role) -> SignedIn:
    """Return the dependency that gives a caller who has at least this role."""
    return SignedIn(role)


async def property_id(
    request: Request,
    x_property_id: Annotated[
        str | None, Header(description="The property; left out, the caller's only one, or the default property.")
    ] = None,
) -> UUID:
    """Return the property that the request is about.

    X-Property-Id, else the caller's only one, else the one chosen in this browser, else the only one there is, else
    DEFAULT_PROPERTY. Raises NotSignedIn, NotAllowed for a property that is not the caller's, Invalid for a header that
    is no UUID.
    """
    caller = await current_caller(request)
    if x_property_id is not None:
        try:
            named = UUID(x_property_id)
        except ValueError:
            raise Invalid.field("X-Property-Id", "The property id is a UUID, as GET /api/property shows it.") from None
        caller.need_property(named)
        return named
    if caller.property_id is not None:
        return caller.property_id
    if caller.chosen_property_id is not None:
        return caller.chosen_property_id
    access: Access = request.app.state.access
    known = await access.property_ids()
    return known[0] if len(known) == 1 else DEFAULT_PROPERTY


async def if_match(
    value: Annotated[
        str | None, Header(alias="If-Match", description="The `version` that you read; a stale one is 412.")
    ] = None,
) -> int | None:
    """Return the version in If-Match, None when it is left out or `*`. Raises Invalid when it is no version."""
    if value is None or value.strip() == "*":
        return None
    match = _VERSION.fullmatch(value.strip())
    if match is None:
        raise Invalid.field("If-Match", 'Send the version that you read, as in If-Match: "3".')
    return int(match.group(1))


CurrentCaller = Annotated[Caller, Depends(SignedIn())]
CurrentServer = Annotated[Caller, Depends(require(Role.SERVER))]
CurrentFrontDesk = Annotated[Caller, Depends(require(Role.FRONT_DESK))]
CurrentManager = Annotated[Caller, Depends(require(Role.MANAGER))]
CurrentAdmin = Annotated[Caller, Depends(require(Role.ADMIN))]
PropertyId = Annotated[UUID, Depends(property_id)]
Db = Annotated[Database, Depends(get_database)]
CurrentAccess = Annotated[Access, Depends(get_access)]
IfMatch = Annotated[int | None, Depends(if_match)]
#: What every list takes; a data base counts no further than LARGEST in one column.
LARGEST = 2**31 - 1
Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]
Offset = Annotated[int, Query(ge=0, le=LARGEST, description="How many to pass over.")]
