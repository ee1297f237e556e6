"""Where a person of all properties chooses which of them the screens are about."""

from typing import Annotated
from uuid import UUID

from fastapi import Form, Request
from fastapi.responses import RedirectResponse, Response

from innkeeper.access.caller import Via
from innkeeper.access.http import SESSION_COOKIE, CurrentAccess, CurrentCaller, remember_session
from innkeeper.domain.errors import NotAllowed
from innkeeper.web.routing import Router

router = Router(include_in_schema=False)


@router.post("/property")
async def choose(
    request: Request, access: CurrentAccess, caller: CurrentCaller, property_id: Annotated[UUID, Form()]
) -> Response:
    """Keep the choice with the session, and begin at the overview: what was open belongs to the other property."""
    if caller.via is not Via.SESSION:
        raise NotAllowed("A token has no session to keep the choice in.", action="Send X-Property-Id instead.")
    token = await access.sessions.choose(request.cookies.get(SESSION_COOKIE, ""), property_id)
    response = RedirectResponse("/", status_code=303)
    remember_session(response, access, token)
    return response
