"""Rows that are inserted past the session are the same rows that it would have written."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from innkeeper.channel_sync.tables import CustomerMapping, SyncLog
from innkeeper.domain.ids import DEFAULT_PROPERTY, new_id
from innkeeper.house import properties
from innkeeper.house.tables import Guest
from innkeeper.storage.bulk import insert_all
from innkeeper.storage.database import Database

pytestmark = pytest.mark.anyio

LATER = datetime(2026, 3, 1, 12, 30, 0, 7, tzinfo=timezone(timedelta(hours=5, minutes=30)))


def columns(row: Any) -> dict[str, Any]:
    """Return all that a row holds but its identifier and the moments of its making."""
    return {c.name: getattr(row, c.name) for c in row.__table__.c if c.name not in ("id", "created_at", "updated_at")}


def guest(name: str) -> dict[str, Any]:
    return {"property_id": DEFAULT_PROPERTY, "name": name, "email": f"{name}@example.com", "preferences": ["quiet", 3]}


async def test_loose_rows_come_out_as_watched_ones(database: Database) -> None:
    async with database.write() as tx:
        await properties.ensure_default(tx)
        tx.session.add(Guest(**guest("a")))
        await insert_all(tx.session, [Guest.loose(**guest("a")), Guest.loose(**guest("b"))])
    async with database.read() as session:
        one, two, three = (await session.scalars(select(Guest).order_by(Guest.name, Guest.id))).all()
    assert columns(one) == columns(two)
    assert (three.name, three.preferences, three.notes, three.allergies) == ("b", ["quiet", 3], "", [])
    assert len({one.id, two.id, three.id}) == 3
    assert len({row.created_at for row in (one, two, three)}) == 2  # the loose ones share theirs


async def test_rows_with_different_columns_keep_their_own_defaults_and_values(database: Database) -> None:
    async with database.write() as tx:
        await properties.ensure_default(tx)
        await insert_all(tx.session, [Guest.loose(id=key, **guest(name)) for name, key in zip("ab", keys, strict=True)])
        given = {"property_id": DEFAULT_PROPERTY, "match_method": "email"}
        await insert_all(
            tx.session,
            [
                CustomerMapping.loose(**given, local_guest_id=keys[0], qloapps_customer_id=1),
                CustomerMapping.loose(
                    **given, local_guest_id=keys[1], qloapps_customer_id=2, confidence_score=Decimal("0.70")
                ),
                CustomerMapping.loose(
                    **given, local_guest_id=keys[1], qloapps_customer_id=3, confidence_score=Decimal("0.7000")
                ),
            ],
        )
    async with database.read() as session:
        rows = (await session.scalars(select(CustomerMapping).order_by(CustomerMapping.qloapps_customer_id))).all()
    assert [row.confidence_score for row in rows] == [Decimal("1.00"), Decimal("0.70"), Decimal("0.70")]
    assert [row.local_guest_id for row in rows] == [keys[0], keys[1], keys[1]]
    assert [row.reasons for row in rows] == [[], [], []]


keys = sorted(new_id() for _ in range(2))


async def test_instants_amounts_and_documents_come_back_as_they_went(database: Database) -> None:
    document = {"name": "Zoë 李", "list": [1, None, True, 1.5], "nested": {"a": []}}
    async with database.write() as tx:
        await properties.ensure_default(tx)
        log = {
            "property_id": DEFAULT_PROPERTY,
            "sync_type": "qloapps_reservations_inbound",
            "direction": "inbound",
            "entity_type": "reservation",
            "operation": "create",
            "success": True,
        }
        moments = [LATER, LATER + timedelta(microseconds=1), datetime(2026, 3, 1, tzinfo=UTC)]
        await insert_all(
            tx.session,
            [
                SyncLog.loose(**log, request_data=document, created_at=at, qloapps_entity_id=n)
                for n, at in enumerate(moments)
            ],
        )
    async with database.read() as session:
        rows = (await session.scalars(select(SyncLog).order_by(SyncLog.qloapps_entity_id))).all()
    assert [row.created_at for row in rows] == moments
    assert [row.created_at.utcoffset() for row in rows] == [timedelta(0)] * 3
    assert [row.request_data for row in rows] == [document] * 3
    # what was not given is nothing, not a document that says null
    async with database.read() as session:
        assert len((await session.scalars(select(SyncLog).where(SyncLog.personal.is_(None)))).all()) == 3


async def test_half_a_character_in_a_document_is_kept_on_sqlite(database: Database) -> None:
    """A shop may send one; PostgreSQL has no form of it and says so, and the booking is then put aside."""
    if not database.is_sqlite:
        pytest.skip("PostgreSQL refuses it")
    async with database.write() as tx:
        await properties.ensure_default(tx)
        await insert_all(tx.session, [Guest.loose(**{**guest("a"), "preferences": ["\ud83d"]})])
    async with database.read() as session:
        assert (await session.scalars(select(Guest.preferences))).one() == ["\ud83d"]


async def test_a_loose_row_cannot_be_changed_by_mistake() -> None:
    row = Guest.loose(**guest("a"))
    assert row.name == "a"
    with pytest.raises(AttributeError):
        row.name = "b"
