"""The screen that tells how one booking became what it is, a line a step."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse, Response

from innkeeper.access.http import CurrentFrontDesk
from innkeeper.channel_sync import api, api_explain
from innkeeper.channel_sync.pages_frame import ROOT, Notice, draw, go, instant
from innkeeper.domain.errors import NotFound
from innkeeper.web.pages import Hotel
from innkeeper.web.status import State

router = APIRouter(prefix="/bookings")

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
        steps=[{**step, "instant": instant(step["at"])} for step in story["timeline"]],
        waiting=[{**job, "instant": instant(job["run_after"])} for job in story["waiting"]],
        kinds=KINDS,
    )


@router.post("/{qloapps_id}")
async def pull(request: Request, caller: CurrentFrontDesk, hotel: Hotel, qloapps_id: OrderId) -> Response:
    """Fetch this booking now and show what came of it."""
    await api.pull_booking(request, caller, hotel.id, qloapps_id)
    return go(f"{ROOT}/bookings/{qloapps_id}", "pulled")
