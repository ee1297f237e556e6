"""What is OPERA's own: tokens, pages, its habits seen in the field, its refusals."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from innkeeper.connectors.failures import CallFailed, write_outcome
from innkeeper.connectors.opera import OperaSettings, mapper
from innkeeper.connectors.opera.errors import POLICY
from innkeeper.domain.charge import ChargeDraft, PmsCode, ReadBack, VoidDraft
from innkeeper.domain.errors import Invalid
from innkeeper.domain.outcome import Done, Later, Outcome, Refused, Unknown
from innkeeper.simulators.opera import HotelState
from innkeeper.simulators.opera.demo_hotel import OUTLET_CODES, check_in
from tests.connectors.conformance import done, refused
from tests.connectors.opera.support import CREDENTIALS, in_process, on_a_socket, settings

pytestmark = pytest.mark.anyio

START = datetime(2026, 1, 27, 19, 45, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **step: float) -> None:
        self.now += timedelta(**step)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(clock: Clock) -> HotelState:
    return HotelState.demo(clock=clock)


def draft(**changes: Any) -> ChargeDraft:
    base = ChargeDraft(
        reference="POS-TXN-78451",
        reservation_id="41001",
        guest_id="270001",
        room_number="412",
        outlet_code="REST",
        pms_codes=OUTLET_CODES["REST"],
        currency="USD",
        subtotal=Decimal("87.50"),
        tip=Decimal("17.50"),
        check_number="1247",
        sold_at=START,
    )
    return replace(base, **changes)


def evidence(outcome: Outcome[Any]) -> dict[str, Any]:
    assert isinstance(outcome, Unknown), outcome
    return dict(outcome.evidence)


# tokens ---------------------------------------------------------------------------------------------------------------


async def test_token_is_renewed_at_fifty_minutes_and_not_before(state: HotelState, clock: Clock) -> None:
    async with in_process(state, {"clock": clock}) as (connector, _):
        await connector.find_room("412")
        clock.turn(minutes=49)
        await connector.find_room("412")
        assert state.tokens_issued == 1
        clock.turn(minutes=2)
        await connector.find_room("412")
        assert state.tokens_issued == 2


async def test_many_calls_at_once_ask_for_one_token(state: HotelState, clock: Clock) -> None:
    async with in_process(state, {"clock": clock}) as (connector, _):
        await asyncio.gather(*(connector.find_room("412") for _ in range(20)))
        state.expire_tokens()
        await asyncio.gather(*(connector.find_room("412") for _ in range(20)))
        assert state.tokens_issued == 2


async def test_living_token_serves_while_the_sign_in_is_down(state: HotelState, clock: Clock) -> None:
    async with in_process(state, {"clock": clock}) as (connector, app):
        await connector.find_room("412")
        clock.turn(minutes=55)
        app.dial.next("maintenance", path="/oauth")
        done(await connector.find_room("412"))


async def test_charge_without_a_token_is_later_and_never_unknown(state: HotelState) -> None:
    for fault in ("maintenance", "error_after", "truncate", "too_many"):
        async with in_process(state) as (connector, app):
            app.dial.next(fault, path="/oauth")
            outcome = await connector.charge(draft())
            assert isinstance(outcome, Later), outcome
            assert outcome.code == PmsCode.CONNECTION_FAILED
    assert state.under_reference("POS-TXN-78451") == []


async def test_refused_credentials_are_for_the_administrator(state: HotelState) -> None:
    wrong = {**CREDENTIALS, "client_secret": "wrong"}
    async with in_process(state, credentials=wrong) as (connector, _):
        for outcome in (await connector.describe(), await connector.charge(draft())):
            assert refused(outcome, PmsCode.CREDENTIALS_REFUSED).who == "admin"
    async with in_process(state, credentials={**CREDENTIALS, "enterprise_id": "OTHER"}) as (connector, _):
        refused(await connector.describe(), PmsCode.CREDENTIALS_REFUSED)


async def test_second_refusal_of_a_fresh_token_ends_the_matter(state: HotelState) -> None:
    async with in_process(state) as (connector, _):
        state.token_seconds = 0
        before = connector.requests_made
        refused(await connector.charge(draft()), PmsCode.CREDENTIALS_REFUSED)
        assert connector.requests_made - before == 4  # token, charge, token, charge


async def test_resource_owner_environment(state: HotelState) -> None:
    state.client_credentials_allowed = False
    owner = {**CREDENTIALS, "grant_type": "password", "username": "SANDBOX", "password": "sandbox-password"}
    async with in_process(state, credentials=owner) as (connector, _):
        done(await connector.describe())


# pages ----------------------------------------------------------------------------------------------------------------


async def test_all_pages_of_a_full_room_are_read(state: HotelState) -> None:
    for n in range(57):
        check_in(state, f"Guest Number{n}", "900")
    async with in_process(state) as (connector, _):
        assert len(done(await connector.find_room("900")).guests) == 57


async def test_smaller_pages_where_the_environment_allows_no_more(state: HotelState, clock: Clock) -> None:
    state.page_limit = 20
    async with in_process(state, {"clock": clock}) as (connector, _):
        for n in range(25):
            done(await connector.charge(draft(reference=f"R{n}")))
        rows = done(await connector.postings(state.business_date))
        assert len([row for row in rows if row.reference.startswith("R")]) == 50


async def test_list_whose_offset_is_not_heeded_ends(state: HotelState) -> None:
    async with in_process(state) as (connector, app):
        gateway = app.app

        async def deaf(scope: Any, receive: Any, send: Any) -> None:
            scope["query_string"] = b"&".join(
                part for part in scope["query_string"].split(b"&") if not part.startswith(b"offset")
            )
            await gateway(scope, receive, send)

        app.app = deaf
        for n in range(60):
            check_in(state, f"Guest Number{n}", "900")
        assert len(done(await connector.find_room("900")).guests) == 50


# habits seen in the field ---------------------------------------------------------------------------------------------


async def test_answer_without_transaction_numbers_is_read_back(state: HotelState, clock: Clock) -> None:
    state.answers_numbers = False
    async with in_process(state, {"clock": clock}) as (connector, _):
        receipt = done(await connector.charge(draft()))
    assert [line.transaction_id for line in receipt.lines] == [
        str(posting.transaction_no) for posting in state.under_reference("POS-TXN-78451")
    ]


async def test_charge_without_numbers_stands_even_when_it_cannot_be_read_back(state: HotelState) -> None:
    state.answers_numbers = False
    async with in_process(state) as (connector, app):
        done(await connector.find_room("412"))
        app.dial.next("maintenance", method="GET", times=9)
        receipt = done(await connector.charge(draft()))
    assert receipt.total == Decimal("105.00")
    assert receipt.transaction_id == ""


@pytest.mark.parametrize("pads", [True, False])
async def test_padded_reference_is_ours(state: HotelState, clock: Clock, pads: bool) -> None:
    state.pads_references = pads
    async with in_process(state, {"clock": clock}) as (connector, _):
        done(await connector.charge(draft()))
        assert done(await connector.find_charge(draft())).complete


async def test_missing_cashier_names_the_setting(state: HotelState) -> None:
    state.needs_cashier = True
    async with in_process(state, credentials={**CREDENTIALS, "cashier_id": ""}) as (connector, _):
        assert "cashier id" in refused(await connector.charge(draft()), PmsCode.POSTING_REJECTED).message


async def test_outlet_can_have_a_cashier_of_its_own(state: HotelState) -> None:
    state.cashiers.add(4100)
    async with in_process(state) as (connector, _):
        done(await connector.charge(draft(pms_codes={**OUTLET_CODES["REST"], "cashier": "4100"})))
    assert {posting.cashier_id for posting in state.under_reference("POS-TXN-78451")} == {4100}


async def test_business_date_that_may_not_be_asked_is_unknown_and_nothing_else_breaks(state: HotelState) -> None:
    async with in_process(state) as (connector, app):
        gateway = app.app

        async def without(scope: Any, receive: Any, send: Any) -> None:
            if scope["path"].startswith(("/ent", "/bof")):
                scope["raw_path"] = b"/nothing"
            await gateway(scope, receive, send)

        app.app = without
        assert done(await connector.business_date()) is None
        assert done(await connector.describe()).warnings
        own = draft(sold_at=datetime.now(UTC))
        state.business_date = own.sold_at.date()
        done(await connector.charge(own))
        assert done(await connector.find_charge(own)).complete


async def test_part_of_a_check_that_landed_is_completed(state: HotelState, clock: Clock) -> None:
    state.partial_after = 1
    async with in_process(state, {"clock": clock}) as (connector, _):
        assert evidence(await connector.charge(draft()))["settles_after_seconds"] == 0
        read = done(await connector.find_charge(draft()))
        assert list(read.landed) == ["charge"]
        done(await connector.charge(draft().rest(read.missing)))
        assert done(await connector.find_charge(draft())) == ReadBack(
            done(await connector.find_charge(draft())).landed, ()
        )
    assert state.charged()["POS-TXN-78451"] == Decimal("105.00")


def journal(*postings: dict[str, Any]) -> httpx2.MockTransport:
    """An OPERA that has these postings on the guest's bill and tells nothing else."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.startswith("/oauth"):
            return httpx2.Response(200, json={"access_token": "t"})
        if request.url.path.endswith("/transactions"):
            window = {"folios": [{"postings": list(postings)}]}
            return httpx2.Response(200, json={"reservationFolioInformation": [{"folioWindows": [window]}]})
        return httpx2.Response(204)

    return httpx2.MockTransport(answer)


