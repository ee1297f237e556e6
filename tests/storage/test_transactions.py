"""Objects and plain statements of one transaction stand or fall together."""

import asyncio

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from innkeeper.domain.business_day import utc_now
from innkeeper.jobs.tables import LeaseRow
from innkeeper.storage.database import Database

pytestmark = pytest.mark.anyio


def values(name: str) -> dict[str, object]:
    return {"name": name, "holder": "h", "until": utc_now(), "fence": 1}


async def names(database: Database) -> list[str]:
    async with database.look() as plain:
        return list((await plain.scalars(select(LeaseRow.name).order_by(LeaseRow.name))).all())


async def test_both_are_kept_and_see_each_other(database: Database) -> None:
    async with database.write() as tx:
        await tx.plain.execute(insert(LeaseRow), [values("a"), values("b")])
        found = await tx.session.get(LeaseRow, "a")
        assert found is not None
        found.holder = "changed"
        tx.session.add(LeaseRow(**values("c")))
    assert await names(database) == ["a", "b", "c"]
    async with database.read() as session:
        kept = await session.get(LeaseRow, "a")
    assert kept is not None
    assert kept.holder == "changed"


async def test_neither_is_kept_after_an_error(database: Database) -> None:
    async def fails() -> None:
        async with database.write() as tx:
            await tx.plain.execute(insert(LeaseRow), values("a"))
            tx.session.add(LeaseRow(**values("b")))
            await tx.session.flush()
            raise RuntimeError

    async def fails_at_its_end() -> None:
        async with database.write() as tx:
            await tx.plain.execute(insert(LeaseRow), values("a"))
            tx.session.add(LeaseRow(**values("a")))

    with pytest.raises(RuntimeError):
        await fails()
    with pytest.raises(IntegrityError):
        await fails_at_its_end()
    assert await names(database) == []


async def test_a_task_that_writes_on_and_on_lets_others_write_in_between(database: Database) -> None:
    async def write(name: str) -> None:
        async with database.write() as tx:
            await tx.plain.execute(insert(LeaseRow), values(name))

    async def write_on() -> None:
        for number in range(2_000):
            await write(f"{number:04}")

    busy = asyncio.create_task(write_on())
    await asyncio.sleep(0)
    await write("other")
    assert not busy.done()
    busy.cancel()
    await asyncio.gather(busy, return_exceptions=True)
    written = await names(database)
    assert "other" in written
    assert len(written) < 20


async def test_objects_serve_after_their_transaction(database: Database) -> None:
    async with database.write() as tx:
        row = LeaseRow(**values("a"))
        tx.session.add(row)
    assert (row.name, row.fence) == ("a", 1)


async def test_an_inner_transaction_is_undone_alone(database: Database) -> None:
    async with database.write() as tx:
        await tx.plain.execute(insert(LeaseRow), values("a"))
        inner = await tx.session.begin_nested()
        tx.session.add(LeaseRow(**values("b")))
        await tx.session.flush()
        await inner.rollback()
        tx.session.add(LeaseRow(**values("c")))
    assert await names(database) == ["a", "c"]
