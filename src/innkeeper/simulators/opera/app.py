"""The addresses of a simulated OPERA Cloud environment, as an ASGI application with a fault dial and a desk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from innkeeper.simulators.faults import (
    CONTROL_PREFIX,
    FaultDial,
    FaultyApp,
    Receive,
    Scope,
    Send,
    read_body,
)
from innkeeper.simulators.opera import charging, configuration, profiles, reading, reservations, sign_in
from innkeeper.simulators.opera.desk import FrontDesk, UnknownActionError
from innkeeper.simulators.opera.errors import OperaError, not_found
from innkeeper.simulators.opera.request import Request
from innkeeper.simulators.opera.state import HotelState


class OperaApp(FaultyApp):
    """An environment with one hotel. ``state`` is the hotel, ``desk`` its people, ``dial`` the faults.

    Besides the control endpoints of every simulator, ``POST /_simulator/desk`` lets the desk act:
    ``{"do": "check_out", "reservation": "41001"}``; see :class:`FrontDesk`.
    """

    def __init__(self, state: HotelState, dial: FaultDial | None = None) -> None:
        super().__init__(_Gateway(state), dial, state.summary)
        self.state = state
        self.desk = FrontDesk(state)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the desk act, or answer as the gateway does."""
        if scope["type"] == "http" and scope["path"] == f"{CONTROL_PREFIX}desk" and scope["method"] == "POST":
            try:
                answer, status = self.desk.act(json.loads(await read_body(receive) or b"{}")), 200
            except (UnknownActionError, ValueError, AttributeError) as wrong:
                answer, status = {"error": str(wrong)}, 422
            await _answer(send, status, answer)
            return
        await super().__call__(scope, receive, send)


def opera_app(
    *,
    dial: FaultDial | None = None,
    hotel_id: str = "SAND01",
    currency: str = "USD",
    business_date: date | str | None = None,
    guests: int | str = 40,
    seed: int | str = 0,
    state: HotelState | None = None,
) -> OperaApp:
    """Make the demo hotel, or serve the given one. Raises ValueError for a date or number that is none."""
    if state is None:
        opened = date.fromisoformat(business_date) if isinstance(business_date, str) else business_date
        state = HotelState.demo(
            hotel_id=hotel_id, currency=currency, business_date=opened, guests=int(guests), seed=int(seed)
        )
    return OperaApp(state, dial)


class _Gateway:
    """Answers the requests, one after the other: each is worked in one step, as a transaction would be."""

    def __init__(self, state: HotelState) -> None:
        self.state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        headers = {bytes(name).decode().lower(): bytes(value).decode() for name, value in scope["headers"]}
        raw = bytes(scope.get("raw_path") or scope["path"].encode()).decode().partition("?")[0]
        request = Request.parse(scope["method"], raw, bytes(scope.get("query_string", b"")).decode(), headers, body)
        try:
            status, answer = self._work(request)
        except OperaError as refusal:
            self.state.refused[f"http {refusal.status}"] += 1
            status, answer = refusal.status, refusal.document()
        except charging.Interrupted:
            status, answer = 500, None
        await _answer(send, status, answer)

    def _work(self, request: Request) -> tuple[int, Mapping[str, Any] | None]:
        if request.segments == ("oauth", "v1", "tokens") and request.method == "POST":
            return 200, sign_in.token(self.state, request)
        hotel = _hotel_of(request.segments)
        sign_in.check(self.state, request, hotel)
        found = self._answer(request)
        created = request.method == "POST"
        if found is None:
            return 204, None
        return (201 if created else 200), found

    def _answer(self, request: Request) -> Mapping[str, Any] | None:
        state = self.state
        match (request.method, *request.segments):
            case ("GET", "rsv", "v1", "hotels", _, "reservations"):
                return reservations.search(state, request)
            case ("POST", "csh", "v1", "hotels", _, "reservations", reservation, "charges"):
                return charging.post(state, request, reservation)
            case ("GET", "csh", "v1", "hotels", _, "reservations", reservation, "charges"):
                return charging.check(state, request, reservation)
            case ("PUT", "csh", "v1", "hotels", _, "reservations", reservation, "transactions"):
                return charging.delete(state, request, reservation)
            case ("GET", "csh", "v1", "hotels", _, "reservations", reservation, "folios"):
                return reading.folio(state, request, reservation)
            case ("GET", "csh", "v1", "hotels", _, "transactions"):
                return reading.transactions(state, request)
            case ("GET", "csh", "v1", "hotels", _, "financialPostings"):
                return reading.journal(state, request)
            case ("GET", "csh", "v1", "hotels", _, "postingDates", "date", "postingSummary"):
                return reading.posting_summary(state, request)
            case ("GET", "csh", "v1", "hotels", _, "transactionCodes"):
                return reading.transaction_codes(state, request)
            case ("POST", "csh", "v1", "hotels", _, "check", number):
                return reading.store_check(state, request, number)
            case ("GET", "csh", "v1", "hotels", _, "check", number):
                return reading.check_text(state, number)
            case _:
                return self._about(request)

    def _about(self, request: Request) -> Mapping[str, Any] | None:
        """Profiles, and what the hotel and its software say of themselves."""
        state = self.state
        match (request.method, *request.segments):
            case ("GET", "crm", "v1", "profiles", profile):
                return profiles.profile(state, request, profile)
            case ("GET", "fof", "config", "v1", "cashierDetails", "cashiers"):
                return configuration.cashiers(state, request)
            case ("GET", "rm", "config", "v1", "hotels", _, "roomTypes"):
                return configuration.room_types(state, request)
            case ("GET", "csh", "v1", "services", "cashiering", "status"):
                return {"operaVersion": state.version}
            case ("GET", "rsv", "v1", "services", "reservations", "status"):
                return {"operaVersion": state.version}
            case ("GET", "ent", "config", "v1", "hotels", _, "operaContext"):
                return {
                    "hotelContext": {
                        "hotelId": state.hotel_id,
                        "hotelName": state.hotel_name,
                        "businessDate": state.business_date.isoformat(),
                        "currencyCode": state.currency,
                    }
                }
            case ("GET", "bof", "v1", "hotels", _, "businessDate"):
                return {"hotels": [{"hotelId": state.hotel_id, "businessDate": state.business_date.isoformat()}]}
            case _:
                raise not_found(f"{request.method} /{'/'.join(request.segments)} is not an operation here.")


def _hotel_of(segments: tuple[str, ...]) -> str | None:
    """Return the hotel that a path names."""
    return segments[segments.index("hotels") + 1] if "hotels" in segments[:-1] else None


async def _answer(send: Send, status: int, document: Mapping[str, Any] | None) -> None:
    body = json.dumps(document).encode() if document is not None else b""
    headers = [(b"content-length", str(len(body)).encode())]
    if body:
        headers.append((b"content-type", b"application/json;charset=UTF-8"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