async def test_a_day_of_many_thousands_of_postings_is_read_to_its_end(clock: Clock) -> None:
    """5,000 charges of three lines are 300 pages of OPERA's fifty rows."""
    one = {"transactionCode": "2000", "postedAmount": {"amount": "87.50", "currencyCode": "USD"}}
    every = [{**one, "reference": f"POS-{n}", "transactionNo": n} for n in range(1, 15_001)]

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.startswith("/oauth"):
            return httpx2.Response(200, json={"access_token": "t"})
        if not request.url.path.endswith("/financialPostings"):
            return httpx2.Response(204)
        offset, limit = int(request.url.params.get("offset", 0)), int(request.url.params["limit"])
        page = every[offset : offset + limit]
        more = {"hasMore": offset + limit < len(every), "offset": offset, "limit": limit, "totalResults": len(every)}
        return httpx2.Response(200, json={"journalPostings": {"postings": page}, **more})

    async with in_process(wire={"transport": httpx2.MockTransport(answer), "clock": clock}) as (connector, _):
        assert done(await connector.find_charge(draft())).nothing
        assert len(done(await connector.postings(clock().date()))) == len(every)


async def test_line_that_cannot_be_read_is_never_taken_for_absent(clock: Clock) -> None:
    strange = {"reference": "POS-TXN-78451 ", "transactionCode": "2000"}
    async with in_process(wire={"transport": journal(strange), "clock": clock}) as (connector, _):
        read = done(await connector.find_charge(draft()))
    assert not read.nothing
    assert len(read.surplus) == 1


