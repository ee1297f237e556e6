"""The screen that tells how one booking became what it is, a line a step."""

import re
from typing import Annotated, Any

from fastapi import Path, Request
from fastapi.responses import HTMLResponse, Response

from innkeeper.access.http import CurrentFrontDesk
from innkeeper.channel_sync import api, api_explain
from innkeeper.channel_sync.conflict_words import conflict_sentence
from innkeeper.channel_sync.pages_frame import ROOT, Notice, draw, go, instant
from innkeeper.domain.errors import NotFound
from innkeeper.web.pages import Hotel
from innkeeper.web.routing import Router
from innkeeper.web.status import State

router = Router(prefix=f"{ROOT}/bookings", include_in_schema=False)

OrderId = Annotated[int, Path(ge=1, lt=2**31)]

#: Each kind of step: its word and how it stands.
KINDS = {
    "message": ("QloApps told", State.DONE),
    "parked": ("Could not be stored", State.NEEDS_YOU),
    "guest": ("Who the guest is", State.DONE),
    "decision": ("Decided", State.DONE),
    "rule": ("Conflict", State.NEEDS_YOU),
    "push": ("Told QloApps", State.ON_ITS_WAY),
    "attention": ("Somebody was needed", State.NEEDS_YOU),
    "house": ("In the house", State.DONE),
    "person": ("A person decided", State.DONE),
}


#: The names of columns in a sentence of the API, which belong below it.
_COLUMNS = re.compile(r" \(([a-z_., ]+)\)")


def _step(step: dict[str, Any], currency: str) -> dict[str, Any]:
    """Return a step with its instant and a sentence without the names of columns, which move to what it came from."""
    sentence, detail = step["sentence"], step["detail"]
    columns = _COLUMNS.search(sentence) if step["kind"] == "house" else None
    if columns:
        sentence, detail = _COLUMNS.sub("", sentence), {**detail, "changed": columns.group(1)}
    if step["kind"] == "rule":
        sentence = conflict_sentence(detail, currency)
    if detail.get("cause") == "conflict":
        sentence = "A person was asked to decide what both sides had changed."
    return {**step, "instant": instant(step["at"]), "sentence": sentence, "detail": detail}


@router.get("/{qloapps_id}")
async def booking(
    request: Request, caller: CurrentFrontDesk, hotel: Hotel, qloapps_id: OrderId, notice: Notice = ""
) -> HTMLResponse:
    """Show the story of a booking; one that nobody knows here can be fetched."""
    try:
        story = await api_explain.explain_booking(request, caller, hotel.id, qloapps_id)
    except NotFound:
        response = await draw(
            request, caller, hotel, "channels/unknown_booking.html", notice=notice, qloapps_id=qloapps_id
        )
        response.status_code = NotFound.status
        return response
    return await draw(
        request,
        caller,
        hotel,
        "channels/booking.html",
        notice=notice,
        qloapps_id=qloapps_id,
        story=story,
        steps=[_step(step, hotel.currency) for step in story["timeline"]],
        waiting=[{**job, "instant": instant(job["run_after"])} for job in story["waiting"]],
        kinds=KINDS,
    )


@router.post("/{qloapps_id}")
async def pull(request: Request, caller: CurrentFrontDesk, hotel: Hotel, qloapps_id: OrderId) -> Response:
    """Fetch this booking now and show what came of it."""
    await api.pull_booking(request, caller, hotel.id, qloapps_id)
    return go(f"{ROOT}/bookings/{qloapps_id}", "pulled")
