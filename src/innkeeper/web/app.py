"""Puts the web app together from the parts that it is given: routers, pages, checks, sections of the overview."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from importlib.metadata import version
from typing import Protocol

from fastapi import APIRouter, Depends, FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from innkeeper.access import api as access_api
from innkeeper.access import http as access_http
from innkeeper.access.http import PropertyIds
from innkeeper.access.passwords import Passwords
from innkeeper.access.properties import KnowsProperty, knows_every
from innkeeper.connectors.http import request_id as connectors_request_id
from innkeeper.storage.database import Database
from innkeeper.storage.secrets import Keyring
from innkeeper.telemetry.health import Check
from innkeeper.telemetry.logging import request_id
from innkeeper.telemetry.metrics import Gatherer
from innkeeper.web import api_docs, choice, operations, sign_in
from innkeeper.web.middleware import BodyLimitMiddleware, RequestMiddleware
from innkeeper.web.overview import Provider, overview_router
from innkeeper.web.pages import (
    STATIC,
    DescribeHotel,
    ListHotels,
    NavEntry,
    PageSettings,
    nameless_hotel,
    no_hotels,
)
from innkeeper.web.plain_text import refuse_unkeepable
from innkeeper.web.problems import RESPONSES, install_handlers
from innkeeper.web.routing import Router

#: Bytes; addresses that take more (a signature) are named in `larger_bodies`.
BODY_LIMIT = 1024 * 1024

OVERVIEW = NavEntry("/", "Overview")


class Lifespan(Protocol):
    """What runs beside the app, from its start to its end."""

    def __call__(self, app: FastAPI, /) -> AbstractAsyncContextManager[None]:
        """Return the context that the app lives in."""
        ...


class Assets(StaticFiles):
    """Our assets; under an address with a mark of their content they are kept for ever."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file with how long it may be kept."""
        response = await super().get_response(path, scope)
        marked = scope.get("query_string", b"").startswith(b"v=")
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if marked else "public, max-age=3600"
        return response


def create_app(
    database: Database,
    keyring: Keyring,
    *,
    routers: Sequence[APIRouter] = (),
    lifespan: Lifespan | None = None,
    navigation: Sequence[NavEntry] = (),
    overview: Sequence[Provider] = (),
    describe_hotel: DescribeHotel = nameless_hotel,
    property_ids: PropertyIds | None = None,
    knows_property: KnowsProperty = knows_every,
    list_hotels: ListHotels = no_hotels,
    checks: Mapping[str, Check] | None = None,
    gatherers: Sequence[Gatherer] = (),
    passwords: Passwords | None = None,
    secure_cookies: bool = False,
    body_limit: int = BODY_LIMIT,
    larger_bodies: Mapping[str, int] | None = None,
    request_ids: Sequence[ContextVar[str | None]] = (request_id, connectors_request_id),
) -> FastAPI:
    """Return the app.

    `routers` are the contexts' `api.py` and `pages.py`; `navigation` their pages, after the overview; `checks` what
    `/readyz` asks besides the data base; `gatherers` read what `/metrics` tells from the data base; `secure_cookies` is
    right where browsers come by HTTPS. Routes find the data base, the keyring and access under `app.state.database`,
    `.keyring` and `.access`.
    """
    app = FastAPI(
        title="Innkeeper",
        version=version("innkeeper"),
        description="The hub that keeps a hotel's systems in step: channel sync and room charge over one set of books.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        responses=RESPONSES,
        dependencies=[Depends(refuse_unkeepable)],
    )
    access_http.install(
        app,
        database,
        passwords=passwords,
        property_ids=property_ids,
        knows_property=knows_property,
        secure_cookies=secure_cookies,
    )
    app.state.keyring = keyring
    app.state.pages = PageSettings((OVERVIEW, *navigation), describe_hotel, list_hotels)
    install_handlers(app)
    app.add_middleware(BodyLimitMiddleware, limit=body_limit, larger=larger_bodies)
    app.add_middleware(RequestMiddleware, ids=request_ids)
    all_checks = {"database": _database_check(database), **(checks or {})}
    ours = (
        operations.operations_router(all_checks, gatherers),
        overview_router(overview),
        sign_in.router,
        choice.router,
        api_docs.router,
    )
    for router in (access_api.router, *routers, *ours):
        if isinstance(router, Router):
            app.router.routes.extend(router.routes)
        else:
            app.include_router(router)
    app.mount("/static", GZipMiddleware(Assets(directory=STATIC), minimum_size=1024), name="static")
    return app


def _database_check(database: Database) -> Check:
    async def check() -> str | None:
        await database.ping()
        return None

    return check
