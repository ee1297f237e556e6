"""The permission table of the specification, cell by cell, and what a stranger can reach: nothing."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx2
import pytest

from innkeeper.access.caller import Caller
from innkeeper.access.roles import Role
from innkeeper.access.tokens import Tokens
from innkeeper.house import properties
from tests.room_charge.test_queue import waiting
from tests.room_charge.world import World

pytestmark = pytest.mark.anyio

Act = Callable[[World, Role], Awaitable[httpx2.Response]]


async def charge(world: World, role: Role) -> httpx2.Response:
    return await world.post(role=role)  # type: ignore[no-any-return]


async def split(world: World, role: Role) -> httpx2.Response:
    return await world.call("POST", "/split", world.body(room_amount="5.00"), role=role)


async def look_up(world: World, role: Role) -> httpx2.Response:
    return await world.call("GET", "/rooms/412", role=role)


async def receipt(world: World, role: Role) -> httpx2.Response:
    posting = (await world.post()).json()
    return await world.call("GET", f"/postings/{posting['id']}/receipt", role=role)


async def override_credit(world: World, role: Role) -> httpx2.Response:
    return await world.post(override_credit=True, role=role)  # type: ignore[no-any-return]


async def retry(world: World, role: Role) -> httpx2.Response:
    posting = await waiting(world)
    return await world.call("POST", f"/postings/{posting['id']}/retry", role=role)


async def retry_entry(world: World, role: Role) -> httpx2.Response:
    return await world.call("POST", f"/queue/{await _entry(world)}/retry", role=role)


async def retry_all(world: World, role: Role) -> httpx2.Response:
    return await world.call("POST", "/queue/process", role=role)


async def remove(world: World, role: Role) -> httpx2.Response:
    return await world.call("DELETE", f"/queue/{await _entry(world)}?reason=paid", role=role)


async def override(world: World, role: Role) -> httpx2.Response:
    posting = await waiting(world)
    told = {"pms_transaction_id": "1", "reason": "by hand"}
    return await world.call("POST", f"/postings/{posting['id']}/override", told, role=role)


async def void(world: World, role: Role) -> httpx2.Response:
    posting = (await world.post()).json()
    return await world.call("POST", f"/postings/{posting['id']}/void", {"reason": "wrong"}, role=role)


async def void_by_hand(world: World, role: Role) -> httpx2.Response:
    posting = (await world.post()).json()
    told = {"reason": "wrong", "pms_transaction_id": "77"}
    return await world.call("POST", f"/postings/{posting['id']}/void", told, role=role)


async def post_again(world: World, role: Role) -> httpx2.Response:
    posting = (await world.post()).json()
    for line in list(world.opera.state.under_reference(posting["reference"])):
        world.opera.desk.delete_posting(line.transaction_no)
    return await world.call("POST", f"/postings/{posting['id']}/post-again", {"reason": "lost"}, role=role)


async def reconciliation(world: World, role: Role) -> httpx2.Response:
    return await world.call("GET", "/reconciliation/daily?date=2030-06-01", role=role)


async def period(world: World, role: Role) -> httpx2.Response:
    return await world.call("GET", "/reconciliation?start=2030-06-01&end=2030-06-01", role=role)


async def export_period(world: World, role: Role) -> httpx2.Response:
    return await world.call("GET", "/reconciliation/export?start=2030-06-01&end=2030-06-01", role=role)


async def journal(world: World, role: Role) -> httpx2.Response:
    return await world.call("GET", "/reconciliation/journal?date=2030-06-01", role=role)


async def export_to_pms(world: World, role: Role) -> httpx2.Response:
    return await world.call("POST", "/reconciliation/2030-06-01/export-to-pms", role=role)


async def export(world: World, role: Role) -> httpx2.Response:
    return await world.call("GET", "/reconciliation/export?date=2030-06-01", role=role)


async def configure(world: World, role: Role) -> httpx2.Response:
    return await world.call("PUT", "/config", {"posting": {}}, role=role)


async def read_config(world: World, role: Role) -> httpx2.Response:
    return await world.call("GET", "/config", role=role)


async def outlets(world: World, role: Role) -> httpx2.Response:
    return await world.call("PUT", "/outlets", [{"code": "REST", "name": "R"}], role=role)


async def ask_pms(world: World, role: Role) -> httpx2.Response:
    return await world.call("POST", "/test-connection", role=role)


async def sign_off(world: World, role: Role) -> httpx2.Response:
    return await world.call("POST", "/reconciliation/2030-06-01/sign-off", role=role)


async def _entry(world: World) -> str:
    await waiting(world)
    return str((await world.call("GET", "/queue")).json()["items"][0]["id"])


#: Action: acts that are it, and who may, in the order server, front desk, manager, admin.
TABLE: dict[str, tuple[tuple[Act, ...], str]] = {
    "Charge to room": ((charge, split, look_up, receipt), "YYYY"),
    "Override credit limit": ((override_credit,), "NYYY"),
    "Retry failed postings": ((retry, retry_entry, retry_all, remove, override, post_again, export_to_pms), "NNYY"),
    "Void room charges": ((void, void_by_hand), "NNYY"),
    "View reconciliation": ((reconciliation, period, export, export_period, journal), "NNYY"),
    "Configure PMS": ((configure, read_config, outlets, ask_pms), "NNNY"),
    "Night audit sign-off": ((sign_off,), "NYYY"),
}
CELLS = [
    pytest.param(act, role, allowed == "Y", id=f"{action}-{act.__name__}-{role.value}")
    for action, (acts, cells) in TABLE.items()
    for act in acts
    for role, allowed in zip(Role, cells, strict=True)
]


@pytest.mark.parametrize(("act", "role", "allowed"), CELLS)
async def test_cell(world: World, act: Act, role: Role, allowed: bool) -> None:
    answer = await act(world, role)
    if allowed:
        assert answer.status_code < 300, answer.text
    else:
        assert (answer.status_code, answer.json()["code"]) == (403, "NOT_ALLOWED")


PATHS: list[tuple[str, str, Any]] = [
    ("GET", "/rooms/412", None),
    ("POST", "/post", {}),
    ("GET", "/postings", None),
    ("GET", "/queue", None),
    ("GET", "/reconciliation/daily", None),
    ("GET", "/config", None),
    ("POST", f"/postings/{UUID(int=7)}/void", {"reason": "x"}),
    ("GET", f"/postings/{UUID(int=7)}/receipt", None),
    ("POST", f"/postings/{UUID(int=7)}/receipt/print", None),
    ("POST", f"/postings/{UUID(int=7)}/receipt/email", {"to": "a@example.com"}),
]


@pytest.mark.parametrize(("method", "path", "body"), PATHS)
async def test_nobody_gets_in_without_signing_in(world: World, method: str, path: str, body: Any) -> None:
    answer = await world.call(method, path, body, role=None)
    assert (answer.status_code, answer.json()["code"]) == (401, "NOT_SIGNED_IN")


async def test_another_property_s_charges_do_not_exist(world: World) -> None:
    posting = (await world.post()).json()
    other = UUID(int=7)
    async with world.database.write() as tx:
        await properties.ensure_default(tx, "Other House", "UTC", "USD", other)
    _, token = await Tokens(world.database).create(Caller.system(), "other", Role.ADMIN, property_id=other)
    headers = {"Authorization": f"Bearer {token}"}
    path = f"/postings/{posting['id']}"
    for method, where, body in (
        ("GET", path, None),
        ("POST", f"{path}/void", {"reason": "mine now"}),
        ("POST", f"{path}/retry", None),
        ("POST", f"{path}/settle", {"landed": True, "evidence": "x"}),
    ):
        answer = await world.call(method, where, body, role=None, headers=headers)
        assert answer.status_code == 404, answer.text
    foreign = {**headers, "X-Property-Id": str(world.property_id)}
    answer = await world.call("GET", path, role=None, headers=foreign)
    assert (answer.status_code, answer.json()["code"]) == (403, "FOREIGN_PROPERTY")
    assert (await world.posting(posting["id"]))["posting_status"] == "posted"
    assert (await world.call("GET", "/postings", role=None, headers=headers)).json()["total"] == 0


async def test_body_of_ten_megabytes_is_refused(world: World) -> None:
    answer = await world.post(signature="data:image/png;base64," + "A" * 10_000_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")
    assert await world.charges() == []
