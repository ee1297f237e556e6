"""The settings screens of users, API tokens, the audit trail and one's own password."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Form, Query, Request, Response
from fastapi.responses import HTMLResponse

from innkeeper.access import api, audit, repository
from innkeeper.access.http import (
    CurrentAccess,
    CurrentAdmin,
    CurrentCaller,
    CurrentManager,
    Db,
)
from innkeeper.access.passwords import MIN_PASSWORD
from innkeeper.access.roles import PIN_ROLES, Role
from innkeeper.access.schemas import NewToken, NewUser, OwnPassword, User, UserChange
from innkeeper.domain.errors import InnkeeperError, NotFound
from innkeeper.web.pages import Hotel
from innkeeper.web.routing import Router
from innkeeper.web.settings_forms import Field, Filled, body_of, given, typed, wrong
from innkeeper.web.settings_frame import ROOT, draw, go

router = Router(prefix=ROOT, include_in_schema=False)

#: Lines of a list on one page.
PAGE = 50

Notice = Annotated[str, Query(max_length=40)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]

_ROLES = tuple((role.value, role.label.capitalize()) for role in Role)
ROLE_WORDS = {
    Role.SERVER: "Charges rooms and sees the postings of the outlets.",
    Role.FRONT_DESK: "The above, and reservations, guests, folios and conflicts.",
    Role.MANAGER: "The above, and rates, retries, voids, mappings and reconciliation.",
    Role.ADMIN: "Everything, with users and connections.",
}
NEW_USER = (
    Field("name", "Name", "What the person types to sign in: letters, digits, dots and hyphens, as ana.b.", longest=80),
    Field("role", "Role", "What the person may do; each role may do all that the one before it may.", "choice", _ROLES),
    Field(
        "password",
        "Password",
        f"At least {MIN_PASSWORD} characters; servers and the front desk may do with a PIN alone.",
        "secret",
        longest=200,
    ),
    Field(
        "pin", "PIN", "Four to eight digits, for servers and the front desk at a shared terminal.", "secret", longest=8
    ),
)
CHANGED_USER = (
    NEW_USER[1],
    Field(
        "password",
        "New password",
        "Left empty, the password stays; a new one signs the person out everywhere.",
        "secret",
    ),
    Field("pin", "New PIN", "Left empty, the PIN stays.", "secret", longest=8),
)
NEW_TOKEN = (
    Field(
        "name",
        "Who will use it",
        "The machine or program, as POS of the bar; it stands in the audit trail.",
        longest=80,
    ),
    Field("role", "Role", "What the machine may do; give it no more than it needs.", "choice", _ROLES),
)
OWN_PASSWORD = (
    Field("current", "Present password", "So that nobody else changes it at your open screen.", "secret", longest=200),
    Field("new", "New password", "Your other sessions end.", "secret", longest=200),
)


# --- users ------------------------------------------------------------------------------------------------------------


@router.get("/users")
async def users(
    request: Request, caller: CurrentAdmin, hotel: Hotel, database: Db, notice: Notice = ""
) -> HTMLResponse:
    """Show who may sign in, and a form for the next one."""
    return await _users(request, caller, database, notice=notice)


@router.post("/users")
async def add_user(
    request: Request, caller: CurrentAdmin, hotel: Hotel, database: Db, access: CurrentAccess
) -> Response:
    """Add a user."""
    values = await typed(request, NEW_USER)
    try:
        await api.add_user(body_of(NewUser, given(values)), access, caller)
    except InnkeeperError as error:
        return await _users(request, caller, database, filled=wrong(values, error, NEW_USER))
    return go(f"{ROOT}/users", "added")


@router.get("/users/{user_id}")
async def user(
    request: Request, caller: CurrentAdmin, hotel: Hotel, database: Db, user_id: UUID, notice: Notice = ""
) -> HTMLResponse:
    """Show one user with what can be changed."""
    return await _user(request, caller, database, user_id, notice=notice)


@router.post("/users/{user_id}")
async def change_user(
    request: Request,
    caller: CurrentAdmin,
    hotel: Hotel,
    database: Db,
    access: CurrentAccess,
    user_id: UUID,
    act: Annotated[str, Form(max_length=20)] = "save",
) -> Response:
    """Change role, password or PIN, or let the user in or out."""
    before = await _find(database, caller, user_id)
    values = await typed(request, CHANGED_USER)
    wanted: dict[str, Any] = {"role": before.role, "property_id": before.property_id, "active": before.active}
    match act:
        case "disable" | "enable":
            wanted["active"] = act == "enable"
        case "forget-pin":
            wanted["pin"] = ""
        case _:
            wanted |= given(values)
    try:
        await api.change_user(user_id, body_of(UserChange, wanted), access, database, caller)
    except InnkeeperError as error:
        shown = values if act == "save" else {"role": before.role.value}
        return await _user(request, caller, database, user_id, filled=wrong(shown, error, CHANGED_USER))
    return go(f"{ROOT}/users/{user_id}", {"disable": "disabled", "enable": "enabled"}.get(act, "saved"))


async def _find(database: Db, caller: CurrentAdmin, user_id: UUID) -> User:
    async with database.read() as session:
        row = await repository.user_by_id(session, user_id)
    if row is None or caller.property_id not in (None, row.property_id):
        raise NotFound("There is no such user.")
    return User.of(row)


async def _users(
    request: Request, caller: CurrentAdmin, database: Db, *, notice: str = "", filled: Filled | None = None
) -> HTMLResponse:
    page = await api.list_users(database, caller, limit=500)
    form = filled or Filled({"role": Role.SERVER.value})
    return draw(
        request,
        caller,
        "settings/users.html",
        notice=notice,
        status=form.status,
        users=page.items,
        fields=NEW_USER,
        filled=form,
        role_words=ROLE_WORDS,
        came_back=filled is not None,
    )


async def _user(
    request: Request,
    caller: CurrentAdmin,
    database: Db,
    user_id: UUID,
    *,
    notice: str = "",
    filled: Filled | None = None,
) -> HTMLResponse:
    found = await _find(database, caller, user_id)
    form = filled or Filled({"role": found.role.value})
    return draw(
        request,
        caller,
        "settings/user.html",
        notice=notice,
        status=form.status,
        user=found,
        fields=CHANGED_USER if found.role in PIN_ROLES else CHANGED_USER[:2],
        filled=form,
        came_back=filled is not None,
    )


# --- tokens -----------------------------------------------------------------------------------------------------------


@router.get("/tokens")
async def tokens(
    request: Request, caller: CurrentAdmin, hotel: Hotel, database: Db, notice: Notice = ""
) -> HTMLResponse:
    """Show which machines have a token, and a form for the next one."""
    return await _tokens(request, caller, database, notice=notice)


@router.post("/tokens")
async def create_token(
    request: Request, caller: CurrentAdmin, hotel: Hotel, database: Db, access: CurrentAccess
) -> HTMLResponse:
    """Make a token and show its text, this once."""
    values = await typed(request, NEW_TOKEN)
    try:
        created = await api.create_token(body_of(NewToken, given(values)), access, caller)
    except InnkeeperError as error:
        return await _tokens(request, caller, database, filled=wrong(values, error, NEW_TOKEN))
    page = await _tokens(request, caller, database, created=created)
    page.headers["Cache-Control"] = "no-store"
    return page


@router.post("/tokens/{token_id}")
async def revoke_token(
    request: Request, caller: CurrentAdmin, hotel: Hotel, access: CurrentAccess, token_id: UUID
) -> Response:
    """Make a token worthless."""
    await api.revoke_token(token_id, access, caller)
    return go(f"{ROOT}/tokens", "revoked")


async def _tokens(
    request: Request,
    caller: CurrentAdmin,
    database: Db,
    *,
    notice: str = "",
    filled: Filled | None = None,
    created: Any = None,
) -> HTMLResponse:
    page = await api.list_tokens(database, caller, limit=500)
    form = filled or Filled({"role": Role.SERVER.value})
    return draw(
        request,
        caller,
        "settings/tokens.html",
        notice=notice,
        status=form.status,
        tokens=page.items,
        fields=NEW_TOKEN,
        filled=form,
        created=created,
    )


# --- the trail --------------------------------------------------------------------------------------------------------


@router.get("/audit")
async def trail(
    request: Request, caller: CurrentManager, hotel: Hotel, database: Db, offset: Offset = 0, check: bool = False
) -> HTMLResponse:
    """Show who did what, newest first; with `check` whether the chain is as it was written."""
    page = await api.read_trail(database, caller, hotel.id, limit=PAGE, offset=offset)
    report = None
    if check:
        async with database.read() as session:
            report = await audit.verify_chain(session)
    return draw(request, caller, "settings/audit.html", page=page, offset=offset, size=PAGE, report=report)


# --- one's own password -----------------------------------------------------------------------------------------------


@router.get("/password")
async def password(request: Request, caller: CurrentCaller, hotel: Hotel, notice: Notice = "") -> HTMLResponse:
    """Show the form for one's own password."""
    return draw(request, caller, "settings/password.html", notice=notice, fields=OWN_PASSWORD, filled=Filled({}))


@router.post("/password")
async def change_password(request: Request, caller: CurrentCaller, hotel: Hotel, access: CurrentAccess) -> Response:
    """Change it and stay signed in here."""
    values = await typed(request, OWN_PASSWORD)
    response = go(f"{ROOT}/password", "password")
    try:
        await api.change_own_password(body_of(OwnPassword, values), request, response, access, caller)
    except InnkeeperError as error:
        filled = wrong(values, error, OWN_PASSWORD)
        return draw(request, caller, "settings/password.html", status=error.status, fields=OWN_PASSWORD, filled=filled)
    return response