@pytest.mark.parametrize("missing", ["/transactions", "/financialPostings"])
async def test_charge_is_found_where_one_of_the_two_lists_is_not_allowed(
    state: HotelState, clock: Clock, missing: str
) -> None:
    async with in_process(state, {"clock": clock}) as (connector, app):
        gateway = app.app

        async def forbidden(scope: Any, receive: Any, send: Any) -> None:
            if scope["path"].endswith(missing):
                await send({"type": "http.response.start", "status": 403, "headers": []})
                await send({"type": "http.response.body", "body": b""})
            else:
                await gateway(scope, receive, send)

        app.app = forbidden
        done(await connector.charge(draft()))
        assert done(await connector.find_charge(draft())).complete
        absent = await connector.find_charge(draft(reference="POS-OTHER"))
        # without the hotel's journal nobody can say that it is nowhere
        assert isinstance(absent, Refused) if missing == "/financialPostings" else done(absent).nothing


async def test_numbers_written_as_text_are_numbers(clock: Clock) -> None:
    charge = {"reference": "POS-TXN-78451", "transactionCode": "2000", "postedAmount": {"amount": "87.50"}}
    tip = {"reference": "POS-TXN-78451", "transactionCode": "2900", "transactionAmount": 17.5, "transactionNo": "12"}
    async with in_process(wire={"transport": journal(charge, tip), "clock": clock}) as (connector, _):
        assert done(await connector.find_charge(draft())).complete


