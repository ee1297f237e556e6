"""Charges that could not be posted wait in sight, are tried again by the property's rules, and end by a decision."""

import asyncio
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import select

from innkeeper.access.roles import Role
from innkeeper.jobs.tables import JobRow
from innkeeper.room_charge import work
from innkeeper.room_charge.tables import RoomSighting
from tests.room_charge.world import LONG, World

pytestmark = pytest.mark.anyio

MANAGER = Role.MANAGER


async def waiting(world: World, **changes: object) -> dict[str, str]:
    """Return a charge that waits because the PMS went down."""
    world.opera.dial.next("maintenance", method="POST", path="/charges")
    answer = await world.post(**changes)
    assert (answer.status_code, answer.json()["posting_status"]) == (202, "pending"), answer.text
    found: dict[str, str] = answer.json()
    return found


async def entry(world: World) -> dict[str, str]:
    """Return the only entry of the queue."""
    (found,) = (await world.call("GET", "/queue")).json()["items"]
    return dict(found)


async def test_queued_charge_is_shown_with_when_it_is_tried_next(world: World) -> None:
    posting = await waiting(world)
    shown = await entry(world)
    assert shown["room_charge_id"] == posting["id"]
    assert (shown["status"], shown["amount"], shown["room_number"]) == ("queued", "105.00", "412")
    assert shown["next_attempt_at"] == "2030-06-01T18:05:00Z"
    assert shown["response_code"] == "CONNECTION_FAILED"
    page = (await world.call("GET", "/queue")).json()
    assert page["pms"]["status"] == "troubled"


async def test_queued_charge_is_posted_after_the_interval_and_leaves_the_queue(world: World) -> None:
    posting = await waiting(world)
    await world.work(200)
    assert world.folio() == {}
    await world.work(120)
    assert (await world.posting(posting["id"]))["retry_count"] == 1
    assert sum(world.folio().values()) == Decimal("105.00")
    page = (await world.call("GET", "/queue")).json()
    assert (page["items"], page["pms"]["status"]) == ([], "connected")
    done = (await world.call("GET", "/queue?status=completed")).json()["items"]
    assert done[0]["completed_at"]


async def test_the_charge_that_finds_the_pms_back_leaves_those_that_wait_to_the_worker(world: World) -> None:
    ids = [(await waiting(world, pos_reference=f"WAITS-{n}", subtotal="0.50", tip="0.00"))["id"] for n in range(120)]
    assert (await world.post(room="218")).json()["posting_status"] == "posted"
    async with world.database.read() as session:
        kinds = list(await session.scalars(select(JobRow.kind).where(JobRow.kind == work.RECOVER)))
    assert kinds == [work.RECOVER], "one row, however many wait"
    assert {row.next_attempt_at > world.clock() for row in await world.open()} == {True}
    await world.work()
    assert {(await world.posting(posting_id))["posting_status"] for posting_id in ids} == {"posted"}
    assert len(world.folio()) == 121


async def test_retry_all_takes_a_long_queue_in_pieces(world: World) -> None:
    await world.configure(posting={"auto_post": False})
    for n in range(60):
        await world.post(pos_reference=f"HELD-{n}", subtotal="0.50", tip="0.00")
    await world.configure(posting={"auto_post": True})
    answer = await world.call("POST", "/queue/process", role=MANAGER)
    assert (answer.status_code, answer.json()["queued"]) == (202, 60)
    pressed_again = await world.call("POST", "/queue/process", role=MANAGER)
    assert pressed_again.json() == {"queued": 0, "posting_ids": []}, "they are up to run already"
    await world.work()
    assert len(world.folio()) == 60


async def test_retries_end_at_their_number_and_somebody_is_told(world: World) -> None:
    await world.configure(retry={"max_attempts": 2, "interval_minutes": 1})
    posting = await waiting(world)
    world.opera.dial.set(maintenance=1.0)
    for _ in range(6):
        await world.work(LONG)
    found = await world.posting(posting["id"])
    assert (found["posting_status"], found["retry_count"], found["next_attempt_at"]) == ("failed", 2, None)
    assert (await entry(world))["status"] == "failed", "nothing expires silently"
    await world.work()
    assert len(world.alerts) == 1
    world.opera.dial.calm()
    await world.work(LONG)
    assert world.folio() == {}
    answer = await world.call("POST", f"/postings/{posting['id']}/retry", role=MANAGER)
    assert (answer.status_code, answer.json()["posting_status"]) == (200, "posted")
    assert sum(world.folio().values()) == Decimal("105.00")


