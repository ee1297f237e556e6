"""Every charge stands in the chained trail by its seal, and whatever is changed afterwards is named."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, select, update

from innkeeper.access import audit
from innkeeper.access.roles import Role
from innkeeper.access.tables import AuditRow
from innkeeper.domain.ids import new_id
from innkeeper.room_charge import seals
from innkeeper.room_charge.tables import ChargeSeal, PostingAttempt, RoomCharge
from tests.room_charge.pictures import SIGNED
from tests.room_charge.test_erasing import erase, leave
from tests.room_charge.test_queue import waiting
from tests.room_charge.world import World

pytestmark = pytest.mark.anyio


async def seal(world: World) -> int:
    return await seals.seal(world.database, world.clock)


async def verify(world: World) -> seals.SealReport:
    async with world.database.read() as session:
        assert (await audit.verify_chain(session)).intact
        return await seals.verify(session)


async def sealed(world: World) -> list[dict[str, Any]]:
    """Return what the trail says of the seals."""
    async with world.database.read() as session:
        rows = await session.scalars(select(AuditRow).where(AuditRow.action == "charges.sealed").order_by(AuditRow.id))
        return [row.detail for row in rows]


async def tamper(world: World, statement: Any) -> None:
    async with world.database.write() as tx:
        await tx.session.execute(statement)


async def test_what_was_posted_refused_and_tried_is_one_entry_of_the_trail(world: World) -> None:
    await world.post()
    await world.post(room="218")
    await waiting(world, room="315")
    assert await seal(world) == 3
    (entry,) = await sealed(world)
    assert (entry["attempts"], entry["charges"], len(entry["sha256"])) == (3, 3, 64)
    assert entry["first_attempt"] < entry["last_attempt"]
    assert await seal(world) == 0, "nothing is sealed twice"
    await world.settle()
    await seal(world)
    assert (await verify(world)) == seals.SealReport(2, sum(one["attempts"] for one in await sealed(world)), ())


async def test_seals_are_made_in_batches(world: World) -> None:
    for room in ("412", "218", "315", "412", "218"):
        assert (await world.post(room=room)).status_code == 201
    assert await seals.seal(world.database, world.clock, batch=2) == 5
    assert [one["attempts"] for one in await sealed(world)] == [2, 2, 1]
    assert (await verify(world)).faults == ()


CHANGES: list[dict[str, Any]] = [
    {"total": RoomCharge.total + 1, "tip": RoomCharge.tip + 1},
    {"check_number": "9"},
    {"verified_by_name": "somebody"},
    {"created_at": datetime(2030, 6, 1, 12, tzinfo=UTC)},
]


@pytest.mark.parametrize("changes", CHANGES, ids=lambda changes: next(iter(changes)))
async def test_a_charge_that_was_changed_is_named(world: World, changes: dict[str, Any]) -> None:
    await world.post()
    other = (await world.post(room="218")).json()
    await seal(world)
    charge = UUID(other["id"])
    await tamper(world, update(RoomCharge).where(RoomCharge.id == charge).values(changes))
    assert (await verify(world)).faults == (f"The charge {charge} was changed.",)


async def test_an_attempt_that_was_changed_deleted_or_added_is_named(world: World) -> None:
    first = UUID((await world.post()).json()["id"])
    second = UUID((await world.post(room="218")).json()["id"])
    await world.post(room="315")
    await seal(world)
    async with world.database.read() as session:
        ids = {row.room_charge_id: row.id for row in await session.scalars(select(PostingAttempt))}
    between = UUID(int=ids[second].int + 1)
    await tamper(world, update(PostingAttempt).where(PostingAttempt.id == ids[first]).values(outcome="refused"))
    await tamper(world, delete(PostingAttempt).where(PostingAttempt.id == ids[second]))
    async with world.database.write() as tx:
        tx.session.add(PostingAttempt(id=between, room_charge_id=first, step="charge", outcome="done"))
    assert set((await verify(world)).faults) == {
        f"The attempt {ids[first]} was changed.",
        f"The attempt {ids[second]} was deleted.",
        f"The attempt {between} was added afterwards.",
    }


async def test_a_charge_that_was_deleted_is_named(world: World) -> None:
    charge = UUID((await world.post()).json()["id"])
    await world.post(room="218")
    await seal(world)
    await tamper(world, delete(PostingAttempt).where(PostingAttempt.room_charge_id == charge))
    await tamper(world, delete(RoomCharge).where(RoomCharge.id == charge))
    assert f"The charge {charge} was deleted." in (await verify(world)).faults


async def test_an_attempt_between_two_seals_is_found(world: World) -> None:
    charge = UUID((await world.post()).json()["id"])
    await seal(world)
    forged = new_id()
    await world.post(room="218")
    await seal(world)
    async with world.database.write() as tx:
        tx.session.add(PostingAttempt(id=forged, room_charge_id=charge, step="charge", outcome="done"))
    (fault,) = (await verify(world)).faults
    assert fault == f"1 attempts of the property {world.property_id} stand outside of every seal."


async def test_the_list_of_a_seal_cannot_hide_a_change(world: World) -> None:
    await world.post()
    await seal(world)
    async with world.database.write() as tx:
        charge = (await tx.session.scalars(select(RoomCharge))).one()
        charge.check_number = "9"
        row = (await tx.session.scalars(select(ChargeSeal))).one()
        hidden = {str(charge.id): seals.hash_of(charge, seals.FACTS)[:16]}
        row.rows = {**row.rows, "charges": hidden}
    (fault,) = (await verify(world)).faults
    assert fault.startswith("Seal ")
    await tamper(world, delete(ChargeSeal))
    assert (await verify(world)).faults, "nor can its absence"


async def test_a_refused_check_that_is_sent_again_breaks_no_seal(world: World) -> None:
    body = world.body()
    world.opera.dial.next("maintenance", method="POST", path="/charges")
    refused = await world.post({**body, "queue_on_failure": False})
    assert refused.status_code == 503
    await seal(world)
    assert (await world.post({**body, "subtotal": "40.00"})).status_code == 201
    await seal(world)
    assert (await verify(world)).faults == ()


async def test_a_charge_that_is_posted_again_breaks_no_seal(world: World) -> None:
    posting = (await world.post()).json()
    await seal(world)
    for line in list(world.opera.state.under_reference(posting["reference"])):
        world.opera.desk.delete_posting(line.transaction_no)
    path = f"/postings/{posting['id']}/post-again"
    again = (await world.call("POST", path, {"reason": "lost there"}, role=Role.MANAGER)).json()
    assert (again["posting_status"], again["reference"]) == ("posted", f"{posting['reference']}-2")
    await seal(world)
    assert (await verify(world)).faults == ()


async def test_a_void_and_an_erased_guest_break_no_seal(inn: World) -> None:
    posting = (await inn.post(signature=SIGNED)).json()
    await seal(inn)
    await inn.call("POST", f"/postings/{posting['id']}/void", {"reason": "wrong"}, role=Role.MANAGER)
    await leave(inn)
    await erase(inn)
    await seal(inn)
    assert (await verify(inn)).faults == ()
    assert len(await sealed(inn)) == 2, "the taking back is sealed too"


async def test_signing_a_day_has_it_sealed_and_what_is_not_settled_in_the_data_base_waits(world: World) -> None:
    await world.post()
    answer = await world.call("POST", "/reconciliation/2030-06-01/sign-off", role=Role.FRONT_DESK)
    assert answer.status_code == 200, answer.text
    await world.work(seals.SETTLED_AFTER.total_seconds() + 1)
    assert [one["attempts"] for one in await sealed(world)] == [1]
