"""Statements that run where they are asked for answer as those of the driver do."""

import asyncio
import sqlite3
from collections.abc import Awaitable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from innkeeper.storage.database import Database
from innkeeper.storage.sqlite_cursor import NearConnection

pytestmark = pytest.mark.anyio


@pytest.fixture
async def opened(sqlite_url: str) -> Database:
    database = Database(sqlite_url)
    async with database.write() as tx:
        await tx.session.execute(text("CREATE TABLE plain (id INTEGER PRIMARY KEY, word TEXT UNIQUE)"))
    return database


async def test_rows_counts_and_errors_are_those_of_the_driver(opened: Database) -> None:
    async with opened.write() as tx:
        connection = await tx.session.connection()
        raw = await connection.get_raw_connection()
        assert isinstance(raw.dbapi_connection, NearConnection)
        many = await tx.session.execute(text("INSERT INTO plain (word) VALUES (:w)"), [{"w": "a"}, {"w": "b"}])
        assert many.rowcount == 2
        one = await tx.session.execute(text("INSERT INTO plain (word) VALUES ('c')"))
        assert (one.rowcount, one.lastrowid) == (1, 3)
        back = await tx.session.execute(text("UPDATE plain SET word = word || '!' WHERE id > 1 RETURNING id, word"))
        assert sorted(back.all()) == [(2, "b!"), (3, "c!")]
        nothing = await tx.session.execute(text("SELECT id FROM plain WHERE id > 9"))
        assert (list(nothing.keys()), nothing.first()) == (["id"], None)
        with pytest.raises(OperationalError):
            await tx.session.execute(text("SELECT nonsense FROM plain"))
    with pytest.raises(IntegrityError):
        async with opened.write() as tx:
            await tx.session.execute(text("INSERT INTO plain (word) VALUES ('a')"))
    async with opened.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM plain")) == 3
    await opened.aclose()


async def test_a_large_answer_arrives_whole_and_in_pieces(opened: Database) -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT i FROM n"
    async with opened.read() as session:
        result = await session.execute(text(numbers))
        assert [row.i for row in result.fetchmany(3)] == [1, 2, 3]
        assert len(result.all()) == 4997
    await opened.aclose()


COUNTED = (
    "SELECT sum(i) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) SELECT i FROM n)"
)


async def turns_while(work: Awaitable[Any]) -> int:
    """Return how often the event loop came round while the work was done."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count())
    await work
    counting.cancel()
    return turns


async def test_a_long_select_is_answered_while_others_are_served(opened: Database) -> None:
    async with opened.read() as session:
        await session.scalar(text("SELECT 1"))  # the connection is there by now
        assert await turns_while(session.scalar(text(COUNTED.format(10)))) <= 1
        assert await turns_while(session.scalar(text(COUNTED.format(300_000)))) > 5
        assert await session.scalar(text(COUNTED.format(300_000))) == 300_000 * 300_001 // 2
    await opened.aclose()


async def test_a_long_select_leaves_the_transaction_that_writes_as_it_is(opened: Database) -> None:
    async with opened.write() as tx:
        await tx.session.execute(text("INSERT INTO plain (word) VALUES ('kept')"))
        assert await tx.session.scalar(text(COUNTED.format(300_000))) > 0
        await tx.session.execute(text("INSERT INTO plain (word) VALUES ('too')"))
    async with opened.read() as session:
        assert list(await session.scalars(text("SELECT word FROM plain ORDER BY id"))) == ["kept", "too"]
    await opened.aclose()


async def test_what_a_long_transaction_changes_is_changed_while_others_are_served(opened: Database) -> None:
    fill = text(
        "INSERT INTO plain (word) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) "
        "SELECT i FROM n"
    )

    async def delete(*, long: bool) -> int:
        async with opened.write() as tx:
            await tx.session.execute(fill)
        async with opened.write(long=long) as tx:
            await tx.session.execute(text("SELECT 1"))  # the lock is had by now
            return await turns_while(tx.session.execute(text("DELETE FROM plain WHERE length(word) > 0")))

    assert await delete(long=False) <= 1
    assert await delete(long=True) > 5
    assert await delete(long=False) <= 1, "the next one is not long because the last one was"
    await opened.aclose()


async def test_readers_see_one_state_until_they_end(opened: Database) -> None:
    async with opened.read() as reader:
        assert await reader.scalar(text("SELECT count(*) FROM plain")) == 0
        async with opened.write() as tx:
            await tx.session.execute(text("INSERT INTO plain (word) VALUES ('new')"))
        assert await reader.scalar(text("SELECT count(*) FROM plain")) == 0
    async with opened.read() as reader:
        assert await reader.scalar(text("SELECT count(*) FROM plain")) == 1
    await opened.aclose()


async def test_a_writer_waits_for_another_process_while_others_are_served(opened: Database) -> None:
    async def write() -> None:
        async with opened.write() as tx:
            await tx.plain.execute(text("INSERT INTO plain (word) VALUES ('waited')"))

    await write()  # the connection is there by now
    other = sqlite3.connect(opened.url.database or "", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("DELETE FROM plain")
    asyncio.get_running_loop().call_later(0.2, other.commit)
    assert await turns_while(write()) > 50
    async with opened.look() as plain:
        assert (await plain.scalars(text("SELECT word FROM plain"))).all() == ["waited"]
    other.close()
    await opened.aclose()
