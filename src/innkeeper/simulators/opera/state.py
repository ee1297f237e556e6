"""The tables of a simulated OPERA hotel, its business date, its tokens, and what a test asks of them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from innkeeper.simulators.opera.model import Posting, Profile, Reservation, TransactionCode

Clock = Callable[[], datetime]

#: Credentials of every simulated hotel, as an environment's portal would show them. The key is the specification's
#: example of the pattern that application keys have.
APP_KEY = "41ecd082-8997-4c69-af34-2f72b83645ff"
CLIENT_ID = "SANDBOX_Client"
CLIENT_SECRET = "sandbox-client-secret"
SCOPE = "urn:opc:hgbu:ws:__myscopes__"
ENTERPRISE_ID = "ENT123"
USERNAME = "SANDBOX"
PASSWORD = "sandbox-password"
CASHIER_ID = 113


def system_clock() -> datetime:
    """The time of this machine, aware, UTC."""
    return datetime.now(UTC)


class HotelState:
    """Everything a hotel knows. Tests read and change it directly; the REST interface is only one of its users.

    Args:
        hotel_id: the code that ``x-hotelid`` and every path must name.
        business_date: the open day; today by the clock when left out.
        clock: returns the time, aware, UTC.
        seed: of token values.
    """

    def __init__(
        self,
        *,
        hotel_id: str = "SAND01",
        currency: str = "USD",
        business_date: date | None = None,
        clock: Clock = system_clock,
        seed: int = 0,
    ) -> None:
        self.hotel_id = hotel_id
        self.hotel_name = "Sandbox Hotel"
        self.currency = currency
        self.clock = clock
        self.business_date = business_date or clock().date()
        self.random = random.Random(seed)
        self.version = "25.5.0.0"

        self.profiles: dict[str, Profile] = {}
        self.reservations: dict[str, Reservation] = {}
        self.codes: dict[str, TransactionCode] = {}
        self.articles: dict[str, str] = {}
        """Transaction code by article code."""
        self.cashiers: set[int] = {CASHIER_ID}
        self.inactive_cashiers: set[int] = set()
        self.room_types: dict[str, str] = {}
        """Short description by code."""
        self.postings: dict[int, Posting] = {}
        self.deleted: list[Posting] = []
        self.checks: dict[str, str] = {}

        self.tokens: dict[str, datetime] = {}
        """By token: when it ends."""
        self.token_seconds = 3600
        self.tokens_issued = 0
        self.client_credentials_allowed = True
        self.password_allowed = True

        self.enforces_no_post = True
        """Whether the interface refuses charges of a reservation marked No Post. Oracle's help says that the mark
        prohibits external systems from posting; the specification names no answer."""
        self.enforces_credit = False
        """Whether a charge beyond the reservation's limit is refused; OPERA itself only reports overages."""
        self.needs_cashier = False
        """Whether a request without a cashier is refused (FOF00094, seen where the integration user has none)."""
        self.pads_references = True
        """OPERA keeps references with a blank behind them (seen in the field)."""
        self.answers_numbers = True
        """Whether the answer to a charge carries transaction numbers (seen without in the field)."""
        self.partial_after: int | None = None
        """Stop after this many lines of the next charge, as when OPERA dies in the midst of it; then None again."""
        self.page_limit = 50
        """More rows at once are refused (OPERAWS-ODE09998); 50 by the specification, 20 seen in the field."""
        self.refused: Counter[str] = Counter()
        self._by_reservation: dict[str, list[Posting]] = {}
        self._by_date: dict[date, list[Posting]] = {}
        self._next_transaction = 100_001

    # guests and rooms ----------------------------------------------------------------------------------------------

    def add_guest(self, profile: Profile, reservation: Reservation) -> Reservation:
        """Put a guest and the stay into the books."""
        self.profiles[profile.id] = profile
        self.reservations[reservation.id] = reservation
        return reservation

    def computed_status(self, reservation: Reservation) -> str:
        """The status as OPERA computes it from the business date."""
        if reservation.status == "InHouse" and reservation.departure <= self.business_date:
            return "DueOut"
        if reservation.status == "Reserved" and reservation.arrival == self.business_date:
            return "DueIn"
        return reservation.status

    def in_room(self, room: str) -> list[Reservation]:
        """Who is in house in the room."""
        return [r for r in self.reservations.values() if r.room == room and r.status == "InHouse"]

    # postings ------------------------------------------------------------------------------------------------------

    def post(self, posting_for: Reservation, code: str, unit_price: Decimal, **fields: Any) -> Posting:
        """Write one line, wherever the routing sends it, and the tax that its code generates. The line is returned."""
        target = self._routed(posting_for, code) if fields.pop("routing", False) else posting_for
        posting = self._write(target, posting_for, code, unit_price, **fields)
        generates = self.codes[code].generates
        if generates is not None:
            tax_code, percent = generates
            tax = (unit_price * percent / 100).quantize(Decimal("0.01"))
            self._write(target, posting_for, tax_code, tax, **{**fields, "generated_by": posting.transaction_no})
        return posting

    def _routed(self, reservation: Reservation, code: str) -> Reservation:
        if reservation.routes_to and (not reservation.routed_codes or code in reservation.routed_codes):
            return self.reservations[reservation.routes_to]
        return reservation

    def _write(
        self, target: Reservation, posting_for: Reservation, code: str, unit_price: Decimal, **fields: Any
    ) -> Posting:
        reference = fields.pop("reference", "")
        posting = Posting(
            transaction_no=self._next_transaction,
            reservation_id=target.id,
            posted_for=posting_for.id,
            code=code,
            unit_price=unit_price,
            quantity=fields.pop("quantity", 1),
            currency=fields.pop("currency", self.currency),
            reference=f"{reference} " if reference and self.pads_references else reference,
            remark=fields.pop("remark", ""),
            check_no=fields.pop("check_no", ""),
            window=fields.pop("window", 1),
            cashier_id=fields.pop("cashier_id", None),
            revenue_date=self.business_date,
            posted_at=self.clock(),
            room=target.room,
            payment=self.codes[code].payment,
            **fields,
        )
        self._next_transaction += 1
        self.postings[posting.transaction_no] = posting
        self._by_reservation.setdefault(target.id, []).append(posting)
        self._by_date.setdefault(posting.revenue_date, []).append(posting)
        return posting

    def delete_posting(self, transaction_no: int) -> None:
        """Take a line and its tax off the folio, as the desk may on the same business day. Raises KeyError."""
        for posting in [self.postings[transaction_no], *self._generated(transaction_no)]:
            del self.postings[posting.transaction_no]
            self._by_reservation[posting.reservation_id].remove(posting)
            self._by_date[posting.revenue_date].remove(posting)
            self.deleted.append(posting)

    def forget(self, before: date) -> None:
        """Drop the lines of older days, and the stays that ended before with nothing left on their folios."""
        for number in [number for number, posting in self.postings.items() if posting.revenue_date < before]:
            posting = self.postings.pop(number)
            self._by_reservation[posting.reservation_id].remove(posting)
        for day in [day for day in self._by_date if day < before]:
            del self._by_date[day]
        for gone in [r for r in self.reservations.values() if r.checked_out_on and r.checked_out_on < before]:
            if not self._by_reservation.get(gone.id):
                self._by_reservation.pop(gone.id, None)
                del self.reservations[gone.id]
        named = {reservation.profile_id for reservation in self.reservations.values()}
        self.profiles = {profile.id: profile for profile in self.profiles.values() if profile.id in named}
        self.tokens = {token: end for token, end in self.tokens.items() if end > self.clock()}

    def _generated(self, transaction_no: int) -> list[Posting]:
        return [p for p in self.postings.values() if p.generated_by == transaction_no]

    def postings_of(self, reservation_id: str) -> list[Posting]:
        """The lines on a reservation's folio."""
        return self._by_reservation.get(reservation_id, [])

    def postings_between(self, start: date, end: date) -> list[Posting]:
        """The journal of these business dates, both included, oldest first."""
        days = (start + timedelta(days=n) for n in range((end - start).days + 1))
        return [posting for day in days for posting in self._by_date.get(day, [])]

    def balance(self, reservation_id: str) -> Decimal:
        """What a reservation owes."""
        return sum((p.amount for p in self.postings_of(reservation_id)), Decimal(0))

    # oracles -------------------------------------------------------------------------------------------------------

    def under_reference(self, reference: str) -> list[Posting]:
        """All lines that bear a reference, taxes left out."""
        return [p for p in self.postings.values() if p.reference.strip() == reference and p.generated_by is None]

    def charged(self) -> dict[str, Decimal]:
        """The sum of each reference, taxes left out: what the points of sale should have taken."""
        sums: dict[str, Decimal] = {}
        for posting in self.postings.values():
            if posting.reference and posting.generated_by is None:
                name = posting.reference.strip()
                sums[name] = sums.get(name, Decimal(0)) + posting.amount
        return sums

    def doubled(self) -> list[str]:
        """References under which the same line stands more than once."""
        counts = Counter((p.reference.strip(), p.code, p.amount) for p in self.postings.values() if p.reference)
        return sorted({reference for (reference, _, _), count in counts.items() if count > 1})

    def summary(self) -> dict[str, Any]:
        """What ``GET /_simulator/state`` answers."""
        return {
            "hotel_id": self.hotel_id,
            "business_date": self.business_date.isoformat(),
            "in_house": sum(r.status == "InHouse" for r in self.reservations.values()),
            "postings": len(self.postings),
            "charged": {reference: str(amount) for reference, amount in self.charged().items()},
            "doubled": self.doubled(),
            "balances": {r: str(self.balance(r)) for r in self._by_reservation},
            "tokens_issued": self.tokens_issued,
            "refused": dict(self.refused),
        }

    # sign-in -------------------------------------------------------------------------------------------------------

    def issue_token(self) -> str:
        """Return a new access token."""
        token = f"{self.random.getrandbits(256):064x}"
        self.tokens[token] = self.clock() + timedelta(seconds=self.token_seconds)
        self.tokens_issued += 1
        return token

    def knows_token(self, token: str) -> bool:
        """Whether the token is one of ours and has not ended."""
        end = self.tokens.get(token)
        return end is not None and self.clock() < end

    def expire_tokens(self) -> None:
        """End every token now."""
        self.tokens.clear()

    @classmethod
    def demo(
        cls,
        *,
        hotel_id: str = "SAND01",
        currency: str = "USD",
        business_date: date | None = None,
        clock: Clock = system_clock,
        seed: int = 0,
        guests: int = 40,
    ) -> HotelState:
        """A hotel with guests in house, some of whom share, are blocked, leave today or pay for others."""
        from innkeeper.simulators.opera.demo_hotel import fill_demo

        state = cls(hotel_id=hotel_id, currency=currency, business_date=business_date, clock=clock, seed=seed)
        fill_demo(state, guests)
        return state


def rooms_in_house(reservations: Iterable[Reservation]) -> list[str]:
    """The occupied rooms, sorted."""
    return sorted({r.room for r in reservations if r.status == "InHouse"})
