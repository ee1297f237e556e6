"""What crosses the API of a guest's bill."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from pydantic import BaseModel, Field

from innkeeper.domain.money import format_amount
from innkeeper.house import folios
from innkeeper.house.schemas import AmountIn, Body
from innkeeper.house.tables import FolioLine


class PaymentIn(Body):
    """A payment of the guest."""

    amount: AmountIn
    currency: str | None = None
    method: str = Field("cash", min_length=1, max_length=100)
    reference: str | None = None


class FolioLineOut(BaseModel):
    """A line of the bill; payments are negative, what is paid back is a payment above zero."""

    id: UUID
    kind: str
    amount: str
    description: str
    outlet_code: str | None
    check_number: str | None
    reference: str | None
    voids_id: UUID | None
    business_date: date
    created_at: datetime

    @classmethod
    def of(cls, line: FolioLine, currency: str) -> "FolioLineOut":
        """Return the line as the API shows it."""
        return cls(
            id=line.id,
            kind=line.kind,
            amount=format_amount(line.amount, currency),
            description=line.description,
            outlet_code=line.outlet_code,
            check_number=line.check_number,
            reference=line.reference,
            voids_id=line.voids_id,
            business_date=line.business_date,
            created_at=line.created_at,
        )


class ProjectedOut(BaseModel):
    """A line that check-out will write."""

    kind: str
    amount: str
    description: str


class FolioOut(BaseModel):
    """The bill. `balance` sums the lines; `due` is what is owed at check-out, projected lines included.

    `on_its_way` is what the outlets have charged and the bill does not hold yet; None where they charge another system.
    """

    reservation_id: UUID
    confirmation: str
    number: int | None
    currency: str
    lines: list[FolioLineOut]
    projected: list[ProjectedOut]
    balance: str
    prepaid_amount: str
    due: str
    on_its_way: str | None
    closed_at: datetime | None

    @classmethod
    def of(cls, bill: folios.Statement, on_its_way: Decimal | None = None) -> "FolioOut":
        """Return the bill as the API shows it."""
        currency = bill.reservation.currency
        return cls(
            reservation_id=bill.reservation.id,
            confirmation=bill.reservation.confirmation,
            number=bill.folio.number if bill.folio else None,
            currency=currency,
            lines=[FolioLineOut.of(line, currency) for line in bill.lines],
            projected=[
                ProjectedOut(kind=line.kind, amount=format_amount(line.amount, currency), description=line.description)
                for line in bill.projected
            ],
            balance=format_amount(bill.balance, currency),
            prepaid_amount=format_amount(bill.reservation.prepaid_amount, currency),
            due=format_amount(bill.due, currency),
            on_its_way=None if on_its_way is None else format_amount(on_its_way, currency),
            closed_at=bill.folio.closed_at if bill.folio else None,
        )
