"""What a guest is given after a charge, and what a waiter may know of a guest."""

import pytest
from sqlalchemy import func, select

from innkeeper.access.roles import Role
from innkeeper.room_charge.tables import LocalProfile
from tests.room_charge.pictures import SIGNED
from tests.room_charge.world import World

pytestmark = pytest.mark.anyio


async def guest_id(world: World) -> str:
    return str((await world.call("GET", "/rooms/412")).json()["guests"][0]["guest"]["guest_id"])


async def test_receipt_tells_the_check_in_lines_of_a_thermal_printer(world: World) -> None:
    items = [{"description": "Steak", "quantity": 2, "amount": "87.50"}]
    posting = (await world.post(items=items, check_number="1247")).json()
    answer = await world.call("GET", f"/postings/{posting['id']}/receipt")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    assert max(len(line) for line in lines) <= 42
    assert "Hotel Miramar" in lines[0]
    for words in ("1247", "412", "Mr. James Wilson", "2 x Steak", "17.50", "105.00 USD", "Charged to your room"):
        assert any(words in line for line in lines), words


async def test_proof_holds_lookup_signature_attempts_and_folio_lines(world: World) -> None:
    world.opera.dial.next("drop_after", method="POST", path="/charges")
    posting = (await world.post(signature=SIGNED)).json()
    await world.settle()
    path = f"/postings/{posting['id']}/proof"
    assert (await world.call("GET", path)).status_code == 403
    found = (await world.call("GET", path, role=Role.MANAGER)).json()
    assert (found["lookup"]["by"], found["lookup"]["guest"]) == ("server", "Mr. James Wilson")
    assert found["signature_sha256"] == posting["signature_hash"]
    assert [one["outcome"] for one in found["attempts"]] == ["unknown", "done"]
    assert [line["amount"] for line in found["folio_lines"]] == ["87.50", "17.50"]


async def test_profile_comes_over_with_the_chosen_fields_and_is_kept(world: World) -> None:
    path = f"/guests/{await guest_id(world)}/profile"
    found = (await world.call("GET", path)).json()
    assert (found["vip_level"], found["loyalty_number"], found["allergies"]) == ("Gold", "LOY-99812", ["Peanuts"])
    kinds = {one["kind"]: one["description"] for one in found["preferences"]}
    assert kinds == {"dietary_restrictions": "Vegetarian", "seating_preferences": "Table by the window"}
    world.opera.dial.set(maintenance=1.0)
    kept = (await world.call("GET", path)).json()
    assert (kept["fresh"], kept["allergies"]) == (False, ["Peanuts"])


async def test_property_chooses_what_comes_over(world: World) -> None:
    sync = {
        "sync_fields": ["name", "allergies", "loyalty_number", "preferences"],
        "link_to_loyalty": False,
        "create_local_profile": False,
        "preferences_import": ["seating_preferences"],
    }
    await world.configure(guest_profile_sync=sync)
    path = f"/guests/{await guest_id(world)}/profile"
    found = (await world.call("GET", path)).json()
    assert "email" not in found
    assert found["loyalty_number"] is None
    assert [one["kind"] for one in found["preferences"]] == ["seating_preferences"]
    async with world.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(LocalProfile)) == 0
    await world.configure(guest_profile_sync={"enabled": False})
    assert (await world.call("GET", path)).status_code == 422
    await world.configure(guest_profile_sync={})
    assert (await world.call("GET", "/guests/no-such-guest/profile")).status_code == 404
