"""What every PMS connector must hold, run against its simulator; what passes makes the capability matrix.

A connector's test module derives a class from `PmsConformance` and says in `open_stage` how to set the scene. Claims
about something that the PMS cannot do become the claim that the connector says so.
"""

from __future__ import annotations

import asyncio
import uuid
from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from innkeeper.connectors.base import PmsConnector
from innkeeper.domain.charge import (
    ChargeDraft,
    ChargeItem,
    InHouseGuest,
    PmsCode,
    ReadBack,
    VoidDraft,
    VoidWay,
)
from innkeeper.domain.charge_lines import plan_lines
from innkeeper.domain.outcome import Done, Later, Outcome, Refused, Unknown
from innkeeper.simulators.faults import FaultDial

T = TypeVar("T")


class Desk:
    """What happens at the front desk of the simulated hotel; a stage does what its simulator can."""

    async def check_out(self, reservation_id: str) -> None:
        raise NotImplementedError

    async def move_room(self, reservation_id: str, room: str) -> None:
        raise NotImplementedError

    async def set_no_post(self, reservation_id: str, no_post: bool) -> None:
        raise NotImplementedError

    async def roll_business_date(self) -> None:
        raise NotImplementedError

    async def expire_tokens(self) -> None:
        """Make the present session unusable; nothing where there are none."""

    async def settle(self) -> None:
        """Wait until work that the simulator postponed is done."""


@dataclass
class Stage:
    """A connector before its simulator, and what a test must know of the hotel.

    `writes` is a text in the address of the requests that post. `stands` sums what the simulator itself holds under a
    reference, and says how many lines that is.
    """

    connector: PmsConnector
    desk: Desk
    dial: FaultDial
    writes: str
    codes: Mapping[str, str]
    currency: str
    room: str
    shared_room: str
    blocked_room: str
    left_room: str
    empty_room: str
    letters_room: str
    key_card: str
    business_date: date
    stands: Any
    matrix: dict[str, str] = field(default_factory=dict)

    async def guest(self, room: str | None = None) -> InHouseGuest:
        found = done(await self.connector.find_room(room or self.room))
        return found.guests[0]

    async def draft(self, room: str | None = None, **changes: Any) -> ChargeDraft:
        guest = await self.guest(room)
        values: dict[str, Any] = {
            "reference": f"POS-{uuid.uuid4()}",
            "reservation_id": guest.reservation_id,
            "guest_id": guest.guest_id,
            "room_number": guest.room_number,
            "outlet_code": "REST",
            "pms_codes": self.codes,
            "currency": self.currency,
            "subtotal": Decimal("87.50"),
            "tip": Decimal("17.50"),
            "check_number": "1247",
            "sold_at": datetime.now(UTC),
            "description": "Restaurant - Check #1247",
        }
        return ChargeDraft(**{**values, **changes})

    def held(self, draft: ChargeDraft) -> tuple[Decimal, int]:
        total, lines = self.stands(draft.reference)
        return Decimal(total), int(lines)


def done(outcome: Outcome[T]) -> T:
    """Return the value, or fail with what came instead."""
    assert isinstance(outcome, Done), outcome
    return outcome.value


def refused(outcome: Outcome[T], code: str) -> Refused:
    """Return the refusal with this code, or fail with what came instead."""
    assert isinstance(outcome, Refused), outcome
    assert outcome.code == code, outcome
    assert outcome.message
    return outcome


#: What a charge that meets the fault ends as, and whether it stands afterwards.
FAULTS: Mapping[str, tuple[type, bool]] = {
    "slow": (Done, True),
    "too_many": (Later, False),
    "maintenance": (Later, False),
    "error_before": (Unknown, False),
    "error_after": (Unknown, True),
    "drop_before": (Unknown, False),
    "drop_after": (Unknown, True),
    "drop_during": (Unknown, True),
    "truncate": (Unknown, True),
    "late": (Unknown, True),
}


