"""A signed day stays as it was signed, what comes after it is told, and whoever changes it is found out."""

import hashlib
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from innkeeper.access.roles import Role
from innkeeper.access.tables import AuditRow
from innkeeper.room_charge import evidence, jobs
from innkeeper.room_charge.tables import Reconciliation
from innkeeper.storage.database import Database
from tests.room_charge.pictures import SIGNED, png
from tests.room_charge.test_doubles import look
from tests.room_charge.test_reconciliation import DAY, day, sign
from tests.room_charge.world import World

pytestmark = pytest.mark.anyio


async def minute(world: World) -> None:
    """Let the timer pass that watches signed days."""
    world.clock.advance(61)
    _, tick = jobs.timers(world.systems)["reconciliation"]
    async with world.database.write() as tx:
        await tick(tx)
    await world.work()


async def quietly(world: World) -> None:
    """Let the night's comparison tell nobody of anything."""
    await world.configure(reconciliation={"auto_reconcile": False})


# --- what comes after the signature -----------------------------------------------------------------------------------


async def test_charge_after_the_signature_is_told_beside_the_signed_figures(world: World) -> None:
    await world.post()
    _, signed = await sign(world, role=Role.MANAGER)
    assert signed["since_signing"] == {"movements": 0, "amount": "0.00"}
    await world.post(room="218", subtotal="30.00", tip="3.00")
    found = await day(world)
    assert (found["total_posted"], found["sha256"]) == ("105.00", signed["sha256"])
    assert found["since_signing"] == {"movements": 1, "amount": "33.00"}
    assert (await sign(world, role=Role.MANAGER))[1]["since_signing"]["movements"] == 1, (
        "signing twice changes nothing, and says so"
    )
    csv = await world.call("GET", f"/reconciliation/export?date={DAY}&format=csv", role=Role.MANAGER)
    assert 'Since the signature,"1 movement of 33.00 USD, not in these figures"' in csv.content.decode("utf-8-sig")
    for form in ("xlsx", "pdf"):
        assert (
            await world.call("GET", f"/reconciliation/export?date={DAY}&format={form}", role=Role.MANAGER)
        ).status_code == 200
    await world.call("POST", f"/reconciliation/{DAY}/reopen", {"reason": "A late check"}, role=Role.MANAGER)
    assert (await sign(world, role=Role.MANAGER))[1]["since_signing"] == {"movements": 0, "amount": "0.00"}


async def test_void_after_the_signature_is_told_too(world: World) -> None:
    posting = (await world.post()).json()
    await sign(world, role=Role.MANAGER)
    await world.call("POST", f"/postings/{posting['id']}/void", {"reason": "Wrong"}, role=Role.MANAGER)
    assert (await day(world))["since_signing"] == {"movements": 1, "amount": "-105.00"}
    again = (await world.post(room="218")).json()
    assert again["posting_status"] == "posted"
    assert (await day(world))["since_signing"] == {"movements": 2, "amount": "0.00"}


async def test_somebody_is_told_once_when_the_first_thing_comes_after_the_signature(world: World) -> None:
    await quietly(world)
    await world.post()
    await sign(world, role=Role.MANAGER)
    await minute(world)
    assert world.alerts == []
    await world.post(room="218")
    await minute(world)
    (alert,) = world.alerts
    assert f"something came on {DAY} after it was signed" in alert
    assert "1 movement of 105.00 USD" in alert
    await world.post(room="315")
    await minute(world)
    assert len(world.alerts) == 1
    await world.call("POST", f"/reconciliation/{DAY}/reopen", {"reason": "Late checks"}, role=Role.MANAGER)
    await sign(world, role=Role.MANAGER)
    await world.post(room="412", subtotal="5.00", tip="0.00")
    await minute(world)
    assert len(world.alerts) == 2, "another signature is another matter"


async def test_charges_of_the_next_day_come_after_no_signature(world: World) -> None:
    await quietly(world)
    await world.post()
    await sign(world, role=Role.MANAGER)
    world.opera.desk.roll_business_date()
    world.clock.advance(86_400)
    await world.post(room="218")
    await minute(world)
    assert world.alerts == []
    assert (await day(world))["since_signing"] == {"movements": 0, "amount": "0.00"}


async def test_charge_that_is_doubled_after_the_signature_is_mended_all_the_same(world: World) -> None:
    await sign(world, role=Role.MANAGER)
    world.opera.dial.next("duplicate", method="POST", path="/charges")
    await world.post()
    await look(world)
    await world.settle()
    assert list(world.folio().values()) == [Decimal("105.00")]


# --- kept as it was signed --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE reconciliations SET note = 'all was well'",
        "UPDATE reconciliations SET signed_off_by = 'somebody else'",
        "UPDATE reconciliations SET report = '{}'",
        "UPDATE reconciliations SET sha256 = 'x', revision = 7",
        "DELETE FROM reconciliations",
    ],
)
async def test_the_data_base_refuses_to_change_a_signed_day(world: World, statement: str) -> None:
    await world.post()
    _, signed = await sign(world, role=Role.MANAGER)
    with pytest.raises(DBAPIError, match="kept as it was signed"):
        async with world.database.write() as tx:
            await tx.session.execute(text(statement))
    assert (await day(world))["sha256"] == signed["sha256"]


