"""A guest who is erased in the house is forgotten with his charges; what he was charged stays."""

from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from innkeeper.access.roles import Role
from innkeeper.domain.errors import Conflict
from innkeeper.house import erasing as house_erasing
from innkeeper.house.tables import Reservation, ReservationRoom
from innkeeper.room_charge import erasing
from innkeeper.room_charge.tables import LocalProfile, RoomCharge, RoomSighting, Signature
from tests.room_charge.pictures import SIGNED
from tests.room_charge.world import World

pytestmark = pytest.mark.anyio


async def leave(inn: World) -> None:
    """Let everybody leave."""
    async with inn.database.write() as tx:
        for table in (Reservation, ReservationRoom):
            await tx.session.execute(update(table).values(status="Checked-out"))


async def erase(inn: World) -> None:
    """Erase the guest of the only charge, as the house does."""
    inn.database.subscribers.append(erasing.on_event)
    charge = await inn.only()
    async with inn.database.write() as tx:
        stay = await tx.session.get(Reservation, UUID(charge.reservation_id or ""))
        assert stay is not None
        await house_erasing.erase(tx, inn.property_id, stay.primary_guest_id)


async def test_name_lookup_signature_and_profile_go_and_the_charge_stays(inn: World) -> None:
    posting = (await inn.post(signature=SIGNED)).json()
    charge = await inn.only()
    name = charge.guest_name
    await inn.call("GET", f"/guests/{charge.guest_id}/profile", role=Role.FRONT_DESK)
    await inn.call("GET", f"/rooms/{charge.room_number}")
    await inn.systems.aclose()  # what was left for afterwards is done
    before = await inn.house_folio()
    await leave(inn)
    await erase(inn)
    after = await inn.only()
    assert (after.guest_name, after.signature_image) == ("Erased guest", None)
    assert name not in str(after.lookup)
    assert after.signature_hash == posting["signature_hash"]
    assert (after.total, after.posting_status) == (charge.total, "posted")
    assert await inn.house_folio() == before
    async with inn.database.read() as session:
        for table in (Signature, LocalProfile, RoomSighting):
            assert await session.scalar(select(func.count()).select_from(table)) == 0


async def test_an_open_charge_keeps_its_guest(inn: World) -> None:
    await inn.post()
    await leave(inn)
    async with inn.database.write() as tx:
        await tx.session.execute(update(RoomCharge).values(posting_status="unknown"))
    with pytest.raises(Conflict) as refused:
        await erase(inn)
    assert refused.value.code == "CHARGE_OPEN"
    assert (await inn.only()).guest_name != "Erased guest"
