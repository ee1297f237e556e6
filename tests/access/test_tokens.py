"""A token is shown once, kept as a hash, and worthless once revoked."""

from uuid import UUID

import pytest
import time_machine
from sqlalchemy import select, text

from innkeeper.access import tokens as tokens_module
from innkeeper.access.roles import Role
from innkeeper.access.tables import TokenRow
from innkeeper.access.tokens import NOTED_EVERY, Tokens
from innkeeper.domain.business_day import utc_now
from tests.access.support import SYSTEM, Inn

pytestmark = pytest.mark.anyio

HERE, THERE = UUID(int=11), UUID(int=12)


async def test_a_token_works_and_its_text_is_never_seen_again(inn: Inn) -> None:
    async with inn.machine(Role.ADMIN) as admin:
        made = await admin.post("/api/tokens", json={"name": "Bar till", "role": "server"})
        assert made.status_code == 201
        secret = made.json()["token"]
        assert secret.startswith("ink_")
        listed = await admin.get("/api/tokens")
        trail = await admin.get("/api/audit")
        assert {item["name"] for item in listed.json()["items"]} == {"Bar till", "admin machine"}
    assert secret not in listed.text
    assert secret not in trail.text
    async with inn.client(headers={"Authorization": f"Bearer {secret}"}) as till:
        me = (await till.get("/api/me")).json()
    assert (me["name"], me["role"], me["via"], me["csrf_token"]) == ("Bar till", "server", "token", None)
    async with inn.database.read() as session:
        rows = (await session.scalars(select(TokenRow))).all()
        for table in ("tokens", "audit_trail"):
            stored = (await session.execute(text(f"SELECT * FROM {table}"))).all()  # noqa: S608  our own names
            assert secret not in str(stored)
    assert all(len(row.token_hash) == 64 for row in rows)


async def test_a_revoked_token_is_refused_at_once(inn: Inn) -> None:
    async with inn.machine(Role.ADMIN) as admin:
        made = (await admin.post("/api/tokens", json={"name": "Till", "role": "server"})).json()
        async with inn.client(headers={"Authorization": f"Bearer {made['token']}"}) as till:
            assert (await till.get("/api/me")).status_code == 200
            assert (await admin.delete(f"/api/tokens/{made['id']}")).status_code == 204
            assert (await admin.delete(f"/api/tokens/{made['id']}")).status_code == 204, "twice is harmless"
            refused = await till.get("/api/me")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"


async def test_another_process_learns_of_a_revocation_when_its_cache_ends(
    inn: Inn, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Tokens(inn.database)
    row, secret = await inn.access.tokens.create(SYSTEM, "Till", Role.SERVER)
    assert await other.verify(secret) is not None
    await inn.access.tokens.revoke(SYSTEM, row.id)
    later = tokens_module.time.monotonic() + tokens_module.CACHED_SECONDS
    monkeypatch.setattr(tokens_module.time, "monotonic", lambda: later)
    assert await other.verify(secret) is None


async def test_use_is_noted_at_most_once_a_minute(inn: Inn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens_module, "CACHED_SECONDS", 0.0)
    row, secret = await inn.access.tokens.create(SYSTEM, "Till", Role.SERVER)

    async def last_used() -> object:
        async with inn.database.read() as session:
            return await session.scalar(select(TokenRow.last_used_at).where(TokenRow.id == row.id))

    with time_machine.travel(utc_now(), tick=True) as clock:
        await inn.access.tokens.verify(secret)
        first = await last_used()
        clock.shift(NOTED_EVERY / 2)
        await inn.access.tokens.verify(secret)
        assert await last_used() == first
        clock.shift(NOTED_EVERY)
        await inn.access.tokens.verify(secret)
        assert await last_used() != first


@pytest.mark.parametrize("credentials", ["Bearer nonsense", "Bearer ink_", "Bearer ink_" + "x" * 43, "Basic YTpi"])
async def test_what_is_no_token_of_ours_is_refused(inn: Inn, credentials: str) -> None:
    async with inn.client(headers={"Authorization": credentials}) as client:
        assert (await client.get("/api/me")).status_code == 401


async def test_an_administrator_of_one_property_hands_out_nothing_beyond_it(inn: Inn) -> None:
    async with inn.machine(Role.ADMIN, property_id=HERE) as admin:
        made = await admin.post("/api/tokens", json={"name": "Till", "role": "server"})
        assert made.json()["property_id"] == str(HERE)
        refused = await admin.post("/api/tokens", json={"name": "Till", "role": "server", "property_id": str(THERE)})
        assert (refused.status_code, refused.json()["code"]) == (403, "FOREIGN_PROPERTY")
        foreign, _ = await inn.access.tokens.create(SYSTEM, "Theirs", Role.SERVER, property_id=THERE)
        assert (await admin.delete(f"/api/tokens/{foreign.id}")).status_code == 404
        assert {item["name"] for item in (await admin.get("/api/tokens")).json()["items"]} == {"Till", "admin machine"}


async def test_a_token_without_a_name_is_refused(inn: Inn) -> None:
    async with inn.machine(Role.ADMIN) as admin:
        answer = await admin.post("/api/tokens", json={"name": "  ", "role": "server"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "name")
