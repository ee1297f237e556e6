"""The trail tells everything in order, and whoever changes it is found out."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from innkeeper.access import audit
from innkeeper.access.roles import Role
from innkeeper.access.tables import AuditRow
from innkeeper.storage.database import Database
from tests.access.support import PASSWORD, SYSTEM, Inn

pytestmark = pytest.mark.anyio

HERE, THERE = UUID(int=11), UUID(int=12)


async def write(database: Database, count: int, property_id: UUID = HERE) -> None:
    for number in range(count):
        async with database.write() as tx:
            detail = {"amount": Decimal("105.00"), "number": number, "at": datetime(2026, 1, 27, tzinfo=UTC)}
            await audit.record(tx, SYSTEM, "posting.voided", "posting", uuid4(), detail, property_id=property_id)


async def tamper(database: Database, statement: str) -> None:
    """Do what only the owner of the data base can: switch the guard off and change the trail."""
    async with database.write() as tx:
        if database.is_sqlite:
            await tx.session.execute(text("DROP TRIGGER IF EXISTS audit_trail_no_update"))
            await tx.session.execute(text("DROP TRIGGER IF EXISTS audit_trail_no_delete"))
        else:
            await tx.session.execute(text("SET LOCAL session_replication_role = replica"))
        await tx.session.execute(text(statement))


async def report(database: Database) -> audit.ChainReport:
    async with database.read() as session:
        return await audit.verify_chain(session)


async def test_an_untouched_trail_is_intact_in_every_property(database: Database) -> None:
    assert (await report(database)).intact
    await write(database, 5)
    await write(database, 3, THERE)
    assert await report(database) == audit.ChainReport(8, ())


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE audit_trail SET actor = 'somebody else' WHERE sequence = 3", "changed"),
        ('UPDATE audit_trail SET detail = \'{"amount": "1.00"}\' WHERE sequence = 3', "changed"),
        ("UPDATE audit_trail SET hash = previous_hash WHERE sequence = 3", "changed"),
        ("DELETE FROM audit_trail WHERE sequence = 3", "missing"),
        ("UPDATE audit_trail SET previous_hash = hash WHERE sequence = 3", "follow"),
        ("DELETE FROM audit_trail WHERE sequence >= 5", "missing"),
        ("DELETE FROM audit_trail", "missing"),
        ("DELETE FROM audit_chains", "does not end"),
        ("UPDATE audit_chains SET sequence = 4", "does not end"),
    ],
)
async def test_every_kind_of_tampering_is_detected(database: Database, statement: str, reason: str) -> None:
    await write(database, 5)
    await tamper(database, statement)
    found = await report(database)
    assert not found.intact
    assert reason in found.faults[0].reason
    assert found.faults[0].property_id == HERE


@pytest.mark.parametrize("statement", ["UPDATE audit_trail SET actor = 'me'", "DELETE FROM audit_trail"])
async def test_the_data_base_itself_refuses_to_change_the_trail(database: Database, statement: str) -> None:
    await write(database, 1)
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.write() as tx:
            await tx.session.execute(text(statement))
    assert (await report(database)).entries == 1


async def test_writers_at_once_make_one_chain(database: Database) -> None:
    async def writer() -> None:
        await write(database, 5)

    await asyncio.gather(*(writer() for _ in range(8)))
    assert await report(database) == audit.ChainReport(40, ())


async def test_a_change_that_is_rolled_back_leaves_no_entry(database: Database) -> None:
    async def change_and_fail() -> None:
        async with database.write() as tx:
            await audit.record(tx, SYSTEM, "posting.voided", "posting", "1", property_id=HERE)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await change_and_fail()
    assert (await report(database)).entries == 0


async def test_two_entries_of_one_transaction_are_both_in_the_chain(database: Database) -> None:
    async with database.write() as tx:
        for action in ("posting.made", "posting.voided"):
            await audit.record(tx, SYSTEM, action, "posting", "1", property_id=HERE)
    assert await report(database) == audit.ChainReport(2, ())


async def test_secrets_and_guests_stay_out_of_the_trail(database: Database) -> None:
    detail = {
        "api_key": "K" * 20,
        "guest": {"email": "a.guest@example.com", "phone": "+351 912 345 678"},
        "note": "called +351 912 345 678 and wrote to a.guest@example.com",
        "reason": "wrong room",
    }
    async with database.write() as tx:
        await audit.record(tx, SYSTEM, "posting.voided", "posting", "1", detail, property_id=HERE)
    async with database.read() as session:
        stored = str(await session.scalar(select(AuditRow.detail)))
    assert "wrong room" in stored
    for secret in ("KKKK", "example.com", "912"):
        assert secret not in stored


async def test_a_float_is_refused_since_it_would_not_read_back(database: Database) -> None:
    with pytest.raises(ValueError, match="float"):
        async with database.write() as tx:
            await audit.record(tx, SYSTEM, "posting.made", "posting", "1", {"amount": 1.5})


async def test_what_people_do_with_users_tokens_and_sign_ins_is_in_the_trail(inn: Inn) -> None:
    async with inn.machine(Role.ADMIN) as admin:
        user = (await admin.post("/api/users", json={"name": "vera", "role": "server", "password": PASSWORD})).json()
        token = (await admin.post("/api/tokens", json={"name": "till", "role": "server"})).json()
        async with inn.client() as client:
            await client.post("/api/session", json={"name": "vera", "password": "wrong"})
            await client.post("/api/session", json={"name": "vera", "password": PASSWORD})
        await admin.put(f"/api/users/{user['id']}", json={"role": "front_desk", "pin": "4821"})
        await admin.delete(f"/api/tokens/{token['id']}")
        await admin.delete(f"/api/users/{user['id']}")
        trail = (await admin.get("/api/audit")).json()
        own = (await admin.get("/api/audit", params={"entity_type": "user", "entity_id": user["id"]})).json()
    actions = [entry["action"] for entry in reversed(trail["items"])]
    assert actions == [
        "token.created",
        "user.added",
        "token.created",
        "sign_in.failed",
        "sign_in.done",
        "user.changed",
        "user.pin_set",
        "token.revoked",
        "user.changed",
    ]
    assert own["total"] == 6
    assert (await report(inn.database)).intact


async def test_a_manager_of_one_property_reads_its_trail_only(inn: Inn) -> None:
    await write(inn.database, 2, HERE)
    await write(inn.database, 3, THERE)
    async with inn.machine(Role.MANAGER, property_id=HERE) as manager:
        trail = (await manager.get("/api/audit")).json()
    assert {entry["property_id"] for entry in trail["items"]} == {str(HERE)}
    async with inn.database.read() as session:
        here = await session.scalar(select(func.count()).select_from(AuditRow).where(AuditRow.property_id == HERE))
    assert trail["total"] == here
