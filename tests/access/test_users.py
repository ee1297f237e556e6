"""Users are added, changed and retired by administrators, and there is always one left."""

from uuid import UUID, uuid4

import pytest

from innkeeper.access.roles import Role
from tests.access.support import PASSWORD, SYSTEM, Inn, without_ids

pytestmark = pytest.mark.anyio

HERE, THERE = UUID(int=11), UUID(int=12)


async def test_a_user_comes_out_without_password_and_pin(inn: Inn) -> None:
    async with inn.machine(Role.ADMIN) as admin:
        body = {"name": "Vera.S", "role": "server", "password": PASSWORD, "pin": "4821"}
        made = await admin.post("/api/users", json=body)
        listed = await admin.get("/api/users")
    assert made.status_code == 201
    user = made.json()
    assert (user["name"], user["has_password"], user["has_pin"], user["active"]) == ("vera.s", True, True, True)
    assert listed.json() == {"items": [user], "total": 1, "limit": 100, "offset": 0}
    for answer in (made, listed):
        assert PASSWORD not in answer.text
        assert "4821" not in without_ids(answer.text)
        assert "argon2" not in answer.text


async def test_a_name_is_taken_whatever_its_case(inn: Inn) -> None:
    async with inn.machine(Role.ADMIN) as admin:
        await admin.post("/api/users", json={"name": "vera", "role": "server"})
        again = await admin.post("/api/users", json={"name": "VERA", "role": "server"})
    assert (again.status_code, again.json()["code"]) == (409, "NAME_TAKEN")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "két szó"}, "name"),
        ({"name": "-"}, "name"),
        ({"password": "short"}, "password"),
        ({"password": "aaaaaaaaaaaaaaaa"}, "password"),
        ({"role": "owner"}, "role"),
        ({"is_admin": True}, "is_admin"),
    ],
)
async def test_a_bad_user_is_refused_with_the_field_and_nothing_sent_comes_back(
    inn: Inn, change: dict[str, object], field: str
) -> None:
    async with inn.machine(Role.ADMIN) as admin:
        answer = await admin.post("/api/users", json={"name": "vera", "role": "server", "password": PASSWORD, **change})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert PASSWORD not in answer.text
    assert "aaaaaaaaaaaaaaaa" not in answer.text


async def test_the_last_administrator_cannot_be_retired_or_demoted(inn: Inn) -> None:
    ana = await inn.access.users.add(SYSTEM, "ana", Role.ADMIN, password=PASSWORD)
    async with inn.machine(Role.ADMIN) as admin:
        for answer in (
            await admin.delete(f"/api/users/{ana.id}"),
            await admin.put(f"/api/users/{ana.id}", json={"role": "manager"}),
            await admin.put(f"/api/users/{ana.id}", json={"role": "admin", "property_id": str(HERE)}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (422, "LAST_ADMIN")
        await inn.access.users.add(SYSTEM, "bruno", Role.ADMIN, password=PASSWORD)
        assert (await admin.delete(f"/api/users/{ana.id}")).status_code == 204


async def test_a_new_password_lifts_the_lock(inn: Inn) -> None:
    vera = await inn.access.users.add(SYSTEM, "vera", Role.SERVER, password=PASSWORD)
    async with inn.client() as client, inn.machine(Role.ADMIN) as admin:
        for _ in range(5):
            await client.post("/api/session", json={"name": "vera", "password": "wrong"})
        new = "a brass key on a hook"
        changed = await admin.put(f"/api/users/{vera.id}", json={"role": "server", "password": new})
        assert changed.status_code == 200
        assert (await client.post("/api/session", json={"name": "vera", "password": new})).status_code == 200


async def test_a_refused_change_changes_nothing(inn: Inn) -> None:
    vera = await inn.access.users.add(SYSTEM, "vera", Role.SERVER, password=PASSWORD)
    async with inn.machine(Role.ADMIN) as admin:
        answer = await admin.put(f"/api/users/{vera.id}", json={"role": "manager", "pin": "4821"})
        assert answer.status_code == 422
        assert (await admin.get("/api/users")).json()["items"][0]["role"] == "server"


async def test_an_administrator_of_one_property_sees_and_changes_its_users_only(inn: Inn) -> None:
    theirs = await inn.access.users.add(SYSTEM, "theirs", Role.SERVER, property_id=THERE)
    everywhere = await inn.access.users.add(SYSTEM, "everywhere", Role.ADMIN, password=PASSWORD)
    async with inn.machine(Role.ADMIN, property_id=HERE) as admin:
        mine = await admin.post("/api/users", json={"name": "mine", "role": "server"})
        assert mine.json()["property_id"] == str(HERE)
        assert [item["name"] for item in (await admin.get("/api/users")).json()["items"]] == ["mine"]
        for user in (theirs, everywhere):
            body = {"role": "server", "property_id": str(HERE), "password": "a stolen password"}
            assert (await admin.put(f"/api/users/{user.id}", json=body)).status_code == 404
            assert (await admin.delete(f"/api/users/{user.id}")).status_code in (403, 404)


async def test_an_unknown_user_is_404(inn: Inn) -> None:
    async with inn.machine(Role.ADMIN) as admin:
        assert (await admin.delete(f"/api/users/{uuid4()}")).status_code == 404
        assert (await admin.put(f"/api/users/{uuid4()}", json={"role": "server"})).status_code == 404
