"""The wire to OPERA Cloud: tokens and their renewal, the headers of every call, empty answers, pages."""

import asyncio
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx2

from innkeeper.connectors.failures import CallFailed, Kind
from innkeeper.connectors.http import request_id
from innkeeper.connectors.opera.config import CLIENT_CREDENTIALS, SMALL_PAGE_SIZE, OperaSettings
from innkeeper.connectors.opera.errors import POLICY, classify
from innkeeper.connectors.opera.wire import Json
from innkeeper.connectors.rest import Call, Query, RestClient, Wire, parse_json

#: What the gateway accepts as x-request-id (csh.json, parameter x-request-id).
_REQUEST_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
#: Oracle asks to renew a token of 60 minutes at about 50 and not more often.
_RENEW_SHARE = 5 / 6
_DEFAULT_LIFE = 3600.0
#: Pages after which a list is taken for endless; 100,000 rows, more than a hotel's day has.
_MAX_PAGES = 2_000


#: The rows of one page, and what says whether there are more.
Page = tuple[Sequence[Json], Mapping[str, Any]]


class OperaClient:
    """Sends requests with a living token. Raises CallFailed with a key of `errors.POLICY`; repeats only after 401."""

    def __init__(self, settings: OperaSettings, wire: Wire) -> None:
        self.settings = settings
        self._clock = wire.clock
        self._page_size = settings.page_size
        self._rest = RestClient(
            settings.api_url,
            f"opera {settings.api_url} {settings.property_code}",
            classify,
            timeout_seconds=settings.timeout_seconds,
            breaker_threshold=settings.breaker_threshold,
            breaker_seconds=settings.breaker_seconds,
            wire=wire,
        )
        self._token = ""
        self._renew_at: datetime | None = None
        self._dead_at: datetime | None = None
        self._renewing = asyncio.Lock()

    def __repr__(self) -> str:
        return f"OperaClient({self.settings.api_url!r}, hotel {self.settings.property_code})"

    @property
    def requests_made(self) -> int:
        """How many requests have left, those for tokens included."""
        return self._rest.requests_made

    async def aclose(self) -> None:
        """Close the connections."""
        await self._rest.aclose()

    async def get(self, path: str, query: Query = ()) -> Any:
        """Return the parsed body, None for 204: OPERA's way to say that there is nothing."""
        call = Call("GET", path, query)
        response = await self._send(call)
        return parse_json(response, call) if response.content and response.status_code != 204 else None

    async def post(self, path: str, document: Mapping[str, Any]) -> Any:
        """Send a document once and return the parsed body, None when it is empty."""
        call = Call("POST", path, json=document)
        response = await self._send(call)
        return parse_json(response, call) if response.content else None

    async def rows(self, path: str, query: Query, read: Callable[[Any], Page]) -> list[Json]:
        """Return the rows of all pages; `read` finds the rows and the paging of one body. Raises CallFailed."""
        rows: list[Json] = []
        last: Sequence[Json] = ()
        for _ in range(_MAX_PAGES):
            body = await self._page(path, query, len(rows))
            page, paging = read(body) if body is not None else ((), {})
            if not page or page == last:  # the same page twice: the offset is not heeded
                return rows
            rows.extend(page)
            last = page
            if not _more(paging, len(rows), len(page) >= self._page_size):
                return rows
        raise CallFailed("BROKEN_ANSWER", "the list does not end", operation=f"GET {path}")

    async def _page(self, path: str, query: Query, offset: int) -> Any:
        while True:
            limit = self._page_size
            paged = [*query, ("limit", str(limit))]
            if offset:
                paged.append(("offset", str(offset)))
            try:
                return await self.get(path, paged)
            except CallFailed as failure:
                if failure.key != "PAGE_TOO_LARGE" or limit <= SMALL_PAGE_SIZE:
                    raise
                self._page_size = SMALL_PAGE_SIZE

    # the wire ------------------------------------------------------------------------------------------------------

    async def _send(self, call: Call) -> httpx2.Response:
        token = await self._living_token()
        try:
            return await self._rest.send(self._signed(call, token))
        except CallFailed as failure:
            if failure.status != 401:
                raise
        # 401 proves that nothing was done, so that even a charge may be sent again with a new token
        token = await self._living_token(refused=token)
        return await self._rest.send(self._signed(call, token))

    def _signed(self, call: Call, token: str) -> Call:
        caller = request_id.get() or ""
        headers = {
            "Authorization": f"Bearer {token}",
            "x-app-key": self.settings.app_key,
            "x-hotelid": self.settings.property_code,
            "x-request-id": caller if _REQUEST_ID.fullmatch(caller) else str(uuid.uuid4()),
            "Accept": "application/json",
        }
        if self.settings.external_system:
            headers["x-externalsystem"] = self.settings.external_system
        if call.json is None:
            # every operation of the specification consumes this type, those without a body too
            headers["Content-Type"] = "application/json;charset=UTF-8"
        return Call(call.method, call.path, call.query, headers, call.json)

    async def _living_token(self, refused: str | None = None) -> str:
        if not self._must_renew(refused):
            return self._token
        async with self._renewing:
            if self._must_renew(refused):  # nobody else has renewed it meanwhile
                await self._renew(refused)
        return self._token

    def _must_renew(self, refused: str | None) -> bool:
        if refused is not None:
            return self._token == refused
        return self._renew_at is None or self._clock() >= self._renew_at

    async def _renew(self, refused: str | None) -> None:
        asked_at = self._clock()
        still_good = refused is None and self._dead_at is not None and asked_at < self._dead_at
        call = self._token_call()
        try:
            with _nothing_posted():
                answer = parse_json(await self._rest.send(call), call)
        except CallFailed as failure:
            if still_good and POLICY[failure.key].kind is Kind.LATER:
                return
            raise
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not token:
            raise CallFailed("TOKEN_UNAVAILABLE", "the answer holds no access_token", operation=call.operation)
        life = float(answer.get("expires_in") or _DEFAULT_LIFE)
        self._token = str(token)
        self._renew_at = asked_at + timedelta(seconds=life * _RENEW_SHARE)
        self._dead_at = asked_at + timedelta(seconds=life)

    def _token_call(self) -> Call:
        s = self.settings
        headers = {"x-app-key": s.app_key, "Accept": "application/json"}
        if s.grant_type == CLIENT_CREDENTIALS:
            headers["enterpriseId"] = s.enterprise_id
            form = {"grant_type": s.grant_type, "scope": s.scope}
        else:
            form = {"grant_type": s.grant_type, "username": s.username, "password": s.password}
        return Call("POST", "/oauth/v1/tokens", headers=headers, form=form, auth=(s.client_id, s.client_secret))


def _more(paging: Mapping[str, Any], got: int, full: bool) -> bool:
    """Whether rows are left, by whichever of hasMore and totalResults is told; a full page counts as a hint."""
    if isinstance(paging.get("totalResults"), int):
        return got < int(paging["totalResults"])
    return bool(paging.get("hasMore", full))


@contextmanager
def _nothing_posted() -> Iterator[None]:
    """Turn every failure of the sign-in into one that says that the request behind it never left."""
    try:
        yield
    except CallFailed as failure:
        if failure.status in (400, 401, 403):
            key = "CREDENTIALS_REFUSED"
        else:
            key = failure.key if POLICY[failure.key].kind is Kind.REFUSED else "TOKEN_UNAVAILABLE"
        raise CallFailed(
            key,
            failure.detail,
            operation=failure.operation,
            status=None,  # 401 here is no reason to renew the token and try again
            retry_after=failure.retry_after,
        ) from failure