async def test_what_was_read_for_one_charge_serves_the_others_that_had_settled_by_then(
    state: HotelState, clock: Clock
) -> None:
    async with in_process(state, {"clock": clock}) as (connector, _):
        done(await connector.charge(draft()))
        settled_at = clock()
        clock.turn(seconds=1)
        assert done(await connector.find_charge(draft(reference="POS-OTHER"), as_of=settled_at)).nothing
        made = connector.requests_made
        several = [connector.find_charge(draft(reference=f"POS-{n}"), as_of=settled_at) for n in range(20)]
        assert all(done(read).nothing for read in await asyncio.gather(*several))
        assert done(await connector.find_charge(draft(), as_of=settled_at)).complete
        assert connector.requests_made == made, "the books are read once"


async def test_what_was_read_before_a_charge_settled_proves_nothing_about_it(state: HotelState, clock: Clock) -> None:
    late = draft(reference="POS-LATE")
    async with in_process(state, {"clock": clock}) as (connector, _):
        assert done(await connector.find_charge(late, as_of=clock() - timedelta(seconds=1))).nothing
        done(await connector.charge(late))  # at the same instant
        assert done(await connector.find_charge(late, as_of=clock())).complete
        assert done(await connector.find_charge(late)).complete, "asked for as it is now"