async def test_retries_can_be_switched_off_and_alerts_too(world: World) -> None:
    await world.configure(retry={"enabled": False, "alert_on_failure": False})
    world.opera.dial.next("maintenance", method="POST", path="/charges")
    answer = await world.post()
    assert (answer.status_code, answer.json()["posting_status"]) == (202, "pending"), "422 alone says nothing is owed"
    assert (answer.json()["next_attempt_at"], answer.json()["owed"]) == (None, True)
    assert (await entry(world))["status"] == "failed"
    await world.work(LONG)
    assert world.alerts == []
    assert world.folio() == {}


async def test_charge_that_waits_for_a_manager_is_not_sent_by_a_stale_job(world: World) -> None:
    await world.configure(retry={"enabled": False})
    world.opera.dial.next("maintenance", method="POST", path="/charges")
    posting = (await world.post()).json()
    async with world.database.write() as tx:
        await work.queue_settle(tx, world.property_id, UUID(posting["id"]), world.clock())
    await world.work(LONG)
    assert world.folio() == {}
    answer = await world.call("POST", f"/postings/{posting['id']}/retry", role=MANAGER)
    assert (answer.status_code, answer.json()["posting_status"], answer.json()["owed"]) == (200, "posted", False)
    assert sum(world.folio().values()) == Decimal("105.00")


async def test_charge_that_shall_not_be_queued_is_503_and_may_be_sent_again(world: World) -> None:
    world.opera.dial.next("maintenance", method="POST", path="/charges")
    body = world.body(queue_on_failure=False)
    answer = await world.post(body)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (503, "CONNECTION_FAILED")
    assert (problem["title"], problem["action"]) == ("Unable to connect to PMS", "Add to queue or collect payment")
    await world.work(LONG)
    assert world.folio() == {}
    assert (await world.post({**body, "queue_on_failure": True})).status_code == 201


async def test_check_is_queued_for_who_was_seen_in_the_room_while_the_pms_is_away(world: World) -> None:
    await world.call("GET", "/rooms/412")
    world.opera.dial.set(maintenance=1.0)
    answer = await world.post(room="412")
    assert (answer.status_code, answer.json()["guest_name"]) == (202, "Mr. James Wilson")
    unseen = await world.post(room="218")
    assert (unseen.status_code, unseen.json()["code"]) == (503, "CONNECTION_FAILED")
    world.opera.dial.calm()
    await world.settle()
    assert sum(world.folio().values()) == Decimal("105.00")


async def test_pms_that_comes_back_gets_all_that_waits_at_once(world: World) -> None:
    await waiting(world)
    await waiting(world, room="218")
    world.clock.advance(30)
    assert (await world.post(room="315")).status_code == 201
    await world.work()
    assert len(world.folio()) == 3
    assert (await world.call("GET", "/queue")).json()["items"] == []


async def test_retry_all_posts_everything(world: World) -> None:
    for room in ("412", "218"):
        await waiting(world, room=room)
    answer = await world.call("POST", "/queue/process", role=MANAGER)
    assert (answer.status_code, answer.json()["queued"]) == (202, 2)
    await world.work()
    assert len(world.folio()) == 2


async def test_one_entry_is_retried_by_itself(world: World) -> None:
    await waiting(world)
    answer = await world.call("POST", f"/queue/{(await entry(world))['id']}/retry", role=MANAGER)
    assert (answer.status_code, answer.json()["posting_status"]) == (200, "posted")
    again = await world.call("POST", f"/postings/{answer.json()['id']}/retry", role=MANAGER)
    assert again.json()["posting_status"] == "posted"
    assert sum(world.folio().values()) == Decimal("105.00")


