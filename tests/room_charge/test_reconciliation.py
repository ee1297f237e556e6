"""At night the two sides are compared, each difference has its name, and what was signed stays as it was."""

import csv
import io
import re
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import update

from innkeeper.access.roles import Role
from innkeeper.house.tables import Property
from innkeeper.room_charge import audit_day
from tests.room_charge.test_queue import waiting
from tests.room_charge.world import World

pytestmark = pytest.mark.anyio

DAY = "2030-06-01"


async def day(world: World, when: str = DAY) -> dict[str, Any]:
    answer = await world.call("GET", f"/reconciliation/daily?date={when}", role=Role.MANAGER)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def kinds(world: World, when: str = DAY) -> list[str]:
    return [one["kind"] for one in (await day(world, when))["exceptions"]]


async def sign(world: World, note: str = "", role: Role = Role.FRONT_DESK) -> tuple[int, dict[str, Any]]:
    answer = await world.call("POST", f"/reconciliation/{DAY}/sign-off", {"note": note}, role=role)
    return answer.status_code, answer.json()


async def test_balanced_day_is_told_by_outlet(world: World) -> None:
    for room, outlet in (("412", "REST"), ("218", "REST"), ("315", "BAR")):
        assert (await world.post(room=room, outlet_code=outlet)).status_code == 201
    found = await day(world)
    assert (found["total_posted"], found["total_checks"], found["variance"]) == ("315.00", 3, "0.00")
    assert found["balanced"] is True
    assert found["exceptions"] == []
    shown = {one["outlet_code"]: (one["checks"], one["pos_total"], one["pms_posted"]) for one in found["by_outlet"]}
    assert shown == {"BAR": (1, "105.00", "105.00"), "REST": (2, "210.00", "210.00")}
    assert found["by_outlet"][1]["name"] == "Main Restaurant"


async def test_balanced_day_of_the_house(inn: World) -> None:
    await inn.post()
    other = (await inn.post(room="203")).json()
    await inn.call("POST", f"/postings/{other['id']}/void", {"reason": "wrong room"}, role=Role.MANAGER)
    found = await day(inn)
    assert (found["total_posted"], found["balanced"], found["currency"]) == ("105.00", True, "EUR"), found


async def test_posting_removed_in_the_pms_is_missing_there(world: World) -> None:
    posting = (await world.post()).json()
    for line in list(world.opera.state.under_reference(posting["reference"])):
        world.opera.desk.delete_posting(line.transaction_no)
    found = await day(world)
    (one,) = found["exceptions"]
    assert (one["kind"], one["posting_id"], one["pos_amount"]) == ("missing_in_pms", posting["id"], "105.00")
    assert one["suggested_action"]
    assert (found["variance"], found["balanced"]) == ("-105.00", False)


async def test_line_that_nobody_here_knows_is_missing_here(world: World) -> None:
    guest = world.opera.state.in_room("412")[0]
    world.opera.state.post(guest, "2100", Decimal("9.00"), remark="By hand", check_no="77")
    (one,) = (await day(world))["exceptions"]
    assert (one["kind"], one["pms_amount"], one["check_number"]) == ("missing_in_pos", "9.00", "77")
    assert one["outlet_code"] == "BAR"


async def test_changed_amount_is_named(world: World) -> None:
    posting = (await world.post()).json()
    tip = world.opera.state.under_reference(posting["reference"])[1]
    tip.unit_price = Decimal("1.50")
    (one,) = (await day(world))["exceptions"]
    assert (one["kind"], one["pos_amount"], one["pms_amount"]) == ("amount_differs", "105.00", "89.00")


async def test_check_that_a_proxy_doubled_is_named(world: World) -> None:
    world.opera.dial.next("duplicate", method="POST", path="/charges")
    assert (await world.post()).status_code == 201
    found = await day(world)
    (one,) = found["exceptions"]
    assert (one["kind"], one["pms_amount"]) == ("duplicate", "210.00")
    assert found["variance"] == "105.00"


async def test_charge_on_another_day_of_the_pms_is_named(world: World) -> None:
    posting = (await world.post()).json()
    world.opera.desk.roll_business_date()
    lines = world.opera.state.under_reference(posting["reference"])
    state = world.opera.state
    for line in list(lines):
        state._by_date[line.revenue_date].remove(line)
        line.revenue_date = state.business_date
        state._by_date.setdefault(line.revenue_date, []).append(line)
    assert await kinds(world) == ["wrong_date"]
    assert await kinds(world, "2030-06-02") == ["wrong_date"]


async def test_charge_posted_by_hand_is_matched_by_its_amount(world: World) -> None:
    posting = await waiting(world)
    guest = world.opera.state.in_room("412")[0]
    world.opera.state.post(guest, "2000", Decimal("105.00"), check_no=posting["check_number"])
    told = {"pms_transaction_id": "by hand", "reason": "OPERA was down"}
    await world.call("POST", f"/postings/{posting['id']}/override", told, role=Role.MANAGER)
    assert (await day(world))["balanced"] is True


