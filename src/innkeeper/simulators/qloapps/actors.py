"""The other side: what staff and guests do in the shop itself, with what it does to the timestamps.

Every action goes straight to the state, past the webservice, and stamps what the back office stamps (section 4,
"What changes which date_upd"): an order when its price, rooms or state change, a line when it is checked in or moved,
a customer when he is edited, and nothing at all for a staff message.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from innkeeper.simulators.qloapps.booking_request import RoomWish, StayWish
from innkeeper.simulators.qloapps.bookings import PlannedLine, add_lines, choose_rooms
from innkeeper.simulators.qloapps.customers import guest_for_booking
from innkeeper.simulators.qloapps.errors import UNAVAILABLE, RefusedBookingError
from innkeeper.simulators.qloapps.fields import NO_STAMP
from innkeeper.simulators.qloapps.model import (
    AWAITING,
    CANCELED,
    CHECKED_IN,
    CHECKED_OUT,
    PAID,
    REFUNDED,
    ZERO,
    Customer,
    Line,
    Order,
)
from innkeeper.simulators.qloapps.prices import as_sold, stay_price, tax_percent
from innkeeper.simulators.qloapps.state import ShopState, ordinal
from innkeeper.simulators.qloapps.writing import count_line, enter_state, pay, record_history, write_details


@dataclass(frozen=True, slots=True)
class Stay:
    """Rooms of one type for one stay; ``price`` without tax for a whole stay of one room, None for the shop's own.

    ``id_room`` picks the room, else the first free one is taken.
    """

    id_type: int
    checkin: date | str
    checkout: date | str
    rooms: int = 1
    adults: int = 2
    child_ages: Sequence[int] = ()
    price: Decimal | int | str | None = None
    id_room: int = 0


@dataclass(frozen=True, slots=True)
class Guest:
    """Who books."""

    firstname: str = "Grace"
    lastname: str = "Hopper"
    email: str = "grace@guest.example"
    phone: str = "5550100"


class NoRoomError(Exception):
    """Nothing free for what was asked; the shop would not offer it."""


class BackOffice:
    """Staff at the shop's own screens; ``state.back_office`` makes one."""

    def __init__(self, state: ShopState) -> None:
        self.state = state

    def book(
        self,
        *stays: Stay,
        guest: Guest | None = None,
        source: str = "",
        remark: str = "",
        paid: Decimal | int | str = 0,
        payment: str = "Order from API",
        currency: str | None = None,
        module: str = "wsorder",
        overbook: bool = False,
    ) -> Order:
        """Book; raises NoRoomError when nothing is free, unless ``overbook`` takes the first room regardless."""
        state = self.state
        currency_row = state.currencies[state.default_currency]
        if currency is not None:
            found = state.currency_by_code(currency)
            if found is None:
                raise ValueError(f"no such currency in the shop: {currency}")
            currency_row = found
        wishes = [_wish(stay) for stay in stays]
        rooms = self._rooms(wishes, overbook=overbook)
        who = guest or Guest()
        customer = guest_for_booking(
            state, {"firstname": who.firstname, "lastname": who.lastname, "email": who.email, "phone": who.phone}
        )
        now = state.now()
        order = Order(
            state.new_id("orders"),
            customer.id,
            state.room_types[stays[0].id_type]["id_hotel"],
            currency_row["id"],
            AWAITING,
            now,
            now,
            source or state.domain or "qloapps.example",
            state.new_reference(),
            customer.secure_key,
            payment=payment,
            module=module,
            conversion_rate=currency_row["conversion_rate"],
            remarks=(remark,) if remark else (),
        )
        order.id_cart = state.new_cart(order)
        state.orders[order.id] = order
        rate: Decimal = currency_row["conversion_rate"]
        planned = [
            self._planned(stay, wishes[index], rooms[index, place], rate)
            for index, stay in enumerate(stays)
            for place in range(stay.rooms)
        ]
        add_lines(state, order, planned)
        order.advance_paid_amount = order.total_paid_tax_incl
        record_history(state, order, AWAITING)
        if Decimal(paid) > 0:
            self.take_payment(order, Decimal(paid))
        return order

    def _rooms(self, wishes: list[StayWish], *, overbook: bool) -> dict[tuple[int, int], int]:
        try:
            return choose_rooms(self.state, wishes, UNAVAILABLE)
        except RefusedBookingError:
            if not overbook:
                raise NoRoomError(", ".join(f"type {w.id_type} {w.checkin} - {w.checkout}" for w in wishes)) from None
        return {
            (index, place): wish.rooms[place].id_room or self.state.rooms_of_type[wish.id_type][0]
            for index, wish in enumerate(wishes)
            for place in range(len(wish.rooms))
        }

    def _planned(self, stay: Stay, wish: StayWish, id_room: int, rate: Decimal) -> PlannedLine:
        state = self.state
        price = (
            stay_price(state, stay.id_type, wish.first, wish.last) * rate if stay.price is None else Decimal(stay.price)
        )
        price, taxed = as_sold(price, tax_percent(state, stay.id_type))
        return PlannedLine(
            id_room=id_room,
            checkin=wish.checkin,
            checkout=wish.checkout,
            nights=wish.last - wish.first,
            adults=stay.adults,
            children=len(stay.child_ages),
            child_ages=f"[{','.join(map(str, stay.child_ages))}]",
            price=price,
            price_with_tax=taxed,
            cart_price_with_tax=taxed,
        )

    def change_dates(self, order: Order, checkin: date | str, checkout: date | str, line: Line | None = None) -> Line:
        """Other dates for one line: deleted and made anew with another id, and often in another room.

        Raises NoRoomError; the old line is still held while a room is looked for [246].
        """
        old = line or self.state.lines_of(order)[0]
        return self._replace(order, old, old.id_product, _iso(checkin), _iso(checkout))

    def change_type(self, order: Order, id_type: int, line: Line | None = None) -> Line:
        """Reallocation to another room type: the line is made anew. Raises NoRoomError."""
        old = line or self.state.lines_of(order)[0]
        return self._replace(order, old, id_type, old.date_from[:10], old.date_to[:10])

    def _replace(self, order: Order, old: Line, id_type: int, checkin: str, checkout: str) -> Line:
        stay = Stay(id_type, checkin, checkout, adults=old.adults)
        new = self.add_room(order, stay)
        new.children, new.child_ages = old.children, old.child_ages
        self.remove_room(order, old)
        return new

    def add_room(self, order: Order, stay: Stay) -> Line:
        """One more room. Raises NoRoomError."""
        state = self.state
        wish = _wish(stay)
        id_room = self._rooms([wish], overbook=False)[0, 0]
        rate = order.conversion_rate
        add_lines(state, order, [self._planned(stay, wish, id_room, rate)])
        order.date_upd = state.now()
        return state.lines[order.lines[-1]]

    def remove_room(self, order: Order, line: Line) -> None:
        """Delete a room line; nothing of it remains."""
        count_line(order, line, -1)
        self.state.remove_line(line)
        write_details(self.state, order)
        order.date_upd = self.state.now()

    def cancel(self, order: Order) -> None:
        """Cancel the whole order."""
        enter_state(self.state, order, CANCELED)

    def refund(self, order: Order) -> None:
        """Refund the whole order: the rooms are free, the lines are not marked cancelled."""
        enter_state(self.state, order, REFUNDED)

    def cancel_room(self, line: Line) -> None:
        """Cancel one room of several; state and totals of the order stay [460]."""
        self.state.release(line)
        line.is_refunded = line.is_cancelled = 1
        line.date_upd = self.state.now()

    def uncancel(self, order: Order) -> None:
        """Half of it is all that works: the order awaits payment, its lines stay cancelled and hold nothing [241]."""
        enter_state(self.state, order, AWAITING)

    def revive_line(self, line: Line) -> None:
        """Make a cancelled line hold its room again, whoever has it by now."""
        line.is_refunded = line.is_cancelled = 0
        self.state.hold(line)
        line.date_upd = self.state.now()

    def check_in(self, line: Line) -> None:
        """The guest is in the house; stamps the line alone [265]."""
        self._set_status(line, CHECKED_IN)
        line.check_in = self.state.now()

    def check_out(self, line: Line) -> None:
        """The guest has left; the nights after today are free again [274]."""
        state = self.state
        state.release(line)
        line.id_status = CHECKED_OUT
        line.check_out = line.date_upd = state.now()
        if line.check_in == NO_STAMP:
            line.check_in = line.date_from
        state.hold(line)

    def _set_status(self, line: Line, status: int) -> None:
        line.id_status = status
        line.date_upd = self.state.now()

    def move_room(self, line: Line, id_room: int) -> None:
        """Reallocation to another room of the same type; stamps the line alone [266]. Raises NoRoomError."""
        state = self.state
        nights = state.held_nights(line)
        if not state.is_free(id_room, nights.start, nights.stop):
            raise NoRoomError(f"room {id_room} is taken")
        self._seat(line, id_room)

    def swap_rooms(self, left: Line, right: Line) -> None:
        """Two guests change rooms; stamps both lines."""
        room = left.id_room
        self._seat(left, right.id_room)
        self._seat(right, room)

    def _seat(self, line: Line, id_room: int) -> None:
        state = self.state
        state.release(line)
        line.id_room = id_room
        line.room_num = state.hotel_rooms[id_room]["room_num"]
        line.date_upd = state.now()
        state.hold(line)

    def take_payment(self, order: Order, amount: Decimal | int | str, *, transaction_id: str = "") -> None:
        """Record a payment; stamps the order."""
        pay(self.state, order, Decimal(amount), method=order.payment, transaction_id=transaction_id)

    def mark_paid(self, order: Order) -> None:
        """Complete payment received."""
        enter_state(self.state, order, PAID)

    def edit_customer(self, customer: Customer, **fields: str) -> None:
        """Edit a guest; stamps the customer alone. Fields are those of the wire, e-mail included."""
        old_email = customer.email
        for name, value in fields.items():
            if name not in self.state.resources["customers"].by_name:
                raise ValueError(f"customers have no {name}")
            setattr(customer, name, value)
        if customer.email != old_email:
            self.state.reindex_email(customer, old_email)
        customer.date_upd = self.state.now()

    def staff_message(self, order: Order, text: str) -> None:
        """A message to the order; stamps nothing and only appears in ``remarks``."""
        order.remarks = (*order.remarks, text)

    def close_room(self, id_room: int, *, active: bool = False) -> None:
        """Take a room out of sale for all dates, or put it back."""
        row = self.state.hotel_rooms[id_room]
        row["id_status"] = 1 if active else 2
        row["date_upd"] = self.state.now()

    def set_price(self, id_type: int, price: Decimal | int | str) -> None:
        """Change the base price of a room type, without tax."""
        row = self.state.room_types[id_type]
        row["price"] = Decimal(price)
        row["date_upd"] = self.state.now()

    def charge(self, line: Line, price: Decimal | int | str) -> None:
        """Another price for a room's stay, without tax; stamps line and order [249]."""
        state = self.state
        order = state.orders[line.id_order]
        count_line(order, line, -1)
        percent = tax_percent(state, line.id_product)
        line.total_price_tax_excl, line.total_price_tax_incl = as_sold(Decimal(price), percent)
        line.date_upd = state.now()
        count_line(order, line)
        write_details(state, order)
        order.date_upd = line.date_upd

    def import_bookings(self, bookings: Iterable[tuple[Guest, Stay, str]]) -> int:
        """Book many, each (guest, stay, source), skipping what has no room; returns how many were booked."""
        count = 0
        for guest, stay, source in bookings:
            try:
                self.book(stay, guest=guest, source=source)
            except NoRoomError:
                continue
            count += 1
        return count


def _iso(day: date | str) -> str:
    return day.isoformat() if isinstance(day, date) else day[:10]


def _wish(stay: Stay) -> StayWish:
    checkin, checkout = _iso(stay.checkin), _iso(stay.checkout)
    rooms = [RoomWish(given=True, id_room=stay.id_room) for _ in range(stay.rooms)]
    return StayWish(stay.id_type, checkin, checkout, ordinal(checkin), ordinal(checkout), rooms)


__all__ = ["ZERO", "BackOffice", "Guest", "NoRoomError", "Stay"]
