"""A bill that is never wrong: each charge once, the balance the sum of its lines, whoever posts at the same time."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from innkeeper.access.tables import AuditRow
from innkeeper.domain.errors import Conflict, Invalid, RuleRefused
from innkeeper.house import folios, reservations
from innkeeper.house.tables import FolioLine, Reservation
from tests.house.desk import Desk, booking
from tests.house.hotel import Hotel, day

pytestmark = pytest.mark.anyio


async def charge(hotel: Hotel, reservation: Reservation, reference: str, **values: Any) -> FolioLine:
    values = {"amount": Decimal("12.50"), "currency": "EUR", "description": "Dinner", **values}
    async with hotel.database.write() as tx:
        return await folios.post_charge(tx, hotel.id, reservation.id, reference=reference, **values)


async def bill(hotel: Hotel, reservation: Reservation) -> folios.Statement:
    async with hotel.database.read() as session:
        return await folios.statement(session, hotel.id, reservation.id)


async def test_parallel_charges_leave_the_balance_right(hotel: Hotel) -> None:
    booked = await hotel.book(hotel.room(0, 2))
    await asyncio.gather(*(charge(hotel, booked, f"T{number}") for number in range(20)))
    found = await bill(hotel, booked)
    assert found.balance == Decimal("250.00") == sum(line.amount for line in found.lines)
    assert len(found.lines) == 20


async def test_one_reference_is_one_line_for_ever(hotel: Hotel) -> None:
    booked = await hotel.book(hotel.room(0, 2))
    lines = await asyncio.gather(*(charge(hotel, booked, "POS-1") for _ in range(10)))
    assert len({line.id for line in lines}) == 1
    assert (await bill(hotel, booked)).balance == Decimal("12.50")
    with pytest.raises(Conflict) as refused:
        await charge(hotel, booked, "POS-1", amount=Decimal("99.00"))
    assert refused.value.code == "REFERENCE_USED"
    other = await hotel.book(hotel.room(0, 2))
    with pytest.raises(Conflict):
        await charge(hotel, other, "POS-1")


async def test_parallel_first_charges_never_share_a_folio_number(hotel: Hotel) -> None:
    booked = [await hotel.book(hotel.room(number, number + 1)) for number in range(8)]
    await asyncio.gather(*(charge(hotel, one, f"T{n}{i}") for i, one in enumerate(booked) for n in range(2)))
    bills = [await bill(hotel, one) for one in booked]
    assert sorted(found.folio.number for found in bills if found.folio) == list(range(1, 9))
    assert {found.balance for found in bills} == {Decimal("25.00")}


async def test_a_charge_in_another_currency_is_not_added_at_face_value(hotel: Hotel) -> None:
    booked = await hotel.book(hotel.room(0, 2))
    with pytest.raises(RuleRefused) as refused:
        await charge(hotel, booked, "T1", currency="USD")
    assert refused.value.code == "CURRENCY_MISMATCH"
    assert (await bill(hotel, booked)).lines == []


async def test_a_void_is_a_line_of_its_own_and_happens_once(hotel: Hotel) -> None:
    booked = await hotel.book(hotel.room(0, 2))
    line = await charge(hotel, booked, "T1")

    async def void() -> FolioLine:
        async with hotel.database.write() as tx:
            return await folios.void_line(tx, hotel.id, line.id, reason="wrong room")

    voids = await asyncio.gather(*(void() for _ in range(5)))
    assert len({done.id for done in voids}) == 1
    found = await bill(hotel, booked)
    assert (found.balance, [entry.amount for entry in found.lines]) == (0, [Decimal("12.50"), Decimal("-12.50")])
    async with hotel.database.write() as tx:
        with pytest.raises(Conflict):
            await folios.void_line(tx, hotel.id, voids[0].id, reason="again")


@pytest.mark.parametrize("amount", ["0", "-5.00", "1.005"])
async def test_an_amount_that_is_no_charge_is_refused(hotel: Hotel, amount: str) -> None:
    booked = await hotel.book(hotel.room(0, 2))
    with pytest.raises(Invalid):
        await charge(hotel, booked, "T1", amount=Decimal(amount))


async def test_nothing_is_charged_to_guests_who_left_or_never_come(hotel: Hotel) -> None:
    cancelled = await hotel.do(reservations.cancel, await hotel.book(hotel.room(0, 2)))
    gone = await hotel.book(hotel.room(0, 1, amount=Decimal(0)))
    await hotel.do(reservations.check_in, gone)
    await hotel.do(reservations.check_out, gone)
    for closed in (cancelled, gone):
        with pytest.raises(Conflict) as refused:
            await charge(hotel, closed, f"T{closed.id}")
        assert refused.value.code == "FOLIO_CLOSED"


async def test_a_total_beside_the_rooms_and_what_was_prepaid_reach_the_bill(hotel: Hotel) -> None:
    async with hotel.database.write() as tx:
        draft = hotel.draft(
            hotel.room(0, 1), total_amount=Decimal("130.00"), prepaid_amount=Decimal("130.00"), channel="Booking.com"
        )
        booked = await reservations.create(tx, hotel.id, draft, force=True)
    await hotel.do(reservations.check_in, booked)
    await hotel.do(reservations.check_out, booked)
    found = await bill(hotel, booked)
    assert sorted(line.amount for line in found.lines) == [Decimal("-130.00"), Decimal("30.00"), Decimal("100.00")]
    assert (found.balance, found.due, found.projected) == (0, 0, [])


async def stay_of(hotel: Hotel, desk: Desk, nights: int = 1) -> str:
    """Return the path of a stay whose guest is in house and owes 90.00 a night."""
    made = await desk.call("POST", "/reservations", 201, json=booking(hotel, 0, nights))
    path = f"/reservations/{made['id']}"
    await desk.call("POST", f"{path}/check-in")
    return path


async def test_nobody_leaves_with_his_money_still_on_the_bill(hotel: Hotel, desk: Desk) -> None:
    path = await stay_of(hotel, desk)
    await desk.call("POST", f"{path}/folio/payments", 201, json={"amount": "500.00"})
    refused = await desk.call("POST", f"{path}/check-out", 409)
    assert (refused["code"], "410.00 EUR too much" in refused["detail"]) == ("FOLIO_NOT_EVEN", True)
    assert (await desk.call("GET", path))["status"] == "Checked-in"
    too_much = await desk.call("POST", f"{path}/folio/refunds", 409, json={"amount": "410.01"})
    assert (too_much["code"], "410.00 EUR" in too_much["detail"]) == ("NO_CREDIT", True)
    refund = {"amount": "410.00", "method": "cash", "reference": "R1"}
    paid = await desk.call("POST", f"{path}/folio/refunds", 201, json=refund)
    assert paid == await desk.call("POST", f"{path}/folio/refunds", 201, json=refund)
    assert (paid["balance"], paid["due"]) == ("-90.00", "0.00")
    assert [(line["kind"], line["amount"]) for line in paid["lines"]] == [("payment", "-500.00"), ("payment", "410.00")]
    await desk.call("POST", f"{path}/folio/refunds", 422, json={"amount": "-1.00"})
    await desk.call("POST", f"{path}/check-out")
    done = await desk.call("GET", f"{path}/folio")
    assert (done["balance"], done["closed_at"] is not None) == ("0.00", True)


async def test_a_manager_may_leave_a_credit_open_and_it_is_paid_back_later(
    hotel: Hotel, desk: Desk, manager: Desk
) -> None:
    path = await stay_of(hotel, desk)
    await desk.call("POST", f"{path}/folio/payments", 201, json={"amount": "100.00"})
    await manager.call("POST", f"{path}/check-out", json={"leave_open": True})
    assert (await desk.call("GET", f"{path}/folio"))["closed_at"] is None
    settled = await desk.call("POST", f"{path}/folio/refunds", 201, json={"amount": "10.00"})
    assert (settled["balance"], settled["closed_at"] is not None) == ("0.00", True)


async def test_a_settled_bill_takes_no_payment(hotel: Hotel, desk: Desk) -> None:
    path = await stay_of(hotel, desk)
    await desk.call("POST", f"{path}/folio/payments", 201, json={"amount": "90.00", "reference": "P1"})
    await desk.call("POST", f"{path}/check-out")
    refused = await desk.call("POST", f"{path}/folio/payments", 409, json={"amount": "5.00"})
    assert refused["code"] == "FOLIO_CLOSED"
    again = await desk.call("POST", f"{path}/folio/payments", 201, json={"amount": "90.00", "reference": "P1"})
    assert len(again["lines"]) == 2


async def test_a_manager_takes_a_wrong_payment_off_with_a_reason(hotel: Hotel, desk: Desk, manager: Desk) -> None:
    path = await stay_of(hotel, desk)
    paid = await desk.call("POST", f"{path}/folio/payments", 201, json={"amount": "90.00", "method": "card"})
    await desk.call("POST", f"{path}/check-out")
    where = f"{path}/folio/lines/{paid['lines'][0]['id']}/void"
    await desk.call("POST", where, 403, json={"reason": "Wrong card"})
    await manager.call("POST", where, 422, json={})
    bill_now = await manager.call("POST", where, json={"reason": "Wrong card"})
    assert (bill_now["balance"], bill_now["closed_at"]) == ("90.00", None)
    assert "Void: Payment, card (Wrong card)" in [line["description"] for line in bill_now["lines"]]
    assert bill_now == await manager.call("POST", where, json={"reason": "Wrong card"})
    room = next(line for line in bill_now["lines"] if line["kind"] == "accommodation")
    refused = await manager.call("POST", f"{path}/folio/lines/{room['id']}/void", 409, json={"reason": "Why not"})
    assert refused["code"] == "NOT_VOIDABLE"
    other = await stay_of(hotel, desk)
    await manager.call("POST", f"{other}/folio/lines/{paid['lines'][0]['id']}/void", 404, json={"reason": "No"})
    async with hotel.database.read() as session:
        [entry] = await session.scalars(select(AuditRow).where(AuditRow.action == "folio.payment_voided"))
    assert (entry.entity_id, entry.detail["reason"]) == (path.rsplit("/", 1)[-1], "Wrong card")
    settled = await desk.call("POST", f"{path}/folio/payments", 201, json={"amount": "90.00"})
    assert settled["closed_at"] is not None


async def test_a_bill_says_what_was_booked_where_the_guest_left_before(hotel: Hotel, desk: Desk) -> None:
    path = await stay_of(hotel, desk, nights=3)
    await desk.call("POST", f"{path}/folio/payments", 201, json={"amount": "270.00"})
    left = await desk.call("POST", f"{path}/check-out")
    assert left["check_out"] == str(day(1))
    [room] = [line for line in (await desk.call("GET", f"{path}/folio"))["lines"] if line["kind"] == "accommodation"]
    assert room["description"] == f"Accommodation {day(0)} to {day(3)}, room 101, left {day(1)}"
