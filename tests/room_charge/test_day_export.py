"""What the PMS lacks of a day is brought to it, and several days are reported and written at once."""

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import load_workbook

from innkeeper.access.roles import Role
from tests.room_charge.test_queue import waiting
from tests.room_charge.test_reconciliation import DAY, day, sign
from tests.room_charge.test_voids import lost_there
from tests.room_charge.world import World

pytestmark = pytest.mark.anyio

PATH = f"/reconciliation/{DAY}/export-to-pms"


async def export(world: World, *posting_ids: str, reason: str = "") -> tuple[int, dict[str, Any]]:
    body = {"posting_ids": list(posting_ids), "reason": reason}
    answer = await world.call("POST", PATH, body, role=Role.MANAGER)
    return answer.status_code, answer.json()


async def lines_of_journal(world: World) -> list[dict[str, str]]:
    answer = await world.call("GET", f"/reconciliation/journal?date={DAY}", role=Role.MANAGER)
    assert answer.headers["content-disposition"] == f'attachment; filename="room-charge-journal-{DAY}.csv"'
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


async def test_what_waits_of_the_day_is_sent_now(world: World) -> None:
    await waiting(world)
    assert await export(world) == (200, {"date": DAY, "sent": 1, "posted_again": []})
    await world.work()
    assert sum(world.folio().values()) == Decimal("105.00")
    assert (await day(world))["balanced"]
    assert (await export(world))[1]["sent"] == 0


async def test_only_what_somebody_names_is_posted_again(world: World) -> None:
    lost, removed = await lost_there(world), await lost_there(world)
    status, problem = await export(world, lost["id"])
    assert (status, problem["errors"][0]["field"]) == (422, "reason")
    status, found = await export(world, lost["id"], reason="Deleted by mistake")
    assert (status, found["posted_again"][0]["posting_status"]) == (200, "posted"), found
    assert list(world.folio().values()) == [Decimal("105.00")]
    (one,) = (await day(world))["exceptions"]
    assert (one["kind"], one["posting_id"]) == ("missing_in_pms", removed["id"])
    assert "post it again" in one["suggested_action"]


async def test_charge_that_stands_is_not_exported_a_second_time(world: World) -> None:
    posting = (await world.post()).json()
    _, found = await export(world, posting["id"], posting["id"], reason="To be safe")
    (one,) = found["posted_again"]
    assert (one["posting_status"], one["code"]) == (None, "STANDS_IN_PMS")
    assert list(world.folio().values()) == [Decimal("105.00")]


async def test_signed_day_and_strange_postings_are_not_exported(world: World) -> None:
    posting = (await world.post()).json()
    status, problem = await export(world, "0190f6f0-0000-7000-8000-000000000000", reason="x")
    assert (status, problem["errors"][0]["message"]) == (422, "This is no posting of the day.")
    await sign(world)
    status, problem = await export(world, posting["id"], reason="x")
    assert (status, problem["code"]) == (409, "DAY_SIGNED")


async def test_journal_holds_every_line_as_the_pms_takes_it(world: World) -> None:
    first = (await world.post()).json()
    await world.call("POST", f"/postings/{first['id']}/void", {"reason": "Wrong"}, role=Role.MANAGER)
    later = await waiting(world, room="218", subtotal="20.00", tip="0.00")
    found = await lines_of_journal(world)
    told = [(one["kind"], one["reference"], one["transaction_code"], one["amount"]) for one in found]
    assert told == [
        ("charge", first["reference"], "2000", "87.50"),
        ("charge", first["reference"], "2900", "17.50"),
        ("reversal", first["reference"], "2000", "-87.50"),
        ("reversal", first["reference"], "2900", "-17.50"),
        ("charge", later["reference"], "2000", "20.00"),
    ]
    assert found[0]["pms_transaction_id"] == first["pms_transaction_id"]
    assert found[-1]["posting_status"] == "pending"
    assert "Wilson" not in str(found), "guests' names stay where they are"


async def test_period_is_written_as_csv_xlsx_and_pdf(world: World) -> None:
    await world.post()
    world.opera.desk.roll_business_date()
    world.clock.advance(86_400)
    await world.post(room="218", outlet_code="BAR")
    path = "/reconciliation/export?start=2030-06-01&end=2030-06-02&format="
    answer = await world.call("GET", path + "csv", role=Role.MANAGER)
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert ["Total posted", "210.00"] in rows
    assert ["2030-06-02", "BAR", "Lobby Bar", "1", "105.00", "105.00", "0.00"] in rows
    assert answer.headers["content-disposition"] == 'attachment; filename="room-charge-2030-06-01-to-2030-06-02.csv"'
    book = load_workbook(io.BytesIO((await world.call("GET", path + "xlsx", role=Role.MANAGER)).content))
    assert book.sheetnames == ["Summary", "By outlet", "Days", "Days by outlet", "Exceptions", "Recovered"]
    assert (await world.call("GET", path + "pdf", role=Role.MANAGER)).content.startswith(b"%PDF")


async def test_a_quarter_is_reported_and_a_wrong_period_says_what_is_wrong(world: World) -> None:
    await world.post()
    quarter = await world.call("GET", "/reconciliation?start=2030-04-01&end=2030-06-30", role=Role.MANAGER)
    assert (quarter.status_code, len(quarter.json()["days"])) == (200, 91)
    assert quarter.json()["total_posted"] == "105.00"
    for period, words in (
        ("start=2030-06-02&end=2030-06-01", "ends on 2030-06-01, before it begins on 2030-06-02"),
        ("start=2030-01-01&end=2030-06-01", "has 152 days; ask for at most 92"),
    ):
        answer = await world.call("GET", f"/reconciliation?{period}", role=Role.MANAGER)
        assert answer.status_code == 422
        assert words in answer.json()["errors"][0]["message"]
