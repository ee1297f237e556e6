"""Tells a caller what went wrong: problem details (RFC 9457) for programs, a page for people."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from innkeeper.access.http import recall_caller
from innkeeper.domain.errors import FieldError, InnkeeperError, Invalid, NotSignedIn
from innkeeper.storage.database import is_contention
from innkeeper.telemetry.logging import get_logger, request_id
from innkeeper.telemetry.metrics import HTTP_ERRORS
from innkeeper.telemetry.redaction import is_secret_key, redact_shapes, redact_text
from innkeeper.web.pages import render

log = get_logger(__name__)

MEDIA_TYPE = "application/problem+json"

#: What a status that the framework answers by itself means, and what to do: code, title, action.
_HTTP = {
    400: ("BAD_REQUEST", "The request cannot be read", "Send a well-formed request."),
    404: ("NOT_FOUND", "Not found", "Check the address, or the identifier in it."),
    405: (
        "METHOD_NOT_ALLOWED",
        "This address does not take that method",
        "GET /api/docs lists the methods it takes.",
    ),
    406: ("NOT_ACCEPTABLE", "This cannot be sent in the form you accept", "Accept application/json."),
    413: ("TOO_LARGE", "The request is too large", "Send less at a time, or a smaller picture."),
    415: ("UNSUPPORTED_MEDIA_TYPE", "The body is of another kind than expected", "Send application/json."),
}

#: Pydantic's kinds of mistakes, in words for a person. `{…}` are the limits of the field, never what was sent.
_PLAIN = {
    "missing": "This is needed.",
    "extra_forbidden": "There is no such field here.",
    "json_invalid": "The body is not valid JSON.",
    "string_type": "This must be text.",
    "string_too_short": "This must have at least {min_length} characters.",
    "string_too_long": "This must have at most {max_length} characters.",
    "too_long": "This is too long; {max_length} is the most.",
    "too_short": "This is too short; {min_length} is the least.",
    "string_pattern_mismatch": "This does not have the expected form.",
    "int_type": "This must be a whole number.",
    "int_parsing": "This must be a whole number.",
    "int_from_float": "This must be a whole number.",
    "bool_type": "This must be true or false.",
    "bool_parsing": "This must be true or false.",
    "decimal_type": "This must be an amount, as text like 105.00.",
    "decimal_parsing": "This must be an amount, as text like 105.00.",
    "decimal_max_digits": "This has too many digits; {max_digits} is the most.",
    "decimal_max_places": "This has too many decimal places; {decimal_places} is the most.",
    "decimal_whole_digits": "This is too large; {whole_digits} digits before the point is the most.",
    "finite_number": "This must be a number.",
    "time_type": "This must be a time of day like 15:00.",
    "time_parsing": "This must be a time of day like 15:00.",
    "float_type": "This must be a number.",
    "float_parsing": "This must be a number.",
    "uuid_type": "This must be a UUID.",
    "uuid_parsing": "This must be a UUID.",
    "date_type": "This must be a date like 2026-10-23.",
    "date_parsing": "This must be a date like 2026-10-23.",
    "date_from_datetime_parsing": "This must be a date like 2026-10-23.",
    "date_from_datetime_inexact": "This must be a date like 2026-10-23, without a time.",
    "datetime_type": "This must be an instant with a zone, like 2026-10-23T19:45:00Z.",
    "datetime_parsing": "This must be an instant with a zone, like 2026-10-23T19:45:00Z.",
    "datetime_from_date_parsing": "This must be an instant with a zone, like 2026-10-23T19:45:00Z.",
    "timezone_aware": "This must be an instant with a zone, like 2026-10-23T19:45:00Z.",
    "enum": "This must be one of: {expected}.",
    "literal_error": "This must be one of: {expected}.",
    "greater_than": "This must be more than {gt}.",
    "greater_than_equal": "This must be at least {ge}.",
    "less_than": "This must be less than {lt}.",
    "less_than_equal": "This must be at most {le}.",
    "list_type": "This must be a list.",
    "dict_type": "This must be an object.",
    "model_type": "This must be an object.",
    "model_attributes_type": "This must be a JSON object; send Content-Type: application/json.",
}
#: What reading a body as JSON ends in, besides a plain mistake in its signs; the framework makes a 400 of them.
_UNREADABLE = (RecursionError, ValueError)
#: How Pydantic calls the forms that a field may have, behind the field's name: a text or a number.
_FORMS = frozenset("str int float bool constrained-str constrained-int constrained-float".split())
_SOURCES = frozenset({"body", "query", "path", "header", "cookie"})


class WrongField(BaseModel):
    """One field that is wrong and why."""

    field: str
    message: str


class Problem(BaseModel):
    """What went wrong (RFC 9457), with what a person does now."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    action: str
    errors: list[WrongField]
    request_id: str | None


