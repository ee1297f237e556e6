"""A stay: the nights between an arrival and a departure, as plain dates in the hotel's zone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from innkeeper.domain.errors import FieldError, Invalid

#: Longer stays are typing errors more often than guests; a long-term guest is booked year by year.
MAX_NIGHTS = 730


class StayStatus(StrEnum):
    """The life of a reservation or of one of its rooms; the words are the API's."""

    CONFIRMED = "Confirmed"
    CHECKED_IN = "Checked-in"
    CHECKED_OUT = "Checked-out"
    CANCELLED = "Cancelled"

    @property
    def holds_inventory(self) -> bool:
        """Whether the nights of such a stay are taken from what can be sold."""
        return self in (StayStatus.CONFIRMED, StayStatus.CHECKED_IN)


@dataclass(frozen=True, slots=True, order=True)
class Stay:
    """From the arrival date to the departure date; the night of the departure is not slept."""

    check_in: date
    check_out: date

    @classmethod
    def checked(cls, check_in: date, check_out: date) -> "Stay":
        """Return the stay. Raises Invalid, naming the field, when the dates make no stay."""
        if check_out <= check_in:
            message = f"Departure {check_out} must be after arrival {check_in}."
            raise Invalid(message, errors=[FieldError("check_out", message)])
        if (check_out - check_in).days > MAX_NIGHTS:
            message = f"{(check_out - check_in).days} nights is more than the {MAX_NIGHTS} that one booking can have."
            raise Invalid(message, errors=[FieldError("check_out", message)])
        return cls(check_in, check_out)

    @property
    def nights(self) -> int:
        """How many nights are slept."""
        return (self.check_out - self.check_in).days

    @property
    def last_night(self) -> date:
        """The date of the last night that is slept."""
        return self.check_out - timedelta(days=1)

    def each_night(self) -> Iterator[date]:
        """Yield the date of each night, first to last."""
        return (self.check_in + timedelta(days=n) for n in range(self.nights))

    def taken_from(self, today: date, status: StayStatus | str) -> "Stay":
        """Return the stay with the nights that it takes: a guest in house has tonight, whatever arrival is written."""
        if status == StayStatus.CHECKED_IN and today < self.check_in:
            return Stay(today, self.check_out)
        return self

    def overlaps(self, other: "Stay") -> bool:
        """Whether the two stays share a night."""
        return self.check_in < other.check_out and other.check_in < self.check_out
