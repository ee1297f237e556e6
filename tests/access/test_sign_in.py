"""Signing in tells nothing to who guesses, and lets nobody guess for long."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
import time_machine

from innkeeper.access.roles import Role
from innkeeper.access.sessions import IDLE, LIFETIME
from innkeeper.domain.business_day import utc_now
from tests.access.support import PASSWORD, PIN, SYSTEM, Inn, without_ids

pytestmark = pytest.mark.anyio


async def test_the_right_password_opens_a_session_that_scripts_and_other_sites_cannot_use(inn: Inn) -> None:
    await inn.access.users.add(SYSTEM, "Ana", Role.MANAGER, password=PASSWORD)
    async with inn.client() as client:
        answer = await client.post("/api/session", json={"name": " ana ", "password": PASSWORD})
        assert answer.status_code == 200
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        me = (await client.get("/api/me")).json()
    assert (me["name"], me["role"], me["via"]) == ("ana", "manager", "session")
    assert me["csrf_token"] == answer.json()["csrf_token"]


async def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(inn: Inn) -> None:
    await inn.access.users.add(SYSTEM, "ana", Role.MANAGER, password=PASSWORD)
    await inn.access.users.add(SYSTEM, "pin.only", Role.SERVER, pin=PIN)
    retired = await inn.access.users.add(SYSTEM, "gone", Role.SERVER, password=PASSWORD)
    await inn.access.users.change(SYSTEM, retired.id, role=Role.SERVER, property_id=None, active=False)
    answers = []
    async with inn.client() as client:
        for name, password in (("ana", "wrong"), ("nobody", "wrong"), ("pin.only", "wrong"), ("gone", PASSWORD)):
            answer = await client.post("/api/session", json={"name": name, "password": password})
            answers.append((answer.status_code, {**answer.json(), "request_id": ""}))
    assert answers[0][0] == 401
    assert all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize("name", ["ana", "nobody"])
async def test_names_that_exist_and_names_that_do_not_are_locked_alike(inn: Inn, name: str) -> None:
    await inn.access.users.add(SYSTEM, "ana", Role.MANAGER, password=PASSWORD)
    async with inn.client() as client:
        codes = [
            (await client.post("/api/session", json={"name": name, "password": f"wrong {n}"})).status_code
            for n in range(6)
        ]
        assert codes == [401] * 5 + [429]
        locked = await client.post("/api/session", json={"name": name, "password": PASSWORD})
    assert locked.status_code == 429
    assert locked.json()["code"] == "TOO_MANY_ATTEMPTS"
    assert 0 < int(locked.headers["Retry-After"]) <= 30


async def test_the_wait_grows_with_each_further_failure_and_ends_with_the_right_password(inn: Inn) -> None:
    await inn.access.users.add(SYSTEM, "ana", Role.MANAGER, password=PASSWORD)
    waits = []
    with time_machine.travel(utc_now(), tick=True) as clock:
        async with inn.client() as client:
            for n in range(9):
                wrong = await client.post("/api/session", json={"name": "ana", "password": f"wrong {n}"})
                if wrong.status_code == 401:
                    wrong = await client.post("/api/session", json={"name": "ana", "password": "wrong again"})
                if wrong.status_code == 429:
                    waits.append(int(wrong.headers["Retry-After"]))
                    clock.shift(waits[-1] + 1)
            assert waits == sorted(waits)
            assert waits[-1] > waits[0] >= 29
            answer = await client.post("/api/session", json={"name": "ana", "password": PASSWORD})
            assert answer.status_code == 200
            again = await client.post("/api/session", json={"name": "ana", "password": "wrong"})
    assert again.status_code == 401, "the count starts anew after the right password"


async def test_guesses_made_all_at_once_are_counted_one_by_one(inn: Inn) -> None:
    async with inn.client() as client:
        answers = await asyncio.gather(
            *(client.post("/api/session", json={"name": "ana", "password": f"guess {n}"}) for n in range(20))
        )
    assert [answer.status_code for answer in answers].count(401) == 5


async def test_an_address_that_tries_many_names_is_locked_and_others_are_not(inn: Inn) -> None:
    await inn.access.users.add(SYSTEM, "ana", Role.MANAGER, password=PASSWORD)
    async with inn.client("10.0.0.66") as guesser, inn.client("10.0.0.7") as desk:
        codes = [
            (await guesser.post("/api/session", json={"name": f"name{n}", "password": "wrong"})).status_code
            for n in range(31)
        ]
        right = {"name": "ana", "password": PASSWORD}
        assert codes == [401] * 30 + [429]
        assert (await guesser.post("/api/session", json=right)).status_code == 429
        assert (await desk.post("/api/session", json=right)).status_code == 200


async def test_signing_in_again_gives_a_new_session_and_ends_the_old_one(inn: Inn) -> None:
    await inn.access.users.add(SYSTEM, "ana", Role.MANAGER, password=PASSWORD)
    async with inn.client() as client:
        await client.post("/api/session", json={"name": "ana", "password": PASSWORD})
        first = client.cookies["innkeeper_session"]
        await client.post("/api/session", json={"name": "ana", "password": PASSWORD})
        second = client.cookies["innkeeper_session"]
    assert first != second
    assert await inn.access.sessions.verify(first) is None
    assert await inn.access.sessions.verify(second) is not None


async def test_signing_out_ends_the_session_on_the_server_too(inn: Inn) -> None:
    async with inn.browser(Role.MANAGER) as client:
        token = client.cookies["innkeeper_session"]
        assert (await client.delete("/api/session")).status_code == 204
        assert "innkeeper_session" not in client.cookies
    assert await inn.access.sessions.verify(token) is None


async def test_a_session_ends_when_it_is_left_alone_and_at_the_end_of_the_day(inn: Inn) -> None:
    with time_machine.travel(utc_now(), tick=True) as clock:
        async with inn.browser(Role.MANAGER) as client:
            clock.shift(IDLE - timedelta(minutes=5))
            assert (await client.get("/api/me")).status_code == 200
            clock.shift(LIFETIME - IDLE)
            assert (await client.get("/api/me")).status_code == 200, "use keeps it open"
            clock.shift(timedelta(minutes=10))
            over = await client.get(
                "/api/me", headers={"Cookie": f"innkeeper_session={client.cookies['innkeeper_session']}"}
            )
            assert (over.status_code, over.json()["code"]) == (401, "SESSION_ENDED")
    with time_machine.travel(utc_now(), tick=True) as clock:
        async with inn.browser(Role.MANAGER, "bruno") as client:
            clock.shift(IDLE + timedelta(minutes=1))
            assert await inn.access.sessions.verify(client.cookies["innkeeper_session"]) is None


async def test_a_pin_signs_in_servers_and_the_front_desk(inn: Inn) -> None:
    await inn.access.users.add(SYSTEM, "vera", Role.SERVER, pin=PIN)
    await inn.access.users.add(SYSTEM, "filip", Role.FRONT_DESK, pin=PIN)
    async with inn.client() as client:
        for name in ("vera", "filip"):
            answer = await client.post("/api/session", json={"name": name, "pin": PIN})
            assert (answer.status_code, answer.json()["name"]) == (200, name)


@pytest.mark.parametrize("role", [Role.MANAGER, Role.ADMIN])
async def test_a_manager_or_administrator_cannot_have_a_pin(inn: Inn, role: Role) -> None:
    async with inn.machine(Role.ADMIN) as admin:
        answer = await admin.post("/api/users", json={"name": "marta", "role": role.value, "pin": PIN})
    assert (answer.status_code, answer.json()["code"]) == (422, "PIN_NOT_ALLOWED")


async def test_a_server_who_becomes_manager_loses_the_pin(inn: Inn) -> None:
    user = await inn.access.users.add(SYSTEM, "vera", Role.SERVER, pin=PIN)
    await inn.access.users.change(SYSTEM, user.id, role=Role.MANAGER, property_id=None, active=True)
    async with inn.client() as client:
        assert (await client.post("/api/session", json={"name": "vera", "pin": PIN})).status_code == 401


async def test_after_ten_wrong_pins_only_the_password_helps(inn: Inn) -> None:
    await inn.access.users.add(SYSTEM, "vera", Role.SERVER, pin=PIN, password=PASSWORD)
    with time_machine.travel(utc_now(), tick=True) as clock:
        async with inn.client() as client:
            for n in range(10):
                wrong = await client.post("/api/session", json={"name": "vera", "pin": f"{7000 + n}"})
                assert wrong.status_code == 401
                clock.shift(timedelta(hours=1, seconds=1))
            clock.shift(timedelta(days=20))
            dead = await client.post("/api/session", json={"name": "vera", "pin": PIN})
            assert dead.status_code == 429
            assert (await client.post("/api/session", json={"name": "vera", "password": PASSWORD})).status_code == 200
            assert (await client.post("/api/session", json={"name": "vera", "pin": PIN})).status_code == 200


@pytest.mark.parametrize("pin", ["123", "1234", "4321", "7777", "123456789", "12a4", "１２３７"])
async def test_a_pin_that_is_no_pin_or_too_easy_is_refused(inn: Inn, pin: str) -> None:
    async with inn.machine(Role.ADMIN) as admin:
        answer = await admin.post("/api/users", json={"name": "vera", "role": "server", "pin": pin})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "pin"
    assert pin not in without_ids(answer.text)


async def test_the_role_is_read_with_each_request_and_retiring_signs_out(inn: Inn) -> None:
    async with inn.browser(Role.MANAGER, "marta") as client:
        user_id = UUID((await client.get("/api/me")).json()["id"])
        await inn.access.users.change(SYSTEM, user_id, role=Role.SERVER, property_id=None, active=True)
        assert (await client.get("/api/me")).json()["role"] == "server"
        assert (await client.get("/api/audit")).status_code == 403
        await inn.access.users.change(SYSTEM, user_id, role=Role.SERVER, property_id=None, active=False)
        assert (await client.get("/api/me")).status_code == 401


async def test_a_new_password_of_ones_own_ends_every_other_session(inn: Inn) -> None:
    async with inn.browser(Role.SERVER, "vera") as here, inn.client() as there:
        await there.post("/api/session", json={"name": "vera", "password": PASSWORD})
        wrong = await here.put("/api/me/password", json={"current": "not mine", "new": "a bell on the desk"})
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "current")
        changed = await here.put("/api/me/password", json={"current": PASSWORD, "new": "a bell on the desk"})
        assert changed.status_code == 200
        assert (await here.get("/api/me")).status_code == 200
        assert (await there.get("/api/me")).status_code == 401


@pytest.mark.parametrize("body", [{"name": "ana"}, {"name": "ana", "password": "x", "pin": "1"}, {"password": "x"}])
async def test_a_sign_in_needs_a_name_and_one_secret(inn: Inn, body: dict[str, str]) -> None:
    async with inn.client() as client:
        assert (await client.post("/api/session", json=body)).status_code == 422


async def test_a_form_of_another_site_cannot_sign_in_through_the_api(inn: Inn) -> None:
    await inn.access.users.add(SYSTEM, "ana", Role.MANAGER, password=PASSWORD)
    async with inn.client() as client:
        body = f'{{"name": "ana", "password": "{PASSWORD}"}}'
        answer = await client.post("/api/session", content=body, headers={"Content-Type": "text/plain"})
    assert answer.status_code == 422
    assert "set-cookie" not in answer.headers