def _described(description: str) -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    wrong_field = schema.pop("$defs")["WrongField"]
    schema["properties"]["errors"]["items"] = wrong_field
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


#: What every operation can answer besides its own result, for the description of the API.
RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": _described("The request was refused; nothing was changed."),
    "5XX": _described("We or another system cannot do it now."),
}


class BodyTooLarge(InnkeeperError):
    """The body is larger than this address takes."""

    status, code, title = 413, "TOO_LARGE", "The request is too large"
    action = "Send less at a time, or a smaller picture."

    def __init__(self, limit: int) -> None:
        super().__init__(f"This address takes at most {limit // 1024} KiB at a time.")


class Busy(InnkeeperError):
    """The data base did not get to it in time; nothing was changed."""

    status, code, title = 503, "BUSY", "Too much is going on at once"
    action = "Nothing was changed; try again in a moment."


class DatabaseUnreachable(InnkeeperError):
    """The data base does not answer."""

    status, code, title = 503, "DATABASE_UNREACHABLE", "The data base does not answer"
    action = "Try again in a moment; if it stays, tell whoever runs this server."


class Unexpected(InnkeeperError):
    """Nobody had foreseen it; the log has the traceback under the request id."""


def install_handlers(app: FastAPI) -> None:
    """Answer every kind of error as a problem or, to a browser that wants a page, as a page."""

    async def on_innkeeper_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, InnkeeperError)  # noqa: S101  registered for this class only
        return answer(request, error)

    async def on_validation_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101  registered for this class only
        wrong = plain_errors(error.errors())
        detail = wrong[0].message if len(wrong) == 1 else f"{len(wrong)} fields are not right."
        return answer(request, Invalid(detail, errors=wrong))

    async def on_http_exception(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  registered for this class only
        if error.status_code == HTTPStatus.BAD_REQUEST and isinstance(error.__cause__, _UNREADABLE):
            return answer(request, Invalid.field("body", "The body is nested too deep, or no JSON in UTF-8."))
        if wants_page(request):
            await recall_caller(request)
        return answer(request, _from_http(error), headers=dict(error.headers or {}))

    app.add_exception_handler(InnkeeperError, on_innkeeper_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(HTTPException, on_http_exception)


def on_unexpected(request: Request, error: Exception, route: str) -> Response:
    """Log an error that nobody had foreseen with its traceback, and answer without one."""
    waited_in_vain = isinstance(error, PoolTimeout)  # every connection was in use for all of the patience there is
    if waited_in_vain or (isinstance(error, DBAPIError) and is_contention(error)):
        log.warning("request gave way to another", route=route, error=type(error).__name__)
        return answer(request, Busy("Others were changing the same things."), headers={"Retry-After": "1"})
    HTTP_ERRORS.labels(route).inc()
    log.error("unexpected error", route=route, exc_info=error)
    if (isinstance(error, DBAPIError) and error.connection_invalidated) or isinstance(error, ConnectionError):
        return answer(request, DatabaseUnreachable("The data base does not answer."), headers={"Retry-After": "5"})
    return answer(request, Unexpected("An error that we had not foreseen. It is in our log under the request id."))


def answer(request: Request, error: InnkeeperError, *, headers: dict[str, str] | None = None) -> Response:
    """Return the error in the form that the caller can use."""
    headers = dict(headers or {})
    if (retry_after := getattr(error, "retry_after", None)) is not None:
        headers["Retry-After"] = str(retry_after)
    if wants_page(request):
        if isinstance(error, NotSignedIn) and request.url.path != "/sign-in":
            return RedirectResponse(sign_in_path(request), status_code=303)
        return render(request, "error.html", status_code=error.status, headers=headers, problem=problem(error))
    if isinstance(error, NotSignedIn):
        headers["WWW-Authenticate"] = "Bearer"
        if "hx-request" in request.headers:
            headers["HX-Redirect"] = sign_in_path(request)
    return JSONResponse(problem(error), status_code=error.status, media_type=MEDIA_TYPE, headers=headers)


def problem(error: InnkeeperError) -> dict[str, Any]:
    """Return the problem details; what slipped into a sentence that should not be in one is taken out.

    Of another system's words, all that could be a guest's. In ours, what was typed is quoted by `domain.quoting`, and
    a number that looks like a telephone's is an example, a limit or an identifier.
    """
    return {
        "type": f"urn:innkeeper:problem:{error.code.lower().replace('_', '-')}",
        "title": error.title,
        "status": error.status,
        "detail": _shown(error.detail, foreign=error.foreign),
        "code": error.code,
        "action": error.action,
        "errors": [
            {"field": each.field, "message": _shown(each.message, foreign=each.foreign or error.foreign)}
            for each in error.errors
        ],
        "request_id": request_id.get(),
    }


def _shown(sentence: str, *, foreign: bool) -> str:
    return redact_text(sentence) if foreign else redact_shapes(sentence)


def plain_errors(errors: Sequence[Any]) -> list[FieldError]:
    """Return Pydantic's errors in plain words, one for a field that fits none of the forms it may have."""
    found: list[FieldError] = []
    told: set[str] = set()
    for error in errors:
        plain = plain_error(dict(error))
        if error["loc"] and error["loc"][-1] in _FORMS:
            if plain.field in told:
                continue
            told.add(plain.field)
        found.append(plain)
    return found


def plain_error(error: dict[str, Any]) -> FieldError:
    """Return one of Pydantic's errors in plain words, without what was sent."""
    where: Sequence[str | int] = error["loc"]
    kind: str = error["type"]
    parts = [str(part) for part in (where[1:] if where and where[0] in _SOURCES else where)]
    if len(parts) > 1 and parts[-1] in _FORMS:
        parts.pop()
    if kind == "json_invalid" or not parts:
        parts = [str(where[0])] if where else ["body"]
    # rooms[0].check_out, as the contexts name their fields.
    name = re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", ".".join(parts))
    if kind in _PLAIN:
        return FieldError(name, _PLAIN[kind].format_map(_Limits(error.get("ctx") or {})))
    if kind == "value_error":
        # Our own validators' sentences; for a secret they might quote it.
        sentence = re.sub(r"^Value error, ", "", str(error["msg"]))
        return FieldError(name, "This is not right." if is_secret_key(parts[-1]) else sentence)
    return FieldError(name, "This does not have the expected form.")


class _Limits(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return f"the {key}"


def wants_page(request: Request) -> bool:
    """Whether a person waits for a page, and not a program or a part of a page for an answer."""
    return (
        not request.url.path.startswith("/api/")
        and "hx-request" not in request.headers
        and "text/html" in request.headers.get("accept", "")
    )


def sign_in_path(request: Request) -> str:
    """Return where to sign in, coming back to this page afterwards."""
    shown = request.headers.get("hx-current-url") if "hx-request" in request.headers else str(request.url)
    back = re.sub(r"^[a-z]+://[^/]*", "", shown or "/") if request.method == "GET" else "/"
    return "/sign-in" if back in ("", "/") else f"/sign-in?next={quote(back, safe='')}"


def _from_http(error: HTTPException) -> InnkeeperError:
    phrase = HTTPStatus(error.status_code).phrase
    code, title, action = _HTTP.get(error.status_code, (phrase.upper().replace(" ", "_"), phrase, "See the detail."))
    converted = InnkeeperError(title + "." if error.detail == phrase else str(error.detail), code=code, action=action)
    converted.status, converted.title, converted.foreign = error.status_code, title, True
    return converted