async def test_removing_needs_a_reason_and_ends_it_for_good(world: World) -> None:
    posting = await waiting(world)
    path = f"/queue/{(await entry(world))['id']}"
    assert (await world.call("DELETE", path, role=MANAGER)).status_code == 422
    answer = await world.call("DELETE", f"{path}?reason=Paid by card", role=MANAGER)
    assert (answer.status_code, answer.json()["failure_code"]) == (200, "REMOVED")
    await world.settle()
    assert world.folio() == {}
    retried = await world.call("POST", f"/postings/{posting['id']}/retry", role=MANAGER)
    assert (retried.status_code, retried.json()["code"]) == (409, "NOTHING_OWED")
    assert (await world.call("GET", "/queue")).json()["total"] == 0


async def test_nothing_in_doubt_is_removed_or_overridden(world: World) -> None:
    world.opera.dial.next("drop_after", method="POST", path="/charges")
    posting = (await world.post()).json()
    removed = await world.call("DELETE", f"/queue/{(await entry(world))['id']}?reason=x", role=MANAGER)
    assert (removed.status_code, removed.json()["code"]) == (409, "IN_DOUBT")
    told = {"pms_transaction_id": "77", "reason": "by hand"}
    overridden = await world.call("POST", f"/postings/{posting['id']}/override", told, role=MANAGER)
    assert (overridden.status_code, overridden.json()["code"]) == (409, "IN_DOUBT")


async def test_charge_posted_by_hand_is_noted_and_never_sent(world: World) -> None:
    posting = await waiting(world)
    told = {"pms_transaction_id": "HAND-77", "reason": "OPERA was down"}
    answer = await world.call("POST", f"/postings/{posting['id']}/override", told, role=MANAGER)
    assert (answer.json()["posting_status"], answer.json()["pms_transaction_id"]) == ("posted", "HAND-77")
    assert answer.json()["settled_by"] == "manager"
    await world.settle()
    assert world.folio() == {}


async def test_guest_who_moved_while_the_charge_waited_is_followed(world: World) -> None:
    posting = await waiting(world)
    world.opera.desk.move_room(posting["reservation_id"], "777")
    await world.settle()
    found = await world.posting(posting["id"])
    assert (found["posting_status"], found["room_number"]) == ("posted", "777")


async def test_guest_who_left_while_the_charge_waited_becomes_a_clear_exception(world: World) -> None:
    posting = await waiting(world)
    world.opera.desk.check_out(posting["reservation_id"])
    await world.settle()
    found = await world.posting(posting["id"])
    assert (found["posting_status"], found["failure_code"]) == ("failed", "GUEST_CHECKED_OUT")
    assert (await entry(world))["status"] == "failed"
    await world.work()
    assert world.alerts
    assert world.folio() == {}


async def test_house_queue_does_not_wait_for_anybody(inn: World) -> None:
    assert (await inn.post()).status_code == 201
    page = (await inn.call("GET", "/queue")).json()
    assert (page["total"], page["pms"]["status"]) == (0, "connected")


async def test_who_was_seen_in_the_room_is_known_to_every_process(world: World) -> None:
    await world.call("GET", "/rooms/412")
    await world.systems.aclose()  # what was left for afterwards is done
    world.systems._seen.clear()
    world.systems.written.clear()
    world.opera.dial.set(maintenance=1.0)
    answer = await world.post(room="412")
    assert (answer.status_code, answer.json()["guest_name"]) == (202, "Mr. James Wilson")
    world.opera.dial.calm()
    await world.settle()
    assert sum(world.folio().values()) == Decimal("105.00")


async def test_sighting_is_written_when_it_changes_and_deleted_when_it_is_old(world: World) -> None:
    async def written() -> dict[str, datetime]:
        await world.systems.aclose()
        async with world.database.read() as session:
            return {row.room_number: row.seen_at for row in await session.scalars(select(RoomSighting))}

    await world.call("GET", "/rooms/412")
    first = (await written())["412"]
    world.clock.advance(60)
    await world.call("GET", "/rooms/412")
    assert (await written())["412"] == first, "nothing has changed"
    world.opera.state.in_room("412")[0].no_post = True
    await world.call("GET", "/rooms/412")
    assert (await written())["412"] == world.clock()
    world.clock.advance(25 * 3600)
    await world.call("GET", "/rooms/218")
    assert set(await written()) == {"218"}