async def test_there_is_one_reading_at_a_time_however_many_ask(state: HotelState, clock: Clock) -> None:
    async with in_process(state, {"clock": clock}) as (connector, app):
        done(await connector.find_charge(draft(), as_of=clock() - timedelta(seconds=1)))  # signs in
        clock.turn(seconds=30)
        app.dial.set(slow=1.0)
        made = connector.requests_made
        askers = []
        for n in range(10):  # each settled a moment later than the one before, while the first reading is under way
            clock.turn(seconds=1)
            settled_at = clock() - timedelta(milliseconds=1)
            askers.append(asyncio.create_task(connector.find_charge(draft(reference=f"POS-{n}"), as_of=settled_at)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert all(done(read).nothing for read in await asyncio.gather(*askers))
        assert connector.requests_made - made <= 4, "two readings, each of the bill and of the journal"


async def test_a_reading_is_not_believed_for_long_and_a_failed_one_not_at_all(state: HotelState, clock: Clock) -> None:
    settled_at = clock()
    async with in_process(state, {"clock": clock}) as (connector, app):
        assert done(await connector.find_charge(draft(), as_of=settled_at)).nothing
        clock.turn(seconds=60)
        app.dial.next("maintenance", method="GET", path="financialPostings")
        assert not isinstance(await connector.find_charge(draft(), as_of=settled_at), Done)
        made = connector.requests_made
        assert done(await connector.find_charge(draft(), as_of=settled_at)).nothing
        assert connector.requests_made > made


# routing --------------------------------------------------------------------------------------------------------------


async def delegate(state: HotelState) -> tuple[str, str]:
    routed = next(r for r in state.reservations.values() if r.routes_to)
    return routed.id, routed.routes_to


async def test_routed_charge_is_found_on_the_bill_that_pays(state: HotelState, clock: Clock) -> None:
    guest, master = await delegate(state)
    async with in_process(state, {"clock": clock}) as (connector, _):
        own = draft(reservation_id=guest)
        receipt = done(await connector.charge(own))
        read = done(await connector.find_charge(own))
        assert read.complete
        assert {line.reservation_id for line in read.landed.values()} == {guest, master}
        void = VoidDraft(own.reference, guest, receipt.lines, "USD", "1247", reason="Wrong", sold_at=START)
        done(await connector.void(void))
    assert state.balance(guest) == state.balance(master) == 0


async def test_routing_can_be_left_to_the_hotel(state: HotelState) -> None:
    guest, master = await delegate(state)
    async with in_process(state, apply_routing=False) as (connector, _):
        done(await connector.charge(draft(reservation_id=guest)))
    assert (state.balance(guest), state.balance(master)) == (Decimal("105.00"), 0)


async def test_charge_moved_to_another_bill_by_hand_is_still_found(state: HotelState, clock: Clock) -> None:
    async with in_process(state, {"clock": clock}) as (connector, _):
        done(await connector.charge(draft()))
        for posting in state.under_reference("POS-TXN-78451"):
            state.postings_of("41001").remove(posting)
            posting.reservation_id = "41002"
        assert done(await connector.find_charge(draft())).complete


async def test_line_that_the_desk_deleted_is_not_taken_back_again(state: HotelState, clock: Clock) -> None:
    async with in_process(state, {"clock": clock}) as (connector, app):
        receipt = done(await connector.charge(draft()))
        before = state.balance("41001")
        app.desk.delete_posting(int(receipt.lines[0].transaction_id))
        void = VoidDraft("POS-TXN-78451", "41001", receipt.lines, "USD", "1247", reason="Wrong", sold_at=START)
        done(await connector.void(void))
    assert state.balance("41001") == before - Decimal("105.00")


async def test_half_a_void_is_finished_by_the_next(state: HotelState, clock: Clock) -> None:
    async with in_process(state, {"clock": clock}) as (connector, _):
        receipt = done(await connector.charge(draft()))
        void = VoidDraft("POS-TXN-78451", "41001", receipt.lines, "USD", "1247", reason="Wrong", sold_at=START)
        state.partial_after = 1
        evidence(await connector.void(void))
        done(await connector.void(void))
    assert state.charged()["POS-TXN-78451"] + state.charged()["POS-TXN-78451-VOID"] == 0
    assert len(state.under_reference("POS-TXN-78451-VOID")) == 2


# refusals -------------------------------------------------------------------------------------------------------------


async def test_credit_limit_that_opera_enforces_is_named(state: HotelState) -> None:
    state.enforces_credit = True
    async with in_process(state) as (connector, _):
        refused(await connector.charge(draft(subtotal=Decimal("400.00"))), PmsCode.CREDIT_EXCEEDED)


async def test_nothing_to_post_is_refused_without_a_request(state: HotelState) -> None:
    async with in_process(state) as (connector, _):
        refused(await connector.charge(draft(subtotal=Decimal(0), tip=Decimal(0))), PmsCode.POSTING_REJECTED)
        refused(await connector.charge(draft(pms_codes={})), PmsCode.OUTLET_NOT_MAPPED)
        assert connector.requests_made == 0


async def test_guest_search_that_fails_leaves_the_rejection_as_it_is(state: HotelState) -> None:
    async with in_process(state) as (connector, app):
        done(await connector.find_room("412"))
        app.desk.check_out("41001")
        app.dial.next("maintenance", path="/reservations", method="GET")
        refused(await connector.charge(draft()), PmsCode.POSTING_REJECTED)


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        ("Reservation is marked No Post", PmsCode.CHARGES_BLOCKED),
        ("Posting not allowed for this guest", PmsCode.CHARGES_BLOCKED),
        ("Guest is already checked out", PmsCode.GUEST_CHECKED_OUT),
        ("Credit limit exceeded", PmsCode.CREDIT_EXCEEDED),
        ("Something else", PmsCode.POSTING_REJECTED),
    ],
)
async def test_words_of_a_refusal_name_its_reason(texts: str, code: str) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.startswith("/oauth"):
            return httpx2.Response(200, json={"access_token": "t", "expires_in": 3600})
        return httpx2.Response(400, json={"type": "about:blank", "title": "Bad Request", "detail": texts})

    async with in_process(wire={"transport": httpx2.MockTransport(answer)}) as (connector, _):
        assert texts in refused(await connector.charge(draft()), code).detail


