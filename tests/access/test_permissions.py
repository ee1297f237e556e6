"""Which role may call which route, cell by cell."""

from uuid import UUID

import pytest

from innkeeper.access.roles import Role
from tests.access.support import Inn

pytestmark = pytest.mark.anyio

NOBODY = UUID(int=404)

#: Route, body, what each role gets: server, front desk, manager, admin.
CELLS = [
    ("GET", "/api/me", None, (200, 200, 200, 200)),
    ("GET", "/", None, (200, 200, 200, 200)),
    ("GET", "/overview/sections", None, (200, 200, 200, 200)),
    ("GET", "/api/audit", None, (403, 403, 200, 200)),
    ("GET", "/api/users", None, (403, 403, 403, 200)),
    ("POST", "/api/users", {"name": "vera", "role": "server"}, (403, 403, 403, 201)),
    ("PUT", f"/api/users/{NOBODY}", {"role": "server"}, (403, 403, 403, 404)),
    ("DELETE", f"/api/users/{NOBODY}", None, (403, 403, 403, 404)),
    ("GET", "/api/tokens", None, (403, 403, 403, 200)),
    ("POST", "/api/tokens", {"name": "till", "role": "server"}, (403, 403, 403, 201)),
    ("DELETE", f"/api/tokens/{NOBODY}", None, (403, 403, 403, 404)),
]


@pytest.mark.parametrize("role", Role)
async def test_each_role_gets_what_the_table_says(inn: Inn, role: Role) -> None:
    got, expected = [], []
    async with inn.machine(role) as client:
        for method, path, body, codes in CELLS:
            answer = await client.request(method, path, json=body)
            got.append((method, path, answer.status_code))
            expected.append((method, path, codes[list(Role).index(role)]))
            if answer.status_code == 403:
                assert answer.json()["code"] == "NOT_ALLOWED"
                assert any(needed.label in answer.json()["detail"] for needed in Role if not role.at_least(needed))
    assert got == expected


async def test_nobody_gets_anything_that_needs_a_caller(inn: Inn) -> None:
    async with inn.client() as client:
        for method, path, body, _ in CELLS:
            answer = await client.request(method, path, json=body)
            assert (path, answer.status_code, answer.json()["code"]) == (path, 401, "NOT_SIGNED_IN")


async def test_the_table_names_every_route_that_needs_a_caller(inn: Inn) -> None:
    open_to_all = {"/healthz", "/readyz", "/metrics", "/api/session", "/api/me/password"}
    documented = set(inn.app.openapi()["paths"]) - open_to_all
    named = {path.replace(str(NOBODY), "{id}") for _, path, _, _ in CELLS}
    assert {path.replace("{user_id}", "{id}").replace("{token_id}", "{id}") for path in documented} <= named


async def test_health_and_metrics_need_no_sign_in(inn: Inn) -> None:
    async with inn.client() as client:
        for path in ("/healthz", "/readyz", "/metrics", "/sign-in", "/api/docs", "/api/openapi.json"):
            assert (path, (await client.get(path)).status_code) == (path, 200)
