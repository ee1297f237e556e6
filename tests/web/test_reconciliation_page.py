"""The night audit says first whether the day balances, then why not, and takes the signature of whom it may."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from innkeeper.access.roles import Role
from innkeeper.storage.database import Database
from tests.web.charging import PAGE, PART, Hotel, a_hotel

pytestmark = pytest.mark.anyio

DAY = {"date": "2030-06-01"}


@pytest.fixture
async def hotel(database: Database) -> AsyncIterator[Hotel]:
    async with a_hotel(database) as opened:
        yield opened


async def report(hotel: Hotel, role: Role = Role.MANAGER, **params: str) -> str:
    async with hotel.inn.browser(role, f"{role.value}-{len(params)}-reader") as client:
        answer = await client.get("/reconciliation/report", params={**DAY, **params}, headers=PART)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_the_page_comes_at_once_and_asks_for_its_report(hotel: Hotel) -> None:
    hotel.away()
    async with hotel.inn.browser(Role.MANAGER) as client:
        page = (await client.get("/reconciliation", params=DAY, headers=PAGE)).text
    assert 'hx-get="/reconciliation/report?date=2030-06-01"' in page
    assert 'role="status"' in page


async def test_a_waiter_has_no_business_here(hotel: Hotel) -> None:
    async with hotel.inn.browser(Role.SERVER) as client:
        statuses = [
            (await client.get(path, headers=PAGE)).status_code
            for path in ("/reconciliation", "/reconciliation/report", "/reconciliation/revenue")
        ]
        signed = await client.post("/reconciliation/2030-06-01/sign-off", headers=PART)
    assert (*statuses, signed.status_code) == (403,) * 4


async def test_a_day_that_balances_says_so_first_with_its_sums_by_outlet(hotel: Hotel) -> None:
    await hotel.world.post()
    await hotel.world.post(outlet_code="BAR", subtotal="20.00", tip="0")
    part = await report(hotel)
    assert "Balanced" in part
    assert part.index("Balanced") < part.index("By outlet")
    for told in ("$125.00", "$105.00", "$20.00", "Main Restaurant", "Lobby Bar", "None: all postings successful"):
        assert told in part
    for form in ("csv", "xlsx", "pdf"):
        assert f"/api/pms/reconciliation/export?date=2030-06-01&amp;format={form}" in part


async def test_a_difference_is_named_with_its_cause_and_the_act_that_mends_it(hotel: Hotel) -> None:
    posting = (await hotel.world.post()).json()
    guest = next(one for one in hotel.world.opera.state.reservations.values() if one.room == "412")
    hotel.world.opera.state.post(guest, "2000", Decimal("12.00"), reference="STRANGER", remark="typed by hand")
    waiting = await hotel.waiting("218")
    hotel.back()
    part = await report(hotel)
    assert "Differs by" in part
    assert "$12.00" in part
    assert f'href="/postings/{waiting["id"]}">Settle it' in part
    assert "Balanced" not in part
    assert "Not settled" in part
    assert "Missing here" in part
    assert "Ask the outlet for the check" in part
    assert posting["id"] not in part.split("By outlet")[0]


async def test_what_failed_and_recovered_is_told(hotel: Hotel) -> None:
    await hotel.waiting()
    hotel.back()
    await hotel.world.settle()
    part = await report(hotel)
    assert "Failed postings, recovered" in part
    assert "lookup: not reached → charge: answered → posted" in part


async def test_a_pms_that_is_away_leaves_the_page_standing_and_says_what_still_works(hotel: Hotel) -> None:
    hotel.away()
    part = await report(hotel)
    assert "OPERA cannot be asked" in part
    assert "Charges are still taken" in part
    assert "Run now" in part


async def test_the_front_desk_signs_without_seeing_the_figures(hotel: Hotel) -> None:
    await hotel.world.post()
    async with hotel.inn.browser(Role.FRONT_DESK) as client:
        before = (await client.get("/reconciliation/report", params=DAY, headers=PART)).text
        assert "The figures of the day are for managers." in before
        assert "$105.00" not in before
        assert "export" not in before
        after = await client.post("/reconciliation/2030-06-01/sign-off", data={"note": "quiet night"}, headers=PART)
        assert "front-desk-user (front desk) signed the day" in after.text
        assert "quiet night" in after.text
        assert "Open the day again" not in after.text
        reopened = await client.post("/reconciliation/2030-06-01/reopen", data={"reason": "x"}, headers=PART)
    assert reopened.status_code == 403


async def test_a_day_with_open_charges_is_not_signed_and_says_which(hotel: Hotel) -> None:
    posting = await hotel.waiting()
    part = await report(hotel)
    assert "1 not settled" in part
    assert f"/postings/{posting['id']}" in part
    async with hotel.inn.browser(Role.MANAGER) as client:
        refused = await client.post("/reconciliation/2030-06-01/sign-off", headers=PART)
    assert refused.status_code == 409
    assert "UNSETTLED_POSTINGS" in refused.text


async def test_a_difference_is_signed_with_a_note_only_and_the_note_stays_typed(hotel: Hotel) -> None:
    guest = next(one for one in hotel.world.opera.state.reservations.values() if one.room == "412")
    hotel.world.opera.state.post(guest, "2000", Decimal("12.00"), reference="STRANGER", remark="typed by hand")
    async with hotel.inn.browser(Role.MANAGER) as client:
        refused = await client.post("/reconciliation/2030-06-01/sign-off", data={"note": " "}, headers=PART)
        assert refused.status_code == 409
        assert "NOT_BALANCED" in refused.text
        signed = await client.post("/reconciliation/2030-06-01/sign-off", data={"note": "known"}, headers=PART)
    assert "signed the day" in signed.text
    assert "SHA-256" in signed.text


async def test_a_signed_day_is_opened_again_with_a_reason_and_says_who_did(hotel: Hotel) -> None:
    await hotel.world.post()
    async with hotel.inn.browser(Role.MANAGER) as client:
        await client.post("/reconciliation/2030-06-01/sign-off", headers=PART)
        refused = await client.post("/reconciliation/2030-06-01/reopen", data={"reason": ""}, headers=PART)
        assert refused.status_code == 422
        assert "Say why the day is opened again." in refused.text
        opened = await client.post("/reconciliation/2030-06-01/reopen", data={"reason": "a late check"}, headers=PART)
        assert "manager-user opened the day again" in opened.text
        assert "a late check" in opened.text
        plain = await client.post("/reconciliation/2030-06-01/sign-off", headers=PAGE)
    assert (plain.status_code, plain.headers["location"]) == (303, "/reconciliation?date=2030-06-01")


async def test_days_lead_to_their_neighbours_and_never_past_the_open_one(hotel: Hotel) -> None:
    part = await report(hotel)
    assert "/reconciliation?date=2030-05-31" in part
    assert "/reconciliation?date=2030-06-02" not in part
    assert "/reconciliation?date=2030-06-01" in await report(hotel, Role.ADMIN, date="2030-05-31")


async def test_revenue_by_outlet_has_a_table_behind_its_chart(hotel: Hotel) -> None:
    await hotel.world.post()
    await hotel.world.post(outlet_code="BAR", subtotal="20.00", tip="0")
    async with hotel.inn.browser(Role.MANAGER) as client:
        page = (await client.get("/reconciliation/revenue", headers=PAGE)).text
        assert 'hx-get="/reconciliation/revenue/report"' in page
        part = (
            await client.get(
                "/reconciliation/revenue/report", params={"start": "2030-05-30", "end": "2030-06-01"}, headers=PART
            )
        ).text
        long = await client.get(
            "/reconciliation/revenue/report", params={"start": "2030-01-01", "end": "2030-06-01"}, headers=PART
        )
    assert 'id="revenue-chart"' in part
    assert part.count("data-day=") == 3
    assert 'data-amount="105.00"' in part
    assert 'data-amount="20.00"' in part
    assert "$125.00" in part
    assert "The period has 152 days; ask for at most 92 at a time." in long.text


async def test_the_front_desk_does_not_read_revenue(hotel: Hotel) -> None:
    async with hotel.inn.browser(Role.FRONT_DESK) as client:
        assert (await client.get("/reconciliation/revenue", headers=PAGE)).status_code == 403
        page = (await client.get("/reconciliation", params=DAY, headers=PAGE)).text
    assert "Revenue by outlet" not in page


async def test_a_day_that_is_open_in_the_pms_says_so_before_it_is_signed(hotel: Hotel) -> None:
    await hotel.world.post()
    part = await report(hotel)
    assert "is still open in OPERA" in part
    assert part.index("is still open in OPERA") < part.index("Sign off")
    assert "is still open in OPERA" not in await report(hotel, Role.ADMIN, date="2030-05-31")


async def test_what_came_after_the_signature_is_told_beside_it(hotel: Hotel) -> None:
    await hotel.world.post()
    async with hotel.inn.browser(Role.FRONT_DESK) as client:
        signed = await client.post("/reconciliation/2030-06-01/sign-off", headers=PART)
        assert "came later" not in signed.text
        await hotel.world.post(room="218", subtotal="30.00", tip="3.00")
        discreet = (await client.get("/reconciliation/report", params=DAY, headers=PART)).text
    assert "Something came on this day after it was signed" in discreet
    assert "33.00" not in discreet
    part = await report(hotel)
    assert "1 movement of" in part
    assert "$33.00" in part
    assert "open the day again and sign it anew" in part


async def test_the_day_is_exported_to_the_pms_from_its_page(hotel: Hotel) -> None:
    posting = (await hotel.world.post()).json()
    for line in list(hotel.world.opera.state.under_reference(posting["reference"])):
        hotel.world.opera.desk.delete_posting(line.transaction_no)
    part = await report(hotel)
    assert "Export to PMS" in part
    assert "/api/pms/reconciliation/journal?date=2030-06-01" in part
    assert f'name="posting_ids" value="{posting["id"]}"' in part
    path = "/reconciliation/2030-06-01/export-to-pms"
    async with hotel.inn.browser(Role.MANAGER, "exporting-manager") as client:
        refused = await client.post(path, data={"posting_ids": posting["id"], "reason": " "}, headers=PART)
        assert refused.status_code == 422
        assert "Say why these charges are posted again." in refused.text
        told = {"posting_ids": posting["id"], "reason": "deleted by mistake"}
        done = await client.post(path, data=told, headers=PART)
        assert "Posted again." in done.text
        assert "Balanced" in done.text
        nothing = await client.post(path, headers=PART)
        assert "OPERA lacks nothing that could be sent." in nothing.text
    async with hotel.inn.browser(Role.FRONT_DESK) as client:
        assert (await client.post(path, headers=PART)).status_code == 403
        assert "Export to PMS" not in (await client.get("/reconciliation/report", params=DAY, headers=PART)).text


async def test_revenue_of_a_period_has_its_exports(hotel: Hotel) -> None:
    await hotel.world.post()
    async with hotel.inn.browser(Role.MANAGER) as client:
        params = {"start": "2030-05-01", "end": "2030-06-01"}
        part = (await client.get("/reconciliation/revenue/report", params=params, headers=PART)).text
    for form in ("csv", "xlsx", "pdf"):
        assert f"/api/pms/reconciliation/export?start=2030-05-01&amp;end=2030-06-01&amp;format={form}" in part
