"""The people at the desk: what happens in the hotel while the points of sale charge rooms."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from innkeeper.simulators.opera.demo_hotel import check_in
from innkeeper.simulators.opera.model import Reservation
from innkeeper.simulators.opera.state import HotelState


class UnknownActionError(ValueError):
    """The desk has no such action, or not with these arguments."""


class FrontDesk:
    """Acts on the hotel as its front desk, its cashier and its night auditor do."""

    ACTIONS = (
        "check_in",
        "check_out",
        "move_room",
        "set_no_post",
        "set_credit_limit",
        "take_payment",
        "delete_posting",
        "roll_business_date",
        "expire_tokens",
    )

    def __init__(self, state: HotelState) -> None:
        self.state = state

    def check_in(self, name: str, room: str, nights: int = 1) -> Reservation:
        """A guest arrives and goes to the room, whoever is there already."""
        return check_in(self.state, name, room, nights=nights, days_ago=0)

    def check_out(self, reservation: str) -> Reservation:
        """The guest pays what is owed and leaves."""
        leaving = self.state.reservations[reservation]
        self.take_payment(reservation, str(self.state.balance(reservation)))
        leaving.status, leaving.checked_out_on = "CheckedOut", self.state.business_date
        leaving.key_tracks.clear()
        return leaving

    def move_room(self, reservation: str, room: str) -> Reservation:
        """The guest moves; the reservation and its key stay the same."""
        moving = self.state.reservations[reservation]
        moving.room = room
        return moving

    def set_no_post(self, reservation: str, no_post: bool = True) -> Reservation:
        """Charges from outside are forbidden, or allowed again."""
        blocked = self.state.reservations[reservation]
        blocked.no_post = no_post
        return blocked

    def set_credit_limit(self, reservation: str, limit: str | None) -> Reservation:
        """The limit changes; None means none."""
        guest = self.state.reservations[reservation]
        guest.credit_limit = Decimal(limit) if limit is not None else None
        return guest

    def take_payment(self, reservation: str, amount: str) -> Reservation:
        """The guest pays in cash."""
        paying = self.state.reservations[reservation]
        if Decimal(amount):
            self.state.post(paying, "9000", -Decimal(amount), remark="Cash")
        return paying

    def delete_posting(self, transaction_no: int) -> None:
        """A line is taken off by hand."""
        self.state.delete_posting(int(transaction_no))

    def roll_business_date(self) -> None:
        """The night audit: every room is charged and the next day opens."""
        for reservation in self.state.reservations.values():
            if reservation.status == "InHouse" and not reservation.pseudo_room:
                self.state.post(reservation, "1000", Decimal("120.00"), remark="Room")
        self.state.business_date += timedelta(days=1)

    def expire_tokens(self) -> None:
        """Every token ends before its time."""
        self.state.expire_tokens()

    def act(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out ``{"do": action, ...arguments}`` of the control endpoint. Raises UnknownActionError."""
        action = str(wanted.get("do", ""))
        if action not in self.ACTIONS:
            raise UnknownActionError(f"no action {action!r}; there are {', '.join(self.ACTIONS)}")
        arguments = {name: value for name, value in wanted.items() if name != "do"}
        try:
            result = getattr(self, action)(**arguments)
        except (TypeError, KeyError, ArithmeticError) as wrong:
            raise UnknownActionError(f"{action}: {wrong}") from wrong
        return {"reservation": result.id, "room": result.room} if isinstance(result, Reservation) else {}