def test_every_failure_has_a_sentence_and_every_write_an_outcome() -> None:
    for key, policy in POLICY.items():
        assert policy.sentence.endswith(".")
        outcome = write_outcome(CallFailed(key, "x"), POLICY, START, 60.0)
        assert isinstance(outcome, Refused | Later | Unknown)


# the wire -------------------------------------------------------------------------------------------------------------


async def test_open_circuit_is_later_and_heals(state: HotelState) -> None:
    async with on_a_socket(state, breaker_threshold=3, breaker_seconds=0.2) as (connector, app):
        done(await connector.find_room("412"))
        app.dial.set(maintenance=1.0)
        outcomes = [await connector.charge(draft()) for _ in range(5)]
        assert all(isinstance(outcome, Later) for outcome in outcomes)
        assert app.dial.happened["maintenance"] == 3
        app.dial.calm()
        for _ in range(200):
            if isinstance(await connector.charge(draft()), Done):
                break
            await asyncio.sleep(0.02)
    assert state.charged()["POS-TXN-78451"] == Decimal("105.00")


async def test_server_that_trickles_is_given_up_at_the_deadline() -> None:
    left = asyncio.Event()

    async def trickle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        try:
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)
        except OSError:
            pass
        finally:
            writer.close()
            left.set()

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with in_process(wire={"transport": None}, api_url=f"http://127.0.0.1:{port}", timeout_seconds=0.3) as (
            connector,
            _,
        ):
            outcome = await connector.find_room("412")
        await left.wait()
    assert isinstance(outcome, Later), outcome


async def test_retry_after_is_handed_on(state: HotelState) -> None:
    async with in_process(state) as (connector, app):
        done(await connector.find_room("412"))
        app.dial.retry_after = 7
        app.dial.next("too_many")
        outcome = await connector.charge(draft())
    assert isinstance(outcome, Later)
    assert outcome.after_seconds == 7


# small things ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sold", "business_date", "expected"),
    [
        ("2026-01-27", "2026-01-27", ["2026-01-26..2026-01-28"]),
        ("2026-01-28", "2026-01-27", ["2026-01-26..2026-01-28"]),
        ("2026-01-20", "2026-01-27", ["2026-01-19..2026-01-28"]),
        ("2026-01-27", None, ["2026-01-26..2026-01-28"]),
        ("2026-01-27", "2021-11-23", ["2021-11-22..2021-11-24"]),
        ("2021-11-23", "2026-01-27", ["2026-01-26..2026-01-28"]),
        ("2025-12-20", "2026-01-27", ["2025-12-30..2026-01-28", "2025-12-19..2025-12-29"]),
    ],
)
def test_search_spans_sale_and_business_date(sold: str, business_date: str | None, expected: list[str]) -> None:
    opened = date.fromisoformat(business_date) if business_date else None
    windows = mapper.search_windows(date.fromisoformat(sold), date(2026, 1, 27), opened)
    assert [f"{start}..{end}" for start, end in windows] == expected


