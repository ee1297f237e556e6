"""The routes of the PMS settings and of reconciliation."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response

from innkeeper.access.http import CurrentAdmin, CurrentFrontDesk, CurrentManager, CurrentServer, PropertyId
from innkeeper.domain.outcome import Done, Refused
from innkeeper.room_charge import audit_day, config, day_export, exports, period, repository, settings
from innkeeper.room_charge.api import systems_of
from innkeeper.room_charge.schemas import ConfigIn, ExportIn, ReopenIn, SignOffIn, TestOut
from innkeeper.room_charge.settings import Outlet
from innkeeper.web.routing import Router

router = Router(prefix="/api/pms", tags=["room charge"])


# --- settings ---------------------------------------------------------------------------------------------------------


@router.get("/config")
async def get_config(request: Request, caller: CurrentAdmin, property_id: PropertyId) -> dict[str, Any]:
    """The option blocks, without credentials."""
    systems = systems_of(request)
    async with systems.database.read() as session:
        await systems.hotel(session, property_id)
        return config.document(systems, await repository.config(session, property_id))


@router.put("/config")
async def put_config(request: Request, caller: CurrentAdmin, property_id: PropertyId, body: ConfigIn) -> dict[str, Any]:
    """Replace the blocks that the body holds."""
    systems = systems_of(request)
    row = await config.save(systems, caller, property_id, body.connection, body.blocks(), body.is_active)
    return config.document(systems, row)


@router.post("/test-connection")
async def test_connection(request: Request, caller: CurrentAdmin, property_id: PropertyId) -> TestOut:
    """Ask the PMS who it is, and for what would make it refuse charges."""
    systems = systems_of(request)
    outcome = await config.test_connection(systems, property_id)
    if not isinstance(outcome, Done):
        message = outcome.message if isinstance(outcome, Refused) else outcome.reason
        code = outcome.code if isinstance(outcome, Refused) else "CONNECTION_FAILED"
        said = outcome.detail if isinstance(outcome, Refused) else ""
        asked = " ".join(str(outcome.evidence[name]) for name in ("operation", "detail") if name in outcome.evidence)
        return TestOut(
            success=False, message=message, code=code, findings=[one for one in (message, said, asked) if one]
        )
    facts = outcome.value
    link = await systems.link(property_id)
    found = config.findings(facts, link.hotel.currency)
    success = config.succeeded(outcome, link.hotel.currency)
    return TestOut(
        success=success,
        message=f"Connected to {facts.hotel}." if success else found[0],
        system=facts.system,
        version=facts.version,
        hotel=facts.hotel,
        business_date=facts.business_date,
        currency=facts.currency or None,
        unknown_codes=facts.unknown_codes,
        findings=found,
        capabilities=asdict(link.connector.capabilities),
    )


@router.get("/outlets")
async def get_outlets(request: Request, caller: CurrentServer, property_id: PropertyId) -> Sequence[Outlet]:
    """The outlets with their codes."""
    async with systems_of(request).database.read() as session:
        return list(settings.outlets_of(await repository.config(session, property_id)).values())


@router.put("/outlets")
async def put_outlets(
    request: Request, caller: CurrentAdmin, property_id: PropertyId, body: list[Outlet]
) -> Sequence[Outlet]:
    """Make these the outlets."""
    return await config.save_outlets(systems_of(request), caller, property_id, body)


# --- reconciliation ---------------------------------------------------------------------------------------------------


@router.get("/reconciliation")
async def get_period(
    request: Request,
    caller: CurrentManager,
    property_id: PropertyId,
    start: date | None = None,
    end: date | None = None,
) -> dict[str, Any]:
    """The days from `start` to `end`, both included, and the revenue by outlet; the open day when left out."""
    link = await systems_of(request).link(property_id)
    last = end or start or await link.business_date()
    return await period.report(link, start or last, last)


@router.get("/reconciliation/daily")
async def get_day(
    request: Request,
    caller: CurrentManager,
    property_id: PropertyId,
    day: Annotated[date | None, Query(alias="date")] = None,
) -> dict[str, Any]:
    """One day as it was signed, else compared with the PMS now."""
    link = await systems_of(request).link(property_id)
    return await audit_day.report(link, day or await link.business_date())


@router.get("/reconciliation/export")
async def export_day(
    request: Request,
    caller: CurrentManager,
    property_id: PropertyId,
    day: Annotated[date | None, Query(alias="date")] = None,
    start: date | None = None,
    end: date | None = None,
    form: Annotated[Literal["csv", "xlsx", "pdf"], Query(alias="format")] = "csv",
) -> Response:
    """One day as a file; with `start` or `end`, the days from one to the other, both included."""
    link = await systems_of(request).link(property_id)
    if start or end:
        last = end or await link.business_date()
        document = await period.report(link, start or last, last)
        name = f"{document['start']}-to-{document['end']}"
    else:
        document = await audit_day.report(link, day or await link.business_date())
        name = document["date"]
    media_type, write = exports.FORMATS[form]
    content = await asyncio.to_thread(write, document, link.hotel.name)
    return _file(content, media_type, f"room-charge-{name}.{form}")


def _file(content: bytes, media_type: str, name: str) -> Response:
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})


@router.get("/reconciliation/journal")
async def journal(
    request: Request,
    caller: CurrentManager,
    property_id: PropertyId,
    day: Annotated[date | None, Query(alias="date")] = None,
) -> Response:
    """The day's lines as the PMS takes them, as CSV: for what is imported or typed there by hand."""
    link = await systems_of(request).link(property_id)
    chosen = day or await link.business_date()
    content = await day_export.journal(link, chosen)
    return _file(content, exports.FORMATS["csv"][0], f"room-charge-journal-{chosen}.csv")


@router.post("/reconciliation/{day}/export-to-pms")
async def export_to_pms(
    request: Request, caller: CurrentManager, property_id: PropertyId, day: date, body: ExportIn | None = None
) -> dict[str, Any]:
    """Send the PMS what it lacks: what waits of the day now, and again the charges that are named, which it lost."""
    link = await systems_of(request).link(property_id)
    told = body or ExportIn()
    return await day_export.to_pms(link, caller, day, told.posting_ids, told.reason)


@router.post("/reconciliation/{day}/sign-off")
async def sign_off(
    request: Request, caller: CurrentFrontDesk, property_id: PropertyId, day: date, body: SignOffIn | None = None
) -> dict[str, Any]:
    """Sign the day; its report is kept as it is, and answered to those who may read it."""
    link = await systems_of(request).link(property_id)
    return await audit_day.sign_off(link, caller, day, (body or SignOffIn()).note)


@router.post("/reconciliation/{day}/reopen")
async def reopen(
    request: Request, caller: CurrentManager, property_id: PropertyId, day: date, body: ReopenIn | None = None
) -> dict[str, Any]:
    """Take the signature back, with a reason."""
    link = await systems_of(request).link(property_id)
    return await audit_day.reopen(link, caller, day, (body or ReopenIn()).reason)