async def test_lookup_that_finds_the_pms_back_has_everything_sent_that_waits(world: World) -> None:
    for room in ("412", "218"):
        await waiting(world, room=room)
    world.opera.dial.set(maintenance=1.0)
    assert (await world.call("GET", "/rooms/315")).status_code == 503
    assert (await world.call("GET", "/queue")).json()["pms"]["status"] == "troubled"
    world.opera.dial.calm()
    assert (await world.call("GET", "/rooms/315")).status_code == 200
    assert (await world.call("GET", "/queue")).json()["pms"]["status"] == "connected"
    await world.work()
    assert len(world.folio()) == 2


async def test_lookup_that_meets_a_pms_that_is_away_says_so_in_the_queue(world: World) -> None:
    await world.call("GET", "/rooms/412")
    assert (await world.call("GET", "/queue")).json()["pms"]["status"] == "connected"
    world.opera.dial.set(maintenance=1.0)
    await world.call("GET", "/rooms/412")
    assert (await world.call("GET", "/queue")).json()["pms"]["status"] == "troubled"


async def test_pms_that_answers_questions_and_takes_no_charge_uses_up_nobody_s_tries(world: World) -> None:
    ids = [(await waiting(world, room=room))["id"] for room in ("412", "218", "315")]
    for _ in range(6):
        world.opera.dial.next("maintenance", method="POST", path="/charges")
        await world.call("GET", "/rooms/412")
        await world.work()
    found = [await world.posting(posting_id) for posting_id in ids]
    assert [one["posting_status"] for one in found] == ["pending"] * 3
    assert sum(one["step"] == "charge" for one in found[1]["attempts"]) == 1, "one charge is tried for all"
    await world.work(LONG)
    assert len(world.folio()) == 3


async def test_what_failed_after_all_its_tries_is_left_to_the_person_who_was_told(world: World) -> None:
    await world.configure(retry={"max_attempts": 1, "interval_minutes": 1})
    posting = await waiting(world)
    world.opera.dial.set(maintenance=1.0)
    for _ in range(3):
        await world.work(LONG)
    world.opera.dial.calm()
    await world.call("GET", "/rooms/412")
    await world.work(LONG)
    assert (await world.posting(posting["id"]))["posting_status"] == "failed"
    assert world.folio() == {}


async def test_retry_claims_the_charge_and_leaves_no_job_to_race_with(world: World) -> None:
    await world.configure(posting={"auto_post": False})
    posting = (await world.post()).json()
    world.opera.state.in_room("412")[0].no_post = True
    answer = await world.call("POST", f"/postings/{posting['id']}/retry", role=MANAGER)
    assert (answer.status_code, answer.json()["failure_code"]) == (200, "CHARGES_BLOCKED")
    async with world.database.read() as session:
        jobs = list(await session.scalars(select(JobRow).where(JobRow.kind == work.SETTLE)))
    assert [job for job in jobs if job.run_after <= world.clock()] == []
    assert len((await world.posting(posting["id"]))["attempts"]) == 1


async def test_two_who_retry_at_once_send_it_once(world: World) -> None:
    posting = await waiting(world)
    path = f"/postings/{posting['id']}/retry"
    answers = await asyncio.gather(*(world.call("POST", path, role=MANAGER) for _ in range(4)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert sum(world.folio().values()) == Decimal("105.00")


async def test_the_reason_is_a_sentence_and_the_request_is_evidence(world: World) -> None:
    await world.call("GET", "/rooms/412")
    world.opera.dial.set(maintenance=1.0)
    away = (await world.call("GET", "/rooms/218")).json()
    assert away["errors"] == [{"field": "pms", "message": "OPERA Cloud is not available at present."}]
    posting = (await world.post()).json()
    assert posting["failure_reason"] == "OPERA Cloud is not available at present."
    proof = (await world.call("GET", f"/postings/{posting['id']}/proof", role=Role.MANAGER)).json()
    (tried,) = proof["attempts"]
    assert (tried["step"], tried["message"]) == ("lookup", posting["failure_reason"])
    assert tried["evidence"] == {
        "failure": "MAINTENANCE",
        "operation": "GET /rsv/v1/hotels/SAND01/reservations",
        "detail": "HTTP 503",
        "http_status": "503",
    }