class PmsConformance:
    """The claims. Derive, name the class `Test…`, and implement `open_stage`."""

    system = ""

    @abstractmethod
    def open_stage(self, timeout_seconds: float = 5.0) -> AbstractAsyncContextManager[Stage]:
        """Set the scene; tear it down afterwards."""
        raise NotImplementedError

    @abstractmethod
    def open_unreachable(self) -> AbstractAsyncContextManager[PmsConnector]:
        """Make a connector for an address where nobody listens."""
        raise NotImplementedError

    @pytest.fixture
    async def stage(self, capability_matrix: dict[str, dict[str, str]]) -> AsyncIterator[Stage]:
        async with self.open_stage() as opened:
            opened.matrix = capability_matrix.setdefault(self.system, {})
            yield opened

    # looking up ----------------------------------------------------------------------------------------------------

    async def test_room_answers_its_guest(self, stage: Stage) -> None:
        status = done(await stage.connector.find_room(stage.room))
        guest = status.guests[0]
        assert guest.reservation_id
        assert guest.last_name
        assert guest.name
        assert guest.status.present
        assert guest.charges_allowed
        assert guest.check_in < guest.check_out
        assert status.looked_up_at.tzinfo is not None
        stage.matrix["Lookup by room"] = "yes"

    async def test_everybody_who_shares_the_room_is_returned(self, stage: Stage) -> None:
        guests = done(await stage.connector.find_room(stage.shared_room)).guests
        if stage.connector.capabilities.several_guests:
            assert len({guest.reservation_id for guest in guests}) > 1
        stage.matrix["Several guests in a room"] = "yes" if stage.connector.capabilities.several_guests else "no"

    async def test_room_number_is_text_and_matches_as_a_whole(self, stage: Stage) -> None:
        assert done(await stage.connector.find_room(stage.letters_room)).room_number == stage.letters_room
        for part in (stage.room[:-1], f"0{stage.room}x", f"{stage.room}0"):
            refused(await stage.connector.find_room(part), PmsCode.ROOM_NOT_FOUND)

    async def test_unknown_and_blank_rooms_are_not_found(self, stage: Stage) -> None:
        for room in (stage.empty_room, "", "  "):
            refused(await stage.connector.find_room(room), PmsCode.ROOM_NOT_FOUND)

    async def test_room_of_guests_who_left_says_so(self, stage: Stage) -> None:
        outcome = await stage.connector.find_room(stage.left_room)
        assert isinstance(outcome, Refused)
        assert outcome.code in (PmsCode.GUEST_CHECKED_OUT, PmsCode.ROOM_NOT_FOUND)
        told = outcome.code == PmsCode.GUEST_CHECKED_OUT
        stage.matrix["Tells that a guest has left"] = "yes" if told else "no"

    async def test_key_card_answers_its_guest(self, stage: Stage) -> None:
        outcome = await stage.connector.find_key_card(stage.key_card)
        if not stage.connector.capabilities.key_card_lookup:
            refused(outcome, PmsCode.NOT_SUPPORTED)
        else:
            assert done(outcome).room_number == stage.room
            refused(await stage.connector.find_key_card("no such card"), PmsCode.ROOM_NOT_FOUND)
        stage.matrix["Lookup by key card"] = "yes" if stage.connector.capabilities.key_card_lookup else "no"

    async def test_blocked_guest_is_shown_as_blocked(self, stage: Stage) -> None:
        guest = await stage.guest(stage.blocked_room)
        if stage.connector.capabilities.no_post_flag:
            assert not guest.charges_allowed
            assert "no_post" in guest.restrictions
        stage.matrix["Tells who may not charge"] = "yes" if stage.connector.capabilities.no_post_flag else "no"

    async def test_limits_are_told_or_left_open(self, stage: Stage) -> None:
        guest = await stage.guest()
        able = stage.connector.capabilities
        assert (guest.credit_limit is not None) == able.credit_limit
        assert (guest.balance is not None) == able.balance
        if guest.credit_limit is None or guest.balance is None:
            assert guest.available_credit is None
        stage.matrix["Tells the balance"] = "yes" if able.balance else "no"
        stage.matrix["Tells the credit limit"] = "yes" if able.credit_limit else "no"

    async def test_guest_who_moved_is_found_in_the_new_room(self, stage: Stage) -> None:
        guest = await stage.guest()
        await stage.desk.move_room(guest.reservation_id, stage.empty_room)
        assert done(await stage.connector.find_reservation(guest.reservation_id)).room_number == stage.empty_room
        refused(await stage.connector.find_reservation("no such reservation"), PmsCode.ROOM_NOT_FOUND)
        stage.matrix["Follows a guest who moved"] = "yes"

    # posting -------------------------------------------------------------------------------------------------------

    async def test_charge_stands_once_with_its_reference(self, stage: Stage) -> None:
        draft = await stage.draft()
        receipt = done(await stage.connector.charge(draft))
        assert stage.held(draft) == (draft.total, 2)
        assert receipt.total == draft.total
        assert receipt.transaction_id
        assert receipt.mismatches == ()
        stage.matrix["Charge"] = "yes"

    async def test_tip_is_combined_when_asked(self, stage: Stage) -> None:
        draft = await stage.draft(tip_as_own_line=False)
        done(await stage.connector.charge(draft))
        assert stage.held(draft) == (draft.total, 1)
        stage.matrix["Tip as a line of its own"] = "yes" if stage.connector.capabilities.tip_line else "no"

    async def test_items_are_lines_when_asked(self, stage: Stage) -> None:
        items = (ChargeItem("Soup", 1, Decimal("27.50")), ChargeItem("Steak", 2, Decimal("60.00")))
        draft = await stage.draft(items=items, itemised=True)
        done(await stage.connector.charge(draft))
        total, lines = stage.held(draft)
        assert total == draft.total
        if stage.connector.capabilities.itemised:
            assert lines == 3
        stage.matrix["Itemised charge"] = "yes" if stage.connector.capabilities.itemised else "no"

    async def test_charge_follows_a_guest_who_moved(self, stage: Stage) -> None:
        draft = await stage.draft()
        await stage.desk.move_room(draft.reservation_id, stage.empty_room)
        done(await stage.connector.charge(draft))
        assert stage.held(draft)[0] == draft.total

    async def test_charge_after_check_out_is_refused_and_nothing_stands(self, stage: Stage) -> None:
        draft = await stage.draft()
        await stage.desk.check_out(draft.reservation_id)
        refused(await stage.connector.charge(draft), PmsCode.GUEST_CHECKED_OUT)
        assert stage.held(draft) == (Decimal(0), 0)

    async def test_charge_of_a_guest_blocked_meanwhile_is_refused(self, stage: Stage) -> None:
        if not stage.connector.capabilities.no_post_flag:
            pytest.skip("this PMS has no such mark")
        draft = await stage.draft()
        await stage.desk.set_no_post(draft.reservation_id, True)
        refused(await stage.connector.charge(draft), PmsCode.CHARGES_BLOCKED)
        assert stage.held(draft) == (Decimal(0), 0)

    async def test_charge_with_an_unknown_code_is_rejected_with_the_reason(self, stage: Stage) -> None:
        if not stage.codes:
            pytest.skip("this PMS has no codes")
        draft = await stage.draft(pms_codes={"charge": "NOSUCH", "tip": "NOSUCH"})
        assert refused(await stage.connector.charge(draft), PmsCode.POSTING_REJECTED).detail
        assert stage.held(draft) == (Decimal(0), 0)

    # what becomes of it when things break ----------------------------------------------------------------------------

    @pytest.mark.parametrize("fault", FAULTS)
    async def test_fault_ends_as_what_it_is(self, stage: Stage, fault: str) -> None:
        outcome_type, stands = FAULTS[fault]
        draft = await stage.draft()
        stage.dial.slow_seconds = stage.dial.late_seconds = 0.05
        stage.dial.next(fault, method="POST", path=stage.writes)
        outcome = await stage.connector.charge(draft)
        assert isinstance(outcome, outcome_type), outcome
        await stage.desk.settle()
        assert stage.held(draft) == ((draft.total, 2) if stands else (Decimal(0), 0))
        if isinstance(outcome, Unknown):
            assert outcome.reason
            assert outcome.evidence["settles_after_seconds"] >= 0
            await self._read_back_tells(stage, draft, stands)

    async def _read_back_tells(self, stage: Stage, draft: ChargeDraft, stands: bool) -> None:
        looked = await stage.connector.find_charge(draft)
        able = stage.connector.capabilities.read_back
        stage.matrix["Read-back after a lost answer"] = "yes" if able else "no"
        if not able:
            refused(looked, PmsCode.NOT_SUPPORTED)
            return
        read = done(looked)
        assert read.complete is stands
        assert read.nothing is not stands
        assert read.surplus == ()

    async def test_answer_that_comes_too_late_is_unknown_and_found(self) -> None:
        async with self.open_stage(timeout_seconds=0.3) as stage:
            draft = await stage.draft()
            stage.dial.slow_seconds = 0.6
            stage.dial.next("slow", method="POST", path=stage.writes)
            outcome = await stage.connector.charge(draft)
            assert isinstance(outcome, Unknown), outcome
            assert outcome.evidence["settles_after_seconds"] > 0
            assert stage.connector.capabilities.settle_seconds > 0

    async def test_request_that_a_proxy_doubled_is_seen(self, stage: Stage) -> None:
        draft = await stage.draft()
        stage.dial.next("duplicate", method="POST", path=stage.writes)
        await stage.connector.charge(draft)
        total, lines = stage.held(draft)
        if stage.connector.capabilities.refuses_duplicates:
            assert (total, lines) == (draft.total, 2)
        elif stage.connector.capabilities.read_back:
            assert (total, lines) == (2 * draft.total, 4)
            read = done(await stage.connector.find_charge(draft))
            assert read.complete
            assert sum((line.amount for line in read.surplus), Decimal(0)) == draft.total
        stage.matrix["Refuses a doubled charge itself"] = (
            "yes" if stage.connector.capabilities.refuses_duplicates else "no"
        )

    async def test_only_the_missing_lines_are_sent_again(self, stage: Stage) -> None:
        if not stage.connector.capabilities.read_back:
            pytest.skip("this PMS cannot be asked")
        draft = await stage.draft()
        first = draft.rest(plan_lines(draft, needs_codes=bool(stage.codes))[:1])
        done(await stage.connector.charge(first))
        read = done(await stage.connector.find_charge(draft))
        assert isinstance(read, ReadBack)
        assert [line.key for line in read.missing] == ["tip"]
        done(await stage.connector.charge(draft.rest(read.missing)))
        assert stage.held(draft) == (draft.total, 2)
        assert done(await stage.connector.find_charge(draft)).complete

    async def test_charge_is_found_after_the_business_date_has_rolled(self, stage: Stage) -> None:
        if not stage.connector.capabilities.read_back:
            pytest.skip("this PMS cannot be asked")
        draft = await stage.draft()
        done(await stage.connector.charge(draft))
        await stage.desk.roll_business_date()
        assert done(await stage.connector.find_charge(draft)).complete

    async def test_another_check_is_never_taken_for_this_one(self, stage: Stage) -> None:
        if not stage.connector.capabilities.read_back:
            pytest.skip("this PMS cannot be asked")
        done(await stage.connector.charge(await stage.draft()))
        assert done(await stage.connector.find_charge(await stage.draft())).nothing

    async def test_ended_session_is_renewed_without_a_second_charge(self, stage: Stage) -> None:
        draft = await stage.draft()
        await stage.desk.expire_tokens()
        done(await stage.connector.charge(draft))
        assert stage.held(draft) == (draft.total, 2)

    async def test_unreachable_pms_is_later_not_unknown(self, stage: Stage) -> None:
        draft = await stage.draft()
        async with self.open_unreachable() as connector:
            for outcome in (
                await connector.charge(draft),
                await connector.find_room(stage.room),
                await connector.describe(),
            ):
                assert isinstance(outcome, Later), outcome
                assert outcome.code == PmsCode.CONNECTION_FAILED

    @pytest.mark.parametrize("seed", [1, 2])
    async def test_every_check_stands_once_after_random_faults(self, stage: Stage, seed: int) -> None:
        if not stage.connector.capabilities.read_back:
            pytest.skip("this PMS cannot be asked")
        drafts = [await stage.draft(subtotal=Decimal(n + 1)) for n in range(40)]
        stage.dial.reseed(seed)
        stage.dial.late_seconds = 0.02
        stage.dial.set(**{fault: 0.04 for fault in FAULTS if fault != "slow"})
        terminals = [drafts[n::8] for n in range(8)]
        await asyncio.gather(*(self._post_until_it_stands(stage, checks) for checks in terminals))
        stage.dial.calm()
        await stage.desk.settle()
        assert len(stage.dial.happened) > 3, "the dial did not turn"
        wrong = {draft.reference: stage.held(draft) for draft in drafts if stage.held(draft) != (draft.total, 2)}
        assert wrong == {}, f"seed {seed}: {wrong}"

    async def _post_until_it_stands(self, stage: Stage, drafts: Sequence[ChargeDraft]) -> None:
        """Do for each check what the charge's resolver does: look before anything is sent again."""
        for draft in drafts:
            wanted = draft
            for _ in range(100):
                outcome = await stage.connector.charge(wanted)
                assert not isinstance(outcome, Refused), outcome
                if isinstance(outcome, Done):
                    break
                if isinstance(outcome, Unknown):
                    await stage.desk.settle()  # stands for waiting until the PMS has finished
                    read = await self._look_until_told(stage, draft)
                    if read.complete:
                        break
                    wanted = draft.rest(read.missing)

    async def _look_until_told(self, stage: Stage, draft: ChargeDraft) -> ReadBack:
        for _ in range(100):
            looked = await stage.connector.find_charge(draft)
            if isinstance(looked, Done):
                return looked.value
        raise AssertionError("the PMS never told")

    # taking back ---------------------------------------------------------------------------------------------------

    async def _charged(self, stage: Stage, **changes: Any) -> tuple[ChargeDraft, VoidDraft]:
        draft = await stage.draft(**changes)
        receipt = done(await stage.connector.charge(draft))
        void = VoidDraft(
            reference=draft.reference,
            reservation_id=draft.reservation_id,
            lines=receipt.lines,
            currency=draft.currency,
            check_number=draft.check_number,
            reason="Wrong room",
            sold_at=draft.sold_at,
            charge=draft,
        )
        return draft, void

    async def test_void_leaves_nothing_owed_and_twice_is_harmless(self, stage: Stage) -> None:
        draft, void = await self._charged(stage)
        before = done(await stage.connector.folio(draft.reservation_id)).balance
        outcome = await stage.connector.void(void)
        able = stage.connector.capabilities.void
        stage.matrix["Void"] = {VoidWay.NONE: "no"}.get(able, able.value)
        if able is VoidWay.NONE:
            refused(outcome, PmsCode.NOT_SUPPORTED)
            return
        assert not done(outcome).found
        assert done(await stage.connector.folio(draft.reservation_id)).balance == before - draft.total
        assert done(await stage.connector.void(void)).found
        assert done(await stage.connector.folio(draft.reservation_id)).balance == before - draft.total

    @pytest.mark.parametrize("fault", ["drop_after", "error_after", "truncate", "drop_before", "error_before"])
    async def test_void_whose_answer_was_lost_finishes_with_the_next_call(self, stage: Stage, fault: str) -> None:
        if stage.connector.capabilities.void is VoidWay.NONE:
            pytest.skip("this PMS cannot void")
        draft, void = await self._charged(stage)
        before = done(await stage.connector.folio(draft.reservation_id)).balance
        stage.dial.next(fault, method="POST", path=stage.writes)
        assert isinstance(await stage.connector.void(void), Unknown)
        done(await stage.connector.void(void))
        assert done(await stage.connector.folio(draft.reservation_id)).balance == before - draft.total

    @pytest.mark.parametrize("amounts", [("25.00", "-5.00"), ("20.00", "5.00", "-5.00")])
    async def test_discount_is_found_and_taken_back_as_every_line(self, stage: Stage, amounts: tuple[str, ...]) -> None:
        able = stage.connector.capabilities
        if able.void is VoidWay.NONE or not able.itemised or not able.read_back:
            pytest.skip("this PMS cannot void, takes no single lines, or cannot be asked")
        items = tuple(ChargeItem(f"Line {n}", 1, Decimal(amount)) for n, amount in enumerate(amounts, 1))
        subtotal = sum((item.amount for item in items), Decimal(0))
        before = done(await stage.connector.folio((await stage.guest()).reservation_id)).balance
        draft, void = await self._charged(stage, items=items, itemised=True, subtotal=subtotal, tip=Decimal("4.00"))
        read = done(await stage.connector.find_charge(draft))
        assert (read.complete, read.surplus) == (True, ())
        receipt = done(await stage.connector.void(void))
        assert sum((line.amount for line in receipt.lines), Decimal(0)) == -draft.total
        assert done(await stage.connector.void(void)).found
        assert done(await stage.connector.folio(draft.reservation_id)).balance == before

    async def test_doubled_discount_is_told_apart_from_a_reversal(self, stage: Stage) -> None:
        able = stage.connector.capabilities
        if able.void is VoidWay.NONE or not able.read_back or able.refuses_duplicates:
            pytest.skip("this PMS cannot void or be asked, or takes nothing twice")
        items = (ChargeItem("Burger", 1, Decimal("25.00")), ChargeItem("Discount", 1, Decimal("-5.00")))
        before = done(await stage.connector.folio((await stage.guest()).reservation_id)).balance
        stage.dial.next("duplicate", method="POST", path=stage.writes)
        changes = {"items": items, "itemised": True, "subtotal": Decimal("20.00"), "tip": Decimal(0)}
        draft, void = await self._charged(stage, **changes)
        read = done(await stage.connector.find_charge(draft))
        assert (read.complete, sorted(line.amount for line in read.surplus)) == (True, [Decimal(-5), Decimal(25)])
        keep = tuple(read.landed.values())
        done(await stage.connector.void(replace(void, lines=(*keep, *read.surplus), keep=keep)))
        assert done(await stage.connector.find_charge(draft)).surplus == ()
        assert done(await stage.connector.folio(draft.reservation_id)).balance == before + draft.total
        done(await stage.connector.void(void))
        assert done(await stage.connector.folio(draft.reservation_id)).balance == before

    async def test_voiding_what_never_was_is_refused(self, stage: Stage) -> None:
        if stage.connector.capabilities.void is VoidWay.NONE:
            pytest.skip("this PMS cannot void")
        draft, void = await self._charged(stage)
        before = done(await stage.connector.folio(draft.reservation_id)).balance
        strange = VoidDraft(f"{void.reference}-other", *(getattr(void, n) for n in void.__slots__[1:]))
        assert isinstance(await stage.connector.void(strange), Refused)
        assert done(await stage.connector.folio(draft.reservation_id)).balance == before

    # reading the books ---------------------------------------------------------------------------------------------

    async def test_postings_of_a_business_date_are_all_there(self, stage: Stage) -> None:
        able = stage.connector.capabilities.postings_of_day
        stage.matrix["Lists the postings of a day"] = "yes" if able else "no"
        drafts = [await stage.draft() for _ in range(30)]
        for draft in drafts:
            done(await stage.connector.charge(draft))
        outcome = await stage.connector.postings(stage.business_date)
        if not able:
            refused(outcome, PmsCode.NOT_SUPPORTED)
            return
        rows = done(outcome)
        assert len({row.transaction_id for row in rows}) == len(rows)
        for draft in drafts:
            lines = [row for row in rows if row.reference == draft.reference]
            assert sum((line.amount for line in lines), Decimal(0)) == draft.total
            assert {line.check_number for line in lines} == {draft.check_number}
        await stage.desk.roll_business_date()
        late = await stage.draft()
        done(await stage.connector.charge(late))
        again = done(await stage.connector.postings(stage.business_date))
        assert late.reference not in {row.reference for row in again}

    async def test_folio_grows_by_the_charge(self, stage: Stage) -> None:
        able = stage.connector.capabilities.folio
        stage.matrix["Shows the folio"] = "yes" if able else "no"
        draft = await stage.draft()
        outcome = await stage.connector.folio(draft.reservation_id)
        if not able:
            refused(outcome, PmsCode.NOT_SUPPORTED)
            return
        before = done(outcome)
        done(await stage.connector.charge(draft))
        after = done(await stage.connector.folio(draft.reservation_id))
        assert after.balance - before.balance == draft.total
        assert after.currency == stage.currency

    async def test_profile_of_the_guest(self, stage: Stage) -> None:
        able = stage.connector.capabilities.guest_profile
        stage.matrix["Guest profiles"] = "yes" if able else "no"
        guest = await stage.guest()
        outcome = await stage.connector.guest_profile(guest.guest_id)
        if not able:
            refused(outcome, PmsCode.NOT_SUPPORTED)
            return
        profile = done(outcome)
        assert profile is not None
        assert profile.last_name == guest.last_name
        assert done(await stage.connector.guest_profile("no-such-profile")) is None

    async def test_business_date_is_the_open_one(self, stage: Stage) -> None:
        able = stage.connector.capabilities.business_date
        stage.matrix["Tells its business date"] = "yes" if able else "no"
        outcome = await stage.connector.business_date()
        if not able:
            assert isinstance(outcome, Refused) or done(outcome) is None
            return
        assert done(outcome) == stage.business_date
        await stage.desk.roll_business_date()
        assert done(await stage.connector.business_date()) != stage.business_date

    async def test_connection_test_names_codes_that_are_not_there(self, stage: Stage) -> None:
        facts = done(await stage.connector.describe([*stage.codes.values(), "NOSUCH"]))
        assert facts.system
        assert facts.hotel
        assert set(facts.unknown_codes) <= {"NOSUCH"}
        stage.matrix["Checks the outlets' codes"] = "yes" if facts.unknown_codes else "no"
