"""The routes of guests."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from innkeeper.access import audit
from innkeeper.access.http import CurrentFrontDesk, CurrentManager, Db, Limit, Offset, PropertyId
from innkeeper.house import erasing, guest_repository, guests, intake
from innkeeper.house.schemas import Page
from innkeeper.house.schemas_guests import GuestIn, GuestOut
from innkeeper.web.routing import Router

router = Router(prefix="/api/guests", tags=["House"])


@router.get("", summary="List guests")
async def list_guests(
    database: Db,
    property_id: PropertyId,
    _caller: CurrentFrontDesk,
    q: Annotated[str, Query(max_length=200, description="Name, e-mail or phone.")] = "",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[GuestOut]:
    """Return the guests by name."""
    words = guests.normal_name(q).split() if q.strip() else []
    async with database.read() as session:
        found, total = await guest_repository.page_of_guests(
            session, property_id, limit, offset, words, q.strip().casefold()
        )
    return Page(items=[GuestOut.of(guest) for guest in found], total=total, limit=limit, offset=offset)


@router.post("", status_code=201, summary="Add a guest")
async def add_guest(body: GuestIn, database: Db, property_id: PropertyId, _caller: CurrentFrontDesk) -> GuestOut:
    """Add a guest; e-mail and phone may be missing."""
    async with database.write() as tx:
        guest = await guests.create(tx, property_id, intake.guest_draft(body))
    return GuestOut.of(guest)


@router.get("/{guest_id}", summary="Read a guest")
async def read_guest(guest_id: UUID, database: Db, property_id: PropertyId, _caller: CurrentFrontDesk) -> GuestOut:
    """Return the guest."""
    async with database.read() as session:
        return GuestOut.of(await guests.get(session, property_id, guest_id))


@router.put("/{guest_id}", summary="Change a guest")
async def change_guest(
    guest_id: UUID, body: GuestIn, database: Db, property_id: PropertyId, _caller: CurrentFrontDesk
) -> GuestOut:
    """Change what the body holds."""
    async with database.write() as tx:
        before = guests.draft_of(await guests.get(tx.session, property_id, guest_id))
        guest = await guests.update(tx, property_id, guest_id, intake.guest_draft(body, before))
    return GuestOut.of(guest)


@router.post("/{guest_id}/erase", summary="Erase a guest's personal data")
async def erase_guest(guest_id: UUID, database: Db, property_id: PropertyId, caller: CurrentManager) -> GuestOut:
    """Erase who the guest was, here and in every log; stays and amounts remain. 409 while he is in house or expected.

    What QloApps or another system holds of him is not reached: erase him there too.
    """
    async with database.write() as tx:
        count = await erasing.erase(tx, property_id, guest_id)
        detail = {"reservations": count}
        await audit.record(tx, caller, "guest.erased", "guest", guest_id, detail, property_id=property_id)
        await tx.session.flush()
        guest = await guests.get(tx.session, property_id, guest_id)
        await tx.session.refresh(guest)
        return GuestOut.of(guest)
