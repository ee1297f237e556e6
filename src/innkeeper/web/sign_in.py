"""The pages of signing in with a password or a PIN, and of signing out."""

import secrets
from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import Form, Request
from fastapi.responses import RedirectResponse, Response

from innkeeper.access.http import (
    SESSION_COOKIE,
    CurrentAccess,
    CurrentCaller,
    client_host,
    forget_session,
    remember_session,
)
from innkeeper.access.sessions import csrf_token, is_csrf_token
from innkeeper.access.throttle import TooManyAttempts
from innkeeper.domain.errors import InnkeeperError, NotSignedIn
from innkeeper.web.pages import render
from innkeeper.web.routing import Router

router = Router(include_in_schema=False)

#: Belongs to the form while nobody is signed in, so that another site cannot sign somebody in as somebody else.
FORM_COOKIE = "innkeeper_form"

Method = Literal["password", "pin"]


@router.get("/sign-in")
async def sign_in_page(
    request: Request,
    access: CurrentAccess,
    method: Method = "password",
    next: str = "/",  # noqa: A002  its public name
) -> Response:
    """Show the form; who is signed in already goes where they wanted."""
    token = request.cookies.get(SESSION_COOKIE)
    if token and await access.sessions.verify(token):
        return RedirectResponse(safe_path(next), status_code=303)
    return _form(request, access, method=method, back=next)


@router.post("/sign-in")
async def sign_in(
    request: Request,
    access: CurrentAccess,
    name: Annotated[str, Form(max_length=200)] = "",
    secret: Annotated[str, Form(max_length=200)] = "",
    method: Annotated[Method, Form()] = "password",
    next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002  its public name
    form_token: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Sign in and go where the person wanted; a mistake shows the form again with the name still in it."""
    cookie = request.cookies.get(FORM_COOKIE, "")
    if not cookie or not is_csrf_token(form_token, cookie):
        stale = "This page was open for too long. Try again now."
        return _form(request, access, method=method, back=next, name=name, message=stale, status_code=403)
    verify = access.users.verify_pin if method == "pin" else access.users.verify_password
    try:
        user = await verify(name, secret, host=client_host(request))
    except (NotSignedIn, TooManyAttempts) as error:
        return _form(request, access, method=method, back=next, name=name, error=error)
    signed_in = await access.sessions.open(user, method, replaces=request.cookies.get(SESSION_COOKIE))
    response = RedirectResponse(safe_path(next), status_code=303)
    remember_session(response, access, signed_in.token)
    response.delete_cookie(FORM_COOKIE, path="/sign-in")
    return response


@router.post("/sign-out")
async def sign_out(request: Request, access: CurrentAccess, _caller: CurrentCaller) -> Response:
    """End the session and show the form."""
    if token := request.cookies.get(SESSION_COOKIE):
        await access.sessions.close(token)
    response = RedirectResponse("/sign-in", status_code=303)
    forget_session(response, access)
    return response


def safe_path(path: str) -> str:
    """Return the path when it leads to a page of ours, else the overview: nobody is sent elsewhere after signing in."""
    parts = urlsplit(path.replace("\\", "/"))
    ours = path.startswith("/") and not path.startswith("//") and not parts.scheme and not parts.netloc
    printable = path.isprintable() and "\\" not in path
    return path if ours and printable and not path.startswith(("/api/", "/sign-")) else "/"


def _form(
    request: Request,
    access: CurrentAccess,
    *,
    method: Method,
    back: str,
    name: str = "",
    message: str = "",
    error: InnkeeperError | None = None,
    status_code: int = 200,
) -> Response:
    cookie = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(24)
    retry_after = getattr(error, "retry_after", None)
    response = render(
        request,
        "sign_in.html",
        status_code=error.status if error else status_code,
        headers={"Retry-After": str(retry_after)} if retry_after else None,
        method=method,
        next=safe_path(back),
        name=name,
        message=error.detail if error else message,
        action=error.action if error else "",
        form_token=csrf_token(cookie),
    )
    response.set_cookie(
        FORM_COOKIE, cookie, path="/sign-in", httponly=True, samesite="strict", secure=access.secure_cookies
    )
    return response
