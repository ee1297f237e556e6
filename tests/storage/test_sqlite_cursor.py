"""The cursor that visits SQLite's thread once a statement answers as the driver's own does."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from innkeeper.storage.database import Database
from innkeeper.storage.sqlite_cursor import OneVisitConnection

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
        assert isinstance(raw.dbapi_connection, OneVisitConnection)
        many = await connection.execute(text("INSERT INTO plain (word) VALUES (:w)"), [{"w": "a"}, {"w": "b"}])
        assert many.rowcount == 2
        one = await connection.execute(text("INSERT INTO plain (word) VALUES ('c')"))
        assert (one.rowcount, one.lastrowid) == (1, 3)
        back = await connection.execute(text("UPDATE plain SET word = word || '!' WHERE id > 1 RETURNING id, word"))
        assert sorted(back.all()) == [(2, "b!"), (3, "c!")]
        nothing = await connection.execute(text("SELECT id FROM plain WHERE id > 9"))
        assert (list(nothing.keys()), nothing.first()) == (["id"], None)
        with pytest.raises(OperationalError):
            await connection.execute(text("SELECT nonsense FROM plain"))
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