async def test_a_day_is_reopened_once_and_nobody_rewrites_who_did_it(world: World) -> None:
    await world.post()
    await sign(world, role=Role.MANAGER)
    answer = await world.call("POST", f"/reconciliation/{DAY}/reopen", {"reason": "A late check"}, role=Role.MANAGER)
    assert answer.status_code == 200
    with pytest.raises(DBAPIError, match="kept as it was signed"):
        async with world.database.write() as tx:
            await tx.session.execute(text("UPDATE reconciliations SET reopen_reason = 'another'"))
    assert (await sign(world, role=Role.MANAGER))[1]["revision"] == 2


# --- found out --------------------------------------------------------------------------------------------------------


async def tamper(database: Database, statement: str, **values: Any) -> None:
    """Do what only the owner of the data base can: switch the guards off and change what is kept."""
    async with database.write() as tx:
        if database.is_sqlite:
            for name in ("reconciliations_no_change", "reconciliations_no_delete", "audit_trail_no_delete"):
                await tx.session.execute(text(f"DROP TRIGGER IF EXISTS {name}"))
        else:
            await tx.session.execute(text("SET LOCAL session_replication_role = replica"))
        await tx.session.execute(text(statement), values)


async def verified(world: World) -> tuple[evidence.Verified, evidence.Verified]:
    async with world.database.read() as session:
        return await evidence.signed_days(session), await evidence.signatures(session)


async def test_what_was_signed_is_verified_against_the_trail_that_holds_its_whole_hash(world: World) -> None:
    await world.post(signature=SIGNED)
    _, first = await sign(world, role=Role.MANAGER)
    await world.call("POST", f"/reconciliation/{DAY}/reopen", {"reason": "A late check"}, role=Role.MANAGER)
    await world.post(room="218")
    await sign(world, role=Role.MANAGER)
    assert await verified(world) == (evidence.Verified(2, ()), evidence.Verified(1, ()))
    async with world.database.read() as session:
        details = [row.detail for row in await session.scalars(select(AuditRow).order_by(AuditRow.id))]
    assert first["sha256"] in [str(detail.get("sha256", "")).lower() for detail in details]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ('UPDATE reconciliations SET report = \'{"total_posted": "1.00"}\'', "not the one that was signed"),
        ("UPDATE reconciliations SET sha256 = 'abc'", "not the one that was signed"),
        ("DELETE FROM reconciliations", "it is gone"),
        ("DELETE FROM audit_trail WHERE action = 'day.signed_off'", "knows nothing of its signing"),
    ],
)
async def test_changed_signed_day_is_named(world: World, statement: str, reason: str) -> None:
    await world.post()
    await sign(world, role=Role.MANAGER)
    await tamper(world.database, statement)
    days, _ = await verified(world)
    (fault,) = days.faults
    assert reason in fault
    assert DAY in fault


async def test_report_that_was_changed_together_with_its_hash_is_named(world: World) -> None:
    await world.post()
    await sign(world, role=Role.MANAGER)
    async with world.database.read() as session:
        row = (await session.scalars(select(Reconciliation))).one()
    forged = evidence.digest({**row.report, "note": "forged"})
    statement = "UPDATE reconciliations SET sha256 = :forged, report = json_set(report, '$.note', 'forged')"
    if not world.database.is_sqlite:
        statement = 'UPDATE reconciliations SET sha256 = :forged, report = report || \'{"note": "forged"}\'::jsonb'
    await tamper(world.database, statement, forged=forged)
    days, _ = await verified(world)
    assert [fault for fault in days.faults if "the audit trail tells of another report" in fault]


async def test_signature_that_was_exchanged_is_named(world: World) -> None:
    posting = (await world.post(signature=SIGNED)).json()
    other = png(told=(300, 100))
    await tamper(world.database, "UPDATE signatures SET image = :image", image=other)
    _, pictures = await verified(world)
    assert pictures.faults == (f"Posting {posting['id']}: the picture is not the one that was signed.",)
    digest = hashlib.sha256(other).hexdigest()
    await tamper(world.database, "UPDATE signatures SET sha256 = :digest", digest=digest)
    _, pictures = await verified(world)
    assert pictures.faults == (f"Posting {posting['id']}: it names another signature than is kept.",)


async def test_amount_of_a_signed_report_reads_back_as_it_was_signed(world: World) -> None:
    await world.post(subtotal="0.10", tip="0.00")
    await sign(world, role=Role.MANAGER)
    days, _ = await verified(world)
    assert days == evidence.Verified(1, ())
    assert Decimal((await day(world))["total_posted"]) == Decimal("0.10")