async def test_recovered_failure_is_told_with_its_story(world: World) -> None:
    await waiting(world)
    await world.settle()
    (one,) = (await day(world))["recovered"]
    assert one["story"].startswith("charge: not reached → ")
    assert one["story"].endswith("→ posted")


async def test_day_with_open_postings_is_not_signed(world: World) -> None:
    await waiting(world)
    assert await kinds(world) == ["unsettled"]
    status, problem = await sign(world)
    assert (status, problem["code"]) == (409, "UNSETTLED_POSTINGS")
    await world.settle()
    assert (await sign(world))[0] == 200


async def test_failed_posting_keeps_the_day_open_until_somebody_decides(world: World) -> None:
    posting = await waiting(world)
    world.opera.desk.check_out(posting["reservation_id"])
    await world.settle()
    assert (await sign(world))[1]["code"] == "UNSETTLED_POSTINGS"
    entry = (await world.call("GET", "/queue")).json()["items"][0]
    await world.call("DELETE", f"/queue/{entry['id']}?reason=paid cash", role=Role.MANAGER)
    status, signed = await sign(world)
    assert (status, signed["signed_off_by"]) == (200, "front_desk")


async def test_signed_day_stays_as_it_was(world: World) -> None:
    posting = (await world.post()).json()
    status, signed = await sign(world)
    assert (status, signed["balanced"], signed["signed_off_role"]) == (200, True, "front_desk")
    signed = (await sign(world, role=Role.MANAGER))[1]
    for line in list(world.opera.state.under_reference(posting["reference"])):
        world.opera.desk.delete_posting(line.transaction_no)
    found = await day(world)
    assert (found["total_posted"], found["sha256"], found["signed_off_by"]) == (
        "105.00",
        signed["sha256"],
        "front_desk",
    )
    assert (await sign(world, role=Role.ADMIN))[1]["signed_off_by"] == "front_desk", "signing twice changes nothing"


async def test_day_that_differs_is_signed_with_an_explanation_only(world: World) -> None:
    guest = world.opera.state.in_room("412")[0]
    world.opera.state.post(guest, "2100", Decimal("9.00"))
    assert (await sign(world))[1]["code"] == "NOT_BALANCED"
    status, signed = await sign(world, "Typed by the desk, check lost", Role.MANAGER)
    assert (status, signed["balanced"], signed["note"]) == (200, False, "Typed by the desk, check lost")


async def test_the_front_desk_signs_and_is_told_no_figures(world: World) -> None:
    await world.post()
    guest = world.opera.state.in_room("412")[0]
    world.opera.state.post(guest, "2100", Decimal("9.00"))
    status, problem = await sign(world)
    assert (status, problem["code"], problem["errors"]) == (409, "NOT_BALANCED", [])
    assert not any(figure in str(problem) for figure in ("9.00", "105.00", "114.00"))
    told = {"date", "balanced", "signed_off_by", "signed_off_role", "signed_off_at", "revision"}
    first = await sign(world, "Typed by the desk, check lost")
    again = await sign(world)
    assert (first[0], first[1].keys(), first[1]["balanced"]) == (200, told, False)
    assert again == first, "nor when it is signed already"


async def test_reopening_needs_a_reason_and_leaves_a_trace(world: World) -> None:
    await world.post()
    _, first = await sign(world, role=Role.MANAGER)
    path = f"/reconciliation/{DAY}/reopen"
    assert (await world.call("POST", path, {"reason": ""}, role=Role.MANAGER)).status_code == 422
    answer = await world.call("POST", path, {"reason": "A late check"}, role=Role.MANAGER)
    assert (answer.status_code, answer.json()["reopen_reason"]) == (200, "A late check")
    assert (await day(world))["signed_off_by"] is None
    await world.post(room="218")
    _, second = await sign(world, role=Role.MANAGER)
    assert (second["revision"], second["total_posted"]) == (2, "210.00")
    assert first["sha256"] != second["sha256"]


async def test_day_that_has_not_come_is_not_signed(world: World) -> None:
    answer = await world.call("POST", "/reconciliation/2030-06-02/sign-off", role=Role.ADMIN)
    assert (answer.status_code, answer.json()["code"]) == (409, "DAY_NOT_OVER")


async def test_pms_that_is_away_is_503_and_nothing_is_signed(world: World) -> None:
    await world.post()
    world.opera.dial.set(maintenance=1.0)
    answer = await world.call("GET", f"/reconciliation/daily?date={DAY}", role=Role.MANAGER)
    assert (answer.status_code, answer.json()["code"]) == (503, "CONNECTION_FAILED")
    assert (await sign(world))[0] == 503


