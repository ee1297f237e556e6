"""The property, the version and the caller reach a route as its author wrote them."""

from collections.abc import Sequence
from uuid import UUID

import pytest
from fastapi import APIRouter

from innkeeper.access.http import CurrentCaller, IfMatch, PropertyId, PropertyIds
from innkeeper.access.roles import Role
from innkeeper.domain.ids import DEFAULT_PROPERTY
from innkeeper.storage.database import Database
from tests.access.support import open_inn

pytestmark = pytest.mark.anyio

HERE, THERE = UUID(int=11), UUID(int=12)
router = APIRouter()


@router.put("/api/probe")
async def probe(caller: CurrentCaller, property_id: PropertyId, version: IfMatch) -> dict[str, str | int | None]:
    return {"caller": caller.name, "property": str(property_id), "version": version}


def properties(*ids: UUID) -> PropertyIds:
    async def known() -> Sequence[UUID]:
        return ids

    return known


async def test_the_property_is_the_named_one_if_it_is_the_callers(database: Database) -> None:
    inn = open_inn(database, routers=[router])
    async with inn.machine(Role.SERVER, property_id=HERE) as bound, inn.machine(Role.SERVER) as free:
        for client, header, answer in (
            (bound, None, str(HERE)),
            (bound, HERE, str(HERE)),
            (free, THERE, str(THERE)),
            (free, None, str(DEFAULT_PROPERTY)),
        ):
            headers = {"X-Property-Id": str(header)} if header else {}
            assert (await client.put("/api/probe", headers=headers)).json()["property"] == answer
        foreign = await bound.put("/api/probe", headers={"X-Property-Id": str(THERE)})
        assert (foreign.status_code, foreign.json()["code"]) == (403, "FOREIGN_PROPERTY")
        wrong = await free.put("/api/probe", headers={"X-Property-Id": "house 1"})
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "X-Property-Id")


@pytest.mark.parametrize(
    ("known", "expected"), [((HERE,), HERE), ((HERE, THERE), DEFAULT_PROPERTY), ((), DEFAULT_PROPERTY)]
)
async def test_the_only_property_there_is_need_not_be_named(
    database: Database, known: tuple[UUID, ...], expected: UUID
) -> None:
    inn = open_inn(database, routers=[router], property_ids=properties(*known))
    async with inn.machine(Role.SERVER) as client:
        assert (await client.put("/api/probe")).json()["property"] == str(expected)


@pytest.mark.parametrize(
    ("header", "version"), [(None, None), ("*", None), ("3", 3), ('"3"', 3), ('W/"12"', 12), (" 7 ", 7)]
)
async def test_if_match_is_the_version_that_was_read(
    database: Database, header: str | None, version: int | None
) -> None:
    inn = open_inn(database, routers=[router])
    async with inn.machine(Role.SERVER) as client:
        answer = await client.put("/api/probe", headers={"If-Match": header} if header else {})
    assert answer.json()["version"] == version


@pytest.mark.parametrize("header", ["abc", "-1", "1.5", '"1', "1, 2", "9" * 30])
async def test_an_if_match_that_is_no_version_is_refused(database: Database, header: str) -> None:
    inn = open_inn(database, routers=[router])
    async with inn.machine(Role.SERVER) as client:
        answer = await client.put("/api/probe", headers={"If-Match": header})
    if header == '"1':
        assert answer.json()["version"] == 1  # a quote left out is not worth a refusal
    else:
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "If-Match")
