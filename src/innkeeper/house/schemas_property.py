"""What crosses the API of the property and of its day."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

from pydantic import BaseModel, Field, StrictBool

from innkeeper.house import closing
from innkeeper.house.schemas import Body, ClockTime
from innkeeper.house.tables import Property, Reservation


class PropertyIn(Body):
    """What of the property is to change."""

    ANSWERED = frozenset({"id"})

    name: str | None = None
    timezone: str | None = None
    currency: str | None = None
    check_in_time: ClockTime | None = None
    check_out_time: ClockTime | None = None
    business_date: date | None = None
    confirm_business_date: StrictBool = Field(False, description="A business date that no night audit leads to.")
    night_audit_time: ClockTime | None = Field(None, description="When the day closes by itself; null: by a person.")
    tax_included: StrictBool | None = None
    tax_rate: Decimal | None = Field(None, decimal_places=4, description="Percent, from 0 to below 100.")


class PropertyOut(BaseModel):
    """The hotel. Times are its own clock's; `tax_rate` is a percentage."""

    id: UUID
    name: str
    timezone: str
    currency: str
    check_in_time: str
    check_out_time: str
    business_date: date
    night_audit_time: str | None
    tax_included: bool
    tax_rate: str

    @classmethod
    def of(cls, house: Property) -> "PropertyOut":
        """Return the property as the API shows it."""
        return cls(
            id=house.id,
            name=house.name,
            timezone=house.timezone,
            currency=house.currency,
            check_in_time=house.check_in_time.strftime("%H:%M"),
            check_out_time=house.check_out_time.strftime("%H:%M"),
            business_date=house.business_date,
            night_audit_time=house.night_audit_time.strftime("%H:%M") if house.night_audit_time else None,
            tax_included=house.tax_included,
            tax_rate=f"{house.tax_rate.normalize():f}",
        )


class CloseDayIn(Body):
    """The day that is meant, and what becomes of each reservation that has not come."""

    business_date: date | None = Field(None, description="The day to close; 409 where it is not the open one.")
    no_shows: list[UUID] = Field(default_factory=list, max_length=1000, description="Cancelled, under `no_show`.")
    expected: list[UUID] = Field(default_factory=list, max_length=1000, description="Still to come.")
    anyway: StrictBool = Field(False, description="A manager closes it and leaves everything as it is.")


class DayGuestOut(BaseModel):
    """A reservation that stands in the way of closing the day."""

    id: UUID
    confirmation: str
    guest: str
    check_in: date
    check_out: date

    @classmethod
    def of(cls, one: Reservation) -> "DayGuestOut":
        """Return the reservation in a line."""
        return cls(
            id=one.id,
            confirmation=one.confirmation,
            guest=one.primary_guest.name,
            check_in=one.check_in,
            check_out=one.check_out,
        )


class DayOut(BaseModel):
    """A day that is to be closed or was: who has not come, who is due out and in house, and what else to look at.

    `business_date` is the day that is open now.
    """

    day: date
    business_date: date
    arrivals: list[DayGuestOut]
    departures: list[DayGuestOut]
    hints: list[str]

    @classmethod
    def of(cls, was: closing.Standing, opened: date, hints: Sequence[str]) -> "DayOut":
        """Return the day as the API shows it."""
        return cls(
            day=was.day,
            business_date=opened,
            arrivals=[DayGuestOut.of(one) for one in was.arrivals],
            departures=[DayGuestOut.of(one) for one in was.departures],
            hints=list(hints),
        )
