"""What a browser changes was asked for by a page of ours."""

import pytest

from innkeeper.access.roles import Role
from tests.access.support import Inn

pytestmark = pytest.mark.anyio

USER = {"name": "vera", "role": "server", "password": "a candle on the sill"}


async def test_an_unsafe_request_of_a_browser_without_the_token_is_refused(inn: Inn) -> None:
    async with inn.browser(Role.ADMIN) as client:
        del client.headers["X-CSRF-Token"]
        refused = await client.post("/api/users", json=USER)
        assert (refused.status_code, refused.json()["code"]) == (403, "CSRF")
        assert (await client.get("/api/users")).json()["total"] == 1


@pytest.mark.parametrize("token", ["", "0" * 64, "ü"])
async def test_a_made_up_token_is_refused(inn: Inn, token: str) -> None:
    async with inn.browser(Role.ADMIN) as client:
        del client.headers["X-CSRF-Token"]
        refused = await client.post("/api/users", json=USER, headers=[("X-CSRF-Token", token.encode())])
    assert (refused.status_code, refused.json()["code"]) == (403, "CSRF")


async def test_the_token_of_another_session_is_refused(inn: Inn) -> None:
    async with inn.browser(Role.ADMIN, "ana") as mine, inn.browser(Role.SERVER, "vera") as other:
        mine.headers["X-CSRF-Token"] = other.headers["X-CSRF-Token"]
        refused = await mine.post("/api/users", json={**USER, "name": "bruno"})
    assert refused.json()["code"] == "CSRF"


async def test_the_token_may_stand_in_a_form(inn: Inn) -> None:
    async with inn.browser(Role.SERVER) as client:
        token = client.headers.pop("X-CSRF-Token")
        refused = await client.post("/sign-out", data={"csrf_token": "0"})
        assert refused.status_code == 403
        done = await client.post("/sign-out", data={"csrf_token": token})
        assert (done.status_code, done.headers["location"]) == (303, "/sign-in")


async def test_machines_need_no_csrf_token(inn: Inn) -> None:
    async with inn.machine(Role.ADMIN) as client:
        assert (await client.post("/api/users", json=USER)).status_code == 201


async def test_a_wrong_bearer_is_not_saved_by_a_good_cookie(inn: Inn) -> None:
    async with inn.browser(Role.ADMIN) as client:
        answer = await client.post("/api/users", json=USER, headers={"Authorization": "Bearer ink_made_up"})
    assert answer.status_code == 401
