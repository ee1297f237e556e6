"""The routes of signing in, users, tokens and the trail."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from innkeeper.access import audit, repository
from innkeeper.access.caller import Via
from innkeeper.access.http import (
    SESSION_COOKIE,
    CurrentAccess,
    CurrentAdmin,
    CurrentCaller,
    CurrentManager,
    Db,
    Limit,
    Offset,
    PropertyId,
    client_host,
    forget_session,
    remember_session,
)
from innkeeper.access.roles import Role
from innkeeper.access.schemas import (
    AuditEntry,
    AuditPage,
    CreatedToken,
    Me,
    NewToken,
    NewUser,
    OwnPassword,
    SignIn,
    Token,
    TokenPage,
    User,
    UserChange,
    UserPage,
)
from innkeeper.access.sessions import SignedIn, csrf_token
from innkeeper.domain.errors import NotAllowed, NotFound

router = APIRouter(prefix="/api", tags=["Access"])


@router.post("/session", summary="Sign in")
async def sign_in(body: SignIn, request: Request, response: Response, access: CurrentAccess) -> Me:
    """Sign in with a password, or as server or front desk with a PIN; the answer sets the session cookie."""
    host = client_host(request)
    if body.password is not None:
        user = await access.users.verify_password(body.name, body.password.get_secret_value(), host=host)
        method = "password"
    else:
        pin = body.pin.get_secret_value() if body.pin else ""
        user = await access.users.verify_pin(body.name, pin, host=host)
        method = "pin"
    signed_in = await access.sessions.open(user, method, replaces=request.cookies.get(SESSION_COOKIE))
    return _welcome(response, access, signed_in)


@router.delete("/session", status_code=204, summary="Sign out")
async def sign_out(request: Request, response: Response, access: CurrentAccess, _caller: CurrentCaller) -> None:
    """End the session of this browser."""
    if token := request.cookies.get(SESSION_COOKIE):
        await access.sessions.close(token)
    forget_session(response, access)


@router.get("/me", summary="Who am I?")
async def me(request: Request, caller: CurrentCaller) -> Me:
    """Return the caller, with the CSRF token of its session."""
    token = request.cookies.get(SESSION_COOKIE) if caller.via is Via.SESSION else None
    return Me.of(caller, csrf_token(token) if token else None)


@router.put("/me/password", summary="Change one's own password")
async def change_own_password(
    body: OwnPassword, request: Request, response: Response, access: CurrentAccess, caller: CurrentCaller
) -> Me:
    """Change the password; every other session of the user ends."""
    if caller.via is not Via.SESSION:
        raise NotAllowed("A token has no password.", action="Sign in as the user whose password it is.")
    user = await access.users.change_own_password(
        caller, body.current.get_secret_value(), body.new.get_secret_value(), host=client_host(request)
    )
    return _welcome(response, access, await access.sessions.open(user, "password"))


@router.get("/users", summary="List users")
async def list_users(database: Db, caller: CurrentAdmin, limit: Limit = 100, offset: Offset = 0) -> UserPage:
    """Return the users by name; an administrator of one property sees its own."""
    async with database.read() as session:
        rows, total = await repository.users(session, caller.property_id, limit=limit, offset=offset)
    return UserPage(items=[User.of(row) for row in rows], total=total, limit=limit, offset=offset)


@router.post("/users", status_code=201, summary="Add a user")
async def add_user(body: NewUser, access: CurrentAccess, caller: CurrentAdmin) -> User:
    """Add a user with a role; servers and the front desk may have a PIN."""
    row = await access.users.add(
        caller,
        body.name,
        body.role,
        password=body.password.get_secret_value() if body.password else None,
        pin=body.pin.get_secret_value() if body.pin else None,
        property_id=body.property_id or caller.property_id,
    )
    return User.of(row)


@router.put("/users/{user_id}", summary="Change a user")
async def change_user(
    user_id: UUID, body: UserChange, access: CurrentAccess, database: Db, caller: CurrentAdmin
) -> User:
    """Change role, property and state, and set a new password or PIN; an empty PIN takes it away."""
    await access.users.change(
        caller,
        user_id,
        role=body.role,
        property_id=body.property_id or caller.property_id,
        active=body.active,
        password=body.password.get_secret_value() if body.password else None,
        pin=body.pin.get_secret_value() if body.pin else None,
    )
    async with database.read() as session:
        row = await repository.user_by_id(session, user_id)
    if row is None:
        raise NotFound("There is no such user.")
    return User.of(row)


@router.delete("/users/{user_id}", status_code=204, summary="Retire a user")
async def retire_user(user_id: UUID, access: CurrentAccess, database: Db, caller: CurrentAdmin) -> None:
    """Sign the user out everywhere for good; the name stays, since the trail bears it."""
    async with database.read() as session:
        row = await repository.user_by_id(session, user_id)
    if row is None:
        raise NotFound("There is no such user.")
    await access.users.change(caller, user_id, role=Role(row.role), property_id=row.property_id, active=False)


@router.get("/tokens", summary="List tokens")
async def list_tokens(database: Db, caller: CurrentAdmin, limit: Limit = 100, offset: Offset = 0) -> TokenPage:
    """Return the tokens, newest first, without their texts."""
    async with database.read() as session:
        rows, total = await repository.tokens(session, caller.property_id, limit=limit, offset=offset)
    return TokenPage(items=[Token.of(row) for row in rows], total=total, limit=limit, offset=offset)


@router.post("/tokens", status_code=201, summary="Make a token")
async def create_token(body: NewToken, access: CurrentAccess, caller: CurrentAdmin) -> CreatedToken:
    """Make a token for a machine; its text is in this answer and nowhere else, ever."""
    row, text = await access.tokens.create(
        caller, body.name, body.role, property_id=body.property_id or caller.property_id
    )
    return CreatedToken(**Token.of(row).model_dump(), token=text)


@router.delete("/tokens/{token_id}", status_code=204, summary="Revoke a token")
async def revoke_token(token_id: UUID, access: CurrentAccess, caller: CurrentAdmin) -> None:
    """Make the token worthless; other server processes learn of it within five seconds."""
    await access.tokens.revoke(caller, token_id)


@router.get("/audit", summary="Read the trail")
async def read_trail(
    database: Db,
    caller: CurrentManager,
    property_id: PropertyId,
    entity_type: Annotated[str | None, Query(max_length=60)] = None,
    entity_id: Annotated[str | None, Query(max_length=100)] = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> AuditPage:
    """Return who did what in the property, newest first, and what concerns all properties to who may see those."""
    properties = [property_id] if caller.property_id else [property_id, audit.NO_PROPERTY]
    async with database.read() as session:
        rows, total = await repository.audit_page(
            session, properties, entity_type=entity_type, entity_id=entity_id, limit=limit, offset=offset
        )
    return AuditPage(items=[AuditEntry.of(row) for row in rows], total=total, limit=limit, offset=offset)


def _welcome(response: Response, access: CurrentAccess, signed_in: SignedIn) -> Me:
    remember_session(response, access, signed_in.token)
    return Me.of(signed_in.caller, signed_in.csrf_token)
