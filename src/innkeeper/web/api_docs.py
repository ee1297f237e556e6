"""The documentation of the API, from assets of our own: a hotel's network need not reach the internet."""

from fastapi import Request
from fastapi.responses import HTMLResponse, Response

from innkeeper.access.http import current_caller
from innkeeper.domain.errors import NotSignedIn
from innkeeper.web.middleware import CONTENT_SECURITY_POLICY
from innkeeper.web.pages import render
from innkeeper.web.routing import Router

router = Router(include_in_schema=False)


@router.get("/api/docs")
async def api_docs(request: Request) -> Response:
    """Show every operation; who is signed in can try them out there."""
    try:
        await current_caller(request)
    except NotSignedIn:
        pass  # the documentation is for everybody, trying out is not
    page: HTMLResponse = render(request, "api_docs.html")
    # Swagger UI writes style attributes; scripts still come from us alone.
    page.headers["Content-Security-Policy"] = f"{CONTENT_SECURITY_POLICY}; style-src 'self' 'unsafe-inline'"
    page.headers["Cache-Control"] = "private, no-cache"
    return page