async def test_revenue_by_outlet_over_a_period(world: World) -> None:
    await world.post()
    world.opera.desk.roll_business_date()
    world.clock.advance(86_400)
    await world.post(room="218")
    path = "/reconciliation?start=2030-06-01&end=2030-06-02"
    found = (await world.call("GET", path, role=Role.MANAGER)).json()
    assert [one["total_posted"] for one in found["days"]] == ["105.00", "105.00"]
    assert (found["total_posted"], found["total_checks"], found["balanced"]) == ("210.00", 2, True)
    assert found["by_outlet"][0]["pms_posted"] == "210.00"
    long = "/reconciliation?start=2030-01-01&end=2030-06-02"
    assert (await world.call("GET", long, role=Role.MANAGER)).status_code == 422


async def test_report_is_written_as_csv_xlsx_and_pdf(world: World) -> None:
    await world.post()
    await waiting(world, room="218")
    path = f"/reconciliation/export?date={DAY}&format="
    text = (await world.call("GET", path + "csv", role=Role.MANAGER)).content.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    assert ["REST", "Main Restaurant", "1", "105.00", "105.00", "0.00"] in rows
    assert any(row[:1] == ["unsettled"] for row in rows)
    book = load_workbook(io.BytesIO((await world.call("GET", path + "xlsx", role=Role.MANAGER)).content))
    assert book.sheetnames == ["Summary", "By outlet", "Exceptions", "Recovered"]
    pdf = await world.call("GET", path + "pdf", role=Role.MANAGER)
    assert pdf.content.startswith(b"%PDF")
    assert pdf.headers["content-disposition"] == f'attachment; filename="room-charge-{DAY}.pdf"'


def letters_of(pdf: bytes) -> set[str]:
    """Return the letters that a PDF draws with its embedded fonts, by their tables of letters."""
    tables = re.findall(rb"beginbfchar(.*?)endbfchar", pdf, re.S)
    return {chr(int(code, 16)) for table in tables for code in re.findall(rb"<[0-9A-F]{4}> <([0-9A-F]{4})>", table)}


async def test_pdf_names_the_hotel_and_writes_every_letter(world: World) -> None:
    async with world.database.write() as tx:
        await tx.session.execute(update(Property).values(name="Zamek Łańcut Ωμέγα"))
    world.systems.forget(world.property_id)
    await waiting(world)
    await world.settle()
    path = f"/reconciliation/export?date={DAY}&format="
    pdf = (await world.call("GET", path + "pdf", role=Role.MANAGER)).content
    assert set("Łńμέγ→") <= letters_of(pdf), "the arrows are of the story of a recovered charge"
    assert "Zamek Łańcut Ωμέγα".encode("utf-16-be").hex().encode() in pdf, "and its title bears the name"
    text = (await world.call("GET", path + "csv", role=Role.MANAGER)).content.decode("utf-8-sig")
    assert ["Hotel", "Zamek Łańcut Ωμέγα"] in list(csv.reader(io.StringIO(text)))


async def test_property_compares_by_itself_at_its_hour_and_tells_somebody(world: World) -> None:
    guest = world.opera.state.in_room("412")[0]
    world.opera.state.post(guest, "2100", Decimal("9.00"))

    async def tick() -> int:
        async with world.database.write() as tx:
            return len(await audit_day.queue_due(tx, world.systems))

    world.clock.advance(7 * 3600)  # 02:00 at the hotel
    await world.configure(reconciliation={"reconcile_time": "03:00"})
    assert await tick() == 0
    world.clock.advance(3700)
    assert await tick() == 1
    assert await tick() == 0, "once a day"
    await world.work()
    assert len(world.alerts) == 1
    assert "Variance 9.00 USD. 1 missing in pos." in world.alerts[0]


async def test_reversal_without_a_void_is_no_wrong_date_and_has_its_own_action(world: World) -> None:
    posting = (await world.post()).json()
    guest = world.opera.state.reservations[posting["reservation_id"]]
    for code, amount in (("2000", "-87.50"), ("2900", "-17.50")):
        world.opera.state.post(guest, code, Decimal(amount), reference=f"{posting['reference']}-VOID")
    (one,) = (await day(world))["exceptions"]
    assert (one["kind"], one["detail"]) == ("amount_differs", "The PMS took it back, and it is posted here.")
    assert one["suggested_action"] == "Void the check here too, or post it again in the PMS if it is to be paid."
    await audit_day.by_itself(await world.link(), (await world.link()).hotel.business_date)
    await world.settle()
    assert world.folio() == {}, "nobody charges again what the desk took back"


async def test_no_difference_of_a_day_speaks_of_that_same_day(world: World) -> None:
    posting = (await world.post()).json()
    path = f"/postings/{posting['id']}"
    world.opera.dial.next("duplicate", method="POST", path="/charges")
    await world.call("POST", f"{path}/void", {"reason": "Wrong room"}, role=Role.MANAGER)
    found = (await day(world))["exceptions"]
    assert [one["kind"] for one in found] == ["duplicate", "unsettled"]
    assert not any(DAY in one["detail"] for one in found), found