async def test_charge_of_many_weeks_ago_can_still_be_voided(state: HotelState, clock: Clock) -> None:
    async with in_process(state, {"clock": clock}) as (connector, app):
        receipt = done(await connector.charge(draft()))
        for _ in range(75):
            app.desk.roll_business_date()
            clock.turn(days=1)
        void = VoidDraft("POS-TXN-78451", "41001", receipt.lines, "USD", "1247", reason="Wrong", sold_at=START)
        done(await connector.void(void))
    assert state.charged()["POS-TXN-78451"] + state.charged()["POS-TXN-78451-VOID"] == 0


def test_settings_name_what_is_missing() -> None:
    for name in ("api_url", "property_code"):
        with pytest.raises(Invalid) as invalid:
            OperaSettings.from_mapping({"api_url": "https://x.example", "property_code": "A", name: ""})
        assert invalid.value.errors[0].field == name
    for name in ("client_id", "client_secret", "app_key", "scope", "enterprise_id"):
        with pytest.raises(Invalid) as invalid:
            settings("https://x.example", credentials={**CREDENTIALS, name: ""})
        assert invalid.value.errors[0].field == name
    with pytest.raises(Invalid):
        settings("https://user:secret@x.example")


async def test_currency_without_cents_stays_whole(clock: Clock) -> None:
    yen = HotelState.demo(currency="JPY", clock=clock)
    async with in_process(yen, {"clock": clock}) as (connector, _):
        own = draft(currency="JPY", subtotal=Decimal(8750), tip=Decimal(1750))
        assert str(done(await connector.charge(own)).total) == "10500"
        assert done(await connector.find_charge(own)).complete


# what the hotel has set up --------------------------------------------------------------------------------------------


async def test_a_cashier_that_opera_does_not_have_is_found_before_it_refuses_a_charge(state: HotelState) -> None:
    state.inactive_cashiers = {55}
    async with in_process(state) as (connector, _):
        facts = done(await connector.describe([], ["54", "55", "bar"]))
        assert facts.faults == (
            "A cashier is a number; bar is none.",
            "OPERA Cloud has no active cashier 54; it will refuse every charge with it.",
            "OPERA Cloud has no active cashier 55; it will refuse every charge with it.",
        )
        assert done(await connector.describe()).faults == (), "the connection's own is there"
    async with in_process(state, credentials={**CREDENTIALS, "cashier_id": "77"}) as (connector, _):
        assert "no active cashier 77" in done(await connector.describe()).faults[0]


async def test_a_connection_without_a_cashier_is_warned_of(state: HotelState) -> None:
    async with in_process(state, credentials={**CREDENTIALS, "cashier_id": ""}) as (connector, _):
        facts = done(await connector.describe())
    assert (facts.faults, len(facts.warnings)) == ((), 1)
    assert facts.warnings[0].startswith("No cashier is set")


async def test_cashiers_that_may_not_be_read_are_said_to_be_unchecked(state: HotelState) -> None:
    async with in_process(state) as (connector, app):
        gateway = app.app

        async def without(scope: Any, receive: Any, send: Any) -> None:
            if "/cashierDetails/" in scope["path"]:
                scope["raw_path"] = b"/nothing"
            await gateway(scope, receive, send)

        app.app = without
        facts = done(await connector.describe())
    assert facts.faults == ()
    assert facts.warnings == ("OPERA Cloud does not tell the integration user its cashiers, so 113 is not checked.",)


async def test_the_currency_of_the_hotel_is_told(state: HotelState) -> None:
    async with in_process(state) as (connector, _):
        assert done(await connector.describe()).currency == "USD"


async def test_a_room_type_is_called_by_its_name_once_that_is_read_and_nobody_waits_for_it(state: HotelState) -> None:
    async with in_process(state) as (connector, _):
        first = done(await connector.find_room("412"))
        assert first.room_type == "DLXK"
        await connector._room_types.read()
        asked = connector.requests_made
        named = done(await connector.find_room("412"))
        assert (named.room_type, named.guests[0].room_type) == ("Deluxe King", "Deluxe King")
        assert connector.requests_made == asked + 1, "the names are kept"
